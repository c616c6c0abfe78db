/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The Lua scripts by which a partition's state in Redis is owned, written and read; how their
 * arguments are put together and their replies read. All keys of a script share the hash tag {T/p}:
 * one slot, one atomic step. No script reads the time.
 *
 *     P:{T/p}:meta   HASH    epoch, token (of the last ACQUIRE), owner, predecessor
 *                            (transactional.id), seq, writer_epoch, writer_token (of the last
 *                            WRITE), offset, committed, clock, layout, config, config_text,
 *                            topic_id, life, config_offset; dropping (a mark) while it is being
 * dropped; partitions (of the topic; partition 0 alone has it) P:{T/p}:s:ID   HASH    one
 * stakeholder, for readers P:{T/p}:b:ID   STRING  the same, packed, for the daemon P:{T/p}:wake
 * ZSET    stakeholders by next wake-up, ms since 1970 P:{T/p}:owed   ZSET    those whom we owe an
 * answer, by since when, ms since 1970
 */
#include "app/commit.h"
#include "engaged/engine.h"

struct redisReply;

extern const char script_acquire[];
extern const char script_write[];
extern const char script_load[];
extern const char script_wake[];
extern const char script_release[];
extern const char script_count[];
extern const char script_forget[];
extern const char script_drop[];

/* Where a partition's keys are. */
struct script_place {
    struct str prefix;
    struct str topic;
    int32_t partition;
};

/* Appends "P:{T/p}:SUFFIX", and ":ID" where id.ptr is not NULL. */
void script_key(struct buf *b, const struct script_place *place, const char *suffix, struct str id);

/* A growing list of texts; it owns their bytes. */
struct script_list {
    struct buf bytes;
    size_t *ends; /* owned; where each ends in bytes */
    size_t n;
    size_t cap;
};

/* Keys and arguments of one call, as redis_script_call() takes them. */
struct script_call {
    struct script_list list; /* keys first */
    size_t n_keys;
    struct str *views; /* owned */
};

#define SCRIPT_CALL_INIT                                                                           \
    {                                                                                              \
        .n_keys = 0                                                                                \
    }

void script_call_deinit(struct script_call *call);
size_t script_call_n_args(const struct script_call *call);
/* Keys, then arguments, borrowed until the call is changed. */
const struct str *script_call_keys(struct script_call *call);
const struct str *script_call_args(struct script_call *call);

/* ---- ACQUIRE ---- */

/* What the engine needs of meta, beside what the protocol does. Views into the reply. */
struct script_meta {
    struct commit_meta commit;
    bool has_clock;
    int64_t clock_ms;
    struct str config;      /* hash of the configuration in force at `offset`; may be empty */
    struct str config_text; /* the configuration itself; may be empty */
    struct str life;        /* for engine_life_restore(); may be empty */
    int64_t config_offset;  /* of the last control record that was applied, or COMMIT_NONE */
};

void script_acquire_encode(struct script_call *call, const struct script_place *place,
                           const struct commit_opts *opts, int64_t known_epoch);
/* SCRIPT_E_MALFORMED: not the reply of that script. */
must_check int script_acquire_decode(const struct redisReply *reply, const struct commit_opts *opts,
                                     struct script_meta *ret_meta);

/* Where ACQUIRE answered that the partition is being dropped: the mark, a view into the reply; else
 * empty. */
struct str script_acquire_mark(const struct redisReply *reply);

/* Answers 1 in any case. */
void script_release_encode(struct script_call *call, const struct script_place *place,
                           const struct commit_opts *opts);

#define SCRIPT_E_MALFORMED 1

/* ---- WRITE ---- */

/* What the last chunk of a cut sets. */
struct script_cut {
    int64_t offset;
    int64_t committed; /* COMMIT_NONE: leaves what is there */
    int64_t clock_ms;
    struct str config; /* empty: leaves what is there, likewise below */
    struct str config_text;
    struct str topic_id;
    struct str life;
    int64_t config_offset; /* COMMIT_NONE: leaves what is there */
};

/* The stakeholders of one chunk, encoded; kept until the cut is written, and sent again under
 * another fence and seq if need be. */
struct script_chunk {
    struct script_list keys;
    struct script_list args;
    size_t n_entries;
};

#define SCRIPT_CHUNK_INIT                                                                          \
    {                                                                                              \
        .n_entries = 0                                                                             \
    }

void script_chunk_deinit(struct script_chunk *chunk);
/* `packed` empty: the stakeholder is deleted. */
void script_chunk_add(struct script_chunk *chunk, const struct script_place *place,
                      const struct checkpoint_entry *entry);
size_t script_chunk_bytes(const struct script_chunk *chunk);
/* `expected` is there before this chunk. `last` NULL: further chunks follow. */
void script_write_encode(struct script_call *call, const struct script_place *place,
                         const struct script_chunk *chunk, struct commit_fence fence,
                         struct commit_version expected, const struct script_cut *last);
/* COMMIT_OK or COMMIT_STALE; what is not that script's reply is COMMIT_UNKNOWN. `ret_refusal`: why
 * Redis did not take the HASHes by RESTORE, so that they were written field by field; a view into
 * the reply, empty where it took them. */
enum commit_answer script_write_decode(const struct redisReply *reply, struct str *ret_refusal);

/* ---- LOAD and WAKE ---- */

/* Where the data was read from, for commit_loaded(). */
struct script_source {
    struct commit_fence fence;
    struct commit_version version;
};

void script_load_encode(struct script_call *call, const struct script_place *place,
                        const struct str *ids, size_t n);
/* `ret_n` as many as were asked for; each by script_load_packed(). */
must_check int script_load_decode(const struct redisReply *reply, struct script_source *ret_source,
                                  size_t *ret_n);
/* Empty: nothing is stored. A view into the reply. */
struct str script_load_packed(const struct redisReply *reply, size_t i);

/* Those that wake from `from_ms` up to and at `until_ms`, earliest first, `limit` of them after the
 * first `skip`. INT64_MIN: from the first on; INT64_MAX: those too that never wake by themselves.
 */
void script_wake_encode(struct script_call *call, const struct script_place *place, int64_t from_ms,
                        int64_t until_ms, size_t skip, size_t limit);
must_check int script_wake_decode(const struct redisReply *reply, struct script_source *ret_source,
                                  size_t *ret_n);
/* The topic's number of partitions: set if there is none yet, then read. `place` is of partition 0.
 */
void script_count_encode(struct script_call *call, const struct script_place *place, int32_t n);
/* 0 where the reply is none. */
int64_t script_count_decode(const struct redisReply *reply);
struct str script_wake_id(const struct redisReply *reply, size_t i, int64_t *ret_wake_ms);

/* ---- FORGET and DROP: `engaged rebuild`, and an owner that finds its work half done ---- */

/* In one step; a script of so many deletions takes some milliseconds. */
#define SCRIPT_DROP_STEP 1000

/* `mark`: of this act alone. `is_all`: that there were offsets, and the number of partitions, are
 * forgotten too. */
void script_forget_encode(struct script_call *call, const struct script_place *place,
                          struct str mark, bool is_all);

enum script_dropped {
    SCRIPT_DROP_MORE, /* call again with those that were named */
    SCRIPT_DROP_DONE,
    SCRIPT_DROP_OVER,   /* somebody else did it, or began anew */
    SCRIPT_DROP_FAILED, /* no reply of that script */
};

/* `last`: the reply of the step before; NULL for the first. */
void script_drop_encode(struct script_call *call, const struct script_place *place, struct str mark,
                        const struct redisReply *last);
/* `ret_n`: so many stakeholders are named. */
enum script_dropped script_drop_decode(const struct redisReply *reply, size_t *ret_n);
