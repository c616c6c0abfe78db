/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The one convention for results, used by every room:
 *
 *   0         success
 *   negative  a negated errno: unexpected, passed up unchanged to whoever can end the process
 *   positive  an outcome of that one function (ROOM_E_X), documented at its declaration; the
 *             caller handles it and never forwards it
 *
 * Bad input is never an error: it is an outcome. Outputs (`ret_x`) are untouched on failure.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define must_check __attribute__((warn_unused_result))

/* Invariants; they stay on in release builds. */
#define ENSURE(expr) ((expr) ? (void)0 : err_ensure_failed(#expr, __FILE__, __LINE__))

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Prints the broken invariant to standard error and aborts. */
_Noreturn void err_ensure_failed(const char *expr, const char *file, int line);
