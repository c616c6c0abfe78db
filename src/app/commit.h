/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Exactly once: the protocol between Kafka, Redis and the engine as a pure state machine. It knows
 * no Kafka, no Redis and no clock, and does not log. One struct commit per process: one member of
 * the consumer group, one producer, one Redis.
 *
 * The rule that everything follows from: the Kafka transaction is the only commit point. Redis is a
 * lagging checkpoint that never contains an output that is not published. Recovery replays the gap,
 * with the outputs that are out already suppressed.
 *
 *   M   the group's committed offset: every output of records below M is out, and of the record
 *       at M the first k (k is in the metadata of the committed offset)
 *   N   the offset in Redis: the state there is that of all records below N
 *   A   applied: the next record to be applied by the engine
 *
 * How it is used: the daemon tells what happened (the commit_x functions; they only take note),
 * then calls commit_step() with the time, then takes the actions with commit_next() until there is
 * none, and carries each out before it applies a further record. commit_due() says when to step
 * without an occasion. Where an action is a request, its answer comes later, exactly once, with the
 * action's ticket; answers to requests that no longer matter are told by their ticket and ignored.
 * Time-outs of requests are the adapters' and come as the answer UNKNOWN.
 *
 * The working of one turn of the loop:
 *
 *     for each record:  if (commit_begin(c, p, offset)) {
 *                           for each output:  if (commit_wants(c, p))
 *                                                 commit_output(c, p, &record);
 *                           commit_applied(c, p);
 *                       }
 *     commit_step(c, uv_now(loop));
 *     while (commit_next(c, &action)) carry it out
 *
 * Records of a partition are begun and ended in log order, one at a time; a record may stay open
 * over several turns (waiting for cold state), its outputs so far may leave meanwhile.
 */
#include "app/outbox.h"

#define COMMIT_NONE      (-1) /* no such offset */
#define COMMIT_BEGINNING (-2) /* the beginning of the log, where it is not known */
/* Enough for any metadata of ours in a committed offset. */
#define COMMIT_METADATA_MAX 32
#define COMMIT_ID_MAX       128

/* Who may write a partition's state in Redis: taken by ACQUIRE, unique per acquisition. */
struct commit_fence {
    int64_t epoch;  /* rises with each acquisition; 0: nobody yet */
    uint64_t token; /* of the process, random; tells two that came to the same epoch after Redis
                       went back */
};

/* Which state Redis has: `seq` rises with each chunk written, `writer` wrote the last one. The two
 * together identify the state. */
struct commit_version {
    int64_t seq;
    struct commit_fence writer;
};

/* A place among the outputs: all of records below offset, and k of the record at it. */
struct commit_position {
    int64_t offset; /* or COMMIT_NONE */
    uint32_t k;
};

struct commit_opts {
    bool is_exactly_once;  /* false: at least once, with an idempotent producer */
    uint64_t token;        /* random, of this process */
    int64_t layout;        /* of the keys in Redis; another one there stops the partition */
    size_t max_outputs;    /* in one transaction */
    size_t max_bytes;      /* likewise */
    size_t outbox_bytes;   /* budget: beyond it input is paused, below half of it resumed */
    int64_t spacing_ms;    /* from one hand-over to the next */
    int64_t offsets_ms;    /* offset-only transactions, when there is nothing to publish */
    int64_t checkpoint_ms; /* from one cut of a partition to the next */
    int64_t leftover_ms;   /* offsets unstable for that long: abort the predecessor's transaction
                              again */
    int64_t leaving_ms;    /* how long a drain goes on applying records while it stores */
    int64_t ending_ms;     /* what a revocation or the rest of a drain may take */
    int64_t retry_ms;      /* first wait after a refused or unanswered request; doubles ... */
    int64_t retry_max_ms;  /* ... up to this */
    char transactional_id[COMMIT_ID_MAX]; /* ours; never asked to be aborted */
    char topic_id[COMMIT_ID_MAX];         /* of the input topic, "" if not known */
};

/* Shipped defaults; token and transactional_id are the caller's to set. */
#define COMMIT_OPTS_INIT                                                                           \
    {                                                                                              \
        .is_exactly_once = true, .layout = 1, .max_outputs = 10000, .max_bytes = 4 << 20,          \
        .outbox_bytes = 64 << 20, .spacing_ms = 25, .offsets_ms = 5000, .checkpoint_ms = 1000,     \
        .leftover_ms = 1000, .leaving_ms = 1000, .ending_ms = 3000, .retry_ms = 50,                \
        .retry_max_ms = 2000                                                                       \
    }

enum commit_action_kind {
    /* Redis, per partition. */
    COMMIT_ACQUIRE, /* run the acquire script with `epoch` as the least known one: commit_acquired()
                     */
    COMMIT_CUT,   /* freeze the changed state of the partition for a checkpoint, now, at `offset` */
    COMMIT_WRITE, /* send the chunks of the cut, from `first_chunk` (0-based) on, under `fence`; the
                     first expects the version {`seq`, `writer`} there, each further one a seq 1
                     higher, written under `fence`; the last sets `offset` and `committed`; answer
                     each in order with commit_chunk() */
    COMMIT_WRITTEN, /* the cut is in Redis: its chunks may be forgotten, its entries evicted */
    /* Kafka, consumer. */
    COMMIT_READ,           /* read M of the partition, stable: commit_committed() */
    COMMIT_ABORT_LEFTOVER, /* init and drop a producer with `transactional_id`; no answer needed */
    COMMIT_START,          /* assign: all partitions for which commit_starts_at() is not NONE */
    COMMIT_SEEK,  /* one partition: go on from `offset`, nothing older delivered any more */
    COMMIT_PAUSE, /* one partition: fetch nothing */
    COMMIT_RESUME,
    COMMIT_RELEASE, /* revocation is done: unassign all */
    COMMIT_DRAINED, /* what commit_drain() asked for is done: leave the group */
    COMMIT_OFFSETS, /* at least once: plain commit of c->plain: commit_offsets_done() */
    /* Kafka, producer. */
    COMMIT_HAND_OVER, /* take live group metadata now, publish outbox.flight (may be empty) and the
                         offsets of c->batch in one transaction: commit_outcome(). Without live
                         metadata: send nothing, answer ABORTED */
    /* The engine. */
    COMMIT_OPEN, /* make the partition's state anew, with clock and configuration of the last
                    acquire answer; applying starts at `offset`; `is_rebuild`: Redis had nothing;
                    `is_as_left`: instead, what KEEP had kept is to serve, which begins there */
    COMMIT_HELD, /* Redis was looked at again and has what we know of: loads that commit_loaded()
                    refused may be asked for again */
    COMMIT_DROP, /* what is in memory of the partition is void: state, cut, records under way */
    COMMIT_KEEP, /* it is given back in order: state and cut are to be kept for the next OPEN, or
                    until it is known who has the partition; records under way are void */
    COMMIT_STOP, /* give the partition up until an operator acts: `reason`, and text for them */
};

enum commit_stop_reason {
    COMMIT_STOP_OFFSETS_EXPIRED, /* the group's offsets are gone, though there were some */
    COMMIT_STOP_OUTSIDE_LOG,     /* N or M is not in the log any more */
    COMMIT_STOP_TOPIC_REPLACED,  /* same name, another topic */
    COMMIT_STOP_LAYOUT,          /* Redis holds another layout */
    COMMIT_STOP_PARTITIONS,      /* the number of input partitions changed */
};

struct commit_action {
    enum commit_action_kind kind;
    int32_t partition; /* -1 where it concerns all */
    uint64_t ticket;   /* to be given back with the answer; 0: no answer */
    int64_t offset;
    int64_t epoch;
    int64_t seq;
    struct commit_fence fence;
    struct commit_fence writer; /* WRITE: of the state that the first chunk expects */
    size_t first_chunk;
    int64_t committed;      /* M, or COMMIT_NONE */
    bool is_rebuild;        /* OPEN */
    bool is_as_left;        /* OPEN */
    int64_t suppress_below; /* OPEN: records below it have their outputs out already */
    enum commit_stop_reason reason;
    const char *text; /* STOP: what happened and what to do; ABORT_LEFTOVER: the transactional id;
                         borrowed until the next commit_step() */
};

enum commit_partition_state {
    COMMIT_UNOWNED,
    COMMIT_ACQUIRING, /* assigned; the epoch is being taken */
    COMMIT_READING,   /* epoch taken; M is being read */
    COMMIT_READY,     /* where to start is known; waits for the others */
    COMMIT_RUNNING,
    COMMIT_STOPPED,
};

enum commit_cut_state {
    COMMIT_CUT_NONE,
    COMMIT_CUT_HELD,    /* cut; outputs below it not all published yet, or Redis not at hand */
    COMMIT_CUT_WRITING, /* chunks sent */
};

/*
 * What the caller was let keep when the partition was given back: memory with all records below A,
 * every output of them out. It serves again if Redis has the state that it had then, or more of the
 * chunks of the cut that was under way: who changed in memory since is then known still.
 */
struct commit_left {
    bool is_there;
    struct commit_fence fence; /* ours then */
    struct commit_version version;
    int64_t stored;  /* N */
    int64_t applied; /* A */
    bool is_dirty;
    int64_t dirty_since_ms;
    bool is_cut; /* a checkpoint was under way */
    int64_t cut_offset;
    int64_t cut_since_ms;
    size_t n_chunks_done;
};

/* One input partition. Fields are for reading; commit.c alone writes them. */
struct commit_partition {
    int32_t id;
    enum commit_partition_state state;
    struct outbox_lane lane;

    /* Redis: what we hold there. */
    bool is_held;                  /* acquired, and nothing has cast doubt on it since */
    struct commit_fence fence;     /* ours, when held once */
    struct commit_version version; /* last known state there */
    int64_t stored;                /* N, or COMMIT_NONE */
    int64_t stored_committed;      /* `committed` there, or COMMIT_NONE */
    int64_t known_epoch;           /* highest ever seen */
    char predecessor[COMMIT_ID_MAX];
    uint64_t acquire_ticket; /* outstanding request, or 0 */
    int64_t acquire_at_ms;   /* not before */
    int64_t acquire_wait_ms; /* backoff */

    /* The group's offset. */
    struct commit_position committed; /* M, k */
    uint64_t read_ticket;
    int64_t read_at_ms;
    int64_t read_wait_ms;
    int64_t unstable_since_ms; /* COMMIT_NONE when stable */
    int64_t leftover_at_ms;    /* last abort of a leftover, or COMMIT_NONE */

    /* The engine. */
    int64_t starts_at;  /* offset or COMMIT_BEGINNING, COMMIT_NONE if not to be started */
    int64_t applied;    /* A, or COMMIT_NONE while not known */
    bool in_record;     /* a record is begun, not applied */
    uint32_t n_outputs; /* of the record at A, so far, suppressed ones included */
    bool is_fetched;    /* part of the last START */
    bool is_paused;
    bool is_hurried;        /* its memory is full: the next cut is not put off */
    bool is_dirty;          /* something was applied since the last cut ... */
    int64_t dirty_since_ms; /* ... the first of it then */
    uint64_t n_suppressed;  /* outputs that were out already, over all lives */

    struct commit_left left;

    /* The checkpoint under way. */
    enum commit_cut_state cut_state;
    int64_t cut_offset;
    int64_t cut_at_ms;    /* when the last one was taken */
    int64_t cut_since_ms; /* when the first record that it adds was applied */
    size_t n_chunks_done; /* of the cut */
    uint64_t write_ticket;
};

struct commit_batch_offset {
    int32_t partition;
    bool is_void; /* the partition was given up since: the outcome is of no interest to it */
    struct commit_position position;
};

/* What a transaction commits besides the outputs in flight. */
struct commit_batch {
    struct commit_batch_offset *offsets; /* owned */
    size_t n_offsets;
    size_t cap;
};

enum commit_flight_state {
    COMMIT_FLIGHT_NONE,
    COMMIT_FLIGHT_SENT,      /* handed over */
    COMMIT_FLIGHT_UNCERTAIN, /* ended in a way that leaves the outcome to be read from M */
};

enum commit_ending {
    COMMIT_GOING_ON,
    COMMIT_DRAINING,
    COMMIT_REVOKING,
    COMMIT_ENDED, /* drained; nothing is begun any more */
};

/* Counters for operators. */
struct commit_stats {
    uint64_t n_takeovers;  /* partitions opened */
    uint64_t n_rebuilds;   /* of these, from the beginning of the log */
    uint64_t n_kept;       /* of these, with what was kept in memory since the last one */
    uint64_t n_replays;    /* of these, while owned: Redis had lost writes, or another wrote */
    uint64_t n_suppressed; /* outputs not published again */
    uint64_t n_committed;  /* transactions, offset-only ones included */
    uint64_t n_aborted;
    uint64_t n_uncertain;
    uint64_t n_fenced;      /* Kafka: by generation or producer */
    uint64_t n_stale;       /* Redis: a script or load found another epoch or seq */
    uint64_t n_checkpoints; /* written whole */
    uint64_t n_redone;      /* checkpoints of which chunks were sent again */
    uint64_t n_leftovers;   /* of predecessors, aborted */
    uint64_t n_stopped;
};

struct commit {
    struct commit_opts opts;
    struct outbox outbox;
    struct commit_partition **partitions; /* owned; by id, NULL where never assigned */
    size_t n_partitions;
    int64_t now_ms;
    int64_t due_ms; /* commit_due() */
    uint64_t next_ticket;
    bool is_started; /* START was given for the present assignment */
    bool is_redis_up;
    bool is_group_live;
    bool is_over_budget; /* input is paused for the outbox */

    enum commit_flight_state flight;
    uint64_t flight_ticket;
    struct commit_batch batch; /* of the transaction in flight */
    uint64_t verify_ticket;    /* M being read to learn its outcome */
    int64_t verify_at_ms;
    int64_t hand_over_at_ms;   /* not before */
    int64_t hand_over_wait_ms; /* backoff after ABORTED */
    int64_t offsets_at_ms;     /* the next offsets without outputs, or plain commit */
    struct commit_batch plain; /* at least once: the plain commit under way */
    uint64_t offsets_ticket;   /* of it */

    bool is_leaving; /* a drain was asked for, and goes on while most of the state is stored ... */
    int64_t leaving_at_ms; /* ... since then */
    enum commit_ending ending;
    bool is_revoked; /* the group waits for RELEASE */
    int64_t ending_until_ms;

    struct commit_action *actions; /* owned; those from first_action on are to be taken */
    size_t first_action;
    size_t n_actions;
    size_t cap_actions;
    struct commit_stats stats;
};

void commit_init(struct commit *c, const struct commit_opts *opts);
void commit_deinit(struct commit *c);

/* Decides. Time is monotonic and never goes back. */
void commit_step(struct commit *c, int64_t now_ms);
/* The next action to carry out; false: none. */
bool commit_next(struct commit *c, struct commit_action *ret_action);
/* When to step again at the latest, if nothing happens before; INT64_MAX: not for time's sake. */
int64_t commit_due(const struct commit *c);

/* ---- membership: in the thread that handles rebalances, in the callback itself ---- */

/* The whole new assignment (eager protocol). Ends with START, once each partition is READY or
 * STOPPED. */
void commit_assigned(struct commit *c, const int32_t *partitions, size_t n);
/* All are to be given back: what is under way is ended, then RELEASE. */
void commit_revoked(struct commit *c);
/* All are gone already: memory is dropped, nothing is written. */
void commit_lost(struct commit *c);
/* Whether live group metadata (a member id and a generation >= 0) is to be had. */
void commit_group(struct commit *c, bool is_live);
/* To end in order: for leaving_ms at most records are applied still while state is stored; then
 * what is applied is published and checkpointed, and DRAINED. */
void commit_drain(struct commit *c);

/* ---- Redis ---- */

/* Memory is full of what only a checkpoint lets go: it is cut as soon as the one before is written.
 */
void commit_hurry(struct commit *c, int32_t partition);
/* Up after having been down: what is there is looked at again. */
void commit_redis(struct commit *c, bool is_up);

enum commit_answer {
    COMMIT_OK,
    COMMIT_STALE,   /* refused by the script: another epoch or seq */
    COMMIT_REFUSED, /* not done: the server said an error, or it was never sent */
    COMMIT_UNKNOWN, /* sent, no answer: done, not done, or to be done yet */
};

/* The answer to ACQUIRE: the partition's meta as it was before, with the fence now ours. */
struct commit_meta {
    struct commit_fence fence;     /* taken */
    struct commit_version version; /* seq 0 and no writer where there is nothing yet */
    int64_t offset;                /* N, or COMMIT_NONE */
    int64_t committed;             /* M as last seen, or COMMIT_NONE if never */
    int64_t layout;                /* 0 where there is nothing yet */
    struct str predecessor;        /* transactional.id of the last owner but us; may be empty */
    struct str topic_id;           /* may be empty */
};

/* `meta` only with COMMIT_OK. */
void commit_acquired(struct commit *c, int32_t partition, uint64_t ticket,
                     enum commit_answer answer, const struct commit_meta *meta);
/* The answers to the chunks of one WRITE, in order; after one that is not OK, the others are
 * ignored. */
void commit_chunk(struct commit *c, int32_t partition, uint64_t ticket, enum commit_answer answer,
                  bool is_last);
/* A cold load, or a reading of wake-ups, came from a Redis with this fence and version: false if it
 * has lost writes (or another owns it). What was loaded must not be used then; commit_step() says
 * what next. */
must_check bool commit_loaded(struct commit *c, int32_t partition, struct commit_fence fence,
                              struct commit_version version);

/* ---- the group's offsets ---- */

enum commit_read_status {
    COMMIT_READ_OK,
    COMMIT_READ_NONE,     /* the group has none for the partition: certain */
    COMMIT_READ_UNSTABLE, /* a transaction is pending */
    COMMIT_READ_FAILED,   /* not known */
};

struct commit_read {
    enum commit_read_status status;
    int64_t offset;
    struct str metadata;
    int64_t low;  /* the log's first offset, COMMIT_NONE if not known */
    int64_t high; /* the log's next offset, likewise */
};

void commit_committed(struct commit *c, int32_t partition, uint64_t ticket,
                      const struct commit_read *read);
/* At least once: the plain commit was answered. */
void commit_offsets_done(struct commit *c, uint64_t ticket, bool is_ok);
/* An offset's metadata, as it goes to Kafka; "" where the position is at a record's beginning. */
void commit_metadata(struct commit_position position, char ret_text[COMMIT_METADATA_MAX]);

/* ---- publishing ---- */

enum commit_outcome {
    COMMIT_COMMITTED,
    COMMIT_ABORTED,   /* certainly not visible */
    COMMIT_FENCED,    /* generation, member or producer: what became of it is read from M */
    COMMIT_UNCERTAIN, /* the producer is a new one already; what became of it is read from M */
};

void commit_outcome(struct commit *c, uint64_t ticket, enum commit_outcome outcome);
/* Puts another record in the place of an output in flight that Kafka refuses for good (too large);
 * before the outcome (ABORTED) is told. */
void commit_replace(struct commit *c, struct output *output, const struct outbox_record *record);

/* ---- records ---- */

/* Where START is to begin the partition: an offset, COMMIT_BEGINNING, or COMMIT_NONE: leave out. */
int64_t commit_starts_at(const struct commit *c, int32_t partition);
/* False: the record is not to be applied (not owned, stopped, or older than A): drop it. */
must_check bool commit_begin(struct commit *c, int32_t partition, int64_t offset);
/* One more output of the record begun: false, it is out already; true, hand it to
 * commit_output() next. */
must_check bool commit_wants(struct commit *c, int32_t partition);
void commit_output(struct commit *c, int32_t partition, const struct outbox_record *record);
void commit_applied(struct commit *c, int32_t partition);
/* Read up to `next_offset` with no record in between (markers, compaction). */
void commit_skipped(struct commit *c, int32_t partition, int64_t next_offset);
/* The log does not have the offset that was asked for, the topic changed, ...: STOP. */
void commit_stop(struct commit *c, int32_t partition, enum commit_stop_reason reason);

/* NULL if it was never assigned. */
const struct commit_partition *commit_partition(const struct commit *c, int32_t partition);
/* How long the oldest change that Redis does not have has been waiting; 0: Redis has all. */
int64_t commit_checkpoint_age_ms(const struct commit_partition *p, int64_t now_ms);

/* ---- stopping (commit_stop.c): one decision, for the daemon and for who looks from outside ----
 */

/* Somebody acted on a partition that is stopped: it is taken over again. */
void commit_retry(struct commit *c, int32_t partition);
/* Whether a takeover stops at what Redis has, before M is read. `layout` and `topic_id` are ours;
 * the latter "" where it is not known. */
must_check bool commit_refuses_meta(const struct commit_meta *meta, int64_t layout,
                                    const char *topic_id, enum commit_stop_reason *ret_reason);
/* Whether it stops at M and the log, once these were read (OK or NONE). */
must_check bool commit_refuses_offsets(const struct commit_meta *meta,
                                       const struct commit_read *read,
                                       enum commit_stop_reason *ret_reason);
/* With another number of input partitions than this state is of; `then` 0: not known. */
must_check bool commit_refuses_count(int64_t then, int64_t now);
/* "offsets_expired", for logs and metrics; and what to do, for people. */
const char *commit_stop_name(enum commit_stop_reason reason);
const char *commit_stop_text(enum commit_stop_reason reason);
