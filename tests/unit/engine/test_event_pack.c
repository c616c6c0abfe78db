/* SPDX-License-Identifier: Apache-2.0 */
/* An interaction that waits is the same when it comes out. */
#include "engine/event_pack.h"
#include "world.h"

static struct event whole(void)
{
    return (struct event){.type = EVENT_INTERACTION,
                          .id = STR("id"),
                          .source = STR("source"),
                          .subject = STR("subject"),
                          .sequence = STR("sequence"),
                          .time_ms = T0,
                          .offset = 77,
                          .direction = DIRECTION_PEER,
                          .verb = STR("verb"),
                          .channel = STR("channel"),
                          .conversation = STR("conversation"),
                          .in_reply_to = STR("in_reply_to"),
                          .org = STR("org"),
                          .kind = STR("kind"),
                          .account = STR("account"),
                          .actor = STR("actor"),
                          .counterpart = STR("counterpart"),
                          .intent = STR("intent"),
                          .communities = {STR("one"), STR("two")},
                          .n_communities = 2,
                          .has_sentiment = true,
                          .sentiment = -0.25,
                          .has_weight = true,
                          .weight = 1e-300,
                          .has_value = true,
                          .value = 1e300,
                          .has_expects_reply = true,
                          .expects_reply = true,
                          .resolves = true,
                          .automatic = true};
}

static void assert_same(const struct event *a, const struct event *b)
{
    const struct {
        struct str a, b;
    } texts[] = {{a->id, b->id},
                 {a->source, b->source},
                 {a->subject, b->subject},
                 {a->sequence, b->sequence},
                 {a->verb, b->verb},
                 {a->channel, b->channel},
                 {a->conversation, b->conversation},
                 {a->in_reply_to, b->in_reply_to},
                 {a->org, b->org},
                 {a->kind, b->kind},
                 {a->account, b->account},
                 {a->actor, b->actor},
                 {a->counterpart, b->counterpart},
                 {a->intent, b->intent},
                 {a->communities[0], b->communities[0]},
                 {a->communities[1], b->communities[1]}};

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        assert_true(str_eq(texts[i].a, texts[i].b));
    assert_int_equal(a->n_communities, b->n_communities);
    assert_true(a->type == b->type && a->direction == b->direction);
    assert_true(a->time_ms == b->time_ms && a->offset == b->offset);
    assert_true(a->has_sentiment == b->has_sentiment && a->has_weight == b->has_weight);
    assert_true(a->has_value == b->has_value && a->has_expects_reply == b->has_expects_reply);
    assert_true(a->expects_reply == b->expects_reply && a->resolves == b->resolves);
    assert_true(a->automatic == b->automatic && a->sentiment == b->sentiment);
    assert_true(a->weight == b->weight && a->value == b->value);
}

/* Its texts are good until the next call. */
static struct event check(const struct event *event)
{
    static struct buf packed;
    struct event back, cut_off;
    struct wire in;

    buf_reset(&packed);
    event_pack(event, &packed);
    in = wire_of(buf_str(&packed));
    event_unpack(&in, &back);
    assert_true(!in.is_bad && in.at == in.end);
    assert_same(event, &back);
    for (size_t n = 0; n < packed.len; n++) {
        in = wire_of((struct str){packed.ptr, n});
        event_unpack(&in, &cut_off);
        assert_true(in.is_bad);
    }
    return back;
}

static void assert_none(void *ctx, const struct stakeholder_view *view)
{
    (void)ctx;
    assert_int_equal(view->metrics[0].value.i, 0);
}

static void test_round_trip(void **state)
{
    struct event event = whole(), bare = {.id = STR("x"), .source = STR("y"), .time_ms = -1};

    (void)state;
    (void)check(&event);
    (void)check(&bare);
    event.has_weight = event.automatic = event.expects_reply = false;
    event.weight = 0;
    (void)check(&event);
}

/* Of what an event of each type says. */
static void test_facts(void **state)
{
    struct event e = {.type = EVENT_MEASURE,
                      .id = STR("x"),
                      .source = STR("y"),
                      .subject = STR("z"),
                      .time_ms = T0,
                      .measure = {STR("nps"), STR("advocacy"), 0.75}};
    struct event back;

    (void)state;
    back = check(&e);
    assert_true(str_eq(back.measure.instrument, STR("nps")) && back.measure.share == 0.75);
    assert_true(str_eq(back.measure.dimension, STR("advocacy")));

    e = (struct event){.type = EVENT_COMMITMENT,
                       .time_ms = T0,
                       .commitment = {STR("c"), SIDE_STAKEHOLDER, COMMITMENT_BROKEN, INT64_MAX}};
    back = check(&e);
    assert_true(str_eq(back.commitment.id, STR("c")) && back.commitment.by == SIDE_STAKEHOLDER);
    assert_true(back.commitment.status == COMMITMENT_BROKEN);
    assert_true(back.commitment.due_ms == INT64_MAX);
    e.commitment.due_ms = T0 + DAYS;
    assert_true(check(&e).commitment.due_ms == T0 + DAYS);

    e = (struct event){.type = EVENT_PREFERENCE,
                       .time_ms = T0,
                       .preference = {.channels_change = PREFERENCE_SET,
                                      .max_contacts_change = PREFERENCE_CLEARED,
                                      .quiet_hours_change = PREFERENCE_SET,
                                      .reply_within_change = PREFERENCE_SET,
                                      .consent_change = PREFERENCE_SET,
                                      .channels = {{STR("sms"), false}, {STR("mail"), true}},
                                      .n_channels = 2,
                                      .max_contacts = 3,
                                      .contacts_per_ms = 7 * DAYS,
                                      .quiet_from_min = 22 * 60,
                                      .quiet_to_min = 7 * 60,
                                      .quiet_zone = STR("Europe/Berlin"),
                                      .reply_within_ms = HOURS,
                                      .consents = true}};
    back = check(&e);
    assert_true(back.preference.channels_change == PREFERENCE_SET);
    assert_true(back.preference.max_contacts_change == PREFERENCE_CLEARED);
    assert_int_equal(back.preference.n_channels, 2);
    assert_true(str_eq(back.preference.channels[1].channel, STR("mail")));
    assert_true(!back.preference.channels[0].is_allowed && back.preference.channels[1].is_allowed);
    assert_true(back.preference.max_contacts == 3 && back.preference.contacts_per_ms == 7 * DAYS);
    assert_true(back.preference.quiet_from_min == 22 * 60);
    assert_true(back.preference.quiet_to_min == 7 * 60);
    assert_true(str_eq(back.preference.quiet_zone, STR("Europe/Berlin")));
    assert_true(back.preference.reply_within_ms == HOURS && back.preference.consents);

    e = (struct event){.type = EVENT_OUTCOME,
                       .time_ms = T0,
                       .outcome = {STR("t"), OUTCOME_DISMISSED, STR("me"), STR("a note")}};
    back = check(&e);
    assert_true(str_eq(back.outcome.trigger, STR("t")) && str_eq(back.outcome.by, STR("me")));
    assert_true(back.outcome.status == OUTCOME_DISMISSED && !back.outcome.note.len);
}

/* What waits for the clock is what it was when it is applied: here, nothing that counts. */
static void test_a_fact_that_waits(void **state)
{
    static const struct metric_spec metrics[] = {{.name = {"n", 1}, .aggregate = AGGREGATE_COUNT}};
    struct model_spec spec = world_spec();
    struct event e;
    struct world w;

    (void)state;
    spec.lateness_ms = HOURS;
    spec.metrics = metrics;
    spec.n_metrics = 1;
    world_open(&w, &spec);
    e = world_event(&w, 0, IN, "ann", "e1");
    e.type = EVENT_OUTCOME;
    e.outcome.trigger = STR("t");
    assert_int_equal(world_apply(&w, &e), 0);
    world_tick(&w, DAYS);
    engine_each(w.engine, assert_none, NULL);
    assert_int_equal(world_stats(&w).n_applied, 1);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_facts),
                                       cmocka_unit_test(test_a_fact_that_waits)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
