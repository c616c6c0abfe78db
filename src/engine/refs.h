/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The events that a stakeholder's state rests on: the latest behind each selector, the ledger, the
 * person, their preferences and each group of derived values (the places), and the latest that
 * counted for any metric (the evidence). Each event is kept once, however many places it stands
 * behind, and forgotten with the last of them.
 *
 * All are in one allocation, one behind the other as wire.h writes them, the evidence first, newest
 * first. A place holds the number of its event, from 1 on; 0: none yet.
 */
#include "engine/wire.h"

struct event;
struct model;
struct profile;

/* More than any model has. */
#define REFS_PLACES_MAX 4096

struct event_ref {
    int64_t time_ms;
    int64_t offset;
    struct str id, source; /* views, as is `counted`: good until the stakeholder's next event */
    struct str counted;    /* bytes; see evidence.c; empty: it is no evidence */
    uint16_t rank;         /* of several at one instant: the order in which they were applied */
};

struct refs {
    uint32_t n_bytes, cap; /* of `bytes` */
    uint32_t n_source;     /* the first of them: the source of those that name none */
    uint16_t n;            /* events */
    uint16_t n_evidence;   /* the first of them */
    unsigned char bytes[];
};

struct refs *refs_free(struct refs *r);  /* accepts NULL; returns NULL */
size_t refs_bytes(const struct refs *r); /* with what the allocation takes; 0 of NULL */

/* How many; and one of them, from 0 on. */
static inline size_t refs_n(const struct refs *r)
{
    return r ? r->n : 0;
}

static inline size_t refs_n_evidence(const struct refs *r)
{
    return r ? r->n_evidence : 0;
}

struct event_ref refs_get(const struct refs *r, size_t i);
/* The same, its texts appended to `texts`: good whatever becomes of the refs. */
struct event_ref refs_copy(const struct refs *r, size_t i, struct buf *texts);
/* The event behind a place; false: there is none. */
bool refs_behind(const struct profile *p, size_t place, struct event_ref *ret_ref);

/* An event that is to be applied to `p`: it ranks behind what was applied already. It counted for
 * nothing yet. */
struct event_ref refs_new(const struct profile *p, const struct model *m,
                          const struct event *event);
/* It will stand behind the place, from refs_note() on, which must follow. */
void refs_set(struct profile *p, size_t place);
/* The same for each kept group of the bits. True: for any. */
bool refs_set_groups(struct profile *p, const struct model *m, unsigned groups);
/* Takes in the event for which places were set, if any were. It is evidence where it counted and is
 * among the latest; what has no place any more is forgotten. */
void refs_note(struct profile *p, const struct model *m, const struct event_ref *ref);

/* One by one; places keep their events. Evidence is counted by who adds to it. */
void refs_insert(struct profile *p, const struct model *m, size_t i, const struct event_ref *ref);
void refs_remove(struct profile *p, const struct model *m, size_t i);
/* Where in the evidence an event of that time belongs. */
size_t refs_evidence_place(const struct refs *r, int64_t time_ms);
/* Forgets what is no evidence and stands behind nothing. */
void refs_sweep(struct profile *p, const struct model *m);
