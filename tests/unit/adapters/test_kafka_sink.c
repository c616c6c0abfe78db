/* SPDX-License-Identifier: Apache-2.0 */
/* The producer against the mock cluster, with faults injected at each step of a transaction. */
#include "../unit.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapters/kafka_append.h"
#include "adapters/kafka_mock.h"
#include "adapters/kafka_sink.h"
#include "base/log.h"
#include "base/mem.h"
#include "run.h"

#define API_PRODUCE           0
#define API_INIT_PRODUCER_ID  22
#define API_TXN_OFFSET_COMMIT 28
#define API_END_TXN           26

static uv_loop_t loop;
static struct kafka_mock *mock;

struct told {
    bool is_done;
    enum kafka_outcome outcome;
    size_t index;
    bool has_error;
    char error[128];
};

static void on_result(void *ctx, const struct kafka_result *result)
{
    struct told *t = ctx;

    assert_false(t->is_done);
    t->is_done = true;
    t->outcome = result->outcome;
    t->index = result->index;
    t->has_error = result->error != NULL;
    snprintf(t->error, sizeof(t->error), "%s", result->error ? result->error : "");
}

static struct kafka_sink *sink_open_at(const char *bootstrap, const char *id)
{
    struct kafka_property properties[] = {{"bootstrap.servers", bootstrap},
                                          {"group.id", "of the consumer"}};
    struct kafka_sink_opts opts = {
        .properties = properties, .n_properties = 2, .transactional_id = id};
    struct buf detail = BUF_INIT;
    struct kafka_sink *sink;

    assert_int_equal(kafka_sink_new(&loop, &opts, &sink, &detail), 0);
    buf_deinit(&detail);
    return sink;
}

static bool is_ready(void *ctx)
{
    return kafka_sink_is_ready(ctx);
}

static struct kafka_sink *sink_open(const char *id)
{
    struct kafka_sink *sink = sink_open_at(kafka_mock_bootstrap(mock), id);

    assert_true(run_until(&loop, is_ready, sink, 10000));
    return sink;
}

static void sink_close(struct kafka_sink *sink, int64_t deadline_ms, uint64_t ms)
{
    bool is_closed = false;

    kafka_sink_close(sink, deadline_ms, run_set_flag, &is_closed);
    assert_false(is_closed);
    assert_true(run_until(&loop, run_flag, &is_closed, ms));
}

static struct kafka_batch *batch_of(const char *topic, int n)
{
    struct kafka_batch *b = kafka_batch_new();
    struct kafka_part part = {
        .topic = "in", .partition = 0, .offset = 17, .metadata = "3 of them are out"};
    char text[32];

    for (int i = 0; i < n; i++) {
        snprintf(text, sizeof(text), "%s-%d", topic, i);
        kafka_batch_add(b, topic, 0, STR("key"), str_of(text), 1234567890123);
        kafka_batch_header(b, "h", STR("header"));
        kafka_batch_header(b, "i", str_of(text));
    }
    kafka_batch_offset(b, &part);
    kafka_batch_group(b, rd_kafka_consumer_group_metadata_new_with_genid("g", 1, "member", NULL));
    return b;
}

static struct told submit(struct kafka_sink *sink, struct kafka_batch *b, uint64_t ms)
{
    struct told t = {.is_done = false};

    kafka_sink_submit(sink, b, on_result, &t);
    assert_false(t.is_done);
    assert_false(kafka_sink_is_idle(sink));
    assert_true(run_until(&loop, run_flag, &t.is_done, ms));
    assert_true(kafka_sink_is_idle(sink));
    if (t.has_error)
        print_message("outcome %d: %s\n", t.outcome, t.error);
    return t;
}

static void fail_next(int16_t api, rd_kafka_resp_err_t err)
{
    rd_kafka_mock_push_request_errors(kafka_mock_cluster(mock), api, 1, err);
}

/* What the log holds; each must be "<topic>-<its number>", with its headers. */
static int count(const char *topic)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_t *rk;
    rd_kafka_message_t *m;
    int n = 0;

    rd_kafka_conf_set(conf, "bootstrap.servers", kafka_mock_bootstrap(mock), text, sizeof(text));
    rd_kafka_conf_set(conf, "group.id", "count", text, sizeof(text));
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", text, sizeof(text));
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = 0;
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    while ((m = rd_kafka_consumer_poll(rk, 5000))) {
        bool is_end = m->err != 0;

        if (!is_end) {
            rd_kafka_headers_t *headers;
            const void *value;
            size_t len;

            snprintf(text, sizeof(text), "%s-%d", topic, n++);
            assert_true(str_eq((struct str){.ptr = m->payload, .len = m->len}, str_of(text)));
            assert_int_equal(rd_kafka_message_timestamp(m, NULL), 1234567890123);
            assert_int_equal(rd_kafka_message_headers(m, &headers), 0);
            assert_int_equal(rd_kafka_header_get_last(headers, "i", &value, &len), 0);
            assert_true(str_eq((struct str){.ptr = value, .len = len}, str_of(text)));
        }
        rd_kafka_message_destroy(m);
        if (is_end)
            break;
    }
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return n;
}

static void test_commits(void **state)
{
    struct kafka_sink *sink = sink_open("commits");
    struct kafka_batch *b = batch_of("commits", 100);
    struct kafka_batch *empty = kafka_batch_new();

    (void)state;
    assert_int_equal(kafka_batch_n_records(b), 100);
    assert_int_equal(submit(sink, b, 10000).outcome, KAFKA_OUTCOME_COMMITTED);
    assert_int_equal(submit(sink, empty, 10000).outcome, KAFKA_OUTCOME_COMMITTED);
    for (int i = 0; i < 50; i++)
        assert_int_equal(submit(sink, empty, 10000).outcome, KAFKA_OUTCOME_COMMITTED);
    assert_int_equal(kafka_sink_stats(sink).n_producers, 1);
    assert_int_equal(kafka_sink_stats(sink).n_records, 100);
    assert_int_equal(kafka_sink_stats(sink).n_transactions, 52);
    kafka_batch_free(b);
    kafka_batch_free(empty);
    sink_close(sink, 1000, 10000);
    assert_int_equal(count("commits"), 100);
}

static void test_offsets_are_fenced(void **state)
{
    static const rd_kafka_resp_err_t fences[] = {RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
                                                 RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
                                                 RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID};
    struct kafka_sink *sink = sink_open("fenced");

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(fences); i++) {
        struct kafka_batch *b = batch_of("fenced", 3);

        fail_next(API_TXN_OFFSET_COMMIT, fences[i]);
        assert_int_equal(submit(sink, b, 10000).outcome, KAFKA_OUTCOME_FENCED);
        kafka_batch_free(b);
    }
    assert_int_equal(kafka_sink_stats(sink).n_fenced, 3);
    assert_int_equal(kafka_sink_stats(sink).n_producers, 1);
    sink_close(sink, 1000, 10000);
}

static void test_aborted_and_again(void **state)
{
    struct kafka_sink *sink = sink_open("aborted");
    struct kafka_batch *b = batch_of("aborted", 3);
    struct told t;

    (void)state;
    fail_next(API_PRODUCE, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    t = submit(sink, b, 10000);
    assert_int_equal(t.outcome, KAFKA_OUTCOME_ABORTED);
    assert_true(t.has_error);
    /* librdkafka may need another round to get over the gap in its sequence numbers. */
    for (int i = 0; i < 5 && t.outcome == KAFKA_OUTCOME_ABORTED; i++) {
        kafka_batch_group(b,
                          rd_kafka_consumer_group_metadata_new_with_genid("g", 2, "member", NULL));
        t = submit(sink, b, 10000);
    }
    assert_int_equal(t.outcome, KAFKA_OUTCOME_COMMITTED);
    kafka_batch_free(b);
    sink_close(sink, 1000, 10000);
    assert_int_equal(count("aborted"), 3);
}

static void test_fenced_producer_is_replaced(void **state)
{
    struct kafka_sink *sink = sink_open("producer");
    struct kafka_batch *b = batch_of("producer", 3);

    (void)state;
    fail_next(API_TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
    assert_int_equal(submit(sink, b, 10000).outcome, KAFKA_OUTCOME_FENCED);
    assert_true(run_until(&loop, is_ready, sink, 10000));
    assert_int_equal(kafka_sink_stats(sink).n_producers, 2);
    kafka_batch_free(b);
    b = batch_of("producer", 3);
    assert_int_equal(submit(sink, b, 10000).outcome, KAFKA_OUTCOME_COMMITTED);
    kafka_batch_free(b);
    sink_close(sink, 1000, 10000);
}

/* EndTxn answered with an error that leaves open what became of it. */
static void test_failed_end_is_uncertain(void **state)
{
    struct kafka_sink *sink = sink_open("uncertain");
    struct kafka_batch *b = batch_of("uncertain", 3);

    (void)state;
    fail_next(API_END_TXN, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
    assert_int_equal(submit(sink, b, 10000).outcome, KAFKA_OUTCOME_UNCERTAIN);
    assert_true(kafka_sink_is_ready(sink)); /* the new producer is there already */
    assert_int_equal(kafka_sink_stats(sink).n_producers, 2);
    kafka_batch_free(b);
    sink_close(sink, 1000, 10000);
}

/* The broker closes the connection instead of answering EndTxn: librdkafka asks again by itself
 * and is answered, so the outcome is known; but the first request is still somewhere. */
static void test_unanswered_end_replaces_the_producer(void **state)
{
    struct kafka_sink *sink = sink_open("unanswered");
    struct kafka_batch *b = batch_of("unanswered", 3);
    struct told t;

    (void)state;
    fail_next(API_END_TXN, RD_KAFKA_RESP_ERR__TRANSPORT);
    t = submit(sink, b, 20000);
    assert_int_equal(t.outcome, KAFKA_OUTCOME_COMMITTED);
    kafka_batch_free(b);
    b = batch_of("unanswered", 0);
    assert_int_equal(submit(sink, b, 20000).outcome, KAFKA_OUTCOME_COMMITTED);
    kafka_batch_free(b);
    assert_int_equal(kafka_sink_stats(sink).n_producers, 2);
    sink_close(sink, 1000, 10000);
    assert_int_equal(count("unanswered"), 3);
}

static struct kafka_batch *batch_with_giant(const char *topic, size_t at, size_t n_bytes)
{
    struct kafka_batch *b = kafka_batch_new();
    char *giant = mem_calloc(1, n_bytes);

    for (size_t i = 0; i < 5; i++)
        kafka_batch_add(b, topic, 0, STR_NULL,
                        i == at ? (struct str){.ptr = giant, .len = n_bytes} : STR("small"), 0);
    mem_free(giant);
    return b;
}

static void test_refuses_a_giant(void **state)
{
    struct kafka_sink *sink = sink_open("giant");
    struct kafka_batch *b = batch_with_giant("giant", 3, 2000000);
    struct told t = submit(sink, b, 10000);

    (void)state;
    assert_int_equal(t.outcome, KAFKA_OUTCOME_REFUSED);
    assert_int_equal(t.index, 3);
    kafka_batch_free(b);
    b = batch_of("giant", 2);
    assert_int_equal(submit(sink, b, 10000).outcome, KAFKA_OUTCOME_COMMITTED);
    kafka_batch_free(b);
    sink_close(sink, 1000, 10000);
}

/* A broker refuses a whole request: only sending one by one shows who is to blame. */
static void test_finds_who_is_refused(void **state)
{
    rd_kafka_resp_err_t errors[] = {
        RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, /* the batch */
        RD_KAFKA_RESP_ERR_NO_ERROR,           /* record 0 */
        RD_KAFKA_RESP_ERR_NO_ERROR,           /* record 1 */
        RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, /* record 2 */
    };
    struct kafka_sink *sink = sink_open("blame");
    struct kafka_batch *b = batch_of("blame", 5);
    struct told t;

    (void)state;
    rd_kafka_mock_push_request_errors_array(kafka_mock_cluster(mock), API_PRODUCE,
                                            ARRAY_SIZE(errors), errors);
    t = submit(sink, b, 10000);
    assert_int_equal(t.outcome, KAFKA_OUTCOME_REFUSED);
    assert_int_equal(t.index, 2);
    kafka_batch_free(b);
    sink_close(sink, 1000, 10000);
}

/* Too large together, each fine alone: not refused at all. */
static void test_too_large_together(void **state)
{
    struct kafka_sink *sink = sink_open("together");
    struct kafka_batch *b = batch_of("together", 5);

    (void)state;
    fail_next(API_PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    assert_int_equal(submit(sink, b, 10000).outcome, KAFKA_OUTCOME_COMMITTED);
    kafka_batch_free(b);
    sink_close(sink, 1000, 10000);
    assert_int_equal(count("together"), 5);
}

static void test_cancel(void **state)
{
    struct kafka_sink *sink = sink_open("cancel");
    struct kafka_batch *b = batch_of("cancel", 5);
    struct told t = {.is_done = false};

    (void)state;
    /* The offsets' coordinator is "loading" for long: there is time to change one's mind. */
    for (int i = 0; i < 100; i++)
        fail_next(API_TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
    kafka_sink_submit(sink, b, on_result, &t);
    run_for(&loop, 300);
    assert_false(t.is_done);
    kafka_sink_cancel(sink);
    assert_true(run_until(&loop, run_flag, &t.is_done, 8000));
    assert_int_equal(t.outcome, KAFKA_OUTCOME_ABORTED);
    rd_kafka_mock_clear_request_errors(kafka_mock_cluster(mock), API_TXN_OFFSET_COMMIT);
    kafka_batch_free(b);
    b = batch_of("cancel", 5);
    assert_int_equal(submit(sink, b, 10000).outcome, KAFKA_OUTCOME_COMMITTED);
    kafka_batch_free(b);
    sink_close(sink, 1000, 10000);
}

static void test_closes_without_a_broker(void **state)
{
    struct kafka_sink *sink = sink_open_at("127.0.0.1:1", "nobody");
    struct kafka_batch *b = batch_of("nobody", 1);
    struct told t = {.is_done = false};
    uint64_t began = uv_hrtime();

    (void)state;
    kafka_sink_submit(sink, b, on_result, &t);
    run_for(&loop, 500);
    assert_false(t.is_done);
    sink_close(sink, 1000, 10000);
    assert_true(t.is_done);
    assert_int_equal(t.outcome, KAFKA_OUTCOME_CANCELLED);
    assert_true(uv_hrtime() - began < 4000000000ull);
    kafka_batch_free(b);
}

static void test_close_gives_up_at_its_deadline(void **state)
{
    struct kafka_sink *sink = sink_open("deadline");
    struct kafka_batch *b = batch_of("deadline", 5);
    struct told t = {.is_done = false};

    (void)state;
    for (int i = 0; i < 100; i++)
        fail_next(API_TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
    kafka_sink_submit(sink, b, on_result, &t);
    run_for(&loop, 300);
    sink_close(sink, 500, 10000);
    assert_true(t.is_done);
    assert_int_equal(t.outcome, KAFKA_OUTCOME_ABORTED);
    rd_kafka_mock_clear_request_errors(kafka_mock_cluster(mock), API_TXN_OFFSET_COMMIT);
    kafka_batch_free(b);
}

static void on_leftover(void *ctx, const char *error)
{
    struct told *t = ctx;

    t->is_done = true;
    t->has_error = error != NULL;
}

static void test_leftover(void **state)
{
    struct kafka_sink *sink = sink_open("successor");
    struct told t = {.is_done = false};

    (void)state;
    kafka_sink_abort_leftover(sink, "predecessor", on_leftover, &t);
    assert_true(run_until(&loop, run_flag, &t.is_done, 10000));
    assert_false(t.has_error);
    t.is_done = false;
    fail_next(API_INIT_PRODUCER_ID, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    kafka_sink_abort_leftover(sink, "predecessor", on_leftover, &t);
    assert_true(run_until(&loop, run_flag, &t.is_done, 10000));
    assert_true(t.has_error);
    sink_close(sink, 1000, 10000);
}

static void test_idempotent(void **state)
{
    struct kafka_sink *sink = sink_open(NULL);
    struct kafka_batch *b = batch_of("idempotent", 200);
    struct kafka_batch *giant = batch_with_giant("giants", 1, 2000000);
    struct told t;

    (void)state;
    assert_int_equal(submit(sink, b, 10000).outcome, KAFKA_OUTCOME_COMMITTED);
    assert_int_equal(count("idempotent"), 200);
    t = submit(sink, giant, 10000);
    assert_int_equal(t.outcome, KAFKA_OUTCOME_REFUSED);
    assert_int_equal(t.index, 1);
    fail_next(API_PRODUCE, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    assert_int_equal(submit(sink, b, 10000).outcome, KAFKA_OUTCOME_ABORTED);
    kafka_batch_free(b);
    kafka_batch_free(giant);
    sink_close(sink, 1000, 10000);
}

static void test_refuses_bad_properties(void **state)
{
    struct kafka_property properties[] = {{"bootstrap.servers", "x"}, {"partitioner", "random"}};
    struct kafka_sink_opts opts = {.properties = properties, .n_properties = 2};
    struct buf detail = BUF_INIT;
    struct kafka_sink *sink;

    (void)state;
    assert_int_equal(kafka_sink_new(&loop, &opts, &sink, &detail), KAFKA_CONF_E_REJECTED);
    assert_non_null(strstr(detail.ptr, "murmur2"));
    buf_deinit(&detail);
}

struct appended {
    bool is_done;
    bool has_error;
    int64_t offset;
};

static void on_appended(void *ctx, const char *error, int64_t offset)
{
    struct appended *a = ctx;

    a->is_done = true;
    a->has_error = error != NULL;
    a->offset = offset;
}

static void test_append(void **state)
{
    struct kafka_property properties[] = {{"bootstrap.servers", kafka_mock_bootstrap(mock)}};
    struct kafka_header header = {"i", STR("append-0")};
    struct kafka_append_record record = {.topic = "append",
                                         .partition = 0,
                                         .value = STR("append-0"),
                                         .headers = &header,
                                         .n_headers = 1,
                                         .timestamp_ms = 1234567890123};
    struct buf detail = BUF_INIT;
    struct kafka_append *append;
    struct appended a = {.is_done = false}, b = {.is_done = false};
    bool is_closed = false;

    (void)state;
    assert_int_equal(kafka_append_new(&loop, properties, 1, &append, &detail), 0);
    assert_int_equal(kafka_append_record(append, &record, on_appended, &a), 0);
    assert_false(a.is_done);
    assert_true(run_until(&loop, run_flag, &a.is_done, 10000));
    assert_false(a.has_error);
    assert_int_equal(a.offset, 0);
    assert_int_equal(count("append"), 1);
    rd_kafka_mock_broker_set_down(kafka_mock_cluster(mock), 1);
    assert_int_equal(kafka_append_record(append, &record, on_appended, &b), 0);
    run_for(&loop, 100);
    assert_false(b.is_done);
    kafka_append_close(append, run_set_flag, &is_closed);
    assert_true(run_until(&loop, run_flag, &is_closed, 10000));
    assert_true(b.is_done && b.has_error);
    rd_kafka_mock_broker_set_up(kafka_mock_cluster(mock), 1);
    buf_deinit(&detail);
}

static int set_up(void **state)
{
    static const char *const topics[] = {
        "commits", "fenced",   "aborted", "producer", "uncertain",  "unanswered", "giant",  "blame",
        "cancel",  "together", "nobody",  "deadline", "idempotent", "giants",     "append", "in"};

    (void)state;
    log_setup(getenv("TEST_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(kafka_mock_start(1, &mock), 0);
    for (size_t i = 0; i < ARRAY_SIZE(topics); i++)
        assert_int_equal(kafka_mock_topic(mock, topics[i], 1), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kafka_mock_stop(mock);
    return uv_loop_close(&loop);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commits),
        cmocka_unit_test(test_offsets_are_fenced),
        cmocka_unit_test(test_aborted_and_again),
        cmocka_unit_test(test_fenced_producer_is_replaced),
        cmocka_unit_test(test_failed_end_is_uncertain),
        cmocka_unit_test(test_unanswered_end_replaces_the_producer),
        cmocka_unit_test(test_refuses_a_giant),
        cmocka_unit_test(test_finds_who_is_refused),
        cmocka_unit_test(test_too_large_together),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_closes_without_a_broker),
        cmocka_unit_test(test_close_gives_up_at_its_deadline),
        cmocka_unit_test(test_leftover),
        cmocka_unit_test(test_idempotent),
        cmocka_unit_test(test_refuses_bad_properties),
        cmocka_unit_test(test_append),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
