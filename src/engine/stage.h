/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Where a stakeholder stands: the last stage of the ladder that is held. Each stage is held or not
 * by a condition of its own (rules.c); what follows from a change of the last one is decided here.
 */
#include "engine/engine_impl.h"

/* After the stages' own conditions have been decided: says who has moved, down or up, once. True:
 * the stakeholder's stage is another one. */
bool stage_settle(struct engine *e, struct profile *p, int64_t now_ms, const struct event *event);
/* The stage's name; empty: none. */
struct str stage_name(const struct profile *p, const struct model *m);
