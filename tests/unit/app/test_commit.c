/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol's decisions, one by one; that they make a whole is tests/sim's to show. */
#include "app/commit.h"
#include "base/err.h"
#include "../unit.h"

#include <stdio.h>

#define TOKEN 77

static const struct commit_version nothing;

struct fixture {
    struct commit c;
    int64_t now;
    struct commit_action actions[64];
    size_t n;
};

static struct commit_opts options(void)
{
    struct commit_opts o = COMMIT_OPTS_INIT;

    o.token = TOKEN;
    snprintf(o.transactional_id, sizeof(o.transactional_id), "slot-0");
    return o;
}

static void setup_with(struct fixture *f, struct commit_opts o)
{
    *f = (struct fixture){.now = 1000000};
    commit_init(&f->c, &o);
    commit_redis(&f->c, true);
    commit_group(&f->c, true);
    commit_step(&f->c, f->now);
}

static void setup(struct fixture *f)
{
    setup_with(f, options());
}

static void step(struct fixture *f, int64_t ms)
{
    f->now += ms;
    f->n = 0;
    commit_step(&f->c, f->now);
    while (commit_next(&f->c, &f->actions[f->n]))
        f->n++;
}

/* The only action of that kind in the last step; NULL if there is none. */
static const struct commit_action *find(const struct fixture *f, enum commit_action_kind kind)
{
    const struct commit_action *found = NULL;

    for (size_t i = 0; i < f->n; i++) {
        if (f->actions[i].kind != kind)
            continue;
        assert_null(found);
        found = &f->actions[i];
    }
    return found;
}

static const struct commit_action *want(const struct fixture *f, enum commit_action_kind kind)
{
    const struct commit_action *a = find(f, kind);

    assert_non_null(a);
    return a;
}

static struct commit_meta empty_meta(int64_t epoch)
{
    return (struct commit_meta){
        .fence = {.epoch = epoch, .token = TOKEN},
        .offset = COMMIT_NONE,
        .committed = COMMIT_NONE,
    };
}

static struct commit_meta meta_at(int64_t epoch, int64_t seq, int64_t offset, int64_t committed)
{
    struct commit_meta m = empty_meta(epoch);

    m.version = (struct commit_version){.seq = seq, .writer = {.epoch = epoch - 1, .token = 5}};
    m.offset = offset;
    m.committed = committed;
    m.layout = 1;
    return m;
}

static struct commit_read read_at(int64_t offset, const char *metadata)
{
    return (struct commit_read){
        .status = offset == COMMIT_NONE ? COMMIT_READ_NONE : COMMIT_READ_OK,
        .offset = offset,
        .metadata = str_of(metadata),
        .low = 0,
        .high = 1000,
    };
}

static void assign(struct fixture *f, int32_t n)
{
    int32_t parts[8] = {0, 1, 2, 3, 4, 5, 6, 7};

    commit_assigned(&f->c, parts, (size_t)n);
    step(f, 0);
}

/* Answers ACQUIRE and READ of one partition. */
static void take_over(struct fixture *f, int32_t p, struct commit_meta meta,
                      struct commit_read read)
{
    commit_acquired(&f->c, p, commit_partition(&f->c, p)->acquire_ticket, COMMIT_OK, &meta);
    step(f, 0);
    commit_committed(&f->c, p, commit_partition(&f->c, p)->read_ticket, &read);
    step(f, 0);
}

/* One partition, running from `n`, with M at `m`. */
static void run_from(struct fixture *f, int64_t n, int64_t m, const char *metadata)
{
    assign(f, 1);
    take_over(f, 0, meta_at(3, 10, n, m), read_at(m, metadata));
    want(f, COMMIT_START);
}

/* One record with so many outputs; returns how many are to be published. */
static int record(struct fixture *f, int32_t p, int64_t offset, int n_outputs)
{
    struct outbox_record r = {.value = STR("v")};
    int n = 0;

    assert_true(commit_begin(&f->c, p, offset));
    for (int i = 0; i < n_outputs; i++) {
        if (!commit_wants(&f->c, p))
            continue;
        commit_output(&f->c, p, &r);
        n++;
    }
    commit_applied(&f->c, p);
    return n;
}

static void outcome(struct fixture *f, enum commit_outcome o)
{
    commit_outcome(&f->c, f->c.flight_ticket, o);
}

static void chunk(struct fixture *f, enum commit_answer answer, bool is_last)
{
    commit_chunk(&f->c, 0, commit_partition(&f->c, 0)->write_ticket, answer, is_last);
}

static void assert_batch(const struct fixture *f, size_t i, int32_t p, int64_t offset, uint32_t k)
{
    assert_true(i < f->c.batch.n_offsets);
    assert_int_equal(f->c.batch.offsets[i].partition, p);
    assert_int_equal(f->c.batch.offsets[i].position.offset, offset);
    assert_int_equal(f->c.batch.offsets[i].position.k, k);
}

/* ---- takeover ---- */

static void test_from_where(void **state)
{
    static const struct {
        int64_t n, m, committed_was, low, high;
        int64_t starts_at; /* or NONE: stopped */
        enum commit_stop_reason reason;
        bool is_rebuild;
    } cases[] = {
        {50, 60, 60, 0, 100, 50, 0, false},
        {60, 60, 60, 0, 100, 60, 0, false},
        {70, 60, 60, 0, 100, 70, 0, false},  /* N > M is legal */
        {70, 60, 60, 65, 100, 70, 0, false}, /* then M need not be in the log */
        {COMMIT_NONE, 60, COMMIT_NONE, 0, 100, 0, 0, true},
        {COMMIT_NONE, 60, COMMIT_NONE, 20, 100, 20, 0, true},
        {COMMIT_NONE, 60, COMMIT_NONE, COMMIT_NONE, COMMIT_NONE, COMMIT_BEGINNING, 0, true},
        {50, COMMIT_NONE, COMMIT_NONE, 0, 100, 50, 0, false},
        {COMMIT_NONE, COMMIT_NONE, COMMIT_NONE, 0, 100, 0, 0, false},
        {50, COMMIT_NONE, 40, 0, 100, COMMIT_NONE, COMMIT_STOP_OFFSETS_EXPIRED, false},
        {COMMIT_NONE, COMMIT_NONE, 40, 0, 100, COMMIT_NONE, COMMIT_STOP_OFFSETS_EXPIRED, false},
        /* It ends before what was published of it: it is not that log. */
        {50, COMMIT_NONE, 101, 0, 100, COMMIT_NONE, COMMIT_STOP_TOPIC_REPLACED, false},
        {50, COMMIT_NONE, 100, 0, 100, COMMIT_NONE, COMMIT_STOP_OFFSETS_EXPIRED, false},
        {50, 60, 60, 51, 100, COMMIT_NONE, COMMIT_STOP_OUTSIDE_LOG, false},
        {50, 60, 60, 0, 55, COMMIT_NONE, COMMIT_STOP_OUTSIDE_LOG, false},
        {50, 60, 60, 0, 45, COMMIT_NONE, COMMIT_STOP_OUTSIDE_LOG, false},
        {COMMIT_NONE, 60, COMMIT_NONE, 61, 100, COMMIT_NONE, COMMIT_STOP_OUTSIDE_LOG, false},
        {50, 50, 50, 50, 50, 50, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct fixture f;
        struct commit_read r = read_at(cases[i].m, "");

        setup(&f);
        r.low = cases[i].low;
        r.high = cases[i].high;
        assign(&f, 1);
        want(&f, COMMIT_ACQUIRE);
        take_over(&f, 0, meta_at(3, 10, cases[i].n, cases[i].committed_was), r);
        want(&f, COMMIT_START); /* also with nothing to start: the group must not wait */
        assert_int_equal(commit_starts_at(&f.c, 0), cases[i].starts_at);
        if (cases[i].starts_at == COMMIT_NONE) {
            assert_int_equal(want(&f, COMMIT_STOP)->reason, cases[i].reason);
            assert_null(find(&f, COMMIT_OPEN));
        } else {
            assert_int_equal(want(&f, COMMIT_OPEN)->offset, cases[i].starts_at);
            assert_int_equal(want(&f, COMMIT_OPEN)->is_rebuild, cases[i].is_rebuild);
            assert_int_equal(want(&f, COMMIT_OPEN)->suppress_below, cases[i].m);
        }
        commit_deinit(&f.c);
    }
}

static void test_layout_and_topic(void **state)
{
    struct fixture f;
    struct commit_opts o = options();
    struct commit_meta m = meta_at(3, 1, 5, 5);

    (void)state;
    setup(&f);
    assign(&f, 1);
    m.layout = 2;
    commit_acquired(&f.c, 0, commit_partition(&f.c, 0)->acquire_ticket, COMMIT_OK, &m);
    step(&f, 0);
    assert_int_equal(want(&f, COMMIT_STOP)->reason, COMMIT_STOP_LAYOUT);
    commit_deinit(&f.c);

    snprintf(o.topic_id, sizeof(o.topic_id), "new");
    setup_with(&f, o);
    assign(&f, 1);
    m = meta_at(3, 1, 5, 5);
    m.topic_id = STR("old");
    commit_acquired(&f.c, 0, commit_partition(&f.c, 0)->acquire_ticket, COMMIT_OK, &m);
    step(&f, 0);
    assert_int_equal(want(&f, COMMIT_STOP)->reason, COMMIT_STOP_TOPIC_REPLACED);
    commit_deinit(&f.c);
}

/* One assign call, when each is ready or stopped. */
static void test_start_waits_for_all(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    assign(&f, 3);
    take_over(&f, 0, meta_at(3, 10, 5, 5), read_at(5, ""));
    assert_null(find(&f, COMMIT_START));
    take_over(&f, 1, meta_at(3, 10, 5, 5), read_at(COMMIT_NONE, ""));
    assert_null(find(&f, COMMIT_START));
    assert_false(commit_begin(&f.c, 0, 5));
    take_over(&f, 2, empty_meta(1), read_at(COMMIT_NONE, ""));
    want(&f, COMMIT_START);
    assert_int_equal(commit_starts_at(&f.c, 0), 5);
    assert_int_equal(commit_starts_at(&f.c, 1), COMMIT_NONE);
    assert_int_equal(commit_starts_at(&f.c, 2), 0);
    commit_deinit(&f.c);
}

/* What a predecessor left open is aborted at once, and again if M stays unstable; an unstable M is
 * not a "none": ask again. */
static void test_unstable(void **state)
{
    struct fixture f;
    struct commit_meta m = meta_at(3, 10, 5, 5);
    struct commit_read r = {.status = COMMIT_READ_UNSTABLE, .offset = COMMIT_NONE};
    int n_aborts = 0;

    (void)state;
    setup(&f);
    m.predecessor = STR("slot-9");
    assign(&f, 1);
    take_over(&f, 0, m, r);
    assert_int_equal(f.c.stats.n_leftovers, 1);
    assert_null(find(&f, COMMIT_READ)); /* not at once */
    for (int i = 0; i < 120; i++) {
        step(&f, 100);
        if (find(&f, COMMIT_READ))
            commit_committed(&f.c, 0, want(&f, COMMIT_READ)->ticket, &r);
        if (find(&f, COMMIT_ABORT_LEFTOVER)) {
            assert_string_equal(want(&f, COMMIT_ABORT_LEFTOVER)->text, "slot-9");
            assert_true(i >= 95);
            n_aborts++;
        }
    }
    assert_int_equal(n_aborts, 1);
    assert_null(find(&f, COMMIT_START));
    r = read_at(5, "");
    step(&f, 5000);
    commit_committed(&f.c, 0, commit_partition(&f.c, 0)->read_ticket, &r);
    step(&f, 0);
    want(&f, COMMIT_START);
    commit_deinit(&f.c);
}

static void test_own_leftover_is_not_aborted(void **state)
{
    struct fixture f;
    struct commit_meta m = meta_at(3, 10, 5, 5);
    struct commit_read r = {.status = COMMIT_READ_UNSTABLE, .offset = COMMIT_NONE};

    (void)state;
    setup(&f);
    m.predecessor = STR("slot-0");
    assign(&f, 1);
    take_over(&f, 0, m, r);
    for (int i = 0; i < 50; i++) {
        step(&f, 100);
        commit_committed(&f.c, 0, commit_partition(&f.c, 0)->read_ticket, &r);
        assert_null(find(&f, COMMIT_ABORT_LEFTOVER));
    }
    commit_deinit(&f.c);
}

/* One abort for all partitions of one predecessor; none where it gave them back in order. */
static void test_leftover_of_many(void **state)
{
    struct fixture f;
    struct commit_meta m = meta_at(3, 10, 5, 5);

    (void)state;
    setup(&f);
    assign(&f, 2);
    take_over(&f, 0, m, read_at(5, ""));
    assert_int_equal(f.c.stats.n_leftovers, 0);
    commit_deinit(&f.c);

    setup(&f);
    m.predecessor = STR("slot-9");
    assign(&f, 2);
    take_over(&f, 0, m, read_at(5, ""));
    take_over(&f, 1, m, read_at(5, ""));
    assert_int_equal(f.c.stats.n_leftovers, 1);
    commit_deinit(&f.c);
}

/* Refused or unanswered: again, later each time, with the highest epoch known. */
static void test_acquire_retries(void **state)
{
    struct fixture f;
    int n = 0;

    (void)state;
    setup(&f);
    assign(&f, 1);
    for (int i = 0; i < 100; i++) {
        if (find(&f, COMMIT_ACQUIRE)) {
            commit_acquired(&f.c, 0, want(&f, COMMIT_ACQUIRE)->ticket,
                            i % 2 ? COMMIT_REFUSED : COMMIT_UNKNOWN, NULL);
            n++;
        }
        step(&f, 50);
        assert_true(commit_due(&f.c) <= f.now + 2000 || find(&f, COMMIT_ACQUIRE));
    }
    assert_in_range(n, 6, 10); /* 50, 100, ... 2000 ms: 5 s hold about eight */
    commit_redis(&f.c, false);
    step(&f, 5000);
    assert_null(find(&f, COMMIT_ACQUIRE));
    commit_deinit(&f.c);
}

static void test_old_answers_are_ignored(void **state)
{
    struct fixture f;
    struct commit_meta m = meta_at(3, 10, 5, 5);
    struct commit_read r = read_at(5, "");
    uint64_t ticket;

    (void)state;
    setup(&f);
    assign(&f, 1);
    ticket = want(&f, COMMIT_ACQUIRE)->ticket;
    commit_lost(&f.c);
    assign(&f, 1);
    commit_acquired(&f.c, 0, ticket, COMMIT_OK, &m);
    step(&f, 0);
    assert_null(find(&f, COMMIT_READ));
    assert_int_equal(commit_partition(&f.c, 0)->state, COMMIT_ACQUIRING);
    commit_acquired(&f.c, 0, 0, COMMIT_OK, &m);
    commit_committed(&f.c, 0, 0, &r);
    commit_acquired(&f.c, 99, 1, COMMIT_OK, &m);
    assert_int_equal(commit_partition(&f.c, 0)->state, COMMIT_ACQUIRING);
    commit_deinit(&f.c);
}

/* ---- suppression ---- */

static void test_suppression(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    run_from(&f, 5, 7, "outputs=2");
    assert_int_equal(record(&f, 0, 5, 3), 0);
    assert_int_equal(record(&f, 0, 6, 1), 0);
    assert_int_equal(record(&f, 0, 7, 3), 1); /* the first two are out */
    assert_int_equal(record(&f, 0, 8, 2), 2);
    assert_int_equal(f.c.stats.n_suppressed, 6);
    step(&f, 0);
    want(&f, COMMIT_HAND_OVER);
    assert_int_equal(OUTPUT_OF(f.c.outbox.flight.next)->ordinal, 2);
    assert_batch(&f, 0, 0, 9, 0);
    assert_false(commit_begin(&f.c, 0, 8)); /* applied already */
    commit_deinit(&f.c);
}

static void test_metadata(void **state)
{
    static const struct {
        const char *text;
        uint32_t k;
    } cases[] = {
        {"", 0},           {"outputs=3", 3},           {"outputs=", 0},
        {"outputs=-1", 0}, {"outputs=99999999999", 0}, {"consumer-1-abc", 0},
    };
    char text[COMMIT_METADATA_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct fixture f;

        setup(&f);
        run_from(&f, 5, 5, cases[i].text);
        assert_int_equal(commit_partition(&f.c, 0)->committed.k, cases[i].k);
        commit_deinit(&f.c);
    }
    commit_metadata((struct commit_position){.offset = 7, .k = 4294967295u}, text);
    assert_string_equal(text, "outputs=4294967295");
    commit_metadata((struct commit_position){.offset = 7}, text);
    assert_string_equal(text, "");
}

/* ---- publishing ---- */

static void test_group_commit(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    run_from(&f, 5, 5, "");
    record(&f, 0, 5, 1);
    step(&f, 0);
    want(&f, COMMIT_HAND_OVER); /* at once, after a while of nothing */
    record(&f, 0, 6, 1);
    record(&f, 0, 7, 2);
    step(&f, 1);
    assert_null(find(&f, COMMIT_HAND_OVER)); /* one transaction at a time */
    outcome(&f, COMMIT_COMMITTED);
    step(&f, 1);
    assert_null(find(&f, COMMIT_HAND_OVER)); /* and not too often */
    assert_int_equal(commit_due(&f.c), f.now - 2 + 25);
    step(&f, 23);
    want(&f, COMMIT_HAND_OVER);
    assert_int_equal(f.c.outbox.n_flight, 3);
    assert_batch(&f, 0, 0, 8, 0);
    commit_deinit(&f.c);
}

/* A record's outputs over several transactions: the count is in the offset's metadata. */
static void test_split_record(void **state)
{
    struct fixture f;
    struct commit_opts o = options();

    (void)state;
    o.max_outputs = 2;
    o.spacing_ms = 0;
    setup_with(&f, o);
    run_from(&f, 5, 5, "");
    record(&f, 0, 5, 5);
    step(&f, 0);
    assert_batch(&f, 0, 0, 5, 2);
    outcome(&f, COMMIT_COMMITTED);
    step(&f, 0);
    assert_batch(&f, 0, 0, 5, 4);
    outcome(&f, COMMIT_COMMITTED);
    step(&f, 0);
    assert_batch(&f, 0, 0, 6, 0);
    commit_deinit(&f.c);
}

/* The outputs of a record that is still open may leave before it is applied. */
static void test_open_record(void **state)
{
    struct fixture f;
    struct outbox_record r = {.value = STR("v")};

    (void)state;
    setup(&f);
    run_from(&f, 5, 5, "");
    assert_true(commit_begin(&f.c, 0, 5));
    assert_true(commit_wants(&f.c, 0));
    commit_output(&f.c, 0, &r);
    step(&f, 5000);
    assert_batch(&f, 0, 0, 5, 1);
    assert_null(find(&f, COMMIT_CUT)); /* only between records */
    outcome(&f, COMMIT_COMMITTED);
    step(&f, 5000);
    assert_null(find(&f, COMMIT_CUT));
    commit_applied(&f.c, 0);
    step(&f, 0);
    assert_int_equal(want(&f, COMMIT_CUT)->offset, 6);
    commit_deinit(&f.c);
}

static void test_no_membership_no_publishing(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    run_from(&f, 5, 5, "");
    record(&f, 0, 5, 1);
    commit_group(&f.c, false);
    step(&f, 10000);
    assert_null(find(&f, COMMIT_HAND_OVER));
    commit_group(&f.c, true);
    step(&f, 0);
    want(&f, COMMIT_HAND_OVER);
    commit_deinit(&f.c);
}

static void test_aborted_comes_again(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    run_from(&f, 5, 5, "");
    record(&f, 0, 5, 1);
    step(&f, 0);
    record(&f, 0, 6, 1);
    outcome(&f, COMMIT_ABORTED);
    step(&f, 10);
    assert_null(find(&f, COMMIT_HAND_OVER)); /* not at once */
    step(&f, 100);
    want(&f, COMMIT_HAND_OVER);
    assert_int_equal(f.c.outbox.n_flight, 2);
    assert_int_equal(OUTPUT_OF(f.c.outbox.flight.next)->offset, 5);
    assert_batch(&f, 0, 0, 7, 0);
    commit_deinit(&f.c);
}

/* What became of it is read from M. */
static void test_uncertain(void **state)
{
    static const struct {
        enum commit_outcome outcome;
        int64_t m;
        const char *metadata;
        enum { IS_COMMITTED, IS_ABORTED, IS_FOREIGN, IS_OPEN } is;
    } cases[] = {
        {COMMIT_UNCERTAIN, 6, "outputs=1", IS_COMMITTED},
        {COMMIT_UNCERTAIN, 5, "", IS_ABORTED},
        {COMMIT_UNCERTAIN, 6, "", IS_FOREIGN},
        {COMMIT_UNCERTAIN, 9, "", IS_FOREIGN},
        {COMMIT_UNCERTAIN, COMMIT_NONE, "", IS_FOREIGN},
        {COMMIT_FENCED, 5, "", IS_ABORTED},
        {COMMIT_FENCED, 6, "outputs=1", IS_COMMITTED},
        {COMMIT_FENCED, -5, "", IS_OPEN},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct fixture f;
        struct commit_opts o = options();
        struct commit_read r = read_at(cases[i].m, cases[i].metadata);

        o.max_outputs = 2;
        setup_with(&f, o);
        run_from(&f, 5, 5, "");
        record(&f, 0, 5, 1);
        record(&f, 0, 6, 2);
        step(&f, 0);
        assert_batch(&f, 0, 0, 6, 1);
        outcome(&f, cases[i].outcome);
        step(&f, 100);
        assert_null(find(&f, COMMIT_HAND_OVER)); /* nothing before it is known */
        if (cases[i].is == IS_OPEN)
            r.status = COMMIT_READ_UNSTABLE;
        commit_committed(&f.c, 0, want(&f, COMMIT_READ)->ticket, &r);
        step(&f, 0);
        if (cases[i].is == IS_OPEN) {
            assert_null(find(&f, COMMIT_HAND_OVER));
            step(&f, 5000);
            want(&f, COMMIT_READ);
        } else if (cases[i].is == IS_FOREIGN) {
            want(&f, COMMIT_DROP);
            want(&f, COMMIT_ACQUIRE);
            assert_int_equal(f.c.outbox.n_waiting, 0);
        } else {
            assert_int_equal(f.c.outbox.n_waiting + f.c.outbox.n_flight,
                             cases[i].is == IS_COMMITTED ? 1 : 3);
        }
        commit_deinit(&f.c);
    }
}

/* A replay must not move M back, nor be published beside what another partition publishes. */
static void test_replay_does_not_move_m(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    assign(&f, 2);
    take_over(&f, 0, meta_at(3, 10, 5, 9), read_at(9, ""));
    take_over(&f, 1, meta_at(3, 10, 5, 5), read_at(5, ""));
    record(&f, 0, 5, 1);
    step(&f, 10000);
    assert_null(find(&f, COMMIT_HAND_OVER));
    record(&f, 1, 5, 1);
    step(&f, 0);
    want(&f, COMMIT_HAND_OVER);
    assert_int_equal(f.c.batch.n_offsets, 1);
    assert_batch(&f, 0, 1, 6, 0);
    commit_deinit(&f.c);
}

static void test_offsets_alone(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    run_from(&f, 5, 5, "");
    record(&f, 0, 5, 1);
    step(&f, 0);
    outcome(&f, COMMIT_COMMITTED);
    record(&f, 0, 6, 0);
    step(&f, 4999);
    assert_null(find(&f, COMMIT_HAND_OVER));
    step(&f, 1);
    want(&f, COMMIT_HAND_OVER);
    assert_int_equal(f.c.outbox.n_flight, 0);
    assert_batch(&f, 0, 0, 7, 0);
    outcome(&f, COMMIT_COMMITTED);
    step(&f, 100000);
    assert_null(find(&f, COMMIT_HAND_OVER)); /* nothing moved */
    commit_skipped(&f.c, 0, 9);              /* but a marker counts */
    step(&f, 0);
    assert_batch(&f, 0, 0, 9, 0);
    commit_deinit(&f.c);
}

static void test_budget(void **state)
{
    struct fixture f;
    struct commit_opts o = options();

    (void)state;
    o.outbox_bytes = 2000;
    setup_with(&f, o);
    run_from(&f, 5, 5, "");
    step(&f, 100);
    record(&f, 0, 5, 20);
    step(&f, 0);
    assert_int_equal(want(&f, COMMIT_PAUSE)->partition, 0);
    step(&f, 100);
    assert_null(find(&f, COMMIT_PAUSE));
    outcome(&f, COMMIT_COMMITTED);
    step(&f, 100);
    want(&f, COMMIT_RESUME);
    commit_deinit(&f.c);
}

/* ---- checkpoints ---- */

/* Cut with the batch, written when it is committed, and not before. */
static void test_checkpoint_follows_the_transaction(void **state)
{
    struct fixture f;
    const struct commit_action *w;

    (void)state;
    setup(&f);
    run_from(&f, 5, 5, "");
    step(&f, 2000);
    record(&f, 0, 5, 1);
    step(&f, 0);
    want(&f, COMMIT_HAND_OVER);
    assert_int_equal(want(&f, COMMIT_CUT)->offset, 6);
    assert_null(find(&f, COMMIT_WRITE));
    record(&f, 0, 6, 1);
    outcome(&f, COMMIT_COMMITTED);
    step(&f, 0);
    w = want(&f, COMMIT_WRITE);
    assert_int_equal(w->offset, 6);
    assert_int_equal(w->committed, 6);
    assert_int_equal(w->seq, 10);
    assert_int_equal(w->fence.epoch, 3);
    assert_int_equal(w->writer.epoch, 2);
    assert_int_equal(w->first_chunk, 0);
    chunk(&f, COMMIT_OK, false);
    chunk(&f, COMMIT_OK, true);
    step(&f, 0);
    want(&f, COMMIT_WRITTEN);
    assert_int_equal(commit_partition(&f.c, 0)->stored, 6);
    assert_int_equal(commit_partition(&f.c, 0)->version.seq, 12);
    commit_deinit(&f.c);
}

static void test_checkpoint_alone(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    run_from(&f, 5, 5, "");
    commit_group(&f.c, false); /* so that no offsets go */
    record(&f, 0, 5, 0);
    step(&f, 999);
    assert_null(find(&f, COMMIT_CUT));
    step(&f, 1);
    want(&f, COMMIT_CUT); /* nothing is unpublished: N > M */
    assert_int_equal(want(&f, COMMIT_WRITE)->committed, 5);
    commit_deinit(&f.c);
}

/* An aborted batch leaves the cut waiting; a backlog does not put it off for ever. */
static void test_checkpoint_in_a_hurry(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    run_from(&f, 5, 5, "");
    commit_group(&f.c, false);
    record(&f, 0, 5, 0);
    commit_hurry(&f.c, 0);
    step(&f, 24);
    assert_null(find(&f, COMMIT_CUT));
    step(&f, 1);
    want(&f, COMMIT_CUT);
    chunk(&f, COMMIT_OK, true);
    record(&f, 0, 6, 0);
    step(&f, 900); /* only that one */
    assert_null(find(&f, COMMIT_CUT));
    commit_deinit(&f.c);
}
static void test_checkpoint_waits(void **state)
{
    struct fixture f;
    struct commit_opts o = options();

    (void)state;
    o.max_outputs = 1;
    setup_with(&f, o);
    run_from(&f, 5, 5, "");
    step(&f, 1000);
    record(&f, 0, 5, 2);
    step(&f, 0);
    assert_null(find(&f, COMMIT_CUT)); /* more waits than the batch takes */
    step(&f, 2000);
    assert_int_equal(want(&f, COMMIT_CUT)->offset, 6);
    outcome(&f, COMMIT_COMMITTED);
    step(&f, 100);
    want(&f, COMMIT_HAND_OVER);
    assert_null(find(&f, COMMIT_WRITE));
    outcome(&f, COMMIT_ABORTED);
    step(&f, 100);
    want(&f, COMMIT_HAND_OVER);
    assert_null(find(&f, COMMIT_WRITE));
    outcome(&f, COMMIT_COMMITTED);
    step(&f, 0);
    want(&f, COMMIT_WRITE);
    commit_deinit(&f.c);
}

/* Up to a WRITE of three chunks that is under way, the first of them acknowledged. */
static void write_under_way(struct fixture *f)
{
    setup(f);
    run_from(f, 5, 5, "");
    step(f, 2000);
    record(f, 0, 5, 1);
    step(f, 0);
    outcome(f, COMMIT_COMMITTED);
    step(f, 0);
    want(f, COMMIT_WRITE);
    chunk(f, COMMIT_OK, false);
}

/* The partition was lost and came back: chunks of its former life say nothing about Redis now. */
static void test_chunks_of_a_former_life(void **state)
{
    struct fixture f;
    uint64_t ticket;

    (void)state;
    write_under_way(&f);
    ticket = commit_partition(&f.c, 0)->write_ticket;
    assert_true(ticket != 0);
    commit_lost(&f.c);
    assign(&f, 1);
    take_over(&f, 0, meta_at(7, 20, 6, 6), read_at(6, ""));
    commit_chunk(&f.c, 0, ticket, COMMIT_OK, true);
    assert_int_equal(commit_partition(&f.c, 0)->version.seq, 20);
    assert_int_equal(commit_partition(&f.c, 0)->stored, 6);
    commit_deinit(&f.c);
}

static void test_redo(void **state)
{
    enum then { RESEND, DONE, REPLAY };
    static const struct {
        enum commit_answer answer;
        int64_t seq, writer_epoch;
        uint64_t writer_token;
        int64_t offset;
        enum then then;
        size_t first_chunk;
    } cases[] = {
        {COMMIT_UNKNOWN, 11, 3, TOKEN, 5, RESEND, 1}, /* the second did not arrive */
        {COMMIT_UNKNOWN, 12, 3, TOKEN, 5, RESEND, 2}, /* it did */
        {COMMIT_UNKNOWN, 13, 3, TOKEN, 6, DONE, 0},   /* and the last one too */
        {COMMIT_REFUSED, 11, 3, TOKEN, 5, RESEND, 1},
        {COMMIT_STALE, 11, 3, TOKEN, 5, RESEND, 1}, /* somebody took the epoch, wrote nothing */
        {COMMIT_STALE, 10, 2, 5, 5, REPLAY, 0},     /* Redis lost an acknowledged chunk */
        {COMMIT_STALE, 11, 4, 66, 5, REPLAY, 0},    /* another wrote */
        {COMMIT_STALE, 12, 4, 66, 6, REPLAY, 0},
        {COMMIT_STALE, 12, 3, 66, 6, REPLAY, 0}, /* under the same epoch, after a failover */
        {COMMIT_STALE, 0, 0, 0, COMMIT_NONE, REPLAY, 0}, /* Redis is empty */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct fixture f;
        struct commit_meta m = meta_at(8, cases[i].seq, cases[i].offset, COMMIT_NONE);

        write_under_way(&f);
        chunk(&f, cases[i].answer, false);
        step(&f, 3000);
        assert_int_equal(want(&f, COMMIT_ACQUIRE)->epoch, 3);
        assert_int_equal(commit_partition(&f.c, 0)->state, COMMIT_RUNNING); /* goes on meanwhile */
        m.version.writer =
            (struct commit_fence){.epoch = cases[i].writer_epoch, .token = cases[i].writer_token};
        commit_acquired(&f.c, 0, want(&f, COMMIT_ACQUIRE)->ticket, COMMIT_OK, &m);
        step(&f, 0);
        if (cases[i].then == RESEND) {
            assert_int_equal(want(&f, COMMIT_WRITE)->first_chunk, cases[i].first_chunk);
            assert_int_equal(want(&f, COMMIT_WRITE)->seq, cases[i].seq);
            assert_int_equal(want(&f, COMMIT_WRITE)->fence.epoch, 8);
            assert_int_equal(want(&f, COMMIT_WRITE)->writer.epoch, 3);
            want(&f, COMMIT_HELD);
        } else if (cases[i].then == DONE) {
            want(&f, COMMIT_WRITTEN);
            assert_null(find(&f, COMMIT_WRITE));
            assert_int_equal(commit_partition(&f.c, 0)->stored, 6);
        } else {
            want(&f, COMMIT_DROP);
            want(&f, COMMIT_READ);
            want(&f, COMMIT_PAUSE);
            commit_committed(
                &f.c, 0, want(&f, COMMIT_READ)->ticket,
                &(struct commit_read){.status = COMMIT_READ_OK, .offset = 6, .low = 0, .high = 9});
            step(&f, 0);
            assert_int_equal(want(&f, COMMIT_SEEK)->offset,
                             cases[i].offset == COMMIT_NONE ? 0 : cases[i].offset);
            want(&f, COMMIT_RESUME);
            want(&f, COMMIT_OPEN);
        }
        commit_deinit(&f.c);
    }
}

static void test_loads(void **state)
{
    static const struct {
        struct commit_fence fence;
        struct commit_version version;
        bool is_usable;
    } cases[] = {
        {{3, TOKEN}, {11, {3, TOKEN}}, true},
        {{3, TOKEN}, {12, {3, TOKEN}}, true}, /* a chunk that is not acknowledged yet */
        {{3, TOKEN}, {10, {2, 5}}, false},    /* Redis lost what it acknowledged */
        {{3, TOKEN}, {11, {2, 5}}, false},    /* and another, or a late script, came to that seq */
        {{3, TOKEN}, {15, {2, 5}}, false},
        {{4, TOKEN}, {11, {3, TOKEN}}, false}, /* acquired by somebody since */
        {{3, 66}, {11, {3, TOKEN}}, false},
        {{0, 0}, {0, {0, 0}}, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct fixture f;

        write_under_way(&f);
        assert_int_equal(commit_loaded(&f.c, 0, cases[i].fence, cases[i].version),
                         cases[i].is_usable);
        step(&f, 3000);
        assert_int_equal(find(&f, COMMIT_ACQUIRE) != NULL, !cases[i].is_usable);
        commit_deinit(&f.c);
    }
}

/* After a reconnect Redis is looked at again; processing goes on. */
static void test_reconnect(void **state)
{
    struct fixture f;
    struct commit_meta m = meta_at(3, 10, 5, 5);

    (void)state;
    setup(&f);
    run_from(&f, 5, 5, "");
    commit_redis(&f.c, false);
    record(&f, 0, 5, 1);
    step(&f, 5000);
    want(&f, COMMIT_HAND_OVER);
    assert_null(find(&f, COMMIT_CUT));
    outcome(&f, COMMIT_COMMITTED);
    commit_redis(&f.c, true);
    step(&f, 0);
    m.fence.epoch = 4;
    commit_acquired(&f.c, 0, want(&f, COMMIT_ACQUIRE)->ticket, COMMIT_OK, &m);
    step(&f, 0);
    want(&f, COMMIT_HELD);
    assert_null(find(&f, COMMIT_DROP));
    want(&f, COMMIT_CUT);
    assert_int_equal(want(&f, COMMIT_WRITE)->fence.epoch, 4);
    commit_deinit(&f.c);
}

/* What is in flight when memory is dropped may still move M: M is read only after it. */
static void test_replay_waits_for_the_flight(void **state)
{
    struct fixture f;
    struct commit_meta m = meta_at(8, 2, 1, 1);

    (void)state;
    setup(&f);
    run_from(&f, 5, 5, "");
    record(&f, 0, 5, 1);
    step(&f, 0);
    want(&f, COMMIT_HAND_OVER);
    assert_false(commit_loaded(&f.c, 0, (struct commit_fence){2, 2}, nothing));
    step(&f, 3000);
    commit_acquired(&f.c, 0, want(&f, COMMIT_ACQUIRE)->ticket, COMMIT_OK, &m);
    step(&f, 0);
    want(&f, COMMIT_DROP);
    assert_null(find(&f, COMMIT_READ));
    outcome(&f, COMMIT_ABORTED);
    step(&f, 0);
    want(&f, COMMIT_READ);
    assert_int_equal(f.c.outbox.n_waiting, 0); /* replay makes them anew */
    commit_deinit(&f.c);
}

/* The partition that was asked for M is given up meanwhile: another one of the batch is asked. */
static void test_another_witness(void **state)
{
    struct fixture f;
    struct commit_meta m = meta_at(8, 2, 1, 1);
    struct commit_read r = read_at(6, "");
    const struct commit_action *read = NULL;
    uint64_t ticket;

    (void)state;
    setup(&f);
    assign(&f, 2);
    take_over(&f, 0, meta_at(3, 10, 5, 5), read_at(5, ""));
    take_over(&f, 1, meta_at(3, 10, 7, 7), read_at(7, ""));
    record(&f, 0, 5, 1);
    record(&f, 1, 7, 1);
    step(&f, 0);
    outcome(&f, COMMIT_UNCERTAIN);
    step(&f, 0);
    ticket = want(&f, COMMIT_READ)->ticket;
    assert_int_equal(want(&f, COMMIT_READ)->partition, 0);
    assert_false(commit_loaded(&f.c, 0, (struct commit_fence){2, 2}, nothing));
    step(&f, 3000);
    commit_acquired(&f.c, 0, want(&f, COMMIT_ACQUIRE)->ticket, COMMIT_OK, &m);
    commit_committed(&f.c, 0, ticket, &r);
    step(&f, 0);
    read = want(&f, COMMIT_READ);
    assert_int_equal(read->partition, 1);
    r = read_at(8, "");
    commit_committed(&f.c, 1, read->ticket, &r);
    step(&f, 0);
    assert_null(find(&f, COMMIT_DROP));
    assert_int_equal(commit_partition(&f.c, 1)->committed.offset, 8);
    assert_int_equal(want(&f, COMMIT_READ)->partition, 0); /* now its own takeover goes on */
    commit_deinit(&f.c);
}

/* ---- ends ---- */

/* In order: published and released; Redis has offset 5 still, at seq 10. */
static void give_back(struct fixture *f)
{
    record(f, 0, 5, 1);
    commit_revoked(&f->c);
    step(f, 0);
    want(f, COMMIT_PAUSE);
    want(f, COMMIT_HAND_OVER);
    assert_false(commit_begin(&f->c, 0, 6));
    assert_null(find(f, COMMIT_RELEASE));
    outcome(f, COMMIT_COMMITTED);
    step(f, 0);
    want(f, COMMIT_RELEASE);
}

static const struct commit_version version_left = {.seq = 10, .writer = {.epoch = 2, .token = 5}};

static void setup_given_back(struct fixture *f)
{
    setup(f);
    run_from(f, 5, 5, "");
    assert_false(want(f, COMMIT_OPEN)->is_as_left);
    give_back(f);
}

static void test_revoked(void **state)
{
    struct fixture f;

    (void)state;
    setup_given_back(&f);
    want(&f, COMMIT_KEEP);
    assert_null(find(&f, COMMIT_DROP));
    assert_null(find(&f, COMMIT_CUT)); /* nobody waits for a checkpoint */
    assert_int_equal(commit_partition(&f.c, 0)->state, COMMIT_UNOWNED);
    assert_null(find(&f, COMMIT_PAUSE));
    step(&f, 0);
    assert_null(find(&f, COMMIT_RELEASE));
    commit_deinit(&f.c);
}

/* Where Redis has nothing yet, a checkpoint is waited for: then it can be kept. */
static void test_revoked_before_the_first_checkpoint(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    run_from(&f, COMMIT_NONE, COMMIT_NONE, "");
    outcome(&f, COMMIT_COMMITTED); /* of the beginning */
    record(&f, 0, 0, 0);
    commit_revoked(&f.c);
    step(&f, 0);
    want(&f, COMMIT_CUT);
    want(&f, COMMIT_WRITE);
    outcome(&f, COMMIT_COMMITTED);
    step(&f, 0);
    assert_null(find(&f, COMMIT_RELEASE));
    chunk(&f, COMMIT_OK, true);
    step(&f, 0);
    want(&f, COMMIT_RELEASE);
    want(&f, COMMIT_KEEP);
    commit_deinit(&f.c);
}

/* Gives back with what is in memory, and takes over from a Redis like that. */
static const struct commit_action *open_again(struct fixture *f, struct commit_version version,
                                              int64_t offset)
{
    struct commit_meta meta = meta_at(4, 0, offset, 5);

    meta.version = version;
    assign(f, 1);
    take_over(f, 0, meta, read_at(6, ""));
    return want(f, COMMIT_OPEN);
}

/* What was in memory serves again, and work goes on where it ended, if Redis has what it had; once.
 */
static void test_kept(void **state)
{
    const struct {
        struct commit_version version;
        int64_t offset;
        bool is_as_left;
    } cases[] = {
        {version_left, 5, true},
        {version_left, 4, false},
        {{.seq = 11, .writer = version_left.writer}, 5, false},
        {{.seq = 9, .writer = version_left.writer}, 5, false},
        {{.seq = 10, .writer = {.epoch = 3, .token = 5}}, 5, false},
        {{.seq = 10, .writer = {.epoch = 2, .token = 6}}, 5, false},
        /* By us, after that; but we had no cut under way. */
        {{.seq = 11, .writer = {.epoch = 3, .token = TOKEN}}, 6, false},
        {{.seq = 11, .writer = {.epoch = 3, .token = TOKEN}}, 5, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct commit_action *open;
        struct fixture f;

        setup_given_back(&f);
        want(&f, COMMIT_KEEP);
        open = open_again(&f, cases[i].version, cases[i].offset);
        assert_int_equal(open->is_as_left, cases[i].is_as_left);
        assert_int_equal(open->offset, cases[i].is_as_left ? 6 : cases[i].offset);
        assert_int_equal(commit_starts_at(&f.c, 0), open->offset);
        if (cases[i].is_as_left) { /* what Redis has not is not forgotten */
            step(&f, 1000);
            assert_int_equal(want(&f, COMMIT_CUT)->offset, 6);
        }
        commit_lost(&f.c);
        step(&f, 0);
        want(&f, COMMIT_DROP);
        assert_false(open_again(&f, cases[i].version, cases[i].offset)->is_as_left);
        commit_deinit(&f.c);
    }
}

/* What others have meanwhile is forgotten. */
static void test_not_kept_of_others(void **state)
{
    struct fixture f;

    (void)state;
    setup_given_back(&f);
    commit_assigned(&f.c, NULL, 0);
    step(&f, 0);
    assert_false(open_again(&f, version_left, 5)->is_as_left);
    commit_deinit(&f.c);
}

/* A rebalance that is overtaken by the next one, before anything was opened. */
static void test_kept_over_two(void **state)
{
    struct fixture f;

    (void)state;
    setup_given_back(&f);
    assign(&f, 1);
    commit_revoked(&f.c);
    step(&f, 0);
    want(&f, COMMIT_RELEASE);
    assert_true(open_again(&f, version_left, 5)->is_as_left);
    commit_deinit(&f.c);
}

/* With outputs of which it is not known whether they are out, nothing is kept. */
static void test_not_kept_uncertain(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    run_from(&f, 5, 5, "");
    record(&f, 0, 5, 1);
    commit_revoked(&f.c);
    step(&f, 0);
    outcome(&f, COMMIT_UNCERTAIN);
    step(&f, 0);
    want(&f, COMMIT_RELEASE);
    want(&f, COMMIT_DROP);
    commit_deinit(&f.c);
}

/* The cut under way is kept with it, and goes on behind the chunks that did arrive. */
static void test_kept_cut(void **state)
{
    const struct commit_fence ours = {.epoch = 3, .token = TOKEN};
    const struct {
        struct commit_version version;
        int64_t offset;
        bool is_as_left;
        size_t first_chunk; /* 0: nothing is left to be written */
    } cases[] = {
        {{11, ours}, 5, true, 1},    {{12, ours}, 5, true, 2},    {{12, ours}, 6, true, 0},
        {{12, ours}, 7, false, 0},   {{10, {2, 5}}, 5, false, 0}, /* the first chunk is lost */
        {{12, {4, 9}}, 5, false, 0},                              /* somebody else's */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct commit_action *open;
        struct fixture f;

        setup(&f);
        run_from(&f, 5, 5, "");
        record(&f, 0, 5, 0);
        step(&f, 1000);
        want(&f, COMMIT_WRITE);
        chunk(&f, COMMIT_OK, false);
        commit_revoked(&f.c);
        step(&f, 0);
        outcome(&f, COMMIT_COMMITTED); /* of the offset alone */
        step(&f, 0);
        want(&f, COMMIT_KEEP);
        chunk(&f, COMMIT_OK, true); /* not heard any more */
        open = open_again(&f, cases[i].version, cases[i].offset);
        assert_int_equal(open->is_as_left, cases[i].is_as_left);
        assert_int_equal(find(&f, COMMIT_WRITTEN) != NULL,
                         cases[i].is_as_left && !cases[i].first_chunk);
        if (cases[i].first_chunk) {
            const struct commit_action *write = want(&f, COMMIT_WRITE);

            assert_int_equal(write->first_chunk, cases[i].first_chunk);
            assert_int_equal(write->seq, cases[i].version.seq);
            assert_int_equal(write->fence.epoch, 4);
            assert_int_equal(write->offset, 6);
        } else {
            assert_null(find(&f, COMMIT_WRITE));
        }
        commit_deinit(&f.c);
    }
}

static void test_revoked_deadline(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    run_from(&f, 5, 5, "");
    record(&f, 0, 5, 1);
    step(&f, 0);
    commit_revoked(&f.c);
    step(&f, 2999);
    assert_null(find(&f, COMMIT_RELEASE));
    assert_int_equal(commit_due(&f.c), f.now + 1);
    step(&f, 1);
    want(&f, COMMIT_RELEASE);
    want(&f, COMMIT_DROP);
    /* The transaction ends later, of interest to nobody. */
    outcome(&f, COMMIT_ABORTED);
    step(&f, 1000);
    assert_null(find(&f, COMMIT_HAND_OVER));
    commit_deinit(&f.c);
}

static void test_lost(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    run_from(&f, 5, 5, "");
    step(&f, 3000);
    record(&f, 0, 5, 1);
    commit_lost(&f.c);
    step(&f, 3000);
    want(&f, COMMIT_DROP);
    assert_int_equal(f.n, 1);
    assert_int_equal(f.c.outbox.n_waiting, 0);
    commit_deinit(&f.c);
}

/* With nothing left of the time in which records are still applied. */
static void drain_at_once(struct fixture *f)
{
    f->c.opts.leaving_ms = 0;
    commit_drain(&f->c);
}

/* While the state is stored, records are applied and published; only what they changed is left for
 * the time in which nothing is. */
static void test_drain_stores_first(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    run_from(&f, 5, 5, "");
    step(&f, 3000);
    record(&f, 0, 5, 0);
    step(&f, 0); /* the cut that is due */
    assert_int_equal(want(&f, COMMIT_WRITE)->offset, 6);
    outcome(&f, COMMIT_COMMITTED);
    record(&f, 0, 6, 0);
    step(&f, 10);
    commit_drain(&f.c);
    step(&f, 0);
    assert_null(find(&f, COMMIT_CUT)); /* that one first */
    chunk(&f, COMMIT_OK, true);
    step(&f, 0);
    assert_int_equal(want(&f, COMMIT_CUT)->offset, 7); /* at once, and one that began since */
    assert_null(find(&f, COMMIT_PAUSE));
    assert_int_equal(record(&f, 0, 7, 1), 1);
    step(&f, 50);
    want(&f, COMMIT_HAND_OVER);
    outcome(&f, COMMIT_COMMITTED);
    chunk(&f, COMMIT_OK, true);
    step(&f, 0);
    assert_int_equal(want(&f, COMMIT_CUT)->offset, 8);
    want(&f, COMMIT_PAUSE);
    assert_false(commit_begin(&f.c, 0, 8));
    chunk(&f, COMMIT_OK, true);
    step(&f, 0);
    want(&f, COMMIT_DRAINED);
    commit_deinit(&f.c);
}

/* One record is applied, a drain was asked for, and its checkpoint is being written. */
static void begin_to_drain(struct fixture *f)
{
    setup(f);
    run_from(f, 5, 5, "");
    step(f, 10);
    record(f, 0, 5, 0);
    commit_drain(&f->c);
    step(f, 0);
    want(f, COMMIT_WRITE);
}

/* However slow Redis is: the time is bounded. */
static void test_drain_stores_first_for_a_while(void **state)
{
    struct fixture f;

    (void)state;
    begin_to_drain(&f);
    assert_int_equal(commit_due(&f.c), f.now + f.c.opts.leaving_ms);
    step(&f, f.c.opts.leaving_ms - 1);
    record(&f, 0, 6, 0);
    commit_drain(&f.c); /* asked once more, it does not begin anew */
    step(&f, 0);
    assert_null(find(&f, COMMIT_PAUSE));
    step(&f, 1);
    want(&f, COMMIT_PAUSE);
    step(&f, f.c.opts.ending_ms);
    want(&f, COMMIT_DRAINED);
    commit_deinit(&f.c);
}

/* The group waits for the partitions: nothing more is applied. Assigned again, they are not taken.
 */
static void test_revoked_or_lost_while_drain_stores(void **state)
{
    struct fixture f;

    (void)state;
    begin_to_drain(&f);
    commit_revoked(&f.c);
    step(&f, 0);
    want(&f, COMMIT_PAUSE);
    outcome(&f, COMMIT_COMMITTED);
    chunk(&f, COMMIT_OK, true); /* a drain stores all, unlike a revocation alone */
    step(&f, 0);
    want(&f, COMMIT_DRAINED);
    want(&f, COMMIT_RELEASE);
    commit_deinit(&f.c);

    begin_to_drain(&f);
    outcome(&f, COMMIT_COMMITTED);
    commit_lost(&f.c);
    assign(&f, 1);
    want(&f, COMMIT_DRAINED);
    commit_deinit(&f.c);
}

static void test_drain(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    run_from(&f, 5, 5, "");
    record(&f, 0, 5, 0);
    drain_at_once(&f);
    step(&f, 0);
    want(&f, COMMIT_HAND_OVER); /* offsets at once */
    outcome(&f, COMMIT_COMMITTED);
    chunk(&f, COMMIT_OK, true);
    step(&f, 0);
    want(&f, COMMIT_DRAINED);
    assert_null(find(&f, COMMIT_RELEASE));
    commit_revoked(&f.c);
    step(&f, 0);
    want(&f, COMMIT_RELEASE);
    assert_null(find(&f, COMMIT_DRAINED));
    commit_deinit(&f.c);
}

/* Refused while it drained: what waits is left to the successor, nothing is begun after the end. */
static void test_nothing_after_drained(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    run_from(&f, 5, 5, "");
    record(&f, 0, 5, 1);
    drain_at_once(&f);
    step(&f, 0);
    want(&f, COMMIT_HAND_OVER);
    outcome(&f, COMMIT_ABORTED);
    step(&f, f.c.opts.ending_ms); /* once more, and the end of the time for it */
    want(&f, COMMIT_DRAINED);
    outcome(&f, COMMIT_ABORTED);
    step(&f, 10 * f.c.opts.retry_max_ms);
    assert_null(find(&f, COMMIT_HAND_OVER));
    commit_deinit(&f.c);
}

static void test_drain_without_redis_or_partitions(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    commit_drain(&f.c);
    step(&f, 0);
    want(&f, COMMIT_DRAINED);
    commit_deinit(&f.c);

    setup(&f);
    run_from(&f, 5, 5, "");
    record(&f, 0, 5, 1);
    commit_redis(&f.c, false);
    commit_drain(&f.c);
    step(&f, 0);
    outcome(&f, COMMIT_COMMITTED);
    step(&f, 0);
    want(&f, COMMIT_DRAINED);
    commit_deinit(&f.c);

    setup(&f); /* nobody waits for a checkpoint that was under way */
    run_from(&f, 5, 5, "");
    record(&f, 0, 5, 0);
    step(&f, 3000);
    want(&f, COMMIT_WRITE);
    outcome(&f, COMMIT_COMMITTED);
    commit_redis(&f.c, false);
    commit_drain(&f.c);
    step(&f, 0);
    want(&f, COMMIT_DRAINED);
    commit_deinit(&f.c);
}

/* ---- stops ---- */

static void test_outside_log_while_running(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    run_from(&f, 5, 5, "");
    commit_stop(&f.c, 0, COMMIT_STOP_OUTSIDE_LOG);
    step(&f, 0);
    want(&f, COMMIT_DROP);
    want(&f, COMMIT_PAUSE);
    assert_non_null(strstr(want(&f, COMMIT_STOP)->text, "log"));
    assert_string_equal(commit_stop_name(COMMIT_STOP_OUTSIDE_LOG), "outside_log");
    step(&f, 60000);
    assert_int_equal(f.n, 0);
    commit_deinit(&f.c);
}

/* Somebody has rebuilt it: it is taken over as if it were new, and fed by itself. */
static void test_retry(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    assign(&f, 1);
    take_over(&f, 0, meta_at(3, 10, 5, 60), read_at(COMMIT_NONE, ""));
    assert_int_equal(want(&f, COMMIT_STOP)->reason, COMMIT_STOP_OFFSETS_EXPIRED);
    commit_retry(&f.c, 0);
    commit_retry(&f.c, 7); /* nobody's */
    step(&f, 0);
    want(&f, COMMIT_ACQUIRE);
    take_over(&f, 0, empty_meta(5), read_at(60, ""));
    assert_true(want(&f, COMMIT_OPEN)->is_rebuild);
    assert_int_equal(want(&f, COMMIT_OPEN)->suppress_below, 60);
    assert_int_equal(want(&f, COMMIT_SEEK)->offset, 0);
    commit_retry(&f.c, 0); /* it runs: nothing happens to it */
    step(&f, 0);
    assert_null(find(&f, COMMIT_DROP));
    assert_int_equal(commit_partition(&f.c, 0)->state, COMMIT_RUNNING);
    assert_true(commit_partition(&f.c, 0)->is_fetched); /* so that it can be paused */
    commit_deinit(&f.c);
}

/* An idle partition has no age, however long ago its last checkpoint was. */
static void test_checkpoint_age(void **state)
{
    struct fixture f;
    const struct commit_partition *p;

    (void)state;
    setup(&f);
    run_from(&f, 5, 5, "");
    p = commit_partition(&f.c, 0);
    step(&f, 3600000);
    assert_int_equal(commit_checkpoint_age_ms(p, f.now), 0);
    record(&f, 0, 5, 0);
    assert_int_equal(commit_checkpoint_age_ms(p, f.now + 300), 300);
    commit_redis(&f.c, false);
    step(&f, 5000);
    assert_int_equal(commit_checkpoint_age_ms(p, f.now), 5000);
    commit_deinit(&f.c);
}

/* The beginning of the log may move on between being asked for and being read. Should it do so each
 * time, it is asked for less and less often. */
static void test_beginning_moves(void **state)
{
    struct fixture f;
    int64_t wait_ms;

    (void)state;
    setup(&f);
    wait_ms = f.c.opts.retry_ms;
    assign(&f, 1);
    for (int i = 0; i < 3; i++) {
        take_over(&f, 0, empty_meta(1 + i), read_at(COMMIT_NONE, ""));
        outcome(&f, COMMIT_ABORTED); /* of the offset alone */
        commit_stop(&f.c, 0, COMMIT_STOP_OUTSIDE_LOG);
        step(&f, wait_ms - 1);
        assert_null(find(&f, COMMIT_STOP));
        assert_null(find(&f, COMMIT_ACQUIRE));
        step(&f, 1);
        want(&f, COMMIT_ACQUIRE);
        wait_ms *= 2;
    }
    commit_deinit(&f.c);
}

/* ---- at least once ---- */

static void test_at_least_once(void **state)
{
    struct fixture f;
    struct commit_opts o = options();

    (void)state;
    o.is_exactly_once = false;
    o.spacing_ms = 0;
    setup_with(&f, o);
    run_from(&f, 5, 5, "");
    record(&f, 0, 5, 1);
    step(&f, 0);
    want(&f, COMMIT_HAND_OVER);
    assert_null(find(&f, COMMIT_OFFSETS));
    outcome(&f, COMMIT_UNCERTAIN); /* then once more */
    step(&f, 100);
    want(&f, COMMIT_HAND_OVER);
    outcome(&f, COMMIT_COMMITTED);
    step(&f, 0);
    want(&f, COMMIT_OFFSETS);
    assert_int_equal(f.c.plain.offsets[0].position.offset, 6);
    assert_int_equal(commit_partition(&f.c, 0)->committed.offset, 5);
    record(&f, 0, 6, 1);
    step(&f, 0);
    want(&f, COMMIT_HAND_OVER); /* triggers do not wait for offsets */
    commit_offsets_done(&f.c, f.c.offsets_ticket, true);
    assert_int_equal(commit_partition(&f.c, 0)->committed.offset, 6);
    outcome(&f, COMMIT_COMMITTED);
    step(&f, 1000);
    want(&f, COMMIT_OFFSETS);
    commit_offsets_done(&f.c, f.c.offsets_ticket, false);
    step(&f, 1000);
    want(&f, COMMIT_OFFSETS);
    assert_int_equal(f.c.plain.offsets[0].position.offset, 7);
    commit_deinit(&f.c);
}

/* An answer to a plain commit of a former life says nothing of the present one. */
static void test_plain_commit_of_a_former_life(void **state)
{
    struct fixture f;
    struct commit_opts o = options();

    (void)state;
    o.is_exactly_once = false;
    setup_with(&f, o);
    run_from(&f, 5, 5, "");
    record(&f, 0, 5, 0);
    step(&f, 0);
    want(&f, COMMIT_OFFSETS);
    commit_lost(&f.c);
    assign(&f, 1);
    take_over(&f, 0, meta_at(5, 10, 5, 5), read_at(5, ""));
    commit_offsets_done(&f.c, f.c.offsets_ticket, true);
    assert_int_equal(commit_partition(&f.c, 0)->committed.offset, 5);
    commit_deinit(&f.c);
}

/* Another program may have written anything there. */
static void test_long_predecessor(void **state)
{
    struct fixture f;
    struct commit_meta m = meta_at(3, 10, 5, 5);
    char id[COMMIT_ID_MAX * 2];

    (void)state;
    memset(id, 'x', sizeof(id));
    m.predecessor = (struct str){.ptr = id, .len = COMMIT_ID_MAX};
    setup(&f);
    assign(&f, 1);
    take_over(&f, 0, m, read_at(5, ""));
    assert_string_equal(commit_partition(&f.c, 0)->predecessor, "");
    commit_deinit(&f.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_where),
        cmocka_unit_test(test_layout_and_topic),
        cmocka_unit_test(test_start_waits_for_all),
        cmocka_unit_test(test_unstable),
        cmocka_unit_test(test_own_leftover_is_not_aborted),
        cmocka_unit_test(test_acquire_retries),
        cmocka_unit_test(test_old_answers_are_ignored),
        cmocka_unit_test(test_suppression),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_group_commit),
        cmocka_unit_test(test_split_record),
        cmocka_unit_test(test_open_record),
        cmocka_unit_test(test_no_membership_no_publishing),
        cmocka_unit_test(test_aborted_comes_again),
        cmocka_unit_test(test_uncertain),
        cmocka_unit_test(test_replay_does_not_move_m),
        cmocka_unit_test(test_offsets_alone),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_checkpoint_follows_the_transaction),
        cmocka_unit_test(test_checkpoint_alone),
        cmocka_unit_test(test_checkpoint_in_a_hurry),
        cmocka_unit_test(test_checkpoint_waits),
        cmocka_unit_test(test_chunks_of_a_former_life),
        cmocka_unit_test(test_redo),
        cmocka_unit_test(test_loads),
        cmocka_unit_test(test_reconnect),
        cmocka_unit_test(test_replay_waits_for_the_flight),
        cmocka_unit_test(test_another_witness),
        cmocka_unit_test(test_revoked),
        cmocka_unit_test(test_revoked_before_the_first_checkpoint),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_not_kept_of_others),
        cmocka_unit_test(test_kept_over_two),
        cmocka_unit_test(test_not_kept_uncertain),
        cmocka_unit_test(test_kept_cut),
        cmocka_unit_test(test_revoked_deadline),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_stores_first),
        cmocka_unit_test(test_drain_stores_first_for_a_while),
        cmocka_unit_test(test_revoked_or_lost_while_drain_stores),
        cmocka_unit_test(test_nothing_after_drained),
        cmocka_unit_test(test_drain_without_redis_or_partitions),
        cmocka_unit_test(test_outside_log_while_running),
        cmocka_unit_test(test_retry),
        cmocka_unit_test(test_checkpoint_age),
        cmocka_unit_test(test_beginning_moves),
        cmocka_unit_test(test_at_least_once),
        cmocka_unit_test(test_plain_commit_of_a_former_life),
        cmocka_unit_test(test_long_predecessor),
        cmocka_unit_test(test_leftover_of_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
