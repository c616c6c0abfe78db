/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs, metrics and rules: from their forms in the file to the engine's spec, and the faults that
 * the engine finds in the spec back to their places in the file. What an expression means is the
 * engine's; the forms are ours.
 */
#include "conf/conf_private.h"

#include "base/mem.h"

#define REACH_MIN_MS   1000LL
#define REACH_MAX_MS   (100000LL * 86400000)
#define EXPRESSION_MAX 8192
#define NAME_MAX_BYTES 64
#define WEIGHT_MAX     1000000000LL
/* What is compared in pairs, and kept per stakeholder. */
#define VERBS_MAX       1000
#define METRICS_MAX     1000
#define RULES_MAX       1000
#define INHIBITORS_MAX  100
#define HALF_LIVES_KEPT 40

#define LATER(key)                                                                                 \
    {                                                                                              \
        .name = key, .type = CONF_LATER                                                            \
    }

static const char *const sides[] = {"organisation", "stakeholder", NULL};
static const char *const severities[] = {"info", "warning", "critical", NULL};

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

static bool is_map_of(struct conf_reader *reader, const struct conf_node *node, const char *what,
                      const char *example)
{
    if (node->type == CONF_NODE_MAP)
        return true;
    conf_fault_node(reader, node, "%s: expected a mapping such as %s; {} for none", what, example);
    return false;
}

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

    if (!is_map_of(reader, node, "verbs", "{question: {weight: 1.5, expects_reply: on}}"))
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

/* ---- metrics ---- */

struct metric_form {
    bool count; /* preset to true: false is what the file said */
    struct str sum, mean, where;
    int64_t half_life_ms, window_ms;
};

#define EXPRESSION(form, key, text)                                                                \
    {                                                                                              \
        .name = #key, .type = CONF_TEXT, .offset = offsetof(struct form, key), .min = 1,           \
        .max = EXPRESSION_MAX, .help = text                                                        \
    }
#define REACH(key, text)                                                                           \
    {                                                                                              \
        .name = #key, .type = CONF_DURATION, .offset = offsetof(struct metric_form, key##_ms),     \
        .min = REACH_MIN_MS, .max = REACH_MAX_MS, .help = text                                     \
    }

const struct conf_key conf_keys_metric[] = {
    {.name = "count",
     .type = CONF_BOOL,
     .offset = offsetof(struct metric_form, count),
     .help = "how many interactions"},
    EXPRESSION(metric_form, sum, "of an expression over the event"),
    EXPRESSION(metric_form, mean, "of an expression over the event"),
    EXPRESSION(metric_form, where, "only the interactions for which it holds"),
    REACH(half_life, "what is that old counts half"),
    REACH(window, "what is older does not count"),
    LATER("min"),
    LATER("max"),
    LATER("last"),
    LATER("distinct"),
    LATER("distinct_days"),
    LATER("cap"),
    LATER("board"),
    CONF_KEY_END,
};

static bool has_later(const struct conf_key *keys, const struct conf_node *map)
{
    for (; keys->name; keys++)
        if (keys->type == CONF_LATER && conf_map_get(map, keys->name))
            return true;
    return false;
}

static void check_aggregate(struct conf_reader *reader, const struct conf_origin *origin,
                            const struct metric_form *form)
{
    static const char *const names[] = {"count", "sum", "mean"};
    const struct conf_node *count = conf_map_get(origin->value, "count");
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        n += conf_map_get(origin->value, names[i]) != NULL;
    if (n > 1)
        conf_fault_node(reader, origin->name,
                        "metric '%.*s': takes one of count, sum and mean: write a metric for each",
                        STR_ARG(conf_clip(origin->name->text)));
    else if (!n)
        conf_fault_node(reader, origin->name,
                        "metric '%.*s': what it aggregates is missing: write count: true, sum: "
                        "EXPRESSION or mean: EXPRESSION",
                        STR_ARG(conf_clip(origin->name->text)));
    else if (count && !form->count)
        conf_fault_node(reader, count, "count: write true, or another aggregate");
}

static void check_metric(struct conf_reader *reader, const struct conf_origin *origin,
                         const struct metric_form *form)
{
    check_aggregate(reader, origin, form);
    if (form->half_life_ms && form->window_ms)
        conf_fault_node(reader, origin->name,
                        "metric '%.*s': takes half_life or window, not both: write two metrics",
                        STR_ARG(conf_clip(origin->name->text)));
}

static struct metric_spec metric_of_form(struct str name, const struct metric_form *form)
{
    struct str value = form->sum.len ? form->sum : form->mean;

    return (struct metric_spec){
        .name = name,
        .aggregate = !value.len      ? AGGREGATE_COUNT
                     : form->sum.len ? AGGREGATE_SUM
                                     : AGGREGATE_MEAN,
        .value = value,
        .where = form->where,
        .reach = form->half_life_ms ? REACH_HALF_LIFE
                 : form->window_ms  ? REACH_WINDOW
                                    : REACH_EVER,
        .reach_ms = form->half_life_ms ? form->half_life_ms : form->window_ms,
    };
}

/* A metric with a fault still goes to the engine, as far as it is clear what was meant: its
 * expressions are looked at, and the rules that read it are not blamed for it. */
static void read_metric(struct conf_reader *reader, const struct conf_origin *origin,
                        struct metric_spec *ret_spec)
{
    struct metric_form form = {.count = true};

    (void)conf_keys_read(reader, conf_keys_metric, origin->value, &form);
    if (origin->value->type == CONF_NODE_MAP && !has_later(conf_keys_metric, origin->value))
        check_metric(reader, origin, &form);
    *ret_spec = metric_of_form(origin->name->text, &form);
}

void conf_read_metrics(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    struct conf_private *p = base;
    struct conf_origin *origins;
    struct metric_spec *metrics;

    if (!is_map_of(reader, node, "metrics", "{involvement: {sum: weight, half_life: 7d}}"))
        return;
    if (node->n > METRICS_MAX)
        return conf_fault_node(reader, node, "metrics: more than %d", METRICS_MAX);
    metrics = conf_keep(p, mem_calloc(node->n + 1, sizeof(*metrics)));
    origins = conf_keep(p, mem_calloc(node->n + 1, sizeof(*origins)));
    for (size_t i = 0; i < node->n; i++) {
        origins[i] =
            (struct conf_origin){.name = conf_map_key(node, i), .value = conf_map_value(node, i)};
        read_metric(reader, &origins[i], &metrics[i]);
    }
    p->conf.spec.metrics = metrics;
    p->conf.spec.n_metrics = node->n;
    p->metric_origins = origins;
}

/* ---- rules ---- */

struct rule_form {
    struct str name, enter, exit, route, action;
    int by, severity;
    int64_t after_ms, for_ms, cooldown_ms;
    struct str where, after; /* of `absent` and `expect` */
    int64_t within_ms, escalate_after_ms;
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
    WITHIN,
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
    LATER("where"),
    LATER("calendar"),
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

static void check_rule(struct conf_reader *reader, const struct conf_node *map)
{
    const struct conf_node *exit = conf_map_get(map, "exit");
    size_t kind = kind_of(map);

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
    else if (kind == ARRAY_SIZE(rule_kinds) && !has_later(conf_keys_rule, map))
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
        .where = form->where,
        .after = form->after,
        .within_ms = form->within_ms,
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
        return spec->where.len && spec->within_ms > 0;
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
    } others[] = {{"value", "sum"},       {"value", "mean"},     {"value", "count"},
                  {"aggregate", "sum"},   {"aggregate", "mean"}, {"aggregate", "count"},
                  {"reach", "half_life"}, {"reach", "window"},   {"reach_ms", "half_life"},
                  {"reach_ms", "window"}, {"owed_by", "owed"},   {"owed_after_ms", "owed"},
                  {"after", "owed"},      {"for_ms", "for"},     {"cooldown_ms", "cooldown"}};
    const struct conf_node *node = conf_map_get(origin->value, field);

    *ret_key = field;
    if (strcmp(field, "name") == 0)
        return origin->name;
    if (!node || node->type == CONF_NODE_MAP)
        node = due_node(origin, field, ret_key);
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
    spec->flood_triggers = (uint32_t)p->flood_triggers;
    check_retraction(reader, p);
    if (!is_forgetting_given(p))
        stretch_forgetting(p);
    spec->forget_after_ms = p->conf.forget_after_ms;
    spec->automatic_answers = p->automatic != 0;
    r = model_new(spec, on_model_fault, &b, &p->conf.model);
    ENSURE(r == 0 || (r == MODEL_E_FAULTS && reader->faults->n));
}
