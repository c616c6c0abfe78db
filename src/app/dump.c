/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format: https://github.com/redis/redis, rdb.h and listpack.c of 7.0.
 *
 *     type 16 | length of the listpack | listpack | version, 2 bytes | crc64 of all before, 8 bytes
 *     listpack: bytes of it, 4 | texts in it, 2 | texts: names and values in turn | 0xff
 *     text:     what it is, with its length or number | bytes | length of these, backwards
 *
 * Numbers are little-endian. A value that is a whole number in the form in which Redis would write
 * it is stored as one: it reads back as the same text and takes less.
 */
#include "app/dump.h"

#include "base/crc64.h"
#include "base/mem.h"

#define TYPE_HASH_LISTPACK 16
#define LENGTH_IN_4_BYTES  0x80 /* big-endian */
#define HEADER             6    /* of a listpack */
#define FRONT              (2 + 4 + HEADER)
#define END                0xff
#define VERSION            10 /* of Redis 7.0; what is older is read by all that is newer */
#define BACK               (1 + 2 + 8)
#define AROUND_TEXT        10 /* at most: what it is, and its length twice */
#define TEXTS_UNKNOWN      65535
#define NUMBER_DIGITS      9

static char *put_byte(char *at, unsigned v)
{
    *at = (char)v;
    return at + 1;
}

static char *put_little(char *at, uint64_t v, int n)
{
    for (int i = 0; i < n; i++)
        at = put_byte(at, v >> 8 * i & 0xff);
    return at;
}

static char *put_big(char *at, uint64_t v, int n)
{
    for (int i = n - 1; i >= 0; i--)
        at = put_byte(at, v >> 8 * i & 0xff);
    return at;
}

/* Digits as Redis would write them, nine at most. */
static bool is_whole(struct str s, int32_t *ret_v)
{
    bool is_negative = s.len > 0 && s.ptr[0] == '-';
    size_t first = is_negative;
    int32_t v = 0;

    if (s.len == first || s.len - first > NUMBER_DIGITS || (s.ptr[first] == '0' && s.len > 1))
        return false;
    for (size_t i = first; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        v = v * 10 + (s.ptr[i] - '0');
    }
    *ret_v = is_negative ? -v : v;
    return true;
}

static char *put_number(char *at, int32_t v)
{
    if (v >= 0 && v <= 127)
        return put_byte(at, (unsigned)v);
    if (v >= INT16_MIN && v <= INT16_MAX)
        return put_little(put_byte(at, 0xf1), (uint16_t)v, 2);
    return put_little(put_byte(at, 0xf3), (uint32_t)v, 4);
}

static char *put_text(char *at, struct str s)
{
    if (s.len < 64)
        at = put_byte(at, 0x80 | (unsigned)s.len);
    else if (s.len < 4096)
        at = put_big(at, 0xe000 | s.len, 2);
    else
        at = put_little(put_byte(at, 0xf0), s.len, 4);
    if (s.len)
        memcpy(at, s.ptr, s.len);
    return at + s.len;
}

/* The length of what begins at `from`: seven bits a byte, the highest first, all but that one
 * marked. How many bytes it takes is computed, not read, by who goes forward: as Redis does, one
 * more from the highest number on. */
static char *put_backward(char *at, const char *from)
{
    size_t n = (size_t)(at - from);
    int shift = n < 128 ? 0 : n < 16383 ? 7 : n < 2097151 ? 14 : n < 268435455 ? 21 : 28;

    at = put_byte(at, (unsigned)(n >> shift));
    while ((shift -= 7) >= 0)
        at = put_byte(at, 0x80 | (n >> shift & 0x7f));
    return at;
}

static void add_field(struct buf *out, const struct checkpoint_field *field)
{
    char *begin = buf_reserve(out, field->name.len + field->text.len + 2 * AROUND_TEXT);
    char *at = put_text(begin, field->name), *value;
    int32_t v;

    at = value = put_backward(at, begin);
    at = is_whole(field->text, &v) ? put_number(at, v) : put_text(at, field->text);
    at = put_backward(at, value);
    buf_advance(out, (size_t)(at - begin));
}

void dump_hash(struct buf *out, const struct checkpoint_field *fields, size_t n)
{
    size_t from = out->len, length;
    char *at;

    ENSURE(n > 0);
    (void)buf_reserve(out, FRONT);
    buf_advance(out, FRONT);
    for (size_t i = 0; i < n; i++)
        add_field(out, &fields[i]);
    (void)buf_reserve(out, BACK);
    length = out->len + 1 - from - (FRONT - HEADER);
    at = put_byte(put_byte(out->ptr + from, TYPE_HASH_LISTPACK), LENGTH_IN_4_BYTES);
    at = put_little(put_big(at, length, 4), length, 4);
    (void)put_little(at, 2 * n < TEXTS_UNKNOWN ? 2 * n : TEXTS_UNKNOWN, 2);
    at = put_little(put_byte(out->ptr + out->len, END), VERSION, 2);
    buf_advance(out, BACK);
    (void)put_little(at, crc64((struct str){out->ptr + from, out->len - 8 - from}), 8);
}
