/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A small world around the protocol: a Kafka (input log, group with generations, transactions), a
 * Redis (scripts, failover to an earlier state) and two workers that run struct commit with a
 * trivial engine. All of it is driven by one queue of events in simulated time and one seed: the
 * same seed is the same schedule. One seed in five is delivered at least once, and one of five of
 * these has no fault at all; one in sixteen has the group's offsets expire, and one in sixteen has
 * the log lose its beginning.
 */
#include "app/commit.h"

#include <stdio.h>

#define N_WORKERS    2
#define N_PARTITIONS 2
#define N_KEYS       4
#define LOG_MAX      24
#define OUT_MAX      512 /* outputs that one partition's log implies, at most */

/* What a schedule can be made without, to see that its absence is noticed. */
enum breakage {
    BREAK_NOTHING,
    BREAK_STABLE_READ,  /* M is read though a transaction is pending */
    BREAK_CAS,          /* scripts do not compare seq */
    BREAK_SUPPRESSION,  /* a replay publishes again */
    BREAK_METADATA,     /* a zombie takes the group's generation anew */
    BREAK_GENERATION,   /* generation -1: not validated by the broker */
    BREAK_CLOCK,        /* outputs depend on when a record is applied */
    BREAK_NEW_PRODUCER, /* after an unanswered EndTxn the same producer goes on */
    BREAK_COUNT,        /* a record's outputs in two transactions, without the count */
    BREAK_COLD_LOAD,    /* what a Redis that went back says is used */
    BREAK_EXPIRED,      /* resumes at N though the group's offsets are gone */
    BREAK_KEPT,         /* what was in memory before a rebalance is used, whatever Redis has */
    N_BREAKAGES,
};

extern const char *const breakage_names[N_BREAKAGES];

/* One output as it is published: what the reference implies, and what consumers see. */
struct out {
    int32_t partition;
    int64_t offset;
    int32_t key;
    int32_t nth;
    int64_t count; /* the key's state: a wrong one shows */
};

struct world_result {
    bool is_good;
    char text[400]; /* what is wrong */
    uint64_t n_events;
    struct commit_stats stats; /* summed over workers and lives */
    uint64_t n_crashes, n_zombies, n_failovers, n_rebalances, n_outputs;
};

/* Runs one schedule. `trace` may be NULL. */
void world_run(uint64_t seed, enum breakage breakage, FILE *trace, struct world_result *ret_result);
