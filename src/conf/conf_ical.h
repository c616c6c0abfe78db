/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Reads the holidays of an iCalendar file (RFC 5545): each VEVENT is one, of whole days. What
 * would change dates and is not supported is a fault with its line; texts, alarms, time-zone
 * definitions, tasks and names that begin with X- say nothing about dates.
 */
#include "conf/conf_fault.h"
#include "conf/conf_holiday.h"

struct zone;

#define CONF_ICAL_EVENTS_MAX 10000

typedef void (*conf_ical_fn)(void *ctx, const struct conf_holiday *holiday);

/* `zone` is the calendar's: an instant in UTC is put to the date that it has there. Faults go to
 * `faults`, with `file` and line; `fn` is called for each holiday, in the order of the file. */
void conf_ical_read(struct str text, const char *file, const struct zone *zone,
                    struct conf_faults *faults, conf_ical_fn fn, void *ctx);
