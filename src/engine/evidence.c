/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an event was counted as: a bit per selector of the model, then a double for each that
 * counted it and has a value; who only counts events counted it as 1.
 */
#include "engine/evidence.h"

#include "engine/profile.h"

#include <math.h>

static bool has_bit(const void *bits, size_t i)
{
    return ((const unsigned char *)bits)[i / 8] >> (i % 8) & 1;
}

static size_t bits_size(size_t n)
{
    return (n + 7) / 8;
}

/* Where the selector's value is, or would be. */
static size_t place_of(const struct model *m, struct str counted, size_t selector)
{
    size_t at = bits_size(m->n_selectors);

    for (size_t i = 0; i < selector; i++)
        at += has_bit(counted.ptr, i) && m->selectors[i].value ? sizeof(double) : 0;
    return at;
}

bool evidence_value(const struct model *m, const struct event_ref *ref, size_t selector,
                    double *ret_value)
{
    if (!has_bit(ref->counted.ptr, selector))
        return false;
    *ret_value = 1;
    if (m->selectors[selector].value)
        memcpy(ret_value, ref->counted.ptr + place_of(m, ref->counted, selector),
               sizeof(*ret_value));
    return true;
}

/* ---------------------------------------------------------------- in and out */

void evidence_count(const struct model *m, const bool *counts, const struct taken *taken,
                    struct buf *out)
{
    size_t n_bits = bits_size(m->n_selectors);
    char *bits = buf_reserve(out, n_bits + m->n_selectors * sizeof(double));
    char *at = bits + n_bits;

    memset(bits, 0, n_bits);
    for (size_t i = 0; i < m->n_selectors; i++) {
        if (!counts[i])
            continue;
        bits[i / 8] = (char)(bits[i / 8] | 1 << (i % 8));
        if (!m->selectors[i].value)
            continue;
        memcpy(at, &taken[i].value, sizeof(taken[i].value));
        at += sizeof(taken[i].value);
    }
    buf_advance(out, (size_t)(at - bits));
}

/* What is beyond the latest is no evidence any more. */
static void cut_off(struct profile *p, const struct model *m)
{
    if (refs_n_evidence(p->refs) > m->evidence_events)
        p->refs->n_evidence = (uint16_t)m->evidence_events;
    refs_sweep(p, m);
}

static void insert(struct profile *p, const struct model *m, size_t at, const struct event_ref *ref)
{
    refs_insert(p, m, at, ref);
    p->refs->n_evidence++;
}

void evidence_merge(struct profile *p, const struct profile *from, const struct model *m)
{
    for (size_t i = 0; i < refs_n_evidence(from->refs); i++) {
        const struct event_ref ref = refs_get(from->refs, i);

        insert(p, m, refs_evidence_place(p->refs, ref.time_ms), &ref);
    }
    cut_off(p, m);
}

void evidence_clear(struct profile *p, const struct model *m)
{
    if (p->refs)
        p->refs->n_evidence = 0;
    refs_sweep(p, m);
}

static bool is_counted(const struct model *m, struct str counted)
{
    for (size_t i = 0; i < bits_size(m->n_selectors); i++) {
        if (counted.ptr[i])
            return true;
    }
    return false;
}

/* Its value and its bit, of bytes that are the caller's. */
static void uncount(const struct model *m, struct str *counted, size_t selector)
{
    char *bytes = (char *)(uintptr_t)counted->ptr;
    size_t place = place_of(m, *counted, selector);

    bytes[selector / 8] = (char)(bytes[selector / 8] & ~(1 << (selector % 8)));
    if (!m->selectors[selector].value)
        return;
    counted->len -= sizeof(double);
    memmove(bytes + place, bytes + place + sizeof(double), counted->len - place);
}

/* Puts `ref`, which is a copy, at `to` for event `i`, which goes. */
static void replace(struct profile *p, const struct model *m, size_t i, size_t to,
                    const struct event_ref *ref, bool is_evidence)
{
    size_t old = i < to ? i : i + 1;

    refs_insert(p, m, to, ref);
    p->refs->n_evidence = (uint16_t)(p->refs->n_evidence + is_evidence);
    for (size_t place = 0; place < profile_n_refs(m); place++) {
        if (profile_places(p)[place] == old + 1)
            profile_places(p)[place] = (uint16_t)(to + 1);
    }
    refs_remove(p, m, old);
}

void evidence_forget(struct profile *p, const struct model *m, size_t selector)
{
    struct buf texts = BUF_INIT;

    for (size_t i = 0; i < refs_n_evidence(p->refs);) {
        struct event_ref ref;
        bool is_left;

        buf_reset(&texts);
        ref = refs_copy(p->refs, i, &texts);
        if (has_bit(ref.counted.ptr, selector))
            uncount(m, &ref.counted, selector);
        is_left = is_counted(m, ref.counted);
        if (!is_left)
            ref.counted = STR_NULL;
        replace(p, m, i, is_left ? i : refs_n(p->refs), &ref, is_left);
        i += is_left;
    }
    refs_sweep(p, m);
    buf_deinit(&texts);
}

/* ---------------------------------------------------------------- packing */

static bool is_counting(const struct profile *p, size_t selector)
{
    for (size_t i = 0; i < refs_n_evidence(p->refs); i++) {
        if (has_bit(refs_get(p->refs, i).counted.ptr, selector))
            return true;
    }
    return false;
}

/* The selector that event `i` is the latest of; n_selectors: none. */
static size_t place_behind(const struct profile *p, const struct model *m, size_t i)
{
    size_t place = 0;

    while (place < m->n_selectors && profile_places(p)[place] != i + 1)
        place++;
    return place;
}

/* The source is left out where it is that of the one before: `*source`. */
static void pack_ref(const struct event_ref *ref, struct str *source, struct buf *out)
{
    bool is_same = str_eq(ref->source, *source);

    wire_put_str(out, ref->id);
    wire_put_u64(out, is_same);
    if (!is_same)
        wire_put_str(out, ref->source);
    *source = ref->source;
    wire_put_i64(out, ref->time_ms);
    wire_put_i64(out, ref->offset);
}

static void pack_counted(const struct model *m, const struct event_ref *ref,
                         const uint16_t *selectors, size_t n, struct buf *out)
{
    unsigned char bits[MODEL_SELECTORS_MAX / 8 + 1] = {0};
    double v;

    for (size_t i = 0; i < n; i++) {
        if (has_bit(ref->counted.ptr, selectors[i]))
            bits[i / 8] = (unsigned char)(bits[i / 8] | 1u << (i % 8));
    }
    buf_add(out, bits, bits_size(n));
    for (size_t i = 0; i < n; i++) {
        if (m->selectors[selectors[i]].value && evidence_value(m, ref, selectors[i], &v))
            wire_put_double(out, v);
    }
}

void evidence_pack(const struct profile *p, const struct model *m, struct buf *out)
{
    uint16_t selectors[MODEL_SELECTORS_MAX];
    struct str source = STR_NULL;
    size_t n = 0;

    if (!refs_n_evidence(p->refs))
        return;
    for (size_t i = 0; i < m->n_selectors; i++) {
        if (is_counting(p, i))
            selectors[n++] = (uint16_t)i;
    }
    wire_put_u64(out, n);
    for (size_t i = 0; i < n; i++) {
        wire_put_fixed(out, m->selectors[selectors[i]].tag, 4);
        wire_put_u64(out, m->selectors[selectors[i]].value != NULL);
    }
    for (size_t i = 0; i < refs_n_evidence(p->refs); i++) {
        const struct event_ref ref = refs_get(p->refs, i);
        size_t place = place_behind(p, m, i);

        wire_put_u64(out, place < m->n_selectors);
        if (place < m->n_selectors)
            wire_put_fixed(out, m->selectors[place].tag, 4);
        else
            pack_ref(&ref, &source, out);
        pack_counted(m, &ref, selectors, n, out);
    }
}

/* What the packed state calls the selectors that it is about. */
struct known {
    uint16_t selectors[MODEL_SELECTORS_MAX]; /* MODEL_NONE: the model has no such */
    bool has_value[MODEL_SELECTORS_MAX];
    size_t n;
    struct str source;
};

static uint16_t selector_of(const struct model *m, uint32_t tag, bool has_value)
{
    for (size_t i = 0; i < m->n_selectors; i++) {
        if (m->selectors[i].tag == tag && (m->selectors[i].value != NULL) == has_value)
            return (uint16_t)i;
    }
    return MODEL_NONE;
}

static void unpack_known(const struct model *m, struct wire *in, struct known *ret_known)
{
    size_t n = wire_get_count(in, 5);

    if (!n || n > MODEL_SELECTORS_MAX) {
        in->is_bad = true;
        return;
    }
    ret_known->n = n;
    for (size_t i = 0; i < n; i++) {
        uint32_t tag = (uint32_t)wire_get_fixed(in, 4);

        ret_known->has_value[i] = wire_get_u64(in) != 0;
        ret_known->selectors[i] = selector_of(m, tag, ret_known->has_value[i]);
    }
}

/* Whether the model has any of those that counted it. */
static bool unpack_counted(struct wire *in, const struct known *known, bool *ret_counts,
                           struct taken *ret_taken)
{
    unsigned char bits[MODEL_SELECTORS_MAX / 8 + 1] = {0};
    bool is_any = false;

    for (size_t i = 0; i < bits_size(known->n); i++)
        bits[i] = (unsigned char)wire_get_fixed(in, 1);
    for (size_t i = 0; i < known->n; i++) {
        double v = has_bit(bits, i) && known->has_value[i] ? wire_get_double(in) : 1;

        in->is_bad |= fabs(v) > SERIES_VALUE_MAX;
        if (!has_bit(bits, i) || known->selectors[i] == MODEL_NONE)
            continue;
        ret_counts[known->selectors[i]] = true;
        ret_taken[known->selectors[i]].value = v;
        is_any = true;
    }
    return is_any;
}

/* The latest event of that selector, by its number; 0: there is none, or no such selector. */
static uint16_t number_behind(const struct profile *p, const struct model *m, uint32_t tag)
{
    for (size_t i = 0; i < m->n_selectors; i++) {
        if (m->selectors[i].tag == tag)
            return profile_places(p)[i];
    }
    return 0;
}

static struct event_ref unpack_ref(struct wire *in, struct str *source)
{
    struct event_ref ref = {.id = wire_get_str(in)};

    if (!wire_get_u64(in))
        *source = wire_get_str(in);
    ref.source = *source;
    ref.time_ms = wire_get_instant(in);
    ref.offset = wire_get_i64(in);
    return ref;
}

/* Newest first, each once. */
static bool may_follow(const struct profile *p, int64_t time_ms, uint16_t number)
{
    size_t n = refs_n_evidence(p->refs);

    if (number && number <= n)
        return false;
    return !n || refs_get(p->refs, n - 1).time_ms >= time_ms;
}

/* `number` stands behind something already; 0: not. */
static void append(struct profile *p, const struct model *m, const struct event_ref *ref,
                   uint16_t number)
{
    size_t n = refs_n_evidence(p->refs);

    if (number)
        replace(p, m, number - 1u, n, ref, true);
    else
        insert(p, m, n, ref);
}

static void unpack_one(struct profile *p, const struct model *m, struct wire *in,
                       struct known *known, bool is_wanted, struct buf *scratch)
{
    bool counts[MODEL_SELECTORS_MAX] = {false};
    struct taken taken[MODEL_SELECTORS_MAX];
    bool is_shared = wire_get_u64(in) != 0, is_any;
    uint16_t number = is_shared ? number_behind(p, m, (uint32_t)wire_get_fixed(in, 4)) : 0;
    struct event_ref ref = {.time_ms = 0};
    struct buf counted = BUF_INIT;

    buf_reset(scratch);
    if (number)
        ref = refs_copy(p->refs, number - 1u, scratch);
    else if (!is_shared)
        ref = unpack_ref(in, &known->source);
    is_any = unpack_counted(in, known, counts, taken);
    if (is_shared && !number)
        return;
    in->is_bad |= !may_follow(p, ref.time_ms, number);
    if (!is_wanted || !is_any || in->is_bad)
        return;
    evidence_count(m, counts, taken, &counted);
    ref.counted = buf_str(&counted);
    append(p, m, &ref, number);
    buf_deinit(&counted);
}

void evidence_unpack(struct profile *p, const struct model *m, struct wire *in)
{
    struct known known = {.n = 0};
    struct buf scratch = BUF_INIT;
    size_t n = 0;

    evidence_clear(p, m);
    unpack_known(m, in, &known);
    while (in->at < in->end && !in->is_bad) {
        unpack_one(p, m, in, &known, n < m->evidence_events, &scratch);
        n++;
    }
    refs_sweep(p, m);
    in->is_bad |= n > MODEL_EVIDENCE_MAX;
    buf_deinit(&scratch);
}
