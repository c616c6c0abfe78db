/* SPDX-License-Identifier: Apache-2.0 */
/* What a correct file becomes: defaults, values, includes, secrets, the canonical text; and the
 * files that ship. CONFIG_DIR is the repository's config/. */
#include "conf/conf_private.h"

#include "base/mem.h"
#include "../unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY_MS 86400000LL

static void print_faults(const struct conf_faults *faults)
{
    for (size_t i = 0; i < faults->n; i++) {
        struct buf b = BUF_INIT;

        conf_fault_format(&faults->items[i], &b);
        print_message("%s\n", b.ptr);
        buf_deinit(&b);
    }
}

static struct conf *parse(struct str text)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL;
    int r = conf_parse(text, "f", &conf, &faults);

    print_faults(&faults);
    assert_int_equal(r, 0);
    conf_faults_deinit(&faults);
    return conf;
}

static struct conf *load(const char *path)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL;
    int r = conf_load(path, &conf, &faults);

    print_faults(&faults);
    assert_int_equal(r, 0);
    conf_faults_deinit(&faults);
    return conf;
}

static void assert_str(struct str got, const char *expected)
{
    if (!str_eq(got, str_of(expected))) {
        print_message("got '%.*s'\n", STR_ARG(got));
        fail_msg("expected '%s'", expected);
    }
}

static void test_defaults(void **state)
{
    struct conf *conf = parse(STR("log: {}\n"));

    (void)state;
    assert_str(conf->path, "f");
    assert_str(conf->deployment, "engaged");
    assert_str(conf->organisation, "the organisation");
    assert_false(conf->kafka.is_given);
    assert_int_equal(conf->kafka.n_properties, 0);
    assert_str(conf->kafka.group_id, "engaged");
    assert_false(conf->kafka.has_group_id);
    assert_int_equal(conf->kafka.n_events, 1);
    assert_str(conf->kafka.events[0], "interactions");
    assert_str(conf->kafka.triggers, "engagement-triggers");
    assert_str(conf->kafka.dead_letters, "engagement-dead-letters");
    assert_false(conf->redis.is_given);
    assert_str(conf->redis.url, "redis://localhost:6379/0");
    assert_str(conf->redis.prefix, "engaged");
    assert_int_equal(conf->redis.user.len + conf->redis.password.len, 0);
    assert_int_equal(conf->delivery, CONF_DELIVERY_EXACTLY_ONCE);
    assert_int_equal(conf->checkpoint_interval_ms, 1000);
    assert_int_equal(conf->lateness_ms, 0);
    assert_int_equal(conf->idle_after_ms, 30000);
    assert_int_equal(conf->future_limit_ms, 300000);
    assert_true(conf->ticks);
    assert_int_equal(conf->memory_bytes, 2LL << 30);
    assert_int_equal(conf->forget_after_ms, 560 * DAY_MS);
    assert_int_equal(conf->event_max_bytes, 1 << 20);
    assert_int_equal(conf->event_max_depth, 64);
    assert_str(conf->http_host, "127.0.0.1");
    assert_int_equal(conf->http_port, 9464);
    assert_int_equal(conf->log_level, CONF_LOG_INFO);
    assert_int_equal(conf->log_format, CONF_LOG_LOGFMT);
    assert_int_equal(conf->spec.dedup_events, 64);
    assert_int_equal(conf->spec.dedup_horizon_ms, 3600000);
    assert_int_equal(conf->spec.answered_by, ANSWERED_BY_BOTH);
    assert_false(conf->spec.automatic_answers);
    assert_int_equal(conf->spec.derived->keep, 0);
    assert_int_equal(conf->spec.derived->half_life_ms, derived_defaults.half_life_ms);
    assert_int_equal(conf->spec.derived->pressure_window_ms, derived_defaults.pressure_window_ms);
    assert_int_equal(conf->spec.derived->cadence_floor_ms, derived_defaults.cadence_floor_ms);
    assert_int_equal(conf->spec.derived->cadence_prior_ms, derived_defaults.cadence_prior_ms);
    assert_true(conf->spec.derived->cadence_weight == derived_defaults.cadence_weight);
    assert_int_equal(conf->spec.derived->n_kinds, 0);
    assert_int_equal(conf->spec.derived->n_dimensions, derived_defaults.n_dimensions);
    conf_free(conf);
}

static const struct verb_spec *find_verb(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->spec.n_verbs; i++)
        if (str_eq(conf->spec.verbs[i].name, str_of(name)))
            return &conf->spec.verbs[i];
    fail_msg("no verb %s", name);
    return NULL;
}

static void test_shipped(void **state)
{
    struct conf *conf = parse(STR("log: {}\n"));

    (void)state;
    assert_true(find_verb(conf, "question")->expects_reply);
    assert_true(find_verb(conf, "question")->weight == 1.5);
    assert_true(find_verb(conf, "complaint")->expects_reply);
    assert_true(find_verb(conf, "complaint")->weight == 2);
    assert_true(find_verb(conf, "message")->expects_reply);
    assert_false(find_verb(conf, "reply")->expects_reply);
    assert_true(find_verb(conf, "view")->weight == 0.1);
    assert_str(conf->spec.metrics[0].name, "involvement");
    assert_int_equal(conf->spec.metrics[0].reach, REACH_HALF_LIFE);
    assert_int_equal(conf->spec.metrics[0].reach_ms, 7 * DAY_MS);
    assert_str(conf->spec.rules[0].name, "reply-overdue");
    assert_int_equal(conf->spec.rules[0].kind, RULE_OWED);
    assert_int_equal(conf->spec.rules[0].owed_after_ms, 4 * 3600000);
    assert_str(conf->spec.rules[0].route, "service");
    assert_int_equal(model_n_metrics(conf->model), conf->spec.n_metrics);
    assert_int_equal(model_n_rules(conf->model), conf->spec.n_stages + conf->spec.n_rules);
    conf_free(conf);
}

static void test_values(void **state)
{
    struct conf *conf =
        parse(STR("deployment: eu-1\n"
                  "kafka:\n"
                  "  properties: {z: 1, bootstrap.servers: 'a:1,b:2', group.id: g, a: true}\n"
                  "  topics: {events: [in.v1, in.v2], triggers: out, dead_letters: dead}\n"
                  "redis: {url: 'unix:///run/r.sock', prefix: 'p:q', user: u}\n"
                  "delivery: at-least-once\n"
                  "checkpoint: {interval: 250ms}\n"
                  "time: {lateness: 1h30m, idle_after: 5s, future_limit: 1d, ticks: No}\n"
                  "state: {memory: 64MiB, forget_after: 2w}\n"
                  "limits: {event_bytes: 65536, event_depth: 16}\n"
                  "dedup: {events: 8, horizon: 10m}\n"
                  "verbs: {wave: {weight: -0.5}, call: {expects_reply: TRUE}}\n"
                  "metrics:\n"
                  "  m: {mean: 'value', where: 'has(value)', window: 36h}\n"
                  "  n: {count: on}\n"
                  "reciprocity: {answered_by: reply, automatic: answers}\n"
                  "derived: {half_life: 1d, pressure_window: 2d, keep: [tie, reply],\n"
                  "  dimensions: [joy], cadence: {floor: 1m, prior: 3d, weight: 1.5,\n"
                  "  kinds: {vip: 12h}}}\n"
                  "rules:\n"
                  "  - {name: r, enter: m > 1.0, exit: m < 0.5, for: 10m, cooldown: 1d,\n"
                  "     severity: critical, route: sales, action: 'Call {{stakeholder}}'}\n"
                  "  - {name: s, owed: {by: stakeholder, after: 30d}}\n"
                  "http: {listen: '[::1]:0'}\n"
                  "log: {level: error, format: json}\n"
                  "ingest: {repartition: on, partitions: 48, replication: 3, retention: 90d}\n"));
    const struct rule_spec *r = conf->spec.rules;

    (void)state;
    assert_int_equal(conf->kafka.n_properties, 4);
    assert_str(conf->kafka.properties[0].key, "z");
    assert_str(conf->kafka.properties[3].key, "a");
    assert_str(conf->kafka.properties[3].value, "true");
    assert_str(conf->kafka.group_id, "g");
    assert_true(conf->kafka.has_group_id);
    assert_int_equal(conf->kafka.n_events, 2);
    assert_str(conf->kafka.events[1], "in.v2");
    assert_true(conf->ingest.repartition);
    assert_str(conf->ingest.topic, "eu-1-repartition");
    assert_int_equal(conf->ingest.partitions, 48);
    assert_int_equal(conf->ingest.replication, 3);
    assert_int_equal(conf->ingest.retention_ms, 90 * 86400000LL);
    assert_str(conf->kafka.events[0], "in.v1");
    assert_str(conf->kafka.dead_letters, "dead");
    assert_str(conf->redis.url, "unix:///run/r.sock");
    assert_str(conf->redis.prefix, "p:q");
    assert_str(conf->redis.user, "u");
    assert_int_equal(conf->delivery, CONF_DELIVERY_AT_LEAST_ONCE);
    assert_int_equal(conf->checkpoint_interval_ms, 250);
    assert_int_equal(conf->lateness_ms, 5400000);
    assert_int_equal(conf->spec.lateness_ms, 5400000);
    assert_int_equal(conf->idle_after_ms, 5000);
    assert_int_equal(conf->future_limit_ms, DAY_MS);
    assert_false(conf->ticks);
    assert_int_equal(conf->memory_bytes, 64 << 20);
    assert_int_equal(conf->forget_after_ms, 14 * DAY_MS);
    assert_int_equal(conf->event_max_bytes, 65536);
    assert_int_equal(conf->event_max_depth, 16);
    assert_int_equal(conf->spec.dedup_events, 8);
    assert_int_equal(conf->spec.dedup_horizon_ms, 600000);
    assert_str(conf->spec.deployment, "eu-1");
    assert_true(find_verb(conf, "wave")->weight == -0.5);
    assert_true(find_verb(conf, "call")->weight == 1);
    assert_true(find_verb(conf, "call")->expects_reply);
    assert_int_equal(conf->spec.metrics[0].aggregate, AGGREGATE_MEAN);
    assert_int_equal(conf->spec.metrics[0].reach_ms, 36 * 3600000);
    assert_int_equal(conf->spec.metrics[1].aggregate, AGGREGATE_COUNT);
    assert_int_equal(conf->spec.metrics[1].reach, REACH_EVER);
    assert_int_equal(conf->spec.answered_by, ANSWERED_BY_REPLY);
    assert_true(conf->spec.automatic_answers);
    assert_int_equal(r[0].for_ms, 600000);
    assert_int_equal(r[0].cooldown_ms, DAY_MS);
    assert_str(r[0].severity, "critical");
    assert_str(r[0].exit, "m < 0.5");
    assert_int_equal(r[1].owed_by, SIDE_STAKEHOLDER);
    assert_str(r[1].severity, "warning");
    assert_int_equal(conf->spec.derived->keep, 1u << DERIVED_TIE | 1u << DERIVED_REPLY);
    assert_int_equal(conf->spec.derived->half_life_ms, DAY_MS);
    assert_int_equal(conf->spec.derived->pressure_window_ms, 2 * DAY_MS);
    assert_int_equal(conf->spec.derived->cadence_floor_ms, 60000);
    assert_int_equal(conf->spec.derived->cadence_prior_ms, 3 * DAY_MS);
    assert_true(conf->spec.derived->cadence_weight == 1.5);
    assert_int_equal(conf->spec.derived->n_kinds, 1);
    assert_str(conf->spec.derived->kinds[0].kind, "vip");
    assert_int_equal(conf->spec.derived->kinds[0].prior_ms, DAY_MS / 2);
    assert_int_equal(conf->spec.derived->n_dimensions, 1);
    assert_str(conf->spec.derived->dimensions[0], "joy");
    assert_str(conf->http_host, "::1");
    assert_int_equal(conf->http_port, 0);
    assert_int_equal(conf->log_format, CONF_LOG_JSON);
    conf_free(conf);
}

/* ---- the canonical text ---- */

static void assert_canonical(const struct conf *conf)
{
    struct conf *again = parse(conf->text);

    assert_true(str_eq(conf->text, again->text));
    assert_string_equal(conf->hash, again->hash);
    assert_int_equal(conf->spec.n_rules, again->spec.n_rules);
    for (size_t i = 0; i < conf->spec.n_rules; i++)
        assert_true(
            str_eq(model_rule_version(conf->model, i), model_rule_version(again->model, i)));
    conf_free(again);
}

static void test_text_reads_back(void **state)
{
    struct conf *conf =
        parse(STR("organisation: \"a\\tb \\\\ \\\"c\\\" \\u2028 \\x85 \xf0\x9f\x98\x80 : #\"\n"
                  "time: {lateness: 1500ms, future_limit: 0s}\n"
                  "verbs: {'a: b': {weight: 0.1}, \"\xc3\xa9\": {}}\n"
                  "metrics:\n"
                  "  m:\n    sum: |\n      weight\n      + 1.0  // a comment\n"
                  "  n: {mean: sentiment, where: \"verb == 'x\\\\n\\\"'\", half_life: 1500ms}\n"
                  "  o: {distinct: channel, window: 7d}\n"
                  "  p: {distinct_days: yes, where: resolves}\n"
                  "  q: {sum: weight, window: 1d, cap: {per: week, at: 1e-1}}\n"
                  "  s: {sum: weight, cap: {per: 90m, at: 1e12}}\n"
                  "derived: {half_life: 36h, keep: [silent, cadence], dimensions: [joy, joy2],\n"
                  "  cadence: {weight: 2.25, kinds: {'a \"b\"': 90m, c: 1d}}}\n"
                  "rules:\n  - {name: r, enter: m > 1e-7 || cadence.ratio > 3.0, for: 90s}\n"));
    struct conf *none =
        parse(STR("verbs: {}\nmetrics: {}\nrules: []\nderived: {dimensions: []}\n"));

    (void)state;
    assert_canonical(conf);
    assert_canonical(none);
    conf_free(conf);
    conf_free(none);
}

static void test_text_is_exact(void **state)
{
    static const char expected[] =
        "deployment: \"engaged\"\n"
        "organisation: \"the organisation\"\n"
        "time: {lateness: 90s, future_limit: 5m}\n"
        "state: {forget_after: 400d}\n"
        "limits: {event_bytes: 1048576, event_depth: 64}\n"
        "reciprocity: {answered_by: both, automatic: acknowledges}\n"
        "dedup: {events: 64, horizon: 1h}\n"
        "retraction: {within: 0s}\n"
        "flood: {triggers: 10000, per: 1m}\n"
        "evidence: {events: 3}\n"
        "verbs:\n"
        "  \"a\": {weight: 2.5, expects_reply: on}\n"
        "derived: {half_life: 36h, pressure_window: 7d, keep: [reply, turns], dimensions: "
        "[\"joy\", \"woe\"], cadence: {floor: 1h, prior: 7d, weight: 2, kinds: {\"x y\": 1d}}}\n"
        "metrics:\n"
        "  \"m\": {sum: \"weight\", where: \"verb == \\\"a\\\"\", half_life: 7d}\n"
        "  \"n\": {min: \"weight\"}\n"
        "  \"o\": {max: \"weight\"}\n"
        "  \"p\": {last: \"weight\", window: 2d}\n"
        "  \"q\": {distinct: \"channel\"}\n"
        "  \"r\": {distinct_days: on, window: 28d}\n"
        "  \"s\": {sum: \"weight\", window: 28d, cap: {per: 1d, at: 2.5}}\n"
        "  \"t\": {sum: \"weight\", cap: {per: week, at: 10}}\n"
        "rules:\n"
        "  - {name: \"r\", enter: \"m > 1.0\", exit: \"m < 0.5\", for: 1h, cooldown: 1d, severity: "
        "info, route: \"sales\", action: \"Call\"}\n"
        "  - {name: \"s\", owed: {by: organisation, after: 4h}, severity: warning}\n"
        "stages: []\n"
        "silences: []\n"
        "sources: []\n";
    struct conf *conf =
        parse(STR("redis: {url: 'redis://user:hunter2@localhost', password: hunter2}\n"
                  "kafka: {properties: {bootstrap.servers: b, sasl.password: hunter2}}\n"
                  "time: {lateness: 90s, ticks: off}\nhttp: {listen: '127.0.0.1:1'}\n"
                  "verbs: {a: {weight: 2.50, expects_reply: yes}}\n"
                  "derived: {cadence: {kinds: {x y: 24h}}, keep: [turns, reply],\n"
                  "  dimensions: [joy, woe], half_life: 36h}\n"
                  "metrics:\n"
                  "  m: {sum: weight, where: verb == \"a\", half_life: 168h}\n"
                  "  n: {min: weight}\n  o: {max: weight}\n  p: {last: weight, window: 48h}\n"
                  "  q: {distinct: channel}\n  r: {distinct_days: true, window: 4w}\n"
                  "  s: {sum: weight, window: 4w, cap: {at: 2.50, per: day}}\n"
                  "  t: {sum: weight, cap: {per: week, at: 10}}\n"
                  "rules:\n"
                  "  - {name: r, enter: m > 1.0, exit: m < 0.5, for: 60m, cooldown: 24h,\n"
                  "     severity: info, route: sales, action: Call}\n"
                  "  - {name: s, owed: {by: organisation, after: 4h}}\n"));

    (void)state;
    assert_str(conf->text, expected);
    assert_null(memmem(conf->text.ptr, conf->text.len, "hunter2", 7));
    conf_free(conf);
}

/* What is local to a process leaves the hash alone; what decides changes it. */
static void test_hash(void **state)
{
    static const char *const local[] = {
        "redis: {url: 'redis://elsewhere:1/2', prefix: x}\n",
        "kafka: {properties: {bootstrap.servers: x, group.id: y}}\n",
        "http: {listen: '0.0.0.0:1'}\n",
        "log: {level: debug}\n",
        "state: {memory: 1GiB}\n",
        "checkpoint: {interval: 5s}\n",
        "time: {ticks: off, idle_after: 1m}\n",
    };
    static const char *const deciding[] = {
        "deployment: other\n",
        "time: {lateness: 1s}\n",
        "time: {future_limit: 1s}\n",
        "state: {forget_after: 1d}\n",
        "limits: {event_depth: 8}\n",
        "dedup: {events: 3}\n",
        "reciprocity: {answered_by: reply}\n",
        "reciprocity: {automatic: answers}\n",
        "verbs: {}\n",
        "rules: []\n",
        "derived: {half_life: 1d}\n",
        "derived: {pressure_window: 1d}\n",
        "derived: {keep: [tie]}\n",
        "derived: {dimensions: [advocacy]}\n",
        "derived: {cadence: {floor: 2h}}\n",
        "derived: {cadence: {prior: 1d}}\n",
        "derived: {cadence: {weight: 3}}\n",
        "derived: {cadence: {kinds: {vip: 1d}}}\n",
    };
    struct conf *base = parse(STR("log: {}\n"));

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(local); i++) {
        struct conf *conf = parse(str_of(local[i]));

        assert_string_equal(conf->hash, base->hash);
        conf_free(conf);
    }
    for (size_t i = 0; i < ARRAY_SIZE(deciding); i++) {
        struct conf *conf = parse(str_of(deciding[i]));

        assert_string_not_equal(conf->hash, base->hash);
        conf_free(conf);
    }
    conf_free(base);
}

/* ---- files ---- */

static char dir[64];

static void write_file(const char *name, const char *text)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int make_dir(void **state)
{
    char sub[80];

    (void)state;
    strcpy(dir, "/tmp/engaged-conf.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(sub, sizeof(sub), "%s/sub", dir);
    return mkdir(sub, 0700);
}

static void remove_all(const char *path)
{
    DIR *d = opendir(path);

    for (struct dirent *e; d && (e = readdir(d));) {
        char inner[512];

        if (e->d_name[0] == '.')
            continue;
        snprintf(inner, sizeof(inner), "%s/%s", path, e->d_name);
        if (unlink(inner))
            remove_all(inner);
    }
    if (d)
        closedir(d);
    (void)rmdir(path);
}

static int remove_dir(void **state)
{
    (void)state;
    remove_all(dir);
    return 0;
}

/* The faults of a file in `dir`, with the folder's own name taken out. */
static void assert_file_faults(const char *name, const char *expected)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct buf out = BUF_INIT, text = BUF_INIT;
    struct conf *conf = NULL;
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(conf_load(path, &conf, &faults), CONF_E_FAULTS);
    assert_null(conf);
    for (size_t i = 0; i < faults.n; i++) {
        conf_fault_format(&faults.items[i], &text);
        buf_add_char(&text, '\n');
    }
    for (size_t i = 0; i < text.len;) {
        bool is_dir = !strncmp(text.ptr + i, dir, strlen(dir));

        if (!is_dir)
            buf_add_char(&out, text.ptr[i]);
        i += is_dir ? strlen(dir) + 1 : 1;
    }
    assert_string_equal(out.ptr, expected);
    buf_deinit(&out);
    buf_deinit(&text);
    conf_faults_deinit(&faults);
}

static struct conf *load_in_dir(const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return load(path);
}

static void test_include(void **state)
{
    struct conf *conf;

    (void)state;
    write_file("main.yaml", "include: [sub/one.yaml, sub/two.yaml]\n"
                            "deployment: main\ntime: {lateness: 3s}\n");
    write_file("sub/one.yaml", "include: [three.yaml]\ndeployment: one\norganisation: One\n"
                               "metrics: {a: {count: true}}\nlog: {level: debug}\n");
    write_file("sub/two.yaml", "organisation: Two\ntime: {lateness: 2s, ticks: off}\n");
    write_file("sub/three.yaml", "log: {level: error, format: json}\n"
                                 "rules: [{name: r, enter: a > 1}]\n");
    conf = load_in_dir("main.yaml");
    assert_str(conf->deployment, "main");
    assert_str(conf->organisation, "Two");
    assert_int_equal(conf->lateness_ms, 3000);
    /* A section is replaced whole. */
    assert_true(conf->ticks);
    assert_int_equal(conf->log_level, CONF_LOG_DEBUG);
    assert_int_equal(conf->log_format, CONF_LOG_LOGFMT);
    assert_int_equal(conf->spec.n_rules, 1);
    assert_int_equal(conf->spec.n_metrics, 1);
    assert_canonical(conf);
    conf_free(conf);
}

static void test_include_faults(void **state)
{
    char name[32], text[64];

    (void)state;
    write_file("main.yaml", "include: [sub/bad.yaml, gone.yaml, [x], '']\nqux: 1\n");
    write_file("sub/bad.yaml", "rules:\n  - {name: 1 2}\nbar: 1\n");
    assert_file_faults("main.yaml", "main.yaml:1:25: include: gone.yaml No such file or directory\n"
                                    "main.yaml:1:36: include: expected one value, not a list\n"
                                    "main.yaml:1:41: include: no file name\n"
                                    "main.yaml:2:1: unknown key 'qux': leave it out\n"
                                    "sub/bad.yaml:3:1: unknown key 'bar': leave it out\n");
    write_file("sub/bad.yaml", "rules:\n  - {name: a, enter: nosuch > 1.0}\n");
    write_file("main.yaml", "include: [sub/bad.yaml]\nmetrics: {nosuch: {count: 1}}\n");
    assert_file_faults("main.yaml",
                       "main.yaml:2:27: count: expected on or off, without quotes, not '1'\n");
    write_file("main.yaml", "include: main.yaml\n");
    assert_file_faults("main.yaml",
                       "main.yaml:1:10: include: expected a list of files: write [FILE]\n");
    write_file("main.yaml", "include: [sub/../sub/loop.yaml]\n");
    write_file("sub/loop.yaml", "include: [../main.yaml]\n");
    assert_file_faults("main.yaml", "sub/../sub/loop.yaml:1:11: include: sub/../sub/../main.yaml "
                                    "includes itself: leave it out\n");
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof(name), "deep%d.yaml", i);
        snprintf(text, sizeof(text), "include: [deep%d.yaml]\n", i + 1);
        write_file(name, text);
    }
    write_file("deep12.yaml", "log: {}\n");
    assert_file_faults("deep0.yaml", "deep8.yaml:1:11: include: deep9.yaml is one file too many: "
                                     "at most 8 deep, and 64 in all\n");
    assert_file_faults("none.yaml", "none.yaml: No such file or directory\n");
    assert_file_faults("sub", "sub: Is a directory\n");
}

/* ---- the daemon's ---- */

static void assert_daemon_faults(struct conf *conf, const char *expected)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct buf out = BUF_INIT;

    assert_int_equal(conf_require_daemon(conf, &faults), *expected ? CONF_E_FAULTS : 0);
    buf_add_str(&out, STR(""));
    for (size_t i = 0; i < faults.n; i++) {
        conf_fault_format(&faults.items[i], &out);
        buf_add_char(&out, '\n');
    }
    assert_string_equal(out.ptr, expected);
    buf_deinit(&out);
    conf_faults_deinit(&faults);
}

static void test_require_daemon(void **state)
{
    struct conf *conf = parse(STR("log: {}\n"));

    (void)state;
    assert_daemon_faults(
        conf, "f: no `kafka` section, which `engaged run` needs: write kafka: {properties: "
              "{bootstrap.servers: \"localhost:9092\"}}\n"
              "f: no `redis` section, which `engaged run` needs: write redis: {url: "
              "\"redis://localhost:6379/0\"}\n");
    conf_free(conf);
    conf = load(CONFIG_DIR "/minimal.yaml");
    assert_daemon_faults(conf, "");
    conf_free(conf);
}

#define DAEMON(redis, sasl)                                                                        \
    STR("redis: {" redis "}\nkafka: {properties: {bootstrap.servers: b, sasl.password: " sasl      \
        ", sasl.username: $u}}\n")

static void test_secrets(void **state)
{
    struct conf *conf;
    struct buf text = BUF_INIT;

    (void)state;
    setenv("ENGAGED_TEST_SECRET", "from the environment", 1);
    unsetenv("ENGAGED_TEST_NONE");
    conf = parse(DAEMON("password: $ENGAGED_TEST_SECRET", "$$plain"));
    assert_int_equal(conf->redis.password.len, 0);
    assert_daemon_faults(conf, "");
    assert_str(conf->redis.password, "from the environment");
    assert_str(conf->kafka.properties[1].value, "$plain");
    assert_str(conf->kafka.properties[2].value, "$u");
    conf_free(conf);

    conf = parse(DAEMON("password: $ENGAGED_TEST_NONE", "$ENGAGED_TEST_SECRET"));
    assert_daemon_faults(conf, "f:1:19: the environment has no such variable: set it, or write $$ "
                               "for a secret that begins with $\n");
    assert_str(conf->kafka.properties[1].value, "from the environment");
    conf_free(conf);

    write_file("secret", "from a file\r\nmore\n");
    buf_addf(&text, "redis: {password_file: %s/secret}\n", dir);
    buf_add_str(&text, STR("kafka: {properties: {bootstrap.servers: b}}\n"));
    conf = parse(buf_str(&text));
    assert_daemon_faults(conf, "");
    assert_str(conf->redis.password, "from a file");
    write_file("secret", "\nhunter2\n");
    buf_reset(&text);
    buf_addf(&text,
             "f:1:24: password_file: the first line of %s/secret must have 1 to 4096 bytes\n", dir);
    assert_daemon_faults(conf, text.ptr);
    write_file("secret", "");
    buf_reset(&text);
    buf_addf(&text, "f:1:24: password_file: %s/secret cannot be read: it is empty\n", dir);
    assert_daemon_faults(conf, text.ptr);
    conf_free(conf);
    buf_deinit(&text);

    conf = parse(DAEMON("password_file: /nosuch/secret", "x"));
    assert_daemon_faults(conf, "f:1:24: password_file: /nosuch/secret cannot be read: No such file "
                               "or directory\n");
    conf_free(conf);
}

/* ---- the shipped files ---- */

static void read_whole(const char *path, struct buf *ret_text)
{
    FILE *f = fopen(path, "r");
    size_t n;

    assert_non_null(f);
    do {
        char *to = buf_reserve(ret_text, 4096);

        n = fread(to, 1, 4096, f);
        buf_advance(ret_text, n);
    } while (n);
    fclose(f);
}

static void test_every_shipped_file_loads(void **state)
{
    DIR *d = opendir(CONFIG_DIR);
    int n = 0;

    (void)state;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char path[512];
        struct conf *conf;

        if (e->d_name[0] == '.' || !strstr(e->d_name, ".yaml"))
            continue; /* config/tests has files of another kind; for presets see test_presets */
        snprintf(path, sizeof(path), "%s/%s", CONFIG_DIR, e->d_name);
        conf = load(path);
        assert_canonical(conf);
        conf_free(conf);
        n++;
    }
    closedir(d);
    assert_true(n >= 4);
}

/* In use, or commented out where two exclude each other. */
static void assert_shown(const struct conf_node *node, struct str text, const char *key)
{
    struct buf commented = BUF_INIT;

    buf_addf(&commented, "# %s: ", key);
    if (!conf_map_get(node, key) && !memmem(text.ptr, text.len, commented.ptr, commented.len))
        fail_msg("config/engaged.yaml does not show '%s'", key);
    buf_deinit(&commented);
}

/* Some element of a list or mapping shows it. */
static void assert_shown_by_any(const struct conf_node *node, const char *key)
{
    for (size_t i = 0; i < node->n; i++) {
        const struct conf_node *element =
            node->type == CONF_NODE_MAP ? conf_map_value(node, i) : node->items[i];

        if (conf_map_get(element, key))
            return;
    }
    fail_msg("config/engaged.yaml does not show '%s'", key);
}

static int n_shown;

static void assert_all_shown(const struct conf_key *keys, const struct conf_node *node,
                             struct str text)
{
    for (const struct conf_key *key = keys; key->name; key++) {
        const struct conf_node *value = conf_map_get(node, key->name);

        if (key->type == CONF_LATER)
            continue;
        assert_shown(node, text, key->name);
        assert_non_null(key->help);
        n_shown++;
        if (key->type == CONF_MAP)
            assert_all_shown(key->keys, value, text);
        for (const struct conf_key *k = key->type == CONF_CUSTOM ? key->keys : NULL; k && k->name;
             k++) {
            if (k->type != CONF_LATER)
                assert_shown_by_any(value, k->name);
            n_shown += k->type != CONF_LATER;
        }
    }
}

static void test_example_shows_every_key(void **state)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct buf text = BUF_INIT;
    struct conf_doc *doc;

    (void)state;
    read_whole(CONFIG_DIR "/engaged.yaml", &text);
    doc = conf_doc_new("engaged.yaml", &text, &faults);
    assert_non_null(doc->root);
    assert_all_shown(conf_keys_root, doc->root, buf_str(&doc->text));
    assert_true(n_shown > 50);
    conf_doc_free(doc);
    conf_faults_deinit(&faults);
}

/* Past the first two characters of a comment: to YAML one cut there is as good as another. */
static bool is_within_comment(const char *text, size_t n)
{
    size_t i = n;

    while (i && text[i - 1] != '\n' && text[i - 1] != '#')
        i--;
    return i && text[i - 1] == '#' && n > i + 1;
}

/* Refused or loaded, one of them. */
static bool is_prefix_loaded(const char *text, size_t n)
{
    /* A block of its own size: a byte too far is found. */
    char *copy = mem_strndup(text, n);
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL;
    int r = conf_parse((struct str){copy, n}, "f", &conf, &faults);

    assert_int_equal(r, faults.n ? CONF_E_FAULTS : 0);
    conf_faults_deinit(&faults);
    conf_free(conf);
    mem_free(copy);
    return !r;
}

/* Any prefix is refused or loaded, and leaks nothing. */
static void test_truncated_at_every_byte(void **state)
{
    struct buf text = BUF_INIT;
    size_t n_loaded = 0, n_cuts = 0;

    (void)state;
    read_whole(CONFIG_DIR "/engaged.yaml", &text);
    for (size_t n = 0; n < text.len; n++) {
        if (is_within_comment(text.ptr, n))
            continue;
        n_cuts++;
        n_loaded += is_prefix_loaded(text.ptr, n);
    }
    assert_in_range(n_cuts, text.len / 4, text.len);
    assert_in_range(n_loaded, n_cuts / 10, n_cuts - 1);
    buf_deinit(&text);
}

/* As the reference implementation writes its own configuration. */
static void test_reference_configuration(void **state)
{
    struct conf *conf = parse(
        STR("deployment: oracle\norganisation: oracle\n\ntime: {lateness: 0s, ticks: off}\n"
            "metrics:\n"
            "  involvement: {sum: 'direction == \"inbound\" ? 1.0 : direction == \"outbound\" ? "
            "1.0 : 1.0', half_life: 604800s}\n"
            "  in_1h: {count: true, where: 'direction == \"inbound\"', window: 1h}\n"
            "reciprocity:\n  answered_by: both\n"
            "rules:\n"
            "  - name: overdue-6h\n    owed: {by: organisation, after: 21600s}\n"
            "    severity: warning\n    route: service\n"
            "  - name: involved\n    enter: 'involvement >= 5.0'\n    exit: 'involvement <= 3.0'\n"
            "    severity: info\n    route: sales\n"));

    (void)state;
    assert_int_equal(conf->spec.metrics[0].reach_ms, 7 * DAY_MS);
    assert_int_equal(conf->spec.rules[0].owed_after_ms, 6 * 3600000);
    conf_free(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_shipped),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_text_reads_back),
        cmocka_unit_test(test_text_is_exact),
        cmocka_unit_test(test_hash),
        cmocka_unit_test_setup_teardown(test_include, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_include_faults, make_dir, remove_dir),
        cmocka_unit_test(test_require_daemon),
        cmocka_unit_test_setup_teardown(test_secrets, make_dir, remove_dir),
        cmocka_unit_test(test_every_shipped_file_loads),
        cmocka_unit_test(test_example_shows_every_key),
        cmocka_unit_test(test_truncated_at_every_byte),
        cmocka_unit_test(test_reference_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
