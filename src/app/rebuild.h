/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * `engaged rebuild`: throws away what Redis has of partitions and lets them be rebuilt from the
 * log, with what is out not published again. Heals the states in which a partition stops: sets the
 * group's offset where that is missing or not in the log.
 *
 * Each partition is marked first, in one step that fences its owner; nobody can take it until its
 * keys are gone. Killed in between, an owner finishes it, or the command run again.
 */
#include <stdbool.h>
#include <stddef.h>

struct rebuild_opts {
    const char *config;            /* path */
    const char *const *partitions; /* decimal texts; none: all */
    size_t n_partitions;
    const char *timeout; /* of asking Kafka and Redis: a duration; NULL: 10s */
    bool is_yes;         /* do not ask */
    bool is_start_over;  /* offsets and what was published count for nothing any more */
    bool is_no_wait;     /* do not wait until it is rebuilt */
};

/* Returns the exit code: 0 done, 1 not, 2 the command line makes no sense. */
int rebuild_main(const struct rebuild_opts *opts);
