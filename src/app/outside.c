/* SPDX-License-Identifier: Apache-2.0 */
/* Redis is asked first, for it answers or refuses at once; Kafka may use what time is left. */
#include "app/outside.h"

#include "app/properties.h"
#include "base/mem.h"
#include "base/parse.h"
#include "conf/conf.h"

#include <stdio.h>
#include <time.h>

#define PARTS_AT_ONCE 1000

int64_t outside_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static int64_t left_ms(const struct outside *o)
{
    int64_t left = o->deadline_ms - outside_now_ms();

    return left > 1 ? left : 1;
}

struct script_place outside_place(const struct outside *o, int32_t partition)
{
    return (struct script_place){o->conf->redis.prefix, str_of(o->topic), partition};
}

bool outside_is_evicting(const struct outside *o)
{
    return o->policy[0] && strcmp(o->policy, "noeviction") != 0;
}

/* ---- Redis ---- */

static char *copy(struct str s)
{
    return mem_strndup(s.ptr, s.len);
}

static void connect_redis(struct outside *o, int64_t timeout_ms)
{
    const struct conf_redis *c = &o->conf->redis;
    struct redis_url url = REDIS_URL_INIT;

    if (redis_url_parse(c->url, &url, &o->redis_error))
        return;
    if (c->user.len) {
        mem_free(url.user);
        url.user = copy(c->user);
    }
    if (c->password.len) {
        mem_free(url.password);
        url.password = copy(c->password);
    }
    if (redis_wait_new(&url, timeout_ms, &o->redis, &o->redis_error))
        o->redis = NULL;
    redis_url_deinit(&url);
}

/* Questions under way; each answer counts one off. */
struct asking {
    struct outside *o;
    int n_left;
    bool is_failed;
};

struct question {
    struct asking *asking;
    struct outside_part *part; /* NULL: not of one */
};

static bool is_answered(void *ctx)
{
    return ((struct asking *)ctx)->n_left == 0;
}

/* NULL: refused, or not answered; the first reason is kept. */
static const struct redisReply *reply_of(struct question *q, const struct redis_answer *answer)
{
    struct asking *a = q->asking;

    a->n_left--;
    if (answer->result == REDIS_RESULT_OK)
        return answer->reply;
    if (!a->is_failed)
        buf_addf(&a->o->redis_error, "Redis: %.*s", STR_ARG(answer->error));
    a->is_failed = true;
    return NULL;
}

static void copy_text(char *to, size_t size, struct str s)
{
    snprintf(to, size, "%.*s", s.len < size ? (int)s.len : 0, s.ptr ? s.ptr : "");
}

/* In the order of META_FIELDS. */
static void on_meta(void *ctx, const struct redis_answer *answer)
{
    static const int64_t none = COMMIT_NONE;
    struct question *q = ctx;
    const struct redisReply *r = reply_of(q, answer);
    struct outside_part *part = q->part;
    struct condition_facts *f = &part->facts;

    if (r) {
        f->has_redis = true;
        part->epoch = redis_reply_i64(redis_reply_at(r, 0), 0);
        f->is_there = !redis_reply_is_nil(redis_reply_at(r, 0));
        part->seq = redis_reply_i64(redis_reply_at(r, 1), 0);
        f->meta.offset = redis_reply_i64(redis_reply_at(r, 2), none);
        f->meta.committed = redis_reply_i64(redis_reply_at(r, 3), none);
        f->meta.layout = redis_reply_i64(redis_reply_at(r, 4), 0);
        part->has_clock = redis_reply_i64(redis_reply_at(r, 5), INT64_MIN) != INT64_MIN;
        part->clock_ms = redis_reply_i64(redis_reply_at(r, 5), 0);
        copy_text(part->config, sizeof(part->config), redis_reply_str(redis_reply_at(r, 6)));
        copy_text(part->owner, sizeof(part->owner), redis_reply_str(redis_reply_at(r, 7)));
        f->has_owner = part->owner[0] != '\0';
        f->is_dropping = !redis_reply_is_nil(redis_reply_at(r, 8));
    }
    mem_free(q);
}
#define META_FIELDS                                                                                \
    STR("epoch"), STR("seq"), STR("offset"), STR("committed"), STR("layout"), STR("clock"),        \
        STR("config"), STR("owner"), STR("dropping")

static void on_stakeholders(void *ctx, const struct redis_answer *answer)
{
    struct question *q = ctx;
    const struct redisReply *r = reply_of(q, answer);

    if (r)
        q->part->n_stakeholders = redis_reply_i64(r, 0);
    mem_free(q);
}

static void on_count(void *ctx, const struct redis_answer *answer)
{
    struct question *q = ctx;
    const struct redisReply *r = reply_of(q, answer);

    if (r)
        q->asking->o->n_then = redis_reply_i64(r, 0);
    mem_free(q);
}

static int64_t info_i64(struct str info, const char *name)
{
    const char *at = info.ptr ? memmem(info.ptr, info.len, name, strlen(name)) : NULL;
    struct str number;
    int64_t v = -1;

    if (!at)
        return -1;
    number = (struct str){.ptr = at + strlen(name), .len = 0};
    while (number.ptr + number.len < info.ptr + info.len && number.ptr[number.len] >= '0' &&
           number.ptr[number.len] <= '9')
        number.len++;
    return parse_i64(number, &v) ? -1 : v;
}

/* What an account is not allowed to ask is not known; that is no fault. */
static void on_memory(void *ctx, const struct redis_answer *answer)
{
    struct question *q = ctx;
    struct outside *o = q->asking->o;
    struct str info = redis_reply_str(answer->reply), name = STR("maxmemory_policy:");
    const char *at = info.ptr ? memmem(info.ptr, info.len, name.ptr, name.len) : NULL;

    q->asking->n_left--;
    if (answer->result == REDIS_RESULT_OK) {
        o->used_bytes = info_i64(info, "\nused_memory:");
        o->max_bytes = info_i64(info, "\nmaxmemory:");
    }
    if (answer->result == REDIS_RESULT_OK && at) {
        at += name.len;
        copy_text(o->policy, sizeof(o->policy),
                  (struct str){.ptr = at, .len = strcspn(at, "\r\n")});
    }
    mem_free(q);
}

static struct question *question_new(struct asking *a, struct outside_part *part)
{
    struct question *q = mem_alloc(sizeof(*q));

    *q = (struct question){a, part};
    a->n_left++;
    return q;
}

static void ask_part(struct asking *a, struct outside_part *part, int32_t partition)
{
    const struct script_place place = outside_place(a->o, partition);
    struct redis_conn *conn = redis_wait_conn(a->o->redis);
    struct buf meta = BUF_INIT, wake = BUF_INIT;

    script_key(&meta, &place, "meta", STR_NULL);
    script_key(&wake, &place, "wake", STR_NULL);
    redis_conn_command(conn, (struct str[]){STR("HMGET"), buf_str(&meta), META_FIELDS}, 11, on_meta,
                       question_new(a, part));
    redis_conn_command(conn, (struct str[]){STR("ZCARD"), buf_str(&wake)}, 2, on_stakeholders,
                       question_new(a, part));
    buf_deinit(&meta);
    buf_deinit(&wake);
}

/* False: not answered; the connection is then of no use any more. */
static bool wait_answers(struct outside *o, struct asking *a)
{
    if (redis_wait_for(o->redis, is_answered, a, left_ms(o)) && !a->is_failed)
        return true;
    if (!a->is_failed)
        buf_add_str(&o->redis_error, STR("Redis: it has stopped answering"));
    a->is_failed = true;
    redis_wait_free(o->redis); /* answers what is pending, while `a` is there */
    o->redis = NULL;
    return false;
}

/* The number of partitions that the state is of, and Redis' memory. */
static void read_instance(struct outside *o)
{
    const struct script_place first = outside_place(o, 0);
    struct asking a = {.o = o};
    struct buf key = BUF_INIT;

    script_key(&key, &first, "meta", STR_NULL);
    redis_conn_command(redis_wait_conn(o->redis),
                       (struct str[]){STR("HGET"), buf_str(&key), STR("partitions")}, 3, on_count,
                       question_new(&a, NULL));
    redis_conn_words(redis_wait_conn(o->redis), "INFO memory", on_memory, question_new(&a, NULL));
    (void)wait_answers(o, &a);
    buf_deinit(&key);
}

static void read_metas(struct outside *o)
{
    for (int32_t i = 0; i < o->n_parts && o->redis; i += PARTS_AT_ONCE) {
        struct asking a = {.o = o};

        for (int32_t k = i; k < o->n_parts && k < i + PARTS_AT_ONCE; k++)
            ask_part(&a, &o->parts[k], k);
        if (!wait_answers(o, &a))
            return;
    }
}

/* ---- Kafka ---- */

static void connect_kafka(struct outside *o)
{
    size_t n;
    struct kafka_property *list = properties_new(o->conf, &n);

    if (kafka_look_new(list, n, &o->kafka, &o->kafka_error))
        o->kafka = NULL;
    properties_free(list, n);
}

static void take_part(const struct outside *o, struct outside_part *part,
                      struct kafka_look_part *read)
{
    static const enum commit_read_status statuses[] = {
        [KAFKA_COMMITTED_OFFSET] = COMMIT_READ_OK,
        [KAFKA_COMMITTED_NONE] = COMMIT_READ_NONE,
        [KAFKA_COMMITTED_UNSTABLE] = COMMIT_READ_UNSTABLE,
        [KAFKA_COMMITTED_ERROR] = COMMIT_READ_FAILED,
    };
    struct condition_facts *f = &part->facts;

    f->has_kafka = true;
    f->n_members = o->n_members;
    f->read = (struct commit_read){.status = statuses[read->status],
                                   .offset = read->offset,
                                   .metadata = STR_NULL,
                                   .low = read->low < 0 ? COMMIT_NONE : read->low,
                                   .high = read->high < 0 ? COMMIT_NONE : read->high};
}

static void drop_kafka(struct outside *o)
{
    kafka_look_free(o->kafka);
    o->kafka = NULL;
}

static void read_parts(struct outside *o)
{
    struct kafka_look_part *read = mem_calloc((size_t)o->n_parts + 1, sizeof(*read));

    if (kafka_look_group(o->kafka, o->group, left_ms(o), &o->n_members, &o->kafka_error) ||
        kafka_look_parts(o->kafka, o->topic, o->n_parts, left_ms(o), read, &o->kafka_error))
        drop_kafka(o);
    for (int32_t i = 0; i < o->n_parts && o->kafka; i++)
        take_part(o, &o->parts[i], &read[i]);
    mem_free(read);
}

/* How many partitions there are: Kafka's word, or, without it, Redis'. */
static int32_t count_partitions(struct outside *o)
{
    int32_t n = 0;

    if (o->kafka && kafka_look_topic(o->kafka, o->topic, left_ms(o), &n, &o->kafka_error))
        drop_kafka(o);
    if (o->kafka || o->n_then <= 0 || o->n_then > 100000)
        return n;
    return (int32_t)o->n_then;
}

/* ---- both ---- */

/* Nothing is known of any. */
static void reset_parts(struct outside *o, int32_t n)
{
    mem_free(o->parts);
    o->parts = mem_calloc((size_t)n + 1, sizeof(*o->parts));
    o->n_parts = n;
    for (int32_t i = 0; i < n; i++) {
        struct condition_facts *f = &o->parts[i].facts;

        f->n_members = -1;
        f->meta.offset = f->meta.committed = COMMIT_NONE;
        f->read = (struct commit_read){.status = COMMIT_READ_FAILED,
                                       .offset = COMMIT_NONE,
                                       .low = COMMIT_NONE,
                                       .high = COMMIT_NONE};
        f->n_then = o->n_then;
        f->n_now = o->kafka ? n : 0;
    }
}

static void read_all(struct outside *o)
{
    o->n_members = -1;
    o->n_then = 0;
    o->used_bytes = o->max_bytes = -1;
    if (o->redis)
        read_instance(o);
    reset_parts(o, count_partitions(o));
    /* As a takeover: N, then M, then the log's end. The other way round N might seem to be beyond
     * it. */
    if (o->redis)
        read_metas(o);
    if (o->kafka && o->n_parts)
        read_parts(o);
    for (int32_t i = 0; i < o->n_parts; i++)
        o->parts[i].condition = condition_of(&o->parts[i].facts);
}

void outside_open(struct outside *o, const struct conf *conf, int64_t timeout_ms)
{
    *o = (struct outside){
        .conf = conf,
        .topic = copy(conf->ingest.repartition ? conf->ingest.topic : conf->kafka.events[0]),
        .group = copy(conf->kafka.group_id),
        .deadline_ms = outside_now_ms() + timeout_ms};
    connect_redis(o, timeout_ms / 2);
    connect_kafka(o);
    read_all(o);
}

void outside_refresh(struct outside *o, int64_t timeout_ms)
{
    o->deadline_ms = outside_now_ms() + timeout_ms;
    buf_reset(&o->redis_error);
    buf_reset(&o->kafka_error);
    if (!o->redis)
        connect_redis(o, timeout_ms / 2);
    if (!o->kafka)
        connect_kafka(o);
    read_all(o);
}

void outside_close(struct outside *o)
{
    redis_wait_free(o->redis);
    kafka_look_free(o->kafka);
    buf_deinit(&o->redis_error);
    buf_deinit(&o->kafka_error);
    mem_free(o->parts);
    mem_free(o->topic);
    mem_free(o->group);
}
