/* SPDX-License-Identifier: Apache-2.0 */
/* An array in log order, behind one pointer in the profile. */
#include "engine/graves.h"

#include "base/mem.h"
#include "engine/profile.h"

struct graves *graves_free(struct graves *g)
{
    if (!g)
        return NULL;
    list_unlink(&g->node);
    for (size_t i = 0; i < g->n; i++)
        mem_free((void *)(uintptr_t)g->items[i].packed.ptr);
    mem_free(g->items);
    return mem_free(g);
}

size_t graves_bytes(const struct graves *g)
{
    size_t n = g ? sizeof(*g) + g->cap * sizeof(*g->items) : 0;

    for (size_t i = 0; g && i < g->n; i++)
        n += g->items[i].packed.len + 16;
    return n;
}

void graves_add(struct profile *p, int64_t offset, struct str packed)
{
    struct graves *g = p->graves;

    if (!g) {
        g = p->graves = mem_calloc(1, sizeof(*g));
        g->owner = p;
    }
    mem_grow(&g->items, &g->cap, g->n, sizeof(*g->items));
    g->items[g->n++] = (struct grave){offset, packed};
}

struct str graves_find(const struct profile *p, int64_t offset)
{
    for (size_t i = 0; p->graves && i < p->graves->n; i++) {
        if (p->graves->items[i].offset == offset)
            return p->graves->items[i].packed;
    }
    return STR_NULL;
}

bool graves_drop(struct profile *p, int64_t offset)
{
    struct graves *g = p->graves;
    size_t n_before = g->n, n = 0;

    for (size_t i = 0; i < n_before; i++) {
        if (g->items[i].offset > offset)
            g->items[n++] = g->items[i];
        else
            mem_free((void *)(uintptr_t)g->items[i].packed.ptr);
    }
    g->n = n;
    if (!n)
        p->graves = graves_free(g);
    return n < n_before;
}

void graves_move(struct profile *to, struct profile *from)
{
    to->graves = from->graves;
    from->graves = NULL;
    if (!to->graves)
        return;
    list_unlink(&to->graves->node);
    to->graves->owner = to;
}

/* ---------------------------------------------------------------- packing */

void graves_pack(const struct profile *p, const struct model *m, struct buf *out)
{
    (void)m;
    if (!p->graves)
        return;
    wire_put_u64(out, p->is_gone);
    for (size_t i = 0; i < p->graves->n; i++) {
        wire_put_i64(out, p->graves->items[i].offset);
        wire_put_str(out, p->graves->items[i].packed);
    }
}

void graves_unpack(struct profile *p, const struct model *m, struct wire *in)
{
    (void)m;
    in->is_bad |= p->graves != NULL; /* the section comes once */
    p->is_gone = wire_get_u64(in) != 0;
    while (in->at < in->end && !in->is_bad) {
        int64_t offset = wire_get_i64(in);
        struct str packed = wire_get_str(in);

        in->is_bad |= !packed.len;
        if (!in->is_bad)
            graves_add(p, offset, (struct str){mem_strndup(packed.ptr, packed.len), packed.len});
    }
    in->is_bad |= p->is_gone && !p->graves;
}
