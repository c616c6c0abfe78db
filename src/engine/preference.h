/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A stakeholder's own rules of engagement, as stated last: channels, pace, hours, how soon they
 * want an answer, consent. Each is kept with the time of the event that stated it, so that one that
 * comes late does not undo a newer one; of one time the later record wins.
 */
#include "engaged/event.h"
#include "engine/wire.h"

#define PREFERENCE_TEXT_MAX EVENT_SUBJECT_MAX_BYTES /* of a channel's or zone's name */

struct model;
struct profile;

enum preference_field {
    PREFERENCE_CHANNELS,
    PREFERENCE_MAX_CONTACTS,
    PREFERENCE_QUIET_HOURS,
    PREFERENCE_REPLY_WITHIN,
    PREFERENCE_CONSENT,
    N_PREFERENCES
};

struct preference {
    int64_t stated_ms[N_PREFERENCES]; /* INT64_MIN: never stated */
    uint8_t has;                      /* a bit per field: stated and not taken back */
    bool consents;
    uint32_t max_contacts;
    int64_t contacts_per_ms;
    int16_t quiet_from_min, quiet_to_min;
    char *quiet_zone; /* owned; NULL: UTC */
    int64_t reply_within_ms;
    char *channels[EVENT_CHANNELS_MAX]; /* owned; '+' or '-', then the name */
    uint32_t n_channels;
};

struct preference *preference_free(struct preference *p);
size_t preference_bytes(const struct preference *p);
/* Takes over what the event states; *preference is made where it is NULL. True: something is
 * stated otherwise than before. Texts over PREFERENCE_TEXT_MAX bytes, and numbers that cannot be
 * meant, state nothing. */
bool preference_apply(struct preference **preference, const struct event *event);

/* Of each thing what was stated last by either, `into` where both did at once; takes from `*from`
 * what it needs, which is only to be freed afterwards. Either may be NULL. */
void preference_merge(struct preference **into, struct preference **from);

/* Nothing for NULL; else all of it. */
void preference_pack(const struct preference *p, struct buf *out);
struct preference *preference_unpack(struct wire *in);

/* All of these take a profile with or without preferences. False: nothing is stated. */
bool preference_consent(const struct profile *p, bool *ret_consents);
/* At most `*ret_n` (0 or more) contacts in any span of `*ret_per_ms`. */
bool preference_max_contacts(const struct profile *p, uint32_t *ret_n, int64_t *ret_per_ms);
/* How soon an answer is wanted. */
bool preference_reply_within(const struct profile *p, int64_t *ret_within_ms);
/* When that was said, or taken back, last; INT64_MIN: never. */
int64_t preference_reply_stated_ms(const struct profile *p);
bool preference_channel(const struct profile *p, struct str channel, bool *ret_is_allowed);
/* The first instant from `ms` on that is not in the stakeholder's quiet hours. They are in the zone
 * that was named, as the model knows it: an offset, or one of its time zones; UTC where it knows
 * none of that name. */
int64_t preference_quiet_end(const struct profile *p, const struct model *m, int64_t ms);
