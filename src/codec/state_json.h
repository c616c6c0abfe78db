/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One stakeholder's state as one line of JSON, without its end:
 *
 *     {"subject":..,"as_of":..,"stage":..|null,"metrics":{NAME:VALUE,..},"obligations":[{..},..]}
 *
 * Values are written as in triggers (codec/trigger_json.h).
 */
#include "engaged/engine.h"

void state_json_write(struct buf *b, const struct stakeholder_view *view);
