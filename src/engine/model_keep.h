/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Which metrics need what kept (keep.h), and what they may not say. */
#include "engine/model_impl.h"

/* Whether the aggregate is read from a keep, not from sums. */
static inline bool model_is_kept(enum aggregate aggregate)
{
    return aggregate > AGGREGATE_MEAN;
}

/* Of aggregates and caps only. NULL: nothing is wrong; else what, and *ret_field says where. */
const char *model_keep_fault(const struct metric_spec *spec, const char **ret_field);
/* Whether `distinct` can tell the program's results apart. */
bool model_keep_takes(const struct cel_program *value);
/* Appends what makes a selector another one, beside its programs: nothing for most. */
void model_keep_canonical(const struct metric_spec *spec, struct buf *out);
/* Gives a metric that is built otherwise what it reads; one that others read too is shared. */
void model_keep_use(struct model *m, struct metric *metric);
/* Gives a capped selector its bucket. */
void model_keep_use_cap(struct model *m, uint16_t selector, const struct metric_spec *spec);
