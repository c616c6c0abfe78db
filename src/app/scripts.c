/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of the scripts in scripts_lua.c, and their replies. A chunk is encoded once, when the
 * state is cut; only the few arguments in front of it (fence, seq, what the last chunk sets)
 * depend on when it is sent, so that it can be sent again as it is.
 */
#include "app/scripts.h"

#include "adapters/redis_conn.h"
#include "app/dump.h"
#include "base/mem.h"
#include "base/parse.h"

#include <inttypes.h>

/* A load of more keys than this at once would overflow Lua's unpack(). */
#define LOAD_MAX 4000

/* ---- lists of texts ---- */

static void list_end(struct script_list *l)
{
    mem_grow(&l->ends, &l->cap, l->n, sizeof(*l->ends));
    l->ends[l->n++] = l->bytes.len;
}

static void list_add(struct script_list *l, struct str s)
{
    buf_add_str(&l->bytes, s);
    list_end(l);
}

static void list_add_i64(struct script_list *l, int64_t v)
{
    buf_add_i64(&l->bytes, v);
    list_end(l);
}

/* Empty where there is no such number. */
static void list_add_unless(struct script_list *l, int64_t v, int64_t none)
{
    if (v != none)
        buf_add_i64(&l->bytes, v);
    list_end(l);
}

static void list_add_token(struct script_list *l, uint64_t token)
{
    buf_addf(&l->bytes, "%016" PRIx64, token);
    list_end(l);
}

static void list_add_all(struct script_list *l, const struct script_list *from)
{
    size_t base = l->bytes.len;

    buf_add_str(&l->bytes, buf_str(&from->bytes));
    for (size_t i = 0; i < from->n; i++) {
        mem_grow(&l->ends, &l->cap, l->n, sizeof(*l->ends));
        l->ends[l->n++] = base + from->ends[i];
    }
}

static void list_reset(struct script_list *l)
{
    buf_reset(&l->bytes);
    l->n = 0;
}

static void list_deinit(struct script_list *l)
{
    buf_deinit(&l->bytes);
    l->ends = mem_free(l->ends);
    l->n = l->cap = 0;
}

/* ---- calls ---- */

static void call_reset(struct script_call *call)
{
    list_reset(&call->list);
    call->n_keys = 0;
    call->views = mem_free(call->views);
}

void script_call_deinit(struct script_call *call)
{
    call_reset(call);
    list_deinit(&call->list);
}

static const struct str *call_views(struct script_call *call)
{
    const struct script_list *l = &call->list;
    size_t from = 0;

    if (call->views)
        return call->views;
    call->views = mem_calloc(l->n + 1, sizeof(*call->views));
    for (size_t i = 0; i < l->n; i++) {
        call->views[i] = (struct str){.ptr = l->bytes.ptr + from, .len = l->ends[i] - from};
        from = l->ends[i];
    }
    return call->views;
}

size_t script_call_n_args(const struct script_call *call)
{
    return call->list.n - call->n_keys;
}

const struct str *script_call_keys(struct script_call *call)
{
    return call_views(call);
}

const struct str *script_call_args(struct script_call *call)
{
    return call_views(call) + call->n_keys;
}

void script_key(struct buf *b, const struct script_place *place, const char *suffix, struct str id)
{
    buf_addf(b, "%.*s:{%.*s/%" PRId32 "}:%s", STR_ARG(place->prefix), STR_ARG(place->topic),
             place->partition, suffix);
    if (id.ptr) {
        buf_add_char(b, ':');
        buf_add_str(b, id);
    }
}

static void list_add_key(struct script_list *l, const struct script_place *place,
                         const char *suffix, struct str id)
{
    script_key(&l->bytes, place, suffix, id);
    list_end(l);
}

static void call_key(struct script_call *call, const struct script_place *place, const char *suffix,
                     struct str id)
{
    list_add_key(&call->list, place, suffix, id);
    call->n_keys++;
}

/* ---- replies ---- */

static bool is_array(const struct redisReply *r, size_t n)
{
    return redis_reply_n(r) == n;
}

/* Nil is empty; all that our scripts answer is text otherwise. */
static struct str text_at(const struct redisReply *r, size_t i)
{
    return redis_reply_str(redis_reply_at(r, i));
}

/* `none` where it is absent or no number. */
static int64_t i64_at(const struct redisReply *r, size_t i, int64_t none)
{
    return redis_reply_i64(redis_reply_at(r, i), none);
}

static uint64_t token_at(const struct redisReply *r, size_t i)
{
    struct str s = text_at(r, i);
    uint64_t token = 0;

    for (size_t k = 0; k < s.len; k++) {
        char c = s.ptr[k];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) || s.len != 16)
            return 0;
        token = token << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return token;
}

/* ---- ACQUIRE ---- */

void script_acquire_encode(struct script_call *call, const struct script_place *place,
                           const struct commit_opts *opts, int64_t known_epoch)
{
    call_reset(call);
    call_key(call, place, "meta", STR_NULL);
    list_add_i64(&call->list, known_epoch);
    list_add_token(&call->list, opts->token);
    list_add(&call->list, str_of(opts->transactional_id));
    list_add_i64(&call->list, opts->layout);
}

void script_release_encode(struct script_call *call, const struct script_place *place,
                           const struct commit_opts *opts)
{
    call_reset(call);
    call_key(call, place, "meta", STR_NULL);
    list_add(&call->list, str_of(opts->transactional_id));
}

int script_acquire_decode(const struct redisReply *r, const struct commit_opts *opts,
                          struct script_meta *ret_meta)
{
    int64_t epoch;

    if (!is_array(r, 14) || (epoch = i64_at(r, 0, -1)) < 0)
        return SCRIPT_E_MALFORMED;
    *ret_meta = (struct script_meta){
        .commit =
            {
                .fence = {.epoch = epoch, .token = opts->token},
                .version = {.seq = i64_at(r, 1, 0),
                            .writer = {.epoch = i64_at(r, 2, 0), .token = token_at(r, 3)}},
                .offset = i64_at(r, 4, COMMIT_NONE),
                .committed = i64_at(r, 5, COMMIT_NONE),
                .layout = i64_at(r, 7, 0),
                .topic_id = text_at(r, 10),
                .predecessor = text_at(r, 11),
            },
        .has_clock = i64_at(r, 6, INT64_MIN) != INT64_MIN,
        .clock_ms = i64_at(r, 6, 0),
        .config = text_at(r, 8),
        .config_text = text_at(r, 9),
        .life = text_at(r, 12),
        .config_offset = i64_at(r, 13, COMMIT_NONE),
    };
    return 0;
}

struct str script_acquire_mark(const struct redisReply *reply)
{
    if (!is_array(reply, 2) || !str_eq(text_at(reply, 0), STR("dropping")))
        return STR_NULL;
    return text_at(reply, 1);
}

/* ---- WRITE ---- */

void script_chunk_deinit(struct script_chunk *chunk)
{
    list_deinit(&chunk->keys);
    list_deinit(&chunk->args);
    chunk->n_entries = 0;
}

/* Before all others and never have a score too: whoever is stored is found by it. */
static void list_add_instant(struct script_list *l, int64_t ms)
{
    if (ms == INT64_MIN || ms == INT64_MAX)
        list_add(l, ms < 0 ? STR("-inf") : STR("+inf"));
    else
        list_add_i64(l, ms);
}

static void list_add_hash(struct script_list *l, const struct checkpoint_entry *entry)
{
    if (entry->n_fields)
        dump_hash(&l->bytes, entry->fields, entry->n_fields);
    list_end(l);
}

void script_chunk_add(struct script_chunk *chunk, const struct script_place *place,
                      const struct checkpoint_entry *entry)
{
    bool is_deleted = entry->packed.len == 0;

    list_add_key(&chunk->keys, place, "s", entry->id);
    list_add_key(&chunk->keys, place, "b", entry->id);
    list_add(&chunk->args, entry->id);
    if (is_deleted)
        list_add(&chunk->args, STR_NULL);
    else
        list_add_instant(&chunk->args, entry->wake_ms);
    list_add_unless(&chunk->args, is_deleted ? INT64_MAX : entry->owed_since_ms, INT64_MAX);
    list_add(&chunk->args, entry->packed);
    if (is_deleted)
        list_add(&chunk->args, STR_NULL);
    else
        list_add_hash(&chunk->args, entry);
    chunk->n_entries++;
}

size_t script_chunk_bytes(const struct script_chunk *chunk)
{
    return chunk->keys.bytes.len + chunk->args.bytes.len;
}

static void add_last(struct script_list *l, const struct script_cut *last)
{
    list_add(l, STR("1"));
    list_add_i64(l, last->offset);
    list_add_unless(l, last->committed, COMMIT_NONE);
    list_add_i64(l, last->clock_ms);
    list_add(l, last->config);
    list_add(l, last->config_text);
    list_add(l, last->topic_id);
    list_add(l, last->life);
    list_add_unless(l, last->config_offset, COMMIT_NONE);
}

void script_write_encode(struct script_call *call, const struct script_place *place,
                         const struct script_chunk *chunk, struct commit_fence fence,
                         struct commit_version expected, const struct script_cut *last)
{
    struct script_list *l = &call->list;

    call_reset(call);
    call_key(call, place, "meta", STR_NULL);
    call_key(call, place, "wake", STR_NULL);
    call_key(call, place, "owed", STR_NULL);
    list_add_all(l, &chunk->keys);
    call->n_keys += chunk->keys.n;
    list_add_i64(l, fence.epoch);
    list_add_token(l, fence.token);
    list_add_i64(l, expected.seq);
    list_add_i64(l, expected.writer.epoch);
    if (expected.writer.epoch)
        list_add_token(l, expected.writer.token);
    else
        list_add(l, STR_NULL);
    if (last)
        add_last(l, last);
    for (int i = 0; !last && i < 9; i++)
        list_add(l, i == 0 ? STR("0") : STR_NULL);
    list_add_all(l, &chunk->args);
}

enum commit_answer script_write_decode(const struct redisReply *r, struct str *ret_refusal)
{
    *ret_refusal = is_array(r, 3) ? text_at(r, 2) : STR_NULL;
    if ((is_array(r, 2) || is_array(r, 3)) && str_eq(text_at(r, 0), STR("ok")))
        return COMMIT_OK;
    if (is_array(r, 6) && str_eq(text_at(r, 0), STR("stale")))
        return COMMIT_STALE;
    return COMMIT_UNKNOWN;
}

/* ---- LOAD and WAKE ---- */

static int source_decode(const struct redisReply *r, struct script_source *ret_source)
{
    if (!is_array(r, 6) || redis_reply_is_nil(redis_reply_at(r, 5)) || text_at(r, 5).ptr)
        return SCRIPT_E_MALFORMED;
    *ret_source = (struct script_source){
        .fence = {.epoch = i64_at(r, 0, 0), .token = token_at(r, 1)},
        .version = {.seq = i64_at(r, 2, 0),
                    .writer = {.epoch = i64_at(r, 3, 0), .token = token_at(r, 4)}},
    };
    return 0;
}

void script_load_encode(struct script_call *call, const struct script_place *place,
                        const struct str *ids, size_t n)
{
    ENSURE(n > 0 && n <= LOAD_MAX);
    call_reset(call);
    call_key(call, place, "meta", STR_NULL);
    for (size_t i = 0; i < n; i++)
        call_key(call, place, "b", ids[i]);
}

int script_load_decode(const struct redisReply *reply, struct script_source *ret_source,
                       size_t *ret_n)
{
    if (source_decode(reply, ret_source))
        return SCRIPT_E_MALFORMED;
    *ret_n = redis_reply_n(redis_reply_at(reply, 5));
    return 0;
}

struct str script_load_packed(const struct redisReply *reply, size_t i)
{
    return text_at(redis_reply_at(reply, 5), i);
}

void script_wake_encode(struct script_call *call, const struct script_place *place, int64_t from_ms,
                        int64_t until_ms, size_t skip, size_t limit)
{
    call_reset(call);
    call_key(call, place, "meta", STR_NULL);
    call_key(call, place, "wake", STR_NULL);
    list_add_instant(&call->list, from_ms);
    list_add_instant(&call->list, until_ms);
    list_add_i64(&call->list, (int64_t)skip);
    list_add_i64(&call->list, (int64_t)limit);
}

void script_count_encode(struct script_call *call, const struct script_place *place, int32_t n)
{
    call_reset(call);
    call_key(call, place, "meta", STR_NULL);
    list_add_i64(&call->list, n);
}

int64_t script_count_decode(const struct redisReply *reply)
{
    int64_t n = 0;

    return parse_i64(redis_reply_str(reply), &n) ? 0 : n;
}

int script_wake_decode(const struct redisReply *reply, struct script_source *ret_source,
                       size_t *ret_n)
{
    if (source_decode(reply, ret_source) || redis_reply_n(redis_reply_at(reply, 5)) % 2)
        return SCRIPT_E_MALFORMED;
    *ret_n = redis_reply_n(redis_reply_at(reply, 5)) / 2;
    return 0;
}

struct str script_wake_id(const struct redisReply *reply, size_t i, int64_t *ret_wake_ms)
{
    double score = 0;

    /* Redis writes large scores with an exponent; milliseconds are exact in a double. */
    if (str_eq(text_at(redis_reply_at(reply, 5), 2 * i + 1), STR("inf")))
        *ret_wake_ms = INT64_MAX;
    else if (parse_double(text_at(redis_reply_at(reply, 5), 2 * i + 1), &score) == 0)
        *ret_wake_ms = score < 9e15 ? (int64_t)score : INT64_MAX;
    else
        *ret_wake_ms = 0;
    return text_at(redis_reply_at(reply, 5), 2 * i);
}

/* ---- FORGET and DROP ---- */

void script_forget_encode(struct script_call *call, const struct script_place *place,
                          struct str mark, bool is_all)
{
    call_reset(call);
    call_key(call, place, "meta", STR_NULL);
    call_key(call, place, "wake", STR_NULL);
    list_add(&call->list, mark);
    list_add_i64(&call->list, is_all);
}

void script_drop_encode(struct script_call *call, const struct script_place *place, struct str mark,
                        const struct redisReply *last)
{
    const struct redisReply *ids = redis_reply_at(last, 1);
    size_t n = redis_reply_n(ids);

    call_reset(call);
    call_key(call, place, "meta", STR_NULL);
    call_key(call, place, "wake", STR_NULL);
    call_key(call, place, "owed", STR_NULL);
    for (size_t i = 0; i < n; i++) {
        call_key(call, place, "s", text_at(ids, i));
        call_key(call, place, "b", text_at(ids, i));
    }
    list_add(&call->list, mark);
    list_add_i64(&call->list, SCRIPT_DROP_STEP);
    for (size_t i = 0; i < n; i++)
        list_add(&call->list, text_at(ids, i));
}

enum script_dropped script_drop_decode(const struct redisReply *reply, size_t *ret_n)
{
    *ret_n = redis_reply_n(redis_reply_at(reply, 1));
    if (is_array(reply, 2) && str_eq(text_at(reply, 0), STR("more")))
        return SCRIPT_DROP_MORE;
    if (is_array(reply, 1) && str_eq(text_at(reply, 0), STR("done")))
        return SCRIPT_DROP_DONE;
    if (is_array(reply, 1) && str_eq(text_at(reply, 0), STR("over")))
        return SCRIPT_DROP_OVER;
    return SCRIPT_DROP_FAILED;
}
