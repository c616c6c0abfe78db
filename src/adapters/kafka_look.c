/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer that is in no group, and asks. */
#include "adapters/kafka_look.h"

#include "base/mem.h"

#include <librdkafka/rdkafka.h>

#include <stdio.h>
#include <time.h>

#define SLICE_MS 500 /* of a question that may be asked again */

_Static_assert(KAFKA_LOOK_E_FAILED == KAFKA_CONF_E_REJECTED, "both mean: see `detail`");

struct kafka_look {
    rd_kafka_t *rk;
    char servers[512];
    char reason[512]; /* the last that librdkafka told */
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static int left_ms(int64_t deadline_ms)
{
    int64_t left = deadline_ms - now_ms();

    return left < 1 ? 1 : left > INT32_MAX ? INT32_MAX : (int)left;
}

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
    struct kafka_look *l = opaque;

    (void)rk;
    /* That all are down says less than why one of them is. */
    if (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !l->reason[0])
        snprintf(l->reason, sizeof(l->reason), "%s", reason);
}

int kafka_look_new(const struct kafka_property *properties, size_t n, struct kafka_look **ret_look,
                   struct buf *detail)
{
    struct kafka_look *l = mem_calloc(1, sizeof(*l));
    struct buf servers = BUF_INIT;
    rd_kafka_conf_t *conf;
    char text[512];
    int r = kafka_conf_new(KAFKA_ROLE_CONSUMER, properties, n, &conf, detail);

    if (r) {
        mem_free(l);
        return r;
    }
    kafka_conf_effective(properties, n, KAFKA_ROLE_CONSUMER, "bootstrap.servers", &servers);
    snprintf(l->servers, sizeof(l->servers), "%.*s", STR_ARG(buf_str(&servers)));
    buf_deinit(&servers);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_opaque(conf, l);
    l->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (!l->rk) {
        rd_kafka_conf_destroy(conf);
        mem_free(l);
        buf_addf(detail, "Kafka: %s", text);
        return KAFKA_LOOK_E_FAILED;
    }
    *ret_look = l;
    return 0;
}

void kafka_look_free(struct kafka_look *l)
{
    if (!l)
        return;
    rd_kafka_destroy_flags(l->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    mem_free(l);
}

static int fail(const struct kafka_look *l, struct buf *detail, const char *what, const char *why)
{
    buf_addf(detail, "Kafka at %s: %s%s%s", l->servers, what, *what ? ": " : "", why);
    return KAFKA_LOOK_E_FAILED;
}

/* ---- the topic ---- */

static int take_metadata(const struct kafka_look *l, const struct rd_kafka_metadata *m,
                         const char *topic, int32_t *ret_n, struct buf *detail)
{
    rd_kafka_resp_err_t err = m->topic_cnt ? m->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN;

    if (err)
        return fail(l, detail, topic, rd_kafka_err2str(err));
    *ret_n = m->topics[0].partition_cnt;
    return 0;
}

int kafka_look_topic(struct kafka_look *l, const char *topic, int64_t timeout_ms, int32_t *ret_n,
                     struct buf *detail)
{
    int64_t deadline_ms = now_ms() + timeout_ms;
    const struct rd_kafka_metadata *m;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(l->rk, topic, NULL);
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__TIMED_OUT;
    int r;

    if (!rkt)
        return fail(l, detail, topic, rd_kafka_err2str(rd_kafka_last_error()));
    do {
        int left = left_ms(deadline_ms);

        err = rd_kafka_metadata(l->rk, 0, rkt, &m, left < SLICE_MS ? left : SLICE_MS);
        rd_kafka_poll(l->rk, 0); /* why, if not */
    } while (err && now_ms() < deadline_ms);
    rd_kafka_topic_destroy(rkt);
    if (err)
        return fail(l, detail, "", l->reason[0] ? l->reason : rd_kafka_err2str(err));
    r = take_metadata(l, m, topic, ret_n, detail);
    rd_kafka_metadata_destroy(m);
    return r;
}

/* ---- partitions ---- */

static void take_committed(const rd_kafka_topic_partition_t *e, struct kafka_look_part *part)
{
    if (e->err == RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT)
        part->status = KAFKA_COMMITTED_UNSTABLE;
    else if (e->err)
        part->status = KAFKA_COMMITTED_ERROR;
    else
        part->status = e->offset >= 0 ? KAFKA_COMMITTED_OFFSET : KAFKA_COMMITTED_NONE;
    if (part->status == KAFKA_COMMITTED_OFFSET)
        part->offset = e->offset;
}

static int read_committed(struct kafka_look *l, const char *topic, int32_t n, int64_t deadline_ms,
                          struct kafka_look_part *parts, struct buf *detail)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n);
    rd_kafka_resp_err_t err;

    for (int32_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, topic, i);
    err = rd_kafka_committed(l->rk, list, left_ms(deadline_ms));
    for (int32_t i = 0; i < n && !err; i++)
        take_committed(&list->elems[i], &parts[i]);
    /* One that stays unstable is waited for by librdkafka, and ends the time of all. */
    for (int32_t i = 0; i < n && err == RD_KAFKA_RESP_ERR__TIMED_OUT; i++)
        parts[i].status = KAFKA_COMMITTED_ERROR;
    rd_kafka_topic_partition_list_destroy(list);
    if (err && err != RD_KAFKA_RESP_ERR__TIMED_OUT)
        return fail(l, detail, "the group's offsets", rd_kafka_err2str(err));
    return 0;
}

/* `time_ms` is BEGINNING or END; -1: not known. Why not by rd_kafka_query_watermark_offsets(), see
 * kafka_source.c. */
static int64_t bound(struct kafka_look *l, const char *topic, int32_t partition, int64_t time_ms,
                     int64_t deadline_ms)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    int64_t offset = -1;

    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = time_ms;
    if (!rd_kafka_offsets_for_times(l->rk, list, left_ms(deadline_ms)) && !list->elems[0].err)
        offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return offset < 0 ? -1 : offset;
}

int kafka_look_parts(struct kafka_look *l, const char *topic, int32_t n, int64_t timeout_ms,
                     struct kafka_look_part *ret_parts, struct buf *detail)
{
    int64_t deadline_ms = now_ms() + timeout_ms;

    for (int32_t i = 0; i < n; i++)
        ret_parts[i] = (struct kafka_look_part){
            .partition = i, .status = KAFKA_COMMITTED_ERROR, .offset = -1, .low = -1, .high = -1};
    /* The log's end after what is committed: the other way round it might seem to be before it. */
    if (read_committed(l, topic, n, deadline_ms, ret_parts, detail))
        return KAFKA_LOOK_E_FAILED;
    for (int32_t i = 0; i < n; i++) {
        ret_parts[i].low = bound(l, topic, i, RD_KAFKA_OFFSET_BEGINNING, deadline_ms);
        ret_parts[i].high = bound(l, topic, i, RD_KAFKA_OFFSET_END, deadline_ms);
    }
    return 0;
}

int64_t kafka_look_timestamp(struct kafka_look *l, const char *topic, int32_t partition,
                             int64_t offset, int64_t timeout_ms)
{
    int64_t deadline_ms = now_ms() + timeout_ms, found = -1;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_message_t *m = NULL;

    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    if (!rd_kafka_assign(l->rk, list))
        m = rd_kafka_consumer_poll(l->rk, left_ms(deadline_ms));
    if (m && !m->err)
        found = rd_kafka_message_timestamp(m, NULL);
    if (m)
        rd_kafka_message_destroy(m);
    rd_kafka_assign(l->rk, NULL);
    rd_kafka_topic_partition_list_destroy(list);
    return found;
}

/* ---- the group ---- */

int kafka_look_group(struct kafka_look *l, const char *group, int64_t timeout_ms,
                     int *ret_n_members, struct buf *detail)
{
    const struct rd_kafka_group_list *list = NULL;
    rd_kafka_resp_err_t err = rd_kafka_list_groups(l->rk, group, &list, (int)timeout_ms);
    int n = 0;

    if (err && err != RD_KAFKA_RESP_ERR__PARTIAL)
        return fail(l, detail, "the group's members", rd_kafka_err2str(err));
    for (int i = 0; list && i < list->group_cnt; i++)
        n += list->groups[i].member_cnt;
    if (list)
        rd_kafka_group_list_destroy(list);
    *ret_n_members = n;
    return 0;
}

int kafka_look_commit(struct kafka_look *l, const char *topic, int32_t partition, int64_t offset,
                      struct buf *detail)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *e = rd_kafka_topic_partition_list_add(list, topic, partition);
    rd_kafka_resp_err_t err;

    e->offset = offset;
    err = rd_kafka_commit(l->rk, list, 0);
    if (!err)
        err = e->err;
    rd_kafka_topic_partition_list_destroy(list);
    return err ? fail(l, detail, "setting the group's offset", rd_kafka_err2str(err)) : 0;
}
