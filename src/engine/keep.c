/* SPDX-License-Identifier: Apache-2.0 */
/* One case per kind; the kinds of many entries have rooms of their own. */
#include "engine/keep.h"

#include "engine/distinct.h"
#include "engine/extremes.h"
#include "engine/series.h"

#include <math.h>

static bool is_list(enum keep_kind kind)
{
    return kind == KEEP_LOWS || kind == KEEP_HIGHS || kind == KEEP_VALUES || kind == KEEP_DAYS;
}

static bool is_extremes(enum keep_kind kind)
{
    return kind == KEEP_LOWS || kind == KEEP_HIGHS;
}

static unsigned stride_of(enum keep_kind kind)
{
    if (kind == KEEP_DAYS)
        return DISTINCT_DAYS_STRIDE;
    return is_extremes(kind) ? EXTREMES_STRIDE : DISTINCT_STRIDE;
}

static uint64_t *entry_at(const struct keep *k, enum keep_kind kind, uint32_t i)
{
    return &k->list.words[i * stride_of(kind)];
}

/* Ever has no time: any will do. */
static uint64_t one_at(enum keep_kind kind, int64_t time_ms)
{
    return kind == KEEP_LEAST || kind == KEEP_MOST ? 1 : (uint64_t)(time_ms - INSTANT_MIN_MS) + 1;
}

static int64_t one_time(const struct keep *k)
{
    return (int64_t)(k->one.at - 1) + INSTANT_MIN_MS;
}

void keep_deinit(struct keep *k, enum keep_kind kind)
{
    if (is_list(kind))
        entries_deinit(&k->list);
    *k = (struct keep){.one = {0, 0}};
}

size_t keep_bytes(const struct keep *k, enum keep_kind kind)
{
    return is_list(kind) ? entries_bytes(&k->list, stride_of(kind)) : 0;
}

bool keep_is_empty(const struct keep *k, enum keep_kind kind)
{
    return keep_n(k, kind) == 0;
}

/* ---------------------------------------------------------------- adding */

/* Whether the one value that is kept gives way. */
static bool is_replaced(const struct keep *k, enum keep_kind kind, int64_t time_ms, double value)
{
    if (!k->one.at)
        return true;
    if (kind == KEEP_LATEST)
        return time_ms >= one_time(k);
    return kind == KEEP_LEAST ? value < k->one.value : value > k->one.value;
}

void keep_add(struct keep *k, enum keep_kind kind, int64_t time_ms, const struct taken *taken)
{
    switch (kind) {
    case KEEP_LATEST:
    case KEEP_LEAST:
    case KEEP_MOST:
        if (!is_replaced(k, kind, time_ms, taken->value))
            return;
        k->one.at = one_at(kind, time_ms);
        k->one.value = taken->value;
        return;
    case KEEP_LOWS:
    case KEEP_HIGHS:
        extremes_add(&k->list, kind == KEEP_HIGHS, time_ms, taken->value);
        return;
    case KEEP_VALUES:
        distinct_add(&k->list, time_ms, taken->key);
        return;
    case KEEP_DAYS:
        distinct_days_add(&k->list, time_ms);
        return;
    case KEEP_CAP:
        return;
    }
}

bool keep_cap(struct keep *k, const struct cap_spec *cap, int64_t time_ms, double value,
              double *ret_taken)
{
    struct cap_state state = {one_time(k), k->one.value};
    bool has_state = k->one.at != 0;

    if (!cap_take(cap, has_state, &state, time_ms, value, ret_taken))
        return false;
    k->one.at = one_at(KEEP_CAP, state.time_ms);
    k->one.value = state.added;
    return true;
}

void keep_merge(struct keep *k, enum keep_kind kind, const struct keep *from,
                const struct cap_spec *cap)
{
    unsigned stride = is_list(kind) ? stride_of(kind) : 0;
    double taken;

    if (kind == KEEP_CAP && from->one.at)
        (void)keep_cap(k, cap, one_time(from), from->one.value, &taken);
    else if (!is_list(kind) && from->one.at)
        keep_add(k, kind, one_time(from), &(struct taken){.value = from->one.value});
    for (uint32_t i = 0; is_list(kind) && i < from->list.n; i++) {
        const uint64_t *entry = &from->list.words[i * stride];
        struct taken one = {0};

        if (kind == KEEP_VALUES)
            one.key = entry[1];
        else if (kind != KEEP_DAYS)
            one.value = entry_value(entry);
        keep_add(k, kind, entry_time(entry[0]), &one);
    }
}

void keep_expire(struct keep *k, enum keep_kind kind, int64_t before_ms)
{
    if (is_list(kind) && k->list.n)
        entries_remove(&k->list, stride_of(kind), 0,
                       entries_after(&k->list, stride_of(kind), before_ms));
}

/* ---------------------------------------------------------------- reading */

uint32_t keep_n(const struct keep *k, enum keep_kind kind)
{
    return is_list(kind) ? k->list.n : k->one.at != 0;
}

uint32_t keep_after(const struct keep *k, enum keep_kind kind, int64_t after_ms)
{
    if (is_list(kind))
        return entries_after(&k->list, stride_of(kind), after_ms);
    return k->one.at && one_time(k) <= after_ms;
}

int64_t keep_time(const struct keep *k, enum keep_kind kind, uint32_t i)
{
    return is_list(kind) ? entry_time(*entry_at(k, kind, i)) : one_time(k);
}

uint32_t keep_next(const struct keep *k, enum keep_kind kind, uint32_t i)
{
    uint32_t n = keep_n(k, kind), next = i + 1;

    while (next < n && keep_time(k, kind, next) == keep_time(k, kind, i))
        next++;
    return next;
}

bool keep_read(const struct keep *k, enum keep_kind kind, uint32_t i, double *ret_value)
{
    uint32_t n = keep_n(k, kind);

    *ret_value = 0;
    if (kind == KEEP_VALUES || kind == KEEP_DAYS)
        *ret_value = (double)(n - i);
    else if (i < n)
        *ret_value = is_list(kind) ? entry_value(entry_at(k, kind, i)) : k->one.value;
    else
        return false;
    return true;
}

/* ---------------------------------------------------------------- packing */

static void pack_list(const struct keep *k, enum keep_kind kind, struct buf *out)
{
    int64_t last_ms = 0;

    wire_put_u64(out, k->list.n);
    for (uint32_t i = 0; i < k->list.n; i++) {
        const uint64_t *entry = entry_at(k, kind, i);

        wire_put_i64(out, entry_time(*entry) - last_ms);
        last_ms = entry_time(*entry);
        if (kind == KEEP_VALUES)
            wire_put_fixed(out, entry[1], 8);
        if (!is_extremes(kind))
            continue;
        wire_put_u64(out, entry_number(*entry));
        wire_put_double(out, entry_value(entry));
    }
}

void keep_pack(const struct keep *k, enum keep_kind kind, struct buf *out)
{
    if (is_list(kind)) {
        pack_list(k, kind, out);
        return;
    }
    wire_put_i64(out, one_time(k));
    wire_put_double(out, k->one.value);
}

/* Whether a new entry of that time, and of that value, may follow the last one that there is. */
static bool may_follow(const struct keep *k, enum keep_kind kind, int64_t time_ms, double value)
{
    const uint64_t *last = k->list.n ? entry_at(k, kind, k->list.n - 1) : NULL;

    if (!last)
        return true;
    switch (kind) {
    case KEEP_LOWS:
        return time_ms > entry_time(*last) && value > entry_value(last);
    case KEEP_HIGHS:
        return time_ms > entry_time(*last) && value < entry_value(last);
    case KEEP_DAYS:
        return distinct_day_of(time_ms) > distinct_day_of(entry_time(*last));
    default:
        return time_ms >= entry_time(*last);
    }
}

static void unpack_entry(struct keep *k, enum keep_kind kind, int64_t time_ms, struct wire *in)
{
    uint64_t key = kind == KEEP_VALUES ? wire_get_fixed(in, 8) : 0;
    uint64_t number = is_extremes(kind) ? wire_get_u64(in) : 0;
    double value = is_extremes(kind) ? wire_get_double(in) : 0;
    uint64_t *entry;

    if (number > ENTRY_NUMBER_MAX || (is_extremes(kind) && !number) ||
        fabs(value) > SERIES_VALUE_MAX || !may_follow(k, kind, time_ms, value))
        in->is_bad = true;
    if (in->is_bad)
        return;
    entry = entries_insert(&k->list, stride_of(kind), k->list.n);
    *entry = entry_word(time_ms, (uint32_t)number);
    if (is_extremes(kind))
        entry_set_value(entry, value);
    else if (kind == KEEP_VALUES)
        entry[1] = key;
}

static void unpack_list(struct keep *k, enum keep_kind kind, struct wire *in)
{
    size_t n = wire_get_count(in, kind == KEEP_DAYS ? 1 : 9);
    int64_t time_ms = 0;

    in->is_bad |= n > (is_extremes(kind) ? EXTREMES_MAX : DISTINCT_MAX);
    if (in->is_bad)
        return;
    entries_reserve(&k->list, stride_of(kind), n);
    for (size_t i = 0; i < n && !in->is_bad; i++) {
        int64_t step = wire_get_i64(in);

        if (step < INSTANT_MIN_MS || step > 2 * INSTANT_MAX_MS || time_ms + step < INSTANT_MIN_MS ||
            time_ms + step > INSTANT_MAX_MS) {
            in->is_bad = true;
            return;
        }
        time_ms += step;
        unpack_entry(k, kind, time_ms, in);
    }
}

void keep_unpack(struct keep *k, enum keep_kind kind, struct wire *in)
{
    int64_t time_ms;
    double value;

    if (is_list(kind)) {
        unpack_list(k, kind, in);
        return;
    }
    time_ms = wire_get_instant(in);
    value = wire_get_double(in);
    in->is_bad |= fabs(value) > (kind == KEEP_CAP ? SERIES_SUM_MAX : SERIES_VALUE_MAX);
    if (in->is_bad)
        return;
    k->one.at = one_at(kind, time_ms);
    k->one.value = value;
}
