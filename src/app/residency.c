/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is in memory. A stakeholder that is not is loaded from Redis, many with one script; and the
 * clock never passes a horizon up to which all who wake by time alone have been fetched.
 *
 * Nothing here decides about records: they wait in their partition, in log order, and ask again
 * when a load has come.
 */
#include "app/daemon_impl.h"
#include "base/kill_point.h"
#include "base/mem.h"

#define LOAD_BATCH      500
#define LOADS_UNDER_WAY 8
#define WAKE_PAGE       1000
#define AHEAD_FIRST_MS  60000LL
#define AHEAD_LEAST_MS  1000LL /* where memory holds no more */
#define AHEAD_MAX_MS    (30 * 86400000LL)
#define FETCH_OFTEN_MS  1000 /* two fetches within this: fetch further ahead */
#define RETRY_MS        200

struct load {
    struct hmap_node node;
    struct list in_queue;
    bool is_ahead; /* the horizon waits for it */
    struct str id; /* behind this struct */
};

struct request {
    struct partition *partition;
    uint64_t life;
    size_t n;                       /* loads; of wake-ups: how many were skipped */
    struct load *loads[LOAD_BATCH]; /* borrowed; void with the partition's life */
};

void residency_init(struct residency *r)
{
    *r = (struct residency){.horizon_ms = INT64_MIN,
                            .target_ms = INT64_MIN,
                            .asked_ms = INT64_MIN,
                            .ahead_ms = AHEAD_FIRST_MS,
                            .ahead_max_ms = AHEAD_MAX_MS};
    list_init(&r->queue);
}

static void free_load(struct residency *r, struct load *l)
{
    hmap_remove(&r->loads, &l->node);
    list_unlink(&l->in_queue);
    mem_free(l);
}

void residency_reset(struct residency *r)
{
    uint64_t n_loaded = r->n_loaded, n_fetches = r->n_fetches;

    for (struct hmap_node *n = hmap_any(&r->loads); n; n = hmap_any(&r->loads))
        free_load(r, CONTAINER_OF(n, struct load, node));
    hmap_deinit(&r->loads);
    residency_init(r);
    r->n_loaded = n_loaded;
    r->n_fetches = n_fetches;
}

static struct load *find_load(struct residency *r, struct str id, uint64_t hash)
{
    for (struct hmap_node *n = hmap_first(&r->loads, hash); n; n = hmap_next(n, hash)) {
        if (str_eq(CONTAINER_OF(n, struct load, node)->id, id))
            return CONTAINER_OF(n, struct load, node);
    }
    return NULL;
}

/* For a record: before all that were wanted earlier; see partition.c. For the horizon: in its turn.
 */
static void want(struct residency *r, struct str id, bool is_ahead)
{
    uint64_t hash = hash64(id.ptr, id.len, hash_process_seed());
    struct load *l = find_load(r, id, hash);

    if (!l) {
        l = mem_calloc(1, sizeof(*l) + id.len);
        l->id = (struct str){(char *)(l + 1), id.len};
        memcpy(l + 1, id.ptr, id.len);
        hmap_add(&r->loads, &l->node, hash);
        list_append(&r->queue, &l->in_queue);
    }
    if (!is_ahead && list_is_linked(&l->in_queue)) {
        list_unlink(&l->in_queue);
        list_prepend(&r->queue, &l->in_queue);
    }
    r->n_ahead += is_ahead && !l->is_ahead;
    l->is_ahead |= is_ahead;
}

bool residency_has(struct partition *p, struct str id)
{
    if (engine_is_complete(p->engine) || engine_keep(p->engine, id))
        return true;
    want(&p->residency, id, false);
    return false;
}

/* ---------------------------------------------------------------- answers */

static void settle_horizon(struct partition *p)
{
    struct residency *r = &p->residency;

    if (r->target_ms == INT64_MIN || !r->is_paged || r->n_ahead)
        return;
    r->horizon_ms = r->target_ms;
    r->target_ms = INT64_MIN;
    r->fetched_at_ms = (int64_t)uv_now(p->daemon->loop);
}

/* Back into the queue: to be asked for again. */
static void queue_again(struct partition *p, struct request *q)
{
    struct residency *r = &p->residency;

    for (size_t i = 0; i < q->n; i++)
        list_append(&r->queue, &q->loads[i]->in_queue);
    r->retry_at_ms = (int64_t)uv_now(p->daemon->loop) + RETRY_MS;
}

static void restore(struct partition *p, struct load *l, struct str packed)
{
    struct residency *r = &p->residency;

    if (engine_restore(p->engine, l->id, packed) == ENGINE_E_CORRUPT) {
        log_error("residency", "a stakeholder's stored state cannot be read; the partition stops",
                  log_i64("partition", p->id));
        commit_stop(&p->daemon->commit, p->id, COMMIT_STOP_LAYOUT);
    }
    r->n_loaded++;
    r->n_ahead -= l->is_ahead;
    free_load(r, l);
}

static void on_loaded(void *ctx, const struct redis_answer *answer)
{
    struct request *q = ctx;
    struct partition *p = q->partition;
    struct script_source source;
    size_t n = 0;

    if (q->life != p->life || !p->engine) {
        mem_free(q);
        return;
    }
    p->residency.n_sent--;
    if (answer->result != REDIS_RESULT_OK || script_load_decode(answer->reply, &source, &n) ||
        n != q->n || !commit_loaded(&p->daemon->commit, p->id, source.fence, source.version)) {
        (void)daemon_answer_of(p->daemon, answer, COMMIT_OK);
        queue_again(p, q);
    } else {
        for (size_t i = 0; i < n; i++)
            restore(p, q->loads[i], script_load_packed(answer->reply, i));
        kill_point("state_loaded");
        settle_horizon(p);
        partition_pump(p);
    }
    mem_free(q);
}

static struct request *request_new(struct partition *p)
{
    struct request *q = mem_calloc(1, sizeof(*q));

    q->partition = p;
    q->life = p->life;
    return q;
}

static void send_loads(struct partition *p)
{
    struct residency *r = &p->residency;
    struct daemon *d = p->daemon;
    struct request *q = request_new(p);
    struct str ids[LOAD_BATCH];

    while (q->n < LOAD_BATCH && !list_is_empty(&r->queue)) {
        struct load *l = CONTAINER_OF(list_first(&r->queue), struct load, in_queue);

        list_unlink(&l->in_queue);
        ids[q->n] = l->id;
        q->loads[q->n++] = l;
    }
    script_load_encode(&d->call, &p->place, ids, q->n);
    r->n_sent++;
    redis_script_call(&d->load, d->redis, script_call_keys(&d->call), d->call.n_keys,
                      script_call_args(&d->call), script_call_n_args(&d->call), on_loaded, q);
}

/* ---------------------------------------------------------------- the horizon */

/* The page is taken, and the next one begins behind it. */
static void take_page(struct partition *p, const struct redisReply *reply, size_t n)
{
    struct residency *r = &p->residency;

    for (size_t i = 0; i < n; i++) {
        int64_t wake_ms;
        struct str id = script_wake_id(reply, i, &wake_ms);

        if (!engine_has(p->engine, id))
            want(r, id, true);
        r->page_skip = wake_ms == r->page_from_ms ? r->page_skip + 1 : 1;
        r->page_from_ms = wake_ms;
    }
    r->is_paged = n < WAKE_PAGE;
}

static void on_wakes(void *ctx, const struct redis_answer *answer)
{
    struct request *q = ctx;
    struct partition *p = q->partition;
    struct residency *r = &p->residency;
    struct script_source source;
    size_t n = 0, n_skipped = q->n;
    bool is_alive = q->life == p->life && p->engine;

    mem_free(q);
    if (!is_alive)
        return;
    r->is_paging = false;
    if (answer->result != REDIS_RESULT_OK || script_wake_decode(answer->reply, &source, &n) ||
        !commit_loaded(&p->daemon->commit, p->id, source.fence, source.version)) {
        (void)daemon_answer_of(p->daemon, answer, COMMIT_OK);
        r->retry_at_ms = (int64_t)uv_now(p->daemon->loop) + RETRY_MS;
        return;
    }
    /* A checkpoint in between may have taken some out that were to be skipped: others would be in
     * their place. From the cursor's instant on again; who is known already is not loaded twice. */
    if (n_skipped && source.version.seq != r->page_seq)
        r->page_skip = 0;
    else
        take_page(p, answer->reply, n);
    r->page_seq = source.version.seq;
    settle_horizon(p);
    partition_pump(p);
}

static void send_paging(struct partition *p)
{
    struct residency *r = &p->residency;
    struct daemon *d = p->daemon;
    struct request *q = request_new(p);

    q->n = r->page_skip;
    script_wake_encode(&d->call, &p->place, r->page_from_ms, r->target_ms, r->page_skip, WAKE_PAGE);
    r->is_paging = true;
    redis_script_call(&d->wake, d->redis, script_call_keys(&d->call), d->call.n_keys,
                      script_call_args(&d->call), script_call_n_args(&d->call), on_wakes, q);
}

/* History moves the clock by days a second: then it pays to look further ahead. */
static void adapt(struct residency *r, int64_t now_ms)
{
    r->ahead_max_ms += r->ahead_max_ms / 8;
    if (r->ahead_max_ms > AHEAD_MAX_MS)
        r->ahead_max_ms = AHEAD_MAX_MS;
    if (r->fetched_at_ms && now_ms - r->fetched_at_ms < FETCH_OFTEN_MS)
        r->ahead_ms = r->ahead_ms * 2 > r->ahead_max_ms ? r->ahead_max_ms : r->ahead_ms * 2;
    else
        r->ahead_ms = AHEAD_FIRST_MS < r->ahead_max_ms ? AHEAD_FIRST_MS : r->ahead_max_ms;
}

bool residency_reaches(struct partition *p, int64_t clock_ms)
{
    struct residency *r = &p->residency;

    if (engine_is_complete(p->engine))
        return true;
    if (clock_ms > r->asked_ms)
        r->asked_ms = clock_ms;
    if (clock_ms <= r->horizon_ms)
        return true;
    if (r->target_ms != INT64_MIN)
        return false;
    adapt(r, (int64_t)uv_now(p->daemon->loop));
    r->target_ms = clock_ms < INT64_MAX - r->ahead_ms ? clock_ms + r->ahead_ms : INT64_MAX;
    r->page_from_ms = INT64_MIN;
    r->page_skip = 0;
    r->is_paged = false;
    r->n_fetches++;
    return false;
}

bool residency_has_all(struct partition *p)
{
    return residency_reaches(p, INT64_MAX);
}

void residency_need_not_all(struct partition *p)
{
    struct residency *r = &p->residency;
    int64_t clock_ms = engine_clock_ms(p->engine);

    if (r->asked_ms != INT64_MAX)
        return;
    r->asked_ms = clock_ms;
    if (r->horizon_ms == INT64_MAX)
        r->horizon_ms = clock_ms == INT64_MIN ? INT64_MIN : clock_ms + r->ahead_ms;
}

void residency_flush(struct partition *p)
{
    struct residency *r = &p->residency;
    struct daemon *d = p->daemon;

    if (!p->engine || redis_conn_state(d->redis) != REDIS_STATE_READY ||
        (int64_t)uv_now(d->loop) < r->retry_at_ms)
        return;
    if (r->target_ms != INT64_MIN && !r->is_paged && !r->is_paging)
        send_paging(p);
    while (!list_is_empty(&r->queue) && r->n_sent < LOADS_UNDER_WAY)
        send_loads(p);
}

/* ---------------------------------------------------------------- memory */

/* Whoever wakes within the horizon is too much for memory: it is given up but for what is needed at
 * once, or nobody could ever go and the clock would stand still. */
static void come_nearer(struct partition *p, uint64_t target_bytes)
{
    struct residency *r = &p->residency;
    int64_t clock_ms = engine_clock_ms(p->engine);
    int64_t needed_ms = r->asked_ms > clock_ms ? r->asked_ms : clock_ms;

    if (needed_ms >= r->horizon_ms)
        return;
    r->horizon_ms = needed_ms;
    r->ahead_max_ms = r->ahead_ms / 2 > AHEAD_LEAST_MS ? r->ahead_ms / 2 : AHEAD_LEAST_MS;
    engine_evict(p->engine, target_bytes, needed_ms);
}

/* A quarter at a time: each time costs a checkpoint of those who have changed. */
static void give_up(struct partition *p, uint64_t share_bytes)
{
    struct residency *r = &p->residency;
    uint64_t target_bytes = share_bytes - share_bytes / 4;
    struct engine_stats stats;

    /* The first to go end the time in which nobody was elsewhere. */
    if (engine_is_complete(p->engine) && r->horizon_ms < engine_clock_ms(p->engine) + r->ahead_ms)
        r->horizon_ms = engine_clock_ms(p->engine) + r->ahead_ms;
    engine_evict(p->engine, target_bytes,
                 r->target_ms > r->horizon_ms ? r->target_ms : r->horizon_ms);
    engine_get_stats(p->engine, &stats);
    if (stats.n_bytes > share_bytes && r->target_ms == INT64_MIN)
        come_nearer(p, target_bytes);
}

/* Who has changed stays until the next checkpoint: until then there is no use in looking again,
 * which takes the longer the more there are. */
static bool is_stuck(const struct partition *p, uint64_t n_bytes, uint64_t share_bytes)
{
    const struct residency *r = &p->residency;

    return n_bytes && r->stuck.n_bytes == n_bytes && r->stuck.share_bytes == share_bytes &&
           r->stuck.horizon_ms == r->horizon_ms;
}

void residency_stored(struct partition *p)
{
    p->residency.stuck.n_bytes = 0;
}

bool residency_shrink(struct partition *p, uint64_t share_bytes)
{
    struct residency *r = &p->residency;
    struct engine_stats stats;

    engine_get_stats(p->engine, &stats);
    if (stats.n_bytes + p->parked_bytes <= share_bytes)
        return true;
    if (is_stuck(p, stats.n_bytes, share_bytes))
        return false;
    give_up(p, share_bytes);
    engine_get_stats(p->engine, &stats);
    r->stuck.n_bytes = stats.n_bytes;
    r->stuck.share_bytes = share_bytes;
    r->stuck.horizon_ms = r->horizon_ms;
    return stats.n_bytes + p->parked_bytes <= share_bytes;
}
