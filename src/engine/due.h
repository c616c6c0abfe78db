/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What is expected to happen by a time: `absent` (X, again and again) and `expect` (B after A).
 *
 * Absent: since the latest X or, where there was none yet, since the stakeholder's first
 * interaction. Expect: since the first A that no B has followed. Events that come later than the
 * lateness allows are taken in as far as what is kept can tell: an A before the latest B was
 * answered by it, a B answers every A up to its own time.
 */
#include "engine/model_impl.h"
#include "engine/wire.h"

struct engine;
struct profile;

struct due {
    int64_t since_ms; /* INT64_MIN: nothing is expected */
    int64_t then_ms;  /* `expect`: the latest B; INT64_MIN: none */
};

struct due due_none(void);
/* After an interaction at `time_ms`; is_what: it is the X or B, is_after: it is the A. True: what
 * is expected has changed. */
bool due_apply(struct due *d, const struct rule *rule, int64_t time_ms, bool is_what,
               bool is_after);
/* How long it may take: what the rule says or, in gaps, by the rhythm as of the stakeholder's
 * latest event. */
int64_t due_within_ms(const struct engine *e, const struct profile *p, const struct rule *rule);
/* By when it must happen, itself in time; INT64_MAX: nothing is expected. */
int64_t due_by_ms(const struct engine *e, const struct profile *p, const struct rule *rule);

/* What is expected of two who were one. `last_ms` and `from_last_ms`: of each the latest X (absent)
 * or A (expect); INT64_MIN: none yet. */
void due_merge(struct due *d, const struct due *from, const struct rule *rule, int64_t last_ms,
               int64_t from_last_ms);

/* By the rules' names. */
void due_pack(const struct profile *p, const struct model *m, struct buf *out);
void due_unpack(struct profile *p, const struct model *m, struct wire *in);
