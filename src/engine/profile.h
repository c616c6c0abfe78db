/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One stakeholder's state: plain data, one allocation for what every stakeholder has, sized by the
 * model, and a few owned arrays for what grows. Who may change it when is the engine's business.
 */
#include "base/heap.h"
#include "base/hmap.h"
#include "base/list.h"
#include "engine/dedup.h"
#include "engine/due.h"
#include "engine/follow.h"
#include "engine/graves.h"
#include "engine/journal.h"
#include "engine/ledger.h"
#include "engine/model_impl.h"
#include "engine/relation.h"
#include "engine/preference.h"
#include "engine/refs.h"
#include "engine/series.h"
#include "engine/standing.h"

/* What happens at one instant, in this order. */
enum phase { PHASE_DECAY, PHASE_EVENT, PHASE_DEADLINE };

/* An event that waits for the clock (time.lateness). */
struct held_event {
    int64_t time_ms;
    int64_t offset;
    struct str sequence; /* view into `bytes` */
    struct str bytes;    /* owned; as event_pack() wrote it */
};

struct profile {
    struct hmap_node node;
    struct list lru;
    struct list change; /* in the engine's dirty, frozen or gone list */
    struct heap_node wake;
    uint32_t cut;     /* the last cut it was part of */
    int64_t wake_ms;  /* the earliest of all that time will do; INT64_MAX: nothing */
    uint32_t n_bytes; /* as last counted */
    uint32_t id_len;
    uint8_t wake_phase;
    bool is_stage_muted : 1; /* nobody was told of its stage */
    bool is_gone : 1;        /* forgotten: here only until that is stored */
    bool is_reported : 1;    /* the cut has said that it is gone */
    bool is_frozen : 1;      /* in the cut that is being read, unchanged since */
    uint16_t stage;          /* 1 + the rule of its stage; 0: none */
    /* Where in this allocation's tail the rest is, in words of `slots`. */
    uint16_t due_at, series_at, keeps_at, places_at;
    uint16_t n_places;     /* behind them is the id */
    int64_t ref_ms;        /* slots are as of this instant; INT64_MIN: no event yet */
    int64_t stored_offset; /* the restored state holds all records up to this one; -1: none */

    char *kind, *account; /* owned; NULL: not known */
    int64_t forget_ms;    /* when to ask whether to forget it; never too late */
    int64_t stage_since_ms;
    struct standings standings;
    struct waiting *waiting; /* owned; for sources, see life.h */
    struct follow *follow;   /* owned; NULL: nothing is followed */
    struct refs *refs;       /* owned; NULL: none */
    struct graves *graves;   /* owned; NULL: none */
    struct journal *journal; /* owned; NULL: nothing can be retracted */
    struct ledger ledger;
    struct relation *relation;     /* owned; NULL: nothing to derive values from */
    struct dedup *dedup;           /* owned; NULL: nothing is remembered */
    struct preference *preference; /* owned; NULL: none stated */
    struct held_event *held;       /* owned; in the order in which they will be applied */
    uint32_t n_held, cap_held;
    double slots[]; /* model->n_slots */
};

/* model->n_due */
static inline struct due *profile_due(const struct profile *p)
{
    return (struct due *)(void *)(uintptr_t)(p->slots + p->due_at);
}

/* model->n_series */
static inline struct series *profile_series(const struct profile *p)
{
    return (struct series *)(void *)(uintptr_t)(p->slots + p->series_at);
}

/* model->n_keeps */
static inline struct keep *profile_keeps(const struct profile *p)
{
    return (struct keep *)(void *)(uintptr_t)(p->slots + p->keeps_at);
}

/* profile_n_refs(), see refs.h */
static inline uint16_t *profile_places(const struct profile *p)
{
    return (uint16_t *)(void *)(uintptr_t)(p->slots + p->places_at);
}

/* A view. */
static inline struct str profile_id(const struct profile *p)
{
    return (struct str){(const char *)(profile_places(p) + p->n_places), p->id_len};
}

struct profile *profile_new(const struct model *m, struct str id);
struct profile *profile_free(struct profile *p, const struct model *m);
/* What its allocations take. */
size_t profile_bytes(const struct profile *p, const struct model *m);

/* Whether anything is known of it: not of one that is gone, nor of one that was looked for only. */
static inline bool profile_is_somebody(const struct profile *p)
{
    return !p->is_gone && (p->ref_ms != INT64_MIN || p->dedup || p->n_held);
}

/* Whether it is to be shown: not one of whom nothing has counted yet. */
static inline bool profile_is_known(const struct profile *p)
{
    return !p->is_gone && (p->ref_ms != INT64_MIN || p->n_held);
}

/* Places of refs.h. The one that stands for the ledger. */
static inline size_t profile_ledger_ref(const struct model *m)
{
    return m->n_selectors;
}

/* The one behind who they are, and the one behind what they prefer. */
static inline size_t profile_person_ref(const struct model *m)
{
    return m->n_selectors + 1;
}

static inline size_t profile_preference_ref(const struct model *m)
{
    return m->n_selectors + 2;
}

/* The one behind a group of derived values, which must be kept. */
static inline size_t profile_derived_ref(const struct model *m, enum derived_group group)
{
    return m->ref_of_group[group];
}

/* One per selector, and those. */
static inline size_t profile_n_refs(const struct model *m)
{
    return m->n_refs;
}

void profile_hold(struct profile *p, const struct event *event);
/* Copies of `from`'s, as events of `p`; returns how many. */
uint32_t profile_adopt_held(struct profile *p, const struct profile *from);
/* Takes the first one out; the caller frees `bytes.ptr`. */
struct held_event profile_take_held(struct profile *p);

/* Everything but id, wake-up and membership. `as_of_offset`: the last record it holds. */
void profile_pack(const struct profile *p, const struct model *m, int64_t as_of_ms,
                  int64_t as_of_offset, struct buf *out);
/* Into a new profile. Metrics and rules that the model does not know by definition or name are left
 * out. False: the bytes make no sense. *ret_as_of_ms is when its conditions were last decided. */
must_check bool profile_unpack(struct profile *p, const struct model *m, struct str packed,
                               int64_t *ret_as_of_ms);
