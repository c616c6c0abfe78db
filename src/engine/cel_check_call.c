/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: functions and methods by their table, and macros, which bind a name. */
#include "engine/cel_check.h"

#include "base/mem.h"
#include "engine/cel_time.h"

#define TEXT CEL_T(CEL_STRING)
#define TIME CEL_T(CEL_TIMESTAMP)
#define SPAN CEL_T(CEL_DURATION)

#define FUNCTION(takes, gives, usage)                                                              \
    {                                                                                              \
        true, false, 1, 1, {takes, 0}, gives, usage                                                \
    }
#define METHOD(n, gives, usage)                                                                    \
    {                                                                                              \
        false, true, n, n, {TEXT, TEXT}, gives, usage                                              \
    }
/* A part of an instant, in a time zone that may be named. */
#define PART(takes, usage)                                                                         \
    {                                                                                              \
        false, true, 1, 2, {takes, TEXT}, CEL_INT, usage                                           \
    }

static const struct {
    bool is_function, is_method;
    uint8_t least, most; /* arguments, the receiver counted */
    unsigned args[2];    /* types that each takes */
    enum cel_type result;
    const char *usage;
} functions[CEL_FN_N] = {
    [CEL_FN_SIZE] = {true, true, 1, 1, {TEXT | CEL_T(CEL_LIST), 0}, CEL_INT, "size(text)"},
    [CEL_FN_CONTAINS] = METHOD(2, CEL_BOOL, "text.contains(\"part\")"),
    [CEL_FN_STARTS_WITH] = METHOD(2, CEL_BOOL, "text.startsWith(\"part\")"),
    [CEL_FN_ENDS_WITH] = METHOD(2, CEL_BOOL, "text.endsWith(\"part\")"),
    [CEL_FN_LOWER_ASCII] = METHOD(1, CEL_STRING, "text.lowerAscii()"),
    [CEL_FN_UPPER_ASCII] = METHOD(1, CEL_STRING, "text.upperAscii()"),
    [CEL_FN_BOOL] = FUNCTION(TEXT | CEL_T(CEL_BOOL), CEL_BOOL, "bool(text)"),
    [CEL_FN_INT] = FUNCTION(CEL_NUMBER | TEXT | TIME, CEL_INT, "int(number)"),
    [CEL_FN_DOUBLE] = FUNCTION(CEL_NUMBER | TEXT, CEL_DOUBLE, "double(number)"),
    [CEL_FN_STRING] =
        FUNCTION(CEL_NUMBER | TEXT | CEL_T(CEL_BOOL) | SPAN | TIME, CEL_STRING, "string(value)"),
    [CEL_FN_DURATION] = FUNCTION(TEXT | SPAN, CEL_DURATION, "duration(\"4h\")"),
    [CEL_FN_TIMESTAMP] = FUNCTION(TEXT | CEL_T(CEL_INT) | TIME, CEL_TIMESTAMP,
                                  "timestamp(\"2026-01-31T09:00:00Z\")"),
    [CEL_FN_TYPE] = FUNCTION(~0u, CEL_TYPE, "type(value)"),
    [CEL_FN_DYN] = FUNCTION(~0u, CEL_DYN, "dyn(value)"),
    [CEL_FN_FULL_YEAR] = PART(TIME, "time.getFullYear(\"+01:00\")"),
    [CEL_FN_MONTH] = PART(TIME, "time.getMonth(\"+01:00\")"),
    [CEL_FN_DATE] = PART(TIME, "time.getDate(\"+01:00\")"),
    [CEL_FN_DAY_OF_MONTH] = PART(TIME, "time.getDayOfMonth(\"+01:00\")"),
    [CEL_FN_DAY_OF_WEEK] = PART(TIME, "time.getDayOfWeek(\"+01:00\")"),
    [CEL_FN_DAY_OF_YEAR] = PART(TIME, "time.getDayOfYear(\"+01:00\")"),
    [CEL_FN_HOURS] = PART(TIME | SPAN, "time.getHours(\"+01:00\")"),
    [CEL_FN_MINUTES] = PART(TIME | SPAN, "time.getMinutes(\"+01:00\")"),
    [CEL_FN_SECONDS] = PART(TIME | SPAN, "time.getSeconds(\"+01:00\")"),
    [CEL_FN_MILLISECONDS] = PART(TIME | SPAN, "time.getMilliseconds(\"+01:00\")"),
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

const char *cel_fn_usage(enum cel_fn fn)
{
    return functions[fn].usage;
}

static unsigned count_kids(const struct cel_checker *c, const struct cel_node *node)
{
    unsigned n = 0;

    for (uint16_t kid = node->kid; kid; kid = cel_node(c->program, kid)->next)
        n++;
    return n;
}

/* The text of a literal; false: the node is none. */
static bool literal_text(const struct cel_checker *c, unsigned n, struct str *ret_text)
{
    const struct cel_node *node = cel_node(c->program, n);

    if (!n || node->op != CEL_OP_CONST || c->program->consts[node->arg].type != CEL_STRING)
        return false;
    *ret_text = c->program->consts[node->arg].s;
    return true;
}

/* False: neither an offset nor the name of a zone that the schema finds; else the program has it.
 */
static bool take_zone(struct cel_checker *c, struct str name)
{
    struct cel_program *p = c->program;
    const struct zone *zone;
    int64_t offset_ms;

    if (cel_parse_zone(name, &offset_ms) == 0 || cel_find_zone(p, name))
        return true;
    zone = c->schema->find_zone ? c->schema->find_zone(c->schema->zone_ctx, name) : NULL;
    if (!zone)
        return false;
    mem_grow(&p->zones, &p->zones_cap, p->n_zones, sizeof(*p->zones));
    p->zones[p->n_zones++] = (struct cel_program_zone){cel_keep_str(p, name), zone};
    return true;
}

/* Literals that a function is sure to refuse are refused now. */
static int check_literal(struct cel_checker *c, const struct cel_node *node)
{
    const struct cel_node *kid = cel_node(c->program, node->kid);
    struct cel_value parsed;
    struct str text;

    if (node->fn == CEL_FN_DURATION && literal_text(c, node->kid, &text) &&
        cel_parse_duration(text, &parsed))
        return CEL_MISMATCH(c, kid->at,
                            "not a duration (or over 292 years); write \"90s\", \"1h30m\" "
                            "or \"7d\"");
    if (node->fn == CEL_FN_TIMESTAMP && literal_text(c, node->kid, &text) &&
        cel_parse_timestamp(text, &parsed))
        return CEL_MISMATCH(c, kid->at,
                            "not an instant of RFC 3339; write \"2026-01-31T09:00:00Z\"");
    if (node->fn >= CEL_FN_FULL_YEAR && literal_text(c, kid->next, &text) && !take_zone(c, text))
        return CEL_MISMATCH(c, cel_node(c->program, kid->next)->at,
                            "not a time zone that is known here; write \"UTC\", an offset as "
                            "\"+01:00\", or a name as \"Europe/Berlin\"");
    return 0;
}

static int check_args(struct cel_checker *c, uint16_t n, enum cel_fn f)
{
    struct cel_node *node = cel_node(c->program, n);
    unsigned n_args = count_kids(c, node), i = 0;
    char words[CEL_WORDS_MAX];

    if (n_args < functions[f].least || n_args > functions[f].most ||
        !(node->is_method ? functions[f].is_method : functions[f].is_function)) {
        cel_report(c->report, node->at, "`%s` is written %s", cel_fn_name(f), functions[f].usage);
        return cel_refuse(c, node);
    }
    for (uint16_t kid = node->kid; kid; kid = cel_node(c->program, kid)->next, i++) {
        struct cel_static t = cel_node(c->program, kid)->type;

        if (!cel_takes(functions[f].args[i], t) && !c->is_unchecked) {
            cel_report(c->report, cel_node(c->program, kid)->at,
                       "`%s` does not take %s, which is %s; write %s", cel_fn_name(f),
                       cel_words_of(c, kid, words), cel_a_type(t), functions[f].usage);
            return CEL_E_INVALID;
        }
    }
    node->op = CEL_OP_CALL;
    node->fn = (uint8_t)f;
    node->type = cel_plain(functions[f].result);
    return check_literal(c, node);
}

static int check_has(struct cel_checker *c, struct cel_node *node)
{
    const struct cel_node *kid = cel_node(c->program, node->kid);
    unsigned var;
    struct str name;

    if (count_kids(c, node) != 1 || kid->op != CEL_OP_NAME) {
        cel_report(c->report, node->at, "`has` takes the name of a variable: has(x)");
        return cel_refuse(c, node);
    }
    name = c->program->names[kid->arg];
    if (!cel_find_var(c->schema, name, &var)) {
        cel_report_unknown(c, kid, name);
        return cel_refuse(c, node);
    }
    node->op = CEL_OP_HAS;
    node->kid = 0;
    node->arg = cel_program_var_of(c, var);
    node->is_open = true;
    node->type = cel_plain(CEL_BOOL);
    return 0;
}

static struct cel_static macro_type(const struct cel_checker *c, const struct cel_node *node)
{
    uint16_t body = cel_node(c->program, node->kid)->next,
             second = cel_node(c->program, body)->next;
    struct cel_static t = cel_node(c->program, second ? second : body)->type;

    if (node->op == CEL_OP_FILTER)
        return cel_node(c->program, node->kid)->type;
    if (node->op == CEL_OP_MAP)
        return (struct cel_static){t.base, (uint8_t)(t.depth + 1)};
    return cel_plain(CEL_BOOL);
}

/* The parts of a macro behind its list and name. */
static int check_macro_body(struct cel_checker *c, uint16_t n, uint16_t body, bool is_condition)
{
    uint16_t second = cel_node(c->program, body)->next;
    int r = cel_check_node(c, body);

    if (!r && (is_condition || second))
        r = cel_need_bool(c, body, "the macro");
    if (!r && second)
        r = cel_check_node(c, second);
    if (r)
        return r;
    if (cel_node(c->program, n)->op == CEL_OP_MAP &&
        cel_node(c->program, second ? second : body)->type.depth >= CEL_LIST_DEPTH_MAX) {
        cel_report(c->report, cel_node(c->program, n)->at, "lists are nested too deep");
        return CEL_E_INVALID;
    }
    return 0;
}

static int check_macro(struct cel_checker *c, uint16_t n, size_t m)
{
    struct cel_node *node = cel_node(c->program, n);
    uint16_t list = node->kid, name = list ? cel_node(c->program, list)->next : 0;
    unsigned n_args = count_kids(c, node);
    struct cel_static t;
    char words[CEL_WORDS_MAX];
    int r;

    if (!node->is_method || n_args < 3 || n_args > macros[m].most + 1u ||
        cel_node(c->program, name)->op != CEL_OP_NAME) {
        cel_report(c->report, node->at, "`%s` is written list.%s(x, condition of x)",
                   macros[m].name, macros[m].name);
        return cel_refuse(c, node);
    }
    if (c->n_locals == CEL_LOCALS_MAX) {
        cel_report(c->report, node->at, "macros are nested too deep");
        return CEL_E_INVALID;
    }
    r = cel_check_node(c, list);
    if (r)
        return r;
    t = cel_node(c->program, list)->type;
    if (!cel_takes(CEL_T(CEL_LIST), t))
        r = CEL_MISMATCH(c, node->at, "`%s` needs a list before it, and %s is %s", macros[m].name,
                         cel_words_of(c, list, words), cel_a_type(t));
    if (r)
        return r;
    node->op = (uint8_t)macros[m].op;
    node->arg = (uint16_t)c->n_locals;
    c->locals[c->n_locals++] =
        (struct cel_binding){c->program->names[cel_node(c->program, name)->arg], cel_item_of(t)};
    cel_node(c->program, list)->next = cel_node(c->program, name)->next;
    r = check_macro_body(c, n, cel_node(c->program, list)->next, node->op != CEL_OP_MAP);
    c->n_locals--;
    if (!r)
        node->type = macro_type(c, node);
    return r;
}

static int unknown_function(struct cel_checker *c, struct cel_node *node, struct str name)
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
    return cel_refuse(c, node);
}

int cel_check_apply(struct cel_checker *c, uint16_t n)
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
    r = cel_check_kids(c, n);
    return r ? r : check_args(c, n, f);
}
