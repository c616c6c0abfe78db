/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks from local midnight to local midnight, and from one change of the clocks to the next:
 * within such a stretch local time runs as UTC does, and the hours of one day apply.
 */
#include "engine/calendar.h"

#include "base/mem.h"
#include "base/civil.h"
#include "engaged/zone.h"

#define MINUTE_MS 60000LL
#define DAY_MS    86400000LL

/* ---------------------------------------------------------------- what it is */

static bool is_day(const struct calendar_day *day)
{
    int32_t last = 0;

    for (uint32_t i = 0; i < day->n && i < CALENDAR_HOURS_MAX; i++) {
        if (day->hours[i].from_min < last || day->hours[i].to_min <= day->hours[i].from_min ||
            day->hours[i].to_min > 1440)
            return false;
        last = day->hours[i].to_min;
    }
    return day->n <= CALENDAR_HOURS_MAX;
}

const char *calendar_fault(const struct calendar_spec *spec)
{
    uint32_t n_hours = 0;

    for (size_t d = 0; d < 7; d++) {
        n_hours += spec->days[d].n;
        if (!is_day(&spec->days[d]))
            return "the hours of a day must ascend, and be at most 8: write them in order";
    }
    for (size_t i = 1; i < spec->n_holidays; i++) {
        if (spec->holidays[i - 1] >= spec->holidays[i])
            return "the holidays must ascend";
    }
    return n_hours ? NULL : "the calendar has no hours, and nothing would ever be due: write some";
}

static void add_canonical(const struct calendar *c, struct buf *out)
{
    if (c->zone)
        zone_add_text(c->zone, out);
    for (size_t d = 0; d < 7; d++) {
        buf_add_char(out, '|');
        for (size_t i = 0; i < c->days[d].n; i++)
            buf_addf(out, "%d-%d,", c->days[d].hours[i].from_min, c->days[d].hours[i].to_min);
    }
    for (size_t i = 0; i < c->n_holidays; i++)
        buf_addf(out, "|%d", c->holidays[i]);
}

void calendar_init(struct calendar *c, const struct calendar_spec *spec, const struct zone *zone)
{
    struct buf text = BUF_INIT;

    *c = (struct calendar){.name = mem_strndup(spec->name.ptr, spec->name.len),
                           .zone = zone,
                           .holidays = mem_calloc(spec->n_holidays + 1, sizeof(*c->holidays)),
                           .n_holidays = spec->n_holidays};
    memcpy(c->days, spec->days, sizeof(c->days));
    if (spec->n_holidays)
        memcpy(c->holidays, spec->holidays, spec->n_holidays * sizeof(*c->holidays));
    for (size_t d = 0; d < 7; d++) {
        for (size_t i = 0; i < c->days[d].n; i++)
            c->week_ms += (c->days[d].hours[i].to_min - c->days[d].hours[i].from_min) * MINUTE_MS;
    }
    add_canonical(c, &text);
    c->canonical = text.ptr;
}

void calendar_deinit(struct calendar *c)
{
    c->name = mem_free(c->name);
    c->holidays = mem_free(c->holidays);
    c->canonical = mem_free(c->canonical);
}

static bool is_holiday(const struct calendar *c, int64_t day)
{
    size_t lo = 0, hi = c->n_holidays;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (c->holidays[mid] < day)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < c->n_holidays && c->holidays[lo] == day;
}

/* ---------------------------------------------------------------- walking */

/* A part of one local day in which local time runs as UTC does. */
struct stretch {
    const struct calendar_day *hours; /* NULL: a holiday */
    int64_t midnight_ms;              /* when the day's minute 0 is, or would be, in UTC */
    int64_t from_ms, to_ms;
};

static struct stretch stretch_at(const struct calendar *c, int64_t ms)
{
    struct zone_span span = zone_at(c->zone, ms);
    int64_t local_ms = ms + span.offset_ms;
    int64_t day = local_ms / DAY_MS - (local_ms % DAY_MS < 0);
    struct stretch s = {.midnight_ms = day * DAY_MS - span.offset_ms, .from_ms = ms};

    s.hours = is_holiday(c, day) ? NULL : &c->days[civil_weekday(day)];
    s.to_ms = s.midnight_ms + DAY_MS < span.until_ms ? s.midnight_ms + DAY_MS : span.until_ms;
    return s;
}

/* The business time of a stretch, up to `most_ms`; *ret_at_ms is when that much is reached. */
static int64_t count_stretch(const struct stretch *s, int64_t most_ms, int64_t *ret_at_ms)
{
    int64_t total_ms = 0;

    for (size_t i = 0; s->hours && i < s->hours->n; i++) {
        int64_t from_ms = s->midnight_ms + s->hours->hours[i].from_min * MINUTE_MS;
        int64_t to_ms = s->midnight_ms + s->hours->hours[i].to_min * MINUTE_MS;

        from_ms = from_ms > s->from_ms ? from_ms : s->from_ms;
        to_ms = to_ms < s->to_ms ? to_ms : s->to_ms;
        if (from_ms >= to_ms)
            continue;
        if (to_ms - from_ms >= most_ms - total_ms) {
            *ret_at_ms = from_ms + most_ms - total_ms;
            return most_ms;
        }
        total_ms += to_ms - from_ms;
    }
    return total_ms;
}

int64_t calendar_add(const struct calendar *c, int64_t start_ms, int64_t business_ms)
{
    int64_t end_ms = start_ms + CALENDAR_SEARCH_DAYS * DAY_MS, at_ms = INT64_MAX;

    for (int64_t ms = start_ms; ms < end_ms;) {
        struct stretch s = stretch_at(c, ms);

        business_ms -= count_stretch(&s, business_ms, &at_ms);
        if (!business_ms)
            return at_ms;
        ms = s.to_ms;
    }
    return INT64_MAX;
}

int64_t calendar_between(const struct calendar *c, int64_t from_ms, int64_t to_ms)
{
    int64_t total_ms = 0, unused;

    for (int64_t ms = from_ms; ms < to_ms;) {
        struct stretch s = stretch_at(c, ms);

        ms = s.to_ms;
        s.to_ms = s.to_ms < to_ms ? s.to_ms : to_ms;
        total_ms += count_stretch(&s, INT64_MAX, &unused);
    }
    return total_ms;
}
