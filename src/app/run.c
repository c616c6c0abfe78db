/* SPDX-License-Identifier: Apache-2.0 */
/* `engaged run`: the daemon as a service, with its signals. */
#include "adapters/notify.h"
#include "app/daemon.h"
#include "base/log.h"
#include "conf/conf.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct service {
    struct daemon *daemon;
    uv_signal_t term, interrupt, hangup;
};

static void on_end(uv_signal_t *handle, int signum)
{
    struct service *s = handle->data;

    (void)signum;
    daemon_stop(s->daemon);
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

static void print_faults(const struct conf_faults *faults)
{
    for (size_t i = 0; i < faults->n; i++) {
        struct buf line = BUF_INIT;

        conf_fault_format(&faults->items[i], &line);
        fprintf(stderr, "%s\n", line.ptr);
        buf_deinit(&line);
    }
}

static struct conf *load(const char *path)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL;

    if (conf_load(path, &conf, &faults) || conf_require_daemon(conf, &faults)) {
        print_faults(&faults);
        conf = conf_free(conf);
    }
    conf_faults_deinit(&faults);
    return conf;
}

int run_main(const char *config_path)
{
    struct conf *conf = load(config_path);
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
    notify_ready();
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&s.term, NULL);
    uv_close((uv_handle_t *)&s.interrupt, NULL);
    uv_close((uv_handle_t *)&s.hangup, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    code = daemon_free(s.daemon);
    uv_loop_close(&loop);
    log_info("daemon", "ended", log_i64("exit_code", code));
    return code;
}
