/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A private redis-server for trying things out: in a temporary directory of its own, on a unix
 * socket and a free loopback port, gone when we are, even when we are killed.
 */
#include <uv.h>
#include "base/err.h"
#include "base/str.h"

struct child_redis;

struct child_redis_ops {
    /* It accepts connections. */
    void (*on_ready)(void *ctx);
    /* It ended without being asked to, or never became ready; `text` says why. */
    void (*on_failed)(void *ctx, const char *text);
};

#define CHILD_E_ABSENT 1 /* no redis-server in PATH */
must_check int child_redis_start(uv_loop_t *loop, const struct child_redis_ops *ops, void *ctx,
                                 struct child_redis **ret_child);
/* unix://... ; borrowed. */
const char *child_redis_url(const struct child_redis *c);
/* For redis-cli -p. */
int child_redis_port(const struct child_redis *c);
const char *child_redis_dir(const struct child_redis *c);
/* Stops it, removes its directory, then `done`, and it is freed. */
void child_redis_stop(struct child_redis *c, void (*done)(void *ctx), void *ctx);
