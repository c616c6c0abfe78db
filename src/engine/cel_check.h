/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The checker's inside: what its files share. */
#include "engine/cel_program.h"

struct cel_binding {
    struct str name; /* borrowed from the program */
    struct cel_static type;
};

struct cel_checker {
    struct cel_program *program; /* borrowed, as all here */
    const struct cel_schema *schema;
    struct cel_report *report;
    bool is_unchecked;
    struct cel_binding locals[CEL_LOCALS_MAX];
    unsigned n_locals;
    char *bytes; /* scratch of folding */
    struct cel_value *items;
};

/* Sets of types. */
#define CEL_T(type) (1u << (type))
#define CEL_NUMBER  (CEL_T(CEL_INT) | CEL_T(CEL_DOUBLE))

static inline struct cel_static cel_plain(enum cel_type type)
{
    return (struct cel_static){.base = (uint8_t)type, .depth = 0};
}

static inline enum cel_type cel_kind(struct cel_static t)
{
    return t.depth ? CEL_LIST : (enum cel_type)t.base;
}

static inline bool cel_is_dyn(struct cel_static t)
{
    return cel_kind(t) == CEL_DYN;
}

static inline bool cel_takes(unsigned types, struct cel_static t)
{
    return cel_is_dyn(t) || (types & CEL_T(cel_kind(t)));
}

static inline struct cel_static cel_item_of(struct cel_static list)
{
    if (!list.depth)
        return cel_plain(CEL_DYN);
    return (struct cel_static){list.base, (uint8_t)(list.depth - 1)};
}

static inline struct cel_static cel_unify(struct cel_static a, struct cel_static b)
{
    if (a.depth != b.depth)
        return cel_plain(CEL_DYN);
    return a.base == b.base ? a : (struct cel_static){CEL_DYN, a.depth};
}

/* Whether == can ever say true. */
static inline bool cel_comparable(struct cel_static a, struct cel_static b)
{
    if (a.depth != b.depth)
        return a.depth < b.depth ? a.base == CEL_DYN : b.base == CEL_DYN;
    if (a.base == CEL_DYN || b.base == CEL_DYN || a.base == b.base)
        return true;
    return (CEL_T(a.base) & CEL_NUMBER) && (CEL_T(b.base) & CEL_NUMBER);
}

/* --- Saying what is wrong (cel_words.c) --- */

#define CEL_WORDS_MAX 96

/* Refuses; in an unchecked program the evaluation will, if it comes to it. */
#define CEL_MISMATCH(c, at, ...)                                                                   \
    ((c)->is_unchecked ? 0 : (cel_report((c)->report, (at), __VA_ARGS__), CEL_E_INVALID))

/* "an int" */
const char *cel_a_type(struct cel_static t);
const char *cel_op_text(enum cel_op op);
/* How a message calls an operand: by name, by its spelling, or by what it is. */
const char *cel_words_of(struct cel_checker *c, uint16_t n, char words[CEL_WORDS_MAX]);
/* Two operands that do not go together. */
must_check int cel_pair_mismatch(struct cel_checker *c, const struct cel_node *node, uint16_t a,
                                 uint16_t b);
/* A condition is wanted of node `n`. */
must_check int cel_need_bool(struct cel_checker *c, uint16_t n, const char *where);

/* --- Stages --- */

/* Any node: kids, then itself. */
must_check int cel_check_node(struct cel_checker *c, uint16_t n);
must_check int cel_check_kids(struct cel_checker *c, uint16_t n);
/* A name: local, variable or type (cel_names.c). */
must_check int cel_check_name(struct cel_checker *c, struct cel_node *node);
bool cel_find_var(const struct cel_schema *schema, struct str name, unsigned *ret_var);
/* The program's own index of a variable of the schema. */
uint16_t cel_program_var_of(struct cel_checker *c, unsigned var);
void cel_report_unknown(struct cel_checker *c, const struct cel_node *node, struct str name);
/* What the checker cannot give a meaning to; the report is set. */
must_check int cel_refuse(struct cel_checker *c, struct cel_node *node);
/* A function, method or macro (cel_check_call.c). */
must_check int cel_check_apply(struct cel_checker *c, uint16_t n);
const char *cel_fn_usage(enum cel_fn fn);
/* Turns a node without variables into its value (cel_fold.c). */
void cel_fold(struct cel_checker *c, struct cel_node *node);
