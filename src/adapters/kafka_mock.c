/* SPDX-License-Identifier: Apache-2.0 */
/* The mock cluster lives inside a producer that does nothing else. */
#include "adapters/kafka_mock.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/mem.h"

struct kafka_mock {
    rd_kafka_t *rk;                   /* owned: host of the cluster */
    rd_kafka_mock_cluster_t *cluster; /* owned */
};

static void mock_on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    (void)level;
    (void)facility;
    (void)text;
}

int kafka_mock_start(int n_brokers, struct kafka_mock **ret_mock)
{
    char text[256];
    struct kafka_mock *m = mem_calloc(1, sizeof(*m));
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    rd_kafka_conf_set_log_cb(conf, mock_on_log);
    m->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (!m->rk) {
        rd_kafka_conf_destroy(conf);
        mem_free(m);
        return -EIO;
    }
    m->cluster = rd_kafka_mock_cluster_new(m->rk, n_brokers);
    if (!m->cluster) {
        kafka_mock_stop(m);
        return -EIO;
    }
    *ret_mock = m;
    return 0;
}

void kafka_mock_stop(struct kafka_mock *m)
{
    if (!m)
        return;
    if (m->cluster)
        rd_kafka_mock_cluster_destroy(m->cluster);
    rd_kafka_destroy(m->rk);
    mem_free(m);
}

int kafka_mock_topic(struct kafka_mock *m, const char *topic, int32_t n_partitions)
{
    return rd_kafka_mock_topic_create(m->cluster, topic, n_partitions, 1) ? -EEXIST : 0;
}

const char *kafka_mock_bootstrap(const struct kafka_mock *m)
{
    return rd_kafka_mock_cluster_bootstraps(m->cluster);
}

rd_kafka_mock_cluster_t *kafka_mock_cluster(struct kafka_mock *m)
{
    return m->cluster;
}
