/* SPDX-License-Identifier: Apache-2.0 */
/* A control record that was not appended is appended again. */
#include "../unit.h"

#include "app/daemon_impl.h"
#include "app/ingest.h"
#include "base/mem.h"

static struct daemon d;
static struct partition p;

/* ---- Kafka, which answers when the test says so ---- */

static struct {
    kafka_append_fn fn;
    void *ctx;
    int n;
} appended;

int kafka_append_record(struct kafka_append *a, const struct kafka_append_record *record,
                        kafka_append_fn fn, void *ctx)
{
    (void)a;
    assert_string_equal(record->topic, "in");
    assert_non_null(memmem(record->value.ptr, record->value.len, "configuration.v1", 16));
    appended.fn = fn;
    appended.ctx = ctx;
    appended.n++;
    return 0;
}

/* ---- what is not asked here ---- */

bool residency_reaches(struct partition *partition, int64_t clock_ms)
{
    (void)partition, (void)clock_ms;
    return false;
}

int64_t ingest_caught_up_ms(struct ingest *g)
{
    (void)g;
    return INT64_MIN;
}

int64_t daemon_wall_ms(void)
{
    return 1700000000000;
}

/* ---- a daemon with one partition, which runs ---- */

static char topic[] = "in";

static void on_trigger(void *ctx, const struct trigger *trigger)
{
    (void)ctx, (void)trigger;
}

static int set_up(void **state)
{
    static struct partition *list[] = {&p};
    const struct commit_opts commit = COMMIT_OPTS_INIT;
    const struct engine_opts engine = {.topic = STR("in"), .on_trigger = on_trigger};
    const int32_t id = 0;
    struct conf_faults faults = CONF_FAULTS_INIT;

    (void)state;
    appended.n = 0;
    d = (struct daemon){.loop = mem_calloc(1, sizeof(uv_loop_t)),
                        .events_topic = topic,
                        .partitions = list,
                        .n_partitions = 1};
    uv_loop_init(d.loop);
    if (conf_parse(STR("deployment: unit\n"), "unit", &d.conf, &faults))
        fail_msg("%s", faults.items[0].text);
    commit_init(&d.commit, &commit);
    commit_assigned(&d.commit, &id, 1);
    d.commit.partitions[0]->state = COMMIT_RUNNING;
    p = (struct partition){.daemon = &d,
                           .conf = d.conf,
                           .engine = engine_new(d.conf->model, &engine),
                           .end_offset = -1,
                           .opened_ms = (int64_t)uv_now(d.loop),
                           .wants_configuration = true};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    engine_free(p.engine);
    commit_deinit(&d.commit);
    conf_free(d.conf);
    uv_loop_close(d.loop);
    mem_free(d.loop);
    return 0;
}

static void appends_once(void **state)
{
    (void)state;
    ticker_run(&d);
    ticker_run(&d);
    appended.fn(appended.ctx, NULL, 7);
    ticker_run(&d);
    assert_int_equal(appended.n, 1);
}

/* Also one that names the rules that are in force already: the first one of a log. */
static void appends_again_what_failed(void **state)
{
    (void)state;
    ticker_run(&d);
    appended.fn(appended.ctx, "timed out", -1);
    ticker_run(&d);
    assert_int_equal(appended.n, 1); /* not at once */
    p.append_at_ms = (int64_t)uv_now(d.loop);
    p.end_offset = 0; /* idle */
    ticker_run(&d);
    assert_int_equal(appended.n, 2);
    appended.fn(appended.ctx, NULL, 7);
    ticker_run(&d);
    assert_int_equal(appended.n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(appends_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(appends_again_what_failed, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
