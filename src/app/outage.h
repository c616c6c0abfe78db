/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What is said of things that are away for long: one line when it begins, one a minute while it
 * lasts, with what it costs, and one when it is over. And of partitions that fetch nothing: how far
 * the log has gone on meanwhile, which the consumer does not learn of by itself.
 */
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct daemon;
struct partition;

struct outage {
    int64_t redis_since_ms; /* loop time; 0: it is not away */
    int64_t redis_told_ms;
    uint64_t n_attempts; /* to connect, in vain, since then */
    char redis_why[160];
    int64_t paused_since_ms; /* likewise: some partition's input is paused */
    int64_t paused_told_ms;  /* 0: nothing was said of it */
    int64_t asked_ms;        /* when the log's ends were asked for ... */
    bool is_asking;          /* ... and that is not answered yet */
};

/* Redis is away, or still is: `why` is the adapter's reason. */
void outage_redis_away(struct daemon *d, const char *why);
void outage_redis_back(struct daemon *d);
/* Once a second. */
void outage_run(struct daemon *d);
/* Of the records below this offset, at least, some are there; -1: not known. */
int64_t outage_log_end(const struct partition *p);
