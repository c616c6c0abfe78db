/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * `engaged replay`: history through the same engine, without Kafka or Redis. Events are JSON lines
 * (CloudEvents in structured mode) from files, gzip or not, pipes, or `-` for standard input;
 * triggers go to standard output as JSON lines. The same input gives the same bytes.
 *
 * With `compare` two configurations see the same events in one pass, and what goes to standard
 * output is how their triggers differ (app/compare.h). The events' size and depth are then limited
 * by the new one; control records, which would make both the same, are passed over.
 */
#include "base/str.h"

#include <stdbool.h>

struct replay_opts {
    const char *config;       /* path */
    const char *compare;      /* path of the old configuration, or NULL */
    bool is_json;             /* with `compare`: for programs, not for people */
    const char *state;        /* path to write the final state to, or NULL; not with `compare` */
    const char *dead_letters; /* path to write refused lines to, or NULL */
    const char *until;        /* RFC 3339: later events are not applied, the clock ends there */
    const char *const *files; /* in this order; "-": standard input */
    size_t n_files;
};

/* Returns the exit code: 0, or 1 with what went wrong on standard error. */
int replay_main(const struct replay_opts *opts);
