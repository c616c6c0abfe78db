/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A holiday: a date, how many days it lasts, and whether it comes again each year. As a text:
 *
 *     DATE [/PnD] [RULE] [EXDATE=DATE,...]
 *
 * "2026-12-25", "2024-12-24/P3D", "1990-10-03 FREQ=YEARLY",
 * "2000-05-01 FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO EXDATE=2020-05-25"
 *
 * A rule is an RRULE of iCalendar (RFC 5545) with FREQ=YEARLY and of INTERVAL, COUNT, UNTIL,
 * BYMONTH, BYMONTHDAY, BYDAY (with BYMONTH) and WKST. Rules reach to the end of
 * CONF_HOLIDAY_LAST_YEAR.
 */
#include "base/str.h"

#define CONF_HOLIDAY_FIRST_YEAR 1900
#define CONF_HOLIDAY_LAST_YEAR  2199
#define CONF_HOLIDAY_DAYS_MAX   366
#define CONF_EXCEPTIONS_MAX     64
#define CONF_BYDAY_MAX          14

struct conf_byday {
    int8_t week;     /* of its month: 1 to 5, -1 to -5 from its end; 0: each */
    uint8_t weekday; /* 0 is Sunday */
};

struct conf_holiday {
    int32_t day; /* since 1970 */
    int32_t n_days;
    bool is_yearly;
    int32_t interval; /* years */
    int32_t count;    /* so many in all; 0: no end */
    int32_t until;    /* day since 1970, the last that may be; INT32_MAX: no end */
    uint16_t months;  /* a bit each, January is bit 1; 0: not said */
    uint64_t days;    /* of the month, bits 1 to 31; from its end bits 33 to 63; 0: not said */
    struct conf_byday weekdays[CONF_BYDAY_MAX];
    size_t n_weekdays; /* 0: not said */
    int32_t except[CONF_EXCEPTIONS_MAX];
    size_t n_except;
};

/* A growing set of days. */
struct conf_days {
    int32_t *items; /* owned */
    size_t n, cap;
};

/* `2026-12-25` or `20261225`. False: no such date, or beyond the years above. */
bool conf_date_parse(struct str text, int32_t *ret_day);
/* All three: NULL, or what is wrong and what to write instead. */
const char *conf_holiday_parse(struct str text, struct conf_holiday *ret_holiday);
const char *conf_holiday_set_rule(struct conf_holiday *h, struct str rrule);
const char *conf_holiday_set_days(struct conf_holiday *h, int64_t n_days);
void conf_holiday_write(const struct conf_holiday *h, struct buf *b);
/* Appends every day of it, in no order. */
void conf_holiday_expand(const struct conf_holiday *h, struct conf_days *days);
/* Ascending, each once. */
void conf_days_sort(struct conf_days *days);
