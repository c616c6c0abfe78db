/* SPDX-License-Identifier: Apache-2.0 */
/* Three decayed sums as of the latest interaction, which weighs 1: never all faded. */
#include "engine/tie.h"

#include <math.h>

#define OFTEN 4.0 /* interactions that make half of the most frequency */
#define MUCH  1.0 /* sentiment that makes half of the most emotion */

void tie_init(struct tie *t, int64_t time_ms)
{
    *t = (struct tie){.ref_ms = time_ms};
}

void tie_apply(struct tie *t, const struct event *event, int64_t half_life_ms)
{
    double sums[] = {t->inbound, t->outbound, t->feeling};
    double w = decay_admit(sums, 3, &t->ref_ms, event->time_ms, half_life_ms);
    double feeling = event->has_sentiment ? fabs(event->sentiment) : 0;

    t->inbound = sums[0] + (event->direction == DIRECTION_INBOUND ? w : 0);
    t->outbound = sums[1] + (event->direction == DIRECTION_OUTBOUND ? w : 0);
    t->feeling = sums[2] + (feeling <= 1 ? w * feeling : 0);
}

/* Grows with d, how far it has faded, rounding included. */
static double strength_at(const struct tie *t, double d)
{
    double n = t->inbound + t->outbound;
    double less = t->inbound < t->outbound ? t->inbound : t->outbound;
    double f = decay_share(n, OFTEN, d), e = decay_share(t->feeling, MUCH, d);

    return (2 * less / n + (f + d + e)) / 4;
}

double tie_strength(const struct tie *t, int64_t half_life_ms, int64_t now_ms)
{
    return strength_at(t, decay_over(half_life_ms, now_ms - t->ref_ms));
}

void tie_range(const struct tie *t, int64_t half_life_ms, int64_t now_ms, int64_t until_ms,
               double *ret_lo, double *ret_hi)
{
    struct decay_span d = decay_between(half_life_ms, now_ms - t->ref_ms, until_ms - t->ref_ms);

    *ret_lo = strength_at(t, d.lo);
    *ret_hi = strength_at(t, d.hi);
}

/* f, e and d itself are concave in d: the strength is not below the straight line from what it is
 * now to what stays of it at d = 0, which meets the constant when d has faded to `share`. */
double tie_above_for_ms(const struct tie *t, int64_t half_life_ms, double strength, double constant)
{
    double less = t->inbound < t->outbound ? t->inbound : t->outbound;
    double rest = less / (2 * (t->inbound + t->outbound));
    double share = (constant - rest) / (strength - rest);

    if (constant < rest * (1 - DECAY_SLACK))
        return HUGE_VAL;
    return share > 0 && share <= 1 ? (double)half_life_ms * log2_at_least(1 / share) : 0;
}

void tie_pack(const struct tie *t, struct buf *out)
{
    wire_put_i64(out, t->ref_ms);
    wire_put_double(out, t->inbound);
    wire_put_double(out, t->outbound);
    wire_put_double(out, t->feeling);
}

static bool makes_sense(const struct tie *t)
{
    double n = t->inbound + t->outbound;

    return t->inbound >= 0 && t->outbound >= 0 && n >= 1 && n <= 1e15 && t->feeling >= 0 &&
           t->feeling <= 1e15;
}

void tie_unpack(struct tie *t, struct wire *in)
{
    tie_init(t, wire_get_instant(in));
    t->inbound = wire_get_double(in);
    t->outbound = wire_get_double(in);
    t->feeling = wire_get_double(in);
    in->is_bad |= !makes_sense(t);
}
