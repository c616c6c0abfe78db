/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A file that is only appended to, through a large buffer. The first error is kept, and what comes
 * after it goes nowhere: ask once, at the end or now and then.
 */
#include "base/err.h"
#include "base/str.h"

struct writer {
    struct buf buf; /* append here, then writer_spill() */
    int fd;         /* -1: closed, nothing is written */
    int error;      /* negative errno, or 0 */
    bool owns_fd;
    bool is_eager; /* a person is looking on: nothing waits in the buffer */
};

#define WRITER_INIT                                                                                \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* Creates the file, or empties it. Negative errno. */
must_check int writer_open(struct writer *o, const char *path);
void writer_stdout(struct writer *o);
/* Writes the buffer out if it has grown large. */
void writer_spill(struct writer *o);
/* Writes everything out and closes; 0 or the first error. Accepts what was never opened. */
must_check int writer_close(struct writer *o);
