/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Where each rule stands for one stakeholder. Most rules stand at their beginning for most
 * stakeholders: only the others are kept.
 */
#include "engaged/trigger.h"
#include "engine/model_impl.h"
#include "engine/wire.h"

enum rule_phase {
    RULE_OUT,
    RULE_PENDING, /* `enter` holds, not long enough yet */
    RULE_HELD,    /* would have fired, but for an obstacle */
    RULE_IN,      /* fired, not cleared */
};

struct standing {
    int64_t since_ms;      /* of PENDING and HELD; of a stage that is IN */
    int64_t last_fired_ms; /* INT64_MIN: never */
    int64_t until_ms;      /* of HELD; INT64_MAX: until its obstacle has ended */
    int64_t next_ms;       /* when to look again, INT64_MAX: only at an event */
    uint16_t rule;         /* its index in the model */
    uint8_t next_phase;    /* enum phase */
    uint8_t phase;         /* enum rule_phase */
    uint8_t held_by;       /* enum obstacle */
    bool is_muted;         /* IN, and nobody was told: it is not cleared either */
    bool is_exact;         /* next_ms is no bound: it moves with the last bits of what it reads */
};

struct standings {
    struct standing *items; /* owned; by rule, ascending */
    uint16_t n, cap;
};

void standings_deinit(struct standings *s);
size_t standings_bytes(const struct standings *s);
/* A copy; the beginning where nothing is kept. */
struct standing standings_get(const struct standings *s, size_t rule);
/* NULL where nothing is kept. */
struct standing *standings_find(const struct standings *s, size_t rule);
/* Keeps it, or forgets it where it says nothing. */
void standings_put(struct standings *s, const struct standing *standing);

/* Of each rule what stands further: IN before HELD before PENDING before OUT, and of two that stand
 * alike the one that has stood longer; the later firing. When to look again is not set. */
void standings_merge(struct standings *s, const struct standings *from);

/* By the rules' names; the times of looking again are not packed. */
void standings_pack(const struct standings *s, const struct model *m, struct buf *out);
void standings_unpack(struct standings *s, const struct model *m, struct wire *in);
