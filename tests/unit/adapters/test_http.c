/* SPDX-License-Identifier: Apache-2.0 */
/* The server against raw sockets: what it answers, and what it does not put up with. */
#include "../unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapters/http.h"
#include "base/mem.h"
#include "run.h"

static uv_loop_t loop;
static struct http_server *server;
static int n_posts;

static void on_hello(void *ctx, const struct http_request *req, struct http_response *res)
{
    assert_ptr_equal(ctx, &loop);
    assert_string_equal(req->method, "GET");
    buf_add_str(&res->body, STR("hello"));
}

static void on_item(void *ctx, const struct http_request *req, struct http_response *res)
{
    struct buf value = BUF_INIT;

    (void)ctx;
    buf_addf(&res->body, "[%.*s]", STR_ARG(req->rest));
    if (http_query(req->query, "q", &value))
        buf_addf(&res->body, "{%.*s}", STR_ARG(buf_str(&value)));
    res->content_type = "application/json";
    res->status = req->rest.len ? 200 : 404;
    buf_deinit(&value);
}

static void on_post(void *ctx, const struct http_request *req, struct http_response *res)
{
    (void)ctx;
    n_posts++;
    buf_addf(&res->body, "%zu", req->body.len);
}

static void on_big(void *ctx, const struct http_request *req, struct http_response *res)
{
    (void)ctx;
    (void)req;
    memset(buf_reserve(&res->body, 8 << 20), 'x', 8 << 20);
    buf_advance(&res->body, 8 << 20);
}

static const struct http_route routes[] = {
    {"GET", "/hello", on_hello},
    {"GET", "/item/", on_item},
    {"POST", "/post", on_post},
    {"GET", "/big", on_big},
};

struct peer {
    int fd;
    struct buf in;
    const char *wanted; /* ends the waiting */
    int n_wanted;
    bool is_closed;
};

static void peer_open(struct peer *p)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)http_server_port(server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    *p = (struct peer){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .n_wanted = 1};
    assert_int_equal(connect(p->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(fcntl(p->fd, F_SETFL, O_NONBLOCK), 0);
}

static void peer_close(struct peer *p)
{
    close(p->fd);
    buf_deinit(&p->in);
}

static void peer_send(struct peer *p, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(p->fd, bytes, n, MSG_NOSIGNAL);

        if (sent > 0) {
            bytes += sent;
            n -= (size_t)sent;
        } else if (errno == EAGAIN) {
            run_for(&loop, 1);
        } else {
            return; /* cut off: the answer tells why */
        }
    }
}

static int count(const char *in, const char *wanted)
{
    int n = 0;

    while (in && (in = strstr(in, wanted))) {
        in += strlen(wanted);
        n++;
    }
    return n;
}

static bool peer_has(void *ctx)
{
    struct peer *p = ctx;
    char chunk[4096];
    ssize_t n;

    while ((n = recv(p->fd, chunk, sizeof(chunk), 0)) > 0)
        buf_add(&p->in, chunk, (size_t)n);
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        p->is_closed = true;
    return p->is_closed || (p->wanted && count(p->in.ptr, p->wanted) >= p->n_wanted);
}

/* Sends, and waits for the text or for the end. */
static void talk(struct peer *p, const char *text, const char *wanted)
{
    buf_reset(&p->in);
    buf_add(&p->in, "", 0); /* a NUL at its front */
    p->wanted = wanted;
    peer_send(p, text, strlen(text));
    assert_true(run_until(&loop, peer_has, p, 3000));
    assert_non_null(p->in.ptr);
}

static void expect(const char *text, const char *status, const char *body)
{
    struct peer p;

    peer_open(&p);
    talk(&p, text, body);
    assert_int_equal(strncmp(p.in.ptr, "HTTP/1.1 ", 9), 0);
    assert_int_equal(strncmp(p.in.ptr + 9, status, 3), 0);
    assert_non_null(strstr(p.in.ptr, body));
    peer_close(&p);
}

static void test_answers(void **state)
{
    (void)state;
    expect("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n", "200", "\r\n\r\nhello");
    expect("GET /hello?x=1 HTTP/1.0\r\n\r\n", "200", "\r\n\r\nhello");
    expect("GET /item/a%2Fb%20c?p=1&q=x+y%26&q=2 HTTP/1.1\r\n\r\n", "200", "[a/b c]{x y&}");
    expect("GET /item/ HTTP/1.1\r\n\r\n", "404", "[]");
    expect("GET /hello/ HTTP/1.1\r\n\r\n", "404", "404 Not Found\n");
    expect("GET / HTTP/1.1\r\n\r\n", "404", "404 Not Found\n");
    expect("POST /hello HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405", "405");
    expect("DELETE /post HTTP/1.1\r\n\r\n", "405", "405");
    expect("POST /post HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345", "200", "\r\n\r\n5");
    expect("POST /post HTTP/1.1\r\nTransfer-Encoding: "
           "chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
           "200", "\r\n\r\n7");
}

static void test_refuses(void **state)
{
    (void)state;
    expect("nonsense\r\n\r\n", "400", "400 Bad Request\n");
    expect("GET /item/%zz HTTP/1.1\r\n\r\n", "400", "400");
    expect("GET /item/%ff HTTP/1.1\r\n\r\n", "400", "400");
    expect("GET /item/%00 HTTP/1.1\r\n\r\n", "400", "400");
    expect("GET /item/%4 HTTP/1.1\r\n\r\n", "400", "400");
    expect("POST /post HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", "413", "413");
}

static void test_head_has_no_body(void **state)
{
    struct peer p;

    (void)state;
    peer_open(&p);
    talk(&p, "HEAD /hello HTTP/1.1\r\n\r\nGET /item/1 HTTP/1.1\r\n\r\n", "[1]");
    assert_non_null(strstr(p.in.ptr, "Content-Length: 5\r\n"));
    assert_null(strstr(p.in.ptr, "hello"));
    peer_close(&p);
}

static void test_keeps_alive(void **state)
{
    struct peer p;

    (void)state;
    peer_open(&p);
    for (int i = 0; i < 3; i++)
        talk(&p, "GET /hello HTTP/1.1\r\n\r\n", "\r\n\r\nhello");
    assert_false(p.is_closed);
    /* Several at once, and one in pieces. */
    p.n_wanted = 3;
    talk(&p, "GET /hello HTTP/1.1\r\n\r\nGET /hello HTTP/1.1\r\n\r\nGET /hello HTTP/1.1\r\n\r\n",
         "\r\n\r\nhello");
    assert_int_equal(count(p.in.ptr, "HTTP/1.1 200"), 3);
    p.n_wanted = 1;
    for (const char *at = "GET /hello HTTP/1.1\r\n\r"; *at; at++) {
        peer_send(&p, at, 1);
        run_for(&loop, 2);
    }
    talk(&p, "\n", "\r\n\r\nhello");
    talk(&p, "GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n", "no such text");
    assert_true(p.is_closed);
    assert_non_null(strstr(p.in.ptr, "Connection: close"));
    peer_close(&p);
}

static void test_head_is_bounded(void **state)
{
    struct peer p;
    struct buf b = BUF_INIT;

    (void)state;
    buf_addf(&b, "GET /hello HTTP/1.1\r\nX: ");
    memset(buf_reserve(&b, 8000), 'a', 8000);
    buf_advance(&b, 8000);
    buf_addf(&b, "\r\n\r\n");
    peer_open(&p);
    talk(&p, b.ptr, "\r\n\r\nhello");
    assert_non_null(strstr(p.in.ptr, "HTTP/1.1 200"));
    peer_close(&p);
    buf_reset(&b);
    buf_addf(&b, "GET /hello HTTP/1.1\r\n");
    for (int i = 0; i < 1000; i++)
        buf_addf(&b, "X%d: yyyyyyyy\r\n", i);
    peer_open(&p);
    talk(&p, b.ptr, "431 ");
    assert_non_null(strstr(p.in.ptr, "HTTP/1.1 431"));
    assert_true(run_until(&loop, peer_has, &p, 1000));
    p.wanted = NULL;
    assert_true(run_until(&loop, peer_has, &p, 1000));
    assert_true(p.is_closed);
    peer_close(&p);
    buf_deinit(&b);
}

static void test_chunked_body_is_bounded(void **state)
{
    struct peer p;
    struct buf b = BUF_INIT;
    int before = n_posts;

    (void)state;
    buf_addf(&b, "POST /post HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 70; i++) {
        buf_addf(&b, "400\r\n");
        memset(buf_reserve(&b, 1024), 'a', 1024);
        buf_advance(&b, 1024);
        buf_addf(&b, "\r\n");
    }
    buf_addf(&b, "0\r\n\r\n");
    peer_open(&p);
    talk(&p, b.ptr, "413 ");
    assert_non_null(strstr(p.in.ptr, "HTTP/1.1 413"));
    assert_int_equal(n_posts, before);
    peer_close(&p);
    buf_deinit(&b);
}

static bool is_alone(void *ctx)
{
    (void)ctx;
    return http_server_stats(server).n_connections == 0;
}

static void test_connections_are_bounded(void **state)
{
    struct peer peers[64], extra;

    (void)state;
    assert_true(run_until(&loop, is_alone, NULL, 3000));
    for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
        peer_open(&peers[i]);
    run_for(&loop, 100);
    assert_int_equal(http_server_stats(server).n_connections, 64);
    peer_open(&extra);
    assert_true(run_until(&loop, peer_has, &extra, 3000));
    assert_true(extra.is_closed);
    talk(&peers[63], "GET /hello HTTP/1.1\r\n\r\n", "\r\n\r\nhello");
    peer_close(&extra);
    for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
        peer_close(&peers[i]);
    assert_true(run_until(&loop, is_alone, NULL, 3000));
}

/* Says nothing, or asks for much and takes nothing: gone after ten seconds. */
static void test_time_is_bounded(void **state)
{
    struct peer silent, slow, greedy;

    (void)state;
    peer_open(&silent);
    peer_open(&slow);
    peer_open(&greedy);
    peer_send(&slow, "GET /hel", 8);
    peer_send(&greedy, "GET /big HTTP/1.1\r\n\r\n", 21);
    run_for(&loop, 5000);
    peer_send(&slow, "lo", 2);
    assert_int_equal(http_server_stats(server).n_connections, 3);
    assert_true(run_until(&loop, is_alone, NULL, 6500));
    peer_close(&silent);
    peer_close(&slow);
    peer_close(&greedy);
}

static void test_big_answer(void **state)
{
    struct peer p;

    (void)state;
    peer_open(&p);
    talk(&p, "GET /big HTTP/1.1\r\nConnection: close\r\n\r\n", NULL);
    assert_true(p.is_closed);
    assert_true(p.in.len > 8 << 20);
    peer_close(&p);
}

static void test_addresses(void **state)
{
    static const char *const bad[] = {"",          "9464",       "localhost:1",     ":1",
                                      "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
                                      "[::1:1"};
    struct http_server *other;
    char taken[64];
    bool is_closed = false;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(http_server_new(&loop, bad[i], routes, 1, NULL, &other), HTTP_E_ADDRESS);
    snprintf(taken, sizeof(taken), "127.0.0.1:%d", http_server_port(server));
    assert_int_equal(http_server_new(&loop, taken, routes, 1, NULL, &other), -EADDRINUSE);
    if (http_server_new(&loop, "[::1]:0", routes, 1, NULL, &other) == 0) {
        assert_true(http_server_port(other) > 0);
        http_server_close(other, run_set_flag, &is_closed);
        assert_true(run_until(&loop, run_flag, &is_closed, 1000));
    }
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    return http_server_new(&loop, "127.0.0.1:0", routes, ARRAY_SIZE(routes), &loop, &server);
}

/* With connections open. */
static int tear_down(void **state)
{
    struct peer idle, busy;
    bool is_closed = false;

    (void)state;
    peer_open(&idle);
    peer_open(&busy);
    peer_send(&busy, "GET /big HTTP/1.1\r\n\r\n", 21);
    run_for(&loop, 50);
    http_server_close(server, run_set_flag, &is_closed);
    assert_false(is_closed);
    assert_true(run_until(&loop, run_flag, &is_closed, 1000));
    peer_close(&idle);
    peer_close(&busy);
    return uv_loop_close(&loop);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_head_has_no_body),
        cmocka_unit_test(test_keeps_alive),
        cmocka_unit_test(test_head_is_bounded),
        cmocka_unit_test(test_chunked_body_is_bounded),
        cmocka_unit_test(test_connections_are_bounded),
        cmocka_unit_test(test_time_is_bounded),
        cmocka_unit_test(test_big_answer),
        cmocka_unit_test(test_addresses),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
