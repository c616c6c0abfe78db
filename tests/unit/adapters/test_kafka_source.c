/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer against the mock cluster: joins, starts, pauses, seeks, gives back, leaves. */
#include "../unit.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapters/kafka_mock.h"
#include "adapters/kafka_source.h"
#include "base/log.h"
#include "base/mem.h"
#include "run.h"

#define N_PARTITIONS 4
#define N_RECORDS    2000 /* per partition */

static uv_loop_t loop;
static struct kafka_mock *mock;

struct member {
    struct kafka_source *source;
    size_t n_assigned;
    size_t n_revoked_calls;
    bool is_assigned;
    bool is_revoked;
    bool hold_release;
    size_t n_messages;
    size_t n_out_of_order;
    size_t n_eof;
    size_t n_outside;
    int64_t outside_at;
    size_t n_while_paused;
    bool is_paused[N_PARTITIONS];
    int64_t next[N_PARTITIONS];
    bool is_at_end[N_PARTITIONS];
    int64_t pause_every; /* pauses itself in the callback, each so many offsets */
    int64_t seek_at;     /* seeks itself in the callback: from here ... */
    int64_t seek_to;     /* ... to there */
    size_t n_errors;
};

static void on_assigned(void *ctx, const struct kafka_part *parts, size_t n)
{
    struct member *m = ctx;

    (void)parts;
    m->n_assigned = n;
    m->is_assigned = true;
    m->is_revoked = false;
}

static void on_revoked(void *ctx, const struct kafka_part *parts, size_t n)
{
    struct member *m = ctx;

    (void)parts;
    assert_int_equal(n, m->n_assigned);
    m->n_revoked_calls++;
    m->is_revoked = true;
    m->is_assigned = false;
    if (!m->hold_release)
        kafka_source_release(m->source);
}

static void on_lost(void *ctx, const struct kafka_part *parts, size_t n)
{
    struct member *m = ctx;

    (void)parts;
    (void)n;
    m->is_revoked = true;
    m->is_assigned = false;
}

static void on_message(void *ctx, const struct kafka_message *msg)
{
    struct member *m = ctx;
    char expected[32];

    assert_false(m->is_revoked);
    if (m->is_paused[msg->partition])
        m->n_while_paused++;
    if (msg->offset != m->next[msg->partition])
        m->n_out_of_order++;
    m->next[msg->partition] = msg->offset + 1;
    m->n_messages++;
    snprintf(expected, sizeof(expected), "v%d/%d", msg->partition, (int)msg->offset);
    assert_true(str_eq(msg->value, str_of(expected)));
    assert_ptr_equal(msg->user, m);
    assert_int_equal(kafka_source_position(m->source, msg->topic, msg->partition), msg->offset + 1);
    if (m->pause_every && msg->offset % m->pause_every == m->pause_every - 1) {
        m->is_paused[msg->partition] = true;
        kafka_source_pause(m->source, msg->topic, msg->partition);
    }
    if (m->seek_at && msg->offset == m->seek_at) {
        m->next[msg->partition] = m->seek_to;
        m->seek_at = 0;
        kafka_source_seek(m->source, msg->topic, msg->partition, m->seek_to);
    }
}

static void on_eof(void *ctx, const char *topic, int32_t partition, int64_t next_offset)
{
    struct member *m = ctx;

    (void)topic;
    assert_false(m->is_paused[partition]);
    assert_int_equal(next_offset, m->next[partition]);
    m->is_at_end[partition] = true;
    m->n_eof++;
}

static void on_outside(void *ctx, const char *topic, int32_t partition, int64_t offset)
{
    struct member *m = ctx;

    (void)topic;
    (void)partition;
    m->n_outside++;
    m->outside_at = offset;
}

static void on_error(void *ctx, bool fatal, const char *text)
{
    (void)text;
    assert_false(fatal);
    ((struct member *)ctx)->n_errors++;
}

static const struct kafka_source_ops ops = {
    .on_assigned = on_assigned,
    .on_revoked = on_revoked,
    .on_lost = on_lost,
    .on_message = on_message,
    .on_eof = on_eof,
    .on_offset_outside = on_outside,
    .on_error = on_error,
};

static void member_open(struct member *m, const char *bootstrap, const char *group,
                        const char *topic, size_t slice)
{
    struct kafka_property properties[] = {{"bootstrap.servers", bootstrap}, {"group.id", group}};
    struct kafka_source_opts opts = {.properties = properties,
                                     .n_properties = 2,
                                     .topics = &topic,
                                     .n_topics = 1,
                                     .slice = slice};
    struct buf detail = BUF_INIT;

    *m = (struct member){.n_assigned = 0};
    assert_int_equal(kafka_source_new(&loop, &opts, &ops, m, &m->source, &detail), 0);
    buf_deinit(&detail);
}

static void member_close(struct member *m, uint64_t ms)
{
    bool is_closed = false;

    kafka_source_close(m->source, run_set_flag, &is_closed);
    assert_false(is_closed);
    assert_true(run_until(&loop, run_flag, &is_closed, ms));
}

static void member_start(struct member *m, const char *topic, int64_t offset)
{
    struct kafka_part parts[N_PARTITIONS];

    for (int i = 0; i < N_PARTITIONS; i++) {
        parts[i] = (struct kafka_part){.topic = topic, .partition = i, .offset = offset, .user = m};
        m->next[i] = offset;
    }
    kafka_source_start(m->source, parts, N_PARTITIONS);
}

static bool is_assigned(void *ctx)
{
    return ((struct member *)ctx)->is_assigned;
}

static bool is_all_read(void *ctx)
{
    struct member *m = ctx;

    for (int i = 0; i < N_PARTITIONS; i++)
        if (m->next[i] < N_RECORDS || !m->is_at_end[i])
            return false;
    return true;
}

static void join(struct member *m, const char *group, const char *topic, size_t slice)
{
    member_open(m, kafka_mock_bootstrap(mock), group, topic, slice);
    assert_true(run_until(&loop, is_assigned, m, 20000));
    assert_int_equal(m->n_assigned, N_PARTITIONS);
}

static void test_starts_when_told(void **state)
{
    struct member m;

    (void)state;
    join(&m, "starts", "t", 0);
    run_for(&loop, 300);
    assert_int_equal(m.n_messages + m.n_eof, 0);
    member_start(&m, "t", 5);
    assert_true(run_until(&loop, is_all_read, &m, 20000));
    assert_int_equal(m.n_messages, N_PARTITIONS * (N_RECORDS - 5));
    assert_int_equal(m.n_out_of_order, 0);
    assert_int_equal(m.n_eof, N_PARTITIONS);
    member_close(&m, 8000);
    assert_int_equal(m.n_revoked_calls, 1);
}

static void test_starts_one_by_one(void **state)
{
    struct member m;

    (void)state;
    join(&m, "one-by-one", "t", 50);
    for (int i = 0; i < N_PARTITIONS; i++) {
        struct kafka_part part = {.topic = "t", .partition = i, .offset = 0, .user = &m};

        kafka_source_start(m.source, &part, 1);
        run_for(&loop, 20);
    }
    assert_true(run_until(&loop, is_all_read, &m, 20000));
    assert_int_equal(m.n_messages, N_PARTITIONS * N_RECORDS);
    assert_int_equal(m.n_out_of_order, 0);
    member_close(&m, 8000);
}

static void resume_all(struct member *m)
{
    for (int i = 0; i < N_PARTITIONS; i++) {
        if (!m->is_paused[i])
            continue;
        m->is_paused[i] = false;
        kafka_source_resume(m->source, "t", i);
    }
}

static bool is_all_paused(void *ctx)
{
    struct member *m = ctx;

    for (int i = 0; i < N_PARTITIONS; i++)
        if (!m->is_paused[i] && m->next[i] < N_RECORDS)
            return false;
    return true;
}

/* Slices of 32 and pauses every 500: the stash fills up and the fetcher is held, again and again.
 */
static void test_pause_keeps_order(void **state)
{
    struct member m;

    (void)state;
    join(&m, "pauses", "t", 32);
    m.pause_every = 500;
    member_start(&m, "t", 0);
    for (int round = 0; round < N_RECORDS / 500; round++) {
        assert_true(run_until(&loop, is_all_paused, &m, 20000));
        run_for(&loop, 50);
        assert_true(kafka_source_stats(m.source).n_stashed < N_PARTITIONS * 70);
        resume_all(&m);
        /* A seek, even to where it stands, has librdkafka fetch for all again. */
        kafka_source_seek(m.source, "t", 3, m.next[3]);
    }
    assert_true(run_until(&loop, is_all_read, &m, 20000));
    assert_int_equal(m.n_messages, N_PARTITIONS * N_RECORDS);
    assert_int_equal(m.n_out_of_order, 0);
    assert_int_equal(m.n_while_paused, 0);
    assert_int_equal(kafka_source_stats(m.source).n_stashed, 0);
    member_close(&m, 8000);
}

/* Pauses while what was held back is being delivered. */
static void test_pause_while_draining(void **state)
{
    struct member m;

    (void)state;
    join(&m, "drains", "t", 32);
    m.pause_every = 7;
    member_start(&m, "t", N_RECORDS - 100);
    /* 74 to 99 rounds on two busy cores with sanitizers; each resume waits for a fetch. */
    for (int round = 0; round < 1000 && !is_all_read(&m); round++) {
        run_for(&loop, 20);
        resume_all(&m);
    }
    assert_true(is_all_read(&m));
    assert_int_equal(m.n_messages, N_PARTITIONS * 100);
    assert_int_equal(m.n_out_of_order, 0);
    assert_int_equal(m.n_while_paused, 0);
    member_close(&m, 8000);
}

static void test_seek_delivers_nothing_stale(void **state)
{
    struct member m;

    (void)state;
    join(&m, "seeks", "t", 64);
    member_start(&m, "t", 0);
    for (int round = 0; round < 40; round++) {
        /* Back and forth, in a callback and outside, at once and a little later. */
        m.seek_at = 100 + round * 7 % 1500;
        m.seek_to = round * 311 % 1900;
        run_for(&loop, (uint64_t)round % 4);
        for (int i = 0; i < N_PARTITIONS; i++) {
            m.next[i] = round * 53 % 1800;
            m.is_at_end[i] = false;
            kafka_source_seek(m.source, "t", i, m.next[i]);
        }
        run_for(&loop, (uint64_t)round * 5 % 30);
    }
    m.seek_at = 0;
    assert_true(run_until(&loop, is_all_read, &m, 20000));
    assert_int_equal(m.n_out_of_order, 0);
    member_close(&m, 8000);
}

static void test_seek_while_paused(void **state)
{
    struct member m;

    (void)state;
    join(&m, "paused-seek", "t", 16);
    m.pause_every = 500;
    member_start(&m, "t", 0);
    assert_true(run_until(&loop, is_all_paused, &m, 20000));
    run_for(&loop, 50);
    m.pause_every = 0;
    for (int i = 0; i < N_PARTITIONS; i++) {
        kafka_source_seek(m.source, "t", i, 17);
        m.next[i] = 17;
    }
    run_for(&loop, 100);
    assert_int_equal(m.n_while_paused, 0);
    m.n_messages = 0;
    resume_all(&m);
    assert_true(run_until(&loop, is_all_read, &m, 20000));
    assert_int_equal(m.n_messages, N_PARTITIONS * (N_RECORDS - 17));
    assert_int_equal(m.n_out_of_order, 0);
    member_close(&m, 8000);
}

static bool is_outside(void *ctx)
{
    return ((struct member *)ctx)->n_outside == N_PARTITIONS;
}

static void test_offset_outside(void **state)
{
    struct member m;

    (void)state;
    join(&m, "outside", "t", 0);
    member_start(&m, "t", 1000000);
    assert_true(run_until(&loop, is_outside, &m, 20000));
    assert_int_equal(m.outside_at, 1000000);
    assert_int_equal(m.n_messages, 0);
    for (int i = 0; i < N_PARTITIONS; i++) {
        m.next[i] = 3;
        kafka_source_seek(m.source, "t", i, 3);
    }
    assert_true(run_until(&loop, is_all_read, &m, 20000));
    assert_int_equal(m.n_messages, N_PARTITIONS * (N_RECORDS - 3));
    assert_int_equal(m.n_out_of_order, 0);
    member_close(&m, 8000);
}

struct answer {
    bool is_done;
    enum kafka_committed status;
    int64_t offset;
    char metadata[32];
    bool has_error;
    int64_t low;
    int64_t high;
};

static void on_committed(void *ctx, const struct kafka_committed_part *parts, size_t n)
{
    struct answer *a = ctx;

    assert_int_equal(n, 2);
    assert_int_equal(parts[0].partition, 1);
    assert_int_equal(parts[1].partition, 0);
    a->status = parts[0].status;
    a->offset = parts[0].offset;
    snprintf(a->metadata, sizeof(a->metadata), "%.*s", STR_ARG(parts[0].metadata));
    assert_int_equal(parts[1].status,
                     a->status == KAFKA_COMMITTED_OFFSET ? KAFKA_COMMITTED_NONE : a->status);
    a->is_done = true;
}

static void on_commit(void *ctx, const char *error)
{
    struct answer *a = ctx;

    a->has_error = error != NULL;
    a->is_done = true;
}

static void on_watermarks(void *ctx, const char *error, int64_t low, int64_t high)
{
    struct answer *a = ctx;

    a->has_error = error != NULL;
    a->low = low;
    a->high = high;
    a->is_done = true;
}

static void on_count(void *ctx, const char *error, int32_t n)
{
    on_watermarks(ctx, error, 0, n);
}

static struct answer ask_committed(struct member *m)
{
    struct kafka_part parts[] = {{.topic = "t", .partition = 1}, {.topic = "t", .partition = 0}};
    struct answer a = {.is_done = false};

    kafka_source_committed(m->source, parts, 2, on_committed, &a);
    assert_false(a.is_done);
    assert_true(run_until(&loop, run_flag, &a.is_done, 10000));
    return a;
}

static void test_committed_offsets(void **state)
{
    struct kafka_part part = {.topic = "t", .partition = 1, .offset = 42, .metadata = "seven"};
    struct answer a = {.is_done = false};
    struct member m;

    (void)state;
    join(&m, "commits", "t", 0);
    assert_int_equal(ask_committed(&m).status, KAFKA_COMMITTED_NONE);
    kafka_source_commit(m.source, &part, 1, on_commit, &a);
    assert_false(a.is_done);
    assert_true(run_until(&loop, run_flag, &a.is_done, 10000));
    assert_false(a.has_error);
    a = ask_committed(&m);
    assert_int_equal(a.status, KAFKA_COMMITTED_OFFSET);
    assert_int_equal(a.offset, 42);
    assert_string_equal(a.metadata, "seven");
    /* An error is not "none". */
    rd_kafka_mock_push_request_errors(kafka_mock_cluster(mock), 9, 1,
                                      RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    assert_int_equal(ask_committed(&m).status, KAFKA_COMMITTED_ERROR);
    member_close(&m, 8000);
}

/* The one who was asked first is not the coordinator any more, and does not come to be it again. */
static void test_coordinator_moves(void **state)
{
    struct kafka_part part = {.topic = "t", .partition = 1, .offset = 42};
    struct answer a = {.is_done = false};
    struct kafka_mock *of_two;
    struct member m;

    (void)state;
    assert_int_equal(kafka_mock_start(2, &of_two), 0);
    assert_int_equal(kafka_mock_topic(of_two, "t", N_PARTITIONS), 0);
    rd_kafka_mock_coordinator_set(kafka_mock_cluster(of_two), "group", "moves", 1);
    member_open(&m, kafka_mock_bootstrap(of_two), "moves", "t", 0);
    assert_true(run_until(&loop, is_assigned, &m, 20000));
    kafka_source_commit(m.source, &part, 1, on_commit, &a);
    assert_true(run_until(&loop, run_flag, &a.is_done, 10000));
    assert_false(a.has_error);
    assert_int_equal(ask_committed(&m).status, KAFKA_COMMITTED_OFFSET);
    rd_kafka_mock_coordinator_set(kafka_mock_cluster(of_two), "group", "moves", 2);
    for (int i = 0; i < 100; i++) /* the mock lets any broker answer; real ones do not */
        assert_int_equal(rd_kafka_mock_broker_push_request_error_rtts(
                             kafka_mock_cluster(of_two), 1, 9 /* OffsetFetch */, 1,
                             RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 0),
                         0);
    a = ask_committed(&m);
    for (int i = 0; i < 10 && a.status != KAFKA_COMMITTED_OFFSET; i++)
        a = ask_committed(&m);
    assert_int_equal(a.status, KAFKA_COMMITTED_OFFSET);
    assert_int_equal(a.offset, 42);
    member_close(&m, 8000);
    kafka_mock_stop(of_two);
}

static void test_bounds_of_the_log(void **state)
{
    struct answer a = {.is_done = false};
    struct member m;
    int64_t high;

    (void)state;
    join(&m, "bounds", "t", 0);
    kafka_source_watermarks(m.source, "t", 2, on_watermarks, &a);
    assert_true(run_until(&loop, run_flag, &a.is_done, 10000));
    assert_false(a.has_error);
    assert_int_equal(a.low, 0);
    assert_int_equal(a.high, N_RECORDS);
    a.is_done = false;
    kafka_source_partition_count(m.source, "t", on_count, &a);
    assert_true(run_until(&loop, run_flag, &a.is_done, 10000));
    assert_int_equal(a.high, N_PARTITIONS);
    member_start(&m, "t", 0);
    assert_true(run_until(&loop, is_all_read, &m, 20000));
    assert_true(kafka_source_high_watermark(m.source, "t", 2, &high));
    assert_int_equal(high, N_RECORDS);
    member_close(&m, 8000);
}

/* Takeovers wait for the answer, and closing does. */
static void test_bounds_without_a_broker(void **state)
{
    struct answer a = {.is_done = false};
    struct member m;

    (void)state;
    join(&m, "nobounds", "t", 0);
    rd_kafka_mock_broker_set_down(kafka_mock_cluster(mock), 1);
    kafka_source_watermarks(m.source, "t", 2, on_watermarks, &a);
    assert_true(run_until(&loop, run_flag, &a.is_done, 12000));
    assert_true(a.has_error);
    rd_kafka_mock_broker_set_up(kafka_mock_cluster(mock), 1);
    a.is_done = false;
    kafka_source_watermarks(m.source, "t", 2, on_watermarks, &a);
    assert_true(run_until(&loop, run_flag, &a.is_done, 12000));
    member_close(&m, 8000);
}

/* Of many questions that nobody answers, closing waits for those alone that are under way. */
static void test_closes_with_questions(void **state)
{
    struct answer a[40] = {{.is_done = false}};
    struct member m;

    (void)state;
    join(&m, "questions", "t", 0);
    rd_kafka_mock_broker_set_down(kafka_mock_cluster(mock), 1);
    for (size_t i = 0; i < ARRAY_SIZE(a); i++)
        kafka_source_watermarks(m.source, "t", (int32_t)(i % N_PARTITIONS), on_watermarks, &a[i]);
    member_close(&m, 15000);
    for (size_t i = 0; i < ARRAY_SIZE(a); i++)
        assert_true(a[i].is_done && a[i].has_error);
    rd_kafka_mock_broker_set_up(kafka_mock_cluster(mock), 1);
}

static void test_group_metadata(void **state)
{
    rd_kafka_consumer_group_metadata_t *metadata;
    bool has_member = false;
    struct member m;

    (void)state;
    member_open(&m, kafka_mock_bootstrap(mock), "metadata", "t", 0);
    assert_null(kafka_source_group_metadata(m.source));
    assert_true(run_until(&loop, is_assigned, &m, 20000));
    metadata = kafka_source_group_metadata(m.source);
    assert_non_null(metadata);
    assert_true(kafka_group_metadata_generation(metadata, &has_member) >= 0);
    assert_true(has_member);
    kafka_group_metadata_free(metadata);
    /* As before joining: neither; as after leaving: a generation and no member. */
    metadata = rd_kafka_consumer_group_metadata_new("metadata");
    assert_true(kafka_group_metadata_generation(metadata, &has_member) < 0);
    assert_false(has_member);
    kafka_group_metadata_free(metadata);
    metadata = rd_kafka_consumer_group_metadata_new_with_genid("metadata", 7, "", NULL);
    assert_int_equal(kafka_group_metadata_generation(metadata, &has_member), 7);
    assert_false(has_member);
    kafka_group_metadata_free(metadata);
    member_close(&m, 8000);
}

static bool is_revoked(void *ctx)
{
    return ((struct member *)ctx)->is_revoked;
}

struct pair {
    struct member *a, *b;
};

static bool has_half(const struct member *m)
{
    return m->is_assigned && !m->is_revoked && m->n_assigned == N_PARTITIONS / 2 &&
           kafka_source_stats(m->source).n_assigned == N_PARTITIONS / 2;
}

static bool is_shared(void *ctx)
{
    const struct pair *p = ctx;

    return has_half(p->a) && has_half(p->b);
}

static void test_second_member_takes_half(void **state)
{
    struct member a, b;
    struct pair both = {&a, &b};

    (void)state;
    join(&a, "shares", "t", 0);
    member_start(&a, "t", 0);
    assert_true(run_until(&loop, is_all_read, &a, 20000));
    a.hold_release = true;
    member_open(&b, kafka_mock_bootstrap(mock), "shares", "t", 0);
    assert_true(run_until(&loop, is_revoked, &a, 20000));
    run_for(&loop, 500);
    assert_false(b.is_assigned); /* not before the first one has let go */
    a.hold_release = false;
    kafka_source_release(a.source);
    /* On a busy machine it may take a generation or two in which they share otherwise. */
    assert_true(run_until(&loop, is_shared, &both, 30000));
    member_close(&b, 8000);
    member_close(&a, 8000);
}

static bool is_told_half(void *ctx)
{
    const struct member *m = ctx;

    return m->is_assigned && m->n_assigned == N_PARTITIONS / 2;
}

static bool is_half_read(void *ctx)
{
    struct member *m = ctx;
    int n = 0;

    for (int i = 0; i < N_PARTITIONS; i++)
        n += m->is_at_end[i] && m->next[i] == N_RECORDS;
    return n == N_PARTITIONS / 2;
}

/* librdkafka remembers that a partition was paused over its being given back and taken again. */
static void test_rebalance_while_paused(void **state)
{
    struct member a, b;
    struct pair both = {&a, &b};

    (void)state;
    join(&a, "paused", "t", 32);
    a.pause_every = 50;
    member_start(&a, "t", 0);
    assert_true(run_until(&loop, is_all_paused, &a, 20000));
    run_for(&loop, 300); /* and held in librdkafka too */
    assert_true(kafka_source_stats(a.source).n_stashed >= N_PARTITIONS * 32);
    member_open(&b, kafka_mock_bootstrap(mock), "paused", "t", 32);
    assert_true(run_until(&loop, is_shared, &both, 30000));
    a.pause_every = 0;
    memset(a.is_paused, 0, sizeof(a.is_paused));
    member_start(&a, "t", 0);
    assert_true(run_until(&loop, is_half_read, &a, 10000));
    member_close(&b, 8000);
    member_close(&a, 8000);
}

/* An owner that has not decided where to start must not hold up the group. */
static void test_rebalance_before_the_start(void **state)
{
    struct member a, b;

    (void)state;
    join(&a, "undecided", "t", 0);
    member_open(&b, kafka_mock_bootstrap(mock), "undecided", "t", 0);
    assert_true(run_until(&loop, is_told_half, &b, 30000));
    member_close(&b, 8000);
    member_close(&a, 8000);
}

static void test_closes_without_a_broker(void **state)
{
    struct member m;
    struct answer a = {.is_done = false};
    struct kafka_part parts[] = {{.topic = "t", .partition = 1}, {.topic = "t", .partition = 0}};

    (void)state;
    member_open(&m, "127.0.0.1:1", "nobody", "t", 0);
    run_for(&loop, 300);
    kafka_source_committed(m.source, parts, 2, on_committed, &a);
    member_close(&m, 12000);
    assert_true(a.is_done);
    assert_int_equal(a.status, KAFKA_COMMITTED_ERROR);
}

static void test_refuses_bad_properties(void **state)
{
    struct kafka_property bad[] = {{"bootstrap.servers", "x"}, {"group.id", "g"}, {"no.such", "1"}};
    const char *topic = "t";
    struct kafka_source_opts opts = {
        .properties = bad, .n_properties = 3, .topics = &topic, .n_topics = 1};
    struct kafka_source *source;
    struct buf detail = BUF_INIT;
    struct member m;

    (void)state;
    assert_int_equal(kafka_source_new(&loop, &opts, &ops, &m, &source, &detail),
                     KAFKA_CONF_E_REJECTED);
    assert_non_null(strstr(detail.ptr, "no.such"));
    buf_deinit(&detail);
}

static void fill(const char *topic)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;

    rd_kafka_conf_set(conf, "bootstrap.servers", kafka_mock_bootstrap(mock), text, sizeof(text));
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    for (int i = 0; i < N_RECORDS; i++) {
        for (int p = 0; p < N_PARTITIONS; p++) {
            snprintf(text, sizeof(text), "v%d/%d", p, i);
            assert_int_equal(
                rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(p),
                                  RD_KAFKA_V_KEY("k", 1), RD_KAFKA_V_VALUE(text, strlen(text)),
                                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                0);
        }
    }
    assert_int_equal(rd_kafka_flush(rk, 20000), 0);
    rd_kafka_destroy(rk);
}

static int set_up(void **state)
{
    (void)state;
    log_setup(getenv("TEST_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(kafka_mock_start(1, &mock), 0);
    assert_int_equal(kafka_mock_topic(mock, "t", N_PARTITIONS), 0);
    fill("t");
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
        cmocka_unit_test(test_starts_when_told),
        cmocka_unit_test(test_starts_one_by_one),
        cmocka_unit_test(test_pause_keeps_order),
        cmocka_unit_test(test_pause_while_draining),
        cmocka_unit_test(test_seek_delivers_nothing_stale),
        cmocka_unit_test(test_seek_while_paused),
        cmocka_unit_test(test_offset_outside),
        cmocka_unit_test(test_committed_offsets),
        cmocka_unit_test(test_coordinator_moves),
        cmocka_unit_test(test_bounds_of_the_log),
        cmocka_unit_test(test_bounds_without_a_broker),
        cmocka_unit_test(test_closes_with_questions),
        cmocka_unit_test(test_group_metadata),
        cmocka_unit_test(test_second_member_takes_half),
        cmocka_unit_test(test_rebalance_while_paused),
        cmocka_unit_test(test_rebalance_before_the_start),
        cmocka_unit_test(test_closes_without_a_broker),
        cmocka_unit_test(test_refuses_bad_properties),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
