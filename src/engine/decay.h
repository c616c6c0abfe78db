/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Sums that fade: each event weighs 2^(-(t - t_j) / H) at t. They are kept as of their latest
 * event, and read at a later instant as sum * 2^(-(t - ref) / H). The order in which events come
 * does not matter, beyond rounding.
 */
#include "engine/exp2.h"

#include <stddef.h>
#include <stdint.h>

#define DECAY_FLOOR (-900.0) /* doublings: what has faded further is nothing */
#define DECAY_SLACK 1e-14    /* relative; exp2_of() is right to a tenth of it */

/* 0..1. The half-life is more than 0; what lies in the future has not faded. */
static inline double decay_over(int64_t half_life_ms, int64_t elapsed_ms)
{
    double x = -(double)elapsed_ms / (double)half_life_ms;

    if (elapsed_ms <= 0)
        return 1;
    return x < DECAY_FLOOR ? 0 : exp2_of(x);
}

/* Makes room for an event at `time_ms` in `n` sums that are as of *ref_ms: brings them forward if
 * it is later. Returns what the event weighs beside them. */
static inline double decay_admit(double *sums, size_t n, int64_t *ref_ms, int64_t time_ms,
                                 int64_t half_life_ms)
{
    double factor;

    if (time_ms <= *ref_ms)
        return decay_over(half_life_ms, *ref_ms - time_ms);
    factor = decay_over(half_life_ms, time_ms - *ref_ms);
    for (size_t i = 0; i < n; i++)
        sums[i] *= factor;
    *ref_ms = time_ms;
    return 1;
}

/* Every decay_over() between two instants lies within. */
struct decay_span {
    double lo, hi;
};

static inline struct decay_span decay_between(int64_t half_life_ms, int64_t least_ms,
                                              int64_t most_ms)
{
    double hi = decay_over(half_life_ms, least_ms) * (1 + DECAY_SLACK);

    return (struct decay_span){decay_over(half_life_ms, most_ms) * (1 - DECAY_SLACK),
                               hi > 1 ? 1 : hi};
}

/* a / (a + c / d) with a >= 0, c > 0: a * d / (a * d + c) written so that rounding, too, lets it
 * only grow with d. */
static inline double decay_share(double a, double c, double d)
{
    return a > 0 && d > 0 ? a / (a + c / d) : 0;
}
