/* SPDX-License-Identifier: Apache-2.0 */
/* The words of refusals: what an operand is called, and what to write instead of it. */
#include "engine/cel_check.h"

#include <stdio.h>

const char *cel_a_type(struct cel_static t)
{
    static const char *const words[] = {
        [CEL_NULL] = "null",
        [CEL_BOOL] = "true or false",
        [CEL_INT] = "an int",
        [CEL_DOUBLE] = "a double",
        [CEL_STRING] = "a string",
        [CEL_DURATION] = "a duration",
        [CEL_TIMESTAMP] = "a timestamp",
        [CEL_LIST] = "a list",
        [CEL_TYPE] = "a type",
        [CEL_DYN] = "of unknown type",
    };

    return words[cel_kind(t)];
}

/* How a message calls an operand: by name, by its spelling, or by what it is. */
const char *cel_words_of(struct cel_checker *c, uint16_t n, char words[CEL_WORDS_MAX])
{
    const struct cel_node *node = cel_node(c->program, n);
    const struct cel_value *v = node->op == CEL_OP_CONST ? &c->program->consts[node->arg] : NULL;

    if (node->op == CEL_OP_VAR)
        snprintf(words, CEL_WORDS_MAX, "`%.*s`", STR_ARG(c->program->vars[node->arg].name));
    else if (node->op == CEL_OP_LOCAL)
        snprintf(words, CEL_WORDS_MAX, "`%.*s`", STR_ARG(c->locals[node->arg].name));
    else if (v && v->type == CEL_INT)
        snprintf(words, CEL_WORDS_MAX, "%lld", (long long)v->i);
    else if (v && v->type == CEL_DOUBLE)
        snprintf(words, CEL_WORDS_MAX, "%.15g", v->d);
    else if (v && v->type == CEL_STRING && v->s.len <= 40)
        snprintf(words, CEL_WORDS_MAX, "\"%.*s\"", STR_ARG(v->s));
    else if (v && v->type == CEL_BOOL)
        return v->b ? "true" : "false";
    else if (v && v->type == CEL_NULL)
        return "null";
    else
        return "the expression";
    return words;
}

/* What to write where a number meets a number of the other kind, and such. Empty: no idea. */
static void hint_for(struct cel_checker *c, uint16_t n, struct cel_static other,
                     char hint[CEL_WORDS_MAX])
{
    const struct cel_node *node = cel_node(c->program, n);
    const struct cel_value *v = node->op == CEL_OP_CONST ? &c->program->consts[node->arg] : NULL;
    enum cel_type wanted = cel_kind(other);
    char words[CEL_WORDS_MAX];

    hint[0] = '\0';
    if (v && v->type == CEL_INT && wanted == CEL_DOUBLE)
        snprintf(hint, CEL_WORDS_MAX, "write %lld.0", (long long)v->i);
    else if (v && v->type == CEL_STRING && (CEL_T(wanted) & CEL_NUMBER))
        snprintf(hint, CEL_WORDS_MAX, "write the number without quotes");
    else if (v && (CEL_T(v->type) & CEL_NUMBER) && wanted == CEL_STRING)
        snprintf(hint, CEL_WORDS_MAX, "write \"%s\"", cel_words_of(c, n, words));
    else if (v && v->type == CEL_STRING && (wanted == CEL_DURATION || wanted == CEL_TIMESTAMP))
        snprintf(hint, CEL_WORDS_MAX, "write %s(\"%.*s\")",
                 wanted == CEL_DURATION ? "duration" : "timestamp", STR_ARG(v->s));
    else if (v && (CEL_T(v->type) & CEL_NUMBER) && wanted == CEL_DURATION)
        snprintf(hint, CEL_WORDS_MAX, "write duration(\"%ss\"), or m, h, d",
                 cel_words_of(c, n, words));
    else if (cel_kind(node->type) == CEL_INT && wanted == CEL_DOUBLE)
        snprintf(hint, CEL_WORDS_MAX, "write double(%.*s)",
                 STR_ARG(node->op == CEL_OP_VAR ? c->program->vars[node->arg].name : STR("...")));
}

const char *cel_op_text(enum cel_op op)
{
    static const char *const texts[] = {
        [CEL_OP_AND] = "&&", [CEL_OP_OR] = "||", [CEL_OP_NOT] = "!", [CEL_OP_NEG] = "-",
        [CEL_OP_ADD] = "+",  [CEL_OP_SUB] = "-", [CEL_OP_MUL] = "*", [CEL_OP_DIV] = "/",
        [CEL_OP_MOD] = "%",  [CEL_OP_EQ] = "==", [CEL_OP_NE] = "!=", [CEL_OP_LT] = "<",
        [CEL_OP_LE] = "<=",  [CEL_OP_GT] = ">",  [CEL_OP_GE] = ">=", [CEL_OP_IN] = "in",
        [CEL_OP_COND] = "?",
    };

    return texts[op];
}

/* "`a` is a string and 3 is an int: == does not take both; write "3"". */
int cel_pair_mismatch(struct cel_checker *c, const struct cel_node *node, uint16_t a, uint16_t b)
{
    struct cel_static ta = cel_node(c->program, a)->type, tb = cel_node(c->program, b)->type;
    char wa[CEL_WORDS_MAX], wb[CEL_WORDS_MAX], hint[CEL_WORDS_MAX];

    if (c->is_unchecked)
        return 0;
    hint_for(c, a, tb, hint);
    if (!*hint)
        hint_for(c, b, ta, hint);
    cel_report(c->report, node->at, "%s is %s, %s is %s: `%s` does not take both%s%s",
               cel_words_of(c, a, wa), cel_a_type(ta), cel_words_of(c, b, wb), cel_a_type(tb),
               cel_op_text((enum cel_op)node->op), *hint ? "; " : "", hint);
    return CEL_E_INVALID;
}

/* A condition is wanted. */
int cel_need_bool(struct cel_checker *c, uint16_t n, const char *where)
{
    const struct cel_node *node = cel_node(c->program, n);
    char words[CEL_WORDS_MAX];

    if (cel_takes(CEL_T(CEL_BOOL), node->type))
        return 0;
    cel_words_of(c, n, words);
    return CEL_MISMATCH(c, node->at, "%s needs a condition, and %s is %s; write a comparison%s",
                        where, cel_words_of(c, n, words), cel_a_type(node->type),
                        CEL_T(cel_kind(node->type)) & CEL_NUMBER ? ", as in x > 0" : "");
}
