/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The engine of one input partition: all that DESIGN calls a pure function. Events and ticks go in,
 * in log order; triggers come out by callback, in the order in which they are due. No I/O, no clock
 * of its own, no logging.
 *
 *     engine_apply(e, &event)     0, or ENGINE_E_ABSENT: a stakeholder's state is elsewhere; load
 *                                 it, engine_restore() it, apply the same event again
 *     engine_tick(e, time, off)   time passes, nothing else
 *     engine_cut / _cut_next / _cut_done
 *                                 what changed since the last cut, as of the cut, while the engine
 *                                 goes on (a checkpoint)
 *     engine_evict                forget what is stored elsewhere, least recently used first
 *
 * The clock is the highest (time - lateness) seen; it never runs back. Before an event is applied
 * everything that time alone decides up to then has been decided: decay and windows up to and at
 * that instant, then the events of that instant, then deadlines, due once the clock is past them.
 */
#include "engaged/event.h"
#include "engaged/model.h"
#include "engaged/trigger.h"

struct engine;

/* Called in the order (due, stakeholder, rule) while an event or tick is applied. */
typedef void (*engine_trigger_fn)(void *ctx, const struct trigger *trigger);

struct engine_opts {
    struct str topic; /* copied; empty outside Kafka */
    int32_t partition;
    /* Nobody's state is elsewhere: an unknown stakeholder is a new one. Holds until the first
     * eviction. */
    bool is_complete;
    engine_trigger_fn on_trigger;
    void *ctx;
};

struct engine_stats {
    uint64_t n_applied;    /* interactions taken into account */
    uint64_t n_duplicates; /* known by source and id: changed nothing */
    uint64_t
        n_late; /* behind the clock by more than the lateness; applied to metrics and answers */
    uint64_t n_skipped; /* records that the restored state held already */
    uint64_t n_ignored; /* valid events of types that change no state */
    uint64_t n_wakeups;
    uint64_t n_eval_errors;         /* overflow, division by zero: the event did not count */
    uint64_t n_other_measures;      /* of a dimension that is not declared: they did not count */
    uint64_t n_obligations_refused; /* a stakeholder has too many open ones */
    uint64_t n_fired;               /* escalations included */
    uint64_t n_cleared;
    uint64_t n_escalated;
    uint64_t n_obstacles[N_OBSTACLES]; /* triggers held back, by what first did */
    uint64_t n_muted;                  /* edges before the end of the backfill */
    uint64_t n_forgotten;
    uint64_t n_retracted;           /* events */
    uint64_t n_retractions_missed;  /* of events that are too old, or not known (yet) */
    uint64_t n_retractions_ignored; /* nothing can be retracted: model_spec.retraction_ms is 0 */
    uint64_t n_journals_cut;        /* a stakeholder has too many events for the whole horizon */
    uint64_t n_merged, n_erased;    /* stakeholders, by identity events */
    uint64_t n_profiles;            /* in memory */
    uint64_t n_bytes;               /* of them */
    uint64_t n_held;                /* events waiting for the clock */
    uint64_t n_evicted;
    uint64_t n_restored;
};

#define ENGINE_E_ABSENT    1
#define ENGINE_E_DUPLICATE 2
#define ENGINE_E_CORRUPT   3

/* Borrows the model for its life. */
struct engine *engine_new(const struct model *model, const struct engine_opts *opts);
struct engine *engine_free(struct engine *e);

/* ENGINE_E_ABSENT: nothing has changed, not even the clock. ENGINE_E_DUPLICATE: only the clock may
 * have. An event without a subject, or of a type that changes no state, moves the clock only. */
must_check int engine_apply(struct engine *e, const struct event *event);
void engine_tick(struct engine *e, int64_t time_ms, int64_t offset);
/* The end of a finite input: decides everything up to and including `until_ms`, deadlines due then
 * included, whatever the lateness. */
void engine_finish(struct engine *e, int64_t until_ms);

/* INT64_MIN before the first event. */
int64_t engine_clock_ms(const struct engine *e);
void engine_set_clock(struct engine *e, int64_t clock_ms); /* on restore; only forward */
/* On restore: of the last record that all of what is stored holds; -1: none. */
void engine_set_offset(struct engine *e, int64_t offset);
/* The instant of the earliest thing that time alone will do to a stakeholder in memory, or
 * INT64_MAX. */
int64_t engine_next_wake_ms(const struct engine *e);
void engine_get_stats(const struct engine *e, struct engine_stats *ret_stats);

/* What became of a rule's triggers, by outcome events, since the engine was made. */
struct rule_stats {
    uint64_t n_fired;
    uint64_t n_acknowledged, n_acted, n_resolved, n_dismissed;
    uint64_t time_to_act_ms; /* from fired to the first outcome beyond `acknowledged`, summed */
};
/* Adds to *stats; `rule` as model_rule_name() of the engine's model counts. */
void engine_add_rule_stats(const struct engine *e, size_t rule, struct rule_stats *stats);
const struct model *engine_model(const struct engine *e);

/* ---- where a stakeholder's state is ---- */

#define ENGINE_CONCERNED_MAX 2
/* Whose state the event reads or changes, and must be in memory: returns how many. 0: it moves the
 * clock only. A merge that names nobody else to become concerns nobody. */
size_t engine_concerned(const struct event *event, struct str ret_ids[ENGINE_CONCERNED_MAX]);
/* After ENGINE_E_ABSENT: who is to be loaded; a view into the event. */
struct str engine_absent_id(const struct engine *e);
bool engine_has(const struct engine *e, struct str id);
/* Likewise; if it is there, it becomes the last that engine_evict() takes. */
bool engine_keep(struct engine *e, struct str id);
/* True while an unknown stakeholder is a new one. */
bool engine_is_complete(const struct engine *e);
/* `packed` as a checkpoint_entry had it; empty: nothing is stored, the stakeholder is new. Does
 * nothing if it is in memory already. ENGINE_E_CORRUPT: the bytes make no sense. */
must_check int engine_restore(struct engine *e, struct str id, struct str packed);
/* From now on engine_evict() leaves these where they are, and these only: those that the next event
 * needs together. At most ENGINE_CONCERNED_MAX; `ids` are copied. */
void engine_spare(struct engine *e, const struct str *ids, size_t n);
/* Drops stakeholders that are stored and wake after `horizon_ms`, least recently used first, until
 * at most `target_bytes` are used. Returns how many. */
size_t engine_evict(struct engine *e, uint64_t target_bytes, int64_t horizon_ms);

/* ---- what a partition knows beside its stakeholders: which sources have shown life when ---- */

/* To be stored with a cut, as of now; empty where no source is declared. */
void engine_life_pack(const struct engine *e, struct buf *out);
/* Before the first record. ENGINE_E_CORRUPT: the bytes make no sense; nothing is known then. */
must_check int engine_life_restore(struct engine *e, struct str packed);

/* ---- checkpoint ---- */

struct checkpoint_field {
    struct str name;
    struct str text;
};

struct checkpoint_entry {
    struct str id;
    struct str packed;     /* for engine_restore(); empty: gone, nothing is to stay stored */
    int64_t wake_ms;       /* must be in memory before the clock passes this; INT64_MAX: never */
    int64_t owed_since_ms; /* of the oldest answer that we owe; INT64_MAX: none */
    const struct checkpoint_field *fields; /* the public view, by name */
    size_t n_fields;
};

/* Freezes what changed since the last cut, as it is now, after the record at `offset`. Returns the
 * number of stakeholders. No cut may be under way. */
size_t engine_cut(struct engine *e, int64_t offset);
/* The next of them; views are good until the next call of anything. False at the end. */
bool engine_cut_next(struct engine *e, struct checkpoint_entry *ret_entry);
/* All of them are stored: they may be evicted from now on. */
void engine_cut_done(struct engine *e);
/* Changed since the last cut. */
size_t engine_n_dirty(const struct engine *e);

/* ---- reading ---- */

struct stakeholder_view {
    struct str subject;
    int64_t as_of_ms;
    struct str stage, kind, account;
    const struct named_value *metrics; /* the declared ones, in declared order */
    size_t n_metrics;
    const struct named_value *derived; /* of the groups that are kept */
    size_t n_derived;
    const struct obligation_view *obligations; /* open ones, oldest first */
    size_t n_obligations;
    int64_t stage_since_ms;       /* where there is a stage */
    const struct held_view *held; /* triggers held back, by rule */
    size_t n_held;
};

typedef void (*engine_view_fn)(void *ctx, const struct stakeholder_view *view);
/* Everybody in memory, by id in byte order, as of the clock. */
void engine_each(struct engine *e, engine_view_fn fn, void *ctx);

/* ---- a new model ---- */

/* From here on another model rules. State is kept by metric and rule name; a metric whose
 * definition changed starts anew. The new model must outlive the engine. No cut may be under way.
 */
void engine_reconfigure(struct engine *e, const struct model *model);
