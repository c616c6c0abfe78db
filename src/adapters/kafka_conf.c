/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two tables: what operators may not set, and what each role sets itself. Never passes over what
 * librdkafka rejects.
 */
#include "adapters/kafka_conf.h"

#include <librdkafka/rdkafka.h>
#include <syslog.h>

#include "base/log.h"

#define COOPERATIVE_SINCE 0x020a00ff

static const struct {
    const char *key;
    const char *reason;
} reserved[] = {
    {"enable.auto.commit", "offsets are committed with the triggers they stem from, never alone"},
    {"auto.commit.enable", "offsets are committed with the triggers they stem from, never alone"},
    {"auto.commit.interval.ms", "offsets are never committed by a timer"},
    {"enable.auto.offset.store", "offsets are committed with the triggers they stem from"},
    {"offset.store.method", "offsets are kept by the consumer group"},
    {"auto.offset.reset", "an offset outside the log stops the partition instead of losing state"},
    {"isolation.level", "offsets must be read stable, which needs read_committed"},
    {"enable.partition.eof", "the end of a partition decides when ticks are needed"},
    {"transactional.id", "it is made of the deployment and the slot, so that successors find it"},
    {"enable.idempotence", "a repeated request must not repeat a trigger"},
    {"enable.gapless.guarantee", "a gap is dealt with by the transaction"},
    {"partitioner", "keys are placed by murmur2, as Java places them"},
    {"partitioner_cb", "keys are placed by murmur2, as Java places them"},
    {"group.protocol", "partitions are handed over by the classic protocol"},
    {"group.remote.assignor", "partitions are handed over by the classic protocol"},
    {"enabled_events", "it decides how records reach the loop"},
    {"log.queue", "it decides how log lines reach the log"},
};

const char *kafka_conf_reserved(const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
        if (strcmp(reserved[i].key, key) == 0)
            return reserved[i].reason;
    if (strcmp(key, "partition.assignment.strategy") == 0 && rd_kafka_version() < COOPERATIVE_SINCE)
        return "incremental rebalancing is not reliable in librdkafka before 2.10";
    return NULL;
}

static void conf_on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    enum log_level to = LOG_LEVEL_DEBUG;

    /* It goes on trying by itself, so that even its errors are no more than warnings here. A
     * property of the other role is expected: operators give one list for both. */
    if (level <= LOG_WARNING && strcmp(facility, "CONFWARN") != 0)
        to = LOG_LEVEL_WARN;
    log_at(to, "kafka", text, log_str("facility", facility), log_str("client", rd_kafka_name(rk)));
}

int kafka_conf_set(rd_kafka_conf_t *conf, const char *key, const char *value, struct buf *detail)
{
    char text[512];

    if (rd_kafka_conf_set(conf, key, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
        return 0;
    buf_add_str(detail, str_of(text));
    return KAFKA_CONF_E_REJECTED;
}

struct conf_pair {
    const char *key;
    const char *value;
};

/* Operators may override these. Short time-outs, so that a successor takes over within seconds. */
static const struct conf_pair defaults_consumer[] = {
    {"session.timeout.ms", "6000"},
    {"heartbeat.interval.ms", "500"},
    {"partition.assignment.strategy", "range"},
    {"socket.nagle.disable", "true"},
    {"client.id", "engaged"},
};
static const struct conf_pair fixed_consumer[] = {
    {"enable.auto.commit", "false"},       {"enable.auto.offset.store", "false"},
    {"isolation.level", "read_committed"}, {"enable.partition.eof", "true"},
    {"auto.offset.reset", "error"},
};
static const struct conf_pair defaults_producer[] = {
    {"compression.type", "lz4"},
    {"linger.ms", "1"},
    {"socket.nagle.disable", "true"},
    {"client.id", "engaged"},
};
static const struct conf_pair fixed_producer[] = {
    {"enable.idempotence", "true"},
    {"partitioner", "murmur2_random"},
};
/* Of an idempotent producer a gap in its sequence is the end; of these records a repeat is
 * harmless. */
static const struct conf_pair fixed_append[] = {
    {"enable.idempotence", "false"},
    {"acks", "all"},
    {"max.in.flight.requests.per.connection", "1"},
};
static const struct conf_pair defaults_transactional[] = {
    {"transaction.timeout.ms", "10000"},
};

static int conf_set_all(rd_kafka_conf_t *conf, const struct conf_pair *pairs, size_t n,
                        struct buf *detail)
{
    for (size_t i = 0; i < n; i++) {
        int r = kafka_conf_set(conf, pairs[i].key, pairs[i].value, detail);

        if (r)
            return r;
    }
    return 0;
}

static int conf_set_properties(rd_kafka_conf_t *conf, const struct kafka_property *properties,
                               size_t n, struct buf *detail)
{
    for (size_t i = 0; i < n; i++) {
        const char *reason = kafka_conf_reserved(properties[i].key);
        int r;

        if (reason) {
            buf_addf(detail, "Kafka property \"%s\" is reserved: %s", properties[i].key, reason);
            return KAFKA_CONF_E_REJECTED;
        }
        r = kafka_conf_set(conf, properties[i].key, properties[i].value, detail);
        if (r)
            return r;
    }
    return 0;
}

static bool conf_has(rd_kafka_conf_t *conf, const char *key)
{
    size_t n = 0;

    /* The size counts the NUL. */
    return rd_kafka_conf_get(conf, key, NULL, &n) == RD_KAFKA_CONF_OK && n > 1;
}

static int conf_check(rd_kafka_conf_t *conf, enum kafka_role role, struct buf *detail)
{
    if (!conf_has(conf, "bootstrap.servers")) {
        buf_addf(detail, "Kafka property \"bootstrap.servers\" is needed");
        return KAFKA_CONF_E_REJECTED;
    }
    if (role == KAFKA_ROLE_CONSUMER && !conf_has(conf, "group.id")) {
        buf_addf(detail, "Kafka property \"group.id\" is needed");
        return KAFKA_CONF_E_REJECTED;
    }
    return 0;
}

static int conf_fill(rd_kafka_conf_t *conf, enum kafka_role role,
                     const struct kafka_property *properties, size_t n, struct buf *detail)
{
    bool is_consumer = role == KAFKA_ROLE_CONSUMER;
    int r = is_consumer
                ? conf_set_all(conf, defaults_consumer, ARRAY_SIZE(defaults_consumer), detail)
                : conf_set_all(conf, defaults_producer, ARRAY_SIZE(defaults_producer), detail);

    if (!r && role == KAFKA_ROLE_PRODUCER_TRANSACTIONAL)
        r = conf_set_all(conf, defaults_transactional, ARRAY_SIZE(defaults_transactional), detail);
    if (!r)
        r = conf_set_properties(conf, properties, n, detail);
    if (!r)
        r = is_consumer ? conf_set_all(conf, fixed_consumer, ARRAY_SIZE(fixed_consumer), detail)
            : role == KAFKA_ROLE_PRODUCER_APPEND
                ? conf_set_all(conf, fixed_append, ARRAY_SIZE(fixed_append), detail)
                : conf_set_all(conf, fixed_producer, ARRAY_SIZE(fixed_producer), detail);
    return r;
}

int kafka_conf_new(enum kafka_role role, const struct kafka_property *properties,
                   size_t n_properties, rd_kafka_conf_t **ret_conf, struct buf *detail)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int r = conf_fill(conf, role, properties, n_properties, detail);

    if (!r)
        r = conf_check(conf, role, detail);
    if (r) {
        rd_kafka_conf_destroy(conf);
        return r;
    }
    rd_kafka_conf_set_log_cb(conf, conf_on_log);
    *ret_conf = conf;
    return 0;
}

void kafka_conf_effective(const struct kafka_property *properties, size_t n_properties,
                          enum kafka_role role, const char *key, struct buf *value)
{
    struct buf ignored = BUF_INIT;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[512];
    size_t n = sizeof(text);

    if (conf_fill(conf, role, properties, n_properties, &ignored) == 0 &&
        rd_kafka_conf_get(conf, key, text, &n) == RD_KAFKA_CONF_OK)
        buf_add_str(value, str_of(text));
    buf_deinit(&ignored);
    rd_kafka_conf_destroy(conf);
}
