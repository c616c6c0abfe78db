/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Conversations that lead nowhere: how many interactions, either way, each of the latest 16
 * conversations has had since an interaction last resolved it. Exact for up to 64 of a
 * conversation. One that was pushed out by 16 others counts anew when it goes on.
 */
#include "engaged/event.h"
#include "engine/series.h"

#define TURNS_MAX 16

struct turn {
    uint64_t hash;       /* of org and conversation */
    int64_t last_ms;     /* of its latest interaction */
    int64_t resolved_ms; /* INT64_MIN: never */
    struct series since; /* the interactions after that; empty where there is but one, the latest */
};

struct turns {
    struct turn *items; /* owned; as they came */
    uint8_t n, cap;
};

void turns_deinit(struct turns *t);
size_t turns_bytes(const struct turns *t); /* beyond itself */
/* After an interaction in a conversation. */
void turns_apply(struct turns *t, const struct event *event);
/* Adds what `from` has, whose series are empty afterwards. */
void turns_merge(struct turns *t, struct turns *from);
/* The most of any conversation; 0 of NULL. */
int64_t turns_unresolved(const struct turns *t);
void turns_pack(const struct turns *t, struct buf *out);
/* Into an empty one. */
void turns_unpack(struct turns *t, struct wire *in);
