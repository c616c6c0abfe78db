/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A HASH as Redis' DUMP gives it, for RESTORE: Redis takes it as it is, where HSET would have it
 * look at each field on its own (one argument for the script, not two per field: a quarter of the
 * processor time). Redis 7.0 and later, and Valkey, read it.
 */
#include "engaged/engine.h"

/* Appends type, listpack, version and checksum. `n` at least 1; names are unique. */
void dump_hash(struct buf *out, const struct checkpoint_field *fields, size_t n);
