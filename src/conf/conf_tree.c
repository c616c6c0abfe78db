/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libyaml's events to a tree. An alias is a second pointer to the node of its anchor; what it
 * stands for is counted again, so a small text cannot unfold into a large one. Stops at the first
 * thing that is no YAML: what follows it would be guesswork.
 */
#include "conf/conf_tree.h"

#include "base/mem.h"

#include <stdlib.h>
#include <yaml.h>

struct anchor {
    char *name;
    struct conf_node *node;
};

struct builder {
    struct conf_doc *doc;
    struct conf_faults *faults;
    struct conf_node *open[CONF_DEPTH_MAX]; /* lists and maps being read, outermost first */
    size_t opened_at[CONF_DEPTH_MAX];       /* n_counted when each began */
    size_t depth;
    size_t n_counted; /* nodes, aliases followed */
    struct anchor anchors[CONF_ANCHORS_MAX];
    size_t n_anchors;
    struct conf_node *root;
    bool has_failed;
};

/* ---- places ---- */

static size_t line_break_bytes(const char *p, size_t left)
{
    if (left >= 2 && !memcmp(p, "\r\n", 2))
        return 2;
    if (*p == '\n' || *p == '\r')
        return 1;
    if (left >= 2 && !memcmp(p, "\xc2\x85", 2)) /* NEL */
        return 2;
    if (left >= 3 && (!memcmp(p, "\xe2\x80\xa8", 3) || !memcmp(p, "\xe2\x80\xa9", 3)))
        return 3;
    return 0;
}

static size_t char_bytes(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

static void index_lines(struct conf_doc *doc)
{
    struct str text = buf_str(&doc->text);
    size_t cap = 0;

    mem_grow(&doc->lines, &cap, 0, sizeof(*doc->lines));
    doc->lines[doc->n_lines++] = 0;
    for (size_t i = 0; i < text.len;) {
        size_t n = line_break_bytes(text.ptr + i, text.len - i);

        i += n ? n : char_bytes((unsigned char)text.ptr[i]);
        if (!n)
            continue;
        mem_grow(&doc->lines, &cap, doc->n_lines, sizeof(*doc->lines));
        doc->lines[doc->n_lines++] = i;
    }
}

/* The byte at a line and column, both from 1. */
static size_t byte_at(const struct conf_doc *doc, int line, int column)
{
    size_t at, end = doc->text.len;

    if ((size_t)line > doc->n_lines)
        return end;
    at = doc->lines[line - 1];
    while (--column > 0 && at < end)
        at += char_bytes((unsigned char)doc->text.ptr[at]);
    return at < end ? at : end;
}

static void place_of_byte(const struct conf_doc *doc, size_t byte, int *ret_line, int *ret_column)
{
    size_t lo = 0, hi = doc->n_lines;
    int column = 1;

    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;

        if (doc->lines[mid] <= byte)
            lo = mid;
        else
            hi = mid;
    }
    for (size_t at = doc->lines[lo]; at < byte && at < doc->text.len; column++)
        at += char_bytes((unsigned char)doc->text.ptr[at]);
    *ret_line = (int)lo + 1;
    *ret_column = column;
}

/* One character of a scalar as it is written: how many bytes, and whether it means a blank. */
struct glyph {
    size_t n_bytes;
    bool is_blank;
};

static struct glyph escape_at(const char *p, size_t left)
{
    static const struct {
        char letter;
        size_t n_digits;
    } coded[] = {{'x', 2}, {'u', 4}, {'U', 8}};
    size_t n = left < 2 ? left : 2;
    char digits[9] = {0};

    if (n < 2)
        return (struct glyph){n, false};
    for (size_t i = 0; i < ARRAY_SIZE(coded); i++) {
        unsigned long code;

        if (p[1] != coded[i].letter || left < 2 + coded[i].n_digits)
            continue;
        memcpy(digits, p + 2, coded[i].n_digits);
        code = strtoul(digits, NULL, 16);
        return (struct glyph){2 + coded[i].n_digits, code == ' ' || (code >= 9 && code <= 13)};
    }
    if (line_break_bytes(p + 1, left - 1))
        return (struct glyph){1 + line_break_bytes(p + 1, left - 1), true};
    return (struct glyph){2, strchr("ntrvf \t", p[1]) != NULL};
}

static bool is_blank_byte(char c)
{
    return c == ' ' || (c >= 9 && c <= 13);
}

static struct glyph glyph_at(const struct conf_node *node, const char *p, size_t left)
{
    size_t n = line_break_bytes(p, left);

    if (n)
        return (struct glyph){n, true};
    if (node->has_escapes && *p == '\\')
        return escape_at(p, left);
    /* A quote within single quotes is written twice. */
    if (!node->is_plain && !node->is_block && !node->has_escapes && left >= 2 &&
        !memcmp(p, "''", 2))
        return (struct glyph){2, false};
    n = char_bytes((unsigned char)*p);
    return (struct glyph){n < left ? n : left, is_blank_byte(*p)};
}

/* Where a scalar's content begins: past anchor and quote, or on the line after `|` or `>`. */
static size_t content_begin(const struct conf_node *node)
{
    const struct conf_doc *doc = node->doc;
    size_t at = byte_at(doc, node->line, node->column), end = doc->text.len;

    if (node->is_block)
        return (size_t)node->line < doc->n_lines ? doc->lines[node->line] : end;
    if (at < end && doc->text.ptr[at] == '&') {
        while (at < end && !is_blank_byte(doc->text.ptr[at]))
            at++;
        while (at < end && is_blank_byte(doc->text.ptr[at]))
            at++;
    }
    return at + (!node->is_plain && at < end);
}

/* How many characters stand before `offset` that are no blanks, and how many blanks directly. */
static void count_before(struct str text, size_t offset, size_t *ret_n, size_t *ret_n_blanks)
{
    size_t n = 0, n_blanks = 0;

    for (size_t i = 0; i < offset; i += char_bytes((unsigned char)text.ptr[i])) {
        bool is_blank = is_blank_byte(text.ptr[i]);

        n += !is_blank;
        n_blanks = is_blank ? n_blanks + 1 : 0;
    }
    *ret_n = n;
    *ret_n_blanks = n_blanks;
}

/*
 * Folding and indentation only ever change blanks. So the k-th character of the text that is no
 * blank is the k-th one that is written.
 */
void conf_node_place(const struct conf_node *node, size_t offset, int *ret_line, int *ret_column)
{
    const char *text = node->doc->text.ptr;
    size_t at, end = node->doc->text.len, left, n_blanks;
    bool is_blank;

    if (node->type != CONF_NODE_SCALAR) {
        *ret_line = node->line;
        *ret_column = node->column;
        return;
    }
    if (offset > node->text.len)
        offset = node->text.len;
    is_blank = offset == node->text.len || is_blank_byte(node->text.ptr[offset]);
    count_before(node->text, offset, &left, &n_blanks);
    at = content_begin(node);
    for (; left && at < end; at += glyph_at(node, text + at, end - at).n_bytes)
        left -= !glyph_at(node, text + at, end - at).is_blank;
    for (; at < end && glyph_at(node, text + at, end - at).is_blank; n_blanks--) {
        if (is_blank && (!n_blanks || line_break_bytes(text + at, end - at)))
            break;
        at += glyph_at(node, text + at, end - at).n_bytes;
    }
    place_of_byte(node->doc, at, ret_line, ret_column);
}

/* ---- building ---- */

static void fail(struct builder *b, yaml_mark_t mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fail(struct builder *b, yaml_mark_t mark, const char *format, ...)
{
    va_list args;

    b->has_failed = true;
    va_start(args, format);
    conf_fault_vadd(b->faults, b->doc->name, (int)mark.line + 1, (int)mark.column + 1, format,
                    args);
    va_end(args);
}

static struct conf_node *node_new(struct builder *b, enum conf_node_type type, yaml_mark_t mark)
{
    struct conf_node *node = mem_calloc(1, sizeof(*node));
    struct conf_doc *doc = b->doc;

    node->type = type;
    node->doc = doc;
    node->line = (int)mark.line + 1;
    node->column = (int)mark.column + 1;
    mem_grow(&doc->nodes, &doc->nodes_cap, doc->n_nodes, sizeof(*doc->nodes));
    doc->nodes[doc->n_nodes++] = node;
    return node;
}

static bool is_at_key(const struct builder *b)
{
    const struct conf_node *top = b->depth ? b->open[b->depth - 1] : NULL;

    return top && top->type == CONF_NODE_MAP && top->n % 2 == 0;
}

/* `n` counts single nodes while a map is open; pairs once it is closed. */
static void put(struct builder *b, struct conf_node *node, yaml_mark_t mark)
{
    struct conf_node *top = b->depth ? b->open[b->depth - 1] : NULL;

    if (is_at_key(b) && node->type != CONF_NODE_SCALAR)
        return fail(b, mark, "a key must be a simple name, not a list or a mapping");
    if (!top) {
        b->root = node;
        return;
    }
    mem_grow(&top->items, &top->cap, top->n, sizeof(*top->items));
    top->items[top->n++] = node;
}

static bool count(struct builder *b, size_t n, yaml_mark_t mark)
{
    b->n_counted += n;
    if (b->n_counted > CONF_NODES_MAX)
        fail(b, mark, "more than %d values, with aliases followed: write less, or split the file",
             CONF_NODES_MAX);
    return !b->has_failed;
}

static void add_anchor(struct builder *b, const yaml_char_t *name, struct conf_node *node,
                       yaml_mark_t mark)
{
    if (!name)
        return;
    if (b->n_anchors == CONF_ANCHORS_MAX)
        return fail(b, mark, "more than %d anchors: write values out", CONF_ANCHORS_MAX);
    b->anchors[b->n_anchors++] = (struct anchor){
        .name = mem_strndup((const char *)name, strlen((const char *)name)), .node = node};
}

static void on_alias(struct builder *b, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;

    for (size_t i = b->n_anchors; i-- > 0;) {
        struct conf_node *node = b->anchors[i].node;

        if (strcmp(b->anchors[i].name, name) != 0)
            continue;
        if (!node->weight)
            return fail(b, event->start_mark, "alias *%.60s stands inside its own anchor", name);
        if (count(b, node->weight, event->start_mark))
            put(b, node, event->start_mark);
        return;
    }
    fail(b, event->start_mark, "alias *%.60s has no anchor: define &%.60s before it", name, name);
}

static void refuse_tag(struct builder *b, const yaml_char_t *tag, yaml_mark_t mark)
{
    /* "!" alone only says that a text is not to be taken for a number. */
    if (tag && strcmp((const char *)tag, "!") != 0)
        fail(b, mark, "tags such as !!str are not supported: leave the tag out");
}

static void on_scalar(struct builder *b, const yaml_event_t *event)
{
    yaml_scalar_style_t style = event->data.scalar.style;
    struct conf_node *node = node_new(b, CONF_NODE_SCALAR, event->start_mark);
    size_t len = event->data.scalar.length;

    node->text = (struct str){mem_strndup((const char *)event->data.scalar.value, len), len};
    node->is_plain = style == YAML_PLAIN_SCALAR_STYLE;
    node->has_escapes = style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    node->is_block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
    node->weight = 1;
    refuse_tag(b, event->data.scalar.tag, event->start_mark);
    add_anchor(b, event->data.scalar.anchor, node, event->start_mark);
    if (!b->has_failed && count(b, 1, event->start_mark))
        put(b, node, event->start_mark);
}

static void on_open(struct builder *b, enum conf_node_type type, const yaml_char_t *anchor,
                    const yaml_char_t *tag, yaml_mark_t mark)
{
    struct conf_node *node = node_new(b, type, mark);

    if (b->depth == CONF_DEPTH_MAX)
        return fail(b, mark, "nested more than %d deep", CONF_DEPTH_MAX);
    refuse_tag(b, tag, mark);
    add_anchor(b, anchor, node, mark);
    if (b->has_failed || !count(b, 1, mark))
        return;
    put(b, node, mark);
    b->opened_at[b->depth] = b->n_counted - 1;
    b->open[b->depth++] = node;
}

static int key_cmp(const void *x, const void *y)
{
    const struct conf_node *a = *(struct conf_node *const *)x, *b = *(struct conf_node *const *)y;
    int c = str_cmp(a->text, b->text);

    if (c)
        return c;
    return a->line != b->line ? (a->line < b->line ? -1 : 1) : a->column - b->column;
}

static void refuse_duplicate_keys(struct builder *b, const struct conf_node *map)
{
    struct conf_node **keys = mem_calloc(map->n + 1, sizeof(*keys));

    for (size_t i = 0; i < map->n; i++)
        keys[i] = map->items[2 * i];
    qsort(keys, map->n, sizeof(struct conf_node *), key_cmp);
    for (size_t i = 1; i < map->n; i++) {
        const struct conf_node *first = keys[i - 1], *second = keys[i];

        if (str_eq(first->text, second->text))
            conf_fault_add(b->faults, b->doc->name, second->line, second->column,
                           "duplicate key '%.*s' (first at line %d): leave one of them",
                           STR_ARG(conf_clip(second->text)), first->line);
    }
    mem_free(keys);
}

static void on_close(struct builder *b)
{
    struct conf_node *node = b->open[--b->depth];

    node->weight = b->n_counted - b->opened_at[b->depth];
    if (node->type != CONF_NODE_MAP)
        return;
    node->n /= 2;
    refuse_duplicate_keys(b, node);
}

static void on_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->root)
            fail(b, event->start_mark, "a second document: a configuration is one document");
        break;
    case YAML_ALIAS_EVENT:
        on_alias(b, event);
        break;
    case YAML_SCALAR_EVENT:
        on_scalar(b, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        on_open(b, CONF_NODE_LIST, event->data.sequence_start.anchor,
                event->data.sequence_start.tag, event->start_mark);
        break;
    case YAML_MAPPING_START_EVENT:
        on_open(b, CONF_NODE_MAP, event->data.mapping_start.anchor, event->data.mapping_start.tag,
                event->start_mark);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        on_close(b);
        break;
    default:
        break;
    }
}

static void on_yaml_error(struct builder *b, const yaml_parser_t *parser)
{
    yaml_mark_t mark = parser->problem_mark;
    size_t at = byte_at(b->doc, (int)mark.line + 1, (int)mark.column + 1);
    const char *problem = parser->problem ? parser->problem : "it cannot be read";

    if (parser->error == YAML_READER_ERROR) {
        int line, column;

        place_of_byte(b->doc, parser->problem_offset, &line, &column);
        mark.line = (size_t)line - 1;
        mark.column = (size_t)column - 1;
        fail(b, mark, "not valid YAML: %s", problem);
    } else if (at < b->doc->text.len && b->doc->text.ptr[at] == '\t') {
        fail(b, mark, "not valid YAML: a tab cannot indent: use spaces");
    } else if (parser->context && parser->context_mark.line != mark.line) {
        fail(b, mark, "not valid YAML: %s (%s that begins at line %zu)", problem, parser->context,
             parser->context_mark.line + 1);
    } else if (parser->context) {
        fail(b, mark, "not valid YAML: %s (%s)", problem, parser->context);
    } else {
        fail(b, mark, "not valid YAML: %s", problem);
    }
}

static void build(struct builder *b)
{
    yaml_parser_t parser;
    yaml_event_t event;
    bool is_done = false;

    ENSURE(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)b->doc->text.ptr,
                                 b->doc->text.len);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    while (!is_done && !b->has_failed) {
        if (!yaml_parser_parse(&parser, &event)) {
            on_yaml_error(b, &parser);
            break;
        }
        is_done = event.type == YAML_STREAM_END_EVENT;
        on_event(b, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
}

static bool is_text_fit(struct conf_doc *doc, struct conf_faults *faults)
{
    struct str text = buf_str(&doc->text);

    if (text.len > CONF_FILE_MAX_BYTES)
        conf_fault_add(faults, doc->name, 0, 0, "larger than %d bytes: split it with `include`",
                       CONF_FILE_MAX_BYTES);
    else if (!str_is_utf8(text))
        conf_fault_add(faults, doc->name, 0, 0, "not UTF-8: save it as UTF-8");
    else
        return true;
    return false;
}

struct conf_doc *conf_doc_new(const char *name, struct buf *text, struct conf_faults *faults)
{
    static const char bom[] = "\xef\xbb\xbf";
    struct conf_doc *doc = mem_calloc(1, sizeof(*doc));
    struct builder *b;

    buf_reserve(text, 0);
    if (str_starts(buf_str(text), str_of(bom))) {
        text->len -= strlen(bom);
        memmove(text->ptr, text->ptr + strlen(bom), text->len);
    }
    doc->name = mem_strndup(name, strlen(name));
    doc->text = *text;
    *text = (struct buf)BUF_INIT;
    if (!is_text_fit(doc, faults))
        return doc;
    index_lines(doc);
    b = mem_calloc(1, sizeof(*b));
    b->doc = doc;
    b->faults = faults;
    build(b);
    if (!b->has_failed)
        doc->root = b->root;
    if (!b->has_failed && !b->root)
        conf_fault_add(faults, doc->name, 0, 0, "it is empty");
    for (size_t i = 0; i < b->n_anchors; i++)
        mem_free(b->anchors[i].name);
    mem_free(b);
    return doc;
}

struct conf_doc *conf_doc_free(struct conf_doc *doc)
{
    if (!doc)
        return NULL;
    for (size_t i = 0; i < doc->n_nodes; i++) {
        mem_free((char *)doc->nodes[i]->text.ptr);
        mem_free(doc->nodes[i]->items);
        mem_free(doc->nodes[i]);
    }
    mem_free(doc->nodes);
    mem_free(doc->lines);
    mem_free(doc->name);
    buf_deinit(&doc->text);
    return mem_free(doc);
}

const struct conf_node *conf_map_get(const struct conf_node *map, const char *key)
{
    if (!map || map->type != CONF_NODE_MAP)
        return NULL;
    for (size_t i = 0; i < map->n; i++)
        if (str_eq(conf_map_key(map, i)->text, str_of(key)))
            return conf_map_value(map, i);
    return NULL;
}
