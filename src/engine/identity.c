/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A merge changes two stakeholders, whose states are stored one after the other: each side asks its
 * own stored offset whether it has the record already. See graves.h for what the second one needs.
 */
#include "engine/identity.h"

#include "base/mem.h"
#include "engine/life.h"
#include "engine/profile_merge.h"

/* True: it is in memory, or must be new. */
static bool is_at_hand(struct engine *e, struct str id)
{
    if (e->is_complete || engine_find(e, id))
        return true;
    e->absent = id;
    return false;
}

static int erase(struct engine *e, const struct event *event)
{
    struct profile *p;

    if (!is_at_hand(e, event->subject))
        return ENGINE_E_ABSENT;
    engine_begin(e, event);
    p = engine_find(e, event->subject);
    if (!p)
        return 0;
    if (event->offset <= p->stored_offset) {
        e->stats.n_skipped++;
        return 0;
    }
    e->stats.n_erased++;
    engine_touch(e, p);
    (void)engine_bury(e, p);
    return 0;
}

/* ---------------------------------------------------------------- merge */

/* Whether a cut may yet tell of one side without the other. Before the first there is nothing that
 * a replay could start from but the log's beginning. */
static bool may_be_replayed(const struct engine *e)
{
    return e->cut > 0 || !e->is_complete;
}

static struct str pack(const struct engine *e, const struct profile *p)
{
    struct buf packed = BUF_INIT;

    profile_pack(p, e->model, e->clock_ms, p->stored_offset, &packed);
    packed.ptr = mem_realloc(packed.ptr, packed.len);
    return buf_str(&packed);
}

/* What was merged, from its grave; NULL: there was nobody. */
static struct profile *dig_up(struct engine *e, const struct profile *p, int64_t offset)
{
    struct str packed = graves_find(p, offset);
    struct profile *former;
    int64_t as_of_ms;

    if (!packed.len)
        return NULL;
    former = profile_new(e->model, profile_id(p));
    if (profile_unpack(former, e->model, packed, &as_of_ms))
        return former;
    profile_free(former, e->model); /* the bytes were not ours */
    return NULL;
}

/* Everything is decided anew, by what both have been. */
static void settle(struct engine *e, struct profile *p, const struct event *event,
                   const struct advance *advances, size_t n_advances)
{
    int64_t now_ms = p->ref_ms > e->clock_ms ? p->ref_ms : e->clock_ms;
    const struct happening h = {.profile = p,
                                .now_ms = now_ms,
                                .event = event,
                                .changed = UINT64_MAX,
                                .advances = advances,
                                .n_advances = n_advances,
                                .answered_ms = now_ms};

    if (p->ref_ms != INT64_MIN) {
        p->forget_ms = engine_forget_at(e, p->ref_ms);
        life_forgo_all(e, p); /* both wait for their sources anew */
        rules_resume(e, p, now_ms);
        rules_after_event(e, &h);
    }
    for (size_t i = 0; i < n_advances; i++) {
        if (advances[i].is_closed)
            obligation_free(advances[i].obligation);
    }
    engine_settle(e, p);
}

static void take_in(struct engine *e, struct profile *into, struct profile *from,
                    const struct event *event)
{
    struct advance advances[LEDGER_OPEN_MAX];
    size_t n_advances;

    e->stats.n_merged++;
    engine_touch(e, into);
    into->is_gone = false;
    into->journal = journal_free(into->journal); /* from here on it begins with both */
    n_advances = profile_merge(e, into, from, advances);
    settle(e, into, event, advances, n_advances);
}

static void merge(struct engine *e, const struct event *event)
{
    struct profile *from = engine_find(e, event->subject);
    struct profile *into = engine_find(e, event->identity.into), *former = NULL;
    bool is_from_new = from && event->offset > from->stored_offset;
    bool is_into_new = !into || event->offset > into->stored_offset;
    struct str packed = STR_NULL;

    if (!from || (is_from_new && !profile_is_somebody(from)))
        return;
    e->stats.n_skipped += !is_from_new && !is_into_new;
    if (!into) {
        into = profile_new(e->model, event->identity.into);
        engine_add_profile(e, into);
    }
    if (is_into_new && !is_from_new)
        former = dig_up(e, from, event->offset);
    if (is_from_new) {
        engine_touch(e, from);
        from->journal = journal_free(from->journal);
        packed = may_be_replayed(e) ? pack(e, from) : STR_NULL;
    }
    if (is_into_new && (former || is_from_new))
        take_in(e, into, former ? former : from, event);
    profile_free(former, e->model);
    if (!is_from_new)
        return;
    from = engine_bury(e, from);
    if (!packed.len)
        return;
    graves_add(from, event->offset, packed);
    engine_watch_graves(e, from);
    engine_settle(e, from);
}

int identity_apply(struct engine *e, const struct event *event)
{
    if (event->identity.action == IDENTITY_ERASE)
        return erase(e, event);
    if (!is_at_hand(e, event->subject) || !is_at_hand(e, event->identity.into))
        return ENGINE_E_ABSENT;
    engine_begin(e, event);
    merge(e, event);
    engine_run(e);
    return 0;
}

void identity_cut_done(struct engine *e)
{
    LIST_EACH_SAFE(it, &e->graves)
    {
        struct profile *p = CONTAINER_OF(it, struct graves, node)->owner;

        if (!graves_drop(p, e->cut_offset))
            continue;
        engine_touch(e, p);
        engine_settle(e, p);
    }
}
