/* SPDX-License-Identifier: Apache-2.0 */
/* Asked in one order, so that the reason shown is always the same: cooldown, inhibition, silence,
 * flood. When one ends the next is asked. */
#include "engine/obstacle.h"

const char *obstacle_name(enum obstacle obstacle)
{
    static const char *const names[N_OBSTACLES] = {[OBSTACLE_NONE] = "none",
                                                   [OBSTACLE_COOLDOWN] = "cooldown",
                                                   [OBSTACLE_INHIBITED] = "inhibited",
                                                   [OBSTACLE_SILENCED] = "silenced",
                                                   [OBSTACLE_FLOOD] = "flood"};

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

static bool matches(struct str pattern, struct str text)
{
    if (!pattern.len)
        return true;
    if (pattern.ptr[pattern.len - 1] != '*')
        return str_eq(pattern, text);
    return text.len >= pattern.len - 1 && memcmp(pattern.ptr, text.ptr, pattern.len - 1) == 0;
}

static bool silences(const struct silence_spec *s, const struct profile *p, const struct rule *rule)
{
    return matches(s->rule, str_of(rule->name)) && matches(s->severity, str_of(rule->severity)) &&
           matches(s->route, str_of(rule->route)) && matches(s->kind, str_of(p->kind)) &&
           matches(s->account, str_of(p->account)) && matches(s->stakeholder, p->id);
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
                             int64_t now_ms)
{
    const struct model *m = e->model;
    int64_t cooldown_end_ms = obstacle_cooldown_end(rule, standing->last_fired_ms);
    const struct silence_spec *silence;
    const struct rule *inhibitor;

    if (now_ms < m->backfill_until_ms)
        return (struct hindrance){OBSTACLE_NONE, INT64_MAX, STR_NULL, STR_NULL};
    if (now_ms < cooldown_end_ms)
        return (struct hindrance){OBSTACLE_COOLDOWN, cooldown_end_ms, STR_NULL, STR_NULL};
    inhibitor = inhibitor_of(p, m, rule);
    if (inhibitor)
        return (struct hindrance){OBSTACLE_INHIBITED, INT64_MAX, str_of(inhibitor->name), STR_NULL};
    silence = silence_of(m, p, rule, now_ms);
    if (silence)
        return (struct hindrance){OBSTACLE_SILENCED, silence->until_ms, silence->reason,
                                  silence->author};
    if (is_flooded(e, rule, now_ms))
        return (struct hindrance){OBSTACLE_FLOOD, (period_of(m, now_ms) + 1) * m->flood_per_ms,
                                  STR_NULL, STR_NULL};
    return (struct hindrance){OBSTACLE_NONE, INT64_MAX, STR_NULL, STR_NULL};
}
