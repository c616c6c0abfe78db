/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the stages of the expression compiler share: the tree, in one array of small nodes linked
 * by index, and the program that owns it. The parser builds it, the checker resolves names, sets
 * types and folds constants, the evaluators walk it and change nothing.
 */
#include "engine/cel.h"

#define CEL_TREE_DEPTH_MAX 256    /* of the tree: what recursion over it can reach */
#define CEL_LOCALS_MAX     8      /* macros inside macros */
#define CEL_STEPS_MAX      100000 /* elements that the macros and comparisons of one run visit */
#define CEL_LIST_DEPTH_MAX 32     /* lists inside lists */

enum cel_op {
    CEL_OP_CONST,      /* arg: constant */
    CEL_OP_VAR,        /* arg: variable of the program */
    CEL_OP_LOCAL,      /* arg: slot of the macro that binds it */
    CEL_OP_HAS,        /* arg: variable of the program */
    CEL_OP_FAIL,       /* unchecked programs only: what the checker would have refused */
    CEL_OP_AND,        /* two or more kids */
    CEL_OP_OR,         /* two or more kids */
    CEL_OP_COND,       /* condition, then, else */
    CEL_OP_ALL,        /* macros: list, body; arg: slot */
    CEL_OP_EXISTS,     /**/
    CEL_OP_EXISTS_ONE, /**/
    CEL_OP_FILTER,     /**/
    CEL_OP_MAP,        /* list, body, or list, condition, body; arg: slot */
    CEL_OP_LIST,       /* from here on: strict, the kids are evaluated first */
    CEL_OP_NOT,
    CEL_OP_NEG,
    CEL_OP_ADD,
    CEL_OP_SUB,
    CEL_OP_MUL,
    CEL_OP_DIV,
    CEL_OP_MOD,
    CEL_OP_EQ,
    CEL_OP_NE,
    CEL_OP_LT,
    CEL_OP_LE,
    CEL_OP_GT,
    CEL_OP_GE,
    CEL_OP_IN,
    CEL_OP_INDEX,
    CEL_OP_CALL,  /* fn: function; kids: receiver first, if any */
    CEL_OP_NAME,  /* before the check: arg: name */
    CEL_OP_APPLY, /* before the check: arg: name; is_method: the first kid is the receiver */
};

enum cel_fn {
    CEL_FN_SIZE,
    CEL_FN_CONTAINS,
    CEL_FN_STARTS_WITH,
    CEL_FN_ENDS_WITH,
    CEL_FN_LOWER_ASCII,
    CEL_FN_UPPER_ASCII,
    CEL_FN_BOOL,
    CEL_FN_INT,
    CEL_FN_DOUBLE,
    CEL_FN_STRING,
    CEL_FN_DURATION,
    CEL_FN_TIMESTAMP,
    CEL_FN_TYPE,
    CEL_FN_DYN,
    CEL_FN_FULL_YEAR,
    CEL_FN_MONTH,
    CEL_FN_DATE,
    CEL_FN_DAY_OF_MONTH,
    CEL_FN_DAY_OF_WEEK,
    CEL_FN_DAY_OF_YEAR,
    CEL_FN_HOURS,
    CEL_FN_MINUTES,
    CEL_FN_SECONDS,
    CEL_FN_MILLISECONDS,
    CEL_FN_N,
};

/* A static type: `base` inside `depth` lists; base is CEL_DYN where unknown or mixed. */
struct cel_static {
    uint8_t base;
    uint8_t depth;
};

struct cel_node {
    uint8_t op;
    uint8_t fn;
    bool is_method;
    bool is_open;  /* reads a variable, or fails: not to be folded */
    uint8_t slots; /* of outer macros that it reads, one bit each */
    struct cel_static type;
    uint16_t kid;   /* first kid; 0: none */
    uint16_t next;  /* next sibling; 0: none */
    uint16_t arg;   /* by op */
    uint16_t at;    /* byte offset in the text, for errors */
    uint16_t depth; /* of the tree below, 1 for a leaf */
};

struct cel_program_var {
    struct str name; /* copied */
    unsigned var;    /* index in the schema */
    enum cel_type type;
};

struct cel_program_zone {
    struct str name;         /* copied */
    const struct zone *zone; /* borrowed */
};

struct cel_block; /* memory that lives as long as the program */

struct cel_program {
    struct cel_node *nodes; /* owned; node 0 is unused */
    size_t n_nodes, nodes_cap;
    struct cel_value *consts; /* owned; what they point to lies in blocks */
    size_t n_consts, consts_cap;
    struct cel_program_var *vars; /* owned; those that the text names, by first use */
    size_t n_vars, vars_cap;
    struct cel_program_zone *zones; /* owned; those that the text names */
    size_t n_zones, zones_cap;
    struct str *names; /* owned; of the parsed tree */
    size_t n_names, names_cap;
    struct cel_block *blocks; /* owned */
    uint16_t root;
    enum cel_type want;
    char *bytes;             /* owned scratch of CEL_SCRATCH_MAX, or NULL if never needed */
    struct cel_value *items; /* owned scratch of CEL_ITEMS_MAX, or NULL if never needed */
};

static inline struct cel_node *cel_node(const struct cel_program *p, unsigned n)
{
    return &p->nodes[n];
}

/* Memory that is freed with the program. */
void *cel_keep(struct cel_program *p, size_t n_bytes);
struct str cel_keep_str(struct cel_program *p, struct str s);
uint16_t cel_add_const(struct cel_program *p, struct cel_value v);

/* As cel_compile(); what the checker would refuse becomes an error of evaluation, as the public
 * conformance cases with `disable_check` want it. */
must_check int cel_compile_unchecked(struct str text, const struct cel_schema *schema,
                                     struct cel_program **ret_program, struct cel_error *ret_error);

/* NULL where the text names no such zone. */
const struct zone *cel_find_zone(const struct cel_program *p, struct str name);

/* One line on an error: sets the position from `at`, keeps the first error. */
struct cel_report {
    struct str text;
    struct cel_error *error; /* borrowed */
    bool is_set;
};
void cel_report(struct cel_report *r, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Stages: 0 or CEL_E_INVALID, with the report set. */
must_check int cel_parse(struct cel_program *p, struct cel_report *report);
must_check int cel_check(struct cel_program *p, const struct cel_schema *schema, bool is_unchecked,
                         struct cel_report *report);

/* The candidate nearest to a misspelt name; `best` stays empty when none is near. */
struct cel_nearest {
    struct str wanted;
    struct str best;
    unsigned distance; /* of `best`; starts at the most that is still near */
};
struct cel_nearest cel_nearest_of(struct str wanted);
void cel_nearest_try(struct cel_nearest *n, struct str candidate);

/* "int", "list", "google.protobuf.Timestamp", ...: as CEL names them. */
const char *cel_type_name(enum cel_type type);
/* The function of that name; CEL_FN_N: none. */
enum cel_fn cel_fn_find(struct str name);
const char *cel_fn_name(enum cel_fn fn);
