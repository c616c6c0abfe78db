/* SPDX-License-Identifier: Apache-2.0 */
/* One comparison for most rules, a question to verdict.h for those that it lets through. */
#include "engine/gate.h"

#include "base/mem.h"

#define FAR_MS 86400000LL /* of a bound that need not be moved */

/* Whether time alone never makes the comparison true of a value of which it is not. */
static bool is_lasting(const struct model *m, const struct cel_logic_node *leaf)
{
    bool is_upward = leaf->atom.relation == CEL_GT || leaf->atom.relation == CEL_GE;
    const struct metric *metric =
        leaf->atom.var < m->n_metrics ? &m->metrics[leaf->atom.var] : NULL;
    size_t derived = leaf->atom.var - model_derived_base(m);

    if (leaf->rank == VERDICT_RANK_STILL)
        return true;
    if (metric && metric->reach == REACH_HALF_LIFE)
        return is_upward && leaf->atom.constant > 0;
    if (metric)
        return is_upward && metric->aggregate == AGGREGATE_COUNT;
    return leaf->atom.var >= model_derived_base(m) && is_upward &&
           (derived == DERIVED_VAR_PRESSURE_RECENT || derived == DERIVED_VAR_PRESSURE_EXCESS ||
            derived == DERIVED_VAR_TIE);
}

/* The comparison that all of the condition hangs on, if it has one that lasts. */
static void set_guard(const struct model *m, const struct cel_logic_node *nodes,
                      struct rule_gate *gate)
{
    const struct cel_logic_node *leaf = &nodes[nodes[0].op == CEL_LOGIC_ALL];

    if (leaf->op != CEL_LOGIC_NUMBER || !is_lasting(m, leaf))
        return;
    gate->has_guard = true;
    gate->guard = leaf->atom;
    gate->is_rounded = verdict_is_rounded(m, leaf->atom.var);
}

struct rule_gate *gate_all(const struct model *m)
{
    struct rule_gate *gates = mem_calloc(m->n_rules + 1, sizeof(*gates));

    for (size_t i = 0; i < m->n_rules; i++) {
        const struct rule *rule = &m->rules[m->order[i]];

        gates[i].rule = m->order[i];
        gates[i].changes = rule->changes;
        gates[i].has_logic = rule->enter_logic != NULL;
        if (rule->enter_logic)
            set_guard(m, rule->enter_logic, &gates[i]);
    }
    return gates;
}

/* ---------------------------------------------------------------- at an event */

/* Whether the rule, which is at its beginning, stays there until another event. */
static bool is_shut(const struct rule_gate *gate, const struct moment *at)
{
    const struct reading *r;

    if (!gate->has_guard)
        return false;
    r = verdict_read(at, gate->guard.var);
    return flip_compare(&gate->guard, r->is_there, r->number) != VERDICT_TRUE &&
           !(gate->is_rounded && verdict_is_close(r, gate->guard.constant));
}

/* What has to become true for the rule to move; false: it hangs on more than conditions. */
static bool waits_for(const struct rule *rule, const struct standing *standing, int64_t now_ms,
                      enum condition *ret_which)
{
    *ret_which = standing && standing->phase == RULE_IN ? CONDITION_END : CONDITION_BEGIN;
    if (!standing || standing->phase == RULE_OUT)
        return true;
    return standing->phase == RULE_IN &&
           !(rule->min_stay_ms && now_ms < standing->since_ms + rule->min_stay_ms);
}

/* An earlier bound is one too: it stays, as long as it is far and does not bring the next look much
 * sooner. */
static void move_bound(struct standing *standing, int64_t first_ms, int64_t now_ms)
{
    int64_t left_ms = standing->next_ms - now_ms;

    standing->is_exact = false;
    standing->next_phase = PHASE_DECAY;
    if (standing->next_ms > first_ms || left_ms < FAR_MS || first_ms - standing->next_ms > left_ms)
        standing->next_ms = first_ms;
}

/* Whether a rule that is not at its beginning stays where it is, until another event or until time
 * brings it further. */
static bool is_staying(const struct rule_gate *gate, const struct moment *at,
                       struct standing *standing)
{
    const struct rule *rule = &at->engine->model->rules[gate->rule];
    enum condition condition;
    struct verdict v;

    if (!waits_for(rule, standing, at->now_ms, &condition))
        return false;
    v = verdict_first(rule, condition, at);
    if (v.first_ms == at->now_ms || v.is_exact)
        return false;
    if (!standing)
        return v.first_ms == INT64_MAX;
    if (standing->phase == RULE_OUT && v.first_ms == INT64_MAX)
        return false; /* it may have nothing to say any more */
    move_bound(standing, v.first_ms, at->now_ms);
    return true;
}

bool gate_keeps(const struct rule_gate *gate, const struct profile *p, const struct moment *at,
                uint64_t changed, const uint64_t *has_standing)
{
    bool has_read = changed & gate->changes & ~MODEL_CHANGE_TIME;
    struct standing *standing;

    if (!gate->has_logic)
        return false;
    if (!(has_standing[gate->rule / 64] >> (gate->rule % 64) & 1))
        return !has_read || is_shut(gate, at) || is_staying(gate, at, NULL);
    standing = standings_find(&p->standings, gate->rule);
    if (!has_read)
        return !standing || !standing->is_exact;
    return is_staying(gate, at, standing);
}

void gate_note_standings(const struct standings *s, size_t n_rules, uint64_t ret_has[GATE_WORDS])
{
    memset(ret_has, 0, (n_rules / 64 + 1) * sizeof(*ret_has));
    for (uint16_t i = 0; i < s->n; i++)
        ret_has[s->items[i].rule / 64] |= 1ULL << (s->items[i].rule % 64);
}
