/* SPDX-License-Identifier: Apache-2.0 */
/* Presets from their specs: every expression is compiled once, every fault is told with its place.
 */
#include "codec/preset_impl.h"

#include "base/mem.h"
#include "base/parse.h"

#include <stdio.h>

/* ---- compiling ---- */

struct compiler {
    preset_fault_fn on_fault;
    void *ctx;
    bool has_failed;
};

static void fault(struct compiler *c, const void *where, size_t offset, const char *text)
{
    c->has_failed = true;
    c->on_fault(c->ctx, where, offset, text);
}

static struct cel_program *compile(struct compiler *c, struct str text,
                                   const struct cel_schema *schema, enum cel_type want,
                                   const void *where)
{
    struct cel_program *program = NULL;
    struct cel_error error;

    if (cel_compile(text, schema, want, &program, &error))
        fault(c, where, error.offset, error.text);
    return program;
}

enum cel_type preset_cel_type(enum preset_type type)
{
    static const enum cel_type types[] = {
        [PRESET_STRING] = CEL_STRING, [PRESET_DOUBLE] = CEL_DOUBLE,
        [PRESET_INT] = CEL_INT,       [PRESET_BOOL] = CEL_BOOL,
        [PRESET_LIST] = CEL_LIST,     [PRESET_TIMESTAMP] = CEL_TIMESTAMP,
    };

    return types[type];
}

/* False: the text is no value of the type. */
static bool parse_default(enum preset_type type, struct str text, struct cel_value *ret_value)
{
    ret_value->type = preset_cel_type(type);
    switch (type) {
    case PRESET_STRING:
        ret_value->s = text;
        return true;
    case PRESET_DOUBLE:
        return !parse_double(text, &ret_value->d);
    case PRESET_INT:
        return !parse_i64(text, &ret_value->i);
    case PRESET_BOOL:
        ret_value->b = str_eq(text, STR("true"));
        return ret_value->b || str_eq(text, STR("false"));
    case PRESET_TIMESTAMP:
        return !parse_instant(text, &ret_value->i);
    case PRESET_LIST:
        break;
    }
    return false;
}

/* A word of the language would not be taken for a variable. */
static bool is_variable(const struct preset_field *spec, const struct cel_schema *schema)
{
    struct cel_program *program = NULL;
    struct cel_error ignored;
    char text[96];
    int r;

    snprintf(text, sizeof(text), "has(%.*s)", STR_ARG(spec->name));
    r = cel_compile(str_of(text), schema, CEL_BOOL, &program, &ignored);
    cel_free(program);
    return !r;
}

static void init_field(struct compiler *c, struct field *f, const struct preset_field *spec,
                       const struct cel_schema *schema)
{
    f->spec = spec;
    if (spec->type == PRESET_LIST)
        f->items = mem_calloc(PRESET_ITEMS_MAX, sizeof(*f->items));
    if (spec->has_default && !parse_default(spec->type, spec->def, &f->def))
        fault(c, spec->default_where, 0, "default: is no value of the field's type");
    if (!is_variable(spec, schema))
        fault(c, spec->where, 0, "field: cannot be a name in expressions: choose another");
}

static void init_output(struct compiler *c, struct output *o, const struct preset_output *spec,
                        const struct cel_schema *schema)
{
    o->spec = spec;
    if (spec->text.ptr[0] != '/')
        o->program = compile(c, spec->text, schema, CEL_DYN, spec->where);
}

static void init_preset(struct compiler *c, struct preset *p, const struct preset_spec *spec)
{
    struct cel_var vars[PRESET_FIELDS_MAX];
    char *names[PRESET_FIELDS_MAX];
    struct cel_schema schema = {.vars = vars, .n_vars = spec->n_fields};

    p->spec = spec;
    for (size_t i = 0; i < spec->n_fields; i++) {
        names[i] = mem_strndup(spec->fields[i].name.ptr, spec->fields[i].name.len);
        vars[i] = (struct cel_var){names[i], preset_cel_type(spec->fields[i].type), CEL_STRING};
    }
    p->fields = mem_calloc(spec->n_fields + 1, sizeof(*p->fields));
    for (size_t i = 0; i < spec->n_fields; i++)
        init_field(c, &p->fields[i], &spec->fields[i], &schema);
    p->outputs = mem_calloc(spec->n_outputs + 1, sizeof(*p->outputs));
    for (size_t i = 0; i < spec->n_outputs; i++)
        init_output(c, &p->outputs[i], &spec->outputs[i], &schema);
    if (spec->when.len)
        p->when = compile(c, spec->when, &schema, CEL_BOOL, spec->when_where);
    for (size_t i = 0; i < spec->n_fields; i++)
        mem_free(names[i]);
}

struct presets *presets_new(const struct preset_spec *specs, size_t n, preset_fault_fn on_fault,
                            void *ctx)
{
    struct presets *all = mem_calloc(1, sizeof(*all));
    struct compiler c = {.on_fault = on_fault, .ctx = ctx};

    all->items = mem_calloc(n + 1, sizeof(*all->items));
    for (; all->n < n; all->n++)
        init_preset(&c, &all->items[all->n], &specs[all->n]);
    return c.has_failed ? presets_free(all) : all;
}

static void deinit_preset(struct preset *p)
{
    for (size_t i = 0; i < p->spec->n_fields; i++)
        mem_free(p->fields[i].items);
    for (size_t i = 0; i < p->spec->n_outputs; i++)
        cel_free(p->outputs[i].program);
    cel_free(p->when);
    mem_free(p->fields);
    mem_free(p->outputs);
}

struct presets *presets_free(struct presets *all)
{
    if (!all)
        return NULL;
    for (size_t i = 0; i < all->n; i++)
        deinit_preset(&all->items[i]);
    mem_free(all->items);
    return mem_free(all);
}
