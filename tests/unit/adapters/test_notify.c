/* SPDX-License-Identifier: Apache-2.0 */
/* What a service manager would receive. */
#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "adapters/notify.h"

static int manager(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));

    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    return fd;
}

static void expect(int fd, const char *text)
{
    char got[256] = "";
    ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

    if (!text) {
        assert_true(n < 0);
        return;
    }
    assert_true(n > 0);
    assert_int_equal(strncmp(got, text, strlen(text)), 0);
}

static void tell_all(int fd)
{
    notify_ready();
    expect(fd, "READY=1");
    notify_status("two\nlines");
    expect(fd, "STATUS=two lines");
    notify_reloading();
    expect(fd, "RELOADING=1\nMONOTONIC_USEC=");
    notify_watchdog();
    expect(fd, "WATCHDOG=1");
    notify_stopping();
    expect(fd, "STOPPING=1");
    expect(fd, NULL);
}

static void test_path(void **state)
{
    char path[64];
    int fd;

    (void)state;
    snprintf(path, sizeof(path), "/tmp/engaged-notify-%d", (int)getpid());
    fd = manager(path);
    setenv("NOTIFY_SOCKET", path, 1);
    tell_all(fd);
    unsetenv("NOTIFY_SOCKET");
    notify_ready();
    expect(fd, NULL);
    setenv("NOTIFY_SOCKET", "relative", 1);
    notify_ready();
    close(fd);
    unlink(path);
    setenv("NOTIFY_SOCKET", path, 1);
    notify_ready(); /* nobody there: nothing happens */
}

static void test_abstract(void **state)
{
    char name[64];
    int fd;

    (void)state;
    snprintf(name, sizeof(name), "@engaged-notify-%d", (int)getpid());
    fd = manager(name);
    setenv("NOTIFY_SOCKET", name, 1);
    tell_all(fd);
    close(fd);
}

static void test_watchdog_period(void **state)
{
    char pid[32];

    (void)state;
    unsetenv("WATCHDOG_USEC");
    assert_int_equal(notify_watchdog_period_ms(), 0);
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(notify_watchdog_period_ms(), 15000);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(notify_watchdog_period_ms(), 0);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_watchdog_period_ms(), 15000);
    setenv("WATCHDOG_USEC", "1", 1);
    assert_int_equal(notify_watchdog_period_ms(), 1);
    setenv("WATCHDOG_USEC", "x", 1);
    assert_int_equal(notify_watchdog_period_ms(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_abstract),
        cmocka_unit_test(test_watchdog_period),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
