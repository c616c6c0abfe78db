/* SPDX-License-Identifier: Apache-2.0 */
/* Where a derived value is in an hour is much to compute; that it is not beyond a constant by then
 * is often plain to see. */
#include "engine/engine_impl.h"

#include <math.h>

static bool give(double ms, double *ret_ms)
{
    *ret_ms = ms;
    return true;
}

/* It moves towards 1/2. */
static bool trust_stays(const struct promises *p, double value, double constant, double *ret_ms)
{
    return (!p || (value - constant) * (0.5 - constant) > 0) && give(HUGE_VAL, ret_ms);
}

static bool overdue_stays(const struct moment *at, const struct promises *p, double *ret_ms)
{
    int64_t due_ms = promises_due_ms(p);

    if (due_ms == INT64_MAX)
        return give(HUGE_VAL, ret_ms);
    return due_ms > at->now_ms && give((double)(due_ms - at->now_ms), ret_ms);
}

static bool ratio_stays(const struct moment *at, const struct cadence *c, double value,
                        double constant, double *ret_ms)
{
    const struct derived *d = &at->engine->model->derived;

    if (!(value > 0) || !(constant > 0))
        return false;
    return give(cadence_ratio_stays_ms(c, &d->cadence, derived_prior_x(d, at->profile->kind),
                                       at->now_ms, value, constant),
                ret_ms);
}

bool relation_stays(const struct moment *at, size_t var, double value, double constant,
                    double *ret_ms)
{
    const struct relation *r = at->profile->relation;

    switch (var) {
    case DERIVED_VAR_TRUST:
        return trust_stays(relation_promises(r), value, constant, ret_ms);
    case DERIVED_VAR_COMMITMENT_OVERDUE:
        return overdue_stays(at, relation_promises(r), ret_ms);
    case DERIVED_VAR_CADENCE_GAP:
    case DERIVED_VAR_CADENCE_SPREAD:
        return !relation_cadence(r) && give(HUGE_VAL, ret_ms);
    case DERIVED_VAR_CADENCE_RATIO:
        return ratio_stays(at, relation_cadence(r), value, constant, ret_ms);
    case DERIVED_VAR_TIE:
        return value > constant &&
               give(tie_above_for_ms(relation_part(r, RELATION_TIE),
                                     at->engine->model->derived.half_life_ms, value, constant),
                    ret_ms);
    default:
        return false;
    }
}

bool relation_stays_absent(size_t var)
{
    return var == DERIVED_VAR_CADENCE_RATIO || var == DERIVED_VAR_TIE ||
           var == DERIVED_VAR_PRESSURE_EXCESS;
}
