/* SPDX-License-Identifier: Apache-2.0 */
/* Asked in one order, so that the reason shown is always the same: cooldown, quiet hours,
 * inhibition, silence, flood, and at last whether the silence is proven. When one ends the next is
 * asked. */
#include "engine/obstacle.h"

#include "engine/life.h"

const char *obstacle_name(enum obstacle obstacle)
{
    static const char *const names[N_OBSTACLES] = {
        [OBSTACLE_NONE] = "none",         [OBSTACLE_COOLDOWN] = "cooldown",
        [OBSTACLE_QUIET] = "quiet",       [OBSTACLE_INHIBITED] = "inhibited",
        [OBSTACLE_SILENCED] = "silenced", [OBSTACLE_FLOOD] = "flood",
        [OBSTACLE_SOURCE] = "source"};

    return names[obstacle];
}

int64_t obstacle_cooldown_end(const struct rule *rule, int64_t last_fired_ms)
{
    return last_fired_ms == INT64_MIN || !rule->cooldown_ms ? INT64_MIN
                                                            : last_fired_ms + rule->cooldown_ms;
}

/* ---------------------------------------------------------------- inhibition */

static bool has_fired_on_open(const struct profile *p, const struct rule *rule)
{
    for (uint32_t i = 0; i < p->ledger.n_open; i++) {
        if (p->ledger.open[i]->fired >> rule->owed_bit & 1)
            return true;
    }
    return false;
}

bool obstacle_is_open(const struct profile *p, const struct model *m, uint16_t rule)
{
    if (m->rules[rule].kind == RULE_OWED)
        return has_fired_on_open(p, &m->rules[rule]);
    return standings_get(&p->standings, rule).phase == RULE_IN;
}

static const struct rule *inhibitor_of(const struct profile *p, const struct model *m,
                                       const struct rule *rule)
{
    for (size_t i = 0; i < rule->n_inhibitors; i++) {
        if (obstacle_is_open(p, m, rule->inhibitors[i]))
            return &m->rules[rule->inhibitors[i]];
    }
    return NULL;
}

/* ---------------------------------------------------------------- silences */

static bool silences(const struct silence_spec *s, const struct profile *p, const struct rule *rule)
{
    return model_matches(s->rule, str_of(rule->name)) &&
           model_matches(s->severity, str_of(rule->severity)) &&
           model_matches(s->route, str_of(rule->route)) &&
           model_matches(s->kind, str_of(p->kind)) &&
           model_matches(s->account, str_of(p->account)) &&
           model_matches(s->stakeholder, profile_id(p));
}

/* Of those that match the one that ends last. */
static const struct silence_spec *silence_of(const struct model *m, const struct profile *p,
                                             const struct rule *rule, int64_t now_ms)
{
    const struct silence_spec *last = NULL;

    for (size_t i = 0; i < m->n_silences; i++) {
        const struct silence_spec *s = &m->silences[i];

        if (s->until_ms > now_ms && (!last || s->until_ms > last->until_ms) && silences(s, p, rule))
            last = s;
    }
    return last;
}

/* ---------------------------------------------------------------- flood */

static int64_t period_of(const struct model *m, int64_t now_ms)
{
    int64_t period = now_ms / m->flood_per_ms;

    return now_ms % m->flood_per_ms < 0 ? period - 1 : period;
}

static bool is_flooded(const struct engine *e, const struct rule *rule, int64_t now_ms)
{
    const struct model *m = e->model;
    const struct flood *f = &e->floods[rule - m->rules];

    return m->flood_triggers && !e->is_shadow && f->n >= m->flood_triggers &&
           f->period == period_of(m, now_ms);
}

void obstacle_passed(struct engine *e, const struct rule *rule, int64_t now_ms)
{
    const struct model *m = e->model;
    struct flood *f = &e->floods[rule - m->rules];
    int64_t period;

    if (!m->flood_triggers)
        return;
    period = period_of(m, now_ms);
    if (f->period != period)
        f->n = 0;
    f->period = period;
    f->n++;
}

/* ---------------------------------------------------------------- all of them */

struct hindrance obstacle_of(const struct engine *e, const struct profile *p,
                             const struct rule *rule, const struct standing *standing,
                             int64_t now_ms, const struct claim *claim)
{
    const struct model *m = e->model;
    uint16_t source;
    int64_t quiet_end_ms, cooldown_end_ms = obstacle_cooldown_end(rule, standing->last_fired_ms);
    const struct silence_spec *silence;
    const struct rule *inhibitor;

    if (now_ms < m->backfill_until_ms)
        return (struct hindrance){.by = OBSTACLE_NONE, .until_ms = INT64_MAX};
    if (now_ms < cooldown_end_ms)
        return (struct hindrance){.by = OBSTACLE_COOLDOWN, .until_ms = cooldown_end_ms};
    quiet_end_ms = rule->quiet_hold ? preference_quiet_end(p, m, now_ms) : now_ms;
    if (quiet_end_ms > now_ms)
        return (struct hindrance){.by = OBSTACLE_QUIET, .until_ms = quiet_end_ms};
    inhibitor = inhibitor_of(p, m, rule);
    if (inhibitor)
        return (struct hindrance){
            .by = OBSTACLE_INHIBITED, .until_ms = INT64_MAX, .because = str_of(inhibitor->name)};
    silence = silence_of(m, p, rule, now_ms);
    if (silence)
        return (struct hindrance){.by = OBSTACLE_SILENCED,
                                  .until_ms = silence->until_ms,
                                  .because = silence->reason,
                                  .author = silence->author};
    if (is_flooded(e, rule, now_ms))
        return (struct hindrance){.by = OBSTACLE_FLOOD,
                                  .until_ms = (period_of(m, now_ms) + 1) * m->flood_per_ms};
    source = claim ? life_missing(e, claim->channel, claim->due_ms) : MODEL_NONE;
    if (source != MODEL_NONE)
        return (struct hindrance){.by = OBSTACLE_SOURCE,
                                  .until_ms = claim->due_ms,
                                  .because = m->sources[source].name,
                                  .source = source};
    return (struct hindrance){.by = OBSTACLE_NONE, .until_ms = INT64_MAX};
}
