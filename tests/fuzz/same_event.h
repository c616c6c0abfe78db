/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Whether two decoders read the same event: every member, numbers bit by bit. */
#include "engaged/event.h"

#define SAME_TEXT(member)                                                                          \
    do {                                                                                           \
        if (!str_eq(a->member, b->member))                                                         \
            return #member;                                                                        \
    } while (0)
#define SAME_BITS(member)                                                                          \
    do {                                                                                           \
        if (memcmp(&a->member, &b->member, sizeof(a->member)) != 0)                                \
            return #member;                                                                        \
    } while (0)

static inline const char *differing_interaction(const struct event *a, const struct event *b)
{
    SAME_BITS(direction);
    SAME_TEXT(verb);
    SAME_TEXT(channel);
    SAME_TEXT(conversation);
    SAME_TEXT(in_reply_to);
    SAME_TEXT(org);
    SAME_TEXT(kind);
    SAME_TEXT(account);
    SAME_TEXT(actor);
    SAME_TEXT(counterpart);
    SAME_TEXT(intent);
    SAME_BITS(n_communities);
    for (size_t i = 0; i < EVENT_COMMUNITIES_MAX; i++)
        SAME_TEXT(communities[i]);
    SAME_BITS(has_sentiment);
    SAME_BITS(has_weight);
    SAME_BITS(has_value);
    SAME_BITS(has_expects_reply);
    SAME_BITS(expects_reply);
    SAME_BITS(resolves);
    SAME_BITS(automatic);
    SAME_BITS(sentiment);
    SAME_BITS(weight);
    SAME_BITS(value);
    return NULL;
}

static inline const char *differing_preference(const struct event *a, const struct event *b)
{
    SAME_BITS(preference.channels_change);
    SAME_BITS(preference.max_contacts_change);
    SAME_BITS(preference.quiet_hours_change);
    SAME_BITS(preference.reply_within_change);
    SAME_BITS(preference.consent_change);
    SAME_BITS(preference.n_channels);
    for (size_t i = 0; i < EVENT_CHANNELS_MAX; i++) {
        SAME_TEXT(preference.channels[i].channel);
        SAME_BITS(preference.channels[i].is_allowed);
    }
    SAME_BITS(preference.max_contacts);
    SAME_BITS(preference.contacts_per_ms);
    SAME_BITS(preference.quiet_from_min);
    SAME_BITS(preference.quiet_to_min);
    SAME_TEXT(preference.quiet_zone);
    SAME_BITS(preference.reply_within_ms);
    SAME_BITS(preference.consents);
    return NULL;
}

static inline const char *differing_facts(const struct event *a, const struct event *b)
{
    SAME_TEXT(measure.instrument);
    SAME_TEXT(measure.dimension);
    SAME_BITS(measure.share);
    SAME_TEXT(commitment.id);
    SAME_BITS(commitment.by);
    SAME_BITS(commitment.status);
    SAME_BITS(commitment.due_ms);
    SAME_BITS(identity.action);
    SAME_TEXT(identity.into);
    SAME_TEXT(outcome.trigger);
    SAME_BITS(outcome.status);
    SAME_TEXT(outcome.by);
    SAME_TEXT(outcome.note);
    SAME_TEXT(retraction.source);
    SAME_TEXT(retraction.id);
    SAME_TEXT(text);
    return NULL;
}

/* The name of the first member that differs, or NULL. */
static inline const char *differing_member(const struct event *a, const struct event *b)
{
    const char *name;

    SAME_BITS(type);
    SAME_TEXT(type_name);
    SAME_TEXT(id);
    SAME_TEXT(source);
    SAME_TEXT(subject);
    SAME_TEXT(sequence);
    SAME_BITS(time_ms);
    SAME_BITS(offset);
    name = differing_interaction(a, b);
    if (!name)
        name = differing_preference(a, b);
    return name ? name : differing_facts(a, b);
}
