/* SPDX-License-Identifier: Apache-2.0 */
/* A short array in order of arrival, searched from one end to the other. */
#include "engine/dedup.h"

#include "base/mem.h"

static uint32_t seconds_of(int64_t ms)
{
    int64_t s = ms / 1000;

    return s < 0 ? 0 : s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

/* Whole units of what the allocator hands out: 4 entries are 48 bytes. */
#define GROW_BY 4

struct dedup *dedup_free(struct dedup *d)
{
    return mem_free(d);
}

#define ARRAYS    3
#define AT_A_TIME 32

/* Four that the machine compares at once. */
typedef uint32_t quad __attribute__((vector_size(4 * sizeof(uint32_t))));

/* Whether any of them is `word`. */
static bool is_among(const uint32_t *words, uint32_t word)
{
    const quad sought = {word, word, word, word};
    quad is_any = {0}, of[4];
    uint64_t halves[2];

    for (unsigned i = 0; i < AT_A_TIME; i += 16) {
        memcpy(of, words + i, sizeof(of));
        is_any |=
            (quad)((of[0] == sought) | (of[1] == sought) | (of[2] == sought) | (of[3] == sought));
    }
    memcpy(halves, &is_any, sizeof(halves));
    return (halves[0] | halves[1]) != 0;
}

static bool has_between(const struct dedup *d, uint32_t i, uint32_t end, uint64_t hash)
{
    for (; i < end; i++) {
        if (dedup_hash(d, i) == hash)
            return true;
    }
    return false;
}

/* Most are new, so that it is looked at all of them, at the lower halves first. */
bool dedup_has(const struct dedup *d, uint64_t hash)
{
    uint32_t i = 0;

    if (!d)
        return false;
    for (; i + AT_A_TIME <= d->n; i += AT_A_TIME) {
        if (is_among(d->words + d->first + i, (uint32_t)hash) &&
            has_between(d, i, i + AT_A_TIME, hash))
            return true;
    }
    return has_between(d, i, d->n, hash);
}

static size_t size_of(uint32_t cap)
{
    return sizeof(struct dedup) + (size_t)cap * ARRAYS * sizeof(uint32_t);
}

static struct dedup *dedup_new(uint32_t cap)
{
    struct dedup *d = mem_alloc(size_of(cap));

    d->n = d->first = 0;
    d->cap = (uint16_t)cap;
    return d;
}

/* Little room to spare: a stakeholder of a few events has no more than that many. */
static struct dedup *grow(struct dedup *d)
{
    uint32_t cap = d ? d->cap + GROW_BY + d->cap / 64u * 2 * GROW_BY : GROW_BY;
    struct dedup *to = dedup_new(cap);

    for (uint32_t i = 0; d && i < ARRAYS; i++)
        memcpy(to->words + i * cap, d->words + i * d->cap + d->first, d->n * sizeof(uint32_t));
    to->n = d ? d->n : 0;
    mem_free(d);
    return to;
}

static void shift(struct dedup *d)
{
    for (uint32_t i = 0; i < ARRAYS; i++) {
        uint32_t *words = d->words + i * d->cap;

        memmove(words, words + d->first, d->n * sizeof(*words));
    }
    d->first = 0;
}

/* Behind the others: a little of the room may stand empty at the front before they are moved. */
static void append(struct dedup **at, uint64_t hash, uint32_t seconds)
{
    struct dedup *d = *at;
    uint32_t *words;

    if (d && (uint32_t)d->first + d->n == d->cap && d->first > d->cap / 16u)
        shift(d);
    else if (!d || (uint32_t)d->first + d->n == d->cap)
        d = *at = grow(d);
    words = d->words + d->first + d->n++;
    words[0] = (uint32_t)hash;
    words[d->cap] = (uint32_t)(hash >> 32);
    words[2 * d->cap] = seconds;
}

static void forget(struct dedup *d, uint32_t n_events, int64_t horizon_ms)
{
    uint32_t limit = seconds_of(horizon_ms);

    while (d->n > n_events && (d->n >= DEDUP_MAX || dedup_seconds(d, 0) < limit)) {
        d->first++;
        d->n--;
    }
}

void dedup_add(struct dedup **d, uint64_t hash, int64_t time_ms, uint32_t n_events,
               int64_t horizon_ms)
{
    if (n_events > DEDUP_MAX)
        n_events = DEDUP_MAX;
    if (*d && (*d)->n >= n_events)
        forget(*d, n_events ? n_events - 1 : 0, horizon_ms);
    append(d, hash, seconds_of(time_ms));
}

void dedup_merge(struct dedup **d, const struct dedup *from)
{
    uint32_t n = *d ? (*d)->n : 0, i = 0, k = 0, drop;
    struct dedup *both = NULL;

    if (!from)
        return;
    drop = n + from->n > DEDUP_MAX ? n + from->n - DEDUP_MAX : 0;
    while (i < n || k < from->n) {
        bool is_ours = k == from->n || (i < n && dedup_seconds(*d, i) <= dedup_seconds(from, k));
        const struct dedup *of = is_ours ? *d : from;
        uint32_t at = is_ours ? i++ : k++;

        if (i + k > drop)
            append(&both, dedup_hash(of, at), dedup_seconds(of, at));
    }
    dedup_free(*d);
    *d = both;
}

size_t dedup_bytes(const struct dedup *d)
{
    return d ? mem_taken(size_of(d->cap)) : 0;
}

void dedup_pack(const struct dedup *d, struct buf *out)
{
    wire_put_u64(out, d ? d->n : 0);
    for (uint32_t i = 0; d && i < d->n; i++) {
        wire_put_fixed(out, dedup_hash(d, i), 8);
        wire_put_fixed(out, dedup_seconds(d, i), 4);
    }
}

struct dedup *dedup_unpack(struct wire *in)
{
    size_t n = wire_get_count(in, 12);
    struct dedup *d;

    in->is_bad |= n > DEDUP_MAX;
    if (!n || in->is_bad)
        return NULL;
    d = dedup_new((uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        uint64_t hash = wire_get_fixed(in, 8);

        append(&d, hash, (uint32_t)wire_get_fixed(in, 4));
    }
    return d;
}
