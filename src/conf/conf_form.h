/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the rooms that read the model's forms share: rows, and looks at a mapping as a whole. */
#include "conf/conf_private.h"

#define REACH_MIN_MS   1000LL
#define REACH_MAX_MS   (100000LL * 86400000)
#define EXPRESSION_MAX 8192

/* The row of an expression, and of a key that only a later version knows. */
#define EXPRESSION(form, key, text)                                                                \
    {                                                                                              \
        .name = #key, .type = CONF_TEXT, .offset = offsetof(struct form, key), .min = 1,           \
        .max = EXPRESSION_MAX, .help = text                                                        \
    }
#define LATER(key)                                                                                 \
    {                                                                                              \
        .name = key, .type = CONF_LATER                                                            \
    }

/* Whether it is a mapping; if not, a fault that shows one. */
bool conf_is_map_of(struct conf_reader *reader, const struct conf_node *node, const char *what,
                    const char *example);
/* Whether the mapping has a key that only a later version knows. */
bool conf_has_later(const struct conf_key *keys, const struct conf_node *map);
