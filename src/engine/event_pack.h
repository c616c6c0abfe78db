/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An interaction as one run of bytes: how an event is kept while it waits for the clock, in memory
 * and in a checkpoint alike.
 */
#include "engaged/event.h"
#include "engine/wire.h"

/* An EVENT_INTERACTION. */
void event_pack(const struct event *event, struct buf *out);
/* Views into `in`'s bytes. The reader turns bad where they make no sense. */
void event_unpack(struct wire *in, struct event *ret_event);
