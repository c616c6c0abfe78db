/* SPDX-License-Identifier: Apache-2.0 */
/* From what is worst to what is well; the first that fits. */
#include "app/condition.h"

#include <inttypes.h>

static int64_t our_layout(void)
{
    const struct commit_opts opts = COMMIT_OPTS_INIT;

    return opts.layout;
}

static bool is_stopped(const struct condition_facts *f, enum commit_stop_reason *ret_reason)
{
    if (commit_refuses_count(f->n_then, f->n_now)) {
        *ret_reason = COMMIT_STOP_PARTITIONS;
        return true;
    }
    if (!f->has_redis || !f->is_there)
        return false;
    if (commit_refuses_meta(&f->meta, our_layout(), "", ret_reason))
        return true;
    return f->has_kafka && !f->is_dropping &&
           (f->read.status == COMMIT_READ_OK || f->read.status == COMMIT_READ_NONE) &&
           commit_refuses_offsets(&f->meta, &f->read, ret_reason);
}

/* From where records are not committed yet; -1: not known. */
static int64_t n_waiting(const struct condition_facts *f)
{
    int64_t from = f->read.status == COMMIT_READ_OK ? f->read.offset : f->meta.offset;

    if (!f->has_kafka || f->read.high < 0 || f->read.status == COMMIT_READ_UNSTABLE ||
        f->read.status == COMMIT_READ_FAILED)
        return -1;
    if (from < f->read.low)
        from = f->read.low;
    return f->read.high > from ? f->read.high - from : 0;
}

static struct condition make(enum condition_kind kind, int64_t n, bool needs_somebody)
{
    return (struct condition){.kind = kind, .n = n, .needs_somebody = needs_somebody};
}

/* Owned, and both halves were read. */
static struct condition running(const struct condition_facts *f)
{
    int64_t n = n_waiting(f), stored = f->meta.offset;

    if (f->read.status == COMMIT_READ_UNSTABLE || f->read.status == COMMIT_READ_FAILED)
        return make(CONDITION_M_UNKNOWN, -1, true);
    if (stored == COMMIT_NONE && f->read.status == COMMIT_READ_OK && f->read.offset > f->read.low)
        return make(CONDITION_REBUILDING, f->read.offset - f->read.low, false);
    if (n > 0)
        return make(CONDITION_BEHIND, n, false);
    if (stored == COMMIT_NONE && f->read.status == COMMIT_READ_NONE)
        return make(CONDITION_WAITING, 0, false);
    if (stored != COMMIT_NONE && f->read.status == COMMIT_READ_OK && stored < f->read.offset)
        return make(CONDITION_LAGGING, f->read.offset - stored, false);
    return make(CONDITION_CURRENT, 0, false);
}

struct condition condition_of(const struct condition_facts *f)
{
    struct condition stopped = make(CONDITION_STOPPED, 0, true);

    if (is_stopped(f, &stopped.reason))
        return stopped;
    if (!f->has_redis || !f->has_kafka)
        return make(CONDITION_NOT_READ, n_waiting(f), true);
    if (f->is_dropping)
        return make(CONDITION_DROPPING, 0, f->n_members == 0);
    if (!f->is_there)
        return make(CONDITION_NEVER_STARTED, n_waiting(f), true);
    if (f->n_members == 0 || !f->has_owner)
        return make(CONDITION_NO_OWNER, n_waiting(f), true);
    return running(f);
}

/* ---- words ---- */

const char *condition_name(enum condition_kind kind)
{
    static const char *const names[] = {
        [CONDITION_CURRENT] = "current",         [CONDITION_BEHIND] = "behind",
        [CONDITION_LAGGING] = "checkpoint_lags", [CONDITION_REBUILDING] = "rebuilding",
        [CONDITION_DROPPING] = "dropping",       [CONDITION_WAITING] = "waiting",
        [CONDITION_NO_OWNER] = "no_owner",       [CONDITION_NEVER_STARTED] = "never_started",
        [CONDITION_STOPPED] = "stopped",         [CONDITION_M_UNKNOWN] = "offset_unknown",
        [CONDITION_NOT_READ] = "not_read",
    };

    return names[kind];
}

static const char *records(int64_t n)
{
    return n == 1 ? "record" : "records";
}

static void say_waiting(const struct condition *c, struct buf *b)
{
    if (c->n > 0)
        buf_addf(b, ", %" PRId64 " %s waiting", c->n, records(c->n));
}

void condition_say(const struct condition *c, struct buf *b)
{
    switch (c->kind) {
    case CONDITION_CURRENT:
        buf_add_str(b, STR("current"));
        return;
    case CONDITION_BEHIND:
        buf_addf(b, "behind by %" PRId64 " %s", c->n, records(c->n));
        return;
    case CONDITION_LAGGING:
        buf_addf(b, "checkpoint lags M by %" PRId64 " %s", c->n, records(c->n));
        return;
    case CONDITION_REBUILDING:
        buf_addf(b, "rebuilding: %" PRId64 " %s to go at most", c->n, records(c->n));
        return;
    case CONDITION_DROPPING:
        buf_add_str(b, STR("being dropped, to be rebuilt"));
        return;
    case CONDITION_WAITING:
        buf_add_str(b, STR("waiting for its first record"));
        return;
    case CONDITION_NO_OWNER:
        buf_add_str(b, STR("no owner"));
        say_waiting(c, b);
        return;
    case CONDITION_NEVER_STARTED:
        buf_add_str(b, STR("never started"));
        say_waiting(c, b);
        return;
    case CONDITION_STOPPED:
        buf_addf(b, "stopped: %s", commit_stop_name(c->reason));
        return;
    case CONDITION_M_UNKNOWN:
        buf_add_str(b, STR("the group's offset is not to be had"));
        return;
    case CONDITION_NOT_READ:
        buf_add_str(b, STR("not known"));
        say_waiting(c, b);
        return;
    }
}

const char *condition_advice(const struct condition *c)
{
    switch (c->kind) {
    case CONDITION_STOPPED:
        return commit_stop_text(c->reason);
    case CONDITION_NO_OWNER:
    case CONDITION_NEVER_STARTED:
        return "start `engaged run --config FILE`; if it runs, its log says what it waits for";
    case CONDITION_DROPPING:
        return c->needs_somebody ? "a rebuild was begun, and nobody runs: start `engaged run "
                                   "--config FILE`, which finishes it, or run `engaged rebuild` "
                                   "again"
                                 : NULL;
    case CONDITION_M_UNKNOWN:
        return "a transaction is open, or the group's coordinator does not answer: look again; if "
               "it stays so, look at the brokers";
    case CONDITION_NOT_READ:
        return "what could not be reached is said above";
    case CONDITION_CURRENT:
    case CONDITION_BEHIND:
    case CONDITION_LAGGING:
    case CONDITION_REBUILDING:
    case CONDITION_WAITING:
        break;
    }
    return NULL;
}

/* ---- rebuilding ---- */

/* Where publishing goes on, where the group's offset is missing or the log does not hold it. */
static void plan_offset(const struct condition_facts *f, bool start_over,
                        struct condition_plan *plan)
{
    const struct commit_read *r = &f->read;
    int64_t offset = r->status == COMMIT_READ_OK ? r->offset : f->meta.committed;

    if (r->status == COMMIT_READ_NONE && (start_over || f->meta.committed == COMMIT_NONE))
        return; /* nothing was published of this log: from its beginning */
    plan->offset = offset;
    if (offset < r->low) {
        plan->offset = r->low;
        plan->n_lost = r->low - offset;
    } else if (offset > r->high) {
        plan->offset = start_over ? r->low : r->high;
    }
    plan->sets = r->status == COMMIT_READ_NONE || plan->offset != offset;
}

/* That alone may be enough: where the checkpoint is good, it is kept. */
static bool is_healed(const struct condition_facts *f, const struct condition_plan *plan)
{
    const struct commit_read then = {.status = COMMIT_READ_OK,
                                     .offset = plan->offset,
                                     .metadata = STR_NULL,
                                     .low = f->read.low,
                                     .high = f->read.high};
    enum commit_stop_reason reason;

    return f->read.status == COMMIT_READ_NONE && plan->sets &&
           !commit_refuses_meta(&f->meta, our_layout(), "", &reason) &&
           !commit_refuses_offsets(&f->meta, &then, &reason);
}

struct condition_plan condition_plan(const struct condition_facts *f, bool start_over)
{
    struct condition_plan plan = {.offset = COMMIT_NONE};
    struct condition c = condition_of(f);

    if (c.kind == CONDITION_M_UNKNOWN || f->read.low < 0 || f->read.high < 0 ||
        f->read.status == COMMIT_READ_FAILED || f->read.status == COMMIT_READ_UNSTABLE ||
        (c.kind == CONDITION_STOPPED && !start_over &&
         (c.reason == COMMIT_STOP_PARTITIONS || c.reason == COMMIT_STOP_TOPIC_REPLACED))) {
        plan.is_refused = true;
        return plan;
    }
    plan_offset(f, start_over, &plan);
    plan.drops = f->is_there && (start_over || !is_healed(f, &plan));
    return plan;
}
