/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The engine's inside, shared by its own files only. */
#include "engaged/engine.h"
#include "engine/profile.h"

/* How often a rule has fired within a period. */
struct flood {
    int64_t period;
    uint32_t n;
    int64_t said_period; /* the last one that it was known in that there is a flood */
    bool is_said;
};

/* What the rules have read, each variable once per event. */
struct reading {
    uint64_t stamp; /* of when it was read */
    double number;
    bool is_there;
};

struct readings {
    uint64_t stamp; /* those of another are out of date */
    int64_t now_ms; /* when they were read */
    struct reading items[];
};

struct engine {
    const struct model *model; /* borrowed */
    struct str topic;          /* owned */
    int32_t partition;
    bool is_complete;
    engine_trigger_fn on_trigger;
    void *ctx;
    uint64_t seed;

    int64_t clock_ms;
    int64_t offset; /* of the record that is being processed */
    struct hmap profiles;
    struct heap wakes;
    struct list lru;     /* least recently used first */
    struct list dirty;   /* changed since the last cut */
    struct list frozen;  /* in the cut, not yet read, not changed since */
    struct list gone;    /* forgotten, and the cut has said so */
    struct list graves;  /* struct graves */
    struct hmap ahead;   /* struct ahead; see ahead.h */
    int64_t ahead_until; /* the last record that any of them holds */
    size_t n_dirty;
    struct hmap conversations; /* struct conversation; `answered_by: conversation` only */
    struct engine_stats stats;
    struct rule_stats *rule_stats; /* owned; per rule */
    struct flood *floods;          /* owned; per rule */
    struct life *lives;            /* owned; per declared source */

    uint32_t cut; /* number of the last cut; 0: none yet */
    bool is_cutting;
    int64_t cut_offset, cut_clock_ms;
    struct buf cut_entries;          /* packed ahead of being changed; see checkpoint.c */
    size_t cut_read;                 /* bytes of them handed out */
    struct buf entry;                /* the entry handed out last */
    struct checkpoint_field *fields; /* owned scratch */
    size_t cap_fields;

    struct engine *shadow; /* owned; NULL: nothing was retracted yet; see retraction.h */
    bool is_shadow;        /* of another engine: recomputes one stakeholder, tells nobody */
    struct str absent;     /* who must be loaded; a view into the event */
    struct buf spared[ENGINE_CONCERNED_MAX]; /* ids; see engine_spare() */
    size_t n_spared;

    char last_id[DIGEST_HEX + 1];              /* of the last trigger */
    struct buf reason, counterfactual, action; /* scratch of emit.c */
    struct buf counted;                        /* scratch: what an event was counted as */
    struct readings *readings;                 /* owned scratch: one per variable */
    struct named_value *values;                /* owned scratch: one per variable */
    struct contribution *contributions;        /* owned scratch, likewise */
    struct contributing_event *listed;         /* owned scratch, evidence_events per variable */
};

/* ---- engine.c ---- */

struct profile *engine_find(const struct engine *e, struct str id);
/* The record's event is taken in: its source is alive, and time passes up to it. */
void engine_begin(struct engine *e, const struct event *event);
/* To be called before any change of `p`. */
void engine_touch(struct engine *e, struct profile *p);
/* To be called after: its next wake-up, its bytes, its place in the line of the least used. */
void engine_settle(struct engine *e, struct profile *p);
/* When somebody whose last event was then is to be forgotten; INT64_MAX: never. */
int64_t engine_forget_at(const struct engine *e, int64_t last_ms);
void engine_add_profile(struct engine *e, struct profile *p);
void engine_drop_profile(struct engine *e, struct profile *p);
/* It is the caller's, to read and to free. */
void engine_detach_profile(struct engine *e, struct profile *p);
/* After it was unpacked: when to look at it again, having last been decided at `as_of_ms`. */
void engine_resume(struct engine *e, struct profile *p, int64_t as_of_ms);
/* Nothing is left of it but its name, until a cut has said so, and its graves. To be touched
 * before; what is returned is in its place. */
struct profile *engine_bury(struct engine *e, struct profile *p);
/* It has graves that it had not. */
void engine_watch_graves(struct engine *e, struct profile *p);
uint64_t engine_event_hash(struct str source, struct str id);
/* An event of that hash has been seen. */
void engine_remember(struct engine *e, struct profile *p, uint64_t hash, int64_t time_ms);
/* One that is no duplicate: applied, or held for the clock. */
void engine_take(struct engine *e, struct profile *p, const struct event *event, uint64_t hash);
/* The clock goes forward: what is due is done. */
void engine_advance(struct engine *e, int64_t clock_ms);
/* What is due by the clock, after something late. */
void engine_run(struct engine *e);
/* The index of conversations. */
void engine_index(struct engine *e, struct obligation *o);
void engine_unindex(struct engine *e, struct obligation *o);

/* ---- score.c: metrics ---- */

/* A stakeholder at an instant, as CEL reads it. The instant is not before profile->ref_ms. */
struct moment {
    const struct engine *engine;
    const struct profile *profile;
    int64_t now_ms;
};

/* What the event's `where`s select is added; returns the selectors that counted it, as
 * model_change_of() bits. The ref, which then says as what, is set behind them: refs_note() must
 * follow. Slots are brought to the event's time if it is later.
 */
uint64_t score_apply(struct engine *e, struct profile *p, const struct event *event,
                     struct event_ref *ref);
/* Whether a `where` of that form holds for the event. */
bool score_where(const struct model *m, const struct cel_logic_node *where,
                 const struct event *event);
/* 2^(-elapsed / half-life); 1 where the half-life is 0: it never decays. */
double score_decay(int64_t half_life_ms, int64_t elapsed_ms);
/* Sums are as of `time_ms` from here on, if that is later: after an event that is no interaction.
 * True: one of them has all but faded, so that what is made of it may be another. */
bool score_bring_forward(struct engine *e, struct profile *p, int64_t time_ms);
bool score_get(void *ctx, unsigned var, struct cel_value *ret_value); /* ctx: struct moment */
/* The same variable while the clock moves from `moment.now_ms` to `until_ms`. */
struct span {
    struct moment moment;
    int64_t until_ms;
};
void score_range(void *ctx, unsigned var, struct cel_range *ret_range); /* ctx: struct span */
/* What a windowed metric says of a total; false: nothing. */
bool score_total(const struct metric *metric, struct series_total total,
                 struct cel_value *ret_value);
/* The `owed` rules whose `where` holds for the event, as bits. */
uint64_t score_owed(struct engine *e, const struct event *event);
struct value score_value(const struct moment *moment, unsigned var);

/* ---- rules.c ---- */

/* An obligation that an event has brought further. */
struct advance {
    struct obligation *obligation;
    enum depth from, to;
    bool is_closed; /* no longer in the ledger */
};

/* What has just happened to a stakeholder. */
struct happening {
    struct profile *profile;
    int64_t now_ms;
    const struct event *event;      /* NULL: time alone */
    uint64_t changed;               /* MODEL_CHANGE_x, model_change_of() */
    const struct advance *advances; /* by the event */
    size_t n_advances;
    int64_t answered_ms; /* when they were made */
};

/* Every rule in order: clears what the event closed, moves conditions, sets when to look again. */
void rules_after_event(struct engine *e, const struct happening *h);
/* What is due at `now_ms` in that phase. */
void rules_on_time(struct engine *e, struct profile *p, int64_t now_ms, enum phase phase);
/* A source has shown life that one rule of a stakeholder waited for, since `due_ms`. */
void rules_retry(struct engine *e, struct profile *p, uint16_t rule, uint64_t opened,
                 int64_t due_ms);
/* When to look again, for a profile that was just restored and was last decided at `as_of_ms`. */
void rules_resume(struct engine *e, struct profile *p, int64_t as_of_ms);
/* The earliest deadline or flip of all rules; INT64_MAX: none. */
void rules_next(const struct profile *p, int64_t *ret_ms, enum phase *ret_phase);

/* ---- emit.c ---- */

struct emission {
    const struct profile *profile;
    const struct rule *rule;
    enum edge edge;
    int64_t time_ms;  /* from which the edge holds */
    int64_t since_ms; /* of the condition, where `for` or a cooldown delayed it; else time_ms */
    const struct event *event;           /* the cause; NULL: the last event that contributed */
    const struct obligation *obligation; /* of `owed` rules */
    int64_t answered_ms;                 /* INT64_MAX: not */
    uint32_t escalation;                 /* how often it was emitted before */
    uint16_t other_stage; /* of a stage: 1 + the one that was left or reached instead; 0: none */
};
/* Returns the trigger's id, which is good until the next one. */
const char *emit_trigger(struct engine *e, const struct emission *emission);
/* The rule fires for too many at once: says so, once per flood. */
void emit_flood(struct engine *e, const struct rule *rule, int64_t now_ms);
struct obligation_view emit_view_of(const struct obligation *o);

/* A source has been silent for longer than its heartbeat, or shows life again (`event`). */
void emit_source(struct engine *e, const struct source_spec *source, enum edge edge, int64_t now_ms,
                 const struct event *event);
/* ---- contribution.c ---- */

/* What the values of those metrics that the rule reads are made of, at that moment; good until the
 * next trigger. Returns how many. */
size_t contribution_list(struct engine *e, const struct moment *at, const struct rule *rule,
                         const struct named_value *values);

/* ---- checkpoint.c ---- */

/* `p` is about to change and belongs to the cut: its state is packed now. */
void checkpoint_save(struct engine *e, struct profile *p);
