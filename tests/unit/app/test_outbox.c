/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox: order, budgets, what comes back after an abort, what a dropped partition leaves. */
#include "app/outbox.h"
#include "../unit.h"

#include <stdio.h>

struct fixture {
    struct outbox o;
    struct outbox_lane lanes[2];
};

static struct outbox_lane *lane_of(void *ctx, int32_t partition)
{
    return &((struct fixture *)ctx)->lanes[partition];
}

static void setup(struct fixture *f)
{
    outbox_init(&f->o);
    outbox_lane_init(&f->lanes[0]);
    outbox_lane_init(&f->lanes[1]);
}

static void add(struct fixture *f, int32_t p, int64_t offset, uint32_t ordinal)
{
    struct outbox_header h = {.name = STR("n"), .value = STR("v")};
    struct outbox_record r = {
        .kind = OUTBOX_DEAD_LETTER,
        .key = STR("key"),
        .value = STR("0123456789"),
        .timestamp_ms = 7,
        .headers = &h,
        .n_headers = 1,
    };

    outbox_add(&f->o, &f->lanes[p], p, offset, ordinal, &r);
}

static size_t cut(struct fixture *f, size_t n, size_t bytes)
{
    return outbox_cut(&f->o, n, bytes, lane_of, f);
}

/* The outputs in flight as text: "0:5.1 " is partition 0, offset 5, ordinal 1. */
static const char *flight(struct fixture *f)
{
    static char text[256];
    size_t at = 0;

    text[0] = '\0';
    OUTBOX_EACH_FLIGHT(it, &f->o)
    {
        const struct output *o = OUTPUT_OF(it);

        at += (size_t)snprintf(text + at, sizeof(text) - at, "%d:%d.%u ", o->partition,
                               (int)o->offset, o->ordinal);
    }
    return text;
}

static void test_copies(void **state)
{
    struct fixture f;
    const struct outbox_record *r;

    (void)state;
    setup(&f);
    add(&f, 0, 5, 0);
    assert_int_equal(cut(&f, 10, 1000), 1);
    r = &OUTPUT_OF(f.o.flight.next)->record;
    assert_true(str_eq(r->key, STR("key")));
    assert_true(str_eq(r->value, STR("0123456789")));
    assert_true(str_eq(r->headers[0].name, STR("n")));
    assert_true(str_eq(r->headers[0].value, STR("v")));
    assert_int_equal(r->timestamp_ms, 7);
    outbox_deinit(&f.o);
}

/* A null key or value is not an empty one. */
static void test_null(void **state)
{
    struct fixture f;
    struct outbox_record r = {.value = {.ptr = "", .len = 0}};

    (void)state;
    setup(&f);
    outbox_add(&f.o, &f.lanes[0], 0, 1, 0, &r);
    cut(&f, 1, 1);
    assert_null(OUTPUT_OF(f.o.flight.next)->record.key.ptr);
    assert_non_null(OUTPUT_OF(f.o.flight.next)->record.value.ptr);
    outbox_deinit(&f.o);
}

static void test_cut_and_abort(void **state)
{
    struct fixture f;
    size_t one;

    (void)state;
    setup(&f);
    add(&f, 0, 5, 0);
    one = f.o.n_bytes;
    add(&f, 1, 3, 0);
    add(&f, 0, 5, 1);
    add(&f, 0, 6, 0);
    assert_int_equal(cut(&f, 3, 1 << 20), 3);
    assert_string_equal(flight(&f), "0:5.0 1:3.0 0:5.1 ");
    assert_int_equal(outbox_first(&f.lanes[0])->offset, 6);
    assert_null(outbox_first(&f.lanes[1]));
    assert_int_equal(outbox_unsettled(&f.lanes[0])->offset, 5);
    outbox_abort(&f.o, lane_of, &f);
    assert_int_equal(f.o.n_waiting, 4);
    assert_int_equal(outbox_first(&f.lanes[0])->ordinal, 0);
    /* By bytes, but always at least one. */
    assert_int_equal(cut(&f, 10, one - 1), 1);
    outbox_abort(&f.o, lane_of, &f);
    assert_int_equal(cut(&f, 10, 2 * one), 2);
    outbox_commit(&f.o, lane_of, &f);
    assert_int_equal(f.o.n_bytes, 2 * one);
    assert_int_equal(cut(&f, 10, 1 << 20), 2);
    assert_string_equal(flight(&f), "0:5.1 0:6.0 ");
    outbox_commit(&f.o, lane_of, &f);
    assert_int_equal(f.o.n_bytes, 0);
    assert_int_equal(f.o.n_waiting + f.o.n_flight, 0);
    outbox_deinit(&f.o);
}

/* What a dropped partition had in flight does not come back, and does not disturb its next life. */
static void test_drop(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    add(&f, 0, 5, 0);
    add(&f, 1, 3, 0);
    add(&f, 0, 6, 0);
    cut(&f, 2, 1 << 20);
    outbox_drop(&f.o, &f.lanes[0], 0);
    assert_int_equal(f.o.n_waiting, 0);
    assert_null(outbox_unsettled(&f.lanes[0]));
    add(&f, 0, 4, 0);
    outbox_abort(&f.o, lane_of, &f);
    assert_int_equal(outbox_unsettled(&f.lanes[0])->offset, 4);
    cut(&f, 10, 1 << 20);
    assert_string_equal(flight(&f), "1:3.0 0:4.0 ");
    outbox_commit(&f.o, lane_of, &f);
    assert_null(outbox_unsettled(&f.lanes[0]));
    outbox_deinit(&f.o);
}

static void test_replace(void **state)
{
    struct fixture f;
    struct outbox_record r = {.value = STR("x")};

    (void)state;
    setup(&f);
    add(&f, 0, 5, 0);
    add(&f, 0, 5, 1);
    cut(&f, 10, 1 << 20);
    outbox_replace(&f.o, OUTPUT_OF(f.o.flight.next), &r, &f.lanes[0]);
    assert_string_equal(flight(&f), "0:5.0 0:5.1 ");
    outbox_abort(&f.o, lane_of, &f);
    assert_int_equal(outbox_first(&f.lanes[0])->ordinal, 0);
    assert_true(str_eq(outbox_first(&f.lanes[0])->record.value, STR("x")));
    outbox_deinit(&f.o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies),        cmocka_unit_test(test_null),
        cmocka_unit_test(test_cut_and_abort), cmocka_unit_test(test_drop),
        cmocka_unit_test(test_replace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
