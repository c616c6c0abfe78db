/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Strict readers of numbers, durations, sizes and instants: the whole text or nothing. */
#include "base/err.h"
#include "base/str.h"

#define PARSE_E_MALFORMED 1
#define PARSE_E_RANGE     2 /* well-formed, and too large or too small to hold */

#define INSTANT_MIN_MS (-62135596800000LL) /* 0001-01-01T00:00:00Z */
#define INSTANT_MAX_MS 253402300799999LL   /* 9999-12-31T23:59:59.999Z */

/* Decimal, with an optional '-'. */
must_check int parse_i64(struct str text, int64_t *ret_value);
/* As JSON writes numbers, plus a leading '+' or '.'; finite. */
must_check int parse_double(struct str text, double *ret_value);
/* `250ms`, `90s`, `15m`, `6h`, `7d`, `2w`; a sum such as `1h30m`; a fraction such as `1.5h`.
 * Milliseconds, never negative, at most 100,000 days. */
must_check int parse_duration(struct str text, int64_t *ret_ms);
/* `1024`, `512KiB`, `64MiB`, `2GiB` (and kB, MB, GB in thousands). Bytes. */
must_check int parse_size(struct str text, int64_t *ret_bytes);
/* RFC 3339, any offset, years 1 to 9999, a leap second is the second before; finer than a
 * millisecond is cut off. Milliseconds since 1970. */
must_check int parse_instant(struct str text, int64_t *ret_ms);

/* RFC 3339 in UTC; milliseconds only where there are any. */
void format_instant(struct buf *b, int64_t ms);
/* Two largest units, for people: `3d 4h`, `12m 5s`, `0s`. */
void format_duration(struct buf *b, int64_t ms);
/* Exactly, in the largest unit that divides it: `36h`, `0s`. parse_duration() reads it back. */
void format_duration_exact(struct buf *b, int64_t ms);
