/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical text: one spelling for everything that compiled to the same tree. Operators stand
 * in parentheses, so that no reader of it needs to know their precedence. */
#include "engine/cel_program.h"

#include "engine/cel_time.h"

static void add_node(const struct cel_program *p, unsigned n, struct buf *out);

static void add_string(struct str s, struct buf *out)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_addf(out, "\\u%04x", c);
        else
            buf_add_char(out, (char)c);
    }
    buf_add_char(out, '"');
}

static void add_double(double d, struct buf *out)
{
    size_t start = out->len;

    if (d != d) {
        buf_add_str(out, STR("double(\"NaN\")"));
    } else if (d - d != 0) {
        buf_add_str(out, d < 0 ? STR("double(\"-inf\")") : STR("double(\"inf\")"));
    } else if (d == 0) {
        buf_add_str(out, __builtin_signbit(d) ? STR("-0.0") : STR("0.0"));
    } else {
        buf_add_double(out, d);
        for (size_t i = start; i < out->len; i++) {
            if (out->ptr[i] == '.' || out->ptr[i] == 'e')
                return;
        }
        buf_add_str(out, STR(".0"));
    }
}

static void add_time(const struct cel_value *v, struct buf *out)
{
    char text[CEL_TIME_TEXT];

    if (v->type == CEL_DURATION)
        cel_format_duration(v, text);
    else
        cel_format_timestamp(v, text);
    buf_addf(out, "%s(\"%s\")", v->type == CEL_DURATION ? "duration" : "timestamp", text);
}

static void add_const(const struct cel_value *v, struct buf *out)
{
    switch (v->type) {
    case CEL_NULL:
        buf_add_str(out, STR("null"));
        break;
    case CEL_BOOL:
        buf_add_str(out, v->b ? STR("true") : STR("false"));
        break;
    case CEL_INT:
        buf_add_i64(out, v->i);
        break;
    case CEL_DOUBLE:
        add_double(v->d, out);
        break;
    case CEL_STRING:
        add_string(v->s, out);
        break;
    case CEL_TYPE:
        buf_add_str(out, v->s);
        break;
    case CEL_LIST:
        for (size_t i = 0; i < v->list.n; i++) {
            buf_add_str(out, i ? STR(", ") : STR("["));
            add_const(&v->list.items[i], out);
        }
        buf_add_str(out, v->list.n ? STR("]") : STR("[]"));
        break;
    default:
        add_time(v, out);
        break;
    }
}

static void add_separated(const struct cel_program *p, unsigned kid, const char *separator,
                          struct buf *out)
{
    for (bool first = true; kid; kid = cel_node(p, kid)->next, first = false) {
        if (!first)
            buf_add_str(out, str_of(separator));
        add_node(p, kid, out);
    }
}

/* Precedence of binary operators; 0: not one. */
static int precedence(unsigned op)
{
    if (op >= CEL_OP_EQ && op <= CEL_OP_IN)
        return 1;
    if (op == CEL_OP_ADD || op == CEL_OP_SUB)
        return 2;
    return op >= CEL_OP_MUL && op <= CEL_OP_MOD ? 3 : 0;
}

/* A chain of one precedence, to the left: one pair of parentheses holds for all of it, or the text
 * of a long sum would be nested deeper than may be read. */
static void add_chain(const struct cel_program *p, const struct cel_node *node,
                      const char *const infixes[], struct buf *out)
{
    const struct cel_node *left = cel_node(p, node->kid);

    if (precedence(node->op) && precedence(left->op) == precedence(node->op))
        add_chain(p, left, infixes, out);
    else
        add_node(p, node->kid, out);
    for (unsigned kid = left->next; kid; kid = cel_node(p, kid)->next) {
        buf_add_str(out, str_of(infixes[node->op]));
        add_node(p, kid, out);
    }
}

static void add_cond(const struct cel_program *p, const struct cel_node *node, struct buf *out)
{
    unsigned yes = cel_node(p, node->kid)->next;

    buf_add_char(out, '(');
    add_node(p, node->kid, out);
    buf_add_str(out, STR(" ? "));
    add_node(p, yes, out);
    buf_add_str(out, STR(" : "));
    add_node(p, cel_node(p, yes)->next, out);
    buf_add_char(out, ')');
}

/* The names that macros bind are nobody's but their own: they become x0, x1, ... by nesting; a
 * leading underscore keeps them apart from variables. */
static void add_macro(const struct cel_program *p, const struct cel_node *node, const char *name,
                      struct buf *out)
{
    add_node(p, node->kid, out);
    buf_addf(out, ".%s(_x%u, ", name, node->arg);
    add_separated(p, cel_node(p, node->kid)->next, ", ", out);
    buf_add_char(out, ')');
}

static void add_call(const struct cel_program *p, const struct cel_node *node, struct buf *out)
{
    unsigned args = node->kid;
    /* size(x) and x.size() are one function */
    bool is_method = node->is_method && node->fn != CEL_FN_SIZE;

    if (is_method) {
        add_node(p, node->kid, out);
        buf_add_char(out, '.');
        args = cel_node(p, node->kid)->next;
    }
    buf_add_str(out, str_of(cel_fn_name((enum cel_fn)node->fn)));
    buf_add_char(out, '(');
    add_separated(p, args, ", ", out);
    buf_add_char(out, ')');
}

static void add_prefixed(const struct cel_program *p, const struct cel_node *node, const char *sign,
                         struct buf *out)
{
    buf_addf(out, "%s(", sign);
    add_node(p, node->kid, out);
    buf_add_char(out, ')');
}

static void add_node(const struct cel_program *p, unsigned n, struct buf *out)
{
    static const char *const infixes[] = {
        [CEL_OP_AND] = " && ", [CEL_OP_OR] = " || ", [CEL_OP_ADD] = " + ", [CEL_OP_SUB] = " - ",
        [CEL_OP_MUL] = " * ",  [CEL_OP_DIV] = " / ", [CEL_OP_MOD] = " % ", [CEL_OP_EQ] = " == ",
        [CEL_OP_NE] = " != ",  [CEL_OP_LT] = " < ",  [CEL_OP_LE] = " <= ", [CEL_OP_GT] = " > ",
        [CEL_OP_GE] = " >= ",  [CEL_OP_IN] = " in ",
    };
    static const char *const macros[] = {
        [CEL_OP_ALL] = "all",       [CEL_OP_EXISTS] = "exists", [CEL_OP_EXISTS_ONE] = "exists_one",
        [CEL_OP_FILTER] = "filter", [CEL_OP_MAP] = "map",
    };
    const struct cel_node *node = cel_node(p, n);

    switch ((enum cel_op)node->op) {
    case CEL_OP_CONST:
        add_const(&p->consts[node->arg], out);
        break;
    case CEL_OP_VAR:
        buf_add_str(out, p->vars[node->arg].name);
        break;
    case CEL_OP_LOCAL:
        buf_addf(out, "_x%u", node->arg);
        break;
    case CEL_OP_HAS:
        buf_addf(out, "has(%.*s)", STR_ARG(p->vars[node->arg].name));
        break;
    case CEL_OP_NOT:
        add_prefixed(p, node, "!", out);
        break;
    case CEL_OP_NEG:
        add_prefixed(p, node, "-", out);
        break;
    case CEL_OP_COND:
        add_cond(p, node, out);
        break;
    case CEL_OP_LIST:
        buf_add_char(out, '[');
        add_separated(p, node->kid, ", ", out);
        buf_add_char(out, ']');
        break;
    case CEL_OP_INDEX:
        add_node(p, node->kid, out);
        buf_add_char(out, '[');
        add_node(p, cel_node(p, node->kid)->next, out);
        buf_add_char(out, ']');
        break;
    case CEL_OP_CALL:
        add_call(p, node, out);
        break;
    case CEL_OP_ALL:
    case CEL_OP_EXISTS:
    case CEL_OP_EXISTS_ONE:
    case CEL_OP_FILTER:
    case CEL_OP_MAP:
        add_macro(p, node, macros[node->op], out);
        break;
    case CEL_OP_FAIL:
        buf_add_str(out, STR("1 / 0"));
        break;
    default:
        buf_add_char(out, '(');
        add_chain(p, node, infixes, out);
        buf_add_char(out, ')');
        break;
    }
}

void cel_canonical(const struct cel_program *p, struct buf *out)
{
    add_node(p, p->root, out);
}
