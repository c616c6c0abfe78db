/* SPDX-License-Identifier: Apache-2.0 */
/* By stakeholder. Empty but for the first records of a takeover. */
#include "engine/ahead.h"

#include "base/mem.h"

struct ahead {
    struct hmap_node node;
    struct str id, packed; /* owned */
    int64_t offset;        /* of the last record that it holds */
};

static size_t bytes_of(const struct ahead *a)
{
    return mem_taken(sizeof(*a)) + mem_taken(a->id.len + 1) + mem_taken(a->packed.len + 1);
}

static struct str copy(struct str s)
{
    return (struct str){mem_strndup(s.ptr, s.len), s.len};
}

static struct ahead *find(const struct engine *e, struct str id)
{
    uint64_t hash = hash64(id.ptr, id.len, e->seed);

    for (struct hmap_node *n = hmap_first(&e->ahead, hash); n; n = hmap_next(n, hash)) {
        struct ahead *a = CONTAINER_OF(n, struct ahead, node);

        if (str_eq(a->id, id))
            return a;
    }
    return NULL;
}

static void discard(struct engine *e, struct ahead *a)
{
    hmap_remove(&e->ahead, &a->node);
    e->stats.n_bytes -= bytes_of(a);
    mem_free((void *)(uintptr_t)a->id.ptr);
    mem_free((void *)(uintptr_t)a->packed.ptr);
    mem_free(a);
}

void ahead_keep(struct engine *e, const struct profile *p, struct str packed)
{
    struct ahead *a;

    if (e->is_shadow || p->stored_offset <= e->offset)
        return;
    ahead_drop(e, profile_id(p));
    a = mem_calloc(1, sizeof(*a));
    a->id = copy(profile_id(p));
    a->packed = copy(packed);
    a->offset = p->stored_offset;
    hmap_add(&e->ahead, &a->node, hash64(a->id.ptr, a->id.len, e->seed));
    e->stats.n_bytes += bytes_of(a);
    if (a->offset > e->ahead_until)
        e->ahead_until = a->offset;
}

bool ahead_has(const struct engine *e, struct str id)
{
    const struct ahead *a = find(e, id);

    return a && a->offset >= e->offset;
}

/* The bytes are the store's: those that only another model understands leave things as they are. */
static void unpack(struct engine *e, const struct ahead *a)
{
    struct profile *p = profile_new(e->model, a->id), *former = engine_find(e, a->id);
    int64_t as_of_ms;

    if (!profile_unpack(p, e->model, a->packed, &as_of_ms)) {
        profile_free(p, e->model);
        return;
    }
    if (former)
        engine_drop_profile(e, former);
    engine_add_profile(e, p);
    engine_resume(e, p, as_of_ms);
}

void ahead_unpack(struct engine *e)
{
    HMAP_EACH(it, &e->ahead)
    {
        const struct ahead *a = CONTAINER_OF(it, struct ahead, node);

        if (a->offset >= e->offset)
            unpack(e, a);
    }
}

void ahead_drop(struct engine *e, struct str id)
{
    struct ahead *a = find(e, id);

    if (a)
        discard(e, a);
}

void ahead_expire(struct engine *e, int64_t offset)
{
    if (e->ahead.n && offset > e->ahead_until)
        ahead_deinit(e);
}

void ahead_deinit(struct engine *e)
{
    for (struct hmap_node *n = hmap_any(&e->ahead); n; n = hmap_any(&e->ahead))
        discard(e, CONTAINER_OF(n, struct ahead, node));
    hmap_deinit(&e->ahead);
    e->ahead_until = -1;
}
