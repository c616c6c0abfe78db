/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checkpoint in Redis: only ever up to an N such that every output of records below N is in a
 * committed transaction. It is cut between two records, when a batch is handed over (or nothing
 * waits), and written when all that it stands on is published. Each chunk is a compare-and-set on
 * the version under our fence; the last one sets the offset. A chunk whose answer is unknown or
 * refused puts what Redis holds in doubt: acquire, compare, and send the rest of the cut again or
 * replay.
 */
#include "app/commit_impl.h"

/* ---- the cut ---- */

static bool is_redis_at_hand(const struct commit *c, const struct commit_partition *p)
{
    return c->is_redis_up && p->is_held;
}

/* Given back, it is kept in memory: a checkpoint, for which the whole group would have to wait,
 * goes on when it is here again. Where Redis has nothing yet, only what is stored can be kept. */
static bool is_put_off(const struct commit *c, const struct commit_partition *p)
{
    return c->ending == COMMIT_REVOKING && p->stored != COMMIT_NONE;
}

static bool can_cut(const struct commit *c, const struct commit_partition *p)
{
    return p->state == COMMIT_RUNNING && p->cut_state == COMMIT_CUT_NONE && p->is_dirty &&
           !p->in_record && p->applied > p->stored && is_redis_at_hand(c, p) && !is_put_off(c, p);
}

/* A drain was asked for, and nothing is cut since. */
static bool is_lacking(const struct commit *c, const struct commit_partition *p)
{
    return p->cut_at_ms < c->leaving_at_ms;
}

/* Best when all before it is handed over, so that it need not be kept for long; under a backlog
 * that never ends, any time. */
static bool is_cut_due(struct commit *c, const struct commit_partition *p)
{
    int64_t at_ms = p->cut_at_ms + c->opts.checkpoint_ms;

    if (c->is_leaving && !p->is_hurried)
        return is_lacking(c, p); /* one more; the last one when all is applied */
    if (p->is_hurried)
        at_ms = p->cut_at_ms + c->opts.spacing_ms;
    else if (outbox_first(&p->lane))
        at_ms += 2 * c->opts.checkpoint_ms;
    else if (c->ending != COMMIT_GOING_ON)
        return true;
    return commit_is_time(c, at_ms);
}

void commit_hurry(struct commit *c, int32_t partition)
{
    struct commit_partition *p = commit_get(c, partition);

    if (p)
        p->is_hurried = true;
}

static void cut_step(struct commit *c, struct commit_partition *p)
{
    if (!can_cut(c, p) || !is_cut_due(c, p))
        return;
    p->cut_state = COMMIT_CUT_HELD;
    p->cut_offset = p->applied;
    p->cut_at_ms = c->now_ms;
    p->cut_since_ms = p->dirty_since_ms;
    p->n_chunks_done = 0;
    p->is_dirty = p->is_hurried = false;
    commit_act(c, COMMIT_CUT, p)->offset = p->cut_offset;
}

/* ---- writing it ---- */

static void write_step(struct commit *c, struct commit_partition *p)
{
    struct commit_action *a;

    if (p->state != COMMIT_RUNNING || p->cut_state != COMMIT_CUT_HELD || !is_redis_at_hand(c, p) ||
        is_put_off(c, p) || commit_published(p).offset < p->cut_offset)
        return;
    p->cut_state = COMMIT_CUT_WRITING;
    p->write_ticket = commit_ticket(c);
    c->stats.n_redone += p->n_chunks_done > 0;
    a = commit_act(c, COMMIT_WRITE, p);
    a->ticket = p->write_ticket;
    a->fence = p->fence;
    a->seq = p->version.seq;
    a->writer = p->version.writer;
    a->first_chunk = p->n_chunks_done;
    a->offset = p->cut_offset;
    a->committed = p->committed.offset;
}

static void written(struct commit *c, struct commit_partition *p)
{
    p->stored = p->cut_offset;
    p->cut_state = COMMIT_CUT_NONE;
    p->cut_offset = COMMIT_NONE;
    p->n_chunks_done = 0;
    c->stats.n_checkpoints++;
    commit_act(c, COMMIT_WRITTEN, p);
}

void commit_chunk(struct commit *c, int32_t partition, uint64_t ticket, enum commit_answer answer,
                  bool is_last)
{
    struct commit_partition *p = commit_get(c, partition);

    if (!p || !ticket || p->write_ticket != ticket)
        return;
    if (answer != COMMIT_OK) {
        c->stats.n_stale += answer == COMMIT_STALE;
        takeover_doubt(p);
        return;
    }
    p->version = (struct commit_version){.seq = p->version.seq + 1, .writer = p->fence};
    p->n_chunks_done++;
    p->acquire_wait_ms = 0;
    p->acquire_at_ms = c->now_ms;
    if (is_last) {
        p->write_ticket = 0;
        written(c, p);
    }
}

void checkpoint_interrupt(struct commit_partition *p)
{
    p->write_ticket = 0;
    if (p->cut_state == COMMIT_CUT_WRITING)
        p->cut_state = COMMIT_CUT_HELD;
}

/* ---- what Redis has, after doubt ---- */

/* A version is written once: who finds it again finds the state that belongs to it. */
static bool is_same_version(struct commit_version a, struct commit_version b)
{
    return a.seq == b.seq && commit_is_same_fence(a.writer, b.writer);
}

/* Under our fence only we wrote, and only the chunks of this cut: so many of them arrived. */
static bool is_further(struct commit_version there, struct commit_version then,
                       struct commit_fence ours)
{
    return commit_is_same_fence(there.writer, ours) && there.seq > then.seq;
}

bool checkpoint_matches(struct commit *c, struct commit_partition *p,
                        const struct commit_meta *meta)
{
    const struct commit_version *there = &meta->version;
    bool is_ours = p->cut_state == COMMIT_CUT_HELD && is_further(*there, p->version, p->fence);

    if (!is_ours && !is_same_version(*there, p->version))
        return false;
    p->n_chunks_done += (size_t)(there->seq - p->version.seq);
    p->version = *there;
    p->fence = meta->fence;
    if (is_ours && meta->offset == p->cut_offset)
        written(c, p);
    return true;
}

/* ---- what Redis has, after a rebalance: p has its meta already ---- */

bool checkpoint_is_as_left(const struct commit_partition *p)
{
    const struct commit_left *left = &p->left;

    if (!left->is_there)
        return false;
    if (is_same_version(p->version, left->version))
        return p->stored == left->stored;
    return left->is_cut && is_further(p->version, left->version, left->fence) &&
           (p->stored == left->stored || p->stored == left->cut_offset);
}

void checkpoint_go_on(struct commit *c, struct commit_partition *p)
{
    const struct commit_left *left = &p->left;

    p->is_dirty = left->is_dirty;
    p->dirty_since_ms = left->dirty_since_ms;
    if (!left->is_cut)
        return;
    p->cut_state = COMMIT_CUT_HELD;
    p->cut_offset = left->cut_offset;
    p->cut_since_ms = left->cut_since_ms;
    p->n_chunks_done = left->n_chunks_done + (size_t)(p->version.seq - left->version.seq);
    if (p->stored == p->cut_offset)
        written(c, p);
}

/* ---- */

int64_t commit_checkpoint_age_ms(const struct commit_partition *p, int64_t now_ms)
{
    int64_t since_ms = now_ms;

    if (p->cut_state != COMMIT_CUT_NONE)
        since_ms = p->cut_since_ms;
    else if (p->is_dirty)
        since_ms = p->dirty_since_ms;
    return now_ms > since_ms ? now_ms - since_ms : 0;
}

bool checkpoint_is_behind(const struct commit *c, const struct commit_partition *p)
{
    if (!is_redis_at_hand(c, p) || is_put_off(c, p))
        return false;
    return p->cut_state != COMMIT_CUT_NONE || can_cut(c, p);
}

bool checkpoint_is_awaited(const struct commit *c, const struct commit_partition *p)
{
    if (p->state != COMMIT_RUNNING || !is_redis_at_hand(c, p))
        return false;
    return p->cut_state != COMMIT_CUT_NONE || (is_lacking(c, p) && can_cut(c, p));
}

void checkpoint_step(struct commit *c)
{
    COMMIT_EACH(p, c)
    {
        cut_step(c, p);
        write_step(c, p);
    }
}
