/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs test files: each test has an engine of its own, which is told the story step by step.
 * Triggers wait, copied, until an expectation takes them. Says in one line of each test how it
 * went; of a failed one also where, what was expected, and what came.
 */
#include "app/app.h"

#include "app/load.h"
#include "app/ruletest_impl.h"
#include "base/mem.h"
#include "base/parse.h"
#include "engaged/engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define TOLERANCE 1e-9 /* relative */

/* A trigger that nobody has expected yet. */
struct came {
    struct trigger trigger; /* its texts and values are owned; names are the model's */
    struct named_value *values;
};

/* A rule's latest trigger for a stakeholder: what an outcome is about. */
struct told {
    struct str rule, subject; /* owned */
    char id[DIGEST_HEX + 1];
};

struct run {
    const struct ruletest_file *file;
    const struct ruletest *test;
    const struct step *step; /* under way */
    struct engine *engine;
    struct came *came;
    size_t n_came, cap_came;
    struct told *told;
    size_t n_told, cap_told;
    int64_t now_ms; /* of the latest step; INT64_MIN: none */
    int64_t offset;
    struct buf failure; /* empty: none */
};

/* ---- triggers wait ---- */

static void keep(struct str *text)
{
    *text = (struct str){mem_strndup(text->ptr, text->len), text->len};
}

static void drop(struct str *text)
{
    mem_free((void *)(uintptr_t)text->ptr);
}

static struct told *find_told(struct run *run, struct str rule, struct str subject)
{
    for (size_t i = 0; i < run->n_told; i++)
        if (str_eq(run->told[i].rule, rule) && str_eq(run->told[i].subject, subject))
            return &run->told[i];
    return NULL;
}

/* One that is told again, more severe, goes by the id of the first. */
static void note_told(struct run *run, const struct trigger *trigger)
{
    struct told *told;

    if (trigger->edge != EDGE_FIRED || trigger->escalation)
        return;
    told = find_told(run, trigger->rule, trigger->stakeholder);
    if (!told) {
        mem_grow(&run->told, &run->cap_told, run->n_told, sizeof(*run->told));
        told = &run->told[run->n_told++];
        *told = (struct told){.rule = trigger->rule, .subject = trigger->stakeholder};
        keep(&told->rule);
        keep(&told->subject);
    }
    memcpy(told->id, trigger->id, sizeof(told->id));
}

static void on_trigger(void *ctx, const struct trigger *trigger)
{
    struct run *run = ctx;
    struct came *c;

    note_told(run, trigger);

    mem_grow(&run->came, &run->cap_came, run->n_came, sizeof(*run->came));
    c = &run->came[run->n_came++];
    c->trigger = *trigger;
    for (size_t i = 0; i < N_TRIGGER_TEXTS; i++)
        keep(trigger_text_of(&c->trigger, i));
    keep(&c->trigger.reason);
    c->values = mem_calloc(trigger->n_values + 1, sizeof(*c->values));
    for (size_t i = 0; i < trigger->n_values; i++) {
        c->values[i] = trigger->values[i];
        if (c->values[i].value.type == VALUE_STRING)
            keep(&c->values[i].value.s);
    }
    c->trigger.values = c->values;
}

static void came_deinit(struct came *c)
{
    for (size_t i = 0; i < N_TRIGGER_TEXTS; i++)
        drop(trigger_text_of(&c->trigger, i));
    drop(&c->trigger.reason);
    for (size_t i = 0; i < c->trigger.n_values; i++)
        if (c->values[i].value.type == VALUE_STRING)
            drop(&c->values[i].value.s);
    mem_free(c->values);
}

static void take(struct run *run, size_t i)
{
    came_deinit(&run->came[i]);
    memmove(&run->came[i], &run->came[i + 1], (--run->n_came - i) * sizeof(*run->came));
}

/* ---- words ---- */

static void add_value(struct buf *b, const struct value *v)
{
    switch (v->type) {
    case VALUE_ABSENT:
        return buf_add_str(b, STR("nothing"));
    case VALUE_BOOL:
        return buf_add_str(b, v->b ? STR("true") : STR("false"));
    case VALUE_INT:
        return buf_add_i64(b, v->i);
    case VALUE_DOUBLE:
        return isfinite(v->d) ? buf_add_double(b, v->d) : buf_addf(b, "%f", v->d);
    case VALUE_STRING:
        return buf_add_json_str(b, v->s);
    case VALUE_DURATION:
        return format_duration_exact(b, v->i);
    }
}

static void add_edge(struct buf *b, enum edge edge, struct str rule)
{
    buf_addf(b, "%s %.*s", edge == EDGE_FIRED ? "fired" : "cleared", STR_ARG(rule));
}

static void add_time(struct buf *b, int64_t ms)
{
    if (ms == INT64_MIN)
        buf_add_str(b, STR("the beginning"));
    else
        format_instant(b, ms);
}

static void add_trigger(struct buf *b, struct trigger *t)
{
    add_edge(b, t->edge, t->rule);
    buf_addf(b, " at ");
    format_instant(b, t->time_ms);
    for (size_t i = 1; i < N_TRIGGER_TEXTS; i++)
        if (trigger_text_of(t, i)->len)
            buf_addf(b, ", %s %.*s", trigger_texts[i].name, STR_ARG(*trigger_text_of(t, i)));
}

static void add_wanted(struct buf *b, const struct wanted_trigger *w)
{
    add_edge(b, w->edge, w->texts[TRIGGER_TEXT_RULE].text);
    if (w->has_time) {
        buf_addf(b, " at ");
        format_instant(b, w->time_ms);
    }
    for (size_t i = 1; i < N_TRIGGER_TEXTS; i++)
        if (w->texts[i].is_given)
            buf_addf(b, ", %s %.*s", trigger_texts[i].name, STR_ARG(w->texts[i].text));
    if (w->reason.is_given)
        buf_addf(b, ", reason with '%.*s'", STR_ARG(w->reason.text));
    for (size_t i = 0; i < w->values.n; i++) {
        buf_addf(b, ", %.*s ", STR_ARG(w->values.items[i].name));
        add_value(b, &w->values.items[i].value);
    }
}

static struct buf *fail(struct run *run, const struct step *step)
{
    const struct conf_node *node = step ? step->node : run->test->node;

    buf_addf(&run->failure, "  %s:%d:%d: ", node->doc->name, node->line, node->column);
    return &run->failure;
}

static void add_all_that_came(struct run *run, struct buf *b)
{
    for (size_t i = 0; i < run->n_came; i++) {
        buf_add_str(b, STR("\n    came: "));
        add_trigger(b, &run->came[i].trigger);
    }
    if (run->n_came)
        return;
    buf_add_str(b, STR("\n    came: nothing, by "));
    add_time(b, run->now_ms);
    if (run->now_ms == engine_clock_ms(run->engine) || run->now_ms == INT64_MIN)
        return;
    buf_add_str(b, STR("; with time.lateness the clock is at "));
    add_time(b, engine_clock_ms(run->engine));
}

/* ---- expectations ---- */

static bool is_number(const struct value *v, double *ret_number)
{
    if (v->type == VALUE_INT)
        *ret_number = (double)v->i;
    else if (v->type == VALUE_DOUBLE)
        *ret_number = v->d;
    return v->type == VALUE_INT || v->type == VALUE_DOUBLE;
}

static bool is_equal(const struct value *a, const struct value *b)
{
    double x, y;

    if (is_number(a, &x) && is_number(b, &y))
        return x == y || fabs(x - y) <= TOLERANCE * fmax(fabs(x), fabs(y));
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case VALUE_BOOL:
        return a->b == b->b;
    case VALUE_DURATION:
        return a->i == b->i;
    case VALUE_STRING:
        return str_eq(a->s, b->s);
    default:
        return true;
    }
}

/* A name that is not there has no value. */
static struct value find_value(const struct named_value *values, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(values[i].name, name))
            return values[i].value;
    return (struct value){.type = VALUE_ABSENT};
}

/* The first of the wanted values that is another, or NULL. */
static const struct named_value *find_other(const struct wanted_values *wanted,
                                            const struct named_value *values, size_t n,
                                            struct value *ret_value)
{
    for (size_t i = 0; i < wanted->n; i++) {
        *ret_value = find_value(values, n, wanted->items[i].name);
        if (!is_equal(ret_value, &wanted->items[i].value))
            return &wanted->items[i];
    }
    return NULL;
}

static bool has_part(struct str text, struct str part)
{
    return !part.len || (text.len && memmem(text.ptr, text.len, part.ptr, part.len));
}

static bool fits(struct trigger *t, const struct wanted_trigger *w)
{
    struct value other;

    if (t->edge != w->edge || (w->has_time && t->time_ms != w->time_ms))
        return false;
    for (size_t i = 0; i < N_TRIGGER_TEXTS; i++)
        if (w->texts[i].is_given && !str_eq(w->texts[i].text, *trigger_text_of(t, i)))
            return false;
    if (w->reason.is_given && !has_part(t->reason, w->reason.text))
        return false;
    return !find_other(&w->values, t->values, t->n_values, &other);
}

/* What a reader of the triggers that came does not see. */
static void add_hidden(struct buf *b, struct run *run, const struct wanted_trigger *w)
{
    for (size_t i = 0; i < run->n_came && (w->reason.is_given || w->values.n); i++) {
        const struct trigger *t = &run->came[i].trigger;
        const struct named_value *item;
        struct value other;

        if (t->edge != w->edge || !str_eq(t->rule, w->texts[TRIGGER_TEXT_RULE].text))
            continue;
        if (w->reason.is_given && !has_part(t->reason, w->reason.text))
            buf_addf(b, "\n    its reason: %.*s", STR_ARG(t->reason));
        item = find_other(&w->values, t->values, t->n_values, &other);
        if (!item)
            continue;
        buf_addf(b, "\n    its %.*s: ", STR_ARG(item->name));
        add_value(b, &other);
    }
}

static void expect_trigger(struct run *run, const struct step *step)
{
    struct buf *b;

    for (size_t i = 0; i < run->n_came; i++)
        if (fits(&run->came[i].trigger, &step->trigger))
            return take(run, i);
    b = fail(run, step);
    buf_add_str(b, STR("expected: "));
    add_wanted(b, &step->trigger);
    add_all_that_came(run, b);
    add_hidden(b, run, &step->trigger);
    if (!run->n_came && step->trigger.has_time && step->trigger.time_ms == run->now_ms)
        buf_add_str(b, STR("\n    a deadline is due once time is past it: `pass` 1ms more, or "
                           "`end` the story there"));
}

/* At the step that says so, or that made them come. */
static void expect_nothing(struct run *run, const struct step *step)
{
    struct buf *b;

    if (!run->n_came)
        return;
    b = fail(run, step);
    buf_add_str(b, STR("expected: nothing"));
    if (step->kind != STEP_NOTHING)
        buf_add_str(b, STR(" more of this step"));
    add_all_that_came(run, b);
}

/* ---- state ---- */

struct look {
    struct run *run;
    const struct step *step;
    bool is_found;
};

static void check_values(const struct look *look, const struct stakeholder_view *view,
                         const struct wanted_values *wanted, const struct named_value *values,
                         size_t n)
{
    struct value came;
    const struct named_value *item = find_other(wanted, values, n, &came);
    struct buf *b;

    if (!item || look->run->failure.len)
        return;
    b = fail(look->run, look->step);
    buf_addf(b, "expected: %.*s of %.*s ", STR_ARG(item->name), STR_ARG(view->subject));
    add_value(b, &item->value);
    buf_add_str(b, STR("\n    came: "));
    add_value(b, &came);
    buf_add_str(b, STR(", as of "));
    add_time(b, view->as_of_ms);
}

/* What is not kept has no value, whatever happened. */
static void check_derived(const struct look *look, const struct stakeholder_view *view)
{
    const struct wanted_values *wanted = &look->step->state.derived;

    for (size_t i = 0; i < wanted->n && !look->run->failure.len; i++) {
        size_t k = 0;

        while (k < view->n_derived && !str_eq(view->derived[k].name, wanted->items[i].name))
            k++;
        if (k == view->n_derived)
            buf_addf(fail(look->run, look->step),
                     "expected: %.*s\n    came: no such derived value: no rule reads one of its "
                     "group, and derived.keep does not name it",
                     STR_ARG(wanted->items[i].name));
    }
    check_values(look, view, wanted, view->derived, view->n_derived);
}

static struct str held_by(const struct stakeholder_view *view, struct str rule)
{
    for (size_t i = 0; i < view->n_held; i++)
        if (str_eq(view->held[i].rule, rule))
            return str_of(obstacle_name(view->held[i].by));
    return STR("nothing");
}

static void check_held(const struct look *look, const struct stakeholder_view *view)
{
    const struct wanted_state *state = &look->step->state;
    bool ok = view->n_held == state->held.n;
    struct buf *b;

    for (size_t i = 0; i < state->held.n; i++)
        ok &= str_eq(held_by(view, state->held.items[i].name), state->held.items[i].value.s);
    if (!state->has_held || ok || look->run->failure.len)
        return;
    b = fail(look->run, look->step);
    buf_add_str(b, STR("expected: held back "));
    for (size_t i = 0; i < state->held.n; i++)
        buf_addf(b, "%s%.*s %.*s", i ? ", " : "", STR_ARG(state->held.items[i].name),
                 STR_ARG(state->held.items[i].value.s));
    buf_addf(b, "%s\n    came: ", state->held.n ? "" : "nothing");
    for (size_t i = 0; i < view->n_held; i++)
        buf_addf(b, "%s%.*s %s", i ? ", " : "", STR_ARG(view->held[i].rule),
                 obstacle_name(view->held[i].by));
    buf_add_str(b, view->n_held ? STR("") : STR("nothing"));
}

static void check_owed(const struct look *look, const struct stakeholder_view *view, enum side by)
{
    int64_t wanted = look->step->state.n_owed[by], n = 0;

    for (size_t i = 0; i < view->n_obligations; i++)
        n += view->obligations[i].by == by;
    if (wanted < 0 || n == wanted || look->run->failure.len)
        return;
    buf_addf(fail(look->run, look->step), "expected: %lld answers owed by %s\n    came: %lld",
             (long long)wanted, by == SIDE_ORGANISATION ? "us" : "them", (long long)n);
}

static void check_stage(const struct look *look, const struct stakeholder_view *view)
{
    const struct wanted_text *stage = &look->step->state.stage;

    if (!stage->is_given || str_eq(stage->text, view->stage) || look->run->failure.len)
        return;
    buf_addf(fail(look->run, look->step), "expected: stage %.*s\n    came: %.*s",
             STR_ARG(stage->text), STR_ARG(view->stage.len ? view->stage : STR("none")));
}

static void on_view(void *ctx, const struct stakeholder_view *view)
{
    struct look *look = ctx;

    if (!str_eq(view->subject, look->step->state.subject))
        return;
    look->is_found = true;
    check_values(look, view, &look->step->state.metrics, view->metrics, view->n_metrics);
    check_derived(look, view);
    check_held(look, view);
    check_owed(look, view, SIDE_ORGANISATION);
    check_owed(look, view, SIDE_STAKEHOLDER);
    check_stage(look, view);
}

static void expect_state(struct run *run, const struct step *step)
{
    struct look look = {.run = run, .step = step};

    engine_each(run->engine, on_view, &look);
    if (look.is_found)
        return;
    buf_addf(fail(run, step),
             "expected: state of %.*s\n    came: nothing, no event has been about "
             "them by ",
             STR_ARG(step->state.subject));
    add_time(&run->failure, run->now_ms);
}

/* ---- steps ---- */

/* An outcome names a rule, and means its latest trigger. */
static bool name_trigger(struct run *run, const struct step *step, struct event *event)
{
    const struct told *told = find_told(run, event->outcome.trigger, event->subject);

    if (told)
        event->outcome.trigger = str_of(told->id);
    else
        buf_addf(fail(run, step), "an outcome of %.*s, which has not fired for %.*s",
                 STR_ARG(event->outcome.trigger), STR_ARG(event->subject));
    return told;
}

static void apply(struct run *run, const struct step *step)
{
    const struct event_input input = {
        .value = buf_str(&step->event), .timestamp_ms = -1, .offset = run->offset++};
    struct event_refusal refusal;
    struct event event;

    ENSURE(!event_decode(run->file->decoder, &input, &event, &refusal)); /* it was tried */
    if (event.type == EVENT_OUTCOME && !name_trigger(run, step, &event))
        return;
    ENSURE(engine_apply(run->engine, &event) != ENGINE_E_ABSENT); /* a duplicate changes nothing */
}

static void play(struct run *run, const struct step *step)
{
    if (step->time_ms > run->now_ms)
        run->now_ms = step->time_ms;
    run->step = step;
    if (step->kind == STEP_EVENT)
        apply(run, step);
    else if (step->kind == STEP_PASS)
        engine_tick(run->engine, step->time_ms, run->offset++);
    else
        engine_finish(run->engine, step->time_ms);
}

static void take_step(struct run *run, const struct step *step)
{
    switch (step->kind) {
    case STEP_TRIGGER:
        return expect_trigger(run, step);
    case STEP_NOTHING:
        return expect_nothing(run, step);
    case STEP_STATE:
        return expect_state(run, step);
    default:
        break;
    }
    if (run->step)
        expect_nothing(run, run->step);
    if (!run->failure.len)
        play(run, step);
}

static void report(const struct run *run)
{
    printf("%s  %.*s\n", run->failure.len ? "FAILED" : "ok    ", STR_ARG(run->test->name));
    if (run->failure.len)
        printf("%s\n", run->failure.ptr);
}

static bool run_test(const struct ruletest_file *file, const struct ruletest *test)
{
    struct run run = {.file = file, .test = test, .now_ms = INT64_MIN};
    struct engine_opts opts = {.is_complete = true, .on_trigger = on_trigger, .ctx = &run};
    bool ok;

    run.engine = engine_new(file->conf->model, &opts);
    for (size_t i = 0; i < test->n_steps && !run.failure.len; i++)
        take_step(&run, &test->steps[i]);
    if (run.step && !run.failure.len)
        expect_nothing(&run, run.step);
    report(&run);
    ok = !run.failure.len;
    run.engine = engine_free(run.engine);
    for (size_t i = 0; i < run.n_came; i++)
        came_deinit(&run.came[i]);
    mem_free(run.came);
    for (size_t i = 0; i < run.n_told; i++) {
        drop(&run.told[i].rule);
        drop(&run.told[i].subject);
    }
    mem_free(run.told);
    buf_deinit(&run.failure);
    return ok;
}

/* ---- files ---- */

struct tally {
    size_t n_passed, n_failed;
    bool has_faults;
};

static void run_file(const char *path, struct tally *tally)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct ruletest_file file;

    if (ruletest_read(path, &file, &faults)) {
        for (size_t i = 0; i < file.n_tests; i++) {
            bool ok = run_test(&file, &file.tests[i]);

            tally->n_passed += ok;
            tally->n_failed += !ok;
        }
    } else {
        tally->has_faults = true;
        load_print_faults(&faults);
    }
    conf_faults_deinit(&faults);
    ruletest_file_deinit(&file);
}

int ruletest_main(const char *const *files, size_t n_files)
{
    struct tally tally = {.has_faults = false};
    bool is_written;

    for (size_t i = 0; i < n_files; i++)
        run_file(files[i], &tally);
    printf("%zu passed, %zu failed\n", tally.n_passed, tally.n_failed);
    is_written = !ferror(stdout) && !fflush(stdout);
    return is_written && !tally.n_failed && !tally.has_faults ? EXIT_SUCCESS : EXIT_FAILURE;
}
