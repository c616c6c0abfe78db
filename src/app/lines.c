/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading lines through zlib, which passes what is not gzip through as it is. A line within one
 * chunk is handed out where it lies; one that spans chunks is put together in `carry`.
 */
#include "app/lines.h"

#include "base/mem.h"

#include <unistd.h>
#include <zlib.h>

#define CHUNK_BYTES (256 * 1024)

struct lines {
    gzFile file;
    size_t max_bytes;
    char *chunk; /* CHUNK_BYTES */
    size_t at, end;
    bool at_end;
    struct buf carry; /* the line so far, from earlier chunks */
    uint64_t n_bytes; /* of that line, whole */
    uint64_t number;
};

int lines_open(const char *path, size_t max_bytes, struct lines **ret_lines)
{
    struct lines *l;
    gzFile file;

    errno = 0;
    if (strcmp(path, "-") == 0) {
        int fd = dup(STDIN_FILENO);

        file = fd < 0 ? NULL : gzdopen(fd, "rb");
    } else {
        file = gzopen(path, "rb");
    }
    if (!file)
        return errno ? -errno : -ENOMEM;
    gzbuffer(file, CHUNK_BYTES);
    l = mem_calloc(1, sizeof(*l));
    l->file = file;
    l->max_bytes = max_bytes;
    l->chunk = mem_alloc(CHUNK_BYTES);
    *ret_lines = l;
    return 0;
}

/* The next chunk; an empty one at the end of the file. */
static int fill(struct lines *l)
{
    int n = gzread(l->file, l->chunk, CHUNK_BYTES), code = Z_OK;

    if (n <= 0) {
        gzerror(l->file, &code);
        if (code == Z_ERRNO)
            return errno ? -errno : -EIO;
        if (n < 0 || code == Z_BUF_ERROR) /* the latter: cut off within a gzip stream */
            return -EIO;
        l->at_end = true;
        n = 0;
    }
    l->at = 0;
    l->end = (size_t)n;
    return 0;
}

static void carry_on(struct lines *l, const char *bytes, size_t n)
{
    size_t room = l->max_bytes + 1 - l->carry.len;

    l->n_bytes += n;
    buf_add(&l->carry, bytes, n < room ? n : room);
}

/* Hands out the line that ends here; its last part is the `n` bytes at `bytes`. */
static void finish_line(struct lines *l, const char *bytes, size_t n, struct line *ret_line)
{
    struct str text = {bytes, n};

    if (l->n_bytes) {
        carry_on(l, bytes, n);
        text = buf_str(&l->carry);
    } else {
        l->n_bytes = n;
    }
    if (text.len && text.len == l->n_bytes && text.ptr[text.len - 1] == '\r') {
        text.len--;
        l->n_bytes--;
    }
    if (text.len > l->max_bytes)
        text.len = l->max_bytes;
    *ret_line = (struct line){.text = text,
                              .number = ++l->number,
                              .n_bytes = l->n_bytes,
                              .is_cut = text.len < l->n_bytes};
    l->n_bytes = 0;
}

int lines_next(struct lines *l, struct line *ret_line)
{
    buf_reset(&l->carry);
    while (!l->at_end) {
        const char *bytes = l->chunk + l->at;
        size_t n = l->end - l->at;
        const char *newline = n ? memchr(bytes, '\n', n) : NULL;
        int r;

        if (newline) {
            finish_line(l, bytes, (size_t)(newline - bytes), ret_line);
            l->at += (size_t)(newline - bytes) + 1;
            return 0;
        }
        carry_on(l, bytes, n);
        r = fill(l);
        if (r)
            return r;
    }
    if (!l->n_bytes)
        return LINES_E_END;
    finish_line(l, NULL, 0, ret_line); /* the last line had no end */
    return 0;
}

const char *lines_error(struct lines *l)
{
    int code = Z_OK;
    const char *text = gzerror(l->file, &code);

    if (code == Z_BUF_ERROR)
        return "the compressed data ends too early";
    return code == Z_ERRNO ? strerror(errno) : text;
}

struct lines *lines_close(struct lines *l)
{
    if (!l)
        return NULL;
    gzclose(l->file);
    mem_free(l->chunk);
    buf_deinit(&l->carry);
    return mem_free(l);
}
