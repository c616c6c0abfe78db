/* SPDX-License-Identifier: Apache-2.0 */
/* Calendars, their holidays, iCalendar files, and time zones in the canonical text. */
#include "conf/conf_ical.h"

#include "base/civil.h"
#include "base/mem.h"
#include "engaged/zone.h"
#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- holidays as texts ---- */

static void add_date(struct buf *b, int32_t day)
{
    struct civil_date d = civil_of_days(day);

    buf_addf(b, "%s%04d-%02d-%02d", b->len ? " " : "", (int)d.year, d.month, d.day);
}

/* Those of its days that lie in the years. */
static void assert_days(const char *text, int from_year, int to_year, const char *expected)
{
    struct conf_days days = {.items = NULL};
    struct conf_holiday h;
    struct buf out = BUF_INIT, again = BUF_INIT;

    assert_null(conf_holiday_parse(str_of(text), &h));
    conf_holiday_expand(&h, &days);
    conf_days_sort(&days);
    for (size_t i = 0; i < days.n; i++) {
        int year = (int)civil_of_days(days.items[i]).year;

        assert_true(i == 0 || days.items[i - 1] < days.items[i]);
        if (year >= from_year && year <= to_year)
            add_date(&out, days.items[i]);
    }
    buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, expected);
    conf_holiday_write(&h, &again);
    buf_add_char(&again, '\0');
    assert_string_equal(again.ptr, text);
    buf_deinit(&out);
    buf_deinit(&again);
    mem_free(days.items);
}

static void test_days(void **state)
{
    (void)state;
    assert_days("2026-12-25", 0, 9999, "2026-12-25");
    assert_days("2026-12-31/P3D", 0, 9999, "2026-12-31 2027-01-01 2027-01-02");
    assert_days("1990-10-03 FREQ=YEARLY", 2026, 2028, "2026-10-03 2027-10-03 2028-10-03");
    assert_days("1990-10-03 FREQ=YEARLY", 2199, 9999, "2199-10-03");
    assert_days("2024-02-29 FREQ=YEARLY", 2024, 2032, "2024-02-29 2028-02-29 2032-02-29");
    assert_days("2026-05-01 FREQ=YEARLY;INTERVAL=2", 2026, 2030,
                "2026-05-01 2028-05-01 2030-05-01");
    assert_days("2026-05-01 FREQ=YEARLY;COUNT=2", 0, 9999, "2026-05-01 2027-05-01");
    assert_days("2026-05-01 FREQ=YEARLY;UNTIL=20280501", 0, 9999,
                "2026-05-01 2027-05-01 2028-05-01");
    assert_days("2026-05-01 FREQ=YEARLY;UNTIL=20280430", 0, 9999, "2026-05-01 2027-05-01");
    /* Thanksgiving, Memorial Day, Repentance Day (the Wednesday before 23 November). */
    assert_days("2026-11-26 FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", 2026, 2028,
                "2026-11-26 2027-11-25 2028-11-23");
    assert_days("2026-05-25 FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO", 2026, 2028,
                "2026-05-25 2027-05-31 2028-05-29");
    assert_days("2026-11-18 FREQ=YEARLY;BYMONTH=11;BYMONTHDAY=16,17,18,19,20,21,22;BYDAY=WE", 2026,
                2028, "2026-11-18 2027-11-17 2028-11-22");
    assert_days("2026-12-31 FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=-1", 2027, 2028,
                "2027-12-31 2028-12-31");
    assert_days("2026-01-01 FREQ=YEARLY;BYMONTHDAY=31", 2027, 2027,
                "2027-01-31 2027-03-31 2027-05-31 2027-07-31 2027-08-31 2027-10-31 2027-12-31");
    assert_days("2025-12-24/P2D FREQ=YEARLY EXDATE=2026-12-24,2028-12-24", 2025, 2028,
                "2025-12-24 2025-12-25 2027-12-24 2027-12-25");
}

static void test_no_holidays(void **state)
{
    static const struct {
        const char *text, *wrong;
    } cases[] = {
        {"2026-02-29", "is no date"},
        {"2026-13-01", "is no date"},
        {"1899-12-31", "is no date"},
        {"2200-01-01", "is no date"},
        {"2026-1-1", "is no date"},
        {"2026-12-25/P0D", "lasts no whole day"},
        {"2026-12-25/P367D", "lasts no whole day"},
        {"2026-12-25/3", "how long it lasts"},
        {"2026-12-25 FREQ=WEEKLY", "only FREQ=YEARLY"},
        {"2026-12-25 BYMONTH=12", "no FREQ=YEARLY"},
        {"2026-12-25 FREQ=YEARLY;BYSETPOS=1", "not supported"},
        {"2026-12-25 FREQ=YEARLY;BYWEEKNO=1", "not supported"},
        {"2026-12-25 FREQ=YEARLY;BYDAY=1MO", "BYDAY without BYMONTH"},
        {"2026-12-25 FREQ=YEARLY;BYMONTH=0", "BYMONTH"},
        {"2026-12-25 FREQ=YEARLY;BYMONTHDAY=0", "BYMONTHDAY"},
        {"2026-12-25 FREQ=YEARLY;BYMONTH=1;BYDAY=6MO", "BYDAY"},
        {"2026-12-25 FREQ=YEARLY;BYMONTH=1;BYDAY=XX", "BYDAY"},
        {"2026-12-25 FREQ=YEARLY;COUNT=0", "COUNT"},
        {"2026-12-25 FREQ=YEARLY;INTERVAL=0", "INTERVAL"},
        {"2026-12-25 FREQ=YEARLY;UNTIL=x", "UNTIL"},
        {"2026-12-25 EXDATE=x", "EXDATE"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct conf_holiday h;
        const char *wrong = conf_holiday_parse(str_of(cases[i].text), &h);

        assert_non_null(wrong);
        if (!strstr(wrong, cases[i].wrong))
            assert_string_equal(wrong, cases[i].wrong);
    }
}

/* ---- iCalendar ---- */

static void take(void *ctx, const struct conf_holiday *holiday)
{
    conf_holiday_write(holiday, ctx);
    buf_add_char(ctx, '\n');
}

/* Holidays in their order, then faults. */
static void check(const char *events, const char *expected)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct buf text = BUF_INIT, out = BUF_INIT;
    struct zone *berlin;

    assert_int_equal(zone_of_text(STR("3600 CET-1CEST,M3.5.0,M10.5.0/3"), &berlin), 0);
    buf_addf(&text, "BEGIN:VCALENDAR\nVERSION:2.0\n%sEND:VCALENDAR\n", events);
    conf_ical_read(buf_str(&text), "h.ics", berlin, &faults, take, &out);
    for (size_t i = 0; i < faults.n; i++) {
        conf_fault_format(&faults.items[i], &out);
        buf_add_char(&out, '\n');
    }
    buf_add_char(&out, '\0');
    if (strcmp(out.ptr, expected) != 0)
        print_message("events:\n%s", events);
    assert_string_equal(out.ptr, expected);
    conf_faults_deinit(&faults);
    buf_deinit(&text);
    buf_deinit(&out);
    zone_free(berlin);
}

#define EVENT(lines) "BEGIN:VEVENT\n" lines "END:VEVENT\n"

static void test_events(void **state)
{
    (void)state;
    check(EVENT("DTSTART;VALUE=DATE:20261225\n"), "2026-12-25\n");
    check(EVENT("UID:x\r\nSUMMARY:First;Second\\, and more: yes\r\nX-FOO:bar\r\n"
                "DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227\r\n"),
          "2026-12-25/P2D\n");
    check(EVENT("DTSTART;VALUE=DATE:20261225\nDURATION:P1W\n"), "2026-12-25/P7D\n");
    /* Folded lines, in the middle of words. */
    check(EVENT("DTSTART;VALUE=DA\r\n TE:2026\r\n\t1225\r\nRRULE:FREQ=YEARLY;BYMO\n NTH=12;\n"
                " WKST=MO\n"),
          "2026-12-25 FREQ=YEARLY;BYMONTH=12\n");
    check(EVENT("dtstart:20261225\nrrule:FREQ=YEARLY\nexdate:20271225,20281225\n"),
          "2026-12-25 FREQ=YEARLY EXDATE=2027-12-25,2028-12-25\n");
    check(EVENT("DTSTART:20261225\nRDATE:20270105,20270106\n"),
          "2026-12-25\n2027-01-05\n2027-01-06\n");
    /* Whole days as instants: in local time, and in UTC, where Berlin's midnight is 23:00. */
    check(EVENT("DTSTART;TZID=\"Europe:Berlin\":20261225T000000\nDTEND:20261226T000000\n"),
          "2026-12-25\n");
    check(EVENT("DTSTART:20261224T230000Z\nDTEND:20261225T230000Z\n"), "2026-12-25\n");
    check(EVENT("DTSTART:20260430T220000Z\nDTEND:20260501T220000Z\n"), "2026-05-01\n");
    check(EVENT("DTSTART:20261225\nSTATUS:CANCELLED\n"), "");
    check(EVENT("DTSTART:20261225\nBEGIN:VALARM\nDURATION:PT15M\nTRIGGER:-PT1H\nEND:VALARM\n"),
          "2026-12-25\n");
    check("BEGIN:VTIMEZONE\nTZID:X\nBEGIN:STANDARD\nDTSTART:16010101T000000\nRRULE:FREQ=DAILY\n"
          "END:STANDARD\nEND:VTIMEZONE\n" EVENT("DTSTART:20261225\n"),
          "2026-12-25\n");
}

static void test_event_faults(void **state)
{
    (void)state;
    check(EVENT("SUMMARY:x\n"), "h.ics:3:1: VEVENT: the event has no DTSTART: write its date\n");
    check(EVENT("DTSTART:20261325\n"),
          "1970-01-01\nh.ics:4:1: DTSTART: is no date of the years 1900 to 2199, such as "
          "20261225\n");
    check(EVENT("DTSTART:20261225T120000\n"),
          "2026-12-25\nh.ics:4:1: DTSTART: is not midnight in the calendar's time zone: holidays "
          "are whole days; write VALUE=DATE\n");
    check(EVENT("DTSTART:20261225\nDTEND:20261225\n"),
          "h.ics:3:1: DTEND: lasts no whole day, or more than 366: write its days\n");
    check(EVENT("DTSTART:20261225\nSUMMARY:one\n  two\nRRULE:FREQ=MONTHLY\n"),
          "2026-12-25\nh.ics:7:1: RRULE: only FREQ=YEARLY is supported: write the dates out\n");
    check(EVENT("DTSTART:20261225\nRRULE:FREQ=YEARLY\nRRULE:FREQ=YEARLY\n"),
          "2026-12-25 FREQ=YEARLY\nh.ics:6:1: RRULE: a second rule of one event is not supported: "
          "write an event of its own\n");
    check(EVENT("DTSTART:20261225\nRECURRENCE-ID:20271225\n"),
          "2026-12-25\nh.ics:5:1: RECURRENCE-ID: changes single dates in a way that is not "
          "supported: write EXDATE, and an event of its own\n");
    check(EVENT("DTSTART:20261225\nDURATION:PT1H\n"),
          "2026-12-25\nh.ics:5:1: DURATION: must be days or weeks, such as P1D: holidays are whole "
          "days\n");
    check(EVENT("DTSTART:20261225\nRDATE;VALUE=PERIOD:20261225/P1D\n"),
          "2026-12-25\nh.ics:5:1: RDATE: is no date such as 20261225; periods are not supported\n");
    check("nonsense\n", "h.ics:3:1: this: is no line of an iCalendar file, NAME:VALUE\n");
    check("END:VCALENDAR\nEND:VCALENDAR\n", "h.ics:4:1: END: ends what has not begun\n"
                                            "h.ics:5:1: END: ends what has not begun\n");
    check("BEGIN:VEVENT\nDTSTART:20261225\n",
          "h.ics:6:1: END: the file ends within a component: it was cut off\n");
}

static void ignore(void *ctx, const struct conf_holiday *holiday)
{
    *(int *)ctx += holiday->n_days > 0;
}

static void test_cut_at_every_byte(void **state)
{
    const char *text = "BEGIN:VCALENDAR\r\n" EVENT(
        "DTSTART;X=\"a:b\":20261225T000000Z\nDTEND:20261226\nRRULE:FREQ=YEARLY;BYDAY=-1MO;"
        "BYMONTH=1\n X\nEXDATE:20271225,2028\nRDATE:20270101\nDURATION:P1D\n") "END:VCALENDAR";
    size_t n = strlen(text);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        struct conf_faults faults = CONF_FAULTS_INIT;
        char *copy = mem_alloc(i ? i : 1); /* of its own size: a byte too far is found */
        int n_events = 0;

        memcpy(copy, text, i);
        conf_ical_read((struct str){copy, i}, "h.ics", NULL, &faults, ignore, &n_events);
        assert_true(faults.n > 0);
        conf_faults_deinit(&faults);
        mem_free(copy);
    }
}

/* ---- files ---- */

static void write_file(const char *directory, const char *name, const char *text)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

#define CALENDAR                                                                                   \
    "calendars:\n  office: {zone: Europe/Berlin, hours: {mon-fri: [\"09:00-12:00\", "              \
    "\"13:00-17:00\"], sat: \"10:00-14:00\"}, holidays: h.ics}\n"                                  \
    "zones: [America/New_York]\n"                                                                  \
    "rules:\n  - {name: late, owed: {by: organisation, after: 4h, calendar: office, until: "       \
    "acted, where: 'time.getHours(\"Asia/Tokyo\") < 12'}, quiet: hold}\n"

static struct conf *load(const char *directory)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL;
    char path[512];

    snprintf(path, sizeof(path), "%s/c.yaml", directory);
    if (conf_load(path, &conf, &faults))
        fail_msg("%s:%d: %s", faults.items[0].file, faults.items[0].line, faults.items[0].text);
    conf_faults_deinit(&faults);
    return conf;
}

static void assert_canonical(const struct conf *conf)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *again = NULL;

    if (conf_parse(conf->text, "canonical", &again, &faults))
        fail_msg("%d: %s in\n%.*s", faults.items[0].line, faults.items[0].text,
                 STR_ARG(conf->text));
    assert_true(str_eq(conf->text, again->text));
    assert_string_equal(conf->hash, again->hash);
    assert_true(str_eq(model_rule_version(conf->model, 0), model_rule_version(again->model, 0)));
    conf_free(again);
    conf_faults_deinit(&faults);
}

static bool has(const struct conf *conf, const char *part)
{
    return memmem(conf->text.ptr, conf->text.len, part, strlen(part)) != NULL;
}

static void test_canonical_text_needs_no_file(void **state)
{
    char directory[] = "/tmp/engaged-calendar-XXXXXX", path[512];
    struct conf *conf, *other;

    (void)state;
    assert_non_null(mkdtemp(directory));
    write_file(directory, "c.yaml", CALENDAR);
    write_file(directory, "h.ics",
               "BEGIN:VCALENDAR\n" EVENT("DTSTART:20261226\n")
                   EVENT("DTSTART:19901003\nRRULE:FREQ=YEARLY\n") "END:VCALENDAR\n");
    conf = load(directory);
    assert_canonical(conf);
    assert_true(has(conf, "holidays: [\"1990-10-03 FREQ=YEARLY\", \"2026-12-26\"]"));
    assert_true(has(conf, "until: acted, where: \"time.getHours(\\\"Asia/Tokyo\\\") < 12\"}"));
    assert_true(has(conf, "quiet: hold"));
    assert_true(has(conf, "  \"Europe/Berlin\": \""));
    assert_true(has(conf, "CET-1CEST,M3.5.0,M10.5.0/3\"\n"));
    assert_true(has(conf, "  \"America/New_York\": \""));
    assert_true(has(conf, "  \"Asia/Tokyo\": \""));
    assert_int_equal(conf->spec.calendars[0].days[6].n, 1);
    assert_int_equal(conf->spec.calendars[0].days[0].n, 0);
    assert_int_equal(conf->spec.calendars[0].days[5].hours[1].to_min, 17 * 60);
    assert_true(conf->spec.calendars[0].n_holidays > 200);

    /* Another order is the same; another date is another hash, and another version. */
    write_file(directory, "h.ics",
               "BEGIN:VCALENDAR\n" EVENT("DTSTART:19901003\nRRULE:FREQ=YEARLY\n")
                   EVENT("DTSTART:20261226\nSUMMARY:St Stephen\n") "END:VCALENDAR\n");
    other = load(directory);
    assert_string_equal(conf->hash, other->hash);
    conf_free(other);
    write_file(directory, "h.ics",
               "BEGIN:VCALENDAR\n" EVENT("DTSTART:20261226\n") "END:VCALENDAR\n");
    other = load(directory);
    assert_string_not_equal(conf->hash, other->hash);
    assert_false(str_eq(model_rule_version(conf->model, 0), model_rule_version(other->model, 0)));
    conf_free(other);
    conf_free(conf);
    snprintf(path, sizeof(path), "%s/h.ics", directory);
    unlink(path);
    snprintf(path, sizeof(path), "%s/c.yaml", directory);
    unlink(path);
    rmdir(directory);
}

static void test_order_of_zones(void **state)
{
    static const char *const texts[] = {"zones: [Europe/Berlin, America/New_York]\n",
                                        "zones: [America/New_York, Europe/Berlin]\n"};
    struct conf *confs[2];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct conf_faults faults = CONF_FAULTS_INIT;

        assert_int_equal(conf_parse(str_of(texts[i]), "f", &confs[i], &faults), 0);
        conf_faults_deinit(&faults);
    }
    assert_string_equal(confs[0]->hash, confs[1]->hash);
    conf_free(confs[0]);
    conf_free(confs[1]);
}

static void test_faults_of_a_file(void **state)
{
    char directory[] = "/tmp/engaged-calendar-XXXXXX", path[512];
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL;
    char ics[512];

    (void)state;
    assert_non_null(mkdtemp(directory));
    write_file(directory, "c.yaml", CALENDAR);
    write_file(directory, "h.ics",
               "BEGIN:VCALENDAR\n" EVENT("DTSTART:20261226\nRRULE:FREQ=DAILY\n") "END:VCALENDAR\n");
    snprintf(path, sizeof(path), "%s/c.yaml", directory);
    snprintf(ics, sizeof(ics), "%s/h.ics", directory);
    assert_int_equal(conf_load(path, &conf, &faults), CONF_E_FAULTS);
    assert_int_equal(faults.n, 1);
    assert_string_equal(faults.items[0].file, ics);
    assert_int_equal(faults.items[0].line, 4);
    conf_faults_deinit(&faults);
    unlink(ics);
    assert_int_equal(conf_load(path, &conf, &faults), CONF_E_FAULTS);
    assert_int_equal(faults.n, 1);
    assert_string_equal(faults.items[0].file, path);
    assert_int_equal(faults.items[0].line, 2);
    assert_non_null(strstr(faults.items[0].text, "No such file"));
    conf_faults_deinit(&faults);
    unlink(path);
    rmdir(directory);
}

/* ---- faults of the section ---- */

static const struct {
    const char *text, *expected;
} cases[] = {
    {"calendars: []\n", "f:1:12: calendars: expected a mapping such as {office: {zone: "
                        "Europe/Berlin, hours: {mon-fri: [\"09:00-17:00\"]}}}\n"},
    {"calendars: {a: {}}\n", "f:1:16: 'hours' is missing: write when it is open, such as hours: "
                             "{mon-fri: [\"09:00-17:00\"]}\n"},
    {"calendars: {a: {hours: {}}}\n",
     "f:1:24: hours: the calendar has no hours, and nothing would ever be due: write some\n"},
    {"calendars: {a: {hours: {mon: []}}}\n",
     "f:1:24: hours: the calendar has no hours, and nothing would ever be due: write some\n"},
    {"calendars: {a: {hours: {mo: [\"09:00-17:00\"], tue: [\"09:00-17:00\"]}}}\n",
     "f:1:25: hours: 'mo' is no weekday: write mon, tue, wed, thu, fri, sat, sun, or a range such "
     "as mon-fri\n"},
    {"calendars: {a: {hours: {mon-fri: \"09:00-17:00\", wed: [\"10:00-11:00\"]}}}\n",
     "f:1:49: hours: wed has its hours already: leave one of them\n"},
    {"calendars: {a: {hours: {mon: [\"9-17\"], tue: \"09:00-24:00\"}}}\n",
     "f:1:31: hours: '9-17' is no interval of a day: write it as 09:00-12:30\n"},
    {"calendars: {a: {hours: {mon: [\"09:00-24:01\"], tue: \"09:00-24:00\"}}}\n",
     "f:1:31: hours: '09:00-24:01' is no interval of a day: write it as 09:00-12:30\n"},
    {"calendars: {a: {hours: {mon: [\"22:00-06:00\"], tue: \"09:00-24:00\"}}}\n",
     "f:1:31: hours: '22:00-06:00' ends before it begins: write it as 22:00-24:00, and the rest on "
     "the next day\n"},
    {"calendars: {a: {hours: {mon: [\"09:00-12:00\", \"11:00-13:00\"]}}}\n",
     "f:1:46: hours: '11:00-13:00' begins before the one before it ends\n"},
    {"calendars: {a: {zone: Europe/Bern, hours: {mon: \"09:00-12:00\"}}}\n",
     "f:1:23: zone: not a time zone that is known here: write its name, as in Europe/Berlin\n"},
    {"calendars: {a: {zone: ../../etc/passwd, hours: {mon: \"09:00-12:00\"}}}\n",
     "f:1:23: zone: not a time zone that is known here: write its name, as in Europe/Berlin\n"},
    {"calendars: {a: {hours: {mon: \"09:00-12:00\"}, holidays: [2026-13-01]}}\n",
     "f:1:57: holidays: '2026-13-01': is no date of the years 1900 to 2199: write it as "
     "2026-12-25\n"},
    {"calendars: {a: {hours: {mon: \"09:00-12:00\"}, holidays: h.ics}}\n",
     "f:1:56: holidays: a file is not possible here: write the dates out\n"},
    {"calendars: {a: {hour: {mon: \"09:00-12:00\"}, hours: {mon: \"09:00-12:00\"}}}\n",
     "f:1:17: unknown key 'hour': did you mean 'hours'?\n"},
    {"zones: Europe/Berlin\n", "f:1:8: zones: expected a list such as [Europe/Berlin]\n"},
    {"zones: [Europe/Bern]\n", "f:1:9: zones: 'Europe/Bern' is no time zone: write a name of the "
                               "time-zone database, such as Europe/Berlin\n"},
    {"zones: {Europe/Berlin: \"x\"}\n",
     "f:1:24: zones: is no time zone as the canonical text has it: write a list of names, such as "
     "[Europe/Berlin]\n"},
    {"zones: {../x: \"0\"}\n", "f:1:9: zones: '../x' is no name that a time zone may have here\n"},
    {"rules:\n  - {name: a, owed: {by: organisation, after: 4h, calendar: office}}\n",
     "f:2:61: calendar: there is no calendar of this name: write one in `calendars`\n"},
    {"rules:\n  - {name: a, owed: {by: organisation, after: 4h, until: done}}\n",
     "f:2:58: until: expected answered, acknowledged or acted, not 'done'\n"},
    {"rules:\n  - {name: a, owed: {by: organisation, after: 4h, where: 'verb = \"x\"'}}\n",
     "f:2:64: where: "},
    {"rules:\n  - {name: a, enter: '1 > 0', quiet: always}\n",
     "f:2:38: quiet: expected ignore or hold, not 'always'\n"},
    {"calendars: {c: {hours: {mon: \"09:00-09:01\"}}}\n"
     "rules:\n  - {name: a, owed: {by: organisation, after: 10h, calendar: c}}\n",
     "f:3:47: after: is more than the calendar's hours of ten years: write less\n"},
};

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct conf_faults faults = CONF_FAULTS_INIT;
        struct conf *conf = NULL;
        struct buf out = BUF_INIT;

        if (conf_parse(str_of(cases[i].text), "f", &conf, &faults) != CONF_E_FAULTS)
            fail_msg("no fault in %s", cases[i].text);
        for (size_t k = 0; k < faults.n; k++) {
            conf_fault_format(&faults.items[k], &out);
            buf_add_char(&out, '\n');
        }
        buf_add_char(&out, '\0');
        /* What the engine says of an expression is not repeated here. */
        if (strcmp(out.ptr, cases[i].expected) != 0 &&
            !(cases[i].expected[strlen(cases[i].expected) - 1] == ' ' &&
              str_starts(buf_str(&out), str_of(cases[i].expected)))) {
            print_message("text:\n%s", cases[i].text);
            assert_string_equal(out.ptr, cases[i].expected);
        }
        buf_deinit(&out);
        conf_faults_deinit(&faults);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_no_holidays),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_event_faults),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_canonical_text_needs_no_file),
        cmocka_unit_test(test_order_of_zones),
        cmocka_unit_test(test_faults_of_a_file),
        cmocka_unit_test(test_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
