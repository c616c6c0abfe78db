/* SPDX-License-Identifier: Apache-2.0 */
/* Looks, says what it would do and what is lost by it, asks, does it. */
#include "app/rebuild_impl.h"

#include "app/app.h"
#include "app/load.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "conf/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TIMEOUT_MS 10000
#define FIRST_MS   3000 /* to read the first record of a log, for its date */

__attribute__((format(printf, 1, 2))) static int fail(const char *format, ...)
{
    va_list args;

    fputs("engaged rebuild: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return EXIT_FAILURE;
}

/* ---- which partitions ---- */

static bool has_job(const struct rebuild *r, int32_t partition)
{
    for (size_t i = 0; i < r->n_jobs; i++) {
        if (r->jobs[i].partition == partition)
            return true;
    }
    return false;
}

static void add_job(struct rebuild *r, int32_t partition)
{
    const struct condition_facts *f = &r->o.parts[partition].facts;
    struct rebuild_job *job = &r->jobs[r->n_jobs++];

    *job = (struct rebuild_job){.partition = partition, .target = COMMIT_NONE, .at = COMMIT_NONE};
    job->plan = condition_plan(f, r->opts->is_start_over);
    if (f->read.status == COMMIT_READ_OK && f->read.offset > f->read.low)
        job->target = f->read.offset;
}

static int choose(struct rebuild *r)
{
    const struct rebuild_opts *opts = r->opts;
    int64_t id;

    r->jobs = mem_calloc((size_t)r->o.n_parts + 1, sizeof(*r->jobs));
    for (int32_t i = 0; i < r->o.n_parts && !opts->n_partitions; i++)
        add_job(r, i);
    for (size_t i = 0; i < opts->n_partitions; i++) {
        if (parse_i64(str_of(opts->partitions[i]), &id) || id < 0 || id >= r->o.n_parts)
            return fail("there is no partition %s: the topic %s has 0 to %d", opts->partitions[i],
                        r->o.topic, r->o.n_parts - 1);
        if (!has_job(r, (int32_t)id))
            add_job(r, (int32_t)id);
    }
    return 0;
}

/* ---- whether it can be ---- */

static bool sets_offsets(const struct rebuild *r)
{
    for (size_t i = 0; i < r->n_jobs; i++) {
        if (r->jobs[i].plan.sets)
            return true;
    }
    return false;
}

static int judge(const struct rebuild *r)
{
    for (size_t i = 0; i < r->n_jobs; i++) {
        const struct condition *c = &r->o.parts[r->jobs[i].partition].condition;
        const char *advice = condition_advice(c);
        struct buf says = BUF_INIT;

        if (!r->jobs[i].plan.is_refused)
            continue;
        condition_say(c, &says);
        fail("partition %d: %s: %s", r->jobs[i].partition, says.ptr,
             advice ? advice : "the group's offset or the log's bounds could not be read");
        buf_deinit(&says);
        return EXIT_FAILURE;
    }
    if (r->o.n_members > 0 && (r->opts->is_start_over || sets_offsets(r)))
        return fail("the group %s has %d members: stop every engaged of the group first, for its "
                    "offsets are to be set",
                    r->o.group, r->o.n_members);
    return 0;
}

/* ---- what it means ---- */

static void say_log(struct rebuild *r, const struct rebuild_job *job, struct buf *b)
{
    const struct commit_read *read = &r->o.parts[job->partition].facts.read;
    int64_t ms = -1;

    if (read->low == read->high) {
        buf_add_str(b, STR("the log is empty"));
        return;
    }
    ms = kafka_look_timestamp(r->o.kafka, r->o.topic, job->partition, read->low, FIRST_MS);
    buf_addf(b, "the log reaches back to record %lld", (long long)read->low);
    if (ms >= 0 && ms <= INSTANT_MAX_MS) {
        buf_add_str(b, STR(" of "));
        format_instant(b, ms);
    }
}

static void say_job(struct rebuild *r, const struct rebuild_job *job, struct buf *b)
{
    const struct outside_part *part = &r->o.parts[job->partition];

    buf_addf(b, "partition %d: ", job->partition);
    if (job->plan.drops)
        buf_addf(b, "%lld stakeholders are dropped; ", (long long)part->n_stakeholders);
    else if (part->facts.is_there)
        buf_add_str(b, STR("the checkpoint is good, and kept; "));
    else
        buf_add_str(b, STR("Redis has nothing of it; "));
    if (job->plan.sets)
        buf_addf(b, "the group's offset is set to %lld; ", (long long)job->plan.offset);
    say_log(r, job, b);
    if (job->plan.n_lost)
        buf_addf(b, "; %lld records before it were deleted unprocessed",
                 (long long)job->plan.n_lost);
    buf_add_str(b, STR(".\n"));
}

static void say(struct rebuild *r)
{
    struct buf b = BUF_INIT;

    for (size_t i = 0; i < r->n_jobs; i++)
        say_job(r, &r->jobs[i], &b);
    buf_add_str(&b, STR("What happened before the log begins is forgotten: stakeholders of whom it "
                        "has nothing are gone.\n"));
    if (r->opts->is_start_over)
        buf_add_str(&b, STR("Where the group has no offset, everything in the log is published, as "
                            "of a new deployment; time.backfill_until keeps what is old quiet.\n"));
    else
        buf_add_str(&b, STR("Triggers that are out are not published again.\n"));
    fputs(b.ptr, stderr);
    buf_deinit(&b);
}

static int ask(const struct rebuild *r)
{
    char line[16] = "";

    if (r->opts->is_yes)
        return 0;
    if (!isatty(STDIN_FILENO))
        return fail("nobody is there to be asked: say --yes");
    fputs("Go on? [y/N] ", stderr);
    if (!fgets(line, sizeof(line), stdin) || (line[0] != 'y' && line[0] != 'Y'))
        return fail("nothing was done");
    return 0;
}

/* ---- doing it ---- */

/* The offset first: were it the other way round, one that dies in between would leave a partition
 * that has lost its checkpoint and still stops. */
static int do_job(struct rebuild *r, struct rebuild_job *job)
{
    struct buf detail = BUF_INIT;
    int e = 0;

    job->epoch = r->o.parts[job->partition].epoch;
    if (job->plan.sets &&
        kafka_look_commit(r->o.kafka, r->o.topic, job->partition, job->plan.offset, &detail))
        e = fail("%s", detail.ptr);
    if (!e && job->plan.drops) {
        job->epoch++; /* FORGET takes one */
        if (!rebuild_drop(r, job, &detail))
            e = fail("%s", detail.ptr);
        else
            fprintf(stderr, "partition %d: %lld stakeholders dropped\n", job->partition,
                    (long long)job->n_dropped);
    }
    buf_deinit(&detail);
    return e;
}

static int do_all(struct rebuild *r)
{
    for (size_t i = 0; i < r->n_jobs; i++) {
        int e = do_job(r, &r->jobs[i]);

        if (e)
            return e;
    }
    if (r->o.n_members == 0) {
        fputs("Nobody runs: the next `engaged run` rebuilds.\n", stderr);
        return 0;
    }
    return r->opts->is_no_wait ? 0 : rebuild_wait(r);
}

static int run(struct rebuild *r)
{
    int e;

    if (!r->o.redis || r->o.redis_error.len)
        return fail("%s", r->o.redis_error.ptr);
    if (!r->o.kafka || r->o.kafka_error.len)
        return fail("%s", r->o.kafka_error.ptr);
    e = choose(r);
    if (!e)
        e = judge(r);
    if (e)
        return e;
    say(r);
    e = ask(r);
    return e ? e : do_all(r);
}

int rebuild_main(const struct rebuild_opts *opts)
{
    struct rebuild r = {.opts = opts, .timeout_ms = TIMEOUT_MS};
    struct conf *conf;
    int e;

    if (opts->timeout &&
        (parse_duration(str_of(opts->timeout), &r.timeout_ms) || r.timeout_ms < 100))
        return app_usage("--timeout takes a duration of 100ms or more, as in 10s");
    if (opts->is_start_over && opts->n_partitions)
        return app_usage("--start-over is for all partitions");
    conf = load_daemon_conf(opts->config);
    if (!conf)
        return EXIT_FAILURE;
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    outside_open(&r.o, conf, r.timeout_ms);
    e = run(&r);
    outside_close(&r.o);
    mem_free(r.jobs);
    conf_free(conf);
    return e;
}
