/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs the triggers of two configurations, counts and lists the differences. While events come,
 * a trigger waits for its twin of the other side in a hash map; in the end what is left is sorted
 * and paired. What is printed depends on the triggers alone: tables are sorted by name and time.
 */
#include "app/compare.h"

#include "base/hash.h"
#include "base/hmap.h"
#include "base/mem.h"
#include "base/parse.h"
#include "codec/json_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WIDTH_MAX 40 /* of a column of names */

/* A trigger of one side that has no twin of the same time. All texts but the severity stand in
 * `text`, one after the other. */
struct entry {
    struct hmap_node node;
    int64_t time_ms;
    struct str severity;                  /* owned by the table of counts */
    struct str rule, subject, id, source; /* views into `text` */
    enum edge edge;
    enum compare_side side;
    char text[];
};

enum change { CHANGE_ADDED, CHANGE_LOST, CHANGE_MOVED, CHANGE_REGRADED, N_CHANGES };

static const char *const change_names[N_CHANGES] = {"added", "lost", "moved", "regraded"};

struct difference {
    enum change change;
    struct entry *was, *is; /* owned; NULL where there is none */
};

/* ISO 8601: weeks begin on Monday; the year is that of the week's Thursday. */
struct week {
    int year, number;
};

/* Of one rule, severity and week. */
struct count {
    struct hmap_node node;
    struct str rule, severity; /* owned */
    struct week week;
    uint64_t n_old, n_new, n[N_CHANGES];
};

struct compare {
    struct hmap waiting;
    struct hmap counts;
    struct difference *differences; /* by time once finished */
    size_t n_differences, cap_differences;
    uint64_t seed;
};

/* ---- weeks ---- */

static struct week week_of(int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0));
    struct tm tm;
    char year[16], number[4];

    ENSURE(gmtime_r(&seconds, &tm));
    ENSURE(strftime(year, sizeof(year), "%G", &tm) && strftime(number, sizeof(number), "%V", &tm));
    return (struct week){atoi(year), atoi(number)};
}

static int week_cmp(struct week a, struct week b)
{
    return a.year != b.year ? (a.year < b.year ? -1 : 1)
                            : (a.number > b.number) - (a.number < b.number);
}

/* ---- counts ---- */

static struct str copy(struct str s)
{
    return (struct str){mem_strndup(s.ptr, s.len), s.len};
}

static struct count *count_of(struct compare *c, struct str rule, struct str severity,
                              int64_t time_ms)
{
    struct week week = week_of(time_ms);
    uint64_t hash = hash64(rule.ptr, rule.len, c->seed ^ (uint64_t)(week.year * 64 + week.number));
    struct count *count;

    hash = hash64(severity.ptr, severity.len, hash);
    for (struct hmap_node *n = hmap_first(&c->counts, hash); n; n = hmap_next(n, hash)) {
        count = CONTAINER_OF(n, struct count, node);
        if (str_eq(count->rule, rule) && str_eq(count->severity, severity) &&
            !week_cmp(count->week, week))
            return count;
    }
    count = mem_calloc(1, sizeof(*count));
    count->rule = copy(rule);
    count->severity = copy(severity);
    count->week = week;
    hmap_add(&c->counts, &count->node, hash);
    return count;
}

static int count_cmp(const void *x, const void *y)
{
    const struct count *a = *(struct count *const *)x, *b = *(struct count *const *)y;
    int r = str_cmp(a->rule, b->rule);

    if (!r)
        r = str_cmp(a->severity, b->severity);
    return r ? r : week_cmp(a->week, b->week);
}

/* By rule, severity and week. The caller frees the array. */
static struct count **sort_counts(const struct compare *c)
{
    struct count **all = mem_calloc(c->counts.n + 1, sizeof(*all));
    size_t n = 0;

    HMAP_EACH(it, &c->counts)
    all[n++] = CONTAINER_OF(it, struct count, node);
    qsort(all, n, sizeof(struct count *), count_cmp);
    return all;
}

static bool differs(const struct count *count)
{
    for (size_t i = 0; i < N_CHANGES; i++)
        if (count->n[i])
            return true;
    return count->n_old != count->n_new;
}

static void add_up(struct count *sum, const struct count *count)
{
    sum->n_old += count->n_old;
    sum->n_new += count->n_new;
    for (size_t i = 0; i < N_CHANGES; i++)
        sum->n[i] += count->n[i];
}

/* ---- entries ---- */

static struct str put(char **at, struct str s)
{
    struct str to = {*at, s.len};

    if (s.len)
        memcpy(*at, s.ptr, s.len);
    *at += s.len;
    return to;
}

static struct entry *entry_new(enum compare_side side, const struct trigger *t, struct str severity)
{
    size_t n = t->rule.len + t->stakeholder.len + t->cause.id.len + t->cause.source.len;
    struct entry *e = mem_calloc(1, sizeof(*e) + n);
    char *at = e->text;

    e->time_ms = t->time_ms;
    e->severity = severity;
    e->edge = t->edge;
    e->side = side;
    e->rule = put(&at, t->rule);
    e->subject = put(&at, t->stakeholder);
    e->source = put(&at, t->cause.source);
    e->id = put(&at, t->cause.id);
    return e;
}

static uint64_t hash_of(const struct compare *c, const struct trigger *t)
{
    const struct str parts[] = {t->rule, t->stakeholder, t->cause.source, t->cause.id};
    uint64_t hash = hash64(&t->time_ms, sizeof(t->time_ms), c->seed + t->edge);

    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        hash = hash64(parts[i].ptr, parts[i].len, hash);
    return hash;
}

/* The order of what is the same but for time; of each, time, then side. */
static int key_cmp(const struct entry *a, const struct entry *b)
{
    int r = str_cmp(a->rule, b->rule);

    if (!r)
        r = str_cmp(a->subject, b->subject);
    if (!r)
        r = (int)a->edge - (int)b->edge;
    if (!r)
        r = str_cmp(a->source, b->source);
    return r ? r : str_cmp(a->id, b->id);
}

static int entry_cmp(const void *x, const void *y)
{
    const struct entry *a = *(struct entry *const *)x, *b = *(struct entry *const *)y;
    int r = key_cmp(a, b);

    if (r)
        return r;
    if (a->side != b->side)
        return (int)a->side - (int)b->side;
    return (a->time_ms > b->time_ms) - (a->time_ms < b->time_ms);
}

static bool is_twin(const struct entry *e, enum compare_side side, const struct trigger *t)
{
    return e->side != side && e->time_ms == t->time_ms && e->edge == t->edge &&
           str_eq(e->rule, t->rule) && str_eq(e->subject, t->stakeholder) &&
           str_eq(e->source, t->cause.source) && str_eq(e->id, t->cause.id);
}

static void add_difference(struct compare *c, enum change change, struct entry *was,
                           struct entry *is)
{
    const struct entry *e = is ? is : was;

    mem_grow(&c->differences, &c->cap_differences, c->n_differences, sizeof(*c->differences));
    c->differences[c->n_differences++] = (struct difference){change, was, is};
    count_of(c, e->rule, e->severity, e->time_ms)->n[change]++;
}

static void meet(struct compare *c, struct entry *first, enum compare_side side,
                 const struct trigger *t, struct str severity)
{
    struct entry *second;

    hmap_remove(&c->waiting, &first->node);
    if (str_eq(first->severity, severity)) {
        mem_free(first);
        return;
    }
    second = entry_new(side, t, severity);
    add_difference(c, CHANGE_REGRADED, side == COMPARE_OLD ? second : first,
                   side == COMPARE_OLD ? first : second);
}

void compare_add(struct compare *c, enum compare_side side, const struct trigger *trigger)
{
    struct count *count = count_of(c, trigger->rule, trigger->severity, trigger->time_ms);
    uint64_t hash = hash_of(c, trigger);

    if (side == COMPARE_OLD)
        count->n_old++;
    else
        count->n_new++;
    for (struct hmap_node *n = hmap_first(&c->waiting, hash); n; n = hmap_next(n, hash)) {
        struct entry *e = CONTAINER_OF(n, struct entry, node);

        if (is_twin(e, side, trigger))
            return meet(c, e, side, trigger, count->severity);
    }
    hmap_add(&c->waiting, &entry_new(side, trigger, count->severity)->node, hash);
}

/* ---- pairing what is left ---- */

/* `n` entries that are the same but for time: first the old ones, then the new ones. */
static void pair_up(struct compare *c, struct entry **all, size_t n)
{
    size_t n_old = 0;

    while (n_old < n && all[n_old]->side == COMPARE_OLD)
        n_old++;
    for (size_t i = 0; i < n_old || i < n - n_old; i++) {
        struct entry *was = i < n_old ? all[i] : NULL;
        struct entry *is = i < n - n_old ? all[n_old + i] : NULL;

        add_difference(c, was && is ? CHANGE_MOVED : is ? CHANGE_ADDED : CHANGE_LOST, was, is);
    }
}

static const struct entry *shown(const struct difference *d)
{
    return d->is ? d->is : d->was;
}

static int difference_cmp(const void *x, const void *y)
{
    const struct difference *a = x, *b = y;
    const struct entry *p = shown(a), *q = shown(b);
    int r;

    if (p->time_ms != q->time_ms)
        return p->time_ms < q->time_ms ? -1 : 1;
    r = str_cmp(p->subject, q->subject);
    if (!r)
        r = key_cmp(p, q);
    return r ? r : (int)a->change - (int)b->change;
}

void compare_finish(struct compare *c)
{
    size_t n = c->waiting.n;
    struct entry **all = mem_calloc(n + 1, sizeof(*all));

    for (size_t i = 0; i < n; i++) {
        struct hmap_node *node = hmap_any(&c->waiting);

        hmap_remove(&c->waiting, node);
        all[i] = CONTAINER_OF(node, struct entry, node);
    }
    qsort(all, n, sizeof(struct entry *), entry_cmp);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && !key_cmp(all[i], all[end]); end++)
            continue;
        pair_up(c, all + i, end - i);
    }
    mem_free(all);
    if (c->n_differences)
        qsort(c->differences, c->n_differences, sizeof(*c->differences), difference_cmp);
}

/* ---- life ---- */

struct compare *compare_new(void)
{
    struct compare *c = mem_calloc(1, sizeof(*c));

    c->seed = hash_process_seed();
    return c;
}

struct compare *compare_free(struct compare *c)
{
    struct hmap_node *n;

    if (!c)
        return NULL;
    while ((n = hmap_any(&c->waiting))) {
        hmap_remove(&c->waiting, n);
        mem_free(CONTAINER_OF(n, struct entry, node));
    }
    while ((n = hmap_any(&c->counts))) {
        struct count *count = CONTAINER_OF(n, struct count, node);

        hmap_remove(&c->counts, n);
        mem_free((void *)(uintptr_t)count->rule.ptr);
        mem_free((void *)(uintptr_t)count->severity.ptr);
        mem_free(count);
    }
    for (size_t i = 0; i < c->n_differences; i++) {
        mem_free(c->differences[i].was);
        mem_free(c->differences[i].is);
    }
    hmap_deinit(&c->waiting);
    hmap_deinit(&c->counts);
    mem_free(c->differences);
    return mem_free(c);
}

/* ---- for people ---- */

struct widths {
    int rule, severity;
};

static int wider(int width, struct str s)
{
    return s.len > (size_t)width && width < WIDTH_MAX ? (s.len < WIDTH_MAX ? (int)s.len : WIDTH_MAX)
                                                      : width;
}

static void add_row(struct buf *b, struct widths w, struct str rule, struct str severity,
                    const char *week, const struct count *count)
{
    buf_addf(b, "%-*.*s  %-*.*s  %-8s  %8llu  %8llu", w.rule, STR_ARG(rule), w.severity,
             STR_ARG(severity), week, (unsigned long long)count->n_old,
             (unsigned long long)count->n_new);
    for (size_t i = 0; i < N_CHANGES; i++)
        buf_addf(b, "  %8llu", (unsigned long long)count->n[i]);
    buf_add_char(b, '\n');
}

static void add_head(struct buf *b, struct widths w)
{
    buf_addf(b, "%-*s  %-*s  %-8s  %8s  %8s", w.rule, "rule", w.severity, "severity", "week", "old",
             "new");
    for (size_t i = 0; i < N_CHANGES; i++)
        buf_addf(b, "  %8s", change_names[i]);
    buf_add_char(b, '\n');
}

/* The weeks of one rule and severity; returns how many rows of `all` they are. */
static size_t add_group(struct buf *b, struct widths w, struct count **all, size_t n)
{
    struct count sum = {.n_old = 0};
    size_t end = 0;
    char week[32];

    for (; end < n && str_eq(all[end]->rule, all[0]->rule) &&
           str_eq(all[end]->severity, all[0]->severity);
         end++)
        add_up(&sum, all[end]);
    add_row(b, w, all[0]->rule, all[0]->severity, "all", &sum);
    for (size_t i = 0; i < end; i++) {
        if (!differs(all[i]))
            continue;
        snprintf(week, sizeof(week), "%04d-W%02d", all[i]->week.year, all[i]->week.number);
        add_row(b, w, STR_NULL, STR_NULL, week, all[i]);
    }
    return end;
}

static void add_table(const struct compare *c, struct buf *b)
{
    struct widths w = {.rule = 5, .severity = 8};
    struct count **all = sort_counts(c);
    struct count total = {.n_old = 0};

    for (size_t i = 0; i < c->counts.n; i++) {
        w.rule = wider(w.rule, all[i]->rule);
        w.severity = wider(w.severity, all[i]->severity);
        add_up(&total, all[i]);
    }
    add_head(b, w);
    for (size_t i = 0; i < c->counts.n;)
        i += add_group(b, w, all + i, c->counts.n - i);
    add_row(b, w, STR("total"), STR_NULL, "", &total);
    mem_free(all);
}

static void add_moment(struct buf *b, const struct difference *d)
{
    format_instant(b, shown(d)->time_ms);
    if (d->change != CHANGE_MOVED)
        return;
    buf_add_str(b, STR(" (was "));
    format_instant(b, d->was->time_ms);
    buf_add_char(b, ')');
}

static void add_line(struct buf *b, const struct difference *d)
{
    const struct entry *e = shown(d);

    buf_addf(b, "%-8s  ", change_names[d->change]);
    add_moment(b, d);
    buf_addf(b, "  %s %.*s  %.*s  %.*s", e->edge == EDGE_FIRED ? "fired" : "cleared",
             STR_ARG(e->rule), STR_ARG(e->subject), STR_ARG(e->severity));
    if (d->was && !str_eq(d->was->severity, e->severity))
        buf_addf(b, " (was %.*s)", STR_ARG(d->was->severity));
    if (e->id.len)
        buf_addf(b, "  cause %.*s of %.*s", STR_ARG(e->id), STR_ARG(e->source));
    buf_add_char(b, '\n');
}

void compare_report(const struct compare *c, struct buf *b, size_t n_max)
{
    add_table(c, b);
    buf_add_str(b, c->n_differences ? STR("\n") : STR("\nno trigger differs\n"));
    for (size_t i = 0; i < c->n_differences && i < n_max; i++)
        add_line(b, &c->differences[i]);
    if (c->n_differences > n_max)
        buf_addf(b, "and %zu more: --json lists all\n", c->n_differences - n_max);
}

/* ---- for programs ---- */

static void add_count_json(struct buf *b, const struct count *count)
{
    json_write_i64(b, "old", (int64_t)count->n_old);
    json_write_i64(b, "new", (int64_t)count->n_new);
    for (size_t i = 0; i < N_CHANGES; i++)
        json_write_i64(b, change_names[i], (int64_t)count->n[i]);
}

static void add_counts_json(const struct compare *c, struct buf *b)
{
    struct count **all = sort_counts(c);
    struct count total = {.n_old = 0};
    char week[32];

    json_write_name(b, STR("counts"));
    buf_add_char(b, '[');
    for (size_t i = 0; i < c->counts.n; i++) {
        snprintf(week, sizeof(week), "%04d-W%02d", all[i]->week.year, all[i]->week.number);
        add_up(&total, all[i]);
        json_write_item(b);
        json_write_open(b, NULL);
        json_write_text(b, "rule", all[i]->rule);
        json_write_text(b, "severity", all[i]->severity);
        json_write_text(b, "week", str_of(week));
        add_count_json(b, all[i]);
        json_write_close(b);
    }
    buf_add_char(b, ']');
    json_write_open(b, "total");
    add_count_json(b, &total);
    json_write_close(b);
    mem_free(all);
}

static void add_difference_json(struct buf *b, const struct difference *d)
{
    const struct entry *e = shown(d);

    json_write_item(b);
    json_write_open(b, NULL);
    json_write_text(b, "change", str_of(change_names[d->change]));
    json_write_text(b, "rule", e->rule);
    json_write_text(b, "stakeholder", e->subject);
    json_write_text(b, "edge", e->edge == EDGE_FIRED ? STR("fired") : STR("cleared"));
    json_write_open(b, "cause");
    json_write_text(b, "id", e->id);
    json_write_text(b, "source", e->source);
    json_write_close(b);
    json_write_text(b, "severity", e->severity);
    json_write_instant(b, "time", e->time_ms);
    if (d->change == CHANGE_MOVED)
        json_write_instant(b, "old_time", d->was->time_ms);
    if (d->was && !str_eq(d->was->severity, e->severity))
        json_write_text(b, "old_severity", d->was->severity);
    json_write_close(b);
}

void compare_report_json(const struct compare *c, struct buf *b)
{
    json_write_open(b, NULL);
    add_counts_json(c, b);
    json_write_name(b, STR("differences"));
    buf_add_char(b, '[');
    for (size_t i = 0; i < c->n_differences; i++)
        add_difference_json(b, &c->differences[i]);
    buf_add_char(b, ']');
    json_write_close(b);
    buf_add_char(b, '\n');
}
