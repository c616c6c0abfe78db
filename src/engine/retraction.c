/* SPDX-License-Identifier: Apache-2.0 */
/* The other engine is made when it is first needed, and holds one stakeholder at a time. */
#include "engine/retraction.h"

#include "base/mem.h"
#include "engine/event_pack.h"
#include "engine/reconcile.h"

#define FOLD_AT 32 /* entries that have become too old */

static void on_trigger(void *ctx, const struct trigger *trigger)
{
    (void)ctx;
    (void)trigger;
}

void retraction_deinit(struct engine *e)
{
    e->shadow = engine_free(e->shadow);
}

/* ---------------------------------------------------------------- applied again */

static void drop_all(struct engine *e)
{
    for (struct list *it = list_first(&e->lru); it; it = list_first(&e->lru))
        engine_drop_profile(e, CONTAINER_OF(it, struct profile, lru));
}

/* With the stakeholder as it was before the journal; NULL: the bytes make no sense. */
static struct engine *open_shadow(struct engine *e, const struct profile *p)
{
    const struct engine_opts opts = {.topic = e->topic,
                                     .partition = e->partition,
                                     .is_complete = true,
                                     .on_trigger = on_trigger};

    if (!e->shadow)
        e->shadow = engine_new(e->model, &opts);
    e->shadow->is_shadow = true;
    drop_all(e->shadow);
    e->shadow->clock_ms = p->journal->base_clock_ms;
    if (p->journal->base.len && engine_restore(e->shadow, profile_id(p), p->journal->base))
        return NULL;
    return e->shadow;
}

static struct profile *find_or_add(struct engine *e, struct str id)
{
    struct profile *p = engine_find(e, id);

    if (p)
        return p;
    p = profile_new(e->model, id);
    engine_add_profile(e, p);
    return p;
}

static void play(struct engine *shadow, struct str id, const struct journal_entry *entry)
{
    struct wire in = wire_of(entry->bytes);
    struct profile *p;
    struct event event;

    engine_advance(shadow, entry->clock_ms);
    p = find_or_add(shadow, id);
    engine_touch(shadow, p);
    if (!entry->bytes.len) {
        engine_remember(shadow, p, entry->hash, entry->time_ms);
        return;
    }
    event_unpack(&in, &event);
    ENSURE(!in.is_bad);
    engine_take(shadow, p, &event, entry->hash);
    engine_run(shadow);
}

static struct str pack(const struct engine *e, const struct profile *p, int64_t offset)
{
    struct buf packed = BUF_INIT;

    if (!p || !profile_is_somebody(p))
        return STR_NULL;
    profile_pack(p, e->model, e->clock_ms, offset, &packed);
    packed.ptr = mem_realloc(packed.ptr, packed.len);
    return buf_str(&packed);
}

/* ---------------------------------------------------------------- the journal */

/* The first `n` cannot be retracted any more. */
static void fold(struct engine *e, struct profile *p, uint32_t n)
{
    struct engine *shadow = open_shadow(e, p);

    if (!shadow) {
        p->journal = journal_free(p->journal);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        play(shadow, profile_id(p), &p->journal->items[i]);
    journal_fold(p->journal, n, pack(shadow, engine_find(shadow, profile_id(p)), -1));
}

static bool is_too_old(const struct engine *e, const struct journal_entry *entry)
{
    return entry->clock_ms < e->clock_ms - e->model->retraction_ms;
}

/* How many are to go so that the rest is a quarter below its bounds; 0: it is within them. */
static uint32_t n_beyond(const struct journal *j)
{
    size_t n_bytes = j->n_bytes;
    uint32_t n = 0;

    if (j->n < JOURNAL_EVENTS_MAX && n_bytes < JOURNAL_BYTES_MAX)
        return 0;
    while (n < j->n &&
           (j->n - n > JOURNAL_EVENTS_MAX / 4 * 3 || n_bytes > JOURNAL_BYTES_MAX / 4 * 3))
        n_bytes -= sizeof(j->items[0]) + j->items[n++].bytes.len + 16;
    return n;
}

/* Before an entry is added. */
static void trim(struct engine *e, struct profile *p)
{
    const struct journal *j = p->journal;
    uint32_t n_old = 0, n_over = n_beyond(j);

    while (n_old < j->n && is_too_old(e, &j->items[n_old]))
        n_old++;
    e->stats.n_journals_cut += n_over > n_old;
    if (n_over > n_old)
        fold(e, p, n_over);
    else if (n_old >= FOLD_AT || (n_old && n_old == j->n))
        fold(e, p, n_old);
}

static void begin_journal(struct engine *e, struct profile *p)
{
    if (p->journal)
        trim(e, p);
    if (!p->journal)
        p->journal = journal_new(pack(e, p, -1), e->clock_ms);
}

void retraction_note(struct engine *e, struct profile *p, const struct event *event)
{
    if (!e->model->retraction_ms || e->is_shadow)
        return;
    begin_journal(e, p);
    journal_add(p->journal, engine_event_hash(event->source, event->id), event->time_ms,
                e->clock_ms, event);
}

/* ---------------------------------------------------------------- an event is taken back */

/* The stakeholder without what is void now; NULL: it would be gone. */
static struct profile *without(struct engine *e, const struct profile *p, struct engine *shadow)
{
    struct profile *q;
    struct str packed;
    int64_t as_of_ms;

    for (uint32_t i = 0; i < p->journal->n; i++)
        play(shadow, profile_id(p), &p->journal->items[i]);
    engine_advance(shadow, e->clock_ms);
    packed = pack(shadow, engine_find(shadow, profile_id(p)), p->stored_offset);
    if (!packed.len)
        return NULL;
    q = profile_new(e->model, profile_id(p));
    ENSURE(profile_unpack(q, e->model, packed, &as_of_ms));
    mem_free((void *)(uintptr_t)packed.ptr);
    return q;
}

static void replace(struct engine *e, struct profile *p, struct profile *q,
                    const struct event *event)
{
    int64_t now_ms = q->ref_ms > e->clock_ms ? q->ref_ms : e->clock_ms;

    q->journal = p->journal;
    p->journal = NULL;
    graves_move(q, p);
    engine_detach_profile(e, p);
    engine_add_profile(e, q);
    engine_touch(e, q);
    reconcile(e, q, p, now_ms, event);
    profile_free(p, e->model);
    engine_resume(e, q, now_ms);
}

static void take_back(struct engine *e, struct profile *p, struct journal_entry *entry,
                      const struct event *event)
{
    struct engine *shadow = open_shadow(e, p);
    struct profile *q;

    engine_touch(e, p);
    if (!shadow) {
        e->stats.n_retractions_missed++;
        p->journal = journal_free(p->journal);
        engine_settle(e, p);
        return;
    }
    e->stats.n_retracted++;
    journal_void(p->journal, entry);
    q = without(e, p, shadow);
    if (q)
        replace(e, p, q, event);
    else
        (void)engine_bury(e, p);
}

/* It has not come yet: when it does, it is known. */
static void remember(struct engine *e, struct profile *p, uint64_t hash, int64_t time_ms)
{
    engine_touch(e, p);
    begin_journal(e, p);
    journal_add(p->journal, hash, time_ms, e->clock_ms, NULL);
    engine_remember(e, p, hash, time_ms);
    if (p->ref_ms == INT64_MIN)
        engine_resume(e, p, e->clock_ms);
    else
        engine_settle(e, p);
}

void retraction_apply(struct engine *e, struct profile *p, const struct event *event)
{
    struct str source = event->retraction.source.len ? event->retraction.source : event->source;
    uint64_t hash = engine_event_hash(source, event->retraction.id);
    struct journal_entry *entry = journal_find(p->journal, hash);

    if (entry && !entry->bytes.len) {
        e->stats.n_duplicates++;
        return;
    }
    if (entry && !is_too_old(e, entry)) {
        take_back(e, p, entry, event);
        return;
    }
    e->stats.n_retractions_missed++;
    if (!dedup_has(p->dedup, hash))
        remember(e, p, hash, event->time_ms);
}
