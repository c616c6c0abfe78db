/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sorted array of entries. A word holds the time (49 bits, from the year 1) and the number of
 * events (15 bits); where values are kept a second word holds their sum.
 */
#include "engine/series.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/parse.h"

#include <math.h>

#define EXACT_EVENTS  64
#define ENTRY_MAX     32767
#define ENTRY_SHARE   50 /* an entry holds at most 1/50 of what is newer */
#define COMPACT_EVERY 64 /* entries more than after the last compaction */
#define TIME_SHIFT    15
#define COUNT_MASK    ((1u << TIME_SHIFT) - 1)

static size_t stride_of(bool has_values)
{
    return has_values ? 2 : 1;
}

static int64_t time_of(uint64_t word)
{
    return (int64_t)(word >> TIME_SHIFT) + INSTANT_MIN_MS;
}

static uint32_t count_of(uint64_t word)
{
    return (uint32_t)(word & COUNT_MASK);
}

static uint64_t word_of(int64_t time_ms, uint32_t n)
{
    return (uint64_t)(time_ms - INSTANT_MIN_MS) << TIME_SHIFT | n;
}

static double sum_of(const uint64_t *entry)
{
    double v;

    memcpy(&v, &entry[1], sizeof(v));
    return v;
}

static void set_sum(uint64_t *entry, double v)
{
    v = series_clamp(v);
    memcpy(&entry[1], &v, sizeof(v));
}

void series_deinit(struct series *s)
{
    s->words = mem_free(s->words);
    s->n = s->cap = 0;
}

size_t series_bytes(const struct series *s, bool has_values)
{
    return mem_taken(s->cap * stride_of(has_values) * sizeof(*s->words));
}

static void reserve_entry(struct series *s, size_t stride)
{
    if (s->n < s->cap)
        return;
    s->cap = s->cap < 4 ? s->cap + 2 : s->cap + s->cap / 2;
    s->words = mem_realloc(s->words, s->cap * stride * sizeof(*s->words));
}

/*
 * From the newest entry back: each takes in the next older one while it stays small beside all
 * that is newer. In place, from the array's end; then everything moves to the front.
 */
static void compact(struct series *s, size_t stride)
{
    uint32_t to = s->n, from = s->n;
    uint64_t newer = 0;

    while (from > 0) {
        uint64_t *entry = &s->words[--to * stride];
        const uint64_t *next = &s->words[--from * stride];
        uint64_t limit = newer < EXACT_EVENTS ? 1 : newer / ENTRY_SHARE;

        memmove(entry, next, stride * sizeof(*entry));
        while (from > 0) {
            uint32_t n;

            next = &s->words[(from - 1) * stride];
            n = count_of(*entry) + count_of(*next);
            if (n > limit || n > ENTRY_MAX)
                break;
            *entry = word_of(time_of(*entry), n);
            if (stride == 2)
                set_sum(entry, sum_of(entry) + sum_of(next));
            from--;
        }
        newer += count_of(*entry);
    }
    memmove(s->words, &s->words[to * stride], (s->n - to) * stride * sizeof(*s->words));
    s->n -= to;
}

void series_add(struct series *s, bool has_values, int64_t time_ms, double value)
{
    size_t stride = stride_of(has_values);
    uint32_t at = s->n;
    uint64_t *entry;

    while (at > 0 && time_of(s->words[(at - 1) * stride]) > time_ms)
        at--;
    entry = at > 0 ? &s->words[(at - 1) * stride] : NULL;
    if (entry && time_of(*entry) == time_ms && count_of(*entry) < ENTRY_MAX) {
        ++*entry;
        if (has_values)
            set_sum(entry, sum_of(entry) + value);
        return;
    }
    reserve_entry(s, stride);
    entry = &s->words[at * stride];
    memmove(entry + stride, entry, (s->n - at) * stride * sizeof(*entry));
    *entry = word_of(time_ms, 1);
    if (has_values)
        set_sum(entry, value);
    s->n++;
    if (s->n > 2 * EXACT_EVENTS && s->n % COMPACT_EVERY == 0)
        compact(s, stride);
}

/* Behind the last entry, or into it where it is of the same time and has room. */
static void append_entry(struct series *s, const uint64_t *entry, size_t stride)
{
    uint64_t *last = s->n ? &s->words[(s->n - 1) * stride] : NULL;

    if (last && time_of(*last) == time_of(*entry) &&
        count_of(*last) + count_of(*entry) <= ENTRY_MAX) {
        *last += count_of(*entry);
        if (stride == 2)
            set_sum(last, sum_of(last) + sum_of(entry));
        return;
    }
    memcpy(&s->words[s->n++ * stride], entry, stride * sizeof(*entry));
}

void series_merge(struct series *s, const struct series *from, bool has_values)
{
    size_t stride = stride_of(has_values);
    struct series both = {.cap = s->n + from->n};
    uint32_t i = 0, k = 0;

    if (!from->n)
        return;
    both.words = mem_alloc(both.cap * stride * sizeof(*both.words));
    while (i < s->n || k < from->n) {
        const uint64_t *ours = i < s->n ? &s->words[i * stride] : NULL;
        const uint64_t *theirs = k < from->n ? &from->words[k * stride] : NULL;
        bool is_ours = ours && (!theirs || time_of(*ours) <= time_of(*theirs));

        append_entry(&both, is_ours ? ours : theirs, stride);
        i += is_ours;
        k += !is_ours;
    }
    if (both.n > 2 * EXACT_EVENTS)
        compact(&both, stride);
    series_deinit(s);
    *s = both;
}

void series_expire(struct series *s, bool has_values, int64_t before_ms)
{
    size_t stride = stride_of(has_values);
    uint32_t drop = 0;

    while (drop < s->n && time_of(s->words[drop * stride]) <= before_ms)
        drop++;
    if (!drop)
        return;
    s->n -= drop;
    memmove(s->words, &s->words[drop * stride], s->n * stride * sizeof(*s->words));
}

bool series_has(const struct series *s, bool has_values, int64_t time_ms)
{
    size_t stride = stride_of(has_values);
    uint32_t at = s->n;

    while (at > 0 && time_of(s->words[(at - 1) * stride]) > time_ms)
        at--;
    return at > 0 && time_of(s->words[(at - 1) * stride]) == time_ms;
}

static void include(struct series_total *total, const uint64_t *entry, bool has_values)
{
    total->n += count_of(*entry);
    if (has_values)
        total->sum = series_clamp(total->sum + sum_of(entry));
}

struct series_total series_after(const struct series *s, bool has_values, int64_t after_ms)
{
    struct series_total total = {0};
    size_t stride = stride_of(has_values);

    for (uint32_t i = s->n; i > 0; i--) {
        const uint64_t *entry = &s->words[(i - 1) * stride];

        if (time_of(*entry) <= after_ms)
            break;
        include(&total, entry, has_values);
    }
    return total;
}

void series_sweep(const struct series *s, bool has_values, int64_t first_ms, int64_t last_ms,
                  series_total_fn fn, void *ctx)
{
    struct series_total total = series_after(s, has_values, last_ms);
    size_t stride = stride_of(has_values);

    fn(ctx, total);
    for (uint32_t i = s->n; i > 0; i--) {
        const uint64_t *entry = &s->words[(i - 1) * stride];

        if (time_of(*entry) > last_ms)
            continue;
        if (time_of(*entry) <= first_ms)
            break;
        include(&total, entry, has_values);
        fn(ctx, total);
    }
}

void series_each_rest(const struct series *s, bool has_values, int64_t after_ms, series_rest_fn fn,
                      void *ctx)
{
    struct series_total rest = {0};
    size_t stride = stride_of(has_values);

    for (uint32_t i = s->n; i > 0; i--) {
        const uint64_t *entry = &s->words[(i - 1) * stride];

        if (time_of(*entry) <= after_ms)
            return;
        if (!fn(ctx, rest, time_of(*entry)))
            return;
        include(&rest, entry, has_values);
    }
}

int64_t series_oldest(const struct series *s, bool has_values, int64_t after_ms, int64_t window_ms)
{
    size_t stride = stride_of(has_values);

    for (uint32_t i = 0; i < s->n; i++) {
        if (time_of(s->words[i * stride]) > after_ms)
            return time_of(s->words[i * stride]) + window_ms;
    }
    return INT64_MAX;
}

void series_pack(const struct series *s, bool has_values, struct buf *out)
{
    size_t stride = stride_of(has_values);
    int64_t last_ms = 0;

    wire_put_u64(out, s->n);
    for (uint32_t i = 0; i < s->n; i++) {
        const uint64_t *entry = &s->words[i * stride];

        wire_put_i64(out, time_of(*entry) - last_ms);
        wire_put_u64(out, count_of(*entry));
        if (has_values)
            wire_put_double(out, sum_of(entry));
        last_ms = time_of(*entry);
    }
}

void series_unpack(struct series *s, bool has_values, struct wire *in)
{
    size_t n = wire_get_count(in, has_values ? 10 : 2), stride = stride_of(has_values);
    int64_t time_ms = 0;

    series_deinit(s);
    if (!n)
        return;
    s->words = mem_alloc(n * stride * sizeof(*s->words));
    s->cap = (uint32_t)n;
    for (size_t i = 0; i < n && !in->is_bad; i++) {
        int64_t step = wire_get_i64(in);
        uint64_t count = wire_get_u64(in);
        uint64_t *entry = &s->words[i * stride];

        if (step < INSTANT_MIN_MS || step > 2 * INSTANT_MAX_MS || (i && step < 0) || !count ||
            count > ENTRY_MAX || time_ms + step > INSTANT_MAX_MS || time_ms + step < INSTANT_MIN_MS)
            in->is_bad = true;
        else
            time_ms += step;
        *entry = word_of(time_ms, (uint32_t)(count & COUNT_MASK));
        if (has_values) {
            double sum = wire_get_double(in);

            in->is_bad |= fabs(sum) > SERIES_SUM_MAX;
            set_sum(entry, sum);
        }
        s->n++;
    }
}
