/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How one side answers: the latest 32 obligations of that side that were answered, by the time of
 * the answer.
 */
#include "engine/ledger.h"
#include "engine/wire.h"

#define REPLIES_MAX 32

struct reply {
    int64_t answered_ms;
    int64_t took_ms; /* 0 or more */
    bool is_in_time;
};

struct replies {
    struct reply *items; /* owned; oldest first */
    uint8_t n, cap;
};

void replies_deinit(struct replies *r);
size_t replies_bytes(const struct replies *r);

/* `o` was answered at `answered_ms`, not before it began. */
void replies_note(struct replies *r, const struct model *m, const struct obligation *o,
                  int64_t answered_ms);

/*
 * Share that was answered in time, 0..1: of those kept, and of what `open` holds of that side that
 * is past its time at `now_ms`. False: there are none. It only falls while time passes.
 */
bool replies_in_time(const struct replies *r, const struct model *m, const struct ledger *open,
                     enum side by, int64_t now_ms, double *ret_share);
/* The time to answer, by nearest rank: the ceil(percent / 100 * n)-th smallest. False: there are
 * none. */
bool replies_quantile(const struct replies *r, unsigned percent, int64_t *ret_ms);

void replies_pack(const struct replies *r, struct buf *out);
void replies_unpack(struct replies *r, struct wire *in);
