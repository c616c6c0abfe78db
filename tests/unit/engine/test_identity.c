/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ids are one person: after the merge everything is as if all events had been of one; and what
 * was merged is known for as long as a replay may need it.
 */
#include "world.h"

#include <math.h>
#include <stdlib.h>

static const struct metric_spec metrics[] = {
    {.name = {"involvement", 11},
     .aggregate = AGGREGATE_SUM,
     .value = {"weight", 6},
     .where = {"direction == \"inbound\"", 22},
     .reach = REACH_HALF_LIFE,
     .reach_ms = HOURS},
    {.name = {"recent", 6},
     .aggregate = AGGREGATE_COUNT,
     .reach = REACH_WINDOW,
     .reach_ms = 40 * MINUTES},
    {.name = {"worth", 5},
     .aggregate = AGGREGATE_MEAN,
     .value = {"weight", 6},
     .reach = REACH_WINDOW,
     .reach_ms = 90 * MINUTES},
    {.name = {"mean", 4},
     .aggregate = AGGREGATE_MEAN,
     .value = {"weight", 6},
     .reach = REACH_HALF_LIFE,
     .reach_ms = 2 * HOURS},
    {.name = {"total", 5}, .aggregate = AGGREGATE_COUNT},
    {.name = {"least", 5}, .aggregate = AGGREGATE_MIN, .value = {"weight", 6}},
    {.name = {"most", 4},
     .aggregate = AGGREGATE_MAX,
     .value = {"weight", 6},
     .reach = REACH_WINDOW,
     .reach_ms = HOURS},
    {.name = {"last", 4}, .aggregate = AGGREGATE_LAST, .value = {"weight", 6}},
    {.name = {"topics", 6}, .aggregate = AGGREGATE_DISTINCT, .value = {"conversation", 12}},
};

static const struct rule_spec rules[] = {
    {.name = {"hot", 3},
     .enter = {"involvement >= 3.0", 18},
     .exit = {"involvement < 0.7", 17},
     .severity = {"info", 4}},
    {.name = {"never", 5}, /* reads what is derived, so that it is kept */
     .enter = {"balance > 2.0 || pressure > 1000 || trust > 2.0 || tie > 2.0 || "
               "turns.unresolved > 1000 || measure.delight > 2.0 || reply.ours.in_time > 2.0",
               140},
     .severity = {"info", 4}},
    {.name = {"overdue", 7},
     .kind = RULE_OWED,
     .owed_by = SIDE_ORGANISATION,
     .owed_after_ms = 10 * MINUTES,
     .severity = {"warning", 7}},
    {.name = {"absent", 6},
     .kind = RULE_ABSENT,
     .where = {"verb == \"view\"", 14},
     .within_ms = 30 * MINUTES,
     .severity = {"info", 4}},
};

static struct model_spec spec_of(int64_t lateness_ms)
{
    struct model_spec spec = world_spec();

    spec.lateness_ms = lateness_ms;
    spec.metrics = metrics;
    spec.n_metrics = ARRAY_SIZE(metrics);
    spec.rules = rules;
    spec.n_rules = ARRAY_SIZE(rules);
    spec.backfill_until_ms = INT64_MIN;
    return spec;
}

static struct event identity(struct world *w, int64_t at, const char *subject, const char *into)
{
    struct event e = world_event(w, at, IN, subject, "identity");

    e.type = EVENT_IDENTITY;
    e.identity.action = into ? IDENTITY_MERGE : IDENTITY_ERASE;
    e.identity.into = into ? str_of(into) : STR_NULL;
    return e;
}

static void become(struct world *w, int64_t at, const char *subject, const char *into)
{
    struct event e = identity(w, at, subject, into);

    assert_int_equal(world_apply(w, &e), 0);
}

/* ---- as one ---- */

struct look {
    double metrics[ARRAY_SIZE(metrics) + 40];
    size_t n_metrics;
    char obligations[40][80];
    size_t n_obligations, n_views;
};

static int compare_lines(const void *a, const void *b)
{
    return strcmp(a, b);
}

static double number_of(const struct value *v)
{
    return v->type == VALUE_DOUBLE                             ? v->d
           : v->type == VALUE_ABSENT                           ? -1
           : v->type == VALUE_INT || v->type == VALUE_DURATION ? (double)v->i
                                                               : 0;
}

static void look_at(void *ctx, const struct stakeholder_view *v)
{
    struct look *look = ctx;

    look->n_views++;
    look->n_metrics = 0;
    for (size_t i = 0; i < v->n_metrics; i++)
        look->metrics[look->n_metrics++] = number_of(&v->metrics[i].value);
    for (size_t i = 0; i < v->n_derived; i++)
        look->metrics[look->n_metrics++] = number_of(&v->derived[i].value);
    assert_true(v->n_obligations < ARRAY_SIZE(look->obligations));
    for (size_t i = 0; i < v->n_obligations; i++)
        snprintf(look->obligations[i], sizeof(look->obligations[i]), "%d %.*s %lld +%u",
                 (int)v->obligations[i].by, STR_ARG(v->obligations[i].id),
                 (long long)v->obligations[i].since_ms, v->obligations[i].n_waiting);
    look->n_obligations = v->n_obligations;
    qsort(look->obligations, look->n_obligations, sizeof(look->obligations[0]), compare_lines);
}

static void assert_alike(struct world *a, struct world *b)
{
    struct look one = {.n_views = 0}, other = {.n_views = 0};

    engine_each(a->engine, look_at, &one);
    engine_each(b->engine, look_at, &other);
    assert_int_equal(one.n_views, 1);
    assert_int_equal(other.n_views, 1);
    assert_true(one.n_metrics > ARRAY_SIZE(metrics) + 10);
    assert_int_equal(one.n_metrics, other.n_metrics);
    for (size_t i = 0; i < one.n_metrics; i++)
        assert_true(fabs(one.metrics[i] - other.metrics[i]) <=
                    1e-9 * fmax(1, fabs(one.metrics[i])));
    assert_int_equal(one.n_obligations, other.n_obligations);
    for (size_t i = 0; i < one.n_obligations; i++)
        assert_string_equal(one.obligations[i], other.obligations[i]);
}

/* Conversations of its own, and one that both only ask in. */
static struct event say(struct world *w, int64_t at, bool is_ann, const char *id, uint64_t *seed)
{
    static const char *const of[2][2] = {{"c", "d"}, {"x", "y"}};
    struct event e = world_event(w, at, IN, is_ann ? "ann" : "bob", id);
    bool is_shared = world_below(seed, 6) == 0;

    e.direction = !is_shared && world_below(seed, 2) ? OUT : IN;
    e.verb = world_below(seed, 3) ? STR("question") : STR("view");
    e.conversation = is_shared ? STR("s") : str_of(of[is_ann][world_below(seed, 2)]);
    e.has_weight = true;
    e.weight = world_unit(seed) * 2;
    e.has_value = e.has_sentiment = true;
    e.value = e.sentiment = world_unit(seed);
    e.resolves = world_below(seed, 8) == 0;
    if (world_below(seed, 6) == 0)
        e.type = EVENT_MEASURE;
    else if (world_below(seed, 6) == 0)
        e.type = EVENT_COMMITMENT;
    e.measure.dimension = STR("delight");
    e.measure.share = e.value;
    e.commitment.id = str_of(of[is_ann][world_below(seed, 2)]);
    e.commitment.status = (enum commitment_status)world_below(seed, 3);
    e.commitment.due_ms = INT64_MAX;
    return e;
}

static void run(uint64_t seed)
{
    const int64_t lateness_ms = seed % 2 ? 4 * MINUTES : 0;
    const struct model_spec spec = spec_of(lateness_ms);
    struct world two, one;
    char ids[120][8];
    int64_t at = 0;

    world_open(&two, &spec);
    world_open(&one, &spec);
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        struct event e;

        snprintf(ids[i], sizeof(ids[i]), "e%u", (unsigned)i);
        at += 1 + (int64_t)world_below(&seed, 4 * MINUTES);
        e = say(&two, at, i < 80 && world_below(&seed, 2), ids[i], &seed);
        assert_int_equal(world_apply(&two, &e), 0);
        e.subject = STR("bob");
        assert_int_equal(world_apply(&one, &e), 0);
        if (i == 79) {
            become(&two, at, "ann", "bob");
            engine_tick(one.engine, T0 + at, one.offset);
            assert_alike(&two, &one);
        }
    }
    world_tick(&two, at + 20 * MINUTES);
    world_tick(&one, at + 20 * MINUTES);
    assert_alike(&two, &one);
    assert_int_equal(world_stats(&two).n_profiles, 2); /* ann's name, until a cut */
    world_close(&two);
    world_close(&one);
}

static void test_as_one(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++)
        run(seed);
}

/* ---- what stands ---- */

static void test_what_is_told_is_not_told_again(void **state)
{
    const struct model_spec spec = spec_of(0);
    struct world w;

    (void)state;
    world_open(&w, &spec);
    world_say(&w, 0, IN, "ann", "e1", 3);
    world_expect(&w, "fired hot ann 0 e1\n");
    world_say(&w, 1, IN, "bob", "e2", 3);
    world_expect(&w, "fired hot bob 1 e2\n");
    world_ask(&w, 2, "ann", "e3");
    world_say(&w, 5, IN, "ann", "e5", 0);
    become(&w, 10 * MINUTES, "ann", "bob");
    world_tick(&w, 11 * MINUTES); /* the deadline moved with the question */
    world_expect(&w, "fired overdue bob 600002 e3\n");
    world_tick(&w, 29 * MINUTES);
    world_expect(&w, "");
    world_tick(&w, 31 * MINUTES); /* since the later of the two latest views */
    world_expect(&w, "fired absent bob 1800005 e5\n");
    world_answer(&w, 32 * MINUTES, "bob", "e4");
    world_expect(&w, "cleared overdue bob 1920000 e4\n");
    world_close(&w);
}

/* What came for the one is known when it comes again for the other. */
static void test_duplicates_of_both(void **state)
{
    const struct model_spec spec = spec_of(0);
    struct event e;
    struct world w;

    (void)state;
    world_open(&w, &spec);
    world_say(&w, 0, IN, "ann", "e1", 1);
    world_say(&w, 1, IN, "bob", "e2", 1);
    become(&w, 2, "ann", "bob");
    e = world_event(&w, 0, IN, "bob", "e1");
    assert_int_equal(world_apply(&w, &e), ENGINE_E_DUPLICATE);
    e = world_event(&w, 0, IN, "bob", "e2");
    assert_int_equal(world_apply(&w, &e), ENGINE_E_DUPLICATE);
    world_close(&w);
}

/* An answer to one closes what the other asked before it in the same conversation. */
static void test_an_answer_to_the_other(void **state)
{
    const struct model_spec spec = spec_of(0);
    struct world w;

    (void)state;
    world_open(&w, &spec);
    world_ask(&w, 0, "ann", "e1");
    world_answer(&w, 11 * MINUTES, "bob", "e2");
    world_expect(&w, "fired overdue ann 600000 e1\n");
    become(&w, 12 * MINUTES, "ann", "bob");
    world_expect(&w, "cleared overdue bob 720000 identity\n");
    world_ask(&w, 20 * MINUTES, "bob", "e3");
    world_answer(&w, 21 * MINUTES, "ann", "e4");
    become(&w, 22 * MINUTES, "ann", "bob");
    world_tick(&w, 31 * MINUTES); /* nobody has viewed anything: since the first of all */
    world_expect(&w, "fired absent bob 1800000 e4\n");
    world_close(&w);
}

static void test_who_must_be_there(void **state)
{
    const struct model_spec spec = spec_of(0);
    struct str ids[ENGINE_CONCERNED_MAX];
    struct event e;
    struct world w;

    (void)state;
    world_open(&w, &spec);
    engine_free(w.engine);
    w.engine = world_engine(&w, false);
    e = identity(&w, 0, "ann", "bob");
    assert_int_equal(engine_concerned(&e, ids), 2);
    assert_int_equal(world_apply(&w, &e), ENGINE_E_ABSENT);
    assert_true(str_eq(engine_absent_id(w.engine), STR("ann")));
    assert_int_equal(engine_restore(w.engine, STR("ann"), STR_NULL), 0);
    assert_int_equal(world_apply(&w, &e), ENGINE_E_ABSENT);
    assert_true(str_eq(engine_absent_id(w.engine), STR("bob")));
    assert_int_equal(engine_clock_ms(w.engine), INT64_MIN);
    e = identity(&w, 0, "ann", "ann");
    assert_int_equal(engine_concerned(&e, ids), 0);
    e = identity(&w, 0, "ann", "");
    assert_int_equal(engine_concerned(&e, ids), 0);
    e = identity(&w, 0, "ann", NULL);
    assert_int_equal(engine_concerned(&e, ids), 1);
    world_close(&w);
}

/* ---- what a replay needs ---- */

struct stored {
    char id[8];
    struct buf packed;
};

static size_t cut(struct world *w, struct stored *stored)
{
    struct checkpoint_entry entry;
    size_t n = 0;

    (void)engine_cut(w->engine, w->offset - 1);
    while (engine_cut_next(w->engine, &entry)) {
        snprintf(stored[n].id, sizeof(stored[n].id), "%.*s", STR_ARG(entry.id));
        stored[n].packed = (struct buf)BUF_INIT;
        buf_add_str(&stored[n++].packed, entry.packed);
    }
    return n;
}

static const struct buf *find(const struct stored *stored, size_t n, const char *id)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(stored[i].id, id) == 0)
            return &stored[i].packed;
    }
    return NULL;
}

static void free_stored(struct stored *stored, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_deinit(&stored[i].packed);
}

/* Whoever takes over does not know yet that all of it was stored. */
static void test_kept_by_who_takes_over(void **state)
{
    const struct model_spec spec = spec_of(0);
    struct stored stored[4];
    struct world w;
    size_t n;

    (void)state;
    world_open(&w, &spec);
    world_say(&w, 0, IN, "ann", "e1", 1);
    n = cut(&w, stored);
    engine_cut_done(w.engine);
    free_stored(stored, n);
    become(&w, 1, "ann", "bob");
    n = cut(&w, stored);
    engine_free(w.engine);
    w.engine = world_engine(&w, false);
    engine_set_clock(w.engine, T0);
    assert_int_equal(engine_restore(w.engine, STR("ann"), buf_str(find(stored, n, "ann"))), 0);
    (void)engine_evict(w.engine, 0, T0 + DAYS);
    assert_true(engine_has(w.engine, STR("ann")));
    free_stored(stored, n);
    assert_int_equal(cut(&w, stored), 0);
    engine_cut_done(w.engine);
    n = cut(&w, stored);
    assert_int_equal(n, 1);
    assert_int_equal(find(stored, n, "ann")->len, 0);
    engine_cut_done(w.engine);
    free_stored(stored, n);
    world_close(&w);
}

/* While a cut is read, ann becomes bob and bob becomes cem. The next cut may be stored but for cem:
 * what was merged is in it, until it is stored whole. */
static void test_kept_until_it_is_stored(void **state)
{
    const struct model_spec spec = spec_of(0);
    struct stored stored[4];
    struct world w;
    size_t n;

    (void)state;
    world_open(&w, &spec);
    world_say(&w, 0, IN, "ann", "e1", 1);
    world_say(&w, 1, IN, "bob", "e2", 1);
    world_say(&w, 2, IN, "cem", "e3", 1);
    n = cut(&w, stored);
    assert_int_equal(n, 3);
    become(&w, 3, "ann", "bob");
    become(&w, 4, "bob", "cem");
    engine_cut_done(w.engine); /* tells nothing of the merges */
    free_stored(stored, n);

    n = cut(&w, stored);
    assert_int_equal(n, 3);
    assert_true(find(stored, n, "ann")->len > 0);
    assert_true(find(stored, n, "bob")->len > find(stored, n, "ann")->len);
    engine_cut_done(w.engine);
    assert_int_equal(engine_n_dirty(w.engine), 2);
    free_stored(stored, n);

    n = cut(&w, stored);
    assert_int_equal(n, 2);
    assert_int_equal(find(stored, n, "ann")->len, 0);
    assert_int_equal(find(stored, n, "bob")->len, 0);
    engine_cut_done(w.engine);
    assert_true(!engine_has(w.engine, STR("ann")) && engine_has(w.engine, STR("cem")));
    free_stored(stored, n);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_one),
                                       cmocka_unit_test(test_what_is_told_is_not_told_again),
                                       cmocka_unit_test(test_duplicates_of_both),
                                       cmocka_unit_test(test_an_answer_to_the_other),
                                       cmocka_unit_test(test_who_must_be_there),
                                       cmocka_unit_test(test_kept_until_it_is_stored),
                                       cmocka_unit_test(test_kept_by_who_takes_over)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
