/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What is the cause of a trigger that time alone brings: of the events behind what its rule reads
 * the latest. And how these events are packed, and become one stakeholder's of two.
 */
#include "engine/refs.h"

struct rule;

/* False: nothing is known. */
bool cause_of(const struct profile *p, const struct model *m, const struct rule *rule,
              struct event_ref *ret_ref);
/* Of each place the later event of both, by time, rank and record. */
void cause_merge(struct profile *p, const struct profile *from, const struct model *m);
/* Before `p` is packed for another model: nothing stands any more behind what that one lacks, so
 * that what is evidence still is written down in full. */
void cause_keep_for(struct profile *p, const struct model *m, const struct model *to);
void cause_pack(const struct profile *p, const struct model *m, struct buf *out);
void cause_unpack(struct profile *p, const struct model *m, struct wire *in);
