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
#define GROW_BY        6      /* gaps of 32 bits: what the allocator hands out at least */
#define GAP_MAX        0x1p49 /* ms; longer than all instants are apart */
#define GAP_SLACK      1e-14
#define BRACKET_SLACK  1e-13

void cadence_deinit(struct cadence *c)
{
    mem_free(c->gaps);
    *c = (struct cadence){.n = 0};
}

static size_t width_of(const struct cadence *c)
{
    return c->is_wide ? sizeof(uint64_t) : sizeof(uint32_t);
}

static size_t gaps_bytes(const struct cadence *c)
{
    return c->cap * width_of(c);
}

size_t cadence_bytes(const struct cadence *c)
{
    return mem_taken(gaps_bytes(c));
}

/* ---------------------------------------------------------------- times */

/* Between interaction `i` and the next. */
static int64_t gap_at(const struct cadence *c, uint8_t i)
{
    return c->is_wide ? (int64_t)((uint64_t *)c->gaps)[i] : (int64_t)((uint32_t *)c->gaps)[i];
}

static void set_gap(struct cadence *c, uint8_t i, int64_t gap_ms)
{
    if (c->is_wide)
        ((uint64_t *)c->gaps)[i] = (uint64_t)gap_ms;
    else
        ((uint32_t *)c->gaps)[i] = (uint32_t)gap_ms;
}

static void move_gaps(struct cadence *c, uint8_t to, uint8_t from, uint8_t n)
{
    size_t width = width_of(c);

    memmove((char *)c->gaps + to * width, (char *)c->gaps + from * width, n * width);
}

static void widen(struct cadence *c)
{
    uint8_t n = c->n ? (uint8_t)(c->n - 1) : 0;

    c->is_wide = true;
    c->gaps = mem_realloc(c->gaps, gaps_bytes(c));
    for (uint8_t i = n; i > 0; i--)
        ((uint64_t *)c->gaps)[i - 1] = ((uint32_t *)c->gaps)[i - 1];
}

/* A new one; all that are kept fit into 32 bits for most. */
static void put_gap(struct cadence *c, uint8_t i, int64_t gap_ms)
{
    if (!c->is_wide && gap_ms > UINT32_MAX)
        widen(c);
    set_gap(c, i, gap_ms);
}

static void insert_gap(struct cadence *c, uint8_t at, int64_t gap_ms)
{
    uint8_t n = (uint8_t)(c->n - 1);

    if (n == c->cap) {
        c->cap = (uint8_t)(c->cap + GROW_BY < CADENCE_TIMES_MAX ? c->cap + GROW_BY
                                                                : CADENCE_TIMES_MAX - 1);
        c->gaps = mem_realloc(c->gaps, gaps_bytes(c));
    }
    move_gaps(c, (uint8_t)(at + 1), at, (uint8_t)(n - at));
    c->n++;
    put_gap(c, at, gap_ms);
}

static void drop_oldest(struct cadence *c)
{
    move_gaps(c, 0, 1, (uint8_t)(c->n - 2));
    c->n--;
    c->is_cut = true;
}

size_t cadence_times(const struct cadence *c, int64_t *ret_times)
{
    int64_t time_ms = c->last_ms;

    for (uint8_t i = c->n; i > 0; i--) {
        ret_times[i - 1] = time_ms;
        time_ms -= i > 1 ? gap_at(c, (uint8_t)(i - 2)) : 0;
    }
    return c->n;
}

/* Where an instant lies: interaction `at` is the first one that is later. */
struct place {
    uint8_t at;
    int64_t before_ms; /* of at - 1, where there is one */
    int64_t after_ms;  /* of `at`, likewise */
};

static struct place place_of(const struct cadence *c, int64_t time_ms)
{
    struct place p = {.at = c->n, .before_ms = c->last_ms};

    while (p.at > 0 && p.before_ms > time_ms) {
        p.at--;
        p.after_ms = p.before_ms;
        p.before_ms -= p.at > 0 ? gap_at(c, (uint8_t)(p.at - 1)) : 0;
    }
    return p;
}

static void insert(struct cadence *c, const struct place *p, int64_t time_ms)
{
    if (c->n == 0) {
        c->n = 1;
        c->last_ms = time_ms;
    } else if (p->at == c->n) {
        insert_gap(c, (uint8_t)(p->at - 1), time_ms - p->before_ms);
        c->last_ms = time_ms;
    } else {
        insert_gap(c, p->at, p->after_ms - time_ms);
        if (p->at > 0)
            put_gap(c, (uint8_t)(p->at - 1), time_ms - p->before_ms);
    }
}

/* ---------------------------------------------------------------- an interaction */

static void add_gap(struct cadence *c, const struct cadence_def *def, int64_t from_ms,
                    int64_t to_ms, double sign)
{
    int64_t gap_ms = to_ms - from_ms > def->floor_ms ? to_ms - from_ms : def->floor_ms;
    double sums[] = {c->weight, c->mean, c->square};
    double w = sign * decay_admit(sums, 3, &c->last_ms, to_ms, def->half_life_ms);
    double y = log2_of((double)gap_ms) - CADENCE_CENTRE;

    c->weight = fmax(sums[0] + w, 0);
    c->mean = sums[1] + w * y;
    c->square = fmax(sums[2] + w * y * y, 0);
}

bool cadence_apply(struct cadence *c, const struct cadence_def *def, int64_t time_ms)
{
    struct place p = place_of(c, time_ms);

    if (p.at == 0 && (c->is_cut || c->n == CADENCE_TIMES_MAX))
        return false;
    if (p.at > 0 && p.at < c->n)
        add_gap(c, def, p.before_ms, p.after_ms, -1);
    if (p.at > 0)
        add_gap(c, def, p.before_ms, time_ms, 1);
    if (p.at < c->n)
        add_gap(c, def, time_ms, p.after_ms, 1);
    if (c->n == CADENCE_TIMES_MAX) {
        drop_oldest(c);
        p.at--;
    }
    insert(c, &p, time_ms);
    return true;
}

int64_t cadence_last_gap_ms(const struct cadence *c)
{
    return c->n > 1 ? gap_at(c, (uint8_t)(c->n - 2)) : -1;
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
    return c ? decay_over(def->half_life_ms, now_ms - c->last_ms) : 0;
}

static struct decay_span fade_between(const struct cadence *c, const struct cadence_def *def,
                                      int64_t now_ms, int64_t until_ms)
{
    if (!c)
        return (struct decay_span){0, 0};
    return decay_between(def->half_life_ms, now_ms - c->last_ms, until_ms - c->last_ms);
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
    int64_t times[CADENCE_TIMES_MAX];
    size_t n = cadence_times(c, times);

    wire_put_i64(out, c->last_ms);
    wire_put_double(out, c->weight);
    wire_put_double(out, c->mean);
    wire_put_double(out, c->square);
    wire_put_u64(out, c->is_cut);
    wire_put_u64(out, n);
    for (size_t i = 0; i < n; i++)
        wire_put_i64(out, times[i]);
}

static bool makes_sense(const struct cadence *c)
{
    return c->weight >= 0 && c->weight <= 1e15 && fabs(c->mean) <= 1e15 * LOG_MAX &&
           c->square >= 0 && c->square <= 1e15 * LOG_MAX * LOG_MAX;
}

void cadence_unpack(struct cadence *c, struct wire *in)
{
    int64_t ref_ms = wire_get_instant(in);
    uint64_t is_cut;
    size_t n;

    c->weight = wire_get_double(in);
    c->mean = wire_get_double(in);
    c->square = wire_get_double(in);
    is_cut = wire_get_u64(in);
    n = wire_get_count(in, 1);
    c->is_cut = is_cut != 0;
    in->is_bad |= !makes_sense(c) || n == 0 || n > CADENCE_TIMES_MAX || is_cut > 1;
    for (size_t i = 0; i < n && !in->is_bad; i++) {
        const struct place end = {.at = c->n, .before_ms = c->last_ms};
        int64_t time_ms = wire_get_instant(in);

        in->is_bad |= i > 0 && time_ms < c->last_ms;
        if (!in->is_bad)
            insert(c, &end, time_ms);
    }
    in->is_bad |= ref_ms != c->last_ms;
}
