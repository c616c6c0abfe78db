/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who gives: (ours - theirs) / (ours + theirs), decayed sums of the worth (`value`, where positive)
 * of outbound and of inbound interactions. -1: only they give; 1: only we do. Time alone does not
 * move it.
 */
#include "engaged/event.h"
#include "engine/decay.h"
#include "engine/wire.h"

struct balance {
    int64_t ref_ms;
    double ours, theirs; /* as of ref_ms */
};

/* The worth that the event gives, or 0: none, or not one that can be summed. */
double balance_worth(const struct event *event);
void balance_init(struct balance *b, int64_t time_ms);
void balance_apply(struct balance *b, const struct event *event, int64_t half_life_ms);
/* False: all that was given has faded to nothing. */
bool balance_get(const struct balance *b, double *ret_balance);
void balance_pack(const struct balance *b, struct buf *out);
void balance_unpack(struct balance *b, struct wire *in);
