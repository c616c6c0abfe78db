/* SPDX-License-Identifier: Apache-2.0 */
/* One case per type; what they mean is said in the rooms that keep them. */
#include "engine/facts.h"

bool facts_concern(enum event_type type)
{
    return type == EVENT_MEASURE || type == EVENT_COMMITMENT || type == EVENT_PREFERENCE ||
           type == EVENT_OUTCOME;
}

uint64_t facts_apply(struct engine *e, struct profile *p, const struct event *event)
{
    (void)e;
    switch (event->type) {
    case EVENT_PREFERENCE:
        return preference_apply(&p->preference, event) ? MODEL_CHANGE_PERSON : 0;
    case EVENT_MEASURE:
    case EVENT_COMMITMENT:
    case EVENT_OUTCOME:
        return 0;
    default:
        return 0;
    }
}
