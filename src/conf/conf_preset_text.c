/* SPDX-License-Identifier: Apache-2.0 */
/* The section `presets` of the canonical text: as it was read, in the order in which it counts. */
#include "conf/conf_private.h"

#include "codec/preset.h"

static void write_texts(struct buf *b, const struct str *items, size_t n)
{
    buf_add_char(b, '[');
    for (size_t i = 0; i < n; i++) {
        buf_add_str(b, i ? STR(", ") : STR_NULL);
        conf_text_add(b, items[i]);
    }
    buf_add_char(b, ']');
}

/* With values, or the pointers to what only has to be there. */
static void write_conditions(struct buf *b, const char *name,
                             const struct preset_condition *conditions, size_t n, bool has_values)
{
    size_t n_written = 0;

    for (size_t i = 0; i < n; i++) {
        if ((conditions[i].n_values > 0) != has_values)
            continue;
        if (!n_written)
            buf_addf(b, "%s%s: %c", b->ptr[b->len - 1] == '{' ? "" : ", ", name,
                     has_values ? '{' : '[');
        buf_add_str(b, n_written++ ? STR(", ") : STR_NULL);
        conf_text_add(b, conditions[i].at);
        if (has_values) {
            buf_add_str(b, STR(": "));
            write_texts(b, conditions[i].values, conditions[i].n_values);
        }
    }
    if (n_written)
        buf_add_char(b, has_values ? '}' : ']');
}

static void write_fields(struct buf *b, const struct preset_spec *spec)
{
    buf_add_str(b, spec->n_fields ? STR(", fields: {") : STR_NULL);
    for (size_t i = 0; i < spec->n_fields; i++) {
        const struct preset_field *f = &spec->fields[i];

        buf_add_str(b, i ? STR(", ") : STR_NULL);
        conf_text_add(b, f->name);
        buf_add_str(b, STR(": {pointer: "));
        write_texts(b, f->pointers, f->n_pointers);
        buf_addf(b, ", type: %s", conf_preset_types[f->type]);
        if (f->has_default) {
            buf_add_str(b, STR(", default: "));
            conf_text_add(b, f->def);
        }
        buf_add_char(b, '}');
    }
    buf_add_str(b, spec->n_fields ? STR("}") : STR_NULL);
}

static void write_pair(struct buf *b, struct str name, struct str text)
{
    if (b->ptr[b->len - 1] != '{')
        buf_add_str(b, STR(", "));
    conf_text_add(b, name);
    buf_add_str(b, STR(": "));
    conf_text_add(b, text);
}

static void write_outputs(struct buf *b, const struct preset_spec *spec)
{
    struct str parent = STR_NULL;
    size_t i = 0;

    for (; i < spec->n_outputs && !spec->outputs[i].is_data; i++)
        write_pair(b, spec->outputs[i].name, spec->outputs[i].text);
    if (i == spec->n_outputs)
        return;
    buf_add_str(b, STR(", data: {"));
    for (; i < spec->n_outputs; i++) {
        const struct preset_output *o = &spec->outputs[i];

        if (!str_eq(o->parent, parent)) {
            buf_add_str(b, parent.len ? STR("}") : STR_NULL);
            if (o->parent.len) {
                buf_add_str(b, b->ptr[b->len - 1] == '{' ? STR_NULL : STR(", "));
                conf_text_add(b, o->parent);
                buf_add_str(b, STR(": {"));
            }
            parent = o->parent;
        }
        write_pair(b, o->name, o->text);
    }
    buf_add_str(b, parent.len ? STR("}}") : STR("}"));
}

void conf_preset_write(struct buf *b, const struct conf *conf)
{
    buf_add_str(b, conf->n_presets ? STR("presets:\n") : STR_NULL);
    for (size_t i = 0; i < conf->n_presets; i++) {
        const struct preset_spec *spec = &conf->preset_specs[i];

        buf_add_str(b, STR("  "));
        conf_text_add(b, spec->name);
        buf_add_str(b, STR(": {match: {"));
        write_conditions(b, "headers", spec->headers, spec->n_headers, true);
        write_conditions(b, "values", spec->values, spec->n_values, true);
        write_conditions(b, "has", spec->values, spec->n_values, false);
        buf_add_char(b, '}');
        write_fields(b, spec);
        if (spec->when.len) {
            buf_add_str(b, STR(", when: "));
            conf_text_add(b, spec->when);
        }
        write_outputs(b, spec);
        buf_add_str(b, STR("}\n"));
    }
}
