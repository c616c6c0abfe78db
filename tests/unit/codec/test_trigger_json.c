/* SPDX-License-Identifier: Apache-2.0 */
/* Triggers and state as JSON: the exact bytes, and that jansson reads back what was meant. */
#include "codec/trigger_json.h"
#include "codec/state_json.h"

#include "base/err.h"
#include "../unit.h"

#include <math.h>
#include <jansson.h>

static const struct named_value some_values[] = {
    {STR("involvement"), {.type = VALUE_DOUBLE, .d = 2.5}},
    {STR("count"), {.type = VALUE_INT, .i = -7}},
    {STR("warm"), {.type = VALUE_BOOL, .b = true}},
    {STR("none"), {.type = VALUE_ABSENT}},
    {STR("inf"), {.type = VALUE_DOUBLE, .d = INFINITY}},
    {STR("nan"), {.type = VALUE_DOUBLE, .d = NAN}},
    {STR("age"), {.type = VALUE_DURATION, .i = 90250}},
    {STR("before"), {.type = VALUE_DURATION, .i = -1500}},
    {STR("day"), {.type = VALUE_DURATION, .i = 86400000}},
    {STR("word"), {.type = VALUE_STRING, .s = STR("a\"b")}},
};

static const struct obligation_view some_obligation = {
    .by = SIDE_ORGANISATION,
    .id = STR("q1"),
    .source = STR("/crm"),
    .org = STR("acme"),
    .conversation = STR("c1"),
    .channel = STR("mail"),
    .since_ms = 1777622400000,
    .due_ms = 1777636800000,
    .answered_ms = INT64_MAX,
    .n_waiting = 2,
    .is_acknowledged = true,
};

static const struct contributing_event some_events[] = {
    {STR("e1"), STR("/crm"), 1777622400000, 7, 0.5},
    {STR("e2"), STR("/app"), 1777622400001, 9, -2},
};

/* A sum of two events, one of none, and what is no sum. */
static const struct contribution some_contributions[] = {
    {STR("involvement"), true, 4, some_events, 2},
    {STR("count"), true, -7, NULL, 0},
    {STR("most"), false, 0, some_events, 1},
};

static struct trigger full(void)
{
    return (struct trigger){
        .id = "0123456789abcdef0123456789abcdef",
        .deployment = STR("support eu"),
        .rule = STR("reply-overdue"),
        .rule_version = STR("fedcba"),
        .edge = EDGE_FIRED,
        .severity = STR("warning"),
        .route = STR("service"),
        .action = STR("Answer \"ann\"\non mail"),
        .time_ms = 1777636800250,
        .stakeholder = STR("ann/\xc3\xa9"),
        .kind = STR("customer"),
        .account = STR("a1"),
        .stage = STR("engaged"),
        .cause = {.id = STR("q1"),
                  .source = STR("/crm"),
                  .topic = STR("events"),
                  .partition = 3,
                  .offset = 0,
                  .conversation = STR_NULL},
        .values = some_values,
        .n_values = ARRAY_SIZE(some_values),
        .contributions = some_contributions,
        .n_contributions = ARRAY_SIZE(some_contributions),
        .obligation = &some_obligation,
        .reason = STR("because"),
        .counterfactual = STR("an answer"),
    };
}

static void test_full(void **state)
{
    static const char want[] =
        "{\"specversion\":\"1.0\",\"id\":\"0123456789abcdef0123456789abcdef\","
        "\"source\":\"/engaged/support%20eu\",\"type\":\"io.engaged.trigger.v1\","
        "\"subject\":\"ann/\xc3\xa9\",\"time\":\"2026-05-01T12:00:00.250Z\","
        "\"datacontenttype\":\"application/json\",\"causationid\":\"q1\",\"correlationid\":\"c1\","
        "\"data\":{\"rule\":\"reply-overdue\",\"rule_version\":\"fedcba\",\"edge\":\"fired\","
        "\"severity\":\"warning\",\"route\":\"service\",\"action\":\"Answer \\\"ann\\\"\\non "
        "mail\","
        "\"stakeholder\":{\"id\":\"ann/\xc3\xa9\",\"kind\":\"customer\",\"account\":\"a1\","
        "\"stage\":\"engaged\"},"
        "\"cause\":{\"id\":\"q1\",\"source\":\"/crm\",\"topic\":\"events\",\"partition\":3,"
        "\"offset\":0},"
        "\"values\":{\"involvement\":2.5,\"count\":-7,\"warm\":true,\"none\":null,\"inf\":null,"
        "\"nan\":null,\"age\":90.25,\"before\":-1.5,\"day\":86400,\"word\":\"a\\\"b\"},"
        "\"contributions\":[{\"metric\":\"involvement\",\"base\":4,\"events\":["
        "{\"id\":\"e1\",\"source\":\"/crm\",\"time\":\"2026-05-01T08:00:00Z\",\"offset\":7,"
        "\"weight\":0.5},"
        "{\"id\":\"e2\",\"source\":\"/app\",\"time\":\"2026-05-01T08:00:00.001Z\",\"offset\":9,"
        "\"weight\":-2}]},"
        "{\"metric\":\"count\",\"base\":-7,\"events\":[]},"
        "{\"metric\":\"most\",\"events\":["
        "{\"id\":\"e1\",\"source\":\"/crm\",\"time\":\"2026-05-01T08:00:00Z\",\"offset\":7}]}],"
        "\"obligation\":{\"by\":\"organisation\",\"opened_by\":{\"id\":\"q1\",\"source\":\"/crm\"},"
        "\"since\":\"2026-05-01T08:00:00Z\",\"due\":\"2026-05-01T12:00:00Z\",\"waiting\":2,"
        "\"org\":\"acme\",\"conversation\":\"c1\",\"channel\":\"mail\",\"acknowledged\":true},"
        "\"reason\":\"because\",\"counterfactual\":\"an answer\"}}";
    struct trigger t = full();
    struct buf b = BUF_INIT;

    (void)state;
    trigger_json_write(&b, &t);
    assert_string_equal(b.ptr, want);
    buf_deinit(&b);
}

static void test_least(void **state)
{
    struct trigger t = {.id = "x",
                        .deployment = STR("d"),
                        .rule = STR("r"),
                        .edge = EDGE_CLEARED,
                        .stakeholder = STR("s"),
                        .cause = {.id = STR("e"), .offset = 9}};
    struct buf b = BUF_INIT;

    (void)state;
    buf_add_str(&b, STR("before"));
    trigger_json_write(&b, &t);
    assert_string_equal(
        b.ptr, "before{\"specversion\":\"1.0\",\"id\":\"x\",\"source\":\"/engaged/d\","
               "\"type\":\"io.engaged.trigger.v1\",\"subject\":\"s\","
               "\"time\":\"1970-01-01T00:00:00Z\",\"datacontenttype\":\"application/json\","
               "\"causationid\":\"e\",\"data\":{\"rule\":\"r\",\"edge\":\"cleared\","
               "\"stakeholder\":{\"id\":\"s\"},\"cause\":{\"id\":\"e\"},\"values\":{}}}");
    buf_deinit(&b);
}

/* Texts with every character that JSON may want escaped come back as they were. */
static void test_read_back(void **state)
{
    char nasty[0x100];
    struct trigger t = full();
    struct buf b = BUF_INIT;
    json_t *root, *data;
    size_t n = 0;

    (void)state;
    for (char c = 1; c < 0x7f; c++)
        nasty[n++] = c;
    t.reason = (struct str){nasty, n};
    t.cause.conversation = STR("other");
    t.deployment = STR("a/b%?#\xc3\xa9~");
    trigger_json_write(&b, &t);
    root = json_loadb(b.ptr, b.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    data = json_object_get(root, "data");
    assert_int_equal(json_string_length(json_object_get(data, "reason")), n);
    assert_memory_equal(json_string_value(json_object_get(data, "reason")), nasty, n);
    assert_string_equal(json_string_value(json_object_get(root, "correlationid")), "other");
    assert_string_equal(json_string_value(json_object_get(root, "source")),
                        "/engaged/a%2Fb%25%3F%23%C3%A9~");
    json_decref(root);
    buf_deinit(&b);
}

static void test_doubles(void **state)
{
    static const double numbers[] = {
        0.1, 1.0 / 3, 1e300, -2.5e-300, 1e15, 5e-324, 123456789.123456789, -0.0, 1e22};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        const struct named_value v = {STR("v"), {.type = VALUE_DOUBLE, .d = numbers[i]}};
        struct stakeholder_view view = {.subject = STR("s"), .metrics = &v, .n_metrics = 1};
        struct buf b = BUF_INIT;
        json_t *root;

        state_json_write(&b, &view);
        root = json_loadb(b.ptr, b.len, 0, NULL);
        assert_non_null(root);
        assert_true(json_number_value(json_object_get(json_object_get(root, "metrics"), "v")) ==
                    numbers[i]);
        json_decref(root);
        buf_deinit(&b);
    }
}

static void test_state(void **state)
{
    struct obligation_view obligations[] = {some_obligation, some_obligation};
    struct stakeholder_view view = {.subject = STR("ann"),
                                    .as_of_ms = 1777622400000,
                                    .metrics = some_values,
                                    .n_metrics = 2,
                                    .obligations = obligations,
                                    .n_obligations = 2};
    struct buf b = BUF_INIT;

    (void)state;
    obligations[1].by = SIDE_STAKEHOLDER;
    obligations[1].due_ms = INT64_MAX;
    state_json_write(&b, &view);
    assert_string_equal(
        b.ptr,
        "{\"subject\":\"ann\",\"as_of\":\"2026-05-01T08:00:00Z\",\"stage\":null,"
        "\"metrics\":{\"involvement\":2.5,\"count\":-7},\"obligations\":["
        "{\"by\":\"organisation\",\"opened_by\":{\"id\":\"q1\",\"source\":\"/crm\"},"
        "\"since\":\"2026-05-01T08:00:00Z\",\"due\":\"2026-05-01T12:00:00Z\",\"waiting\":2,"
        "\"org\":\"acme\",\"conversation\":\"c1\",\"channel\":\"mail\",\"acknowledged\":true},"
        "{\"by\":\"stakeholder\",\"opened_by\":{\"id\":\"q1\",\"source\":\"/crm\"},"
        "\"since\":\"2026-05-01T08:00:00Z\",\"waiting\":2,"
        "\"org\":\"acme\",\"conversation\":\"c1\",\"channel\":\"mail\",\"acknowledged\":true}]}");
    buf_reset(&b);
    view = (struct stakeholder_view){.subject = STR("ann"), .stage = STR("engaged")};
    state_json_write(&b, &view);
    assert_string_equal(b.ptr, "{\"subject\":\"ann\",\"as_of\":\"1970-01-01T00:00:00Z\","
                               "\"stage\":\"engaged\",\"stage_since\":\"1970-01-01T00:00:00Z\","
                               "\"metrics\":{},\"obligations\":[]}");
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full),      cmocka_unit_test(test_least),
        cmocka_unit_test(test_read_back), cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
