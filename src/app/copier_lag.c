/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether everything that the sources held at some instant has been copied: by us or by another
 * process, so it is asked of the group. Time may only be made to pass for an idle partition when
 * this is so: an answer that still waits in a source must be seen before its absence is claimed.
 *
 * First where all logs end, then what the group has committed of each: in this order, so that what
 * is said holds as of the moment before the first question.
 */
#include "app/copier_impl.h"
#include "base/mem.h"

#define ASK_MS   1000
#define COUNT_MS 60000

void copier_lag_init(struct copier *c)
{
    c->lag = (struct copier_lag){.caught_up_ms = INT64_MIN};
    c->lag.counts = mem_calloc(c->n_topics, sizeof(*c->lag.counts));
    c->lag.asked_at_ms = c->lag.counted_at_ms = INT64_MIN / 2;
}

void copier_lag_deinit(struct copier *c)
{
    mem_free(c->lag.counts);
    mem_free(c->lag.parts);
}

int64_t copier_caught_up_ms(const struct copier *c)
{
    return c->lag.caught_up_ms;
}

static bool is_over(struct copier *c, const char *error)
{
    if (error || c->is_closing)
        c->lag.state = COPIER_LAG_IDLE;
    return error || c->is_closing;
}

static void on_committed(void *ctx, const struct kafka_committed_part *parts, size_t n)
{
    struct copier *c = ctx;
    bool is_all = true;

    for (size_t i = 0; i < n && is_all; i++) {
        int64_t end = c->lag.parts[i].offset;

        is_all = end <= 0 || (parts[i].status == KAFKA_COMMITTED_OFFSET && parts[i].offset >= end);
    }
    if (is_all)
        c->lag.caught_up_ms = c->lag.as_of_ms;
    c->lag.state = COPIER_LAG_IDLE;
}

static void on_ends(void *ctx, const char *error, const int64_t *ends, size_t n)
{
    struct copier *c = ctx;

    if (is_over(c, error))
        return;
    for (size_t i = 0; i < n; i++)
        c->lag.parts[i].offset = ends[i];
    kafka_source_committed(c->source, c->lag.parts, c->lag.n_parts, on_committed, c);
}

static void ask_ends(struct copier *c)
{
    c->lag.state = COPIER_LAG_ASKING;
    c->lag.as_of_ms = copier_wall_ms();
    kafka_source_ends(c->source, c->lag.parts, c->lag.n_parts, on_ends, c);
}

static void list_parts(struct copier *c)
{
    struct copier_lag *l = &c->lag;

    l->n_parts = 0;
    for (size_t t = 0; t < c->n_topics; t++) {
        for (int32_t p = 0; p < l->counts[t]; p++) {
            mem_grow(&l->parts, &l->cap_parts, l->n_parts, sizeof(*l->parts));
            l->parts[l->n_parts++] =
                (struct kafka_part){.topic = c->topics[t], .partition = p, .offset = -1};
        }
    }
}

static void on_count(void *ctx, const char *error, int32_t n_partitions)
{
    struct copier *c = ctx;

    if (is_over(c, error))
        return;
    c->lag.counts[c->lag.topic++] = n_partitions;
    if (c->lag.topic < c->n_topics) {
        kafka_source_partition_count(c->source, c->topics[c->lag.topic], on_count, c);
        return;
    }
    c->lag.counted_at_ms = (int64_t)uv_now(c->loop);
    list_parts(c);
    ask_ends(c);
}

void copier_ask_caught_up(struct copier *c)
{
    int64_t now_ms = (int64_t)uv_now(c->loop);

    if (c->is_closing || c->lag.state != COPIER_LAG_IDLE || now_ms - c->lag.asked_at_ms < ASK_MS)
        return;
    c->lag.asked_at_ms = now_ms;
    if (now_ms - c->lag.counted_at_ms < COUNT_MS) {
        ask_ends(c);
        return;
    }
    c->lag.state = COPIER_LAG_COUNTING;
    c->lag.topic = 0;
    kafka_source_partition_count(c->source, c->topics[0], on_count, c);
}
