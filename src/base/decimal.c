/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v = m * 2^e, with m below 2^53. Its first P digits are the whole number D next to v * 10^k, k = P
 * - 1 - floor(log10 v). v * 10^k = m * 5^k * 2^(e+k): below 5^27, m * 5^k is less than 2^116, so
 * that 128 bits hold it exactly, and D is rounded exactly as printf does. D / 10^k reads back to v
 * where it is less than half a step of m away: where 2 * |D * 2^-(e+k) - m * 5^k| < 5^k. The step
 * below a power of two is half as large. Neither side can be equal, for 5^k is odd.
 */
#include "base/decimal.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Then k is from 0 to POW5_MAX for 15 to 17 digits, though `power` may begin one too low or be
 * rounded up. */
#define LEAST      1e-10
#define MOST       1e14
#define DIGITS_MIN 15
#define DIGITS_MAX 17
#define POW5_MAX   27
#define M_LEAST    (1ULL << 52)
#define LOG10_2    0.30102999566398114

typedef unsigned __int128 wide;

static const uint64_t pow5[POW5_MAX + 1] = {1ULL,
                                            5ULL,
                                            25ULL,
                                            125ULL,
                                            625ULL,
                                            3125ULL,
                                            15625ULL,
                                            78125ULL,
                                            390625ULL,
                                            1953125ULL,
                                            9765625ULL,
                                            48828125ULL,
                                            244140625ULL,
                                            1220703125ULL,
                                            6103515625ULL,
                                            30517578125ULL,
                                            152587890625ULL,
                                            762939453125ULL,
                                            3814697265625ULL,
                                            19073486328125ULL,
                                            95367431640625ULL,
                                            476837158203125ULL,
                                            2384185791015625ULL,
                                            11920928955078125ULL,
                                            59604644775390625ULL,
                                            298023223876953125ULL,
                                            1490116119384765625ULL,
                                            7450580596923828125ULL};

static uint64_t pow10_of(int n)
{
    return pow5[n] << n;
}

struct binary {
    uint64_t m;
    int e;
};

static struct binary binary_of(double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    return (struct binary){.m = (bits & (M_LEAST - 1)) | M_LEAST,
                           .e = (int)(bits >> 52 & 0x7ff) - 1075};
}

/* v * 10^k as a whole number; whether it stands for v. */
static bool scale(struct binary b, int k, uint64_t *ret_d)
{
    wide exact = (wide)b.m * pow5[k], d, away;
    int s = -(b.e + k);
    bool is_below;

    if (s <= 0) {
        *ret_d = (uint64_t)(exact << -s);
        return true;
    }
    d = exact >> s;
    away = exact - (d << s);
    is_below = away < (wide)1 << (s - 1) || (away == (wide)1 << (s - 1) && !(d & 1));
    if (!is_below) {
        d++;
        away = (d << s) - exact;
    }
    *ret_d = (uint64_t)d;
    return (b.m == M_LEAST && is_below ? 4 : 2) * away < pow5[k];
}

/* `n` digits of v, rounded, and what the first of them is worth: 10^power; whether they stand for
 * v. */
static bool first_digits(struct binary b, int n, uint64_t *ret_d, int *ret_power)
{
    int power = (int)floor((b.e + 52) * LOG10_2); /* or one more, or two where it is rounded up */
    bool is_same = scale(b, n - 1 - power, ret_d);

    while (*ret_d >= pow10_of(n))
        is_same = scale(b, n - 1 - ++power, ret_d);
    *ret_power = power;
    return is_same;
}

static size_t put_digits(char *to, uint64_t d, int n)
{
    for (int i = n - 1; i >= 0; i--, d /= 10)
        to[i] = (char)('0' + d % 10);
    return (size_t)n;
}

/* `n` digits, the first one worth 10^power, as %g has them. */
static size_t lay_out(char *text, const char *digits, int n, int power)
{
    char *to = text;
    int whole = power < -4 ? 1 : power + 1;

    if (whole <= 0) {
        memcpy(to, "0.0000", 6);
        to += 2 - whole;
    }
    for (int i = 0; i < n || i < whole; i++) {
        if (i == whole && i > 0)
            *to++ = '.';
        *to++ = i < n ? digits[i] : '0';
    }
    if (power < -4) {
        memcpy(to, "e-", 2);
        to += 2 + put_digits(to + 2, (uint64_t)-power, 2);
    }
    return (size_t)(to - text);
}

size_t decimal_of(double v, char text[DECIMAL_MAX])
{
    double size = fabs(v);
    struct binary b = binary_of(size);
    char digits[DIGITS_MAX];
    int n, power;
    uint64_t d;

    if (!(size >= LEAST && size < MOST))
        return 0;
    for (n = DIGITS_MIN; !first_digits(b, n, &d, &power) && n < DIGITS_MAX; n++)
        ;
    for (; d % 10 == 0; n--)
        d /= 10;
    (void)put_digits(digits, d, n);
    text[0] = '-';
    return lay_out(text + (v < 0), digits, n, power) + (v < 0);
}
