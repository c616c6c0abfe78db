/* SPDX-License-Identifier: Apache-2.0 */
/* Views, buffers, numbers and JSON text. */
#include "base/str.h"
#include "base/err.h"
#include "../unit.h"

#include <stdlib.h>

static void test_utf8(void **state)
{
    static const struct {
        const char *bytes;
        bool ok;
    } cases[] = {{"plain", true},         {"\xc3\xa9", true},      {"\xf0\x9f\x98\x80", true},
                 {"\xc0\x80", false},     {"\xed\xa0\x80", false}, {"\xf4\x90\x80\x80", false},
                 {"\xe2\x82", false},     {"\xff", false},         {"a\x80", false},
                 {"\xe0\x80\x80", false}, {"\xef\xbf\xbd", true}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(str_is_utf8(str_of(cases[i].bytes)), cases[i].ok);
}

static void test_double_reads_back(void **state)
{
    static const double values[] = {0,
                                    1,
                                    -1,
                                    0.1,
                                    1.0 / 3,
                                    5e-324,
                                    1.7976931348623157e308,
                                    1e15,
                                    1e16,
                                    123456.75,
                                    -0.30000000000000004};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        struct buf b = BUF_INIT;

        buf_add_double(&b, values[i]);
        assert_true(strtod(b.ptr, NULL) == values[i]);
        buf_deinit(&b);
    }
}

/* Every byte in every place of a text of any length, as eight are looked at together. */
static void test_json_str_places(void **state)
{
    (void)state;
    for (size_t n = 1; n < 20; n++) {
        for (size_t at = 0; at < n; at++) {
            for (unsigned c = 1; c < 128; c++) {
                struct buf got = BUF_INIT, want = BUF_INIT;
                char text[20];

                memset(text, 'a', n);
                text[at] = (char)c;
                buf_add_json_str(&got, (struct str){text, n});
                buf_addf(&want, "\"%.*s", (int)at, text);
                if (c == '"' || c == '\\')
                    buf_addf(&want, "\\%c", c);
                else if (c == '\n' || c == '\t')
                    buf_addf(&want, "\\%c", c == '\n' ? 'n' : 't');
                else
                    buf_addf(&want, c < 32 ? "\\u%04x" : "%c", c);
                buf_addf(&want, "%.*s\"", (int)(n - at - 1), text + at + 1);
                assert_string_equal(got.ptr, want.ptr);
                buf_deinit(&got);
                buf_deinit(&want);
            }
        }
    }
}

static void test_json_str(void **state)
{
    struct buf b = BUF_INIT;

    (void)state;
    buf_add_json_str(&b, STR("a\"b\\c\n\t\x01\x7f\xc3\xa9"));
    assert_string_equal(b.ptr, "\"a\\\"b\\\\c\\n\\t\\u0001\x7f\xc3\xa9\"");
    buf_deinit(&b);
}

static void test_buf_grows(void **state)
{
    struct buf b = BUF_INIT;

    (void)state;
    for (int i = 0; i < 1000; i++)
        buf_addf(&b, "%d,", i);
    buf_addf(&b, "%0500d", 7);
    assert_int_equal(b.len, 10 * 2 + 90 * 3 + 900 * 4 + 500);
    assert_int_equal(b.ptr[b.len - 1], '7');
    buf_deinit(&b);
}

static void test_cmp(void **state)
{
    (void)state;
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("b"), STR("ab")) > 0);
    assert_true(str_cmp(STR_NULL, STR("")) == 0);
    assert_true(str_starts(STR("abc"), STR("ab")));
    assert_false(str_starts(STR("a"), STR("ab")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),      cmocka_unit_test(test_double_reads_back),
        cmocka_unit_test(test_json_str),  cmocka_unit_test(test_json_str_places),
        cmocka_unit_test(test_buf_grows), cmocka_unit_test(test_cmp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
