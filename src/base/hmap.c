/* SPDX-License-Identifier: Apache-2.0 */
/* Chained buckets, doubled when there are as many nodes as buckets; never shrunk. */
#include "base/hmap.h"

#include "base/mem.h"

void hmap_deinit(struct hmap *m)
{
    ENSURE(m->n == 0);
    m->buckets = mem_free(m->buckets);
    m->n_buckets = 0;
}

static void link_node(struct hmap *m, struct hmap_node *node)
{
    struct hmap_node **bucket = &m->buckets[node->hash & (m->n_buckets - 1)];

    node->chain = *bucket;
    *bucket = node;
}

static void grow(struct hmap *m)
{
    struct hmap_node **old = m->buckets;
    size_t n_old = m->n_buckets;

    m->n_buckets = n_old ? n_old * 2 : 16;
    m->buckets = mem_calloc(m->n_buckets, sizeof(*m->buckets));
    for (size_t i = 0; i < n_old; i++) {
        for (struct hmap_node *n = old[i], *next; n; n = next) {
            next = n->chain;
            link_node(m, n);
        }
    }
    mem_free(old);
}

void hmap_add(struct hmap *m, struct hmap_node *node, uint64_t hash)
{
    if (m->n >= m->n_buckets)
        grow(m);
    node->hash = hash;
    link_node(m, node);
    m->n++;
}

void hmap_remove(struct hmap *m, struct hmap_node *node)
{
    struct hmap_node **at = &m->buckets[node->hash & (m->n_buckets - 1)];

    while (*at != node)
        at = &(*at)->chain;
    *at = node->chain;
    node->chain = NULL;
    m->n--;
}

struct hmap_node *hmap_any(const struct hmap *m)
{
    HMAP_EACH(n, m)
    return n;
    return NULL;
}
