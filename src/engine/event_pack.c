/* SPDX-License-Identifier: Apache-2.0 */
/* The fields in a fixed order, flags first, so that what is absent costs nothing but its length. */
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

void event_pack(const struct event *event, struct buf *out)
{
    wire_put_u64(out, flags_of(event));
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

void event_unpack(struct wire *in, struct event *ret_event)
{
    struct event e = {.type = EVENT_INTERACTION};
    uint64_t direction;

    unpack_flags(&e, wire_get_u64(in));
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
    *ret_event = e;
}
