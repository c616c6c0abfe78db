/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test files from YAML. Events are put together as CloudEvents and shown to the decoder, so that
 * what production would refuse is a fault here, at the field that is wrong. Reports everything that
 * is wrong with a file at once; runs nothing.
 */
#include "app/ruletest_impl.h"

#include "base/mem.h"
#include "base/parse.h"
#include "codec/json_write.h"

#include <stdio.h>
#include <strings.h>

#define NAMES_MAX 64 /* of one kind that are offered as "did you mean" */

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

/* One file on its way in. */
struct reading {
    struct conf_reader reader;
    struct ruletest_file *file;
    int64_t now_ms; /* the latest time of the steps of this test so far */
    bool has_now;
    size_t n_events; /* of this test */
};

static void fault(struct reading *r, const struct conf_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fault(struct reading *r, const struct conf_node *node, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    conf_fault_vadd(r->reader.faults, node->doc->name, node->line, node->column, format, args);
    va_end(args);
}

/* `names`: NULL-terminated. */
static void fault_unknown(struct reading *r, const struct conf_node *node, const char *what,
                          const char *const *names)
{
    const char *near = conf_did_you_mean(node->text, names);

    if (near)
        fault(r, node, "unknown %s '%.*s': did you mean '%s'?", what,
              STR_ARG(conf_clip(node->text)), near);
    else
        fault(r, node, "unknown %s '%.*s'", what, STR_ARG(conf_clip(node->text)));
}

static bool is_map(struct reading *r, const struct conf_node *node, const char *what)
{
    if (node->type == CONF_NODE_MAP)
        return true;
    fault(r, node, "%s: expected a mapping such as {subject: ann, ...}", what);
    return false;
}

static bool read_text(struct reading *r, const struct conf_node *key, const struct conf_node *value,
                      struct str *ret_text)
{
    return conf_read_text(&r->reader, key->text.ptr, value, ret_text);
}

/* ---- time ---- */

static void saw_time(struct reading *r, int64_t ms)
{
    if (!r->has_now || ms > r->now_ms)
        r->now_ms = ms;
    r->has_now = true;
}

static bool add_to_now(struct reading *r, const struct conf_node *node, struct str duration,
                       int64_t *ret_ms)
{
    int64_t ms;

    if (parse_duration(duration, &ms)) {
        fault(r, node, "'%.*s' is no duration: write it like 90s, 15m, 6h or 7d",
              STR_ARG(conf_clip(node->text)));
    } else if (!r->has_now) {
        fault(r, node, "there is no time yet to count from: begin with an instant");
    } else if (r->now_ms + ms > INSTANT_MAX_MS) {
        fault(r, node, "that is later than the year 9999");
    } else {
        *ret_ms = r->now_ms + ms;
        return true;
    }
    return false;
}

/* An instant, or +DURATION. */
static bool read_time(struct reading *r, const struct conf_node *key, const struct conf_node *node,
                      int64_t *ret_ms)
{
    struct str text;

    if (!read_text(r, key, node, &text))
        return false;
    if (text.len && text.ptr[0] == '+')
        return add_to_now(r, node, (struct str){text.ptr + 1, text.len - 1}, ret_ms);
    if (!parse_instant(text, ret_ms))
        return true;
    fault(r, node,
          "%.*s: '%.*s' is no instant: write it like 2026-05-04T09:00:00Z, or +2h after the "
          "step before",
          STR_ARG(key->text), STR_ARG(conf_clip(text)));
    return false;
}

/* Whatever is wrong with it, later steps have a time to count from: one fault is enough. */
static void read_clock(struct reading *r, const struct conf_node *key,
                       const struct conf_node *value, struct step *step)
{
    bool is_pass = str_eq(key->text, STR("pass"));
    struct str text;
    bool ok = is_pass
                  ? read_text(r, key, value, &text) && add_to_now(r, value, text, &step->time_ms)
                  : read_time(r, key, value, &step->time_ms);

    if (ok && r->has_now && step->time_ms < r->now_ms)
        fault(r, value, "time does not run back: a step before this one is later");
    saw_time(r, ok ? step->time_ms : INSTANT_MIN_MS);
    step->kind = str_eq(key->text, STR("end")) ? STEP_END : STEP_PASS;
}

/* ---- events ---- */

enum event_key_kind { KEY_TIME, KEY_ATTRIBUTE, KEY_TEXT, KEY_TEXTS, KEY_NUMBER, KEY_BOOL };

static const struct event_key {
    const char *name;
    enum event_key_kind kind;
} event_keys[] = {
    {"at", KEY_TIME},          {"subject", KEY_ATTRIBUTE},  {"id", KEY_ATTRIBUTE},
    {"source", KEY_ATTRIBUTE}, {"sequence", KEY_ATTRIBUTE}, {"direction", KEY_TEXT},
    {"verb", KEY_TEXT},        {"channel", KEY_TEXT},       {"conversation", KEY_TEXT},
    {"in_reply_to", KEY_TEXT}, {"org", KEY_TEXT},           {"kind", KEY_TEXT},
    {"account", KEY_TEXT},     {"communities", KEY_TEXTS},  {"actor", KEY_TEXT},
    {"counterpart", KEY_TEXT}, {"sentiment", KEY_NUMBER},   {"intent", KEY_TEXT},
    {"weight", KEY_NUMBER},    {"value", KEY_NUMBER},       {"expects_reply", KEY_BOOL},
    {"resolves", KEY_BOOL},    {"automatic", KEY_BOOL},
};

static const struct event_key *find_event_key(struct str name)
{
    for (size_t i = 0; i < ARRAY_SIZE(event_keys); i++)
        if (str_eq(name, str_of(event_keys[i].name)))
            return &event_keys[i];
    return NULL;
}

static void fault_event_key(struct reading *r, const struct conf_node *key)
{
    const char *names[ARRAY_SIZE(event_keys) + 1] = {NULL};

    for (size_t i = 0; i < ARRAY_SIZE(event_keys); i++)
        names[i] = event_keys[i].name;
    fault_unknown(r, key, "field of an event", names);
}

static void add_number(struct reading *r, struct buf *b, const struct conf_node *key,
                       const struct conf_node *value)
{
    /* The decoder knows the ranges. */
    const struct conf_key as = {
        .name = key->text.ptr, .type = CONF_NUMBER, .min = INT64_MIN, .max = INT64_MAX};
    double v;

    if (!conf_key_read(&r->reader, &as, value, &v))
        return;
    json_write_name(b, key->text);
    buf_add_double(b, v);
}

static void add_bool(struct reading *r, struct buf *b, const struct conf_node *key,
                     const struct conf_node *value)
{
    const struct conf_key as = {.name = key->text.ptr, .type = CONF_BOOL};
    bool v;

    if (conf_key_read(&r->reader, &as, value, &v))
        json_write_bool(b, as.name, v);
}

static void add_texts(struct reading *r, struct buf *b, const struct conf_node *key,
                      const struct conf_node *list)
{
    struct str text;

    if (list->type != CONF_NODE_LIST) {
        fault(r, list, "%.*s: expected a list such as [first, second]", STR_ARG(key->text));
        return;
    }
    json_write_name(b, key->text);
    buf_add_char(b, '[');
    for (size_t i = 0; i < list->n; i++) {
        if (!read_text(r, key, list->items[i], &text))
            continue;
        json_write_item(b);
        buf_add_json_str(b, text);
    }
    buf_add_char(b, ']');
}

static void add_field(struct reading *r, struct buf *b, const struct conf_node *key,
                      const struct conf_node *value, enum event_key_kind kind)
{
    struct str text;

    if (kind == KEY_NUMBER)
        add_number(r, b, key, value);
    else if (kind == KEY_BOOL)
        add_bool(r, b, key, value);
    else if (kind == KEY_TEXTS)
        add_texts(r, b, key, value);
    else if (read_text(r, key, value, &text)) {
        /* Empty ones too, for the decoder to judge. */
        json_write_name(b, key->text);
        buf_add_json_str(b, text);
    }
}

/* The fields of one kind, the attributes or the data. */
static void add_fields(struct reading *r, struct buf *b, const struct conf_node *map,
                       bool is_attribute)
{
    for (size_t i = 0; i < map->n; i++) {
        const struct conf_node *key = conf_map_key(map, i);
        const struct event_key *known = find_event_key(key->text);

        if (!known && is_attribute)
            fault_event_key(r, key);
        if (known && known->kind != KEY_TIME && (known->kind == KEY_ATTRIBUTE) == is_attribute)
            add_field(r, b, key, conf_map_value(map, i), known->kind);
    }
}

static void write_event(struct reading *r, const struct conf_node *map, struct step *step)
{
    struct buf *b = &step->event;
    char id[32];

    snprintf(id, sizeof(id), "e%zu", r->n_events);
    json_write_open(b, NULL);
    json_write_text(b, "specversion", STR("1.0"));
    json_write_text(b, "type", STR("io.engaged.interaction.v1"));
    json_write_instant(b, "time", step->time_ms);
    if (!step->id)
        json_write_text(b, "id", str_of(id));
    if (!conf_map_get(map, "source"))
        json_write_text(b, "source", STR("/test"));
    add_fields(r, b, map, true);
    json_write_open(b, "data");
    add_fields(r, b, map, false);
    json_write_close(b);
    json_write_close(b);
}

/* Where the field stands that a refusal's code names: data.FIELD.fault, or FIELD.fault. */
static const struct conf_node *refused_node(const struct conf_node *map, const char *code)
{
    const struct conf_node *node;
    const char *begin = strncmp(code, "data.", 5) == 0 ? code + 5 : code;
    char name[64];

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(begin, "."), begin);
    node = conf_map_get(map, name);
    return node ? node : map;
}

static void check_event(struct reading *r, const struct conf_node *map, const struct step *step)
{
    const struct event_input input = {.value = buf_str(&step->event), .timestamp_ms = -1};
    struct event_refusal refusal;
    struct event event;

    if (event_decode(r->file->decoder, &input, &event, &refusal))
        fault(r, refused_node(map, refusal.code), "%s", refusal.text);
}

static void read_event(struct reading *r, const struct conf_node *key, const struct conf_node *map,
                       struct step *step)
{
    size_t n_before = r->reader.faults->n;
    const struct conf_node *at = conf_map_get(map, "at");
    bool has_time = true;

    (void)key;
    step->kind = STEP_EVENT;
    r->n_events++;
    if (!is_map(r, map, "event"))
        return;
    step->time_ms = r->now_ms;
    step->id = conf_map_get(map, "id");
    if (at)
        has_time = read_time(r, &(struct conf_node){.text = STR("at")}, at, &step->time_ms);
    else if (!r->has_now)
        fault(r, map, "'at' is missing: the first step says when");
    saw_time(r, has_time ? step->time_ms : INSTANT_MIN_MS);
    write_event(r, map, step);
    if (r->reader.faults->n == n_before)
        check_event(r, map, step);
}

/* ---- what is expected ---- */

static bool read_value(struct reading *r, const struct conf_node *key, const struct conf_node *node,
                       struct value *ret_value)
{
    struct str text;

    *ret_value = (struct value){.type = VALUE_ABSENT};
    if (conf_node_is_null(node) || (node->is_plain && str_eq(node->text, STR("nothing"))))
        return true;
    if (!read_text(r, key, node, &text))
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
        fault(r, map, "%s: expected a mapping such as {NAME: 1.5}", what);
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
    const char *names[NAMES_MAX + 1];
    size_t n_names = n < NAMES_MAX ? n : NAMES_MAX;

    if (!model)
        return; /* which names it has is not known */
    for (size_t i = 0; i < n; i++)
        if (str_eq(name_of(model, i), node->text))
            return;
    for (size_t i = 0; i < n_names; i++)
        names[i] = name_of(model, i).ptr;
    names[n_names] = NULL;
    fault_unknown(r, node, what, names);
}

static void check_rule(struct reading *r, const struct conf_node *node)
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
    wanted->is_given = read_text(r, key, value, &wanted->text);
    return wanted->is_given;
}

static void fault_expect_key(struct reading *r, const struct conf_node *key)
{
    const char *names[N_TRIGGER_TEXTS + 6] = {"fired", "cleared", "at", "reason", "values"};

    for (size_t i = 1; i < N_TRIGGER_TEXTS; i++)
        names[4 + i] = trigger_texts[i].name;
    fault_unknown(r, key, "part of an expectation", names);
}

static void read_trigger_key(struct reading *r, const struct conf_node *key,
                             const struct conf_node *value, struct wanted_trigger *t)
{
    if (str_eq(key->text, STR("fired")) || str_eq(key->text, STR("cleared"))) {
        t->edge = key->text.ptr[0] == 'f' ? EDGE_FIRED : EDGE_CLEARED;
        if (read_wanted_text(r, key, value, &t->texts[TRIGGER_TEXT_RULE]))
            check_rule(r, value);
        return;
    }
    if (str_eq(key->text, STR("at"))) {
        t->has_time = read_time(r, key, value, &t->time_ms);
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

static void read_trigger(struct reading *r, const struct conf_node *map, struct step *step)
{
    bool is_fired = conf_map_get(map, "fired"), is_cleared = conf_map_get(map, "cleared");

    step->kind = STEP_TRIGGER;
    step->node = map;
    if (map->type != CONF_NODE_MAP) {
        fault(r, map,
              "expect: write {fired: RULE, ...}, {cleared: RULE, ...}, a list of those, "
              "or nothing");
        return;
    }
    if (is_fired == is_cleared)
        fault(r, map, "expect: name one rule, as {fired: RULE, ...} or {cleared: RULE, ...}");
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

static void read_state_key(struct reading *r, const struct conf_node *key,
                           const struct conf_node *value, struct wanted_state *s)
{
    static const char *const names[] = {"subject",      "metrics", "owed_by_us",
                                        "owed_by_them", "stage",   NULL};

    if (str_eq(key->text, STR("subject"))) {
        (void)read_text(r, key, value, &s->subject);
    } else if (str_eq(key->text, STR("metrics"))) {
        read_values(r, value, "metrics", &s->metrics);
        check_metrics(r, value);
    } else if (str_eq(key->text, STR("owed_by_us"))) {
        read_owed(r, key, value, &s->n_owed[SIDE_ORGANISATION]);
    } else if (str_eq(key->text, STR("owed_by_them"))) {
        read_owed(r, key, value, &s->n_owed[SIDE_STAKEHOLDER]);
    } else if (str_eq(key->text, STR("stage"))) {
        (void)read_wanted_text(r, key, value, &s->stage);
    } else {
        fault_unknown(r, key, "part of a state", names);
    }
}

static void read_state(struct reading *r, const struct conf_node *key, const struct conf_node *map,
                       struct step *step)
{
    (void)key;
    step->kind = STEP_STATE;
    step->state.n_owed[SIDE_ORGANISATION] = step->state.n_owed[SIDE_STAKEHOLDER] = -1;
    if (!is_map(r, map, "state"))
        return;
    if (!conf_map_get(map, "subject"))
        fault(r, map, "'subject' is missing: whose state?");
    else if (map->n == 1)
        fault(r, map,
              "state: nothing is said of it: add metrics, owed_by_us, owed_by_them or "
              "stage");
    for (size_t i = 0; i < map->n; i++)
        read_state_key(r, conf_map_key(map, i), conf_map_value(map, i), &step->state);
}

/* ---- tests ---- */

static struct step *add_step(struct ruletest *test, const struct conf_node *node)
{
    mem_grow(&test->steps, &test->cap_steps, test->n_steps, sizeof(*test->steps));
    test->steps[test->n_steps] = (struct step){.node = node, .event = BUF_INIT};
    return &test->steps[test->n_steps++];
}

static void read_expect(struct reading *r, const struct conf_node *key,
                        const struct conf_node *node, struct ruletest *test)
{
    if (node->type == CONF_NODE_SCALAR && str_eq(node->text, STR("nothing")))
        add_step(test, key)->kind = STEP_NOTHING;
    else if (node->type == CONF_NODE_LIST && !node->n)
        fault(r, node, "expect: the list is empty: write `expect: nothing`");
    else if (node->type == CONF_NODE_LIST)
        for (size_t i = 0; i < node->n; i++)
            read_trigger(r, node->items[i], add_step(test, node->items[i]));
    else
        read_trigger(r, node, add_step(test, node));
}

static void read_step(struct reading *r, const struct conf_node *map, struct ruletest *test)
{
    static const struct {
        const char *name;
        void (*read)(struct reading *r, const struct conf_node *key, const struct conf_node *value,
                     struct step *step);
    } kinds[] = {{"event", read_event},
                 {"pass", read_clock},
                 {"until", read_clock},
                 {"end", read_clock},
                 {"state", read_state}};
    static const char *const names[] = {"event", "pass", "until", "end", "state", "expect", NULL};
    const struct conf_node *key;

    if (map->type != CONF_NODE_MAP || map->n != 1) {
        fault(r, map,
              "a step is one of {event: ...}, {pass: ...}, {until: ...}, {end: ...}, "
              "{expect: ...}, {state: ...}");
        return;
    }
    key = conf_map_key(map, 0);
    if (str_eq(key->text, STR("expect")))
        return read_expect(r, key, conf_map_value(map, 0), test);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (str_eq(key->text, str_of(kinds[i].name)))
            return kinds[i].read(r, key, conf_map_value(map, 0), add_step(test, key));
    fault_unknown(r, key, "kind of step", names);
}

/* An id that is written must not be the one that another event gets: it would be its duplicate. */
static void check_ids(struct reading *r, const struct ruletest *test)
{
    const struct step **events = mem_calloc(r->n_events + 1, sizeof(*events));
    size_t n = 0;

    for (size_t i = 0; i < test->n_steps; i++)
        if (test->steps[i].kind == STEP_EVENT)
            events[n++] = &test->steps[i];
    for (size_t i = 0; i < n; i++) {
        const struct conf_node *id = events[i]->id;
        int64_t number;

        if (!id || id->text.len < 2 || id->text.ptr[0] != 'e' || id->text.ptr[1] == '0' ||
            parse_i64((struct str){id->text.ptr + 1, id->text.len - 1}, &number))
            continue;
        if (number >= 1 && (uint64_t)number <= n && !events[number - 1]->id)
            fault(r, id,
                  "id: the event at line %d, which has no id of its own, gets '%.*s': "
                  "write another",
                  events[number - 1]->node->line, STR_ARG(id->text));
    }
    mem_free(events);
}

static void check_is_new(struct reading *r, const struct ruletest *test,
                         const struct conf_node *name)
{
    for (size_t i = 0; i + 1 < r->file->n_tests; i++)
        if (str_eq(r->file->tests[i].name, test->name)) {
            fault(r, name, "name: the test at line %d has it already",
                  r->file->tests[i].node->line);
            return;
        }
}

static void read_steps(struct reading *r, const struct conf_node *list, struct ruletest *test)
{
    r->has_now = false;
    r->now_ms = INSTANT_MIN_MS;
    r->n_events = 0;
    if (list->type != CONF_NODE_LIST || !list->n) {
        fault(r, list, "steps: expected a list of steps");
        return;
    }
    for (size_t i = 0; i < list->n; i++)
        read_step(r, list->items[i], test);
    check_ids(r, test);
}

static void read_test_key(struct reading *r, const struct conf_node *key,
                          const struct conf_node *value, struct ruletest *test)
{
    static const char *const names[] = {"name", "steps", NULL};

    if (str_eq(key->text, STR("steps")))
        return read_steps(r, value, test);
    if (!str_eq(key->text, STR("name")))
        return fault_unknown(r, key, "key", names);
    if (!read_text(r, key, value, &test->name))
        return;
    if (!test->name.len || memchr(test->name.ptr, '\n', test->name.len))
        fault(r, value, "name: write one line that says what is tested");
    check_is_new(r, test, value);
}

static void read_test(struct reading *r, const struct conf_node *map)
{
    struct ruletest_file *file = r->file;
    struct ruletest *test;

    mem_grow(&file->tests, &file->cap_tests, file->n_tests, sizeof(*file->tests));
    test = &file->tests[file->n_tests++];
    *test = (struct ruletest){.node = map};
    if (map->type != CONF_NODE_MAP)
        return fault(r, map, "a test is a mapping with name and steps");
    if (!conf_map_get(map, "name"))
        fault(r, map, "'name' is missing: say in a few words what is tested");
    if (!conf_map_get(map, "steps"))
        fault(r, map, "'steps' is missing");
    for (size_t i = 0; i < map->n; i++)
        read_test_key(r, conf_map_key(map, i), conf_map_value(map, i), test);
}

static void read_tests(struct reading *r, const struct conf_node *list)
{
    if (list->type != CONF_NODE_LIST || !list->n)
        return fault(r, list, "tests: expected a list of tests");
    for (size_t i = 0; i < list->n; i++)
        read_test(r, list->items[i]);
}

/* ---- the configuration ---- */

/* The byte of a text at a line and column, both from 1. */
static size_t byte_at(struct str text, int line, int column)
{
    size_t at = 0;

    for (; at < text.len && line > 1; at++)
        line -= text.ptr[at] == '\n';
    for (; at < text.len && column > 1; column--)
        do
            at++;
        while (at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80);
    return at;
}

/* The faults of a configuration within the file, at their place in the file. Empty lines before
 * it make its lines those of the file, since faults name other lines too. */
static void parse_inline(struct reading *r, const struct conf_node *node)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    int n_above = node->is_block ? node->line : 0, line, column;
    struct buf text = BUF_INIT;

    for (int i = 0; i < n_above; i++)
        buf_add_char(&text, '\n');
    buf_add_str(&text, node->text);
    if (conf_parse(buf_str(&text), node->doc->name, &r->file->conf, &faults))
        r->file->conf = NULL;
    for (size_t i = 0; i < faults.n; i++) {
        const struct conf_fault *f = &faults.items[i];

        conf_node_place(node, byte_at(node->text, f->line - n_above, f->column), &line, &column);
        conf_fault_add(r->reader.faults, node->doc->name, line, column, "%s", f->text);
    }
    conf_faults_deinit(&faults);
    buf_deinit(&text);
}

/* Relative to the folder of the test file. */
static void load_beside(struct reading *r, const struct conf_node *node)
{
    const char *slash = strrchr(node->doc->name, '/');
    struct buf path = BUF_INIT;

    if (slash && node->text.ptr[0] != '/')
        buf_add(&path, node->doc->name, (size_t)(slash - node->doc->name) + 1);
    buf_add_str(&path, node->text);
    if (conf_load(path.ptr, &r->file->conf, r->reader.faults)) {
        r->file->conf = NULL;
        fault(r, node, "config: %s cannot be used: see its faults", path.ptr);
    }
    buf_deinit(&path);
}

static void read_config(struct reading *r, const struct conf_node *node)
{
    struct str text;

    if (!conf_read_text(&r->reader, "config", node, &text))
        return;
    if (!text.len)
        fault(r, node, "config: write the name of a file, or a configuration after a |");
    else if (node->is_block || memchr(text.ptr, '\n', text.len))
        parse_inline(r, node);
    else
        load_beside(r, node);
}

/* ---- the file ---- */

/* 0 or an errno. */
static int slurp(const char *path, struct buf *ret_text)
{
    FILE *f = fopen(path, "re");
    int error;
    size_t n;

    if (!f)
        return errno;
    errno = 0;
    do {
        n = fread(buf_reserve(ret_text, 1 << 16), 1, 1 << 16, f);
        buf_advance(ret_text, n);
    } while (n && ret_text->len <= CONF_FILE_MAX_BYTES);
    error = ferror(f) ? (errno ? errno : EIO) : 0;
    fclose(f);
    return error;
}

static void read_root(struct reading *r, const struct conf_node *root)
{
    static const char *const names[] = {"config", "tests", NULL};
    const struct conf_node *config = conf_map_get(root, "config");
    const struct conf_node *tests = conf_map_get(root, "tests");
    struct event_limits limits = {0};

    if (root->type != CONF_NODE_MAP)
        return fault(r, root, "expected `config:` and `tests:`");
    for (size_t i = 0; i < root->n; i++)
        if (conf_map_value(root, i) != config && conf_map_value(root, i) != tests)
            fault_unknown(r, conf_map_key(root, i), "key", names);
    if (!config)
        fault(r, root, "'config' is missing: which rules are tested?");
    else
        read_config(r, config);
    if (r->file->conf) {
        limits.value_bytes = (size_t)r->file->conf->event_max_bytes;
        limits.depth = (size_t)r->file->conf->event_max_depth;
    }
    r->file->decoder = event_decoder_new(&limits);
    if (!tests)
        fault(r, root, "'tests' is missing");
    else
        read_tests(r, tests);
}

bool ruletest_read(const char *path, struct ruletest_file *ret_file, struct conf_faults *faults)
{
    struct reading r = {.reader = {.faults = faults}, .file = ret_file};
    size_t n_before = faults->n;
    struct buf text = BUF_INIT;
    int error = slurp(path, &text);

    *ret_file = (struct ruletest_file){.n_tests = 0};
    if (error)
        conf_fault_add(faults, path, 0, 0, "%s", strerror(error));
    else
        ret_file->doc = conf_doc_new(path, &text, faults);
    buf_deinit(&text);
    if (ret_file->doc && ret_file->doc->root)
        read_root(&r, ret_file->doc->root);
    conf_faults_sort(faults);
    return faults->n == n_before;
}

void ruletest_file_deinit(struct ruletest_file *file)
{
    for (size_t i = 0; i < file->n_tests; i++) {
        for (size_t k = 0; k < file->tests[i].n_steps; k++) {
            struct step *step = &file->tests[i].steps[k];

            buf_deinit(&step->event);
            mem_free(step->trigger.values.items);
            mem_free(step->state.metrics.items);
        }
        mem_free(file->tests[i].steps);
    }
    file->tests = mem_free(file->tests);
    file->n_tests = 0;
    file->decoder = event_decoder_free(file->decoder);
    file->conf = conf_free(file->conf);
    file->doc = conf_doc_free(file->doc);
}
