/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Looking at a topic and a group from outside: how many partitions there are, what the log of each
 * holds, what the group has committed, who is in it. No group is joined. Blocks; for commands, not
 * for the daemon. Every call ends within its time-out.
 */
#include "adapters/kafka_source.h"

struct kafka_look;

#define KAFKA_LOOK_E_FAILED 1 /* see `detail`; the same number as KAFKA_CONF_E_REJECTED */

struct kafka_look_part {
    int32_t partition;
    enum kafka_committed status; /* of the group's offset, stable */
    int64_t offset;              /* -1: none */
    int64_t low, high;           /* the log's first offset and its next one; -1: not known */
};

/* `properties` as of a consumer, with a group.id; borrowed during the call. Connects to nobody yet.
 */
must_check int kafka_look_new(const struct kafka_property *properties, size_t n,
                              struct kafka_look **ret_look, struct buf *detail);
/* Accepts NULL. */
void kafka_look_free(struct kafka_look *l);
/* The number of partitions. With this call it is found out whether the brokers are there: the
 * reason why not names their addresses. */
must_check int kafka_look_topic(struct kafka_look *l, const char *topic, int64_t timeout_ms,
                                int32_t *ret_n, struct buf *detail);
/* Of all partitions from 0 to n - 1. What could not be read is said in the part itself. */
must_check int kafka_look_parts(struct kafka_look *l, const char *topic, int32_t n,
                                int64_t timeout_ms, struct kafka_look_part *ret_parts,
                                struct buf *detail);
/* How many members the group has. */
must_check int kafka_look_group(struct kafka_look *l, const char *group, int64_t timeout_ms,
                                int *ret_n_members, struct buf *detail);
/* The timestamp of the first record from `offset` on, ms since 1970; -1: none, or not in time. */
int64_t kafka_look_timestamp(struct kafka_look *l, const char *topic, int32_t partition,
                             int64_t offset, int64_t timeout_ms);
/* Sets the group's offset, which Kafka refuses while the group has members. */
must_check int kafka_look_commit(struct kafka_look *l, const char *topic, int32_t partition,
                                 int64_t offset, struct buf *detail);
