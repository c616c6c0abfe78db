/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything happens in one place, source_turn(): apply what was asked for since the last turn,
 * take a slice of records, tell of a rebalance, deliver. What callers ask for in between (start,
 * seek, release) only marks and pokes; so callbacks may call anything, and several wishes become
 * one assignment.
 *
 * librdkafka's own seek is asynchronous, and fails silently for a partition that is not being
 * fetched at that moment; a new assignment with explicit offsets works in every state, and when
 * the call returns, no older record of the partition leaves the queue any more. So that is how a
 * partition is sought.
 *
 * librdkafka's own pause throws away what is fetched, and goes on behind the last record that was
 * taken since it was first started, even if it was sought since. So a paused partition is first
 * only held back here, in `stash`, and paused there when the stash is full, which is always after
 * a record of the current assignment was taken.
 */
#include "adapters/kafka_source.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdio.h>

#include "adapters/kafka_loop.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"

#define SLICE_DEFAULT    1000
#define CLOSE_PERIOD_MS  20
#define CLOSE_PATIENCE   5000 /* ms, for the group's coordinator to take leave of us */
#define QUERY_TIMEOUT_MS 5000

struct source_part {
    char *topic; /* owned */
    int32_t partition;
    void *user;
    int64_t position; /* the next one to deliver; -1 before the start */
    int64_t fetched;  /* the next one to take from librdkafka */
    bool is_started;
    bool is_revoked; /* given back when the owner says so; delivers nothing */
    bool is_dirty;   /* to be assigned (anew), from `fetched` */
    bool is_within;  /* librdkafka has it assigned */
    bool is_paused;
    bool is_held;               /* paused in librdkafka too */
    uint64_t stale_slice;       /* what was taken in that slice is from before a seek */
    rd_kafka_message_t **stash; /* owned: taken, not delivered */
    size_t stash_at;
    size_t stash_n; /* index behind the last */
    size_t stash_cap;
};

struct source_rebalance {
    struct list link;
    rd_kafka_resp_err_t err;
    bool is_lost;
    rd_kafka_topic_partition_list_t *list; /* owned */
};

/* A question to the group's coordinator. */
struct source_ask {
    struct list link;
    struct kafka_source *source;
    rd_kafka_topic_partition_list_t *list; /* owned: in the caller's order */
    kafka_committed_fn committed;          /* one of the two */
    kafka_commit_fn commit;
    void *ctx;
    const char *error; /* a literal: could not even be asked */
    uv_work_t work;    /* asked once more, see ask_again() */
    rd_kafka_resp_err_t err;
};

/* A question to a broker, on a helper thread. */
struct source_query {
    uv_work_t work;
    struct kafka_source *source;
    char *topic; /* owned */
    int32_t partition;
    kafka_watermarks_fn watermarks; /* one of the four */
    kafka_count_fn count;
    kafka_offset_fn offset;
    kafka_ends_fn ends;
    rd_kafka_topic_partition_list_t *list; /* owned: of `ends` */
    void *ctx;
    int64_t time_ms;
    rd_kafka_resp_err_t err;
    int64_t low;
    int64_t high;
};

struct kafka_source {
    uv_loop_t *loop;
    struct kafka_loop wake;
    const struct kafka_source_ops *ops;
    void *ctx;
    rd_kafka_t *rk;          /* owned */
    rd_kafka_queue_t *queue; /* owned: records and rebalances */
    rd_kafka_queue_t *asks;  /* owned: answers of coordinators */
    char *group;             /* owned */
    rd_kafka_message_t **slice;
    size_t slice_size;
    uint64_t n_slices;
    struct source_part **parts; /* owned */
    size_t n_parts;
    size_t cap_parts;
    struct source_part *last; /* the part looked up last, or NULL */
    struct list rebalances;
    struct list asked;
    bool is_dirty; /* some part is */
    bool is_release_due;
    bool is_release_asked;
    bool is_drain_due; /* a resumed part has a stash */
    bool is_in_turn;
    bool is_closing;
    atomic_bool is_leaving; /* is_closing, for helper threads: what is not asked yet is not asked */
    bool is_reaped;
    uint64_t close_by; /* loop time; 0: not counting yet */
    int n_queries;
    void (*done)(void *ctx);
    void *done_ctx;
    struct kafka_source_stats stats;
};

/* ---- parts ---- */

static struct source_part *source_find(struct kafka_source *s, const char *topic, int32_t partition)
{
    struct source_part *p = s->last;

    if (p && p->partition == partition && strcmp(p->topic, topic) == 0)
        return p;
    for (size_t i = 0; i < s->n_parts; i++) {
        p = s->parts[i];
        if (p->partition == partition && strcmp(p->topic, topic) == 0)
            return s->last = p;
    }
    return NULL;
}

static void source_add(struct kafka_source *s, const char *topic, int32_t partition)
{
    struct source_part *p = mem_calloc(1, sizeof(*p));

    p->topic = mem_strndup(topic, strlen(topic));
    p->partition = partition;
    p->position = p->fetched = -1;
    mem_grow(&s->parts, &s->cap_parts, s->n_parts, sizeof(struct source_part *));
    s->parts[s->n_parts++] = p;
}

static void part_drop_stash(struct kafka_source *s, struct source_part *p)
{
    s->stats.n_stashed -= (int64_t)(p->stash_n - p->stash_at);
    while (p->stash_at < p->stash_n)
        rd_kafka_message_destroy(p->stash[p->stash_at++]);
    p->stash_at = p->stash_n = 0;
}

static void part_free(struct kafka_source *s, struct source_part *p)
{
    part_drop_stash(s, p);
    mem_free(p->stash);
    mem_free(p->topic);
    mem_free(p);
}

static void source_remove_revoked(struct kafka_source *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->n_parts; i++) {
        if (s->parts[i]->is_revoked)
            part_free(s, s->parts[i]);
        else
            s->parts[kept++] = s->parts[i];
    }
    s->n_parts = kept;
    s->last = NULL;
}

/* ---- assignment ---- */

static bool source_is_cooperative(struct kafka_source *s)
{
    const char *protocol = rd_kafka_rebalance_protocol(s->rk);

    return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

static void source_add_to(rd_kafka_topic_partition_list_t *list, const struct source_part *p)
{
    rd_kafka_topic_partition_list_add(list, p->topic, p->partition)->offset = p->fetched;
}

static void source_error(struct kafka_source *s, bool fatal, const char *text)
{
    s->stats.n_errors++;
    s->ops->on_error(s->ctx, fatal, text);
}

static void source_check(struct kafka_source *s, rd_kafka_error_t *error)
{
    if (!error)
        return;
    source_error(s, rd_kafka_error_is_fatal(error), rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
}

static void source_check_err(struct kafka_source *s, rd_kafka_resp_err_t err)
{
    if (err)
        source_error(s, err == RD_KAFKA_RESP_ERR__FATAL, rd_kafka_err2str(err));
}

static void source_hold(struct kafka_source *s, struct source_part *p, bool hold)
{
    rd_kafka_topic_partition_list_t *list;

    if (p->is_held == hold)
        return;
    list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, p->topic, p->partition);
    if (hold)
        rd_kafka_pause_partitions(s->rk, list);
    else
        rd_kafka_resume_partitions(s->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    p->is_held = hold;
}

/* The whole assignment at once: all that is started, each where it goes on. */
static void source_assign_all(struct kafka_source *s)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)s->n_parts);

    for (size_t i = 0; i < s->n_parts; i++) {
        struct source_part *p = s->parts[i];

        source_hold(s, p, false);
        p->is_dirty = false;
        p->is_within = p->is_started && !p->is_revoked;
        if (p->is_within)
            source_add_to(list, p);
    }
    source_check_err(s, rd_kafka_assign(s->rk, list));
    rd_kafka_topic_partition_list_destroy(list);
}

/* Only what changes: taken out where it is in, then put in where it goes on. */
static void source_assign_some(struct kafka_source *s)
{
    rd_kafka_topic_partition_list_t *out = rd_kafka_topic_partition_list_new(8);
    rd_kafka_topic_partition_list_t *in = rd_kafka_topic_partition_list_new(8);

    for (size_t i = 0; i < s->n_parts; i++) {
        struct source_part *p = s->parts[i];

        if (!p->is_dirty || p->is_revoked)
            continue;
        source_hold(s, p, false);
        p->is_dirty = false;
        if (p->is_within)
            source_add_to(out, p);
        source_add_to(in, p);
        p->is_within = true;
    }
    if (out->cnt > 0)
        source_check(s, rd_kafka_incremental_unassign(s->rk, out));
    if (in->cnt > 0)
        source_check(s, rd_kafka_incremental_assign(s->rk, in));
    rd_kafka_topic_partition_list_destroy(out);
    rd_kafka_topic_partition_list_destroy(in);
}

/* Gives back all that is revoked; in the eager protocol that is everything. librdkafka would have
 * what is paused still paused when it comes again. */
static void source_unassign(struct kafka_source *s)
{
    rd_kafka_topic_partition_list_t *list;

    for (size_t i = 0; i < s->n_parts; i++)
        source_hold(s, s->parts[i], false);
    if (!source_is_cooperative(s)) {
        for (size_t i = 0; i < s->n_parts; i++)
            s->parts[i]->is_within = false;
        source_check_err(s, rd_kafka_assign(s->rk, NULL));
        return;
    }
    list = rd_kafka_topic_partition_list_new((int)s->n_parts);
    for (size_t i = 0; i < s->n_parts; i++)
        if (s->parts[i]->is_revoked && s->parts[i]->is_within)
            source_add_to(list, s->parts[i]);
    source_check(s, rd_kafka_incremental_unassign(s->rk, list));
    rd_kafka_topic_partition_list_destroy(list);
}

/* What was asked for since the last turn. */
static void source_apply(struct kafka_source *s)
{
    if (s->is_release_asked && s->is_release_due) {
        s->is_release_asked = s->is_release_due = false;
        source_unassign(s);
        source_remove_revoked(s);
    }
    if (!s->is_dirty)
        return;
    s->is_dirty = false;
    if (source_is_cooperative(s))
        source_assign_some(s);
    else if (!s->is_release_due)
        source_assign_all(s);
}

/* ---- rebalances ---- */

/* Comes in the midst of taking a slice: only noted there. */
static void source_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                                rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct kafka_source *s = opaque;
    struct source_rebalance *r = mem_calloc(1, sizeof(*r));

    r->err = err;
    r->is_lost = rd_kafka_assignment_lost(rk) != 0;
    r->list = rd_kafka_topic_partition_list_copy(list);
    list_append(&s->rebalances, &r->link);
}

typedef void (*source_parts_fn)(void *ctx, const struct kafka_part *parts, size_t n);

static void source_tell(struct kafka_source *s, source_parts_fn fn,
                        const rd_kafka_topic_partition_list_t *list)
{
    struct kafka_part *parts = mem_calloc((size_t)list->cnt + 1, sizeof(*parts));

    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *e = &list->elems[i];
        const struct source_part *p = source_find(s, e->topic, e->partition);

        parts[i] = (struct kafka_part){.topic = e->topic,
                                       .partition = e->partition,
                                       .offset = p ? p->position : -1,
                                       .user = p ? p->user : NULL};
    }
    fn(s->ctx, parts, (size_t)list->cnt);
    mem_free(parts);
}

static void source_assigned(struct kafka_source *s, const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(1);

    /* Answered at once, with nothing: the member is steady, and later rebalances are not held up
     * by however long its owner takes to find out where to start. */
    if (source_is_cooperative(s))
        source_check(s, rd_kafka_incremental_assign(s->rk, none));
    else
        source_check_err(s, rd_kafka_assign(s->rk, none));
    rd_kafka_topic_partition_list_destroy(none);
    for (int i = 0; i < list->cnt; i++)
        if (!source_find(s, list->elems[i].topic, list->elems[i].partition))
            source_add(s, list->elems[i].topic, list->elems[i].partition);
    source_tell(s, s->ops->on_assigned, list);
}

static void source_revoked(struct kafka_source *s, const struct source_rebalance *r)
{
    for (int i = 0; i < r->list->cnt; i++) {
        struct source_part *p =
            source_find(s, r->list->elems[i].topic, r->list->elems[i].partition);

        if (p)
            p->is_revoked = true;
    }
    s->is_release_due = true;
    s->is_release_asked = r->is_lost || r->list->cnt == 0;
    if (r->is_lost) {
        s->stats.n_lost += r->list->cnt;
        source_tell(s, s->ops->on_lost, r->list);
    } else if (r->list->cnt > 0) {
        source_tell(s, s->ops->on_revoked, r->list);
    }
    source_apply(s);
}

static void source_serve_rebalances(struct kafka_source *s)
{
    while (!list_is_empty(&s->rebalances)) {
        struct source_rebalance *r =
            CONTAINER_OF(list_first(&s->rebalances), struct source_rebalance, link);

        list_unlink(&r->link);
        s->stats.n_rebalances++;
        log_info("kafka",
                 r->err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? "partitions assigned"
                 : r->is_lost                                   ? "partitions lost"
                                                                : "partitions revoked",
                 log_i64("n", r->list->cnt));
        if (r->err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
            source_assigned(s, r->list);
        else
            source_revoked(s, r);
        rd_kafka_topic_partition_list_destroy(r->list);
        mem_free(r);
    }
}

/* ---- messages ---- */

static void message_view(const rd_kafka_message_t *m, const struct source_part *p,
                         struct kafka_message *ret)
{
    rd_kafka_timestamp_type_t type;
    int64_t ms = rd_kafka_message_timestamp(m, &type);

    *ret = (struct kafka_message){
        .topic = p->topic,
        .partition = m->partition,
        .offset = m->offset,
        .timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : ms,
        .is_append_time = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME,
        .has_key = m->key != NULL,
        .has_value = m->payload != NULL,
        .key = {.ptr = m->key, .len = m->key ? m->key_len : 0},
        .value = {.ptr = m->payload, .len = m->payload ? m->len : 0},
        .user = p->user,
        .handle = m,
    };
}

bool kafka_message_header(const struct kafka_message *m, const char *name, struct str *ret_value)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t n;

    if (rd_kafka_message_headers(m->handle, &headers) ||
        rd_kafka_header_get_last(headers, name, &value, &n))
        return false;
    *ret_value = (struct str){.ptr = value, .len = n};
    return true;
}

bool kafka_message_header_at(const struct kafka_message *m, size_t i, const char **ret_name,
                             struct str *ret_value)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t n;

    if (rd_kafka_message_headers(m->handle, &headers) ||
        rd_kafka_header_get_all(headers, i, ret_name, &value, &n))
        return false;
    *ret_value = (struct str){.ptr = value, .len = n};
    return true;
}

/* The message stays the caller's. */
static void part_deliver(struct kafka_source *s, struct source_part *p, const rd_kafka_message_t *m)
{
    struct kafka_message view;

    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        p->position = m->offset;
        s->ops->on_eof(s->ctx, p->topic, p->partition, m->offset);
        return;
    }
    p->position = m->offset + 1;
    s->stats.n_messages++;
    message_view(m, p, &view);
    s->stats.n_bytes += (int64_t)(view.key.len + view.value.len);
    s->ops->on_message(s->ctx, &view);
}

static void part_stash(struct kafka_source *s, struct source_part *p, rd_kafka_message_t *m)
{
    if (p->stash_at == p->stash_n)
        p->stash_at = p->stash_n = 0;
    mem_grow(&p->stash, &p->stash_cap, p->stash_n, sizeof(rd_kafka_message_t *));
    p->stash[p->stash_n++] = m;
    s->stats.n_stashed++;
    if (p->is_paused && p->stash_n - p->stash_at >= s->slice_size)
        source_hold(s, p, true);
}

static void source_on_message_error(struct kafka_source *s, const rd_kafka_message_t *m)
{
    const char *topic = m->rkt ? rd_kafka_topic_name(m->rkt) : NULL;

    if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET && topic) {
        struct source_part *p = source_find(s, topic, m->partition);

        if (p && p->is_started && !p->is_revoked && p->stale_slice != s->n_slices)
            s->ops->on_offset_outside(s->ctx, p->topic, p->partition, p->fetched);
        return;
    }
    source_error(s, m->err == RD_KAFKA_RESP_ERR__FATAL, rd_kafka_message_errstr(m));
}

/* Takes the message over. */
static void source_route(struct kafka_source *s, rd_kafka_message_t *m)
{
    struct source_part *p;

    if (m->err && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        source_on_message_error(s, m);
        rd_kafka_message_destroy(m);
        return;
    }
    p = source_find(s, rd_kafka_topic_name(m->rkt), m->partition);
    if (!p || !p->is_within || p->is_revoked || p->stale_slice == s->n_slices) {
        rd_kafka_message_destroy(m);
        return;
    }
    p->fetched = m->err ? m->offset : m->offset + 1;
    if (p->is_paused || p->stash_at < p->stash_n) {
        part_stash(s, p, m);
        return;
    }
    part_deliver(s, p, m);
    rd_kafka_message_destroy(m);
}

/* Up to a slice of what was held back; says whether more is left. */
static bool part_drain(struct kafka_source *s, struct source_part *p)
{
    for (size_t n = 0; n < s->slice_size && p->stash_at < p->stash_n; n++) {
        rd_kafka_message_t *m;

        if (p->is_paused || p->is_revoked)
            return false;
        m = p->stash[p->stash_at++];
        s->stats.n_stashed--;
        part_deliver(s, p, m);
        rd_kafka_message_destroy(m);
    }
    return !p->is_paused && p->stash_at < p->stash_n;
}

static bool source_drain(struct kafka_source *s)
{
    bool is_more = false;

    s->is_drain_due = false;
    for (size_t i = 0; i < s->n_parts; i++) {
        struct source_part *p = s->parts[i];

        if (p->is_paused || p->is_revoked || !p->is_started)
            continue;
        is_more |= part_drain(s, p);
        /* A seek has taken the hold away already; this is for a plain resume. */
        if (!p->is_paused && p->stash_at == p->stash_n)
            source_hold(s, p, false);
    }
    return is_more;
}

/* ---- questions to the group's coordinator ---- */

static enum kafka_committed committed_status(const rd_kafka_topic_partition_t *e)
{
    if (e->err == RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT)
        return KAFKA_COMMITTED_UNSTABLE;
    if (e->err)
        return KAFKA_COMMITTED_ERROR;
    return e->offset >= 0 ? KAFKA_COMMITTED_OFFSET : KAFKA_COMMITTED_NONE;
}

static void committed_fill(struct kafka_committed_part *part,
                           const rd_kafka_topic_partition_list_t *answer, const char *error)
{
    const rd_kafka_topic_partition_t *e =
        answer ? rd_kafka_topic_partition_list_find((rd_kafka_topic_partition_list_t *)answer,
                                                    part->topic, part->partition)
               : NULL;

    part->status = KAFKA_COMMITTED_ERROR;
    part->offset = -1;
    part->metadata = STR("");
    part->error = error ? error : "not in the answer";
    if (error || !e)
        return;
    part->status = committed_status(e);
    part->error = e->err ? rd_kafka_err2str(e->err) : NULL;
    if (part->status != KAFKA_COMMITTED_OFFSET)
        return;
    part->offset = e->offset;
    if (e->metadata)
        part->metadata = (struct str){.ptr = e->metadata, .len = e->metadata_size};
}

static void ask_answer_committed(struct source_ask *a,
                                 const rd_kafka_topic_partition_list_t *answer, const char *error)
{
    struct kafka_committed_part *parts = mem_calloc((size_t)a->list->cnt + 1, sizeof(*parts));

    for (int i = 0; i < a->list->cnt; i++) {
        parts[i].topic = a->list->elems[i].topic;
        parts[i].partition = a->list->elems[i].partition;
        committed_fill(&parts[i], answer, error);
    }
    a->committed(a->ctx, parts, (size_t)a->list->cnt);
    mem_free(parts);
}

static const char *commit_error(const rd_kafka_topic_partition_list_t *answer)
{
    for (int i = 0; answer && i < answer->cnt; i++)
        if (answer->elems[i].err)
            return rd_kafka_err2str(answer->elems[i].err);
    return NULL;
}

/* Ends the question: unlinked, answered, freed. */
static void ask_answer(struct source_ask *a, const rd_kafka_topic_partition_list_t *answer,
                       const char *error)
{
    list_unlink(&a->link);
    if (a->committed)
        ask_answer_committed(a, answer, error);
    else
        a->commit(a->ctx, error ? error : commit_error(answer));
    rd_kafka_topic_partition_list_destroy(a->list);
    mem_free(a);
}

/* A partition that the answer lacks must not look like one without an offset. */
static void again_work(uv_work_t *work)
{
    struct source_ask *a = CONTAINER_OF(work, struct source_ask, work);

    for (int i = 0; i < a->list->cnt; i++)
        a->list->elems[i].err = RD_KAFKA_RESP_ERR__NO_OFFSET;
    a->err = RD_KAFKA_RESP_ERR__DESTROY;
    if (!atomic_load(&a->source->is_leaving))
        a->err = rd_kafka_committed(a->source->rk, a->list, QUERY_TIMEOUT_MS);
}

static void again_done(uv_work_t *work, int status)
{
    struct source_ask *a = CONTAINER_OF(work, struct source_ask, work);
    struct kafka_source *s = a->source;
    rd_kafka_topic_partition_list_t *answer = rd_kafka_topic_partition_list_copy(a->list);

    s->n_queries--;
    ask_answer(a, answer, status ? uv_strerror(status) : a->err ? rd_kafka_err2str(a->err) : NULL);
    rd_kafka_topic_partition_list_destroy(answer);
    if (s->is_closing)
        kafka_loop_poke(&s->wake);
}

/*
 * For these requests librdkafka (2.0.2 and all later ones so far) remembers a group's coordinator
 * for as long as it is asked for, also when it is none any more: they would fail for ever. The
 * member itself finds the new one, and rd_kafka_committed() asks through the member, stable because
 * of its isolation.level. It is not the first choice since it blocks, and waits where the answer is
 * UNSTABLE.
 */
static bool is_for_another_coordinator(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_NOT_COORDINATOR || err == RD_KAFKA_RESP_ERR__TRANSPORT ||
           err == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
           err == RD_KAFKA_RESP_ERR__TIMED_OUT;
}

static void ask_again(struct source_ask *a)
{
    struct kafka_source *s = a->source;

    list_unlink(&a->link); /* closing waits for it, and answers it no more */
    list_init(&a->link);
    s->n_queries++;
    ENSURE(uv_queue_work(s->loop, &a->work, again_work, again_done) == 0);
}

static void ask_failed(struct source_ask *a, rd_kafka_resp_err_t err, const char *text)
{
    if (is_for_another_coordinator(err) && !a->source->is_closing)
        ask_again(a);
    else
        ask_answer(a, NULL, text);
}

static void source_on_committed_event(rd_kafka_event_t *event, struct source_ask *a)
{
    const rd_kafka_ListConsumerGroupOffsets_result_t *result =
        rd_kafka_event_ListConsumerGroupOffsets_result(event);
    const rd_kafka_group_result_t **groups = NULL;
    size_t n = 0;
    const rd_kafka_error_t *error;

    if (rd_kafka_event_error(event)) {
        ask_failed(a, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
        return;
    }
    groups = rd_kafka_ListConsumerGroupOffsets_result_groups(result, &n);
    if (n != 1) {
        ask_answer(a, NULL, "the answer names no group");
        return;
    }
    error = rd_kafka_group_result_error(groups[0]);
    if (error)
        ask_failed(a, rd_kafka_error_code(error), rd_kafka_error_string(error));
    else
        ask_answer(a, rd_kafka_group_result_partitions(groups[0]), NULL);
}

static void source_serve_asks(struct kafka_source *s)
{
    rd_kafka_event_t *event;

    while ((event = rd_kafka_queue_poll(s->asks, 0))) {
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT)
            source_on_committed_event(event, rd_kafka_event_opaque(event));
        else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_OFFSET_COMMIT)
            ask_answer(rd_kafka_event_opaque(event), rd_kafka_event_topic_partition_list(event),
                       rd_kafka_event_error(event) ? rd_kafka_event_error_string(event) : NULL);
        rd_kafka_event_destroy(event);
    }
    LIST_EACH_SAFE(it, &s->asked)
    {
        struct source_ask *a = CONTAINER_OF(it, struct source_ask, link);

        if (a->error)
            ask_answer(a, NULL, a->error);
    }
}

static void source_answer_all(struct kafka_source *s, const char *error)
{
    while (!list_is_empty(&s->asked))
        ask_answer(CONTAINER_OF(list_first(&s->asked), struct source_ask, link), NULL, error);
}

static struct source_ask *source_ask_new(struct kafka_source *s, const struct kafka_part *parts,
                                         size_t n, void *ctx)
{
    struct source_ask *a = mem_calloc(1, sizeof(*a));

    a->source = s;
    a->ctx = ctx;
    a->list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++) {
        rd_kafka_topic_partition_t *e =
            rd_kafka_topic_partition_list_add(a->list, parts[i].topic, parts[i].partition);

        e->offset = parts[i].offset;
        if (parts[i].metadata) {
            e->metadata_size = strlen(parts[i].metadata);
            e->metadata = strdup(parts[i].metadata); /* freed by the list, with free */
            ENSURE(e->metadata);
        }
    }
    list_append(&s->asked, &a->link);
    if (s->is_closing || n == 0) {
        a->error = s->is_closing ? "closing" : "no partitions";
        kafka_loop_poke(&s->wake);
    }
    return a;
}

void kafka_source_committed(struct kafka_source *s, const struct kafka_part *parts, size_t n,
                            kafka_committed_fn fn, void *ctx)
{
    struct source_ask *a = source_ask_new(s, parts, n, ctx);
    rd_kafka_ListConsumerGroupOffsets_t *request;
    rd_kafka_AdminOptions_t *options;

    a->committed = fn;
    if (a->error)
        return;
    options = rd_kafka_AdminOptions_new(s->rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_error_destroy(rd_kafka_AdminOptions_set_require_stable_offsets(options, 1));
    rd_kafka_AdminOptions_set_request_timeout(options, QUERY_TIMEOUT_MS, NULL, 0);
    rd_kafka_AdminOptions_set_opaque(options, a);
    request = rd_kafka_ListConsumerGroupOffsets_new(s->group, a->list);
    rd_kafka_ListConsumerGroupOffsets(s->rk, &request, 1, options, s->asks);
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    rd_kafka_AdminOptions_destroy(options);
}

void kafka_source_commit(struct kafka_source *s, const struct kafka_part *parts, size_t n,
                         kafka_commit_fn fn, void *ctx)
{
    struct source_ask *a = source_ask_new(s, parts, n, ctx);

    a->commit = fn;
    if (a->error)
        return;
    if (rd_kafka_commit_queue(s->rk, a->list, s->asks, NULL, a)) {
        a->error = "cannot commit";
        kafka_loop_poke(&s->wake);
    }
}

/* ---- questions to brokers ---- */

/* Of the first record of that time or a later one; likewise of BEGINNING and END. Not by
 * rd_kafka_query_watermark_offsets(): in 2.0.2 that keeps to no time-out but socket.timeout.ms, and
 * waits a minute and more for a leader that is gone, also when there is another one long since. */
static rd_kafka_resp_err_t query_offset(const struct source_query *q, int64_t time_ms,
                                        int64_t *ret_offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t err;

    rd_kafka_topic_partition_list_add(list, q->topic, q->partition)->offset = time_ms;
    err = rd_kafka_offsets_for_times(q->source->rk, list, QUERY_TIMEOUT_MS);
    if (!err)
        err = list->elems[0].err;
    *ret_offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return err;
}

static void query_work(uv_work_t *work)
{
    struct source_query *q = CONTAINER_OF(work, struct source_query, work);
    rd_kafka_t *rk = q->source->rk;

    if (atomic_load(&q->source->is_leaving)) {
        q->err = RD_KAFKA_RESP_ERR__DESTROY;
    } else if (q->watermarks) {
        q->err = query_offset(q, RD_KAFKA_OFFSET_BEGINNING, &q->low);
        if (!q->err)
            q->err = query_offset(q, RD_KAFKA_OFFSET_END, &q->high);
    } else if (q->count) {
        rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, q->topic, NULL);
        const struct rd_kafka_metadata *metadata;

        q->err = rd_kafka_metadata(rk, 0, rkt, &metadata, QUERY_TIMEOUT_MS);
        if (!q->err) {
            q->err = metadata->topics[0].err;
            q->high = metadata->topics[0].partition_cnt;
            rd_kafka_metadata_destroy(metadata);
        }
        rd_kafka_topic_destroy(rkt);
    } else if (q->ends) {
        q->err = rd_kafka_offsets_for_times(rk, q->list, QUERY_TIMEOUT_MS);
        for (int i = 0; !q->err && i < q->list->cnt; i++)
            q->err = q->list->elems[i].err;
    } else {
        q->err = query_offset(q, q->time_ms, &q->high);
        if (!q->err && q->high < 0) /* none so late: the end */
            q->err = query_offset(q, RD_KAFKA_OFFSET_END, &q->high);
    }
}

static void source_advance_close(struct kafka_source *s);

static void query_tell_ends(const struct source_query *q, const char *error)
{
    int64_t *ends = mem_calloc((size_t)q->list->cnt + 1, sizeof(*ends));

    for (int i = 0; i < q->list->cnt; i++)
        ends[i] = q->list->elems[i].offset;
    q->ends(q->ctx, error, error ? NULL : ends, (size_t)q->list->cnt);
    mem_free(ends);
}

static void query_done(uv_work_t *work, int status)
{
    struct source_query *q = CONTAINER_OF(work, struct source_query, work);
    struct kafka_source *s = q->source;
    const char *error = status ? uv_strerror(status) : q->err ? rd_kafka_err2str(q->err) : NULL;

    s->n_queries--;
    if (q->watermarks)
        q->watermarks(q->ctx, error, q->low, q->high);
    else if (q->count)
        q->count(q->ctx, error, (int32_t)q->high);
    else if (q->ends)
        query_tell_ends(q, error);
    else
        q->offset(q->ctx, error, q->high);
    if (q->list)
        rd_kafka_topic_partition_list_destroy(q->list);
    mem_free(q->topic);
    mem_free(q);
    if (s->is_closing)
        kafka_loop_poke(&s->wake);
}

static struct source_query *query_new(struct kafka_source *s, const char *topic, int32_t partition,
                                      void *ctx)
{
    struct source_query *q = mem_calloc(1, sizeof(*q));

    q->source = s;
    q->topic = mem_strndup(topic, strlen(topic));
    q->partition = partition;
    q->ctx = ctx;
    s->n_queries++;
    return q;
}

static void query_start(struct source_query *q)
{
    ENSURE(!q->source->is_reaped);
    ENSURE(uv_queue_work(q->source->loop, &q->work, query_work, query_done) == 0);
}

void kafka_source_watermarks(struct kafka_source *s, const char *topic, int32_t partition,
                             kafka_watermarks_fn fn, void *ctx)
{
    struct source_query *q = query_new(s, topic, partition, ctx);

    q->watermarks = fn;
    query_start(q);
}

void kafka_source_partition_count(struct kafka_source *s, const char *topic, kafka_count_fn fn,
                                  void *ctx)
{
    struct source_query *q = query_new(s, topic, -1, ctx);

    q->count = fn;
    query_start(q);
}

void kafka_source_ends(struct kafka_source *s, const struct kafka_part *parts, size_t n,
                       kafka_ends_fn fn, void *ctx)
{
    struct source_query *q = query_new(s, "", -1, ctx);

    q->ends = fn;
    q->list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++) /* "at the time" END is what ListOffsets calls the latest */
        rd_kafka_topic_partition_list_add(q->list, parts[i].topic, parts[i].partition)->offset =
            RD_KAFKA_OFFSET_END;
    query_start(q);
}

void kafka_source_offset_for_time(struct kafka_source *s, const char *topic, int32_t partition,
                                  int64_t time_ms, kafka_offset_fn fn, void *ctx)
{
    struct source_query *q = query_new(s, topic, partition, ctx);

    q->offset = fn;
    q->time_ms = time_ms;
    query_start(q);
}

/* ---- the turn ---- */

static void source_take(struct kafka_source *s)
{
    ssize_t n = rd_kafka_consume_batch_queue(s->queue, 0, s->slice, s->slice_size);
    size_t n_before = (size_t)s->stats.n_messages;

    s->n_slices++;
    if (n == (ssize_t)s->slice_size || !list_is_empty(&s->rebalances))
        kafka_loop_poke(&s->wake);
    source_serve_rebalances(s);
    if (source_drain(s))
        kafka_loop_poke(&s->wake);
    for (ssize_t i = 0; i < n; i++)
        source_route(s, s->slice[i]);
    if (s->ops->on_batch_end && (size_t)s->stats.n_messages != n_before)
        s->ops->on_batch_end(s->ctx);
}

static void source_turn(void *ctx)
{
    struct kafka_source *s = ctx;

    if (s->is_reaped)
        return;
    s->is_in_turn = true;
    source_apply(s);
    source_take(s);
    source_serve_asks(s);
    s->is_in_turn = false;
    if (s->is_closing)
        source_advance_close(s);
}

/* ---- what callers ask for ---- */

void kafka_source_start(struct kafka_source *s, const struct kafka_part *parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct source_part *p = source_find(s, parts[i].topic, parts[i].partition);

        ENSURE(parts[i].offset >= 0);
        if (!p || p->is_revoked || p->is_started)
            continue;
        p->is_started = p->is_dirty = s->is_dirty = true;
        p->position = p->fetched = parts[i].offset;
        p->user = parts[i].user;
    }
    kafka_loop_poke(&s->wake);
}

void kafka_source_release(struct kafka_source *s)
{
    ENSURE(s->is_release_due);
    s->is_release_asked = true;
    kafka_loop_poke(&s->wake);
}

void kafka_source_pause(struct kafka_source *s, const char *topic, int32_t partition)
{
    struct source_part *p = source_find(s, topic, partition);

    if (p)
        p->is_paused = true;
}

void kafka_source_resume(struct kafka_source *s, const char *topic, int32_t partition)
{
    struct source_part *p = source_find(s, topic, partition);

    if (!p || !p->is_paused)
        return;
    p->is_paused = false;
    kafka_loop_poke(&s->wake);
}

void kafka_source_seek(struct kafka_source *s, const char *topic, int32_t partition, int64_t offset)
{
    struct source_part *p = source_find(s, topic, partition);

    ENSURE(offset >= 0);
    if (!p || !p->is_started || p->is_revoked)
        return;
    part_drop_stash(s, p);
    p->position = p->fetched = offset;
    p->stale_slice = s->is_in_turn ? s->n_slices : 0;
    p->is_dirty = s->is_dirty = true;
    kafka_loop_poke(&s->wake);
}

rd_kafka_consumer_group_metadata_t *kafka_source_group_metadata(struct kafka_source *s)
{
    rd_kafka_consumer_group_metadata_t *metadata =
        s->is_reaped ? NULL : rd_kafka_consumer_group_metadata(s->rk);
    bool has_member = false;

    if (!metadata)
        return NULL;
    if (kafka_group_metadata_generation(metadata, &has_member) >= 0 && has_member)
        return metadata;
    rd_kafka_consumer_group_metadata_destroy(metadata);
    return NULL;
}

void kafka_group_metadata_free(rd_kafka_consumer_group_metadata_t *metadata)
{
    if (metadata)
        rd_kafka_consumer_group_metadata_destroy(metadata);
}

#if RD_KAFKA_VERSION >= 0x020800ff
int32_t kafka_group_metadata_generation(const rd_kafka_consumer_group_metadata_t *metadata,
                                        bool *ret_has_member)
{
    const char *member = rd_kafka_consumer_group_metadata_member_id(metadata); /* borrowed */

    *ret_has_member = member && member[0];
    return rd_kafka_consumer_group_metadata_generation_id(metadata);
}
#else
/* Older ones only tell it in serialised form: "CGMDv2:", the generation in the machine's byte
 * order, then the group's and the member's id, each with a NUL. */
int32_t kafka_group_metadata_generation(const rd_kafka_consumer_group_metadata_t *metadata,
                                        bool *ret_has_member)
{
    static const char magic[] = "CGMDv2:";
    const size_t n_head = sizeof(magic) - 1 + sizeof(int32_t);
    void *bytes = NULL;
    size_t n = 0, at;
    int32_t generation = -1;

    *ret_has_member = false;
    if (rd_kafka_consumer_group_metadata_write(metadata, &bytes, &n))
        return -1;
    ENSURE(n > n_head && memcmp(bytes, magic, sizeof(magic) - 1) == 0);
    memcpy(&generation, (char *)bytes + sizeof(magic) - 1, sizeof(generation));
    at = n_head + strnlen((char *)bytes + n_head, n - n_head) + 1;
    *ret_has_member = at < n && ((char *)bytes)[at] != '\0';
    rd_kafka_mem_free(NULL, bytes);
    return generation;
}
#endif

bool kafka_source_high_watermark(struct kafka_source *s, const char *topic, int32_t partition,
                                 int64_t *ret_high)
{
    int64_t low, high;

    if (s->is_reaped || rd_kafka_get_watermark_offsets(s->rk, topic, partition, &low, &high) ||
        high < 0)
        return false;
    *ret_high = high;
    return true;
}

int64_t kafka_source_position(const struct kafka_source *s, const char *topic, int32_t partition)
{
    const struct source_part *p = source_find((struct kafka_source *)s, topic, partition);

    return p && p->is_started ? p->position : -1;
}

struct kafka_source_stats kafka_source_stats(const struct kafka_source *s)
{
    struct kafka_source_stats stats = s->stats;

    stats.n_assigned = (int64_t)s->n_parts;
    return stats;
}

/* ---- life ---- */

static int source_open(struct kafka_source *s, const struct kafka_source_opts *opts,
                       struct buf *detail)
{
    rd_kafka_conf_t *conf;
    char text[512];
    size_t n = sizeof(text);
    int r =
        kafka_conf_new(KAFKA_ROLE_CONSUMER, opts->properties, opts->n_properties, &conf, detail);

    if (r)
        return r;
    ENSURE(rd_kafka_conf_get(conf, "group.id", text, &n) == RD_KAFKA_CONF_OK);
    s->group = mem_strndup(text, strlen(text));
    rd_kafka_conf_set_rebalance_cb(conf, source_on_rebalance);
    rd_kafka_conf_set_opaque(conf, s);
    s->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (s->rk)
        return 0;
    rd_kafka_conf_destroy(conf);
    buf_add_str(detail, str_of(text));
    return KAFKA_CONF_E_REJECTED;
}

static int source_subscribe(struct kafka_source *s, const struct kafka_source_opts *opts,
                            struct buf *detail)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t err;

    for (size_t i = 0; i < opts->n_topics; i++)
        rd_kafka_topic_partition_list_add(list, opts->topics[i], RD_KAFKA_PARTITION_UA);
    rd_kafka_poll_set_consumer(s->rk);
    err = rd_kafka_subscribe(s->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (!err)
        return 0;
    buf_add_str(detail, str_of(rd_kafka_err2str(err)));
    return KAFKA_CONF_E_REJECTED;
}

static void source_free(struct kafka_source *s)
{
    for (size_t i = 0; i < s->n_parts; i++)
        part_free(s, s->parts[i]);
    mem_free(s->parts);
    mem_free(s->slice);
    mem_free(s->group);
    mem_free(s);
}

int kafka_source_new(uv_loop_t *loop, const struct kafka_source_opts *opts,
                     const struct kafka_source_ops *ops, void *ctx,
                     struct kafka_source **ret_source, struct buf *detail)
{
    struct kafka_source *s = mem_calloc(1, sizeof(*s));
    int r;

    s->loop = loop;
    s->ops = ops;
    s->ctx = ctx;
    s->slice_size = opts->slice ? opts->slice : SLICE_DEFAULT;
    s->slice = mem_calloc(s->slice_size, sizeof(rd_kafka_message_t *));
    list_init(&s->rebalances);
    list_init(&s->asked);
    r = source_open(s, opts, detail);
    if (!r)
        r = source_subscribe(s, opts, detail);
    if (!r)
        r = kafka_loop_init(&s->wake, loop, source_turn, s);
    if (r) {
        if (s->rk)
            rd_kafka_destroy_flags(s->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        source_free(s);
        return r;
    }
    s->queue = rd_kafka_queue_get_consumer(s->rk);
    s->asks = rd_kafka_queue_new(s->rk);
    kafka_loop_watch(&s->wake, s->queue);
    kafka_loop_watch(&s->wake, s->asks);
    kafka_loop_poke(&s->wake);
    *ret_source = s;
    return 0;
}

static void source_on_loop_closed(void *ctx)
{
    struct kafka_source *s = ctx;
    void (*done)(void *) = s->done;
    void *done_ctx = s->done_ctx;

    source_free(s);
    done(done_ctx);
}

static void source_on_reaped(void *ctx)
{
    struct kafka_source *s = ctx;

    kafka_loop_close(&s->wake, source_on_loop_closed);
}

/* What librdkafka lent us goes back before it is destroyed. */
static void source_reap(struct kafka_source *s)
{
    s->is_reaped = true;
    source_answer_all(s, "closing");
    for (size_t i = 0; i < s->n_parts; i++)
        part_drop_stash(s, s->parts[i]);
    while (!list_is_empty(&s->rebalances)) {
        struct source_rebalance *r =
            CONTAINER_OF(list_first(&s->rebalances), struct source_rebalance, link);

        list_unlink(&r->link);
        rd_kafka_topic_partition_list_destroy(r->list);
        mem_free(r);
    }
    rd_kafka_queue_io_event_enable(s->queue, -1, NULL, 0);
    rd_kafka_queue_io_event_enable(s->asks, -1, NULL, 0);
    rd_kafka_queue_destroy(s->queue);
    rd_kafka_queue_destroy(s->asks);
    kafka_loop_reap(s->loop, s->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE, source_on_reaped, s);
}

static void source_advance_close(struct kafka_source *s)
{
    bool is_closed = rd_kafka_consumer_closed(s->rk) != 0;

    if (!is_closed && !s->is_release_due && s->close_by == 0)
        s->close_by = uv_now(s->loop) + CLOSE_PATIENCE;
    if (!is_closed && (s->close_by == 0 || uv_now(s->loop) < s->close_by))
        return;
    if (s->n_queries == 0)
        source_reap(s);
}

void kafka_source_close(struct kafka_source *s, void (*done)(void *ctx), void *ctx)
{
    ENSURE(!s->is_closing);
    s->is_closing = true;
    atomic_store(&s->is_leaving, true);
    s->done = done;
    s->done_ctx = ctx;
    source_check(s, rd_kafka_consumer_close_queue(s->rk, s->queue));
    kafka_loop_set_period(&s->wake, CLOSE_PERIOD_MS);
    kafka_loop_poke(&s->wake);
}
