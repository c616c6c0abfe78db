/* SPDX-License-Identifier: Apache-2.0 */
/* What a story expects, from YAML: triggers, and the state of a stakeholder. */
#include "app/ruletest_reading.h"
#include "base/mem.h"
#include "base/parse.h"

const struct trigger_text trigger_texts[N_TRIGGER_TEXTS] = {
    {"rule", offsetof(struct trigger, rule)}, /* not a key: fired or cleared names it */
    {"subject", offsetof(struct trigger, stakeholder)},
    {"cause", offsetof(struct trigger, cause.id)},
    {"source", offsetof(struct trigger, cause.source)},
    {"conversation", offsetof(struct trigger, cause.conversation)},
    {"severity", offsetof(struct trigger, severity)},
    {"route", offsetof(struct trigger, route)},
    {"action", offsetof(struct trigger, action)},
    {"kind", offsetof(struct trigger, kind)},
    {"account", offsetof(struct trigger, account)},
};

/* ---- what is expected ---- */

static bool read_value(struct reading *r, const struct conf_node *key, const struct conf_node *node,
                       struct value *ret_value)
{
    struct str text;

    *ret_value = (struct value){.type = VALUE_ABSENT};
    if (conf_node_is_null(node) || (node->is_plain && str_eq(node->text, STR("nothing"))))
        return true;
    if (!ruletest_read_text(r, key, node, &text))
        return false;
    if (!node->is_plain)
        *ret_value = (struct value){.type = VALUE_STRING, .s = text};
    else if (!parse_double(text, &ret_value->d))
        ret_value->type = VALUE_DOUBLE;
    else if (!parse_duration(text, &ret_value->i))
        ret_value->type = VALUE_DURATION;
    else if (str_eq(text, STR("true")) || str_eq(text, STR("false")))
        *ret_value = (struct value){.type = VALUE_BOOL, .b = text.ptr[0] == 't'};
    else
        *ret_value = (struct value){.type = VALUE_STRING, .s = text};
    return true;
}

static void read_values(struct reading *r, const struct conf_node *map, const char *what,
                        struct wanted_values *values)
{
    struct named_value v;

    if (map->type != CONF_NODE_MAP) {
        ruletest_fault(r, map, "%s: expected a mapping such as {NAME: 1.5}", what);
        return;
    }
    for (size_t i = 0; i < map->n; i++) {
        v.name = conf_map_key(map, i)->text;
        if (!read_value(r, conf_map_key(map, i), conf_map_value(map, i), &v.value))
            continue;
        mem_grow(&values->items, &values->cap, values->n, sizeof(*values->items));
        values->items[values->n++] = v;
    }
}

typedef struct str (*name_fn)(const struct model *model, size_t i);

static void check_name(struct reading *r, const struct conf_node *node, const char *what,
                       name_fn name_of, size_t n)
{
    const struct model *model = r->file->conf ? r->file->conf->model : NULL;
    const char *names[RULETEST_NAMES_MAX + 1];
    size_t n_names = n < RULETEST_NAMES_MAX ? n : RULETEST_NAMES_MAX;

    if (!model)
        return; /* which names it has is not known */
    for (size_t i = 0; i < n; i++)
        if (str_eq(name_of(model, i), node->text))
            return;
    for (size_t i = 0; i < n_names; i++)
        names[i] = name_of(model, i).ptr;
    names[n_names] = NULL;
    ruletest_fault_unknown(r, node, what, names);
}

void ruletest_check_rule(struct reading *r, const struct conf_node *node)
{
    check_name(r, node, "rule", model_rule_name,
               r->file->conf ? model_n_rules(r->file->conf->model) : 0);
}

static void check_metrics(struct reading *r, const struct conf_node *map)
{
    for (size_t i = 0; map->type == CONF_NODE_MAP && i < map->n; i++)
        check_name(r, conf_map_key(map, i), "metric", model_metric_name,
                   r->file->conf ? model_n_metrics(r->file->conf->model) : 0);
}

static void check_severity(struct reading *r, const struct conf_node *node)
{
    static const char *const severities[] = {"info", "warning", "critical", NULL};
    const struct conf_key as = {.name = "severity", .type = CONF_CHOICE, .choices = severities};
    int i;

    (void)conf_key_read(&r->reader, &as, node, &i);
}

static bool read_wanted_text(struct reading *r, const struct conf_node *key,
                             const struct conf_node *value, struct wanted_text *wanted)
{
    wanted->is_given = ruletest_read_text(r, key, value, &wanted->text);
    return wanted->is_given;
}

static void fault_expect_key(struct reading *r, const struct conf_node *key)
{
    const char *names[N_TRIGGER_TEXTS + 6] = {"fired", "cleared", "at", "reason", "values"};

    for (size_t i = 1; i < N_TRIGGER_TEXTS; i++)
        names[4 + i] = trigger_texts[i].name;
    ruletest_fault_unknown(r, key, "part of an expectation", names);
}

static void read_trigger_key(struct reading *r, const struct conf_node *key,
                             const struct conf_node *value, struct wanted_trigger *t)
{
    if (str_eq(key->text, STR("fired")) || str_eq(key->text, STR("cleared"))) {
        t->edge = key->text.ptr[0] == 'f' ? EDGE_FIRED : EDGE_CLEARED;
        if (read_wanted_text(r, key, value, &t->texts[TRIGGER_TEXT_RULE]))
            ruletest_check_rule(r, value);
        return;
    }
    if (str_eq(key->text, STR("at"))) {
        t->has_time = ruletest_read_time(r, key, value, &t->time_ms);
        return;
    }
    if (str_eq(key->text, STR("values")))
        return read_values(r, value, "values", &t->values);
    if (str_eq(key->text, STR("reason"))) {
        (void)read_wanted_text(r, key, value, &t->reason);
        return;
    }
    for (size_t i = 1; i < N_TRIGGER_TEXTS; i++) {
        if (!str_eq(key->text, str_of(trigger_texts[i].name)))
            continue;
        if (read_wanted_text(r, key, value, &t->texts[i]) && str_eq(key->text, STR("severity")))
            check_severity(r, value);
        return;
    }
    fault_expect_key(r, key);
}

void ruletest_read_trigger(struct reading *r, const struct conf_node *map, struct step *step)
{
    bool is_fired = conf_map_get(map, "fired"), is_cleared = conf_map_get(map, "cleared");

    step->kind = STEP_TRIGGER;
    step->node = map;
    if (map->type != CONF_NODE_MAP) {
        ruletest_fault(r, map,
                       "expect: write {fired: RULE, ...}, {cleared: RULE, ...}, a list of those, "
                       "or nothing");
        return;
    }
    if (is_fired == is_cleared)
        ruletest_fault(r, map,
                       "expect: name one rule, as {fired: RULE, ...} or {cleared: RULE, ...}");
    for (size_t i = 0; i < map->n; i++)
        read_trigger_key(r, conf_map_key(map, i), conf_map_value(map, i), &step->trigger);
}

/* ---- state ---- */

static void read_owed(struct reading *r, const struct conf_node *key, const struct conf_node *value,
                      int64_t *to)
{
    const struct conf_key as = {.name = key->text.ptr, .type = CONF_INT, .min = 0, .max = 1000000};

    (void)conf_key_read(&r->reader, &as, value, to);
}

/* What holds a trigger back, in the words of the state. */
static void check_obstacle(struct reading *r, const struct conf_node *node)
{
    const char *names[N_OBSTACLES] = {NULL};

    for (unsigned i = 1; i < N_OBSTACLES; i++) {
        names[i - 1] = obstacle_name((enum obstacle)i);
        if (str_eq(node->text, str_of(names[i - 1])))
            return;
    }
    ruletest_fault_unknown(r, node, "reason to hold back", names);
}

/* `nothing`, or {RULE: REASON}: all that is held back. */
static void read_held(struct reading *r, const struct conf_node *node, struct wanted_state *s)
{
    s->has_held = true;
    if (node->type == CONF_NODE_SCALAR && str_eq(node->text, STR("nothing")))
        return;
    if (node->type != CONF_NODE_MAP)
        return ruletest_fault(r, node, "held: write {RULE: inhibited}, or nothing");
    read_values(r, node, "held", &s->held);
    for (size_t i = 0; i < node->n; i++) {
        ruletest_check_rule(r, conf_map_key(node, i));
        check_obstacle(r, conf_map_value(node, i));
    }
}

static void read_state_key(struct reading *r, const struct conf_node *key,
                           const struct conf_node *value, struct wanted_state *s)
{
    static const char *const names[] = {"subject", "metrics",    "derived",      "held",
                                        "stage",   "owed_by_us", "owed_by_them", NULL};

    if (str_eq(key->text, STR("subject"))) {
        (void)ruletest_read_text(r, key, value, &s->subject);
    } else if (str_eq(key->text, STR("metrics"))) {
        read_values(r, value, "metrics", &s->metrics);
        check_metrics(r, value);
    } else if (str_eq(key->text, STR("derived"))) {
        read_values(r, value, "derived", &s->derived);
    } else if (str_eq(key->text, STR("held"))) {
        read_held(r, value, s);
    } else if (str_eq(key->text, STR("owed_by_us"))) {
        read_owed(r, key, value, &s->n_owed[SIDE_ORGANISATION]);
    } else if (str_eq(key->text, STR("owed_by_them"))) {
        read_owed(r, key, value, &s->n_owed[SIDE_STAKEHOLDER]);
    } else if (str_eq(key->text, STR("stage"))) {
        (void)read_wanted_text(r, key, value, &s->stage);
    } else {
        ruletest_fault_unknown(r, key, "part of a state", names);
    }
}

void ruletest_read_state(struct reading *r, const struct conf_node *key,
                         const struct conf_node *map, struct step *step)
{
    (void)key;
    step->kind = STEP_STATE;
    step->state.n_owed[SIDE_ORGANISATION] = step->state.n_owed[SIDE_STAKEHOLDER] = -1;
    if (!ruletest_is_map(r, map, "state"))
        return;
    if (!conf_map_get(map, "subject"))
        ruletest_fault(r, map, "'subject' is missing: whose state?");
    else if (map->n == 1)
        ruletest_fault(r, map,
                       "state: nothing is said of it: add metrics, derived, stage, held, "
                       "owed_by_us or owed_by_them");
    for (size_t i = 0; i < map->n; i++)
        read_state_key(r, conf_map_key(map, i), conf_map_value(map, i), &step->state);
}
