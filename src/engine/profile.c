/* SPDX-License-Identifier: Apache-2.0 */
/* Layout, accounting, packing. */
#include "engine/profile.h"

#include "base/mem.h"
#include "base/parse.h"
#include "engine/cause.h"
#include "engine/event_pack.h"
#include "engine/evidence.h"
#include "engine/keeps.h"

#include <math.h>

#define PACK_LAYOUT  2
#define SECTIONS_END 0
#define WORDS(type)  (sizeof(type) / sizeof(double))

/* Places in the tail are told in words of 8 bytes. */
_Static_assert(MODEL_SLOTS_MAX + 2 * MODEL_RULES_MAX + 2 * MODEL_SELECTORS_MAX +
                       2 * 2 * MODEL_METRICS_MAX <=
                   UINT16_MAX,
               "slots, due, series, keeps");

static size_t size_of(const struct model *m, size_t id_len)
{
    return sizeof(struct profile) + m->n_slots * sizeof(double) + m->n_due * sizeof(struct due) +
           m->n_series * sizeof(struct series) + m->n_keeps * sizeof(struct keep) +
           profile_n_refs(m) * sizeof(uint16_t) + id_len;
}

struct profile *profile_new(const struct model *m, struct str id)
{
    struct profile *p = mem_calloc(1, size_of(m, id.len));

    p->due_at = (uint16_t)m->n_slots;
    p->series_at = (uint16_t)(p->due_at + WORDS(struct due) * m->n_due);
    p->keeps_at = (uint16_t)(p->series_at + WORDS(struct series) * m->n_series);
    p->places_at = (uint16_t)(p->keeps_at + WORDS(struct keep) * m->n_keeps);
    p->n_places = (uint16_t)profile_n_refs(m);
    p->id_len = (uint32_t)id.len;
    memcpy(profile_places(p) + p->n_places, id.ptr, id.len);
    p->wake_ms = INT64_MAX;
    p->ref_ms = INT64_MIN;
    p->stored_offset = -1;
    p->forget_ms = INT64_MAX;
    for (size_t i = 0; i < m->n_due; i++)
        profile_due(p)[i] = due_none();
    return p;
}

struct profile *profile_free(struct profile *p, const struct model *m)
{
    if (!p)
        return NULL;
    refs_free(p->refs);
    for (size_t i = 0; i < m->n_series; i++)
        series_deinit(&profile_series(p)[i]);
    keeps_deinit(p, m);
    for (uint32_t i = 0; i < p->n_held; i++)
        mem_free((void *)(uintptr_t)p->held[i].bytes.ptr);
    standings_deinit(&p->standings);
    follow_free(p->follow);
    graves_free(p->graves);
    journal_free(p->journal);
    relation_free(p->relation);
    ledger_deinit(&p->ledger);
    dedup_free(p->dedup);
    preference_free(p->preference);
    mem_free(p->held);
    mem_free(p->kind);
    mem_free(p->account);
    return mem_free(p);
}

size_t profile_bytes(const struct profile *p, const struct model *m)
{
    size_t n = mem_taken(size_of(m, p->id_len));

    for (size_t i = 0; i < m->n_series; i++)
        n += series_bytes(&profile_series(p)[i], m->series[i].has_values);
    for (uint32_t i = 0; i < p->n_held; i++)
        n += mem_taken(p->held[i].bytes.len);
    n += mem_taken(p->cap_held * sizeof(*p->held)) + refs_bytes(p->refs) + keeps_bytes(p, m);
    n += (p->kind ? mem_taken(strlen(p->kind) + 1) : 0) +
         (p->account ? mem_taken(strlen(p->account) + 1) : 0);
    n += standings_bytes(&p->standings) + follow_bytes(p->follow) + relation_bytes(p->relation);
    n += preference_bytes(p->preference) + graves_bytes(p->graves) + journal_bytes(p->journal);
    return n + ledger_bytes(&p->ledger) + dedup_bytes(p->dedup);
}

/* ---------------------------------------------------------------- events that wait */

static bool held_before(const struct held_event *a, const struct held_event *b)
{
    int c;

    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms;
    c = str_cmp(a->sequence, b->sequence);
    return c ? c < 0 : a->offset < b->offset;
}

static void insert_held(struct profile *p, struct held_event held)
{
    uint32_t at = p->n_held;

    if (p->n_held == p->cap_held) {
        p->cap_held = p->cap_held ? p->cap_held * 2 : 1;
        p->held = mem_realloc(p->held, p->cap_held * sizeof(*p->held));
    }
    while (at > 0 && held_before(&held, &p->held[at - 1])) {
        p->held[at] = p->held[at - 1];
        at--;
    }
    p->held[at] = held;
    p->n_held++;
}

static struct held_event held_of(struct str packed)
{
    struct wire in = wire_of(packed);
    struct event event;

    event_unpack(&in, &event);
    return (struct held_event){.time_ms = event.time_ms,
                               .offset = event.offset,
                               .sequence = event.sequence,
                               .bytes = packed};
}

void profile_hold(struct profile *p, const struct event *event)
{
    struct buf bytes = BUF_INIT;

    event_pack(event, &bytes);
    bytes.ptr = mem_realloc(bytes.ptr, bytes.len);
    insert_held(p, held_of(buf_str(&bytes)));
}

uint32_t profile_adopt_held(struct profile *p, const struct profile *from)
{
    for (uint32_t i = 0; i < from->n_held; i++) {
        struct wire in = wire_of(from->held[i].bytes);
        struct event event;

        event_unpack(&in, &event);
        event.subject = profile_id(p);
        profile_hold(p, &event);
    }
    return from->n_held;
}

struct held_event profile_take_held(struct profile *p)
{
    struct held_event first = p->held[0];

    p->n_held--;
    memmove(p->held, p->held + 1, p->n_held * sizeof(*p->held));
    if (!p->n_held) {
        p->held = mem_free(p->held);
        p->cap_held = 0;
    }
    return first;
}

/* ---------------------------------------------------------------- packing */

static void pack_text(struct buf *out, const char *text)
{
    wire_put_str(out, str_of(text));
}

static char *unpack_text(struct wire *in)
{
    struct str s = wire_get_str(in);

    return s.len ? mem_strndup(s.ptr, s.len) : NULL;
}

static void pack_slots(const struct profile *p, const struct model *m, struct buf *out)
{
    wire_put_i64(out, p->ref_ms == INT64_MIN ? INSTANT_MIN_MS - 1 : p->ref_ms);
    wire_put_u64(out, m->n_slots);
    for (size_t i = 0; i < m->n_slots; i++) {
        wire_put_fixed(out, m->slots[i].tag, 4);
        wire_put_double(out, p->slots[i]);
    }
}

/* What is known of a selector that a slot begins to read only now is no evidence of it. */
static void forget_new(struct profile *p, const struct model *m, const bool *is_found)
{
    for (size_t i = 0; i < m->n_slots; i++) {
        if (!is_found[i])
            evidence_forget(p, m, m->slots[i].selector);
    }
}

static void unpack_slots(struct profile *p, const struct model *m, struct wire *in,
                         bool *ret_is_found)
{
    int64_t ref_ms = wire_get_i64(in);
    size_t n = wire_get_count(in, 12);

    p->ref_ms = ref_ms < INSTANT_MIN_MS ? INT64_MIN : ref_ms;
    in->is_bad |= ref_ms > INSTANT_MAX_MS;
    for (size_t k = 0; k < n; k++) {
        uint32_t tag = (uint32_t)wire_get_fixed(in, 4);
        double v = wire_get_double(in);

        in->is_bad |= fabs(v) > SERIES_SUM_MAX;
        for (size_t i = 0; i < m->n_slots; i++) {
            if (m->slots[i].tag != tag)
                continue;
            p->slots[i] = v;
            ret_is_found[i] = true;
            in->is_bad |= m->slots[i].is_count && !(v >= 0 && v <= 1e15);
        }
    }
}

static void pack_series(const struct profile *p, const struct model *m, struct buf *out)
{
    wire_put_u64(out, m->n_series);
    for (size_t i = 0; i < m->n_series; i++) {
        wire_put_fixed(out, m->selectors[m->series[i].selector].tag, 4);
        wire_put_u64(out, m->series[i].has_values);
        series_pack(&profile_series(p)[i], m->series[i].has_values, out);
    }
}

static void unpack_series(struct profile *p, const struct model *m, struct wire *in)
{
    size_t n = wire_get_count(in, 6);

    for (size_t k = 0; k < n && !in->is_bad; k++) {
        uint32_t tag = (uint32_t)wire_get_fixed(in, 4);
        bool has_values = wire_get_u64(in) != 0;
        struct series s = {0};

        series_unpack(&s, has_values, in);
        for (size_t i = 0; i < m->n_series; i++) {
            if (m->selectors[m->series[i].selector].tag != tag ||
                m->series[i].has_values != has_values)
                continue;
            series_deinit(&profile_series(p)[i]);
            profile_series(p)[i] = s;
            s = (struct series){0};
        }
        series_deinit(&s);
    }
}

static void pack_held(const struct profile *p, const struct model *m, struct buf *out)
{
    (void)m;
    if (!p->n_held)
        return;
    wire_put_u64(out, p->n_held);
    for (uint32_t i = 0; i < p->n_held; i++)
        wire_put_str(out, p->held[i].bytes);
}

static void unpack_held(struct profile *p, const struct model *m, struct wire *in)
{
    size_t n = wire_get_count(in, 12); /* a merge at time 0, all texts empty */

    (void)m;
    for (size_t i = 0; i < n && !in->is_bad; i++) {
        struct str bytes = wire_get_str(in);
        struct wire inner = wire_of(bytes);
        struct event event;

        event_unpack(&inner, &event);
        if (inner.is_bad || inner.at != inner.end || event.time_ms < INSTANT_MIN_MS ||
            event.time_ms > INSTANT_MAX_MS)
            in->is_bad = true;
        else
            insert_held(p, held_of((struct str){mem_strndup(bytes.ptr, bytes.len), bytes.len}));
    }
}

static void pack_preference(const struct profile *p, const struct model *m, struct buf *out)
{
    (void)m;
    preference_pack(p->preference, out);
}

static void unpack_preference(struct profile *p, const struct model *m, struct wire *in)
{
    (void)m;
    preference_free(p->preference);
    p->preference = preference_unpack(in);
}

/* Parts that few stakeholders have: each packed by its own room, left out where it is empty, and
 * known by a tag that is never given to another. */
struct section {
    uint32_t tag;
    void (*pack)(const struct profile *p, const struct model *m, struct buf *out);
    void (*unpack)(struct profile *p, const struct model *m, struct wire *in);
};

/* The stage by its name's tag, so that it is known whether another configuration's is another. */
static void pack_stage(const struct profile *p, const struct model *m, struct buf *out)
{
    if (!p->stage)
        return;
    wire_put_fixed(out, m->rules[p->stage - 1].tag, 4);
    wire_put_i64(out, p->stage_since_ms);
    wire_put_u64(out, p->is_stage_muted);
}

static void unpack_stage(struct profile *p, const struct model *m, struct wire *in)
{
    uint32_t tag = (uint32_t)wire_get_fixed(in, 4);
    int64_t since_ms = wire_get_instant(in);

    p->is_stage_muted = wire_get_u64(in) != 0;
    for (size_t i = 0; i < m->n_stages; i++) {
        if (m->rules[i].tag != tag)
            continue;
        p->stage = (uint16_t)(i + 1);
        p->stage_since_ms = since_ms;
    }
}

static const struct section sections[] = {
    {1, pack_held, unpack_held},
    {2, keeps_pack, keeps_unpack},
    {3, relation_pack, relation_unpack},
    {5, pack_stage, unpack_stage},
    {6, follow_pack, follow_unpack},
    {10, due_pack, due_unpack},
    {4, pack_preference, unpack_preference},
    {8, journal_pack, journal_unpack},
    {9, graves_pack, graves_unpack},
    {7, evidence_pack, evidence_unpack},
};

static void pack_sections(const struct profile *p, const struct model *m, struct buf *out)
{
    struct buf bytes = BUF_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
        buf_reset(&bytes);
        sections[i].pack(p, m, &bytes);
        if (!bytes.len)
            continue;
        wire_put_u64(out, sections[i].tag);
        wire_put_str(out, buf_str(&bytes));
    }
    wire_put_u64(out, SECTIONS_END);
    buf_deinit(&bytes);
}

/* Sections of a tag that is not known are a newer version's: the rest is of use without them. */
static void unpack_sections(struct profile *p, const struct model *m, struct wire *in)
{
    for (uint64_t tag = wire_get_u64(in); tag != SECTIONS_END && !in->is_bad;
         tag = wire_get_u64(in)) {
        struct wire inner = wire_of(wire_get_str(in));

        for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
            if (sections[i].tag != tag)
                continue;
            sections[i].unpack(p, m, &inner);
            in->is_bad |= inner.is_bad || inner.at != inner.end;
        }
    }
}

void profile_pack(const struct profile *p, const struct model *m, int64_t as_of_ms,
                  int64_t as_of_offset, struct buf *out)
{
    wire_put_u64(out, PACK_LAYOUT);
    wire_put_i64(out, as_of_ms);
    wire_put_i64(out, as_of_offset);
    pack_text(out, p->kind);
    pack_text(out, p->account);
    pack_slots(p, m, out);
    pack_series(p, m, out);
    standings_pack(&p->standings, m, out);
    cause_pack(p, m, out);
    ledger_pack(&p->ledger, m, out);
    dedup_pack(p->dedup, out);
    pack_sections(p, m, out);
}

bool profile_unpack(struct profile *p, const struct model *m, struct str packed,
                    int64_t *ret_as_of_ms)
{
    struct wire in = wire_of(packed);
    bool is_found[MODEL_SLOTS_MAX] = {false};
    int64_t as_of_ms;

    if (wire_get_u64(&in) != PACK_LAYOUT)
        return false;
    as_of_ms = wire_get_i64(&in); /* a clock: the lateness may put it before all instants */
    in.is_bad |= as_of_ms < 2 * INSTANT_MIN_MS || as_of_ms > INSTANT_MAX_MS;
    p->stored_offset = wire_get_i64(&in);
    p->kind = unpack_text(&in);
    p->account = unpack_text(&in);
    unpack_slots(p, m, &in, is_found);
    unpack_series(p, m, &in);
    standings_unpack(&p->standings, m, &in);
    cause_unpack(p, m, &in);
    ledger_unpack(&p->ledger, m, &in);
    dedup_free(p->dedup);
    p->dedup = dedup_unpack(&in);
    unpack_sections(p, m, &in);
    forget_new(p, m, is_found);
    for (uint32_t i = 0; i < p->ledger.n_open; i++)
        p->ledger.open[i]->owner = p;
    if (in.is_bad || in.at != in.end)
        return false;
    *ret_as_of_ms = as_of_ms;
    return true;
}
