/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A deployment as it is seen from outside, by `engaged status` and `engaged rebuild`: what Kafka
 * and Redis say of every partition, whether or not a daemon runs. Blocks, within a time-out. What
 * could not be read is said, and the other half is there all the same.
 */
#include "adapters/kafka_look.h"
#include "adapters/redis_wait.h"
#include "app/condition.h"
#include "app/scripts.h"
#include "base/hash.h"

struct conf;

struct outside_part {
    struct condition_facts facts;
    struct condition condition;
    char owner[COMMIT_ID_MAX];   /* transactional.id; "" where it was given back */
    char config[DIGEST_HEX + 1]; /* of the checkpoint */
    int64_t epoch, seq;
    bool has_clock;
    int64_t clock_ms;
    int64_t n_stakeholders; /* in Redis */
};

struct outside {
    const struct conf *conf;  /* borrowed */
    char *topic, *group;      /* owned, NUL-terminated */
    struct redis_wait *redis; /* owned; NULL: see redis_error */
    struct kafka_look *kafka; /* owned; NULL likewise, or when the brokers do not answer */
    struct buf redis_error, kafka_error; /* "" where all went well */
    int64_t n_then;                      /* partitions that the state is of; 0: not known */
    int n_members;                       /* of the group; -1: not known */
    char policy[32];                     /* maxmemory-policy; "": not known */
    int64_t used_bytes, max_bytes;       /* of Redis; -1: not known; max 0: no limit */
    struct outside_part *parts;          /* owned */
    int32_t n_parts;
    int64_t deadline_ms; /* monotonic: of what is going on */
};

/* Connects to both and reads everything once. `conf` has its secrets (conf_require_daemon()). */
void outside_open(struct outside *o, const struct conf *conf, int64_t timeout_ms);
void outside_close(struct outside *o);
/* Reads everything again. */
void outside_refresh(struct outside *o, int64_t timeout_ms);
struct script_place outside_place(const struct outside *o, int32_t partition);
/* Whether Redis may take state away: see the README on maxmemory-policy. */
bool outside_is_evicting(const struct outside *o);
int64_t outside_now_ms(void);
