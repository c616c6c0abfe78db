/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load of the benchmarks: CloudEvents of 325 bytes about N stakeholders.
 *
 *     gen_load [--each E] [--from K] [--end SECONDS] [-b HOST:PORT --topic TOPIC]
 *              STAKEHOLDERS EVENTS
 *
 * The first E (20) events of each stakeholder come first, everybody in turn; then those of
 * stakeholders chosen by a Zipf distribution with exponent 1.1. EVENTS counts both. Events before
 * the K-th are left out. JSON lines on standard output, or, with -b, records in that topic, keyed
 * by stakeholder.
 *
 * An event depends on its number, STAKEHOLDERS and E only: the same bytes at every run. Time begins
 * with 2026, or ends at --end (since 1970), and goes by so that everybody has one event in seven
 * hours in the mean. Six events in a thousand are
 * questions; 70 % of them are answered after an hour, 20 % after thirty hours, the others never.
 */
#include <getopt.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define T0_US       1767225600000000LL
#define PER_HEAD_US 25000000000LL /* between two events of one stakeholder, in the mean */
#define HOUR_US     3600000000LL
#define ZIPF        1.1
#define EVENT_BYTES 325

static struct {
    const char *brokers, *topic;
    uint64_t each, from, n_stakeholders, n_events;
} opt = {.each = 20};

static double *until; /* owned: sums of the distribution, by rank */
static int64_t t0_us = T0_US;
static rd_kafka_t *producer;
static int64_t n_refused;

__attribute__((noreturn)) static void die(const char *what)
{
    fprintf(stderr, "gen_load: %s\n", what);
    exit(2);
}

/* ---- what the k-th event is ---- */

/* What somebody does, and how often in a thousand. */
static const struct act {
    unsigned share;
    const char *verb, *channel;
    bool is_outbound, is_talk; /* talk: in a conversation, with a sentiment */
} acts[] = {
    {600, "view", "web", false, false},   {200, "click", "web", false, false},
    {155, "login", "web", false, false},  {20, "newsletter", "mail", true, false},
    {6, "question", "mail", false, true}, {12, "comment", "community", false, true},
    {5, "purchase", "web", false, false}, {2, "praise", "mail", false, true},
};
static const struct act answer = {0, "reply", "mail", true, true};
#define QUESTION 4

/* splitmix64: the `salt`-th random number of event k. */
static uint64_t random_of(uint64_t k, uint64_t salt)
{
    uint64_t z = (k * 8 + salt + 1) * 0x9e3779b97f4a7c15ULL;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

static double unit_of(uint64_t k, uint64_t salt)
{
    return (double)(random_of(k, salt) >> 11) / 9007199254740992.0;
}

static uint64_t events_in(int64_t us)
{
    return (uint64_t)us * opt.n_stakeholders / (uint64_t)PER_HEAD_US + 1;
}

/* How long the first k events take. */
static int64_t span_us(uint64_t k)
{
    return (int64_t)((double)k * ((double)PER_HEAD_US / (double)opt.n_stakeholders));
}

static bool question_answered_by(uint64_t k, uint64_t *ret_question);

static size_t act_of(uint64_t k)
{
    unsigned what = (unsigned)(random_of(k, 0) % 1000);
    size_t i = 0;

    while (what >= acts[i].share)
        what -= acts[i++].share;
    return i;
}

static bool is_question(uint64_t k)
{
    uint64_t other;

    return act_of(k) == QUESTION && !question_answered_by(k, &other);
}

/* True: the k-th event is the answer to an earlier one. */
static bool question_answered_by(uint64_t k, uint64_t *ret_question)
{
    static const struct {
        int64_t after_us;
        unsigned from, to; /* in a hundred questions */
    } answers[] = {{HOUR_US, 0, 70}, {30 * HOUR_US, 70, 90}};

    for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
        uint64_t ago = events_in(answers[i].after_us), lot;

        if (k < ago)
            continue;
        lot = random_of(k - ago, 1) % 100;
        if (lot < answers[i].from || lot >= answers[i].to || !is_question(k - ago))
            continue;
        *ret_question = k - ago;
        return true;
    }
    return false;
}

static void distribute(void)
{
    double sum = 0;

    until = calloc(opt.n_stakeholders, sizeof(*until));
    if (!until)
        die("out of memory");
    for (uint64_t i = 0; i < opt.n_stakeholders; i++)
        until[i] = sum += pow((double)(i + 1), -ZIPF);
}

static uint64_t stakeholder_of(uint64_t k)
{
    uint64_t lo = 0, hi = opt.n_stakeholders - 1;
    double at;

    if (k < opt.each * opt.n_stakeholders)
        return k * 2654435761u % opt.n_stakeholders;
    at = unit_of(k, 2) * until[hi];
    while (lo < hi) {
        uint64_t mid = (lo + hi) / 2;

        if (until[mid] < at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo * 2654435761u % opt.n_stakeholders; /* neighbours in rank are none in the topic */
}

/* ---- as text ---- */

static int put_time(char *to, size_t size, uint64_t k)
{
    int64_t us = t0_us + span_us(k);
    static time_t of_day = -1;
    static char day[16];
    time_t seconds = (time_t)(us / 1000000);
    int s = (int)(seconds % 86400);

    if (seconds / 86400 != of_day) { /* the calendar costs more than all the rest */
        struct tm tm;

        of_day = seconds / 86400;
        gmtime_r(&seconds, &tm);
        strftime(day, sizeof(day), "%Y-%m-%d", &tm);
    }
    return snprintf(to, size, "%sT%02d:%02d:%02d.%03dZ", day, s / 3600, s / 60 % 60, s % 60,
                    (int)(us / 1000 % 1000));
}

/* Returns the event's length; the subject is what it is keyed by. */
static int event_write(char *to, size_t size, uint64_t k, char *subject, size_t subject_size)
{
    static const char pad[] =
        "Thank you for getting back to me about this. I had a look, and what I "
        "wanted to say is that it works for us, by and large, but not always. "
        "Could somebody have a look at it again some time next week, please?";
    uint64_t question = k;
    bool is_answer = question_answered_by(k, &question);
    const struct act *act = is_answer ? &answer : &acts[act_of(k)];
    uint64_t who = stakeholder_of(question);
    char at[48], talk[96] = "";
    int n;

    put_time(at, sizeof(at), k);
    snprintf(subject, subject_size, "customer-%" PRIu64, who);
    if (act->is_talk)
        snprintf(talk, sizeof(talk), "\"conversation\":\"case-%" PRIu64 "-%u\",\"sentiment\":%.1f,",
                 who, (unsigned)(random_of(question, 3) % 4), unit_of(k, 4) * 1.6 - 0.8);
    n = snprintf(
        to, size,
        "{\"specversion\":\"1.0\",\"type\":\"io.engaged.interaction.v1\",\"source\":"
        "\"/bench/load\",\"id\":\"e-%012" PRIx64 "\",\"subject\":\"%s\",\"time\":\"%s\","
        "\"data\":{\"direction\":\"%s\",\"verb\":\"%s\",\"channel\":\"%s\",\"org\":\"acme\","
        "%s\"note\":\"",
        k, subject, at, act->is_outbound ? "outbound" : "inbound", act->verb, act->channel, talk);
    return n + snprintf(to + n, size - (size_t)n, "%.*s\"}}", EVENT_BYTES - n - 3, pad);
}

/* ---- out ---- */

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk, (void)opaque;
    n_refused += m->err != 0;
}

static void producer_new(void)
{
    static const char *const settings[][2] = {
        {"enable.idempotence", "true"},
        {"partitioner", "murmur2_random"},
        {"linger.ms", "20"},
        {"batch.num.messages", "10000"},
        {"message.timeout.ms", "120000"},
        {"queue.buffering.max.kbytes", "131072"},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256];

    rd_kafka_conf_set(conf, "bootstrap.servers", opt.brokers, NULL, 0);
    for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof(why)))
            die(why);
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (!producer)
        die(why);
}

static void produce(const char *value, size_t n, const char *key)
{
    static const char type[] = "application/cloudevents+json";
    rd_kafka_resp_err_t err;

    while ((err = rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(opt.topic),
                                    RD_KAFKA_V_VALUE((void *)(uintptr_t)value, n),
                                    RD_KAFKA_V_KEY(key, strlen(key)),
                                    RD_KAFKA_V_HEADER("content-type", type, sizeof(type) - 1),
                                    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END)) ==
           RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(producer, 50);
    if (err)
        die(rd_kafka_err2str(err));
}

static void write_all(void)
{
    char value[1024], subject[32];

    for (uint64_t k = opt.from; k < opt.n_events; k++) {
        int n = event_write(value, sizeof(value) - 1, k, subject, sizeof(subject));

        if (producer) {
            produce(value, (size_t)n, subject);
            if (k % 1000 == 0)
                rd_kafka_poll(producer, 0);
        } else {
            value[n] = '\n';
            fwrite(value, 1, (size_t)n + 1, stdout);
        }
    }
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {{"topic", required_argument, NULL, 't'},
                                            {"each", required_argument, NULL, 'e'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"end", required_argument, NULL, 'n'},
                                            {0}};
    int64_t end_s = 0;
    int c;

    while ((c = getopt_long(argc, argv, "b:", options, NULL)) != -1) {
        if (c == 'b')
            opt.brokers = optarg;
        else if (c == 't')
            opt.topic = optarg;
        else if (c == 'e')
            opt.each = strtoull(optarg, NULL, 10);
        else if (c == 'n')
            end_s = strtoll(optarg, NULL, 10);
        else if (c == 'f')
            opt.from = strtoull(optarg, NULL, 10);
        else
            exit(2);
    }
    if (optind + 2 == argc) {
        opt.n_stakeholders = strtoull(argv[optind], NULL, 10);
        opt.n_events = strtoull(argv[optind + 1], NULL, 10);
    }
    if (!opt.n_stakeholders || !opt.n_events || !opt.brokers != !opt.topic)
        die("what it takes stands in its first lines");
    if (end_s)
        t0_us = end_s * 1000000 - span_us(opt.n_events);
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    distribute();
    if (opt.brokers)
        producer_new();
    write_all();
    if (producer) {
        rd_kafka_flush(producer, 120000);
        n_refused += rd_kafka_outq_len(producer);
        rd_kafka_destroy(producer);
    }
    free(until);
    if (n_refused)
        die("not all records were taken");
    return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
