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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
