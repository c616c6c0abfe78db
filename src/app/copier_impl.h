/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The copier's inside, shared by its own rooms only:
 *
 *   copier.c         carries out what repartition.h decides
 *   copier_batch.c   batches to the producer, and what became of them
 *   copier_record.c  one record: decode, map, key, or bury
 *   copier_claim.c   who copies what, in Redis
 *   copier_lag.c     whether all sources are copied, by anybody
 */
#include <uv.h>
#include "adapters/kafka_sink.h"
#include "adapters/kafka_source.h"
#include "adapters/redis_conn.h"
#include "app/copier.h"
#include "base/list.h"
#include "base/log.h"
#include "codec/event_decode.h"
#include "conf/conf.h"

/* A source partition of ours, as repartition.h counts them. */
struct copier_part {
    const char *topic; /* of copier.topics */
    int32_t partition;
};

/* A record that Kafka refuses (too large with our headers): its dead letter has no value. */
struct copier_refused {
    size_t part;
    int64_t offset;
    char why[128];
};

/* What a record of a batch was made of. */
struct copier_from {
    size_t part;
    int64_t offset;
};

struct copier_batch {
    struct kafka_batch *batch; /* owned */
    struct copier_from *from;  /* owned; by index of the record */
    size_t n, cap;
};

enum copier_lag_state { COPIER_LAG_IDLE, COPIER_LAG_COUNTING, COPIER_LAG_ASKING };

/* The group as a whole. */
struct copier_lag {
    enum copier_lag_state state;
    int32_t *counts;          /* owned; partitions by topic */
    size_t topic;             /* whose are being counted */
    struct kafka_part *parts; /* owned; of all topics, `offset` is the end */
    size_t n_parts, cap_parts;
    int64_t asked_at_ms;   /* loop time */
    int64_t counted_at_ms; /* likewise */
    int64_t as_of_ms;      /* wall clock before the ends were asked for */
    int64_t caught_up_ms;
};

struct copier {
    uv_loop_t *loop;
    struct repartition core;
    char **topics; /* owned, with their texts */
    size_t n_topics;
    char *topic, *dead_letters, *claims_key; /* owned */
    int32_t n_partitions;
    bool is_exactly_once;
    struct presets *presets; /* borrowed */
    struct event_decoder *decoder;
    struct kafka_source *source;
    struct kafka_sink *sink;
    struct redis_conn *redis;  /* borrowed */
    struct list claims;        /* questions to it that are not answered yet */
    struct copier_part *parts; /* owned */
    size_t n_parts;
    uint64_t assignment; /* rises: answers about an earlier one are void */
    struct copier_batch filling, flight;
    struct copier_refused *refused; /* owned */
    size_t n_refused, cap_refused;
    struct copier_lag lag;
    uv_timer_t due;
    bool is_closing;
    struct log_limit dead_letter_limit, failure_limit, redis_limit;
    uint64_t n_dead_letters, n_mapped;
    void (*on_fatal)(void *ctx, const char *why);
    void (*on_drained)(void *ctx);
    void *ctx;
    void (*done)(void *ctx);
    void *done_ctx;
};

/* ---- copier.c ---- */

/* Something that was asked for, and by which assignment. */
struct copier_question {
    struct copier *copier;
    uint64_t assignment, ticket;
    size_t part;
};

struct copier_question *copier_question_new(struct copier *c, const struct repartition_action *a);
/* As the adapters name it, with its number as `user`. */
struct kafka_part copier_kafka_part(const struct copier *c, size_t part);
int64_t copier_wall_ms(void);
/* Lets the core decide, and carries it out. */
void copier_turn(struct copier *c);

/* ---- copier_batch.c ---- */

/* Hands over what is being filled, or says that it cannot be now. */
void copier_submit(struct copier *c, const struct repartition_action *a);
/* At least once: commits the offsets of what was delivered. */
void copier_commit(struct copier *c, const struct repartition_action *a);

/* ---- copier_record.c ---- */

/* Puts the copies of the record, or its dead letter, into the batch that is being filled. */
void copier_record(struct copier *c, size_t part, const struct kafka_message *m);
/* Its copies are void: nothing of it is kept. */
void copier_batch_reset(struct copier_batch *b);

/* ---- copier_claim.c ---- */

void copier_claim(struct copier *c, uint64_t ticket);
void copier_mark(struct copier *c, size_t part);
void copier_unclaim(struct copier *c);
/* Answers that are still to come are to be nobody's. */
void copier_claim_deinit(struct copier *c);

/* ---- copier_lag.c ---- */

void copier_lag_init(struct copier *c);
void copier_lag_deinit(struct copier *c);
