/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * JSON in one pass, without a tree and without a copy: each function takes the place where
 * something begins and returns the place behind it, or NULL for what is not JSON or so unusual that
 * the reference parser (json_doc) had better say what it is. Whatever is not NULL is valid and
 * means what the reference says that it means: strings are UTF-8 without control characters, NUL or
 * half surrogate pairs, integers lie within 64 bits, numbers are finite and are the double that
 * strtod() makes of them.
 *
 * No function looks for the end of the bytes but in strings and behind a closed object:
 * json_scan_init() sees to it that the last byte is a closing brace, where every other loop ends.
 *
 * Bytes of strings are looked at 16 at a time with SSE2, which every x86-64 has, and 8 at a time in
 * plain C on other little-endian machines (JSON_SCAN_PLAIN chooses that anywhere).
 */
#include "base/err.h"
#include "base/str.h"

#if defined(__SSE2__) && !defined(JSON_SCAN_PLAIN)
#include <emmintrin.h>
#endif

#define JSON_SCAN_DEPTH_MAX 64

struct json_scan {
    const char *end;   /* behind the closing brace that is the last byte */
    struct buf *texts; /* borrowed: strings with escapes, as they read */
    size_t n_bytes;    /* of the whole input: so much `texts` may have to hold */
};

/* Where an object begins in `bytes`, after spaces; NULL: it begins or ends with something else. The
 * texts of the last scan with this buffer are gone. */
const char *json_scan_init(struct json_scan *s, struct str bytes, struct buf *texts);

/* For json_scan_text() only: from the first byte that is not plain, at p. */
const char *json_scan_odd_text(const struct json_scan *s, const char *begin, const char *p,
                               struct str *ret_text);

/* p is at the minus sign, a digit or anything else that is no other kind of value. */
const char *json_scan_number(const char *p, double *ret_number);

/* Any value, checked and passed over; `depth` more levels of nesting are allowed. */
const char *json_scan_value(const struct json_scan *s, const char *p, size_t depth);

static inline const char *json_scan_space(const char *p)
{
    if ((unsigned char)*p > ' ') /* as most producers write it */
        return p;
    while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')
        p++;
    return p;
}

/* Neither a quote, a backslash, a control character nor part of a longer UTF-8 sequence. */
static inline bool json_scan_is_plain(char c)
{
    return (signed char)c >= 0x20 && c != '"' && c != '\\';
}

/* Where the plain bytes from p on end, at the latest at `end`. */
static inline const char *json_scan_plain(const char *p, const char *end)
{
#if defined(__SSE2__) && !defined(JSON_SCAN_PLAIN)
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(0x20);

    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* Compared as signed: what begins with the bit of UTF-8 sequences is less, too. */
        __m128i odd =
            _mm_or_si128(_mm_cmplt_epi8(v, space),
                         _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));
        int mask = _mm_movemask_epi8(odd);

        if (mask)
            return p + __builtin_ctz((unsigned)mask);
    }
#elif __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint64_t each = 0x0101010101010101, top = each * 0x80;

    for (; end - p >= 8; p += 8) {
        uint64_t v, quote, backslash, odd;

        memcpy(&v, p, 8);
        quote = v ^ each * '"';
        backslash = v ^ each * '\\';
        /* A borrow can spoil only what lies above the first byte that is found. */
        odd = (((quote - each) & ~quote) | ((backslash - each) & ~backslash) |
               ((v - each * 0x20) & ~v) | v) &
              top;
        if (odd)
            return p + __builtin_ctzll(odd) / 8;
    }
#endif
    while (p < end && json_scan_is_plain(*p))
        p++;
    return p;
}

/* A string; p is behind its opening quote. The text lies in the input, or in `texts` where it has
 * escapes. */
static inline const char *json_scan_text(const struct json_scan *s, const char *p,
                                         struct str *ret_text)
{
    const char *stop = json_scan_plain(p, s->end);

    if (stop == s->end || *stop != '"')
        return json_scan_odd_text(s, p, stop, ret_text);
    *ret_text = (struct str){p, (size_t)(stop - p)};
    return stop + 1;
}

/* A member's name, up to where its value begins. Names with escapes are left to the reference. */
static inline const char *json_scan_name(const struct json_scan *s, const char *p,
                                         struct str *ret_name)
{
    const char *begin = p + 1;

    if (*p != '"')
        return NULL;
    p = json_scan_text(s, begin, ret_name);
    if (!p || ret_name->ptr != begin)
        return NULL;
    p = json_scan_space(p);
    return *p == ':' ? json_scan_space(p + 1) : NULL;
}

/* What follows an item: where the next one begins, or, with *ret_is_last, behind what closes the
 * list. */
static inline const char *json_scan_next(const char *p, char close, bool *ret_is_last)
{
    p = json_scan_space(p);
    *ret_is_last = *p == close;
    if (*ret_is_last)
        return p + 1;
    return *p == ',' ? json_scan_space(p + 1) : NULL;
}

static inline const char *json_scan_null(const char *p)
{
    return p[0] == 'n' && p[1] == 'u' && p[2] == 'l' && p[3] == 'l' ? p + 4 : NULL;
}

static inline const char *json_scan_bool(const char *p, bool *ret_value)
{
    *ret_value = p[0] == 't';
    if (p[0] == 't' && p[1] == 'r' && p[2] == 'u' && p[3] == 'e')
        return p + 4;
    if (p[0] == 'f' && p[1] == 'a' && p[2] == 'l' && p[3] == 's' && p[4] == 'e')
        return p + 5;
    return NULL;
}
