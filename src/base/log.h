/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One line per message, logfmt or JSON, to standard error:
 *
 *     log_warn("redis", "connection lost", log_str("address", a), log_i64("retry_ms", 250));
 *     ts=2026-05-01T08:00:00.123Z level=warn room=redis msg="connection lost" address=...
 * retry_ms=250
 *
 * `room` names the part that speaks. Never a stakeholder's id above debug, never a secret.
 * base, engine and codec never log; adapters log changes of state, app logs decisions.
 */
#include "base/str.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

struct log_field {
    const char *key; /* NULL ends a list */
    enum { LOG_FIELD_STR, LOG_FIELD_I64, LOG_FIELD_DOUBLE } type;
    struct str str;
    int64_t i64;
    double real;
};

#define log_str(k, text)                                                                           \
    ((struct log_field){.key = (k), .type = LOG_FIELD_STR, .str = str_of(text)})
#define log_view(k, view) ((struct log_field){.key = (k), .type = LOG_FIELD_STR, .str = (view)})
#define log_i64(k, v)     ((struct log_field){.key = (k), .type = LOG_FIELD_I64, .i64 = (v)})
#define log_double(k, v)  ((struct log_field){.key = (k), .type = LOG_FIELD_DOUBLE, .real = (v)})

#define log_at(level, room, msg, ...)                                                              \
    log_write((level), (room), (msg), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})
#define log_debug(room, msg, ...) log_at(LOG_LEVEL_DEBUG, room, msg __VA_OPT__(, ) __VA_ARGS__)
#define log_info(room, msg, ...)  log_at(LOG_LEVEL_INFO, room, msg __VA_OPT__(, ) __VA_ARGS__)
#define log_warn(room, msg, ...)  log_at(LOG_LEVEL_WARN, room, msg __VA_OPT__(, ) __VA_ARGS__)
#define log_error(room, msg, ...) log_at(LOG_LEVEL_ERROR, room, msg __VA_OPT__(, ) __VA_ARGS__)

/* Process-wide; set once at start, before threads. */
void log_setup(enum log_level least, enum log_format format);
/* Thread-safe: a line is one write(2). */
void log_write(enum log_level level, const char *room, const char *msg,
               const struct log_field *fields);

/*
 * At most `burst` lines a minute from one call site; what was left out is counted and said with
 * the next line that passes. Keep one `struct log_limit` per call site and owner.
 */
struct log_limit {
    int64_t minute;
    int n;
    int64_t n_left_out; /* since the last line that passed */
};
bool log_limit_pass(struct log_limit *limit, int burst, int64_t now_ms, int64_t *ret_left_out);
