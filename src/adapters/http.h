/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A small HTTP/1.1 server on the loop: for scrapers, probes and a browser on the same machine. It
 * bounds what a client can take: connections, head, body, time.
 */
#include <uv.h>
#include "base/err.h"
#include "base/str.h"

struct http_server;

struct http_request {   /* all borrowed for the duration of the handler */
    const char *method; /* "GET" for HEAD too */
    struct str path;    /* percent-decoded, without the query */
    struct str rest;    /* what follows the route's prefix */
    struct str query;   /* as it came, without '?' */
    struct str body;
};

struct http_response {
    int status;               /* 200 unless changed */
    const char *content_type; /* a literal; "text/plain; charset=utf-8" unless changed */
    struct buf body;          /* the server's; the handler appends */
};

/* Answers within the call. */
typedef void (*http_handler_fn)(void *ctx, const struct http_request *req,
                                struct http_response *res);

struct http_route {
    const char *method; /* GET (also serves HEAD) or POST */
    const char *path;   /* ends in '/': all below it; else exactly this */
    http_handler_fn handler;
};

/* The value of `name` in a query, percent-decoded into `b`; false when absent. */
bool http_query(struct str query, const char *name, struct buf *b);

#define HTTP_E_ADDRESS 1 /* `listen` is not HOST:PORT (or [v6]:PORT) with a numeric host */
/* `routes` are borrowed for the server's life. -errno when it cannot listen there. */
must_check int http_server_new(uv_loop_t *loop, const char *listen, const struct http_route *routes,
                               size_t n_routes, void *ctx, struct http_server **ret_server);
/* The port in use (that the system chose, for port 0). */
int http_server_port(const struct http_server *s);
void http_server_close(struct http_server *s, void (*done)(void *ctx), void *ctx);

struct http_stats {
    int64_t n_requests;
    int64_t n_refused; /* answered 4xx by the server itself, or turned away */
    int64_t n_connections;
};
struct http_stats http_server_stats(const struct http_server *s);
