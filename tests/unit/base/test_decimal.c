/* SPDX-License-Identifier: Apache-2.0 */
/* Held against the C library's own printf and strtod, by trial of 15, 16 and 17 digits. */
#include "base/decimal.h"
#include "base/str.h"
#include "../unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t n_random = 88172645463325252ULL;

static uint64_t draw(void)
{
    n_random ^= n_random << 13;
    n_random ^= n_random >> 7;
    n_random ^= n_random << 17;
    return n_random;
}

static void check(double v)
{
    char want[64], text[DECIMAL_MAX];
    size_t n = decimal_of(v, text);
    bool is_within = fabs(v) >= 1e-10 && fabs(v) < 1e14;

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(want, sizeof(want), "%.*g", digits, v);
        if (strtod(want, NULL) == v)
            break;
    }
    assert_int_equal(n > 0, is_within);
    if (is_within && (n != strlen(want) || memcmp(text, want, n) != 0))
        fail_msg("%.*s, not %s", (int)n, text, want);
}

static void check_near(double v)
{
    check(v);
    check(-v);
    check(nextafter(v, INFINITY));
    check(nextafter(v, 0));
    check(nextafter(nextafter(v, 0), 0));
}

static void test_powers(void **state)
{
    (void)state;
    for (int e = -60; e < 60; e++)
        check_near(ldexp(1, e));
    for (int e = -20; e < 20; e++) {
        check_near(pow(10, e));
        check_near(5 * pow(10, e));
        check_near(9.5 * pow(10, e));
    }
    check_near(999999999999999.9);
    check_near(99999999999999.99);
    check_near(9.9999999999999982);
    check_near(0.1 + 0.2);
    check_near(5e-324);
    check_near(1.7976931348623157e308);
    check(0);
    check(INFINITY);
    check(NAN);
}

/* Halves in the last digit: as printf, to even. */
static void test_ties(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++)
        check(ldexp((double)(draw() >> 11 | 1), -(int)(draw() % 60)));
    for (int i = 0; i < 100000; i++)
        check((double)(draw() % 100000000000000) + 0.5);
}

static void test_random(void **state)
{
    (void)state;
    for (int i = 0; i < 300000; i++) {
        uint64_t bits = (draw() & ((1ULL << 52) - 1)) | (uint64_t)(1023 - 34 + draw() % 81) << 52;
        double v;

        memcpy(&v, &bits, sizeof(v));
        check(v);
    }
}

/* What people write. */
static void test_short(void **state)
{
    (void)state;
    for (int i = 0; i < 300000; i++)
        check((double)(draw() % 1000000) / (double)(1 + draw() % 1000));
    for (int i = 1; i < 100000; i++) {
        check(i / 100.0);
        check(i / 1e6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_powers),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
