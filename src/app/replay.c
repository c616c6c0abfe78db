/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events from files through one engine, triggers to standard output; or through two, and how they
 * differ. The place of a record is its
 * number over all files, so nothing but the input and the configuration decides what comes out. A
 * line that is no event goes to the dead letters and never stops the run; a file that cannot be
 * read, or output that cannot be written, does.
 */
#include "app/app.h"

#include "app/compare.h"
#include "app/lines.h"
#include "app/load.h"
#include "app/writer.h"
#include "base/mem.h"
#include "base/parse.h"
#include "codec/event_decode.h"
#include "codec/json_write.h"
#include "codec/state_json.h"
#include "codec/trigger_json.h"
#include "conf/conf.h"
#include "engaged/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_EVERY  1024 /* records between looks at the wall clock */
#define DIFFERENCES_MAX 200  /* that people are shown */

struct replay {
    const struct replay_opts *opts;
    struct conf **confs; /* the file's, then those of control records: models outlive the engine */
    size_t n_confs, confs_cap;
    struct conf *old_conf; /* to compare with; NULL: nothing is compared */
    struct event_decoder *decoder;
    struct engine *engine;
    struct engine *old_engine; /* NULL likewise, as is `compare` */
    struct compare *compare;
    struct writer triggers, dead_letters;
    int64_t until_ms; /* INT64_MAX: no limit */
    int64_t last_ms;  /* highest event time seen; INT64_MIN: none */
    uint64_t n_records, n_refused, n_behind_until, n_triggers, n_configurations;
    struct {
        bool is_shown; /* a person looks on */
        int64_t start_ns, shown_ns;
        uint64_t shown_records;
    } progress;
};

__attribute__((format(printf, 1, 2))) static int fail(const char *format, ...)
{
    struct buf b = BUF_INIT;
    va_list args;

    va_start(args, format);
    buf_vaddf(&b, format, args);
    va_end(args);
    fprintf(stderr, "engaged replay: %s\n", b.ptr);
    buf_deinit(&b);
    return EXIT_FAILURE;
}

/* ---- progress ---- */

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void show_progress(struct replay *p)
{
    int64_t now;

    if (!p->progress.is_shown || p->n_records % PROGRESS_EVERY)
        return;
    now = now_ns();
    if (now - p->progress.shown_ns < 1000000000LL)
        return;
    fprintf(stderr, "\r\033[K%" PRIu64 " events, %.0f/s, %" PRIu64 " triggers", p->n_records,
            (double)(p->n_records - p->progress.shown_records) * 1e9 /
                (double)(now - p->progress.shown_ns),
            p->n_triggers);
    p->progress.shown_ns = now;
    p->progress.shown_records = p->n_records;
}

static void show_summary(const struct replay *p)
{
    double seconds = (double)(now_ns() - p->progress.start_ns) / 1e9;

    if (p->progress.is_shown)
        fprintf(stderr, "\r\033[K%" PRIu64 " events in %.1f s (%.0f/s), %" PRIu64 " triggers\n",
                p->n_records, seconds, (double)p->n_records / (seconds > 0 ? seconds : 1),
                p->n_triggers);
    if (p->n_behind_until && p->progress.is_shown)
        fprintf(stderr, "%" PRIu64 " events later than --until were passed over\n",
                p->n_behind_until);
    if (p->n_configurations)
        fprintf(stderr,
                "engaged replay: %" PRIu64 " configuration records were passed over: what is "
                "compared are the two files\n",
                p->n_configurations);
    if (p->n_refused)
        fprintf(stderr, "engaged replay: %" PRIu64 " of %" PRIu64 " lines are no valid events%s\n",
                p->n_refused, p->n_records,
                p->opts->dead_letters ? "" : "; --dead-letters FILE says which and why");
}

/* ---- out ---- */

static void on_trigger(void *ctx, const struct trigger *trigger)
{
    struct replay *p = ctx;

    trigger_json_write(&p->triggers.buf, trigger);
    buf_add_char(&p->triggers.buf, '\n');
    p->n_triggers++;
    writer_spill(&p->triggers);
}

static void on_new_trigger(void *ctx, const struct trigger *trigger)
{
    struct replay *p = ctx;

    p->n_triggers++;
    compare_add(p->compare, COMPARE_NEW, trigger);
}

static void on_old_trigger(void *ctx, const struct trigger *trigger)
{
    struct replay *p = ctx;

    compare_add(p->compare, COMPARE_OLD, trigger);
}

/* A line that was cut may end within a character. */
static struct str whole_characters(struct str text)
{
    struct str s = text;

    while (s.len && text.len - s.len < 3 && !str_is_utf8(s))
        s.len--;
    return str_is_utf8(s) ? s : text;
}

static void add_dead_letter(struct replay *p, const char *file, const struct line *line,
                            const struct event_refusal *refusal)
{
    struct str text = line->is_cut ? whole_characters(line->text) : line->text;
    struct buf *b = &p->dead_letters.buf;

    p->n_refused++;
    if (p->dead_letters.fd < 0)
        return;
    json_write_open(b, NULL);
    json_write_bytes(b, "file", str_of(file));
    json_write_i64(b, "line", (int64_t)line->number);
    json_write_text(b, "code", str_of(refusal->code));
    json_write_text(b, "message", str_of(refusal->text));
    json_write_bytes(b, "value", text);
    if (line->is_cut)
        json_write_i64(b, "value_bytes", (int64_t)line->n_bytes);
    json_write_close(b);
    buf_add_char(b, '\n');
    writer_spill(&p->dead_letters);
}

static void on_view(void *ctx, const struct stakeholder_view *view)
{
    struct writer *o = ctx;

    state_json_write(&o->buf, view);
    buf_add_char(&o->buf, '\n');
    writer_spill(o);
}

static int check_written(const char *what, int error)
{
    return error ? fail("cannot write to %s: %s", what, strerror(-error)) : 0;
}

static int write_state(struct replay *p)
{
    struct writer o = WRITER_INIT;
    int r = writer_open(&o, p->opts->state);

    if (r)
        return check_written(p->opts->state, r);
    engine_each(p->engine, on_view, &o);
    return check_written(p->opts->state, writer_close(&o));
}

/* ---- in ---- */

/* The rules that a control record brings, from here on. */
static int reconfigure(struct replay *p, const struct event *event, struct event_refusal *refusal)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL;
    int r;

    if (p->compare) {
        p->n_configurations++;
        return 0;
    }
    if (str_eq(event->text, p->confs[p->n_confs - 1]->text))
        return 0; /* a repeat, as to the daemon: what may be retracted stays so */
    r = conf_parse(event->text, "configuration record", &conf, &faults);

    if (!r) {
        mem_grow(&p->confs, &p->confs_cap, p->n_confs, sizeof(struct conf *));
        p->confs[p->n_confs++] = conf;
        engine_reconfigure(p->engine, conf->model);
    } else if (r == CONF_E_FAULTS) {
        refusal_set(refusal, REFUSAL_STAGE_APPLY, "data.text.invalid",
                    "The configuration has %zu faults; the first, in line %d: %s.", faults.n,
                    faults.items[0].line, faults.items[0].text);
        r = EVENT_E_REFUSED;
    }
    conf_faults_deinit(&faults);
    return r;
}

static void saw_time(struct replay *p, int64_t time_ms)
{
    if (time_ms > p->last_ms)
        p->last_ms = time_ms;
}

static void tick(struct replay *p, const struct event *event)
{
    engine_tick(p->engine, event->time_ms, event->offset);
    if (p->old_engine)
        engine_tick(p->old_engine, event->time_ms, event->offset);
}

static int apply_to(struct engine *engine, const struct event *event)
{
    int r = engine_apply(engine, event);

    ENSURE(r != ENGINE_E_ABSENT); /* nobody's state is elsewhere */
    return r < 0 ? r : 0;
}

static int apply(struct replay *p, const struct event *event, struct event_refusal *refusal)
{
    int r;

    if (event->time_ms > p->until_ms) {
        p->n_behind_until++;
        return 0;
    }
    if (event->type != EVENT_CONFIGURATION)
        saw_time(p, event->time_ms);
    if (event->type == EVENT_TICK) {
        tick(p, event);
        return 0;
    }
    r = apply_to(p->engine, event);
    if (!r && p->old_engine)
        r = apply_to(p->old_engine, event);
    if (r || event->type != EVENT_CONFIGURATION)
        return r;
    return reconfigure(p, event, refusal);
}

/* It is no event of anybody, but that it happened says that time has passed. */
static void pass_time(struct replay *p, const struct event *event)
{
    if (event->time_ms > p->until_ms)
        return;
    saw_time(p, event->time_ms);
    tick(p, event);
}

static int take_line(struct replay *p, const char *file, const struct line *line)
{
    struct event_input input = {.value = line->text,
                                .timestamp_ms = -1,
                                .offset = (int64_t)p->n_records++,
                                .presets = p->confs[p->n_confs - 1]->presets};
    struct event_refusal refusal = {.has_time = false};
    struct event event;
    int r;

    if (line->is_cut) {
        refusal_set(&refusal, REFUSAL_STAGE_VALUE, "json.too_large",
                    "The value has %" PRIu64 " bytes; send at most %" PRId64 ".", line->n_bytes,
                    p->confs[0]->event_max_bytes);
        r = EVENT_E_REFUSED;
    } else {
        r = event_decode(p->decoder, &input, &event, &refusal);
        if (!r)
            r = apply(p, &event, &refusal);
    }
    if (r == EVENT_E_REFUSED) {
        if (refusal.has_time)
            pass_time(p, &event);
        add_dead_letter(p, file, line, &refusal);
        r = 0;
    }
    return r;
}

static bool is_blank(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!strchr(" \t\r", s.ptr[i]) || !s.ptr[i])
            return false;
    }
    return true;
}

static int read_file(struct replay *p, const char *path)
{
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    struct lines *lines;
    struct line line;
    int r = lines_open(path, (size_t)p->confs[0]->event_max_bytes, &lines);

    if (r)
        return fail("cannot read %s: %s", name, strerror(-r));
    while (!(r = lines_next(lines, &line))) {
        if (is_blank(line.text) && !line.is_cut)
            continue;
        r = take_line(p, name, &line);
        if (r) {
            r = fail("%s, line %" PRIu64 ": %s", name, line.number, strerror(-r));
            break;
        }
        if (p->triggers.error || p->dead_letters.error)
            break; /* said when they are closed */
        show_progress(p);
    }
    if (r < 0)
        r = fail("cannot read %s: %s", name, lines_error(lines));
    else if (r == LINES_E_END)
        r = 0;
    lines_close(lines);
    return r;
}

static int read_all(struct replay *p)
{
    for (size_t i = 0; i < p->opts->n_files; i++) {
        int r = read_file(p, p->opts->files[i]);

        if (r || p->triggers.error || p->dead_letters.error)
            return EXIT_FAILURE;
    }
    return 0;
}

/* ---- the run ---- */

static int load_confs(struct replay *p)
{
    struct conf *conf = load_conf(p->opts->config);

    if (conf) {
        mem_grow(&p->confs, &p->confs_cap, p->n_confs, sizeof(struct conf *));
        p->confs[p->n_confs++] = conf;
    }
    if (p->opts->compare) /* faults of both */
        p->old_conf = load_conf(p->opts->compare);
    return conf && (p->old_conf || !p->opts->compare) ? 0 : EXIT_FAILURE;
}

static struct engine *start_engine(struct replay *p, const struct conf *conf, engine_trigger_fn fn)
{
    const struct engine_opts opts = {.is_complete = true, .on_trigger = fn, .ctx = p};

    return engine_new(conf->model, &opts);
}

static void start_engines(struct replay *p)
{
    p->engine = start_engine(p, p->confs[0], p->old_conf ? on_new_trigger : on_trigger);
    if (!p->old_conf)
        return;
    p->old_engine = start_engine(p, p->old_conf, on_old_trigger);
    p->compare = compare_new();
}

static int start(struct replay *p)
{
    struct event_limits limits = {.is_reference = false};
    int r = load_confs(p);

    if (r)
        return r;
    if (p->opts->dead_letters) {
        r = writer_open(&p->dead_letters, p->opts->dead_letters);
        if (r)
            return check_written(p->opts->dead_letters, r);
    }
    writer_stdout(&p->triggers);
    limits.value_bytes = (size_t)p->confs[0]->event_max_bytes;
    limits.depth = (size_t)p->confs[0]->event_max_depth;
    p->decoder = event_decoder_new(&limits);
    start_engines(p);
    p->progress.is_shown = isatty(STDERR_FILENO);
    p->progress.start_ns = p->progress.shown_ns = now_ns();
    return 0;
}

static void finish(struct replay *p)
{
    int64_t end_ms = p->until_ms != INT64_MAX ? p->until_ms : p->last_ms;

    if (end_ms == INT64_MIN)
        return; /* there was nothing */
    engine_finish(p->engine, end_ms);
    if (p->old_engine)
        engine_finish(p->old_engine, end_ms);
}

static void write_comparison(struct replay *p)
{
    compare_finish(p->compare);
    if (p->opts->is_json)
        compare_report_json(p->compare, &p->triggers.buf);
    else
        compare_report(p->compare, &p->triggers.buf, DIFFERENCES_MAX);
}

static int run(struct replay *p)
{
    int r = read_all(p);

    if (r)
        return r;
    finish(p);
    if (p->compare)
        write_comparison(p);
    if (p->opts->state)
        r = write_state(p);
    return r;
}

static int stop(struct replay *p, int r)
{
    if (check_written("standard output", writer_close(&p->triggers)) ||
        check_written(p->opts->dead_letters, writer_close(&p->dead_letters)))
        r = EXIT_FAILURE;
    if (!r)
        show_summary(p);
    p->engine = engine_free(p->engine);
    p->old_engine = engine_free(p->old_engine);
    p->compare = compare_free(p->compare);
    p->old_conf = conf_free(p->old_conf);
    p->decoder = event_decoder_free(p->decoder);
    for (size_t i = 0; i < p->n_confs; i++)
        conf_free(p->confs[i]);
    p->confs = mem_free(p->confs);
    return r;
}

int replay_main(const struct replay_opts *opts)
{
    struct replay p = {.opts = opts,
                       .triggers = WRITER_INIT,
                       .dead_letters = WRITER_INIT,
                       .until_ms = INT64_MAX,
                       .last_ms = INT64_MIN};
    int r;

    if (opts->until && parse_instant(str_of(opts->until), &p.until_ms)) {
        fail("--until takes an instant in RFC 3339, as in 2026-05-01T08:00:00Z");
        return APP_EXIT_USAGE;
    }
    r = start(&p);
    if (!r)
        r = run(&p);
    return stop(&p, r);
}
