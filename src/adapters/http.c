/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request at a time per connection: while an answer is being written, nothing more is read or
 * parsed, so that a client that sends and never reads costs one answer, not many.
 */
#include "adapters/http.h"

#include <http_parser.h>
#include <limits.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/parse.h"

#define MAX_CONNECTIONS 64
#define MAX_HEAD        8192
#define MAX_BODY        65536
#define TIMEOUT_MS      10000
#define READ_SIZE       16384
#define BACKLOG         64

struct http_conn {
    struct list link;
    struct http_server *server;
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_write_t write;
    http_parser parser;
    int n_open; /* handles */
    bool is_closing;
    bool is_writing;
    bool is_complete; /* a whole request is there */
    bool keep_alive;
    int refusal; /* the status to refuse it with, 0: none */
    size_t n_head;
    struct buf url;
    struct buf body;
    struct buf in;   /* read, not parsed yet */
    struct buf head; /* of the answer */
    struct http_response response;
    char chunk[READ_SIZE];
};

struct http_server {
    uv_loop_t *loop;
    uv_tcp_t tcp;
    const struct http_route *routes; /* borrowed */
    size_t n_routes;
    void *ctx;
    struct list conns;
    size_t n_conns;
    bool is_closing;
    bool is_closed; /* the listener */
    void (*done)(void *ctx);
    void *done_ctx;
    struct http_stats stats;
};

static void conn_parse(struct http_conn *c);

/* ---- life ---- */

static void server_advance_close(struct http_server *s)
{
    void (*done)(void *) = s->done;
    void *ctx = s->done_ctx;

    if (!s->is_closed || s->n_conns > 0)
        return;
    mem_free(s);
    done(ctx);
}

static void conn_on_closed(uv_handle_t *handle)
{
    struct http_conn *c = handle->data;
    struct http_server *s = c->server;

    if (--c->n_open > 0)
        return;
    list_unlink(&c->link);
    buf_deinit(&c->url);
    buf_deinit(&c->body);
    buf_deinit(&c->in);
    buf_deinit(&c->head);
    buf_deinit(&c->response.body);
    mem_free(c);
    s->n_conns--;
    if (s->is_closing)
        server_advance_close(s);
}

static void conn_close(struct http_conn *c)
{
    if (c->is_closing)
        return;
    c->is_closing = true;
    uv_close((uv_handle_t *)&c->tcp, conn_on_closed);
    uv_close((uv_handle_t *)&c->timer, conn_on_closed);
}

static void conn_on_timeout(uv_timer_t *timer)
{
    conn_close(timer->data);
}

static void conn_reset(struct http_conn *c)
{
    c->is_complete = false;
    c->refusal = 0;
    c->n_head = 0;
    buf_reset(&c->url);
    buf_reset(&c->body);
    uv_timer_start(&c->timer, conn_on_timeout, TIMEOUT_MS, 0);
}

/* ---- texts ---- */

static const char *status_text(int status)
{
    switch (status) {
#define XX(code, name, text)                                                                       \
    case code:                                                                                     \
        return #text;
        HTTP_STATUS_MAP(XX)
#undef XX
    default:
        return "Unknown";
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Appends to `b`; false when malformed. */
static bool percent_decode(struct str s, bool is_query, struct buf *b)
{
    for (size_t i = 0; i < s.len; i++) {
        int high, low;

        if (s.ptr[i] != '%') {
            buf_add_char(b, is_query && s.ptr[i] == '+' ? ' ' : s.ptr[i]);
            continue;
        }
        high = i + 2 < s.len ? hex_digit(s.ptr[i + 1]) : -1;
        low = high >= 0 ? hex_digit(s.ptr[i + 2]) : -1;
        if (low < 0)
            return false;
        buf_add_char(b, (char)(high << 4 | low));
        i += 2;
    }
    return true;
}

bool http_query(struct str query, const char *name, struct buf *b)
{
    struct str wanted = str_of(name);

    while (query.len > 0) {
        const char *end = memchr(query.ptr, '&', query.len);
        struct str pair = {.ptr = query.ptr, .len = end ? (size_t)(end - query.ptr) : query.len};

        query.ptr += pair.len + (end != NULL);
        query.len -= pair.len + (end != NULL);
        if (!str_starts(pair, wanted) || (pair.len > wanted.len && pair.ptr[wanted.len] != '='))
            continue;
        pair.ptr += wanted.len + (pair.len > wanted.len);
        pair.len -= wanted.len + (pair.len > wanted.len);
        return percent_decode(pair, true, b);
    }
    return false;
}

/* ---- answering ---- */

static void conn_on_written(uv_write_t *write, int status)
{
    struct http_conn *c = write->data;

    c->is_writing = false;
    if (status < 0 || !c->keep_alive) {
        conn_close(c);
        return;
    }
    if (c->is_closing)
        return;
    conn_reset(c);
    conn_parse(c);
}

static void conn_write(struct http_conn *c)
{
    struct http_response *r = &c->response;
    bool is_head = c->parser.method == HTTP_HEAD && !c->refusal;
    uv_buf_t bufs[2];

    buf_reset(&c->head);
    buf_addf(&c->head, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", r->status,
             status_text(r->status), r->content_type, r->body.len);
    buf_addf(&c->head, "Cache-Control: no-store\r\nConnection: %s\r\n\r\n",
             c->keep_alive ? "keep-alive" : "close");
    bufs[0] = uv_buf_init(c->head.ptr, (unsigned)c->head.len);
    bufs[1] = uv_buf_init(r->body.ptr, (unsigned)r->body.len);
    uv_read_stop((uv_stream_t *)&c->tcp);
    c->is_writing = true;
    c->write.data = c;
    /* The client has this long to take it. */
    uv_timer_start(&c->timer, conn_on_timeout, TIMEOUT_MS, 0);
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, bufs, is_head || !r->body.len ? 1 : 2,
                 conn_on_written)) {
        c->is_writing = false;
        conn_close(c);
    }
}

static void conn_refuse(struct http_conn *c, int status)
{
    c->server->stats.n_refused++;
    c->response.status = status;
    c->response.content_type = "text/plain; charset=utf-8";
    buf_reset(&c->response.body);
    buf_addf(&c->response.body, "%d %s\n", status, status_text(status));
}

/* 0 and the route, or the status of a refusal. */
static int server_route(struct http_server *s, struct str path, const char *method,
                        const struct http_route **ret_route)
{
    int status = 404;

    for (size_t i = 0; i < s->n_routes; i++) {
        const struct http_route *r = &s->routes[i];
        struct str at = str_of(r->path);
        bool is_prefix = at.len > 0 && at.ptr[at.len - 1] == '/';

        if (is_prefix && at.len > 1 ? !str_starts(path, at) : !str_eq(path, at))
            continue;
        if (strcmp(r->method, method) == 0) {
            *ret_route = r;
            return 0;
        }
        status = 405;
    }
    return status;
}

static int conn_handle(struct http_conn *c, struct buf *path)
{
    struct http_request req = {.body = buf_str(&c->body)};
    struct http_server *s = c->server;
    const struct http_route *route;
    struct http_parser_url u;
    struct str raw;
    int status;

    http_parser_url_init(&u);
    if (http_parser_parse_url(c->url.ptr, c->url.len, 0, &u) || !(u.field_set & (1 << UF_PATH)))
        return 400;
    raw = (struct str){.ptr = c->url.ptr + u.field_data[UF_PATH].off,
                       .len = u.field_data[UF_PATH].len};
    if (!percent_decode(raw, false, path) || !str_is_utf8(buf_str(path)) ||
        memchr(path->ptr, '\0', path->len))
        return 400;
    req.method = c->parser.method == HTTP_HEAD ? "GET" : http_method_str(c->parser.method);
    req.path = buf_str(path);
    if (u.field_set & (1 << UF_QUERY))
        req.query = (struct str){.ptr = c->url.ptr + u.field_data[UF_QUERY].off,
                                 .len = u.field_data[UF_QUERY].len};
    status = server_route(s, req.path, req.method, &route);
    if (status)
        return status;
    req.rest = (struct str){.ptr = req.path.ptr + strlen(route->path),
                            .len = req.path.len - strlen(route->path)};
    route->handler(s->ctx, &req, &c->response);
    return 0;
}

static void conn_answer(struct http_conn *c)
{
    struct buf path = BUF_INIT;

    c->server->stats.n_requests++;
    buf_reset(&c->response.body);
    c->response.status = 200;
    c->response.content_type = "text/plain; charset=utf-8";
    if (!c->refusal)
        c->refusal = conn_handle(c, &path);
    if (c->refusal)
        conn_refuse(c, c->refusal);
    if (!c->is_complete) /* what follows cannot be told from what was refused */
        c->keep_alive = false;
    buf_deinit(&path);
    conn_write(c);
}

/* ---- parsing ---- */

static int conn_count_head(struct http_conn *c, size_t n)
{
    c->n_head += n;
    if (c->n_head <= MAX_HEAD)
        return 0;
    c->refusal = 431;
    return -1;
}

static int on_url(http_parser *parser, const char *at, size_t n)
{
    struct http_conn *c = parser->data;

    if (conn_count_head(c, n))
        return -1;
    buf_add(&c->url, at, n);
    return 0;
}

static int on_header(http_parser *parser, const char *at, size_t n)
{
    (void)at;
    return conn_count_head(parser->data, n);
}

static int on_headers_complete(http_parser *parser)
{
    struct http_conn *c = parser->data;

    if (parser->content_length != ULLONG_MAX && parser->content_length > MAX_BODY) {
        c->refusal = 413;
        return -1;
    }
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t n)
{
    struct http_conn *c = parser->data;

    if (c->body.len + n > MAX_BODY) {
        c->refusal = 413;
        return -1;
    }
    buf_add(&c->body, at, n);
    return 0;
}

static int on_message_complete(http_parser *parser)
{
    struct http_conn *c = parser->data;

    c->is_complete = true;
    c->keep_alive = http_should_keep_alive(parser) && !c->server->is_closing;
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings settings = {
    .on_url = on_url,
    .on_header_field = on_header,
    .on_header_value = on_header,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

static void conn_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct http_conn *c = handle->data;

    (void)size;
    *buf = uv_buf_init(c->chunk, sizeof(c->chunk));
}

static void conn_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct http_conn *c = stream->data;

    if (n < 0) {
        conn_close(c);
        return;
    }
    buf_add(&c->in, buf->base, (size_t)n);
    conn_parse(c);
}

/* Up to the end of one request; the rest waits in `in` until it is answered. */
static void conn_parse(struct http_conn *c)
{
    enum http_errno error = HPE_OK;

    if (c->in.len > 0) {
        size_t n = http_parser_execute(&c->parser, &settings, c->in.ptr, c->in.len);

        error = HTTP_PARSER_ERRNO(&c->parser);
        if (error == HPE_PAUSED)
            http_parser_pause(&c->parser, 0);
        memmove(c->in.ptr, c->in.ptr + n, c->in.len - n);
        c->in.len -= n;
    }
    if (error != HPE_OK && error != HPE_PAUSED && !c->refusal)
        c->refusal = error == HPE_HEADER_OVERFLOW ? 431 : 400;
    if (c->parser.upgrade && !c->refusal)
        c->keep_alive = false;
    if (c->is_complete || c->refusal)
        conn_answer(c);
    else
        uv_read_start((uv_stream_t *)&c->tcp, conn_alloc, conn_on_read);
}

/* ---- the server ---- */

static void server_on_connection(uv_stream_t *stream, int status)
{
    struct http_server *s = stream->data;
    struct http_conn *c;

    if (status < 0 || s->is_closing)
        return;
    c = mem_calloc(1, sizeof(*c));
    c->server = s;
    ENSURE(uv_tcp_init(s->loop, &c->tcp) == 0);
    ENSURE(uv_timer_init(s->loop, &c->timer) == 0);
    c->tcp.data = c->timer.data = c->parser.data = c;
    c->n_open = 2;
    list_append(&s->conns, &c->link);
    s->n_conns++;
    if (uv_accept(stream, (uv_stream_t *)&c->tcp) || s->n_conns > MAX_CONNECTIONS) {
        s->stats.n_refused++;
        conn_close(c);
        return;
    }
    http_parser_init(&c->parser, HTTP_REQUEST);
    conn_reset(c);
    uv_read_start((uv_stream_t *)&c->tcp, conn_alloc, conn_on_read);
}

static int server_address(const char *listen, struct sockaddr_storage *ret_address)
{
    const char *colon = strrchr(listen, ':');
    struct str host = {.ptr = listen, .len = colon ? (size_t)(colon - listen) : 0};
    char text[64];
    int64_t port;

    if (!colon || parse_i64(str_of(colon + 1), &port) || port < 0 || port > 65535)
        return HTTP_E_ADDRESS;
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = (struct str){.ptr = host.ptr + 1, .len = host.len - 2};
    if (host.len == 0 || host.len >= sizeof(text))
        return HTTP_E_ADDRESS;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (uv_ip4_addr(text, (int)port, (struct sockaddr_in *)ret_address) == 0 ||
        uv_ip6_addr(text, (int)port, (struct sockaddr_in6 *)ret_address) == 0)
        return 0;
    return HTTP_E_ADDRESS;
}

static void server_on_closed(uv_handle_t *handle)
{
    struct http_server *s = handle->data;

    s->is_closed = true;
    server_advance_close(s);
}

static void server_on_never_opened(void *ctx)
{
    (void)ctx;
}

int http_server_new(uv_loop_t *loop, const char *listen, const struct http_route *routes,
                    size_t n_routes, void *ctx, struct http_server **ret_server)
{
    struct sockaddr_storage address;
    struct http_server *s;
    int r = server_address(listen, &address);

    if (r)
        return r;
    s = mem_calloc(1, sizeof(*s));
    s->loop = loop;
    s->routes = routes;
    s->n_routes = n_routes;
    s->ctx = ctx;
    list_init(&s->conns);
    ENSURE(uv_tcp_init(loop, &s->tcp) == 0);
    s->tcp.data = s;
    r = uv_tcp_bind(&s->tcp, (struct sockaddr *)&address, 0);
    if (!r)
        r = uv_listen((uv_stream_t *)&s->tcp, BACKLOG, server_on_connection);
    if (r) {
        http_server_close(s, server_on_never_opened, NULL);
        return r;
    }
    *ret_server = s;
    return 0;
}

int http_server_port(const struct http_server *s)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    int len = sizeof(address);

    ENSURE(uv_tcp_getsockname(&s->tcp, (struct sockaddr *)&address, &len) == 0);
    return address.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&address)->sin_port)
                                        : ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
}

/* An answer that is being written is cut off: who stops the daemon does not wait for a scraper. */
void http_server_close(struct http_server *s, void (*done)(void *ctx), void *ctx)
{
    ENSURE(!s->is_closing);
    s->is_closing = true;
    s->done = done;
    s->done_ctx = ctx;
    LIST_EACH(it, &s->conns)
    conn_close(CONTAINER_OF(it, struct http_conn, link));
    uv_close((uv_handle_t *)&s->tcp, server_on_closed);
}

struct http_stats http_server_stats(const struct http_server *s)
{
    struct http_stats stats = s->stats;

    stats.n_connections = (int64_t)s->n_conns;
    return stats;
}
