/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * librdkafka's mock cluster: a broker within this process that any Kafka client can talk to. A
 * toy: it keeps some megabytes per partition, forgets committed offsets, and ignores aborts.
 */
#include "base/err.h"

struct kafka_mock;
struct rd_kafka_mock_cluster_s;

must_check int kafka_mock_start(int n_brokers, struct kafka_mock **ret_mock);
/* Blocks shortly; accepts NULL. */
void kafka_mock_stop(struct kafka_mock *m);
must_check int kafka_mock_topic(struct kafka_mock *m, const char *topic, int32_t n_partitions);
/* host:port, ...; borrowed. */
const char *kafka_mock_bootstrap(const struct kafka_mock *m);
/* For tests that inject faults. */
struct rd_kafka_mock_cluster_s *kafka_mock_cluster(struct kafka_mock *m);
