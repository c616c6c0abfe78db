/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema-directed pass. `data` may come before `type` (keys in alphabetical order): it is then
 * taken for an interaction's, and left to the reference if it turns out to be something else's.
 */
#include "codec/event_scan.h"

#include "base/mem.h"
#include "base/parse.h"
#include "codec/json_scan.h"
#include "codec/name_table.h"

enum { MEMBER_DATA = ENVELOPE_N_ATTRIBUTES, MEMBER_DATA_BASE64 };

struct fields {
    const struct event_data_type *type;
    struct name_table names;
    uint32_t required; /* a bit for each field */
};

struct event_scan {
    struct name_table members; /* of the envelope */
    struct fields fields[EVENT_OTHER + 1];
    struct buf texts;
};

/* One value's pass. */
struct pass {
    struct json_scan json;
    struct event_scan *scan;
    struct fields *fields; /* of the data; NULL: there is none so far */
    struct envelope *envelope;
    struct event *event;
};

_Static_assert(NAME_TABLE_MAX < 32, "a bit for each name");

/* A name that did not come after `before` the last time. */
static const char *scan_new_name(const struct json_scan *s, struct name_table *t, size_t before,
                                 const char *p, size_t *ret_i)
{
    struct str name;

    p = json_scan_name(s, p, &name);
    if (!p)
        return NULL;
    *ret_i = name_table_find(t, name, s->end);
    t->after[before] = (uint8_t)*ret_i;
    return p;
}

/* The name of the member at p, up to where its value begins; `before` is the index of the last one,
 * or NAME_TABLE_BEGIN. */
static inline const char *scan_name(const struct json_scan *s, struct name_table *t, size_t before,
                                    const char *p, size_t *ret_i)
{
    const struct quoted_name *expected = &t->quoted[t->after[before]];

    if (s->end - p < NAME_TABLE_MAX_BYTES || !quoted_name_is_at(expected, p))
        return scan_new_name(s, t, before, p, ret_i);
    *ret_i = t->after[before];
    return json_scan_space(p + expected->len);
}

/* ---- fields of the data ---- */

static const char *scan_null(const char *p, bool *ret_is_there)
{
    *ret_is_there = false;
    return json_scan_null(p);
}

static const char *take_text(const struct pass *q, const struct event_field *f, const char *p,
                             void *place, bool *ret_is_there)
{
    struct str text;

    if (*p != '"')
        return NULL;
    p = json_scan_text(&q->json, p + 1, &text);
    if (!p)
        return NULL;
    *ret_is_there = text.len > 0;
    if (!text.len)
        return p;
    if (f->kind == FIELD_CHOICE) {
        int choice = event_field_choice(f, text);

        memcpy(place, &choice, sizeof(choice));
        return choice >= 0 ? p : NULL;
    }
    if (f->kind == FIELD_INSTANT)
        return parse_instant(text, place) ? NULL : p;
    *(struct str *)place = text;
    return f->max_bytes && text.len > f->max_bytes ? NULL : p;
}

static const char *take_number(const struct event_field *f, const char *p, void *place)
{
    double number;

    p = json_scan_number(p, &number);
    if (!p || !event_field_has(f, number))
        return NULL;
    if (f->has_place)
        *(double *)place = number;
    return p;
}

/* Strings that are not empty; `depth` more levels of nesting are allowed. */
static const char *take_communities(const struct pass *q, const struct event_field *f,
                                    const char *p, size_t depth)
{
    struct event *e = q->event;
    bool is_last = false;

    if (*p != '[' || !depth)
        return NULL;
    p = json_scan_space(p + 1);
    if (*p == ']')
        return p + 1;
    while (p && !is_last) {
        struct str *item = &e->communities[e->n_communities];

        if (*p != '"' || e->n_communities++ == EVENT_COMMUNITIES_MAX)
            return NULL;
        p = json_scan_text(&q->json, p + 1, item);
        if (!p || !item->len || item->len > f->max_bytes)
            return NULL;
        p = json_scan_next(p, ']', &is_last);
    }
    return p;
}

static const char *take_field(const struct pass *q, const struct event_field *f, const char *p,
                              size_t depth, bool *ret_is_there)
{
    void *place = (char *)q->event + f->place;

    *ret_is_there = true;
    if (*p == 'n')
        return scan_null(p, ret_is_there);
    switch (f->kind) {
    case FIELD_TEXT:
    case FIELD_CHOICE:
    case FIELD_INSTANT:
        return take_text(q, f, p, place, ret_is_there);
    case FIELD_NUMBER:
        return take_number(f, p, place);
    case FIELD_BOOL:
        return json_scan_bool(p, place);
    case FIELD_TEXTS:
        return take_communities(q, f, p, depth);
    }
    return NULL;
}

/* An object; p is at its brace, `depth` more levels of nesting are allowed in it. */
static const char *scan_fields(const struct pass *q, const char *p, size_t depth)
{
    const struct event_field *fields = q->fields->type->fields;
    uint32_t seen = 0, there = 0;
    bool is_last = false, is_there;
    size_t i = NAME_TABLE_BEGIN;

    p = json_scan_space(p + 1);
    if (*p == '}')
        return q->fields->required ? NULL : p + 1;
    while (!is_last) {
        p = scan_name(&q->json, &q->fields->names, i, p, &i);
        if (!p)
            return NULL;
        if (i == NAME_TABLE_NONE) {
            p = json_scan_value(&q->json, p, depth);
        } else {
            if (seen & 1U << i)
                return NULL; /* twice */
            seen |= 1U << i;
            p = take_field(q, &fields[i], p, depth, &is_there);
            there |= (uint32_t)is_there << i;
            if (fields[i].has_flag)
                *(bool *)((char *)q->event + fields[i].flag) = is_there;
        }
        if (p)
            p = json_scan_next(p, '}', &is_last);
        if (!p)
            return NULL;
    }
    return q->fields->required & ~there ? NULL : p;
}

/* ---- the envelope ---- */

/* How the data of that type is read; NULL: by the reference. */
static struct fields *fields_of(struct event_scan *s, struct str type_name)
{
    const struct event_data_type *type = event_data_type_find(type_name);

    return type->finish ? NULL : &s->fields[type->type];
}

/* p is at the value of `data`; `depth` more levels of nesting are allowed. */
static const char *scan_data(struct pass *q, const char *p, size_t depth)
{
    struct str type_name = q->envelope->attributes[ENVELOPE_TYPE];

    q->fields = type_name.len ? fields_of(q->scan, type_name) : &q->scan->fields[EVENT_INTERACTION];
    if (!q->fields)
        return NULL;
    if (!q->fields->type->has_data)
        return json_scan_value(&q->json, p, depth);
    if (*p != '{' || !depth)
        return NULL;
    p = scan_fields(q, p, depth - 1);
    return p == q->json.end ? NULL : p; /* the envelope goes on */
}

static const char *scan_attribute(const struct pass *q, const char *p, struct str *ret_text)
{
    if (*p == '"')
        return json_scan_text(&q->json, p + 1, ret_text);
    return json_scan_null(p);
}

/* The whole value; p is at its brace. */
static const char *scan_envelope(struct pass *q, const char *p, size_t depth)
{
    bool is_last = false;
    uint32_t seen = 0;
    size_t i = NAME_TABLE_BEGIN;

    p = json_scan_space(p + 1);
    while (!is_last) {
        p = scan_name(&q->json, &q->scan->members, i, p, &i);
        if (!p)
            return NULL;
        if (i != NAME_TABLE_NONE && seen & 1U << i)
            return NULL; /* twice */
        seen |= 1U << i;
        if (i < ENVELOPE_N_ATTRIBUTES)
            p = scan_attribute(q, p, &q->envelope->attributes[i]);
        else if (i == MEMBER_DATA)
            p = scan_data(q, p, depth);
        else
            p = i == NAME_TABLE_NONE ? json_scan_value(&q->json, p, depth) : NULL;
        if (p)
            p = json_scan_next(p, '}', &is_last);
        if (!p)
            return NULL;
    }
    return p;
}

static bool scan_structured(struct pass *q, const char *p, size_t depth)
{
    struct fields *fields;

    if (scan_envelope(q, p, depth) != q->json.end)
        return false;
    fields = fields_of(q->scan, q->envelope->attributes[ENVELOPE_TYPE]);
    if (!q->fields && fields && !fields->type->has_data)
        q->fields = fields;
    return q->fields && q->fields == fields;
}

/* Attributes are there already; the value is the data, if there is any. */
static bool scan_binary(struct pass *q, const char *p, size_t depth)
{
    q->fields = fields_of(q->scan, q->envelope->attributes[ENVELOPE_TYPE]);
    return q->fields && q->fields->type->has_data && scan_fields(q, p, depth) == q->json.end;
}

bool event_scan(struct event_scan *s, struct str value, size_t depth_max, struct envelope *envelope,
                const struct event_data_type **ret_type, struct event *e)
{
    struct pass q = {.scan = s, .envelope = envelope, .event = e};
    size_t depth = depth_max < JSON_SCAN_DEPTH_MAX ? depth_max : JSON_SCAN_DEPTH_MAX;
    const char *p = json_scan_init(&q.json, value, &s->texts);
    bool is_taken;

    if (!p || !depth)
        return false;
    is_taken =
        envelope->is_binary ? scan_binary(&q, p, depth - 1) : scan_structured(&q, p, depth - 1);
    if (is_taken)
        *ret_type = q.fields->type;
    return is_taken;
}

/* ---- life ---- */

static const char *member_at(const void *names, size_t i)
{
    (void)names;
    if (i < ENVELOPE_N_ATTRIBUTES)
        return envelope_attribute_name(i);
    return i == MEMBER_DATA ? "data" : i == MEMBER_DATA_BASE64 ? "data_base64" : NULL;
}

static const char *field_at(const void *names, size_t i)
{
    return ((const struct event_field *)names)[i].name;
}

static void init_fields(struct fields *fields, const struct event_data_type *type)
{
    fields->type = type;
    name_table_init(&fields->names, field_at, type->fields);
    for (size_t i = 0; type->fields[i].name; i++)
        fields->required |= (uint32_t)type->fields[i].is_required << i;
}

struct event_scan *event_scan_new(void)
{
    struct event_scan *s = mem_calloc(1, sizeof(*s));
    const struct event_data_type *type;

    name_table_init(&s->members, member_at, NULL);
    for (size_t i = 0; (type = event_data_type_at(i)) != NULL; i++)
        init_fields(&s->fields[type->type], type);
    return s;
}

struct event_scan *event_scan_free(struct event_scan *s)
{
    if (s)
        buf_deinit(&s->texts);
    return mem_free(s);
}
