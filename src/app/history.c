/* SPDX-License-Identifier: Apache-2.0 */
/* Records in the order of the log; the place of a record from files is its number over all. */
#include "app/history.h"

#include "app/lines.h"
#include "base/mem.h"
#include "conf/conf.h"

#include <inttypes.h>

struct history {
    struct history_opts opts;
    struct event_decoder *decoder;
    struct engine *engine;
    struct conf **confs; /* of control records: models outlive the engine */
    size_t n_confs, confs_cap;
    uint64_t n_records;
    int64_t last_ms;         /* highest event time seen */
    const struct conf *conf; /* in force */
    bool is_over;
};

struct history *history_new(const struct history_opts *opts)
{
    struct history *h = mem_calloc(1, sizeof(*h));
    const struct event_limits limits = {.value_bytes = (size_t)opts->conf->event_max_bytes,
                                        .depth = (size_t)opts->conf->event_max_depth};
    const struct engine_opts engine_opts = {.topic = opts->topic,
                                            .partition = opts->partition,
                                            .is_complete = true,
                                            .on_trigger = opts->on_trigger,
                                            .ctx = opts->ctx};

    h->opts = *opts;
    h->conf = opts->conf;
    h->last_ms = INT64_MIN;
    h->decoder = event_decoder_new(&limits);
    h->engine = engine_new(opts->conf->model, &engine_opts);
    return h;
}

struct history *history_free(struct history *h)
{
    if (!h)
        return NULL;
    engine_free(h->engine);
    event_decoder_free(h->decoder);
    for (size_t i = 0; i < h->n_confs; i++)
        conf_free(h->confs[i]);
    mem_free(h->confs);
    return mem_free(h);
}

void history_stop(struct history *h)
{
    h->is_over = true;
}

bool history_is_over(const struct history *h)
{
    return h->is_over;
}

const struct model *history_model(const struct history *h)
{
    return engine_model(h->engine);
}

/* A control record with faults changed nothing then, either. */
static void reconfigure(struct history *h, const struct event *event)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL;

    if (str_eq(event->text, h->conf->text))
        return; /* a repeat */
    if (!conf_parse(event->text, "configuration record", &conf, &faults)) {
        mem_grow(&h->confs, &h->confs_cap, h->n_confs, sizeof(struct conf *));
        h->confs[h->n_confs++] = conf;
        h->conf = conf;
        engine_reconfigure(h->engine, conf->model);
    }
    conf_faults_deinit(&faults);
}

static int apply(struct history *h, const struct event *event)
{
    int r;

    if (event->type == EVENT_TICK) {
        engine_tick(h->engine, event->time_ms, event->offset);
        return 0;
    }
    r = engine_apply(h->engine, event);
    if (r < 0)
        return r;
    if (event->type == EVENT_CONFIGURATION && !h->is_over)
        reconfigure(h, event);
    return 0;
}

/* Beyond that the daemon does not believe a time. Lines of files have no timestamp. */
static bool is_too_far(const struct history *h, const struct event_input *input, int64_t time_ms)
{
    return input->timestamp_ms > 0 && time_ms > input->timestamp_ms + h->conf->future_limit_ms;
}

int history_take(struct history *h, const struct event_input *input, const char *where,
                 uint64_t line)
{
    struct event_refusal refusal = {.has_time = false};
    struct event_input mapped = *input;
    struct event event;
    int r;

    mapped.presets = h->conf->presets;
    r = event_decode(h->decoder, &mapped, &event, &refusal);

    if (r == EVENT_E_REFUSED && !refusal.has_time)
        return 0;
    if (r < 0)
        return r;
    if (is_too_far(h, input, event.time_ms))
        return 0;
    if (event.time_ms > h->last_ms)
        h->last_ms = event.time_ms;
    if (r == EVENT_E_REFUSED) { /* of nobody, but time has passed */
        engine_tick(h->engine, event.time_ms, event.offset);
        return 0;
    }
    h->opts.on_event(h->opts.ctx, &event, where, line);
    return apply(h, &event);
}

static bool is_blank(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!s.ptr[i] || !strchr(" \t\r", s.ptr[i]))
            return false;
    }
    return true;
}

static int take_line(struct history *h, const char *name, const struct line *line)
{
    struct event_input input = {.value = line->text, .timestamp_ms = -1};

    if (is_blank(line->text) && !line->is_cut)
        return 0;
    input.offset = (int64_t)h->n_records++;
    return line->is_cut ? 0 : history_take(h, &input, name, line->number);
}

int history_read(struct history *h, const char *path, struct buf *error)
{
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    struct lines *lines;
    struct line line;
    int r = lines_open(path, (size_t)h->opts.conf->event_max_bytes, &lines), taken = 0;

    if (r) {
        buf_addf(error, "cannot read %s: %s", name, strerror(-r));
        return -1;
    }
    while (!h->is_over && !taken && !(r = lines_next(lines, &line)))
        taken = take_line(h, name, &line);
    if (taken)
        buf_addf(error, "%s, line %" PRIu64 ": %s", name, line.number, strerror(-taken));
    else if (r < 0)
        buf_addf(error, "cannot read %s: %s", name, lines_error(lines));
    lines_close(lines);
    return taken || r < 0 ? -1 : 0;
}

void history_finish(struct history *h, int64_t until_ms)
{
    if (h->last_ms == INT64_MIN)
        return; /* there was nothing */
    engine_finish(h->engine, until_ms > h->last_ms ? until_ms : h->last_ms);
}
