/* SPDX-License-Identifier: Apache-2.0 */
/* Two decayed sums and their quotient. */
#include "engine/balance.h"

#include "engine/series.h"

double balance_worth(const struct event *event)
{
    bool counts = event->has_value && event->value > 0 && event->value <= SERIES_VALUE_MAX &&
                  event->direction != DIRECTION_PEER;

    return counts ? event->value : 0;
}

void balance_init(struct balance *b, int64_t time_ms)
{
    *b = (struct balance){.ref_ms = time_ms};
}

static double bounded(double sum)
{
    return sum < SERIES_SUM_MAX ? sum : SERIES_SUM_MAX;
}

void balance_apply(struct balance *b, const struct event *event, int64_t half_life_ms)
{
    double sums[] = {b->ours, b->theirs};
    double w = decay_admit(sums, 2, &b->ref_ms, event->time_ms, half_life_ms);
    double worth = w * balance_worth(event);
    bool is_ours = event->direction == DIRECTION_OUTBOUND;

    b->ours = bounded(sums[0] + (is_ours ? worth : 0));
    b->theirs = bounded(sums[1] + (is_ours ? 0 : worth));
}

bool balance_get(const struct balance *b, double *ret_balance)
{
    double both = b->ours + b->theirs;

    if (!(both > 0))
        return false;
    *ret_balance = (b->ours - b->theirs) / both;
    return true;
}

void balance_pack(const struct balance *b, struct buf *out)
{
    wire_put_i64(out, b->ref_ms);
    wire_put_double(out, b->ours);
    wire_put_double(out, b->theirs);
}

void balance_unpack(struct balance *b, struct wire *in)
{
    balance_init(b, wire_get_instant(in));
    b->ours = wire_get_double(in);
    b->theirs = wire_get_double(in);
    in->is_bad |= !(b->ours >= 0 && b->ours <= SERIES_SUM_MAX && b->theirs >= 0 &&
                    b->theirs <= SERIES_SUM_MAX);
}
