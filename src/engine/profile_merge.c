/* SPDX-License-Identifier: Apache-2.0 */
/* Every room's own merging, in an order in which each still finds what it needs of both. */
#include "engine/profile_merge.h"

#include "engine/cause.h"
#include "engine/deadline.h"
#include "engine/evidence.h"
#include "engine/keeps.h"
#include "engine/relation_merge.h"

static void merge_slots(struct engine *e, struct profile *into, struct profile *from)
{
    if (from->ref_ms == INT64_MIN)
        return;
    score_bring_forward(e, into, from->ref_ms);
    score_bring_forward(e, from, into->ref_ms);
    for (size_t i = 0; i < e->model->n_slots; i++)
        into->slots[i] = series_clamp(into->slots[i] + from->slots[i]);
}

static int64_t last_ms(const struct profile *p, const struct rule *rule)
{
    size_t place = rule->kind == RULE_ABSENT ? rule->what : rule->after;
    struct event_ref ref;

    return refs_behind(p, place, &ref) ? ref.time_ms : INT64_MIN;
}

static void merge_due(const struct model *m, struct profile *into, const struct profile *from)
{
    for (size_t i = 0; i < m->n_due; i++) {
        const struct rule *rule = &m->rules[m->due_rules[i]];

        due_merge(&profile_due(into)[i], &profile_due(from)[i], rule, last_ms(into, rule),
                  last_ms(from, rule));
    }
}

static void merge_ledger(struct engine *e, struct profile *into, struct profile *from)
{
    while (from->ledger.n_open) {
        struct obligation *o = from->ledger.open[0], *open;

        engine_unindex(e, o);
        ledger_take(&from->ledger, o);
        open = ledger_adopt(&into->ledger, o);
        e->stats.n_obligations_refused += !open;
        if (open != o)
            continue;
        o->owner = into;
        engine_index(e, o);
    }
    ledger_merge_answers(&into->ledger, &from->ledger);
}

static size_t close_answered(struct engine *e, struct profile *p, struct advance *ret_advances)
{
    size_t n = 0;

    for (uint32_t i = 0; i < p->ledger.n_open;) {
        struct obligation *o = p->ledger.open[i++];
        struct advance a = {o, ledger_depth(o), DEPTH_ANSWERED, false};

        if (!ledger_is_answered(&p->ledger, e->model, o))
            continue;
        a.is_closed = ledger_is_over(&p->ledger, o, a.to, deadline_end(e->model, o));
        o->is_answered = !a.is_closed;
        ret_advances[n++] = a;
        if (!a.is_closed)
            continue;
        engine_unindex(e, o);
        ledger_take(&p->ledger, o);
        i--;
    }
    return n;
}

/* The higher of two stages; it is held since it was reached first. */
static void merge_stage(struct profile *into, const struct profile *from)
{
    if (!from->stage || from->stage < into->stage)
        return;
    if (from->stage == into->stage) {
        into->is_stage_muted &= from->is_stage_muted;
        if (from->stage_since_ms < into->stage_since_ms)
            into->stage_since_ms = from->stage_since_ms;
        return;
    }
    into->stage = from->stage;
    into->stage_since_ms = from->stage_since_ms;
    into->is_stage_muted = from->is_stage_muted;
}

static void take_text(char **into, char **from)
{
    if (*into)
        return;
    *into = *from;
    *from = NULL;
}

size_t profile_merge(struct engine *e, struct profile *into, struct profile *from,
                     struct advance *ret_advances)
{
    const struct model *m = e->model;

    merge_slots(e, into, from);
    for (size_t i = 0; i < m->n_series; i++)
        series_merge(&profile_series(into)[i], &profile_series(from)[i], m->series[i].has_values);
    keeps_merge(into, from, m);
    merge_due(m, into, from);
    preference_merge(&into->preference, &from->preference);
    relation_merge(into, from, m);
    merge_ledger(e, into, from);
    dedup_merge(&into->dedup, from->dedup);
    standings_merge(&into->standings, &from->standings);
    merge_stage(into, from);
    follow_merge(into, from);
    cause_merge(into, from, m);
    evidence_merge(into, from, m);
    e->stats.n_held += profile_adopt_held(into, from);
    take_text(&into->kind, &from->kind);
    take_text(&into->account, &from->account);
    return close_answered(e, into, ret_advances);
}
