/* SPDX-License-Identifier: Apache-2.0 */
/* Views and buffers of text. Never allocates behind a view; a buffer owns what it holds. */
#include "base/str.h"

#include "base/decimal.h"
#include "base/err.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int str_cmp(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;

    if (c)
        return c;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq((struct str){s.ptr, prefix.len}, prefix);
}

size_t str_utf8_sequence(const char *bytes, size_t left)
{
    const unsigned char *p = (const unsigned char *)bytes;

    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        return left >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if (p[0] >= 0xe0 && p[0] <= 0xef) {
        unsigned char low = p[0] == 0xe0 ? 0xa0 : 0x80, high = p[0] == 0xed ? 0x9f : 0xbf;

        return left >= 3 && p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 ? 3 : 0;
    }
    if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        unsigned char low = p[0] == 0xf0 ? 0x90 : 0x80, high = p[0] == 0xf4 ? 0x8f : 0xbf;

        return left >= 4 && p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 &&
                       (p[3] & 0xc0) == 0x80
                   ? 4
                   : 0;
    }
    return 0;
}

bool str_is_utf8(struct str s)
{
    size_t i = 0;

    while (i < s.len) {
        size_t n = str_utf8_sequence(s.ptr + i, s.len - i);

        if (!n)
            return false;
        i += n;
    }
    return true;
}

void buf_deinit(struct buf *b)
{
    b->ptr = mem_free(b->ptr);
    b->len = b->cap = 0;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->cap - b->len < n + 1 || !b->ptr) {
        size_t cap = b->cap ? b->cap : 64;

        while (cap - b->len < n + 1)
            cap *= 2;
        b->ptr = mem_realloc(b->ptr, cap);
        b->cap = cap;
    }
    return b->ptr + b->len;
}

void buf_advance(struct buf *b, size_t n)
{
    b->len += n;
    b->ptr[b->len] = '\0';
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
    char *to = buf_reserve(b, n);

    if (n)
        memcpy(to, bytes, n);
    buf_advance(b, n);
}

void buf_add_str(struct buf *b, struct str s)
{
    buf_add(b, s.ptr, s.len);
}

void buf_add_char(struct buf *b, char c)
{
    *buf_reserve(b, 1) = c;
    buf_advance(b, 1);
}

void buf_add_i64(struct buf *b, int64_t v)
{
    char digits[24];
    size_t at = sizeof(digits);
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (v < 0)
        digits[--at] = '-';
    buf_add(b, digits + at, sizeof(digits) - at);
}

/* Of any magnitude, by trial. */
static size_t print_shortest(double v, char text[DECIMAL_MAX])
{
    int n = 0;

    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(text, DECIMAL_MAX, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    return (size_t)n;
}

void buf_add_double(struct buf *b, double v)
{
    char text[DECIMAL_MAX];
    size_t n;

    ENSURE(isfinite(v));
    if (fabs(v) < 1e15 && v == (double)(int64_t)v) {
        buf_add_i64(b, (int64_t)v);
        return;
    }
    n = decimal_of(v, text);
    if (!n)
        n = print_shortest(v, text);
    buf_add(b, text, n);
}

static bool is_plain_json(char c)
{
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

/* Whether all of eight bytes are plain. */
static bool are_plain_json(const char *p)
{
    const uint64_t each = 0x0101010101010101;
    uint64_t v, quote, backslash;

    memcpy(&v, p, sizeof(v));
    quote = v ^ each * '"';
    backslash = v ^ each * '\\';
    return ((((quote - each) & ~quote) | ((backslash - each) & ~backslash) |
             ((v - each * 0x20) & ~v)) &
            each * 0x80) == 0;
}

static void add_json_escape(struct buf *b, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

    if (c == '"' || c == '\\' || c == '\n' || c == '\t')
        escape[1] = c == '\n' ? 'n' : c == '\t' ? 't' : (char)c;
    buf_add(b, escape, escape[1] == 'u' ? 6 : 2);
}

/* How many bytes from the beginning on are plain. */
static size_t plain_json(struct str s)
{
    size_t i = 0;

    while (s.len - i >= 8 && are_plain_json(s.ptr + i))
        i += 8;
    if (i && s.len - i < 8 && are_plain_json(s.ptr + s.len - 8))
        return s.len;
    while (i < s.len && is_plain_json(s.ptr[i]))
        i++;
    return i;
}

void buf_add_json_str(struct buf *b, struct str s)
{
    size_t n = plain_json(s);
    char *to = buf_reserve(b, s.len + 2);

    to[0] = '"';
    if (n)
        memcpy(to + 1, s.ptr, n);
    buf_advance(b, n + 1);
    while (n < s.len) {
        struct str rest;

        add_json_escape(b, (unsigned char)s.ptr[n]);
        rest = (struct str){s.ptr + n + 1, s.len - n - 1};
        n += 1 + plain_json(rest);
        buf_add(b, rest.ptr, (size_t)(s.ptr + n - rest.ptr));
    }
    buf_add_char(b, '"');
}

void buf_vaddf(struct buf *b, const char *format, va_list args)
{
    va_list again;
    int n;

    va_copy(again, args);
    n = vsnprintf(buf_reserve(b, 128), 128, format, args);
    ENSURE(n >= 0);
    if (n >= 128)
        vsnprintf(buf_reserve(b, (size_t)n), (size_t)n + 1, format, again);
    va_end(again);
    buf_advance(b, (size_t)n);
}

void buf_addf(struct buf *b, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    buf_vaddf(b, format, args);
    va_end(args);
}
