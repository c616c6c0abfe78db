/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State in and out of the engine: cuts, restoring, evicting.
 *
 * A cut moves the list of what has changed to `frozen` and remembers clock and offset. While it is
 * read, a stakeholder in `frozen` that is about to change is packed first, into `cut_entries`: so
 * every entry shows the cut, whatever has happened since, and an event pays at most one packing.
 *
 * In `cut_entries` and in `entry`: id, wake-up, owed since, packed state, and the public fields.
 */
#include "engine/ahead.h"
#include "engine/deadline.h"
#include "engine/identity.h"
#include "engine/life.h"
#include "engine/obstacle.h"
#include "engine/stage.h"

#include "base/mem.h"
#include "base/parse.h"

/* ---------------------------------------------------------------- the public view */

static void put_field(struct buf *out, const char *name, struct str text)
{
    wire_put_str(out, str_of(name));
    wire_put_str(out, text);
}

static void put_instant(struct buf *out, const char *name, int64_t ms)
{
    struct buf text = BUF_INIT;

    format_instant(&text, ms);
    put_field(out, name, buf_str(&text));
    buf_deinit(&text);
}

static void put_count(struct buf *out, const char *name, uint32_t n)
{
    struct buf text = BUF_INIT;

    buf_add_i64(&text, n);
    put_field(out, name, buf_str(&text));
    buf_deinit(&text);
}

static void put_metrics(struct buf *out, const struct moment *at)
{
    const struct model *m = at->engine->model;
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < m->n_metrics; i++) {
        struct value v = score_value(at, (unsigned)i);

        if (v.type == VALUE_ABSENT)
            continue;
        buf_reset(&text);
        if (v.type == VALUE_INT)
            buf_add_i64(&text, v.i);
        else
            buf_add_double(&text, v.d);
        put_field(out, m->metrics[i].name, buf_str(&text));
    }
    buf_deinit(&text);
}

/* Durations in seconds. */
static void add_value(struct buf *text, const struct value *v)
{
    if (v->type == VALUE_INT)
        buf_add_i64(text, v->i);
    else
        buf_add_double(text, v->type == VALUE_DURATION ? (double)v->i / 1000 : v->d);
}

static void put_derived(struct buf *out, const struct moment *at)
{
    const struct model *m = at->engine->model;
    struct buf text = BUF_INIT, name = BUF_INIT;

    for (size_t i = 0; i < derived_n_vars(&m->derived); i++) {
        struct value v;

        if (!relation_is_shown(m, i))
            continue;
        v = score_value(at, (unsigned)(model_derived_base(m) + i));
        if (v.type == VALUE_ABSENT)
            continue;
        buf_reset(&text);
        buf_reset(&name);
        add_value(&text, &v);
        derived_field_name(&m->derived, i, &name);
        put_field(out, name.ptr, buf_str(&text));
    }
    buf_deinit(&text);
    buf_deinit(&name);
}

static void put_stage(struct buf *out, const struct moment *at)
{
    if (!at->profile->stage)
        return;
    put_field(out, "stage", stage_name(at->profile, at->engine->model));
    put_instant(out, "stage_since", at->profile->stage_since_ms);
}

/* "rule: reason, rule: reason" */
static void put_held(struct buf *out, const struct moment *at)
{
    const struct standings *s = &at->profile->standings;
    struct buf text = BUF_INIT;

    for (uint16_t i = 0; i < s->n; i++) {
        if (s->items[i].phase == RULE_HELD && s->items[i].held_by != OBSTACLE_SOURCE)
            buf_addf(&text, "%s%s: %s", text.len ? ", " : "",
                     at->engine->model->rules[s->items[i].rule].name,
                     obstacle_name((enum obstacle)s->items[i].held_by));
    }
    for (const struct waiting *w = at->profile->waiting; w; w = w->next)
        buf_addf(&text, "%s%s: %s", text.len ? ", " : "", at->engine->model->rules[w->rule].name,
                 obstacle_name(OBSTACLE_SOURCE));
    if (text.len)
        put_field(out, "held", buf_str(&text));
    buf_deinit(&text);
}

static void put_fields(struct buf *out, const struct moment *at)
{
    const struct profile *p = at->profile;
    const struct obligation *ours;
    uint32_t n_ours, n_theirs;

    put_instant(out, "as_of", at->now_ms);
    if (p->kind)
        put_field(out, "kind", str_of(p->kind));
    if (p->account)
        put_field(out, "account", str_of(p->account));
    put_stage(out, at);
    put_metrics(out, at);
    put_derived(out, at);
    put_held(out, at);
    ours = ledger_oldest(&p->ledger, SIDE_ORGANISATION, &n_ours);
    (void)ledger_oldest(&p->ledger, SIDE_STAKEHOLDER, &n_theirs);
    put_count(out, "owed_by_us", n_ours);
    put_count(out, "owed_by_them", n_theirs);
    if (ours) {
        int64_t due_ms = deadline_next_ms(at->engine->model, p, SIDE_ORGANISATION);

        put_instant(out, "owed_since", ours->since_ms);
        if (due_ms <= INSTANT_MAX_MS)
            put_instant(out, "reply_due", due_ms);
    }
}

/* ---------------------------------------------------------------- cut */

static int64_t owed_since_ms(const struct profile *p)
{
    uint32_t n;
    const struct obligation *oldest = ledger_oldest(&p->ledger, SIDE_ORGANISATION, &n);

    return oldest ? oldest->since_ms : INT64_MAX;
}

/* When it must be in memory again at the latest. With `answered_by: conversation` whoever waits in
 * a conversation must be there already when the next event comes: it may be the answer. */
static int64_t needed_ms(const struct engine *e, const struct profile *p)
{
    int64_t held_ms = life_waits_since_ms(p), ms = p->wake_ms < held_ms ? p->wake_ms : held_ms;

    if (p->graves && e->cut_clock_ms < ms)
        ms = e->cut_clock_ms; /* at once: whoever takes over has to see to it that they go */
    if (e->model->answered_by != ANSWERED_BY_CONVERSATION)
        return ms;
    for (uint32_t i = 0; i < p->ledger.n_open; i++)
        ms = p->ledger.open[i]->since_ms < ms ? p->ledger.open[i]->since_ms : ms;
    return ms;
}

static void pack_entry(struct engine *e, const struct profile *p, struct buf *out)
{
    struct moment at = {e, p, p->ref_ms > e->cut_clock_ms ? p->ref_ms : e->cut_clock_ms};
    struct buf part = BUF_INIT;

    wire_put_str(out, profile_id(p));
    wire_put_fixed(out, (uint64_t)needed_ms(e, p), 8);
    wire_put_fixed(out, (uint64_t)owed_since_ms(p), 8);
    if (!p->is_gone || p->graves)
        profile_pack(p, e->model, e->cut_clock_ms, e->cut_offset, &part);
    wire_put_str(out, buf_str(&part));
    buf_reset(&part);
    if (profile_is_known(p))
        put_fields(&part, &at);
    wire_put_str(out, buf_str(&part));
    buf_deinit(&part);
}

static void leave_frozen(struct engine *e, struct profile *p)
{
    list_unlink(&p->change);
    p->is_frozen = false;
    p->cut = e->cut;
    if (!p->is_gone || p->graves)
        return;
    p->is_reported = true;
    list_append(&e->gone, &p->change);
}

void checkpoint_save(struct engine *e, struct profile *p)
{
    leave_frozen(e, p);
    pack_entry(e, p, &e->cut_entries);
}

size_t engine_cut(struct engine *e, int64_t offset)
{
    size_t n = e->n_dirty;

    ENSURE(!e->is_cutting);
    e->is_cutting = true;
    e->cut++;
    e->cut_offset = offset;
    e->cut_clock_ms = e->clock_ms;
    e->cut_read = 0;
    buf_reset(&e->cut_entries);
    LIST_EACH(it, &e->dirty)
    CONTAINER_OF(it, struct profile, change)->is_frozen = true;
    list_splice(&e->frozen, &e->dirty);
    e->n_dirty = 0;
    return n;
}

static void read_fields(struct engine *e, struct str bytes, struct checkpoint_entry *ret_entry)
{
    struct wire in = wire_of(bytes);
    size_t n = 0;

    while (in.at < in.end) {
        mem_grow(&e->fields, &e->cap_fields, n, sizeof(*e->fields));
        e->fields[n].name = wire_get_str(&in);
        e->fields[n++].text = wire_get_str(&in);
    }
    ENSURE(!in.is_bad);
    ret_entry->fields = e->fields;
    ret_entry->n_fields = n;
}

/* Returns the bytes that the entry took. */
static size_t read_entry(struct engine *e, struct str bytes, struct checkpoint_entry *ret_entry)
{
    struct wire in = wire_of(bytes);

    ret_entry->id = wire_get_str(&in);
    ret_entry->wake_ms = (int64_t)wire_get_fixed(&in, 8);
    ret_entry->owed_since_ms = (int64_t)wire_get_fixed(&in, 8);
    ret_entry->packed = wire_get_str(&in);
    read_fields(e, wire_get_str(&in), ret_entry);
    ENSURE(!in.is_bad);
    return (size_t)((const char *)in.at - bytes.ptr);
}

bool engine_cut_next(struct engine *e, struct checkpoint_entry *ret_entry)
{
    struct list *first = list_first(&e->frozen);

    ENSURE(e->is_cutting);
    if (e->cut_read < e->cut_entries.len) {
        struct str rest = {e->cut_entries.ptr + e->cut_read, e->cut_entries.len - e->cut_read};

        e->cut_read += read_entry(e, rest, ret_entry);
        return true;
    }
    if (!first)
        return false;
    buf_reset(&e->entry);
    pack_entry(e, CONTAINER_OF(first, struct profile, change), &e->entry);
    leave_frozen(e, CONTAINER_OF(first, struct profile, change));
    (void)read_entry(e, buf_str(&e->entry), ret_entry);
    return true;
}

void engine_cut_done(struct engine *e)
{
    ENSURE(e->is_cutting && list_is_empty(&e->frozen) && e->cut_read == e->cut_entries.len);
    e->is_cutting = false;
    for (struct list *it = list_first(&e->gone); it; it = list_first(&e->gone))
        engine_drop_profile(e, CONTAINER_OF(it, struct profile, change));
    buf_deinit(&e->cut_entries);
    e->cut_read = 0;
    identity_cut_done(e);
}

size_t engine_n_dirty(const struct engine *e)
{
    return e->n_dirty;
}

void engine_life_pack(const struct engine *e, struct buf *out)
{
    life_pack(e, out);
}

int engine_life_restore(struct engine *e, struct str packed)
{
    return life_unpack(e, packed) ? 0 : ENGINE_E_CORRUPT;
}

/* ---------------------------------------------------------------- restore, evict */

void engine_resume(struct engine *e, struct profile *p, int64_t as_of_ms)
{
    if (p->ref_ms != INT64_MIN) { /* nothing is decided of anybody before their first event */
        p->forget_ms = engine_forget_at(e, p->ref_ms);
        rules_resume(e, p, as_of_ms);
    } else if (p->dedup) {
        p->forget_ms = engine_forget_at(e, dedup_last_ms(p->dedup));
    }
    engine_settle(e, p);
}

int engine_restore(struct engine *e, struct str id, struct str packed)
{
    struct profile *p;
    int64_t as_of_ms = e->clock_ms;

    if (engine_find(e, id))
        return 0;
    p = profile_new(e->model, id);
    if (packed.len && !profile_unpack(p, e->model, packed, &as_of_ms)) {
        profile_free(p, e->model);
        return ENGINE_E_CORRUPT;
    }
    engine_add_profile(e, p);
    ahead_keep(e, p, packed);
    engine_resume(e, p, as_of_ms);
    e->stats.n_restored += packed.len > 0;
    return 0;
}

/* What a conversation may answer from another stakeholder's side must be at hand. */
static bool is_needed(const struct engine *e, const struct profile *p)
{
    return e->model->answered_by == ANSWERED_BY_CONVERSATION && p->ledger.n_open;
}

void engine_spare(struct engine *e, const struct str *ids, size_t n)
{
    ENSURE(n <= ENGINE_CONCERNED_MAX);
    e->n_spared = n;
    for (size_t i = 0; i < n; i++) {
        buf_reset(&e->spared[i]);
        buf_add_str(&e->spared[i], ids[i]);
    }
}

static bool is_spared(const struct engine *e, const struct profile *p)
{
    for (size_t i = 0; i < e->n_spared; i++) {
        if (str_eq(buf_str(&e->spared[i]), profile_id(p)))
            return true;
    }
    return false;
}

static bool may_go(const struct engine *e, const struct profile *p, int64_t horizon_ms)
{
    bool is_stored = !list_is_linked(&p->change) && !(e->is_cutting && p->cut == e->cut);

    return is_stored && p->wake_ms > horizon_ms && !p->waiting && !is_needed(e, p) && !p->graves &&
           !is_spared(e, p);
}

size_t engine_evict(struct engine *e, uint64_t target_bytes, int64_t horizon_ms)
{
    size_t n = 0;

    LIST_EACH_SAFE(it, &e->lru)
    {
        struct profile *p = CONTAINER_OF(it, struct profile, lru);

        if (e->stats.n_bytes <= target_bytes)
            break;
        if (!may_go(e, p, horizon_ms))
            continue;
        ahead_drop(e, profile_id(p));
        engine_drop_profile(e, p);
        n++;
    }
    if (n)
        e->is_complete = false;
    e->stats.n_evicted += n;
    return n;
}
