/* SPDX-License-Identifier: Apache-2.0 */
/* Another model takes over running state: nothing is dropped, nothing comes twice. */
#include "world.h"

static struct metric_spec metric(const char *name, const char *where, int64_t half_life_ms)
{
    return (struct metric_spec){.name = str_of(name),
                                .aggregate = AGGREGATE_SUM,
                                .value = STR("weight"),
                                .where = str_of(where),
                                .reach = half_life_ms ? REACH_HALF_LIFE : REACH_EVER,
                                .reach_ms = half_life_ms};
}

static struct rule_spec condition(const char *name, const char *enter)
{
    return (struct rule_spec){
        .name = str_of(name), .enter = str_of(enter), .severity = STR("info")};
}

static struct rule_spec owed(const char *name, int64_t after_ms)
{
    return (struct rule_spec){.name = str_of(name),
                              .kind = RULE_OWED,
                              .owed_after_ms = after_ms,
                              .severity = STR("warning")};
}

static void reload(struct world *w, const struct model_spec *spec)
{
    struct model *old = w->model;

    w->model = world_model(spec);
    engine_reconfigure(w->engine, w->model);
    model_free(old);
}

static void test_rules_change(void **state)
{
    struct metric_spec metrics[] = {metric("total", "", 0)};
    struct rule_spec rules[] = {condition("busy", "total >= 3.0"), owed("overdue", HOURS),
                                condition("very-busy", "total >= 2.0"), owed("sooner", MINUTES)};
    struct model_spec spec = world_spec();
    struct world w;

    (void)state;
    spec.metrics = metrics;
    spec.n_metrics = 1;
    spec.rules = rules;
    spec.n_rules = 2;
    world_open(&w, &spec);
    world_say(&w, 0, IN, "bob", "e1", 3);
    world_say(&w, 0, IN, "ann", "e2", 3);
    world_ask(&w, 1, "ann", "q1");
    world_tick(&w, 2 * HOURS);
    world_expect(&w, "fired busy bob 0 e1\nfired busy ann 0 e2\nfired overdue ann 3600001 q1\n");
    spec.n_rules = 4; /* two more: they begin now, and for all, in the order of ids */
    reload(&w, &spec);
    world_tick(&w, 2 * HOURS);
    world_expect(&w, "fired very-busy ann 7200000 q1\nfired very-busy bob 7200000 e1\n"
                     "fired sooner ann 60001 q1\n");
    reload(&w, &spec);
    world_tick(&w, 3 * HOURS);
    world_expect(&w, "");
    world_answer(&w, 3 * HOURS, "ann", "a1");
    world_expect(&w, "cleared overdue ann 10800000 a1\ncleared sooner ann 10800000 a1\n");
    spec.n_rules = 1; /* what goes is not cleared: nobody says that it ended */
    reload(&w, &spec);
    world_say(&w, 4 * HOURS, IN, "bob", "e3", -1);
    world_expect(&w, "cleared busy bob 14400000 e3\n");
    world_close(&w);
}

struct wanted {
    const char *name;
    double value;
};

static void pick(void *ctx, const struct stakeholder_view *view)
{
    struct wanted *want = ctx;

    for (size_t i = 0; i < view->n_metrics; i++) {
        if (str_eq(view->metrics[i].name, str_of(want->name)))
            want->value = view->metrics[i].value.d;
    }
}

static double value_of(struct world *w, const char *name)
{
    struct wanted want = {name, -1};

    engine_each(w->engine, pick, &want);
    return want.value;
}

static void test_metrics_change(void **state)
{
    struct metric_spec before[] = {metric("kept", "", 0), metric("moved", "", DAYS),
                                   metric("other", "direction == \"inbound\"", 0)};
    struct metric_spec after[] = {metric("moved", "", HOURS), metric("fresh", "resolves", 0),
                                  metric("other", "direction == 'inbound'", 0),
                                  metric("kept", "", 0)};
    struct model_spec spec = world_spec();
    struct world w;

    (void)state;
    spec.metrics = before;
    spec.n_metrics = 3;
    world_open(&w, &spec);
    world_say(&w, 0, IN, "ann", "e1", 2);
    world_say(&w, 0, OUT, "ann", "e2", 3);
    spec.metrics = after;
    spec.n_metrics = 4;
    reload(&w, &spec);
    assert_true(value_of(&w, "kept") == 5 && value_of(&w, "other") == 2);
    assert_true(value_of(&w, "moved") == 0 && value_of(&w, "fresh") == 0);
    world_say(&w, 0, IN, "ann", "e3", 1);
    assert_true(value_of(&w, "kept") == 6 && value_of(&w, "moved") == 1);
    assert_int_equal(world_stats(&w).n_duplicates, 0);
    world_close(&w);
}

static struct metric_spec kept(const char *name, enum aggregate aggregate, const char *value,
                               int64_t window_ms)
{
    return (struct metric_spec){.name = str_of(name),
                                .aggregate = aggregate,
                                .value = str_of(value),
                                .reach = window_ms ? REACH_WINDOW : REACH_EVER,
                                .reach_ms = window_ms};
}

/* What is no sum is kept by its definition too, and goes when that changes. */
static void test_kept_metrics_change(void **state)
{
    struct metric_spec before[] = {kept("high", AGGREGATE_MAX, "weight", DAYS),
                                   kept("now", AGGREGATE_LAST, "weight", 0), metric("sum", "", 0)};
    struct metric_spec after[] = {
        metric("sum", "", 0), kept("peak", AGGREGATE_MAX, "weight", HOURS),
        kept("low", AGGREGATE_MIN, "weight", DAYS), kept("now", AGGREGATE_LAST, "-weight", 0)};
    struct model_spec spec = world_spec();
    struct world w;

    (void)state;
    before[2].cap = after[0].cap = (struct cap_spec){DAYS, 0, 5};
    spec.metrics = before;
    spec.n_metrics = 3;
    world_open(&w, &spec);
    world_say(&w, 0, IN, "ann", "e1", 4);
    assert_true(value_of(&w, "high") == 4 && value_of(&w, "now") == 4);
    spec.metrics = after;
    spec.n_metrics = 4;
    reload(&w, &spec);
    assert_true(value_of(&w, "peak") == 4 && value_of(&w, "low") == 0 && value_of(&w, "now") == 0);
    world_say(&w, 0, IN, "ann", "e2", 3);
    assert_true(value_of(&w, "peak") == 4 && value_of(&w, "low") == 3);
    assert_true(value_of(&w, "now") == -3 && value_of(&w, "sum") == 5);
    after[0].cap.at_most = 6; /* another sum */
    reload(&w, &spec);
    assert_true(value_of(&w, "sum") == 0);
    world_say(&w, 0, IN, "ann", "e3", 9);
    assert_true(value_of(&w, "sum") == 6);
    world_close(&w);
}

/* A new model counts even while nobody is in memory. */
static void test_of_nobody(void **state)
{
    struct metric_spec metrics[] = {metric("total", "", 0)};
    struct rule_spec rule = condition("busy", "total >= 3.0");
    struct model_spec spec = world_spec();
    struct world w;

    (void)state;
    world_open(&w, &spec);
    spec.metrics = metrics;
    spec.n_metrics = 1;
    spec.rules = &rule;
    spec.n_rules = 1;
    reload(&w, &spec);
    world_say(&w, 0, IN, "ann", "e1", 3);
    world_expect(&w, "fired busy ann 0 e1\n");
    world_close(&w);
}

/* A cooldown taken away ends at once, not at the beginning of time. */
static void test_cooldown_taken_away(void **state)
{
    struct metric_spec metrics[] = {metric("total", "", 0)};
    struct rule_spec rule = condition("busy", "total >= 3.0");
    struct model_spec spec = world_spec();
    struct world w;

    (void)state;
    rule.cooldown_ms = DAYS;
    spec.metrics = metrics;
    spec.n_metrics = 1;
    spec.rules = &rule;
    spec.n_rules = 1;
    world_open(&w, &spec);
    world_say(&w, 0, IN, "ann", "e1", 3);
    world_say(&w, 1, IN, "ann", "e2", -1);
    world_say(&w, 2, IN, "ann", "e3", 1);
    world_expect(&w, "fired busy ann 0 e1\ncleared busy ann 1 e2\n");
    rule.cooldown_ms = 0;
    reload(&w, &spec);
    world_tick(&w, HOURS);
    world_expect(&w, "fired busy ann 2 e3\n");
    world_close(&w);
}

/* What waits for the clock goes on waiting. */
static void test_held_events(void **state)
{
    struct metric_spec metrics[] = {metric("total", "", 0)};
    struct rule_spec rule = condition("busy", "total >= 3.0");
    struct model_spec spec = world_spec();
    struct world w;

    (void)state;
    spec.lateness_ms = MINUTES;
    spec.metrics = metrics;
    spec.n_metrics = 1;
    world_open(&w, &spec);
    world_say(&w, 0, IN, "ann", "e1", 3);
    spec.rules = &rule;
    spec.n_rules = 1;
    reload(&w, &spec);
    assert_int_equal(world_stats(&w).n_held, 1);
    world_tick(&w, 2 * MINUTES);
    world_expect(&w, "fired busy ann 0 e1\n");
    assert_int_equal(world_stats(&w).n_held, 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_metrics_change), cmocka_unit_test(test_rules_change),
        cmocka_unit_test(test_metrics_change),      cmocka_unit_test(test_of_nobody),
        cmocka_unit_test(test_held_events),         cmocka_unit_test(test_cooldown_taken_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
