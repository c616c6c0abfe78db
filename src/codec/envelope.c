/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CloudEvents over Kafka: content-type decides for structured mode, any `ce_` header for binary
 * mode, and without either the value is taken for a structured event.
 */
#include "codec/envelope.h"

#include <stdio.h>
#include <strings.h>

static const struct {
    const char *name;
    size_t max_bytes;
} attributes[ENVELOPE_N_ATTRIBUTES] = {
    [ENVELOPE_SPECVERSION] = {"specversion", 16},
    [ENVELOPE_ID] = {"id", 1024},
    [ENVELOPE_SOURCE] = {"source", 1024},
    [ENVELOPE_TYPE] = {"type", 256},
    [ENVELOPE_SUBJECT] = {"subject", EVENT_SUBJECT_MAX_BYTES},
    [ENVELOPE_TIME] = {"time", 64},
    [ENVELOPE_SEQUENCE] = {"sequence", 256},
    [ENVELOPE_CAUSATIONID] = {"causationid", 1024},
    [ENVELOPE_CORRELATIONID] = {"correlationid", 1024},
    [ENVELOPE_DATACONTENTTYPE] = {"datacontenttype", 256},
};

struct headers {
    struct str content_type;
    struct str ce[ENVELOPE_N_ATTRIBUTES];
    bool has_ce;
};

static int refuse(struct event_refusal *r, const char *stage, const char *name, const char *fault,
                  const char *text)
{
    char code[sizeof(r->code)];

    snprintf(code, sizeof(code), "%s.%s", name, fault);
    refusal_set(r, stage, code, "%s", text);
    return ENVELOPE_E_REFUSED;
}

static bool starts_nocase(struct str s, struct str prefix)
{
    return s.len >= prefix.len && strncasecmp(s.ptr, prefix.ptr, prefix.len) == 0;
}

static bool eq_nocase(struct str s, struct str other)
{
    return s.len == other.len && starts_nocase(s, other);
}

static bool ends_nocase(struct str s, struct str end)
{
    return s.len >= end.len && strncasecmp(s.ptr + s.len - end.len, end.ptr, end.len) == 0;
}

/* A media type without its parameters. */
static struct str media_type(struct str s)
{
    const char *parameters = s.len ? memchr(s.ptr, ';', s.len) : NULL;

    if (parameters)
        s.len = (size_t)(parameters - s.ptr);
    while (s.len && strchr(" \t", s.ptr[s.len - 1]))
        s.len--;
    return s;
}

static bool is_json(struct str type)
{
    return ends_nocase(type, STR("/json")) || ends_nocase(type, STR("+json"));
}

/* ---- headers ---- */

static void take_attribute(struct headers *h, const char *name, struct str value)
{
    for (size_t i = 0; i < ENVELOPE_N_ATTRIBUTES; i++) {
        if (strcasecmp(name, attributes[i].name) == 0)
            h->ce[i] = value;
    }
}

static struct headers read_headers(const struct event_input *input)
{
    struct headers h = {0};
    struct str value;
    const char *name;

    for (size_t i = 0; input->header_at && input->header_at(input->headers, i, &name, &value);
         i++) {
        if (!value.ptr)
            value.len = 0;
        if (strcasecmp(name, "content-type") == 0) {
            h.content_type = value;
        } else if (strncasecmp(name, "ce_", 3) == 0) {
            h.has_ce = true;
            take_attribute(&h, name + 3, value);
        }
    }
    return h;
}

static int check_header_text(size_t i, struct str value, struct event_refusal *r)
{
    if (value.len && memchr(value.ptr, '\0', value.len)) {
        refusal_set(r, REFUSAL_STAGE_HEADER, "text.nul",
                    "The header ce_%s contains a NUL byte; leave it out.", attributes[i].name);
        return ENVELOPE_E_REFUSED;
    }
    if (!str_is_utf8(value)) {
        refusal_set(r, REFUSAL_STAGE_HEADER, "utf8.invalid",
                    "The header ce_%s is not UTF-8; send UTF-8.", attributes[i].name);
        return ENVELOPE_E_REFUSED;
    }
    return 0;
}

/* ---- the two modes ---- */

static int open_binary(const struct headers *h, struct envelope *e, struct event_refusal *r)
{
    for (size_t i = 0; i < ENVELOPE_N_ATTRIBUTES; i++) {
        if (check_header_text(i, h->ce[i], r))
            return ENVELOPE_E_REFUSED;
        e->attributes[i] = h->ce[i];
    }
    /* The binding names no ce_datacontenttype: content-type is it. */
    if (check_header_text(ENVELOPE_DATACONTENTTYPE, h->content_type, r))
        return ENVELOPE_E_REFUSED;
    e->attributes[ENVELOPE_DATACONTENTTYPE] = h->content_type;
    e->is_binary = true;
    return 0;
}

static int read_binary(const struct event_input *input, size_t depth_max, struct json_doc *doc,
                       struct envelope *e, struct event_refusal *r)
{
    struct str content_type = e->attributes[ENVELOPE_DATACONTENTTYPE];

    if (content_type.len && !is_json(media_type(content_type)))
        return 0; /* refused with the other attributes; not worth parsing */
    if (input->value.len) {
        int q = json_doc_parse(doc, input->value, depth_max, r);

        if (q)
            return q < 0 ? q : ENVELOPE_E_REFUSED;
        e->data = json_doc_root(doc);
    }
    return 0;
}

static int read_member(const struct json_value *root, size_t i, struct envelope *e,
                       struct event_refusal *r)
{
    struct json_value v = json_doc_member(root, attributes[i].name);
    char code[sizeof(r->code)];

    if (v.kind == JSON_KIND_ABSENT)
        return 0;
    if (v.kind != JSON_KIND_TEXT) {
        snprintf(code, sizeof(code), "%s.type", attributes[i].name);
        refusal_set(r, REFUSAL_STAGE_EVENT, code, "The attribute %s is %s; send a string.",
                    attributes[i].name, json_kind_text(v.kind));
        return ENVELOPE_E_REFUSED;
    }
    e->attributes[i] = v.text;
    return 0;
}

static int read_structured(const struct event_input *input, size_t depth_max, struct json_doc *doc,
                           struct envelope *e, struct event_refusal *r)
{
    struct json_value root;
    int q;

    if (!input->value.len)
        return refuse(r, REFUSAL_STAGE_VALUE, "value", "missing",
                      "The record has no value (a tombstone?); send a CloudEvent as JSON.");
    q = json_doc_parse(doc, input->value, depth_max, r);
    if (q)
        return q < 0 ? q : ENVELOPE_E_REFUSED;
    root = json_doc_root(doc);
    if (root.kind != JSON_KIND_OBJECT)
        return refuse(r, REFUSAL_STAGE_EVENT, "json", "not_object",
                      "The value is no JSON object; send one CloudEvent per record.");
    for (size_t i = 0; i < ENVELOPE_N_ATTRIBUTES; i++) {
        if (read_member(&root, i, e, r))
            return ENVELOPE_E_REFUSED;
    }
    if (json_doc_member(&root, "data_base64").kind != JSON_KIND_ABSENT)
        return refuse(r, REFUSAL_STAGE_EVENT, "data_base64", "unsupported",
                      "The event carries data_base64; send the data as JSON in data.");
    e->data = json_doc_member(&root, "data");
    return 0;
}

/* ---- attributes, in either mode ---- */

static int check_required(const struct envelope *e, enum envelope_attribute i,
                          struct event_refusal *r)
{
    char code[sizeof(r->code)];

    if (e->attributes[i].len)
        return 0;
    snprintf(code, sizeof(code), "%s.missing", attributes[i].name);
    refusal_set(r, REFUSAL_STAGE_EVENT, code,
                "The attribute %s is missing or empty; every CloudEvent has one (in the value, or "
                "as header ce_%s).",
                attributes[i].name, attributes[i].name);
    return ENVELOPE_E_REFUSED;
}

static int check_length(const struct envelope *e, size_t i, struct event_refusal *r)
{
    char code[sizeof(r->code)];

    if (e->attributes[i].len <= attributes[i].max_bytes)
        return 0;
    snprintf(code, sizeof(code), "%s.too_long", attributes[i].name);
    refusal_set(r, REFUSAL_STAGE_EVENT, code,
                "The attribute %s has %zu bytes; send at most %zu bytes of UTF-8.",
                attributes[i].name, e->attributes[i].len, attributes[i].max_bytes);
    return ENVELOPE_E_REFUSED;
}

int envelope_check(const struct envelope *e, struct event_refusal *r)
{
    struct str content_type = e->attributes[ENVELOPE_DATACONTENTTYPE];

    for (size_t i = ENVELOPE_SPECVERSION; i <= ENVELOPE_TYPE; i++) {
        if (check_required(e, i, r))
            return ENVELOPE_E_REFUSED;
        if (i == ENVELOPE_SPECVERSION && !str_eq(e->attributes[i], STR("1.0")))
            return refuse(r, REFUSAL_STAGE_EVENT, "specversion", "unsupported",
                          "The attribute specversion is not 1.0; send CloudEvents 1.0.");
    }
    for (size_t i = 0; i < ENVELOPE_N_ATTRIBUTES; i++) {
        if (check_length(e, i, r))
            return ENVELOPE_E_REFUSED;
    }
    if (content_type.len && !is_json(media_type(content_type)))
        return refuse(r, REFUSAL_STAGE_EVENT, "datacontenttype", "unsupported",
                      "The event's data is not declared as JSON; send JSON with "
                      "datacontenttype application/json or none.");
    return 0;
}

int envelope_open(const struct event_input *input, const struct event_limits *limits,
                  struct envelope *ret_envelope, struct event_refusal *ret_refusal)
{
    struct envelope e = {.is_binary = false};
    struct headers h;
    int r = 0;

    if (input->value.len > limits->value_bytes) {
        refusal_set(ret_refusal, REFUSAL_STAGE_VALUE, "json.too_large",
                    "The value has %zu bytes; send at most %zu.", input->value.len,
                    limits->value_bytes);
        return ENVELOPE_E_REFUSED;
    }
    if (!input->header_at) {
        *ret_envelope = e;
        return 0;
    }
    h = read_headers(input);
    if (starts_nocase(h.content_type, STR("application/cloudevents"))) {
        if (!eq_nocase(media_type(h.content_type), STR("application/cloudevents+json")))
            return refuse(ret_refusal, REFUSAL_STAGE_HEADER, "content-type", "unsupported",
                          "The header content-type names a format that is not read here; send "
                          "application/cloudevents+json.");
    } else if (h.has_ce) {
        r = open_binary(&h, &e, ret_refusal);
    }
    if (!r)
        *ret_envelope = e;
    return r;
}

int envelope_read(const struct event_input *input, const struct event_limits *limits,
                  struct json_doc *doc, struct envelope *ret_envelope,
                  struct event_refusal *ret_refusal)
{
    struct envelope e;
    int r = envelope_open(input, limits, &e, ret_refusal);

    if (r)
        return r;
    r = e.is_binary ? read_binary(input, limits->depth, doc, &e, ret_refusal)
                    : read_structured(input, limits->depth, doc, &e, ret_refusal);
    if (!r)
        r = envelope_check(&e, ret_refusal);
    if (!r)
        *ret_envelope = e;
    return r;
}

const char *envelope_attribute_name(size_t i)
{
    return attributes[i].name;
}
