/* SPDX-License-Identifier: Apache-2.0 */
/* Instants and durations. A value is whole milliseconds, rounded down, and 0 to 999,999 ns. */
#include "engine/cel_time.h"

#include "base/parse.h"
#include "base/civil.h"

#include <stdio.h>

#define DAY_MS    86400000LL
#define NS_IN_MS  1000000
#define WHOLE_MAX 1000000000000000LL /* of a number in a duration: beyond any range */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool cel_time_in_range(const struct cel_value *v)
{
    if (v->type == CEL_TIMESTAMP)
        return v->i >= INSTANT_MIN_MS && v->i <= INSTANT_MAX_MS;
    return v->i >= -CEL_DURATION_MAX_MS &&
           (v->i < CEL_DURATION_MAX_MS || (v->i == CEL_DURATION_MAX_MS && v->ns == 0));
}

/* Nanoseconds of one unit; 128 bits hold every sum that can arise. */
static int64_t unit_ns(struct str unit)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"ns", 1},
                 {"us", 1000},
                 {"\xc2\xb5s", 1000},
                 {"ms", NS_IN_MS},
                 {"s", 1000 * (int64_t)NS_IN_MS},
                 {"m", 60000 * (int64_t)NS_IN_MS},
                 {"h", 3600000 * (int64_t)NS_IN_MS},
                 {"d", DAY_MS * NS_IN_MS},
                 {"w", 7 * DAY_MS * NS_IN_MS}};

    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (str_eq(unit, str_of(units[i].name)))
            return units[i].ns;
    }
    return 0;
}

static void value_of_ns(__int128 ns, enum cel_type type, struct cel_value *ret_value)
{
    __int128 ms = ns / NS_IN_MS - (ns % NS_IN_MS < 0);

    *ret_value =
        (struct cel_value){.type = type, .i = (int64_t)ms, .ns = (int32_t)(ns - ms * NS_IN_MS)};
}

/* One `12.5h`; *at moves behind it. */
static int duration_part(struct str text, size_t *at, __int128 *total_ns)
{
    int64_t whole = 0, fraction = 0, scale = 1, ns;
    size_t start = *at, unit;
    bool has_digits = false;

    for (; *at < text.len && is_digit(text.ptr[*at]); (*at)++, has_digits = true) {
        whole = whole * 10 + (text.ptr[*at] - '0');
        if (whole > WHOLE_MAX)
            return CEL_E_ERROR;
    }
    if (*at < text.len && text.ptr[*at] == '.') {
        for ((*at)++; *at < text.len && is_digit(text.ptr[*at]); (*at)++, has_digits = true) {
            if (scale > WHOLE_MAX)
                continue; /* finer than can count */
            fraction = fraction * 10 + (text.ptr[*at] - '0');
            scale *= 10;
        }
    }
    unit = *at;
    while (*at < text.len && !is_digit(text.ptr[*at]) && text.ptr[*at] != '.')
        (*at)++;
    ns = unit_ns((struct str){text.ptr + unit, *at - unit});
    if (!has_digits || !ns || *at == start)
        return CEL_E_ERROR;
    *total_ns += (__int128)whole * ns + (__int128)fraction * ns / scale;
    return 0;
}

int cel_parse_duration(struct str text, struct cel_value *ret_value)
{
    bool is_negative = text.len && text.ptr[0] == '-';
    size_t at = is_negative || (text.len && text.ptr[0] == '+');
    __int128 total_ns = 0;
    struct cel_value v;

    if (str_eq((struct str){text.ptr + at, text.len - at}, STR("0"))) {
        *ret_value = (struct cel_value){.type = CEL_DURATION};
        return 0;
    }
    if (at == text.len || text.len > 256)
        return CEL_E_ERROR;
    while (at < text.len) {
        int r = duration_part(text, &at, &total_ns);

        if (r)
            return r;
    }
    if (total_ns > (__int128)CEL_DURATION_MAX_MS * NS_IN_MS)
        return CEL_E_ERROR;
    value_of_ns(is_negative ? -total_ns : total_ns, CEL_DURATION, &v);
    *ret_value = v;
    return 0;
}

/* Digits four to nine of the fraction of a second; the reader of instants has checked the form. */
static int32_t sub_ms(struct str text)
{
    size_t at = 0;
    int32_t ns = 0, scale = NS_IN_MS / 10;

    while (at < text.len && text.ptr[at] != '.')
        at++;
    for (at += 4; at < text.len && is_digit(text.ptr[at]) && is_digit(text.ptr[at - 1]) &&
                  is_digit(text.ptr[at - 2]) && is_digit(text.ptr[at - 3]);
         at++, scale /= 10)
        ns += (text.ptr[at] - '0') * scale;
    return ns;
}

int cel_parse_timestamp(struct str text, struct cel_value *ret_value)
{
    struct cel_value v = {.type = CEL_TIMESTAMP};

    if (parse_instant(text, &v.i))
        return CEL_E_ERROR;
    v.ns = sub_ms(text);
    *ret_value = v;
    return 0;
}

/* A fraction of a second as .123, .123456 or .123456789, or nothing. */
static size_t format_fraction(int64_t ns, char *text, size_t size)
{
    if (!ns)
        return 0;
    if (ns % 1000000 == 0)
        return (size_t)snprintf(text, size, ".%03d", (int)(ns / 1000000));
    if (ns % 1000 == 0)
        return (size_t)snprintf(text, size, ".%06d", (int)(ns / 1000));
    return (size_t)snprintf(text, size, ".%09d", (int)ns);
}

size_t cel_format_duration(const struct cel_value *v, char ret_text[CEL_TIME_TEXT])
{
    __int128 ns = (__int128)v->i * NS_IN_MS + v->ns;
    const char *sign = ns < 0 ? "-" : "";
    size_t n;

    if (ns < 0)
        ns = -ns;
    n = (size_t)snprintf(ret_text, CEL_TIME_TEXT, "%s%lld", sign, (long long)(ns / 1000000000));
    n += format_fraction((int64_t)(ns % 1000000000), ret_text + n, CEL_TIME_TEXT - n);
    ret_text[n++] = 's';
    ret_text[n] = '\0';
    return n;
}

void cel_calendar_of(int64_t ms, struct cel_calendar *ret_calendar)
{
    int64_t days = ms / DAY_MS - (ms % DAY_MS < 0), rest = ms - days * DAY_MS;
    struct civil_date date = civil_of_days(days);
    struct cel_calendar c = {
        .hour = (int)(rest / 3600000),
        .minute = (int)(rest / 60000 % 60),
        .second = (int)(rest / 1000 % 60),
        .ms = (int)(rest % 1000),
    };

    c.year = date.year;
    c.month = date.month - 1;
    c.day = date.day - 1;
    c.year_day = (int)(days - civil_days(date.year, 1, 1));
    c.weekday = civil_weekday(days);
    *ret_calendar = c;
}

size_t cel_format_timestamp(const struct cel_value *v, char ret_text[CEL_TIME_TEXT])
{
    struct cel_calendar c;
    size_t n;

    cel_calendar_of(v->i, &c);
    n = (size_t)snprintf(ret_text, CEL_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d", (int)c.year,
                         c.month + 1, c.day + 1, c.hour, c.minute, c.second);
    n += format_fraction((int64_t)c.ms * NS_IN_MS + v->ns, ret_text + n, CEL_TIME_TEXT - n);
    ret_text[n++] = 'Z';
    ret_text[n] = '\0';
    return n;
}

static int normalised(int64_t ms, int32_t ns, enum cel_type type, struct cel_value *ret_value)
{
    struct cel_value v = {.type = type, .i = ms, .ns = ns};

    if (v.ns < 0) {
        v.ns += NS_IN_MS;
        v.i--;
    } else if (v.ns >= NS_IN_MS) {
        v.ns -= NS_IN_MS;
        v.i++;
    }
    if (!cel_time_in_range(&v))
        return CEL_E_ERROR;
    *ret_value = v;
    return 0;
}

int cel_time_add(const struct cel_value *a, const struct cel_value *b, struct cel_value *ret_value)
{
    bool is_time = a->type == CEL_TIMESTAMP || b->type == CEL_TIMESTAMP;
    int64_t ms;

    if ((a->type == CEL_TIMESTAMP && b->type == CEL_TIMESTAMP) ||
        __builtin_add_overflow(a->i, b->i, &ms))
        return CEL_E_ERROR;
    return normalised(ms, a->ns + b->ns, is_time ? CEL_TIMESTAMP : CEL_DURATION, ret_value);
}

int cel_time_sub(const struct cel_value *a, const struct cel_value *b, struct cel_value *ret_value)
{
    int64_t ms;

    if ((a->type == CEL_DURATION && b->type == CEL_TIMESTAMP) ||
        __builtin_sub_overflow(a->i, b->i, &ms))
        return CEL_E_ERROR;
    return normalised(ms, a->ns - b->ns, a->type == b->type ? CEL_DURATION : CEL_TIMESTAMP,
                      ret_value);
}

int cel_parse_zone(struct str text, int64_t *ret_offset_ms)
{
    struct str s = text;
    int sign = 1, hours, minutes;

    if (str_eq(text, STR("UTC"))) {
        *ret_offset_ms = 0;
        return 0;
    }
    if (s.len == 6 && (s.ptr[0] == '+' || s.ptr[0] == '-')) {
        sign = s.ptr[0] == '-' ? -1 : 1;
        s = (struct str){s.ptr + 1, 5};
    }
    if (s.len != 5 || !is_digit(s.ptr[0]) || !is_digit(s.ptr[1]) || s.ptr[2] != ':' ||
        !is_digit(s.ptr[3]) || !is_digit(s.ptr[4]))
        return CEL_E_ERROR;
    hours = (s.ptr[0] - '0') * 10 + (s.ptr[1] - '0');
    minutes = (s.ptr[3] - '0') * 10 + (s.ptr[4] - '0');
    if (hours > 23 || minutes > 59)
        return CEL_E_ERROR;
    *ret_offset_ms = sign * (hours * 60 + minutes) * 60000LL;
    return 0;
}
