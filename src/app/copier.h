/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Copies source topics into the topic of our own that everything else consumes: mapped by the
 * presets, keyed by stakeholder, each record once. A consumer group and a transactional producer of
 * its own; what it does next is decided by repartition.h.
 *
 *     a record of a stakeholder   key is the subject, partition murmur2 of it
 *     a heartbeat, a tick         to every partition: it is about all of them
 *     an event of another type without a subject    to the partition of its source partition's
 *                                 number, modulo: it only moves a clock
 *     no valid event              dead letter, with its own topic, partition and offset
 *
 * A copy has the original's value (or what a preset made of it), its headers, and those of
 * origin.h, among them its timestamp.
 */
#include "app/repartition.h"

struct conf;
struct copier;
struct kafka_property;
struct redis_conn;
struct uv_loop_s;

struct copier_opts {
    struct uv_loop_s *loop;                  /* borrowed */
    const struct conf *conf;                 /* presets are borrowed of it, until copier_use() */
    struct redis_conn *redis;                /* borrowed: where claims are */
    const struct kafka_property *properties; /* the main part's; this and below: during the call */
    size_t n_properties;
    const char *topic;            /* of our own */
    int32_t n_partitions;         /* of it */
    const char *transactional_id; /* unique to this process */
    void (*on_fatal)(void *ctx, const char *why);
    void (*on_drained)(void *ctx);
    void *ctx;
};

/* `detail` takes the reason of a refusal (KAFKA_CONF_E_REJECTED). */
must_check int copier_new(const struct copier_opts *opts, struct copier **ret_copier,
                          struct buf *detail);
/* From here on with the presets of this configuration. */
void copier_use(struct copier *c, const struct conf *conf);
/* Ends the batch under way and takes nothing more; then `on_drained`. */
void copier_drain(struct copier *c);
/* Leaves the group, closes and frees; `done` is the last callback. */
void copier_close(struct copier *c, void (*done)(void *ctx), void *ctx);

bool copier_is_at_ease(const struct copier *c, const char **ret_why);
/* The latest instant (wall clock) of which it is known that all that the sources held then is
 * copied, by whichever process; INT64_MIN: of none. */
int64_t copier_caught_up_ms(const struct copier *c);
/* That is wanted: asks for it, unless it was asked for within the second. */
void copier_ask_caught_up(struct copier *c);

struct copier_stats {
    struct repartition_stats protocol;
    uint64_t n_dead_letters;
    uint64_t n_mapped; /* by a preset */
    int64_t lag;       /* records of our source partitions that are not copied */
    size_t n_parts;    /* source partitions of ours */
};

struct copier_stats copier_stats(struct copier *c);
