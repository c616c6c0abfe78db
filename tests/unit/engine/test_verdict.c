/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The quick way against the long one. A condition written as "(X) ? true : false" is not of the
 * form that the quick way takes: a rule of it must fire and clear when a rule of X does, and a
 * metric of it must count what a metric of X counts. And no bound lies behind an instant at which
 * the condition is true.
 */
#include "history.h"

#include "engine/verdict.h"

#include <math.h>

#define N_STATES 1200
#define N_LOOKS  24
#define EDGES    256

static const struct derived_spec derived = {.keep = (1u << N_DERIVED_GROUPS) - 1,
                                            .half_life_ms = 5 * DAYS,
                                            .pressure_window_ms = 2 * DAYS,
                                            .cadence_floor_ms = HOURS,
                                            .cadence_prior_ms = 3 * DAYS,
                                            .cadence_weight = 2,
                                            .dimensions = history_dimensions,
                                            .n_dimensions = 2};

#define METRIC(text) .name = {text, sizeof(text) - 1}
#define TEXT(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
#define INBOUND TEXT("direction == 'inbound'")

static const struct metric_spec metrics[] = {
    {METRIC("sum"), .aggregate = AGGREGATE_SUM, .value = TEXT("weight"), .where = INBOUND,
     .reach = REACH_HALF_LIFE, .reach_ms = 2 * DAYS},
    {METRIC("drift"), .aggregate = AGGREGATE_SUM, .value = TEXT("sentiment"),
     .reach = REACH_HALF_LIFE, .reach_ms = DAYS},
    {METRIC("rate"), .aggregate = AGGREGATE_COUNT, .reach = REACH_HALF_LIFE, .reach_ms = HOURS},
    {METRIC("warmth"), .aggregate = AGGREGATE_MEAN, .value = TEXT("sentiment"),
     .reach = REACH_HALF_LIFE, .reach_ms = 20 * SECONDS},
    {METRIC("n_window"), .aggregate = AGGREGATE_COUNT, .where = INBOUND, .reach = REACH_WINDOW,
     .reach_ms = 5 * DAYS},
    {METRIC("mean_window"), .aggregate = AGGREGATE_MEAN, .value = TEXT("value"),
     .reach = REACH_WINDOW, .reach_ms = 9 * DAYS},
    {METRIC("most"), .aggregate = AGGREGATE_MAX, .value = TEXT("value"), .reach = REACH_WINDOW,
     .reach_ms = 3 * DAYS},
    {METRIC("total"), .aggregate = AGGREGATE_COUNT},
};

static const char *const read[] = {"sum",
                                   "drift",
                                   "rate",
                                   "warmth",
                                   "n_window",
                                   "mean_window",
                                   "most",
                                   "total",
                                   "owed.by_us",
                                   "owed.oldest",
                                   "balance",
                                   "pressure.recent",
                                   "cadence.gap",
                                   "cadence.spread",
                                   "cadence.ratio",
                                   "trust",
                                   "cadence.silence",
                                   "commitment.overdue",
                                   "commitment.due",
                                   "tie",
                                   "measure.delight",
                                   "silent",
                                   "turns.unresolved",
                                   "cadence.last_gap"};

struct edges {
    int64_t at[EDGES];
    size_t n;
};

struct both {
    struct edges quick, slow;
};

static void on_trigger(void *ctx, const struct trigger *t)
{
    struct both *both = ctx;
    struct edges *edges = str_eq(t->rule, STR("quick")) ? &both->quick : &both->slow;

    assert_true(edges->n < EDGES);
    edges->at[edges->n++] = t->time_ms * 2 + (t->edge == EDGE_CLEARED);
}

static unsigned find_var(const struct model *m, const char *name)
{
    for (size_t v = 0; v < model_n_vars(m); v++) {
        if (strcmp(m->rule_vars[v].name, name) == 0)
            return (unsigned)v;
    }
    fail_msg("no %s", name);
    return 0;
}

/* With a threshold that the value has now, or will have. */
static void write_leaf(struct moment at, struct buf *text, uint64_t *seed)
{
    const char *name = read[world_below(seed, ARRAY_SIZE(read))];
    unsigned var = find_var(at.engine->model, name);
    const struct cel_var *v = &at.engine->model->rule_vars[var];
    struct cel_value value;

    if (world_below(seed, 12) == 0) {
        buf_addf(text, "has(%s)", name);
        return;
    }
    if (world_below(seed, 4))
        at.now_ms += (int64_t)exp2(world_unit(seed) * 33);
    if (!score_get(&at, var, &value))
        value = (struct cel_value){.type = v->type};
    buf_addf(text, "%s %s ", name,
             ((const char *const[]){"<", "<=", ">", ">=", "==", "!="})[world_below(seed, 6)]);
    if (v->type == CEL_DOUBLE)
        buf_addf(text, "%.17e", world_below(seed, 6) ? value.d : 0.0);
    else if (v->type == CEL_INT)
        buf_addf(text, "%lld", (long long)value.i);
    else
        buf_addf(text, "duration('%lldms')", (long long)value.i);
}

static void write_condition(struct moment at, struct buf *text, uint64_t *seed, unsigned depth)
{
    uint64_t way = world_below(seed, depth ? 6 : 2);

    if (way < 2 || (way == 2 && depth < 2)) {
        write_leaf(at, text, seed);
        return;
    }
    buf_addf(text, way == 2 ? "!(" : "(");
    write_condition(at, text, seed, depth - 1);
    for (uint64_t i = 0; way > 2 && i < 1 + world_below(seed, 2); i++) {
        buf_addf(text, way < 5 ? " && " : " || ");
        write_condition(at, text, seed, depth - 1);
    }
    buf_addf(text, ")");
}

static void play(struct world *w, const struct history *h)
{
    for (size_t i = 0; i < h->n; i++)
        assert_int_equal(world_apply(w, &h->events[i]), 0);
}

static struct moment moment_of(const struct world *w)
{
    const struct profile *p = engine_find(w->engine, STR("ann"));
    int64_t now_ms = engine_clock_ms(w->engine);

    return (struct moment){w->engine, p, p->ref_ms > now_ms ? p->ref_ms : now_ms};
}

static void check_bound(const struct rule *rule, enum condition which, struct moment at,
                        uint64_t *seed, size_t *n_bounds)
{
    struct moment look = at;
    struct verdict v;

    verdict_begin(at.engine);
    v = verdict_first(rule, which, &at);
    assert_int_equal(v.first_ms == at.now_ms, flip_is_true(rule, which, &look));
    if (v.first_ms == at.now_ms)
        return;
    *n_bounds += v.first_ms > at.now_ms + 1 && v.first_ms != INT64_MAX;
    for (int i = 0; i < N_LOOKS; i++) {
        int64_t most_ms = v.first_ms == INT64_MAX ? at.now_ms + 4000 * DAYS : v.first_ms - 1;
        double share = i ? exp2(-world_unit(seed) * 40) : 1;

        look.now_ms = i % 2 ? at.now_ms + (int64_t)(share * (double)(most_ms - at.now_ms))
                            : most_ms - (int64_t)((1 - share) * (double)(most_ms - at.now_ms));
        if (flip_is_true(rule, which, &look))
            fail_msg("%s: true at %lld, before %lld", rule->enter_text, (long long)look.now_ms,
                     (long long)v.first_ms);
    }
}

static void compare_edges(const struct both *both, const char *text)
{
    for (size_t i = 0; i < both->quick.n || i < both->slow.n; i++) {
        if (i == both->quick.n || i == both->slow.n || both->quick.at[i] != both->slow.at[i])
            fail_msg("%s: edge %zu is at %lld, and at %lld the long way", text, i,
                     (long long)(i < both->quick.n ? both->quick.at[i] / 2 : -1),
                     (long long)(i < both->slow.n ? both->slow.at[i] / 2 : -1));
    }
}

static void run_one(const struct history *h, uint64_t *seed, size_t *n_bounds, size_t *n_edges)
{
    struct model_spec spec = world_spec();
    struct rule_spec rules[] = {{.name = STR("quick"), .severity = STR("info")},
                                {.name = STR("slow"), .severity = STR("info")}};
    struct both both = {.quick.n = 0};
    struct engine_opts opts = {.is_complete = true, .on_trigger = on_trigger, .ctx = &both};
    struct buf text = BUF_INIT, slow = BUF_INIT;
    struct moment at;
    struct world w;

    spec.derived = &derived;
    spec.metrics = metrics;
    spec.n_metrics = ARRAY_SIZE(metrics);
    world_open(&w, &spec);
    play(&w, h);
    write_condition(moment_of(&w), &text, seed, 3);
    world_close(&w);

    buf_addf(&slow, "(%s) ? true : false", text.ptr);
    rules[0].enter = buf_str(&text);
    rules[1].enter = buf_str(&slow);
    spec.rules = rules;
    spec.n_rules = 2;
    w.model = world_model(&spec);
    assert_true(w.model->rules[0].enter_logic && !w.model->rules[1].enter_logic);
    w.engine = engine_new(w.model, &opts);
    play(&w, h);
    at = moment_of(&w);
    for (enum condition c = CONDITION_BEGIN; c <= CONDITION_END; c++)
        check_bound(&w.model->rules[0], c, at, seed, n_bounds);
    engine_finish(w.engine, at.now_ms + 40 * DAYS);
    compare_edges(&both, text.ptr);
    *n_edges += both.quick.n;
    buf_deinit(&text);
    buf_deinit(&slow);
    world_close(&w);
}

static void test_rules(void **state)
{
    static struct history h;
    size_t n_bounds = 0, n_edges = 0;
    uint64_t seed = 3;

    (void)state;
    for (int i = 0; i < N_STATES; i++) {
        history_make(&h, 0, &seed);
        run_one(&h, &seed, &n_bounds, &n_edges);
    }
    assert_true(n_bounds > N_STATES / 8 && n_edges > N_STATES); /* it was not all dull */
}

/* ---------------------------------------------------------------- events */

static void write_where(struct buf *text, uint64_t *seed, unsigned depth)
{
    static const char *const leaves[] = {"direction == 'inbound'",
                                         "verb == 'question'",
                                         "'view' != verb",
                                         "verb in ['reply', 'referral']",
                                         "automatic",
                                         "automatic == automatic",
                                         "sentiment > 0.1",
                                         "0.5 >= sentiment",
                                         "has(sentiment)",
                                         "value != 3.0",
                                         "org == 'o'",
                                         "has(org)"};
    uint64_t way = depth ? world_below(seed, 4) : 0;

    if (way == 0) {
        buf_addf(text, "%s", leaves[world_below(seed, ARRAY_SIZE(leaves))]);
        return;
    }
    buf_addf(text, way == 1 ? "!(" : "(");
    write_where(text, seed, depth - 1);
    if (way > 1) {
        buf_addf(text, way == 2 ? " && " : " || ");
        write_where(text, seed, depth - 1);
    }
    buf_addf(text, ")");
}

static double total_of(const struct world *w, unsigned metric)
{
    struct moment at = moment_of(w);
    struct cel_value v;

    assert_true(score_get(&at, metric, &v));
    return (double)v.i;
}

static void test_selectors(void **state)
{
    static struct history h;
    uint64_t seed = 5;
    size_t n_counted = 0, n_shaped = 0;

    (void)state;
    for (int i = 0; i < N_STATES; i++) {
        struct buf text = BUF_INIT, slow = BUF_INIT;
        struct metric_spec two[2] = {{METRIC("quick"), .aggregate = AGGREGATE_COUNT},
                                     {METRIC("slow"), .aggregate = AGGREGATE_COUNT}};
        struct model_spec spec = world_spec();
        struct world w;

        write_where(&text, &seed, 3);
        buf_addf(&slow, "(%s) ? true : false", text.ptr);
        two[0].where = buf_str(&text);
        two[1].where = buf_str(&slow);
        spec.metrics = two;
        spec.n_metrics = 2;
        history_make(&h, 0, &seed);
        world_open(&w, &spec);
        play(&w, &h);
        if (total_of(&w, 0) != total_of(&w, 1))
            fail_msg("%s: counts %g, not %g", text.ptr, total_of(&w, 0), total_of(&w, 1));
        n_counted += total_of(&w, 0) > 0;
        n_shaped += w.model->selectors[0].is_shaped;
        world_close(&w);
        buf_deinit(&text);
        buf_deinit(&slow);
    }
    assert_true(n_counted > N_STATES / 4 && n_shaped > N_STATES / 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rules),
                                       cmocka_unit_test(test_selectors)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
