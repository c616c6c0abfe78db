/* SPDX-License-Identifier: Apache-2.0 */
#include "app/outage.h"

#include "app/daemon_impl.h"
#include "base/mem.h"

#include <stdio.h>

#define AGAIN_MS  60000 /* from one line to the next while it lasts */
#define PAUSED_MS 5000  /* shorter pauses are everyday life */
#define ASK_MS    5000

static int64_t now_of(const struct daemon *d)
{
    return (int64_t)uv_now(d->loop);
}

static int64_t seconds_since(const struct daemon *d, int64_t ms)
{
    return (now_of(d) - ms) / 1000;
}

static int64_t working_set_bytes(const struct daemon *d)
{
    int64_t n = 0;

    for (size_t i = 0; i < d->n_partitions; i++) {
        struct engine_stats s;

        if (!d->partitions[i] || !d->partitions[i]->engine)
            continue;
        engine_get_stats(d->partitions[i]->engine, &s);
        n += (int64_t)s.n_bytes;
    }
    return n;
}

/* ---------------------------------------------------------------- Redis */

void outage_redis_away(struct daemon *d, const char *why)
{
    struct outage *o = &d->outage;

    o->n_attempts++;
    snprintf(o->redis_why, sizeof(o->redis_why), "%s", why);
    if (o->redis_since_ms)
        return;
    o->redis_since_ms = o->redis_told_ms = now_of(d);
    o->n_attempts = 0;
    log_warn("daemon",
             "Redis is not to be had: publishing goes on from memory, checkpoints wait for it",
             log_str("why", why), log_i64("working_set_bytes", working_set_bytes(d)),
             log_i64("limit_bytes", d->conf->memory_bytes));
}

static void tell_redis(struct daemon *d)
{
    struct outage *o = &d->outage;

    if (!o->redis_since_ms || now_of(d) - o->redis_told_ms < AGAIN_MS)
        return;
    o->redis_told_ms = now_of(d);
    log_warn("daemon", "Redis is still not to be had", log_str("why", o->redis_why),
             log_i64("for_s", seconds_since(d, o->redis_since_ms)),
             log_i64("attempts", (int64_t)o->n_attempts),
             log_i64("working_set_bytes", working_set_bytes(d)),
             log_i64("limit_bytes", d->conf->memory_bytes));
}

void outage_redis_back(struct daemon *d)
{
    struct outage *o = &d->outage;

    if (o->redis_since_ms)
        log_info("daemon", "Redis is ready again", log_str("why", o->redis_why),
                 log_i64("after_s", seconds_since(d, o->redis_since_ms)));
    else
        log_info("daemon", "Redis is ready");
    o->redis_since_ms = 0;
}

/* ---------------------------------------------------------------- input that is paused */

struct ask {
    struct daemon *daemon;
    int32_t *partitions; /* owned */
};

static void on_ends(void *ctx, const char *error, const int64_t *ends, size_t n)
{
    struct ask *a = ctx;

    a->daemon->outage.is_asking = false;
    for (size_t i = 0; i < n && !error; i++) {
        if (ends[i] >= 0)
            daemon_partition(a->daemon, a->partitions[i])->log_end = ends[i];
    }
    mem_free(a->partitions);
    mem_free(a);
}

int64_t outage_log_end(const struct partition *p)
{
    int64_t high;

    if (!kafka_source_high_watermark(p->daemon->source, p->daemon->events_topic, p->id, &high))
        return p->log_end;
    return high > p->log_end ? high : p->log_end;
}

/* One question for all, and none before it is answered: while Kafka is away each takes seconds of a
 * helper thread, for which takeovers wait, and the end of the process. */
static void ask_for_ends(struct daemon *d)
{
    struct kafka_part *parts;
    struct ask *a;
    size_t n = 0;

    if (d->outage.is_asking || now_of(d) - d->outage.asked_ms < ASK_MS)
        return;
    d->outage.asked_ms = now_of(d);
    a = mem_alloc(sizeof(*a));
    *a = (struct ask){d, mem_calloc(d->n_partitions + 1, sizeof(*a->partitions))};
    parts = mem_calloc(d->n_partitions + 1, sizeof(*parts));
    for (size_t i = 0; i < d->n_partitions; i++) {
        if (!d->partitions[i] || !d->partitions[i]->engine || !d->partitions[i]->paused)
            continue;
        a->partitions[n] = (int32_t)i;
        parts[n++] = (struct kafka_part){.topic = d->events_topic, .partition = (int32_t)i};
    }
    d->outage.is_asking = n > 0;
    if (n)
        kafka_source_ends(d->source, parts, n, on_ends, a);
    else
        on_ends(a, NULL, NULL, 0);
    mem_free(parts);
}

/* All that holds input back, over all partitions: PAUSED_BY_x. */
static unsigned pauses(const struct daemon *d, int64_t *ret_n)
{
    unsigned all = 0;

    *ret_n = 0;
    for (size_t i = 0; i < d->n_partitions; i++) {
        const struct partition *p = d->partitions[i];

        if (!p || !p->engine)
            continue;
        all |= p->paused;
        *ret_n += p->paused != 0;
    }
    return all;
}

static const char *why_paused(const struct daemon *d, unsigned pauses)
{
    if (pauses & PAUSED_BY_PROTOCOL)
        return "triggers wait for Kafka beyond their budget";
    if (pauses & PAUSED_BY_MEMORY)
        return d->outage.redis_since_ms
                   ? "the working set is full, and nothing can leave it while Redis is away"
                   : "the working set is full, and Redis has not taken the checkpoint yet";
    return "records wait for state that is being loaded from Redis";
}

static void tell_paused(struct daemon *d)
{
    struct outage *o = &d->outage;
    int64_t n, now_ms = now_of(d);
    unsigned by = pauses(d, &n);

    if (!n) {
        if (o->paused_told_ms)
            log_info("daemon", "input goes on",
                     log_i64("after_s", seconds_since(d, o->paused_since_ms)));
        o->paused_since_ms = o->paused_told_ms = 0;
        return;
    }
    if (!o->paused_since_ms)
        o->paused_since_ms = now_ms;
    if (now_ms - o->paused_since_ms < PAUSED_MS ||
        (o->paused_told_ms && now_ms - o->paused_told_ms < AGAIN_MS))
        return;
    o->paused_told_ms = now_ms;
    log_warn("daemon", "input is paused", log_str("why", why_paused(d, by)),
             log_i64("partitions", n), log_i64("for_s", seconds_since(d, o->paused_since_ms)),
             log_i64("outputs_waiting", (int64_t)d->commit.outbox.n_waiting),
             log_i64("working_set_bytes", working_set_bytes(d)),
             log_i64("limit_bytes", d->conf->memory_bytes));
}

void outage_run(struct daemon *d)
{
    tell_redis(d);
    tell_paused(d);
    ask_for_ends(d);
}
