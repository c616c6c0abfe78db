/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * History through one engine again, as `replay` and the daemon take it: what was refused then is
 * refused again and only moves the clock, a control record's rules hold from there on. Whoever
 * looks on is told each event before it is applied, and each trigger, and may have seen enough.
 */
#include "codec/event_decode.h"
#include "engaged/engine.h"

struct conf;
struct history;

struct history_opts {
    const struct conf *conf; /* borrowed */
    struct str topic;        /* empty: files */
    int32_t partition;
    /* `where` is a file's name or a topic's, `line` the line or offset in it. */
    void (*on_event)(void *ctx, const struct event *event, const char *where, uint64_t line);
    engine_trigger_fn on_trigger;
    void *ctx;
};

struct history *history_new(const struct history_opts *opts);
struct history *history_free(struct history *h);
/* Nothing more is applied. May be called from the callbacks. */
void history_stop(struct history *h);
bool history_is_over(const struct history *h);
/* One record. -ENOMEM. */
must_check int history_take(struct history *h, const struct event_input *input, const char *where,
                            uint64_t line);
/* A file of events, "-": standard input. 0, or -1 and what went wrong in `error`. */
must_check int history_read(struct history *h, const char *path, struct buf *error);
/* Time passes up to then, if it has not. Deadlines due then included. */
void history_finish(struct history *h, int64_t until_ms);
/* The rules in force by now. */
const struct model *history_model(const struct history *h);
