/* SPDX-License-Identifier: Apache-2.0 */
/* Field by field, the newest statement of each. */
#include "engine/profile.h"

#include "base/mem.h"
#include "engine/cel_time.h"
#include "engaged/zone.h"

#define MINUTE_MS    60000LL
#define DAY_MINUTES  1440
#define DURATION_MAX (100000LL * 86400000)
#define QUIET_STEPS  16 /* changes of the clocks within one night */
#define FLAG(field)  (1u << (field))
#define FLAGS_ALL    (FLAG(N_PREFERENCES) - 1)

static void clear_channels(struct preference *p)
{
    for (uint32_t i = 0; i < p->n_channels; i++)
        mem_free(p->channels[i]);
    p->n_channels = 0;
}

struct preference *preference_free(struct preference *p)
{
    if (!p)
        return NULL;
    clear_channels(p);
    mem_free(p->quiet_zone);
    return mem_free(p);
}

size_t preference_bytes(const struct preference *p)
{
    size_t n = 0;

    if (!p)
        return 0;
    for (uint32_t i = 0; i < p->n_channels; i++)
        n += strlen(p->channels[i]) + 16;
    return n + sizeof(*p) + 16 + (p->quiet_zone ? strlen(p->quiet_zone) + 16 : 0);
}

/* What the field held goes, texts included. */
static void forget(struct preference *p, enum preference_field field)
{
    p->has &= (uint8_t)~FLAG(field);
    if (field == PREFERENCE_CHANNELS)
        clear_channels(p);
    if (field == PREFERENCE_QUIET_HOURS)
        p->quiet_zone = mem_free(p->quiet_zone);
}

static struct preference *preference_new(void)
{
    struct preference *p = mem_calloc(1, sizeof(*p));

    for (size_t i = 0; i < N_PREFERENCES; i++)
        p->stated_ms[i] = INT64_MIN;
    return p;
}

/* ---------------------------------------------------------------- what an event states */

static bool is_text(struct str s)
{
    return s.len <= PREFERENCE_TEXT_MAX && (!s.len || !memchr(s.ptr, '\0', s.len));
}

static bool is_duration(int64_t ms)
{
    return ms > 0 && ms <= DURATION_MAX;
}

static bool is_minute(int32_t min)
{
    return min >= 0 && min < DAY_MINUTES;
}

static bool set_channels(struct preference *p, const struct event_preference *e)
{
    for (size_t i = 0; i < e->n_channels && i < EVENT_CHANNELS_MAX; i++) {
        struct buf text = BUF_INIT;

        if (!e->channels[i].channel.len || !is_text(e->channels[i].channel))
            continue;
        buf_add_char(&text, e->channels[i].is_allowed ? '+' : '-');
        buf_add_str(&text, e->channels[i].channel);
        p->channels[p->n_channels++] = text.ptr;
    }
    return p->n_channels > 0;
}

static bool set_max_contacts(struct preference *p, const struct event_preference *e)
{
    p->max_contacts = e->max_contacts;
    p->contacts_per_ms = e->contacts_per_ms;
    return is_duration(e->contacts_per_ms);
}

static bool set_quiet_hours(struct preference *p, const struct event_preference *e)
{
    if (!is_minute(e->quiet_from_min) || !is_minute(e->quiet_to_min) || !is_text(e->quiet_zone) ||
        e->quiet_from_min == e->quiet_to_min)
        return false;
    p->quiet_from_min = (int16_t)e->quiet_from_min;
    p->quiet_to_min = (int16_t)e->quiet_to_min;
    if (e->quiet_zone.len)
        p->quiet_zone = mem_strndup(e->quiet_zone.ptr, e->quiet_zone.len);
    return true;
}

static bool set_reply_within(struct preference *p, const struct event_preference *e)
{
    p->reply_within_ms = e->reply_within_ms;
    return is_duration(e->reply_within_ms);
}

static bool set_consent(struct preference *p, const struct event_preference *e)
{
    p->consents = e->consents;
    return true;
}

bool preference_apply(struct preference **preference, const struct event *event)
{
    const struct event_preference *e = &event->preference;
    const struct {
        enum preference_change change;
        bool (*set)(struct preference *p, const struct event_preference *e);
    } fields[N_PREFERENCES] = {
        [PREFERENCE_CHANNELS] = {e->channels_change, set_channels},
        [PREFERENCE_MAX_CONTACTS] = {e->max_contacts_change, set_max_contacts},
        [PREFERENCE_QUIET_HOURS] = {e->quiet_hours_change, set_quiet_hours},
        [PREFERENCE_REPLY_WITHIN] = {e->reply_within_change, set_reply_within},
        [PREFERENCE_CONSENT] = {e->consent_change, set_consent},
    };
    bool is_changed = false;

    for (size_t i = 0; i < N_PREFERENCES; i++) {
        struct preference *p = *preference;

        if (fields[i].change == PREFERENCE_KEPT || (p && event->time_ms < p->stated_ms[i]))
            continue;
        if (!p)
            p = *preference = preference_new();
        p->stated_ms[i] = event->time_ms;
        forget(p, (enum preference_field)i);
        if (fields[i].change == PREFERENCE_SET && fields[i].set(p, e))
            p->has |= (uint8_t)FLAG(i);
        is_changed = true;
    }
    return is_changed;
}

/* ---------------------------------------------------------------- two become one */

static void take_field(struct preference *p, struct preference *from, enum preference_field field)
{
    forget(p, field);
    p->stated_ms[field] = from->stated_ms[field];
    p->has |= from->has & (uint8_t)FLAG(field);
    switch (field) {
    case PREFERENCE_CHANNELS:
        memcpy(p->channels, from->channels, sizeof(p->channels));
        p->n_channels = from->n_channels;
        from->n_channels = 0;
        return;
    case PREFERENCE_MAX_CONTACTS:
        p->max_contacts = from->max_contacts;
        p->contacts_per_ms = from->contacts_per_ms;
        return;
    case PREFERENCE_QUIET_HOURS:
        p->quiet_from_min = from->quiet_from_min;
        p->quiet_to_min = from->quiet_to_min;
        p->quiet_zone = from->quiet_zone;
        from->quiet_zone = NULL;
        return;
    case PREFERENCE_REPLY_WITHIN:
        p->reply_within_ms = from->reply_within_ms;
        return;
    case PREFERENCE_CONSENT:
        p->consents = from->consents;
        return;
    case N_PREFERENCES:
        return;
    }
}

void preference_merge(struct preference **into, struct preference **from)
{
    if (!*into) {
        *into = *from;
        *from = NULL;
    }
    for (size_t i = 0; *from && i < N_PREFERENCES; i++) {
        if ((*from)->stated_ms[i] > (*into)->stated_ms[i])
            take_field(*into, *from, (enum preference_field)i);
    }
}

/* ---------------------------------------------------------------- packing */

static void pack_values(const struct preference *p, struct buf *out)
{
    if (p->has & FLAG(PREFERENCE_CHANNELS)) {
        wire_put_u64(out, p->n_channels);
        for (uint32_t i = 0; i < p->n_channels; i++)
            wire_put_str(out, str_of(p->channels[i]));
    }
    if (p->has & FLAG(PREFERENCE_MAX_CONTACTS)) {
        wire_put_u64(out, p->max_contacts);
        wire_put_i64(out, p->contacts_per_ms);
    }
    if (p->has & FLAG(PREFERENCE_QUIET_HOURS)) {
        wire_put_u64(out, (uint64_t)p->quiet_from_min);
        wire_put_u64(out, (uint64_t)p->quiet_to_min);
        wire_put_str(out, str_of(p->quiet_zone));
    }
    if (p->has & FLAG(PREFERENCE_REPLY_WITHIN))
        wire_put_i64(out, p->reply_within_ms);
    if (p->has & FLAG(PREFERENCE_CONSENT))
        wire_put_u64(out, p->consents);
}

void preference_pack(const struct preference *p, struct buf *out)
{
    uint64_t stated = 0;

    if (!p)
        return;
    for (size_t i = 0; i < N_PREFERENCES; i++)
        stated |= p->stated_ms[i] != INT64_MIN ? FLAG(i) : 0;
    wire_put_u64(out, stated);
    wire_put_u64(out, p->has);
    for (size_t i = 0; i < N_PREFERENCES; i++) {
        if (stated & FLAG(i))
            wire_put_i64(out, p->stated_ms[i]);
    }
    pack_values(p, out);
}

static void unpack_channels(struct preference *p, struct wire *in)
{
    size_t n = wire_get_count(in, 3);

    in->is_bad |= !n || n > EVENT_CHANNELS_MAX;
    for (size_t i = 0; i < n && !in->is_bad; i++) {
        struct str s = wire_get_str(in);

        if (s.len < 2 || s.len > PREFERENCE_TEXT_MAX + 1 || !strchr("+-", s.ptr[0]) ||
            memchr(s.ptr, '\0', s.len))
            in->is_bad = true;
        else
            p->channels[p->n_channels++] = mem_strndup(s.ptr, s.len);
    }
}

/* What came over the wire is set as if an event had said it: the same checks. */
static void unpack_values(struct preference *p, struct wire *in)
{
    struct event_preference e = {.n_channels = 0};
    uint64_t n;

    if (p->has & FLAG(PREFERENCE_CHANNELS))
        unpack_channels(p, in);
    if (p->has & FLAG(PREFERENCE_MAX_CONTACTS)) {
        n = wire_get_u64(in);
        e.max_contacts = (uint32_t)n;
        e.contacts_per_ms = wire_get_i64(in);
        in->is_bad |= n > UINT32_MAX || !set_max_contacts(p, &e);
    }
    if (p->has & FLAG(PREFERENCE_QUIET_HOURS)) {
        uint64_t from = wire_get_u64(in), to = wire_get_u64(in);

        e.quiet_from_min = from < DAY_MINUTES ? (int32_t)from : -1;
        e.quiet_to_min = to < DAY_MINUTES ? (int32_t)to : -1;
        e.quiet_zone = wire_get_str(in);
        in->is_bad |= !set_quiet_hours(p, &e);
    }
    if (p->has & FLAG(PREFERENCE_REPLY_WITHIN)) {
        e.reply_within_ms = wire_get_i64(in);
        in->is_bad |= !set_reply_within(p, &e);
    }
    if (p->has & FLAG(PREFERENCE_CONSENT)) {
        n = wire_get_u64(in);
        p->consents = n == 1;
        in->is_bad |= n > 1;
    }
}

struct preference *preference_unpack(struct wire *in)
{
    struct preference *p = preference_new();
    uint64_t stated = wire_get_u64(in), has = wire_get_u64(in);

    in->is_bad |= !stated || stated > FLAGS_ALL || (has & ~stated) != 0;
    p->has = in->is_bad ? 0 : (uint8_t)has;
    for (size_t i = 0; i < N_PREFERENCES; i++) {
        if (stated & FLAG(i))
            p->stated_ms[i] = wire_get_instant(in);
    }
    unpack_values(p, in);
    return p;
}

/* ---------------------------------------------------------------- reading */

static const struct preference *find(const struct profile *p, enum preference_field field)
{
    return p->preference && (p->preference->has & FLAG(field)) ? p->preference : NULL;
}

bool preference_consent(const struct profile *p, bool *ret_consents)
{
    const struct preference *f = find(p, PREFERENCE_CONSENT);

    if (f)
        *ret_consents = f->consents;
    return f != NULL;
}

bool preference_max_contacts(const struct profile *p, uint32_t *ret_n, int64_t *ret_per_ms)
{
    const struct preference *f = find(p, PREFERENCE_MAX_CONTACTS);

    if (!f)
        return false;
    *ret_n = f->max_contacts;
    *ret_per_ms = f->contacts_per_ms;
    return true;
}

bool preference_reply_within(const struct profile *p, int64_t *ret_within_ms)
{
    const struct preference *f = find(p, PREFERENCE_REPLY_WITHIN);

    if (!f)
        return false;
    *ret_within_ms = f->reply_within_ms;
    return true;
}

int64_t preference_reply_stated_ms(const struct profile *p)
{
    return p->preference ? p->preference->stated_ms[PREFERENCE_REPLY_WITHIN] : INT64_MIN;
}

bool preference_channel(const struct profile *p, struct str channel, bool *ret_is_allowed)
{
    const struct preference *f = find(p, PREFERENCE_CHANNELS);

    for (uint32_t i = 0; f && i < f->n_channels; i++) {
        if (!str_eq(str_of(f->channels[i] + 1), channel))
            continue;
        *ret_is_allowed = f->channels[i][0] == '+';
        return true;
    }
    return false;
}

static struct zone_span span_at(const struct preference *f, const struct model *m, int64_t ms)
{
    struct str name = str_of(f->quiet_zone);
    int64_t offset_ms;

    if (!name.len)
        return zone_at(NULL, ms);
    if (cel_parse_zone(name, &offset_ms) == 0)
        return (struct zone_span){offset_ms, INT64_MAX};
    return zone_at(model_find_zone(m, name), ms);
}

/* 0: the minute is not among the quiet hours; else how many are left of them, itself included. */
static int quiet_minutes_left(const struct preference *f, int minute)
{
    int length = (f->quiet_to_min - f->quiet_from_min + DAY_MINUTES) % DAY_MINUTES;
    int since = (minute - f->quiet_from_min + DAY_MINUTES) % DAY_MINUTES;

    return since < length ? length - since : 0;
}

int64_t preference_quiet_end(const struct profile *p, const struct model *m, int64_t ms)
{
    const struct preference *f = find(p, PREFERENCE_QUIET_HOURS);

    for (int i = 0; f && i < QUIET_STEPS; i++) {
        struct zone_span span = span_at(f, m, ms);
        int64_t local_ms = ms + span.offset_ms;
        int64_t minute = local_ms / MINUTE_MS - (local_ms % MINUTE_MS < 0);
        int left =
            quiet_minutes_left(f, (int)(((minute % DAY_MINUTES) + DAY_MINUTES) % DAY_MINUTES));

        if (!left)
            break;
        ms = (minute + left) * MINUTE_MS - span.offset_ms;
        ms = ms < span.until_ms ? ms : span.until_ms; /* the clocks change before: look again */
    }
    return ms;
}
