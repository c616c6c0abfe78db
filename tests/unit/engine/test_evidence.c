/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What triggers name behind their values, against a history that forgets nothing: which events,
 * what each adds at that instant, and that base and weights are the value.
 */
#include "world.h"

#include <math.h>

#define N_SUBJECTS  3
#define N_HISTORIES 1000
#define N_EVENTS    120
#define HALF_LIFE   (2 * HOURS)
#define WINDOW      (90 * MINUTES)

#define METRIC(text, how, of, far, ms)                                                             \
    {                                                                                              \
        .name = {text, sizeof(text) - 1}, .aggregate = AGGREGATE_##how,                            \
        .value = {of, sizeof(of) - 1}, .where = {"direction == 'inbound'", 22},                    \
        .reach = REACH_##far, .reach_ms = (ms)                                                     \
    }

static const struct metric_spec metrics[] = {
    METRIC("count_ever", COUNT, "", EVER, 0),
    METRIC("count_half", COUNT, "", HALF_LIFE, HALF_LIFE),
    METRIC("count_window", COUNT, "", WINDOW, WINDOW),
    METRIC("sum_ever", SUM, "weight", EVER, 0),
    METRIC("sum_half", SUM, "weight", HALF_LIFE, HALF_LIFE),
    METRIC("sum_window", SUM, "weight", WINDOW, WINDOW),
    METRIC("mean_ever", MEAN, "sentiment", EVER, 0),
    METRIC("mean_half", MEAN, "sentiment", HALF_LIFE, HALF_LIFE),
    METRIC("mean_window", MEAN, "sentiment", WINDOW, WINDOW),
};

#define RULE(text, from, to)                                                                       \
    {                                                                                              \
        .name = {text, sizeof(text) - 1}, .enter = {from, sizeof(from) - 1},                       \
        .exit = {to, sizeof(to) - 1}, .severity = {                                                \
            "info",                                                                                \
            4                                                                                      \
        }                                                                                          \
    }

static const struct rule_spec rules[] = {
    RULE("counts", "count_half >= 2.0 && count_ever > 1", "count_half < 1.0"),
    RULE("sums", "sum_half >= 1.5 || sum_ever > 20.0", "sum_half < 0.7 && sum_ever < 15.0"),
    RULE("windows", "count_window >= 2 && sum_window > 0.5", "count_window == 0"),
    RULE("means", "mean_half > 0.1 && mean_ever > 0.0", "mean_half < 0.05"),
    RULE("mean_now", "mean_window > 0.2", ""),
};

/* One event that somebody remembers. */
struct remembered {
    char id[12];
    int64_t time_ms;
    double weight, sentiment;
    bool has_sentiment, is_inbound;
    bool is_in_time; /* for the windows */
};

struct memory {
    struct engine *engine;
    uint32_t n_evidence;
    struct remembered of[N_SUBJECTS][N_EVENTS];
    size_t n[N_SUBJECTS];
    size_t n_checked, n_events, n_by_time, n_with_base;
};

/* ---- by the definitions ---- */

static bool counts(const struct metric_spec *metric, const struct remembered *r)
{
    return r->is_inbound && (metric->aggregate != AGGREGATE_MEAN || r->has_sentiment);
}

static bool is_in_reach(const struct metric_spec *metric, const struct remembered *r, int64_t at_ms)
{
    return counts(metric, r) && (metric->reach != REACH_WINDOW ||
                                 (r->time_ms > at_ms - metric->reach_ms && r->is_in_time));
}

static long double decayed(const struct metric_spec *metric, const struct remembered *r,
                           int64_t at_ms)
{
    long double age = (long double)(at_ms - r->time_ms);

    return metric->reach == REACH_HALF_LIFE ? exp2l(-age / (long double)metric->reach_ms) : 1;
}

static long double weight_of(const struct metric_spec *metric, const struct remembered *r,
                             int64_t at_ms, long double count)
{
    long double share = decayed(metric, r, at_ms);

    if (metric->aggregate == AGGREGATE_COUNT)
        return share;
    return metric->aggregate == AGGREGATE_SUM ? r->weight * share : r->sentiment * share / count;
}

/* Whether it is among the latest that counted for any metric: all that are inbound. */
static bool is_latest(const struct memory *mem, size_t who, size_t i)
{
    const struct remembered *of = mem->of[who];
    size_t n_later = 0;

    for (size_t k = 0; k < mem->n[who]; k++)
        n_later += of[k].is_inbound &&
                   (of[k].time_ms > of[i].time_ms || (of[k].time_ms == of[i].time_ms && k > i));
    return of[i].is_inbound && n_later < mem->n_evidence;
}

static const struct metric_spec *metric_of(struct str name)
{
    size_t i = 0;

    while (!str_eq(metrics[i].name, name))
        i++;
    return &metrics[i];
}

static const struct contributing_event *listed(const struct contribution *c, const char *id)
{
    for (size_t i = 0; i < c->n_events; i++) {
        if (str_eq(c->events[i].id, str_of(id)))
            return &c->events[i];
    }
    return NULL;
}

static double number_of(const struct trigger *t, struct str name)
{
    for (size_t i = 0; i < t->n_values; i++) {
        if (str_eq(t->values[i].name, name))
            return t->values[i].value.type == VALUE_INT ? (double)t->values[i].value.i
                                                        : t->values[i].value.d;
    }
    fail();
    return 0;
}

/* ---- a trigger against them ---- */

static void check_sum(const struct trigger *t, const struct contribution *c)
{
    double value = number_of(t, c->metric), sum = c->base, largest = fabs(c->base);

    assert_true(c->has_base);
    for (size_t i = 0; i < c->n_events; i++) {
        sum += c->events[i].weight;
        largest = fmax(largest, fabs(c->events[i].weight));
        assert_true(i == 0 || c->events[i - 1].time_ms <= c->events[i].time_ms);
    }
    if (fabs(sum - value) > 1e-9 * fabs(value) + 1e-15 * largest)
        print_error("%.*s: %.17g, but its parts are %.17g\n", STR_ARG(c->metric), value, sum);
    assert_true(fabs(sum - value) <= 1e-9 * fabs(value) + 1e-15 * largest);
}

static void check_events(struct memory *mem, size_t who, const struct contribution *c,
                         int64_t at_ms)
{
    const struct metric_spec *metric = metric_of(c->metric);
    long double count = 0, rest = 0, scale = 0;
    size_t n = 0;

    for (size_t i = 0; i < mem->n[who]; i++)
        count += is_in_reach(metric, &mem->of[who][i], at_ms)
                     ? decayed(metric, &mem->of[who][i], at_ms)
                     : 0;
    for (size_t i = 0; i < mem->n[who]; i++) {
        const struct remembered *r = &mem->of[who][i];
        const struct contributing_event *event = listed(c, r->id);
        long double weight;

        if (!is_in_reach(metric, r, at_ms)) {
            assert_null(event);
            continue;
        }
        weight = weight_of(metric, r, at_ms, count);
        scale = fmaxl(scale, fabsl(weight));
        if (event && fabsl(event->weight - weight) > 1e-9L * fabsl(weight))
            print_error("%.*s of %s: weighs %.17g, not %.17Lg\n", STR_ARG(c->metric), r->id,
                        event->weight, weight);
        assert_int_equal(event != NULL, is_latest(mem, who, i));
        n += event != NULL;
        if (!event)
            rest += weight;
        else
            assert_true(fabsl(event->weight - weight) <= 1e-9L * fabsl(weight) + 1e-300L);
    }
    assert_int_equal(c->n_events, n);
    assert_true(fabsl(c->base - rest) <= 1e-9L * (fabsl(rest) + scale));
    mem->n_events += n;
    mem->n_with_base += c->base != 0;
}

static size_t subject_at(struct str subject)
{
    return (size_t)(subject.ptr[0] - 'a');
}

static void check_trigger(void *ctx, const struct trigger *t)
{
    struct memory *mem = ctx;
    size_t who = subject_at(t->stakeholder);
    int64_t at_ms = t->time_ms;

    for (size_t i = 0; i < mem->n[who]; i++)
        at_ms = mem->of[who][i].time_ms > at_ms ? mem->of[who][i].time_ms : at_ms;
    for (size_t i = 0; i < t->n_contributions; i++) {
        check_sum(t, &t->contributions[i]);
        check_events(mem, who, &t->contributions[i], at_ms);
    }
    for (size_t i = 0, n = 0; i < t->n_values; i++) {
        if (t->values[i].value.type == VALUE_ABSENT)
            continue;
        assert_true(str_eq(t->contributions[n++].metric, t->values[i].name));
        assert_true(n <= t->n_contributions);
    }
    mem->n_checked++;
    mem->n_by_time += t->edge == EDGE_CLEARED && t->n_contributions;
}

/* ---- histories ---- */

static struct model_spec spec_of(uint32_t n_evidence)
{
    struct model_spec spec = world_spec();

    spec.evidence_events = n_evidence;
    spec.metrics = metrics;
    spec.n_metrics = ARRAY_SIZE(metrics);
    spec.rules = rules;
    spec.n_rules = ARRAY_SIZE(rules);
    return spec;
}

/* Remembered before it is applied, as the engine would have it: its triggers come while it is. */
static void happen(struct memory *mem, int64_t now_ms, size_t i, uint64_t *seed)
{
    char subject[2] = {(char)('a' + world_below(seed, N_SUBJECTS)), '\0'};
    size_t who = subject_at(str_of(subject));
    struct remembered *r = &mem->of[who][mem->n[who]];
    int64_t latest_ms;

    *r = (struct remembered){.time_ms = now_ms,
                             .weight = world_unit(seed) * 4 - 1,
                             .sentiment = world_unit(seed) * 2 - 1,
                             .has_sentiment = world_below(seed, 3) > 0,
                             .is_inbound = world_below(seed, 4) > 0};
    if (world_below(seed, 5) == 0)
        r->time_ms -= (int64_t)world_below(seed, 3 * HOURS);
    snprintf(r->id, sizeof(r->id), "e%zu", i);
    latest_ms = engine_clock_ms(mem->engine);
    if (r->time_ms > latest_ms)
        latest_ms = r->time_ms;
    r->is_in_time = r->time_ms > latest_ms - WINDOW;
    engine_tick(mem->engine, r->time_ms, (int64_t)i); /* what is due before does not know of it */
    mem->n[who]++;
    assert_int_equal(
        engine_apply(mem->engine, &(struct event){.type = EVENT_INTERACTION,
                                                  .id = str_of(r->id),
                                                  .source = STR("test"),
                                                  .subject = str_of(subject),
                                                  .time_ms = r->time_ms,
                                                  .offset = (int64_t)i,
                                                  .direction = r->is_inbound ? IN : OUT,
                                                  .verb = STR("view"),
                                                  .has_weight = true,
                                                  .weight = r->weight,
                                                  .has_sentiment = r->has_sentiment,
                                                  .sentiment = r->sentiment}),
        0);
}

static void run_history(uint64_t seed, struct memory *mem)
{
    static const uint32_t sizes[] = {1, 2, 3, 16};
    const uint32_t n_evidence = sizes[seed % ARRAY_SIZE(sizes)];
    const struct model_spec spec = spec_of(n_evidence);
    struct model *model = world_model(&spec);
    const struct engine_opts opts = {.is_complete = true, .on_trigger = check_trigger, .ctx = mem};
    int64_t now_ms = T0;

    memset(mem->n, 0, sizeof(mem->n));
    mem->n_evidence = n_evidence;
    mem->engine = engine_new(model, &opts);
    for (size_t i = 0; i < N_EVENTS; i++) {
        now_ms += (int64_t)world_below(&seed, 15 * MINUTES);
        happen(mem, now_ms, i, &seed);
    }
    engine_finish(mem->engine, now_ms + DAYS);
    engine_free(mem->engine);
    model_free(model);
}

static void test_values_are_their_contributions(void **state)
{
    struct memory mem = {.n_checked = 0};

    (void)state;
    for (uint64_t seed = 0; seed < N_HISTORIES; seed++)
        run_history(seed, &mem);
    assert_true(mem.n_checked > 20 * N_HISTORIES);
    assert_true(mem.n_events > mem.n_checked);
    assert_true(mem.n_by_time > N_HISTORIES);
    assert_true(mem.n_with_base > N_HISTORIES);
}

/* ---- one thing each ---- */

struct seen {
    struct buf lines;
};

/* "METRIC = BASE + ID WEIGHT + ID WEIGHT" */
static void note_trigger(void *ctx, const struct trigger *t)
{
    struct seen *seen = ctx;

    for (size_t i = 0; i < t->n_contributions; i++) {
        const struct contribution *c = &t->contributions[i];

        buf_addf(&seen->lines, "%.*s = %g", STR_ARG(c->metric), c->base);
        for (size_t k = 0; k < c->n_events; k++)
            buf_addf(&seen->lines, " + %.*s/%.*s@%lld %g", STR_ARG(c->events[k].source),
                     STR_ARG(c->events[k].id), (long long)c->events[k].offset, c->events[k].weight);
        buf_add_char(&seen->lines, '\n');
    }
}

static void expect(struct seen *seen, const char *lines)
{
    buf_add_char(&seen->lines, '\0');
    assert_string_equal(seen->lines.ptr, lines);
    buf_reset(&seen->lines);
}

static const struct metric_spec total[] = {
    {.name = {"total", 5}, .aggregate = AGGREGATE_SUM, .value = {"weight", 6}},
    {.name = {"faded", 5},
     .aggregate = AGGREGATE_SUM,
     .value = {"weight", 6},
     .reach = REACH_HALF_LIFE,
     .reach_ms = HOURS},
};
static const struct rule_spec total_rules[] = {
    RULE("much", "total >= 4.0", ""),
    RULE("more", "faded >= 4.0", ""),
};

static void open_small(struct world *w, struct seen *seen, uint32_t n_evidence, size_t n)
{
    struct model_spec spec = world_spec();
    struct engine_opts opts = {.is_complete = true, .on_trigger = note_trigger, .ctx = seen};

    spec.evidence_events = n_evidence;
    spec.metrics = total;
    spec.n_metrics = n;
    spec.rules = total_rules;
    spec.n_rules = n;
    *w = (struct world){.model = world_model(&spec)};
    w->engine = engine_new(w->model, &opts);
}

static void close_small(struct world *w, struct seen *seen)
{
    world_close(w);
    buf_deinit(&seen->lines);
}

static void test_latest_and_base(void **state)
{
    struct seen seen = {BUF_INIT};
    struct world w;

    (void)state;
    open_small(&w, &seen, 2, 1);
    world_say(&w, 0, IN, "ann", "a", 1.5);
    world_say(&w, MINUTES, IN, "ann", "c", 1);
    world_say(&w, 30 * SECONDS, IN, "ann", "b", 0.5); /* late, and yet among the latest */
    world_say(&w, 1, IN, "ann", "old", 0.25);         /* not among them */
    expect(&seen, "");
    world_say(&w, 2 * MINUTES, IN, "ann", "d", 2);
    expect(&seen, "total = 2.25 + test/c@1 1 + test/d@4 2\n");
    close_small(&w, &seen);
}

static void test_none_wanted(void **state)
{
    struct seen seen = {BUF_INIT};
    struct world w;

    (void)state;
    open_small(&w, &seen, 0, 1);
    world_say(&w, 0, IN, "ann", "a", 5);
    assert_int_equal(world_stats(&w).n_fired, 1);
    expect(&seen, "");
    close_small(&w, &seen);
}

/* A metric that begins anew was not made of what was there before, though it looks at the same. */
static void test_new_metric_has_no_past(void **state)
{
    struct seen seen = {BUF_INIT}, none = {BUF_INIT};
    struct world w, next;

    (void)state;
    open_small(&w, &seen, 3, 1);
    open_small(&next, &none, 3, 2);
    world_say(&w, 0, IN, "ann", "a", 3);
    engine_reconfigure(w.engine, next.model);
    world_say(&w, HOURS, IN, "ann", "b", 4);
    expect(&seen, "total = 3 + test/b@1 4\nfaded = 0 + test/b@1 4\n");
    engine_free(w.engine);
    model_free(w.model);
    w.engine = NULL;
    w.model = NULL;
    close_small(&w, &seen);
    close_small(&next, &none);
}

/* Across another configuration that keeps the metric, and fewer events. */
static void test_kept_across_reload(void **state)
{
    struct seen seen = {BUF_INIT}, none = {BUF_INIT};
    struct world w, next;

    (void)state;
    open_small(&w, &seen, 16, 2);
    open_small(&next, &none, 2, 1);
    world_say(&w, 0, IN, "ann", "a", 1);
    world_say(&w, MINUTES, IN, "ann", "b", 1);
    world_say(&w, 2 * MINUTES, OUT, "ann", "c", 1);
    engine_reconfigure(w.engine, next.model);
    world_say(&w, 3 * MINUTES, IN, "ann", "d", 1);
    expect(&seen, "total = 2 + test/c@2 1 + test/d@3 1\n");
    engine_free(w.engine);
    model_free(w.model);
    w.engine = NULL;
    w.model = NULL;
    close_small(&w, &seen);
    close_small(&next, &none);
}

/* A wider window begins with what the narrower one had kept. */
static void test_window_grows(void **state)
{
    struct metric_spec window = {.name = {"n", 1}, .reach = REACH_WINDOW, .reach_ms = HOURS};
    struct rule_spec two = RULE("two", "n >= 2", "");
    struct seen seen = {BUF_INIT};
    struct engine_opts opts = {.is_complete = true, .on_trigger = note_trigger, .ctx = &seen};
    struct model_spec spec = world_spec();
    struct model *narrow;
    struct world w;

    (void)state;
    spec.evidence_events = 3;
    spec.metrics = &window;
    spec.n_metrics = 1;
    spec.rules = &two;
    spec.n_rules = 1;
    narrow = world_model(&spec);
    window.reach_ms = DAYS;
    w = (struct world){.model = world_model(&spec)};
    w.engine = engine_new(narrow, &opts);
    world_say(&w, 0, IN, "ann", "a", 1);
    world_say(&w, 2 * HOURS, IN, "ann", "b", 1);
    engine_reconfigure(w.engine, w.model);
    expect(&seen, "");
    world_say(&w, 3 * HOURS, IN, "ann", "c", 1);
    expect(&seen, "n = 0 + test/b@1 1 + test/c@2 1\n");
    close_small(&w, &seen);
    model_free(narrow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_their_contributions),
        cmocka_unit_test(test_latest_and_base),
        cmocka_unit_test(test_none_wanted),
        cmocka_unit_test(test_new_metric_has_no_past),
        cmocka_unit_test(test_kept_across_reload),
        cmocka_unit_test(test_window_grows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
