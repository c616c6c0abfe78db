/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* JSON Pointer (RFC 6901): `/a/0/b~1c` names a value within a document. */
#include "codec/json_doc.h"

#define JSON_POINTER_MAX_BYTES 1024

/* Whether the text is one, of at most JSON_POINTER_MAX_BYTES; else where it goes wrong. The empty
 * pointer, which names the whole document, is none here. */
bool json_pointer_is_valid(struct str pointer, size_t *ret_offset);
/* `pointer` must be valid. Absent where there is nothing, or null. "-" names no item. */
struct json_value json_pointer_get(const struct json_value *root, struct str pointer);
