/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A trigger as a CloudEvent in structured mode (content-type application/cloudevents+json), on one
 * line without its end. Fields come in a fixed order; what is absent is left out; the same trigger
 * gives the same bytes. Durations are numbers of seconds, instants RFC 3339; in `values` a metric
 * without a value, or with one that is not finite, is null.
 */
#include "engaged/trigger.h"

void trigger_json_write(struct buf *b, const struct trigger *trigger);
