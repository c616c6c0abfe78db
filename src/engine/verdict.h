/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a rule's conditions say, and a bound of when time may have them say otherwise: the quick way
 * that events take. Each variable is read once per event. Where a condition is logic between
 * comparisons, most of them decide at once that nothing but an event can make it true; for others
 * there is an instant, cheap to have, before which it cannot be. When that instant has come and the
 * next is near, flip.h is asked for the exact one.
 */
#include "engine/flip.h"

/* What a variable takes to be decided; cel_logic.h wants it as a rank. */
uint8_t verdict_rank(const struct model *m, unsigned var);
/* Of a value that only an event changes. */
#define VERDICT_RANK_STILL 0

/* Of a stakeholder, or after its state has changed: what is read from here on is read anew. */
static inline void verdict_begin(const struct engine *e)
{
    e->readings->stamp++;
}

/* The slow way of verdict_read(). */
const struct reading *verdict_read_anew(const struct moment *at, unsigned var);
/* The variable as a number, read once; time of the moment and stakeholder as of verdict_begin(). */
static inline const struct reading *verdict_read(const struct moment *at, unsigned var)
{
    const struct readings *all = at->engine->readings;
    const struct reading *r = &all->items[var];

    return r->stamp == all->stamp && all->now_ms == at->now_ms ? r : verdict_read_anew(at, var);
}

/* Whether the value is a sum that is brought forward with events, or a quotient of two. */
bool verdict_is_rounded(const struct model *m, unsigned var);
/* So close to the constant that rounding may bring it to the other side. */
bool verdict_is_close(const struct reading *r, double constant);

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
/* The same for when a bound has been reached: another one that is more than a day away, so that
 * looks become few, or the exact instant. */
struct verdict verdict_again(const struct rule *rule, enum condition which,
                             const struct moment *at);
