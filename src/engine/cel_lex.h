/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Words of an expression: literals decoded, common slips named with what to write instead. */
#include "engine/cel_program.h"

enum cel_token_kind {
    CEL_TOKEN_END,
    CEL_TOKEN_INT, /* magnitude only: a sign is an operator */
    CEL_TOKEN_DOUBLE,
    CEL_TOKEN_STRING,
    CEL_TOKEN_NAME,
    CEL_TOKEN_TRUE,
    CEL_TOKEN_FALSE,
    CEL_TOKEN_NULL,
    CEL_TOKEN_IN,
    CEL_TOKEN_OPEN,
    CEL_TOKEN_CLOSE,
    CEL_TOKEN_OPEN_LIST,
    CEL_TOKEN_CLOSE_LIST,
    CEL_TOKEN_DOT,
    CEL_TOKEN_COMMA,
    CEL_TOKEN_QUESTION,
    CEL_TOKEN_COLON,
    CEL_TOKEN_PLUS,
    CEL_TOKEN_MINUS,
    CEL_TOKEN_STAR,
    CEL_TOKEN_SLASH,
    CEL_TOKEN_PERCENT,
    CEL_TOKEN_NOT,
    CEL_TOKEN_AND,
    CEL_TOKEN_OR,
    CEL_TOKEN_EQ,
    CEL_TOKEN_NE,
    CEL_TOKEN_LT,
    CEL_TOKEN_LE,
    CEL_TOKEN_GT,
    CEL_TOKEN_GE,
};

struct cel_token {
    enum cel_token_kind kind;
    size_t at, end; /* bytes of the text */
    uint64_t magnitude;
    double real;
    struct str text; /* of a name: borrowed from the expression; of a string: kept by the program */
};

struct cel_lexer {
    struct cel_program *program; /* borrowed; keeps decoded strings */
    struct cel_report *report;   /* borrowed */
    struct str text;
    size_t at;
};

/* Reads the next token; CEL_E_INVALID with the report set. */
must_check int cel_lex(struct cel_lexer *lexer, struct cel_token *ret_token);
/* Words that CEL keeps for itself: no variable, but a member may have such a name. */
bool cel_is_reserved(struct str word);
