/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the `data` of each type holds: a table of types and their fields, and how one object is read
 * by it. For the rooms of the decoder only.
 */
#include "codec/json_doc.h"
#include "engaged/event.h"

#define EVENT_SHORT_MAX_BYTES 256  /* names, kinds, verbs */
#define EVENT_LONG_MAX_BYTES  1024 /* ids */

#define EVENT_DATA_E_REFUSED 1

enum event_field_kind {
    FIELD_TEXT,
    FIELD_TEXTS, /* of EVENT_COMMUNITIES_MAX at most */
    FIELD_CHOICE,
    FIELD_NUMBER,
    FIELD_BOOL,
    FIELD_INSTANT,
};

struct event_field {
    const char *name;
    enum event_field_kind kind;
    bool is_required;
    bool has_place;             /* in struct event, at `place`; else it is only checked */
    bool has_flag;              /* a bool at `flag` says that it is there */
    size_t place, flag;         /* offsets */
    size_t max_bytes;           /* TEXT, TEXTS; 0: no limit of its own */
    double min, max;            /* NUMBER; equal: any */
    const char *const *choices; /* CHOICE; the place gets the index, an enum */
};

struct event_data_type {
    const char *name; /* the CloudEvents `type`; NULL: any other */
    enum event_type type;
    bool has_subject;                 /* concerns a stakeholder */
    bool has_data;                    /* data must be an object */
    const struct event_field *fields; /* ends with a NULL name */
    /* What no table says, after the fields are read; NULL: nothing. First `finish`, which reads the
     * data once more, then `check`, which looks at the event alone. */
    int (*finish)(const struct json_value *data, struct event *e, struct event_refusal *r);
    int (*check)(struct event *e, struct event_refusal *r);
};

/* Never NULL. */
const struct event_data_type *event_data_type_find(struct str name);
/* The i-th of all types, the one of unknown names included; NULL behind the last. */
const struct event_data_type *event_data_type_at(size_t i);

/* The index of the word among the field's choices, or -1. */
int event_field_choice(const struct event_field *f, struct str word);
/* Whether the field takes that number. */
bool event_field_has(const struct event_field *f, double number);

/* Reads `data` into the type's part of *e. EVENT_DATA_E_REFUSED: see *ret_refusal. */
must_check int event_data_read(const struct event_data_type *type, const struct json_value *data,
                               struct event *e, struct event_refusal *ret_refusal);

/* Refuses with the code "data.NAME.FAULT" and the sentence "The field data.NAME ...". */
must_check int event_data_refuse(struct event_refusal *r, const char *name, const char *fault,
                                 const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same where the value is not of the kind that is wanted. */
must_check int event_data_refuse_kind(struct event_refusal *r, const char *name,
                                      const struct json_value *v, enum json_kind wanted);

/* event_preference.c: the `finish` of preferences. */
must_check int event_preference_read(const struct json_value *data, struct event *e,
                                     struct event_refusal *r);
