/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list through the refs themselves, which stand behind metrics already. What a ref was counted as
 * follows its texts: a bit per selector of the model, then a double for each that counted it and
 * has a value; who only counts events counted it as 1.
 */
#include "engine/evidence.h"

#include "base/mem.h"
#include "engine/profile.h"

#include <math.h>

static unsigned char *bits_of(const struct event_ref *ref)
{
    return (unsigned char *)(uintptr_t)&ref->bytes[(size_t)ref->id_len + ref->source_len];
}

static bool has_bit(const unsigned char *bits, size_t i)
{
    return bits[i / 8] >> (i % 8) & 1;
}

static size_t bits_size(size_t n)
{
    return (n + 7) / 8;
}

bool evidence_has(const struct profile *p, const struct event_ref *ref)
{
    for (const struct event_ref *it = p->evidence; it; it = it->older) {
        if (it == ref)
            return true;
    }
    return false;
}

/* Where the selector's value is, or would be; in bytes after the texts. */
static size_t place_of(const struct model *m, const struct event_ref *ref, size_t selector)
{
    const unsigned char *bits = bits_of(ref);
    size_t at = bits_size(m->n_selectors);

    for (size_t i = 0; i < selector; i++)
        at += has_bit(bits, i) && m->selectors[i].value ? sizeof(double) : 0;
    return at;
}

bool evidence_value(const struct model *m, const struct event_ref *ref, size_t selector,
                    double *ret_value)
{
    const unsigned char *bits = bits_of(ref);

    if (!has_bit(bits, selector))
        return false;
    *ret_value = 1;
    if (m->selectors[selector].value)
        memcpy(ret_value, bits + place_of(m, ref, selector), sizeof(*ret_value));
    return true;
}

/* ---------------------------------------------------------------- in and out */

static struct event_ref *append_counted(const struct model *m, struct event_ref *ref,
                                        const bool *counts, const double *values)
{
    size_t n = bits_size(m->n_selectors), n_texts = (size_t)ref->id_len + ref->source_len;
    unsigned char *bits;

    for (size_t i = 0; i < m->n_selectors; i++)
        n += counts[i] && m->selectors[i].value ? sizeof(double) : 0;
    ref = mem_realloc(ref, offsetof(struct event_ref, bytes) + n_texts + n);
    ref->n_counted = (uint16_t)n;
    bits = bits_of(ref);
    memset(bits, 0, bits_size(m->n_selectors));
    n = bits_size(m->n_selectors);
    for (size_t i = 0; i < m->n_selectors; i++) {
        if (!counts[i])
            continue;
        bits[i / 8] = (unsigned char)(bits[i / 8] | 1u << (i % 8));
        if (!m->selectors[i].value)
            continue;
        memcpy(bits + n, &values[i], sizeof(values[i]));
        n += sizeof(values[i]);
    }
    return ref;
}

static void unlink_ref(struct profile *p, const struct model *m, struct event_ref **at)
{
    struct event_ref *ref = *at;

    *at = ref->older;
    profile_drop_ref(p, m, ref);
}

struct event_ref *evidence_add(struct profile *p, const struct model *m, struct event_ref *ref,
                               const bool *counts, const double *values)
{
    struct event_ref **at = &p->evidence;
    size_t n = 0;

    for (; *at && (*at)->time_ms > ref->time_ms; at = &(*at)->older)
        n++;
    if (n < m->evidence_events) {
        ref = append_counted(m, ref, counts, values);
        ref->older = *at;
        *at = ref;
    }
    for (size_t i = 0; i < m->n_selectors; i++) {
        if (counts[i])
            profile_set_ref(p, m, i, ref);
    }
    for (n = 0, at = &p->evidence; *at && n < m->evidence_events; at = &(*at)->older)
        n++;
    if (*at)
        unlink_ref(p, m, at);
    return ref;
}

static struct event_ref *copy_of(const struct event_ref *ref)
{
    size_t n = offsetof(struct event_ref, bytes) + ref->id_len + ref->source_len + ref->n_counted;
    struct event_ref *copy = mem_alloc(n);

    memcpy(copy, ref, n);
    return copy;
}

void evidence_merge(struct profile *p, const struct profile *from, const struct model *m)
{
    struct event_ref **at;
    size_t n;

    for (const struct event_ref *ref = from->evidence; ref; ref = ref->older) {
        struct event_ref *copy = copy_of(ref);

        for (at = &p->evidence; *at && (*at)->time_ms > ref->time_ms; at = &(*at)->older)
            ;
        copy->older = *at;
        *at = copy;
    }
    for (n = 0, at = &p->evidence; *at && n < m->evidence_events; at = &(*at)->older)
        n++;
    while (*at)
        unlink_ref(p, m, at);
}

void evidence_clear(struct profile *p, const struct model *m)
{
    while (p->evidence)
        unlink_ref(p, m, &p->evidence);
}

static bool is_counted(const struct model *m, const struct event_ref *ref)
{
    for (size_t i = 0; i < bits_size(m->n_selectors); i++) {
        if (bits_of(ref)[i])
            return true;
    }
    return false;
}

void evidence_forget(struct profile *p, const struct model *m, size_t selector)
{
    for (struct event_ref **at = &p->evidence; *at;) {
        struct event_ref *ref = *at;
        unsigned char *bits = bits_of(ref);
        size_t place = place_of(m, ref, selector);

        if (has_bit(bits, selector)) {
            bits[selector / 8] = (unsigned char)(bits[selector / 8] & ~(1u << (selector % 8)));
            if (m->selectors[selector].value) {
                ref->n_counted -= (uint32_t)sizeof(double);
                memmove(bits + place, bits + place + sizeof(double), ref->n_counted - place);
            }
        }
        if (is_counted(m, ref))
            at = &ref->older;
        else
            unlink_ref(p, m, at);
    }
}

/* ---------------------------------------------------------------- packing */

static bool is_counting(const struct profile *p, size_t selector)
{
    for (const struct event_ref *ref = p->evidence; ref; ref = ref->older) {
        if (has_bit(bits_of(ref), selector))
            return true;
    }
    return false;
}

/* The selector that it is the latest event of; n_selectors: none. */
static size_t place_behind(const struct profile *p, const struct model *m,
                           const struct event_ref *ref)
{
    size_t i = 0;

    while (i < m->n_selectors && p->last_ref[i] != ref)
        i++;
    return i;
}

static struct str source_of(const struct event_ref *ref)
{
    return (struct str){ref->bytes + ref->id_len, ref->source_len};
}

/* The source is left out where it is that of the one before: `*source`. */
static void pack_ref(const struct event_ref *ref, struct str *source, struct buf *out)
{
    bool is_same = str_eq(source_of(ref), *source);

    wire_put_str(out, (struct str){ref->bytes, ref->id_len});
    wire_put_u64(out, is_same);
    if (!is_same)
        wire_put_str(out, source_of(ref));
    *source = source_of(ref);
    wire_put_i64(out, ref->time_ms);
    wire_put_i64(out, ref->offset);
}

static void pack_counted(const struct model *m, const struct event_ref *ref,
                         const uint16_t *selectors, size_t n, struct buf *out)
{
    unsigned char bits[MODEL_SELECTORS_MAX / 8 + 1] = {0};
    double v;

    for (size_t i = 0; i < n; i++) {
        if (has_bit(bits_of(ref), selectors[i]))
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

    if (!p->evidence)
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
    for (const struct event_ref *ref = p->evidence; ref; ref = ref->older) {
        size_t place = place_behind(p, m, ref);

        wire_put_u64(out, place < m->n_selectors);
        if (place < m->n_selectors)
            wire_put_fixed(out, m->selectors[place].tag, 4);
        else
            pack_ref(ref, &source, out);
        pack_counted(m, ref, selectors, n, out);
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
                           double *ret_values)
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
        ret_values[known->selectors[i]] = v;
        is_any = true;
    }
    return is_any;
}

/* The latest event of that selector; NULL: the model has no such selector any more. */
static struct event_ref *ref_behind(const struct profile *p, const struct model *m, uint32_t tag)
{
    for (size_t i = 0; i < m->n_selectors; i++) {
        if (m->selectors[i].tag == tag)
            return p->last_ref[i];
    }
    return NULL;
}

static struct event_ref *unpack_ref(struct wire *in, struct str *source)
{
    struct str id = wire_get_str(in);
    int64_t time_ms, offset;

    if (!wire_get_u64(in))
        *source = wire_get_str(in);
    time_ms = wire_get_instant(in);
    offset = wire_get_i64(in);
    return in->is_bad ? NULL : event_ref_of(id, *source, time_ms, offset);
}

/* At the list's end. What stands behind something is written down anew, with what it counted as. */
static void append(struct profile *p, const struct model *m, struct event_ref *ref,
                   const bool *counts, const double *values)
{
    struct event_ref **at = &p->evidence, *old = ref;

    while (*at)
        at = &(*at)->older;
    if (profile_holds_ref(p, m, old)) {
        ref = event_ref_of((struct str){old->bytes, old->id_len}, source_of(old), old->time_ms,
                           old->offset);
        ref->rank = old->rank;
        ref = append_counted(m, ref, counts, values);
        profile_swap_ref(p, m, old, ref);
    } else {
        ref = append_counted(m, ref, counts, values);
    }
    ref->older = NULL;
    *at = ref;
}

/* Newest first, each once. */
static bool may_follow(const struct profile *p, const struct event_ref *ref)
{
    for (const struct event_ref *it = p->evidence; it; it = it->older) {
        if (it == ref || it->time_ms < ref->time_ms)
            return false;
    }
    return true;
}

static void unpack_one(struct profile *p, const struct model *m, struct wire *in,
                       struct known *known, bool is_wanted)
{
    bool counts[MODEL_SELECTORS_MAX] = {false};
    double values[MODEL_SELECTORS_MAX];
    bool is_shared = wire_get_u64(in) != 0, is_any;
    struct event_ref *ref = is_shared ? ref_behind(p, m, (uint32_t)wire_get_fixed(in, 4))
                                      : unpack_ref(in, &known->source);

    is_any = unpack_counted(in, known, counts, values);
    if (!ref)
        return;
    in->is_bad |= !may_follow(p, ref);
    if (is_wanted && is_any && !in->is_bad)
        append(p, m, ref, counts, values);
    else if (!is_shared)
        mem_free(ref);
}

void evidence_unpack(struct profile *p, const struct model *m, struct wire *in)
{
    struct known known = {.n = 0};
    size_t n = 0;

    evidence_clear(p, m);
    unpack_known(m, in, &known);
    while (in->at < in->end && !in->is_bad) {
        unpack_one(p, m, in, &known, n < m->evidence_events);
        n++;
    }
    in->is_bad |= n > MODEL_EVIDENCE_MAX;
}
