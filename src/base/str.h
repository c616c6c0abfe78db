/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Text: a borrowed view {ptr, len}, not NUL-terminated, and a growing buffer that owns its bytes.
 * Numbers are written so that they read back to the same value, in the shortest form that does,
 * whatever the locale.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *ptr; /* borrowed; may be NULL when len is 0 */
    size_t len;
};

#define STR(literal) ((struct str){.ptr = (literal), .len = sizeof(literal) - 1})
#define STR_NULL     ((struct str){.ptr = NULL, .len = 0})
/* For printf's "%.*s". */
#define STR_ARG(s) ((int)(s).len), ((s).ptr ? (s).ptr : "")

static inline struct str str_of(const char *text)
{
    return (struct str){.ptr = text, .len = text ? strlen(text) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Byte order, as memcmp; a prefix comes before what it begins. */
int str_cmp(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_is_utf8(struct str s);
/* Length of the valid UTF-8 sequence at p (RFC 3629: no surrogates, no overlong forms), or 0;
 * `left` bytes are there, at least one. */
size_t str_utf8_sequence(const char *p, size_t left);

struct buf {
    char *ptr; /* owned; always NUL-terminated once something was added */
    size_t len;
    size_t cap;
};

#define BUF_INIT                                                                                   \
    {                                                                                              \
        .ptr = NULL, .len = 0, .cap = 0                                                            \
    }

void buf_deinit(struct buf *b);
/* Room for `n` more bytes (and a NUL); returns where they go. buf_advance() then counts them in. */
char *buf_reserve(struct buf *b, size_t n);
void buf_advance(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_add_str(struct buf *b, struct str s);
void buf_add_char(struct buf *b, char c);
void buf_add_i64(struct buf *b, int64_t v);
/* Shortest decimal that reads back to the same double; 5.0 is written "5". Finite values only. */
void buf_add_double(struct buf *b, double v);
/* A JSON string, quotes included; the input must be UTF-8. */
void buf_add_json_str(struct buf *b, struct str s);
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static inline void buf_reset(struct buf *b)
{
    b->len = 0;
}

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){.ptr = b->ptr, .len = b->len};
}
