/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of its own, for as long as it takes: metadata first, since who may not create topics may
 * still use one that is there; then a request to create; then metadata until the brokers know it.
 * Somebody else may be creating it at the same moment, which is as good.
 */
#include "adapters/kafka_topic.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/mem.h"

#define SLICE_MS   500
#define CREATE_MS  10000
#define PATIENCE_S 30
#define PAUSE_US   100000

struct kafka_topic {
    uv_work_t work;
    rd_kafka_conf_t *conf; /* owned until the client takes it over */
    char *topic;           /* owned */
    int32_t partitions, replication;
    int64_t retention_ms;
    kafka_topic_fn fn;
    void *ctx;
    atomic_bool is_cancelled;
    int32_t n_partitions;
    bool is_new;
    rd_kafka_resp_err_t err; /* of the last look */
    char error[512];         /* "" when there is none */
};

static void fail(struct kafka_topic *t, const char *text)
{
    snprintf(t->error, sizeof(t->error), "%s", text);
}

/* How many partitions it has; 0: it is not there, or nobody says. */
static int32_t look(struct kafka_topic *t, rd_kafka_t *rk, rd_kafka_topic_t *rkt)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, rkt, &metadata, SLICE_MS);
    int32_t n = 0;

    if (!err) {
        err = metadata->topics[0].err;
        n = err ? 0 : metadata->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(metadata);
    }
    t->err = err;
    if (!n)
        fail(t, rd_kafka_err2str(err));
    return n;
}

/* Waits until a broker has said yes or no. 0: it is not to be waited for any more. */
static int32_t look_for(struct kafka_topic *t, rd_kafka_t *rk, rd_kafka_topic_t *rkt, bool is_made)
{
    uint64_t until = uv_hrtime() + PATIENCE_S * 1000000000ull;
    int32_t n;

    while (!(n = look(t, rk, rkt)) && !atomic_load(&t->is_cancelled) && uv_hrtime() < until) {
        if (!is_made && t->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            return 0;
        rd_kafka_poll(rk, 0);
        uv_sleep(PAUSE_US / 1000);
    }
    return n;
}

static void configure(rd_kafka_NewTopic_t *topic, const struct kafka_topic *t)
{
    char retention[24];

    snprintf(retention, sizeof(retention), "%lld", (long long)t->retention_ms);
    rd_kafka_NewTopic_set_config(topic, "retention.ms", retention);
    rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "delete");
    rd_kafka_NewTopic_set_config(topic, "message.timestamp.type", "CreateTime");
}

static void take_answer(struct kafka_topic *t, rd_kafka_event_t *event)
{
    const rd_kafka_topic_result_t **results;
    rd_kafka_resp_err_t err = rd_kafka_event_error(event);
    size_t n = 0;

    if (err)
        return fail(t, rd_kafka_event_error_string(event));
    results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    err = n == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    t->is_new = !err;
    if (!err || err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        t->error[0] = '\0';
    else
        fail(t, n == 1 && rd_kafka_topic_result_error_string(results[0])
                    ? rd_kafka_topic_result_error_string(results[0])
                    : rd_kafka_err2str(err));
}

/* Afterwards it is on its way, or `error` says why not. */
static void create(struct kafka_topic *t, rd_kafka_t *rk)
{
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_event_t *event = NULL;
    char text[256] = "";
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(t->topic, t->partitions, t->replication, text, sizeof(text));

    fail(t, topic ? "the brokers have not answered" : text);
    if (topic) {
        configure(topic, t);
        rd_kafka_AdminOptions_set_request_timeout(options, CREATE_MS, NULL, 0);
        rd_kafka_CreateTopics(rk, &topic, 1, options, queue);
        for (int ms = 0; !event && ms < CREATE_MS && !atomic_load(&t->is_cancelled); ms += SLICE_MS)
            event = rd_kafka_queue_poll(queue, SLICE_MS);
        rd_kafka_NewTopic_destroy(topic);
    }
    if (event) {
        take_answer(t, event);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
}

static void ensure(struct kafka_topic *t, rd_kafka_t *rk)
{
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, t->topic, NULL);

    t->n_partitions = look_for(t, rk, rkt, false);
    if (!t->n_partitions && !atomic_load(&t->is_cancelled)) {
        create(t, rk);
        if (!t->error[0])
            t->n_partitions = look_for(t, rk, rkt, true);
    }
    if (t->n_partitions)
        t->error[0] = '\0';
    else if (!t->error[0])
        fail(t, "cancelled");
    rd_kafka_topic_destroy(rkt);
}

static void topic_work(uv_work_t *work)
{
    struct kafka_topic *t = CONTAINER_OF(work, struct kafka_topic, work);
    rd_kafka_t *rk;

    if (!t->conf)
        return;
    /* A consumer, since only for one librdkafka never has brokers make a topic by asking for it. */
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, t->conf, t->error, sizeof(t->error));
    if (!rk)
        return;
    t->conf = NULL;
    ensure(t, rk);
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

static void topic_done(uv_work_t *work, int status)
{
    struct kafka_topic *t = CONTAINER_OF(work, struct kafka_topic, work);
    struct kafka_topic_result result = {.n_partitions = t->n_partitions, .is_new = t->is_new};

    if (status)
        fail(t, uv_strerror(status));
    result.error = t->error[0] ? t->error : NULL;
    t->fn(t->ctx, &result);
    if (t->conf)
        rd_kafka_conf_destroy(t->conf);
    mem_free(t->topic);
    mem_free(t);
}

struct kafka_topic *kafka_topic_ensure(uv_loop_t *loop, const struct kafka_topic_opts *opts,
                                       kafka_topic_fn fn, void *ctx)
{
    struct kafka_topic *t = mem_calloc(1, sizeof(*t));
    struct buf detail = BUF_INIT;

    t->topic = mem_strndup(opts->topic, strlen(opts->topic));
    t->partitions = opts->partitions;
    t->replication = opts->replication;
    t->retention_ms = opts->retention_ms;
    t->fn = fn;
    t->ctx = ctx;
    if (kafka_conf_new(KAFKA_ROLE_CONSUMER, opts->properties, opts->n_properties, &t->conf,
                       &detail)) {
        t->conf = NULL;
        fail(t, detail.ptr);
    }
    buf_deinit(&detail);
    ENSURE(uv_queue_work(loop, &t->work, topic_work, topic_done) == 0);
    return t;
}

void kafka_topic_cancel(struct kafka_topic *t)
{
    atomic_store(&t->is_cancelled, true);
}
