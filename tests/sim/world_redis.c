/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Redis of the simulated world: the scripts of src/app/scripts_lua.c, one after the other, each
 * whole; a history, so that a failover can take back what was acknowledged; and, at each write,
 * the look whether anything gets in that is not published.
 */
#include "world_impl.h"
#include "base/mem.h"

static const struct redis_partition nothing = {
    .offset = COMMIT_NONE,
    .committed = COMMIT_NONE,
    .owner = -1,
    .predecessor = -1,
    .keys = {{.applied = -1}, {.applied = -1}, {.applied = -1}, {.applied = -1}},
};

void redis_init(struct redis *r)
{
    for (int p = 0; p < N_PARTITIONS; p++)
        r->now.partitions[p] = nothing;
    r->history[r->n_history++ % HISTORY] = r->now;
}

void redis_deinit(struct redis *r)
{
    mem_free(r->scripts);
}

void redis_fail_over(struct world *w, size_t n)
{
    struct redis *r = &w->redis;

    if (n >= HISTORY)
        n = HISTORY - 1;
    if (n >= r->n_history)
        n = r->n_history - 1;
    r->n_history -= n;
    r->now = r->history[(r->n_history - 1) % HISTORY];
}

/* Nothing that is not published (or being so, for certain) may be in Redis. */
static void check_published(struct world *w, int32_t partition, int64_t below)
{
    const struct input *in = &w->inputs[partition];

    for (int i = 0; i < in->n_expected && in->expected[i].offset < below; i++) {
        if (!in->is_decided[i])
            world_fail(w, "Redis holds partition %d up to %d, but the output of %d is not out",
                       partition, (int)below, (int)in->expected[i].offset);
    }
}

static void acquire(struct world *w, struct script *s, struct redis_partition *p)
{
    s->was = *p;
    if (w->breakage == BREAK_EXPIRED)
        s->was.committed = COMMIT_NONE;
    if (p->owner >= 0 && p->owner != s->worker)
        p->predecessor = p->owner;
    s->was.predecessor = p->predecessor;
    p->owner = s->worker;
    p->layout = 1;
    p->fence.epoch = (p->fence.epoch > s->known_epoch ? p->fence.epoch : s->known_epoch) + 1;
    p->fence.token = s->fence.token;
    s->ret_fence = p->fence;
}

static bool is_same_fence(struct commit_fence a, struct commit_fence b)
{
    return a.epoch == b.epoch && a.token == b.token;
}

static void write_chunk(struct world *w, struct script *s, struct redis_partition *p)
{
    s->answer = COMMIT_STALE;
    if (!is_same_fence(p->fence, s->fence) ||
        (w->breakage != BREAK_CAS &&
         (p->version.seq != s->seq || !is_same_fence(p->version.writer, s->writer))))
        return;
    s->answer = COMMIT_OK;
    p->version = (struct commit_version){.seq = s->seq + 1, .writer = s->fence};
    if (s->key >= 0) {
        p->keys[s->key] = s->state;
        check_published(w, s->partition, s->state.applied + 1);
    }
    if (!s->is_last)
        return;
    p->offset = s->offset;
    if (s->committed != COMMIT_NONE)
        p->committed = s->committed;
    check_published(w, s->partition, s->offset);
}

static void load(struct script *s, const struct redis_partition *p)
{
    s->ret_fence = p->fence;
    s->ret_version = p->version;
    s->state = p->keys[s->key];
}

/* In order, as on one connection. */
static void answer(struct world *w, const struct script *s, int id)
{
    struct worker *worker = &w->workers[s->worker];
    int64_t at = w->now + world_delay(w);

    if (at <= worker->last_answer_at)
        at = worker->last_answer_at + 1;
    worker->last_answer_at = at;
    world_at(w, at - w->now, EV_SCRIPT_ANSWER, s->worker, s->life, id, 0);
}

/* `e->b`: a copy, of which nobody hears. */
static void on_script(struct world *w, const struct event *e)
{
    static const char *const names[] = {"acquire", "write", "load"};
    struct redis *r = &w->redis;
    struct script copy = r->scripts[e->a];
    struct script *s = e->b ? &copy : &r->scripts[e->a];
    struct redis_partition *p = &r->now.partitions[s->partition];

    s->answer = COMMIT_OK;
    if (world_chance(w, 2)) {
        s->answer = COMMIT_REFUSED;
    } else if (s->kind == SCRIPT_ACQUIRE) {
        acquire(w, s, p);
    } else if (s->kind == SCRIPT_WRITE) {
        write_chunk(w, s, p);
    } else {
        load(s, p);
    }
    TRACE(w, "redis: %s of worker %d partition %d epoch %d seq %d key %d last %d: %d%s",
          names[s->kind], s->worker, s->partition, (int)s->fence.epoch, (int)s->seq, s->key,
          s->is_last, s->answer, e->b ? " (copy)" : "");
    if (s->kind != SCRIPT_LOAD)
        r->history[r->n_history++ % HISTORY] = r->now;
    if (!e->b)
        answer(w, s, e->a);
}

void redis_event(struct world *w, const struct event *e)
{
    on_script(w, e);
}
