/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon rebuilds; how far it is, its checkpoints say. */
#include "app/rebuild_impl.h"

#include "base/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_MS     1000
#define TELL_MS     10000 /* where nobody sits at a terminal */
#define PATIENCE_MS 30000 /* nobody has the partitions for that long */

struct watching {
    struct rebuild *rebuild;
    int64_t began_ms, told_ms, moved_ms;
    int64_t n_first; /* records to go at the beginning */
    bool is_terminal;
};

/* The target was in the log when it was chosen; N absent: nothing is checkpointed yet. */
static void look_at(const struct outside_part *part, struct rebuild_job *job)
{
    const struct condition_facts *f = &part->facts;

    if (!f->has_redis || f->is_dropping)
        return;
    if (f->meta.offset != COMMIT_NONE)
        job->at = f->meta.offset;
    job->is_done = job->target == COMMIT_NONE ? part->epoch > job->epoch && f->has_owner
                                              : f->meta.offset >= job->target;
}

static int64_t to_go(const struct rebuild *r, size_t *ret_n_done)
{
    int64_t n = 0;

    *ret_n_done = 0;
    for (size_t i = 0; i < r->n_jobs; i++) {
        const struct rebuild_job *job = &r->jobs[i];
        int64_t from;

        *ret_n_done += job->is_done;
        if (job->is_done || job->target == COMMIT_NONE || job->partition >= r->o.n_parts)
            continue;
        from = r->o.parts[job->partition].facts.read.low;
        if (job->at > from)
            from = job->at;
        n += job->target > from ? job->target - from : 0;
    }
    return n;
}

static void tell(struct watching *w, int64_t n, size_t n_done)
{
    int64_t now_ms = outside_now_ms();
    double seconds = (double)(now_ms - w->began_ms) / 1000;
    double rate = seconds > 0 ? (double)(w->n_first - n) / seconds : 0;
    struct buf eta = BUF_INIT;
    bool is_over = n_done == w->rebuild->n_jobs;

    if (!w->is_terminal && !is_over && now_ms - w->told_ms < TELL_MS)
        return;
    w->told_ms = now_ms;
    if (rate > 0)
        format_duration(&eta, (int64_t)((double)n / rate * 1000));
    fprintf(stderr, "%s%zu of %zu partitions rebuilt, %lld records to go, %.0f a second, %s%s%s",
            w->is_terminal ? "\r\033[K" : "", n_done, w->rebuild->n_jobs, (long long)n, rate,
            eta.len ? "about " : "", eta.len ? eta.ptr : "no time known yet",
            w->is_terminal && !is_over ? "" : "\n");
    buf_deinit(&eta);
}

static void look(struct watching *w)
{
    struct rebuild *r = w->rebuild;

    outside_refresh(&r->o, r->timeout_ms);
    for (size_t i = 0; i < r->n_jobs; i++) {
        if (r->jobs[i].partition < r->o.n_parts)
            look_at(&r->o.parts[r->jobs[i].partition], &r->jobs[i]);
    }
}

/* For as long as somebody is at it. A fault of Kafka or Redis may pass. */
static bool is_given_up(struct watching *w)
{
    const struct outside *o = &w->rebuild->o;

    if (o->n_members != 0)
        w->moved_ms = outside_now_ms();
    return outside_now_ms() - w->moved_ms > PATIENCE_MS;
}

static int64_t stopped(const struct rebuild *r)
{
    for (size_t i = 0; i < r->n_jobs; i++) {
        int32_t p = r->jobs[i].partition;

        if (p < r->o.n_parts && r->o.parts[p].condition.kind == CONDITION_STOPPED)
            return p;
    }
    return -1;
}

int rebuild_wait(struct rebuild *r)
{
    struct watching w = {.rebuild = r,
                         .began_ms = outside_now_ms(),
                         .moved_ms = outside_now_ms(),
                         .is_terminal = isatty(STDERR_FILENO)};
    size_t n_done;
    int64_t n;

    w.n_first = to_go(r, &n_done);
    for (;;) {
        look(&w);
        if (r->o.n_parts) {
            n = to_go(r, &n_done);
            tell(&w, n, n_done);
        }
        if (n_done == r->n_jobs)
            return 0;
        if (stopped(r) >= 0) {
            fprintf(stderr, "\nengaged rebuild: partition %lld is stopped: see engaged status\n",
                    (long long)stopped(r));
            return EXIT_FAILURE;
        }
        if (is_given_up(&w)) {
            fputs("\nengaged rebuild: nobody runs any more; the next engaged run goes on\n",
                  stderr);
            return EXIT_FAILURE;
        }
        usleep(LOOK_MS * 1000);
    }
}
