/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer with partitions that are given to it by hand. */
#include "adapters/kafka_read.h"

#include <librdkafka/rdkafka.h>

#include <time.h>

#define ASK_MS     10000
#define POLL_MS    100
#define PATIENCE_S 30 /* nothing has come for that long */

_Static_assert(KAFKA_READ_E_FAILED == KAFKA_CONF_E_REJECTED, "both mean: see `detail`");

struct reading {
    const struct kafka_read_opts *opts;
    rd_kafka_t *rk;
    rd_kafka_topic_partition_list_t *parts;
    int n_left; /* partitions that have not been read to their end */
    kafka_read_fn fn;
    void *ctx;
    struct buf *detail;
};

static int fail(const struct reading *r, const char *what, const char *why)
{
    buf_addf(r->detail, "%s %s: %s", what, r->opts->topic, why);
    return KAFKA_READ_E_FAILED;
}

static int start(struct reading *r)
{
    rd_kafka_conf_t *conf;
    char text[512];
    int e = kafka_conf_new(KAFKA_ROLE_CONSUMER, r->opts->properties, r->opts->n_properties, &conf,
                           r->detail);

    if (e)
        return e;
    r->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (!r->rk) {
        rd_kafka_conf_destroy(conf);
        return fail(r, "reading", text);
    }
    rd_kafka_poll_set_consumer(r->rk);
    return 0;
}

static int add_partitions(struct reading *r)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(r->rk, r->opts->topic, NULL);
    rd_kafka_resp_err_t err =
        topic ? rd_kafka_metadata(r->rk, 0, topic, &metadata, ASK_MS) : rd_kafka_last_error();
    int n = 0;

    if (!err) {
        n = metadata->topic_cnt ? metadata->topics[0].partition_cnt : 0;
        err = metadata->topic_cnt ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_metadata_destroy(metadata);
    }
    if (topic)
        rd_kafka_topic_destroy(topic);
    if (err)
        return fail(r, "looking for the topic", rd_kafka_err2str(err));
    for (int32_t i = 0; i < n; i++) {
        if (r->opts->partition < 0 || r->opts->partition == i)
            rd_kafka_topic_partition_list_add(r->parts, r->opts->topic, i)->offset =
                RD_KAFKA_OFFSET_BEGINNING;
    }
    return r->parts->cnt ? 0 : fail(r, "reading", "there is no such partition");
}

static int assign(struct reading *r)
{
    rd_kafka_resp_err_t err;
    int e;

    r->parts = rd_kafka_topic_partition_list_new(1);
    e = add_partitions(r);
    if (e)
        return e;
    err = rd_kafka_assign(r->rk, r->parts);
    r->n_left = r->parts->cnt;
    return err ? fail(r, "reading", rd_kafka_err2str(err)) : 0;
}

static bool hand_over(const struct reading *r, rd_kafka_message_t *m)
{
    rd_kafka_timestamp_type_t type;
    int64_t timestamp_ms = rd_kafka_message_timestamp(m, &type);
    const struct kafka_message message = {
        .topic = r->opts->topic,
        .partition = m->partition,
        .offset = m->offset,
        .timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp_ms,
        .is_append_time = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME,
        .has_key = m->key != NULL,
        .has_value = m->payload != NULL,
        .key = {m->key, m->key_len},
        .value = {m->payload, m->len},
        .handle = m};

    return r->fn(r->ctx, &message);
}

static int64_t now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

/* librdkafka goes on trying. */
static bool is_passing(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR__TRANSPORT || err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
           err == RD_KAFKA_RESP_ERR__RESOLVE || err == RD_KAFKA_RESP_ERR__TIMED_OUT;
}

static int read_on(struct reading *r)
{
    int64_t last_s = now_s();

    while (r->n_left > 0 && now_s() - last_s < PATIENCE_S) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(r->rk, POLL_MS);
        rd_kafka_resp_err_t err = m ? m->err : RD_KAFKA_RESP_ERR_NO_ERROR;
        bool goes_on = true;
        int e = 0;

        if (!m || is_passing(err)) {
            if (m)
                rd_kafka_message_destroy(m);
            continue;
        }
        if (err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            r->n_left--;
        else if (err)
            e = fail(r, "reading", rd_kafka_message_errstr(m));
        else
            goes_on = hand_over(r, m);
        rd_kafka_message_destroy(m);
        if (e || !goes_on)
            return e;
        last_s = now_s();
    }
    return r->n_left ? fail(r, "reading", "nothing has come from the brokers for 30 s") : 0;
}

int kafka_read(const struct kafka_read_opts *opts, kafka_read_fn fn, void *ctx, struct buf *detail)
{
    struct reading r = {.opts = opts, .fn = fn, .ctx = ctx, .detail = detail};
    int e = start(&r);

    if (!e)
        e = assign(&r);
    if (!e)
        e = read_on(&r);
    if (r.parts)
        rd_kafka_topic_partition_list_destroy(r.parts);
    if (r.rk) {
        rd_kafka_consumer_close(r.rk);
        rd_kafka_destroy(r.rk);
    }
    return e;
}
