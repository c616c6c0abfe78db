/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept of events that no sum says, room by room: staircases and different values where they
 * are full, held against plain lists; caps; memory; packing, and bytes that cannot be.
 */
#include "engine/distinct.h"
#include "engine/extremes.h"
#include "engine/keep.h"
#include "world.h"

#include <math.h>

/* ---------------------------------------------------------------- full staircases */

#define N_MANY 60000

struct many {
    int64_t at[N_MANY];
    double value[N_MANY];
    size_t n;
};

/* What the staircase says is the greatest value after `after_ms`, or one that left only a few
 * events ago. True: the former. */
static bool check_extreme(const struct entries *s, const struct many *all, int64_t after_ms)
{
    uint32_t i = entries_after(s, EXTREMES_STRIDE, after_ms);
    double want = -INFINITY, got;
    size_t n = 0, n_between = 0;

    for (size_t k = 0; k < all->n; k++) {
        n += all->at[k] > after_ms;
        if (all->at[k] > after_ms)
            want = fmax(want, all->value[k]);
    }
    if (!n) {
        assert_int_equal(i, s->n);
        return true;
    }
    got = entry_value(&s->words[i * EXTREMES_STRIDE]);
    if (got == want)
        return true;
    assert_true(n > 100 && got > want);
    /* The window of 2 % more events holds it. */
    for (size_t k = all->n; k > 0; k--) {
        if (all->at[k - 1] > after_ms)
            continue;
        if (all->value[k - 1] == got)
            break;
        n_between++;
        assert_true(k > 1);
    }
    assert_true((double)(n_between + 1) <= 0.02 * (double)n + 1);
    return false;
}

/* Each event is outdone by the one before: the staircase that grows fastest. */
static void test_full_staircase(void **state)
{
    struct many *all = mem_calloc(1, sizeof(*all));
    struct entries s = {0};
    uint64_t seed = 3;
    int64_t at = T0;
    size_t n_inexact = 0;

    (void)state;
    for (all->n = 0; all->n < N_MANY;) {
        at += 1 + (int64_t)world_below(&seed, 100);
        all->at[all->n] = at;
        all->value[all->n] = -(double)all->n - (world_below(&seed, 9) ? 0 : 3);
        extremes_add(&s, true, at, all->value[all->n]);
        all->n++;
        if (all->n < 70 || all->n % 5000 == 0)
            for (int64_t k = 0; k < 60; k++)
                n_inexact += !check_extreme(&s, all, all->at[world_below(&seed, all->n)] - (k & 1));
    }
    assert_true(s.n < EXTREMES_MAX);
    assert_true(n_inexact > 0);
    entries_deinit(&s);
    mem_free(all);
}

static void test_exact_up_to_100(void **state)
{
    uint64_t seed = 8;

    (void)state;
    for (int round = 0; round < 20; round++) {
        struct many *all = mem_calloc(1, sizeof(*all));
        struct entries s = {0};

        while (all->n < 600) {
            size_t k = all->n;
            int64_t after;

            all->at[k] = T0 + (int64_t)k * 50;
            if (world_below(&seed, 6) == 0)
                all->at[k] -= (int64_t)world_below(&seed, 2500);
            all->value[k] = -(double)k + (world_below(&seed, 20) ? 0 : 12.5);
            extremes_add(&s, true, all->at[k], all->value[k]);
            all->n++;
            after = T0 + (int64_t)k * 50 - (int64_t)world_below(&seed, 2900);
            (void)check_extreme(&s, all, after);
        }
        assert_true(s.n > 64);
        entries_deinit(&s);
        mem_free(all);
    }
}

/* Late events say nothing of how many are newer than the steps that they come between. */
static void test_late_staircase(void **state)
{
    struct many *all = mem_calloc(1, sizeof(*all));
    struct entries s = {0};

    (void)state;
    for (size_t k = 0; k < 401; k++) {
        all->at[k] = k == 0 ? T0 + DAYS : k <= 200 ? T0 + (int64_t)k : T0 + HOURS + (int64_t)k;
        all->value[k] = k == 0 ? 10 : k <= 200 ? 0 : 1000 - (double)k;
        extremes_add(&s, true, all->at[k], all->value[k]);
        all->n++;
    }
    for (size_t k = 301; k < 401; k++)
        assert_true(check_extreme(&s, all, all->at[k]));
    entries_deinit(&s);
    mem_free(all);
}

static void test_staircase_is_bounded(void **state)
{
    struct entries s = {0};

    (void)state;
    /* The oldest steps stand for many events each, so that nothing can be drawn together. */
    for (uint32_t i = 0; i < EXTREMES_MAX; i++) {
        uint64_t *entry = entries_insert(&s, EXTREMES_STRIDE, s.n);

        *entry = entry_word(T0 + i, ENTRY_NUMBER_MAX);
        entry_set_value(entry, -(double)i);
    }
    for (int i = 0; i < 3000; i++) {
        extremes_add(&s, true, T0 + EXTREMES_MAX + i, -EXTREMES_MAX - i);
        assert_true(s.n <= EXTREMES_MAX);
    }
    assert_true(entry_value(s.words) == 0);
    extremes_add(&s, true, T0 + DAYS, 1); /* outdoes all */
    assert_int_equal(s.n, 1);
    assert_true(entries_bytes(&s, EXTREMES_STRIDE) < 16 * EXTREMES_MAX);
    entries_deinit(&s);
}

/* ---------------------------------------------------------------- many different values */

#define N_KEYS 3000

static void test_many_values(void **state)
{
    int64_t *seen = mem_calloc(N_KEYS, sizeof(*seen));
    struct entries s = {0};
    uint64_t seed = 5;
    size_t n = 0;

    (void)state;
    for (int64_t i = 0; i < 20000; i++) {
        int64_t late = world_below(&seed, 4) ? 0 : (int64_t)world_below(&seed, 30000) * 10;
        int64_t at = T0 + i * 10 - late + (late ? 5 : 0);
        size_t key = world_below(&seed, i < 6000 ? N_KEYS : 1500), oldest = N_KEYS;

        distinct_add(&s, at, key);
        for (size_t k = 0; k < N_KEYS; k++) {
            if (seen[k] && (oldest == N_KEYS || seen[k] < seen[oldest]))
                oldest = k;
        }
        if (seen[key] || n < DISTINCT_MAX) {
            n += !seen[key];
            seen[key] = at > seen[key] ? at : seen[key];
        } else if (at > seen[oldest]) {
            seen[oldest] = 0;
            seen[key] = at;
        }
        assert_int_equal(s.n, n);
    }
    assert_int_equal(n, DISTINCT_MAX);
    for (uint32_t i = 0; i < s.n; i++) {
        assert_int_equal(entry_time(s.words[2 * i]), seen[s.words[2 * i + 1]]);
        assert_true(i == 0 || s.words[2 * i] >= s.words[2 * (i - 1)]);
    }
    entries_deinit(&s);
    mem_free(seen);
}

static void test_many_days(void **state)
{
    struct entries s = {0};

    (void)state;
    distinct_days_add(&s, -1);
    distinct_days_add(&s, -DAYS);
    distinct_days_add(&s, 0);
    assert_int_equal(s.n, 2);
    assert_int_equal(entry_time(s.words[0]), -1);
    for (int64_t i = 1; i < 3000; i++) {
        distinct_days_add(&s, i * DAYS + 5);
        distinct_days_add(&s, i * DAYS + 3);
    }
    assert_int_equal(s.n, DISTINCT_MAX);
    distinct_days_add(&s, 0); /* not seen for longest: it is itself what goes */
    assert_int_equal(s.n, DISTINCT_MAX);
    assert_int_equal(entry_time(s.words[0]), (3000 - DISTINCT_MAX) * DAYS + 5);
    entries_deinit(&s);
}

/* ---------------------------------------------------------------- details */

/* What is shared costs once; who has three values pays tens of bytes; who has none, nothing. */
static void test_memory(void **state)
{
    struct keep k = {.one = {0, 0}};

    (void)state;
    assert_int_equal(sizeof(k), 16);
    assert_int_equal(keep_bytes(&k, KEEP_VALUES), 0);
    for (uint64_t i = 0; i < 30; i++)
        keep_add(&k, KEEP_VALUES, T0 + (int64_t)i, &(struct taken){1, i % 3});
    assert_int_equal(keep_n(&k, KEEP_VALUES), 3);
    assert_true(keep_bytes(&k, KEEP_VALUES) <= 64);
    keep_expire(&k, KEEP_VALUES, T0 + 100);
    assert_int_equal(keep_bytes(&k, KEEP_VALUES), 0);
    keep_deinit(&k, KEEP_VALUES);
}

/* The parts of a full bucket need not add up without rounding: it is full all the same. */
static void test_full_is_full(void **state)
{
    const struct cap_spec cap = {DAYS, 0, 1};
    const struct cap_spec odd = {DAYS, 0, 0.9};
    struct keep k = {.one = {0, 0}}, other = {.one = {0, 0}};
    double taken, sum = 0;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(keep_cap(&k, &cap, T0, 0.3, &taken));
        sum += taken;
    }
    assert_true(keep_cap(&k, &cap, T0, 0.3, &taken));
    sum += taken;
    assert_true(fabs(sum - 1) < 1e-15);
    assert_true(!keep_cap(&k, &cap, T0, 0.3, &taken));
    assert_true(keep_cap(&k, &cap, T0, 0, &taken) && taken == 0);
    assert_true(keep_cap(&k, &cap, T0, -0.5, &taken) && taken == -0.5);
    assert_true(keep_cap(&k, &cap, T0 + 1, 9, &taken) && taken == 0.5);
    assert_true(keep_cap(&k, &cap, T0 + DAYS, 0.75, &taken) && taken == 0.75);
    assert_true(keep_cap(&k, &cap, T0, 9, &taken) && taken == 1); /* alone */
    assert_true(keep_cap(&k, &cap, T0 + 2 * DAYS - 1, 9, &taken) && taken == 0.25);
    assert_true(0.9 - (0.2 + (0.9 - 0.2)) > 0); /* so adding up would not fill this one */
    assert_true(keep_cap(&other, &odd, T0, 0.2, &taken) && keep_cap(&other, &odd, T0, 5, &taken));
    assert_true(!keep_cap(&other, &odd, T0, 1, &taken));
}

/* Packing gives the same keep again, to the bit, drawn together steps included. */
static void test_packs_all(void **state)
{
    static const enum keep_kind kinds[] = {KEEP_LATEST, KEEP_LEAST,  KEEP_MOST, KEEP_LOWS,
                                           KEEP_HIGHS,  KEEP_VALUES, KEEP_DAYS};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct keep k = {.one = {0, 0}}, other = {.one = {0, 0}};
        struct buf packed = BUF_INIT;
        struct wire in;

        for (int64_t n = 0; n < 3000; n++)
            keep_add(&k, kinds[i], T0 + n * HOURS,
                     &(struct taken){kinds[i] == KEEP_LOWS ? n : -n, (uint64_t)n % 100});
        keep_pack(&k, kinds[i], &packed);
        in = wire_of(buf_str(&packed));
        keep_unpack(&other, kinds[i], &in);
        assert_true(!in.is_bad && in.at == in.end);
        assert_int_equal(keep_n(&other, kinds[i]), keep_n(&k, kinds[i]));
        if (keep_bytes(&k, kinds[i]))
            assert_memory_equal(k.list.words, other.list.words,
                                k.list.n * (kinds[i] == KEEP_DAYS ? 8u : 16u));
        else
            assert_memory_equal(&k, &other, sizeof(k));
        keep_deinit(&k, kinds[i]);
        keep_deinit(&other, kinds[i]);
        buf_deinit(&packed);
    }
}

/* What is not one of the shapes that adding leaves is refused. */
static void test_refuses_what_cannot_be(void **state)
{
    static const struct {
        enum keep_kind kind;
        int64_t at[2];
        double value[2];
        uint64_t number[2];
        bool is_good;
    } cases[] = {
        {KEEP_HIGHS, {T0, T0 + 1}, {2, 1}, {1, 1}, true},
        {KEEP_HIGHS, {T0, T0}, {2, 1}, {1, 1}, false},
        {KEEP_HIGHS, {T0, T0 + 1}, {1, 1}, {1, 1}, false},
        {KEEP_HIGHS, {T0, T0 + 1}, {2, 1}, {1, 0}, false},
        {KEEP_HIGHS, {T0, T0 + 1}, {2, 1}, {ENTRY_NUMBER_MAX + 1, 1}, false},
        {KEEP_HIGHS, {T0, T0 + 1}, {1e101, 1}, {1, 1}, false},
        {KEEP_HIGHS, {T0, INSTANT_MAX_MS + 1}, {2, 1}, {1, 1}, false},
        {KEEP_LOWS, {T0, T0 + 1}, {2, 1}, {1, 1}, false},
        {KEEP_LOWS, {T0, T0 + 1}, {1, 2}, {1, 1}, true},
        {KEEP_DAYS, {T0, T0 + DAYS}, {0}, {0}, true},
        {KEEP_DAYS, {T0, T0 + 1}, {0}, {0}, false},
        {KEEP_VALUES, {T0, T0}, {0}, {0}, true},
        {KEEP_VALUES, {T0 + 1, T0}, {0}, {0}, false},
        {KEEP_VALUES, {INSTANT_MIN_MS - 1, T0}, {0}, {0}, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct keep k = {.one = {0, 0}};
        struct buf b = BUF_INIT;
        struct wire in;

        wire_put_u64(&b, 2);
        for (size_t n = 0; n < 2; n++) {
            wire_put_i64(&b, cases[i].at[n] - (n ? cases[i].at[0] : 0));
            if (cases[i].kind == KEEP_VALUES)
                wire_put_fixed(&b, n, 8);
            if (cases[i].kind == KEEP_HIGHS || cases[i].kind == KEEP_LOWS) {
                wire_put_u64(&b, cases[i].number[n]);
                wire_put_double(&b, cases[i].value[n]);
            }
        }
        in = wire_of(buf_str(&b));
        keep_unpack(&k, cases[i].kind, &in);
        assert_true(in.is_bad != cases[i].is_good);
        keep_deinit(&k, cases[i].kind);
        buf_deinit(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_staircase),
        cmocka_unit_test(test_exact_up_to_100),
        cmocka_unit_test(test_staircase_is_bounded),
        cmocka_unit_test(test_late_staircase),
        cmocka_unit_test(test_many_values),
        cmocka_unit_test(test_many_days),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_full_is_full),
        cmocka_unit_test(test_packs_all),
        cmocka_unit_test(test_refuses_what_cannot_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
