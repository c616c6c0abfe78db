/* SPDX-License-Identifier: Apache-2.0 */
/* One walk over the tree, down through logic, stopping at comparisons. */
#include "engine/cel_atoms.h"

#include "engine/cel_program.h"

#include <math.h>

struct walk {
    const struct cel_program *program;
    cel_timed_fn is_timed;
    void *ctx;
    struct cel_atom *atoms;
    size_t n, max;
};

static bool is_timed_var(const struct walk *w, const struct cel_node *node)
{
    return (node->op == CEL_OP_VAR || node->op == CEL_OP_HAS) &&
           w->is_timed(w->ctx, w->program->vars[node->arg].var);
}

static bool reads_timed(const struct walk *w, uint16_t at)
{
    const struct cel_node *node = cel_node(w->program, at);

    if (is_timed_var(w, node))
        return true;
    for (uint16_t kid = node->kid; kid; kid = cel_node(w->program, kid)->next) {
        if (reads_timed(w, kid))
            return true;
    }
    return false;
}

static bool add(struct walk *w, unsigned var, enum cel_relation relation, double constant)
{
    if (w->n == w->max)
        return false;
    w->atoms[w->n++] = (struct cel_atom){var, relation, constant};
    return true;
}

bool cel_atoms_number(const struct cel_value *v, double *ret_number)
{
    if (v->type == CEL_DOUBLE) {
        *ret_number = v->d;
        return isfinite(v->d);
    }
    if (v->type != CEL_INT && v->type != CEL_DURATION && v->type != CEL_TIMESTAMP)
        return false;
    *ret_number = (double)v->i;
    return v->i > -(1LL << 53) && v->i < 1LL << 53 && (v->type == CEL_INT || !v->ns);
}

static enum cel_relation mirrored(enum cel_relation r)
{
    switch (r) {
    case CEL_LT:
        return CEL_GT;
    case CEL_LE:
        return CEL_GE;
    case CEL_GT:
        return CEL_LT;
    case CEL_GE:
        return CEL_LE;
    default:
        return r;
    }
}

bool cel_atoms_sides(const struct cel_program *program, const struct cel_node *node,
                     const struct cel_node **ret_var, const struct cel_node **ret_constant,
                     enum cel_relation *ret_relation)
{
    static const enum cel_relation relations[] = {
        [CEL_OP_EQ - CEL_OP_EQ] = CEL_EQ, [CEL_OP_NE - CEL_OP_EQ] = CEL_NE,
        [CEL_OP_LT - CEL_OP_EQ] = CEL_LT, [CEL_OP_LE - CEL_OP_EQ] = CEL_LE,
        [CEL_OP_GT - CEL_OP_EQ] = CEL_GT, [CEL_OP_GE - CEL_OP_EQ] = CEL_GE};
    const struct cel_node *left = cel_node(program, node->kid);
    const struct cel_node *right = cel_node(program, left->next);
    bool is_mirrored = left->op == CEL_OP_CONST;

    *ret_var = is_mirrored ? right : left;
    *ret_constant = is_mirrored ? left : right;
    *ret_relation = relations[node->op - CEL_OP_EQ];
    if (is_mirrored)
        *ret_relation = mirrored(*ret_relation);
    return (*ret_var)->op == CEL_OP_VAR && (*ret_constant)->op == CEL_OP_CONST;
}

static bool take_comparison(struct walk *w, const struct cel_node *node)
{
    const struct cel_node *var, *constant;
    enum cel_relation relation;
    double number;

    return cel_atoms_sides(w->program, node, &var, &constant, &relation) &&
           cel_atoms_number(&w->program->consts[constant->arg], &number) &&
           add(w, w->program->vars[var->arg].var, relation, number);
}

static bool take(struct walk *w, uint16_t at)
{
    const struct cel_node *node = cel_node(w->program, at);

    if (!reads_timed(w, at))
        return true;
    switch ((enum cel_op)node->op) {
    case CEL_OP_HAS:
        return add(w, w->program->vars[node->arg].var, CEL_HAS, 0);
    case CEL_OP_EQ:
    case CEL_OP_NE:
    case CEL_OP_LT:
    case CEL_OP_LE:
    case CEL_OP_GT:
    case CEL_OP_GE:
        return take_comparison(w, node);
    case CEL_OP_AND:
    case CEL_OP_OR:
    case CEL_OP_NOT:
    case CEL_OP_COND:
        break;
    default:
        return false;
    }
    for (uint16_t kid = node->kid; kid; kid = cel_node(w->program, kid)->next) {
        if (!take(w, kid))
            return false;
    }
    return true;
}

bool cel_atoms(const struct cel_program *program, cel_timed_fn is_timed, void *ctx,
               struct cel_atom *ret_atoms, size_t max, size_t *ret_n)
{
    struct walk w = {program, is_timed, ctx, ret_atoms, 0, max};

    if (!take(&w, program->root))
        return false;
    *ret_n = w.n;
    return true;
}
