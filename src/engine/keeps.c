/* SPDX-License-Identifier: Apache-2.0 */
/* A window at t holds what is after t - W, and only loses entries while no event comes. */
#include "engine/keeps.h"

#include <math.h>

void keeps_deinit(struct profile *p, const struct model *m)
{
    for (size_t i = 0; i < m->n_keeps; i++)
        keep_deinit(&profile_keeps(p)[i], m->keeps[i].kind);
}

size_t keeps_bytes(const struct profile *p, const struct model *m)
{
    size_t n = 0;

    for (size_t i = 0; i < m->n_keeps; i++)
        n += keep_bytes(&profile_keeps(p)[i], m->keeps[i].kind);
    return n;
}

void keeps_pack(const struct profile *p, const struct model *m, struct buf *out)
{
    struct buf bytes = BUF_INIT;

    for (size_t i = 0; i < m->n_keeps; i++) {
        if (keep_is_empty(&profile_keeps(p)[i], m->keeps[i].kind))
            continue;
        buf_reset(&bytes);
        keep_pack(&profile_keeps(p)[i], m->keeps[i].kind, &bytes);
        wire_put_fixed(out, m->keeps[i].tag, 4);
        wire_put_u64(out, (uint64_t)m->keeps[i].kind);
        wire_put_str(out, buf_str(&bytes));
    }
    buf_deinit(&bytes);
}

static void unpack_one(struct keep *k, enum keep_kind kind, struct str bytes, struct wire *in)
{
    struct wire inner = wire_of(bytes);

    keep_deinit(k, kind);
    keep_unpack(k, kind, &inner);
    in->is_bad |= inner.is_bad || inner.at != inner.end;
}

void keeps_unpack(struct profile *p, const struct model *m, struct wire *in)
{
    while (in->at < in->end && !in->is_bad) {
        uint32_t tag = (uint32_t)wire_get_fixed(in, 4);
        uint64_t kind = wire_get_u64(in);
        struct str bytes = wire_get_str(in);

        for (size_t i = 0; i < m->n_keeps && !in->is_bad; i++) {
            if (m->keeps[i].tag == tag && m->keeps[i].kind == kind)
                unpack_one(&profile_keeps(p)[i], m->keeps[i].kind, bytes, in);
        }
    }
}

bool keeps_cap(struct profile *p, const struct model *m, const struct selector *selector,
               int64_t time_ms, struct taken *taken)
{
    ENSURE(m->keeps[selector->cap_keep].kind == KEEP_CAP);
    return keep_cap(&profile_keeps(p)[selector->cap_keep], &selector->cap, time_ms, taken->value,
                    &taken->value);
}

void keeps_merge(struct profile *p, const struct profile *from, const struct model *m)
{
    for (size_t i = 0; i < m->n_keeps; i++)
        keep_merge(&profile_keeps(p)[i], m->keeps[i].kind, &profile_keeps(from)[i],
                   &m->selectors[m->keeps[i].selector].cap);
}

void keeps_add(struct profile *p, const struct model *m, const struct taken *taken,
               const bool *counts, int64_t time_ms, int64_t now_ms)
{
    for (size_t i = 0; i < m->n_keeps; i++) {
        const struct keep_def *def = &m->keeps[i];

        if (def->kind == KEEP_CAP || !counts[def->selector])
            continue;
        if (def->longest_ms != INT64_MAX) {
            keep_expire(&profile_keeps(p)[i], def->kind, now_ms - def->longest_ms);
            if (time_ms <= now_ms - def->longest_ms)
                continue;
        }
        keep_add(&profile_keeps(p)[i], def->kind, time_ms, &taken[def->selector]);
    }
}

/* ---------------------------------------------------------------- reading */

/* A metric's keep, from the oldest entry that its window at `now_ms` holds. */
struct view {
    const struct keep *keep;
    enum keep_kind kind;
    uint32_t first;
};

static struct view view_of(const struct moment *at, const struct metric *metric)
{
    struct view v = {.keep = &profile_keeps(at->profile)[metric->keep],
                     .kind = at->engine->model->keeps[metric->keep].kind};

    if (metric->reach == REACH_WINDOW)
        v.first = keep_after(v.keep, v.kind, at->now_ms - metric->reach_ms);
    return v;
}

bool keeps_get(const struct moment *at, const struct metric *metric, struct cel_value *ret_value)
{
    struct view v = view_of(at, metric);
    double value;
    bool is_there = keep_read(v.keep, v.kind, v.first, &value);

    if (v.kind == KEEP_VALUES || v.kind == KEEP_DAYS)
        *ret_value = (struct cel_value){.type = CEL_INT, .i = (int64_t)value};
    else
        *ret_value = (struct cel_value){.type = CEL_DOUBLE, .d = value};
    return is_there;
}

void keeps_each_change(const struct moment *at, const struct metric *metric, keeps_change_fn fn,
                       void *ctx)
{
    struct view v = view_of(at, metric);
    uint32_t n = keep_n(v.keep, v.kind), next;

    if (metric->reach != REACH_WINDOW)
        return;
    for (uint32_t i = v.first; i < n; i = next) {
        int64_t from_ms = keep_time(v.keep, v.kind, i) + metric->reach_ms;
        double value;
        bool is_there;

        next = keep_next(v.keep, v.kind, i);
        is_there = keep_read(v.keep, v.kind, next, &value);
        if (!fn(ctx, is_there, value, from_ms))
            return;
    }
}

struct sweep {
    struct cel_range *range;
    int64_t until_ms;
};

static bool widen(void *ctx, bool is_there, double value, int64_t from_ms)
{
    struct sweep *s = ctx;

    if (from_ms > s->until_ms)
        return false;
    s->range->may_be_absent |= !is_there;
    if (is_there && value < s->range->lo)
        s->range->lo = value;
    if (is_there && value > s->range->hi)
        s->range->hi = value;
    return true;
}

void keeps_range(const struct span *span, const struct metric *metric, struct cel_range *ret_range)
{
    struct sweep sweep = {ret_range, span->until_ms};
    struct cel_value v;
    bool is_there = keeps_get(&span->moment, metric, &v);

    ret_range->lo = INFINITY;
    ret_range->hi = -INFINITY;
    widen(&sweep, is_there, v.type == CEL_INT ? (double)v.i : v.d, span->moment.now_ms);
    keeps_each_change(&span->moment, metric, widen, &sweep);
    ret_range->is_absent = ret_range->lo > ret_range->hi;
}
