/* SPDX-License-Identifier: Apache-2.0 */
/* The copier among its neighbours: what is theirs outlives it. */
#include "../unit.h"

#include "../adapters/redis_fixture.h"
#include "adapters/kafka_mock.h"
#include "app/copier_impl.h"
#include "conf/conf.h"

static const char text[] = "deployment: unit\n"
                           "kafka: {properties: {bootstrap.servers: x}, topics: {events: [in]}}\n"
                           "redis: {url: \"redis://localhost\"}\n"
                           "ingest: {repartition: true}\n";

static uv_loop_t loop;

static void on_redis(void *ctx, enum redis_state state, const char *error)
{
    (void)error;
    *(bool *)ctx = state == REDIS_STATE_READY;
}

static struct redis_conn *redis_new(struct redis_fixture *f, bool *is_ready)
{
    static const struct redis_conn_ops redis_ops = {.on_state = on_redis};
    struct redis_url url = REDIS_URL_INIT;
    struct redis_conn *conn;
    struct buf detail = BUF_INIT;

    assert_int_equal(redis_url_parse(str_of(child_redis_url(f->child)), &url, &detail), 0);
    assert_int_equal(redis_conn_new(&loop, &(struct redis_conn_opts){.url = &url}, &redis_ops,
                                    is_ready, &conn, &detail),
                     0);
    assert_true(run_until(&loop, run_flag, is_ready, 15000));
    redis_url_deinit(&url);
    return conn;
}

static void on_fatal(void *ctx, const char *why)
{
    (void)ctx;
    fail_msg("%s", why);
}

static void on_drained(void *ctx)
{
    (void)ctx;
}

static struct copier *copier_on(struct kafka_mock *mock, const struct conf *conf,
                                struct redis_conn *redis)
{
    const struct kafka_property property = {"bootstrap.servers", kafka_mock_bootstrap(mock)};
    const struct copier_opts opts = {.loop = &loop,
                                     .conf = conf,
                                     .redis = redis,
                                     .properties = &property,
                                     .n_properties = 1,
                                     .topic = "copies",
                                     .n_partitions = 1,
                                     .transactional_id = "unit",
                                     .on_fatal = on_fatal,
                                     .on_drained = on_drained};
    struct buf detail = BUF_INIT;
    struct copier *c;

    assert_int_equal(copier_new(&opts, &c, &detail), 0);
    return c;
}

static bool is_claiming(void *ctx)
{
    const struct copier *c = ctx;

    return !list_is_empty(&c->claims);
}

/* Closed while Redis has not said who copied the sources before: it may say so later. */
static void closes_before_redis_answers(void **state)
{
    const struct str block[] = {STR("BLPOP"), STR("nothing"), STR("0")};
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL;
    struct redis_fixture f;
    struct redis_conn *redis;
    struct kafka_mock *mock;
    struct copier *c;
    bool is_ready = false, is_closed = false;

    (void)state;
    uv_loop_init(&loop);
    fixture_start(&f, &loop);
    if (conf_parse(str_of(text), "unit", &conf, &faults))
        fail_msg("%s", faults.items[0].text);
    assert_int_equal(kafka_mock_start(1, &mock), 0);
    assert_int_equal(kafka_mock_topic(mock, "in", 1), 0);
    assert_int_equal(kafka_mock_topic(mock, "copies", 1), 0);
    redis = redis_new(&f, &is_ready);
    redis_conn_command_within(redis, 60000, block, 3, NULL, NULL);
    c = copier_on(mock, conf, redis);
    assert_true(run_until(&loop, is_claiming, c, 30000));
    copier_close(c, run_set_flag, &is_closed);
    assert_true(run_until(&loop, run_flag, &is_closed, 30000));
    is_closed = false;
    redis_conn_close(redis, run_set_flag, &is_closed); /* answers what is pending */
    assert_true(run_until(&loop, run_flag, &is_closed, 30000));
    kafka_mock_stop(mock);
    fixture_stop(&f, &loop);
    conf_free(conf);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closes_before_redis_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
