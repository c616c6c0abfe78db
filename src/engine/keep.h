/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What is kept of one selector's events where neither a sum nor a series will do: the latest value,
 * extremes, different values or days, a capped amount. 16 bytes where nothing has come yet, and for
 * kinds of one value for good.
 *
 * All are read alike: as entries by time, oldest first, each of which leaves a window some day;
 * what the metric says then depends on which entry is the oldest that is left.
 */
#include "engine/cap.h"
#include "engine/entries.h"
#include "engine/wire.h"

/* The numbers are in packed state: a new kind goes to the end. */
enum keep_kind {
    KEEP_LATEST, /* the value of the latest event; the last applied of one time */
    KEEP_LEAST,  /* of all values, ever */
    KEEP_MOST,
    KEEP_LOWS,   /* extremes.h: the least of any window */
    KEEP_HIGHS,  /* the greatest */
    KEEP_VALUES, /* distinct.h */
    KEEP_DAYS,
    KEEP_CAP, /* cap.h: the bucket; read by nobody else */
};

struct keep {
    union {
        struct entries list;
        struct {
            uint64_t at; /* a time in ms from the year 1, and 1; 0: nothing yet */
            double value;
        } one;
    };
};

/* An event as its selector takes it. */
struct taken {
    double value; /* 1 where it is only counted */
    uint64_t key; /* of `distinct`: the value's hash */
};

/* The kind is the definition's, the same at every call. */
void keep_deinit(struct keep *k, enum keep_kind kind);
/* Beyond sizeof(struct keep). */
size_t keep_bytes(const struct keep *k, enum keep_kind kind);
bool keep_is_empty(const struct keep *k, enum keep_kind kind);
/* Not for KEEP_CAP. */
void keep_add(struct keep *k, enum keep_kind kind, int64_t time_ms, const struct taken *taken);
/* For KEEP_CAP: as cap_take(). */
bool keep_cap(struct keep *k, const struct cap_spec *cap, int64_t time_ms, double value,
              double *ret_taken);
/* Adds what `from` has, as if its entries were events; `cap` is of KEEP_CAP. */
void keep_merge(struct keep *k, enum keep_kind kind, const struct keep *from,
                const struct cap_spec *cap);
/* Forgets what is not after `before_ms`. */
void keep_expire(struct keep *k, enum keep_kind kind, int64_t before_ms);

uint32_t keep_n(const struct keep *k, enum keep_kind kind);
/* The oldest entry after that instant; keep_n(): none. */
uint32_t keep_after(const struct keep *k, enum keep_kind kind, int64_t after_ms);
int64_t keep_time(const struct keep *k, enum keep_kind kind, uint32_t i);
/* The first entry that is later than entry `i`. */
uint32_t keep_next(const struct keep *k, enum keep_kind kind, uint32_t i);
/* What the entries from `i` on say: their number, or the value; false: nothing. */
bool keep_read(const struct keep *k, enum keep_kind kind, uint32_t i, double *ret_value);

void keep_pack(const struct keep *k, enum keep_kind kind, struct buf *out);
/* Into an empty one. What cannot be makes the reader bad; the keep can be used, and freed. */
void keep_unpack(struct keep *k, enum keep_kind kind, struct wire *in);
