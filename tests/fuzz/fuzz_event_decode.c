/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a record: it is taken or refused, the same way each time, and what is taken keeps
 * every promise that the decoder makes. The first byte chooses the options; with bit 0, lines
 * `name:value` up to an empty line are headers; with bit 3, a preset maps what has an `id`.
 */
#include "fuzz.h"
#include "record.h"

#include "base/mem.h"
#include "base/parse.h"
#include "codec/event_decode.h"
#include "codec/preset.h"

#include <math.h>

#define STR_CONST(text)                                                                            \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static void check_text(struct str s, size_t max_bytes)
{
    ENSURE(s.len <= max_bytes);
    ENSURE(str_is_utf8(s));
    ENSURE(!s.len || !memchr(s.ptr, '\0', s.len));
}

static void check_interaction(const struct event *e)
{
    ENSURE(e->subject.len && e->verb.len);
    ENSURE((unsigned)e->direction <= DIRECTION_PEER);
    ENSURE(!e->has_sentiment || (e->sentiment >= -1 && e->sentiment <= 1));
    ENSURE(isfinite(e->weight) && isfinite(e->value));
    check_text(e->verb, 256);
    check_text(e->channel, 256);
    check_text(e->conversation, 1024);
    check_text(e->in_reply_to, 1024);
    check_text(e->org, 256);
    check_text(e->kind, 256);
    check_text(e->account, 256);
    check_text(e->actor, 256);
    check_text(e->counterpart, 256);
    check_text(e->intent, 256);
    ENSURE(e->n_communities <= EVENT_COMMUNITIES_MAX);
    for (size_t i = 0; i < e->n_communities; i++)
        check_text(e->communities[i], 256);
}

static void check_preference(const struct event_preference *p)
{
    ENSURE(p->n_channels <= EVENT_CHANNELS_MAX && p->max_contacts <= 1000000);
    for (size_t i = 0; i < p->n_channels; i++)
        check_text(p->channels[i].channel, 256);
    ENSURE(p->max_contacts_change != PREFERENCE_SET || p->contacts_per_ms > 0);
    ENSURE(p->reply_within_change != PREFERENCE_SET || p->reply_within_ms > 0);
    ENSURE(p->quiet_hours_change != PREFERENCE_SET || p->quiet_from_min != p->quiet_to_min);
    ENSURE(p->quiet_from_min >= 0 && p->quiet_from_min < 1440);
    ENSURE(p->quiet_to_min >= 0 && p->quiet_to_min < 1440);
    check_text(p->quiet_zone, 64);
}

/* A place that the type does not use is zero, so that one check does for all. */
static void check_facts(const struct event *e)
{
    ENSURE(e->measure.share >= 0 && e->measure.share <= 1);
    ENSURE((e->type == EVENT_MEASURE) == (e->measure.dimension.len > 0));
    check_text(e->measure.dimension, 256);
    ENSURE((e->type == EVENT_COMMITMENT) == (e->commitment.id.len > 0));
    check_text(e->commitment.id, 1024);
    check_preference(&e->preference);
    check_text(e->identity.into, EVENT_SUBJECT_MAX_BYTES);
    ENSURE((e->type == EVENT_OUTCOME) == (e->outcome.trigger.len > 0));
    check_text(e->outcome.trigger, 256);
    ENSURE((e->type == EVENT_RETRACTION) == (e->retraction.id.len > 0));
    ENSURE((e->type == EVENT_RETRACTION) == (e->retraction.source.len > 0));
    check_text(e->retraction.id, 1024);
}

static void check_event(const struct event *e)
{
    ENSURE(e->id.len && e->source.len && e->type_name.len);
    ENSURE(e->offset == 7);
    ENSURE(e->time_ms >= INSTANT_MIN_MS && e->time_ms <= INSTANT_MAX_MS);
    check_text(e->id, 1024);
    check_text(e->source, 1024);
    check_text(e->subject, EVENT_SUBJECT_MAX_BYTES);
    check_text(e->type_name, 256);
    check_text(e->sequence, 256);
    check_text(e->text, SIZE_MAX);
    if (e->type == EVENT_INTERACTION)
        check_interaction(e);
    check_facts(e);
}

static void check_refusal(const struct event_refusal *r)
{
    ENSURE(r->code[0] && r->stage && r->text[0]);
    ENSURE(strlen(r->text) < sizeof(r->text) - 1); /* no sentence is cut off */
    ENSURE(str_is_utf8(str_of(r->text)) && str_is_utf8(str_of(r->code)));
    ENSURE(!r->has_time || strcmp(r->code, "subject.missing") == 0);
}

/* Takes whatever has an /id, and picks values of each type. */
static struct presets *any_preset(void)
{
    static const struct str pointers[] = {STR_CONST("/a"), STR_CONST("/b/0"), STR_CONST("/~1")};
    static const struct preset_condition values[] = {{.at = STR_CONST("/id")}};
    static const struct preset_field fields[] = {
        {STR_CONST("s"), pointers, 3, PRESET_STRING, true, STR_CONST("ann"), NULL, NULL},
        {STR_CONST("n"), pointers, 2, PRESET_INT, true, STR_CONST("7"), NULL, NULL},
        {STR_CONST("l"), pointers + 1, 1, PRESET_LIST, false, STR_CONST(""), NULL, NULL},
    };
    static const struct preset_output outputs[] = {
        {.name = STR_CONST("type"), .text = STR_CONST("/type")},
        {.name = STR_CONST("id"), .text = STR_CONST("/id")},
        {.name = STR_CONST("source"), .text = STR_CONST("/source")},
        {.name = STR_CONST("subject"), .text = STR_CONST("s")},
        {.name = STR_CONST("time"), .text = STR_CONST("/time")},
        {.name = STR_CONST("direction"), .is_data = true, .text = STR_CONST("'inbound'")},
        {.name = STR_CONST("verb"), .is_data = true, .text = STR_CONST("s in l ? s : 'x'")},
        {.name = STR_CONST("value"), .is_data = true, .text = STR_CONST("10 / n")},
        {.name = STR_CONST("communities"), .is_data = true, .text = STR_CONST("/l")},
        {STR_CONST("count"), STR_CONST("max_contacts"), true, STR_CONST("n"), NULL},
    };
    static const struct preset_spec spec = {.name = STR_CONST("p"),
                                            .values = values,
                                            .n_values = 1,
                                            .fields = fields,
                                            .n_fields = 3,
                                            .when = STR_CONST("n != 1"),
                                            .outputs = outputs,
                                            .n_outputs = ARRAY_SIZE(outputs)};
    struct presets *presets = presets_new(&spec, 1, NULL, NULL);

    ENSURE(presets);
    return presets;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static struct event_decoder *decoders[2];
    static struct presets *presets;
    struct event_refusal refusals[2] = {0};
    struct event events[2] = {0};
    struct record record = {0};
    struct event_input input = {.offset = 7};
    uint8_t options = n ? bytes[0] : 0;
    int r[2];

    input.value = (struct str){(const char *)bytes + (n > 0), n - (n > 0)};
    input.timestamp_ms = options & 2 ? 1700000000000 : -1;
    if (options & 1) {
        record_split(&input.value, &record);
        input.header_at = record_header_at;
        input.headers = &record;
    }
    if (!presets)
        presets = any_preset();
    input.presets = options & 8 ? presets : NULL;
    input.must_match_key = input.has_key = options & 4;
    input.key = STR("ann");
    for (int i = 0; i < 2; i++) {
        if (!decoders[i])
            decoders[i] = event_decoder_new(NULL);
        r[i] = event_decode(decoders[i], &input, &events[i], &refusals[i]);
    }
    ENSURE(r[0] == r[1] && (r[0] == 0 || r[0] == EVENT_E_REFUSED));
    if (r[0] == 0) {
        check_event(&events[0]);
        ENSURE(str_eq(events[0].id, events[1].id) && events[0].time_ms == events[1].time_ms);
    } else {
        check_refusal(&refusals[0]);
        ENSURE(strcmp(refusals[0].code, refusals[1].code) == 0);
    }
    return 0;
}
