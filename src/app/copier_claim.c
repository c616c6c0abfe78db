/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who copies which source partition, in a HASH of Redis: under o:TOPIC/PARTITION the transactional
 * id of its owner, whose open transaction a successor aborts instead of waiting for its time-out;
 * under c:TOPIC/PARTITION that the group has had an offset for it, so that one that expired is told
 * from one that never was. Nothing here is needed to be right about who owns what: that is the
 * group's.
 */
#include "app/copier_impl.h"
#include "base/mem.h"

struct claim {
    struct list link;
    struct copier *copier; /* NULL: gone, while Redis had not answered yet */
    uint64_t assignment, ticket;
};

/* Fields of all parts: those of owners, then, if asked for, those of marks. */
static void add_fields(const struct copier *c, struct buf *texts, struct str *args, size_t *n,
                       const char *kind, struct str value)
{
    for (size_t i = 0; i < c->n_parts; i++) {
        size_t at = texts->len;

        buf_addf(texts, "%s:%s/%d", kind, c->parts[i].topic, (int)c->parts[i].partition);
        args[(*n)++] = (struct str){(const char *)(uintptr_t)at, texts->len - at};
        if (value.ptr)
            args[(*n)++] = value;
    }
}

/* Texts were offsets while the buffer could move; those given by the caller are not. */
static void resolve(const struct buf *texts, struct str *args, size_t from, size_t n, size_t every)
{
    for (size_t i = from; i < n; i += every)
        args[i].ptr = texts->ptr + (uintptr_t)args[i].ptr;
}

static void claim_free(struct claim *k)
{
    list_unlink(&k->link);
    mem_free(k);
}

static void take_claims(struct claim *k, const struct redis_answer *answer)
{
    struct copier *c = k->copier;
    struct repartition_claim *claims = NULL;
    int64_t left_out;
    bool is_known = answer->result == REDIS_RESULT_OK && k->assignment == c->assignment &&
                    redis_reply_n(answer->reply) == 2 * c->n_parts;

    if (is_known) {
        claims = mem_calloc(c->n_parts + 1, sizeof(*claims));
        for (size_t i = 0; i < c->n_parts; i++) {
            claims[i].predecessor = redis_reply_str(redis_reply_at(answer->reply, i));
            claims[i].is_marked =
                redis_reply_str(redis_reply_at(answer->reply, c->n_parts + i)).ptr != NULL;
        }
    } else if (log_limit_pass(&c->redis_limit, 3, copier_wall_ms(), &left_out)) {
        log_warn("copier", "Redis does not say who copied the sources before",
                 log_view("why", answer->error), log_i64("not_logged", left_out));
    }
    if (k->assignment == c->assignment)
        repartition_claimed(&c->core, k->ticket, claims);
    mem_free(claims);
}

static void on_claimed(void *ctx, const struct redis_answer *answer)
{
    struct claim *k = ctx;
    struct copier *c = k->copier;

    if (c)
        take_claims(k, answer);
    claim_free(k);
    if (c)
        copier_turn(c);
}

static void read_claims(struct copier *c, uint64_t ticket)
{
    struct str *args = mem_calloc(2 * c->n_parts + 2, sizeof(*args));
    struct claim *k = mem_alloc(sizeof(*k));
    struct buf texts = BUF_INIT;
    size_t n = 0;

    *k = (struct claim){.copier = c, .assignment = c->assignment, .ticket = ticket};
    list_append(&c->claims, &k->link);
    args[n++] = STR("HMGET");
    args[n++] = str_of(c->claims_key);
    add_fields(c, &texts, args, &n, "o", STR_NULL);
    add_fields(c, &texts, args, &n, "c", STR_NULL);
    resolve(&texts, args, 2, n, 1);
    redis_conn_command(c->redis, args, n, on_claimed, k);
    buf_deinit(&texts);
    mem_free(args);
}

void copier_claim(struct copier *c, uint64_t ticket)
{
    struct str *args = mem_calloc(2 * c->n_parts + 2, sizeof(*args));
    struct buf texts = BUF_INIT;
    size_t n = 0;

    read_claims(c, ticket);
    args[n++] = STR("HSET");
    args[n++] = str_of(c->claims_key);
    add_fields(c, &texts, args, &n, "o", str_of(c->core.opts.transactional_id));
    resolve(&texts, args, 2, n, 2);
    redis_conn_command(c->redis, args, n, NULL, NULL);
    buf_deinit(&texts);
    mem_free(args);
}

void copier_mark(struct copier *c, size_t part)
{
    struct buf field = BUF_INIT;
    struct str args[4] = {STR("HSET"), str_of(c->claims_key)};

    buf_addf(&field, "c:%s/%d", c->parts[part].topic, (int)c->parts[part].partition);
    args[2] = buf_str(&field);
    args[3] = STR("1");
    redis_conn_command(c->redis, args, 4, NULL, NULL);
    buf_deinit(&field);
}

void copier_unclaim(struct copier *c)
{
    struct str *args = mem_calloc(c->n_parts + 2, sizeof(*args));
    struct buf texts = BUF_INIT;
    size_t n = 0;

    args[n++] = STR("HDEL");
    args[n++] = str_of(c->claims_key);
    add_fields(c, &texts, args, &n, "o", STR_NULL);
    resolve(&texts, args, 2, n, 1);
    if (c->n_parts)
        redis_conn_command(c->redis, args, n, NULL, NULL);
    buf_deinit(&texts);
    mem_free(args);
}

/* Redis is not ours, and outlives us: what it has not answered is answered to nobody. */
void copier_claim_deinit(struct copier *c)
{
    while (!list_is_empty(&c->claims)) {
        struct claim *k = CONTAINER_OF(list_first(&c->claims), struct claim, link);

        k->copier = NULL;
        list_unlink(&k->link);
    }
}
