/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the rooms share that read a test file: the file on its way in, and how its faults are told.
 */
#include "app/ruletest_impl.h"

#define RULETEST_NAMES_MAX 64 /* of one kind that are offered as "did you mean" */

/* One file on its way in. */
struct reading {
    struct conf_reader reader;
    struct ruletest_file *file;
    int64_t now_ms; /* the latest time of the steps of this test so far */
    bool has_now;
    size_t n_events; /* of this test */
};

void ruletest_fault(struct reading *r, const struct conf_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* `names`: NULL-terminated. */
void ruletest_fault_unknown(struct reading *r, const struct conf_node *node, const char *what,
                            const char *const *names);
/* Each of these reports what is wrong; false: it did. */
bool ruletest_is_map(struct reading *r, const struct conf_node *node, const char *what);
bool ruletest_read_text(struct reading *r, const struct conf_node *key,
                        const struct conf_node *value, struct str *ret_text);
/* An instant, or +DURATION after the latest one so far. */
bool ruletest_read_time(struct reading *r, const struct conf_node *key,
                        const struct conf_node *node, int64_t *ret_ms);
/* DURATION after it, without a plus. */
bool ruletest_add_to_now(struct reading *r, const struct conf_node *node, struct str duration,
                         int64_t *ret_ms);
void ruletest_saw_time(struct reading *r, int64_t ms);
/* That the configuration has a rule of that name. */
void ruletest_check_rule(struct reading *r, const struct conf_node *node);

/* What a step says. `ruletest_read_event` and `ruletest_read_state` read a whole step. */
void ruletest_read_event(struct reading *r, const struct conf_node *key,
                         const struct conf_node *map, struct step *step);
void ruletest_read_state(struct reading *r, const struct conf_node *key,
                         const struct conf_node *map, struct step *step);
/* One trigger that is expected. */
void ruletest_read_trigger(struct reading *r, const struct conf_node *map, struct step *step);
