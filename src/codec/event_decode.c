/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From envelope to event: time, subject and identity here, `data` by its type's table. The fast way
 * (event_scan) is tried first; what it leaves alone, and all that is refused, the reference reads.
 */
#include "codec/event_decode.h"

#include "base/mem.h"
#include "base/parse.h"
#include "codec/envelope.h"
#include "codec/event_data.h"
#include "codec/event_scan.h"
#include "codec/preset.h"

struct event_decoder {
    struct event_limits limits;
    struct json_doc doc;     /* of the last event */
    struct buf mapped;       /* what a preset made of its record */
    bool is_mapped;          /* one did */
    struct event_scan *scan; /* owned; NULL: the reference reads everything */
    uint64_t n_fallbacks;
};

static int take_time(const struct event_input *input, struct str time, struct event *e,
                     struct event_refusal *r)
{
    if (time.len) {
        if (!parse_instant(time, &e->time_ms))
            return 0;
        refusal_set(r, REFUSAL_STAGE_EVENT, "time.malformed",
                    "The attribute time is no instant of the years 1 to 9999; send RFC 3339, as "
                    "in 2026-05-01T08:00:00Z.");
        return EVENT_E_REFUSED;
    }
    if (input->timestamp_ms < 0 || input->timestamp_ms > INSTANT_MAX_MS) {
        refusal_set(r, REFUSAL_STAGE_EVENT, "time.missing",
                    "The attribute time is missing, and the record has no usable timestamp; send "
                    "time in RFC 3339.");
        return EVENT_E_REFUSED;
    }
    e->time_ms = input->timestamp_ms;
    return 0;
}

static int check_subject(const struct event_input *input, const struct event *e,
                         struct event_refusal *r)
{
    if (!e->subject.len) {
        refusal_set(r, REFUSAL_STAGE_EVENT, "subject.missing",
                    "The attribute subject is missing or empty; send the stakeholder's id there.");
        r->has_time = true;
        return EVENT_E_REFUSED;
    }
    if (input->must_match_key && input->has_key && !str_eq(input->key, e->subject)) {
        refusal_set(r, REFUSAL_STAGE_EVENT, "key.mismatch",
                    "The record's key is not the event's subject; send the stakeholder's id as "
                    "both.");
        return EVENT_E_REFUSED;
    }
    return 0;
}

static void take_attributes(const struct event_input *input, const struct envelope *envelope,
                            const struct event_data_type *type, struct event *e)
{
    e->type = type->type;
    e->offset = input->offset;
    e->type_name = envelope->attributes[ENVELOPE_TYPE];
    e->id = envelope->attributes[ENVELOPE_ID];
    e->source = envelope->attributes[ENVELOPE_SOURCE];
    e->subject = envelope->attributes[ENVELOPE_SUBJECT];
    e->sequence = envelope->attributes[ENVELOPE_SEQUENCE];
}

/* What the data did not say, the attributes may. */
static void take_context(const struct envelope *envelope, struct event *e)
{
    if (!e->in_reply_to.len)
        e->in_reply_to = envelope->attributes[ENVELOPE_CAUSATIONID];
    if (!e->conversation.len)
        e->conversation = envelope->attributes[ENVELOPE_CORRELATIONID];
}

static int decode(struct event_decoder *d, const struct event_input *input, struct event *e,
                  struct event_refusal *refusal)
{
    const struct event_data_type *type;
    struct envelope envelope;
    int r;

    r = envelope_read(input, &d->limits, &d->doc, &envelope, refusal);
    if (r)
        return r < 0 ? r : EVENT_E_REFUSED;
    type = event_data_type_find(envelope.attributes[ENVELOPE_TYPE]);
    take_attributes(input, &envelope, type, e);
    if (take_time(input, envelope.attributes[ENVELOPE_TIME], e, refusal) ||
        event_data_read(type, &envelope.data, e, refusal))
        return EVENT_E_REFUSED;
    take_context(&envelope, e);
    return type->has_subject ? check_subject(input, e, refusal) : 0;
}

/* The same for what is as usual; false: *e is of no use. Why something would be refused is for the
 * reference to say. */
static bool decode_fast(struct event_decoder *d, const struct event_input *input, struct event *e)
{
    const struct event_data_type *type;
    struct envelope envelope;
    struct event_refusal unsaid;

    if (envelope_open(input, &d->limits, &envelope, &unsaid) ||
        !event_scan(d->scan, input->value, d->limits.depth, &envelope, &type, e) ||
        envelope_check(&envelope, &unsaid))
        return false;
    take_attributes(input, &envelope, type, e);
    if (take_time(input, envelope.attributes[ENVELOPE_TIME], e, &unsaid) ||
        (type->check && type->check(e, &unsaid)))
        return false;
    take_context(&envelope, e);
    return !type->has_subject || !check_subject(input, e, &unsaid);
}

/* The record as it is, or the event that a preset makes of it. */
static int map(struct event_decoder *d, struct event_input *input, struct event_refusal *refusal)
{
    int r;

    d->is_mapped = false;
    /* A value that is too large is not even parsed. */
    if (!input->presets || input->value.len > d->limits.value_bytes)
        return 0;
    r = presets_map(input->presets, input, d->limits.depth, &d->doc, &d->mapped, refusal);
    if (r == PRESET_E_NONE)
        return 0;
    if (r)
        return r < 0 ? r : EVENT_E_REFUSED;
    d->is_mapped = true;
    input->value = buf_str(&d->mapped);
    input->header_at = NULL;
    return 0;
}

int event_decode(struct event_decoder *d, const struct event_input *input, struct event *ret_event,
                 struct event_refusal *ret_refusal)
{
    struct event_input mapped = *input;
    struct event e = {0};
    int r = map(d, &mapped, ret_refusal);

    if (!r && d->scan) {
        if (decode_fast(d, &mapped, &e)) {
            *ret_event = e;
            return 0;
        }
        d->n_fallbacks++;
        memset(&e, 0, sizeof(e));
    }
    if (!r)
        r = decode(d, &mapped, &e, ret_refusal);

    if (!r) {
        *ret_event = e;
    } else if (r == EVENT_E_REFUSED && ret_refusal->has_time) {
        ret_event->time_ms = e.time_ms;
        ret_event->offset = e.offset;
    }
    return r;
}

bool event_decode_fast(struct event_decoder *d, const struct event_input *input,
                       struct event *ret_event)
{
    struct event e = {0};

    if (!d->scan || input->presets || !decode_fast(d, input, &e))
        return false;
    *ret_event = e;
    return true;
}

bool event_decoder_mapped(const struct event_decoder *d, struct str *ret_text)
{
    if (d->is_mapped)
        *ret_text = buf_str(&d->mapped);
    return d->is_mapped;
}

struct event_decoder *event_decoder_new(const struct event_limits *limits)
{
    struct event_decoder *d = mem_calloc(1, sizeof(*d));

    json_doc_setup();
    if (!REFERENCE_DECODER && !(limits && limits->is_reference))
        d->scan = event_scan_new();
    d->limits.value_bytes =
        limits && limits->value_bytes ? limits->value_bytes : EVENT_VALUE_MAX_BYTES;
    d->limits.depth = limits && limits->depth ? limits->depth : EVENT_DEPTH_MAX;
    return d;
}

struct event_decoder *event_decoder_free(struct event_decoder *d)
{
    if (d) {
        json_doc_deinit(&d->doc);
        buf_deinit(&d->mapped);
        event_scan_free(d->scan);
    }
    return mem_free(d);
}

uint64_t event_decoder_fallbacks(const struct event_decoder *d)
{
    return d->n_fallbacks;
}
