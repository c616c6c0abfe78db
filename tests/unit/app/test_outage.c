/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of Kafka while it is away must not pile up. */
#include "../unit.h"

#include "app/daemon_impl.h"
#include "base/mem.h"

#define N_PARTITIONS 3

static struct daemon d;
static struct partition partitions[N_PARTITIONS];

/* ---- Kafka, which answers when the test says so ---- */

static struct {
    kafka_ends_fn fn;
    void *ctx;
    int32_t partitions[N_PARTITIONS];
    size_t n;       /* of the last question */
    size_t n_asked; /* questions */
} kafka;

void kafka_source_ends(struct kafka_source *s, const struct kafka_part *parts, size_t n,
                       kafka_ends_fn fn, void *ctx)
{
    (void)s;
    kafka.fn = fn;
    kafka.ctx = ctx;
    kafka.n = n;
    kafka.n_asked++;
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(parts[i].topic, "in");
        kafka.partitions[i] = parts[i].partition;
    }
}

bool kafka_source_high_watermark(struct kafka_source *s, const char *topic, int32_t partition,
                                 int64_t *ret_high)
{
    (void)s, (void)topic, (void)partition, (void)ret_high;
    return false;
}

struct partition *daemon_partition(struct daemon *daemon, int32_t id)
{
    return daemon->partitions[id];
}

/* ---- a daemon of which nothing but partitions is there ---- */

static char topic[] = "in";

static int set_up(void **state)
{
    static struct partition *list[N_PARTITIONS];

    (void)state;
    memset(&kafka, 0, sizeof(kafka));
    d = (struct daemon){.loop = mem_calloc(1, sizeof(uv_loop_t)),
                        .events_topic = topic,
                        .partitions = list,
                        .n_partitions = N_PARTITIONS};
    uv_loop_init(d.loop);
    for (int32_t i = 0; i < N_PARTITIONS; i++) {
        partitions[i] = (struct partition){.daemon = &d,
                                           .id = i,
                                           .engine = (struct engine *)&partitions[i],
                                           .paused = PAUSED_BY_PROTOCOL,
                                           .log_end = -1};
        list[i] = &partitions[i];
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    uv_loop_close(d.loop);
    mem_free(d.loop);
    return 0;
}

static void run_later(void)
{
    d.outage.asked_ms -= 10000;
    outage_run(&d);
}

static void asks_once_until_it_is_answered(void **state)
{
    (void)state;
    d.outage.asked_ms = (int64_t)uv_now(d.loop);
    partitions[1].paused = 0;
    for (int i = 0; i < 100; i++)
        run_later();
    assert_int_equal(kafka.n_asked, 1);
    assert_int_equal(kafka.n, 2);
    assert_int_equal(kafka.partitions[0], 0);
    assert_int_equal(kafka.partitions[1], 2);
    kafka.fn(kafka.ctx, "timed out", NULL, 2);
    assert_int_equal(outage_log_end(&partitions[0]), -1);
    run_later();
    assert_int_equal(kafka.n_asked, 2);
    kafka.fn(kafka.ctx, NULL, (const int64_t[]){70, 90}, 2);
    assert_int_equal(outage_log_end(&partitions[0]), 70);
    assert_int_equal(outage_log_end(&partitions[1]), -1);
    assert_int_equal(outage_log_end(&partitions[2]), 90);
}

static void asks_nothing_while_nothing_is_paused(void **state)
{
    (void)state;
    d.outage.asked_ms = (int64_t)uv_now(d.loop);
    for (size_t i = 0; i < N_PARTITIONS; i++)
        partitions[i].paused = 0;
    run_later();
    assert_int_equal(kafka.n_asked, 0);
    partitions[0].paused = PAUSED_BY_MEMORY;
    run_later();
    assert_int_equal(kafka.n_asked, 1);
    kafka.fn(kafka.ctx, NULL, (const int64_t[]){7}, 1);
    assert_int_equal(outage_log_end(&partitions[0]), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(asks_once_until_it_is_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(asks_nothing_while_nothing_is_paused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
