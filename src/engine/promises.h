/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the organisation has promised a stakeholder: decayed counts of promises kept and broken,
 * and those that are open. A commitment is what its latest event says (of two at one instant the
 * one that closes it); of those that are closed the latest 8 are remembered, for what comes late.
 */
#include "engaged/event.h"
#include "engine/decay.h"
#include "engine/wire.h"

#define PROMISES_OPEN_MAX   64 /* with more than these, the ones made first are forgotten */
#define PROMISES_CLOSED_MAX 8

struct promise {
    uint64_t hash;  /* of the commitment's id */
    int64_t at_ms;  /* of its latest event */
    int64_t due_ms; /* INT64_MAX: none */
    bool is_open;
};

struct promises {
    int64_t ref_ms;
    double kept, broken; /* as of ref_ms */
    uint8_t n, cap;
    struct promise *items; /* owned; as they came */
};

struct promises *promises_new(int64_t time_ms);
struct promises *promises_free(struct promises *p);
size_t promises_bytes(const struct promises *p);
/* After a commitment event of the organisation's. */
void promises_apply(struct promises *p, const struct event *event, int64_t half_life_ms);

/* Adds what `from` has; of one promise that both know what was said last. */
void promises_merge(struct promises *p, const struct promises *from, int64_t half_life_ms);

/* (kept + 1) / (kept + broken + 2), 0..1; `p` may be NULL. */
double promises_trust(const struct promises *p, int64_t half_life_ms, int64_t now_ms);
/* It moves towards 1/2 as what happened fades. */
void promises_trust_range(const struct promises *p, int64_t half_life_ms, int64_t now_ms,
                          int64_t until_ms, double *ret_lo, double *ret_hi);
/* Open ones that were due before `now_ms`; INT64_MAX: all that are open. */
uint32_t promises_open(const struct promises *p, int64_t now_ms);
/* When the first of the open ones is due; INT64_MAX: none has a date. */
int64_t promises_due_ms(const struct promises *p);

void promises_pack(const struct promises *p, struct buf *out);
struct promises *promises_unpack(struct wire *in);
