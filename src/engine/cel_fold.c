/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constants, computed once: what reads no variable is evaluated when it is compiled. What fails
 * stays as it is, since whether that matters is decided where it is evaluated.
 */
#include "engine/cel_check.h"

#include "engine/cel_eval.h"

#define FOLD_ITEMS_MAX 4096 /* list elements of one folded constant, nested ones counted */

/* A copy that lives with the program; false when it would be too large. */
static bool keep_value(struct cel_program *p, const struct cel_value *v, size_t *budget,
                       struct cel_value *ret_value)
{
    struct cel_value *items;

    *ret_value = *v;
    if (v->type == CEL_STRING)
        ret_value->s = cel_keep_str(p, v->s);
    if (v->type != CEL_LIST)
        return true;
    if (v->list.n > *budget)
        return false;
    *budget -= v->list.n;
    items = v->list.n ? cel_keep(p, v->list.n * sizeof(*items)) : NULL;
    for (size_t i = 0; i < v->list.n; i++) {
        if (!keep_value(p, &v->list.items[i], budget, &items[i]))
            return false;
    }
    ret_value->list.items = items;
    return true;
}

static bool kids_are_const(const struct cel_checker *c, const struct cel_node *node)
{
    for (uint16_t kid = node->kid; kid; kid = cel_node(c->program, kid)->next) {
        if (cel_node(c->program, kid)->op != CEL_OP_CONST)
            return false;
    }
    return true;
}

/* dyn() stays: it is there to hide a type. So does what has no static type: its value would show
 * one, and the canonical text would not compile. */
static bool may_fold(const struct cel_checker *c, const struct cel_node *node)
{
    if (node->is_open || node->slots || node->op == CEL_OP_CONST)
        return false;
    if (node->type.base == CEL_DYN && node->op != CEL_OP_LIST)
        return false;
    return node->op < CEL_OP_LIST || kids_are_const(c, node);
}

void cel_fold(struct cel_checker *c, struct cel_node *node)
{
    struct cel_run run = {
        .program = c->program,
        .bytes = c->bytes,
        .bytes_cap = CEL_SCRATCH_MAX,
        .items = c->items,
        .items_cap = CEL_ITEMS_MAX,
    };
    size_t budget = FOLD_ITEMS_MAX;
    struct cel_value v, kept;

    if (!may_fold(c, node) || cel_run(&run, (unsigned)(node - c->program->nodes), &v) ||
        !keep_value(c->program, &v, &budget, &kept))
        return;
    node->op = CEL_OP_CONST;
    node->kid = 0;
    node->arg = cel_add_const(c->program, kept);
}
