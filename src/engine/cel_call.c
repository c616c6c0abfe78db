/* SPDX-License-Identifier: Apache-2.0 */
/* The functions: text, conversions, parts of instants and durations. Arguments are checked here
 * too, since those of unknown type reach it unchecked. */
#include "engine/cel_eval.h"

#include "base/parse.h"
#include "engine/cel_time.h"
#include "engaged/zone.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const fn_names[CEL_FN_N] = {
    [CEL_FN_SIZE] = "size",
    [CEL_FN_CONTAINS] = "contains",
    [CEL_FN_STARTS_WITH] = "startsWith",
    [CEL_FN_ENDS_WITH] = "endsWith",
    [CEL_FN_LOWER_ASCII] = "lowerAscii",
    [CEL_FN_UPPER_ASCII] = "upperAscii",
    [CEL_FN_BOOL] = "bool",
    [CEL_FN_INT] = "int",
    [CEL_FN_DOUBLE] = "double",
    [CEL_FN_STRING] = "string",
    [CEL_FN_DURATION] = "duration",
    [CEL_FN_TIMESTAMP] = "timestamp",
    [CEL_FN_TYPE] = "type",
    [CEL_FN_DYN] = "dyn",
    [CEL_FN_FULL_YEAR] = "getFullYear",
    [CEL_FN_MONTH] = "getMonth",
    [CEL_FN_DATE] = "getDate",
    [CEL_FN_DAY_OF_MONTH] = "getDayOfMonth",
    [CEL_FN_DAY_OF_WEEK] = "getDayOfWeek",
    [CEL_FN_DAY_OF_YEAR] = "getDayOfYear",
    [CEL_FN_HOURS] = "getHours",
    [CEL_FN_MINUTES] = "getMinutes",
    [CEL_FN_SECONDS] = "getSeconds",
    [CEL_FN_MILLISECONDS] = "getMilliseconds",
};

const char *cel_fn_name(enum cel_fn fn)
{
    return fn_names[fn];
}

enum cel_fn cel_fn_find(struct str name)
{
    unsigned fn = 0;

    while (fn < CEL_FN_N && !str_eq(name, str_of(fn_names[fn])))
        fn++;
    return (enum cel_fn)fn;
}

const char *cel_type_name(enum cel_type type)
{
    static const char *const names[] = {
        [CEL_NULL] = "null_type",
        [CEL_BOOL] = "bool",
        [CEL_INT] = "int",
        [CEL_DOUBLE] = "double",
        [CEL_STRING] = "string",
        [CEL_DURATION] = "google.protobuf.Duration",
        [CEL_TIMESTAMP] = "google.protobuf.Timestamp",
        [CEL_LIST] = "list",
        [CEL_TYPE] = "type",
        [CEL_DYN] = "dyn",
    };

    return names[type];
}

static int give_int(int64_t i, struct cel_value *ret_value)
{
    *ret_value = (struct cel_value){.type = CEL_INT, .i = i};
    return 0;
}

static int give_double(double d, struct cel_value *ret_value)
{
    *ret_value = (struct cel_value){.type = CEL_DOUBLE, .d = d};
    return 0;
}

static int give_text(struct cel_run *run, struct str text, struct cel_value *ret_value)
{
    char *to = cel_run_bytes(run, text.len);

    if (!to)
        return CEL_E_ERROR;
    memcpy(to, text.ptr, text.len);
    *ret_value = (struct cel_value){.type = CEL_STRING, .s = {to, text.len}};
    return 0;
}

/* Of text: characters, not bytes. */
static int call_size(const struct cel_value *v, struct cel_value *ret_value)
{
    int64_t n = 0;

    if (v->type == CEL_LIST)
        return give_int((int64_t)v->list.n, ret_value);
    if (v->type != CEL_STRING)
        return CEL_E_ERROR;
    for (size_t i = 0; i < v->s.len; i++)
        n += ((unsigned char)v->s.ptr[i] & 0xc0) != 0x80;
    return give_int(n, ret_value);
}

static bool ends_with(struct str s, struct str end)
{
    return s.len >= end.len && str_eq((struct str){s.ptr + (s.len - end.len), end.len}, end);
}

static int call_search(enum cel_fn fn, const struct cel_value *args, struct cel_value *ret_value)
{
    struct str s = args[0].s, part = args[1].s;

    if (args[0].type != CEL_STRING || args[1].type != CEL_STRING)
        return CEL_E_ERROR;
    if (fn == CEL_FN_STARTS_WITH)
        return cel_give_bool(str_starts(s, part), ret_value);
    if (fn == CEL_FN_ENDS_WITH)
        return cel_give_bool(ends_with(s, part), ret_value);
    return cel_give_bool(!part.len || (s.len && memmem(s.ptr, s.len, part.ptr, part.len)),
                         ret_value);
}

static int call_case(struct cel_run *run, enum cel_fn fn, const struct cel_value *v,
                     struct cel_value *ret_value)
{
    char first = fn == CEL_FN_LOWER_ASCII ? 'A' : 'a', last = fn == CEL_FN_LOWER_ASCII ? 'Z' : 'z';
    char *to;

    if (v->type != CEL_STRING)
        return CEL_E_ERROR;
    to = cel_run_bytes(run, v->s.len);
    if (!to)
        return CEL_E_ERROR;
    for (size_t i = 0; i < v->s.len; i++) {
        char c = v->s.ptr[i];

        to[i] = c >= first && c <= last ? (char)(c ^ 0x20) : c;
    }
    *ret_value = (struct cel_value){.type = CEL_STRING, .s = {to, v->s.len}};
    return 0;
}

static int to_bool(const struct cel_value *v, struct cel_value *ret_value)
{
    static const char *const words[2][5] = {{"0", "f", "false", "FALSE", "False"},
                                            {"1", "t", "true", "TRUE", "True"}};

    if (v->type == CEL_BOOL)
        return cel_give_bool(v->b, ret_value);
    if (v->type != CEL_STRING)
        return CEL_E_ERROR;
    for (int b = 0; b < 2; b++) {
        for (size_t i = 0; i < ARRAY_SIZE(words[b]); i++) {
            if (str_eq(v->s, str_of(words[b][i])))
                return cel_give_bool(b, ret_value);
        }
    }
    return CEL_E_ERROR;
}

static int to_int(const struct cel_value *v, struct cel_value *ret_value)
{
    int64_t i;

    switch (v->type) {
    case CEL_INT:
        return give_int(v->i, ret_value);
    case CEL_DOUBLE: /* towards zero; the ends themselves are out, as CEL has it */
        if (!(v->d > -9223372036854775808.0 && v->d < 9223372036854775808.0))
            return CEL_E_ERROR;
        return give_int((int64_t)v->d, ret_value);
    case CEL_STRING:
        return parse_i64(v->s, &i) ? CEL_E_ERROR : give_int(i, ret_value);
    case CEL_TIMESTAMP: /* seconds, rounded down */
        return give_int(v->i / 1000 - (v->i % 1000 < 0), ret_value);
    default:
        return CEL_E_ERROR;
    }
}

static int to_double(const struct cel_value *v, struct cel_value *ret_value)
{
    static const struct {
        const char *text;
        double value;
    } words[] = {{"NaN", NAN},        {"Infinity", INFINITY}, {"+Infinity", INFINITY},
                 {"inf", INFINITY},   {"+inf", INFINITY},     {"-Infinity", -INFINITY},
                 {"-inf", -INFINITY}, {"Inf", INFINITY},      {"+Inf", INFINITY},
                 {"-Inf", -INFINITY}};
    double d;

    if (v->type == CEL_DOUBLE)
        return give_double(v->d, ret_value);
    if (v->type == CEL_INT)
        return give_double((double)v->i, ret_value);
    if (v->type != CEL_STRING)
        return CEL_E_ERROR;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (str_eq(v->s, str_of(words[i].text)))
            return give_double(words[i].value, ret_value);
    }
    return parse_double(v->s, &d) ? CEL_E_ERROR : give_double(d, ret_value);
}

/* Shortest digits that read back to the same value. */
static size_t format_double(double d, char *text, size_t size)
{
    int n = 0;

    if (d != d)
        return (size_t)snprintf(text, size, "NaN");
    if (d - d != 0)
        return (size_t)snprintf(text, size, d < 0 ? "-Inf" : "+Inf");
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(text, size, "%.*g", digits, d);
        if (strtod(text, NULL) == d)
            break;
    }
    return (size_t)n;
}

static int to_string(struct cel_run *run, const struct cel_value *v, struct cel_value *ret_value)
{
    char text[CEL_TIME_TEXT];
    size_t n;

    switch (v->type) {
    case CEL_STRING:
        *ret_value = *v;
        return 0;
    case CEL_BOOL:
        return give_text(run, v->b ? STR("true") : STR("false"), ret_value);
    case CEL_INT:
        n = (size_t)snprintf(text, sizeof(text), "%lld", (long long)v->i);
        break;
    case CEL_DOUBLE:
        n = format_double(v->d, text, sizeof(text));
        break;
    case CEL_DURATION:
        n = cel_format_duration(v, text);
        break;
    case CEL_TIMESTAMP:
        if (!cel_time_in_range(v))
            return CEL_E_ERROR;
        n = cel_format_timestamp(v, text);
        break;
    default:
        return CEL_E_ERROR;
    }
    return give_text(run, (struct str){text, n}, ret_value);
}

static int to_duration(const struct cel_value *v, struct cel_value *ret_value)
{
    if (v->type == CEL_STRING)
        return cel_parse_duration(v->s, ret_value);
    *ret_value = *v;
    return v->type == CEL_DURATION ? 0 : CEL_E_ERROR;
}

/* Of an int: seconds since 1970. */
static int to_timestamp(const struct cel_value *v, struct cel_value *ret_value)
{
    int64_t ms;

    if (v->type == CEL_STRING)
        return cel_parse_timestamp(v->s, ret_value);
    if (v->type == CEL_INT) {
        if (__builtin_mul_overflow(v->i, 1000, &ms) || ms < INSTANT_MIN_MS || ms > INSTANT_MAX_MS)
            return CEL_E_ERROR;
        *ret_value = (struct cel_value){.type = CEL_TIMESTAMP, .i = ms};
        return 0;
    }
    *ret_value = *v;
    return v->type == CEL_TIMESTAMP ? 0 : CEL_E_ERROR;
}

static int of_calendar(enum cel_fn fn, int64_t ms, struct cel_value *ret_value)
{
    struct cel_calendar c;

    cel_calendar_of(ms, &c);
    switch (fn) {
    case CEL_FN_FULL_YEAR:
        return give_int(c.year, ret_value);
    case CEL_FN_MONTH:
        return give_int(c.month, ret_value);
    case CEL_FN_DATE:
        return give_int(c.day + 1, ret_value);
    case CEL_FN_DAY_OF_MONTH:
        return give_int(c.day, ret_value);
    case CEL_FN_DAY_OF_WEEK:
        return give_int(c.weekday, ret_value);
    case CEL_FN_DAY_OF_YEAR:
        return give_int(c.year_day, ret_value);
    case CEL_FN_HOURS:
        return give_int(c.hour, ret_value);
    case CEL_FN_MINUTES:
        return give_int(c.minute, ret_value);
    case CEL_FN_SECONDS:
        return give_int(c.second, ret_value);
    default:
        return give_int(c.ms, ret_value);
    }
}

/* A duration in whole units, towards zero; getMilliseconds is only its part below a second. */
static int of_duration(enum cel_fn fn, const struct cel_value *v, struct cel_value *ret_value)
{
    int64_t ms = v->i + (v->i < 0 && v->ns);

    switch (fn) {
    case CEL_FN_HOURS:
        return give_int(ms / 3600000, ret_value);
    case CEL_FN_MINUTES:
        return give_int(ms / 60000, ret_value);
    case CEL_FN_SECONDS:
        return give_int(ms / 1000, ret_value);
    case CEL_FN_MILLISECONDS:
        return give_int(ms % 1000, ret_value);
    default:
        return CEL_E_ERROR;
    }
}

/* An offset, or a zone that the text names. */
static int offset_of(const struct cel_program *p, struct str name, int64_t at_ms,
                     int64_t *ret_offset_ms)
{
    const struct zone *zone;

    if (cel_parse_zone(name, ret_offset_ms) == 0)
        return 0;
    zone = cel_find_zone(p, name);
    if (!zone)
        return CEL_E_ERROR;
    *ret_offset_ms = zone_at(zone, at_ms).offset_ms;
    return 0;
}

static int call_part(const struct cel_program *p, enum cel_fn fn, const struct cel_value *args,
                     unsigned n_args, struct cel_value *ret_value)
{
    int64_t offset_ms = 0;

    if (args[0].type == CEL_DURATION && n_args == 1)
        return of_duration(fn, &args[0], ret_value);
    if (args[0].type != CEL_TIMESTAMP || !cel_time_in_range(&args[0]))
        return CEL_E_ERROR;
    if (n_args == 2 &&
        (args[1].type != CEL_STRING || offset_of(p, args[1].s, args[0].i, &offset_ms)))
        return CEL_E_ERROR;
    return of_calendar(fn, args[0].i + offset_ms, ret_value);
}

int cel_call(struct cel_run *run, enum cel_fn fn, const struct cel_value *args, unsigned n_args,
             struct cel_value *ret_value)
{
    switch (fn) {
    case CEL_FN_SIZE:
        return call_size(args, ret_value);
    case CEL_FN_CONTAINS:
    case CEL_FN_STARTS_WITH:
    case CEL_FN_ENDS_WITH:
        return call_search(fn, args, ret_value);
    case CEL_FN_LOWER_ASCII:
    case CEL_FN_UPPER_ASCII:
        return call_case(run, fn, args, ret_value);
    case CEL_FN_BOOL:
        return to_bool(args, ret_value);
    case CEL_FN_INT:
        return to_int(args, ret_value);
    case CEL_FN_DOUBLE:
        return to_double(args, ret_value);
    case CEL_FN_STRING:
        return to_string(run, args, ret_value);
    case CEL_FN_DURATION:
        return to_duration(args, ret_value);
    case CEL_FN_TIMESTAMP:
        return to_timestamp(args, ret_value);
    case CEL_FN_TYPE:
        *ret_value = (struct cel_value){.type = CEL_TYPE, .s = str_of(cel_type_name(args->type))};
        return 0;
    case CEL_FN_DYN:
        *ret_value = *args;
        return 0;
    default:
        return call_part(run->program, fn, args, n_args, ret_value);
    }
}
