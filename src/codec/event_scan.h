/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The fast way from a record's value to an event: one pass over the bytes (json_scan), straight
 * into the event's places by the same tables of attributes and fields that the reference reads by.
 * It takes what producers usually send, and everything that it takes is what the reference would
 * have taken, with the same values; all else, and whatever would be refused, it leaves alone. For
 * the rooms of the decoder only.
 */
#include "codec/envelope.h"
#include "codec/event_data.h"

/* What is prepared once for all events. Owns the texts that had escapes. */
struct event_scan;

struct event_scan *event_scan_new(void);
struct event_scan *event_scan_free(struct event_scan *s);

/*
 * Reads `value` into `envelope`, which envelope_open() has filled, and into the fields of *e, which
 * is zero before; views are into `value`, or good until the next call. The type's `finish` is not
 * called and attributes are not checked. False: leave it to the reference; *envelope and *e are of
 * no use then.
 */
bool event_scan(struct event_scan *s, struct str value, size_t depth_max, struct envelope *envelope,
                const struct event_data_type **ret_type, struct event *e);
