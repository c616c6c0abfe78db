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

struct cel_node;

/* The variable and the constant of a comparison, whichever way round they are written; false: it
 * has others. */
bool cel_atoms_sides(const struct cel_program *program, const struct cel_node *node,
                     const struct cel_node **ret_var, const struct cel_node **ret_constant,
                     enum cel_relation *ret_relation);
/* A number that a double holds exactly; for a duration or timestamp, whole milliseconds. */
bool cel_atoms_number(const struct cel_value *v, double *ret_number);
