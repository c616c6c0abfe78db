/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The latest interactions of a stakeholder that counted for a metric, and what each was counted
 * as: what a trigger names as the events behind its values. At most model->evidence_events, newest
 * first, in the order in which they were applied where their times are the same.
 */
#include "engine/wire.h"

struct event_ref;
struct model;
struct profile;
struct taken;

/* What refs_note() is to be given of an event that was counted by the selectors for which `counts`
 * is true, as `taken` says; at least by one. */
void evidence_count(const struct model *m, const bool *counts, const struct taken *taken,
                    struct buf *out);
/* Of an event that is evidence: whether the selector counted it, and as what. */
bool evidence_value(const struct model *m, const struct event_ref *ref, size_t selector,
                    double *ret_value);
/* The selector counted none of them, as far as is known. */
void evidence_forget(struct profile *p, const struct model *m, size_t selector);
/* What is evidence for `from` is evidence for `p` too, where it is among the latest of both. */
void evidence_merge(struct profile *p, const struct profile *from, const struct model *m);
void evidence_clear(struct profile *p, const struct model *m);

/* After the places: an event that stands behind a selector is not written twice. */
void evidence_pack(const struct profile *p, const struct model *m, struct buf *out);
void evidence_unpack(struct profile *p, const struct model *m, struct wire *in);
