/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A private redis-server for a test; without redis-server the test is skipped (exit 77). */
#include <stdlib.h>

#include "adapters/child.h"
#include "run.h"

struct redis_fixture {
    struct child_redis *child;
    bool is_ready;
    bool is_failed;
};

static inline void fixture_on_ready(void *ctx)
{
    ((struct redis_fixture *)ctx)->is_ready = true;
}

static inline void fixture_on_failed(void *ctx, const char *text)
{
    (void)text;
    ((struct redis_fixture *)ctx)->is_failed = true;
}

static const struct child_redis_ops fixture_ops = {.on_ready = fixture_on_ready,
                                                   .on_failed = fixture_on_failed};

static inline void fixture_start(struct redis_fixture *f, uv_loop_t *loop)
{
    int r;

    *f = (struct redis_fixture){.child = NULL};
    r = child_redis_start(loop, &fixture_ops, f, &f->child);
    if (r == CHILD_E_ABSENT)
        exit(77);
    assert_int_equal(r, 0);
    assert_true(run_until(loop, run_flag, &f->is_ready, 15000));
}

static inline void fixture_stop(struct redis_fixture *f, uv_loop_t *loop)
{
    bool is_stopped = false;

    child_redis_stop(f->child, run_set_flag, &is_stopped);
    assert_true(run_until(loop, run_flag, &is_stopped, 15000));
}
