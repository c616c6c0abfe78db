/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic and logic of spans. Bounds are doubles. Operations on doubles need no widening: IEEE
 * rounding is monotone, so the rounded corners bound the rounded values. Ints and times are exact
 * below 2^53; above it every bound is moved outward by one step.
 */
#include "engine/cel_span.h"

#include "base/parse.h"
#include "engine/cel_time.h"

#include <math.h>

#define EXACT_MAX 9007199254740992.0    /* 2^53: all integers up to it are doubles */
#define INT_MAX_D 9223372036854775808.0 /* 2^63 */

/* --- Bounds --- */

/* The next double below; infinities stay. */
static double step_down(double d)
{
    union {
        double d;
        uint64_t bits;
    } u = {.d = d};

    if (d == 0)
        return -0x1p-1074;
    if (!(d - d == 0))
        return d;
    u.bits += d > 0 ? UINT64_MAX : 1;
    return u.d;
}

static double step_up(double d)
{
    return -step_down(-d);
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static double most(double a, double b)
{
    return a > b ? a : b;
}

static double lower_bound(double d)
{
    return d <= -EXACT_MAX || d >= EXACT_MAX ? step_down(d) : d;
}

static double upper_bound(double d)
{
    return -lower_bound(-d);
}

static double truncated(double d)
{
    return d > -EXACT_MAX && d < EXACT_MAX ? (double)(int64_t)d : d;
}

static double round_down(double d)
{
    double whole = truncated(d);

    return whole > d ? whole - 1 : whole;
}

static double round_up(double d)
{
    return -round_down(-d);
}

/* --- Making spans --- */

struct cel_span cel_span_any(void)
{
    return (struct cel_span){.kind = CEL_SPAN_ANY, .can_fail = true};
}

struct cel_span cel_span_never(void)
{
    return (struct cel_span){.kind = CEL_SPAN_NEVER, .can_fail = true};
}

struct cel_span cel_span_of_value(struct cel_value v)
{
    return (struct cel_span){.kind = CEL_SPAN_EXACT, .exact = v};
}

static struct cel_span number(enum cel_type type, double lo, double hi)
{
    return (struct cel_span){.kind = CEL_SPAN_NUMBER, .type = type, .lo = lo, .hi = hi};
}

static bool is_time(enum cel_type t)
{
    return t == CEL_DURATION || t == CEL_TIMESTAMP;
}

static bool is_number(enum cel_type t)
{
    return t == CEL_INT || t == CEL_DOUBLE;
}

struct cel_truths cel_truths_of(const struct cel_span *s)
{
    switch (s->kind) {
    case CEL_SPAN_EXACT:
        if (s->exact.type == CEL_BOOL)
            return (struct cel_truths){s->exact.b, !s->exact.b, s->can_fail};
        break;
    case CEL_SPAN_BOOL:
        return (struct cel_truths){true, true, s->can_fail};
    case CEL_SPAN_ANY:
        return (struct cel_truths){true, true, true};
    default:
        break;
    }
    return (struct cel_truths){.can_fail = true}; /* what is no bool fails where one is wanted */
}

struct cel_span cel_span_of_truths(struct cel_truths t)
{
    struct cel_span s = {.kind = CEL_SPAN_BOOL, .can_fail = t.can_fail};

    if (!t.can_true && !t.can_false)
        return cel_span_never();
    if (t.can_true != t.can_false) {
        s.kind = CEL_SPAN_EXACT;
        s.exact = (struct cel_value){.type = CEL_BOOL, .b = t.can_true};
    }
    return s;
}

bool cel_span_as_number(const struct cel_span *s, struct cel_span *ret_number)
{
    const struct cel_value *v = &s->exact;
    struct cel_span n = {.kind = CEL_SPAN_NUMBER, .can_fail = s->can_fail, .type = v->type};

    if (s->kind == CEL_SPAN_NUMBER) {
        *ret_number = *s;
        return true;
    }
    if (s->kind != CEL_SPAN_EXACT || !(is_number(v->type) || is_time(v->type)))
        return false;
    if (v->type == CEL_DOUBLE) {
        n.can_nan = v->d != v->d;
        n.lo = n.can_nan ? INFINITY : v->d;
        n.hi = n.can_nan ? -INFINITY : v->d;
    } else {
        n.lo = lower_bound((double)v->i);
        n.hi = upper_bound((double)v->i + (is_time(v->type) && v->ns));
    }
    *ret_number = n;
    return true;
}

static struct cel_span hull(const struct cel_span *a, const struct cel_span *b)
{
    struct cel_span s = number(a->type, least(a->lo, b->lo), most(a->hi, b->hi));

    s.can_nan = a->can_nan || b->can_nan;
    return s;
}

struct cel_span cel_span_join(const struct cel_span *a, const struct cel_span *b)
{
    struct cel_truths ta = cel_truths_of(a), tb = cel_truths_of(b);
    bool can_fail = a->can_fail || b->can_fail;
    struct cel_span na, nb, s;

    if (a->kind == CEL_SPAN_NEVER || b->kind == CEL_SPAN_NEVER)
        s = a->kind == CEL_SPAN_NEVER ? *b : *a;
    else if (cel_span_as_number(a, &na) && cel_span_as_number(b, &nb) && na.type == nb.type)
        s = hull(&na, &nb);
    else if ((ta.can_true || ta.can_false) && (tb.can_true || tb.can_false) &&
             a->kind != CEL_SPAN_ANY && b->kind != CEL_SPAN_ANY)
        s = cel_span_of_truths(
            (struct cel_truths){ta.can_true || tb.can_true, ta.can_false || tb.can_false, false});
    else
        s = cel_span_any();
    s.can_fail |= can_fail;
    return s;
}

struct cel_span cel_span_between(enum cel_type type, double lo, double hi)
{
    if (type == CEL_BOOL)
        return (struct cel_span){.kind = CEL_SPAN_BOOL};
    if (!is_number(type) && !is_time(type))
        return (struct cel_span){.kind = CEL_SPAN_ANY};
    if (!(lo <= hi))
        return number(type, -INFINITY, INFINITY);
    if (type == CEL_INT)
        return number(type, most(round_up(lo), -INT_MAX_D), least(round_down(hi), INT_MAX_D));
    if (is_time(type))
        return number(type, round_down(lo), round_up(hi));
    return number(type, lo, hi);
}

/* --- Logic and comparisons --- */

bool cel_span_can_compare(const struct cel_span *a, const struct cel_span *b)
{
    return is_number(a->type) ? is_number(b->type) : a->type == b->type;
}

static struct cel_truths less(const struct cel_span *a, const struct cel_span *b, bool or_equal)
{
    bool has_values = a->lo <= a->hi && b->lo <= b->hi;
    bool can_nan = a->can_nan || b->can_nan;

    return (struct cel_truths){
        .can_true = has_values && (or_equal ? a->lo <= b->hi : a->lo < b->hi),
        .can_false = can_nan || (has_values && (or_equal ? a->hi > b->lo : a->hi >= b->lo)),
    };
}

struct cel_truths cel_span_equal(const struct cel_span *a, const struct cel_span *b)
{
    bool has_values = a->lo <= a->hi && b->lo <= b->hi;
    bool is_point = a->lo == a->hi && b->lo == b->hi && a->lo == b->lo;

    return (struct cel_truths){
        .can_true = has_values && a->lo <= b->hi && b->lo <= a->hi,
        .can_false = a->can_nan || b->can_nan || (has_values && !is_point),
    };
}

struct cel_truths cel_truths_not(struct cel_truths t)
{
    return (struct cel_truths){t.can_false, t.can_true, t.can_fail};
}

struct cel_span cel_span_compare(enum cel_op op, const struct cel_span *a, const struct cel_span *b)
{
    struct cel_truths t;

    switch (op) {
    case CEL_OP_LT:
        t = less(a, b, false);
        break;
    case CEL_OP_LE:
        t = less(a, b, true);
        break;
    case CEL_OP_GT:
        t = less(b, a, false);
        break;
    case CEL_OP_GE:
        t = less(b, a, true);
        break;
    case CEL_OP_EQ:
        t = cel_span_equal(a, b);
        break;
    default:
        t = cel_truths_not(cel_span_equal(a, b));
        break;
    }
    return cel_span_of_truths(t);
}

struct cel_truths cel_truths_logic(struct cel_truths so_far, struct cel_truths next, bool decides)
{
    struct cel_truths a = decides ? cel_truths_not(so_far) : so_far,
                      b = decides ? cel_truths_not(next) : next;
    struct cel_truths t = {
        .can_true = a.can_true && b.can_true,
        .can_false = a.can_false || b.can_false,
        .can_fail = (a.can_fail && (b.can_true || b.can_fail)) || (a.can_true && b.can_fail),
    };

    return decides ? cel_truths_not(t) : t;
}

/* --- Arithmetic --- */

static bool has_zero(const struct cel_span *s)
{
    return s->lo <= 0 && s->hi >= 0;
}

static bool is_unbounded(const struct cel_span *s)
{
    return s->lo == -INFINITY || s->hi == INFINITY;
}

/* NaN comes of infinities that cancel, of 0 * infinity and of 0 / 0. */
static bool makes_nan(enum cel_op op, const struct cel_span *a, const struct cel_span *b)
{
    switch (op) {
    case CEL_OP_ADD:
        return (a->hi == INFINITY && b->lo == -INFINITY) ||
               (a->lo == -INFINITY && b->hi == INFINITY);
    case CEL_OP_SUB:
        return (a->hi == INFINITY && b->hi == INFINITY) ||
               (a->lo == -INFINITY && b->lo == -INFINITY);
    case CEL_OP_MUL:
        return (has_zero(a) && is_unbounded(b)) || (has_zero(b) && is_unbounded(a));
    default:
        return (has_zero(a) && has_zero(b)) || (is_unbounded(a) && is_unbounded(b));
    }
}

/* The hull of four corners. 0 times infinity counts as 0: what is finite stays on this side. */
static struct cel_span corners(enum cel_type type, const double c[4])
{
    struct cel_span s = number(type, INFINITY, -INFINITY);

    for (int i = 0; i < 4; i++) {
        double v = c[i] != c[i] ? 0 : c[i];

        s.lo = least(s.lo, v);
        s.hi = most(s.hi, v);
    }
    return s;
}

static struct cel_span sum(enum cel_type type, double lo, double hi)
{
    return number(type, lo != lo ? -INFINITY : lo, hi != hi ? INFINITY : hi);
}

static struct cel_span product(enum cel_type type, const struct cel_span *a,
                               const struct cel_span *b)
{
    const double c[4] = {a->lo * b->lo, a->lo * b->hi, a->hi * b->lo, a->hi * b->hi};

    return corners(type, c);
}

static struct cel_span quotient(enum cel_type type, const struct cel_span *a,
                                const struct cel_span *b)
{
    const double c[4] = {a->lo / b->lo, a->lo / b->hi, a->hi / b->lo, a->hi / b->hi};

    return corners(type, c);
}

static struct cel_span double_arithmetic(enum cel_op op, const struct cel_span *a,
                                         const struct cel_span *b)
{
    struct cel_span s;

    if (!(a->lo <= a->hi) || !(b->lo <= b->hi)) { /* only NaN, and it spreads */
        s = number(CEL_DOUBLE, INFINITY, -INFINITY);
        s.can_nan = true;
        return s;
    }
    if (op == CEL_OP_ADD)
        s = sum(CEL_DOUBLE, a->lo + b->lo, a->hi + b->hi);
    else if (op == CEL_OP_SUB)
        s = sum(CEL_DOUBLE, a->lo - b->hi, a->hi - b->lo);
    else if (op == CEL_OP_MUL)
        s = product(CEL_DOUBLE, a, b);
    else if (op == CEL_OP_DIV && !has_zero(b))
        s = quotient(CEL_DOUBLE, a, b);
    else
        s = number(CEL_DOUBLE, -INFINITY, INFINITY);
    s.can_nan = a->can_nan || b->can_nan || makes_nan(op, a, b);
    return s;
}

/* |result| is at most that of the dividend, and less than that of the divisor; sign of the former.
 */
static struct cel_span remainder_of(const struct cel_span *a, const struct cel_span *b)
{
    double m = most(most(-b->lo, b->hi) - 1, 0);

    return number(CEL_INT, a->lo < 0 ? -least(m, -a->lo) : 0, a->hi > 0 ? least(m, a->hi) : 0);
}

static struct cel_span int_division(const struct cel_span *a, const struct cel_span *b)
{
    double m = most(-a->lo, a->hi);
    struct cel_span s;

    if (has_zero(b))
        return number(CEL_INT, -m, m);
    s = quotient(CEL_INT, a, b);
    /* The quotient was rounded before it is cut: one step outward first. */
    return number(CEL_INT, truncated(step_down(s.lo)), truncated(step_up(s.hi)));
}

static struct cel_span int_arithmetic(enum cel_op op, const struct cel_span *a,
                                      const struct cel_span *b)
{
    struct cel_span s;

    if (op == CEL_OP_ADD)
        s = number(CEL_INT, a->lo + b->lo, a->hi + b->hi);
    else if (op == CEL_OP_SUB)
        s = number(CEL_INT, a->lo - b->hi, a->hi - b->lo);
    else if (op == CEL_OP_MUL)
        s = product(CEL_INT, a, b);
    else if (op == CEL_OP_DIV)
        s = int_division(a, b);
    else
        s = remainder_of(a, b);
    s.lo = lower_bound(s.lo);
    s.hi = upper_bound(s.hi);
    s.can_fail = s.lo < -INT_MAX_D || s.hi >= INT_MAX_D ||
                 ((op == CEL_OP_DIV || op == CEL_OP_MOD) && has_zero(b));
    if (op == CEL_OP_MOD && a->lo <= -INT_MAX_D)
        s.can_fail = true; /* the least int modulo -1 */
    s.lo = most(s.lo, -INT_MAX_D);
    s.hi = least(s.hi, INT_MAX_D);
    return s;
}

static struct cel_span time_arithmetic(enum cel_op op, enum cel_type type, const struct cel_span *a,
                                       const struct cel_span *b)
{
    double max = type == CEL_TIMESTAMP ? (double)INSTANT_MAX_MS + 1 : (double)CEL_DURATION_MAX_MS;
    double min = type == CEL_TIMESTAMP ? (double)INSTANT_MIN_MS : -(double)CEL_DURATION_MAX_MS;
    struct cel_span s = op == CEL_OP_ADD ? sum(type, a->lo + b->lo, a->hi + b->hi)
                                         : sum(type, a->lo - b->hi, a->hi - b->lo);

    s.lo = lower_bound(s.lo);
    s.hi = upper_bound(s.hi);
    s.can_fail = s.lo < min || s.hi >= max - 1;
    return s;
}

struct cel_span cel_span_arithmetic(enum cel_op op, const struct cel_span *a,
                                    const struct cel_span *b)
{
    enum cel_type ta = a->type, tb = b->type;

    if (ta == CEL_DOUBLE && tb == CEL_DOUBLE && op != CEL_OP_MOD)
        return double_arithmetic(op, a, b);
    if (ta == CEL_INT && tb == CEL_INT)
        return int_arithmetic(op, a, b);
    if (op == CEL_OP_ADD && is_time(ta) && is_time(tb) && ta != tb)
        return time_arithmetic(op, CEL_TIMESTAMP, a, b);
    if (op == CEL_OP_ADD && ta == CEL_DURATION && tb == CEL_DURATION)
        return time_arithmetic(op, CEL_DURATION, a, b);
    if (op == CEL_OP_SUB && is_time(ta) && ta == tb)
        return time_arithmetic(op, CEL_DURATION, a, b);
    if (op == CEL_OP_SUB && ta == CEL_TIMESTAMP && tb == CEL_DURATION)
        return time_arithmetic(op, CEL_TIMESTAMP, a, b);
    return cel_span_any();
}

struct cel_span cel_span_negate(const struct cel_span *a)
{
    struct cel_span s = number(a->type, -a->hi, -a->lo);

    if (!is_number(a->type))
        return cel_span_any();
    s.can_nan = a->can_nan;
    s.can_fail = a->type == CEL_INT && a->lo <= -INT_MAX_D;
    return s;
}

static struct cel_span int_of_double(const struct cel_span *a)
{
    struct cel_span s = number(CEL_INT, truncated(a->lo), truncated(a->hi));

    s.can_fail = a->can_nan || !(a->lo > -INT_MAX_D) || !(a->hi < INT_MAX_D);
    s.lo = most(s.lo, -INT_MAX_D);
    s.hi = least(s.hi, INT_MAX_D);
    return s.lo <= s.hi ? s : cel_span_any();
}

struct cel_span cel_span_convert(enum cel_fn fn, const struct cel_span *a)
{
    struct cel_span s = *a;

    s.can_fail = false;
    if (fn == CEL_FN_DYN || (fn == CEL_FN_INT && a->type == CEL_INT) ||
        (fn == CEL_FN_DOUBLE && a->type == CEL_DOUBLE) ||
        (fn == CEL_FN_DURATION && a->type == CEL_DURATION) ||
        (fn == CEL_FN_TIMESTAMP && a->type == CEL_TIMESTAMP))
        return s;
    if (fn == CEL_FN_DOUBLE && a->type == CEL_INT)
        return number(CEL_DOUBLE, a->lo, a->hi);
    if (fn == CEL_FN_INT && a->type == CEL_DOUBLE)
        return int_of_double(a);
    return cel_span_any();
}
