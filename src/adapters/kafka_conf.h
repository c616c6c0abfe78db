/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * From properties, as an operator writes them, to a librdkafka configuration. Nothing that
 * librdkafka rejects is passed over, and what the delivery protocol fixes cannot be overridden.
 * Also here: the partition as a value, which the rooms about Kafka share.
 */
#include "base/err.h"
#include "base/str.h"

struct rd_kafka_conf_s;

struct kafka_property {
    const char *key;   /* borrowed */
    const char *value; /* borrowed */
};

/* One partition and a place in it. Everything is borrowed by whoever is given one. */
struct kafka_part {
    const char *topic;
    int32_t partition;
    int64_t offset;       /* -1: none */
    const char *metadata; /* stored beside a committed offset; NULL: none */
    void *user;           /* the caller's, given back with each message */
};

enum kafka_role {
    KAFKA_ROLE_CONSUMER,
    KAFKA_ROLE_PRODUCER_TRANSACTIONAL,
    KAFKA_ROLE_PRODUCER_IDEMPOTENT,
    KAFKA_ROLE_PRODUCER_APPEND, /* in order, perhaps twice, and without an end that is fatal */
};

#define KAFKA_CONF_E_REJECTED 1 /* a property is reserved, unknown or malformed: see `detail` */

/* Why operators may not set this property (a literal), or NULL when they may. */
const char *kafka_conf_reserved(const char *key);

/*
 * The role's fixed properties and defaults, then the operator's. A default (session and
 * transaction time-outs, compression) yields to the operator, a fixed property does not.
 * The text of a refusal is appended to `detail`. The caller owns the result.
 */
must_check int kafka_conf_new(enum kafka_role role, const struct kafka_property *properties,
                              size_t n_properties, struct rd_kafka_conf_s **ret_conf,
                              struct buf *detail);
/* Sets one more property on it; same results. Not checked against the reserved ones. */
must_check int kafka_conf_set(struct rd_kafka_conf_s *conf, const char *key, const char *value,
                              struct buf *detail);
/* The value that librdkafka takes for `key`, given these properties; "" when it has none. */
void kafka_conf_effective(const struct kafka_property *properties, size_t n_properties,
                          enum kafka_role role, const char *key, struct buf *value);
