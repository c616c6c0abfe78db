/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol's frame: life, the queue of actions, membership, records, the order of a step and
 * the end. What a step decides stands in three rooms beside it: commit_takeover.c (whose state is
 * it, and from where), commit_publish.c (transactions) and commit_checkpoint.c (Redis).
 *
 * Nothing here does I/O, reads a clock or logs. Inputs take note; only commit_step() begins things.
 */
#include "app/commit_impl.h"
#include "base/mem.h"

void commit_init(struct commit *c, const struct commit_opts *opts)
{
    *c = (struct commit){.opts = *opts, .due_ms = INT64_MAX};
    outbox_init(&c->outbox);
}

void commit_deinit(struct commit *c)
{
    outbox_deinit(&c->outbox);
    for (size_t i = 0; i < c->n_partitions; i++)
        mem_free(c->partitions[i]);
    mem_free(c->partitions);
    mem_free(c->batch.offsets);
    mem_free(c->plain.offsets);
    mem_free(c->actions);
    *c = (struct commit){.opts = c->opts};
}

/* ---- partitions ---- */

struct commit_partition *commit_get(struct commit *c, int32_t partition)
{
    return partition >= 0 && (size_t)partition < c->n_partitions ? c->partitions[partition] : NULL;
}

const struct commit_partition *commit_partition(const struct commit *c, int32_t partition)
{
    return commit_get((struct commit *)c, partition);
}

static struct commit_partition *partition_new(int32_t id)
{
    struct commit_partition *p = mem_calloc(1, sizeof(*p));

    p->id = id;
    p->version.seq = 0;
    p->stored = p->stored_committed = COMMIT_NONE;
    p->committed.offset = p->starts_at = p->applied = p->cut_offset = COMMIT_NONE;
    outbox_lane_init(&p->lane);
    return p;
}

static struct commit_partition *get_or_add(struct commit *c, int32_t partition)
{
    size_t n = (size_t)partition + 1;

    ENSURE(partition >= 0);
    if (n > c->n_partitions) {
        c->partitions = mem_realloc(c->partitions, n * sizeof(struct commit_partition *));
        while (c->n_partitions < n)
            c->partitions[c->n_partitions++] = NULL;
    }
    if (!c->partitions[partition])
        c->partitions[partition] = partition_new(partition);
    return c->partitions[partition];
}

/* ---- actions ---- */

struct commit_action *commit_act(struct commit *c, enum commit_action_kind kind,
                                 struct commit_partition *p)
{
    struct commit_action *a;

    mem_grow(&c->actions, &c->cap_actions, c->n_actions, sizeof(*c->actions));
    a = &c->actions[c->n_actions++];
    *a = (struct commit_action){
        .kind = kind,
        .partition = p ? p->id : -1,
        .offset = COMMIT_NONE,
        .committed = COMMIT_NONE,
        .suppress_below = COMMIT_NONE,
    };
    return a;
}

bool commit_next(struct commit *c, struct commit_action *ret_action)
{
    if (c->first_action == c->n_actions) {
        c->first_action = c->n_actions = 0;
        return false;
    }
    *ret_action = c->actions[c->first_action++];
    return true;
}

uint64_t commit_ticket(struct commit *c)
{
    return ++c->next_ticket;
}

/* ---- time ---- */

bool commit_is_time(struct commit *c, int64_t at_ms)
{
    if (c->now_ms >= at_ms)
        return true;
    if (at_ms < c->due_ms)
        c->due_ms = at_ms;
    return false;
}

int64_t commit_backoff(struct commit *c, int64_t *wait_ms)
{
    *wait_ms = *wait_ms ? *wait_ms * 2 : c->opts.retry_ms;
    if (*wait_ms > c->opts.retry_max_ms)
        *wait_ms = c->opts.retry_max_ms;
    return c->now_ms + *wait_ms;
}

int64_t commit_due(const struct commit *c)
{
    return c->due_ms;
}

/* ---- membership ---- */

static void disown(struct commit *c, struct commit_partition *p)
{
    if (p->state == COMMIT_UNOWNED)
        return;
    takeover_drop(c, p);
    p->state = COMMIT_UNOWNED;
    p->is_held = false;
    p->is_fetched = false;
    p->acquire_ticket = 0;
}

static void disown_all(struct commit *c)
{
    COMMIT_EACH(p, c)
    {
        disown(c, p);
    }
    c->is_started = false;
    c->is_revoked = false;
}

/* What was left of those that are another's now is void. */
static void forget_others(struct commit *c)
{
    COMMIT_EACH(p, c)
    {
        if (p->state == COMMIT_UNOWNED)
            p->left.is_there = false;
    }
}

void commit_assigned(struct commit *c, const int32_t *partitions, size_t n)
{
    disown_all(c);
    if (c->ending == COMMIT_REVOKING)
        c->ending = COMMIT_GOING_ON;
    for (size_t i = 0; i < n && c->ending == COMMIT_GOING_ON; i++) {
        struct commit_partition *p = get_or_add(c, partitions[i]);

        p->state = COMMIT_ACQUIRING;
        p->acquire_at_ms = p->read_at_ms = c->now_ms;
        p->acquire_wait_ms = p->read_wait_ms = 0;
        p->unstable_since_ms = p->leftover_at_ms = COMMIT_NONE;
        p->is_paused = false;
    }
    forget_others(c);
}

static void begin_to_end(struct commit *c, enum commit_ending ending)
{
    c->is_leaving = false;
    c->ending = ending;
    c->ending_until_ms = c->now_ms + c->opts.ending_ms;
}

/* Revoked: end or abort the open transaction, then unassign. */
void commit_revoked(struct commit *c)
{
    c->is_revoked = true;
    if (c->ending == COMMIT_GOING_ON)
        begin_to_end(c, c->is_leaving ? COMMIT_DRAINING : COMMIT_REVOKING);
}

/* Lost: drop memory, write nothing. */
void commit_lost(struct commit *c)
{
    disown_all(c);
    if (c->ending == COMMIT_REVOKING)
        c->ending = COMMIT_GOING_ON;
}

void commit_drain(struct commit *c)
{
    if (c->ending == COMMIT_REVOKING) {
        begin_to_end(c, COMMIT_DRAINING);
    } else if (c->ending == COMMIT_GOING_ON && !c->is_leaving) {
        c->is_leaving = true;
        c->leaving_at_ms = c->now_ms;
    }
}

void commit_group(struct commit *c, bool is_live)
{
    c->is_group_live = is_live;
}

void commit_redis(struct commit *c, bool is_up)
{
    if (is_up && !c->is_redis_up) {
        /* Perhaps it is another server by now, or the same with an earlier state. */
        COMMIT_EACH(p, c)
        {
            takeover_doubt(p);
            p->acquire_at_ms = c->now_ms;
        }
    }
    c->is_redis_up = is_up;
}

/* ---- records: applied in log order, each output tagged with offset and ordinal ---- */

int64_t commit_starts_at(const struct commit *c, int32_t partition)
{
    const struct commit_partition *p = commit_partition(c, partition);

    return p && p->state == COMMIT_RUNNING ? p->starts_at : COMMIT_NONE;
}

bool commit_begin(struct commit *c, int32_t partition, int64_t offset)
{
    struct commit_partition *p = commit_get(c, partition);

    if (!p || p->state != COMMIT_RUNNING || c->ending != COMMIT_GOING_ON || offset < p->applied)
        return false;
    ENSURE(!p->in_record);
    p->applied = offset;
    p->n_outputs = 0;
    p->in_record = true;
    return true;
}

/* What is out already is not published again: all outputs of records below M, and the first k of
 * the record at M. */
bool commit_wants(struct commit *c, int32_t partition)
{
    struct commit_partition *p = commit_get(c, partition);
    struct commit_position at;

    if (!p || !p->in_record)
        return false;
    at = (struct commit_position){.offset = p->applied, .k = p->n_outputs++};
    if (commit_is_after(p->committed, at)) {
        c->stats.n_suppressed++;
        p->n_suppressed++;
        return false;
    }
    return true;
}

void commit_output(struct commit *c, int32_t partition, const struct outbox_record *record)
{
    struct commit_partition *p = commit_get(c, partition);

    ENSURE(p && p->in_record && p->n_outputs > 0);
    outbox_add(&c->outbox, &p->lane, partition, p->applied, p->n_outputs - 1, record);
}

static void move_on(struct commit *c, struct commit_partition *p, int64_t next_offset)
{
    p->applied = next_offset;
    p->n_outputs = 0;
    if (!p->is_dirty)
        p->dirty_since_ms = c->now_ms;
    p->is_dirty = true;
}

void commit_applied(struct commit *c, int32_t partition)
{
    struct commit_partition *p = commit_get(c, partition);

    if (!p || !p->in_record)
        return;
    p->in_record = false;
    move_on(c, p, p->applied + 1);
}

void commit_skipped(struct commit *c, int32_t partition, int64_t next_offset)
{
    struct commit_partition *p = commit_get(c, partition);

    if (p && p->state == COMMIT_RUNNING && c->ending == COMMIT_GOING_ON && !p->in_record &&
        next_offset > p->applied)
        move_on(c, p, next_offset);
}

/* ---- back-pressure ---- */

static void set_paused(struct commit *c, struct commit_partition *p, bool is_paused)
{
    if (!p->is_fetched || p->is_paused == is_paused)
        return;
    p->is_paused = is_paused;
    commit_act(c, is_paused ? COMMIT_PAUSE : COMMIT_RESUME, p);
}

static void pause_step(struct commit *c)
{
    if (c->outbox.n_bytes > c->opts.outbox_bytes)
        c->is_over_budget = true;
    else if (c->outbox.n_bytes <= c->opts.outbox_bytes / 2)
        c->is_over_budget = false;
    COMMIT_EACH(p, c)
    {
        set_paused(c, p,
                   p->state != COMMIT_RUNNING || c->is_over_budget || c->ending != COMMIT_GOING_ON);
    }
}

/* ---- the end of an assignment, or of the process ---- */

/* From the last record applied until the successor's first one no trigger comes. So most of the
 * state is stored while records are still applied; what they change meanwhile is little. */
static void leaving_step(struct commit *c)
{
    if (!c->is_leaving)
        return;
    if (!commit_is_time(c, c->leaving_at_ms + c->opts.leaving_ms)) {
        COMMIT_EACH(p, c)
        {
            if (checkpoint_is_awaited(c, p))
                return;
        }
    }
    begin_to_end(c, COMMIT_DRAINING);
}

static bool is_settled(struct commit *c)
{
    /* A transaction whose outcome is not known is the successor's to read; ours to end if open. */
    if (c->flight == COMMIT_FLIGHT_SENT || c->offsets_ticket)
        return false;
    COMMIT_EACH(p, c)
    {
        if (p->state == COMMIT_RUNNING && c->flight == COMMIT_FLIGHT_NONE &&
            (publish_is_behind(c, p) || checkpoint_is_behind(c, p)))
            return false;
    }
    return true;
}

static void release(struct commit *c)
{
    COMMIT_EACH(p, c)
    {
        takeover_leave(c, p);
    }
    disown_all(c);
    commit_act(c, COMMIT_RELEASE, NULL);
    if (c->ending == COMMIT_REVOKING)
        c->ending = COMMIT_GOING_ON;
}

static void ending_step(struct commit *c)
{
    if (c->ending == COMMIT_GOING_ON)
        return;
    if (c->ending != COMMIT_ENDED && !is_settled(c) && !commit_is_time(c, c->ending_until_ms))
        return;
    if (c->ending == COMMIT_DRAINING) {
        c->ending = COMMIT_ENDED;
        commit_act(c, COMMIT_DRAINED, NULL);
    }
    if (c->is_revoked)
        release(c);
}

void commit_step(struct commit *c, int64_t now_ms)
{
    if (now_ms > c->now_ms)
        c->now_ms = now_ms;
    c->due_ms = INT64_MAX;
    leaving_step(c);
    takeover_step(c);
    /* A batch first, then the cut that its transaction covers. */
    publish_step(c);
    checkpoint_step(c);
    ending_step(c);
    pause_step(c);
}
