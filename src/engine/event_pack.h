/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An event as one run of bytes: how it is kept while it waits for the clock or may be retracted, in
 * memory and in a checkpoint alike.
 */
#include "engaged/event.h"
#include "engine/wire.h"

/* An interaction, measure, commitment, preference or outcome; of the latter without its note. */
void event_pack(const struct event *event, struct buf *out);
/* Views into `in`'s bytes. The reader turns bad where they make no sense. */
void event_unpack(struct wire *in, struct event *ret_event);
