/* SPDX-License-Identifier: Apache-2.0 */
/* The fields in a fixed order, flags and type first, so that what is absent costs nothing but its
 * length; then what the type alone has. */
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
    TYPE_UNIT = 128, /* the type is in the bits from here on */
};

static const size_t text_fields[] = {
    offsetof(struct event, id),           offsetof(struct event, source),
    offsetof(struct event, subject),      offsetof(struct event, sequence),
    offsetof(struct event, verb),         offsetof(struct event, channel),
    offsetof(struct event, conversation), offsetof(struct event, in_reply_to),
    offsetof(struct event, org),          offsetof(struct event, kind),
    offsetof(struct event, account),      offsetof(struct event, actor),
    offsetof(struct event, counterpart),  offsetof(struct event, intent),
};

static struct str *text_field(const struct event *event, size_t i)
{
    return (struct str *)((char *)(uintptr_t)event + text_fields[i]);
}

static unsigned flags_of(const struct event *e)
{
    return (e->has_sentiment ? HAS_SENTIMENT : 0u) | (e->has_weight ? HAS_WEIGHT : 0u) |
           (e->has_value ? HAS_VALUE : 0u) | (e->has_expects_reply ? HAS_EXPECTS_REPLY : 0u) |
           (e->expects_reply ? EXPECTS_REPLY : 0u) | (e->resolves ? RESOLVES : 0u) |
           (e->automatic ? AUTOMATIC : 0u);
}

static void pack_commitment(const struct event *event, struct buf *out)
{
    bool has_due = event->commitment.due_ms != INT64_MAX;

    wire_put_str(out, event->commitment.id);
    wire_put_u64(out, event->commitment.by);
    wire_put_u64(out, event->commitment.status);
    wire_put_u64(out, has_due);
    if (has_due)
        wire_put_i64(out, event->commitment.due_ms);
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
    wire_put_i64(out, p->quiet_from_min);
    wire_put_i64(out, p->quiet_to_min);
    wire_put_str(out, p->quiet_zone);
    wire_put_i64(out, p->reply_within_ms);
    wire_put_u64(out, p->consents);
}

static void pack_fact(const struct event *event, struct buf *out)
{
    if (event->type == EVENT_MEASURE) {
        wire_put_str(out, event->measure.instrument);
        wire_put_str(out, event->measure.dimension);
        wire_put_double(out, event->measure.share);
    } else if (event->type == EVENT_COMMITMENT) {
        pack_commitment(event, out);
    } else if (event->type == EVENT_PREFERENCE) {
        pack_preference(&event->preference, out);
    } else if (event->type == EVENT_OUTCOME) {
        wire_put_str(out, event->outcome.trigger);
        wire_put_u64(out, event->outcome.status);
        wire_put_str(out, event->outcome.by);
    }
}

void event_pack(const struct event *event, struct buf *out)
{
    wire_put_u64(out, flags_of(event) | (uint64_t)event->type * TYPE_UNIT);
    wire_put_u64(out, event->direction);
    wire_put_i64(out, event->time_ms);
    wire_put_i64(out, event->offset);
    for (size_t i = 0; i < ARRAY_SIZE(text_fields); i++)
        wire_put_str(out, *text_field(event, i));
    wire_put_u64(out, event->n_communities);
    for (size_t i = 0; i < event->n_communities; i++)
        wire_put_str(out, event->communities[i]);
    if (event->has_sentiment)
        wire_put_double(out, event->sentiment);
    if (event->has_weight)
        wire_put_double(out, event->weight);
    if (event->has_value)
        wire_put_double(out, event->value);
    pack_fact(event, out);
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

/* A number that stands for one of a few things. */
static unsigned get_choice(struct wire *in, unsigned last)
{
    uint64_t v = wire_get_u64(in);

    if (v <= last)
        return (unsigned)v;
    in->is_bad = true;
    return 0;
}

/* A number from 0 on. */
static int64_t get_up_to(struct wire *in, int64_t most)
{
    int64_t v = wire_get_i64(in);

    if (v >= 0 && v <= most)
        return v;
    in->is_bad = true;
    return 0;
}

static void unpack_commitment(struct wire *in, struct event *e)
{
    e->commitment.id = wire_get_str(in);
    e->commitment.by = (enum side)get_choice(in, SIDE_STAKEHOLDER);
    e->commitment.status = (enum commitment_status)get_choice(in, COMMITMENT_BROKEN);
    e->commitment.due_ms = get_choice(in, 1) ? wire_get_instant(in) : INT64_MAX;
}

static void unpack_preference(struct wire *in, struct event_preference *p)
{
    uint64_t max_contacts;

    p->channels_change = (enum preference_change)get_choice(in, PREFERENCE_SET);
    p->max_contacts_change = (enum preference_change)get_choice(in, PREFERENCE_SET);
    p->quiet_hours_change = (enum preference_change)get_choice(in, PREFERENCE_SET);
    p->reply_within_change = (enum preference_change)get_choice(in, PREFERENCE_SET);
    p->consent_change = (enum preference_change)get_choice(in, PREFERENCE_SET);
    p->n_channels = get_choice(in, EVENT_CHANNELS_MAX);
    for (size_t i = 0; i < p->n_channels; i++) {
        p->channels[i].channel = wire_get_str(in);
        p->channels[i].is_allowed = get_choice(in, 1);
    }
    max_contacts = wire_get_u64(in);
    in->is_bad |= max_contacts > UINT32_MAX;
    p->max_contacts = (uint32_t)max_contacts;
    p->contacts_per_ms = get_up_to(in, INSTANT_MAX_MS);
    p->quiet_from_min = (int32_t)get_up_to(in, 24 * 60);
    p->quiet_to_min = (int32_t)get_up_to(in, 24 * 60);
    p->quiet_zone = wire_get_str(in);
    p->reply_within_ms = get_up_to(in, INSTANT_MAX_MS);
    p->consents = get_choice(in, 1);
}

static void unpack_fact(struct wire *in, struct event *e)
{
    if (e->type == EVENT_MEASURE) {
        e->measure.instrument = wire_get_str(in);
        e->measure.dimension = wire_get_str(in);
        e->measure.share = wire_get_double(in);
        in->is_bad |= !(e->measure.share >= 0 && e->measure.share <= 1);
    } else if (e->type == EVENT_COMMITMENT) {
        unpack_commitment(in, e);
    } else if (e->type == EVENT_PREFERENCE) {
        unpack_preference(in, &e->preference);
    } else if (e->type == EVENT_OUTCOME) {
        e->outcome.trigger = wire_get_str(in);
        e->outcome.status = (enum outcome_status)get_choice(in, OUTCOME_DISMISSED);
        e->outcome.by = wire_get_str(in);
    }
}

static enum event_type unpack_type(struct wire *in, uint64_t type)
{
    switch (type) {
    case EVENT_INTERACTION:
    case EVENT_MEASURE:
    case EVENT_COMMITMENT:
    case EVENT_PREFERENCE:
    case EVENT_OUTCOME:
        return (enum event_type)type;
    default:
        in->is_bad = true;
        return EVENT_INTERACTION;
    }
}

void event_unpack(struct wire *in, struct event *ret_event)
{
    struct event e = {.type = EVENT_INTERACTION};
    uint64_t flags = wire_get_u64(in), direction;

    unpack_flags(&e, flags);
    e.type = unpack_type(in, flags / TYPE_UNIT);
    direction = wire_get_u64(in);
    e.direction = (enum direction)direction;
    e.time_ms = wire_get_instant(in);
    e.offset = wire_get_i64(in);
    for (size_t i = 0; i < ARRAY_SIZE(text_fields); i++)
        *text_field(&e, i) = wire_get_str(in);
    e.n_communities = wire_get_count(in, 1);
    if (direction > DIRECTION_PEER || e.n_communities > EVENT_COMMUNITIES_MAX) {
        in->is_bad = true;
        e.n_communities = 0;
    }
    for (size_t i = 0; i < e.n_communities; i++)
        e.communities[i] = wire_get_str(in);
    e.sentiment = e.has_sentiment ? wire_get_double(in) : 0;
    e.weight = e.has_weight ? wire_get_double(in) : 0;
    e.value = e.has_value ? wire_get_double(in) : 0;
    unpack_fact(in, &e);
    *ret_event = e;
}
