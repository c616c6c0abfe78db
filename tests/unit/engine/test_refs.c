/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events behind a stakeholder's state, held against a list that keeps each apart: whatever
 * comes in whatever order, each place has its event, the evidence is the latest, and nothing else
 * is kept.
 */
#include "engine/profile.h"
#include "world.h"

#define STEPS  3000
#define LATEST 4

struct known {
    char id[40];
    int source; /* its index in `sources` */
    int64_t time_ms, offset;
    uint16_t rank;
    bool counted;
};

struct truth {
    struct known events[STEPS];
    size_t n;
    size_t place[64]; /* 1 + index; 0: none */
    size_t evidence[LATEST], n_evidence;
};

static char long_source[40000];
static uint64_t seed;

static uint32_t below(uint32_t n)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(seed >> 33) % n;
}

static struct str source_of(int i)
{
    return i == 3 ? (struct str){long_source, sizeof(long_source)}
                  : (struct str){"abcd", (size_t)i};
}

static struct profile *open_profile(struct world *w)
{
    static const struct metric_spec metrics[] = {
        {.name = STR("views"), .aggregate = AGGREGATE_COUNT},
        {.name = STR("worth"), .aggregate = AGGREGATE_SUM, .value = STR("value")}};
    struct model_spec spec = world_spec();

    spec.metrics = metrics;
    spec.n_metrics = ARRAY_SIZE(metrics);
    spec.evidence_events = LATEST;
    world_open(w, &spec);
    return profile_new(w->model, STR("ann"));
}

static bool stands_behind(const struct truth *t, const struct model *m, size_t i)
{
    for (size_t place = 0; place < profile_n_refs(m); place++) {
        if (t->place[place] == i + 1)
            return true;
    }
    return false;
}

static void note_evidence(struct truth *t, size_t i)
{
    size_t at = 0;

    while (at < t->n_evidence && t->events[t->evidence[at]].time_ms > t->events[i].time_ms)
        at++;
    if (at == LATEST)
        return;
    t->n_evidence -= t->n_evidence == LATEST;
    memmove(&t->evidence[at + 1], &t->evidence[at], (t->n_evidence - at) * sizeof(size_t));
    t->evidence[at] = i;
    t->n_evidence++;
}

static uint16_t rank_of(const struct truth *t, const struct model *m, int64_t time_ms)
{
    uint16_t rank = 0;

    for (size_t i = 0; i < t->n; i++) {
        if (t->events[i].time_ms == time_ms && t->events[i].rank >= rank && stands_behind(t, m, i))
            rank = (uint16_t)(t->events[i].rank + 1);
    }
    return rank;
}

/* One event that is set behind some places, or none; both are told. */
static void step(struct truth *t, struct profile *p, const struct model *m)
{
    struct known *k = &t->events[t->n];
    unsigned places = below(1u << profile_n_refs(m)) & below(1u << profile_n_refs(m));
    struct event event = {.time_ms = T0 + below(50)};
    struct event_ref ref;

    *k = (struct known){.source = below(200) ? (int)below(3) : 3,
                        .time_ms = event.time_ms,
                        .offset = (int64_t)t->n,
                        .counted = below(3)};
    snprintf(k->id, sizeof(k->id), "%.*s%zu", (int)below(20), "xxxxxxxxxxxxxxxxxxxx", t->n);
    k->rank = rank_of(t, m, k->time_ms);
    event.id = str_of(k->id);
    event.source = source_of(k->source);
    event.offset = k->offset;
    ref = refs_new(p, m, &event);
    ref.counted = k->counted ? STR("\003worth...") : STR_NULL;
    for (size_t i = 0; i < profile_n_refs(m); i++) {
        if (!(places >> i & 1))
            continue;
        refs_set(p, i);
        t->place[i] = t->n + 1;
    }
    refs_note(p, m, &ref);
    if (places && k->counted)
        note_evidence(t, t->n);
    t->n++;
}

static void assert_is(const struct known *k, const struct event_ref *ref)
{
    assert_true(str_eq(ref->id, str_of(k->id)) && str_eq(ref->source, source_of(k->source)));
    assert_true(ref->time_ms == k->time_ms && ref->offset == k->offset && ref->rank == k->rank);
}

static void assert_same(const struct truth *t, const struct profile *p, const struct model *m)
{
    size_t n = t->n_evidence;
    struct event_ref ref;

    for (size_t i = 0; i < profile_n_refs(m); i++) {
        assert_int_equal(refs_behind(p, i, &ref), t->place[i] != 0);
        if (t->place[i])
            assert_is(&t->events[t->place[i] - 1], &ref);
    }
    assert_int_equal(refs_n_evidence(p->refs), t->n_evidence);
    for (size_t i = 0; i < t->n_evidence; i++) {
        ref = refs_get(p->refs, i);
        assert_is(&t->events[t->evidence[i]], &ref);
        assert_true(str_eq(ref.counted, STR("\003worth...")));
    }
    for (size_t i = 0; i < t->n; i++) {
        bool is_evidence = false;

        for (size_t k = 0; k < t->n_evidence; k++)
            is_evidence |= t->evidence[k] == i;
        n += !is_evidence && stands_behind(t, m, i);
    }
    assert_int_equal(refs_n(p->refs), n);
}

static void test_places(void **state)
{
    static struct truth t;
    struct world w;
    struct profile *p = open_profile(&w);

    (void)state;
    seed = 1;
    memset(long_source, 's', sizeof(long_source));
    while (t.n < STEPS) {
        step(&t, p, w.model);
        assert_same(&t, p, w.model);
    }
    profile_free(p, w.model);
    world_close(&w);
}

static void note(struct profile *p, const struct model *m, size_t place, struct str id,
                 struct str source, int64_t at)
{
    const struct event event = {.id = id, .source = source, .time_ms = T0 + at};
    struct event_ref ref = refs_new(p, m, &event);

    refs_set(p, place);
    refs_note(p, m, &ref);
}

/* What all have in common is written once, and again when all have another; what was long and went
 * leaves no room behind. */
static void test_bytes(void **state)
{
    struct world w;
    struct profile *p = open_profile(&w);
    struct str source = {long_source, 1000};

    (void)state;
    for (size_t i = 0; i < profile_n_refs(w.model); i++)
        note(p, w.model, i, STR("id"), source, (int64_t)i);
    assert_in_range(refs_bytes(p->refs), 1000, 1000 + 40 * profile_n_refs(w.model));
    for (size_t i = 0; i < profile_n_refs(w.model); i++)
        note(p, w.model, i, STR("id"), STR("other"), (int64_t)i);
    for (size_t i = 0; i < profile_n_refs(w.model); i++)
        note(p, w.model, i, STR("id"), STR("other"), (int64_t)i);
    assert_in_range(refs_bytes(p->refs), 1, 40 * profile_n_refs(w.model) + 100);
    profile_free(p, w.model);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_places), cmocka_unit_test(test_bytes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
