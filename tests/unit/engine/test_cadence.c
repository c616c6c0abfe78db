/* SPDX-License-Identifier: Apache-2.0 */
/* The times behind a rhythm: kept as gaps, in whatever order they come and however far apart. */
#include "base/mem.h"
#include "engine/cadence.h"
#include "world.h"

static const struct cadence_def def = {90 * DAYS, HOURS, 2};
static uint64_t seed;

static int64_t below(int64_t n)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (int64_t)(seed >> 20) % n;
}

/* The latest, oldest first. */
struct truth {
    int64_t times[CADENCE_TIMES_MAX + 1];
    size_t n;
    bool is_cut;
};

static bool add(struct truth *t, int64_t time_ms)
{
    size_t at = t->n;

    while (at > 0 && t->times[at - 1] > time_ms)
        at--;
    if (at == 0 && (t->is_cut || t->n == CADENCE_TIMES_MAX))
        return false;
    memmove(&t->times[at + 1], &t->times[at], (t->n - at) * sizeof(t->times[0]));
    t->times[at] = time_ms;
    t->n++;
    if (t->n <= CADENCE_TIMES_MAX)
        return true;
    memmove(t->times, t->times + 1, --t->n * sizeof(t->times[0]));
    return t->is_cut = true;
}

static void assert_same(const struct truth *t, const struct cadence *c)
{
    int64_t times[CADENCE_TIMES_MAX];

    assert_int_equal(cadence_times(c, times), t->n);
    assert_memory_equal(times, t->times, t->n * sizeof(times[0]));
    assert_true(cadence_last_ms(c) == t->times[t->n - 1]);
    assert_true(cadence_last_gap_ms(c) ==
                (t->n > 1 ? t->times[t->n - 1] - t->times[t->n - 2] : -1));
}

static void assert_packed(const struct truth *t, const struct cadence *c)
{
    struct buf a = BUF_INIT, b = BUF_INIT;
    struct cadence copy = {.n = 0};
    struct wire in;

    cadence_pack(c, &a);
    in = wire_of(buf_str(&a));
    cadence_unpack(&copy, &in);
    assert_true(!in.is_bad && in.at == in.end);
    assert_same(t, &copy);
    cadence_pack(&copy, &b);
    assert_true(str_eq(buf_str(&a), buf_str(&b)));
    cadence_deinit(&copy);
    buf_deinit(&a);
    buf_deinit(&b);
}

static void test_times(void **state)
{
    static const int64_t spread[] = {HOURS, DAYS, 49 * DAYS, 60 * DAYS, 100000 * DAYS};

    (void)state;
    seed = 1;
    for (size_t round = 0; round < 500; round++) {
        struct cadence c = {.n = 0};
        struct truth t = {.n = 0};
        int64_t now_ms = T0;

        for (size_t i = 0; i < 40; i++) {
            int64_t far = spread[(round + (size_t)below(20) / 19) % ARRAY_SIZE(spread)];
            int64_t time_ms = below(4) ? now_ms : now_ms - below(10 * far);

            if (time_ms < INSTANT_MIN_MS || now_ms > INSTANT_MAX_MS - far)
                continue;
            assert_int_equal(cadence_apply(&c, &def, time_ms), add(&t, time_ms));
            assert_same(&t, &c);
            now_ms += below(3) ? below(far) : 0;
        }
        assert_packed(&t, &c);
        cadence_deinit(&c);
    }
}

/* Sums that are not as of the latest interaction were never packed. */
static void test_other_ref(void **state)
{
    struct cadence c = {.n = 0}, copy = {.n = 0};
    struct buf packed = BUF_INIT, other = BUF_INIT;
    struct wire in;

    (void)state;
    assert_true(cadence_apply(&c, &def, T0));
    cadence_pack(&c, &packed);
    in = wire_of(buf_str(&packed));
    (void)wire_get_instant(&in);
    wire_put_i64(&other, T0 + 1);
    buf_add(&other, in.at, (size_t)(in.end - in.at));
    in = wire_of(buf_str(&other));
    cadence_unpack(&copy, &in);
    assert_true(in.is_bad);
    cadence_deinit(&c);
    cadence_deinit(&copy);
    buf_deinit(&packed);
    buf_deinit(&other);
}

/* The longest gap of 32 bits, and one more. */
static void test_edge(void **state)
{
    (void)state;
    for (int64_t more = -1; more <= 1; more++) {
        struct cadence c = {.n = 0};

        assert_true(cadence_apply(&c, &def, T0));
        assert_true(cadence_apply(&c, &def, T0 + 5));
        assert_true(cadence_apply(&c, &def, T0 + 5 + UINT32_MAX + more));
        assert_true(cadence_last_gap_ms(&c) == (int64_t)UINT32_MAX + more);
        assert_int_equal(c.is_wide, more > 0);
        assert_true(cadence_apply(&c, &def, T0 - UINT32_MAX));
        assert_true(cadence_last_gap_ms(&c) == (int64_t)UINT32_MAX + more);
        cadence_deinit(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_times), cmocka_unit_test(test_edge),
                                       cmocka_unit_test(test_other_ref)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
