/* SPDX-License-Identifier: Apache-2.0 */
/* Two metrics over one selector share a keep unless one is a windowed extreme and one is not. */
#include "engine/model_keep.h"

#include "base/mem.h"

#define CAP_MAX 1e100

const char *model_keep_fault(const struct metric_spec *spec, const char **ret_field)
{
    static const char *const undecayed[] = {
        [AGGREGATE_MIN] = "min goes with window or nothing, not half_life: write window, or leave "
                          "it out",
        [AGGREGATE_MAX] = "max goes with window or nothing, not half_life: write window, or leave "
                          "it out",
        [AGGREGATE_LAST] = "last goes with window or nothing, not half_life: write window, or "
                           "leave it out",
        [AGGREGATE_DISTINCT] = "distinct goes with window or nothing, not half_life: write window, "
                               "or leave it out",
        [AGGREGATE_DISTINCT_DAYS] = "distinct_days goes with window or nothing, not half_life: "
                                    "write window, or leave it out",
    };

    if (model_is_kept(spec->aggregate) && spec->reach == REACH_HALF_LIFE) {
        *ret_field = "half_life";
        return undecayed[spec->aggregate];
    }
    *ret_field = "cap";
    if (spec->cap.length_ms && spec->aggregate != AGGREGATE_SUM)
        return "goes with sum: write sum: EXPRESSION, or leave it out";
    if (spec->cap.length_ms &&
        !(spec->cap.length_ms >= 1000 && spec->cap.at_most > 0 && spec->cap.at_most <= CAP_MAX))
        return "write {per: day, at: 10}: at least 1s, and more than 0";
    return NULL;
}

bool model_keep_takes(const struct cel_program *value)
{
    enum cel_type type = cel_result_type(value);

    return type == CEL_STRING || type == CEL_INT || type == CEL_DOUBLE || type == CEL_BOOL ||
           type == CEL_DYN;
}

void model_keep_canonical(const struct metric_spec *spec, struct buf *out)
{
    if (spec->aggregate == AGGREGATE_DISTINCT)
        buf_add_str(out, STR("|distinct"));
    if (!spec->cap.length_ms)
        return;
    buf_add_str(out, STR("|cap "));
    buf_add_double(out, spec->cap.at_most);
    buf_addf(out, " per %lld from %lld", (long long)spec->cap.length_ms,
             (long long)spec->cap.from_ms);
}

static uint16_t add_keep(struct model *m, uint16_t selector, enum keep_kind kind)
{
    struct buf text = BUF_INIT;
    struct keep_def *def;

    for (size_t i = 0; i < m->n_keeps; i++) {
        if (m->keeps[i].selector == selector && m->keeps[i].kind == kind)
            return (uint16_t)i;
    }
    mem_grow(&m->keeps, &m->cap_keeps, m->n_keeps, sizeof(*m->keeps));
    def = &m->keeps[m->n_keeps];
    buf_addf(&text, "%u|%d", m->selectors[selector].tag, (int)kind);
    *def = (struct keep_def){
        .selector = selector, .kind = kind, .tag = (uint32_t)hash64(text.ptr, text.len, 0)};
    buf_deinit(&text);
    return (uint16_t)m->n_keeps++;
}

static enum keep_kind kind_of(const struct metric *metric)
{
    bool is_window = metric->reach == REACH_WINDOW;

    switch (metric->aggregate) {
    case AGGREGATE_MIN:
        return is_window ? KEEP_LOWS : KEEP_LEAST;
    case AGGREGATE_MAX:
        return is_window ? KEEP_HIGHS : KEEP_MOST;
    case AGGREGATE_LAST:
        return KEEP_LATEST;
    case AGGREGATE_DISTINCT:
        return KEEP_VALUES;
    default:
        return KEEP_DAYS;
    }
}

void model_keep_use(struct model *m, struct metric *metric)
{
    int64_t reach_ms = metric->reach == REACH_WINDOW ? metric->reach_ms : INT64_MAX;

    metric->keep = MODEL_NONE;
    if (!model_is_kept(metric->aggregate))
        return;
    metric->keep = add_keep(m, metric->selector, kind_of(metric));
    if (m->keeps[metric->keep].longest_ms < reach_ms)
        m->keeps[metric->keep].longest_ms = reach_ms;
}

void model_keep_use_cap(struct model *m, uint16_t selector, const struct metric_spec *spec)
{
    if (!spec->cap.length_ms)
        return;
    m->selectors[selector].cap = spec->cap;
    m->selectors[selector].cap_keep = add_keep(m, selector, KEEP_CAP);
}
