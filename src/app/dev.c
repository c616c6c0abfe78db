/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The toy house: starts a broker within this process and a Redis beside it, then the daemon as it
 * is, and feeds it at a pace that the broker can keep. Prints each trigger when it is published.
 */
#include "app/dev.h"

#include "adapters/child.h"
#include "adapters/kafka_append.h"
#include "adapters/kafka_mock.h"
#include "app/daemon.h"
#include "app/lines.h"
#include "app/load.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "codec/event_decode.h"
#include "codec/event_encode.h"
#include "conf/conf.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_MAX_BYTES (16 * 1024 * 1024)
#define AHEAD_MAX      2000 /* records in the broker that the daemon has not taken: it keeps little */

struct dev {
    const struct dev_opts *opts;
    uv_loop_t loop;
    struct conf *conf; /* until the daemon has it */
    struct kafka_mock *mock;
    struct child_redis *redis;
    struct daemon *daemon;
    struct kafka_append *append;
    struct lines *lines;
    struct event_decoder *decoder;
    struct presets *presets; /* borrowed from the configuration */
    uv_timer_t feed;
    uv_signal_t term, interrupt;
    int64_t n_fed, n_taken; /* records appended; records applied and their outputs out */
    int64_t lateness_ms, last_event_ms;
    uint64_t n_fired, n_cleared, n_dead_letters;
    char *events_topic, *triggers_topic;
    struct str deployment;
    bool is_fed, is_ending, is_failed;
};

/* ---------------------------------------------------------------- what people see */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static void show_trigger(const struct output *o)
{
    static const char *const colours[] = {"\033[31m", "\033[33m", "\033[36m"};
    json_t *t = json_loadb(o->record.value.ptr, o->record.value.len, 0, NULL);
    const json_t *data = json_object_get(t, "data");
    const char *severity = text_of(data, "severity"), *action = text_of(data, "action");
    bool is_cleared = strcmp(text_of(data, "edge"), "cleared") == 0;
    bool is_colourful = isatty(STDOUT_FILENO);
    int colour = severity[0] == 'c' ? 0 : severity[0] == 'w' ? 1 : 2;

    printf("%s  %s%-8s %-8s%s %-20s %s\n", text_of(t, "time"),
           is_colourful && !is_cleared ? colours[colour] : "", text_of(data, "edge"), severity,
           is_colourful && !is_cleared ? "\033[0m" : "", text_of(data, "rule"),
           text_of(data, "reason"));
    if (action[0] && !is_cleared)
        printf("%*s-> %s: %s\n", 24, "", text_of(data, "route"), action);
    fflush(stdout);
    json_decref(t);
}

static void on_published(void *ctx, const struct output *o)
{
    struct dev *v = ctx;

    if (o->record.kind == OUTBOX_DEAD_LETTER) {
        v->n_dead_letters++;
        return;
    }
    if (memmem(o->record.value.ptr, o->record.value.len, "\"edge\":\"fired\"", 14))
        v->n_fired++;
    else
        v->n_cleared++;
    show_trigger(o);
}

static void say_where(struct dev *v)
{
    printf("\nLooking around (a toy broker: it keeps 5 MiB, forgets committed offsets):\n"
           "  kcat -b %s -t %s -C -o beginning        triggers, as they were published\n"
           "  redis-cli -p %d --scan --pattern '%.*s:*:s:*'    one key per stakeholder\n"
           "  curl -s http://127.0.0.1:%d/metrics\n",
           kafka_mock_bootstrap(v->mock), v->triggers_topic, child_redis_port(v->redis),
           STR_ARG(v->deployment), daemon_http_port(v->daemon));
    if (!v->opts->events)
        printf("  kcat -b %s -t %s -P -X partitioner=murmur2_random -K '|'    publish: ID|EVENT\n",
               kafka_mock_bootstrap(v->mock), v->events_topic);
    printf("Ctrl-C ends it.\n\n");
    fflush(stdout);
}

/* ---------------------------------------------------------------- the end */

static void on_redis_stopped(void *ctx)
{
    struct dev *v = ctx;

    v->redis = NULL;
}

static void on_append_closed(void *ctx)
{
    struct dev *v = ctx;

    v->append = NULL;
}

/* The daemon first; the rest when it has ended (end_rooms). */
static void end(struct dev *v)
{
    if (v->daemon)
        daemon_stop(v->daemon);
    if (v->is_ending)
        return;
    v->is_ending = true;
    uv_timer_stop(&v->feed);
    if (v->append)
        kafka_append_close(v->append, on_append_closed, v);
}

static void fail(struct dev *v, const char *what, const char *why)
{
    fprintf(stderr, "engaged dev: %s: %s\n", what, why);
    v->is_failed = true;
    end(v);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    (void)signum;
    end(handle->data);
}

/* ---------------------------------------------------------------- feeding */

static void on_appended(void *ctx, const char *error, int64_t offset)
{
    struct dev *v = ctx;

    (void)offset;
    if (error && !v->is_ending)
        fail(v, "the broker did not take an event", error);
}

/* The key is the subject, where the line is an event at all. */
static struct str key_of(struct dev *v, struct str line)
{
    struct event_input input = {.value = line, .timestamp_ms = -1, .presets = v->presets};
    struct event_refusal refusal;
    struct event event = {0};
    bool is_event = !event_decode(v->decoder, &input, &event, &refusal);

    if ((is_event || refusal.has_time) && event.time_ms > v->last_event_ms)
        v->last_event_ms = event.time_ms;
    return is_event ? event.subject : STR_NULL;
}

static bool append(struct dev *v, struct str key, struct str value)
{
    const struct kafka_append_record record = {
        .topic = v->events_topic, .partition = 0, .key = key, .value = value};

    if (kafka_append_record(v->append, &record, on_appended, v))
        return false;
    v->n_fed++;
    return true;
}

/* One tick just past the last event, so that what is due by then is decided. */
static void append_last_tick(struct dev *v)
{
    struct buf value = BUF_INIT;

    event_encode_tick(&value, v->deployment, STR("end"), v->last_event_ms + v->lateness_ms + 1);
    (void)append(v, STR_NULL, buf_str(&value));
    buf_deinit(&value);
}

static void finish_feeding(struct dev *v)
{
    append_last_tick(v);
    v->is_fed = true;
    v->lines = lines_close(v->lines);
    uv_timer_stop(&v->feed);
}

static void on_feed(uv_timer_t *timer)
{
    struct dev *v = timer->data;
    struct line line;

    while (v->n_fed - v->n_taken < AHEAD_MAX) {
        int r = lines_next(v->lines, &line);

        if (r == LINES_E_END) {
            finish_feeding(v);
            return;
        }
        if (r < 0) {
            fail(v, v->opts->events, lines_error(v->lines));
            return;
        }
        if (line.text.len && !append(v, key_of(v, line.text), line.text))
            fail(v, v->opts->events, "an event is too large for the broker");
    }
}

static void on_progress(void *ctx, int32_t partition, int64_t offset)
{
    struct dev *v = ctx;

    (void)partition;
    v->n_taken = offset > v->n_taken ? offset : v->n_taken;
    if (!v->is_fed || v->n_taken < v->n_fed || v->is_ending)
        return;
    v->is_fed = false; /* said once */
    printf("\nAll %lld events are through: %llu triggers fired, %llu cleared, %llu dead letters.\n",
           (long long)v->n_fed - 1, (unsigned long long)v->n_fired,
           (unsigned long long)v->n_cleared, (unsigned long long)v->n_dead_letters);
    if (v->opts->is_once)
        end(v);
    else
        say_where(v);
}

/* ---------------------------------------------------------------- the beginning */

static void start_daemon(void *ctx)
{
    struct dev *v = ctx;
    const struct daemon_opts opts = {.conf = v->conf,
                                     .bootstrap = kafka_mock_bootstrap(v->mock),
                                     .redis_url = child_redis_url(v->redis),
                                     .on_published = on_published,
                                     .on_progress = on_progress,
                                     .ctx = v};

    v->conf = NULL;
    if (daemon_new(&v->loop, &opts, &v->daemon)) {
        fail(v, "the daemon", "did not start");
        return;
    }
    if (v->lines)
        uv_timer_start(&v->feed, on_feed, 0, 10);
    else
        say_where(v);
}

static void on_redis_failed(void *ctx, const char *text)
{
    fail(ctx, "redis-server", text);
}

static int start_rooms(struct dev *v)
{
    static const struct child_redis_ops ops = {start_daemon, on_redis_failed};
    struct kafka_property bootstrap = {"bootstrap.servers", NULL};
    struct buf detail = BUF_INIT;
    int r = kafka_mock_start(1, &v->mock);

    if (r)
        return r;
    bootstrap.value = kafka_mock_bootstrap(v->mock);
    r = kafka_mock_topic(v->mock, v->events_topic, 1);
    r = r ? r : kafka_mock_topic(v->mock, v->triggers_topic, 1);
    r = r ? r : kafka_append_new(&v->loop, &bootstrap, 1, &v->append, &detail);
    r = r ? r : child_redis_start(&v->loop, &ops, v, &v->redis);
    if (r == CHILD_E_ABSENT)
        fprintf(stderr,
                "engaged dev: there is no redis-server in PATH; deploy/install brings it\n");
    buf_deinit(&detail);
    return r;
}

static char *copy(struct str s)
{
    return mem_strndup(s.ptr, s.len);
}

static struct conf *load(const char *path)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL;
    int r = path ? conf_load(path, &conf, &faults)
                 : conf_parse(STR("deployment: dev\n"), "dev", &conf, &faults);

    if (r)
        load_print_faults(&faults);
    conf_faults_deinit(&faults);
    return conf;
}

static bool open_events(struct dev *v)
{
    int r = v->opts->events ? lines_open(v->opts->events, LINE_MAX_BYTES, &v->lines) : 0;

    if (r)
        fprintf(stderr, "engaged dev: %s: %s\n", v->opts->events, strerror(-r));
    return r == 0;
}

static void init(struct dev *v)
{
    v->deployment = (struct str){copy(v->conf->deployment), v->conf->deployment.len};
    v->events_topic = copy(v->conf->kafka.events[0]);
    v->triggers_topic = copy(v->conf->kafka.triggers);
    v->lateness_ms = v->conf->lateness_ms;
    v->last_event_ms = INT64_MIN / 2;
    if (v->lines)
        v->conf->ticks = false; /* history: its clock is its own */
    v->decoder = event_decoder_new(NULL);
    v->presets = v->conf->presets;
    log_setup(LOG_LEVEL_WARN, LOG_FORMAT_LOGFMT);
    uv_loop_init(&v->loop);
    uv_timer_init(&v->loop, &v->feed);
    uv_signal_init(&v->loop, &v->term);
    uv_signal_init(&v->loop, &v->interrupt);
    v->feed.data = v->term.data = v->interrupt.data = v;
    uv_signal_start(&v->term, on_signal, SIGTERM);
    uv_signal_start(&v->interrupt, on_signal, SIGINT);
    uv_unref((uv_handle_t *)&v->term);
    uv_unref((uv_handle_t *)&v->interrupt);
}

/* The loop has run dry of the daemon's handles; now the rest. */
static void end_rooms(struct dev *v)
{
    end(v);
    if (v->redis)
        child_redis_stop(v->redis, on_redis_stopped, v);
    uv_close((uv_handle_t *)&v->feed, NULL);
    uv_close((uv_handle_t *)&v->term, NULL);
    uv_close((uv_handle_t *)&v->interrupt, NULL);
    uv_run(&v->loop, UV_RUN_DEFAULT);
    uv_loop_close(&v->loop);
    kafka_mock_stop(v->mock);
    lines_close(v->lines);
    event_decoder_free(v->decoder);
    conf_free(v->conf);
    mem_free(v->events_topic);
    mem_free(v->triggers_topic);
    mem_free((char *)(uintptr_t)v->deployment.ptr);
}

/* Redis' handles keep the loop alive: it is run until the daemon has closed. */
static int run(struct dev *v)
{
    while (!v->is_ending || (v->daemon && !daemon_has_ended(v->daemon)))
        uv_run(&v->loop, UV_RUN_ONCE);
    return v->daemon ? daemon_free(v->daemon) : EXIT_FAILURE;
}

int dev_main(const struct dev_opts *opts)
{
    struct dev v = {.opts = opts, .conf = load(opts->config)};
    int code;

    if (!v.conf)
        return EXIT_FAILURE;
    if (!open_events(&v)) {
        conf_free(v.conf);
        return EXIT_FAILURE;
    }
    init(&v);
    if (start_rooms(&v))
        fail(&v, "starting", "the broker or Redis did not start");
    code = run(&v);
    end_rooms(&v);
    return v.is_failed ? EXIT_FAILURE : code;
}
