/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Different values, or different days, each with the time of its latest event: a value is in a
 * window while that event is. Values are known by a 64-bit hash. Up to 1,024 are kept; one more
 * drops the one that was not seen for longest.
 */
#include "engine/entries.h"

#define DISTINCT_MAX         1024
#define DISTINCT_STRIDE      2 /* time, hash */
#define DISTINCT_DAYS_STRIDE 1 /* time; the day is the time's, in UTC */
#define DISTINCT_DAY_MS      86400000LL

void distinct_add(struct entries *s, int64_t time_ms, uint64_t key);
void distinct_days_add(struct entries *s, int64_t time_ms);
/* Days since 1970, the first one is 0. */
int64_t distinct_day_of(int64_t time_ms);
