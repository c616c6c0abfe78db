/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Outputs on their way to Kafka: triggers and dead letters, each tagged with the input record that
 * caused it. First in, first out. A batch is cut off the front and is kept, in flight, until its
 * transaction is known to be committed; of an aborted one, the outputs go back to the front.
 *
 * Owned by struct commit, which alone cuts, settles and drops; the daemon reads what is in flight
 * and counts bytes. Knows no Kafka.
 */
#include "base/list.h"
#include "base/str.h"

enum outbox_kind {
    OUTBOX_TRIGGER,
    OUTBOX_DEAD_LETTER,
};

struct outbox_header {
    struct str name;
    struct str value;
};

/* What is to be published; borrowed by outbox_add(), which copies it. */
struct outbox_record {
    enum outbox_kind kind;
    struct str key;       /* ptr NULL: no key */
    struct str value;     /* ptr NULL: no value */
    int64_t timestamp_ms; /* of the Kafka record; 0: the producer's own */
    const struct outbox_header *headers;
    size_t n_headers;
};

/* One output and its bytes, in one allocation. */
struct output {
    struct list in_queue;        /* in outbox.waiting or outbox.flight */
    struct list in_partition;    /* in outbox_lane.waiting, while it waits */
    int32_t partition;           /* of the input */
    int64_t offset;              /* of the input record */
    uint32_t ordinal;            /* among all outputs of that record, suppressed ones included */
    bool is_dropped;             /* in flight, but its partition was given up meanwhile */
    size_t n_bytes;              /* counted against the budget */
    struct outbox_record record; /* points into this allocation */
};

/* The waiting outputs of one input partition, in order. */
struct outbox_lane {
    struct list waiting;               /* of struct output */
    size_t n_flight;                   /* of this lane, in flight */
    const struct output *flight_first; /* borrowed; NULL when none is in flight */
};

struct outbox {
    struct list waiting; /* of struct output, over all partitions, as they came */
    struct list flight;  /* the batch that was handed over */
    size_t n_waiting;
    size_t n_flight;
    size_t n_bytes; /* both, with overhead */
};

void outbox_init(struct outbox *o);
/* Frees what is left in it. */
void outbox_deinit(struct outbox *o);
void outbox_lane_init(struct outbox_lane *lane);

/* Appends a copy. Outputs of a lane come in the order of (offset, ordinal). */
void outbox_add(struct outbox *o, struct outbox_lane *lane, int32_t partition, int64_t offset,
                uint32_t ordinal, const struct outbox_record *record);

/*
 * Another record in the place of one in flight, for an output that Kafka refuses for good (too
 * large): same input offset and ordinal, so that the count of what is out stays right.
 */
struct output *outbox_replace(struct outbox *o, struct output *old,
                              const struct outbox_record *record, struct outbox_lane *lane);

typedef struct outbox_lane *(*outbox_lane_fn)(void *ctx, int32_t partition);

/* Moves the front to flight (which must be empty): at most max_n outputs and, but for the first,
 * max_bytes. Returns how many. */
size_t outbox_cut(struct outbox *o, size_t max_n, size_t max_bytes, outbox_lane_fn lane_of,
                  void *ctx);
/* The batch in flight is committed: frees it. */
void outbox_commit(struct outbox *o, outbox_lane_fn lane_of, void *ctx);
/* The batch in flight was aborted: what was not dropped goes back to the front. */
void outbox_abort(struct outbox *o, outbox_lane_fn lane_of, void *ctx);
/* Frees what waits in the lane; what is in flight is marked, and freed when it is settled. */
void outbox_drop(struct outbox *o, struct outbox_lane *lane, int32_t partition);

/* The first waiting output of the lane, or NULL. */
const struct output *outbox_first(const struct outbox_lane *lane);
/* The first one that is not known to be out: in flight, or waiting; or NULL. */
const struct output *outbox_unsettled(const struct outbox_lane *lane);

#define OUTPUT_OF(node) CONTAINER_OF(node, struct output, in_queue)
/* for (...) over the outputs in flight, in order: OUTBOX_EACH_FLIGHT(it, o) { OUTPUT_OF(it) } */
#define OUTBOX_EACH_FLIGHT(it, o) LIST_EACH(it, &(o)->flight)
