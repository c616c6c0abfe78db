/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * JSON as the event rules see it: read-only values, whatever parser is behind them. null and a
 * member that is not there are the same: absent. Everything is good until the document is parsed
 * anew or deinitialised.
 */
#include "base/err.h"
#include "codec/refusal.h"

enum json_kind {
    JSON_KIND_ABSENT, /* or null */
    JSON_KIND_BOOL,
    JSON_KIND_NUMBER, /* finite */
    JSON_KIND_TEXT,   /* UTF-8 without NUL */
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT,
};

struct json_value {
    enum json_kind kind;
    bool is_null;    /* ABSENT: said to be null */
    bool is_integer; /* NUMBER: written as an integer, and `integer` holds it exactly */
    bool b;
    int64_t integer;
    double number;
    struct str text;
    const void *node; /* ARRAY, OBJECT: the parser's own */
};

struct json_doc {
    void *root; /* owned; the parser's own */
};

/* Where an object is being walked; zeroed before its first member. */
struct json_member {
    struct str name;
    void *place; /* the parser's own */
};

#define JSON_DOC_INIT                                                                              \
    {                                                                                              \
        .root = NULL                                                                               \
    }

#define JSON_DOC_E_REFUSED 1

/* Process-wide: the parser allocates through base/mem. */
void json_doc_setup(void);

/* Any JSON value in UTF-8, nested at most `depth_max` deep; stack and memory are bounded by that
 * and by the length. JSON_DOC_E_REFUSED, or -ENOMEM. */
must_check int json_doc_parse(struct json_doc *doc, struct str bytes, size_t depth_max,
                              struct event_refusal *ret_refusal);
void json_doc_deinit(struct json_doc *doc);

struct json_value json_doc_root(const struct json_doc *doc);
/* Absent as well where `object` is no object. */
struct json_value json_doc_member(const struct json_value *object, const char *name);
/* The next member, in the order of the text; false behind the last, and where it is no object. */
bool json_doc_next(const struct json_value *object, struct json_member *at,
                   struct json_value *ret_value);
size_t json_doc_n_items(const struct json_value *array);
struct json_value json_doc_item(const struct json_value *array, size_t i);
/* "a number", "an array", ... for sentences. */
const char *json_kind_text(enum json_kind kind);
