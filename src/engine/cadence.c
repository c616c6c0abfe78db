/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three decayed sums over the gaps, and the latest times: a late interaction takes the contribution
 * of the gap that it splits out of the sums, and puts those of the two halves in.
 *
 * Read, with q = W / (W + w0) and p = 1 - q, where W is the decayed weight of all gaps, y1 and v1
 * their mean and variance, and d = x0 - y1: m = x0 - q d, and the variance is
 * p + q v1 + p q d^2 = 1 - q (1 - v1 - p d^2). W only fades with time, and all else stays.
 */
#include "engine/cadence.h"

#include "base/mem.h"

#include <math.h>

/* Logarithms are kept beside that of some 6 days, so that their squares stay small. */
#define CADENCE_CENTRE 29.0
#define LOG_MAX        64.0   /* of any gap, from the centre; more never was packed */
#define WEIGHT_LEAST   1e-270 /* gaps that weigh less say nothing */
#define GAP_MAX        0x1p49 /* ms; longer than all instants are apart */
#define GAP_SLACK      1e-14
#define BRACKET_SLACK  1e-13

struct cadence *cadence_new(void)
{
    return mem_calloc(1, sizeof(struct cadence));
}

struct cadence *cadence_free(struct cadence *c)
{
    if (c)
        mem_free(c->times);
    return mem_free(c);
}

size_t cadence_bytes(const struct cadence *c)
{
    return sizeof(*c) + c->cap * sizeof(*c->times) + 32;
}

static void add_gap(struct cadence *c, const struct cadence_def *def, int64_t from_ms,
                    int64_t to_ms, double sign)
{
    int64_t gap_ms = to_ms - from_ms > def->floor_ms ? to_ms - from_ms : def->floor_ms;
    double sums[] = {c->weight, c->mean, c->square};
    double w = sign * decay_admit(sums, 3, &c->ref_ms, to_ms, def->half_life_ms);
    double y = log2_of((double)gap_ms) - CADENCE_CENTRE;

    c->weight = fmax(sums[0] + w, 0);
    c->mean = sums[1] + w * y;
    c->square = fmax(sums[2] + w * y * y, 0);
}

static void insert(struct cadence *c, uint8_t at, int64_t time_ms)
{
    if (c->n == c->cap) {
        c->cap = c->cap ? (uint8_t)(c->cap * 2) : 2;
        c->times = mem_realloc(c->times, (size_t)c->cap * sizeof(*c->times));
    }
    memmove(c->times + at + 1, c->times + at, (size_t)(c->n - at) * sizeof(*c->times));
    c->times[at] = time_ms;
    c->n++;
}

static void drop_oldest(struct cadence *c)
{
    memmove(c->times, c->times + 1, (size_t)(c->n - 1) * sizeof(*c->times));
    c->n--;
    c->is_cut = true;
}

bool cadence_apply(struct cadence *c, const struct cadence_def *def, int64_t time_ms)
{
    uint8_t at = c->n;

    while (at > 0 && c->times[at - 1] > time_ms)
        at--;
    if (at == 0 && (c->is_cut || c->n == CADENCE_TIMES_MAX))
        return false;
    if (c->n == 0)
        c->ref_ms = time_ms;
    if (at > 0 && at < c->n)
        add_gap(c, def, c->times[at - 1], c->times[at], -1);
    if (at > 0)
        add_gap(c, def, c->times[at - 1], time_ms, 1);
    if (at < c->n)
        add_gap(c, def, time_ms, c->times[at], 1);
    if (c->n == CADENCE_TIMES_MAX) {
        drop_oldest(c);
        at--;
    }
    insert(c, at, time_ms);
    return true;
}

int64_t cadence_last_gap_ms(const struct cadence *c)
{
    return c->n > 1 ? c->times[c->n - 1] - c->times[c->n - 2] : -1;
}

/* ---------------------------------------------------------------- reading */

/* What the gaps themselves say; all 0 where nothing is known. */
struct gaps {
    double weight, mean, variance; /* mean from the centre */
};

static struct gaps gaps_of(const struct cadence *c)
{
    struct gaps g = {.weight = 0};

    if (!c || c->weight < WEIGHT_LEAST)
        return g;
    g.weight = c->weight;
    g.mean = fmin(fmax(c->mean / c->weight, -LOG_MAX), LOG_MAX);
    g.variance = fmax(c->square / c->weight - g.mean * g.mean, 0);
    return g;
}

static double fade(const struct cadence *c, const struct cadence_def *def, int64_t now_ms)
{
    return c ? decay_over(def->half_life_ms, now_ms - c->ref_ms) : 0;
}

static struct decay_span fade_between(const struct cadence *c, const struct cadence_def *def,
                                      int64_t now_ms, int64_t until_ms)
{
    if (!c)
        return (struct decay_span){0, 0};
    return decay_between(def->half_life_ms, now_ms - c->ref_ms, until_ms - c->ref_ms);
}

/* 2^m in ms, not yet whole. */
static double raw_gap(const struct gaps *g, const struct cadence_def *def, double prior_x, double d)
{
    double x0 = prior_x - CADENCE_CENTRE, q = decay_share(g->weight, def->weight, d);

    return exp2_of(CADENCE_CENTRE + (x0 - q * (x0 - g->mean)));
}

int64_t cadence_whole_ms(double gap)
{
    return gap >= GAP_MAX ? (int64_t)GAP_MAX : gap < 1 ? 1 : (int64_t)(gap + 0.5);
}

double cadence_gap(const struct cadence *c, const struct cadence_def *def, double prior_x,
                   int64_t now_ms)
{
    const struct gaps g = gaps_of(c);

    return raw_gap(&g, def, prior_x, fade(c, def, now_ms));
}

/* q only falls, so m moves one way. */
void cadence_gap_range(const struct cadence *c, const struct cadence_def *def, double prior_x,
                       int64_t now_ms, int64_t until_ms, double *ret_lo, double *ret_hi)
{
    const struct gaps g = gaps_of(c);
    const struct decay_span d = fade_between(c, def, now_ms, until_ms);
    double a = raw_gap(&g, def, prior_x, d.lo), b = raw_gap(&g, def, prior_x, d.hi);

    *ret_lo = fmin(a, b) * (1 - GAP_SLACK);
    *ret_hi = fmax(a, b) * (1 + GAP_SLACK);
}

/*
 * The silence s grows by 1 per ms, relatively 1 / s. The gap grows at most by
 * d q (1 - q) ln(2)^2 / H < d / (8.3 H), relatively, where d is how far the prior is above what the
 * gaps say: while s <= 8 H / d the silence is faster.
 */
int64_t cadence_ratio_grows_until_ms(const struct cadence *c, const struct cadence_def *def,
                                     double prior_x)
{
    double apart = prior_x - CADENCE_CENTRE - gaps_of(c).mean;
    double silence = 8 * (double)def->half_life_ms / fmax(apart, 1e-3);
    double until = (double)cadence_last_ms(c) + silence;

    return until >= (double)INSTANT_MAX_MS ? INSTANT_MAX_MS : (int64_t)until;
}

/* The gap lies between what it is now and the prior, which it moves to. */
double cadence_ratio_stays_ms(const struct cadence *c, const struct cadence_def *def,
                              double prior_x, int64_t now_ms, double ratio, double constant)
{
    double silence = (double)(now_ms - cadence_last_ms(c));

    if (ratio > constant)
        return (double)cadence_ratio_grows_until_ms(c, def, prior_x) - (double)now_ms;
    return constant * fmin(silence / ratio, exp2_of(prior_x)) * (1 - GAP_SLACK) - silence;
}

double cadence_spread(const struct cadence *c, const struct cadence_def *def, double prior_x,
                      int64_t now_ms)
{
    const struct gaps g = gaps_of(c);
    double q = decay_share(g.weight, def->weight, fade(c, def, now_ms));
    double apart = prior_x - CADENCE_CENTRE - g.mean;

    return sqrt(fmax(1 - q * (1 - g.variance - (1 - q) * (apart * apart)), 0));
}

/* By intervals: q within its own, the bracket within its own. Near the end, when q is almost
 * nothing, so is the width. */
void cadence_spread_range(const struct cadence *c, const struct cadence_def *def, double prior_x,
                          int64_t now_ms, int64_t until_ms, double *ret_lo, double *ret_hi)
{
    const struct gaps g = gaps_of(c);
    const struct decay_span d = fade_between(c, def, now_ms, until_ms);
    double q_lo = decay_share(g.weight, def->weight, d.lo);
    double q_hi = decay_share(g.weight, def->weight, d.hi);
    double apart = prior_x - CADENCE_CENTRE - g.mean, square = apart * apart;
    double slack = BRACKET_SLACK * (1 + g.variance + square);
    double lo = 1 - g.variance - (1 - q_lo) * square - slack;
    double hi = 1 - g.variance - (1 - q_hi) * square + slack;

    *ret_lo = sqrt(fmax(1 - (hi > 0 ? q_hi : q_lo) * hi, 0));
    *ret_hi = sqrt(fmax(1 - (lo > 0 ? q_lo : q_hi) * lo, 0));
}

/* ---------------------------------------------------------------- packing */

void cadence_pack(const struct cadence *c, struct buf *out)
{
    wire_put_i64(out, c->ref_ms);
    wire_put_double(out, c->weight);
    wire_put_double(out, c->mean);
    wire_put_double(out, c->square);
    wire_put_u64(out, c->is_cut);
    wire_put_u64(out, c->n);
    for (uint8_t i = 0; i < c->n; i++)
        wire_put_i64(out, c->times[i]);
}

static bool makes_sense(const struct cadence *c)
{
    return c->weight >= 0 && c->weight <= 1e15 && fabs(c->mean) <= 1e15 * LOG_MAX &&
           c->square >= 0 && c->square <= 1e15 * LOG_MAX * LOG_MAX;
}

struct cadence *cadence_unpack(struct wire *in)
{
    struct cadence *c = cadence_new();
    uint64_t is_cut;
    size_t n;

    c->ref_ms = wire_get_instant(in);
    c->weight = wire_get_double(in);
    c->mean = wire_get_double(in);
    c->square = wire_get_double(in);
    is_cut = wire_get_u64(in);
    n = wire_get_count(in, 1);
    c->is_cut = is_cut != 0;
    in->is_bad |= !makes_sense(c) || n == 0 || n > CADENCE_TIMES_MAX || is_cut > 1;
    for (size_t i = 0; i < n && !in->is_bad; i++) {
        int64_t time_ms = wire_get_instant(in);

        in->is_bad |= i > 0 && time_ms < c->times[i - 1];
        insert(c, c->n, time_ms);
    }
    return in->is_bad ? cadence_free(c) : c;
}
