/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX TZ rules: read strictly, and turned into instants year by year. */
#include "engine/zone_rule.h"

#include "base/civil.h"

#define DAY_S 86400

/* Takes a decimal of at most `max` off the front. */
static bool take_number(struct str *s, int max, int *ret_value)
{
    int v = 0;
    size_t n = 0;

    for (; n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9' && v <= max; n++)
        v = v * 10 + (s->ptr[n] - '0');
    if (!n || v > max)
        return false;
    *s = (struct str){s->ptr + n, s->len - n};
    *ret_value = v;
    return true;
}

static bool take_char(struct str *s, char c)
{
    if (!s->len || s->ptr[0] != c)
        return false;
    *s = (struct str){s->ptr + 1, s->len - 1};
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* `CEST` or `<+0330>`: what the clock is called, which is of no use here. */
static bool take_name(struct str *s)
{
    bool is_quoted = take_char(s, '<');
    size_t n = 0;

    while (n < s->len &&
           (is_letter(s->ptr[n]) || (is_quoted && ((s->ptr[n] >= '0' && s->ptr[n] <= '9') ||
                                                   s->ptr[n] == '+' || s->ptr[n] == '-'))))
        n++;
    *s = (struct str){s->ptr + n, s->len - n};
    return n >= 3 && (!is_quoted || take_char(s, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(struct str *s, int max_hours, int32_t *ret_seconds)
{
    bool is_negative = take_char(s, '-');
    int hours, minutes = 0, seconds = 0;

    if (!is_negative)
        (void)take_char(s, '+');
    if (!take_number(s, max_hours, &hours))
        return false;
    if (take_char(s, ':') && !take_number(s, 59, &minutes))
        return false;
    if (take_char(s, ':') && !take_number(s, 59, &seconds))
        return false;
    *ret_seconds = (hours * 60 + minutes) * 60 + seconds;
    if (is_negative)
        *ret_seconds = -*ret_seconds;
    return true;
}

static bool take_date(struct str *s, struct zone_day *d)
{
    if (take_char(s, 'M')) {
        d->form = ZONE_DAY_OF_WEEK;
        return take_number(s, 12, &d->month) && d->month >= 1 && take_char(s, '.') &&
               take_number(s, 5, &d->week) && d->week >= 1 && take_char(s, '.') &&
               take_number(s, 6, &d->day);
    }
    d->form = take_char(s, 'J') ? ZONE_DAY_NO_LEAP : ZONE_DAY_OF_YEAR;
    return take_number(s, 365, &d->day) && (d->form == ZONE_DAY_OF_YEAR || d->day >= 1);
}

static bool take_day(struct str *s, struct zone_day *d)
{
    d->seconds = 2 * 3600;
    if (!take_char(s, ',') || !take_date(s, d))
        return false;
    return !take_char(s, '/') || take_time(s, 167, &d->seconds);
}

int zone_rule_parse(struct str text, struct zone_rule *ret_rule)
{
    struct zone_rule r = {.has_summer = false};
    struct str s = text;

    if (text.len > ZONE_RULE_MAX || !take_name(&s) || !take_time(&s, 24, &r.standard_s))
        return ZONE_E_MALFORMED;
    r.standard_s = -r.standard_s;
    r.summer_s = r.standard_s + 3600;
    if (s.len) {
        r.has_summer = true;
        if (!take_name(&s))
            return ZONE_E_MALFORMED;
        if (s.len && s.ptr[0] != ',') {
            if (!take_time(&s, 24, &r.summer_s))
                return ZONE_E_MALFORMED;
            r.summer_s = -r.summer_s;
        }
        if (!take_day(&s, &r.begin) || !take_day(&s, &r.end) || s.len)
            return ZONE_E_MALFORMED;
    }
    *ret_rule = r;
    return 0;
}

/* Days since 1970. */
static int64_t day_in_year(const struct zone_day *d, int64_t year)
{
    int64_t first, last;

    switch (d->form) {
    case ZONE_DAY_NO_LEAP:
        return civil_days(year, 1, 1) + d->day - 1 + (civil_is_leap(year) && d->day >= 60);
    case ZONE_DAY_OF_YEAR:
        return civil_days(year, 1, 1) + d->day;
    case ZONE_DAY_OF_WEEK:
        break;
    }
    first = civil_days(year, d->month, 1);
    last = first + civil_month_days(year, d->month) - 1;
    first += (d->day - civil_weekday(first) + 7) % 7 + 7 * (d->week - 1);
    return first > last ? first - 7 : first;
}

int32_t zone_rule_at(const struct zone_rule *rule, int64_t second, int64_t *ret_until)
{
    int32_t offset = rule->standard_s;
    int64_t latest = INT64_MIN, next = INT64_MAX, days;
    int64_t year;

    *ret_until = INT64_MAX;
    if (!rule->has_summer)
        return offset;
    days = second / DAY_S - (second % DAY_S < 0);
    year = civil_of_days(days).year;
    /* The latest change before the instant, and the first after it, lie in these years. At one
     * instant the end of summer time yields to its beginning: summer all year is written so. */
    for (int64_t y = year - 1; y <= year + 1; y++) {
        int64_t begin =
            day_in_year(&rule->begin, y) * DAY_S + rule->begin.seconds - rule->standard_s;
        int64_t end = day_in_year(&rule->end, y) * DAY_S + rule->end.seconds - rule->summer_s;

        if (end <= second && end > latest) {
            latest = end;
            offset = rule->standard_s;
        }
        if (begin <= second && begin >= latest) {
            latest = begin;
            offset = rule->summer_s;
        }
        if (end > second && end < next)
            next = end;
        if (begin > second && begin < next)
            next = begin;
    }
    *ret_until = next;
    return offset;
}
