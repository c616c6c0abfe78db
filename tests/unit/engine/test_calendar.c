/* SPDX-License-Identifier: Apache-2.0 */
/* Business time against a count of every minute; then deadlines in words. */
#include "zones.h"

#include "base/civil.h"
#include "base/parse.h"
#include "engine/calendar.h"

#define MINUTE 60000LL
#define DAY    86400000LL

static int64_t at(const char *instant)
{
    int64_t ms;

    assert_int_equal(parse_instant(str_of(instant), &ms), 0);
    return ms;
}

static int32_t date(int year, int month, int day)
{
    return (int32_t)civil_days(year, month, day);
}

static void add_hours(struct calendar_spec *spec, int day, int from_min, int to_min)
{
    struct calendar_day *d = &spec->days[day];

    d->hours[d->n].from_min = (uint16_t)from_min;
    d->hours[d->n++].to_min = (uint16_t)to_min;
}

/* Monday to Friday 9 to 12 and 13 to 17:30, Saturday 10 to 14. */
static struct calendar_spec office(const int32_t *holidays, size_t n_holidays)
{
    struct calendar_spec spec = {
        .name = STR("office"), .holidays = holidays, .n_holidays = n_holidays};

    for (int d = 1; d <= 5; d++) {
        add_hours(&spec, d, 9 * 60, 12 * 60);
        add_hours(&spec, d, 13 * 60, 17 * 60 + 30);
    }
    add_hours(&spec, 6, 10 * 60, 14 * 60);
    return spec;
}

/* Nights, over every change of the clocks: 22 to 24, 0 to 6, every day. */
static struct calendar_spec nights(void)
{
    struct calendar_spec spec = {.name = STR("nights")};

    for (int d = 0; d < 7; d++) {
        add_hours(&spec, d, 0, 6 * 60);
        add_hours(&spec, d, 22 * 60, 24 * 60);
    }
    return spec;
}

/* ---- by counting ---- */

/* The definition, for the minute that begins at `ms`. All zones here change at whole minutes. */
static bool is_open(const struct calendar_spec *spec, const struct zone *zone, int64_t ms)
{
    int64_t local = ms + zone_at(zone, ms).offset_ms;
    int64_t day = local / DAY - (local % DAY < 0);
    int minute = (int)((local - day * DAY) / MINUTE);
    const struct calendar_day *d = &spec->days[civil_weekday(day)];

    for (size_t i = 0; i < spec->n_holidays; i++) {
        if (spec->holidays[i] == day)
            return false;
    }
    for (uint32_t i = 0; i < d->n; i++) {
        if (minute >= d->hours[i].from_min && minute < d->hours[i].to_min)
            return true;
    }
    return false;
}

/* Every minute of a span is a start; for some durations the end is found by counting on. */
static void check_minutes(const struct calendar_spec *spec, const struct zone *zone,
                          const char *from, int n_minutes)
{
    static const int durations[] = {1, 59, 60, 241, 450, 901, 2700};
    int64_t start = at(from), n_counted = 0;
    int n_all = n_minutes + 40 * 1440;
    int *open_before = mem_calloc((size_t)n_all + 1, sizeof(int));
    struct calendar c;

    calendar_init(&c, spec, zone);
    for (int i = 0; i < n_all; i++)
        open_before[i + 1] = open_before[i] + is_open(spec, zone, start + i * MINUTE);
    for (int i = 0; i < n_minutes; i++) {
        int64_t ms = start + i * MINUTE;

        for (size_t k = 0; k < ARRAY_SIZE(durations); k++) {
            int end = i;

            while (open_before[end] < open_before[i] + durations[k] && end < n_all)
                end++;
            assert_true(end < n_all);
            assert_int_equal(calendar_add(&c, ms, durations[k] * MINUTE), start + end * MINUTE);
            assert_int_equal(calendar_between(&c, ms, start + end * MINUTE), durations[k] * MINUTE);
            n_counted++;
        }
        assert_int_equal(calendar_between(&c, start, ms), open_before[i] * MINUTE);
    }
    assert_true(n_counted == n_minutes * (int64_t)ARRAY_SIZE(durations));
    calendar_deinit(&c);
    mem_free(open_before);
}

static void test_every_minute_of_a_change_of_the_clocks(void **state)
{
    struct zone *berlin = zones_read("Europe/Berlin"), *howe = zones_read("Australia/Lord_Howe");
    const int32_t holidays[] = {date(2027, 3, 26), date(2027, 3, 29)};
    struct calendar_spec week = office(holidays, 2), night = nights();

    (void)state;
    check_minutes(&night, berlin, "2027-03-27T12:00:00Z", 1440); /* 02:00 to 03:00 is skipped */
    check_minutes(&night, berlin, "2027-10-30T12:00:00Z", 1440); /* and repeated */
    check_minutes(&night, howe, "2027-04-03T06:00:00Z", 1440);   /* by half an hour */
    check_minutes(&night, howe, "2027-10-02T06:00:00Z", 1440);
    check_minutes(&week, berlin, "2027-03-25T12:00:00Z", 5 * 1440);
    check_minutes(&week, berlin, "2027-10-30T12:00:00Z", 2 * 1440);
    zone_free(berlin);
    zone_free(howe);
}

static void test_every_minute_of_a_leap_day_and_a_years_end(void **state)
{
    struct zone *york = zones_read("America/New_York");
    const int32_t holidays[] = {date(2027, 12, 31), date(2028, 1, 1), date(2028, 2, 29)};
    struct calendar_spec with = office(holidays, 3), without = office(NULL, 0);

    (void)state;
    check_minutes(&with, york, "2028-02-28T12:00:00Z", 3 * 1440);
    check_minutes(&without, york, "2028-02-28T12:00:00Z", 3 * 1440);
    check_minutes(&without, york, "2027-02-27T12:00:00Z", 3 * 1440); /* no leap year */
    check_minutes(&with, york, "2027-12-30T12:00:00Z", 4 * 1440);
    check_minutes(&without, NULL, "2027-12-30T12:00:00Z", 4 * 1440);
    zone_free(york);
}

/* A zone that skipped a whole day, 30 December 2011. */
static void test_every_minute_of_a_day_that_never_was(void **state)
{
    struct zone *apia = zones_read("Pacific/Apia");
    struct calendar_spec spec = office(NULL, 0);

    (void)state;
    check_minutes(&spec, apia, "2011-12-29T00:00:00Z", 3 * 1440);
    zone_free(apia);
}

/* ---- in words ---- */

static void assert_due(const struct calendar *c, const char *start, int64_t business_ms,
                       const char *due)
{
    assert_int_equal(calendar_add(c, at(start), business_ms), at(due));
}

static void test_deadlines(void **state)
{
    struct zone *berlin = zones_read("Europe/Berlin");
    const int32_t holidays[] = {date(2026, 12, 25)};
    struct calendar_spec spec = office(holidays, 1);
    struct calendar c;

    (void)state;
    calendar_init(&c, &spec, berlin);
    assert_int_equal(c.week_ms, (5 * 450 + 240) * MINUTE);
    assert_due(&c, "2026-12-07T08:00:00Z", 60 * MINUTE, "2026-12-07T09:00:00Z");
    assert_due(&c, "2026-12-07T08:00:00Z", 180 * MINUTE, "2026-12-07T11:00:00Z"); /* not 13:00 */
    assert_due(&c, "2026-12-07T08:00:00Z", 180 * MINUTE + 1, "2026-12-07T12:00:00.001Z");
    assert_due(&c, "2026-12-07T08:00:00.250Z", 1, "2026-12-07T08:00:00.251Z");
    assert_due(&c, "2026-12-24T16:00:00Z", 60 * MINUTE, "2026-12-26T09:30:00Z"); /* holiday */
    assert_due(&c, "2026-12-06T08:00:00Z", 60 * MINUTE, "2026-12-07T09:00:00Z"); /* a Sunday */
    assert_int_equal(calendar_between(&c, at("2026-12-07T08:00:00Z"), at("2026-12-07T08:00:00Z")),
                     0);
    assert_int_equal(calendar_between(&c, at("2026-12-08T08:00:00Z"), at("2026-12-07T08:00:00Z")),
                     0);
    calendar_deinit(&c);
    zone_free(berlin);
}

/* Nothing but holidays: the search ends. */
static void test_search_is_bounded(void **state)
{
    int32_t holidays[40000] = {0};
    struct calendar_spec spec = office(holidays, ARRAY_SIZE(holidays));
    struct calendar c;

    (void)state;
    for (int32_t i = 0; i < 40000; i++)
        holidays[i] = 20000 + i;
    calendar_init(&c, &spec, NULL);
    assert_int_equal(calendar_add(&c, 20001 * DAY, 1), INT64_MAX);
    calendar_deinit(&c);
}

static void test_faults(void **state)
{
    const int32_t twice[] = {1, 1};
    struct calendar_spec none = {.name = STR("x")}, overlap = office(NULL, 0),
                         order = office(NULL, 0), late = office(NULL, 0), same = office(twice, 2);

    (void)state;
    assert_null(calendar_fault(&(struct calendar_spec){.days = {{{{0, 1440}}, 1}}}));
    assert_non_null(strstr(calendar_fault(&none), "no hours"));
    overlap.days[1].hours[1].from_min = 11 * 60;
    assert_non_null(strstr(calendar_fault(&overlap), "ascend"));
    order.days[1].hours[0].to_min = 9 * 60;
    assert_non_null(calendar_fault(&order));
    late.days[6].hours[0].to_min = 1441;
    assert_non_null(calendar_fault(&late));
    assert_non_null(strstr(calendar_fault(&same), "holidays"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_minute_of_a_change_of_the_clocks),
        cmocka_unit_test(test_every_minute_of_a_leap_day_and_a_years_end),
        cmocka_unit_test(test_every_minute_of_a_day_that_never_was),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_search_is_bounded),
        cmocka_unit_test(test_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
