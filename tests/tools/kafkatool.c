/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Kafka client for tests: makes topics, writes JSON lines as records, prints records as JSON
 * lines, appends ticks, shows committed offsets. It shares no code with the daemon, so that a fault
 * of ours cannot hide in both. It keeps nothing, belongs to no group, and ends with status 1 when
 * anything it was asked to do did not happen.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 30000
#define BATCH      1000

static const char usage[] =
    "kafkatool [-b HOST:PORT,...] [-X PROPERTY=VALUE]... COMMAND\n"
    "  create TOPIC PARTITIONS [CONFIG=VALUE]... [--replicas N]\n"
    "  delete TOPIC\n"
    "  grow TOPIC PARTITIONS    to so many\n"
    "  produce TOPIC [--key-from-subject | --key KEY] [--partitioner NAME] [--partition P]\n"
    "          [--header NAME=VALUE]... [--records] [--open ID] < LINES\n"
    "      a line is a record's value; with --records it is a record as `consume` prints it;\n"
    "      with --open all are in a transaction of that id, which is left open\n"
    "  consume TOPIC [--until-end | --follow] [--isolation read_committed|read_uncommitted]\n"
    "      one JSON object per record; bytes that are not UTF-8 are {\"hex\": ...}\n"
    "  tick TOPIC TIME       appends a tick to each partition\n"
    "  offsets GROUP TOPIC   committed offsets with metadata, and the log's ends\n"
    "  ends TOPIC [--isolation read_committed|read_uncommitted]\n"
    "      the ends of each partition, as one who reads like that sees them\n"
    "  forget GROUP TOPIC PARTITIONS      deletes what the group has committed of them\n"
    "  truncate TOPIC PARTITION OFFSET    deletes the records below it\n"
    "Brokers also come from the environment, KAFKATOOL_BROKERS.\n";

struct options {
    const char *partitioner, *key, *isolation, *open_id;
    rd_kafka_headers_t *headers;
    int partition, replicas;
    bool key_from_subject, records, follow;
};

static rd_kafka_conf_t *conf;
static volatile sig_atomic_t stopped;
static int64_t n_failed;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("kafkatool: ", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static void set(const char *name, const char *value)
{
    char why[256];

    if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK)
        die("%s", why);
}

static void on_stop(int number)
{
    (void)number;
    stopped = 1;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    (void)opaque;
    if (m->err && n_failed++ == 0)
        fprintf(stderr, "kafkatool: not delivered: %s\n", rd_kafka_err2str(m->err));
}

static rd_kafka_t *client(rd_kafka_type_t type)
{
    char why[256];

    if (type == RD_KAFKA_PRODUCER)
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof(why));

    if (!rk)
        die("%s", why);
    return rk;
}

/* The number of partitions, waiting for a topic that was created just now. */
static int partitions_of(rd_kafka_t *rk, const char *topic)
{
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    const struct rd_kafka_metadata *md;
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    int n = 0;

    for (int i = 0; i < 100 && n == 0; i++) {
        err = rd_kafka_metadata(rk, 0, rkt, &md, TIMEOUT_MS);
        if (err)
            continue;
        if (md->topic_cnt == 1 && !md->topics[0].err)
            n = md->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(md);
        if (n == 0)
            usleep(100000);
    }
    rd_kafka_topic_destroy(rkt);
    if (n == 0)
        die("topic %s: %s", topic, rd_kafka_err2str(err ? err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC));
    return n;
}

/* ---- create, delete ---- */

/* Waits for an admin request and dies of the first topic that was refused. */
/* The group itself, or a partition of it, may be refused. */
static void check_groups(rd_kafka_event_t *event)
{
    size_t n = 0;
    const rd_kafka_group_result_t **groups = rd_kafka_DeleteConsumerGroupOffsets_result_groups(
        rd_kafka_event_DeleteConsumerGroupOffsets_result(event), &n);

    for (size_t i = 0; i < n; i++) {
        const rd_kafka_topic_partition_list_t *parts = rd_kafka_group_result_partitions(groups[i]);

        if (rd_kafka_group_result_error(groups[i]))
            die("%s", rd_kafka_error_string(rd_kafka_group_result_error(groups[i])));
        for (int k = 0; parts && k < parts->cnt; k++)
            if (parts->elems[k].err)
                die("partition %d: %s", k, rd_kafka_err2str(parts->elems[k].err));
    }
}

static void admin_wait(rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS);
    const rd_kafka_topic_result_t **results = NULL;
    size_t n = 0;

    if (!event)
        die("no answer within %d s", TIMEOUT_MS / 1000);
    if (rd_kafka_event_error(event))
        die("%s", rd_kafka_event_error_string(event));
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_CREATETOPICS_RESULT)
        results =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_CREATEPARTITIONS_RESULT)
        results = rd_kafka_CreatePartitions_result_topics(
            rd_kafka_event_CreatePartitions_result(event), &n);
    else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DELETETOPICS_RESULT)
        results =
            rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &n);
    else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DELETECONSUMERGROUPOFFSETS_RESULT)
        check_groups(event);
    for (size_t i = 0; i < n; i++)
        if (rd_kafka_topic_result_error(results[i]))
            die("topic %s: %s", rd_kafka_topic_result_name(results[i]),
                rd_kafka_err2str(rd_kafka_topic_result_error(results[i])));
    rd_kafka_event_destroy(event);
}

static int cmd_create(int argc, char **argv, const struct options *opt)
{
    char why[256];

    if (argc < 2)
        die("create TOPIC PARTITIONS [CONFIG=VALUE]...");
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(argv[0], atoi(argv[1]), opt->replicas, why, sizeof(why));
    if (!topic)
        die("%s", why);
    for (int i = 2; i < argc; i++) {
        char *eq = strchr(argv[i], '=');
        if (!eq)
            die("%s is no CONFIG=VALUE", argv[i]);
        *eq = '\0';
        rd_kafka_NewTopic_set_config(topic, argv[i], eq + 1);
    }
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_CreateTopics(rk, &topic, 1, NULL, queue);
    admin_wait(queue);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return 0;
}

static int cmd_delete(int argc, char **argv, const struct options *opt)
{
    (void)opt;
    if (argc != 1)
        die("delete TOPIC");
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(argv[0]);
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_DeleteTopics(rk, &topic, 1, NULL, queue);
    admin_wait(queue);
    rd_kafka_DeleteTopic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return 0;
}

static int cmd_grow(int argc, char **argv, const struct options *opt)
{
    char why[256];

    (void)opt;
    if (argc != 2)
        die("grow TOPIC PARTITIONS");
    rd_kafka_NewPartitions_t *more =
        rd_kafka_NewPartitions_new(argv[0], (size_t)atoi(argv[1]), why, sizeof(why));
    if (!more)
        die("%s", why);
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_CreatePartitions(rk, &more, 1, NULL, queue);
    admin_wait(queue);
    rd_kafka_NewPartitions_destroy(more);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return 0;
}

/* What was committed of the topic is gone, as if it had expired. */
static int cmd_forget(int argc, char **argv, const struct options *opt)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_DeleteConsumerGroupOffsets_t *gone;

    (void)opt;
    if (argc != 3)
        die("forget GROUP TOPIC PARTITIONS");
    for (int i = 0; i < atoi(argv[2]); i++)
        rd_kafka_topic_partition_list_add(list, argv[1], i);
    gone = rd_kafka_DeleteConsumerGroupOffsets_new(argv[0], list);
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_DeleteConsumerGroupOffsets(rk, &gone, 1, NULL, queue);
    admin_wait(queue);
    rd_kafka_DeleteConsumerGroupOffsets_destroy(gone);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return 0;
}

/* Records below OFFSET are deleted, as if their time were over. */
static int cmd_truncate(int argc, char **argv, const struct options *opt)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_DeleteRecords_t *gone;

    (void)opt;
    if (argc != 3)
        die("truncate TOPIC PARTITION OFFSET");
    rd_kafka_topic_partition_list_add(list, argv[0], atoi(argv[1]))->offset = atoll(argv[2]);
    gone = rd_kafka_DeleteRecords_new(list);
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_DeleteRecords(rk, &gone, 1, NULL, queue);
    admin_wait(queue);
    rd_kafka_DeleteRecords_destroy(gone);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return 0;
}

/* ---- produce, tick ---- */

struct bytes {
    char *at; /* NULL: Kafka's null */
    size_t len;
};

static void send_one(rd_kafka_t *rk, const char *topic, int partition, struct bytes key,
                     struct bytes value, const rd_kafka_headers_t *headers)
{
    for (;;) {
        rd_kafka_headers_t *own = headers ? rd_kafka_headers_copy(headers) : NULL;
        rd_kafka_resp_err_t err = rd_kafka_producev(
            rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key.at, key.len),
            RD_KAFKA_V_VALUE(value.at, value.len), RD_KAFKA_V_HEADERS(own), RD_KAFKA_V_END);
        if (!err)
            return;
        if (own)
            rd_kafka_headers_destroy(own);
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            die("produce: %s", rd_kafka_err2str(err));
        rd_kafka_poll(rk, 100);
    }
}

static int finish(rd_kafka_t *rk)
{
    if (rd_kafka_flush(rk, 4 * TIMEOUT_MS))
        die("not everything was delivered in time");
    rd_kafka_destroy(rk);
    if (n_failed)
        die("%" PRId64 " records were not delivered", n_failed);
    return 0;
}

/* The end of the string that opens at `at`, on its closing quote; NULL if it does not close. */
static char *string_end(char *at, char *end)
{
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\')
            at++;
    return at < end ? at : NULL;
}

static char *skip_space(char *at, char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at;
}

/* Takes the string [at, end] with its quotes out of its escapes, in place. */
static struct bytes unescape(char *at, char *end)
{
    struct bytes out = {.at = at + 1, .len = (size_t)(end - at - 1)};

    if (!memchr(out.at, '\\', out.len))
        return out;
    json_t *text = json_loadb(at, (size_t)(end - at + 1), JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (!text)
        return (struct bytes){0};
    out.len = json_string_length(text);
    memcpy(out.at, json_string_value(text), out.len); /* never longer than its escaped form */
    json_decref(text);
    return out;
}

/*
 * The value of the outermost object's "subject", by a scan that also does its best on lines that
 * are no JSON: such a record still needs a place, and a wrong one is a test of its own. The value
 * is changed only in its copy, since it may have escapes.
 */
static struct bytes subject_of(char *line, size_t len)
{
    char *end = line + len;
    int depth = 0;

    for (char *at = line; at < end; at++) {
        if (*at == '{' || *at == '[')
            depth++;
        if (*at == '}' || *at == ']')
            depth--;
        if (*at != '"')
            continue;
        char *name = at, *close = string_end(at, end);
        if (!close)
            break;
        at = close;
        if (depth != 1 || close - name != 8 || memcmp(name, "\"subject", 8) != 0)
            continue;
        char *colon = skip_space(close + 1, end);
        char *value = colon < end && *colon == ':' ? skip_space(colon + 1, end) : end;
        close = value < end && *value == '"' ? string_end(value, end) : NULL;
        if (close)
            return unescape(value, close);
    }
    return (struct bytes){0};
}

/* From a string, null, or {"hex": ...}; the caller frees `at`. */
static struct bytes bytes_from(const json_t *json)
{
    struct bytes out = {0};

    if (json_is_string(json)) {
        out.len = json_string_length(json);
        out.at = malloc(out.len + 1);
        memcpy(out.at, json_string_value(json), out.len + 1);
        return out;
    }
    const char *hex = json_string_value(json_object_get(json, "hex"));
    if (!hex)
        return out;
    out.at = malloc(strlen(hex) / 2 + 1);
    for (unsigned byte; sscanf(hex + 2 * out.len, "%2x", &byte) == 1;)
        out.at[out.len++] = (char)byte;
    return out;
}

/* One line of --records. */
static void send_record(rd_kafka_t *rk, const char *topic, const char *line, size_t len)
{
    json_error_t why;
    json_t *record = json_loadb(line, len, JSON_ALLOW_NUL, &why), *header;
    const char *name;

    if (!record)
        die("--records: %s", why.text);
    struct bytes key = bytes_from(json_object_get(record, "key"));
    struct bytes value = bytes_from(json_object_get(record, "value"));
    json_t *partition = json_object_get(record, "partition");
    rd_kafka_headers_t *headers = rd_kafka_headers_new(4);
    json_object_foreach(json_object_get(record, "headers"), name, header)
    {
        struct bytes b = bytes_from(header);
        rd_kafka_header_add(headers, name, -1, b.at, (ssize_t)b.len);
        free(b.at);
    }
    send_one(rk, topic, partition ? (int)json_integer_value(partition) : RD_KAFKA_PARTITION_UA, key,
             value, headers);
    rd_kafka_headers_destroy(headers);
    free(key.at);
    free(value.at);
    json_decref(record);
}

static void send_line(rd_kafka_t *rk, const char *topic, char *line, size_t len, char **scratch,
                      const struct options *opt)
{
    struct bytes key = {0};

    if (opt->key)
        key = (struct bytes){.at = (char *)opt->key, .len = strlen(opt->key)};
    if (opt->key_from_subject) {
        *scratch = realloc(*scratch, len + 1);
        memcpy(*scratch, line, len);
        key = subject_of(*scratch, len);
    }
    send_one(rk, topic, opt->partition, key, (struct bytes){.at = line, .len = len}, opt->headers);
}

/* Its transaction outlives us: the coordinator aborts it when its time is over. */
static int leave_open(rd_kafka_t *rk)
{
    if (rd_kafka_flush(rk, TIMEOUT_MS) || n_failed)
        die("not everything was delivered");
    _exit(0);
}

static void begin(rd_kafka_t *rk)
{
    rd_kafka_error_t *error = rd_kafka_init_transactions(rk, TIMEOUT_MS);

    if (!error)
        error = rd_kafka_begin_transaction(rk);
    if (error)
        die("transaction: %s", rd_kafka_error_string(error));
}

static int cmd_produce(int argc, char **argv, const struct options *opt)
{
    char *line = NULL, *scratch = NULL;
    size_t room = 0;
    int64_t n = 0;

    if (argc != 1)
        die("produce TOPIC < LINES");
    set("partitioner", opt->partitioner);
    set("enable.idempotence", "true");
    set("linger.ms", "20");
    set("queue.buffering.max.messages", "300000");
    if (opt->open_id)
        set("transactional.id", opt->open_id);
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER);
    if (opt->open_id)
        begin(rk);
    for (ssize_t len; (len = getline(&line, &room, stdin)) >= 0;) {
        if (len > 0 && line[len - 1] == '\n')
            len--;
        if (opt->records)
            send_record(rk, argv[0], line, (size_t)len);
        else
            send_line(rk, argv[0], line, (size_t)len, &scratch, opt);
        if (++n % 64 == 0)
            rd_kafka_poll(rk, 0);
    }
    free(line);
    free(scratch);
    return opt->open_id ? leave_open(rk) : finish(rk);
}

static int cmd_tick(int argc, char **argv, const struct options *opt)
{
    char value[512];
    struct timespec now;

    (void)opt;
    if (argc != 2)
        die("tick TOPIC TIME");
    set("enable.idempotence", "true");
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER);
    clock_gettime(CLOCK_REALTIME, &now);
    for (int p = 0, n = partitions_of(rk, argv[0]); p < n; p++) {
        int len = snprintf(value, sizeof(value),
                           "{\"specversion\":\"1.0\",\"id\":\"tick-%lld.%09ld-%d-%d\","
                           "\"source\":\"/test\",\"type\":\"io.engaged.tick.v1\",\"time\":\"%s\"}",
                           (long long)now.tv_sec, now.tv_nsec, (int)getpid(), p, argv[1]);
        rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
        rd_kafka_header_add(headers, "content-type", -1, "application/cloudevents+json", -1);
        send_one(rk, argv[0], p, (struct bytes){0}, (struct bytes){.at = value, .len = (size_t)len},
                 headers);
        rd_kafka_headers_destroy(headers);
    }
    return finish(rk);
}

/* ---- consume ---- */

/* The length of the UTF-8 sequence at `at`, 0 if there is none (RFC 3629: no surrogates). */
static size_t utf8_length(const unsigned char *at, const unsigned char *end)
{
    static const struct {
        unsigned char from, to, second_from, second_to, len;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (*at < forms[i].from || *at > forms[i].to)
            continue;
        if (forms[i].len > end - at)
            return 0;
        if (forms[i].len > 1 && (at[1] < forms[i].second_from || at[1] > forms[i].second_to))
            return 0;
        for (int k = 2; k < forms[i].len; k++)
            if ((at[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].len;
    }
    return 0;
}

static bool is_utf8(const unsigned char *at, const unsigned char *end)
{
    for (size_t n; at < end; at += n)
        if ((n = *at < 0x80 ? 1 : utf8_length(at, end)) == 0)
            return false;
    return true;
}

static void print_hex(const unsigned char *at, const unsigned char *end)
{
    fputs("{\"hex\":\"", stdout);
    for (; at < end; at++)
        printf("%02x", *at);
    fputs("\"}", stdout);
}

static void print_bytes(const void *bytes, size_t len)
{
    const unsigned char *at = bytes, *end = at + len, *plain = at;

    if (!bytes) {
        fputs("null", stdout);
        return;
    }
    if (!is_utf8(at, end)) {
        print_hex(at, end);
        return;
    }
    putchar_unlocked('"');
    for (; at < end; at++) {
        if (*at >= 0x20 && *at != '"' && *at != '\\')
            continue;
        fwrite(plain, 1, (size_t)(at - plain), stdout);
        plain = at + 1;
        if (*at == '"' || *at == '\\')
            printf("\\%c", *at);
        else
            printf("\\u%04x", *at);
    }
    fwrite(plain, 1, (size_t)(at - plain), stdout);
    putchar_unlocked('"');
}

static void print_headers(const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t len;

    if (rd_kafka_message_headers(m, &headers))
        return;
    for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &len); i++) {
        if (i)
            putchar_unlocked(',');
        print_bytes(name, strlen(name));
        putchar_unlocked(':');
        print_bytes(value, len);
    }
}

static void print_record(const rd_kafka_message_t *m)
{
    printf("{\"topic\":\"%s\",\"partition\":%d,\"offset\":%" PRId64 ",\"timestamp\":%" PRId64
           ",\"key\":",
           rd_kafka_topic_name(m->rkt), m->partition, m->offset,
           rd_kafka_message_timestamp(m, NULL));
    print_bytes(m->key, m->key_len);
    fputs(",\"headers\":{", stdout);
    print_headers(m);
    fputs("},\"value\":", stdout);
    print_bytes(m->payload, m->len);
    fputs("}\n", stdout);
}

/* Every partition from its beginning; returns how many. */
static int assign_all(rd_kafka_t *rk, const char *topic)
{
    int n = partitions_of(rk, topic);
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(n);

    for (int p = 0; p < n; p++)
        rd_kafka_topic_partition_list_add(all, topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t err = rd_kafka_assign(rk, all);
    if (err)
        die("assign: %s", rd_kafka_err2str(err));
    rd_kafka_topic_partition_list_destroy(all);
    return n;
}

/* One message or event; true if a partition's end was reached for the first time. */
static bool consumed(const rd_kafka_message_t *m, bool *ended)
{
    if (!m->err) {
        print_record(m);
        return false;
    }
    if (m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        fprintf(stderr, "kafkatool: %s\n", rd_kafka_message_errstr(m));
        if (m->err == RD_KAFKA_RESP_ERR__FATAL)
            exit(1);
        return false; /* the library tries again by itself */
    }
    bool first = !ended[m->partition];
    ended[m->partition] = true;
    return first;
}

static int cmd_consume(int argc, char **argv, const struct options *opt)
{
    rd_kafka_message_t *batch[BATCH];

    if (argc != 1)
        die("consume TOPIC");
    set("group.id", "kafkatool");
    set("enable.auto.commit", "false");
    set("enable.partition.eof", "true");
    set("auto.offset.reset", "earliest");
    set("isolation.level", opt->isolation);
    set("fetch.wait.max.ms", "50");
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
    int n_open = assign_all(rk, argv[0]);
    bool *ended = calloc((size_t)n_open, sizeof(*ended));
    while (!stopped && (opt->follow || n_open > 0)) {
        ssize_t n = rd_kafka_consume_batch_queue(queue, 50, batch, BATCH);
        for (ssize_t i = 0; i < n; i++) {
            n_open -= consumed(batch[i], ended);
            rd_kafka_message_destroy(batch[i]);
        }
        if (fflush(stdout) || ferror(stdout))
            break; /* nobody reads any more */
    }
    free(ended);
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return ferror(stdout) ? 1 : 0;
}

/* ---- offsets ---- */

/* The log's ends, also while another broker begins to lead: librdkafka gives up on that at once. */
static rd_kafka_resp_err_t watermarks(rd_kafka_t *rk, const rd_kafka_topic_partition_t *p,
                                      int64_t *low, int64_t *high)
{
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;

    for (int ms = 0; ms < TIMEOUT_MS; ms += 100) {
        err = rd_kafka_query_watermark_offsets(rk, p->topic, p->partition, low, high, TIMEOUT_MS);
        if (err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE &&
            err != RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION)
            break;
        usleep(100000);
    }
    return err;
}

static void print_offset(rd_kafka_t *rk, const rd_kafka_topic_partition_t *p)
{
    int64_t low, high;
    rd_kafka_resp_err_t err = watermarks(rk, p, &low, &high);

    if (p->err || err)
        die("partition %d: %s", p->partition, rd_kafka_err2str(p->err ? p->err : err));
    printf("{\"topic\":\"%s\",\"partition\":%d,\"offset\":", p->topic, p->partition);
    if (p->offset < 0)
        fputs("null", stdout);
    else
        printf("%" PRId64, p->offset);
    fputs(",\"metadata\":", stdout);
    print_bytes(p->metadata, p->metadata_size);
    printf(",\"low\":%" PRId64 ",\"high\":%" PRId64 "}\n", low, high);
}

/* A group's coordinator may be on its way from one broker to another. */
static rd_kafka_resp_err_t committed_of(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *all)
{
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;

    for (int ms = 0; ms < TIMEOUT_MS; ms += 200) {
        err = rd_kafka_committed(rk, all, TIMEOUT_MS);
        if (err != RD_KAFKA_RESP_ERR_NOT_COORDINATOR &&
            err != RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE &&
            err != RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS)
            break;
        usleep(200000);
    }
    return err;
}

static int cmd_offsets(int argc, char **argv, const struct options *opt)
{
    (void)opt;
    if (argc != 2)
        die("offsets GROUP TOPIC");
    set("group.id", argv[0]);
    set("isolation.level", "read_committed"); /* waits for transactions that are being decided */
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER);
    int n = partitions_of(rk, argv[1]);
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(n);
    rd_kafka_topic_partition_list_add_range(all, argv[1], 0, n - 1);
    rd_kafka_resp_err_t err = committed_of(rk, all);
    if (err)
        die("%s", rd_kafka_err2str(err));
    for (int i = 0; i < all->cnt; i++)
        print_offset(rk, &all->elems[i]);
    rd_kafka_topic_partition_list_destroy(all);
    rd_kafka_destroy(rk);
    return 0;
}

static int cmd_ends(int argc, char **argv, const struct options *opt)
{
    int64_t low, high;

    if (argc != 1)
        die("ends TOPIC");
    set("isolation.level", opt->isolation);
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER);
    for (int p = 0, n = partitions_of(rk, argv[0]); p < n; p++) {
        rd_kafka_resp_err_t err =
            rd_kafka_query_watermark_offsets(rk, argv[0], p, &low, &high, TIMEOUT_MS);
        if (err)
            die("partition %d: %s", p, rd_kafka_err2str(err));
        printf("{\"topic\":\"%s\",\"partition\":%d,\"low\":%" PRId64 ",\"high\":%" PRId64 "}\n",
               argv[0], p, low, high);
    }
    rd_kafka_destroy(rk);
    return 0;
}

/* ---- options ---- */

enum { OPT_SUBJECT = 256, OPT_KEY, OPT_PARTITIONER, OPT_PARTITION, OPT_HEADER, OPT_RECORDS };
enum { OPT_UNTIL_END = 300, OPT_FOLLOW, OPT_ISOLATION, OPT_REPLICAS, OPT_OPEN };

static const struct option long_options[] = {
    {"key-from-subject", no_argument, NULL, OPT_SUBJECT},
    {"key", required_argument, NULL, OPT_KEY},
    {"partitioner", required_argument, NULL, OPT_PARTITIONER},
    {"partition", required_argument, NULL, OPT_PARTITION},
    {"header", required_argument, NULL, OPT_HEADER},
    {"records", no_argument, NULL, OPT_RECORDS},
    {"until-end", no_argument, NULL, OPT_UNTIL_END},
    {"follow", no_argument, NULL, OPT_FOLLOW},
    {"isolation", required_argument, NULL, OPT_ISOLATION},
    {"replicas", required_argument, NULL, OPT_REPLICAS},
    {"open", required_argument, NULL, OPT_OPEN},
    {0},
};

/* Splits NAME=VALUE in place. */
static char *split(char *text)
{
    char *eq = strchr(text, '=');

    if (!eq)
        die("%s is no NAME=VALUE", text);
    *eq = '\0';
    return eq + 1;
}

static void add_header(struct options *opt, char *text)
{
    const char *value = split(text);

    if (!opt->headers)
        opt->headers = rd_kafka_headers_new(4);
    rd_kafka_header_add(opt->headers, text, -1, value, -1);
}

static void take_option(struct options *opt, int c)
{
    switch (c) {
    case 'b':
        set("bootstrap.servers", optarg);
        break;
    case 'X': {
        const char *value = split(optarg);
        set(optarg, value);
        break;
    }
    case OPT_SUBJECT:
        opt->key_from_subject = true;
        break;
    case OPT_KEY:
        opt->key = optarg;
        break;
    case OPT_PARTITIONER:
        opt->partitioner = optarg;
        break;
    case OPT_PARTITION:
        opt->partition = atoi(optarg);
        break;
    case OPT_HEADER:
        add_header(opt, optarg);
        break;
    case OPT_RECORDS:
        opt->records = true;
        break;
    case OPT_UNTIL_END:
        opt->follow = false;
        break;
    case OPT_FOLLOW:
        opt->follow = true;
        break;
    case OPT_ISOLATION:
        opt->isolation = optarg;
        break;
    case OPT_OPEN:
        opt->open_id = optarg;
        break;
    case OPT_REPLICAS:
        opt->replicas = atoi(optarg);
        break;
    default:
        fputs(usage, stderr);
        exit(2);
    }
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv, const struct options *opt);
} commands[] = {{"create", cmd_create},    {"delete", cmd_delete}, {"produce", cmd_produce},
                {"consume", cmd_consume},  {"tick", cmd_tick},     {"offsets", cmd_offsets},
                {"ends", cmd_ends},        {"grow", cmd_grow},     {"forget", cmd_forget},
                {"truncate", cmd_truncate}};

int main(int argc, char **argv)
{
    struct options opt = {.partitioner = "murmur2_random",
                          .isolation = "read_committed",
                          .partition = RD_KAFKA_PARTITION_UA,
                          .replicas = -1};
    int status = 2;

    conf = rd_kafka_conf_new();
    set("log_level", "3");
    if (getenv("KAFKATOOL_BROKERS"))
        set("bootstrap.servers", getenv("KAFKATOOL_BROKERS"));
    for (int c; (c = getopt_long(argc, argv, "b:X:h", long_options, NULL)) >= 0;)
        take_option(&opt, c);
    signal(SIGINT, on_stop);
    signal(SIGTERM, on_stop);
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOFBF, 1 << 20);
    for (size_t i = 0; optind < argc && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[optind], commands[i].name) == 0)
            status = commands[i].run(argc - optind - 1, argv + optind + 1, &opt);
    if (status == 2)
        fputs(usage, stderr);
    if (opt.headers)
        rd_kafka_headers_destroy(opt.headers);
    return fflush(stdout) ? 1 : status;
}
