/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused: where, and with what words. The words are part of the product: they say what to
 * write instead. */
#include "../unit.h"
#include "base/mem.h"
#include "engine/cel.h"

#include <stdlib.h>

static const struct cel_var vars[] = {
    {"direction", CEL_STRING, CEL_NULL},   {"involvement", CEL_DOUBLE, CEL_NULL},
    {"owed.by_us", CEL_INT, CEL_NULL},     {"owed.oldest", CEL_DURATION, CEL_NULL},
    {"since", CEL_TIMESTAMP, CEL_NULL},    {"ok", CEL_BOOL, CEL_NULL},
    {"communities", CEL_LIST, CEL_STRING}, {"lists", CEL_LIST, CEL_LIST},
};
static const struct cel_schema schema = {.vars = vars, .n_vars = ARRAY_SIZE(vars)};

struct row {
    const char *text;
    unsigned line, column;
    const char *words; /* part of the message */
};

static void refused(struct str text, enum cel_type want, const struct row *row)
{
    struct cel_program *p;
    struct cel_error e = {.line = 0};

    if (!cel_compile(text, &schema, want, &p, &e))
        fail_msg("%s: compiles", row->text);
    if (e.line != row->line || e.column != row->column || !strstr(e.text, row->words))
        fail_msg("%s: %u:%u %s\ninstead of %u:%u %s", row->text, e.line, e.column, e.text,
                 row->line, row->column, row->words);
    assert_true(str_is_utf8(str_of(e.text)));
}

static void refused_all(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        refused(str_of(rows[i].text), CEL_DYN, &rows[i]);
}

static void test_slips(void **state)
{
    static const struct row rows[] = {
        {"direction = 'x'", 1, 11, "equality is written =="},
        {"direction === 'x'", 1, 11, "equality is written =="},
        {"direction <> 'x'", 1, 11, "inequality is written !="},
        {"involvement => 1.0", 1, 13, "written >="},
        {"ok and ok", 1, 4, "\"and\" is written &&"},
        {"ok\n  or ok", 2, 3, "\"or\" is written ||"},
        {"not ok", 1, 1, "\"not\" is written !"},
        {"not(ok)", 1, 1, "\"not\" is written !"},
        {"direction is 'x'", 1, 11, "equality is written =="},
        {"ok & ok", 1, 4, "\"and\" is written &&"},
        {"ok | ok", 1, 4, "\"or\" is written ||"},
        {"if ok then 1 else 2", 1, 1, "condition ? this : that"},
        {"direction == 'x", 1, 14, "no closing single quote"},
        {"direction == \"x\ny\"", 1, 14, "no closing double quote"},
        {"'''x''", 1, 1, "no closing triple quote"},
        {"direction == \xe2\x80\x9cx\xe2\x80\x9d", 1, 14, "straight quotes"},
        {"'\xc3\xa9' == \xe2\x80\x9cx", 1, 8, "straight quotes"}, /* columns count characters */
        {"'\\q'", 1, 2, "no such escape"},
        {"'\\ud800'", 1, 2, "no such escape"},
        {"'\\U00110000'", 1, 2, "no such escape"},
        {"owed.oldest > 4h", 1, 15, "duration(\"4h\")"},
        {"42u", 1, 1, "write 42"},
        {"owed.by_us > 12abc", 1, 16, "`abc`"},
        {"99999999999999999999", 1, 1, "too large"},
        {"9223372036854775808", 1, 1, "too large"},
        {"1e999", 1, 1, "too large"},
        {"{'a': 1}", 1, 1, "maps"},
        {"b'x'", 1, 1, "bytes are not supported"},
        {"ok; ok", 1, 3, "&& or ||"},
        {"involvement > 0,5", 1, 16, "0.5"},
        {"direction =~ 'x'", 1, 11, "regular expressions"},
        {"ok # comment", 1, 4, "//"},
        {"while > 1", 1, 1, "reserved"},
    };

    (void)state;
    refused_all(rows, ARRAY_SIZE(rows));
}

static void test_structure(void **state)
{
    static const struct row rows[] = {
        {"", 1, 1, "empty"},
        {" // nothing\n", 2, 1, "ends too early"},
        {"(1 + 2", 1, 7, "`)` is missing at the end"},
        {"size(direction", 1, 15, "`)` is missing"},
        {"(ok && ok] ", 1, 10, "`)` is missing before `]`"},
        {"[1, 2", 1, 6, "`]` is missing"},
        {"communities[0", 1, 14, "`]` is missing"},
        {"ok)", 1, 3, "closes nothing"},
        {"1 +", 1, 4, "a value is missing here"},
        {"* 2", 1, 1, "a value is missing before `*`"},
        {"ok && && ok", 1, 7, "a value is missing before `&&`"},
        {"ok ? 1", 1, 7, "`:`"},
        {"1 2", 1, 3, "operator is missing"},
        {"ok ok", 1, 4, "operator is missing"},
        {"direction.startsWith('a',)", 1, 26, "a value is missing before `)`"},
        {"owed.", 1, 6, "a name is missing after the dot"},
        {"1.5.x", 1, 5, "fields"},
        {"communities[0].name", 1, 16, "fields"},
    };

    (void)state;
    refused_all(rows, ARRAY_SIZE(rows));
}

static void test_names(void **state)
{
    static const struct row rows[] = {
        {"involvment > 1.0", 1, 1, "did you mean `involvement`?"},
        {"Direction == 'x'", 1, 1, "did you mean `direction`?"},
        {"ok &&\n owed.byus > 1", 2, 2, "did you mean `owed.by_us`?"},
        {"ko", 1, 1, "did you mean `ok`?"}, /* neighbours swapped: one slip */
        {"True", 1, 1, "did you mean `true`?"},
        {"owed.by_us.x > 1", 1, 1, "did you mean `owed.by_us`?"},
        {"direction == inbound", 1, 14, "put it in quotes"},
        {"zzzzzz", 1, 1, "the names are direction, involvement"},
        {"has(involvment)", 1, 5, "did you mean `involvement`?"},
        {"has(1)", 1, 1, "has(x)"},
        {"communities.exists(member, membr == 'x')", 1, 28, "did you mean `member`?"},
        {"communities.exists(c, c == 'x') && c == 'y'", 1, 36, "unknown name `c`"},
        {"startWith(direction, 'x')", 1, 1, "did you mean `startsWith`?"},
        {"direction.startswith('x')", 1, 11, "did you mean `startsWith`?"},
        {"startsWith(direction, 'x')", 1, 1, "is written text.startsWith(\"part\")"},
        {"direction.matches('x')", 1, 11, "regular expressions"},
        {"frobnicate(1)", 1, 1, "there are size, contains"},
        {"size", 1, 1, "`size` is a function; write size(text)"},
        {"size(direction, 1)", 1, 1, "`size` is written size(text)"}};

    (void)state;
    refused_all(rows, ARRAY_SIZE(rows));
}

static void test_types(void **state)
{
    static const struct row rows[] = {
        {"involvement + 1", 1, 13, "write 1.0"},
        {"1 + involvement", 1, 3, "write 1.0"},
        {"involvement * owed.by_us", 1, 13, "write double(owed.by_us)"},
        {"involvement * (owed.by_us + 1)", 1, 13, "write double(...)"},
        {"ok ? 1 : 0.5", 1, 4, "write 1.0"},
        {"direction == 3", 1, 11, "`direction` is a string, 3 is an int"},
        {"direction == 3", 1, 11, "write \"3\""},
        {"owed.by_us == '3'", 1, 12, "without quotes"},
        {"owed.oldest > '4h'", 1, 13, "write duration(\"4h\")"},
        {"owed.oldest > 4", 1, 13, "write duration(\"4s\")"},
        {"since > '2026-01-01T00:00:00Z'", 1, 7, "write timestamp(\"2026-01-01T00:00:00Z\")"},
        {"since + since", 1, 7, "`+` does not take both"},
        {"direction - 'x'", 1, 11, "`-` does not take both"},
        {"1.5 % 2.0", 1, 5, "`%` does not take both"},
        {"1 < 2 < 3", 1, 7, "a < b && b < c"},
        {"involvement && ok", 1, 1, "&& needs a condition"},
        {"ok || direction", 1, 7, "|| needs a condition"},
        {"!owed.by_us", 1, 2, "! needs a condition"},
        {"direction ? 1 : 2", 1, 1, "needs a condition"},
        {"-direction", 1, 1, "minus needs a number"},
        {"direction in 'abc'", 1, 11, "needs a list"},
        {"1 in communities", 1, 3, "no element of the list is"},
        {"direction[0]", 1, 10, "only lists have elements"},
        {"communities['x']", 1, 12, "numbered by ints"},
        {"communities < communities", 1, 13, "does not take both"},
        {"communities == ['x'] || communities == [1]", 1, 37, "does not take both"},
        {"involvement == null", 1, 13, "has(involvement)"},
        {"direction.startsWith(3)", 1, 22, "`startsWith` does not take 3, which is an int"},
        {"size(3)", 1, 6, "does not take 3"},
        {"direction.all(c, true)", 1, 11, "needs a list"},
        {"communities.all(c, 1)", 1, 20, "needs a condition"},
        {"communities.all('c', true)", 1, 13, "list.all(x, condition of x)"},
        {"communities.all(c)", 1, 13, "list.all(x, condition of x)"},
        {"duration('4 hours')", 1, 10, "write \"90s\""},
        {"duration('400y')", 1, 10, "not a duration"},
        {"timestamp('yesterday')", 1, 11, "RFC 3339"},
        {"since.getHours('Europe/Oslo')", 1, 16, "\"+01:00\""},
        {"lists[0] + 1 == 2 && lists[0][0] == 'x' && direction == 1", 1, 54, "a string"},
    };

    (void)state;
    refused_all(rows, ARRAY_SIZE(rows));
}

static void test_want(void **state)
{
    static const struct {
        struct row row;
        enum cel_type want;
    } rows[] = {
        {{"involvement", 1, 1, "as in x > 0"}, CEL_BOOL},
        {{"direction", 1, 1, "write a comparison"}, CEL_BOOL},
        {{"direction", 1, 1, "a double is wanted here, and `direction` is a string"}, CEL_DOUBLE},
        {{"involvement", 1, 1, "a string is wanted"}, CEL_STRING},
        {{"involvement", 1, 1, "an int is wanted"}, CEL_INT},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        refused(str_of(rows[i].row.text), rows[i].want, &rows[i].row);
}

static void repeated(const char *open, unsigned n, const char *middle, const char *close,
                     unsigned column, const char *words)
{
    struct buf b = BUF_INIT;
    struct row row = {"(built)", 1, column, words};
    struct cel_program *p;
    struct cel_error e;

    for (unsigned i = 0; i < n; i++)
        buf_add_str(&b, str_of(open));
    buf_add_str(&b, str_of(middle));
    for (unsigned i = 0; i < n; i++)
        buf_add_str(&b, str_of(close));
    if (words) {
        refused(buf_str(&b), CEL_DYN, &row);
    } else {
        assert_int_equal(cel_compile(buf_str(&b), &schema, CEL_DYN, &p, &e), 0);
        cel_free(p);
    }
    buf_deinit(&b);
}

static void test_limits(void **state)
{
    (void)state;
    repeated("(", 60, "1", ")", 0, NULL);
    repeated("(", 64, "1", ")", 65, "nested too deep");
    repeated("(", 4000, "1", ")", 65, "nested too deep");
    repeated("-", 8000, "ok", "", 64, "nested too deep");
    repeated("[", 33, "", "]", 1, "lists are nested too deep");
    repeated("ok ? 1 : ", 63, "1", "", 0, NULL);
    repeated("ok ? 1 : ", 64, "1", "", 577, "nested too deep");
    repeated("owed.by_us + ", 250, "1", "", 0, NULL);
    repeated("owed.by_us + ", 300, "1", "", 3327, "nested too deep");
    repeated("ok || ", 1300, "ok", "", 0, NULL); /* a chain is no nesting */
    repeated("x", 8193, "", "", 8193, "more than 8192 bytes");
    repeated("a.", 130, "b", "", 257, "the name is too long");
    repeated("[1].all(x, ", 8, "true", ")", 0, NULL);
    repeated("[1].all(x, ", 9, "true", ")", 93, "macros are nested too deep");
    refused(STR("'\xff'"), CEL_DYN, &(struct row){"(bytes)", 1, 1, "UTF-8"});
}

/* Any bytes give a program or a message, and leave nothing behind (the sanitizers look on). */
static void test_any_bytes(void **state)
{
    static const char *const parts[] = {"direction",   "owed.by_us", "(",
                                        ")",           "[",          "]",
                                        "'a'",         "1",          "2.5",
                                        "&&",          "||",         "!",
                                        "==",          "<",          "+",
                                        "-",           "?",          ":",
                                        ",",           ".",          "in",
                                        "has",         ".all(x, ",   "x",
                                        ".map(x, ",    "size(",      "duration('1h')",
                                        "null",        " ",          "communities",
                                        ".exists(y, ", "dyn(",       "ok",
                                        "\n",          "e1"};
    uint64_t seed = 42;
    unsigned n_compiled = 0;
    struct buf b = BUF_INIT;

    (void)state;
    for (int i = 0; i < 30000; i++) {
        struct cel_program *p;
        struct cel_error e;

        buf_reset(&b);
        for (unsigned k = 0; k < 1 + (unsigned)i % 12; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            buf_add_str(&b, str_of(parts[(seed >> 33) % ARRAY_SIZE(parts)]));
            if ((seed >> 20) % 50 == 0)
                buf_add_char(&b, (char)(seed >> 40));
        }
        if (cel_compile(buf_str(&b), &schema, CEL_DYN, &p, &e)) {
            assert_true(e.text[0] && e.offset <= b.len && e.line && e.column);
            continue;
        }
        n_compiled++;
        cel_free(p);
    }
    buf_deinit(&b);
    assert_true(n_compiled > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slips),     cmocka_unit_test(test_structure),
        cmocka_unit_test(test_names),     cmocka_unit_test(test_types),
        cmocka_unit_test(test_want),      cmocka_unit_test(test_limits),
        cmocka_unit_test(test_any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
