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

enum aggregate { AGGREGATE_COUNT, AGGREGATE_SUM, AGGREGATE_MEAN };
enum reach { REACH_EVER, REACH_HALF_LIFE, REACH_WINDOW };

struct metric_spec {
    struct str name; /* [a-z_][a-z0-9_]*, not a name that rules know already */
    enum aggregate aggregate;
    struct str value; /* CEL over the event; empty for count */
    struct str where; /* CEL over the event; empty: every interaction */
    enum reach reach;
    int64_t reach_ms; /* half-life or window, 1 s to 100,000 days */
};

enum rule_kind {
    RULE_CONDITION,
    RULE_OWED,   /* an obligation is open too long */
    RULE_ABSENT, /* something has not happened for too long */
    RULE_EXPECT, /* something has not followed upon something in time */
    RULE_STAGE,  /* not in specs: what a stage becomes */
};

struct rule_spec {
    struct str name; /* [A-Za-z0-9][A-Za-z0-9_.-]*, at most 64 bytes */
    enum rule_kind kind;
    struct str enter; /* CEL over metrics; RULE_CONDITION */
    struct str exit;  /* empty: ends when `enter` no longer holds */
    enum side owed_by;
    int64_t owed_after_ms;
    struct str where;    /* RULE_ABSENT: the events that count; RULE_EXPECT: what must follow */
    struct str after;    /* RULE_EXPECT: upon what; CEL over the event, both */
    int64_t within_ms;   /* RULE_ABSENT, RULE_EXPECT: how long that may take; more than 0 */
    int64_t for_ms;      /* must hold this long; 0: at once */
    int64_t cooldown_ms; /* from the last `fired`; 0: none */
    struct str severity; /* info, warning, critical */
    struct str route;
    struct str action; /* a template: {{stakeholder}}, {{channel}}, ... or empty */
    /* Held back while one of these rules has fired and not cleared, for the same stakeholder. */
    const struct str *inhibited_by;
    size_t n_inhibited_by;
    /* Emitted again, with a higher severity, unless an outcome event says that somebody saw it;
     * 0: never. */
    int64_t escalate_after_ms;
};

/* Where a stakeholder stands. Each is entered and left like a condition; the stage is the last one
 * in the list that is held. */
struct stage_spec {
    struct str
        name; /* as a rule's, at most 58 bytes; its triggers are those of a rule stage.NAME */
    struct str enter;    /* CEL as in rules, but for `stage` itself */
    struct str exit;     /* empty: ends when `enter` no longer holds */
    int64_t min_stay_ms; /* not left before */
    struct str severity, route, action;
};

/* Triggers that match every given text are not fired until a time; they are held, and fire then if
 * their condition still holds. A text matches itself, or with a '*' at its end what begins so;
 * empty: anything. */
struct silence_spec {
    struct str rule, severity, route, kind, account, stakeholder;
    struct str author, reason;
    int64_t until_ms;
};

#define MODEL_STAGES_MAX   100
#define MODEL_SILENCES_MAX 1000

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
    const struct stage_spec *stages; /* low to high */
    size_t n_stages;
    const struct silence_spec *silences;
    size_t n_silences;
    /* A rule that fires more often than that for one input partition within a period (of event
     * time, beginning at its multiples) is held until the next one; 0: never. */
    uint32_t flood_triggers;
    int64_t flood_per_ms;
    /* Edges before this instant move the state and are not emitted; INT64_MIN: none. */
    int64_t backfill_until_ms;
    /* A stakeholder without an event for that long is forgotten; 0: never. */
    int64_t forget_after_ms;
    /* For how long after it came an event can be retracted; 0: not at all. Not with
     * ANSWERED_BY_CONVERSATION, where one event concerns several stakeholders. */
    int64_t retraction_ms;
};

enum model_part { MODEL_PART_METRIC, MODEL_PART_RULE, MODEL_PART_VERB, MODEL_PART_STAGE };

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
/* The stages come first, as rules named stage.NAME. */
size_t model_n_rules(const struct model *model);
struct str model_rule_name(const struct model *model, size_t i);
/* 32 hex digits: a hash of the rule's canonical form and of the metrics it reads. */
struct str model_rule_version(const struct model *model, size_t i);
int64_t model_lateness_ms(const struct model *model);
/* Whether the verb is declared. */
bool model_knows_verb(const struct model *model, struct str verb);
