/* SPDX-License-Identifier: Apache-2.0 */
/* The trigger that is to be explained: found, read, and the events that it names. */
#include "app/explain_impl.h"

#include "app/lines.h"
#include "base/mem.h"
#include "base/parse.h"
#include "conf/conf.h"

#include <unistd.h>

#define TRIGGER_MAX_BYTES ((size_t)16 * 1024 * 1024)
#define TRIGGER_TYPE      "io.engaged.trigger.v1"

void explain_remark(struct explanation *x, const char *format, ...)
{
    struct buf b = BUF_INIT;
    va_list args;

    va_start(args, format);
    buf_vaddf(&b, format, args);
    va_end(args);
    mem_grow(&x->remarks, &x->cap_remarks, x->n_remarks, sizeof(*x->remarks));
    x->remarks[x->n_remarks++] = b.ptr;
}

const char *explain_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

struct named_event *explain_find(const struct explanation *x, struct str id, struct str source)
{
    for (size_t i = 0; i < x->n_named; i++) {
        if (str_eq(id, str_of(x->named[i].id)) && str_eq(source, str_of(x->named[i].source)))
            return &x->named[i];
    }
    return NULL;
}

/* ---- named events ---- */

static void name_event(struct explanation *x, const json_t *event)
{
    const char *id = explain_text(event, "id"), *source = explain_text(event, "source");

    if (!*id || explain_find(x, str_of(id), str_of(source)))
        return;
    mem_grow(&x->named, &x->cap_named, x->n_named, sizeof(*x->named));
    x->named[x->n_named++] = (struct named_event){.id = id, .source = source};
}

/* What concerns nobody (a flood) has a rule as its cause, no event. */
static void name_events(struct explanation *x, const json_t *data)
{
    const json_t *contributions = json_object_get(data, "contributions"), *contribution, *event;
    size_t i, k;

    if (*x->subject)
        name_event(x, json_object_get(data, "cause"));
    name_event(x, json_object_get(json_object_get(data, "obligation"), "opened_by"));
    json_array_foreach(contributions, i, contribution)
    {
        const json_t *events = json_object_get(contribution, "events");

        json_array_foreach(events, k, event) name_event(x, event);
    }
}

/* ---- reading ---- */

static int understand(struct explanation *x, const char *name, struct buf *error)
{
    const json_t *data = json_object_get(x->told, "data");

    x->id = explain_text(x->told, "id");
    x->subject = explain_text(x->told, "subject");
    x->rule = explain_text(data, "rule");
    x->version = explain_text(data, "rule_version");
    x->edge = explain_text(data, "edge");
    x->cause_id = explain_text(json_object_get(data, "cause"), "id");
    if (strcmp(explain_text(x->told, "type"), TRIGGER_TYPE) != 0 || !*x->id || !*x->rule ||
        !*x->edge || parse_instant(str_of(explain_text(x->told, "time")), &x->time_ms)) {
        buf_addf(error, "%s is no trigger: it takes a CloudEvent of the type " TRIGGER_TYPE, name);
        return -1;
    }
    name_events(x, data);
    return 0;
}

static int read_lines(const char *path, struct lines **ret_lines, struct buf *error)
{
    int r = lines_open(path, TRIGGER_MAX_BYTES, ret_lines);

    if (r)
        buf_addf(error, "cannot read %s: %s", path, strerror(-r));
    return r ? -1 : 0;
}

/* A whole document, over several lines or in one. */
static int load_file(const char *path, struct explanation *x, struct buf *error)
{
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    struct buf text = BUF_INIT;
    struct lines *lines;
    struct line line;
    json_error_t fault;
    int r = read_lines(path, &lines, error);

    if (r)
        return r;
    while (!(r = lines_next(lines, &line)) && text.len < TRIGGER_MAX_BYTES) {
        buf_add_str(&text, line.text);
        buf_add_char(&text, '\n');
    }
    if (r < 0)
        buf_addf(error, "cannot read %s: %s", name, lines_error(lines));
    lines_close(lines);
    if (r >= 0) {
        x->told = json_loadb(text.ptr ? text.ptr : "", text.len, 0, &fault);
        if (!x->told)
            buf_addf(error,
                     "%s is not the JSON of one trigger (line %d: %s); of several, name one by its "
                     "id, and the file by --triggers",
                     name, fault.line, fault.text);
    }
    buf_deinit(&text);
    return x->told ? understand(x, name, error) : -1;
}

json_t *explain_parse(struct str bytes, const char *id)
{
    json_t *trigger = NULL;

    if (bytes.len && memmem(bytes.ptr, bytes.len, id, strlen(id)))
        trigger = json_loadb(bytes.ptr, bytes.len, 0, NULL);
    if (strcmp(explain_text(trigger, "id"), id) == 0)
        return trigger;
    json_decref(trigger);
    return NULL;
}

static int load_id(const char *id, const char *path, struct explanation *x, struct buf *error)
{
    struct lines *lines;
    struct line line;
    int r = read_lines(path, &lines, error);

    if (r)
        return r;
    while (!x->told && !(r = lines_next(lines, &line))) {
        if (!line.is_cut)
            x->told = explain_parse(line.text, id);
    }
    if (r < 0)
        buf_addf(error, "cannot read %s: %s", path, lines_error(lines));
    else if (!x->told)
        buf_addf(error, "there is no trigger %s in %s", id, path);
    lines_close(lines);
    return x->told ? understand(x, id, error) : -1;
}

int explain_load(const struct explain_opts *opts, const struct conf *conf, struct explanation *x,
                 struct buf *error)
{
    bool is_file = strcmp(opts->trigger, "-") == 0 || access(opts->trigger, F_OK) == 0;

    if (opts->triggers)
        return load_id(opts->trigger, opts->triggers, x, error);
    if (!is_file && conf->kafka.is_given)
        return explain_load_kafka(conf, opts->trigger, &x->told, error)
                   ? -1
                   : understand(x, opts->trigger, error);
    return load_file(opts->trigger, x, error);
}

void explain_deinit(struct explanation *x)
{
    for (size_t i = 0; i < x->n_named; i++) {
        mem_free(x->named[i].where);
        mem_free(x->named[i].says);
    }
    for (size_t i = 0; i < x->n_differences; i++) {
        mem_free(x->differences[i].field);
        json_decref(x->differences[i].told);
        json_decref(x->differences[i].recomputed);
    }
    for (size_t i = 0; i < x->n_remarks; i++)
        mem_free(x->remarks[i]);
    mem_free(x->named);
    mem_free(x->differences);
    mem_free(x->remarks);
    json_decref(x->recomputed);
    json_decref(x->told);
    *x = (struct explanation){.told = NULL};
}
