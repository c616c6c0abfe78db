/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Business time: the instants whose local time lies in a calendar's hours of that weekday, on no
 * holiday. That holds for each instant by itself: an hour that the clocks skip is no business time,
 * one that they repeat counts twice.
 */
#include "engaged/model.h"

struct calendar {
    char *name;              /* owned */
    const struct zone *zone; /* borrowed; NULL: UTC */
    struct calendar_day days[7];
    int32_t *holidays; /* owned; days since 1970, ascending */
    size_t n_holidays;
    int64_t week_ms; /* business time of a week without holidays */
    char *canonical; /* owned; all of it but the name, for versions */
};

/* The search for a deadline ends after so many days: a calendar of holidays alone has none. */
#define CALENDAR_SEARCH_DAYS 36525

/* What is wrong with hours or holidays, and what to write instead; NULL: nothing. */
const char *calendar_fault(const struct calendar_spec *spec);
/* Copies what it needs of `spec`, which has no fault. The zone is borrowed. */
void calendar_init(struct calendar *c, const struct calendar_spec *spec, const struct zone *zone);
void calendar_deinit(struct calendar *c);

/* The first instant by which `business_ms` (at least 1) of business time have passed since
 * `start_ms`; INT64_MAX: none within CALENDAR_SEARCH_DAYS. */
int64_t calendar_add(const struct calendar *c, int64_t start_ms, int64_t business_ms);
/* The business time in [from, to); 0 where `to` is not after `from`. */
int64_t calendar_between(const struct calendar *c, int64_t from_ms, int64_t to_ms);
