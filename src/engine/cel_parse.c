/* SPDX-License-Identifier: Apache-2.0 */
/* Words to tree, by precedence climbing. Knows no variable and no type. Depth is bounded twice: of
 * nesting in the text, which is the parser's own recursion, and of the tree, which is everybody
 * else's. */
#include "engine/cel_lex.h"

#include "base/mem.h"

struct parser {
    struct cel_program *program;
    struct cel_report *report;
    struct cel_lexer lexer;
    struct cel_token token; /* the next, not yet taken */
    int nesting;
};

#define NAME_MAX_BYTES 256
#define NODES_MAX      60000 /* indices are 16 bits wide; 8 KiB of text cannot reach it */

static const struct {
    uint8_t token, op, precedence;
} binaries[] = {
    {CEL_TOKEN_OR, CEL_OP_OR, 1},     {CEL_TOKEN_AND, CEL_OP_AND, 2},
    {CEL_TOKEN_LT, CEL_OP_LT, 3},     {CEL_TOKEN_LE, CEL_OP_LE, 3},
    {CEL_TOKEN_GT, CEL_OP_GT, 3},     {CEL_TOKEN_GE, CEL_OP_GE, 3},
    {CEL_TOKEN_EQ, CEL_OP_EQ, 3},     {CEL_TOKEN_NE, CEL_OP_NE, 3},
    {CEL_TOKEN_IN, CEL_OP_IN, 3},     {CEL_TOKEN_PLUS, CEL_OP_ADD, 4},
    {CEL_TOKEN_MINUS, CEL_OP_SUB, 4}, {CEL_TOKEN_STAR, CEL_OP_MUL, 5},
    {CEL_TOKEN_SLASH, CEL_OP_DIV, 5}, {CEL_TOKEN_PERCENT, CEL_OP_MOD, 5},
};

static int parse_expression(struct parser *ps, uint16_t *ret_node);

static int take(struct parser *ps)
{
    return cel_lex(&ps->lexer, &ps->token);
}

static struct str token_text(const struct parser *ps)
{
    return (struct str){ps->lexer.text.ptr + ps->token.at, ps->token.end - ps->token.at};
}

static uint16_t add_node(struct parser *ps, enum cel_op op, size_t at)
{
    struct cel_program *p = ps->program;

    ENSURE(p->n_nodes < NODES_MAX);
    mem_grow(&p->nodes, &p->nodes_cap, p->n_nodes, sizeof(*p->nodes));
    p->nodes[p->n_nodes] = (struct cel_node){.op = (uint8_t)op, .at = (uint16_t)at, .depth = 1};
    return (uint16_t)p->n_nodes++;
}

static int too_deep(struct parser *ps, size_t at)
{
    cel_report(ps->report, at, "nested too deep; split the expression");
    return CEL_E_INVALID;
}

/* Hangs `kid`, and the siblings after it, behind the last kid of `node`. */
static int add_kid(struct parser *ps, uint16_t node, uint16_t kid)
{
    struct cel_node *nodes = ps->program->nodes, *parent = &nodes[node];
    uint16_t *link = &parent->kid;

    while (*link)
        link = &nodes[*link].next;
    *link = kid;
    for (; kid; kid = nodes[kid].next) {
        if (nodes[kid].depth >= parent->depth)
            parent->depth = (uint16_t)(nodes[kid].depth + 1);
    }
    return parent->depth > CEL_TREE_DEPTH_MAX ? too_deep(ps, parent->at) : 0;
}

static uint16_t add_name(struct parser *ps, struct str name)
{
    struct cel_program *p = ps->program;

    mem_grow(&p->names, &p->names_cap, p->n_names, sizeof(*p->names));
    p->names[p->n_names] = cel_keep_str(p, name);
    return (uint16_t)p->n_names++;
}

static int parse_const(struct parser *ps, struct cel_value v, uint16_t *ret_node)
{
    *ret_node = add_node(ps, CEL_OP_CONST, ps->token.at);
    cel_node(ps->program, *ret_node)->arg = cel_add_const(ps->program, v);
    return take(ps);
}

static int parse_int(struct parser *ps, bool is_negative, uint16_t *ret_node)
{
    uint64_t magnitude = ps->token.magnitude;
    struct cel_value v = {.type = CEL_INT};

    if (magnitude > (uint64_t)INT64_MAX + is_negative) {
        cel_report(ps->report, ps->token.at, "the number is too large (an int has 64 bits)");
        return CEL_E_INVALID;
    }
    v.i = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return parse_const(ps, v, ret_node);
}

static int parse_double_literal(struct parser *ps, bool is_negative, uint16_t *ret_node)
{
    struct cel_value v = {.type = CEL_DOUBLE, .d = is_negative ? -ps->token.real : ps->token.real};

    return parse_const(ps, v, ret_node);
}

/* What a word that stands where none can was meant to be. */
static const char *meant(struct str word)
{
    static const struct {
        const char *word, *hint;
    } slips[] = {{"and", "\"and\" is written &&"},
                 {"AND", "\"and\" is written &&"},
                 {"or", "\"or\" is written ||"},
                 {"OR", "\"or\" is written ||"},
                 {"not", "\"not\" is written !"},
                 {"NOT", "\"not\" is written !"},
                 {"is", "equality is written =="},
                 {"eq", "equality is written =="},
                 {"like", "write text.contains(\"part\"), startsWith or endsWith"},
                 {"IN", "`in` is written in small letters"},
                 {"if", "write condition ? this : that"},
                 {"then", "write condition ? this : that"},
                 {"else", "write condition ? this : that"},
                 {"mod", "the remainder is written %"},
                 {"contains", "write text.contains(\"part\")"},
                 {"between", "write a <= x && x <= b"}};

    for (size_t i = 0; i < ARRAY_SIZE(slips); i++) {
        if (str_eq(word, str_of(slips[i].word)))
            return slips[i].hint;
    }
    return NULL;
}

/* An operand cannot begin with the next token. */
static int no_operand(struct parser *ps)
{
    struct str text = token_text(ps);

    if (ps->token.kind == CEL_TOKEN_END)
        cel_report(ps->report, ps->token.at,
                   ps->token.at ? "the expression ends too early; a value "
                                  "is missing here"
                                : "the expression is empty");
    else if (ps->token.kind == CEL_TOKEN_EQ)
        cel_report(ps->report, ps->token.at, "a value is missing before ==");
    else
        cel_report(ps->report, ps->token.at, "a value is missing before `%.*s`", STR_ARG(text));
    return CEL_E_INVALID;
}

/* An expression is complete and the next token does not go on with it. */
static int not_joined(struct parser *ps, const char *missing)
{
    struct str text = token_text(ps);
    const char *hint = ps->token.kind == CEL_TOKEN_NAME ? meant(ps->token.text) : NULL;

    if (hint)
        cel_report(ps->report, ps->token.at, "%s", hint);
    else if (ps->token.kind == CEL_TOKEN_END)
        cel_report(ps->report, ps->token.at, "%s is missing at the end", missing);
    else if (*missing)
        cel_report(ps->report, ps->token.at, "%s is missing before `%.*s`", missing, STR_ARG(text));
    else if (ps->token.kind == CEL_TOKEN_CLOSE || ps->token.kind == CEL_TOKEN_CLOSE_LIST)
        cel_report(ps->report, ps->token.at,
                   "this `%.*s` closes nothing; remove it, or open it "
                   "before",
                   STR_ARG(text));
    else if (ps->token.kind == CEL_TOKEN_COMMA)
        cel_report(ps->report, ps->token.at,
                   "a comma joins nothing here; conditions are joined by "
                   "&& or ||, and a fraction is written 0.5");
    else if (ps->token.kind == CEL_TOKEN_NOT)
        cel_report(ps->report, ps->token.at,
                   "`!` stands before a condition; inequality is "
                   "written !=");
    else
        cel_report(ps->report, ps->token.at,
                   "an operator is missing before `%.*s`; conditions are joined by && or ||",
                   STR_ARG(text));
    return CEL_E_INVALID;
}

static int expect(struct parser *ps, enum cel_token_kind kind, const char *missing)
{
    if (ps->token.kind != kind)
        return not_joined(ps, missing);
    return take(ps);
}

/* Elements up to `close`, the opening mark being taken; a comma may end a list. */
static int parse_elements(struct parser *ps, uint16_t parent, enum cel_token_kind close,
                          const char *missing)
{
    while (ps->token.kind != close) {
        uint16_t kid;
        int r = parse_expression(ps, &kid);

        if (!r)
            r = add_kid(ps, parent, kid);
        if (r)
            return r;
        if (ps->token.kind != CEL_TOKEN_COMMA)
            break;
        r = take(ps);
        if (r)
            return r;
        if (ps->token.kind == close && close == CEL_TOKEN_CLOSE)
            return no_operand(ps);
    }
    return expect(ps, close, missing);
}

/* The arguments of a function or method, the next token being `(`. */
static int parse_call(struct parser *ps, struct str name, size_t at, uint16_t receiver,
                      uint16_t *ret_node)
{
    uint16_t node = add_node(ps, CEL_OP_APPLY, at);
    int r = take(ps);

    cel_node(ps->program, node)->arg = add_name(ps, name);
    cel_node(ps->program, node)->is_method = receiver != 0;
    if (!r && receiver)
        r = add_kid(ps, node, receiver);
    if (!r)
        r = parse_elements(ps, node, CEL_TOKEN_CLOSE, "a closing parenthesis `)`");
    *ret_node = node;
    return r;
}

/* `.` is taken: a name, and a call if a parenthesis follows. A dotted name is one name. */
static int parse_member(struct parser *ps, uint16_t *node)
{
    struct cel_node *left = cel_node(ps->program, *node);
    struct str member = ps->token.text;
    size_t at = ps->token.at;
    char joined[NAME_MAX_BYTES];
    struct str head;
    int r;

    if (ps->token.kind != CEL_TOKEN_NAME) {
        cel_report(ps->report, at, "a name is missing after the dot");
        return CEL_E_INVALID;
    }
    r = take(ps);
    if (r)
        return r;
    if (ps->token.kind == CEL_TOKEN_OPEN)
        return parse_call(ps, member, at, *node, node);
    if (left->op != CEL_OP_NAME) {
        cel_report(ps->report, at, "values have no fields here; only a variable's name has dots");
        return CEL_E_INVALID;
    }
    head = ps->program->names[left->arg];
    if (head.len + 1 + member.len > sizeof(joined)) {
        cel_report(ps->report, at, "the name is too long");
        return CEL_E_INVALID;
    }
    memcpy(joined, head.ptr, head.len);
    joined[head.len] = '.';
    memcpy(joined + head.len + 1, member.ptr, member.len);
    left->arg = add_name(ps, (struct str){joined, head.len + 1 + member.len});
    return 0;
}

static int parse_index(struct parser *ps, uint16_t *node)
{
    uint16_t index = add_node(ps, CEL_OP_INDEX, ps->token.at), kid;
    int r = take(ps);

    if (!r)
        r = parse_expression(ps, &kid);
    if (!r)
        r = expect(ps, CEL_TOKEN_CLOSE_LIST, "a closing bracket `]`");
    if (!r)
        r = add_kid(ps, index, *node);
    if (!r)
        r = add_kid(ps, index, kid);
    *node = index;
    return r;
}

static int parse_postfix(struct parser *ps, uint16_t *node)
{
    for (;;) {
        int r;

        if (ps->token.kind == CEL_TOKEN_DOT) {
            r = take(ps);
            if (!r)
                r = parse_member(ps, node);
        } else if (ps->token.kind == CEL_TOKEN_OPEN_LIST) {
            r = parse_index(ps, node);
        } else {
            return 0;
        }
        if (r)
            return r;
    }
}

static int parse_name(struct parser *ps, uint16_t *ret_node)
{
    struct cel_token name = ps->token;
    const char *hint = meant(name.text);
    int r;

    if (cel_is_reserved(name.text)) {
        if (hint)
            cel_report(ps->report, name.at, "%s", hint);
        else
            cel_report(ps->report, name.at, "`%.*s` is a reserved word of CEL and names nothing",
                       STR_ARG(name.text));
        return CEL_E_INVALID;
    }
    r = take(ps);

    if (r)
        return r;
    if (ps->token.kind == CEL_TOKEN_OPEN && !hint)
        return parse_call(ps, name.text, name.at, 0, ret_node);
    if (hint && (ps->token.kind == CEL_TOKEN_NAME || ps->token.kind == CEL_TOKEN_OPEN)) {
        cel_report(ps->report, name.at, "%s", hint);
        return CEL_E_INVALID;
    }
    *ret_node = add_node(ps, CEL_OP_NAME, name.at);
    cel_node(ps->program, *ret_node)->arg = add_name(ps, name.text);
    return 0;
}

static int parse_parenthesis(struct parser *ps, uint16_t *ret_node)
{
    int r = take(ps);

    if (!r)
        r = parse_expression(ps, ret_node);
    return r ? r : expect(ps, CEL_TOKEN_CLOSE, "a closing parenthesis `)`");
}

static int parse_list(struct parser *ps, uint16_t *ret_node)
{
    int r;

    *ret_node = add_node(ps, CEL_OP_LIST, ps->token.at);
    r = take(ps);
    return r ? r : parse_elements(ps, *ret_node, CEL_TOKEN_CLOSE_LIST, "a closing bracket `]`");
}

static int parse_primary(struct parser *ps, uint16_t *ret_node)
{
    switch (ps->token.kind) {
    case CEL_TOKEN_INT:
        return parse_int(ps, false, ret_node);
    case CEL_TOKEN_DOUBLE:
        return parse_double_literal(ps, false, ret_node);
    case CEL_TOKEN_STRING:
        return parse_const(ps, (struct cel_value){.type = CEL_STRING, .s = ps->token.text},
                           ret_node);
    case CEL_TOKEN_TRUE:
        return parse_const(ps, (struct cel_value){.type = CEL_BOOL, .b = true}, ret_node);
    case CEL_TOKEN_FALSE:
        return parse_const(ps, (struct cel_value){.type = CEL_BOOL, .b = false}, ret_node);
    case CEL_TOKEN_NULL:
        return parse_const(ps, (struct cel_value){.type = CEL_NULL}, ret_node);
    case CEL_TOKEN_NAME:
        return parse_name(ps, ret_node);
    case CEL_TOKEN_OPEN:
        return parse_parenthesis(ps, ret_node);
    case CEL_TOKEN_OPEN_LIST:
        return parse_list(ps, ret_node);
    default:
        return no_operand(ps);
    }
}

/* A minus right before a number belongs to it: the least int has no positive twin. */
static int parse_minus(struct parser *ps, bool *ret_is_number, uint16_t *ret_node)
{
    int r = take(ps);

    *ret_is_number = !r && (ps->token.kind == CEL_TOKEN_INT || ps->token.kind == CEL_TOKEN_DOUBLE);
    if (!*ret_is_number)
        return r;
    return ps->token.kind == CEL_TOKEN_INT ? parse_int(ps, true, ret_node)
                                           : parse_double_literal(ps, true, ret_node);
}

static int parse_signed(struct parser *ps, uint16_t *ret_node)
{
    enum cel_op op = ps->token.kind == CEL_TOKEN_NOT ? CEL_OP_NOT : CEL_OP_NEG;
    size_t at = ps->token.at;
    bool is_number = false;
    uint16_t kid = 0;
    int r;

    if (op == CEL_OP_NEG)
        r = parse_minus(ps, &is_number, ret_node);
    else
        r = take(ps);
    if (r || is_number)
        return r ? r : parse_postfix(ps, ret_node);
    if (ps->token.kind == CEL_TOKEN_NOT || ps->token.kind == CEL_TOKEN_MINUS) {
        if (++ps->nesting > CEL_DEPTH_MAX)
            return too_deep(ps, at);
        r = parse_signed(ps, &kid);
        ps->nesting--;
    } else {
        r = parse_primary(ps, &kid);
        if (!r)
            r = parse_postfix(ps, &kid);
    }
    if (r)
        return r;
    *ret_node = add_node(ps, op, at);
    return add_kid(ps, *ret_node, kid);
}

static int parse_unary(struct parser *ps, uint16_t *ret_node)
{
    int r;

    if (ps->token.kind == CEL_TOKEN_NOT || ps->token.kind == CEL_TOKEN_MINUS)
        return parse_signed(ps, ret_node);
    r = parse_primary(ps, ret_node);
    return r ? r : parse_postfix(ps, ret_node);
}

/* Chains of && and of || become one node: their order is kept, their grouping means nothing. */
static int join(struct parser *ps, enum cel_op op, size_t at, uint16_t right, uint16_t *left)
{
    struct cel_node *nodes = ps->program->nodes;
    bool is_chain = op == CEL_OP_AND || op == CEL_OP_OR;
    uint16_t node;
    int r;

    if (is_chain && nodes[right].op == op)
        right = nodes[right].kid;
    if (is_chain && nodes[*left].op == op)
        return add_kid(ps, *left, right);
    node = add_node(ps, op, at);
    r = add_kid(ps, node, *left);
    *left = node;
    return r ? r : add_kid(ps, node, right);
}

static int parse_binary(struct parser *ps, unsigned least, uint16_t *ret_node)
{
    int r = parse_unary(ps, ret_node);

    while (!r) {
        size_t i = 0, at = ps->token.at;
        uint16_t right;

        while (i < ARRAY_SIZE(binaries) && binaries[i].token != ps->token.kind)
            i++;
        if (i == ARRAY_SIZE(binaries) || binaries[i].precedence < least)
            return 0;
        r = take(ps);
        if (!r)
            r = parse_binary(ps, binaries[i].precedence + 1u, &right);
        if (!r)
            r = join(ps, binaries[i].op, at, right, ret_node);
    }
    return r;
}

static int parse_choice(struct parser *ps, uint16_t *node)
{
    uint16_t choice = add_node(ps, CEL_OP_COND, ps->token.at), yes, no;
    int r = take(ps);

    if (!r)
        r = parse_binary(ps, 1, &yes);
    if (!r)
        r = expect(ps, CEL_TOKEN_COLON, "`:` and a second value (condition ? this : that)");
    if (!r)
        r = parse_expression(ps, &no);
    if (!r)
        r = add_kid(ps, choice, *node);
    if (!r)
        r = add_kid(ps, choice, yes);
    if (!r)
        r = add_kid(ps, choice, no);
    *node = choice;
    return r;
}

static int parse_expression(struct parser *ps, uint16_t *ret_node)
{
    int r;

    if (++ps->nesting > CEL_DEPTH_MAX)
        return too_deep(ps, ps->token.at);
    r = parse_binary(ps, 1, ret_node);
    if (!r && ps->token.kind == CEL_TOKEN_QUESTION)
        r = parse_choice(ps, ret_node);
    ps->nesting--;
    return r;
}

int cel_parse(struct cel_program *p, struct cel_report *report)
{
    struct parser ps = {
        .program = p,
        .report = report,
        .lexer = {.program = p, .report = report, .text = report->text},
    };
    int r;

    add_node(&ps, CEL_OP_CONST, 0); /* index 0 means "none" */
    r = take(&ps);
    if (!r)
        r = parse_expression(&ps, &p->root);
    if (!r && ps.token.kind != CEL_TOKEN_END)
        r = not_joined(&ps, "");
    return r;
}
