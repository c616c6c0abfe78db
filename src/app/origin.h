/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Where a copied record came from: headers that the copier adds, in the manner of Kafka Connect's,
 * and that whoever reads the copy finds again. The timestamp is among them, since the copy's own is
 * when it was made: the retention of its topic counts from then, however old the original is.
 */
#include "codec/event_decode.h"

#define ORIGIN_TOPIC     "__engaged.origin.topic"
#define ORIGIN_PARTITION "__engaged.origin.partition"
#define ORIGIN_OFFSET    "__engaged.origin.offset"
#define ORIGIN_TIMESTAMP "__engaged.origin.timestamp" /* ms since 1970; where there is one */

struct origin {
    struct str topic; /* into the headers */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* -1: it had none */
};

/* False: the record is no copy. Of several headers of one name the last counts. */
bool origin_read(event_header_fn header_at, const void *headers, struct origin *ret_origin);
bool origin_is_header(const char *name);
