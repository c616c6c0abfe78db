/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a stakeholder's packed state: corrupt, or a state that the engine can go on with:
 * events, retractions, merges, timers and a checkpoint, whose entries can be restored in their
 * turn. The first byte chooses the model's answer policy, and with bit 3 that the clock does not
 * run yet.
 *
 * With SEEDS=DIR in the environment, writes packed states that engines of each policy came to.
 */
#include "fuzz.h"

#include "engaged/engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define POLICIES (ANSWERED_BY_REPLY + 1)
#define HOUR_MS  3600000LL
#define START_MS 1777622400000LL

static const struct metric_spec metrics[] = {
    {.name = STR("involvement"),
     .aggregate = AGGREGATE_SUM,
     .value = STR("weight"),
     .reach = REACH_HALF_LIFE,
     .reach_ms = 48 * HOUR_MS},
    {.name = STR("warmth"),
     .aggregate = AGGREGATE_MEAN,
     .value = STR("sentiment"),
     .reach = REACH_HALF_LIFE,
     .reach_ms = 24 * HOUR_MS},
    {.name = STR("in_1h"),
     .aggregate = AGGREGATE_COUNT,
     .where = STR("direction == 'inbound'"),
     .reach = REACH_WINDOW,
     .reach_ms = HOUR_MS},
    {.name = STR("total"), .aggregate = AGGREGATE_SUM, .value = STR("value"), .reach = REACH_EVER},
    {.name = STR("low"),
     .aggregate = AGGREGATE_MIN,
     .value = STR("weight"),
     .reach = REACH_WINDOW,
     .reach_ms = 3 * HOUR_MS},
    {.name = STR("high"),
     .aggregate = AGGREGATE_MAX,
     .value = STR("weight"),
     .reach = REACH_WINDOW,
     .reach_ms = 3 * HOUR_MS},
    {.name = STR("highest"), .aggregate = AGGREGATE_MAX, .value = STR("weight")},
    {.name = STR("latest"), .aggregate = AGGREGATE_LAST, .value = STR("sentiment")},
    {.name = STR("threads"), .aggregate = AGGREGATE_DISTINCT, .value = STR("conversation")},
    {.name = STR("days"),
     .aggregate = AGGREGATE_DISTINCT_DAYS,
     .reach = REACH_WINDOW,
     .reach_ms = 48 * HOUR_MS},
    {.name = STR("capped"),
     .aggregate = AGGREGATE_SUM,
     .value = STR("sentiment"),
     .reach = REACH_WINDOW,
     .reach_ms = HOUR_MS,
     .cap = {24 * HOUR_MS, 0, 2}},
};
static const struct rule_spec rules[] = {
    {.name = STR("overdue"),
     .kind = RULE_OWED,
     .owed_by = SIDE_ORGANISATION,
     .owed_after_ms = 2 * HOUR_MS,
     .severity = STR("warning"),
     .route = STR("service"),
     .action = STR("Answer {{stakeholder}} on {{channel}}")},
    {.name = STR("unresolved"),
     .kind = RULE_OWED,
     .owed_by = SIDE_ORGANISATION,
     .owed_after_ms = 3 * HOUR_MS,
     .owed_calendar = STR("office"),
     .owed_until = OWED_UNTIL_ACTED,
     .owed_where = STR("channel == 'mail'"),
     .quiet_hold = true,
     .severity = STR("warning"),
     .route = STR("service")},
    {.name = STR("unacknowledged"),
     .kind = RULE_OWED,
     .owed_by = SIDE_ORGANISATION,
     .owed_after_ms = HOUR_MS,
     .owed_until = OWED_UNTIL_ACKNOWLEDGED,
     .severity = STR("info")},
    {.name = STR("involved"),
     .kind = RULE_CONDITION,
     .enter = STR("involvement >= 3.0"),
     .exit = STR("involvement <= 1.0"),
     .for_ms = HOUR_MS / 2,
     .cooldown_ms = HOUR_MS,
     .severity = STR("info"),
     .route = STR("sales")},
    {.name = STR("peak"),
     .kind = RULE_CONDITION,
     .enter = STR("high - low >= 0.0 && days + threads > 1 && capped > 0.5"),
     .exit = STR("low < 0.5 || highest < latest"),
     .severity = STR("info"),
     .route = STR("sales")},
    {.name = STR("busy"),
     .kind = RULE_CONDITION,
     .enter = STR("in_1h > 2 && (!has(consent) || consent)"),
     .quiet_hold = true,
     .severity = STR("info"),
     .route = STR("sales")},
    {.name = STR("derived"),
     .kind = RULE_CONDITION,
     .enter = STR("cadence.ratio > 2.0 && tie < 0.5 || cadence.spread * balance > 1.0"),
     .exit = STR("trust >= 0.5 || cadence.gap < duration('1h') || commitment.overdue > 1"),
     .severity = STR("info")},
};

static const struct str dimensions[] = {STR("delight"), STR("advocacy")};
static const struct derived_spec derived = {.keep = (1u << N_DERIVED_GROUPS) - 1,
                                            .half_life_ms = 24 * HOUR_MS,
                                            .pressure_window_ms = HOUR_MS,
                                            .cadence_floor_ms = 60000,
                                            .cadence_prior_ms = HOUR_MS,
                                            .cadence_weight = 2,
                                            .dimensions = dimensions,
                                            .n_dimensions = ARRAY_SIZE(dimensions)};
static const int32_t holidays[] = {20575, 20576};
static const struct calendar_spec calendar = {
    .name = STR("office"),
    .days = {[1] = {{{540, 720}, {780, 1020}}, 2}, [3] = {{{0, 1440}}, 1}, [5] = {{{540, 720}}, 1}},
    .holidays = holidays,
    .n_holidays = ARRAY_SIZE(holidays)};

static struct model *models[POLICIES];

static void on_fault(void *ctx, const struct model_fault *fault)
{
    (void)ctx;
    fprintf(stderr, "%s: %s\n", fault->field, fault->text);
}

static void on_trigger(void *ctx, const struct trigger *trigger)
{
    (void)ctx;
    ENSURE(trigger->stakeholder.len && trigger->rule.len);
}

static void on_view(void *ctx, const struct stakeholder_view *view)
{
    (void)ctx;
    ENSURE(view->n_metrics == ARRAY_SIZE(metrics));
    ENSURE(view->n_derived > 0);
    for (size_t i = 0; i < view->n_derived; i++)
        ENSURE(view->derived[i].value.type != VALUE_DOUBLE || isfinite(view->derived[i].value.d));
}

static const struct model *model_of(unsigned policy)
{
    const struct model_spec spec = {.deployment = STR("fuzz"),
                                    .organisation = STR("Fuzz"),
                                    .lateness_ms = policy % 2 ? 60000 : 0,
                                    .dedup_events = 4,
                                    .evidence_events = 2,
                                    .dedup_horizon_ms = HOUR_MS,
                                    .answered_by = (enum answered_by)policy,
                                    .retraction_ms =
                                        policy == ANSWERED_BY_CONVERSATION ? 0 : 3 * HOUR_MS,
                                    .calendars = &calendar,
                                    .n_calendars = 1,
                                    .metrics = metrics,
                                    .n_metrics = ARRAY_SIZE(metrics),
                                    .rules = rules,
                                    .n_rules = ARRAY_SIZE(rules),
                                    .derived = &derived};

    if (!models[policy])
        ENSURE(model_new(&spec, on_fault, NULL, &models[policy]) == 0);
    return models[policy];
}

static struct engine *engine_of(unsigned policy)
{
    struct engine_opts opts = {.topic = STR("t"), .partition = 0, .on_trigger = on_trigger};

    return engine_new(model_of(policy), &opts);
}

static void apply(struct engine *e, int i, int64_t time_ms)
{
    static const struct str ids[] = {STR("a"), STR("b"), STR("c"), STR("d"), STR("e"), STR("f")};
    struct event event = {.type = EVENT_INTERACTION,
                          .type_name = STR("io.engaged.interaction.v1"),
                          .id = ids[i % 6],
                          .source = STR("/s"),
                          .subject = STR("ann"),
                          .time_ms = time_ms,
                          .offset = 1000 + i,
                          .direction = i % 4 == 3 ? DIRECTION_OUTBOUND : DIRECTION_INBOUND,
                          .verb = STR("message"),
                          .channel = STR("mail"),
                          .conversation = i % 2 ? STR("c1") : STR("c2"),
                          .in_reply_to = i % 4 == 3 ? ids[(i - 1) % 6] : STR_NULL,
                          .org = STR("o"),
                          .kind = STR("customer"),
                          .account = STR("acme"),
                          .has_weight = true,
                          .weight = i % 2 ? 1 : 1.7e308, /* too large to count */
                          .has_sentiment = true,
                          .sentiment = 0.5,
                          .has_value = true,
                          .value = 1e100,
                          .has_expects_reply = true,
                          .expects_reply = i % 4 != 3};
    int r = engine_apply(e, &event);

    ENSURE(r == 0 || r == ENGINE_E_DUPLICATE);
}

static void retract(struct engine *e, const char *id, int64_t time_ms, int64_t offset)
{
    struct event event = {.type = EVENT_RETRACTION,
                          .id = STR("r"),
                          .source = STR("/s"),
                          .subject = STR("ann"),
                          .retraction = {.id = str_of(id)},
                          .time_ms = time_ms,
                          .offset = offset};

    ENSURE(engine_apply(e, &event) == 0);
}

/* The first of them into the second, which is in memory, too. */
static void merge(struct engine *e, const char *id, const char *into, int64_t time_ms,
                  int64_t offset)
{
    struct event event = {.type = EVENT_IDENTITY,
                          .id = STR("m"),
                          .source = STR("/s"),
                          .subject = str_of(id),
                          .identity = {.action = IDENTITY_MERGE, .into = str_of(into)},
                          .time_ms = time_ms,
                          .offset = offset};

    ENSURE(engine_restore(e, str_of(into), STR_NULL) == 0);
    ENSURE(engine_apply(e, &event) == 0);
}

/* A measure, or a promise that is made, kept or broken. */
static void apply_fact(struct engine *e, int i, int64_t time_ms)
{
    static const struct str ids[] = {STR("m"), STR("p"), STR("n"), STR("q"), STR("o"), STR("r")};
    struct event event = {.type = i % 2 ? EVENT_COMMITMENT : EVENT_MEASURE,
                          .id = ids[i % 6],
                          .source = STR("/s"),
                          .subject = STR("ann"),
                          .time_ms = time_ms,
                          .offset = 1500 + i,
                          .measure = {.dimension = dimensions[i % 4 / 2], .share = 0.7},
                          .commitment = {.id = i % 4 == 1 ? STR("x") : STR("y"),
                                         .status = (enum commitment_status)(i % 3),
                                         .due_ms = time_ms + HOUR_MS}};
    int r = engine_apply(e, &event);

    ENSURE(r == 0 || r == ENGINE_E_DUPLICATE);
}

static void state_preferences(struct engine *e, int i, int64_t time_ms)
{
    struct event event = {.type = EVENT_PREFERENCE,
                          .type_name = STR("io.engaged.preference.v1"),
                          .id = STR("p"),
                          .source = STR("/p"),
                          .subject = STR("ann"),
                          .time_ms = time_ms,
                          .offset = 1000 + i,
                          .preference = {.channels_change = PREFERENCE_SET,
                                         .max_contacts_change = PREFERENCE_SET,
                                         .quiet_hours_change = PREFERENCE_SET,
                                         .reply_within_change = PREFERENCE_CLEARED,
                                         .consent_change = PREFERENCE_SET,
                                         .channels = {{STR("mail"), true}, {STR("phone"), false}},
                                         .n_channels = 2,
                                         .max_contacts = 3,
                                         .contacts_per_ms = 24 * HOUR_MS,
                                         .quiet_from_min = 1320,
                                         .quiet_to_min = 420,
                                         .quiet_zone = STR("+02:00"),
                                         .consents = true}};

    event.source = i % 2 ? STR("/p") : STR("/q");
    ENSURE(engine_apply(e, &event) <= ENGINE_E_DUPLICATE);
}

/* What was cut can be restored; with `seeds`, it is written there instead. */
static void cut(struct engine *e, unsigned policy, int64_t offset, const char *seeds)
{
    struct checkpoint_entry entry;
    size_t n = 0;

    engine_cut(e, offset);
    for (; engine_cut_next(e, &entry); n++) {
        if (seeds) {
            struct buf path = BUF_INIT;
            FILE *f;

            buf_addf(&path, "%s/policy%u-%lld-%.*s", seeds, policy, (long long)offset,
                     STR_ARG(entry.id));
            f = fopen(path.ptr, "wb");
            ENSURE(f && fputc('0' + (int)policy, f) >= 0);
            ENSURE(fwrite(entry.packed.ptr, 1, entry.packed.len, f) == entry.packed.len);
            ENSURE(fclose(f) == 0);
            buf_deinit(&path);
        } else {
            struct engine *other = engine_of(policy);

            ENSURE(engine_restore(other, entry.id, entry.packed) == 0);
            engine_free(other);
        }
    }
    ENSURE(n == engine_n_dirty(e) || n > 0);
    engine_cut_done(e);
}

static void write_seeds(const char *dir)
{
    for (unsigned policy = 0; policy < POLICIES; policy++) {
        struct engine *e = engine_of(policy);

        ENSURE(engine_restore(e, STR("ann"), STR_NULL) == 0);
        for (int i = 0; i < 12; i++) {
            apply(e, i, START_MS + i * HOUR_MS / 3);
            apply_fact(e, i, START_MS + i * HOUR_MS / 3);
            if (i == 4 && policy % 2 == 0)
                state_preferences(e, i, START_MS + i * HOUR_MS / 3);
            if (i % 4 == 2)
                cut(e, policy, 1000 + i, dir);
        }
        retract(e, "e", START_MS + 4 * HOUR_MS, 1012);
        cut(e, policy, 1012, dir);
        merge(e, "ann", "bob", START_MS + 4 * HOUR_MS, 1013);
        cut(e, policy, 1013, dir);
        engine_free(e);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    unsigned policy = n ? bytes[0] % POLICIES : 0;
    struct engine *e;
    int r;

    if (getenv("SEEDS")) {
        write_seeds(getenv("SEEDS"));
        exit(0);
    }
    e = engine_of(policy);
    if (!n || !(bytes[0] & 8))
        engine_set_clock(e, START_MS + HOUR_MS);
    r = engine_restore(e, STR("ann"), (struct str){(const char *)bytes + (n > 0), n - (n > 0)});
    ENSURE(r == 0 || r == ENGINE_E_CORRUPT);
    if (r == 0) {
        for (int i = 0; i < 6; i++)
            apply(e, i, START_MS + HOUR_MS + i * HOUR_MS / 2);
        retract(e, "e", START_MS + 4 * HOUR_MS, 1012);
        retract(e, "zz", START_MS + 4 * HOUR_MS, 1012);
        retract(e, "a", START_MS + 4 * HOUR_MS, 1012);
        merge(e, "ann", "bob", START_MS + 4 * HOUR_MS, 1013);
        apply(e, 5, START_MS + 4 * HOUR_MS);
        merge(e, "bob", "ann", START_MS + 4 * HOUR_MS, 1014);
        for (int i = 0; i < 4; i++)
            apply_fact(e, i, START_MS + 4 * HOUR_MS + i * HOUR_MS);
        engine_tick(e, START_MS + 100 * HOUR_MS, 2000);
        engine_each(e, on_view, NULL);
        cut(e, policy, 2000, NULL);
        engine_evict(e, 0, INT64_MIN);
        engine_finish(e, START_MS + 1000 * HOUR_MS);
    }
    engine_free(e);
    return 0;
}
