/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets are whole days, weeks or hours by default, but any length will do. */
#include "engine/cap.h"

#include "engine/series.h"

static int64_t bucket_of(const struct cap_spec *cap, int64_t time_ms)
{
    int64_t since_ms = time_ms - cap->from_ms, bucket = since_ms / cap->length_ms;

    return since_ms % cap->length_ms < 0 ? bucket - 1 : bucket;
}

bool cap_take(const struct cap_spec *cap, bool has_state, struct cap_state *state, int64_t time_ms,
              double value, double *ret_taken)
{
    int64_t bucket = bucket_of(cap, time_ms);
    int64_t kept = has_state ? bucket_of(cap, state->time_ms) : bucket;
    double room = cap->at_most;

    if (!has_state || bucket > kept)
        *state = (struct cap_state){time_ms, 0};
    if (bucket >= kept)
        room -= state->added;
    if (value > 0 && room <= 0)
        return false;
    *ret_taken = value > 0 && value > room ? room : value;
    if (bucket < kept)
        return true;
    /* Full is full, whatever the rounding of the parts. */
    state->added =
        value > 0 && value >= room ? cap->at_most : series_clamp(state->added + *ret_taken);
    return true;
}
