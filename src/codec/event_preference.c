/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data of a preference: what a stakeholder asks for. A field that is not there leaves what was
 * said before; null takes it back.
 */
#include "codec/event_data.h"

#include "base/parse.h"

#define CONTACTS_MAX   1000000
#define ZONE_MAX_BYTES 64

/* The change that a field makes; *ret_value only where something is set. */
static int take(const struct json_value *data, const char *name, enum json_kind wanted,
                enum preference_change *ret_change, struct json_value *ret_value,
                struct event_refusal *r)
{
    *ret_value = json_doc_member(data, name);
    *ret_change = ret_value->is_null ? PREFERENCE_CLEARED : PREFERENCE_KEPT;
    if (ret_value->kind == JSON_KIND_ABSENT)
        return 0;
    *ret_change = PREFERENCE_SET;
    if (ret_value->kind == wanted)
        return 0;
    return event_data_refuse_kind(r, name, ret_value, wanted);
}

/* A member of an object that must be there. */
static int take_member(const struct json_value *object, const char *name, const char *path,
                       enum json_kind wanted, struct json_value *ret_value, struct event_refusal *r)
{
    *ret_value = json_doc_member(object, name);
    if (ret_value->kind == JSON_KIND_ABSENT)
        return event_data_refuse(r, path, "missing", "is missing; send it with the others");
    if (ret_value->kind != wanted)
        return event_data_refuse_kind(r, path, ret_value, wanted);
    return 0;
}

/* ---- channels ---- */

static int take_channel(struct str name, const struct json_value *v, struct event_preference *p,
                        struct event_refusal *r)
{
    bool is_allowed = str_eq(v->text, STR("allow"));

    if (v->kind != JSON_KIND_TEXT || (!is_allowed && !str_eq(v->text, STR("deny"))))
        return event_data_refuse(r, "channels", "invalid",
                                 "holds a value that is not known; send allow or deny for each");
    if (!name.len || name.len > EVENT_SHORT_MAX_BYTES)
        return event_data_refuse(r, "channels", "too_long",
                                 "names a channel with %zu bytes; send 1 to %d bytes of UTF-8",
                                 name.len, EVENT_SHORT_MAX_BYTES);
    if (p->n_channels == EVENT_CHANNELS_MAX)
        return event_data_refuse(r, "channels", "too_long",
                                 "has too many members; send at most %d channels",
                                 EVENT_CHANNELS_MAX);
    p->channels[p->n_channels++] =
        (struct channel_preference){.channel = name, .is_allowed = is_allowed};
    return 0;
}

static int read_channels(const struct json_value *data, struct event_preference *p,
                         struct event_refusal *r)
{
    struct json_value channels, v;
    struct json_member at = {.place = NULL};

    if (take(data, "channels", JSON_KIND_OBJECT, &p->channels_change, &channels, r))
        return EVENT_DATA_E_REFUSED;
    while (p->channels_change == PREFERENCE_SET && json_doc_next(&channels, &at, &v)) {
        if (v.kind != JSON_KIND_ABSENT && take_channel(at.name, &v, p, r))
            return EVENT_DATA_E_REFUSED;
    }
    return 0;
}

/* ---- numbers and durations ---- */

static int take_period(struct str text, const char *path, int64_t *ret_ms, struct event_refusal *r)
{
    if (!parse_duration(text, ret_ms) && *ret_ms > 0)
        return 0;
    return event_data_refuse(r, path, "malformed",
                             "is no duration of 1ms to 100000d; send it like 4h or 7d");
}

static int read_max_contacts(const struct json_value *data, struct event_preference *p,
                             struct event_refusal *r)
{
    struct json_value v, count, per;

    if (take(data, "max_contacts", JSON_KIND_OBJECT, &p->max_contacts_change, &v, r))
        return EVENT_DATA_E_REFUSED;
    if (p->max_contacts_change != PREFERENCE_SET)
        return 0;
    if (take_member(&v, "count", "max_contacts.count", JSON_KIND_NUMBER, &count, r) ||
        take_member(&v, "per", "max_contacts.per", JSON_KIND_TEXT, &per, r))
        return EVENT_DATA_E_REFUSED;
    if (!(count.number >= 0 && count.number <= CONTACTS_MAX) ||
        (double)(uint32_t)count.number != count.number)
        return event_data_refuse(r, "max_contacts.count", "out_of_range",
                                 "is out of range; send a whole number from 0 to %d", CONTACTS_MAX);
    p->max_contacts = (uint32_t)count.number;
    return take_period(per.text, "max_contacts.per", &p->contacts_per_ms, r);
}

static int read_reply_within(const struct json_value *data, struct event_preference *p,
                             struct event_refusal *r)
{
    struct json_value v;

    if (take(data, "reply_within", JSON_KIND_TEXT, &p->reply_within_change, &v, r))
        return EVENT_DATA_E_REFUSED;
    if (p->reply_within_change != PREFERENCE_SET)
        return 0;
    return take_period(v.text, "reply_within", &p->reply_within_ms, r);
}

static int read_consent(const struct json_value *data, struct event_preference *p,
                        struct event_refusal *r)
{
    struct json_value v;

    if (take(data, "consent", JSON_KIND_BOOL, &p->consent_change, &v, r))
        return EVENT_DATA_E_REFUSED;
    p->consents = v.kind == JSON_KIND_BOOL && v.b;
    return 0;
}

/* ---- quiet hours ---- */

/* Two digits at `at`, or -1. */
static int two_digits(struct str s, size_t at)
{
    char high = s.ptr[at], low = s.ptr[at + 1];

    if (high < '0' || high > '9' || low < '0' || low > '9')
        return -1;
    return (high - '0') * 10 + (low - '0');
}

static int take_minutes(struct str text, const char *path, int32_t *ret_minutes,
                        struct event_refusal *r)
{
    int hours = text.len == 5 ? two_digits(text, 0) : -1;
    int minutes = text.len == 5 && text.ptr[2] == ':' ? two_digits(text, 3) : -1;

    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return event_data_refuse(r, path, "malformed",
                                 "is no time of day; send it like 22:00, from 00:00 to 23:59");
    *ret_minutes = hours * 60 + minutes;
    return 0;
}

/* Names of the time-zone database name files: nothing else may be spelled. */
static int take_zone(const struct json_value *hours, struct str *ret_zone, struct event_refusal *r)
{
    struct json_value v = json_doc_member(hours, "zone");
    bool is_good = v.text.len <= ZONE_MAX_BYTES && (!v.text.len || v.text.ptr[0] != '/');

    if (v.kind == JSON_KIND_ABSENT)
        return 0;
    if (v.kind != JSON_KIND_TEXT)
        return event_data_refuse_kind(r, "quiet_hours.zone", &v, JSON_KIND_TEXT);
    for (size_t i = 0; i < v.text.len; i++) {
        char c = v.text.ptr[i];

        is_good &= (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '_' || c == '-' || c == '+' || c == '/';
    }
    if (!is_good)
        return event_data_refuse(r, "quiet_hours.zone", "malformed",
                                 "is no name of a time zone; send it like Europe/Berlin");
    *ret_zone = v.text;
    return 0;
}

static int read_quiet_hours(const struct json_value *data, struct event_preference *p,
                            struct event_refusal *r)
{
    struct json_value v, from, to;

    if (take(data, "quiet_hours", JSON_KIND_OBJECT, &p->quiet_hours_change, &v, r))
        return EVENT_DATA_E_REFUSED;
    if (p->quiet_hours_change != PREFERENCE_SET)
        return 0;
    if (take_member(&v, "from", "quiet_hours.from", JSON_KIND_TEXT, &from, r) ||
        take_member(&v, "to", "quiet_hours.to", JSON_KIND_TEXT, &to, r) ||
        take_minutes(from.text, "quiet_hours.from", &p->quiet_from_min, r) ||
        take_minutes(to.text, "quiet_hours.to", &p->quiet_to_min, r))
        return EVENT_DATA_E_REFUSED;
    if (p->quiet_from_min == p->quiet_to_min)
        return event_data_refuse(r, "quiet_hours.to", "out_of_range",
                                 "is the same as quiet_hours.from; send another time of day");
    return take_zone(&v, &p->quiet_zone, r);
}

int event_preference_read(const struct json_value *data, struct event *e, struct event_refusal *r)
{
    struct event_preference *p = &e->preference;

    if (read_channels(data, p, r) || read_max_contacts(data, p, r) ||
        read_quiet_hours(data, p, r) || read_reply_within(data, p, r) || read_consent(data, p, r))
        return EVENT_DATA_E_REFUSED;
    return 0;
}
