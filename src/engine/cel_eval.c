/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over the tree. Allocates nothing: strings and lists that are built go to the program's
 * scratch, and running out of it is an error of the expression. An absent variable and an error
 * travel the same way, and && || and the macros absorb both.
 */
#include "engine/cel_eval.h"

#include "engine/cel_time.h"

int cel_step(struct cel_run *run)
{
    if (++run->n_steps <= CEL_STEPS_MAX)
        return 0;
    run->is_exhausted = true;
    return CEL_E_ERROR;
}

char *cel_run_bytes(struct cel_run *run, size_t n)
{
    char *at;

    if (run->bytes_cap - run->n_bytes < n) {
        run->is_exhausted = true;
        return NULL;
    }
    at = run->bytes + run->n_bytes;
    run->n_bytes += n;
    return at;
}

struct cel_value *cel_run_items(struct cel_run *run, size_t n)
{
    struct cel_value *at;

    if (run->items_cap - run->n_items < n) {
        run->is_exhausted = true;
        return NULL;
    }
    at = run->items + run->n_items;
    run->n_items += n;
    return at;
}

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

static int bool_value(bool b, struct cel_value *ret_value)
{
    *ret_value = (struct cel_value){.type = CEL_BOOL, .b = b};
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

static int compare(enum cel_op op, const struct cel_value *a, const struct cel_value *b,
                   struct cel_value *ret_value)
{
    int order, r = cel_order(a, b, &order);

    if (r)
        return r;
    return bool_value(op == CEL_OP_LT   ? order == -1
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
    return bool_value(found, ret_value);
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

    return r ? r : bool_value(equal == wants, ret_value);
}

int cel_apply(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
              unsigned n_args, struct cel_value *ret_value)
{
    enum cel_op op = (enum cel_op)node->op;

    switch (op) {
    case CEL_OP_EQ:
    case CEL_OP_NE:
        return equality(run, op == CEL_OP_EQ, &args[0], &args[1], ret_value);
    case CEL_OP_LT:
    case CEL_OP_LE:
    case CEL_OP_GT:
    case CEL_OP_GE:
        return compare(op, &args[0], &args[1], ret_value);
    case CEL_OP_ADD:
    case CEL_OP_SUB:
    case CEL_OP_MUL:
    case CEL_OP_DIV:
    case CEL_OP_MOD:
        return arithmetic(run, op, &args[0], &args[1], ret_value);
    case CEL_OP_NOT:
        return args->type == CEL_BOOL ? bool_value(!args->b, ret_value) : CEL_E_ERROR;
    case CEL_OP_NEG:
        return negate(args, ret_value);
    case CEL_OP_IN:
        return is_in(run, &args[0], &args[1], ret_value);
    case CEL_OP_INDEX:
        return element(&args[0], &args[1], ret_value);
    case CEL_OP_CALL:
        return cel_call(run, (enum cel_fn)node->fn, args, n_args, ret_value);
    default:
        return CEL_E_ERROR;
    }
}

static int run_list(struct cel_run *run, const struct cel_node *node, struct cel_value *ret_value)
{
    struct cel_value *items;
    size_t n = 0, i = 0;

    for (unsigned kid = node->kid; kid; kid = cel_node(run->program, kid)->next)
        n++;
    items = cel_run_items(run, n);
    if (!items && n)
        return CEL_E_ERROR;
    for (unsigned kid = node->kid; kid; kid = cel_node(run->program, kid)->next) {
        int r = cel_run(run, kid, &items[i++]);

        if (r)
            return r;
    }
    *ret_value = (struct cel_value){.type = CEL_LIST, .list = {items, n}};
    return 0;
}

/* && and ||: the deciding value wins wherever it stands, over errors and absence too. */
static int run_logic(struct cel_run *run, const struct cel_node *node, bool decides,
                     struct cel_value *ret_value)
{
    int failed = 0;

    for (unsigned kid = node->kid; kid; kid = cel_node(run->program, kid)->next) {
        struct cel_value v;
        int r = cel_run(run, kid, &v);

        if (!r && v.type != CEL_BOOL)
            r = CEL_E_ERROR;
        if (!r && v.b == decides)
            return bool_value(decides, ret_value);
        if (!failed)
            failed = r;
    }
    return failed ? failed : bool_value(!decides, ret_value);
}

static int run_cond(struct cel_run *run, const struct cel_node *node, struct cel_value *ret_value)
{
    unsigned yes = cel_node(run->program, node->kid)->next;
    struct cel_value v;
    int r = cel_run(run, node->kid, &v);

    if (r)
        return r;
    if (v.type != CEL_BOOL)
        return CEL_E_ERROR;
    return cel_run(run, v.b ? yes : cel_node(run->program, yes)->next, ret_value);
}

/* A condition inside a macro. */
static int run_bool(struct cel_run *run, unsigned node, bool *ret_bool)
{
    struct cel_value v;
    int r = cel_run(run, node, &v);

    if (r)
        return r;
    *ret_bool = v.b;
    return v.type == CEL_BOOL ? 0 : CEL_E_ERROR;
}

/* all and exists, as && and || over the elements. */
static int run_quantifier(struct cel_run *run, const struct cel_node *node,
                          const struct cel_value *list, bool decides, struct cel_value *ret_value)
{
    unsigned body = cel_node(run->program, node->kid)->next;
    int failed = 0;

    for (size_t i = 0; i < list->list.n; i++) {
        bool b = false;
        int r;

        run->locals[node->arg] = list->list.items[i];
        if (cel_step(run))
            return CEL_E_ERROR;
        r = run_bool(run, body, &b);
        if (!r && b == decides)
            return bool_value(decides, ret_value);
        if (!failed)
            failed = r;
    }
    return failed ? failed : bool_value(!decides, ret_value);
}

static int run_exists_one(struct cel_run *run, const struct cel_node *node,
                          const struct cel_value *list, struct cel_value *ret_value)
{
    unsigned body = cel_node(run->program, node->kid)->next;
    size_t n = 0;

    for (size_t i = 0; i < list->list.n; i++) {
        bool b;
        int r;

        run->locals[node->arg] = list->list.items[i];
        if (cel_step(run))
            return CEL_E_ERROR;
        r = run_bool(run, body, &b);
        if (r)
            return r;
        n += b;
    }
    return bool_value(n == 1, ret_value);
}

/* One element of filter or map: whether it is kept, and what is kept. */
static int run_element(struct cel_run *run, const struct cel_node *node, bool *ret_kept,
                       struct cel_value *ret_value)
{
    unsigned body = cel_node(run->program, node->kid)->next;
    unsigned second = cel_node(run->program, body)->next; /* of map with a condition */
    int r;

    *ret_kept = true;
    if (node->op == CEL_OP_FILTER || second) {
        r = run_bool(run, body, ret_kept);
        if (r || !*ret_kept)
            return r;
    }
    if (node->op == CEL_OP_FILTER) {
        *ret_value = run->locals[node->arg];
        return 0;
    }
    return cel_run(run, second ? second : body, ret_value);
}

static int run_map(struct cel_run *run, const struct cel_node *node, const struct cel_value *list,
                   struct cel_value *ret_value)
{
    struct cel_value *items = cel_run_items(run, list->list.n);
    size_t n = 0;

    if (!items && list->list.n)
        return CEL_E_ERROR;
    for (size_t i = 0; i < list->list.n; i++) {
        bool kept;
        int r;

        run->locals[node->arg] = list->list.items[i];
        if (cel_step(run))
            return CEL_E_ERROR;
        r = run_element(run, node, &kept, &items[n]);
        if (r)
            return r;
        n += kept;
    }
    *ret_value = (struct cel_value){.type = CEL_LIST, .list = {items, n}};
    return 0;
}

static int run_macro(struct cel_run *run, const struct cel_node *node, struct cel_value *ret_value)
{
    struct cel_value list;
    int r = cel_run(run, node->kid, &list);

    if (r)
        return r;
    if (list.type != CEL_LIST)
        return CEL_E_ERROR;
    switch ((enum cel_op)node->op) {
    case CEL_OP_ALL:
        return run_quantifier(run, node, &list, false, ret_value);
    case CEL_OP_EXISTS:
        return run_quantifier(run, node, &list, true, ret_value);
    case CEL_OP_EXISTS_ONE:
        return run_exists_one(run, node, &list, ret_value);
    default:
        return run_map(run, node, &list, ret_value);
    }
}

static int run_var(struct cel_run *run, const struct cel_node *node, struct cel_value *ret_value)
{
    const struct cel_program_var *var = &run->program->vars[node->arg];

    *ret_value = (struct cel_value){.type = CEL_NULL};
    if (!run->get(run->ctx, var->var, ret_value))
        return CEL_E_ABSENT;
    ENSURE(ret_value->type == var->type || var->type == CEL_DYN);
    return 0;
}

static int run_has(struct cel_run *run, const struct cel_node *node, struct cel_value *ret_value)
{
    struct cel_value v = {.type = CEL_NULL};

    return bool_value(run->get(run->ctx, run->program->vars[node->arg].var, &v), ret_value);
}

static int run_strict(struct cel_run *run, const struct cel_node *node, struct cel_value *ret_value)
{
    struct cel_value args[CEL_ARGS_MAX];
    unsigned n = 0;

    for (unsigned kid = node->kid; kid; kid = cel_node(run->program, kid)->next) {
        int r = cel_run(run, kid, &args[n++]);

        if (r)
            return r;
    }
    return cel_apply(run, node, args, n, ret_value);
}

/* An operand where it lies, if it lies somewhere; else it is computed into `space`. */
static int operand(struct cel_run *run, unsigned n, struct cel_value *space,
                   const struct cel_value **ret_operand)
{
    const struct cel_node *node = cel_node(run->program, n);

    *ret_operand = space;
    if (node->op == CEL_OP_VAR)
        return run_var(run, node, space);
    if (node->op == CEL_OP_CONST)
        *ret_operand = &run->program->consts[node->arg];
    else if (node->op == CEL_OP_LOCAL)
        *ret_operand = &run->locals[node->arg];
    else
        return cel_run(run, n, space);
    return 0;
}

/* What most conditions are made of: spared the copying that other strict nodes do. */
static int run_comparison(struct cel_run *run, const struct cel_node *node,
                          struct cel_value *ret_value)
{
    const struct cel_value *a, *b;
    struct cel_value space[2];
    int r = operand(run, node->kid, &space[0], &a);

    if (!r)
        r = operand(run, cel_node(run->program, node->kid)->next, &space[1], &b);
    if (r)
        return r;
    if (node->op == CEL_OP_EQ || node->op == CEL_OP_NE)
        return equality(run, node->op == CEL_OP_EQ, a, b, ret_value);
    if (node->op == CEL_OP_IN)
        return is_in(run, a, b, ret_value);
    return compare((enum cel_op)node->op, a, b, ret_value);
}

int cel_run(struct cel_run *run, unsigned n, struct cel_value *ret_value)
{
    const struct cel_node *node = cel_node(run->program, n);

    switch ((enum cel_op)node->op) {
    case CEL_OP_CONST:
        *ret_value = run->program->consts[node->arg];
        return 0;
    case CEL_OP_VAR:
        return run_var(run, node, ret_value);
    case CEL_OP_LOCAL:
        *ret_value = run->locals[node->arg];
        return 0;
    case CEL_OP_HAS:
        return run_has(run, node, ret_value);
    case CEL_OP_FAIL:
        return CEL_E_ERROR;
    case CEL_OP_AND:
        return run_logic(run, node, false, ret_value);
    case CEL_OP_OR:
        return run_logic(run, node, true, ret_value);
    case CEL_OP_COND:
        return run_cond(run, node, ret_value);
    case CEL_OP_ALL:
    case CEL_OP_EXISTS:
    case CEL_OP_EXISTS_ONE:
    case CEL_OP_FILTER:
    case CEL_OP_MAP:
        return run_macro(run, node, ret_value);
    case CEL_OP_LIST:
        return run_list(run, node, ret_value);
    case CEL_OP_EQ:
    case CEL_OP_NE:
    case CEL_OP_LT:
    case CEL_OP_LE:
    case CEL_OP_GT:
    case CEL_OP_GE:
    case CEL_OP_IN:
        return run_comparison(run, node, ret_value);
    default:
        return run_strict(run, node, ret_value);
    }
}

void cel_run_start(struct cel_run *run, struct cel_program *p)
{
    run->program = p;
    run->bytes = p->bytes;
    run->bytes_cap = p->bytes ? CEL_SCRATCH_MAX : 0;
    run->items = p->items;
    run->items_cap = p->items ? CEL_ITEMS_MAX : 0;
    run->n_bytes = run->n_items = 0;
    run->n_steps = 0;
    run->is_exhausted = false;
}

int cel_eval(struct cel_program *p, cel_get_fn get, void *ctx, struct cel_value *ret_value)
{
    struct cel_run run;
    struct cel_value v;
    int r;

    cel_run_start(&run, p);
    run.get = get;
    run.ctx = ctx;
    r = cel_run(&run, p->root, &v);
    if (r)
        return r;
    if (p->want == CEL_DOUBLE && v.type == CEL_INT)
        v = (struct cel_value){.type = CEL_DOUBLE, .d = (double)v.i};
    if (p->want != CEL_DYN && v.type != p->want)
        return CEL_E_ERROR;
    *ret_value = v;
    return 0;
}
