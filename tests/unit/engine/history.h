/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Random histories of one stakeholder, for tests of derived values. */
#include "world.h"

#define HISTORY_MAX 48

struct history {
    struct event events[HISTORY_MAX]; /* in the order in which they come */
    char ids[HISTORY_MAX][8];
    size_t n;
};

static const struct str history_conversations[] = {STR(""), STR("c"), STR("d"), STR("e")};
static const struct str history_commitments[] = {STR("p"), STR("q"), STR("r"), STR("s")};
static const struct str history_dimensions[] = {STR("advocacy"), STR("delight"), STR("unheard_of")};

/* Minutes to weeks, and often the same instant again. */
static int64_t history_step(uint64_t *seed)
{
    static const int64_t scales[] = {1, MINUTES, HOURS, DAYS, 10 * DAYS};

    if (world_below(seed, 8) == 0)
        return 0;
    return (int64_t)(world_unit(seed) * (double)scales[world_below(seed, ARRAY_SIZE(scales))]) + 1;
}

static void history_interaction(struct event *e, uint64_t *seed)
{
    static const struct str verbs[] = {STR("view"), STR("question"), STR("question"), STR("reply"),
                                       STR("referral")};
    uint64_t way = world_below(seed, 9);

    e->type = EVENT_INTERACTION;
    e->direction = way < 4 ? IN : way < 8 ? OUT : PEER;
    e->verb = verbs[world_below(seed, ARRAY_SIZE(verbs))];
    e->conversation = history_conversations[world_below(seed, ARRAY_SIZE(history_conversations))];
    e->org = world_below(seed, 5) ? STR("") : STR("o");
    e->resolves = world_below(seed, 6) == 0;
    e->automatic = world_below(seed, 8) == 0;
    e->has_sentiment = world_below(seed, 2);
    e->sentiment = world_unit(seed) * 2 - 1;
    e->has_value = world_below(seed, 3) == 0;
    e->value = world_unit(seed) * 100 - 20;
}

static void history_fact(struct event *e, uint64_t *seed)
{
    if (world_below(seed, 2)) {
        e->type = EVENT_MEASURE;
        e->measure.dimension =
            history_dimensions[world_below(seed, ARRAY_SIZE(history_dimensions))];
        e->measure.share = (double)world_below(seed, 11) / 10;
        return;
    }
    e->type = EVENT_COMMITMENT;
    e->commitment.id = history_commitments[world_below(seed, ARRAY_SIZE(history_commitments))];
    e->commitment.by = world_below(seed, 5) ? SIDE_ORGANISATION : SIDE_STAKEHOLDER;
    e->commitment.status = (enum commitment_status)world_below(seed, 3);
    e->commitment.due_ms =
        world_below(seed, 3) ? e->time_ms + history_step(seed) - DAYS : INT64_MAX;
}

/* `late`: how many places an event may come after its own; 0: in order. */
static void history_make(struct history *h, size_t late, uint64_t *seed)
{
    int64_t at = 0;

    h->n = 1 + world_below(seed, HISTORY_MAX);
    for (size_t i = 0; i < h->n; i++) {
        struct event *e = &h->events[i];

        at += history_step(seed);
        snprintf(h->ids[i], sizeof(h->ids[i]), "e%u", (unsigned)i);
        *e = (struct event){.id = str_of(h->ids[i]),
                            .source = STR("test"),
                            .subject = STR("ann"),
                            .time_ms = T0 + at};
        if (world_below(seed, 4))
            history_interaction(e, seed);
        else
            history_fact(e, seed);
    }
    for (size_t i = 0; late && i + 1 < h->n; i++) {
        size_t to = i + world_below(seed, late + 1);
        struct event moved = h->events[i];

        if (to >= h->n || world_below(seed, 4))
            continue;
        memmove(&h->events[i], &h->events[i + 1], (to - i) * sizeof(moved));
        h->events[to] = moved;
    }
    for (size_t i = 0; i < h->n; i++)
        h->events[i].offset = (int64_t)i;
}
