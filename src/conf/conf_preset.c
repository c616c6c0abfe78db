/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The section `presets`: from its form in the files to the codec's specs, and the faults that the
 * codec finds back to their places. Unlike other sections those of all files
 * count; of one name, and where several match, what was read later comes first.
 */
#include "conf/conf_private.h"

#include "base/mem.h"
#include "codec/json_pointer.h"
#include "codec/preset.h"

#define EXPRESSION_MAX 8192
#define NAME_MAX_BYTES 64
#define VALUES_MAX     32 /* that one condition lists */
#define CONDITIONS_MAX 32
#define VALUE_MAX      1024

const char *const conf_preset_types[] = {
    [PRESET_STRING] = "string", [PRESET_DOUBLE] = "double",       [PRESET_INT] = "int",
    [PRESET_BOOL] = "bool",     [PRESET_TIMESTAMP] = "timestamp", [PRESET_LIST] = "list",
    [PRESET_LIST + 1] = NULL};

/* ---- the rows ---- */

/* The rows say which keys there are; what they hold is read by name below. */
static void read_nothing(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    (void)reader;
    (void)node;
    (void)base;
}

#define ROW(key, ...)                                                                              \
    {                                                                                              \
        .name = key, .type = CONF_CUSTOM, .read = read_nothing, __VA_ARGS__                        \
    }
#define DATA(key) ROW(key, .help = "of the event's data")

const struct conf_key conf_keys_preset[] = {
    ROW("match", .is_required = true, .help = "write which payloads it is for"),
    ROW("fields", .help = "values that it picks from the payload"),
    ROW("when", .help = "false drops the payload"),
    ROW("type", .is_required = true,
        .help = "write the event's type, such as "
                "type: '\"io.engaged.interaction.v1\"'"),
    ROW("id", .is_required = true, .help = "write where its id is, such as id: /id"),
    ROW("source", .is_required = true, .help = "write who sends it, such as source: '\"/desk\"'"),
    ROW("subject", .is_required = true,
        .help = "write where the stakeholder's id is, such as subject: /user/id"),
    ROW("time", .help = "when it happened; default: the record's timestamp"),
    ROW("sequence", .help = "orders events of the same time"),
    ROW("causationid", .help = "the id of the event that it answers"),
    ROW("correlationid", .help = "the conversation"),
    ROW("data", .help = "the fields of the event's data"),
    CONF_KEY_END,
};
static const char *const attributes[] = {
    "type", "id", "source", "subject", "time", "sequence", "causationid", "correlationid", NULL};
static const struct conf_key keys_match[] = {
    ROW("headers", .help = "of the record, by name"),
    ROW("values", .help = "of the payload, by pointer"),
    ROW("has", .help = "pointers to what must be there"),
    {.name = "topic", .type = CONF_LATER, .help = "there is one input topic"},
    CONF_KEY_END,
};
static const struct conf_key keys_field[] = {
    ROW("pointer", .is_required = true, .help = "write where the value is, such as /user/id"),
    ROW("type", .help = "string, double, int, bool, timestamp or list"),
    ROW("default", .help = "its value where the payload has none"),
    CONF_KEY_END,
};
/* Of any type of event. */
static const struct conf_key keys_data[] = {
    DATA("direction"),    DATA("verb"),        DATA("channel"),      DATA("conversation"),
    DATA("in_reply_to"),  DATA("org"),         DATA("kind"),         DATA("account"),
    DATA("communities"),  DATA("actor"),       DATA("counterpart"),  DATA("sentiment"),
    DATA("intent"),       DATA("weight"),      DATA("value"),        DATA("expects_reply"),
    DATA("resolves"),     DATA("automatic"),   DATA("instrument"),   DATA("dimension"),
    DATA("score"),        DATA("min"),         DATA("max"),          DATA("commitment"),
    DATA("by"),           DATA("status"),      DATA("due"),          DATA("channels"),
    DATA("max_contacts"), DATA("quiet_hours"), DATA("reply_within"), DATA("consent"),
    DATA("action"),       DATA("into"),        DATA("trigger"),      DATA("note"),
    DATA("id"),           DATA("source"),      CONF_KEY_END,
};

/* ---- texts and pointers ---- */

static bool read_text(struct conf_reader *reader, const char *what, const struct conf_node *node,
                      size_t max, struct str *ret_text)
{
    const struct conf_key key = {.name = what, .type = CONF_TEXT, .min = 1, .max = (int64_t)max};

    return conf_key_read(reader, &key, node, ret_text);
}

static bool read_pointer(struct conf_reader *reader, const struct conf_node *node,
                         struct str *ret_pointer)
{
    size_t offset;

    if (!read_text(reader, "pointer", node, JSON_POINTER_MAX_BYTES, ret_pointer))
        return false;
    if (json_pointer_is_valid(*ret_pointer, &offset))
        return true;
    conf_fault_within(reader, node, offset,
                      "pointer: '%.*s' is no JSON pointer: write it like /user/id, with ~0 for ~ "
                      "and ~1 for / within a name",
                      STR_ARG(conf_clip(*ret_pointer)));
    return false;
}

/* One text, or a list of them. */
struct texts {
    struct str *items;
    size_t n;
};

typedef bool (*read_text_fn)(struct conf_reader *reader, const struct conf_node *node,
                             struct str *ret_text);

static bool read_texts(struct conf_reader *reader, struct conf_private *p, const char *what,
                       const struct conf_node *node, size_t max, read_text_fn read,
                       struct texts *ret_texts)
{
    struct conf_node *const single[] = {(struct conf_node *)(uintptr_t)node};
    struct conf_node *const *nodes = node->type == CONF_NODE_LIST ? node->items : single;
    size_t n = node->type == CONF_NODE_LIST ? node->n : 1;
    bool ok = true;

    if (!n || n > max) {
        conf_fault_node(reader, node, "%s: expected 1 to %zu of them, not %zu", what, max, n);
        return false;
    }
    ret_texts->items = conf_keep(p, mem_calloc(n, sizeof(*ret_texts->items)));
    for (size_t i = 0; i < n; i++)
        ok &= read(reader, nodes[i], &ret_texts->items[i]);
    ret_texts->n = n;
    return ok;
}

static bool read_value(struct conf_reader *reader, const struct conf_node *node,
                       struct str *ret_text)
{
    return read_text(reader, "value", node, VALUE_MAX, ret_text);
}

/* ---- match ---- */

static bool is_map(struct conf_reader *reader, const struct conf_node *node, const char *what,
                   const char *example)
{
    if (node->type == CONF_NODE_MAP)
        return true;
    conf_fault_node(reader, node, "%s: expected a mapping such as %s", what, example);
    return false;
}

static bool is_map_of_few(struct conf_reader *reader, const struct conf_node *node,
                          const char *what, const char *example)
{
    if (!is_map(reader, node, what, example))
        return false;
    if (node->n <= CONDITIONS_MAX)
        return true;
    conf_fault_node(reader, node, "%s: more than %d", what, CONDITIONS_MAX);
    return false;
}

static bool read_header(struct conf_reader *reader, const struct conf_node *node,
                        struct str *ret_name)
{
    return read_text(reader, "header", node, VALUE_MAX, ret_name);
}

/* Where to look, and which texts may stand there. */
static size_t
read_conditions(struct conf_reader *reader, struct conf_private *p, const struct conf_node *map,
                bool (*read_place)(struct conf_reader *, const struct conf_node *, struct str *),
                struct preset_condition *to)
{
    size_t n = 0;

    for (size_t i = 0; i < map->n; i++) {
        struct texts values;

        if (!read_place(reader, conf_map_key(map, i), &to[n].at) ||
            !read_texts(reader, p, "values", conf_map_value(map, i), VALUES_MAX, read_value,
                        &values))
            continue;
        to[n].values = values.items;
        to[n++].n_values = values.n;
    }
    return n;
}

static size_t read_headers(struct conf_reader *reader, struct conf_private *p,
                           const struct conf_node *map, struct preset_condition *to)
{
    if (!map || !is_map_of_few(reader, map, "headers", "{x-sender: desk}"))
        return 0;
    return read_conditions(reader, p, map, read_header, to);
}

static size_t read_values(struct conf_reader *reader, struct conf_private *p,
                          const struct conf_node *map, struct preset_condition *to)
{
    if (!map || !is_map_of_few(reader, map, "values", "{/type: track}"))
        return 0;
    return read_conditions(reader, p, map, read_pointer, to);
}

static size_t read_has(struct conf_reader *reader, struct conf_private *p,
                       const struct conf_node *node, struct preset_condition *to)
{
    struct texts pointers;

    if (!node || !read_texts(reader, p, "has", node, CONDITIONS_MAX, read_pointer, &pointers))
        return 0;
    for (size_t i = 0; i < pointers.n; i++)
        to[i] = (struct preset_condition){.at = pointers.items[i]};
    return pointers.n;
}

static void read_match(struct conf_reader *reader, struct conf_private *p,
                       const struct conf_node *map, struct preset_spec *spec)
{
    const struct conf_node *headers = conf_map_get(map, "headers");
    const struct conf_node *values = conf_map_get(map, "values"), *has = conf_map_get(map, "has");
    struct preset_condition *conditions;

    if (!conf_keys_read(reader, keys_match, map, NULL))
        return;
    if (!headers && !values && !has)
        return conf_fault_node(reader, map,
                               "match: would take any payload: write headers, values or has");
    conditions = conf_keep(p, mem_calloc(CONDITIONS_MAX, sizeof(*conditions)));
    spec->headers = conditions;
    spec->n_headers = read_headers(reader, p, headers, conditions);
    conditions = conf_keep(p, mem_calloc(2 * CONDITIONS_MAX, sizeof(*conditions)));
    spec->values = conditions;
    spec->n_values = read_values(reader, p, values, conditions);
    spec->n_values += read_has(reader, p, has, conditions + spec->n_values);
}

/* ---- fields ---- */

static void read_default(struct conf_reader *reader, const struct conf_node *node,
                         struct preset_field *field)
{
    if (field->type == PRESET_LIST)
        return conf_fault_node(reader, node, "default: a list takes none: leave it out");
    field->has_default = conf_read_text(reader, "default", node, &field->def);
    field->default_where = node;
}

static bool read_field(struct conf_reader *reader, struct conf_private *p,
                       const struct conf_node *name, const struct conf_node *map,
                       struct preset_field *field)
{
    static const struct conf_key name_key = {.name = "field",
                                             .type = CONF_NAME,
                                             .min = 1,
                                             .max = NAME_MAX_BYTES,
                                             .chars = "A0_",
                                             .help = "letters, digits and '_'"};
    static const struct conf_key type_key = {
        .name = "type", .type = CONF_CHOICE, .choices = conf_preset_types};
    const struct conf_node *type = conf_map_get(map, "type"), *def = conf_map_get(map, "default");
    struct texts pointers;
    int choice = PRESET_STRING;

    if (!conf_key_read(reader, &name_key, name, &field->name) ||
        !conf_keys_read(reader, keys_field, map, NULL) ||
        (type && !conf_key_read(reader, &type_key, type, &choice)) ||
        !read_texts(reader, p, "pointer", conf_map_get(map, "pointer"), PRESET_POINTERS_MAX,
                    read_pointer, &pointers))
        return false;
    field->type = (enum preset_type)choice;
    field->pointers = pointers.items;
    field->n_pointers = pointers.n;
    field->where = name;
    if (def)
        read_default(reader, def, field);
    return true;
}

static void read_fields(struct conf_reader *reader, struct conf_private *p,
                        const struct conf_node *map, struct preset_spec *spec)
{
    struct preset_field *fields;

    if (!map || !is_map(reader, map, "fields", "{user: {pointer: /user/id}}"))
        return;
    if (map->n > PRESET_FIELDS_MAX)
        return conf_fault_node(reader, map, "fields: more than %d", PRESET_FIELDS_MAX);
    fields = conf_keep(p, mem_calloc(map->n + 1, sizeof(*fields)));
    for (size_t i = 0; i < map->n; i++)
        spec->n_fields += read_field(reader, p, conf_map_key(map, i), conf_map_value(map, i),
                                     &fields[spec->n_fields]);
    spec->fields = fields;
}

/* ---- attributes and data ---- */

static void add_output(struct conf_reader *reader, struct preset_spec *spec,
                       const struct preset_output *output, const struct conf_node *node)
{
    struct preset_output *to = (struct preset_output *)(uintptr_t)&spec->outputs[spec->n_outputs];
    size_t offset;

    if (spec->n_outputs == PRESET_OUTPUTS_MAX)
        return conf_fault_node(reader, node, "more than %d attributes and fields of data",
                               PRESET_OUTPUTS_MAX);
    *to = *output;
    to->where = node;
    if (!read_text(reader, to->name.ptr, node, EXPRESSION_MAX, &to->text))
        return;
    if (to->text.ptr[0] == '/' && !json_pointer_is_valid(to->text, &offset))
        (void)read_pointer(reader, node, &to->text);
    else
        spec->n_outputs++;
}

static void read_data(struct conf_reader *reader, const struct conf_node *map,
                      struct preset_spec *spec)
{
    if (!map || !conf_keys_read(reader, keys_data, map, NULL))
        return;
    for (size_t i = 0; i < map->n; i++) {
        const struct conf_node *name = conf_map_key(map, i), *value = conf_map_value(map, i);
        struct preset_output output = {.name = name->text, .is_data = true};

        if (value->type != CONF_NODE_MAP) {
            add_output(reader, spec, &output, value);
            continue;
        }
        output.parent = name->text;
        for (size_t j = 0; j < value->n; j++) {
            output.name = conf_map_key(value, j)->text;
            add_output(reader, spec, &output, conf_map_value(value, j));
        }
    }
}

static void read_outputs(struct conf_reader *reader, struct conf_private *p,
                         const struct conf_node *map, struct preset_spec *spec)
{
    spec->outputs = conf_keep(p, mem_calloc(PRESET_OUTPUTS_MAX, sizeof(*spec->outputs)));
    for (size_t i = 0; attributes[i]; i++) {
        const struct preset_output output = {.name = str_of(attributes[i])};
        const struct conf_node *node = conf_map_get(map, attributes[i]);

        if (node)
            add_output(reader, spec, &output, node);
    }
    read_data(reader, conf_map_get(map, "data"), spec);
}

/* ---- the section ---- */

static void read_preset(struct conf_reader *reader, struct conf_private *p,
                        const struct conf_node *name, const struct conf_node *map,
                        struct preset_spec *spec)
{
    static const struct conf_key key = {.name = "preset",
                                        .type = CONF_NAME,
                                        .min = 1,
                                        .max = NAME_MAX_BYTES,
                                        .chars = "A0_.-",
                                        .help = "letters, digits, '_', '.' and '-'"};
    const struct conf_node *when = conf_map_get(map, "when");

    if (!conf_key_read(reader, &key, name, &spec->name) ||
        !conf_keys_read(reader, conf_keys_preset, map, NULL))
        return;
    read_match(reader, p, conf_map_get(map, "match"), spec);
    read_fields(reader, p, conf_map_get(map, "fields"), spec);
    if (when && read_text(reader, "when", when, EXPRESSION_MAX, &spec->when))
        spec->when_where = when;
    read_outputs(reader, p, map, spec);
}

static bool is_taken(const struct preset_spec *specs, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(specs[i].name, name))
            return true;
    }
    return false;
}

static size_t count(struct conf_reader *reader, const struct conf_private *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_presets; i++) {
        if (is_map(reader, p->presets[i], "presets", "{desk: {match: ...}}"))
            n += p->presets[i]->n;
    }
    return n;
}

static void on_fault(void *ctx, const void *where, size_t offset, const char *text)
{
    conf_fault_within(ctx, where, offset, "%s", text);
}

void conf_read_presets(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    struct conf_private *p = base;
    size_t n_before = reader->faults->n, n = 0, n_all = count(reader, p);
    struct preset_spec *specs;

    if (reader->faults->n > n_before)
        return;
    if (n_all > PRESETS_MAX)
        return conf_fault_node(reader, node, "presets: more than %d, in all files", PRESETS_MAX);
    specs = conf_keep(p, mem_calloc(n_all + 1, sizeof(*specs)));
    for (size_t i = p->n_presets; i-- > 0;) {
        const struct conf_node *map = p->presets[i];

        for (size_t j = 0; j < map->n; j++) {
            if (!is_taken(specs, n, conf_map_key(map, j)->text))
                read_preset(reader, p, conf_map_key(map, j), conf_map_value(map, j), &specs[n++]);
        }
    }
    /* What is half read would be blamed for what is missing. */
    if (n && reader->faults->n == n_before)
        p->conf.presets = presets_new(specs, n, on_fault, reader);
    p->conf.preset_specs = specs;
    p->conf.n_presets = n;
}
