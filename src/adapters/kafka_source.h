/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The consumer side of a group, on the loop. It fetches nothing until it is told where to start,
 * gives nothing back until it is told that all is settled, and commits nothing by itself.
 *
 *     on_assigned(parts)  ->  ... the owner finds out where each one stands ...
 *                         ->  kafka_source_start(parts with offsets), at once or in several calls
 *     on_revoked(parts)   ->  ... finish or abort, checkpoint ...  ->  kafka_source_release()
 *     on_lost(parts)      ->  nothing to answer: somebody else may own them already
 *
 * All calls and callbacks happen on the loop's thread. Callbacks never come before the call that
 * asked for them has returned.
 */
#include <uv.h>
#include "adapters/kafka_conf.h"

struct kafka_source;
struct rd_kafka_consumer_group_metadata_s;

/* One record, all borrowed for the duration of the callback. */
struct kafka_message {
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* -1: the record has none */
    bool is_append_time;  /* the broker's stamp, not the producer's */
    bool has_key;
    bool has_value;
    struct str key;
    struct str value;
    void *user;         /* from kafka_source_start */
    const void *handle; /* for kafka_message_header */
};

/* The last header of that name; false when there is none. A null header value has ptr NULL. */
bool kafka_message_header(const struct kafka_message *m, const char *name, struct str *ret_value);
/* The i-th header, in order; false behind the last. */
bool kafka_message_header_at(const struct kafka_message *m, size_t i, const char **ret_name,
                             struct str *ret_value);

struct kafka_source_ops {
    /* New partitions of ours; may be none. Nothing is fetched before kafka_source_start. */
    void (*on_assigned)(void *ctx, const struct kafka_part *parts, size_t n);
    /* To be given back. No message of them comes any more. Answer with kafka_source_release. */
    void (*on_revoked)(void *ctx, const struct kafka_part *parts, size_t n);
    /* Gone already (session lost): write nothing for them. Nothing to answer. */
    void (*on_lost)(void *ctx, const struct kafka_part *parts, size_t n);
    void (*on_message)(void *ctx, const struct kafka_message *m);
    /* The partition has been read to its end, as of now; `next_offset` will be the next one. */
    void (*on_eof)(void *ctx, const char *topic, int32_t partition, int64_t next_offset);
    /* The log has no such offset (any more). The partition stands still until it is sought. */
    void (*on_offset_outside)(void *ctx, const char *topic, int32_t partition, int64_t offset);
    /* Trouble that librdkafka goes on retrying, or (fatal) that only a new process cures. */
    void (*on_error)(void *ctx, bool fatal, const char *text);
    /* At the end of each turn in which messages were delivered; may be NULL. */
    void (*on_batch_end)(void *ctx);
};

struct kafka_source_opts {
    const struct kafka_property *properties; /* borrowed during kafka_source_new only */
    size_t n_properties;
    const char *const *topics; /* likewise */
    size_t n_topics;
    size_t slice; /* messages per turn of the loop; 0: 1000 */
};

struct kafka_source_stats {
    int64_t n_messages;
    int64_t n_bytes; /* keys and values */
    int64_t n_rebalances;
    int64_t n_lost; /* partitions lost */
    int64_t n_errors;
    int64_t n_stashed;  /* messages held for paused partitions, now */
    int64_t n_assigned; /* partitions, now */
};

/* `detail` takes the reason of a refusal (KAFKA_CONF_E_REJECTED). */
must_check int kafka_source_new(uv_loop_t *loop, const struct kafka_source_opts *opts,
                                const struct kafka_source_ops *ops, void *ctx,
                                struct kafka_source **ret_source, struct buf *detail);
/*
 * Leaves the group and closes, without blocking. What is still owned comes as on_revoked (or
 * on_lost) first and is to be released. `done` is the last callback; the source is freed then.
 */
void kafka_source_close(struct kafka_source *s, void (*done)(void *ctx), void *ctx);

/* Begins to fetch assigned partitions, each from its `offset` (>= 0), with its `user`. Parts that
 * are not assigned (any more) are passed over. */
void kafka_source_start(struct kafka_source *s, const struct kafka_part *parts, size_t n);
/* The answer to on_revoked. */
void kafka_source_release(struct kafka_source *s);

/*
 * Back-pressure. After kafka_source_pause, no message of the partition is delivered, not even of
 * the slice at hand. What was fetched already is kept, in order, and delivered first after
 * kafka_source_resume. Group membership is kept. Both are idempotent and cheap; an unassigned
 * partition is passed over.
 */
void kafka_source_pause(struct kafka_source *s, const char *topic, int32_t partition);
void kafka_source_resume(struct kafka_source *s, const char *topic, int32_t partition);
/* The next message delivered of this started partition is the first at or behind `offset`. Also
 * revives one that had its offset outside the log. A paused one stays paused. */
void kafka_source_seek(struct kafka_source *s, const char *topic, int32_t partition,
                       int64_t offset);

/*
 * The group's metadata as of now, for one batch; NULL unless we are a member with a generation.
 * Take it in the same turn as the decision that the partitions are ours. The caller owns it
 * (kafka_group_metadata_free, or it is handed to a batch).
 */
struct rd_kafka_consumer_group_metadata_s *kafka_source_group_metadata(struct kafka_source *s);
void kafka_group_metadata_free(struct rd_kafka_consumer_group_metadata_s *metadata);
/* The generation of such metadata, and whether its member id is non-empty. */
int32_t kafka_group_metadata_generation(const struct rd_kafka_consumer_group_metadata_s *metadata,
                                        bool *ret_has_member);

enum kafka_committed {
    KAFKA_COMMITTED_OFFSET,   /* there is one */
    KAFKA_COMMITTED_NONE,     /* the group has none: certain */
    KAFKA_COMMITTED_UNSTABLE, /* a transaction is open or its end is under way: ask again */
    KAFKA_COMMITTED_ERROR,    /* not known: ask again */
};

struct kafka_committed_part {
    const char *topic; /* all borrowed for the duration of the callback */
    int32_t partition;
    enum kafka_committed status;
    int64_t offset;
    struct str metadata; /* "" when none */
    const char *error;   /* text, for UNSTABLE and ERROR */
};

typedef void (*kafka_committed_fn)(void *ctx, const struct kafka_committed_part *parts, size_t n);
/* The group's offsets, read stable. One answer, with one entry per part, in the given order. */
void kafka_source_committed(struct kafka_source *s, const struct kafka_part *parts, size_t n,
                            kafka_committed_fn fn, void *ctx);

typedef void (*kafka_commit_fn)(void *ctx, const char *error); /* NULL: all committed */
/* A plain commit, for at-least-once delivery only: never mix it with transactional ones. */
void kafka_source_commit(struct kafka_source *s, const struct kafka_part *parts, size_t n,
                         kafka_commit_fn fn, void *ctx);

/* What the fetcher has seen of the log's bounds; false when nothing yet. Never asks a broker. */
bool kafka_source_high_watermark(struct kafka_source *s, const char *topic, int32_t partition,
                                 int64_t *ret_high);
typedef void (*kafka_watermarks_fn)(void *ctx, const char *error, int64_t low, int64_t high);
/* The log's bounds, asked of its leader on a helper thread (5 s at most). */
void kafka_source_watermarks(struct kafka_source *s, const char *topic, int32_t partition,
                             kafka_watermarks_fn fn, void *ctx);
typedef void (*kafka_count_fn)(void *ctx, const char *error, int32_t n_partitions);
/* How many partitions a topic has, likewise. */
void kafka_source_partition_count(struct kafka_source *s, const char *topic, kafka_count_fn fn,
                                  void *ctx);
typedef void (*kafka_ends_fn)(void *ctx, const char *error, const int64_t *ends, size_t n);
/* Where the logs end for who reads committed: one per part, in the given order; likewise. */
void kafka_source_ends(struct kafka_source *s, const struct kafka_part *parts, size_t n,
                       kafka_ends_fn fn, void *ctx);
typedef void (*kafka_offset_fn)(void *ctx, const char *error, int64_t offset);
/* The first offset whose record's time is at or behind `time_ms` (the end, if none), likewise. */
void kafka_source_offset_for_time(struct kafka_source *s, const char *topic, int32_t partition,
                                  int64_t time_ms, kafka_offset_fn fn, void *ctx);

struct kafka_source_stats kafka_source_stats(const struct kafka_source *s);
/* The next offset to be delivered; -1 when not started. */
int64_t kafka_source_position(const struct kafka_source *s, const char *topic, int32_t partition);
