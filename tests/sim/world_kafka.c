/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Kafka of the simulated world: what the brokers do with a group's membership, with transactions
 * of clients that know no per-transaction epoch (before KIP-890), and with reads of offsets.
 * Requests arrive when they arrive; nothing here knows how a client feels about it.
 */
#include "world_impl.h"
#include "base/mem.h"

#define SESSION_MS     150
#define REBALANCE_MS   400
#define TRANSACTION_MS 600

void kafka_init(struct kafka *k)
{
    for (int p = 0; p < N_PARTITIONS; p++)
        k->m[p] = (struct commit_read){.status = COMMIT_READ_NONE, .offset = COMMIT_NONE};
    for (int s = 0; s < N_WORKERS; s++)
        k->slots[s].batch = -1;
}

void kafka_deinit(struct kafka *k)
{
    for (size_t i = 0; i < k->n_batches; i++)
        mem_free(k->batches[i].outs);
    mem_free(k->batches);
    mem_free(k->log);
    mem_free(k->txns);
    mem_free(k->reads);
}

/* ---- the group ---- */

/* In order. What is told is for that member id only. */
static void tell(struct world *w, enum event_kind kind, int worker, int member, int mask)
{
    struct group *g = &w->kafka.group;
    int64_t at = w->now + world_delay(w);

    if (at <= g->told_at[worker])
        at = g->told_at[worker] + 1;
    g->told_at[worker] = at;
    world_at(w, at - w->now, kind, worker, member / 1000, member,
             g->generation * (1 << N_PARTITIONS) + mask);
}

static void assign(struct world *w)
{
    struct group *g = &w->kafka.group;
    int members[N_WORKERS], n = 0, masks[N_WORKERS] = {0};
    int shift = (int)world_random(w, N_WORKERS);

    g->is_rebalancing = false;
    g->generation++;
    w->result->n_rebalances++;
    for (int i = 0; i < N_WORKERS; i++) {
        if (g->member[i])
            members[n++] = i;
    }
    for (int p = 0; n && p < N_PARTITIONS; p++)
        masks[members[(p + shift) % n]] |= 1 << p;
    for (int i = 0; i < n; i++)
        tell(w, EV_TOLD_ASSIGNED, members[i], g->member[members[i]], masks[members[i]]);
}

static void end_if_complete(struct world *w)
{
    struct group *g = &w->kafka.group;

    for (int i = 0; i < N_WORKERS; i++) {
        if (g->member[i] && !g->is_rejoined[i])
            return;
    }
    assign(w);
}

static void begin_rebalance(struct world *w)
{
    struct group *g = &w->kafka.group;

    if (g->is_rebalancing)
        return;
    g->is_rebalancing = true;
    g->rebalance_serial++;
    world_at(w, REBALANCE_MS, EV_REBALANCE_END, 0, 0, g->rebalance_serial, 0);
    for (int i = 0; i < N_WORKERS; i++) {
        g->is_rejoined[i] = false;
        if (g->member[i])
            tell(w, EV_TOLD_REVOKED, i, g->member[i], 0);
    }
}

void kafka_rebalance(struct world *w)
{
    begin_rebalance(w);
    end_if_complete(w);
}

/* `e->a`: the member id; `e->b`: a newcomer, who has nothing to give back. */
static void on_join(struct world *w, const struct event *e)
{
    struct group *g = &w->kafka.group;
    const struct worker *worker = &w->workers[e->worker];

    if (!worker->is_alive || worker->life != e->life)
        return;
    if (e->b) {
        g->member[e->worker] = 0; /* a former membership of it is not to be told anything */
        begin_rebalance(w);
        g->member[e->worker] = e->a;
    } else if (g->member[e->worker] != e->a) {
        tell(w, EV_TOLD_LOST, e->worker, e->a, 0);
        return;
    }
    g->is_rejoined[e->worker] = true;
    if (g->is_rebalancing)
        end_if_complete(w);
}

/* Out of the group: by itself, or because nothing was heard of it. */
static void on_leave(struct world *w, const struct event *e)
{
    struct group *g = &w->kafka.group;
    const struct worker *worker = &w->workers[e->worker];
    bool is_silent = !worker->is_alive || worker->life != e->life || worker->is_stopped;
    int member = g->member[e->worker];

    if (!member || member / 1000 != e->life || (e->kind == EV_KICK && !is_silent))
        return;
    g->member[e->worker] = 0;
    tell(w, EV_TOLD_LOST, e->worker, member, 0);
    if (g->is_rebalancing)
        end_if_complete(w);
    else
        kafka_rebalance(w);
}

/* Who did not come back in time is out. */
static void on_rebalance_end(struct world *w, const struct event *e)
{
    struct group *g = &w->kafka.group;

    if (!g->is_rebalancing || g->rebalance_serial != e->a)
        return;
    for (int i = 0; i < N_WORKERS; i++) {
        if (g->member[i] && !g->is_rejoined[i]) {
            tell(w, EV_TOLD_LOST, i, g->member[i], 0);
            g->member[i] = 0;
        }
    }
    end_if_complete(w);
}

/* ---- transactions ---- */

static void settle(struct world *w, int slot, int state)
{
    struct kafka *k = &w->kafka;
    struct txn_slot *s = &k->slots[slot];

    for (size_t i = k->n_log; i-- > 0;) {
        if (k->log[i].slot == slot && k->log[i].serial == s->serial)
            k->log[i].state = state;
    }
}

static void abort_open(struct world *w, int slot)
{
    struct txn_slot *s = &w->kafka.slots[slot];

    if (s->state != TXN_OPEN)
        return;
    settle(w, slot, PUBLISHED_ABORTED);
    s->state = TXN_NONE;
    s->batch = -1;
}

static void open_if_none(struct world *w, int slot)
{
    struct txn_slot *s = &w->kafka.slots[slot];

    if (s->state != TXN_NONE)
        return;
    s->state = TXN_OPEN;
    s->serial++;
    s->batch = -1;
    world_at(w, TRANSACTION_MS, EV_TXN_EXPIRE, 0, 0, slot, s->serial);
}

static enum txn_answer produce(struct world *w, const struct txn_request *r)
{
    struct kafka *k = &w->kafka;
    const struct txn_batch *b = &k->batches[r->batch];

    open_if_none(w, r->slot);
    for (int i = 0; i < b->n_outs; i++) {
        mem_grow(&k->log, &k->cap_log, k->n_log, sizeof(*k->log));
        k->log[k->n_log++] = (struct published){
            .out = b->outs[i], .slot = r->slot, .serial = k->slots[r->slot].serial};
    }
    return TXN_OK;
}

/* Fenced by member and generation; not at all where the client says generation -1. */
static enum txn_answer add_offsets(struct world *w, const struct txn_request *r)
{
    const struct txn_batch *b = &w->kafka.batches[r->batch];
    const struct group *g = &w->kafka.group;

    if (w->breakage != BREAK_GENERATION &&
        (b->generation != g->generation || g->member[r->slot] != b->member) &&
        !(w->breakage == BREAK_METADATA && b->generation == g->generation))
        return TXN_FENCED_GENERATION;
    open_if_none(w, r->slot);
    w->kafka.slots[r->slot].batch = r->batch;
    return TXN_OK;
}

static void decide(struct world *w, const struct out *out)
{
    struct input *in = &w->inputs[out->partition];

    for (int i = 0; i < in->n_expected; i++) {
        if (world_is_same(&in->expected[i], out)) {
            if (in->is_decided[i] && !w->is_at_least_once)
                world_fail(w, "published twice: partition %d offset %d key %d nth %d",
                           out->partition, (int)out->offset, out->key, out->nth);
            in->is_decided[i] = true;
            return;
        }
    }
    world_fail(w, "published, but not implied: partition %d offset %d key %d nth %d count %d",
               out->partition, (int)out->offset, out->key, out->nth, (int)out->count);
}

static enum txn_answer end(struct world *w, const struct txn_request *r)
{
    struct kafka *k = &w->kafka;
    struct txn_slot *s = &k->slots[r->slot];
    int64_t delay = world_delay(w);

    if (s->state != TXN_OPEN)
        return TXN_OK; /* nothing to end, or a repeat */
    s->state = TXN_COMMITTING;
    for (size_t i = 0; i < k->n_log; i++) {
        if (k->log[i].slot == r->slot && k->log[i].serial == s->serial) {
            k->log[i].state = PUBLISHED_DECIDED;
            decide(w, &k->log[i].out);
        }
    }
    delay += world_random(w, w->is_faulty ? 60 : 3);
    world_at(w, delay, EV_TXN_COMPLETE, 0, 0, r->slot, s->serial);
    return TXN_OK;
}

static void set_committed(struct world *w, int32_t p, int64_t offset, const char *metadata)
{
    TRACE(w, "kafka: M[%d] = %d '%s'", p, (int)offset, metadata);
    w->kafka.m[p] = (struct commit_read){.status = COMMIT_READ_OK, .offset = offset};
    memcpy(w->kafka.metadata[p], metadata, COMMIT_METADATA_MAX);
}

static void on_complete(struct world *w, const struct event *e)
{
    struct kafka *k = &w->kafka;
    struct txn_slot *s = &k->slots[e->a];
    const struct txn_batch *b = s->batch >= 0 ? &k->batches[s->batch] : NULL;

    settle(w, e->a, PUBLISHED_COMMITTED);
    for (int i = 0; b && i < b->n_offsets; i++) {
        set_committed(w, b->offsets[i].partition, b->offsets[i].offset, b->offsets[i].metadata);
    }
    s->state = TXN_NONE;
    s->batch = -1;
}

/* ---- at least once: no transaction; the producer's epoch keeps late repeats out ---- */

static enum txn_answer plain_produce(struct world *w, const struct txn_request *r)
{
    struct kafka *k = &w->kafka;
    const struct txn_batch *b = &k->batches[r->batch];

    for (int i = 0; i < b->n_outs; i++) {
        mem_grow(&k->log, &k->cap_log, k->n_log, sizeof(*k->log));
        k->log[k->n_log++] = (struct published){
            .out = b->outs[i], .slot = r->slot, .serial = -1, .state = PUBLISHED_COMMITTED};
        decide(w, &b->outs[i]);
    }
    return TXN_OK;
}

static enum txn_answer plain_offsets(struct world *w, const struct txn_request *r)
{
    struct kafka *k = &w->kafka;
    const struct txn_batch *b = &k->batches[r->batch];

    if (b->generation != k->group.generation || k->group.member[r->slot] != b->member)
        return TXN_FENCED_GENERATION;
    for (int i = 0; i < b->n_offsets; i++) {
        set_committed(w, b->offsets[i].partition, b->offsets[i].offset, b->offsets[i].metadata);
    }
    return TXN_OK;
}

static enum txn_answer init_producer(struct world *w, struct txn_request *r)
{
    struct txn_slot *s = &w->kafka.slots[r->slot];

    if (s->state == TXN_COMMITTING)
        return TXN_CONCURRENT;
    abort_open(w, r->slot);
    r->ret_epoch = ++s->epoch;
    return TXN_OK;
}

static enum txn_answer carry_out(struct world *w, struct txn_request *r)
{
    const struct txn_slot *s = &w->kafka.slots[r->slot];

    if (r->kind == TXN_INIT)
        return init_producer(w, r);
    if (r->kind == PLAIN_OFFSETS)
        return plain_offsets(w, r);
    if (r->epoch != s->epoch)
        return TXN_FENCED_PRODUCER;
    if (r->kind == PLAIN_PRODUCE)
        return plain_produce(w, r);
    if (s->state == TXN_COMMITTING && r->kind != TXN_END)
        return TXN_CONCURRENT;
    if (r->kind == TXN_PRODUCE)
        return produce(w, r);
    if (r->kind == TXN_OFFSETS)
        return add_offsets(w, r);
    if (r->kind == TXN_END)
        return end(w, r);
    abort_open(w, r->slot);
    return TXN_OK;
}

int kafka_request(struct world *w, enum txn_request_kind kind, int slot, int epoch, int worker,
                  int batch, bool is_late, bool is_lost)
{
    struct kafka *k = &w->kafka;
    int id = (int)k->n_txns;
    int64_t delay = world_delay(w);

    mem_grow(&k->txns, &k->cap_txns, k->n_txns, sizeof(*k->txns));
    k->txns[k->n_txns++] = (struct txn_request){
        .kind = kind,
        .slot = slot,
        .epoch = epoch,
        .worker = worker,
        .life = worker >= 0 ? w->workers[worker].life : 0,
        .batch = batch,
    };
    delay += is_late ? 40 + world_random(w, 150) : 0;
    if (!is_lost)
        world_at(w, delay, EV_TXN, 0, 0, id, 0);
    return id;
}

static void on_txn(struct world *w, const struct event *e)
{
    static const char *const names[] = {"init",  "produce",       "offsets",      "end",
                                        "abort", "plain produce", "plain offsets"};
    static const char *const answers[] = {"ok", "fenced producer", "fenced generation",
                                          "concurrent"};
    struct txn_request *r = &w->kafka.txns[e->a];

    r->answer = carry_out(w, r);
    TRACE(w, "kafka: slot %d epoch %d %s: %s", r->slot, r->epoch, names[r->kind],
          answers[r->answer]);
    if (r->worker >= 0 && !world_chance(w, 3))
        world_at(w, world_delay(w), EV_TXN_ANSWER, r->worker, r->life, e->a, 0);
}

static void on_expire(struct world *w, const struct event *e)
{
    struct txn_slot *s = &w->kafka.slots[e->a];

    if (s->state != TXN_OPEN || s->serial != e->b)
        return;
    TRACE(w, "kafka: transaction of slot %d timed out", e->a);
    abort_open(w, e->a);
    s->epoch++;
}

/* ---- offsets ---- */

bool kafka_is_pending(const struct kafka *k, int32_t partition)
{
    for (int s = 0; s < N_WORKERS; s++) {
        const struct txn_batch *b = k->slots[s].batch >= 0 ? &k->batches[k->slots[s].batch] : NULL;

        for (int i = 0; b && k->slots[s].state != TXN_NONE && i < b->n_offsets; i++) {
            if (b->offsets[i].partition == partition)
                return true;
        }
    }
    return false;
}

static void on_read(struct world *w, const struct event *e)
{
    struct kafka *k = &w->kafka;
    struct read_request *r = &k->reads[e->a];

    r->answer = k->m[r->partition];
    memcpy(r->metadata, k->metadata[r->partition], COMMIT_METADATA_MAX);
    if (world_chance(w, 5))
        r->answer.status = COMMIT_READ_FAILED;
    else if (kafka_is_pending(k, r->partition) && w->breakage != BREAK_STABLE_READ)
        r->answer.status = COMMIT_READ_UNSTABLE;
    r->answer.low = world_random(w, 2) ? w->inputs[r->partition].low : COMMIT_NONE;
    r->answer.high = w->inputs[r->partition].n;
    world_at(w, world_delay(w), EV_READ_ANSWER, r->worker, r->life, e->a, 0);
}

void kafka_event(struct world *w, const struct event *e)
{
    if (e->kind == EV_JOIN)
        on_join(w, e);
    else if (e->kind == EV_LEAVE || e->kind == EV_KICK)
        on_leave(w, e);
    else if (e->kind == EV_REBALANCE_END)
        on_rebalance_end(w, e);
    else if (e->kind == EV_TXN)
        on_txn(w, e);
    else if (e->kind == EV_TXN_COMPLETE)
        on_complete(w, e);
    else if (e->kind == EV_TXN_EXPIRE)
        on_expire(w, e);
    else
        on_read(w, e);
}
