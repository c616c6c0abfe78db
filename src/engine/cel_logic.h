/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A condition as the logic between comparisons of one variable with a constant: a flat list, each
 * node before its kids. All that the condition reads is in it; what is quicker to decide comes
 * first among kids, since logic does not ask for an order.
 */
#include "engine/cel_atoms.h"

enum cel_logic_op { CEL_LOGIC_ALL, CEL_LOGIC_ANY, CEL_LOGIC_NOT, CEL_LOGIC_NUMBER, CEL_LOGIC_TEXT };

struct cel_logic_node {
    uint8_t op;           /* enum cel_logic_op */
    uint8_t rank;         /* of NUMBER and TEXT: the variable's */
    uint16_t end;         /* the node behind its last kid */
    struct cel_atom atom; /* of TEXT the relation is CEL_EQ, CEL_NE or CEL_HAS; a bool is 1 or 0 */
    struct str text;      /* of TEXT; borrowed from the program */
};

/* How much it takes to decide the variable: less comes first. */
typedef uint8_t (*cel_rank_fn)(void *ctx, unsigned var);

/* False: the condition is not of that form, or has more than `max` nodes. */
bool cel_logic(const struct cel_program *program, cel_rank_fn rank, void *ctx,
               struct cel_logic_node *ret_nodes, size_t max, size_t *ret_n);
