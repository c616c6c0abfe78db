/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The value type of one event, as the engine takes it. Texts are views that somebody else owns (the
 * decoder's arena, a held record) for as long as the call lasts; an empty text is an absent one.
 * Times are milliseconds since 1970, UTC.
 */
#include "base/str.h"

#define EVENT_SUBJECT_MAX_BYTES 256 /* a stakeholder's id */
#define EVENT_COMMUNITIES_MAX   16
#define EVENT_CHANNELS_MAX      16

enum event_type {
    EVENT_INTERACTION,
    EVENT_MEASURE,
    EVENT_COMMITMENT,
    EVENT_PREFERENCE,
    EVENT_IDENTITY,
    EVENT_OUTCOME,
    EVENT_RETRACTION,    /* an earlier event never was */
    EVENT_HEARTBEAT,     /* its source is alive; concerns nobody */
    EVENT_TICK,          /* moves the clock, concerns nobody */
    EVENT_CONFIGURATION, /* control record: the rules from here on */
    EVENT_OTHER,         /* a valid CloudEvent of a type we do not know */
};

enum direction {
    DIRECTION_INBOUND,  /* from the stakeholder */
    DIRECTION_OUTBOUND, /* to the stakeholder */
    DIRECTION_PEER,     /* among stakeholders or insiders */
};

/* Who owes, who promises. */
enum side { SIDE_ORGANISATION, SIDE_STAKEHOLDER };

enum commitment_status { COMMITMENT_MADE, COMMITMENT_KEPT, COMMITMENT_BROKEN };
enum identity_action { IDENTITY_MERGE, IDENTITY_ERASE };
enum outcome_status {
    OUTCOME_ACKNOWLEDGED, /* somebody has seen the trigger */
    OUTCOME_ACTED,        /* and did something about it */
    OUTCOME_RESOLVED,
    OUTCOME_DISMISSED,
};

/* What an event says of a stakeholder's preferences: nothing, take it back, or set it. */
enum preference_change { PREFERENCE_KEPT, PREFERENCE_CLEARED, PREFERENCE_SET };

struct channel_preference {
    struct str channel;
    bool is_allowed;
};

struct event_preference {
    enum preference_change channels_change, max_contacts_change, quiet_hours_change,
        reply_within_change, consent_change;
    struct channel_preference channels[EVENT_CHANNELS_MAX];
    size_t n_channels;
    uint32_t max_contacts;   /* so many outbound interactions ... */
    int64_t contacts_per_ms; /* ... in any span of this length */
    int32_t quiet_from_min;  /* minutes after midnight; from > to: over midnight */
    int32_t quiet_to_min;
    struct str quiet_zone; /* of the time-zone database; empty: UTC */
    int64_t reply_within_ms;
    bool consents;
};

struct event {
    enum event_type type;
    struct str type_name; /* the CloudEvents `type` */
    struct str id;        /* with source: identity */
    struct str source;
    struct str subject;  /* the stakeholder */
    struct str sequence; /* orders events of one time; byte order */
    int64_t time_ms;
    int64_t offset; /* place in the input partition; orders events of one time and sequence */

    /* EVENT_INTERACTION */
    enum direction direction;
    struct str verb;
    struct str channel;
    struct str conversation;
    struct str in_reply_to;
    struct str org;
    struct str kind;
    struct str account;
    struct str actor;
    struct str counterpart;
    struct str intent;
    struct str communities[EVENT_COMMUNITIES_MAX];
    size_t n_communities;
    bool has_sentiment;
    bool has_weight;
    bool has_value;
    bool has_expects_reply;
    bool expects_reply;
    bool resolves;
    bool automatic;   /* a bot's or an auto-reply */
    double sentiment; /* -1..1 */
    double weight;
    double value; /* worth given, in the deployment's unit */

    /* EVENT_MEASURE: somebody was asked, or observed */
    struct {
        struct str instrument; /* nps, csat, uwes, ...; may be empty */
        struct str dimension;  /* advocacy, delight, loyalty, ... */
        double share;          /* (score - min) / (max - min): 0..1 */
    } measure;

    /* EVENT_COMMITMENT: a promise */
    struct {
        struct str id;
        enum side by;
        enum commitment_status status;
        int64_t due_ms; /* INT64_MAX: none given */
    } commitment;

    /* EVENT_PREFERENCE */
    struct event_preference preference;

    /* EVENT_IDENTITY */
    struct {
        enum identity_action action;
        struct str into; /* of a merge: whom `subject` becomes */
    } identity;

    /* EVENT_OUTCOME: what became of a trigger */
    struct {
        struct str trigger; /* its id */
        enum outcome_status status;
        struct str by, note;
    } outcome;

    /* EVENT_RETRACTION: of which event; `source` defaults to the retraction's own */
    struct {
        struct str source, id;
    } retraction;

    /* EVENT_CONFIGURATION: the file's text, and that of the one in force before it */
    struct str text;
    struct str previous;
};
