/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Line by line, folded lines put together first: NAME;PARAMETER=VALUE...:VALUE. Components that are
 * no VEVENT of the calendar itself are passed over.
 */
#include "conf/conf_ical.h"

#include "base/mem.h"
#include "base/parse.h"
#include "engaged/zone.h"

#include <strings.h>

#define DAY_MS 86400000LL

struct property {
    struct str name, value; /* parameters stand between them */
};

/* One VEVENT while it is read. */
struct vevent {
    struct conf_holiday holiday;
    int line; /* where it begins */
    bool has_start, has_end, has_rule, is_cancelled;
    int32_t end_day;
    struct conf_days more; /* RDATE */
};

struct reader {
    struct str rest;
    const char *file;
    const struct zone *zone;
    struct conf_faults *faults;
    conf_ical_fn fn;
    void *ctx;
    struct buf text; /* the line, unfolded */
    int line;        /* of its beginning, from 1 */
    int next_line;
    int depth; /* of components that are open; 1: the calendar */
    int skips; /* of them, from where nothing is read; 0: all is */
    struct vevent event;
    size_t n_events;
};

static void fault(struct reader *r, const char *what, struct str name)
{
    conf_fault_add(r->faults, r->file, r->line, 1, "%.*s: %s", STR_ARG(conf_clip(name)), what);
}

/* ---------------------------------------------------------------- lines */

/* A physical line without its end. False: no more. */
static bool take_physical(struct reader *r, struct str *ret_line)
{
    const char *end;
    size_t n;

    if (!r->rest.len)
        return false;
    end = memchr(r->rest.ptr, '\n', r->rest.len);
    n = end ? (size_t)(end - r->rest.ptr) : r->rest.len;
    *ret_line = (struct str){r->rest.ptr, n && r->rest.ptr[n - 1] == '\r' ? n - 1 : n};
    n += end != NULL;
    r->rest = (struct str){r->rest.ptr + n, r->rest.len - n};
    r->next_line++;
    return true;
}

static bool take_line(struct reader *r)
{
    struct str part;

    r->line = r->next_line;
    buf_reset(&r->text);
    if (!take_physical(r, &part))
        return false;
    buf_add_str(&r->text, part);
    while (r->rest.len && (r->rest.ptr[0] == ' ' || r->rest.ptr[0] == '\t')) {
        (void)take_physical(r, &part);
        buf_add(&r->text, part.ptr + 1, part.len ? part.len - 1 : 0);
    }
    return true;
}

/* False: it is no `NAME:VALUE`. A colon in a quoted parameter ends nothing. */
static bool split(struct str line, struct property *ret_property)
{
    size_t name = 0, colon;
    bool is_quoted = false;

    while (name < line.len && line.ptr[name] != ';' && line.ptr[name] != ':')
        name++;
    for (colon = name; colon < line.len && (is_quoted || line.ptr[colon] != ':'); colon++)
        is_quoted ^= line.ptr[colon] == '"';
    if (!name || colon == line.len)
        return false;
    *ret_property =
        (struct property){{line.ptr, name}, {line.ptr + colon + 1, line.len - colon - 1}};
    return true;
}

static bool is_named(struct str name, const char *wanted)
{
    return name.len == strlen(wanted) && strncasecmp(name.ptr, wanted, name.len) == 0;
}

/* ---------------------------------------------------------------- dates */

/* An instant at local midnight, as its day; a clock's time is 6 digits. */
static const char *day_of_time(const struct reader *r, struct str text, int32_t *ret_day)
{
    bool is_utc = text.len == 16 && text.ptr[15] == 'Z';
    struct str clock = {text.ptr + 9, 6};
    int64_t hms, local_ms;

    if (text.len != (is_utc ? 16 : 15) || parse_i64(clock, &hms) || clock.ptr[0] == '-')
        return "is no date or time such as 20261225 or 20261225T000000";
    local_ms = *ret_day * DAY_MS + (hms / 10000 * 3600 + hms / 100 % 100 * 60 + hms % 100) * 1000;
    if (is_utc)
        local_ms += zone_at(r->zone, local_ms).offset_ms;
    if (local_ms % DAY_MS)
        return "is not midnight in the calendar's time zone: holidays are whole days; write "
               "VALUE=DATE";
    *ret_day = (int32_t)(local_ms / DAY_MS);
    return NULL;
}

/* NULL, or what is wrong. */
static const char *read_day(const struct reader *r, struct str text, int32_t *ret_day)
{
    struct str date = {text.ptr, text.len < 8 ? text.len : 8};

    if (!conf_date_parse(date, ret_day))
        return "is no date of the years 1900 to 2199, such as 20261225";
    if (text.len == 8)
        return NULL;
    if (text.ptr[8] != 'T')
        return "is no date such as 20261225; periods are not supported";
    return day_of_time(r, text, ret_day);
}

static const char *read_start(struct reader *r, struct str value)
{
    r->event.has_start = true;
    return read_day(r, value, &r->event.holiday.day);
}

static const char *read_end(struct reader *r, struct str value)
{
    r->event.has_end = true;
    return read_day(r, value, &r->event.end_day);
}

/* P3D or P1W. */
static const char *read_duration(struct reader *r, struct str value)
{
    bool is_weeks = value.len && value.ptr[value.len - 1] == 'W';
    int64_t n;

    if (value.len < 3 || value.ptr[0] != 'P' || (!is_weeks && value.ptr[value.len - 1] != 'D') ||
        parse_i64((struct str){value.ptr + 1, value.len - 2}, &n) || n > CONF_HOLIDAY_DAYS_MAX)
        return "must be days or weeks, such as P1D: holidays are whole days";
    return conf_holiday_set_days(&r->event.holiday, is_weeks ? 7 * n : n);
}

static const char *read_rule(struct reader *r, struct str value)
{
    if (r->event.has_rule)
        return "a second rule of one event is not supported: write an event of its own";
    r->event.has_rule = true;
    return conf_holiday_set_rule(&r->event.holiday, value);
}

static struct str take_item(struct str *list)
{
    const char *comma = memchr(list->ptr, ',', list->len);
    size_t n = comma ? (size_t)(comma - list->ptr) : list->len;
    struct str item = {list->ptr, n};

    *list = comma ? (struct str){comma + 1, list->len - n - 1} : STR_NULL;
    return item;
}

static const char *read_exceptions(struct reader *r, struct str value)
{
    struct conf_holiday *h = &r->event.holiday;

    while (value.len) {
        const char *wrong;

        if (h->n_except == CONF_EXCEPTIONS_MAX)
            return "more than 64 exceptions: write the dates out";
        wrong = read_day(r, take_item(&value), &h->except[h->n_except]);
        if (wrong)
            return wrong;
        h->n_except++;
    }
    return NULL;
}

static const char *read_more(struct reader *r, struct str value)
{
    while (value.len) {
        struct conf_days *more = &r->event.more;
        const char *wrong;
        int32_t day;

        wrong = read_day(r, take_item(&value), &day);
        if (wrong)
            return wrong;
        mem_grow(&more->items, &more->cap, more->n, sizeof(*more->items));
        more->items[more->n++] = day;
    }
    return NULL;
}

static const char *read_status(struct reader *r, struct str value)
{
    r->event.is_cancelled = is_named(value, "CANCELLED");
    return NULL;
}

static const char *refuse_exception(struct reader *r, struct str value)
{
    (void)r;
    (void)value;
    return "changes single dates in a way that is not supported: write EXDATE, and an event of its "
           "own";
}

static void read_property(struct reader *r, const struct property *p)
{
    static const struct {
        const char *name;
        const char *(*read)(struct reader *r, struct str value);
    } known[] = {{"DTSTART", read_start},     {"DTEND", read_end},
                 {"DURATION", read_duration}, {"RRULE", read_rule},
                 {"EXDATE", read_exceptions}, {"RDATE", read_more},
                 {"STATUS", read_status},     {"RECURRENCE-ID", refuse_exception},
                 {"EXRULE", refuse_exception}};

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        const char *wrong;

        if (!is_named(p->name, known[i].name))
            continue;
        wrong = known[i].read(r, p->value);
        if (wrong)
            fault(r, wrong, p->name);
        return;
    }
}

/* ---------------------------------------------------------------- components */

static void begin_event(struct reader *r)
{
    struct conf_days more = r->event.more;

    more.n = 0;
    r->event = (struct vevent){
        .holiday = {.n_days = 1, .interval = 1, .until = INT32_MAX}, .line = r->line, .more = more};
    if (++r->n_events == CONF_ICAL_EVENTS_MAX + 1)
        fault(r, "more than 10000 events: leave out what is past", STR("BEGIN"));
}

static void end_event(struct reader *r)
{
    struct vevent *v = &r->event;
    const char *wrong = NULL;

    r->line = v->line;
    if (v->is_cancelled || r->n_events > CONF_ICAL_EVENTS_MAX)
        return;
    if (!v->has_start)
        return fault(r, "the event has no DTSTART: write its date", STR("VEVENT"));
    if (v->has_end)
        wrong = conf_holiday_set_days(&v->holiday, (int64_t)v->end_day - v->holiday.day);
    if (wrong)
        return fault(r, wrong, STR("DTEND"));
    r->fn(r->ctx, &v->holiday);
    for (size_t i = 0; i < v->more.n; i++) {
        struct conf_holiday one = v->holiday;

        one.day = v->more.items[i];
        one.is_yearly = false;
        r->fn(r->ctx, &one);
    }
}

static void begin(struct reader *r, struct str what)
{
    r->depth++;
    if (r->skips)
        return;
    if (r->depth == 2 && is_named(what, "VEVENT"))
        begin_event(r);
    else if (r->depth > 1 || !is_named(what, "VCALENDAR"))
        r->skips = r->depth;
}

static void end(struct reader *r, struct str what)
{
    if (!r->depth)
        return fault(r, "ends what has not begun", STR("END"));
    if (r->depth == 2 && !r->skips && is_named(what, "VEVENT"))
        end_event(r);
    if (r->skips == r->depth)
        r->skips = 0;
    r->depth--;
}

static void read_line(struct reader *r)
{
    struct property p;

    if (!r->text.len)
        return;
    if (!split(buf_str(&r->text), &p))
        return fault(r, "is no line of an iCalendar file, NAME:VALUE", STR("this"));
    if (is_named(p.name, "BEGIN"))
        begin(r, p.value);
    else if (is_named(p.name, "END"))
        end(r, p.value);
    else if (r->depth == 2 && !r->skips)
        read_property(r, &p);
}

void conf_ical_read(struct str text, const char *file, const struct zone *zone,
                    struct conf_faults *faults, conf_ical_fn fn, void *ctx)
{
    struct reader r = {.rest = text,
                       .file = file,
                       .zone = zone,
                       .faults = faults,
                       .fn = fn,
                       .ctx = ctx,
                       .next_line = 1};
    struct str begins = STR("BEGIN:VCALENDAR"), mark = STR("\xef\xbb\xbf");

    if (str_starts(text, mark))
        r.rest = text = (struct str){text.ptr + mark.len, text.len - mark.len};
    if (text.len < begins.len || strncasecmp(text.ptr, begins.ptr, begins.len) != 0) {
        conf_fault_add(faults, file, 1, 1,
                       "is no iCalendar file: it must begin with BEGIN:VCALENDAR");
        return;
    }
    if (memchr(text.ptr, '\0', text.len))
        conf_fault_add(faults, file, 0, 0, "holds a zero byte: it is no text");
    while (take_line(&r))
        read_line(&r);
    if (r.depth)
        fault(&r, "the file ends within a component: it was cut off", STR("END"));
    buf_deinit(&r.text);
    mem_free(r.event.more.items);
}
