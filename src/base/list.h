/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An intrusive, circular, doubly linked list. A list owns nothing: it is membership only. A node
 * knows whether it is linked (its pointers are NULL when it is not).
 */
#include "base/err.h"

struct list {
    struct list *next;
    struct list *prev;
};

#define LIST_INIT(head)                                                                            \
    {                                                                                              \
        .next = &(head), .prev = &(head)                                                           \
    }
#define LIST_EACH(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)
/* The body may unlink `it`. */
#define LIST_EACH_SAFE(it, head)                                                                   \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                      \
         it = it##_next, it##_next = it->next)

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline bool list_is_linked(const struct list *node)
{
    return node->next != NULL;
}

static inline void list_append(struct list *head, struct list *node)
{
    ENSURE(!list_is_linked(node));
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void list_prepend(struct list *head, struct list *node)
{
    list_append(head->next, node);
}

/* Accepts a node that is not linked. */
static inline void list_unlink(struct list *node)
{
    if (!list_is_linked(node))
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = NULL;
}

/* Moves all of `from` to the end of `to`. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

static inline struct list *list_first(const struct list *head)
{
    return list_is_empty(head) ? NULL : head->next;
}
