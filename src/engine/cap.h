/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Diminishing returns: what the events of one bucket of time may add to a sum in all. A bucket is
 * floor((time - from) / length). Events take their part in the order in which they are applied:
 * each max(0, min(value, at most - added so far)); values below 0 are taken whole, and free room.
 * One bucket is kept, the latest; an event of an earlier one is capped alone.
 */
#include "engaged/model.h"

/* The bucket as it stands: the time of one of its events, and the sum of what they took. */
struct cap_state {
    int64_t time_ms;
    double added;
};

/* What an event of that time and value takes. False: nothing of what it had, so that it does not
 * count. `has_state` says whether *state is one already, it is afterwards. */
bool cap_take(const struct cap_spec *cap, bool has_state, struct cap_state *state, int64_t time_ms,
              double value, double *ret_taken);
