/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Why a record is no event that we take, for the dead letter's headers. A value: nothing in it is
 * borrowed. It names fields and what they should hold, never what they held: a record may carry
 * what must not be repeated elsewhere.
 */
#include "base/err.h"
#include "base/str.h"

/* Where in the decoder a record was refused, in the words of Kafka Connect. */
#define REFUSAL_STAGE_VALUE  "VALUE_CONVERTER"  /* its bytes are no JSON that we take */
#define REFUSAL_STAGE_HEADER "HEADER_CONVERTER" /* its headers cannot be read */
#define REFUSAL_STAGE_EVENT  "TRANSFORMATION"   /* readable, and no valid event */
#define REFUSAL_STAGE_APPLY  "TASK_PUT"         /* a valid event that must not be applied */

struct event_refusal {
    char code[64];     /* stable, for counting and for programs: "data.direction.invalid" */
    char text[256];    /* one sentence: what is wrong and what to send instead */
    const char *stage; /* REFUSAL_STAGE_X */
    bool has_time;     /* the event's time is known although it is refused */
};

/* Fills in a refusal that is known to have no time. */
void refusal_set(struct event_refusal *r, const char *stage, const char *code, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));
