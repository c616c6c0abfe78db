/* SPDX-License-Identifier: Apache-2.0 */
/* Operators on values. Types are checked here too: those of unknown type come unchecked. */
#include "engine/cel_eval.h"

#include "engine/cel_time.h"

/* An int and a double as the numbers they are: beyond 2^53 not every int is a double. */
static int order_int_double(int64_t i, double d)
{
    int64_t whole;

    if (d >= 9223372036854775808.0)
        return -1;
    if (d < -9223372036854775808.0)
        return 1;
    whole = (int64_t)d; /* towards zero */
    if (i != whole)
        return i < whole ? -1 : 1;
    return (double)whole < d ? -1 : (double)whole > d;
}

static bool is_nan(const struct cel_value *v)
{
    return v->type == CEL_DOUBLE && v->d != v->d;
}

#define ORDER(a, b) ((a) < (b) ? -1 : (a) > (b))

static int order_mixed(const struct cel_value *a, const struct cel_value *b, int *ret_order)
{
    if (a->type == CEL_INT && b->type == CEL_DOUBLE)
        *ret_order = order_int_double(a->i, b->d);
    else if (a->type == CEL_DOUBLE && b->type == CEL_INT)
        *ret_order = -order_int_double(b->i, a->d);
    else
        return CEL_E_ERROR;
    return 0;
}

int cel_order(const struct cel_value *a, const struct cel_value *b, int *ret_order)
{
    if (a->type == CEL_DOUBLE && b->type == CEL_DOUBLE) {
        *ret_order = a->d < b->d ? -1 : a->d > b->d ? 1 : a->d == b->d ? 0 : 2;
        return 0;
    }
    if (is_nan(a) || is_nan(b)) {
        bool is_number = (a->type == CEL_INT || a->type == CEL_DOUBLE) &&
                         (b->type == CEL_INT || b->type == CEL_DOUBLE);

        *ret_order = 2;
        return is_number ? 0 : CEL_E_ERROR;
    }
    if (a->type != b->type)
        return order_mixed(a, b, ret_order);
    switch (a->type) {
    case CEL_BOOL:
        *ret_order = ORDER(a->b, b->b);
        return 0;
    case CEL_INT:
        *ret_order = ORDER(a->i, b->i);
        return 0;
    case CEL_DURATION:
    case CEL_TIMESTAMP:
        *ret_order = a->i != b->i ? ORDER(a->i, b->i) : ORDER(a->ns, b->ns);
        return 0;
    case CEL_STRING:
        *ret_order = str_cmp(a->s, b->s);
        *ret_order = ORDER(*ret_order, 0);
        return 0;
    default:
        return CEL_E_ERROR;
    }
}

static int equal_lists(struct cel_run *run, const struct cel_value *a, const struct cel_value *b,
                       bool *ret_equal)
{
    *ret_equal = a->list.n == b->list.n;
    for (size_t i = 0; *ret_equal && i < a->list.n; i++) {
        int r = cel_step(run);

        if (!r)
            r = cel_equal(run, &a->list.items[i], &b->list.items[i], ret_equal);
        if (r)
            return r;
    }
    return 0;
}

int cel_equal(struct cel_run *run, const struct cel_value *a, const struct cel_value *b,
              bool *ret_equal)
{
    int order;

    if (a->type == CEL_STRING && b->type == CEL_STRING) {
        *ret_equal = str_eq(a->s, b->s);
        return 0;
    }
    if (a->type == CEL_LIST && b->type == CEL_LIST)
        return equal_lists(run, a, b, ret_equal);
    if (a->type == CEL_TYPE && b->type == CEL_TYPE)
        *ret_equal = str_eq(a->s, b->s);
    else if (a->type == CEL_NULL && b->type == CEL_NULL)
        *ret_equal = true;
    else
        *ret_equal = !cel_order(a, b, &order) && order == 0;
    return 0;
}

static int concat_strings(struct cel_run *run, struct str a, struct str b,
                          struct cel_value *ret_value)
{
    bool is_last = a.len && run->bytes && a.ptr + a.len == run->bytes + run->n_bytes;
    char *to;

    /* A chain a + b + c grows what it has built so far. */
    to = cel_run_bytes(run, is_last ? b.len : a.len + b.len);
    if (!to)
        return CEL_E_ERROR;
    if (!is_last && a.len)
        memcpy(to, a.ptr, a.len);
    if (b.len)
        memcpy(is_last ? to : to + a.len, b.ptr, b.len);
    *ret_value = (struct cel_value){.type = CEL_STRING, .s = {is_last ? a.ptr : to, a.len + b.len}};
    return 0;
}

static int concat_lists(struct cel_run *run, const struct cel_value *a, const struct cel_value *b,
                        struct cel_value *ret_value)
{
    size_t n = a->list.n + b->list.n;
    struct cel_value *to = cel_run_items(run, n);

    if (!to && n)
        return CEL_E_ERROR;
    for (size_t i = 0; i < n; i++)
        to[i] = i < a->list.n ? a->list.items[i] : b->list.items[i - a->list.n];
    *ret_value = (struct cel_value){.type = CEL_LIST, .list = {to, n}};
    return 0;
}

static int int_arithmetic(enum cel_op op, int64_t a, int64_t b, struct cel_value *ret_value)
{
    int64_t v = 0;
    bool fails;

    switch (op) {
    case CEL_OP_ADD:
        fails = __builtin_add_overflow(a, b, &v);
        break;
    case CEL_OP_SUB:
        fails = __builtin_sub_overflow(a, b, &v);
        break;
    case CEL_OP_MUL:
        fails = __builtin_mul_overflow(a, b, &v);
        break;
    case CEL_OP_DIV:
        fails = b == 0 || (a == INT64_MIN && b == -1);
        v = fails ? 0 : a / b;
        break;
    default:
        fails = b == 0 || (a == INT64_MIN && b == -1);
        v = fails ? 0 : a % b;
        break;
    }
    if (fails)
        return CEL_E_ERROR;
    *ret_value = (struct cel_value){.type = CEL_INT, .i = v};
    return 0;
}

static int double_arithmetic(enum cel_op op, double a, double b, struct cel_value *ret_value)
{
    double v;

    switch (op) {
    case CEL_OP_ADD:
        v = a + b;
        break;
    case CEL_OP_SUB:
        v = a - b;
        break;
    case CEL_OP_MUL:
        v = a * b;
        break;
    case CEL_OP_DIV:
        v = a / b;
        break;
    default:
        return CEL_E_ERROR;
    }
    *ret_value = (struct cel_value){.type = CEL_DOUBLE, .d = v};
    return 0;
}

static bool is_time(const struct cel_value *v)
{
    return v->type == CEL_DURATION || v->type == CEL_TIMESTAMP;
}

static int arithmetic(struct cel_run *run, enum cel_op op, const struct cel_value *a,
                      const struct cel_value *b, struct cel_value *ret_value)
{
    if (a->type == CEL_INT && b->type == CEL_INT)
        return int_arithmetic(op, a->i, b->i, ret_value);
    if (a->type == CEL_DOUBLE && b->type == CEL_DOUBLE)
        return double_arithmetic(op, a->d, b->d, ret_value);
    if (op == CEL_OP_ADD && a->type == CEL_STRING && b->type == CEL_STRING)
        return concat_strings(run, a->s, b->s, ret_value);
    if (op == CEL_OP_ADD && a->type == CEL_LIST && b->type == CEL_LIST)
        return concat_lists(run, a, b, ret_value);
    if (op == CEL_OP_ADD && is_time(a) && is_time(b))
        return cel_time_add(a, b, ret_value);
    if (op == CEL_OP_SUB && is_time(a) && is_time(b))
        return cel_time_sub(a, b, ret_value);
    return CEL_E_ERROR;
}

static int negate(const struct cel_value *v, struct cel_value *ret_value)
{
    if (v->type == CEL_DOUBLE) {
        *ret_value = (struct cel_value){.type = CEL_DOUBLE, .d = -v->d};
        return 0;
    }
    return v->type == CEL_INT ? int_arithmetic(CEL_OP_SUB, 0, v->i, ret_value) : CEL_E_ERROR;
}

static int compare_order(enum cel_op op, const struct cel_value *a, const struct cel_value *b,
                         struct cel_value *ret_value)
{
    int order, r = cel_order(a, b, &order);

    if (r)
        return r;
    return cel_give_bool(op == CEL_OP_LT   ? order == -1
                         : op == CEL_OP_LE ? order == -1 || order == 0
                         : op == CEL_OP_GT ? order == 1
                                           : order == 1 || order == 0,
                         ret_value);
}

static int is_in(struct cel_run *run, const struct cel_value *v, const struct cel_value *list,
                 struct cel_value *ret_value)
{
    bool found = false;

    if (list->type != CEL_LIST)
        return CEL_E_ERROR;
    for (size_t i = 0; !found && i < list->list.n; i++) {
        int r = cel_step(run);

        if (!r)
            r = cel_equal(run, v, &list->list.items[i], &found);
        if (r)
            return r;
    }
    return cel_give_bool(found, ret_value);
}

static int element(const struct cel_value *list, const struct cel_value *at,
                   struct cel_value *ret_value)
{
    int64_t i;

    if (list->type != CEL_LIST || (at->type != CEL_INT && at->type != CEL_DOUBLE))
        return CEL_E_ERROR;
    if (at->type == CEL_DOUBLE && !(at->d >= 0 && at->d < 1e9 && at->d == (double)(int64_t)at->d))
        return CEL_E_ERROR;
    i = at->type == CEL_INT ? at->i : (int64_t)at->d;
    if (i < 0 || (uint64_t)i >= list->list.n)
        return CEL_E_ERROR;
    *ret_value = list->list.items[i];
    return 0;
}

static int equality(struct cel_run *run, bool wants, const struct cel_value *a,
                    const struct cel_value *b, struct cel_value *ret_value)
{
    bool equal;
    int r = cel_equal(run, a, b, &equal);

    return r ? r : cel_give_bool(equal == wants, ret_value);
}

int cel_compare(struct cel_run *run, enum cel_op op, const struct cel_value *a,
                const struct cel_value *b, struct cel_value *ret_value)
{
    if (op == CEL_OP_EQ || op == CEL_OP_NE)
        return equality(run, op == CEL_OP_EQ, a, b, ret_value);
    return op == CEL_OP_IN ? is_in(run, a, b, ret_value) : compare_order(op, a, b, ret_value);
}

int cel_apply(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
              unsigned n_args, struct cel_value *ret_value)
{
    enum cel_op op = (enum cel_op)node->op;

    switch (op) {
    case CEL_OP_EQ:
    case CEL_OP_NE:
    case CEL_OP_LT:
    case CEL_OP_LE:
    case CEL_OP_GT:
    case CEL_OP_GE:
    case CEL_OP_IN:
        return cel_compare(run, op, &args[0], &args[1], ret_value);
    case CEL_OP_ADD:
    case CEL_OP_SUB:
    case CEL_OP_MUL:
    case CEL_OP_DIV:
    case CEL_OP_MOD:
        return arithmetic(run, op, &args[0], &args[1], ret_value);
    case CEL_OP_NOT:
        return args->type == CEL_BOOL ? cel_give_bool(!args->b, ret_value) : CEL_E_ERROR;
    case CEL_OP_NEG:
        return negate(args, ret_value);
    case CEL_OP_INDEX:
        return element(&args[0], &args[1], ret_value);
    case CEL_OP_CALL:
        return cel_call(run, (enum cel_fn)node->fn, args, n_args, ret_value);
    default:
        return CEL_E_ERROR;
    }
}
