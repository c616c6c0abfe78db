/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three values, as CEL has them: true, false, and absent. For a node and what is wanted of it, the
 * first instant at which it may be so: of kids that must all be so the latest, of those of which
 * one is enough the earliest. Among the former any that is far away will do as a bound.
 *
 * A bound must hold for the state as it will be when it is reached: bringing a sum forward rounds
 * it, so bounds on sums that fade keep a distance, and a value that is all but at the constant is
 * decided at every event.
 */
#include "engine/verdict.h"

#include "base/mem.h"
#include "base/parse.h"
#include "engine/exp2.h"

#include <math.h>

#define FAR_MS 86400000LL /* a bound that far away is good enough */
#define CLOSE  1e-9       /* relative: what rounding may bring to the other side of a constant */

enum rank { RANK_STILL, RANK_AGE, RANK_FADING, RANK_DERIVED };

enum want { WANT_TRUE, WANT_FALSE, WANT_NOT_TRUE, WANT_NOT_FALSE };

/* One question. */
struct inquiry {
    const struct engine *engine;
    const struct moment *at;
    bool is_close;
};

static uint8_t rank_of_metric(const struct metric *metric)
{
    return metric->reach == REACH_EVER ||
                   (metric->reach == REACH_HALF_LIFE && metric->aggregate == AGGREGATE_MEAN)
               ? RANK_STILL
               : RANK_FADING;
}

static uint8_t rank_of_derived(size_t var)
{
    switch (derived_motion_of(var)) {
    case MOTION_NONE:
        return RANK_STILL;
    case MOTION_RISES:
    case MOTION_FALLS:
        return RANK_AGE;
    case MOTION_OTHER:
        break;
    }
    return var == DERIVED_VAR_PRESSURE_RECENT || var == DERIVED_VAR_PRESSURE_EXCESS ? RANK_FADING
                                                                                    : RANK_DERIVED;
}

uint8_t verdict_rank(const struct model *m, unsigned var)
{
    if (var < m->n_metrics)
        return rank_of_metric(&m->metrics[var]);
    if (var >= model_derived_base(m))
        return rank_of_derived(var - model_derived_base(m));
    switch ((enum rule_var)(var - m->n_metrics)) {
    case RULE_VAR_OWED_OLDEST:
    case RULE_VAR_OWED_OLDEST_THEIRS:
    case RULE_VAR_STAGE_SINCE:
        return RANK_AGE;
    default:
        return RANK_STILL;
    }
}

/* ---------------------------------------------------------------- a comparison */

static double number_of(const struct cel_value *v)
{
    switch (v->type) {
    case CEL_DOUBLE:
        return v->d;
    case CEL_BOOL:
        return v->b;
    default:
        return (double)v->i;
    }
}

/* What was read at another instant is out of date. */
const struct reading *verdict_read_anew(const struct moment *at, unsigned var)
{
    struct readings *all = at->engine->readings;
    struct reading *r = &all->items[var];
    struct cel_value v;

    all->stamp += all->now_ms != at->now_ms;
    all->now_ms = at->now_ms;
    r->stamp = all->stamp;
    r->is_there = score_get((void *)(uintptr_t)at, var, &v);
    r->number = r->is_there ? number_of(&v) : 0;
    return r;
}

static enum flip_verdict decide_text(struct inquiry *q, const struct cel_logic_node *leaf)
{
    struct cel_value v;

    if (!score_get((void *)(uintptr_t)q->at, leaf->atom.var, &v))
        return VERDICT_ABSENT;
    return str_eq(v.s, leaf->text) == (leaf->atom.relation == CEL_EQ) ? VERDICT_TRUE
                                                                      : VERDICT_FALSE;
}

bool verdict_is_close(const struct reading *r, double constant)
{
    return r->is_there && fabs(r->number - constant) <= CLOSE * fabs(constant);
}

bool verdict_is_rounded(const struct model *m, unsigned var)
{
    return var < m->n_metrics && m->metrics[var].reach == REACH_HALF_LIFE &&
           m->metrics[var].keep == MODEL_NONE;
}

/* ---------------------------------------------------------------- when it may change */

/* Nothing changes for `ms` at least, but for rounding: n events that bring a sum forward move the
 * instant by n * 2^-52 half-lives or so. */
static int64_t after(int64_t now_ms, double ms, double half_life_ms)
{
    if (ms < (double)(INSTANT_MAX_MS - now_ms))
        ms -= 2 + ms * CLOSE + half_life_ms * 1e-11;
    if (ms < 1)
        return now_ms + 1;
    return ms < (double)(INSTANT_MAX_MS - now_ms) ? now_ms + (int64_t)ms : INT64_MAX;
}

static int64_t exactly(struct inquiry *q, const struct cel_atom *a)
{
    int64_t ms = flip_of_atom(a, *q->at);

    return ms == FLIP_UNKNOWN ? q->at->now_ms + 1 : ms;
}

static int64_t bound_of_decay(struct inquiry *q, const struct cel_atom *a, double v,
                              const struct metric *metric)
{
    bool is_now = flip_compare(a, true, v) == VERDICT_TRUE;
    bool is_then = flip_compare(a, true, 0) == VERDICT_TRUE;

    if (a->relation == CEL_HAS)
        return INT64_MAX;
    if (a->relation == CEL_EQ || a->relation == CEL_NE || a->constant == 0) {
        q->is_close |= v != 0; /* its last bits decide */
        return exactly(q, a);
    }
    if (is_now == is_then)
        return INT64_MAX;
    return after(q->at->now_ms, (double)metric->reach_ms * log2_at_least(v / a->constant),
                 (double)metric->reach_ms);
}

static int64_t bound_of_window(struct inquiry *q, const struct cel_atom *a, double v,
                               const struct metric *metric)
{
    const struct model *m = q->engine->model;
    uint16_t which = m->selectors[metric->selector].series;
    bool is_ordered = a->relation != CEL_EQ && a->relation != CEL_NE;

    if (metric->aggregate == AGGREGATE_COUNT && is_ordered &&
        flip_compare(a, true, v) == flip_compare(a, true, 0))
        return INT64_MAX;
    return series_oldest(&profile_series(q->at->profile)[which], m->series[which].has_values,
                         q->at->now_ms - metric->reach_ms, metric->reach_ms);
}

static int64_t bound_of_metric(struct inquiry *q, const struct cel_atom *a, double v,
                               const struct metric *metric)
{
    if (rank_of_metric(metric) == RANK_STILL)
        return INT64_MAX;
    if (metric->keep != MODEL_NONE)
        return exactly(q, a);
    if (metric->reach == REACH_WINDOW)
        return bound_of_window(q, a, v, metric);
    return bound_of_decay(q, a, v, metric);
}

/* `left_ms` is how far it is from the constant, in its own direction. */
static int64_t bound_of_age(struct inquiry *q, const struct cel_atom *a, double age_ms, bool rises)
{
    double left_ms = rises ? a->constant - age_ms : age_ms - a->constant;

    if (a->relation == CEL_HAS || left_ms < 0)
        return INT64_MAX;
    if (left_ms >= (double)(INSTANT_MAX_MS - q->at->now_ms))
        return INT64_MAX;
    return q->at->now_ms + (left_ms < 1 ? 1 : (int64_t)left_ms);
}

static bool only_falls_into(const struct cel_atom *a)
{
    return a->relation == CEL_LT || a->relation == CEL_LE;
}

static bool only_rises_into(const struct cel_atom *a)
{
    return a->relation == CEL_GT || a->relation == CEL_GE;
}

/* What can only become less, and is there. */
static bool is_settled_falling(const struct cel_atom *a, double v)
{
    bool is_true = flip_compare(a, true, v) == VERDICT_TRUE;

    return is_true ? only_falls_into(a) : only_rises_into(a);
}

static int64_t bound_of_derived(struct inquiry *q, const struct cel_atom *a, double v, size_t var)
{
    enum derived_motion motion = derived_motion_of(var);
    double ms;

    if (motion == MOTION_NONE || a->relation == CEL_HAS)
        return motion == MOTION_NONE ? INT64_MAX : exactly(q, a);
    if (motion != MOTION_OTHER)
        return bound_of_age(q, a, v, motion == MOTION_RISES);
    switch (var) {
    case DERIVED_VAR_PRESSURE_RECENT:
    case DERIVED_VAR_PRESSURE_EXCESS:
    case DERIVED_VAR_TIE:
        if (is_settled_falling(a, v))
            return INT64_MAX;
        break;
    default:
        break;
    }
    if (a->relation != CEL_EQ && a->relation != CEL_NE &&
        relation_stays(q->at, var, v, a->constant, &ms))
        return after(q->at->now_ms, ms, (double)q->engine->model->derived.half_life_ms);
    return exactly(q, a);
}

/* Of a value that does not stand still. */
static int64_t bound_of(struct inquiry *q, const struct cel_logic_node *leaf,
                        const struct reading *r)
{
    const struct model *m = q->engine->model;
    const struct cel_atom *a = &leaf->atom;

    if (a->var < m->n_metrics && r->is_there)
        return bound_of_metric(q, a, r->number, &m->metrics[a->var]);
    if (a->var < m->n_metrics)
        return exactly(q, a);
    if (!r->is_there && leaf->rank == RANK_AGE)
        return INT64_MAX; /* what is not there comes with an event */
    if (!r->is_there)
        return relation_stays_absent(a->var - model_derived_base(m)) ? INT64_MAX : exactly(q, a);
    if (a->var < model_derived_base(m))
        return bound_of_age(q, a, r->number, true);
    return bound_of_derived(q, a, r->number, a->var - model_derived_base(m));
}

/* ---------------------------------------------------------------- logic */

static bool is_met(enum flip_verdict v, enum want want)
{
    switch (want) {
    case WANT_TRUE:
        return v == VERDICT_TRUE;
    case WANT_FALSE:
        return v == VERDICT_FALSE;
    case WANT_NOT_TRUE:
        return v != VERDICT_TRUE;
    case WANT_NOT_FALSE:
        break;
    }
    return v != VERDICT_FALSE;
}

static int64_t first_of_leaf(struct inquiry *q, const struct cel_logic_node *leaf, enum want want)
{
    const struct reading *r = verdict_read(q->at, leaf->atom.var);
    enum flip_verdict v = flip_compare(&leaf->atom, r->is_there, r->number);

    if (verdict_is_rounded(q->engine->model, leaf->atom.var))
        q->is_close |= verdict_is_close(r, leaf->atom.constant);
    if (is_met(v, want))
        return q->at->now_ms;
    return leaf->rank == RANK_STILL ? INT64_MAX : bound_of(q, leaf, r);
}

static int64_t first_of_text(struct inquiry *q, const struct cel_logic_node *leaf, enum want want)
{
    if (is_met(decide_text(q, leaf), want))
        return q->at->now_ms;
    if (leaf->rank == RANK_STILL)
        return INT64_MAX;
    return bound_of(q, leaf, verdict_read(q->at, leaf->atom.var));
}

static enum want turned(enum want want)
{
    static const enum want contrary[] = {[WANT_TRUE] = WANT_FALSE,
                                         [WANT_FALSE] = WANT_TRUE,
                                         [WANT_NOT_TRUE] = WANT_NOT_FALSE,
                                         [WANT_NOT_FALSE] = WANT_NOT_TRUE};

    return contrary[want];
}

/* How deep it goes is bounded by cel_logic(). */
static int64_t first(struct inquiry *q, const struct cel_logic_node *nodes, size_t at,
                     enum want want)
{
    const struct cel_logic_node *node = &nodes[at];
    int64_t now_ms = q->at->now_ms, best;
    bool is_all;

    if (node->op == CEL_LOGIC_NUMBER)
        return first_of_leaf(q, node, want);
    if (node->op == CEL_LOGIC_TEXT)
        return first_of_text(q, node, want);
    if (node->op == CEL_LOGIC_NOT)
        return first(q, nodes, at + 1, turned(want));
    is_all = (node->op == CEL_LOGIC_ALL) == (want == WANT_TRUE || want == WANT_NOT_FALSE);
    best = is_all ? now_ms : INT64_MAX;
    for (size_t kid = at + 1; kid < node->end; kid = nodes[kid].end) {
        int64_t ms = first(q, nodes, kid, want);

        if (is_all ? ms > best : ms < best)
            best = ms;
        if (is_all ? best > now_ms + FAR_MS : best == now_ms)
            break;
    }
    return best;
}

static int64_t first_of(struct inquiry *q, const struct rule *rule, enum condition which)
{
    const struct cel_logic_node *enter = rule->enter_logic, *exit = rule->exit_logic;
    int64_t ms, exit_ms;

    switch (which) {
    case CONDITION_BEGIN:
        ms = first(q, enter, 0, WANT_TRUE);
        if (!exit || ms > q->at->now_ms + FAR_MS)
            return ms;
        exit_ms = first(q, exit, 0, WANT_NOT_TRUE);
        return exit_ms > ms ? exit_ms : ms;
    case CONDITION_NOT_BEGIN:
        ms = first(q, enter, 0, WANT_NOT_TRUE);
        if (!exit || ms == q->at->now_ms)
            return ms;
        exit_ms = first(q, exit, 0, WANT_TRUE);
        return exit_ms < ms ? exit_ms : ms;
    case CONDITION_END:
        break;
    }
    return exit ? first(q, exit, 0, WANT_TRUE) : first(q, enter, 0, WANT_NOT_TRUE);
}

/* ---------------------------------------------------------------- all in all */

static struct verdict search(const struct rule *rule, enum condition which, const struct moment *at,
                             bool is_close)
{
    struct moment now = *at;
    int64_t ms = at->now_ms;

    if (!flip_is_true(rule, which, &now))
        ms = rule->is_timed ? flip_first_true(rule, which, now) : INT64_MAX;
    return (struct verdict){ms, is_close || ms != INT64_MAX};
}

struct verdict verdict_first(const struct rule *rule, enum condition which, const struct moment *at)
{
    struct inquiry q = {.engine = at->engine, .at = at};
    struct verdict v;

    if (!rule->enter_logic)
        return search(rule, which, at, false);
    v.first_ms = first_of(&q, rule, which);
    v.is_exact = q.is_close;
    if (v.first_ms == at->now_ms + 1) /* close, or not to be had this way */
        v = search(rule, which, at, q.is_close);
    return v;
}

struct verdict verdict_again(const struct rule *rule, enum condition which, const struct moment *at)
{
    struct verdict v = verdict_first(rule, which, at);

    if (v.first_ms == at->now_ms || v.first_ms == INT64_MAX || v.first_ms - at->now_ms > FAR_MS ||
        !rule->enter_logic)
        return v;
    return search(rule, which, at, v.is_exact);
}
