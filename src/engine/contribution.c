/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a metric's value is made of at an instant: what each event that is still known adds to it,
 * and the rest as a base, so that base + weights is the value that the trigger shows.
 *
 *   count, sum  weight = value * 2^(-(t - t_j) / H); without half-life the value itself
 *   mean        weight = value * 2^(-(t - t_j) / H) / decayed count
 */
#include "engine/engine_impl.h"
#include "engine/evidence.h"

#include <math.h>

/* Beyond rounding: what is less than that beside the value is nothing. */
#define BASE_LEAST 1e-12

/* Whether the value is a sum of what its events add. */
static bool is_sum(const struct metric *metric)
{
    return metric->aggregate == AGGREGATE_COUNT || metric->aggregate == AGGREGATE_SUM ||
           metric->aggregate == AGGREGATE_MEAN;
}

/* An event that was too late for a window's series is not in it, whenever it is read. */
static bool is_in_reach(const struct moment *at, const struct metric *metric, int64_t time_ms)
{
    const struct model *m = at->engine->model;
    uint16_t which = m->selectors[metric->selector].series;

    if (metric->reach != REACH_WINDOW)
        return true;
    if (time_ms <= at->now_ms - metric->reach_ms)
        return false;
    return which == MODEL_NONE ||
           series_has(&profile_series(at->profile)[which], m->series[which].has_values, time_ms);
}

/* What the sum of all events is divided by, as of the instant that share_of() decays to. */
static double divisor_of(const struct moment *at, const struct metric *metric)
{
    const struct model *m = at->engine->model;
    uint16_t which = m->selectors[metric->selector].series;

    if (metric->aggregate != AGGREGATE_MEAN)
        return 1;
    if (metric->reach != REACH_WINDOW)
        return at->profile->slots[metric->count_slot];
    return (double)series_after(&profile_series(at->profile)[which], m->series[which].has_values,
                                at->now_ms - metric->reach_ms)
        .n;
}

/* Numerator and denominator of a mean decay alike, and are kept as of ref_ms. */
static double share_of(const struct moment *at, const struct metric *metric, int64_t time_ms)
{
    int64_t half_life_ms = metric->reach == REACH_HALF_LIFE ? metric->reach_ms : 0;
    int64_t to_ms = metric->aggregate == AGGREGATE_MEAN ? at->profile->ref_ms : at->now_ms;

    return score_decay(half_life_ms, to_ms - time_ms);
}

static double number_of(const struct value *v)
{
    return v->type == VALUE_INT ? (double)v->i : v->d;
}

static double added_up(const struct contribution *c)
{
    double sum = c->base;

    for (size_t i = 0; i < c->n_events; i++)
        sum += c->events[i].weight;
    return sum;
}

/* What re-adds to the value: the first difference may be off by its own rounding. */
static void set_base(struct contribution *c, double value)
{
    c->base = 0;
    if (fabs(value - added_up(c)) <= fabs(value) * BASE_LEAST)
        return;
    for (int i = 0; i < 3; i++)
        c->base += value - added_up(c);
}

/* Oldest first. Returns the number of events. */
static size_t list_events(const struct moment *at, const struct metric *metric,
                          struct contributing_event *ret_events)
{
    const struct model *m = at->engine->model;
    double divisor = is_sum(metric) ? divisor_of(at, metric) : 1, v;
    size_t n = 0;

    for (size_t i = 0; i < refs_n_evidence(at->profile->refs); i++) {
        const struct event_ref ref = refs_get(at->profile->refs, i);

        if (!evidence_value(m, &ref, metric->selector, &v) || !is_in_reach(at, metric, ref.time_ms))
            continue;
        memmove(ret_events + 1, ret_events, n * sizeof(*ret_events));
        ret_events[0] = (struct contributing_event){
            .id = ref.id,
            .source = ref.source,
            .time_ms = ref.time_ms,
            .offset = ref.offset,
            .weight = is_sum(metric) ? (metric->aggregate == AGGREGATE_COUNT ? 1 : v) *
                                           (share_of(at, metric, ref.time_ms) / divisor)
                                     : 0};
        n++;
    }
    return n;
}

size_t contribution_list(struct engine *e, const struct moment *at, const struct rule *rule,
                         const struct named_value *values)
{
    const struct model *m = e->model;
    size_t n = 0;

    for (size_t i = 0; i < rule->n_reads && m->evidence_events; i++) {
        uint16_t var = rule->reads[i];
        struct contribution *c = &e->contributions[n];

        if (var >= m->n_metrics || values[i].value.type == VALUE_ABSENT)
            continue;
        c->metric = values[i].name;
        c->events = &e->listed[n * m->evidence_events];
        c->n_events = list_events(at, &m->metrics[var], &e->listed[n * m->evidence_events]);
        c->has_base = is_sum(&m->metrics[var]);
        c->base = 0;
        if (c->has_base)
            set_base(c, number_of(&values[i].value));
        n++;
    }
    return n;
}
