/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From envelope to event: what each type's `data` holds, as tables. A field that the engine has no
 * place for yet is checked all the same, so that what is accepted now stays acceptable.
 */
#include "codec/event_decode.h"

#include "base/mem.h"
#include "base/parse.h"
#include "codec/envelope.h"
#include "codec/json_doc.h"

#include <stdio.h>

struct event_decoder {
    struct event_limits limits;
    struct json_doc doc; /* of the last event */
};

/* ---- the tables ---- */

enum field_kind {
    FIELD_TEXT,
    FIELD_TEXTS, /* of EVENT_COMMUNITIES_MAX at most */
    FIELD_CHOICE,
    FIELD_NUMBER,
    FIELD_BOOL,
    FIELD_INSTANT,
    FIELD_OBJECT, /* its members are not looked at */
};

struct field {
    const char *name;
    enum field_kind kind;
    bool is_required;
    bool has_place;             /* in struct event, at `place`; else it is only checked */
    bool has_flag;              /* a bool at `flag` says that it is there */
    size_t place, flag;         /* offsets */
    size_t max_bytes;           /* TEXT, TEXTS; 0: no limit of its own */
    double min, max;            /* NUMBER; equal: any */
    const char *const *choices; /* CHOICE; the place gets the index, an int */
};

struct data_type {
    const char *name;
    enum event_type type;
    bool has_subject; /* concerns a stakeholder */
    const struct field *fields;
    size_t n_fields;
};

#define SHORT_MAX_BYTES 256
#define LONG_MAX_BYTES  1024

#define AT(member)   .has_place = true, .place = offsetof(struct event, member)
#define FLAG(member) .has_flag = true, .flag = offsetof(struct event, member)
#define SHORT        .kind = FIELD_TEXT, .max_bytes = SHORT_MAX_BYTES
#define LONG         .kind = FIELD_TEXT, .max_bytes = LONG_MAX_BYTES

static const char *const directions[] = {[DIRECTION_INBOUND] = "inbound",
                                         [DIRECTION_OUTBOUND] = "outbound",
                                         [DIRECTION_PEER] = "peer",
                                         NULL};
static const char *const parties[] = {"organisation", "stakeholder", NULL};
static const char *const promise_states[] = {"made", "kept", "broken", NULL};
static const char *const identity_actions[] = {"merge", "erase", NULL};
static const char *const outcome_states[] = {"acknowledged", "acted", "resolved", "dismissed",
                                             NULL};

static const struct field interaction_fields[] = {
    {"direction", .kind = FIELD_CHOICE, .is_required = true, AT(direction), .choices = directions},
    {"verb", SHORT, .is_required = true, AT(verb)},
    {"channel", SHORT, AT(channel)},
    {"conversation", LONG, AT(conversation)},
    {"in_reply_to", LONG, AT(in_reply_to)},
    {"org", SHORT, AT(org)},
    {"kind", SHORT, AT(kind)},
    {"account", SHORT, AT(account)},
    {"communities", .kind = FIELD_TEXTS, .max_bytes = SHORT_MAX_BYTES},
    {"actor", SHORT, AT(actor)},
    {"counterpart", SHORT, AT(counterpart)},
    {"sentiment", .kind = FIELD_NUMBER, AT(sentiment), FLAG(has_sentiment), .min = -1, .max = 1},
    {"intent", SHORT, AT(intent)},
    {"weight", .kind = FIELD_NUMBER, AT(weight), FLAG(has_weight)},
    {"value", .kind = FIELD_NUMBER, AT(value), FLAG(has_value)},
    {"expects_reply", .kind = FIELD_BOOL, AT(expects_reply), FLAG(has_expects_reply)},
    {"resolves", .kind = FIELD_BOOL, AT(resolves)},
    {"automatic", .kind = FIELD_BOOL, AT(automatic)},
};
static const struct field measure_fields[] = {
    {"instrument", SHORT},         {"dimension", SHORT},          {"score", .kind = FIELD_NUMBER},
    {"min", .kind = FIELD_NUMBER}, {"max", .kind = FIELD_NUMBER},
};
static const struct field commitment_fields[] = {
    {"commitment", LONG},
    {"by", .kind = FIELD_CHOICE, .choices = parties},
    {"status", .kind = FIELD_CHOICE, .choices = promise_states},
    {"due", .kind = FIELD_INSTANT},
};
static const struct field preference_fields[] = {
    {"channels", .kind = FIELD_OBJECT},
    {"max_contacts", .kind = FIELD_OBJECT},
};
static const struct field identity_fields[] = {
    {"action", .kind = FIELD_CHOICE, .choices = identity_actions},
    {"into", SHORT},
};
static const struct field outcome_fields[] = {
    {"trigger", SHORT},
    {"status", .kind = FIELD_CHOICE, .choices = outcome_states},
    {"by", LONG},
    {"note", .kind = FIELD_TEXT},
};
static const struct field configuration_fields[] = {
    {"text", .kind = FIELD_TEXT, .is_required = true, AT(text)},
};

#define TYPE(name, type, has_subject, fields)                                                      \
    {                                                                                              \
        "io.engaged." name ".v1", type, has_subject, fields, ARRAY_SIZE(fields)                    \
    }

static const struct data_type data_types[] = {
    TYPE("interaction", EVENT_INTERACTION, true, interaction_fields),
    TYPE("measure", EVENT_MEASURE, true, measure_fields),
    TYPE("commitment", EVENT_COMMITMENT, true, commitment_fields),
    TYPE("preference", EVENT_PREFERENCE, true, preference_fields),
    TYPE("identity", EVENT_IDENTITY, true, identity_fields),
    TYPE("outcome", EVENT_OUTCOME, true, outcome_fields),
    TYPE("configuration", EVENT_CONFIGURATION, false, configuration_fields),
    {"io.engaged.tick.v1", EVENT_TICK, false, NULL, 0},
};

static const struct data_type other_type = {NULL, EVENT_OTHER, false, NULL, 0};

/* ---- fields ---- */

#define FIELD_E_REFUSED 1

__attribute__((format(printf, 4, 5))) static int refuse_field(struct event_refusal *r,
                                                              const struct field *f,
                                                              const char *fault, const char *format,
                                                              ...)
{
    char code[sizeof(r->code)], text[sizeof(r->text) - 48];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    snprintf(code, sizeof(code), "data.%s.%s", f->name, fault);
    refusal_set(r, REFUSAL_STAGE_EVENT, code, "The field data.%s %s.", f->name, text);
    return FIELD_E_REFUSED;
}

static enum json_kind wanted_kind(const struct field *f)
{
    static const enum json_kind kinds[] = {
        [FIELD_TEXT] = JSON_KIND_TEXT,     [FIELD_TEXTS] = JSON_KIND_ARRAY,
        [FIELD_CHOICE] = JSON_KIND_TEXT,   [FIELD_NUMBER] = JSON_KIND_NUMBER,
        [FIELD_BOOL] = JSON_KIND_BOOL,     [FIELD_INSTANT] = JSON_KIND_TEXT,
        [FIELD_OBJECT] = JSON_KIND_OBJECT,
    };

    return kinds[f->kind];
}

static void *place_of(const struct field *f, struct event *e)
{
    return (char *)e + f->place;
}

static int take_text(const struct field *f, struct str text, struct event *e,
                     struct event_refusal *r)
{
    if (f->max_bytes && text.len > f->max_bytes)
        return refuse_field(r, f, "too_long", "has %zu bytes; send at most %zu bytes of UTF-8",
                            text.len, f->max_bytes);
    if (f->has_place)
        *(struct str *)place_of(f, e) = text;
    return 0;
}

static int take_communities(const struct field *f, const struct json_value *v, struct event *e,
                            struct event_refusal *r)
{
    size_t n = json_doc_n_items(v);

    if (n > EVENT_COMMUNITIES_MAX)
        return refuse_field(r, f, "too_long", "has %zu items; send at most %d", n,
                            EVENT_COMMUNITIES_MAX);
    for (size_t i = 0; i < n; i++) {
        struct json_value item = json_doc_item(v, i);

        if (item.kind != JSON_KIND_TEXT || !item.text.len)
            return refuse_field(r, f, "type", "holds %s; send strings that are not empty",
                                item.kind == JSON_KIND_TEXT ? "an empty string"
                                                            : json_kind_text(item.kind));
        if (item.text.len > f->max_bytes)
            return refuse_field(r, f, "too_long", "holds a string of %zu bytes; send at most %zu",
                                item.text.len, f->max_bytes);
        e->communities[i] = item.text;
    }
    e->n_communities = n;
    return 0;
}

static int take_choice(const struct field *f, struct str text, struct event *e,
                       struct event_refusal *r)
{
    char list[128];
    int at = 0;

    for (int i = 0; f->choices[i]; i++) {
        if (!str_eq(text, str_of(f->choices[i])))
            continue;
        if (f->has_place)
            *(enum direction *)place_of(f, e) = (enum direction)i;
        return 0;
    }
    for (int i = 0; f->choices[i]; i++)
        at += snprintf(list + at, sizeof(list) - (size_t)at, "%s%s", i ? ", " : "", f->choices[i]);
    return refuse_field(r, f, "invalid", "holds a word that is not known; send one of: %s", list);
}

static int take_number(const struct field *f, double number, struct event *e,
                       struct event_refusal *r)
{
    if (f->min < f->max && !(number >= f->min && number <= f->max))
        return refuse_field(r, f, "out_of_range", "is out of range; send a number from %g to %g",
                            f->min, f->max);
    if (f->has_place)
        *(double *)place_of(f, e) = number;
    return 0;
}

static int take_instant(const struct field *f, struct str text, struct event_refusal *r)
{
    int64_t ms;

    if (parse_instant(text, &ms))
        return refuse_field(r, f, "malformed",
                            "is no instant; send RFC 3339, as in 2026-05-01T08:00:00Z");
    return 0;
}

static int take_value(const struct field *f, const struct json_value *v, struct event *e,
                      struct event_refusal *r)
{
    switch (f->kind) {
    case FIELD_TEXT:
        return take_text(f, v->text, e, r);
    case FIELD_TEXTS:
        return take_communities(f, v, e, r);
    case FIELD_CHOICE:
        return take_choice(f, v->text, e, r);
    case FIELD_NUMBER:
        return take_number(f, v->number, e, r);
    case FIELD_BOOL:
        if (f->has_place)
            *(bool *)place_of(f, e) = v->b;
        return 0;
    case FIELD_INSTANT:
        return take_instant(f, v->text, r);
    case FIELD_OBJECT:
        return 0;
    }
    return 0;
}

static int take_field(const struct field *f, const struct json_value *data, struct event *e,
                      struct event_refusal *r)
{
    struct json_value v = json_doc_member(data, f->name);
    bool is_empty = v.kind == JSON_KIND_ABSENT || (v.kind == JSON_KIND_TEXT && !v.text.len);

    if (is_empty && wanted_kind(f) == JSON_KIND_TEXT && f->is_required)
        return refuse_field(r, f, "missing",
                            "is missing or empty; every event of this type has it");
    if (v.kind == JSON_KIND_ABSENT)
        return 0;
    if (v.kind != wanted_kind(f))
        return refuse_field(r, f, "type", "is %s; send %s", json_kind_text(v.kind),
                            json_kind_text(wanted_kind(f)));
    if (is_empty)
        return 0;
    if (f->has_flag)
        *(bool *)((char *)e + f->flag) = true;
    return take_value(f, &v, e, r);
}

/* ---- events ---- */

static const struct data_type *find_type(struct str name)
{
    for (size_t i = 0; i < ARRAY_SIZE(data_types); i++) {
        if (str_eq(name, str_of(data_types[i].name)))
            return &data_types[i];
    }
    return &other_type;
}

static int take_data(const struct data_type *type, const struct json_value *data, struct event *e,
                     struct event_refusal *r)
{
    if (!type->n_fields)
        return 0;
    if (data->kind != JSON_KIND_OBJECT) {
        refusal_set(r, REFUSAL_STAGE_EVENT,
                    data->kind == JSON_KIND_ABSENT ? "data.missing" : "data.type",
                    "The event's data is %s; send an object with the fields of its type.",
                    data->kind == JSON_KIND_ABSENT ? "missing" : json_kind_text(data->kind));
        return EVENT_E_REFUSED;
    }
    for (size_t i = 0; i < type->n_fields; i++) {
        if (take_field(&type->fields[i], data, e, r))
            return EVENT_E_REFUSED;
    }
    return 0;
}

static int take_time(const struct event_input *input, struct str time, struct event *e,
                     struct event_refusal *r)
{
    if (time.len) {
        if (!parse_instant(time, &e->time_ms))
            return 0;
        refusal_set(r, REFUSAL_STAGE_EVENT, "time.malformed",
                    "The attribute time is no instant of the years 1 to 9999; send RFC 3339, as "
                    "in 2026-05-01T08:00:00Z.");
        return EVENT_E_REFUSED;
    }
    if (input->timestamp_ms < 0 || input->timestamp_ms > INSTANT_MAX_MS) {
        refusal_set(r, REFUSAL_STAGE_EVENT, "time.missing",
                    "The attribute time is missing, and the record has no usable timestamp; send "
                    "time in RFC 3339.");
        return EVENT_E_REFUSED;
    }
    e->time_ms = input->timestamp_ms;
    return 0;
}

static int check_subject(const struct event_input *input, const struct event *e,
                         struct event_refusal *r)
{
    if (!e->subject.len) {
        refusal_set(r, REFUSAL_STAGE_EVENT, "subject.missing",
                    "The attribute subject is missing or empty; send the stakeholder's id there.");
        r->has_time = true;
        return EVENT_E_REFUSED;
    }
    if (input->must_match_key && input->has_key && !str_eq(input->key, e->subject)) {
        refusal_set(r, REFUSAL_STAGE_EVENT, "key.mismatch",
                    "The record's key is not the event's subject; send the stakeholder's id as "
                    "both.");
        return EVENT_E_REFUSED;
    }
    return 0;
}

static void take_attributes(const struct envelope *envelope, struct event *e)
{
    e->type_name = envelope->attributes[ENVELOPE_TYPE];
    e->id = envelope->attributes[ENVELOPE_ID];
    e->source = envelope->attributes[ENVELOPE_SOURCE];
    e->subject = envelope->attributes[ENVELOPE_SUBJECT];
    e->sequence = envelope->attributes[ENVELOPE_SEQUENCE];
}

static int decode(struct event_decoder *d, const struct event_input *input, struct event *e,
                  struct event_refusal *refusal)
{
    const struct data_type *type;
    struct envelope envelope;
    int r;

    r = envelope_read(input, &d->limits, &d->doc, &envelope, refusal);
    if (r)
        return r < 0 ? r : EVENT_E_REFUSED;
    type = find_type(envelope.attributes[ENVELOPE_TYPE]);
    e->type = type->type;
    e->offset = input->offset;
    take_attributes(&envelope, e);
    if (take_time(input, envelope.attributes[ENVELOPE_TIME], e, refusal) ||
        take_data(type, &envelope.data, e, refusal))
        return EVENT_E_REFUSED;
    if (!e->in_reply_to.len)
        e->in_reply_to = envelope.attributes[ENVELOPE_CAUSATIONID];
    if (!e->conversation.len)
        e->conversation = envelope.attributes[ENVELOPE_CORRELATIONID];
    return type->has_subject ? check_subject(input, e, refusal) : 0;
}

int event_decode(struct event_decoder *d, const struct event_input *input, struct event *ret_event,
                 struct event_refusal *ret_refusal)
{
    struct event e = {0};
    int r = decode(d, input, &e, ret_refusal);

    if (!r) {
        *ret_event = e;
    } else if (r == EVENT_E_REFUSED && ret_refusal->has_time) {
        ret_event->time_ms = e.time_ms;
        ret_event->offset = e.offset;
    }
    return r;
}

struct event_decoder *event_decoder_new(const struct event_limits *limits)
{
    struct event_decoder *d = mem_calloc(1, sizeof(*d));

    json_doc_setup();
    d->limits.value_bytes =
        limits && limits->value_bytes ? limits->value_bytes : EVENT_VALUE_MAX_BYTES;
    d->limits.depth = limits && limits->depth ? limits->depth : EVENT_DEPTH_MAX;
    return d;
}

struct event_decoder *event_decoder_free(struct event_decoder *d)
{
    if (d)
        json_doc_deinit(&d->doc);
    return mem_free(d);
}
