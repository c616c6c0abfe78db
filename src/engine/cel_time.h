/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Instants and durations of expressions: exact to the nanosecond, in CEL's limits. */
#include "engine/cel.h"

#define CEL_DURATION_MAX_MS 9223372036854LL /* 292 years: nanoseconds in 64 bits, as elsewhere */
#define CEL_TIME_TEXT       48              /* bytes that any of them takes as text */

/* `1h30m`, `-1.5s`, `250ms`, `7d`, `100ns`: as Go writes them, and with d and w. */
must_check int cel_parse_duration(struct str text, struct cel_value *ret_value);
/* RFC 3339. */
must_check int cel_parse_timestamp(struct str text, struct cel_value *ret_value);
/* Seconds, with a fraction where there is one: `14400s`. Returns the length. */
size_t cel_format_duration(const struct cel_value *v, char ret_text[CEL_TIME_TEXT]);
size_t cel_format_timestamp(const struct cel_value *v, char ret_text[CEL_TIME_TEXT]);

/* Whether the instant has a year of four digits, or the duration fits. */
bool cel_time_in_range(const struct cel_value *v);
/* Sums and differences of two of them; CEL_E_ERROR: out of range. */
must_check int cel_time_add(const struct cel_value *a, const struct cel_value *b,
                            struct cel_value *ret_value);
must_check int cel_time_sub(const struct cel_value *a, const struct cel_value *b,
                            struct cel_value *ret_value);

/* "UTC", or an offset as "+01:00"; CEL_E_ERROR: anything else. */
must_check int cel_parse_zone(struct str text, int64_t *ret_offset_ms);

struct cel_calendar {
    int64_t year;
    int month, day, weekday, year_day; /* from 0, day from 0 too; Sunday is 0 */
    int hour, minute, second, ms;
};
void cel_calendar_of(int64_t ms, struct cel_calendar *ret_calendar);
