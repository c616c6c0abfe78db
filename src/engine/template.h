/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Action texts with {{names}} in them: checked at load, filled when a trigger is made. */
#include "base/err.h"
#include "base/str.h"

#define TEMPLATE_E_INVALID 1

/* True, with the value's text appended to `out` (NULL: only asked whether the name is known). */
typedef bool (*template_fn)(void *ctx, struct str name, struct buf *out);

/* TEMPLATE_E_INVALID: *ret_offset is where the name that is not known, or not closed, begins. */
must_check int template_check(struct str text, template_fn fn, void *ctx, size_t *ret_offset);
/* A name that has no value leaves nothing in its place. */
void template_render(struct str text, template_fn fn, void *ctx, struct buf *out);
