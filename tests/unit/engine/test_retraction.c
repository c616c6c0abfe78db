/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A history with events that are retracted ends as the history without them: the same packed state,
 * but for what remembers that they came. Where a record is left out a tick stands in for it: the
 * clock is the partition's, and does not run back.
 */
#include "engine/engine_impl.h"
#include "world.h"

#define N_SUBJECTS 3
#define N_RECORDS  260
#define WITHIN     (2 * HOURS)

static const struct metric_spec metrics[] = {
    {.name = {"involvement", 11},
     .aggregate = AGGREGATE_SUM,
     .value = {"weight", 6},
     .reach = REACH_HALF_LIFE,
     .reach_ms = HOURS},
    {.name = {"recent", 6},
     .aggregate = AGGREGATE_COUNT,
     .reach = REACH_WINDOW,
     .reach_ms = 20 * MINUTES},
    {.name = {"total", 5}, .aggregate = AGGREGATE_SUM, .value = {"weight", 6}},
};

static const struct rule_spec rules[] = {
    {.name = {"warm", 4},
     .enter = {"involvement >= 1.5", 18},
     .exit = {"involvement < 0.7", 17},
     .for_ms = 7 * MINUTES,
     .severity = {"info", 4}},
    {.name = {"quiet", 5}, .enter = {"recent == 0", 11}, .severity = {"info", 4}},
    {.name = {"asked", 5},
     .enter = {"recent >= 2", 11},
     .severity = {"info", 4},
     .inhibited_by = (const struct str[]){{"overdue", 7}},
     .n_inhibited_by = 1},
    {.name = {"overdue", 7},
     .kind = RULE_OWED,
     .owed_by = SIDE_ORGANISATION,
     .owed_after_ms = 10 * MINUTES,
     .severity = {"warning", 7}},
    {.name = {"gone", 4},
     .kind = RULE_ABSENT,
     .where = {"direction == \"inbound\"", 22},
     .within_ms = 25 * MINUTES,
     .severity = {"info", 4}},
    {.name = {"thanks", 6},
     .kind = RULE_EXPECT,
     .where = {"direction == \"outbound\"", 23},
     .after = {"weight > 1.0", 12},
     .within_ms = 15 * MINUTES,
     .severity = {"info", 4}},
};

static const struct stage_spec stages[] = {
    {.name = {"known", 5}, .enter = {"total > 0.0", 11}, .severity = {"info", 4}},
    {.name = {"involved", 8},
     .enter = {"involvement > 1.0", 17},
     .exit = {"involvement < 0.5", 17},
     .severity = {"info", 4}},
};

struct record {
    struct event event;
    char id[12], target[12];
    bool is_left_out; /* of the history that has nothing to retract */
};

struct history {
    struct record records[N_RECORDS];
    int64_t clocks[N_RECORDS]; /* after the record */
    size_t n_effective;
};

static struct str subject_of(size_t i)
{
    static const char *const names[] = {"ann", "bob", "cem"};

    return str_of(names[i]);
}

static struct model_spec spec_of(int64_t lateness_ms, int64_t retraction_ms)
{
    struct model_spec spec = world_spec();

    spec.lateness_ms = lateness_ms;
    spec.retraction_ms = retraction_ms;
    spec.metrics = metrics;
    spec.n_metrics = ARRAY_SIZE(metrics);
    spec.rules = rules;
    spec.n_rules = ARRAY_SIZE(rules);
    spec.stages = stages;
    spec.n_stages = ARRAY_SIZE(stages);
    spec.backfill_until_ms = INT64_MIN;
    return spec;
}

/* ---- a history ---- */

static void make_interaction(struct record *r, int64_t at, uint64_t *seed)
{
    static const char *const conversations[] = {"c", "d", ""};
    int64_t back = world_below(seed, 4) ? 0 : (int64_t)world_below(seed, 6 * MINUTES);

    r->event = (struct event){.type = EVENT_INTERACTION,
                              .source = STR("test"),
                              .subject = subject_of(world_below(seed, N_SUBJECTS)),
                              .time_ms = T0 + at - back,
                              .direction = (enum direction)world_below(seed, 2),
                              .verb = world_below(seed, 2) ? STR("question") : STR("reply"),
                              .conversation = str_of(conversations[world_below(seed, 3)]),
                              .kind = world_below(seed, 9) ? STR_NULL : STR("customer"),
                              .has_weight = true,
                              .weight = world_unit(seed) * 2 - 0.3};
}

/* The latest record of that id before, or the first after; the one that would be taken. */
static void make_retraction(struct history *h, size_t i, int64_t at, uint64_t *seed)
{
    struct record *r = &h->records[i];
    size_t of = i - 1 - world_below(seed, i < 30 ? i : 30);
    const struct record *target = &h->records[of];

    if (target->event.type != EVENT_INTERACTION)
        return;
    memcpy(r->target, target->id, sizeof(r->target));
    r->event = (struct event){.type = EVENT_RETRACTION,
                              .source = STR("test"),
                              .subject = target->event.subject,
                              .time_ms = T0 + at};
}

static bool has_id(const struct record *r, const char *id)
{
    return r->event.type == EVENT_INTERACTION && strcmp(r->id, id) == 0;
}

/* What a retraction undoes is every record of its target: the first, within the horizon, and those
 * that come again. */
static void leave_out(struct history *h, size_t retraction)
{
    const char *target = h->records[retraction].target;
    size_t first = 0;

    while (!has_id(&h->records[first], target))
        first++;
    if (first < retraction && h->clocks[retraction] - h->clocks[first] > WITHIN)
        return;
    for (size_t i = 0; i < N_RECORDS; i++)
        h->records[i].is_left_out |= has_id(&h->records[i], target);
    h->n_effective++;
}

static void make_history(struct history *h, int64_t lateness_ms, uint64_t *seed)
{
    int64_t at = 0, clock_ms = INT64_MIN;

    for (size_t i = 0; i < N_RECORDS; i++) {
        struct record *r = &h->records[i];
        int64_t believed;

        at += (int64_t)world_below(seed, 3 * MINUTES);
        snprintf(r->id, sizeof(r->id), "e%u", (unsigned)i);
        make_interaction(r, at, seed);
        if (i && world_below(seed, 8) == 0)
            make_retraction(h, i, at, seed);
        else if (i > 4 && world_below(seed, 8) == 0 &&
                 h->records[i - 4].event.type == EVENT_INTERACTION)
            *r = h->records[i - 4];
        believed = r->event.time_ms - lateness_ms;
        clock_ms = believed > clock_ms ? believed : clock_ms;
        h->clocks[i] = clock_ms;
    }
    for (size_t i = 0; i < N_RECORDS; i++) {
        h->records[i].event.id = str_of(h->records[i].id);
        h->records[i].event.retraction.id = str_of(h->records[i].target);
        h->records[i].event.offset = (int64_t)i;
    }
    for (size_t i = 0; i < N_RECORDS; i++) {
        if (h->records[i].event.type == EVENT_RETRACTION)
            leave_out(h, i);
    }
}

/* A retraction that overtakes its event: the two change places. */
static void overtake(struct history *h, uint64_t *seed)
{
    for (size_t i = 1; i < N_RECORDS; i++) {
        struct record *r = &h->records[i], *before = &h->records[i - 1], kept = *before;

        if (r->event.type != EVENT_RETRACTION || !has_id(before, r->target) || world_below(seed, 2))
            continue;
        *before = *r;
        *r = kept;
        before->event.offset = (int64_t)i - 1;
        r->event.offset = (int64_t)i;
        before->event.id = str_of(before->id);
        before->event.retraction.id = str_of(before->target);
        r->event.id = str_of(r->id);
        r->event.retraction.id = str_of(r->target);
    }
}

/* ---- played ---- */

/* Out of the engine and into another one. */
static void restart(struct world *w, int64_t offset)
{
    struct engine *next = world_engine(w, true);
    struct checkpoint_entry entry;

    (void)engine_cut(w->engine, offset);
    engine_set_clock(next, engine_clock_ms(w->engine));
    while (engine_cut_next(w->engine, &entry)) {
        if (entry.packed.len)
            assert_int_equal(engine_restore(next, entry.id, entry.packed), 0);
    }
    engine_cut_done(w->engine);
    for (size_t i = 0; i < N_SUBJECTS; i++)
        assert_true(!engine_has(w->engine, subject_of(i)) || engine_has(next, subject_of(i)));
    engine_free(w->engine);
    w->engine = next;
}

static void play(struct world *w, const struct history *h, bool is_clean, size_t restart_at)
{
    for (size_t i = 0; i < N_RECORDS; i++) {
        const struct record *r = &h->records[i];

        if (is_clean && (r->is_left_out || r->event.type == EVENT_RETRACTION))
            engine_tick(w->engine, r->event.time_ms, r->event.offset);
        else
            (void)!engine_apply(w->engine, &r->event);
        if (i == restart_at)
            restart(w, r->event.offset);
    }
}

/* Packed, without what remembers: which ids came, what was fired when, and what may be retracted.
 */
static void pack(struct world *w, struct str id, struct buf *out)
{
    struct profile *p = engine_find(w->engine, id);

    if (!p || !profile_is_known(p))
        return;
    p->dedup = dedup_free(p->dedup);
    p->follow = follow_free(p->follow);
    p->journal = journal_free(p->journal);
    for (uint16_t i = 0; i < p->standings.n; i++)
        p->standings.items[i].last_fired_ms = INT64_MIN;
    for (uint16_t i = 0; i < p->standings.n; i++) {
        if (p->standings.items[i].phase == RULE_OUT)
            p->standings.items[i].since_ms = 0;
    }
    profile_pack(p, w->model, engine_clock_ms(w->engine), -1, out);
}

static void run(uint64_t seed, uint64_t *n_effective, struct engine_stats *totals)
{
    const int64_t lateness_ms = seed % 2 ? 4 * MINUTES : 0;
    struct model_spec spec = spec_of(lateness_ms, WITHIN), none = spec_of(lateness_ms, 0);
    struct history *h = mem_calloc(1, sizeof(*h));
    struct world with, without;
    uint64_t chance = seed;

    make_history(h, lateness_ms, &chance);
    overtake(h, &chance);
    world_open(&with, &spec);
    world_open(&without, &none);
    play(&with, h, false, world_below(&chance, 2) ? N_RECORDS / 2 : N_RECORDS);
    play(&without, h, true, N_RECORDS);
    *n_effective += h->n_effective;
    totals->n_retracted += world_stats(&with).n_retracted;
    totals->n_retractions_missed += world_stats(&with).n_retractions_missed;
    totals->n_fired += world_stats(&without).n_fired;
    for (size_t i = 0; i < N_SUBJECTS; i++) {
        struct buf a = BUF_INIT, b = BUF_INIT;

        pack(&with, subject_of(i), &a);
        pack(&without, subject_of(i), &b);
        if (a.len != b.len || (a.len && memcmp(a.ptr, b.ptr, a.len) != 0))
            fail_msg("seed %llu, %.*s", (unsigned long long)seed, STR_ARG(subject_of(i)));
        buf_deinit(&a);
        buf_deinit(&b);
    }
    world_close(&with);
    world_close(&without);
    mem_free(h);
}

static void test_as_if_it_had_never_been(void **state)
{
    struct engine_stats totals = {0};
    uint64_t n_effective = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++)
        run(seed, &n_effective, &totals);
    assert_true(n_effective > 3000);
    assert_true(totals.n_retracted > 3000);
    assert_true(totals.n_retractions_missed > 100);
    assert_true(totals.n_fired > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_if_it_had_never_been)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
