/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The names that members of an object can have, found in a handful of instructions: each is two
 * words, padded with zeros, and a multiplicative hash without collisions, searched for once, says
 * which one it can be. And as producers write the members of all their events in one order, the one
 * that came next the last time is compared first, quotes and colon included. For the rooms of the
 * decoder only.
 */
#include "base/err.h"
#include "base/str.h"

#define NAME_TABLE_MAX       31 /* names */
#define NAME_TABLE_MAX_BYTES 16 /* of each */
#define NAME_TABLE_NONE      NAME_TABLE_MAX
#define NAME_TABLE_BEGIN     (NAME_TABLE_MAX + 1) /* before the first member */

/* What begins with "name": */
struct quoted_name {
    uint64_t low, high, mask_low, mask_high;
    size_t len; /* of that */
};

struct name_table {
    struct {
        uint64_t low, high;
    } names[NAME_TABLE_MAX + 1]; /* at NAME_TABLE_NONE: what no key is */
    uint64_t factor;
    uint8_t slots[64]; /* the index in `names` */
    struct quoted_name quoted[NAME_TABLE_MAX + 1];
    uint8_t after[NAME_TABLE_MAX + 2]; /* which came after each, the last time */
};

/* `name_at` gives the i-th name, NULL behind the last; their order gives the indices. */
void name_table_init(struct name_table *t, const char *(*name_at)(const void *names, size_t i),
                     const void *names);

static inline size_t name_table_slot(const struct name_table *t, uint64_t low, uint64_t high)
{
    return (size_t)(((low ^ (high << 29 | high >> 35)) * t->factor) >> 58);
}

/* The two words of a text of at most NAME_TABLE_MAX_BYTES; at least that many bytes can be read. */
static inline void name_table_words(const char *ptr, size_t len, uint64_t *ret_low,
                                    uint64_t *ret_high)
{
    static const unsigned char ones[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                           255, 255, 255, 255, 255, 255, 255, 255};
    uint64_t mask_low, mask_high;

    memcpy(&mask_low, ones + 16 - len, 8);
    memcpy(&mask_high, ones + 24 - len, 8);
    memcpy(ret_low, ptr, 8);
    memcpy(ret_high, ptr + 8, 8);
    *ret_low &= mask_low;
    *ret_high &= mask_high;
}

/* Whether it stands at p; 16 bytes can be read. */
static inline bool quoted_name_is_at(const struct quoted_name *q, const char *p)
{
    uint64_t low, high;

    memcpy(&low, p, 8);
    memcpy(&high, p + 8, 8);
    return (((low & q->mask_low) ^ q->low) | ((high & q->mask_high) ^ q->high)) == 0;
}

/* The index of a name without NUL, or NAME_TABLE_NONE; `end` is behind the last byte that may be
 * read. */
static inline size_t name_table_find(const struct name_table *t, struct str name, const char *end)
{
    char copy[NAME_TABLE_MAX_BYTES];
    const char *ptr = name.ptr;
    uint64_t low, high;
    size_t i;

    if (name.len > NAME_TABLE_MAX_BYTES)
        return NAME_TABLE_NONE;
    if (end - ptr < NAME_TABLE_MAX_BYTES) {
        memset(copy, 0, sizeof(copy));
        memcpy(copy, ptr, name.len);
        ptr = copy;
    }
    name_table_words(ptr, name.len, &low, &high);
    i = t->slots[name_table_slot(t, low, high)];
    return t->names[i].low == low && t->names[i].high == high ? i : NAME_TABLE_NONE;
}
