/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all types have first, then the type's own fields in a fixed order; of an interaction flags
 * come first, so that what is absent costs nothing but its length. A place of struct event that the
 * type does not use is not packed.
 */
#include "engine/event_pack.h"

#include "base/err.h"

enum {
    HAS_SENTIMENT = 1,
    HAS_WEIGHT = 2,
    HAS_VALUE = 4,
    HAS_EXPECTS_REPLY = 8,
    EXPECTS_REPLY = 16,
    RESOLVES = 32,
    AUTOMATIC = 64,
};

#define ZONE_MAX_BYTES 64

static const size_t common_texts[] = {
    offsetof(struct event, id),           offsetof(struct event, source),
    offsetof(struct event, subject),      offsetof(struct event, sequence),
    offsetof(struct event, conversation), offsetof(struct event, in_reply_to),
};
static const size_t interaction_texts[] = {
    offsetof(struct event, verb),        offsetof(struct event, channel),
    offsetof(struct event, org),         offsetof(struct event, kind),
    offsetof(struct event, account),     offsetof(struct event, actor),
    offsetof(struct event, counterpart), offsetof(struct event, intent),
};

/* ---- texts ---- */

static struct str *text_at(const struct event *event, size_t offset)
{
    return (struct str *)((char *)(uintptr_t)event + offset);
}

static void put_texts(struct buf *out, const struct event *e, const size_t *offsets, size_t n)
{
    for (size_t i = 0; i < n; i++)
        wire_put_str(out, *text_at(e, offsets[i]));
}

static void get_texts(struct wire *in, struct event *e, const size_t *offsets, size_t n)
{
    for (size_t i = 0; i < n; i++)
        *text_at(e, offsets[i]) = wire_get_str(in);
}

/* A number of 0..max; beyond it the reader turns bad. */
static unsigned get_upto(struct wire *in, uint64_t max)
{
    uint64_t v = wire_get_u64(in);

    if (v <= max)
        return (unsigned)v;
    in->is_bad = true;
    return 0;
}

/* ---- interactions ---- */

static unsigned flags_of(const struct event *e)
{
    return (e->has_sentiment ? HAS_SENTIMENT : 0u) | (e->has_weight ? HAS_WEIGHT : 0u) |
           (e->has_value ? HAS_VALUE : 0u) | (e->has_expects_reply ? HAS_EXPECTS_REPLY : 0u) |
           (e->expects_reply ? EXPECTS_REPLY : 0u) | (e->resolves ? RESOLVES : 0u) |
           (e->automatic ? AUTOMATIC : 0u);
}

static void pack_interaction(const struct event *e, struct buf *out)
{
    wire_put_u64(out, flags_of(e));
    wire_put_u64(out, e->direction);
    put_texts(out, e, interaction_texts, ARRAY_SIZE(interaction_texts));
    wire_put_u64(out, e->n_communities);
    for (size_t i = 0; i < e->n_communities; i++)
        wire_put_str(out, e->communities[i]);
    if (e->has_sentiment)
        wire_put_double(out, e->sentiment);
    if (e->has_weight)
        wire_put_double(out, e->weight);
    if (e->has_value)
        wire_put_double(out, e->value);
}

static void unpack_flags(struct event *e, uint64_t flags)
{
    e->has_sentiment = flags & HAS_SENTIMENT;
    e->has_weight = flags & HAS_WEIGHT;
    e->has_value = flags & HAS_VALUE;
    e->has_expects_reply = flags & HAS_EXPECTS_REPLY;
    e->expects_reply = flags & EXPECTS_REPLY;
    e->resolves = flags & RESOLVES;
    e->automatic = flags & AUTOMATIC;
}

static void unpack_interaction(struct wire *in, struct event *e)
{
    unpack_flags(e, wire_get_u64(in));
    e->direction = (enum direction)get_upto(in, DIRECTION_PEER);
    get_texts(in, e, interaction_texts, ARRAY_SIZE(interaction_texts));
    e->n_communities = get_upto(in, EVENT_COMMUNITIES_MAX);
    for (size_t i = 0; i < e->n_communities; i++)
        e->communities[i] = wire_get_str(in);
    e->sentiment = e->has_sentiment ? wire_get_double(in) : 0;
    e->weight = e->has_weight ? wire_get_double(in) : 0;
    e->value = e->has_value ? wire_get_double(in) : 0;
}

/* ---- facts ---- */

static void unpack_measure(struct wire *in, struct event *e)
{
    e->measure.instrument = wire_get_str(in);
    e->measure.dimension = wire_get_str(in);
    e->measure.share = wire_get_double(in);
    if (!(e->measure.share >= 0 && e->measure.share <= 1)) {
        in->is_bad = true;
        e->measure.share = 0;
    }
}

static void pack_commitment(const struct event *e, struct buf *out)
{
    wire_put_str(out, e->commitment.id);
    wire_put_u64(out, e->commitment.by);
    wire_put_u64(out, e->commitment.status);
    wire_put_u64(out, e->commitment.due_ms != INT64_MAX);
    if (e->commitment.due_ms != INT64_MAX)
        wire_put_i64(out, e->commitment.due_ms);
}

static void unpack_commitment(struct wire *in, struct event *e)
{
    e->commitment.id = wire_get_str(in);
    e->commitment.by = (enum side)get_upto(in, SIDE_STAKEHOLDER);
    e->commitment.status = (enum commitment_status)get_upto(in, COMMITMENT_BROKEN);
    e->commitment.due_ms = get_upto(in, 1) ? wire_get_instant(in) : INT64_MAX;
}

static void pack_preference(const struct event_preference *p, struct buf *out)
{
    wire_put_u64(out, p->channels_change);
    wire_put_u64(out, p->max_contacts_change);
    wire_put_u64(out, p->quiet_hours_change);
    wire_put_u64(out, p->reply_within_change);
    wire_put_u64(out, p->consent_change);
    wire_put_u64(out, p->n_channels);
    for (size_t i = 0; i < p->n_channels; i++) {
        wire_put_str(out, p->channels[i].channel);
        wire_put_u64(out, p->channels[i].is_allowed);
    }
    wire_put_u64(out, p->max_contacts);
    wire_put_i64(out, p->contacts_per_ms);
    wire_put_u64(out, (uint64_t)p->quiet_from_min);
    wire_put_u64(out, (uint64_t)p->quiet_to_min);
    wire_put_str(out, p->quiet_zone);
    wire_put_i64(out, p->reply_within_ms);
    wire_put_u64(out, p->consents);
}

/* A length of time: never negative, and positive where it counts. */
static int64_t get_length(struct wire *in, enum preference_change change)
{
    int64_t ms = wire_get_i64(in);

    if (ms >= (change == PREFERENCE_SET) && ms <= INSTANT_MAX_MS)
        return ms;
    in->is_bad = true;
    return 0;
}

static void unpack_preference(struct wire *in, struct event_preference *p)
{
    p->channels_change = (enum preference_change)get_upto(in, PREFERENCE_SET);
    p->max_contacts_change = (enum preference_change)get_upto(in, PREFERENCE_SET);
    p->quiet_hours_change = (enum preference_change)get_upto(in, PREFERENCE_SET);
    p->reply_within_change = (enum preference_change)get_upto(in, PREFERENCE_SET);
    p->consent_change = (enum preference_change)get_upto(in, PREFERENCE_SET);
    p->n_channels = get_upto(in, EVENT_CHANNELS_MAX);
    for (size_t i = 0; i < p->n_channels; i++) {
        p->channels[i].channel = wire_get_str(in);
        p->channels[i].is_allowed = get_upto(in, 1);
    }
    p->max_contacts = get_upto(in, UINT32_MAX);
    p->contacts_per_ms = get_length(in, p->max_contacts_change);
    p->quiet_from_min = (int32_t)get_upto(in, 24 * 60 - 1);
    p->quiet_to_min = (int32_t)get_upto(in, 24 * 60 - 1);
    p->quiet_zone = wire_get_str(in);
    if (p->quiet_zone.len > ZONE_MAX_BYTES)
        in->is_bad = true;
    p->reply_within_ms = get_length(in, p->reply_within_change);
    p->consents = get_upto(in, 1);
}

/* ---- any type ---- */

static void pack_type(const struct event *e, struct buf *out)
{
    switch (e->type) {
    case EVENT_INTERACTION:
        pack_interaction(e, out);
        break;
    case EVENT_MEASURE:
        wire_put_str(out, e->measure.instrument);
        wire_put_str(out, e->measure.dimension);
        wire_put_double(out, e->measure.share);
        break;
    case EVENT_COMMITMENT:
        pack_commitment(e, out);
        break;
    case EVENT_PREFERENCE:
        pack_preference(&e->preference, out);
        break;
    case EVENT_IDENTITY:
        wire_put_u64(out, e->identity.action);
        wire_put_str(out, e->identity.into);
        break;
    case EVENT_OUTCOME: /* its note is for nobody here */
        wire_put_str(out, e->outcome.trigger);
        wire_put_u64(out, e->outcome.status);
        wire_put_str(out, e->outcome.by);
        break;
    case EVENT_RETRACTION:
        wire_put_str(out, e->retraction.source);
        wire_put_str(out, e->retraction.id);
        break;
    default: /* has no fields of its own that could wait */
        break;
    }
}

void event_pack(const struct event *event, struct buf *out)
{
    ENSURE(event->type <= EVENT_RETRACTION);
    wire_put_u64(out, event->type);
    wire_put_i64(out, event->time_ms);
    wire_put_i64(out, event->offset);
    put_texts(out, event, common_texts, ARRAY_SIZE(common_texts));
    pack_type(event, out);
}

static void unpack_type(struct wire *in, struct event *e)
{
    switch (e->type) {
    case EVENT_INTERACTION:
        unpack_interaction(in, e);
        break;
    case EVENT_MEASURE:
        unpack_measure(in, e);
        break;
    case EVENT_COMMITMENT:
        unpack_commitment(in, e);
        break;
    case EVENT_PREFERENCE:
        unpack_preference(in, &e->preference);
        break;
    case EVENT_IDENTITY:
        e->identity.action = (enum identity_action)get_upto(in, IDENTITY_ERASE);
        e->identity.into = wire_get_str(in);
        break;
    case EVENT_OUTCOME:
        e->outcome.trigger = wire_get_str(in);
        e->outcome.status = (enum outcome_status)get_upto(in, OUTCOME_DISMISSED);
        e->outcome.by = wire_get_str(in);
        break;
    case EVENT_RETRACTION:
        e->retraction.source = wire_get_str(in);
        e->retraction.id = wire_get_str(in);
        break;
    default:
        break;
    }
}

void event_unpack(struct wire *in, struct event *ret_event)
{
    struct event e = {.type = (enum event_type)get_upto(in, EVENT_RETRACTION)};

    e.time_ms = wire_get_instant(in);
    e.offset = wire_get_i64(in);
    get_texts(in, &e, common_texts, ARRAY_SIZE(common_texts));
    unpack_type(in, &e);
    *ret_event = e;
}
