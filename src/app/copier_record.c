/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record. What is an event of ours is copied byte for byte, with a key; what a preset maps is
 * copied as the event that it becomes. Either way the copy decodes to the same event as the
 * original does here, with whatever configuration.
 */
#include "app/copier_impl.h"
#include "app/origin.h"
#include "base/mem.h"
#include "codec/dead_letter.h"
#include "codec/event_encode.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

void copier_batch_reset(struct copier_batch *b)
{
    kafka_batch_free(b->batch);
    mem_free(b->from);
    *b = (struct copier_batch){.batch = NULL};
}

static bool header_at(const void *headers, size_t i, const char **ret_name, struct str *ret_value)
{
    return kafka_message_header_at(headers, i, ret_name, ret_value);
}

static void add(struct copier *c, size_t part, const struct kafka_message *m, const char *topic,
                int32_t partition, struct str key, struct str value, int64_t timestamp_ms)
{
    struct copier_batch *b = &c->filling;

    if (!b->batch)
        b->batch = kafka_batch_new();
    mem_grow(&b->from, &b->cap, b->n, sizeof(*b->from));
    b->from[b->n++] = (struct copier_from){part, m->offset};
    kafka_batch_add(b->batch, topic, partition, key, value, timestamp_ms);
}

/* Those of the original; its own idea of an origin is not ours, and what was mapped is of another
 * content type now. */
static void add_headers(struct copier *c, const struct kafka_message *m, bool is_mapped)
{
    struct str value;
    const char *name;

    for (size_t i = 0; kafka_message_header_at(m, i, &name, &value); i++) {
        if (origin_is_header(name) || (is_mapped && strcasecmp(name, "content-type") == 0))
            continue;
        kafka_batch_header(c->filling.batch, name, value);
    }
    if (is_mapped)
        kafka_batch_header(c->filling.batch, "content-type", STR(EVENT_CONTENT_TYPE));
}

static void add_origin(struct copier *c, const struct kafka_message *m)
{
    char text[24];

    kafka_batch_header(c->filling.batch, ORIGIN_TOPIC, str_of(m->topic));
    snprintf(text, sizeof(text), "%" PRId32, m->partition);
    kafka_batch_header(c->filling.batch, ORIGIN_PARTITION, str_of(text));
    snprintf(text, sizeof(text), "%" PRId64, m->offset);
    kafka_batch_header(c->filling.batch, ORIGIN_OFFSET, str_of(text));
    snprintf(text, sizeof(text), "%" PRId64, m->timestamp_ms);
    if (m->timestamp_ms >= 0)
        kafka_batch_header(c->filling.batch, ORIGIN_TIMESTAMP, str_of(text));
}

/* ---- dead letters ---- */

static void log_refusal(struct copier *c, const struct kafka_message *m,
                        const struct event_refusal *refusal)
{
    int64_t left_out;

    c->n_dead_letters++;
    if (log_limit_pass(&c->dead_letter_limit, 10, copier_wall_ms(), &left_out))
        log_warn("copier", "a record went to the dead letters", log_str("code", refusal->code),
                 log_str("why", refusal->text), log_str("topic", m->topic),
                 log_i64("partition", m->partition), log_i64("offset", m->offset),
                 log_i64("not_logged", left_out));
}

static void add_letter_headers(struct copier *c, const struct kafka_message *m,
                               const struct event_refusal *refusal)
{
    struct dead_letter letter;

    dead_letter_init(&letter, str_of(m->topic), m->partition, m->offset, refusal);
    for (size_t i = 0; i < DEAD_LETTER_N_HEADERS; i++)
        kafka_batch_header(c->filling.batch, letter.headers[i].name, letter.headers[i].value);
}

/* The record as it came, and why. */
static void bury(struct copier *c, size_t part, const struct kafka_message *m,
                 const struct event_refusal *refusal)
{
    struct str value;
    const char *name;

    add(c, part, m, c->dead_letters, -1, m->has_key ? m->key : STR_NULL,
        m->has_value ? m->value : STR_NULL, m->timestamp_ms > 0 ? m->timestamp_ms : 0);
    for (size_t i = 0; kafka_message_header_at(m, i, &name, &value); i++)
        kafka_batch_header(c->filling.batch, name, value);
    add_letter_headers(c, m, refusal);
    log_refusal(c, m, refusal);
}

/* Kafka takes neither a copy nor the letter: a note of that, in its place. */
static void bury_without_value(struct copier *c, size_t part, const struct kafka_message *m,
                               const char *why)
{
    struct event_refusal refusal;

    refusal_set(&refusal, REFUSAL_STAGE_APPLY, "output.refused",
                "Kafka refuses the record's copy (%.150s); its value is left out here.", why);
    add(c, part, m, c->dead_letters, -1, m->has_key && m->key.len <= 1024 ? m->key : STR_NULL,
        STR_NULL, m->timestamp_ms > 0 ? m->timestamp_ms : 0);
    add_letter_headers(c, m, &refusal);
    log_refusal(c, m, &refusal);
}

static const char *why_refused(const struct copier *c, size_t part, int64_t offset)
{
    for (size_t i = 0; i < c->n_refused; i++) {
        if (c->refused[i].part == part && c->refused[i].offset == offset)
            return c->refused[i].why;
    }
    return NULL;
}

/* ---- copies ---- */

static void add_copy(struct copier *c, size_t part, const struct kafka_message *m,
                     int32_t partition, struct str key)
{
    struct str value = m->has_value ? m->value : STR_NULL;
    bool is_mapped = event_decoder_mapped(c->decoder, &value);

    add(c, part, m, c->topic, partition, key, value, 0);
    add_headers(c, m, is_mapped);
    add_origin(c, m);
    c->n_mapped += is_mapped;
}

static void copy(struct copier *c, size_t part, const struct kafka_message *m,
                 const struct event *event)
{
    if (event->type == EVENT_HEARTBEAT || event->type == EVENT_TICK) {
        for (int32_t i = 0; i < c->n_partitions; i++)
            add_copy(c, part, m, i, STR_NULL);
        return;
    }
    if (event->subject.len)
        add_copy(c, part, m, -1, event->subject);
    else
        add_copy(c, part, m, m->partition % c->n_partitions, STR_NULL);
}

static bool decode(struct copier *c, const struct kafka_message *m, struct event *ret_event,
                   struct event_refusal *ret_refusal)
{
    const struct event_input input = {.value = m->value,
                                      .header_at = header_at,
                                      .headers = m,
                                      .key = m->key,
                                      .has_key = m->has_key,
                                      .timestamp_ms = m->timestamp_ms,
                                      .offset = m->offset,
                                      .presets = c->presets};

    if (event_decode(c->decoder, &input, ret_event, ret_refusal))
        return false;
    if (ret_event->type != EVENT_CONFIGURATION)
        return true;
    refusal_set(ret_refusal, REFUSAL_STAGE_APPLY, "configuration.source",
                "A configuration is not taken from a source topic; change the file and reload.");
    return false;
}

void copier_record(struct copier *c, size_t part, const struct kafka_message *m)
{
    const char *why = why_refused(c, part, m->offset);
    struct event event = {0};
    struct event_refusal refusal = {.has_time = false};
    size_t n = c->filling.n;
    size_t n_bytes = c->filling.batch ? kafka_batch_n_bytes(c->filling.batch) : 0;

    if (why)
        bury_without_value(c, part, m, why);
    else if (decode(c, m, &event, &refusal))
        copy(c, part, m, &event);
    else
        bury(c, part, m, &refusal);
    repartition_took(&c->core, part, m->offset, c->filling.n - n,
                     kafka_batch_n_bytes(c->filling.batch) - n_bytes);
}
