/* SPDX-License-Identifier: Apache-2.0 */
/* A short array in order of arrival, searched from one end to the other. */
#include "engine/dedup.h"

#include "base/mem.h"

static uint32_t seconds_of(int64_t ms)
{
    int64_t s = ms / 1000;

    return s < 0 ? 0 : s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

void dedup_deinit(struct dedup *d)
{
    d->entries = mem_free(d->entries);
    d->n = d->cap = 0;
}

bool dedup_has(const struct dedup *d, uint64_t hash)
{
    for (uint32_t i = 0; i < d->n; i++) {
        if (d->entries[i].hash == hash)
            return true;
    }
    return false;
}

static void forget(struct dedup *d, uint32_t n_events, int64_t horizon_ms)
{
    uint32_t drop = 0, limit = seconds_of(horizon_ms);

    while (d->n - drop > n_events && (d->n - drop >= DEDUP_MAX || d->entries[drop].seconds < limit))
        drop++;
    if (!drop)
        return;
    d->n -= drop;
    memmove(d->entries, d->entries + drop, d->n * sizeof(*d->entries));
}

void dedup_add(struct dedup *d, uint64_t hash, int64_t time_ms, uint32_t n_events,
               int64_t horizon_ms)
{
    if (d->n >= n_events)
        forget(d, n_events ? n_events - 1 : 0, horizon_ms);
    if (d->n == d->cap) {
        d->cap = d->cap < 4 ? d->cap + 2 : d->cap + d->cap / 2;
        d->entries = mem_realloc(d->entries, d->cap * sizeof(*d->entries));
    }
    d->entries[d->n++] = (struct dedup_entry){.hash = hash, .seconds = seconds_of(time_ms)};
}

void dedup_merge(struct dedup *d, const struct dedup *from)
{
    struct dedup both = {.cap = d->n + from->n};
    uint32_t i = 0, k = 0, drop;

    if (!from->n)
        return;
    both.entries = mem_alloc(both.cap * sizeof(*both.entries));
    while (i < d->n || k < from->n) {
        bool is_ours =
            k == from->n || (i < d->n && d->entries[i].seconds <= from->entries[k].seconds);

        both.entries[both.n++] = is_ours ? d->entries[i++] : from->entries[k++];
    }
    drop = both.n > DEDUP_MAX ? both.n - DEDUP_MAX : 0;
    both.n -= drop;
    memmove(both.entries, both.entries + drop, both.n * sizeof(*both.entries));
    dedup_deinit(d);
    *d = both;
}

size_t dedup_bytes(const struct dedup *d)
{
    return d->cap * sizeof(*d->entries);
}

void dedup_pack(const struct dedup *d, struct buf *out)
{
    wire_put_u64(out, d->n);
    for (uint32_t i = 0; i < d->n; i++) {
        wire_put_fixed(out, d->entries[i].hash, 8);
        wire_put_fixed(out, d->entries[i].seconds, 4);
    }
}

void dedup_unpack(struct dedup *d, struct wire *in)
{
    size_t n = wire_get_count(in, 12);

    dedup_deinit(d);
    if (!n)
        return;
    d->entries = mem_alloc(n * sizeof(*d->entries));
    d->n = d->cap = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        d->entries[i].hash = wire_get_fixed(in, 8);
        d->entries[i].seconds = (uint32_t)wire_get_fixed(in, 4);
    }
}
