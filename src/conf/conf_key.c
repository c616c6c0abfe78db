/* SPDX-License-Identifier: Apache-2.0 */
/* Values by their rows. Knows the types, not the keys. */
#include "conf/conf_key.h"

#include "base/parse.h"

#include <math.h>
#include <strings.h>

#define NAMES_MAX 64 /* rows of one table that are offered as "did you mean" */

void conf_fault_within(struct conf_reader *reader, const struct conf_node *node, size_t offset,
                       const char *format, ...)
{
    int line, column;
    va_list args;

    conf_node_place(node, offset, &line, &column);
    va_start(args, format);
    conf_fault_vadd(reader->faults, node->doc->name, line, column, format, args);
    va_end(args);
}

void conf_fault_node(struct conf_reader *reader, const struct conf_node *node, const char *format,
                     ...)
{
    va_list args;

    va_start(args, format);
    conf_fault_vadd(reader->faults, node->doc->name, node->line, node->column, format, args);
    va_end(args);
}

bool conf_node_is_null(const struct conf_node *node)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};

    if (node->type != CONF_NODE_SCALAR || !node->is_plain)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(nulls); i++)
        if (str_eq(node->text, str_of(nulls[i])))
            return true;
    return false;
}

bool conf_read_text(struct conf_reader *reader, const char *what, const struct conf_node *node,
                    struct str *ret_text)
{
    if (node->type != CONF_NODE_SCALAR) {
        conf_fault_node(reader, node, "%s: expected one value, not a %s", what,
                        node->type == CONF_NODE_LIST ? "list" : "mapping");
        return false;
    }
    if (conf_node_is_null(node)) {
        conf_fault_node(reader, node, "%s: has no value: write one, or leave the key out", what);
        return false;
    }
    for (size_t i = 0; i < node->text.len; i++) {
        unsigned char c = (unsigned char)node->text.ptr[i];

        if ((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t')
            continue;
        conf_fault_within(reader, node, i, "%s: holds a control character: leave it out", what);
        return false;
    }
    *ret_text = node->text;
    return true;
}

static void add_size(struct buf *b, int64_t bytes)
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
    size_t i = 0;

    for (; bytes && bytes % 1024 == 0 && i < 3; i++)
        bytes /= 1024;
    buf_addf(b, "%lld%s", (long long)bytes, units[i]);
}

static void add_value(struct buf *b, enum conf_type type, int64_t v)
{
    if (type == CONF_DURATION)
        format_duration_exact(b, v);
    else if (type == CONF_SIZE)
        add_size(b, v);
    else
        buf_add_i64(b, v);
}

static bool fault_range(struct conf_reader *reader, const struct conf_key *key,
                        const struct conf_node *node)
{
    struct buf lo = BUF_INIT, hi = BUF_INIT;

    add_value(&lo, key->type, key->min);
    add_value(&hi, key->type, key->max);
    conf_fault_node(reader, node, "%s: must be from %s to %s, not %.*s", key->name, lo.ptr, hi.ptr,
                    STR_ARG(conf_clip(node->text)));
    buf_deinit(&lo);
    buf_deinit(&hi);
    return false;
}

static bool read_bool(struct conf_reader *reader, const struct conf_key *key,
                      const struct conf_node *node, struct str text, void *to)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"on", true},   {"true", true},   {"yes", true},
                 {"off", false}, {"false", false}, {"no", false}};

    for (size_t i = 0; i < ARRAY_SIZE(words) && node->is_plain; i++) {
        if (text.len != strlen(words[i].word) || strncasecmp(text.ptr, words[i].word, text.len))
            continue;
        *(bool *)to = words[i].value;
        return true;
    }
    conf_fault_node(reader, node, "%s: expected on or off, without quotes, not '%.*s'", key->name,
                    STR_ARG(conf_clip(text)));
    return false;
}

static bool read_number(struct conf_reader *reader, const struct conf_key *key,
                        const struct conf_node *node, struct str text, void *to)
{
    double v;

    if (!node->is_plain || parse_double(text, &v)) {
        conf_fault_node(reader, node, "%s: expected a number such as 1.5, not %s'%.*s'", key->name,
                        node->is_plain ? "" : "the text ", STR_ARG(conf_clip(text)));
        return false;
    }
    if (!(v >= (double)key->min && v <= (double)key->max))
        return fault_range(reader, key, node);
    *(double *)to = v;
    return true;
}

static int parse_by_type(enum conf_type type, struct str text, int64_t *ret_value)
{
    if (type == CONF_DURATION)
        return parse_duration(text, ret_value);
    if (type == CONF_INSTANT)
        return parse_instant(text, ret_value);
    return type == CONF_SIZE ? parse_size(text, ret_value) : parse_i64(text, ret_value);
}

static void fault_form(struct conf_reader *reader, const struct conf_key *key,
                       const struct conf_node *node, struct str text)
{
    struct str shown = conf_clip(text);
    double bare;

    if (key->type == CONF_INSTANT)
        conf_fault_node(reader, node,
                        "%s: '%.*s' is no instant: write it like 2026-05-01T08:00:00Z", key->name,
                        STR_ARG(shown));
    else if (key->type == CONF_DURATION && !parse_double(text, &bare))
        conf_fault_node(reader, node, "%s: '%.*s' has no unit: write %.*ss, or 15m, 6h, 7d",
                        key->name, STR_ARG(shown), STR_ARG(shown));
    else if (key->type == CONF_DURATION)
        conf_fault_node(reader, node, "%s: '%.*s' is no duration: write it like 90s, 15m, 6h or 7d",
                        key->name, STR_ARG(shown));
    else if (key->type == CONF_SIZE)
        conf_fault_node(reader, node, "%s: '%.*s' is no size: write it like 512KiB, 64MiB or 2GiB",
                        key->name, STR_ARG(shown));
    else
        conf_fault_node(reader, node, "%s: expected a whole number such as 64, not %s'%.*s'",
                        key->name, node->is_plain ? "" : "the text ", STR_ARG(shown));
}

static bool read_integral(struct conf_reader *reader, const struct conf_key *key,
                          const struct conf_node *node, struct str text, void *to)
{
    int64_t v = 0;
    int r = key->type == CONF_INT && !node->is_plain ? PARSE_E_MALFORMED
                                                     : parse_by_type(key->type, text, &v);

    if (r == PARSE_E_MALFORMED) {
        fault_form(reader, key, node, text);
        return false;
    }
    if (key->type != CONF_INSTANT && (r || v < key->min || v > key->max))
        return fault_range(reader, key, node);
    *(int64_t *)to = v;
    return true;
}

static bool is_name_char(const char *chars, char c)
{
    if (((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) && strchr(chars, 'A'))
        return true;
    if (c >= 'a' && c <= 'z' && strchr(chars, 'a'))
        return true;
    if (c >= '0' && c <= '9')
        return strchr(chars, '0') != NULL;
    return c != 'A' && c != 'a' && c && strchr(chars, c) != NULL;
}

static bool read_text(struct conf_reader *reader, const struct conf_key *key,
                      const struct conf_node *node, struct str text, void *to)
{
    if ((int64_t)text.len < key->min || (int64_t)text.len > key->max) {
        conf_fault_node(reader, node, "%s: must have %lld to %lld bytes, not %zu", key->name,
                        (long long)key->min, (long long)key->max, text.len);
        return false;
    }
    for (size_t i = 0; i < text.len && key->type == CONF_NAME; i++) {
        if (is_name_char(key->chars, text.ptr[i]))
            continue;
        conf_fault_within(reader, node, i, "%s: may hold %s only", key->name, key->help);
        return false;
    }
    *(struct str *)to = text;
    return true;
}

static bool read_choice(struct conf_reader *reader, const struct conf_key *key,
                        const struct conf_node *node, struct str text, void *to)
{
    struct buf all = BUF_INIT;
    int n = 0;

    for (; key->choices[n]; n++) {
        if (str_eq(text, str_of(key->choices[n]))) {
            memcpy(to, &n, sizeof(n));
            buf_deinit(&all);
            return true;
        }
        buf_addf(&all, "%s%s", n ? (key->choices[n + 1] ? ", " : " or ") : "", key->choices[n]);
    }
    conf_fault_node(reader, node, "%s: expected %s, not '%.*s'", key->name, all.ptr,
                    STR_ARG(conf_clip(text)));
    buf_deinit(&all);
    return false;
}

static bool read_scalar(struct conf_reader *reader, const struct conf_key *key,
                        const struct conf_node *node, void *to)
{
    struct str text;

    if (!conf_read_text(reader, key->name, node, &text))
        return false;
    switch (key->type) {
    case CONF_BOOL:
        return read_bool(reader, key, node, text, to);
    case CONF_NUMBER:
        return read_number(reader, key, node, text, to);
    case CONF_TEXT:
    case CONF_NAME:
    case CONF_SECRET:
        return read_text(reader, key, node, text, to);
    case CONF_CHOICE:
        return read_choice(reader, key, node, text, to);
    default:
        return read_integral(reader, key, node, text, to);
    }
}

bool conf_key_read(struct conf_reader *reader, const struct conf_key *key,
                   const struct conf_node *node, void *base)
{
    size_t n_before = reader->faults->n;

    switch (key->type) {
    case CONF_MAP:
        return conf_keys_read(reader, key->keys, node, base);
    case CONF_CUSTOM:
        key->read(reader, node, base);
        return reader->faults->n == n_before;
    case CONF_LATER:
        return false;
    default:
        return read_scalar(reader, key, node, (char *)base + key->offset);
    }
}

const struct conf_key *conf_key_find(const struct conf_key *keys, struct str name)
{
    for (; keys->name; keys++)
        if (str_eq(name, str_of(keys->name)))
            return keys;
    return NULL;
}

void conf_fault_unknown(struct conf_reader *reader, const struct conf_key *keys,
                        const struct conf_node *name)
{
    const char *names[NAMES_MAX + 1];
    const char *near;
    size_t n = 0;

    for (const struct conf_key *key = keys; key->name && n < NAMES_MAX; key++)
        if (key->type != CONF_LATER)
            names[n++] = key->name;
    names[n] = NULL;
    near = conf_did_you_mean(name->text, names);
    if (near)
        conf_fault_node(reader, name, "unknown key '%.*s': did you mean '%s'?",
                        STR_ARG(conf_clip(name->text)), near);
    else if (str_eq(name->text, STR("<<")))
        conf_fault_node(reader, name, "merge keys (<<) are not supported: write the keys out");
    else
        conf_fault_node(reader, name, "unknown key '%.*s': leave it out",
                        STR_ARG(conf_clip(name->text)));
}

static bool read_pair(struct conf_reader *reader, const struct conf_key *keys,
                      const struct conf_node *name, const struct conf_node *value, void *base)
{
    const struct conf_key *key = conf_key_find(keys, name->text);

    if (!key) {
        conf_fault_unknown(reader, keys, name);
        return false;
    }
    if (key->type == CONF_LATER) {
        conf_fault_node(reader, name, "'%s' is not supported by this version: leave it out%s%s",
                        key->name, key->help ? "; " : "", key->help ? key->help : "");
        return false;
    }
    return conf_key_read(reader, key, value, base);
}

bool conf_keys_read(struct conf_reader *reader, const struct conf_key *keys,
                    const struct conf_node *map, void *base)
{
    bool ok = true;

    if (map->type != CONF_NODE_MAP) {
        conf_fault_node(reader, map, "expected a mapping such as {%s: ...}", keys->name);
        return false;
    }
    for (size_t i = 0; i < map->n; i++)
        ok &= read_pair(reader, keys, conf_map_key(map, i), conf_map_value(map, i), base);
    for (const struct conf_key *key = keys; key->name; key++) {
        if (!key->is_required || conf_map_get(map, key->name))
            continue;
        conf_fault_node(reader, map, "'%s' is missing: %s%s", key->name,
                        key->type == CONF_NAME ? "write one, of " : "", key->help);
        ok = false;
    }
    return ok;
}

static void set_default(const struct conf_key *key, void *base)
{
    static const struct conf_doc shipped = {.name = NULL};
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf_reader reader = {.conf = NULL, .faults = &faults};
    struct conf_node node = {
        .type = CONF_NODE_SCALAR, .doc = &shipped, .text = str_of(key->def), .is_plain = true};
    char *to = (char *)base + key->offset;

    /* An empty text stands for "none", and is more than the file may say. */
    if (!*key->def)
        *(struct str *)to = node.text;
    else
        ENSURE(read_scalar(&reader, key, &node, to));
}

void conf_keys_set_defaults(const struct conf_key *keys, void *base)
{
    for (; keys->name; keys++) {
        if (keys->type == CONF_MAP)
            conf_keys_set_defaults(keys->keys, base);
        else if (keys->def)
            set_default(keys, base);
        else if (keys->type == CONF_INSTANT)
            *(int64_t *)((char *)base + keys->offset) = INT64_MIN;
    }
}
