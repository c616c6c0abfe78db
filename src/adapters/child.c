/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server runs under a small shell that holds the other end of a pipe: when we end, however we
 * end, the pipe closes, and the shell stops the server and removes its directory. Both are in a
 * session of their own, so that an interrupt from the terminal reaches us alone.
 */
#include "adapters/child.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

#define POLL_MS  20
#define READY_MS 10000
#define STOP_MS  5000

/* $1: the directory; then the server's arguments. */
static const char script[] = "dir=$1; shift; exec 3<&0 </dev/null\n"
                             "redis-server \"$@\" 3<&- & server=$!\n"
                             "( read x <&3; kill $server 2>/dev/null ) & watch=$!\n"
                             "exec 3<&-; wait $server; kill $watch 2>/dev/null; rm -rf \"$dir\"\n";

struct child_redis {
    uv_loop_t *loop;
    uv_process_t process;
    uv_pipe_t hold; /* our end of the pipe */
    uv_timer_t timer;
    uv_pipe_t probe;
    uv_connect_t connect;
    bool is_probing;
    bool is_ready;
    bool is_exited;
    bool is_told; /* that it failed */
    bool is_stopping;
    int n_open;     /* handles but the probe */
    uint64_t until; /* loop time */
    const struct child_redis_ops *ops;
    void *ctx;
    char dir[64];
    char socket[96];
    char url[112];
    int port;
    void (*done)(void *ctx);
    void *done_ctx;
};

static bool child_find(void)
{
    const char *path = getenv("PATH");
    char *copy = mem_strndup(path ? path : "", path ? strlen(path) : 0), *save = NULL;
    bool is_found = false;

    for (char *dir = strtok_r(copy, ":", &save); dir && !is_found;
         dir = strtok_r(NULL, ":", &save)) {
        struct buf file = BUF_INIT;

        buf_addf(&file, "%s/redis-server", dir);
        is_found = access(file.ptr, X_OK) == 0;
        buf_deinit(&file);
    }
    mem_free(copy);
    return is_found;
}

/* One that is free now; if somebody is faster, the server fails to start and we say so. */
static int child_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int port = -1;

    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&address, len) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &len) == 0)
        port = ntohs(address.sin_port);
    close(fd);
    return port;
}

static void child_on_closed(uv_handle_t *handle)
{
    struct child_redis *c = handle->data;
    void (*done)(void *) = c->done;
    void *ctx = c->done_ctx;

    if (--c->n_open > 0)
        return;
    mem_free(c);
    if (done)
        done(ctx);
}

static void child_close_handles(struct child_redis *c)
{
    if (c->is_probing)
        return;
    uv_close((uv_handle_t *)&c->process, child_on_closed);
    uv_close((uv_handle_t *)&c->timer, child_on_closed);
    if (!uv_is_closing((uv_handle_t *)&c->hold))
        uv_close((uv_handle_t *)&c->hold, child_on_closed);
}

static void child_fail(struct child_redis *c, const char *text)
{
    if (c->is_told || c->is_stopping)
        return;
    c->is_told = true;
    uv_timer_stop(&c->timer);
    c->ops->on_failed(c->ctx, text);
}

static void child_on_exit(uv_process_t *process, int64_t status, int signal)
{
    struct child_redis *c = process->data;

    (void)status;
    (void)signal;
    c->is_exited = true;
    if (c->is_stopping)
        child_close_handles(c);
    else
        child_fail(c, "redis-server ended");
}

static void child_on_probe_closed(uv_handle_t *handle)
{
    struct child_redis *c = handle->data;

    c->is_probing = false;
    if (c->is_stopping && c->is_exited)
        child_close_handles(c);
}

static void child_on_connect(uv_connect_t *connect, int status)
{
    struct child_redis *c = connect->data;

    uv_close((uv_handle_t *)&c->probe, child_on_probe_closed);
    if (status < 0 || c->is_stopping || c->is_told)
        return;
    c->is_ready = true;
    uv_timer_stop(&c->timer);
    c->ops->on_ready(c->ctx);
}

static void child_on_timer(uv_timer_t *timer)
{
    struct child_redis *c = timer->data;

    if (c->is_stopping) { /* it did not end when asked to */
        uv_kill(-uv_process_get_pid(&c->process), SIGKILL);
        return;
    }
    if (uv_now(c->loop) > c->until) {
        child_fail(c, "redis-server does not accept connections");
        return;
    }
    if (c->is_probing || access(c->socket, F_OK))
        return;
    ENSURE(uv_pipe_init(c->loop, &c->probe, 0) == 0);
    c->probe.data = c->connect.data = c;
    c->is_probing = true;
    uv_pipe_connect(&c->connect, &c->probe, c->socket, child_on_connect);
}

static int child_spawn(struct child_redis *c)
{
    char port[16];
    const char *const args[] = {"/bin/sh",    "-c",
                                script,       "redis",
                                c->dir,       "--port",
                                port,         "--bind",
                                "127.0.0.1",  "--unixsocket",
                                c->socket,    "--dir",
                                c->dir,       "--save",
                                "",           "--appendonly",
                                "no",         "--maxmemory-policy",
                                "noeviction", "--daemonize",
                                "no",         NULL};
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&c->hold},
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE}};
    uv_process_options_t options = {.file = args[0],
                                    .args = (char **)args,
                                    .exit_cb = child_on_exit,
                                    .stdio = stdio,
                                    .stdio_count = 3,
                                    .flags = UV_PROCESS_DETACHED};

    snprintf(port, sizeof(port), "%d", c->port);
    return uv_spawn(c->loop, &c->process, &options);
}

static int child_prepare(struct child_redis *c)
{
    const char *tmp = getenv("TMPDIR");

    /* A unix socket's path is short: a long TMPDIR would not do. */
    snprintf(c->dir, sizeof(c->dir), "%s/engaged-redis-XXXXXX",
             tmp && tmp[0] == '/' && strlen(tmp) < 32 ? tmp : "/tmp");
    c->port = child_free_port();
    if (c->port < 0 || !mkdtemp(c->dir))
        return -errno;
    snprintf(c->socket, sizeof(c->socket), "%s/redis.sock", c->dir);
    snprintf(c->url, sizeof(c->url), "unix://%s", c->socket);
    return 0;
}

int child_redis_start(uv_loop_t *loop, const struct child_redis_ops *ops, void *ctx,
                      struct child_redis **ret_child)
{
    struct child_redis *c;
    int r;

    if (!child_find())
        return CHILD_E_ABSENT;
    c = mem_calloc(1, sizeof(*c));
    c->loop = loop;
    c->ops = ops;
    c->ctx = ctx;
    r = child_prepare(c);
    if (r) {
        mem_free(c);
        return r;
    }
    ENSURE(uv_pipe_init(loop, &c->hold, 0) == 0);
    ENSURE(uv_timer_init(loop, &c->timer) == 0);
    c->hold.data = c->timer.data = c->process.data = c;
    c->n_open = 3;
    r = child_spawn(c);
    if (r) {
        rmdir(c->dir);
        child_close_handles(c);
        return r;
    }
    c->until = uv_now(loop) + READY_MS;
    uv_timer_start(&c->timer, child_on_timer, POLL_MS, POLL_MS);
    *ret_child = c;
    return 0;
}

const char *child_redis_url(const struct child_redis *c)
{
    return c->url;
}

int child_redis_port(const struct child_redis *c)
{
    return c->port;
}

const char *child_redis_dir(const struct child_redis *c)
{
    return c->dir;
}

void child_redis_stop(struct child_redis *c, void (*done)(void *ctx), void *ctx)
{
    ENSURE(!c->is_stopping);
    c->is_stopping = true;
    c->done = done;
    c->done_ctx = ctx;
    uv_timer_start(&c->timer, child_on_timer, STOP_MS, STOP_MS);
    uv_close((uv_handle_t *)&c->hold, child_on_closed);
    if (c->is_exited)
        child_close_handles(c);
}
