/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a stakeholder's derived values are computed from: a part per group, there only once an event
 * has something to say in it, and only where the model keeps the group. The parts' own rooms say
 * what they mean.
 */
#include "engine/balance.h"
#include "engine/cadence.h"
#include "engine/derived.h"
#include "engine/measures.h"
#include "engine/pressure.h"
#include "engine/promises.h"
#include "engine/replies.h"
#include "engine/tie.h"
#include "engine/turns.h"

struct profile;

enum relation_part {
    RELATION_LAST,      /* int64_t: when the latest interaction either way was */
    RELATION_REFERRALS, /* int64_t: how many */
    RELATION_OURS,      /* struct replies: who answers */
    RELATION_THEIRS,
    RELATION_MEASURES,
    RELATION_BALANCE,
    RELATION_PRESSURE,
    RELATION_CADENCE,
    RELATION_PROMISES, /* struct promises *, owned */
    RELATION_TIE,
    RELATION_TURNS,
    N_RELATION_PARTS
};

/* One allocation, in which the parts lie as they came. */
struct relation {
    uint8_t at[N_RELATION_PARTS]; /* 1 + the part's place in `words`; 0: there is none */
    uint8_t n_words;
    uint64_t words[];
};

/* NULL: nothing yet. Good until another part comes. */
static inline void *relation_part(const struct relation *r, enum relation_part part)
{
    return r && r->at[part] ? (void *)(uintptr_t)&r->words[r->at[part] - 1] : NULL;
}

static inline struct cadence *relation_cadence(const struct relation *r)
{
    return relation_part(r, RELATION_CADENCE);
}

static inline struct pressure *relation_pressure(const struct relation *r)
{
    return relation_part(r, RELATION_PRESSURE);
}

static inline struct promises *relation_promises(const struct relation *r)
{
    struct promises *const *promises = relation_part(r, RELATION_PROMISES);

    return promises ? *promises : NULL;
}

static inline struct replies *relation_replies(const struct relation *r, enum side by)
{
    return relation_part(r, by == SIDE_ORGANISATION ? RELATION_OURS : RELATION_THEIRS);
}

/* One that is not there yet, all 0. */
void *relation_add(struct relation **r, enum relation_part part);

/* The part; *ret_is_new: it is all 0. */
static inline void *relation_need(struct relation **r, enum relation_part part, bool *ret_is_new)
{
    void *there = relation_part(*r, part);

    *ret_is_new = !there;
    return there ? there : relation_add(r, part);
}

/* `into` has none of it: takes that of `from`, which has none then. */
void relation_move(struct relation **into, struct relation *from, enum relation_part part);
struct relation *relation_free(struct relation *r); /* accepts NULL; returns NULL */
size_t relation_bytes(const struct relation *r);    /* with what allocations take; 0 of NULL */

/* After an interaction at `event`; `now_ms` is the latest instant known. Returns which kept
 * groups have changed, as bits of enum derived_group. */
unsigned relation_apply(struct profile *p, const struct model *m, const struct event *event,
                        int64_t now_ms);
/* The same after a measure of a declared dimension, and after a commitment. */
unsigned relation_measure(struct profile *p, const struct model *m, const struct event *event);
unsigned relation_commit(struct profile *p, const struct model *m, const struct event *event);
/* `o` of that stakeholder was answered. */
void relation_answered(struct profile *p, const struct model *m, const struct obligation *o,
                       int64_t answered_ms);

/* Section of packed state, by groups; a group that was computed by another definition starts anew.
 */
void relation_pack(const struct profile *p, const struct model *m, struct buf *out);
void relation_unpack(struct profile *p, const struct model *m, struct wire *in);

/* Whether the public state has the variable: its groups are kept. */
bool relation_is_shown(const struct model *m, size_t var);

struct moment;
struct span;
/* A derived variable (enum derived_var, and on) at an instant; false: it has no value. */
bool relation_get(const struct moment *at, size_t var, struct cel_value *ret_value);
/* While the clock moves: bounds of all its values. */
void relation_range(const struct span *span, size_t var, struct cel_range *ret_range);
/* Until when the value is sure to move one way, and to be there or not as it is now. */
int64_t relation_moves_one_way_until_ms(const struct moment *at, size_t var);

/* ---- relation_bound.c ---- */

/* For how long, in ms, the value is sure to stay on its side of `constant` while nothing happens;
 * HUGE_VAL: for good. False: that is not to be had cheaply. */
bool relation_stays(const struct moment *at, size_t var, double value, double constant,
                    double *ret_ms);
/* Whether a value that is not there can only come with an event. */
bool relation_stays_absent(size_t var);
