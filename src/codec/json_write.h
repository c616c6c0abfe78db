/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Appends JSON to a buffer. Commas are put where they belong: a member is preceded by one unless
 * it is the first of its object. Members that are absent (an empty text, INT64_MAX as an instant)
 * are left out. Texts must be UTF-8.
 *
 *     json_write_open(b, "stakeholder");  // "stakeholder":{
 *     json_write_text(b, "kind", kind);
 *     json_write_close(b);
 */
#include "engaged/trigger.h"

/* An object as a member, or with NULL as a value by itself. */
void json_write_open(struct buf *b, const char *name);
void json_write_close(struct buf *b);

/* "name": and the value is the caller's. */
void json_write_name(struct buf *b, struct str name);
/* The next item of an array follows. */
void json_write_item(struct buf *b);

void json_write_text(struct buf *b, const char *name, struct str text);
/* Bytes of any kind: as a text where they are UTF-8, else in base64 as the member "name"_base64. */
void json_write_bytes(struct buf *b, const char *name, struct str bytes);
void json_write_i64(struct buf *b, const char *name, int64_t v);
void json_write_bool(struct buf *b, const char *name, bool v);
void json_write_double(struct buf *b, const char *name, double v); /* a finite one */
void json_write_instant(struct buf *b, const char *name, int64_t ms);
/* A metric's value; null where it has none, or no finite one. Durations in seconds. */
void json_write_value(struct buf *b, struct str name, const struct value *v);

/* "name":"/engaged/DEPLOYMENT", a URI reference: percent-encoded where it must be. */
void json_write_source(struct buf *b, struct str deployment);
/* "name":{NAME:VALUE,...} */
void json_write_values(struct buf *b, const char *name, const struct named_value *values,
                       size_t n_values);
/* The members of an open object; its braces are the caller's. */
void json_write_obligation(struct buf *b, const struct obligation_view *o);
