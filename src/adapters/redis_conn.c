/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hiredis under an event adapter of our own, since the stock one ignores a failed poll (so that a
 * refused connection is never noticed) and knows no deadlines.
 *
 * A connection has one life: conn_attempt() begins it, conn_fail() ends it, whatever ended it. What
 * hiredis still calls back for an older one is told by `c->ac` and does nothing but answer
 * commands. Anything that a caller asks for which might call back is left to the next turn.
 */
#include "adapters/redis_conn.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <stdio.h>

#include "adapters/redis_tls.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/kill_point.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"

#define REASON_MAX 256

struct redis_command {
    struct heap_node by_deadline;
    struct list link; /* in c->unsent, when it was not sent */
    struct redis_conn *conn;
    uint64_t timeout_ms;
    uint64_t deadline; /* loop time: that long after it was sent */
    uint64_t number;
    redis_answer_fn fn;
    void *ctx;
    bool is_greeting;
    const char *unsent_why;
};

/* One per attempt; freed when its handle is closed. */
struct conn_poll {
    uv_poll_t handle;
    redisAsyncContext *ac; /* NULL once hiredis has let go */
    struct redis_conn *conn;
    int events;
};

struct redis_conn {
    uv_loop_t *loop;
    uv_timer_t attempt;  /* back-off, then the time limit of connecting */
    uv_timer_t deadline; /* of the command that is due first */
    uv_timer_t later;    /* the next turn */
    uv_getaddrinfo_t resolve;
    const struct redis_conn_ops *ops;
    void *ctx;
    struct redis_url url;  /* owned copy */
    struct redis_tls *tls; /* owned, or NULL */
    struct redis_conn_opts opts;
    enum redis_state state;
    redisAsyncContext *ac;      /* of this life; hiredis frees it */
    struct addrinfo *addresses; /* owned, or NULL */
    struct addrinfo *address;   /* the next to try */
    bool is_resolving;
    bool is_failed;          /* in this life: fail once */
    int n_greetings;         /* answers still to come */
    char reason[REASON_MAX]; /* why this life ends, "" when not known yet */
    char reset_why[REASON_MAX];
    bool is_reset_due;
    int64_t backoff_ms;
    uint64_t generation;
    uint64_t n_numbered;
    size_t n_pending;
    struct heap pending;
    uint64_t answered_at; /* the last reply of this life, loop time */
    bool is_overdue;      /* a deadline has passed; what has arrived is read before it is judged */
    struct list unsent;
    bool is_closing;
    int n_handles; /* open: our timers and polls */
    bool are_timers_closing;
    void (*done)(void *ctx);
    void *done_ctx;
    struct redis_conn_stats stats;
};

static void conn_fail(struct redis_conn *c, const char *reason);
static void conn_attempt(struct redis_conn *c);
static void conn_advance_close(struct redis_conn *c);

/* ---- answers ---- */

static bool command_less(const struct heap_node *x, const struct heap_node *y)
{
    const struct redis_command *a = CONTAINER_OF(x, struct redis_command, by_deadline);
    const struct redis_command *b = CONTAINER_OF(y, struct redis_command, by_deadline);

    return a->deadline != b->deadline ? a->deadline < b->deadline : a->number < b->number;
}

static const struct {
    const char *prefix;
    enum redis_fault fault;
} faults[] = {
    {"LOADING", REDIS_FAULT_LOADING},
    {"READONLY", REDIS_FAULT_READONLY},
    {"OOM", REDIS_FAULT_OUT_OF_MEMORY},
    {"MISCONF", REDIS_FAULT_MISCONF},
    {"NOSCRIPT", REDIS_FAULT_NO_SCRIPT},
    {"MOVED", REDIS_FAULT_MOVED},
    {"ASK", REDIS_FAULT_MOVED},
    {"TRYAGAIN", REDIS_FAULT_MOVED},
    {"CROSSSLOT", REDIS_FAULT_MOVED},
    {"CLUSTERDOWN", REDIS_FAULT_CLUSTER_DOWN},
    {"MASTERDOWN", REDIS_FAULT_CLUSTER_DOWN},
    {"NOREPLICAS", REDIS_FAULT_CLUSTER_DOWN},
    {"BUSY", REDIS_FAULT_BUSY},
    {"NOAUTH", REDIS_FAULT_NO_AUTH},
    {"WRONGPASS", REDIS_FAULT_NO_AUTH},
    {"NOPERM", REDIS_FAULT_NO_AUTH},
    {"WRONGTYPE", REDIS_FAULT_WRONG_TYPE},
};

/* By the first word; scripts hand an error's text on, with a hint of the script behind it. */
static enum redis_fault fault_of(struct str error)
{
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        struct str prefix = str_of(faults[i].prefix);

        if (str_starts(error, prefix) && (error.len == prefix.len || error.ptr[prefix.len] == ' '))
            return faults[i].fault;
    }
    return REDIS_FAULT_OTHER;
}

static void command_end(struct redis_command *cmd, const struct redis_answer *answer)
{
    struct redis_conn *c = cmd->conn;

    heap_remove(&c->pending, &cmd->by_deadline);
    list_unlink(&cmd->link);
    c->n_pending--;
    c->stats.n_errors += answer->result == REDIS_RESULT_ERROR;
    c->stats.n_unknown += answer->result == REDIS_RESULT_UNKNOWN;
    if (cmd->fn)
        cmd->fn(cmd->ctx, answer);
    mem_free(cmd);
}

static void conn_on_greeting(struct redis_conn *c, const struct redis_answer *answer);

/* From hiredis: a reply, or NULL when the connection ended. */
static void command_on_reply(redisAsyncContext *ac, void *data, void *opaque)
{
    struct redis_command *cmd = opaque;
    struct redis_conn *c = cmd->conn;
    const redisReply *reply = data;
    struct redis_answer answer = {.result = REDIS_RESULT_UNKNOWN, .reply = reply};

    (void)ac;
    if (reply)
        c->answered_at = uv_now(c->loop);
    if (reply && reply->type == REDIS_REPLY_ERROR) {
        answer.result = REDIS_RESULT_ERROR;
        answer.error = (struct str){.ptr = reply->str, .len = reply->len};
        answer.fault = fault_of(answer.error);
    } else if (reply) {
        answer.result = REDIS_RESULT_OK;
    } else {
        answer.error = c->reason[0] ? str_of(c->reason) : STR("connection lost");
    }
    if (cmd->is_greeting)
        conn_on_greeting(c, &answer);
    command_end(cmd, &answer);
}

/* ---- the event adapter ---- */

static void poll_on_closed(uv_handle_t *handle)
{
    struct conn_poll *p = CONTAINER_OF((uv_poll_t *)handle, struct conn_poll, handle);
    struct redis_conn *c = p->conn;

    mem_free(p);
    c->n_handles--;
    if (c->is_closing)
        conn_advance_close(c);
}

static void poll_on_event(uv_poll_t *handle, int status, int events)
{
    struct conn_poll *p = CONTAINER_OF(handle, struct conn_poll, handle);
    struct redis_conn *c = p->conn;

    /* libuv reports an error condition as a failed poll, and polls no more: hiredis finds out
     * what it was when it tries to read. */
    if (status < 0)
        events = UV_READABLE | UV_WRITABLE;
    if (p->ac && (events & UV_READABLE))
        redisAsyncHandleRead(p->ac);
    if (p->ac && (events & UV_WRITABLE)) {
        redisAsyncHandleWrite(p->ac);
        kill_point("redis_commands_written");
    }
    if (status < 0 && p->ac && c->ac == p->ac)
        conn_fail(c, uv_strerror(status));
}

static void poll_update(struct conn_poll *p, int events)
{
    if (events == p->events)
        return;
    p->events = events;
    if (events)
        ENSURE(uv_poll_start(&p->handle, events, poll_on_event) == 0);
    else
        uv_poll_stop(&p->handle);
}

static void poll_add_read(void *data)
{
    struct conn_poll *p = data;

    poll_update(p, p->events | UV_READABLE);
}

static void poll_del_read(void *data)
{
    struct conn_poll *p = data;

    poll_update(p, p->events & ~UV_READABLE);
}

static void poll_add_write(void *data)
{
    struct conn_poll *p = data;

    poll_update(p, p->events | UV_WRITABLE);
}

static void poll_del_write(void *data)
{
    struct conn_poll *p = data;

    poll_update(p, p->events & ~UV_WRITABLE);
}

static void poll_cleanup(void *data)
{
    struct conn_poll *p = data;

    p->ac = NULL;
    uv_poll_stop(&p->handle);
    uv_close((uv_handle_t *)&p->handle, poll_on_closed);
}

static int poll_attach(struct redis_conn *c, redisAsyncContext *ac)
{
    struct conn_poll *p = mem_calloc(1, sizeof(*p));
    int r = uv_poll_init(c->loop, &p->handle, ac->c.fd);

    if (r) {
        mem_free(p);
        return r;
    }
    c->n_handles++;
    p->ac = ac;
    p->conn = c;
    ac->ev.addRead = poll_add_read;
    ac->ev.delRead = poll_del_read;
    ac->ev.addWrite = poll_add_write;
    ac->ev.delWrite = poll_del_write;
    ac->ev.cleanup = poll_cleanup;
    ac->ev.data = p;
    return 0;
}

/* ---- one life ---- */

static void conn_set_state(struct redis_conn *c, enum redis_state state, const char *error)
{
    struct buf where = BUF_INIT;

    if (state == REDIS_STATE_READY) {
        redis_url_show(&c->url, &where);
        log_info("redis", "connected", log_view("address", buf_str(&where)));
    } else if (c->state == REDIS_STATE_READY && error) {
        redis_url_show(&c->url, &where);
        log_warn("redis", "connection lost", log_view("address", buf_str(&where)),
                 log_str("reason", error));
    }
    buf_deinit(&where);
    c->state = state;
    if (c->ops->on_state)
        c->ops->on_state(c->ctx, state, error);
}

/* `later` is due on the next turn. */
static void conn_on_later(uv_timer_t *timer);

static void conn_do_later(struct redis_conn *c)
{
    ENSURE(uv_timer_start(&c->later, conn_on_later, 0, 0) == 0);
}

static void conn_on_attempt_timer(uv_timer_t *timer)
{
    struct redis_conn *c = timer->data;

    if (c->state == REDIS_STATE_DISCONNECTED)
        conn_attempt(c);
    else
        conn_fail(c, "timed out while connecting");
}

/* Half of it at random, so that many that lost the same server do not come back together. */
static int64_t conn_next_backoff(struct redis_conn *c)
{
    int64_t half = c->backoff_ms / 2;
    uint64_t drawn = hash64(&c->stats.n_failures, sizeof(c->stats.n_failures), hash_process_seed());
    int64_t ms = half + (int64_t)(drawn % (uint64_t)(half + 1));

    c->backoff_ms =
        c->backoff_ms * 2 > c->opts.backoff_max_ms ? c->opts.backoff_max_ms : c->backoff_ms * 2;
    return ms;
}

/* The end of a life, once. hiredis answers what is pending with NULL. */
static void conn_fail(struct redis_conn *c, const char *reason)
{
    redisAsyncContext *ac = c->ac;
    bool is_more = c->address && c->address->ai_next && c->state == REDIS_STATE_CONNECTING;

    if (c->is_failed)
        return;
    c->is_failed = true;
    c->ac = NULL;
    if (!c->reason[0])
        snprintf(c->reason, sizeof(c->reason), "%s", reason);
    if (c->is_resolving)
        uv_cancel((uv_req_t *)&c->resolve);
    uv_timer_stop(&c->attempt);
    c->stats.n_failures++;
    if (ac)
        redisAsyncFree(ac);
    c->address = is_more ? c->address->ai_next : NULL;
    if (c->is_closing)
        return;
    conn_set_state(c, REDIS_STATE_DISCONNECTED, c->reason);
    uv_timer_start(&c->attempt, conn_on_attempt_timer, is_more ? 0 : (uint64_t)conn_next_backoff(c),
                   0);
}

static void conn_on_disconnect(const redisAsyncContext *ac, int status)
{
    struct redis_conn *c = ac->data;

    (void)status;
    if (c->ac != ac)
        return;
    c->ac = NULL; /* hiredis frees it when we return */
    conn_fail(c, ac->errstr && ac->errstr[0] ? ac->errstr : "closed by the server");
}

static void conn_send_greeting(struct redis_conn *c);

static void conn_on_connect(const redisAsyncContext *ac, int status)
{
    struct redis_conn *c = ac->data;

    if (c->ac != ac)
        return;
    if (status == REDIS_OK) {
        conn_send_greeting(c);
        return;
    }
    /* hiredis says "Success" when it was the certificate. */
    if (c->tls && (!ac->errstr || strcmp(ac->errstr, "Success") == 0))
        snprintf(c->reason, sizeof(c->reason),
                 "TLS cannot be begun: no handshake, or the certificate is not to be trusted");
    c->ac = NULL; /* hiredis frees it when we return */
    conn_fail(c, ac->errstr && ac->errstr[0] ? ac->errstr : "cannot connect");
}

static void conn_start(struct redis_conn *c, redisAsyncContext *ac)
{
    if (!ac) {
        conn_fail(c, "cannot connect");
        return;
    }
    if (ac->err) {
        snprintf(c->reason, sizeof(c->reason), "%s", ac->errstr);
        redisAsyncFree(ac);
        conn_fail(c, "cannot connect");
        return;
    }
    if (poll_attach(c, ac)) {
        redisAsyncFree(ac);
        conn_fail(c, "cannot be polled");
        return;
    }
    c->ac = ac;
    ac->data = c;
    if (c->tls && redis_tls_begin(c->tls, &ac->c, c->url.host)) {
        conn_fail(c, "TLS cannot be begun: no handshake, or the certificate is not to be trusted");
        return;
    }
    redisAsyncSetDisconnectCallback(ac, conn_on_disconnect);
    redisAsyncSetConnectCallback(ac, conn_on_connect);
}

static void conn_start_tcp(struct redis_conn *c)
{
    char host[NI_MAXHOST];

    if (getnameinfo(c->address->ai_addr, c->address->ai_addrlen, host, sizeof(host), NULL, 0,
                    NI_NUMERICHOST)) {
        conn_fail(c, "the address cannot be written as text");
        return;
    }
    conn_start(c, redisAsyncConnect(host, c->url.port));
}

static void conn_on_resolved(uv_getaddrinfo_t *resolve, int status, struct addrinfo *addresses)
{
    struct redis_conn *c = resolve->data;

    c->is_resolving = false;
    if (c->is_closing || c->is_failed || status) {
        uv_freeaddrinfo(addresses);
        if (c->is_closing)
            conn_advance_close(c);
        else if (!c->is_failed)
            conn_fail(c, uv_strerror(status));
        return;
    }
    uv_freeaddrinfo(c->addresses);
    c->addresses = c->address = addresses;
    conn_start_tcp(c);
}

/* On a helper thread: hiredis itself would block the loop while it looks up a name. */
static void conn_resolve(struct redis_conn *c)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int r;

    c->resolve.data = c;
    r = uv_getaddrinfo(c->loop, &c->resolve, conn_on_resolved, c->url.host, NULL, &hints);
    if (r)
        conn_fail(c, uv_strerror(r));
    else
        c->is_resolving = true;
}

static void conn_attempt(struct redis_conn *c)
{
    if (c->is_resolving) { /* the last one's cannot be cancelled any more */
        uv_timer_start(&c->attempt, conn_on_attempt_timer, (uint64_t)conn_next_backoff(c), 0);
        return;
    }
    c->is_failed = false;
    c->reason[0] = '\0';
    conn_set_state(c, REDIS_STATE_CONNECTING, NULL);
    uv_timer_start(&c->attempt, conn_on_attempt_timer, (uint64_t)c->opts.connect_timeout_ms, 0);
    if (c->url.path)
        conn_start(c, redisAsyncConnectUnix(c->url.path));
    else if (c->address)
        conn_start_tcp(c);
    else
        conn_resolve(c);
}

/* ---- commands ---- */

/* A server that answers one command after the other is slow, and not gone: none of those that wait
 * behind is held against it. */
static uint64_t conn_patience_ends(const struct redis_conn *c, const struct redis_command *cmd)
{
    uint64_t since_answer = c->answered_at + cmd->timeout_ms;

    return since_answer > cmd->deadline ? since_answer : cmd->deadline;
}

static void conn_on_deadline(uv_timer_t *timer)
{
    struct redis_conn *c = timer->data;
    struct heap_node *top = heap_top(&c->pending);
    uint64_t ends, now = uv_now(c->loop);

    if (!top) {
        c->is_overdue = false;
        return;
    }
    ends = conn_patience_ends(c, CONTAINER_OF(top, struct redis_command, by_deadline));
    if (ends > now) {
        c->is_overdue = false;
        uv_timer_start(timer, conn_on_deadline, ends - now, 0);
    } else if (!c->is_overdue) {
        /* It may be ourselves who were late: the loop reads before timers come again. */
        c->is_overdue = true;
        uv_timer_start(timer, conn_on_deadline, 1, 0);
    } else {
        conn_fail(c, "a command timed out");
    }
}

static void conn_watch_deadline(struct redis_conn *c, const struct redis_command *cmd,
                                int64_t timeout_ms)
{
    if (heap_top(&c->pending) == &cmd->by_deadline || !uv_is_active((uv_handle_t *)&c->deadline))
        uv_timer_start(&c->deadline, conn_on_deadline, (uint64_t)timeout_ms, 0);
}

static void command_refuse(struct redis_command *cmd, const char *why)
{
    cmd->unsent_why = why;
    list_append(&cmd->conn->unsent, &cmd->link);
    conn_do_later(cmd->conn);
}

static int command_hand_over(struct redis_conn *c, struct redis_command *cmd,
                             const struct str *args, size_t n)
{
    const char **argv = mem_calloc(n, sizeof(*argv));
    size_t *lengths = mem_calloc(n, sizeof(*lengths));
    int r;

    for (size_t i = 0; i < n; i++) {
        argv[i] = args[i].ptr ? args[i].ptr : "";
        lengths[i] = args[i].len;
        c->stats.n_bytes += (int64_t)args[i].len;
    }
    r = redisAsyncCommandArgv(c->ac, command_on_reply, cmd, (int)n, argv, lengths);
    mem_free(argv);
    mem_free(lengths);
    return r;
}

static struct redis_command *conn_command_new(struct redis_conn *c, redis_answer_fn fn, void *ctx)
{
    struct redis_command *cmd = mem_calloc(1, sizeof(*cmd));

    cmd->conn = c;
    cmd->fn = fn;
    cmd->ctx = ctx;
    cmd->number = ++c->n_numbered;
    c->n_pending++;
    return cmd;
}

static void conn_send(struct redis_conn *c, struct redis_command *cmd, int64_t timeout_ms,
                      const struct str *args, size_t n)
{
    cmd->timeout_ms = (uint64_t)timeout_ms;
    cmd->deadline = uv_now(c->loop) + cmd->timeout_ms;
    if (!c->ac || command_hand_over(c, cmd, args, n) != REDIS_OK) {
        command_refuse(cmd, "the connection is closing");
        return;
    }
    c->stats.n_commands++;
    heap_add(&c->pending, &cmd->by_deadline);
    conn_watch_deadline(c, cmd, timeout_ms);
}

void redis_conn_command_within(struct redis_conn *c, int64_t timeout_ms, const struct str *args,
                               size_t n, redis_answer_fn fn, void *ctx)
{
    bool has_room = c->n_pending < c->opts.max_pending;
    struct redis_command *cmd = conn_command_new(c, fn, ctx);

    if (c->is_closing || c->state != REDIS_STATE_READY || c->is_reset_due)
        command_refuse(cmd, "not connected");
    else if (!has_room)
        command_refuse(cmd, "too many commands are pending");
    else
        conn_send(c, cmd, timeout_ms, args, n);
}

void redis_conn_command(struct redis_conn *c, const struct str *args, size_t n, redis_answer_fn fn,
                        void *ctx)
{
    redis_conn_command_within(c, c->opts.command_timeout_ms, args, n, fn, ctx);
}

static size_t words_split(const char *words, struct str args[16])
{
    size_t n = 0;

    for (const char *end = words;; words = end + 1) {
        end = strchrnul(words, ' ');
        ENSURE(n < 16);
        args[n++] = (struct str){.ptr = words, .len = (size_t)(end - words)};
        if (!*end)
            return n;
    }
}

void redis_conn_words(struct redis_conn *c, const char *words, redis_answer_fn fn, void *ctx)
{
    struct str args[16];

    redis_conn_command(c, args, words_split(words, args), fn, ctx);
}

/* ---- the greeting: who we are, which database, and whether it serves ---- */

static void conn_on_greeting(struct redis_conn *c, const struct redis_answer *answer)
{
    if (answer->result == REDIS_RESULT_UNKNOWN || c->is_failed)
        return; /* the life ends anyhow */
    c->n_greetings--;
    if (answer->result == REDIS_RESULT_ERROR) {
        snprintf(c->reason, sizeof(c->reason), "%.*s", STR_ARG(answer->error));
        conn_fail(c, c->reason);
    } else if (c->n_greetings == 0) {
        uv_timer_stop(&c->attempt);
        c->backoff_ms = c->opts.backoff_min_ms;
        c->is_overdue = false;
        c->generation++;
        c->stats.n_connects++;
        conn_set_state(c, REDIS_STATE_READY, NULL);
    }
}

static void conn_greet(struct redis_conn *c, const struct str *args, size_t n)
{
    struct redis_command *cmd = conn_command_new(c, NULL, NULL);

    cmd->is_greeting = true;
    c->n_greetings++;
    conn_send(c, cmd, c->opts.connect_timeout_ms, args, n);
}

static void conn_send_greeting(struct redis_conn *c)
{
    struct str user = str_of(c->url.user), password = str_of(c->url.password);
    struct buf db = BUF_INIT;

    c->n_greetings = 0;
    if (c->url.user)
        conn_greet(c, (struct str[]){STR("AUTH"), user, password}, 3);
    else if (c->url.password)
        conn_greet(c, (struct str[]){STR("AUTH"), password}, 2);
    if (c->url.db > 0) {
        buf_add_i64(&db, c->url.db);
        conn_greet(c, (struct str[]){STR("SELECT"), buf_str(&db)}, 2);
    }
    conn_greet(c, (struct str[]){STR("PING")}, 1);
    buf_deinit(&db);
}

/* ---- the next turn ---- */

static void conn_answer_unsent(struct redis_conn *c)
{
    struct list unsent;

    list_init(&unsent);
    list_splice(&unsent, &c->unsent); /* what comes meanwhile is for the turn after */
    while (!list_is_empty(&unsent)) {
        struct redis_command *cmd = CONTAINER_OF(list_first(&unsent), struct redis_command, link);
        struct redis_answer answer = {.result = REDIS_RESULT_NOT_SENT,
                                      .error = str_of(cmd->unsent_why)};

        command_end(cmd, &answer);
    }
}

static void conn_on_later(uv_timer_t *timer)
{
    struct redis_conn *c = timer->data;

    if (c->is_reset_due) {
        c->is_reset_due = false;
        if (c->state != REDIS_STATE_DISCONNECTED)
            conn_fail(c, c->reset_why);
    }
    if (c->is_closing)
        conn_fail(c, "closing");
    conn_answer_unsent(c);
    if (c->is_closing)
        conn_advance_close(c);
}

void redis_conn_reset(struct redis_conn *c, const char *why)
{
    snprintf(c->reset_why, sizeof(c->reset_why), "%s", why);
    c->is_reset_due = true;
    conn_do_later(c);
}

/* ---- life ---- */

static char *conn_strdup(const char *text)
{
    return text ? mem_strndup(text, strlen(text)) : NULL;
}

static void conn_copy_opts(struct redis_conn *c, const struct redis_conn_opts *opts)
{
    c->opts = *opts;
    c->opts.url = NULL;
    c->url = *opts->url;
    c->url.host = conn_strdup(opts->url->host);
    c->url.path = conn_strdup(opts->url->path);
    c->url.user = conn_strdup(opts->url->user);
    c->url.password = conn_strdup(opts->url->password);
    if (!c->opts.connect_timeout_ms)
        c->opts.connect_timeout_ms = 5000;
    if (!c->opts.command_timeout_ms)
        c->opts.command_timeout_ms = 5000;
    if (!c->opts.backoff_min_ms)
        c->opts.backoff_min_ms = 100;
    if (!c->opts.backoff_max_ms)
        c->opts.backoff_max_ms = 5000;
    if (!c->opts.max_pending)
        c->opts.max_pending = 10000;
    c->backoff_ms = c->opts.backoff_min_ms;
}

int redis_conn_new(uv_loop_t *loop, const struct redis_conn_opts *opts,
                   const struct redis_conn_ops *ops, void *ctx, struct redis_conn **ret_conn,
                   struct buf *detail)
{
    struct redis_tls *tls = NULL;
    struct redis_conn *c;

    if (opts->url->has_tls && !(tls = redis_tls_new(detail)))
        return REDIS_CONN_E_NO_TLS;
    c = mem_calloc(1, sizeof(*c));
    c->loop = loop;
    c->ops = ops;
    c->ctx = ctx;
    c->tls = tls;
    c->is_failed = true; /* no life yet */
    c->pending = (struct heap)HEAP_INIT(command_less);
    list_init(&c->unsent);
    conn_copy_opts(c, opts);
    ENSURE(uv_timer_init(loop, &c->attempt) == 0);
    ENSURE(uv_timer_init(loop, &c->deadline) == 0);
    ENSURE(uv_timer_init(loop, &c->later) == 0);
    c->n_handles = 3;
    c->attempt.data = c->deadline.data = c->later.data = c;
    ENSURE(uv_timer_start(&c->attempt, conn_on_attempt_timer, 0, 0) == 0);
    *ret_conn = c;
    return 0;
}

static void conn_free(struct redis_conn *c)
{
    void (*done)(void *) = c->done;
    void *ctx = c->done_ctx;

    heap_deinit(&c->pending);
    uv_freeaddrinfo(c->addresses);
    redis_url_deinit(&c->url);
    redis_tls_free(c->tls);
    mem_free(c);
    done(ctx);
}

static void conn_on_timer_closed(uv_handle_t *handle)
{
    struct redis_conn *c = handle->data;

    if (--c->n_handles == 0)
        conn_free(c);
}

/* Polls and look-ups first, since they end by themselves; our timers last. */
static void conn_advance_close(struct redis_conn *c)
{
    if (c->are_timers_closing || c->is_resolving || c->n_handles > 3 || c->n_pending > 0)
        return;
    c->are_timers_closing = true;
    uv_close((uv_handle_t *)&c->attempt, conn_on_timer_closed);
    uv_close((uv_handle_t *)&c->deadline, conn_on_timer_closed);
    uv_close((uv_handle_t *)&c->later, conn_on_timer_closed);
}

void redis_conn_close(struct redis_conn *c, void (*done)(void *ctx), void *ctx)
{
    ENSURE(!c->is_closing);
    c->is_closing = true;
    c->done = done;
    c->done_ctx = ctx;
    uv_timer_stop(&c->attempt);
    conn_do_later(c);
}

enum redis_state redis_conn_state(const struct redis_conn *c)
{
    return c->state;
}

uint64_t redis_conn_generation(const struct redis_conn *c)
{
    return c->generation;
}

bool redis_conn_has_room(const struct redis_conn *c, size_t n)
{
    return c->n_pending + n <= c->opts.max_pending;
}

struct redis_conn_stats redis_conn_stats(const struct redis_conn *c)
{
    struct redis_conn_stats stats = c->stats;

    stats.n_pending = (int64_t)c->n_pending;
    return stats;
}

/* ---- replies ---- */

bool redis_reply_is_nil(const redisReply *r)
{
    return r && r->type == REDIS_REPLY_NIL;
}

struct str redis_reply_str(const redisReply *r)
{
    if (!r || (r->type != REDIS_REPLY_STRING && r->type != REDIS_REPLY_STATUS))
        return STR_NULL;
    return (struct str){.ptr = r->str, .len = r->len};
}

int64_t redis_reply_i64(const redisReply *r, int64_t otherwise)
{
    int64_t value;

    if (r && r->type == REDIS_REPLY_INTEGER)
        return r->integer;
    return redis_reply_str(r).ptr && parse_i64(redis_reply_str(r), &value) == 0 ? value : otherwise;
}

size_t redis_reply_n(const redisReply *r)
{
    return r && r->type == REDIS_REPLY_ARRAY ? r->elements : 0;
}

const redisReply *redis_reply_at(const redisReply *r, size_t i)
{
    return i < redis_reply_n(r) ? r->element[i] : NULL;
}
