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
struct zone;

/* The time zone of that name, NULL: there is none. It must stay as long as the model. Asked while
 * the model is made, never later. */
typedef const struct zone *(*zone_find_fn)(void *ctx, struct str name);

#define CALENDAR_HOURS_MAX 8

/* Business hours of one weekday: local minutes after midnight, ascending, from < to <= 1440. */
struct calendar_day {
    struct {
        uint16_t from_min, to_min;
    } hours[CALENDAR_HOURS_MAX];
    uint32_t n;
};

struct calendar_spec {
    struct str name;
    struct str zone;             /* empty: UTC */
    struct calendar_day days[7]; /* from Sunday */
    const int32_t *holidays;     /* days since 1970, ascending, each once */
    size_t n_holidays;
};

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

enum rule_kind { RULE_CONDITION, RULE_OWED };
/* What ends the waiting of an `owed` rule. */
enum owed_until { OWED_UNTIL_ANSWERED, OWED_UNTIL_ACKNOWLEDGED, OWED_UNTIL_ACTED };

struct rule_spec {
    struct str name; /* [A-Za-z0-9][A-Za-z0-9_.-]*, at most 64 bytes */
    enum rule_kind kind;
    struct str enter; /* CEL over metrics; RULE_CONDITION */
    struct str exit;  /* empty: ends when `enter` no longer holds */
    enum side owed_by;
    int64_t owed_after_ms;
    struct str owed_calendar; /* `after` is business time of this one; empty: all time */
    enum owed_until owed_until;
    struct str owed_where; /* CEL over the event that opens the obligation; empty: every one */
    bool quiet_hold;       /* does not fire in the stakeholder's quiet hours, but at their end */
    int64_t for_ms;        /* must hold this long; 0: at once */
    int64_t cooldown_ms;   /* from the last `fired`; 0: none */
    struct str severity;   /* info, warning, critical */
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
    zone_find_fn find_zone; /* NULL: no time zone has a name */
    void *zone_ctx;
    const struct str *zones; /* that quiet hours may name, besides those that others name */
    size_t n_zones;
    const struct calendar_spec *calendars;
    size_t n_calendars;
    const struct verb_spec *verbs;
    size_t n_verbs;
    const struct metric_spec *metrics;
    size_t n_metrics;
    const struct rule_spec *rules;
    size_t n_rules;
};

enum model_part { MODEL_PART_METRIC, MODEL_PART_RULE, MODEL_PART_VERB, MODEL_PART_CALENDAR };

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
