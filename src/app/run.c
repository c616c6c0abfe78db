/* SPDX-License-Identifier: Apache-2.0 */
/* `engaged run`: the daemon as a service, with its signals. */
#include "adapters/notify.h"
#include "app/daemon.h"
#include "app/load.h"
#include "base/log.h"
#include "conf/conf.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* From the first signal on: more than draining and closing may take together. */
#define LIMIT_MS 28000
/* From the second one on: what closing may take. */
#define HURRY_MS 1000

struct service {
    struct daemon *daemon;
    uv_signal_t term, interrupt, hangup;
    uv_timer_t limit;
    unsigned n_ends;
};

/* As if killed, which the protocol is made for. */
static void on_limit(uv_timer_t *timer)
{
    (void)timer;
    log_error("daemon", "ended without waiting for Kafka and Redis any longer");
    _exit(EXIT_FAILURE);
}

/* The first one drains, the second closes at once, a third does not even wait for that. */
static void on_end(uv_signal_t *handle, int signum)
{
    struct service *s = handle->data;

    (void)signum;
    daemon_stop(s->daemon);
    uv_timer_start(&s->limit, on_limit,
                   s->n_ends == 0   ? LIMIT_MS
                   : s->n_ends == 1 ? HURRY_MS
                                    : 0,
                   0);
    s->n_ends++;
}

static void on_hangup(uv_signal_t *handle, int signum)
{
    struct service *s = handle->data;

    (void)signum;
    (void)daemon_reload(s->daemon);
}

static void catch (uv_loop_t *loop, uv_signal_t *handle, uv_signal_cb fn, int signum,
                   struct service *s)
{
    uv_signal_init(loop, handle);
    handle->data = s;
    uv_signal_start(handle, fn, signum);
    uv_unref((uv_handle_t *)handle); /* signals alone keep nothing running */
}

int run_main(const char *config_path)
{
    struct conf *conf = load_daemon_conf(config_path);
    struct daemon_opts opts = {.conf = conf, .config_path = config_path};
    struct service s = {.daemon = NULL};
    uv_loop_t loop;
    int code;

    if (!conf)
        return EXIT_FAILURE;
    log_setup((enum log_level)conf->log_level, (enum log_format)conf->log_format);
    uv_loop_init(&loop);
    if (daemon_new(&loop, &opts, &s.daemon))
        return EXIT_FAILURE;
    catch (&loop, &s.term, on_end, SIGTERM, &s);
    catch (&loop, &s.interrupt, on_end, SIGINT, &s);
    catch (&loop, &s.hangup, on_hangup, SIGHUP, &s);
    uv_timer_init(&loop, &s.limit);
    uv_unref((uv_handle_t *)&s.limit);
    notify_ready();
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&s.term, NULL);
    uv_close((uv_handle_t *)&s.interrupt, NULL);
    uv_close((uv_handle_t *)&s.hangup, NULL);
    uv_close((uv_handle_t *)&s.limit, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    code = daemon_free(s.daemon);
    uv_loop_close(&loop);
    log_info("daemon", "ended", log_i64("exit_code", code));
    return code;
}
