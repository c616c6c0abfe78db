/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The latest events of a stakeholder, and what it was before them: from which is told what it would
 * be, had one of them never been. Only where `retraction.within` is set.
 */
#include "engine/event_pack.h"
#include "engine/model_impl.h"

/* Beyond this the older ones cannot be retracted any more. */
#define JOURNAL_EVENTS_MAX 1000
#define JOURNAL_BYTES_MAX  (256 * 1024)

struct profile;

struct journal_entry {
    uint64_t hash;    /* of source and id, as dedup has it */
    int64_t clock_ms; /* of the partition, when it came */
    int64_t time_ms;
    struct str bytes; /* owned; as event_pack() wrote it; empty: retracted, only known */
};

struct journal {
    struct str base;             /* owned; packed state before the first entry; empty: nobody yet */
    int64_t base_clock_ms;       /* as of which that is */
    struct journal_entry *items; /* owned; as they came */
    uint32_t n, cap;
    size_t n_bytes; /* of the entries */
};

/* Takes `base` over. */
struct journal *journal_new(struct str base, int64_t clock_ms);
struct journal *journal_free(struct journal *j); /* accepts NULL; returns NULL */
size_t journal_bytes(const struct journal *j);
/* NULL event: one that was retracted before it came. */
void journal_add(struct journal *j, uint64_t hash, int64_t time_ms, int64_t clock_ms,
                 const struct event *event);
/* NULL: it is not in it. */
struct journal_entry *journal_find(struct journal *j, uint64_t hash);
/* It never was; its place is kept, so that a repeat stays known. */
void journal_void(struct journal *j, struct journal_entry *entry);
/* The first `n` are in `base` now, which is taken over. */
void journal_fold(struct journal *j, uint32_t n, struct str base);

void journal_pack(const struct profile *p, const struct model *m, struct buf *out);
void journal_unpack(struct profile *p, const struct model *m, struct wire *in);
