/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The daemon's inside, shared by its own rooms only:
 *
 *   daemon.c     owns the loop and every room; carries out what the protocol (commit.h) decides
 *   partition.c  one input partition: records in log order, decode, engine, outputs
 *   concerned.c  whose state a record needs, and where it is
 *   residency.c  cold stakeholders: loads, and wake-ups fetched ahead of the clock
 *   store.c      checkpoints: a cut of the engine, written to Redis in chunks
 *   publisher.c  batches of outputs and offsets to Kafka
 *   ticker.c     time for partitions that are idle
 *   ingest.c     where input is repartitioned: its topic, and the copier
 *   watch.c      looks at Redis for partitions that are idle, stopped, or being dropped
 *   progress.c   what takeovers cost, in the log
 *   web.c        metrics and health
 */
#include "adapters/http.h"
#include "adapters/kafka_append.h"
#include "adapters/kafka_sink.h"
#include "adapters/kafka_source.h"
#include "adapters/redis_script.h"
#include "app/commit.h"
#include "app/daemon.h"
#include "app/outage.h"
#include "app/scripts.h"
#include "base/hmap.h"
#include "base/list.h"
#include "base/log.h"
#include "base/parse.h"
#include "codec/event_decode.h"
#include "conf/conf.h"
#include "engaged/engine.h"

struct ingest;
struct partition;

/* ---- residency.c ---- */

struct residency {
    struct hmap loads;    /* struct load: asked for, not there yet */
    struct list queue;    /* of these, those not sent */
    size_t n_sent;        /* requests under way */
    int64_t horizon_ms;   /* everybody who wakes up to here is in memory */
    int64_t target_ms;    /* the horizon that is being fetched, INT64_MIN: none */
    int64_t ahead_ms;     /* how far beyond what is needed to fetch */
    size_t n_ahead;       /* loads that the target waits for */
    int64_t page_from_ms; /* the next page of wake-ups begins there ... */
    size_t page_skip;     /* ... after so many of that very instant */
    int64_t page_seq;     /* what Redis had when the last page was read */
    bool is_paging, is_paged;
    int64_t asked_ms;      /* the highest instant asked for: below it nothing is given up */
    int64_t ahead_max_ms;  /* memory bounds how far ahead it pays to look */
    int64_t fetched_at_ms; /* when the last fetch ended, loop time */
    int64_t retry_at_ms;
    struct {
        uint64_t n_bytes, share_bytes;
        int64_t horizon_ms;
    } stuck; /* with these nobody more can be given up; n_bytes 0: not known */
    uint64_t n_loaded, n_fetches;
};

void residency_init(struct residency *r);
/* Everything is void: with the engine. */
void residency_reset(struct residency *r);
/* False: the stakeholder is being loaded; the record has to wait. */
bool residency_has(struct partition *p, struct str id);
/* False: those who wake up to then are being loaded. */
bool residency_reaches(struct partition *p, int64_t clock_ms);
/* False: everybody is being loaded, since what comes concerns them all. */
bool residency_has_all(struct partition *p);
/* That is over: who is not needed may be evicted again. */
void residency_need_not_all(struct partition *p);
/* Sends what is queued. */
void residency_flush(struct partition *p);
/* A checkpoint is written: those who had changed may be given up. */
void residency_stored(struct partition *p);
/* Keeps the engine, and what waits to be applied, within their share of memory; true: they are. */
bool residency_shrink(struct partition *p, uint64_t share_bytes);

/* ---- concerned.c ---- */

/* The partition that murmur2 says; -1: their number is not known yet. */
int32_t concerned_place(const struct partition *p, struct str id);
/* True: a merge with somebody whose state is in another partition. */
bool concerned_is_elsewhere(const struct partition *p, const struct event *event,
                            struct event_refusal *ret_refusal);
/* False: not all of them are in memory; they are being loaded, and the record has to wait. */
bool concerned_are_at_hand(struct partition *p, const struct event *event);
/* Who is there already stays until the others are, too. */
void concerned_are_spared(struct partition *p, const struct event *event);

/* ---- store.c ---- */

struct cut {
    bool is_active;
    int64_t offset, clock_ms;
    struct buf life;             /* of the sources, as of the cut */
    size_t n_left;               /* entries the engine has still to hand out */
    struct script_chunk *chunks; /* owned; kept until all is written: the redo list */
    size_t n_chunks, cap_chunks;
    size_t next;     /* chunk to send next */
    size_t n_flight; /* sent, not answered */
    int64_t committed;
    int64_t first_seq;
    struct commit_fence writer; /* of what the first chunk of this WRITE expects */
    size_t first_chunk;
    struct commit_fence fence;
    uint64_t ticket; /* of the WRITE under way; 0: none */
};

void store_cut(struct partition *p, int64_t offset);
void store_write(struct partition *p, const struct commit_action *action);
void store_written(struct partition *p);
void store_reset(struct partition *p);

/* ---- beginning.c ---- */

struct partition;
struct record;

struct beginning {
    bool is_sought;              /* nothing is applied meanwhile; there is no engine */
    struct commit_action action; /* the OPEN that waits for it */
};

/* Before a partition is rebuilt from the log alone: ends in partition_begin(). */
void beginning_seek(struct partition *p, const struct commit_action *action);
void beginning_take(struct partition *p, const struct record *r);
void beginning_end_of_log(struct partition *p);

/* ---- partition.c ---- */

enum {
    PAUSED_BY_PROTOCOL = 1, /* outputs wait beyond their budget */
    PAUSED_BY_PARKED = 2,   /* too many records wait for cold state */
    PAUSED_BY_MEMORY = 4,   /* the working set is over budget, and nothing may be evicted yet */
};

/* ---- progress.c ---- */

/* The present takeover, or the last one. */
struct takeover {
    const char *why; /* a constant */
    bool is_under_way, is_open;
    bool is_rebuild;             /* from the log alone, though something was published */
    bool has_begun;              /* its first record was seen */
    int64_t began_ms, opened_ms; /* loop time */
    int64_t from, until, at;     /* offsets: what is replayed, and how far that is */
    int64_t told_ms, told_at;    /* the last line about it */
    uint64_t n_suppressed;       /* of the partition, when it was opened */
    uint64_t n_replayed;         /* records, over all takeovers */
    double seconds;              /* how long the last one took that ended */
};

struct partition {
    struct daemon *daemon;
    int32_t id;
    struct script_place place;
    struct engine *engine; /* owned; NULL: not open */
    struct engine *left;   /* owned; as it was given back, with its `cut`, until the assignment is
                              known */
    struct conf *conf;     /* in force here; borrowed of the daemon */
    struct beginning beginning;
    uint64_t life;      /* rises with each OPEN and DROP: answers of an earlier life are void */
    struct list parked; /* struct parked, in log order */
    size_t n_parked, parked_bytes;
    uint64_t share_bytes; /* of the memory for stakeholders, at the last turn */
    unsigned paused;      /* PAUSED_BY_x */
    struct residency residency;
    struct cut cut;

    /* As acquired: for OPEN, where nothing was left in memory. */
    bool has_clock;
    int64_t clock_ms;
    int64_t stored_config_offset;
    char config_hash[DIGEST_HEX + 1];
    struct buf config_text;
    struct buf source_life;           /* for engine_life_restore() */
    char stored_hash[DIGEST_HEX + 1]; /* of the configuration that Redis has */

    int64_t end_offset; /* read to its end as of this offset; -1: not */
    int64_t log_begin;  /* as of the last takeover */
    int64_t log_high;   /* likewise, the next offset then; -1: not known */
    int64_t log_end;    /* asked for while input is paused; -1: not known */
    bool is_append_time;
    int64_t ticked_at_ms;     /* wall clock of the last tick */
    int64_t last_event_ms;    /* of the last record applied */
    int64_t config_offset;    /* of the last control record applied; COMMIT_NONE: none is known */
    bool wants_configuration; /* a control record with ours is to be appended */
    int64_t append_at_ms;     /* loop time: not before */
    bool is_conf_compared;    /* since it was opened: what is in force with ours */
    int64_t opened_ms;        /* loop time */
    bool wants_pump;          /* after the actions of this turn */
    struct takeover takeover;
    bool is_dropping;               /* watch_drop() is at it */
    bool has_stop_fence;            /* since it stopped, Redis was looked at ... */
    struct commit_fence stop_fence; /* ... and had this */

    uint64_t n_records, n_dead_letters, n_misplaced, n_unknown_types, n_unknown_verbs, n_ticks;
};

/* One input record, borrowed. */
struct record {
    int64_t offset, timestamp_ms;
    bool is_append_time, has_key, has_value;
    struct str key, value;
    event_header_fn header_at;
    const void *headers;
};

struct partition *partition_new(struct daemon *d, int32_t id);
void partition_free(struct partition *p);
void partition_open(struct partition *p, const struct commit_action *action);
/* The rest of it, once it is known which configuration is in force where it starts. */
void partition_begin(struct partition *p, struct conf *conf);
void partition_drop(struct partition *p);
/* It is given back in order: engine and cut stay as they are, stored or not, in case it is opened
 * again. */
void partition_keep(struct partition *p);
/* Somebody else has it now. */
void partition_forget(struct partition *p);
void partition_take(struct partition *p, const struct kafka_message *m);
/* Applies what waited and need not wait any more. */
void partition_pump(struct partition *p);
void partition_pause(struct partition *p, unsigned reason);
void partition_resume(struct partition *p, unsigned reason);

/* ---- publisher.c ---- */

void publisher_hand_over(struct daemon *d, uint64_t ticket);
void publisher_commit_offsets(struct daemon *d, uint64_t ticket);

/* ---- ticker.c ---- */

/* Once a second: ticks where they are due, control records that are wanted. */
void ticker_run(struct daemon *d);

/* ---- watch.c ---- */

/* Once a second: looks at Redis where that is due. */
void watch_run(struct daemon *d);
/* The partition has just stopped. */
void watch_stopped(struct partition *p);
/* ACQUIRE found it being dropped under that mark: goes on with that. */
void watch_drop(struct partition *p, struct str mark);

/* ---- progress.c ---- */

/* A takeover begins: `why` is a constant. */
void progress_begin(struct partition *p, const char *why);
void progress_open(struct partition *p, const struct commit_action *action, bool is_from_log);
/* A record is applied; its timestamp tells how far back a log reaches. */
void progress_record(struct partition *p, int64_t timestamp_ms);
/* After each turn. */
void progress_turn(struct partition *p);
/* Records below M that are not applied yet. */
int64_t progress_to_go(const struct partition *p);
/* Once a second: what Redis refused since. */
void progress_tell_stats(struct daemon *d);

/* ---- web.c ---- */

must_check int web_start(struct daemon *d);

/* ---- daemon.c ---- */

enum daemon_state { DAEMON_STARTING, DAEMON_RUNNING, DAEMON_DRAINING, DAEMON_CLOSING };

struct daemon {
    uv_loop_t *loop;         /* borrowed */
    struct daemon_opts opts; /* as given */
    struct conf *conf;       /* ours, as of the last load; in `confs`, as those in force */
    struct conf **confs;     /* owned, both */
    size_t n_confs, cap_confs;
    /* Owned copies: configurations go, these stay. */
    char *events_topic; /* the one that is consumed; of our own, where input is repartitioned */
    char *triggers_topic, *dead_letters_topic, *redis_prefix;
    struct commit commit;
    struct event_decoder *decoder; /* owned */
    struct redis_conn *redis;      /* owned, as the adapters below */
    struct kafka_source *source;   /* NULL until its topic is there */
    struct kafka_sink *sink;
    struct kafka_append *append;
    struct ingest *ingest; /* NULL: the input is consumed as it is */
    struct http_server *http;
    struct redis_script acquire, write, load, wake, release, count, drop;
    bool is_restore_refused; /* said once */
    struct partition **partitions; /* owned; by id, NULL where never assigned */
    size_t n_partitions;
    uv_check_t check;
    uv_timer_t due;     /* the protocol's next step */
    uv_timer_t seconds; /* ticks, watchdog */
    uv_timer_t grace;   /* what draining may take */
    size_t n_open_handles;
    enum daemon_state state;
    bool is_stored;  /* a checkpoint was written whole in this step */
    bool is_drained; /* the rooms are to be closed */
    int exit_code;
    struct kafka_batch *batch; /* handed over */
    struct buf scratch;
    struct script_call call; /* scratch */
    int64_t started_ms;
    int64_t reloaded_ms; /* wall clock of the last good load */
    bool is_reload_good;
    struct log_limit dead_letter_limit, unknown_limit, verb_limit, misplaced_limit, batch_limit;
    struct outage outage;
    uint64_t n_redis_faults;
    int64_t glanced_ms;             /* watch.c: loop time of the last glance */
    struct commit_stats told_stats; /* progress.c: as of the last line about them */
    int32_t n_input_partitions;     /* of the input topic; 0: not known */
    bool is_count_wanted;           /* it could not be read: to be asked for again */
};

struct partition *daemon_partition(struct daemon *d, int32_t id);
/* Takes `conf` over, and returns it or one that is the same. */
struct conf *daemon_keep_conf(struct daemon *d, struct conf *conf);
/* Frees those that nobody uses any more. */
void daemon_sweep_confs(struct daemon *d);
const char *daemon_topic(const struct daemon *d);
/* Joins the group, once the topic is there. KAFKA_CONF_E_REJECTED: see `detail`. */
must_check int daemon_consume(struct daemon *d, struct buf *detail);
/* What maps the records that are consumed; NULL: the copier did, or nothing does. */
struct presets *daemon_presets(const struct daemon *d, const struct conf *conf);
/* After anything that the protocol should hear of soon. */
void daemon_turn(struct daemon *d);
int64_t daemon_wall_ms(void);
/* Asks whether the topic has as many partitions as the state in Redis is of. */
void daemon_check_count(struct daemon *d);
bool daemon_is_ready(const struct daemon *d, const char **ret_why);
/* The daemon cannot go on: says why, drains nothing, ends with exit code 1. */
void daemon_fail(struct daemon *d, const char *why);
/* An answer of Redis as the protocol takes it; `decoded` is for one that came. */
enum commit_answer daemon_answer_of(struct daemon *d, const struct redis_answer *answer,
                                    enum commit_answer decoded);
