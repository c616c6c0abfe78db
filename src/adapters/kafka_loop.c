/* SPDX-License-Identifier: Apache-2.0 */
/* An eventfd under uv_poll, a timer, and a work item. Never blocks the loop. */
#include "adapters/kafka_loop.h"

#include <librdkafka/rdkafka.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

#define PERIOD_MS 1000

static const uint64_t one = 1;

static void loop_on_poll(uv_poll_t *handle, int status, int events)
{
    struct kafka_loop *l = handle->data;
    eventfd_t n;

    (void)status;
    (void)events;
    (void)!eventfd_read(l->fd, &n);
    l->on_wake(l->ctx);
}

static void loop_on_timer(uv_timer_t *timer)
{
    struct kafka_loop *l = timer->data;

    l->on_wake(l->ctx);
}

int kafka_loop_init(struct kafka_loop *l, uv_loop_t *loop, kafka_loop_fn on_wake, void *ctx)
{
    int r;

    *l = (struct kafka_loop){.on_wake = on_wake, .ctx = ctx, .n_open = 2};
    l->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->fd < 0)
        return -errno;
    r = uv_poll_init(loop, &l->poll, l->fd);
    if (r) {
        close(l->fd);
        return r;
    }
    l->poll.data = l;
    ENSURE(uv_poll_start(&l->poll, UV_READABLE, loop_on_poll) == 0);
    ENSURE(uv_timer_init(loop, &l->timer) == 0);
    l->timer.data = l;
    kafka_loop_set_period(l, PERIOD_MS);
    return 0;
}

void kafka_loop_watch(struct kafka_loop *l, rd_kafka_queue_t *queue)
{
    rd_kafka_queue_io_event_enable(queue, l->fd, &one, sizeof(one));
}

void kafka_loop_poke(struct kafka_loop *l)
{
    (void)!eventfd_write(l->fd, 1);
}

void kafka_loop_set_period(struct kafka_loop *l, uint64_t ms)
{
    if (l->period == ms)
        return;
    l->period = ms;
    ENSURE(uv_timer_start(&l->timer, loop_on_timer, ms, ms) == 0);
}

static void loop_on_handle_closed(uv_handle_t *handle)
{
    struct kafka_loop *l = handle->data;

    if (--l->n_open > 0)
        return;
    close(l->fd);
    l->on_closed(l->ctx);
}

void kafka_loop_close(struct kafka_loop *l, kafka_loop_fn on_closed)
{
    l->on_closed = on_closed;
    uv_close((uv_handle_t *)&l->poll, loop_on_handle_closed);
    uv_close((uv_handle_t *)&l->timer, loop_on_handle_closed);
}

struct loop_reap {
    uv_work_t work;
    rd_kafka_t *rk;
    int flags;
    kafka_loop_fn done;
    void *ctx;
};

static void loop_reap_work(uv_work_t *work)
{
    struct loop_reap *r = CONTAINER_OF(work, struct loop_reap, work);

    rd_kafka_destroy_flags(r->rk, r->flags);
}

static void loop_reap_done(uv_work_t *work, int status)
{
    struct loop_reap *r = CONTAINER_OF(work, struct loop_reap, work);

    (void)status;
    r->done(r->ctx);
    mem_free(r);
}

void kafka_loop_reap(uv_loop_t *loop, rd_kafka_t *rk, int flags, kafka_loop_fn done, void *ctx)
{
    struct loop_reap *r = mem_calloc(1, sizeof(*r));

    r->rk = rk;
    r->flags = flags;
    r->done = done;
    r->ctx = ctx;
    ENSURE(uv_queue_work(loop, &r->work, loop_reap_work, loop_reap_done) == 0);
}
