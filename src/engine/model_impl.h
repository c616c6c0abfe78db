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
 * Slots with one half-life form a group, decayed by one factor.
 */
#include "engaged/model.h"
#include "engine/calendar.h"
#include "engine/cel_atoms.h"

#define MODEL_OWED_MAX    64 /* owed rules: a bit each */
#define MODEL_METRICS_MAX 1000
#define MODEL_RULES_MAX   1000
#define MODEL_NONE        UINT16_MAX

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

/* What CEL may read in rules: the metrics in their order, and then these. */
enum rule_var {
    RULE_VAR_OWED_BY_US,
    RULE_VAR_OWED_BY_THEM,
    RULE_VAR_OWED_OLDEST,
    RULE_VAR_OWED_OLDEST_THEIRS,
    RULE_VAR_KIND,
    RULE_VAR_ACCOUNT,
    RULE_VAR_CONSENT,
    N_RULE_VARS
};

struct selector {
    struct cel_program *where; /* owned; NULL: every interaction */
    struct cel_program *value; /* owned; NULL: counted only */
    char *canonical;           /* owned; both, as a text */
    uint32_t tag;              /* a hash of it: identity in packed state */
    uint16_t series;           /* MODEL_NONE: no window reads it */
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

struct metric {
    char *name;      /* owned */
    char *canonical; /* owned; the definition, for versions */
    enum aggregate aggregate;
    enum reach reach;
    int64_t reach_ms;
    uint16_t selector;
    uint16_t sum_slot, count_slot; /* MODEL_NONE where not needed */
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
    uint16_t *reads; /* owned; variables that enter or exit read, ascending */
    size_t n_reads;
    uint64_t changes; /* what it reads, as score_apply() says what has changed */
    bool is_timed;    /* time alone may change what it says */
    bool has_atoms;   /* both conditions are made of comparisons alone */
    struct rule_atoms enter_atoms, exit_atoms;
};

struct model {
    char *deployment, *organisation; /* owned */
    int64_t lateness_ms;
    uint32_t dedup_events;
    int64_t dedup_horizon_ms;
    enum answered_by answered_by;
    bool automatic_answers;

    struct model_zone *zones; /* owned */
    size_t n_zones, cap_zones;
    struct calendar *calendars; /* owned */
    size_t n_calendars;
    struct verb_spec *verbs; /* owned, names too; sorted by name */
    size_t n_verbs;
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
    struct rule *rules; /* owned */
    size_t n_rules;
    uint16_t *owed_rules; /* owned; the rules of kind RULE_OWED, by owed_bit */
    size_t n_owed;
    struct cel_var *rule_vars; /* owned; n_metrics + N_RULE_VARS */
    bool rule_reads_ledger;
    bool waits_for_acknowledgement; /* some rule does */
};

/* What an event may change, as bits: each selector (those beyond the 60th share one), and: */
#define MODEL_CHANGE_TIME                                                                          \
    (1ULL << 62)                         /* decayed sums were brought forward, if only by rounding \
                                          */
#define MODEL_CHANGE_PERSON (1ULL << 63) /* obligations, kind, account */

static inline uint64_t model_change_of(size_t selector)
{
    return 1ULL << (selector < 61 ? selector : 61);
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
