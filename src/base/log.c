/* SPDX-License-Identifier: Apache-2.0 */
/* Formats a message into one buffer and writes it at once, so that threads do not mix lines. */
#include "base/log.h"

#include "base/parse.h"

#include <math.h>
#include <time.h>
#include <unistd.h>

static enum log_level least_level = LOG_LEVEL_INFO;
static enum log_format line_format = LOG_FORMAT_LOGFMT;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_setup(enum log_level least, enum log_format format)
{
    least_level = least;
    line_format = format;
}

static bool is_bare(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
            return false;
    }
    return s.len > 0;
}

static void add_key(struct buf *b, const char *key)
{
    if (line_format == LOG_FORMAT_JSON) {
        buf_add_char(b, b->len ? ',' : '{');
        buf_add_json_str(b, str_of(key));
        buf_add_char(b, ':');
    } else {
        if (b->len)
            buf_add_char(b, ' ');
        buf_add_str(b, str_of(key));
        buf_add_char(b, '=');
    }
}

static void add_text(struct buf *b, const char *key, struct str text)
{
    add_key(b, key);
    if (!str_is_utf8(text))
        text = STR("(not UTF-8)");
    if (line_format == LOG_FORMAT_LOGFMT && is_bare(text))
        buf_add_str(b, text);
    else
        buf_add_json_str(b, text);
}

static void add_field(struct buf *b, const struct log_field *f)
{
    if (f->type == LOG_FIELD_STR) {
        add_text(b, f->key, f->str);
        return;
    }
    add_key(b, f->key);
    if (f->type == LOG_FIELD_I64)
        buf_add_i64(b, f->i64);
    else
        buf_add_double(b, isfinite(f->real) ? f->real : 0);
}

void log_write(enum log_level level, const char *room, const char *msg,
               const struct log_field *fields)
{
    struct buf line = BUF_INIT, stamp = BUF_INIT;
    struct timespec now;

    if (level < least_level)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    format_instant(&stamp, now.tv_sec * 1000LL + now.tv_nsec / 1000000);
    add_text(&line, "ts", buf_str(&stamp));
    add_text(&line, "level", str_of(level_names[level]));
    add_text(&line, "room", str_of(room));
    add_text(&line, "msg", str_of(msg));
    for (; fields->key; fields++)
        add_field(&line, fields);
    buf_add_str(&line, line_format == LOG_FORMAT_JSON ? STR("}\n") : STR("\n"));
    if (write(STDERR_FILENO, line.ptr, line.len) < 0)
        (void)0; /* nowhere left to say so */
    buf_deinit(&stamp);
    buf_deinit(&line);
}

bool log_limit_pass(struct log_limit *limit, int burst, int64_t now_ms, int64_t *ret_left_out)
{
    int64_t minute = now_ms / 60000;

    if (minute != limit->minute) {
        limit->minute = minute;
        limit->n = 0;
    }
    if (limit->n >= burst) {
        limit->n_left_out++;
        return false;
    }
    limit->n++;
    *ret_left_out = limit->n_left_out;
    limit->n_left_out = 0;
    return true;
}
