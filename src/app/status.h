/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * `engaged status`: in what condition each partition is and what to do about it, from Kafka and
 * Redis alone, so that it works whether or not a daemon runs.
 */
#include <stdbool.h>

struct status_opts {
    const char *config;  /* path */
    const char *timeout; /* a duration; NULL: 10s */
    bool is_json;
};

/* Returns the exit code: 0 all is well, 1 something needs somebody, or the configuration has
 * faults, 2 the time-out is none. */
int status_main(const struct status_opts *opts);
