/* SPDX-License-Identifier: Apache-2.0 */
/* Questions from outside, against the mock cluster: answered, or given up in time. */
#include "../unit.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <uv.h>

#include "adapters/kafka_look.h"
#include "adapters/kafka_mock.h"
#include "adapters/kafka_source.h"
#include "base/log.h"

#define N_PARTITIONS 3

static void ends_in_time_without_a_broker(void **state)
{
    struct kafka_look_part parts[N_PARTITIONS];
    struct buf detail = BUF_INIT;
    struct kafka_property properties[2];
    struct kafka_mock *mock;
    struct kafka_look *look;
    uint64_t began;
    int32_t n = 0;

    (void)state;
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    assert_int_equal(kafka_mock_start(1, &mock), 0);
    assert_int_equal(kafka_mock_topic(mock, "t", N_PARTITIONS), 0);
    properties[0] = (struct kafka_property){"bootstrap.servers", kafka_mock_bootstrap(mock)};
    properties[1] = (struct kafka_property){"group.id", "g"};
    assert_int_equal(kafka_look_new(properties, 2, &look, &detail), 0);
    assert_int_equal(kafka_look_topic(look, "t", 10000, &n, &detail), 0);
    assert_int_equal(n, N_PARTITIONS);
    assert_int_equal(kafka_look_parts(look, "t", n, 10000, parts, &detail), 0);
    for (int32_t i = 0; i < n; i++) {
        assert_int_equal(parts[i].status, KAFKA_COMMITTED_NONE);
        assert_int_equal(parts[i].low, 0);
        assert_int_equal(parts[i].high, 0);
    }
    rd_kafka_mock_broker_set_down(kafka_mock_cluster(mock), 1);
    began = uv_hrtime();
    if (!kafka_look_parts(look, "t", n, 2000, parts, &detail))
        assert_int_equal(parts[0].high, -1);
    assert_true(uv_hrtime() - began < 8000000000u);
    kafka_look_free(look);
    kafka_mock_stop(mock);
    buf_deinit(&detail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_in_time_without_a_broker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
