/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A test file in memory, between the room that reads it and the one that runs it. Times are
 * absolute and names are checked: what is here can be run. Views live as long as the file.
 */
#include "codec/event_decode.h"
#include "conf/conf_key.h"
#include "engaged/trigger.h"

enum step_kind {
    STEP_EVENT,
    STEP_PASS,    /* a tick */
    STEP_END,     /* nothing more comes */
    STEP_TRIGGER, /* one trigger is expected */
    STEP_NOTHING, /* none is left */
    STEP_STATE,
};

/* A text of a trigger that an expectation may name. */
struct trigger_text {
    const char *name;
    size_t offset; /* of a struct str in struct trigger */
};

enum { N_TRIGGER_TEXTS = 10, TRIGGER_TEXT_RULE = 0 };
extern const struct trigger_text trigger_texts[N_TRIGGER_TEXTS];

static inline struct str *trigger_text_of(struct trigger *t, size_t i)
{
    return (struct str *)((char *)t + trigger_texts[i].offset);
}

struct wanted_text {
    bool is_given;
    struct str text;
};

/* What a value must be: a number of either type equals a number. */
struct wanted_values {
    struct named_value *items; /* owned */
    size_t n, cap;
};

struct wanted_trigger {
    enum edge edge;
    struct wanted_text texts[N_TRIGGER_TEXTS];
    struct wanted_text reason; /* a part of it */
    bool has_time;
    int64_t time_ms;
    struct wanted_values values;
};

struct wanted_state {
    struct str subject;
    struct wanted_values metrics, derived;
    struct wanted_values held; /* rules, and what holds each back as a text; or nothing */
    bool has_held;
    struct wanted_text stage;
    int64_t n_owed[2]; /* by enum side; -1: whatever */
};

struct step {
    enum step_kind kind;
    const struct conf_node *node; /* its place */
    int64_t time_ms;              /* EVENT, PASS, END */
    const struct conf_node *id;   /* EVENT: NULL where the reader made one */
    /* EVENT: as a CloudEvent that the decoder takes; owned. The trigger of an outcome is the name
     * of a rule there. */
    struct buf event;
    struct wanted_trigger trigger;
    struct wanted_state state;
};

struct ruletest {
    struct str name;
    const struct conf_node *node;
    struct step *steps; /* owned */
    size_t n_steps, cap_steps;
};

struct ruletest_file {
    struct conf_doc *doc; /* owned */
    struct conf *conf;    /* owned */
    struct event_decoder *decoder;
    struct ruletest *tests; /* owned */
    size_t n_tests, cap_tests;
};

/* All faults of the file and of its configuration, sorted; true: there are none, and it can be
 * run. In either case it is the caller's to deinit. */
must_check bool ruletest_read(const char *path, struct ruletest_file *ret_file,
                              struct conf_faults *faults);
void ruletest_file_deinit(struct ruletest_file *file);
