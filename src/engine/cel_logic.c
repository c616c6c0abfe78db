/* SPDX-License-Identifier: Apache-2.0 */
/* One walk over the tree; the kids of a node are taken in the order of their ranks. */
#include "engine/cel_logic.h"

#include "engine/cel_program.h"

#define DEPTH_MAX 16

struct walk {
    const struct cel_program *program;
    cel_rank_fn rank;
    void *ctx;
    struct cel_logic_node *nodes;
    size_t n, max;
};

/* The highest of those that are below. */
static uint8_t rank_of(const struct walk *w, uint16_t at)
{
    const struct cel_node *node = cel_node(w->program, at);
    uint8_t highest = 0;

    if (node->op == CEL_OP_VAR || node->op == CEL_OP_HAS)
        return w->rank(w->ctx, w->program->vars[node->arg].var);
    for (uint16_t kid = node->kid; kid; kid = cel_node(w->program, kid)->next) {
        uint8_t rank = rank_of(w, kid);

        highest = rank > highest ? rank : highest;
    }
    return highest;
}

static struct cel_logic_node *add(struct walk *w, enum cel_logic_op op)
{
    struct cel_logic_node *node;

    if (w->n == w->max)
        return NULL;
    node = &w->nodes[w->n++];
    *node = (struct cel_logic_node){.op = (uint8_t)op, .end = (uint16_t)w->n};
    return node;
}

static bool add_leaf(struct walk *w, uint16_t var, enum cel_relation relation, double constant,
                     const struct str *text)
{
    const struct cel_program_var *v = &w->program->vars[var];
    struct cel_logic_node *leaf = add(w, text ? CEL_LOGIC_TEXT : CEL_LOGIC_NUMBER);

    if (!leaf)
        return false;
    leaf->rank = w->rank(w->ctx, v->var);
    leaf->atom = (struct cel_atom){v->var, relation, constant};
    leaf->text = text ? *text : STR_NULL;
    return true;
}

/* x in ["a", "b"]: x == "a" || x == "b". */
static bool take_choice(struct walk *w, const struct cel_node *node)
{
    const struct cel_node *var = cel_node(w->program, node->kid);
    const struct cel_node *list = cel_node(w->program, var->next);
    const struct cel_value *v;
    size_t place = w->n;

    if (var->op != CEL_OP_VAR || w->program->vars[var->arg].type != CEL_STRING ||
        list->op != CEL_OP_CONST || !add(w, CEL_LOGIC_ANY))
        return false;
    v = &w->program->consts[list->arg];
    for (size_t i = 0; v->type == CEL_LIST && i < v->list.n; i++) {
        if (v->list.items[i].type != CEL_STRING ||
            !add_leaf(w, var->arg, CEL_EQ, 0, &v->list.items[i].s))
            return false;
    }
    w->nodes[place].end = (uint16_t)w->n;
    return v->type == CEL_LIST && v->list.n;
}

static bool take_comparison(struct walk *w, const struct cel_node *node)
{
    const struct cel_node *var, *constant;
    enum cel_relation relation;
    const struct cel_value *v;
    double number = 0;

    if (!cel_atoms_sides(w->program, node, &var, &constant, &relation))
        return false;
    v = &w->program->consts[constant->arg];
    if (v->type == CEL_STRING && w->program->vars[var->arg].type == CEL_STRING)
        return (relation == CEL_EQ || relation == CEL_NE) &&
               add_leaf(w, var->arg, relation, 0, &v->s);
    if ((v->type == CEL_DURATION) != (w->program->vars[var->arg].type == CEL_DURATION))
        return false;
    return cel_atoms_number(v, &number) && add_leaf(w, var->arg, relation, number, NULL);
}

static bool take(struct walk *w, uint16_t at, unsigned depth);

/* The kids of one rank after those of the one below, each rank in the order of the text. */
static bool take_kids(struct walk *w, const struct cel_node *node, unsigned depth)
{
    for (unsigned rank = 0, n_left = 1; n_left; rank++) {
        n_left = 0;
        for (uint16_t kid = node->kid; kid; kid = cel_node(w->program, kid)->next) {
            uint8_t of = rank_of(w, kid);

            n_left += of > rank;
            if (of == rank && !take(w, kid, depth + 1))
                return false;
        }
    }
    return true;
}

static bool take(struct walk *w, uint16_t at, unsigned depth)
{
    const struct cel_node *node = cel_node(w->program, at);
    size_t place = w->n;

    if (depth == DEPTH_MAX)
        return false;
    switch ((enum cel_op)node->op) {
    case CEL_OP_HAS:
        return add_leaf(w, node->arg, CEL_HAS, 0, NULL);
    case CEL_OP_VAR:
        return w->program->vars[node->arg].type == CEL_BOOL &&
               add_leaf(w, node->arg, CEL_EQ, 1, NULL);
    case CEL_OP_EQ:
    case CEL_OP_NE:
    case CEL_OP_LT:
    case CEL_OP_LE:
    case CEL_OP_GT:
    case CEL_OP_GE:
        return take_comparison(w, node);
    case CEL_OP_IN:
        return take_choice(w, node);
    case CEL_OP_AND:
    case CEL_OP_OR:
    case CEL_OP_NOT:
        break;
    default:
        return false;
    }
    if (!add(w, node->op == CEL_OP_AND  ? CEL_LOGIC_ALL
                : node->op == CEL_OP_OR ? CEL_LOGIC_ANY
                                        : CEL_LOGIC_NOT) ||
        !take_kids(w, node, depth))
        return false;
    w->nodes[place].end = (uint16_t)w->n;
    return true;
}

bool cel_logic(const struct cel_program *program, cel_rank_fn rank, void *ctx,
               struct cel_logic_node *ret_nodes, size_t max, size_t *ret_n)
{
    struct walk w = {program, rank, ctx, ret_nodes, 0, max};

    if (!take(&w, program->root, 0))
        return false;
    *ret_n = w.n;
    return true;
}
