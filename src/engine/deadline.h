/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * When an obligation is due by an `owed` rule: since it was opened, the rule's `after` in all time
 * or in the business time of its calendar. For what the organisation owes the stakeholder's own
 * `reply_within` wins, which counts all time. Every room that speaks of a deadline asks here.
 *
 * Of two obligations of one side, a rule's deadline of the older one is never the later one.
 */
#include "engine/profile.h"

/* Whether the rule (of kind owed) looks at the obligation: its side, and its `where`. */
bool deadline_applies(const struct rule *rule, const struct obligation *o);
/* INT64_MAX: never. */
int64_t deadline_ms(const struct model *m, const struct profile *p, const struct rule *rule,
                    const struct obligation *o);
/* The instant before which the deadline was another: when the stakeholder stated
 * `reply_within`, or took it back. INT64_MIN: it has always been this. */
int64_t deadline_known_ms(const struct profile *p, const struct obligation *o);
/* The earliest deadline that any rule sets for an answer to `o`; INT64_MAX: none does. */
int64_t deadline_of_answer_ms(const struct model *m, const struct profile *p,
                              const struct obligation *o);
/* Of those that `side` owes and that are not answered, the earliest such deadline. */
int64_t deadline_next_ms(const struct model *m, const struct profile *p, enum side side);
/* How far an obligation must come until no rule waits for more: answered at least. */
enum depth deadline_end(const struct model *m, const struct obligation *o);
