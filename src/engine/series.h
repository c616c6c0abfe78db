/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The events of one kind that may still be inside a window, by time: what windowed counts, sums
 * and means are read from. One series serves all windows over the same events.
 *
 * The newest 64 events are kept as they came, so a window that holds up to 64 is exact. Older ones
 * are drawn together into entries of at most 2 % of the events newer than the entry, which stand at
 * the time of their newest event: at a window's trailing edge a count is at most 2 % too high.
 * Events of one instant share an entry; that is exact at any number.
 */
#include "engine/wire.h"

#include <float.h>

/* No count of values can bring a sum to infinity; what is beyond was never packed. */
#define SERIES_VALUE_MAX 1e100
#define SERIES_SUM_MAX   1e200

struct series {
    uint64_t *words; /* owned; per entry: time and count, then the values' sum where kept */
    uint32_t n;      /* entries, oldest first */
    uint32_t cap;
};

/* Whether values are kept beside counts is the definition's, the same at every call. */
void series_deinit(struct series *s);
void series_add(struct series *s, bool has_values, int64_t time_ms, double value);
/* Adds what `from` has. Compacted as if the events had come one by one, if not at the same moments:
 * the bounds on a window's error hold. */
void series_merge(struct series *s, const struct series *from, bool has_values);
/* Forgets what is not after `before_ms`. */
void series_expire(struct series *s, bool has_values, int64_t before_ms);
size_t series_bytes(const struct series *s, bool has_values);

/* A sum that has left the range of numbers stays at its end: state is finite, always. */
static inline double series_clamp(double sum)
{
    return sum > DBL_MAX ? DBL_MAX : sum < -DBL_MAX ? -DBL_MAX : sum;
}

/* Whether an event of exactly that time is in it; of the newest 64 that is certain. */
bool series_has(const struct series *s, bool has_values, int64_t time_ms);

/* Over the events after `after_ms`. */
struct series_total {
    int64_t n;
    double sum;
};
struct series_total series_after(const struct series *s, bool has_values, int64_t after_ms);

/* Every total that the trailing edge meets while it moves from `first_ms` to `last_ms`. */
typedef void (*series_total_fn)(void *ctx, struct series_total total);
void series_sweep(const struct series *s, bool has_values, int64_t first_ms, int64_t last_ms,
                  series_total_fn fn, void *ctx);

/*
 * What will be left when more and more of the oldest entries after `after_ms` have gone: from the
 * newest entry alone back to all but the oldest, first of all nothing. `left_ms` is the time of the
 * newest that is gone then. `fn` returns whether to go on.
 */
typedef bool (*series_rest_fn)(void *ctx, struct series_total rest, int64_t left_ms);
void series_each_rest(const struct series *s, bool has_values, int64_t after_ms, series_rest_fn fn,
                      void *ctx);

/* When the oldest of those after `after_ms` is `window_ms` old; INT64_MAX: there is none. */
int64_t series_oldest(const struct series *s, bool has_values, int64_t after_ms, int64_t window_ms);

void series_pack(const struct series *s, bool has_values, struct buf *out);
void series_unpack(struct series *s, bool has_values, struct wire *in);
