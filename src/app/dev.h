/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * `engaged dev`: everything on one machine with nothing to set up. An embedded broker that any
 * Kafka client can talk to, a private redis-server, the daemon, and, where a file of events is
 * given, a producer that feeds it. A toy: the broker keeps little, forgets committed offsets,
 * ignores aborts.
 */
#include "base/err.h"

struct dev_opts {
    const char *config; /* path; NULL: the shipped rules */
    const char *events; /* path of JSON lines, gzip too; NULL: publish your own */
    bool is_once;       /* ends when all events are through */
};

/* Returns the exit code. */
int dev_main(const struct dev_opts *opts);
