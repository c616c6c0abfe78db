/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * When time alone will change what a rule's conditions say.
 *
 * Nothing is polled. Where a condition is made of comparisons of one metric with a constant, each
 * of them has a next change that can be computed; the condition is asked again at each of these in
 * turn. Any other condition is searched by branch and prune: over a span of time every metric has
 * bounds; where the condition says the same over all of them the span is done with, else it is
 * halved, down to the millisecond. No change can be missed either way. Should it take too many
 * steps, the answer is an instant up to which nothing changes: to look again at.
 */
#include "engine/engine_impl.h"

enum condition {
    CONDITION_BEGIN,     /* `enter` holds, and no `exit` of its own does */
    CONDITION_NOT_BEGIN, /* the contrary */
    CONDITION_END,       /* `exit` holds; without one: `enter` does not */
};

bool flip_is_true(const struct rule *rule, enum condition which, struct moment *at);
/* The first instant after at.now_ms at which the condition, which is false now, is true (or may
 * be). INT64_MAX: never, if no event comes. */
int64_t flip_first_true(const struct rule *rule, enum condition which, struct moment at);

enum flip_verdict { VERDICT_FALSE, VERDICT_TRUE, VERDICT_ABSENT };

/* What a comparison says of a value; ABSENT where there is none. */
static inline enum flip_verdict flip_compare(const struct cel_atom *a, bool is_there, double v)
{
    bool is_true = false;

    if (a->relation == CEL_HAS)
        return is_there ? VERDICT_TRUE : VERDICT_FALSE;
    if (!is_there)
        return VERDICT_ABSENT;
    switch (a->relation) {
    case CEL_LT:
        is_true = v < a->constant;
        break;
    case CEL_LE:
        is_true = v <= a->constant;
        break;
    case CEL_GT:
        is_true = v > a->constant;
        break;
    case CEL_GE:
        is_true = v >= a->constant;
        break;
    case CEL_EQ:
        is_true = v == a->constant;
        break;
    default:
        is_true = v != a->constant;
        break;
    }
    return is_true ? VERDICT_TRUE : VERDICT_FALSE;
}

#define FLIP_UNKNOWN (-1) /* not to be had this way */
/* When the comparison's verdict changes next; INT64_MAX: never. */
int64_t flip_of_atom(const struct cel_atom *a, struct moment at);
