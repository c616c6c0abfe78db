/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Derived values as the model sees them: their names and types, what of them is kept, and the
 * configuration that they are computed by. Rules read them after the metrics and the variables of
 * enum rule_var: first those of enum derived_var, then two per dimension, its decayed mean and its
 * latest share.
 */
#include "engaged/model.h"
#include "engine/cadence.h"
#include "engine/cel.h"

enum derived_var {
    DERIVED_VAR_OURS_IN_TIME,
    DERIVED_VAR_OURS_MEDIAN,
    DERIVED_VAR_OURS_P90,
    DERIVED_VAR_THEIRS_IN_TIME,
    DERIVED_VAR_THEIRS_MEDIAN,
    DERIVED_VAR_THEIRS_P90,
    DERIVED_VAR_BALANCE,
    DERIVED_VAR_PRESSURE,
    DERIVED_VAR_PRESSURE_RECENT,
    DERIVED_VAR_PRESSURE_EXCESS,
    DERIVED_VAR_CADENCE_GAP,
    DERIVED_VAR_CADENCE_SPREAD,
    DERIVED_VAR_CADENCE_SILENCE,
    DERIVED_VAR_CADENCE_RATIO,
    DERIVED_VAR_CADENCE_LAST_GAP,
    DERIVED_VAR_TRUST,
    DERIVED_VAR_COMMITMENT_OPEN,
    DERIVED_VAR_COMMITMENT_OVERDUE,
    DERIVED_VAR_COMMITMENT_DUE,
    DERIVED_VAR_ADVOCACY,
    DERIVED_VAR_REFERRALS,
    DERIVED_VAR_TIE,
    DERIVED_VAR_TURNS,
    DERIVED_VAR_SILENT,
    N_DERIVED_VARS
};

/* What time alone does to a value. */
enum derived_motion {
    MOTION_NONE,
    MOTION_RISES, /* an age: 1 ms per ms */
    MOTION_FALLS, /* a time that is left: 1 ms per ms */
    MOTION_OTHER,
};

struct cadence_kind {
    char *name; /* owned */
    double prior_x;
};

struct derived {
    uint32_t kept; /* bits of enum derived_group */
    int64_t half_life_ms, pressure_window_ms;
    struct cadence_def cadence;
    double prior_x;             /* log2 of the prior in ms, of kinds that are not listed */
    struct cadence_kind *kinds; /* owned */
    size_t n_kinds;
    char **dimensions; /* owned, each too */
    uint32_t *tags;    /* owned; of the dimensions, in packed state */
    size_t n_dimensions;
    uint16_t advocacy;    /* the dimension of that name, or MODEL_NONE */
    struct cel_var *vars; /* owned; derived_n_vars() of them */
    char **names;         /* owned, each too; of the dimensions' variables */
};

struct derived_fault {
    size_t index;      /* into the dimensions or kinds */
    const char *field; /* "dimensions", "kinds", "half_life", ... */
    const char *text;
};

typedef void (*derived_fault_fn)(void *ctx, const struct derived_fault *fault);

/* Copies what it needs of `spec` (NULL: derived_defaults). `ret` is to be deinitialised whatever
 * the outcome; false: a fault was reported. */
must_check bool derived_init(struct derived *ret, const struct derived_spec *spec,
                             derived_fault_fn on_fault, void *ctx);
void derived_deinit(struct derived *d);

static inline size_t derived_n_vars(const struct derived *d)
{
    return N_DERIVED_VARS + 2 * d->n_dimensions;
}

/* Bits of the groups that the variable is computed from. */
uint32_t derived_groups_of(size_t var);
enum derived_motion derived_motion_of(size_t var);
/* All of the configuration that decides the variable, as a text. */
void derived_canonical(const struct derived *d, size_t var, struct buf *out);
/* Identity of a group's packed state: what it was computed by. */
uint32_t derived_tag(const struct derived *d, enum derived_group group);
/* The variable's name in the public state: dots are underscores there. */
void derived_field_name(const struct derived *d, size_t var, struct buf *out);
/* Whether a metric of that name would be taken for a derived value. */
bool derived_takes_name(const struct derived *d, struct str name);
/* MODEL_NONE: not a declared dimension. */
uint16_t derived_find_dimension(const struct derived *d, struct str name);
/* Of the stakeholder's kind, or of all. */
double derived_prior_x(const struct derived *d, const char *kind);
