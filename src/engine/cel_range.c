/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions over ranges: the walk. Every node gets a span. Where all operands are exact, the
 * evaluator's own functions are used, so the two cannot differ.
 */
#include "engine/cel_eval.h"

#include "engine/cel_span.h"

/* One analysis. */
struct ranger {
    struct cel_run run; /* for exact values: scratch, locals, steps */
    cel_range_fn get;
    void *ctx;
};

static struct cel_span span_of(struct ranger *r, unsigned n);

static struct cel_range range_of_var(struct ranger *r, const struct cel_node *node)
{
    struct cel_range range = {.is_absent = false};

    r->get(r->ctx, r->run.program->vars[node->arg].var, &range);
    return range;
}

static struct cel_span span_of_var(struct ranger *r, const struct cel_node *node)
{
    enum cel_type type = r->run.program->vars[node->arg].type;
    struct cel_range range = range_of_var(r, node);
    struct cel_span s;

    if (range.is_absent)
        return cel_span_never();
    ENSURE(!range.is_exact || range.exact.type == type || type == CEL_DYN);
    if (range.is_exact)
        s = cel_span_of_value(range.exact);
    else
        s = cel_span_between(type, range.lo, range.hi);
    s.can_fail = range.may_be_absent;
    return s;
}

static struct cel_span span_of_has(struct ranger *r, const struct cel_node *node)
{
    struct cel_range range = range_of_var(r, node);

    return cel_span_of_truths((struct cel_truths){
        .can_true = !range.is_absent, .can_false = range.is_absent || range.may_be_absent});
}

/* A number that moves, in a list that does not. */
static struct cel_span find_number(struct ranger *r, const struct cel_span *a,
                                   const struct cel_span *list)
{
    struct cel_truths found = {.can_false = true};

    if (list->kind != CEL_SPAN_EXACT || list->exact.type != CEL_LIST)
        return cel_span_any();
    for (size_t i = 0; i < list->exact.list.n; i++) {
        struct cel_span item = cel_span_of_value(list->exact.list.items[i]), n;
        struct cel_truths t = {.can_false = true};

        if (cel_step(&r->run))
            return cel_span_any();
        if (cel_span_as_number(&item, &n) && cel_span_can_compare(a, &n))
            t = cel_span_equal(a, &n);
        found.can_true |= t.can_true;
        found.can_false &= t.can_false;
    }
    return cel_span_of_truths(found);
}

/* Operands of which at least one moves. */
static struct cel_span moving(struct ranger *r, const struct cel_node *node,
                              const struct cel_span *args, unsigned n_args)
{
    struct cel_span a, b;

    if (node->op == CEL_OP_NOT)
        return cel_span_of_truths(cel_truths_not(cel_truths_of(&args[0])));
    if (cel_needs_scratch(node))
        r->run.is_exhausted = true; /* how much it would take cannot be known */
    if (!cel_span_as_number(&args[0], &a))
        return cel_span_any();
    if (node->op == CEL_OP_NEG)
        return cel_span_negate(&a);
    if (node->op == CEL_OP_CALL)
        return n_args == 1 ? cel_span_convert((enum cel_fn)node->fn, &a) : cel_span_any();
    if (node->op == CEL_OP_IN)
        return find_number(r, &a, &args[1]);
    if (n_args != 2 || !cel_span_as_number(&args[1], &b))
        return cel_span_any();
    if (node->op >= CEL_OP_EQ && node->op <= CEL_OP_GE)
        return cel_span_can_compare(&a, &b) ? cel_span_compare((enum cel_op)node->op, &a, &b)
                                            : cel_span_any();
    return node->op == CEL_OP_INDEX ? cel_span_any()
                                    : cel_span_arithmetic((enum cel_op)node->op, &a, &b);
}

static struct cel_span apply(struct ranger *r, const struct cel_node *node,
                             const struct cel_span *args, unsigned n_args)
{
    struct cel_value values[CEL_ARGS_MAX], v;

    for (unsigned i = 0; i < n_args; i++) {
        if (args[i].kind != CEL_SPAN_EXACT)
            return moving(r, node, args, n_args);
        values[i] = args[i].exact;
    }
    return cel_apply(&r->run, node, values, n_args, &v) ? cel_span_never() : cel_span_of_value(v);
}

static struct cel_span span_of_strict(struct ranger *r, const struct cel_node *node)
{
    struct cel_span args[CEL_ARGS_MAX], s;
    bool can_fail = false, is_never = false;
    unsigned n = 0;

    for (unsigned kid = node->kid; kid; kid = cel_node(r->run.program, kid)->next) {
        args[n] = span_of(r, kid);
        can_fail |= args[n].can_fail;
        is_never |= args[n].kind == CEL_SPAN_NEVER;
        n++;
    }
    if (is_never)
        return cel_span_never();
    s = apply(r, node, args, n);
    s.can_fail |= can_fail;
    return s;
}

static struct cel_span span_of_list(struct ranger *r, const struct cel_node *node)
{
    bool can_fail = false, is_exact = true, is_never = false;
    struct cel_value *items;
    size_t n = 0, i = 0;

    for (unsigned kid = node->kid; kid; kid = cel_node(r->run.program, kid)->next)
        n++;
    items = cel_run_items(&r->run, n);
    if (!items && n)
        return cel_span_any();
    for (unsigned kid = node->kid; kid; kid = cel_node(r->run.program, kid)->next) {
        struct cel_span s = span_of(r, kid);

        can_fail |= s.can_fail;
        is_never |= s.kind == CEL_SPAN_NEVER;
        is_exact &= s.kind == CEL_SPAN_EXACT;
        items[i++] = s.exact;
    }
    if (is_never)
        return cel_span_never();
    if (!is_exact)
        return cel_span_any();
    return (struct cel_span){
        .kind = CEL_SPAN_EXACT,
        .can_fail = can_fail,
        .exact = {.type = CEL_LIST, .list = {items, n}},
    };
}

static struct cel_span span_of_logic(struct ranger *r, const struct cel_node *node, bool decides)
{
    struct cel_truths t = {.can_true = !decides, .can_false = decides};

    for (unsigned kid = node->kid; kid; kid = cel_node(r->run.program, kid)->next) {
        struct cel_span s = span_of(r, kid);

        t = cel_truths_logic(t, cel_truths_of(&s), decides);
    }
    return cel_span_of_truths(t);
}

static struct cel_span span_of_cond(struct ranger *r, const struct cel_node *node)
{
    unsigned yes = cel_node(r->run.program, node->kid)->next;
    struct cel_span s = span_of(r, node->kid), a = span_of(r, yes),
                    b = span_of(r, cel_node(r->run.program, yes)->next), chosen = cel_span_never();
    struct cel_truths t = cel_truths_of(&s);

    if (t.can_true && t.can_false)
        chosen = cel_span_join(&a, &b);
    else if (t.can_true)
        chosen = a;
    else if (t.can_false)
        chosen = b;
    chosen.can_fail |= t.can_fail;
    return chosen;
}

static struct cel_span span_of_quantifier(struct ranger *r, const struct cel_node *node,
                                          const struct cel_value *list)
{
    unsigned body = cel_node(r->run.program, node->kid)->next;
    bool decides = node->op == CEL_OP_EXISTS;
    struct cel_truths t = {.can_true = !decides, .can_false = decides};

    for (size_t i = 0; i < list->list.n; i++) {
        struct cel_span s;

        r->run.locals[node->arg] = list->list.items[i];
        if (cel_step(&r->run))
            return cel_span_any();
        s = span_of(r, body);
        t = cel_truths_logic(t, cel_truths_of(&s), decides);
    }
    return cel_span_of_truths(t);
}

static struct cel_span span_of_exists_one(struct ranger *r, const struct cel_node *node,
                                          const struct cel_value *list)
{
    unsigned body = cel_node(r->run.program, node->kid)->next;
    size_t n_sure = 0, n_possible = 0;
    bool can_fail = false, must_fail = false;

    for (size_t i = 0; i < list->list.n; i++) {
        struct cel_span s;
        struct cel_truths t;

        r->run.locals[node->arg] = list->list.items[i];
        if (cel_step(&r->run))
            return cel_span_any();
        s = span_of(r, body);
        t = cel_truths_of(&s);
        n_sure += t.can_true && !t.can_false;
        n_possible += t.can_true;
        can_fail |= t.can_fail;
        must_fail |= !t.can_true && !t.can_false;
    }
    if (must_fail)
        return cel_span_never();
    return cel_span_of_truths((struct cel_truths){
        .can_true = n_sure <= 1 && n_possible >= 1,
        .can_false = n_sure != 1 || n_possible != 1,
        .can_fail = can_fail,
    });
}

/* filter and map: as evaluated, if nothing in them moves. */
static struct cel_span span_of_map(struct ranger *r, const struct cel_node *node,
                                   const struct cel_value *list)
{
    unsigned body = cel_node(r->run.program, node->kid)->next;
    unsigned second = cel_node(r->run.program, body)->next;
    struct cel_value *items = cel_run_items(&r->run, list->list.n);
    size_t n = 0;

    if (!items && list->list.n)
        return cel_span_any();
    for (size_t i = 0; i < list->list.n; i++) {
        struct cel_span s, value;

        r->run.locals[node->arg] = list->list.items[i];
        if (cel_step(&r->run))
            return cel_span_any();
        s = span_of(r, body);
        value = second ? span_of(r, second) : s;
        if (s.kind != CEL_SPAN_EXACT || s.can_fail || value.kind != CEL_SPAN_EXACT ||
            value.can_fail) {
            r->run.is_exhausted = true; /* as in moving() */
            return cel_span_any();
        }
        if (node->op == CEL_OP_FILTER || second) {
            if (s.exact.type != CEL_BOOL)
                return cel_span_never();
            if (!s.exact.b)
                continue;
        }
        items[n++] = node->op == CEL_OP_FILTER ? r->run.locals[node->arg] : value.exact;
    }
    return cel_span_of_value((struct cel_value){.type = CEL_LIST, .list = {items, n}});
}

static struct cel_span span_of_macro(struct ranger *r, const struct cel_node *node)
{
    struct cel_span list = span_of(r, node->kid), s;

    if (list.kind == CEL_SPAN_NEVER)
        return cel_span_never();
    if (list.kind != CEL_SPAN_EXACT)
        return cel_span_any();
    if (list.exact.type != CEL_LIST)
        return cel_span_never();
    if (node->op == CEL_OP_ALL || node->op == CEL_OP_EXISTS)
        s = span_of_quantifier(r, node, &list.exact);
    else if (node->op == CEL_OP_EXISTS_ONE)
        s = span_of_exists_one(r, node, &list.exact);
    else
        s = span_of_map(r, node, &list.exact);
    s.can_fail |= list.can_fail;
    return s;
}

static struct cel_span span_of(struct ranger *r, unsigned n)
{
    const struct cel_node *node = cel_node(r->run.program, n);

    switch ((enum cel_op)node->op) {
    case CEL_OP_CONST:
        return cel_span_of_value(r->run.program->consts[node->arg]);
    case CEL_OP_VAR:
        return span_of_var(r, node);
    case CEL_OP_LOCAL:
        return cel_span_of_value(r->run.locals[node->arg]);
    case CEL_OP_HAS:
        return span_of_has(r, node);
    case CEL_OP_FAIL:
        return cel_span_never();
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
    struct cel_truths t;
    struct cel_span s;

    cel_run_start(&r.run, p);
    s = span_of(&r, p->root);
    t = cel_truths_of(&s);
    /* What ran out here might not have in an evaluation, which skips what does not matter. */
    if (r.run.is_exhausted)
        return CEL_EITHER;
    if (!t.can_true)
        return CEL_FALSE;
    return t.can_false || t.can_fail ? CEL_EITHER : CEL_TRUE;
}
