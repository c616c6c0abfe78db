/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Two ids are one person, or a person is to be forgotten.
 *
 * Both act when they are read, whatever the lateness, and each time: a merge that is read again
 * merges what has come for the old id since. What is held for the clock moves, or goes, with the
 * rest. No table of former ids is kept: an event that comes for one is a new stakeholder's.
 *
 * Nothing is cleared of a stakeholder that is erased: there is nobody left to be told of. What was
 * fired for one that was merged is cleared for the other.
 */
#include "engine/engine_impl.h"

/* An event of type EVENT_IDENTITY that concerns somebody; as engine_apply(). */
must_check int identity_apply(struct engine *e, const struct event *event);
/* A cut has been stored: what was kept for a replay of what is before it goes. */
void identity_cut_done(struct engine *e);
