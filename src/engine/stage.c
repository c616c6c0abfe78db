/* SPDX-License-Identifier: Apache-2.0 */
/* A move is two edges: the stage that was left is cleared, the one that was reached is fired. Where
 * nobody is to act on it (it has no route), nobody is waited for. */
#include "engine/stage.h"

#include "engine/obstacle.h"

struct str stage_name(const struct profile *p, const struct model *m)
{
    struct str name;

    if (!p->stage)
        return STR_NULL;
    name = str_of(m->rules[p->stage - 1].name);
    return (struct str){name.ptr + strlen(STAGE_PREFIX), name.len - strlen(STAGE_PREFIX)};
}

static uint16_t last_held(const struct profile *p, const struct model *m)
{
    uint16_t stage = 0;

    for (uint16_t i = 0; i < p->standings.n && p->standings.items[i].rule < m->n_stages; i++) {
        if (p->standings.items[i].phase == RULE_IN)
            stage = (uint16_t)(p->standings.items[i].rule + 1);
    }
    return stage;
}

/* Nobody is told of a move in the past, nor of one that is silenced: a move is not made up for. */
static bool is_muted(struct engine *e, const struct profile *p, const struct rule *rule,
                     int64_t now_ms)
{
    const struct standing fresh = {.last_fired_ms = INT64_MIN};
    struct hindrance h = obstacle_of(e, p, rule, &fresh, now_ms, NULL);

    if (now_ms < e->model->backfill_until_ms) {
        e->stats.n_muted++;
        return true;
    }
    e->stats.n_obstacles[h.by] += h.by != OBSTACLE_NONE;
    if (h.by == OBSTACLE_FLOOD)
        emit_flood(e, rule, now_ms);
    return h.by != OBSTACLE_NONE;
}

static const char *emit_move(struct engine *e, const struct profile *p, uint16_t stage,
                             uint16_t other, enum edge edge, int64_t now_ms,
                             const struct event *event)
{
    const struct emission emission = {.profile = p,
                                      .rule = &e->model->rules[stage - 1],
                                      .edge = edge,
                                      .time_ms = now_ms,
                                      .since_ms = now_ms,
                                      .event = event,
                                      .answered_ms = INT64_MAX,
                                      .other_stage = other};

    return emit_trigger(e, &emission);
}

bool stage_settle(struct engine *e, struct profile *p, int64_t now_ms, const struct event *event)
{
    const struct model *m = e->model;
    uint16_t from = p->stage, to = last_held(p, m);
    bool was_muted = p->is_stage_muted;
    const char *id;

    if (from == to)
        return false;
    p->stage = to;
    p->stage_since_ms = now_ms;
    p->is_stage_muted = to && is_muted(e, p, &m->rules[to - 1], now_ms);
    if (from && !was_muted) {
        follow_ended(p, (uint16_t)(from - 1), 0);
        (void)emit_move(e, p, from, to, EDGE_CLEARED, now_ms, event);
    }
    if (to && !p->is_stage_muted) {
        obstacle_passed(e, &m->rules[to - 1], now_ms);
        id = emit_move(e, p, to, from, EDGE_FIRED, now_ms, event);
        if (m->rules[to - 1].route[0])
            follow_add(p, m, (uint16_t)(to - 1), id, now_ms, 0);
    }
    return true;
}
