/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Proven silence: that nothing came means something only while what would bring it is alive.
 *
 * A declared source shows life by any event of its own in this input partition, a heartbeat (type
 * io.engaged.heartbeat.v1) if need be. A deadline at D that passes is told once every source that
 * could have brought the answer has shown life after D; until then it is held, and each hold waits
 * with the first source that is missing, in the order of the deadlines. A source that is silent
 * for longer than its heartbeat is told of by one trigger `source.silent`, cleared by its next
 * event.
 */
#include "engine/engine_impl.h"

/* One rule of one stakeholder that waits for a source. */
struct waiting {
    struct heap_node node; /* in its source's heap */
    struct waiting *next;  /* of the same stakeholder */
    struct profile *profile;
    int64_t due_ms;
    uint64_t opened; /* of an obligation: a hash of its event's id; else 0 */
    uint16_t rule, source;
};

struct life {
    int64_t last_ms; /* INT64_MIN: no record has come yet */
    bool is_silent;  /* and that has been told */
    struct heap waiting;
};

/* The engine's lives, one per declared source, as the model says. */
struct life *life_new(const struct model *m);
struct life *life_free(struct life *lives, const struct model *m);

/* The record's event: its source is alive; may clear `source.silent`, and lets go of what waited.
 */
void life_note(struct engine *e, const struct event *event);
/* When the next source will have been silent for too long; INT64_MAX: none. */
int64_t life_next_ms(const struct engine *e);
/* Tells of the sources for which that was at `now_ms`. */
void life_expire(struct engine *e, int64_t now_ms);

/* The first source that is needed to prove that nothing came on this channel (empty: on any, which
 * only sources without channels bring) by `due_ms` and has not shown life since; MODEL_NONE: none.
 */
uint16_t life_missing(const struct engine *e, struct str channel, int64_t due_ms);
/* The rule, for that obligation, is held by the source until that has shown life after `due_ms`. */
void life_wait(struct engine *e, struct profile *p, uint16_t rule, uint64_t opened, uint16_t source,
               int64_t due_ms);
/* It does not wait any more. */
void life_forgo(struct engine *e, struct profile *p, uint16_t rule, uint64_t opened);
void life_forgo_all(struct engine *e, struct profile *p);
size_t life_n_waiting(const struct profile *p);
/* The earliest deadline that is held; INT64_MAX: none. It must stay in memory while there is one.
 */
int64_t life_waits_since_ms(const struct profile *p);

/* As a text: a line per source, of its name, when it showed life last (ms since 1970), and "alive"
 * or "silent". */
void life_pack(const struct engine *e, struct buf *out);
/* False: the bytes make no sense. */
must_check bool life_unpack(struct engine *e, struct str packed);
