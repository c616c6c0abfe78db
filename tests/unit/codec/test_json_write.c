/* SPDX-License-Identifier: Apache-2.0 */
/* Commas, and bytes that are no text. */
#include "codec/json_write.h"

#include "base/err.h"
#include "../unit.h"

static void test_commas(void **state)
{
    struct buf b = BUF_INIT;

    (void)state;
    json_write_open(&b, NULL);
    json_write_text(&b, "a", STR("{[:"));
    json_write_text(&b, "left out", STR(""));
    json_write_i64(&b, "b", INT64_MIN);
    json_write_instant(&b, "left out", INT64_MAX);
    json_write_open(&b, "c");
    json_write_bool(&b, "d", false);
    json_write_close(&b);
    json_write_name(&b, STR("e"));
    buf_add_char(&b, '[');
    for (int i = 0; i < 3; i++) {
        json_write_item(&b);
        json_write_open(&b, NULL);
        json_write_close(&b);
    }
    buf_add_char(&b, ']');
    json_write_open(&b, "f");
    json_write_close(&b);
    json_write_close(&b);
    assert_string_equal(b.ptr, "{\"a\":\"{[:\",\"b\":-9223372036854775808,\"c\":{\"d\":false},"
                               "\"e\":[{},{},{}],\"f\":{}}");
    buf_deinit(&b);
}

static void test_bytes(void **state)
{
    static const struct {
        struct str bytes;
        const char *json;
    } cases[] = {
        {STR(""), "{\"v\":\"\"}"},
        {STR("a\n\xc3\xa9"), "{\"v\":\"a\\n\xc3\xa9\"}"},
        {STR("\xff"), "{\"v_base64\":\"/w==\"}"},
        {STR("\xff\xfe"), "{\"v_base64\":\"//4=\"}"},
        {STR("\xff\xfe\xfd"), "{\"v_base64\":\"//79\"}"},
        {STR("ab\xe9 cd"), "{\"v_base64\":\"YWLpIGNk\"}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct buf b = BUF_INIT;

        json_write_open(&b, NULL);
        json_write_bytes(&b, "v", cases[i].bytes);
        json_write_close(&b);
        assert_string_equal(b.ptr, cases[i].json);
        buf_deinit(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_commas), cmocka_unit_test(test_bytes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
