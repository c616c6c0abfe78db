/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table in the order of time, searched by halves, and the rule behind its end. Changes that the
 * rule would make itself are taken off the table, and changes that change nothing: so that a file
 * with a long table and one with a short table are one zone.
 */
#include "engine/zone_rule.h"

#include "base/mem.h"
#include "base/parse.h"

#define SECOND_MIN (INSTANT_MIN_MS / 1000 - 86400)
#define SECOND_MAX (INSTANT_MAX_MS / 1000 + 86400)

struct change {
    int64_t second; /* since 1970: from here on ... */
    int32_t offset_s;
};

struct zone {
    int32_t first_s;        /* the offset before all changes */
    struct change *changes; /* owned */
    size_t n_changes;
    bool has_rule;
    struct zone_rule rule;
    char rule_text[ZONE_RULE_MAX + 1];
};

struct zone *zone_free(struct zone *z)
{
    if (!z)
        return NULL;
    mem_free(z->changes);
    return mem_free(z);
}

bool zone_is_name(struct str name)
{
    if (!name.len || name.len > 64 || name.ptr[0] == '/' || name.ptr[name.len - 1] == '/')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '+' || c == '-';

        if (!is_word && (c != '/' || name.ptr[i + 1] == '/'))
            return false;
    }
    return true;
}

/* ---------------------------------------------------------------- making */

static bool is_offset(int64_t s)
{
    return s >= -ZONE_OFFSET_MAX && s <= ZONE_OFFSET_MAX;
}

static int32_t last_offset(const struct zone *z)
{
    return z->n_changes ? z->changes[z->n_changes - 1].offset_s : z->first_s;
}

/* In the order of time; false: it is not, or beyond the limits. */
static bool add_change(struct zone *z, int64_t second, int64_t offset_s)
{
    if (!is_offset(offset_s) || (z->n_changes && second <= z->changes[z->n_changes - 1].second))
        return false;
    if (second < SECOND_MIN) { /* "since the big bang" */
        z->first_s = (int32_t)offset_s;
        return z->n_changes == 0;
    }
    if (second > SECOND_MAX || offset_s == last_offset(z))
        return true;
    if (z->n_changes == ZONE_CHANGES_MAX)
        return false;
    z->changes[z->n_changes++] = (struct change){second, (int32_t)offset_s};
    return true;
}

/* Whether the rule makes the last change itself, and none between it and the one before. */
static bool is_last_by_rule(const struct zone *z)
{
    const struct change *last = &z->changes[z->n_changes - 1];
    int32_t before_s = z->n_changes > 1 ? last[-1].offset_s : z->first_s;
    int64_t from = z->n_changes > 1 ? last[-1].second : INT64_MIN, until;

    if (from == INT64_MIN || zone_rule_at(&z->rule, last->second, &until) != last->offset_s)
        return false;
    return zone_rule_at(&z->rule, from, &until) == before_s && until == last->second;
}

static bool set_rule(struct zone *z, struct str text)
{
    if (!text.len)
        return true;
    if (zone_rule_parse(text, &z->rule))
        return false;
    z->has_rule = true;
    memcpy(z->rule_text, text.ptr, text.len);
    z->rule_text[text.len] = '\0';
    while (z->n_changes && is_last_by_rule(z))
        z->n_changes--;
    return true;
}

static struct zone *zone_new(void)
{
    struct zone *z = mem_calloc(1, sizeof(*z));

    z->changes = mem_calloc(ZONE_CHANGES_MAX, sizeof(*z->changes));
    return z;
}

static int finish(struct zone *z, bool is_good, struct zone **ret_zone)
{
    if (!is_good) {
        zone_free(z);
        return ZONE_E_MALFORMED;
    }
    z->changes = mem_realloc(z->changes, (z->n_changes + 1) * sizeof(*z->changes));
    *ret_zone = z;
    return 0;
}

/* ---------------------------------------------------------------- TZif */

#define HEADER_BYTES 44

struct header {
    char version;
    uint32_t n_isut, n_isstd, n_leaps, n_times, n_types, n_chars;
};

static int64_t get_signed(const char *at, size_t n_bytes)
{
    uint64_t v = (unsigned char)at[0] & 0x80 ? UINT64_MAX : 0;

    for (size_t i = 0; i < n_bytes; i++)
        v = v << 8 | (unsigned char)at[i];
    return (int64_t)v;
}

static bool read_header(struct str bytes, struct header *ret_header)
{
    uint32_t counts[6];

    if (bytes.len < HEADER_BYTES || memcmp(bytes.ptr, "TZif", 4) != 0)
        return false;
    for (size_t i = 0; i < 6; i++) {
        counts[i] = (uint32_t)get_signed(bytes.ptr + 20 + 4 * i, 4);
        if (counts[i] > ZONE_CHANGES_MAX)
            return false;
    }
    *ret_header = (struct header){bytes.ptr[4], counts[0], counts[1], counts[2],
                                  counts[3],    counts[4], counts[5]};
    return true;
}

/* Of the data that follows a header, with instants of so many bytes. */
static size_t body_bytes(const struct header *h, size_t time_bytes)
{
    return h->n_times * (time_bytes + 1) + h->n_types * 6u + h->n_chars +
           h->n_leaps * (time_bytes + 4) + h->n_isstd + h->n_isut;
}

static bool read_table(struct zone *z, const struct header *h, const char *body, size_t time_bytes)
{
    const char *types = body + h->n_times * time_bytes;
    const char *infos = types + h->n_times;

    /* Leap seconds: the file counts seconds that our clock has not. */
    if (!h->n_types || h->n_leaps || !is_offset(get_signed(infos, 4)))
        return false;
    z->first_s = (int32_t)get_signed(infos, 4);
    for (uint32_t i = 0; i < h->n_times; i++) {
        unsigned char type = (unsigned char)types[i];

        if (type >= h->n_types || !add_change(z, get_signed(body + i * time_bytes, time_bytes),
                                              get_signed(infos + 6u * type, 4)))
            return false;
    }
    return true;
}

/* A line break, the rule, a line break. */
static bool read_footer(struct zone *z, struct str rest)
{
    const char *end = rest.len > 1 ? memchr(rest.ptr + 1, '\n', rest.len - 1) : NULL;

    return end && rest.ptr[0] == '\n' &&
           set_rule(z, (struct str){rest.ptr + 1, (size_t)(end - rest.ptr) - 1});
}

static bool read_tzif(struct zone *z, struct str bytes)
{
    struct header h;
    size_t time_bytes = 4, n;

    if (bytes.len > ZONE_FILE_MAX || !read_header(bytes, &h))
        return false;
    if (h.version) { /* the same again behind it, with instants of 8 bytes */
        n = HEADER_BYTES + body_bytes(&h, 4);
        if (n > bytes.len)
            return false;
        bytes = (struct str){bytes.ptr + n, bytes.len - n};
        time_bytes = 8;
        if (!read_header(bytes, &h))
            return false;
    }
    n = HEADER_BYTES + body_bytes(&h, time_bytes);
    if (n > bytes.len || !read_table(z, &h, bytes.ptr + HEADER_BYTES, time_bytes))
        return false;
    return time_bytes == 4 || read_footer(z, (struct str){bytes.ptr + n, bytes.len - n});
}

int zone_of_tzif(struct str bytes, struct zone **ret_zone)
{
    struct zone *z = zone_new();

    return finish(z, read_tzif(z, bytes), ret_zone);
}

/* ---------------------------------------------------------------- as a text */

static struct str take_word(struct str *s)
{
    size_t n = 0;
    struct str word;

    while (n < s->len && s->ptr[n] != ' ')
        n++;
    word = (struct str){s->ptr, n};
    *s = n < s->len ? (struct str){s->ptr + n + 1, s->len - n - 1} : STR_NULL;
    return word;
}

static bool read_change(struct zone *z, struct str word)
{
    const char *at = memchr(word.ptr, '@', word.len);
    size_t n = at ? (size_t)(at - word.ptr) : 0;
    int64_t second, offset_s;

    return at && parse_i64((struct str){word.ptr, n}, &second) == 0 &&
           parse_i64((struct str){at + 1, word.len - n - 1}, &offset_s) == 0 &&
           second >= SECOND_MIN && add_change(z, second, offset_s);
}

static bool read_text(struct zone *z, struct str text)
{
    struct str rest = text, word = take_word(&rest);
    int64_t first_s;

    if (parse_i64(word, &first_s) || !is_offset(first_s))
        return false;
    z->first_s = (int32_t)first_s;
    while (rest.len) {
        word = take_word(&rest);
        if (word.len && (word.ptr[0] == '-' || (word.ptr[0] >= '0' && word.ptr[0] <= '9'))) {
            if (!read_change(z, word))
                return false;
        } else {
            return !rest.len && word.len && set_rule(z, word);
        }
    }
    return true;
}

int zone_of_text(struct str text, struct zone **ret_zone)
{
    struct zone *z = zone_new();

    return finish(z, read_text(z, text), ret_zone);
}

void zone_add_text(const struct zone *z, struct buf *out)
{
    buf_add_i64(out, z->first_s);
    for (size_t i = 0; i < z->n_changes; i++) {
        buf_add_char(out, ' ');
        buf_add_i64(out, z->changes[i].second);
        buf_add_char(out, '@');
        buf_add_i64(out, z->changes[i].offset_s);
    }
    if (z->has_rule)
        buf_addf(out, " %s", z->rule_text);
}

/* ---------------------------------------------------------------- reading */

/* How many changes are made at or before the instant. */
static size_t n_changes_until(const struct zone *z, int64_t second)
{
    size_t lo = 0, hi = z->n_changes;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (z->changes[mid].second <= second)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct zone_span zone_at(const struct zone *z, int64_t ms)
{
    int64_t second = ms / 1000 - (ms % 1000 < 0), until = INT64_MAX;
    int32_t offset_s;
    size_t n;

    if (!z)
        return (struct zone_span){0, INT64_MAX};
    n = n_changes_until(z, second);
    if (n < z->n_changes) {
        offset_s = n ? z->changes[n - 1].offset_s : z->first_s;
        until = z->changes[n].second;
    } else if (z->has_rule) {
        offset_s = zone_rule_at(&z->rule, second, &until);
    } else {
        offset_s = last_offset(z);
    }
    return (struct zone_span){offset_s * 1000LL, until == INT64_MAX ? until : until * 1000};
}
