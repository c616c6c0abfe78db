/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics that are no sums, and capped sums: random histories with late events, held against the
 * definitions over a plain list of events, at and just before the instants at which events leave
 * windows; and random conditions over them, with every flip that there must be.
 */
#include "engine/model_impl.h"
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

/* One keep serves all windows over the same events. */
static void test_shared(void **state)
{
    static const struct metric_spec many[] = {
        {.name = STR("a"), .aggregate = AGGREGATE_MAX, .value = STR("weight")},
        {.name = STR("b"),
         .aggregate = AGGREGATE_MAX,
         .value = STR("weight"),
         .reach = REACH_WINDOW,
         .reach_ms = DAYS},
        {.name = STR("c"),
         .aggregate = AGGREGATE_MAX,
         .value = STR("(weight)"),
         .reach = REACH_WINDOW,
         .reach_ms = HOURS},
        {.name = STR("d"), .aggregate = AGGREGATE_DISTINCT, .value = STR("channel")},
        {.name = STR("e"),
         .aggregate = AGGREGATE_DISTINCT,
         .value = STR("channel"),
         .reach = REACH_WINDOW,
         .reach_ms = DAYS},
        {.name = STR("f"), .aggregate = AGGREGATE_MEAN, .value = STR("weight")},
    };
    struct model_spec spec = world_spec();
    struct model *model;

    (void)state;
    spec.metrics = many;
    spec.n_metrics = ARRAY_SIZE(many);
    model = world_model(&spec);
    assert_int_equal(model->n_selectors, 2);
    assert_int_equal(model->n_keeps, 3); /* ever, windows, values */
    assert_int_equal(model->keeps[model->metrics[1].keep].longest_ms, DAYS);
    assert_int_equal(model->keeps[model->metrics[4].keep].longest_ms, INT64_MAX);
    model_free(model);
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

static void check_zero(void *ctx, const struct stakeholder_view *view)
{
    (void)ctx;
    assert_true(view->metrics[0].value.d == 0 && !signbit(view->metrics[0].value.d));
}

/* There is one zero, and what is kept is accounted for. */
static void test_zero_and_bytes(void **state)
{
    static const struct metric_spec kept[] = {
        {.name = STR("m"), .aggregate = AGGREGATE_MAX, .value = STR("weight")},
        {.name = STR("ids"), .aggregate = AGGREGATE_DISTINCT, .value = STR("id")},
    };
    struct model_spec spec = world_spec();
    uint64_t before;
    struct world w;

    (void)state;
    spec.metrics = kept;
    spec.n_metrics = ARRAY_SIZE(kept);
    world_open(&w, &spec);
    world_say(&w, 0, IN, "ann", "e", -0.0);
    engine_each(w.engine, check_zero, NULL);
    for (int i = 0; i < 64; i++) /* as many as are remembered as duplicates */
        world_say(&w, i, IN, "ann", (char[]){(char)(33 + i), 33, 0}, -1);
    before = world_stats(&w).n_bytes;
    for (int i = 0; i < 960; i++) {
        char id[8];

        snprintf(id, sizeof(id), "e%d", i);
        world_say(&w, 2 * DAYS + i, IN, "ann", id, -1);
    }
    assert_true(world_stats(&w).n_bytes >= before + 900 * 16);
    assert_true(world_stats(&w).n_bytes <= before + 2000 * 16);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_flips),
        cmocka_unit_test(test_what_is_different),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_zero_and_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
