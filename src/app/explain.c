/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole history is read again, of everybody: what others did moves the clock, and may answer a
 * conversation or make a flood. It ends with the trigger, or, where there is none of that id, at
 * the end of the log; the nearest is then what it is compared with.
 */
#include "app/explain_impl.h"

#include "app/history.h"
#include "app/load.h"
#include "base/mem.h"
#include "codec/trigger_json.h"
#include "conf/conf.h"

#include <stdio.h>
#include <stdlib.h>

struct run {
    struct explanation x;
    struct history *history;
    int nearness; /* of what is in x.recomputed; 0: nothing */
};

__attribute__((format(printf, 1, 2))) static int fail(const char *format, ...)
{
    va_list args;

    fputs("engaged explain: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return EXIT_FAILURE;
}

/* ---- looking on ---- */

static void on_event(void *ctx, const struct event *event, const char *where, uint64_t line)
{
    struct run *run = ctx;
    struct named_event *named = explain_find(&run->x, event->id, event->source);
    struct buf says = BUF_INIT;

    if (!named || named->is_found)
        return;
    explain_event(event, &says);
    named->is_found = true;
    named->time_ms = event->time_ms;
    named->where = mem_strndup(where, strlen(where));
    named->line = line;
    named->says = says.ptr;
}

enum { NEAR_RULE = 1, NEAR_CAUSE, NEAR_TIME, NEAR_SAME };

static int nearness(const struct explanation *x, const struct trigger *t)
{
    if (str_eq(str_of(t->id), str_of(x->id)))
        return NEAR_SAME;
    if (!str_eq(t->rule, str_of(x->rule)) || !str_eq(t->stakeholder, str_of(x->subject)) ||
        strcmp(t->edge == EDGE_FIRED ? "fired" : "cleared", x->edge) != 0)
        return 0;
    if (t->time_ms == x->time_ms)
        return NEAR_TIME;
    return str_eq(t->cause.id, str_of(x->cause_id)) ? NEAR_CAUSE : NEAR_RULE;
}

static void on_trigger(void *ctx, const struct trigger *t)
{
    struct run *run = ctx;
    struct explanation *x = &run->x;
    int near = nearness(x, t);
    struct buf text = BUF_INIT;

    if (near <= run->nearness)
        return;
    run->nearness = near;
    trigger_json_write(&text, t);
    json_decref(x->recomputed);
    x->recomputed = json_loadb(text.ptr, text.len, 0, NULL);
    x->is_other = near != NEAR_SAME;
    buf_deinit(&text);
    if (near == NEAR_SAME)
        history_stop(run->history);
}

/* ---- what came of it ---- */

static const char *version_of(const struct model *model, const char *rule)
{
    for (size_t i = 0; i < model_n_rules(model); i++) {
        if (str_eq(model_rule_name(model, i), str_of(rule)))
            return model_rule_version(model, i).ptr;
    }
    return NULL;
}

/* True: that is why there is no such trigger. */
static bool is_other_version(struct run *run)
{
    struct explanation *x = &run->x;
    const char *version = version_of(history_model(run->history), x->rule);

    if (!version)
        explain_remark(x, "the configuration has no rule %s", x->rule);
    else if (strcmp(version, x->version) != 0)
        explain_remark(x,
                       "the trigger is of version %s of the rule %s, the configuration's is %s: it "
                       "is recomputed by another rule",
                       x->version, x->rule, version);
    else
        return false;
    return true;
}

static void judge(struct run *run)
{
    struct explanation *x = &run->x;

    for (size_t i = 0; i < x->n_named; i++) {
        if (!x->named[i].is_found)
            explain_remark(x, "the event %s of %s is not in the log any more", x->named[i].id,
                           x->named[i].source);
    }
    if ((!x->recomputed || x->is_other) && !is_other_version(run) && !x->recomputed)
        explain_remark(x, "the history gives no trigger of the rule %s, %s, for %s", x->rule,
                       x->edge, *x->subject ? x->subject : "anybody");
    else if (x->is_other)
        explain_remark(x, "the history gives no trigger of this id; the nearest is of %s",
                       explain_text(x->recomputed, "time"));
    if (x->recomputed)
        explain_compare(x);
    if (!explain_is_same(x) && x->begin_offset > 0)
        explain_remark(x,
                       "the log begins at the offset %lld: what was before is not in it any more",
                       (long long)x->begin_offset);
}

static int show(const struct run *run, bool is_json)
{
    struct buf text = BUF_INIT;
    int r = 0;

    if (is_json) {
        json_t *json = explain_json(&run->x);

        r = json_dumpf(json, stdout, JSON_COMPACT | JSON_REAL_PRECISION(17)) || puts("") < 0;
        json_decref(json);
    } else {
        explain_print(&run->x, &text);
        r = fwrite(text.ptr, 1, text.len, stdout) != text.len;
    }
    buf_deinit(&text);
    return r || fflush(stdout) ? fail("cannot write to standard output") : 0;
}

/* ---- the run ---- */

static int replay(struct run *run, const struct explain_opts *opts, const struct conf *conf,
                  struct buf *error)
{
    struct history_opts history_opts = {
        .conf = conf, .on_event = on_event, .on_trigger = on_trigger, .ctx = run};
    const char *topic = "";

    run->x.is_from_kafka = opts->n_files == 0;
    if (run->x.is_from_kafka && !explain_place(&run->x, &topic, &history_opts.partition))
        history_opts.topic = str_of(topic);
    run->history = history_new(&history_opts);
    for (size_t i = 0; i < opts->n_files && !history_is_over(run->history); i++) {
        if (history_read(run->history, opts->files[i], error))
            return -1;
    }
    if (run->x.is_from_kafka && explain_read_kafka(conf, &run->x, run->history, error))
        return -1;
    if (!history_is_over(run->history))
        history_finish(run->history, run->x.time_ms);
    return 0;
}

int explain_main(const struct explain_opts *opts)
{
    struct run run = {.x = {.begin_offset = -1}};
    struct buf error = BUF_INIT;
    struct conf *conf = load_conf(opts->config);
    int r = conf ? 0 : EXIT_FAILURE;

    if (!r && !opts->n_files && !conf->kafka.is_given)
        r = fail("name the files of the events, or a configuration with a kafka section");
    if (!r && (explain_load(opts, conf, &run.x, &error) || replay(&run, opts, conf, &error)))
        r = fail("%s", error.ptr);
    if (!r) {
        judge(&run);
        r = show(&run, opts->is_json);
    }
    if (!r && !explain_is_same(&run.x))
        r = EXIT_FAILURE;
    history_free(run.history);
    explain_deinit(&run.x);
    conf_free(conf);
    buf_deinit(&error);
    return r;
}
