/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A stakeholder's own rhythm: decayed mean and spread of the logarithm of the gaps between
 * consecutive inbound interactions. With g = max(floor, gap), x = log2(g in ms), a weight
 * w = 2^(-(t - t_i) / H) for a gap that ended at t_i, and a prior of weight w0, mean x0 (log2 of
 * the prior of the stakeholder's kind) and spread 1:
 *
 *     m      = (w0 x0 + sum w x) / (w0 + sum w)
 *     gap    = 2^m
 *     spread = sqrt((w0 (1 + (x0 - m)^2) + sum w (x - m)^2) / (w0 + sum w)), in doublings
 *
 * An interaction that comes late splits the gap that it falls into, as long as it is later than
 * the oldest of the latest 16; earlier ones change nothing.
 */
#include "engine/decay.h"
#include "engine/wire.h"

#define CADENCE_TIMES_MAX 16

/* What the configuration says. */
struct cadence_def {
    int64_t half_life_ms;
    int64_t floor_ms; /* at least 1 s */
    double weight;    /* w0, at least 1 */
};

/* All 0: nothing is known; nothing but cadence_apply() and cadence_unpack() may be asked then. */
struct cadence {
    int64_t last_ms;             /* of the latest inbound interaction: the sums are as of it */
    double weight, mean, square; /* sums of w, w y, w y^2; y is x less CADENCE_CENTRE */
    void *gaps;                  /* owned; n - 1, oldest first, in ms: of 32 bits, or of 64 */
    uint8_t n;                   /* the latest inbound interactions that are known */
    uint8_t cap;
    bool is_wide; /* one of the gaps is more than 32 bits: some 50 days */
    bool is_cut;  /* there were earlier ones than those that are known */
};

void cadence_deinit(struct cadence *c);
size_t cadence_bytes(const struct cadence *c); /* beyond itself */
/* The times that are known, oldest first; returns how many, up to CADENCE_TIMES_MAX. */
size_t cadence_times(const struct cadence *c, int64_t *ret_times);
/* After an inbound interaction. False: it was too late to change anything. */
bool cadence_apply(struct cadence *c, const struct cadence_def *def, int64_t time_ms);

/* Of the latest inbound interaction. */
static inline int64_t cadence_last_ms(const struct cadence *c)
{
    return c->last_ms;
}
/* The gap before it; -1: there is none. */
int64_t cadence_last_gap_ms(const struct cadence *c);

/* `c` may be NULL: nothing is known but the prior. `prior_x` is log2 of the prior in ms. The gap is
 * in ms, not rounded: what is divided by it must not move in steps. */
double cadence_gap(const struct cadence *c, const struct cadence_def *def, double prior_x,
                   int64_t now_ms);
/* Rounded, at least 1. */
int64_t cadence_whole_ms(double gap);
double cadence_spread(const struct cadence *c, const struct cadence_def *def, double prior_x,
                      int64_t now_ms);
/* Bounds of both while the clock moves and nobody says anything. */
void cadence_gap_range(const struct cadence *c, const struct cadence_def *def, double prior_x,
                       int64_t now_ms, int64_t until_ms, double *ret_lo, double *ret_hi);
/* Until when silence / gap only grows while nobody says anything; later it may not. */
int64_t cadence_ratio_grows_until_ms(const struct cadence *c, const struct cadence_def *def,
                                     double prior_x);
/* For how long at least silence / gap, which is `ratio` now, stays on its side of `constant`. */
double cadence_ratio_stays_ms(const struct cadence *c, const struct cadence_def *def,
                              double prior_x, int64_t now_ms, double ratio, double constant);
void cadence_spread_range(const struct cadence *c, const struct cadence_def *def, double prior_x,
                          int64_t now_ms, int64_t until_ms, double *ret_lo, double *ret_hi);

void cadence_pack(const struct cadence *c, struct buf *out);
/* Into one of which nothing is known. */
void cadence_unpack(struct cadence *c, struct wire *in);
