/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop's half hands jobs to the helper thread and tells their outcomes; the thread's half owns
 * the producer and makes the calls that block. What both touch is under the lock or atomic.
 *
 * Never claims more than is known. A transaction whose commit was not asked for is certainly not
 * visible; one whose EndTxn went out is committed only if librdkafka says so; everything between
 * is UNCERTAIN. And a producer that has an unanswered EndTxn somewhere on a wire is not used again.
 */
#include "adapters/kafka_sink.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdio.h>

#include "adapters/kafka_batch.h"
#include "base/kill_point.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"

#define API_END_TXN       26
#define SLICE_MS          200 /* no blocking call is longer, so that cancelling is seen */
#define BACKOFF_MIN_MS    100
#define BACKOFF_MAX_MS    3000
#define LEFTOVER_LIMIT_MS 30000
#define IDLE_MS           1000

enum sink_job_kind { SINK_JOB_BATCH, SINK_JOB_LEFTOVER };

struct sink_job {
    struct list link;
    enum sink_job_kind kind;
    struct kafka_batch *batch; /* borrowed until the outcome is told */
    char *id;                  /* owned: of a leftover */
    kafka_result_fn fn;
    kafka_leftover_fn leftover_fn;
    void *ctx;
    enum kafka_outcome outcome;
    size_t index;
    char error[512]; /* "" when there is none */
};

struct sink_delivery { /* of the attempt under way; the thread's */
    uintptr_t attempt;
    size_t n_failed;
    size_t index; /* the first refused one */
    bool is_refused;
    bool is_exact;           /* it is this record, not one of its request */
    rd_kafka_resp_err_t err; /* the first failure */
};

struct kafka_sink {
    uv_loop_t *loop;
    uv_async_t async;
    uv_thread_t thread;
    uv_mutex_t lock;
    uv_cond_t wake;

    struct list jobs;              /* lock: waiting */
    struct list ended;             /* lock: to be told */
    bool is_closing;               /* lock */
    bool is_finished;              /* lock: the thread touches nothing any more */
    struct kafka_sink_stats stats; /* lock */
    atomic_bool is_ready;
    atomic_bool is_cancelled;
    atomic_llong give_up_at; /* uv_hrtime; 0: not closing */
    atomic_llong n_end_sent;
    atomic_llong n_end_answered;

    struct kafka_property *properties; /* owned, with their texts; not changed by the thread */
    size_t n_properties;
    char *id; /* owned; NULL: idempotent */

    rd_kafka_t *rk; /* the thread's, from here on */
    char **topics;  /* owned: whose partitions it knows */
    size_t n_topics;
    size_t cap_topics;
    struct sink_delivery delivery;
    int64_t backoff_ms;

    size_t n_busy; /* the loop's: batches not told yet */
    void (*done)(void *ctx);
    void *done_ctx;
};

/* ---- the thread: producers ---- */

static bool sink_is_past_deadline(struct kafka_sink *s)
{
    long long at = atomic_load(&s->give_up_at);

    return at && (long long)uv_hrtime() >= at;
}

/*
 * librdkafka tells of a response twice, in the broker's thread and where the answer is dealt with,
 * and does not say which request it belongs to: those told in a broker's thread are counted.
 */
static _Thread_local bool sink_is_broker_thread;

static rd_kafka_resp_err_t sink_on_thread(rd_kafka_t *rk, rd_kafka_thread_type_t type,
                                          const char *name, void *opaque)
{
    (void)rk, (void)name, (void)opaque;
    sink_is_broker_thread = type == RD_KAFKA_THREAD_BROKER;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t sink_on_request(rd_kafka_t *rk, int fd, const char *broker, int32_t id,
                                           int16_t api, int16_t version, int32_t correlation,
                                           size_t size, void *opaque)
{
    struct kafka_sink *s = opaque;

    (void)rk, (void)fd, (void)broker, (void)id, (void)version, (void)correlation, (void)size;
    if (api == API_END_TXN) {
        atomic_fetch_add(&s->n_end_sent, 1);
        kill_point("end_txn_sent");
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Also called for requests that failed or timed out: those have no size. */
static rd_kafka_resp_err_t sink_on_response(rd_kafka_t *rk, int fd, const char *broker, int32_t id,
                                            int16_t api, int16_t version, int32_t correlation,
                                            size_t size, int64_t rtt, rd_kafka_resp_err_t err,
                                            void *opaque)
{
    struct kafka_sink *s = opaque;

    (void)rk, (void)fd, (void)broker, (void)id, (void)version, (void)correlation, (void)rtt;
    if (api == API_END_TXN && size > 0 && !err && sink_is_broker_thread) {
        atomic_fetch_add(&s->n_end_answered, 1);
        kill_point("end_txn_answered");
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t sink_on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque,
                                       char *text, size_t size)
{
    (void)conf, (void)text, (void)size;
    rd_kafka_interceptor_add_on_thread_start(rk, "engaged", sink_on_thread, opaque);
    rd_kafka_interceptor_add_on_request_sent(rk, "engaged", sink_on_request, opaque);
    rd_kafka_interceptor_add_on_response_received(rk, "engaged", sink_on_response, opaque);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool sink_is_refusal(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || err == RD_KAFKA_RESP_ERR_INVALID_MSG ||
           err == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
           err == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE ||
           err == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP;
}

static void sink_note_failure(struct kafka_sink *s, size_t index, rd_kafka_resp_err_t err)
{
    struct sink_delivery *d = &s->delivery;

    d->n_failed++;
    if (!d->err)
        d->err = err;
    if (sink_is_refusal(err) && !d->is_refused) {
        d->is_refused = true;
        d->index = index;
        d->err = err;
    }
}

static void sink_on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct kafka_sink *s = opaque;
    uint64_t mark = (uintptr_t)m->_private;

    (void)rk;
    /* What an aborted attempt had queued is told when the next one is under way. */
    if (m->err && mark >> 32 == s->delivery.attempt)
        sink_note_failure(s, (size_t)(mark & UINT32_MAX), m->err);
}

/* librdkafka says what it says about brokers in the log too. */
static void sink_on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
    (void)rk, (void)err, (void)reason, (void)opaque;
}

static rd_kafka_t *sink_producer_new(struct kafka_sink *s, const char *id, bool is_main,
                                     struct buf *detail)
{
    enum kafka_role role = id ? KAFKA_ROLE_PRODUCER_TRANSACTIONAL : KAFKA_ROLE_PRODUCER_IDEMPOTENT;
    rd_kafka_conf_t *conf;
    rd_kafka_t *rk;
    char text[512];

    if (kafka_conf_new(role, s->properties, s->n_properties, &conf, detail))
        return NULL;
    if (id && kafka_conf_set(conf, "transactional.id", id, detail)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_opaque(conf, s);
    rd_kafka_conf_set_error_cb(conf, sink_on_error);
    rd_kafka_conf_set_dr_msg_cb(conf, sink_on_delivery);
    if (is_main)
        rd_kafka_conf_interceptor_add_on_new(conf, "engaged", sink_on_new, s);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (rk)
        return rk;
    rd_kafka_conf_destroy(conf);
    buf_add_str(detail, str_of(text));
    return NULL;
}

static void sink_forget_topics(struct kafka_sink *s)
{
    while (s->n_topics > 0)
        mem_free(s->topics[--s->n_topics]);
}

/* Without being asked, librdkafka looks for a new topic's leaders only once a second. */
static void sink_know_topic(struct kafka_sink *s, const char *topic)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *rkt;

    for (size_t i = 0; i < s->n_topics; i++)
        if (strcmp(s->topics[i], topic) == 0)
            return;
    rkt = rd_kafka_topic_new(s->rk, topic, NULL);
    if (rd_kafka_metadata(s->rk, 0, rkt, &metadata, SLICE_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_metadata_destroy(metadata);
        mem_grow(&s->topics, &s->cap_topics, s->n_topics, sizeof(char *));
        s->topics[s->n_topics++] = mem_strndup(topic, strlen(topic));
    }
    rd_kafka_topic_destroy(rkt);
}

static void sink_drop_producer(struct kafka_sink *s)
{
    atomic_store(&s->is_ready, false);
    sink_forget_topics(s);
    if (!s->rk)
        return;
    rd_kafka_purge(s->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                              RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_destroy(s->rk);
    s->rk = NULL;
}

static void sink_wait(struct kafka_sink *s, int64_t ms)
{
    uv_mutex_lock(&s->lock);
    if (!s->is_closing)
        uv_cond_timedwait(&s->wake, &s->lock, (uint64_t)ms * 1000000);
    uv_mutex_unlock(&s->lock);
}

static void sink_back_off(struct kafka_sink *s)
{
    sink_wait(s, s->backoff_ms);
    s->backoff_ms = s->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : s->backoff_ms * 2;
}

static void sink_count_producer(struct kafka_sink *s)
{
    uv_mutex_lock(&s->lock);
    s->stats.n_producers++;
    uv_mutex_unlock(&s->lock);
    atomic_store(&s->n_end_sent, 0);
    atomic_store(&s->n_end_answered, 0);
}

/* One step towards an initialised producer, of a slice at most; true when there is one. */
static bool sink_prepare(struct kafka_sink *s)
{
    struct buf detail = BUF_INIT;
    rd_kafka_error_t *error;

    if (s->rk && atomic_load(&s->is_ready))
        return true;
    if (!s->rk) {
        s->rk = sink_producer_new(s, s->id, true, &detail);
        buf_deinit(&detail); /* kafka_sink_new has tried the same properties */
        if (!s->rk) {
            sink_back_off(s);
            return false;
        }
        sink_count_producer(s);
    }
    error = s->id ? rd_kafka_init_transactions(s->rk, SLICE_MS) : NULL;
    rd_kafka_poll(s->rk, 0);
    if (!error) {
        s->backoff_ms = BACKOFF_MIN_MS;
        atomic_store(&s->is_ready, true);
        log_info("kafka", "producer ready", log_str("transactional_id", s->id ? s->id : ""));
        return true;
    }
    if (!rd_kafka_error_is_retriable(error)) {
        log_warn("kafka", "producer cannot be initialised",
                 log_str("reason", rd_kafka_error_string(error)));
        sink_drop_producer(s);
        sink_back_off(s);
    }
    rd_kafka_error_destroy(error);
    return false;
}

/* ---- the thread: one batch ---- */

static void job_error(struct sink_job *job, const char *text)
{
    if (!job->error[0])
        snprintf(job->error, sizeof(job->error), "%s", text ? text : "");
}

static bool sink_is_fenced(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
           err == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
           err == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID || err == RD_KAFKA_RESP_ERR__FENCED ||
           err == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           err == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

static bool sink_has_open_end(struct kafka_sink *s)
{
    return atomic_load(&s->n_end_sent) != atomic_load(&s->n_end_answered);
}

static rd_kafka_headers_t *sink_headers(const struct kafka_batch *b, const struct batch_record *r)
{
    rd_kafka_headers_t *headers;

    if (!r->n_headers)
        return NULL;
    headers = rd_kafka_headers_new(r->n_headers);
    for (size_t i = r->header; i < r->header + r->n_headers; i++) {
        struct str value = batch_view(b, b->headers[i].value);

        rd_kafka_header_add(headers, batch_text(b, b->headers[i].name), -1, value.ptr,
                            (ssize_t)value.len);
    }
    return headers;
}

static rd_kafka_resp_err_t sink_produce_one(struct kafka_sink *s, const struct kafka_batch *b,
                                            size_t i)
{
    const struct batch_record *r = &b->records[i];
    struct str key = batch_view(b, r->key);
    struct str value = batch_view(b, r->value);
    rd_kafka_headers_t *headers = sink_headers(b, r);
    rd_kafka_resp_err_t err = rd_kafka_producev(
        s->rk, RD_KAFKA_V_TOPIC(batch_text(b, r->topic)), RD_KAFKA_V_PARTITION(r->partition),
        RD_KAFKA_V_KEY(key.ptr, key.len), RD_KAFKA_V_VALUE((void *)value.ptr, value.len),
        RD_KAFKA_V_TIMESTAMP(r->timestamp_ms), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_OPAQUE((void *)(s->delivery.attempt << 32 | i)), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_END);

    if (err && headers)
        rd_kafka_headers_destroy(headers);
    return err;
}

/* Waits until all that was produced is delivered or has failed; false when told to stop. */
static bool sink_flush(struct kafka_sink *s)
{
    while (rd_kafka_outq_len(s->rk) > 0) {
        if (atomic_load(&s->is_cancelled) || sink_is_past_deadline(s))
            return false;
        rd_kafka_flush(s->rk, SLICE_MS);
        if (s->delivery.n_failed || rd_kafka_fatal_error(s->rk, NULL, 0))
            break;
    }
    return true;
}

/* One by one shows which record is refused: a broker refuses whole requests. */
static bool sink_produce(struct kafka_sink *s, const struct kafka_batch *b, bool one_by_one)
{
    s->delivery = (struct sink_delivery){.attempt = (s->delivery.attempt + 1) & UINT32_MAX};
    for (size_t i = 0; i < b->n_records && !s->delivery.n_failed;) {
        rd_kafka_resp_err_t err;

        sink_know_topic(s, batch_text(b, b->records[i].topic));
        err = sink_produce_one(s, b, i);
        if (atomic_load(&s->is_cancelled) || sink_is_past_deadline(s))
            return false;
        if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rd_kafka_poll(s->rk, SLICE_MS);
            continue;
        }
        if (err) {
            sink_note_failure(s, i, err);
            s->delivery.is_exact = true;
        } else if (one_by_one && !sink_flush(s)) {
            return false;
        }
        i++;
        kill_point("record_produced");
    }
    return true;
}

/* Delivery reports come later than the error that they cause: all of them, before judging. */
static void sink_drain_reports(struct kafka_sink *s)
{
    for (int ms = 0; ms < SLICE_MS && rd_kafka_outq_len(s->rk) > 0; ms += 10)
        rd_kafka_poll(s->rk, 10);
}

/* 0, or why it could not be aborted; then only a new producer's initialisation does it. */
static rd_kafka_resp_err_t sink_abort(struct kafka_sink *s)
{
    rd_kafka_error_t *error;
    rd_kafka_resp_err_t err = rd_kafka_fatal_error(s->rk, NULL, 0);

    while (!err && (error = rd_kafka_abort_transaction(s->rk, SLICE_MS))) {
        if (!rd_kafka_error_is_retriable(error) || sink_is_past_deadline(s))
            err = rd_kafka_error_code(error);
        rd_kafka_error_destroy(error);
    }
    kill_point("transaction_aborted");
    return err;
}

/* Not committed, for sure: ends the transaction and says why. */
static void sink_end_uncommitted(struct kafka_sink *s, struct sink_job *job,
                                 rd_kafka_resp_err_t err, const char *text)
{
    char fatal[256];
    rd_kafka_resp_err_t fatal_err = rd_kafka_fatal_error(s->rk, fatal, sizeof(fatal));
    rd_kafka_resp_err_t abort_err = sink_abort(s);

    sink_drain_reports(s);
    sink_forget_topics(s); /* it may be for their sake */
    job_error(job, fatal_err ? fatal : text);
    job->outcome = sink_is_fenced(err) || sink_is_fenced(fatal_err) ? KAFKA_OUTCOME_FENCED
                                                                    : KAFKA_OUTCOME_ABORTED;
    if (s->delivery.is_refused) {
        job->outcome = KAFKA_OUTCOME_REFUSED;
        job->index = s->delivery.index;
    }
    if (abort_err || sink_has_open_end(s))
        sink_drop_producer(s);
}

static void sink_end_with(struct kafka_sink *s, struct sink_job *job, rd_kafka_error_t *error)
{
    sink_end_uncommitted(s, job, rd_kafka_error_code(error), rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
}

static rd_kafka_topic_partition_list_t *sink_offsets(const struct kafka_batch *b)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)b->n_offsets);

    for (size_t i = 0; i < b->n_offsets; i++) {
        const struct batch_offset *o = &b->offsets[i];
        rd_kafka_topic_partition_t *e =
            rd_kafka_topic_partition_list_add(list, batch_text(b, o->topic), o->partition);

        e->offset = o->offset;
        if (o->has_metadata) {
            e->metadata = strdup(batch_text(b, o->metadata)); /* freed by the list, with free */
            ENSURE(e->metadata);
            e->metadata_size = strlen(e->metadata);
        }
    }
    return list;
}

/* Retriable, not resumable: the same call with the same arguments until it is settled. */
static rd_kafka_error_t *sink_send_offsets(struct kafka_sink *s, const struct kafka_batch *b)
{
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_error_t *error = NULL;

    if (!b->n_offsets)
        return NULL;
    list = sink_offsets(b);
    for (;;) {
        error = rd_kafka_send_offsets_to_transaction(s->rk, list, b->group, SLICE_MS * 5);
        if (!error || !rd_kafka_error_is_retriable(error) || atomic_load(&s->is_cancelled) ||
            sink_is_past_deadline(s))
            break;
        rd_kafka_error_destroy(error);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return error;
}

static void sink_end_uncertain(struct kafka_sink *s, struct sink_job *job, const char *text)
{
    job_error(job, text);
    job->outcome = KAFKA_OUTCOME_UNCERTAIN;
    sink_drop_producer(s);
    while (!sink_is_past_deadline(s) && !sink_prepare(s)) {
        if (atomic_load(&s->give_up_at))
            break; /* closing: the successor's initialisation does it */
    }
    kill_point("producer_replaced");
}

/*
 * A commit that failed. Where librdkafka only asks for an abort, nothing of it is under way; else
 * the request might still be waiting to be sent, so that the producer ends first, and only then
 * the count of requests says whether one went out.
 */
static void sink_commit_failed(struct kafka_sink *s, struct sink_job *job, long long n_before,
                               rd_kafka_error_t *error)
{
    rd_kafka_resp_err_t err = s->delivery.err ? s->delivery.err : rd_kafka_error_code(error);
    const char *text = rd_kafka_error_string(error);

    if (rd_kafka_error_txn_requires_abort(error) && atomic_load(&s->n_end_sent) == n_before) {
        sink_end_uncommitted(s, job, err, text);
        return;
    }
    sink_drop_producer(s);
    if (atomic_load(&s->n_end_sent) != n_before) {
        sink_end_uncertain(s, job, text);
        return;
    }
    job_error(job, text);
    job->outcome = sink_is_fenced(err) ? KAFKA_OUTCOME_FENCED : KAFKA_OUTCOME_ABORTED;
}

static void sink_commit(struct kafka_sink *s, struct sink_job *job)
{
    long long n_before = atomic_load(&s->n_end_sent);
    rd_kafka_error_t *error;

    while ((error = rd_kafka_commit_transaction(s->rk, SLICE_MS))) {
        if (!rd_kafka_error_is_retriable(error) || sink_is_past_deadline(s)) {
            sink_commit_failed(s, job, n_before, error);
            rd_kafka_error_destroy(error);
            return;
        }
        rd_kafka_error_destroy(error);
    }
    kill_point("transaction_committed");
    job->outcome = KAFKA_OUTCOME_COMMITTED;
    if (sink_has_open_end(s))
        sink_drop_producer(s);
}

static void sink_transact(struct kafka_sink *s, struct sink_job *job, bool one_by_one)
{
    const struct kafka_batch *b = job->batch;
    rd_kafka_error_t *error = rd_kafka_begin_transaction(s->rk);

    if (error) {
        s->delivery = (struct sink_delivery){.attempt = s->delivery.attempt};
        sink_end_with(s, job, error);
        return;
    }
    kill_point("transaction_begun");
    if (!sink_produce(s, b, one_by_one)) {
        sink_end_uncommitted(s, job, RD_KAFKA_RESP_ERR_NO_ERROR, "cancelled");
        return;
    }
    if (s->delivery.n_failed) {
        sink_end_uncommitted(s, job, s->delivery.err, rd_kafka_err2str(s->delivery.err));
        return;
    }
    kill_point("batch_produced");
    error = sink_send_offsets(s, b);
    if (error) {
        sink_end_with(s, job, error);
        return;
    }
    kill_point("offsets_sent");
    if (atomic_load(&s->is_cancelled)) {
        sink_end_uncommitted(s, job, RD_KAFKA_RESP_ERR_NO_ERROR, "cancelled");
        return;
    }
    sink_commit(s, job);
}

static void sink_deliver(struct kafka_sink *s, struct sink_job *job, bool one_by_one)
{
    bool is_done = sink_produce(s, job->batch, one_by_one) && sink_flush(s);

    if (is_done && !s->delivery.n_failed && rd_kafka_outq_len(s->rk) == 0) {
        job->outcome = KAFKA_OUTCOME_COMMITTED;
        return;
    }
    job->outcome = s->delivery.is_refused ? KAFKA_OUTCOME_REFUSED : KAFKA_OUTCOME_ABORTED;
    job->index = s->delivery.index;
    job_error(job, s->delivery.err ? rd_kafka_err2str(s->delivery.err) : "cancelled");
    /* What is still queued would come after a repetition: a new producer forgets it. */
    sink_drop_producer(s);
}

static void sink_try_batch(struct kafka_sink *s, struct sink_job *job, bool one_by_one)
{
    if (s->id)
        sink_transact(s, job, one_by_one);
    else
        sink_deliver(s, job, one_by_one);
}

static void sink_count(struct kafka_sink *s, const struct sink_job *job, int64_t us)
{
    struct kafka_sink_stats *t = &s->stats;
    bool is_committed = job->outcome == KAFKA_OUTCOME_COMMITTED;

    uv_mutex_lock(&s->lock);
    t->n_transactions += is_committed;
    t->n_records += is_committed ? (int64_t)job->batch->n_records : 0;
    t->commit_us = is_committed ? us : t->commit_us;
    t->n_aborted += job->outcome == KAFKA_OUTCOME_ABORTED;
    t->n_fenced += job->outcome == KAFKA_OUTCOME_FENCED;
    t->n_uncertain += job->outcome == KAFKA_OUTCOME_UNCERTAIN;
    t->n_refused += job->outcome == KAFKA_OUTCOME_REFUSED;
    uv_mutex_unlock(&s->lock);
}

static void sink_run_batch(struct kafka_sink *s, struct sink_job *job)
{
    uint64_t began = uv_hrtime();

    if (atomic_load(&s->is_cancelled)) {
        job->outcome = KAFKA_OUTCOME_ABORTED;
        job_error(job, "cancelled");
    } else {
        sink_try_batch(s, job, false);
        if (job->outcome == KAFKA_OUTCOME_REFUSED && !s->delivery.is_exact) {
            /* A failed request leaves a gap in the sequence numbers, which may fail the next
             * transaction too: not what is to be found out here. */
            sink_drop_producer(s);
            while (!sink_prepare(s) && !sink_is_past_deadline(s) && !atomic_load(&s->give_up_at))
                ;
            if (atomic_load(&s->is_ready)) {
                job->error[0] = '\0';
                sink_try_batch(s, job, true);
            }
        }
    }
    sink_count(s, job, (int64_t)((uv_hrtime() - began) / 1000));
}

/* ---- the thread: leftovers ---- */

static void sink_run_leftover(struct kafka_sink *s, struct sink_job *job)
{
    struct buf detail = BUF_INIT;
    rd_kafka_t *rk = sink_producer_new(s, job->id, false, &detail);
    rd_kafka_error_t *error = NULL;

    if (!rk) {
        job_error(job, detail.ptr);
        buf_deinit(&detail);
        return;
    }
    for (int64_t ms = 0; ms < LEFTOVER_LIMIT_MS; ms += SLICE_MS) {
        if (error)
            rd_kafka_error_destroy(error);
        error = rd_kafka_init_transactions(rk, SLICE_MS);
        if (!error || !rd_kafka_error_is_retriable(error) || atomic_load(&s->give_up_at))
            break;
    }
    if (error) {
        job_error(job, rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
    kill_point("leftover_aborted");
    rd_kafka_destroy(rk);
    buf_deinit(&detail);
}

/* ---- the thread ---- */

static void sink_tell(struct kafka_sink *s, struct sink_job *job)
{
    uv_mutex_lock(&s->lock);
    list_append(&s->ended, &job->link);
    uv_mutex_unlock(&s->lock);
    uv_async_send(&s->async);
}

/* Waits for work; a batch only once there is a producer for it. NULL: nothing now. */
static struct sink_job *sink_next_job(struct kafka_sink *s, bool can_batch)
{
    struct sink_job *found = NULL;

    uv_mutex_lock(&s->lock);
    if (list_is_empty(&s->jobs) && can_batch && !s->is_closing)
        uv_cond_timedwait(&s->wake, &s->lock, IDLE_MS * 1000000ull);
    LIST_EACH(it, &s->jobs)
    {
        struct sink_job *job = CONTAINER_OF(it, struct sink_job, link);

        if (can_batch || job->kind == SINK_JOB_LEFTOVER || atomic_load(&s->is_cancelled)) {
            found = job;
            break;
        }
    }
    if (found)
        list_unlink(&found->link);
    uv_mutex_unlock(&s->lock);
    return found;
}

/* What waits is still done, as long as there is time and a producer for it. */
static bool sink_is_ending(struct kafka_sink *s)
{
    bool is_closing;

    uv_mutex_lock(&s->lock);
    is_closing = s->is_closing && (list_is_empty(&s->jobs) || !atomic_load(&s->is_ready) ||
                                   sink_is_past_deadline(s));
    uv_mutex_unlock(&s->lock);
    return is_closing;
}

static void sink_cancel_waiting(struct kafka_sink *s)
{
    struct list waiting;

    list_init(&waiting);
    uv_mutex_lock(&s->lock);
    list_splice(&waiting, &s->jobs);
    uv_mutex_unlock(&s->lock);
    while (!list_is_empty(&waiting)) {
        struct sink_job *job = CONTAINER_OF(list_first(&waiting), struct sink_job, link);

        list_unlink(&job->link);
        job->outcome = KAFKA_OUTCOME_CANCELLED;
        job_error(job, "closing");
        sink_tell(s, job);
    }
}

static void sink_main(void *arg)
{
    struct kafka_sink *s = arg;

    while (!sink_is_ending(s)) {
        bool can_batch = sink_prepare(s);
        struct sink_job *job = sink_next_job(s, can_batch);

        if (job && job->kind == SINK_JOB_BATCH)
            sink_run_batch(s, job);
        else if (job)
            sink_run_leftover(s, job);
        else if (s->rk)
            rd_kafka_poll(s->rk, 0);
        if (job)
            sink_tell(s, job);
    }
    sink_cancel_waiting(s);
    sink_drop_producer(s);
    uv_mutex_lock(&s->lock);
    s->is_finished = true;
    uv_mutex_unlock(&s->lock);
    uv_async_send(&s->async);
}

/* ---- the loop ---- */

static void job_free(struct sink_job *job)
{
    mem_free(job->id);
    mem_free(job);
}

static void sink_tell_job(struct kafka_sink *s, struct sink_job *job)
{
    struct kafka_result result = {
        .outcome = job->outcome, .index = job->index, .error = job->error[0] ? job->error : NULL};

    if (job->kind == SINK_JOB_LEFTOVER) {
        job->leftover_fn(job->ctx, result.error);
    } else {
        s->n_busy--;
        job->batch->is_submitted = false;
        job->fn(job->ctx, &result);
    }
    job_free(job);
}

static void sink_free(struct kafka_sink *s)
{
    for (size_t i = 0; i < s->n_properties; i++) {
        mem_free((void *)s->properties[i].key);
        mem_free((void *)s->properties[i].value);
    }
    mem_free(s->properties);
    mem_free(s->topics);
    mem_free(s->id);
    uv_cond_destroy(&s->wake);
    uv_mutex_destroy(&s->lock);
    mem_free(s);
}

static void sink_on_closed(uv_handle_t *handle)
{
    struct kafka_sink *s = handle->data;
    void (*done)(void *) = s->done;
    void *ctx = s->done_ctx;

    sink_free(s);
    done(ctx);
}

static void sink_on_async(uv_async_t *async)
{
    struct kafka_sink *s = async->data;
    struct list ended;
    bool is_finished;

    list_init(&ended);
    uv_mutex_lock(&s->lock);
    list_splice(&ended, &s->ended);
    is_finished = s->is_finished;
    uv_mutex_unlock(&s->lock);
    while (!list_is_empty(&ended)) {
        struct sink_job *job = CONTAINER_OF(list_first(&ended), struct sink_job, link);

        list_unlink(&job->link);
        sink_tell_job(s, job);
    }
    if (is_finished && !uv_is_closing((uv_handle_t *)async)) {
        uv_thread_join(&s->thread);
        uv_close((uv_handle_t *)async, sink_on_closed);
    }
}

static void sink_copy_opts(struct kafka_sink *s, const struct kafka_sink_opts *opts)
{
    s->n_properties = opts->n_properties;
    s->properties = mem_calloc(opts->n_properties + 1, sizeof(*s->properties));
    for (size_t i = 0; i < opts->n_properties; i++) {
        const struct kafka_property *p = &opts->properties[i];

        s->properties[i].key = mem_strndup(p->key, strlen(p->key));
        s->properties[i].value = mem_strndup(p->value, strlen(p->value));
    }
    if (opts->transactional_id)
        s->id = mem_strndup(opts->transactional_id, strlen(opts->transactional_id));
}

int kafka_sink_new(uv_loop_t *loop, const struct kafka_sink_opts *opts,
                   struct kafka_sink **ret_sink, struct buf *detail)
{
    struct kafka_sink *s = mem_calloc(1, sizeof(*s));

    s->loop = loop;
    s->backoff_ms = BACKOFF_MIN_MS;
    list_init(&s->jobs);
    list_init(&s->ended);
    ENSURE(uv_mutex_init(&s->lock) == 0 && uv_cond_init(&s->wake) == 0);
    sink_copy_opts(s, opts);
    s->rk = sink_producer_new(s, s->id, true, detail);
    if (!s->rk) {
        sink_free(s);
        return KAFKA_CONF_E_REJECTED;
    }
    sink_count_producer(s);
    ENSURE(uv_async_init(loop, &s->async, sink_on_async) == 0);
    s->async.data = s;
    ENSURE(uv_thread_create(&s->thread, sink_main, s) == 0);
    *ret_sink = s;
    return 0;
}

bool kafka_sink_is_ready(const struct kafka_sink *s)
{
    return atomic_load((atomic_bool *)&s->is_ready);
}

bool kafka_sink_is_idle(const struct kafka_sink *s)
{
    return s->n_busy == 0;
}

static void sink_put(struct kafka_sink *s, struct sink_job *job)
{
    uv_mutex_lock(&s->lock);
    ENSURE(!s->is_closing);
    list_append(&s->jobs, &job->link);
    uv_cond_signal(&s->wake);
    uv_mutex_unlock(&s->lock);
}

void kafka_sink_submit(struct kafka_sink *s, struct kafka_batch *b, kafka_result_fn fn, void *ctx)
{
    struct sink_job *job = mem_calloc(1, sizeof(*job));

    ENSURE(kafka_sink_is_idle(s));
    ENSURE(!s->id || !b->n_offsets || b->group);
    b->is_submitted = true;
    s->n_busy++;
    atomic_store(&s->is_cancelled, false);
    job->kind = SINK_JOB_BATCH;
    job->batch = b;
    job->fn = fn;
    job->ctx = ctx;
    sink_put(s, job);
}

void kafka_sink_cancel(struct kafka_sink *s)
{
    atomic_store(&s->is_cancelled, true);
    uv_cond_signal(&s->wake);
}

void kafka_sink_abort_leftover(struct kafka_sink *s, const char *transactional_id,
                               kafka_leftover_fn fn, void *ctx)
{
    struct sink_job *job = mem_calloc(1, sizeof(*job));

    job->kind = SINK_JOB_LEFTOVER;
    job->id = mem_strndup(transactional_id, strlen(transactional_id));
    job->leftover_fn = fn;
    job->ctx = ctx;
    sink_put(s, job);
}

void kafka_sink_close(struct kafka_sink *s, int64_t deadline_ms, void (*done)(void *ctx), void *ctx)
{
    s->done = done;
    s->done_ctx = ctx;
    atomic_store(&s->give_up_at, (long long)uv_hrtime() + deadline_ms * 1000000 + 1);
    uv_mutex_lock(&s->lock);
    ENSURE(!s->is_closing);
    s->is_closing = true;
    uv_cond_signal(&s->wake);
    uv_mutex_unlock(&s->lock);
}

struct kafka_sink_stats kafka_sink_stats(struct kafka_sink *s)
{
    struct kafka_sink_stats stats;

    uv_mutex_lock(&s->lock);
    stats = s->stats;
    uv_mutex_unlock(&s->lock);
    return stats;
}
