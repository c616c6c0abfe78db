/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Expressions: a subset of CEL, the Common Expression Language. Text is compiled once, against a
 * schema of variables, with every type error found then; evaluating it allocates nothing, reads
 * no clock and no locale, and gives the same bits on every machine.
 *
 * Grammar:
 *
 *     expression = or ["?" or ":" expression]
 *     or         = and {"||" and}
 *     and        = relation {"&&" relation}
 *     relation   = sum {("==" | "!=" | "<" | "<=" | ">" | ">=" | "in") sum}
 *     sum        = product {("+" | "-") product}
 *     product    = unary {("*" | "/" | "%") unary}
 *     unary      = {"!"} member | {"-"} member
 *     member     = primary {"." name "(" arguments ")" | "[" expression "]"}
 *     primary    = literal | variable | name "(" arguments ")" | "(" expression ")"
 *                | "[" [expression {"," expression} [","]] "]"
 *     variable   = name {"." name}
 *     literal    = 42, 0x2a | 4.2, .5, 1e3 | true, false | null | text
 *     text       = "x", 'x', """x""", '''x''', and raw: r"x" ...; escapes as CEL has them
 *
 * A comment runs from // to the end of the line. Functions:
 *
 *     has(v)                              whether the variable has a value
 *     size(x), x.size()                   characters of a text, elements of a list
 *     x.contains(y), x.startsWith(y), x.endsWith(y), x.lowerAscii(), x.upperAscii()
 *     int, double, string, bool, type, dyn
 *     duration("1h30m"), also ns, us, ms, s, m, h, and beyond CEL d and w
 *     timestamp("2026-01-31T09:00:00Z"), timestamp(seconds)
 *     t.getFullYear(), getMonth, getDate, getDayOfMonth, getDayOfWeek, getDayOfYear, getHours,
 *     getMinutes, getSeconds, getMilliseconds, each also with "UTC", an offset, "+01:00", or a
 *     time zone's name that is written out, "Europe/Berlin"; the last four of durations too
 *     l.all(x, c), l.exists(x, c), l.exists_one(x, c), l.filter(x, c), l.map(x, e), l.map(x, c, e)
 *
 * Meaning, where it needs saying: ints do not overflow silently (an error) and do not mix with
 * doubles in arithmetic; comparisons mix them, exactly and without rounding. Division by zero is an
 * error for ints, infinity or NaN for doubles. && and || give the deciding operand's value even if
 * the other one is an error or absent; all and exists likewise. Strings compare by bytes.
 *
 * Left out of CEL: maps, messages, bytes, unsigned ints, matches().
 */
#include "base/err.h"
#include "base/str.h"

struct zone;

/* More than these allow is refused when compiling, or an error of evaluation. A tree is at most 256
 * nodes deep, macros 8; one evaluation takes at most 100,000 steps over list elements. */
#define CEL_TEXT_MAX    8192 /* bytes of an expression */
#define CEL_DEPTH_MAX   64   /* nesting of parentheses, lists, calls and operators in the text */
#define CEL_SCRATCH_MAX 8192 /* bytes of strings that one evaluation may build */
#define CEL_ITEMS_MAX   1024 /* list elements that one evaluation may build */

enum cel_type {
    CEL_NULL,
    CEL_BOOL,
    CEL_INT,
    CEL_DOUBLE,
    CEL_STRING,
    CEL_DURATION,
    CEL_TIMESTAMP,
    CEL_LIST,
    CEL_TYPE, /* what type(x) gives */
    CEL_DYN   /* in schemas and as `want`: known only at evaluation; never the type of a value */
};

struct cel_value {
    enum cel_type type;
    int32_t ns; /* DURATION and TIMESTAMP: nanoseconds beyond `i`, 0..999999; else ignored */
    union {
        bool b;
        int64_t i; /* INT; DURATION and TIMESTAMP in milliseconds (since 1970), rounded down */
        double d;
        struct str s; /* UTF-8; of a TYPE its name */
        struct {
            const struct cel_value *items;
            size_t n;
        } list;
    };
};

struct cel_var {
    const char *name; /* an identifier, or several joined by dots: "owed.by_us" */
    enum cel_type type;
    enum cel_type item; /* of a list: the type of its elements, or CEL_DYN */
};

/* A variable is known by its index here, to the accessors below too. */
struct cel_schema {
    const struct cel_var *vars;
    size_t n_vars;
    /* The time zone of that name, NULL: none; it must stay as long as the program. Asked when
     * compiling, of names that are written out. NULL: no zone has a name. */
    const struct zone *(*find_zone)(void *ctx, struct str name);
    void *zone_ctx;
};

struct cel_error {
    size_t offset;         /* byte in the expression */
    unsigned line, column; /* 1-based, within the expression; columns count characters */
    char text[256];        /* what is wrong and what to write instead; no position in it */
};

struct cel_program;

#define CEL_E_INVALID 1 /* compile: *ret_error says why */
#define CEL_E_ABSENT  1 /* eval: a variable that decides the result has no value */
#define CEL_E_ERROR   2 /* eval: division by zero, overflow, wrong type of a dynamic value, ... */

/*
 * `want` is the type that the result must have, CEL_DYN for any. CEL_DOUBLE takes an expression of
 * ints too, and the result is then converted. The program copies what it needs of text and schema.
 */
must_check int cel_compile(struct str text, const struct cel_schema *schema, enum cel_type want,
                           struct cel_program **ret_program, struct cel_error *ret_error);
/* Accepts NULL; returns NULL. */
struct cel_program *cel_free(struct cel_program *program);

/* The value of variable `var` (its index in the schema), of the declared type; false: none.
 * *ret_value comes zeroed. What it points to must stay until the use of the result is over. */
typedef bool (*cel_get_fn)(void *ctx, unsigned var, struct cel_value *ret_value);

/* Strings and lists in the result belong to the program or to what `get` handed out, and hold
 * until the next evaluation of this program. */
must_check int cel_eval(struct cel_program *program, cel_get_fn get, void *ctx,
                        struct cel_value *ret_value);

/* Whether the text names the variable, has(v) included. */
bool cel_reads(const struct cel_program *program, unsigned var);
/* The type of the result as far as the text tells: CEL_LIST of any list, CEL_DYN where only the
 * evaluation does. */
enum cel_type cel_result_type(const struct cel_program *program);
/* The i-th time zone that the text names, and its name; NULL: it names no more. */
const struct zone *cel_zone(const struct cel_program *program, size_t i, struct str *ret_name);
/* Whether the result depends on no variable. */
bool cel_is_constant(const struct cel_program *program);
/* Appends a text that is the same for expressions that differ only in spacing, comments, redundant
 * parentheses, the spelling of literals and the names that macros bind. Constant parts are
 * computed. It compiles to the same meaning, if it is not too long. */
void cel_canonical(const struct cel_program *program, struct buf *out);

/*
 * What a condition does while its variables move within bounds, as when time passes and no event
 * comes. An answer of CEL_TRUE or CEL_FALSE is a proof; where there is none it is CEL_EITHER.
 * A condition "holds" where it is true; absent, an error, and false are all "does not hold".
 */
enum cel_truth { CEL_FALSE, CEL_TRUE, CEL_EITHER };

struct cel_range {
    bool is_absent;     /* has no value anywhere in the range; nothing below is looked at then */
    bool may_be_absent; /* has no value somewhere in the range */
    bool is_exact;      /* wherever it has a value, it is `exact` */
    struct cel_value exact;
    double lo, hi; /* when not exact, for INT, DOUBLE, DURATION and TIMESTAMP (as ms): every value
                      lies in lo..hi, which may be infinite. Other types: any value. */
};

/* *ret_range comes zeroed: an implementation sets what applies. */
typedef void (*cel_range_fn)(void *ctx, unsigned var, struct cel_range *ret_range);

/* The program must be of a boolean expression (or a dynamic one). */
enum cel_truth cel_holds_over(struct cel_program *program, cel_range_fn get, void *ctx);
