/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trigger is escalated at fired + `escalate_after`, and again after as long, until it is critical
 * and has been escalated at least once, or somebody acknowledged it, or its condition ended.
 */
#include "engine/outcome.h"

#include "base/parse.h"
#include "engine/obstacle.h"

struct obligation *outcome_acts_on(struct profile *p, const struct event *event)
{
    const struct followed *one;
    struct obligation *o;

    if (event->type != EVENT_OUTCOME ||
        (event->outcome.status != OUTCOME_ACTED && event->outcome.status != OUTCOME_RESOLVED))
        return NULL;
    one = follow_find(p, event->outcome.trigger);
    o = one && one->opened ? ledger_find(&p->ledger, one->opened) : NULL;
    return o && o->is_answered ? o : NULL;
}

bool outcome_apply(struct engine *e, struct profile *p, const struct event *event)
{
    struct followed *one = follow_find(p, event->outcome.trigger);
    struct rule_stats *stats;

    if (!one)
        return false;
    stats = &e->rule_stats[one->rule];
    one->escalate_ms = INT64_MAX;
    if (event->outcome.status == OUTCOME_ACKNOWLEDGED) {
        stats->n_acknowledged += !one->is_seen;
        one->is_seen = true;
        return true;
    }
    stats->n_acted += event->outcome.status == OUTCOME_ACTED;
    stats->n_resolved += event->outcome.status == OUTCOME_RESOLVED;
    stats->n_dismissed += event->outcome.status == OUTCOME_DISMISSED;
    if (event->time_ms > one->fired_ms)
        stats->time_to_act_ms += (uint64_t)(event->time_ms - one->fired_ms);
    follow_close(p, one);
    return true;
}

/* Its next instant; INT64_MAX once it has come to the top. */
static int64_t next_ms(const struct rule *rule, const struct followed *one, int64_t now_ms)
{
    unsigned degrees = str_eq(str_of(rule->severity), STR("info")) ? 2 : 1;

    if (one->escalation >= degrees || now_ms + rule->escalate_after_ms > INSTANT_MAX_MS)
        return INT64_MAX;
    return now_ms + rule->escalate_after_ms;
}

static void escalate(struct engine *e, struct profile *p, struct followed *one, int64_t now_ms)
{
    const struct rule *rule = &e->model->rules[one->rule];
    const struct emission emission = {.profile = p,
                                      .rule = rule,
                                      .edge = EDGE_FIRED,
                                      .time_ms = now_ms,
                                      .since_ms = one->fired_ms,
                                      .obligation =
                                          one->opened ? ledger_find(&p->ledger, one->opened) : NULL,
                                      .answered_ms = INT64_MAX,
                                      .escalation = ++one->escalation};

    one->escalate_ms = next_ms(rule, one, now_ms);
    if (one->opened && !emission.obligation)
        return;
    e->stats.n_escalated++;
    (void)emit_trigger(e, &emission);
}

void outcome_escalate(struct engine *e, struct profile *p, int64_t now_ms)
{
    for (uint32_t i = 0; p->follow && i < p->follow->n; i++) {
        if (p->follow->items[i].escalate_ms <= now_ms)
            escalate(e, p, &p->follow->items[i], now_ms);
    }
}
