/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the loop's handles and every room, and stands between the protocol and the world: what
 * happens outside is told to `struct commit`, what it decides is carried out here. Starts in the
 * order conf, Redis, producers, consumer, HTTP; ends in the reverse.
 *
 * One turn: callbacks take records and answers; then, in the loop's check phase, loads are sent,
 * memory is kept within its budget, the protocol takes a step and its actions are carried out.
 */
#include "app/daemon_impl.h"
#include "adapters/notify.h"
#include "app/ingest.h"
#include "base/kill_point.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define GRACE_MS       20000
#define CLOSE_MS       5000
#define PARTITIONS_MAX 100000

int64_t daemon_wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

const char *daemon_topic(const struct daemon *d)
{
    return d->events_topic;
}

struct partition *daemon_partition(struct daemon *d, int32_t id)
{
    size_t n = (size_t)id + 1;

    ENSURE(id >= 0 && id < PARTITIONS_MAX);
    if (n > d->n_partitions) {
        d->partitions = mem_realloc(d->partitions, n * sizeof(struct partition *));
        memset(d->partitions + d->n_partitions, 0,
               (n - d->n_partitions) * sizeof(struct partition *));
        d->n_partitions = n;
    }
    if (!d->partitions[id])
        d->partitions[id] = partition_new(d, id);
    return d->partitions[id];
}

void daemon_fail(struct daemon *d, const char *why)
{
    log_error("daemon", "cannot go on", log_str("why", why));
    d->exit_code = EXIT_FAILURE;
    daemon_stop(d);
    daemon_stop(d);
}

/* ---------------------------------------------------------------- Redis */

enum commit_answer daemon_answer_of(struct daemon *d, const struct redis_answer *answer,
                                    enum commit_answer decoded)
{
    switch (answer->result) {
    case REDIS_RESULT_OK:
        return decoded;
    case REDIS_RESULT_ERROR:
        if (d->n_redis_faults++ % 100 == 0)
            log_warn("daemon", "Redis refused a command", log_view("error", answer->error),
                     log_i64("so_far", (int64_t)d->n_redis_faults));
        return COMMIT_REFUSED;
    case REDIS_RESULT_NOT_SENT:
        return COMMIT_REFUSED;
    case REDIS_RESULT_UNKNOWN:
        break;
    }
    return COMMIT_UNKNOWN;
}

struct acquisition {
    struct daemon *daemon;
    int32_t partition;
    uint64_t ticket;
};

static void note_meta(struct partition *p, const struct script_meta *meta)
{
    size_t n = meta->config.len < DIGEST_HEX ? meta->config.len : DIGEST_HEX;

    p->has_clock = meta->has_clock;
    p->clock_ms = meta->clock_ms;
    memset(p->config_hash, 0, sizeof(p->config_hash));
    if (n)
        memcpy(p->config_hash, meta->config.ptr, n);
    buf_reset(&p->config_text);
    buf_add_str(&p->config_text, meta->config_text);
    buf_reset(&p->source_life);
    buf_add_str(&p->source_life, meta->life);
    p->stored_config_offset = meta->config_offset;
}

static void on_acquired(void *ctx, const struct redis_answer *answer)
{
    struct acquisition *a = ctx;
    struct daemon *d = a->daemon;
    struct script_meta meta = {.has_clock = false};
    enum commit_answer outcome = daemon_answer_of(d, answer, COMMIT_OK);

    if (outcome == COMMIT_OK && script_acquire_mark(answer->reply).len)
        watch_drop(daemon_partition(d, a->partition), script_acquire_mark(answer->reply));
    if (outcome == COMMIT_OK && script_acquire_decode(answer->reply, &d->commit.opts, &meta))
        outcome = COMMIT_REFUSED;
    if (outcome == COMMIT_OK) {
        note_meta(daemon_partition(d, a->partition), &meta);
        kill_point("epoch_taken");
    }
    commit_acquired(&d->commit, a->partition, a->ticket, outcome,
                    outcome == COMMIT_OK ? &meta.commit : NULL);
    mem_free(a);
}

static void acquire(struct daemon *d, const struct commit_action *action)
{
    struct partition *p = daemon_partition(d, action->partition);
    struct acquisition *a = mem_alloc(sizeof(*a));

    *a = (struct acquisition){d, action->partition, action->ticket};
    script_acquire_encode(&d->call, &p->place, &d->commit.opts, action->epoch);
    redis_script_call(&d->acquire, d->redis, script_call_keys(&d->call), d->call.n_keys,
                      script_call_args(&d->call), script_call_n_args(&d->call), on_acquired, a);
}

static bool is_policy(struct str s)
{
    return str_eq(s, STR("noeviction"));
}

/* Redis must not evict: it would take our state away behind our back. */
static void on_policy(void *ctx, const struct redis_answer *answer)
{
    struct daemon *d = ctx;
    struct str policy;

    if (answer->result != REDIS_RESULT_OK) {
        if (answer->result == REDIS_RESULT_ERROR)
            log_warn("daemon", "cannot read Redis' maxmemory-policy; make sure it is noeviction",
                     log_view("error", answer->error));
        return;
    }
    policy = redis_reply_str(redis_reply_at(answer->reply, 1));
    if (is_policy(policy))
        return;
    log_error("daemon", "Redis may evict keys: run CONFIG SET maxmemory-policy noeviction",
              log_view("maxmemory_policy", policy));
    daemon_fail(d, "Redis is configured to evict keys");
}

static void on_count_stored(void *ctx, const struct redis_answer *answer)
{
    struct daemon *d = ctx;
    int64_t n = answer->result == REDIS_RESULT_OK ? script_count_decode(answer->reply) : 0;

    if (!commit_refuses_count(n, d->n_input_partitions) || d->state == DAEMON_CLOSING)
        return;
    log_error("daemon", "the input topic has another number of partitions than this state is of",
              log_i64("now", d->n_input_partitions), log_i64("then", n));
    for (size_t i = 0; i < d->n_partitions; i++)
        commit_stop(&d->commit, (int32_t)i, COMMIT_STOP_PARTITIONS);
}

/* With another number of partitions stakeholders are no longer where their state is. Asked with
 * each assignment, which librdkafka has made anew when the number changes, and of each new Redis.
 */
void daemon_check_count(struct daemon *d)
{
    const struct script_place place = {str_of(d->redis_prefix), str_of(d->events_topic), 0};

    if (!d->n_input_partitions || redis_conn_state(d->redis) != REDIS_STATE_READY)
        return;
    script_count_encode(&d->call, &place, d->n_input_partitions);
    redis_script_call(&d->count, d->redis, script_call_keys(&d->call), d->call.n_keys,
                      script_call_args(&d->call), script_call_n_args(&d->call), on_count_stored, d);
}

static void on_redis_state(void *ctx, enum redis_state state, const char *error)
{
    struct daemon *d = ctx;

    if (state == REDIS_STATE_READY) {
        redis_conn_words(d->redis, "CONFIG GET maxmemory-policy", on_policy, d);
        daemon_check_count(d);
        outage_redis_back(d);
    } else if (error) {
        outage_redis_away(d, error);
    }
    commit_redis(&d->commit, state == REDIS_STATE_READY);
}

/* ---------------------------------------------------------------- the group */

/* M, and then the log's bounds: whether N and M are still in the log is part of the decision. */
struct reading {
    struct daemon *daemon;
    int32_t partition;
    uint64_t ticket;
    struct commit_read read;
    char metadata[COMMIT_METADATA_MAX];
};

static void tell_read(struct reading *r, int64_t low, int64_t high)
{
    struct partition *p = daemon_partition(r->daemon, r->partition);

    r->read.metadata = str_of(r->metadata);
    r->read.low = low;
    r->read.high = high;
    if (low >= 0)
        p->log_begin = low;
    p->log_high = high;
    commit_committed(&r->daemon->commit, r->partition, r->ticket, &r->read);
    mem_free(r);
}

static void on_bounds(void *ctx, const char *error, int64_t low, int64_t high)
{
    struct reading *r = ctx;

    if (error)
        r->read.status = COMMIT_READ_FAILED;
    tell_read(r, error ? COMMIT_NONE : low, error ? COMMIT_NONE : high);
}

static void on_committed(void *ctx, const struct kafka_committed_part *part, size_t n)
{
    static const enum commit_read_status statuses[] = {
        [KAFKA_COMMITTED_OFFSET] = COMMIT_READ_OK,
        [KAFKA_COMMITTED_NONE] = COMMIT_READ_NONE,
        [KAFKA_COMMITTED_UNSTABLE] = COMMIT_READ_UNSTABLE,
        [KAFKA_COMMITTED_ERROR] = COMMIT_READ_FAILED,
    };
    struct reading *r = ctx;

    ENSURE(n == 1);
    r->read.status = statuses[part->status];
    r->read.offset = part->offset;
    if (part->metadata.len && part->metadata.len < sizeof(r->metadata)) /* longer is not ours */
        memcpy(r->metadata, part->metadata.ptr, part->metadata.len);
    kill_point("committed_offset_read");
    if (r->read.status == COMMIT_READ_OK || r->read.status == COMMIT_READ_NONE)
        kafka_source_watermarks(r->daemon->source, r->daemon->events_topic, r->partition, on_bounds,
                                r);
    else
        tell_read(r, COMMIT_NONE, COMMIT_NONE);
}

static void read_committed(struct daemon *d, const struct commit_action *action)
{
    const struct kafka_part part = {.topic = d->events_topic, .partition = action->partition};
    struct reading *r = mem_calloc(1, sizeof(*r));

    r->daemon = d;
    r->partition = action->partition;
    r->ticket = action->ticket;
    kafka_source_committed(d->source, &part, 1, on_committed, r);
}

static void on_leftover(void *ctx, const char *error)
{
    (void)ctx;
    if (error)
        log_warn("daemon", "a predecessor's transaction could not be aborted",
                 log_str("why", error));
    else
        log_info("daemon", "a predecessor's transaction was aborted");
}

/* Started there if it was not yet, moved there if it was. */
static void go_on_from(struct partition *p, int64_t offset)
{
    struct daemon *d = p->daemon;
    const struct kafka_part part = {.topic = d->events_topic, .partition = p->id, .offset = offset};

    ENSURE(offset != COMMIT_BEGINNING); /* M was told with the log's bounds */
    kafka_source_start(d->source, &part, 1);
    kafka_source_seek(d->source, d->events_topic, p->id, offset);
    kill_point("sought");
}

static void start(struct daemon *d)
{
    struct kafka_part *parts = mem_calloc(d->n_partitions + 1, sizeof(*parts));
    size_t n = 0;

    for (size_t i = 0; i < d->n_partitions; i++) {
        int64_t offset = commit_starts_at(&d->commit, (int32_t)i);

        ENSURE(offset != COMMIT_BEGINNING); /* M was told with the log's bounds */
        if (offset != COMMIT_NONE)
            parts[n++] = (struct kafka_part){
                .topic = d->events_topic, .partition = (int32_t)i, .offset = offset};
    }
    kafka_source_start(d->source, parts, n);
    mem_free(parts);
    kill_point("fetching_started");
}

/* ---------------------------------------------------------------- actions */

static void stop_partition(struct daemon *d, const struct commit_action *action)
{
    log_error("daemon", "a partition is stopped until somebody acts",
              log_i64("partition", action->partition),
              log_str("reason", commit_stop_name(action->reason)), log_str("what", action->text));
    partition_drop(daemon_partition(d, action->partition));
    watch_stopped(daemon_partition(d, action->partition));
}

static void on_released(void *ctx, const struct redis_answer *answer)
{
    (void)ctx;
    (void)answer; /* unheard, the successor aborts a transaction that is not there */
}

/* Tells successors that we end in order, and have no transaction open. */
static void release_all(struct daemon *d)
{
    for (size_t i = 0; i < d->n_partitions; i++) {
        if (!d->partitions[i])
            continue;
        script_release_encode(&d->call, &d->partitions[i]->place, &d->commit.opts);
        redis_script_call(&d->release, d->redis, script_call_keys(&d->call), d->call.n_keys,
                          script_call_args(&d->call), script_call_n_args(&d->call), on_released,
                          NULL);
    }
}

static void close_rooms(struct daemon *d);

static void carry_out(struct daemon *d, const struct commit_action *a)
{
    struct partition *p = a->partition >= 0 ? daemon_partition(d, a->partition) : NULL;

    switch (a->kind) {
    case COMMIT_ACQUIRE:
        acquire(d, a);
        return;
    case COMMIT_CUT:
        store_cut(p, a->offset);
        return;
    case COMMIT_WRITE:
        store_write(p, a);
        return;
    case COMMIT_WRITTEN:
        store_written(p);
        return;
    case COMMIT_READ:
        read_committed(d, a);
        return;
    case COMMIT_ABORT_LEFTOVER:
        kafka_sink_abort_leftover(d->sink, a->text, on_leftover, d);
        return;
    case COMMIT_START:
        start(d);
        return;
    case COMMIT_SEEK:
        go_on_from(p, a->offset);
        return;
    case COMMIT_PAUSE:
        partition_pause(p, PAUSED_BY_PROTOCOL);
        return;
    case COMMIT_RESUME:
        partition_resume(p, PAUSED_BY_PROTOCOL);
        return;
    case COMMIT_RELEASE:
        release_all(d);
        kafka_source_release(d->source);
        kill_point("partitions_released");
        return;
    case COMMIT_DRAINED:
        log_info("daemon", "drained");
        kill_point("drained");
        release_all(d);
        d->is_drained = true; /* closed when the other actions are carried out */
        return;
    case COMMIT_OFFSETS:
        publisher_commit_offsets(d, a->ticket);
        return;
    case COMMIT_HAND_OVER:
        publisher_hand_over(d, a->ticket);
        return;
    case COMMIT_OPEN:
        partition_open(p, a);
        return;
    case COMMIT_HELD:
        p->residency.retry_at_ms = 0;
        return;
    case COMMIT_KEEP:
        partition_keep(p);
        return;
    case COMMIT_DROP:
        partition_drop(p);
        progress_begin(p, "Redis has not what was left there");
        kill_point("state_dropped");
        return;
    case COMMIT_STOP:
        stop_partition(d, a);
        return;
    }
}

/* ---------------------------------------------------------------- one turn */

static size_t n_open_partitions(const struct daemon *d)
{
    size_t n = 0;

    for (size_t i = 0; i < d->n_partitions; i++)
        n += d->partitions[i] && d->partitions[i]->engine;
    return n;
}

/* Nothing comes in until something has left; and that is what is checkpointed. */
static void go_without(struct partition *p)
{
    partition_pause(p, PAUSED_BY_MEMORY);
    commit_hurry(&p->daemon->commit, p->id);
}

static void keep_within_memory(struct daemon *d)
{
    size_t n = n_open_partitions(d);

    for (size_t i = 0; i < d->n_partitions && n; i++) {
        struct partition *p = d->partitions[i];

        if (!p || !p->engine)
            continue;
        p->share_bytes = (uint64_t)d->conf->memory_bytes / n;
        if (residency_shrink(p, p->share_bytes))
            partition_resume(p, PAUSED_BY_MEMORY);
        else
            go_without(p);
    }
}

static void tell_progress(struct daemon *d)
{
    for (size_t i = 0; i < d->n_partitions && d->opts.on_progress; i++) {
        const struct commit_partition *c = commit_partition(&d->commit, (int32_t)i);

        if (c && c->state == COMMIT_RUNNING && !d->commit.outbox.n_waiting &&
            !d->commit.outbox.n_flight)
            d->opts.on_progress(d->opts.ctx, (int32_t)i, c->applied);
    }
}

/* What waited for an action, once all are carried out: a cut is to hold what it was decided for,
 * and no record more. */
static void pump_all(struct daemon *d)
{
    for (size_t i = 0; i < d->n_partitions; i++) {
        if (d->partitions[i] && d->partitions[i]->wants_pump)
            partition_pump(d->partitions[i]);
    }
}

static void on_due(uv_timer_t *timer)
{
    daemon_turn(timer->data);
}

static void set_due(struct daemon *d)
{
    int64_t due_ms = commit_due(&d->commit), now_ms = (int64_t)uv_now(d->loop);

    for (size_t i = 0; i < d->n_partitions; i++) {
        const struct partition *p = d->partitions[i];

        if (p && p->engine && p->residency.retry_at_ms > now_ms &&
            p->residency.retry_at_ms < due_ms)
            due_ms = p->residency.retry_at_ms;
    }
    if (due_ms == INT64_MAX)
        uv_timer_stop(&d->due);
    else
        uv_timer_start(&d->due, on_due, due_ms > now_ms ? (uint64_t)(due_ms - now_ms) : 0, 0);
}

static void step(struct daemon *d)
{
    struct commit_action action;

    keep_within_memory(d);
    d->is_stored = false;
    commit_step(&d->commit, (int64_t)uv_now(d->loop));
    while (d->state != DAEMON_CLOSING && commit_next(&d->commit, &action))
        carry_out(d, &action);
}

void daemon_turn(struct daemon *d)
{
    if (d->state == DAEMON_CLOSING)
        return;
    uv_update_time(d->loop);
    do
        step(d);
    while (d->is_stored && d->state != DAEMON_CLOSING); /* who waits for memory need not longer */
    if (d->is_drained && (!d->ingest || ingest_is_drained(d->ingest)))
        close_rooms(d);
    if (d->state == DAEMON_CLOSING)
        return;
    pump_all(d);
    for (size_t i = 0; i < d->n_partitions; i++) {
        if (!d->partitions[i])
            continue;
        residency_flush(d->partitions[i]);
        progress_turn(d->partitions[i]);
    }
    tell_progress(d);
    set_due(d);
}

static void on_check(uv_check_t *check)
{
    daemon_turn(check->data);
}

static void on_count(void *ctx, const char *error, int32_t n)
{
    struct daemon *d = ctx;

    d->is_count_wanted = error != NULL;
    if (error || d->state == DAEMON_CLOSING)
        return;
    d->n_input_partitions = n;
    daemon_check_count(d);
    for (size_t i = 0; i < d->n_partitions; i++) {
        if (d->partitions[i])
            d->partitions[i]->wants_pump = true; /* a merge waits for it */
    }
}

static void on_second(uv_timer_t *timer)
{
    struct daemon *d = timer->data;

    if (d->state == DAEMON_RUNNING)
        ticker_run(d);
    outage_run(d);
    if (d->state == DAEMON_RUNNING)
        watch_run(d);
    progress_tell_stats(d);
    if (d->state == DAEMON_RUNNING && d->is_count_wanted) {
        d->is_count_wanted = false;
        kafka_source_partition_count(d->source, d->events_topic, on_count, d);
    }
    notify_watchdog(); /* the loop turns: whether Redis and Kafka are there is another question */
    daemon_turn(d);
}

/* ---------------------------------------------------------------- the consumer's callbacks */

static bool is_among(int32_t partition, const struct kafka_part *parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (parts[i].partition == partition)
            return true;
    }
    return false;
}

/* What was kept of others is of no use any more. */
static void forget_all_but(struct daemon *d, const struct kafka_part *parts, size_t n)
{
    for (size_t i = 0; i < d->n_partitions; i++) {
        if (d->partitions[i] && !is_among((int32_t)i, parts, n))
            partition_forget(d->partitions[i]);
    }
}

static void on_assigned(void *ctx, const struct kafka_part *parts, size_t n)
{
    struct daemon *d = ctx;
    int32_t *ids;

    if (d->state == DAEMON_CLOSING)
        return;
    ids = mem_calloc(n + 1, sizeof(*ids));
    for (size_t i = 0; i < n; i++) {
        ids[i] = parts[i].partition;
        daemon_partition(d, ids[i])->paused = 0; /* as the consumer takes it: anew */
        progress_begin(daemon_partition(d, ids[i]), "assigned");
    }
    forget_all_but(d, parts, n);
    log_info("daemon", "partitions assigned", log_i64("n", (int64_t)n));
    kafka_source_partition_count(d->source, d->events_topic, on_count, d);
    commit_group(&d->commit, true);
    commit_assigned(&d->commit, ids, n);
    kill_point("assignment_told");
    mem_free(ids);
}

static void on_revoked(void *ctx, const struct kafka_part *parts, size_t n)
{
    struct daemon *d = ctx;

    (void)parts;
    log_info("daemon", "partitions to be given back", log_i64("n", (int64_t)n));
    if (d->state == DAEMON_CLOSING)
        kafka_source_release(d->source); /* all is settled, or given up */
    else
        commit_revoked(&d->commit);
    kill_point("revocation_told");
}

static void on_lost(void *ctx, const struct kafka_part *parts, size_t n)
{
    struct daemon *d = ctx;

    (void)parts;
    log_warn("daemon", "partitions lost: the group went on without us", log_i64("n", (int64_t)n));
    commit_group(&d->commit, false);
    if (d->state != DAEMON_CLOSING)
        commit_lost(&d->commit);
    kill_point("loss_told");
}

static void on_message(void *ctx, const struct kafka_message *m)
{
    struct daemon *d = ctx;

    partition_take(daemon_partition(d, m->partition), m);
}

static void on_eof(void *ctx, const char *topic, int32_t partition, int64_t next_offset)
{
    struct daemon *d = ctx;
    struct partition *p = daemon_partition(d, partition);

    (void)topic;
    if (p->beginning.is_sought) {
        beginning_end_of_log(p);
        return;
    }
    p->end_offset = next_offset;
    if (p->engine && !p->n_parked)
        commit_skipped(&d->commit, partition, next_offset);
}

static void on_outside(void *ctx, const char *topic, int32_t partition, int64_t offset)
{
    struct daemon *d = ctx;

    (void)topic;
    log_error("daemon", "the log does not have the offset to go on from",
              log_i64("partition", partition), log_i64("offset", offset));
    commit_stop(&d->commit, partition, COMMIT_STOP_OUTSIDE_LOG);
}

static void on_kafka_error(void *ctx, bool is_fatal, const char *text)
{
    struct daemon *d = ctx;

    if (is_fatal)
        daemon_fail(d, text);
    else
        log_warn("daemon", "Kafka", log_str("why", text));
}

/* ---------------------------------------------------------------- start */

/* `dev` feeds its own topic, keyed as it should be. */
static bool is_repartitioned(const struct daemon *d)
{
    return d->conf->ingest.repartition && !d->opts.bootstrap;
}

struct presets *daemon_presets(const struct daemon *d, const struct conf *conf)
{
    return d->ingest ? NULL : conf->presets;
}

static char *copy(struct str s)
{
    return mem_strndup(s.ptr, s.len);
}

/* The operator's properties, the group, and what `dev` puts in their place. Owned by the caller. */
static struct kafka_property *properties_of(const struct daemon *d, size_t *ret_n)
{
    const struct conf_kafka *k = &d->conf->kafka;
    struct kafka_property *list = mem_calloc(k->n_properties + 2, sizeof(*list));
    size_t n = 0;

    for (size_t i = 0; i < k->n_properties; i++) {
        if (d->opts.bootstrap && str_eq(k->properties[i].key, STR("bootstrap.servers")))
            continue;
        list[n++] =
            (struct kafka_property){copy(k->properties[i].key), copy(k->properties[i].value)};
    }
    if (!k->has_group_id)
        list[n++] = (struct kafka_property){copy(STR("group.id")), copy(k->group_id)};
    if (d->opts.bootstrap)
        list[n++] = (struct kafka_property){copy(STR("bootstrap.servers")),
                                            copy(str_of(d->opts.bootstrap))};
    *ret_n = n;
    return list;
}

static void free_properties(struct kafka_property *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mem_free((char *)(uintptr_t)list[i].key);
        mem_free((char *)(uintptr_t)list[i].value);
    }
    mem_free(list);
}

static int start_redis(struct daemon *d, struct buf *detail)
{
    static const struct redis_conn_ops ops = {.on_state = on_redis_state};
    struct redis_url url = REDIS_URL_INIT;
    struct redis_conn_opts opts = {.url = &url};
    const struct conf_redis *c = &d->conf->redis;
    int r = redis_url_parse(d->opts.redis_url ? str_of(d->opts.redis_url) : c->url, &url, detail);

    if (r)
        return r;
    if (c->user.len) {
        mem_free(url.user);
        url.user = copy(c->user);
    }
    if (c->password.len) {
        mem_free(url.password);
        url.password = copy(c->password);
    }
    r = redis_conn_new(d->loop, &opts, &ops, d, &d->redis, detail);
    redis_url_deinit(&url);
    return r;
}

int daemon_consume(struct daemon *d, struct buf *detail)
{
    static const struct kafka_source_ops ops = {.on_assigned = on_assigned,
                                                .on_revoked = on_revoked,
                                                .on_lost = on_lost,
                                                .on_message = on_message,
                                                .on_eof = on_eof,
                                                .on_offset_outside = on_outside,
                                                .on_error = on_kafka_error};
    const char *topic = d->events_topic;
    size_t n;
    struct kafka_property *list = properties_of(d, &n);
    struct kafka_source_opts source = {
        .properties = list, .n_properties = n, .topics = &topic, .n_topics = 1};
    int r = kafka_source_new(d->loop, &source, &ops, d, &d->source, detail);

    free_properties(list, n);
    return r;
}

static int start_kafka(struct daemon *d, struct buf *detail)
{
    bool is_exactly_once = d->conf->delivery == CONF_DELIVERY_EXACTLY_ONCE;
    size_t n;
    struct kafka_property *list = properties_of(d, &n);
    struct kafka_sink_opts sink = {list, n,
                                   is_exactly_once ? d->commit.opts.transactional_id : NULL};
    int r = kafka_sink_new(d->loop, &sink, &d->sink, detail);

    if (!r)
        r = kafka_append_new(d->loop, list, n, &d->append, detail);
    if (!r && is_repartitioned(d))
        d->ingest = ingest_new(d, d->events_topic, list, n);
    else if (!r)
        r = daemon_consume(d, detail);
    free_properties(list, n);
    return r;
}

static void init_commit(struct daemon *d)
{
    struct commit_opts opts = COMMIT_OPTS_INIT;
    uint64_t instance = 0;

    while (!opts.token && getrandom(&opts.token, sizeof(opts.token), 0) < 0)
        opts.token = 0;
    while (getrandom(&instance, sizeof(instance), 0) < 0)
        instance = 0;
    opts.is_exactly_once = d->conf->delivery == CONF_DELIVERY_EXACTLY_ONCE;
    opts.checkpoint_ms = d->conf->checkpoint_interval_ms;
    snprintf(opts.transactional_id, sizeof(opts.transactional_id), "%.*s-%016llx",
             STR_ARG(d->conf->deployment), (unsigned long long)instance);
    commit_init(&d->commit, &opts);
}

static void init_handles(struct daemon *d)
{
    uv_check_init(d->loop, &d->check);
    uv_timer_init(d->loop, &d->due);
    uv_timer_init(d->loop, &d->seconds);
    uv_timer_init(d->loop, &d->grace);
    d->check.data = d->due.data = d->seconds.data = d->grace.data = d;
    d->n_open_handles = 4;
    uv_check_start(&d->check, on_check);
    uv_timer_start(&d->seconds, on_second, 1000, 1000);
}

static struct daemon *daemon_alloc(uv_loop_t *loop, const struct daemon_opts *opts)
{
    struct daemon *d = mem_calloc(1, sizeof(*d));
    const struct conf *c = opts->conf;
    const struct event_limits limits = {.value_bytes = (size_t)c->event_max_bytes,
                                        .depth = (size_t)c->event_max_depth};

    d->loop = loop;
    d->opts = *opts;
    d->conf = daemon_keep_conf(d, opts->conf);
    d->events_topic = copy(is_repartitioned(d) ? c->ingest.topic : c->kafka.events[0]);
    d->triggers_topic = copy(c->kafka.triggers);
    d->dead_letters_topic = copy(c->kafka.dead_letters);
    d->redis_prefix = copy(c->redis.prefix);
    d->decoder = event_decoder_new(&limits);
    d->acquire = (struct redis_script)REDIS_SCRIPT_INIT(script_acquire);
    d->write = (struct redis_script)REDIS_SCRIPT_INIT(script_write);
    d->load = (struct redis_script)REDIS_SCRIPT_INIT(script_load);
    d->wake = (struct redis_script)REDIS_SCRIPT_INIT(script_wake);
    d->release = (struct redis_script)REDIS_SCRIPT_INIT(script_release);
    d->count = (struct redis_script)REDIS_SCRIPT_INIT(script_count);
    d->drop = (struct redis_script)REDIS_SCRIPT_INIT(script_drop);
    d->call = (struct script_call)SCRIPT_CALL_INIT;
    d->started_ms = d->reloaded_ms = daemon_wall_ms();
    d->is_reload_good = true;
    return d;
}

int daemon_new(uv_loop_t *loop, const struct daemon_opts *opts, struct daemon **ret_daemon)
{
    struct daemon *d = daemon_alloc(loop, opts);
    struct buf detail = BUF_INIT;
    int r;

    init_commit(d);
    init_handles(d);
    r = start_redis(d, &detail);
    if (!r)
        r = start_kafka(d, &detail);
    if (!r)
        r = web_start(d);
    *ret_daemon = d;
    d->state = DAEMON_RUNNING;
    if (r) {
        daemon_fail(d, detail.len ? detail.ptr : "see the message before");
        buf_deinit(&detail);
        return 0; /* the loop closes what is open; the exit code says it failed */
    }
    buf_deinit(&detail);
    log_info("daemon", "started", log_str("version", ENGAGED_VERSION),
             log_view("deployment", d->conf->deployment), log_str("events", d->events_topic),
             log_str("triggers", d->triggers_topic), log_str("config", d->conf->hash));
    return 0;
}

int daemon_http_port(const struct daemon *d)
{
    return d->http ? http_server_port(d->http) : 0;
}

/* Some partition of ours is neither running nor stopped. A member without partitions is at ease. */
static bool is_taking_over(const struct daemon *d)
{
    for (size_t i = 0; i < d->n_partitions; i++) {
        const struct commit_partition *c = commit_partition(&d->commit, (int32_t)i);

        if (d->partitions[i] && d->partitions[i]->beginning.is_sought)
            return true;
        if (c && (c->state == COMMIT_ACQUIRING || c->state == COMMIT_READING ||
                  c->state == COMMIT_READY))
            return true;
    }
    return false;
}

bool daemon_is_ready(const struct daemon *d, const char **ret_why)
{
    if (d->state != DAEMON_RUNNING)
        *ret_why = "ending";
    else if (redis_conn_state(d->redis) != REDIS_STATE_READY)
        *ret_why = "Redis is not connected";
    else if (!kafka_sink_is_ready(d->sink))
        *ret_why = "the producer is not ready";
    else if (d->ingest && !d->source)
        return ingest_is_ready(d->ingest, ret_why);
    else if (!d->commit.is_group_live)
        *ret_why = "not a member of the consumer group yet";
    else if (is_taking_over(d))
        *ret_why = "partitions are being taken over";
    else if (d->ingest)
        return ingest_is_ready(d->ingest, ret_why);
    else
        return true;
    return false;
}

/* ---------------------------------------------------------------- configurations */

static void add_conf(struct daemon *d, struct conf *conf)
{
    mem_grow(&d->confs, &d->cap_confs, d->n_confs, sizeof(struct conf *));
    d->confs[d->n_confs++] = conf;
}

struct conf *daemon_keep_conf(struct daemon *d, struct conf *conf)
{
    for (size_t i = 0; i < d->n_confs; i++) {
        if (strcmp(d->confs[i]->hash, conf->hash) == 0 && d->confs[i]->path.len == conf->path.len) {
            conf_free(conf);
            return d->confs[i];
        }
    }
    add_conf(d, conf);
    return conf;
}

static bool is_conf_used(const struct daemon *d, const struct conf *conf)
{
    for (size_t i = 0; i < d->n_partitions; i++) {
        if (d->partitions[i] && d->partitions[i]->conf == conf)
            return true;
    }
    return conf == d->conf;
}

void daemon_sweep_confs(struct daemon *d)
{
    size_t n = 0;

    for (size_t i = 0; i < d->n_confs; i++) {
        if (is_conf_used(d, d->confs[i]))
            d->confs[n++] = d->confs[i];
        else
            conf_free(d->confs[i]);
    }
    d->n_confs = n;
}

/* ---------------------------------------------------------------- reload */

static void log_faults(const struct conf_faults *faults)
{
    for (size_t i = 0; i < faults->n; i++) {
        struct buf line = BUF_INIT;

        conf_fault_format(&faults->items[i], &line);
        log_error("daemon", "configuration fault", log_view("fault", buf_str(&line)));
        buf_deinit(&line);
    }
}

static bool is_same_kafka(const struct conf_kafka *a, const struct conf_kafka *b)
{
    if (a->n_properties != b->n_properties || !str_eq(a->group_id, b->group_id))
        return false;
    for (size_t i = 0; i < a->n_properties; i++) {
        if (!str_eq(a->properties[i].key, b->properties[i].key) ||
            !str_eq(a->properties[i].value, b->properties[i].value))
            return false;
    }
    return true;
}

/* What a running process cannot take anew. */
static bool is_same_place(const struct conf *a, const struct conf *b)
{
    return str_eq(a->deployment, b->deployment) && str_eq(a->redis.prefix, b->redis.prefix) &&
           ingest_is_same_place(a, b) && str_eq(a->kafka.triggers, b->kafka.triggers) &&
           str_eq(a->kafka.dead_letters, b->kafka.dead_letters) && a->delivery == b->delivery &&
           str_eq(a->redis.url, b->redis.url) && str_eq(a->http_host, b->http_host) &&
           a->http_port == b->http_port && a->event_max_bytes == b->event_max_bytes &&
           a->event_max_depth == b->event_max_depth && is_same_kafka(&a->kafka, &b->kafka);
}

/* Partitions go on with what is in force until their control record comes by. */
static void adopt(struct daemon *d, struct conf *conf)
{
    /* Not daemon_keep_conf(): one with the same rules may differ in what is local to us. */
    add_conf(d, conf);
    d->conf = conf;
    if (d->ingest)
        ingest_use(d->ingest, conf);
    d->commit.opts.checkpoint_ms = conf->checkpoint_interval_ms;
    log_setup((enum log_level)conf->log_level, (enum log_format)conf->log_format);
    for (size_t i = 0; i < d->n_partitions; i++) {
        struct partition *p = d->partitions[i];

        if (p)
            p->wants_configuration |= p->engine && strcmp(p->conf->hash, d->conf->hash) != 0;
    }
    daemon_sweep_confs(d);
}

bool daemon_reload(struct daemon *d)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL;
    bool is_good;

    if (!d->opts.config_path || d->state != DAEMON_RUNNING)
        return false;
    notify_reloading();
    is_good =
        !conf_load(d->opts.config_path, &conf, &faults) && !conf_require_daemon(conf, &faults);
    if (is_good && !is_same_place(conf, d->conf)) {
        log_error("daemon",
                  "deployment, kafka, ingest, redis, delivery, http.listen and limits need a "
                  "restart to change");
        is_good = false;
    }
    log_faults(&faults);
    conf_faults_deinit(&faults);
    if (is_good) {
        log_info("daemon", "configuration reloaded", log_str("config", conf->hash));
        adopt(d, conf);
        d->reloaded_ms = daemon_wall_ms();
    } else {
        log_error("daemon", "the new configuration was not taken; the old one stays in force");
        conf_free(conf);
    }
    d->is_reload_good = is_good;
    notify_ready();
    return is_good;
}

/* ---------------------------------------------------------------- end */

static void on_handle_closed(uv_handle_t *handle)
{
    struct daemon *d = handle->data;

    d->n_open_handles--;
}

static void close_handles(struct daemon *d)
{
    uv_close((uv_handle_t *)&d->check, on_handle_closed);
    uv_close((uv_handle_t *)&d->due, on_handle_closed);
    uv_close((uv_handle_t *)&d->seconds, on_handle_closed);
    uv_close((uv_handle_t *)&d->grace, on_handle_closed);
}

static void on_redis_closed(void *ctx)
{
    struct daemon *d = ctx;

    d->redis = NULL;
    close_handles(d);
}

static void on_append_closed(void *ctx)
{
    struct daemon *d = ctx;

    d->append = NULL;
    if (d->redis)
        redis_conn_close(d->redis, on_redis_closed, d);
    else
        close_handles(d);
}

static void on_sink_closed(void *ctx)
{
    struct daemon *d = ctx;

    d->sink = NULL;
    if (d->append)
        kafka_append_close(d->append, on_append_closed, d);
    else
        on_append_closed(d);
}

static void on_source_closed(void *ctx)
{
    struct daemon *d = ctx;

    d->source = NULL;
    if (d->sink)
        kafka_sink_close(d->sink, CLOSE_MS, on_sink_closed, d);
    else
        on_sink_closed(d);
}

static void on_ingest_closed(void *ctx)
{
    struct daemon *d = ctx;

    d->ingest = NULL;
    if (d->source)
        kafka_source_close(d->source, on_source_closed, d);
    else
        on_source_closed(d);
}

static void on_http_closed(void *ctx)
{
    struct daemon *d = ctx;

    d->http = NULL;
    if (d->ingest)
        ingest_close(d->ingest, on_ingest_closed, d);
    else
        on_ingest_closed(d);
}

/* In the reverse order of the start, one after the other. */
static void close_rooms(struct daemon *d)
{
    if (d->state == DAEMON_CLOSING)
        return;
    d->state = DAEMON_CLOSING;
    uv_timer_stop(&d->grace);
    if (d->source && d->commit.is_revoked)
        kafka_source_release(d->source); /* the consumer waits for it, and would for ever */
    for (size_t i = 0; i < d->n_partitions; i++) {
        if (d->partitions[i])
            partition_drop(d->partitions[i]);
    }
    if (d->http)
        http_server_close(d->http, on_http_closed, d);
    else
        on_http_closed(d);
}

static void on_grace(uv_timer_t *timer)
{
    struct daemon *d = timer->data;

    log_warn("daemon", "draining took too long; what is not published is left to the next owner");
    d->exit_code = EXIT_FAILURE;
    close_rooms(d);
}

void daemon_stop(struct daemon *d)
{
    if (d->state == DAEMON_DRAINING) {
        close_rooms(d);
        return;
    }
    if (d->state == DAEMON_CLOSING)
        return;
    log_info("daemon", "draining");
    notify_stopping();
    d->state = DAEMON_DRAINING;
    uv_timer_start(&d->grace, on_grace, GRACE_MS, 0);
    if (d->ingest)
        ingest_drain(d->ingest);
    commit_drain(&d->commit);
    uv_timer_start(&d->due, on_due, 0, 0);
}

bool daemon_has_ended(const struct daemon *d)
{
    return d->n_open_handles == 0;
}

int daemon_free(struct daemon *d)
{
    int code = d->exit_code;

    ENSURE(d->n_open_handles == 0);
    for (size_t i = 0; i < d->n_partitions; i++) {
        if (d->partitions[i])
            partition_free(d->partitions[i]);
    }
    mem_free(d->partitions);
    commit_deinit(&d->commit);
    kafka_batch_free(d->batch);
    event_decoder_free(d->decoder);
    script_call_deinit(&d->call);
    buf_deinit(&d->scratch);
    mem_free(d->events_topic);
    mem_free(d->triggers_topic);
    mem_free(d->dead_letters_topic);
    mem_free(d->redis_prefix);
    for (size_t i = 0; i < d->n_confs; i++)
        conf_free(d->confs[i]);
    mem_free(d->confs);
    mem_free(d);
    return code;
}
