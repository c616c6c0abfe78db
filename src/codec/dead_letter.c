/* SPDX-License-Identifier: Apache-2.0 */
/* The headers of dead letters. */
#include "codec/dead_letter.h"

#include <inttypes.h>
#include <stdio.h>

void dead_letter_init(struct dead_letter *d, struct str topic, int32_t partition, int64_t offset,
                      const struct event_refusal *refusal)
{
    snprintf(d->partition, sizeof(d->partition), "%" PRId32, partition);
    snprintf(d->offset, sizeof(d->offset), "%" PRId64, offset);

    const struct dead_letter_header headers[DEAD_LETTER_N_HEADERS] = {
        {"__connect.errors.topic", topic},
        {"__connect.errors.partition", str_of(d->partition)},
        {"__connect.errors.offset", str_of(d->offset)},
        {"__connect.errors.connector.name", STR("engaged")},
        {"__connect.errors.stage", str_of(refusal->stage)},
        {"__connect.errors.exception.class.name", str_of(refusal->code)},
        {"__connect.errors.exception.message", str_of(refusal->text)},
    };

    memcpy(d->headers, headers, sizeof(headers));
}
