/* SPDX-License-Identifier: Apache-2.0 */
/* In what condition a partition is, and what a rebuild would do to it. */
#include "app/condition.h"
#include "base/err.h"
#include "../unit.h"

#define NONE COMMIT_NONE

/* All is well: N 100, M 100, the log from 0 to 100, one member. */
static struct condition_facts well(void)
{
    return (struct condition_facts){
        .has_redis = true,
        .has_kafka = true,
        .is_there = true,
        .has_owner = true,
        .meta = {.offset = 100, .committed = 100, .layout = 1},
        .read = {.status = COMMIT_READ_OK, .offset = 100, .low = 0, .high = 100},
        .n_then = 4,
        .n_now = 4,
        .n_members = 1,
    };
}

static void expect(const struct condition_facts *f, enum condition_kind kind, bool needs_somebody,
                   const char *says)
{
    struct condition c = condition_of(f);
    struct buf b = BUF_INIT;

    condition_say(&c, &b);
    assert_string_equal(b.ptr, says);
    assert_int_equal(c.kind, kind);
    assert_int_equal(c.needs_somebody, needs_somebody);
    assert_non_null(condition_name(kind));
    if (c.needs_somebody)
        assert_non_null(condition_advice(&c));
    buf_deinit(&b);
}

static void test_running(void **state)
{
    struct condition_facts f = well();

    (void)state;
    expect(&f, CONDITION_CURRENT, false, "current");
    f.read.high = 101;
    expect(&f, CONDITION_BEHIND, false, "behind by 1 record");
    f = well();
    f.meta.offset = 60;
    expect(&f, CONDITION_LAGGING, false, "checkpoint lags M by 40 records");
    f.meta.offset = 110; /* N > M is legal */
    f.read.high = 110;
    expect(&f, CONDITION_BEHIND, false, "behind by 10 records");
    f = well();
    f.meta.offset = NONE;
    expect(&f, CONDITION_REBUILDING, false, "rebuilding: 100 records to go at most");
    f.read.low = 100; /* nothing is left to rebuild from */
    expect(&f, CONDITION_CURRENT, false, "current");
    f = well();
    f.read.status = COMMIT_READ_NONE;
    f.meta.offset = f.meta.committed = NONE;
    expect(&f, CONDITION_BEHIND, false, "behind by 100 records");
    f.read.high = 0;
    expect(&f, CONDITION_WAITING, false, "waiting for its first record");
}

static void test_nobody(void **state)
{
    struct condition_facts f = well();

    (void)state;
    f.n_members = 0;
    f.read.high = 107;
    expect(&f, CONDITION_NO_OWNER, true, "no owner, 7 records waiting");
    f = well();
    f.has_owner = false; /* given back, and not taken */
    expect(&f, CONDITION_NO_OWNER, true, "no owner");
    f = well();
    f.is_there = false;
    f.meta.offset = f.meta.committed = NONE;
    f.read.status = COMMIT_READ_NONE;
    expect(&f, CONDITION_NEVER_STARTED, true, "never started, 100 records waiting");
    f = well();
    f.is_dropping = true;
    f.meta.offset = NONE;
    expect(&f, CONDITION_DROPPING, false, "being dropped, to be rebuilt");
    f.n_members = 0;
    expect(&f, CONDITION_DROPPING, true, "being dropped, to be rebuilt");
    f = well();
    f.read.status = COMMIT_READ_UNSTABLE;
    expect(&f, CONDITION_M_UNKNOWN, true, "the group's offset is not to be had");
}

static void test_half(void **state)
{
    struct condition_facts f = well();

    (void)state;
    f.has_redis = f.is_there = false;
    f.read.high = 103;
    expect(&f, CONDITION_NOT_READ, true, "not known, 3 records waiting");
    f = well();
    f.has_kafka = false;
    f.read.status = COMMIT_READ_FAILED;
    expect(&f, CONDITION_NOT_READ, true, "not known");
    f.meta.layout = 2; /* Redis alone says enough */
    expect(&f, CONDITION_STOPPED, true, "stopped: layout");
}

/* One for each reason, from the facts that stop the daemon; and what a rebuild does about it. */
static void test_stopped(void **state)
{
    static const struct {
        int64_t n, committed_was, m, low, high; /* m NONE: the group has none */
        int64_t layout, n_now;
        enum commit_stop_reason reason;
        bool is_refused, drops, sets;
        int64_t offset, n_lost;
    } cases[] = {
        /* The offset alone is missing: the checkpoint is kept. */
        {50, 60, NONE, 0, 100, 1, 4, COMMIT_STOP_OFFSETS_EXPIRED, false, false, true, 60, 0},
        {NONE, 60, NONE, 0, 100, 1, 4, COMMIT_STOP_OFFSETS_EXPIRED, false, false, true, 60, 0},
        /* The log does not reach so far back by now. */
        {50, 60, NONE, 55, 100, 1, 4, COMMIT_STOP_OFFSETS_EXPIRED, false, true, true, 60, 0},
        {50, 60, NONE, 70, 100, 1, 4, COMMIT_STOP_OFFSETS_EXPIRED, false, true, true, 70, 10},
        {50, 60, 60, 55, 100, 1, 4, COMMIT_STOP_OUTSIDE_LOG, false, true, false, 60, 0},
        {50, 60, 60, 70, 100, 1, 4, COMMIT_STOP_OUTSIDE_LOG, false, true, true, 70, 10},
        {50, 60, 60, 0, 40, 1, 4, COMMIT_STOP_OUTSIDE_LOG, false, true, true, 40, 0},
        {50, 60, 60, 0, 100, 2, 4, COMMIT_STOP_LAYOUT, false, true, false, 60, 0},
        {50, 60, NONE, 0, 100, 2, 4, COMMIT_STOP_LAYOUT, false, true, true, 60, 0},
        {50, 60, NONE, 0, 10, 1, 4, COMMIT_STOP_TOPIC_REPLACED, true, false, false, NONE, 0},
        {50, 60, 60, 0, 100, 1, 5, COMMIT_STOP_PARTITIONS, true, false, false, NONE, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct condition_facts f = well();
        struct condition_plan plan;
        struct condition c;

        f.meta.offset = cases[i].n;
        f.meta.committed = cases[i].committed_was;
        f.meta.layout = cases[i].layout;
        f.read.status = cases[i].m == NONE ? COMMIT_READ_NONE : COMMIT_READ_OK;
        f.read.offset = cases[i].m;
        f.read.low = cases[i].low;
        f.read.high = cases[i].high;
        f.n_now = cases[i].n_now;
        c = condition_of(&f);
        assert_int_equal(c.kind, CONDITION_STOPPED);
        assert_int_equal(c.reason, cases[i].reason);
        assert_string_equal(condition_advice(&c), commit_stop_text(c.reason));
        plan = condition_plan(&f, false);
        assert_int_equal(plan.is_refused, cases[i].is_refused);
        assert_int_equal(plan.drops, cases[i].drops);
        assert_int_equal(plan.sets, cases[i].sets);
        assert_int_equal(plan.offset, cases[i].offset);
        assert_int_equal(plan.n_lost, cases[i].n_lost);
    }
}

/* After the plan is carried out nothing stops the partition any more. */
static void test_heals(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 4 * 4 * 4 * 2; bits++) {
        static const int64_t offsets[] = {NONE, 20, 50, 90};
        struct condition_facts f = well();
        struct condition_plan plan;
        bool start_over = bits / 64;

        f.meta.offset = offsets[bits % 4];
        f.meta.committed = offsets[bits / 4 % 4];
        f.read.offset = offsets[bits / 16 % 4];
        f.read.status = f.read.offset == NONE ? COMMIT_READ_NONE : COMMIT_READ_OK;
        f.read.low = 40;
        f.read.high = 80;
        plan = condition_plan(&f, start_over);
        if (plan.is_refused) {
            assert_false(start_over);
            continue;
        }
        if (plan.drops)
            f.meta.offset = NONE;
        if (plan.drops && start_over)
            f.meta.committed = NONE;
        if (plan.sets) {
            f.read.status = COMMIT_READ_OK;
            f.read.offset = plan.offset;
        }
        assert_int_not_equal(condition_of(&f).kind, CONDITION_STOPPED);
    }
}

static void test_start_over(void **state)
{
    struct condition_facts f = well();
    struct condition_plan plan;

    (void)state;
    f.n_now = 5; /* M fits the log: what is out is not published again */
    plan = condition_plan(&f, true);
    assert_true(plan.drops && !plan.sets && !plan.is_refused);
    f.read.status = COMMIT_READ_NONE; /* nothing was published of this log */
    plan = condition_plan(&f, true);
    assert_true(plan.drops && !plan.sets);
    f = well();
    f.read.high = 10; /* M is another log's: from the beginning of this one */
    plan = condition_plan(&f, true);
    assert_true(plan.drops && plan.sets);
    assert_int_equal(plan.offset, 0);
    f = well();
    f.read.status = COMMIT_READ_FAILED;
    assert_true(condition_plan(&f, true).is_refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_running), cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_half),    cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_heals),   cmocka_unit_test(test_start_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
