/* SPDX-License-Identifier: Apache-2.0 */
/* What is known again: by number, by age, and never more than so many. */
#include "engine/dedup.h"
#include "world.h"

static void test_by_count(void **state)
{
    struct dedup *d = NULL;

    (void)state;
    for (uint64_t i = 0; i < 10; i++)
        dedup_add(&d, i, 1000, 4, INT64_MAX); /* all are older than the horizon */
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(dedup_has(d, i), i >= 6);
    assert_int_equal(d->n, 4);
    dedup_free(d);
}

static void test_by_age(void **state)
{
    struct dedup *d = NULL;

    (void)state;
    for (uint64_t i = 0; i < 10; i++)
        dedup_add(&d, i, (int64_t)i * SECONDS, 2, 5 * SECONDS);
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(dedup_has(d, i), i >= 5);
    dedup_free(d);
}

static void test_flood(void **state)
{
    struct dedup *d = NULL;

    (void)state;
    for (uint64_t i = 0; i < 3 * DEDUP_MAX; i++)
        dedup_add(&d, i, T0, 64, 0);
    assert_int_equal(d->n, DEDUP_MAX);
    assert_true(dedup_has(d, 3 * DEDUP_MAX - 1) && !dedup_has(d, 2 * DEDUP_MAX - 1));
    dedup_free(d);
}

static void test_pack(void **state)
{
    struct dedup *d = NULL, *copy;
    struct buf packed = BUF_INIT;
    struct wire in;

    (void)state;
    for (uint64_t i = 0; i < 20; i++)
        dedup_add(&d, i * 0x123456789abcdefULL, (int64_t)i * SECONDS, 64, 0);
    dedup_pack(d, &packed);
    in = wire_of(buf_str(&packed));
    copy = dedup_unpack(&in);
    assert_true(!in.is_bad && in.at == in.end && copy->n == d->n);
    for (uint32_t i = 0; i < d->n; i++) {
        assert_true(dedup_hash(copy, i) == dedup_hash(d, i));
        assert_int_equal(dedup_seconds(copy, i), dedup_seconds(d, i));
    }
    dedup_free(d);
    dedup_free(copy);
    buf_deinit(&packed);
}

/* However often the front is forgotten and the room moved: it knows the latest, and no other. */
static void test_front(void **state)
{
    for (uint32_t most = 1; most < 40; most++) {
        struct dedup *d = NULL;

        (void)state;
        for (uint64_t i = 0; i < 200; i++) {
            dedup_add(&d, i * 0x9e3779b97f4a7c15ULL, T0, most, INT64_MAX);
            for (uint64_t k = 0; k <= i; k++)
                assert_int_equal(dedup_has(d, k * 0x9e3779b97f4a7c15ULL), k + most > i);
        }
        assert_true(dedup_bytes(d) <= (most + 12) * 12);
        dedup_free(d);
    }
}

/* Hashes of which one half is another's are others; the last of them is found as the first. */
static void test_halves(void **state)
{
    struct dedup *d = NULL;

    (void)state;
    for (uint64_t i = 1; i <= 50; i++)
        dedup_add(&d, i << 32 | i, T0, 64, 0);
    for (uint64_t i = 1; i <= 50; i++) {
        assert_true(dedup_has(d, i << 32 | i));
        assert_false(dedup_has(d, i << 32 | (i % 50 + 1)));
        assert_false(dedup_has(d, (i % 50 + 1) << 32 | i));
    }
    dedup_free(d);
}

/* Asked to know more than it may, it knows as many as can be packed and read again. */
static void test_most(void **state)
{
    struct dedup *d = NULL, *copy;
    struct buf packed = BUF_INIT;
    struct wire in;

    (void)state;
    for (uint64_t i = 0; i < 3 * DEDUP_MAX; i++)
        dedup_add(&d, i, T0, 65536, INT64_MAX);
    assert_int_equal(d->n, DEDUP_MAX);
    assert_true(dedup_has(d, 3 * DEDUP_MAX - 1) && dedup_has(d, 2 * DEDUP_MAX));
    assert_false(dedup_has(d, 2 * DEDUP_MAX - 1));
    dedup_pack(d, &packed);
    in = wire_of(buf_str(&packed));
    copy = dedup_unpack(&in);
    assert_true(!in.is_bad && copy && copy->n == d->n);
    dedup_free(d);
    dedup_free(copy);
    buf_deinit(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_count), cmocka_unit_test(test_front),
        cmocka_unit_test(test_by_age),   cmocka_unit_test(test_flood),
        cmocka_unit_test(test_pack),     cmocka_unit_test(test_most),
        cmocka_unit_test(test_halves)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
