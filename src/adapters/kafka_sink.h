/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The producer side: one batch at a time, in one transaction with the offsets it stems from, or
 * (at-least-once) merely delivered. librdkafka's transactional calls block, so a helper thread
 * makes them; the loop hands a batch over and is told the outcome.
 *
 * The sink knows when it does not know: an EndTxn that was sent and not seen answered makes the
 * outcome UNCERTAIN, and the producer is replaced (its successor has a new epoch, so that the late
 * request can do no harm) before anything else is sent.
 */
#include <uv.h>
#include "adapters/kafka_conf.h"

struct kafka_sink;
struct kafka_batch;
struct rd_kafka_consumer_group_metadata_s;

/* A batch is filled once, submitted, and may be submitted again after its outcome is known. */
struct kafka_batch *kafka_batch_new(void);
/* Accepts NULL. Not while it is submitted. */
void kafka_batch_free(struct kafka_batch *b);
/* Copies. `partition` -1: by the key's murmur2. `timestamp_ms` 0: now. A NULL `value.ptr` is a
 * null value, likewise the key. Returns the record's index. */
size_t kafka_batch_add(struct kafka_batch *b, const char *topic, int32_t partition, struct str key,
                       struct str value, int64_t timestamp_ms);
/* Copies; a header of the record added last. */
void kafka_batch_header(struct kafka_batch *b, const char *name, struct str value);
/* Copies; commits `part->offset` (the next one to read) with `part->metadata`. */
void kafka_batch_offset(struct kafka_batch *b, const struct kafka_part *part);
/* Takes ownership; replaces what an earlier submission used. Needed where there are offsets. */
void kafka_batch_group(struct kafka_batch *b, struct rd_kafka_consumer_group_metadata_s *metadata);
size_t kafka_batch_n_records(const struct kafka_batch *b);
size_t kafka_batch_n_bytes(const struct kafka_batch *b); /* keys, values and headers */

enum kafka_outcome {
    KAFKA_OUTCOME_COMMITTED, /* visible, with its offsets; idempotent: delivered */
    KAFKA_OUTCOME_ABORTED,   /* not visible (idempotent: perhaps in part): submit again, fresh group
                              */
    KAFKA_OUTCOME_FENCED,    /* not visible; generation, member or producer is not the latest */
    KAFKA_OUTCOME_UNCERTAIN, /* read the group's offsets stable, then decide; the producer is new */
    KAFKA_OUTCOME_REFUSED,   /* not visible; record `index` can never be delivered */
    KAFKA_OUTCOME_CANCELLED, /* the sink closed before it was begun: not visible */
};

struct kafka_result {
    enum kafka_outcome outcome;
    size_t index;      /* REFUSED: which record */
    const char *error; /* text; NULL when COMMITTED; borrowed */
};

struct kafka_sink_opts {
    const struct kafka_property *properties; /* borrowed during kafka_sink_new only */
    size_t n_properties;
    const char *transactional_id; /* NULL: idempotent, at-least-once */
};

struct kafka_sink_stats {
    int64_t n_records;      /* committed or delivered */
    int64_t n_transactions; /* committed */
    int64_t n_aborted;
    int64_t n_fenced;
    int64_t n_uncertain;
    int64_t n_refused;
    int64_t n_producers; /* created, so: 1 + replacements */
    int64_t commit_us;   /* the last one, from begin to end */
};

typedef void (*kafka_result_fn)(void *ctx, const struct kafka_result *result);
typedef void (*kafka_leftover_fn)(void *ctx, const char *error); /* NULL: nothing is left open */

/* The producer is made and initialised on the helper thread, trying until it succeeds. */
must_check int kafka_sink_new(uv_loop_t *loop, const struct kafka_sink_opts *opts,
                              struct kafka_sink **ret_sink, struct buf *detail);
/* The producer has been initialised (and nothing is known to be wrong with it since). */
bool kafka_sink_is_ready(const struct kafka_sink *s);
/* No batch is under way. */
bool kafka_sink_is_idle(const struct kafka_sink *s);
/* The batch is borrowed until `fn`. The sink must be idle. An empty batch commits nothing. */
void kafka_sink_submit(struct kafka_sink *s, struct kafka_batch *b, kafka_result_fn fn, void *ctx);
/* Ask the batch under way to end early: aborted if its commit has not begun. Its outcome still
 * comes. For a partition that is being revoked. */
void kafka_sink_cancel(struct kafka_sink *s);
/* Aborts what a predecessor of that id left open, and fences it. Queued behind the batch. */
void kafka_sink_abort_leftover(struct kafka_sink *s, const char *transactional_id,
                               kafka_leftover_fn fn, void *ctx);
/*
 * What is under way is given until `deadline_ms` from now, then given up (its outcome is then
 * UNCERTAIN if its commit had begun, else ABORTED). All outcomes come before `done`; the sink is
 * freed then.
 */
void kafka_sink_close(struct kafka_sink *s, int64_t deadline_ms, void (*done)(void *ctx),
                      void *ctx);
struct kafka_sink_stats kafka_sink_stats(struct kafka_sink *s);
