/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiles a specification: texts to programs, metrics to shared selectors, slots and series, rules
 * to what they read and the hash that names their version. Reports every fault it can find in one
 * go; a model with faults is never handed out.
 */
#include "engine/model_build.h"

#include "base/mem.h"
#include "base/parse.h"
#include "engine/gate.h"
#include "engine/model_keep.h"
#include "engine/selection.h"
#include "engine/template.h"
#include "engaged/zone.h"

#include <stdlib.h>

#define RULE_ATOMS_MAX 32
#define RULE_LOGIC_MAX 64

const struct cel_schema model_event_schema = {
    .vars =
        (const struct cel_var[]){
            [EVENT_VAR_DIRECTION] = {"direction", CEL_STRING, CEL_DYN},
            [EVENT_VAR_VERB] = {"verb", CEL_STRING, CEL_DYN},
            [EVENT_VAR_CHANNEL] = {"channel", CEL_STRING, CEL_DYN},
            [EVENT_VAR_CONVERSATION] = {"conversation", CEL_STRING, CEL_DYN},
            [EVENT_VAR_IN_REPLY_TO] = {"in_reply_to", CEL_STRING, CEL_DYN},
            [EVENT_VAR_ORG] = {"org", CEL_STRING, CEL_DYN},
            [EVENT_VAR_KIND] = {"kind", CEL_STRING, CEL_DYN},
            [EVENT_VAR_ACCOUNT] = {"account", CEL_STRING, CEL_DYN},
            [EVENT_VAR_ACTOR] = {"actor", CEL_STRING, CEL_DYN},
            [EVENT_VAR_COUNTERPART] = {"counterpart", CEL_STRING, CEL_DYN},
            [EVENT_VAR_INTENT] = {"intent", CEL_STRING, CEL_DYN},
            [EVENT_VAR_COMMUNITIES] = {"communities", CEL_LIST, CEL_STRING},
            [EVENT_VAR_SENTIMENT] = {"sentiment", CEL_DOUBLE, CEL_DYN},
            [EVENT_VAR_WEIGHT] = {"weight", CEL_DOUBLE, CEL_DYN},
            [EVENT_VAR_VALUE] = {"value", CEL_DOUBLE, CEL_DYN},
            [EVENT_VAR_EXPECTS_REPLY] = {"expects_reply", CEL_BOOL, CEL_DYN},
            [EVENT_VAR_RESOLVES] = {"resolves", CEL_BOOL, CEL_DYN},
            [EVENT_VAR_AUTOMATIC] = {"automatic", CEL_BOOL, CEL_DYN},
            [EVENT_VAR_ID] = {"id", CEL_STRING, CEL_DYN},
            [EVENT_VAR_SOURCE] = {"source", CEL_STRING, CEL_DYN},
            [EVENT_VAR_SUBJECT] = {"subject", CEL_STRING, CEL_DYN},
            [EVENT_VAR_TIME] = {"time", CEL_TIMESTAMP, CEL_DYN},
        },
    .n_vars = N_EVENT_VARS,
};

static const struct cel_var standing_vars[N_RULE_VARS] = {
    [RULE_VAR_OWED_BY_US] = {"owed.by_us", CEL_INT, CEL_DYN},
    [RULE_VAR_OWED_BY_THEM] = {"owed.by_them", CEL_INT, CEL_DYN},
    [RULE_VAR_OWED_OLDEST] = {"owed.oldest", CEL_DURATION, CEL_DYN},
    [RULE_VAR_OWED_OLDEST_THEIRS] = {"owed.oldest_theirs", CEL_DURATION, CEL_DYN},
    [RULE_VAR_KIND] = {"kind", CEL_STRING, CEL_DYN},
    [RULE_VAR_ACCOUNT] = {"account", CEL_STRING, CEL_DYN},
    [RULE_VAR_STAGE] = {"stage", CEL_STRING, CEL_DYN},
    [RULE_VAR_STAGE_SINCE] = {"stage.since", CEL_DURATION, CEL_DYN},
    [RULE_VAR_CONSENT] = {"consent", CEL_BOOL, CEL_DYN},
};

void build_fault(struct build *b, enum model_part part, size_t index, const char *field,
                 size_t offset, const char *text)
{
    const struct model_fault f = {part, index, field, offset, text};

    b->has_faults = true;
    b->on_fault(b->ctx, &f);
}

static char *copy(struct str s)
{
    return mem_strndup(s.ptr, s.len);
}

/* ---------------------------------------------------------------- time zones, calendars */

const struct zone *model_find_zone(const struct model *m, struct str name)
{
    for (size_t i = 0; i < m->n_zones; i++) {
        if (str_eq(str_of(m->zones[i].name), name))
            return m->zones[i].zone;
    }
    return NULL;
}

/* The zone is the model's from now on; NULL: there is none of that name. */
static const struct zone *use_zone(void *ctx, struct str name)
{
    const struct build *b = ctx;
    struct model *m = b->m;
    const struct zone *zone = model_find_zone(m, name);

    if (zone || !b->spec->find_zone)
        return zone;
    zone = b->spec->find_zone(b->spec->zone_ctx, name);
    if (!zone)
        return NULL;
    mem_grow(&m->zones, &m->cap_zones, m->n_zones, sizeof(*m->zones));
    m->zones[m->n_zones++] = (struct model_zone){copy(name), zone};
    return zone;
}

static void build_calendars(struct build *b)
{
    struct model *m = b->m;

    for (size_t i = 0; i < b->spec->n_zones; i++)
        (void)use_zone(b, b->spec->zones[i]);
    m->calendars = mem_calloc(b->spec->n_calendars + 1, sizeof(*m->calendars));
    for (size_t i = 0; i < b->spec->n_calendars; i++) {
        const struct calendar_spec *spec = &b->spec->calendars[i];
        const struct zone *zone = spec->zone.len ? use_zone(b, spec->zone) : NULL;
        const char *wrong = calendar_fault(spec);

        if (wrong)
            build_fault(b, MODEL_PART_CALENDAR, i, "hours", 0, wrong);
        else if (spec->zone.len && !zone)
            build_fault(b, MODEL_PART_CALENDAR, i, "zone", 0,
                        "not a time zone that is known here: write its name, as in Europe/Berlin");
        else
            calendar_init(&m->calendars[i], spec, zone);
    }
    m->n_calendars = b->spec->n_calendars;
}

/* ---------------------------------------------------------------- expressions */

struct cel_program *build_compile(struct build *b, enum model_part part, size_t index,
                                  const char *field, struct str text, const struct cel_schema *vars,
                                  enum cel_type want)
{
    const struct cel_schema with_zones = {vars->vars, vars->n_vars, use_zone, b};
    struct cel_program *program = NULL;
    struct cel_error error;

    if (cel_compile(text, &with_zones, want, &program, &error)) {
        build_fault(b, part, index, field, error.offset, error.text);
        return NULL;
    }
    return program;
}

static bool is_metric_name(struct str name)
{
    if (!name.len || name.len > 64 || (name.ptr[0] >= '0' && name.ptr[0] <= '9'))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return true;
}

bool build_is_rule_name(struct str name)
{
    if (!name.len || name.len > 64)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!is_word && (i == 0 || !strchr("_.-", c)))
            return false;
    }
    return true;
}

/* Names that CEL or the state's public view keep for themselves. */
static bool is_taken_name(struct str name)
{
    static const char *const taken[] = {
        "owed",       "reply",        "balance",    "pressure",  "cadence",  "trust",
        "measure",    "advocacy",     "tie",        "stage",     "kind",     "account",
        "silent",     "turns",        "commitment", "consent",   "as_of",    "stage_since",
        "owed_by_us", "owed_by_them", "owed_since", "reply_due", "true",     "false",
        "null",       "in",           "has",        "size",      "duration", "timestamp",
        "int",        "double",       "string",     "bool",
    };

    for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
        if (str_eq(name, str_of(taken[i])))
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------- verbs */

static int compare_verbs(const void *a, const void *b)
{
    return str_cmp(((const struct verb_spec *)a)->name, ((const struct verb_spec *)b)->name);
}

/* A table of places, twice as many as verbs: most are found where they are looked for. */
static void index_verbs(struct model *m)
{
    m->verb_mask = 1;
    while (m->verb_mask < 2 * m->n_verbs)
        m->verb_mask *= 2;
    m->verb_index = mem_calloc(m->verb_mask--, sizeof(*m->verb_index));
    for (size_t i = 0; i < m->n_verbs; i++) {
        size_t at = hash64(m->verbs[i].name.ptr, m->verbs[i].name.len, 0) & m->verb_mask;

        while (m->verb_index[at])
            at = (at + 1) & m->verb_mask;
        m->verb_index[at] = &m->verbs[i];
    }
}

static void build_verbs(struct build *b)
{
    struct model *m = b->m;

    m->n_verbs = b->spec->n_verbs;
    m->verbs = mem_calloc(m->n_verbs + 1, sizeof(*m->verbs));
    for (size_t i = 0; i < m->n_verbs; i++) {
        m->verbs[i] = b->spec->verbs[i];
        m->verbs[i].name.ptr = copy(b->spec->verbs[i].name);
        if (!m->verbs[i].name.len)
            build_fault(b, MODEL_PART_VERB, i, "name", 0, "a verb needs a name");
    }
    qsort(m->verbs, m->n_verbs, sizeof(*m->verbs), compare_verbs);
    index_verbs(m);
}

const struct verb_spec *model_find_verb(const struct model *m, struct str verb)
{
    size_t at = hash64(verb.ptr, verb.len, 0) & m->verb_mask;

    while (m->verb_index[at] && !str_eq(m->verb_index[at]->name, verb))
        at = (at + 1) & m->verb_mask;
    return m->verb_index[at];
}

bool model_knows_verb(const struct model *m, struct str verb)
{
    return model_find_verb(m, verb) != NULL;
}

/* ---------------------------------------------------------------- metrics */

uint32_t build_tag(struct str text)
{
    return (uint32_t)hash64(text.ptr, text.len, 0);
}

uint16_t build_selector(struct model *m, const struct metric_spec *spec, struct cel_program *where,
                        struct cel_program *value)
{
    struct buf text = BUF_INIT;

    if (where)
        cel_canonical(where, &text);
    buf_add_str(&text, STR("|"));
    if (value)
        cel_canonical(value, &text);
    model_keep_canonical(spec, &text);
    for (size_t i = 0; i < m->n_selectors; i++) {
        if (strcmp(m->selectors[i].canonical, text.ptr) != 0)
            continue;
        cel_free(where);
        cel_free(value);
        buf_deinit(&text);
        return (uint16_t)i;
    }
    mem_grow(&m->selectors, &m->cap_selectors, m->n_selectors, sizeof(*m->selectors));
    m->selectors[m->n_selectors] =
        (struct selector){.where = where,
                          .value = value,
                          .canonical = text.ptr,
                          .tag = build_tag(buf_str(&text)),
                          .series = MODEL_NONE,
                          .is_key = spec->aggregate == AGGREGATE_DISTINCT};
    m->n_selectors++;
    model_keep_use_cap(m, (uint16_t)(m->n_selectors - 1), spec);
    return (uint16_t)(m->n_selectors - 1);
}

static void use_series(struct model *m, uint16_t selector, bool has_values, int64_t window_ms)
{
    struct selector *s = &m->selectors[selector];
    struct series_def *def;

    if (s->series == MODEL_NONE) {
        mem_grow(&m->series, &m->cap_series, m->n_series, sizeof(*m->series));
        s->series = (uint16_t)m->n_series++;
        m->series[s->series] = (struct series_def){selector, has_values, 0};
    }
    def = &m->series[s->series];
    if (def->longest_ms < window_ms)
        def->longest_ms = window_ms;
}

static uint16_t group_of(struct model *m, int64_t half_life_ms)
{
    for (size_t i = 0; i < m->n_groups; i++) {
        if (m->groups[i].half_life_ms == half_life_ms)
            return (uint16_t)i;
    }
    m->groups = mem_realloc(m->groups, (m->n_groups + 1) * sizeof(*m->groups));
    m->groups[m->n_groups] = (struct decay_group){.half_life_ms = half_life_ms};
    return (uint16_t)m->n_groups++;
}

static void use_slot(struct model *m, uint16_t group, uint16_t selector, bool is_count)
{
    struct decay_group *g = &m->groups[group];
    struct slot *slots;

    for (size_t i = 0; i < g->n_slots; i++) {
        const struct slot *s = &m->slots[g->first_slot + i];

        if (s->selector == selector && s->is_count == is_count)
            return;
    }
    m->slots = mem_realloc(m->slots, (m->n_slots + 1) * sizeof(*m->slots));
    slots = &m->slots[g->first_slot + g->n_slots];
    memmove(slots + 1, slots, (size_t)(&m->slots[m->n_slots] - slots) * sizeof(*slots));
    *slots = (struct slot){.selector = selector, .is_count = is_count};
    for (size_t i = group + 1u; i < m->n_groups; i++)
        m->groups[i].first_slot++;
    g->n_slots++;
    m->n_slots++;
}

static uint16_t find_slot(const struct model *m, int64_t half_life_ms, uint16_t selector,
                          bool is_count)
{
    for (size_t g = 0; g < m->n_groups; g++) {
        if (m->groups[g].half_life_ms != half_life_ms)
            continue;
        for (size_t i = m->groups[g].first_slot; i < m->groups[g].first_slot + m->groups[g].n_slots;
             i++) {
            if (m->slots[i].selector == selector && m->slots[i].is_count == is_count)
                return (uint16_t)i;
        }
    }
    return MODEL_NONE;
}

static int64_t half_life_of(const struct metric *metric)
{
    return metric->reach == REACH_HALF_LIFE ? metric->reach_ms : 0;
}

static bool needs_sum(const struct metric *metric)
{
    return metric->aggregate == AGGREGATE_SUM || metric->aggregate == AGGREGATE_MEAN;
}

static bool needs_count(const struct metric *metric)
{
    return metric->aggregate == AGGREGATE_COUNT || metric->aggregate == AGGREGATE_MEAN;
}

/* What the metric is, whatever its name: the same text for the same meaning. */
static char *metric_canonical(const struct model *m, const struct metric *metric,
                              const struct metric_spec *spec)
{
    static const char *const aggregates[] = {"count", "sum",  "mean",     "min",
                                             "max",   "last", "distinct", "distinct_days"};
    static const char *const reaches[] = {"ever", "half_life", "window"};
    const struct selector *s = &m->selectors[metric->selector];
    struct buf text = BUF_INIT;

    buf_addf(&text, "%s(", aggregates[metric->aggregate]);
    if (s->value)
        cel_canonical(s->value, &text);
    buf_add_str(&text, STR(") where ("));
    if (s->where)
        cel_canonical(s->where, &text);
    buf_addf(&text, ") %s %lld", reaches[metric->reach], (long long)metric->reach_ms);
    model_keep_canonical(spec, &text);
    return text.ptr;
}

static void check_metric(struct build *b, size_t i)
{
    const struct metric_spec *spec = &b->spec->metrics[i];
    const char *field, *wrong = model_keep_fault(spec, &field);

    if (wrong)
        build_fault(b, MODEL_PART_METRIC, i, field, 0, wrong);
    if (!is_metric_name(spec->name))
        build_fault(
            b, MODEL_PART_METRIC, i, "name", 0,
            "a metric's name has lower-case letters, digits and underscores, as in inbound_7d");
    else if (is_taken_name(spec->name) || derived_takes_name(&b->m->derived, spec->name))
        build_fault(b, MODEL_PART_METRIC, i, "name", 0,
                    "this name means something already; give the metric another, as in my_metric");
    for (size_t k = 0; k < i; k++) {
        if (str_eq(b->spec->metrics[k].name, spec->name))
            build_fault(b, MODEL_PART_METRIC, i, "name", 0,
                        "there is a metric of this name already");
    }
    if (spec->reach != REACH_EVER &&
        (spec->reach_ms < 1000 || spec->reach_ms > 100000LL * 86400000))
        build_fault(b, MODEL_PART_METRIC, i, spec->reach == REACH_WINDOW ? "window" : "half_life",
                    0, "must be between 1s and 100000d");
}

/* What the metric aggregates; NULL where it counts, or with the fault reported. */
static struct cel_program *compile_value(struct build *b, size_t i)
{
    const struct metric_spec *spec = &b->spec->metrics[i];
    bool is_key = spec->aggregate == AGGREGATE_DISTINCT;
    struct cel_program *value;

    if (spec->aggregate == AGGREGATE_COUNT || spec->aggregate == AGGREGATE_DISTINCT_DAYS)
        return NULL;
    value = build_compile(b, MODEL_PART_METRIC, i, "value", spec->value, &model_event_schema,
                          is_key ? CEL_DYN : CEL_DOUBLE);
    if (!value || !is_key || model_keep_takes(value))
        return value;
    build_fault(b, MODEL_PART_METRIC, i, "value", 0,
                "only texts, numbers and bools are told apart: write one, as in distinct: channel");
    return cel_free(value);
}

static void build_metric(struct build *b, size_t i)
{
    const struct metric_spec *spec = &b->spec->metrics[i];
    struct metric *metric = &b->m->metrics[i];
    struct cel_program *where = NULL, *value = NULL;
    bool had_faults = b->has_faults;

    b->has_faults = false;
    check_metric(b, i);
    if (spec->where.len)
        where = build_compile(b, MODEL_PART_METRIC, i, "where", spec->where, &model_event_schema,
                              CEL_BOOL);
    value = compile_value(b, i);
    *metric = (struct metric){.name = copy(spec->name),
                              .aggregate = spec->aggregate,
                              .reach = spec->reach,
                              .reach_ms = spec->reach == REACH_EVER ? 0 : spec->reach_ms};
    if (b->has_faults) {
        cel_free(where);
        cel_free(value);
        return;
    }
    b->has_faults = had_faults;
    metric->selector = build_selector(b->m, spec, where, value);
    metric->canonical = metric_canonical(b->m, metric, spec);
    model_keep_use(b->m, metric);
    if (metric->reach == REACH_WINDOW && metric->keep == MODEL_NONE)
        use_series(b->m, metric->selector, needs_sum(metric), metric->reach_ms);
}

/* Groups first, all of them, since a slot's place depends on the groups before its own. */
static void build_slots(struct model *m)
{
    for (size_t i = 0; i < m->n_metrics; i++) {
        const struct metric *metric = &m->metrics[i];
        uint16_t group;

        if (metric->reach == REACH_WINDOW || metric->keep != MODEL_NONE)
            continue;
        group = group_of(m, half_life_of(metric));
        if (!m->groups[group].n_slots)
            m->groups[group].first_slot = (uint16_t)m->n_slots;
        if (needs_sum(metric))
            use_slot(m, group, metric->selector, false);
        if (needs_count(metric))
            use_slot(m, group, metric->selector, true);
    }
    for (size_t i = 0; i < m->n_metrics; i++) {
        struct metric *metric = &m->metrics[i];
        int64_t half_life_ms = half_life_of(metric);

        metric->sum_slot = metric->count_slot = MODEL_NONE;
        if (metric->reach == REACH_WINDOW || metric->keep != MODEL_NONE)
            continue;
        if (needs_sum(metric))
            metric->sum_slot = find_slot(m, half_life_ms, metric->selector, false);
        if (needs_count(metric))
            metric->count_slot = find_slot(m, half_life_ms, metric->selector, true);
    }
}

static void tag_slots(struct model *m)
{
    for (size_t g = 0; g < m->n_groups; g++) {
        for (size_t i = 0; i < m->groups[g].n_slots; i++) {
            struct slot *slot = &m->slots[m->groups[g].first_slot + i];
            struct buf text = BUF_INIT;

            buf_addf(&text, "%u|%d|%lld", m->selectors[slot->selector].tag, slot->is_count,
                     (long long)m->groups[g].half_life_ms);
            slot->tag = build_tag(buf_str(&text));
            buf_deinit(&text);
        }
    }
}

static void build_metrics(struct build *b)
{
    b->m->n_metrics = b->spec->n_metrics;
    b->m->metrics = mem_calloc(b->m->n_metrics + 1, sizeof(*b->m->metrics));
    for (size_t i = 0; i < b->m->n_metrics; i++)
        build_metric(b, i);
    if (b->has_faults)
        return;
    build_slots(b->m);
    tag_slots(b->m);
}

/* ---------------------------------------------------------------- rules */

static enum cel_type type_of(const struct metric_spec *spec)
{
    bool is_distinct =
        spec->aggregate == AGGREGATE_DISTINCT || spec->aggregate == AGGREGATE_DISTINCT_DAYS;

    if (spec->aggregate == AGGREGATE_COUNT && spec->reach != REACH_HALF_LIFE)
        return CEL_INT;
    return is_distinct ? CEL_INT : CEL_DOUBLE;
}

static void build_rule_vars(struct build *b)
{
    size_t n = b->spec->n_metrics;

    b->m->rule_vars = mem_calloc(model_n_vars(b->m), sizeof(*b->m->rule_vars));
    for (size_t i = 0; i < n; i++)
        b->m->rule_vars[i] =
            (struct cel_var){b->m->metrics[i].name, type_of(&b->spec->metrics[i]), CEL_DYN};
    memcpy(&b->m->rule_vars[n], standing_vars, sizeof(standing_vars));
    memcpy(&b->m->rule_vars[model_derived_base(b->m)], b->m->derived.vars,
           derived_n_vars(&b->m->derived) * sizeof(struct cel_var));
}

/* Names that an action may use: what a trigger knows of whom and about what, and every metric. */
static bool knows_name(void *ctx, struct str name, struct buf *out)
{
    static const char *const names[] = {
        "stakeholder", "kind",  "account", "channel", "conversation", "org",  "organisation",
        "rule",        "route", "since",   "due",     "waiting",      "stage"};
    const struct model *m = ctx;

    (void)out;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (str_eq(name, str_of(names[i])))
            return true;
    }
    for (size_t i = 0; i < m->n_metrics; i++) {
        if (str_eq(name, str_of(m->metrics[i].name)))
            return true;
    }
    return false;
}

void build_check_message(struct build *b, enum model_part part, size_t i, struct str severity,
                         struct str action)
{
    size_t offset;

    if (!str_eq(severity, STR("info")) && !str_eq(severity, STR("warning")) &&
        !str_eq(severity, STR("critical")))
        build_fault(b, part, i, "severity", 0, "write info, warning or critical");
    if (template_check(action, knows_name, b->m, &offset))
        build_fault(b, part, i, "action", offset,
                    "not a name that an action knows: write {{stakeholder}}, {{channel}}, "
                    "{{conversation}}, "
                    "{{org}}, {{account}}, {{since}}, {{due}} or a metric's name");
}

static uint16_t find_calendar(const struct model *m, struct str name)
{
    for (size_t i = 0; i < m->n_calendars; i++) {
        if (m->calendars[i].name && str_eq(str_of(m->calendars[i].name), name))
            return (uint16_t)i;
    }
    return MODEL_NONE;
}

/* A deadline ten years of open hours away is none, and is long to look for. */
#define CALENDAR_WEEKS_MAX 520

static void check_owed(struct build *b, size_t i)
{
    const struct rule_spec *spec = &b->spec->rules[i];
    uint16_t calendar = find_calendar(b->m, spec->owed_calendar);

    if (spec->owed_after_ms <= 0)
        build_fault(b, MODEL_PART_RULE, i, "after", 0, "must be more than 0s");
    if (spec->for_ms)
        build_fault(b, MODEL_PART_RULE, i, "for", 0,
                    "does not go with `owed`: its `after` says how long to wait");
    if (!spec->owed_calendar.len)
        return;
    if (calendar == MODEL_NONE)
        build_fault(b, MODEL_PART_RULE, i, "calendar", 0,
                    "there is no calendar of this name: write one in `calendars`");
    else if (b->m->calendars[calendar].week_ms &&
             spec->owed_after_ms / CALENDAR_WEEKS_MAX > b->m->calendars[calendar].week_ms)
        build_fault(b, MODEL_PART_RULE, i, "after", 0,
                    "is more than the calendar's hours of ten years: write less");
}

static void check_rule(struct build *b, size_t i)
{
    const struct rule_spec *spec = &b->spec->rules[i];

    if (!build_is_rule_name(spec->name))
        build_fault(
            b, MODEL_PART_RULE, i, "name", 0,
            "a rule's name has letters, digits, '-', '_' and '.', as in reply-overdue; at most 64");
    for (size_t k = 0; k < i; k++) {
        if (str_eq(b->spec->rules[k].name, spec->name))
            build_fault(b, MODEL_PART_RULE, i, "name", 0, "there is a rule of this name already");
    }
    build_check_message(b, MODEL_PART_RULE, i, spec->severity, spec->action);
    if (spec->kind == RULE_OWED)
        check_owed(b, i);
}

static bool is_timed_var(void *ctx, unsigned v)
{
    const struct model *m = ctx;

    if (v < m->n_metrics)
        return m->metrics[v].reach != REACH_EVER;
    if (v >= model_derived_base(m))
        return derived_motion_of(v - model_derived_base(m)) != MOTION_NONE;
    return v - m->n_metrics == RULE_VAR_OWED_OLDEST ||
           v - m->n_metrics == RULE_VAR_OWED_OLDEST_THEIRS ||
           v - m->n_metrics == RULE_VAR_STAGE_SINCE;
}

static uint64_t change_of_derived(enum rule_var var)
{
    return var == RULE_VAR_STAGE || var == RULE_VAR_STAGE_SINCE ? MODEL_CHANGE_STAGE
                                                                : MODEL_CHANGE_PERSON;
}

/* What decides a rule beside the variables that its conditions read. */
static uint64_t change_of_kind(const struct rule *rule)
{
    if (rule->kind == RULE_OWED)
        return MODEL_CHANGE_PERSON;
    if (rule->kind == RULE_ABSENT || rule->kind == RULE_EXPECT)
        return MODEL_CHANGE_DUE | (rule->within_gaps > 0 ? MODEL_CHANGE_TIME : 0);
    return rule->n_reads ? 0 : UINT64_MAX; /* constant: it begins with the first event */
}

static void note_reads(struct model *m, struct rule *rule)
{
    size_t n_vars = model_n_vars(m);

    rule->reads = mem_calloc(n_vars, sizeof(*rule->reads));
    for (size_t v = 0; v < n_vars; v++) {
        bool is_read = (rule->enter && cel_reads(rule->enter, (unsigned)v)) ||
                       (rule->exit && cel_reads(rule->exit, (unsigned)v));

        if (!is_read)
            continue;
        rule->reads[rule->n_reads++] = (uint16_t)v;
        rule->is_timed |= is_timed_var(m, (unsigned)v);
        rule->changes |=
            v < m->n_metrics ? model_change_of(m->metrics[v].selector)
            : v < model_derived_base(m)
                ? change_of_derived((enum rule_var)(v - m->n_metrics))
                : MODEL_CHANGE_PERSON | MODEL_CHANGE_TIME |
                      model_change_of_groups(derived_groups_of(v - model_derived_base(m)));
        if (v >= model_derived_base(m))
            m->derived.kept |= derived_groups_of(v - model_derived_base(m));
        rule->reads_derived |= v >= model_derived_base(m);
        /* When it flips must follow from the state as it is, not as it was: a restart knows no
         * other. */
        if (v < m->n_metrics && m->metrics[v].reach == REACH_HALF_LIFE)
            rule->changes |= MODEL_CHANGE_TIME;
    }
    rule->changes |= change_of_kind(rule);
    if (rule->quiet_hold) /* other quiet hours move what is held */
        rule->changes |= MODEL_CHANGE_PERSON;
}

static bool take_atoms(struct model *m, const struct cel_program *program, struct rule_atoms *atoms)
{
    struct cel_atom found[RULE_ATOMS_MAX];

    if (!program)
        return true;
    if (!cel_atoms(program, is_timed_var, m, found, RULE_ATOMS_MAX, &atoms->n))
        return false;
    atoms->items = mem_calloc(atoms->n + 1, sizeof(*atoms->items));
    if (atoms->n)
        memcpy(atoms->items, found, atoms->n * sizeof(*found));
    return true;
}

static uint8_t rank_var(void *ctx, unsigned v)
{
    return verdict_rank(ctx, v);
}

/* NULL: it is not of that form. */
static struct cel_logic_node *logic_of(struct model *m, const struct cel_program *program)
{
    struct cel_logic_node found[RULE_LOGIC_MAX], *nodes;
    size_t n;

    if (!cel_logic(program, rank_var, m, found, RULE_LOGIC_MAX, &n))
        return NULL;
    nodes = mem_calloc(n, sizeof(*nodes));
    memcpy(nodes, found, n * sizeof(*nodes));
    return nodes;
}

static void note_atoms(struct model *m, struct rule *rule)
{
    rule->has_atoms = rule->enter && take_atoms(m, rule->enter, &rule->enter_atoms) &&
                      take_atoms(m, rule->exit, &rule->exit_atoms);
    if (!rule->has_atoms)
        return;
    rule->enter_logic = logic_of(m, rule->enter);
    rule->exit_logic = rule->exit && rule->enter_logic ? logic_of(m, rule->exit) : NULL;
    if (rule->exit && !rule->exit_logic)
        rule->enter_logic = mem_free(rule->enter_logic);
}

static void add_program(struct buf *text, const char *label, const struct cel_program *program)
{
    buf_addf(text, "|%s=", label);
    if (program)
        cel_canonical(program, text);
}

/* What the zones that a program names mean. */
static void add_zones(struct buf *text, const struct cel_program *program)
{
    struct str name;
    const struct zone *zone;

    for (size_t i = 0; program && (zone = cel_zone(program, i, &name)); i++) {
        buf_addf(text, "|%.*s=", STR_ARG(name));
        zone_add_text(zone, text);
    }
}

static void add_owed(struct buf *text, const struct model *m, const struct rule *rule)
{
    buf_addf(text, "|by=%d|after=%lld|answered_by=%d|automatic=%d", rule->owed_by,
             (long long)rule->owed_after_ms, m->answered_by, m->automatic_answers);
    if (rule->owed_until != DEPTH_ANSWERED)
        buf_addf(text, "|until=%d", rule->owed_until);
    if (rule->owed_where)
        add_program(text, "where", rule->owed_where);
    if (rule->owed_calendar != MODEL_NONE)
        buf_addf(text, "|calendar=%s", m->calendars[rule->owed_calendar].canonical);
}

/* What decides a derived value; of replies, what `owed` rules call in time, too. */
static void add_derived(const struct model *m, size_t var, struct buf *text)
{
    buf_add_char(text, ':');
    derived_canonical(&m->derived, var, text);
    for (size_t i = 0; i < m->n_owed && derived_groups_of(var) >> DERIVED_REPLY & 1; i++) {
        const struct rule *owed = &m->rules[m->owed_rules[i]];

        add_owed(text, m, owed);
    }
}

/* The canonical form: all that decides when the rule fires and what it says. */
static void version_rule(const struct model *m, struct rule *rule)
{
    struct buf text = BUF_INIT;

    buf_addf(&text, "1|%s|%d", rule->name, rule->kind);
    add_program(&text, "enter", rule->enter);
    add_program(&text, "exit", rule->exit);
    buf_addf(&text, "|for=%lld|cooldown=%lld|severity=%s|route=%s|action=%s",
             (long long)rule->for_ms, (long long)rule->cooldown_ms, rule->severity, rule->route,
             rule->action);
    if (rule->kind == RULE_OWED)
        add_owed(&text, m, rule);
    if (rule->quiet_hold)
        buf_add_str(&text, STR("|quiet=hold"));
    add_zones(&text, rule->enter);
    add_zones(&text, rule->exit);
    add_zones(&text, rule->owed_where);
    build_version_more(m, rule, &text);
    for (size_t i = 0; i < rule->n_reads; i++) {
        uint16_t v = rule->reads[i];

        buf_addf(&text, "|%s", m->rule_vars[v].name);
        if (v < m->n_metrics)
            buf_addf(&text, ":%s", m->metrics[v].canonical);
        else if (v >= model_derived_base(m))
            add_derived(m, v - model_derived_base(m), &text);
    }
    digest_hex(buf_str(&text), rule->version);
    buf_deinit(&text);
}

static void build_owed(struct build *b, size_t i)
{
    static const enum depth depths[] = {[OWED_UNTIL_ANSWERED] = DEPTH_ANSWERED,
                                        [OWED_UNTIL_ACKNOWLEDGED] = DEPTH_ACKNOWLEDGED,
                                        [OWED_UNTIL_ACTED] = DEPTH_ACTED};
    const struct rule_spec *spec = &b->spec->rules[i];
    struct rule *rule = &b->m->rules[b->m->n_stages + i];
    struct buf text = BUF_INIT;

    rule->owed_by = spec->owed_by;
    rule->owed_after_ms = spec->owed_after_ms;
    rule->owed_until = depths[spec->owed_until];
    rule->owed_calendar = find_calendar(b->m, spec->owed_calendar);
    rule->owed_bit = (uint16_t)b->m->n_owed;
    b->m->owed_rules[b->m->n_owed++] = (uint16_t)(b->m->n_stages + i);
    b->m->waits_for_acknowledgement |= rule->owed_until == DEPTH_ACKNOWLEDGED;
    if (!spec->owed_where.len)
        return;
    rule->owed_where = build_compile(b, MODEL_PART_RULE, i, "where", spec->owed_where,
                                     &model_event_schema, CEL_BOOL);
    if (rule->owed_where)
        cel_canonical(rule->owed_where, &text);
    rule->where_tag = build_tag(buf_str(&text));
    buf_deinit(&text);
}

static void build_rule(struct build *b, size_t i)
{
    const struct rule_spec *spec = &b->spec->rules[i];
    struct rule *rule = &b->m->rules[b->m->n_stages + i];
    const struct cel_schema schema = {.vars = b->m->rule_vars, .n_vars = model_n_vars(b->m)};

    check_rule(b, i);
    *rule = (struct rule){.name = copy(spec->name),
                          .severity = copy(spec->severity),
                          .route = copy(spec->route),
                          .action = copy(spec->action),
                          .enter_text = copy(spec->enter),
                          .exit_text = copy(spec->exit),
                          .tag = build_tag(spec->name),
                          .kind = spec->kind,
                          .owed_calendar = MODEL_NONE,
                          .quiet_hold = spec->quiet_hold,
                          .for_ms = spec->for_ms,
                          .cooldown_ms = spec->cooldown_ms,
                          .escalate_after_ms = spec->escalate_after_ms,
                          .what = MODEL_NONE,
                          .after = MODEL_NONE};
    if (spec->kind == RULE_OWED) {
        build_owed(b, i);
        return;
    }
    if (spec->kind == RULE_ABSENT || spec->kind == RULE_EXPECT) {
        build_due(b, i, rule);
        return;
    }
    rule->enter = build_compile(b, MODEL_PART_RULE, i, "enter", spec->enter, &schema, CEL_BOOL);
    if (spec->exit.len)
        rule->exit = build_compile(b, MODEL_PART_RULE, i, "exit", spec->exit, &schema, CEL_BOOL);
}

static void build_rules(struct build *b)
{
    struct model *m = b->m;

    m->n_rules = m->n_stages + b->spec->n_rules;
    m->owed_rules = mem_calloc(m->n_rules + 1, sizeof(*m->owed_rules));
    m->due_rules = mem_calloc(m->n_rules + 1, sizeof(*m->due_rules));
    for (size_t i = 0; i < b->spec->n_rules; i++)
        build_rule(b, i);
    if (m->n_owed > MODEL_OWED_MAX)
        build_fault(b, MODEL_PART_RULE, m->owed_rules[MODEL_OWED_MAX] - m->n_stages, "owed", 0,
                    "at most 64 rules may use `owed`");
    build_inhibitors(b);
    build_order(b);
    build_silences(b);
    build_sources(b);
    if (b->has_faults)
        return;
    for (size_t i = 0; i < m->n_rules; i++) {
        note_reads(m, &m->rules[i]);
        note_atoms(m, &m->rules[i]);
        version_rule(m, &m->rules[i]);
    }
}

/* ---------------------------------------------------------------- the whole */

static void on_derived_fault(void *ctx, const struct derived_fault *f)
{
    build_fault(ctx, MODEL_PART_DERIVED, f->index, f->field, 0, f->text);
}

/* Which places for the latest events there are: one per selector, three that all have, and those of
 * derived values. Groups that an interaction moves are moved by nearly every one, and share a
 * place; answers, promises and measures have their own. */
static void place_refs(struct model *m)
{
    const unsigned own =
        1u << DERIVED_REPLY | 1u << DERIVED_TRUST | 1u << DERIVED_MEASURE | 1u << DERIVED_ADVOCACY;
    unsigned kept = m->derived.kept;

    m->ref_groups = (kept & own) | (kept & ~own ? 1u << DERIVED_SILENT : 0);
    m->n_refs = m->n_selectors + 3;
    for (unsigned g = 0; g < N_DERIVED_GROUPS; g++) {
        if (m->ref_groups >> g & 1)
            m->ref_of_group[g] = (uint16_t)m->n_refs++;
    }
    for (unsigned g = 0; g < N_DERIVED_GROUPS; g++) {
        if (!(m->ref_groups >> g & 1))
            m->ref_of_group[g] = m->ref_of_group[DERIVED_SILENT];
    }
}

int model_new(const struct model_spec *spec, model_fault_fn on_fault, void *ctx,
              struct model **ret_model)
{
    struct model *m = mem_calloc(1, sizeof(*m));
    struct build b = {.spec = spec, .m = m, .on_fault = on_fault, .ctx = ctx};

    m->deployment = copy(spec->deployment);
    m->organisation = copy(spec->organisation);
    m->lateness_ms = spec->lateness_ms;
    m->dedup_events = spec->dedup_events;
    m->dedup_horizon_ms = spec->dedup_horizon_ms;
    m->evidence_events = spec->evidence_events;
    m->answered_by = spec->answered_by;
    m->automatic_answers = spec->automatic_answers;
    m->flood_triggers = spec->flood_triggers;
    m->flood_per_ms = spec->flood_per_ms;
    m->backfill_until_ms = spec->backfill_until_ms;
    m->forget_after_ms = spec->forget_after_ms;
    m->retraction_ms = spec->retraction_ms;
    if (spec->n_metrics > MODEL_METRICS_MAX || spec->n_rules > MODEL_RULES_MAX ||
        spec->n_stages > MODEL_RULES_MAX) {
        build_fault(&b, spec->n_metrics > MODEL_METRICS_MAX ? MODEL_PART_METRIC : MODEL_PART_RULE,
                    0, "name", 0, "at most 1000 metrics and 1000 rules");
    } else {
        build_calendars(&b);
        build_verbs(&b);
        if (derived_init(&m->derived, spec->derived, on_derived_fault, &b)) {
            build_metrics(&b);
            build_rule_vars(&b);
            build_stages(&b);
            build_rules(&b);
        }
    }
    if (b.has_faults) {
        model_free(m);
        return MODEL_E_FAULTS;
    }
    selection_prepare(m);
    place_refs(m);
    m->gates = gate_all(m);
    *ret_model = m;
    return 0;
}

static void free_rule(struct rule *rule)
{
    mem_free(rule->name);
    mem_free(rule->severity);
    mem_free(rule->route);
    mem_free(rule->action);
    mem_free(rule->enter_text);
    mem_free(rule->exit_text);
    mem_free(rule->where_text);
    mem_free(rule->after_text);
    mem_free(rule->inhibitors);
    mem_free(rule->reads);
    mem_free(rule->enter_atoms.items);
    mem_free(rule->exit_atoms.items);
    mem_free(rule->enter_logic);
    mem_free(rule->exit_logic);
    cel_free(rule->enter);
    cel_free(rule->exit);
    cel_free(rule->owed_where);
}

struct model *model_free(struct model *m)
{
    if (!m)
        return NULL;
    for (size_t i = 0; i < m->n_rules && m->rules; i++)
        free_rule(&m->rules[i]);
    for (size_t i = 0; i < m->n_metrics && m->metrics; i++) {
        mem_free(m->metrics[i].name);
        mem_free(m->metrics[i].canonical);
    }
    for (size_t i = 0; i < m->n_selectors; i++) {
        selection_deinit(&m->selectors[i]);
        cel_free(m->selectors[i].where);
        cel_free(m->selectors[i].value);
        mem_free(m->selectors[i].canonical);
    }
    for (size_t i = 0; i < m->n_verbs && m->verbs; i++)
        mem_free((void *)(uintptr_t)m->verbs[i].name.ptr);
    for (size_t i = 0; i < m->n_zones; i++)
        mem_free(m->zones[i].name);
    for (size_t i = 0; i < m->n_calendars; i++)
        calendar_deinit(&m->calendars[i]);
    mem_free(m->zones);
    mem_free(m->calendars);
    mem_free(m->rules);
    mem_free(m->owed_rules);
    mem_free(m->due_rules);
    mem_free(m->order);
    build_free_silences(m);
    build_free_sources(m);
    mem_free(m->rule_vars);
    derived_deinit(&m->derived);
    mem_free(m->metrics);
    mem_free(m->selectors);
    mem_free(m->slots);
    mem_free(m->groups);
    mem_free(m->series);
    mem_free(m->keeps);
    mem_free(m->gates);
    mem_free(m->shapes);
    mem_free(m->verb_index);
    mem_free(m->verbs);
    mem_free(m->deployment);
    mem_free(m->organisation);
    return mem_free(m);
}

size_t model_n_metrics(const struct model *model)
{
    return model->n_metrics;
}

struct str model_metric_name(const struct model *model, size_t i)
{
    return str_of(model->metrics[i].name);
}

size_t model_n_rules(const struct model *model)
{
    return model->n_rules;
}

struct str model_rule_name(const struct model *model, size_t i)
{
    return str_of(model->rules[i].name);
}

struct str model_rule_version(const struct model *model, size_t i)
{
    return str_of(model->rules[i].version);
}

int64_t model_lateness_ms(const struct model *model)
{
    return model->lateness_ms;
}

uint32_t model_derived_kept(const struct model *model)
{
    return model->derived.kept;
}
