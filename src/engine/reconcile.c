/* SPDX-License-Identifier: Apache-2.0 */
/* Rules and stages by where they stand, `owed` rules by obligation. */
#include "engine/reconcile.h"

#include "engine/deadline.h"
#include "engine/obstacle.h"
#include "engine/stage.h"

/* The two, and when. */
struct pair {
    struct engine *engine;
    struct profile *profile;
    const struct profile *was;
    int64_t now_ms;
    const struct event *event;
};

static const char *emit(const struct pair *x, uint16_t rule, enum edge edge, int64_t since_ms,
                        const struct obligation *o)
{
    const struct emission emission = {.profile = x->profile,
                                      .rule = &x->engine->model->rules[rule],
                                      .edge = edge,
                                      .time_ms = x->now_ms,
                                      .since_ms = since_ms,
                                      .event = x->event,
                                      .obligation = o,
                                      .answered_ms = INT64_MAX};

    return emit_trigger(x->engine, &emission);
}

/* ---------------------------------------------------------------- rules */

static bool is_told(const struct standing *s)
{
    return s->phase == RULE_IN && !s->is_muted;
}

static int64_t since_of(const struct pair *x, const struct rule *rule)
{
    if (rule->kind == RULE_CONDITION)
        return x->now_ms;
    return profile_due(x->profile)[rule->due].since_ms;
}

static void fire_or_hold(const struct pair *x, struct standing *s, int64_t last_fired_ms)
{
    const struct model *m = x->engine->model;
    const struct rule *rule = &m->rules[s->rule];
    const struct standing told = {.last_fired_ms = last_fired_ms};
    bool is_silence = rule->kind == RULE_ABSENT || rule->kind == RULE_EXPECT;
    const struct claim claim = {.due_ms = is_silence ? due_by_ms(x->engine, x->profile, rule)
                                                     : INT64_MAX};
    struct hindrance h =
        obstacle_of(x->engine, x->profile, rule, &told, x->now_ms, is_silence ? &claim : NULL);

    s->last_fired_ms = last_fired_ms;
    if (h.by != OBSTACLE_NONE) {
        s->phase = RULE_HELD;
        s->held_by = (uint8_t)h.by;
        s->until_ms = h.until_ms > INSTANT_MAX_MS ? INT64_MAX : h.until_ms;
        x->engine->stats.n_obstacles[h.by]++;
        return;
    }
    if (x->now_ms < m->backfill_until_ms) {
        s->is_muted = true;
        x->engine->stats.n_muted++;
        return;
    }
    s->last_fired_ms = x->now_ms;
    obstacle_passed(x->engine, rule, x->now_ms);
    follow_add(x->profile, m, s->rule, emit(x, s->rule, EDGE_FIRED, since_of(x, rule), NULL),
               x->now_ms, 0);
}

static void reconcile_rule(const struct pair *x, uint16_t rule)
{
    struct standing was = standings_get(&x->was->standings, rule);
    struct standing is = standings_get(&x->profile->standings, rule);

    if (is_told(&was) && is_told(&is)) {
        is.last_fired_ms = was.last_fired_ms;
    } else if (is_told(&is)) {
        fire_or_hold(x, &is, was.last_fired_ms);
    } else if (is_told(&was)) {
        follow_ended(x->profile, rule, 0);
        (void)emit(x, rule, EDGE_CLEARED, x->now_ms, NULL);
    }
    standings_put(&x->profile->standings, &is);
}

/* ---------------------------------------------------------------- obligations */

static struct obligation *find(const struct ledger *l, const struct obligation *like)
{
    for (uint32_t i = 0; i < l->n_open; i++) {
        if (str_eq(l->open[i]->id, like->id) && str_eq(l->open[i]->source, like->source))
            return l->open[i];
    }
    return NULL;
}

/* What is open again and overdue is told as of now: it may have been told at its deadline before,
 * and a trigger of that time has been cleared. */
static void stall_again(const struct pair *x, struct standing *standing, struct obligation *o)
{
    const struct model *m = x->engine->model;
    const struct rule *rule = &m->rules[standing->rule];
    const struct claim claim = {o->channel, deadline_ms(m, x->profile, rule, o)};
    uint64_t bit = 1ULL << rule->owed_bit;

    if (((o->fired | o->muted | o->unproven) & bit) || ledger_depth(o) >= rule->owed_until ||
        !deadline_applies(rule, o) || claim.due_ms >= x->now_ms ||
        x->now_ms < m->backfill_until_ms ||
        obstacle_of(x->engine, x->profile, rule, standing, x->now_ms, &claim).by != OBSTACLE_NONE)
        return;
    o->fired |= bit;
    standing->last_fired_ms = x->now_ms;
    obstacle_passed(x->engine, rule, x->now_ms);
    follow_add(x->profile, m, standing->rule, emit(x, standing->rule, EDGE_FIRED, o->since_ms, o),
               x->now_ms, ledger_id_hash(o->id));
}

static void reconcile_owed(const struct pair *x, uint16_t rule)
{
    const struct ledger *was = &x->was->ledger, *is = &x->profile->ledger;
    struct standing told = standings_get(&x->was->standings, rule);
    struct standing standing = standings_get(&x->profile->standings, rule);
    uint64_t bit = 1ULL << x->engine->model->rules[rule].owed_bit;

    for (uint32_t i = 0; i < is->n_open; i++)
        is->open[i]->fired &= ~bit;
    for (uint32_t i = 0; i < was->n_open; i++) {
        struct obligation *o = was->open[i], *same = find(is, o);

        if (!(o->fired & bit))
            continue;
        if (same) {
            same->fired |= bit;
            continue;
        }
        follow_ended(x->profile, rule, ledger_id_hash(o->id));
        (void)emit(x, rule, EDGE_CLEARED, o->since_ms, o);
    }
    if (standing.phase == RULE_HELD) /* asked again at once */
        standing.phase = RULE_OUT;
    standing.held_by = OBSTACLE_NONE;
    standing.last_fired_ms = told.last_fired_ms;
    for (uint32_t i = 0; i < is->n_open; i++) {
        if (!find(was, is->open[i]))
            stall_again(x, &standing, is->open[i]);
    }
    standings_put(&x->profile->standings, &standing);
}

/* ---------------------------------------------------------------- stages */

static void reconcile_stage(const struct pair *x)
{
    struct profile *p = x->profile;
    uint16_t stage = p->stage;
    int64_t since_ms = p->stage_since_ms;

    p->stage = x->was->stage;
    p->is_stage_muted = x->was->is_stage_muted;
    (void)stage_settle(x->engine, p, x->now_ms, x->event);
    if (p->stage == stage)
        p->stage_since_ms = since_ms;
}

void reconcile(struct engine *e, struct profile *p, struct profile *was, int64_t now_ms,
               const struct event *event)
{
    const struct pair x = {e, p, was, now_ms, event};

    follow_free(p->follow);
    p->follow = was->follow;
    was->follow = NULL;
    reconcile_stage(&x);
    for (size_t i = 0; i < e->model->n_rules; i++) {
        uint16_t rule = e->model->order[i];

        if (e->model->rules[rule].kind == RULE_OWED)
            reconcile_owed(&x, rule);
        else if (e->model->rules[rule].kind != RULE_STAGE)
            reconcile_rule(&x, rule);
    }
}
