/* SPDX-License-Identifier: Apache-2.0 */
/* Holidays as texts and as days. A rule is tried on every day of its months: there are few. */
#include "conf/conf_holiday.h"

#include "base/mem.h"
#include "base/parse.h"
#include "base/civil.h"

#include <stdlib.h>

static const char *const weekday_names[] = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};

/* ---------------------------------------------------------------- reading */

static bool digits(const char *at, size_t n, int *ret_value)
{
    int v = 0;

    for (size_t i = 0; i < n; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        v = v * 10 + (at[i] - '0');
    }
    *ret_value = v;
    return true;
}

bool conf_date_parse(struct str text, int32_t *ret_day)
{
    size_t dash = text.len == 10;
    int year, month, day;

    if (text.len != 8 + 2 * dash || !digits(text.ptr, 4, &year) ||
        !digits(text.ptr + 4 + dash, 2, &month) || !digits(text.ptr + 6 + 2 * dash, 2, &day))
        return false;
    if (dash && (text.ptr[4] != '-' || text.ptr[7] != '-'))
        return false;
    if (year < CONF_HOLIDAY_FIRST_YEAR || year > CONF_HOLIDAY_LAST_YEAR || month < 1 ||
        month > 12 || day < 1 || day > civil_month_days(year, month))
        return false;
    *ret_day = (int32_t)civil_days(year, month, day);
    return true;
}

/* What stands before the separator, which goes too; all of it where there is none. */
static struct str take_until(struct str *s, char separator)
{
    const char *at = s->len ? memchr(s->ptr, separator, s->len) : NULL;
    size_t n = at ? (size_t)(at - s->ptr) : s->len;
    struct str part = {s->ptr, n};

    *s = at ? (struct str){at + 1, s->len - n - 1} : STR_NULL;
    return part;
}

static bool parse_within(struct str text, int64_t min, int64_t max, int64_t *ret_value)
{
    if (text.len > 1 && text.ptr[0] == '+')
        text = (struct str){text.ptr + 1, text.len - 1};
    return parse_i64(text, ret_value) == 0 && *ret_value >= min && *ret_value <= max;
}

const char *conf_holiday_set_days(struct conf_holiday *h, int64_t n_days)
{
    if (n_days < 1 || n_days > CONF_HOLIDAY_DAYS_MAX)
        return "lasts no whole day, or more than 366: write its days";
    h->n_days = (int32_t)n_days;
    return NULL;
}

static const char *set_interval(struct conf_holiday *h, struct str value)
{
    int64_t v;

    if (!parse_within(value, 1, 1000, &v))
        return "INTERVAL must be a number of years";
    h->interval = (int32_t)v;
    return NULL;
}

static const char *set_count(struct conf_holiday *h, struct str value)
{
    int64_t v;

    if (!parse_within(value, 1, 1000000, &v))
        return "COUNT must be a number from 1";
    h->count = (int32_t)v;
    return NULL;
}

/* A date, or an instant, of which the date counts. */
static const char *set_until(struct conf_holiday *h, struct str value)
{
    if (value.len > 8 && value.ptr[8] == 'T')
        value.len = 8;
    if (!conf_date_parse(value, &h->until))
        return "UNTIL must be a date of the years 1900 to 2199";
    return NULL;
}

static const char *set_months(struct conf_holiday *h, struct str value)
{
    while (value.len) {
        int64_t v;

        if (!parse_within(take_until(&value, ','), 1, 12, &v))
            return "BYMONTH must be numbers from 1 to 12";
        h->months |= (uint16_t)(1u << v);
    }
    return h->months ? NULL : "BYMONTH is empty";
}

static const char *set_month_days(struct conf_holiday *h, struct str value)
{
    while (value.len) {
        int64_t v;

        if (!parse_within(take_until(&value, ','), -31, 31, &v) || !v)
            return "BYMONTHDAY must be numbers from 1 to 31, or -1 to -31";
        h->days |= 1ULL << (v > 0 ? v : 32 - v);
    }
    return h->days ? NULL : "BYMONTHDAY is empty";
}

static const char *set_weekdays(struct conf_holiday *h, struct str value)
{
    static const char *const wrong = "BYDAY must be weekdays such as MO, 4TH or -1MO";

    while (value.len) {
        struct str one = take_until(&value, ',');
        struct conf_byday *by = &h->weekdays[h->n_weekdays];
        int64_t week = 0;

        if (one.len < 2 || h->n_weekdays == CONF_BYDAY_MAX)
            return wrong;
        if (one.len > 2 &&
            (!parse_within((struct str){one.ptr, one.len - 2}, -5, 5, &week) || !week))
            return wrong;
        by->week = (int8_t)week;
        for (by->weekday = 0; by->weekday < 7; by->weekday++) {
            if (memcmp(weekday_names[by->weekday], one.ptr + one.len - 2, 2) == 0)
                break;
        }
        if (by->weekday == 7)
            return wrong;
        h->n_weekdays++;
    }
    return h->n_weekdays ? NULL : wrong;
}

static const char *set_freq(struct conf_holiday *h, struct str value)
{
    h->is_yearly = str_eq(value, STR("YEARLY"));
    return h->is_yearly ? NULL : "only FREQ=YEARLY is supported: write the dates out";
}

/* On what day a week begins matters to no rule that is supported. */
static const char *set_week_start(struct conf_holiday *h, struct str value)
{
    (void)h;
    return value.len == 2 ? NULL : "WKST must be a weekday";
}

static const char *set_part(struct conf_holiday *h, struct str part)
{
    static const struct {
        const char *name;
        const char *(*set)(struct conf_holiday *h, struct str value);
    } parts[] = {{"FREQ", set_freq},
                 {"INTERVAL", set_interval},
                 {"COUNT", set_count},
                 {"UNTIL", set_until},
                 {"BYMONTH", set_months},
                 {"BYDAY", set_weekdays},
                 {"BYMONTHDAY", set_month_days},
                 {"WKST", set_week_start}};
    struct str name = take_until(&part, '=');

    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        if (str_eq(name, str_of(parts[i].name)))
            return parts[i].set(h, part);
    }
    return "the rule has a part that is not supported: of FREQ, INTERVAL, COUNT, UNTIL, BYMONTH, "
           "BYMONTHDAY and BYDAY; write the dates out";
}

const char *conf_holiday_set_rule(struct conf_holiday *h, struct str rrule)
{
    while (rrule.len) {
        const char *wrong = set_part(h, take_until(&rrule, ';'));

        if (wrong)
            return wrong;
    }
    if (!h->is_yearly)
        return "the rule has no FREQ=YEARLY";
    if (h->n_weekdays && !h->months)
        return "BYDAY without BYMONTH is not supported: write the months too";
    return NULL;
}

static const char *set_exceptions(struct conf_holiday *h, struct str dates)
{
    while (dates.len) {
        if (h->n_except == CONF_EXCEPTIONS_MAX)
            return "more than 64 exceptions: write the dates out";
        if (!conf_date_parse(take_until(&dates, ','), &h->except[h->n_except++]))
            return "EXDATE must be dates such as 2026-12-25";
    }
    return NULL;
}

static const char *set_lasting(struct conf_holiday *h, struct str text)
{
    int64_t n;

    if (text.len < 3 || text.ptr[0] != 'P' || text.ptr[text.len - 1] != 'D' ||
        parse_i64((struct str){text.ptr + 1, text.len - 2}, &n))
        return "how long it lasts is written /P3D, for three days";
    return conf_holiday_set_days(h, n);
}

const char *conf_holiday_parse(struct str text, struct conf_holiday *ret_holiday)
{
    struct conf_holiday h = {.n_days = 1, .interval = 1, .until = INT32_MAX};
    struct str rest = text, date = take_until(&rest, ' ');
    struct str lasting = date, except = STR("EXDATE=");
    const char *wrong = NULL;

    date = take_until(&lasting, '/');
    if (!conf_date_parse(date, &h.day))
        return "is no date of the years 1900 to 2199: write it as 2026-12-25";
    if (lasting.len)
        wrong = set_lasting(&h, lasting);
    while (rest.len && !wrong) {
        struct str word = take_until(&rest, ' ');

        if (str_starts(word, except))
            wrong = set_exceptions(&h, (struct str){word.ptr + except.len, word.len - except.len});
        else
            wrong = conf_holiday_set_rule(&h, word);
    }
    if (!wrong)
        *ret_holiday = h;
    return wrong;
}

/* ---------------------------------------------------------------- writing */

static void add_date(struct buf *b, int32_t day, const char *dash)
{
    struct civil_date d = civil_of_days(day);

    buf_addf(b, "%04d%s%02d%s%02d", (int)d.year, dash, d.month, dash, d.day);
}

static void add_numbers(struct buf *b, const char *name, uint64_t bits, int negative_from)
{
    const char *between = "";

    if (!bits)
        return;
    buf_addf(b, ";%s=", name);
    for (int i = 1; i < 64; i++) {
        if (!(bits >> i & 1))
            continue;
        buf_addf(b, "%s%d", between, i > negative_from ? negative_from - i : i);
        between = ",";
    }
}

static void add_rule(const struct conf_holiday *h, struct buf *b)
{
    buf_add_str(b, STR(" FREQ=YEARLY"));
    if (h->interval != 1)
        buf_addf(b, ";INTERVAL=%d", h->interval);
    if (h->count)
        buf_addf(b, ";COUNT=%d", h->count);
    if (h->until != INT32_MAX) {
        buf_add_str(b, STR(";UNTIL="));
        add_date(b, h->until, "");
    }
    add_numbers(b, "BYMONTH", h->months, 32);
    add_numbers(b, "BYMONTHDAY", h->days, 32);
    for (size_t i = 0; i < h->n_weekdays; i++) {
        buf_add_str(b, i ? STR(",") : STR(";BYDAY="));
        if (h->weekdays[i].week)
            buf_add_i64(b, h->weekdays[i].week);
        buf_add_str(b, str_of(weekday_names[h->weekdays[i].weekday]));
    }
}

void conf_holiday_write(const struct conf_holiday *h, struct buf *b)
{
    add_date(b, h->day, "-");
    if (h->n_days > 1)
        buf_addf(b, "/P%dD", h->n_days);
    if (h->is_yearly)
        add_rule(h, b);
    for (size_t i = 0; i < h->n_except; i++) {
        buf_add_str(b, i ? STR(",") : STR(" EXDATE="));
        add_date(b, h->except[i], "-");
    }
}

/* ---------------------------------------------------------------- days */

static void add_day(struct conf_days *days, int32_t day)
{
    mem_grow(&days->items, &days->cap, days->n, sizeof(*days->items));
    days->items[days->n++] = day;
}

static bool is_excepted(const struct conf_holiday *h, int32_t day)
{
    for (size_t i = 0; i < h->n_except; i++) {
        if (h->except[i] == day)
            return true;
    }
    return false;
}

static void add_instance(const struct conf_holiday *h, int32_t day, struct conf_days *days)
{
    for (int32_t i = 0; i < h->n_days && !is_excepted(h, day); i++)
        add_day(days, day + i);
}

/* Whether the rule has this day of a month that it has. */
static bool has_day(const struct conf_holiday *h, const struct civil_date *start, int64_t year,
                    int month, int day)
{
    int n_days = civil_month_days(year, month), from_end = n_days - day + 1;
    int weekday = civil_weekday(civil_days(year, month, day));

    if (h->days && !(h->days >> day & 1) && !(h->days >> (32 + from_end) & 1))
        return false;
    if (!h->n_weekdays)
        return h->days || day == start->day;
    for (size_t i = 0; i < h->n_weekdays; i++) {
        int week = h->weekdays[i].week;

        if (h->weekdays[i].weekday == weekday &&
            (!week || week == (day - 1) / 7 + 1 || -week == (from_end - 1) / 7 + 1))
            return true;
    }
    return false;
}

static bool has_month(const struct conf_holiday *h, const struct civil_date *start, int month)
{
    if (h->months)
        return h->months >> month & 1;
    return h->days || month == start->month;
}

/* The first is the date itself, whether or not the rule has it. */
void conf_holiday_expand(const struct conf_holiday *h, struct conf_days *days)
{
    struct civil_date start = civil_of_days(h->day);
    int32_t left = h->count ? h->count - 1 : INT32_MAX;

    add_instance(h, h->day, days);
    if (!h->is_yearly)
        return;
    for (int64_t y = start.year; y <= CONF_HOLIDAY_LAST_YEAR && left; y += h->interval) {
        for (int m = 1; m <= 12; m++) {
            for (int d = 1; has_month(h, &start, m) && d <= civil_month_days(y, m) && left; d++) {
                int32_t day = (int32_t)civil_days(y, m, d);

                if (day <= h->day || day > h->until || !has_day(h, &start, y, m, d))
                    continue;
                add_instance(h, day, days);
                left--;
            }
        }
    }
}

static int compare_days(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

    return (x > y) - (x < y);
}

void conf_days_sort(struct conf_days *days)
{
    size_t n = 0;

    if (!days->n)
        return;
    qsort(days->items, days->n, sizeof(*days->items), compare_days);
    for (size_t i = 0; i < days->n; i++) {
        if (!n || days->items[n - 1] != days->items[i])
            days->items[n++] = days->items[i];
    }
    days->n = n;
}
