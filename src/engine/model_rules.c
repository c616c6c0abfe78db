/* SPDX-License-Identifier: Apache-2.0 */
/* Compiles what rules are beside conditions: stages, what is expected, who inhibits whom, silences.
 */
#include "engine/model_build.h"

#include "base/mem.h"

#include <stdio.h>

static char *copy(struct str s)
{
    return mem_strndup(s.ptr, s.len);
}

/* ---------------------------------------------------------------- stages */

static void check_stage(struct build *b, size_t i)
{
    const struct stage_spec *spec = &b->spec->stages[i];

    if (!build_is_rule_name(spec->name) || spec->name.len + strlen(STAGE_PREFIX) > 64)
        build_fault(b, MODEL_PART_STAGE, i, "name", 0,
                    "a stage's name has letters, digits, '-', '_' and '.', as in engaged; at most "
                    "58");
    for (size_t k = 0; k < i; k++) {
        if (str_eq(b->spec->stages[k].name, spec->name))
            build_fault(b, MODEL_PART_STAGE, i, "name", 0, "there is a stage of this name already");
    }
    if (!spec->enter.len)
        build_fault(b, MODEL_PART_STAGE, i, "name", 0,
                    "when it begins is missing: write enter: CONDITION");
    build_check_message(b, MODEL_PART_STAGE, i, spec->severity, spec->action);
}

/* A stage may not hang on the stage. */
static void refuse_stage_vars(struct build *b, size_t i, const char *field,
                              const struct cel_program *program)
{
    for (unsigned var = RULE_VAR_STAGE; program && var <= RULE_VAR_STAGE_SINCE; var++) {
        if (cel_reads(program, (unsigned)b->m->n_metrics + var))
            build_fault(b, MODEL_PART_STAGE, i, field, 0,
                        "a stage's condition cannot read the stage: write what both hang on");
    }
}

static void build_stage(struct build *b, size_t i)
{
    const struct stage_spec *spec = &b->spec->stages[i];
    const struct cel_schema schema = {.vars = b->m->rule_vars, .n_vars = model_n_vars(b->m)};
    struct rule *rule = &b->m->rules[i];
    struct buf name = BUF_INIT;

    check_stage(b, i);
    buf_addf(&name, STAGE_PREFIX "%.*s", STR_ARG(spec->name));
    *rule = (struct rule){.name = name.ptr,
                          .severity = copy(spec->severity),
                          .route = copy(spec->route),
                          .action = copy(spec->action),
                          .enter_text = copy(spec->enter),
                          .exit_text = copy(spec->exit),
                          .tag = build_tag(buf_str(&name)),
                          .kind = RULE_STAGE,
                          .min_stay_ms = spec->min_stay_ms,
                          .what = MODEL_NONE,
                          .after = MODEL_NONE};
    if (!spec->enter.len)
        return;
    rule->enter = build_compile(b, MODEL_PART_STAGE, i, "enter", spec->enter, &schema, CEL_BOOL);
    if (spec->exit.len)
        rule->exit = build_compile(b, MODEL_PART_STAGE, i, "exit", spec->exit, &schema, CEL_BOOL);
    refuse_stage_vars(b, i, "enter", rule->enter);
    refuse_stage_vars(b, i, "exit", rule->exit);
}

void build_stages(struct build *b)
{
    b->m->rules = mem_calloc(b->spec->n_stages + b->spec->n_rules + 1, sizeof(*b->m->rules));
    b->m->n_rules = b->m->n_stages = b->spec->n_stages;
    for (size_t i = 0; i < b->spec->n_stages; i++)
        build_stage(b, i);
}

/* ---------------------------------------------------------------- absent, expect */

static uint16_t selector_of(struct build *b, size_t i, const char *field, struct str text)
{
    static const struct metric_spec counted = {.aggregate = AGGREGATE_COUNT, .reach = REACH_EVER};
    struct cel_program *where =
        build_compile(b, MODEL_PART_RULE, i, field, text, &model_event_schema, CEL_BOOL);

    return where ? build_selector(b->m, &counted, where, NULL) : MODEL_NONE;
}

void build_due(struct build *b, size_t i, struct rule *rule)
{
    const struct rule_spec *spec = &b->spec->rules[i];
    struct model *m = b->m;
    struct buf text = BUF_INIT;

    rule->due = (uint16_t)m->n_due;
    m->due_rules[m->n_due++] = (uint16_t)(rule - m->rules);
    rule->within_ms = spec->within_ms;
    rule->where_text = copy(spec->where);
    rule->after_text = copy(spec->after);
    rule->within_gaps = spec->within_gaps;
    if (spec->within_gaps > 0)
        m->derived.kept |= 1u << DERIVED_CADENCE;
    else if (spec->within_ms <= 0)
        build_fault(b, MODEL_PART_RULE, i, "within", 0, "must be more than 0s");
    rule->what = selector_of(b, i, "where", spec->where);
    if (rule->kind == RULE_EXPECT)
        rule->after = selector_of(b, i, "after", spec->after);
    if (b->has_faults)
        return;
    buf_addf(&text, "%d|%s|%s", rule->kind, m->selectors[rule->what].canonical,
             rule->after == MODEL_NONE ? "" : m->selectors[rule->after].canonical);
    rule->due_tag = build_tag(buf_str(&text));
    buf_deinit(&text);
}

/* ---------------------------------------------------------------- inhibition */

static uint16_t find_rule(const struct model *m, struct str name)
{
    for (size_t i = 0; i < m->n_rules; i++) {
        if (str_eq(str_of(m->rules[i].name), name))
            return (uint16_t)i;
    }
    return MODEL_NONE;
}

static void build_inhibitors_of(struct build *b, size_t i)
{
    const struct rule_spec *spec = &b->spec->rules[i];
    struct rule *rule = &b->m->rules[b->m->n_stages + i];
    char text[256];

    rule->inhibitors = mem_calloc(spec->n_inhibited_by + 1, sizeof(*rule->inhibitors));
    for (size_t k = 0; k < spec->n_inhibited_by; k++) {
        uint16_t other = find_rule(b->m, spec->inhibited_by[k]);

        if (other != MODEL_NONE && b->m->rules[other].kind != RULE_STAGE) {
            rule->inhibitors[rule->n_inhibitors++] = other;
            continue;
        }
        snprintf(text, sizeof(text), "there is no rule '%.*s': name a rule of this file",
                 (int)(spec->inhibited_by[k].len > 64 ? 64 : spec->inhibited_by[k].len),
                 spec->inhibited_by[k].ptr);
        build_fault(b, MODEL_PART_RULE, i, "inhibited_by", 0, text);
    }
}

void build_inhibitors(struct build *b)
{
    for (size_t i = 0; i < b->spec->n_rules; i++)
        build_inhibitors_of(b, i);
}

/* ---------------------------------------------------------------- order */

enum mark { MARK_NEW, MARK_OPEN, MARK_DONE };

struct ordering {
    struct build *build;
    uint8_t *marks; /* owned; per rule */
    size_t n;
};

/* Depth first; how deep is bounded by the number of rules that inhibit each other in a row. */
static void place(struct ordering *o, uint16_t rule, unsigned depth)
{
    struct model *m = o->build->m;
    const struct rule *r = &m->rules[rule];

    if (o->marks[rule] == MARK_DONE)
        return;
    if (o->marks[rule] == MARK_OPEN || depth > 64) {
        build_fault(o->build, MODEL_PART_RULE, rule - m->n_stages, "inhibited_by", 0,
                    "the rules inhibit each other in a circle: leave one of them out");
        return;
    }
    o->marks[rule] = MARK_OPEN;
    for (size_t i = 0; i < r->n_inhibitors; i++)
        place(o, r->inhibitors[i], depth + 1);
    o->marks[rule] = MARK_DONE;
    m->order[o->n++] = rule;
}

void build_order(struct build *b)
{
    struct model *m = b->m;
    struct ordering o = {.build = b, .marks = mem_calloc(m->n_rules + 1, 1)};

    m->order = mem_calloc(m->n_rules + 1, sizeof(*m->order));
    for (size_t i = 0; i < m->n_rules && !b->has_faults; i++)
        place(&o, (uint16_t)i, 0);
    mem_free(o.marks);
}

/* ---------------------------------------------------------------- silences */

static struct str *silence_text(struct silence_spec *s, size_t i)
{
    struct str *const texts[] = {&s->rule,    &s->severity,    &s->route,  &s->kind,
                                 &s->account, &s->stakeholder, &s->author, &s->reason};

    return i < ARRAY_SIZE(texts) ? texts[i] : NULL;
}

void build_silences(struct build *b)
{
    struct model *m = b->m;

    m->n_silences = b->spec->n_silences;
    m->silences = mem_calloc(m->n_silences + 1, sizeof(*m->silences));
    for (size_t k = 0; k < m->n_silences; k++) {
        m->silences[k] = b->spec->silences[k];
        for (size_t i = 0; silence_text(&m->silences[k], i); i++) {
            struct str *text = silence_text(&m->silences[k], i);

            text->ptr = copy(*text);
        }
    }
}

void build_free_silences(struct model *m)
{
    for (size_t k = 0; k < m->n_silences && m->silences; k++) {
        for (size_t i = 0; silence_text(&m->silences[k], i); i++)
            mem_free((void *)(uintptr_t)silence_text(&m->silences[k], i)->ptr);
    }
    mem_free(m->silences);
}

/* ---------------------------------------------------------------- sources */

bool model_matches(struct str pattern, struct str text)
{
    if (!pattern.len)
        return true;
    if (pattern.ptr[pattern.len - 1] != '*')
        return str_eq(pattern, text);
    return text.len >= pattern.len - 1 && memcmp(pattern.ptr, text.ptr, pattern.len - 1) == 0;
}

static void copy_source(const struct source_spec *from, struct source_spec *to)
{
    struct str *channels = mem_calloc(from->n_channels + 1, sizeof(*channels));

    for (size_t i = 0; i < from->n_channels; i++)
        channels[i] = (struct str){copy(from->channels[i]), from->channels[i].len};
    *to = *from;
    to->name.ptr = copy(from->name);
    to->source.ptr = copy(from->source);
    to->route.ptr = copy(from->route);
    to->channels = channels;
}

void build_sources(struct build *b)
{
    struct model *m = b->m;

    m->sources = mem_calloc(b->spec->n_sources + 1, sizeof(*m->sources));
    for (; m->n_sources < b->spec->n_sources; m->n_sources++)
        copy_source(&b->spec->sources[m->n_sources], &m->sources[m->n_sources]);
}

static void free_text(struct str text)
{
    mem_free((void *)(uintptr_t)text.ptr);
}

void build_free_sources(struct model *m)
{
    for (size_t i = 0; i < m->n_sources; i++) {
        for (size_t k = 0; k < m->sources[i].n_channels; k++)
            free_text(m->sources[i].channels[k]);
        mem_free((void *)(uintptr_t)m->sources[i].channels);
        free_text(m->sources[i].name);
        free_text(m->sources[i].source);
        free_text(m->sources[i].route);
    }
    mem_free(m->sources);
}

/* ---------------------------------------------------------------- versions */

void build_version_more(const struct model *m, const struct rule *rule, struct buf *text)
{
    if (rule->kind == RULE_STAGE)
        buf_addf(text, "|min_stay=%lld", (long long)rule->min_stay_ms);
    if (rule->kind == RULE_ABSENT || rule->kind == RULE_EXPECT)
        buf_addf(text, "|what=%s|after=%s|within=%lld", m->selectors[rule->what].canonical,
                 rule->after == MODEL_NONE ? "" : m->selectors[rule->after].canonical,
                 (long long)rule->within_ms);
    if (rule->within_gaps > 0) {
        buf_add_str(text, STR("|gaps="));
        buf_add_double(text, rule->within_gaps);
        buf_add_char(text, ':');
        derived_canonical(&m->derived, DERIVED_VAR_CADENCE_GAP, text);
    }
    for (size_t i = 0; i < rule->n_inhibitors; i++)
        buf_addf(text, "|inhibited_by=%s", m->rules[rule->inhibitors[i]].name);
    if (rule->escalate_after_ms)
        buf_addf(text, "|escalate=%lld", (long long)rule->escalate_after_ms);
}
