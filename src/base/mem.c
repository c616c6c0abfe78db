/* SPDX-License-Identifier: Apache-2.0 */
/* malloc and its kin, ending the process when memory is out. */
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *ptr, size_t n_bytes)
{
    if (!ptr && n_bytes) {
        fprintf(stderr, "out of memory: %zu bytes\n", n_bytes);
        abort();
    }
    return ptr;
}

void *mem_alloc(size_t n_bytes)
{
    return checked(malloc(n_bytes), n_bytes);
}

void *mem_calloc(size_t n, size_t size)
{
    return checked(calloc(n, size), n * size);
}

void *mem_realloc(void *ptr, size_t n_bytes)
{
    return checked(realloc(ptr, n_bytes), n_bytes);
}

char *mem_strndup(const char *ptr, size_t len)
{
    char *copy = mem_alloc(len + 1);

    if (len)
        memcpy(copy, ptr, len);
    copy[len] = '\0';
    return copy;
}

void *mem_free(void *ptr)
{
    free(ptr);
    return NULL;
}

void mem_grow(void *items, size_t *cap, size_t n, size_t size)
{
    void **array = items;

    if (n < *cap)
        return;
    *cap = *cap ? *cap * 2 : 4;
    while (*cap <= n)
        *cap *= 2;
    *array = mem_realloc(*array, *cap * size);
}
