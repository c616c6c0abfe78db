/* SPDX-License-Identifier: Apache-2.0 */
/* A value that comes again moves to its new time. */
#include "engine/distinct.h"

static uint64_t *value_at(const struct entries *s, uint32_t i)
{
    return &s->words[i * DISTINCT_STRIDE];
}

int64_t distinct_day_of(int64_t time_ms)
{
    int64_t day = time_ms / DISTINCT_DAY_MS;

    return time_ms % DISTINCT_DAY_MS < 0 ? day - 1 : day;
}

/* Makes room for one at that time; false: all that there are were seen later than that. */
static bool make_room(struct entries *s, unsigned stride, int64_t time_ms)
{
    if (s->n < DISTINCT_MAX)
        return true;
    if (time_ms < entry_time(s->words[0]))
        return false;
    entries_remove(s, stride, 0, 1);
    return true;
}

void distinct_add(struct entries *s, int64_t time_ms, uint64_t key)
{
    uint32_t at = s->n;
    uint64_t *entry;

    while (at > 0 && value_at(s, at - 1)[1] != key)
        at--;
    if (at > 0 && entry_time(*value_at(s, at - 1)) >= time_ms)
        return;
    if (at > 0 && (at == s->n || entry_time(*value_at(s, at)) > time_ms)) {
        *value_at(s, at - 1) = entry_word(time_ms, 0);
        return;
    }
    if (at > 0)
        entries_remove(s, DISTINCT_STRIDE, at - 1, 1);
    else if (!make_room(s, DISTINCT_STRIDE, time_ms))
        return;
    entry = entries_insert(s, DISTINCT_STRIDE, entries_after(s, DISTINCT_STRIDE, time_ms));
    entry[0] = entry_word(time_ms, 0);
    entry[1] = key;
}

void distinct_days_add(struct entries *s, int64_t time_ms)
{
    uint32_t at = entries_after(s, DISTINCT_DAYS_STRIDE, time_ms);
    int64_t day = distinct_day_of(time_ms);

    if (at < s->n && distinct_day_of(entry_time(s->words[at])) == day)
        return;
    if (at > 0 && distinct_day_of(entry_time(s->words[at - 1])) == day) {
        s->words[at - 1] = entry_word(time_ms, 0);
        return;
    }
    if (!make_room(s, DISTINCT_DAYS_STRIDE, time_ms))
        return;
    at = entries_after(s, DISTINCT_DAYS_STRIDE, time_ms);
    *entries_insert(s, DISTINCT_DAYS_STRIDE, at) = entry_word(time_ms, 0);
}
