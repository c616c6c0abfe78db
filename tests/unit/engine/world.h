/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A small world for tests of the engine: a model, an engine over it, events in one line each, and
 * the triggers that came out as lines of text. Times are milliseconds after an instant of 2026.
 */
#include "base/mem.h"
#include "engaged/engine.h"
#include "../unit.h"

#include <stdio.h>

#define T0       1767225600000LL /* 2026-01-01T00:00:00Z */
#define SECONDS  1000LL
#define MINUTES  60000LL
#define HOURS    3600000LL
#define DAYS     86400000LL
#define IN       DIRECTION_INBOUND
#define OUT      DIRECTION_OUTBOUND
#define PEER     DIRECTION_PEER
#define WORLD_FN __attribute__((unused)) static

static const struct verb_spec world_verbs[] = {
    {{"question", 8}, 1, true}, {{"view", 4}, 0.5, false}, {{"reply", 5}, 1, false}};

struct world {
    struct model *model; /* owned */
    struct engine *engine;
    struct buf lines;   /* "fired RULE SUBJECT AT CAUSE" */
    struct buf details; /* the same with all that a consumer sees */
    char last_id[DIGEST_HEX + 1];
    int64_t offset;
    bool is_quiet; /* not recorded: replayed with triggers suppressed */
};

WORLD_FN void world_no_fault(void *ctx, const struct model_fault *fault)
{
    (void)ctx;
    print_error("part %d, index %zu, %s: %s\n", (int)fault->part, fault->index, fault->field,
                fault->text);
}

WORLD_FN struct model_spec world_spec(void)
{
    return (struct model_spec){.deployment = STR("test"),
                               .organisation = STR("Example Ltd"),
                               .dedup_events = 64,
                               .dedup_horizon_ms = DAYS,
                               .verbs = world_verbs,
                               .n_verbs = ARRAY_SIZE(world_verbs)};
}

static void world_add_details(struct world *w, const struct trigger *t)
{
    struct buf *b = &w->details;

    buf_addf(b, "%s %d %lld %.*s %.*s %.*s/%.*s@%lld", t->id, (int)t->edge, (long long)t->time_ms,
             STR_ARG(t->stakeholder), STR_ARG(t->rule), STR_ARG(t->cause.source),
             STR_ARG(t->cause.id), (long long)t->cause.offset);
    for (size_t i = 0; i < t->n_values; i++) {
        const struct value *v = &t->values[i].value;

        buf_addf(b, " %.*s=%d:%.17g", STR_ARG(t->values[i].name), (int)v->type,
                 v->type == VALUE_DOUBLE                             ? v->d
                 : v->type == VALUE_INT || v->type == VALUE_DURATION ? (double)v->i
                                                                     : 0);
    }
    for (size_t i = 0; i < t->n_contributions; i++) {
        const struct contribution *c = &t->contributions[i];

        buf_addf(b, " %.*s:%.17g", STR_ARG(c->metric), c->base);
        for (size_t k = 0; k < c->n_events; k++)
            buf_addf(b, "+%.*s/%.*s@%lld,%lld:%.17g", STR_ARG(c->events[k].source),
                     STR_ARG(c->events[k].id), (long long)c->events[k].offset,
                     (long long)c->events[k].time_ms, c->events[k].weight);
    }
    buf_addf(b, " '%.*s' '%.*s' '%.*s' from %lld\n", STR_ARG(t->action), STR_ARG(t->reason),
             STR_ARG(t->counterfactual), (long long)t->offset);
}

static void world_on_trigger(void *ctx, const struct trigger *t)
{
    struct world *w = ctx;

    if (w->is_quiet)
        return;
    buf_addf(&w->lines, "%s %.*s %.*s %lld %.*s\n", t->edge == EDGE_FIRED ? "fired" : "cleared",
             STR_ARG(t->rule), STR_ARG(t->stakeholder), (long long)(t->time_ms - T0),
             STR_ARG(t->cause.id));
    world_add_details(w, t);
    memcpy(w->last_id, t->id, sizeof(w->last_id));
}

WORLD_FN struct model *world_model(const struct model_spec *spec)
{
    struct model *model = NULL;

    assert_int_equal(model_new(spec, world_no_fault, NULL, &model), 0);
    return model;
}

WORLD_FN struct engine *world_engine(struct world *w, bool is_complete)
{
    const struct engine_opts opts = {.topic = STR("events"),
                                     .partition = 3,
                                     .is_complete = is_complete,
                                     .on_trigger = world_on_trigger,
                                     .ctx = w};

    return engine_new(w->model, &opts);
}

WORLD_FN void world_open(struct world *w, const struct model_spec *spec)
{
    *w = (struct world){.model = world_model(spec)};
    w->engine = world_engine(w, true);
}

WORLD_FN void world_close(struct world *w)
{
    w->engine = engine_free(w->engine);
    w->model = model_free(w->model);
    buf_deinit(&w->lines);
    buf_deinit(&w->details);
}

/* An interaction `at` ms after T0; fields that a test wants otherwise it sets before it applies. */
WORLD_FN struct event world_event(struct world *w, int64_t at, enum direction direction,
                                  const char *subject, const char *id)
{
    return (struct event){.type = EVENT_INTERACTION,
                          .type_name = STR("io.engaged.interaction.v1"),
                          .id = str_of(id),
                          .source = STR("test"),
                          .subject = str_of(subject),
                          .time_ms = T0 + at,
                          .offset = w->offset++,
                          .direction = direction,
                          .verb = STR("view")};
}

WORLD_FN int world_apply(struct world *w, const struct event *event)
{
    return engine_apply(w->engine, event);
}

WORLD_FN void world_say(struct world *w, int64_t at, enum direction direction, const char *subject,
                        const char *id, double weight)
{
    struct event e = world_event(w, at, direction, subject, id);

    e.has_weight = true;
    e.weight = weight;
    assert_int_equal(world_apply(w, &e), 0);
}

/* A question, or an answer, in conversation "c". */
WORLD_FN void world_ask(struct world *w, int64_t at, const char *subject, const char *id)
{
    struct event e = world_event(w, at, IN, subject, id);

    e.verb = STR("question");
    e.conversation = STR("c");
    assert_int_equal(world_apply(w, &e), 0);
}

WORLD_FN void world_answer(struct world *w, int64_t at, const char *subject, const char *id)
{
    struct event e = world_event(w, at, OUT, subject, id);

    e.verb = STR("reply");
    e.conversation = STR("c");
    assert_int_equal(world_apply(w, &e), 0);
}

WORLD_FN void world_tick(struct world *w, int64_t at)
{
    engine_tick(w->engine, T0 + at, w->offset++);
}

/* What has come out since the last look. */
WORLD_FN void world_expect(struct world *w, const char *lines)
{
    buf_add_char(&w->lines, '\0');
    assert_string_equal(w->lines.ptr, lines);
    buf_reset(&w->lines);
}

WORLD_FN struct engine_stats world_stats(const struct world *w)
{
    struct engine_stats stats;

    engine_get_stats(w->engine, &stats);
    return stats;
}

/* ---- chance, the same at every run ---- */

WORLD_FN uint64_t world_random(uint64_t *seed)
{
    uint64_t z = (*seed += 0x9e3779b97f4a7c15ULL);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

WORLD_FN uint64_t world_below(uint64_t *seed, uint64_t n)
{
    return world_random(seed) % n;
}

WORLD_FN double world_unit(uint64_t *seed)
{
    return (double)(world_random(seed) >> 11) / 9007199254740992.0;
}
