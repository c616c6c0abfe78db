/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * State that was restored from beyond the record that is being processed: a checkpoint was cut off
 * after it had been stored, before all of it was. Up to there the log changes nothing in it. If the
 * configuration changes on the way, it was packed under one that is still to come, and what only
 * that one knows cannot be unpacked yet. So the bytes are kept until the log has reached them.
 */
#include "engine/engine_impl.h"

/* After `p` was unpacked from `packed`. */
void ahead_keep(struct engine *e, const struct profile *p, struct str packed);
/* Whether the bytes of that stakeholder are kept and are from beyond the record at hand. */
bool ahead_has(const struct engine *e, struct str id);
/* The model has changed: all whose bytes are kept are unpacked again, in place of what there is. */
void ahead_unpack(struct engine *e);
/* It is not in memory any more, and would be restored. */
void ahead_drop(struct engine *e, struct str id);
/* The log has reached `offset`. */
void ahead_expire(struct engine *e, int64_t offset);
void ahead_deinit(struct engine *e);
