/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A topic of our own: looked for, and made where it is not there. On a helper thread, since all of
 * this blocks.
 */
#include <uv.h>
#include "adapters/kafka_conf.h"

struct kafka_topic;

struct kafka_topic_opts {
    const struct kafka_property *properties; /* as of a consumer, with a group.id; */
    size_t n_properties;                     /* all of this is borrowed during the call */
    const char *topic;
    int32_t partitions;
    int32_t replication;  /* -1: the brokers' default */
    int64_t retention_ms; /* cleanup.policy is delete, timestamps are the producer's */
};

struct kafka_topic_result {
    const char *error; /* text; NULL: it is there; borrowed for the duration of the callback */
    int32_t n_partitions;
    bool is_new; /* made by this call */
};

typedef void (*kafka_topic_fn)(void *ctx, const struct kafka_topic_result *result);

/* Asks until `fn`, which comes exactly once, after at most 40 s. */
struct kafka_topic *kafka_topic_ensure(uv_loop_t *loop, const struct kafka_topic_opts *opts,
                                       kafka_topic_fn fn, void *ctx);
/* To be ended early: `fn` comes soon, with an error. */
void kafka_topic_cancel(struct kafka_topic *t);
