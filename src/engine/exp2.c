/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 2^x = 2^n * 2^(i/64) * 2^r with |r| <= 1/128: an exponent, a table and a short polynomial. log2
 * splits off the exponent, brings the rest near 1 with a table of reciprocals, and sums the series.
 * The tables were computed with 60 decimal digits and rounded once.
 */
#include "engine/exp2.h"

#include "base/err.h"

#include <string.h>

/* 2^(i/64): nearest double, and what it lacks. */
static const double exp2_table[64][2] = {
    {0x1.0000000000000p+0, 0x0.0p+0},
    {0x1.02c9a3e778061p+0, -0x1.19083535b085dp-56},
    {0x1.059b0d3158574p+0, 0x1.d73e2a475b465p-55},
    {0x1.0874518759bc8p+0, 0x1.186be4bb284ffp-57},
    {0x1.0b5586cf9890fp+0, 0x1.8a62e4adc610bp-54},
    {0x1.0e3ec32d3d1a2p+0, 0x1.03a1727c57b53p-59},
    {0x1.11301d0125b51p+0, -0x1.6c51039449b3ap-54},
    {0x1.1429aaea92de0p+0, -0x1.32fbf9af1369ep-54},
    {0x1.172b83c7d517bp+0, -0x1.19041b9d78a76p-55},
    {0x1.1a35beb6fcb75p+0, 0x1.e5b4c7b4968e4p-55},
    {0x1.1d4873168b9aap+0, 0x1.e016e00a2643cp-54},
    {0x1.2063b88628cd6p+0, 0x1.dc775814a8495p-55},
    {0x1.2387a6e756238p+0, 0x1.9b07eb6c70573p-54},
    {0x1.26b4565e27cddp+0, 0x1.2bd339940e9d9p-55},
    {0x1.29e9df51fdee1p+0, 0x1.612e8afad1255p-55},
    {0x1.2d285a6e4030bp+0, 0x1.0024754db41d5p-54},
    {0x1.306fe0a31b715p+0, 0x1.6f46ad23182e4p-55},
    {0x1.33c08b26416ffp+0, 0x1.32721843659a6p-54},
    {0x1.371a7373aa9cbp+0, -0x1.63aeabf42eae2p-54},
    {0x1.3a7db34e59ff7p+0, -0x1.5e436d661f5e3p-56},
    {0x1.3dea64c123422p+0, 0x1.ada0911f09ebcp-55},
    {0x1.4160a21f72e2ap+0, -0x1.ef3691c309278p-58},
    {0x1.44e086061892dp+0, 0x1.89b7a04ef80d0p-59},
    {0x1.486a2b5c13cd0p+0, 0x1.3c1a3b69062f0p-56},
    {0x1.4bfdad5362a27p+0, 0x1.d4397afec42e2p-56},
    {0x1.4f9b2769d2ca7p+0, -0x1.4b309d25957e3p-54},
    {0x1.5342b569d4f82p+0, -0x1.07abe1db13cadp-55},
    {0x1.56f4736b527dap+0, 0x1.9bb2c011d93adp-54},
    {0x1.5ab07dd485429p+0, 0x1.6324c054647adp-54},
    {0x1.5e76f15ad2148p+0, 0x1.ba6f93080e65ep-54},
    {0x1.6247eb03a5585p+0, -0x1.383c17e40b497p-54},
    {0x1.6623882552225p+0, -0x1.bb60987591c34p-54},
    {0x1.6a09e667f3bcdp+0, -0x1.bdd3413b26456p-54},
    {0x1.6dfb23c651a2fp+0, -0x1.bbe3a683c88abp-57},
    {0x1.71f75e8ec5f74p+0, -0x1.16e4786887a99p-55},
    {0x1.75feb564267c9p+0, -0x1.0245957316dd3p-54},
    {0x1.7a11473eb0187p+0, -0x1.41577ee04992fp-55},
    {0x1.7e2f336cf4e62p+0, 0x1.05d02ba15797ep-56},
    {0x1.82589994cce13p+0, -0x1.d4c1dd41532d8p-54},
    {0x1.868d99b4492edp+0, -0x1.fc6f89bd4f6bap-54},
    {0x1.8ace5422aa0dbp+0, 0x1.6e9f156864b27p-54},
    {0x1.8f1ae99157736p+0, 0x1.5cc13a2e3976cp-55},
    {0x1.93737b0cdc5e5p+0, -0x1.75fc781b57ebcp-57},
    {0x1.97d829fde4e50p+0, -0x1.d185b7c1b85d1p-54},
    {0x1.9c49182a3f090p+0, 0x1.c7c46b071f2bep-56},
    {0x1.a0c667b5de565p+0, -0x1.359495d1cd533p-54},
    {0x1.a5503b23e255dp+0, -0x1.d2f6edb8d41e1p-54},
    {0x1.a9e6b5579fdbfp+0, 0x1.0fac90ef7fd31p-54},
    {0x1.ae89f995ad3adp+0, 0x1.7a1cd345dcc81p-54},
    {0x1.b33a2b84f15fbp+0, -0x1.2805e3084d708p-57},
    {0x1.b7f76f2fb5e47p+0, -0x1.5584f7e54ac3bp-56},
    {0x1.bcc1e904bc1d2p+0, 0x1.23dd07a2d9e84p-55},
    {0x1.c199bdd85529cp+0, 0x1.11065895048ddp-55},
    {0x1.c67f12e57d14bp+0, 0x1.2884dff483cadp-54},
    {0x1.cb720dcef9069p+0, 0x1.503cbd1e949dbp-56},
    {0x1.d072d4a07897cp+0, -0x1.cbc3743797a9cp-54},
    {0x1.d5818dcfba487p+0, 0x1.2ed02d75b3707p-55},
    {0x1.da9e603db3285p+0, 0x1.c2300696db532p-54},
    {0x1.dfc97337b9b5fp+0, -0x1.1a5cd4f184b5cp-54},
    {0x1.e502ee78b3ff6p+0, 0x1.39e8980a9cc8fp-55},
    {0x1.ea4afa2a490dap+0, -0x1.e9c23179c2893p-54},
    {0x1.efa1bee615a27p+0, 0x1.dc7f486a4b6b0p-54},
    {0x1.f50765b6e4540p+0, 0x1.9d3e12dd8a18bp-54},
    {0x1.fa7c1819e90d8p+0, 0x1.74853f3a5931ep-55},
};

/* 1/c and log2(c) in two parts, for c the middle of each 64th of [1, 2). */
static const double log2_table[64][3] = {
    {0x1.fc07f01fc07f0p-1, 0x1.6fe50b6e00000p-7, 0x1.e10ba1463d48cp-40},
    {0x1.f44659e4a4271p-1, 0x1.11cd1d5100000p-5, 0x1.9a0d857e2f4b2p-40},
    {0x1.ecc07b301ecc0p-1, 0x1.c4dfab9000000p-5, 0x1.556d4ff3955ffp-38},
    {0x1.e573ac901e574p-1, 0x1.3aa2fdd200000p-4, 0x1.fc6fb81722ebbp-38},
    {0x1.de5d6e3f8868ap-1, 0x1.918a16e400000p-4, 0x1.8cd786e6b2d37p-38},
    {0x1.d77b654b82c34p-1, 0x1.e72ec11700000p-4, 0x1.f4b596781f447p-37},
    {0x1.d0cb58f6ec074p-1, 0x1.1dcd197500000p-3, 0x1.4adf28738eee3p-37},
    {0x1.ca4b3055ee191p-1, 0x1.476a9f9800000p-3, 0x1.fba69e61c67a0p-38},
    {0x1.c3f8f01c3f8f0p-1, 0x1.70742d4e00000p-3, 0x1.e04ffc4d4b048p-36},
    {0x1.bdd2b899406f7p-1, 0x1.98edd07700000p-3, 0x1.ce1c1e6889b18p-36},
    {0x1.b7d6c3dda338bp-1, 0x1.c0db6cdd00000p-3, 0x1.29bdec2d8d412p-36},
    {0x1.b2036406c80d9p-1, 0x1.e840be7400000p-3, 0x1.cd499a6a92f0fp-36},
    {0x1.ac5701ac5701bp-1, 0x1.0790adbb00000p-2, 0x1.804528474da30p-41},
    {0x1.a6d01a6d01a6dp-1, 0x1.1ac05b2900000p-2, 0x1.f0705851c5603p-38},
    {0x1.a16d3f97a4b02p-1, 0x1.2db10fc400000p-2, 0x1.b355c40bdde05p-35},
    {0x1.9c2d14ee4a102p-1, 0x1.406463b100000p-2, 0x1.608901fd24148p-35},
    {0x1.970e4f80cb872p-1, 0x1.52dbdfc400000p-2, 0x1.92d6a7fdca236p-35},
    {0x1.920fb49d0e229p-1, 0x1.6518fe4600000p-2, 0x1.dee99254b5c0cp-36},
    {0x1.8d3018d3018d3p-1, 0x1.771d2ba700000p-2, 0x1.df677d46a7d5dp-35},
    {0x1.886e5f0abb04ap-1, 0x1.88e9c72e00000p-2, 0x1.644821840674ap-39},
    {0x1.83c977ab2beddp-1, 0x1.9a80239100000p-2, 0x1.c465fa1161df2p-35},
    {0x1.7f405fd017f40p-1, 0x1.abe1879700000p-2, 0x1.e3e94a5f1d150p-35},
    {0x1.7ad2208e0ecc3p-1, 0x1.bd0f2e9e00000p-2, 0x1.e40c7d0cd9913p-36},
    {0x1.767dce434a9b1p-1, 0x1.ce0a492300000p-2, 0x1.4b0f99e44b810p-35},
    {0x1.724287f46debcp-1, 0x1.ded3fd4400000p-2, 0x1.1b2632e830632p-37},
    {0x1.6e1f76b4337c7p-1, 0x1.ef6d673200000p-2, 0x1.1c43f4f325a81p-35},
    {0x1.6a13cd1537290p-1, 0x1.ffd799a800000p-2, 0x1.ffcde765ebf92p-37},
    {0x1.661ec6a5122f9p-1, 0x1.0809cf2700000p-1, 0x1.ee07aaa7bca13p-34},
    {0x1.623fa77016240p-1, 0x1.10113b1500000p-1, 0x1.e474e13951429p-36},
    {0x1.5e75bb8d015e7p-1, 0x1.18028cf700000p-1, 0x1.4bb588058fb63p-36},
    {0x1.5ac056b015ac0p-1, 0x1.1fde3d3000000p-1, 0x1.d024df5d730e1p-34},
    {0x1.571ed3c506b3ap-1, 0x1.27a4c05800000p-1, 0x1.72fdcedf878afp-35},
    {0x1.5390948f40febp-1, 0x1.2f56875e00000p-1, 0x1.67e4b302a5a23p-34},
    {0x1.5015015015015p-1, 0x1.36f3ffb600000p-1, 0x1.b22c48654371cp-34},
    {0x1.4cab88725af6ep-1, 0x1.3e7d937900000p-1, 0x1.ee02edd2415c0p-34},
    {0x1.49539e3b2d067p-1, 0x1.45f3a98a00000p-1, 0x1.039c39e564149p-36},
    {0x1.460cbc7f5cf9ap-1, 0x1.4d56a5b300000p-1, 0x1.e76244f43a27fp-36},
    {0x1.42d6625d51f87p-1, 0x1.54a6e8ca00000p-1, 0x1.50e3630b8d97dp-35},
    {0x1.3fb013fb013fbp-1, 0x1.5be4d0cb00000p-1, 0x1.450d2b7379fb7p-35},
    {0x1.3c995a47babe7p-1, 0x1.6310b8f500000p-1, 0x1.4c1237c7293bbp-35},
    {0x1.3991c2c187f63p-1, 0x1.6a2af9e500000p-1, 0x1.41e1513c28e18p-34},
    {0x1.3698df3de0748p-1, 0x1.7133e9b100000p-1, 0x1.5b1eb9cb1b994p-35},
    {0x1.33ae45b57bcb2p-1, 0x1.782bdbfd00000p-1, 0x1.b4cae6186ac13p-34},
    {0x1.30d190130d190p-1, 0x1.7f13221800000p-1, 0x1.678affacae213p-36},
    {0x1.2e025c04b8097p-1, 0x1.85ea0b0b00000p-1, 0x1.3d9309b4d2ea8p-36},
    {0x1.2b404ad012b40p-1, 0x1.8cb0e3b400000p-1, 0x1.6777cd8258b5fp-34},
    {0x1.288b01288b013p-1, 0x1.9367f6da00000p-1, 0x1.565ae72cdcfaap-38},
    {0x1.25e22708092f1p-1, 0x1.9a0f8d3b00000p-1, 0x1.c0a01f4556037p-38},
    {0x1.23456789abcdfp-1, 0x1.a0a7eda400000p-1, 0x1.82259d227af50p-34},
    {0x1.20b470c67c0d9p-1, 0x1.a7315d0200000p-1, 0x1.e418d1132deaep-34},
    {0x1.1e2ef3b3fb874p-1, 0x1.adac1e7100000p-1, 0x1.c8337e75c4d87p-37},
    {0x1.1bb4a4046ed29p-1, 0x1.b418734a00000p-1, 0x1.20117b8b6c4f8p-34},
    {0x1.19453808ca29cp-1, 0x1.ba769b3900000p-1, 0x1.c92c835064521p-34},
    {0x1.16e0689427379p-1, 0x1.c0c6d44700000p-1, 0x1.8bba6580e402ap-34},
    {0x1.1485f0e0acd3bp-1, 0x1.c7095ae900000p-1, 0x1.e1c8789e9cc34p-37},
    {0x1.12358e75d3033p-1, 0x1.cd3e6a0c00000p-1, 0x1.5120fbfd5902ap-34},
    {0x1.0fef010fef011p-1, 0x1.d3663b2700000p-1, 0x1.e63aa4d2b1d82p-34},
    {0x1.0db20a88f4696p-1, 0x1.d981064300000p-1, 0x1.acc2751feb8a8p-34},
    {0x1.0b7e6ec259dc8p-1, 0x1.df8f020800000p-1, 0x1.abcac7f6aa065p-35},
    {0x1.0953f39010954p-1, 0x1.e59063c800000p-1, 0x1.0459c66f24d24p-34},
    {0x1.073260a47f7c6p-1, 0x1.eb855f8c00000p-1, 0x1.511f87e4a9cc7p-34},
    {0x1.05197f7d73404p-1, 0x1.f16e281d00000p-1, 0x1.6ec60e9ad8a12p-34},
    {0x1.03091b51f5e1ap-1, 0x1.f74aef0e00000p-1, 0x1.f5f5d71625cf4p-34},
    {0x1.0101010101010p-1, 0x1.fd1be4c700000p-1, 0x1.e55f2e1b96131p-34},
};

/* ln(2)^k / k! */
static const double exp2_poly[] = {
    0x1.62e42fefa39efp-1,  0x1.ebfbdff82c58fp-3,  0x1.c6b08d704a0c0p-5,  0x1.3b2ab6fba4e77p-7,
    0x1.5d87fe78a6731p-10, 0x1.430912f86c787p-13, 0x1.ffcbfc588b0c7p-17,
};

/* The coefficients of log2(1 + z) in z: (-1)^(k+1) / (k ln 2); the first in two parts. */
static const double log2_c1_head = 0x1.7154760000000p+0, log2_c1_tail = 0x1.4ae0bf85ddf44p-26;
static const double log2_poly[] = {
    -0x1.71547652b82fep-1, 0x1.ec709dc3a03fdp-2,  -0x1.71547652b82fep-2,
    0x1.2776c50ef9bfep-2,  -0x1.ec709dc3a03fdp-3, 0x1.a61762a7aded9p-3,
    -0x1.71547652b82fep-3, 0x1.484b13d7c02a9p-3,  -0x1.2776c50ef9bfep-3,
};

/* p * 2^n, also where the result is subnormal. */
static double scale_by_power(double p, int n)
{
    double factor;
    uint64_t bits;

    if (n < -1021) {
        p *= 5.562684646268003e-309; /* 2^-1024, exact as a product of two powers of two */
        n += 1024;
    }
    bits = (uint64_t)(n + 1023) << 52;
    memcpy(&factor, &bits, sizeof(factor));
    return p * factor;
}

/* m * c - 1 to within the last bit of the result, m and c near each other's inverse: m is split
 * so that each product is exact. */
static double product_less_one(double m, double c)
{
    uint64_t bits;
    double m_head, m_tail, c_head, c_tail;

    memcpy(&bits, &m, sizeof(bits));
    bits &= ~0x7ffffffULL;
    memcpy(&m_head, &bits, sizeof(m_head));
    m_tail = m - m_head;
    memcpy(&bits, &c, sizeof(bits));
    bits &= ~0x7ffffffULL;
    memcpy(&c_head, &bits, sizeof(c_head));
    c_tail = c - c_head;
    return (m_head * c_head - 1) + (m_head * c_tail + m_tail * c_head) + m_tail * c_tail;
}

/* log2(1 + z), |z| <= 0.02, by the series of atanh in s = z / (2 + z). */
static double log2_near_one(double z)
{
    double s = z / (2 + z), ss = s * s, p = 0;

    for (int k = 15; k >= 3; k -= 2)
        p = (p + 1.0 / k) * ss;
    /* 2 atanh(s) = 2s + 2s p = z - s z + 2 s p */
    p = 2 * s * p - s * z;
    return log2_c1_head * z + (log2_c1_tail * z + (log2_c1_head + log2_c1_tail) * p);
}

double exp2_of(double x)
{
    double scaled, r, p;
    int64_t steps;
    int i;

    ENSURE(x <= 1023);
    if (x < -1074)
        return 0;
    scaled = x * 64;
    steps = (int64_t)(scaled + (scaled < 0 ? -0.5 : 0.5));
    r = (scaled - (double)steps) / 64;
    i = (int)(steps & 63);
    p = exp2_poly[6];
    for (int k = 5; k >= 0; k--)
        p = p * r + exp2_poly[k];
    p = exp2_table[i][0] + (exp2_table[i][1] + exp2_table[i][0] * (p * r));
    return scale_by_power(p, (int)((steps - i) / 64));
}

double log2_of(double x)
{
    uint64_t bits;
    double m, z, zz_head, p, n;
    int e = 0, i;

    ENSURE(x > 0 && x <= 1.7976931348623157e308);
    if (x < 2.2250738585072014e-308) {
        x *= 18014398509481984.0; /* 2^54: out of the subnormal range */
        e = -54;
    }
    memcpy(&bits, &x, sizeof(bits));
    e += (int)(bits >> 52) - 1023;
    if (x > 0.98 && x < 1.02)
        return log2_near_one(x - 1);
    i = (int)(bits >> 46 & 63);
    bits = (bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL;
    memcpy(&m, &bits, sizeof(m));
    z = product_less_one(m, log2_table[i][0]);
    p = log2_poly[8];
    for (int k = 7; k >= 0; k--)
        p = p * z + log2_poly[k];
    zz_head = log2_c1_head * z;
    n = (double)e + log2_table[i][1];
    return n + (zz_head + (log2_c1_tail * z + (log2_table[i][2] + p * z * z)));
}

/* x = 2^n (1 + f) with 0 <= f < 1: log2(1 + f) >= f. */
double log2_at_least(double x)
{
    uint64_t bits;
    double whole, part;

    memcpy(&bits, &x, sizeof(bits));
    whole = (double)((int)(bits >> 52) - 1023);
    bits = (bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL;
    memcpy(&part, &bits, sizeof(part));
    return whole + (part - 1);
}
