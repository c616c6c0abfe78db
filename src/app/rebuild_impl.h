/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the rooms of `rebuild` share. */
#include "app/outside.h"
#include "app/rebuild.h"

/* One partition that is to be rebuilt. */
struct rebuild_job {
    int32_t partition;
    struct condition_plan plan;
    int64_t target; /* rebuilt when N is there; COMMIT_NONE: there is nothing to replay */
    int64_t n_dropped;
    int64_t epoch; /* in Redis when it was dropped */
    int64_t at;    /* N as last seen */
    bool is_done;
};

struct rebuild {
    const struct rebuild_opts *opts;
    struct outside o;
    int64_t timeout_ms;
    struct rebuild_job *jobs; /* owned */
    size_t n_jobs;
};

/* rebuild_drop.c: marks the partition and deletes its keys; false: see `detail`. */
must_check bool rebuild_drop(struct rebuild *r, struct rebuild_job *job, struct buf *detail);
/* rebuild_wait.c: shows how far the daemon is until all is rebuilt. 0, or the exit code. */
must_check int rebuild_wait(struct rebuild *r);
