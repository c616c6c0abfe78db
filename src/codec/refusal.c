/* SPDX-License-Identifier: Apache-2.0 */
/* Filling in refusals. */
#include "codec/refusal.h"

#include <stdio.h>

void refusal_set(struct event_refusal *r, const char *stage, const char *code, const char *format,
                 ...)
{
    va_list args;

    r->stage = stage;
    r->has_time = false;
    snprintf(r->code, sizeof(r->code), "%s", code);
    va_start(args, format);
    vsnprintf(r->text, sizeof(r->text), format, args);
    va_end(args);
}
