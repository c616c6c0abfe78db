/* SPDX-License-Identifier: Apache-2.0 */
/* The two ways to the next change: by the comparisons of a condition, and by search. */
#include "engine/flip.h"

#include "base/parse.h"
#include "engine/cel_atoms.h"
#include "engine/exp2.h"
#include "engine/keeps.h"

#include <math.h>

#define SEARCH_STEPS_MAX 2000
#define SEARCH_DEPTH_MAX 64
#define CANDIDATES_MAX   32
#define GALLOP_MS        3600000

static bool holds(struct cel_program *program, struct moment *at)
{
    struct cel_value v;

    return cel_eval(program, score_get, at, &v) == 0 && v.type == CEL_BOOL && v.b;
}

bool flip_is_true(const struct rule *rule, enum condition which, struct moment *at)
{
    switch (which) {
    case CONDITION_BEGIN:
        return holds(rule->enter, at) && !(rule->exit && holds(rule->exit, at));
    case CONDITION_NOT_BEGIN:
        return !flip_is_true(rule, CONDITION_BEGIN, at);
    case CONDITION_END:
        break;
    }
    return rule->exit ? holds(rule->exit, at) : !holds(rule->enter, at);
}

static enum cel_truth not_(enum cel_truth t)
{
    return t == CEL_EITHER ? t : t == CEL_TRUE ? CEL_FALSE : CEL_TRUE;
}

static enum cel_truth and_(enum cel_truth a, enum cel_truth b)
{
    if (a == CEL_FALSE || b == CEL_FALSE)
        return CEL_FALSE;
    return a == CEL_TRUE && b == CEL_TRUE ? CEL_TRUE : CEL_EITHER;
}

static enum cel_truth is_true_over(const struct rule *rule, enum condition which, struct span *span)
{
    enum cel_truth enter, exit;

    switch (which) {
    case CONDITION_BEGIN:
        enter = cel_holds_over(rule->enter, score_range, span);
        if (!rule->exit || enter == CEL_FALSE)
            return enter;
        exit = cel_holds_over(rule->exit, score_range, span);
        return and_(enter, not_(exit));
    case CONDITION_NOT_BEGIN:
        return not_(is_true_over(rule, CONDITION_BEGIN, span));
    case CONDITION_END:
        break;
    }
    if (rule->exit)
        return cel_holds_over(rule->exit, score_range, span);
    return not_(cel_holds_over(rule->enter, score_range, span));
}

/* What the condition says from `first_ms` to `last_ms`, or at the one instant that is left. */
static enum cel_truth examine(const struct rule *rule, enum condition which, struct moment at,
                              int64_t first_ms, int64_t last_ms)
{
    struct span span = {at, last_ms};

    span.moment.now_ms = at.now_ms = first_ms;
    if (first_ms == last_ms)
        return flip_is_true(rule, which, &at) ? CEL_TRUE : CEL_FALSE;
    return is_true_over(rule, which, &span);
}

/* The first instant after at.now_ms at which the condition, which is false now, is true (or may be:
 * an instant to look again at). INT64_MAX: never, if no event comes. */
static int64_t search(const struct rule *rule, enum condition which, struct moment at)
{
    int64_t ends[SEARCH_DEPTH_MAX], proven_ms = at.now_ms;
    size_t n = 0, steps = 0;

    ends[n++] = INSTANT_MAX_MS;
    while (n) {
        int64_t first_ms = proven_ms + 1, last_ms = ends[n - 1];
        enum cel_truth truth;

        if (first_ms > last_ms) {
            n--;
            continue;
        }
        if (++steps > SEARCH_STEPS_MAX || n == SEARCH_DEPTH_MAX)
            return first_ms;
        truth = examine(rule, which, at, first_ms, last_ms);
        if (truth == CEL_TRUE)
            return first_ms;
        if (truth == CEL_FALSE) {
            proven_ms = last_ms;
            n--;
        } else {
            ends[n++] = first_ms + (last_ms - first_ms) / 2;
        }
    }
    return INT64_MAX;
}

/* ---------------------------------------------------------------- by comparisons */

static double number_at(const struct cel_atom *a, struct moment at, int64_t now_ms, bool *ret_has)
{
    struct cel_value v;

    at.now_ms = now_ms;
    *ret_has = score_get(&at, a->var, &v);
    return v.type == CEL_DOUBLE ? v.d : (double)v.i;
}

static enum flip_verdict verdict_at(const struct cel_atom *a, struct moment at, int64_t now_ms)
{
    bool is_there;
    double v = number_at(a, at, now_ms, &is_there);

    return flip_compare(a, is_there, v);
}

/* The first instant after now at which the verdict differs from `now`, which is close to `guess`.
 */
static int64_t settle(const struct cel_atom *a, struct moment at, enum flip_verdict now,
                      double guess)
{
    int64_t t;
    int steps = 0;

    if (guess >= (double)INSTANT_MAX_MS)
        return INT64_MAX;
    t = (int64_t)guess > at.now_ms ? (int64_t)guess : at.now_ms + 1;
    while (t > at.now_ms + 1 && verdict_at(a, at, t - 1) != now && steps++ < 64)
        t--;
    while (verdict_at(a, at, t) == now && steps++ < 64)
        t++;
    return steps < 64 ? t : FLIP_UNKNOWN;
}

/* S(t) = v * 2^(-(t - now) / H) meets c at t = now + H * log2(v / c). */
static int64_t flip_of_decay(const struct cel_atom *a, struct moment at, int64_t half_life_ms)
{
    bool is_there;
    double v = number_at(a, at, at.now_ms, &is_there), c = a->constant;
    enum flip_verdict now = flip_compare(a, is_there, v);

    if (a->relation == CEL_HAS)
        return INT64_MAX;
    if (a->relation == CEL_EQ || a->relation == CEL_NE || c == 0)
        return v == 0 ? INT64_MAX : FLIP_UNKNOWN;
    if (flip_compare(a, true, 0) == now)
        return INT64_MAX; /* monotone on the way to 0: the same at both ends */
    return settle(a, at, now,
                  (double)at.now_ms + (double)half_life_ms * (log2_of(fabs(v)) - log2_of(fabs(c))));
}

struct window_flip {
    const struct cel_atom *atom;
    const struct metric *metric;
    enum flip_verdict now;
    int64_t first_ms;
};

static bool try_total(void *ctx, struct series_total total, int64_t left_ms)
{
    struct window_flip *w = ctx;
    struct cel_value v;
    bool is_there = score_total(w->metric, total, &v);

    if (flip_compare(w->atom, is_there, v.type == CEL_INT ? (double)v.i : v.d) != w->now)
        w->first_ms = left_ms + w->metric->reach_ms;
    /* Counts only grow from here on, up to the present one: beyond the constant all say the same.
     */
    return w->metric->aggregate != AGGREGATE_COUNT || (double)total.n <= w->atom->constant;
}

/* A window only loses events: the totals to come are those of its newest ones. */
static int64_t flip_of_window(const struct cel_atom *a, struct moment at,
                              const struct metric *metric)
{
    const struct model *m = at.engine->model;
    uint16_t which = m->selectors[metric->selector].series;
    struct window_flip w = {a, metric, verdict_at(a, at, at.now_ms), INT64_MAX};

    series_each_rest(&profile_series(at.profile)[which], m->series[which].has_values,
                     at.now_ms - metric->reach_ms, try_total, &w);
    return w.first_ms;
}

static bool try_change(void *ctx, bool is_there, double value, int64_t from_ms)
{
    struct window_flip *w = ctx;

    if (flip_compare(w->atom, is_there, value) == w->now)
        return true;
    w->first_ms = from_ms;
    return false;
}

static int64_t flip_of_keep(const struct cel_atom *a, struct moment at, const struct metric *metric)
{
    struct window_flip w = {a, metric, verdict_at(a, at, at.now_ms), INT64_MAX};

    keeps_each_change(&at, metric, try_change, &w);
    return w.first_ms;
}

/* An age is now - since (it rises), a time that is left is then - now. */
static int64_t flip_of_age(const struct cel_atom *a, struct moment at, bool rises)
{
    bool is_there;
    double age_ms = number_at(a, at, at.now_ms, &is_there);
    double left_ms = rises ? a->constant - age_ms : age_ms - a->constant;
    enum flip_verdict now = flip_compare(a, is_there, age_ms);

    if (!is_there || a->relation == CEL_HAS)
        return INT64_MAX;
    if (left_ms < 0)
        return INT64_MAX;
    return settle(a, at, now, (double)at.now_ms + left_ms);
}

/* An instant, and how far the value is from the constant then. */
struct reach_point {
    int64_t ms;
    double off;
};

static struct reach_point point_at(const struct cel_atom *a, struct moment at, int64_t ms)
{
    bool is_there;

    return (struct reach_point){ms, number_at(a, at, ms, &is_there) - a->constant};
}

/* Strictly between the two: where a straight line would meet the constant, or halfway. */
static int64_t between(const struct reach_point *before, const struct reach_point *after,
                       bool halfway)
{
    double width = (double)(after->ms - before->ms);
    double step = width * (before->off / (before->off - after->off));

    if (halfway || !(step >= 1))
        step = halfway ? width / 2 : 1;
    if (step > width - 1)
        step = width - 1;
    return before->ms + (int64_t)step;
}

/* Doubles its steps until the verdict has changed; `limit_ms` is beyond the change. */
static void gallop(const struct cel_atom *a, struct moment at, enum flip_verdict now,
                   int64_t limit_ms, struct reach_point *before, struct reach_point *after)
{
    for (int64_t step = GALLOP_MS; after->ms - before->ms > 1; step *= 2) {
        int64_t ms = before->ms < limit_ms - step ? before->ms + step : limit_ms;

        if (verdict_at(a, at, ms) != now) {
            *after = point_at(a, at, ms);
            return;
        }
        *before = point_at(a, at, ms);
    }
}

/* What moves one way passes a threshold once. The instant is closed in on by false position
 * (Illinois: the end that stays is weighed half), and by halving now and then, so that it ends. */
static int64_t flip_of_derived(const struct cel_atom *a, struct moment at, size_t var)
{
    int64_t limit_ms = relation_moves_one_way_until_ms(&at, var);
    enum flip_verdict now = verdict_at(a, at, at.now_ms);
    struct reach_point before, after;

    if (a->relation == CEL_EQ || a->relation == CEL_NE || limit_ms <= at.now_ms)
        return FLIP_UNKNOWN;
    if (verdict_at(a, at, limit_ms) == now) /* not before then: to be asked again from there */
        return limit_ms == INSTANT_MAX_MS ? INT64_MAX : limit_ms;
    before = point_at(a, at, at.now_ms);
    after = point_at(a, at, limit_ms);
    gallop(a, at, now, limit_ms, &before, &after);
    for (unsigned i = 1; after.ms - before.ms > 1; i++) {
        struct reach_point p = point_at(a, at, between(&before, &after, i % 4 == 0));

        if (verdict_at(a, at, p.ms) == now) {
            before = p;
            after.off /= 2;
        } else {
            after = p;
            before.off /= 2;
        }
    }
    return after.ms;
}

int64_t flip_of_atom(const struct cel_atom *a, struct moment at)
{
    const struct model *m = at.engine->model;
    const struct metric *metric = a->var < m->n_metrics ? &m->metrics[a->var] : NULL;

    if (a->var >= model_derived_base(m)) {
        size_t var = a->var - model_derived_base(m);
        enum derived_motion motion = derived_motion_of(var);

        return motion == MOTION_OTHER ? flip_of_derived(a, at, var)
                                      : flip_of_age(a, at, motion == MOTION_RISES);
    }
    if (!metric)
        return flip_of_age(a, at, true);
    if (metric->keep != MODEL_NONE)
        return flip_of_keep(a, at, metric);
    if (metric->reach == REACH_WINDOW)
        return flip_of_window(a, at, metric);
    if (metric->reach == REACH_HALF_LIFE && metric->aggregate != AGGREGATE_MEAN)
        return flip_of_decay(a, at, metric->reach_ms);
    return INT64_MAX;
}

/* FLIP_UNKNOWN if one of them is. */
static int64_t first_flip(const struct rule_atoms *atoms, struct moment at)
{
    int64_t first_ms = INT64_MAX;

    for (size_t i = 0; i < atoms->n; i++) {
        int64_t ms = flip_of_atom(&atoms->items[i], at);

        if (ms == FLIP_UNKNOWN)
            return FLIP_UNKNOWN;
        if (ms < first_ms)
            first_ms = ms;
    }
    return first_ms;
}

/* What must change before the condition, false now, can be true. */
static int64_t next_candidate(const struct rule *rule, enum condition which, struct moment at)
{
    int64_t enter_ms, exit_ms;

    if (which == CONDITION_END)
        return first_flip(rule->exit ? &rule->exit_atoms : &rule->enter_atoms, at);
    if (which == CONDITION_BEGIN && rule->exit)
        return first_flip(holds(rule->enter, &at) ? &rule->exit_atoms : &rule->enter_atoms, at);
    enter_ms = first_flip(&rule->enter_atoms, at);
    exit_ms = rule->exit ? first_flip(&rule->exit_atoms, at) : INT64_MAX;
    return enter_ms < exit_ms ? enter_ms : exit_ms;
}

/* Bounds over all the time to come often say at once that only an event can make it true. */
static bool is_never_true(const struct rule *rule, enum condition which, struct moment at)
{
    return at.now_ms < INSTANT_MAX_MS &&
           examine(rule, which, at, at.now_ms + 1, INSTANT_MAX_MS) == CEL_FALSE;
}

int64_t flip_first_true(const struct rule *rule, enum condition which, struct moment at)
{
    struct moment then = at;

    if (!rule->has_atoms)
        return search(rule, which, at);
    if (rule->reads_derived && is_never_true(rule, which, at))
        return INT64_MAX;
    for (int i = 0; i < CANDIDATES_MAX; i++) {
        int64_t ms = next_candidate(rule, which, then);

        if (ms == FLIP_UNKNOWN)
            return search(rule, which, at);
        if (ms == INT64_MAX)
            return ms;
        then.now_ms = ms;
        if (flip_is_true(rule, which, &then))
            return ms;
    }
    return then.now_ms;
}
