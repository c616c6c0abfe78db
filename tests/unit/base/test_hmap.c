/* SPDX-License-Identifier: Apache-2.0 */
/* The map finds what was added, also among equal hashes, and forgets what was removed. */
#include "base/hmap.h"
#include "../unit.h"

struct item {
    struct hmap_node node;
    int key;
};

static struct item *find(struct hmap *m, int key)
{
    for (struct hmap_node *n = hmap_first(m, (uint64_t)key % 7); n;
         n = hmap_next(n, (uint64_t)key % 7)) {
        struct item *it = CONTAINER_OF(n, struct item, node);

        if (it->key == key)
            return it;
    }
    return NULL;
}

static void test_add_find_remove(void **state)
{
    static struct item items[200];
    struct hmap m = HMAP_INIT;
    size_t n = 0;

    (void)state;
    assert_null(find(&m, 1));
    for (int i = 0; i < 200; i++) {
        items[i].key = i;
        hmap_add(&m, &items[i].node, (uint64_t)i % 7);
    }
    for (int i = 0; i < 200; i += 2)
        hmap_remove(&m, &items[i].node);
    for (int i = 0; i < 200; i++)
        assert_ptr_equal(find(&m, i), i % 2 ? &items[i] : NULL);
    HMAP_EACH(it, &m)
    n += it != NULL;
    assert_int_equal(n, 100);
    for (struct hmap_node *it = hmap_any(&m); it; it = hmap_any(&m))
        hmap_remove(&m, it);
    hmap_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_add_find_remove)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
