/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The value type of one emitted trigger: a rule's condition began (`fired`) or ended (`cleared`)
 * for one stakeholder. All texts are views, good during the callback that hands the trigger over.
 */
#include "base/hash.h"
#include "base/str.h"
#include "engaged/event.h"

enum edge { EDGE_FIRED, EDGE_CLEARED };

enum value_type { VALUE_ABSENT, VALUE_BOOL, VALUE_INT, VALUE_DOUBLE, VALUE_STRING, VALUE_DURATION };

/* A metric's value at an instant. */
struct value {
    enum value_type type;
    union {
        bool b;
        int64_t i; /* INT; DURATION in milliseconds */
        double d;
        struct str s;
    };
};

struct named_value {
    struct str name;
    struct value value;
};

/* Who owes whom an answer, about which event. */
struct obligation_view {
    enum side by;          /* who owes */
    struct str id, source; /* the event that opened it */
    struct str org, conversation, channel;
    int64_t since_ms;
    int64_t due_ms;      /* by the rule at hand; INT64_MAX where no rule sets one */
    int64_t answered_ms; /* INT64_MAX while it is open */
    uint32_t n_waiting;  /* messages waiting in it, the opening one included */
    bool is_acknowledged;
};

/* What keeps a trigger from being fired. */
enum obstacle {
    OBSTACLE_NONE,
    OBSTACLE_COOLDOWN,
    OBSTACLE_QUIET,     /* the stakeholder's quiet hours */
    OBSTACLE_INHIBITED, /* by another rule's open trigger */
    OBSTACLE_SILENCED,  /* by hand */
    OBSTACLE_FLOOD,     /* the rule fires for too many at once */
    OBSTACLE_SOURCE,    /* a source that could have brought the answer shows no life */
    N_OBSTACLES
};

/* As state and metrics call it: "cooldown", "quiet", "inhibited", "silenced", "flood", "source". */
const char *obstacle_name(enum obstacle obstacle);

/* A trigger that is held back. */
struct held_view {
    struct str rule;
    enum obstacle by;
    struct str because; /* the rule that inhibits, or the silence's reason; may be empty */
    struct str author;  /* of a silence */
    int64_t since_ms;   /* since when the condition holds */
    int64_t until_ms;   /* INT64_MAX: until what holds it back has ended */
};

struct trigger {
    /* 128 bits of a hash of deployment, rule, its version, stakeholder, edge, the cause's source
     * and id, and time: the same on every re-run, whatever the topic, partition or offset. */
    char id[DIGEST_HEX + 1];
    struct str deployment;
    struct str rule;
    struct str rule_version;
    enum edge edge;
    struct str severity;
    struct str route;
    struct str action; /* rendered */
    int64_t time_ms;   /* the event time from which the edge holds */

    struct str stakeholder;
    struct str kind;
    struct str account;
    struct str stage;

    struct {
        struct str id, source;
        struct str topic; /* empty outside Kafka */
        int32_t partition;
        int64_t offset;
        struct str conversation; /* of the causing event where known */
    } cause;

    const struct named_value *values; /* each variable that the rule read */
    size_t n_values;
    const struct obligation_view *obligation; /* NULL but for `owed` rules */
    struct str reason;                        /* one sentence for a person */
    struct str counterfactual;                /* what would have prevented it */
    uint32_t escalation; /* how often it was emitted before, unheeded; its severity has grown */
    int64_t offset; /* of the record that was being processed: what the trigger is published with */
};
