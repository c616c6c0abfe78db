/* SPDX-License-Identifier: Apache-2.0 */
/* Any text: compiles or is refused with a message; what compiles evaluates without harm, has a
 * canonical text that is its own, and is not contradicted by the analysis of ranges. */
#include "fuzz.h"

#include "engine/cel.h"

#include "base/mem.h"

static const struct cel_var vars[] = {
    {"s", CEL_STRING, CEL_NULL},    {"i", CEL_INT, CEL_NULL},  {"x", CEL_DOUBLE, CEL_NULL},
    {"d", CEL_DURATION, CEL_NULL},  {"b", CEL_BOOL, CEL_NULL}, {"a.b", CEL_DYN, CEL_NULL},
    {"t", CEL_TIMESTAMP, CEL_NULL}, {"l", CEL_LIST, CEL_INT},
};
static const struct cel_schema schema = {.vars = vars, .n_vars = ARRAY_SIZE(vars)};

static const struct cel_value items[] = {{.type = CEL_INT, .i = 1}, {.type = CEL_INT, .i = -7}};
static const struct cel_value values[] = {
    {.type = CEL_STRING, .s = {"abc", 3}}, {.type = CEL_INT, .i = 3},
    {.type = CEL_DOUBLE, .d = -0.5},       {.type = CEL_DURATION, .i = 1500, .ns = 7},
    {.type = CEL_BOOL, .b = true},         {.type = CEL_STRING, .s = {"m", 1}},
    {.type = CEL_TIMESTAMP, .i = 1000},    {.type = CEL_LIST, .list = {items, 2}},
};

static bool get(void *ctx, unsigned var, struct cel_value *ret_value)
{
    (void)ctx;
    *ret_value = values[var];
    return true;
}

/* Bounds around each value, by the bits of a mask; exact elsewhere. */
static void get_range(void *ctx, unsigned var, struct cel_range *ret_range)
{
    unsigned mask = *(unsigned *)ctx;
    const struct cel_value *v = &values[var];
    double at = v->type == CEL_DOUBLE ? v->d : (double)v->i;

    ret_range->is_exact = !(mask >> var & 1);
    ret_range->exact = *v;
    ret_range->lo = at - 2;
    ret_range->hi = at + 1;
}

static void check_canonical(struct cel_program *p)
{
    struct buf a = BUF_INIT, b = BUF_INIT;
    struct cel_program *q;
    struct cel_error e;

    cel_canonical(p, &a);
    if (!cel_compile(buf_str(&a), &schema, CEL_DYN, &q, &e)) {
        cel_canonical(q, &b);
        ENSURE(str_eq(buf_str(&a), buf_str(&b)));
        cel_free(q);
    } else {
        /* The only excuse is that it is longer or deeper than the original. */
        ENSURE(strstr(e.text, "bytes") || strstr(e.text, "deep") || strstr(e.text, "long"));
    }
    buf_deinit(&a);
    buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned mask = size ? data[0] : 0;
    struct str text = {(const char *)data + (size ? 1 : 0), size ? size - 1 : 0};
    struct cel_program *p;
    struct cel_error e;
    struct cel_value v;
    enum cel_truth truth;
    bool holds;

    if (cel_compile(text, &schema, CEL_DYN, &p, &e)) {
        ENSURE(e.text[0] && str_is_utf8(str_of(e.text)) && e.offset <= text.len);
        return 0;
    }
    holds = !cel_eval(p, get, NULL, &v) && v.type == CEL_BOOL && v.b;
    truth = cel_holds_over(p, get_range, &mask);
    ENSURE(truth == CEL_EITHER || (truth == CEL_TRUE) == holds);
    check_canonical(p);
    cel_free(p);
    return 0;
}
