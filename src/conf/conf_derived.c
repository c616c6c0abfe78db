/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The section `derived:`, which says how derived values are computed and which are kept though no
 * rule reads them. All of it decides triggers: conf_derived_text() writes it whole, since the rows
 * of a map within a map are not written by themselves.
 */
#include "conf/conf_private.h"

#include "base/mem.h"
#include "base/parse.h"

#define SECOND_MS      1000LL
#define HOUR_MS        (3600 * SECOND_MS)
#define DAY_MS         (24 * HOUR_MS)
#define LONGEST_MS     (100000 * DAY_MS)
#define ITEMS_MAX      64
#define NAME_BYTES_MAX 64
#define AT(field)      offsetof(struct conf_private, field)

static bool is_list(struct conf_reader *reader, const struct conf_node *node, const char *what,
                    const char *example)
{
    if (node->type != CONF_NODE_LIST)
        conf_fault_node(reader, node, "%s: expected a list such as %s; [] for none", what, example);
    else if (node->n > ITEMS_MAX)
        conf_fault_node(reader, node, "%s: more than %d", what, ITEMS_MAX);
    else
        return true;
    return false;
}

static void read_keep(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    static const struct conf_key key = {
        .name = "keep", .type = CONF_CHOICE, .choices = derived_group_names};
    struct conf_private *p = base;

    if (!is_list(reader, node, "keep", "[balance, cadence]"))
        return;
    for (size_t i = 0; i < node->n; i++) {
        int group;

        if (conf_key_read(reader, &key, node->items[i], &group))
            p->derived.keep |= 1u << group;
    }
}

static void read_dimensions(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    static const struct conf_key key = {
        .name = "dimensions", .type = CONF_TEXT, .min = 1, .max = NAME_BYTES_MAX};
    struct conf_private *p = base;
    struct str *names;
    bool ok = true;

    if (!is_list(reader, node, "dimensions", "[advocacy, delight]"))
        return;
    names = conf_keep(p, mem_calloc(node->n + 1, sizeof(*names)));
    for (size_t i = 0; i < node->n; i++)
        ok &= conf_key_read(reader, &key, node->items[i], &names[i]);
    p->derived.dimensions = names;
    p->derived.n_dimensions = ok ? node->n : 0;
}

static void read_kinds(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    static const struct conf_key name_key = {
        .name = "kinds", .type = CONF_TEXT, .min = 1, .max = EVENT_SUBJECT_MAX_BYTES};
    static const struct conf_key gap_key = {
        .name = "kinds", .type = CONF_DURATION, .min = SECOND_MS, .max = LONGEST_MS};
    struct conf_private *p = base;
    struct cadence_kind_spec *kinds;
    size_t n = 0;

    if (node->type != CONF_NODE_MAP)
        return conf_fault_node(reader, node,
                               "kinds: expected a mapping such as {customer: 14d}; {} for none");
    if (node->n > ITEMS_MAX)
        return conf_fault_node(reader, node, "kinds: more than %d", ITEMS_MAX);
    kinds = conf_keep(p, mem_calloc(node->n + 1, sizeof(*kinds)));
    for (size_t i = 0; i < node->n; i++) {
        bool ok = conf_key_read(reader, &name_key, conf_map_key(node, i), &kinds[n].kind);

        n += conf_key_read(reader, &gap_key, conf_map_value(node, i), &kinds[n].prior_ms) && ok;
    }
    p->derived.kinds = kinds;
    p->derived.n_kinds = n;
}

static const struct conf_key keys_cadence[] = {
    {.name = "floor",
     .type = CONF_DURATION,
     .offset = AT(derived.cadence_floor_ms),
     .min = SECOND_MS,
     .max = LONGEST_MS,
     .def = "1h",
     .help = "shorter gaps count as this"},
    {.name = "prior",
     .type = CONF_DURATION,
     .offset = AT(derived.cadence_prior_ms),
     .min = SECOND_MS,
     .max = LONGEST_MS,
     .def = "7d",
     .help = "the gap that is assumed before any is known"},
    {.name = "weight",
     .type = CONF_NUMBER,
     .offset = AT(derived.cadence_weight),
     .min = 1,
     .max = 1000,
     .def = "2",
     .help = "how many gaps that assumption weighs"},
    {.name = "kinds",
     .type = CONF_CUSTOM,
     .read = read_kinds,
     .help = "the gap that is assumed of stakeholders of a kind"},
    CONF_KEY_END,
};

const struct conf_key conf_keys_derived[] = {
    {.name = "half_life",
     .type = CONF_DURATION,
     .offset = AT(derived.half_life_ms),
     .min = HOUR_MS,
     .max = LONGEST_MS,
     .def = "90d",
     .help = "what is that old counts half"},
    {.name = "pressure_window",
     .type = CONF_DURATION,
     .offset = AT(derived.pressure_window_ms),
     .min = SECOND_MS,
     .max = LONGEST_MS,
     .def = "7d",
     .help = "how far pressure.recent looks back"},
    {.name = "keep",
     .type = CONF_CUSTOM,
     .read = read_keep,
     .help = "groups that are kept, and shown, though no rule reads them"},
    {.name = "dimensions",
     .type = CONF_CUSTOM,
     .read = read_dimensions,
     .help = "what measures are of; measures of others are counted, and ignored"},
    {.name = "cadence",
     .type = CONF_MAP,
     .keys = keys_cadence,
     .help = "the rhythm that stakeholders are held against"},
    CONF_KEY_END,
};

void conf_derived_complete(struct conf_private *p)
{
    if (p->derived.dimensions)
        return;
    p->derived.dimensions = derived_defaults.dimensions;
    p->derived.n_dimensions = derived_defaults.n_dimensions;
}

void conf_derived_fault(struct conf_reader *reader, const struct conf_private *p,
                        const struct model_fault *fault)
{
    const struct conf_section *section = conf_section_get(p, "derived");
    const struct conf_node *node = section->value;
    const struct conf_node *items = node ? conf_map_get(node, fault->field) : NULL;

    ENSURE(node); /* the defaults have no faults */
    if (items && items->type == CONF_NODE_LIST && fault->index < items->n)
        node = items->items[fault->index];
    conf_fault_node(reader, node, "%s: %s", fault->field, fault->text);
}

/* ---- the canonical form ---- */

static void add_keep(const struct derived_spec *spec, struct buf *b)
{
    const char *between = "";

    buf_add_str(b, STR(", keep: ["));
    for (unsigned g = 0; g < N_DERIVED_GROUPS; g++) {
        if (!(spec->keep >> g & 1))
            continue;
        buf_addf(b, "%s%s", between, derived_group_names[g]);
        between = ", ";
    }
    buf_add_char(b, ']');
}

static void add_dimensions(const struct derived_spec *spec, struct buf *b)
{
    buf_add_str(b, STR(", dimensions: ["));
    for (size_t i = 0; i < spec->n_dimensions; i++) {
        buf_add_str(b, i ? STR(", ") : STR(""));
        conf_text_add(b, spec->dimensions[i]);
    }
    buf_add_char(b, ']');
}

static void add_cadence(const struct derived_spec *spec, struct buf *b)
{
    buf_add_str(b, STR(", cadence: {floor: "));
    format_duration_exact(b, spec->cadence_floor_ms);
    buf_add_str(b, STR(", prior: "));
    format_duration_exact(b, spec->cadence_prior_ms);
    buf_add_str(b, STR(", weight: "));
    buf_add_double(b, spec->cadence_weight);
    buf_add_str(b, STR(", kinds: {"));
    for (size_t i = 0; i < spec->n_kinds; i++) {
        buf_add_str(b, i ? STR(", ") : STR(""));
        conf_text_add(b, spec->kinds[i].kind);
        buf_add_str(b, STR(": "));
        format_duration_exact(b, spec->kinds[i].prior_ms);
    }
    buf_add_str(b, STR("}}"));
}

void conf_derived_text(const struct derived_spec *spec, struct buf *b)
{
    buf_add_str(b, STR("derived: {half_life: "));
    format_duration_exact(b, spec->half_life_ms);
    buf_add_str(b, STR(", pressure_window: "));
    format_duration_exact(b, spec->pressure_window_ms);
    add_keep(spec, b);
    add_dimensions(spec, b);
    add_cadence(spec, b);
    buf_add_str(b, STR("}\n"));
}
