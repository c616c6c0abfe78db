/* SPDX-License-Identifier: Apache-2.0 */
/* Derived values in a model: what is refused, which name is meant, what makes another version. */
#include "world.h"

struct found {
    struct model_fault last;
    char text[400];
    size_t n;
};

static void on_fault(void *ctx, const struct model_fault *fault)
{
    struct found *f = ctx;

    f->last = *fault;
    snprintf(f->text, sizeof(f->text), "%s", fault->text);
    f->n++;
}

static void expect_fault(const struct model_spec *spec, enum model_part part, size_t index,
                         const char *field, const char *text)
{
    struct found found = {.n = 0};
    struct model *model = NULL;

    assert_int_equal(model_new(spec, on_fault, &found, &model), MODEL_E_FAULTS);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.last.part, part);
    assert_int_equal(found.last.index, index);
    assert_string_equal(found.last.field, field);
    if (!strstr(found.text, text))
        assert_string_equal(found.text, text);
}

static void expect_derived_fault(const struct derived_spec *derived, size_t index,
                                 const char *field, const char *text)
{
    struct model_spec spec = world_spec();

    spec.derived = derived;
    expect_fault(&spec, MODEL_PART_DERIVED, index, field, text);
}

static void test_faults(void **state)
{
    static const struct str names[][2] = {{STR("a"), STR("a")},
                                          {STR("a"), STR("B")},
                                          {STR("a"), STR("")},
                                          {STR("a"), STR("1st")},
                                          {STR("a"), STR("the_last")}};
    const struct cadence_kind_spec kind = {STR("vip"), 999};
    struct derived_spec d;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        d = derived_defaults;
        d.dimensions = names[i];
        d.n_dimensions = 2;
        expect_derived_fault(&d, 1, "dimensions", i ? "lower-case letters" : "already");
    }
    d = derived_defaults;
    d.half_life_ms = HOURS - 1;
    expect_derived_fault(&d, 0, "half_life", "between 1h and 100000d");
    d = derived_defaults;
    d.cadence_floor_ms = 0;
    expect_derived_fault(&d, 0, "floor", "between 1s and 100000d");
    d = derived_defaults;
    d.cadence_weight = 0.5;
    expect_derived_fault(&d, 0, "weight", "between 1 and 1000");
    d = derived_defaults;
    d.kinds = &kind;
    d.n_kinds = 1;
    expect_derived_fault(&d, 0, "kinds", "between 1s and 100000d");
}

/* In the public state and in rules a metric must not look like one of them. */
static void test_taken_names(void **state)
{
    static const char *const names[] = {"silent",      "turns",           "commitment",
                                        "cadence_gap", "pressure_recent", "measure_delight_last"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const struct metric_spec metric = {.name = str_of(names[i]), .aggregate = AGGREGATE_COUNT};
        struct model_spec spec = world_spec();

        spec.metrics = &metric;
        spec.n_metrics = 1;
        expect_fault(&spec, MODEL_PART_METRIC, 0, "name", "means something already");
    }
}

static void test_unknown_names(void **state)
{
    static const struct {
        const char *enter, *text;
    } cases[] = {
        {"measure.joy > 0.5", "unknown name `measure.joy`"},
        {"measure.deligt > 0.5", "did you mean `measure.delight`"},
        {"reply.ours > 0.5", "unknown name `reply.ours`"},
        {"cadence > 0.5", "unknown name `cadence`"},
        {"tie.strength > 0.5", "unknown name `tie.strength`"},
        {"cadence.gap > 1.0", "duration"},
        {"turns.unresolved == 'many'", "string"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct rule_spec rule = {
            .name = STR("r"), .enter = str_of(cases[i].enter), .severity = STR("info")};
        struct model_spec spec = world_spec();

        spec.rules = &rule;
        spec.n_rules = 1;
        expect_fault(&spec, MODEL_PART_RULE, 0, "enter", cases[i].text);
    }
}

/* Of names that begin alike the longest is meant. */
static void test_longest_name(void **state)
{
    static const struct rule_spec rule = {
        .name = STR("r"),
        .enter = STR("advocacy < 0.5 && advocacy.referrals == 1 && measure.advocacy < 0.5 &&"
                     "measure.advocacy.last == 1.0 && pressure == 2 && pressure.recent == 1 &&"
                     "string(pressure) == '2' && !has(reply.ours.in_time) && has(tie)"),
        .severity = STR("info")};
    struct model_spec spec = world_spec();
    struct world w;
    struct event e;

    (void)state;
    spec.rules = &rule;
    spec.n_rules = 1;
    world_open(&w, &spec);
    e = world_event(&w, 0, IN, "ann", "r");
    e.verb = STR("referral");
    assert_int_equal(world_apply(&w, &e), 0);
    e = world_event(&w, 1, IN, "ann", "m");
    e.type = EVENT_MEASURE;
    e.measure.dimension = STR("advocacy");
    for (int i = 0; i < 4; i++) {
        static const char *const ids[] = {"m0", "m1", "m2", "m3"};

        e.id = str_of(ids[i]);
        e.measure.share = i == 3;
        e.time_ms += MINUTES;
        assert_int_equal(world_apply(&w, &e), 0);
    }
    world_say(&w, HOURS, OUT, "ann", "o1", 1);
    world_expect(&w, "");
    world_say(&w, 8 * DAYS, OUT, "ann", "o2", 1);
    world_expect(&w, "fired r ann 691200000 o2\n");
    world_close(&w);
}

static void version_of(const char *enter, const struct derived_spec *derived, char *ret_version)
{
    const struct rule_spec rules[] = {
        {.name = STR("r"), .enter = str_of(enter), .severity = STR("info")},
        {.name = STR("o"),
         .kind = RULE_OWED,
         .owed_after_ms = derived->pressure_window_ms,
         .severity = STR("info")}};
    struct model_spec spec = world_spec();
    struct model *model;

    spec.derived = derived;
    spec.rules = rules;
    spec.n_rules = 2;
    model = world_model(&spec);
    memcpy(ret_version, model_rule_version(model, 0).ptr, DIGEST_HEX + 1);
    model_free(model);
}

/* A rule is another one when what decides a value that it reads is. */
static void test_versions(void **state)
{
    static const struct {
        const char *enter;
        bool changes[5]; /* with half-life, window, prior, kinds, floor */
    } cases[] = {
        {"true", {false, false, false, false, false}},
        {"tie > 0.5", {true, false, false, false, false}},
        {"measure.delight > 0.5", {true, false, false, false, false}},
        {"pressure.recent > 1", {false, true, false, false, false}},
        {"cadence.ratio > 1.0", {true, false, true, true, true}},
        {"reply.ours.in_time > 0.5", {false, true, false, false, false}}, /* `after` of the other */
        {"turns.unresolved > 1", {false, false, false, false, false}},
    };
    const struct cadence_kind_spec kind = {STR("vip"), DAYS};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (int k = 0; k < 5; k++) {
            char first[DIGEST_HEX + 1], other[DIGEST_HEX + 1];
            struct derived_spec d = derived_defaults;

            d.half_life_ms -= k == 0;
            d.pressure_window_ms -= k == 1;
            d.cadence_prior_ms -= k == 2;
            d.kinds = &kind;
            d.n_kinds = k == 3;
            d.cadence_floor_ms -= k == 4;
            version_of(cases[i].enter, &derived_defaults, first);
            version_of(cases[i].enter, &d, other);
            assert_int_equal(strcmp(first, other) != 0, cases[i].changes[k]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),        cmocka_unit_test(test_taken_names),
        cmocka_unit_test(test_unknown_names), cmocka_unit_test(test_longest_name),
        cmocka_unit_test(test_versions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
