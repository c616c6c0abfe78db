/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the protocol hands over, as a batch of the sink: outputs in flight, and the input offsets
 * that become committed with them.
 */
#include "app/daemon_impl.h"
#include "base/kill_point.h"
#include "base/mem.h"

struct hand_over {
    struct daemon *daemon;
    uint64_t ticket;
};

static const char *topic_of(const struct daemon *d, enum outbox_kind kind)
{
    return kind == OUTBOX_TRIGGER ? d->triggers_topic : d->dead_letters_topic;
}

static void add_output(struct daemon *d, const struct output *o)
{
    const struct outbox_record *r = &o->record;

    kafka_batch_add(d->batch, topic_of(d, r->kind), -1, r->key, r->value, r->timestamp_ms);
    for (size_t i = 0; i < r->n_headers; i++) {
        char *name = mem_strndup(r->headers[i].name.ptr, r->headers[i].name.len);

        kafka_batch_header(d->batch, name, r->headers[i].value);
        mem_free(name);
    }
}

static void add_offsets(struct daemon *d)
{
    const struct commit_batch *b = &d->commit.batch;

    for (size_t i = 0; i < b->n_offsets; i++) {
        char metadata[COMMIT_METADATA_MAX];
        const struct kafka_part part = {.topic = d->events_topic,
                                        .partition = b->offsets[i].partition,
                                        .offset = b->offsets[i].position.offset,
                                        .metadata = metadata};

        if (b->offsets[i].is_void)
            continue;
        commit_metadata(b->offsets[i].position, metadata);
        kafka_batch_offset(d->batch, &part);
    }
}

/* ---------------------------------------------------------------- outcomes */

static struct output *flight_at(struct daemon *d, size_t index)
{
    OUTBOX_EACH_FLIGHT(it, &d->commit.outbox)
    {
        if (!index--)
            return OUTPUT_OF(it);
    }
    return NULL;
}

/* Kafka will never take this output: a note of that goes to the dead letters in its place. */
static void replace_refused(struct daemon *d, size_t index, const char *why)
{
    struct output *o = flight_at(d, index);
    struct outbox_header headers[] = {
        {STR("__connect.errors.exception.class.name"), STR("output.refused")},
        {STR("__connect.errors.exception.message"), str_of(why)},
    };

    ENSURE(o);
    log_error("publisher",
              "an output that Kafka refuses goes to the dead letters without its value",
              log_str("why", why), log_i64("partition", o->partition), log_i64("offset", o->offset),
              log_i64("bytes", (int64_t)o->n_bytes));
    commit_replace(
        &d->commit, o,
        &(struct outbox_record){.kind = OUTBOX_DEAD_LETTER,
                                .key = o->record.key.len <= 1024 ? o->record.key : STR_NULL,
                                .headers = headers,
                                .n_headers = ARRAY_SIZE(headers)});
}

static void tell_published(struct daemon *d)
{
    if (!d->opts.on_published)
        return;
    OUTBOX_EACH_FLIGHT(it, &d->commit.outbox)
    d->opts.on_published(d->opts.ctx, OUTPUT_OF(it));
}

static enum commit_outcome outcome_of(enum kafka_outcome outcome)
{
    switch (outcome) {
    case KAFKA_OUTCOME_COMMITTED:
        return COMMIT_COMMITTED;
    case KAFKA_OUTCOME_FENCED:
        return COMMIT_FENCED;
    case KAFKA_OUTCOME_UNCERTAIN:
        return COMMIT_UNCERTAIN;
    case KAFKA_OUTCOME_ABORTED:
    case KAFKA_OUTCOME_REFUSED:
    case KAFKA_OUTCOME_CANCELLED:
        break;
    }
    return COMMIT_ABORTED;
}

static void on_result(void *ctx, const struct kafka_result *result)
{
    struct hand_over *h = ctx;
    struct daemon *d = h->daemon;
    int64_t left_out;

    if (result->outcome == KAFKA_OUTCOME_REFUSED)
        replace_refused(d, result->index, result->error);
    else if (result->outcome == KAFKA_OUTCOME_COMMITTED)
        tell_published(d);
    else if (log_limit_pass(&d->batch_limit, 10, daemon_wall_ms(), &left_out))
        log_warn("publisher", "a batch was not committed",
                 log_str("why", result->error ? result->error : ""),
                 log_str("outcome", result->outcome == KAFKA_OUTCOME_FENCED      ? "fenced"
                                    : result->outcome == KAFKA_OUTCOME_UNCERTAIN ? "uncertain"
                                                                                 : "aborted"),
                 log_i64("not_logged", left_out));
    kafka_batch_free(d->batch);
    d->batch = NULL;
    commit_outcome(&d->commit, h->ticket, outcome_of(result->outcome));
    kill_point("outcome_told");
    mem_free(h);
    daemon_turn(d);
}

void publisher_hand_over(struct daemon *d, uint64_t ticket)
{
    struct rd_kafka_consumer_group_metadata_s *group = NULL;
    struct hand_over *h;

    if (d->commit.opts.is_exactly_once)
        group = kafka_source_group_metadata(d->source);
    if ((d->commit.opts.is_exactly_once && !group) || !kafka_sink_is_idle(d->sink)) {
        kafka_group_metadata_free(group);
        commit_outcome(&d->commit, ticket, COMMIT_ABORTED);
        return;
    }
    d->batch = kafka_batch_new();
    OUTBOX_EACH_FLIGHT(it, &d->commit.outbox)
    add_output(d, OUTPUT_OF(it));
    if (d->commit.opts.is_exactly_once) {
        add_offsets(d);
        kafka_batch_group(d->batch, group);
    }
    h = mem_alloc(sizeof(*h));
    *h = (struct hand_over){d, ticket};
    kafka_sink_submit(d->sink, d->batch, on_result, h);
    kill_point("batch_handed_over");
}

/* ---------------------------------------------------------------- at least once */

static void on_offsets(void *ctx, const char *error)
{
    struct hand_over *h = ctx;
    struct daemon *d = h->daemon;

    if (error)
        log_warn("publisher", "offsets were not committed", log_str("why", error));
    commit_offsets_done(&d->commit, h->ticket, !error);
    kill_point("plain_offsets_committed");
    mem_free(h);
    daemon_turn(d);
}

void publisher_commit_offsets(struct daemon *d, uint64_t ticket)
{
    const struct commit_batch *b = &d->commit.plain;
    struct kafka_part *parts = mem_calloc(b->n_offsets + 1, sizeof(*parts));
    char(*metadata)[COMMIT_METADATA_MAX] = mem_calloc(b->n_offsets + 1, sizeof(*metadata));
    struct hand_over *h = mem_alloc(sizeof(*h));
    size_t n = 0;

    for (size_t i = 0; i < b->n_offsets; i++) {
        if (b->offsets[i].is_void)
            continue;
        /* A record may be under way for long: who takes over goes on inside it. */
        commit_metadata(b->offsets[i].position, metadata[n]);
        parts[n] = (struct kafka_part){.topic = d->events_topic,
                                       .partition = b->offsets[i].partition,
                                       .offset = b->offsets[i].position.offset,
                                       .metadata = metadata[n]};
        n++;
    }
    *h = (struct hand_over){d, ticket};
    kafka_source_commit(d->source, parts, n, on_offsets, h);
    mem_free(metadata);
    mem_free(parts);
}
