/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Allocate or die. Input is bounded by byte budgets elsewhere, so a failing malloc means that the
 * machine is out of memory; exactly-once commits make a restart safe.
 */
#include <stddef.h>

#define cleanup(fn) __attribute__((cleanup(fn)))

void *mem_alloc(size_t n_bytes);
void *mem_calloc(size_t n, size_t size);
void *mem_realloc(void *ptr, size_t n_bytes);
/* A NUL-terminated copy of `len` bytes; the caller owns it. */
char *mem_strndup(const char *ptr, size_t len);
/* Frees; accepts NULL; returns NULL, so that a field is cleared in one assignment. */
void *mem_free(void *ptr);
/* Grows `*items` (elements of `size` bytes) so that `n + 1` fit; `*cap` is the count allocated. */
void mem_grow(void *items, size_t *cap, size_t n, size_t size);

static inline void mem_cleanup(void *ptr)
{
    mem_free(*(void **)ptr);
}
