/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds events at a steady rate and tells when the triggers of them become visible to a consumer
 * that reads committed:
 *
 *     loadtool -b HOST:PORT,... --events TOPIC --triggers TOPIC --rate N --seconds S
 *              [--stakeholders N] [--every K] [--wait S] [--warm S] [--rule NAME]
 *              [--quiet]
 *
 * Events are of 325 bytes, of N stakeholders (default 100,000) in a scattered order; every K-th
 * (100) is a `measure` of a stakeholder of a pool of its own and changes `level` between 1 and 0,
 * so that the rule of loadtool's users fires or clears with each; with --rule the triggers of other
 * rules are passed over. An event's id begins with the
 * wall clock at which it was handed to the producer, in microseconds; a trigger's causationid is
 * that id.
 *
 * Standard output, as it happens, one line per trigger unless --quiet:
 *     WALL_US PARTITION LATENCY_US
 * and at the end one JSON object: events, seconds, triggers, latency_ms {p50, p99, max}, the latter
 * without those fed in the first seconds that --warm names. SIGTERM
 * ends the feed early; what was fed is waited for, for 30 s (--wait) at most. Status 1: not all
 * came.
 */
#include <getopt.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EVENT_BYTES 325

static struct {
    const char *brokers, *events, *triggers, *rule;
    long rate, seconds, n_stakeholders, every, wait, warm;
    bool is_quiet;
} opt = {.rate = 1000, .seconds = 10, .n_stakeholders = 100000, .every = 100, .wait = 30};

static volatile sig_atomic_t stopped;
static atomic_long n_refused;
static int64_t warm_until_us; /* set before the feed begins */

static void on_stop(int number)
{
    (void)number;
    stopped = 1;
}

static int64_t wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

__attribute__((noreturn)) static void die(const char *what)
{
    fprintf(stderr, "loadtool: %s\n", what);
    exit(2);
}

static rd_kafka_conf_t *conf_new(void)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    rd_kafka_conf_set(conf, "bootstrap.servers", opt.brokers, NULL, 0);
    rd_kafka_conf_set(conf, "socket.nagle.disable", "true", NULL, 0);
    return conf;
}

/* ---- in ---- */

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk, (void)opaque;
    if (m->err)
        atomic_fetch_add(&n_refused, 1);
}

static rd_kafka_t *producer_new(void)
{
    rd_kafka_conf_t *conf = conf_new();
    rd_kafka_t *rk;
    char why[256];

    rd_kafka_conf_set(conf, "enable.idempotence", "true", NULL, 0);
    rd_kafka_conf_set(conf, "partitioner", "murmur2_random", NULL, 0);
    rd_kafka_conf_set(conf, "linger.ms", "1", NULL, 0);
    rd_kafka_conf_set(conf, "message.timeout.ms", "120000", NULL, 0);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (!rk)
        die(why);
    return rk;
}

static int put_time(char *to, size_t size, int64_t us)
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    char day[32];

    gmtime_r(&seconds, &tm);
    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
    return snprintf(to, size, "%s.%03dZ", day, (int)(us / 1000 % 1000));
}

/* The k-th event; returns its length. */
static int event_write(char *to, size_t size, int64_t k, char *subject, size_t subject_size)
{
    bool is_mark = k % opt.every == 0;
    int64_t us = wall_us();
    char at[48], pad[EVENT_BYTES];
    int n;

    put_time(at, sizeof(at), us);
    memset(pad, 'x', sizeof(pad));
    if (is_mark)
        snprintf(subject, subject_size, "mark-%" PRId64, k / opt.every % 1000);
    else
        snprintf(subject, subject_size, "customer-%" PRId64,
                 (int64_t)((uint64_t)k * 2654435761u % (uint64_t)opt.n_stakeholders));
    n = snprintf(to, size,
                 "{\"specversion\":\"1.0\",\"type\":\"io.engaged.interaction.v1\",\"source\":"
                 "\"/load\",\"id\":\"%" PRId64 "-%" PRId64 "\",\"subject\":\"%s\",\"time\":\"%s\","
                 "\"data\":{\"direction\":\"inbound\",\"verb\":\"%s\",\"channel\":\"mail\","
                 "\"conversation\":\"case-%" PRId64 "\",\"value\":%d,\"note\":\"",
                 us, k, subject, at, is_mark ? "mark" : "view", k % 100000,
                 is_mark ? (int)(k / opt.every / 1000 % 2 == 0) : 1);
    return n + snprintf(to + n, size - (size_t)n, "%.*s\"}}",
                        n + 3 < EVENT_BYTES ? EVENT_BYTES - n - 3 : 0, pad);
}

static void produce_one(rd_kafka_t *rk, int64_t k)
{
    static const char type[] = "application/cloudevents+json";
    char value[EVENT_BYTES * 2], subject[64];
    int n = event_write(value, sizeof(value), k, subject, sizeof(subject));

    while (rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(opt.events), RD_KAFKA_V_VALUE(value, (size_t)n),
                             RD_KAFKA_V_KEY(subject, strlen(subject)),
                             RD_KAFKA_V_HEADER("content-type", type, sizeof(type) - 1),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                             RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(rk, 50);
}

/* A thousandth of a second's worth at a time; what was missed is made up for. */
static int64_t feed(rd_kafka_t *rk)
{
    int64_t began_us = wall_us(), k = 0, now_us;

    while (!stopped && (now_us = wall_us()) < began_us + opt.seconds * 1000000LL) {
        int64_t due = (now_us - began_us) * opt.rate / 1000000;

        while (k < due && !stopped)
            produce_one(rk, k++);
        rd_kafka_poll(rk, 1);
    }
    rd_kafka_flush(rk, 60000);
    return k;
}

/* ---- out ---- */

static struct {
    int64_t *us; /* owned: latencies */
    size_t n, cap;
    pthread_mutex_t lock;
    atomic_long n_seen;
    atomic_bool is_over;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const char *after(const char *text, const char *what)
{
    const char *at = strstr(text, what);

    return at ? at + strlen(what) : NULL;
}

static bool is_of_rule(const char *text)
{
    const char *rule = opt.rule ? after(text, "\"rule\":\"") : NULL;
    size_t n = rule ? strlen(opt.rule) : 0;

    return !opt.rule || (rule && strncmp(rule, opt.rule, n) == 0 && rule[n] == '"');
}

static void note(const char *text)
{
    const char *cause = after(text, "\"causationid\":\""),
               *partition = after(text, "\"partition\":");
    int64_t now_us = wall_us(), sent_us = cause ? strtoll(cause, NULL, 10) : 0;

    if (sent_us < 1000000000000000LL || !partition || !is_of_rule(text))
        return; /* not of this load */
    if (!opt.is_quiet)
        printf("%" PRId64 " %ld %" PRId64 "\n", now_us, strtol(partition, NULL, 10),
               now_us - sent_us);
    atomic_fetch_add(&seen.n_seen, 1);
    if (sent_us < warm_until_us)
        return;
    pthread_mutex_lock(&seen.lock);
    if (seen.n == seen.cap) {
        seen.cap = seen.cap ? seen.cap * 2 : 4096;
        seen.us = realloc(seen.us, seen.cap * sizeof(*seen.us));
        if (!seen.us)
            die("out of memory");
    }
    seen.us[seen.n++] = now_us - sent_us;
    pthread_mutex_unlock(&seen.lock);
}

static rd_kafka_t *consumer_new(void)
{
    rd_kafka_conf_t *conf = conf_new();
    rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(8);
    const struct rd_kafka_metadata *md;
    rd_kafka_topic_t *rkt;
    rd_kafka_t *rk;
    char why[256];

    rd_kafka_conf_set(conf, "group.id", "loadtool", NULL, 0);
    rd_kafka_conf_set(conf, "isolation.level", "read_committed", NULL, 0);
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", NULL, 0);
    rd_kafka_conf_set(conf, "fetch.wait.max.ms", "10", NULL, 0);
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (!rk)
        die(why);
    rkt = rd_kafka_topic_new(rk, opt.triggers, NULL);
    if (rd_kafka_metadata(rk, 0, rkt, &md, 30000) || md->topic_cnt != 1)
        die("no metadata of the topic of triggers");
    for (int i = 0; i < md->topics[0].partition_cnt; i++) {
        int64_t low, high;

        if (rd_kafka_query_watermark_offsets(rk, opt.triggers, i, &low, &high, 30000))
            die("no watermarks of the topic of triggers");
        rd_kafka_topic_partition_list_add(parts, opt.triggers, i)->offset = high;
    }
    rd_kafka_metadata_destroy(md);
    rd_kafka_topic_destroy(rkt);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_assign(rk, parts);
    rd_kafka_topic_partition_list_destroy(parts);
    return rk;
}

static void *consume(void *arg)
{
    rd_kafka_t *rk = arg;
    char *text = NULL;

    while (!atomic_load(&seen.is_over)) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);

        if (!m)
            continue;
        if (!m->err && m->payload) {
            text = realloc(text, m->len + 1);
            if (!text)
                die("out of memory");
            memcpy(text, m->payload, m->len);
            text[m->len] = '\0';
            note(text);
        }
        rd_kafka_message_destroy(m);
    }
    free(text);
    return NULL;
}

/* ---- */

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static double quantile_ms(double q)
{
    if (!seen.n)
        return -1;
    return (double)seen.us[(size_t)(q * (double)(seen.n - 1))] / 1000;
}

static void report(int64_t n, double seconds)
{
    if (seen.n)
        qsort(seen.us, seen.n, sizeof(*seen.us), by_size);
    printf("{\"events\": %" PRId64 ", \"seconds\": %.2f, \"triggers\": %ld, \"latency_ms\": "
           "{\"p50\": %.2f, \"p99\": %.2f, \"max\": %.2f}}\n",
           n, seconds, atomic_load(&seen.n_seen), quantile_ms(0.5), quantile_ms(0.99),
           quantile_ms(1));
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"events", required_argument, NULL, 'e'},
        {"triggers", required_argument, NULL, 't'},
        {"rate", required_argument, NULL, 'r'},
        {"seconds", required_argument, NULL, 's'},
        {"stakeholders", required_argument, NULL, 'n'},
        {"every", required_argument, NULL, 'k'},
        {"wait", required_argument, NULL, 'w'},
        {"rule", required_argument, NULL, 'R'},
        {"warm", required_argument, NULL, 'W'},
        {"quiet", no_argument, NULL, 'q'},
        {0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "b:", options, NULL)) != -1) {
        switch (c) {
        case 'b':
            opt.brokers = optarg;
            break;
        case 'e':
            opt.events = optarg;
            break;
        case 't':
            opt.triggers = optarg;
            break;
        case 'r':
            opt.rate = strtol(optarg, NULL, 10);
            break;
        case 's':
            opt.seconds = strtol(optarg, NULL, 10);
            break;
        case 'n':
            opt.n_stakeholders = strtol(optarg, NULL, 10);
            break;
        case 'k':
            opt.every = strtol(optarg, NULL, 10);
            break;
        case 'w':
            opt.wait = strtol(optarg, NULL, 10);
            break;
        case 'W':
            opt.warm = strtol(optarg, NULL, 10);
            break;
        case 'R':
            opt.rule = optarg;
            break;
        case 'q':
            opt.is_quiet = true;
            break;
        default:
            exit(2);
        }
    }
    if (!opt.brokers || !opt.events || !opt.triggers || opt.rate < 1 || opt.seconds < 1 ||
        opt.n_stakeholders < 1 || opt.every < 1)
        die("what it takes stands in its first lines");
}

int main(int argc, char **argv)
{
    rd_kafka_t *producer, *consumer;
    pthread_t thread;
    int64_t n, n_marks, until_us, began_us;

    parse(argc, argv);
    signal(SIGTERM, on_stop);
    signal(SIGINT, on_stop);
    setvbuf(stdout, NULL, _IOLBF, 0);
    producer = producer_new();
    consumer = consumer_new();
    warm_until_us = wall_us() + opt.warm * 1000000LL;
    if (pthread_create(&thread, NULL, consume, consumer))
        die("no thread");
    began_us = wall_us();
    n = feed(producer);
    n_marks = (n + opt.every - 1) / opt.every;
    until_us = wall_us() + opt.wait * 1000000LL;
    while (atomic_load(&seen.n_seen) < n_marks && wall_us() < until_us)
        rd_kafka_poll(producer, 50);
    atomic_store(&seen.is_over, true);
    pthread_join(thread, NULL);
    report(n, (double)(wall_us() - began_us) / 1e6);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    rd_kafka_destroy(producer);
    free(seen.us);
    return (int64_t)atomic_load(&seen.n_seen) == n_marks && !atomic_load(&n_refused) ? 0 : 1;
}
