/* SPDX-License-Identifier: Apache-2.0 */
/* A part after the other; one that only `from` has moves as it is. */
#include "engine/relation_merge.h"

#include "base/mem.h"
#include "engine/decay.h"
#include "engine/profile.h"

#define MOVE_IF_ALONE(part)                                                                        \
    if (!into->part) {                                                                             \
        into->part = from->part;                                                                   \
        from->part = NULL;                                                                         \
    }

static void merge_balance(struct balance *into, const struct balance *from, int64_t half_life_ms)
{
    double sums[] = {into->ours, into->theirs};
    double w = decay_admit(sums, 2, &into->ref_ms, from->ref_ms, half_life_ms);

    into->ours = series_clamp(sums[0] + w * from->ours);
    into->theirs = series_clamp(sums[1] + w * from->theirs);
}

static void merge_tie(struct tie *into, const struct tie *from, int64_t half_life_ms)
{
    double sums[] = {into->inbound, into->outbound, into->feeling};
    double w = decay_admit(sums, 3, &into->ref_ms, from->ref_ms, half_life_ms);

    into->inbound = series_clamp(sums[0] + w * from->inbound);
    into->outbound = series_clamp(sums[1] + w * from->outbound);
    into->feeling = series_clamp(sums[2] + w * from->feeling);
}

static void merge_pressure(struct pressure *into, const struct pressure *from)
{
    if (from->last_in_ms > into->last_in_ms)
        into->last_in_ms = from->last_in_ms;
    series_merge(&into->sent, &from->sent, false);
}

/* Anew, from the times that are known of both. */
static struct cadence *merge_cadence(const struct cadence *a, const struct cadence *b,
                                     const struct cadence_def *def)
{
    struct cadence *both = cadence_new();
    uint8_t i = 0, k = 0;

    while (i < a->n || k < b->n) {
        bool is_a = k == b->n || (i < a->n && a->times[i] <= b->times[k]);

        (void)cadence_apply(both, def, is_a ? a->times[i++] : b->times[k++]);
    }
    return both;
}

static struct measure *find_measure(struct measures *m, uint16_t dimension)
{
    return (struct measure *)(uintptr_t)measures_find(m, dimension);
}

static void merge_measures(struct measures *into, const struct measures *from, int64_t half_life_ms)
{
    for (uint16_t i = 0; i < from->n; i++) {
        const struct measure *theirs = &from->items[i];
        struct measure *ours = find_measure(into, theirs->dimension);
        bool is_later;
        double sums[2], w;

        if (!ours) { /* makes room for it; then it is theirs */
            (void)measures_apply(into, theirs->dimension, theirs->last, theirs->ref_ms,
                                 half_life_ms);
            *find_measure(into, theirs->dimension) = *theirs;
            continue;
        }
        is_later = theirs->ref_ms > ours->ref_ms;
        sums[0] = ours->sum;
        sums[1] = ours->weight;
        w = decay_admit(sums, 2, &ours->ref_ms, theirs->ref_ms, half_life_ms);
        ours->sum = sums[0] + w * theirs->sum;
        ours->weight = sums[1] + w * theirs->weight;
        ours->last = is_later ? theirs->last : ours->last;
    }
}

/* The latest of both, in the order of the answers. */
static void merge_replies(struct replies *into, const struct replies *from)
{
    struct reply both[2 * REPLIES_MAX];
    size_t n = 0, kept;
    uint8_t i = 0, k = 0;

    if (!from->n)
        return;
    while (i < into->n || k < from->n) {
        bool is_ours = k == from->n ||
                       (i < into->n && into->items[i].answered_ms <= from->items[k].answered_ms);

        both[n++] = is_ours ? into->items[i++] : from->items[k++];
    }
    kept = n < REPLIES_MAX ? n : REPLIES_MAX;
    into->items = mem_realloc(into->items, kept * sizeof(*into->items));
    memcpy(into->items, both + n - kept, kept * sizeof(*into->items));
    into->n = into->cap = (uint8_t)kept;
}

void relation_merge(struct profile *p, struct profile *q, const struct model *m)
{
    struct relation *into, *from = q->relation;
    int64_t half_life_ms = m->derived.half_life_ms;

    if (!from)
        return;
    if (!p->relation) {
        p->relation = from;
        q->relation = NULL;
        return;
    }
    into = p->relation;
    into->last_ms = from->last_ms > into->last_ms ? from->last_ms : into->last_ms;
    into->n_referrals += from->n_referrals;
    merge_replies(&into->ours, &from->ours);
    merge_replies(&into->theirs, &from->theirs);
    merge_measures(&into->measures, &from->measures, half_life_ms);
    if (into->balance && from->balance)
        merge_balance(into->balance, from->balance, half_life_ms);
    if (into->tie && from->tie)
        merge_tie(into->tie, from->tie, half_life_ms);
    if (into->pressure && from->pressure)
        merge_pressure(into->pressure, from->pressure);
    if (into->promises && from->promises)
        promises_merge(into->promises, from->promises, half_life_ms);
    if (into->turns && from->turns)
        turns_merge(into->turns, from->turns);
    if (into->cadence && from->cadence) {
        struct cadence *both = merge_cadence(into->cadence, from->cadence, &m->derived.cadence);

        cadence_free(into->cadence);
        into->cadence = both;
    }
    MOVE_IF_ALONE(balance)
    MOVE_IF_ALONE(tie)
    MOVE_IF_ALONE(pressure)
    MOVE_IF_ALONE(promises)
    MOVE_IF_ALONE(turns)
    MOVE_IF_ALONE(cadence)
}
