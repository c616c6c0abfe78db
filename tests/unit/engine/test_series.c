/* SPDX-License-Identifier: Apache-2.0 */
/* Windows over events, against a plain list of them. */
#include "engine/series.h"
#include "world.h"

#include <math.h>

#define N_MANY 100000

struct plain {
    int64_t at[N_MANY];
    double value[N_MANY];
    size_t n;
};

static struct series_total total_of(const struct plain *p, int64_t after_ms)
{
    struct series_total t = {0};

    for (size_t i = 0; i < p->n; i++) {
        if (p->at[i] <= after_ms)
            continue;
        t.n++;
        t.sum += p->value[i];
    }
    return t;
}

static void add(struct series *s, struct plain *p, int64_t at, double value)
{
    series_add(s, true, at, value);
    p->at[p->n] = at;
    p->value[p->n++] = value;
}

static void test_exact_up_to_64(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int round = 0; round < 50; round++) {
        struct plain *p = mem_calloc(1, sizeof(*p));
        struct series s = {0};

        for (int i = 0; i < 400; i++) {
            int64_t late = world_below(&seed, 5) == 0 ? (int64_t)world_below(&seed, 900) : 0;

            add(&s, p, T0 + i * 20 - late, (double)world_below(&seed, 10));
            for (int64_t back = 0; back < 2000; back += 37) {
                struct series_total want = total_of(p, T0 + i * 20 - back);
                struct series_total got = series_after(&s, true, T0 + i * 20 - back);

                if (want.n > 64)
                    break;
                assert_int_equal(got.n, want.n);
                assert_true(got.sum == want.sum);
            }
        }
        series_deinit(&s);
        mem_free(p);
    }
}

/* At most 2 % too many, never too few; and memory stays small. */
static void test_error_of_many(void **state)
{
    struct plain *p = mem_calloc(1, sizeof(*p));
    struct series s = {0};
    uint64_t seed = 2;
    int64_t at = T0;

    (void)state;
    for (int i = 0; i < N_MANY; i++) {
        at += (int64_t)world_below(&seed, 2000);
        add(&s, p, at, 1);
    }
    for (int i = 0; i < 500; i++) {
        int64_t after = at - (int64_t)world_below(&seed, (uint64_t)(at - T0));
        struct series_total want = total_of(p, after), got = series_after(&s, true, after);

        assert_true(got.n >= want.n);
        assert_true((double)(got.n - want.n) <= 0.02 * (double)want.n);
        assert_true(got.sum == (double)got.n);
    }
    assert_true(s.n < 800);
    series_deinit(&s);
    mem_free(p);
}

static void test_one_instant(void **state)
{
    struct series s = {0};

    (void)state;
    for (int i = 0; i < 70000; i++)
        series_add(&s, false, T0, 1);
    series_add(&s, false, T0 + 1, 1);
    assert_int_equal(series_after(&s, false, T0 - 1).n, 70001);
    assert_int_equal(series_after(&s, false, T0).n, 1);
    assert_true(s.n <= 4);
    series_deinit(&s);
}

static void test_expire(void **state)
{
    struct series s = {0};

    (void)state;
    for (int i = 0; i < 10; i++)
        series_add(&s, true, T0 + i, i);
    series_expire(&s, true, T0 + 3);
    assert_int_equal(s.n, 6);
    assert_int_equal(series_after(&s, true, 0).n, 6);
    assert_true(series_after(&s, true, 0).sum == 39);
    series_expire(&s, true, T0 + 100);
    assert_int_equal(s.n, 0);
    series_add(&s, true, T0 + 200, 7);
    assert_true(series_after(&s, true, 0).sum == 7);
    series_deinit(&s);
}

struct met {
    struct series_total of[300];
    size_t n;
};

static void meet(void *ctx, struct series_total total)
{
    struct met *m = ctx;

    assert_true(m->n < ARRAY_SIZE(m->of));
    m->of[m->n++] = total;
}

static bool has_met(const struct met *m, struct series_total t)
{
    for (size_t i = 0; i < m->n; i++) {
        if (m->of[i].n == t.n && m->of[i].sum == t.sum)
            return true;
    }
    return false;
}

/* All the totals on the way, to the bit, and no others. */
static void test_sweep(void **state)
{
    struct series s = {0};
    uint64_t seed = 4;

    (void)state;
    for (int i = 0; i < 60; i++)
        series_add(&s, true, T0 + (int64_t)world_below(&seed, 500), world_unit(&seed));
    for (int round = 0; round < 100; round++) {
        int64_t first = T0 - 10 + (int64_t)world_below(&seed, 500);
        int64_t last = first + (int64_t)world_below(&seed, 100);
        struct met met = {.n = 0}, all = {.n = 0};

        series_sweep(&s, true, first, last, meet, &met);
        for (int64_t t = first; t <= last; t++) {
            assert_true(has_met(&met, series_after(&s, true, t)));
            meet(&all, series_after(&s, true, t));
        }
        for (size_t i = 0; i < met.n; i++)
            assert_true(has_met(&all, met.of[i]));
    }
    series_deinit(&s);
}

static void test_pack(void **state)
{
    (void)state;
    for (int has_values = 0; has_values < 2; has_values++) {
        struct series s = {0}, copy = {0};
        struct buf packed = BUF_INIT;
        struct wire in;

        for (int i = 0; i < 500; i++)
            series_add(&s, has_values, T0 + i * i, 0.5 * i);
        series_pack(&s, has_values, &packed);
        in = wire_of(buf_str(&packed));
        series_unpack(&copy, has_values, &in);
        assert_true(!in.is_bad && in.at == in.end && copy.n == s.n);
        for (int i = 0; i < 500; i += 7) {
            struct series_total a = series_after(&s, has_values, T0 + i * i);
            struct series_total b = series_after(&copy, has_values, T0 + i * i);

            assert_true(a.n == b.n && a.sum == b.sum);
        }
        series_deinit(&s);
        series_deinit(&copy);
        buf_deinit(&packed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_up_to_64), cmocka_unit_test(test_error_of_many),
        cmocka_unit_test(test_one_instant),    cmocka_unit_test(test_expire),
        cmocka_unit_test(test_sweep),          cmocka_unit_test(test_pack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
