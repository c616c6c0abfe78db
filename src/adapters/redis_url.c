/* SPDX-License-Identifier: Apache-2.0 */
/* Takes a URL apart. Never repeats a password in what it says. */
#include "adapters/redis_url.h"

#include "base/mem.h"
#include "base/parse.h"

#define PORT_DEFAULT 6379

static int url_fail(struct buf *detail, const char *reason)
{
    buf_addf(detail, "Redis URL: %s", reason);
    return REDIS_URL_E_MALFORMED;
}

static bool url_take_prefix(struct str *s, struct str prefix)
{
    if (!str_starts(*s, prefix))
        return false;
    s->ptr += prefix.len;
    s->len -= prefix.len;
    return true;
}

/* Splits at the first (or last) `c`; false when there is none. */
static bool url_split(struct str s, char c, bool at_last, struct str *ret_left,
                      struct str *ret_right)
{
    const char *at = s.len == 0 ? NULL
                     : at_last  ? memrchr(s.ptr, c, s.len)
                                : memchr(s.ptr, c, s.len);

    if (!at)
        return false;
    *ret_left = (struct str){.ptr = s.ptr, .len = (size_t)(at - s.ptr)};
    *ret_right = (struct str){.ptr = at + 1, .len = s.len - ret_left->len - 1};
    return true;
}

static int url_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* NULL when malformed. */
static char *url_decode(struct str s)
{
    char *text = mem_alloc(s.len + 1), *to = text;

    for (size_t i = 0; i < s.len; i++) {
        int high, low;

        if (s.ptr[i] != '%') {
            *to++ = s.ptr[i];
            continue;
        }
        high = i + 2 < s.len ? url_hex(s.ptr[i + 1]) : -1;
        low = high >= 0 ? url_hex(s.ptr[i + 2]) : -1;
        if (low < 0 || (high == 0 && low == 0))
            return mem_free(text);
        *to++ = (char)(high << 4 | low);
        i += 2;
    }
    *to = '\0';
    return text;
}

static int url_parse_user(struct str s, struct redis_url *u, struct buf *detail)
{
    struct str user = s, password = STR_NULL;
    bool has_password = url_split(s, ':', false, &user, &password);

    if (user.len > 0 && !(u->user = url_decode(user)))
        return url_fail(detail, "the user is not well percent-encoded");
    if (has_password && !(u->password = url_decode(password)))
        return url_fail(detail, "the password is not well percent-encoded");
    if (u->user && !u->password)
        return url_fail(detail, "a user needs a password");
    return 0;
}

static int url_parse_db(struct str s, struct redis_url *u, struct buf *detail)
{
    int64_t db;

    if (s.len == 0)
        return 0;
    if (parse_i64(s, &db) || db < 0 || db > 1000000)
        return url_fail(detail, "the database is not a number");
    u->db = (int)db;
    return 0;
}

static int url_parse_unix(struct str s, struct redis_url *u, struct buf *detail)
{
    struct str path = s, query = STR_NULL;

    if (url_split(s, '?', false, &path, &query) && !url_take_prefix(&query, STR("db=")))
        return url_fail(detail, "only db=N may follow the path");
    if (path.len == 0 || path.ptr[0] != '/')
        return url_fail(detail, "unix:// needs an absolute path");
    u->path = url_decode(path);
    if (!u->path)
        return url_fail(detail, "the path is not well percent-encoded");
    return url_parse_db(query, u, detail);
}

static int url_parse_port(struct str s, struct redis_url *u, struct buf *detail)
{
    int64_t port;

    if (parse_i64(s, &port) || port < 1 || port > 65535)
        return url_fail(detail, "the port is not a number from 1 to 65535");
    u->port = (int)port;
    return 0;
}

static int url_parse_host(struct str s, struct redis_url *u, struct buf *detail)
{
    struct str host = s, port = STR_NULL, rest = STR_NULL;
    bool has_port;

    u->port = PORT_DEFAULT;
    if (url_take_prefix(&s, STR("["))) {
        if (!url_split(s, ']', false, &host, &rest) || (rest.len > 0 && rest.ptr[0] != ':'))
            return url_fail(detail, "the IPv6 address is not closed");
        has_port = rest.len > 0;
        port = has_port ? (struct str){.ptr = rest.ptr + 1, .len = rest.len - 1} : STR_NULL;
    } else {
        has_port = url_split(s, ':', true, &host, &port);
    }
    if (host.len == 0 || memchr(host.ptr, '\0', host.len))
        return url_fail(detail, "the host is missing");
    u->host = mem_strndup(host.ptr, host.len);
    return has_port ? url_parse_port(port, u, detail) : 0;
}

static int url_parse_tcp(struct str s, struct redis_url *u, struct buf *detail)
{
    struct str host = s, db = STR_NULL;
    int r;

    if (memchr(s.ptr, '?', s.len))
        return url_fail(detail, "no query may follow");
    (void)url_split(s, '/', false, &host, &db);
    r = url_parse_host(host, u, detail);
    return r ? r : url_parse_db(db, u, detail);
}

int redis_url_parse(struct str text, struct redis_url *ret_url, struct buf *detail)
{
    struct redis_url u = REDIS_URL_INIT;
    struct str user, rest;
    bool is_unix = false;
    int r = 0;

    if (url_take_prefix(&text, STR("unix://")))
        is_unix = true;
    else if (url_take_prefix(&text, STR("rediss://")))
        u.has_tls = true;
    else if (!url_take_prefix(&text, STR("redis://")))
        return url_fail(detail, "it begins with none of redis://, rediss:// and unix://");
    if (url_split(text, '@', true, &user, &rest)) {
        r = url_parse_user(user, &u, detail);
        text = rest;
    }
    if (!r)
        r = is_unix ? url_parse_unix(text, &u, detail) : url_parse_tcp(text, &u, detail);
    if (r) {
        redis_url_deinit(&u);
        return r;
    }
    *ret_url = u;
    return 0;
}

void redis_url_deinit(struct redis_url *u)
{
    mem_free(u->host);
    mem_free(u->path);
    mem_free(u->user);
    mem_free(u->password);
    *u = (struct redis_url)REDIS_URL_INIT;
}

void redis_url_show(const struct redis_url *u, struct buf *b)
{
    if (u->path)
        buf_addf(b, "unix://%s?db=%d", u->path, u->db);
    else if (strchr(u->host, ':'))
        buf_addf(b, "redis%s://[%s]:%d/%d", u->has_tls ? "s" : "", u->host, u->port, u->db);
    else
        buf_addf(b, "redis%s://%s:%d/%d", u->has_tls ? "s" : "", u->host, u->port, u->db);
}
