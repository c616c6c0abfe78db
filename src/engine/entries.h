/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A small sorted array of what happened when: one or two words an entry, oldest first. The first
 * word holds the time (49 bits, from the year 1) and a number (15 bits), the second what the owner
 * wants. Who uses it says what may share a time.
 */
#include "base/parse.h"

#define ENTRY_NUMBER_MAX 32767

struct entries {
    uint64_t *words; /* owned */
    uint32_t n;
    uint32_t cap;
};

/* `stride` is the number of words of an entry, the same at every call. */
void entries_deinit(struct entries *s);
size_t entries_bytes(const struct entries *s, unsigned stride);
/* Room for `n` in all, of an empty array. */
void entries_reserve(struct entries *s, unsigned stride, size_t n);
/* A new entry at index `at`, which the caller fills. */
uint64_t *entries_insert(struct entries *s, unsigned stride, uint32_t at);
void entries_remove(struct entries *s, unsigned stride, uint32_t at, uint32_t n);
/* The index of the oldest entry after that instant; the number of entries: none. */
uint32_t entries_after(const struct entries *s, unsigned stride, int64_t after_ms);

static inline uint64_t entry_word(int64_t time_ms, uint32_t number)
{
    return (uint64_t)(time_ms - INSTANT_MIN_MS) << 15 | number;
}

static inline int64_t entry_time(uint64_t word)
{
    return (int64_t)(word >> 15) + INSTANT_MIN_MS;
}

static inline uint32_t entry_number(uint64_t word)
{
    return (uint32_t)(word & ENTRY_NUMBER_MAX);
}

/* The second word as a double. */
static inline double entry_value(const uint64_t *entry)
{
    double v;

    memcpy(&v, &entry[1], sizeof(v));
    return v;
}

static inline void entry_set_value(uint64_t *entry, double v)
{
    memcpy(&entry[1], &v, sizeof(v));
}
