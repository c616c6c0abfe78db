/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Turns the loop until something has happened, or time is up. */
#include <stdbool.h>
#include <uv.h>

static inline void run_on_timer(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static inline void run_on_tick(uv_timer_t *timer)
{
    (void)timer;
}

static inline void run_on_closed(uv_handle_t *handle)
{
    *(bool *)handle->data = true;
}

static inline void run_close(uv_loop_t *loop, uv_timer_t *timer)
{
    bool is_closed = false;

    timer->data = &is_closed;
    uv_close((uv_handle_t *)timer, run_on_closed);
    while (!is_closed)
        uv_run(loop, UV_RUN_ONCE);
}

/* True when `is_done(ctx)` came true within `ms`. */
static inline bool run_until(uv_loop_t *loop, bool (*is_done)(void *ctx), void *ctx, uint64_t ms)
{
    bool is_late = false, result;
    uv_timer_t deadline, tick;

    uv_timer_init(loop, &deadline);
    uv_timer_init(loop, &tick);
    deadline.data = &is_late;
    uv_update_time(loop);
    uv_timer_start(&deadline, run_on_timer, ms, 0);
    uv_timer_start(&tick, run_on_tick, 5, 5);
    while (!(result = is_done(ctx)) && !is_late)
        uv_run(loop, UV_RUN_ONCE);
    run_close(loop, &deadline);
    run_close(loop, &tick);
    return result;
}

static inline bool run_flag(void *ctx)
{
    return *(bool *)ctx;
}

static inline bool run_never(void *ctx)
{
    (void)ctx;
    return false;
}

static inline void run_for(uv_loop_t *loop, uint64_t ms)
{
    (void)run_until(loop, run_never, NULL, ms);
}

static inline void run_set_flag(void *ctx)
{
    *(bool *)ctx = true;
}
