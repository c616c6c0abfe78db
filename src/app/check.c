/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `engaged check` in words. Every fault with its place, one a line, as compilers write them, so
 * that editors can jump there; or, of a correct file, what it will do: to be read by whoever wrote
 * it, and held against what they meant. Never shows a secret.
 */
#include "app/check.h"

#include "base/parse.h"
#include "codec/preset.h"
#include "conf/conf.h"

#include <stdio.h>
#include <stdlib.h>

static void add_size(struct buf *b, int64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
    size_t i = 0;

    for (; bytes && bytes % 1024 == 0 && i + 1 < ARRAY_SIZE(units); i++)
        bytes /= 1024;
    buf_addf(b, "%lld %s", (long long)bytes, units[i]);
}

/* An expression on one line. */
static void add_expression(struct buf *b, struct str text)
{
    bool is_blank = false;

    buf_add_char(b, '`');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == ' ' || text.ptr[i] == '\n' || text.ptr[i] == '\t') {
            is_blank = i > 0;
            continue;
        }
        if (is_blank)
            buf_add_char(b, ' ');
        is_blank = false;
        buf_add_char(b, text.ptr[i]);
    }
    buf_add_char(b, '`');
}

/* ---- the deployment ---- */

/* A topic of our own: what goes into it, and what it is like where it has to be made. */
static void add_copies(struct buf *b, const struct conf *conf)
{
    const struct conf_ingest *ingest = &conf->ingest;

    buf_addf(b, "input         topic%s", conf->kafka.n_events > 1 ? "s" : "");
    for (size_t i = 0; i < conf->kafka.n_events; i++)
        buf_addf(b, "%s %.*s", i ? "," : "", STR_ARG(conf->kafka.events[i]));
    buf_addf(b, ", copied by consumer group %.*s-repartition\n", STR_ARG(conf->kafka.group_id));
    buf_addf(
        b,
        "copied to     topic %.*s, keyed by stakeholder, read as consumer group %.*s; where it "
        "has to be made: %lld partition%s, ",
        STR_ARG(ingest->topic), STR_ARG(conf->kafka.group_id), (long long)ingest->partitions,
        ingest->partitions == 1 ? "" : "s");
    if (ingest->replication < 0)
        buf_add_str(b, STR("replicated as the brokers do by default, "));
    else
        buf_addf(b, "replication %lld, ", (long long)ingest->replication);
    buf_add_str(b, STR("kept for "));
    format_duration_exact(b, ingest->retention_ms);
    buf_add_char(b, '\n');
}

static void add_topics(struct buf *b, const struct conf *conf)
{
    if (conf->ingest.repartition)
        add_copies(b, conf);
    else
        buf_addf(b, "input         topic %.*s, as consumer group %.*s\n",
                 STR_ARG(conf->kafka.events[0]), STR_ARG(conf->kafka.group_id));
}

static void add_input(struct buf *b, const struct conf *conf)
{
    if (!conf->kafka.is_given)
        return buf_add_str(b, STR("kafka         none: for replay, tests and this check only\n"));
    add_topics(b, conf);
    buf_addf(b, "output        triggers to %.*s, what is no valid event to %.*s\n",
             STR_ARG(conf->kafka.triggers), STR_ARG(conf->kafka.dead_letters));
    buf_addf(b, "delivery      %s\n",
             conf->delivery == CONF_DELIVERY_EXACTLY_ONCE
                 ? "exactly once, for consumers that read committed"
                 : "at least once: at once, and after a crash some again with the same id");
}

static void add_state(struct buf *b, const struct conf *conf)
{
    if (!conf->redis.is_given) {
        buf_add_str(b, STR("redis         none: for replay, tests and this check only\n"));
    } else {
        buf_addf(b, "redis         keys that begin with %.*s:, at most ",
                 STR_ARG(conf->redis.prefix));
        format_duration_exact(b, conf->checkpoint_interval_ms);
        buf_add_str(b, STR(" behind what is published\n"));
    }
    buf_add_str(b, STR("memory        "));
    add_size(b, conf->memory_bytes);
    buf_add_str(b, STR(" of stakeholders; who is silent for "));
    format_duration_exact(b, conf->forget_after_ms);
    buf_add_str(b, STR(" is forgotten\n"));
}

static void add_time(struct buf *b, const struct conf *conf)
{
    buf_add_str(b, STR("time          "));
    if (conf->lateness_ms) {
        buf_add_str(b, STR("events up to "));
        format_duration_exact(b, conf->lateness_ms);
        buf_add_str(b, STR(" late are put in order"));
    } else {
        buf_add_str(b, STR("events count in the order in which they come"));
    }
    if (conf->ticks) {
        buf_add_str(b, STR("; an input idle for "));
        format_duration_exact(b, conf->idle_after_ms);
        buf_add_str(b, STR(" gets ticks\n"));
    } else {
        buf_add_str(b, STR("; no ticks: time passes by events alone\n"));
    }
    buf_addf(b,
             "duplicates    known by source and id among the last %u events of a stakeholder, "
             "and for ",
             conf->spec.dedup_events);
    format_duration_exact(b, conf->spec.dedup_horizon_ms);
    buf_add_char(b, '\n');
}

static void add_answers(struct buf *b, const struct conf *conf)
{
    static const char *const ways[] = {
        [ANSWERED_BY_BOTH] = "same stakeholder, same conversation",
        [ANSWERED_BY_CONVERSATION] = "same conversation, with whomever",
        [ANSWERED_BY_STAKEHOLDER] = "same stakeholder, any conversation",
        [ANSWERED_BY_REPLY] = "only what names the message that it answers",
    };
    size_t n = 0;

    buf_addf(b, "an answer is  %s; an automatic one %s\n", ways[conf->spec.answered_by],
             conf->spec.automatic_answers ? "counts" : "acknowledges only");
    buf_add_str(b, STR("expect one    "));
    for (size_t i = 0; i < conf->spec.n_verbs; i++)
        if (conf->spec.verbs[i].expects_reply)
            buf_addf(b, "%s%.*s", n++ ? ", " : "", STR_ARG(conf->spec.verbs[i].name));
    buf_add_str(b, n ? STR("; and events that say so\n") : STR("only events that say so\n"));
}

static void add_local(struct buf *b, const struct conf *conf)
{
    bool is_ipv6 = memchr(conf->http_host.ptr, ':', conf->http_host.len) != NULL;

    buf_addf(b, "http          %s%.*s%s:%d\n", is_ipv6 ? "[" : "", STR_ARG(conf->http_host),
             is_ipv6 ? "]" : "", conf->http_port);
    buf_addf(b, "version       %s: the same for processes that decide alike\n", conf->hash);
}

/* ---- metrics and rules ---- */

static void add_cap(struct buf *b, const struct cap_spec *cap)
{
    if (!cap->length_ms)
        return;
    buf_add_str(b, STR("; those of "));
    if (cap->from_ms)
        buf_add_str(b, STR("one week"));
    else
        format_duration_exact(b, cap->length_ms);
    buf_add_str(b, STR(" add up to at most "));
    buf_add_double(b, cap->at_most);
}

static void add_metric(struct buf *b, const struct metric_spec *m, int width)
{
    static const char *const aggregates[] = {
        [AGGREGATE_COUNT] = "how many interactions",
        [AGGREGATE_SUM] = "the sum of ",
        [AGGREGATE_MEAN] = "the mean of ",
        [AGGREGATE_MIN] = "the least ",
        [AGGREGATE_MAX] = "the greatest ",
        [AGGREGATE_LAST] = "the latest ",
        [AGGREGATE_DISTINCT] = "how many different values of ",
        [AGGREGATE_DISTINCT_DAYS] = "on how many days there were interactions",
    };

    buf_addf(b, "  %-*.*s  %s", width, STR_ARG(m->name), aggregates[m->aggregate]);
    if (m->value.len) {
        add_expression(b, m->value);
        buf_add_str(b, STR(" over interactions"));
    }
    if (m->where.len) {
        buf_add_str(b, STR(" where "));
        add_expression(b, m->where);
    }
    if (m->reach == REACH_EVER)
        buf_add_str(b, STR(", since ever"));
    else
        buf_add_str(b, m->reach == REACH_WINDOW ? STR(", in the last ")
                                                : STR(", counting half after "));
    if (m->reach != REACH_EVER)
        format_duration_exact(b, m->reach_ms);
    add_cap(b, &m->cap);
    buf_add_char(b, '\n');
}

static void add_metrics(struct buf *b, const struct model_spec *spec)
{
    size_t width = 0;

    for (size_t i = 0; i < spec->n_metrics; i++)
        width = spec->metrics[i].name.len > width ? spec->metrics[i].name.len : width;
    buf_addf(b, "\nmetrics (%zu), per stakeholder\n", spec->n_metrics);
    for (size_t i = 0; i < spec->n_metrics; i++)
        add_metric(b, &spec->metrics[i], (int)width);
}

static void add_derived(struct buf *b, const struct model *model)
{
    const char *before = "\nderived values kept: ";

    for (unsigned g = 0; g < N_DERIVED_GROUPS; g++) {
        if (!(model_derived_kept(model) >> g & 1))
            continue;
        buf_addf(b, "%s%s", before, derived_group_names[g]);
        before = ", ";
    }
    if (model_derived_kept(model))
        buf_add_char(b, '\n');
}

static const char *const owed_nouns[] = {[OWED_UNTIL_ANSWERED] = "answer",
                                         [OWED_UNTIL_ACKNOWLEDGED] = "acknowledgement",
                                         [OWED_UNTIL_ACTED] = "action"};
static const char *const owed_deeds[] = {[OWED_UNTIL_ANSWERED] = "answer",
                                         [OWED_UNTIL_ACKNOWLEDGED] = "acknowledge it",
                                         [OWED_UNTIL_ACTED] = "resolve it"};

static void add_quiet(struct buf *b, const struct rule_spec *r)
{
    if (r->quiet_hold)
        buf_add_str(b, STR("; in the stakeholder's quiet hours, at their end"));
}

static void add_owed(struct buf *b, const struct rule_spec *r)
{
    bool is_ours = r->owed_by == SIDE_ORGANISATION;

    buf_addf(b, "    fires when %s %s for ", is_ours ? "we owe an" : "they owe us an",
             owed_nouns[r->owed_until]);
    format_duration_exact(b, r->owed_after_ms);
    if (r->owed_calendar.len)
        buf_addf(b, " of the hours of %.*s", STR_ARG(r->owed_calendar));
    buf_add_str(b, STR(", once per obligation, whether or not any event comes"));
    if (r->owed_where.len) {
        buf_add_str(b, STR("; of those that an event opened for which "));
        add_expression(b, r->owed_where);
        buf_add_str(b, STR(" held"));
    }
    add_quiet(b, r);
    if (r->cooldown_ms) {
        buf_add_str(b, STR(", and not again within "));
        format_duration_exact(b, r->cooldown_ms);
    }
    buf_addf(b, "\n    clears when %s %s, and says how late\n", is_ours ? "we" : "they",
             owed_deeds[r->owed_until]);
}

static void add_condition(struct buf *b, const struct rule_spec *r)
{
    buf_add_str(b, STR("    fires when "));
    add_expression(b, r->enter);
    if (r->for_ms) {
        buf_add_str(b, STR(" has held for "));
        format_duration_exact(b, r->for_ms);
    } else {
        buf_add_str(b, STR(" begins to hold"));
    }
    add_quiet(b, r);
    if (r->cooldown_ms) {
        buf_add_str(b, STR(", and not again within "));
        format_duration_exact(b, r->cooldown_ms);
    }
    buf_add_str(b, STR("\n    clears when "));
    if (r->exit.len)
        add_expression(b, r->exit);
    else
        buf_add_str(b, STR("that"));
    buf_add_str(b, r->exit.len ? STR(" holds\n") : STR(" no longer holds\n"));
}

static void add_due(struct buf *b, const struct rule_spec *r)
{
    buf_add_str(b, STR("    fires when "));
    add_expression(b, r->where);
    if (r->kind == RULE_EXPECT) {
        buf_add_str(b, STR(" has not followed upon "));
        add_expression(b, r->after);
        buf_add_str(b, STR(" within "));
    } else {
        buf_add_str(b, STR(" has not happened for "));
    }
    if (r->within_gaps > 0)
        buf_addf(b, "%g of the stakeholder's own gaps", r->within_gaps);
    else
        format_duration_exact(b, r->within_ms);
    if (r->cooldown_ms) {
        buf_add_str(b, STR(", and not again within "));
        format_duration_exact(b, r->cooldown_ms);
    }
    buf_add_str(b, STR("\n    clears when it happens\n"));
}

static void add_inhibitors(struct buf *b, const struct rule_spec *r)
{
    for (size_t i = 0; i < r->n_inhibited_by; i++)
        buf_addf(b, "%s%.*s", i ? " or " : "    held back while ", STR_ARG(r->inhibited_by[i]));
    if (r->n_inhibited_by)
        buf_add_str(b, STR(" is open for the same stakeholder\n"));
}

static void add_rule(struct buf *b, const struct rule_spec *r)
{
    buf_addf(b, "  %.*s: %.*s, to ", STR_ARG(r->name), STR_ARG(r->severity));
    buf_add_str(b, r->route.len ? r->route : STR("whoever reads the trigger topic"));
    buf_add_char(b, '\n');
    if (r->kind == RULE_OWED)
        add_owed(b, r);
    else if (r->kind == RULE_CONDITION)
        add_condition(b, r);
    else
        add_due(b, r);
    add_inhibitors(b, r);
    if (r->escalate_after_ms) {
        buf_add_str(b, STR("    more severe every "));
        format_duration_exact(b, r->escalate_after_ms);
        buf_add_str(b, STR(" that nobody acknowledges it\n"));
    }
    if (r->action.len)
        buf_addf(b, "    asks for: %.*s\n", STR_ARG(r->action));
}

static int64_t week_minutes(const struct calendar_spec *c)
{
    int64_t n = 0;

    for (size_t d = 0; d < 7; d++) {
        for (uint32_t i = 0; i < c->days[d].n; i++)
            n += c->days[d].hours[i].to_min - c->days[d].hours[i].from_min;
    }
    return n;
}

static void add_calendars(struct buf *b, const struct model_spec *spec)
{
    if (spec->n_calendars)
        buf_addf(b, "\ncalendars (%zu)\n", spec->n_calendars);
    for (size_t i = 0; i < spec->n_calendars; i++) {
        const struct calendar_spec *c = &spec->calendars[i];
        struct str zone = c->zone.len ? c->zone : STR("UTC");

        buf_addf(b, "  %.*s: ", STR_ARG(c->name));
        format_duration_exact(b, week_minutes(c) * 60000);
        buf_addf(b, " a week, %.*s, %zu holidays", STR_ARG(zone), c->n_holidays);
        if (c->n_holidays) {
            buf_add_str(b, STR(", the last on "));
            format_instant(b, c->holidays[c->n_holidays - 1] * 86400000LL);
            b->len -= strlen("T00:00:00Z");
        }
        buf_add_char(b, '\n');
    }
}

static void add_rules(struct buf *b, const struct model_spec *spec)
{
    buf_addf(b, "\nrules (%zu)\n", spec->n_rules);
    for (size_t i = 0; i < spec->n_rules; i++)
        add_rule(b, &spec->rules[i]);
}

static void add_stages(struct buf *b, const struct model_spec *spec)
{
    if (spec->n_stages)
        buf_addf(b, "\nstages (%zu), low to high\n", spec->n_stages);
    for (size_t i = 0; i < spec->n_stages; i++) {
        const struct stage_spec *s = &spec->stages[i];

        buf_addf(b, "  %.*s: %s ", STR_ARG(s->name), s->exit.len ? "from" : "while");
        add_expression(b, s->enter);
        if (s->exit.len) {
            buf_add_str(b, STR(" until "));
            add_expression(b, s->exit);
        }
        if (s->min_stay_ms) {
            buf_add_str(b, STR(", for at least "));
            format_duration_exact(b, s->min_stay_ms);
        }
        if (s->route.len)
            buf_addf(b, "; told to %.*s", STR_ARG(s->route));
        buf_add_char(b, '\n');
    }
}

static void add_sources(struct buf *b, const struct model_spec *spec)
{
    if (spec->n_sources)
        buf_addf(b, "\nsources (%zu)\n", spec->n_sources);
    for (size_t i = 0; i < spec->n_sources; i++) {
        const struct source_spec *s = &spec->sources[i];

        buf_addf(b, "  %.*s: down when %.*s is silent for ", STR_ARG(s->name), STR_ARG(s->source));
        format_duration_exact(b, s->heartbeat_ms);
        buf_add_str(b, s->n_channels ? STR("; brings answers on") : STR("; brings all answers"));
        for (size_t k = 0; k < s->n_channels; k++)
            buf_addf(b, "%s %.*s", k ? "," : "", STR_ARG(s->channels[k]));
        buf_add_char(b, '\n');
    }
}

static void add_silences(struct buf *b, const struct model_spec *spec)
{
    if (spec->n_silences)
        buf_addf(b, "\nsilences (%zu)\n", spec->n_silences);
    for (size_t i = 0; i < spec->n_silences; i++) {
        const struct silence_spec *s = &spec->silences[i];
        const struct {
            const char *name;
            struct str text;
        } of[] = {{"rule", s->rule}, {"severity", s->severity}, {"route", s->route},
                  {"kind", s->kind}, {"account", s->account},   {"stakeholder", s->stakeholder}};
        bool is_first = true;

        for (size_t k = 0; k < ARRAY_SIZE(of); k++) {
            if (!of[k].text.len)
                continue;
            buf_addf(b, "%s%s %.*s", is_first ? "  " : ", ", of[k].name, STR_ARG(of[k].text));
            is_first = false;
        }
        buf_add_str(b, STR(": until "));
        format_instant(b, s->until_ms);
        buf_addf(b, ", by %.*s: %.*s\n", STR_ARG(s->author), STR_ARG(s->reason));
    }
}

/* ---- warnings ---- */

static bool is_loopback(struct str host)
{
    return str_eq(host, STR("localhost")) || str_eq(host, STR("::1")) ||
           str_starts(host, STR("127."));
}

static bool has_owed_rules(const struct model_spec *spec)
{
    for (size_t i = 0; i < spec->n_rules; i++)
        if (spec->rules[i].kind == RULE_OWED)
            return true;
    return false;
}

static void warn(struct buf *b, const char *text)
{
    buf_addf(b, "warning: %s\n", text);
}

static void add_warnings(struct buf *b, const struct conf *conf)
{
    const struct model_spec *spec = &conf->spec;

    if (spec->answered_by == ANSWERED_BY_CONVERSATION)
        warn(b, "answered_by: conversation is exact only for stakeholders of one input partition: "
                "an answer to another stakeholder of the conversation, in another partition, "
                "closes nothing");
    if (!conf->ticks && conf->kafka.is_given)
        warn(b, "ticks: off: while no event comes no deadline passes; meant for history");
    if (has_owed_rules(spec) && spec->answered_by == ANSWERED_BY_REPLY)
        warn(b, "answered_by: reply needs in_reply_to on every answer: one without it answers "
                "nothing");
    if (!is_loopback(conf->http_host))
        warn(b, "http listens beyond this machine, without authentication");
    if (!spec->n_rules)
        warn(b, "no rules: nothing will ever be emitted");
    if (conf->checkpoint_interval_ms > 60000)
        warn(b, "checkpoint.interval over 1m: a takeover replays all that came since");
}

/* What `engaged run` would refuse though the file itself is correct. */
static void add_daemon_faults(struct buf *b, struct conf *conf)
{
    struct conf_faults faults = CONF_FAULTS_INIT;

    if (conf_require_daemon(conf, &faults)) {
        for (size_t i = 0; i < faults.n; i++) {
            buf_add_str(b, STR("warning: `engaged run` would refuse it: "));
            conf_fault_format(&faults.items[i], b);
            buf_add_char(b, '\n');
        }
    }
    conf_faults_deinit(&faults);
}

static void add_presets(struct buf *b, const struct conf *conf)
{
    for (size_t i = 0; i < conf->n_presets; i++)
        buf_addf(b, "%s%.*s",
                 i ? ", " : "presets       payloads of others, the first that matches: ",
                 STR_ARG(conf->preset_specs[i].name));
    buf_add_str(b, conf->n_presets ? STR("\n") : STR_NULL);
}

static void report(struct buf *b, const char *path, struct conf *conf)
{
    size_t before;

    buf_addf(b, "%s: correct\n\ndeployment    %.*s, of %.*s\n", path, STR_ARG(conf->deployment),
             STR_ARG(conf->organisation));
    add_input(b, conf);
    add_presets(b, conf);
    add_state(b, conf);
    add_time(b, conf);
    add_answers(b, conf);
    add_local(b, conf);
    add_metrics(b, &conf->spec);
    add_calendars(b, &conf->spec);
    add_derived(b, conf->model);
    add_stages(b, &conf->spec);
    add_rules(b, &conf->spec);
    add_silences(b, &conf->spec);
    add_sources(b, &conf->spec);
    buf_add_char(b, '\n');
    before = b->len;
    add_warnings(b, conf);
    if (conf->kafka.is_given || conf->redis.is_given)
        add_daemon_faults(b, conf);
    if (b->len == before)
        b->ptr[--b->len] = '\0';
}

bool check_file(const char *path, struct buf *out)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL;
    bool ok = !conf_load(path, &conf, &faults);

    if (ok)
        report(out, path, conf);
    for (size_t i = 0; i < faults.n; i++) {
        conf_fault_format(&faults.items[i], out);
        buf_add_char(out, '\n');
    }
    conf_faults_deinit(&faults);
    conf_free(conf);
    return ok;
}

int check_main(const char *path)
{
    struct buf out = BUF_INIT;
    bool ok = check_file(path, &out);
    bool is_written = fwrite(out.ptr, 1, out.len, stdout) == out.len && !fflush(stdout);

    buf_deinit(&out);
    return ok && is_written ? EXIT_SUCCESS : EXIT_FAILURE;
}
