/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics that are no sums, and capped sums: random histories with late events, held against the
 * definitions over a plain list of events; at and just before the instants at which events leave
 * windows. The staircase and the list of different values also by themselves, where they are full.
 */
#include "engine/distinct.h"
#include "engine/extremes.h"
#include "engine/keep.h"
#include "world.h"

#include <math.h>
#include <stdlib.h>

#define N_EVENTS 250

static const struct metric_spec metrics[] = {
    {.name = STR("low"),
     .aggregate = AGGREGATE_MIN,
     .value = STR("weight"),
     .reach = REACH_WINDOW,
     .reach_ms = 6 * HOURS},
    {.name = STR("low_2d"),
     .aggregate = AGGREGATE_MIN,
     .value = STR("weight"),
     .reach = REACH_WINDOW,
     .reach_ms = 2 * DAYS},
    {.name = STR("low_ever"), .aggregate = AGGREGATE_MIN, .value = STR("weight")},
    {.name = STR("high"),
     .aggregate = AGGREGATE_MAX,
     .value = STR("weight"),
     .where = STR("direction == 'inbound'"),
     .reach = REACH_WINDOW,
     .reach_ms = 6 * HOURS},
    {.name = STR("high_ever"), .aggregate = AGGREGATE_MAX, .value = STR("weight")},
    {.name = STR("latest"), .aggregate = AGGREGATE_LAST, .value = STR("weight")},
    {.name = STR("latest_6h"),
     .aggregate = AGGREGATE_LAST,
     .value = STR("weight"),
     .reach = REACH_WINDOW,
     .reach_ms = 6 * HOURS},
    {.name = STR("channels"),
     .aggregate = AGGREGATE_DISTINCT,
     .value = STR("channel"),
     .reach = REACH_WINDOW,
     .reach_ms = 6 * HOURS},
    {.name = STR("channels_ever"), .aggregate = AGGREGATE_DISTINCT, .value = STR("channel")},
    {.name = STR("weights"),
     .aggregate = AGGREGATE_DISTINCT,
     .value = STR("weight"),
     .reach = REACH_WINDOW,
     .reach_ms = 2 * DAYS},
    {.name = STR("flags"), .aggregate = AGGREGATE_DISTINCT, .value = STR("automatic")},
    {.name = STR("days"),
     .aggregate = AGGREGATE_DISTINCT_DAYS,
     .reach = REACH_WINDOW,
     .reach_ms = 2 * DAYS},
    {.name = STR("days_ever"),
     .aggregate = AGGREGATE_DISTINCT_DAYS,
     .where = STR("direction == 'inbound'")},
    {.name = STR("capped"),
     .aggregate = AGGREGATE_SUM,
     .value = STR("weight"),
     .cap = {DAYS, 0, 3}},
    {.name = STR("capped_weekly"),
     .aggregate = AGGREGATE_SUM,
     .value = STR("weight"),
     .cap = {7 * DAYS, 4 * DAYS, 5}},
    {.name = STR("capped_2d"),
     .aggregate = AGGREGATE_SUM,
     .value = STR("weight"),
     .reach = REACH_WINDOW,
     .reach_ms = 2 * DAYS,
     .cap = {5 * HOURS, 0, 1.5}},
    {.name = STR("capped_decayed"),
     .aggregate = AGGREGATE_SUM,
     .value = STR("weight"),
     .reach = REACH_HALF_LIFE,
     .reach_ms = 9 * HOURS,
     .cap = {HOURS, 0, 1}},
};

/* ---------------------------------------------------------------- the definitions */

struct past {
    int64_t at[N_EVENTS]; /* after T0 */
    double weight[N_EVENTS];
    uint64_t channel[N_EVENTS];
    bool automatic[N_EVENTS], inbound[N_EVENTS];
    size_t n; /* in the order in which they were applied */
};

static bool counts(const struct past *p, const struct metric_spec *m, size_t i, int64_t now)
{
    if (m->where.len && !p->inbound[i])
        return false;
    if (str_eq(m->value, STR("channel")) && !p->channel[i])
        return false;
    return m->reach != REACH_WINDOW || p->at[i] > now - m->reach_ms;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return (int64_t)floor((double)a / (double)b);
}

/* What tells two events apart for the metric. */
static double key_of(const struct past *p, const struct metric_spec *m, size_t i)
{
    if (m->aggregate == AGGREGATE_DISTINCT_DAYS)
        return (double)floor_div(T0 + p->at[i], DAYS);
    if (str_eq(m->value, STR("channel")))
        return (double)p->channel[i];
    return str_eq(m->value, STR("automatic")) ? p->automatic[i] : p->weight[i];
}

static double n_different(const struct past *p, const struct metric_spec *m, int64_t now)
{
    double n = 0;

    for (size_t i = 0; i < p->n; i++) {
        bool is_first = counts(p, m, i, now);

        for (size_t k = 0; k < i && is_first; k++)
            is_first = !counts(p, m, k, now) || key_of(p, m, k) != key_of(p, m, i);
        n += is_first;
    }
    return n;
}

static bool extreme(const struct past *p, const struct metric_spec *m, int64_t now, double *ret)
{
    bool is_there = false;
    int64_t last = INT64_MIN;

    for (size_t i = 0; i < p->n; i++) {
        double w = p->weight[i];

        if (!counts(p, m, i, now))
            continue;
        if (!is_there || (m->aggregate == AGGREGATE_MIN && w < *ret) ||
            (m->aggregate == AGGREGATE_MAX && w > *ret) ||
            (m->aggregate == AGGREGATE_LAST && p->at[i] >= last)) {
            *ret = w;
            last = p->at[i];
        }
        is_there = true;
    }
    return is_there;
}

static double capped(const struct past *p, const struct metric_spec *m, int64_t now)
{
    double sum = 0, added = 0;
    int64_t kept = INT64_MIN;

    for (size_t i = 0; i < p->n; i++) {
        int64_t bucket = floor_div(T0 + p->at[i] - m->cap.from_ms, m->cap.length_ms);
        double taken;

        if (bucket > kept) {
            kept = bucket;
            added = 0;
        }
        taken = fmin(p->weight[i], m->cap.at_most - (bucket == kept ? added : 0));
        if (p->weight[i] > 0 && taken < 0)
            taken = 0;
        if (bucket == kept)
            added += taken;
        if (m->reach == REACH_HALF_LIFE)
            taken *= exp2(-(double)(now - p->at[i]) / (double)m->reach_ms);
        if (counts(p, m, i, now))
            sum += taken;
    }
    return sum;
}

static bool wanted(const struct past *p, const struct metric_spec *m, int64_t now, double *ret)
{
    *ret = 0;
    if (m->aggregate == AGGREGATE_SUM)
        *ret = capped(p, m, now);
    else if (m->aggregate == AGGREGATE_DISTINCT || m->aggregate == AGGREGATE_DISTINCT_DAYS)
        *ret = n_different(p, m, now);
    else
        return extreme(p, m, now, ret);
    return true;
}

struct check {
    const struct past *past;
    size_t n_absent;
};

static void check_view(void *ctx, const struct stakeholder_view *view)
{
    struct check *c = ctx;

    assert_int_equal(view->n_metrics, ARRAY_SIZE(metrics));
    for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
        const struct value *got = &view->metrics[i].value;
        double want;

        if (!wanted(c->past, &metrics[i], view->as_of_ms - T0, &want)) {
            assert_int_equal(got->type, VALUE_ABSENT);
            c->n_absent++;
        } else if (metrics[i].aggregate == AGGREGATE_SUM) {
            assert_true(got->type == VALUE_DOUBLE && fabs(got->d - want) < 1e-9);
        } else if (metrics[i].aggregate >= AGGREGATE_DISTINCT) {
            assert_int_equal(got->type, VALUE_INT);
            assert_int_equal(got->i, (int64_t)want);
        } else {
            assert_true(got->type == VALUE_DOUBLE && got->d == want);
        }
    }
}

/* The clock goes to where some event leaves some window, or one millisecond short of it. */
static void go_to_an_edge(struct world *w, const struct past *p, uint64_t *seed)
{
    const struct metric_spec *m = &metrics[world_below(seed, ARRAY_SIZE(metrics))];
    int64_t at = p->at[world_below(seed, p->n)] + m->reach_ms - (int64_t)world_below(seed, 2);

    if (m->reach == REACH_WINDOW && T0 + at <= engine_clock_ms(w->engine) + 3 * HOURS)
        world_tick(w, at);
}

/* The first one counts for every metric: rules are decided when what they read changes. */
static void add_event_at(struct world *w, struct past *p, int64_t at, uint64_t *seed)
{
    static const char *const channels[] = {"", "mail", "chat", "phone", "shop"};
    struct event e;
    char id[8];

    snprintf(id, sizeof(id), "e%zu", p->n);
    p->at[p->n] = at;
    p->weight[p->n] = (double)world_below(seed, 16) / 4 - 1;
    p->channel[p->n] = p->n ? world_below(seed, ARRAY_SIZE(channels)) : 1;
    p->automatic[p->n] = world_below(seed, 30) == 0;
    p->inbound[p->n] = !p->n || world_below(seed, 3) > 0;
    e = world_event(w, at, p->inbound[p->n] ? IN : OUT, "ann", id);
    e.has_weight = true;
    e.weight = p->weight[p->n];
    e.channel = str_of(channels[p->channel[p->n]]);
    e.automatic = p->automatic[p->n];
    p->n++;
    assert_int_equal(world_apply(w, &e), 0);
}

static void add_event(struct world *w, struct past *p, uint64_t *seed)
{
    int64_t now = engine_clock_ms(w->engine) == INT64_MIN ? 0 : engine_clock_ms(w->engine) - T0;
    int64_t at = now + (int64_t)world_below(seed, 20 * MINUTES);

    if (world_below(seed, 5) == 0)
        at -= (int64_t)world_below(seed, world_below(seed, 2) ? HOURS : 3 * DAYS);
    if (world_below(seed, 40) == 0)
        at = now + (int64_t)world_below(seed, 3 * DAYS);
    if (p->n && world_below(seed, 10) == 0)
        at = p->at[p->n - 1];
    add_event_at(w, p, at, seed);
}

/* Sometimes at one instant, sometimes exactly a window later, or with days between. */
static void add_event_in_order(struct world *w, struct past *p, uint64_t *seed)
{
    static const int64_t steps[] = {0, HOURS, 6 * HOURS, 12 * HOURS, 2 * DAYS};
    int64_t at = p->n ? p->at[p->n - 1] : 0;
    uint64_t which = world_below(seed, 2 * ARRAY_SIZE(steps));

    if (which < ARRAY_SIZE(steps))
        at += steps[which];
    else
        at += (int64_t)world_below(seed, (uint64_t)steps[which - ARRAY_SIZE(steps)] + 1);
    add_event_at(w, p, at, seed);
}

static void test_definitions(void **state)
{
    struct model_spec spec = world_spec();
    struct check check = {0};

    (void)state;
    spec.metrics = metrics;
    spec.n_metrics = ARRAY_SIZE(metrics);
    for (uint64_t round = 0; round < 12; round++) {
        struct past past = {.n = 0};
        uint64_t seed = 1000 + round;
        struct world w;

        check.past = &past;
        world_open(&w, &spec);
        while (past.n < N_EVENTS) {
            add_event(&w, &past, &seed);
            engine_each(w.engine, check_view, &check);
            go_to_an_edge(&w, &past, &seed);
            engine_each(w.engine, check_view, &check);
        }
        world_tick(&w, engine_clock_ms(w.engine) - T0 + 3 * DAYS);
        engine_each(w.engine, check_view, &check);
        world_close(&w);
    }
    assert_true(check.n_absent > 100);
}

/* ---------------------------------------------------------------- when windows empty */

#define N_FEW 30

/* A comparison of one metric with a constant, or whether it is there. */
struct term {
    size_t metric;
    const char *relation;
    double constant;
};

struct condition {
    struct term terms[2];
    bool is_and;
};

static bool term_holds(const struct past *p, const struct term *t, int64_t now)
{
    double v;

    if (!wanted(p, &metrics[t->metric], now, &v))
        return false;
    switch (t->relation[0]) {
    case 'h':
        return true;
    case '<':
        return t->relation[1] ? v <= t->constant : v < t->constant;
    case '>':
        return t->relation[1] ? v >= t->constant : v > t->constant;
    default:
        return t->relation[0] == '=' ? v == t->constant : v != t->constant;
    }
}

static bool condition_holds(const struct past *p, const struct condition *c, int64_t now)
{
    bool a = term_holds(p, &c->terms[0], now), b = term_holds(p, &c->terms[1], now);

    return c->is_and ? a && b : a || b;
}

/* With `is_odd` the metric is part of a sum, so that the flip must be searched for. */
static void write_term(const struct term *t, bool is_odd, struct buf *b)
{
    const struct metric_spec *m = &metrics[t->metric];

    if (t->relation[0] == 'h')
        buf_addf(b, "has(%.*s)", STR_ARG(m->name));
    else if (is_odd)
        buf_addf(b, "double(%.*s) + 1.0 %s %.2f", STR_ARG(m->name), t->relation, t->constant + 1);
    else
        buf_addf(b, "%.*s %s %.2f", STR_ARG(m->name), t->relation, t->constant);
}

/* Over any two metrics but the last, which decays. */
static void make_condition(struct condition *c, uint64_t *seed, struct buf *b)
{
    static const char *const relations[] = {"<", "<=", ">", ">=", "==", "!=", "has"};
    bool is_odd = world_below(seed, 2);

    c->is_and = world_below(seed, 2);
    for (size_t i = 0; i < 2; i++) {
        c->terms[i] = (struct term){.metric = world_below(seed, ARRAY_SIZE(metrics) - 1),
                                    .relation = relations[world_below(seed, 7)],
                                    .constant = (double)world_below(seed, 16) / 4 - 0.5};
        if (metrics[c->terms[i].metric].aggregate >= AGGREGATE_DISTINCT)
            c->terms[i].constant = (double)world_below(seed, 5);
        if (i)
            buf_add_str(b, c->is_and ? STR(" && ") : STR(" || "));
        write_term(&c->terms[i], is_odd, b);
    }
}

static int compare_instants(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* The instants at which anything can change: events come, or leave a window. */
static size_t list_instants(const struct past *p, int64_t *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++) {
        ret[n++] = p->at[i];
        for (size_t k = 0; k < ARRAY_SIZE(metrics); k++) {
            if (metrics[k].reach == REACH_WINDOW)
                ret[n++] = p->at[i] + metrics[k].reach_ms;
        }
    }
    qsort(ret, n, sizeof(*ret), compare_instants);
    return n;
}

static void note(struct buf *b, bool *is_in, bool holds, int64_t at)
{
    if (*is_in == holds)
        return;
    *is_in = holds;
    buf_addf(b, "%s r ann %lld\n", holds ? "fired" : "cleared", (long long)at);
}

/* Every flip that there must be: at each instant first what time does, then the events. */
static void list_flips(const struct past *p, const struct condition *c, struct buf *b)
{
    int64_t instants[N_FEW * (ARRAY_SIZE(metrics) + 1)];
    struct past known = *p;
    size_t n = list_instants(p, instants);
    bool is_in = false;

    known.n = 0;
    for (size_t i = 0; i < n; i++) {
        if (known.n)
            note(b, &is_in, condition_holds(&known, c, instants[i]), instants[i]);
        while (known.n < p->n && p->at[known.n] == instants[i]) {
            known.n++;
            note(b, &is_in, condition_holds(&known, c, instants[i]), instants[i]);
        }
    }
}

/* Without the causes. */
static void strip(const struct buf *lines, struct buf *out)
{
    for (const char *at = lines->len ? lines->ptr : ""; *at;) {
        const char *end = strchr(at, '\n');
        const char *cut = end;

        while (*cut != ' ')
            cut--;
        buf_add(out, at, (size_t)(cut - at));
        buf_add_char(out, '\n');
        at = end + 1;
    }
}

static size_t run_condition(uint64_t *seed)
{
    struct rule_spec rule = {.name = STR("r"), .severity = STR("info")};
    struct model_spec spec = world_spec();
    struct buf text = BUF_INIT, want = BUF_INIT, got = BUF_INIT;
    struct past past = {.n = 0};
    struct condition condition;
    struct world w;
    size_t n = 0;

    make_condition(&condition, seed, &text);
    rule.enter = buf_str(&text);
    spec.metrics = metrics;
    spec.n_metrics = ARRAY_SIZE(metrics);
    spec.rules = &rule;
    spec.n_rules = 1;
    world_open(&w, &spec);
    while (past.n < N_FEW)
        add_event_in_order(&w, &past, seed);
    world_tick(&w, past.at[N_FEW - 1] + 30 * DAYS);
    list_flips(&past, &condition, &want);
    strip(&w.lines, &got);
    if (!str_eq(buf_str(&want), buf_str(&got))) {
        print_error("%s\nwanted\n%sgot\n%s", text.ptr, want.len ? want.ptr : "",
                    got.len ? got.ptr : "");
        fail();
    }
    for (size_t i = 0; i < want.len; i++)
        n += want.ptr[i] == '\n';
    world_close(&w);
    buf_deinit(&text);
    buf_deinit(&want);
    buf_deinit(&got);
    return n;
}

static void test_flips(void **state)
{
    uint64_t seed = 77;
    size_t n = 0;

    (void)state;
    for (int i = 0; i < 400; i++)
        n += run_condition(&seed);
    assert_true(n > 1500); /* most conditions did something */
}

/* ---------------------------------------------------------------- full staircases */

#define N_MANY 60000

struct many {
    int64_t at[N_MANY];
    double value[N_MANY];
    size_t n;
};

/* What the staircase says is the greatest value after `after_ms`, or one that left only a few
 * events ago. True: the former. */
static bool check_extreme(const struct entries *s, const struct many *all, int64_t after_ms)
{
    uint32_t i = entries_after(s, EXTREMES_STRIDE, after_ms);
    double want = -INFINITY, got;
    size_t n = 0, n_between = 0;

    for (size_t k = 0; k < all->n; k++) {
        n += all->at[k] > after_ms;
        if (all->at[k] > after_ms)
            want = fmax(want, all->value[k]);
    }
    if (!n) {
        assert_int_equal(i, s->n);
        return true;
    }
    got = entry_value(&s->words[i * EXTREMES_STRIDE]);
    if (got == want)
        return true;
    assert_true(n > 64 && got > want);
    /* The window of 2 % more events holds it. */
    for (size_t k = all->n; k > 0; k--) {
        if (all->at[k - 1] > after_ms)
            continue;
        if (all->value[k - 1] == got)
            break;
        n_between++;
        assert_true(k > 1);
    }
    assert_true((double)(n_between + 1) <= 0.02 * (double)n + 1);
    return false;
}

/* Each event is outdone by the one before: the staircase that grows fastest. */
static void test_full_staircase(void **state)
{
    struct many *all = mem_calloc(1, sizeof(*all));
    struct entries s = {0};
    uint64_t seed = 3;
    int64_t at = T0;
    size_t n_inexact = 0;

    (void)state;
    for (all->n = 0; all->n < N_MANY;) {
        at += 1 + (int64_t)world_below(&seed, 100);
        all->at[all->n] = at;
        all->value[all->n] = -(double)all->n - (world_below(&seed, 9) ? 0 : 3);
        extremes_add(&s, true, at, all->value[all->n]);
        all->n++;
        if (all->n < 70 || all->n % 5000 == 0)
            for (int64_t k = 0; k < 60; k++)
                n_inexact += !check_extreme(&s, all, all->at[world_below(&seed, all->n)] - (k & 1));
    }
    assert_true(s.n < EXTREMES_MAX);
    assert_true(n_inexact > 0);
    entries_deinit(&s);
    mem_free(all);
}

static void test_exact_up_to_64(void **state)
{
    uint64_t seed = 8;

    (void)state;
    for (int round = 0; round < 20; round++) {
        struct many *all = mem_calloc(1, sizeof(*all));
        struct entries s = {0};

        while (all->n < 600) {
            size_t k = all->n;
            int64_t after;

            all->at[k] = T0 + (int64_t)k * 50;
            if (world_below(&seed, 6) == 0)
                all->at[k] -= (int64_t)world_below(&seed, 2500);
            all->value[k] = -(double)k + (world_below(&seed, 20) ? 0 : 12.5);
            extremes_add(&s, true, all->at[k], all->value[k]);
            all->n++;
            after = T0 + (int64_t)k * 50 - (int64_t)world_below(&seed, 2900);
            (void)check_extreme(&s, all, after);
        }
        assert_true(s.n > 64);
        entries_deinit(&s);
        mem_free(all);
    }
}

static void test_staircase_is_bounded(void **state)
{
    struct entries s = {0};

    (void)state;
    /* The oldest steps stand for many events each, so that nothing can be drawn together. */
    for (uint32_t i = 0; i < EXTREMES_MAX; i++) {
        uint64_t *entry = entries_insert(&s, EXTREMES_STRIDE, s.n);

        *entry = entry_word(T0 + i, ENTRY_NUMBER_MAX);
        entry_set_value(entry, -(double)i);
    }
    for (int i = 0; i < 3000; i++) {
        extremes_add(&s, true, T0 + EXTREMES_MAX + i, -EXTREMES_MAX - i);
        assert_true(s.n <= EXTREMES_MAX);
    }
    assert_true(entry_value(s.words) == 0);
    extremes_add(&s, true, T0 + DAYS, 1); /* outdoes all */
    assert_int_equal(s.n, 1);
    assert_true(entries_bytes(&s, EXTREMES_STRIDE) < 16 * EXTREMES_MAX);
    entries_deinit(&s);
}

/* ---------------------------------------------------------------- many different values */

#define N_KEYS 3000

static void test_many_values(void **state)
{
    int64_t *seen = mem_calloc(N_KEYS, sizeof(*seen));
    struct entries s = {0};
    uint64_t seed = 5;
    size_t n = 0;

    (void)state;
    for (int64_t i = 0; i < 20000; i++) {
        int64_t late = world_below(&seed, 4) ? 0 : (int64_t)world_below(&seed, 30000) * 10;
        int64_t at = T0 + i * 10 - late + (late ? 5 : 0);
        size_t key = world_below(&seed, i < 6000 ? N_KEYS : 1500), oldest = N_KEYS;

        distinct_add(&s, at, key);
        for (size_t k = 0; k < N_KEYS; k++) {
            if (seen[k] && (oldest == N_KEYS || seen[k] < seen[oldest]))
                oldest = k;
        }
        if (seen[key] || n < DISTINCT_MAX) {
            n += !seen[key];
            seen[key] = at > seen[key] ? at : seen[key];
        } else if (at > seen[oldest]) {
            seen[oldest] = 0;
            seen[key] = at;
        }
        assert_int_equal(s.n, n);
    }
    assert_int_equal(n, DISTINCT_MAX);
    for (uint32_t i = 0; i < s.n; i++) {
        assert_int_equal(entry_time(s.words[2 * i]), seen[s.words[2 * i + 1]]);
        assert_true(i == 0 || s.words[2 * i] >= s.words[2 * (i - 1)]);
    }
    entries_deinit(&s);
    mem_free(seen);
}

static void test_many_days(void **state)
{
    struct entries s = {0};

    (void)state;
    distinct_days_add(&s, -1);
    distinct_days_add(&s, -DAYS);
    distinct_days_add(&s, 0);
    assert_int_equal(s.n, 2);
    assert_int_equal(entry_time(s.words[0]), -1);
    for (int64_t i = 1; i < 3000; i++) {
        distinct_days_add(&s, i * DAYS + 5);
        distinct_days_add(&s, i * DAYS + 3);
    }
    assert_int_equal(s.n, DISTINCT_MAX);
    distinct_days_add(&s, 0); /* not seen for longest: it is itself what goes */
    assert_int_equal(s.n, DISTINCT_MAX);
    assert_int_equal(entry_time(s.words[0]), (3000 - DISTINCT_MAX) * DAYS + 5);
    entries_deinit(&s);
}

/* ---------------------------------------------------------------- details */

/* Equal values are one, whatever their type says: 1 and 1.0; a text is none of them. */
static void test_what_is_different(void **state)
{
    static const struct metric_spec metric = {
        .name = STR("m"),
        .aggregate = AGGREGATE_DISTINCT,
        .value = STR("channel == 'a' ? dyn(1) : channel == 'b' ? dyn(1.0) : channel == 'c' ? "
                     "dyn(true) : channel == 'd' ? dyn('1') : dyn(weight)")};
    static const struct {
        const char *channel;
        double weight;
        int n;
    } cases[] = {{"a", 0, 1}, {"b", 0, 1},   {"e", 1, 1},   {"c", 0, 2},     {"d", 0, 3},
                 {"e", 0, 4}, {"e", -0., 4}, {"e", 1.5, 5}, {"e", 1e300, 6}, {"e", 1.5, 6}};
    struct model_spec spec = world_spec();
    struct world w;

    (void)state;
    spec.metrics = &metric;
    spec.n_metrics = 1;
    world_open(&w, &spec);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct checkpoint_entry entry;
        struct event e;
        char id[8], want[8];

        snprintf(id, sizeof(id), "e%zu", i);
        snprintf(want, sizeof(want), "%d", cases[i].n);
        e = world_event(&w, (int64_t)i, IN, "ann", id);
        e.channel = str_of(cases[i].channel);
        e.has_weight = true;
        e.weight = cases[i].weight;
        assert_int_equal(world_apply(&w, &e), 0);
        (void)engine_cut(w.engine, (int64_t)i);
        assert_true(engine_cut_next(w.engine, &entry));
        for (size_t k = 0; k < entry.n_fields; k++) {
            if (str_eq(entry.fields[k].name, STR("m")))
                assert_true(str_eq(entry.fields[k].text, str_of(want)));
        }
        engine_cut_done(w.engine);
    }
    world_close(&w);
}

/* What is shared costs once; who has three values pays tens of bytes; who has none, nothing. */
static void test_memory(void **state)
{
    struct keep k = {.one = {0, 0}};

    (void)state;
    assert_int_equal(sizeof(k), 16);
    assert_int_equal(keep_bytes(&k, KEEP_VALUES), 0);
    for (uint64_t i = 0; i < 30; i++)
        keep_add(&k, KEEP_VALUES, T0 + (int64_t)i, &(struct taken){1, i % 3});
    assert_int_equal(keep_n(&k, KEEP_VALUES), 3);
    assert_true(keep_bytes(&k, KEEP_VALUES) <= 64);
    keep_expire(&k, KEEP_VALUES, T0 + 100);
    assert_int_equal(keep_bytes(&k, KEEP_VALUES), 0);
    keep_deinit(&k, KEEP_VALUES);
}

/* The parts of a full bucket need not add up without rounding: it is full all the same. */
static void test_full_is_full(void **state)
{
    const struct cap_spec cap = {DAYS, 0, 1};
    struct keep k = {.one = {0, 0}};
    double taken, sum = 0;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(keep_cap(&k, &cap, T0, 0.3, &taken));
        sum += taken;
    }
    assert_true(keep_cap(&k, &cap, T0, 0.3, &taken));
    sum += taken;
    assert_true(fabs(sum - 1) < 1e-15);
    assert_true(!keep_cap(&k, &cap, T0, 0.3, &taken));
    assert_true(keep_cap(&k, &cap, T0, 0, &taken) && taken == 0);
    assert_true(keep_cap(&k, &cap, T0, -0.5, &taken) && taken == -0.5);
    assert_true(keep_cap(&k, &cap, T0 + 1, 9, &taken) && taken == 0.5);
    assert_true(keep_cap(&k, &cap, T0 + DAYS, 0.75, &taken) && taken == 0.75);
    assert_true(keep_cap(&k, &cap, T0, 9, &taken) && taken == 1); /* alone */
    assert_true(keep_cap(&k, &cap, T0 + 2 * DAYS - 1, 9, &taken) && taken == 0.25);
}

/* Whatever changes what a metric means changes the version of the rule that reads it. */
static void test_versions(void **state)
{
    static const struct metric_spec variants[] = {
        {.aggregate = AGGREGATE_SUM, .value = STR("weight")},
        {.aggregate = AGGREGATE_MIN, .value = STR("weight")},
        {.aggregate = AGGREGATE_MAX, .value = STR("weight")},
        {.aggregate = AGGREGATE_LAST, .value = STR("weight")},
        {.aggregate = AGGREGATE_DISTINCT, .value = STR("weight")},
        {.aggregate = AGGREGATE_DISTINCT_DAYS},
        {.aggregate = AGGREGATE_COUNT},
        {.aggregate = AGGREGATE_MAX,
         .value = STR("weight"),
         .reach = REACH_WINDOW,
         .reach_ms = HOURS},
        {.aggregate = AGGREGATE_SUM, .value = STR("weight"), .cap = {DAYS, 0, 3}},
        {.aggregate = AGGREGATE_SUM, .value = STR("weight"), .cap = {DAYS, 0, 3.5}},
        {.aggregate = AGGREGATE_SUM, .value = STR("weight"), .cap = {7 * DAYS, 0, 3}},
        {.aggregate = AGGREGATE_SUM, .value = STR("weight"), .cap = {7 * DAYS, 4 * DAYS, 3}},
    };
    char versions[ARRAY_SIZE(variants)][DIGEST_HEX + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
        const struct rule_spec rule = {
            .name = STR("r"), .enter = STR("m > 1"), .severity = STR("info")};
        struct metric_spec metric = variants[i];
        struct model_spec spec = world_spec();
        struct model *model;

        metric.name = STR("m");
        spec.metrics = &metric;
        spec.n_metrics = spec.n_rules = 1;
        spec.rules = &rule;
        model = world_model(&spec);
        snprintf(versions[i], sizeof(versions[i]), "%.*s", STR_ARG(model_rule_version(model, 0)));
        model_free(model);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(versions[i], versions[k]);
    }
}

/* What is not one of the shapes that adding leaves is refused. */
static void test_refuses_what_cannot_be(void **state)
{
    static const struct {
        enum keep_kind kind;
        int64_t at[2];
        double value[2];
        uint64_t number[2];
        bool is_good;
    } cases[] = {
        {KEEP_HIGHS, {T0, T0 + 1}, {2, 1}, {1, 1}, true},
        {KEEP_HIGHS, {T0, T0}, {2, 1}, {1, 1}, false},
        {KEEP_HIGHS, {T0, T0 + 1}, {1, 1}, {1, 1}, false},
        {KEEP_HIGHS, {T0, T0 + 1}, {2, 1}, {1, 0}, false},
        {KEEP_HIGHS, {T0, T0 + 1}, {2, 1}, {ENTRY_NUMBER_MAX + 1, 1}, false},
        {KEEP_HIGHS, {T0, T0 + 1}, {1e101, 1}, {1, 1}, false},
        {KEEP_HIGHS, {T0, INSTANT_MAX_MS + 1}, {2, 1}, {1, 1}, false},
        {KEEP_LOWS, {T0, T0 + 1}, {2, 1}, {1, 1}, false},
        {KEEP_LOWS, {T0, T0 + 1}, {1, 2}, {1, 1}, true},
        {KEEP_DAYS, {T0, T0 + DAYS}, {0}, {0}, true},
        {KEEP_DAYS, {T0, T0 + 1}, {0}, {0}, false},
        {KEEP_VALUES, {T0, T0}, {0}, {0}, true},
        {KEEP_VALUES, {T0 + 1, T0}, {0}, {0}, false},
        {KEEP_VALUES, {INSTANT_MIN_MS - 1, T0}, {0}, {0}, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct keep k = {.one = {0, 0}};
        struct buf b = BUF_INIT;
        struct wire in;

        wire_put_u64(&b, 2);
        for (size_t n = 0; n < 2; n++) {
            wire_put_i64(&b, cases[i].at[n] - (n ? cases[i].at[0] : 0));
            if (cases[i].kind == KEEP_VALUES)
                wire_put_fixed(&b, n, 8);
            if (cases[i].kind == KEEP_HIGHS || cases[i].kind == KEEP_LOWS) {
                wire_put_u64(&b, cases[i].number[n]);
                wire_put_double(&b, cases[i].value[n]);
            }
        }
        in = wire_of(buf_str(&b));
        keep_unpack(&k, cases[i].kind, &in);
        assert_true(in.is_bad != cases[i].is_good);
        keep_deinit(&k, cases[i].kind);
        buf_deinit(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definitions),       cmocka_unit_test(test_flips),
        cmocka_unit_test(test_versions),          cmocka_unit_test(test_full_staircase),
        cmocka_unit_test(test_exact_up_to_64),    cmocka_unit_test(test_staircase_is_bounded),
        cmocka_unit_test(test_many_values),       cmocka_unit_test(test_many_days),
        cmocka_unit_test(test_what_is_different), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_full_is_full),      cmocka_unit_test(test_refuses_what_cannot_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
