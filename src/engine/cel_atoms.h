/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A condition taken apart: comparisons of one variable with a constant, joined by logic. While no
 * such comparison changes, neither does the condition, whatever the logic between them says.
 */
#include "engine/cel.h"

enum cel_relation { CEL_LT, CEL_LE, CEL_GT, CEL_GE, CEL_EQ, CEL_NE, CEL_HAS };

struct cel_atom {
    unsigned var;
    enum cel_relation relation; /* of the variable, on the left, to the constant */
    double constant;            /* durations and timestamps in milliseconds; not of CEL_HAS */
};

/* Whether time alone may change the variable. */
typedef bool (*cel_timed_fn)(void *ctx, unsigned var);

/*
 * All comparisons of timed variables. False: the condition is not of that form, or has more than
 * `max` of them.
 */
bool cel_atoms(const struct cel_program *program, cel_timed_fn is_timed, void *ctx,
               struct cel_atom *ret_atoms, size_t max, size_t *ret_n);
