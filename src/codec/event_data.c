/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of each type, as tables. What concerns several fields at once is checked by the type's
 * `finish`. Knows nothing of envelopes.
 */
#include "codec/event_data.h"

#include "base/parse.h"

#include <math.h>
#include <stdio.h>

/* ---- the tables ---- */

#define AT(member)   .has_place = true, .place = offsetof(struct event, member)
#define FLAG(member) .has_flag = true, .flag = offsetof(struct event, member)
#define SHORT        .kind = FIELD_TEXT, .max_bytes = EVENT_SHORT_MAX_BYTES
#define LONG         .kind = FIELD_TEXT, .max_bytes = EVENT_LONG_MAX_BYTES
#define NUMBER       .kind = FIELD_NUMBER
#define REQUIRED     .is_required = true
#define FIELDS_END                                                                                 \
    {                                                                                              \
        .name = NULL                                                                               \
    }

static const char *const directions[] = {[DIRECTION_INBOUND] = "inbound",
                                         [DIRECTION_OUTBOUND] = "outbound",
                                         [DIRECTION_PEER] = "peer",
                                         NULL};
static const char *const parties[] = {
    [SIDE_ORGANISATION] = "organisation", [SIDE_STAKEHOLDER] = "stakeholder", NULL};
static const char *const promise_states[] = {
    [COMMITMENT_MADE] = "made", [COMMITMENT_KEPT] = "kept", [COMMITMENT_BROKEN] = "broken", NULL};
static const char *const identity_actions[] = {
    [IDENTITY_MERGE] = "merge", [IDENTITY_ERASE] = "erase", NULL};
static const char *const outcome_states[] = {[OUTCOME_ACKNOWLEDGED] = "acknowledged",
                                             [OUTCOME_ACTED] = "acted",
                                             [OUTCOME_RESOLVED] = "resolved",
                                             [OUTCOME_DISMISSED] = "dismissed",
                                             NULL};

static const struct event_field interaction_fields[] = {
    {"direction", .kind = FIELD_CHOICE, REQUIRED, AT(direction), .choices = directions},
    {"verb", SHORT, REQUIRED, AT(verb)},
    {"channel", SHORT, AT(channel)},
    {"conversation", LONG, AT(conversation)},
    {"in_reply_to", LONG, AT(in_reply_to)},
    {"org", SHORT, AT(org)},
    {"kind", SHORT, AT(kind)},
    {"account", SHORT, AT(account)},
    {"communities", .kind = FIELD_TEXTS, .max_bytes = EVENT_SHORT_MAX_BYTES},
    {"actor", SHORT, AT(actor)},
    {"counterpart", SHORT, AT(counterpart)},
    {"sentiment", NUMBER, AT(sentiment), FLAG(has_sentiment), .min = -1, .max = 1},
    {"intent", SHORT, AT(intent)},
    {"weight", NUMBER, AT(weight), FLAG(has_weight)},
    {"value", NUMBER, AT(value), FLAG(has_value)},
    {"expects_reply", .kind = FIELD_BOOL, AT(expects_reply), FLAG(has_expects_reply)},
    {"resolves", .kind = FIELD_BOOL, AT(resolves)},
    {"automatic", .kind = FIELD_BOOL, AT(automatic)},
    FIELDS_END,
};
static const struct event_field measure_fields[] = {
    {"instrument", SHORT, AT(measure.instrument)},
    {"dimension", SHORT, REQUIRED, AT(measure.dimension)},
    {"score", NUMBER, REQUIRED},
    {"min", NUMBER, REQUIRED},
    {"max", NUMBER, REQUIRED},
    FIELDS_END,
};
static const struct event_field commitment_fields[] = {
    {"commitment", LONG, REQUIRED, AT(commitment.id)},
    {"by", .kind = FIELD_CHOICE, REQUIRED, AT(commitment.by), .choices = parties},
    {"status", .kind = FIELD_CHOICE, REQUIRED, AT(commitment.status), .choices = promise_states},
    {"due", .kind = FIELD_INSTANT, AT(commitment.due_ms)},
    FIELDS_END,
};
static const struct event_field identity_fields[] = {
    {"action", .kind = FIELD_CHOICE, REQUIRED, AT(identity.action), .choices = identity_actions},
    {"into", .kind = FIELD_TEXT, .max_bytes = EVENT_SUBJECT_MAX_BYTES, AT(identity.into)},
    FIELDS_END,
};
static const struct event_field outcome_fields[] = {
    {"trigger", SHORT, REQUIRED, AT(outcome.trigger)},
    {"status", .kind = FIELD_CHOICE, REQUIRED, AT(outcome.status), .choices = outcome_states},
    {"by", LONG, AT(outcome.by)},
    {"note", .kind = FIELD_TEXT, AT(outcome.note)},
    FIELDS_END,
};
static const struct event_field retraction_fields[] = {
    {"id", LONG, REQUIRED, AT(retraction.id)},
    {"source", LONG, AT(retraction.source)},
    FIELDS_END,
};
static const struct event_field configuration_fields[] = {
    {"text", .kind = FIELD_TEXT, REQUIRED, AT(text)},
    {"previous", .kind = FIELD_TEXT, AT(previous)},
    FIELDS_END,
};
static const struct event_field no_fields[] = {FIELDS_END};

static int finish_measure(const struct json_value *data, struct event *e, struct event_refusal *r);
static int finish_commitment(const struct json_value *data, struct event *e,
                             struct event_refusal *r);
static int check_identity(struct event *e, struct event_refusal *r);
static int check_retraction(struct event *e, struct event_refusal *r);

#define OF_SOMEBODY(name, type, fields, ...)                                                       \
    {                                                                                              \
        "io.engaged." name ".v1", type, true, true, fields, __VA_ARGS__                            \
    }

static const struct event_data_type types[] = {
    OF_SOMEBODY("interaction", EVENT_INTERACTION, interaction_fields, NULL, NULL),
    OF_SOMEBODY("measure", EVENT_MEASURE, measure_fields, finish_measure, NULL),
    OF_SOMEBODY("commitment", EVENT_COMMITMENT, commitment_fields, finish_commitment, NULL),
    OF_SOMEBODY("preference", EVENT_PREFERENCE, no_fields, event_preference_read, NULL),
    OF_SOMEBODY("identity", EVENT_IDENTITY, identity_fields, NULL, check_identity),
    OF_SOMEBODY("outcome", EVENT_OUTCOME, outcome_fields, NULL, NULL),
    OF_SOMEBODY("retraction", EVENT_RETRACTION, retraction_fields, NULL, check_retraction),
    {"io.engaged.configuration.v1", EVENT_CONFIGURATION, false, true, configuration_fields, NULL,
     NULL},
    {"io.engaged.heartbeat.v1", EVENT_HEARTBEAT, false, false, no_fields, NULL, NULL},
    {"io.engaged.tick.v1", EVENT_TICK, false, false, no_fields, NULL, NULL},
};
static const struct event_data_type other_type = {NULL,      EVENT_OTHER, false, false,
                                                  no_fields, NULL,        NULL};

const struct event_data_type *event_data_type_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (str_eq(name, str_of(types[i].name)))
            return &types[i];
    }
    return &other_type;
}

const struct event_data_type *event_data_type_at(size_t i)
{
    if (i < ARRAY_SIZE(types))
        return &types[i];
    return i == ARRAY_SIZE(types) ? &other_type : NULL;
}

/* ---- refusals ---- */

int event_data_refuse(struct event_refusal *r, const char *name, const char *fault,
                      const char *format, ...)
{
    char code[sizeof(r->code)], text[sizeof(r->text) - 48];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    snprintf(code, sizeof(code), "data.%s.%s", name, fault);
    refusal_set(r, REFUSAL_STAGE_EVENT, code, "The field data.%s %s.", name, text);
    return EVENT_DATA_E_REFUSED;
}

int event_data_refuse_kind(struct event_refusal *r, const char *name, const struct json_value *v,
                           enum json_kind wanted)
{
    return event_data_refuse(r, name, "type", "is %s; send %s", json_kind_text(v->kind),
                             json_kind_text(wanted));
}

/* ---- fields ---- */

static enum json_kind wanted_kind(const struct event_field *f)
{
    static const enum json_kind kinds[] = {
        [FIELD_TEXT] = JSON_KIND_TEXT,   [FIELD_TEXTS] = JSON_KIND_ARRAY,
        [FIELD_CHOICE] = JSON_KIND_TEXT, [FIELD_NUMBER] = JSON_KIND_NUMBER,
        [FIELD_BOOL] = JSON_KIND_BOOL,   [FIELD_INSTANT] = JSON_KIND_TEXT,
    };

    return kinds[f->kind];
}

static void *place_of(const struct event_field *f, struct event *e)
{
    return (char *)e + f->place;
}

static int take_text(const struct event_field *f, struct str text, struct event *e,
                     struct event_refusal *r)
{
    if (f->max_bytes && text.len > f->max_bytes)
        return event_data_refuse(r, f->name, "too_long",
                                 "has %zu bytes; send at most %zu bytes of UTF-8", text.len,
                                 f->max_bytes);
    *(struct str *)place_of(f, e) = text;
    return 0;
}

static int take_communities(const struct event_field *f, const struct json_value *v,
                            struct event *e, struct event_refusal *r)
{
    size_t n = json_doc_n_items(v);

    if (n > EVENT_COMMUNITIES_MAX)
        return event_data_refuse(r, f->name, "too_long", "has %zu items; send at most %d", n,
                                 EVENT_COMMUNITIES_MAX);
    for (size_t i = 0; i < n; i++) {
        struct json_value item = json_doc_item(v, i);

        if (item.kind != JSON_KIND_TEXT || !item.text.len)
            return event_data_refuse(
                r, f->name, "type", "holds %s; send strings that are not empty",
                item.kind == JSON_KIND_TEXT ? "an empty string" : json_kind_text(item.kind));
        if (item.text.len > f->max_bytes)
            return event_data_refuse(r, f->name, "too_long",
                                     "holds a string of %zu bytes; send at most %zu", item.text.len,
                                     f->max_bytes);
        e->communities[i] = item.text;
    }
    e->n_communities = n;
    return 0;
}

int event_field_choice(const struct event_field *f, struct str word)
{
    for (int i = 0; f->choices[i]; i++) {
        if (str_eq(word, str_of(f->choices[i])))
            return i;
    }
    return -1;
}

static int take_choice(const struct event_field *f, struct str text, struct event *e,
                       struct event_refusal *r)
{
    int choice = event_field_choice(f, text), at = 0;
    char list[128];

    if (choice >= 0) {
        memcpy(place_of(f, e), &choice, sizeof(choice));
        return 0;
    }
    for (int i = 0; f->choices[i]; i++)
        at += snprintf(list + at, sizeof(list) - (size_t)at, "%s%s", i ? ", " : "", f->choices[i]);
    return event_data_refuse(r, f->name, "invalid",
                             "holds a word that is not known; send one of: %s", list);
}

_Static_assert(sizeof(enum direction) == sizeof(int), "a choice is stored as its index");

bool event_field_has(const struct event_field *f, double number)
{
    return !(f->min < f->max) || (number >= f->min && number <= f->max);
}

static int take_number(const struct event_field *f, double number, struct event *e,
                       struct event_refusal *r)
{
    if (!event_field_has(f, number))
        return event_data_refuse(r, f->name, "out_of_range",
                                 "is out of range; send a number from %g to %g", f->min, f->max);
    if (f->has_place)
        *(double *)place_of(f, e) = number;
    return 0;
}

static int take_instant(const struct event_field *f, struct str text, struct event *e,
                        struct event_refusal *r)
{
    if (!parse_instant(text, place_of(f, e)))
        return 0;
    return event_data_refuse(r, f->name, "malformed",
                             "is no instant; send RFC 3339, as in 2026-05-01T08:00:00Z");
}

static int take_value(const struct event_field *f, const struct json_value *v, struct event *e,
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
        *(bool *)place_of(f, e) = v->b;
        return 0;
    case FIELD_INSTANT:
        return take_instant(f, v->text, e, r);
    }
    return 0;
}

static int take_field(const struct event_field *f, const struct json_value *data, struct event *e,
                      struct event_refusal *r)
{
    struct json_value v = json_doc_member(data, f->name);
    bool is_empty = v.kind == JSON_KIND_ABSENT || (v.kind == JSON_KIND_TEXT && !v.text.len);

    if (f->is_required &&
        (wanted_kind(f) == JSON_KIND_TEXT ? is_empty : v.kind == JSON_KIND_ABSENT))
        return event_data_refuse(r, f->name, "missing",
                                 "is missing or empty; every event of this type has it");
    if (v.kind == JSON_KIND_ABSENT)
        return 0;
    if (v.kind != wanted_kind(f))
        return event_data_refuse_kind(r, f->name, &v, wanted_kind(f));
    if (is_empty)
        return 0;
    if (f->has_flag)
        *(bool *)((char *)e + f->flag) = true;
    return take_value(f, &v, e, r);
}

/* ---- what concerns several fields ---- */

/* Where score lies between min and max; their difference may be more than a double holds. */
static double share_of(double score, double min, double max)
{
    if (isinf(max - min))
        return (score / 2 - min / 2) / (max / 2 - min / 2);
    return (score - min) / (max - min);
}

static int finish_measure(const struct json_value *data, struct event *e, struct event_refusal *r)
{
    double score = json_doc_member(data, "score").number;
    double min = json_doc_member(data, "min").number, max = json_doc_member(data, "max").number;

    if (!(min < max))
        return event_data_refuse(r, "max", "out_of_range",
                                 "is not more than data.min; send the ends of the scale");
    if (!(score >= min && score <= max))
        return event_data_refuse(r, "score", "out_of_range",
                                 "is out of range; send a number from data.min to data.max");
    e->measure.share = share_of(score, min, max);
    return 0;
}

static int finish_commitment(const struct json_value *data, struct event *e,
                             struct event_refusal *r)
{
    struct json_value due = json_doc_member(data, "due");

    (void)r;
    if (due.kind == JSON_KIND_ABSENT || !due.text.len)
        e->commitment.due_ms = INT64_MAX;
    return 0;
}

static int check_identity(struct event *e, struct event_refusal *r)
{
    if (e->identity.action != IDENTITY_MERGE)
        return 0;
    if (!e->identity.into.len)
        return event_data_refuse(r, "into", "missing",
                                 "is missing or empty; a merge names whom the subject becomes");
    if (str_eq(e->identity.into, e->subject))
        return event_data_refuse(r, "into", "invalid",
                                 "is the subject itself; send the id that the two are to have");
    return 0;
}

static int check_retraction(struct event *e, struct event_refusal *r)
{
    (void)r;
    if (!e->retraction.source.len)
        e->retraction.source = e->source;
    return 0;
}

int event_data_read(const struct event_data_type *type, const struct json_value *data,
                    struct event *e, struct event_refusal *ret_refusal)
{
    if (!type->has_data)
        return 0;
    if (data->kind != JSON_KIND_OBJECT) {
        refusal_set(ret_refusal, REFUSAL_STAGE_EVENT,
                    data->kind == JSON_KIND_ABSENT ? "data.missing" : "data.type",
                    "The event's data is %s; send an object with the fields of its type.",
                    data->kind == JSON_KIND_ABSENT ? "missing" : json_kind_text(data->kind));
        return EVENT_DATA_E_REFUSED;
    }
    for (const struct event_field *f = type->fields; f->name; f++) {
        if (take_field(f, data, e, ret_refusal))
            return EVENT_DATA_E_REFUSED;
    }
    if (type->finish && type->finish(data, e, ret_refusal))
        return EVENT_DATA_E_REFUSED;
    return type->check ? type->check(e, ret_refusal) : 0;
}
