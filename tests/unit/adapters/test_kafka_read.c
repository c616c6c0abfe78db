/* SPDX-License-Identifier: Apache-2.0 */
/* A topic of the mock cluster read by somebody who only looks. */
#include "../unit.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>

#include "adapters/kafka_mock.h"
#include "adapters/kafka_read.h"
#include "base/log.h"

#define N_PARTITIONS 3
#define N_RECORDS    500 /* per partition */

static struct kafka_mock *mock;

struct look {
    int64_t next[N_PARTITIONS];
    size_t n, stop_at;
};

static bool on_message(void *ctx, const struct kafka_message *m)
{
    struct look *look = ctx;
    const char *name;
    struct str header;
    char expected[32];

    snprintf(expected, sizeof(expected), "v%d/%d", m->partition, (int)m->offset);
    assert_true(str_eq(m->value, str_of(expected)));
    assert_true(m->has_key && str_eq(m->key, STR("k")));
    assert_int_equal(m->timestamp_ms, 1000 + m->offset);
    assert_false(m->is_append_time);
    assert_int_equal(m->offset, look->next[m->partition]++);
    assert_true(kafka_message_header_at(m, 0, &name, &header));
    assert_string_equal(name, "h");
    assert_true(str_eq(header, STR("x")));
    return ++look->n != look->stop_at;
}

static int read_topic(const char *topic, int32_t partition, struct look *look, struct buf *detail)
{
    const struct kafka_property properties[] = {{"bootstrap.servers", kafka_mock_bootstrap(mock)},
                                                {"group.id", "onlooker"}};
    const struct kafka_read_opts opts = {
        .properties = properties, .n_properties = 2, .topic = topic, .partition = partition};

    return kafka_read(&opts, on_message, look, detail);
}

static void test_one_partition(void **state)
{
    struct look look = {.n = 0};
    struct buf detail = BUF_INIT;

    (void)state;
    assert_int_equal(read_topic("t", 1, &look, &detail), 0);
    assert_int_equal(look.n, N_RECORDS);
    assert_int_equal(look.next[1], N_RECORDS);
    buf_deinit(&detail);
}

static void test_all_partitions(void **state)
{
    struct look look = {.n = 0};
    struct buf detail = BUF_INIT;

    (void)state;
    assert_int_equal(read_topic("t", -1, &look, &detail), 0);
    assert_int_equal(look.n, N_PARTITIONS * N_RECORDS);
    buf_deinit(&detail);
}

/* The end of those that are empty is not the end of all. */
static void test_one_is_filled(void **state)
{
    struct look look = {.n = 0};
    struct buf detail = BUF_INIT;

    (void)state;
    assert_int_equal(read_topic("uneven", -1, &look, &detail), 0);
    assert_int_equal(look.next[N_PARTITIONS - 1], N_RECORDS);
    buf_deinit(&detail);
}

static void test_enough(void **state)
{
    struct look look = {.stop_at = 7};
    struct buf detail = BUF_INIT;

    (void)state;
    assert_int_equal(read_topic("t", -1, &look, &detail), 0);
    assert_int_equal(look.n, 7);
    buf_deinit(&detail);
}

static void test_nothing_in_it(void **state)
{
    struct look look = {.n = 0};
    struct buf detail = BUF_INIT;

    (void)state;
    assert_int_equal(read_topic("empty", -1, &look, &detail), 0);
    assert_int_equal(look.n, 0);
    buf_deinit(&detail);
}

static void test_refused(void **state)
{
    static const struct kafka_property bad[] = {{"no.such", "1"}};
    const struct kafka_read_opts opts = {.properties = bad, .n_properties = 1, .topic = "t"};
    struct look look = {.n = 0};
    struct buf detail = BUF_INIT;

    (void)state;
    assert_int_equal(kafka_read(&opts, on_message, &look, &detail), KAFKA_READ_E_FAILED);
    assert_non_null(strstr(detail.ptr, "no.such"));
    buf_reset(&detail);
    assert_int_equal(read_topic("t", N_PARTITIONS, &look, &detail), KAFKA_READ_E_FAILED);
    assert_non_null(strstr(detail.ptr, "reading t: there is no such partition"));
    buf_deinit(&detail);
}

static void fill(const char *topic, int first_partition)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;

    rd_kafka_conf_set(conf, "bootstrap.servers", kafka_mock_bootstrap(mock), text, sizeof(text));
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    for (int i = 0; i < N_RECORDS * N_PARTITIONS; i++) {
        if (i % N_PARTITIONS < first_partition)
            continue;
        snprintf(text, sizeof(text), "v%d/%d", i % N_PARTITIONS, i / N_PARTITIONS);
        assert_int_equal(
            rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(i % N_PARTITIONS),
                              RD_KAFKA_V_KEY("k", 1), RD_KAFKA_V_VALUE(text, strlen(text)),
                              RD_KAFKA_V_TIMESTAMP(1000 + i / N_PARTITIONS),
                              RD_KAFKA_V_HEADER("h", "x", 1),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
            0);
    }
    assert_int_equal(rd_kafka_flush(rk, 20000), 0);
    rd_kafka_destroy(rk);
}

static int set_up(void **state)
{
    (void)state;
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    assert_int_equal(kafka_mock_start(1, &mock), 0);
    assert_int_equal(kafka_mock_topic(mock, "t", N_PARTITIONS), 0);
    assert_int_equal(kafka_mock_topic(mock, "empty", 1), 0);
    assert_int_equal(kafka_mock_topic(mock, "uneven", N_PARTITIONS), 0);
    fill("t", 0);
    fill("uneven", N_PARTITIONS - 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kafka_mock_stop(mock);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_partition), cmocka_unit_test(test_all_partitions),
        cmocka_unit_test(test_one_is_filled), cmocka_unit_test(test_enough),
        cmocka_unit_test(test_nothing_in_it), cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
