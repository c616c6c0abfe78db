/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the array. Most have a few entries, so it grows slowly at first, and shrinks again. */
#include "engine/entries.h"

#include "base/mem.h"

#define SHRINK_ABOVE 8

void entries_deinit(struct entries *s)
{
    s->words = mem_free(s->words);
    s->n = s->cap = 0;
}

size_t entries_bytes(const struct entries *s, unsigned stride)
{
    return mem_taken(s->cap * stride * sizeof(*s->words));
}

static void resize(struct entries *s, unsigned stride, uint32_t cap)
{
    s->cap = cap;
    s->words = mem_realloc(s->words, cap * stride * sizeof(*s->words));
}

void entries_reserve(struct entries *s, unsigned stride, size_t n)
{
    if (n)
        resize(s, stride, (uint32_t)n);
}

uint64_t *entries_insert(struct entries *s, unsigned stride, uint32_t at)
{
    uint64_t *entry;

    if (s->n == s->cap)
        resize(s, stride, s->cap < 4 ? s->cap + 1 : s->cap + s->cap / 2);
    entry = &s->words[at * stride];
    memmove(entry + stride, entry, (s->n - at) * stride * sizeof(*entry));
    s->n++;
    return entry;
}

void entries_remove(struct entries *s, unsigned stride, uint32_t at, uint32_t n)
{
    uint64_t *entry = &s->words[at * stride];

    if (!n)
        return;
    s->n -= n;
    memmove(entry, entry + n * stride, (s->n - at) * stride * sizeof(*entry));
    if (!s->n)
        entries_deinit(s);
    else if (s->cap > SHRINK_ABOVE && s->n <= s->cap / 4)
        resize(s, stride, s->cap / 2);
}

uint32_t entries_after(const struct entries *s, unsigned stride, int64_t after_ms)
{
    uint32_t lo = 0, hi = s->n;

    while (lo < hi) {
        uint32_t middle = lo + (hi - lo) / 2;

        if (entry_time(s->words[middle * stride]) <= after_ms)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}
