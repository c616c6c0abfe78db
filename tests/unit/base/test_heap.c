/* SPDX-License-Identifier: Apache-2.0 */
/* The heap against sorting, with removals and moves in between. */
#include "base/heap.h"
#include "../unit.h"

#include <stdlib.h>

struct item {
    struct heap_node node;
    int key;
};

static bool item_less(const struct heap_node *a, const struct heap_node *b)
{
    return CONTAINER_OF(a, struct item, node)->key < CONTAINER_OF(b, struct item, node)->key;
}

static void test_random(void **state)
{
    static struct item items[500];
    struct heap h = HEAP_INIT(item_less);
    int last = -1;

    (void)state;
    srand(7);
    for (int i = 0; i < 500; i++) {
        items[i].key = rand() % 1000;
        heap_add(&h, &items[i].node);
    }
    for (int i = 0; i < 500; i += 3)
        heap_remove(&h, &items[i].node);
    heap_remove(&h, &items[0].node);
    for (int i = 1; i < 500; i += 3) {
        items[i].key = rand() % 1000;
        heap_moved(&h, &items[i].node);
    }
    assert_int_equal(h.n, 333);
    while (heap_top(&h)) {
        struct item *it = CONTAINER_OF(heap_top(&h), struct item, node);

        assert_true(it->key >= last);
        last = it->key;
        heap_remove(&h, &it->node);
    }
    heap_deinit(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
