/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Derived values while time passes: every value within a span lies in what is said of the span, and
 * conditions on them flip at the first millisecond at which they hold.
 */
#include "history.h"

#include "engine/engine_impl.h"

#include <math.h>

#define N_STATES 1500
#define N_SPANS  20
#define N_LOOKS  12

static const struct derived_spec derived = {.keep = (1u << N_DERIVED_GROUPS) - 1,
                                            .half_life_ms = 5 * DAYS,
                                            .pressure_window_ms = 2 * DAYS,
                                            .cadence_floor_ms = HOURS,
                                            .cadence_prior_ms = 3 * DAYS,
                                            .cadence_weight = 2,
                                            .dimensions = history_dimensions,
                                            .n_dimensions = 2};
static const struct rule_spec owed = {.name = STR("owed"),
                                      .kind = RULE_OWED,
                                      .owed_by = SIDE_ORGANISATION,
                                      .owed_after_ms = 5 * HOURS,
                                      .severity = STR("info")};

static void play(struct world *w, const struct history *h)
{
    for (size_t i = 0; i < h->n; i++)
        assert_int_equal(world_apply(w, &h->events[i]), 0);
}

static double number_of(const struct cel_value *v)
{
    return v->type == CEL_DOUBLE ? v->d : (double)v->i;
}

/* ---------------------------------------------------------------- ranges */

static void check_within(const struct cel_range *range, bool has, const struct cel_value *v,
                         const char *name)
{
    double d = number_of(v);

    if (!has) {
        if (!range->is_absent && !range->may_be_absent)
            fail_msg("%s has no value in a range where it must", name);
        return;
    }
    if (range->is_absent)
        fail_msg("%s has a value in a range where it cannot", name);
    if (range->is_exact ? d != number_of(&range->exact) : !(d >= range->lo && d <= range->hi))
        fail_msg("%s is %.17g, outside of %.17g .. %.17g", name, d,
                 range->is_exact ? number_of(&range->exact) : range->lo,
                 range->is_exact ? number_of(&range->exact) : range->hi);
}

/* Short and long, near and in the next century. */
static int64_t random_length(uint64_t *seed)
{
    double doublings = world_unit(seed) * 45;

    return (int64_t)exp2(doublings);
}

static void check_span(struct moment at, size_t var, uint64_t *seed, size_t *n_moving)
{
    const struct model *m = at.engine->model;
    unsigned v = (unsigned)(model_derived_base(m) + var);
    struct span span = {at, 0};
    struct cel_range range = {0};
    int64_t length_ms = random_length(seed);

    span.moment.now_ms += random_length(seed);
    span.until_ms = span.moment.now_ms + length_ms;
    score_range(&span, v, &range);
    *n_moving += !range.is_exact && !range.is_absent && range.lo < range.hi;
    for (int i = 0; i < N_LOOKS; i++) {
        struct moment look = span.moment;
        struct cel_value value;
        bool has;

        if (i == 1)
            look.now_ms = span.until_ms;
        else if (i)
            look.now_ms += (int64_t)(world_unit(seed) * (double)length_ms);
        has = score_get(&look, v, &value);
        check_within(&range, has, &value, m->rule_vars[v].name);
    }
}

static void test_ranges(void **state)
{
    static struct history h;
    uint64_t seed = 7;
    size_t n_moving = 0;

    (void)state;
    for (int i = 0; i < N_STATES; i++) {
        struct model_spec spec = world_spec();
        struct world w;
        struct moment at;

        spec.derived = &derived;
        spec.rules = &owed;
        spec.n_rules = 1;
        history_make(&h, 4, &seed);
        world_open(&w, &spec);
        play(&w, &h);
        at =
            (struct moment){w.engine, engine_find(w.engine, STR("ann")), engine_clock_ms(w.engine)};
        for (size_t var = 0; var < derived_n_vars(&w.model->derived); var++) {
            for (int k = 0; k < N_SPANS; k++)
                check_span(at, var, &seed, &n_moving);
        }
        world_close(&w);
    }
    assert_true(n_moving > 100000); /* spans in which something happens */
}

/* ---------------------------------------------------------------- flips */

static const char *const timed[] = {"reply.ours.in_time",
                                    "pressure.recent",
                                    "cadence.gap",
                                    "cadence.spread",
                                    "cadence.silence",
                                    "cadence.ratio",
                                    "trust",
                                    "commitment.overdue",
                                    "commitment.due",
                                    "tie",
                                    "silent"};

struct flips {
    int64_t at[64];
    size_t n;
};

static void on_trigger(void *ctx, const struct trigger *t)
{
    struct flips *flips = ctx;

    if (!str_eq(t->rule, STR("random")))
        return;
    assert_true(flips->n < ARRAY_SIZE(flips->at));
    assert_int_equal(t->edge, flips->n % 2 ? EDGE_CLEARED : EDGE_FIRED);
    flips->at[flips->n++] = t->time_ms;
}

static bool holds_at(struct moment at, int64_t now_ms, const struct rule *rule)
{
    struct cel_value v;

    at.now_ms = now_ms;
    return cel_eval(rule->enter, score_get, &at, &v) == 0 && v.b;
}

/* A threshold that the value passes while time goes on. */
static void write_condition(struct moment at, unsigned var, struct buf *text, uint64_t *seed)
{
    const struct cel_var *name = &at.engine->model->rule_vars[var];
    struct cel_value v;
    double d;

    at.now_ms += random_length(seed) / 4096;
    if (!score_get(&at, var, &v))
        v = (struct cel_value){.type = name->type};
    d = number_of(&v);
    buf_addf(text, "%s %s ", name->name,
             ((const char *const[]){"<", "<=", ">", ">=", "==", "!="})[world_below(seed, 6)]);
    if (name->type == CEL_DOUBLE)
        buf_addf(text, "%.17e", d);
    else if (name->type == CEL_INT)
        buf_addf(text, "%lld", (long long)d);
    else
        buf_addf(text, "duration(\"%lldms\")", (long long)d);
    if (world_below(seed, 3) == 0)
        buf_addf(text, " && tie < %.3f", world_unit(seed));
}

static unsigned find_var(const struct model *m, const char *name)
{
    for (size_t v = model_derived_base(m); v < model_n_vars(m); v++) {
        if (strcmp(m->rule_vars[v].name, name) == 0)
            return (unsigned)v;
    }
    fail_msg("no %s", name);
    return 0;
}

/* After the last event, when only time passes: each flip is the first instant at which it holds. */
static void check_flips(struct moment at, const struct rule *rule, const struct flips *flips,
                        int64_t until_ms, uint64_t *seed)
{
    bool is_in = holds_at(at, at.now_ms, rule);
    int64_t from_ms = at.now_ms;

    for (size_t i = 0; i <= flips->n; i++) {
        int64_t to_ms = i < flips->n ? flips->at[i] : until_ms + 1;

        if (to_ms <= from_ms)
            continue;
        for (int k = 0; k < N_LOOKS; k++) {
            int64_t ms =
                k ? from_ms + (int64_t)(world_unit(seed) * (double)(to_ms - from_ms)) : to_ms - 1;

            if (holds_at(at, ms, rule) != is_in)
                fail_msg("%s: otherwise at %lld", rule->enter_text, (long long)ms);
        }
        is_in = !is_in;
        if (i < flips->n && holds_at(at, to_ms, rule) != is_in)
            fail_msg("%s: flips at %lld, and should not", rule->enter_text, (long long)to_ms);
        from_ms = to_ms;
    }
}

static size_t run_flips(const struct history *h, const char *name, uint64_t *seed)
{
    struct model_spec spec = world_spec();
    struct rule_spec rules[] = {owed, {.name = STR("random"), .severity = STR("info")}};
    struct flips flips = {.n = 0};
    struct engine_opts opts = {.is_complete = true, .on_trigger = on_trigger, .ctx = &flips};
    struct buf text = BUF_INIT;
    struct world w;
    struct moment at;
    int64_t until_ms;

    spec.derived = &derived;
    spec.rules = rules;
    spec.n_rules = 1;
    world_open(&w, &spec);
    play(&w, h);
    at = (struct moment){w.engine, engine_find(w.engine, STR("ann")), engine_clock_ms(w.engine)};
    write_condition(at, find_var(w.model, name), &text, seed);
    world_close(&w);

    rules[1].enter = buf_str(&text);
    spec.n_rules = 2;
    w.model = world_model(&spec);
    w.engine = engine_new(w.model, &opts);
    play(&w, h);
    at = (struct moment){w.engine, engine_find(w.engine, STR("ann")), engine_clock_ms(w.engine)};
    until_ms = at.now_ms + random_length(seed) + DAYS;
    engine_finish(w.engine, until_ms);
    check_flips(at, &w.model->rules[1], &flips, until_ms, seed);
    assert_in_range(world_stats(&w).n_wakeups, 0, 200);
    buf_deinit(&text);
    world_close(&w);
    return flips.n;
}

static void test_flips(void **state)
{
    static struct history h;
    uint64_t seed = 11;
    size_t n_flips = 0;

    (void)state;
    for (int i = 0; i < N_STATES; i++) {
        history_make(&h, 0, &seed);
        n_flips += run_flips(&h, timed[world_below(&seed, ARRAY_SIZE(timed))], &seed);
    }
    assert_true(n_flips > N_STATES / 2); /* not all of them were dull */
}

/* A value that fades towards exactly the threshold passes it once, and costs no more than another.
 */
static void test_at_the_limit(void **state)
{
    const struct rule_spec rules[] = {
        {.name = STR("broken"), .enter = STR("trust < 0.5"), .severity = STR("info")},
        {.name = STR("regular"), .enter = STR("cadence.spread < 1.0"), .severity = STR("info")},
        {.name = STR("fast"),
         .enter = STR("cadence.gap < duration('3d')"),
         .severity = STR("info")}};
    struct model_spec spec = world_spec();
    struct event e;
    struct world w;

    (void)state;
    spec.derived = &derived;
    spec.rules = rules;
    spec.n_rules = ARRAY_SIZE(rules);
    world_open(&w, &spec);
    for (int i = 0; i < 4; i++) {
        char id[8];

        snprintf(id, sizeof(id), "i%d", i);
        world_say(&w, 2 * i * DAYS, IN, "ann", id, 1);
    }
    e = world_event(&w, 7 * DAYS, IN, "ann", "b");
    e.type = EVENT_COMMITMENT;
    e.commitment.id = STR("p");
    e.commitment.status = COMMITMENT_BROKEN;
    e.commitment.due_ms = INT64_MAX;
    assert_int_equal(world_apply(&w, &e), 0);
    world_tick(&w, 40000 * DAYS);
    assert_int_equal(world_stats(&w).n_fired, 3);
    assert_int_equal(world_stats(&w).n_cleared, 3);
    assert_in_range(world_stats(&w).n_wakeups, 3, 12);
    world_close(&w);
}

/* The gap grows towards the prior while they are silent, in less than a millisecond per
 * millisecond: the ratio of the two passes a threshold once, and does not go to and fro there. */
static void test_ratio_passes_once(void **state)
{
    uint64_t seed = 5, n_fired = 0;

    (void)state;
    for (int i = 0; i < 300; i++) {
        char text[64];
        struct rule_spec rule = {.name = STR("r"), .severity = STR("info")};
        struct derived_spec slow = derived;
        struct model_spec spec = world_spec();
        int64_t at = 0;
        struct world w;

        snprintf(text, sizeof(text), "cadence.ratio > %.9f", 1 + world_unit(&seed) * 3);
        rule.enter = str_of(text);
        slow.cadence_prior_ms = 100 * DAYS;
        slow.half_life_ms = (int64_t)(30 + world_below(&seed, 400)) * DAYS;
        spec.derived = &slow;
        spec.rules = &rule;
        spec.n_rules = 1;
        world_open(&w, &spec);
        for (int k = 0; k < 12; k++) {
            char id[8];

            snprintf(id, sizeof(id), "i%d", k);
            world_say(&w, at, IN, "ann", id, 1);
            at += 2 * HOURS;
        }
        world_tick(&w, at + 20 * DAYS);
        assert_in_range(world_stats(&w).n_fired, 0, 1);
        assert_int_equal(world_stats(&w).n_cleared, 0);
        n_fired += world_stats(&w).n_fired;
        world_close(&w);
    }
    assert_true(n_fired > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_flips),
        cmocka_unit_test(test_at_the_limit),
        cmocka_unit_test(test_ratio_passes_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
