/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps a call's arguments until it is known that the server had the script. Never sends a script
 * twice that might have run. */
#include "adapters/redis_script.h"

#include <stdio.h>

#include "base/mem.h"

#define N_HEAD 3 /* command, script or hash, number of keys */

struct script_call {
    struct redis_script *script;
    struct redis_conn *conn;
    struct buf bytes; /* all keys and arguments, one behind the other */
    size_t *lengths;  /* owned */
    size_t n;
    char n_keys[24];
    redis_answer_fn fn;
    void *ctx;
    bool is_full; /* sent with its text */
};

static void script_on_answer(void *ctx, const struct redis_answer *answer);

static void script_send(struct script_call *call)
{
    struct str *args = mem_calloc(call->n + N_HEAD, sizeof(*args));
    const char *at = call->bytes.ptr;

    args[0] = call->is_full ? STR("EVAL") : STR("EVALSHA");
    args[1] = str_of(call->is_full ? call->script->text : call->script->sha);
    args[2] = str_of(call->n_keys);
    for (size_t i = 0; i < call->n; i++) {
        args[N_HEAD + i] = (struct str){.ptr = at, .len = call->lengths[i]};
        at += call->lengths[i];
    }
    redis_conn_command(call->conn, args, call->n + N_HEAD, script_on_answer, call);
    mem_free(args);
}

static void script_on_answer(void *ctx, const struct redis_answer *answer)
{
    struct script_call *call = ctx;

    if (answer->result == REDIS_RESULT_ERROR && answer->fault == REDIS_FAULT_NO_SCRIPT &&
        !call->is_full) {
        call->is_full = true;
        script_send(call);
        return;
    }
    if (call->fn)
        call->fn(call->ctx, answer);
    buf_deinit(&call->bytes);
    mem_free(call->lengths);
    mem_free(call);
}

static void script_on_load(void *ctx, const struct redis_answer *answer)
{
    struct redis_script *s = ctx;
    struct str sha = redis_reply_str(answer->reply);

    if (answer->result == REDIS_RESULT_OK && sha.len == sizeof(s->sha) - 1)
        snprintf(s->sha, sizeof(s->sha), "%.*s", STR_ARG(sha));
}

static void script_append(struct script_call *call, struct str text)
{
    call->lengths[call->n++] = text.len;
    buf_add(&call->bytes, text.ptr ? text.ptr : "", text.len);
}

void redis_script_call(struct redis_script *s, struct redis_conn *c, const struct str *keys,
                       size_t n_keys, const struct str *args, size_t n_args, redis_answer_fn fn,
                       void *ctx)
{
    struct script_call *call = mem_calloc(1, sizeof(*call));

    call->script = s;
    call->conn = c;
    call->fn = fn;
    call->ctx = ctx;
    call->lengths = mem_calloc(n_keys + n_args + 1, sizeof(*call->lengths));
    snprintf(call->n_keys, sizeof(call->n_keys), "%zu", n_keys);
    for (size_t i = 0; i < n_keys; i++)
        script_append(call, keys[i]);
    for (size_t i = 0; i < n_args; i++)
        script_append(call, args[i]);
    if (!s->sha[0]) {
        struct str load[] = {STR("SCRIPT"), STR("LOAD"), str_of(s->text)};

        call->is_full = true;
        redis_conn_command(c, load, ARRAY_SIZE(load), script_on_load, s);
    }
    script_send(call);
}
