/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which events of a stakeholder have been seen, by a hash of source and id. An event is remembered
 * while it is among the latest `n_events`, or younger than a horizon; at most DEDUP_MAX in all, so
 * that a flood of one stakeholder stays bounded. The hash has 64 bits: with 64 remembered, one
 * event in 10^17 is taken for a duplicate wrongly.
 */
#include "engaged/model.h"
#include "engine/wire.h"

#define DEDUP_MAX MODEL_DEDUP_MAX

/* One allocation; NULL: nothing is remembered. */
struct dedup {
    uint16_t n, first, cap;
    /* The lower halves of `cap` hashes, their upper halves, and as many times of events, in seconds
     * since 1970, clamped to what fits; in order of arrival from `first` on */
    uint32_t words[];
};

static inline uint64_t dedup_hash(const struct dedup *d, uint32_t i)
{
    const uint32_t *lower = d->words + d->first + i;

    return (uint64_t)lower[d->cap] << 32 | *lower;
}

static inline uint32_t dedup_seconds(const struct dedup *d, uint32_t i)
{
    return d->words[2 * d->cap + d->first + i];
}

struct dedup *dedup_free(struct dedup *d); /* accepts NULL; returns NULL */
bool dedup_has(const struct dedup *d, uint64_t hash);
/* Adds; then forgets the oldest beyond `n_events` that are not after `horizon_ms`. */
void dedup_add(struct dedup **d, uint64_t hash, int64_t time_ms, uint32_t n_events,
               int64_t horizon_ms);
/* Adds what `from` knows, in the order of time; of more than DEDUP_MAX the latest. */
void dedup_merge(struct dedup **d, const struct dedup *from);
/* When the one that was added last happened, to the second; of one that knows some. */
static inline int64_t dedup_last_ms(const struct dedup *d)
{
    return (int64_t)dedup_seconds(d, d->n - 1u) * 1000;
}

size_t dedup_bytes(const struct dedup *d); /* with what the allocation takes */
void dedup_pack(const struct dedup *d, struct buf *out);
struct dedup *dedup_unpack(struct wire *in);
