/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How packed state is written: varints (LEB128; signed ones zigzag), doubles as 8 bytes little
 * endian, texts with their length before them. A reader that runs past the end, or meets what
 * cannot be, turns bad and gives zeros from there on: checked once, at the end.
 */
#include "base/parse.h"
#include "base/str.h"

struct wire {
    const unsigned char *at;
    const unsigned char *end;
    bool is_bad;
};

static inline struct wire wire_of(struct str bytes)
{
    const unsigned char *p = (const unsigned char *)(bytes.ptr ? bytes.ptr : "");

    return (struct wire){.at = p, .end = p + bytes.len, .is_bad = false};
}

/* Up to 10 bytes; returns how many. */
static inline size_t wire_write_u64(unsigned char *to, uint64_t v)
{
    size_t n = 0;

    for (; v >= 0x80; v >>= 7)
        to[n++] = (unsigned char)(v | 0x80);
    to[n++] = (unsigned char)v;
    return n;
}

static inline size_t wire_write_i64(unsigned char *to, int64_t v)
{
    return wire_write_u64(to, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

static inline void wire_put_u64(struct buf *b, uint64_t v)
{
    buf_advance(b, wire_write_u64((unsigned char *)buf_reserve(b, 10), v));
}

static inline void wire_put_i64(struct buf *b, int64_t v)
{
    buf_advance(b, wire_write_i64((unsigned char *)buf_reserve(b, 10), v));
}

static inline void wire_put_fixed(struct buf *b, uint64_t v, size_t n_bytes)
{
    unsigned char *to = (unsigned char *)buf_reserve(b, 8);

    for (size_t i = 0; i < n_bytes; i++)
        to[i] = (unsigned char)(v >> (8 * i));
    buf_advance(b, n_bytes);
}

static inline void wire_put_double(struct buf *b, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    wire_put_fixed(b, bits, 8);
}

static inline void wire_put_str(struct buf *b, struct str s)
{
    wire_put_u64(b, s.len);
    buf_add_str(b, s);
}

static inline uint64_t wire_get_u64(struct wire *w)
{
    uint64_t v = 0;

    for (unsigned shift = 0; w->at < w->end && shift < 64; shift += 7) {
        unsigned char c = *w->at++;

        v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            return v;
    }
    w->is_bad = true;
    return 0;
}

static inline int64_t wire_get_i64(struct wire *w)
{
    uint64_t v = wire_get_u64(w);

    return (int64_t)(v >> 1 ^ (0 - (v & 1)));
}

/* An instant that can be reckoned with and written out; others make the reader bad. */
static inline int64_t wire_get_instant(struct wire *w)
{
    int64_t ms = wire_get_i64(w);

    if (ms >= INSTANT_MIN_MS && ms <= INSTANT_MAX_MS)
        return ms;
    w->is_bad = true;
    return 0;
}

static inline uint64_t wire_get_fixed(struct wire *w, size_t n_bytes)
{
    uint64_t v = 0;

    if ((size_t)(w->end - w->at) < n_bytes) {
        w->is_bad = true;
        return 0;
    }
    for (size_t i = 0; i < n_bytes; i++)
        v |= (uint64_t)*w->at++ << (8 * i);
    return v;
}

/* Never a NaN or an infinity: these make the reader bad. */
static inline double wire_get_double(struct wire *w)
{
    uint64_t bits = wire_get_fixed(w, 8);
    double v;

    if ((bits >> 52 & 0x7ff) == 0x7ff) {
        w->is_bad = true;
        return 0;
    }
    memcpy(&v, &bits, sizeof(v));
    return v;
}

static inline struct str wire_get_str(struct wire *w)
{
    uint64_t n = wire_get_u64(w);
    struct str s;

    if ((uint64_t)(w->end - w->at) < n) {
        w->is_bad = true;
        return STR_NULL;
    }
    s = (struct str){.ptr = (const char *)w->at, .len = n};
    w->at += n;
    return s;
}

/* A count of things that take at least `least_bytes` each; bad where they cannot all be there. */
static inline size_t wire_get_count(struct wire *w, size_t least_bytes)
{
    uint64_t n = wire_get_u64(w);

    if (n > (uint64_t)(w->end - w->at) / least_bytes) {
        w->is_bad = true;
        return 0;
    }
    return n;
}
