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

struct relation {
    int64_t last_ms; /* of the latest interaction either way; INT64_MIN: none */
    int64_t n_referrals;
    struct replies ours, theirs; /* who answers */
    struct measures measures;
    struct balance *balance; /* owned, as what follows; NULL: nothing yet */
    struct pressure *pressure;
    struct cadence *cadence;
    struct promises *promises;
    struct tie *tie;
    struct turns *turns;
};

struct relation *relation_free(struct relation *r);
size_t relation_bytes(const struct relation *r); /* 0 of NULL */

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
