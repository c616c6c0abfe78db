/* SPDX-License-Identifier: Apache-2.0 */
/* Buffered output by write(2), so that no error can hide in stdio. */
#include "app/writer.h"

#include <fcntl.h>
#include <unistd.h>

#define SPILL_BYTES (256 * 1024)

int writer_open(struct writer *o, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    if (fd < 0)
        return -errno;
    *o = (struct writer){.fd = fd, .owns_fd = true};
    return 0;
}

void writer_stdout(struct writer *o)
{
    *o = (struct writer){.fd = STDOUT_FILENO, .is_eager = isatty(STDOUT_FILENO)};
}

static void write_all(struct writer *o)
{
    size_t at = 0;

    while (!o->error && o->fd >= 0 && at < o->buf.len) {
        ssize_t n = write(o->fd, o->buf.ptr + at, o->buf.len - at);

        if (n >= 0)
            at += (size_t)n;
        else if (errno != EINTR)
            o->error = -errno;
    }
    buf_reset(&o->buf);
}

void writer_spill(struct writer *o)
{
    if (o->buf.len >= SPILL_BYTES || o->is_eager)
        write_all(o);
}

int writer_close(struct writer *o)
{
    write_all(o);
    if (o->owns_fd && o->fd >= 0 && close(o->fd) && !o->error)
        o->error = -errno;
    o->fd = -1;
    buf_deinit(&o->buf);
    return o->error;
}
