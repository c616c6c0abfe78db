/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * In what condition a partition is, in words, from what Kafka and Redis say of it. Pure: no I/O, no
 * clock. What stops the daemon is decided by the daemon's own code (commit_stop.c).
 */
#include "app/commit.h"

/* What Redis and Kafka say of one partition. */
struct condition_facts {
    bool has_redis, has_kafka; /* false: that half could not be read */
    bool is_there;             /* Redis has a meta of it */
    bool is_dropping;          /* it is being dropped, to be rebuilt */
    struct commit_meta meta;   /* of Redis: offset N, committed, layout, topic_id are looked at */
    bool has_owner;            /* somebody took it and has not given it back */
    struct commit_read read;   /* M and the log's bounds */
    int64_t n_then, n_now;     /* partitions of the topic: that the state is of, and now; 0: not
                                  known */
    int n_members;             /* of the group; -1: not known */
};

enum condition_kind {
    CONDITION_CURRENT,
    CONDITION_BEHIND,     /* records wait that are not committed */
    CONDITION_LAGGING,    /* all is committed, and Redis does not have all of it yet */
    CONDITION_REBUILDING, /* from the log, up to M */
    CONDITION_DROPPING,   /* `engaged rebuild` was begun */
    CONDITION_WAITING,    /* owned, and nothing has come yet */
    CONDITION_NO_OWNER,   /* nobody runs, or nobody has it */
    CONDITION_NEVER_STARTED,
    CONDITION_STOPPED,   /* until somebody acts */
    CONDITION_M_UNKNOWN, /* the group's offset could not be read, or is not stable */
    CONDITION_NOT_READ,  /* Kafka or Redis, or both */
};

struct condition {
    enum condition_kind kind;
    enum commit_stop_reason reason; /* STOPPED */
    int64_t n; /* BEHIND, LAGGING, REBUILDING, NO_OWNER: records; -1: not known */
    bool needs_somebody;
};

struct condition condition_of(const struct condition_facts *facts);
/* "behind", for programs. */
const char *condition_name(enum condition_kind kind);
/* "behind by 12 records", for people. */
void condition_say(const struct condition *c, struct buf *b);
/* One sentence on what to do; NULL: nothing. */
const char *condition_advice(const struct condition *c);

/* What `engaged rebuild` would do to a partition. */
struct condition_plan {
    bool is_refused; /* it would not heal that */
    bool drops;      /* what Redis has of it */
    bool sets;       /* the group's offset, to `offset` */
    int64_t offset;
    int64_t n_lost; /* records that were deleted unprocessed; 0: none that we know of */
};

/* `start_over`: the offsets and what was published count for nothing any more. Kafka and Redis were
 * both read. */
struct condition_plan condition_plan(const struct condition_facts *facts, bool start_over);
