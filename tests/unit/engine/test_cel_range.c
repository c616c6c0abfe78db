/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions over ranges. The property: whatever cel_holds_over() claims of a range is what
 * evaluation finds at every point of it. Random conditions, ranges and points, from a fixed seed.
 * The table below it says where an answer must be certain: "either" to everything would be sound.
 */
#include "../unit.h"
#include "base/mem.h"
#include "engine/cel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { X, Y, I, J, D, T, B, S, L, M, N_VARS };

static const struct cel_var vars[N_VARS] = {
    [X] = {"x", CEL_DOUBLE, CEL_NULL},   [Y] = {"y", CEL_DOUBLE, CEL_NULL},
    [I] = {"i", CEL_INT, CEL_NULL},      [J] = {"j", CEL_INT, CEL_NULL},
    [D] = {"d", CEL_DURATION, CEL_NULL}, [T] = {"t", CEL_TIMESTAMP, CEL_NULL},
    [B] = {"b", CEL_BOOL, CEL_NULL},     [S] = {"s", CEL_STRING, CEL_NULL},
    [L] = {"l", CEL_LIST, CEL_INT},      [M] = {"m", CEL_DYN, CEL_NULL},
};
static const struct cel_schema schema = {.vars = vars, .n_vars = N_VARS};

static const struct cel_value items[] = {
    {.type = CEL_INT, .i = -1}, {.type = CEL_INT, .i = 0}, {.type = CEL_INT, .i = 2}};

struct world {
    struct cel_range ranges[N_VARS];
    struct cel_value point[N_VARS];
    bool is_there[N_VARS];
};

static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1du >> 11;
}

static unsigned below(unsigned n)
{
    return (unsigned)(draw() % n);
}

/* --- Random conditions, as text --- */

static void add_condition(struct buf *b, int depth);

static void add_double(struct buf *b, int depth)
{
    static const char *const consts[] = {"0.0", "1.0",  "-1.0",  "0.5",    "2.0",
                                         "3.0", "-0.1", "1e300", "1e-300", "10.0"};
    static const char ops[] = "+-*/";

    switch (depth > 0 ? below(8) : below(3)) {
    case 0:
        buf_add_str(b, STR("x"));
        break;
    case 1:
        buf_add_str(b, STR("y"));
        break;
    case 2:
        buf_add_str(b, str_of(consts[below(ARRAY_SIZE(consts))]));
        break;
    case 3:
        buf_add_str(b, STR("-("));
        add_double(b, depth - 1);
        buf_add_char(b, ')');
        break;
    case 4:
        buf_add_char(b, '(');
        add_condition(b, depth - 2);
        buf_add_str(b, STR(" ? "));
        add_double(b, depth - 2);
        buf_add_str(b, STR(" : "));
        add_double(b, depth - 2);
        buf_add_char(b, ')');
        break;
    default:
        buf_add_char(b, '(');
        add_double(b, depth - 1);
        buf_addf(b, ") %c (", ops[below(4)]);
        add_double(b, depth - 1);
        buf_add_char(b, ')');
        break;
    }
}

static void add_int(struct buf *b, int depth)
{
    static const char *const consts[] = {"0",
                                         "1",
                                         "-1",
                                         "2",
                                         "7",
                                         "-3",
                                         "9007199254740993",
                                         "9223372036854775807",
                                         "-9223372036854775808",
                                         "4611686018427387905"};
    static const char ops[] = "+-*/%";

    switch (depth > 0 ? below(9) : below(3)) {
    case 0:
        buf_add_str(b, STR("i"));
        break;
    case 1:
        buf_add_str(b, STR("j"));
        break;
    case 2:
        buf_add_str(b, str_of(consts[below(ARRAY_SIZE(consts))]));
        break;
    case 3:
        buf_add_str(b, STR("-("));
        add_int(b, depth - 1);
        buf_add_char(b, ')');
        break;
    case 4:
        buf_add_str(b, STR("int("));
        add_double(b, depth - 1);
        buf_add_char(b, ')');
        break;
    case 5:
        buf_add_str(b, below(2) ? STR("l[0]") : STR("size(l.filter(n, n >= 0))"));
        break;
    default:
        buf_add_char(b, '(');
        add_int(b, depth - 1);
        buf_addf(b, ") %c (", ops[below(5)]);
        add_int(b, depth - 1);
        buf_add_char(b, ')');
        break;
    }
}

static void add_duration(struct buf *b, int depth)
{
    static const char *const consts[] = {"duration('0s')", "duration('1s')", "duration('-1ns')",
                                         "duration('1h')"};

    switch (depth > 0 ? below(6) : below(2)) {
    case 0:
        buf_add_char(b, 'd');
        break;
    case 1:
        buf_add_str(b, str_of(consts[below(4)]));
        break;
    case 2:
    case 3:
        buf_add_str(b, STR("(t - timestamp('1970-01-01T00:00:01Z'))"));
        break;
    default:
        buf_add_char(b, '(');
        add_duration(b, depth - 1);
        buf_addf(b, " %c ", below(2) ? '+' : '-');
        add_duration(b, depth - 1);
        buf_add_char(b, ')');
        break;
    }
}

static void add_pair(struct buf *b, int depth)
{
    static const char *const ops[] = {"<", "<=", ">", ">=", "==", "!="};
    unsigned kind = below(5);

    if (kind == 0 || kind == 1)
        add_double(b, depth);
    else if (kind == 2 || kind == 3)
        add_int(b, depth);
    else
        add_duration(b, depth);
    buf_addf(b, " %s ", ops[below(6)]);
    if (kind == 0 || kind == 2)
        add_double(b, depth);
    else if (kind == 1 || kind == 3)
        add_int(b, depth);
    else
        add_duration(b, depth);
}

static void add_leaf(struct buf *b, int depth)
{
    static const char *const leaves[] = {"b",
                                         "has(x)",
                                         "has(m)",
                                         "i in [0, 2, 5]",
                                         "x in [0.0, 1.0]",
                                         "m == 1",
                                         "m > 0.5",
                                         "s == 'a'",
                                         "s + 'b' == 'ab'",
                                         "s.startsWith('a')",
                                         "l.exists(n, n > i)",
                                         "l.all(n, n < i || x > 0.0)",
                                         "l.exists_one(n, n == i)",
                                         "l.all(n, 1 / n < i)",
                                         "l.exists(n, double(n) < x)",
                                         "[x, y] == [1.0, y]",
                                         "l.map(n, n + i).exists(n, n == 1)",
                                         "t > timestamp('1970-01-01T00:00:02Z')",
                                         "t + d < timestamp('1970-01-01T00:00:05Z')",
                                         "true",
                                         "1 / 0 > 1",
                                         "string(i) == '1'"};

    if (below(2))
        add_pair(b, depth);
    else
        buf_add_str(b, str_of(leaves[below(ARRAY_SIZE(leaves))]));
}

static void add_condition(struct buf *b, int depth)
{
    buf_add_char(b, '(');
    switch (depth > 0 ? below(6) : 0) {
    case 0:
    case 1:
        add_leaf(b, depth);
        break;
    case 2:
        buf_add_str(b, STR("!"));
        add_condition(b, depth - 1);
        break;
    case 3:
        add_condition(b, depth - 1);
        buf_add_str(b, STR(" ? "));
        add_condition(b, depth - 1);
        buf_add_str(b, STR(" : "));
        add_condition(b, depth - 1);
        break;
    default:
        add_condition(b, depth - 1);
        buf_add_str(b, below(2) ? STR(" && ") : STR(" || "));
        add_condition(b, depth - 1);
        break;
    }
    buf_add_char(b, ')');
}

/* --- Random ranges, and points in them --- */

static double draw_bound(enum cel_type type)
{
    static const double doubles[] = {0,     1,      -1,     0.5,  2,   -0.1,     3,
                                     1e300, -1e300, 5e-324, 1e16, -10, INFINITY, -INFINITY};
    static const double ints[] = {0, 1, -1, 2, 3, 7, -5, 100, 9007199254740992.0, 9.3e18, -9.3e18};

    if (type == CEL_DOUBLE)
        return doubles[below(ARRAY_SIZE(doubles))];
    if (type == CEL_INT)
        return ints[below(ARRAY_SIZE(ints))];
    return (double)below(7000) - 1000 + (below(4) ? 0 : 0.5);
}

static struct cel_value exact_value(unsigned var)
{
    switch (vars[var].type) {
    case CEL_DOUBLE:
        return (struct cel_value){.type = CEL_DOUBLE, .d = draw_bound(CEL_DOUBLE)};
    case CEL_INT:
        return (struct cel_value){.type = CEL_INT, .i = (int64_t)below(9) - 4};
    case CEL_DURATION:
    case CEL_TIMESTAMP:
        return (struct cel_value){
            .type = vars[var].type, .i = (int64_t)below(4000), .ns = (int32_t)below(3)};
    case CEL_BOOL:
        return (struct cel_value){.type = CEL_BOOL, .b = below(2)};
    case CEL_STRING:
        return (struct cel_value){.type = CEL_STRING, .s = below(2) ? STR("a") : STR("c")};
    case CEL_LIST:
        return (struct cel_value){.type = CEL_LIST, .list = {items, below(4)}};
    default:
        return below(2) ? (struct cel_value){.type = CEL_INT, .i = below(3)}
                        : (struct cel_value){.type = CEL_STRING, .s = STR("m")};
    }
}

static void draw_ranges(struct world *w)
{
    for (unsigned v = 0; v < N_VARS; v++) {
        struct cel_range *range = &w->ranges[v];

        *range = (struct cel_range){
            .is_absent = below(20) == 0,
            .may_be_absent = below(6) == 0,
            .is_exact = below(4) == 0,
        };
        if (vars[v].type == CEL_STRING || vars[v].type == CEL_LIST)
            range->is_exact = below(4) != 0;
        range->exact = exact_value(v);
        range->lo = draw_bound(vars[v].type);
        range->hi = draw_bound(vars[v].type);
        if (range->lo > range->hi || below(8) == 0)
            range->hi = range->lo;
    }
}

static double between(double lo, double hi)
{
    double d;

    if (lo == hi)
        return lo;
    switch (below(4)) {
    case 0:
        return lo;
    case 1:
        return hi;
    default:
        lo = lo < -1e308 ? -1e308 : lo;
        hi = hi > 1e308 ? 1e308 : hi;
        d = lo + (hi / 1e15 - lo / 1e15) * (double)below(1000000) * 1e9;
        return d < lo ? lo : d > hi ? hi : d;
    }
}

/* A value of a type with bounds; false: none lies in them. */
static bool point_between(enum cel_type type, const struct cel_range *range, struct cel_value *v)
{
    double d = between(range->lo, range->hi);

    *v = (struct cel_value){.type = type};
    if (type == CEL_DOUBLE) {
        v->d = d;
        return true;
    }
    if (type == CEL_INT) {
        v->i = d >= 9.2233720368547758e18    ? INT64_MAX
               : d <= -9.2233720368547758e18 ? INT64_MIN
                                             : (int64_t)d;
        return (double)v->i >= range->lo && (double)v->i <= range->hi;
    }
    v->i = (int64_t)floor(d);
    v->ns = (int32_t)((d - floor(d)) * 1e6);
    return true;
}

static bool draw_point(struct world *w)
{
    for (unsigned v = 0; v < N_VARS; v++) {
        const struct cel_range *range = &w->ranges[v];
        enum cel_type type = vars[v].type;

        w->is_there[v] = !range->is_absent && !(range->may_be_absent && below(3) == 0);
        if (range->is_exact)
            w->point[v] = range->exact;
        else if (type == CEL_DOUBLE || type == CEL_INT || type == CEL_DURATION ||
                 type == CEL_TIMESTAMP) {
            if (!point_between(type, range, &w->point[v]))
                return false;
        } else {
            w->point[v] = exact_value(v);
        }
    }
    return true;
}

static bool get_point(void *ctx, unsigned var, struct cel_value *ret_value)
{
    const struct world *w = ctx;

    *ret_value = w->point[var];
    return w->is_there[var];
}

static void get_range(void *ctx, unsigned var, struct cel_range *ret_range)
{
    const struct world *w = ctx;

    *ret_range = w->ranges[var];
}

static bool holds(struct cel_program *p, struct world *w)
{
    struct cel_value v;

    return !cel_eval(p, get_point, w, &v) && v.b;
}

static unsigned n_certain, n_checked;

static void check_world(struct cel_program *p, const char *text, struct world *w)
{
    enum cel_truth truth = cel_holds_over(p, get_range, w);

    if (truth == CEL_EITHER)
        return;
    n_certain++;
    for (int i = 0; i < 12; i++) {
        if (!draw_point(w))
            continue;
        n_checked++;
        if (holds(p, w) == (truth == CEL_TRUE))
            continue;
        for (unsigned v = 0; v < N_VARS; v++)
            print_message("%s: %d %d %d %g..%g, %d %lld %.17g\n", vars[v].name,
                          w->ranges[v].is_absent, w->ranges[v].may_be_absent, w->ranges[v].is_exact,
                          w->ranges[v].lo, w->ranges[v].hi, w->is_there[v],
                          (long long)w->point[v].i, w->point[v].d);
        fail_msg("%s: claimed %s", text, truth == CEL_TRUE ? "true" : "false");
    }
}

/* The canonical text means the same: its own canonical text is itself, and it holds where the
 * original does. */
static void check_canonical(struct cel_program *p, const char *text)
{
    struct buf a = BUF_INIT, b = BUF_INIT;
    struct cel_program *q;
    struct cel_error e;
    struct world w;

    cel_canonical(p, &a);
    if (cel_compile(buf_str(&a), &schema, CEL_BOOL, &q, &e))
        fail_msg("%s: its canonical text %s: %s", text, a.ptr, e.text);
    cel_canonical(q, &b);
    assert_string_equal(a.ptr, b.ptr);
    for (int i = 0; i < 4; i++) {
        struct cel_value v, u;
        int r, s;

        draw_ranges(&w);
        if (!draw_point(&w))
            continue;
        r = cel_eval(p, get_point, &w, &v);
        s = cel_eval(q, get_point, &w, &u);
        if (r != s || (!r && v.b != u.b))
            fail_msg("%s and its canonical text %s: %d and %d", text, a.ptr, r, s);
    }
    buf_deinit(&a);
    buf_deinit(&b);
    cel_free(q);
}

static void test_never_wrong(void **state)
{
    const char *runs = getenv("CEL_RANGE_RUNS");
    int n = runs ? atoi(runs) : 8000;
    struct buf b = BUF_INIT;

    (void)state;
    for (int i = 0; i < n; i++) {
        struct cel_program *p;
        struct cel_error e;
        struct world w;

        buf_reset(&b);
        add_condition(&b, (int)below(5));
        if (cel_compile(buf_str(&b), &schema, CEL_BOOL, &p, &e))
            fail_msg("%s: %s", b.ptr, e.text);
        for (int k = 0; k < 8; k++) {
            draw_ranges(&w);
            check_world(p, b.ptr, &w);
        }
        check_canonical(p, b.ptr);
        cel_free(p);
    }
    buf_deinit(&b);
    print_message("%d conditions, %u of %d ranges certain, %u points\n", n, n_certain, 8 * n,
                  n_checked);
    assert_true(n_certain > (unsigned)n); /* an eighth at least: the test tests something */
}

/* --- Where certainty is due --- */

static const char *truth_name(enum cel_truth t)
{
    return t == CEL_TRUE ? "true" : t == CEL_FALSE ? "false" : "either";
}

static void expect(const char *text, const char *due, struct world *w)
{
    struct cel_program *p;
    struct cel_error e;
    const char *truth;

    if (cel_compile(str_of(text), &schema, CEL_BOOL, &p, &e))
        fail_msg("%s: %s", text, e.text);
    truth = truth_name(cel_holds_over(p, get_range, w));
    if (strcmp(truth, due))
        fail_msg("%s: %s instead of %s", text, truth, due);
    cel_free(p);
}

static void test_certain_enough(void **state)
{
    static const struct {
        const char *text, *truth;
    } rows[] = {
        {"x > 1.0", "true"},
        {"x > 2.0", "either"}, /* x is in 2..3 */
        {"x >= 2.0", "true"},
        {"x < 2.0", "false"},
        {"x > 3.0", "false"},
        {"x == 2.5", "either"},
        {"x != 4.0", "true"},
        {"x in [4.0, 5.0]", "false"},
        {"x in [2.5]", "either"},
        {"x * 2.0 - 1.0 >= 3.0", "true"},
        {"x / 2.0 <= 1.5", "true"},
        {"x / y > 0.0", "either"}, /* y is in -1..1 */
        {"y * y <= 1.0", "true"},
        {"1.0 / y > 0.0 || true", "true"},
        {"i > 3", "true"}, /* i is in 4..9 */
        {"i % 3 <= 2 && i % 3 >= 0", "true"},
        {"i / 2 >= 1 && i / 2 <= 5", "true"},
        {"i + 1 > 4 && -i < -3", "true"},
        {"i * 1152921504606846976 > 0", "either"}, /* may overflow */
        {"i * 4611686018427387904 > 0", "false"},  /* must */
        {"double(i) * 0.5 >= 2.0", "true"},
        {"i > 3.5 && i < 9.5", "true"},
        {"d >= duration('1s') && d < duration('1m')", "true"}, /* d is in 1 s..10 s */
        {"t + d < timestamp('1970-01-01T00:02:00Z')", "true"}, /* t is in 0 s..60 s */
        {"t - timestamp('1970-01-01T00:00:00Z') <= duration('1m')", "true"},
        {"t > timestamp('1970-01-01T00:01:00Z')", "false"},
        {"b", "either"},
        {"b || x > 1.0", "true"},
        {"b && x > 4.0", "false"},
        {"b ? x > 1.0 : x > 0.0", "true"},
        {"b ? x > 4.0 : y > 4.0", "false"},
        {"(b ? x : y) > -2.0", "true"},
        {"s == 'a'", "true"}, /* s is exact */
        {"s + 'b' == 'ab' && s.contains('a') && s in ['a', 'b']", "true"},
        {"l.exists(n, n > i)", "false"}, /* l is -1, 0, 2 */
        {"l.all(n, n < i)", "true"},
        {"l.exists_one(n, n + i > 20)", "false"},
        {"l.filter(n, n > 0).size() == 1 && l.map(n, n + 1)[0] == 0", "true"},
        {"m > 0", "false"}, /* m is absent */
        {"!(m > 0)", "false"},
        {"has(m)", "false"},
        {"!has(m)", "true"},
        {"m > 0 || x > 1.0", "true"},
        {"j > 0", "either"}, /* j is in 1..2, or absent */
        {"j > 5", "false"},
        {"j > 0 || !has(j)", "either"},
        {"j > 0 || true", "true"},
        {"1 / 0 > 1 || x > 4.0", "false"},
    };
    struct world w = {
        .ranges =
            {
                [X] = {.lo = 2, .hi = 3},
                [Y] = {.lo = -1, .hi = 1},
                [I] = {.lo = 3.5, .hi = 9.5}, /* made whole */
                [J] = {.lo = 1, .hi = 2, .may_be_absent = true},
                [D] = {.lo = 1000, .hi = 10000},
                [T] = {.lo = 0, .hi = 60000},
                [S] = {.is_exact = true, .exact = {.type = CEL_STRING, .s = {"a", 1}}},
                [L] = {.is_exact = true, .exact = {.type = CEL_LIST, .list = {items, 3}}},
                [M] = {.is_absent = true},
            },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        expect(rows[i].text, rows[i].truth, &w);
}

/* Ranges of one point, of infinities, and at the ends of what types hold. */
static void test_edges(void **state)
{
    static const struct {
        const char *text, *truth;
        struct cel_range range[N_VARS];
    } rows[] = {
        {"x in [2.5]", "true", {[X] = {.lo = 2.5, .hi = 2.5}}},
        {"x == 2.5 && x != 2.0", "true", {[X] = {.lo = 2.5, .hi = 2.5}}},
        /* infinity less infinity is NaN */
        {"x + y > 5.0",
         "either",
         {[X] = {.lo = INFINITY, .hi = INFINITY}, [Y] = {.lo = -INFINITY}}},
        {"y + x > 5.0",
         "either",
         {[X] = {.lo = INFINITY, .hi = INFINITY}, [Y] = {.lo = -INFINITY}}},
        {"x - y > 5.0", "either", {[X] = {.lo = INFINITY, .hi = INFINITY}, [Y] = {.hi = INFINITY}}},
        {"x + y >= double('-inf')", "either", {[X] = {.hi = INFINITY}, [Y] = {.lo = -INFINITY}}},
        {"x + y > 5.0", "true", {[X] = {.lo = INFINITY, .hi = INFINITY}}},
        {"x > 5.0 || x <= 5.0", "true", {[X] = {.lo = 6, .hi = INFINITY}}},
        /* a third less than 2^52 + 1 is rounded up to it */
        {"i / 3 >= 4503599627370497",
         "either",
         {[I] = {.lo = 13510798882111490.0, .hi = 13510798882111490.0}}},
        {"i % j == 0", "either", {[I] = {.lo = -9.3e18}, [J] = {.lo = -1, .hi = -1}}},
        {"i % j == 0", "true", {[I] = {.lo = -9e18}, [J] = {.lo = -1, .hi = -1}}},
        {"t + duration('1s') > t || true", "true", {[T] = {.lo = 0, .hi = 1}}},
        {"t + duration('1s') > timestamp(0)",
         "either",
         {[T] = {.lo = 253402300798000.0, .hi = 253402300799999.0}}},
        {"t + d > timestamp('1970-01-01T00:00:01Z')",
         "either",
         {[D] = {.is_exact = true, .exact = {.type = CEL_DURATION, .i = 1000, .ns = 5}}}},
        {"!l.exists_one(n, m > 0)",
         "false",
         {[L] = {.is_exact = true, .exact = {.type = CEL_LIST, .list = {items, 3}}},
          [M] = {.is_absent = true}}},
        {"(b ? x : y) == (b ? x : y)", "either", {[X] = {.lo = 1, .hi = 1}}},
        {"!((b ? 0.0 / 0.0 : x) < 5.0)", "either", {[X] = {.lo = 1, .hi = 1}}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct world w;

        memcpy(w.ranges, rows[i].range, sizeof(w.ranges));
        expect(rows[i].text, rows[i].truth, &w);
    }
}

/* The analysis looks at both sides of a choice, the evaluation at one: what is used up only by the
 * former proves nothing. */
static void test_exhausted(void **state)
{
    struct world w = {
        .ranges = {[B] = {.is_exact = true, .exact = {.type = CEL_BOOL, .b = false}},
                   [S] = {.is_exact = true, .exact = {.type = CEL_STRING, .s = {"a", 1}}}}};
    static char big[3000];
    struct buf b = BUF_INIT;

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    buf_addf(&b, "(b ? s + '%s' + s : s) != s + '%s'", big, big);
    expect(b.ptr, "true", &w);
    buf_reset(&b);
    buf_addf(&b, "b ? (s + '%s') + (s + '%s') != '' : s + s + '%s' != ''", big, big, big + 1500);
    buf_addf(&b, " || s + '%s' == ''", big + 2900);
    expect(b.ptr, "either", &w);
    /* The other way round: the analysis gives up on the first element, where i moves. */
    w.ranges[I] = (struct cel_range){.lo = 0, .hi = 1};
    w.ranges[L] =
        (struct cel_range){.is_exact = true, .exact = {.type = CEL_LIST, .list = {items, 3}}};
    buf_reset(&b);
    buf_addf(&b, "l.map(n, s + '%s' == '' ? i : i + n) == [] || s + '%s' != ''", big + 1000, big);
    expect(b.ptr, "either", &w);
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certain_enough),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_exhausted),
        cmocka_unit_test(test_never_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
