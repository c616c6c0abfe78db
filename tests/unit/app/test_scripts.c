/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scripts in a real Redis: a private server on a socket in a temporary folder, started here and
 * ended by its process id. Skipped where there is no redis-server.
 */
#include "app/scripts.h"
#include "base/err.h"
#include "base/mem.h"
#include "../unit.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIPPED 77

static const struct script_place place = {.prefix = STR("eng"), .topic = STR("t"), .partition = 3};
static char dir[] = "/tmp/engaged-scripts-XXXXXX";
static pid_t server;
static redisContext *redis;
static char refusal[128]; /* of the last WRITE */

/* ---- the server ---- */

static void serve(void)
{
    char path[64];

    snprintf(path, sizeof(path), "%s/s", dir);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!freopen("/dev/null", "w", stdout))
        _exit(SKIPPED);
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path, "--save", "",
           "--dir", dir, (char *)NULL);
    _exit(SKIPPED);
}

/* False: there is no redis-server here. */
static bool start(void)
{
    char path[64];
    int status;

    if (!mkdtemp(dir))
        return false;
    server = fork();
    if (server == 0)
        serve();
    snprintf(path, sizeof(path), "%s/s", dir);
    for (int i = 0; i < 500; i++) {
        if (waitpid(server, &status, WNOHANG) == server) {
            server = 0;
            return false;
        }
        redis = redisConnectUnix(path);
        if (redis && !redis->err)
            return true;
        redisFree(redis);
        redis = NULL;
        usleep(20000);
    }
    return false;
}

static void stop(void)
{
    char path[64];

    if (redis)
        redisFree(redis);
    if (server) {
        kill(server, SIGTERM);
        waitpid(server, NULL, 0);
    }
    snprintf(path, sizeof(path), "%s/s", dir);
    unlink(path);
    rmdir(dir);
}

/* ---- calls ---- */

static redisReply *run(const char *script, struct script_call *call)
{
    size_t n_keys = call->n_keys, n = 3 + n_keys + script_call_n_args(call);
    const char **argv = mem_calloc(n, sizeof(*argv));
    size_t *lens = mem_calloc(n, sizeof(*lens));
    char count[16];
    redisReply *r;

    snprintf(count, sizeof(count), "%zu", n_keys);
    argv[0] = "EVAL";
    argv[1] = script;
    argv[2] = count;
    for (size_t i = 0; i < 3; i++)
        lens[i] = strlen(argv[i]);
    for (size_t i = 3; i < n; i++) {
        struct str s = script_call_keys(call)[i - 3];

        argv[i] = s.len ? s.ptr : "";
        lens[i] = s.len;
    }
    r = redisCommandArgv(redis, (int)n, argv, lens);
    mem_free(argv);
    mem_free(lens);
    script_call_deinit(call);
    if (r && r->type == REDIS_REPLY_ERROR)
        print_error("%s\n", r->str);
    assert_non_null(r);
    return r;
}

static struct commit_opts options(uint64_t token, const char *id)
{
    struct commit_opts o = COMMIT_OPTS_INIT;

    o.token = token;
    snprintf(o.transactional_id, sizeof(o.transactional_id), "%s", id);
    return o;
}

/* The reply is freed: the texts are copied out first where they matter. */
static struct script_meta acquire(const struct commit_opts *o, int64_t known_epoch,
                                  char ret_predecessor[32])
{
    struct script_call call = SCRIPT_CALL_INIT;
    struct script_meta m;
    redisReply *r;

    script_acquire_encode(&call, &place, o, known_epoch);
    r = run(script_acquire, &call);
    assert_int_equal(script_acquire_decode(r, o, &m), 0);
    if (ret_predecessor)
        snprintf(ret_predecessor, 32, "%.*s", STR_ARG(m.commit.predecessor));
    freeReplyObject(r);
    return m;
}

static enum commit_answer write_chunk_on(struct script_chunk *chunk, struct commit_fence fence,
                                         struct commit_version expected,
                                         const struct script_cut *last)
{
    struct script_call call = SCRIPT_CALL_INIT;
    enum commit_answer answer;
    struct str why;
    redisReply *r;

    script_write_encode(&call, &place, chunk, fence, expected, last);
    r = run(script_write, &call);
    answer = script_write_decode(r, &why);
    snprintf(refusal, sizeof(refusal), "%.*s", STR_ARG(why));
    freeReplyObject(r);
    return answer;
}

/* Expects what the fence itself wrote, or, at seq 0, nothing. */
static enum commit_answer write_chunk(struct script_chunk *chunk, struct commit_fence fence,
                                      int64_t seq, const struct script_cut *last)
{
    struct commit_version expected = {.seq = seq};

    if (seq)
        expected.writer = fence;
    return write_chunk_on(chunk, fence, expected, last);
}

static struct script_chunk chunk_of(const char *id, const char *packed, int64_t wake, int64_t owed)
{
    struct script_chunk chunk = SCRIPT_CHUNK_INIT;
    struct checkpoint_field fields[] = {
        {.name = STR("stage"), .text = STR("engaged")},
        {.name = STR("empty"), .text = STR_NULL},
    };
    struct checkpoint_entry e = {
        .id = str_of(id),
        .packed = str_of(packed),
        .wake_ms = wake,
        .owed_since_ms = owed,
        .fields = fields,
        .n_fields = 2,
    };

    script_chunk_add(&chunk, &place, &e);
    return chunk;
}

static enum commit_answer write_on(const char *id, const char *packed, struct commit_fence fence,
                                   struct commit_version expected, const struct script_cut *last)
{
    struct script_chunk chunk = chunk_of(id, packed, 1700000000123, INT64_MAX);
    enum commit_answer answer = write_chunk_on(&chunk, fence, expected, last);

    script_chunk_deinit(&chunk);
    return answer;
}

static enum commit_answer write_one(const char *id, const char *packed, struct commit_fence fence,
                                    int64_t seq, const struct script_cut *last)
{
    struct script_chunk chunk = chunk_of(id, packed, 1700000000123, INT64_MAX);
    enum commit_answer answer = write_chunk(&chunk, fence, seq, last);

    script_chunk_deinit(&chunk);
    return answer;
}

/* The answer as text: nil is "(nil)", an integer its digits. */
static void expect(const char *command, const char *want)
{
    redisReply *r = redisCommand(redis, command);
    char text[64] = "(nil)";

    assert_non_null(r);
    if (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_ERROR)
        snprintf(text, sizeof(text), "%s", r->str);
    else if (r->type == REDIS_REPLY_INTEGER)
        snprintf(text, sizeof(text), "%lld", r->integer);
    assert_string_equal(text, want);
    freeReplyObject(r);
}

static int flush(void **state)
{
    (void)state;
    freeReplyObject(redisCommand(redis, "FLUSHALL"));
    return 0;
}

/* ---- ACQUIRE ---- */

static void test_acquire_empty(void **state)
{
    struct commit_opts a = options(0xfedcba9876543210u, "slot-a");
    char predecessor[32];
    struct script_meta m = acquire(&a, 0, predecessor);

    (void)state;
    assert_int_equal(m.commit.fence.epoch, 1);
    assert_true(m.commit.fence.token == a.token);
    assert_int_equal(m.commit.version.seq, 0);
    assert_int_equal(m.commit.version.writer.epoch, 0);
    assert_int_equal(m.commit.offset, COMMIT_NONE);
    assert_int_equal(m.commit.committed, COMMIT_NONE);
    assert_int_equal(m.commit.layout, 0);
    assert_false(m.has_clock);
    assert_string_equal(predecessor, "");
    expect("HGET eng:{t/3}:meta owner", "slot-a");
    expect("HGET eng:{t/3}:meta token", "fedcba9876543210");
    expect("HGET eng:{t/3}:meta layout", "1");
}

static void test_acquire_rises(void **state)
{
    struct commit_opts a = options(1, "slot-a"), b = options(2, "slot-b");
    char predecessor[32];

    (void)state;
    acquire(&a, 0, NULL);
    assert_int_equal(acquire(&b, 0, predecessor).commit.fence.epoch, 2);
    assert_string_equal(predecessor, "slot-a");
    /* Once more, the first answer having been lost: the predecessor is still told. */
    assert_int_equal(acquire(&b, 0, predecessor).commit.fence.epoch, 3);
    assert_string_equal(predecessor, "slot-a");
    /* Redis went back, but we know better. */
    assert_int_equal(acquire(&a, 40, predecessor).commit.fence.epoch, 41);
    assert_string_equal(predecessor, "slot-b");
}

/* Given back in order, there is nothing to abort; but only its owner can give it back. */
static void test_release(void **state)
{
    struct commit_opts a = options(1, "slot-a"), b = options(2, "slot-b");
    struct script_call call = SCRIPT_CALL_INIT;
    char predecessor[32];

    (void)state;
    acquire(&a, 0, NULL);
    script_release_encode(&call, &place, &b);
    freeReplyObject(run(script_release, &call));
    expect("HGET eng:{t/3}:meta owner", "slot-a");
    script_release_encode(&call, &place, &a);
    freeReplyObject(run(script_release, &call));
    expect("HGET eng:{t/3}:meta owner", "");
    assert_int_equal(acquire(&b, 0, predecessor).commit.fence.epoch, 2);
    assert_string_equal(predecessor, "");
    script_call_deinit(&call);
}

static void test_acquire_other_layout(void **state)
{
    struct commit_opts a = options(1, "slot-a");
    struct script_meta m;

    (void)state;
    freeReplyObject(redisCommand(redis, "HSET eng:{t/3}:meta layout 9 epoch 5 owner x"));
    m = acquire(&a, 0, NULL);
    assert_int_equal(m.commit.layout, 9);
    expect("HGET eng:{t/3}:meta epoch", "5");
    expect("HGET eng:{t/3}:meta owner", "x");
}

/* ---- WRITE ---- */

static void test_write(void **state)
{
    struct commit_opts a = options(7, "slot-a");
    struct commit_fence fence = acquire(&a, 0, NULL).commit.fence;
    struct script_cut last = {
        .offset = 42,
        .committed = 40,
        .clock_ms = -5,
        .config = STR("c1"),
        .config_text = STR("rules: []"),
        .topic_id = STR("tid"),
        .life = STR("lf"),
        .config_offset = 41,
    };
    struct script_meta m;

    (void)state;
    assert_int_equal(write_one("ann", "blob1", fence, 0, NULL), COMMIT_OK);
    expect("HGET eng:{t/3}:meta offset", "(nil)"); /* only the last chunk sets it */
    expect("GET eng:{t/3}:b:ann", "blob1");
    expect("HGET eng:{t/3}:s:ann stage", "engaged");
    expect("HGET eng:{t/3}:s:ann empty", "");
    expect("ZSCORE eng:{t/3}:wake ann", "1700000000123");
    expect("ZSCORE eng:{t/3}:owed ann", "(nil)");
    assert_int_equal(write_one("bob", "blob2", fence, 1, &last), COMMIT_OK);
    m = acquire(&a, 0, NULL);
    assert_int_equal(m.commit.version.seq, 2);
    assert_int_equal(m.commit.version.writer.epoch, 1);
    assert_true(m.commit.version.writer.token == 7);
    assert_int_equal(m.commit.offset, 42);
    assert_int_equal(m.commit.committed, 40);
    assert_true(m.has_clock);
    assert_int_equal(m.clock_ms, -5);
    expect("HGET eng:{t/3}:meta config", "c1");
    expect("HGET eng:{t/3}:meta config_text", "rules: []");
    expect("HGET eng:{t/3}:meta topic_id", "tid");
    expect("HGET eng:{t/3}:meta life", "lf");
    assert_int_equal(m.config_offset, 41);
    /* What is not given stays. */
    last.committed = COMMIT_NONE;
    last.config = last.config_text = last.topic_id = last.life = STR_NULL;
    last.config_offset = COMMIT_NONE;
    last.offset = 50;
    assert_int_equal(write_on("bob", "blob3", m.commit.fence, m.commit.version, &last), COMMIT_OK);
    expect("HGET eng:{t/3}:meta offset", "50");
    expect("HGET eng:{t/3}:meta committed", "40");
    expect("HGET eng:{t/3}:meta config", "c1");
    expect("HGET eng:{t/3}:meta config_offset", "41");
}

static void test_rewrite_and_delete(void **state)
{
    struct commit_opts a = options(7, "slot-a");
    struct commit_fence fence = acquire(&a, 0, NULL).commit.fence;
    struct script_chunk chunk;

    (void)state;
    freeReplyObject(redisCommand(redis, "HSET eng:{t/3}:s:ann old 1"));
    chunk = chunk_of("ann", "x", 5, 6);
    assert_int_equal(write_chunk(&chunk, fence, 0, NULL), COMMIT_OK);
    script_chunk_deinit(&chunk);
    expect("HGET eng:{t/3}:s:ann old", "(nil)"); /* exactly the given fields */
    expect("HLEN eng:{t/3}:s:ann", "2");
    expect("ZSCORE eng:{t/3}:owed ann", "6");
    chunk = chunk_of("ann", "y", INT64_MAX, INT64_MAX);
    assert_int_equal(write_chunk(&chunk, fence, 1, NULL), COMMIT_OK);
    script_chunk_deinit(&chunk);
    expect("ZSCORE eng:{t/3}:wake ann", "inf"); /* never, but to be found */
    expect("EXISTS eng:{t/3}:owed", "0");
    chunk = chunk_of("ann", "", 5, 6);
    assert_int_equal(write_chunk(&chunk, fence, 2, NULL), COMMIT_OK);
    script_chunk_deinit(&chunk);
    expect("DBSIZE", "1"); /* meta */
}

/* A full Redis refuses the whole of a chunk: nothing is deleted that could not be written again. */
static void test_write_in_full_redis(void **state)
{
    struct commit_opts a = options(7, "slot-a");
    struct commit_fence fence = acquire(&a, 0, NULL).commit.fence;
    struct script_chunk chunk = chunk_of("ann", "y", 5, INT64_MAX);

    (void)state;
    assert_int_equal(write_one("ann", "x", fence, 0, NULL), COMMIT_OK);
    freeReplyObject(redisCommand(redis, "CONFIG SET maxmemory 1"));
    assert_int_equal(write_chunk(&chunk, fence, 1, NULL), COMMIT_UNKNOWN);
    freeReplyObject(redisCommand(redis, "CONFIG SET maxmemory 0"));
    expect("GET eng:{t/3}:b:ann", "x");
    expect("HLEN eng:{t/3}:s:ann", "2");
    expect("ZSCORE eng:{t/3}:wake ann", "1700000000123");
    expect("HGET eng:{t/3}:meta seq", "1");
    assert_int_equal(write_chunk(&chunk, fence, 1, NULL), COMMIT_OK);
    expect("GET eng:{t/3}:b:ann", "y");
    script_chunk_deinit(&chunk);
}

/* Another's epoch, the same epoch with another token, an old or early seq: nothing is written. */
static void test_fencing(void **state)
{
    struct commit_opts a = options(7, "slot-a"), b = options(8, "slot-b");
    struct commit_fence old = acquire(&a, 0, NULL).commit.fence;
    struct commit_fence now, twin;
    const struct commit_version there = {.seq = 1, .writer = old};

    (void)state;
    assert_int_equal(write_one("ann", "a0", old, 0, NULL), COMMIT_OK);
    now = acquire(&b, 0, NULL).commit.fence;
    twin = (struct commit_fence){.epoch = now.epoch, .token = 7};
    assert_int_equal(write_one("ann", "a1", old, 1, NULL), COMMIT_STALE);
    assert_int_equal(write_one("ann", "a1", twin, 1, NULL), COMMIT_STALE);
    expect("GET eng:{t/3}:b:ann", "a0");
    assert_int_equal(write_one("ann", "b1", now, 1, NULL), COMMIT_STALE); /* not its own state */
    assert_int_equal(write_on("ann", "b1", now, there, NULL), COMMIT_OK);
    assert_int_equal(write_on("ann", "b0", now, there, NULL), COMMIT_STALE); /* the copy of it */
    assert_int_equal(write_one("ann", "b3", now, 3, NULL), COMMIT_STALE);    /* one was lost */
    expect("GET eng:{t/3}:b:ann", "b1");
    expect("HGET eng:{t/3}:meta seq", "2");
    expect("HGET eng:{t/3}:meta writer_epoch", "2");
}

/* Chunks in a row of which one is lost: none behind it gets in; the rest is sent again. */
static void test_lost_chunk(void **state)
{
    struct commit_opts a = options(7, "slot-a");
    struct commit_fence old;
    struct commit_fence fence = acquire(&a, 0, NULL).commit.fence;
    struct script_cut last = {.offset = 9, .committed = COMMIT_NONE};

    (void)state;
    assert_int_equal(write_one("a", "1", fence, 0, NULL), COMMIT_OK);
    assert_int_equal(write_one("c", "1", fence, 2, &last), COMMIT_STALE);
    expect("HGET eng:{t/3}:meta offset", "(nil)");
    old = fence;
    fence = acquire(&a, fence.epoch, NULL).commit.fence;
    assert_int_equal(
        write_on("b", "1", fence, (struct commit_version){.seq = 1, .writer = old}, NULL),
        COMMIT_OK);
    assert_int_equal(write_one("c", "1", fence, 2, &last), COMMIT_OK);
    expect("HGET eng:{t/3}:meta offset", "9");
}

/* As large as chunks get, and more fields than Lua's unpack() takes at once. */
static void test_large(void **state)
{
    enum { N = 1000, N_FIELDS = 9001 };
    struct commit_opts a = options(7, "slot-a");
    struct commit_fence fence = acquire(&a, 0, NULL).commit.fence;
    struct checkpoint_field *fields = mem_calloc(N_FIELDS, sizeof(*fields));
    static char names[N_FIELDS][16];
    struct script_chunk chunk = SCRIPT_CHUNK_INIT;

    (void)state;
    for (int i = 0; i < N_FIELDS; i++) {
        snprintf(names[i], sizeof(names[i]), "f%d", i);
        fields[i] = (struct checkpoint_field){.name = str_of(names[i]), .text = STR("1")};
    }
    for (int i = 0; i < N; i++) {
        struct checkpoint_entry e = {
            .id = str_of(names[i]),
            .packed = STR("p\0q"),
            .wake_ms = i,
            .owed_since_ms = INT64_MAX,
            .fields = fields,
            .n_fields = i == 0 ? N_FIELDS : 20,
        };

        script_chunk_add(&chunk, &place, &e);
    }
    assert_int_equal(chunk.n_entries, N);
    assert_true(script_chunk_bytes(&chunk) > N * 20 * 3);
    assert_int_equal(write_chunk(&chunk, fence, 0, NULL), COMMIT_OK);
    expect("HLEN eng:{t/3}:s:f0", "9001");
    expect("HGET eng:{t/3}:s:f0 f9000", "1");
    expect("STRLEN eng:{t/3}:b:f999", "3");
    expect("ZCARD eng:{t/3}:wake", "1000");
    script_chunk_deinit(&chunk);
    mem_free(fields);
}

/* Every form that the texts of a HASH may have, to the last length of each. */
static void test_texts(void **state)
{
    static const char *const numbers[] = {
        "0",         "-0",         "1",           "127",
        "128",       "-1",         "-4096",       "4095",
        "32767",     "32768",      "-32768",      "-32769",
        "999999999", "-999999999", "1000000000",  "007",
        "1e3",       "+5",         "-",           "",
        "3.25",      " 1",         "1 ",          "8388608",
        "-8388609",  "2147483647", "-2147483648", "9223372036854775807",
        "00",        "0x10",
    };
    static const size_t lengths[] = {63,    64,    65,    125,   126,   127,   4095,   4096,
                                     16376, 16377, 16378, 16379, 16380, 16384, 300000, 2097160};
    enum { N_NUMBERS = ARRAY_SIZE(numbers), N_LENGTHS = ARRAY_SIZE(lengths) };
    struct commit_opts a = options(7, "slot-a");
    struct commit_fence fence = acquire(&a, 0, NULL).commit.fence;
    struct checkpoint_field fields[N_NUMBERS + 2 * N_LENGTHS];
    char *longest = mem_alloc(2097160), names[N_NUMBERS + N_LENGTHS][8];
    struct script_chunk chunk = SCRIPT_CHUNK_INIT;
    size_t n = 0;
    struct checkpoint_entry e = {
        .id = STR("ann"), .packed = STR("p"), .owed_since_ms = INT64_MAX, .fields = fields};
    redisReply *r;

    for (size_t i = 0; i < 2097160; i++)
        longest[i] = (char)(i * 7 + i / 251);
    for (size_t i = 0; i < N_NUMBERS + N_LENGTHS; i++, n++) {
        snprintf(names[i], sizeof(names[i]), "n%zu", i);
        fields[n].name = str_of(names[i]);
        fields[n].text =
            i < N_NUMBERS ? str_of(numbers[i]) : (struct str){longest, lengths[i - N_NUMBERS]};
    }
    for (size_t i = 0; i < N_LENGTHS - 1; i++, n++) { /* as names too */
        fields[n].name = (struct str){longest + 1, lengths[i]};
        fields[n].text = STR("v");
    }
    e.n_fields = n;
    script_chunk_add(&chunk, &place, &e);
    assert_int_equal(write_chunk(&chunk, fence, 0, NULL), COMMIT_OK);
    if (*state)
        assert_true(refusal[0]);
    else
        assert_string_equal(refusal, "");
    r = redisCommand(redis, "HLEN eng:{t/3}:s:ann");
    assert_int_equal(r->integer, n);
    freeReplyObject(r);
    for (size_t i = 0; i < n; i++) {
        r = redisCommand(redis, "HGET eng:{t/3}:s:ann %b", fields[i].name.ptr, fields[i].name.len);
        assert_int_equal(r->type, REDIS_REPLY_STRING);
        assert_int_equal(r->len, fields[i].text.len);
        assert_memory_equal(r->str, fields[i].text.ptr ? fields[i].text.ptr : "", r->len);
        freeReplyObject(r);
    }
    expect("OBJECT ENCODING eng:{t/3}:s:ann", *state ? "hashtable" : "listpack");
    script_chunk_deinit(&chunk);
    mem_free(longest);
}

/* A user who may not RESTORE: the same texts, field by field, and why. */
static void test_texts_without_restore(void **state)
{
    bool is_refused = true;
    void *refused = &is_refused;

    (void)state;
    freeReplyObject(redisCommand(redis, "ACL SETUSER default -restore"));
    test_texts(&refused);
    freeReplyObject(redisCommand(redis, "ACL SETUSER default +restore"));
}

/* ---- LOAD and WAKE ---- */

static void test_load(void **state)
{
    struct commit_opts a = options(7, "slot-a");
    struct commit_fence fence = acquire(&a, 0, NULL).commit.fence;
    struct str ids[] = {STR("ann"), STR("nobody"), STR("bob")};
    struct script_call call = SCRIPT_CALL_INIT;
    struct script_source source;
    redisReply *r;
    size_t n;

    (void)state;
    write_one("ann", "A", fence, 0, NULL);
    write_one("bob", "B", fence, 1, NULL);
    script_load_encode(&call, &place, ids, 3);
    r = run(script_load, &call);
    assert_int_equal(script_load_decode(r, &source, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(source.fence.epoch, 1);
    assert_true(source.fence.token == 7);
    assert_int_equal(source.version.seq, 2);
    assert_int_equal(source.version.writer.epoch, 1);
    assert_true(source.version.writer.token == 7);
    assert_true(str_eq(script_load_packed(r, 0), STR("A")));
    assert_int_equal(script_load_packed(r, 1).len, 0);
    assert_true(str_eq(script_load_packed(r, 2), STR("B")));
    freeReplyObject(r);
}

static void test_load_from_nothing(void **state)
{
    struct str id = STR("ann");
    struct script_call call = SCRIPT_CALL_INIT;
    struct script_source source;
    redisReply *r;
    size_t n;

    (void)state;
    script_load_encode(&call, &place, &id, 1);
    r = run(script_load, &call);
    assert_int_equal(script_load_decode(r, &source, &n), 0);
    assert_int_equal(source.fence.epoch + source.version.seq, 0);
    freeReplyObject(r);
}

static void test_wake(void **state)
{
    struct commit_opts a = options(7, "slot-a");
    struct commit_fence fence = acquire(&a, 0, NULL).commit.fence;
    static const int64_t times[] = {30, 10, 20, 4102444800000, -7, INT64_MAX};
    static const char *const ids[] = {"c", "a", "b", "d", "z", "n"};
    struct script_call call = SCRIPT_CALL_INIT;
    struct script_source source;
    redisReply *r;
    int64_t ms;
    size_t n;

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct script_chunk chunk = chunk_of(ids[i], "p", times[i], INT64_MAX);

        assert_int_equal(write_chunk(&chunk, fence, i, NULL), COMMIT_OK);
        script_chunk_deinit(&chunk);
    }
    script_wake_encode(&call, &place, INT64_MIN, 4102444800000, 1, 3);
    r = run(script_wake, &call);
    assert_int_equal(script_wake_decode(r, &source, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(source.version.seq, 6);
    assert_true(str_eq(script_wake_id(r, 0, &ms), STR("a")));
    assert_int_equal(ms, 10);
    assert_true(str_eq(script_wake_id(r, 2, &ms), STR("c")));
    assert_int_equal(ms, 30);
    freeReplyObject(r);
    script_wake_encode(&call, &place, 30, 4102444800000, 1, 100);
    r = run(script_wake, &call);
    assert_int_equal(script_wake_decode(r, &source, &n), 0);
    assert_int_equal(n, 1); /* nobody who never wakes */
    assert_true(str_eq(script_wake_id(r, 0, &ms), STR("d")));
    assert_int_equal(ms, 4102444800000);
    freeReplyObject(r);
    script_wake_encode(&call, &place, INT64_MIN, INT64_MAX, 0, 100);
    r = run(script_wake, &call);
    assert_int_equal(script_wake_decode(r, &source, &n), 0);
    assert_int_equal(n, 6); /* everybody who is stored */
    assert_true(str_eq(script_wake_id(r, 5, &ms), STR("n")));
    assert_true(ms == INT64_MAX);
    freeReplyObject(r);
    script_call_deinit(&call);
}

/* What is not these scripts' reply is not taken for one. */
static void test_malformed(void **state)
{
    static const char *const commands[] = {"PING", "DBSIZE", "KEYS *", "HGETALL x", "NOSUCH"};
    struct commit_opts a = options(7, "slot-a");
    struct script_source source;
    struct script_meta m;
    struct str why;
    size_t n;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        redisReply *r = redisCommand(redis, commands[i]);

        assert_int_equal(script_acquire_decode(r, &a, &m), SCRIPT_E_MALFORMED);
        assert_int_equal(script_load_decode(r, &source, &n), SCRIPT_E_MALFORMED);
        assert_int_equal(script_wake_decode(r, &source, &n), SCRIPT_E_MALFORMED);
        assert_int_equal(script_write_decode(r, &why), COMMIT_UNKNOWN);
        assert_int_equal(why.len, 0);
        assert_int_equal(script_drop_decode(r, &n), SCRIPT_DROP_FAILED);
        assert_int_equal(script_acquire_mark(r).len, 0);
        freeReplyObject(r);
    }
    assert_int_equal(script_acquire_decode(NULL, &a, &m), SCRIPT_E_MALFORMED);
    assert_int_equal(script_write_decode(NULL, &why), COMMIT_UNKNOWN);
}

/* ---- dropping ---- */

static bool forget(const char *mark, bool is_all)
{
    struct script_call call = SCRIPT_CALL_INIT;
    redisReply *r;
    bool is_marked;

    script_forget_encode(&call, &place, str_of(mark), is_all);
    r = run(script_forget, &call);
    is_marked = strcmp(r->str, "marked") == 0;
    freeReplyObject(r);
    return is_marked;
}

/* One step after `last`, which is freed; its reply, if more follows, in `ret_next`. */
static enum script_dropped drop_step(const char *mark, redisReply *last, redisReply **ret_next)
{
    struct script_call call = SCRIPT_CALL_INIT;
    enum script_dropped dropped;
    size_t n;

    script_drop_encode(&call, &place, str_of(mark), last);
    if (last)
        freeReplyObject(last);
    last = run(script_drop, &call);
    dropped = script_drop_decode(last, &n);
    assert_int_equal(n > 0, dropped == SCRIPT_DROP_MORE);
    assert_true(n <= SCRIPT_DROP_STEP);
    *ret_next = NULL;
    if (dropped == SCRIPT_DROP_MORE)
        *ret_next = last;
    else
        freeReplyObject(last);
    return dropped;
}

static int drop_all(const char *mark, enum script_dropped want)
{
    redisReply *at = NULL;
    enum script_dropped dropped;
    int n = 0;

    while ((dropped = drop_step(mark, at, &at)) == SCRIPT_DROP_MORE)
        n++;
    assert_int_equal(dropped, want);
    return n;
}

static struct str mark_at_acquire(const struct commit_opts *o, char ret_mark[32])
{
    struct script_call call = SCRIPT_CALL_INIT;
    struct script_meta m;
    redisReply *r;
    struct str mark;

    script_acquire_encode(&call, &place, o, 0);
    r = run(script_acquire, &call);
    mark = script_acquire_mark(r);
    snprintf(ret_mark, 32, "%.*s", STR_ARG(mark));
    assert_int_equal(script_acquire_decode(r, o, &m), mark.len ? SCRIPT_E_MALFORMED : 0);
    freeReplyObject(r);
    return str_of(ret_mark);
}

static int n_keys(void)
{
    redisReply *r = redisCommand(redis, "DBSIZE");
    int n = (int)r->integer;

    freeReplyObject(r);
    return n;
}

static void fill(struct commit_fence fence, int n)
{
    const struct script_cut last = {.offset = 50, .committed = 49, .clock_ms = 7};
    struct script_chunk chunk = SCRIPT_CHUNK_INIT;
    struct checkpoint_field field = {.name = STR("stage"), .text = STR("engaged")};

    for (int i = 0; i < n; i++) {
        char id[16];
        struct checkpoint_entry e = {.packed = STR("x"),
                                     .wake_ms = i % 3 ? INT64_MAX : i,
                                     .owed_since_ms = i % 2 ? i : INT64_MAX,
                                     .fields = &field,
                                     .n_fields = 1};

        snprintf(id, sizeof(id), "%d", i);
        e.id = str_of(id);
        script_chunk_add(&chunk, &place, &e);
    }
    assert_int_equal(write_chunk(&chunk, fence, 0, &last), COMMIT_OK);
    script_chunk_deinit(&chunk);
}

/* The owner is fenced at once, nobody owns until all is gone, and what published is not forgotten.
 */
static void test_drop(void **state)
{
    struct commit_opts a = options(7, "slot-a"), b = options(8, "slot-b");
    struct commit_fence fence;
    struct script_meta m;
    char text[32];

    (void)state;
    assert_false(forget("m0", false)); /* nothing there, and nothing is made */
    assert_int_equal(n_keys(), 0);
    fence = acquire(&a, 0, NULL).commit.fence;
    fill(fence, 2500);
    assert_true(forget("m1", false));
    assert_int_equal(write_one("0", "late", fence, 1, NULL), COMMIT_STALE);
    assert_true(str_eq(mark_at_acquire(&b, text), STR("m1")));
    assert_int_equal(n_keys(), 2500 * 2 + 3);
    assert_int_equal(drop_all("m0", SCRIPT_DROP_OVER), 0); /* another's mark */
    assert_int_equal(n_keys(), 2500 * 2 + 3);
    assert_int_equal(drop_all("m1", SCRIPT_DROP_DONE), 3);
    assert_int_equal(n_keys(), 1); /* meta */
    /* A copy of the first chunk that ever was written expects what is there now. */
    assert_int_equal(write_one("0", "late", fence, 0, NULL), COMMIT_STALE);
    assert_int_equal(mark_at_acquire(&b, text).len, 0);
    m = acquire(&b, 0, text);
    assert_int_equal(m.commit.offset, COMMIT_NONE);
    assert_int_equal(m.commit.committed, 49);
    assert_int_equal(m.commit.version.seq, 0);
    assert_string_equal(text, "slot-a"); /* of whom a transaction may be open */
    assert_true(m.commit.fence.epoch > fence.epoch);
}

/* Cut short, begun anew by another, and a step that comes late: nothing of the new owner's is hit.
 */
static void test_drop_in_pieces(void **state)
{
    struct commit_opts a = options(7, "slot-a");
    struct commit_fence fence = acquire(&a, 0, NULL).commit.fence;
    redisReply *late, *next;

    (void)state;
    fill(fence, 1200);
    assert_true(forget("m1", false));
    assert_int_equal(drop_step("m1", NULL, &late), SCRIPT_DROP_MORE); /* it names 1,000 and dies */
    assert_true(forget("m2", false));
    assert_int_equal(drop_all("m2", SCRIPT_DROP_DONE), 2);
    fence = acquire(&a, 0, NULL).commit.fence;
    fill(fence, 1200);
    assert_int_equal(drop_step("m1", late, &next), SCRIPT_DROP_OVER);
    assert_int_equal(n_keys(), 1200 * 2 + 3);
}

static void test_drop_all(void **state)
{
    struct commit_opts a = options(7, "slot-a");
    struct script_call call = SCRIPT_CALL_INIT;
    redisReply *r;

    (void)state;
    fill(acquire(&a, 0, NULL).commit.fence, 3);
    script_count_encode(&call, &place, 4);
    freeReplyObject(run(script_count, &call));
    assert_true(forget("m1", true));
    assert_int_equal(drop_all("m1", SCRIPT_DROP_DONE), 1);
    assert_int_equal(acquire(&a, 0, NULL).commit.committed, COMMIT_NONE);
    script_count_encode(&call, &place, 5);
    r = run(script_count, &call);
    assert_int_equal(script_count_decode(r), 5);
    freeReplyObject(r);
}

/* Another version's keys: only whoever drops them may have them gone. */
static void test_drop_other_layout(void **state)
{
    struct commit_opts a = options(7, "slot-a"), b = options(8, "slot-b");
    char text[32];

    (void)state;
    fill(acquire(&a, 0, NULL).commit.fence, 3);
    b.layout = 2;
    assert_true(forget("m1", false));
    assert_int_equal(acquire(&b, 0, NULL).commit.layout, 1);
    assert_int_equal(drop_all("m1", SCRIPT_DROP_DONE), 1);
    assert_int_equal(mark_at_acquire(&b, text).len, 0);
    assert_int_equal(acquire(&b, 0, NULL).commit.layout, 2);
}

static void test_key(void **state)
{
    struct buf b = BUF_INIT;

    (void)state;
    script_key(&b, &place, "b", STR("a:{x}"));
    assert_true(str_eq(buf_str(&b), STR("eng:{t/3}:b:a:{x}")));
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_acquire_empty, flush),
        cmocka_unit_test_setup(test_acquire_rises, flush),
        cmocka_unit_test_setup(test_acquire_other_layout, flush),
        cmocka_unit_test_setup(test_release, flush),
        cmocka_unit_test_setup(test_write, flush),
        cmocka_unit_test_setup(test_rewrite_and_delete, flush),
        cmocka_unit_test_setup(test_write_in_full_redis, flush),
        cmocka_unit_test_setup(test_fencing, flush),
        cmocka_unit_test_setup(test_lost_chunk, flush),
        cmocka_unit_test_setup(test_large, flush),
        cmocka_unit_test_setup(test_texts, flush),
        cmocka_unit_test_setup(test_texts_without_restore, flush),
        cmocka_unit_test_setup(test_load, flush),
        cmocka_unit_test_setup(test_load_from_nothing, flush),
        cmocka_unit_test_setup(test_wake, flush),
        cmocka_unit_test_setup(test_malformed, flush),
        cmocka_unit_test_setup(test_drop, flush),
        cmocka_unit_test_setup(test_drop_in_pieces, flush),
        cmocka_unit_test_setup(test_drop_all, flush),
        cmocka_unit_test_setup(test_drop_other_layout, flush),
        cmocka_unit_test(test_key),
    };
    int failed;

    if (!start()) {
        stop();
        print_message("skipped: no redis-server\n");
        return SKIPPED;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    stop();
    return failed;
}
