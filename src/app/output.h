/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A file that is only appended to, through a large buffer. The first error is kept, and what comes
 * after it goes nowhere: ask once, at the end or now and then.
 */
#include "base/err.h"
#include "base/str.h"

struct output {
    struct buf buf; /* append here, then output_spill() */
    int fd;         /* -1: closed, nothing is written */
    int error;      /* negative errno, or 0 */
    bool owns_fd;
    bool is_eager; /* a person is looking on: nothing waits in the buffer */
};

#define OUTPUT_INIT                                                                                \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* Creates the file, or empties it. Negative errno. */
must_check int output_open(struct output *o, const char *path);
void output_stdout(struct output *o);
/* Writes the buffer out if it has grown large. */
void output_spill(struct output *o);
/* Writes everything out and closes; 0 or the first error. Accepts what was never opened. */
must_check int output_close(struct output *o);
