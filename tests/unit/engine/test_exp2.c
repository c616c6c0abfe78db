/* SPDX-License-Identifier: Apache-2.0 */
/* 2^x and log2 against long double, over their whole range and near the hard places. */
#include "engine/exp2.h"
#include "base/hash.h"
#include "../unit.h"

#include <math.h>
#include <string.h>

static double unit(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(*seed >> 11) / 9007199254740992.0;
}

static double error_of(double got, long double want)
{
    return (double)fabsl(((long double)got - want) / want);
}

static void test_exp2(void **state)
{
    uint64_t seed = 1;
    double worst = 0;

    (void)state;
    for (int i = 0; i < 1000000; i++) {
        double x = i % 2 ? -unit(&seed) * 1000 : -unit(&seed) * 4;

        worst = fmax(worst, error_of(exp2_of(x), exp2l((long double)x)));
    }
    assert_true(worst < 1e-15);
    assert_true(exp2_of(0) == 1 && exp2_of(-1) == 0.5 && exp2_of(10) == 1024);
    assert_true(exp2_of(-1074) == 5e-324 && exp2_of(-1075) == 0 && exp2_of(-1e18) == 0);
    assert_true(exp2_of(1023) == 8.98846567431158e307);
}

static void test_log2(void **state)
{
    uint64_t seed = 2;
    double worst = 0;

    (void)state;
    for (int i = 0; i < 1000000; i++) {
        double x = i % 3 == 0   ? unit(&seed) * 1e6 + 1e-9
                   : i % 3 == 1 ? 0.9 + unit(&seed) * 0.2
                                : exp2(unit(&seed) * 2000 - 1000);

        if (x == 1)
            continue;
        worst = fmax(worst, error_of(log2_of(x), log2l((long double)x)));
    }
    assert_true(worst < 1e-15);
    assert_true(log2_of(1) == 0 && log2_of(8) == 3 && log2_of(0.25) == -2);
    assert_true(log2_of(5e-324) == -1074);
}

static void test_log2_at_least(void **state)
{
    uint64_t seed = 4;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        double x = exp2_of(unit(&seed) * 1000), less = log2_of(x) - log2_at_least(x);

        assert_true(less >= 0 && less < 0.09);
    }
    assert_true(log2_at_least(1) == 0 && log2_at_least(8) == 3 && log2_at_least(1.5) == 0.5);
}

/* Same log, same bytes, on any machine: these bits must never change. */
static void test_bits_are_fixed(void **state)
{
    uint64_t seed = 3, sum = 0;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        double pair[2] = {exp2_of(-unit(&seed) * 100), log2_of(unit(&seed) * 100 + 1e-6)};

        sum = hash64(pair, sizeof(pair), sum);
    }
    assert_int_equal(sum, 0xc2e63aa97df683c4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_exp2), cmocka_unit_test(test_log2),
                                       cmocka_unit_test(test_log2_at_least),
                                       cmocka_unit_test(test_bits_are_fixed)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
