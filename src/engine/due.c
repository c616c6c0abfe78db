/* SPDX-License-Identifier: Apache-2.0 */
/* Two instants per rule and stakeholder. */
#include "engine/due.h"

#include "base/parse.h"
#include "engine/engine_impl.h"
#include "engine/relation.h"

#define WITHIN_MAX_MS (100000LL * 86400000)

struct due due_none(void)
{
    return (struct due){.since_ms = INT64_MIN, .then_ms = INT64_MIN};
}

static bool apply_absent(struct due *d, int64_t time_ms, bool is_what)
{
    if (d->since_ms != INT64_MIN && !(is_what && time_ms > d->since_ms))
        return false;
    d->since_ms = time_ms;
    return true;
}

/* One event may be both: it then answers what was before, and expects anew. */
static bool apply_expect(struct due *d, int64_t time_ms, bool is_what, bool is_after)
{
    int64_t since_ms = d->since_ms;

    if (is_what && time_ms > d->then_ms)
        d->then_ms = time_ms;
    if (is_what && d->since_ms != INT64_MIN && d->since_ms <= time_ms)
        d->since_ms = INT64_MIN;
    if (is_after && time_ms >= d->then_ms && (d->since_ms == INT64_MIN || time_ms < d->since_ms))
        d->since_ms = time_ms;
    return d->since_ms != since_ms;
}

bool due_apply(struct due *d, const struct rule *rule, int64_t time_ms, bool is_what, bool is_after)
{
    if (rule->kind == RULE_ABSENT)
        return apply_absent(d, time_ms, is_what);
    return apply_expect(d, time_ms, is_what, is_after);
}

int64_t due_within_ms(const struct engine *e, const struct profile *p, const struct rule *rule)
{
    const struct moment at = {e, p, p->ref_ms};
    struct cel_value gap;

    if (rule->within_gaps == 0)
        return rule->within_ms;
    ENSURE(relation_get(&at, DERIVED_VAR_CADENCE_GAP, &gap));
    if ((double)gap.i * rule->within_gaps > (double)WITHIN_MAX_MS)
        return WITHIN_MAX_MS;
    return (double)gap.i * rule->within_gaps < 1 ? 1 : (int64_t)((double)gap.i * rule->within_gaps);
}

int64_t due_by_ms(const struct engine *e, const struct profile *p, const struct rule *rule)
{
    int64_t since_ms = profile_due(p)[rule->due].since_ms;

    return since_ms == INT64_MIN ? INT64_MAX : since_ms + due_within_ms(e, p, rule);
}

/* ---------------------------------------------------------------- two become one */

static int64_t earlier(int64_t a, int64_t b)
{
    return a == INT64_MIN || (b != INT64_MIN && b < a) ? b : a;
}

/* The latest X of both; else the first interaction of both. */
static void merge_absent(struct due *d, const struct due *from, int64_t last_ms,
                         int64_t from_last_ms)
{
    if (last_ms == INT64_MIN && from_last_ms == INT64_MIN)
        d->since_ms = earlier(d->since_ms, from->since_ms);
    else if (last_ms == INT64_MIN || (from_last_ms != INT64_MIN && from->since_ms > d->since_ms))
        d->since_ms = from->since_ms;
}

/* The first A that the latest B of both does not answer. Of those after an answered one only the
 * latest is known. */
static int64_t unanswered(const struct due *d, int64_t last_ms, int64_t then_ms)
{
    if (d->since_ms == INT64_MIN || d->since_ms > then_ms)
        return d->since_ms;
    return last_ms > then_ms ? last_ms : INT64_MIN;
}

static void merge_expect(struct due *d, const struct due *from, int64_t last_ms,
                         int64_t from_last_ms)
{
    int64_t then_ms = from->then_ms > d->then_ms ? from->then_ms : d->then_ms;

    d->since_ms = earlier(unanswered(d, last_ms, then_ms), unanswered(from, from_last_ms, then_ms));
    d->then_ms = then_ms;
}

void due_merge(struct due *d, const struct due *from, const struct rule *rule, int64_t last_ms,
               int64_t from_last_ms)
{
    if (rule->kind == RULE_ABSENT)
        merge_absent(d, from, last_ms, from_last_ms);
    else
        merge_expect(d, from, last_ms, from_last_ms);
}

/* ---------------------------------------------------------------- packing */

static void put_instant(struct buf *out, int64_t ms)
{
    wire_put_i64(out, ms == INT64_MIN ? INSTANT_MIN_MS - 1 : ms);
}

static int64_t get_instant(struct wire *in)
{
    int64_t ms = wire_get_i64(in);

    in->is_bad |= ms > INSTANT_MAX_MS;
    return ms < INSTANT_MIN_MS ? INT64_MIN : ms;
}

void due_pack(const struct profile *p, const struct model *m, struct buf *out)
{
    for (size_t i = 0; i < m->n_due; i++) {
        const struct due *d = &profile_due(p)[i];

        if (d->since_ms == INT64_MIN && d->then_ms == INT64_MIN)
            continue;
        wire_put_fixed(out, m->rules[m->due_rules[i]].due_tag, 4);
        put_instant(out, d->since_ms);
        put_instant(out, d->then_ms);
    }
}

void due_unpack(struct profile *p, const struct model *m, struct wire *in)
{
    while (in->at < in->end && !in->is_bad) {
        uint32_t tag = (uint32_t)wire_get_fixed(in, 4);
        int64_t since_ms = get_instant(in), then_ms = get_instant(in);

        for (size_t i = 0; i < m->n_due; i++) {
            if (m->rules[m->due_rules[i]].due_tag == tag)
                profile_due(p)[i] = (struct due){since_ms, then_ms};
        }
    }
}
