/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runner FILE...: plays scenarios through the engine. A scenario is a text:
 *
 *     config:                  the configuration (YAML, indented; as engaged.yaml has it), first
 *     at TIME in|out|peer SUBJECT ID [KEY=VALUE...]     an interaction. Keys: verb, channel,
 *                              conversation, in_reply_to, org, kind, account, sequence, source,
 *                              sentiment, weight, value, expects_reply, automatic, resolves
 *     again ID                 the interaction of that id comes once more
 *     merge TIME SUBJECT INTO  SUBJECT is INTO from here on
 *     retract TIME SUBJECT ID  the event of that id never was
 *     erase TIME SUBJECT       SUBJECT is to be forgotten
 *     outcome SUBJECT ID STATUS RULE     of the latest trigger of that rule; at the time before
 *     heartbeat TIME SOURCE    the source is alive
 *     tick TIME                time passes, nothing else
 *     end TIME                 nothing more comes: all up to and at TIME is decided
 *     restart                  the state is packed; another engine goes on with it
 *     reload:                  another configuration from here on (indented, as above)
 *     expect fired|cleared RULE SUBJECT|- at TIME cause ID
 *     expect reason TEXT       of the trigger that was expected last; part of the sentence
 *     expect severity TEXT     of the trigger that was expected last
 *     expect nothing           no trigger has come that was not expected
 *     expect metric SUBJECT NAME VALUE|nothing          as of the clock; to 9 digits
 *     expect owed SUBJECT N    open obligations of either side
 *     expect stage SUBJECT NAME|nothing
 *     expect held SUBJECT RULE OBSTACLE|nothing         a trigger that is held back
 *     expect gone SUBJECT      nothing is known of it
 *
 * TIME is an instant (RFC 3339), or +DURATION after the latest TIME of a step before. A line that
 * begins with # is a comment. Each trigger must be expected before the next step, in the order in
 * which they come. The first failure ends a file, and is printed as file:line.
 */
#include "base/mem.h"
#include "base/parse.h"
#include "conf/conf.h"
#include "engaged/engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define WORDS_MAX 32

struct seen {
    char *text; /* owned, all; "fired RULE SUBJECT at INSTANT cause ID" */
    char *reason, *rule, *severity;
    char id[DIGEST_HEX + 1];
};

struct kept {
    char *id; /* owned, both */
    struct buf packed;
};

struct said {
    char *line; /* owned; the event's texts are views into it */
    struct event event;
};

struct scenario {
    const char *path;
    unsigned line;
    struct conf **confs; /* owned; models outlive the engine */
    size_t n_confs, cap_confs;
    struct engine *engine;
    struct seen *seen;
    size_t n_seen, cap_seen, n_expected;
    struct kept *kept;
    size_t n_kept, cap_kept;
    struct said *said;
    size_t n_said, cap_said;
    int64_t time_ms; /* of the latest step */
    int64_t offset;
    bool has_failed;
};

__attribute__((format(printf, 2, 3))) static void fail(struct scenario *s, const char *format, ...)
{
    va_list args;

    if (s->has_failed)
        return;
    s->has_failed = true;
    fprintf(stderr, "%s:%u: ", s->path, s->line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* ---------------------------------------------------------------- the engine */

static void on_trigger(void *ctx, const struct trigger *t)
{
    struct scenario *s = ctx;
    struct buf text = BUF_INIT;

    buf_addf(&text, "%s %.*s %.*s at ", t->edge == EDGE_FIRED ? "fired" : "cleared",
             STR_ARG(t->rule), STR_ARG(t->stakeholder.len ? t->stakeholder : STR("-")));
    format_instant(&text, t->time_ms);
    buf_addf(&text, " cause %.*s", STR_ARG(t->cause.id));
    mem_grow(&s->seen, &s->cap_seen, s->n_seen, sizeof(*s->seen));
    s->seen[s->n_seen] = (struct seen){.text = text.ptr,
                                       .reason = mem_strndup(t->reason.ptr, t->reason.len),
                                       .rule = mem_strndup(t->rule.ptr, t->rule.len),
                                       .severity = mem_strndup(t->severity.ptr, t->severity.len)};
    memcpy(s->seen[s->n_seen++].id, t->id, sizeof(t->id));
}

static struct engine *new_engine(struct scenario *s, bool is_complete)
{
    const struct engine_opts opts = {
        .is_complete = is_complete, .on_trigger = on_trigger, .ctx = s};

    return engine_new(s->confs[s->n_confs - 1]->model, &opts);
}

static void configure(struct scenario *s, struct str yaml)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL;
    int r = conf_parse(yaml, "configuration", &conf, &faults);

    for (size_t i = 0; i < faults.n; i++)
        fprintf(stderr, "%s: line %d of the configuration above line %u: %s\n", s->path,
                faults.items[i].line, s->line, faults.items[i].text);
    conf_faults_deinit(&faults);
    if (r) {
        fail(s, "the configuration has faults");
        return;
    }
    mem_grow(&s->confs, &s->cap_confs, s->n_confs, sizeof(struct conf *));
    s->confs[s->n_confs++] = conf;
    if (s->engine)
        engine_reconfigure(s->engine, conf->model);
    else
        s->engine = new_engine(s, true);
}

static struct kept *find_kept(struct scenario *s, struct str id)
{
    for (size_t i = 0; i < s->n_kept; i++) {
        if (str_eq(str_of(s->kept[i].id), id))
            return &s->kept[i];
    }
    mem_grow(&s->kept, &s->cap_kept, s->n_kept, sizeof(*s->kept));
    s->kept[s->n_kept] = (struct kept){.id = mem_strndup(id.ptr, id.len)};
    return &s->kept[s->n_kept++];
}

static void restart(struct scenario *s)
{
    int64_t clock_ms = engine_clock_ms(s->engine);
    struct checkpoint_entry entry;
    struct buf life = BUF_INIT;

    engine_life_pack(s->engine, &life);

    (void)engine_cut(s->engine, s->offset - 1);
    while (engine_cut_next(s->engine, &entry)) {
        struct kept *kept = find_kept(s, entry.id);

        buf_reset(&kept->packed);
        buf_add_str(&kept->packed, entry.packed);
    }
    engine_cut_done(s->engine);
    engine_free(s->engine);
    s->engine = new_engine(s, false);
    engine_set_clock(s->engine, clock_ms);
    if (engine_life_restore(s->engine, buf_str(&life)))
        fail(s, "the sources cannot be restored");
    buf_deinit(&life);
    for (size_t i = 0; i < s->n_kept; i++) {
        if (s->kept[i].packed.len &&
            engine_restore(s->engine, str_of(s->kept[i].id), buf_str(&s->kept[i].packed)))
            fail(s, "%s cannot be restored", s->kept[i].id);
    }
}

static void apply(struct scenario *s, struct event *event)
{
    int r;

    event->offset = s->offset++;
    while ((r = engine_apply(s->engine, event)) ==
           ENGINE_E_ABSENT) /* after a restart, somebody new */
        if (engine_restore(s->engine, engine_absent_id(s->engine), STR_NULL))
            fail(s, "the event's stakeholder cannot be made");
    if (r && r != ENGINE_E_DUPLICATE)
        fail(s, "the event was not taken: %d", r);
}

/* ---------------------------------------------------------------- steps */

static void take_time(struct scenario *s, const char *text, int64_t *ret_ms)
{
    int64_t ms = s->time_ms;
    int r =
        text[0] == '+' ? parse_duration(str_of(text + 1), &ms) : parse_instant(str_of(text), &ms);

    if (r)
        fail(s, "'%s' is no time: write 2026-01-05T09:00:00Z, or +90m", text);
    *ret_ms = text[0] == '+' ? s->time_ms + ms : ms;
}

static void step_time(struct scenario *s, const char *text)
{
    int64_t ms;

    take_time(s, text, &ms);
    s->time_ms = ms;
}

static const struct {
    const char *name;
    size_t at;
} text_keys[] = {
    {"verb", offsetof(struct event, verb)},
    {"channel", offsetof(struct event, channel)},
    {"conversation", offsetof(struct event, conversation)},
    {"in_reply_to", offsetof(struct event, in_reply_to)},
    {"org", offsetof(struct event, org)},
    {"kind", offsetof(struct event, kind)},
    {"account", offsetof(struct event, account)},
    {"sequence", offsetof(struct event, sequence)},
    {"source", offsetof(struct event, source)},
};

static bool set_text(struct event *e, const char *key, const char *value)
{
    for (size_t i = 0; i < ARRAY_SIZE(text_keys); i++) {
        if (strcmp(text_keys[i].name, key) != 0)
            continue;
        *(struct str *)(void *)((char *)e + text_keys[i].at) = str_of(value);
        return true;
    }
    return false;
}

static bool set_number(struct event *e, const char *key, const char *value)
{
    double v;

    if (parse_double(str_of(value), &v))
        return false;
    if (strcmp(key, "sentiment") == 0) {
        e->has_sentiment = true;
        e->sentiment = v;
    } else if (strcmp(key, "weight") == 0) {
        e->has_weight = true;
        e->weight = v;
    } else if (strcmp(key, "value") == 0) {
        e->has_value = true;
        e->value = v;
    } else {
        return false;
    }
    return true;
}

static bool set_flag(struct event *e, const char *key, const char *value)
{
    bool v = strcmp(value, "true") == 0;

    if (!v && strcmp(value, "false") != 0)
        return false;
    if (strcmp(key, "expects_reply") == 0) {
        e->has_expects_reply = true;
        e->expects_reply = v;
    } else if (strcmp(key, "automatic") == 0) {
        e->automatic = v;
    } else if (strcmp(key, "resolves") == 0) {
        e->resolves = v;
    } else {
        return false;
    }
    return true;
}

static void set_key(struct scenario *s, struct event *e, char *word)
{
    char *value = strchr(word, '=');

    if (!value) {
        fail(s, "'%s' is not KEY=VALUE", word);
        return;
    }
    *value++ = '\0';
    if (!set_text(e, word, value) && !set_number(e, word, value) && !set_flag(e, word, value))
        fail(s, "%s=%s is nothing that an interaction has", word, value);
}

static bool direction_of(const char *text, enum direction *ret_direction)
{
    static const char *const names[] = {"in", "out", "peer"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(text, names[i]) != 0)
            continue;
        *ret_direction = (enum direction)i;
        return true;
    }
    return false;
}

/* `words` are views into `line`, which is kept with the event. */
static void step_at(struct scenario *s, char **words, size_t n, char *line)
{
    struct event e = {.type = EVENT_INTERACTION,
                      .type_name = STR("io.engaged.interaction.v1"),
                      .source = STR("scenario"),
                      .verb = STR("message")};

    mem_grow(&s->said, &s->cap_said, s->n_said, sizeof(*s->said));
    s->said[s->n_said].line = line;
    s->said[s->n_said++].event = e;
    if (n < 5 || !direction_of(words[2], &e.direction)) {
        fail(s, "write: at TIME in|out|peer SUBJECT ID [KEY=VALUE...]");
        return;
    }
    take_time(s, words[1], &e.time_ms);
    if (e.time_ms > s->time_ms || words[1][0] != '+')
        s->time_ms = e.time_ms;
    e.subject = str_of(words[3]);
    e.id = str_of(words[4]);
    for (size_t i = 5; i < n; i++)
        set_key(s, &e, words[i]);
    s->said[s->n_said - 1].event = e;
    if (!s->has_failed)
        apply(s, &e);
}

static void step_again(struct scenario *s, const char *id)
{
    for (size_t i = 0; i < s->n_said; i++) {
        struct event e = s->said[i].event;

        if (!str_eq(e.id, str_of(id)))
            continue;
        apply(s, &e);
        return;
    }
    fail(s, "no interaction %s has come before", id);
}

static bool status_of(const char *text, enum outcome_status *ret_status)
{
    static const char *const names[] = {"acknowledged", "acted", "resolved", "dismissed"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(text, names[i]) != 0)
            continue;
        *ret_status = (enum outcome_status)i;
        return true;
    }
    return false;
}

static void step_outcome(struct scenario *s, char **words)
{
    struct event e = {.type = EVENT_OUTCOME,
                      .source = STR("scenario"),
                      .subject = str_of(words[1]),
                      .id = str_of(words[2]),
                      .time_ms = s->time_ms};

    if (!status_of(words[3], &e.outcome.status))
        fail(s, "'%s' is no status", words[3]);
    for (size_t i = 0; i < s->n_seen; i++) {
        if (strcmp(s->seen[i].rule, words[4]) == 0)
            e.outcome.trigger = str_of(s->seen[i].id);
    }
    if (!e.outcome.trigger.len)
        fail(s, "no trigger of %s has come before", words[4]);
    if (!s->has_failed)
        apply(s, &e);
}

static void step_identity(struct scenario *s, char **words, size_t n)
{
    struct event e = {.type = EVENT_IDENTITY,
                      .source = STR("scenario"),
                      .id = str_of(words[0]),
                      .subject = str_of(words[2])};

    take_time(s, words[1], &e.time_ms);
    s->time_ms = e.time_ms > s->time_ms ? e.time_ms : s->time_ms;
    e.identity.action = n == 4 ? IDENTITY_MERGE : IDENTITY_ERASE;
    if (n == 4)
        e.identity.into = str_of(words[3]);
    if (!s->has_failed)
        apply(s, &e);
}

static void step_retract(struct scenario *s, char **words)
{
    struct event e = {.type = EVENT_RETRACTION,
                      .source = STR("scenario"),
                      .id = STR("retract"),
                      .subject = str_of(words[2]),
                      .retraction = {.id = str_of(words[3])}};

    take_time(s, words[1], &e.time_ms);
    s->time_ms = e.time_ms > s->time_ms ? e.time_ms : s->time_ms;
    if (!s->has_failed)
        apply(s, &e);
}

/* ---------------------------------------------------------------- expectations */

static void expect_trigger(struct scenario *s, char **words, size_t n)
{
    struct buf want = BUF_INIT;
    int64_t ms = 0;

    if (n != 8 || strcmp(words[4], "at") != 0 || strcmp(words[6], "cause") != 0) {
        fail(s, "write: expect fired|cleared RULE SUBJECT at TIME cause ID");
        return;
    }
    take_time(s, words[5], &ms);
    buf_addf(&want, "%s %s %s at ", words[1], words[2], words[3]);
    format_instant(&want, ms);
    buf_addf(&want, " cause %s", words[7]);
    if (s->n_expected == s->n_seen)
        fail(s, "no trigger came; expected: %s", want.ptr);
    else if (strcmp(want.ptr, s->seen[s->n_expected].text) != 0)
        fail(s, "expected: %s\n    but came: %s", want.ptr, s->seen[s->n_expected].text);
    else
        s->n_expected++;
    buf_deinit(&want);
}

static void expect_reason(struct scenario *s, const char *text)
{
    if (!s->n_expected)
        fail(s, "no trigger was expected before");
    else if (!strstr(s->seen[s->n_expected - 1].reason, text))
        fail(s, "the reason is: %s", s->seen[s->n_expected - 1].reason);
}

static void expect_nothing(struct scenario *s)
{
    if (s->n_expected < s->n_seen)
        fail(s, "a trigger came that was not expected: %s", s->seen[s->n_expected].text);
}

struct look {
    struct str subject, name;
    struct value value;
    char stage[64];
    enum obstacle held_by;
    size_t n_obligations;
    bool is_found, is_named;
};

static void look_at(void *ctx, const struct stakeholder_view *view)
{
    struct look *look = ctx;

    if (!str_eq(view->subject, look->subject))
        return;
    look->is_found = true;
    look->n_obligations = view->n_obligations;
    snprintf(look->stage, sizeof(look->stage), "%.*s", STR_ARG(view->stage));
    for (size_t i = 0; i < view->n_held; i++) {
        if (str_eq(view->held[i].rule, look->name))
            look->held_by = view->held[i].by;
    }
    for (size_t i = 0; i < view->n_metrics; i++) {
        if (!str_eq(view->metrics[i].name, look->name))
            continue;
        look->is_named = true;
        look->value = view->metrics[i].value;
    }
}

static void expect_owed(struct scenario *s, const char *subject, const char *text)
{
    struct look look = {.subject = str_of(subject)};
    int64_t want;

    engine_each(s->engine, look_at, &look);
    if (parse_i64(str_of(text), &want))
        fail(s, "'%s' is no number", text);
    else if (!look.is_found)
        fail(s, "nobody knows %s", subject);
    else if ((size_t)want != look.n_obligations)
        fail(s, "%zu are open", look.n_obligations);
}

static void expect_metric(struct scenario *s, const char *subject, const char *name,
                          const char *text)
{
    struct look look = {.subject = str_of(subject), .name = str_of(name)};
    double want = 0, got;

    engine_each(s->engine, look_at, &look);
    got = look.value.type == VALUE_INT ? (double)look.value.i : look.value.d;
    if (!look.is_found || !look.is_named)
        fail(s, "there is no %s of %s", name, subject);
    else if (strcmp(text, "nothing") == 0) {
        if (look.value.type != VALUE_ABSENT)
            fail(s, "%s of %s is %.12g", name, subject, got);
    } else if (parse_double(str_of(text), &want))
        fail(s, "'%s' is no number", text);
    else if (look.value.type == VALUE_ABSENT || fabs(got - want) > 1e-9 * fmax(1, fabs(want)))
        fail(s, "%s of %s is %.12g", name, subject, got);
}

static void expect_stage(struct scenario *s, const char *subject, const char *name)
{
    struct look look = {.subject = str_of(subject)};

    engine_each(s->engine, look_at, &look);
    if (!look.is_found)
        fail(s, "nobody knows %s", subject);
    else if (strcmp(look.stage, strcmp(name, "nothing") == 0 ? "" : name) != 0)
        fail(s, "the stage of %s is '%s'", subject, look.stage);
}

static void expect_held(struct scenario *s, const char *subject, const char *rule, const char *by)
{
    struct look look = {.subject = str_of(subject), .name = str_of(rule)};
    const char *got;

    engine_each(s->engine, look_at, &look);
    got = look.held_by == OBSTACLE_NONE ? "nothing" : obstacle_name(look.held_by);
    if (strcmp(got, by) != 0)
        fail(s, "%s of %s is held by %s", rule, subject, got);
}

static void expect_gone(struct scenario *s, const char *subject)
{
    struct look look = {.subject = str_of(subject)};

    engine_each(s->engine, look_at, &look);
    if (look.is_found)
        fail(s, "%s is known", subject);
}

static void expect_severity(struct scenario *s, const char *text)
{
    if (!s->n_expected)
        fail(s, "no trigger was expected before");
    else if (strcmp(s->seen[s->n_expected - 1].severity, text) != 0)
        fail(s, "the severity is %s", s->seen[s->n_expected - 1].severity);
}

static void expect(struct scenario *s, char **words, size_t n, const char *rest)
{
    const char *what = n > 1 ? words[1] : "";

    if (strcmp(what, "fired") == 0 || strcmp(what, "cleared") == 0)
        expect_trigger(s, words, n);
    else if (strcmp(what, "reason") == 0)
        expect_reason(s, strstr(rest, "reason ") + strlen("reason "));
    else if (strcmp(what, "nothing") == 0 && n == 2)
        expect_nothing(s);
    else if (strcmp(what, "metric") == 0 && n == 5)
        expect_metric(s, words[2], words[3], words[4]);
    else if (strcmp(what, "owed") == 0 && n == 4)
        expect_owed(s, words[2], words[3]);
    else if (strcmp(what, "stage") == 0 && n == 4)
        expect_stage(s, words[2], words[3]);
    else if (strcmp(what, "held") == 0 && n == 5)
        expect_held(s, words[2], words[3], words[4]);
    else if (strcmp(what, "gone") == 0 && n == 3)
        expect_gone(s, words[2]);
    else if (strcmp(what, "severity") == 0 && n == 3)
        expect_severity(s, words[2]);
    else
        fail(s, "not an expectation: %s", rest);
}

/* ---------------------------------------------------------------- lines */

static size_t split(char *line, char **words)
{
    size_t n = 0;
    char *save = NULL;

    for (char *w = strtok_r(line, " \t", &save); w && n < WORDS_MAX;
         w = strtok_r(NULL, " \t", &save))
        words[n++] = w;
    return n;
}

static void step(struct scenario *s, char **words, size_t n)
{
    expect_nothing(s);
    if (strcmp(words[0], "tick") == 0 && n == 2) {
        step_time(s, words[1]);
        engine_tick(s->engine, s->time_ms, s->offset++);
    } else if (strcmp(words[0], "end") == 0 && n == 2) {
        step_time(s, words[1]);
        engine_finish(s->engine, s->time_ms);
    } else if (strcmp(words[0], "again") == 0 && n == 2) {
        step_again(s, words[1]);
    } else if ((strcmp(words[0], "merge") == 0 && n == 4) ||
               (strcmp(words[0], "erase") == 0 && n == 3)) {
        step_identity(s, words, n);
    } else if (strcmp(words[0], "retract") == 0 && n == 4) {
        step_retract(s, words);
    } else if (strcmp(words[0], "heartbeat") == 0 && n == 3) {
        struct event e = {.type = EVENT_HEARTBEAT, .source = str_of(words[2]), .id = STR("beat")};

        step_time(s, words[1]);
        e.time_ms = s->time_ms;
        apply(s, &e);
    } else if (strcmp(words[0], "outcome") == 0 && n == 5) {
        step_outcome(s, words);
    } else if (strcmp(words[0], "restart") == 0 && n == 1) {
        restart(s);
    } else {
        fail(s, "not a step: %s", words[0]);
    }
}

static void take_line(struct scenario *s, const char *text)
{
    char *line = mem_strndup(text, strlen(text)), *words[WORDS_MAX];
    size_t n = split(line, words);

    if (!s->engine) {
        fail(s, "a scenario begins with config:");
    } else if (n && strcmp(words[0], "expect") == 0) {
        expect(s, words, n, text);
    } else if (n && strcmp(words[0], "at") == 0) {
        expect_nothing(s);
        step_at(s, words, n, line);
        return;
    } else if (n) {
        step(s, words, n);
    }
    mem_free(line);
}

/* The indented lines of a block, as they are; back at the line behind it. */
static void take_block(struct scenario *s, FILE *f, char **line, size_t *cap, ssize_t *len)
{
    struct buf yaml = BUF_INIT;

    while ((*len = getline(line, cap, f)) >= 0 && ((*line)[0] == ' ' || (*line)[0] == '\n')) {
        s->line++;
        buf_add(&yaml, *line, (size_t)*len);
    }
    expect_nothing(s);
    if (!s->has_failed)
        configure(s, buf_str(&yaml));
    buf_deinit(&yaml);
}

static void play(struct scenario *s, FILE *f)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len = getline(&line, &cap, f);

    while (len >= 0 && !s->has_failed) {
        s->line++;
        if (len && line[len - 1] == '\n')
            line[--len] = '\0';
        if (strcmp(line, "config:") == 0 || strcmp(line, "reload:") == 0) {
            take_block(s, f, &line, &cap, &len);
            continue;
        }
        if (line[0] != '#')
            take_line(s, line);
        len = getline(&line, &cap, f);
    }
    if (!s->engine)
        fail(s, "there is no scenario in this file");
    expect_nothing(s);
    free(line);
}

static void deinit(struct scenario *s)
{
    engine_free(s->engine);
    for (size_t i = 0; i < s->n_confs; i++)
        conf_free(s->confs[i]);
    for (size_t i = 0; i < s->n_seen; i++) {
        mem_free(s->seen[i].text);
        mem_free(s->seen[i].reason);
        mem_free(s->seen[i].rule);
        mem_free(s->seen[i].severity);
    }
    for (size_t i = 0; i < s->n_kept; i++) {
        mem_free(s->kept[i].id);
        buf_deinit(&s->kept[i].packed);
    }
    for (size_t i = 0; i < s->n_said; i++)
        mem_free(s->said[i].line);
    mem_free(s->confs);
    mem_free(s->seen);
    mem_free(s->kept);
    mem_free(s->said);
}

int main(int argc, char **argv)
{
    int n_failed = 0;

    for (int i = 1; i < argc; i++) {
        struct scenario s = {.path = argv[i]};
        FILE *f = fopen(argv[i], "r");

        if (!f) {
            fprintf(stderr, "%s: %s\n", argv[i], strerror(errno));
            return EXIT_FAILURE;
        }
        play(&s, f);
        fclose(f);
        deinit(&s);
        n_failed += s.has_failed;
    }
    printf("%d scenarios, %d failed\n", argc - 1, n_failed);
    return n_failed || argc < 2 ? EXIT_FAILURE : EXIT_SUCCESS;
}
