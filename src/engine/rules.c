/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a rule for one stakeholder.
 *
 * Condition:  OUT --enter--> (PENDING --held for `for`-->) (HELD --cooldown over-->) IN --exit-->
 * OUT PENDING falls back when `enter` no longer holds or `exit` does, HELD when the condition has
 * ended: neither has fired, so neither is cleared. Owed: per open obligation a deadline; fired
 * once, cleared by a late answer. Quiet hours hold like a cooldown, if the rule says so.
 */
#include "engine/deadline.h"
#include "engine/flip.h"

/* ---------------------------------------------------------------- conditions */

static void look_at(struct rule_state *s, int64_t ms, enum phase phase)
{
    if (ms < s->next_ms || (ms == s->next_ms && phase < s->next_phase)) {
        s->next_ms = ms;
        s->next_phase = phase;
    }
}

static int64_t cooldown_end(const struct rule *rule, int64_t last_fired_ms)
{
    return last_fired_ms == INT64_MIN || !rule->cooldown_ms ? INT64_MIN
                                                            : last_fired_ms + rule->cooldown_ms;
}

/* Another configuration may have made `for` or the cooldown so short that it is over already. */
static int64_t not_before(int64_t ms, int64_t now_ms)
{
    return ms > now_ms ? ms : now_ms;
}

/* From `ms` on, when the rule may fire at the earliest. */
static int64_t after_quiet(const struct model *m, const struct profile *p, const struct rule *rule,
                           int64_t ms)
{
    return rule->quiet_hold ? preference_quiet_end(p, m, ms) : ms;
}

/* When what is held may fire: once cooldown and quiet hours are over. */
static int64_t hold_end(const struct rule *rule, const struct rule_state *s,
                        const struct moment *at)
{
    int64_t free_ms = not_before(cooldown_end(rule, s->last_fired_ms), at->now_ms);

    return after_quiet(at->engine->model, at->profile, rule, free_ms);
}

static void schedule(const struct rule *rule, struct rule_state *s, struct moment at)
{
    s->next_ms = INT64_MAX;
    s->next_phase = PHASE_DECAY;
    switch ((enum rule_phase)s->phase) {
    case RULE_OUT:
        if (rule->is_timed)
            look_at(s, flip_first_true(rule, CONDITION_BEGIN, at), PHASE_DECAY);
        return;
    case RULE_PENDING:
        look_at(s, not_before(s->since_ms + rule->for_ms, at.now_ms), PHASE_DEADLINE);
        if (rule->is_timed)
            look_at(s, flip_first_true(rule, CONDITION_NOT_BEGIN, at), PHASE_DECAY);
        return;
    case RULE_HELD:
        look_at(s, hold_end(rule, s, &at), PHASE_DEADLINE);
        if (rule->is_timed)
            look_at(s, flip_first_true(rule, CONDITION_END, at), PHASE_DECAY);
        return;
    case RULE_IN:
        if (rule->is_timed)
            look_at(s, flip_first_true(rule, CONDITION_END, at), PHASE_DECAY);
        return;
    }
}

/* What one step of a rule is about. */
struct step {
    struct engine *engine;
    struct profile *profile;
    const struct rule *rule;
    struct rule_state *state;
    int64_t now_ms;
    const struct event *event;
};

static void emit_edge(const struct step *s, enum edge edge, int64_t since_ms)
{
    const struct emission emission = {.profile = s->profile,
                                      .rule = s->rule,
                                      .edge = edge,
                                      .time_ms = s->now_ms,
                                      .since_ms = since_ms,
                                      .event = s->event,
                                      .answered_ms = INT64_MAX};

    emit_trigger(s->engine, &emission);
}

static void fire(const struct step *s, int64_t since_ms)
{
    s->state->phase = RULE_IN;
    s->state->last_fired_ms = s->now_ms;
    emit_edge(s, EDGE_FIRED, since_ms);
}

/* The condition has begun, and held for as long as it must. */
static void fire_or_hold(const struct step *s, int64_t since_ms)
{
    const struct moment at = {s->engine, s->profile, s->now_ms};

    if (s->now_ms < hold_end(s->rule, s->state, &at)) {
        s->state->phase = RULE_HELD;
        s->state->since_ms = since_ms;
        return;
    }
    fire(s, since_ms);
}

static void begin(const struct step *s)
{
    if (!s->rule->for_ms) {
        fire_or_hold(s, s->now_ms);
        return;
    }
    s->state->phase = RULE_PENDING;
    s->state->since_ms = s->now_ms;
}

/* Moves the rule by what its conditions say now. */
static void decide(const struct step *s)
{
    struct moment at = {s->engine, s->profile, s->now_ms};

    switch ((enum rule_phase)s->state->phase) {
    case RULE_OUT:
        if (flip_is_true(s->rule, CONDITION_BEGIN, &at))
            begin(s);
        break;
    case RULE_PENDING:
        if (!flip_is_true(s->rule, CONDITION_BEGIN, &at))
            s->state->phase = RULE_OUT;
        break;
    case RULE_HELD:
        if (flip_is_true(s->rule, CONDITION_END, &at))
            s->state->phase = RULE_OUT;
        break;
    case RULE_IN:
        if (flip_is_true(s->rule, CONDITION_END, &at)) {
            s->state->phase = RULE_OUT;
            emit_edge(s, EDGE_CLEARED, s->now_ms);
        }
        break;
    }
    schedule(s->rule, s->state, at);
}

/* `for`, the cooldown or quiet hours are over, and the condition still holds (or we would not be
 * here). */
static void meet_deadline(const struct step *s)
{
    struct moment at = {s->engine, s->profile, s->now_ms};
    int64_t since_ms = s->state->since_ms;

    if (s->state->phase == RULE_PENDING || s->state->phase == RULE_HELD)
        fire_or_hold(s, since_ms);
    schedule(s->rule, s->state, at);
}

/* ---------------------------------------------------------------- obligations */

/* When the rule fires on `o`: at its deadline, but not before it was known, within the cooldown, or
 * in quiet hours. INT64_MAX: never. */
static int64_t stall_ms(const struct model *m, const struct profile *p, const struct rule *rule,
                        const struct rule_state *s, const struct obligation *o)
{
    int64_t ms = deadline_ms(m, p, rule, o);

    if (ms == INT64_MAX)
        return ms;
    ms = not_before(ms, deadline_known_ms(p, o));
    ms = not_before(ms, cooldown_end(rule, s->last_fired_ms));
    return after_quiet(m, p, rule, ms);
}

static bool is_waiting(const struct rule *rule, const struct obligation *o)
{
    return !(o->fired >> rule->owed_bit & 1) && ledger_depth(o) < rule->owed_until &&
           deadline_applies(rule, o);
}

/* None is due before the oldest is. */
static void schedule_owed(const struct model *m, const struct profile *p, const struct rule *rule,
                          struct rule_state *s)
{
    const struct obligation *oldest = NULL;

    for (uint32_t i = 0; i < p->ledger.n_open; i++) {
        const struct obligation *o = p->ledger.open[i];

        if (is_waiting(rule, o) && (!oldest || o->since_ms < oldest->since_ms))
            oldest = o;
    }
    s->next_ms = oldest ? stall_ms(m, p, rule, s, oldest) : INT64_MAX;
    s->next_phase = PHASE_DEADLINE;
}

static void emit_owed(const struct step *s, enum edge edge, const struct obligation *o,
                      int64_t answered_ms)
{
    const struct emission emission = {.profile = s->profile,
                                      .rule = s->rule,
                                      .edge = edge,
                                      .time_ms = edge == EDGE_FIRED ? s->now_ms : answered_ms,
                                      .since_ms = o->since_ms,
                                      .event = s->event,
                                      .obligation = o,
                                      .answered_ms = answered_ms};

    emit_trigger(s->engine, &emission);
}

static void stall(const struct step *s)
{
    struct ledger *l = &s->profile->ledger;

    for (uint32_t i = 0; i < l->n_open; i++) {
        struct obligation *o = l->open[i];

        if (!is_waiting(s->rule, o) ||
            stall_ms(s->engine->model, s->profile, s->rule, s->state, o) > s->now_ms)
            continue;
        o->fired |= 1ULL << s->rule->owed_bit;
        s->state->last_fired_ms = s->now_ms;
        emit_owed(s, EDGE_FIRED, o, INT64_MAX);
    }
    schedule_owed(s->engine->model, s->profile, s->rule, s->state);
}

static void clear_owed(const struct step *s, const struct happening *h)
{
    for (size_t i = 0; i < h->n_advances; i++) {
        const struct advance *a = &h->advances[i];

        if (a->from < s->rule->owed_until && a->to >= s->rule->owed_until &&
            (a->obligation->fired >> s->rule->owed_bit & 1))
            emit_owed(s, EDGE_CLEARED, a->obligation, h->answered_ms);
    }
    schedule_owed(s->engine->model, s->profile, s->rule, s->state);
}

/* ---------------------------------------------------------------- all rules of a stakeholder */

void rules_after_event(struct engine *e, const struct happening *h)
{
    for (size_t i = 0; i < e->model->n_rules; i++) {
        struct step s = {e,         h->profile, &e->model->rules[i], &h->profile->rules[i],
                         h->now_ms, h->event};

        if (s.rule->kind == RULE_OWED) {
            if (h->changed & MODEL_CHANGE_PERSON)
                clear_owed(&s, h);
        } else if (h->changed & s.rule->changes) {
            decide(&s);
        }
    }
}

void rules_on_time(struct engine *e, struct profile *p, int64_t now_ms, enum phase phase)
{
    for (size_t i = 0; i < e->model->n_rules; i++) {
        struct step s = {e, p, &e->model->rules[i], &p->rules[i], now_ms, NULL};

        if (s.state->next_ms != now_ms || s.state->next_phase != phase)
            continue;
        if (s.rule->kind == RULE_OWED)
            stall(&s);
        else if (phase == PHASE_DEADLINE)
            meet_deadline(&s);
        else
            decide(&s);
    }
}

void rules_resume(struct engine *e, struct profile *p, int64_t as_of_ms)
{
    int64_t now_ms = p->ref_ms > as_of_ms ? p->ref_ms : as_of_ms;

    for (size_t i = 0; i < e->model->n_rules; i++) {
        const struct rule *rule = &e->model->rules[i];
        struct moment at = {e, p, now_ms};

        if (rule->kind == RULE_OWED)
            schedule_owed(e->model, p, rule, &p->rules[i]);
        else
            schedule(rule, &p->rules[i], at);
    }
}

void rules_next(const struct engine *e, const struct profile *p, int64_t *ret_ms,
                enum phase *ret_phase)
{
    int64_t ms = INT64_MAX;
    uint8_t phase = PHASE_DECAY;

    for (size_t i = 0; i < e->model->n_rules; i++) {
        const struct rule_state *s = &p->rules[i];

        if (s->next_ms < ms || (s->next_ms == ms && s->next_phase < phase)) {
            ms = s->next_ms;
            phase = s->next_phase;
        }
    }
    *ret_ms = ms;
    *ret_phase = (enum phase)phase;
}
