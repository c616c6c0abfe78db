/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One record to one event: CloudEvents 1.0 in JSON, in both modes of the Kafka protocol binding.
 *
 *     structured  header `content-type: application/cloudevents+json`, or neither such a header nor
 *                 any `ce_` header: the value is the whole event
 *     binary      `ce_` headers are the attributes, the value is `data`
 *
 * There are two ways that agree on every input: a pass over the bytes for what is as usual, and the
 * reference, a parser that builds a tree, for the rest and for everything that is refused.
 *
 * What is not valid is refused with a code and a sentence, never an error. Unknown fields are
 * passed over, null is absent, of a key that occurs twice the last one counts. No log, no clock;
 * work and memory are bounded by the limits.
 */
#include "base/err.h"
#include "codec/refusal.h"
#include "engaged/event.h"

#define EVENT_VALUE_MAX_BYTES (1024 * 1024) /* default */
#define EVENT_DEPTH_MAX       64            /* default */

struct event_limits {
    size_t value_bytes; /* 0: the default */
    size_t depth;       /* nesting of arrays and objects; 0: the default */
    bool is_reference;  /* everything is read by the reference: to compare with, and to measure */
};

/* The i-th header of the record, in any order; false behind the last. Names are compared without
 * case; of two with one name the last counts. A null header value has ptr NULL. */
typedef bool (*event_header_fn)(const void *headers, size_t i, const char **ret_name,
                                struct str *ret_value);

struct presets;

struct event_input {
    struct str value;          /* empty: a tombstone, or an event without data (binary mode) */
    event_header_fn header_at; /* NULL: the record has no headers */
    const void *headers;       /* for header_at */
    struct str key;
    bool has_key;
    bool must_match_key;  /* a key that is given must be the subject (`key.mismatch`) */
    int64_t timestamp_ms; /* the record's own; negative: it has none */
    int64_t offset;
    struct presets *presets; /* what maps others' payloads (codec/preset.h); NULL: nothing */
};

/* The record is no event that we take: see the refusal. */
#define EVENT_E_REFUSED 1

/* Owns what the views of the last event point to. One per thread. */
struct event_decoder;

/* NULL: the defaults. Makes jansson allocate through base/mem, process-wide. */
struct event_decoder *event_decoder_new(const struct event_limits *limits);
struct event_decoder *event_decoder_free(struct event_decoder *d);

/*
 * 0: *ret_event is valid until the next call with this decoder (its views, until then, also need
 * the record's value and headers to stay). EVENT_E_REFUSED: *ret_refusal says why; where it
 * `has_time`, ret_event->time_ms and ->offset are set, and nothing else: the record is a valid
 * event but that it names no stakeholder (`subject.missing`), and may move the clock. -ENOMEM.
 */
must_check int event_decode(struct event_decoder *d, const struct event_input *input,
                            struct event *ret_event, struct event_refusal *ret_refusal);

/* How many records the fast way left to the reference, from the decoder's beginning. */
uint64_t event_decoder_fallbacks(const struct event_decoder *d);

/* The fast way alone, for tests and measurements: false where event_decode() would ask the
 * reference. Presets are not applied: false with any. */
must_check bool event_decode_fast(struct event_decoder *d, const struct event_input *input,
                                  struct event *ret_event);
/* True: the last record was mapped by a preset, to this event (JSON, structured mode); good until
 * the next event_decode(). */
bool event_decoder_mapped(const struct event_decoder *d, struct str *ret_text);
