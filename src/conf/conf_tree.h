/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A YAML text as a tree of nodes that know their place, so that every later check can point at the
 * character that is wrong. Bounded in bytes, depth, and in nodes after aliases are followed.
 */
#include "conf/conf_fault.h"

#define CONF_FILE_MAX_BYTES (1 << 20)
#define CONF_DEPTH_MAX      16
#define CONF_NODES_MAX      100000 /* an alias counts as all that it stands for */
#define CONF_ANCHORS_MAX    256

enum conf_node_type { CONF_NODE_SCALAR, CONF_NODE_LIST, CONF_NODE_MAP };

struct conf_node {
    enum conf_node_type type;
    const struct conf_doc *doc; /* whose text it stands in; borrowed */
    int line, column;           /* of its first character, from 1; columns count characters */
    struct str text;            /* of a scalar, as YAML means it; owned by the doc */
    bool is_plain;              /* a scalar without quotes: may be a number, a boolean or null */
    bool has_escapes;           /* a double-quoted scalar */
    bool is_block;              /* a literal or folded scalar */
    struct conf_node **items;   /* of a list; of a map key, value, key, value */
    size_t n;                   /* items, or pairs */
    size_t cap;
    size_t weight; /* nodes in it, aliases followed; 0 while it is being read */
};

struct conf_doc {
    char *name; /* the file, for faults */
    struct buf text;
    size_t *lines; /* where each line begins in `text` */
    size_t n_lines;
    struct conf_node **nodes; /* owned, all of them */
    size_t n_nodes;
    size_t nodes_cap;
    const struct conf_node *root; /* borrowed from nodes; NULL if the text is no YAML */
};

/* Takes over `text` (and frees it in the end). Where there are faults the root is NULL, or, for
 * duplicate keys alone, still there. */
struct conf_doc *conf_doc_new(const char *name, struct buf *text, struct conf_faults *faults);
struct conf_doc *conf_doc_free(struct conf_doc *doc);

static inline const struct conf_node *conf_map_key(const struct conf_node *map, size_t i)
{
    return map->items[2 * i];
}

static inline const struct conf_node *conf_map_value(const struct conf_node *map, size_t i)
{
    return map->items[2 * i + 1];
}

/* The value of a key, or NULL; also NULL when `map` is no map. */
const struct conf_node *conf_map_get(const struct conf_node *map, const char *key);

/* Where byte `offset` of a scalar's text stands in the file: escapes, folding and indentation are
 * seen through. An offset beyond the end is the place after the last character. */
void conf_node_place(const struct conf_node *node, size_t offset, int *ret_line, int *ret_column);
