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

enum event_type {
    EVENT_INTERACTION,
    EVENT_MEASURE,
    EVENT_COMMITMENT,
    EVENT_PREFERENCE,
    EVENT_IDENTITY,
    EVENT_OUTCOME,
    EVENT_TICK,          /* moves the clock, concerns nobody */
    EVENT_CONFIGURATION, /* control record: the rules from here on */
    EVENT_OTHER,         /* a valid CloudEvent of a type we do not know */
};

enum direction {
    DIRECTION_INBOUND,  /* from the stakeholder */
    DIRECTION_OUTBOUND, /* to the stakeholder */
    DIRECTION_PEER,     /* among stakeholders or insiders */
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

    /* EVENT_CONFIGURATION: the file's text */
    struct str text;
};
