/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * `engaged replay`: history through the same engine, without Kafka or Redis. Events are JSON lines
 * (CloudEvents in structured mode) from files, gzip or not, pipes, or `-` for standard input;
 * triggers go to standard output as JSON lines. The same input gives the same bytes.
 */
#include "base/str.h"

struct replay_opts {
    const char *config;       /* path */
    const char *state;        /* path to write the final state to, or NULL */
    const char *dead_letters; /* path to write refused lines to, or NULL */
    const char *until;        /* RFC 3339: later events are not applied, the clock ends there */
    const char *const *files; /* in this order; "-": standard input */
    size_t n_files;
};

/* Returns the exit code: 0, or 1 with what went wrong on standard error. */
int replay_main(const struct replay_opts *opts);
