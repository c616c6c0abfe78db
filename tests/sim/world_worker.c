/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker of the simulated world: what the daemon is to struct commit. It fetches records, runs
 * the trivial engine (loading and evicting keys), carries out actions, and has a sink that makes
 * the steps of a transaction one after the other.
 */
#include "world_impl.h"
#include "base/mem.h"

#define REQUEST_MS 40 /* a client's time-out */

static void step(struct world *w, struct worker *worker);

/* ---- the engine ---- */

int engine_apply(struct world *w, struct key_state *state, int32_t partition, int64_t offset,
                 int key, struct out *ret_outs)
{
    const struct record *r = &w->inputs[partition].records[offset];
    int n = 0;

    if (state->applied >= offset)
        return 0;
    state->applied = offset;
    if (r->kind == RECORD_TICK)
        n = state->count % 2;
    else
        n = ++state->count % 3 == 0 ? 1 + (int)(offset % ENGINE_OUTS_MAX) : offset % 2 == 0;
    if (r->kind == RECORD_TICK && n)
        state->count++;
    if (w->breakage == BREAK_CLOCK && w->now > 0)
        n = (w->now / 40) % 2 ? n : 0;
    for (int i = 0; i < n; i++)
        ret_outs[i] = (struct out){
            .partition = partition, .offset = offset, .key = key, .nth = i, .count = state->count};
    return n;
}

/* ---- Redis ---- */

static struct script *script_new(struct world *w, struct worker *worker, enum script_kind kind,
                                 int32_t partition)
{
    struct redis *r = &w->redis;

    mem_grow(&r->scripts, &r->cap_scripts, r->n_scripts, sizeof(*r->scripts));
    r->scripts[r->n_scripts] = (struct script){
        .kind = kind,
        .worker = worker->index,
        .life = worker->life,
        .partition = partition,
        .connection = worker->connection,
        .key = -1,
        .answer = COMMIT_UNKNOWN,
    };
    return &r->scripts[r->n_scripts++];
}

/* In order with what went before on the connection. One that is held up on the way holds up what
 * comes behind it, until the client gives the connection up; then it may still arrive, late, beside
 * what goes over the new one. Some come twice, some never. */
static void script_send(struct world *w, struct worker *worker, struct script *s)
{
    int id = (int)(s - w->redis.scripts);
    int64_t at = w->now + world_delay(w);

    if (at <= worker->last_script_at)
        at = worker->last_script_at + 1;
    if (world_chance(w, 3))
        at += 50 + world_random(w, 200);
    worker->last_script_at = at;
    if (world_chance(w, 3))
        worker->deaf_connection = worker->connection; /* answers come in order, or not at all */
    else
        world_at(w, at - w->now, EV_SCRIPT, 0, 0, id, 0);
    if (world_chance(w, 4))
        world_at(w, at - w->now + world_random(w, 150), EV_SCRIPT, 0, 0, id, 1);
    world_at(w, REQUEST_MS, EV_SCRIPT_TIMEOUT, worker->index, worker->life, id, 0);
}

static void send_acquire(struct world *w, struct worker *worker, const struct commit_action *a)
{
    struct script *s = script_new(w, worker, SCRIPT_ACQUIRE, a->partition);

    s->ticket = a->ticket;
    s->known_epoch = a->epoch;
    s->fence.token = worker->commit.opts.token;
    script_send(w, worker, s);
}

static void send_chunks(struct world *w, struct worker *worker, const struct commit_action *a)
{
    struct worker_partition *p = &worker->partitions[a->partition];
    int n = p->n_cut ? p->n_cut : 1;

    for (int i = (int)a->first_chunk; i < n; i++) {
        struct script *s = script_new(w, worker, SCRIPT_WRITE, a->partition);

        s->ticket = a->ticket;
        s->fence = a->fence;
        s->seq = a->seq + i - (int)a->first_chunk;
        s->writer = i == (int)a->first_chunk ? a->writer : a->fence;
        if (p->n_cut) {
            s->key = p->cut[i].key;
            s->state = p->cut[i].state;
        }
        s->is_last = i == n - 1;
        s->offset = a->offset;
        s->committed = a->committed;
        script_send(w, worker, s);
    }
}

static void send_load(struct world *w, struct worker *worker, int32_t partition, int key)
{
    struct script *s = script_new(w, worker, SCRIPT_LOAD, partition);

    s->key = key;
    s->part_life = worker->partitions[partition].life;
    worker->partitions[partition].is_loading = true;
    script_send(w, worker, s);
}

static void on_acquired(struct worker *worker, const struct script *s, enum commit_answer answer)
{
    char id[COMMIT_ID_MAX] = "";
    struct commit_meta meta = {
        .fence = s->ret_fence,
        .version = s->was.version,
        .offset = s->was.offset,
        .committed = s->was.committed,
        .layout = s->was.layout,
    };

    if (s->was.predecessor >= 0)
        snprintf(id, sizeof(id), "slot%d", s->was.predecessor);
    meta.predecessor = str_of(id);
    commit_acquired(&worker->commit, s->partition, s->ticket, answer, &meta);
}

static void on_loaded(struct world *w, struct worker *worker, const struct script *s,
                      enum commit_answer answer)
{
    struct worker_partition *p = &worker->partitions[s->partition];

    if (p->life != s->part_life)
        return;
    p->is_loading = false;
    if (answer != COMMIT_OK)
        return;
    if (w->breakage != BREAK_COLD_LOAD &&
        !commit_loaded(&worker->commit, s->partition, s->ret_fence, s->ret_version))
        return;
    p->keys[s->key] = (struct worker_key){.state = s->state, .is_resident = true};
}

static void join(struct world *w, struct worker *worker, bool is_new)
{
    worker->member += is_new;
    world_at(w, world_delay(w), EV_JOIN, worker->index, worker->life, worker->member, is_new);
}

static void script_answered(struct world *w, struct worker *worker, int id,
                            enum commit_answer answer)
{
    struct script *s = &w->redis.scripts[id];

    if (s->is_answered)
        return;
    s->is_answered = true;
    if (s->kind == SCRIPT_ACQUIRE)
        on_acquired(worker, s, answer);
    else if (s->kind == SCRIPT_WRITE)
        commit_chunk(&worker->commit, s->partition, s->ticket, answer, s->is_last);
    else
        on_loaded(w, worker, s, answer);
}

/* The connection is gone: nobody knows of what is pending. */
static void disconnect(struct world *w, struct worker *worker)
{
    for (size_t i = 0; i < w->redis.n_scripts; i++) {
        const struct script *s = &w->redis.scripts[i];

        if (s->worker == worker->index && s->life == worker->life && !s->is_answered)
            script_answered(w, worker, (int)i, COMMIT_UNKNOWN);
    }
    worker->connection++;
    worker->last_script_at = 0;
    commit_redis(&worker->commit, false);
    world_at(w, 1 + world_random(w, 60), EV_REDIS_UP, worker->index, worker->life, 0, 0);
}

/* An answer that was lost is never made good by a later one. */
static void on_script_answer(struct world *w, struct worker *worker, int id)
{
    const struct script *s = &w->redis.scripts[id];

    if (s->connection != worker->connection || worker->deaf_connection == worker->connection)
        return;
    if (world_chance(w, 3))
        worker->deaf_connection = worker->connection;
    else
        script_answered(w, worker, id, s->answer);
}

static void on_script_timeout(struct world *w, struct worker *worker, int id)
{
    const struct script *s = &w->redis.scripts[id];

    if (!s->is_answered && s->connection == worker->connection)
        disconnect(w, worker);
}

/* ---- the sink: a transaction, step by step ---- */

static void sink_send(struct world *w, struct worker *worker, enum sink_stage stage)
{
    static const enum txn_request_kind kinds[] = {
        [SINK_INIT] = TXN_INIT, [SINK_PRODUCE] = TXN_PRODUCE, [SINK_OFFSETS] = TXN_OFFSETS,
        [SINK_END] = TXN_END,   [SINK_ABORT] = TXN_ABORT,     [SINK_PLAIN] = PLAIN_PRODUCE,
    };
    bool is_late = stage != SINK_INIT && world_chance(w, 6);

    worker->sink = stage;
    worker->sink_request =
        kafka_request(w, kinds[stage], worker->index, worker->sink_epoch, worker->index,
                      worker->sink_batch, is_late, !is_late && world_chance(w, 3));
    world_at(w, REQUEST_MS, EV_TXN_TIMEOUT, worker->index, worker->life, worker->sink_request, 0);
}

static void sink_done(struct worker *worker, enum commit_outcome outcome)
{
    worker->sink = SINK_IDLE;
    worker->sink_request = -1;
    commit_outcome(&worker->commit, worker->sink_ticket, outcome);
    worker->sink_ticket = 0;
}

static void sink_renew(struct world *w, struct worker *worker, enum commit_outcome outcome)
{
    worker->sink_outcome = outcome;
    sink_send(w, worker, SINK_INIT);
}

static void sink_begin(struct world *w, struct worker *worker)
{
    const struct txn_batch *b = &w->kafka.batches[worker->sink_batch];

    if (w->is_at_least_once)
        sink_send(w, worker, SINK_PLAIN);
    else
        sink_send(w, worker, b->n_outs ? SINK_PRODUCE : SINK_OFFSETS);
}

static void sink_next(struct world *w, struct worker *worker)
{
    const struct txn_batch *b = &w->kafka.batches[worker->sink_batch];

    if (worker->sink == SINK_PRODUCE && b->n_offsets)
        sink_send(w, worker, SINK_OFFSETS);
    else if (worker->sink == SINK_PRODUCE || worker->sink == SINK_OFFSETS)
        sink_send(w, worker, SINK_END);
    else if (worker->sink == SINK_END || worker->sink == SINK_PLAIN)
        sink_done(worker, COMMIT_COMMITTED);
    else
        sink_done(worker, COMMIT_ABORTED);
}

static void on_init_answered(struct world *w, struct worker *worker, const struct txn_request *r)
{
    worker->sink_epoch = r->ret_epoch;
    if (worker->sink_ticket) {
        sink_done(worker, worker->sink_outcome);
        return;
    }
    worker->sink = SINK_IDLE; /* at boot: now it may join */
    worker->sink_request = -1;
    join(w, worker, true);
}

static void plain_done(struct worker *worker, bool is_ok)
{
    worker->plain_request = -1;
    commit_offsets_done(&worker->commit, worker->plain_ticket, is_ok);
}

static void on_txn_answer(struct world *w, struct worker *worker, const struct event *e)
{
    const struct txn_request *r = &w->kafka.txns[e->a];

    if (worker->plain_request == e->a)
        plain_done(worker, r->answer == TXN_OK);
    if (worker->sink_request != e->a)
        return;
    if (r->answer == TXN_CONCURRENT)
        sink_send(w, worker, worker->sink);
    else if (r->kind == TXN_INIT)
        on_init_answered(w, worker, r);
    else if (r->answer == TXN_FENCED_PRODUCER)
        sink_renew(w, worker, r->kind == TXN_END ? COMMIT_UNCERTAIN : COMMIT_FENCED);
    else if (r->answer == TXN_FENCED_GENERATION)
        sink_renew(w, worker, COMMIT_FENCED);
    else
        sink_next(w, worker);
}

static void on_txn_timeout(struct world *w, struct worker *worker, const struct event *e)
{
    if (worker->plain_request == e->a)
        plain_done(worker, false);
    if (worker->sink_request != e->a)
        return;
    if (worker->sink == SINK_INIT || worker->sink == SINK_ABORT)
        sink_send(w, worker, worker->sink);
    else if (worker->sink != SINK_END)
        sink_renew(w, worker, COMMIT_ABORTED);
    else if (w->breakage == BREAK_NEW_PRODUCER)
        sink_send(w, worker, SINK_ABORT);
    else
        sink_renew(w, worker, COMMIT_UNCERTAIN);
}

static void fill_outs(struct txn_batch *b, struct outbox *o)
{
    b->outs = o->n_flight ? mem_calloc(o->n_flight, sizeof(*b->outs)) : NULL;
    OUTBOX_EACH_FLIGHT(it, o)
    {
        memcpy(&b->outs[b->n_outs++], OUTPUT_OF(it)->record.value.ptr, sizeof(*b->outs));
    }
}

static void fill_offsets(struct world *w, struct txn_batch *b, const struct commit_batch *from)
{
    for (size_t i = 0; i < from->n_offsets; i++) {
        b->offsets[b->n_offsets].partition = from->offsets[i].partition;
        b->offsets[b->n_offsets].offset = from->offsets[i].position.offset;
        commit_metadata(from->offsets[i].position, b->offsets[b->n_offsets].metadata);
        if (w->breakage == BREAK_COUNT)
            b->offsets[b->n_offsets].metadata[0] = '\0';
        b->n_offsets++;
    }
}

static struct txn_batch *batch_new(struct world *w, const struct worker *worker)
{
    struct kafka *k = &w->kafka;

    mem_grow(&k->batches, &k->cap_batches, k->n_batches, sizeof(*k->batches));
    k->batches[k->n_batches] =
        (struct txn_batch){.generation = worker->generation, .member = worker->member};
    return &k->batches[k->n_batches++];
}

static void commit_plain(struct world *w, struct worker *worker, const struct commit_action *a)
{
    fill_offsets(w, batch_new(w, worker), &worker->commit.plain);
    worker->plain_ticket = a->ticket;
    worker->plain_request =
        kafka_request(w, PLAIN_OFFSETS, worker->index, 0, worker->index,
                      (int)w->kafka.n_batches - 1, world_chance(w, 6), world_chance(w, 3));
    world_at(w, REQUEST_MS, EV_TXN_TIMEOUT, worker->index, worker->life, worker->plain_request, 0);
}

static void hand_over(struct world *w, struct worker *worker, const struct commit_action *a)
{
    struct kafka *k = &w->kafka;
    struct txn_batch *b;

    if ((!worker->generation && !w->is_at_least_once) || worker->sink != SINK_IDLE) {
        commit_outcome(&worker->commit, a->ticket, COMMIT_ABORTED);
        return;
    }
    b = batch_new(w, worker);
    if (w->breakage == BREAK_METADATA)
        b->generation = k->group.generation;
    fill_outs(b, &worker->commit.outbox);
    fill_offsets(w, b, &worker->commit.batch);
    worker->sink_batch = (int)k->n_batches - 1;
    worker->sink_ticket = a->ticket;
    sink_begin(w, worker);
}

/* ---- actions ---- */

static void open_partition(struct world *w, struct worker *worker, const struct commit_action *a)
{
    struct worker_partition *p = &worker->partitions[a->partition], before = *p;

    *p = (struct worker_partition){.is_open = true,
                                   .life = before.life + 1,
                                   .is_fetched = before.is_fetched,
                                   .is_paused = before.is_paused};
    ENSURE(before.is_kept || !a->is_as_left);
    if (!a->is_as_left && !(before.is_kept && w->breakage == BREAK_KEPT))
        return;
    memcpy(p->keys, before.keys, sizeof(p->keys));
    memcpy(p->cut, before.cut, sizeof(p->cut));
    p->n_cut = before.n_cut;
}

static void keep_partition(struct worker *worker, int32_t id)
{
    struct worker_partition *p = &worker->partitions[id];

    ENSURE(!p->in_record);
    p->is_open = p->is_loading = false;
    p->is_kept = true;
    p->life++;
}

static void drop_partition(struct worker *worker, int32_t id)
{
    struct worker_partition *p = &worker->partitions[id];

    p->is_open = p->in_record = p->is_loading = p->is_kept = false;
    p->life++;
    p->n_cut = 0;
}

static void cut(struct worker *worker, int32_t id)
{
    struct worker_partition *p = &worker->partitions[id];

    ENSURE(p->is_open && !p->in_record);
    p->n_cut = 0;
    for (int i = 0; i < N_KEYS; i++) {
        if (!p->keys[i].is_dirty)
            continue;
        p->cut[p->n_cut].key = i;
        p->cut[p->n_cut++].state = p->keys[i].state;
        p->keys[i].is_dirty = false;
        p->keys[i].is_in_cut = true;
    }
}

static void cut_done(struct worker *worker, int32_t id)
{
    struct worker_partition *p = &worker->partitions[id];

    p->n_cut = 0;
    for (int i = 0; i < N_KEYS; i++)
        p->keys[i].is_in_cut = false;
}

static void start(struct worker *worker)
{
    for (int32_t i = 0; i < N_PARTITIONS; i++) {
        struct worker_partition *p = &worker->partitions[i];
        int64_t at = commit_starts_at(&worker->commit, i);

        p->is_fetched = at != COMMIT_NONE;
        p->is_paused = false;
        if (p->is_fetched)
            p->position = at == COMMIT_BEGINNING ? 0 : at;
    }
}

static void leave(struct world *w, struct worker *worker)
{
    world_at(w, world_delay(w), EV_LEAVE, worker->index, worker->life, 0, 0);
    worker_kill(w, worker);
}

static void release(struct world *w, struct worker *worker)
{
    for (int i = 0; i < N_PARTITIONS; i++)
        worker->partitions[i].is_fetched = false;
    join(w, worker, false);
}

static void read_offsets(struct world *w, struct worker *worker, const struct commit_action *a)
{
    struct kafka *k = &w->kafka;

    mem_grow(&k->reads, &k->cap_reads, k->n_reads, sizeof(*k->reads));
    k->reads[k->n_reads] = (struct read_request){.worker = worker->index,
                                                 .life = worker->life,
                                                 .partition = a->partition,
                                                 .ticket = a->ticket};
    world_at(w, world_delay(w), EV_READ, 0, 0, (int)k->n_reads++, 0);
}

static void carry_out(struct world *w, struct worker *worker, const struct commit_action *a)
{
    struct worker_partition *p = a->partition >= 0 ? &worker->partitions[a->partition] : NULL;

    switch (a->kind) {
    case COMMIT_ACQUIRE:
        send_acquire(w, worker, a);
        break;
    case COMMIT_CUT:
        cut(worker, a->partition);
        break;
    case COMMIT_WRITE:
        send_chunks(w, worker, a);
        break;
    case COMMIT_WRITTEN:
        cut_done(worker, a->partition);
        break;
    case COMMIT_READ:
        read_offsets(w, worker, a);
        break;
    case COMMIT_ABORT_LEFTOVER:
        kafka_request(w, TXN_INIT, a->text[4] - '0', 0, -1, -1, false, false);
        break;
    case COMMIT_START:
        start(worker);
        break;
    case COMMIT_SEEK:
        p->position = a->offset == COMMIT_BEGINNING ? 0 : a->offset;
        break;
    case COMMIT_PAUSE:
    case COMMIT_RESUME:
        p->is_paused = a->kind == COMMIT_PAUSE;
        break;
    case COMMIT_RELEASE:
        release(w, worker);
        break;
    case COMMIT_DRAINED:
        leave(w, worker);
        break;
    case COMMIT_HAND_OVER:
        hand_over(w, worker, a);
        break;
    case COMMIT_OPEN:
        open_partition(w, worker, a);
        break;
    case COMMIT_DROP:
        drop_partition(worker, a->partition);
        break;
    case COMMIT_KEEP:
        keep_partition(worker, a->partition);
        break;
    case COMMIT_OFFSETS:
        commit_plain(w, worker, a);
        break;
    case COMMIT_HELD:
    case COMMIT_STOP:
        break;
    }
}

static void trace_action(struct world *w, const struct worker *worker,
                         const struct commit_action *a)
{
    static const char *const names[] = {
        [COMMIT_ACQUIRE] = "ACQUIRE", [COMMIT_CUT] = "CUT",
        [COMMIT_WRITE] = "WRITE",     [COMMIT_WRITTEN] = "WRITTEN",
        [COMMIT_READ] = "READ",       [COMMIT_ABORT_LEFTOVER] = "ABORT_LEFTOVER",
        [COMMIT_START] = "START",     [COMMIT_SEEK] = "SEEK",
        [COMMIT_PAUSE] = "PAUSE",     [COMMIT_RESUME] = "RESUME",
        [COMMIT_RELEASE] = "RELEASE", [COMMIT_DRAINED] = "DRAINED",
        [COMMIT_OFFSETS] = "OFFSETS", [COMMIT_HAND_OVER] = "HAND_OVER",
        [COMMIT_OPEN] = "OPEN",       [COMMIT_HELD] = "HELD",
        [COMMIT_DROP] = "DROP",       [COMMIT_KEEP] = "KEEP",
        [COMMIT_STOP] = "STOP",
    };

    TRACE(w, "worker %d: %s p=%d offset=%d epoch=%d seq=%d chunk=%d", worker->index, names[a->kind],
          a->partition, (int)a->offset, (int)a->fence.epoch, (int)a->seq, (int)a->first_chunk);
    for (size_t i = 0; a->kind == COMMIT_HAND_OVER && i < worker->commit.batch.n_offsets; i++)
        TRACE(w, "    M[%d] := %d k=%u, %d outputs", worker->commit.batch.offsets[i].partition,
              (int)worker->commit.batch.offsets[i].position.offset,
              worker->commit.batch.offsets[i].position.k, (int)worker->commit.outbox.n_flight);
}

static void step(struct world *w, struct worker *worker)
{
    struct commit_action a;

    commit_step(&worker->commit, w->now);
    while (worker->is_alive && commit_next(&worker->commit, &a)) {
        trace_action(w, worker, &a);
        carry_out(w, worker, &a);
    }
}

/* ---- records ---- */

static void publish(struct world *w, struct worker *worker, int32_t partition,
                    const struct out *outs, int n)
{
    for (int i = 0; i < n; i++) {
        struct outbox_record r = {.value = {.ptr = (const char *)&outs[i], .len = sizeof(outs[i])}};

        if (commit_wants(&worker->commit, partition) || w->breakage == BREAK_SUPPRESSION)
            commit_output(&worker->commit, partition, &r);
    }
}

/* Goes on with the record begun: false, it waits for a key. */
static bool go_on(struct world *w, struct worker *worker, int32_t partition)
{
    struct worker_partition *p = &worker->partitions[partition];
    const struct record *r = &w->inputs[partition].records[p->position];
    int last = r->kind == RECORD_TICK ? N_KEYS - 1 : r->key;

    for (; p->next_key <= last; p->next_key++) {
        struct worker_key *k = &p->keys[p->next_key];
        struct out outs[ENGINE_OUTS_MAX];
        int64_t before = k->state.applied;
        int n;

        if (!k->is_resident) {
            if (!p->is_loading)
                send_load(w, worker, partition, p->next_key);
            return false;
        }
        n = engine_apply(w, &k->state, partition, p->position, p->next_key, outs);
        k->is_dirty = k->is_dirty || k->state.applied != before;
        publish(w, worker, partition, outs, n);
    }
    p->in_record = false;
    p->position++;
    commit_applied(&worker->commit, partition);
    return true;
}

static bool begin(struct world *w, struct worker *worker, int32_t partition)
{
    struct worker_partition *p = &worker->partitions[partition];
    const struct input *in = &w->inputs[partition];

    if (!p->is_open || !p->is_fetched || p->is_paused || p->position >= in->n)
        return false;
    if (p->position < in->low) {
        commit_stop(&worker->commit, partition, COMMIT_STOP_OUTSIDE_LOG);
        return false;
    }
    if (in->records[p->position].kind == RECORD_GAP) {
        commit_skipped(&worker->commit, partition, ++p->position);
        return false;
    }
    if (!commit_begin(&worker->commit, partition, p->position))
        return false;
    p->in_record = true;
    p->next_key = in->records[p->position].kind == RECORD_TICK ? 0 : in->records[p->position].key;
    return true;
}

static void evict(struct world *w, struct worker_partition *p)
{
    struct worker_key *k = &p->keys[world_random(w, N_KEYS)];

    if (world_random(w, 4) == 0 && !k->is_dirty && !k->is_in_cut)
        k->is_resident = false;
}

static void turn(struct world *w, struct worker *worker)
{
    for (int32_t i = 0; i < N_PARTITIONS; i++) {
        struct worker_partition *p = &worker->partitions[i];
        int n = (int)world_random(w, 4);

        while (n-- > 0 && (p->in_record || begin(w, worker, i))) {
            if (!go_on(w, worker, i))
                break;
        }
        if (!p->in_record)
            evict(w, p);
    }
    world_at(w, 1 + world_random(w, 10), EV_TURN, worker->index, worker->life, 0, 0);
}

/* ---- life ---- */

void worker_deinit(struct worker *worker)
{
    if (worker->is_alive)
        commit_deinit(&worker->commit);
    worker->kept = mem_free(worker->kept);
    worker->cap_kept = 0;
}

void worker_boot(struct world *w, struct worker *worker)
{
    struct commit_opts opts = COMMIT_OPTS_INIT;

    if (worker->is_alive || w->is_over)
        return;
    worker->life++;
    worker->is_alive = true;
    worker->is_stopped = worker->is_draining = false;
    opts.token = (uint64_t)(worker->index * 1000 + worker->life);
    opts.is_exactly_once = !w->is_at_least_once;
    opts.max_outputs = (size_t)(1 + world_random(w, 4));
    opts.outbox_bytes = 1500;
    opts.spacing_ms = world_random(w, 8);
    opts.offsets_ms = 80;
    opts.checkpoint_ms = 30;
    opts.leftover_ms = 100;
    opts.leaving_ms = 40;
    opts.ending_ms = 120;
    opts.retry_ms = 5;
    opts.retry_max_ms = 60;
    snprintf(opts.transactional_id, sizeof(opts.transactional_id), "slot%d", worker->index);
    commit_init(&worker->commit, &opts);
    memset(worker->partitions, 0, sizeof(worker->partitions));
    worker->generation = 0;
    worker->member = worker->life * 1000;
    worker->sink_batch = worker->sink_request = worker->plain_request = -1;
    worker->sink_ticket = 0;
    worker->last_script_at = 0;
    worker->connection++;
    commit_redis(&worker->commit, true);
    sink_send(w, worker, SINK_INIT);
    world_at(w, 1, EV_TURN, worker->index, worker->life, 0, 0);
}

void worker_kill(struct world *w, struct worker *worker)
{
    if (!worker->is_alive)
        return;
    w->result->stats.n_takeovers += worker->commit.stats.n_takeovers;
    w->result->stats.n_rebuilds += worker->commit.stats.n_rebuilds;
    w->result->stats.n_kept += worker->commit.stats.n_kept;
    w->result->stats.n_replays += worker->commit.stats.n_replays;
    w->result->stats.n_suppressed += worker->commit.stats.n_suppressed;
    w->result->stats.n_committed += worker->commit.stats.n_committed;
    w->result->stats.n_aborted += worker->commit.stats.n_aborted;
    w->result->stats.n_uncertain += worker->commit.stats.n_uncertain;
    w->result->stats.n_fenced += worker->commit.stats.n_fenced;
    w->result->stats.n_stale += worker->commit.stats.n_stale;
    w->result->stats.n_checkpoints += worker->commit.stats.n_checkpoints;
    w->result->stats.n_redone += worker->commit.stats.n_redone;
    w->result->stats.n_leftovers += worker->commit.stats.n_leftovers;
    w->result->stats.n_stopped += worker->commit.stats.n_stopped;
    worker->is_alive = worker->is_stopped = false;
    worker->n_kept = 0;
    commit_deinit(&worker->commit);
    world_at(w, 10 + world_random(w, 250), EV_BOOT, worker->index, 0, 0, 0);
    world_at(w, 150, EV_KICK, worker->index, worker->life, 0, 0);
}

static void on_assigned(struct worker *worker, const struct event *e)
{
    int32_t parts[N_PARTITIONS];
    size_t n = 0;

    for (int32_t p = 0; p < N_PARTITIONS; p++) {
        if (e->b >> p & 1)
            parts[n++] = p;
    }
    worker->generation = e->b >> N_PARTITIONS;
    commit_group(&worker->commit, true);
    commit_assigned(&worker->commit, parts, n);
}

static void on_lost(struct world *w, struct worker *worker)
{
    worker->generation = 0;
    for (int i = 0; i < N_PARTITIONS; i++)
        worker->partitions[i].is_fetched = false;
    commit_group(&worker->commit, false);
    commit_lost(&worker->commit);
    if (!worker->is_draining)
        join(w, worker, true);
}

static void on_read(struct world *w, struct worker *worker, const struct event *e)
{
    struct read_request *r = &w->kafka.reads[e->a];
    struct commit_read answer = r->answer;

    answer.metadata = str_of(r->metadata);
    commit_committed(&worker->commit, r->partition, r->ticket, &answer);
}

void worker_event(struct world *w, struct worker *worker, const struct event *e)
{
    if (e->kind <= EV_TOLD_LOST && e->a != worker->member)
        return; /* told to a former membership */
    if (e->kind == EV_TOLD_REVOKED)
        commit_revoked(&worker->commit);
    else if (e->kind == EV_TOLD_ASSIGNED)
        on_assigned(worker, e);
    else if (e->kind == EV_TOLD_LOST)
        on_lost(w, worker);
    else if (e->kind == EV_TXN_ANSWER)
        on_txn_answer(w, worker, e);
    else if (e->kind == EV_TXN_TIMEOUT)
        on_txn_timeout(w, worker, e);
    else if (e->kind == EV_READ_ANSWER)
        on_read(w, worker, e);
    else if (e->kind == EV_SCRIPT_ANSWER)
        on_script_answer(w, worker, e->a);
    else if (e->kind == EV_SCRIPT_TIMEOUT)
        on_script_timeout(w, worker, e->a);
    else if (e->kind == EV_REDIS_DOWN)
        disconnect(w, worker);
    else if (e->kind == EV_REDIS_UP)
        commit_redis(&worker->commit, true);
    else
        turn(w, worker);
    step(w, worker);
}
