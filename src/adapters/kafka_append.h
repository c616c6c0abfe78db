/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Appends single records (ticks, control records) to a named partition, outside any transaction,
 * in the order in which they are given; one may be there twice. Never blocks.
 */
#include <uv.h>
#include "adapters/kafka_conf.h"

struct kafka_append;

struct kafka_header {
    const char *name;
    struct str value;
};

struct kafka_append_record {
    const char *topic; /* all borrowed during the call */
    int32_t partition;
    struct str key;
    struct str value;
    const struct kafka_header *headers;
    size_t n_headers;
    int64_t timestamp_ms; /* 0: now */
};

/* `error` NULL: appended at `offset`. */
typedef void (*kafka_append_fn)(void *ctx, const char *error, int64_t offset);

must_check int kafka_append_new(uv_loop_t *loop, const struct kafka_property *properties,
                                size_t n_properties, struct kafka_append **ret_append,
                                struct buf *detail);
#define KAFKA_APPEND_E_REFUSED 1 /* full, or too large, or no such partition: no callback comes */
must_check int kafka_append_record(struct kafka_append *a, const struct kafka_append_record *record,
                                   kafka_append_fn fn, void *ctx);
/* What was not delivered yet is given up with an error; then `done`, and it is freed. */
void kafka_append_close(struct kafka_append *a, void (*done)(void *ctx), void *ctx);
