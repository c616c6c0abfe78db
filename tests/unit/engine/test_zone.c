/* SPDX-License-Identifier: Apache-2.0 */
/* Time zones against the C library's own reading of the same files, and what is no zone. */
#include "zones.h"

#include "base/parse.h"
#include "engine/zone_rule.h"

#include <stdlib.h>
#include <time.h>

static const char *const names[] = {
    "Europe/Berlin",     "Europe/London",       "Europe/Dublin",       "America/New_York",
    "America/Sao_Paulo", "America/St_Johns",    "America/Nuuk",        "Asia/Kathmandu",
    "Asia/Gaza",         "Asia/Tehran",         "Australia/Lord_Howe", "Australia/Sydney",
    "Africa/Casablanca", "Africa/Cairo",        "Pacific/Apia",        "Pacific/Chatham",
    "Antarctica/Troll",  "America/Santiago",    "Asia/Tokyo",          "Etc/UTC",
    "Antarctica/Casey",  "America/Scoresbysund"};

static int64_t libc_offset(int64_t second)
{
    time_t t = second;
    struct tm tm;

    assert_non_null(localtime_r(&t, &tm));
    return tm.tm_gmtoff;
}

/* Every 5 h 17 min of 230 years, and around each change. */
static void compare(const struct zone *z)
{
    const int64_t first = -2524521600LL, last = 4733510400LL; /* 1890 to 2120 */

    for (int64_t s = first; s < last; s += 19020) {
        struct zone_span span = zone_at(z, s * 1000);

        assert_int_equal(span.offset_ms, libc_offset(s) * 1000);
        assert_true(span.until_ms > s * 1000);
        if (span.until_ms == INT64_MAX || span.until_ms >= (s + 19020) * 1000)
            continue;
        assert_int_equal(span.until_ms % 1000, 0);
        assert_int_equal(zone_at(z, span.until_ms - 1).offset_ms, span.offset_ms);
        assert_int_equal(libc_offset(span.until_ms / 1000 - 1) * 1000, span.offset_ms);
        assert_int_equal(zone_at(z, span.until_ms).offset_ms,
                         libc_offset(span.until_ms / 1000) * 1000);
        assert_int_not_equal(zone_at(z, span.until_ms).offset_ms, span.offset_ms);
    }
}

static void test_as_the_c_library(void **state)
{
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct zone *z = zones_read(names[i]);

        if (!z)
            continue;
        setenv("TZ", names[i], 1);
        tzset();
        compare(z);
        zone_free(z);
        n++;
    }
    unsetenv("TZ");
    assert_true(n >= 15);
}

/* The text says all of it, and is the same for a long table and a short one. */
static void test_text_is_the_zone(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct zone *z = zones_read(names[i]), *again;
        struct buf text = BUF_INIT, second = BUF_INIT;

        if (!z)
            continue;
        zone_add_text(z, &text);
        assert_int_equal(zone_of_text(buf_str(&text), &again), 0);
        zone_add_text(again, &second);
        assert_true(str_eq(buf_str(&text), buf_str(&second)));
        for (int64_t s = -2524521600LL; s < 4733510400LL; s += 86400 * 3 + 7)
            assert_int_equal(zone_at(z, s * 1000).offset_ms, zone_at(again, s * 1000).offset_ms);
        buf_deinit(&text);
        buf_deinit(&second);
        zone_free(z);
        zone_free(again);
    }
}

static void assert_text(const char *text, const char *normal)
{
    struct zone *z = zones_of(text);
    struct buf out = BUF_INIT;

    zone_add_text(z, &out);
    buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, normal);
    buf_deinit(&out);
    zone_free(z);
}

static void test_what_the_rule_makes_is_not_in_the_table(void **state)
{
    (void)state;
    /* 1996-03-31, 1996-10-27, 1997-03-30, 1997-10-26, all at 01:00 UTC. */
    assert_text("3600 828234000@7200 846378000@3600 859683600@7200 877827600@3600 "
                "CET-1CEST,M3.5.0,M10.5.0/3",
                "3600 828234000@7200 CET-1CEST,M3.5.0,M10.5.0/3");
    /* A change that the rule does not make stays, and all before it. */
    assert_text("3600 828234000@7200 846378001@3600 CET-1CEST,M3.5.0,M10.5.0/3",
                "3600 828234000@7200 846378001@3600 CET-1CEST,M3.5.0,M10.5.0/3");
    assert_text("0 100@0 200@3600", "0 200@3600");
    assert_text("-12600", "-12600");
}

static void test_rules(void **state)
{
    static const struct {
        const char *text, *instant;
        int32_t offset_s;
    } cases[] = {
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2027-03-28T00:59:59Z", 3600},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2027-03-28T01:00:00Z", 7200},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2027-10-31T00:59:59Z", 7200},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2027-10-31T01:00:00Z", 3600},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", "2027-01-01T00:00:00Z", 39600}, /* southern summer */
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", "2027-07-01T00:00:00Z", 36000},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", "2027-01-01T00:00:00Z", 0}, /* winter is the exception */
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2027-03-28T00:59:59Z", -7200},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2027-03-28T01:00:00Z", -3600},
        {"XXX3YYY2,0/0,J365/23", "2027-01-01T03:00:00Z", -7200}, /* summer all year */
        {"XXX3YYY2,0/0,J365/23", "2027-12-31T23:59:59Z", -7200},
        {"AAA0BBB,J60,J300", "2028-03-01T01:59:59Z", 0}, /* J60 is 1 March in leap years too */
        {"AAA0BBB,J60,J300", "2028-03-01T02:00:00Z", 3600},
        {"AAA0BBB,59,300", "2028-02-29T02:00:00Z", 3600}, /* 59 is 29 February */
        {"<+0330>-3:30", "2027-06-01T00:00:00Z", 12600},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct zone_rule rule;
        int64_t ms, until;

        assert_int_equal(zone_rule_parse(str_of(cases[i].text), &rule), 0);
        assert_int_equal(parse_instant(str_of(cases[i].instant), &ms), 0);
        assert_int_equal(zone_rule_at(&rule, ms / 1000, &until), cases[i].offset_s);
        assert_true(until > ms / 1000);
    }
}

static void test_no_rules(void **state)
{
    static const char *const texts[] = {"",
                                        "C",
                                        "CE-1",
                                        "CET",
                                        "CET-1CEST",
                                        "CET-25",
                                        "CET-1CEST,",
                                        "CET-1CEST,M3.5",
                                        "CET-1CEST,M3.5.0",
                                        "CET-1CEST,M0.5.0,M10.5.0",
                                        "CET-1CEST,M13.5.0,M10.5.0",
                                        "CET-1CEST,M3.6.0,M10.5.0",
                                        "CET-1CEST,M3.0.0,M10.5.0",
                                        "CET-1CEST,M3.5.7,M10.5.0",
                                        "CET-1CEST,J0,M10.5.0",
                                        "CET-1CEST,J366,M10.5.0",
                                        "CET-1CEST,M3.5.0/168,M10.5.0",
                                        "CET-1CEST,M3.5.0,M10.5.0x",
                                        "<CET-1",
                                        "CET-1:60"};
    struct zone_rule rule;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        assert_int_equal(zone_rule_parse(str_of(texts[i]), &rule), ZONE_E_MALFORMED);
}

static void test_no_texts(void **state)
{
    static const char *const texts[] = {
        "",          "x",           "99999999",  "0 1",
        "0 1@",      "0 1@x",       "0 2@1 1@3", "0 1@99999999",
        "0 5@1 5@2", "0 CET-1 5@2", "0  1@3",    "0 -99999999999999@1"};
    struct zone *zone;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        assert_int_equal(zone_of_text(str_of(texts[i]), &zone), ZONE_E_MALFORMED);
}

/* Cut anywhere, a file is refused or is a zone; a copy of its own size finds a byte too far. */
static void test_cut_and_bent_files(void **state)
{
    FILE *f = fopen("/usr/share/zoneinfo/Europe/Berlin", "re");
    char bytes[8192];
    size_t n, n_refused = 0;

    (void)state;
    assert_non_null(f);
    n = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
    for (size_t i = 0; i < n; i++) {
        char *copy = mem_strndup(bytes, n);
        struct zone *zone = NULL;

        copy[i] ^= 0x55;
        if (zone_of_tzif((struct str){copy, n}, &zone) == 0)
            (void)zone_at(zone, 1767225600000LL);
        zone_free(zone);
        zone = NULL;
        n_refused += zone_of_tzif((struct str){bytes, i}, &zone) == ZONE_E_MALFORMED;
        zone_free(zone);
        mem_free(copy);
    }
    assert_int_equal(n_refused, n);
}

static void test_names(void **state)
{
    static const char *const bad[] = {"",    "/etc/passwd", "../x", "Europe/", "Europe//Berlin",
                                      "a b", "tzdata.zi"};

    (void)state;
    assert_true(zone_is_name(STR("America/Argentina/Buenos_Aires")));
    assert_true(zone_is_name(STR("Etc/GMT+5")));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(zone_is_name(str_of(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_c_library),
        cmocka_unit_test(test_text_is_the_zone),
        cmocka_unit_test(test_what_the_rule_makes_is_not_in_the_table),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_no_rules),
        cmocka_unit_test(test_no_texts),
        cmocka_unit_test(test_cut_and_bent_files),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
