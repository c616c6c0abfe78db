/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between the parts of the simulated world: world.c (time, faults, verdict), world_kafka.c,
 * world_redis.c and world_worker.c. */
#include "world.h"

#include <string.h>

#define NO_PRODUCER_EPOCH (-1)
#define HISTORY           64 /* states of Redis that a failover can go back to */
#define TRACE(w, ...)                                                                              \
    do {                                                                                           \
        if ((w)->trace)                                                                            \
            world_trace(w, __VA_ARGS__);                                                           \
    } while (0)

enum event_kind {
    EV_APPEND,
    EV_FAULT,
    EV_CHECK,
    /* the group's coordinator */
    EV_JOIN,
    EV_LEAVE,
    EV_KICK,
    EV_REBALANCE_END,
    /* the transactions' coordinator */
    EV_TXN,
    EV_TXN_COMPLETE,
    EV_TXN_EXPIRE,
    EV_READ,
    /* Redis */
    EV_SCRIPT,
    /* a worker: dropped if that life is over, kept back while it is stopped */
    EV_FIRST_OF_WORKER,
    EV_TOLD_REVOKED = EV_FIRST_OF_WORKER,
    EV_TOLD_ASSIGNED,
    EV_TOLD_LOST,
    EV_TXN_ANSWER,
    EV_TXN_TIMEOUT,
    EV_READ_ANSWER,
    EV_SCRIPT_ANSWER,
    EV_SCRIPT_TIMEOUT,
    EV_REDIS_DOWN,
    EV_REDIS_UP,
    EV_TURN, /* some records, some evictions, a step */
    EV_LAST_OF_WORKER = EV_TURN,
    /* of a worker's process */
    EV_BOOT,
    EV_CONTINUE,
};

struct event {
    int64_t at;
    uint64_t seq;
    enum event_kind kind;
    int worker;
    int life; /* of the worker that it is meant for */
    int a;
    int b;
};

/* ---- the input log ---- */

enum record_kind {
    RECORD_EVENT, /* one key counts up; sometimes one output, sometimes several */
    RECORD_TICK,  /* every key with an odd count fires */
    RECORD_GAP,   /* no record: a transaction marker */
};

struct record {
    enum record_kind kind;
    int key;
};

struct key_state {
    int64_t applied; /* offset of the last record in it, -1 */
    int64_t count;
};

struct input {
    struct record records[LOG_MAX];
    int64_t n; /* readable by now */
    int64_t n_all;
    struct out expected[OUT_MAX];
    bool is_decided[OUT_MAX]; /* in a transaction that is committed, or being committed */
    int n_expected;
    struct key_state final[N_KEYS];
    bool is_expired;   /* the group's offset was deleted */
    int64_t low;       /* the log begins here by now */
    bool is_truncated; /* beyond what is in Redis: to be given up, unless its owner goes on */
};

/* ---- Kafka ---- */

enum txn_request_kind {
    TXN_INIT,
    TXN_PRODUCE,
    TXN_OFFSETS,
    TXN_END,
    TXN_ABORT,
    /* at least once */
    PLAIN_PRODUCE,
    PLAIN_OFFSETS,
};
enum txn_answer { TXN_OK, TXN_FENCED_PRODUCER, TXN_FENCED_GENERATION, TXN_CONCURRENT };

struct txn_batch {
    struct out *outs; /* owned */
    int n_outs;
    struct {
        int32_t partition;
        int64_t offset;
        char metadata[COMMIT_METADATA_MAX];
    } offsets[N_PARTITIONS];
    int n_offsets;
    int generation;
    int member;
};

struct txn_request {
    enum txn_request_kind kind;
    int slot;
    int worker; /* -1: nobody waits for the answer */
    int life;
    int epoch;
    int batch; /* index, or -1 */
    enum txn_answer answer;
    int ret_epoch;
};

enum txn_state { TXN_NONE, TXN_OPEN, TXN_COMMITTING };

struct txn_slot {
    enum txn_state state;
    int epoch;
    int serial;
    int batch; /* whose offsets are pending, or -1 */
};

struct published {
    struct out out;
    int slot;
    int serial;
    enum { PUBLISHED_OPEN, PUBLISHED_DECIDED, PUBLISHED_COMMITTED, PUBLISHED_ABORTED } state;
};

struct read_request {
    int worker;
    int life;
    int32_t partition;
    uint64_t ticket;
    struct commit_read answer;
    char metadata[COMMIT_METADATA_MAX];
};

struct group {
    int generation;
    int member[N_WORKERS]; /* id: life of the worker * 1000 + how often it joined; 0: none */
    int64_t told_at[N_WORKERS];
    bool is_rejoined[N_WORKERS];
    bool is_rebalancing;
    int rebalance_serial;
};

struct kafka {
    struct txn_slot slots[N_WORKERS];
    struct group group;
    struct commit_read m[N_PARTITIONS]; /* OK or NONE */
    char metadata[N_PARTITIONS][COMMIT_METADATA_MAX];
    struct published *log; /* owned; of all outputs */
    size_t n_log, cap_log;
    struct txn_request *txns;
    size_t n_txns, cap_txns;
    struct txn_batch *batches;
    size_t n_batches, cap_batches;
    struct read_request *reads;
    size_t n_reads, cap_reads;
};

/* ---- Redis ---- */

struct redis_partition {
    struct commit_fence fence;
    struct commit_version version;
    int64_t offset, committed, layout;
    int owner, predecessor; /* slots, -1 */
    struct key_state keys[N_KEYS];
};

struct redis_state {
    struct redis_partition partitions[N_PARTITIONS];
};

enum script_kind { SCRIPT_ACQUIRE, SCRIPT_WRITE, SCRIPT_LOAD };

struct script {
    enum script_kind kind;
    int worker;
    int life;
    int32_t partition;
    uint64_t ticket;
    int part_life; /* LOAD: of the engine that asked */
    int connection;
    bool is_executed;
    bool is_answered;
    /* arguments */
    int64_t known_epoch;
    struct commit_fence fence;
    int64_t seq;
    struct commit_fence writer;
    int key; /* WRITE, LOAD; -1 none */
    struct key_state state;
    bool is_last;
    int64_t offset, committed;
    /* reply */
    enum commit_answer answer;
    struct redis_partition was;
    struct commit_fence ret_fence;
    struct commit_version ret_version;
};

struct redis {
    struct redis_state now;
    struct redis_state history[HISTORY];
    size_t n_history;
    struct script *scripts;
    size_t n_scripts, cap_scripts;
};

/* ---- workers ---- */

struct worker_key {
    struct key_state state;
    bool is_resident;
    bool is_dirty;
    bool is_in_cut;
};

struct worker_partition {
    bool is_open;
    bool is_kept; /* since it was given back */
    int life;     /* of this engine */
    bool is_fetched, is_paused;
    int64_t position;
    bool in_record;
    int next_key;
    bool is_loading;
    struct worker_key keys[N_KEYS];
    struct {
        int key;
        struct key_state state;
    } cut[N_KEYS];
    int n_cut;
};

enum sink_stage {
    SINK_IDLE,
    SINK_INIT,
    SINK_PRODUCE,
    SINK_OFFSETS,
    SINK_END,
    SINK_ABORT,
    SINK_PLAIN,
};

struct worker {
    int index;
    int life; /* 0: never ran */
    bool is_alive, is_stopped, is_draining;
    struct commit commit;
    struct worker_partition partitions[N_PARTITIONS];
    int member;          /* its id in the group, sent or confirmed */
    int generation;      /* of the group as the worker knows it; 0: no member */
    int connection;      /* to Redis */
    int deaf_connection; /* on which an answer was lost */
    int64_t last_script_at;
    int64_t last_answer_at;
    enum sink_stage sink;
    int sink_epoch;
    int sink_request; /* waited for, -1 */
    int sink_batch;
    uint64_t sink_ticket;
    enum commit_outcome sink_outcome; /* to be told after INIT */
    int plain_request;                /* at least once: commit of offsets waited for, -1 */
    uint64_t plain_ticket;
    struct event *kept; /* while stopped */
    size_t n_kept, cap_kept;
};

struct world {
    uint64_t rng;
    int64_t now;
    bool is_faulty; /* losses and delays go on */
    bool is_over;
    bool may_expire;       /* this schedule has the group's offsets expire, and no failovers */
    bool may_truncate;     /* the log loses its beginning, likewise */
    bool is_at_least_once; /* delivery */
    bool is_calm;          /* no faults at all */
    enum breakage breakage;
    FILE *trace;
    struct event *queue; /* heap */
    size_t n_queue, cap_queue;
    uint64_t next_seq;
    struct input inputs[N_PARTITIONS];
    struct kafka kafka;
    struct redis redis;
    struct worker workers[N_WORKERS];
    struct world_result *result;
};

void world_trace(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The first fault found counts; ends the schedule. */
void world_fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool world_is_same(const struct out *a, const struct out *b);
int64_t world_random(struct world *w, int64_t below);
/* True in `percent` of cases while faults go on. */
bool world_chance(struct world *w, int percent);
/* A usual delay on the network. */
int64_t world_delay(struct world *w);
void world_at(struct world *w, int64_t delay, enum event_kind kind, int worker, int life, int a,
              int b);

/* One key and one record: the engine. Returns the number of outputs. */
int engine_apply(struct world *w, struct key_state *state, int32_t partition, int64_t offset,
                 int key, struct out *ret_outs);
#define ENGINE_OUTS_MAX 4

void kafka_init(struct kafka *k);
void kafka_deinit(struct kafka *k);
void kafka_event(struct world *w, const struct event *e);
int kafka_request(struct world *w, enum txn_request_kind kind, int slot, int epoch, int worker,
                  int batch, bool is_late, bool is_lost);
bool kafka_is_pending(const struct kafka *k, int32_t partition);
void kafka_rebalance(struct world *w);

void redis_init(struct redis *r);
void redis_deinit(struct redis *r);
void redis_event(struct world *w, const struct event *e);
/* Goes back by up to `n` scripts. */
void redis_fail_over(struct world *w, size_t n);

void worker_boot(struct world *w, struct worker *worker);
void worker_kill(struct world *w, struct worker *worker);
void worker_event(struct world *w, struct worker *worker, const struct event *e);
void worker_deinit(struct worker *worker);
