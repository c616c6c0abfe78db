/* SPDX-License-Identifier: Apache-2.0 */
/* Strict parsing: what is taken, what is refused, and that formatting reads back. */
#include "base/parse.h"
#include "../unit.h"

#include <stdlib.h>

static void test_duration(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } cases[] = {{"90s", 90000},     {"6h", 21600000},  {"7d", 604800000}, {"250ms", 250},
                 {"1h30m", 5400000}, {"1.5h", 5400000}, {"0s", 0},         {"2w", 1209600000},
                 {"", -1},           {"5", -1},         {"5x", -1},        {"h", -1},
                 {"-5s", -1},        {"5 s", -1},       {"200000d", -1},   {"1..5h", -1}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t ms = -1;
        int r = parse_duration(str_of(cases[i].text), &ms);

        assert_int_equal(ms, cases[i].ms);
        assert_int_equal(r != 0, cases[i].ms < 0);
    }
}

static void test_size(void **state)
{
    int64_t v;

    (void)state;
    assert_int_equal(parse_size(STR("2GiB"), &v), 0);
    assert_int_equal(v, 2147483648LL);
    assert_int_equal(parse_size(STR("1.5kB"), &v), 0);
    assert_int_equal(v, 1500);
    assert_int_equal(parse_size(STR("GiB"), &v), PARSE_E_MALFORMED);
    assert_int_equal(parse_size(STR("99999999999GiB"), &v), PARSE_E_RANGE);
}

static void test_i64(void **state)
{
    int64_t v;

    (void)state;
    assert_int_equal(parse_i64(STR("-9223372036854775808"), &v), 0);
    assert_true(v == INT64_MIN);
    assert_int_equal(parse_i64(STR("9223372036854775807"), &v), 0);
    assert_true(v == INT64_MAX);
    assert_int_equal(parse_i64(STR("9223372036854775808"), &v), PARSE_E_RANGE);
    assert_int_equal(parse_i64(STR("12a"), &v), PARSE_E_MALFORMED);
    assert_int_equal(parse_i64(STR("-"), &v), PARSE_E_MALFORMED);
}

static void test_instant(void **state)
{
    static const struct {
        const char *text;
        const char *utc; /* NULL: refused */
    } cases[] = {{"2018-04-05T03:56:24Z", "2018-04-05T03:56:24Z"},
                 {"2018-04-05t03:56:24z", "2018-04-05T03:56:24Z"},
                 {"2018-04-05T03:56:24.5+02:00", "2018-04-05T01:56:24.500Z"},
                 {"2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"},
                 {"2024-02-29T00:00:00.123999Z", "2024-02-29T00:00:00.123Z"},
                 {"1969-12-31T23:59:59.001Z", "1969-12-31T23:59:59.001Z"},
                 {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
                 {"9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"},
                 {"0001-01-01T00:00:00+01:00", NULL},
                 {"2023-02-29T00:00:00Z", NULL},
                 {"2018-04-05T24:00:00Z", NULL},
                 {"2018-04-05T03:56:24", NULL},
                 {"2018-04-05T03:56:24Zx", NULL},
                 {"2018-04-05", NULL},
                 {"2018-04-05T03:56:24.Z", NULL},
                 {"", NULL}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct buf out = BUF_INIT;
        int64_t ms;
        int r = parse_instant(str_of(cases[i].text), &ms);

        assert_int_equal(r == 0, cases[i].utc != NULL);
        if (!r) {
            format_instant(&out, ms);
            assert_string_equal(out.ptr, cases[i].utc);
        }
        buf_deinit(&out);
    }
}

static void test_instant_every_day_reads_back(void **state)
{
    (void)state;
    for (int64_t day = -719162; day < 2932896; day += 97) {
        struct buf out = BUF_INIT;
        int64_t ms;

        format_instant(&out, day * 86400000LL);
        assert_int_equal(parse_instant(buf_str(&out), &ms), 0);
        assert_int_equal(ms, day * 86400000LL);
        buf_deinit(&out);
    }
}

/* Every other byte in every place, and every beginning: the same verdict as by hand. */
static void test_instant_damaged(void **state)
{
    static const char good[] = "2018-04-05T03:56:24.250+02:00";
    static const char form[] = "dddd-dd-ddTdd:dd:dd.ddd+dd:dd";

    (void)state;
    for (size_t at = 0; at < sizeof(good) - 1; at++) {
        char text[sizeof(good)];
        int64_t ms;

        memcpy(text, good, sizeof(good));
        assert_int_equal(parse_instant((struct str){text, at}, &ms), PARSE_E_MALFORMED);
        for (int c = 0; c < 256; c++) {
            bool is_digit = c >= '0' && c <= '9';

            text[at] = (char)c;
            if (c && strchr("Tt ", c) && form[at] == 'T')
                continue;
            if (form[at] == 'd' ? is_digit : c == form[at] || (c == '-' && form[at] == '+'))
                continue; /* may be good */
            assert_int_equal(parse_instant((struct str){text, sizeof(good) - 1}, &ms),
                             PARSE_E_MALFORMED);
        }
    }
}

/* What is due may lie behind the last instant that is read. */
static void test_instant_beyond(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{INSTANT_MAX_MS, "9999-12-31T23:59:59.999Z"},
                 {INSTANT_MAX_MS + 1, "10000-01-01T00:00:00Z"},
                 {INSTANT_MAX_MS + 100000 * 86400000LL, "10273-10-15T23:59:59.999Z"},
                 {INSTANT_MIN_MS, "0001-01-01T00:00:00Z"},
                 {INSTANT_MIN_MS - 1, "0000-12-31T23:59:59.999Z"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct buf out = BUF_INIT;

        format_instant(&out, cases[i].ms);
        assert_string_equal(out.ptr, cases[i].text);
        buf_deinit(&out);
    }
}

static void test_format_duration(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{0, "0s"},       {1500, "1s 500ms"},   {90000, "1m 30s"},
                 {3600000, "1h"}, {273600000, "3d 4h"}, {-60000, "-1m"},
                 {86400001, "1d"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct buf out = BUF_INIT;

        format_duration(&out, cases[i].ms);
        assert_string_equal(out.ptr, cases[i].text);
        buf_deinit(&out);
    }
}

static void test_format_duration_exact(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{0, "0s"},         {1, "1ms"},       {1500, "1500ms"},
                 {60000, "1m"},     {61000, "61s"},   {129600000, "36h"},
                 {604800000, "7d"}, {-90000, "-90s"}, {90061001, "90061001ms"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct buf b = BUF_INIT;
        int64_t back;

        format_duration_exact(&b, cases[i].ms);
        assert_string_equal(b.ptr, cases[i].text);
        if (cases[i].ms >= 0) {
            assert_int_equal(parse_duration(buf_str(&b), &back), 0);
            assert_int_equal(back, cases[i].ms);
        }
        buf_deinit(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format_duration_exact),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_i64),
        cmocka_unit_test(test_instant),
        cmocka_unit_test(test_instant_damaged),
        cmocka_unit_test(test_instant_beyond),
        cmocka_unit_test(test_instant_every_day_reads_back),
        cmocka_unit_test(test_format_duration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
