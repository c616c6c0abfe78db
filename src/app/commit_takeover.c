/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takeover of a partition: the assignment waits until the epoch in Redis is taken and its meta is
 * read; then M is read, stable; reading starts at N; what lies below M is applied with its outputs
 * suppressed. The same code serves when Redis turns out to have another state than we left there,
 * while the partition is ours: compare, then go on, or drop memory and replay.
 */
#include "app/commit_impl.h"

#include "base/parse.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- giving up ---- */

void takeover_drop(struct commit *c, struct commit_partition *p)
{
    outbox_drop(&c->outbox, &p->lane, p->id);
    publish_forget(c, p);
    checkpoint_interrupt(p);
    if (p->state == COMMIT_RUNNING)
        commit_act(c, p->left.is_there ? COMMIT_KEEP : COMMIT_DROP, p);
    p->cut_state = COMMIT_CUT_NONE;
    p->cut_offset = COMMIT_NONE;
    p->n_chunks_done = 0;
    p->read_ticket = 0;
    p->starts_at = p->applied = COMMIT_NONE;
    p->in_record = p->is_dirty = p->is_hurried = false;
    p->n_outputs = 0;
}

void takeover_doubt(struct commit_partition *p)
{
    p->is_held = false;
    checkpoint_interrupt(p);
}

void takeover_again(struct commit *c, struct commit_partition *p)
{
    takeover_drop(c, p);
    takeover_doubt(p);
    p->state = COMMIT_ACQUIRING; /* acquire_at_ms stays: what happens again and again slows down */
    p->read_at_ms = c->now_ms;
    c->stats.n_replays++;
}

/* ---- the epoch ---- */

static void acquire_step(struct commit *c, struct commit_partition *p)
{
    struct commit_action *a;

    if (p->is_held || p->acquire_ticket || !c->is_redis_up || c->ending != COMMIT_GOING_ON)
        return;
    if (!commit_is_time(c, p->acquire_at_ms))
        return;
    p->acquire_ticket = commit_ticket(c);
    a = commit_act(c, COMMIT_ACQUIRE, p);
    a->ticket = p->acquire_ticket;
    a->epoch = p->known_epoch;
}

static void copy_id(char *to, struct str id)
{
    size_t n = id.len < COMMIT_ID_MAX ? id.len : 0; /* too long to be one of ours: not known */

    if (n)
        memcpy(to, id.ptr, n);
    to[n] = '\0';
}

/* Somebody else's, and not asked for a moment ago, for this partition or another one of theirs. */
static bool has_leftover(struct commit *c, const struct commit_partition *p)
{
    if (!c->opts.is_exactly_once || !p->predecessor[0] ||
        strcmp(p->predecessor, c->opts.transactional_id) == 0)
        return false;
    COMMIT_EACH(q, c)
    {
        if (q->leftover_at_ms != COMMIT_NONE && strcmp(q->predecessor, p->predecessor) == 0 &&
            c->now_ms - q->leftover_at_ms < 10 * c->opts.leftover_ms)
            return false;
    }
    return true;
}

static void abort_leftover(struct commit *c, struct commit_partition *p)
{
    struct commit_action *a;

    if (!has_leftover(c, p))
        return;
    p->leftover_at_ms = c->now_ms;
    c->stats.n_leftovers++;
    a = commit_act(c, COMMIT_ABORT_LEFTOVER, p);
    a->text = p->predecessor;
}

/* Redis as it is now is where this partition starts. An owner that ended in order has left no name
 * there; of one that did not, a transaction may be open: readers of what is committed would wait
 * for its time-out, even where it does not touch M. */
static void take_meta(struct commit *c, struct commit_partition *p, const struct commit_meta *meta)
{
    enum commit_stop_reason reason;

    p->fence = meta->fence;
    p->version = meta->version;
    p->stored = meta->offset;
    p->stored_committed = meta->committed;
    copy_id(p->predecessor, meta->predecessor);
    p->read_ticket = 0;
    p->state = COMMIT_READING;
    if (commit_refuses_meta(meta, c->opts.layout, c->opts.topic_id, &reason))
        commit_stop(c, p->id, reason);
    else
        abort_leftover(c, p);
}

/* Acquired again while the engine runs: is it still the state that we left there? */
static void reacquired(struct commit *c, struct commit_partition *p, const struct commit_meta *meta)
{
    if (checkpoint_matches(c, p, meta)) {
        commit_act(c, COMMIT_HELD, p);
        return;
    }
    takeover_drop(c, p);
    c->stats.n_replays++;
    take_meta(c, p, meta);
}

void commit_acquired(struct commit *c, int32_t partition, uint64_t ticket,
                     enum commit_answer answer, const struct commit_meta *meta)
{
    struct commit_partition *p = commit_get(c, partition);

    if (!p || !ticket || p->acquire_ticket != ticket)
        return;
    p->acquire_ticket = 0;
    /* Each acquisition sets the next one further off, until a write succeeds: two that each hold
     * themselves for the owner do not drive each other. */
    p->acquire_at_ms = commit_backoff(c, &p->acquire_wait_ms);
    if (answer != COMMIT_OK)
        return;
    p->is_held = true;
    if (meta->fence.epoch > p->known_epoch)
        p->known_epoch = meta->fence.epoch;
    if (p->state == COMMIT_RUNNING)
        reacquired(c, p, meta);
    else
        take_meta(c, p, meta);
}

bool commit_is_same_fence(struct commit_fence a, struct commit_fence b)
{
    return a.epoch == b.epoch && a.token == b.token;
}

/* A cold load or wake-ups: usable from the very state that we know of, or from one that has more of
 * the chunks under way. A higher seq alone says nothing: after a failover another, or a late script
 * of our own, may have brought an older state to it; even the fence may be taken twice, by a copy
 * of the script that took it. */
bool commit_loaded(struct commit *c, int32_t partition, struct commit_fence fence,
                   struct commit_version version)
{
    struct commit_partition *p = commit_get(c, partition);

    if (!p || p->state != COMMIT_RUNNING)
        return false;
    if (commit_is_same_fence(fence, p->fence) &&
        ((version.seq == p->version.seq &&
          commit_is_same_fence(version.writer, p->version.writer)) ||
         (version.seq > p->version.seq && commit_is_same_fence(version.writer, p->fence))))
        return true;
    if (p->is_held) {
        c->stats.n_stale++;
        takeover_doubt(p);
    }
    return false;
}

/* ---- M ---- */

static void read_step(struct commit *c, struct commit_partition *p)
{
    struct commit_action *a;

    if (p->state != COMMIT_READING || p->read_ticket || c->ending != COMMIT_GOING_ON)
        return;
    /* What we have in flight ourselves may still move M. */
    if (publish_concerns(c, p) || !commit_is_time(c, p->read_at_ms))
        return;
    p->read_ticket = commit_ticket(c);
    a = commit_act(c, COMMIT_READ, p);
    a->ticket = p->read_ticket;
}

/* Still so after a while: perhaps the abort did not come through. */
static void unstable(struct commit *c, struct commit_partition *p)
{
    if (p->unstable_since_ms == COMMIT_NONE)
        p->unstable_since_ms = c->now_ms;
    if (c->now_ms - p->unstable_since_ms >= c->opts.leftover_ms)
        abort_leftover(c, p);
}

/* ---- from where ---- */

void commit_metadata(struct commit_position position, char ret_text[COMMIT_METADATA_MAX])
{
    ret_text[0] = '\0';
    if (position.k)
        snprintf(ret_text, COMMIT_METADATA_MAX, "outputs=%" PRIu32, position.k);
}

/* Metadata that is not ours (an operator's reset) says nothing. */
static uint32_t read_metadata(struct str text)
{
    const struct str prefix = STR("outputs=");
    int64_t k;

    if (!str_starts(text, prefix))
        return 0;
    text.ptr += prefix.len;
    text.len -= prefix.len;
    return parse_i64(text, &k) == 0 && k > 0 && k <= UINT32_MAX ? (uint32_t)k : 0;
}

struct commit_position commit_read_position(const struct commit_read *read)
{
    if (read->status != COMMIT_READ_OK)
        return (struct commit_position){.offset = COMMIT_NONE};
    return (struct commit_position){.offset = read->offset, .k = read_metadata(read->metadata)};
}

static void start(struct commit_partition *p, const struct commit_read *read)
{
    int64_t offset = p->stored == COMMIT_NONE ? read->low : p->stored;

    p->applied = offset;
    p->starts_at = offset == COMMIT_NONE ? COMMIT_BEGINNING : offset;
    p->state = COMMIT_READY;
}

/*
 *   N        M        committed was    then
 *   present  present                   from N, suppressed below M (N > M is legal)
 *   absent   present                   from the beginning, suppressed below M
 *   present  absent   never set        from N: nothing was published before
 *   absent   absent   never set        from the beginning
 *   any      absent   set              stop: the group's offsets expired or were reset
 * Where commit_refuses_offsets() does not stop it.
 */
static void decide(struct commit *c, struct commit_partition *p, const struct commit_read *read)
{
    const struct commit_meta meta = {.offset = p->stored, .committed = p->stored_committed};
    enum commit_stop_reason reason;

    p->committed = commit_read_position(read);
    if (commit_refuses_offsets(&meta, read, &reason))
        commit_stop(c, p->id, reason);
    else
        start(p, read);
}

void commit_committed(struct commit *c, int32_t partition, uint64_t ticket,
                      const struct commit_read *read)
{
    struct commit_partition *p = commit_get(c, partition);

    if (!p || !ticket || publish_verified(c, partition, ticket, read) || p->read_ticket != ticket)
        return;
    p->read_ticket = 0;
    if (read->status == COMMIT_READ_OK || read->status == COMMIT_READ_NONE) {
        p->unstable_since_ms = COMMIT_NONE;
        p->read_wait_ms = 0;
        decide(c, p, read);
        return;
    }
    p->read_at_ms = commit_backoff(c, &p->read_wait_ms);
    if (read->status == COMMIT_READ_UNSTABLE)
        unstable(c, p);
}

/* ---- what a rebalance takes away and gives back ---- */

/*
 * The group's members give all back at each rebalance, and mostly get the same again. What is in
 * memory is of all records below A, and their outputs are out, whoever had the partition meanwhile:
 * if Redis has what it had, it is known too who differs from Redis, and work goes on at A. Nobody
 * has to wait for a checkpoint, then; if another takes over, it replays from N.
 */
static bool can_keep(const struct commit *c, const struct commit_partition *p)
{
    return p->state == COMMIT_RUNNING && p->stored != COMMIT_NONE && !p->in_record &&
           !outbox_unsettled(&p->lane) && !publish_concerns(c, p);
}

void takeover_leave(const struct commit *c, struct commit_partition *p)
{
    if (p->state != COMMIT_RUNNING)
        return; /* not opened since: as it was left before */
    p->left = (struct commit_left){
        .is_there = can_keep(c, p),
        .fence = p->fence,
        .version = p->version,
        .stored = p->stored,
        .applied = p->applied,
        .is_dirty = p->is_dirty,
        .dirty_since_ms = p->dirty_since_ms,
        .is_cut = p->cut_state != COMMIT_CUT_NONE,
        .cut_offset = p->cut_offset,
        .cut_since_ms = p->cut_since_ms,
        .n_chunks_done = p->n_chunks_done,
    };
}

/* ---- start ---- */

static void open_partition(struct commit *c, struct commit_partition *p)
{
    struct commit_action *a = commit_act(c, COMMIT_OPEN, p);

    a->is_as_left = checkpoint_is_as_left(p);
    if (a->is_as_left)
        p->starts_at = p->applied = p->left.applied;
    a->offset = p->starts_at;
    a->suppress_below = p->committed.offset;
    a->is_rebuild = p->stored == COMMIT_NONE && p->committed.offset != COMMIT_NONE;
    c->stats.n_takeovers++;
    c->stats.n_rebuilds += a->is_rebuild;
    c->stats.n_kept += a->is_as_left;
    p->state = COMMIT_RUNNING;
    p->cut_at_ms = c->now_ms;
    if (a->is_as_left)
        checkpoint_go_on(c, p);
    p->left.is_there = false;
}

static bool is_start_ready(struct commit *c)
{
    size_t n = 0;

    COMMIT_EACH(p, c)
    {
        if (p->state == COMMIT_ACQUIRING || p->state == COMMIT_READING)
            return false;
        n += p->state != COMMIT_UNOWNED;
    }
    return n > 0;
}

/* One assign call for all, when each is ready or stopped. */
static void start_step(struct commit *c)
{
    if (c->is_started || c->ending != COMMIT_GOING_ON || !is_start_ready(c))
        return;
    COMMIT_EACH(p, c)
    {
        if (p->state != COMMIT_READY)
            continue;
        open_partition(c, p);
        p->is_fetched = true;
    }
    c->is_started = true;
    commit_act(c, COMMIT_START, NULL);
}

/* A partition taken over again goes on by itself. */
static void restart_step(struct commit *c, struct commit_partition *p)
{
    struct commit_action *a;

    if (p->state != COMMIT_READY || !c->is_started || c->ending != COMMIT_GOING_ON)
        return;
    open_partition(c, p);
    p->is_fetched = true; /* it may have been stopped when the others were started */
    a = commit_act(c, COMMIT_SEEK, p);
    a->offset = p->starts_at;
}

void takeover_step(struct commit *c)
{
    COMMIT_EACH(p, c)
    {
        if (p->state == COMMIT_UNOWNED || p->state == COMMIT_STOPPED)
            continue;
        acquire_step(c, p);
        read_step(c, p);
        restart_step(c, p);
    }
    start_step(c);
}
