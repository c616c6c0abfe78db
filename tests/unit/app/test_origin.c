/* SPDX-License-Identifier: Apache-2.0 */
/* The headers of a copy: read whole or not at all, whatever bytes they hold. */
#include "app/origin.h"
#include "../unit.h"

struct header {
    const char *name;
    struct str value;
};

static bool header_at(const void *headers, size_t i, const char **ret_name, struct str *ret_value)
{
    const struct header *h = headers;

    if (!h[i].name)
        return false;
    *ret_name = h[i].name;
    *ret_value = h[i].value;
    return true;
}

static void test_read(void **state)
{
    const struct header headers[] = {
        {ORIGIN_PARTITION, STR("9")},   {"content-type", STR("x")},  {ORIGIN_TOPIC, STR("crm")},
        {ORIGIN_TIMESTAMP, STR("1234")}, {ORIGIN_PARTITION, STR("2")}, {ORIGIN_OFFSET, STR("77")},
        {NULL, STR_NULL}};
    struct origin origin;

    (void)state;
    assert_true(origin_read(header_at, headers, &origin));
    assert_int_equal(origin.topic.len, 3);
    assert_memory_equal(origin.topic.ptr, "crm", 3);
    assert_int_equal(origin.partition, 2); /* the last one counts */
    assert_int_equal(origin.offset, 77);
    assert_int_equal(origin.timestamp_ms, 1234);
}

static void test_none(void **state)
{
    static const struct {
        struct str topic, partition, offset;
    } cases[] = {
        {STR_NULL, {"0", 1}, {"0", 1}},       {{"t", 1}, STR_NULL, {"0", 1}},
        {{"t", 1}, {"0", 1}, STR_NULL},       {{"t", 1}, {"-1", 2}, {"0", 1}},
        {{"t", 1}, {"0", 1}, {"-1", 2}},      {{"t", 1}, {"2147483648", 10}, {"0", 1}},
        {{"t", 1}, {"0", 1}, {"1x", 2}},      {{"t", 1}, {"", 0}, {"0", 1}},
        {{"t", 1}, {"0", 1}, {"99999999999999999999", 20}},
    };
    struct origin origin = {.offset = 5};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct header headers[] = {{ORIGIN_TOPIC, cases[i].topic},
                                         {ORIGIN_PARTITION, cases[i].partition},
                                         {ORIGIN_OFFSET, cases[i].offset},
                                         {NULL, STR_NULL}};

        assert_false(origin_read(header_at, headers, &origin));
        assert_int_equal(origin.offset, 5);
    }
    assert_false(origin_read(NULL, NULL, &origin));
}

static void test_timestamps(void **state)
{
    static const struct {
        struct str text;
        int64_t ms;
    } cases[] = {{{"0", 1}, 0}, {{"-1", 2}, -1}, {{"soon", 4}, -1}, {STR_NULL, -1}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct header headers[] = {{ORIGIN_TOPIC, STR("t")},
                                         {ORIGIN_PARTITION, STR("0")},
                                         {ORIGIN_OFFSET, STR("0")},
                                         {ORIGIN_TIMESTAMP, cases[i].text},
                                         {NULL, STR_NULL}};
        struct origin origin;

        assert_true(origin_read(header_at, headers, &origin));
        assert_int_equal(origin.timestamp_ms, cases[i].ms);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_true(origin_is_header(ORIGIN_TOPIC) && origin_is_header(ORIGIN_PARTITION) &&
                origin_is_header(ORIGIN_OFFSET) && origin_is_header(ORIGIN_TIMESTAMP));
    assert_false(origin_is_header("content-type"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
