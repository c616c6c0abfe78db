/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over the tree. Allocates nothing: strings and lists that are built go to the program's
 * scratch, and running out of it is an error of the expression. An absent variable and an error
 * travel the same way, and && || and the macros absorb both.
 */
#include "engine/cel_eval.h"

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
            return cel_give_bool(decides, ret_value);
        if (!failed)
            failed = r;
    }
    return failed ? failed : cel_give_bool(!decides, ret_value);
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
    if (v.type != CEL_BOOL)
        return CEL_E_ERROR;
    *ret_bool = v.b;
    return 0;
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
            return cel_give_bool(decides, ret_value);
        if (!failed)
            failed = r;
    }
    return failed ? failed : cel_give_bool(!decides, ret_value);
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
    return cel_give_bool(n == 1, ret_value);
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

    return cel_give_bool(run->get(run->ctx, run->program->vars[node->arg].var, &v), ret_value);
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
    return cel_compare(run, (enum cel_op)node->op, a, b, ret_value);
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
