/* SPDX-License-Identifier: Apache-2.0 */
/* One datagram per message. Errors are of no interest: nobody could be told. */
#include "adapters/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/str.h"

static bool notify_address(struct sockaddr_un *ret_address, socklen_t *ret_len)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t n = path ? strlen(path) : 0;

    if (n < 2 || (path[0] != '/' && path[0] != '@') || n >= sizeof(ret_address->sun_path))
        return false;
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret_address->sun_path, path, n);
    if (path[0] == '@')
        ret_address->sun_path[0] = '\0'; /* the abstract namespace */
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    return true;
}

static void notify_send(const char *text)
{
    struct sockaddr_un address;
    socklen_t len;
    int fd;

    if (!notify_address(&address, &len))
        return;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    (void)!sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, len);
    close(fd);
}

void notify_ready(void)
{
    notify_send("READY=1");
}

void notify_reloading(void)
{
    struct timespec now;
    char text[64];

    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    notify_send(text);
}

void notify_stopping(void)
{
    notify_send("STOPPING=1");
}

void notify_status(const char *text)
{
    struct buf b = BUF_INIT;

    buf_add_str(&b, STR("STATUS="));
    for (; *text; text++)
        buf_add_char(&b, *text == '\n' ? ' ' : *text);
    notify_send(b.ptr);
    buf_deinit(&b);
}

void notify_watchdog(void)
{
    notify_send("WATCHDOG=1");
}

int64_t notify_watchdog_period_ms(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    int64_t value;

    if (!usec || parse_i64(str_of(usec), &value) || value <= 0)
        return 0;
    value = value / 2000 > 0 ? value / 2000 : 1;
    if (pid) {
        int64_t whose;

        if (parse_i64(str_of(pid), &whose) || whose != getpid())
            return 0;
    }
    return value;
}
