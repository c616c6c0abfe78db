/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between the rooms of the protocol only: commit.c, commit_takeover.c, commit_publish.c and
 * commit_checkpoint.c. */
#include "app/commit.h"

/* Over all partitions ever assigned. */
#define COMMIT_EACH(p, c)                                                                          \
    for (size_t p##_i = 0; p##_i < (c)->n_partitions; p##_i++)                                     \
        for (struct commit_partition *p = (c)->partitions[p##_i]; p; p = NULL)

struct commit_partition *commit_get(struct commit *c, int32_t partition);
/* Queues an action; p may be NULL. The caller fills in the rest at once. */
struct commit_action *commit_act(struct commit *c, enum commit_action_kind kind,
                                 struct commit_partition *p);
uint64_t commit_ticket(struct commit *c);
/* Whether that time has come; if not, commit_due() will remember it. */
bool commit_is_time(struct commit *c, int64_t at_ms);
/* Doubles the wait between retry_ms and retry_max_ms; returns when it ends. */
int64_t commit_backoff(struct commit *c, int64_t *wait_ms);

/* Where p stands: every output before is published / handed over; less than the committed one
 * while a replay has not come so far. Offset COMMIT_NONE: not known. */
struct commit_position commit_published(const struct commit_partition *p);
bool commit_is_after(struct commit_position a, struct commit_position b);

bool commit_is_same_fence(struct commit_fence a, struct commit_fence b);

/* commit_takeover.c */
struct commit_position commit_read_position(const struct commit_read *read);
void takeover_step(struct commit *c);
/* What Redis has of p is not certain any more: to be looked at again. */
void takeover_doubt(struct commit_partition *p);
/* Forgets all that is in memory of p. */
void takeover_drop(struct commit *c, struct commit_partition *p);
/* Takes p over from ourselves: drop, acquire, read, replay. */
void takeover_again(struct commit *c, struct commit_partition *p);
/* It is about to be given back: notes what of it is kept. */
void takeover_leave(const struct commit *c, struct commit_partition *p);

/* commit_publish.c */
void publish_step(struct commit *c);
/* Whether the transaction in flight, or not yet understood, may move p's committed offset. */
bool publish_concerns(const struct commit *c, const struct commit_partition *p);
/* p is dropped: the outcome of what is in flight does not concern its new life. */
void publish_forget(struct commit *c, const struct commit_partition *p);
/* Whether p has outputs or offsets that a transaction could take along now. */
bool publish_is_behind(const struct commit *c, const struct commit_partition *p);
/* Takes the answer if the ticket is its own. */
bool publish_verified(struct commit *c, int32_t partition, uint64_t ticket,
                      const struct commit_read *read);

/* commit_checkpoint.c */
void checkpoint_step(struct commit *c);
/* Whether p has state that a checkpoint could take along now. */
bool checkpoint_is_behind(const struct commit *c, const struct commit_partition *p);
/* While a drain stores: whether p has a checkpoint under way, or could have one begun since. */
bool checkpoint_is_awaited(const struct commit *c, const struct commit_partition *p);
/* Whether Redis has p as it was left, chunks of the cut that was under way perhaps included. */
bool checkpoint_is_as_left(const struct commit_partition *p);
/* p is opened as it was left: the checkpoint goes on from there. */
void checkpoint_go_on(struct commit *c, struct commit_partition *p);
/* The chunk answers to come are to be ignored; the cut is kept. */
void checkpoint_interrupt(struct commit_partition *p);
/* Redis was acquired again: true if it has what we know of, chunks of the cut under way perhaps
 * included. */
bool checkpoint_matches(struct commit *c, struct commit_partition *p,
                        const struct commit_meta *meta);
