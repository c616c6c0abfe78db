/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * `engaged explain`: one trigger, for a person or a program: who, which rule, why, of which events;
 * and whether the history, read again, still gives it. The trigger is a file (`-`: standard input),
 * or an id that is looked up in a file of triggers, or in their topic. The history is files of
 * events, or the partition in which the trigger's cause is, from its beginning.
 */
#include <stdbool.h>
#include <stddef.h>

struct explain_opts {
    const char *config;       /* path */
    const char *trigger;      /* path, "-", or an id */
    const char *triggers;     /* path of triggers as JSON lines; NULL: none */
    bool is_json;             /* for programs, not for people */
    const char *const *files; /* of events, as `replay` takes them; none: Kafka */
    size_t n_files;
};

/* Returns the exit code: 0 where the recomputed trigger is the same, else 1. */
int explain_main(const struct explain_opts *opts);
