/* SPDX-License-Identifier: Apache-2.0 */
/* Decides for the copier; see the header for the whole. */
#include "app/repartition.h"

#include "base/mem.h"

#include <stdio.h>

static const char text_expired[] =
    "the group has no offset of this source partition, though it had one: it expired or was reset. "
    "Set the group's offsets to where copying is to go on (kafka-consumer-groups --reset-offsets "
    "--to-offset), and restart";
static const char text_outside[] =
    "the source's log does not have the records that come next: they were deleted before they were "
    "copied, or the topic was made anew. Set the group's offsets to where copying is to go on "
    "(kafka-consumer-groups --reset-offsets --to-earliest), and restart";

/* ---- small things ---- */

static struct repartition_action *act(struct repartition *r, enum repartition_action_kind kind,
                                      size_t part)
{
    struct repartition_action *a;

    mem_grow(&r->actions, &r->cap_actions, r->n_actions, sizeof(*a));
    a = &r->actions[r->n_actions++];
    *a = (struct repartition_action){.kind = kind, .part = part, .offset = REPARTITION_NONE};
    return a;
}

static uint64_t new_ticket(struct repartition *r)
{
    return ++r->next_ticket;
}

/* True: it is so late. Else it is noted when to look again. */
static bool is_time(struct repartition *r, int64_t at_ms)
{
    if (r->now_ms >= at_ms)
        return true;
    if (at_ms < r->due_ms)
        r->due_ms = at_ms;
    return false;
}

static int64_t back_off(struct repartition *r)
{
    r->wait_ms = r->wait_ms ? r->wait_ms * 2 : r->opts.retry_ms;
    if (r->wait_ms > r->opts.retry_max_ms)
        r->wait_ms = r->opts.retry_max_ms;
    return r->now_ms + r->wait_ms;
}

static bool is_ending(const struct repartition *r)
{
    return r->is_revoked || r->is_draining;
}

void repartition_init(struct repartition *r, const struct repartition_opts *opts)
{
    *r = (struct repartition){
        .opts = *opts, .due_ms = INT64_MAX, .unstable_since_ms = REPARTITION_NONE};
}

void repartition_deinit(struct repartition *r)
{
    mem_free(r->parts);
    mem_free(r->actions);
    *r = (struct repartition){.parts = NULL};
}

bool repartition_next(struct repartition *r, struct repartition_action *ret_action)
{
    if (r->first_action == r->n_actions) {
        r->first_action = r->n_actions = 0;
        return false;
    }
    *ret_action = r->actions[r->first_action++];
    return true;
}

int64_t repartition_due(const struct repartition *r)
{
    return r->n_actions > r->first_action ? r->now_ms : r->due_ms;
}

/* ---- memory is void ---- */

static void drop(struct repartition *r)
{
    act(r, REPARTITION_DROP, 0);
    r->n_records = r->n_bytes = 0;
}

static void settle(struct repartition *r)
{
    r->flight = REPARTITION_FLIGHT_NONE;
    r->flight_ticket = 0;
    r->flight_records = r->flight_bytes = 0;
}

/* Actions not taken yet name partitions by a number that means another one from now on. */
static void forget_actions(struct repartition *r)
{
    struct repartition_action a;

    while (repartition_next(r, &a)) {
        if (a.kind == REPARTITION_SUBMIT || a.kind == REPARTITION_COMMIT)
            settle(r);
    }
}

static void forget_assignment(struct repartition *r)
{
    drop(r);
    r->n_parts = 0;
    r->phase = REPARTITION_UNASSIGNED;
    r->ticket = 0;
    r->is_paused = false; /* as the consumer takes partitions: anew */
    r->is_flight_void = r->flight != REPARTITION_FLIGHT_NONE;
}

static void read_again(struct repartition *r, int64_t at_ms)
{
    r->phase = REPARTITION_READING;
    r->ticket = 0;
    r->ask_at_ms = at_ms;
    r->unstable_since_ms = REPARTITION_NONE;
}

static void recover(struct repartition *r)
{
    drop(r);
    for (size_t i = 0; i < r->n_parts; i++) {
        if (r->parts[i].state == REPARTITION_RUNNING)
            r->parts[i].state = REPARTITION_WAITING;
    }
    r->is_recovery = true;
    r->stats.n_recoveries++;
    read_again(r, back_off(r));
}

static void stop(struct repartition *r, size_t part, const char *text)
{
    r->parts[part].state = REPARTITION_STOPPED;
    r->stats.n_stopped++;
    act(r, REPARTITION_STOP, part)->text = text;
}

/* ---- membership ---- */

void repartition_assigned(struct repartition *r, size_t n)
{
    forget_actions(r);
    forget_assignment(r);
    for (size_t i = 0; i < n; i++) {
        mem_grow(&r->parts, &r->cap_parts, r->n_parts, sizeof(*r->parts));
        r->parts[r->n_parts++] = (struct repartition_part){
            .next = REPARTITION_NONE, .sent = REPARTITION_NONE, .committed = REPARTITION_NONE};
    }
    r->phase = n ? REPARTITION_CLAIMING : REPARTITION_COPYING;
    r->is_recovery = r->is_claim_known = false;
    r->unstable_since_ms = REPARTITION_NONE;
    r->ask_at_ms = r->now_ms;
    r->wait_ms = 0;
}

static void begin_ending(struct repartition *r)
{
    drop(r);
    r->ending_until_ms = r->now_ms + r->opts.ending_ms;
    r->is_cancelled = false;
}

void repartition_revoked(struct repartition *r)
{
    r->is_revoked = true;
    begin_ending(r);
}

void repartition_lost(struct repartition *r)
{
    r->is_revoked = false;
    forget_actions(r);
    forget_assignment(r);
}

void repartition_drain(struct repartition *r)
{
    r->is_draining = true;
    begin_ending(r);
}

static void end_step(struct repartition *r)
{
    if (r->flight != REPARTITION_FLIGHT_NONE) {
        if (!is_time(r, r->ending_until_ms))
            return;
        if (r->flight == REPARTITION_FLIGHT_SENT) {
            if (!r->is_cancelled)
                act(r, REPARTITION_CANCEL, 0);
            r->is_cancelled = true;
            return;
        }
        r->flight = REPARTITION_FLIGHT_NONE; /* what was delivered is delivered */
    }
    if (r->is_revoked)
        act(r, REPARTITION_RELEASE, 0);
    if (r->is_draining && !r->is_drained) {
        act(r, REPARTITION_DRAINED, 0);
        r->is_drained = true;
    }
    r->is_revoked = false;
    forget_assignment(r);
}

/* ---- claims ---- */

static void abort_leftovers(struct repartition *r)
{
    for (size_t i = 0; i < r->n_parts; i++) {
        const char *id = r->parts[i].predecessor;
        bool is_told = !id[0] || strcmp(id, r->opts.transactional_id) == 0;

        for (size_t j = 0; j < i && !is_told; j++)
            is_told = strcmp(id, r->parts[j].predecessor) == 0;
        if (is_told)
            continue;
        snprintf(act(r, REPARTITION_ABORT_LEFTOVER, i)->id, REPARTITION_ID_MAX, "%s", id);
        r->stats.n_leftovers++;
    }
}

static void claim_step(struct repartition *r)
{
    if (r->ticket || !is_time(r, r->ask_at_ms))
        return;
    r->ticket = new_ticket(r);
    act(r, REPARTITION_CLAIM, 0)->ticket = r->ticket;
}

void repartition_claimed(struct repartition *r, uint64_t ticket,
                         const struct repartition_claim *claims)
{
    if (r->phase != REPARTITION_CLAIMING || !ticket || ticket != r->ticket)
        return;
    r->ticket = 0;
    r->is_claim_known = claims != NULL;
    for (size_t i = 0; claims && i < r->n_parts; i++) {
        struct repartition_part *p = &r->parts[i];

        snprintf(p->predecessor, sizeof(p->predecessor), "%.*s", STR_ARG(claims[i].predecessor));
        p->is_marked = claims[i].is_marked;
    }
    abort_leftovers(r);
    read_again(r, r->now_ms);
}

/* ---- where to go on ---- */

static void ask_low(struct repartition *r, size_t part)
{
    struct repartition_action *a = act(r, REPARTITION_LOW, part);

    a->ticket = r->parts[part].low_ticket = new_ticket(r);
    r->parts[part].state = REPARTITION_LOWEST;
}

static void go_on_all(struct repartition *r)
{
    for (size_t i = 0; i < r->n_parts; i++) {
        struct repartition_part *p = &r->parts[i];
        struct repartition_action *a;

        if (p->state != REPARTITION_KNOWN)
            continue;
        a = act(r, REPARTITION_GO, i);
        a->offset = p->next;
        a->is_first = !p->is_started;
        p->is_started = true;
        p->is_at_end = false;
        p->state = REPARTITION_RUNNING;
    }
    r->stats.n_takeovers += !r->is_recovery;
    r->phase = REPARTITION_COPYING;
    r->offsets_at_ms = r->now_ms;
}

static bool has(const struct repartition *r, enum repartition_part_state state)
{
    for (size_t i = 0; i < r->n_parts; i++) {
        if (r->parts[i].state == state)
            return true;
    }
    return false;
}

static void read_step(struct repartition *r)
{
    if (!has(r, REPARTITION_WAITING)) {
        if (!has(r, REPARTITION_LOWEST))
            go_on_all(r);
        return;
    }
    if (r->ticket || !is_time(r, r->ask_at_ms))
        return;
    r->ticket = new_ticket(r);
    act(r, REPARTITION_READ, 0)->ticket = r->ticket;
}

static void mark(struct repartition *r, size_t part)
{
    if (!r->parts[part].is_marked)
        act(r, REPARTITION_MARK, part);
    r->parts[part].is_marked = true;
}

static void take_read(struct repartition *r, size_t part, const struct repartition_read *read)
{
    struct repartition_part *p = &r->parts[part];

    if (read->status == REPARTITION_READ_OK) {
        p->next = p->sent = p->committed = read->offset;
        p->state = REPARTITION_KNOWN;
        mark(r, part);
    } else if (read->status == REPARTITION_READ_NONE && p->is_marked) {
        stop(r, part, text_expired);
    } else if (read->status == REPARTITION_READ_NONE && r->is_claim_known) {
        p->committed = REPARTITION_NONE;
        ask_low(r, part);
    }
}

/* None, and whether there ever was one is not known: that is asked once more. */
static bool needs_claim(const struct repartition *r, const struct repartition_read *reads)
{
    for (size_t i = 0; i < r->n_parts && !r->is_claim_known; i++) {
        if (r->parts[i].state == REPARTITION_WAITING && reads[i].status == REPARTITION_READ_NONE)
            return true;
    }
    return false;
}

static void note_unstable(struct repartition *r, const struct repartition_read *reads)
{
    bool is_unstable = false;

    for (size_t i = 0; i < r->n_parts; i++)
        is_unstable |= reads[i].status == REPARTITION_READ_UNSTABLE;
    if (!is_unstable) {
        r->unstable_since_ms = REPARTITION_NONE;
    } else if (r->unstable_since_ms == REPARTITION_NONE) {
        r->unstable_since_ms = r->now_ms;
    } else if (r->now_ms - r->unstable_since_ms >= r->opts.leftover_ms) {
        r->unstable_since_ms = r->now_ms;
        abort_leftovers(r);
    }
}

void repartition_committed(struct repartition *r, uint64_t ticket,
                           const struct repartition_read *reads)
{
    if (r->phase != REPARTITION_READING || !ticket || ticket != r->ticket)
        return;
    r->ticket = 0;
    for (size_t i = 0; i < r->n_parts; i++) {
        if (r->parts[i].state == REPARTITION_WAITING)
            take_read(r, i, &reads[i]);
    }
    note_unstable(r, reads);
    if (!has(r, REPARTITION_WAITING))
        return;
    r->ask_at_ms = back_off(r);
    if (needs_claim(r, reads))
        r->phase = REPARTITION_CLAIMING;
}

void repartition_low(struct repartition *r, size_t part, uint64_t ticket, int64_t low)
{
    struct repartition_part *p = part < r->n_parts ? &r->parts[part] : NULL;

    if (!p || p->state != REPARTITION_LOWEST || p->low_ticket != ticket)
        return;
    p->state = REPARTITION_KNOWN;
    p->next = low;
    if (low != REPARTITION_NONE)
        return;
    p->state = REPARTITION_WAITING;
    r->ask_at_ms = back_off(r);
}

/* ---- copying ---- */

bool repartition_takes(const struct repartition *r, size_t part, int64_t offset)
{
    const struct repartition_part *p = part < r->n_parts ? &r->parts[part] : NULL;

    return p && !is_ending(r) && r->phase == REPARTITION_COPYING &&
           p->state == REPARTITION_RUNNING && offset >= p->next;
}

void repartition_took(struct repartition *r, size_t part, int64_t offset, size_t n_records,
                      size_t n_bytes)
{
    ENSURE(repartition_takes(r, part, offset));
    r->parts[part].next = offset + 1;
    r->parts[part].is_at_end = false;
    r->n_records += n_records;
    r->n_bytes += n_bytes;
}

void repartition_at_end(struct repartition *r, size_t part, int64_t next_offset)
{
    if (!repartition_takes(r, part, next_offset))
        return;
    r->parts[part].next = next_offset; /* markers, and what compaction took away */
    r->parts[part].is_at_end = true;
}

void repartition_outside(struct repartition *r, size_t part)
{
    if (part < r->n_parts && r->parts[part].state == REPARTITION_RUNNING)
        stop(r, part, text_outside);
}

int64_t repartition_offset(const struct repartition *r, size_t part)
{
    const struct repartition_part *p = &r->parts[part];

    return p->sent > p->committed ? p->sent : REPARTITION_NONE;
}

static bool has_moved(const struct repartition *r)
{
    for (size_t i = 0; i < r->n_parts; i++) {
        if (r->parts[i].next > r->parts[i].committed)
            return true;
    }
    return false;
}

static void submit(struct repartition *r)
{
    for (size_t i = 0; i < r->n_parts; i++)
        r->parts[i].sent = r->parts[i].next;
    r->flight = REPARTITION_FLIGHT_SENT;
    r->is_flight_void = false;
    r->flight_ticket = new_ticket(r);
    r->flight_records = r->n_records;
    r->flight_bytes = r->n_bytes;
    r->n_records = r->n_bytes = 0;
    r->submit_at_ms = r->now_ms + r->opts.spacing_ms;
    act(r, REPARTITION_SUBMIT, 0)->ticket = r->flight_ticket;
}

static void keep_within_bounds(struct repartition *r)
{
    bool is_full = r->n_records >= r->opts.max_records || r->n_bytes >= r->opts.max_bytes;

    if (is_full == r->is_paused)
        return;
    r->is_paused = is_full;
    act(r, is_full ? REPARTITION_PAUSE : REPARTITION_RESUME, 0);
}

static void copy_step(struct repartition *r)
{
    if (r->flight == REPARTITION_FLIGHT_NONE &&
        ((r->n_records && is_time(r, r->submit_at_ms)) ||
         (!r->n_records && has_moved(r) && is_time(r, r->offsets_at_ms))))
        submit(r);
    keep_within_bounds(r);
}

static void settle_offsets(struct repartition *r)
{
    for (size_t i = 0; i < r->n_parts && !r->is_flight_void; i++) {
        struct repartition_part *p = &r->parts[i];

        if (repartition_offset(r, i) == REPARTITION_NONE)
            continue;
        p->committed = p->sent;
        mark(r, i);
    }
    r->offsets_at_ms = r->now_ms + r->opts.offsets_ms;
}

static void settle_committed(struct repartition *r)
{
    r->stats.n_committed++;
    r->stats.n_records += r->flight_records;
    r->wait_ms = 0;
    if (r->opts.is_exactly_once || r->is_flight_void) {
        settle_offsets(r);
        settle(r);
        return;
    }
    r->flight = REPARTITION_FLIGHT_OFFSETS;
    act(r, REPARTITION_COMMIT, 0)->ticket = r->flight_ticket;
}

/* The batch is still being filled, with what is there already. */
static void settle_not_sent(struct repartition *r)
{
    if (!r->is_flight_void) {
        r->n_records += r->flight_records;
        r->n_bytes += r->flight_bytes;
    }
    r->submit_at_ms = r->offsets_at_ms = back_off(r);
    settle(r);
}

void repartition_outcome(struct repartition *r, uint64_t ticket, enum repartition_outcome outcome)
{
    bool is_void = r->is_flight_void;

    if (r->flight != REPARTITION_FLIGHT_SENT || ticket != r->flight_ticket)
        return;
    if (outcome == REPARTITION_COMMITTED)
        return settle_committed(r);
    if (outcome == REPARTITION_NOT_SENT)
        return settle_not_sent(r);
    r->stats.n_failed++;
    settle(r);
    if (!is_void && !is_ending(r))
        recover(r);
}

void repartition_offsets_done(struct repartition *r, uint64_t ticket, bool is_ok)
{
    if (r->flight != REPARTITION_FLIGHT_OFFSETS || ticket != r->flight_ticket)
        return;
    if (is_ok)
        settle_offsets(r);
    else
        r->offsets_at_ms = back_off(r);
    settle(r);
}

/* ---- a step ---- */

void repartition_step(struct repartition *r, int64_t now_ms)
{
    r->now_ms = now_ms;
    r->due_ms = INT64_MAX;
    if (is_ending(r)) {
        if (r->is_revoked || !r->is_drained)
            end_step(r);
        return;
    }
    if (r->phase == REPARTITION_CLAIMING)
        claim_step(r);
    if (r->phase == REPARTITION_READING)
        read_step(r);
    if (r->phase == REPARTITION_COPYING)
        copy_step(r);
}

bool repartition_is_at_ease(const struct repartition *r)
{
    return !is_ending(r) && r->phase == REPARTITION_COPYING && !has(r, REPARTITION_STOPPED);
}
