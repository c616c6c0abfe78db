/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What keeps a trigger from being fired although its rule says so, and until when. */
#include "engine/engine_impl.h"

struct hindrance {
    enum obstacle by;   /* OBSTACLE_NONE: nothing */
    int64_t until_ms;   /* when to try again; INT64_MAX: when what holds it back has ended */
    struct str because; /* a rule's name, or a silence's reason; as long as the model lives */
    struct str author;  /* of a silence */
    uint16_t source;    /* that is missing */
};

/* What a trigger claims that says that nothing came. */
struct claim {
    struct str channel; /* on which; empty: on any */
    int64_t due_ms;     /* by when */
};

/* Of the rule's next trigger for this stakeholder; `claim` is NULL where it claims no silence. The
 * flood guard counts what is fired, and does so by obstacle_passed(). */
struct hindrance obstacle_of(const struct engine *e, const struct profile *p,
                             const struct rule *rule, const struct standing *standing,
                             int64_t now_ms, const struct claim *claim);
/* A trigger of the rule was fired. */
void obstacle_passed(struct engine *e, const struct rule *rule, int64_t now_ms);
/* Whether the rule's triggers are open for this stakeholder: fired, not cleared. */
bool obstacle_is_open(const struct profile *p, const struct model *m, uint16_t rule);
/* The end of the cooldown; INT64_MIN: there is none. */
int64_t obstacle_cooldown_end(const struct rule *rule, int64_t last_fired_ms);
