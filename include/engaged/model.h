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

enum rule_kind {
    RULE_CONDITION,
    RULE_OWED,   /* an obligation is open too long */
    RULE_ABSENT, /* something has not happened for too long */
    RULE_EXPECT, /* something has not followed upon something in time */
    RULE_STAGE,  /* not in specs: what a stage becomes */
};
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
    struct str where;      /* RULE_ABSENT: the events that count; RULE_EXPECT: what must follow */
    struct str after;      /* RULE_EXPECT: upon what; CEL over the event, both */
    int64_t within_ms;     /* RULE_ABSENT, RULE_EXPECT: how long that may take; more than 0 */
    double within_gaps;    /* RULE_ABSENT, instead: so many of the stakeholder's own gaps */
    int64_t for_ms;        /* must hold this long; 0: at once */
    int64_t cooldown_ms;   /* from the last `fired`; 0: none */
    struct str severity;   /* info, warning, critical */
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

/* A producer of events whose silence may mean that it is down. */
struct source_spec {
    struct str name;
    struct str source;          /* the CloudEvents source; with a '*' at its end what begins so */
    int64_t heartbeat_ms;       /* silent for longer: told by a trigger source.silent */
    const struct str *channels; /* whose answers it brings; none: everything */
    size_t n_channels;
    struct str route; /* of that trigger; may be empty */
};

#define MODEL_SOURCES_MAX  100
#define MODEL_EVIDENCE_MAX 16
#define MODEL_DEDUP_MAX    4096 /* events of one stakeholder that are known again */
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

/* Values that are derived from a stakeholder's events without being declared as metrics. Those of a
 * group share what is kept of the events. */
enum derived_group {
    DERIVED_REPLY,    /* reply.ours.*, reply.theirs.* */
    DERIVED_BALANCE,  /* balance */
    DERIVED_PRESSURE, /* pressure, pressure.* */
    DERIVED_CADENCE,  /* cadence.* */
    DERIVED_TRUST,    /* trust, commitment.* */
    DERIVED_MEASURE,  /* measure.* */
    DERIVED_ADVOCACY, /* advocacy, advocacy.referrals; brings measures with it */
    DERIVED_TIE,      /* tie */
    DERIVED_TURNS,    /* turns.* */
    DERIVED_SILENT,   /* silent */
    N_DERIVED_GROUPS
};
/* "reply", "balance", ...; NULL at the end. */
extern const char *const derived_group_names[N_DERIVED_GROUPS + 1];

/* The usual gap between inbound interactions, for stakeholders of a kind. */
struct cadence_kind_spec {
    struct str kind;
    int64_t prior_ms; /* 1 s to 100,000 days */
};

struct derived_spec {
    uint32_t keep;              /* bits of enum derived_group, kept even if no rule reads them */
    int64_t half_life_ms;       /* of all that fades; 1 h to 100,000 days */
    int64_t pressure_window_ms; /* 1 s to 100,000 days, as the two that follow */
    int64_t cadence_floor_ms;   /* shorter gaps count as this */
    int64_t cadence_prior_ms;   /* the gap that is assumed before any is known */
    double cadence_weight;      /* how many gaps that assumption weighs; 1 to 1000 */
    const struct cadence_kind_spec *kinds; /* at most 64 */
    size_t n_kinds;
    const struct str
        *dimensions; /* of measures: [a-z_][a-z0-9_]*, not ending in _last; at most 64 */
    size_t n_dimensions;
};
extern const struct derived_spec derived_defaults;

struct model_spec {
    struct str deployment;
    struct str organisation;
    int64_t lateness_ms;
    /* An id is known again while it is among this many latest events of its stakeholder, or its
     * event is younger than the horizon (plus the lateness) by the partition's clock. */
    uint32_t dedup_events;
    int64_t dedup_horizon_ms;
    /* So many of a stakeholder's latest interactions that counted for a metric are named in its
     * triggers; at most MODEL_EVIDENCE_MAX. */
    uint32_t evidence_events;
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
    const struct stage_spec *stages; /* low to high */
    size_t n_stages;
    const struct silence_spec *silences;
    size_t n_silences;
    const struct source_spec *sources;
    size_t n_sources;
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
    const struct derived_spec *derived; /* NULL: derived_defaults */
};

enum model_part {
    MODEL_PART_METRIC,
    MODEL_PART_RULE,
    MODEL_PART_VERB,
    MODEL_PART_STAGE,
    MODEL_PART_CALENDAR,
    MODEL_PART_DERIVED, /* `index` is into the dimensions or kinds */
};

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
/* Bits of enum derived_group: what a rule reads, or the specification names. */
uint32_t model_derived_kept(const struct model *model);
/* Whether the verb is declared. */
bool model_knows_verb(const struct model *model, struct str verb);
