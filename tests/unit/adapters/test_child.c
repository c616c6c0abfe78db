/* SPDX-License-Identifier: Apache-2.0 */
/* The private server: serves, cleans up, says when it ends, and does not outlive us. */
#include "../unit.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "redis_fixture.h"

static void test_starts_and_cleans_up(void **state)
{
    struct redis_fixture f;
    char dir[128];
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    fixture_start(&f, &loop);
    snprintf(dir, sizeof(dir), "%s", child_redis_dir(f.child));
    assert_int_equal(access(dir, F_OK), 0);
    assert_int_equal(strncmp(child_redis_url(f.child), "unix:///", 8), 0);
    assert_true(child_redis_port(f.child) > 0);
    fixture_stop(&f, &loop);
    assert_false(f.is_failed);
    assert_int_not_equal(access(dir, F_OK), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static bool is_gone(void *ctx)
{
    return access(ctx, F_OK) != 0;
}

/* A process that starts one and is killed: neither server nor directory stay. */
static void test_does_not_outlive_us(void **state)
{
    char dir[128] = "";
    int pipes[2], status;
    ssize_t n;
    uv_loop_t loop;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) {
        struct redis_fixture f;
        uv_loop_t own;

        if (uv_loop_init(&own) == 0) {
            fixture_start(&f, &own);
            (void)!write(pipes[1], child_redis_dir(f.child), strlen(child_redis_dir(f.child)));
            run_for(&own, 60000);
        }
        _exit(1);
    }
    n = read(pipes[0], dir, sizeof(dir) - 1);
    assert_true(n > 0);
    assert_int_equal(access(dir, F_OK), 0);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_true(run_until(&loop, is_gone, dir, 10000));
    assert_int_equal(uv_loop_close(&loop), 0);
    close(pipes[0]);
    close(pipes[1]);
}

static void test_says_when_it_ends(void **state)
{
    struct redis_fixture f;
    char command[256];
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    fixture_start(&f, &loop);
    snprintf(command, sizeof(command), "redis-cli -p %d shutdown nosave >/dev/null 2>&1",
             child_redis_port(f.child));
    assert_int_equal(system(command), 0);
    assert_true(run_until(&loop, run_flag, &f.is_failed, 10000));
    fixture_stop(&f, &loop);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void test_absent(void **state)
{
    struct child_redis *child;
    uv_loop_t loop;
    char *path = strdup(getenv("PATH"));

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    setenv("PATH", "/nonexistent", 1);
    assert_int_equal(child_redis_start(&loop, &fixture_ops, NULL, &child), CHILD_E_ABSENT);
    setenv("PATH", path, 1);
    free(path);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_starts_and_cleans_up),
        cmocka_unit_test(test_does_not_outlive_us),
        cmocka_unit_test(test_says_when_it_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
