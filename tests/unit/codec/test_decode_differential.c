/* SPDX-License-Identifier: Apache-2.0 */
/* The fast way and the reference say the same of every record: the event, or why there is none. */
#include "codec/event_decode.h"

#include "base/mem.h"
#include "decoding.h"
#include "odd_values.h"
#include "../../fuzz/same_event.h"

#define TAIL ",\"data\":{\"direction\":\"inbound\",\"verb\":\"v\"}"
#define HEAD                                                                                       \
    "\"specversion\":\"1.0\",\"id\":\"e1\",\"source\":\"/s\","                                     \
    "\"type\":\"io.engaged.interaction.v1\",\"subject\":\"ann\""

static struct event_decoder *reference, *fast;
static uint64_t n_taken_fast, n_compared;

static int setup(void **state)
{
    (void)state;
    reference = event_decoder_new(&(struct event_limits){.is_reference = true});
    fast = event_decoder_new(NULL);
    n_taken_fast = n_compared = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    reference = event_decoder_free(reference);
    fast = event_decoder_free(fast);
    return 0;
}

/* From memory of its own length, so that sanitizers see a read behind the end. */
static void compare_with(struct event_decoder *a, struct event_decoder *b,
                         const struct event_input *input)
{
    struct event_refusal refusals[2] = {{.has_time = false}, {.has_time = false}};
    struct event_input copied = *input;
    char *copy = mem_alloc(input->value.len + 1);
    uint64_t before = event_decoder_fallbacks(b);
    struct event events[2];
    const char *name;
    int r[2];

    copy = mem_realloc(copy, input->value.len ? input->value.len : 1);
    if (input->value.len)
        memcpy(copy, input->value.ptr, input->value.len);
    copied.value.ptr = copy;
    memset(events, 0x5a, sizeof(events));
    r[0] = event_decode(a, &copied, &events[0], &refusals[0]);
    r[1] = event_decode(b, &copied, &events[1], &refusals[1]);
    name = r[0] ? NULL : differing_member(&events[0], &events[1]);
    if (r[0] != r[1] || name || memcmp(&refusals[0], &refusals[1], sizeof(refusals[0])) != 0 ||
        events[0].time_ms != events[1].time_ms)
        fail_msg("the reference says %d %s, the fast way %d %s (%s) of: %.*s", r[0],
                 refusals[0].code, r[1], refusals[1].code, name ? name : "-",
                 STR_ARG(input->value));
    n_taken_fast += event_decoder_fallbacks(b) == before;
    n_compared++;
    mem_free(copy);
}

static void compare(struct str value)
{
    const struct event_input input = {.value = value, .timestamp_ms = 1700000000123, .offset = 42};

    compare_with(reference, fast, &input);
}

static void comparef(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void comparef(const char *format, ...)
{
    struct buf b = BUF_INIT;
    va_list args;

    va_start(args, format);
    buf_vaddf(&b, format, args);
    va_end(args);
    compare(buf_str(&b));
    buf_deinit(&b);
}

/* ---- values of every kind, in every place ---- */

static void test_values(void **state)
{
    static const char *const data_fields[] = {"direction",
                                              "verb",
                                              "channel",
                                              "conversation",
                                              "in_reply_to",
                                              "communities",
                                              "actor",
                                              "sentiment",
                                              "intent",
                                              "weight",
                                              "value",
                                              "expects_reply",
                                              "resolves",
                                              "automatic",
                                              "unknown",
                                              "a_name_of_sixte",
                                              "a_name_of_sixteen_bytes",
                                              ""};
    static const char *const attributes[] = {
        "specversion", "id",          "source",        "type",    "subject",         "time",
        "sequence",    "causationid", "correlationid", "unknown", "datacontenttype", "data",
        "data_base64", "Type",        "tim",           ""};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(odd_values); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(data_fields); k++) {
            comparef("{" HEAD ",\"data\":{\"direction\":\"inbound\",\"verb\":\"v\",\"%s\":%s}}",
                     data_fields[k], odd_values[i]);
            comparef("{" HEAD ",\"data\":{\"%s\":%s}}", data_fields[k], odd_values[i]);
            comparef("{" HEAD ",\"data\":{\"verb\":\"v\", \"%s\" : %s ,\"direction\":\"peer\"}}",
                     data_fields[k], odd_values[i]);
        }
        for (size_t k = 0; k < ARRAY_SIZE(attributes); k++) {
            comparef("{" HEAD TAIL ",\"%s\":%s}", attributes[k], odd_values[i]);
            comparef("{\"%s\":%s," HEAD TAIL "}", attributes[k], odd_values[i]);
        }
        compare(str_of(odd_values[i]));
        comparef("{" HEAD TAIL "}%s", odd_values[i]);
        comparef("%s{" HEAD TAIL "}", odd_values[i]);
        comparef("{%s," HEAD TAIL "}", odd_values[i]);
    }
    assert_true(n_taken_fast > n_compared / 10);
}

/* The attributes one by one, each of them as the only one of its name. */
static void test_attributes(void **state)
{
    static const char *const names[] = {"specversion", "id", "source", "type", "subject", "time"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(odd_values); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
            struct buf b = BUF_INIT;

            for (size_t n = 0; n < ARRAY_SIZE(names); n++)
                buf_addf(&b, "%s\"%s\":%s", n ? "," : "{", names[n],
                         n == k   ? odd_values[i]
                         : n == 0 ? "\"1.0\""
                         : n == 3 ? "\"io.engaged.interaction.v1\""
                         : n == 5 ? "\"2026-05-01T08:00:00Z\""
                                  : "\"x\"");
            buf_addf(&b, TAIL "}");
            compare(buf_str(&b));
            buf_deinit(&b);
        }
    }
}

/* ---- whole events ---- */

static const char *const events[] = {
    "{\"specversion\":\"1.0\",\"id\":\"e1\",\"source\":\"/"
    "crm\",\"type\":\"io.engaged.interaction.v1\","
    "\"subject\":\"ann\",\"time\":\"2026-05-01T08:00:00.250Z\",\"sequence\":\"007\","
    "\"datacontenttype\":\"application/json\",\"causationid\":\"e0\",\"correlationid\":\"c0\","
    "\"data\":{\"direction\":\"inbound\",\"verb\":\"question\",\"channel\":\"mail\","
    "\"kind\":\"customer\",\"account\":\"acme\",\"communities\":[\"x\",\"caf\\u00e9\"],"
    "\"actor\":\"bob\",\"counterpart\":\"cy\",\"sentiment\":-0.5,\"intent\":\"buy\",\"weight\":2,"
    "\"value\":9.5e1,\"expects_reply\":true,\"resolves\":false,\"automatic\":null}}",
    "{\"data\":{\"conversation\":\"c\",\"direction\":\"peer\",\"in_reply_to\":\"\303\251\","
    "\"org\":\"o\",\"verb\":\"v\",\"x\":[1,{\"y\":-2.5e-1}]},\"id\":\"e2\",\"source\":\"/s\","
    "\"specversion\":\"1.0\",\"subject\":\"b\",\"type\":\"io.engaged.interaction.v1\"}",
    " { \"specversion\" : \"1.0\" , \"id\" : \"t\" , \"source\" : \"/engaged/eu\" ,\n\t\"type\" : "
    "\"io.engaged.tick.v1\" , \"x\" : { \"a\" : [ ] } } \r\n",
    "{\"specversion\":\"1.0\",\"id\":\"o\",\"source\":\"/s\",\"type\":\"io.engaged.outcome.v1\","
    "\"subject\":\"a\",\"data\":{\"trigger\":\"t\",\"status\":\"acted\",\"by\":\"b\",\"note\":"
    "\"\\\"\"}}",
    "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"/s\",\"type\":\"io.engaged.identity.v1\","
    "\"subject\":\"a\",\"data\":{\"action\":\"merge\",\"into\":\"b\"}}",
    "{\"specversion\":\"1.0\",\"id\":\"r\",\"source\":\"/s\",\"type\":\"io.engaged.retraction.v1\","
    "\"subject\":\"a\",\"data\":{\"id\":\"e1\"}}",
    "{\"specversion\":\"1.0\",\"id\":\"k\",\"source\":\"/s\",\"type\":"
    "\"io.engaged.configuration.v1\",\"data\":{\"text\":\"a: b\\n\"}}",
    "{\"specversion\":\"1.0\",\"id\":\"x\",\"source\":\"/s\",\"type\":\"org.example\",\"data\":[]}",
};

static void test_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
        compare(str_of(events[i]));
        assert_int_equal(n_taken_fast, i + 1); /* none of them is unusual */
    }
}

/* Every byte gone, every beginning, and every byte twice. */
static void test_deletions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
        struct str whole = str_of(events[i]);

        for (size_t at = 0; at < whole.len; at++) {
            comparef("%.*s%s", (int)at, whole.ptr, whole.ptr + at + 1);
            comparef("%.*s%s", (int)at + 1, whole.ptr, whole.ptr + at);
            compare((struct str){whole.ptr, at});
            compare((struct str){whole.ptr + at, whole.len - at});
        }
    }
}

/* Every byte changed to every other. */
static void test_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
        struct str whole = str_of(events[i]);
        char *copy = mem_strndup(whole.ptr, whole.len);

        for (size_t at = 0; at < whole.len; at++) {
            for (int c = 0; c < 256; c += i < 3 ? 1 : 7) {
                copy[at] = (char)c;
                compare((struct str){copy, whole.len});
            }
            copy[at] = whole.ptr[at];
        }
        mem_free(copy);
    }
}

/* ---- limits, headers, presets' products ---- */

static void test_lengths(void **state)
{
    static const char *const names[] = {"verb", "conversation", "org", "intent"};
    static const char *const attributes[] = {"sequence", "causationid", "time", "subject2"};
    char text[1100];

    (void)state;
    memset(text, 'a', sizeof(text));
    for (int n = 0; n < (int)sizeof(text); n++) {
        size_t k = (size_t)n % 4;

        comparef("{" HEAD ",\"data\":{\"direction\":\"inbound\",\"%s\":\"%.*s\",\"kind\":\"k\"}}",
                 names[k], n, text);
        comparef("{" HEAD TAIL ",\"%s\":\"%.*s\"}", attributes[k], n, text);
        comparef("{" HEAD ",\"data\":{\"direction\":\"inbound\",\"verb\":\"v\",\"communities\":"
                 "[\"%.*s\"]}}",
                 n, text);
        comparef("{" HEAD TAIL ",\"%.*s\":1}", n, text);
    }
}

/* An interaction whose data holds a list of texts and n levels more. */
static void add_nested(struct buf *b, int n, bool is_binary)
{
    if (!is_binary)
        buf_addf(b, "{" HEAD ",\"data\":");
    buf_addf(b, "{\"direction\":\"inbound\",\"verb\":\"v\",\"communities\":[\"x\"],\"x\":");
    for (int i = 0; i < n; i++)
        buf_addf(b, i % 2 ? "{\"a\":" : "[");
    buf_addf(b, "1");
    for (int i = n; i-- > 0;)
        buf_addf(b, i % 2 ? "}" : "]");
    buf_addf(b, is_binary ? "}" : "}}");
}

static void test_depth(void **state)
{
    static const struct test_header headers[] = {
        {"ce_specversion", "1.0"}, {"ce_id", "e1"},
        {"ce_source", "/s"},       {"ce_type", "io.engaged.interaction.v1"},
        {"ce_subject", "ann"},     {NULL, NULL}};

    (void)state;
    for (size_t depth = 1; depth < 70; depth++) {
        const struct event_limits limits = {.depth = depth};
        const struct event_limits both = {.depth = depth, .is_reference = true};
        struct event_decoder *a = event_decoder_new(&both), *b = event_decoder_new(&limits);

        for (int n = 0; n < 140; n++) {
            struct event_input input = test_input(NULL, n % 2 ? headers : NULL);
            struct buf text = BUF_INIT;

            add_nested(&text, n / 2, n % 2);
            input.value = buf_str(&text);
            compare_with(a, b, &input);
            buf_deinit(&text);
        }
        event_decoder_free(a);
        event_decoder_free(b);
    }
    assert_true(n_taken_fast > n_compared / 4);
}

static void test_value_limit(void **state)
{
    struct event_decoder *a =
        event_decoder_new(&(struct event_limits){.value_bytes = 300, .is_reference = true});
    struct event_decoder *b = event_decoder_new(&(struct event_limits){.value_bytes = 300});

    (void)state;
    for (int n = 0; n < 300; n++) {
        struct event_input input = {.timestamp_ms = 0};
        struct buf text = BUF_INIT;

        buf_addf(&text, "{" HEAD TAIL "%*s}", n, "");
        input.value = buf_str(&text);
        compare_with(a, b, &input);
        buf_deinit(&text);
    }
    event_decoder_free(a);
    event_decoder_free(b);
}

static void test_binary(void **state)
{
    static const char *const types[] = {"io.engaged.interaction.v1", "io.engaged.tick.v1",
                                        "io.engaged.measure.v1", "org.example"};
    static const char *const content_types[] = {"application/json",
                                                "application/x+json; charset=utf-8",
                                                "text/plain",
                                                "",
                                                NULL,
                                                "application/cloudevents+json",
                                                "application/cloudevents-batch+json",
                                                "\377"};

    (void)state;
    for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
        for (size_t c = 0; c < ARRAY_SIZE(content_types); c++) {
            const struct test_header headers[] = {{"ce_specversion", "1.0"},
                                                  {"ce_id", "e1"},
                                                  {"CE_Source", "/s"},
                                                  {"ce_type", types[t]},
                                                  {"ce_subject", "caf\303\251"},
                                                  {"ce_time", "2026-05-01T08:00:00Z"},
                                                  {"content-type", content_types[c]},
                                                  {NULL, NULL}};

            for (size_t i = 0; i < ARRAY_SIZE(odd_values); i++) {
                struct event_input input = test_input(odd_values[i], headers);

                compare_with(reference, fast, &input);
            }
            for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
                struct event_input input = test_input(events[i], headers);

                compare_with(reference, fast, &input);
            }
        }
    }
    assert_true(n_taken_fast > 10);
}

static void test_keys(void **state)
{
    static const char *const keys[] = {"ann", "bob", "", "anna"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        for (int has_key = 0; has_key < 2; has_key++) {
            struct event_input input = test_input("{" HEAD TAIL "}", NULL);

            input.key = str_of(keys[i]);
            input.has_key = has_key;
            input.must_match_key = true;
            compare_with(reference, fast, &input);
            input.timestamp_ms = -1;
            compare_with(reference, fast, &input);
        }
    }
}

/* ---- the counter ---- */

static void test_fallbacks(void **state)
{
    (void)state;
    compare(STR("{" HEAD TAIL "}"));
    assert_int_equal(event_decoder_fallbacks(fast), 0);
    compare(STR("{" HEAD TAIL ",\"id\":\"twice\"}"));
    assert_int_equal(event_decoder_fallbacks(fast), 1);
    compare(STR("{" HEAD ",\"data\":{\"direction\":\"inbound\",\"\\u0076erb\":\"v\"}}"));
    assert_int_equal(event_decoder_fallbacks(fast), 2);
    assert_int_equal(event_decoder_fallbacks(reference), 0);
}

/* All that an event can hold is as usual. */
static void test_most(void **state)
{
    struct buf text = BUF_INIT;

    (void)state;
    buf_addf(&text,
             "{" HEAD ",\"data\":{\"direction\":\"inbound\",\"verb\":\"v\",\"communities\":[");
    for (int i = 0; i < EVENT_COMMUNITIES_MAX; i++)
        buf_addf(&text, "%s\"c%d\"", i ? "," : "", i);
    buf_addf(&text, "],\"value\":123456789012345.67,\"weight\":9223372036854775807}}");
    compare(buf_str(&text));
    assert_int_equal(n_taken_fast, 1);
    buf_deinit(&text);
}

/* Texts with escapes stay where they are while others are added. */
static void test_many_escapes(void **state)
{
    struct event_input input = {.timestamp_ms = 0};
    struct event_refusal refusal;
    struct buf text = BUF_INIT;
    struct event e;

    (void)state;
    buf_addf(&text,
             "{" HEAD ",\"data\":{\"direction\":\"inbound\",\"verb\":\"\\u0061\",\"channel\":"
             "\"\\u0062\",\"x\":\"");
    for (int i = 0; i < 20000; i++)
        buf_addf(&text, "\\n");
    buf_addf(&text, "\",\"org\":\"\\u0063\"}}");
    input.value = buf_str(&text);
    assert_int_equal(event_decode(fast, &input, &e, &refusal), 0);
    assert_int_equal(event_decoder_fallbacks(fast), 0);
    assert_true(str_eq(e.verb, STR("a")) && str_eq(e.channel, STR("b")) && str_eq(e.org, STR("c")));
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_attributes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deletions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lengths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
        cmocka_unit_test_setup_teardown(test_value_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_binary, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fallbacks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_most, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_escapes, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
