/* SPDX-License-Identifier: Apache-2.0 */
/* Fills a batch. Owns copies of all it is given; sends nothing. */
#include "adapters/kafka_batch.h"

#include <librdkafka/rdkafka.h>

#include "base/mem.h"

struct kafka_batch *kafka_batch_new(void)
{
    return mem_calloc(1, sizeof(struct kafka_batch));
}

void kafka_batch_free(struct kafka_batch *b)
{
    if (!b)
        return;
    ENSURE(!b->is_submitted);
    if (b->group)
        rd_kafka_consumer_group_metadata_destroy(b->group);
    buf_deinit(&b->bytes);
    mem_free(b->records);
    mem_free(b->headers);
    mem_free(b->offsets);
    mem_free(b);
}

static size_t batch_add_text(struct kafka_batch *b, const char *text)
{
    size_t at = b->bytes.len;

    buf_add(&b->bytes, text, strlen(text) + 1);
    return at;
}

static struct batch_span batch_add_bytes(struct kafka_batch *b, struct str bytes)
{
    struct batch_span span = {.at = b->bytes.len, .len = bytes.len, .is_null = !bytes.ptr};

    /* At least one byte, so that empty and null stay apart: the buffer is never NULL then. */
    buf_add(&b->bytes, bytes.ptr ? bytes.ptr : "", bytes.len);
    buf_add_char(&b->bytes, '\0');
    b->n_bytes += bytes.len;
    return span;
}

size_t kafka_batch_add(struct kafka_batch *b, const char *topic, int32_t partition, struct str key,
                       struct str value, int64_t timestamp_ms)
{
    struct batch_record *r;

    ENSURE(!b->is_submitted);
    mem_grow(&b->records, &b->cap_records, b->n_records, sizeof(*r));
    r = &b->records[b->n_records];
    *r = (struct batch_record){
        .partition = partition, .timestamp_ms = timestamp_ms, .header = b->n_headers};
    r->topic = batch_add_text(b, topic);
    r->key = batch_add_bytes(b, key);
    r->value = batch_add_bytes(b, value);
    return b->n_records++;
}

void kafka_batch_header(struct kafka_batch *b, const char *name, struct str value)
{
    struct batch_header *h;

    ENSURE(!b->is_submitted && b->n_records > 0);
    mem_grow(&b->headers, &b->cap_headers, b->n_headers, sizeof(*h));
    h = &b->headers[b->n_headers++];
    h->name = batch_add_text(b, name);
    h->value = batch_add_bytes(b, value);
    b->n_bytes += strlen(name);
    b->records[b->n_records - 1].n_headers++;
}

void kafka_batch_offset(struct kafka_batch *b, const struct kafka_part *part)
{
    struct batch_offset *o;

    ENSURE(!b->is_submitted && part->offset >= 0);
    mem_grow(&b->offsets, &b->cap_offsets, b->n_offsets, sizeof(*o));
    o = &b->offsets[b->n_offsets++];
    *o = (struct batch_offset){.partition = part->partition,
                               .offset = part->offset,
                               .has_metadata = part->metadata != NULL};
    o->topic = batch_add_text(b, part->topic);
    if (part->metadata)
        o->metadata = batch_add_text(b, part->metadata);
}

void kafka_batch_group(struct kafka_batch *b, rd_kafka_consumer_group_metadata_t *metadata)
{
    ENSURE(!b->is_submitted);
    if (b->group)
        rd_kafka_consumer_group_metadata_destroy(b->group);
    b->group = metadata;
}

size_t kafka_batch_n_records(const struct kafka_batch *b)
{
    return b->n_records;
}

size_t kafka_batch_n_bytes(const struct kafka_batch *b)
{
    return b->n_bytes;
}
