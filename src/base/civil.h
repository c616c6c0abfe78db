/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Dates of the proleptic Gregorian calendar and days since 1970 (Howard Hinnant's algorithms). */
#include <stdbool.h>
#include <stdint.h>

struct civil_date {
    int64_t year;
    int month; /* 1 to 12 */
    int day;   /* 1 to 31 */
};

static inline bool civil_is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline int civil_month_days(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && civil_is_leap(year));
}

static inline int64_t civil_days(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t in_era = y - era * 400;
    int64_t in_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static inline struct civil_date civil_of_days(int64_t days)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t in_era = shifted - era * 146097;
    int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
    int64_t from_march = (5 * in_year + 2) / 153;
    struct civil_date d = {.day = (int)(in_year - (153 * from_march + 2) / 5 + 1),
                           .month = (int)(from_march < 10 ? from_march + 3 : from_march - 9)};

    d.year = year + era * 400 + (d.month <= 2);
    return d;
}

/* 0 is Sunday. */
static inline int civil_weekday(int64_t days)
{
    return (int)(((days + 4) % 7 + 7) % 7);
}
