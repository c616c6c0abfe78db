/* SPDX-License-Identifier: Apache-2.0 */
/* The copier's decisions, one by one. */
#include "app/repartition.h"
#include "../unit.h"

#include <stdio.h>

static char said[1024];
static struct repartition_action last;

/* Steps, and says what is to be done: "CLAIM", "GO 1 from 5 (first)", ... */
static const char *step(struct repartition *r, int64_t now_ms)
{
    static const char *const names[] = {
        [REPARTITION_CLAIM] = "CLAIM",     [REPARTITION_MARK] = "MARK",
        [REPARTITION_READ] = "READ",       [REPARTITION_ABORT_LEFTOVER] = "ABORT",
        [REPARTITION_LOW] = "LOW",         [REPARTITION_GO] = "GO",
        [REPARTITION_SUBMIT] = "SUBMIT",   [REPARTITION_CANCEL] = "CANCEL",
        [REPARTITION_COMMIT] = "COMMIT",   [REPARTITION_DROP] = "DROP",
        [REPARTITION_PAUSE] = "PAUSE",     [REPARTITION_RESUME] = "RESUME",
        [REPARTITION_RELEASE] = "RELEASE", [REPARTITION_DRAINED] = "DRAINED",
        [REPARTITION_STOP] = "STOP",
    };
    struct repartition_action a;
    size_t at = 0;

    said[0] = '\0';
    repartition_step(r, now_ms);
    while (repartition_next(r, &a)) {
        last = a;
        at += (size_t)snprintf(said + at, sizeof(said) - at, "%s%s", at ? " " : "", names[a.kind]);
        if (a.kind == REPARTITION_GO)
            at += (size_t)snprintf(said + at, sizeof(said) - at, "(%d %d%s)", (int)a.part,
                                   (int)a.offset, a.is_first ? " first" : "");
        if (a.kind == REPARTITION_ABORT_LEFTOVER)
            at += (size_t)snprintf(said + at, sizeof(said) - at, "(%s)", a.id);
        if (a.kind == REPARTITION_MARK || a.kind == REPARTITION_STOP || a.kind == REPARTITION_LOW)
            at += (size_t)snprintf(said + at, sizeof(said) - at, "(%d)", (int)a.part);
    }
    return said;
}

static void setup(struct repartition *r, bool is_exactly_once)
{
    struct repartition_opts opts = REPARTITION_OPTS_INIT;

    opts.is_exactly_once = is_exactly_once;
    opts.max_records = 3;
    snprintf(opts.transactional_id, sizeof(opts.transactional_id), "own");
    repartition_init(r, &opts);
}

static const struct repartition_claim nobody[2] = {{STR_NULL, false}, {STR_NULL, false}};

/* Two partitions, copying from 5 and 7 on. */
static void setup_copying(struct repartition *r, bool is_exactly_once)
{
    const struct repartition_read reads[] = {{REPARTITION_READ_OK, 5}, {REPARTITION_READ_OK, 7}};

    setup(r, is_exactly_once);
    repartition_assigned(r, 2);
    assert_string_equal(step(r, 0), "DROP CLAIM");
    repartition_claimed(r, last.ticket, nobody);
    assert_string_equal(step(r, 1), "READ");
    repartition_committed(r, last.ticket, reads);
    assert_string_equal(step(r, 2), "MARK(0) MARK(1) GO(0 5 first) GO(1 7 first)");
    assert_true(repartition_is_at_ease(r));
}

static void take(struct repartition *r, size_t part, int64_t offset)
{
    assert_true(repartition_takes(r, part, offset));
    repartition_took(r, part, offset, 1, 100);
}

static void test_takeover(void **state)
{
    const struct repartition_claim claims[] = {
        {STR("old"), true}, {STR("old"), false}, {STR("own"), false}};
    const struct repartition_read first[] = {
        {REPARTITION_READ_OK, 3}, {REPARTITION_READ_UNSTABLE, 0}, {REPARTITION_READ_NONE, 0}};
    const struct repartition_read then[] = {
        {REPARTITION_READ_OK, 99}, {REPARTITION_READ_OK, 4}, {REPARTITION_READ_NONE, 0}};
    struct repartition r;
    uint64_t low;

    (void)state;
    setup(&r, true);
    assert_false(repartition_is_at_ease(&r));
    repartition_assigned(&r, 3);
    step(&r, 0);
    repartition_claimed(&r, last.ticket + 1, claims); /* somebody else's answer */
    assert_string_equal(step(&r, 0), "");
    repartition_claimed(&r, last.ticket, claims);
    assert_string_equal(step(&r, 1), "ABORT(old) READ");
    repartition_committed(&r, last.ticket, first);
    assert_string_equal(step(&r, 2), "LOW(2)"); /* that of 0 is marked already */
    low = last.ticket;
    assert_int_equal(repartition_due(&r), 51);
    assert_string_equal(step(&r, 51), "READ");
    repartition_committed(&r, last.ticket, then); /* of 0 it is known already */
    assert_string_equal(step(&r, 52), "MARK(1)"); /* the beginning of 2 is awaited */
    repartition_low(&r, 2, low, 1000);
    /* The beginning of 2 is committed at once, so that it has an offset. */
    assert_string_equal(step(&r, 53), "GO(0 3 first) GO(1 4 first) GO(2 1000 first) SUBMIT");
    assert_int_equal(repartition_offset(&r, 0), REPARTITION_NONE);
    assert_int_equal(repartition_offset(&r, 2), 1000);
    repartition_outcome(&r, last.ticket, REPARTITION_COMMITTED);
    assert_string_equal(step(&r, 55), "MARK(2)");
    repartition_deinit(&r);
}

static void test_unstable_for_long(void **state)
{
    const struct repartition_claim claim = {STR("old"), false};
    const struct repartition_read unstable = {REPARTITION_READ_UNSTABLE, 0};
    struct repartition r;
    int n_aborts = 0;

    (void)state;
    setup(&r, true);
    repartition_assigned(&r, 1);
    step(&r, 0);
    repartition_claimed(&r, last.ticket, &claim);
    for (int64_t now = 0; now < 5000; now += 10) {
        step(&r, now);
        n_aborts += strstr(said, "ABORT") != NULL;
        if (strstr(said, "READ"))
            repartition_committed(&r, last.ticket, &unstable);
        assert_false(repartition_takes(&r, 0, 0));
    }
    assert_in_range(n_aborts, 3, 5); /* at once, and about every second */
    repartition_deinit(&r);
}

/* Without an offset nobody may begin anew where there was one. */
static void test_expired(void **state)
{
    const struct repartition_claim marked = {STR_NULL, true}, fresh = {STR_NULL, false};
    const struct repartition_read none = {REPARTITION_READ_NONE, 0};
    struct repartition r;

    (void)state;
    setup(&r, true);
    repartition_assigned(&r, 1);
    step(&r, 0);
    repartition_claimed(&r, last.ticket, &marked);
    step(&r, 1);
    repartition_committed(&r, last.ticket, &none);
    assert_string_equal(step(&r, 2), "STOP(0)");
    assert_non_null(strstr(last.text, "--reset-offsets"));
    assert_false(repartition_is_at_ease(&r));
    assert_false(repartition_takes(&r, 0, 0));

    repartition_assigned(&r, 1);
    step(&r, 3);
    repartition_claimed(&r, last.ticket, NULL); /* Redis is away: nobody knows */
    assert_string_equal(step(&r, 4), "READ");
    repartition_committed(&r, last.ticket, &none);
    assert_string_equal(step(&r, 5), "");
    assert_string_equal(step(&r, 100), "CLAIM");
    repartition_claimed(&r, last.ticket, &fresh);
    assert_string_equal(step(&r, 101), "READ");
    repartition_committed(&r, last.ticket, &none);
    assert_string_equal(step(&r, 102), "LOW(0)");
    repartition_low(&r, 0, last.ticket, REPARTITION_NONE); /* not known: asked again */
    assert_string_equal(step(&r, 103), "");
    step(&r, 400);
    assert_string_equal(said, "READ");
    repartition_deinit(&r);
}

static void test_batches(void **state)
{
    struct repartition r;
    uint64_t first;

    (void)state;
    setup_copying(&r, true);
    assert_false(repartition_takes(&r, 0, 4)); /* below M */
    assert_false(repartition_takes(&r, 2, 9)); /* no such partition */
    take(&r, 0, 5);
    assert_string_equal(step(&r, 3), "SUBMIT");
    first = last.ticket;
    assert_int_equal(repartition_offset(&r, 0), 6);
    assert_int_equal(repartition_offset(&r, 1), REPARTITION_NONE);
    take(&r, 0, 8); /* markers in between */
    take(&r, 1, 7);
    assert_string_equal(step(&r, 4), ""); /* one at a time */
    take(&r, 1, 8);
    assert_string_equal(step(&r, 5), "PAUSE");
    repartition_outcome(&r, first, REPARTITION_COMMITTED);
    assert_string_equal(step(&r, 6), ""); /* not so soon after the last */
    assert_int_equal(repartition_due(&r), 28);
    assert_string_equal(step(&r, 28), "SUBMIT RESUME");
    assert_int_equal(repartition_offset(&r, 0), 9);
    assert_int_equal(repartition_offset(&r, 1), 9);
    repartition_outcome(&r, r.flight_ticket, REPARTITION_COMMITTED);
    repartition_at_end(&r, 1, 12);
    assert_string_equal(step(&r, 500), "");
    assert_string_equal(step(&r, 1028), "SUBMIT"); /* offsets alone */
    assert_int_equal(repartition_offset(&r, 0), REPARTITION_NONE);
    assert_int_equal(repartition_offset(&r, 1), 12);
    repartition_outcome(&r, last.ticket, REPARTITION_COMMITTED);
    assert_string_equal(step(&r, 9999), "");
    assert_int_equal(repartition_due(&r), INT64_MAX);
    assert_int_equal(r.stats.n_records, 4);
    assert_int_equal(r.stats.n_committed, 3);
    repartition_deinit(&r);
}

/* What is not sent stays, what failed is read again from M on. */
static void test_failures(void **state)
{
    const struct repartition_read reads[] = {{REPARTITION_READ_OK, 6}, {REPARTITION_READ_OK, 7}};
    struct repartition r;

    (void)state;
    setup_copying(&r, true);
    take(&r, 0, 5);
    step(&r, 10);
    repartition_outcome(&r, last.ticket, REPARTITION_NOT_SENT);
    assert_string_equal(step(&r, 11), "");
    assert_string_equal(step(&r, 60), "SUBMIT");
    assert_int_equal(repartition_offset(&r, 0), 6);
    take(&r, 1, 7);
    repartition_outcome(&r, last.ticket, REPARTITION_FAILED);
    assert_false(repartition_takes(&r, 1, 8));
    assert_false(repartition_is_at_ease(&r));
    assert_string_equal(step(&r, 61), "DROP");
    assert_string_equal(step(&r, 200), "READ");
    repartition_committed(&r, last.ticket, reads); /* it was committed after all */
    assert_string_equal(step(&r, 201), "GO(0 6) GO(1 7)");
    assert_false(repartition_takes(&r, 0, 5));
    take(&r, 0, 6);
    take(&r, 1, 7);
    assert_int_equal(r.stats.n_recoveries, 1);
    assert_int_equal(r.stats.n_takeovers, 1);
    repartition_outside(&r, 0);
    assert_string_equal(step(&r, 202), "STOP(0) SUBMIT");
    assert_false(repartition_takes(&r, 0, 7));
    take(&r, 1, 8);
    repartition_deinit(&r);
}

static void test_revoked(void **state)
{
    struct repartition r;
    uint64_t ticket;

    (void)state;
    setup_copying(&r, true);
    take(&r, 0, 5);
    step(&r, 3);
    ticket = last.ticket;
    take(&r, 0, 6);
    repartition_revoked(&r);
    assert_false(repartition_takes(&r, 0, 7));
    assert_string_equal(step(&r, 4), "DROP"); /* the batch under way may end */
    assert_int_equal(repartition_due(&r), 1003);
    assert_string_equal(step(&r, 1003), "CANCEL");
    assert_string_equal(step(&r, 1004), "");
    repartition_outcome(&r, ticket, REPARTITION_FAILED);
    assert_string_equal(step(&r, 1005), "RELEASE DROP");
    assert_string_equal(step(&r, 9000), "");
    repartition_assigned(&r, 0);
    step(&r, 9001);
    assert_true(repartition_is_at_ease(&r)); /* more members than partitions */
    repartition_deinit(&r);
}

/* The outcome of a batch of partitions that are gone says nothing about those that came. */
static void test_lost(void **state)
{
    const struct repartition_read reads[] = {{REPARTITION_READ_OK, 1}};
    struct repartition r;
    uint64_t ticket;

    (void)state;
    setup_copying(&r, true);
    take(&r, 0, 5);
    step(&r, 3);
    ticket = last.ticket;
    repartition_lost(&r);
    assert_string_equal(step(&r, 4), "DROP");
    repartition_assigned(&r, 1);
    step(&r, 5);
    repartition_claimed(&r, last.ticket, nobody);
    step(&r, 6);
    repartition_committed(&r, last.ticket, reads);
    assert_string_equal(step(&r, 7), "MARK(0) GO(0 1 first)");
    take(&r, 0, 1);
    assert_string_equal(step(&r, 100), ""); /* one batch at a time, even so */
    repartition_outcome(&r, ticket, REPARTITION_FAILED);
    assert_string_equal(step(&r, 101), "SUBMIT");
    assert_int_equal(repartition_offset(&r, 0), 2);
    repartition_deinit(&r);
}

static void test_drain(void **state)
{
    struct repartition r;

    (void)state;
    setup_copying(&r, true);
    take(&r, 0, 5);
    step(&r, 3);
    repartition_drain(&r);
    assert_string_equal(step(&r, 4), "DROP");
    repartition_outcome(&r, last.ticket, REPARTITION_COMMITTED); /* no ticket of DROP */
    assert_string_equal(step(&r, 5), "");
    repartition_outcome(&r, r.flight_ticket, REPARTITION_COMMITTED);
    assert_string_equal(step(&r, 6), "DRAINED DROP");
    assert_string_equal(step(&r, 7), "");
    repartition_revoked(&r); /* the group takes leave */
    assert_string_equal(step(&r, 8), "DROP RELEASE DROP");
    repartition_deinit(&r);
}

static void test_at_least_once(void **state)
{
    struct repartition r;

    (void)state;
    setup_copying(&r, false);
    take(&r, 0, 5);
    step(&r, 3);
    repartition_outcome(&r, last.ticket, REPARTITION_COMMITTED);
    assert_string_equal(step(&r, 4), "COMMIT");
    assert_int_equal(repartition_offset(&r, 0), 6);
    take(&r, 0, 6);
    assert_string_equal(step(&r, 100), ""); /* offsets follow in order */
    repartition_offsets_done(&r, last.ticket, false);
    assert_string_equal(step(&r, 101), "SUBMIT");
    assert_int_equal(repartition_offset(&r, 0), 7);
    repartition_outcome(&r, last.ticket, REPARTITION_COMMITTED);
    step(&r, 102);
    repartition_offsets_done(&r, last.ticket, true);
    assert_int_equal(r.parts[0].committed, 7);
    take(&r, 0, 7);
    step(&r, 200);
    repartition_outcome(&r, last.ticket, REPARTITION_COMMITTED);
    repartition_lost(&r); /* before the commit was asked for: by others now, of others */
    assert_string_equal(step(&r, 201), "DROP");
    repartition_assigned(&r, 1);
    assert_string_equal(step(&r, 202), "DROP CLAIM");
    assert_int_equal(r.flight, REPARTITION_FLIGHT_NONE);
    repartition_deinit(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takeover),      cmocka_unit_test(test_unstable_for_long),
        cmocka_unit_test(test_expired),       cmocka_unit_test(test_batches),
        cmocka_unit_test(test_failures),      cmocka_unit_test(test_revoked),
        cmocka_unit_test(test_lost),          cmocka_unit_test(test_drain),
        cmocka_unit_test(test_at_least_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
