/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a dead letter carries beside the record's own key, value, headers and timestamp (which the
 * caller keeps as they are): headers in the names of Kafka Connect, so that its tools read them.
 * The same record gives the same headers.
 */
#include "codec/refusal.h"

#define DEAD_LETTER_N_HEADERS 7

struct dead_letter_header {
    const char *name; /* "__connect.errors.topic", ... */
    struct str value; /* into the dead letter, the refusal or the topic's name */
};

struct dead_letter {
    struct dead_letter_header headers[DEAD_LETTER_N_HEADERS];
    char partition[12];
    char offset[24];
};

/* Borrows `topic` and `refusal` for the dead letter's life; it must not be moved or copied. */
void dead_letter_init(struct dead_letter *d, struct str topic, int32_t partition, int64_t offset,
                      const struct event_refusal *refusal);
