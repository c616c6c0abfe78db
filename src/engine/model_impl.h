/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The compiled model, as the engine's own rooms see it.
 *
 * Metrics that look at the same events share what is kept of them:
 *   selector  a `where` and a `value`: which events count, and as what
 *   slot      one running number per stakeholder: the decayed (or everlasting) sum of a selector's
 *             values, or of its events
 *   series    a selector's recent events, for all windows over them
 *   keep      what is no sum of a selector's: its extremes, latest, different values, or its cap
 * Slots with one half-life form a group, decayed by one factor.
 */
#include "engaged/model.h"
#include "engine/calendar.h"
#include "engine/cel_logic.h"
#include "engine/derived.h"
#include "engine/keep.h"

#define MODEL_OWED_MAX    64 /* owed rules: a bit each */
#define MODEL_METRICS_MAX 1000
#define MODEL_RULES_MAX   1000
/* A metric and each of a rule's two kinds of events has a selector at most, a metric two slots. */
#define MODEL_SELECTORS_MAX (MODEL_METRICS_MAX + 2 * MODEL_RULES_MAX)
#define MODEL_SLOTS_MAX     (2 * MODEL_METRICS_MAX)
#define MODEL_NONE          UINT16_MAX
/* What the rule of a stage is called, before its name. */
#define STAGE_PREFIX "stage."

/* What CEL may read of an event: its indices are the schema of `where` and `value`. */
enum event_var {
    EVENT_VAR_DIRECTION,
    EVENT_VAR_VERB,
    EVENT_VAR_CHANNEL,
    EVENT_VAR_CONVERSATION,
    EVENT_VAR_IN_REPLY_TO,
    EVENT_VAR_ORG,
    EVENT_VAR_KIND,
    EVENT_VAR_ACCOUNT,
    EVENT_VAR_ACTOR,
    EVENT_VAR_COUNTERPART,
    EVENT_VAR_INTENT,
    EVENT_VAR_COMMUNITIES,
    EVENT_VAR_SENTIMENT,
    EVENT_VAR_WEIGHT,
    EVENT_VAR_VALUE,
    EVENT_VAR_EXPECTS_REPLY,
    EVENT_VAR_RESOLVES,
    EVENT_VAR_AUTOMATIC,
    EVENT_VAR_ID,
    EVENT_VAR_SOURCE,
    EVENT_VAR_SUBJECT,
    EVENT_VAR_TIME,
    N_EVENT_VARS
};

/* What CEL may read in rules: the metrics in their order, then these, then what derived.h says. */
enum rule_var {
    RULE_VAR_OWED_BY_US,
    RULE_VAR_OWED_BY_THEM,
    RULE_VAR_OWED_OLDEST,
    RULE_VAR_OWED_OLDEST_THEIRS,
    RULE_VAR_KIND,
    RULE_VAR_ACCOUNT,
    RULE_VAR_STAGE,
    RULE_VAR_STAGE_SINCE,
    RULE_VAR_CONSENT,
    N_RULE_VARS
};

/* How a selector's value is had. */
enum value_way { VALUE_BY_PROGRAM, VALUE_BY_VARIABLE, VALUE_BY_CONSTANT };

struct selector {
    struct cel_program *where;          /* owned; NULL: every interaction */
    struct cel_program *value;          /* owned; NULL: counted only */
    struct cel_logic_node *where_logic; /* owned; NULL: `where` is not of that form */
    enum value_way way;
    unsigned value_var;    /* BY_VARIABLE: which; a number */
    double value_constant; /* BY_CONSTANT */
    uint16_t alike;        /* the first selector with the same `where` */
    bool is_shaped;        /* `where` reads nothing but what is in an event's shape */
    char *canonical;       /* owned; both, as a text */
    uint32_t tag;          /* a hash of it: identity in packed state */
    uint16_t series;       /* MODEL_NONE: no window reads it */
    uint16_t cap_keep;     /* the bucket, where there is a cap */
    struct cap_spec cap;
    bool is_key; /* `value` is told apart, not reckoned with */
};

struct slot {
    uint16_t selector;
    bool is_count; /* of the selector's events, not the sum of their values */
    uint32_t tag;  /* identity across configurations */
};

struct decay_group {
    int64_t half_life_ms; /* 0: never decays */
    uint16_t first_slot, n_slots;
};

struct series_def {
    uint16_t selector;
    bool has_values;
    int64_t longest_ms;
};

struct keep_def {
    uint16_t selector;
    enum keep_kind kind;
    int64_t longest_ms; /* INT64_MAX: nothing is ever too old */
    uint32_t tag;       /* identity across configurations */
};

struct metric {
    char *name;      /* owned */
    char *canonical; /* owned; the definition, for versions */
    enum aggregate aggregate;
    enum reach reach;
    int64_t reach_ms;
    uint16_t selector;
    uint16_t sum_slot, count_slot; /* MODEL_NONE where not needed */
    uint16_t keep;                 /* MODEL_NONE: it is read from slots or a series */
};

/* How far an obligation has come. */
enum depth { DEPTH_OPEN, DEPTH_ACKNOWLEDGED, DEPTH_ANSWERED, DEPTH_ACTED };

/* A time zone that the model's texts name. */
struct model_zone {
    char *name;              /* owned */
    const struct zone *zone; /* borrowed */
};

/* The comparisons of timed variables that a condition is made of. */
struct rule_atoms {
    struct cel_atom *items; /* owned */
    size_t n;
};

struct rule {
    char *name, *severity, *route, *action, *enter_text, *exit_text; /* owned */
    char version[DIGEST_HEX + 1];
    uint32_t tag; /* of the name: state is kept by it */
    enum rule_kind kind;
    struct cel_program *enter; /* owned */
    struct cel_program *exit;  /* owned, or NULL */
    enum side owed_by;
    int64_t owed_after_ms;
    uint16_t owed_bit;              /* of an obligation's `fired` and `matched` */
    uint16_t owed_calendar;         /* MODEL_NONE: `after` is all time */
    enum depth owed_until;          /* the depth that ends the waiting */
    struct cel_program *owed_where; /* owned; NULL: every obligation */
    uint32_t where_tag;             /* a hash of its canonical form: identity in packed state */
    bool quiet_hold;
    int64_t for_ms, cooldown_ms;
    int64_t min_stay_ms;           /* RULE_STAGE */
    int64_t within_ms;             /* RULE_ABSENT, RULE_EXPECT */
    double within_gaps;            /* RULE_ABSENT, where not 0: so many cadence.gap instead */
    uint16_t what, after;          /* their selectors; MODEL_NONE */
    uint16_t due;                  /* its place in a profile's `due` */
    uint32_t due_tag;              /* of what is expected: state is kept by it */
    char *where_text, *after_text; /* owned */
    uint16_t *inhibitors;          /* owned; rules */
    size_t n_inhibitors;
    int64_t escalate_after_ms;
    uint16_t *reads; /* owned; variables that enter or exit read, ascending */
    size_t n_reads;
    uint64_t changes;   /* what it reads, as score_apply() says what has changed */
    bool is_timed;      /* time alone may change what it says */
    bool reads_derived; /* values whose next change takes some finding */
    bool has_atoms;     /* both conditions are made of comparisons alone */
    struct rule_atoms enter_atoms, exit_atoms;
    struct cel_logic_node *enter_logic; /* owned; NULL: the conditions are not of that form */
    struct cel_logic_node *exit_logic;  /* owned; NULL: of that form, or there is no exit */
};

/* What of a rule decides at most events that it need not be asked; in the order of deciding. */
struct rule_gate {
    uint64_t changes; /* the rule's */
    uint16_t rule;
    bool has_logic;
    bool has_guard;  /* while this comparison is not true, only an event can begin the rule */
    bool is_rounded; /* its value is a sum that is brought forward with events */
    struct cel_atom guard;
};

struct model {
    char *deployment, *organisation; /* owned */
    int64_t lateness_ms;
    uint32_t dedup_events, evidence_events;
    int64_t dedup_horizon_ms;
    enum answered_by answered_by;
    bool automatic_answers;

    struct model_zone *zones; /* owned */
    size_t n_zones, cap_zones;
    struct calendar *calendars; /* owned */
    size_t n_calendars;
    struct verb_spec *verbs; /* owned, names too; sorted by name */
    size_t n_verbs;
    const struct verb_spec **verb_index; /* owned; by a hash of the name */
    size_t verb_mask;
    bool *shapes; /* owned; whether each `where` holds, per shape; NULL: there are too many */
    struct metric *metrics; /* owned */
    size_t n_metrics;
    struct selector *selectors; /* owned */
    size_t n_selectors, cap_selectors;
    struct slot *slots; /* owned; in the order of their groups */
    size_t n_slots;
    struct decay_group *groups; /* owned */
    size_t n_groups;
    struct series_def *series; /* owned */
    size_t n_series, cap_series;
    struct keep_def *keeps; /* owned */
    size_t n_keeps, cap_keeps;
    struct rule *rules; /* owned; the stages first, low to high */
    size_t n_rules, n_stages;
    uint16_t *order; /* owned; in which rules are decided: stages, inhibitors before others */
    struct rule_gate *gates; /* owned; per rule, in that order */
    uint16_t *due_rules;     /* owned; the rules of kinds RULE_ABSENT and RULE_EXPECT */
    size_t n_due;
    struct silence_spec *silences; /* owned, texts too */
    size_t n_silences;
    struct source_spec *sources; /* owned, texts too */
    size_t n_sources;
    uint32_t flood_triggers;
    int64_t flood_per_ms, backfill_until_ms, forget_after_ms, retraction_ms;
    uint16_t *owed_rules; /* owned; the rules of kind RULE_OWED, by owed_bit */
    size_t n_owed;
    struct derived derived;
    unsigned
        ref_groups; /* groups of derived values that have a place of their own, see place_refs() */
    uint16_t ref_of_group[N_DERIVED_GROUPS];
    size_t n_refs;
    struct cel_var *rule_vars; /* owned; model_n_vars() */
    bool rule_reads_ledger;
    bool waits_for_acknowledgement; /* some rule does */
};

/* What an event may change, as bits: each selector (those beyond the 47th share one), each group of
 * derived values, and: */
#define MODEL_CHANGE_TIME                                                                          \
    (1ULL << 62)                         /* decayed sums were brought forward, if only by rounding \
                                          */
#define MODEL_CHANGE_PERSON (1ULL << 63) /* obligations, kind, account */
#define MODEL_CHANGE_STAGE  (1ULL << 61)
#define MODEL_CHANGE_DUE    (1ULL << 60) /* what `absent` and `expect` wait for */

static inline uint64_t model_change_of(size_t selector)
{
    return 1ULL << (selector < 47 ? selector : 47);
}

/* `groups`: bits of enum derived_group. */
static inline uint64_t model_change_of_groups(unsigned groups)
{
    _Static_assert(N_DERIVED_GROUPS <= 12, "bits 48 to 59");
    return (uint64_t)groups << 48;
}

/* A text matches itself; with a '*' at its end, what begins so; empty: anything. */
bool model_matches(struct str pattern, struct str text);
/* Variables that rules may read. */
static inline size_t model_n_vars(const struct model *m)
{
    return m->n_metrics + N_RULE_VARS + derived_n_vars(&m->derived);
}

/* The first derived one; those before it are metrics and enum rule_var. */
static inline size_t model_derived_base(const struct model *m)
{
    return m->n_metrics + N_RULE_VARS;
}

/* Of those that the model's texts name; NULL: none of them. */
const struct zone *model_find_zone(const struct model *m, struct str name);
/* NULL where the verb is not declared. */
const struct verb_spec *model_find_verb(const struct model *m, struct str verb);
/* The schema of `where` and `value`. */
extern const struct cel_schema model_event_schema;

/* What the event itself says, or else its verb (NULL: not declared). */
static inline bool model_expects_reply(const struct event *event, const struct verb_spec *verb)
{
    if (event->has_expects_reply)
        return event->expects_reply;
    return verb && verb->expects_reply && !event->automatic;
}
