/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a rule: when it fires, when it clears, to the millisecond. */
#include "world.h"

#include <math.h>

static const struct metric_spec metrics[] = {
    {.name = {"involvement", 11},
     .aggregate = AGGREGATE_SUM,
     .value = {"weight", 6},
     .where = {"direction == \"inbound\"", 22},
     .reach = REACH_HALF_LIFE,
     .reach_ms = DAYS},
    {.name = {"recent", 6},
     .aggregate = AGGREGATE_COUNT,
     .where = {"direction == \"inbound\"", 22},
     .reach = REACH_WINDOW,
     .reach_ms = HOURS},
    {.name = {"total", 5}, .aggregate = AGGREGATE_SUM, .value = {"weight", 6}},
    {.name = {"slow", 4},
     .aggregate = AGGREGATE_SUM,
     .value = {"weight", 6},
     .reach = REACH_HALF_LIFE,
     .reach_ms = 3 * DAYS},
};

static struct rule_spec condition(const char *name, const char *enter, const char *exit)
{
    return (struct rule_spec){.name = str_of(name),
                              .kind = RULE_CONDITION,
                              .enter = str_of(enter),
                              .exit = str_of(exit),
                              .severity = STR("info")};
}

static struct rule_spec owed(const char *name, enum side by, int64_t after_ms)
{
    return (struct rule_spec){.name = str_of(name),
                              .kind = RULE_OWED,
                              .owed_by = by,
                              .owed_after_ms = after_ms,
                              .severity = STR("warning")};
}

static struct model_spec spec_of(const struct rule_spec *rules, size_t n)
{
    struct model_spec spec = world_spec();

    spec.metrics = metrics;
    spec.n_metrics = ARRAY_SIZE(metrics);
    spec.rules = rules;
    spec.n_rules = n;
    return spec;
}

static void open_with(struct world *w, const struct rule_spec *rules, size_t n)
{
    const struct model_spec spec = spec_of(rules, n);

    world_open(w, &spec);
}

/* ---------------------------------------------------------------- conditions */

static void test_hysteresis(void **state)
{
    const struct rule_spec rule = condition("busy", "total >= 3.0", "total < 1.0");
    struct world w;

    (void)state;
    open_with(&w, &rule, 1);
    world_say(&w, 0, IN, "ann", "e1", 2);
    world_expect(&w, "");
    world_say(&w, 1000, IN, "ann", "e2", 1);
    world_expect(&w, "fired busy ann 1000 e2\n");
    world_say(&w, 2000, IN, "ann", "e3", 5);
    world_say(&w, 3000, IN, "ann", "e4", -7); /* 1: neither enter nor exit */
    world_expect(&w, "");
    world_say(&w, 4000, IN, "ann", "e5", -0.5);
    world_expect(&w, "cleared busy ann 4000 e5\n");
    world_say(&w, 5000, IN, "ann", "e6", 2); /* 2.5: not again yet */
    world_expect(&w, "");
    world_say(&w, 6000, IN, "ann", "e7", 0.5);
    world_expect(&w, "fired busy ann 6000 e7\n");
    world_close(&w);
}

static void test_without_exit(void **state)
{
    const struct rule_spec rule = condition("busy", "total >= 3.0", "");
    struct world w;

    (void)state;
    open_with(&w, &rule, 1);
    world_say(&w, 0, IN, "ann", "e1", 3);
    world_say(&w, 1, IN, "ann", "e2", -0.1);
    world_say(&w, 2, IN, "bob", "e3", 3);
    world_expect(&w, "fired busy ann 0 e1\ncleared busy ann 1 e2\nfired busy bob 2 e3\n");
    world_close(&w);
}

static void test_for(void **state)
{
    struct rule_spec rule = condition("busy", "total >= 3.0", "total < 1.0");
    struct world w;

    (void)state;
    rule.for_ms = HOURS;
    open_with(&w, &rule, 1);
    world_say(&w, 0, IN, "ann", "e1", 3);
    world_tick(&w, HOURS); /* not past it: an event of that instant may still come */
    world_expect(&w, "");
    world_tick(&w, HOURS + 1);
    world_expect(&w, "fired busy ann 3600000 e1\n");
    world_close(&w);

    /* Broken at the very last instant, it has not been held. */
    open_with(&w, &rule, 1);
    world_say(&w, 0, IN, "ann", "e1", 3);
    world_say(&w, HOURS, IN, "ann", "e2", -1);
    world_tick(&w, 3 * HOURS);
    world_expect(&w, "");
    world_say(&w, 3 * HOURS, IN, "ann", "e3", 1);
    world_say(&w, 4 * HOURS + 1, IN, "ann", "e4", 1);
    world_expect(&w, "fired busy ann 14400000 e3\n");
    world_close(&w);
}

/* While `exit` holds the condition does not, whatever `enter` says. */
static void test_for_is_broken_by_exit(void **state)
{
    struct rule_spec rule = condition("busy", "total >= 3.0", "recent >= 2");
    struct world w;

    (void)state;
    rule.for_ms = HOURS;
    open_with(&w, &rule, 1);
    world_say(&w, 0, IN, "ann", "e1", 3);
    world_say(&w, 30 * MINUTES, IN, "ann", "e2", 1); /* exit holds until e1 leaves the window */
    world_tick(&w, HOURS + 1);
    world_expect(&w, "");
    world_tick(&w, 3 * HOURS);
    world_expect(&w, "fired busy ann 7200000 e2\n");
    world_close(&w);
}

static void test_cooldown(void **state)
{
    struct rule_spec rule = condition("busy", "total >= 3.0", "");
    struct world w;

    (void)state;
    rule.cooldown_ms = DAYS;
    open_with(&w, &rule, 1);
    world_say(&w, 0, IN, "ann", "e1", 3);
    world_say(&w, 1000, IN, "ann", "e2", -1);
    world_expect(&w, "fired busy ann 0 e1\ncleared busy ann 1000 e2\n");
    /* Began and ended within the cooldown: never fired, never cleared. */
    world_say(&w, 2000, IN, "ann", "e3", 1);
    world_say(&w, 3000, IN, "ann", "e4", -1);
    world_expect(&w, "");
    /* Still holds at its end: fires then. */
    world_say(&w, 4000, IN, "ann", "e5", 1);
    world_tick(&w, DAYS);
    world_expect(&w, "");
    world_tick(&w, DAYS + 1);
    world_expect(&w, "fired busy ann 86400000 e5\n");
    /* From the last `fired`, not the first. */
    world_say(&w, DAYS + 2, IN, "ann", "e6", -1);
    world_say(&w, 2 * DAYS - 1, IN, "ann", "e7", 1);
    world_expect(&w, "cleared busy ann 86400002 e6\n");
    world_say(&w, 2 * DAYS + 1, IN, "bob", "e8", 1);
    world_expect(&w, "fired busy ann 172800000 e7\n");
    /* At its very end it is over. */
    world_say(&w, 3 * DAYS - 1, IN, "ann", "e9", -1);
    world_say(&w, 3 * DAYS, IN, "ann", "e10", 1);
    world_expect(&w, "cleared busy ann 259199999 e9\nfired busy ann 259200000 e10\n");
    world_close(&w);
}

static void test_for_and_cooldown(void **state)
{
    struct rule_spec rule = condition("busy", "total >= 3.0", "");
    struct world w;

    (void)state;
    rule.for_ms = HOURS;
    rule.cooldown_ms = 3 * HOURS;
    open_with(&w, &rule, 1);
    world_say(&w, 0, IN, "ann", "e1", 3);
    world_say(&w, 2 * HOURS, IN, "ann", "e2", -1);
    world_expect(&w, "fired busy ann 3600000 e1\ncleared busy ann 7200000 e2\n");
    world_say(&w, 2 * HOURS + 1, IN, "ann", "e3", 1); /* held from 3 h on, cooling until 4 h */
    world_tick(&w, 5 * HOURS);
    world_expect(&w, "fired busy ann 14400000 e3\n");
    world_close(&w);
}

/* ---------------------------------------------------------------- time alone */

/* The first millisecond at which weights that decay with that half-life are below `limit`. */
static int64_t first_below(const double *weights, const int64_t *ats, size_t n, int64_t half_life,
                           double limit, int64_t from)
{
    for (int64_t t = from;; t++) {
        double sum = 0;

        for (size_t i = 0; i < n; i++)
            sum += weights[i] * exp2(-(double)(t - ats[i]) / (double)half_life);
        if (sum < limit)
            return t;
    }
}

static void test_decay_crosses_at_the_first_millisecond(void **state)
{
    const struct rule_spec rule = condition("busy", "involvement >= 3.0", "involvement < 2.0");
    uint64_t seed = 1;

    (void)state;
    for (int round = 0; round < 50; round++) {
        double weights[3];
        int64_t ats[3], at = 0, guess, exact;
        double sum = 0;
        char want[80];
        struct world w;

        open_with(&w, &rule, 1);
        for (size_t i = 0; i < 3; i++) {
            char id[8];

            ats[i] = at;
            weights[i] = i == 0 ? 3 + world_unit(&seed) : world_unit(&seed);
            snprintf(id, sizeof(id), "e%zu", i);
            world_say(&w, at, IN, "ann", id, weights[i]);
            at += (int64_t)world_below(&seed, HOURS);
        }
        for (size_t i = 0; i < 3; i++)
            sum += weights[i] * exp2(-(double)(ats[2] - ats[i]) / DAYS);
        guess = ats[2] + (int64_t)(log2(sum / 2) * DAYS);
        exact = first_below(weights, ats, 3, DAYS, 2, guess - 5);
        assert_true(exact > guess - 5);
        world_expect(&w, "fired busy ann 0 e0\n");
        world_tick(&w, exact - 1);
        world_expect(&w, "");
        world_tick(&w, exact);
        snprintf(want, sizeof(want), "cleared busy ann %lld e2\n", (long long)exact);
        world_expect(&w, want);
        world_close(&w);
    }
}

static void test_window_empties(void **state)
{
    const struct rule_spec rules[] = {condition("many", "recent >= 2", ""),
                                      condition("silent", "recent == 0", "")};
    struct world w;

    (void)state;
    open_with(&w, rules, 2);
    world_say(&w, 0, IN, "ann", "e1", 1);
    world_say(&w, MINUTES, IN, "ann", "e2", 1);
    world_tick(&w, 2 * HOURS); /* t - W < t_j: e1 leaves exactly one hour after it came */
    world_expect(&w, "fired many ann 60000 e2\ncleared many ann 3600000 e2\n"
                     "fired silent ann 3660000 e2\n");
    world_say(&w, 3 * HOURS, IN, "ann", "e3", 1);
    world_expect(&w, "cleared silent ann 10800000 e3\n");
    world_close(&w);
}

/* Who is not known has no silence: a rule that holds of nothing fires only of somebody. */
static void test_nobody_is_silent(void **state)
{
    const struct rule_spec rule = condition("silent", "recent == 0", "");
    struct world w;

    (void)state;
    open_with(&w, &rule, 1);
    world_tick(&w, 0);
    world_tick(&w, DAYS);
    world_expect(&w, "");
    assert_int_equal(engine_next_wake_ms(w.engine), INT64_MAX);
    /* Nor when the store was asked and had nothing. */
    w.engine = engine_free(w.engine);
    w.engine = world_engine(&w, false);
    engine_set_clock(w.engine, T0 + DAYS);
    assert_int_equal(engine_restore(w.engine, STR("ann"), STR_NULL), 0);
    world_say(&w, 2 * DAYS, IN, "ann", "e1", 1);
    world_expect(&w, "");
    world_tick(&w, 2 * DAYS + HOURS);
    world_expect(&w, "fired silent ann 176400000 e1\n");
    world_close(&w);
}

/* ... even before the first event of the partition, when there is no clock yet. */
static void test_nothing_is_stored_and_no_clock(void **state)
{
    const struct rule_spec rule = condition("silent", "recent == 0", "");
    struct world w;

    (void)state;
    open_with(&w, &rule, 1);
    w.engine = engine_free(w.engine);
    w.engine = world_engine(&w, false);
    assert_int_equal(engine_restore(w.engine, STR("ann"), STR_NULL), 0);
    assert_int_equal(engine_next_wake_ms(w.engine), INT64_MAX);
    world_say(&w, 0, IN, "ann", "e1", 1);
    world_expect(&w, "");
    world_close(&w);
}

static void test_order(void **state)
{
    const struct rule_spec rules[] = {condition("b-silent", "recent == 0", ""),
                                      condition("a-silent", "recent < 1", ""),
                                      owed("overdue", SIDE_ORGANISATION, HOURS)};
    struct world w;

    (void)state;
    open_with(&w, rules, 3);
    world_ask(&w, 0, "dan", "q1");
    world_ask(&w, 0, "bob", "q2");
    world_ask(&w, 1, "ann", "q3");
    world_tick(&w, 3 * HOURS);
    world_expect(&w, "fired b-silent bob 3600000 q2\nfired a-silent bob 3600000 q2\n"
                     "fired b-silent dan 3600000 q1\nfired a-silent dan 3600000 q1\n"
                     "fired overdue bob 3600000 q2\nfired overdue dan 3600000 q1\n"
                     "fired b-silent ann 3600001 q3\nfired a-silent ann 3600001 q3\n"
                     "fired overdue ann 3600001 q3\n");
    world_close(&w);
}

/* ---------------------------------------------------------------- owed */

static void test_owed(void **state)
{
    const struct rule_spec rule = owed("overdue", SIDE_ORGANISATION, HOURS);
    struct world w;

    (void)state;
    open_with(&w, &rule, 1);
    world_ask(&w, 0, "ann", "q1");
    world_answer(&w, HOURS, "ann", "a1"); /* exactly at the deadline: in time */
    world_tick(&w, DAYS);
    world_expect(&w, "");

    world_ask(&w, DAYS, "ann", "q2");
    world_tick(&w, DAYS + HOURS);
    world_expect(&w, "");
    world_tick(&w, DAYS + HOURS + 1);
    world_expect(&w, "fired overdue ann 90000000 q2\n");
    world_tick(&w, 20 * DAYS); /* once */
    world_ask(&w, 20 * DAYS, "ann", "q3");
    world_expect(&w, "");
    world_answer(&w, 21 * DAYS, "ann", "a2");
    world_expect(&w, "cleared overdue ann 1814400000 a2\n");
    buf_add_char(&w.details, '\0');
    assert_non_null(strstr(w.details.ptr, "answered after 20d, 19d 23h late."));
    world_close(&w);
}

static void test_owed_by_them(void **state)
{
    const struct rule_spec rules[] = {owed("ours", SIDE_ORGANISATION, HOURS),
                                      owed("theirs", SIDE_STAKEHOLDER, HOURS)};
    struct event e;
    struct world w;

    (void)state;
    open_with(&w, rules, 2);
    e = world_event(&w, 0, OUT, "ann", "q1");
    e.verb = STR("question");
    e.conversation = STR("c");
    assert_int_equal(world_apply(&w, &e), 0);
    world_tick(&w, 2 * HOURS);
    world_expect(&w, "fired theirs ann 3600000 q1\n");
    world_close(&w);
}

static void ask_in(struct world *w, int64_t at, const char *conversation, const char *id)
{
    struct event e = world_event(w, at, IN, "ann", id);

    e.verb = STR("question");
    e.conversation = str_of(conversation);
    assert_int_equal(world_apply(w, &e), 0);
}

static void test_owed_cooldown(void **state)
{
    struct rule_spec rule = owed("overdue", SIDE_ORGANISATION, HOURS);
    struct event answer;
    struct world w;

    (void)state;
    rule.cooldown_ms = 10 * HOURS;
    open_with(&w, &rule, 1);
    ask_in(&w, 0, "c1", "q1");
    ask_in(&w, 1000, "c2", "q2");
    ask_in(&w, 2000, "c3", "q3");
    world_tick(&w, 5 * HOURS);
    world_expect(&w, "fired overdue ann 3600000 q1\n");
    answer = world_event(&w, 6 * HOURS, OUT, "ann", "a2"); /* never fired: never cleared */
    answer.conversation = STR("c2");
    assert_int_equal(world_apply(&w, &answer), 0);
    world_expect(&w, "");
    world_tick(&w, 11 * HOURS + 1);
    world_expect(&w, "fired overdue ann 39600000 q3\n");
    world_close(&w);
}

/* ---------------------------------------------------------------- late events, lateness */

static void test_late(void **state)
{
    const struct rule_spec rules[] = {condition("busy", "total >= 3.0", ""),
                                      owed("overdue", SIDE_ORGANISATION, HOURS)};
    struct world w;

    (void)state;
    open_with(&w, rules, 2);
    world_tick(&w, 2 * HOURS);
    world_say(&w, HOURS, IN, "ann", "e1", 3); /* holds from when we knew */
    world_expect(&w, "fired busy ann 7200000 e1\n");
    world_ask(&w, 0, "bob", "q1"); /* overdue already: since its deadline */
    world_expect(&w, "fired overdue bob 3600000 q1\n");
    world_answer(&w, 30 * MINUTES, "bob", "a1"); /* in time, though we learn it only now */
    world_expect(&w, "cleared overdue bob 1800000 a1\n");
    buf_add_char(&w.details, '\0');
    assert_non_null(strstr(w.details.ptr, "in time; the answer reached us only after"));
    /* The answer first, its question later: nothing is owed. */
    world_answer(&w, 40 * MINUTES, "eve", "a2");
    world_ask(&w, 39 * MINUTES, "eve", "q2");
    world_tick(&w, DAYS);
    world_expect(&w, "");
    assert_int_equal(world_stats(&w).n_late, 5);
    world_close(&w);
}

struct said {
    int64_t at;
    unsigned n;
};

static void say_all(struct world *w, const struct said *said, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char id[16], who[8], sequence[8];
        struct event e;

        snprintf(id, sizeof(id), "e%u", said[i].n);
        snprintf(who, sizeof(who), "s%u", said[i].n % 3);
        snprintf(sequence, sizeof(sequence), "%05u", said[i].n);
        e = world_event(w, said[i].at, said[i].n % 4 == 1 ? OUT : IN, who, id);
        e.sequence = str_of(sequence);
        e.verb = said[i].n % 5 == 0 ? STR("question") : STR("reply");
        e.conversation = STR("c");
        e.has_weight = true;
        e.weight = 0.25 * (said[i].n % 7);
        assert_int_equal(world_apply(w, &e), 0);
    }
    world_tick(w, 100 * DAYS);
}

/* Every event at most `lateness` behind the latest before it; some twice. */
static void shuffle(struct said *said, size_t n, int64_t lateness, uint64_t *seed)
{
    for (size_t k = 0; k < 4 * n; k++) {
        size_t i = world_below(seed, n - 1);
        struct said swap = said[i];
        int64_t latest = INT64_MIN;
        bool is_within = true;

        said[i] = said[i + 1];
        said[i + 1] = swap;
        for (size_t j = 0; j < n; j++) {
            latest = said[j].at > latest ? said[j].at : latest;
            is_within &= said[j].at >= latest - lateness;
        }
        if (is_within)
            continue;
        swap = said[i];
        said[i] = said[i + 1];
        said[i + 1] = swap;
    }
}

/* Causes lie elsewhere in the log, and times of noticing differ: the rest is the same. */
static void test_shuffled_within_lateness(void **state)
{
    struct rule_spec rules[] = {condition("busy", "involvement >= 2.0", "involvement < 1.0"),
                                condition("many", "recent >= 3", ""),
                                owed("overdue", SIDE_ORGANISATION, 3 * MINUTES)};
    uint64_t seed = 3;

    (void)state;
    rules[0].for_ms = MINUTES;
    rules[1].cooldown_ms = 2 * HOURS;
    for (int round = 0; round < 30; round++) {
        struct model_spec spec = spec_of(rules, 3);
        struct said said[60];
        struct world w[2];

        spec.lateness_ms = 5 * MINUTES;
        for (size_t i = 0; i < ARRAY_SIZE(said); i++)
            said[i] = (struct said){(int64_t)(i * 40 + world_below(&seed, 40)) * SECONDS / 40 * 40,
                                    (unsigned)i};
        world_open(&w[0], &spec);
        say_all(&w[0], said, ARRAY_SIZE(said));
        shuffle(said, ARRAY_SIZE(said), spec.lateness_ms, &seed);
        world_open(&w[1], &spec);
        say_all(&w[1], said, ARRAY_SIZE(said));
        assert_int_equal(world_stats(&w[1]).n_late, 0);
        assert_int_equal(world_stats(&w[1]).n_held, 0);
        buf_add_char(&w[1].lines, '\0');
        world_expect(&w[0], w[1].lines.ptr);
        world_close(&w[0]);
        world_close(&w[1]);
    }
}

/* Late by exactly the lateness is in time; a millisecond more is late. */
static void test_late_by_the_lateness(void **state)
{
    const struct rule_spec rule = owed("overdue", SIDE_ORGANISATION, MINUTES);
    struct model_spec spec = spec_of(&rule, 1);
    struct world w;

    (void)state;
    spec.lateness_ms = MINUTES;
    world_open(&w, &spec);
    world_ask(&w, 0, "ann", "q1");
    world_say(&w, 2 * MINUTES, IN, "bob", "e1", 1);
    world_answer(&w, MINUTES, "ann", "a1");
    assert_int_equal(world_stats(&w).n_late, 0);
    world_say(&w, MINUTES - 1, IN, "bob", "e2", 1);
    assert_int_equal(world_stats(&w).n_late, 1);
    assert_int_equal(engine_clock_ms(w.engine), T0 + MINUTES);
    world_tick(&w, 10 * MINUTES);
    world_expect(&w, "");
    world_close(&w);
}

static void test_duplicates(void **state)
{
    const struct rule_spec rule = condition("busy", "total >= 3.0", "");
    struct event e;
    struct world w;

    (void)state;
    open_with(&w, &rule, 1);
    for (int i = 0; i < 3; i++) {
        e = world_event(&w, i, IN, "ann", "e1");
        assert_int_equal(world_apply(&w, &e), i ? ENGINE_E_DUPLICATE : 0);
    }
    e.source = STR("elsewhere"); /* another event of that name */
    e.has_weight = true;
    e.weight = 2.5;
    assert_int_equal(world_apply(&w, &e), 0);
    assert_int_equal(world_stats(&w).n_duplicates, 2);
    world_expect(&w, "fired busy ann 2 e1\n");
    world_close(&w);
}

/* ---------------------------------------------------------------- ids */

static void test_ids_are_fixed(void **state)
{
    const struct rule_spec rules[] = {condition("busy", "total >= 3.0", ""),
                                      owed("overdue", SIDE_ORGANISATION, HOURS)};
    static const char *const want[] = {"6d61999cb4cbce5e7ee45f8453abf687",
                                       "bd8a6713e73b15b74b252e992239218e"};
    struct world w;

    (void)state;
    for (int64_t first = 0; first < 2000; first += 1000) {
        open_with(&w, rules, 2);
        w.offset = first; /* wherever in the log it lies */
        world_say(&w, 0, IN, "ann", "e1", 3);
        assert_string_equal(w.last_id, want[0]);
        world_ask(&w, 0, "ann", "q1");
        world_tick(&w, DAYS);
        assert_string_equal(w.last_id, want[1]);
        world_close(&w);
    }
}

static void test_ids_differ_by(void **state)
{
    struct rule_spec rules[2] = {condition("busy", "total >= 3.0", ""),
                                 condition("busy", "total>=3.0", "")};
    char ids[5][DIGEST_HEX + 1];
    struct world w;

    (void)state;
    for (int i = 0; i < 5; i++) {
        struct model_spec spec = spec_of(&rules[i == 1], 1);

        if (i == 2)
            spec.deployment = STR("other");
        if (i == 3)
            rules[0].route = STR("sales"); /* another version of the rule */
        world_open(&w, &spec);
        world_say(&w, 0, IN, i == 4 ? "bob" : "ann", "e1", 3);
        memcpy(ids[i], w.last_id, sizeof(ids[i]));
        world_close(&w);
    }
    assert_string_equal(ids[0], ids[1]); /* spelling is no difference */
    for (int i = 2; i < 5; i++) {
        for (int k = 0; k < i; k++)
            assert_string_not_equal(ids[i], ids[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hysteresis),
        cmocka_unit_test(test_without_exit),
        cmocka_unit_test(test_for),
        cmocka_unit_test(test_for_is_broken_by_exit),
        cmocka_unit_test(test_cooldown),
        cmocka_unit_test(test_for_and_cooldown),
        cmocka_unit_test(test_decay_crosses_at_the_first_millisecond),
        cmocka_unit_test(test_window_empties),
        cmocka_unit_test(test_nobody_is_silent),
        cmocka_unit_test(test_nothing_is_stored_and_no_clock),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_owed),
        cmocka_unit_test(test_owed_by_them),
        cmocka_unit_test(test_owed_cooldown),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_shuffled_within_lateness),
        cmocka_unit_test(test_late_by_the_lateness),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_ids_are_fixed),
        cmocka_unit_test(test_ids_differ_by),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
