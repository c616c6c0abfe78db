/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated world's time, its faults, and the verdict on what came out. */
#include "world_impl.h"
#include "base/mem.h"

#include <stdarg.h>

#define FAULTS_MS 1500 /* faults happen until then */
#define LIMIT_MS  9000 /* all must be at rest by then */

const char *const breakage_names[N_BREAKAGES] = {
    [BREAK_NOTHING] = "nothing",     [BREAK_STABLE_READ] = "stable-read",
    [BREAK_CAS] = "compare-and-set", [BREAK_SUPPRESSION] = "suppression",
    [BREAK_METADATA] = "metadata",   [BREAK_GENERATION] = "generation",
    [BREAK_CLOCK] = "clock",         [BREAK_NEW_PRODUCER] = "new-producer",
    [BREAK_COUNT] = "count",         [BREAK_COLD_LOAD] = "cold-load",
    [BREAK_EXPIRED] = "expired",     [BREAK_KEPT] = "kept",
};

void world_trace(struct world *w, const char *format, ...)
{
    va_list args;

    fprintf(w->trace, "%6d ", (int)w->now);
    va_start(args, format);
    vfprintf(w->trace, format, args);
    va_end(args);
    fputc('\n', w->trace);
}

void world_fail(struct world *w, const char *format, ...)
{
    va_list args;

    if (!w->result->is_good)
        return;
    w->result->is_good = false;
    w->is_over = true;
    va_start(args, format);
    vsnprintf(w->result->text, sizeof(w->result->text), format, args);
    va_end(args);
    TRACE(w, "WRONG: %s", w->result->text);
}

bool world_is_same(const struct out *a, const struct out *b)
{
    return a->partition == b->partition && a->offset == b->offset && a->key == b->key &&
           a->nth == b->nth && a->count == b->count;
}

/* ---- chance: splitmix64 ---- */

int64_t world_random(struct world *w, int64_t below)
{
    uint64_t z = (w->rng += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (int64_t)((z ^ (z >> 31)) % (uint64_t)below);
}

bool world_chance(struct world *w, int percent)
{
    return w->is_faulty && world_random(w, 100) < percent;
}

int64_t world_delay(struct world *w)
{
    return 1 + world_random(w, world_chance(w, 5) ? 60 : 5);
}

/* ---- the queue: a heap by (time, order of arrival) ---- */

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at < b->at || (a->at == b->at && a->seq < b->seq);
}

static void push(struct world *w, struct event e)
{
    size_t i = w->n_queue++;

    mem_grow(&w->queue, &w->cap_queue, i, sizeof(*w->queue));
    for (; i > 0 && is_before(&e, &w->queue[(i - 1) / 2]); i = (i - 1) / 2)
        w->queue[i] = w->queue[(i - 1) / 2];
    w->queue[i] = e;
}

static struct event pop(struct world *w)
{
    struct event top = w->queue[0];
    struct event last = w->queue[--w->n_queue];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < w->n_queue && is_before(&w->queue[child + 1], &w->queue[child]))
            child++;
        if (child >= w->n_queue || !is_before(&w->queue[child], &last))
            break;
        w->queue[i] = w->queue[child];
        i = child;
    }
    w->queue[i] = last;
    return top;
}

void world_at(struct world *w, int64_t delay, enum event_kind kind, int worker, int life, int a,
              int b)
{
    push(w, (struct event){.at = w->now + delay,
                           .seq = w->next_seq++,
                           .kind = kind,
                           .worker = worker,
                           .life = life,
                           .a = a,
                           .b = b});
}

/* ---- the input, and what it implies ---- */

static void imply(struct world *w, int32_t p)
{
    struct input *in = &w->inputs[p];

    for (int i = 0; i < N_KEYS; i++)
        in->final[i] = (struct key_state){.applied = -1};
    for (int64_t offset = 0; offset < in->n_all; offset++) {
        const struct record *r = &in->records[offset];

        for (int key = 0; key < N_KEYS && r->kind != RECORD_GAP; key++) {
            if (r->kind == RECORD_TICK || r->key == key)
                in->n_expected +=
                    engine_apply(w, &in->final[key], p, offset, key, &in->expected[in->n_expected]);
        }
    }
}

static void make_input(struct world *w)
{
    for (int32_t p = 0; p < N_PARTITIONS; p++) {
        struct input *in = &w->inputs[p];

        in->n_all = 6 + world_random(w, LOG_MAX - 5);
        for (int64_t i = 0; i < in->n_all; i++) {
            int64_t kind = world_random(w, 10);

            in->records[i].kind = kind == 0 ? RECORD_GAP : kind <= 2 ? RECORD_TICK : RECORD_EVENT;
            in->records[i].key = (int)world_random(w, N_KEYS);
            world_at(w, world_random(w, FAULTS_MS), EV_APPEND, 0, 0, p, 0);
        }
        imply(w, p);
    }
}

/* ---- faults ---- */

static void stop_worker(struct world *w, struct worker *worker)
{
    if (!worker->is_alive || worker->is_stopped)
        return;
    TRACE(w, "fault: worker %d is stopped", worker->index);
    worker->is_stopped = true;
    w->result->n_zombies++;
    world_at(w, 20 + world_random(w, 450), EV_CONTINUE, worker->index, worker->life, 0, 0);
    world_at(w, 150, EV_KICK, worker->index, worker->life, 0, 0);
}

static void fail_over(struct world *w, size_t n)
{
    if (w->may_expire || w->may_truncate)
        return;
    TRACE(w, "fault: Redis loses %d scripts", (int)n);
    redis_fail_over(w, n);
    w->result->n_failovers++;
    for (int i = 0; i < N_WORKERS; i++) {
        if (world_random(w, 3)) /* some do not notice */
            world_at(w, world_delay(w), EV_REDIS_DOWN, i, w->workers[i].life, 0, 0);
    }
}

/* The group was empty for too long. */
static void expire_offsets(struct world *w)
{
    if (!w->may_expire)
        return;
    for (int i = 0; i < N_WORKERS; i++)
        worker_kill(w, &w->workers[i]);
    for (int p = 0; p < N_PARTITIONS; p++) {
        if (w->redis.now.partitions[p].committed == COMMIT_NONE || kafka_is_pending(&w->kafka, p))
            continue;
        TRACE(w, "fault: the offset of partition %d expires", p);
        w->kafka.m[p] = (struct commit_read){.status = COMMIT_READ_NONE, .offset = COMMIT_NONE};
        w->inputs[p].is_expired = true;
    }
}

/* Retention was shorter than the checkpoint is old, or not quite. */
static void truncate_log(struct world *w, int32_t p)
{
    struct input *in = &w->inputs[p];
    int64_t stored = w->redis.now.partitions[p].offset;
    int64_t low = stored + world_random(w, 4) - 2;

    if (!w->may_truncate || stored == COMMIT_NONE || low <= in->low || low > in->n)
        return;
    TRACE(w, "fault: the log of partition %d begins at %d now", p, (int)low);
    in->low = low;
    in->is_truncated = low > stored;
}

static void drain(struct world *w, struct worker *worker)
{
    if (!worker->is_alive || worker->is_stopped)
        return;
    TRACE(w, "fault: worker %d is drained", worker->index);
    worker->is_draining = true;
    commit_drain(&worker->commit);
}

static void on_fault(struct world *w)
{
    struct worker *worker = &w->workers[world_random(w, N_WORKERS)];
    int64_t what = world_random(w, 100);

    if (what < 18) {
        TRACE(w, "fault: worker %d is killed", worker->index);
        w->result->n_crashes += worker->is_alive;
        worker_kill(w, worker);
    } else if (what < 36) {
        stop_worker(w, worker);
    } else if (what < 54) {
        fail_over(w, (size_t)(1 + world_random(w, 1 + world_random(w, 20))));
    } else if (what < 57) {
        fail_over(w, HISTORY);
    } else if (what < 70) {
        world_at(w, 1, EV_REDIS_DOWN, worker->index, worker->life, 0, 0);
    } else if (what < 85) {
        kafka_rebalance(w);
    } else if (what < 92) {
        drain(w, worker);
    } else {
        expire_offsets(w);
        truncate_log(w, (int32_t)world_random(w, N_PARTITIONS));
    }
    world_at(w, 10 + world_random(w, 150), EV_FAULT, 0, 0, 0, 0);
}

/* ---- the verdict ---- */

static bool is_stopped(const struct world *w, int32_t p)
{
    for (int i = 0; i < N_WORKERS; i++) {
        const struct commit_partition *part =
            w->workers[i].is_alive ? commit_partition(&w->workers[i].commit, p) : NULL;

        if (part && part->state == COMMIT_STOPPED)
            return true;
    }
    return false;
}

/* Where nobody can tell how to go on. */
static bool is_given_up(const struct world *w, int32_t p)
{
    return (w->inputs[p].is_expired || w->inputs[p].is_truncated) && is_stopped(w, p);
}

/* The last record that is one; what follows are gaps, which a checkpoint need not pass. */
static int64_t end_of(const struct input *in)
{
    int64_t n = in->n_all;

    while (n > 0 && in->records[n - 1].kind == RECORD_GAP)
        n--;
    return n;
}

static bool is_at_rest(struct world *w)
{
    for (int32_t p = 0; p < N_PARTITIONS; p++) {
        const struct input *in = &w->inputs[p];

        if (is_given_up(w, p))
            continue;
        /* A plain commit that comes late takes M back; nobody is harmed. */
        if (w->kafka.m[p].offset < end_of(in) && (!w->is_at_least_once || w->is_calm))
            return false;
        if (w->redis.now.partitions[p].offset < end_of(in) || kafka_is_pending(&w->kafka, p))
            return false;
    }
    for (int s = 0; s < N_WORKERS; s++) {
        if (w->kafka.slots[s].state != TXN_NONE)
            return false;
    }
    return true;
}

/* At least once: each output, first seen in the order of the log; again only around faults. */
static void check_plain_outputs(struct world *w, int32_t p)
{
    const struct input *in = &w->inputs[p];
    const struct kafka *k = &w->kafka;
    int n = 0;

    for (size_t i = 0; i < k->n_log; i++) {
        const struct published *out = &k->log[i];
        int at = 0;

        if (out->out.partition != p)
            continue;
        w->result->n_outputs++;
        while (at < n && !world_is_same(&out->out, &in->expected[at]))
            at++;
        if (at < n && w->is_calm)
            world_fail(w, "partition %d: output %d is repeated without a fault", p, at);
        if (at == n && (n >= in->n_expected || !world_is_same(&out->out, &in->expected[n])))
            world_fail(w, "partition %d: output %d is out of its place", p, n);
        n += at == n;
    }
    if (n != in->n_expected && !is_given_up(w, p))
        world_fail(w, "partition %d: %d of %d outputs are missing", p, in->n_expected - n,
                   in->n_expected);
}

/* What a consumer that reads committed has seen of one partition, against what the log implies. */
static void check_outputs(struct world *w, int32_t p)
{
    const struct input *in = &w->inputs[p];
    const struct kafka *k = &w->kafka;
    int n = 0;

    for (size_t i = 0; i < k->n_log; i++) {
        const struct published *out = &k->log[i];

        if (out->out.partition != p || out->state != PUBLISHED_COMMITTED)
            continue;
        w->result->n_outputs++;
        if (n >= in->n_expected || !world_is_same(&out->out, &in->expected[n]))
            world_fail(w, "partition %d: output %d of the log is out of its place", p, n);
        n++;
    }
    if (n != in->n_expected && !is_given_up(w, p))
        world_fail(w, "partition %d: %d of %d outputs are missing", p, in->n_expected - n,
                   in->n_expected);
}

static void check_state(struct world *w, int32_t p)
{
    const struct input *in = &w->inputs[p];

    for (int key = 0; key < N_KEYS && !is_given_up(w, p); key++) {
        const struct key_state *there = &w->redis.now.partitions[p].keys[key];

        if (there->count != in->final[key].count)
            world_fail(w, "partition %d key %d: Redis says %d, the log implies %d", p, key,
                       (int)there->count, (int)in->final[key].count);
    }
}

static void on_check(struct world *w)
{
    if (w->now > LIMIT_MS) {
        world_fail(w, "not at rest: M %d %d of %d %d, N %d %d", (int)w->kafka.m[0].offset,
                   (int)w->kafka.m[1].offset, (int)w->inputs[0].n_all, (int)w->inputs[1].n_all,
                   (int)w->redis.now.partitions[0].offset, (int)w->redis.now.partitions[1].offset);
        return;
    }
    if (is_at_rest(w)) {
        for (int32_t p = 0; p < N_PARTITIONS; p++) {
            if (w->is_at_least_once)
                check_plain_outputs(w, p);
            else
                check_outputs(w, p);
            check_state(w, p);
        }
        w->is_over = true;
    }
    world_at(w, 20, EV_CHECK, 0, 0, 0, 0);
}

/* ---- one schedule ---- */

static void to_worker(struct world *w, const struct event *e)
{
    struct worker *worker = &w->workers[e->worker];

    if (!worker->is_alive || worker->life != e->life)
        return;
    if (worker->is_stopped) {
        mem_grow(&worker->kept, &worker->cap_kept, worker->n_kept, sizeof(*worker->kept));
        worker->kept[worker->n_kept++] = *e;
        return;
    }
    worker_event(w, worker, e);
}

static void on_continue(struct world *w, const struct event *e)
{
    struct worker *worker = &w->workers[e->worker];
    struct event *kept = worker->kept;
    size_t n = worker->n_kept;

    if (!worker->is_alive || worker->life != e->life || !worker->is_stopped)
        return;
    TRACE(w, "worker %d goes on", worker->index);
    worker->is_stopped = false;
    worker->kept = NULL;
    worker->n_kept = worker->cap_kept = 0;
    for (size_t i = 0; i < n; i++) /* all before anything new; it may be stopped or die of it */
        to_worker(w, &kept[i]);
    mem_free(kept);
}

/* A failover that nobody has noticed would show with the next write; where none is to come, by the
 * connection, some time. */
static void end_faults(struct world *w)
{
    w->is_faulty = false;
    for (int i = 0; i < N_WORKERS; i++)
        world_at(w, 60, EV_REDIS_DOWN, i, w->workers[i].life, 0, 0);
}

static void dispatch(struct world *w, const struct event *e)
{
    if (e->kind >= EV_FIRST_OF_WORKER && e->kind <= EV_LAST_OF_WORKER)
        to_worker(w, e);
    else if (e->kind == EV_APPEND)
        w->inputs[e->a].n++;
    else if (e->kind == EV_FAULT && w->now < FAULTS_MS && !w->is_calm)
        on_fault(w);
    else if (e->kind == EV_FAULT)
        end_faults(w);
    else if (e->kind == EV_CHECK)
        on_check(w);
    else if (e->kind == EV_BOOT)
        worker_boot(w, &w->workers[e->worker]);
    else if (e->kind == EV_CONTINUE)
        on_continue(w, e);
    else if (e->kind == EV_SCRIPT)
        redis_event(w, e);
    else
        kafka_event(w, e);
}

static void world_init(struct world *w, uint64_t seed)
{
    w->rng = seed * 0x2545f4914f6cdd1du + 1;
    w->may_expire = w->breakage == BREAK_EXPIRED || seed % 16 == 0;
    w->may_truncate = w->breakage == BREAK_NOTHING && seed % 16 == 1;
    w->is_at_least_once = w->breakage == BREAK_NOTHING && seed % 5 == 4;
    w->is_calm = w->breakage == BREAK_NOTHING && seed % 25 == 4;
    w->is_faulty = !w->is_calm;
    kafka_init(&w->kafka);
    redis_init(&w->redis);
    make_input(w);
    for (int i = 0; i < N_WORKERS; i++) {
        w->workers[i].index = i;
        world_at(w, world_random(w, 100), EV_BOOT, i, 0, 0, 0);
    }
    world_at(w, 100 + world_random(w, 200), EV_FAULT, 0, 0, 0, 0);
    world_at(w, FAULTS_MS + 100, EV_CHECK, 0, 0, 0, 0);
}

void world_run(uint64_t seed, enum breakage breakage, FILE *trace, struct world_result *ret_result)
{
    struct world *w = mem_calloc(1, sizeof(*w));

    *ret_result = (struct world_result){.is_good = true};
    w->result = ret_result;
    w->breakage = breakage;
    w->trace = trace;
    world_init(w, seed);
    while (!w->is_over && w->n_queue) {
        struct event e = pop(w);

        w->now = e.at;
        ret_result->n_events++;
        dispatch(w, &e);
    }
    w->is_over = true;
    for (int i = 0; i < N_WORKERS; i++) {
        worker_kill(w, &w->workers[i]);
        worker_deinit(&w->workers[i]);
    }
    kafka_deinit(&w->kafka);
    redis_deinit(&w->redis);
    mem_free(w->queue);
    mem_free(w);
}
