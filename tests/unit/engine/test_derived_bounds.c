/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept for derived values: no more than the model asks for, never without a bound, and by
 * definition when the model changes. */
#include "world.h"

#include "engine/engine_impl.h"

#include <math.h>

#define N_MANY 2000

static const struct derived_spec all = {.keep = (1u << N_DERIVED_GROUPS) - 1,
                                        .half_life_ms = 30 * DAYS,
                                        .pressure_window_ms = 7 * DAYS,
                                        .cadence_floor_ms = MINUTES,
                                        .cadence_prior_ms = DAYS,
                                        .cadence_weight = 2};

static const struct profile *ann(const struct world *w)
{
    return engine_find(w->engine, STR("ann"));
}

static double value_of(const struct world *w, size_t var)
{
    struct moment at = {w->engine, ann(w), engine_clock_ms(w->engine)};
    struct cel_value v;

    if (!score_get(&at, (unsigned)(model_derived_base(w->model) + var), &v))
        return NAN;
    return v.type == CEL_DOUBLE ? v.d : (double)v.i;
}

static void open_world(struct world *w, const struct derived_spec *derived)
{
    struct model_spec spec = world_spec();

    spec.derived = derived;
    world_open(w, &spec);
}

/* A little of everything, in conversation `c`. */
static void say(struct world *w, int64_t at, enum direction direction, const char *id,
                const char *c)
{
    struct event e = world_event(w, at, direction, "ann", id);

    e.verb = direction == IN ? STR("question") : STR("reply");
    e.conversation = str_of(c);
    e.has_value = e.has_sentiment = true;
    e.value = 1e100;
    e.sentiment = 1;
    assert_int_equal(world_apply(w, &e), 0);
}

static void commit(struct world *w, int64_t at, const char *id, enum commitment_status status)
{
    struct event e = world_event(w, at, IN, "ann", id);
    struct buf unique = BUF_INIT;

    buf_addf(&unique, "%s.%d", id, (int)status);
    e.id = buf_str(&unique);
    e.type = EVENT_COMMITMENT;
    e.commitment.id = str_of(id);
    e.commitment.status = status;
    e.commitment.due_ms = T0 + at;
    assert_int_equal(world_apply(w, &e), 0);
    buf_deinit(&unique);
}

static void test_nothing_is_kept_unasked(void **state)
{
    struct derived_spec none = all, one = all;
    struct world w;

    (void)state;
    none.keep = 0;
    open_world(&w, &none);
    say(&w, 0, IN, "q", "c");
    say(&w, 1, OUT, "a", "c");
    commit(&w, 2, "p", COMMITMENT_MADE);
    assert_null(ann(&w)->relation);
    assert_int_equal(profile_n_refs(w.model), w.model->n_selectors + 3);
    world_close(&w);

    one.keep = 1u << DERIVED_TIE;
    open_world(&w, &one);
    say(&w, 0, IN, "q", "c");
    say(&w, 1, OUT, "a", "c");
    commit(&w, 2, "p", COMMITMENT_MADE);
    assert_non_null(relation_part(ann(&w)->relation, RELATION_TIE));
    assert_null(relation_part(ann(&w)->relation, RELATION_BALANCE));
    assert_null(relation_pressure(ann(&w)->relation));
    assert_null(relation_cadence(ann(&w)->relation));
    assert_null(relation_promises(ann(&w)->relation));
    assert_null(relation_part(ann(&w)->relation, RELATION_TURNS));
    assert_null(relation_replies(ann(&w)->relation, SIDE_ORGANISATION));
    assert_null(relation_part(ann(&w)->relation, RELATION_LAST));
    world_close(&w);
}

/* Thousands of conversations, promises and messages, and values as large as they come. */
static void test_bounds(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, &all);
    for (int i = 0; i < N_MANY; i++) {
        char id[16], c[16];

        snprintf(c, sizeof(c), "c%d", i / 2);
        snprintf(id, sizeof(id), "i%d", i);
        say(&w, i * HOURS, i % 2 ? OUT : IN, id, c);
        snprintf(id, sizeof(id), "p%d", i);
        commit(&w, i * HOURS, id, COMMITMENT_MADE);
        if (i % 2)
            commit(&w, i * HOURS + 1, id, COMMITMENT_BROKEN);
    }
    commit(&w, N_MANY * HOURS, "last", COMMITMENT_MADE);
    assert_int_equal(relation_cadence(ann(&w)->relation)->n, CADENCE_TIMES_MAX);
    assert_int_equal(((struct turns *)relation_part(ann(&w)->relation, RELATION_TURNS))->n,
                     TURNS_MAX);
    assert_int_equal(relation_replies(ann(&w)->relation, SIDE_ORGANISATION)->n, REPLIES_MAX);
    assert_int_equal(relation_promises(ann(&w)->relation)->n,
                     PROMISES_OPEN_MAX + PROMISES_CLOSED_MAX);
    assert_int_equal(value_of(&w, DERIVED_VAR_COMMITMENT_OPEN), PROMISES_OPEN_MAX);
    assert_in_range(relation_bytes(ann(&w)->relation), 1000, 20000);
    assert_true(((struct balance *)relation_part(ann(&w)->relation, RELATION_BALANCE))->ours <=
                SERIES_SUM_MAX);
    assert_true(fabs(value_of(&w, DERIVED_VAR_BALANCE)) < 0.01);
    assert_true(profile_bytes(ann(&w), w.model) > relation_bytes(ann(&w)->relation));
    world_close(&w);
}

/* The latest 32: earlier answers count no more. */
static void test_latest_replies(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, &all);
    for (int i = 0; i < 40; i++) {
        char id[16];
        int64_t took = i < 8 ? 100 * HOURS : (40 - i) * MINUTES; /* 32 down to 1 minute */

        snprintf(id, sizeof(id), "q%d", i);
        say(&w, i * 10 * DAYS, IN, id, "c");
        snprintf(id, sizeof(id), "a%d", i);
        say(&w, i * 10 * DAYS + took, OUT, id, "c");
    }
    assert_int_equal(value_of(&w, DERIVED_VAR_OURS_MEDIAN), 16 * MINUTES);
    assert_int_equal(value_of(&w, DERIVED_VAR_OURS_P90), 29 * MINUTES);
    assert_true(value_of(&w, DERIVED_VAR_OURS_IN_TIME) == 1); /* no rule sets a deadline */
    world_close(&w);
}

/* At the earliest deadline of two an answer is in time, and silence is not yet late; a millisecond
 * on, both are. */
static void test_at_the_deadline(void **state)
{
    const struct rule_spec rules[] = {{.name = STR("later"),
                                       .kind = RULE_OWED,
                                       .owed_after_ms = 2 * HOURS,
                                       .severity = STR("info")},
                                      {.name = STR("sooner"),
                                       .kind = RULE_OWED,
                                       .owed_after_ms = HOURS,
                                       .severity = STR("info")}};
    struct model_spec spec = world_spec();
    struct world w;

    (void)state;
    spec.derived = &all;
    spec.rules = rules;
    spec.n_rules = 2;
    world_open(&w, &spec);
    say(&w, 0, IN, "q1", "c");
    say(&w, HOURS, OUT, "a1", "c");
    assert_true(value_of(&w, DERIVED_VAR_OURS_IN_TIME) == 1);
    say(&w, 2 * HOURS, IN, "q2", "c");
    world_tick(&w, 3 * HOURS);
    assert_true(value_of(&w, DERIVED_VAR_OURS_IN_TIME) == 1);
    world_tick(&w, 3 * HOURS + 1);
    assert_true(value_of(&w, DERIVED_VAR_OURS_IN_TIME) == 0.5); /* of two one is overdue */
    say(&w, 3 * HOURS + 1, OUT, "a2", "c");
    assert_true(value_of(&w, DERIVED_VAR_OURS_IN_TIME) == 0.5);
    assert_int_equal(value_of(&w, DERIVED_VAR_OURS_P90), HOURS + 1);
    world_close(&w);
}

/* What time alone brings names the interaction after which it was quiet. */
static void test_cause(void **state)
{
    const struct rule_spec rule = {
        .name = STR("quiet"), .enter = STR("silent >= duration('1d')"), .severity = STR("info")};
    struct model_spec spec = world_spec();
    struct world w;

    (void)state;
    spec.rules = &rule;
    spec.n_rules = 1;
    world_open(&w, &spec);
    world_say(&w, 0, IN, "ann", "i", 1);
    world_say(&w, HOURS, OUT, "ann", "o", 1);
    world_say(&w, 2 * HOURS, PEER, "ann", "p", 1);
    world_tick(&w, 3 * DAYS);
    world_expect(&w, "fired quiet ann 90000000 o\n");
    world_close(&w);
}

/* The conversation that was longest silent is forgotten, and counts anew. */
static void test_latest_conversations(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, &all);
    for (int i = 0; i < 5; i++) {
        char id[16];

        snprintf(id, sizeof(id), "long%d", i);
        say(&w, i, OUT, id, "long");
    }
    for (int i = 0; i < TURNS_MAX; i++) {
        char id[16];

        assert_int_equal(value_of(&w, DERIVED_VAR_TURNS), 5);
        snprintf(id, sizeof(id), "c%d", i);
        say(&w, 100 + i, OUT, id, id);
    }
    assert_int_equal(value_of(&w, DERIVED_VAR_TURNS), 1);
    say(&w, 1000, OUT, "again", "long");
    assert_int_equal(value_of(&w, DERIVED_VAR_TURNS), 1);
    world_close(&w);
}

/* Inbound ones that are later than the latest 16 change nothing of the rhythm. */
static void test_too_late_for_cadence(void **state)
{
    struct world w;
    double gap;

    (void)state;
    open_world(&w, &all);
    for (int i = 0; i < 20; i++) {
        char id[16];

        snprintf(id, sizeof(id), "i%d", i);
        world_say(&w, i * DAYS, IN, "ann", id, 1);
    }
    gap = value_of(&w, DERIVED_VAR_CADENCE_GAP);
    assert_int_equal(gap, DAYS);
    world_say(&w, 3 * DAYS + HOURS, IN, "ann", "late", 1);
    assert_true(value_of(&w, DERIVED_VAR_CADENCE_GAP) == gap);
    world_say(&w, 10 * DAYS + HOURS, IN, "ann", "less late", 1);
    assert_true(value_of(&w, DERIVED_VAR_CADENCE_GAP) < gap);
    world_close(&w);
}

/* What was sent before they last spoke is still counted within a span. */
static void test_sent_within(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, &all);
    world_say(&w, 0, OUT, "ann", "o1", 1);
    world_say(&w, 10 * DAYS, OUT, "ann", "o2", 1);
    world_say(&w, 11 * DAYS, IN, "ann", "i", 1);
    world_say(&w, 12 * DAYS, OUT, "ann", "o3", 1);
    assert_int_equal(value_of(&w, DERIVED_VAR_PRESSURE), 1);
    assert_int_equal(pressure_sent(relation_pressure(ann(&w)->relation), T0 + 10 * DAYS), 1);
    assert_int_equal(pressure_sent(relation_pressure(ann(&w)->relation), T0), 2);
    assert_int_equal(pressure_sent(relation_pressure(ann(&w)->relation), T0 - 1), 3);
    world_say(&w, 50 * DAYS, OUT, "ann", "o4", 1); /* over 31 days: only what is unanswered */
    assert_int_equal(pressure_sent(relation_pressure(ann(&w)->relation), INT64_MIN), 2);
    world_close(&w);
}

static void test_measures(void **state)
{
    static const struct str dimensions[] = {STR("delight")};
    struct derived_spec spec = all;
    struct event e;
    struct world w;

    (void)state;
    spec.dimensions = dimensions;
    spec.n_dimensions = 1;
    open_world(&w, &spec);
    e = world_event(&w, 0, IN, "ann", "m1");
    e.type = EVENT_MEASURE;
    e.measure.dimension = STR("joy");
    e.measure.share = 0.5;
    assert_int_equal(world_apply(&w, &e), 0);
    assert_int_equal(world_stats(&w).n_other_measures, 1);
    assert_null(ann(&w)->relation);
    e.id = STR("m2");
    e.measure.dimension = STR("delight");
    e.measure.share = NAN;
    assert_int_equal(world_apply(&w, &e), 0);
    assert_true(isnan(value_of(&w, N_DERIVED_VARS)));
    assert_int_equal(world_stats(&w).n_other_measures, 1);
    world_close(&w);
}

/* ---------------------------------------------------------------- another model */

static void reload(struct world *w, const struct derived_spec *derived)
{
    struct model *old = w->model;
    struct model_spec spec = world_spec();

    spec.derived = derived;
    w->model = world_model(&spec);
    engine_reconfigure(w->engine, w->model);
    model_free(old);
}

/* What another half-life would have made otherwise starts anew; the rest goes on. */
static void test_reload(void **state)
{
    static const struct str before[] = {STR("delight"), STR("loyalty")};
    static const struct str after[] = {STR("vigor"), STR("loyalty")};
    struct derived_spec spec = all;
    struct event e;
    struct world w;

    (void)state;
    spec.dimensions = before;
    spec.n_dimensions = 2;
    open_world(&w, &spec);
    say(&w, 0, IN, "q", "c");
    say(&w, 1, OUT, "a", "c");
    e = world_event(&w, 2, IN, "ann", "m");
    e.type = EVENT_MEASURE;
    e.measure.dimension = STR("loyalty");
    e.measure.share = 0.25;
    assert_int_equal(world_apply(&w, &e), 0);
    spec.dimensions = after; /* the same dimension, elsewhere */
    reload(&w, &spec);
    assert_true(value_of(&w, N_DERIVED_VARS + 2) == 0.25);
    assert_true(isnan(value_of(&w, N_DERIVED_VARS)));
    assert_false(isnan(value_of(&w, DERIVED_VAR_TIE)));

    spec.cadence_floor_ms = HOURS;
    reload(&w, &spec);
    assert_true(isnan(value_of(&w, DERIVED_VAR_CADENCE_SILENCE)));
    assert_false(isnan(value_of(&w, DERIVED_VAR_TIE)));

    spec.half_life_ms = DAYS;
    reload(&w, &spec);
    assert_true(isnan(value_of(&w, DERIVED_VAR_TIE)));
    assert_true(isnan(value_of(&w, DERIVED_VAR_BALANCE)));
    assert_true(isnan(value_of(&w, N_DERIVED_VARS + 2)));
    assert_int_equal(value_of(&w, DERIVED_VAR_OURS_MEDIAN), 1);
    assert_int_equal(value_of(&w, DERIVED_VAR_PRESSURE), 1);
    assert_int_equal(value_of(&w, DERIVED_VAR_TURNS), 2);

    spec.keep = 0; /* nobody asks any more: it is gone, and does not come back */
    reload(&w, &spec);
    assert_null(ann(&w)->relation);
    spec.keep = all.keep;
    reload(&w, &spec);
    assert_true(isnan(value_of(&w, DERIVED_VAR_OURS_MEDIAN)));
    world_close(&w);
}

/* ---------------------------------------------------------------- in Redis, and causes */

static const char *field_of(const struct checkpoint_entry *entry, const char *name)
{
    static char text[64];

    for (size_t i = 0; i < entry->n_fields; i++) {
        if (!str_eq(entry->fields[i].name, str_of(name)))
            continue;
        snprintf(text, sizeof(text), "%.*s", STR_ARG(entry->fields[i].text));
        return text;
    }
    return "";
}

static void test_fields(void **state)
{
    struct derived_spec spec = all;
    struct checkpoint_entry entry;
    struct world w;

    (void)state;
    spec.keep &= ~(1u << DERIVED_TIE);
    open_world(&w, &spec);
    world_say(&w, 0, IN, "ann", "i1", 1);
    world_say(&w, 1500, IN, "ann", "i2", 1);
    world_say(&w, 4000, OUT, "ann", "o", 1);
    assert_int_equal(engine_cut(w.engine, w.offset), 1);
    assert_true(engine_cut_next(w.engine, &entry));
    assert_string_equal(field_of(&entry, "cadence_last_gap"), "1.5");
    assert_string_equal(field_of(&entry, "cadence_silence"), "2.5");
    assert_string_equal(field_of(&entry, "silent"), "0");
    assert_string_equal(field_of(&entry, "pressure_recent"), "1");
    assert_string_equal(field_of(&entry, "trust"), "0.5");
    assert_string_equal(field_of(&entry, "tie"), "");     /* not kept */
    assert_string_equal(field_of(&entry, "balance"), ""); /* no value */
    assert_false(engine_cut_next(w.engine, &entry));
    engine_cut_done(w.engine);
    world_close(&w);
}

/* A stakeholder of whom we know nothing but a promise: the moment comes, after a restart too, and
 * names its cause. */
static void test_promise_alone(void **state)
{
    const struct rule_spec rules[] = {
        {.name = STR("late"), .enter = STR("commitment.overdue > 0"), .severity = STR("info")},
        {.name = STR("soon"),
         .enter = STR("commitment.due <= duration('1h')"),
         .severity = STR("info")}};
    struct model_spec spec = world_spec();
    struct checkpoint_entry entry;
    struct engine *next;
    struct event e;
    struct world w;

    (void)state;
    spec.rules = rules;
    spec.n_rules = 2;
    world_open(&w, &spec);
    e = world_event(&w, 0, IN, "ann", "made");
    e.type = EVENT_COMMITMENT;
    e.commitment.id = STR("p");
    e.commitment.due_ms = T0 + 3 * HOURS;
    assert_int_equal(world_apply(&w, &e), 0);
    next = world_engine(&w, true);
    engine_cut(w.engine, w.offset);
    assert_true(engine_cut_next(w.engine, &entry));
    assert_int_equal(entry.wake_ms, T0 + 2 * HOURS);
    assert_int_equal(engine_restore(next, entry.id, entry.packed), 0);
    assert_false(engine_cut_next(w.engine, &entry));
    engine_cut_done(w.engine);
    engine_free(w.engine);
    w.engine = next;
    world_tick(&w, 3 * HOURS);
    world_expect(&w, "fired soon ann 7200000 made\n"); /* due now is not overdue */
    world_tick(&w, 3 * HOURS + 1);
    world_expect(&w, "fired late ann 10800001 made\n");
    e = world_event(&w, 4 * HOURS, IN, "ann", "kept");
    e.type = EVENT_COMMITMENT;
    e.commitment.id = STR("p");
    e.commitment.status = COMMITMENT_KEPT;
    assert_int_equal(world_apply(&w, &e), 0);
    world_expect(&w, "cleared late ann 14400000 kept\ncleared soon ann 14400000 kept\n");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_kept_unasked),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_latest_replies),
        cmocka_unit_test(test_at_the_deadline),
        cmocka_unit_test(test_cause),
        cmocka_unit_test(test_latest_conversations),
        cmocka_unit_test(test_too_late_for_cadence),
        cmocka_unit_test(test_sent_within),
        cmocka_unit_test(test_measures),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_promise_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
