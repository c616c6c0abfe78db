/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Lines of a file, a pipe or standard input, compressed by gzip or not, in bounded memory: of a
 * line that is longer than the limit only its beginning is kept.
 */
#include "base/err.h"
#include "base/str.h"

struct lines;

struct line {
    struct str text;  /* without its end (\n or \r\n); good until the next call */
    uint64_t number;  /* from 1 */
    uint64_t n_bytes; /* of the whole line, also where `text` is cut */
    bool is_cut;
};

#define LINES_E_END 1

/* "-": standard input. Lines of more than `max_bytes` are cut. Negative errno. */
must_check int lines_open(const char *path, size_t max_bytes, struct lines **ret_lines);
/* LINES_E_END; or a negative errno, and lines_error() says it in words. */
must_check int lines_next(struct lines *l, struct line *ret_line);
const char *lines_error(struct lines *l);
struct lines *lines_close(struct lines *l);
