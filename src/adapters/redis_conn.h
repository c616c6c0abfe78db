/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One connection to Redis on the loop: it connects, authenticates, selects, and comes back by
 * itself with growing pauses. Every command is answered exactly once, never before the call that
 * sent it has returned, with what is known: a reply, an error that the server said, "sent, and
 * nobody knows" or "never sent". It never sends a command twice.
 */
#include <uv.h>
#include "adapters/redis_url.h"
#include "base/err.h"
#include "base/str.h"

struct redis_conn;
struct redisReply;

enum redis_state { REDIS_STATE_DISCONNECTED, REDIS_STATE_CONNECTING, REDIS_STATE_READY };

enum redis_result {
    REDIS_RESULT_OK,       /* `reply` is not an error */
    REDIS_RESULT_ERROR,    /* the server answered with an error: see `fault` */
    REDIS_RESULT_UNKNOWN,  /* sent, or perhaps sent, and not answered: may still be carried out */
    REDIS_RESULT_NOT_SENT, /* certainly not carried out */
};

enum redis_fault {
    REDIS_FAULT_NONE,
    REDIS_FAULT_OTHER,
    REDIS_FAULT_LOADING,  /* the server is starting */
    REDIS_FAULT_READONLY, /* a replica, after a failover */
    REDIS_FAULT_OUT_OF_MEMORY,
    REDIS_FAULT_MISCONF, /* it cannot persist */
    REDIS_FAULT_NO_SCRIPT,
    REDIS_FAULT_MOVED,        /* or ASK, TRYAGAIN, CROSSSLOT: a cluster */
    REDIS_FAULT_CLUSTER_DOWN, /* or MASTERDOWN, NOREPLICAS */
    REDIS_FAULT_BUSY,         /* a script runs for too long */
    REDIS_FAULT_NO_AUTH,      /* or WRONGPASS, NOPERM */
    REDIS_FAULT_WRONG_TYPE,
};

struct redis_answer {
    enum redis_result result;
    enum redis_fault fault;
    const struct redisReply *reply; /* OK and ERROR; borrowed for the duration of the callback */
    struct str error;               /* ERROR, UNKNOWN, NOT_SENT: text; borrowed likewise */
};

typedef void (*redis_answer_fn)(void *ctx, const struct redis_answer *answer);

struct redis_conn_opts {
    const struct redis_url *url; /* borrowed during redis_conn_new only */
    int64_t connect_timeout_ms;  /* 0: 5 s; also for the greeting (AUTH, SELECT) */
    int64_t command_timeout_ms;  /* 0: 5 s; a command that takes longer, and no other one answered
                                    for  so long, closes the connection */
    int64_t backoff_min_ms;      /* 0: 100 ms */
    int64_t backoff_max_ms;      /* 0: 5 s */
    size_t max_pending;          /* commands under way; 0: 10,000 */
};

struct redis_conn_ops {
    /* Also told once per attempt that failed, with the reason (NULL when ready or closing). */
    void (*on_state)(void *ctx, enum redis_state state, const char *error);
};

struct redis_conn_stats {
    int64_t n_commands;
    int64_t n_errors;   /* answered with an error */
    int64_t n_unknown;  /* not answered */
    int64_t n_connects; /* that became ready */
    int64_t n_failures; /* attempts that did not, and connections lost */
    int64_t n_pending;  /* now */
    int64_t n_bytes;    /* handed over for sending */
};

#define REDIS_CONN_E_NO_TLS 1 /* rediss:// on a build without it; `detail` says so */

/* Begins to connect on the next turn of the loop. */
must_check int redis_conn_new(uv_loop_t *loop, const struct redis_conn_opts *opts,
                              const struct redis_conn_ops *ops, void *ctx,
                              struct redis_conn **ret_conn, struct buf *detail);
/* What is pending is answered UNKNOWN, then `done` comes, and it is freed. */
void redis_conn_close(struct redis_conn *c, void (*done)(void *ctx), void *ctx);

/* Sends one command; `fn` may be NULL. The arguments are copied. Not ready, or too many pending:
 * answered NOT_SENT on a later turn. */
void redis_conn_command(struct redis_conn *c, const struct str *args, size_t n, redis_answer_fn fn,
                        void *ctx);
/* The same with a deadline of its own (ms from now). */
void redis_conn_command_within(struct redis_conn *c, int64_t timeout_ms, const struct str *args,
                               size_t n, redis_answer_fn fn, void *ctx);
/* For commands of constant words, separated by single spaces. */
void redis_conn_words(struct redis_conn *c, const char *words, redis_answer_fn fn, void *ctx);
/* Closes the connection (all pending: UNKNOWN) and connects anew. */
void redis_conn_reset(struct redis_conn *c, const char *why);

enum redis_state redis_conn_state(const struct redis_conn *c);
/* Counts connections that became ready: 0 before the first. An answer and the question that it
 * leads to belong together only while this has not changed. */
uint64_t redis_conn_generation(const struct redis_conn *c);
/* There is room for `n` more pending commands. */
bool redis_conn_has_room(const struct redis_conn *c, size_t n);
struct redis_conn_stats redis_conn_stats(const struct redis_conn *c);

/* Looking into replies; each accepts NULL and replies of another type. */
bool redis_reply_is_nil(const struct redisReply *r);
/* Integers, and text that is one; else `otherwise`. */
int64_t redis_reply_i64(const struct redisReply *r, int64_t otherwise);
/* Strings and statuses; ptr NULL for everything else. */
struct str redis_reply_str(const struct redisReply *r);
/* Elements of an array; 0 for everything else. */
size_t redis_reply_n(const struct redisReply *r);
/* The i-th element, or NULL. */
const struct redisReply *redis_reply_at(const struct redisReply *r, size_t i);
