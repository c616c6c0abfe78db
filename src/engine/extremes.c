/* SPDX-License-Identifier: Apache-2.0 */
/* Steps go up to the oldest: each new event removes those that it outdoes. */
#include "engine/extremes.h"

#define ENTRY_SHARE   50  /* drawn over at most 1/50 of what is newer */
#define COMPACT_ABOVE 128 /* entries */
#define COMPACT_EVERY 64  /* entries more than after the last compaction */

static uint64_t *step_at(const struct entries *s, uint32_t i)
{
    return &s->words[i * EXTREMES_STRIDE];
}

/* Whether `a` is at least as extreme as `b`. */
static bool outdoes(bool is_high, double a, double b)
{
    return is_high ? a >= b : a <= b;
}

static void count_in(uint64_t *step, uint32_t n)
{
    uint32_t sum = entry_number(*step) + n;

    *step = entry_word(entry_time(*step), sum < ENTRY_NUMBER_MAX ? sum : ENTRY_NUMBER_MAX);
}

/* The older neighbour's value now stands at the step's own time. */
static void take_in(uint64_t *step, const uint64_t *older)
{
    entry_set_value(step, entry_value(older));
    count_in(step, entry_number(*older));
}

/* From the newest step back: each takes in older ones while the events of both are few beside those
 * that are newer, since the older one's value may have moved over all of its own already. In place,
 * from the array's end; then what is left over goes. */
static void compact(struct entries *s)
{
    uint32_t to = s->n, from = s->n;
    uint64_t newer = 0;

    while (from > 0) {
        uint64_t *step = step_at(s, --to);
        uint64_t limit = newer / ENTRY_SHARE;

        if (limit >= ENTRY_NUMBER_MAX) /* what stays at it may be any number */
            limit = ENTRY_NUMBER_MAX - 1;
        memmove(step, step_at(s, --from), EXTREMES_STRIDE * sizeof(*step));
        while (from > 0 && entry_number(*step) + entry_number(*step_at(s, from - 1)) <= limit)
            take_in(step, step_at(s, --from));
        newer += entry_number(*step);
    }
    entries_remove(s, EXTREMES_STRIDE, 0, to);
}

static void keep_few(struct entries *s)
{
    if (s->n > COMPACT_ABOVE && s->n % COMPACT_EVERY == 0)
        compact(s);
    if (s->n <= EXTREMES_MAX)
        return;
    take_in(step_at(s, 1), step_at(s, 0));
    entries_remove(s, EXTREMES_STRIDE, 0, 1);
}

/* How many of the next newer step's events are older than a step that comes before it is not known:
 * all but its own are taken to be, so that what is newer is never overestimated. */
static uint32_t take_from_newer(struct entries *s, uint32_t newer)
{
    uint32_t n;

    if (newer == s->n)
        return 0;
    n = entry_number(*step_at(s, newer)) - 1;
    *step_at(s, newer) = entry_word(entry_time(*step_at(s, newer)), 1);
    return n;
}

/* Those before `at` that the value outdoes; they are the next older ones. */
static uint32_t count_outdone(const struct entries *s, bool is_high, uint32_t at, double value)
{
    uint32_t n = 0;

    while (n < at && outdoes(is_high, value, entry_value(step_at(s, at - 1 - n))))
        n++;
    return n;
}

void extremes_add(struct entries *s, bool is_high, int64_t time_ms, double value)
{
    uint32_t at = entries_after(s, EXTREMES_STRIDE, time_ms), n_outdone, n_events = 1;
    uint32_t same = entries_after(s, EXTREMES_STRIDE, time_ms - 1);
    uint64_t *step;

    /* The first one of that time or later is the most extreme of them. */
    if (same < s->n && outdoes(is_high, entry_value(step_at(s, same)), value)) {
        count_in(step_at(s, same), 1);
        return;
    }
    n_events += take_from_newer(s, at);
    n_outdone = count_outdone(s, is_high, at, value);
    at -= n_outdone;
    for (uint32_t i = 0; i < n_outdone; i++)
        n_events += entry_number(*step_at(s, at + i));
    if (n_outdone)
        entries_remove(s, EXTREMES_STRIDE, at, n_outdone - 1);
    step = n_outdone ? step_at(s, at) : entries_insert(s, EXTREMES_STRIDE, at);
    *step = entry_word(time_ms, n_events < ENTRY_NUMBER_MAX ? n_events : ENTRY_NUMBER_MAX);
    entry_set_value(step, value);
    keep_few(s);
}
