/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * All that is kept of a stakeholder for metrics that are no sums (keep.h): added to by events, read
 * at an instant, over a span, and ahead in time; freed, accounted and packed with the profile.
 */
#include "engine/engine_impl.h"

void keeps_deinit(struct profile *p, const struct model *m);
/* Beyond the keeps themselves, which are the profile's. */
size_t keeps_bytes(const struct profile *p, const struct model *m);
/* Only what is not empty, and nothing at all where all are. */
void keeps_pack(const struct profile *p, const struct model *m, struct buf *out);
/* What the model does not know by its tag is left out. */
void keeps_unpack(struct profile *p, const struct model *m, struct wire *in);

/* Adds what `from` has. */
void keeps_merge(struct profile *p, const struct profile *from, const struct model *m);

/* An event that the selector has taken. False: the cap of its bucket leaves nothing of it. */
bool keeps_cap(struct profile *p, const struct model *m, const struct selector *selector,
               int64_t time_ms, struct taken *taken);
/* An event at `time_ms`, while it is `now_ms`: one of each selector's `taken` for which `counts`.
 */
void keeps_add(struct profile *p, const struct model *m, const struct taken *taken,
               const bool *counts, int64_t time_ms, int64_t now_ms);

/* Of metrics that have a keep: their value, and all values between moment and until_ms. */
bool keeps_get(const struct moment *at, const struct metric *metric, struct cel_value *ret_value);
void keeps_range(const struct span *span, const struct metric *metric, struct cel_range *ret_range);

/* What the metric will say as one entry after the other leaves its window, the next one first;
 * false: nothing. `from_ms` is the instant from which on. `fn` returns whether to go on. */
typedef bool (*keeps_change_fn)(void *ctx, bool is_there, double value, int64_t from_ms);
void keeps_each_change(const struct moment *at, const struct metric *metric, keeps_change_fn fn,
                       void *ctx);
