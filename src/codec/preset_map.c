/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Presets at work: which one a record is for, the values that it picks, and the event's text.
 * Evaluating expressions allocates nothing; the text goes to a buffer that is used again.
 */
#include "codec/preset_impl.h"

#include "base/parse.h"
#include "codec/json_pointer.h"
#include "codec/json_write.h"

#include <math.h>
#include <stdio.h>
#include <strings.h>

/* ---- which one ---- */

/* What a scalar reads as a text; false: it is none. `scratch` is for a number. */
static bool text_of(const struct json_value *v, char scratch[32], struct str *ret_text)
{
    struct buf b = BUF_INIT;

    if (v->kind == JSON_KIND_TEXT || v->kind == JSON_KIND_BOOL) {
        *ret_text = v->kind == JSON_KIND_TEXT ? v->text : str_of(v->b ? "true" : "false");
        return true;
    }
    if (v->kind != JSON_KIND_NUMBER)
        return false;
    if (v->is_integer)
        buf_add_i64(&b, v->integer);
    else
        buf_add_double(&b, v->number);
    ENSURE(b.len < 32);
    memcpy(scratch, b.ptr, b.len);
    *ret_text = (struct str){scratch, b.len};
    buf_deinit(&b);
    return true;
}

static bool is_one_of(struct str text, const struct preset_condition *c)
{
    for (size_t i = 0; i < c->n_values; i++) {
        if (str_eq(text, c->values[i]))
            return true;
    }
    return !c->n_values;
}

/* Of headers with one name the last counts. */
static bool is_header_met(const struct preset_condition *c, const struct event_input *input)
{
    bool is_met = false;
    struct str value;
    const char *name;

    for (size_t i = 0; input->header_at && input->header_at(input->headers, i, &name, &value);
         i++) {
        if (strlen(name) == c->at.len && strncasecmp(name, c->at.ptr, c->at.len) == 0)
            is_met = value.ptr && is_one_of(value, c);
    }
    return is_met;
}

static bool is_value_met(const struct preset_condition *c, const struct json_value *root)
{
    struct json_value v = json_pointer_get(root, c->at);
    char scratch[32];
    struct str text;

    if (!c->n_values)
        return v.kind != JSON_KIND_ABSENT;
    return text_of(&v, scratch, &text) && is_one_of(text, c);
}

static bool is_match(const struct preset_spec *spec, const struct event_input *input,
                     const struct json_value *root)
{
    for (size_t i = 0; i < spec->n_headers; i++) {
        if (!is_header_met(&spec->headers[i], input))
            return false;
    }
    for (size_t i = 0; i < spec->n_values; i++) {
        if (!is_value_met(&spec->values[i], root))
            return false;
    }
    return true;
}

/* By its headers; by its value, see below. */
static bool has_cloudevent_headers(const struct event_input *input)
{
    static const char media[] = "application/cloudevents";
    struct str value;
    const char *name;

    for (size_t i = 0; input->header_at && input->header_at(input->headers, i, &name, &value);
         i++) {
        if (strncasecmp(name, "ce_", 3) == 0)
            return true;
        if (strcasecmp(name, "content-type") == 0 && value.ptr && value.len >= strlen(media) &&
            strncasecmp(value.ptr, media, strlen(media)) == 0)
            return true;
    }
    return false;
}

/* ---- picking values ---- */

static bool pick_list(struct field *f, const struct json_value *v, struct cel_value *ret_value)
{
    size_t n = json_doc_n_items(v);

    if (v->kind != JSON_KIND_ARRAY || n > PRESET_ITEMS_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct json_value item = json_doc_item(v, i);

        if (item.kind != JSON_KIND_TEXT)
            return false;
        f->items[i] = (struct cel_value){.type = CEL_STRING, .s = item.text};
    }
    ret_value->list.items = f->items;
    ret_value->list.n = n;
    return true;
}

/* False: it is not of the field's type. */
static bool pick(struct field *f, const struct json_value *v, struct cel_value *ret_value)
{
    ret_value->type = preset_cel_type(f->spec->type);
    switch (f->spec->type) {
    case PRESET_STRING:
        return v->kind != JSON_KIND_BOOL && text_of(v, f->number, &ret_value->s);
    case PRESET_DOUBLE:
        ret_value->d = v->number;
        return v->kind == JSON_KIND_NUMBER;
    case PRESET_INT:
        ret_value->i = v->integer;
        return v->kind == JSON_KIND_NUMBER && v->is_integer;
    case PRESET_BOOL:
        ret_value->b = v->b;
        return v->kind == JSON_KIND_BOOL;
    case PRESET_TIMESTAMP:
        return v->kind == JSON_KIND_TEXT && !parse_instant(v->text, &ret_value->i);
    case PRESET_LIST:
        return pick_list(f, v, ret_value);
    }
    return false;
}

/* A value that is there and of another type, with none that is right, fails the mapping. */
static bool get(void *ctx, unsigned var, struct cel_value *ret_value)
{
    struct presets *all = ctx;
    struct field *f = &all->current->fields[var];
    enum json_kind wrong = JSON_KIND_ABSENT;

    for (size_t i = 0; i < f->spec->n_pointers; i++) {
        struct json_value v = json_pointer_get(all->root, f->spec->pointers[i]);

        if (v.kind != JSON_KIND_ABSENT && pick(f, &v, ret_value))
            return true;
        if (v.kind != JSON_KIND_ABSENT)
            wrong = v.kind;
    }
    if (wrong != JSON_KIND_ABSENT) {
        all->bad = f;
        all->bad_kind = wrong;
        return false;
    }
    if (f->spec->has_default)
        *ret_value = f->def;
    return f->spec->has_default;
}

/* ---- the event's text ---- */

/* A JSON value as it came; nested no deeper than the parser let it be. */
static void write_json(struct buf *b, const struct json_value *v)
{
    struct json_member at = {.place = NULL};
    struct json_value inner;
    char scratch[32];
    struct str text;

    if (v->kind == JSON_KIND_OBJECT) {
        buf_add_char(b, '{');
        while (json_doc_next(v, &at, &inner)) {
            json_write_name(b, at.name);
            write_json(b, &inner);
        }
        buf_add_char(b, '}');
    } else if (v->kind == JSON_KIND_ARRAY) {
        buf_add_char(b, '[');
        for (size_t i = 0; i < json_doc_n_items(v); i++) {
            inner = json_doc_item(v, i);
            json_write_item(b);
            write_json(b, &inner);
        }
        buf_add_char(b, ']');
    } else if (v->kind == JSON_KIND_TEXT) {
        buf_add_json_str(b, v->text);
    } else {
        buf_add_str(b, text_of(v, scratch, &text) ? text : STR("null"));
    }
}

/* False: JSON has no way to write it. */
static bool write_cel(struct buf *b, const struct cel_value *v);

static bool write_cel_list(struct buf *b, const struct cel_value *v)
{
    buf_add_char(b, '[');
    for (size_t i = 0; i < v->list.n; i++) {
        json_write_item(b);
        if (!write_cel(b, &v->list.items[i]))
            return false;
    }
    buf_add_char(b, ']');
    return true;
}

static bool write_cel(struct buf *b, const struct cel_value *v)
{
    switch (v->type) {
    case CEL_BOOL:
        buf_add_str(b, v->b ? STR("true") : STR("false"));
        return true;
    case CEL_INT:
        buf_add_i64(b, v->i);
        return true;
    case CEL_DOUBLE:
        if (!isfinite(v->d))
            return false;
        buf_add_double(b, v->d);
        return true;
    case CEL_STRING:
        buf_add_json_str(b, v->s);
        return true;
    case CEL_TIMESTAMP:
        buf_add_char(b, '"');
        format_instant(b, v->i);
        buf_add_char(b, '"');
        return true;
    case CEL_DURATION:
        if (v->i < 0)
            return false;
        buf_add_char(b, '"');
        format_duration_exact(b, v->i);
        buf_add_char(b, '"');
        return true;
    case CEL_LIST:
        return write_cel_list(b, v);
    default:
        return false;
    }
}

static int refuse_field(const struct presets *all, struct event_refusal *r)
{
    static const char *const wanted[] = {
        [PRESET_STRING] = "a string",
        [PRESET_DOUBLE] = "a number",
        [PRESET_INT] = "an integer",
        [PRESET_BOOL] = "a boolean",
        [PRESET_LIST] = "a list of at most 64 strings",
        [PRESET_TIMESTAMP] = "an instant in RFC 3339",
    };

    refusal_set(r, REFUSAL_STAGE_EVENT, "preset.field.type",
                "The payload's value for '%.*s' of the preset '%.*s' is %s, and not %s.",
                STR_ARG(all->bad->spec->name), STR_ARG(all->current->spec->name),
                json_kind_text(all->bad_kind), wanted[all->bad->spec->type]);
    return PRESET_E_REFUSED;
}

static int refuse_output(const struct presets *all, const struct preset_output *o,
                         const char *fault_name, const char *why, struct event_refusal *r)
{
    char code[sizeof(r->code)];

    snprintf(code, sizeof(code), "preset.output.%s", fault_name);
    refusal_set(r, REFUSAL_STAGE_EVENT, code, "The preset '%.*s' gives %s%.*s %s.",
                STR_ARG(all->current->spec->name), o->is_data ? "data." : "", STR_ARG(o->name),
                why);
    return PRESET_E_REFUSED;
}

/* An attribute is a text; a number is written as one. */
static int write_attribute_text(struct presets *all, const struct preset_output *o, struct buf *b,
                                size_t begin, struct event_refusal *r)
{
    char first = b->ptr[begin];

    if (first == '{' || first == '[' || first == 't' || first == 'f')
        return refuse_output(all, o, "type", "a value that is no string and no number", r);
    if (first == '"')
        return 0;
    buf_reserve(b, 2);
    memmove(b->ptr + begin + 1, b->ptr + begin, b->len - begin);
    b->ptr[begin] = '"';
    buf_advance(b, 1);
    buf_add_char(b, '"');
    return 0;
}

/* The value at the end of `b`, or nothing where it has none. */
static int write_value(struct presets *all, const struct output *o, struct buf *b,
                       struct event_refusal *r)
{
    struct cel_value v;
    int q;

    if (!o->program) {
        struct json_value picked = json_pointer_get(all->root, o->spec->text);

        if (picked.kind != JSON_KIND_ABSENT)
            write_json(b, &picked);
        return 0;
    }
    q = cel_eval(o->program, get, all, &v);
    if (all->bad)
        return refuse_field(all, r);
    if (q == CEL_E_ABSENT || (!q && v.type == CEL_NULL))
        return 0;
    if (q)
        return refuse_output(all, o->spec, "error", "an error for this payload", r);
    if (!write_cel(b, &v))
        return refuse_output(all, o->spec, "type", "a value that JSON cannot say", r);
    return 0;
}

static int write_output(struct presets *all, const struct output *o, struct buf *b,
                        struct event_refusal *r)
{
    size_t before = b->len, begin;

    json_write_name(b, o->spec->name);
    begin = b->len;
    if (write_value(all, o, b, r))
        return PRESET_E_REFUSED;
    if (b->len == begin)
        b->len = before; /* has no value: left out */
    else if (!o->spec->is_data)
        return write_attribute_text(all, o->spec, b, begin, r);
    return 0;
}

/* The outputs from `i` on that share a parent, as one object; left out where none has a value. */
static int write_nested(struct presets *all, size_t *i, struct buf *b, struct event_refusal *r)
{
    const struct preset *p = all->current;
    struct str parent = p->outputs[*i].spec->parent;
    size_t before = b->len, begin;

    json_write_name(b, parent);
    buf_add_char(b, '{');
    begin = b->len;
    for (; *i < p->spec->n_outputs && str_eq(p->outputs[*i].spec->parent, parent); ++*i) {
        if (write_output(all, &p->outputs[*i], b, r))
            return PRESET_E_REFUSED;
    }
    if (b->len == begin)
        b->len = before;
    else
        buf_add_char(b, '}');
    return 0;
}

static int write_data(struct presets *all, size_t i, struct buf *b, struct event_refusal *r)
{
    const struct preset *p = all->current;

    json_write_open(b, "data");
    while (i < p->spec->n_outputs) {
        if (p->outputs[i].spec->parent.len) {
            if (write_nested(all, &i, b, r))
                return PRESET_E_REFUSED;
        } else if (write_output(all, &p->outputs[i++], b, r)) {
            return PRESET_E_REFUSED;
        }
    }
    json_write_close(b);
    return 0;
}

static int write_event(struct presets *all, struct buf *b, struct event_refusal *r)
{
    const struct preset *p = all->current;
    size_t i = 0;

    json_write_open(b, NULL);
    json_write_text(b, "specversion", STR("1.0"));
    for (; i < p->spec->n_outputs && !p->outputs[i].spec->is_data; i++) {
        if (write_output(all, &p->outputs[i], b, r))
            return PRESET_E_REFUSED;
    }
    if (write_data(all, i, b, r))
        return PRESET_E_REFUSED;
    json_write_close(b);
    return 0;
}

/* Of a type that nobody knows: it is counted, named, moves the clock, and changes nothing. */
static int write_dropped(struct presets *all, struct buf *b, struct event_refusal *r)
{
    const struct preset *p = all->current;
    struct buf name = BUF_INIT;
    int q = 0;

    json_write_open(b, NULL);
    json_write_text(b, "specversion", STR("1.0"));
    json_write_text(b, "id", STR("dropped"));
    buf_addf(&name, "/presets/%.*s", STR_ARG(p->spec->name));
    json_write_text(b, "source", buf_str(&name));
    buf_reset(&name);
    buf_addf(&name, "preset.%.*s.dropped", STR_ARG(p->spec->name));
    json_write_text(b, "type", buf_str(&name));
    buf_deinit(&name);
    for (size_t i = 0; i < p->spec->n_outputs && !q; i++) {
        const struct preset_output *o = p->outputs[i].spec;

        if (!o->is_data && str_eq(o->name, STR("time")))
            q = write_output(all, &p->outputs[i], b, r);
    }
    json_write_close(b);
    return q;
}

static int refuse_when(const struct presets *all, struct event_refusal *r)
{
    refusal_set(r, REFUSAL_STAGE_EVENT, "preset.when.error",
                "The condition `when` of the preset '%.*s' is an error for this payload.",
                STR_ARG(all->current->spec->name));
    return PRESET_E_REFUSED;
}

static int map(struct presets *all, struct buf *b, struct event_refusal *r)
{
    struct cel_value wanted = {.type = CEL_BOOL, .b = true};
    int q = all->current->when ? cel_eval(all->current->when, get, all, &wanted) : 0;

    if (all->bad)
        return refuse_field(all, r);
    if (q == CEL_E_ERROR)
        return refuse_when(all, r);
    return !q && wanted.b ? write_event(all, b, r) : write_dropped(all, b, r);
}

int presets_map(struct presets *all, const struct event_input *input, size_t depth_max,
                struct json_doc *doc, struct buf *out, struct event_refusal *ret_refusal)
{
    struct event_refusal ignored;
    struct json_value root;
    int r;

    if (!input->value.len || has_cloudevent_headers(input))
        return PRESET_E_NONE;
    r = json_doc_parse(doc, input->value, depth_max, &ignored);
    if (r)
        return r < 0 ? r : PRESET_E_NONE; /* refused where any record is */
    root = json_doc_root(doc);
    if (json_doc_member(&root, "specversion").kind != JSON_KIND_ABSENT)
        return PRESET_E_NONE;
    for (size_t i = 0; i < all->n; i++) {
        if (!is_match(all->items[i].spec, input, &root))
            continue;
        all->root = &root;
        all->current = &all->items[i];
        all->bad = NULL;
        buf_reset(out);
        return map(all, out, ret_refusal);
    }
    return PRESET_E_NONE;
}
