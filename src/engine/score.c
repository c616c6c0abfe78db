/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rolls over a stakeholder's interactions, and how it reads at an instant.
 *
 * Decayed sum at t: sum over events j of w_j * 2^(-(t - t_j) / H). It is kept as its value at
 * ref_ms, the time of the latest event; all sums of one half-life are brought forward by one
 * factor. Window at t: the events with t - W < t_j <= t, read from the selector's series.
 */
#include "engine/engine_impl.h"
#include "engine/evidence.h"
#include "engine/exp2.h"
#include "engine/keeps.h"
#include "engine/selection.h"
#include "engine/stage.h"

#include <math.h>

/* Own arithmetic is right to a few units in the last place; a range is widened by more than that.
 */
#define RANGE_SLACK 1e-13
/* A sum that has faded so far may soon be nothing, and a mean of it no value. */
#define FADED 1e-200

double score_decay(int64_t half_life_ms, int64_t elapsed_ms)
{
    if (half_life_ms == 0 || elapsed_ms <= 0)
        return 1;
    return exp2_of(-(double)elapsed_ms / (double)half_life_ms);
}

/* ---------------------------------------------------------------- an event as CEL reads it */

struct event_reading {
    const struct model *model;
    const struct event *event;
    const struct verb_spec *verb;
    struct cel_value communities[EVENT_COMMUNITIES_MAX]; /* set when they are read */
};

static void begin_reading(struct event_reading *r, const struct model *m, const struct event *event)
{
    r->model = m;
    r->event = event;
    r->verb = model_find_verb(m, event->verb);
}

static bool give_text(struct str s, struct cel_value *ret_value)
{
    *ret_value = (struct cel_value){.type = CEL_STRING, .s = s};
    return s.len > 0;
}

static bool give_double(bool has, double v, struct cel_value *ret_value)
{
    *ret_value = (struct cel_value){.type = CEL_DOUBLE, .d = v};
    return has;
}

static bool give_bool(bool v, struct cel_value *ret_value)
{
    *ret_value = (struct cel_value){.type = CEL_BOOL, .b = v};
    return true;
}

static bool give_int(int64_t v, struct cel_value *ret_value)
{
    *ret_value = (struct cel_value){.type = CEL_INT, .i = v};
    return true;
}

static bool give_communities(struct event_reading *r, struct cel_value *ret_value)
{
    for (size_t i = 0; i < r->event->n_communities; i++)
        (void)give_text(r->event->communities[i], &r->communities[i]);
    *ret_value = (struct cel_value){.type = CEL_LIST};
    ret_value->list.items = r->communities;
    ret_value->list.n = r->event->n_communities;
    return true;
}

static double weight_of(const struct event_reading *r)
{
    return r->event->has_weight ? r->event->weight : r->verb ? r->verb->weight : 1;
}

static struct str direction_text(enum direction direction)
{
    static const struct str texts[] = {{"inbound", 7}, {"outbound", 8}, {"peer", 4}};

    return texts[direction];
}

static bool get_event_var(void *ctx, unsigned var, struct cel_value *ret_value)
{
    struct event_reading *r = ctx;
    const struct event *e = r->event;

    switch ((enum event_var)var) {
    case EVENT_VAR_DIRECTION:
        return give_text(direction_text(e->direction), ret_value);
    case EVENT_VAR_VERB:
        return give_text(e->verb, ret_value);
    case EVENT_VAR_CHANNEL:
        return give_text(e->channel, ret_value);
    case EVENT_VAR_CONVERSATION:
        return give_text(e->conversation, ret_value);
    case EVENT_VAR_IN_REPLY_TO:
        return give_text(e->in_reply_to, ret_value);
    case EVENT_VAR_ORG:
        return give_text(e->org, ret_value);
    case EVENT_VAR_KIND:
        return give_text(e->kind, ret_value);
    case EVENT_VAR_ACCOUNT:
        return give_text(e->account, ret_value);
    case EVENT_VAR_ACTOR:
        return give_text(e->actor, ret_value);
    case EVENT_VAR_COUNTERPART:
        return give_text(e->counterpart, ret_value);
    case EVENT_VAR_INTENT:
        return give_text(e->intent, ret_value);
    case EVENT_VAR_COMMUNITIES:
        return give_communities(r, ret_value);
    case EVENT_VAR_SENTIMENT:
        return give_double(e->has_sentiment, e->sentiment, ret_value);
    case EVENT_VAR_WEIGHT:
        return give_double(true, weight_of(r), ret_value);
    case EVENT_VAR_VALUE:
        return give_double(e->has_value, e->value, ret_value);
    case EVENT_VAR_EXPECTS_REPLY:
        return give_bool(model_expects_reply(e, r->verb), ret_value);
    case EVENT_VAR_RESOLVES:
        return give_bool(e->resolves, ret_value);
    case EVENT_VAR_AUTOMATIC:
        return give_bool(e->automatic, ret_value);
    case EVENT_VAR_ID:
        return give_text(e->id, ret_value);
    case EVENT_VAR_SOURCE:
        return give_text(e->source, ret_value);
    case EVENT_VAR_SUBJECT:
        return give_text(e->subject, ret_value);
    case EVENT_VAR_TIME:
        *ret_value = (struct cel_value){.type = CEL_TIMESTAMP, .i = e->time_ms};
        return true;
    case N_EVENT_VARS:
        break;
    }
    return false;
}

/* ---------------------------------------------------------------- an event is added */

bool score_bring_forward(struct engine *e, struct profile *p, int64_t time_ms)
{
    const struct model *m = e->model;
    bool has_faded = false;

    if (p->ref_ms == INT64_MIN || p->ref_ms >= time_ms) {
        p->ref_ms = p->ref_ms == INT64_MIN ? time_ms : p->ref_ms;
        return false;
    }
    for (size_t g = 0; g < m->n_groups; g++) {
        const struct decay_group *group = &m->groups[g];
        double factor = score_decay(group->half_life_ms, time_ms - p->ref_ms);

        for (size_t i = 0; group->half_life_ms && i < group->n_slots; i++) {
            double *slot = &p->slots[group->first_slot + i];

            has_faded |= *slot != 0 && fabs(*slot) * factor < FADED;
            *slot *= factor;
        }
    }
    p->ref_ms = time_ms;
    return has_faded;
}

/* Seeds of keys, which are in packed state. */
enum { KEY_TEXT = 1, KEY_WHOLE, KEY_REAL, KEY_BOOL };

static uint64_t key_of_bits(uint64_t bits, uint64_t seed)
{
    unsigned char bytes[8];

    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(bits >> (8 * i));
    return hash64(bytes, sizeof(bytes), seed);
}

static uint64_t key_of_double(double v)
{
    uint64_t bits;

    if (v >= -9e18 && v <= 9e18 && v == (double)(int64_t)v)
        return key_of_bits((uint64_t)(int64_t)v, KEY_WHOLE);
    memcpy(&bits, &v, sizeof(bits));
    return key_of_bits(bits, KEY_REAL);
}

/* What tells values apart: equal ones, as CEL has it (1 == 1.0), have the same key. */
static int key_of(const struct cel_value *v, uint64_t *ret_key)
{
    switch (v->type) {
    case CEL_STRING:
        *ret_key = hash64(v->s.ptr, v->s.len, KEY_TEXT);
        return 0;
    case CEL_BOOL:
        *ret_key = key_of_bits(v->b, KEY_BOOL);
        return 0;
    case CEL_INT:
        *ret_key = key_of_bits((uint64_t)v->i, KEY_WHOLE);
        return 0;
    case CEL_DOUBLE:
        *ret_key = key_of_double(v->d);
        return isnan(v->d) ? CEL_E_ERROR : 0;
    default:
        return CEL_E_ERROR;
    }
}

bool score_where(const struct model *m, const struct cel_logic_node *where,
                 const struct event *event)
{
    struct event_reading r;

    begin_reading(&r, m, event);
    return selection_holds(where, get_event_var, &r);
}

static int value_of(const struct selector *s, struct event_reading *r, struct cel_value *ret_value)
{
    switch (s->way) {
    case VALUE_BY_VARIABLE:
        return get_event_var(r, s->value_var, ret_value) ? 0 : CEL_E_ABSENT;
    case VALUE_BY_CONSTANT:
        return give_double(true, s->value_constant, ret_value) ? 0 : CEL_E_ABSENT;
    case VALUE_BY_PROGRAM:
        break;
    }
    return cel_eval(s->value, get_event_var, r, ret_value);
}

/* Whether the selector takes the event, and as what. A value that is absent, cannot be computed, or
 * is so large that sums could overflow does not count. A `where` of its own form was decided. */
static bool select_event(struct engine *e, const struct selector *s, struct event_reading *r,
                         struct taken *ret_taken)
{
    struct cel_value v;
    int outcome = 0;

    if (s->where && !s->where_logic) {
        outcome = cel_eval(s->where, get_event_var, r, &v);
        if (outcome == 0 && !(v.type == CEL_BOOL && v.b))
            return false;
    }
    *ret_taken = (struct taken){1, 0};
    if (outcome == 0 && s->value) {
        outcome = value_of(s, r, &v);
        if (outcome == 0 && s->is_key)
            outcome = key_of(&v, &ret_taken->key);
        else if (outcome == 0 && fabs(v.d) <= SERIES_VALUE_MAX)
            ret_taken->value = v.d + 0.0; /* there is one zero, whatever its sign */
        else if (outcome == 0)
            outcome = CEL_E_ERROR;
    }
    e->stats.n_eval_errors += outcome == CEL_E_ERROR;
    return outcome == 0;
}

uint64_t score_owed(struct engine *e, const struct event *event)
{
    const struct model *m = e->model;
    struct event_reading r;
    uint64_t matched = 0;

    begin_reading(&r, m, event);
    for (size_t i = 0; i < m->n_owed; i++) {
        struct cel_program *where = m->rules[m->owed_rules[i]].owed_where;
        struct cel_value v;
        int outcome = where ? cel_eval(where, get_event_var, &r, &v) : CEL_E_ABSENT;

        if (outcome == 0 && v.type == CEL_BOOL && v.b)
            matched |= 1ULL << i;
        e->stats.n_eval_errors += outcome == CEL_E_ERROR;
    }
    return matched;
}

static void add_to_slots(struct engine *e, struct profile *p, const struct taken *taken,
                         const bool *counts, int64_t time_ms)
{
    const struct model *m = e->model;

    for (size_t g = 0; g < m->n_groups; g++) {
        const struct decay_group *group = &m->groups[g];
        double factor = score_decay(group->half_life_ms, p->ref_ms - time_ms);

        for (size_t i = group->first_slot; i < group->first_slot + (size_t)group->n_slots; i++) {
            const struct slot *slot = &m->slots[i];

            if (counts[slot->selector])
                p->slots[i] = series_clamp(
                    p->slots[i] + (slot->is_count ? 1 : taken[slot->selector].value) * factor);
        }
    }
}

static int64_t latest_of(const struct engine *e, const struct profile *p)
{
    return p->ref_ms > e->clock_ms ? p->ref_ms : e->clock_ms;
}

static void add_to_series(struct engine *e, struct profile *p, uint16_t which, double value,
                          int64_t time_ms)
{
    const struct series_def *def = &e->model->series[which];
    int64_t now_ms = latest_of(e, p);

    series_expire(&profile_series(p)[which], def->has_values, now_ms - def->longest_ms);
    if (time_ms > now_ms - def->longest_ms)
        series_add(&profile_series(p)[which], def->has_values, time_ms, value);
}

/* What `absent` and `expect` wait for. */
static uint64_t apply_due(const struct model *m, struct profile *p, const bool *counts,
                          int64_t time_ms)
{
    uint64_t changed = 0;

    for (size_t i = 0; i < m->n_due; i++) {
        const struct rule *rule = &m->rules[m->due_rules[i]];
        bool is_after = rule->after != MODEL_NONE && counts[rule->after];

        if (due_apply(&profile_due(p)[i], rule, time_ms, counts[rule->what], is_after))
            changed = MODEL_CHANGE_DUE;
    }
    return changed;
}

/* It will stand behind the selectors that counted it. */
static void note_counted(struct engine *e, struct profile *p, const bool *counts,
                         const struct taken *taken, struct event_ref *ref)
{
    const struct model *m = e->model;

    buf_reset(&e->counted);
    evidence_count(m, counts, taken, &e->counted);
    ref->counted = buf_str(&e->counted);
    for (size_t i = 0; i < m->n_selectors; i++) {
        if (counts[i])
            refs_set(p, i);
    }
}

uint64_t score_apply(struct engine *e, struct profile *p, const struct event *event,
                     struct event_ref *ref)
{
    const struct model *m = e->model;
    struct taken taken[MODEL_SELECTORS_MAX];
    bool counts[MODEL_SELECTORS_MAX], holds[MODEL_SELECTORS_MAX];
    struct event_reading r;
    bool has_faded = score_bring_forward(e, p, event->time_ms);
    const bool *shape;
    uint64_t changed = 0;

    begin_reading(&r, m, event);
    shape = selection_shape(m, event, r.verb);
    for (size_t i = 0; i < m->n_selectors; i++) {
        const struct selector *s = &m->selectors[i];

        holds[i] = !s->where_logic         ? true
                   : shape && s->is_shaped ? shape[i]
                   : s->alike < i          ? holds[s->alike]
                                           : selection_holds(s->where_logic, get_event_var, &r);
        counts[i] = holds[i] && select_event(e, s, &r, &taken[i]) &&
                    (!s->cap.length_ms || keeps_cap(p, m, s, event->time_ms, &taken[i]));
        if (!counts[i])
            continue;
        if (s->series != MODEL_NONE)
            add_to_series(e, p, s->series, taken[i].value, event->time_ms);
        changed |= model_change_of(i);
    }
    if (changed) {
        add_to_slots(e, p, taken, counts, event->time_ms);
        note_counted(e, p, counts, taken, ref);
        keeps_add(p, m, taken, counts, event->time_ms, latest_of(e, p));
    }
    return changed | apply_due(m, p, counts, event->time_ms) | (has_faded ? UINT64_MAX : 0);
}

/* ---------------------------------------------------------------- a metric is read */

static double slot_at(const struct moment *at, uint16_t slot, int64_t half_life_ms)
{
    const struct profile *p = at->profile;

    if (p->ref_ms == INT64_MIN)
        return 0;
    return p->slots[slot] * score_decay(half_life_ms, at->now_ms - p->ref_ms);
}

static struct series_total window_at(const struct moment *at, const struct metric *metric)
{
    uint16_t which = at->engine->model->selectors[metric->selector].series;

    return series_after(&profile_series(at->profile)[which],
                        at->engine->model->series[which].has_values, at->now_ms - metric->reach_ms);
}

bool score_total(const struct metric *metric, struct series_total t, struct cel_value *ret_value)
{
    if (metric->aggregate == AGGREGATE_COUNT)
        return give_int(t.n, ret_value);
    if (metric->aggregate == AGGREGATE_SUM)
        return give_double(true, t.sum, ret_value);
    return give_double(t.n > 0, t.n ? t.sum / (double)t.n : 0, ret_value);
}

static bool get_metric(const struct moment *at, const struct metric *metric,
                       struct cel_value *ret_value)
{
    int64_t half_life_ms = metric->reach == REACH_HALF_LIFE ? metric->reach_ms : 0;
    double sum, count;

    if (metric->keep != MODEL_NONE)
        return keeps_get(at, metric, ret_value);
    if (metric->reach == REACH_WINDOW)
        return score_total(metric, window_at(at, metric), ret_value);
    if (metric->aggregate == AGGREGATE_SUM)
        return give_double(true, slot_at(at, metric->sum_slot, half_life_ms), ret_value);
    if (metric->aggregate == AGGREGATE_COUNT) {
        count = slot_at(at, metric->count_slot, half_life_ms);
        return half_life_ms ? give_double(true, count, ret_value)
                            : give_int((int64_t)count, ret_value);
    }
    /* Numerator and denominator decay alike: their quotient at ref_ms is the mean at any time. */
    sum = at->profile->slots[metric->sum_slot];
    count = at->profile->slots[metric->count_slot];
    return give_double(count > 0 && isfinite(sum / count), count > 0 ? sum / count : 0, ret_value);
}

static bool get_standing(const struct moment *at, enum rule_var var, struct cel_value *ret_value)
{
    const struct profile *p = at->profile;
    const struct obligation *oldest;
    bool is_ours = var == RULE_VAR_OWED_BY_US || var == RULE_VAR_OWED_OLDEST;
    uint32_t n;

    if (var == RULE_VAR_KIND || var == RULE_VAR_ACCOUNT)
        return give_text(str_of(var == RULE_VAR_KIND ? p->kind : p->account), ret_value);
    if (var == RULE_VAR_STAGE)
        return give_text(stage_name(p, at->engine->model), ret_value);
    if (var == RULE_VAR_STAGE_SINCE) {
        *ret_value = (struct cel_value){.type = CEL_DURATION, .i = at->now_ms - p->stage_since_ms};
        return p->stage != 0;
    }
    if (var == RULE_VAR_CONSENT) {
        ret_value->type = CEL_BOOL;
        return preference_consent(p, &ret_value->b);
    }
    oldest = ledger_oldest(&p->ledger, is_ours ? SIDE_ORGANISATION : SIDE_STAKEHOLDER, &n);
    if (var == RULE_VAR_OWED_BY_US || var == RULE_VAR_OWED_BY_THEM)
        return give_int(n, ret_value);
    *ret_value =
        (struct cel_value){.type = CEL_DURATION, .i = oldest ? at->now_ms - oldest->since_ms : 0};
    return oldest != NULL;
}

bool score_get(void *ctx, unsigned var, struct cel_value *ret_value)
{
    const struct moment *at = ctx;
    size_t n_metrics = at->engine->model->n_metrics;

    memset(ret_value, 0, sizeof(*ret_value));
    if (var < n_metrics)
        return get_metric(at, &at->engine->model->metrics[var], ret_value);
    if (var >= model_derived_base(at->engine->model))
        return relation_get(at, var - model_derived_base(at->engine->model), ret_value);
    return get_standing(at, (enum rule_var)(var - n_metrics), ret_value);
}

struct value score_value(const struct moment *moment, unsigned var)
{
    struct moment at = *moment;
    struct cel_value v;

    if (!score_get(&at, var, &v))
        return (struct value){.type = VALUE_ABSENT};
    switch (v.type) {
    case CEL_BOOL:
        return (struct value){.type = VALUE_BOOL, .b = v.b};
    case CEL_INT:
        return (struct value){.type = VALUE_INT, .i = v.i};
    case CEL_DOUBLE:
        return (struct value){.type = VALUE_DOUBLE, .d = v.d};
    case CEL_DURATION:
        return (struct value){.type = VALUE_DURATION, .i = v.i};
    case CEL_STRING:
        return (struct value){.type = VALUE_STRING, .s = v.s};
    default:
        return (struct value){.type = VALUE_ABSENT};
    }
}

/* ---------------------------------------------------------------- a metric over a span of time */

static void widen(struct cel_range *r, double v, double slack)
{
    if (v - slack < r->lo)
        r->lo = v - slack;
    if (v + slack > r->hi)
        r->hi = v + slack;
}

struct sweep {
    const struct metric *metric;
    struct cel_range *range;
};

static void widen_by_total(void *ctx, struct series_total total)
{
    struct sweep *s = ctx;
    struct cel_value v;

    if (!score_total(s->metric, total, &v))
        s->range->may_be_absent = true;
    else
        widen(s->range, v.type == CEL_INT ? (double)v.i : v.d, 0);
}

/* A window only loses events while none comes: every total on the way is tried, and summed as it
 * will be then. So a total that stands exactly at a threshold is proven to be there. */
static void range_of_window(const struct span *span, const struct metric *metric,
                            struct cel_range *ret_range)
{
    const struct model *m = span->moment.engine->model;
    uint16_t which = m->selectors[metric->selector].series;
    struct sweep sweep = {metric, ret_range};

    ret_range->lo = INFINITY;
    ret_range->hi = -INFINITY;
    series_sweep(&profile_series(span->moment.profile)[which], m->series[which].has_values,
                 span->moment.now_ms - metric->reach_ms, span->until_ms - metric->reach_ms,
                 widen_by_total, &sweep);
    ret_range->is_absent = ret_range->lo > ret_range->hi;
}

/* Ages grow, decayed sums only shrink towards 0: the ends bound all that is between them. */
static void range_of_ends(const struct span *span, const struct cel_value *first, unsigned var,
                          struct cel_range *ret_range)
{
    struct moment end = span->moment;
    struct cel_value last;

    end.now_ms = span->until_ms;
    (void)score_get(&end, var, &last);
    ret_range->lo = INFINITY;
    ret_range->hi = -INFINITY;
    if (first->type == CEL_DURATION) {
        widen(ret_range, (double)first->i, 0);
        widen(ret_range, (double)last.i, 0);
    } else {
        widen(ret_range, first->d, fabs(first->d) * RANGE_SLACK);
        widen(ret_range, last.d, fabs(last.d) * RANGE_SLACK);
    }
}

static bool decays(const struct metric *metric)
{
    return metric->reach == REACH_HALF_LIFE && metric->aggregate != AGGREGATE_MEAN;
}

void score_range(void *ctx, unsigned var, struct cel_range *ret_range)
{
    struct span *span = ctx;
    const struct model *m = span->moment.engine->model;
    const struct metric *metric = var < m->n_metrics ? &m->metrics[var] : NULL;
    struct cel_value v;

    if (metric && metric->reach == REACH_WINDOW && metric->keep != MODEL_NONE) {
        keeps_range(span, metric, ret_range);
        return;
    }
    if (metric && metric->reach == REACH_WINDOW) {
        range_of_window(span, metric, ret_range);
        return;
    }
    if (var >= model_derived_base(m)) {
        relation_range(span, var - model_derived_base(m), ret_range);
        return;
    }
    if (!score_get(&span->moment, var, &v)) {
        ret_range->is_absent = ret_range->may_be_absent = true;
        return;
    }
    if (v.type == CEL_DURATION || (metric && decays(metric))) {
        range_of_ends(span, &v, var, ret_range);
        return;
    }
    ret_range->is_exact = true;
    ret_range->exact = v;
}
