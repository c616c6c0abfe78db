/* SPDX-License-Identifier: Apache-2.0 */
/* A table for people, with what needs somebody below it; JSON for programs. */
#include "app/status.h"

#include "app/app.h"
#include "app/load.h"
#include "app/outside.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "conf/conf.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_MS 10000

static bool needs_somebody(const struct outside *o)
{
    if (o->redis_error.len || o->kafka_error.len || outside_is_evicting(o))
        return true;
    for (int32_t i = 0; i < o->n_parts; i++) {
        if (o->parts[i].condition.needs_somebody)
            return true;
    }
    return false;
}

/* The command that the advice names, with this file and this partition in it. */
static void add_command(const struct status_opts *opts, const struct outside_part *part,
                        int32_t partition, struct buf *b)
{
    if (part->condition.kind != CONDITION_STOPPED)
        return;
    buf_addf(b, "engaged rebuild --config %s ", opts->config);
    if (part->condition.reason == COMMIT_STOP_PARTITIONS ||
        part->condition.reason == COMMIT_STOP_TOPIC_REPLACED)
        buf_add_str(b, STR("--start-over"));
    else
        buf_addf(b, "--partition %d", partition);
}

/* ---- for people ---- */

static void add_offset(struct buf *b, int64_t offset, int width)
{
    if (offset < 0)
        buf_addf(b, "%*s  ", width, "-");
    else
        buf_addf(b, "%*lld  ", width, (long long)offset);
}

static void add_bytes(struct buf *b, int64_t bytes)
{
    buf_addf(b, "%.1f MiB", (double)bytes / (1 << 20));
}

static void print_head(const struct outside *o, struct buf *b)
{
    buf_addf(b, "deployment  %.*s\ntopic       %s\ngroup       %s", STR_ARG(o->conf->deployment),
             o->topic, o->group);
    if (o->n_members >= 0)
        buf_addf(b, ", %d %s", o->n_members, o->n_members == 1 ? "member" : "members");
    buf_addf(b, "\nRedis       prefix %.*s", STR_ARG(o->conf->redis.prefix));
    if (o->used_bytes >= 0) {
        buf_add_str(b, STR(", "));
        add_bytes(b, o->used_bytes);
    }
    if (o->max_bytes > 0) {
        buf_add_str(b, STR(" of "));
        add_bytes(b, o->max_bytes);
    }
    buf_addf(b, "\nrules       %s\n", o->conf->hash);
}

static void print_part(const struct outside *o, int32_t i, struct buf *b)
{
    const struct outside_part *p = &o->parts[i];
    const struct condition_facts *f = &p->facts;
    struct buf clock = BUF_INIT;

    buf_addf(b, "%9d  ", i);
    add_offset(b, f->meta.offset, 12);
    add_offset(b, f->read.status == COMMIT_READ_OK ? f->read.offset : COMMIT_NONE, 12);
    add_offset(b, f->read.low, 12);
    add_offset(b, f->read.high, 12);
    if (f->has_redis)
        buf_addf(b, "%12lld  ", (long long)p->n_stakeholders);
    else
        buf_addf(b, "%12s  ", "-");
    if (p->has_clock && p->clock_ms >= INSTANT_MIN_MS && p->clock_ms <= INSTANT_MAX_MS)
        format_instant(&clock, p->clock_ms);
    buf_addf(b, "%-24.*s  ", STR_ARG(clock.len ? buf_str(&clock) : STR("-")));
    condition_say(&p->condition, b);
    buf_add_char(b, '\n');
    buf_deinit(&clock);
}

static bool is_same_need(const struct condition *a, const struct condition *b)
{
    return a->kind == b->kind && a->reason == b->reason && a->needs_somebody == b->needs_somebody;
}

/* Each piece of advice once, with all partitions that it is for. */
static void print_advice(const struct status_opts *opts, const struct outside *o, struct buf *b)
{
    for (int32_t i = 0; i < o->n_parts; i++) {
        const struct condition *c = &o->parts[i].condition;
        const char *advice = condition_advice(c);
        bool is_told = false;

        for (int32_t k = 0; k < i && !is_told; k++)
            is_told = is_same_need(&o->parts[k].condition, c);
        if (!advice || !c->needs_somebody || is_told)
            continue;
        buf_add_str(b, STR("\npartition"));
        for (int32_t k = i; k < o->n_parts; k++) {
            if (is_same_need(&o->parts[k].condition, c))
                buf_addf(b, " %d", k);
        }
        buf_addf(b, ": %s.\n", advice);
        if (c->kind == CONDITION_STOPPED) {
            buf_add_str(b, STR("  $ "));
            add_command(opts, &o->parts[i], i, b);
            buf_add_char(b, '\n');
        }
    }
}

/* The file is not in force there yet: a reload, or a checkpoint, is to come. */
static void print_rules(const struct outside *o, struct buf *b)
{
    int32_t n = 0;

    for (int32_t i = 0; i < o->n_parts; i++)
        n += o->parts[i].config[0] && strcmp(o->parts[i].config, o->conf->hash) != 0;
    if (n)
        buf_addf(b, "\n%d of %d partitions have other rules in force than this file.\n", n,
                 o->n_parts);
}

static void print(const struct status_opts *opts, const struct outside *o, struct buf *b)
{
    print_head(o, b);
    if (o->redis_error.len)
        buf_addf(b, "\nnot reached: %s\n", o->redis_error.ptr);
    if (o->kafka_error.len)
        buf_addf(b, "\nnot reached: %s\n", o->kafka_error.ptr);
    if (outside_is_evicting(o))
        buf_addf(b,
                 "\nRedis may evict keys (maxmemory-policy %s): run CONFIG SET maxmemory-policy "
                 "noeviction\n",
                 o->policy);
    if (o->n_parts)
        buf_addf(b, "\n%9s  %12s  %12s  %12s  %12s  %12s  %-24s  %s\n", "partition", "checkpoint N",
                 "committed M", "log from", "log to", "stakeholders", "clock", "condition");
    for (int32_t i = 0; i < o->n_parts; i++)
        print_part(o, i, b);
    print_rules(o, b);
    print_advice(opts, o, b);
}

/* ---- for programs ---- */

static json_t *offset_json(int64_t offset)
{
    return offset < 0 ? json_null() : json_integer(offset);
}

static json_t *text_json(const char *text)
{
    return text && *text ? json_string(text) : json_null();
}

static json_t *buf_json(const struct buf *b)
{
    return text_json(b->len ? b->ptr : NULL);
}

static json_t *part_json(const struct status_opts *opts, const struct outside *o, int32_t i)
{
    const struct outside_part *p = &o->parts[i];
    const struct condition_facts *f = &p->facts;
    struct buf says = BUF_INIT, command = BUF_INIT, clock = BUF_INIT;
    bool is_stopped = p->condition.kind == CONDITION_STOPPED;
    bool has_m = f->read.status == COMMIT_READ_OK;
    json_t *json;

    condition_say(&p->condition, &says);
    add_command(opts, p, i, &command);
    if (p->has_clock && p->clock_ms >= INSTANT_MIN_MS && p->clock_ms <= INSTANT_MAX_MS)
        format_instant(&clock, p->clock_ms);
    json = json_pack(
        "{si ss ss so so so sb so so so so so so sI sI so so so sI}", "partition", i, "condition",
        condition_name(p->condition.kind), "says", says.ptr, "reason",
        text_json(is_stopped ? commit_stop_name(p->condition.reason) : NULL), "advice",
        text_json(condition_advice(&p->condition)), "command", buf_json(&command), "needs_somebody",
        p->condition.needs_somebody, "checkpoint", offset_json(f->meta.offset), "committed",
        offset_json(has_m ? f->read.offset : COMMIT_NONE), "committed_as_checkpointed",
        offset_json(f->meta.committed), "log_from", offset_json(f->read.low), "log_to",
        offset_json(f->read.high), "lag",
        offset_json(has_m && f->read.high >= f->read.offset ? f->read.high - f->read.offset
                                                            : COMMIT_NONE),
        "epoch", (json_int_t)p->epoch, "seq", (json_int_t)p->seq, "owner", text_json(p->owner),
        "clock", buf_json(&clock), "config", text_json(p->config), "stakeholders",
        (json_int_t)p->n_stakeholders);
    buf_deinit(&says);
    buf_deinit(&command);
    buf_deinit(&clock);
    return json;
}

static json_t *outside_json(const struct status_opts *opts, const struct outside *o)
{
    json_t *parts = json_array();

    for (int32_t i = 0; i < o->n_parts; i++)
        json_array_append_new(parts, part_json(opts, o, i));
    return json_pack("{ss# ss ss ss# ss so so so so so so so sb so}", "deployment",
                     o->conf->deployment.ptr, (int)o->conf->deployment.len, "topic", o->topic,
                     "group", o->group, "prefix", o->conf->redis.prefix.ptr,
                     (int)o->conf->redis.prefix.len, "config", o->conf->hash, "kafka_error",
                     buf_json(&o->kafka_error), "redis_error", buf_json(&o->redis_error), "members",
                     offset_json(o->n_members), "partitions_then",
                     offset_json(o->n_then ? o->n_then : COMMIT_NONE), "redis_used_bytes",
                     offset_json(o->used_bytes), "redis_max_bytes", offset_json(o->max_bytes),
                     "redis_maxmemory_policy", text_json(o->policy), "needs_somebody",
                     needs_somebody(o), "partitions", parts);
}

/* ---- the command ---- */

static int show(const struct status_opts *opts, const struct outside *o)
{
    struct buf text = BUF_INIT;
    int r;

    if (opts->is_json) {
        json_t *json = outside_json(opts, o);

        r = json_dumpf(json, stdout, JSON_INDENT(2)) || puts("") < 0;
        json_decref(json);
    } else {
        print(opts, o, &text);
        r = fwrite(text.ptr, 1, text.len, stdout) != text.len;
    }
    buf_deinit(&text);
    return r || fflush(stdout);
}

int status_main(const struct status_opts *opts)
{
    int64_t timeout_ms = TIMEOUT_MS;
    struct conf *conf;
    struct outside o;
    int r;

    if (opts->timeout && (parse_duration(str_of(opts->timeout), &timeout_ms) || timeout_ms < 100))
        return app_usage("--timeout takes a duration of 100ms or more, as in 10s");
    conf = load_daemon_conf(opts->config);
    if (!conf)
        return EXIT_FAILURE;
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    outside_open(&o, conf, timeout_ms);
    r = show(opts, &o) || needs_somebody(&o) ? EXIT_FAILURE : 0;
    outside_close(&o);
    conf_free(conf);
    return r;
}
