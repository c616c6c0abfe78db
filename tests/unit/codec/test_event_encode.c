/* SPDX-License-Identifier: Apache-2.0 */
/* Ticks and configurations are read by our own decoder as what they are. */
#include "codec/event_encode.h"

#include "decoding.h"

static struct event decode(struct event_decoder *d, const struct buf *b)
{
    const struct test_header headers[] = {{"content-type", EVENT_CONTENT_TYPE}, {0}};
    struct event_input input = test_input(NULL, headers);
    struct event_refusal refusal;
    struct event e;

    input.value = buf_str(b);
    input.must_match_key = true; /* a tick's key is nobody */
    input.has_key = true;
    if (event_decode(d, &input, &e, &refusal))
        fail_msg("%s", refusal.text);
    return e;
}

static void test_tick(void **state)
{
    struct event_decoder *d = event_decoder_new(NULL);
    struct buf b = BUF_INIT;
    struct event e;

    (void)state;
    event_encode_tick(&b, STR("eu"), STR("t-1"), 1777622400250);
    assert_string_equal(b.ptr, "{\"specversion\":\"1.0\",\"id\":\"t-1\",\"source\":\"/engaged/eu\","
                               "\"type\":\"io.engaged.tick.v1\","
                               "\"time\":\"2026-05-01T08:00:00.250Z\"}");
    e = decode(d, &b);
    assert_int_equal(e.type, EVENT_TICK);
    assert_true(e.time_ms == 1777622400250);
    assert_true(str_eq(e.id, STR("t-1")));
    buf_reset(&b);
    event_encode_tick(&b, STR("eu"), STR("t-1"), EVENT_ENCODE_NO_TIME);
    assert_true(decode(d, &b).time_ms == 1700000000123); /* the record's */
    buf_deinit(&b);
    event_decoder_free(d);
}

static void test_configuration(void **state)
{
    const struct str text = STR("rules:\n  - name: \"x\"\t# caf\xc3\xa9\n");
    struct event_decoder *d = event_decoder_new(NULL);
    struct buf b = BUF_INIT;
    struct event e;

    (void)state;
    event_encode_configuration(&b, STR("eu"), STR("c-1"), 1777622400000, text, STR("rules: []"));
    e = decode(d, &b);
    assert_int_equal(e.type, EVENT_CONFIGURATION);
    assert_true(e.time_ms == 1777622400000);
    assert_true(str_eq(e.source, STR("/engaged/eu")));
    assert_true(str_eq(e.text, text));
    assert_true(str_eq(e.previous, STR("rules: []")));
    buf_deinit(&b);
    event_decoder_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tick),
                                       cmocka_unit_test(test_configuration)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
