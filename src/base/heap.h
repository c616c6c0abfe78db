/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An intrusive binary heap with the least node on top. A node knows its place, so it can be moved
 * or removed wherever it stands. The comparison must be a total order: then the order in which
 * nodes leave depends on them alone, not on when they came.
 */
#include "base/err.h"

struct heap_node {
    uint32_t at; /* 1-based place, 0 when not in the heap */
};

typedef bool (*heap_less_fn)(const struct heap_node *a, const struct heap_node *b);

struct heap {
    struct heap_node **nodes; /* owned array of borrowed nodes */
    size_t n;                 /* fewer than 2^32 */
    size_t cap;
    heap_less_fn less;
};

#define HEAP_INIT(less_fn)                                                                         \
    {                                                                                              \
        .nodes = NULL, .n = 0, .cap = 0, .less = (less_fn)                                         \
    }

/* The heap must be empty. */
void heap_deinit(struct heap *h);
void heap_add(struct heap *h, struct heap_node *node);
/* Accepts a node that is not in the heap. */
void heap_remove(struct heap *h, struct heap_node *node);
/* To be called after the key of a node in the heap has changed. */
void heap_moved(struct heap *h, struct heap_node *node);

static inline struct heap_node *heap_top(const struct heap *h)
{
    return h->n ? h->nodes[0] : NULL;
}
