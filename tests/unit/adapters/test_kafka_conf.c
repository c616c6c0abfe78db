/* SPDX-License-Identifier: Apache-2.0 */
/* What operators may set, what they may not, and what is set for them. */
#include "../unit.h"

#include <librdkafka/rdkafka.h>

#include "adapters/kafka_conf.h"

static const struct kafka_property plain[] = {{"bootstrap.servers", "h:1"}, {"group.id", "g"}};

static void expect(const struct kafka_property *properties, size_t n, enum kafka_role role,
                   const char *key, const char *value)
{
    struct buf b = BUF_INIT;

    buf_add_str(&b, STR(""));
    kafka_conf_effective(properties, n, role, key, &b);
    assert_string_equal(b.ptr ? b.ptr : "", value);
    buf_deinit(&b);
}

static void test_sets_for_them(void **state)
{
    static const struct kafka_property own[] = {{"bootstrap.servers", "h:1"},
                                                {"group.id", "g"},
                                                {"session.timeout.ms", "30000"},
                                                {"compression.type", "zstd"},
                                                {"linger.ms", "5"}};

    (void)state;
    expect(plain, 2, KAFKA_ROLE_CONSUMER, "enable.auto.commit", "false");
    expect(plain, 2, KAFKA_ROLE_CONSUMER, "enable.auto.offset.store", "false");
    expect(plain, 2, KAFKA_ROLE_CONSUMER, "isolation.level", "read_committed");
    expect(plain, 2, KAFKA_ROLE_CONSUMER, "enable.partition.eof", "true");
    expect(plain, 2, KAFKA_ROLE_CONSUMER, "auto.offset.reset", "error");
    expect(plain, 2, KAFKA_ROLE_CONSUMER, "session.timeout.ms", "6000");
    expect(own, 5, KAFKA_ROLE_CONSUMER, "session.timeout.ms", "30000");
    expect(plain, 2, KAFKA_ROLE_PRODUCER_IDEMPOTENT, "enable.idempotence", "true");
    expect(plain, 2, KAFKA_ROLE_PRODUCER_IDEMPOTENT, "partitioner", "murmur2_random");
    expect(plain, 2, KAFKA_ROLE_PRODUCER_APPEND, "enable.idempotence", "false");
    expect(plain, 2, KAFKA_ROLE_PRODUCER_APPEND, "max.in.flight", "1");
    expect(plain, 2, KAFKA_ROLE_PRODUCER_APPEND, "acks", "-1");
    expect(plain, 2, KAFKA_ROLE_PRODUCER_TRANSACTIONAL, "transaction.timeout.ms", "10000");
    expect(plain, 2, KAFKA_ROLE_PRODUCER_TRANSACTIONAL, "compression.codec", "lz4");
    expect(own, 5, KAFKA_ROLE_PRODUCER_TRANSACTIONAL, "compression.codec", "zstd");
    expect(plain, 2, KAFKA_ROLE_CONSUMER, "socket.nagle.disable", "true");
}

static void refuse(struct kafka_property property, const char *why)
{
    struct kafka_property properties[] = {plain[0], plain[1], property};
    struct buf detail = BUF_INIT;
    rd_kafka_conf_t *conf;

    assert_int_equal(kafka_conf_new(KAFKA_ROLE_CONSUMER, properties, 3, &conf, &detail),
                     KAFKA_CONF_E_REJECTED);
    assert_non_null(strstr(detail.ptr, property.key));
    assert_non_null(strstr(detail.ptr, why));
    buf_deinit(&detail);
}

static void test_refuses(void **state)
{
    static const char *const reserved[] = {
        "enable.auto.commit", "enable.auto.offset.store", "isolation.level",   "transactional.id",
        "partitioner",        "enable.partition.eof",     "auto.offset.reset", "enable.idempotence",
        "group.protocol"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(reserved); i++) {
        assert_non_null(kafka_conf_reserved(reserved[i]));
        refuse((struct kafka_property){reserved[i], "x"}, kafka_conf_reserved(reserved[i]));
    }
    if (rd_kafka_version() < 0x020a00ff)
        refuse((struct kafka_property){"partition.assignment.strategy", "cooperative-sticky"},
               "2.10");
    refuse((struct kafka_property){"no.such.property", "x"}, "No such");
    refuse((struct kafka_property){"session.timeout.ms", "soon"}, "Invalid");
    assert_null(kafka_conf_reserved("security.protocol"));
    assert_null(kafka_conf_reserved("group.id"));
}

static void test_needs(void **state)
{
    struct buf detail = BUF_INIT;
    rd_kafka_conf_t *conf;

    (void)state;
    assert_int_equal(kafka_conf_new(KAFKA_ROLE_CONSUMER, plain, 1, &conf, &detail),
                     KAFKA_CONF_E_REJECTED);
    assert_non_null(strstr(detail.ptr, "group.id"));
    assert_int_equal(kafka_conf_new(KAFKA_ROLE_CONSUMER, plain + 1, 1, &conf, &detail),
                     KAFKA_CONF_E_REJECTED);
    assert_non_null(strstr(detail.ptr, "bootstrap.servers"));
    assert_int_equal(kafka_conf_new(KAFKA_ROLE_PRODUCER_IDEMPOTENT, plain, 1, &conf, &detail), 0);
    rd_kafka_conf_destroy(conf);
    buf_deinit(&detail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_for_them),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_needs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
