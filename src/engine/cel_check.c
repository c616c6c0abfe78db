/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker: finds every static type and refuses what cannot work with what to write instead.
 * Unchecked programs keep their type errors for the evaluation, which checks again.
 */
#include "engine/cel_check.h"

#include "base/mem.h"

static int check_all_bool(struct cel_checker *c, const struct cel_node *node)
{
    for (uint16_t kid = node->kid; kid; kid = cel_node(c->program, kid)->next) {
        int r = cel_need_bool(c, kid, cel_op_text((enum cel_op)node->op));

        if (r)
            return r;
    }
    return 0;
}

static int check_cond(struct cel_checker *c, struct cel_node *node)
{
    uint16_t yes = cel_node(c->program, node->kid)->next, no = cel_node(c->program, yes)->next;
    struct cel_static a = cel_node(c->program, yes)->type, b = cel_node(c->program, no)->type;
    int r = cel_need_bool(c, node->kid, "`?`");

    if (r)
        return r;
    node->type = cel_unify(a, b);
    if (cel_kind(a) == cel_kind(b) || cel_is_dyn(a) || cel_is_dyn(b) || cel_kind(a) == CEL_NULL ||
        cel_kind(b) == CEL_NULL)
        return 0;
    return cel_pair_mismatch(c, node, yes, no);
}

static int check_list(struct cel_checker *c, struct cel_node *node)
{
    struct cel_static item = cel_plain(CEL_DYN);

    for (uint16_t kid = node->kid; kid; kid = cel_node(c->program, kid)->next) {
        struct cel_static t = cel_node(c->program, kid)->type;

        item = kid == node->kid ? t : cel_unify(item, t);
    }
    if (item.depth >= CEL_LIST_DEPTH_MAX) {
        cel_report(c->report, node->at, "lists are nested too deep");
        return CEL_E_INVALID;
    }
    node->type = (struct cel_static){item.base, (uint8_t)(item.depth + 1)};
    return 0;
}

static int check_negation(struct cel_checker *c, struct cel_node *node)
{
    struct cel_static t = cel_node(c->program, node->kid)->type;
    char words[CEL_WORDS_MAX];

    node->type = t;
    if (cel_takes(CEL_NUMBER, t))
        return 0;
    return CEL_MISMATCH(c, node->at, "minus needs a number, and %s is %s",
                        cel_words_of(c, node->kid, words), cel_a_type(t));
}

/* The type of a + b and so on; CEL_NULL: there is none. */
static enum cel_type arithmetic_type(enum cel_op op, enum cel_type a, enum cel_type b)
{
    bool sum = op == CEL_OP_ADD, difference = op == CEL_OP_SUB;

    if (a == CEL_INT && b == CEL_INT)
        return CEL_INT;
    if (a == CEL_DOUBLE && b == CEL_DOUBLE && op != CEL_OP_MOD)
        return CEL_DOUBLE;
    if (sum && a == b && (a == CEL_STRING || a == CEL_LIST || a == CEL_DURATION))
        return a;
    if ((sum && a == CEL_TIMESTAMP && b == CEL_DURATION) ||
        (sum && a == CEL_DURATION && b == CEL_TIMESTAMP) ||
        (difference && a == CEL_TIMESTAMP && b == CEL_DURATION))
        return CEL_TIMESTAMP;
    if (difference && a == b && (a == CEL_TIMESTAMP || a == CEL_DURATION))
        return CEL_DURATION;
    return CEL_NULL;
}

static int check_arithmetic(struct cel_checker *c, struct cel_node *node)
{
    uint16_t right = cel_node(c->program, node->kid)->next;
    struct cel_static a = cel_node(c->program, node->kid)->type,
                      b = cel_node(c->program, right)->type;
    enum cel_type t = arithmetic_type((enum cel_op)node->op, cel_kind(a), cel_kind(b));

    node->type = cel_plain(CEL_DYN);
    if (cel_is_dyn(a) || cel_is_dyn(b))
        return 0;
    if (t == CEL_NULL)
        return cel_pair_mismatch(c, node, node->kid, right);
    node->type = t == CEL_LIST ? cel_unify(a, b) : cel_plain(t);
    if (t == CEL_LIST && cel_is_dyn(node->type))
        node->type = (struct cel_static){CEL_DYN, 1};
    return 0;
}

static int null_comparison(struct cel_checker *c, const struct cel_node *node, uint16_t other)
{
    char words[CEL_WORDS_MAX];

    if (cel_node(c->program, other)->op == CEL_OP_VAR)
        return CEL_MISMATCH(c, node->at, "%s is never null; whether it has a value is has(%.*s)",
                            cel_words_of(c, other, words),
                            STR_ARG(c->program->vars[cel_node(c->program, other)->arg].name));
    return CEL_MISMATCH(c, node->at, "%s is never null", cel_words_of(c, other, words));
}

static int check_equality(struct cel_checker *c, struct cel_node *node)
{
    uint16_t left = node->kid, right = cel_node(c->program, left)->next;
    struct cel_static a = cel_node(c->program, left)->type, b = cel_node(c->program, right)->type;

    node->type = cel_plain(CEL_BOOL);
    if (cel_comparable(a, b))
        return 0;
    if (cel_kind(a) == CEL_NULL || cel_kind(b) == CEL_NULL)
        return null_comparison(c, node, cel_kind(a) == CEL_NULL ? right : left);
    return cel_pair_mismatch(c, node, left, right);
}

static int check_order(struct cel_checker *c, struct cel_node *node)
{
    uint16_t left = node->kid, right = cel_node(c->program, left)->next;
    struct cel_static a = cel_node(c->program, left)->type, b = cel_node(c->program, right)->type;
    unsigned ordered = CEL_NUMBER | CEL_T(CEL_BOOL) | CEL_T(CEL_STRING) | CEL_T(CEL_DURATION) |
                       CEL_T(CEL_TIMESTAMP);

    node->type = cel_plain(CEL_BOOL);
    if (cel_kind(a) == CEL_BOOL &&
        (CEL_T(cel_kind(b)) & CEL_NUMBER)) /* may be folded: the left is a comparison */
        return CEL_MISMATCH(c, node->at, "comparisons cannot be chained; write a < b && b < c");
    if (cel_takes(ordered, a) && cel_takes(ordered, b) && cel_comparable(a, b))
        return 0;
    return cel_pair_mismatch(c, node, left, right);
}

static int check_in(struct cel_checker *c, struct cel_node *node)
{
    uint16_t left = node->kid, right = cel_node(c->program, left)->next;
    struct cel_static a = cel_node(c->program, left)->type, b = cel_node(c->program, right)->type;
    char words[CEL_WORDS_MAX];

    node->type = cel_plain(CEL_BOOL);
    if (!cel_takes(CEL_T(CEL_LIST), b))
        return CEL_MISMATCH(c, node->at,
                            "`in` needs a list on its right, and %s is %s; write [a, b]%s",
                            cel_words_of(c, right, words), cel_a_type(b),
                            cel_kind(b) == CEL_STRING ? ", or text.contains(\"part\")" : "");
    if (cel_comparable(a, cel_item_of(b)))
        return 0;
    return CEL_MISMATCH(c, node->at, "%s is %s, and no element of the list is",
                        cel_words_of(c, left, words), cel_a_type(a));
}

static int check_index(struct cel_checker *c, struct cel_node *node)
{
    uint16_t left = node->kid, right = cel_node(c->program, left)->next;
    struct cel_static a = cel_node(c->program, left)->type, b = cel_node(c->program, right)->type;
    char words[CEL_WORDS_MAX];

    node->type = cel_item_of(a);
    if (!cel_takes(CEL_T(CEL_LIST), a))
        return CEL_MISMATCH(c, node->at, "only lists have elements, and %s is %s",
                            cel_words_of(c, left, words), cel_a_type(a));
    if (!cel_takes(CEL_T(CEL_INT), b))
        return CEL_MISMATCH(c, node->at, "elements are numbered by ints, and %s is %s",
                            cel_words_of(c, right, words), cel_a_type(b));
    return 0;
}

int cel_check_kids(struct cel_checker *c, uint16_t n)
{
    for (uint16_t kid = cel_node(c->program, n)->kid; kid; kid = cel_node(c->program, kid)->next) {
        int r = cel_check_node(c, kid);

        if (r)
            return r;
    }
    return 0;
}

/* What a node's kids read, it reads. */
static void inherit(struct cel_checker *c, struct cel_node *node)
{
    for (uint16_t kid = node->kid; kid; kid = cel_node(c->program, kid)->next) {
        node->is_open |= cel_node(c->program, kid)->is_open;
        node->slots |= cel_node(c->program, kid)->slots;
    }
    if (node->op >= CEL_OP_ALL && node->op <= CEL_OP_MAP)
        node->slots &= (uint8_t) ~(1u << node->arg);
}

static int check_operator(struct cel_checker *c, struct cel_node *node)
{
    switch ((enum cel_op)node->op) {
    case CEL_OP_AND:
    case CEL_OP_OR:
    case CEL_OP_NOT:
        node->type = cel_plain(CEL_BOOL);
        return check_all_bool(c, node);
    case CEL_OP_COND:
        return check_cond(c, node);
    case CEL_OP_LIST:
        return check_list(c, node);
    case CEL_OP_NEG:
        return check_negation(c, node);
    case CEL_OP_EQ:
    case CEL_OP_NE:
        return check_equality(c, node);
    case CEL_OP_LT:
    case CEL_OP_LE:
    case CEL_OP_GT:
    case CEL_OP_GE:
        return check_order(c, node);
    case CEL_OP_IN:
        return check_in(c, node);
    case CEL_OP_INDEX:
        return check_index(c, node);
    default:
        return check_arithmetic(c, node);
    }
}

int cel_check_node(struct cel_checker *c, uint16_t n)
{
    struct cel_node *node = cel_node(c->program, n); /* the array does not grow any more */
    int r;

    if (node->op == CEL_OP_CONST) {
        node->type = cel_plain(c->program->consts[node->arg].type);
        return 0;
    }
    if (node->op == CEL_OP_NAME) {
        r = cel_check_name(c, node);
    } else if (node->op == CEL_OP_APPLY) {
        r = cel_check_apply(c, n);
    } else {
        r = cel_check_kids(c, n);
        if (!r)
            r = check_operator(c, node);
    }
    if (r)
        return r;
    inherit(c, node);
    cel_fold(c, node);
    return 0;
}

static int check_want(struct cel_checker *c)
{
    const struct cel_node *root = cel_node(c->program, c->program->root);
    enum cel_type want = c->program->want;
    char words[CEL_WORDS_MAX];

    if (want == CEL_DYN || cel_takes(CEL_T(want), root->type) ||
        (want == CEL_DOUBLE && cel_kind(root->type) == CEL_INT))
        return 0;
    if (want == CEL_BOOL)
        return cel_need_bool(c, c->program->root, "this place");
    return CEL_MISMATCH(c, root->at, "%s is wanted here, and %s is %s", cel_a_type(cel_plain(want)),
                        cel_words_of(c, c->program->root, words), cel_a_type(root->type));
}

int cel_check(struct cel_program *p, const struct cel_schema *schema, bool is_unchecked,
              struct cel_report *report)
{
    struct cel_checker c = {
        .program = p,
        .schema = schema,
        .report = report,
        .is_unchecked = is_unchecked,
        .bytes = mem_alloc(CEL_SCRATCH_MAX),
        .items = mem_alloc(CEL_ITEMS_MAX * sizeof(*c.items)),
    };
    int r = cel_check_node(&c, p->root);

    if (!r)
        r = check_want(&c);
    mem_free(c.bytes);
    mem_free(c.items);
    return r;
}
