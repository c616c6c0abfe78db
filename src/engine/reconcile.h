/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What was told of a stakeholder, and what holds of it now that an event never was. */
#include "engine/engine_impl.h"

/*
 * `p` is as if the event had never been, `was` is what it was with it. A rule that was fired, and
 * would not be now, is cleared; one that would be, and was not, is fired; the cause of both is the
 * retraction, their time now. An obligation that is open again, and overdue, is told as of now
 * too; should something hold that back, as of its end. What stays open keeps its last firing, and
 * its follow-up.
 */
void reconcile(struct engine *e, struct profile *p, struct profile *was, int64_t now_ms,
               const struct event *event);
