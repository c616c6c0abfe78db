/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a partition cannot go on safely, why, and what somebody must do. The daemon decides by it
 * when it takes a partition over, `engaged status` and `engaged rebuild` when they look from
 * outside: there is one decision, not two.
 */
#include "app/commit_impl.h"

/* ---- stopping, and going on ---- */

/* Where the log began a moment ago it may not begin any more: look again. */
static bool is_at_beginning(const struct commit_partition *p)
{
    return p->state == COMMIT_RUNNING && p->stored == COMMIT_NONE && !p->is_dirty && !p->in_record;
}

void commit_stop(struct commit *c, int32_t partition, enum commit_stop_reason reason)
{
    struct commit_partition *p = commit_get(c, partition);
    struct commit_action *a;

    if (!p || p->state == COMMIT_UNOWNED || p->state == COMMIT_STOPPED)
        return;
    if (reason == COMMIT_STOP_OUTSIDE_LOG && is_at_beginning(p)) {
        takeover_again(c, p);
        return;
    }
    takeover_drop(c, p);
    p->left.is_there = false;
    p->state = COMMIT_STOPPED;
    p->acquire_ticket = 0;
    c->stats.n_stopped++;
    a = commit_act(c, COMMIT_STOP, p);
    a->reason = reason;
    a->text = commit_stop_text(reason);
}

void commit_retry(struct commit *c, int32_t partition)
{
    struct commit_partition *p = commit_get(c, partition);

    if (!p || p->state != COMMIT_STOPPED)
        return;
    takeover_doubt(p);
    p->state = COMMIT_ACQUIRING;
    p->acquire_at_ms = p->read_at_ms = c->now_ms;
    p->acquire_wait_ms = p->read_wait_ms = 0;
}

/* ---- the decision ---- */

bool commit_refuses_meta(const struct commit_meta *meta, int64_t layout, const char *topic_id,
                         enum commit_stop_reason *ret_reason)
{
    if (meta->layout && meta->layout != layout) {
        *ret_reason = COMMIT_STOP_LAYOUT;
        return true;
    }
    if (topic_id[0] && meta->topic_id.len && !str_eq(meta->topic_id, str_of(topic_id))) {
        *ret_reason = COMMIT_STOP_TOPIC_REPLACED;
        return true;
    }
    return false;
}

static bool is_outside(int64_t offset, const struct commit_read *read)
{
    return (read->low != COMMIT_NONE && offset < read->low) ||
           (read->high != COMMIT_NONE && offset > read->high);
}

/* Neither where state starts nor where publishing goes on may be missing from the log. */
static bool is_in_log(int64_t stored, int64_t committed, const struct commit_read *read)
{
    if (stored != COMMIT_NONE && is_outside(stored, read))
        return false;
    return committed == COMMIT_NONE || committed <= stored || !is_outside(committed, read);
}

/* The group's offset goes with the topic when that is deleted; and no log ends before what was once
 * published of it. */
static enum commit_stop_reason missing(const struct commit_meta *meta,
                                       const struct commit_read *read)
{
    return read->high != COMMIT_NONE && read->high < meta->committed ? COMMIT_STOP_TOPIC_REPLACED
                                                                     : COMMIT_STOP_OFFSETS_EXPIRED;
}

bool commit_refuses_offsets(const struct commit_meta *meta, const struct commit_read *read,
                            enum commit_stop_reason *ret_reason)
{
    int64_t committed = commit_read_position(read).offset;

    if (committed == COMMIT_NONE && meta->committed != COMMIT_NONE) {
        *ret_reason = missing(meta, read);
        return true;
    }
    if (!is_in_log(meta->offset, committed, read)) {
        *ret_reason = COMMIT_STOP_OUTSIDE_LOG;
        return true;
    }
    return false;
}

bool commit_refuses_count(int64_t then, int64_t now)
{
    return then > 0 && now > 0 && then != now;
}

/* ---- names ---- */

const char *commit_stop_name(enum commit_stop_reason reason)
{
    static const char *const names[] = {
        [COMMIT_STOP_OFFSETS_EXPIRED] = "offsets_expired",
        [COMMIT_STOP_OUTSIDE_LOG] = "outside_log",
        [COMMIT_STOP_TOPIC_REPLACED] = "topic_replaced",
        [COMMIT_STOP_LAYOUT] = "layout",
        [COMMIT_STOP_PARTITIONS] = "partitions",
    };

    return names[reason];
}

const char *commit_stop_text(enum commit_stop_reason reason)
{
    static const char *const texts[] = {
        [COMMIT_STOP_OFFSETS_EXPIRED] =
            ("the group's committed offset is gone, though there was one: it expired or was "
             "reset. Stop every engaged of the group; then `engaged rebuild --config FILE "
             "--partition N` sets the offset to where Redis last saw it. What was published after "
             "that comes once more, with the same ids"),
        [COMMIT_STOP_OUTSIDE_LOG] =
            ("the log does not hold the offset to go on from: records were deleted before they "
             "were processed, or the log was cut. Restore the topic; or stop every engaged of the "
             "group, and `engaged rebuild --config FILE --partition N` rebuilds the partition from "
             "what the log holds"),
        [COMMIT_STOP_TOPIC_REPLACED] =
            ("the input topic was deleted and created anew: what Redis and the group have belongs "
             "to the old one. Stop every engaged of the group; then `engaged rebuild --config FILE "
             "--start-over` forgets it, and the new topic is read from its beginning"),
        [COMMIT_STOP_LAYOUT] =
            ("Redis holds this partition in another layout: another version of engaged, or "
             "another program, wrote it. Use that version, or another redis.prefix; or `engaged "
             "rebuild --config FILE --partition N` drops it and rebuilds it from the log"),
        [COMMIT_STOP_PARTITIONS] =
            ("the number of input partitions changed, which moves stakeholders away from their "
             "state and their history. Copy the topic to a new one with the number that is "
             "wanted, set kafka.topics.events to it and time.backfill_until to now; or, to go on "
             "with stakeholders that begin anew where they are now, stop every engaged of the "
             "group and run `engaged rebuild --config FILE --start-over`"),
    };

    return texts[reason];
}
