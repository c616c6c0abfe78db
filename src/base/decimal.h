/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The shortest decimal that reads back to the same double, by whole numbers alone. */
#include <stddef.h>

#define DECIMAL_MAX 32

/* Writes what printf's %.15g writes, or where that does not read back to `v`, %.16g or %.17g.
 * Returns the length, no NUL behind it; 0: the magnitude of `v` is not within 1e-10 and 1e14,
 * nothing is written. */
size_t decimal_of(double v, char text[DECIMAL_MAX]);
