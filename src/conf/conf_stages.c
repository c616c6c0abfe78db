/* SPDX-License-Identifier: Apache-2.0 */
/* The sections `stages`, `silences` and `sources`: lists of mappings, one after the other into the
 * spec. */
#include "conf/conf_private.h"

#include "base/mem.h"

#define EXPRESSION_MAX 8192
#define STAY_MAX_MS    (100000LL * 86400000)

static const char *const severities[] = {"info", "warning", "critical", NULL};

/* ---- stages ---- */

struct stage_form {
    struct stage_spec spec;
    int severity;
};

#define STAGE_TEXT(key, longest, text)                                                             \
    {                                                                                              \
        .name = #key, .type = CONF_TEXT, .offset = offsetof(struct stage_form, spec.key),          \
        .min = 1, .max = (longest), .help = text                                                   \
    }

const struct conf_key conf_keys_stage[] = {
    {.name = "name",
     .type = CONF_NAME,
     .offset = offsetof(struct stage_form, spec.name),
     .min = 1,
     .max = 58,
     .chars = "A0_.-",
     .is_required = true,
     .help = "letters, digits, '_', '.' and '-'"},
    {.name = "enter",
     .type = CONF_TEXT,
     .offset = offsetof(struct stage_form, spec.enter),
     .min = 1,
     .max = EXPRESSION_MAX,
     .is_required = true,
     .help = "write when it begins, as a condition"},
    STAGE_TEXT(exit, EXPRESSION_MAX, "ends when this holds; by default when `enter` does not"),
    {.name = "min_stay",
     .type = CONF_DURATION,
     .offset = offsetof(struct stage_form, spec.min_stay_ms),
     .max = STAY_MAX_MS,
     .help = "is not left before"},
    {.name = "severity",
     .type = CONF_CHOICE,
     .offset = offsetof(struct stage_form, severity),
     .choices = severities,
     .def = "info",
     .help = "info, warning or critical"},
    STAGE_TEXT(route, 256, "the process that should know"),
    STAGE_TEXT(action, 4096, "what to do when it is reached, as a template"),
    CONF_KEY_END,
};

/* False: not clear enough for the engine to look at it. */
static bool read_stage(struct conf_reader *reader, const struct conf_node *map,
                       struct stage_spec *ret_spec)
{
    struct stage_form form = {.severity = 0};
    const struct conf_node *name = conf_map_get(map, "name");

    conf_keys_set_defaults(conf_keys_stage, &form);
    (void)conf_keys_read(reader, conf_keys_stage, map, &form);
    if (form.spec.name.len && strchr("_.-", form.spec.name.ptr[0])) {
        conf_fault_node(reader, name, "name: must begin with a letter or a digit");
        return false;
    }
    form.spec.severity = str_of(severities[form.severity]);
    *ret_spec = form.spec;
    return form.spec.name.len && form.spec.enter.len;
}

void conf_read_stages(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    struct conf_private *p = base;
    struct conf_origin *origins;
    struct stage_spec *stages;
    size_t n = 0;

    if (node->type != CONF_NODE_LIST)
        return conf_fault_node(reader, node,
                               "stages: expected a list of `- name: ...`; [] for none");
    if (node->n > MODEL_STAGES_MAX)
        return conf_fault_node(reader, node, "stages: more than %d", MODEL_STAGES_MAX);
    stages = conf_keep(p, mem_calloc(node->n + 1, sizeof(*stages)));
    origins = conf_keep(p, mem_calloc(node->n + 1, sizeof(*origins)));
    for (size_t i = 0; i < node->n; i++) {
        const struct conf_node *name = conf_map_get(node->items[i], "name");

        origins[n] =
            (struct conf_origin){.name = name ? name : node->items[i], .value = node->items[i]};
        n += read_stage(reader, node->items[i], &stages[n]);
    }
    p->conf.spec.stages = stages;
    p->conf.spec.n_stages = n;
    p->stage_origins = origins;
}

/* ---- silences ---- */

#define MATCHER(key, text)                                                                         \
    {                                                                                              \
        .name = #key, .type = CONF_TEXT, .offset = offsetof(struct silence_spec, key), .min = 1,   \
        .max = EVENT_SUBJECT_MAX_BYTES, .help = text                                               \
    }

const struct conf_key conf_keys_silence[] = {
    MATCHER(rule, "a rule's name; a '*' at the end stands for anything"),
    MATCHER(severity, "info, warning or critical"),
    MATCHER(route, "a route"),
    MATCHER(kind, "a kind of stakeholder"),
    MATCHER(account, "an account"),
    MATCHER(stakeholder, "a stakeholder's id"),
    {.name = "author",
     .type = CONF_TEXT,
     .offset = offsetof(struct silence_spec, author),
     .min = 1,
     .max = 256,
     .is_required = true,
     .help = "write who silences"},
    {.name = "reason",
     .type = CONF_TEXT,
     .offset = offsetof(struct silence_spec, reason),
     .min = 1,
     .max = 1024,
     .is_required = true,
     .help = "write why"},
    {.name = "until",
     .type = CONF_INSTANT,
     .offset = offsetof(struct silence_spec, until_ms),
     .is_required = true,
     .help = "write when it ends, such as until: 2026-05-01T08:00:00Z"},
    CONF_KEY_END,
};

static bool has_matcher(const struct silence_spec *s)
{
    return s->rule.len || s->severity.len || s->route.len || s->kind.len || s->account.len ||
           s->stakeholder.len;
}

void conf_read_silences(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    struct conf_private *p = base;
    struct silence_spec *silences;

    if (node->type != CONF_NODE_LIST)
        return conf_fault_node(reader, node,
                               "silences: expected a list of `- rule: ...`; [] for none");
    if (node->n > MODEL_SILENCES_MAX)
        return conf_fault_node(reader, node, "silences: more than %d", MODEL_SILENCES_MAX);
    silences = conf_keep(p, mem_calloc(node->n + 1, sizeof(*silences)));
    for (size_t i = 0; i < node->n; i++) {
        conf_keys_set_defaults(conf_keys_silence, &silences[i]);
        if (conf_keys_read(reader, conf_keys_silence, node->items[i], &silences[i]) &&
            !has_matcher(&silences[i]))
            conf_fault_node(reader, node->items[i],
                            "the silence is of everything: say of what, such as rule: \"*\"");
    }
    p->conf.spec.silences = silences;
    p->conf.spec.n_silences = node->n;
}

/* ---- sources ---- */

#define CHANNELS_MAX 100

/* One name, or a list of them. */
static void read_channels(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    struct source_spec *source = base;
    bool is_list = node->type == CONF_NODE_LIST;
    size_t n = is_list ? node->n : 1;
    struct str *channels = conf_keep(reader->conf->private, mem_calloc(n + 1, sizeof(*channels)));

    if (n > CHANNELS_MAX)
        return conf_fault_node(reader, node, "channels: more than %d", CHANNELS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (!conf_read_text(reader, "channels", is_list ? node->items[i] : node, &channels[i]))
            return;
    }
    source->channels = channels;
    source->n_channels = n;
}

const struct conf_key conf_keys_source[] = {
    {.name = "name",
     .type = CONF_NAME,
     .offset = offsetof(struct source_spec, name),
     .min = 1,
     .max = 64,
     .chars = "A0_.-",
     .is_required = true,
     .help = "letters, digits, '_', '.' and '-'"},
    {.name = "source",
     .type = CONF_TEXT,
     .offset = offsetof(struct source_spec, source),
     .min = 1,
     .max = 1024,
     .is_required = true,
     .help = "write the CloudEvents source of its events; a '*' at the end stands for anything"},
    {.name = "heartbeat",
     .type = CONF_DURATION,
     .offset = offsetof(struct source_spec, heartbeat_ms),
     .min = 1000,
     .max = STAY_MAX_MS,
     .is_required = true,
     .help = "write after how long without any event it counts as silent, such as heartbeat: 15m"},
    {.name = "channels",
     .type = CONF_CUSTOM,
     .read = read_channels,
     .help = "whose answers it brings; by default all"},
    {.name = "route",
     .type = CONF_TEXT,
     .offset = offsetof(struct source_spec, route),
     .min = 1,
     .max = 256,
     .help = "the process that should look after it"},
    CONF_KEY_END,
};

static bool is_source_taken(const struct source_spec *sources, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++) {
        if (name.len && str_eq(sources[i].name, name))
            return true;
    }
    return false;
}

void conf_read_sources(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    struct conf_private *p = base;
    struct source_spec *sources;

    if (node->type != CONF_NODE_LIST)
        return conf_fault_node(reader, node,
                               "sources: expected a list of `- name: ...`; [] for none");
    if (node->n > MODEL_SOURCES_MAX)
        return conf_fault_node(reader, node, "sources: more than %d", MODEL_SOURCES_MAX);
    sources = conf_keep(p, mem_calloc(node->n + 1, sizeof(*sources)));
    for (size_t i = 0; i < node->n; i++) {
        (void)conf_keys_read(reader, conf_keys_source, node->items[i], &sources[i]);
        if (is_source_taken(sources, i, sources[i].name))
            conf_fault_node(reader, conf_map_get(node->items[i], "name"),
                            "name: there is a source of this name already");
    }
    p->conf.spec.sources = sources;
    p->conf.spec.n_sources = node->n;
}
