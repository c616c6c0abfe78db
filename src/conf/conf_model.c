/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs and rules: from their forms in the file to the engine's spec (metrics: conf_metric.c); and
 * the faults that the engine finds in the spec, back to their places in the file. What an
 * expression means is the engine's; the forms are ours.
 */
#include "conf/conf_form.h"

#include "base/mem.h"

#define NAME_MAX_BYTES 64
#define WEIGHT_MAX     1000000000LL
/* What is compared in pairs, and kept per stakeholder. */
#define VERBS_MAX       1000
#define RULES_MAX       1000
#define INHIBITORS_MAX  100
#define HALF_LIVES_KEPT 40

static const char *const sides[] = {"organisation", "stakeholder", NULL};
const char *const conf_owed_untils[] = {
    [OWED_UNTIL_ANSWERED] = "answered",
    [OWED_UNTIL_ACKNOWLEDGED] = "acknowledged",
    [OWED_UNTIL_ACTED] = "acted",
    NULL,
};
static const char *const quiets[] = {"ignore", "hold", NULL};
static const char *const severities[] = {"info", "warning", "critical", NULL};

/* ---- what forms share ---- */

bool conf_is_map_of(struct conf_reader *reader, const struct conf_node *node, const char *what,
                    const char *example)
{
    if (node->type == CONF_NODE_MAP)
        return true;
    conf_fault_node(reader, node, "%s: expected a mapping such as %s; {} for none", what, example);
    return false;
}

bool conf_has_later(const struct conf_key *keys, const struct conf_node *map)
{
    for (; keys->name; keys++)
        if (keys->type == CONF_LATER && conf_map_get(map, keys->name))
            return true;
    return false;
}

/* ---- verbs ---- */

const struct conf_key conf_keys_verb[] = {
    {.name = "weight",
     .type = CONF_NUMBER,
     .offset = offsetof(struct verb_spec, weight),
     .min = -WEIGHT_MAX,
     .max = WEIGHT_MAX,
     .def = "1",
     .help = "what one interaction counts"},
    {.name = "expects_reply",
     .type = CONF_BOOL,
     .offset = offsetof(struct verb_spec, expects_reply),
     .def = "off",
     .help = "it opens an obligation"},
    CONF_KEY_END,
};

static bool read_verb(struct conf_reader *reader, const struct conf_origin *origin,
                      struct verb_spec *ret_verb)
{
    static const struct conf_key key = {
        .name = "verb", .type = CONF_TEXT, .min = 1, .max = EVENT_SUBJECT_MAX_BYTES};
    bool ok = conf_key_read(reader, &key, origin->name, &ret_verb->name);

    conf_keys_set_defaults(conf_keys_verb, ret_verb);
    return conf_keys_read(reader, conf_keys_verb, origin->value, ret_verb) && ok;
}

void conf_read_verbs(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    struct conf_private *p = base;
    struct conf_origin *origins;
    struct verb_spec *verbs;
    size_t n = 0;

    if (!conf_is_map_of(reader, node, "verbs", "{question: {weight: 1.5, expects_reply: on}}"))
        return;
    if (node->n > VERBS_MAX)
        return conf_fault_node(reader, node, "verbs: more than %d", VERBS_MAX);
    verbs = conf_keep(p, mem_calloc(node->n + 1, sizeof(*verbs)));
    origins = conf_keep(p, mem_calloc(node->n + 1, sizeof(*origins)));
    for (size_t i = 0; i < node->n; i++) {
        origins[n] =
            (struct conf_origin){.name = conf_map_key(node, i), .value = conf_map_value(node, i)};
        n += read_verb(reader, &origins[n], &verbs[n]);
    }
    p->conf.spec.verbs = verbs;
    p->conf.spec.n_verbs = n;
    p->verb_origins = origins;
}

/* ---- rules ---- */

struct rule_form {
    struct str name, enter, exit, route, action, calendar, where;
    int by, severity, until, quiet;
    int64_t after_ms, for_ms, cooldown_ms;
    struct str after; /* of `expect` */
    int64_t within_ms, escalate_after_ms;
    double within_gaps;
    const struct str *inhibited_by;
    size_t n_inhibited_by;
};

#define WITHIN                                                                                     \
    {                                                                                              \
        .name = "within", .type = CONF_DURATION, .offset = offsetof(struct rule_form, within_ms),  \
        .min = 1, .max = REACH_MAX_MS, .is_required = true,                                        \
        .help = "write how long it may take, such as within: 30d"                                  \
    }

static const struct conf_key keys_absent[] = {
    {.name = "where",
     .type = CONF_TEXT,
     .offset = offsetof(struct rule_form, where),
     .min = 1,
     .max = EXPRESSION_MAX,
     .is_required = true,
     .help = "write which interactions count, such as where: verb == \"purchase\""},
    {.name = "within",
     .type = CONF_DURATION,
     .offset = offsetof(struct rule_form, within_ms),
     .min = 1,
     .max = REACH_MAX_MS,
     .help = "how long it may take, such as within: 30d"},
    {.name = "cadence",
     .type = CONF_NUMBER,
     .offset = offsetof(struct rule_form, within_gaps),
     .min = 0,
     .max = 1000000,
     .help = "instead of `within`: how many of the stakeholder's own gaps, such as cadence: 3"},
    CONF_KEY_END,
};

static const struct conf_key keys_expect[] = {
    {.name = "after",
     .type = CONF_TEXT,
     .offset = offsetof(struct rule_form, after),
     .min = 1,
     .max = EXPRESSION_MAX,
     .is_required = true,
     .help = "write upon which interactions something must follow"},
    {.name = "then",
     .type = CONF_TEXT,
     .offset = offsetof(struct rule_form, where),
     .min = 1,
     .max = EXPRESSION_MAX,
     .is_required = true,
     .help = "write what must follow"},
    WITHIN,
    CONF_KEY_END,
};

/* One name, or a list of them. */
static void read_inhibited_by(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    struct rule_form *form = base;
    bool is_list = node->type == CONF_NODE_LIST;
    size_t n = is_list ? node->n : 1;
    struct str *names = conf_keep(reader->conf->private, mem_calloc(n + 1, sizeof(*names)));

    if (n > INHIBITORS_MAX)
        return conf_fault_node(reader, node, "inhibited_by: more than %d", INHIBITORS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (!conf_read_text(reader, "inhibited_by", is_list ? node->items[i] : node, &names[i]))
            return;
    }
    form->inhibited_by = names;
    form->n_inhibited_by = n;
}

static const struct conf_key keys_owed[] = {
    {.name = "by",
     .type = CONF_CHOICE,
     .offset = offsetof(struct rule_form, by),
     .choices = sides,
     .is_required = true,
     .help = "write by: organisation or by: stakeholder"},
    {.name = "after",
     .type = CONF_DURATION,
     .offset = offsetof(struct rule_form, after_ms),
     .min = 1,
     .max = REACH_MAX_MS,
     .is_required = true,
     .help = "write how long an answer may take, such as after: 4h"},
    {.name = "calendar",
     .type = CONF_TEXT,
     .offset = offsetof(struct rule_form, calendar),
     .min = 1,
     .max = NAME_MAX_BYTES,
     .help = "`after` counts the hours of this one"},
    {.name = "until",
     .type = CONF_CHOICE,
     .offset = offsetof(struct rule_form, until),
     .choices = conf_owed_untils,
     .def = "answered",
     .help = "acknowledged: an automatic answer will do; acted: until something resolves it"},
    EXPRESSION(rule_form, where, "only obligations whose opening event it holds for"),
    CONF_KEY_END,
};

const struct conf_key conf_keys_rule[] = {
    {.name = "name",
     .type = CONF_NAME,
     .offset = offsetof(struct rule_form, name),
     .min = 1,
     .max = NAME_MAX_BYTES,
     .chars = "A0_.-",
     .is_required = true,
     .help = "letters, digits, '_', '.' and '-'"},
    EXPRESSION(rule_form, enter, "fires when this begins to hold"),
    EXPRESSION(rule_form, exit, "ends when this holds; by default when `enter` no longer does"),
    {.name = "owed", .type = CONF_MAP, .keys = keys_owed, .help = "fires when an answer is late"},
    {.name = "absent",
     .type = CONF_MAP,
     .keys = keys_absent,
     .help = "fires when something has not happened for that long"},
    {.name = "expect",
     .type = CONF_MAP,
     .keys = keys_expect,
     .help = "fires when something has not followed upon something else in time"},
    {.name = "for",
     .type = CONF_DURATION,
     .offset = offsetof(struct rule_form, for_ms),
     .max = REACH_MAX_MS,
     .help = "must hold that long"},
    {.name = "cooldown",
     .type = CONF_DURATION,
     .offset = offsetof(struct rule_form, cooldown_ms),
     .max = REACH_MAX_MS,
     .help = "does not fire again that soon"},
    {.name = "quiet",
     .type = CONF_CHOICE,
     .offset = offsetof(struct rule_form, quiet),
     .choices = quiets,
     .def = "ignore",
     .help = "hold: does not fire in the stakeholder's quiet hours, but at their end"},
    {.name = "severity",
     .type = CONF_CHOICE,
     .offset = offsetof(struct rule_form, severity),
     .choices = severities,
     .def = "warning",
     .help = "info, warning or critical"},
    {.name = "route",
     .type = CONF_TEXT,
     .offset = offsetof(struct rule_form, route),
     .min = 1,
     .max = 256,
     .help = "the process that should act"},
    {.name = "action",
     .type = CONF_TEXT,
     .offset = offsetof(struct rule_form, action),
     .min = 1,
     .max = 4096,
     .help = "what to do, as a template"},
    {.name = "inhibited_by",
     .type = CONF_CUSTOM,
     .read = read_inhibited_by,
     .help = "held back while one of these rules is open for the same stakeholder"},
    {.name = "escalate_after",
     .type = CONF_DURATION,
     .offset = offsetof(struct rule_form, escalate_after_ms),
     .min = REACH_MIN_MS,
     .max = REACH_MAX_MS,
     .help = "emitted again, more severe, unless an outcome event says that somebody saw it"},
    LATER("stage"),
    LATER("on"),
    LATER("flood"),
    CONF_KEY_END,
};

/* What makes a rule fire, and what does not go with it. */
static const struct {
    const char *key;
    enum rule_kind kind;
} rule_kinds[] = {{"enter", RULE_CONDITION},
                  {"owed", RULE_OWED},
                  {"absent", RULE_ABSENT},
                  {"expect", RULE_EXPECT}};

/* The first of them that the rule has, or the end of the list. */
static size_t kind_of(const struct conf_node *map)
{
    size_t i = 0;

    while (i < ARRAY_SIZE(rule_kinds) && !conf_map_get(map, rule_kinds[i].key))
        i++;
    return i;
}

/* `for` and `exit` are for conditions. */
static void check_timed(struct conf_reader *reader, const struct conf_node *map, const char *kind)
{
    static const struct {
        const char *key;
        const char *owed, *due;
    } refused[] = {
        {"for", "`after` says how long an answer may take", "`within` says how long it may take"},
        {"exit", "it ends with the answer", "it ends when that happens"}};
    bool is_owed = strcmp(kind, "owed") == 0;

    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        const struct conf_node *value = conf_map_get(map, refused[i].key);

        if (value)
            conf_fault_node(reader, value, "%s: %s `%s` rule takes none: %s; leave it out",
                            refused[i].key, strchr("aeo", kind[0]) ? "an" : "a", kind,
                            is_owed ? refused[i].owed : refused[i].due);
    }
}

static void check_absent(struct conf_reader *reader, const struct conf_node *absent)
{
    const struct conf_node *within = conf_map_get(absent, "within");
    const struct conf_node *cadence = conf_map_get(absent, "cadence");

    if (within && cadence)
        conf_fault_node(reader, cadence, "cadence: there is `within` too: write one of them");
    else if (!within && !cadence && absent->type == CONF_NODE_MAP)
        conf_fault_node(reader, absent,
                        "'within' is missing: write how long it may take, such as within: 30d, or "
                        "cadence: 3 for three of the stakeholder's own gaps");
}

static void check_rule(struct conf_reader *reader, const struct conf_node *map)
{
    const struct conf_node *exit = conf_map_get(map, "exit");
    size_t kind = kind_of(map);

    if (conf_map_get(map, "absent"))
        check_absent(reader, conf_map_get(map, "absent"));
    for (size_t i = kind + 1; i < ARRAY_SIZE(rule_kinds); i++) {
        const struct conf_node *other = conf_map_get(map, rule_kinds[i].key);

        if (!other)
            continue;
        conf_fault_node(reader, other, "%s: the rule has `%s` too: write a rule for each",
                        rule_kinds[i].key, rule_kinds[kind].key);
        return;
    }
    if (kind < ARRAY_SIZE(rule_kinds) && rule_kinds[kind].kind != RULE_CONDITION)
        check_timed(reader, map, rule_kinds[kind].key);
    else if (kind == ARRAY_SIZE(rule_kinds) && exit)
        conf_fault_node(reader, exit, "exit: the rule has no `enter`: write when it begins");
    else if (kind == ARRAY_SIZE(rule_kinds) && !conf_has_later(conf_keys_rule, map))
        conf_fault_node(reader, map,
                        "the rule never fires: write enter: CONDITION, or owed: {by: organisation, "
                        "after: 4h}");
}

static struct rule_spec rule_of_form(const struct rule_form *form, const struct conf_node *map)
{
    size_t at = kind_of(map);
    enum rule_kind kind = at < ARRAY_SIZE(rule_kinds) ? rule_kinds[at].kind : RULE_CONDITION;
    bool is_condition = kind == RULE_CONDITION;

    return (struct rule_spec){
        .name = form->name,
        .kind = kind,
        .enter = is_condition ? form->enter : STR_NULL,
        .exit = is_condition ? form->exit : STR_NULL,
        .owed_by = form->by ? SIDE_STAKEHOLDER : SIDE_ORGANISATION,
        .owed_after_ms = form->after_ms,
        .owed_calendar = form->calendar,
        .owed_until = (enum owed_until)form->until,
        .owed_where = kind == RULE_OWED ? form->where : STR_NULL,
        .quiet_hold = form->quiet != 0,
        .where = kind == RULE_OWED ? STR_NULL : form->where,
        .after = form->after,
        .within_ms = form->within_ms,
        .within_gaps = kind == RULE_ABSENT ? form->within_gaps : 0,
        .for_ms = is_condition ? form->for_ms : 0,
        .cooldown_ms = form->cooldown_ms,
        .severity = str_of(severities[form->severity]),
        .route = form->route,
        .action = form->action,
        .inhibited_by = form->inhibited_by,
        .n_inhibited_by = form->n_inhibited_by,
        .escalate_after_ms = form->escalate_after_ms,
    };
}

/* Whether it is clear enough what the rule means for the engine to look at it. */
static bool is_readable(const struct rule_spec *spec)
{
    switch (spec->kind) {
    case RULE_CONDITION:
        return spec->enter.len > 0;
    case RULE_OWED:
        return spec->owed_after_ms > 0;
    case RULE_EXPECT:
        return spec->where.len && spec->after.len && spec->within_ms > 0;
    default:
        return spec->where.len && (spec->within_ms > 0 || spec->within_gaps > 0);
    }
}

/*
 * A rule with a fault still goes to the engine where it is clear what was meant, so that its
 * expressions are looked at in the same run. False: it is not.
 */
static bool read_rule(struct conf_reader *reader, const struct conf_node *map,
                      struct rule_spec *ret_spec)
{
    const struct conf_node *name = conf_map_get(map, "name");
    struct rule_form form = {.by = 0};

    conf_keys_set_defaults(conf_keys_rule, &form);
    (void)conf_keys_read(reader, conf_keys_rule, map, &form);
    if (map->type != CONF_NODE_MAP)
        return false;
    check_rule(reader, map);
    if (form.name.len && strchr("_.-", form.name.ptr[0])) {
        conf_fault_node(reader, name, "name: must begin with a letter or a digit");
        form.name = STR_NULL;
    }
    *ret_spec = rule_of_form(&form, map);
    return is_readable(ret_spec);
}

/* The engine wants a name of its own for each. */
static void name_rule(struct conf_private *p, struct rule_spec *rule, size_t i)
{
    struct buf b = BUF_INIT;

    buf_addf(&b, "unnamed.%zu", i);
    rule->name = buf_str(&b);
    conf_keep(p, b.ptr);
}

static bool is_name_taken(struct conf_reader *reader, const struct conf_node *list, size_t n)
{
    const struct conf_node *name = conf_map_get(list->items[n], "name");

    if (!name || name->type != CONF_NODE_SCALAR)
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct conf_node *other = conf_map_get(list->items[i], "name");

        if (!other || other->type != CONF_NODE_SCALAR || !str_eq(other->text, name->text))
            continue;
        conf_fault_node(reader, name,
                        "name: '%.*s' is taken by the rule at line %d: choose another",
                        STR_ARG(conf_clip(name->text)), list->items[i]->line);
        return true;
    }
    return false;
}

void conf_read_rules(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    struct conf_private *p = base;
    struct conf_origin *origins;
    struct rule_spec *rules;
    size_t n = 0;

    if (node->type != CONF_NODE_LIST)
        return conf_fault_node(reader, node,
                               "rules: expected a list of `- name: ...`; [] for none");
    if (node->n > RULES_MAX)
        return conf_fault_node(reader, node, "rules: more than %d", RULES_MAX);
    rules = conf_keep(p, mem_calloc(node->n + 1, sizeof(*rules)));
    origins = conf_keep(p, mem_calloc(node->n + 1, sizeof(*origins)));
    for (size_t i = 0; i < node->n; i++) {
        const struct conf_node *map = node->items[i], *name = conf_map_get(map, "name");
        bool is_clear;

        origins[n] = (struct conf_origin){.name = name ? name : map, .value = map};
        is_clear = read_rule(reader, map, &rules[n]);
        if (is_name_taken(reader, node, i) || !rules[n].name.len)
            name_rule(p, &rules[n], i);
        n += is_clear;
    }
    p->conf.spec.rules = rules;
    p->conf.spec.n_rules = n;
    p->rule_origins = origins;
}

/* ---- the engine's faults ---- */

struct build {
    struct conf_reader *reader;
    struct conf_private *p;
    bool is_shipped_said; /* of the shipped rules the first that does not fit is enough */
};

static const struct conf_origin *origin_of(const struct conf_private *p,
                                           const struct model_fault *fault)
{
    const struct model_spec *spec = &p->conf.spec;

    switch (fault->part) {
    case MODEL_PART_METRIC:
        return fault->index < spec->n_metrics ? &p->metric_origins[fault->index] : NULL;
    case MODEL_PART_RULE:
        return fault->index < spec->n_rules ? &p->rule_origins[fault->index] : NULL;
    case MODEL_PART_STAGE:
        return fault->index < spec->n_stages ? &p->stage_origins[fault->index] : NULL;
    case MODEL_PART_CALENDAR:
        return fault->index < spec->n_calendars ? &p->calendar_origins[fault->index] : NULL;
    default:
        return fault->index < spec->n_verbs ? &p->verb_origins[fault->index] : NULL;
    }
}

/* Within `absent` or `expect`; NULL: not there. */
static const struct conf_node *due_node(const struct conf_origin *origin, const char *field,
                                        const char **ret_key)
{
    const struct conf_node *expect = conf_map_get(origin->value, "expect");
    const struct conf_node *map = expect ? expect : conf_map_get(origin->value, "absent");
    bool is_then = expect && strcmp(field, "where") == 0;
    const struct conf_node *node = map ? conf_map_get(map, is_then ? "then" : field) : NULL;

    if (node)
        *ret_key = is_then ? "then" : field;
    return node;
}

/* The node that the file has for a field of the spec, and what the file calls it. */
static const struct conf_node *field_node(const struct conf_origin *origin, const char *field,
                                          const char **ret_key)
{
    static const struct {
        const char *field;
        const char *key;
    } others[] = {{"value", "sum"},          {"value", "mean"},      {"value", "count"},
                  {"value", "min"},          {"value", "max"},       {"value", "last"},
                  {"value", "distinct"},     {"aggregate", "sum"},   {"aggregate", "mean"},
                  {"aggregate", "count"},    {"reach", "half_life"}, {"reach", "window"},
                  {"reach_ms", "half_life"}, {"reach_ms", "window"}, {"owed_by", "owed"},
                  {"owed_after_ms", "owed"}, {"for_ms", "for"},      {"cooldown_ms", "cooldown"}};
    const struct conf_node *node = conf_map_get(origin->value, field), *within;

    if (!node) /* a form within the form */
        node = conf_map_get(conf_map_get(origin->value, "owed"), field);

    *ret_key = field;
    if (strcmp(field, "name") == 0)
        return origin->name;
    within = due_node(origin, field, ret_key);
    if (within)
        return within;
    for (size_t i = 0; i < ARRAY_SIZE(others) && !node; i++) {
        if (strcmp(others[i].field, field) != 0)
            continue;
        node = conf_map_get(origin->value, others[i].key);
        if (node)
            *ret_key = others[i].key;
    }
    return node ? node : origin->name;
}

/* What is wrong is in the shipped defaults: the user's own sections do not go with them. */
static void fault_shipped(struct build *b, const struct conf_origin *origin,
                          const struct model_fault *fault)
{
    bool is_rule = fault->part == MODEL_PART_RULE || fault->part == MODEL_PART_STAGE;
    const char *cause = is_rule ? "metrics" : "verbs";

    if (is_rule && !conf_section_is_given(b->p, cause))
        cause = "derived";
    ENSURE(conf_section_is_given(b->p, cause));
    if (b->is_shipped_said)
        return;
    b->is_shipped_said = true;
    conf_fault_node(b->reader, conf_section_get(b->p, cause)->name,
                    "the shipped %s '%.*s' does not go with your %s: write a `%s` section of your "
                    "own, or %s for none",
                    is_rule ? "rule" : "metric", STR_ARG(conf_clip(origin->name->text)), cause,
                    is_rule ? "rules" : "metrics", is_rule ? "[]" : "{}");
}

static void on_model_fault(void *ctx, const struct model_fault *fault)
{
    struct build *b = ctx;
    const struct conf_origin *origin = origin_of(b->p, fault);
    const char *field = fault->field ? fault->field : "name";
    const struct conf_node *node;

    if (fault->part == MODEL_PART_DERIVED)
        return conf_derived_fault(b->reader, b->p, fault);
    if (!origin)
        return conf_fault_add(b->reader->faults, b->p->docs[b->p->n_docs - 1]->name, 0, 0, "%s",
                              fault->text);
    if (origin->name->doc == b->p->shipped)
        return fault_shipped(b, origin, fault);
    node = field_node(origin, field, &field);
    conf_fault_within(b->reader, node, fault->offset, "%s: %s", field, fault->text);
}

static bool is_forgetting_given(const struct conf_private *p)
{
    const struct conf_section *state = conf_section_get(p, "state");

    return state->value && conf_map_get(state->value, "forget_after");
}

/* By default nobody is forgotten of whom a decaying or windowed metric still says something: after
 * 40 half-lives 2^-40 of a value is left. */
static void stretch_forgetting(struct conf_private *p)
{
    for (size_t i = 0; i < p->conf.spec.n_metrics; i++) {
        const struct metric_spec *metric = &p->conf.spec.metrics[i];
        int64_t times = metric->reach == REACH_HALF_LIFE ? HALF_LIVES_KEPT : 1;
        int64_t ms = metric->reach == REACH_EVER               ? 0
                     : metric->reach_ms > REACH_MAX_MS / times ? REACH_MAX_MS
                                                               : metric->reach_ms * times;

        if (ms > p->conf.forget_after_ms)
            p->conf.forget_after_ms = ms;
    }
}

/* One event may then concern several stakeholders, and what each of them would be without it is not
 * one question. */
static void check_retraction(struct conf_reader *reader, const struct conf_private *p)
{
    const struct conf_section *section = conf_section_get(p, "retraction");
    const struct conf_node *within;

    if (!p->conf.spec.retraction_ms || p->conf.spec.answered_by != ANSWERED_BY_CONVERSATION)
        return;
    within = section->value ? conf_map_get(section->value, "within") : NULL;
    conf_fault_node(reader, within ? within : section->value,
                    "within: nothing can be retracted with reciprocity.answered_by: conversation; "
                    "write within: 0s, or answered_by: both");
}

void conf_model_build(struct conf_reader *reader, struct conf_private *p)
{
    struct build b = {.reader = reader, .p = p};
    struct model_spec *spec = &p->conf.spec;
    int r;

    spec->deployment = p->conf.deployment;
    spec->organisation = p->conf.organisation;
    spec->lateness_ms = p->conf.lateness_ms;
    spec->dedup_events = (uint32_t)p->dedup_events;
    spec->evidence_events = (uint32_t)p->evidence_events;
    spec->flood_triggers = (uint32_t)p->flood_triggers;
    check_retraction(reader, p);
    if (!is_forgetting_given(p))
        stretch_forgetting(p);
    spec->forget_after_ms = p->conf.forget_after_ms;
    spec->automatic_answers = p->automatic != 0;
    conf_derived_complete(p);
    spec->derived = &p->derived;
    spec->find_zone = conf_zone_find;
    spec->zone_ctx = p;
    r = model_new(spec, on_model_fault, &b, &p->conf.model);
    ENSURE(r == 0 || (r == MODEL_E_FAULTS && reader->faults->n));
}
