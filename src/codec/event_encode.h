/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The records that we append to an input partition ourselves, as CloudEvents in structured mode.
 * `id` makes them known again together with `source` (/engaged/DEPLOYMENT). A time of
 * EVENT_ENCODE_NO_TIME is left out: then the record's timestamp is the event's.
 */
#include "base/str.h"

#define EVENT_CONTENT_TYPE   "application/cloudevents+json" /* for the content-type header */
#define EVENT_ENCODE_NO_TIME INT64_MIN

/* Time has passed: io.engaged.tick.v1. */
void event_encode_tick(struct buf *b, struct str deployment, struct str id, int64_t time_ms);
/* The rules from here on: io.engaged.configuration.v1 with the file's text (UTF-8), and that of the
 * one in force so far, for whoever reads the log from its beginning. */
void event_encode_configuration(struct buf *b, struct str deployment, struct str id,
                                int64_t time_ms, struct str text, struct str previous);
