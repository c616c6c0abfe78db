/* SPDX-License-Identifier: Apache-2.0 */
/* A few conversations, each with the times of what is unresolved in it: what comes late finds its
 * place before or after the resolution. */
#include "engine/turns.h"

#include "base/hash.h"
#include "base/mem.h"

#define NEVER (INSTANT_MIN_MS - 1) /* packed */

void turns_deinit(struct turns *t)
{
    for (uint8_t i = 0; i < t->n; i++)
        series_deinit(&t->items[i].since);
    t->items = mem_free(t->items);
    t->n = t->cap = 0;
}

size_t turns_bytes(const struct turns *t)
{
    size_t n = mem_taken(t->cap * sizeof(*t->items));

    for (uint8_t i = 0; i < t->n; i++)
        n += series_bytes(&t->items[i].since, false);
    return n;
}

/* The first one needs no room of its own: what is later than the resolution is in `since`, so where
 * that is empty it stands for the one at `last_ms`. */
static bool has_one(const struct turn *turn)
{
    return !turn->since.n && turn->last_ms > turn->resolved_ms;
}

static void spell_out(struct turn *turn)
{
    if (has_one(turn))
        series_add(&turn->since, false, turn->last_ms, 0);
}

static void add(struct turn *turn, bool is_new, int64_t time_ms)
{
    if (is_new)
        return;
    spell_out(turn);
    series_add(&turn->since, false, time_ms, 0);
}

static struct turn *append(struct turns *t, struct turn turn)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? (uint8_t)(t->cap * 2) : 1;
        t->items = mem_realloc(t->items, t->cap * sizeof(*t->items));
    }
    t->items[t->n] = turn;
    return &t->items[t->n++];
}

static struct turn *find(struct turns *t, uint64_t hash)
{
    for (uint8_t i = 0; i < t->n; i++) {
        if (t->items[i].hash == hash)
            return &t->items[i];
    }
    return NULL;
}

static uint8_t earliest(const struct turns *t)
{
    uint8_t at = 0;

    for (uint8_t i = 1; i < t->n; i++) {
        if (t->items[i].last_ms < t->items[at].last_ms)
            at = i;
    }
    return at;
}

static void forget(struct turns *t, uint8_t at)
{
    series_deinit(&t->items[at].since);
    t->n--;
    memmove(&t->items[at], &t->items[at + 1], (size_t)(t->n - at) * sizeof(*t->items));
}

void turns_apply(struct turns *t, const struct event *event)
{
    uint64_t hash = hash64(event->conversation.ptr, event->conversation.len,
                           hash64(event->org.ptr, event->org.len, 0));
    struct turn *turn = find(t, hash);
    bool is_new = !turn;

    if (is_new)
        turn = append(
            t, (struct turn){.hash = hash, .last_ms = event->time_ms, .resolved_ms = INT64_MIN});
    if (event->resolves && event->time_ms > turn->resolved_ms) {
        turn->resolved_ms = event->time_ms;
        series_expire(&turn->since, false, event->time_ms);
    } else if (!event->resolves && event->time_ms > turn->resolved_ms) {
        add(turn, is_new, event->time_ms);
    }
    if (event->time_ms > turn->last_ms)
        turn->last_ms = event->time_ms;
    if (t->n > TURNS_MAX)
        forget(t, earliest(t));
}

void turns_merge(struct turns *t, struct turns *from)
{
    for (uint8_t i = 0; i < from->n; i++) {
        struct turn *theirs = &from->items[i], *ours = find(t, theirs->hash);

        if (!ours) {
            append(t, *theirs);
            theirs->since = (struct series){0};
        } else {
            spell_out(ours);
            spell_out(theirs);
            ours->last_ms = theirs->last_ms > ours->last_ms ? theirs->last_ms : ours->last_ms;
            if (theirs->resolved_ms > ours->resolved_ms)
                ours->resolved_ms = theirs->resolved_ms;
            series_merge(&ours->since, &theirs->since, false);
            if (ours->resolved_ms != INT64_MIN)
                series_expire(&ours->since, false, ours->resolved_ms);
        }
        if (t->n > TURNS_MAX)
            forget(t, earliest(t));
    }
}

int64_t turns_unresolved(const struct turns *t)
{
    int64_t most = 0;

    for (uint8_t i = 0; t && i < t->n; i++) {
        int64_t n =
            has_one(&t->items[i]) ? 1 : series_after(&t->items[i].since, false, INT64_MIN).n;

        if (n > most)
            most = n;
    }
    return most;
}

static void pack_since(const struct turn *turn, struct buf *out)
{
    struct series one = {.n = 0};

    if (has_one(turn))
        series_add(&one, false, turn->last_ms, 0);
    series_pack(has_one(turn) ? &one : &turn->since, false, out);
    series_deinit(&one);
}

void turns_pack(const struct turns *t, struct buf *out)
{
    wire_put_u64(out, t->n);
    for (uint8_t i = 0; i < t->n; i++) {
        const struct turn *turn = &t->items[i];

        wire_put_fixed(out, turn->hash, 8);
        wire_put_i64(out, turn->last_ms);
        wire_put_i64(out, turn->resolved_ms == INT64_MIN ? NEVER : turn->resolved_ms);
        pack_since(turn, out);
    }
}

void turns_unpack(struct turns *t, struct wire *in)
{
    size_t n = wire_get_count(in, 11);

    in->is_bad |= n > TURNS_MAX;
    for (size_t i = 0; i < n && !in->is_bad; i++) {
        struct turn *turn = append(t, (struct turn){.hash = wire_get_fixed(in, 8)});
        int64_t resolved_ms;

        turn->last_ms = wire_get_instant(in);
        resolved_ms = wire_get_i64(in);
        in->is_bad |= resolved_ms < NEVER || resolved_ms > INSTANT_MAX_MS;
        turn->resolved_ms = resolved_ms == NEVER ? INT64_MIN : resolved_ms;
        series_unpack(&turn->since, false, in);
    }
}
