/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State out of the engine and in again, at any moment: the triggers and the state are those of an
 * engine that was left alone.
 */
#include "world.h"

#define N_SUBJECTS 6
#define N_EVENTS   300

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
     .reach_ms = 20 * MINUTES},
    {.name = {"worth", 5},
     .aggregate = AGGREGATE_SUM,
     .value = {"weight", 6},
     .reach = REACH_WINDOW,
     .reach_ms = 45 * MINUTES},
    {.name = {"total", 5}, .aggregate = AGGREGATE_MEAN, .value = {"weight", 6}},
    {.name = {"high", 4},
     .aggregate = AGGREGATE_MAX,
     .value = {"weight", 6},
     .reach = REACH_WINDOW,
     .reach_ms = 30 * MINUTES},
    {.name = {"low", 3},
     .aggregate = AGGREGATE_MIN,
     .value = {"weight", 6},
     .reach = REACH_WINDOW,
     .reach_ms = 15 * MINUTES},
    {.name = {"lowest", 6}, .aggregate = AGGREGATE_MIN, .value = {"weight", 6}},
    {.name = {"latest", 6},
     .aggregate = AGGREGATE_LAST,
     .value = {"weight", 6},
     .reach = REACH_WINDOW,
     .reach_ms = 12 * MINUTES},
    {.name = {"threads", 7},
     .aggregate = AGGREGATE_DISTINCT,
     .value = {"conversation", 12},
     .reach = REACH_WINDOW,
     .reach_ms = 25 * MINUTES},
    {.name = {"days", 4}, .aggregate = AGGREGATE_DISTINCT_DAYS},
    {.name = {"capped", 6},
     .aggregate = AGGREGATE_SUM,
     .value = {"weight", 6},
     .reach = REACH_HALF_LIFE,
     .reach_ms = HOURS,
     .cap = {40 * MINUTES, 0, 1.5}},
};

static const struct rule_spec rules[] = {
    {.name = {"warm", 4},
     .enter = {"involvement >= 1.5", 18},
     .exit = {"involvement < 0.7", 17},
     .for_ms = 7 * MINUTES,
     .severity = {"info", 4}},
    {.name = {"busy", 4},
     .enter = {"recent >= 2 && worth < 4.0", 26},
     .cooldown_ms = 30 * MINUTES,
     .severity = {"info", 4}},
    {.name = {"quiet", 5}, .enter = {"recent == 0", 11}, .severity = {"info", 4}},
    {.name = {"mixed", 5},
     .enter = {"involvement * 2.0 > worth && total > 0.2", 40},
     .severity = {"info", 4}},
    {.name = {"peak", 4},
     .enter = {"high >= 1.0 && threads > 1", 26},
     .exit = {"high < 0.8 || latest < 0.0", 26},
     .severity = {"info", 4}},
    {.name = {"spread", 6},
     .enter = {"high - low > 0.7 && capped > 0.2 && days > 0 && lowest < 0.0", 60},
     .severity = {"info", 4}},
    {.name = {"overdue", 7},
     .kind = RULE_OWED,
     .owed_by = SIDE_ORGANISATION,
     .owed_after_ms = 10 * MINUTES,
     .severity = {"warning", 7}},
    {.name = {"ignored", 7},
     .kind = RULE_OWED,
     .owed_by = SIDE_STAKEHOLDER,
     .owed_after_ms = 25 * MINUTES,
     .cooldown_ms = HOURS,
     .severity = {"warning", 7}},
    {.name = {"derived", 7},
     .enter = {"cadence.ratio > 2.0 && tie < 0.6 || reply.ours.in_time < 0.4 || trust < 0.45", 76},
     .severity = {"info", 4}},
    {.name = {"promised", 8}, .enter = {"commitment.overdue > 0", 22}, .severity = {"info", 4}},
};

/* What another configuration has: one metric less, one more, one defined otherwise, in another
 * order; rules that stay, go, and come. */
static const struct metric_spec other_metrics[] = {
    {.name = {"fresh", 5}, .aggregate = AGGREGATE_SUM, .value = {"weight", 6}},
    {.name = {"recent", 6},
     .aggregate = AGGREGATE_COUNT,
     .reach = REACH_WINDOW,
     .reach_ms = 20 * MINUTES},
    {.name = {"involvement", 11},
     .aggregate = AGGREGATE_SUM,
     .value = {"weight", 6},
     .reach = REACH_HALF_LIFE,
     .reach_ms = 2 * HOURS},
    {.name = {"high", 4},
     .aggregate = AGGREGATE_MAX,
     .value = {"weight", 6},
     .reach = REACH_WINDOW,
     .reach_ms = 30 * MINUTES},
};

static const struct rule_spec other_rules[] = {
    {.name = {"quiet", 5}, .enter = {"recent == 0", 11}, .severity = {"info", 4}},
    {.name = {"warm", 4},
     .enter = {"involvement >= 1.2", 18},
     .exit = {"involvement < 0.7", 17},
     .for_ms = 2 * MINUTES,
     .severity = {"info", 4}},
    {.name = {"grown", 5}, .enter = {"fresh >= 3.0", 12}, .severity = {"info", 4}},
    {.name = {"overdue", 7},
     .kind = RULE_OWED,
     .owed_by = SIDE_ORGANISATION,
     .owed_after_ms = 6 * MINUTES,
     .severity = {"warning", 7}},
};

static const struct str dimensions[] = {{"delight", 7}};
static const struct derived_spec derived = {.keep = (1u << N_DERIVED_GROUPS) - 1,
                                            .half_life_ms = 2 * HOURS,
                                            .pressure_window_ms = HOURS,
                                            .cadence_floor_ms = MINUTES,
                                            .cadence_prior_ms = HOURS,
                                            .cadence_weight = 2,
                                            .dimensions = dimensions,
                                            .n_dimensions = 1};

struct stored {
    struct buf packed;
    int64_t wake_ms;
    bool is_there;
};

struct store {
    struct stored of[N_SUBJECTS];
    int64_t offset, clock_ms; /* of the last cut that was stored whole */
    size_t model;             /* in force there */
};

static struct str subject_of(size_t i)
{
    static const char *const names[] = {"ann", "bob", "cem", "dan", "eve", "fay"};

    return str_of(names[i]);
}

static size_t subject_at(struct str id)
{
    size_t i = 0;

    while (!str_eq(subject_of(i), id))
        i++;
    return i;
}

static void store_entry(struct store *s, const struct checkpoint_entry *entry)
{
    struct stored *to = &s->of[subject_at(entry->id)];

    buf_reset(&to->packed);
    buf_add_str(&to->packed, entry->packed);
    to->wake_ms = entry->wake_ms;
    to->is_there = true;
}

static void load(struct world *w, const struct store *s, size_t i)
{
    assert_int_equal(engine_restore(w->engine, subject_of(i), buf_str(&s->of[i].packed)), 0);
}

/* Everybody who has to wake by then, as the owner of the engine must. */
static void load_due(struct world *w, const struct store *s, int64_t until_ms)
{
    for (size_t i = 0; i < N_SUBJECTS; i++) {
        if (s->of[i].is_there && s->of[i].wake_ms <= until_ms)
            load(w, s, i);
    }
}

static void apply_loading(struct world *w, const struct store *s, const struct event *event)
{
    int r;

    load_due(w, s, event->time_ms);
    while ((r = engine_apply(w->engine, event)) == ENGINE_E_ABSENT)
        load(w, s, subject_at(engine_absent_id(w->engine)));
    assert_true(r == 0 || r == ENGINE_E_DUPLICATE);
}

/* ---- a history ---- */

/* Somebody becomes somebody else, is forgotten, or (nobody's concern) becomes the same. */
static void become_identity(struct event *e, uint64_t *seed)
{
    e->type = EVENT_IDENTITY;
    e->subject = subject_of(world_below(seed, N_SUBJECTS));
    e->identity.action = world_below(seed, 4) ? IDENTITY_MERGE : IDENTITY_ERASE;
    e->identity.into = subject_of(world_below(seed, N_SUBJECTS));
}

static void make_history(struct event *events, char (*ids)[12], size_t n, int64_t lateness_ms,
                         uint64_t *seed)
{
    static const char *const conversations[] = {"c", "d", ""};
    int64_t at = 0;

    for (size_t i = 0; i < n; i++) {
        struct event *e = &events[i];
        int64_t back = world_below(seed, 4) == 0
                           ? (int64_t)world_below(seed, (uint64_t)lateness_ms * 2 + MINUTES)
                           : 0;

        at += (int64_t)world_below(seed, 3 * MINUTES);
        snprintf(ids[i], sizeof(ids[i]), "e%u", (unsigned)(i - (world_below(seed, 20) == 0)));
        *e = (struct event){
            .type = EVENT_INTERACTION,
            .id = str_of(ids[i]),
            .source = ids[i][strlen(ids[i]) - 1] % 2 ? STR("shop") : STR("test"),
            .subject = subject_of(world_below(seed, N_SUBJECTS)),
            .time_ms = T0 + at - back,
            .offset = (int64_t)i,
            .direction = (enum direction)world_below(seed, 3),
            .verb = world_below(seed, 2) ? STR("question") : STR("reply"),
            .conversation = str_of(conversations[world_below(seed, 3)]),
            .kind = world_below(seed, 9) ? STR_NULL : STR("customer"),
            .in_reply_to = i && world_below(seed, 2) ? str_of(ids[world_below(seed, i)]) : STR_NULL,
            .has_weight = true,
            .weight = world_unit(seed) * 2 - 0.3,
            .automatic = world_below(seed, 8) == 0};
        if (world_below(seed, 10) == 0) {
            e->type = EVENT_MEASURE;
            e->measure.dimension = STR("delight");
            e->measure.share = world_unit(seed);
        } else if (world_below(seed, 10) == 0) {
            e->type = EVENT_COMMITMENT;
            e->commitment.id = str_of(conversations[world_below(seed, 3)]);
            e->commitment.status = (enum commitment_status)world_below(seed, 3);
            e->commitment.due_ms = T0 + at + (int64_t)world_below(seed, HOURS);
        }
        if (world_below(seed, 15) == 0)
            *e = (struct event){.type = EVENT_TICK, .time_ms = T0 + at, .offset = (int64_t)i};
        if (world_below(seed, 12) == 0)
            become_identity(e, seed);
        if (world_below(seed, 60) == 0)
            *e = (struct event){.type = EVENT_CONFIGURATION, .offset = (int64_t)i};
    }
}

/* ---- the one that is disturbed ---- */

struct disturbed {
    struct world *world;
    struct model *models[2]; /* they take turns */
    size_t model;
    struct store store;
    const struct event *events;
    size_t next; /* event to be applied */
    uint64_t seed;
};

/* Everybody has to be there. */
static void change(struct world *w, const struct event *e, const struct model *to)
{
    (void)!engine_apply(w->engine, e);
    engine_reconfigure(w->engine, to);
}

static void step(struct disturbed *d)
{
    const struct event *e = &d->events[d->next++];

    if (e->type == EVENT_CONFIGURATION) {
        load_due(d->world, &d->store, INT64_MAX);
        d->model = !d->model;
        change(d->world, e, d->models[d->model]);
    } else if (e->type == EVENT_TICK) {
        load_due(d->world, &d->store, e->time_ms);
        engine_tick(d->world->engine, e->time_ms, e->offset);
    } else {
        apply_loading(d->world, &d->store, e);
    }
}

/* The process dies; another takes over what was stored and reads the log from there. */
static void crash(struct disturbed *d)
{
    size_t until = d->next;

    engine_free(d->world->engine);
    d->model = d->store.model;
    d->world->model = d->models[d->model];
    d->world->engine = world_engine(d->world, d->store.offset < 0);
    engine_set_offset(d->world->engine, d->store.offset);
    if (d->store.offset < 0) { /* nothing was stored whole: the log alone, from its beginning */
        for (size_t i = 0; i < N_SUBJECTS; i++)
            d->store.of[i].is_there = false;
    }
    engine_set_clock(d->world->engine, d->store.clock_ms);
    d->world->is_quiet = true;
    for (d->next = (size_t)(d->store.offset + 1); d->next < until;)
        step(d);
    d->world->is_quiet = false;
}

/* Writes down what has changed while events go on; may be cut off in the middle. */
static void checkpoint(struct disturbed *d, size_t n_events)
{
    int64_t offset = (int64_t)d->next - 1, clock_ms = engine_clock_ms(d->world->engine);
    struct checkpoint_entry entry;
    bool dies = world_below(&d->seed, 4) == 0;
    size_t model = d->model, n = engine_cut(d->world->engine, offset), n_read = 0;

    while (engine_cut_next(d->world->engine, &entry)) {
        n_read++;
        store_entry(&d->store, &entry);
        while (d->next < n_events && d->events[d->next].type != EVENT_CONFIGURATION &&
               world_below(&d->seed, 2))
            step(d);
        if (dies && world_below(&d->seed, 3) == 0) {
            crash(d);
            return;
        }
    }
    assert_int_equal(n_read, n);
    engine_cut_done(d->world->engine);
    d->store.offset = offset;
    d->store.clock_ms = clock_ms;
    d->store.model = model;
}

static void disturb(struct disturbed *d, size_t n_events)
{
    switch (world_below(&d->seed, 12)) {
    case 0:
    case 1:
        checkpoint(d, n_events);
        return;
    case 2:
        (void)engine_evict(d->world->engine, 0, engine_clock_ms(d->world->engine));
        return;
    case 3:
        crash(d);
        return;
    default:
        step(d);
    }
}

/* ---- comparing ---- */

static void add_value(struct buf *b, const struct value *x)
{
    buf_addf(b, " %d:%.17g", (int)x->type,
             x->type == VALUE_DOUBLE                             ? x->d
             : x->type == VALUE_INT || x->type == VALUE_DURATION ? (double)x->i
                                                                 : 0);
}

static void add_view(void *ctx, const struct stakeholder_view *v)
{
    struct buf *b = ctx;

    buf_addf(b, "%.*s %lld %.*s", STR_ARG(v->subject), (long long)v->as_of_ms, STR_ARG(v->kind));
    for (size_t i = 0; i < v->n_metrics; i++)
        add_value(b, &v->metrics[i].value);
    for (size_t i = 0; i < v->n_derived; i++)
        add_value(b, &v->derived[i].value);
    for (size_t i = 0; i < v->n_obligations; i++)
        buf_addf(b, " %d:%.*s+%u%s", (int)v->obligations[i].by, STR_ARG(v->obligations[i].id),
                 v->obligations[i].n_waiting, v->obligations[i].is_acknowledged ? "a" : "");
    buf_add_char(b, '\n');
}

static void compare_worlds(struct world *a, struct world *b)
{
    struct buf views[2] = {BUF_INIT, BUF_INIT};

    engine_each(a->engine, add_view, &views[0]);
    engine_each(b->engine, add_view, &views[1]);
    assert_string_equal(views[0].ptr ? views[0].ptr : "", views[1].ptr ? views[1].ptr : "");
    assert_string_equal(a->details.ptr ? a->details.ptr : "", b->details.ptr ? b->details.ptr : "");
    buf_deinit(&views[0]);
    buf_deinit(&views[1]);
}

static struct model_spec spec_of(enum answered_by policy, int64_t lateness_ms, bool is_other)
{
    struct model_spec spec = world_spec();

    spec.answered_by = policy;
    spec.lateness_ms = lateness_ms;
    spec.dedup_events = 4;
    spec.evidence_events = 3;
    spec.dedup_horizon_ms = 10 * MINUTES;
    spec.metrics = is_other ? other_metrics : metrics;
    spec.n_metrics = is_other ? ARRAY_SIZE(other_metrics) : ARRAY_SIZE(metrics);
    spec.rules = is_other ? other_rules : rules;
    spec.n_rules = is_other ? ARRAY_SIZE(other_rules) : ARRAY_SIZE(rules);
    if (!is_other)
        spec.derived = &derived;
    return spec;
}

static void run_history(uint64_t seed)
{
    static const enum answered_by policies[] = {ANSWERED_BY_BOTH, ANSWERED_BY_STAKEHOLDER,
                                                ANSWERED_BY_REPLY};
    const int64_t lateness_ms = seed % 2 ? 4 * MINUTES : 0;
    const struct model_spec spec = spec_of(policies[seed % 3], lateness_ms, false);
    const struct model_spec changed = spec_of(policies[seed % 3], lateness_ms, true);
    struct event events[N_EVENTS];
    char ids[N_EVENTS][12];
    struct world calm, other;
    struct disturbed d = {.world = &other, .events = events, .seed = seed};
    size_t model = 0;

    make_history(events, ids, N_EVENTS, lateness_ms, &d.seed);
    world_open(&calm, &spec);
    world_open(&other, &spec);
    d.models[0] = other.model;
    d.models[1] = world_model(&changed);
    d.store.offset = -1;
    d.store.clock_ms = INT64_MIN;
    for (size_t i = 0; i < N_EVENTS; i++) {
        if (events[i].type == EVENT_TICK)
            engine_tick(calm.engine, events[i].time_ms, events[i].offset);
        else if (events[i].type == EVENT_CONFIGURATION)
            change(&calm, &events[i], d.models[model = !model]);
        else
            (void)!engine_apply(calm.engine, &events[i]);
    }
    while (d.next < N_EVENTS)
        disturb(&d, N_EVENTS);
    for (size_t i = 0; i < N_SUBJECTS; i++) {
        if (engine_has(calm.engine, subject_of(i)))
            load(&other, &d.store, i);
    }
    compare_worlds(&calm, &other);
    engine_finish(calm.engine, T0 + 2 * DAYS);
    engine_finish(other.engine, T0 + 2 * DAYS);
    compare_worlds(&calm, &other);
    assert_true(world_stats(&calm).n_fired > 20);
    for (size_t i = 0; i < N_SUBJECTS; i++)
        buf_deinit(&d.store.of[i].packed);
    world_close(&calm);
    other.model = d.models[0];
    world_close(&other);
    model_free(d.models[1]);
}

static void test_disturbed_is_undisturbed(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 48; seed++)
        run_history(seed);
}

/* ---------------------------------------------------------------- single facts */

static struct str field(const struct checkpoint_entry *entry, const char *name)
{
    for (size_t i = 0; i < entry->n_fields; i++) {
        if (str_eq(entry->fields[i].name, str_of(name)))
            return entry->fields[i].text;
    }
    return STR_NULL;
}

static void assert_field(const struct checkpoint_entry *entry, const char *name, const char *want)
{
    struct str text = field(entry, name);
    char *copy = mem_strndup(text.ptr, text.len);

    assert_string_equal(copy, want);
    mem_free(copy);
}

/* The entry shows the cut, whatever has happened since; each stakeholder comes once. */
static void test_entry_is_as_of_the_cut(void **state)
{
    const struct model_spec spec = spec_of(ANSWERED_BY_BOTH, 0, false);
    struct checkpoint_entry entry;
    struct world w;

    (void)state;
    world_open(&w, &spec);
    world_ask(&w, 0, "ann", "q1");
    world_say(&w, MINUTES, IN, "bob", "e1", 1);
    world_say(&w, MINUTES, IN, "ann", "e2", 1);
    assert_int_equal(engine_n_dirty(w.engine), 2);
    assert_int_equal(engine_cut(w.engine, 2), 2);
    world_say(&w, 2 * MINUTES, IN, "ann", "e3", 1);
    assert_true(engine_cut_next(w.engine, &entry));
    assert_true(str_eq(entry.id, STR("ann")));
    assert_field(&entry, "recent", "2");
    assert_field(&entry, "as_of", "2026-01-01T00:01:00Z");
    assert_field(&entry, "owed_by_us", "1");
    assert_field(&entry, "owed_since", "2026-01-01T00:00:00Z");
    assert_field(&entry, "reply_due", "2026-01-01T00:10:00Z");
    assert_int_equal(entry.owed_since_ms, T0);
    assert_true(engine_cut_next(w.engine, &entry));
    assert_true(str_eq(entry.id, STR("bob")));
    assert_field(&entry, "owed_by_us", "0");
    assert_true(!field(&entry, "owed_since").ptr);
    assert_int_equal(entry.owed_since_ms, INT64_MAX);
    assert_true(!engine_cut_next(w.engine, &entry));
    engine_cut_done(w.engine);
    assert_int_equal(engine_n_dirty(w.engine), 1); /* ann, since the cut */
    assert_int_equal(engine_cut(w.engine, 3), 1);
    assert_true(engine_cut_next(w.engine, &entry));
    assert_field(&entry, "recent", "3");
    engine_cut_done(w.engine);
    world_close(&w);
}

/* Only what is stored may go; who must wake soon stays; least recently used first. */
static void test_evict(void **state)
{
    const struct model_spec spec = spec_of(ANSWERED_BY_BOTH, 0, false);
    struct checkpoint_entry entry;
    struct world w;
    struct event e;

    (void)state;
    world_open(&w, &spec);
    world_say(&w, 0, IN, "ann", "e1", 1);
    world_say(&w, 1, IN, "bob", "e2", 1);
    world_say(&w, 2, IN, "ann", "e3", 1);
    assert_int_equal(engine_evict(w.engine, 0, 0), 0);
    assert_true(engine_is_complete(w.engine));
    (void)engine_cut(w.engine, 2);
    while (engine_cut_next(w.engine, &entry))
        assert_int_equal(engine_evict(w.engine, 0, 0), 0); /* read, not yet stored */
    engine_cut_done(w.engine);
    assert_int_equal(engine_evict(w.engine, 0, T0 + DAYS), 0); /* all wake before */
    assert_int_equal(engine_evict(w.engine, world_stats(&w).n_bytes - 1, T0 + 2), 1);
    assert_true(!engine_has(w.engine, STR("bob")) && engine_has(w.engine, STR("ann")));
    assert_true(!engine_is_complete(w.engine));
    e = world_event(&w, DAYS, IN, "bob", "e4");
    assert_int_equal(world_apply(&w, &e), ENGINE_E_ABSENT);
    assert_int_equal(engine_clock_ms(w.engine), T0 + 2); /* nothing has changed */
    assert_int_equal(engine_evict(w.engine, 0, 0), 1);
    assert_int_equal(world_stats(&w).n_bytes, 0);
    assert_int_equal(world_stats(&w).n_profiles, 0);
    assert_int_equal(world_stats(&w).n_evicted, 2);
    world_close(&w);
}

/* Two that one event needs: neither goes while the other is on its way. */
static void test_spare(void **state)
{
    const struct model_spec spec = spec_of(ANSWERED_BY_BOTH, 0, false);
    const struct str needed[] = {STR("ann"), STR("eve")};
    struct checkpoint_entry entry;
    struct world w;

    (void)state;
    world_open(&w, &spec);
    world_say(&w, 0, IN, "ann", "e1", 1);
    world_say(&w, 1, IN, "bob", "e2", 1);
    (void)engine_cut(w.engine, 1);
    while (engine_cut_next(w.engine, &entry)) {
    }
    engine_cut_done(w.engine);
    engine_spare(w.engine, needed, 2);
    assert_int_equal(engine_evict(w.engine, 0, 0), 1);
    assert_true(engine_has(w.engine, STR("ann")));
    assert_int_equal(engine_restore(w.engine, STR("eve"), STR_NULL), 0);
    assert_int_equal(engine_restore(w.engine, STR("bob"), STR_NULL), 0);
    assert_int_equal(engine_evict(w.engine, 0, 0), 1);
    assert_true(engine_has(w.engine, STR("ann")) && engine_has(w.engine, STR("eve")));
    engine_spare(w.engine, needed, 1);
    assert_int_equal(engine_evict(w.engine, 0, 0), 1);
    assert_true(engine_has(w.engine, STR("ann")));
    engine_spare(w.engine, NULL, 0);
    assert_int_equal(engine_evict(w.engine, 0, 0), 1);
    world_close(&w);
}

/* Records that the restored state holds change nothing but the clock. */
static void test_skips_what_it_holds(void **state)
{
    const struct model_spec spec = spec_of(ANSWERED_BY_BOTH, 0, false);
    struct checkpoint_entry entry;
    struct event e;
    struct world w, v;

    (void)state;
    world_open(&w, &spec);
    world_open(&v, &spec);
    e = world_event(&w, MINUTES, IN, "ann", "e1");
    e.offset = 5;
    assert_int_equal(world_apply(&w, &e), 0);
    (void)engine_cut(w.engine, 7);
    assert_true(engine_cut_next(w.engine, &entry));
    assert_int_equal(engine_restore(v.engine, entry.id, entry.packed), 0);
    engine_cut_done(w.engine);
    for (e.offset = 5; e.offset <= 7; e.offset++) {
        e.id = STR("another");
        assert_int_equal(world_apply(&v, &e), 0);
    }
    assert_int_equal(world_stats(&v).n_skipped, 3);
    assert_int_equal(world_stats(&v).n_applied, 0);
    assert_int_equal(engine_clock_ms(v.engine), T0 + MINUTES);
    assert_int_equal(world_apply(&v, &e), 0);
    assert_int_equal(world_stats(&v).n_applied, 1);
    world_close(&w);
    world_close(&v);
}

/* With `answered_by: conversation` anybody's event may be the answer: who waits is wanted in memory
 * from then on, not only at their own deadline. */
static void test_who_waits_is_needed(void **state)
{
    static const struct {
        enum answered_by answered_by;
        int64_t needed_ms;
    } cases[] = {{ANSWERED_BY_CONVERSATION, T0 + MINUTES},
                 {ANSWERED_BY_BOTH, T0 + MINUTES + HOURS}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct rule_spec rule = {.name = STR("late"),
                                       .kind = RULE_OWED,
                                       .owed_by = SIDE_ORGANISATION,
                                       .owed_after_ms = HOURS,
                                       .severity = STR("info")};
        struct model_spec spec = world_spec();
        struct checkpoint_entry entry;
        struct event e;
        struct world w;

        spec.answered_by = cases[i].answered_by;
        spec.rules = &rule;
        spec.n_rules = 1;
        world_open(&w, &spec);
        e = world_event(&w, MINUTES, IN, "ann", "q");
        e.verb = STR("question");
        e.conversation = STR("c");
        assert_int_equal(world_apply(&w, &e), 0);
        (void)engine_cut(w.engine, 1);
        assert_true(engine_cut_next(w.engine, &entry));
        assert_int_equal(entry.wake_ms, cases[i].needed_ms);
        engine_cut_done(w.engine);
        world_close(&w);
    }
}

/* ---------------------------------------------------------------- bytes that make no sense */

static void fill(struct world *w)
{
    static const char *const conversations[] = {"c", "d", "x"};

    for (int i = 0; i < 12; i++) {
        char id[8];
        struct event e;

        snprintf(id, sizeof(id), "e%d", i);
        e = world_event(w, i * MINUTES, i % 5 == 1 ? OUT : IN, "ann", id);
        e.verb = STR("question");
        e.conversation = str_of(conversations[i % 3]);
        e.channel = STR("mail");
        e.account = STR("acme");
        e.kind = STR("customer");
        e.sequence = STR("7");
        e.communities[0] = STR("owners");
        e.n_communities = 1;
        e.has_value = true;
        e.value = 3;
        assert_int_equal(world_apply(w, &e), 0);
    }
}

static void pack_of(struct world *w, struct buf *ret_packed)
{
    struct checkpoint_entry entry;

    (void)engine_cut(w->engine, 11);
    assert_true(engine_cut_next(w->engine, &entry));
    buf_add_str(ret_packed, entry.packed);
    engine_cut_done(w->engine);
}

/* Whatever was taken can be lived with. */
static void live_on(struct world *w)
{
    for (int i = 0; i < 3; i++) {
        struct event e = world_event(w, (100 + i) * MINUTES, i == 1 ? OUT : IN, "ann", "z");

        e.conversation = STR("c");
        e.verb = STR("question");
        e.offset = INT64_MAX;
        (void)!engine_apply(w->engine, &e);
    }
    engine_tick(w->engine, T0 + DAYS, INT64_MAX);
}

static void test_broken_bytes(void **state)
{
    const struct model_spec spec = spec_of(ANSWERED_BY_REPLY, 20 * MINUTES, false);
    struct buf packed = BUF_INIT;
    struct world w;
    uint64_t seed = 5;

    (void)state;
    world_open(&w, &spec);
    fill(&w);
    assert_true(world_stats(&w).n_held > 0);
    pack_of(&w, &packed);
    for (size_t n = 1; n < packed.len; n++) {
        char *exact = mem_alloc(n); /* so that a read beyond it is seen */

        memcpy(exact, packed.ptr, n);
        engine_free(w.engine);
        w.engine = world_engine(&w, true);
        assert_int_equal(engine_restore(w.engine, STR("ann"), (struct str){exact, n}),
                         ENGINE_E_CORRUPT);
        assert_true(!engine_has(w.engine, STR("ann")));
        mem_free(exact);
    }
    for (size_t n = 0; n < packed.len * 8; n += 3) {
        char *flipped = mem_alloc(packed.len);

        memcpy(flipped, packed.ptr, packed.len);
        flipped[n / 8] = (char)(flipped[n / 8] ^ 1 << n % 8);
        if (n % 2 == 0)
            flipped[world_below(&seed, packed.len)] = (char)world_random(&seed);
        engine_free(w.engine);
        w.engine = world_engine(&w, true);
        if (!engine_restore(w.engine, STR("ann"), (struct str){flipped, packed.len}))
            live_on(&w);
        mem_free(flipped);
    }
    buf_add_char(&packed, 'x');
    engine_free(w.engine);
    w.engine = world_engine(&w, true);
    assert_int_equal(engine_restore(w.engine, STR("ann"), buf_str(&packed)), ENGINE_E_CORRUPT);
    buf_deinit(&packed);
    world_close(&w);
}

/* Whatever an outsider sends, the state can be stored and read again. */
static void test_sums_stay_finite(void **state)
{
    const struct model_spec spec = spec_of(ANSWERED_BY_BOTH, 0, false);
    struct buf packed = BUF_INIT;
    struct world w;

    (void)state;
    world_open(&w, &spec);
    for (int i = 0; i < 300; i++) {
        char id[8];

        snprintf(id, sizeof(id), "e%d", i);
        world_say(&w, i, IN, "ann", id, i < 200 ? 1.7e308 : -1.7e308);
    }
    pack_of(&w, &packed);
    engine_free(w.engine);
    w.engine = world_engine(&w, true);
    assert_int_equal(engine_restore(w.engine, STR("ann"), buf_str(&packed)), 0);
    buf_deinit(&packed);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disturbed_is_undisturbed),
        cmocka_unit_test(test_entry_is_as_of_the_cut),
        cmocka_unit_test(test_evict),
        cmocka_unit_test(test_spare),
        cmocka_unit_test(test_skips_what_it_holds),
        cmocka_unit_test(test_who_waits_is_needed),
        cmocka_unit_test(test_broken_bytes),
        cmocka_unit_test(test_sums_stay_finite),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
