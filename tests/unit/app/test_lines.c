/* SPDX-License-Identifier: Apache-2.0 */
/* Lines from plain files, gzip and pipes: ends, lengths, chunk borders, damage. */
#include "app/lines.h"

#include "base/mem.h"
#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#define MAX_BYTES 1000

static char path[] = "/tmp/engaged-lines-XXXXXX";

static int setup(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 || close(fd);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const char *mode, const char *bytes, size_t n)
{
    gzFile f = gzopen(path, mode);

    assert_non_null(f);
    assert_int_equal(gzwrite(f, bytes, (unsigned)n), (int)n);
    assert_int_equal(gzclose(f), Z_OK);
}

#define PLAIN "wbT" /* zlib's "transparent" */
#define GZIP  "wb6"

static void expect(struct lines *l, const char *text, uint64_t n_bytes, bool is_cut)
{
    static uint64_t number;
    struct line line;

    assert_int_equal(lines_next(l, &line), 0);
    if (!str_eq(line.text, str_of(text)))
        fail_msg("got \"%.*s\", wanted \"%s\"", STR_ARG(line.text), text);
    assert_int_equal(line.n_bytes, n_bytes);
    assert_int_equal(line.is_cut, is_cut);
    number = line.number == 1 ? 1 : number + 1;
    assert_int_equal(line.number, number);
}

static void expect_line(struct lines *l, const char *text)
{
    expect(l, text, strlen(text), false);
}

static void expect_end(struct lines *l)
{
    struct line line;

    assert_int_equal(lines_next(l, &line), LINES_E_END);
    assert_int_equal(lines_next(l, &line), LINES_E_END);
    assert_null(lines_close(l));
}

static struct lines *open_lines(void)
{
    struct lines *l = NULL;

    assert_int_equal(lines_open(path, MAX_BYTES, &l), 0);
    return l;
}

static void test_ends(void **state)
{
    static const char *const modes[] = {PLAIN, GZIP};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        const char text[] = "one\ntwo\r\n\n\r\nfi\rve\nlast";
        struct lines *l;

        write_file(modes[i], text, sizeof(text) - 1);
        l = open_lines();
        expect_line(l, "one");
        expect_line(l, "two");
        expect_line(l, "");
        expect_line(l, "");
        expect_line(l, "fi\rve");
        expect_line(l, "last");
        expect_end(l);
    }
    write_file(PLAIN, "", 0);
    expect_end(open_lines());
    write_file(PLAIN, "\n", 1);
    {
        struct lines *l = open_lines();

        expect_line(l, "");
        expect_end(l);
    }
}

/* Lines of every length around the limit, and so many that they lie across chunks in every way. */
static void test_lengths(void **state)
{
    struct buf b = BUF_INIT;
    struct lines *l;
    char text[MAX_BYTES + 4];

    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t n = 0; n < 2 * sizeof(text); n++) {
        buf_add(&b, text, n % sizeof(text));
        buf_add_str(&b, n % 2 ? STR("\n") : STR("\r\n"));
    }
    write_file(GZIP, b.ptr, b.len);
    l = open_lines();
    for (size_t n = 0; n < 2 * sizeof(text); n++) {
        size_t len = n % sizeof(text), kept = len < MAX_BYTES ? len : MAX_BYTES;
        char *want = mem_strndup(text, kept);

        expect(l, want, len, len > MAX_BYTES);
        mem_free(want);
    }
    expect_end(l);
    buf_deinit(&b);
}

/* A line of just the limit whose \r lies in the next chunk, or the one after its beginning. */
static void test_at_the_limit_across_chunks(void **state)
{
    const size_t chunk = 256 * 1024;

    (void)state;
    for (size_t before = chunk - MAX_BYTES; before <= chunk; before += MAX_BYTES / 8) {
        struct buf b = BUF_INIT;
        char want[MAX_BYTES + 1];
        struct lines *l;

        memset(buf_reserve(&b, before), '\n', before);
        buf_advance(&b, before);
        memset(want, 'z', MAX_BYTES);
        want[MAX_BYTES] = '\0';
        buf_addf(&b, "%s\r\nend", want);
        write_file(PLAIN, b.ptr, b.len);
        l = open_lines();
        for (size_t i = 0; i < before; i++)
            expect_line(l, "");
        expect_line(l, want);
        expect_line(l, "end");
        expect_end(l);
        buf_deinit(&b);
    }
}

static void test_huge_line(void **state)
{
    const size_t n = 10 * 1024 * 1024;
    char *bytes = mem_alloc(n + 5), *want = mem_alloc(MAX_BYTES + 1);
    struct lines *l;

    (void)state;
    memset(bytes, 'y', n);
    memcpy(bytes + n, "\nend\n", 5);
    memset(want, 'y', MAX_BYTES);
    want[MAX_BYTES] = '\0';
    write_file(PLAIN, bytes, n + 5);
    l = open_lines();
    expect(l, want, n, true);
    expect_line(l, "end");
    expect_end(l);
    mem_free(bytes);
    mem_free(want);
}

static void test_absent(void **state)
{
    struct lines *l = NULL;
    struct line line;

    (void)state;
    assert_int_equal(lines_open("/nonexistent/file", MAX_BYTES, &l), -ENOENT);
    assert_null(l);
    assert_int_equal(lines_open("/tmp", MAX_BYTES, &l), 0);
    assert_int_equal(lines_next(l, &line), -EISDIR);
    assert_non_null(strstr(lines_error(l), "directory"));
    lines_close(l);
}

/* gzip that stops in the middle is an error, not an end. */
static void test_cut_off(void **state)
{
    struct buf b = BUF_INIT;
    struct lines *l;
    struct line line;
    int r;

    (void)state;
    for (int i = 0; i < 10000; i++)
        buf_addf(&b, "%d\n", i * 7919 % 10007);
    write_file(GZIP, b.ptr, b.len);
    assert_int_equal(truncate(path, 10000), 0);
    l = open_lines();
    while (!(r = lines_next(l, &line)))
        ;
    assert_int_equal(r, -EIO);
    assert_string_equal(lines_error(l), "the compressed data ends too early");
    lines_close(l);
    buf_deinit(&b);
}

static void test_standard_input(void **state)
{
    int fds[2], saved = dup(STDIN_FILENO);
    struct lines *l = NULL;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "a\nb", 3), 3);
    close(fds[1]);
    dup2(fds[0], STDIN_FILENO);
    close(fds[0]);
    assert_int_equal(lines_open("-", MAX_BYTES, &l), 0);
    expect_line(l, "a");
    expect_line(l, "b");
    expect_end(l);
    dup2(saved, STDIN_FILENO);
    close(saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_at_the_limit_across_chunks),
        cmocka_unit_test(test_huge_line),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_standard_input),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
