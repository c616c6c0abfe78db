/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Derived values over random histories, each held against its definition, written out here once
 * more: sums over all events, with libm, and obligations played through.
 */
#include "history.h"

#include <math.h>
#include <stdlib.h>

#define N_HISTORIES 2000
#define HALF_LIFE   (20 * DAYS)
#define FLOOR       HOURS
#define PRIOR       (3 * DAYS)
#define PRIOR_VIP   (9 * DAYS)
#define WEIGHT      2.5
#define WINDOW      (2 * DAYS)
#define AFTER       (5 * HOURS)
#define AFTER_LATER (2 * DAYS)
#define AFTER_THEIR (30 * HOURS)

static const struct cadence_kind_spec kinds[] = {{STR("vip"), PRIOR_VIP}};
static const struct str dimensions[] = {STR("delight"), STR("advocacy")};
static const struct derived_spec derived = {.keep = (1u << N_DERIVED_GROUPS) - 1,
                                            .half_life_ms = HALF_LIFE,
                                            .pressure_window_ms = WINDOW,
                                            .cadence_floor_ms = FLOOR,
                                            .cadence_prior_ms = PRIOR,
                                            .cadence_weight = WEIGHT,
                                            .kinds = kinds,
                                            .n_kinds = 1,
                                            .dimensions = dimensions,
                                            .n_dimensions = 2};
static const struct rule_spec owed_rules[] = {
    {.name = STR("a"),
     .kind = RULE_OWED,
     .owed_by = SIDE_ORGANISATION,
     .owed_after_ms = AFTER_LATER,
     .severity = STR("info")},
    {.name = STR("b"),
     .kind = RULE_OWED,
     .owed_by = SIDE_ORGANISATION,
     .owed_after_ms = AFTER,
     .severity = STR("info")},
    {.name = STR("c"),
     .kind = RULE_OWED,
     .owed_by = SIDE_STAKEHOLDER,
     .owed_after_ms = AFTER_THEIR,
     .severity = STR("info")},
};

static struct model_spec spec_of_all(void)
{
    struct model_spec spec = world_spec();

    spec.derived = &derived;
    spec.rules = owed_rules;
    spec.n_rules = ARRAY_SIZE(owed_rules);
    return spec;
}

/* ---------------------------------------------------------------- by definition */

/* What is known, at an instant; NAN: no value. */
struct truth {
    const struct event *events; /* in the order in which they came */
    size_t n;
    int64_t now_ms;
    bool is_vip;
};

static double weight_at(const struct truth *t, int64_t then_ms)
{
    return exp2(-(double)(t->now_ms - then_ms) / (double)HALF_LIFE);
}

static bool is_way(const struct event *e, enum direction way)
{
    return e->type == EVENT_INTERACTION && e->direction == way;
}

static bool is_any_way(const struct event *e)
{
    return is_way(e, IN) || is_way(e, OUT);
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static size_t times_of(const struct truth *t, enum direction way, int64_t *ret_times)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++) {
        if (is_way(&t->events[i], way))
            ret_times[n++] = t->events[i].time_ms;
    }
    qsort(ret_times, n, sizeof(*ret_times), compare_times);
    return n;
}

static double true_balance(const struct truth *t)
{
    double ours = 0, theirs = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct event *e = &t->events[i];

        if (!e->has_value || e->value <= 0)
            continue;
        ours += is_way(e, OUT) ? e->value * weight_at(t, e->time_ms) : 0;
        theirs += is_way(e, IN) ? e->value * weight_at(t, e->time_ms) : 0;
    }
    return ours + theirs > 0 ? (ours - theirs) / (ours + theirs) : NAN;
}

static double true_pressure(const struct truth *t, int64_t window_ms)
{
    int64_t in[HISTORY_MAX], out[HISTORY_MAX], since_ms = INT64_MIN;
    size_t n_in = times_of(t, IN, in), n_out = times_of(t, OUT, out), n = 0;

    if (n_in)
        since_ms = in[n_in - 1];
    for (size_t i = 0; i < n_out; i++)
        n += out[i] > since_ms && (!window_ms || out[i] > t->now_ms - window_ms);
    return (double)n;
}

struct rhythm {
    double gap, spread, silence, ratio, last_gap;
};

static struct rhythm true_cadence(const struct truth *t)
{
    struct rhythm r = {.silence = NAN, .ratio = NAN, .last_gap = NAN};
    double x0 = log2(t->is_vip ? PRIOR_VIP : PRIOR), sum = WEIGHT, sum_x = WEIGHT * x0, m, sum_v;
    double x[HISTORY_MAX], w[HISTORY_MAX];
    int64_t in[HISTORY_MAX];
    size_t n = times_of(t, IN, in);

    for (size_t i = 1; i < n; i++) {
        x[i] = log2((double)(in[i] - in[i - 1] > FLOOR ? in[i] - in[i - 1] : FLOOR));
        w[i] = weight_at(t, in[i]);
        sum += w[i];
        sum_x += w[i] * x[i];
    }
    m = sum_x / sum;
    sum_v = WEIGHT * (1 + (x0 - m) * (x0 - m));
    for (size_t i = 1; i < n; i++)
        sum_v += w[i] * (x[i] - m) * (x[i] - m);
    r.gap = exp2(m);
    r.spread = sqrt(sum_v / sum);
    if (n) {
        r.silence = (double)(t->now_ms - in[n - 1]);
        r.ratio = r.silence / r.gap;
    }
    if (n > 1)
        r.last_gap = (double)(in[n - 1] - in[n - 2]);
    return r;
}

struct promised {
    double trust;
    unsigned open, overdue;
    double due;
};

/* What the commitment's latest event is; of two at one instant the one that closes, of two that
 * both make it, or both close it, the one that came later. */
static const struct event *latest_of(const struct truth *t, struct str id)
{
    const struct event *latest = NULL;

    for (size_t i = 0; i < t->n; i++) {
        const struct event *e = &t->events[i];
        bool is_made = e->commitment.status == COMMITMENT_MADE;

        if (e->type != EVENT_COMMITMENT || e->commitment.by != SIDE_ORGANISATION ||
            !str_eq(e->commitment.id, id))
            continue;
        if (!latest || e->time_ms > latest->time_ms ||
            (e->time_ms == latest->time_ms &&
             (!is_made || latest->commitment.status == COMMITMENT_MADE)))
            latest = e;
    }
    return latest;
}

static struct promised true_promises(const struct truth *t)
{
    struct promised p = {.due = NAN};
    double kept = 0, broken = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct event *e = &t->events[i];

        if (e->type != EVENT_COMMITMENT || e->commitment.by != SIDE_ORGANISATION)
            continue;
        kept += e->commitment.status == COMMITMENT_KEPT ? weight_at(t, e->time_ms) : 0;
        broken += e->commitment.status == COMMITMENT_BROKEN ? weight_at(t, e->time_ms) : 0;
    }
    p.trust = (kept + 1) / (kept + broken + 2);
    for (size_t k = 0; k < ARRAY_SIZE(history_commitments); k++) {
        const struct event *e = latest_of(t, history_commitments[k]);

        if (!e || e->commitment.status != COMMITMENT_MADE)
            continue;
        p.open++;
        p.overdue += e->commitment.due_ms < t->now_ms;
        if (e->commitment.due_ms != INT64_MAX)
            p.due =
                fmin((double)(e->commitment.due_ms - t->now_ms), isnan(p.due) ? INFINITY : p.due);
    }
    return p;
}

static double true_measure(const struct truth *t, struct str dimension, bool is_last)
{
    double sum = 0, weight = 0, last = NAN;
    int64_t last_ms = INT64_MIN;

    for (size_t i = 0; i < t->n; i++) {
        const struct event *e = &t->events[i];

        if (e->type != EVENT_MEASURE || !str_eq(e->measure.dimension, dimension))
            continue;
        sum += e->measure.share * weight_at(t, e->time_ms);
        weight += weight_at(t, e->time_ms);
        if (e->time_ms >= last_ms) {
            last_ms = e->time_ms;
            last = e->measure.share;
        }
    }
    return is_last ? last : weight > 0 ? sum / weight : NAN;
}

static double true_referrals(const struct truth *t)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++)
        n += is_way(&t->events[i], IN) && str_eq(t->events[i].verb, STR("referral"));
    return (double)n;
}

static double true_tie(const struct truth *t)
{
    double in = 0, out = 0, feeling = 0;
    int64_t last_ms = INT64_MIN;

    for (size_t i = 0; i < t->n; i++) {
        const struct event *e = &t->events[i];

        if (!is_any_way(e))
            continue;
        in += is_way(e, IN) ? weight_at(t, e->time_ms) : 0;
        out += is_way(e, OUT) ? weight_at(t, e->time_ms) : 0;
        feeling += e->has_sentiment ? fabs(e->sentiment) * weight_at(t, e->time_ms) : 0;
        last_ms = e->time_ms > last_ms ? e->time_ms : last_ms;
    }
    if (last_ms == INT64_MIN)
        return NAN;
    return ((in + out) / (in + out + 4) + weight_at(t, last_ms) + feeling / (feeling + 1) +
            2 * fmin(in, out) / (in + out)) /
           4;
}

static double true_turns_in(const struct truth *t, struct str org, struct str conversation)
{
    int64_t resolved_ms = INT64_MIN;
    size_t n = 0;

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < t->n; i++) {
            const struct event *e = &t->events[i];

            if (!is_any_way(e) || !str_eq(e->org, org) || !str_eq(e->conversation, conversation))
                continue;
            if (pass == 0 && e->resolves && e->time_ms > resolved_ms)
                resolved_ms = e->time_ms;
            n += pass == 1 && e->time_ms > resolved_ms;
        }
    }
    return (double)n;
}

static double true_turns(const struct truth *t)
{
    double most = 0;

    for (size_t k = 1; k < ARRAY_SIZE(history_conversations); k++) {
        most = fmax(most, true_turns_in(t, STR(""), history_conversations[k]));
        most = fmax(most, true_turns_in(t, STR("o"), history_conversations[k]));
    }
    return most;
}

static double true_silent(const struct truth *t)
{
    double silent = NAN;

    for (size_t i = 0; i < t->n; i++) {
        double age = (double)(t->now_ms - t->events[i].time_ms);

        if (is_any_way(&t->events[i]))
            silent = isnan(silent) ? age : fmin(age, silent);
    }
    return silent;
}

/* ---- replies, of histories in order ---- */

struct asked {
    enum side by;
    const struct event *opened;
    int64_t answered_ms; /* INT64_MAX: not */
};

static size_t play_obligations(const struct truth *t, struct asked *asked)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct event *e = &t->events[i];
        enum side by = is_way(e, IN) ? SIDE_ORGANISATION : SIDE_STAKEHOLDER;
        bool is_open = false;

        for (size_t k = 0; k < n && is_any_way(e); k++) {
            struct asked *a = &asked[k];

            if (a->answered_ms != INT64_MAX || !str_eq(a->opened->org, e->org) ||
                !str_eq(a->opened->conversation, e->conversation))
                continue;
            if (a->by == by)
                is_open = true;
            else if (!e->automatic)
                a->answered_ms = e->time_ms;
        }
        if (is_any_way(e) && str_eq(e->verb, STR("question")) && !e->automatic &&
            e->conversation.len && !is_open)
            asked[n++] = (struct asked){by, e, INT64_MAX};
    }
    return n;
}

struct answering {
    double in_time, median, p90;
};

static struct answering true_replies(const struct truth *t, enum side by)
{
    struct answering r = {NAN, NAN, NAN};
    int64_t after_ms = by == SIDE_ORGANISATION ? AFTER : AFTER_THEIR, took[HISTORY_MAX];
    struct asked asked[HISTORY_MAX];
    size_t n_asked = play_obligations(t, asked), n = 0, n_in_time = 0, n_open = 0;

    for (size_t i = 0; i < n_asked; i++) {
        if (asked[i].by != by)
            continue;
        if (asked[i].answered_ms == INT64_MAX) {
            n_open += asked[i].opened->time_ms + after_ms < t->now_ms;
            continue;
        }
        took[n] = asked[i].answered_ms - asked[i].opened->time_ms;
        n_in_time += took[n++] <= after_ms;
    }
    assert_true(n <= 32); /* or the oldest would have to go */
    if (n + n_open)
        r.in_time = (double)n_in_time / (double)(n + n_open);
    qsort(took, n, sizeof(*took), compare_times);
    if (n) {
        r.median = (double)took[(size_t)ceil(0.5 * (double)n) - 1];
        r.p90 = (double)took[(size_t)ceil(0.9 * (double)n - 1e-9) - 1];
    }
    return r;
}

/* ---------------------------------------------------------------- held against it */

struct seen {
    const struct truth *truth;
    bool has_replies; /* the history came in order */
    size_t n_views;
};

static double value_of(const struct stakeholder_view *view, const char *name)
{
    for (size_t i = 0; i < view->n_derived; i++) {
        const struct value *v = &view->derived[i].value;

        if (!str_eq(view->derived[i].name, str_of(name)))
            continue;
        switch (v->type) {
        case VALUE_DOUBLE:
            return v->d;
        case VALUE_INT:
        case VALUE_DURATION:
            return (double)v->i;
        default:
            return NAN;
        }
    }
    fail_msg("no %s", name);
    return NAN;
}

static void check_near(const struct stakeholder_view *view, const char *name, double want,
                       double slack)
{
    double got = value_of(view, name);

    if (isnan(want) != isnan(got) || fabs(got - want) > slack + 1e-9 * fabs(want))
        fail_msg("%s: %.17g instead of %.17g", name, got, want);
}

static void check_replies(const struct stakeholder_view *view, const struct truth *t)
{
    struct answering ours = true_replies(t, SIDE_ORGANISATION);
    struct answering theirs = true_replies(t, SIDE_STAKEHOLDER);

    check_near(view, "reply.ours.in_time", ours.in_time, 0);
    check_near(view, "reply.ours.median", ours.median, 0);
    check_near(view, "reply.ours.p90", ours.p90, 0);
    check_near(view, "reply.theirs.in_time", theirs.in_time, 0);
    check_near(view, "reply.theirs.median", theirs.median, 0);
    check_near(view, "reply.theirs.p90", theirs.p90, 0);
}

static void check_view(void *ctx, const struct stakeholder_view *view)
{
    struct seen *seen = ctx;
    const struct truth *t = seen->truth;
    struct rhythm rhythm = true_cadence(t);
    struct promised promised = true_promises(t);

    assert_int_equal(view->as_of_ms, t->now_ms);
    seen->n_views++;
    if (seen->has_replies)
        check_replies(view, t);
    check_near(view, "balance", true_balance(t), 1e-9);
    check_near(view, "pressure", true_pressure(t, 0), 0);
    check_near(view, "pressure.recent", true_pressure(t, WINDOW), 0);
    check_near(view, "cadence.gap", rhythm.gap, 0.51); /* whole milliseconds */
    check_near(view, "cadence.spread", rhythm.spread, 0);
    check_near(view, "cadence.silence", rhythm.silence, 0);
    check_near(view, "cadence.ratio", rhythm.ratio, 0);
    check_near(view, "cadence.last_gap", rhythm.last_gap, 0);
    check_near(view, "trust", promised.trust, 0);
    check_near(view, "commitment.open", promised.open, 0);
    check_near(view, "commitment.overdue", promised.overdue, 0);
    check_near(view, "commitment.due", promised.due, 0);
    check_near(view, "measure.delight", true_measure(t, STR("delight"), false), 0);
    check_near(view, "measure.delight.last", true_measure(t, STR("delight"), true), 0);
    check_near(view, "measure.advocacy.last", true_measure(t, STR("advocacy"), true), 0);
    check_near(view, "advocacy", true_measure(t, STR("advocacy"), false), 0);
    check_near(view, "advocacy.referrals", true_referrals(t), 0);
    check_near(view, "tie", true_tie(t), 0);
    check_near(view, "turns.unresolved", true_turns(t), 0);
    check_near(view, "silent", true_silent(t), 0);
}

/* The latest time of any of them: nobody is looked at earlier. */
static int64_t latest_ms(const struct event *events, size_t n)
{
    int64_t ms = INT64_MIN;

    for (size_t i = 0; i < n; i++)
        ms = events[i].time_ms > ms ? events[i].time_ms : ms;
    return ms;
}

/* Packed, and unpacked by another engine. */
static void restart(struct world *w)
{
    struct engine *next = world_engine(w, true);
    struct checkpoint_entry entry;

    engine_set_clock(next, engine_clock_ms(w->engine));
    engine_cut(w->engine, w->offset);
    while (engine_cut_next(w->engine, &entry))
        assert_int_equal(engine_restore(next, entry.id, entry.packed), 0);
    engine_cut_done(w->engine);
    engine_free(w->engine);
    w->engine = next;
}

static void run_history(const struct history *h, bool is_in_order, uint64_t *seed)
{
    struct model_spec spec = spec_of_all();
    bool is_vip = world_below(seed, 2);
    size_t restart_at = world_below(seed, h->n);
    struct world w;

    world_open(&w, &spec);
    for (size_t i = 0; i < h->n; i++) {
        struct event event = h->events[i];
        struct truth truth = {h->events, i + 1, latest_ms(h->events, i + 1), is_vip};
        struct seen seen = {&truth, is_in_order, 0};

        if (is_vip)
            event.kind = STR("vip");
        assert_int_equal(world_apply(&w, &event), 0);
        if (event.type == EVENT_INTERACTION) /* what says the kind */
            engine_each(w.engine, check_view, &seen);
        if (i == restart_at)
            restart(&w);
        if (i + 1 < h->n || event.type != EVENT_INTERACTION)
            continue;
        for (int k = 0; k < 4; k++) {
            truth.now_ms += history_step(seed) * (k == 3 ? 100 : 1);
            engine_tick(w.engine, truth.now_ms, (int64_t)h->n + k);
            engine_each(w.engine, check_view, &seen);
        }
        assert_true(seen.n_views >= 4);
    }
    world_close(&w);
}

static void test_in_order(void **state)
{
    static struct history h;
    uint64_t seed = 20260101;

    (void)state;
    for (int i = 0; i < N_HISTORIES; i++) {
        history_make(&h, 0, &seed);
        run_history(&h, true, &seed);
    }
}

/* All but the replies: the order in which events come does not matter. */
static void test_late(void **state)
{
    static struct history h;
    uint64_t seed = 20260202;

    (void)state;
    for (int i = 0; i < N_HISTORIES; i++) {
        history_make(&h, 6, &seed);
        run_history(&h, false, &seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
