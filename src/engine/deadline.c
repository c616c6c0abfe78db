/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing is kept: another rule, calendar or preference holds at once, for what is open too. */
#include "engine/deadline.h"

#include "engine/preference.h"

bool deadline_applies(const struct rule *rule, const struct obligation *o)
{
    return o->by == rule->owed_by && (!rule->owed_where || (o->matched >> rule->owed_bit & 1));
}

int64_t deadline_ms(const struct model *m, const struct profile *p, const struct rule *rule,
                    const struct obligation *o)
{
    int64_t within_ms;

    if (o->by == SIDE_ORGANISATION && preference_reply_within(p, &within_ms))
        return o->since_ms + within_ms;
    if (rule->owed_calendar == MODEL_NONE)
        return o->since_ms + rule->owed_after_ms;
    return calendar_add(&m->calendars[rule->owed_calendar], o->since_ms, rule->owed_after_ms);
}

int64_t deadline_known_ms(const struct profile *p, const struct obligation *o)
{
    return o->by == SIDE_ORGANISATION ? preference_reply_stated_ms(p) : INT64_MIN;
}

int64_t deadline_of_answer_ms(const struct model *m, const struct profile *p,
                              const struct obligation *o)
{
    int64_t earliest_ms = INT64_MAX;

    for (size_t i = 0; i < m->n_owed; i++) {
        const struct rule *rule = &m->rules[m->owed_rules[i]];
        int64_t due_ms;

        if (rule->owed_until != DEPTH_ANSWERED || !deadline_applies(rule, o))
            continue;
        due_ms = deadline_ms(m, p, rule, o);
        earliest_ms = due_ms < earliest_ms ? due_ms : earliest_ms;
    }
    return earliest_ms;
}

/* The oldest of the unanswered that the rule looks at: none is due before it. */
static const struct obligation *oldest_of(const struct profile *p, const struct rule *rule)
{
    const struct obligation *oldest = NULL;

    for (uint32_t i = 0; i < p->ledger.n_open; i++) {
        const struct obligation *o = p->ledger.open[i];

        if (!o->is_answered && deadline_applies(rule, o) &&
            (!oldest || o->since_ms < oldest->since_ms))
            oldest = o;
    }
    return oldest;
}

int64_t deadline_next_ms(const struct model *m, const struct profile *p, enum side side)
{
    int64_t next_ms = INT64_MAX;

    for (size_t i = 0; i < m->n_owed; i++) {
        const struct rule *rule = &m->rules[m->owed_rules[i]];
        const struct obligation *o;
        int64_t due_ms;

        if (rule->owed_by != side || rule->owed_until != DEPTH_ANSWERED)
            continue;
        o = oldest_of(p, rule);
        due_ms = o ? deadline_ms(m, p, rule, o) : INT64_MAX;
        next_ms = due_ms < next_ms ? due_ms : next_ms;
    }
    return next_ms;
}

enum depth deadline_end(const struct model *m, const struct obligation *o)
{
    for (size_t i = 0; i < m->n_owed; i++) {
        const struct rule *rule = &m->rules[m->owed_rules[i]];

        if (rule->owed_until == DEPTH_ACTED && deadline_applies(rule, o))
            return DEPTH_ACTED;
    }
    return DEPTH_ANSWERED;
}
