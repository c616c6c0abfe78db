/* SPDX-License-Identifier: Apache-2.0 */
/* The append-only JSON writer: no tree, no allocation but the buffer's growth. */
#include "codec/json_write.h"

#include "base/parse.h"

#include <math.h>

/* What was written last says whether a comma is due: no value ends in an opening bracket. */
static void comma(struct buf *b)
{
    if (b->ptr[b->len - 1] != '{' && b->ptr[b->len - 1] != '[')
        buf_add_char(b, ',');
}

void json_write_name(struct buf *b, struct str name)
{
    comma(b);
    buf_add_json_str(b, name);
    buf_add_char(b, ':');
}

void json_write_item(struct buf *b)
{
    comma(b);
}

void json_write_open(struct buf *b, const char *name)
{
    if (name)
        json_write_name(b, str_of(name));
    buf_add_char(b, '{');
}

void json_write_close(struct buf *b)
{
    buf_add_char(b, '}');
}

void json_write_text(struct buf *b, const char *name, struct str text)
{
    if (!text.len)
        return;
    json_write_name(b, str_of(name));
    buf_add_json_str(b, text);
}

static void add_base64(struct buf *b, struct str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        unsigned char in[3] = {0};
        char out[4];

        memcpy(in, bytes.ptr + i, n);
        out[0] = digits[in[0] >> 2];
        out[1] = digits[(in[0] & 3) << 4 | in[1] >> 4];
        out[2] = digits[(in[1] & 15) << 2 | in[2] >> 6];
        out[3] = digits[in[2] & 63];
        memset(out + n + 1, '=', 3 - n);
        buf_add(b, out, sizeof(out));
    }
}

void json_write_bytes(struct buf *b, const char *name, struct str bytes)
{
    json_write_name(b, str_of(name));
    if (str_is_utf8(bytes)) {
        buf_add_json_str(b, bytes);
        return;
    }
    b->len -= 2; /* "name": becomes "name_base64": */
    buf_add_str(b, STR("_base64\":\""));
    add_base64(b, bytes);
    buf_add_char(b, '"');
}

void json_write_i64(struct buf *b, const char *name, int64_t v)
{
    json_write_name(b, str_of(name));
    buf_add_i64(b, v);
}

void json_write_double(struct buf *b, const char *name, double v)
{
    json_write_name(b, str_of(name));
    buf_add_double(b, v);
}

static void add_bool(struct buf *b, bool v)
{
    buf_add_str(b, v ? STR("true") : STR("false"));
}

void json_write_bool(struct buf *b, const char *name, bool v)
{
    json_write_name(b, str_of(name));
    add_bool(b, v);
}

void json_write_instant(struct buf *b, const char *name, int64_t ms)
{
    if (ms == INT64_MAX)
        return;
    json_write_name(b, str_of(name));
    buf_add_char(b, '"');
    format_instant(b, ms);
    buf_add_char(b, '"');
}

/* Exact: no double is involved. */
static void add_seconds(struct buf *b, int64_t ms)
{
    uint64_t size = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    int rest = (int)(size % 1000);

    if (ms < 0)
        buf_add_char(b, '-');
    buf_add_i64(b, (int64_t)(size / 1000));
    if (!rest)
        return;
    buf_addf(b, ".%03d", rest);
    while (b->ptr[b->len - 1] == '0')
        b->ptr[--b->len] = '\0';
}

static void add_value(struct buf *b, const struct value *v)
{
    switch (v->type) {
    case VALUE_BOOL:
        add_bool(b, v->b);
        return;
    case VALUE_INT:
        buf_add_i64(b, v->i);
        return;
    case VALUE_DURATION:
        add_seconds(b, v->i);
        return;
    case VALUE_STRING:
        buf_add_json_str(b, v->s);
        return;
    case VALUE_DOUBLE:
        if (!isfinite(v->d))
            break;
        buf_add_double(b, v->d);
        return;
    case VALUE_ABSENT:
        break;
    }
    buf_add_str(b, STR("null"));
}

void json_write_value(struct buf *b, struct str name, const struct value *v)
{
    json_write_name(b, name);
    add_value(b, v);
}

void json_write_source(struct buf *b, struct str deployment)
{
    json_write_name(b, STR("source"));
    buf_add_str(b, STR("\"/engaged/"));
    for (size_t i = 0; i < deployment.len; i++) {
        unsigned char c = (unsigned char)deployment.ptr[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            (c && strchr("-._~", c)))
            buf_add_char(b, (char)c);
        else
            buf_addf(b, "%%%02X", c);
    }
    buf_add_char(b, '"');
}

void json_write_values(struct buf *b, const char *name, const struct named_value *values,
                       size_t n_values)
{
    json_write_open(b, name);
    for (size_t i = 0; i < n_values; i++)
        json_write_value(b, values[i].name, &values[i].value);
    json_write_close(b);
}

void json_write_obligation(struct buf *b, const struct obligation_view *o)
{
    json_write_text(b, "by", o->by == SIDE_ORGANISATION ? STR("organisation") : STR("stakeholder"));
    json_write_open(b, "opened_by");
    json_write_text(b, "id", o->id);
    json_write_text(b, "source", o->source);
    json_write_close(b);
    json_write_instant(b, "since", o->since_ms);
    json_write_instant(b, "due", o->due_ms);
    json_write_instant(b, "answered", o->answered_ms);
    json_write_i64(b, "waiting", o->n_waiting);
    json_write_text(b, "org", o->org);
    json_write_text(b, "conversation", o->conversation);
    json_write_text(b, "channel", o->channel);
    json_write_bool(b, "acknowledged", o->is_acknowledged);
}
