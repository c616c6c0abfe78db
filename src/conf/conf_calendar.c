/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calendars: a zone, hours by weekday, and holidays from an iCalendar file or written out. What a
 * file says is in the canonical text as holidays that are written out: it needs no file then.
 */
#include "conf/conf_private.h"

#include "base/mem.h"
#include "conf/conf_ical.h"
#include "engaged/zone.h"

#include <stdlib.h>

#define CALENDARS_MAX  64
#define HOLIDAYS_MAX   10000 /* of one calendar, as they are written */
#define RULES_MAX      500   /* those among them that come again */
#define NAME_MAX_BYTES 64

/* What the engine's spec does not keep. */
struct conf_calendar {
    struct str *holidays; /* as texts, ascending, each once */
    size_t n_holidays;
};

/* One calendar while it is read. */
struct calendar_form {
    struct str zone;
    struct calendar_day days[7];
    const struct conf_node *holidays; /* read last: the zone decides what dates are */
    struct conf_holiday *items;       /* owned */
    size_t n_items, cap_items;
};

static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

/* ---- hours ---- */

static bool two_digits(const char *at, int *ret_value)
{
    *ret_value = (at[0] - '0') * 10 + (at[1] - '0');
    return at[0] >= '0' && at[0] <= '9' && at[1] >= '0' && at[1] <= '9';
}

/* `09:00`, up to `24:00`; minutes after midnight, -1: it is none. */
static int minutes_of(const char *at)
{
    int hours, minutes;

    if (!two_digits(at, &hours) || at[2] != ':' || !two_digits(at + 3, &minutes) || minutes > 59 ||
        hours * 60 + minutes > 1440)
        return -1;
    return hours * 60 + minutes;
}

static void read_interval(struct conf_reader *reader, const struct conf_node *node,
                          struct calendar_day *day)
{
    struct str text;
    int from, to;

    if (!conf_read_text(reader, "hours", node, &text))
        return;
    from = text.len == 11 && text.ptr[5] == '-' ? minutes_of(text.ptr) : -1;
    to = from >= 0 ? minutes_of(text.ptr + 6) : -1;
    if (from < 0 || to < 0)
        conf_fault_node(reader, node,
                        "hours: '%.*s' is no interval of a day: write it as 09:00-12:30",
                        STR_ARG(conf_clip(text)));
    else if (from >= to)
        conf_fault_node(
            reader, node,
            "hours: '%.*s' ends before it begins: write it as 22:00-24:00, and the rest "
            "on the next day",
            STR_ARG(text));
    else if (day->n && from < day->hours[day->n - 1].to_min)
        conf_fault_node(reader, node, "hours: '%.*s' begins before the one before it ends",
                        STR_ARG(text));
    else if (day->n == CALENDAR_HOURS_MAX)
        conf_fault_node(reader, node, "hours: more than %d intervals of one day",
                        CALENDAR_HOURS_MAX);
    else {
        day->hours[day->n].from_min = (uint16_t)from;
        day->hours[day->n++].to_min = (uint16_t)to;
    }
}

static int weekday_of(struct str name)
{
    for (int i = 0; i < 7; i++) {
        if (str_eq(name, str_of(weekdays[i])))
            return i;
    }
    return -1;
}

/* `mon`, or a range, `mon-fri`, which may go over the week's end. */
static bool read_weekdays(struct str text, int *ret_first, int *ret_last)
{
    *ret_first = *ret_last = weekday_of(text);
    if (text.len != 7 || text.ptr[3] != '-')
        return *ret_first >= 0;
    *ret_first = weekday_of((struct str){text.ptr, 3});
    *ret_last = weekday_of((struct str){text.ptr + 4, 3});
    return *ret_first >= 0 && *ret_last >= 0;
}

static void read_day(struct conf_reader *reader, const struct conf_node *name,
                     const struct conf_node *value, struct calendar_form *form, bool *has_day)
{
    struct calendar_day day = {.n = 0};
    int first, last;

    if (!read_weekdays(name->text, &first, &last))
        return conf_fault_node(reader, name,
                               "hours: '%.*s' is no weekday: write mon, tue, wed, thu, fri, sat, "
                               "sun, or a range such as mon-fri",
                               STR_ARG(conf_clip(name->text)));
    if (value->type == CONF_NODE_SCALAR)
        read_interval(reader, value, &day);
    for (size_t i = 0; value->type == CONF_NODE_LIST && i < value->n; i++)
        read_interval(reader, value->items[i], &day);
    if (value->type == CONF_NODE_MAP)
        conf_fault_node(reader, value, "hours: expected a list such as [\"09:00-17:00\"]");
    for (int d = first;; d = (d + 1) % 7) {
        if (has_day[d])
            conf_fault_node(reader, name, "hours: %s has its hours already: leave one of them",
                            weekdays[d]);
        has_day[d] = true;
        form->days[d] = day;
        if (d == last)
            return;
    }
}

static void read_hours(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    bool has_day[7] = {false};

    if (node->type != CONF_NODE_MAP)
        return conf_fault_node(reader, node,
                               "hours: expected a mapping such as {mon-fri: [\"09:00-17:00\"]}");
    for (size_t i = 0; i < node->n; i++)
        read_day(reader, conf_map_key(node, i), conf_map_value(node, i), base, has_day);
}

/* ---- holidays ---- */

static void keep_holidays(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    (void)reader;
    ((struct calendar_form *)base)->holidays = node;
}

static void add_holiday(void *ctx, const struct conf_holiday *holiday)
{
    struct calendar_form *form = ctx;

    if (form->n_items > HOLIDAYS_MAX)
        return;
    mem_grow(&form->items, &form->cap_items, form->n_items, sizeof(*form->items));
    form->items[form->n_items++] = *holiday;
}

static void read_ics(struct conf_reader *reader, const struct conf_node *node, struct str name,
                     const struct zone *zone, struct calendar_form *form)
{
    struct conf_private *p = reader->conf->private;
    struct buf text = BUF_INIT;
    char *path;
    int r;

    if (!p->may_read_files)
        return conf_fault_node(reader, node,
                               "holidays: a file is not possible here: write the dates out");
    path = conf_path_beside(node->doc->name, name);
    r = conf_read_file(path, &text);
    if (r)
        conf_fault_node(reader, node, "holidays: %.200s %s", path, strerror(r));
    else if (text.len > CONF_FILE_MAX_BYTES)
        conf_fault_node(reader, node, "holidays: %.200s has more than %d bytes", path,
                        CONF_FILE_MAX_BYTES);
    else
        conf_ical_read(buf_str(&text), path, zone, reader->faults, add_holiday, form);
    buf_deinit(&text);
    mem_free(path);
}

/* A date is written out; anything else is a file's name. */
static void read_holiday(struct conf_reader *reader, const struct conf_node *node,
                         const struct zone *zone, struct calendar_form *form)
{
    struct conf_holiday holiday;
    struct str text;
    const char *wrong;

    if (!conf_read_text(reader, "holidays", node, &text))
        return;
    if (!text.len || memchr("0123456789", text.ptr[0], 10) == NULL)
        return read_ics(reader, node, text, zone, form);
    wrong = conf_holiday_parse(text, &holiday);
    if (wrong)
        conf_fault_node(reader, node, "holidays: '%.*s': %s", STR_ARG(conf_clip(text)), wrong);
    else
        add_holiday(form, &holiday);
}

static void read_holidays(struct conf_reader *reader, const struct zone *zone,
                          struct calendar_form *form)
{
    const struct conf_node *node = form->holidays;
    size_t n_rules = 0;

    if (!node)
        return;
    if (node->type == CONF_NODE_SCALAR)
        read_holiday(reader, node, zone, form);
    else if (node->type == CONF_NODE_MAP)
        conf_fault_node(reader, node, "holidays: expected FILE.ics, or a list of dates");
    for (size_t i = 0; node->type == CONF_NODE_LIST && i < node->n; i++)
        read_holiday(reader, node->items[i], zone, form);
    for (size_t i = 0; i < form->n_items; i++)
        n_rules += form->items[i].is_yearly;
    if (form->n_items > HOLIDAYS_MAX || n_rules > RULES_MAX)
        conf_fault_node(reader, node, "holidays: more than %d, or more than %d that come again",
                        HOLIDAYS_MAX, RULES_MAX);
}

static int compare_texts(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* The same holidays in another order, or said twice, are the same text. */
static struct conf_calendar texts_of(struct conf_private *p, const struct calendar_form *form)
{
    struct conf_calendar c = {conf_keep(p, mem_calloc(form->n_items + 1, sizeof(struct str))), 0};
    size_t n = 0;

    for (size_t i = 0; i < form->n_items; i++) {
        struct buf text = BUF_INIT;

        conf_holiday_write(&form->items[i], &text);
        c.holidays[i] = buf_str(&text);
        conf_keep(p, text.ptr);
    }
    qsort(c.holidays, form->n_items, sizeof(*c.holidays), compare_texts);
    for (size_t i = 0; i < form->n_items; i++) {
        if (!n || !str_eq(c.holidays[n - 1], c.holidays[i]))
            c.holidays[n++] = c.holidays[i];
    }
    c.n_holidays = n;
    return c;
}

static struct conf_days days_of(struct conf_private *p, const struct calendar_form *form)
{
    struct conf_days days = {.items = NULL};

    for (size_t i = 0; i < form->n_items; i++)
        conf_holiday_expand(&form->items[i], &days);
    conf_days_sort(&days);
    if (days.items)
        conf_keep(p, days.items);
    return days;
}

/* ---- the section ---- */

const struct conf_key conf_keys_calendar[] = {
    {.name = "zone",
     .type = CONF_TEXT,
     .offset = offsetof(struct calendar_form, zone),
     .min = 1,
     .max = NAME_MAX_BYTES,
     .def = "UTC",
     .help = "of the hours and dates, such as Europe/Berlin"},
    {.name = "hours",
     .type = CONF_CUSTOM,
     .read = read_hours,
     .is_required = true,
     .help = "write when it is open, such as hours: {mon-fri: [\"09:00-17:00\"]}"},
    {.name = "holidays",
     .type = CONF_CUSTOM,
     .read = keep_holidays,
     .help = "an iCalendar file, relative to this one, or a list of dates"},
    CONF_KEY_END,
};

/* The zone of a form, where it can be found: the engine says so where not. */
static void read_calendar(struct conf_reader *reader, const struct conf_origin *origin,
                          struct calendar_spec *ret_spec, struct conf_calendar *ret_calendar)
{
    static const struct conf_key key = {.name = "calendar",
                                        .type = CONF_NAME,
                                        .min = 1,
                                        .max = NAME_MAX_BYTES,
                                        .chars = "A0_.-",
                                        .help = "letters, digits, '_', '.' and '-'"};
    struct conf_private *p = reader->conf->private;
    struct calendar_form form = {.zone = STR_NULL};
    struct conf_days days;

    *ret_spec = (struct calendar_spec){.name = origin->name->text};
    (void)conf_key_read(reader, &key, origin->name, &ret_spec->name);
    conf_keys_set_defaults(conf_keys_calendar, &form);
    if (!conf_keys_read(reader, conf_keys_calendar, origin->value, &form))
        form.days[0] = (struct calendar_day){.hours = {{0, 1440}}, .n = 1}; /* said already */
    if (str_eq(form.zone, STR("UTC")))
        form.zone = STR_NULL;
    read_holidays(reader, form.zone.len ? conf_zone_find(p, form.zone) : NULL, &form);
    days = days_of(p, &form);
    ret_spec->zone = form.zone;
    memcpy(ret_spec->days, form.days, sizeof(form.days));
    ret_spec->holidays = days.items;
    ret_spec->n_holidays = days.n;
    *ret_calendar = texts_of(p, &form);
    mem_free(form.items);
}

void conf_read_calendars(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    struct conf_private *p = base;
    struct conf_origin *origins;
    struct calendar_spec *specs;

    if (node->type != CONF_NODE_MAP)
        return conf_fault_node(reader, node,
                               "calendars: expected a mapping such as {office: {zone: "
                               "Europe/Berlin, hours: {mon-fri: [\"09:00-17:00\"]}}}");
    if (node->n > CALENDARS_MAX)
        return conf_fault_node(reader, node, "calendars: more than %d", CALENDARS_MAX);
    specs = conf_keep(p, mem_calloc(node->n + 1, sizeof(*specs)));
    origins = conf_keep(p, mem_calloc(node->n + 1, sizeof(*origins)));
    p->calendars = conf_keep(p, mem_calloc(node->n + 1, sizeof(*p->calendars)));
    for (size_t i = 0; i < node->n; i++) {
        origins[i] =
            (struct conf_origin){.name = conf_map_key(node, i), .value = conf_map_value(node, i)};
        read_calendar(reader, &origins[i], &specs[i], &p->calendars[i]);
    }
    p->conf.spec.calendars = specs;
    p->conf.spec.n_calendars = node->n;
    p->calendar_origins = origins;
}

/* ---- the canonical text ---- */

static void add_hours(struct buf *b, const struct calendar_day *day)
{
    buf_add_char(b, '[');
    for (uint32_t i = 0; i < day->n; i++)
        buf_addf(b, "%s\"%02d:%02d-%02d:%02d\"", i ? ", " : "", day->hours[i].from_min / 60,
                 day->hours[i].from_min % 60, day->hours[i].to_min / 60, day->hours[i].to_min % 60);
    buf_add_char(b, ']');
}

static void add_calendar(struct buf *b, const struct calendar_spec *spec,
                         const struct conf_calendar *c)
{
    const char *between = "";

    buf_add_str(b, STR("  "));
    conf_text_add(b, spec->name);
    buf_add_str(b, STR(": {zone: "));
    conf_text_add(b, spec->zone.len ? spec->zone : STR("UTC"));
    buf_add_str(b, STR(", hours: {"));
    for (int d = 0; d < 7; d++) {
        if (!spec->days[d].n)
            continue;
        buf_addf(b, "%s%s: ", between, weekdays[d]);
        add_hours(b, &spec->days[d]);
        between = ", ";
    }
    buf_add_str(b, STR("}, holidays: ["));
    for (size_t i = 0; i < c->n_holidays; i++) {
        buf_add_str(b, i ? STR(", ") : STR(""));
        conf_text_add(b, c->holidays[i]);
    }
    buf_add_str(b, STR("]}\n"));
}

void conf_calendars_write(const struct conf_private *p, struct buf *b)
{
    const struct model_spec *spec = &p->conf.spec;

    if (spec->n_calendars)
        buf_add_str(b, STR("calendars:\n"));
    for (size_t i = 0; i < spec->n_calendars; i++)
        add_calendar(b, &spec->calendars[i], &p->calendars[i]);
}
