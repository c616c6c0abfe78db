/* SPDX-License-Identifier: Apache-2.0 */
/* The connection against a real server, and against listeners that refuse, hang or cut off. */
#include "../unit.h"

#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapters/redis_script.h"
#include "base/log.h"
#include "redis_fixture.h"

static uv_loop_t loop;
static struct redis_fixture server;

struct client {
    struct redis_conn *conn;
    int n_ready;
    int n_lost;
    char error[256];
};

static void on_state(void *ctx, enum redis_state state, const char *error)
{
    struct client *c = ctx;

    c->n_ready += state == REDIS_STATE_READY;
    c->n_lost += state == REDIS_STATE_DISCONNECTED;
    if (error)
        snprintf(c->error, sizeof(c->error), "%s", error);
}

static const struct redis_conn_ops ops = {.on_state = on_state};

static void client_open(struct client *c, const char *url, int64_t timeout_ms)
{
    struct redis_url u;
    struct redis_conn_opts opts = {.url = &u,
                                   .connect_timeout_ms = 500,
                                   .command_timeout_ms = timeout_ms,
                                   .backoff_min_ms = 50,
                                   .backoff_max_ms = 200,
                                   .max_pending = 100};
    struct buf detail = BUF_INIT;

    *c = (struct client){.n_ready = 0};
    assert_int_equal(redis_url_parse(str_of(url), &u, &detail), 0);
    assert_int_equal(redis_conn_new(&loop, &opts, &ops, c, &c->conn, &detail), 0);
    assert_int_equal(redis_conn_state(c->conn), REDIS_STATE_DISCONNECTED);
    redis_url_deinit(&u);
    buf_deinit(&detail);
}

static void client_close(struct client *c)
{
    bool is_closed = false;

    redis_conn_close(c->conn, run_set_flag, &is_closed);
    assert_false(is_closed);
    assert_true(run_until(&loop, run_flag, &is_closed, 5000));
}

static bool is_ready(void *ctx)
{
    return redis_conn_state(((struct client *)ctx)->conn) == REDIS_STATE_READY;
}

static bool is_lost(void *ctx)
{
    return ((struct client *)ctx)->n_lost > 0;
}

static bool is_lost_thrice(void *ctx)
{
    return ((struct client *)ctx)->n_lost >= 3;
}

static void client_ready(struct client *c)
{
    client_open(c, child_redis_url(server.child), 1000);
    assert_true(run_until(&loop, is_ready, c, 5000));
}

struct told {
    int n;
    enum redis_result result;
    enum redis_fault fault;
    int64_t i64;
    size_t n_elements;
    char text[128];
};

static void on_answer(void *ctx, const struct redis_answer *a)
{
    struct told *t = ctx;

    t->n++;
    t->result = a->result;
    t->fault = a->fault;
    t->i64 = redis_reply_i64(a->reply, -1);
    t->n_elements = redis_reply_n(a->reply);
    snprintf(t->text, sizeof(t->text), "%.*s",
             STR_ARG(a->error.ptr ? a->error : redis_reply_str(a->reply)));
}

static bool is_told(void *ctx)
{
    return ((struct told *)ctx)->n > 0;
}

static struct told ask(struct client *c, const char *words)
{
    struct told t = {.n = 0};

    redis_conn_words(c->conn, words, on_answer, &t);
    assert_int_equal(t.n, 0);
    assert_true(run_until(&loop, is_told, &t, 5000));
    assert_int_equal(t.n, 1);
    return t;
}

static void test_replies(void **state)
{
    struct client c;
    struct told t = {.n = 0};
    struct str set[] = {STR("SET"), STR("k"), {.ptr = "a\0b", .len = 3}};

    (void)state;
    client_ready(&c);
    assert_int_equal(redis_conn_generation(c.conn), 1);
    redis_conn_command(c.conn, set, 3, on_answer, &t);
    assert_true(run_until(&loop, is_told, &t, 5000));
    assert_int_equal(t.result, REDIS_RESULT_OK);
    assert_string_equal(t.text, "OK");
    assert_int_equal(ask(&c, "STRLEN k").i64, 3);
    assert_int_equal(ask(&c, "RPUSH l 1 2 3").i64, 3);
    assert_int_equal(ask(&c, "LRANGE l 0 -1").n_elements, 3);
    assert_int_equal(ask(&c, "LINDEX l 1").i64, 2);
    t = ask(&c, "GET l");
    assert_int_equal(t.result, REDIS_RESULT_ERROR);
    assert_int_equal(t.fault, REDIS_FAULT_WRONG_TYPE);
    assert_int_equal(ask(&c, "NO SUCH COMMAND").fault, REDIS_FAULT_OTHER);
    assert_int_equal(ask(&c, "EVALSHA 0123456789012345678901234567890123456789 0").fault,
                     REDIS_FAULT_NO_SCRIPT);
    assert_int_equal(redis_conn_stats(c.conn).n_errors, 3);
    assert_int_equal(redis_conn_stats(c.conn).n_pending, 0);
    client_close(&c);
}

static void test_faults(void **state)
{
    struct client c;

    (void)state;
    client_ready(&c);
    ask(&c, "CONFIG SET maxmemory 1");
    assert_int_equal(ask(&c, "SET x 1").fault, REDIS_FAULT_OUT_OF_MEMORY);
    ask(&c, "CONFIG SET maxmemory 0");
    ask(&c, "REPLICAOF 127.0.0.1 1");
    assert_int_equal(ask(&c, "SET x 1").fault, REDIS_FAULT_READONLY);
    ask(&c, "REPLICAOF NO ONE");
    assert_int_equal(ask(&c, "SET x 1").result, REDIS_RESULT_OK);
    client_close(&c);
}

/* hiredis' own adapter never notices. */
static void test_refused(void **state)
{
    struct client c;
    struct told t = {.n = 0};

    (void)state;
    client_open(&c, "redis://127.0.0.1:1", 1000);
    redis_conn_words(c.conn, "PING", on_answer, &t);
    assert_int_equal(t.n, 0);
    assert_true(run_until(&loop, is_lost_thrice, &c, 3000));
    assert_non_null(strstr(c.error, "refused"));
    assert_int_equal(t.n, 1);
    assert_int_equal(t.result, REDIS_RESULT_NOT_SENT);
    assert_int_equal(c.n_ready, 0);
    client_close(&c);
    client_open(&c, "unix:///nonexistent.sock", 1000);
    assert_true(run_until(&loop, is_lost_thrice, &c, 3000));
    client_close(&c);
    client_open(&c, "redis://no-such-host.invalid", 1000);
    assert_true(run_until(&loop, is_lost, &c, 10000));
    client_close(&c);
}

/* A listener on loopback; accepts only when told. */
static int listen_somewhere(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void test_silent_server(void **state)
{
    struct client c;
    char url[64];
    int port, fd = listen_somewhere(&port);
    uint64_t began = uv_hrtime();

    (void)state;
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d", port);
    client_open(&c, url, 1000);
    assert_true(run_until(&loop, is_lost, &c, 3000));
    assert_non_null(strstr(c.error, "timed out"));
    assert_true(uv_hrtime() - began >= 450000000);
    assert_int_equal(c.n_ready, 0);
    client_close(&c);
    close(fd);
}

static bool is_told_six_times(void *ctx)
{
    return ((struct told *)ctx)->n == 6;
}

/* Six commands of a quarter of a second each, one after the other, where 0.6 s is the limit. */
static void test_slow_but_alive(void **state)
{
    struct client c;
    struct told t = {.n = 0};

    (void)state;
    client_open(&c, child_redis_url(server.child), 600);
    assert_true(run_until(&loop, is_ready, &c, 5000));
    for (int i = 0; i < 6; i++)
        redis_conn_words(c.conn, "BLPOP nothing 0.25", on_answer, &t);
    assert_true(run_until(&loop, is_told_six_times, &t, 5000));
    assert_int_equal(t.result, REDIS_RESULT_OK);
    assert_int_equal(c.n_lost, 0);
    t = (struct told){.n = 0};
    redis_conn_words(c.conn, "BLPOP nothing 2", on_answer, &t);
    assert_true(run_until(&loop, is_told, &t, 5000));
    assert_int_equal(t.result, REDIS_RESULT_UNKNOWN);
    client_close(&c);
}

/* The answer has arrived in time; it was the loop that had no time for it. */
static void test_late_loop(void **state)
{
    struct client c;

    (void)state;
    client_open(&c, child_redis_url(server.child), 300);
    assert_true(run_until(&loop, is_ready, &c, 5000));
    for (int i = 0; i < 2; i++) { /* and the second time is as the first */
        struct told t = {.n = 0};

        redis_conn_words(c.conn, "BLPOP nothing 0.1", on_answer, &t);
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(700000);
        assert_true(run_until(&loop, is_told, &t, 5000));
        assert_int_equal(t.result, REDIS_RESULT_OK);
        run_for(&loop, 50);
    }
    client_close(&c);
}

/* A full backlog: the kernel drops what comes, and connecting neither succeeds nor fails. */
static void test_hanging_connect(void **state)
{
    struct client c;
    char url[64];
    int port, fd = listen_somewhere(&port), fillers[8];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    (void)state;
    address.sin_port = htons((uint16_t)port);
    assert_int_equal(listen(fd, 0), 0);
    for (size_t i = 0; i < ARRAY_SIZE(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&address, sizeof(address));
    }
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d", port);
    client_open(&c, url, 1000);
    assert_true(run_until(&loop, is_lost, &c, 3000));
    assert_string_equal(c.error, "timed out while connecting");
    client_close(&c);
    for (size_t i = 0; i < ARRAY_SIZE(fillers); i++)
        close(fillers[i]);
    close(fd);
}

static void test_password(void **state)
{
    struct client admin, c;
    char url[160];

    (void)state;
    client_ready(&admin);
    ask(&admin, "ACL SETUSER ann on >sesame ~* +@all");
    ask(&admin, "CONFIG SET requirepass secret");
    client_open(&c, child_redis_url(server.child), 1000);
    assert_true(run_until(&loop, is_lost, &c, 3000));
    assert_non_null(strstr(c.error, "NOAUTH"));
    client_close(&c);
    snprintf(url, sizeof(url), "redis://ann:sesame@127.0.0.1:%d/5", child_redis_port(server.child));
    client_open(&c, url, 1000);
    assert_true(run_until(&loop, is_ready, &c, 3000));
    assert_non_null(strstr(ask(&c, "ACL WHOAMI").text, "ann"));
    ask(&c, "SET in-five 1");
    client_close(&c);
    snprintf(url, sizeof(url), "redis://:secret@127.0.0.1:%d/5", child_redis_port(server.child));
    client_open(&c, url, 1000);
    assert_true(run_until(&loop, is_ready, &c, 3000));
    assert_int_equal(ask(&c, "GET in-five").i64, 1);
    client_close(&c);
    snprintf(url, sizeof(url), "redis://:wrong@127.0.0.1:%d", child_redis_port(server.child));
    client_open(&c, url, 1000);
    assert_true(run_until(&loop, is_lost, &c, 3000));
    assert_non_null(strstr(c.error, "WRONGPASS"));
    client_close(&c);
    redis_conn_command(admin.conn,
                       (struct str[]){STR("CONFIG"), STR("SET"), STR("requirepass"), STR("")}, 4,
                       NULL, NULL);
    ask(&admin, "PING");
    client_close(&admin);
}

static void test_killed_in_the_middle(void **state)
{
    struct client c, killer;
    struct told t = {.n = 0};

    (void)state;
    client_ready(&c);
    client_ready(&killer);
    redis_conn_words(c.conn, "BLPOP nothing 0", on_answer, &t);
    run_for(&loop, 50);
    assert_int_equal(t.n, 0);
    assert_int_equal(redis_conn_stats(c.conn).n_pending, 1);
    ask(&killer, "CLIENT KILL TYPE normal SKIPME yes");
    assert_true(run_until(&loop, is_told, &t, 3000));
    assert_int_equal(t.result, REDIS_RESULT_UNKNOWN);
    assert_true(run_until(&loop, is_ready, &c, 3000));
    assert_int_equal(redis_conn_generation(c.conn), 2);
    assert_int_equal(ask(&c, "PING").result, REDIS_RESULT_OK);
    assert_int_equal(t.n, 1);
    client_close(&c);
    client_close(&killer);
}

static void test_slow_reply(void **state)
{
    struct client c;
    struct told slow = {.n = 0}, behind = {.n = 0};
    struct str sleep[] = {
        STR("EVAL"),
        STR("local s = redis.call('TIME')[1] while redis.call('TIME')[1] - s < 3 do end return 1"),
        STR("0")};

    (void)state;
    client_ready(&c);
    redis_conn_command(c.conn, sleep, 3, on_answer, &slow);
    redis_conn_words(c.conn, "INCR counted", on_answer, &behind);
    assert_true(run_until(&loop, is_told, &slow, 1500));
    assert_int_equal(slow.result, REDIS_RESULT_UNKNOWN);
    assert_int_equal(behind.result, REDIS_RESULT_UNKNOWN);
    assert_int_equal(slow.n + behind.n, 2);
    assert_true(run_until(&loop, is_ready, &c, 5000));
    /* Unknown indeed: it was carried out after all, once. */
    assert_int_equal(ask(&c, "GET counted").i64, 1);
    client_close(&c);
}

static void test_own_deadline(void **state)
{
    struct client c;
    struct told t = {.n = 0};
    uint64_t began = uv_hrtime();

    (void)state;
    client_ready(&c);
    redis_conn_command_within(c.conn, 200, (struct str[]){STR("BLPOP"), STR("nothing"), STR("0")},
                              3, on_answer, &t);
    assert_true(run_until(&loop, is_told, &t, 900));
    assert_int_equal(t.result, REDIS_RESULT_UNKNOWN);
    assert_true(uv_hrtime() - began >= 190000000);
    client_close(&c);
}

static void test_restart(void **state)
{
    struct client c;
    char url[64];

    (void)state;
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d", child_redis_port(server.child));
    client_open(&c, url, 1000);
    assert_true(run_until(&loop, is_ready, &c, 3000));
    fixture_stop(&server, &loop);
    assert_true(run_until(&loop, is_lost_thrice, &c, 5000));
    client_close(&c);
    fixture_start(&server, &loop);
    client_ready(&c);
    client_close(&c);
}

static void test_pending_is_bounded(void **state)
{
    struct client c;
    struct told all = {.n = 0};

    (void)state;
    client_ready(&c);
    assert_true(redis_conn_has_room(c.conn, 100));
    for (int i = 0; i < 100; i++)
        redis_conn_words(c.conn, "PING", on_answer, &all);
    assert_false(redis_conn_has_room(c.conn, 1));
    assert_int_equal(ask(&c, "PING").result, REDIS_RESULT_NOT_SENT);
    run_for(&loop, 100);
    assert_int_equal(all.n, 100);
    assert_int_equal(ask(&c, "PING").result, REDIS_RESULT_OK);
    client_close(&c);
}

static void test_close_answers_all(void **state)
{
    struct client c;
    struct told t = {.n = 0};

    (void)state;
    client_ready(&c);
    for (int i = 0; i < 10; i++)
        redis_conn_words(c.conn, "BLPOP nothing 0", on_answer, &t);
    client_close(&c);
    assert_int_equal(t.n, 10);
    assert_int_equal(t.result, REDIS_RESULT_UNKNOWN);
    /* Before it has begun at all, and in the midst of connecting. */
    client_open(&c, child_redis_url(server.child), 1000);
    client_close(&c);
    client_open(&c, "redis://localhost:1", 1000);
    run_for(&loop, 1);
    client_close(&c);
}

struct resetter {
    struct client *client;
    struct told told;
};

static void on_answer_reset(void *ctx, const struct redis_answer *a)
{
    struct resetter *r = ctx;

    (void)a;
    redis_conn_reset(r->client->conn, "a reason");
    redis_conn_words(r->client->conn, "PING", on_answer, &r->told);
}

static void test_reset_from_an_answer(void **state)
{
    struct client c;
    struct told waiting = {.n = 0};
    struct resetter r = {.client = &c};

    (void)state;
    client_ready(&c);
    redis_conn_words(c.conn, "PING", on_answer_reset, &r);
    redis_conn_words(c.conn, "BLPOP nothing 0", on_answer, &waiting);
    assert_true(run_until(&loop, is_told, &waiting, 3000));
    assert_int_equal(waiting.result, REDIS_RESULT_UNKNOWN);
    assert_string_equal(waiting.text, "a reason");
    assert_int_equal(r.told.result, REDIS_RESULT_NOT_SENT);
    assert_int_equal(r.told.n, 1);
    assert_true(run_until(&loop, is_ready, &c, 3000));
    assert_int_equal(redis_conn_generation(c.conn), 2);
    waiting.n = 0;
    redis_conn_words(c.conn, "BLPOP nothing 0", on_answer, &waiting);
    redis_conn_reset(c.conn, "another");
    assert_int_equal(waiting.n, 0);
    assert_true(run_until(&loop, is_told, &waiting, 3000));
    client_close(&c);
}

static void call_script(struct redis_script *s, struct client *c, struct told *t)
{
    *t = (struct told){.n = 0};
    redis_script_call(s, c->conn, &STR("key"), 1, (struct str[]){STR("5"), STR("")}, 2, on_answer,
                      t);
    assert_int_equal(t->n, 0);
    assert_true(run_until(&loop, is_told, t, 3000));
}

static void test_script(void **state)
{
    static const char lua[] = "return redis.call('INCRBY', KEYS[1], ARGV[1]) + #ARGV[2]";
    struct redis_script script = REDIS_SCRIPT_INIT(lua);
    struct redis_script broken = REDIS_SCRIPT_INIT("return redis.call('GET', 'l')");
    struct client c;
    struct told t;

    (void)state;
    client_ready(&c);
    ask(&c, "DEL key l");
    ask(&c, "RPUSH l 1");
    call_script(&script, &c, &t);
    assert_int_equal(t.i64, 5);
    assert_int_equal(strlen(script.sha), 40);
    call_script(&script, &c, &t);
    assert_int_equal(t.i64, 10);
    ask(&c, "SCRIPT FLUSH");
    call_script(&script, &c, &t);
    assert_int_equal(t.i64, 15); /* once, after NOSCRIPT */
    call_script(&script, &c, &t);
    assert_int_equal(t.i64, 20);
    call_script(&broken, &c, &t);
    assert_int_equal(t.result, REDIS_RESULT_ERROR);
    assert_int_equal(t.fault, REDIS_FAULT_WRONG_TYPE);
    client_close(&c);
}

static void test_no_tls(void **state)
{
    struct redis_url u;
    struct redis_conn_opts opts = {.url = &u};
    struct buf detail = BUF_INIT;
    struct redis_conn *conn;

    (void)state;
    if (HIREDIS_MAJOR >= 1)
        skip();
    assert_int_equal(redis_url_parse(STR("rediss://h"), &u, &detail), 0);
    assert_int_equal(redis_conn_new(&loop, &opts, &ops, NULL, &conn, &detail), REDIS_CONN_E_NO_TLS);
    assert_non_null(strstr(detail.ptr, "hiredis"));
    redis_url_deinit(&u);
    buf_deinit(&detail);
}

static int set_up(void **state)
{
    (void)state;
    log_setup(getenv("TEST_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    assert_int_equal(uv_loop_init(&loop), 0);
    fixture_start(&server, &loop);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_stop(&server, &loop);
    return uv_loop_close(&loop);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_silent_server),
        cmocka_unit_test(test_slow_but_alive),
        cmocka_unit_test(test_late_loop),
        cmocka_unit_test(test_hanging_connect),
        cmocka_unit_test(test_password),
        cmocka_unit_test(test_killed_in_the_middle),
        cmocka_unit_test(test_slow_reply),
        cmocka_unit_test(test_own_deadline),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_pending_is_bounded),
        cmocka_unit_test(test_close_answers_all),
        cmocka_unit_test(test_reset_from_an_answer),
        cmocka_unit_test(test_script),
        cmocka_unit_test(test_no_tls),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
