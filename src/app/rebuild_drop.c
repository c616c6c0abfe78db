/* SPDX-License-Identifier: Apache-2.0 */
/* FORGET, then DROP step by step, as scripts.h says. */
#include "app/rebuild_impl.h"

#include "adapters/redis_script.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

struct dropping {
    struct rebuild *rebuild;
    struct rebuild_job *job;
    struct script_place place;
    char mark[17];
    struct redis_script forget, drop;
    struct script_call call; /* scratch */
    bool is_ended, is_failed;
    struct buf *detail;
};

static void end(struct dropping *k, const char *why, struct str more)
{
    k->is_ended = true;
    if (!why)
        return;
    k->is_failed = true;
    buf_addf(k->detail, "partition %d: %s%.*s", k->job->partition, why, STR_ARG(more));
}

static void step(struct dropping *k, const struct redisReply *last);

static void call(struct dropping *k, struct redis_script *script, redis_answer_fn fn)
{
    redis_script_call(script, redis_wait_conn(k->rebuild->o.redis), script_call_keys(&k->call),
                      k->call.n_keys, script_call_args(&k->call), script_call_n_args(&k->call), fn,
                      k);
}

static void on_step(void *ctx, const struct redis_answer *answer)
{
    struct dropping *k = ctx;
    size_t n = 0;
    enum script_dropped dropped = SCRIPT_DROP_FAILED;

    if (k->is_ended)
        return;
    if (answer->result == REDIS_RESULT_OK)
        dropped = script_drop_decode(answer->reply, &n);
    if (dropped == SCRIPT_DROP_FAILED) {
        end(k, "not all is dropped: run it again: Redis: ", answer->error);
    } else if (dropped == SCRIPT_DROP_MORE) {
        k->job->n_dropped += (int64_t)n;
        step(k, answer->reply);
    } else {
        end(k, NULL, STR_NULL); /* by us, or by its owner meanwhile */
    }
}

static void step(struct dropping *k, const struct redisReply *last)
{
    script_drop_encode(&k->call, &k->place, str_of(k->mark), last);
    call(k, &k->drop, on_step);
}

static void on_forgotten(void *ctx, const struct redis_answer *answer)
{
    struct dropping *k = ctx;

    if (k->is_ended)
        return;
    if (answer->result != REDIS_RESULT_OK)
        end(k, "nothing is dropped: Redis: ", answer->error);
    else if (str_eq(redis_reply_str(answer->reply), STR("nothing")))
        end(k, NULL, STR_NULL);
    else
        step(k, NULL);
}

static bool is_ended(void *ctx)
{
    return ((struct dropping *)ctx)->is_ended;
}

static void make_mark(char *mark, size_t size)
{
    uint64_t token = 0;

    while (!token && getrandom(&token, sizeof(token), 0) < 0)
        token = 0;
    snprintf(mark, size, "%016" PRIx64, token);
}

/* A step takes milliseconds; as long as steps are answered it goes on. */
static bool wait_steps(struct dropping *k)
{
    int64_t n;

    do {
        n = k->job->n_dropped;
        if (redis_wait_for(k->rebuild->o.redis, is_ended, k, k->rebuild->timeout_ms))
            return true;
    } while (k->job->n_dropped > n);
    return false;
}

bool rebuild_drop(struct rebuild *r, struct rebuild_job *job, struct buf *detail)
{
    struct dropping k = {.rebuild = r,
                         .job = job,
                         .place = outside_place(&r->o, job->partition),
                         .forget = REDIS_SCRIPT_INIT(script_forget),
                         .drop = REDIS_SCRIPT_INIT(script_drop),
                         .call = SCRIPT_CALL_INIT,
                         .detail = detail};

    make_mark(k.mark, sizeof(k.mark));
    script_forget_encode(&k.call, &k.place, str_of(k.mark), r->opts->is_start_over);
    call(&k, &k.forget, on_forgotten);
    if (!wait_steps(&k)) {
        end(&k, "not all is dropped: run it again: Redis has stopped answering", STR_NULL);
        redis_wait_free(r->o.redis); /* answers what is pending, while `k` is there */
        r->o.redis = NULL;
    }
    script_call_deinit(&k.call);
    return !k.is_failed;
}
