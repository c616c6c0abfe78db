/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions over ranges. Every node gets a span: what its value can be, and whether it can have
 * none. Spans may be too wide, never too narrow; where both operands are exact, the evaluator's own
 * functions are used, so the two cannot differ.
 *
 * Bounds are doubles. Operations on doubles need no widening: IEEE rounding is monotone, so the
 * rounded corners bound the rounded values. Ints and times are exact below 2^53; above it every
 * bound is moved outward by one step.
 */
#include "engine/cel_eval.h"

#include "base/parse.h"
#include "engine/cel_time.h"

#include <math.h>

#define EXACT_MAX 9007199254740992.0    /* 2^53: all integers up to it are doubles */
#define INT_MAX_D 9223372036854775808.0 /* 2^63 */

enum span_kind {
    SPAN_NEVER,  /* no value: always absent or an error */
    SPAN_EXACT,  /* one value */
    SPAN_BOOL,   /* true or false */
    SPAN_NUMBER, /* of `type`, within lo..hi, or NaN if can_nan; lo > hi: only NaN */
    SPAN_ANY,
};

struct span {
    enum span_kind kind;
    bool can_fail; /* may be absent or an error */
    bool can_nan;
    enum cel_type type;
    double lo, hi;
    struct cel_value exact;
};

struct truths {
    bool can_true, can_false, can_fail;
};

/* One analysis. */
struct ranger {
    struct cel_run run; /* for exact values: scratch, locals, steps */
    cel_range_fn get;
    void *ctx;
};

static struct span span_of(struct ranger *r, unsigned n);

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

/* --- Spans --- */

static struct span any(void)
{
    return (struct span){.kind = SPAN_ANY, .can_fail = true};
}

static struct span never(void)
{
    return (struct span){.kind = SPAN_NEVER, .can_fail = true};
}

static struct span exactly(struct cel_value v)
{
    return (struct span){.kind = SPAN_EXACT, .exact = v};
}

static struct span number(enum cel_type type, double lo, double hi)
{
    return (struct span){.kind = SPAN_NUMBER, .type = type, .lo = lo, .hi = hi};
}

static bool is_time_type(enum cel_type t)
{
    return t == CEL_DURATION || t == CEL_TIMESTAMP;
}

static bool is_number_type(enum cel_type t)
{
    return t == CEL_INT || t == CEL_DOUBLE;
}

static struct truths truths_of(const struct span *s)
{
    switch (s->kind) {
    case SPAN_EXACT:
        if (s->exact.type == CEL_BOOL)
            return (struct truths){s->exact.b, !s->exact.b, s->can_fail};
        break;
    case SPAN_BOOL:
        return (struct truths){true, true, s->can_fail};
    case SPAN_ANY:
        return (struct truths){true, true, true};
    default:
        break;
    }
    return (struct truths){.can_fail = true}; /* what is no bool fails where one is wanted */
}

static struct span span_of_truths(struct truths t)
{
    struct span s = {.kind = SPAN_BOOL, .can_fail = t.can_fail};

    if (!t.can_true && !t.can_false)
        return never();
    if (t.can_true != t.can_false) {
        s.kind = SPAN_EXACT;
        s.exact = (struct cel_value){.type = CEL_BOOL, .b = t.can_true};
    }
    return s;
}

/* An exact number as bounds; false: no number. */
static bool as_number(const struct span *s, struct span *ret_number)
{
    const struct cel_value *v = &s->exact;
    struct span n = {.kind = SPAN_NUMBER, .can_fail = s->can_fail, .type = v->type};

    if (s->kind == SPAN_NUMBER) {
        *ret_number = *s;
        return true;
    }
    if (s->kind != SPAN_EXACT || !(is_number_type(v->type) || is_time_type(v->type)))
        return false;
    if (v->type == CEL_DOUBLE) {
        n.can_nan = v->d != v->d;
        n.lo = n.can_nan ? INFINITY : v->d;
        n.hi = n.can_nan ? -INFINITY : v->d;
    } else {
        n.lo = lower_bound((double)v->i);
        n.hi = upper_bound((double)v->i + (is_time_type(v->type) && v->ns));
    }
    *ret_number = n;
    return true;
}

static struct span hull(const struct span *a, const struct span *b)
{
    struct span s = number(a->type, least(a->lo, b->lo), most(a->hi, b->hi));

    s.can_nan = a->can_nan || b->can_nan;
    return s;
}

/* Either of two. */
static struct span join(const struct span *a, const struct span *b)
{
    struct truths ta = truths_of(a), tb = truths_of(b);
    bool can_fail = a->can_fail || b->can_fail;
    struct span na, nb, s;

    if (a->kind == SPAN_NEVER || b->kind == SPAN_NEVER)
        s = a->kind == SPAN_NEVER ? *b : *a;
    else if (as_number(a, &na) && as_number(b, &nb) && na.type == nb.type)
        s = hull(&na, &nb);
    else if ((ta.can_true || ta.can_false) && (tb.can_true || tb.can_false) &&
             a->kind != SPAN_ANY && b->kind != SPAN_ANY)
        s = span_of_truths(
            (struct truths){ta.can_true || tb.can_true, ta.can_false || tb.can_false, false});
    else
        s = any();
    s.can_fail |= can_fail;
    return s;
}

/* --- Variables --- */

static struct cel_range range_of_var(struct ranger *r, const struct cel_node *node)
{
    struct cel_range range = {.is_absent = false};

    r->get(r->ctx, r->run.program->vars[node->arg].var, &range);
    return range;
}

/* Bounds as the caller gave them, made whole for what is whole. */
static struct span number_var(enum cel_type type, double lo, double hi)
{
    if (!(lo <= hi))
        return number(type, -INFINITY, INFINITY);
    if (type == CEL_INT)
        return number(type, most(round_up(lo), -INT_MAX_D), least(round_down(hi), INT_MAX_D));
    if (is_time_type(type))
        return number(type, round_down(lo), round_up(hi));
    return number(type, lo, hi);
}

static struct span span_of_var(struct ranger *r, const struct cel_node *node)
{
    enum cel_type type = r->run.program->vars[node->arg].type;
    struct cel_range range = range_of_var(r, node);
    struct span s;

    if (range.is_absent)
        return never();
    ENSURE(!range.is_exact || range.exact.type == type || type == CEL_DYN);
    if (range.is_exact)
        s = exactly(range.exact);
    else if (is_number_type(type) || is_time_type(type))
        s = number_var(type, range.lo, range.hi);
    else
        s = (struct span){.kind = type == CEL_BOOL ? SPAN_BOOL : SPAN_ANY};
    s.can_fail = range.may_be_absent;
    return s;
}

static struct span span_of_has(struct ranger *r, const struct cel_node *node)
{
    struct cel_range range = range_of_var(r, node);

    return span_of_truths((struct truths){.can_true = !range.is_absent,
                                          .can_false = range.is_absent || range.may_be_absent});
}

/* --- Comparisons --- */

static bool can_compare(const struct span *a, const struct span *b)
{
    return is_number_type(a->type) ? is_number_type(b->type) : a->type == b->type;
}

static struct truths less(const struct span *a, const struct span *b, bool or_equal)
{
    bool has_values = a->lo <= a->hi && b->lo <= b->hi;
    bool can_nan = a->can_nan || b->can_nan;

    return (struct truths){
        .can_true = has_values && (or_equal ? a->lo <= b->hi : a->lo < b->hi),
        .can_false = can_nan || (has_values && (or_equal ? a->hi > b->lo : a->hi >= b->lo)),
    };
}

static struct truths equal(const struct span *a, const struct span *b)
{
    bool has_values = a->lo <= a->hi && b->lo <= b->hi;
    bool is_point = a->lo == a->hi && b->lo == b->hi && a->lo == b->lo;

    return (struct truths){
        .can_true = has_values && a->lo <= b->hi && b->lo <= a->hi,
        .can_false = a->can_nan || b->can_nan || (has_values && !is_point),
    };
}

static struct truths negated(struct truths t)
{
    return (struct truths){t.can_false, t.can_true, t.can_fail};
}

static struct span compare_numbers(enum cel_op op, const struct span *a, const struct span *b)
{
    struct truths t;

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
        t = equal(a, b);
        break;
    default:
        t = negated(equal(a, b));
        break;
    }
    return span_of_truths(t);
}

/* A number that moves, in a list that does not. */
static struct span find_number(struct ranger *r, const struct span *a, const struct span *list)
{
    struct truths found = {.can_false = true};

    if (list->kind != SPAN_EXACT || list->exact.type != CEL_LIST)
        return any();
    for (size_t i = 0; i < list->exact.list.n; i++) {
        struct span item = exactly(list->exact.list.items[i]), n;
        struct truths t = {.can_false = true};

        if (cel_step(&r->run))
            return any();
        if (as_number(&item, &n) && can_compare(a, &n))
            t = equal(a, &n);
        found.can_true |= t.can_true;
        found.can_false &= t.can_false;
    }
    return span_of_truths(found);
}

/* --- Arithmetic --- */

static bool has_zero(const struct span *s)
{
    return s->lo <= 0 && s->hi >= 0;
}

static bool is_unbounded(const struct span *s)
{
    return s->lo == -INFINITY || s->hi == INFINITY;
}

/* NaN comes of infinities that cancel, of 0 * infinity and of 0 / 0. */
static bool makes_nan(enum cel_op op, const struct span *a, const struct span *b)
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
static struct span corners(enum cel_type type, const double c[4])
{
    struct span s = number(type, INFINITY, -INFINITY);

    for (int i = 0; i < 4; i++) {
        double v = c[i] != c[i] ? 0 : c[i];

        s.lo = least(s.lo, v);
        s.hi = most(s.hi, v);
    }
    return s;
}

static struct span sum(enum cel_type type, double lo, double hi)
{
    return number(type, lo != lo ? -INFINITY : lo, hi != hi ? INFINITY : hi);
}

static struct span product(enum cel_type type, const struct span *a, const struct span *b)
{
    const double c[4] = {a->lo * b->lo, a->lo * b->hi, a->hi * b->lo, a->hi * b->hi};

    return corners(type, c);
}

static struct span quotient(enum cel_type type, const struct span *a, const struct span *b)
{
    const double c[4] = {a->lo / b->lo, a->lo / b->hi, a->hi / b->lo, a->hi / b->hi};

    return corners(type, c);
}

static struct span double_arithmetic(enum cel_op op, const struct span *a, const struct span *b)
{
    struct span s;

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
static struct span remainder_of(const struct span *a, const struct span *b)
{
    double m = most(most(-b->lo, b->hi) - 1, 0);

    return number(CEL_INT, a->lo < 0 ? -least(m, -a->lo) : 0, a->hi > 0 ? least(m, a->hi) : 0);
}

static struct span int_division(const struct span *a, const struct span *b)
{
    double m = most(-a->lo, a->hi);
    struct span s;

    if (has_zero(b))
        return number(CEL_INT, -m, m);
    s = quotient(CEL_INT, a, b);
    /* The quotient was rounded before it is cut: one step outward first. */
    return number(CEL_INT, truncated(step_down(s.lo)), truncated(step_up(s.hi)));
}

static struct span int_arithmetic(enum cel_op op, const struct span *a, const struct span *b)
{
    struct span s;

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

static struct span time_arithmetic(enum cel_op op, enum cel_type type, const struct span *a,
                                   const struct span *b)
{
    double max = type == CEL_TIMESTAMP ? (double)INSTANT_MAX_MS + 1 : (double)CEL_DURATION_MAX_MS;
    double min = type == CEL_TIMESTAMP ? (double)INSTANT_MIN_MS : -(double)CEL_DURATION_MAX_MS;
    struct span s = op == CEL_OP_ADD ? sum(type, a->lo + b->lo, a->hi + b->hi)
                                     : sum(type, a->lo - b->hi, a->hi - b->lo);

    s.lo = lower_bound(s.lo);
    s.hi = upper_bound(s.hi);
    s.can_fail = s.lo < min || s.hi >= max - 1;
    return s;
}

static struct span arithmetic(enum cel_op op, const struct span *a, const struct span *b)
{
    enum cel_type ta = a->type, tb = b->type;

    if (ta == CEL_DOUBLE && tb == CEL_DOUBLE && op != CEL_OP_MOD)
        return double_arithmetic(op, a, b);
    if (ta == CEL_INT && tb == CEL_INT)
        return int_arithmetic(op, a, b);
    if (op == CEL_OP_ADD && is_time_type(ta) && is_time_type(tb) && ta != tb)
        return time_arithmetic(op, CEL_TIMESTAMP, a, b);
    if (op == CEL_OP_ADD && ta == CEL_DURATION && tb == CEL_DURATION)
        return time_arithmetic(op, CEL_DURATION, a, b);
    if (op == CEL_OP_SUB && is_time_type(ta) && ta == tb)
        return time_arithmetic(op, CEL_DURATION, a, b);
    if (op == CEL_OP_SUB && ta == CEL_TIMESTAMP && tb == CEL_DURATION)
        return time_arithmetic(op, CEL_TIMESTAMP, a, b);
    return any();
}

static struct span negate(const struct span *a)
{
    struct span s = number(a->type, -a->hi, -a->lo);

    if (!is_number_type(a->type))
        return any();
    s.can_nan = a->can_nan;
    s.can_fail = a->type == CEL_INT && a->lo <= -INT_MAX_D;
    return s;
}

static struct span int_of_double(const struct span *a)
{
    struct span s = number(CEL_INT, truncated(a->lo), truncated(a->hi));

    s.can_fail = a->can_nan || !(a->lo > -INT_MAX_D) || !(a->hi < INT_MAX_D);
    s.lo = most(s.lo, -INT_MAX_D);
    s.hi = least(s.hi, INT_MAX_D);
    return s.lo <= s.hi ? s : any();
}

static struct span call(enum cel_fn fn, const struct span *a)
{
    struct span s = *a;

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
    return any();
}

/* --- Nodes --- */

/* Operands of which at least one moves. */
static struct span moving(struct ranger *r, const struct cel_node *node, const struct span *args,
                          unsigned n_args)
{
    struct span a, b;

    if (node->op == CEL_OP_NOT)
        return span_of_truths(negated(truths_of(&args[0])));
    if (cel_needs_scratch(node))
        r->run.is_exhausted = true; /* how much it would take cannot be known */
    if (!as_number(&args[0], &a))
        return any();
    if (node->op == CEL_OP_NEG)
        return negate(&a);
    if (node->op == CEL_OP_CALL)
        return n_args == 1 ? call((enum cel_fn)node->fn, &a) : any();
    if (node->op == CEL_OP_IN)
        return find_number(r, &a, &args[1]);
    if (n_args != 2 || !as_number(&args[1], &b))
        return any();
    if (node->op >= CEL_OP_EQ && node->op <= CEL_OP_GE)
        return can_compare(&a, &b) ? compare_numbers((enum cel_op)node->op, &a, &b) : any();
    return node->op == CEL_OP_INDEX ? any() : arithmetic((enum cel_op)node->op, &a, &b);
}

static struct span apply(struct ranger *r, const struct cel_node *node, const struct span *args,
                         unsigned n_args)
{
    struct cel_value values[CEL_ARGS_MAX], v;

    for (unsigned i = 0; i < n_args; i++) {
        if (args[i].kind != SPAN_EXACT)
            return moving(r, node, args, n_args);
        values[i] = args[i].exact;
    }
    return cel_apply(&r->run, node, values, n_args, &v) ? never() : exactly(v);
}

static struct span span_of_strict(struct ranger *r, const struct cel_node *node)
{
    struct span args[CEL_ARGS_MAX], s;
    bool can_fail = false, is_never = false;
    unsigned n = 0;

    for (unsigned kid = node->kid; kid; kid = cel_node(r->run.program, kid)->next) {
        args[n] = span_of(r, kid);
        can_fail |= args[n].can_fail;
        is_never |= args[n].kind == SPAN_NEVER;
        n++;
    }
    if (is_never)
        return never();
    s = apply(r, node, args, n);
    s.can_fail |= can_fail;
    return s;
}

static struct span span_of_list(struct ranger *r, const struct cel_node *node)
{
    bool can_fail = false, is_exact = true, is_never = false;
    struct cel_value *items;
    size_t n = 0, i = 0;

    for (unsigned kid = node->kid; kid; kid = cel_node(r->run.program, kid)->next)
        n++;
    items = cel_run_items(&r->run, n);
    if (!items && n)
        return any();
    for (unsigned kid = node->kid; kid; kid = cel_node(r->run.program, kid)->next) {
        struct span s = span_of(r, kid);

        can_fail |= s.can_fail;
        is_never |= s.kind == SPAN_NEVER;
        is_exact &= s.kind == SPAN_EXACT;
        items[i++] = s.exact;
    }
    if (is_never)
        return never();
    if (!is_exact)
        return any();
    return (struct span){
        .kind = SPAN_EXACT,
        .can_fail = can_fail,
        .exact = {.type = CEL_LIST, .list = {items, n}},
    };
}

/* One more operand of && (`decides` is false) or || (true). */
static struct truths logic(struct truths so_far, struct truths next, bool decides)
{
    struct truths a = decides ? negated(so_far) : so_far, b = decides ? negated(next) : next;
    struct truths t = {
        .can_true = a.can_true && b.can_true,
        .can_false = a.can_false || b.can_false,
        .can_fail = (a.can_fail && (b.can_true || b.can_fail)) || (a.can_true && b.can_fail),
    };

    return decides ? negated(t) : t;
}

static struct span span_of_logic(struct ranger *r, const struct cel_node *node, bool decides)
{
    struct truths t = {.can_true = !decides, .can_false = decides};

    for (unsigned kid = node->kid; kid; kid = cel_node(r->run.program, kid)->next) {
        struct span s = span_of(r, kid);

        t = logic(t, truths_of(&s), decides);
    }
    return span_of_truths(t);
}

static struct span span_of_cond(struct ranger *r, const struct cel_node *node)
{
    unsigned yes = cel_node(r->run.program, node->kid)->next;
    struct span s = span_of(r, node->kid), a = span_of(r, yes),
                b = span_of(r, cel_node(r->run.program, yes)->next), chosen = never();
    struct truths t = truths_of(&s);

    if (t.can_true && t.can_false)
        chosen = join(&a, &b);
    else if (t.can_true)
        chosen = a;
    else if (t.can_false)
        chosen = b;
    chosen.can_fail |= t.can_fail;
    return chosen;
}

static struct span span_of_quantifier(struct ranger *r, const struct cel_node *node,
                                      const struct cel_value *list)
{
    unsigned body = cel_node(r->run.program, node->kid)->next;
    bool decides = node->op == CEL_OP_EXISTS;
    struct truths t = {.can_true = !decides, .can_false = decides};

    for (size_t i = 0; i < list->list.n; i++) {
        struct span s;

        r->run.locals[node->arg] = list->list.items[i];
        if (cel_step(&r->run))
            return any();
        s = span_of(r, body);
        t = logic(t, truths_of(&s), decides);
    }
    return span_of_truths(t);
}

static struct span span_of_exists_one(struct ranger *r, const struct cel_node *node,
                                      const struct cel_value *list)
{
    unsigned body = cel_node(r->run.program, node->kid)->next;
    size_t n_sure = 0, n_possible = 0;
    bool can_fail = false, must_fail = false;

    for (size_t i = 0; i < list->list.n; i++) {
        struct span s;
        struct truths t;

        r->run.locals[node->arg] = list->list.items[i];
        if (cel_step(&r->run))
            return any();
        s = span_of(r, body);
        t = truths_of(&s);
        n_sure += t.can_true && !t.can_false;
        n_possible += t.can_true;
        can_fail |= t.can_fail;
        must_fail |= !t.can_true && !t.can_false;
    }
    if (must_fail)
        return never();
    return span_of_truths((struct truths){
        .can_true = n_sure <= 1 && n_possible >= 1,
        .can_false = n_sure != 1 || n_possible != 1,
        .can_fail = can_fail,
    });
}

/* filter and map: as evaluated, if nothing in them moves. */
static struct span span_of_map(struct ranger *r, const struct cel_node *node,
                               const struct cel_value *list)
{
    unsigned body = cel_node(r->run.program, node->kid)->next;
    unsigned second = cel_node(r->run.program, body)->next;
    struct cel_value *items = cel_run_items(&r->run, list->list.n);
    size_t n = 0;

    if (!items && list->list.n)
        return any();
    for (size_t i = 0; i < list->list.n; i++) {
        struct span s, value;

        r->run.locals[node->arg] = list->list.items[i];
        if (cel_step(&r->run))
            return any();
        s = span_of(r, body);
        value = second ? span_of(r, second) : s;
        if (s.kind != SPAN_EXACT || s.can_fail || value.kind != SPAN_EXACT || value.can_fail) {
            r->run.is_exhausted = true; /* as in moving() */
            return any();
        }
        if (node->op == CEL_OP_FILTER || second) {
            if (s.exact.type != CEL_BOOL)
                return never();
            if (!s.exact.b)
                continue;
        }
        items[n++] = node->op == CEL_OP_FILTER ? r->run.locals[node->arg] : value.exact;
    }
    return exactly((struct cel_value){.type = CEL_LIST, .list = {items, n}});
}

static struct span span_of_macro(struct ranger *r, const struct cel_node *node)
{
    struct span list = span_of(r, node->kid), s;

    if (list.kind == SPAN_NEVER)
        return never();
    if (list.kind != SPAN_EXACT)
        return any();
    if (list.exact.type != CEL_LIST)
        return never();
    if (node->op == CEL_OP_ALL || node->op == CEL_OP_EXISTS)
        s = span_of_quantifier(r, node, &list.exact);
    else if (node->op == CEL_OP_EXISTS_ONE)
        s = span_of_exists_one(r, node, &list.exact);
    else
        s = span_of_map(r, node, &list.exact);
    s.can_fail |= list.can_fail;
    return s;
}

static struct span span_of(struct ranger *r, unsigned n)
{
    const struct cel_node *node = cel_node(r->run.program, n);

    switch ((enum cel_op)node->op) {
    case CEL_OP_CONST:
        return exactly(r->run.program->consts[node->arg]);
    case CEL_OP_VAR:
        return span_of_var(r, node);
    case CEL_OP_LOCAL:
        return exactly(r->run.locals[node->arg]);
    case CEL_OP_HAS:
        return span_of_has(r, node);
    case CEL_OP_FAIL:
        return never();
    case CEL_OP_AND:
        return span_of_logic(r, node, false);
    case CEL_OP_OR:
        return span_of_logic(r, node, true);
    case CEL_OP_COND:
        return span_of_cond(r, node);
    case CEL_OP_ALL:
    case CEL_OP_EXISTS:
    case CEL_OP_EXISTS_ONE:
    case CEL_OP_FILTER:
    case CEL_OP_MAP:
        return span_of_macro(r, node);
    case CEL_OP_LIST:
        return span_of_list(r, node);
    default:
        return span_of_strict(r, node);
    }
}

enum cel_truth cel_holds_over(struct cel_program *p, cel_range_fn get, void *ctx)
{
    struct ranger r = {.get = get, .ctx = ctx};
    struct truths t;
    struct span s;

    cel_run_start(&r.run, p);
    s = span_of(&r, p->root);
    t = truths_of(&s);
    /* What ran out here might not have in an evaluation, which skips what does not matter. */
    if (r.run.is_exhausted)
        return CEL_EITHER;
    if (!t.can_true)
        return CEL_FALSE;
    return t.can_false || t.can_fail ? CEL_EITHER : CEL_TRUE;
}
