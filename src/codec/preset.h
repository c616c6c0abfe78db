/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Payloads that others define, mapped to our events by declaration alone. A preset says which
 * records it is for, which values it picks from them by JSON pointers, and how the attributes and
 * fields of one event are made of these, by further pointers or by expressions (engine/cel.h). The
 * result is the text of a CloudEvent, which is then read and judged like any other.
 *
 * A record that is a CloudEvent already (by its headers, or by a member `specversion`) is never
 * mapped. Of several presets that match, the first counts.
 */
#include "codec/event_decode.h"
#include "codec/json_doc.h"

#define PRESETS_MAX         100
#define PRESET_FIELDS_MAX   64
#define PRESET_POINTERS_MAX 8 /* of one field */
#define PRESET_OUTPUTS_MAX  64
#define PRESET_ITEMS_MAX    64 /* of a list that a field picks */

/* `where`, here and below, is the caller's: it comes back with a fault. */
struct preset_condition {
    struct str at;            /* a header's name, or a pointer (json_pointer_is_valid) */
    const struct str *values; /* one of these must be it; none: it must be there */
    size_t n_values;
};

enum preset_type {
    PRESET_STRING, /* a number, too, as it is written shortest */
    PRESET_DOUBLE,
    PRESET_INT,
    PRESET_BOOL,
    PRESET_TIMESTAMP, /* a text in RFC 3339 */
    PRESET_LIST,      /* of strings */
};

struct preset_field {
    struct str name;            /* an identifier: a variable of the expressions */
    const struct str *pointers; /* valid ones; the first that finds a value of the type counts */
    size_t n_pointers;
    enum preset_type type;
    bool has_default;
    struct str def; /* what it is where nothing is found; not of a list */
    const void *where, *default_where;
};

struct preset_output {
    struct str name;   /* an attribute ("id"), or a field of data */
    struct str parent; /* of data: the object within data that it belongs to, or empty */
    bool is_data;
    struct str text; /* a pointer where it begins with '/', else an expression */
    const void *where;
};

struct preset_spec {
    struct str name;
    const struct preset_condition *headers, *values;
    size_t n_headers, n_values;
    const struct preset_field *fields;
    size_t n_fields;
    struct str when; /* false: the payload is dropped; empty: never */
    const void *when_where;
    const struct preset_output *outputs; /* attributes first; of one parent side by side */
    size_t n_outputs;
};

/* `offset`: byte in the text at `where`. */
typedef void (*preset_fault_fn)(void *ctx, const void *where, size_t offset, const char *text);

struct presets;

/* Borrows the specs and their texts. Faults are reported one by one; the result is NULL then. */
struct presets *presets_new(const struct preset_spec *specs, size_t n, preset_fault_fn on_fault,
                            void *ctx);
struct presets *presets_free(struct presets *presets);

#define PRESET_E_NONE    1 /* is no JSON, or a CloudEvent already, or matches none */
#define PRESET_E_REFUSED 2 /* matches one, and cannot be mapped */

/*
 * 0: `out` is the text of a CloudEvent. Of a payload that is dropped (`when` is false or has no
 * value) it is one of the type "preset.NAME.dropped", which is of a type that we do not know, and
 * moves the clock. `doc` is scratch. Or -ENOMEM.
 */
must_check int presets_map(struct presets *presets, const struct event_input *input,
                           size_t depth_max, struct json_doc *doc, struct buf *out,
                           struct event_refusal *ret_refusal);
