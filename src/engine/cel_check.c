/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker: resolves names, finds every static type, refuses what cannot work with what to
 * write instead, and folds what is constant. Unchecked programs keep their type errors for the
 * evaluation, which checks again.
 */
#include "engine/cel_eval.h"

#include "base/mem.h"
#include "engine/cel_time.h"

#include <stdio.h>

#define FOLD_ITEMS_MAX 4096 /* list elements of one folded constant, nested ones counted */

struct binding {
    struct str name; /* borrowed from the program */
    struct cel_static type;
};

struct checker {
    struct cel_program *program;
    const struct cel_schema *schema;
    struct cel_report *report;
    bool is_unchecked;
    struct binding locals[CEL_LOCALS_MAX];
    unsigned n_locals;
    char *bytes; /* owned; scratch of folding */
    struct cel_value *items;
};

#define T(type) (1u << (type))
#define NUMBER  (T(CEL_INT) | T(CEL_DOUBLE))

static const struct {
    bool is_function, is_method;
    uint8_t least, most; /* arguments, the receiver counted */
    unsigned args[2];    /* types that each takes */
    enum cel_type result;
    const char *usage;
} functions[CEL_FN_N] = {
    [CEL_FN_SIZE] = {true, true, 1, 1, {T(CEL_STRING) | T(CEL_LIST)}, CEL_INT, "size(text)"},
    [CEL_FN_CONTAINS] =
        {false, true, 2, 2, {T(CEL_STRING), T(CEL_STRING)}, CEL_BOOL, "text.contains(\"part\")"},
    [CEL_FN_STARTS_WITH] =
        {false, true, 2, 2, {T(CEL_STRING), T(CEL_STRING)}, CEL_BOOL, "text.startsWith(\"part\")"},
    [CEL_FN_ENDS_WITH] =
        {false, true, 2, 2, {T(CEL_STRING), T(CEL_STRING)}, CEL_BOOL, "text.endsWith(\"part\")"},
    [CEL_FN_LOWER_ASCII] = {false, true, 1, 1, {T(CEL_STRING)}, CEL_STRING, "text.lowerAscii()"},
    [CEL_FN_UPPER_ASCII] = {false, true, 1, 1, {T(CEL_STRING)}, CEL_STRING, "text.upperAscii()"},
    [CEL_FN_BOOL] = {true, false, 1, 1, {T(CEL_BOOL) | T(CEL_STRING)}, CEL_BOOL, "bool(text)"},
    [CEL_FN_INT] =
        {true, false, 1, 1, {NUMBER | T(CEL_STRING) | T(CEL_TIMESTAMP)}, CEL_INT, "int(number)"},
    [CEL_FN_DOUBLE] = {true, false, 1, 1, {NUMBER | T(CEL_STRING)}, CEL_DOUBLE, "double(number)"},
    [CEL_FN_STRING] = {true,
                       false,
                       1,
                       1,
                       {NUMBER | T(CEL_STRING) | T(CEL_BOOL) | T(CEL_DURATION) | T(CEL_TIMESTAMP)},
                       CEL_STRING,
                       "string(value)"},
    [CEL_FN_DURATION] =
        {true, false, 1, 1, {T(CEL_STRING) | T(CEL_DURATION)}, CEL_DURATION, "duration(\"4h\")"},
    [CEL_FN_TIMESTAMP] = {true,
                          false,
                          1,
                          1,
                          {T(CEL_STRING) | T(CEL_INT) | T(CEL_TIMESTAMP)},
                          CEL_TIMESTAMP,
                          "timestamp(\"2026-01-31T09:00:00Z\")"},
    [CEL_FN_TYPE] = {true, false, 1, 1, {~0u}, CEL_TYPE, "type(value)"},
    [CEL_FN_DYN] = {true, false, 1, 1, {~0u}, CEL_DYN, "dyn(value)"},
    [CEL_FN_FULL_YEAR] = {false,
                          true,
                          1,
                          2,
                          {T(CEL_TIMESTAMP), T(CEL_STRING)},
                          CEL_INT,
                          "time.getFullYear(\"+01:00\")"},
    [CEL_FN_MONTH] = {false,
                      true,
                      1,
                      2,
                      {T(CEL_TIMESTAMP), T(CEL_STRING)},
                      CEL_INT,
                      "time.getMonth(\"+01:00\")"},
    [CEL_FN_DATE] =
        {false, true, 1, 2, {T(CEL_TIMESTAMP), T(CEL_STRING)}, CEL_INT, "time.getDate(\"+01:00\")"},
    [CEL_FN_DAY_OF_MONTH] = {false,
                             true,
                             1,
                             2,
                             {T(CEL_TIMESTAMP), T(CEL_STRING)},
                             CEL_INT,
                             "time.getDayOfMonth(\"+01:00\")"},
    [CEL_FN_DAY_OF_WEEK] = {false,
                            true,
                            1,
                            2,
                            {T(CEL_TIMESTAMP), T(CEL_STRING)},
                            CEL_INT,
                            "time.getDayOfWeek(\"+01:00\")"},
    [CEL_FN_DAY_OF_YEAR] = {false,
                            true,
                            1,
                            2,
                            {T(CEL_TIMESTAMP), T(CEL_STRING)},
                            CEL_INT,
                            "time.getDayOfYear(\"+01:00\")"},
    [CEL_FN_HOURS] = {false,
                      true,
                      1,
                      2,
                      {T(CEL_TIMESTAMP) | T(CEL_DURATION), T(CEL_STRING)},
                      CEL_INT,
                      "time.getHours(\"+01:00\")"},
    [CEL_FN_MINUTES] = {false,
                        true,
                        1,
                        2,
                        {T(CEL_TIMESTAMP) | T(CEL_DURATION), T(CEL_STRING)},
                        CEL_INT,
                        "time.getMinutes(\"+01:00\")"},
    [CEL_FN_SECONDS] = {false,
                        true,
                        1,
                        2,
                        {T(CEL_TIMESTAMP) | T(CEL_DURATION), T(CEL_STRING)},
                        CEL_INT,
                        "time.getSeconds(\"+01:00\")"},
    [CEL_FN_MILLISECONDS] = {false,
                             true,
                             1,
                             2,
                             {T(CEL_TIMESTAMP) | T(CEL_DURATION), T(CEL_STRING)},
                             CEL_INT,
                             "time.getMilliseconds(\"+01:00\")"},
};

static const struct {
    const char *name;
    enum cel_op op;
    uint8_t most; /* arguments behind the list */
} macros[] = {{"all", CEL_OP_ALL, 2},
              {"exists", CEL_OP_EXISTS, 2},
              {"exists_one", CEL_OP_EXISTS_ONE, 2},
              {"existsOne", CEL_OP_EXISTS_ONE, 2},
              {"filter", CEL_OP_FILTER, 2},
              {"map", CEL_OP_MAP, 3}};

static int check(struct checker *c, uint16_t n);

/* --- Types --- */

static struct cel_static plain(enum cel_type type)
{
    return (struct cel_static){.base = (uint8_t)type, .depth = 0};
}

static enum cel_type kind(struct cel_static t)
{
    return t.depth ? CEL_LIST : (enum cel_type)t.base;
}

static bool is_dyn(struct cel_static t)
{
    return kind(t) == CEL_DYN;
}

static bool takes(unsigned types, struct cel_static t)
{
    return is_dyn(t) || (types & T(kind(t)));
}

static struct cel_static item_of(struct cel_static list)
{
    if (!list.depth)
        return plain(CEL_DYN);
    return (struct cel_static){list.base, (uint8_t)(list.depth - 1)};
}

static struct cel_static unify(struct cel_static a, struct cel_static b)
{
    if (a.depth != b.depth)
        return plain(CEL_DYN);
    return a.base == b.base ? a : (struct cel_static){CEL_DYN, a.depth};
}

/* Whether == can ever say true. */
static bool comparable(struct cel_static a, struct cel_static b)
{
    if (a.depth != b.depth)
        return a.depth < b.depth ? a.base == CEL_DYN : b.base == CEL_DYN;
    if (a.base == CEL_DYN || b.base == CEL_DYN || a.base == b.base)
        return true;
    return (T(a.base) & NUMBER) && (T(b.base) & NUMBER);
}

static const char *a_type(struct cel_static t)
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

    return words[kind(t)];
}

/* --- Saying what is wrong --- */

#define WORDS_MAX 96

/* How a message calls an operand: by name, by its spelling, or by what it is. */
static const char *words_of(struct checker *c, uint16_t n, char words[WORDS_MAX])
{
    const struct cel_node *node = cel_node(c->program, n);
    const struct cel_value *v = node->op == CEL_OP_CONST ? &c->program->consts[node->arg] : NULL;

    if (node->op == CEL_OP_VAR)
        snprintf(words, WORDS_MAX, "`%.*s`", STR_ARG(c->program->vars[node->arg].name));
    else if (node->op == CEL_OP_LOCAL)
        snprintf(words, WORDS_MAX, "`%.*s`", STR_ARG(c->locals[node->arg].name));
    else if (v && v->type == CEL_INT)
        snprintf(words, WORDS_MAX, "%lld", (long long)v->i);
    else if (v && v->type == CEL_DOUBLE)
        snprintf(words, WORDS_MAX, "%.15g", v->d);
    else if (v && v->type == CEL_STRING && v->s.len <= 40)
        snprintf(words, WORDS_MAX, "\"%.*s\"", STR_ARG(v->s));
    else if (v && v->type == CEL_BOOL)
        return v->b ? "true" : "false";
    else if (v && v->type == CEL_NULL)
        return "null";
    else
        return "the expression";
    return words;
}

/* Refuses; in an unchecked program the evaluation will, if it comes to it. */
#define MISMATCH(c, at, ...)                                                                       \
    ((c)->is_unchecked ? 0 : (cel_report((c)->report, (at), __VA_ARGS__), CEL_E_INVALID))

/* What to write where a number meets a number of the other kind, and such. Empty: no idea. */
static void hint_for(struct checker *c, uint16_t n, struct cel_static other, char hint[WORDS_MAX])
{
    const struct cel_node *node = cel_node(c->program, n);
    const struct cel_value *v = node->op == CEL_OP_CONST ? &c->program->consts[node->arg] : NULL;
    enum cel_type wanted = kind(other);
    char words[WORDS_MAX];

    hint[0] = '\0';
    if (v && v->type == CEL_INT && wanted == CEL_DOUBLE)
        snprintf(hint, WORDS_MAX, "write %lld.0", (long long)v->i);
    else if (v && v->type == CEL_STRING && (T(wanted) & NUMBER))
        snprintf(hint, WORDS_MAX, "write the number without quotes");
    else if (v && (T(v->type) & NUMBER) && wanted == CEL_STRING)
        snprintf(hint, WORDS_MAX, "write \"%s\"", words_of(c, n, words));
    else if (v && v->type == CEL_STRING && (wanted == CEL_DURATION || wanted == CEL_TIMESTAMP))
        snprintf(hint, WORDS_MAX, "write %s(\"%.*s\")",
                 wanted == CEL_DURATION ? "duration" : "timestamp", STR_ARG(v->s));
    else if (v && (T(v->type) & NUMBER) && wanted == CEL_DURATION)
        snprintf(hint, WORDS_MAX, "write duration(\"%ss\"), or m, h, d", words_of(c, n, words));
    else if (kind(node->type) == CEL_INT && wanted == CEL_DOUBLE)
        snprintf(hint, WORDS_MAX, "write double(%.*s)",
                 STR_ARG(node->op == CEL_OP_VAR ? c->program->vars[node->arg].name : STR("...")));
}

static const char *op_text(enum cel_op op)
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
static int pair_mismatch(struct checker *c, const struct cel_node *node, uint16_t a, uint16_t b)
{
    struct cel_static ta = cel_node(c->program, a)->type, tb = cel_node(c->program, b)->type;
    char wa[WORDS_MAX], wb[WORDS_MAX], hint[WORDS_MAX];

    if (c->is_unchecked)
        return 0;
    hint_for(c, a, tb, hint);
    if (!*hint)
        hint_for(c, b, ta, hint);
    cel_report(c->report, node->at, "%s is %s, %s is %s: `%s` does not take both%s%s",
               words_of(c, a, wa), a_type(ta), words_of(c, b, wb), a_type(tb),
               op_text((enum cel_op)node->op), *hint ? "; " : "", hint);
    return CEL_E_INVALID;
}

/* A condition is wanted. */
static int need_bool(struct checker *c, uint16_t n, const char *where)
{
    const struct cel_node *node = cel_node(c->program, n);
    char words[WORDS_MAX];

    if (takes(T(CEL_BOOL), node->type))
        return 0;
    words_of(c, n, words);
    return MISMATCH(c, node->at, "%s needs a condition, and %s is %s; write a comparison%s", where,
                    words_of(c, n, words), a_type(node->type),
                    T(kind(node->type)) & NUMBER ? ", as in x > 0" : "");
}

/* --- Names --- */

static uint16_t program_var(struct checker *c, unsigned var)
{
    struct cel_program *p = c->program;

    for (size_t i = 0; i < p->n_vars; i++) {
        if (p->vars[i].var == var)
            return (uint16_t)i;
    }
    mem_grow(&p->vars, &p->vars_cap, p->n_vars, sizeof(*p->vars));
    p->vars[p->n_vars] = (struct cel_program_var){
        .name = cel_keep_str(p, str_of(c->schema->vars[var].name)),
        .var = var,
        .type = c->schema->vars[var].type,
    };
    return (uint16_t)p->n_vars++;
}

static bool find_var(const struct cel_schema *schema, struct str name, unsigned *ret_var)
{
    for (size_t i = 0; i < schema->n_vars; i++) {
        if (str_eq(str_of(schema->vars[i].name), name)) {
            *ret_var = (unsigned)i;
            return true;
        }
    }
    return false;
}

static struct cel_static type_of_var(const struct cel_var *var)
{
    if (var->type != CEL_LIST)
        return plain(var->type);
    /* What is inside lists of lists, the schema does not say. */
    if (var->item == CEL_LIST)
        return (struct cel_static){CEL_DYN, 1};
    return (struct cel_static){(uint8_t)var->item, 1};
}

static bool find_type_name(struct str name, enum cel_type *ret_type)
{
    for (int t = CEL_NULL; t < CEL_DYN; t++) {
        if (str_eq(name, str_of(cel_type_name((enum cel_type)t)))) {
            *ret_type = (enum cel_type)t;
            return true;
        }
    }
    return false;
}

/* As many names of the schema as a message holds. */
static void list_names(const struct cel_schema *schema, char *text, size_t size)
{
    size_t n = 0;

    text[0] = '\0';
    for (size_t i = 0; i < schema->n_vars; i++) {
        size_t len = strlen(schema->vars[i].name);

        if (n + len + 8 > size) {
            snprintf(text + n, size - n, ", ...");
            return;
        }
        n += (size_t)snprintf(text + n, size - n, "%s%s", i ? ", " : "", schema->vars[i].name);
    }
}

static struct str nearest_name(struct checker *c, struct str name)
{
    struct cel_nearest nearest = cel_nearest_of(name);

    for (size_t i = 0; i < c->schema->n_vars; i++)
        cel_nearest_try(&nearest, str_of(c->schema->vars[i].name));
    for (unsigned i = 0; i < c->n_locals; i++)
        cel_nearest_try(&nearest, c->locals[i].name);
    cel_nearest_try(&nearest, STR("true"));
    cel_nearest_try(&nearest, STR("false"));
    cel_nearest_try(&nearest, STR("null"));
    return nearest.best;
}

static void report_unknown(struct checker *c, const struct cel_node *node, struct str name)
{
    struct str best = nearest_name(c, name);
    char known[128];

    list_names(c->schema, known, sizeof(known));
    if (cel_fn_find(name) != CEL_FN_N)
        cel_report(c->report, node->at, "`%.*s` is a function; write %s", STR_ARG(name),
                   functions[cel_fn_find(name)].usage);
    else if (best.len)
        cel_report(c->report, node->at, "unknown name `%.*s`; did you mean `%.*s`?", STR_ARG(name),
                   STR_ARG(best));
    else if (*known)
        cel_report(c->report, node->at,
                   "unknown name `%.*s`; if text is meant, put it in quotes; the names are %s",
                   name.len > 60 ? 60 : (int)name.len, name.ptr, known);
    else
        cel_report(c->report, node->at, "unknown name `%.*s`; if text is meant, put it in quotes",
                   STR_ARG(name));
}

/* What the checker cannot give a meaning to. */
static int refuse(struct checker *c, struct cel_node *node)
{
    if (!c->is_unchecked)
        return CEL_E_INVALID;
    node->op = CEL_OP_FAIL;
    node->kid = 0;
    node->is_open = true;
    node->type = plain(CEL_DYN);
    c->report->is_set = false;
    return 0;
}

static bool resolve_local(struct checker *c, struct cel_node *node, struct str name)
{
    for (unsigned i = c->n_locals; i-- > 0;) {
        if (!str_eq(c->locals[i].name, name))
            continue;
        node->op = CEL_OP_LOCAL;
        node->arg = (uint16_t)i;
        node->slots = (uint8_t)(1u << i);
        node->type = c->locals[i].type;
        return true;
    }
    return false;
}

static int check_name(struct checker *c, struct cel_node *node)
{
    struct str name = c->program->names[node->arg];
    enum cel_type type;
    unsigned var;

    if (resolve_local(c, node, name))
        return 0;
    if (find_var(c->schema, name, &var)) {
        node->op = CEL_OP_VAR;
        node->arg = program_var(c, var);
        node->is_open = true;
        node->type = type_of_var(&c->schema->vars[var]);
        return 0;
    }
    if (find_type_name(name, &type)) {
        node->op = CEL_OP_CONST;
        node->arg = cel_add_const(
            c->program, (struct cel_value){.type = CEL_TYPE, .s = str_of(cel_type_name(type))});
        node->type = plain(CEL_TYPE);
        return 0;
    }
    report_unknown(c, node, name);
    return refuse(c, node);
}

/* --- Operators --- */

static int check_all_bool(struct checker *c, const struct cel_node *node)
{
    for (uint16_t kid = node->kid; kid; kid = cel_node(c->program, kid)->next) {
        int r = need_bool(c, kid, op_text((enum cel_op)node->op));

        if (r)
            return r;
    }
    return 0;
}

static int check_cond(struct checker *c, struct cel_node *node)
{
    uint16_t yes = cel_node(c->program, node->kid)->next, no = cel_node(c->program, yes)->next;
    struct cel_static a = cel_node(c->program, yes)->type, b = cel_node(c->program, no)->type;
    int r = need_bool(c, node->kid, "`?`");

    if (r)
        return r;
    node->type = unify(a, b);
    if (kind(a) == kind(b) || is_dyn(a) || is_dyn(b) || kind(a) == CEL_NULL || kind(b) == CEL_NULL)
        return 0;
    return pair_mismatch(c, node, yes, no);
}

static int check_list(struct checker *c, struct cel_node *node)
{
    struct cel_static item = plain(CEL_DYN);

    for (uint16_t kid = node->kid; kid; kid = cel_node(c->program, kid)->next) {
        struct cel_static t = cel_node(c->program, kid)->type;

        item = kid == node->kid ? t : unify(item, t);
    }
    if (item.depth >= CEL_LIST_DEPTH_MAX) {
        cel_report(c->report, node->at, "lists are nested too deep");
        return CEL_E_INVALID;
    }
    node->type = (struct cel_static){item.base, (uint8_t)(item.depth + 1)};
    return 0;
}

static int check_negation(struct checker *c, struct cel_node *node)
{
    struct cel_static t = cel_node(c->program, node->kid)->type;
    char words[WORDS_MAX];

    node->type = t;
    if (takes(NUMBER, t))
        return 0;
    return MISMATCH(c, node->at, "minus needs a number, and %s is %s",
                    words_of(c, node->kid, words), a_type(t));
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

static int check_arithmetic(struct checker *c, struct cel_node *node)
{
    uint16_t right = cel_node(c->program, node->kid)->next;
    struct cel_static a = cel_node(c->program, node->kid)->type,
                      b = cel_node(c->program, right)->type;
    enum cel_type t = arithmetic_type((enum cel_op)node->op, kind(a), kind(b));

    node->type = plain(CEL_DYN);
    if (is_dyn(a) || is_dyn(b))
        return 0;
    if (t == CEL_NULL)
        return pair_mismatch(c, node, node->kid, right);
    node->type = t == CEL_LIST ? unify(a, b) : plain(t);
    if (t == CEL_LIST && is_dyn(node->type))
        node->type = (struct cel_static){CEL_DYN, 1};
    return 0;
}

static int null_comparison(struct checker *c, const struct cel_node *node, uint16_t other)
{
    char words[WORDS_MAX];

    if (cel_node(c->program, other)->op == CEL_OP_VAR)
        return MISMATCH(c, node->at, "%s is never null; whether it has a value is has(%.*s)",
                        words_of(c, other, words),
                        STR_ARG(c->program->vars[cel_node(c->program, other)->arg].name));
    return MISMATCH(c, node->at, "%s is never null", words_of(c, other, words));
}

static int check_equality(struct checker *c, struct cel_node *node)
{
    uint16_t left = node->kid, right = cel_node(c->program, left)->next;
    struct cel_static a = cel_node(c->program, left)->type, b = cel_node(c->program, right)->type;

    node->type = plain(CEL_BOOL);
    if (comparable(a, b))
        return 0;
    if (kind(a) == CEL_NULL || kind(b) == CEL_NULL)
        return null_comparison(c, node, kind(a) == CEL_NULL ? right : left);
    return pair_mismatch(c, node, left, right);
}

static int check_order(struct checker *c, struct cel_node *node)
{
    uint16_t left = node->kid, right = cel_node(c->program, left)->next;
    struct cel_static a = cel_node(c->program, left)->type, b = cel_node(c->program, right)->type;
    unsigned ordered = NUMBER | T(CEL_BOOL) | T(CEL_STRING) | T(CEL_DURATION) | T(CEL_TIMESTAMP);

    node->type = plain(CEL_BOOL);
    if (kind(a) == CEL_BOOL && (T(kind(b)) & NUMBER)) /* may be folded: the left is a comparison */
        return MISMATCH(c, node->at, "comparisons cannot be chained; write a < b && b < c");
    if (takes(ordered, a) && takes(ordered, b) && comparable(a, b))
        return 0;
    return pair_mismatch(c, node, left, right);
}

static int check_in(struct checker *c, struct cel_node *node)
{
    uint16_t left = node->kid, right = cel_node(c->program, left)->next;
    struct cel_static a = cel_node(c->program, left)->type, b = cel_node(c->program, right)->type;
    char words[WORDS_MAX];

    node->type = plain(CEL_BOOL);
    if (!takes(T(CEL_LIST), b))
        return MISMATCH(c, node->at, "`in` needs a list on its right, and %s is %s; write [a, b]%s",
                        words_of(c, right, words), a_type(b),
                        kind(b) == CEL_STRING ? ", or text.contains(\"part\")" : "");
    if (comparable(a, item_of(b)))
        return 0;
    return MISMATCH(c, node->at, "%s is %s, and no element of the list is",
                    words_of(c, left, words), a_type(a));
}

static int check_index(struct checker *c, struct cel_node *node)
{
    uint16_t left = node->kid, right = cel_node(c->program, left)->next;
    struct cel_static a = cel_node(c->program, left)->type, b = cel_node(c->program, right)->type;
    char words[WORDS_MAX];

    node->type = item_of(a);
    if (!takes(T(CEL_LIST), a))
        return MISMATCH(c, node->at, "only lists have elements, and %s is %s",
                        words_of(c, left, words), a_type(a));
    if (!takes(T(CEL_INT), b))
        return MISMATCH(c, node->at, "elements are numbered by ints, and %s is %s",
                        words_of(c, right, words), a_type(b));
    return 0;
}

/* --- Functions and macros --- */

static unsigned count_kids(const struct checker *c, const struct cel_node *node)
{
    unsigned n = 0;

    for (uint16_t kid = node->kid; kid; kid = cel_node(c->program, kid)->next)
        n++;
    return n;
}

static int check_kids(struct checker *c, uint16_t n)
{
    for (uint16_t kid = cel_node(c->program, n)->kid; kid; kid = cel_node(c->program, kid)->next) {
        int r = check(c, kid);

        if (r)
            return r;
    }
    return 0;
}

/* Constants that a function is sure to refuse are refused now. */
static int check_literal(struct checker *c, const struct cel_node *node)
{
    const struct cel_node *kid = cel_node(c->program, node->kid);
    const struct cel_node *zone = cel_node(c->program, kid->next);
    const struct cel_value *v = &c->program->consts[kid->arg];
    struct cel_value parsed;
    int64_t offset_ms;

    if (node->fn == CEL_FN_DURATION && kid->op == CEL_OP_CONST && v->type == CEL_STRING &&
        cel_parse_duration(v->s, &parsed))
        return MISMATCH(c, kid->at,
                        "not a duration (or over 292 years); write \"90s\", \"1h30m\" "
                        "or \"7d\"");
    if (node->fn == CEL_FN_TIMESTAMP && kid->op == CEL_OP_CONST && v->type == CEL_STRING &&
        cel_parse_timestamp(v->s, &parsed))
        return MISMATCH(c, kid->at, "not an instant of RFC 3339; write \"2026-01-31T09:00:00Z\"");
    if (node->fn < CEL_FN_FULL_YEAR || !kid->next || zone->op != CEL_OP_CONST)
        return 0;
    v = &c->program->consts[zone->arg];
    if (v->type == CEL_STRING && cel_parse_zone(v->s, &offset_ms))
        return MISMATCH(c, zone->at, "time zones are written as an offset: \"UTC\", \"+01:00\"");
    return 0;
}

static int check_args(struct checker *c, uint16_t n, enum cel_fn f)
{
    struct cel_node *node = cel_node(c->program, n);
    unsigned n_args = count_kids(c, node), i = 0;
    char words[WORDS_MAX];

    if (n_args < functions[f].least || n_args > functions[f].most ||
        !(node->is_method ? functions[f].is_method : functions[f].is_function)) {
        cel_report(c->report, node->at, "`%s` is written %s", cel_fn_name(f), functions[f].usage);
        return refuse(c, node);
    }
    for (uint16_t kid = node->kid; kid; kid = cel_node(c->program, kid)->next, i++) {
        struct cel_static t = cel_node(c->program, kid)->type;

        if (!takes(functions[f].args[i], t) && !c->is_unchecked) {
            cel_report(c->report, cel_node(c->program, kid)->at,
                       "`%s` does not take %s, which is %s; write %s", cel_fn_name(f),
                       words_of(c, kid, words), a_type(t), functions[f].usage);
            return CEL_E_INVALID;
        }
    }
    node->op = CEL_OP_CALL;
    node->fn = (uint8_t)f;
    node->type = plain(functions[f].result);
    return check_literal(c, node);
}

static int check_has(struct checker *c, struct cel_node *node)
{
    const struct cel_node *kid = cel_node(c->program, node->kid);
    unsigned var;
    struct str name;

    if (count_kids(c, node) != 1 || kid->op != CEL_OP_NAME) {
        cel_report(c->report, node->at, "`has` takes the name of a variable: has(x)");
        return refuse(c, node);
    }
    name = c->program->names[kid->arg];
    if (!find_var(c->schema, name, &var)) {
        report_unknown(c, kid, name);
        return refuse(c, node);
    }
    node->op = CEL_OP_HAS;
    node->kid = 0;
    node->arg = program_var(c, var);
    node->is_open = true;
    node->type = plain(CEL_BOOL);
    return 0;
}

static struct cel_static macro_type(const struct checker *c, const struct cel_node *node)
{
    uint16_t body = cel_node(c->program, node->kid)->next,
             second = cel_node(c->program, body)->next;
    struct cel_static t = cel_node(c->program, second ? second : body)->type;

    if (node->op == CEL_OP_FILTER)
        return cel_node(c->program, node->kid)->type;
    if (node->op == CEL_OP_MAP)
        return (struct cel_static){t.base, (uint8_t)(t.depth + 1)};
    return plain(CEL_BOOL);
}

/* The parts of a macro behind its list and name. */
static int check_macro_body(struct checker *c, uint16_t n, uint16_t body, bool is_condition)
{
    uint16_t second = cel_node(c->program, body)->next;
    int r = check(c, body);

    if (!r && (is_condition || second))
        r = need_bool(c, body, "the macro");
    if (!r && second)
        r = check(c, second);
    if (r)
        return r;
    if (cel_node(c->program, n)->op == CEL_OP_MAP &&
        cel_node(c->program, second ? second : body)->type.depth >= CEL_LIST_DEPTH_MAX) {
        cel_report(c->report, cel_node(c->program, n)->at, "lists are nested too deep");
        return CEL_E_INVALID;
    }
    return 0;
}

static int check_macro(struct checker *c, uint16_t n, size_t m)
{
    struct cel_node *node = cel_node(c->program, n);
    uint16_t list = node->kid, name = list ? cel_node(c->program, list)->next : 0;
    unsigned n_args = count_kids(c, node);
    struct cel_static t;
    char words[WORDS_MAX];
    int r;

    if (!node->is_method || n_args < 3 || n_args > macros[m].most + 1u ||
        cel_node(c->program, name)->op != CEL_OP_NAME) {
        cel_report(c->report, node->at, "`%s` is written list.%s(x, condition of x)",
                   macros[m].name, macros[m].name);
        return refuse(c, node);
    }
    if (c->n_locals == CEL_LOCALS_MAX) {
        cel_report(c->report, node->at, "macros are nested too deep");
        return CEL_E_INVALID;
    }
    r = check(c, list);
    if (r)
        return r;
    t = cel_node(c->program, list)->type;
    if (!takes(T(CEL_LIST), t))
        r = MISMATCH(c, node->at, "`%s` needs a list before it, and %s is %s", macros[m].name,
                     words_of(c, list, words), a_type(t));
    if (r)
        return r;
    node->op = (uint8_t)macros[m].op;
    node->arg = (uint16_t)c->n_locals;
    c->locals[c->n_locals++] =
        (struct binding){c->program->names[cel_node(c->program, name)->arg], item_of(t)};
    cel_node(c->program, list)->next = cel_node(c->program, name)->next;
    r = check_macro_body(c, n, cel_node(c->program, list)->next, node->op != CEL_OP_MAP);
    c->n_locals--;
    if (!r)
        node->type = macro_type(c, node);
    return r;
}

static int unknown_function(struct checker *c, struct cel_node *node, struct str name)
{
    struct cel_nearest nearest = cel_nearest_of(name);

    for (unsigned fn = 0; fn < CEL_FN_N; fn++)
        cel_nearest_try(&nearest, str_of(cel_fn_name((enum cel_fn)fn)));
    for (size_t i = 0; i < ARRAY_SIZE(macros); i++)
        cel_nearest_try(&nearest, str_of(macros[i].name));
    if (str_eq(name, STR("matches")))
        cel_report(c->report, node->at,
                   "regular expressions are not supported; use contains(), "
                   "startsWith() or endsWith()");
    else if (str_eq(name, STR("uint")) || str_eq(name, STR("bytes")))
        cel_report(c->report, node->at, "`%.*s` is not supported; write int() or string()",
                   STR_ARG(name));
    else if (nearest.best.len)
        cel_report(c->report, node->at, "unknown function `%.*s`; did you mean `%.*s`?",
                   STR_ARG(name), STR_ARG(nearest.best));
    else
        cel_report(c->report, node->at,
                   "unknown function `%.*s`; there are size, contains, startsWith, endsWith, "
                   "duration, timestamp, int, double, string, has, all, exists, filter, map",
                   STR_ARG(name));
    return refuse(c, node);
}

static int check_apply(struct checker *c, uint16_t n)
{
    struct cel_node *node = cel_node(c->program, n);
    struct str name = c->program->names[node->arg];
    enum cel_fn f;
    int r;

    if (!node->is_method && str_eq(name, STR("has")))
        return check_has(c, node);
    for (size_t m = 0; m < ARRAY_SIZE(macros); m++) {
        if (str_eq(name, str_of(macros[m].name)))
            return check_macro(c, n, m);
    }
    f = cel_fn_find(name);
    if (f == CEL_FN_N)
        return unknown_function(c, node, name);
    r = check_kids(c, n);
    return r ? r : check_args(c, n, f);
}

/* --- Folding --- */

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

static bool kids_are_const(const struct checker *c, const struct cel_node *node)
{
    for (uint16_t kid = node->kid; kid; kid = cel_node(c->program, kid)->next) {
        if (cel_node(c->program, kid)->op != CEL_OP_CONST)
            return false;
    }
    return true;
}

/* dyn() stays: it is there to hide a type. So does what has no static type: its value would show
 * one, and the canonical text would not compile. */
static bool may_fold(const struct checker *c, const struct cel_node *node)
{
    if (node->is_open || node->slots || node->op == CEL_OP_CONST)
        return false;
    if (node->type.base == CEL_DYN && node->op != CEL_OP_LIST)
        return false;
    return node->op < CEL_OP_LIST || kids_are_const(c, node);
}

/* What fails stays as it is: whether that matters is decided where it is evaluated. */
static void fold(struct checker *c, struct cel_node *node)
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

/* What a node's kids read, it reads. */
static void inherit(struct checker *c, struct cel_node *node)
{
    for (uint16_t kid = node->kid; kid; kid = cel_node(c->program, kid)->next) {
        node->is_open |= cel_node(c->program, kid)->is_open;
        node->slots |= cel_node(c->program, kid)->slots;
    }
    if (node->op >= CEL_OP_ALL && node->op <= CEL_OP_MAP)
        node->slots &= (uint8_t) ~(1u << node->arg);
}

static int check_operator(struct checker *c, struct cel_node *node)
{
    switch ((enum cel_op)node->op) {
    case CEL_OP_AND:
    case CEL_OP_OR:
    case CEL_OP_NOT:
        node->type = plain(CEL_BOOL);
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

static int check(struct checker *c, uint16_t n)
{
    struct cel_node *node = cel_node(c->program, n); /* the array does not grow any more */
    int r;

    if (node->op == CEL_OP_CONST) {
        node->type = plain(c->program->consts[node->arg].type);
        return 0;
    }
    if (node->op == CEL_OP_NAME) {
        r = check_name(c, node);
    } else if (node->op == CEL_OP_APPLY) {
        r = check_apply(c, n);
    } else {
        r = check_kids(c, n);
        if (!r)
            r = check_operator(c, node);
    }
    if (r)
        return r;
    inherit(c, node);
    fold(c, node);
    return 0;
}

static int check_want(struct checker *c)
{
    const struct cel_node *root = cel_node(c->program, c->program->root);
    enum cel_type want = c->program->want;
    char words[WORDS_MAX];

    if (want == CEL_DYN || takes(T(want), root->type) ||
        (want == CEL_DOUBLE && kind(root->type) == CEL_INT))
        return 0;
    if (want == CEL_BOOL)
        return need_bool(c, c->program->root, "this place");
    return MISMATCH(c, root->at, "%s is wanted here, and %s is %s", a_type(plain(want)),
                    words_of(c, c->program->root, words), a_type(root->type));
}

int cel_check(struct cel_program *p, const struct cel_schema *schema, bool is_unchecked,
              struct cel_report *report)
{
    struct checker c = {
        .program = p,
        .schema = schema,
        .report = report,
        .is_unchecked = is_unchecked,
        .bytes = mem_alloc(CEL_SCRATCH_MAX),
        .items = mem_alloc(CEL_ITEMS_MAX * sizeof(*c.items)),
    };
    int r = check(&c, p->root);

    if (!r)
        r = check_want(&c);
    mem_free(c.bytes);
    mem_free(c.items);
    return r;
}
