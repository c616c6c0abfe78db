/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the derived values of two stakeholders are computed from becomes one's. */
#include "engine/relation.h"

/*
 * As if all events had been of `into`: what fades is brought to the same instant and added, the
 * latest of what is bounded stays. Of cadences the gaps between the interactions that both still
 * know are measured anew, older ones are forgotten. `from` is only to be freed afterwards.
 */
void relation_merge(struct profile *into, struct profile *from, const struct model *m);
