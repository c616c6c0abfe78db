/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The strength of a tie, from Granovetter's four: (f + r + e + c) / 4, with n the decayed number of
 * interactions either way, s the decayed sum of |sentiment|, i and o the decayed numbers of inbound
 * and outbound ones:
 *
 *     frequency f = n / (n + 4)                recency r = 2^(-(t - last) / H)
 *     emotion   e = s / (s + 1)                reciprocity c = 2 min(i, o) / (i + o)
 *
 * It only falls while nothing happens; c stays.
 */
#include "engaged/event.h"
#include "engine/decay.h"
#include "engine/wire.h"

struct tie {
    int64_t ref_ms;                    /* of the latest interaction */
    double inbound, outbound, feeling; /* as of ref_ms */
};

void tie_init(struct tie *t, int64_t time_ms);
void tie_apply(struct tie *t, const struct event *event, int64_t half_life_ms);
double tie_strength(const struct tie *t, int64_t half_life_ms, int64_t now_ms); /* 0..1 */
void tie_range(const struct tie *t, int64_t half_life_ms, int64_t now_ms, int64_t until_ms,
               double *ret_lo, double *ret_hi);
/* For how long at least the strength stays above `constant`, which it is; HUGE_VAL: for good. */
double tie_above_for_ms(const struct tie *t, int64_t half_life_ms, double strength,
                        double constant);
void tie_pack(const struct tie *t, struct buf *out);
void tie_unpack(struct tie *t, struct wire *in);
