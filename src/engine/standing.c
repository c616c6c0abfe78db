/* SPDX-License-Identifier: Apache-2.0 */
/* A short sorted array: a handful of rules are not at their beginning. */
#include "engine/standing.h"

#include "base/mem.h"

/* Of the flags in packed state; the phase is in the two lowest bits. */
#define HAS_FIRED 4u
#define IS_MUTED  8u
#define HAS_UNTIL 16u

void standings_deinit(struct standings *s)
{
    s->items = mem_free(s->items);
    s->n = s->cap = 0;
}

size_t standings_bytes(const struct standings *s)
{
    return mem_taken(s->cap * sizeof(*s->items));
}

/* The first that is not before `rule`. */
static uint16_t place_of(const struct standings *s, size_t rule)
{
    uint16_t at = 0;

    while (at < s->n && s->items[at].rule < rule)
        at++;
    return at;
}

struct standing *standings_find(const struct standings *s, size_t rule)
{
    uint16_t at = place_of(s, rule);

    return at < s->n && s->items[at].rule == rule ? &s->items[at] : NULL;
}

struct standing standings_get(const struct standings *s, size_t rule)
{
    uint16_t at = place_of(s, rule);

    if (at < s->n && s->items[at].rule == rule)
        return s->items[at];
    return (struct standing){.last_fired_ms = INT64_MIN,
                             .until_ms = INT64_MAX,
                             .next_ms = INT64_MAX,
                             .rule = (uint16_t)rule};
}

static bool is_initial(const struct standing *s)
{
    return s->phase == RULE_OUT && s->last_fired_ms == INT64_MIN && s->next_ms == INT64_MAX &&
           !s->is_exact;
}

static void drop(struct standings *s, uint16_t at)
{
    s->n--;
    memmove(&s->items[at], &s->items[at + 1], (size_t)(s->n - at) * sizeof(*s->items));
    if (!s->n)
        standings_deinit(s);
}

static void insert(struct standings *s, uint16_t at, const struct standing *standing)
{
    if (s->n == s->cap) {
        s->cap = (uint16_t)(s->cap < 4 ? s->cap + 1 : s->cap + s->cap / 4);
        s->items = mem_realloc(s->items, s->cap * sizeof(*s->items));
    }
    memmove(&s->items[at + 1], &s->items[at], (size_t)(s->n - at) * sizeof(*s->items));
    s->items[at] = *standing;
    s->n++;
}

void standings_put(struct standings *s, const struct standing *standing)
{
    uint16_t at = place_of(s, standing->rule);
    bool is_kept = at < s->n && s->items[at].rule == standing->rule;

    if (is_kept && is_initial(standing))
        drop(s, at);
    else if (is_kept)
        s->items[at] = *standing;
    else if (!is_initial(standing))
        insert(s, at, standing);
}

static bool stands_further(const struct standing *a, const struct standing *b)
{
    if (a->phase != b->phase)
        return a->phase > b->phase;
    if (a->is_muted != b->is_muted)
        return b->is_muted; /* somebody was told */
    return a->since_ms < b->since_ms;
}

void standings_merge(struct standings *s, const struct standings *from)
{
    for (uint16_t i = 0; i < from->n; i++) {
        const struct standing *theirs = &from->items[i];
        struct standing ours = standings_get(s, theirs->rule), both = ours;

        if (stands_further(theirs, &ours))
            both = *theirs;
        both.last_fired_ms =
            theirs->last_fired_ms > ours.last_fired_ms ? theirs->last_fired_ms : ours.last_fired_ms;
        both.next_ms = INT64_MAX;
        standings_put(s, &both);
    }
}

/* ---------------------------------------------------------------- packing */

static bool is_packed(const struct standing *s)
{
    return s->phase != RULE_OUT || s->last_fired_ms != INT64_MIN;
}

static void pack_one(const struct standing *s, const struct model *m, struct buf *out)
{
    bool has_fired = s->last_fired_ms != INT64_MIN;
    bool has_until = s->phase == RULE_HELD && s->until_ms != INT64_MAX;

    wire_put_fixed(out, m->rules[s->rule].tag, 4);
    wire_put_u64(out, s->phase | (has_fired ? HAS_FIRED : 0) | (s->is_muted ? IS_MUTED : 0) |
                          (has_until ? HAS_UNTIL : 0) | (uint64_t)s->held_by << 5);
    wire_put_i64(out, s->since_ms);
    if (has_fired)
        wire_put_i64(out, s->last_fired_ms);
    if (has_until)
        wire_put_i64(out, s->until_ms);
}

void standings_pack(const struct standings *s, const struct model *m, struct buf *out)
{
    size_t n = 0;

    for (uint16_t i = 0; i < s->n; i++)
        n += is_packed(&s->items[i]);
    wire_put_u64(out, n);
    for (uint16_t i = 0; i < s->n; i++) {
        if (is_packed(&s->items[i]))
            pack_one(&s->items[i], m, out);
    }
}

static struct standing unpack_one(struct wire *in)
{
    struct standing s = {.next_ms = INT64_MAX, .last_fired_ms = INT64_MIN, .until_ms = INT64_MAX};
    uint64_t flags = wire_get_u64(in), held_by = flags >> 5;

    s.phase = flags & 3;
    s.is_muted = flags & IS_MUTED;
    s.held_by = (uint8_t)held_by;
    s.since_ms = wire_get_instant(in);
    if (flags & HAS_FIRED)
        s.last_fired_ms = wire_get_instant(in);
    if (flags & HAS_UNTIL)
        s.until_ms = wire_get_instant(in);
    in->is_bad |= held_by >= N_OBSTACLES || (s.phase == RULE_HELD) != (held_by != OBSTACLE_NONE);
    if (s.held_by == OBSTACLE_COOLDOWN && s.last_fired_ms == INT64_MIN) /* since when? */
        in->is_bad = true;
    return s;
}

void standings_unpack(struct standings *s, const struct model *m, struct wire *in)
{
    size_t n = wire_get_count(in, 6);

    for (size_t k = 0; k < n && !in->is_bad; k++) {
        uint32_t tag = (uint32_t)wire_get_fixed(in, 4);
        struct standing one = unpack_one(in);

        for (size_t i = 0; i < m->n_rules && !in->is_bad; i++) {
            if (m->rules[i].tag != tag)
                continue;
            one.rule = (uint16_t)i;
            standings_put(s, &one);
        }
    }
}
