/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a stakeholder was when it became another one. The other's state may reach the store later
 * than the news that this one is gone: a replay of the merge then needs what was merged. So it is
 * kept, and stored, until a cut behind the merge has been stored whole.
 */
#include "base/list.h"
#include "engine/model_impl.h"
#include "engine/wire.h"

struct profile;

struct grave {
    int64_t offset;    /* of the merge's record */
    struct str packed; /* owned */
};

/* Few have one: all merges of one id since the last cut but one, in log order. */
struct graves {
    struct list node;      /* in the engine's list of those who have some */
    struct profile *owner; /* borrowed */
    struct grave *items;   /* owned */
    size_t n, cap;
};

struct graves *graves_free(struct graves *g); /* accepts NULL; returns NULL */
size_t graves_bytes(const struct graves *g);
/* Takes `packed` over. */
void graves_add(struct profile *p, int64_t offset, struct str packed);
/* What was merged by that record; empty: not known. */
struct str graves_find(const struct profile *p, int64_t offset);
/* Those up to that record are not needed any more. True: there were some. */
bool graves_drop(struct profile *p, int64_t offset);
/* They are `to`'s from here on, which has none. */
void graves_move(struct profile *to, struct profile *from);

/* With whether the stakeholder itself is gone. */
void graves_pack(const struct profile *p, const struct model *m, struct buf *out);
void graves_unpack(struct profile *p, const struct model *m, struct wire *in);
