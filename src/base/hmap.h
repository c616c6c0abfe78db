/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An intrusive hash map. The caller embeds a `struct hmap_node` and compares keys itself:
 *
 *     for (n = hmap_first(&map, hash); n; n = hmap_next(n, hash))
 *         if (key_of(n) equals key) ...
 *
 * The map owns its table, not the nodes. Order of iteration is not defined: what leaves the
 * program is sorted first.
 */
#include "base/err.h"

struct hmap_node {
    struct hmap_node *chain; /* next in the bucket */
    uint64_t hash;
};

struct hmap {
    struct hmap_node **buckets; /* owned; n_buckets is a power of two, or 0 */
    size_t n_buckets;
    size_t n;
};

#define HMAP_INIT                                                                                  \
    {                                                                                              \
        .buckets = NULL, .n_buckets = 0, .n = 0                                                    \
    }

/* The map must be empty. */
void hmap_deinit(struct hmap *m);
void hmap_add(struct hmap *m, struct hmap_node *node, uint64_t hash);
void hmap_remove(struct hmap *m, struct hmap_node *node);
/* Any node, or NULL when empty: for taking a map apart. */
struct hmap_node *hmap_any(const struct hmap *m);

static inline struct hmap_node *hmap_skip(struct hmap_node *n, uint64_t hash)
{
    while (n && n->hash != hash)
        n = n->chain;
    return n;
}

static inline struct hmap_node *hmap_first(const struct hmap *m, uint64_t hash)
{
    return m->n_buckets ? hmap_skip(m->buckets[hash & (m->n_buckets - 1)], hash) : NULL;
}

static inline struct hmap_node *hmap_next(struct hmap_node *n, uint64_t hash)
{
    return hmap_skip(n->chain, hash);
}

/* Walks all nodes; the body must not add or remove. */
#define HMAP_EACH(it, m)                                                                           \
    for (size_t it##_b = 0; it##_b < (m)->n_buckets; it##_b++)                                     \
        for (struct hmap_node *it = (m)->buckets[it##_b]; it; it = it->chain)
