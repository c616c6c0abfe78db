/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a rule for one stakeholder.
 *
 * Condition:  OUT --enter--> (PENDING --held for `for`-->) (HELD --obstacle over-->) IN --exit-->
 * OUT. PENDING falls back when `enter` no longer holds or `exit` does, HELD when the condition has
 * ended: neither has fired, so neither is cleared. Absent, expect: OUT --time is up--> (HELD -->)
 * IN --it happens--> OUT. Owed: per open obligation a deadline; fired once, cleared by a late
 * answer; HELD says that some are held back. Stages: OUT <--> IN; what they mean together is in
 * stage.c.
 *
 * Rules are decided in the model's order: stages, then rules that inhibit others before those.
 */
#include "engine/deadline.h"
#include "engine/gate.h"
#include "engine/life.h"
#include "engine/obstacle.h"
#include "engine/outcome.h"
#include "engine/stage.h"

#include "base/parse.h"

/* What one step of a rule is about. */
struct step {
    struct engine *engine;
    struct profile *profile;
    const struct rule *rule;
    struct standing standing; /* a copy, kept at the end */
    int64_t now_ms;
    const struct event *event;
    bool is_anew; /* another configuration, or preference, rules from here on */
    bool is_due;  /* a bound has been reached: what comes next is to be exact */
    bool has_asked;
    enum condition asked; /* last, and what was said */
    struct verdict verdict;
};

static struct step step_of(struct engine *e, struct profile *p, uint16_t rule, int64_t now_ms,
                           const struct event *event)
{
    return (struct step){.engine = e,
                         .profile = p,
                         .rule = &e->model->rules[rule],
                         .standing = standings_get(&p->standings, rule),
                         .now_ms = now_ms,
                         .event = event};
}

static void keep(struct step *s)
{
    if (s->profile->waiting &&
        (s->standing.phase != RULE_HELD || s->standing.held_by != OBSTACLE_SOURCE))
        life_forgo(s->engine, s->profile, s->standing.rule, 0);
    standings_put(&s->profile->standings, &s->standing);
}

/* ---------------------------------------------------------------- when to look again */

static void look_at(struct standing *s, int64_t ms, enum phase phase)
{
    if (ms < s->next_ms || (ms == s->next_ms && phase < s->next_phase)) {
        s->next_ms = ms;
        s->next_phase = (uint8_t)phase;
    }
}

/* Another configuration may have made `for` or the cooldown so short that it is over already. */
static int64_t not_before(int64_t ms, int64_t now_ms)
{
    return ms > now_ms ? ms : now_ms;
}

/* Whether the condition is true now. */
static bool is_true(struct step *s, enum condition which)
{
    struct moment at = {s->engine, s->profile, s->now_ms};

    s->verdict =
        s->is_due ? verdict_again(s->rule, which, &at) : verdict_first(s->rule, which, &at);
    s->has_asked = true;
    s->asked = which;
    return s->verdict.first_ms == s->now_ms;
}

/* It is false now; should it be true all the same, when it becomes so again. */
static void look_for(struct step *s, enum condition which)
{
    struct moment at = {s->engine, s->profile, s->now_ms};

    if (!s->rule->is_timed)
        return;
    if (!(s->has_asked && s->asked == which))
        (void)is_true(s, which);
    if (s->verdict.first_ms == s->now_ms)
        s->verdict = (struct verdict){flip_first_true(s->rule, which, at), true};
    look_at(&s->standing, s->verdict.first_ms, PHASE_DECAY);
    s->standing.is_exact |= s->verdict.is_exact && s->rule->enter_logic;
}

static void schedule(struct step *s)
{
    int64_t stay_ms = s->standing.since_ms + s->rule->min_stay_ms;

    s->standing.next_ms = INT64_MAX;
    s->standing.next_phase = PHASE_DECAY;
    s->standing.is_exact = false;
    switch ((enum rule_phase)s->standing.phase) {
    case RULE_OUT:
        look_for(s, CONDITION_BEGIN);
        return;
    case RULE_PENDING:
        look_at(&s->standing, not_before(s->standing.since_ms + s->rule->for_ms, s->now_ms),
                PHASE_DEADLINE);
        look_for(s, CONDITION_NOT_BEGIN);
        return;
    case RULE_HELD:
        look_at(&s->standing, not_before(s->standing.until_ms, s->now_ms), PHASE_DEADLINE);
        look_for(s, CONDITION_END);
        return;
    case RULE_IN:
        if (s->rule->min_stay_ms && s->now_ms < stay_ms)
            look_at(&s->standing, stay_ms, PHASE_DECAY);
        else
            look_for(s, CONDITION_END);
        return;
    }
}

static int64_t due_ms(const struct step *s)
{
    return due_by_ms(s->engine, s->profile, s->rule);
}

static void schedule_due(struct step *s)
{
    s->standing.next_ms = INT64_MAX;
    s->standing.next_phase = PHASE_DEADLINE;
    if (s->standing.phase == RULE_OUT && due_ms(s) != INT64_MAX)
        look_at(&s->standing, not_before(due_ms(s), s->now_ms), PHASE_DEADLINE);
    if (s->standing.phase == RULE_HELD && s->standing.held_by != OBSTACLE_SOURCE)
        look_at(&s->standing, not_before(s->standing.until_ms, s->now_ms), PHASE_DEADLINE);
}

/* ---------------------------------------------------------------- edges */

static bool is_backfill(const struct step *s)
{
    return s->now_ms < s->engine->model->backfill_until_ms;
}

static void emit_edge(struct step *s, enum edge edge, int64_t since_ms)
{
    const struct emission emission = {.profile = s->profile,
                                      .rule = s->rule,
                                      .edge = edge,
                                      .time_ms = s->now_ms,
                                      .since_ms = since_ms,
                                      .event = s->event,
                                      .answered_ms = INT64_MAX};

    if (edge == EDGE_FIRED)
        follow_add(s->profile, s->engine->model, s->standing.rule,
                   emit_trigger(s->engine, &emission), s->now_ms, 0);
    else
        (void)emit_trigger(s->engine, &emission);
}

static void hold(struct step *s, const struct hindrance *h, int64_t since_ms)
{
    if (s->standing.phase != RULE_HELD)
        s->engine->stats.n_obstacles[h->by]++;
    if (h->by == OBSTACLE_FLOOD)
        emit_flood(s->engine, s->rule, s->now_ms);
    if (h->by == OBSTACLE_SOURCE)
        life_wait(s->engine, s->profile, s->standing.rule, 0, h->source, h->until_ms);
    s->standing.phase = RULE_HELD;
    s->standing.held_by = (uint8_t)h->by;
    s->standing.since_ms = since_ms;
    s->standing.until_ms = h->until_ms > INSTANT_MAX_MS ? INT64_MAX : h->until_ms;
}

static void fire(struct step *s, int64_t since_ms)
{
    s->standing.phase = RULE_IN;
    s->standing.held_by = OBSTACLE_NONE;
    s->standing.since_ms = s->now_ms;
    s->standing.is_muted = is_backfill(s);
    if (s->standing.is_muted) {
        s->engine->stats.n_muted++;
        return;
    }
    s->standing.last_fired_ms = s->now_ms;
    obstacle_passed(s->engine, s->rule, s->now_ms);
    emit_edge(s, EDGE_FIRED, since_ms);
}

/* Only `absent` and `expect` say that something has not come, on whatever channel. */
static struct hindrance hindrance_of(const struct step *s)
{
    bool is_due = s->rule->kind == RULE_ABSENT || s->rule->kind == RULE_EXPECT;
    const struct claim claim = {STR_NULL, is_due ? due_ms(s) : INT64_MAX};

    return obstacle_of(s->engine, s->profile, s->rule, &s->standing, s->now_ms,
                       is_due ? &claim : NULL);
}

/* What the rule says has begun, and held for as long as it must. */
static void fire_or_hold(struct step *s, int64_t since_ms)
{
    struct hindrance h = hindrance_of(s);

    if (h.by == OBSTACLE_NONE)
        fire(s, since_ms);
    else
        hold(s, &h, since_ms);
}

static void fall_back(struct step *s)
{
    bool has_fired = s->standing.phase == RULE_IN && !s->standing.is_muted;

    s->standing.phase = RULE_OUT;
    s->standing.held_by = OBSTACLE_NONE;
    s->standing.is_muted = false;
    if (!has_fired)
        return;
    follow_ended(s->profile, s->standing.rule, 0);
    emit_edge(s, EDGE_CLEARED, s->now_ms);
}

/* ---------------------------------------------------------------- conditions */

static void begin(struct step *s)
{
    if (!s->rule->for_ms) {
        fire_or_hold(s, s->now_ms);
        return;
    }
    s->standing.phase = RULE_PENDING;
    s->standing.since_ms = s->now_ms;
}

/* Moves the rule by what its conditions say now. */
static void decide(struct step *s)
{
    switch ((enum rule_phase)s->standing.phase) {
    case RULE_OUT:
        if (is_true(s, CONDITION_BEGIN))
            begin(s);
        break;
    case RULE_PENDING:
        if (is_true(s, CONDITION_NOT_BEGIN))
            fall_back(s);
        break;
    case RULE_HELD:
        if (is_true(s, CONDITION_END))
            fall_back(s);
        else if (s->is_anew && !s->event)
            fire_or_hold(s, s->standing.since_ms);
        else if (s->is_anew)
            s->standing.until_ms = s->now_ms;
        break;
    case RULE_IN:
        if (is_true(s, CONDITION_END))
            fall_back(s);
        break;
    }
    schedule(s);
}

/* `for` or what held it back is over, and the condition still holds (or we would not be here). */
static void meet_deadline(struct step *s)
{
    if (s->standing.phase == RULE_PENDING || s->standing.phase == RULE_HELD)
        fire_or_hold(s, s->standing.since_ms);
    schedule(s);
}

/* ---------------------------------------------------------------- absent, expect */

/* What was missing may have come. */
static void decide_due(struct step *s)
{
    if (s->standing.phase != RULE_OUT && due_ms(s) > s->now_ms)
        fall_back(s);
    if (s->standing.phase == RULE_HELD && s->is_anew)
        fall_back(s); /* and is asked again at once */
    schedule_due(s);
}

static void meet_due(struct step *s)
{
    if (s->standing.phase == RULE_HELD && due_ms(s) > s->now_ms)
        fall_back(s);
    if (s->standing.phase != RULE_IN && due_ms(s) <= s->now_ms)
        fire_or_hold(s, profile_due(s->profile)[s->rule->due].since_ms);
    schedule_due(s);
}

/* ---------------------------------------------------------------- stages */

static void decide_stage(struct step *s)
{
    bool may_end = s->now_ms >= s->standing.since_ms + s->rule->min_stay_ms;

    if (s->standing.phase == RULE_OUT && is_true(s, CONDITION_BEGIN)) {
        s->standing.phase = RULE_IN;
        s->standing.since_ms = s->now_ms;
    } else if (s->standing.phase == RULE_IN && may_end && is_true(s, CONDITION_END)) {
        s->standing.phase = RULE_OUT;
    }
    schedule(s);
}

/* ---------------------------------------------------------------- obligations */

/* The deadline, but not before it was known. INT64_MAX: never. */
static int64_t overdue_ms(const struct step *s, const struct obligation *o)
{
    int64_t due_ms = deadline_ms(s->engine->model, s->profile, s->rule, o);

    return due_ms == INT64_MAX ? due_ms : not_before(due_ms, deadline_known_ms(s->profile, o));
}

/* When the rule may fire on `o`. */
static int64_t stall_ms(const struct step *s, const struct obligation *o)
{
    int64_t free_ms = s->standing.phase == RULE_HELD
                          ? s->standing.until_ms
                          : obstacle_cooldown_end(s->rule, s->standing.last_fired_ms);

    return not_before(overdue_ms(s, o), free_ms);
}

static bool is_waiting(const struct rule *rule, const struct obligation *o)
{
    return !((o->fired | o->muted | o->unproven) >> rule->owed_bit & 1) &&
           ledger_depth(o) < rule->owed_until && deadline_applies(rule, o);
}

/* Of those that wait; none is due before it. NULL: none waits. */
static const struct obligation *oldest_waiting(const struct step *s)
{
    const struct ledger *l = &s->profile->ledger;
    const struct obligation *oldest = NULL;

    for (uint32_t i = 0; i < l->n_open; i++) {
        if (is_waiting(s->rule, l->open[i]) && (!oldest || l->open[i]->since_ms < oldest->since_ms))
            oldest = l->open[i];
    }
    return oldest;
}

static void schedule_owed(struct step *s)
{
    const struct obligation *oldest = oldest_waiting(s);

    if (s->standing.phase == RULE_HELD && !(oldest && overdue_ms(s, oldest) <= s->now_ms)) {
        s->standing.phase = RULE_OUT;
        s->standing.held_by = OBSTACLE_NONE;
    }
    s->standing.next_ms = oldest ? stall_ms(s, oldest) : INT64_MAX;
    s->standing.next_phase = PHASE_DEADLINE;
}

static void emit_owed(struct step *s, enum edge edge, const struct obligation *o,
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
    uint64_t opened = ledger_id_hash(o->id);

    if (edge == EDGE_CLEARED) {
        follow_ended(s->profile, s->standing.rule, opened);
        (void)emit_trigger(s->engine, &emission);
        return;
    }
    follow_add(s->profile, s->engine->model, s->standing.rule, emit_trigger(s->engine, &emission),
               s->now_ms, opened);
}

static void stall_one(struct step *s, struct obligation *o)
{
    uint64_t bit = 1ULL << s->rule->owed_bit;

    if (is_backfill(s)) {
        o->muted |= bit;
        s->engine->stats.n_muted++;
        return;
    }
    o->fired |= bit;
    s->standing.last_fired_ms = s->now_ms;
    obstacle_passed(s->engine, s->rule, s->now_ms);
    emit_owed(s, EDGE_FIRED, o, INT64_MAX);
}

static struct claim claim_of(const struct step *s, const struct obligation *o)
{
    return (struct claim){o->channel, overdue_ms(s, o)};
}

/* The others of the rule go on: it may be another channel that is down. */
static void leave_unproven(struct step *s, struct obligation *o, uint16_t source)
{
    s->engine->stats.n_obstacles[OBSTACLE_SOURCE]++;
    o->unproven |= 1ULL << s->rule->owed_bit;
    life_wait(s->engine, s->profile, s->standing.rule, ledger_id_hash(o->id), source,
              claim_of(s, o).due_ms);
}

/* It is decided anew, or over. */
static void forgo_unproven(struct step *s, struct obligation *o)
{
    uint64_t bit = 1ULL << s->rule->owed_bit;

    if (o->unproven & bit)
        life_forgo(s->engine, s->profile, s->standing.rule, ledger_id_hash(o->id));
    o->unproven &= ~bit;
}

static void stall(struct step *s)
{
    struct ledger *l = &s->profile->ledger;

    if (s->standing.phase == RULE_HELD && s->standing.until_ms <= s->now_ms)
        s->standing.phase = RULE_OUT;
    for (uint32_t i = 0; i < l->n_open && s->standing.phase != RULE_HELD; i++) {
        struct hindrance h;
        struct claim claim;

        if (!is_waiting(s->rule, l->open[i]) || stall_ms(s, l->open[i]) > s->now_ms)
            continue;
        claim = claim_of(s, l->open[i]);
        h = obstacle_of(s->engine, s->profile, s->rule, &s->standing, s->now_ms, &claim);
        if (h.by == OBSTACLE_NONE)
            stall_one(s, l->open[i]);
        else if (h.by == OBSTACLE_SOURCE)
            leave_unproven(s, l->open[i], h.source);
        else
            hold(s, &h, overdue_ms(s, l->open[i]));
    }
    if (s->standing.phase != RULE_HELD)
        s->standing.held_by = OBSTACLE_NONE;
    schedule_owed(s);
}

static void clear_owed(struct step *s, const struct happening *h)
{
    for (size_t i = 0; i < h->n_advances; i++) {
        const struct advance *a = &h->advances[i];

        if (a->from >= s->rule->owed_until || a->to < s->rule->owed_until)
            continue;
        forgo_unproven(s, a->obligation);
        if (a->obligation->fired >> s->rule->owed_bit & 1)
            emit_owed(s, EDGE_CLEARED, a->obligation, h->answered_ms);
    }
    for (uint32_t i = 0; s->is_anew && i < s->profile->ledger.n_open; i++)
        forgo_unproven(s, s->profile->ledger.open[i]);
    if (s->standing.phase == RULE_HELD && s->is_anew)
        s->standing.until_ms = s->now_ms;
    schedule_owed(s);
}

/* ---------------------------------------------------------------- after others have moved */

static void retry(struct step *s)
{
    if (hindrance_of(s).by == OBSTACLE_INHIBITED)
        return;
    if (s->rule->kind == RULE_OWED) {
        s->standing.phase = RULE_OUT;
        stall(s);
        return;
    }
    fire_or_hold(s, s->standing.since_ms);
    if (s->rule->kind == RULE_CONDITION)
        schedule(s);
    else
        schedule_due(s);
}

/* What an open trigger of another rule held back, and which is not open any more. A deadline that
 * is long past may have moved that rule: what it held back is of the present all the same. */
static void retry_inhibited(struct engine *e, struct profile *p, int64_t now_ms,
                            const struct event *event)
{
    verdict_begin(e);
    for (size_t i = 0; i < e->model->n_rules && p->standings.n; i++) {
        struct step s = step_of(e, p, e->model->order[i], not_before(now_ms, e->clock_ms), event);

        if (s.standing.phase != RULE_HELD || s.standing.held_by != OBSTACLE_INHIBITED)
            continue;
        retry(&s);
        keep(&s);
    }
}

static bool has_inhibited(const struct profile *p)
{
    for (uint16_t i = 0; i < p->standings.n; i++) {
        if (p->standings.items[i].held_by == OBSTACLE_INHIBITED)
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------- all rules of a stakeholder */

static void step_after_event(struct step *s, const struct happening *h)
{
    switch (s->rule->kind) {
    case RULE_OWED:
        clear_owed(s, h);
        return;
    case RULE_ABSENT:
    case RULE_EXPECT:
        decide_due(s);
        return;
    case RULE_STAGE:
        decide_stage(s);
        return;
    case RULE_CONDITION:
        decide(s);
        return;
    }
}

void rules_after_event(struct engine *e, const struct happening *h)
{
    const struct model *m = e->model;
    uint64_t changed = h->changed;
    bool is_anew = !h->event || h->event->type == EVENT_PREFERENCE;
    uint64_t has_standing[GATE_WORDS];
    const struct moment at = {e, h->profile, h->now_ms};

    verdict_begin(e);
    gate_note_standings(&h->profile->standings, m->n_rules, has_standing);
    for (size_t i = 0; i < m->n_rules; i++) {
        const struct rule_gate *gate = &m->gates[i];
        struct step s;

        if (i == m->n_stages && stage_settle(e, h->profile, h->now_ms, h->event)) {
            changed |= MODEL_CHANGE_STAGE;
            verdict_begin(e);
        }
        if (!(changed & gate->changes) ||
            (!is_anew && gate_keeps(gate, h->profile, &at, changed, has_standing)))
            continue;
        s = step_of(e, h->profile, gate->rule, h->now_ms, h->event);
        s.is_anew = is_anew;
        step_after_event(&s, h);
        keep(&s);
    }
    if (m->n_stages == m->n_rules)
        (void)stage_settle(e, h->profile, h->now_ms, h->event);
    if (has_inhibited(h->profile))
        retry_inhibited(e, h->profile, h->now_ms, h->event);
}

static void step_on_time(struct step *s, enum phase phase)
{
    switch (s->rule->kind) {
    case RULE_OWED:
        stall(s);
        return;
    case RULE_ABSENT:
    case RULE_EXPECT:
        meet_due(s);
        return;
    case RULE_STAGE:
        decide_stage(s);
        return;
    case RULE_CONDITION:
        if (phase == PHASE_DEADLINE)
            meet_deadline(s);
        else
            decide(s);
        return;
    }
}

void rules_on_time(struct engine *e, struct profile *p, int64_t now_ms, enum phase phase)
{
    const struct model *m = e->model;
    bool has_moved = false;

    verdict_begin(e);
    for (size_t i = 0; i < m->n_rules; i++) {
        struct step s = step_of(e, p, m->order[i], now_ms, NULL);

        s.is_due = s.standing.next_ms == now_ms && s.standing.next_phase == phase;
        if (i == m->n_stages) {
            has_moved = stage_settle(e, p, now_ms, NULL);
            verdict_begin(e);
        }
        if (s.is_due)
            step_on_time(&s, phase);
        else if (has_moved && s.rule->kind == RULE_CONDITION &&
                 s.rule->changes & MODEL_CHANGE_STAGE)
            decide(&s);
        else
            continue;
        keep(&s);
    }
    if (m->n_stages == m->n_rules)
        (void)stage_settle(e, p, now_ms, NULL);
    if (has_inhibited(p))
        retry_inhibited(e, p, now_ms, NULL);
    if (phase == PHASE_DEADLINE)
        outcome_escalate(e, p, now_ms);
}

void rules_retry(struct engine *e, struct profile *p, uint16_t rule, uint64_t opened,
                 int64_t due_ms)
{
    struct step s = step_of(e, p, rule, due_ms, NULL);
    struct obligation *o = s.rule->kind == RULE_OWED ? ledger_find(&p->ledger, opened) : NULL;

    if (o) {
        o->unproven &= ~(1ULL << s.rule->owed_bit);
        stall(&s);
    } else if (s.standing.held_by == OBSTACLE_SOURCE) {
        fire_or_hold(&s, s.standing.since_ms);
        schedule_due(&s);
    }
    keep(&s);
    if (has_inhibited(p))
        retry_inhibited(e, p, due_ms, NULL);
}

/* What was held for a source waits again; should it have come meanwhile, it is decided at once. */
static void wait_again(struct step *s)
{
    struct hindrance h;

    for (uint32_t i = 0; s->rule->kind == RULE_OWED && i < s->profile->ledger.n_open; i++) {
        struct obligation *o = s->profile->ledger.open[i];
        struct claim claim = claim_of(s, o);
        uint16_t source = life_missing(s->engine, claim.channel, claim.due_ms);

        if (!(o->unproven >> s->rule->owed_bit & 1))
            continue;
        if (source == MODEL_NONE)
            o->unproven &= ~(1ULL << s->rule->owed_bit);
        else
            life_wait(s->engine, s->profile, s->standing.rule, ledger_id_hash(o->id), source,
                      claim.due_ms);
    }
    if (s->standing.held_by != OBSTACLE_SOURCE)
        return;
    h = (struct hindrance){.by = OBSTACLE_SOURCE,
                           .until_ms = s->standing.until_ms,
                           .source = life_missing(s->engine, STR_NULL, s->standing.until_ms)};
    if (h.source == MODEL_NONE)
        fall_back(s); /* and is asked again at once */
    else
        hold(s, &h, s->standing.since_ms);
}

void rules_resume(struct engine *e, struct profile *p, int64_t as_of_ms)
{
    int64_t now_ms = p->ref_ms > as_of_ms ? p->ref_ms : as_of_ms;

    verdict_begin(e);
    for (size_t i = 0; i < e->model->n_rules; i++) {
        struct step s = step_of(e, p, (uint16_t)i, now_ms, NULL);

        wait_again(&s);
        if (s.rule->kind == RULE_OWED)
            schedule_owed(&s);
        else if (s.rule->kind == RULE_ABSENT || s.rule->kind == RULE_EXPECT)
            schedule_due(&s);
        else
            schedule(&s);
        keep(&s);
    }
}

void rules_next(const struct profile *p, int64_t *ret_ms, enum phase *ret_phase)
{
    int64_t ms = follow_next_ms(p);
    uint8_t phase = PHASE_DEADLINE;

    for (uint16_t i = 0; i < p->standings.n; i++) {
        const struct standing *s = &p->standings.items[i];

        if (s->next_ms < ms || (s->next_ms == ms && s->next_phase < phase)) {
            ms = s->next_ms;
            phase = s->next_phase;
        }
    }
    *ret_ms = ms;
    *ret_phase = (enum phase)phase;
}
