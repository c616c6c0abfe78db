/* SPDX-License-Identifier: Apache-2.0 */
/* Strict parsing, and its two inverses. No locale, no clock, no time-zone data. */
#include "base/parse.h"

#include "base/civil.h"

#include <math.h>
#include <stdlib.h>

#define DAY_MS           86400000LL
#define DURATION_MAX_MS  (100000 * DAY_MS)
#define NUMBER_MAX_BYTES 64

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int parse_i64(struct str text, int64_t *ret_value)
{
    bool negative = text.len && text.ptr[0] == '-';
    uint64_t v = 0, limit = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    size_t i = negative;

    if (i == text.len)
        return PARSE_E_MALFORMED;
    for (; i < text.len; i++) {
        uint64_t digit = (uint64_t)(text.ptr[i] - '0');

        if (!is_digit(text.ptr[i]))
            return PARSE_E_MALFORMED;
        if (v > (limit - digit) / 10)
            return PARSE_E_RANGE;
        v = v * 10 + digit;
    }
    *ret_value = negative ? (int64_t)(0 - v) : (int64_t)v;
    return 0;
}

int parse_double(struct str text, double *ret_value)
{
    char copy[NUMBER_MAX_BYTES + 1];
    char *end;
    double v;

    if (!text.len || text.len > NUMBER_MAX_BYTES)
        return PARSE_E_MALFORMED;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.ptr[i]) && !strchr("+-.eE", text.ptr[i]))
            return PARSE_E_MALFORMED;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    v = strtod(copy, &end);
    if (end != copy + text.len)
        return PARSE_E_MALFORMED;
    if (!isfinite(v))
        return PARSE_E_RANGE;
    *ret_value = v;
    return 0;
}

static double unit_ms(struct str unit)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}, {"w", 6.048e8}};

    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (str_eq(unit, str_of(units[i].name)))
            return units[i].ms;
    }
    return 0;
}

int parse_duration(struct str text, int64_t *ret_ms)
{
    double total = 0;
    size_t i = 0;

    if (!text.len)
        return PARSE_E_MALFORMED;
    while (i < text.len) {
        size_t number = i, unit;
        double v, scale;

        while (i < text.len && (is_digit(text.ptr[i]) || text.ptr[i] == '.'))
            i++;
        unit = i;
        while (i < text.len && text.ptr[i] >= 'a' && text.ptr[i] <= 'z')
            i++;
        scale = unit_ms((struct str){text.ptr + unit, i - unit});
        if (scale == 0 || parse_double((struct str){text.ptr + number, unit - number}, &v))
            return PARSE_E_MALFORMED;
        total += v * scale;
    }
    if (total > DURATION_MAX_MS)
        return PARSE_E_RANGE;
    *ret_ms = (int64_t)floor(total + 0.5);
    return 0;
}

int parse_size(struct str text, int64_t *ret_bytes)
{
    static const struct {
        const char *name;
        double bytes;
    } units[] = {{"", 1},     {"B", 1},        {"kB", 1e3},        {"MB", 1e6},
                 {"GB", 1e9}, {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}};
    size_t unit = 0;
    double v;
    int r;

    while (unit < text.len && (is_digit(text.ptr[unit]) || text.ptr[unit] == '.'))
        unit++;
    r = parse_double((struct str){text.ptr, unit}, &v);
    if (r)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (!str_eq((struct str){text.ptr + unit, text.len - unit}, str_of(units[i].name)))
            continue;
        if (v * units[i].bytes > 9e18)
            return PARSE_E_RANGE;
        *ret_bytes = (int64_t)(v * units[i].bytes);
        return 0;
    }
    return PARSE_E_MALFORMED;
}

/* Two digits, or -1; both bytes can be read. */
static int pair(const char *p)
{
    unsigned high = (unsigned)(p[0] - '0'), low = (unsigned)(p[1] - '0');

    return high <= 9 && low <= 9 ? (int)(high * 10 + low) : -1;
}

static bool skip_char(struct str s, size_t *at, char c, char other)
{
    if (*at >= s.len || (s.ptr[*at] != c && s.ptr[*at] != other))
        return false;
    (*at)++;
    return true;
}

static bool parse_date(struct str s, size_t *at, int64_t *ret_days)
{
    int century, year, m, d, y;

    if (s.len < 10 || s.ptr[4] != '-' || s.ptr[7] != '-')
        return false;
    century = pair(s.ptr);
    year = pair(s.ptr + 2);
    m = pair(s.ptr + 5);
    d = pair(s.ptr + 8);
    y = century * 100 + year;
    if (century < 0 || year < 0 || y < 1 || m < 1 || m > 12 || d < 1 || d > civil_month_days(y, m))
        return false;
    *ret_days = civil_days(y, m, d);
    *at = 10;
    return true;
}

static bool parse_clock(struct str s, size_t *at, int64_t *ret_ms)
{
    const char *p = s.ptr + *at;
    int h, m, sec, ms = 0, scale = 100;

    if (s.len - *at < 8 || p[2] != ':' || p[5] != ':')
        return false;
    h = pair(p);
    m = pair(p + 3);
    sec = pair(p + 6);
    if (h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 60)
        return false;
    *at += 8;
    if (skip_char(s, at, '.', '.')) {
        if (*at >= s.len || !is_digit(s.ptr[*at]))
            return false;
        for (; *at < s.len && is_digit(s.ptr[*at]); (*at)++, scale /= 10)
            ms += (s.ptr[*at] - '0') * scale;
    }
    *ret_ms = ((h * 60LL + m) * 60 + (sec == 60 ? 59 : sec)) * 1000 + ms;
    return true;
}

static bool parse_offset(struct str s, size_t *at, int64_t *ret_ms)
{
    const char *p = s.ptr + *at;
    int sign, h, m;

    *ret_ms = 0;
    if (skip_char(s, at, 'Z', 'z'))
        return true;
    if (s.len - *at < 6 || (p[0] != '+' && p[0] != '-') || p[3] != ':')
        return false;
    sign = p[0] == '-' ? -1 : 1;
    h = pair(p + 1);
    m = pair(p + 4);
    if (h < 0 || h > 23 || m < 0 || m > 59)
        return false;
    *at += 6;
    *ret_ms = sign * (h * 60LL + m) * 60000;
    return true;
}

int parse_instant(struct str text, int64_t *ret_ms)
{
    int64_t days, clock_ms, offset_ms, ms;
    size_t at = 0;

    if (!parse_date(text, &at, &days) ||
        !(skip_char(text, &at, 'T', 't') || skip_char(text, &at, ' ', ' ')) ||
        !parse_clock(text, &at, &clock_ms) || !parse_offset(text, &at, &offset_ms) ||
        at != text.len)
        return PARSE_E_MALFORMED;
    ms = days * DAY_MS + clock_ms - offset_ms;
    if (ms < INSTANT_MIN_MS || ms > INSTANT_MAX_MS)
        return PARSE_E_RANGE;
    *ret_ms = ms;
    return 0;
}

/* The last n digits of v. */
static void put_digits(char *to, int64_t v, int n)
{
    for (int i = n; i-- > 0; v /= 10)
        to[i] = (char)('0' + v % 10);
}

void format_instant(struct buf *b, int64_t ms)
{
    int64_t days = ms / DAY_MS - (ms % DAY_MS < 0), rest = ms - days * DAY_MS;
    struct civil_date date = civil_of_days(days);
    char text[] = "0000-00-00T00:00:00.000";
    size_t year = date.year >= 0 && date.year <= 9999 ? 4 : 0;

    if (!year) /* what is due behind the last instant that is read */
        buf_addf(b, "%04d", (int)date.year);
    put_digits(text, date.year, (int)year);
    put_digits(text + 5, date.month, 2);
    put_digits(text + 8, date.day, 2);
    put_digits(text + 11, rest / 3600000, 2);
    put_digits(text + 14, rest / 60000 % 60, 2);
    put_digits(text + 17, rest / 1000 % 60, 2);
    put_digits(text + 20, rest % 1000, 3);
    buf_add(b, text + 4 - year, (rest % 1000 ? 19 : 15) + year);
    buf_add_char(b, 'Z');
}

void format_duration(struct buf *b, int64_t ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"d", DAY_MS}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    int n = 0;

    if (ms < 0) {
        buf_add_char(b, '-');
        ms = -ms;
    }
    for (size_t i = 0; i < ARRAY_SIZE(units) && n < 2; i++) {
        if (ms < units[i].ms && !(n && i + 1 < ARRAY_SIZE(units)))
            continue;
        if (ms / units[i].ms) {
            buf_addf(b, "%s%lld%s", n ? " " : "", (long long)(ms / units[i].ms), units[i].unit);
            ms %= units[i].ms;
        }
        n++;
    }
    if (!n)
        buf_add_str(b, STR("0s"));
}

void format_duration_exact(struct buf *b, int64_t ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"d", DAY_MS}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    size_t i = 0;

    if (!ms) {
        buf_add_str(b, STR("0s"));
        return;
    }
    while (ms % units[i].ms)
        i++;
    buf_add_i64(b, ms / units[i].ms);
    buf_add_str(b, str_of(units[i].unit));
}
