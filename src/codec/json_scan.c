/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is not on the shortest way: strings that are not plain ASCII, numbers, and values that
 * nobody asked for, which must be valid all the same.
 */
#include "codec/json_scan.h"

#include "base/parse.h"

#include <float.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

const char *json_scan_init(struct json_scan *s, struct str bytes, struct buf *texts)
{
    const char *p;

    while (bytes.len && is_space(bytes.ptr[bytes.len - 1]))
        bytes.len--;
    if (bytes.len < 2 || bytes.ptr[bytes.len - 1] != '}')
        return NULL;
    s->end = bytes.ptr + bytes.len;
    s->texts = texts;
    s->n_bytes = bytes.len;
    buf_reset(texts);
    p = json_scan_space(bytes.ptr);
    return *p == '{' ? p : NULL;
}

/* ---- strings ---- */

/* Four hexadecimal digits, or -1. */
static int hex4(const char *p)
{
    int v = 0;

    for (int i = 0; i < 4; i++) {
        char c = p[i], low = (char)(c | 0x20);

        if (c >= '0' && c <= '9')
            v = v * 16 + c - '0';
        else if (low >= 'a' && low <= 'f')
            v = v * 16 + low - 'a' + 10;
        else
            return -1;
    }
    return v;
}

/* The code point of an escape \uXXXX, or of two that are a surrogate pair; p is behind the first
 * backslash. */
static const char *scan_code_point(const char *p, const char *end, int *ret_code)
{
    int low;

    if (end - p < 5)
        return NULL;
    *ret_code = hex4(p + 1);
    p += 5;
    if (*ret_code <= 0 || (*ret_code >= 0xdc00 && *ret_code <= 0xdfff))
        return NULL;
    if (*ret_code < 0xd800 || *ret_code > 0xdbff)
        return p;
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return NULL;
    low = hex4(p + 2);
    if (low < 0xdc00 || low > 0xdfff)
        return NULL;
    *ret_code = 0x10000 + (*ret_code - 0xd800) * 0x400 + (low - 0xdc00);
    return p + 6;
}

/* At most four bytes: never more than the escape had. */
static void add_code_point(struct buf *b, int code)
{
    char bytes[4];
    size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n; i-- > 1; code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)(lead[n] | code);
    buf_add(b, bytes, n);
}

/* What follows a backslash. */
static const char *scan_escape(const struct json_scan *s, const char *p)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *name;
    int code;

    if (p == s->end || !*p)
        return NULL;
    if (*p == 'u') {
        p = scan_code_point(p, s->end, &code);
        if (p)
            add_code_point(s->texts, code);
        return p;
    }
    name = strchr(names, *p);
    if (!name)
        return NULL;
    buf_add_char(s->texts, values[name - names]);
    return p + 1;
}

/* Behind the UTF-8 and plain bytes from p on: at a quote or a backslash, or NULL. */
static const char *scan_utf8(const struct json_scan *s, const char *p)
{
    size_t n;

    for (p = json_scan_plain(p, s->end); p < s->end && (signed char)*p < 0;
         p = json_scan_plain(p + n, s->end)) {
        n = str_utf8_sequence(p, (size_t)(s->end - p));
        if (!n)
            return NULL;
    }
    return p < s->end && (*p == '"' || *p == '\\') ? p : NULL;
}

/* A string from its first escape, at p, on. */
static const char *scan_escaped(const struct json_scan *s, const char *begin, const char *p,
                                struct str *ret_text)
{
    size_t at;

    /* At once for all of the input: what was handed out must not move. */
    buf_reserve(s->texts, s->n_bytes - s->texts->len);
    at = s->texts->len;
    while (*p == '\\') {
        buf_add(s->texts, begin, (size_t)(p - begin));
        begin = scan_escape(s, p + 1);
        p = begin ? scan_utf8(s, begin) : NULL;
        if (!p)
            return NULL;
    }
    buf_add(s->texts, begin, (size_t)(p - begin));
    *ret_text = (struct str){s->texts->ptr + at, s->texts->len - at};
    return p + 1;
}

const char *json_scan_odd_text(const struct json_scan *s, const char *begin, const char *p,
                               struct str *ret_text)
{
    p = scan_utf8(s, p);
    if (!p)
        return NULL;
    if (*p == '\\')
        return scan_escaped(s, begin, p, ret_text);
    *ret_text = (struct str){begin, (size_t)(p - begin)};
    return p + 1;
}

/* ---- numbers ---- */

#define EXACT_DIGITS   19 /* that a uint64_t holds */
#define EXACT_MANTISSA (1ULL << DBL_MANT_DIG)
#define EXACT_POWER    22

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *scan_digits(const char *p, uint64_t *mantissa)
{
    for (; is_digit(*p); p++)
        *mantissa = *mantissa * 10 + (uint64_t)(*p - '0');
    return p;
}

/* p is behind the e. Large enough is large enough: only the range is asked for. */
static const char *scan_exponent(const char *p, int *exponent)
{
    bool is_negative = *p == '-';
    int v = 0;

    p += *p == '-' || *p == '+';
    if (!is_digit(*p))
        return NULL;
    for (; is_digit(*p); p++)
        v = v < 10000 ? v * 10 + *p - '0' : v;
    *exponent += is_negative ? -v : v;
    return p;
}

/* An integer that may not fit. */
static bool read_long_integer(const char *begin, const char *end, double *ret_number)
{
    int64_t v;

    if (parse_i64((struct str){begin, (size_t)(end - begin)}, &v))
        return false;
    *ret_number = (double)v;
    return true;
}

/* As Clinger showed: where mantissa and power of ten are exact doubles, one multiplication or
 * division is rounded correctly, as strtod() is. */
static bool read_real(uint64_t mantissa, int exponent, bool is_negative, double *ret_number)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    double v = (double)mantissa;

    if (FLT_EVAL_METHOD != 0 || mantissa > EXACT_MANTISSA || exponent > EXACT_POWER ||
        exponent < -EXACT_POWER)
        return false;
    v = exponent < 0 ? v / powers[-exponent] : v * powers[exponent];
    *ret_number = is_negative ? -v : v;
    return true;
}

const char *json_scan_number(const char *p, double *ret_number)
{
    const char *begin = p, *digits = p + (*p == '-'), *point;
    bool is_negative = *p == '-', is_exact;
    uint64_t mantissa = 0;
    int exponent = 0;

    p = point = scan_digits(digits, &mantissa);
    if (p == digits || (*digits == '0' && p - digits > 1))
        return NULL;
    is_exact = p - digits < EXACT_DIGITS;
    if (*p != '.' && *p != 'e' && *p != 'E') {
        if (!is_exact)
            return read_long_integer(begin, p, ret_number) ? p : NULL;
        *ret_number = (double)(is_negative ? -(int64_t)mantissa : (int64_t)mantissa);
        return p;
    }
    if (*p == '.') {
        p = scan_digits(p + 1, &mantissa);
        if (p - point < 2)
            return NULL;
        is_exact = p - digits <= EXACT_DIGITS;
        exponent = is_exact ? -(int)(p - point - 1) : 0;
    }
    if (*p == 'e' || *p == 'E')
        p = scan_exponent(p + 1, &exponent);
    if (!p)
        return NULL;
    if (is_exact && read_real(mantissa, exponent, is_negative, ret_number))
        return p;
    return parse_double((struct str){begin, (size_t)(p - begin)}, ret_number) ? NULL : p;
}

/* ---- values ---- */

static const char *scan_array(const struct json_scan *s, const char *p, size_t depth)
{
    bool is_last = false;

    p = json_scan_space(p + 1);
    if (*p == ']')
        return p + 1;
    while (p && !is_last) {
        p = json_scan_value(s, p, depth);
        if (p)
            p = json_scan_next(p, ']', &is_last);
    }
    return p;
}

static const char *scan_object(const struct json_scan *s, const char *p, size_t depth)
{
    bool is_last = false;
    struct str name;

    p = json_scan_space(p + 1);
    if (*p == '}') {
        p++;
        is_last = true;
    }
    while (p && !is_last) {
        p = json_scan_name(s, p, &name);
        if (p)
            p = json_scan_value(s, p, depth);
        if (p)
            p = json_scan_next(p, '}', &is_last);
    }
    return p == s->end ? NULL : p; /* something lies around it */
}

const char *json_scan_value(const struct json_scan *s, const char *p, size_t depth)
{
    struct str text;
    double number;
    bool b;

    switch (*p) {
    case '"':
        return json_scan_text(s, p + 1, &text);
    case '{':
        return depth ? scan_object(s, p, depth - 1) : NULL;
    case '[':
        return depth ? scan_array(s, p, depth - 1) : NULL;
    case 't':
    case 'f':
        return json_scan_bool(p, &b);
    case 'n':
        return json_scan_null(p);
    default:
        return json_scan_number(p, &number);
    }
}
