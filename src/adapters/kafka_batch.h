/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a batch is made of: for the sink only. Everything is kept in one buffer, by position. */
#include "adapters/kafka_sink.h"

struct batch_span {
    size_t at;
    size_t len;
    bool is_null;
};

struct batch_header {
    size_t name; /* position of a NUL-terminated text */
    struct batch_span value;
};

struct batch_record {
    size_t topic;
    int32_t partition;
    struct batch_span key;
    struct batch_span value;
    int64_t timestamp_ms;
    size_t header; /* index of its first one */
    size_t n_headers;
};

struct batch_offset {
    size_t topic;
    int32_t partition;
    int64_t offset;
    size_t metadata;
    bool has_metadata;
};

struct kafka_batch {
    struct buf bytes;
    struct batch_record *records; /* owned, as the next two */
    size_t n_records;
    size_t cap_records;
    struct batch_header *headers;
    size_t n_headers;
    size_t cap_headers;
    struct batch_offset *offsets;
    size_t n_offsets;
    size_t cap_offsets;
    size_t n_bytes;
    struct rd_kafka_consumer_group_metadata_s *group; /* owned, or NULL */
    bool is_submitted;
};

static inline const char *batch_text(const struct kafka_batch *b, size_t at)
{
    return b->bytes.ptr + at;
}

static inline struct str batch_view(const struct kafka_batch *b, struct batch_span span)
{
    return (struct str){.ptr = span.is_null ? NULL : b->bytes.ptr + span.at, .len = span.len};
}
