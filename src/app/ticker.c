/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time for idle partitions. A deadline passes whether or not an event comes; but time must come
 * from the log, or a replay would see another one. So when a partition has been read to its end and
 * something in it has been due for a while, a tick is appended to it: behind everything that is in
 * the log already, so that an answer that waits there is seen before its absence is claimed.
 *
 * Control records go the same way: a configuration that differs from the one in force.
 */
#include "app/daemon_impl.h"
#include "app/ingest.h"
#include "base/kill_point.h"
#include "base/mem.h"
#include "codec/event_encode.h"

#define RETRY_MS 3000
#define COMPARE_MS                                                                                 \
    10000 /* under a load that never ends, so long after the partition was opened                  \
           */

static void on_appended(void *ctx, const char *error, int64_t offset)
{
    struct partition *p = ctx;

    (void)offset;
    if (error)
        log_warn("ticker", "a record could not be appended", log_i64("partition", p->id),
                 log_str("why", error));
    kill_point("record_appended");
}

static void on_configuration_appended(void *ctx, const char *error, int64_t offset)
{
    struct partition *p = ctx;

    on_appended(ctx, error, offset);
    if (!error)
        return;
    p->wants_configuration = true; /* and once more: nobody would find out that it is missing */
    p->append_at_ms = (int64_t)uv_now(p->daemon->loop) + RETRY_MS;
}

static bool append(struct partition *p, struct str value, kafka_append_fn fn)
{
    const struct kafka_header content_type = {"content-type", STR(EVENT_CONTENT_TYPE)};
    const struct kafka_append_record record = {.topic = p->daemon->events_topic,
                                               .partition = p->id,
                                               .value = value,
                                               .headers = &content_type,
                                               .n_headers = 1};

    return kafka_append_record(p->daemon->append, &record, fn, p) == 0;
}

static void make_id(struct buf *b, const struct partition *p, int64_t now_ms)
{
    buf_addf(b, "%d-%lld", p->id, (long long)now_ms);
}

static void append_tick(struct partition *p, int64_t now_ms)
{
    struct buf id = BUF_INIT, value = BUF_INIT;

    make_id(&id, p, now_ms);
    event_encode_tick(&value, p->daemon->conf->deployment, buf_str(&id),
                      p->is_append_time ? EVENT_ENCODE_NO_TIME : now_ms);
    if (append(p, buf_str(&value), on_appended)) {
        p->ticked_at_ms = now_ms;
        p->n_ticks++;
    }
    buf_deinit(&value);
    buf_deinit(&id);
}

static void append_configuration(struct partition *p, int64_t now_ms)
{
    struct buf id = BUF_INIT, value = BUF_INIT;
    int64_t clock_ms = engine_clock_ms(p->engine);

    /* It moves no clock, and nothing depends on its time: it is the one that the partition is at.
     */
    make_id(&id, p, now_ms);
    event_encode_configuration(&value, p->daemon->conf->deployment, buf_str(&id),
                               clock_ms == INT64_MIN ? now_ms : clock_ms, p->daemon->conf->text,
                               p->conf->text);
    if (append(p, buf_str(&value), on_configuration_appended))
        p->wants_configuration = false;
    buf_deinit(&value);
    buf_deinit(&id);
}

static bool is_idle(const struct partition *p)
{
    return p->end_offset >= 0 && !p->n_parked && !p->paused;
}

/* Whether something has been due for `idle_after`, by a clock that runs `lateness` behind ours. */
static bool is_overdue(struct partition *p, int64_t now_ms)
{
    int64_t due_ms = now_ms - p->conf->lateness_ms - p->daemon->conf->idle_after_ms;

    /* Who wakes by then may be elsewhere: fetched now, decided at the next turn. */
    return residency_reaches(p, due_ms) && engine_next_wake_ms(p->engine) < due_ms;
}

/* What is in force once all control records in the log are applied, and what our file says. */
static void compare_configuration(struct partition *p)
{
    int64_t open_for_ms = (int64_t)uv_now(p->daemon->loop) - p->opened_ms;

    if (p->is_conf_compared || (!is_idle(p) && open_for_ms < COMPARE_MS))
        return;
    p->is_conf_compared = true;
    p->wants_configuration |= strcmp(p->conf->hash, p->daemon->conf->hash) != 0;
}

/*
 * The instant that a tick may tell of; now, but where the input is copied: then one of which it is
 * known that all that the sources held is copied, and so in the log before the tick.
 */
static int64_t tick_time(struct partition *p, int64_t now_ms)
{
    int64_t caught_up_ms;

    if (!p->daemon->ingest)
        return now_ms;
    caught_up_ms = ingest_caught_up_ms(p->daemon->ingest);
    return caught_up_ms > p->ticked_at_ms && is_overdue(p, caught_up_ms) ? caught_up_ms : INT64_MIN;
}

static void tick(struct partition *p, int64_t now_ms)
{
    int64_t time_ms = tick_time(p, now_ms);

    if (time_ms != INT64_MIN)
        append_tick(p, time_ms);
}

static void run(struct partition *p, int64_t now_ms)
{
    const struct commit_partition *c = commit_partition(&p->daemon->commit, p->id);

    if (!p->engine || !c || c->state != COMMIT_RUNNING)
        return;
    compare_configuration(p);
    if (p->wants_configuration && (int64_t)uv_now(p->daemon->loop) >= p->append_at_ms)
        append_configuration(p, now_ms);
    if (p->daemon->conf->ticks && is_idle(p) && now_ms - p->ticked_at_ms >= 1000 &&
        is_overdue(p, now_ms))
        tick(p, now_ms);
}

void ticker_run(struct daemon *d)
{
    int64_t now_ms = daemon_wall_ms();

    for (size_t i = 0; i < d->n_partitions; i++) {
        if (d->partitions[i])
            run(d->partitions[i], now_ms);
    }
}
