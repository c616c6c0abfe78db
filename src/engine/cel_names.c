/* SPDX-License-Identifier: Apache-2.0 */
/* Names: macros' own, the schema's, those of types; and the one that was probably meant. */
#include "engine/cel_check.h"

#include "base/mem.h"

#include <stdio.h>

uint16_t cel_program_var_of(struct cel_checker *c, unsigned var)
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

bool cel_find_var(const struct cel_schema *schema, struct str name, unsigned *ret_var)
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
        return cel_plain(var->type);
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

static struct str nearest_name(struct cel_checker *c, struct str name)
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

void cel_report_unknown(struct cel_checker *c, const struct cel_node *node, struct str name)
{
    struct str best = nearest_name(c, name);
    char known[128];

    list_names(c->schema, known, sizeof(known));
    if (cel_fn_find(name) != CEL_FN_N)
        cel_report(c->report, node->at, "`%.*s` is a function; write %s", STR_ARG(name),
                   cel_fn_usage(cel_fn_find(name)));
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
int cel_refuse(struct cel_checker *c, struct cel_node *node)
{
    if (!c->is_unchecked)
        return CEL_E_INVALID;
    node->op = CEL_OP_FAIL;
    node->kid = 0;
    node->is_open = true;
    node->type = cel_plain(CEL_DYN);
    c->report->is_set = false;
    return 0;
}

static bool resolve_local(struct cel_checker *c, struct cel_node *node, struct str name)
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

int cel_check_name(struct cel_checker *c, struct cel_node *node)
{
    struct str name = c->program->names[node->arg];
    enum cel_type type;
    unsigned var;

    if (resolve_local(c, node, name))
        return 0;
    if (cel_find_var(c->schema, name, &var)) {
        node->op = CEL_OP_VAR;
        node->arg = cel_program_var_of(c, var);
        node->is_open = true;
        node->type = type_of_var(&c->schema->vars[var]);
        return 0;
    }
    if (find_type_name(name, &type)) {
        node->op = CEL_OP_CONST;
        node->arg = cel_add_const(
            c->program, (struct cel_value){.type = CEL_TYPE, .s = str_of(cel_type_name(type))});
        node->type = cel_plain(CEL_TYPE);
        return 0;
    }
    cel_report_unknown(c, node, name);
    return cel_refuse(c, node);
}
