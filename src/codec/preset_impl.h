/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Compiled presets, for the two rooms that share them: preset.c makes them, preset_map.c puts them
 * to work.
 */
#include "codec/preset.h"
#include "engine/cel.h"

struct field {
    const struct preset_field *spec; /* borrowed */
    struct cel_value def;
    char number[32];         /* a number that is taken as a text */
    struct cel_value *items; /* owned; of a list */
};

struct output {
    const struct preset_output *spec; /* borrowed */
    struct cel_program *program;      /* owned; NULL: the text is a pointer */
};

struct preset {
    const struct preset_spec *spec; /* borrowed */
    struct field *fields;           /* owned */
    struct output *outputs;         /* owned */
    struct cel_program *when;       /* owned; NULL: always */
};

struct presets {
    struct preset *items; /* owned */
    size_t n;
    const struct json_value *root; /* of the payload, while one is mapped */
    struct preset *current;
    const struct field *bad; /* whose value is not of its type */
    enum json_kind bad_kind;
};

/* What the expressions see of a field. */
enum cel_type preset_cel_type(enum preset_type type);
