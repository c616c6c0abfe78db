/* SPDX-License-Identifier: Apache-2.0 */
/* `engaged check`: the exact words for a small file, for a broken one, and every warning. */
#include "app/check.h"
#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];

static int make_path(void **state)
{
    (void)state;
    strcpy(path, "/tmp/engaged-check.XXXXXX");
    return close(mkstemp(path));
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

/* The report on a text, without the file's name. */
static bool check_text(const char *text, struct buf *out)
{
    struct buf raw = BUF_INIT;
    FILE *f = fopen(path, "w");
    bool ok;

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    ok = check_file(path, &raw);
    for (size_t i = 0; i < raw.len;) {
        bool is_path = !strncmp(raw.ptr + i, path, strlen(path));

        if (is_path)
            buf_add_char(out, 'F');
        else
            buf_add_char(out, raw.ptr[i]);
        i += is_path ? strlen(path) : 1;
    }
    buf_deinit(&raw);
    return ok;
}

static void test_words(void **state)
{
    static const char text[] =
        "deployment: eu\norganisation: Example\n"
        "kafka: {properties: {bootstrap.servers: b, sasl.password: hunter2}}\n"
        "redis: {url: 'redis://:hunter2@localhost', password: hunter2}\n"
        "time: {lateness: 90s}\n"
        "state: {memory: 64MiB}\n"
        "verbs: {ask: {expects_reply: on}, tell: {}}\n"
        "presets: {p: {match: {has: /a}, type: /t, id: /i, source: /s, subject: /u},\n"
        "  q: {match: {has: /a}, type: /t, id: /i, source: /s, subject: /u}}\n"
        "metrics:\n"
        "  m:\n    sum: |\n      weight\n        + 1.0\n    half_life: 36h\n"
        "  long_name: {count: true, where: verb == 'ask', window: 7d}\n"
        "  ever: {mean: sentiment}\n"
        "  low: {min: weight, window: 1h}\n  high: {max: weight}\n  now: {last: weight}\n"
        "  ways: {distinct: channel, where: resolves}\n"
        "  days: {distinct_days: on, where: resolves, window: 28d}\n"
        "  daily: {sum: weight, half_life: 7d, cap: {per: day, at: 10}}\n"
        "  weekly: {sum: weight, cap: {per: week, at: 2.5}}\n"
        "rules:\n"
        "  - {name: a, enter: m > 1.0, exit: m < 0.5, for: 1h, cooldown: 1d, severity: info,\n"
        "     route: sales, action: 'Call {{stakeholder}}'}\n"
        "  - {name: b, enter: m > 1.0}\n"
        "  - {name: c, owed: {by: organisation, after: 4h}, route: service}\n"
        "  - {name: d, owed: {by: stakeholder, after: 14d}, cooldown: 30d}\n"
        "  - {name: e, absent: {where: verb == 'ask', within: 3d}, inhibited_by: [c, d],\n"
        "     escalate_after: 1d}\n"
        "  - {name: f, expect: {after: verb == 'ask', then: verb == 'thank', within: 1d}}\n"
        "stages:\n"
        "  - {name: new, enter: 'true'}\n"
        "  - {name: keen, enter: m > 1.0, exit: m < 0.5, min_stay: 1d, route: sales}\n"
        "silences:\n"
        "  - {rule: a, kind: x, author: kim, reason: moving, until: 2026-05-01T00:00:00Z}\n";
    static const char expected[] =
        "F: correct\n"
        "\n"
        "deployment    eu, of Example\n"
        "input         topic interactions, as consumer group eu\n"
        "output        triggers to engagement-triggers, what is no valid event to "
        "engagement-dead-letters\n"
        "delivery      exactly once, for consumers that read committed\n"
        "presets       payloads of others, the first that matches: p, q\n"
        "redis         keys that begin with eu:, at most 1s behind what is published\n"
        "memory        64 MiB of stakeholders; who is silent for 400d is forgotten\n"
        "time          events up to 90s late are put in order; an input idle for 30s gets ticks\n"
        "duplicates    known by source and id among the last 64 events of a stakeholder, and for "
        "1h\n"
        "an answer is  same stakeholder, same conversation; an automatic one acknowledges only\n"
        "expect one    ask; and events that say so\n"
        "http          127.0.0.1:9464\n"
        "version       HASH: the same for processes that decide alike\n"
        "\n"
        "metrics (10), per stakeholder\n"
        "  m          the sum of `weight + 1.0` over interactions, counting half after 36h\n"
        "  long_name  how many interactions where `verb == 'ask'`, in the last 7d\n"
        "  ever       the mean of `sentiment` over interactions, since ever\n"
        "  low        the least `weight` over interactions, in the last 1h\n"
        "  high       the greatest `weight` over interactions, since ever\n"
        "  now        the latest `weight` over interactions, since ever\n"
        "  ways       how many different values of `channel` over interactions where `resolves`, "
        "since ever\n"
        "  days       on how many days there were interactions where `resolves`, in the last 28d\n"
        "  daily      the sum of `weight` over interactions, counting half after 7d; those of 1d "
        "add up to at most 10\n"
        "  weekly     the sum of `weight` over interactions, since ever; those of one week add up "
        "to at most 2.5\n"
        "\n"
        "stages (2), low to high\n"
        "  new: while `true`\n"
        "  keen: from `m > 1.0` until `m < 0.5`, for at least 1d; told to sales\n"
        "\n"
        "rules (6)\n"
        "  a: info, to sales\n"
        "    fires when `m > 1.0` has held for 1h, and not again within 1d\n"
        "    clears when `m < 0.5` holds\n"
        "    asks for: Call {{stakeholder}}\n"
        "  b: warning, to whoever reads the trigger topic\n"
        "    fires when `m > 1.0` begins to hold\n"
        "    clears when that no longer holds\n"
        "  c: warning, to service\n"
        "    fires when we owe an answer for 4h, once per obligation, whether or not any event "
        "comes\n"
        "    clears when we answer, and says how late\n"
        "  d: warning, to whoever reads the trigger topic\n"
        "    fires when they owe us an answer for 14d, once per obligation, whether or not any "
        "event comes, and not again within 30d\n"
        "    clears when they answer, and says how late\n"
        "  e: warning, to whoever reads the trigger topic\n"
        "    fires when `verb == 'ask'` has not happened for 3d\n"
        "    clears when it happens\n"
        "    held back while c or d is open for the same stakeholder\n"
        "    more severe every 1d that nobody acknowledges it\n"
        "  f: warning, to whoever reads the trigger topic\n"
        "    fires when `verb == 'thank'` has not followed upon `verb == 'ask'` within 1d\n"
        "    clears when it happens\n"
        "\n"
        "silences (1)\n"
        "  rule a, kind x: until 2026-05-01T00:00:00Z, by kim: moving\n";
    struct buf out = BUF_INIT, same = BUF_INIT;
    char *hash;

    (void)state;
    assert_true(check_text(text, &out));
    hash = strstr(out.ptr, "version       ") + strlen("version       ");
    buf_add(&same, out.ptr, (size_t)(hash - out.ptr));
    buf_add_str(&same, STR("HASH"));
    buf_add_str(&same, str_of(hash + 32));
    assert_string_equal(same.ptr, expected);
    assert_null(strstr(out.ptr, "hunter2"));
    buf_deinit(&out);
    buf_deinit(&same);
}

/* By a rule, or by name. */
static void test_repartition(void **state)
{
    struct buf out = BUF_INIT;

    (void)state;
    assert_true(check_text("deployment: eu\nkafka: {properties: {bootstrap.servers: b}, topics: "
                           "{events: [crm, desk]}}\n"
                           "ingest: {repartition: on, partitions: 1, replication: 3}\n",
                           &out));
    assert_non_null(strstr(out.ptr, "\ninput         topics crm, desk, copied by consumer group "
                                    "eu-repartition\ncopied to     topic eu-repartition, keyed by "
                                    "stakeholder, read as consumer group eu; where it has to be "
                                    "made: 1 partition, replication 3, kept for 30d\n"));
    buf_reset(&out);
    assert_true(check_text("deployment: eu\nkafka: {properties: {bootstrap.servers: b}}\n"
                           "ingest: {repartition: on}\n",
                           &out));
    assert_non_null(strstr(out.ptr, "\ninput         topic interactions, copied by "));
    assert_non_null(strstr(out.ptr, "12 partitions, replicated as the brokers do by default, "));
    buf_deinit(&out);
}

static void test_derived_values(void **state)
{
    struct buf out = BUF_INIT;

    (void)state;
    assert_true(check_text("derived: {keep: [tie, balance]}\n"
                           "rules: [{name: a, enter: cadence.ratio > 3.0 || advocacy > 0.9}]\n",
                           &out));
    assert_non_null(strstr(
        out.ptr, "\nderived values kept: balance, cadence, measure, advocacy, tie\n\nrules (1)\n"));
    buf_deinit(&out);
}

static void test_faults(void **state)
{
    struct buf out = BUF_INIT;

    (void)state;
    assert_false(check_text("log: {level: loud}\nredis: {url: 'hunter2'}\nqux: 1\n", &out));
    assert_string_equal(out.ptr,
                        "F:1:14: level: expected debug, info, warn or error, not 'loud'\n"
                        "F:2:14: url: must begin with redis://, rediss:// or unix://, as in "
                        "redis://localhost:6379/0\n"
                        "F:3:1: unknown key 'qux': leave it out\n");
    buf_deinit(&out);
}

static void test_warnings(void **state)
{
    static const struct {
        const char *text;
        const char *warning; /* NULL: none */
    } cases[] = {
        {"log: {}\n", NULL},
        {"kafka: {properties: {bootstrap.servers: b}}\nredis: {}\n", NULL},
        {"reciprocity: {answered_by: conversation}\n",
         "warning: answered_by: conversation is exact only for stakeholders of one input "
         "partition: "},
        {"reciprocity: {answered_by: reply}\n", "warning: answered_by: reply needs in_reply_to "},
        {"reciprocity: {answered_by: reply}\nrules: [{name: a, enter: involvement > 1.0}]\n", NULL},
        {"time: {ticks: off}\n", NULL},
        {"time: {ticks: off}\nkafka: {properties: {bootstrap.servers: b}}\nredis: {}\n",
         "warning: ticks: off: while no event comes no deadline passes; meant for history\n"},
        {"http: {listen: '0.0.0.0:80'}\n",
         "warning: http listens beyond this machine, without authentication\n"},
        {"http: {listen: '[::1]:80'}\n", NULL},
        {"rules: []\n", "warning: no rules: nothing will ever be emitted\n"},
        {"checkpoint: {interval: 5m}\n", "warning: checkpoint.interval over 1m: "},
        {"redis: {}\n",
         "warning: `engaged run` would refuse it: F: no `kafka` section, which `engaged run` "
         "needs: "},
        {"redis: {password: $ENGAGED_TEST_NONE}\nkafka: {properties: {bootstrap.servers: b}}\n",
         "warning: `engaged run` would refuse it: F:1:19: the environment has no such variable"},
    };

    (void)state;
    unsetenv("ENGAGED_TEST_NONE");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct buf out = BUF_INIT;

        assert_true(check_text(cases[i].text, &out));
        if (cases[i].warning && !strstr(out.ptr, cases[i].warning))
            assert_string_equal(out.ptr, cases[i].warning);
        if (!cases[i].warning && strstr(out.ptr, "warning: "))
            fail_msg("%s%s", cases[i].text, strstr(out.ptr, "warning: "));
        buf_deinit(&out);
    }
}

static void test_status(void **state)
{
    struct buf out = BUF_INIT;

    (void)state;
    check_text("qux: 1\n", &out);
    assert_int_equal(check_main(path), EXIT_FAILURE);
    check_text("log: {}\n", &out);
    assert_int_equal(check_main(path), EXIT_SUCCESS);
    assert_int_equal(check_main("/nosuch"), EXIT_FAILURE);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_words, make_path, remove_path),
        cmocka_unit_test_setup_teardown(test_repartition, make_path, remove_path),
        cmocka_unit_test_setup_teardown(test_derived_values, make_path, remove_path),
        cmocka_unit_test_setup_teardown(test_faults, make_path, remove_path),
        cmocka_unit_test_setup_teardown(test_warnings, make_path, remove_path),
        cmocka_unit_test_setup_teardown(test_status, make_path, remove_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
