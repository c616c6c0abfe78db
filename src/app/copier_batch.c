/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches of copies: handed to the producer with the offsets that they are of, and what becomes of
 * them. A record that Kafka refuses is noted, so that it is buried when it comes again.
 */
#include "app/copier_impl.h"
#include "base/mem.h"

#include <stdio.h>

static void note_refused(struct copier *c, size_t index, const char *why)
{
    struct copier_refused *r;

    if (index >= c->flight.n)
        return;
    mem_grow(&c->refused, &c->cap_refused, c->n_refused, sizeof(*r));
    r = &c->refused[c->n_refused++];
    r->part = c->flight.from[index].part;
    r->offset = c->flight.from[index].offset;
    snprintf(r->why, sizeof(r->why), "%s", why);
}

/* Those that are out of the way. */
static void forget_refused(struct copier *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_refused; i++) {
        if (c->refused[i].offset >= c->core.parts[c->refused[i].part].committed)
            c->refused[n++] = c->refused[i];
    }
    c->n_refused = n;
}

static enum repartition_outcome outcome_of(struct copier *c, const struct kafka_result *result)
{
    static const char *const names[] = {
        [KAFKA_OUTCOME_ABORTED] = "aborted",     [KAFKA_OUTCOME_FENCED] = "fenced",
        [KAFKA_OUTCOME_UNCERTAIN] = "uncertain", [KAFKA_OUTCOME_REFUSED] = "refused",
        [KAFKA_OUTCOME_CANCELLED] = "cancelled",
    };
    int64_t left_out;

    if (result->outcome == KAFKA_OUTCOME_COMMITTED)
        return REPARTITION_COMMITTED;
    if (log_limit_pass(&c->failure_limit, 10, copier_wall_ms(), &left_out))
        log_warn("copier", "a batch of copies was not committed",
                 log_str("outcome", names[result->outcome]),
                 log_str("why", result->error ? result->error : ""),
                 log_i64("not_logged", left_out));
    return REPARTITION_FAILED;
}

static void on_result(void *ctx, const struct kafka_result *result)
{
    struct copier_question *q = ctx;
    struct copier *c = q->copier;

    if (result->outcome == KAFKA_OUTCOME_REFUSED && q->assignment == c->assignment)
        note_refused(c, result->index, result->error);
    repartition_outcome(&c->core, q->ticket, outcome_of(c, result));
    if (q->assignment == c->assignment)
        forget_refused(c);
    copier_batch_reset(&c->flight);
    mem_free(q);
    copier_turn(c);
}

static void add_offsets(struct copier *c, struct kafka_batch *b)
{
    for (size_t i = 0; i < c->n_parts; i++) {
        struct kafka_part part = copier_kafka_part(c, i);

        part.offset = repartition_offset(&c->core, i);
        if (part.offset != REPARTITION_NONE)
            kafka_batch_offset(b, &part);
    }
}

void copier_submit(struct copier *c, const struct repartition_action *a)
{
    struct rd_kafka_consumer_group_metadata_s *group = NULL;

    if (c->is_exactly_once)
        group = kafka_source_group_metadata(c->source);
    if (c->is_closing || (c->is_exactly_once && !group) || !kafka_sink_is_idle(c->sink)) {
        kafka_group_metadata_free(group);
        repartition_outcome(&c->core, a->ticket, REPARTITION_NOT_SENT);
        return;
    }
    c->flight = c->filling;
    c->filling = (struct copier_batch){.batch = NULL};
    if (!c->flight.batch)
        c->flight.batch = kafka_batch_new();
    if (c->is_exactly_once) {
        add_offsets(c, c->flight.batch);
        kafka_batch_group(c->flight.batch, group);
    }
    kafka_sink_submit(c->sink, c->flight.batch, on_result, copier_question_new(c, a));
}

static void on_offsets(void *ctx, const char *error)
{
    struct copier_question *q = ctx;
    struct copier *c = q->copier;
    int64_t left_out;

    if (error && log_limit_pass(&c->failure_limit, 10, copier_wall_ms(), &left_out))
        log_warn("copier", "offsets were not committed", log_str("why", error),
                 log_i64("not_logged", left_out));
    repartition_offsets_done(&c->core, q->ticket, !error);
    mem_free(q);
    copier_turn(c);
}

void copier_commit(struct copier *c, const struct repartition_action *a)
{
    struct kafka_part *parts = mem_calloc(c->n_parts + 1, sizeof(*parts));
    size_t n = 0;

    for (size_t i = 0; i < c->n_parts; i++) {
        int64_t offset = repartition_offset(&c->core, i);

        if (offset == REPARTITION_NONE)
            continue;
        parts[n] = copier_kafka_part(c, i);
        parts[n++].offset = offset;
    }
    kafka_source_commit(c->source, parts, n, on_offsets, copier_question_new(c, a));
    mem_free(parts);
}
