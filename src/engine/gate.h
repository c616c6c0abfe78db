/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which rules an event need not ask: those that read nothing it has changed, and those that it
 * cannot bring further. What remains of them is when to look again.
 */
#include "engine/verdict.h"

#define GATE_WORDS (2 * MODEL_RULES_MAX / 64 + 1)

/* One per rule, in the order of deciding; the caller frees them. */
struct rule_gate *gate_all(const struct model *m);
/* Which rules are not at their beginning, as bits. */
void gate_note_standings(const struct standings *s, size_t n_rules, uint64_t ret_has[GATE_WORDS]);
/* Whether the rule stays where it is, whatever `changed` says: time alone has passed, and its bound
 * is still one; or only another event can move it, or time some day. The bound is kept. */
bool gate_keeps(const struct rule_gate *gate, const struct profile *p, const struct moment *at,
                uint64_t changed, const uint64_t *has_standing);
