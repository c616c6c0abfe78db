/* SPDX-License-Identifier: Apache-2.0 */
/* An event of any type that waits is the same when it comes out. */
#include "engine/event_pack.h"
#include "engine/profile.h"
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

static void assert_same_preference(const struct event_preference *a,
                                   const struct event_preference *b)
{
    assert_true(a->channels_change == b->channels_change);
    assert_true(a->max_contacts_change == b->max_contacts_change);
    assert_true(a->quiet_hours_change == b->quiet_hours_change);
    assert_true(a->reply_within_change == b->reply_within_change);
    assert_true(a->consent_change == b->consent_change);
    assert_int_equal(a->n_channels, b->n_channels);
    for (size_t i = 0; i < a->n_channels; i++) {
        assert_true(str_eq(a->channels[i].channel, b->channels[i].channel));
        assert_true(a->channels[i].is_allowed == b->channels[i].is_allowed);
    }
    assert_true(a->max_contacts == b->max_contacts && a->contacts_per_ms == b->contacts_per_ms);
    assert_true(a->quiet_from_min == b->quiet_from_min && a->quiet_to_min == b->quiet_to_min);
    assert_true(str_eq(a->quiet_zone, b->quiet_zone));
    assert_true(a->reply_within_ms == b->reply_within_ms && a->consents == b->consents);
}

static void assert_same_facts(const struct event *a, const struct event *b)
{
    assert_true(str_eq(a->measure.instrument, b->measure.instrument));
    assert_true(str_eq(a->measure.dimension, b->measure.dimension));
    assert_true(a->measure.share == b->measure.share);
    assert_true(str_eq(a->commitment.id, b->commitment.id));
    assert_true(a->commitment.by == b->commitment.by);
    assert_true(a->commitment.status == b->commitment.status);
    assert_true(a->commitment.due_ms == b->commitment.due_ms);
    assert_same_preference(&a->preference, &b->preference);
    assert_true(a->identity.action == b->identity.action);
    assert_true(str_eq(a->identity.into, b->identity.into));
    assert_true(str_eq(a->outcome.trigger, b->outcome.trigger));
    assert_true(a->outcome.status == b->outcome.status);
    assert_true(str_eq(a->outcome.by, b->outcome.by));
    assert_true(str_eq(a->retraction.source, b->retraction.source));
    assert_true(str_eq(a->retraction.id, b->retraction.id));
}

static void check(const struct event *event)
{
    struct buf packed = BUF_INIT;
    struct event back;
    struct wire in;

    event_pack(event, &packed);
    in = wire_of(buf_str(&packed));
    event_unpack(&in, &back);
    assert_true(!in.is_bad && in.at == in.end);
    assert_same(event, &back);
    assert_same_facts(event, &back);
    for (size_t n = 0; n < packed.len; n++) {
        in = wire_of((struct str){packed.ptr, n});
        event_unpack(&in, &back);
        assert_true(in.is_bad);
    }
    buf_deinit(&packed);
}

static void test_round_trip(void **state)
{
    struct event event = whole(), bare = {.id = STR("x"), .source = STR("y"), .time_ms = -1};

    (void)state;
    check(&event);
    check(&bare);
    event.has_weight = event.automatic = event.expects_reply = false;
    event.weight = 0;
    check(&event);
}

static struct event bare(enum event_type type)
{
    return (struct event){.type = type,
                          .id = STR("id"),
                          .source = STR("source"),
                          .subject = STR("ann"),
                          .in_reply_to = STR("cause"),
                          .time_ms = T0,
                          .offset = 5};
}

static void test_measure(void **state)
{
    struct event e = bare(EVENT_MEASURE);

    (void)state;
    e.measure.dimension = STR("advocacy");
    check(&e);
    e.measure.instrument = STR("nps");
    e.measure.share = 1;
    check(&e);
}

static void test_commitment(void **state)
{
    struct event e = bare(EVENT_COMMITMENT);

    (void)state;
    e.commitment.id = STR("c");
    e.commitment.by = SIDE_STAKEHOLDER;
    e.commitment.status = COMMITMENT_BROKEN;
    e.commitment.due_ms = INT64_MAX;
    check(&e);
    e.commitment.due_ms = INSTANT_MIN_MS;
    check(&e);
}

static struct event preference(void)
{
    struct event e = bare(EVENT_PREFERENCE);

    e.preference = (struct event_preference){.channels_change = PREFERENCE_SET,
                                             .max_contacts_change = PREFERENCE_SET,
                                             .quiet_hours_change = PREFERENCE_SET,
                                             .reply_within_change = PREFERENCE_SET,
                                             .consent_change = PREFERENCE_SET,
                                             .channels = {{STR("mail"), true}, {STR("x"), false}},
                                             .n_channels = 2,
                                             .max_contacts = 3,
                                             .contacts_per_ms = 7,
                                             .quiet_from_min = 1439,
                                             .quiet_to_min = 420,
                                             .quiet_zone = STR("Europe/Berlin"),
                                             .reply_within_ms = 1,
                                             .consents = true};
    return e;
}

static void test_preference(void **state)
{
    struct event e = preference(), none = bare(EVENT_PREFERENCE);

    (void)state;
    check(&e);
    none.preference.channels_change = PREFERENCE_CLEARED;
    check(&none);
}

static void test_other_facts(void **state)
{
    struct event identity = bare(EVENT_IDENTITY), outcome = bare(EVENT_OUTCOME),
                 retraction = bare(EVENT_RETRACTION);

    (void)state;
    identity.identity.action = IDENTITY_ERASE;
    identity.identity.into = STR("bob");
    check(&identity);
    outcome.outcome.trigger = STR("t");
    outcome.outcome.status = OUTCOME_DISMISSED;
    outcome.outcome.by = STR("eve");
    check(&outcome);
    retraction.retraction.source = STR("/s");
    retraction.retraction.id = STR("e1");
    check(&retraction);
}

static void test_note_stays_out(void **state)
{
    struct event e = bare(EVENT_OUTCOME);
    struct buf packed = BUF_INIT;

    (void)state;
    e.outcome.note = STR("what was said");
    event_pack(&e, &packed);
    assert_null(memmem(packed.ptr, packed.len, "said", 4));
    buf_deinit(&packed);
}

static bool is_bad(const struct event *e)
{
    struct buf packed = BUF_INIT;
    struct event back;
    struct wire in;

    event_pack(e, &packed);
    in = wire_of(buf_str(&packed));
    event_unpack(&in, &back);
    buf_deinit(&packed);
    return in.is_bad;
}

/* What no decoder lets through is not taken from packed state either. */
static void test_bad(void **state)
{
    struct event e = bare(EVENT_MEASURE);

    (void)state;
    e.measure.share = 1.5;
    assert_true(is_bad(&e));
    e = bare(EVENT_COMMITMENT);
    e.commitment.status = (enum commitment_status)3;
    assert_true(is_bad(&e));
    e = bare(EVENT_COMMITMENT);
    e.commitment.due_ms = INSTANT_MAX_MS + 1;
    assert_true(is_bad(&e));
    e = preference();
    e.preference.quiet_to_min = 1440;
    assert_true(is_bad(&e));
    e = preference();
    e.preference.contacts_per_ms = 0;
    assert_true(is_bad(&e));
    e = preference();
    e.preference.reply_within_ms = -1;
    assert_true(is_bad(&e));
    e = preference();
    e.preference.consent_change = (enum preference_change)3;
    assert_true(is_bad(&e));
    e = bare(EVENT_IDENTITY);
    e.identity.action = (enum identity_action)2;
    assert_true(is_bad(&e));
    e = bare(EVENT_OUTCOME);
    e.outcome.status = (enum outcome_status)4;
    assert_true(is_bad(&e));
}

static void test_bad_counts(void **state)
{
    struct wire in = wire_of(STR("\x07\x00\x00\x00\x00\x00\x00\x00\x00")); /* a heartbeat */
    struct event back;

    (void)state;
    event_unpack(&in, &back);
    assert_true(in.is_bad);
    in = wire_of(STR("\x03\0\0\0\0\0\0\0\0"
                     "\0\0\0\0\0"
                     "\x11")); /* 17 channels */
    event_unpack(&in, &back);
    assert_true(in.is_bad && back.preference.n_channels == 0);
}

/* The shortest events that can wait, through a packed profile. */
static void test_held_in_a_profile(void **state)
{
    struct event e = {.type = EVENT_IDENTITY,
                      .id = STR("i"),
                      .source = STR("s"),
                      .subject = STR("a"),
                      .identity = {.action = IDENTITY_MERGE, .into = STR("b")}};
    struct model_spec spec = world_spec();
    struct model *model = world_model(&spec);
    struct profile *p = profile_new(model, STR("a")), *q = profile_new(model, STR("a"));
    struct buf packed = BUF_INIT;
    struct event back;
    struct wire in;
    int64_t as_of_ms;

    (void)state;
    profile_hold(p, &e);
    profile_hold(p, &e);
    profile_pack(p, model, T0, 1, &packed);
    assert_true(profile_unpack(q, model, buf_str(&packed), &as_of_ms));
    assert_int_equal(q->n_held, 2);
    in = wire_of(q->held[1].bytes);
    event_unpack(&in, &back);
    assert_true(!in.is_bad && back.type == EVENT_IDENTITY);
    assert_same_facts(&e, &back);
    profile_free(p, model);
    profile_free(q, model);
    model_free(model);
    buf_deinit(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_measure),
        cmocka_unit_test(test_commitment),
        cmocka_unit_test(test_preference),
        cmocka_unit_test(test_other_facts),
        cmocka_unit_test(test_note_stays_out),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_bad_counts),
        cmocka_unit_test(test_held_in_a_profile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
