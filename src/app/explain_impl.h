/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the rooms of `explain` share: a trigger as it was told, and what became of it. */
#include "app/explain.h"
#include "base/err.h"
#include "base/str.h"
#include "engaged/event.h"

#include <jansson.h>

struct conf;
struct history;

/* An event that the trigger names, and what it says when it is read again. */
struct named_event {
    const char *id, *source; /* of the trigger's JSON */
    bool is_found;
    int64_t time_ms;
    uint64_t line;
    char *where; /* owned; the file; NULL until it is found */
    char *says;  /* owned; a few words for a person; NULL likewise */
};

struct difference {
    char *field;               /* owned; a path, as in data.values.warmth */
    json_t *told, *recomputed; /* owned; NULL: the one has no such field */
};

struct explanation {
    json_t *told;       /* owned; the trigger */
    json_t *recomputed; /* owned; what the history gives; NULL: no such trigger */
    bool is_other;      /* what was recomputed has another id: the nearest that there is */
    const char *id, *rule, *version, *edge, *subject, *cause_id; /* of `told`; "" where absent */
    int64_t time_ms;
    bool is_from_kafka;   /* told and recomputed are of the same log: so are the places in it */
    int64_t begin_offset; /* of that log; -1: not known */
    struct named_event *named; /* owned */
    size_t n_named, cap_named;
    struct difference *differences; /* owned */
    size_t n_differences, cap_differences;
    char **remarks; /* owned, as are the sentences: what keeps it from being the same */
    size_t n_remarks, cap_remarks;
};

/* ---- explain_trigger.c ---- */

/* Finds and reads the trigger. 0, or -1 and what is wrong in `error`. */
must_check int explain_load(const struct explain_opts *opts, const struct conf *conf,
                            struct explanation *x, struct buf *error);
/* The trigger that these bytes are, if it is the one of that id; else NULL. */
json_t *explain_parse(struct str bytes, const char *id);
void explain_deinit(struct explanation *x);
__attribute__((format(printf, 2, 3))) void explain_remark(struct explanation *x, const char *format,
                                                          ...);
/* Of an object; "" where it is no text. */
const char *explain_text(const json_t *object, const char *name);
struct named_event *explain_find(const struct explanation *x, struct str id, struct str source);

/* ---- explain_kafka.c ---- */

/* Looks for an id in the topic of triggers. 0, or -1 and `error`. */
must_check int explain_load_kafka(const struct conf *conf, const char *id, json_t **ret_trigger,
                                  struct buf *error);
/* Where the cause is, as the trigger says. -1: it does not. */
must_check int explain_place(const struct explanation *x, const char **ret_topic,
                             int32_t *ret_partition);
/* The partition of the cause, from its beginning, into `h`. Likewise. */
must_check int explain_read_kafka(const struct conf *conf, struct explanation *x, struct history *h,
                                  struct buf *error);

/* ---- explain_compare.c ---- */

/* Every field in which told and recomputed differ; places in Kafka too, where both are of it. */
void explain_compare(struct explanation *x);
static inline bool explain_is_same(const struct explanation *x)
{
    return !x->n_differences && !x->n_remarks;
}

/* ---- explain_print.c ---- */

/* A few words about what an event says. */
void explain_event(const struct event *event, struct buf *b);
void explain_print(const struct explanation *x, struct buf *b);
/* NULL: out of memory. The caller owns it. */
json_t *explain_json(const struct explanation *x);
