/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a takeover costs, for operators: why it was, what it replays, how long a partition was
 * without triggers. A takeover begins when the partition is assigned, or when what is in memory of
 * it became void; it ends when all records below M are applied: from there on triggers are live.
 */
#include "app/daemon_impl.h"

#define TELL_MS 10000 /* from one line about a long replay to the next */

static int64_t now_of(const struct partition *p)
{
    return (int64_t)uv_now(p->daemon->loop);
}

static double seconds_since(const struct partition *p, int64_t ms)
{
    return (double)(now_of(p) - ms) / 1000;
}

void progress_begin(struct partition *p, const char *why)
{
    p->takeover = (struct takeover){.why = why,
                                    .is_under_way = true,
                                    .began_ms = now_of(p),
                                    .n_replayed = p->takeover.n_replayed,
                                    .seconds = p->takeover.seconds};
}

void progress_open(struct partition *p, const struct commit_action *action, bool is_from_log)
{
    struct takeover *t = &p->takeover;
    const struct commit_partition *c = commit_partition(&p->daemon->commit, p->id);

    t->is_open = true;
    t->is_rebuild = action->is_rebuild;
    t->from = action->offset;
    t->until = action->suppress_below > action->offset ? action->suppress_below : action->offset;
    t->at = t->from;
    t->n_suppressed = c->n_suppressed;
    t->opened_ms = t->told_ms = now_of(p);
    t->told_at = t->from;
    log_info("partition", "open", log_i64("partition", p->id), log_str("why", t->why),
             log_i64("offset", action->offset), log_i64("suppressed_below", action->suppress_below),
             log_i64("records_to_replay", t->until - t->from),
             log_str("from", is_from_log          ? "the log alone"
                             : action->is_as_left ? "what is in memory still"
                                                  : "the checkpoint"),
             log_double("seconds", seconds_since(p, t->began_ms)));
}

void progress_record(struct partition *p, int64_t timestamp_ms)
{
    struct takeover *t = &p->takeover;
    struct buf since = BUF_INIT;

    if (!t->is_rebuild || !t->is_under_way || t->has_begun)
        return;
    t->has_begun = true;
    if (timestamp_ms >= INSTANT_MIN_MS && timestamp_ms <= INSTANT_MAX_MS)
        format_instant(&since, timestamp_ms);
    log_info("partition", "rebuilding from the log", log_i64("partition", p->id),
             log_view("log_begins", buf_str(&since)), log_i64("offset", t->from),
             log_i64("records_to_replay", t->until - t->from));
    buf_deinit(&since);
}

/* At most one line in ten seconds. */
static void tell(struct partition *p)
{
    struct takeover *t = &p->takeover;
    double seconds = seconds_since(p, t->told_ms);
    double rate = (double)(t->at - t->told_at) / (seconds > 0 ? seconds : 1);

    if (now_of(p) - t->told_ms < TELL_MS)
        return;
    log_info("partition", "replaying", log_i64("partition", p->id), log_i64("offset", t->at),
             log_i64("records_to_replay", t->until - t->at), log_double("records_a_second", rate),
             log_double("seconds_to_go", rate > 0 ? (double)(t->until - t->at) / rate : -1));
    t->told_ms = now_of(p);
    t->told_at = t->at;
}

static void end(struct partition *p, const struct commit_partition *c)
{
    struct takeover *t = &p->takeover;

    t->is_under_way = false;
    t->seconds = seconds_since(p, t->began_ms);
    log_info("partition", "live", log_i64("partition", p->id), log_str("why", t->why),
             log_str("was", t->is_rebuild ? "rebuilt" : "replayed"),
             log_i64("replayed", t->until - t->from),
             log_i64("suppressed", (int64_t)(c->n_suppressed - t->n_suppressed)),
             log_double("replay_seconds", seconds_since(p, t->opened_ms)),
             log_double("seconds", t->seconds));
}

void progress_turn(struct partition *p)
{
    struct takeover *t = &p->takeover;
    const struct commit_partition *c = commit_partition(&p->daemon->commit, p->id);
    int64_t at;

    if (!t->is_under_way || !t->is_open || !c || c->state != COMMIT_RUNNING)
        return;
    at = c->applied < t->until ? c->applied : t->until;
    if (at > t->at) {
        t->n_replayed += (uint64_t)(at - t->at);
        t->at = at;
    }
    if (t->at >= t->until)
        end(p, c);
    else
        tell(p);
}

int64_t progress_to_go(const struct partition *p)
{
    const struct takeover *t = &p->takeover;

    return t->is_under_way && t->is_open && p->engine ? t->until - t->at : 0;
}

void progress_tell_stats(struct daemon *d)
{
    const struct commit_stats *now = &d->commit.stats, *then = &d->told_stats;

    if (now->n_stale == then->n_stale && now->n_redone == then->n_redone &&
        now->n_replays == then->n_replays)
        return;
    log_warn("daemon", "Redis had another owner or another state than we left",
             log_i64("writes_fenced", (int64_t)(now->n_stale - then->n_stale)),
             log_i64("checkpoints_sent_again", (int64_t)(now->n_redone - then->n_redone)),
             log_i64("partitions_replayed", (int64_t)(now->n_replays - then->n_replays)));
    d->told_stats = *now;
}
