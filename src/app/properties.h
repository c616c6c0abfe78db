/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The operator's properties of Kafka, and the group, as the adapters take them. */
#include "adapters/kafka_conf.h"

struct conf;

/* Room for one more is left behind the last. For properties_free(). */
struct kafka_property *properties_new(const struct conf *conf, size_t *ret_n);
void properties_free(struct kafka_property *list, size_t n);
