/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The table that drives everything: a row per key says where it goes, what it may be, what it is
 * by default and what it is for. Reading a mapping by its rows reports unknown keys, types and
 * ranges; what concerns several keys at once is checked by the section's own room.
 */
#include "conf/conf_tree.h"

enum conf_type {
    CONF_BOOL,     /* bool */
    CONF_INT,      /* int64_t */
    CONF_NUMBER,   /* double */
    CONF_DURATION, /* int64_t, milliseconds */
    CONF_SIZE,     /* int64_t, bytes */
    CONF_INSTANT,  /* int64_t, milliseconds since 1970; INT64_MIN where not given */
    CONF_TEXT,     /* struct str; min and max are bytes */
    CONF_NAME,     /* the same of the characters that `chars` lists */
    CONF_SECRET,   /* the same, never repeated in a message */
    CONF_CHOICE,   /* an enum: the index into `choices` */
    CONF_MAP,      /* a mapping with rows of its own, into the same struct */
    CONF_CUSTOM,   /* `read` does it; `keys` are the rows of its elements, if they have any */
    CONF_LATER,    /* known, but not to this version */
};

struct conf_reader;

struct conf_key {
    const char *name;
    enum conf_type type;
    size_t offset; /* into the struct that the rows fill */
    int64_t min, max;
    const char *def; /* as the file would say it; NULL: none */
    const char *help;
    const char *chars;           /* of a name: A stands for letters, 0 for digits */
    const char *const *choices;  /* NULL-terminated */
    const struct conf_key *keys; /* of a map, or of the elements of a custom one */
    void (*read)(struct conf_reader *reader, const struct conf_node *node, void *base);
    bool is_required;
    bool is_rule; /* decides state or triggers: part of the canonical text */
};

/* Ends a table. */
#define CONF_KEY_END                                                                               \
    {                                                                                              \
        .name = NULL                                                                               \
    }

struct conf_reader {
    struct conf *conf;
    struct conf_faults *faults;
};

void conf_fault_node(struct conf_reader *reader, const struct conf_node *node, const char *format,
                     ...) __attribute__((format(printf, 3, 4)));
/* At byte `offset` of a scalar's text. */
void conf_fault_within(struct conf_reader *reader, const struct conf_node *node, size_t offset,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Sets every row that has a default, in maps too. */
void conf_keys_set_defaults(const struct conf_key *keys, void *base);
/* One value by its row. False: a fault was added, and nothing was set. */
bool conf_key_read(struct conf_reader *reader, const struct conf_key *key,
                   const struct conf_node *node, void *base);
/* A mapping by its rows. False: at least one fault was added. */
bool conf_keys_read(struct conf_reader *reader, const struct conf_key *keys,
                    const struct conf_node *map, void *base);
/* The row of that name, or NULL. */
const struct conf_key *conf_key_find(const struct conf_key *keys, struct str name);
/* Says what is wrong with a key that no row has. */
void conf_fault_unknown(struct conf_reader *reader, const struct conf_key *keys,
                        const struct conf_node *name);
/* `~`, `null` or nothing at all. */
bool conf_node_is_null(const struct conf_node *node);
/* The text of any scalar but null. */
bool conf_read_text(struct conf_reader *reader, const char *what, const struct conf_node *node,
                    struct str *ret_text);
