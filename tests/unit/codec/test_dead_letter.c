/* SPDX-License-Identifier: Apache-2.0 */
/* The headers of a dead letter. */
#include "codec/dead_letter.h"

#include "../unit.h"

static void test_headers(void **state)
{
    static const char *const want[DEAD_LETTER_N_HEADERS][2] = {
        {"__connect.errors.topic", "events"},
        {"__connect.errors.partition", "2147483647"},
        {"__connect.errors.offset", "9223372036854775807"},
        {"__connect.errors.connector.name", "engaged"},
        {"__connect.errors.stage", "TRANSFORMATION"},
        {"__connect.errors.exception.class.name", "id.missing"},
        {"__connect.errors.exception.message", "The id 7 is missing."},
    };
    struct event_refusal refusal;
    struct dead_letter d;

    (void)state;
    refusal.has_time = true;
    refusal_set(&refusal, REFUSAL_STAGE_EVENT, "id.missing", "The id %d is missing.", 7);
    assert_false(refusal.has_time);
    dead_letter_init(&d, STR("events"), INT32_MAX, INT64_MAX, &refusal);
    for (size_t i = 0; i < DEAD_LETTER_N_HEADERS; i++) {
        assert_string_equal(d.headers[i].name, want[i][0]);
        assert_true(str_eq(d.headers[i].value, str_of(want[i][1])));
    }
}

static void test_long_texts_are_cut(void **state)
{
    struct event_refusal refusal;
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    refusal_set(&refusal, REFUSAL_STAGE_EVENT, text, "%s", text);
    assert_int_equal(strlen(refusal.code), sizeof(refusal.code) - 1);
    assert_int_equal(strlen(refusal.text), sizeof(refusal.text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_headers),
                                       cmocka_unit_test(test_long_texts_are_cut)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
