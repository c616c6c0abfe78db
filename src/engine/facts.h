/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What events other than interactions leave behind: measures, commitments, preferences, outcomes.
 * Interactions are the engine's own business.
 */
#include "engine/engine_impl.h"

/* Sets the event behind what it states; it has brought an obligation further or not. refs_note()
 * must follow. */
void facts_set_ref(struct profile *p, const struct model *m, const struct event *event,
                   bool has_advanced);
/* Whether an event of this type concerns one stakeholder's state. */
bool facts_concern(enum event_type type);
/* Takes the event into account, which is no interaction; returns what may have changed, as
 * score_apply() does. 0: nothing. */
uint64_t facts_apply(struct engine *e, struct profile *p, const struct event *event);
