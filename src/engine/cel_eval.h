/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The evaluator's inside, for the two others that compute values: folding, and ranges. */
#include "engine/cel_program.h"

#define CEL_ARGS_MAX 3 /* of a strict node, lists apart */

/* One evaluation. Lives on the stack of whoever starts it. */
struct cel_run {
    const struct cel_program *program; /* borrowed */
    cel_get_fn get;
    void *ctx;
    char *bytes; /* borrowed scratch, or NULL: then nothing fits */
    size_t n_bytes, bytes_cap;
    struct cel_value *items; /* borrowed scratch, or NULL: then nothing fits */
    size_t n_items, items_cap;
    unsigned n_steps;
    bool is_exhausted; /* scratch or steps ran out */
    struct cel_value locals[CEL_LOCALS_MAX];
};

/* Sets all but `get`, `ctx` and the locals, which are written before they are read. */
void cel_run_start(struct cel_run *run, struct cel_program *program);
/* 0, CEL_E_ABSENT or CEL_E_ERROR. */
must_check int cel_run(struct cel_run *run, unsigned node, struct cel_value *ret_value);
/* The value of a strict node, lists apart, from those of its kids. */
must_check int cel_apply(struct cel_run *run, const struct cel_node *node,
                         const struct cel_value *args, unsigned n_args,
                         struct cel_value *ret_value);
/* Counts work that an expression can multiply; CEL_E_ERROR when it is too much. */
must_check int cel_step(struct cel_run *run);

/* CEL's equality: numbers by value, different types are different. CEL_E_ERROR: too much work. */
must_check int cel_equal(struct cel_run *run, const struct cel_value *a, const struct cel_value *b,
                         bool *ret_equal);
/* -1, 0, 1; CEL_E_ERROR: not comparable. NaN compares to nothing: *ret_order is 2. */
must_check int cel_order(const struct cel_value *a, const struct cel_value *b, int *ret_order);
/* == != < <= > >= and in. */
must_check int cel_compare(struct cel_run *run, enum cel_op op, const struct cel_value *a,
                           const struct cel_value *b, struct cel_value *ret_value);
must_check int cel_call(struct cel_run *run, enum cel_fn fn, const struct cel_value *args,
                        unsigned n_args, struct cel_value *ret_value);
/* Scratch for `n` bytes, or values; NULL when it is used up. */
char *cel_run_bytes(struct cel_run *run, size_t n);
struct cel_value *cel_run_items(struct cel_run *run, size_t n);
/* Whether the node may build a string or a list. */
bool cel_needs_scratch(const struct cel_node *node);

static inline int cel_give_bool(bool b, struct cel_value *ret_value)
{
    *ret_value = (struct cel_value){.type = CEL_BOOL, .b = b};
    return 0;
}
