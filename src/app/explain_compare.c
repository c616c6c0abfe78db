/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two triggers, field by field. History from files has other places than that from Kafka: where a
 * record is, is compared only if both are from there.
 */
#include "app/explain_impl.h"

#include "base/mem.h"

static bool is_place(const char *name)
{
    return strcmp(name, "topic") == 0 || strcmp(name, "partition") == 0 ||
           strcmp(name, "offset") == 0;
}

static void differ(struct explanation *x, const struct buf *path, const json_t *told,
                   const json_t *recomputed)
{
    struct difference *d;

    mem_grow(&x->differences, &x->cap_differences, x->n_differences, sizeof(*x->differences));
    d = &x->differences[x->n_differences++];
    d->field = mem_strndup(path->ptr, path->len);
    d->told = json_incref((json_t *)(uintptr_t)told);
    d->recomputed = json_incref((json_t *)(uintptr_t)recomputed);
}

static void compare(struct explanation *x, struct buf *path, const json_t *told,
                    const json_t *recomputed);

static void compare_member(struct explanation *x, struct buf *path, const char *name,
                           const json_t *told, const json_t *recomputed)
{
    size_t len = path->len;

    if (!x->is_from_kafka && is_place(name))
        return;
    buf_addf(path, "%s%s", len ? "." : "", name);
    compare(x, path, told, recomputed);
    path->len = len;
}

static void compare_objects(struct explanation *x, struct buf *path, json_t *told,
                            json_t *recomputed)
{
    const char *name;
    json_t *value;

    json_object_foreach(told, name, value)
        compare_member(x, path, name, value, json_object_get(recomputed, name));
    json_object_foreach(recomputed, name, value)
    {
        if (!json_object_get(told, name))
            compare_member(x, path, name, NULL, value);
    }
}

static void compare_arrays(struct explanation *x, struct buf *path, const json_t *told,
                           const json_t *recomputed)
{
    size_t n_told = json_array_size(told), n_recomputed = json_array_size(recomputed);

    for (size_t i = 0; i < n_told || i < n_recomputed; i++) {
        size_t len = path->len;

        buf_addf(path, "[%zu]", i);
        compare(x, path, json_array_get(told, i), json_array_get(recomputed, i));
        path->len = len;
    }
}

static bool is_equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    return a && b && json_equal(a, b);
}

static void compare(struct explanation *x, struct buf *path, const json_t *told,
                    const json_t *recomputed)
{
    if (json_is_object(told) && json_is_object(recomputed))
        compare_objects(x, path, (json_t *)(uintptr_t)told, (json_t *)(uintptr_t)recomputed);
    else if (json_is_array(told) && json_is_array(recomputed))
        compare_arrays(x, path, told, recomputed);
    else if (!is_equal(told, recomputed))
        differ(x, path, told, recomputed);
}

void explain_compare(struct explanation *x)
{
    struct buf path = BUF_INIT;

    compare(x, &path, x->told, x->recomputed);
    buf_deinit(&path);
}
