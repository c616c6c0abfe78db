/* SPDX-License-Identifier: Apache-2.0 */
/* Derived variables as rules read them: at an instant, and over a span of time. */
#include "engine/engine_impl.h"
#include "engine/preference.h"

static bool give_double(bool has, double v, struct cel_value *ret_value)
{
    *ret_value = (struct cel_value){.type = CEL_DOUBLE, .d = v};
    return has;
}

static bool give_int(bool has, int64_t v, struct cel_value *ret_value)
{
    *ret_value = (struct cel_value){.type = CEL_INT, .i = v};
    return has;
}

static bool give_duration(bool has, int64_t ms, struct cel_value *ret_value)
{
    *ret_value = (struct cel_value){.type = CEL_DURATION, .i = ms};
    return has;
}

/* ---------------------------------------------------------------- at an instant */

static const struct replies no_replies;

static bool get_in_time(const struct moment *at, enum side by, struct cel_value *ret_value)
{
    const struct replies *replies = relation_replies(at->profile->relation, by);
    double share = 0;
    bool has = replies_in_time(replies ? replies : &no_replies, at->engine->model,
                               &at->profile->ledger, by, at->now_ms, &share);

    return give_double(has, share, ret_value);
}

static bool get_quantile(const struct moment *at, enum side by, unsigned percent,
                         struct cel_value *ret_value)
{
    const struct replies *replies = relation_replies(at->profile->relation, by);
    int64_t ms = 0;
    bool has = replies && replies_quantile(replies, percent, &ms);

    return give_duration(has, ms, ret_value);
}

static bool get_excess(const struct moment *at, const struct pressure *pressure,
                       struct cel_value *ret_value)
{
    int64_t per_ms = 0, n_sent = 0;
    uint32_t most = 0;

    if (!preference_max_contacts(at->profile, &most, &per_ms))
        return give_int(false, 0, ret_value);
    if (pressure)
        n_sent = pressure_sent(pressure, at->now_ms - per_ms);
    return give_int(true, n_sent - most, ret_value);
}

static bool get_pressure(const struct moment *at, size_t var, struct cel_value *ret_value)
{
    const struct pressure *pressure = relation_pressure(at->profile->relation);

    if (var == DERIVED_VAR_PRESSURE_EXCESS)
        return get_excess(at, pressure, ret_value);
    if (!pressure)
        return give_int(true, 0, ret_value);
    if (var == DERIVED_VAR_PRESSURE)
        return give_int(true, pressure_since(pressure, INT64_MIN), ret_value);
    return give_int(
        true, pressure_since(pressure, at->now_ms - at->engine->model->derived.pressure_window_ms),
        ret_value);
}

static double prior_x(const struct moment *at)
{
    return derived_prior_x(&at->engine->model->derived, at->profile->kind);
}

static bool get_cadence(const struct moment *at, size_t var, struct cel_value *ret_value)
{
    const struct cadence_def *def = &at->engine->model->derived.cadence;
    const struct cadence *c = relation_cadence(at->profile->relation);
    int64_t silence_ms = c ? at->now_ms - cadence_last_ms(c) : 0, last_gap_ms;
    double gap;

    switch (var) {
    case DERIVED_VAR_CADENCE_SPREAD:
        return give_double(true, cadence_spread(c, def, prior_x(at), at->now_ms), ret_value);
    case DERIVED_VAR_CADENCE_SILENCE:
        return give_duration(c != NULL, silence_ms, ret_value);
    case DERIVED_VAR_CADENCE_LAST_GAP:
        last_gap_ms = c ? cadence_last_gap_ms(c) : -1;
        return give_duration(last_gap_ms >= 0, last_gap_ms, ret_value);
    default:
        gap = cadence_gap(c, def, prior_x(at), at->now_ms);
        if (var == DERIVED_VAR_CADENCE_GAP)
            return give_duration(true, cadence_whole_ms(gap), ret_value);
        return give_double(c != NULL, (double)silence_ms / gap, ret_value);
    }
}

static bool get_promises(const struct moment *at, size_t var, struct cel_value *ret_value)
{
    const struct promises *p = relation_promises(at->profile->relation);
    int64_t due_ms;

    switch (var) {
    case DERIVED_VAR_TRUST:
        return give_double(true,
                           promises_trust(p, at->engine->model->derived.half_life_ms, at->now_ms),
                           ret_value);
    case DERIVED_VAR_COMMITMENT_DUE:
        due_ms = promises_due_ms(p);
        return give_duration(due_ms != INT64_MAX, due_ms == INT64_MAX ? 0 : due_ms - at->now_ms,
                             ret_value);
    default:
        return give_int(
            true, promises_open(p, var == DERIVED_VAR_COMMITMENT_OPEN ? INT64_MAX : at->now_ms),
            ret_value);
    }
}

static bool get_measure(const struct moment *at, size_t dimension, bool is_last,
                        struct cel_value *ret_value)
{
    const struct measures *all = relation_part(at->profile->relation, RELATION_MEASURES);
    const struct measure *m = all ? measures_find(all, (uint16_t)dimension) : NULL;

    if (!m)
        return give_double(false, 0, ret_value);
    return give_double(true, is_last ? m->last : measure_mean(m), ret_value);
}

static bool get_balance(const struct relation *r, struct cel_value *ret_value)
{
    const struct balance *b = relation_part(r, RELATION_BALANCE);
    double balance = 0;
    bool has = b && balance_get(b, &balance);

    return give_double(has, balance, ret_value);
}

static bool get_tie(const struct moment *at, struct cel_value *ret_value)
{
    const struct tie *t = relation_part(at->profile->relation, RELATION_TIE);

    if (!t)
        return give_double(false, 0, ret_value);
    return give_double(true, tie_strength(t, at->engine->model->derived.half_life_ms, at->now_ms),
                       ret_value);
}

static bool get_silent(const struct moment *at, struct cel_value *ret_value)
{
    const int64_t *last_ms = relation_part(at->profile->relation, RELATION_LAST);

    return give_duration(last_ms != NULL, last_ms ? at->now_ms - *last_ms : 0, ret_value);
}

static bool get_referrals(const struct moment *at, struct cel_value *ret_value)
{
    const int64_t *n = relation_part(at->profile->relation, RELATION_REFERRALS);

    return give_int(true, n ? *n : 0, ret_value);
}

bool relation_get(const struct moment *at, size_t var, struct cel_value *ret_value)
{
    const struct relation *r = at->profile->relation;

    if (var >= N_DERIVED_VARS)
        return get_measure(at, (var - N_DERIVED_VARS) / 2, (var - N_DERIVED_VARS) % 2, ret_value);
    switch ((enum derived_var)var) {
    case DERIVED_VAR_OURS_IN_TIME:
        return get_in_time(at, SIDE_ORGANISATION, ret_value);
    case DERIVED_VAR_OURS_MEDIAN:
        return get_quantile(at, SIDE_ORGANISATION, 50, ret_value);
    case DERIVED_VAR_OURS_P90:
        return get_quantile(at, SIDE_ORGANISATION, 90, ret_value);
    case DERIVED_VAR_THEIRS_IN_TIME:
        return get_in_time(at, SIDE_STAKEHOLDER, ret_value);
    case DERIVED_VAR_THEIRS_MEDIAN:
        return get_quantile(at, SIDE_STAKEHOLDER, 50, ret_value);
    case DERIVED_VAR_THEIRS_P90:
        return get_quantile(at, SIDE_STAKEHOLDER, 90, ret_value);
    case DERIVED_VAR_BALANCE:
        return get_balance(r, ret_value);
    case DERIVED_VAR_PRESSURE:
    case DERIVED_VAR_PRESSURE_RECENT:
    case DERIVED_VAR_PRESSURE_EXCESS:
        return get_pressure(at, var, ret_value);
    case DERIVED_VAR_CADENCE_GAP:
    case DERIVED_VAR_CADENCE_SPREAD:
    case DERIVED_VAR_CADENCE_SILENCE:
    case DERIVED_VAR_CADENCE_RATIO:
    case DERIVED_VAR_CADENCE_LAST_GAP:
        return get_cadence(at, var, ret_value);
    case DERIVED_VAR_TRUST:
    case DERIVED_VAR_COMMITMENT_OPEN:
    case DERIVED_VAR_COMMITMENT_OVERDUE:
    case DERIVED_VAR_COMMITMENT_DUE:
        return get_promises(at, var, ret_value);
    case DERIVED_VAR_ADVOCACY:
        return get_measure(at, at->engine->model->derived.advocacy, false, ret_value);
    case DERIVED_VAR_REFERRALS:
        return get_referrals(at, ret_value);
    case DERIVED_VAR_TIE:
        return get_tie(at, ret_value);
    case DERIVED_VAR_TURNS:
        return give_int(true, turns_unresolved(relation_part(r, RELATION_TURNS)), ret_value);
    case DERIVED_VAR_SILENT:
        return get_silent(at, ret_value);
    case N_DERIVED_VARS:
        break;
    }
    return false;
}

/* ---------------------------------------------------------------- over a span */

static double number_of(const struct cel_value *v)
{
    return v->type == CEL_DOUBLE ? v->d : (double)v->i;
}

/* What moves one way, in steps or by whole milliseconds: its ends bound it, exactly. What is not
 * there yet may come. */
static void range_of_ends(const struct span *span, size_t var, const struct cel_value *first,
                          bool is_there, struct cel_range *ret_range)
{
    struct moment end = span->moment;
    struct cel_value last;
    double a, b;

    end.now_ms = span->until_ms;
    if (!relation_get(&end, var, &last)) {
        ret_range->is_absent = ret_range->may_be_absent = true;
        return;
    }
    a = number_of(is_there ? first : &last);
    b = number_of(&last);
    ret_range->may_be_absent = !is_there;
    ret_range->lo = a < b ? a : b;
    ret_range->hi = a < b ? b : a;
}

/* The gap moves one way and the silence grows: each quotient of the two lies between these. */
static void range_of_ratio(const struct span *span, struct cel_range *ret_range)
{
    const struct moment *at = &span->moment;
    const struct cadence *c = relation_cadence(at->profile->relation);
    int64_t last_ms = cadence_last_ms(c);
    double first = (double)(at->now_ms - last_ms), until = (double)(span->until_ms - last_ms);
    double lo, hi;

    cadence_gap_range(c, &at->engine->model->derived.cadence, prior_x(at), at->now_ms,
                      span->until_ms, &lo, &hi);
    ret_range->lo = first / (first < 0 ? lo : hi);
    ret_range->hi = until / (until < 0 ? hi : lo);
}

static void range_of_gap(const struct span *span, const struct cadence *c,
                         struct cel_range *ret_range)
{
    double lo, hi;

    cadence_gap_range(c, &span->moment.engine->model->derived.cadence, prior_x(&span->moment),
                      span->moment.now_ms, span->until_ms, &lo, &hi);
    ret_range->lo = (double)cadence_whole_ms(lo);
    ret_range->hi = (double)cadence_whole_ms(hi);
}

void relation_range(const struct span *span, size_t var, struct cel_range *ret_range)
{
    const struct moment *at = &span->moment;
    const struct relation *r = at->profile->relation;
    const struct derived *d = &at->engine->model->derived;
    struct cel_value v;
    bool is_there = relation_get(at, var, &v);

    if (derived_motion_of(var) == MOTION_NONE ||
        (!is_there && derived_motion_of(var) != MOTION_OTHER)) {
        ret_range->is_absent = ret_range->may_be_absent = !is_there;
        ret_range->is_exact = is_there;
        ret_range->exact = v;
        return;
    }
    switch (var) {
    case DERIVED_VAR_CADENCE_GAP:
        range_of_gap(span, relation_cadence(r), ret_range);
        return;
    case DERIVED_VAR_CADENCE_SPREAD:
        cadence_spread_range(relation_cadence(r), &d->cadence, prior_x(at), at->now_ms,
                             span->until_ms, &ret_range->lo, &ret_range->hi);
        return;
    case DERIVED_VAR_TRUST:
        promises_trust_range(relation_promises(r), d->half_life_ms, at->now_ms, span->until_ms,
                             &ret_range->lo, &ret_range->hi);
        return;
    case DERIVED_VAR_CADENCE_RATIO:
    case DERIVED_VAR_TIE:
        if (!is_there)
            ret_range->is_absent = ret_range->may_be_absent = true;
        else if (var == DERIVED_VAR_TIE)
            tie_range(relation_part(r, RELATION_TIE), d->half_life_ms, at->now_ms, span->until_ms,
                      &ret_range->lo, &ret_range->hi);
        else
            range_of_ratio(span, ret_range);
        return;
    default:
        range_of_ends(span, var, &v, is_there, ret_range);
        return;
    }
}

int64_t relation_moves_one_way_until_ms(const struct moment *at, size_t var)
{
    const struct relation *r = at->profile->relation;

    switch (var) {
    case DERIVED_VAR_PRESSURE_RECENT:
    case DERIVED_VAR_PRESSURE_EXCESS:
    case DERIVED_VAR_CADENCE_GAP:
    case DERIVED_VAR_TRUST:
    case DERIVED_VAR_COMMITMENT_OVERDUE:
    case DERIVED_VAR_TIE:
        return INSTANT_MAX_MS;
    case DERIVED_VAR_CADENCE_RATIO:
        if (!relation_cadence(r))
            return INSTANT_MAX_MS; /* absent, and stays so */
        return cadence_ratio_grows_until_ms(relation_cadence(r),
                                            &at->engine->model->derived.cadence, prior_x(at));
    default:
        return at->now_ms;
    }
}
