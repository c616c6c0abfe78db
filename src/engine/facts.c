/* SPDX-License-Identifier: Apache-2.0 */
/* One case per type; what they mean is said in the rooms that keep them. */
#include "engine/facts.h"

#include "engine/outcome.h"

bool facts_concern(enum event_type type)
{
    return type == EVENT_MEASURE || type == EVENT_COMMITMENT || type == EVENT_PREFERENCE ||
           type == EVENT_OUTCOME;
}

void facts_set_ref(struct profile *p, const struct model *m, const struct event *event,
                   bool has_advanced)
{
    switch (event->type) {
    case EVENT_MEASURE:
        (void)refs_set_groups(p, m, 1u << DERIVED_MEASURE | 1u << DERIVED_ADVOCACY);
        return;
    case EVENT_COMMITMENT:
        (void)refs_set_groups(p, m, 1u << DERIVED_TRUST);
        return;
    case EVENT_PREFERENCE:
        refs_set(p, profile_preference_ref(m));
        if (event->preference.max_contacts_change != PREFERENCE_KEPT)
            (void)refs_set_groups(p, m, 1u << DERIVED_PRESSURE);
        return;
    default:
        if (has_advanced)
            refs_set(p, profile_ledger_ref(m));
        return;
    }
}

static uint64_t change_of(unsigned groups)
{
    return groups ? model_change_of_groups(groups) | MODEL_CHANGE_TIME : 0;
}

static uint64_t apply_measure(struct engine *e, struct profile *p, const struct event *event)
{
    if (derived_find_dimension(&e->model->derived, event->measure.dimension) == MODEL_NONE) {
        e->stats.n_other_measures++;
        return 0;
    }
    return change_of(relation_measure(p, e->model, event));
}

uint64_t facts_apply(struct engine *e, struct profile *p, const struct event *event)
{
    switch (event->type) {
    case EVENT_MEASURE:
        return apply_measure(e, p, event);
    case EVENT_COMMITMENT:
        return change_of(relation_commit(p, e->model, event));
    case EVENT_PREFERENCE:
        return preference_apply(&p->preference, event) ? MODEL_CHANGE_PERSON : 0;
    case EVENT_OUTCOME:
        return outcome_apply(e, p, event) ? MODEL_CHANGE_TIME : 0;
    default:
        return 0;
    }
}
