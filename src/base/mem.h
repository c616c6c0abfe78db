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

#define MEM_OVERHEAD 8
/* What an allocation of so many bytes takes, with what the allocator needs itself: 0 of nothing.
 * As glibc has it on 64-bit machines: 8 bytes before, in units of 16, at least 32. */
static inline size_t mem_taken(size_t n_bytes)
{
    size_t n = (n_bytes + MEM_OVERHEAD + 15) & ~(size_t)15;

    return !n_bytes ? 0 : n < 32 ? 32 : n;
}

static inline void mem_cleanup(void *ptr)
{
    mem_free(*(void **)ptr);
}
