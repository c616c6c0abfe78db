/* SPDX-License-Identifier: Apache-2.0 */
/* Every fault of a specification is found, at its place; and what makes a rule another version. */
#include "engine/template.h"
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

static struct metric_spec good_metric(void)
{
    return (struct metric_spec){.name = STR("score"),
                                .aggregate = AGGREGATE_SUM,
                                .value = STR("weight"),
                                .where = STR("direction == 'inbound'"),
                                .reach = REACH_WINDOW,
                                .reach_ms = DAYS};
}

static struct rule_spec good_rule(void)
{
    return (struct rule_spec){.name = STR("rule"),
                              .enter = STR("score > 1.0"),
                              .exit = STR("score < 0.5"),
                              .severity = STR("info"),
                              .route = STR("sales"),
                              .action = STR("Call {{stakeholder}}")};
}

static void expect_fault(const struct metric_spec *m, const struct rule_spec *r,
                         enum model_part part, const char *field, size_t offset, const char *text)
{
    const struct metric_spec metrics[] = {good_metric(), *m};
    const struct rule_spec rules[] = {good_rule(), *r};
    struct model_spec spec = world_spec();
    struct found found = {.n = 0};
    struct model *model = NULL;

    spec.metrics = metrics;
    spec.n_metrics = 2;
    spec.rules = rules;
    spec.n_rules = 2;
    assert_int_equal(model_new(&spec, on_fault, &found, &model), MODEL_E_FAULTS);
    assert_null(model);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.last.part, part);
    assert_int_equal(found.last.index, 1);
    assert_string_equal(found.last.field, field);
    assert_int_equal(found.last.offset, offset);
    if (!strstr(found.text, text))
        assert_string_equal(found.text, text);
}

static void test_metric_faults(void **state)
{
    const struct rule_spec rule = {
        .name = STR("other"), .enter = STR("true"), .severity = STR("info")};
    static const struct {
        const char *name, *where, *value;
        int64_t reach_ms;
        const char *field;
        size_t offset;
        const char *text;
    } cases[] = {
        {"Score", "", "weight", DAYS, "name", 0, "lower-case letters"},
        {"1d", "", "weight", DAYS, "name", 0, "lower-case letters"},
        {"", "", "weight", DAYS, "name", 0, "lower-case letters"},
        {"stage", "", "weight", DAYS, "name", 0, "means something already"},
        {"as_of", "", "weight", DAYS, "name", 0, "means something already"},
        {"score", "", "weight", DAYS, "name", 0, "of this name already"},
        {"m", "verb = 'x'", "weight", DAYS, "where", 5, "=="},
        {"m", "verb", "weight", DAYS, "where", 0, "needs a condition"},
        {"m", "true && vreb == 'x'", "weight", DAYS, "where", 8, "verb"},
        {"m", "", "verb", DAYS, "value", 0, "string"},
        {"m", "", "weight", 999, "window", 0, "between 1s and 100000d"},
        {"m", "", "weight", 100001 * DAYS, "window", 0, "between 1s and 100000d"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct metric_spec m = {.name = str_of(cases[i].name),
                                      .aggregate = AGGREGATE_SUM,
                                      .value = str_of(cases[i].value),
                                      .where = str_of(cases[i].where),
                                      .reach = REACH_WINDOW,
                                      .reach_ms = cases[i].reach_ms};

        expect_fault(&m, &rule, MODEL_PART_METRIC, cases[i].field, cases[i].offset, cases[i].text);
    }
}

static void test_rule_faults(void **state)
{
    const struct metric_spec metric = {.name = STR("other"), .aggregate = AGGREGATE_COUNT};
    static const struct {
        const char *name, *enter, *exit, *severity, *action, *field;
        size_t offset;
        const char *text;
    } cases[] = {
        {"a b", "true", "", "info", "", "name", 0, "letters, digits"},
        {"-a", "true", "", "info", "", "name", 0, "letters, digits"},
        {"rule", "true", "", "info", "", "name", 0, "of this name already"},
        {"r", "true", "", "urgent", "", "severity", 0, "info, warning or critical"},
        {"r", "scoer > 1.0", "", "info", "", "enter", 0, "score"},
        {"r", "true", "score", "info", "", "exit", 0, "needs a condition"},
        {"r", "", "", "info", "", "enter", 0, ""},
        {"r", "true", "", "info", "Call {{stakeholdr}}", "action", 5, "not a name"},
        {"r", "true", "", "info", "Call {{stakeholder", "action", 5, "not a name"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct rule_spec r = {.name = str_of(cases[i].name),
                                    .enter = str_of(cases[i].enter),
                                    .exit = str_of(cases[i].exit),
                                    .severity = str_of(cases[i].severity),
                                    .action = str_of(cases[i].action)};

        expect_fault(&metric, &r, MODEL_PART_RULE, cases[i].field, cases[i].offset, cases[i].text);
    }
}

static void test_owed_faults(void **state)
{
    const struct metric_spec metric = {.name = STR("other"), .aggregate = AGGREGATE_COUNT};
    struct rule_spec r = {.name = STR("r"), .kind = RULE_OWED, .severity = STR("info")};

    (void)state;
    expect_fault(&metric, &r, MODEL_PART_RULE, "after", 0, "more than 0s");
    r.owed_after_ms = HOURS;
    r.for_ms = 1;
    expect_fault(&metric, &r, MODEL_PART_RULE, "for", 0, "does not go with `owed`");
}

/* All at once, not the first only. */
static void test_all_faults(void **state)
{
    struct metric_spec m = good_metric();
    struct rule_spec r = good_rule();
    struct model_spec spec = world_spec();
    struct found found = {.n = 0};
    struct model *model = NULL;

    (void)state;
    m.name = STR("X");
    m.where = STR("nonsense");
    r.severity = STR("?");
    r.action = STR("{{?}}");
    spec.metrics = &m;
    spec.n_metrics = 1;
    spec.rules = &r;
    spec.n_rules = 1;
    assert_int_equal(model_new(&spec, on_fault, &found, &model), MODEL_E_FAULTS);
    assert_true(found.n >= 4);
}

static void version_of(const struct metric_spec *m, const struct rule_spec *r, char *ret_version)
{
    struct model_spec spec = world_spec();
    struct model *model;

    spec.metrics = m;
    spec.n_metrics = 1;
    spec.rules = r;
    spec.n_rules = 1;
    model = world_model(&spec);
    memcpy(ret_version, model_rule_version(model, 0).ptr, DIGEST_HEX + 1);
    model_free(model);
}

static void test_versions(void **state)
{
    struct metric_spec m = good_metric();
    struct rule_spec r = good_rule();
    char first[DIGEST_HEX + 1], other[DIGEST_HEX + 1];

    (void)state;
    version_of(&m, &r, first);
    m.where = STR("( direction=='inbound' ) // the same");
    r.enter = STR("score>1.0");
    version_of(&m, &r, other);
    assert_string_equal(first, other);
    m.reach_ms = 2 * DAYS; /* what it reads is another */
    version_of(&m, &r, other);
    assert_string_not_equal(first, other);
    m = good_metric();
    r.cooldown_ms = 1;
    version_of(&m, &r, other);
    assert_string_not_equal(first, other);
}

static bool give(void *ctx, struct str name, struct buf *out)
{
    (void)ctx;
    if (!str_eq(name, STR("who")))
        return false;
    if (out)
        buf_add_str(out, STR("ann"));
    return true;
}

static void test_templates(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {{"", ""},
                 {"plain", "plain"},
                 {"{{who}}", "ann"},
                 {"a {{ who }}, {{who}}!", "a ann, ann!"},
                 {"{who} }} {", "{who} }} {"},
                 {"x {{nobody}} y", "x  y"},
                 {"left {{who", "left {{who"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct buf out = BUF_INIT;

        template_render(str_of(cases[i].text), give, NULL, &out);
        buf_add_char(&out, '\0');
        assert_string_equal(out.ptr, cases[i].want);
        buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metric_faults), cmocka_unit_test(test_rule_faults),
        cmocka_unit_test(test_owed_faults),   cmocka_unit_test(test_all_faults),
        cmocka_unit_test(test_versions),      cmocka_unit_test(test_templates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
