/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The CloudEvents envelope: finds out in which mode a record carries its event, and gives the
 * attributes and `data`, whichever it was. Knows the rules of CloudEvents 1.0 and of its Kafka
 * protocol binding, and nothing of what the types mean.
 */
#include "codec/event_decode.h"
#include "codec/json_doc.h"

enum envelope_attribute {
    ENVELOPE_SPECVERSION,
    ENVELOPE_ID,
    ENVELOPE_SOURCE,
    ENVELOPE_TYPE,
    ENVELOPE_SUBJECT,
    ENVELOPE_TIME,
    ENVELOPE_SEQUENCE,
    ENVELOPE_CAUSATIONID,
    ENVELOPE_CORRELATIONID,
    ENVELOPE_DATACONTENTTYPE,
    ENVELOPE_N_ATTRIBUTES,
};

struct envelope {
    struct str attributes[ENVELOPE_N_ATTRIBUTES]; /* empty: absent */
    bool is_binary;         /* the attributes are headers, the value is data */
    struct json_value data; /* as JSON; of envelope_read() only */
};

#define ENVELOPE_E_REFUSED 1

/* The envelope's views are good as long as `doc` and the record's headers stay. specversion, id,
 * source and type are there, no attribute is too long, and data, if any, is JSON.
 * ENVELOPE_E_REFUSED, or -ENOMEM. */
must_check int envelope_read(const struct event_input *input, const struct event_limits *limits,
                             struct json_doc *doc, struct envelope *ret_envelope,
                             struct event_refusal *ret_refusal);

/* The steps of it, for who reads the value without json_doc. First: whether the value may be read,
 * in which mode it is, and the attributes that are headers. */
must_check int envelope_open(const struct event_input *input, const struct event_limits *limits,
                             struct envelope *ret_envelope, struct event_refusal *ret_refusal);
/* Last: the rules for attributes. */
must_check int envelope_check(const struct envelope *e, struct event_refusal *ret_refusal);
/* The name of the i-th attribute in JSON. */
const char *envelope_attribute_name(size_t i);
