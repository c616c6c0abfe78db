/* SPDX-License-Identifier: Apache-2.0 */
/* A part after the other; one that only `from` has moves as it is. */
#include "engine/relation_merge.h"

#include "base/mem.h"
#include "engine/decay.h"
#include "engine/profile.h"

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
static void merge_cadence(struct cadence *into, const struct cadence *from,
                          const struct cadence_def *def)
{
    int64_t ours[CADENCE_TIMES_MAX], theirs[CADENCE_TIMES_MAX];
    size_t n = cadence_times(into, ours), n_from = cadence_times(from, theirs), i = 0, k = 0;

    cadence_deinit(into);
    while (i < n || k < n_from) {
        bool is_ours = k == n_from || (i < n && ours[i] <= theirs[k]);

        (void)cadence_apply(into, def, is_ours ? ours[i++] : theirs[k++]);
    }
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

static void merge_part(struct relation *into, const struct relation *from, enum relation_part part,
                       const struct model *m)
{
    int64_t half_life_ms = m->derived.half_life_ms;
    void *ours = relation_part(into, part), *theirs = relation_part(from, part);

    switch (part) {
    case RELATION_LAST:
        if (*(int64_t *)theirs > *(int64_t *)ours)
            *(int64_t *)ours = *(int64_t *)theirs;
        return;
    case RELATION_REFERRALS:
        *(int64_t *)ours += *(int64_t *)theirs;
        return;
    case RELATION_OURS:
    case RELATION_THEIRS:
        return merge_replies(ours, theirs);
    case RELATION_MEASURES:
        return merge_measures(ours, theirs, half_life_ms);
    case RELATION_BALANCE:
        return merge_balance(ours, theirs, half_life_ms);
    case RELATION_PRESSURE:
        return merge_pressure(ours, theirs);
    case RELATION_CADENCE:
        return merge_cadence(ours, theirs, &m->derived.cadence);
    case RELATION_PROMISES:
        return promises_merge(relation_promises(into), relation_promises(from), half_life_ms);
    case RELATION_TIE:
        return merge_tie(ours, theirs, half_life_ms);
    case RELATION_TURNS:
        return turns_merge(ours, theirs);
    case N_RELATION_PARTS:
        return;
    }
}

void relation_merge(struct profile *p, struct profile *q, const struct model *m)
{
    for (unsigned i = 0; i < N_RELATION_PARTS; i++) {
        enum relation_part part = (enum relation_part)i;

        if (!relation_part(q->relation, part))
            continue;
        if (relation_part(p->relation, part))
            merge_part(p->relation, q->relation, part, m);
        else
            relation_move(&p->relation, q->relation, part);
    }
}
