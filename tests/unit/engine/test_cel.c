/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions: what they evaluate to, and their canonical text. */
#include "../unit.h"
#include "base/mem.h"
#include "engine/cel.h"

#include <math.h>
#include <stdio.h>

enum { DIRECTION, OWED, WARMTH, MISSING, COMMUNITIES, OLDEST, ANYTHING, OK, SINCE, NUMBERS };

static const struct cel_var vars[] = {
    [DIRECTION] = {"direction", CEL_STRING, CEL_NULL},
    [OWED] = {"owed.by_us", CEL_INT, CEL_NULL},
    [WARMTH] = {"warmth", CEL_DOUBLE, CEL_NULL},
    [MISSING] = {"missing", CEL_DOUBLE, CEL_NULL},
    [COMMUNITIES] = {"communities", CEL_LIST, CEL_STRING},
    [OLDEST] = {"owed.oldest", CEL_DURATION, CEL_NULL},
    [ANYTHING] = {"anything", CEL_DYN, CEL_NULL},
    [OK] = {"ok", CEL_BOOL, CEL_NULL},
    [SINCE] = {"since", CEL_TIMESTAMP, CEL_NULL},
    [NUMBERS] = {"numbers", CEL_LIST, CEL_INT},
};
static const struct cel_schema schema = {.vars = vars, .n_vars = ARRAY_SIZE(vars)};

static const struct cel_value communities[] = {
    {.type = CEL_STRING, .s = {"users", 5}},
    {.type = CEL_STRING, .s = {"makers", 6}},
};
static const struct cel_value numbers[] = {
    {.type = CEL_INT, .i = 1}, {.type = CEL_INT, .i = 2}, {.type = CEL_INT, .i = 3}};

static const struct cel_value values[] = {
    [DIRECTION] = {.type = CEL_STRING, .s = {"inbound", 7}},
    [OWED] = {.type = CEL_INT, .i = 3},
    [WARMTH] = {.type = CEL_DOUBLE, .d = -0.5},
    [COMMUNITIES] = {.type = CEL_LIST, .list = {communities, 2}},
    [OLDEST] = {.type = CEL_DURATION, .i = 7200000},
    [ANYTHING] = {.type = CEL_INT, .i = 7},
    [OK] = {.type = CEL_BOOL, .b = true},
    [SINCE] = {.type = CEL_TIMESTAMP, .i = 1767225600000},
    [NUMBERS] = {.type = CEL_LIST, .list = {numbers, 3}},
};

static bool get(void *ctx, unsigned var, struct cel_value *ret_value)
{
    (void)ctx;
    if (var == MISSING)
        return false;
    *ret_value = values[var];
    return true;
}

/* A value as text: what the tables below hold. */
static void show(const struct cel_value *v, struct buf *out)
{
    switch (v->type) {
    case CEL_NULL:
        buf_add_str(out, STR("null"));
        break;
    case CEL_BOOL:
        buf_add_str(out, v->b ? STR("true") : STR("false"));
        break;
    case CEL_INT:
        buf_addf(out, "%lld", (long long)v->i);
        break;
    case CEL_DOUBLE:
        buf_addf(out, "%.17gd", v->d);
        break;
    case CEL_STRING:
        buf_addf(out, "'%.*s'", STR_ARG(v->s));
        break;
    case CEL_TYPE:
        buf_addf(out, "<%.*s>", STR_ARG(v->s));
        break;
    case CEL_LIST:
        buf_add_char(out, '[');
        for (size_t i = 0; i < v->list.n; i++) {
            buf_add_str(out, i ? STR(" ") : STR(""));
            show(&v->list.items[i], out);
        }
        buf_add_char(out, ']');
        break;
    default:
        buf_addf(out, "%s%lldms", v->type == CEL_DURATION ? "" : "@", (long long)v->i);
        if (v->ns)
            buf_addf(out, "%dns", v->ns);
        break;
    }
}

static struct cel_program *compiled(const char *text, enum cel_type want)
{
    struct cel_program *p;
    struct cel_error e;

    if (cel_compile(str_of(text), &schema, want, &p, &e))
        fail_msg("%s: %u:%u: %s", text, e.line, e.column, e.text);
    return p;
}

static void expect(const char *text, const char *expected)
{
    struct cel_program *p = compiled(text, CEL_DYN);
    struct buf b = BUF_INIT;
    struct cel_value v;
    int r = cel_eval(p, get, NULL, &v);

    if (r)
        buf_add_str(&b, r == CEL_E_ABSENT ? STR("absent") : STR("error"));
    else
        show(&v, &b);
    if (strcmp(b.ptr, expected))
        fail_msg("%s: %s instead of %s", text, b.ptr, expected);
    buf_deinit(&b);
    cel_free(p);
}

struct row {
    const char *text, *value;
};

static void expect_all(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        expect(rows[i].text, rows[i].value);
}

static void test_literals(void **state)
{
    static const struct row rows[] = {
        {"42", "42"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"0x1F", "31"},
        {"-0xff", "-255"},
        {"1.5", "1.5d"},
        {".5", "0.5d"},
        {"1e3", "1000d"},
        {"2.5E-1", "0.25d"},
        {"true", "true"},
        {"null", "null"},
        {"'a\"b'", "'a\"b'"},
        {"\"a'b\"", "'a'b'"},
        {"'\\'\\\\\\x41\\101\\u00e9\\U0001F431'", "''\\AA\xc3\xa9\xf0\x9f\x90\xb1'"},
        {"r'a\\n'", "'a\\n'"},
        {"'''a\n'b''c'''", "'a\n'b''c'"},
        {"\"\"\"x\"y\"\"\"", "'x\"y'"},
        {"[]", "[]"},
        {"[1, 2.5, 'x', [true],]", "[1 2.5d 'x' [true]]"},
        {"1 // one\n + 1", "2"},
    };

    (void)state;
    expect_all(rows, ARRAY_SIZE(rows));
}

static void test_arithmetic(void **state)
{
    static const struct row rows[] = {
        {"1 + 2 * 3", "7"},
        {"(1 + 2) * 3", "9"},
        {"10 - 4 - 3", "3"},
        {"7 / 2", "3"},
        {"-7 / 2", "-3"},
        {"-7 % 3", "-1"},
        {"7.0 / 2.0", "3.5d"},
        {"1.0 / 0.0", "infd"},
        {"-owed.by_us", "-3"},
        {"-(0.0)", "-0d"},
        {"1 / 0", "error"},
        {"1 % 0", "error"},
        {"owed.by_us / (owed.by_us - 3)", "error"},
        {"9223372036854775807 + 1", "error"},
        {"-9223372036854775808 - 1", "error"},
        {"9223372036854775807 * 2", "error"},
        {"-(-9223372036854775808)", "error"},
        {"-9223372036854775808 / -1", "error"},
        {"-9223372036854775808 % -1", "error"},
        {"'a' + direction + 'z'", "'ainboundz'"},
        {"direction + direction == 'inboundinbound'", "true"},
        {"[1] + [2, 3]", "[1 2 3]"},
        {"numbers + [4]", "[1 2 3 4]"},
        {"anything + 1", "8"},
        {"anything + 1.0", "error"},
        {"anything + 'x'", "error"},
    };

    (void)state;
    expect_all(rows, ARRAY_SIZE(rows));
}

static void test_comparison(void **state)
{
    static const struct row rows[] = {
        {"direction == 'inbound'", "true"},
        {"direction != 'inbound'", "false"},
        {"'a' < 'b' && 'a' < 'aa'", "true"},
        {"1 < 1.5 && 1.5 < 2", "true"},
        {"owed.by_us == 3.0", "true"},
        {"owed.by_us >= 3.5", "false"},
        {"9007199254740993 == 9007199254740992.0", "false"}, /* 2^53 + 1 is no double */
        {"9007199254740993 > 9007199254740992.0", "true"},
        {"9223372036854775807 < 9223372036854775808.0", "true"},
        {"-9223372036854775808 >= -1e300", "true"},
        {"0.0 / 0.0 == 0.0 / 0.0", "false"},
        {"0.0 / 0.0 != 1.0", "true"},
        {"0.0 / 0.0 < 1.0 || 0.0 / 0.0 >= 1.0", "false"},
        {"1 < 0.0 / 0.0", "false"},
        {"false < true", "true"},
        {"[1, 2] == [1.0, 2]", "true"},
        {"[1, [2]] == [1, [3]]", "false"},
        {"numbers == [1, 2, 3]", "true"},
        {"owed.oldest > duration('1h')", "true"},
        {"since < timestamp('2026-01-01T00:00:00.000000001Z')", "true"},
        {"anything == 'seven'", "false"},
        {"anything == 7.0", "true"},
        {"anything < 'seven'", "error"},
        {"dyn(1) == null", "false"},
        {"null == null", "true"},
        {"'users' in communities", "true"},
        {"direction in ['outbound', 'peer']", "false"},
        {"dyn(2.0) in numbers", "true"},
        {"numbers[1]", "2"},
        {"numbers[3]", "error"},
        {"numbers[-1]", "error"},
        {"[[1], [2, 3]][1][0]", "2"},
    };

    (void)state;
    expect_all(rows, ARRAY_SIZE(rows));
}

/* false && error is false wherever it stands; so with absence; the first failure is told. */
static void test_absorption(void **state)
{
    static const struct row rows[] = {
        {"1 / 0 > 1 || true", "true"},
        {"true || 1 / 0 > 1", "true"},
        {"1 / 0 > 1 && false", "false"},
        {"false && 1 / 0 > 1", "false"},
        {"1 / 0 > 1 || false", "error"},
        {"1 / 0 > 1 && true", "error"},
        {"missing > 1.0 || true", "true"},
        {"missing > 1.0 && false", "false"},
        {"missing > 1.0 || false", "absent"},
        {"missing > 1.0 && true", "absent"},
        {"!(missing > 1.0)", "absent"},
        {"missing > 1.0 || 1 / 0 > 1", "absent"},
        {"1 / 0 > 1 || missing > 1.0", "error"},
        {"missing > 1.0 ? true : true", "absent"},
        {"has(missing)", "false"},
        {"has(warmth) && !has(missing)", "true"},
        {"has(missing) ? missing > 1.0 : ok", "true"},
        {"true || 1 / 0 > 1 || missing > 1.0", "true"},
        {"anything || true", "true"},
        {"anything && true", "error"},
        {"ok ? 1 : 1 / 0", "1"},
    };

    (void)state;
    expect_all(rows, ARRAY_SIZE(rows));
}

static void test_functions(void **state)
{
    static const struct row rows[] = {
        {"size('\xcf\x80\xce\xad\xce\xbd')", "3"},
        {"direction.size() + communities.size()", "9"},
        {"direction.contains('bou')", "true"},
        {"direction.contains('')", "true"},
        {"direction.startsWith('in') && direction.endsWith('nd')", "true"},
        {"'in'.endsWith(direction)", "false"},
        {"'\xc3\x84' .lowerAscii() + 'AbZ'.lowerAscii() + 'aBz[`{'.upperAscii()", "'\xc3\x84"
                                                                                  "abzABZ[`{'"},
        {"int('42') + int(2.9) + int(-2.9)", "42"},
        {"int('4 2')", "error"},
        {"int(1e19)", "error"},
        {"int(timestamp('1969-12-31T23:59:59.5Z'))", "-1"},
        {"double('2.5') + double(1)", "3.5d"},
        {"string(1) + string(2.5) + string(true) + string('x')", "'12.5truex'"},
        {"string(0.1)", "'0.1'"},
        {"string(timestamp('2024-02-29T12:00:00.25+02:00'))", "'2024-02-29T10:00:00.250Z'"},
        {"string(duration('1h30m'))", "'5400s'"},
        {"string(duration('-1.5s'))", "'-1.500s'"},
        {"bool('true')", "true"},
        {"bool('maybe')", "error"},
        {"type(1) == int && type(warmth) == double && type(type(1)) == type", "true"},
        {"type(since)", "<google.protobuf.Timestamp>"},
    };

    (void)state;
    expect_all(rows, ARRAY_SIZE(rows));
}

static void test_time(void **state)
{
    static const struct row rows[] = {
        {"duration('4h')", "14400000ms"},
        {"duration('1h30m')", "5400000ms"},
        {"duration('7d') == duration('168h')", "true"},
        {"duration('-1.5s')", "-1500ms"},
        {"duration('1ns')", "0ms1ns"},
        {"duration('-1ns')", "-1ms999999ns"},
        {"duration('0.0000005s')", "0ms500ns"},
        {"timestamp('2026-01-01T00:00:00Z') == since", "true"},
        {"timestamp(1767225600) == since", "true"},
        {"since + duration('90m')", "@1767231000000ms"},
        {"duration('1ns') + since - duration('2ns')", "@1767225599999ms999999ns"},
        {"since - timestamp('2025-12-31T00:00:00Z') == duration('1d')", "true"},
        {"timestamp('9999-12-31T23:59:59Z') + duration('1s')", "error"},
        {"timestamp('0001-01-01T00:00:00Z') - duration('1ns')", "error"},
        {"timestamp('2024-12-31T23:59:59Z').getFullYear()", "2024"},
        {"timestamp('2024-02-29T00:00:00Z').getDayOfYear()", "59"},
        {"timestamp('2024-03-01T00:00:00Z').getDayOfYear()", "60"},
        {"timestamp('2023-03-01T00:00:00Z').getDayOfYear()", "59"},
        {"timestamp('2023-01-01T00:00:00Z').getDayOfYear()", "0"},
        {"timestamp('2024-12-31T00:00:00Z').getDayOfYear()", "365"},
        {"timestamp('2024-02-29T00:00:00Z').getMonth()", "1"},
        {"timestamp('2024-02-29T00:00:00Z').getDate()", "29"},
        {"timestamp('2024-02-29T00:00:00Z').getDayOfMonth()", "28"},
        {"timestamp('2024-02-29T00:00:00Z').getDayOfWeek()", "4"},
        {"timestamp('1969-12-28T00:00:00Z').getDayOfWeek()", "0"},
        {"timestamp('2024-02-29T23:30:00Z').getHours('+01:00')", "0"},
        {"timestamp('2024-02-29T23:30:00Z').getDate('01:00')", "1"},
        {"timestamp('2024-02-29T00:10:00Z').getMinutes('-00:30')", "40"},
        {"timestamp('1969-12-31T23:59:58.25Z').getSeconds()", "58"},
        {"timestamp('1969-12-31T23:59:58.25Z').getMilliseconds()", "250"},
        {"owed.oldest.getHours()", "2"},
        {"duration('-90m').getMinutes()", "-90"},
        {"duration('1h1s').getSeconds()", "3601"},
        {"duration('-0.9999999s').getSeconds()", "0"},
        {"duration('1.25s').getMilliseconds()", "250"},
    };

    (void)state;
    expect_all(rows, ARRAY_SIZE(rows));
}

static void test_macros(void **state)
{
    static const struct row rows[] = {
        {"communities.exists(c, c == 'makers')", "true"},
        {"communities.all(c, c.size() > 5)", "false"},
        {"communities.exists_one(c, c.startsWith('u'))", "true"},
        {"numbers.map(n, n * n)", "[1 4 9]"},
        {"numbers.map(n, n > 1, n * n)", "[4 9]"},
        {"numbers.filter(n, n % 2 == 1)", "[1 3]"},
        {"numbers.map(n, numbers.filter(m, m < n))", "[[] [1] [1 2]]"},
        {"numbers.exists(n, 6 / (n - 1) == 6)", "true"}, /* the error at 1 is absorbed */
        {"numbers.exists(n, 6 / (n - 1) == 5)", "error"},
        {"numbers.all(n, 6 / (n - 1) == 6)", "false"},
        {"numbers.exists_one(n, 6 / (n - 1) == 6)", "error"},
        {"numbers.map(n, n > 1, 6 / (n - 1))", "[6 3]"},
        {"numbers.map(n, 6 / (n - 1))", "error"},
        {"numbers.exists(n, missing > 1.0)", "absent"},
        {"numbers.exists(n, anything)", "error"}, /* no bool */
        {"numbers.filter(n, anything)", "error"},
        {"numbers.all(n, numbers.exists(n, n == 3))", "true"}, /* the inner name hides the outer */
        {"[[1, 2], [3]].all(l, l.all(n, n > 0) && size(l) > 0)", "true"},
        {"numbers.filter(n, anything == 7).map(n, 'n' + string(n))", "['n1' 'n2' 'n3']"},
    };

    (void)state;
    expect_all(rows, ARRAY_SIZE(rows));
}

/* What an expression can multiply is bounded: in strings, list elements and steps. */
static void test_bounds(void **state)
{
    struct buf b = BUF_INIT;

    (void)state;
    buf_add_str(&b, STR("size("));
    for (int i = 0; i < 200; i++)
        buf_add_str(&b, STR("direction + "));
    buf_add_str(&b, STR("'')"));
    expect(b.ptr, "1400");
    expect(
        "numbers.map(a, numbers.map(b, numbers.map(c, numbers.map(d, numbers.map(e, a))))) == []",
        "false");
    expect("numbers.map(a, numbers.map(b, numbers.map(c, numbers.map(d, numbers.map(e, "
           "numbers.map(f, numbers.map(g, a))))))) == []",
           "error");
    buf_reset(&b);
    buf_add_str(&b, STR("direction + '"));
    for (int i = 0; i < 8000; i++)
        buf_add_char(&b, 'x');
    buf_add_str(&b, STR("' == ''"));
    expect(b.ptr, "false");
    buf_add_str(&b, STR(" || (direction + direction + direction + direction + direction + "
                        "direction + direction + direction + direction + direction + direction + "
                        "direction + direction) == ''"));
    /* 7 + 8000 bytes and 13 * 7 more fit; 20 times as much does not */
    expect(b.ptr, "false");
    buf_reset(&b);
    buf_add_str(&b, STR("numbers.all(n, numbers.all(m, direction + '"));
    for (int i = 0; i < 1000; i++)
        buf_add_char(&b, 'x');
    buf_add_str(&b, STR("' != ''))"));
    expect(b.ptr, "error");
    buf_reset(&b);
    buf_add_str(&b, STR("["));
    for (int i = 0; i < 400; i++)
        buf_addf(&b, "%d, ", i);
    buf_add_str(&b, STR("].all(a, numbers.all(b, numbers.all(c, numbers.all(d, "
                        "numbers.all(e, numbers.all(f, ok))))))"));
    expect(b.ptr, "error"); /* 400 * 3^5 steps and more */
    buf_deinit(&b);
}

static void test_want(void **state)
{
    struct cel_program *p = compiled("owed.by_us", CEL_DOUBLE);
    struct cel_value v;

    (void)state;
    assert_int_equal(cel_eval(p, get, NULL, &v), 0);
    assert_int_equal(v.type, CEL_DOUBLE);
    assert_true(v.d == 3);
    cel_free(p);
    p = compiled("anything", CEL_DOUBLE);
    assert_int_equal(cel_eval(p, get, NULL, &v), 0);
    assert_int_equal(v.type, CEL_DOUBLE);
    cel_free(p);
    p = compiled("anything", CEL_BOOL);
    assert_int_equal(cel_eval(p, get, NULL, &v), CEL_E_ERROR);
    cel_free(p);
    assert_null(cel_free(NULL));
}

static void test_reads(void **state)
{
    struct cel_program *p = compiled("has(missing) || [1].exists(x, warmth > 1.0)", CEL_BOOL);

    (void)state;
    assert_true(cel_reads(p, MISSING));
    assert_true(cel_reads(p, WARMTH));
    assert_false(cel_reads(p, OWED));
    assert_false(cel_is_constant(p));
    cel_free(p);
    p = compiled("1 + 2 > 2 && duration('1h') > duration('59m')", CEL_BOOL);
    assert_true(cel_is_constant(p));
    cel_free(p);
}

static void canonical(const char *text, struct buf *out)
{
    struct cel_program *p = compiled(text, CEL_DYN);

    cel_canonical(p, out);
    cel_free(p);
}

static void test_canonical(void **state)
{
    static const struct row same[] = {
        {"direction==\"inbound\"&&( ok )", "(direction == 'in\\x62ound') && ok // yes"},
        {"owed.oldest > duration('4h')", "owed.oldest > duration('240m')"},
        {"ok || (ok || !ok)", "((ok || ok) || !ok)"},
        {"owed . by_us > 0x10", "owed.by_us > 16"},
        {"warmth > 1e1", "warmth > 10.0"},
        {"communities.exists(c, c == 'x')", "communities.exists(who, who == 'x')"},
        {"size(direction) > 1", "direction.size() > 1"},
        {"1 + owed.by_us - 2 - 3", "((1 + owed.by_us) - 2) - 3"},
        {"ok ? 1 : ok ? 2 : 3", "(ok ? 1 : (ok ? 2 : 3))"},
        {"ok && [1, 2].exists(x, x > 1)", "ok && true"},
        {"communities.all(c, [1].all(x, x == 1))", "communities.all(d, true)"},
        {"-owed.by_us * 2", "(-(owed.by_us)) * 2"},
    };
    static const struct row different[] = {
        {"owed.by_us - (2 - 3)", "(owed.by_us - 2) - 3"},
        {"owed.by_us > 1", "owed.by_us > 1.0"},
        {"warmth == 0.0", "warmth == -0.0"},
        {"ok && !ok || ok", "ok && (!ok || ok)"},
        {"has(warmth)", "warmth == warmth"},
        {"communities.exists(c, c == 'x')", "communities.all(c, c == 'x')"},
        {"direction == 'a'", "direction == 'A'"},
        {"owed.by_us - owed.by_us - owed.by_us", "owed.by_us - (owed.by_us - owed.by_us)"},
    };
    struct buf a = BUF_INIT, b = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(same) + ARRAY_SIZE(different); i++) {
        bool is_same = i < ARRAY_SIZE(same);
        const struct row *row = is_same ? &same[i] : &different[i - ARRAY_SIZE(same)];

        buf_reset(&a);
        buf_reset(&b);
        canonical(row->text, &a);
        canonical(row->value, &b);
        if (str_eq(buf_str(&a), buf_str(&b)) != is_same)
            fail_msg("%s and %s: %s and %s", row->text, row->value, a.ptr, b.ptr);
    }
    buf_deinit(&a);
    buf_deinit(&b);
}

/* The canonical text compiles, to itself. */
static void test_canonical_is_stable(void **state)
{
    static const char *const texts[] = {
        "direction == 'a\\n\\x01\"\\\\\xc3\xa9' || warmth > 1.0 / 0.0",
        "[1, 'x', null, [true, 0.5], duration('1.5h'), timestamp('2026-01-31T09:00:00.123456Z')]",
        "numbers.filter(n, n > 1).map(n, n > 2, string(n) + 'x')[owed.by_us] != direction",
        "-(1 / 0) == -(-owed.by_us) % 3 ? has(missing) : !(ok && warmth < -0.0)",
        "since.getHours('+01:00') in [9, 10] && owed.oldest - duration('1s') < duration('-2ns')",
        "dyn(1) == 'a' || type(warmth) == int || type(since) == google.protobuf.Timestamp",
        "anything == double('NaN') || -1e300 < warmth || direction.lowerAscii().contains('x')",
        "1 - owed.by_us - (2 - owed.by_us) * 3 / (4 * owed.by_us) > 0 == ok == true",
        "owed.by_us == [1, 'a'][1] && [0, 'x'].map(i, i)[0] == 'x'", /* not folded: typed 'a' */
        "communities.exists_one(a, communities.all(b, a <= b)) || [] == [] + communities",
    };
    struct buf a = BUF_INIT, b = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        buf_reset(&a);
        buf_reset(&b);
        canonical(texts[i], &a);
        canonical(a.ptr, &b);
        assert_string_equal(a.ptr, b.ptr);
    }
    buf_deinit(&a);
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals),   cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_comparison), cmocka_unit_test(test_absorption),
        cmocka_unit_test(test_functions),  cmocka_unit_test(test_time),
        cmocka_unit_test(test_macros),     cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_want),       cmocka_unit_test(test_reads),
        cmocka_unit_test(test_canonical),  cmocka_unit_test(test_canonical_is_stable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
