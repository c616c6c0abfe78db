/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Hashes. hash64 is fast and stable across machines and versions (XXH3): what is stored uses it
 * with seed 0, tables use it with a secret seed, since their keys come from outside. digest is for
 * identities that leave the house (trigger ids, rule versions): SHA-256, cut to 128 bits.
 */
#include "base/str.h"

#define DIGEST_HEX 32

uint64_t hash64(const void *bytes, size_t n, uint64_t seed);
/* A secret seed, drawn once per process. */
uint64_t hash_process_seed(void);

/* The first 128 bits of SHA-256 as 32 lower-case hex digits and a NUL. */
void digest_hex(struct str bytes, char ret_hex[DIGEST_HEX + 1]);
