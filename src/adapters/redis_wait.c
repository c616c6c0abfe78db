/* SPDX-License-Identifier: Apache-2.0 */
/* A loop with one connection and a timer on it. */
#include "adapters/redis_wait.h"

#include "base/mem.h"

#include <stdio.h>

struct redis_wait {
    uv_loop_t loop;
    uv_timer_t timer;
    struct redis_conn *conn;
    bool is_late, is_closed;
    char reason[256]; /* of the last attempt that failed; "": none has */
};

static void on_state(void *ctx, enum redis_state state, const char *error)
{
    struct redis_wait *w = ctx;

    if (state == REDIS_STATE_READY)
        w->reason[0] = '\0';
    else if (error)
        snprintf(w->reason, sizeof(w->reason), "%s", error);
}

static void on_late(uv_timer_t *timer)
{
    struct redis_wait *w = timer->data;

    w->is_late = true;
}

bool redis_wait_for(struct redis_wait *w, bool (*is_done)(void *ctx), void *ctx, int64_t timeout_ms)
{
    bool done;

    w->is_late = false;
    uv_update_time(&w->loop);
    uv_timer_start(&w->timer, on_late, timeout_ms > 0 ? (uint64_t)timeout_ms : 0, 0);
    while (!(done = is_done(ctx)) && !w->is_late)
        uv_run(&w->loop, UV_RUN_ONCE);
    uv_timer_stop(&w->timer);
    return done;
}

static bool is_settled(void *ctx)
{
    struct redis_wait *w = ctx;

    return redis_conn_state(w->conn) == REDIS_STATE_READY || w->reason[0];
}

static int connect_within(struct redis_wait *w, const struct redis_url *url, int64_t timeout_ms,
                          struct buf *detail)
{
    bool is_told = redis_wait_for(w, is_settled, w, timeout_ms);

    if (is_told && !w->reason[0])
        return 0;
    buf_add_str(detail, STR("Redis at "));
    redis_url_show(url, detail);
    if (is_told)
        buf_addf(detail, ": %s", w->reason);
    else
        buf_addf(detail, ": no answer within %.1f s", (double)timeout_ms / 1000);
    return REDIS_WAIT_E_FAILED;
}

int redis_wait_new(const struct redis_url *url, int64_t timeout_ms, struct redis_wait **ret_wait,
                   struct buf *detail)
{
    static const struct redis_conn_ops ops = {.on_state = on_state};
    const struct redis_conn_opts opts = {.url = url};
    struct redis_wait *w = mem_calloc(1, sizeof(*w));

    ENSURE(uv_loop_init(&w->loop) == 0);
    ENSURE(uv_timer_init(&w->loop, &w->timer) == 0);
    w->timer.data = w;
    if (redis_conn_new(&w->loop, &opts, &ops, w, &w->conn, detail) ||
        connect_within(w, url, timeout_ms, detail)) {
        redis_wait_free(w);
        return REDIS_WAIT_E_FAILED;
    }
    *ret_wait = w;
    return 0;
}

static void on_closed(void *ctx)
{
    struct redis_wait *w = ctx;

    w->is_closed = true;
}

void redis_wait_free(struct redis_wait *w)
{
    if (!w)
        return;
    if (w->conn)
        redis_conn_close(w->conn, on_closed, w);
    while (w->conn && !w->is_closed)
        uv_run(&w->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&w->timer, NULL);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    ENSURE(uv_loop_close(&w->loop) == 0);
    mem_free(w);
}

struct redis_conn *redis_wait_conn(struct redis_wait *w)
{
    return w->conn;
}
