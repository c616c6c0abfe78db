/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a rule's conditions say, and a bound of when time may have them say otherwise: the quick way
 * that events take. Each variable is read once per event. Where a condition is logic between
 * comparisons, most of them decide at once that nothing but an event can make it true; for others
 * there is an instant, cheap to have, before which it cannot be. When that instant has come, flip.h
 * is asked for the exact one.
 */
#include "engine/flip.h"

/* What a variable takes to be decided; cel_logic.h wants it as a rank. */
uint8_t verdict_rank(const struct model *m, unsigned var);

/* Of a stakeholder, or after its state has changed: what is read from here on is read anew. */
static inline void verdict_begin(const struct engine *e)
{
    e->readings->stamp++;
}

/* One per rule, in the order of deciding; the caller frees them. */
struct rule_gate *verdict_gates(const struct model *m);
/* Whether the rule, which is at its beginning, stays there until another event. False: ask. */
bool verdict_is_shut(const struct rule_gate *gate, const struct moment *at);

struct verdict {
    /* The moment's instant: the condition is true then. Else it is false until before this one;
     * INT64_MAX: for good, if no event comes. */
    int64_t first_ms;
    /* It is the exact instant, or hangs on the last bits of a value: time that passes with another
     * event, which brings sums forward, may move it. */
    bool is_exact;
};

struct verdict verdict_first(const struct rule *rule, enum condition which,
                             const struct moment *at);
/* The same, exact, for when a bound has been reached. */
struct verdict verdict_exact(const struct rule *rule, enum condition which,
                             const struct moment *at);
