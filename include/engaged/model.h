/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The engagement model of one deployment: which metrics roll over a stakeholder's interactions, who
 * owes answers, which rules emit triggers. A `model_spec` says it in texts (what the configuration
 * file says), model_new() compiles it and reports every fault at once; the `struct model` is then
 * constant and may be shared by any number of engines.
 */
#include "base/err.h"
#include "engaged/event.h"
#include "engaged/trigger.h"

struct model;

enum aggregate {
    AGGREGATE_COUNT,
    AGGREGATE_SUM,
    AGGREGATE_MEAN,
    AGGREGATE_MIN, /* this one and those below: window or ever */
    AGGREGATE_MAX,
    AGGREGATE_LAST,
    AGGREGATE_DISTINCT, /* of a text, number or bool */
    AGGREGATE_DISTINCT_DAYS,
};
enum reach { REACH_EVER, REACH_HALF_LIFE, REACH_WINDOW };

/* How much the events of one bucket, floor((time - from) / length), may add to a sum. */
struct cap_spec {
    int64_t length_ms; /* at least 1 s; 0: no cap */
    int64_t from_ms;   /* an instant at which a bucket begins */
    double at_most;    /* more than 0 */
};

struct metric_spec {
    struct str name; /* [a-z_][a-z0-9_]*, not a name that rules know already */
    enum aggregate aggregate;
    struct str value; /* CEL over the event; empty for count and distinct_days */
    struct str where; /* CEL over the event; empty: every interaction */
    enum reach reach;
    int64_t reach_ms;    /* half-life or window, 1 s to 100,000 days */
    struct cap_spec cap; /* of a sum */
};

enum rule_kind { RULE_CONDITION, RULE_OWED };

struct rule_spec {
    struct str name; /* [A-Za-z0-9][A-Za-z0-9_.-]*, at most 64 bytes */
    enum rule_kind kind;
    struct str enter; /* CEL over metrics; RULE_CONDITION */
    struct str exit;  /* empty: ends when `enter` no longer holds */
    enum side owed_by;
    int64_t owed_after_ms;
    int64_t for_ms;      /* must hold this long; 0: at once */
    int64_t cooldown_ms; /* from the last `fired`; 0: none */
    struct str severity; /* info, warning, critical */
    struct str route;
    struct str action; /* a template: {{stakeholder}}, {{channel}}, ... or empty */
};

/* What an interaction of this verb weighs and expects where the event itself does not say. */
struct verb_spec {
    struct str name;
    double weight;
    bool expects_reply;
};

enum answered_by {
    ANSWERED_BY_BOTH,         /* same stakeholder and conversation */
    ANSWERED_BY_CONVERSATION, /* same conversation, to whomever */
    ANSWERED_BY_STAKEHOLDER,  /* same stakeholder, any conversation */
    ANSWERED_BY_REPLY,        /* only what names the opening event, or one that joined it */
};

struct model_spec {
    struct str deployment;
    struct str organisation;
    int64_t lateness_ms;
    /* An id is known again while it is among this many latest events of its stakeholder, or its
     * event is younger than the horizon (plus the lateness) by the partition's clock. */
    uint32_t dedup_events;
    int64_t dedup_horizon_ms;
    enum answered_by answered_by;
    bool automatic_answers; /* an automatic reply stops the clock; else it only acknowledges */
    const struct verb_spec *verbs;
    size_t n_verbs;
    const struct metric_spec *metrics;
    size_t n_metrics;
    const struct rule_spec *rules;
    size_t n_rules;
};

enum model_part { MODEL_PART_METRIC, MODEL_PART_RULE, MODEL_PART_VERB };

struct model_fault {
    enum model_part part;
    size_t index;      /* into the spec's array */
    const char *field; /* "name", "where", "value", "enter", "exit", "action", ... */
    size_t offset;     /* bytes into that field's text; 0 where it concerns the whole */
    const char *text;  /* what is wrong and what to write instead */
};

typedef void (*model_fault_fn)(void *ctx, const struct model_fault *fault);

/* At least one fault was reported. */
#define MODEL_E_FAULTS 1

/* Copies what it needs of `spec`. The caller owns the model; it must outlive its engines. */
must_check int model_new(const struct model_spec *spec, model_fault_fn on_fault, void *ctx,
                         struct model **ret_model);
struct model *model_free(struct model *model);

size_t model_n_metrics(const struct model *model);
struct str model_metric_name(const struct model *model, size_t i);
size_t model_n_rules(const struct model *model);
struct str model_rule_name(const struct model *model, size_t i);
/* 32 hex digits: a hash of the rule's canonical form and of the metrics it reads. */
struct str model_rule_version(const struct model *model, size_t i);
int64_t model_lateness_ms(const struct model *model);
/* Whether the verb is declared. */
bool model_knows_verb(const struct model *model, struct str verb);
