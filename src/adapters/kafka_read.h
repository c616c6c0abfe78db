/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One topic, read from its beginning to its end by somebody who only looks: no group is joined,
 * nothing is committed. Blocks; for commands, not for the daemon.
 */
#include "adapters/kafka_source.h"

struct kafka_read_opts {
    const struct kafka_property *properties; /* as of a consumer, with a group.id */
    size_t n_properties;
    const char *topic;
    int32_t partition; /* -1: all of them, in no order among them */
};

/* Returns whether to go on. The message is borrowed; its `user` is NULL. */
typedef bool (*kafka_read_fn)(void *ctx, const struct kafka_message *m);

#define KAFKA_READ_E_FAILED 1 /* see `detail` */

/* Up to the end as it is when it is reached; what was committed only. 0, KAFKA_READ_E_FAILED, or
 * KAFKA_CONF_E_REJECTED as kafka_conf_new(), which is the same number. */
must_check int kafka_read(const struct kafka_read_opts *opts, kafka_read_fn fn, void *ctx,
                          struct buf *detail);
