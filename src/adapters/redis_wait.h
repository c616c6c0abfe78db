/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Redis for commands: a connection on a loop of its own, which runs only while somebody waits.
 * Blocks; not for the daemon.
 *
 *     redis_conn_words(redis_wait_conn(w), "INFO memory", on_answer, x);
 *     redis_wait_for(w, is_answered, x, 5000)
 */
#include "adapters/redis_conn.h"

struct redis_wait;

#define REDIS_WAIT_E_FAILED 1 /* see `detail` */

/* Connects within `timeout_ms`, and does not try twice: an address that refuses is told at once.
 * The reason, with the address and without secrets, is appended to `detail`. `url` is borrowed. */
must_check int redis_wait_new(const struct redis_url *url, int64_t timeout_ms,
                              struct redis_wait **ret_wait, struct buf *detail);
/* Accepts NULL. What is pending is answered UNKNOWN first. */
void redis_wait_free(struct redis_wait *w);
struct redis_conn *redis_wait_conn(struct redis_wait *w);
/* Runs the loop until `is_done` says so. False: not within `timeout_ms`. */
must_check bool redis_wait_for(struct redis_wait *w, bool (*is_done)(void *ctx), void *ctx,
                               int64_t timeout_ms);
