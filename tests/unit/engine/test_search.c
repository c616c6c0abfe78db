/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions that time alone changes, over several metrics with different half-lives and windows:
 * random rules over random histories, held against the definitions evaluated second by second.
 */
#include "world.h"

#include <math.h>

#define N_METRICS 5
#define N_TERMS   3
#define N_EVENTS  6
#define NEAR      1e-9 /* relative: closer to the threshold than this either answer is right */

static const struct metric_spec metrics[N_METRICS] = {
    {.name = {"fast", 4},
     .aggregate = AGGREGATE_SUM,
     .value = {"weight", 6},
     .reach = REACH_HALF_LIFE,
     .reach_ms = 100 * SECONDS},
    {.name = {"slow", 4},
     .aggregate = AGGREGATE_SUM,
     .value = {"weight", 6},
     .reach = REACH_HALF_LIFE,
     .reach_ms = 400 * SECONDS},
    {.name = {"rate", 4},
     .aggregate = AGGREGATE_COUNT,
     .reach = REACH_HALF_LIFE,
     .reach_ms = 97531},
    {.name = {"near", 4},
     .aggregate = AGGREGATE_SUM,
     .value = {"weight", 6},
     .reach = REACH_WINDOW,
     .reach_ms = 61234},
    {.name = {"last", 4},
     .aggregate = AGGREGATE_MEAN,
     .value = {"weight", 6},
     .reach = REACH_WINDOW,
     .reach_ms = 300 * SECONDS},
};

struct past {
    int64_t at[N_EVENTS];
    double weight[N_EVENTS];
    size_t n;
};

/* The metric by its definition; false: it has no value. */
static bool metric_at(const struct past *past, size_t which, int64_t at, double *ret_value)
{
    const struct metric_spec *m = &metrics[which];
    double sum = 0;
    size_t n = 0;

    for (size_t i = past->n; i > 0; i--) {
        double w = m->aggregate == AGGREGATE_COUNT ? 1 : past->weight[i - 1];
        int64_t age = at - past->at[i - 1];

        if (m->reach == REACH_WINDOW && age >= m->reach_ms)
            continue;
        sum += m->reach == REACH_WINDOW ? w : w * exp2(-(double)age / (double)m->reach_ms);
        n++;
    }
    *ret_value = m->aggregate == AGGREGATE_MEAN ? sum / (double)n : sum;
    return m->aggregate != AGGREGATE_MEAN || n;
}

/* A sum of metrics with factors beside a threshold. */
struct comparison {
    double factor[N_TERMS];
    size_t metric[N_TERMS];
    double threshold;
    bool is_above;
};

struct formula {
    struct comparison parts[2];
    bool is_and;
};

enum answer { NO, YES, UNCLEAR };

static enum answer compare_at(const struct past *past, const struct comparison *c, int64_t at)
{
    double sum = 0, size = fabs(c->threshold);

    for (size_t i = 0; i < N_TERMS; i++) {
        double v;

        if (!metric_at(past, c->metric[i], at, &v))
            return NO;
        sum += c->factor[i] * v;
        size += fabs(c->factor[i] * v);
    }
    if (fabs(sum - c->threshold) <= NEAR * size)
        return UNCLEAR;
    return c->is_above == (sum > c->threshold) ? YES : NO;
}

static enum answer holds_at(const struct past *past, const struct formula *f, int64_t at)
{
    enum answer a = compare_at(past, &f->parts[0], at), b = compare_at(past, &f->parts[1], at);
    enum answer decides = f->is_and ? NO : YES;

    if (a == decides || b == decides)
        return decides;
    return a == UNCLEAR || b == UNCLEAR ? UNCLEAR : a;
}

static double round_to(double v, double step)
{
    return rint(v / step) * step;
}

static void random_formula(struct formula *f, uint64_t *seed)
{
    f->is_and = world_below(seed, 2);
    for (size_t k = 0; k < 2; k++) {
        struct comparison *c = &f->parts[k];

        for (size_t i = 0; i < N_TERMS; i++) {
            c->metric[i] = world_below(seed, N_METRICS);
            c->factor[i] = world_below(seed, 3) ? round_to(world_unit(seed) * 8 - 4, 0.25) : 0;
        }
        c->threshold = round_to(world_unit(seed) * 6 - 3, 0.125);
        c->is_above = world_below(seed, 2);
    }
}

static void write_formula(const struct formula *f, struct buf *b)
{
    for (size_t k = 0; k < 2; k++) {
        const struct comparison *c = &f->parts[k];

        buf_addf(b, "%s(", k ? f->is_and ? " && " : " || " : "");
        for (size_t i = 0; i < N_TERMS; i++)
            buf_addf(b, "%s%.4f * %.*s", i ? " + " : "", c->factor[i],
                     STR_ARG(metrics[c->metric[i]].name));
        buf_addf(b, " %s %.4f)", c->is_above ? ">" : "<", c->threshold);
    }
}

/* ---- the engine's answer ---- */

struct flips {
    int64_t at[512];
    size_t n;
};

static void on_trigger(void *ctx, const struct trigger *t)
{
    struct flips *flips = ctx;

    assert_true(flips->n < ARRAY_SIZE(flips->at));
    assert_int_equal(t->edge, flips->n % 2 ? EDGE_CLEARED : EDGE_FIRED);
    flips->at[flips->n++] = t->time_ms - T0;
}

static bool is_in(const struct flips *flips, int64_t at)
{
    size_t n = 0;

    while (n < flips->n && flips->at[n] <= at)
        n++;
    return n % 2;
}

/* A flip is at the first millisecond: it said otherwise just before. */
static void check_flips(const struct flips *flips, const struct past *past,
                        const struct formula *formula)
{
    for (size_t i = 0; i < flips->n; i++) {
        enum answer want = i % 2 ? NO : YES;
        struct past before = *past, now = *past;
        int64_t at = flips->at[i];

        while (before.n && before.at[before.n - 1] > at - 1)
            before.n--;
        while (now.n && now.at[now.n - 1] > at)
            now.n--;
        assert_true(holds_at(&now, formula, at) != (want == YES ? NO : YES));
        if (before.n && before.n == now.n)
            assert_true(holds_at(&before, formula, at - 1) != want);
    }
}

static size_t run_one(uint64_t *seed)
{
    struct model_spec spec = world_spec();
    struct rule_spec rule = {.name = STR("random"), .severity = STR("info")};
    struct flips flips = {.n = 0};
    const struct engine_opts opts = {.is_complete = true, .on_trigger = on_trigger, .ctx = &flips};
    struct buf text = BUF_INIT;
    struct past past = {.n = 0};
    struct formula formula;
    struct model *model;
    struct engine *e;
    int64_t at = 0;

    random_formula(&formula, seed);
    write_formula(&formula, &text);
    rule.enter = buf_str(&text);
    spec.metrics = metrics;
    spec.n_metrics = N_METRICS;
    spec.rules = &rule;
    spec.n_rules = 1;
    model = world_model(&spec);
    e = engine_new(model, &opts);
    for (size_t i = 0; i < N_EVENTS; i++) {
        const char *const ids[N_EVENTS] = {"a", "b", "c", "d", "e", "f"};
        struct event event = {.id = str_of(ids[i]), .source = STR("test"), .subject = STR("ann")};

        past.at[i] = at;
        past.weight[i] = round_to(world_unit(seed) * 4 - 1, 0.25);
        event.time_ms = T0 + at;
        event.offset = (int64_t)i;
        event.has_weight = true;
        event.weight = past.weight[i];
        assert_int_equal(engine_apply(e, &event), 0);
        past.n++;
        at += (int64_t)world_below(seed, 200 * SECONDS) + 1;
    }
    engine_tick(e, T0 + at + 3600 * SECONDS, N_EVENTS);
    for (int64_t t = 0; t < at + 3600 * SECONDS; t += SECONDS) {
        struct past known = past;
        enum answer want;

        while (known.n && known.at[known.n - 1] > t)
            known.n--;
        want = holds_at(&known, &formula, t);
        if (want != UNCLEAR && is_in(&flips, t) != (want == YES)) {
            print_error("%s at %lld ms\n", text.ptr, (long long)t);
            fail();
        }
    }
    check_flips(&flips, &past, &formula);
    engine_free(e);
    model_free(model);
    buf_deinit(&text);
    return flips.n;
}

static void test_random_conditions(void **state)
{
    uint64_t seed = 2026;
    size_t n_flips = 0, n_twice = 0;

    (void)state;
    for (int i = 0; i < 200; i++) {
        size_t n = run_one(&seed);

        n_flips += n;
        n_twice += n >= 3;
    }
    assert_true(n_flips > 200 && n_twice > 20); /* not all of them were dull */
}

/* Rises by itself, and falls again: up while the fast one goes, down when the slow one does. */
static void test_crosses_twice(void **state)
{
    const struct rule_spec rule = {
        .name = STR("bulge"), .enter = STR("slow - fast > 0.4"), .severity = STR("info")};
    struct past past = {.at = {0}, .weight = {1}, .n = 1};
    struct model_spec spec = world_spec();
    int64_t flips[2], n = 0, t;
    bool was = false;
    char want[100];
    struct world w;

    (void)state;
    spec.metrics = metrics;
    spec.n_metrics = N_METRICS;
    spec.rules = &rule;
    spec.n_rules = 1;
    for (t = 0; t < 3600 * SECONDS; t++) {
        double fast, slow;
        bool is;

        (void)metric_at(&past, 0, t, &fast);
        (void)metric_at(&past, 1, t, &slow);
        is = slow - fast > 0.4;
        if (is != was)
            flips[n++] = t;
        was = is;
    }
    assert_int_equal(n, 2);
    world_open(&w, &spec);
    world_say(&w, 0, IN, "ann", "e1", 1);
    world_tick(&w, DAYS);
    snprintf(want, sizeof(want), "fired bulge ann %lld e1\ncleared bulge ann %lld e1\n",
             (long long)flips[0], (long long)flips[1]);
    world_expect(&w, want);
    world_close(&w);
}

/* A sum that stands exactly at the threshold costs no more than another. */
static void test_at_the_threshold(void **state)
{
    const struct rule_spec rule = {
        .name = STR("low"), .enter = STR("near < 2.0"), .severity = STR("info")};
    struct model_spec spec = world_spec();
    struct world w;

    (void)state;
    spec.metrics = metrics;
    spec.n_metrics = N_METRICS;
    spec.rules = &rule;
    spec.n_rules = 1;
    world_open(&w, &spec);
    world_say(&w, 0, IN, "ann", "e1", 2);
    world_tick(&w, HOURS);
    world_expect(&w, "fired low ann 61234 e1\n");
    assert_int_equal(world_stats(&w).n_wakeups, 1);
    world_close(&w);
}

/* The quotient of sum and threshold is beyond a double; the sum itself ends before it gets there.
 */
static void test_at_the_ends_of_doubles(void **state)
{
    const struct rule_spec rule = {
        .name = STR("high"), .enter = STR("slow > 1e-250"), .severity = STR("info")};
    struct model_spec spec = world_spec();
    struct world w;

    (void)state;
    spec.metrics = metrics;
    spec.n_metrics = N_METRICS;
    spec.rules = &rule;
    spec.n_rules = 1;
    world_open(&w, &spec);
    world_say(&w, 0, IN, "ann", "e1", 1e99);
    world_tick(&w, 6 * DAYS);
    assert_int_equal(world_stats(&w).n_fired, 1);
    assert_int_equal(world_stats(&w).n_cleared, 1);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_conditions),
        cmocka_unit_test(test_crosses_twice),
        cmocka_unit_test(test_at_the_threshold),
        cmocka_unit_test(test_at_the_ends_of_doubles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
