/* SPDX-License-Identifier: Apache-2.0 */
/* Output arrives whole, and a device that is full or a reader that left is an error. */
#include "app/writer.h"

#include "../unit.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void test_arrives(void **state)
{
    char path[] = "/tmp/engaged-output-XXXXXX", read_back[8];
    int fd = mkstemp(path);
    struct writer o = WRITER_INIT;
    off_t size = 0;

    (void)state;
    assert_int_equal(writer_open(&o, path), 0);
    for (int i = 0; i < 200000; i++) {
        buf_addf(&o.buf, "%06d\n", i);
        size += 7;
        writer_spill(&o);
    }
    assert_true(o.buf.len < (size_t)size / 2); /* most has been written already */
    assert_int_equal(writer_close(&o), 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), size);
    assert_int_equal(pread(fd, read_back, 7, 7 * 123456), 7);
    assert_memory_equal(read_back, "123456\n", 7);
    close(fd);
    unlink(path);
}

static void test_full(void **state)
{
    struct writer o = WRITER_INIT;

    (void)state;
    assert_int_equal(writer_open(&o, "/dev/full"), 0);
    buf_add_str(&o.buf, STR("x"));
    assert_int_equal(writer_close(&o), -ENOSPC);
    assert_int_equal(writer_open(&o, "/nonexistent/x"), -ENOENT);
}

static void test_reader_left(void **state)
{
    struct writer o = WRITER_INIT;
    int fds[2];

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    o.fd = fds[1];
    o.owns_fd = true;
    for (int i = 0; i < 100000; i++) {
        buf_add_str(&o.buf, STR("0123456789"));
        writer_spill(&o);
    }
    assert_int_equal(o.error, -EPIPE);
    assert_int_equal(writer_close(&o), -EPIPE);
}

static void test_never_opened(void **state)
{
    struct writer o = WRITER_INIT;

    (void)state;
    buf_add_str(&o.buf, STR("goes nowhere"));
    assert_int_equal(writer_close(&o), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrives),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_reader_left),
        cmocka_unit_test(test_never_opened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
