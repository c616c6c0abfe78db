/* SPDX-License-Identifier: Apache-2.0 */
/* A few commitments in an array that is searched from end to end. */
#include "engine/promises.h"

#include "base/hash.h"
#include "base/mem.h"

struct promises *promises_new(int64_t time_ms)
{
    struct promises *p = mem_calloc(1, sizeof(*p));

    p->ref_ms = time_ms;
    return p;
}

struct promises *promises_free(struct promises *p)
{
    if (p)
        mem_free(p->items);
    return mem_free(p);
}

size_t promises_bytes(const struct promises *p)
{
    return mem_taken(sizeof(*p)) + mem_taken(p->cap * sizeof(*p->items));
}

static void append(struct promises *p, struct promise promise)
{
    if (p->n == p->cap) {
        p->cap = p->cap ? (uint8_t)(p->cap * 2) : 1;
        p->items = mem_realloc(p->items, (size_t)p->cap * sizeof(*p->items));
    }
    p->items[p->n++] = promise;
}

static void forget(struct promises *p, uint8_t at)
{
    p->n--;
    memmove(&p->items[at], &p->items[at + 1], (size_t)(p->n - at) * sizeof(*p->items));
}

/* The one of the earliest event goes. */
static void keep_at_most(struct promises *p, bool is_open, uint32_t most)
{
    uint32_t n = 0;
    uint8_t oldest = 0;

    for (uint8_t i = 0; i < p->n; i++) {
        if (p->items[i].is_open != is_open)
            continue;
        if (!n++ || p->items[i].at_ms < p->items[oldest].at_ms)
            oldest = i;
    }
    if (n > most)
        forget(p, oldest);
}

static int64_t due_of(const struct event *event)
{
    int64_t due_ms = event->commitment.due_ms;

    return due_ms >= INSTANT_MIN_MS && due_ms <= INSTANT_MAX_MS ? due_ms : INT64_MAX;
}

static bool supersedes(const struct event *event, const struct promise *promise)
{
    if (event->time_ms != promise->at_ms)
        return event->time_ms > promise->at_ms;
    return promise->is_open || event->commitment.status != COMMITMENT_MADE;
}

static struct promise *find(struct promises *p, uint64_t hash)
{
    for (uint8_t i = 0; i < p->n; i++) {
        if (p->items[i].hash == hash)
            return &p->items[i];
    }
    return NULL;
}

static void count(struct promises *p, const struct event *event, int64_t half_life_ms)
{
    double sums[] = {p->kept, p->broken};
    double w = decay_admit(sums, 2, &p->ref_ms, event->time_ms, half_life_ms);

    p->kept = sums[0] + (event->commitment.status == COMMITMENT_KEPT ? w : 0);
    p->broken = sums[1] + (event->commitment.status == COMMITMENT_BROKEN ? w : 0);
}

void promises_apply(struct promises *p, const struct event *event, int64_t half_life_ms)
{
    uint64_t hash = hash64(event->commitment.id.ptr, event->commitment.id.len, 0);
    struct promise *promise = find(p, hash);
    bool is_open = event->commitment.status == COMMITMENT_MADE;

    if (!is_open)
        count(p, event, half_life_ms);
    if (!promise) {
        append(p, (struct promise){hash, event->time_ms, due_of(event), is_open});
    } else if (supersedes(event, promise)) {
        promise->at_ms = event->time_ms;
        promise->is_open = is_open;
        promise->due_ms = due_of(event);
    }
    keep_at_most(p, true, PROMISES_OPEN_MAX);
    keep_at_most(p, false, PROMISES_CLOSED_MAX);
}

void promises_merge(struct promises *p, const struct promises *from, int64_t half_life_ms)
{
    double sums[] = {p->kept, p->broken};
    double w = decay_admit(sums, 2, &p->ref_ms, from->ref_ms, half_life_ms);

    p->kept = sums[0] + w * from->kept;
    p->broken = sums[1] + w * from->broken;
    for (uint8_t i = 0; i < from->n; i++) {
        struct promise *promise = find(p, from->items[i].hash);

        if (!promise)
            append(p, from->items[i]);
        else if (from->items[i].at_ms > promise->at_ms)
            *promise = from->items[i];
        keep_at_most(p, true, PROMISES_OPEN_MAX);
        keep_at_most(p, false, PROMISES_CLOSED_MAX);
    }
}

/* ---------------------------------------------------------------- reading */

/* 1/2 + (K - B) d / (2 (K + B) d + 4), where d is how far they have faded: so written it moves one
 * way with d, rounding included. */
static double trust_at(const struct promises *p, double d)
{
    double both = p->kept + p->broken;

    if (d <= 0)
        return 0.5;
    return 0.5 + (p->kept - p->broken) / (2 * both + 4 / d);
}

double promises_trust(const struct promises *p, int64_t half_life_ms, int64_t now_ms)
{
    return p ? trust_at(p, decay_over(half_life_ms, now_ms - p->ref_ms)) : 0.5;
}

void promises_trust_range(const struct promises *p, int64_t half_life_ms, int64_t now_ms,
                          int64_t until_ms, double *ret_lo, double *ret_hi)
{
    struct decay_span d;
    double a = 0.5, b = 0.5;

    if (p) {
        d = decay_between(half_life_ms, now_ms - p->ref_ms, until_ms - p->ref_ms);
        a = trust_at(p, d.lo);
        b = trust_at(p, d.hi);
    }
    *ret_lo = a < b ? a : b;
    *ret_hi = a < b ? b : a;
}

uint32_t promises_open(const struct promises *p, int64_t now_ms)
{
    uint32_t n = 0;

    for (uint8_t i = 0; p && i < p->n; i++)
        n += p->items[i].is_open && (p->items[i].due_ms < now_ms || now_ms == INT64_MAX);
    return n;
}

int64_t promises_due_ms(const struct promises *p)
{
    int64_t due_ms = INT64_MAX;

    for (uint8_t i = 0; p && i < p->n; i++) {
        if (p->items[i].is_open && p->items[i].due_ms < due_ms)
            due_ms = p->items[i].due_ms;
    }
    return due_ms;
}

/* ---------------------------------------------------------------- packing */

void promises_pack(const struct promises *p, struct buf *out)
{
    wire_put_i64(out, p->ref_ms);
    wire_put_double(out, p->kept);
    wire_put_double(out, p->broken);
    wire_put_u64(out, p->n);
    for (uint8_t i = 0; i < p->n; i++) {
        const struct promise *promise = &p->items[i];
        bool has_due = promise->due_ms != INT64_MAX;

        wire_put_fixed(out, promise->hash, 8);
        wire_put_i64(out, promise->at_ms);
        wire_put_u64(out, (has_due ? 2u : 0u) | promise->is_open);
        if (has_due)
            wire_put_i64(out, promise->due_ms);
    }
}

static struct promise unpack_promise(struct wire *in)
{
    struct promise promise = {.hash = wire_get_fixed(in, 8), .due_ms = INT64_MAX};
    uint64_t flags;

    promise.at_ms = wire_get_instant(in);
    flags = wire_get_u64(in);
    promise.is_open = flags & 1;
    if (flags & 2)
        promise.due_ms = wire_get_instant(in);
    in->is_bad |= flags > 3;
    return promise;
}

struct promises *promises_unpack(struct wire *in)
{
    struct promises *p = promises_new(wire_get_instant(in));
    size_t n;

    p->kept = wire_get_double(in);
    p->broken = wire_get_double(in);
    in->is_bad |= !(p->kept >= 0 && p->kept <= 1e15 && p->broken >= 0 && p->broken <= 1e15);
    n = wire_get_count(in, 10);
    in->is_bad |= n > PROMISES_OPEN_MAX + PROMISES_CLOSED_MAX;
    for (size_t i = 0; i < n && !in->is_bad; i++)
        append(p, unpack_promise(in));
    return in->is_bad ? promises_free(p) : p;
}
