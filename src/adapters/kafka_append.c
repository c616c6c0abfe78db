/* SPDX-License-Identifier: Apache-2.0 */
/* A producer whose delivery reports come as events on the loop. */
#include "adapters/kafka_append.h"

#include <librdkafka/rdkafka.h>

#include "adapters/kafka_loop.h"
#include "base/list.h"
#include "base/mem.h"

struct append_wait {
    struct list link;
    kafka_append_fn fn;
    void *ctx;
};

struct kafka_append {
    uv_loop_t *loop;
    struct kafka_loop wake;
    rd_kafka_t *rk;          /* owned */
    rd_kafka_queue_t *queue; /* owned: its main queue */
    struct list waits;
    bool is_closing;
    void (*done)(void *ctx);
    void *done_ctx;
};

static void wait_answer(struct append_wait *w, const char *error, int64_t offset)
{
    list_unlink(&w->link);
    if (w->fn)
        w->fn(w->ctx, error, offset);
    mem_free(w);
}

static void append_turn(void *ctx)
{
    struct kafka_append *a = ctx;
    rd_kafka_event_t *event;
    const rd_kafka_message_t *m;

    while (!a->is_closing && (event = rd_kafka_queue_poll(a->queue, 0))) {
        while (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR &&
               (m = rd_kafka_event_message_next(event)))
            wait_answer(m->_private, m->err ? rd_kafka_err2str(m->err) : NULL, m->offset);
        rd_kafka_event_destroy(event);
    }
}

int kafka_append_new(uv_loop_t *loop, const struct kafka_property *properties, size_t n_properties,
                     struct kafka_append **ret_append, struct buf *detail)
{
    struct kafka_append *a;
    rd_kafka_conf_t *conf;
    char text[512];
    int r = kafka_conf_new(KAFKA_ROLE_PRODUCER_APPEND, properties, n_properties, &conf, detail);

    if (r)
        return r;
    a = mem_calloc(1, sizeof(*a));
    a->loop = loop;
    list_init(&a->waits);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    a->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (!a->rk) {
        rd_kafka_conf_destroy(conf);
        mem_free(a);
        buf_add_str(detail, str_of(text));
        return KAFKA_CONF_E_REJECTED;
    }
    r = kafka_loop_init(&a->wake, loop, append_turn, a);
    if (r) {
        rd_kafka_destroy(a->rk);
        mem_free(a);
        return r;
    }
    a->queue = rd_kafka_queue_get_main(a->rk);
    kafka_loop_watch(&a->wake, a->queue);
    *ret_append = a;
    return 0;
}

static rd_kafka_headers_t *append_headers(const struct kafka_append_record *record)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->n_headers);

    for (size_t i = 0; i < record->n_headers; i++)
        rd_kafka_header_add(headers, record->headers[i].name, -1, record->headers[i].value.ptr,
                            (ssize_t)record->headers[i].value.len);
    return headers;
}

int kafka_append_record(struct kafka_append *a, const struct kafka_append_record *record,
                        kafka_append_fn fn, void *ctx)
{
    struct append_wait *w = mem_calloc(1, sizeof(*w));
    rd_kafka_headers_t *headers = append_headers(record);
    rd_kafka_resp_err_t err;

    ENSURE(!a->is_closing);
    w->fn = fn;
    w->ctx = ctx;
    err = rd_kafka_producev(
        a->rk, RD_KAFKA_V_TOPIC(record->topic), RD_KAFKA_V_PARTITION(record->partition),
        RD_KAFKA_V_KEY(record->key.ptr, record->key.len),
        RD_KAFKA_V_VALUE((void *)record->value.ptr, record->value.len),
        RD_KAFKA_V_TIMESTAMP(record->timestamp_ms), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_OPAQUE(w), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (err) {
        rd_kafka_headers_destroy(headers);
        mem_free(w);
        return KAFKA_APPEND_E_REFUSED;
    }
    list_append(&a->waits, &w->link);
    return 0;
}

static void append_on_loop_closed(void *ctx)
{
    struct kafka_append *a = ctx;
    void (*done)(void *) = a->done;
    void *done_ctx = a->done_ctx;

    mem_free(a);
    done(done_ctx);
}

static void append_on_reaped(void *ctx)
{
    struct kafka_append *a = ctx;

    while (!list_is_empty(&a->waits))
        wait_answer(CONTAINER_OF(list_first(&a->waits), struct append_wait, link), "closing", -1);
    kafka_loop_close(&a->wake, append_on_loop_closed);
}

void kafka_append_close(struct kafka_append *a, void (*done)(void *ctx), void *ctx)
{
    ENSURE(!a->is_closing);
    append_turn(a);
    a->is_closing = true;
    a->done = done;
    a->done_ctx = ctx;
    rd_kafka_queue_io_event_enable(a->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(a->queue);
    rd_kafka_purge(a->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                              RD_KAFKA_PURGE_F_NON_BLOCKING);
    kafka_loop_reap(a->loop, a->rk, 0, append_on_reaped, a);
}
