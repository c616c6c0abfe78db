/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of a story, from YAML: put together as CloudEvents and shown to the decoder, so that what
 * production would refuse is a fault here, at the field that is wrong.
 */
#include "app/ruletest_reading.h"
#include "base/mem.h"
#include "base/parse.h"
#include "codec/json_write.h"

#include <stdio.h>

/* Types of events, by the word that a story has for them. */
static const char *const type_names[] = {"interaction", "measure",   "commitment",
                                         "preference",  "identity",  "outcome",
                                         "retraction",  "heartbeat", NULL};

enum {
    INTERACTION = 1 << 0,
    MEASURE = 1 << 1,
    COMMITMENT = 1 << 2,
    PREFERENCE = 1 << 3,
    IDENTITY = 1 << 4,
    OUTCOME = 1 << 5,
    RETRACTION = 1 << 6,
    HEARTBEAT = 1 << 7,
    ANY = (1 << 8) - 1,
};

enum event_key_kind {
    KEY_STORY, /* not of the event: its time and type */
    KEY_ATTRIBUTE,
    KEY_TEXT,
    KEY_TEXTS,
    KEY_NUMBER,
    KEY_BOOL,
    KEY_INSTANT,
    KEY_MAP,
    KEY_RULE, /* stands for the id of its latest trigger */
};

static const struct event_key {
    const char *name;
    enum event_key_kind kind;
    unsigned types;   /* that have it */
    const char *data; /* the name in `data` where it is another */
} event_keys[] = {
    {"at", KEY_STORY, ANY, NULL},
    {"type", KEY_STORY, ANY, NULL},
    {"subject", KEY_ATTRIBUTE, ANY & ~HEARTBEAT, NULL},
    {"id", KEY_ATTRIBUTE, ANY, NULL},
    {"source", KEY_ATTRIBUTE, ANY, NULL},
    {"sequence", KEY_ATTRIBUTE, ANY, NULL},
    {"direction", KEY_TEXT, INTERACTION, NULL},
    {"verb", KEY_TEXT, INTERACTION, NULL},
    {"channel", KEY_TEXT, INTERACTION, NULL},
    {"conversation", KEY_TEXT, INTERACTION, NULL},
    {"in_reply_to", KEY_TEXT, INTERACTION, NULL},
    {"org", KEY_TEXT, INTERACTION, NULL},
    {"kind", KEY_TEXT, INTERACTION, NULL},
    {"account", KEY_TEXT, INTERACTION, NULL},
    {"communities", KEY_TEXTS, INTERACTION, NULL},
    {"actor", KEY_TEXT, INTERACTION, NULL},
    {"counterpart", KEY_TEXT, INTERACTION, NULL},
    {"sentiment", KEY_NUMBER, INTERACTION, NULL},
    {"intent", KEY_TEXT, INTERACTION, NULL},
    {"weight", KEY_NUMBER, INTERACTION, NULL},
    {"value", KEY_NUMBER, INTERACTION, NULL},
    {"expects_reply", KEY_BOOL, INTERACTION, NULL},
    {"resolves", KEY_BOOL, INTERACTION, NULL},
    {"automatic", KEY_BOOL, INTERACTION, NULL},
    {"instrument", KEY_TEXT, MEASURE, NULL},
    {"dimension", KEY_TEXT, MEASURE, NULL},
    {"score", KEY_NUMBER, MEASURE, NULL},
    {"min", KEY_NUMBER, MEASURE, NULL},
    {"max", KEY_NUMBER, MEASURE, NULL},
    {"commitment", KEY_TEXT, COMMITMENT, NULL},
    {"by", KEY_TEXT, COMMITMENT | OUTCOME, NULL},
    {"status", KEY_TEXT, COMMITMENT | OUTCOME, NULL},
    {"due", KEY_INSTANT, COMMITMENT, NULL},
    {"channels", KEY_MAP, PREFERENCE, NULL},
    {"max_contacts", KEY_MAP, PREFERENCE, NULL},
    {"quiet_hours", KEY_MAP, PREFERENCE, NULL},
    {"reply_within", KEY_TEXT, PREFERENCE, NULL},
    {"consent", KEY_BOOL, PREFERENCE, NULL},
    {"action", KEY_TEXT, IDENTITY, NULL},
    {"into", KEY_TEXT, IDENTITY, NULL},
    {"trigger", KEY_RULE, OUTCOME, NULL},
    {"note", KEY_TEXT, OUTCOME, NULL},
    {"retracted", KEY_TEXT, RETRACTION, "id"},
    {"retracted_source", KEY_TEXT, RETRACTION, "source"},
};

static const struct event_key *find_event_key(struct str name)
{
    for (size_t i = 0; i < ARRAY_SIZE(event_keys); i++)
        if (str_eq(name, str_of(event_keys[i].name)))
            return &event_keys[i];
    return NULL;
}

/* Only the fields of its type are offered. */
static void fault_event_key(struct reading *r, const struct conf_node *key, unsigned type)
{
    const char *names[ARRAY_SIZE(event_keys) + 1] = {NULL};
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(event_keys); i++)
        if (event_keys[i].types & type)
            names[n++] = event_keys[i].name;
    ruletest_fault_unknown(r, key, "field of an event", names);
}

static void fault_other_type(struct reading *r, const struct conf_node *key,
                             const struct event_key *known, unsigned type)
{
    const char *its = "", *this = "";

    for (unsigned i = 0; type_names[i]; i++) {
        if (known->types >> i & 1 && !*its)
            its = type_names[i];
        if (type >> i & 1)
            this = type_names[i];
    }
    ruletest_fault(r, key, "'%s' is no field of events of type %s: it is one of type %s",
                   known->name, this, its);
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
        ruletest_fault(r, list, "%.*s: expected a list such as [first, second]",
                       STR_ARG(key->text));
        return;
    }
    json_write_name(b, key->text);
    buf_add_char(b, '[');
    for (size_t i = 0; i < list->n; i++) {
        if (!ruletest_read_text(r, key, list->items[i], &text))
            continue;
        json_write_item(b);
        buf_add_json_str(b, text);
    }
    buf_add_char(b, ']');
}

static void add_instant(struct reading *r, struct buf *b, const struct conf_node *key,
                        const struct conf_node *value)
{
    int64_t ms;

    if (ruletest_read_time(r, key, value, &ms))
        json_write_instant(b, key->text.ptr, ms);
}

/* Of texts and whole numbers. */
static void add_map(struct reading *r, struct buf *b, const struct conf_node *key,
                    const struct conf_node *map)
{
    struct str text;
    int64_t number;

    if (!ruletest_is_map(r, map, key->text.ptr))
        return;
    json_write_open(b, key->text.ptr);
    for (size_t i = 0; i < map->n; i++) {
        const struct conf_node *name = conf_map_key(map, i), *value = conf_map_value(map, i);

        if (!ruletest_read_text(r, name, value, &text))
            continue;
        json_write_name(b, name->text);
        if (value->is_plain && !parse_i64(text, &number))
            buf_add_i64(b, number);
        else
            buf_add_json_str(b, text);
    }
    json_write_close(b);
}

static void add_field(struct reading *r, struct buf *b, const struct conf_node *key,
                      const struct conf_node *value, const struct event_key *known)
{
    struct str text;

    if (known->types == PREFERENCE && conf_node_is_null(value)) {
        json_write_name(b, key->text);
        buf_add_str(b, STR("null"));
    } else if (known->kind == KEY_NUMBER)
        add_number(r, b, key, value);
    else if (known->kind == KEY_BOOL)
        add_bool(r, b, key, value);
    else if (known->kind == KEY_TEXTS)
        add_texts(r, b, key, value);
    else if (known->kind == KEY_INSTANT)
        add_instant(r, b, key, value);
    else if (known->kind == KEY_MAP)
        add_map(r, b, key, value);
    else if (ruletest_read_text(r, key, value, &text)) {
        /* Empty ones too, for the decoder to judge. */
        json_write_name(b, known->data ? str_of(known->data) : key->text);
        buf_add_json_str(b, text);
        if (known->kind == KEY_RULE)
            ruletest_check_rule(r, value);
    }
}

/* The fields of one kind, the attributes or the data. */
static void add_fields(struct reading *r, struct buf *b, const struct conf_node *map, unsigned type,
                       bool is_attribute)
{
    for (size_t i = 0; i < map->n; i++) {
        const struct conf_node *key = conf_map_key(map, i);
        const struct event_key *known = find_event_key(key->text);

        if (!known && is_attribute)
            fault_event_key(r, key, type);
        else if (known && !(known->types & type) && is_attribute)
            fault_other_type(r, key, known, type);
        else if (known && known->types & type && known->kind != KEY_STORY &&
                 (known->kind == KEY_ATTRIBUTE) == is_attribute)
            add_field(r, b, key, conf_map_value(map, i), known);
    }
}

/* Which of type_names; an interaction where nothing is said, or nothing that is known. */
static unsigned read_type(struct reading *r, const struct conf_node *map)
{
    const struct conf_node *node = conf_map_get(map, "type");

    if (!node)
        return 0;
    for (unsigned i = 0; node->type == CONF_NODE_SCALAR && type_names[i]; i++)
        if (str_eq(node->text, str_of(type_names[i])))
            return i;
    if (node->type == CONF_NODE_SCALAR)
        ruletest_fault_unknown(r, node, "type of an event", type_names);
    else
        ruletest_fault(r, node, "type: expected a word such as measure");
    return 0;
}

static void write_event(struct reading *r, const struct conf_node *map, struct step *step)
{
    unsigned i = read_type(r, map), type = 1u << i;
    struct buf *b = &step->event;
    char id[32], name[64];

    snprintf(id, sizeof(id), "e%zu", r->n_events);
    snprintf(name, sizeof(name), "io.engaged.%s.v1", type_names[i]);
    json_write_open(b, NULL);
    json_write_text(b, "specversion", STR("1.0"));
    json_write_text(b, "type", str_of(name));
    json_write_instant(b, "time", step->time_ms);
    if (!step->id)
        json_write_text(b, "id", str_of(id));
    if (!conf_map_get(map, "source"))
        json_write_text(b, "source", STR("/test"));
    add_fields(r, b, map, type, true);
    if (type != HEARTBEAT) {
        json_write_open(b, "data");
        add_fields(r, b, map, type, false);
        json_write_close(b);
    }
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
        ruletest_fault(r, refused_node(map, refusal.code), "%s", refusal.text);
}

void ruletest_read_event(struct reading *r, const struct conf_node *key,
                         const struct conf_node *map, struct step *step)
{
    size_t n_before = r->reader.faults->n;
    const struct conf_node *at = conf_map_get(map, "at");
    bool has_time = true;

    (void)key;
    step->kind = STEP_EVENT;
    r->n_events++;
    if (!ruletest_is_map(r, map, "event"))
        return;
    step->time_ms = r->now_ms;
    step->id = conf_map_get(map, "id");
    if (at)
        has_time =
            ruletest_read_time(r, &(struct conf_node){.text = STR("at")}, at, &step->time_ms);
    else if (!r->has_now)
        ruletest_fault(r, map, "'at' is missing: the first step says when");
    ruletest_saw_time(r, has_time ? step->time_ms : INSTANT_MIN_MS);
    write_event(r, map, step);
    if (r->reader.faults->n == n_before)
        check_event(r, map, step);
}
