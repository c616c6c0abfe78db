/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands between the copier's decisions (repartition.h) and the world: what the consumer, the
 * producer and Redis say is told to the core, what it decides is carried out at once.
 */
#include "app/copier_impl.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CLOSE_MS 5000

int64_t copier_wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* ---------------------------------------------------------------- source partitions */

static const char *topic_of(const struct copier *c, const char *name)
{
    for (size_t i = 0; i < c->n_topics; i++) {
        if (strcmp(c->topics[i], name) == 0)
            return c->topics[i];
    }
    return NULL;
}

/* Its number; as many as there are: it is not ours. */
static size_t part_of(const struct copier *c, const char *topic, int32_t partition)
{
    size_t i = 0;

    while (i < c->n_parts &&
           (c->parts[i].partition != partition || strcmp(c->parts[i].topic, topic) != 0))
        i++;
    return i;
}

struct kafka_part copier_kafka_part(const struct copier *c, size_t part)
{
    return (struct kafka_part){.topic = c->parts[part].topic,
                               .partition = c->parts[part].partition,
                               .offset = -1,
                               .user = (void *)(uintptr_t)part};
}

static void forget_parts(struct copier *c)
{
    c->n_parts = 0;
    c->n_refused = 0;
    c->assignment++;
}

/* ---------------------------------------------------------------- questions */

struct copier_question *copier_question_new(struct copier *c, const struct repartition_action *a)
{
    struct copier_question *q = mem_alloc(sizeof(*q));

    *q = (struct copier_question){c, c->assignment, a->ticket, a->part};
    return q;
}

static void on_committed(void *ctx, const struct kafka_committed_part *parts, size_t n)
{
    static const enum repartition_read_status statuses[] = {
        [KAFKA_COMMITTED_OFFSET] = REPARTITION_READ_OK,
        [KAFKA_COMMITTED_NONE] = REPARTITION_READ_NONE,
        [KAFKA_COMMITTED_UNSTABLE] = REPARTITION_READ_UNSTABLE,
        [KAFKA_COMMITTED_ERROR] = REPARTITION_READ_FAILED,
    };
    struct copier_question *q = ctx;
    struct copier *c = q->copier;
    struct repartition_read *reads = mem_calloc(n + 1, sizeof(*reads));

    for (size_t i = 0; i < n; i++)
        reads[i] = (struct repartition_read){statuses[parts[i].status], parts[i].offset};
    if (q->assignment == c->assignment && n == c->n_parts)
        repartition_committed(&c->core, q->ticket, reads);
    mem_free(reads);
    mem_free(q);
    copier_turn(c);
}

static void read_committed(struct copier *c, const struct repartition_action *a)
{
    struct kafka_part *parts = mem_calloc(c->n_parts + 1, sizeof(*parts));

    for (size_t i = 0; i < c->n_parts; i++)
        parts[i] = copier_kafka_part(c, i);
    kafka_source_committed(c->source, parts, c->n_parts, on_committed, copier_question_new(c, a));
    mem_free(parts);
}

static void on_low(void *ctx, const char *error, int64_t low, int64_t high)
{
    struct copier_question *q = ctx;
    struct copier *c = q->copier;

    (void)high;
    if (q->assignment == c->assignment)
        repartition_low(&c->core, q->part, q->ticket, error ? REPARTITION_NONE : low);
    mem_free(q);
    copier_turn(c);
}

/* ---------------------------------------------------------------- actions */

static void on_leftover(void *ctx, const char *error)
{
    (void)ctx;
    if (error)
        log_warn("copier", "a predecessor's transaction could not be aborted",
                 log_str("why", error));
    else
        log_info("copier", "a predecessor's transaction was aborted");
}

static void go(struct copier *c, const struct repartition_action *a)
{
    struct kafka_part part = copier_kafka_part(c, a->part);

    part.offset = a->offset;
    if (a->is_first)
        kafka_source_start(c->source, &part, 1);
    else
        kafka_source_seek(c->source, part.topic, part.partition, part.offset);
}

static void hold_all(struct copier *c, bool hold)
{
    for (size_t i = 0; i < c->n_parts; i++) {
        if (hold)
            kafka_source_pause(c->source, c->parts[i].topic, c->parts[i].partition);
        else
            kafka_source_resume(c->source, c->parts[i].topic, c->parts[i].partition);
    }
}

static void stop_part(struct copier *c, const struct repartition_action *a)
{
    log_error("copier", "a source partition is not copied until somebody acts",
              log_str("topic", c->parts[a->part].topic),
              log_i64("partition", c->parts[a->part].partition), log_str("what", a->text));
}

static void release(struct copier *c)
{
    copier_unclaim(c);
    forget_parts(c);
    kafka_source_release(c->source);
}

static void drained(struct copier *c)
{
    copier_unclaim(c);
    forget_parts(c);
    c->on_drained(c->ctx);
}

static void carry_out(struct copier *c, const struct repartition_action *a)
{
    switch (a->kind) {
    case REPARTITION_CLAIM:
        copier_claim(c, a->ticket);
        return;
    case REPARTITION_MARK:
        copier_mark(c, a->part);
        return;
    case REPARTITION_ABORT_LEFTOVER:
        kafka_sink_abort_leftover(c->sink, a->id, on_leftover, c);
        return;
    case REPARTITION_READ:
        read_committed(c, a);
        return;
    case REPARTITION_LOW:
        kafka_source_watermarks(c->source, c->parts[a->part].topic, c->parts[a->part].partition,
                                on_low, copier_question_new(c, a));
        return;
    case REPARTITION_GO:
        go(c, a);
        return;
    case REPARTITION_SUBMIT:
        copier_submit(c, a);
        return;
    case REPARTITION_CANCEL:
        kafka_sink_cancel(c->sink);
        return;
    case REPARTITION_COMMIT:
        copier_commit(c, a);
        return;
    case REPARTITION_DROP:
        copier_batch_reset(&c->filling);
        return;
    case REPARTITION_PAUSE:
    case REPARTITION_RESUME:
        hold_all(c, a->kind == REPARTITION_PAUSE);
        return;
    case REPARTITION_RELEASE:
        release(c);
        return;
    case REPARTITION_DRAINED:
        drained(c);
        return;
    case REPARTITION_STOP:
        stop_part(c, a);
        return;
    }
}

static void on_due(uv_timer_t *timer)
{
    copier_turn(timer->data);
}

void copier_turn(struct copier *c)
{
    struct repartition_action a;
    int64_t now_ms, due_ms;

    if (c->is_closing)
        return;
    uv_update_time(c->loop);
    now_ms = (int64_t)uv_now(c->loop);
    repartition_step(&c->core, now_ms);
    while (!c->is_closing && repartition_next(&c->core, &a))
        carry_out(c, &a);
    if (c->is_closing)
        return;
    due_ms = repartition_due(&c->core);
    if (due_ms == INT64_MAX)
        uv_timer_stop(&c->due);
    else
        uv_timer_start(&c->due, on_due, due_ms > now_ms ? (uint64_t)(due_ms - now_ms) : 0, 0);
}

/* ---------------------------------------------------------------- the consumer's callbacks */

static void on_assigned(void *ctx, const struct kafka_part *parts, size_t n)
{
    struct copier *c = ctx;

    if (c->is_closing)
        return;
    forget_parts(c);
    c->parts = mem_realloc(c->parts, (n + 1) * sizeof(*c->parts));
    for (size_t i = 0; i < n; i++) {
        c->parts[i] = (struct copier_part){topic_of(c, parts[i].topic), parts[i].partition};
        ENSURE(c->parts[i].topic);
    }
    c->n_parts = n;
    log_info("copier", "source partitions assigned", log_i64("n", (int64_t)n));
    repartition_assigned(&c->core, n);
    copier_turn(c);
}

static void on_revoked(void *ctx, const struct kafka_part *parts, size_t n)
{
    struct copier *c = ctx;

    (void)parts;
    log_info("copier", "source partitions to be given back", log_i64("n", (int64_t)n));
    if (c->is_closing) {
        kafka_source_release(c->source);
        return;
    }
    repartition_revoked(&c->core);
    copier_turn(c);
}

static void on_lost(void *ctx, const struct kafka_part *parts, size_t n)
{
    struct copier *c = ctx;

    (void)parts;
    log_warn("copier", "source partitions lost: the group went on without us",
             log_i64("n", (int64_t)n));
    forget_parts(c);
    repartition_lost(&c->core);
    copier_turn(c);
}

static void on_message(void *ctx, const struct kafka_message *m)
{
    struct copier *c = ctx;
    size_t part = (size_t)(uintptr_t)m->user;

    if (c->is_closing || !repartition_takes(&c->core, part, m->offset))
        return;
    copier_record(c, part, m);
    if (c->core.n_records >= c->core.opts.max_records || c->core.n_bytes >= c->core.opts.max_bytes)
        copier_turn(c); /* which pauses, also for the rest of the slice */
}

static void on_batch_end(void *ctx)
{
    copier_turn(ctx);
}

static void on_eof(void *ctx, const char *topic, int32_t partition, int64_t next_offset)
{
    struct copier *c = ctx;

    repartition_at_end(&c->core, part_of(c, topic, partition), next_offset);
    copier_turn(c);
}

static void on_outside(void *ctx, const char *topic, int32_t partition, int64_t offset)
{
    struct copier *c = ctx;

    (void)offset;
    repartition_outside(&c->core, part_of(c, topic, partition));
    copier_turn(c);
}

static void on_kafka_error(void *ctx, bool is_fatal, const char *text)
{
    struct copier *c = ctx;

    if (is_fatal)
        c->on_fatal(c->ctx, text);
    else
        log_warn("copier", "Kafka", log_str("why", text));
}

/* ---------------------------------------------------------------- life */

static char *copy(struct str s)
{
    return mem_strndup(s.ptr, s.len);
}

/* The main part's, but for the group. */
static struct kafka_property *own_properties(const struct copier_opts *opts, const char *group,
                                             size_t *ret_n)
{
    struct kafka_property *list = mem_calloc(opts->n_properties + 1, sizeof(*list));
    size_t n = 0;

    for (size_t i = 0; i < opts->n_properties; i++) {
        if (strcmp(opts->properties[i].key, "group.id") != 0)
            list[n++] = opts->properties[i];
    }
    list[n++] = (struct kafka_property){"group.id", group};
    *ret_n = n;
    return list;
}

static int open_kafka(struct copier *c, const struct copier_opts *opts, struct buf *detail)
{
    static const struct kafka_source_ops ops = {.on_assigned = on_assigned,
                                                .on_revoked = on_revoked,
                                                .on_lost = on_lost,
                                                .on_message = on_message,
                                                .on_eof = on_eof,
                                                .on_offset_outside = on_outside,
                                                .on_error = on_kafka_error,
                                                .on_batch_end = on_batch_end};
    struct buf group = BUF_INIT;
    struct kafka_property *list;
    size_t n;
    int r;

    buf_addf(&group, "%.*s-repartition", STR_ARG(opts->conf->kafka.group_id));
    list = own_properties(opts, group.ptr, &n);
    r = kafka_sink_new(c->loop,
                       &(struct kafka_sink_opts){
                           list, n, c->is_exactly_once ? c->core.opts.transactional_id : NULL},
                       &c->sink, detail);
    if (!r)
        r = kafka_source_new(c->loop,
                             &(struct kafka_source_opts){.properties = list,
                                                         .n_properties = n,
                                                         .topics = (const char *const *)c->topics,
                                                         .n_topics = c->n_topics},
                             &ops, c, &c->source, detail);
    mem_free(list);
    buf_deinit(&group);
    return r;
}

static void init_core(struct copier *c, const char *transactional_id)
{
    struct repartition_opts opts = REPARTITION_OPTS_INIT;

    opts.is_exactly_once = c->is_exactly_once;
    snprintf(opts.transactional_id, sizeof(opts.transactional_id), "%s", transactional_id);
    repartition_init(&c->core, &opts);
}

static struct copier *copier_alloc(const struct copier_opts *opts)
{
    const struct conf *conf = opts->conf;
    const struct event_limits limits = {.value_bytes = (size_t)conf->event_max_bytes,
                                        .depth = (size_t)conf->event_max_depth};
    struct copier *c = mem_calloc(1, sizeof(*c));
    struct buf key = BUF_INIT;

    c->loop = opts->loop;
    c->redis = opts->redis;
    list_init(&c->claims);
    c->on_fatal = opts->on_fatal;
    c->on_drained = opts->on_drained;
    c->ctx = opts->ctx;
    c->is_exactly_once = conf->delivery == CONF_DELIVERY_EXACTLY_ONCE;
    c->n_topics = conf->kafka.n_events;
    c->topics = mem_calloc(c->n_topics, sizeof(*c->topics));
    for (size_t i = 0; i < c->n_topics; i++)
        c->topics[i] = copy(conf->kafka.events[i]);
    c->topic = copy(str_of(opts->topic));
    c->dead_letters = copy(conf->kafka.dead_letters);
    c->n_partitions = opts->n_partitions;
    c->decoder = event_decoder_new(&limits);
    buf_addf(&key, "%.*s:{%s}:sources", STR_ARG(conf->redis.prefix), opts->topic);
    c->claims_key = copy(buf_str(&key));
    buf_deinit(&key);
    copier_use(c, conf);
    init_core(c, opts->transactional_id);
    copier_lag_init(c);
    uv_timer_init(c->loop, &c->due);
    c->due.data = c;
    return c;
}

int copier_new(const struct copier_opts *opts, struct copier **ret_copier, struct buf *detail)
{
    struct copier *c = copier_alloc(opts);

    /* In any case the caller's: what is open has to be closed in order. */
    *ret_copier = c;
    return open_kafka(c, opts, detail);
}

void copier_use(struct copier *c, const struct conf *conf)
{
    c->presets = conf->presets;
}

void copier_drain(struct copier *c)
{
    repartition_drain(&c->core);
    copier_turn(c);
}

static void copier_free(struct copier *c)
{
    copier_batch_reset(&c->filling);
    copier_batch_reset(&c->flight);
    copier_claim_deinit(c);
    copier_lag_deinit(c);
    repartition_deinit(&c->core);
    event_decoder_free(c->decoder);
    for (size_t i = 0; i < c->n_topics; i++)
        mem_free(c->topics[i]);
    mem_free(c->topics);
    mem_free(c->topic);
    mem_free(c->dead_letters);
    mem_free(c->claims_key);
    mem_free(c->parts);
    mem_free(c->refused);
    mem_free(c);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct copier *c = handle->data;
    void (*done)(void *) = c->done;
    void *ctx = c->done_ctx;

    copier_free(c);
    done(ctx);
}

static void on_sink_closed(void *ctx)
{
    struct copier *c = ctx;

    uv_close((uv_handle_t *)&c->due, on_timer_closed);
}

static void on_source_closed(void *ctx)
{
    struct copier *c = ctx;

    c->source = NULL;
    if (c->sink)
        kafka_sink_close(c->sink, CLOSE_MS, on_sink_closed, c);
    else
        on_sink_closed(c);
}

void copier_close(struct copier *c, void (*done)(void *ctx), void *ctx)
{
    ENSURE(!c->is_closing);
    c->is_closing = true;
    c->done = done;
    c->done_ctx = ctx;
    uv_timer_stop(&c->due);
    if (c->source && c->core.is_revoked)
        kafka_source_release(c->source); /* the consumer waits for it, and would for ever */
    if (c->source)
        kafka_source_close(c->source, on_source_closed, c);
    else
        on_source_closed(c);
}

/* ---------------------------------------------------------------- for others */

bool copier_is_at_ease(const struct copier *c, const char **ret_why)
{
    if (!kafka_sink_is_ready(c->sink))
        *ret_why = "the copier's producer is not ready";
    else if (c->core.stats.n_stopped && c->core.phase == REPARTITION_COPYING &&
             !repartition_is_at_ease(&c->core))
        *ret_why = "a source partition is stopped";
    else if (!repartition_is_at_ease(&c->core))
        *ret_why = "source partitions are being taken over";
    else
        return true;
    return false;
}

struct copier_stats copier_stats(struct copier *c)
{
    struct copier_stats stats = {.protocol = c->core.stats,
                                 .n_dead_letters = c->n_dead_letters,
                                 .n_mapped = c->n_mapped,
                                 .n_parts = c->n_parts};

    for (size_t i = 0; i < c->n_parts && i < c->core.n_parts; i++) {
        const struct repartition_part *p = &c->core.parts[i];
        int64_t high;

        if (p->committed >= 0 && c->source &&
            kafka_source_high_watermark(c->source, c->parts[i].topic, c->parts[i].partition,
                                        &high) &&
            high > p->committed)
            stats.lag += high - p->committed;
    }
    return stats;
}
