/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An earlier event never was. What the stakeholder would be without it is found by applying all
 * others again, to what it was before them, in another engine that tells nobody: every timer falls
 * where it would have fallen. What was told and should not have been is cleared; what should have
 * been and was not is fired.
 *
 * A retraction acts when it is read, whatever the lateness. One that comes before its event is
 * remembered, and the event never counts. One whose event came more than `retraction.within` ago
 * by the partition's clock, before a merge or before the configuration changed, is counted only.
 */
#include "engine/engine_impl.h"

/* An event that is no duplicate is about to be taken. */
void retraction_note(struct engine *e, struct profile *p, const struct event *event);
/* Of `p`, which may be another one afterwards: to be found again. */
void retraction_apply(struct engine *e, struct profile *p, const struct event *event);
/* What was kept to recompute with. */
void retraction_deinit(struct engine *e);
