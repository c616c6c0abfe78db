/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * 2^x and log2(x) that give the same bits on every machine: basic IEEE arithmetic only, in a fixed
 * order, no libm (whose last bit depends on the processor) and no fused multiply-add.
 * Relative error of each at most 1e-15 (measured in the tests against long double).
 */

/* 0 below -1074; x at most 1023. */
double exp2_of(double x);
/* x finite and above 0. */
double log2_of(double x);
/* Never more than log2_of(x), and at most 0.09 less: x from 1 up. For bounds. */
double log2_at_least(double x);
