/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishing. Outputs wait in the outbox; when there are any and no transaction is open, a batch is
 * cut off and handed over together with the next offset of each partition: what comes meanwhile
 * goes into the next one. A transaction may end inside a record; then the offset's metadata says
 * how many of that record's outputs are out. Offsets are committed in no other way. A transaction
 * of which it is not known how it ended is judged by a stable read of M.
 */
#include "app/commit_impl.h"
#include "base/mem.h"

/* ---- positions ---- */

bool commit_is_after(struct commit_position a, struct commit_position b)
{
    return a.offset > b.offset || (a.offset == b.offset && a.k > b.k);
}

static bool is_same(struct commit_position a, struct commit_position b)
{
    return a.offset == b.offset && a.k == b.k;
}

static struct commit_position before(const struct commit_partition *p, const struct output *output)
{
    if (output)
        return (struct commit_position){.offset = output->offset, .k = output->ordinal};
    return (struct commit_position){.offset = p->applied, .k = p->n_outputs};
}

struct commit_position commit_published(const struct commit_partition *p)
{
    return before(p, outbox_unsettled(&p->lane));
}

/* What a transaction that takes along all in flight commits for p. */
static struct commit_position handed_over(const struct commit_partition *p)
{
    return before(p, outbox_first(&p->lane));
}

/* A replay that has not come to M yet must not move M back. */
static bool has_moved(const struct commit_partition *p, struct commit_position to)
{
    return p->state == COMMIT_RUNNING && to.offset != COMMIT_NONE &&
           commit_is_after(to, p->committed);
}

static struct outbox_lane *lane_of(void *ctx, int32_t partition)
{
    return &commit_get(ctx, partition)->lane;
}

static void batch_add(struct commit_batch *b, int32_t partition, struct commit_position position)
{
    mem_grow(&b->offsets, &b->cap, b->n_offsets, sizeof(*b->offsets));
    b->offsets[b->n_offsets++] = (struct commit_batch_offset){
        .partition = partition,
        .position = position,
    };
}

static void batch_forget(struct commit_batch *b, int32_t partition)
{
    for (size_t i = 0; i < b->n_offsets; i++) {
        if (b->offsets[i].partition == partition)
            b->offsets[i].is_void = true;
    }
}

/* ---- handing over ---- */

static bool anything_moved(struct commit *c)
{
    COMMIT_EACH(p, c)
    {
        if (has_moved(p, commit_published(p)))
            return true;
    }
    return false;
}

/* Offsets alone: every few seconds, so that lag tools stay honest; at the end, at once. */
static bool offsets_are_due(struct commit *c)
{
    if (!anything_moved(c))
        return false;
    return c->ending != COMMIT_GOING_ON || commit_is_time(c, c->offsets_at_ms);
}

static bool is_batch_due(struct commit *c)
{
    if (c->outbox.n_waiting == 0 && !(c->opts.is_exactly_once && offsets_are_due(c)))
        return false;
    /* At the end nothing is gained by waiting for more, but a refused one still backs off. */
    if (c->ending != COMMIT_GOING_ON && !c->hand_over_wait_ms)
        return true;
    return commit_is_time(c, c->hand_over_at_ms);
}

static void hand_over(struct commit *c)
{
    outbox_cut(&c->outbox, c->opts.max_outputs, c->opts.max_bytes, lane_of, c);
    c->batch.n_offsets = 0;
    COMMIT_EACH(p, c)
    {
        if (has_moved(p, handed_over(p)))
            batch_add(&c->batch, p->id, handed_over(p));
    }
    c->flight = COMMIT_FLIGHT_SENT;
    c->flight_ticket = commit_ticket(c);
    c->hand_over_at_ms = c->now_ms + c->opts.spacing_ms;
    commit_act(c, COMMIT_HAND_OVER, NULL)->ticket = c->flight_ticket;
}

/* ---- outcomes ---- */

static void settle(struct commit *c)
{
    c->flight = COMMIT_FLIGHT_NONE;
    c->flight_ticket = 0;
    c->verify_ticket = 0;
    c->batch.n_offsets = 0;
}

static void settle_committed(struct commit *c)
{
    for (size_t i = 0; c->opts.is_exactly_once && i < c->batch.n_offsets; i++) {
        const struct commit_batch_offset *o = &c->batch.offsets[i];

        if (!o->is_void)
            commit_get(c, o->partition)->committed = o->position;
    }
    outbox_commit(&c->outbox, lane_of, c);
    if (c->opts.is_exactly_once)
        c->offsets_at_ms = c->now_ms + c->opts.offsets_ms;
    c->hand_over_wait_ms = 0;
    c->stats.n_committed++;
    settle(c);
}

static void settle_aborted(struct commit *c)
{
    outbox_abort(&c->outbox, lane_of, c);
    c->hand_over_at_ms = commit_backoff(c, &c->hand_over_wait_ms);
    c->stats.n_aborted++;
    settle(c);
}

void commit_outcome(struct commit *c, uint64_t ticket, enum commit_outcome outcome)
{
    if (c->flight != COMMIT_FLIGHT_SENT || c->flight_ticket != ticket)
        return;
    c->stats.n_fenced += outcome == COMMIT_FENCED;
    c->stats.n_uncertain += outcome == COMMIT_UNCERTAIN;
    if (outcome == COMMIT_COMMITTED) {
        settle_committed(c);
    } else if (outcome == COMMIT_ABORTED || !c->opts.is_exactly_once) {
        settle_aborted(c);
    } else {
        c->flight = COMMIT_FLIGHT_UNCERTAIN;
        c->verify_at_ms =
            outcome == COMMIT_FENCED ? commit_backoff(c, &c->hand_over_wait_ms) : c->now_ms;
    }
}

void commit_replace(struct commit *c, struct output *output, const struct outbox_record *record)
{
    outbox_replace(&c->outbox, output, record, lane_of(c, output->partition));
}

/* ---- a transaction that ended out of sight: M tells ---- */

/* A partition of the batch that is still the one it was; the transaction is one, so any will do. */
static const struct commit_batch_offset *witness(const struct commit *c)
{
    for (size_t i = 0; i < c->batch.n_offsets; i++) {
        if (!c->batch.offsets[i].is_void)
            return &c->batch.offsets[i];
    }
    return NULL;
}

static void verify_step(struct commit *c)
{
    const struct commit_batch_offset *w = witness(c);
    struct commit_action *a;

    if (!w) { /* nothing of it concerns us any more */
        settle_aborted(c);
        return;
    }
    if (c->verify_ticket || !commit_is_time(c, c->verify_at_ms))
        return;
    c->verify_ticket = commit_ticket(c);
    a = commit_act(c, COMMIT_READ, commit_get(c, w->partition));
    a->ticket = c->verify_ticket;
}

/* Neither before nor after our transaction: somebody else publishes, or reset the offsets. What we
 * hold in memory is not to be trusted. */
static void settle_foreign(struct commit *c)
{
    for (size_t i = 0; i < c->batch.n_offsets; i++) {
        if (!c->batch.offsets[i].is_void)
            takeover_again(c, commit_get(c, c->batch.offsets[i].partition));
    }
    settle_aborted(c);
}

bool publish_verified(struct commit *c, int32_t partition, uint64_t ticket,
                      const struct commit_read *read)
{
    const struct commit_batch_offset *w = witness(c);
    struct commit_position m;

    if (c->flight != COMMIT_FLIGHT_UNCERTAIN || c->verify_ticket != ticket)
        return false;
    c->verify_ticket = 0;
    if (read->status != COMMIT_READ_OK && read->status != COMMIT_READ_NONE) {
        c->verify_at_ms = commit_backoff(c, &c->hand_over_wait_ms);
        return true;
    }
    if (!w || w->partition != partition) /* given up meanwhile: the next step asks another */
        return true;
    m = commit_read_position(read);
    if (is_same(m, w->position))
        settle_committed(c);
    else if (is_same(m, commit_get(c, w->partition)->committed))
        settle_aborted(c);
    else
        settle_foreign(c);
    return true;
}

bool publish_concerns(const struct commit *c, const struct commit_partition *p)
{
    for (size_t i = 0; c->flight != COMMIT_FLIGHT_NONE && i < c->batch.n_offsets; i++) {
        if (c->batch.offsets[i].partition == p->id)
            return true;
    }
    return false;
}

void publish_forget(struct commit *c, const struct commit_partition *p)
{
    batch_forget(&c->batch, p->id);
    batch_forget(&c->plain, p->id);
}

bool publish_is_behind(const struct commit *c, const struct commit_partition *p)
{
    if (c->opts.is_exactly_once)
        return c->is_group_live && has_moved(p, commit_published(p));
    return outbox_unsettled(&p->lane) || (c->is_group_live && has_moved(p, commit_published(p)));
}

/* ---- at least once: offsets follow what is delivered ---- */

static void plain_step(struct commit *c)
{
    if (!c->is_group_live || c->offsets_ticket || !offsets_are_due(c))
        return;
    c->plain.n_offsets = 0;
    COMMIT_EACH(p, c)
    {
        if (has_moved(p, commit_published(p)))
            batch_add(&c->plain, p->id, commit_published(p));
    }
    c->offsets_at_ms = c->now_ms + c->opts.checkpoint_ms;
    c->offsets_ticket = commit_ticket(c);
    commit_act(c, COMMIT_OFFSETS, NULL)->ticket = c->offsets_ticket;
}

void commit_offsets_done(struct commit *c, uint64_t ticket, bool is_ok)
{
    if (!ticket || c->offsets_ticket != ticket)
        return;
    c->offsets_ticket = 0;
    for (size_t i = 0; is_ok && i < c->plain.n_offsets; i++) {
        const struct commit_batch_offset *o = &c->plain.offsets[i];

        if (!o->is_void)
            commit_get(c, o->partition)->committed = o->position;
    }
}

void publish_step(struct commit *c)
{
    if (c->flight == COMMIT_FLIGHT_UNCERTAIN)
        verify_step(c);
    if (c->ending == COMMIT_ENDED)
        return;
    /* Without live membership nothing fences a transaction: then there is none. */
    if (c->flight == COMMIT_FLIGHT_NONE && (c->is_group_live || !c->opts.is_exactly_once) &&
        is_batch_due(c))
        hand_over(c);
    if (!c->opts.is_exactly_once)
        plain_step(c);
}
