/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The copier's decisions: what to do next, as a pure state machine. It knows no Kafka, no Redis and
 * no clock, and does not log. The copier (copier.h) carries them out: it copies the records of
 * source topics, mapped and keyed by stakeholder, into one topic of our own.
 *
 * The copier has no state but the group's committed offsets M, which move in the transaction that
 * makes the copies visible. So whatever goes wrong is dealt with in one way: what is in memory is
 * dropped, M is read (stable: no transaction is open or ending) and copying goes on there.
 *
 *     assigned -> CLAIMING (who had it before us? that transaction is aborted)
 *              -> READING  (M of each partition; where there is none, the beginning of its log)
 *              -> COPYING  (batches of copies and offsets) -> a batch fails -> READING
 *     revoked  -> the batch under way ends -> released;   lost -> nothing of it matters any more
 *
 * How it is used: tell what happened, then call repartition_step() with the time, then take the
 * actions with repartition_next() until there is none. Where an action has a ticket, its answer
 * comes later, once; answers that do not matter any more are told by their ticket.
 */
#include "base/err.h"
#include "base/str.h"

#define REPARTITION_NONE   (-1)
#define REPARTITION_ID_MAX 128

struct repartition_opts {
    bool is_exactly_once; /* false: plain commits follow what is delivered */
    size_t max_records;   /* of a batch that is being filled; beyond it input is paused ... */
    size_t max_bytes;     /* ... likewise */
    int64_t spacing_ms;   /* from one batch to the next */
    int64_t offsets_ms;   /* offsets without records, when there are none to copy */
    int64_t leftover_ms;  /* M unstable for that long: abort the predecessors' transactions again */
    int64_t ending_ms;    /* what a revocation or a drain leaves to the batch under way */
    int64_t retry_ms;     /* first wait after a failure; doubles ... */
    int64_t retry_max_ms; /* ... up to this */
    char transactional_id[REPARTITION_ID_MAX]; /* ours; never asked to be aborted */
};

/* Shipped defaults; transactional_id is the caller's to set. */
#define REPARTITION_OPTS_INIT                                                                      \
    {                                                                                              \
        .is_exactly_once = true, .max_records = 10000, .max_bytes = 4 << 20, .spacing_ms = 25,     \
        .offsets_ms = 1000, .leftover_ms = 1000, .ending_ms = 1000, .retry_ms = 50,                \
        .retry_max_ms = 2000                                                                       \
    }

enum repartition_action_kind {
    /* Say that all partitions are ours, and ask whose they were: repartition_claimed(). */
    REPARTITION_CLAIM,
    /* Remember, where claims are, that `part` has an M: its absence means loss from now on. */
    REPARTITION_MARK,
    REPARTITION_ABORT_LEFTOVER, /* of the transactional id `id`; no answer needed */
    REPARTITION_READ,           /* M of all partitions, stable: repartition_committed() */
    REPARTITION_LOW,            /* where the log of `part` begins: repartition_low() */
    REPARTITION_GO,             /* fetch `part` from `offset` on, and nothing older; `is_first`: it
                                   is not being fetched yet */
    REPARTITION_SUBMIT,         /* hand over the batch that was filled, with repartition_offset() of
                                   each partition and live group metadata: repartition_outcome() */
    REPARTITION_CANCEL,         /* the batch under way is to end early; its outcome still comes */
    REPARTITION_COMMIT,         /* at least once: commit repartition_offset() of each partition:
                                   repartition_offsets_done() */
    REPARTITION_DROP,           /* the batch that is being filled is void */
    REPARTITION_PAUSE,          /* all partitions: deliver nothing */
    REPARTITION_RESUME,
    REPARTITION_RELEASE, /* take back the claims, give back all partitions */
    REPARTITION_DRAINED, /* take back the claims; what repartition_drain() asked for is done */
    REPARTITION_STOP,    /* `part` is given up until an operator acts; `text` is for them */
};

struct repartition_action {
    enum repartition_action_kind kind;
    size_t part; /* as repartition_assigned() counted */
    uint64_t ticket;
    int64_t offset;
    bool is_first;
    const char *text; /* a literal */
    char id[REPARTITION_ID_MAX];
};

enum repartition_part_state {
    REPARTITION_WAITING, /* M is to be read */
    REPARTITION_LOWEST,  /* there is none: the beginning is asked for */
    REPARTITION_KNOWN,   /* where to go on is known; waits for the others */
    REPARTITION_RUNNING,
    REPARTITION_STOPPED,
};

/* One source partition. Fields are for reading. */
struct repartition_part {
    enum repartition_part_state state;
    bool is_started;   /* GO was given once */
    bool is_marked;    /* it is remembered that it has had an M */
    int64_t next;      /* the next record to take */
    int64_t sent;      /* as it was when the batch under way was handed over */
    int64_t committed; /* M, or REPARTITION_NONE */
    bool is_at_end;    /* read to its end, as of `next` */
    uint64_t low_ticket;
    char predecessor[REPARTITION_ID_MAX]; /* "": nobody, or one that ended in order */
};

enum repartition_phase {
    REPARTITION_UNASSIGNED,
    REPARTITION_CLAIMING,
    REPARTITION_READING,
    REPARTITION_COPYING,
};

enum repartition_flight {
    REPARTITION_FLIGHT_NONE,
    REPARTITION_FLIGHT_SENT,
    REPARTITION_FLIGHT_OFFSETS, /* at least once: delivered; its offsets are being committed */
};

struct repartition_stats {
    uint64_t n_records; /* copied and committed (or delivered), dead letters included */
    uint64_t n_committed, n_failed;
    uint64_t n_takeovers;  /* assignments that came to copy */
    uint64_t n_recoveries; /* times that M was read again, since a batch failed */
    uint64_t n_leftovers;
    uint64_t n_stopped;
};

struct repartition {
    struct repartition_opts opts;
    struct repartition_part *parts; /* owned */
    size_t n_parts, cap_parts;
    enum repartition_phase phase;
    bool is_claim_known; /* what the claim's answer said is known */
    bool is_recovery;    /* READING after a batch that failed, not after an assignment */
    bool is_paused;
    bool is_draining, is_drained;
    bool is_revoked; /* the group waits for RELEASE */
    bool is_cancelled;
    int64_t ending_until_ms;

    int64_t now_ms, due_ms;
    uint64_t next_ticket;
    uint64_t ticket; /* of the CLAIM or READ under way, or 0 */
    int64_t ask_at_ms, wait_ms;
    int64_t unstable_since_ms; /* REPARTITION_NONE: it is not */

    enum repartition_flight flight;
    bool is_flight_void; /* of partitions that are not ours any more */
    uint64_t flight_ticket;
    size_t flight_records, flight_bytes;
    size_t n_records, n_bytes; /* of the batch that is being filled */
    int64_t submit_at_ms, offsets_at_ms;

    struct repartition_action *actions; /* owned; those from first_action on are to be taken */
    size_t first_action, n_actions, cap_actions;
    struct repartition_stats stats;
};

void repartition_init(struct repartition *r, const struct repartition_opts *opts);
void repartition_deinit(struct repartition *r);

/* Decides. Time is monotonic. */
void repartition_step(struct repartition *r, int64_t now_ms);
/* The next action to carry out; false: none. */
bool repartition_next(struct repartition *r, struct repartition_action *ret_action);
/* When to step again at the latest; INT64_MAX: not for time's sake. */
int64_t repartition_due(const struct repartition *r);

/* ---- membership ---- */

/* The whole new assignment: partitions 0 to n - 1, in the caller's order. */
void repartition_assigned(struct repartition *r, size_t n);
/* All are to be given back: RELEASE follows. */
void repartition_revoked(struct repartition *r);
/* All are gone already. */
void repartition_lost(struct repartition *r);
/* To end in order: DRAINED follows. What is not handed over yet is left to the successor. */
void repartition_drain(struct repartition *r);

/* ---- answers ---- */

struct repartition_claim {
    struct str predecessor; /* transactional id; empty: nobody, or one that ended in order */
    bool is_marked;
};

/* One per partition; NULL: it is not known what became of the claim. */
void repartition_claimed(struct repartition *r, uint64_t ticket,
                         const struct repartition_claim *claims);

enum repartition_read_status {
    REPARTITION_READ_OK,
    REPARTITION_READ_NONE,     /* certain */
    REPARTITION_READ_UNSTABLE, /* a transaction is pending */
    REPARTITION_READ_FAILED,
};

struct repartition_read {
    enum repartition_read_status status;
    int64_t offset;
};

/* One per partition. */
void repartition_committed(struct repartition *r, uint64_t ticket,
                           const struct repartition_read *reads);
/* REPARTITION_NONE: not known. */
void repartition_low(struct repartition *r, size_t part, uint64_t ticket, int64_t low);

enum repartition_outcome {
    REPARTITION_COMMITTED,
    REPARTITION_NOT_SENT, /* no live metadata, no producer: the batch is still there */
    REPARTITION_FAILED,   /* aborted, fenced, refused or uncertain: M tells */
};

void repartition_outcome(struct repartition *r, uint64_t ticket, enum repartition_outcome outcome);
void repartition_offsets_done(struct repartition *r, uint64_t ticket, bool is_ok);

/* ---- records ---- */

/* False: the record is not to be copied (now): drop it. */
must_check bool repartition_takes(const struct repartition *r, size_t part, int64_t offset);
/* The record is in the batch, as so many copies. */
void repartition_took(struct repartition *r, size_t part, int64_t offset, size_t n_records,
                      size_t n_bytes);
/* The partition was read to its end. */
void repartition_at_end(struct repartition *r, size_t part, int64_t next_offset);
/* The log does not have the offset that was asked for: STOP. */
void repartition_outside(struct repartition *r, size_t part);

/* What is to be committed of the partition with the batch; REPARTITION_NONE: nothing new. */
int64_t repartition_offset(const struct repartition *r, size_t part);
/* All partitions of ours, if any, are being copied. */
bool repartition_is_at_ease(const struct repartition *r);
