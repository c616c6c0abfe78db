/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Spans: what a value can be while its variables move. Too wide is allowed, too narrow is not. */
#include "engine/cel_program.h"

enum cel_span_kind {
    CEL_SPAN_NEVER,  /* no value: always absent or an error */
    CEL_SPAN_EXACT,  /* one value */
    CEL_SPAN_BOOL,   /* true or false */
    CEL_SPAN_NUMBER, /* of `type`, within lo..hi, or NaN if can_nan; lo > hi: only NaN */
    CEL_SPAN_ANY,
};

struct cel_span {
    enum cel_span_kind kind;
    bool can_fail; /* may be absent or an error */
    bool can_nan;
    enum cel_type type;
    double lo, hi;
    struct cel_value exact;
};

struct cel_truths {
    bool can_true, can_false, can_fail;
};

struct cel_span cel_span_any(void);
struct cel_span cel_span_never(void);
struct cel_span cel_span_of_value(struct cel_value v);
/* A variable of that type; a number or time within bounds, made whole for what is whole. */
struct cel_span cel_span_between(enum cel_type type, double lo, double hi);
/* Either of two. */
struct cel_span cel_span_join(const struct cel_span *a, const struct cel_span *b);
/* A number as bounds; false: it is none. */
bool cel_span_as_number(const struct cel_span *s, struct cel_span *ret_number);

/* What is no bool fails where one is wanted. */
struct cel_truths cel_truths_of(const struct cel_span *s);
struct cel_span cel_span_of_truths(struct cel_truths t);
struct cel_truths cel_truths_not(struct cel_truths t);
/* One more operand of && (`decides` is false) or || (true). */
struct cel_truths cel_truths_logic(struct cel_truths so_far, struct cel_truths next, bool decides);

/* Of numbers as bounds: */
bool cel_span_can_compare(const struct cel_span *a, const struct cel_span *b);
struct cel_truths cel_span_equal(const struct cel_span *a, const struct cel_span *b);
struct cel_span cel_span_compare(enum cel_op op, const struct cel_span *a,
                                 const struct cel_span *b);
struct cel_span cel_span_arithmetic(enum cel_op op, const struct cel_span *a,
                                    const struct cel_span *b);
struct cel_span cel_span_negate(const struct cel_span *a);
struct cel_span cel_span_convert(enum cel_fn fn, const struct cel_span *a);
