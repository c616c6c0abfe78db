/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Ties a librdkafka client to the loop: a queue that becomes non-empty wakes it, a second passes
 * at most between two wake-ups, and the client is destroyed (which blocks) on a helper thread.
 */
#include <uv.h>
#include "base/err.h"

struct rd_kafka_s;
struct rd_kafka_queue_s;

typedef void (*kafka_loop_fn)(void *ctx);

struct kafka_loop {
    uv_poll_t poll;
    uv_timer_t timer;
    int fd;          /* eventfd */
    int n_open;      /* handles not closed yet */
    uint64_t period; /* ms between two wake-ups at most */
    kafka_loop_fn on_wake;
    kafka_loop_fn on_closed;
    void *ctx;
};

must_check int kafka_loop_init(struct kafka_loop *l, uv_loop_t *loop, kafka_loop_fn on_wake,
                               void *ctx);
/* librdkafka signals only when the queue goes from empty to non-empty: who does not drain it must
 * call kafka_loop_poke. */
void kafka_loop_watch(struct kafka_loop *l, struct rd_kafka_queue_s *queue);
/* Wakes on the next turn of the loop. */
void kafka_loop_poke(struct kafka_loop *l);
void kafka_loop_set_period(struct kafka_loop *l, uint64_t ms);
void kafka_loop_close(struct kafka_loop *l, kafka_loop_fn on_closed);

/* Destroys the client off the loop, then calls `done` on it. */
void kafka_loop_reap(uv_loop_t *loop, struct rd_kafka_s *rk, int flags, kafka_loop_fn done,
                     void *ctx);
