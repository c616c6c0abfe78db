/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An event that concerns a stakeholder as one run of bytes: how it is kept while it waits for the
 * clock, in memory and in a checkpoint alike.
 */
#include "engaged/event.h"
#include "engine/wire.h"

/* EVENT_INTERACTION to EVENT_RETRACTION: the type, what all events have but their type's name, and
 * what the type has, but for an outcome's note, which is never stored. */
void event_pack(const struct event *event, struct buf *out);
/* Views into `in`'s bytes. The reader turns bad where they make no sense. */
void event_unpack(struct wire *in, struct event *ret_event);
