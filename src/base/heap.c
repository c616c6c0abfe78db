/* SPDX-License-Identifier: Apache-2.0 */
/* A textbook binary heap over node pointers. */
#include "base/heap.h"

#include "base/mem.h"

void heap_deinit(struct heap *h)
{
    ENSURE(h->n == 0);
    h->nodes = mem_free(h->nodes);
    h->cap = 0;
}

static void place(struct heap *h, struct heap_node *node, size_t i)
{
    h->nodes[i] = node;
    node->at = (uint32_t)(i + 1);
}

static void sift_up(struct heap *h, struct heap_node *node, size_t i)
{
    while (i > 0 && h->less(node, h->nodes[(i - 1) / 2])) {
        place(h, h->nodes[(i - 1) / 2], i);
        i = (i - 1) / 2;
    }
    place(h, node, i);
}

static void sift_down(struct heap *h, struct heap_node *node, size_t i)
{
    for (size_t child = 2 * i + 1; child < h->n; child = 2 * i + 1) {
        if (child + 1 < h->n && h->less(h->nodes[child + 1], h->nodes[child]))
            child++;
        if (!h->less(h->nodes[child], node))
            break;
        place(h, h->nodes[child], i);
        i = child;
    }
    place(h, node, i);
}

void heap_add(struct heap *h, struct heap_node *node)
{
    ENSURE(node->at == 0 && h->n < UINT32_MAX);
    mem_grow(&h->nodes, &h->cap, h->n, sizeof(*h->nodes));
    h->n++;
    sift_up(h, node, h->n - 1);
}

void heap_moved(struct heap *h, struct heap_node *node)
{
    size_t i = node->at - 1;

    if (i > 0 && h->less(node, h->nodes[(i - 1) / 2]))
        sift_up(h, node, i);
    else
        sift_down(h, node, i);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    struct heap_node *last;
    size_t i = node->at;

    if (!i)
        return;
    node->at = 0;
    last = h->nodes[--h->n];
    if (last == node)
        return;
    place(h, last, i - 1);
    heap_moved(h, last);
}
