/* SPDX-License-Identifier: Apache-2.0 */
/* An event is read where it lies: there is little to gain from reading a field once only. */
#include "engine/selection.h"

#include "base/mem.h"
#include "engine/cel_program.h"
#include "engine/flip.h"
#include "engine/engine_impl.h"

#define WHERE_LOGIC_MAX 64
#define SHAPED_MAX      200000 /* shapes times selectors */

/* ---------------------------------------------------------------- making it */

/* Nothing to choose between: the order of the text. */
static uint8_t no_rank(void *ctx, unsigned var)
{
    (void)ctx;
    (void)var;
    return 0;
}

static struct cel_logic_node *logic_of(const struct cel_program *where)
{
    struct cel_logic_node found[WHERE_LOGIC_MAX], *nodes;
    size_t n;

    if (!where || !cel_logic(where, no_rank, NULL, found, WHERE_LOGIC_MAX, &n))
        return NULL;
    nodes = mem_calloc(n, sizeof(*nodes));
    memcpy(nodes, found, n * sizeof(*nodes));
    return nodes;
}

static void note_way(struct selector *s)
{
    const struct cel_node *root;

    if (!s->value || s->is_key)
        return;
    root = cel_node(s->value, s->value->root);
    if (root->op == CEL_OP_VAR && s->value->vars[root->arg].type == CEL_DOUBLE) {
        s->way = VALUE_BY_VARIABLE;
        s->value_var = s->value->vars[root->arg].var;
    } else if (root->op == CEL_OP_CONST && s->value->consts[root->arg].type == CEL_DOUBLE) {
        s->way = VALUE_BY_CONSTANT;
        s->value_constant = s->value->consts[root->arg].d;
    }
}

/* A selector's canonical text begins with that of its `where`. */
static uint16_t first_alike(const struct model *m, size_t at)
{
    struct buf ours = BUF_INIT, theirs = BUF_INIT;
    uint16_t alike = (uint16_t)at;

    cel_canonical(m->selectors[at].where, &ours);
    for (uint16_t i = 0; i < at && alike == at; i++) {
        buf_reset(&theirs);
        if (m->selectors[i].where)
            cel_canonical(m->selectors[i].where, &theirs);
        if (str_eq(buf_str(&ours), buf_str(&theirs)))
            alike = i;
    }
    buf_deinit(&ours);
    buf_deinit(&theirs);
    return alike;
}

static bool is_of_shape(unsigned var)
{
    return var == EVENT_VAR_VERB || var == EVENT_VAR_DIRECTION || var == EVENT_VAR_AUTOMATIC;
}

static bool reads_shape_only(const struct cel_logic_node *nodes)
{
    for (size_t i = 0; i < nodes[0].end; i++) {
        bool is_leaf = nodes[i].op == CEL_LOGIC_NUMBER || nodes[i].op == CEL_LOGIC_TEXT;

        if (is_leaf && !is_of_shape(nodes[i].atom.var))
            return false;
    }
    return true;
}

static void prepare_shapes(struct model *m)
{
    size_t n_shapes = m->n_verbs * SELECTION_SHAPES;

    if (!m->n_selectors || n_shapes > SHAPED_MAX / m->n_selectors)
        return;
    m->shapes = mem_calloc(n_shapes * m->n_selectors + 1, sizeof(*m->shapes));
    for (size_t shape = 0; shape < n_shapes; shape++) {
        const struct event event = {
            .verb = m->verbs[shape / SELECTION_SHAPES].name,
            .direction = (enum direction)(shape % SELECTION_SHAPES / 2),
            .automatic = shape % 2,
        };

        for (size_t i = 0; i < m->n_selectors; i++) {
            if (m->selectors[i].is_shaped)
                m->shapes[shape * m->n_selectors + i] =
                    score_where(m, m->selectors[i].where_logic, &event);
        }
    }
}

void selection_prepare(struct model *m)
{
    for (size_t i = 0; i < m->n_selectors; i++) {
        struct selector *s = &m->selectors[i];

        s->where_logic = logic_of(s->where);
        s->alike = s->where_logic ? first_alike(m, i) : (uint16_t)i;
        s->is_shaped = s->where_logic && reads_shape_only(s->where_logic);
        note_way(s);
    }
    prepare_shapes(m);
}

void selection_deinit(struct selector *s)
{
    s->where_logic = mem_free(s->where_logic);
}

/* ---------------------------------------------------------------- asking it */

static enum flip_verdict decide_leaf(const struct cel_logic_node *leaf, cel_get_fn get, void *ctx)
{
    struct cel_value v;
    bool is_there = get(ctx, leaf->atom.var, &v);

    if (leaf->op == CEL_LOGIC_NUMBER || !is_there)
        return flip_compare(&leaf->atom, is_there,
                            !is_there              ? 0
                            : v.type == CEL_DOUBLE ? v.d
                            : v.type == CEL_BOOL   ? v.b
                                                   : (double)v.i);
    return str_eq(v.s, leaf->text) == (leaf->atom.relation == CEL_EQ) ? VERDICT_TRUE
                                                                      : VERDICT_FALSE;
}

static enum flip_verdict contrary(enum flip_verdict v)
{
    return v == VERDICT_ABSENT ? v : v == VERDICT_TRUE ? VERDICT_FALSE : VERDICT_TRUE;
}

/* As CEL has it: what decides wins, wherever it stands; else what is absent. */
static enum flip_verdict decide(const struct cel_logic_node *nodes, size_t at, cel_get_fn get,
                                void *ctx)
{
    const struct cel_logic_node *node = &nodes[at];
    enum flip_verdict decides = node->op == CEL_LOGIC_ALL ? VERDICT_FALSE : VERDICT_TRUE;
    enum flip_verdict all = contrary(decides);

    if (node->op == CEL_LOGIC_NUMBER || node->op == CEL_LOGIC_TEXT)
        return decide_leaf(node, get, ctx);
    if (node->op == CEL_LOGIC_NOT)
        return contrary(decide(nodes, at + 1, get, ctx));
    for (size_t kid = at + 1; kid < node->end; kid = nodes[kid].end) {
        enum flip_verdict v = decide(nodes, kid, get, ctx);

        if (v == decides)
            return v;
        if (v == VERDICT_ABSENT)
            all = v;
    }
    return all;
}

bool selection_holds(const struct cel_logic_node *where, cel_get_fn get, void *ctx)
{
    return decide(where, 0, get, ctx) == VERDICT_TRUE;
}
