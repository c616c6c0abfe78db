/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: from their forms in the file to the engine's spec. What an expression means, and which
 * aggregate goes with which reach, is the engine's. */
#include "conf/conf_form.h"

#include "base/mem.h"
#include "base/parse.h"

#define METRICS_MAX 1000 /* what is compared in pairs, and kept per stakeholder */
#define CAP_MAX     1000000000000LL
#define DAY_MS      86400000LL

struct metric_form {
    bool count, distinct_days; /* preset to true: false is what the file said */
    struct str sum, mean, min, max, last, distinct, where;
    struct cap_spec cap;
    int64_t half_life_ms, window_ms;
};

/* In the order of enum aggregate. */
static const char *const aggregates[] = {"count", "sum",  "mean",     "min",
                                         "max",   "last", "distinct", "distinct_days"};

#define REACH(key, text)                                                                           \
    {                                                                                              \
        .name = #key, .type = CONF_DURATION, .offset = offsetof(struct metric_form, key##_ms),     \
        .min = REACH_MIN_MS, .max = REACH_MAX_MS, .help = text                                     \
    }

/* A length of time, or one of the calendar's that has a name; a week begins on Monday, in UTC. */
static void read_per(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    static const struct {
        const char *name;
        int64_t length_ms, from_ms;
    } named[] = {{"hour", DAY_MS / 24, 0}, {"day", DAY_MS, 0}, {"week", 7 * DAY_MS, 4 * DAY_MS}};
    struct metric_form *form = base;
    struct str text;
    int64_t ms;

    if (!conf_read_text(reader, "per", node, &text))
        return;
    for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
        if (!str_eq(text, str_of(named[i].name)))
            continue;
        form->cap.length_ms = named[i].length_ms;
        form->cap.from_ms = named[i].from_ms;
        return;
    }
    if (parse_duration(text, &ms) || ms < REACH_MIN_MS || ms > REACH_MAX_MS)
        return conf_fault_node(reader, node,
                               "per: expected hour, day, week or a duration from 1s to 100000d, "
                               "not '%.*s'",
                               STR_ARG(conf_clip(text)));
    form->cap.length_ms = ms;
}

static const struct conf_key keys_cap[] = {
    {.name = "per",
     .type = CONF_CUSTOM,
     .read = read_per,
     .is_required = true,
     .help = "write per: day, hour, week or a duration"},
    {.name = "at",
     .type = CONF_NUMBER,
     .offset = offsetof(struct metric_form, cap) + offsetof(struct cap_spec, at_most),
     .max = CAP_MAX,
     .is_required = true,
     .help = "write how much the interactions of that time add up to at most, such as at: 10"},
    CONF_KEY_END,
};

const struct conf_key conf_keys_metric[] = {
    {.name = "count",
     .type = CONF_BOOL,
     .offset = offsetof(struct metric_form, count),
     .help = "how many interactions"},
    EXPRESSION(metric_form, sum, "of an expression over the event"),
    EXPRESSION(metric_form, mean, "of an expression over the event"),
    EXPRESSION(metric_form, min, "the least of an expression over the event"),
    EXPRESSION(metric_form, max, "the greatest"),
    EXPRESSION(metric_form, last, "that of the latest event"),
    EXPRESSION(metric_form, distinct, "how many different values it has had"),
    {.name = "distinct_days",
     .type = CONF_BOOL,
     .offset = offsetof(struct metric_form, distinct_days),
     .help = "on how many days, in UTC"},
    {.name = "cap",
     .type = CONF_MAP,
     .keys = keys_cap,
     .help = "how much a sum may take from the interactions of one day or so"},
    EXPRESSION(metric_form, where, "only the interactions for which it holds"),
    REACH(half_life, "what is that old counts half"),
    REACH(window, "what is older does not count"),
    LATER("board"),
    CONF_KEY_END,
};

static void check_aggregate(struct conf_reader *reader, const struct conf_origin *origin,
                            const struct metric_form *form)
{
    const struct conf_node *count = conf_map_get(origin->value, "count");
    const struct conf_node *days = conf_map_get(origin->value, "distinct_days");
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(aggregates); i++)
        n += conf_map_get(origin->value, aggregates[i]) != NULL;
    if (n > 1)
        conf_fault_node(reader, origin->name,
                        "metric '%.*s': takes one of count, sum, mean, min, max, last, distinct "
                        "and distinct_days: write a metric for each",
                        STR_ARG(conf_clip(origin->name->text)));
    else if (!n)
        conf_fault_node(reader, origin->name,
                        "metric '%.*s': what it aggregates is missing: write count: true, sum: "
                        "EXPRESSION or mean: EXPRESSION",
                        STR_ARG(conf_clip(origin->name->text)));
    else if (count && !form->count)
        conf_fault_node(reader, count, "count: write true, or another aggregate");
    else if (days && !form->distinct_days)
        conf_fault_node(reader, days, "distinct_days: write true, or another aggregate");
}

static void check_metric(struct conf_reader *reader, const struct conf_origin *origin,
                         const struct metric_form *form)
{
    const struct conf_node *cap = conf_map_get(origin->value, "cap");

    check_aggregate(reader, origin, form);
    if (cap && form->cap.at_most == 0)
        conf_fault_node(reader, conf_map_get(cap, "at"), "at: must be more than 0");
    if (form->half_life_ms && form->window_ms)
        conf_fault_node(reader, origin->name,
                        "metric '%.*s': takes half_life or window, not both: write two metrics",
                        STR_ARG(conf_clip(origin->name->text)));
}

/* The first expression that the form has says what it aggregates. */
static enum aggregate aggregate_of(const struct metric_form *form, const struct conf_node *map,
                                   struct str *ret_value)
{
    const struct {
        enum aggregate aggregate;
        struct str text;
    } values[] = {{AGGREGATE_SUM, form->sum},   {AGGREGATE_MEAN, form->mean},
                  {AGGREGATE_MIN, form->min},   {AGGREGATE_MAX, form->max},
                  {AGGREGATE_LAST, form->last}, {AGGREGATE_DISTINCT, form->distinct}};

    *ret_value = STR_NULL;
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        if (!values[i].text.len)
            continue;
        *ret_value = values[i].text;
        return values[i].aggregate;
    }
    return conf_map_get(map, "distinct_days") ? AGGREGATE_DISTINCT_DAYS : AGGREGATE_COUNT;
}

static struct metric_spec metric_of_form(const struct conf_origin *origin,
                                         const struct metric_form *form)
{
    struct str value;
    enum aggregate aggregate = aggregate_of(form, origin->value, &value);

    return (struct metric_spec){
        .name = origin->name->text,
        .aggregate = aggregate,
        .value = value,
        .where = form->where,
        .reach = form->half_life_ms ? REACH_HALF_LIFE
                 : form->window_ms  ? REACH_WINDOW
                                    : REACH_EVER,
        .reach_ms = form->half_life_ms ? form->half_life_ms : form->window_ms,
        .cap = form->cap.at_most > 0 ? form->cap : (struct cap_spec){.length_ms = 0},
    };
}

/* A metric with a fault still goes to the engine, as far as it is clear what was meant: its
 * expressions are looked at, and the rules that read it are not blamed for it. */
static void read_metric(struct conf_reader *reader, const struct conf_origin *origin,
                        struct metric_spec *ret_spec)
{
    struct metric_form form = {.count = true, .distinct_days = true, .cap = {.at_most = -1}};

    (void)conf_keys_read(reader, conf_keys_metric, origin->value, &form);
    if (origin->value->type == CONF_NODE_MAP && !conf_has_later(conf_keys_metric, origin->value))
        check_metric(reader, origin, &form);
    *ret_spec = metric_of_form(origin, &form);
}

void conf_read_metrics(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    struct conf_private *p = base;
    struct conf_origin *origins;
    struct metric_spec *metrics;

    if (!conf_is_map_of(reader, node, "metrics", "{involvement: {sum: weight, half_life: 7d}}"))
        return;
    if (node->n > METRICS_MAX)
        return conf_fault_node(reader, node, "metrics: more than %d", METRICS_MAX);
    metrics = conf_keep(p, mem_calloc(node->n + 1, sizeof(*metrics)));
    origins = conf_keep(p, mem_calloc(node->n + 1, sizeof(*origins)));
    for (size_t i = 0; i < node->n; i++) {
        origins[i] =
            (struct conf_origin){.name = conf_map_key(node, i), .value = conf_map_value(node, i)};
        read_metric(reader, &origins[i], &metrics[i]);
    }
    p->conf.spec.metrics = metrics;
    p->conf.spec.n_metrics = node->n;
    p->metric_origins = origins;
}
