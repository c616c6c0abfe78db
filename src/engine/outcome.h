/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What becomes of triggers: outcome events, and what is emitted again since nobody saw it. */
#include "engine/engine_impl.h"

/* An outcome event. True: it was of a trigger that is known here. */
bool outcome_apply(struct engine *e, struct profile *p, const struct event *event);
/* The answered obligation that waits to be acted on and that the event, applied next, says was: an
 * outcome acted or resolved of a trigger on it. NULL: none. */
struct obligation *outcome_acts_on(struct profile *p, const struct event *event);
/* Emits again what is due at `now_ms`, a degree more severe. */
void outcome_escalate(struct engine *e, struct profile *p, int64_t now_ms);
