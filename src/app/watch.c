/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at Redis where nothing else does. An idle partition writes and loads nothing, and would not
 * hear that somebody has emptied Redis or rebuilds it; a stopped one waits for somebody to act. So
 * every few seconds the fence and the version there are read, and the protocol is told.
 *
 * A partition that is being dropped (`engaged rebuild`) can be taken by nobody until that is done:
 * what its tool did not live to finish is finished here.
 */
#include "app/daemon_impl.h"
#include "base/mem.h"

#define GLANCE_MS 5000

/* ---- glances ---- */

struct glance {
    struct partition *partition;
    uint64_t life;
    bool is_stopped;
};

/* The first look at a stopped partition says what is there; another fence later, that somebody
 * acted. */
static void look_at_stopped(struct partition *p, struct commit_fence fence)
{
    if (!p->has_stop_fence) {
        p->has_stop_fence = true;
        p->stop_fence = fence;
    } else if (p->stop_fence.epoch != fence.epoch || p->stop_fence.token != fence.token) {
        log_info("daemon", "somebody acted on a stopped partition; it is taken over again",
                 log_i64("partition", p->id));
        progress_begin(p, "somebody acted on it");
        commit_retry(&p->daemon->commit, p->id);
        daemon_check_count(p->daemon);
    }
}

static void on_glance(void *ctx, const struct redis_answer *answer)
{
    struct glance *g = ctx;
    struct partition *p = g->partition;
    const struct commit_partition *c = commit_partition(&p->daemon->commit, p->id);
    struct script_source source;
    size_t n;
    bool is_answer =
        answer->result == REDIS_RESULT_OK && !script_wake_decode(answer->reply, &source, &n);

    if (is_answer && g->life == p->life && c->state == COMMIT_STOPPED && g->is_stopped)
        look_at_stopped(p, source.fence);
    else if (is_answer && g->life == p->life && c->state == COMMIT_RUNNING && !g->is_stopped &&
             !commit_loaded(&p->daemon->commit, p->id, source.fence, source.version))
        log_info("daemon", "Redis has not what was left there; it is looked at again",
                 log_i64("partition", p->id));
    mem_free(g);
}

/* A reading of wake-ups that asks for none: the fence and the version are what matters. */
static void glance(struct partition *p, bool is_stopped)
{
    struct daemon *d = p->daemon;
    struct glance *g = mem_alloc(sizeof(*g));

    *g = (struct glance){p, p->life, is_stopped};
    script_wake_encode(&d->call, &p->place, INT64_MIN, INT64_MIN, 0, 0);
    redis_script_call(&d->wake, d->redis, script_call_keys(&d->call), d->call.n_keys,
                      script_call_args(&d->call), script_call_n_args(&d->call), on_glance, g);
}

void watch_run(struct daemon *d)
{
    int64_t now_ms = (int64_t)uv_now(d->loop);

    if (redis_conn_state(d->redis) != REDIS_STATE_READY || now_ms - d->glanced_ms < GLANCE_MS)
        return;
    d->glanced_ms = now_ms;
    for (size_t i = 0; i < d->n_partitions; i++) {
        const struct commit_partition *c = commit_partition(&d->commit, (int32_t)i);

        if (c && d->partitions[i] && (c->state == COMMIT_RUNNING || c->state == COMMIT_STOPPED))
            glance(d->partitions[i], c->state == COMMIT_STOPPED);
    }
}

void watch_stopped(struct partition *p)
{
    p->has_stop_fence = false;
    glance(p, true);
}

/* ---- what a rebuild has begun ---- */

struct dropping {
    struct partition *partition;
    struct buf mark;
    size_t n_dropped;
};

static void drop_step(struct dropping *k, const struct redisReply *last);

static void end_dropping(struct dropping *k)
{
    k->partition->is_dropping = false;
    buf_deinit(&k->mark);
    mem_free(k);
}

static void on_dropped(void *ctx, const struct redis_answer *answer)
{
    struct dropping *k = ctx;
    size_t n = 0;
    enum script_dropped dropped = SCRIPT_DROP_FAILED;

    if (answer->result == REDIS_RESULT_OK)
        dropped = script_drop_decode(answer->reply, &n);
    if (dropped == SCRIPT_DROP_MORE && k->partition->daemon->state != DAEMON_CLOSING) {
        k->n_dropped += n;
        drop_step(k, answer->reply);
        return;
    }
    if (dropped == SCRIPT_DROP_DONE)
        log_info("daemon", "what Redis had of a partition is dropped; it is rebuilt from the log",
                 log_i64("partition", k->partition->id),
                 log_i64("stakeholders", (int64_t)k->n_dropped));
    end_dropping(k); /* what failed is begun again with the next ACQUIRE that finds the mark */
}

static void drop_step(struct dropping *k, const struct redisReply *last)
{
    struct daemon *d = k->partition->daemon;

    script_drop_encode(&d->call, &k->partition->place, buf_str(&k->mark), last);
    redis_script_call(&d->drop, d->redis, script_call_keys(&d->call), d->call.n_keys,
                      script_call_args(&d->call), script_call_n_args(&d->call), on_dropped, k);
}

void watch_drop(struct partition *p, struct str mark)
{
    struct dropping *k;

    if (p->is_dropping)
        return;
    p->is_dropping = true;
    log_info("daemon", "a partition is being dropped, to be rebuilt", log_i64("partition", p->id));
    k = mem_calloc(1, sizeof(*k));
    k->partition = p;
    buf_add_str(&k->mark, mark);
    drop_step(k, NULL);
}
