/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: what it costs to read a topic and to parse its events, and nothing else.
 *
 *     floor -b HOST:PORT --topic TOPIC [--skip K] N
 *
 * Reads N records of all partitions from the beginning, in batches, and decodes each with the
 * daemon's own fast decoder. Prints one JSON object: the events behind the first K, CPU time of
 * the whole process for one of them, and how many were no events.
 */
#include "codec/event_decode.h"

#include <getopt.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define BATCH      1000
#define TIMEOUT_MS 30000

static struct {
    const char *brokers, *topic;
    int64_t skip, n;
} opt;

__attribute__((noreturn)) static void die(const char *what)
{
    fprintf(stderr, "floor: %s\n", what);
    exit(2);
}

static double cpu_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static rd_kafka_t *consumer_new(void)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    char why[256];

    rd_kafka_conf_set(conf, "bootstrap.servers", opt.brokers, NULL, 0);
    rd_kafka_conf_set(conf, "group.id", "floor", NULL, 0);
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", NULL, 0);
    rd_kafka_conf_set(conf, "enable.auto.offset.store", "false", NULL, 0);
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (!rk)
        die(why);
    rd_kafka_poll_set_consumer(rk);
    return rk;
}

static void assign_all(rd_kafka_t *rk)
{
    rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(8);
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, opt.topic, NULL);
    const struct rd_kafka_metadata *md;

    if (rd_kafka_metadata(rk, 0, rkt, &md, TIMEOUT_MS) || md->topic_cnt != 1)
        die("no metadata of the topic");
    for (int i = 0; i < md->topics[0].partition_cnt; i++)
        rd_kafka_topic_partition_list_add(parts, opt.topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    if (rd_kafka_assign(rk, parts))
        die("the partitions cannot be assigned");
    rd_kafka_metadata_destroy(md);
    rd_kafka_topic_destroy(rkt);
    rd_kafka_topic_partition_list_destroy(parts);
}

/* 1: it is no event. */
static int decode(struct event_decoder *d, const rd_kafka_message_t *m)
{
    struct event_input input = {.value = {m->payload, m->len}, .timestamp_ms = -1};
    struct event_refusal refusal;
    struct event event;

    return event_decode(d, &input, &event, &refusal) != 0;
}

static void read_all(rd_kafka_t *rk)
{
    struct event_decoder *decoder = event_decoder_new(NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
    rd_kafka_message_t *batch[BATCH];
    int64_t n = 0, n_before = 0, n_refused = 0;
    double before = cpu_us();

    while (n < opt.n) {
        ssize_t got = rd_kafka_consume_batch_queue(queue, TIMEOUT_MS, batch, BATCH);

        if (got <= 0)
            die("nothing comes");
        for (ssize_t i = 0; i < got; i++) {
            if (batch[i]->err)
                die(rd_kafka_message_errstr(batch[i]));
            n_refused += decode(decoder, batch[i]);
            rd_kafka_message_destroy(batch[i]);
        }
        if (n < opt.skip && n + got >= opt.skip)
            before = cpu_us(), n_before = n + got;
        n += got;
    }
    if (n == n_before)
        die("no records are left to measure");
    printf("{\"events\": %" PRId64 ", \"cpu_us\": %.4f, \"refused\": %" PRId64 "}\n", n - n_before,
           (cpu_us() - before) / (double)(n - n_before), n_refused);
    rd_kafka_queue_destroy(queue);
    event_decoder_free(decoder);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"topic", required_argument, NULL, 't'}, {"skip", required_argument, NULL, 's'}, {0}};
    rd_kafka_t *rk;
    int c;

    while ((c = getopt_long(argc, argv, "b:", options, NULL)) != -1) {
        if (c == 'b')
            opt.brokers = optarg;
        else if (c == 't')
            opt.topic = optarg;
        else if (c == 's')
            opt.skip = strtoll(optarg, NULL, 10);
        else
            return 2;
    }
    opt.n = optind + 1 == argc ? strtoll(argv[optind], NULL, 10) : 0;
    if (!opt.brokers || !opt.topic || opt.n <= opt.skip)
        die("what it takes stands in its first lines");
    rk = consumer_new();
    assign_all(rk);
    read_all(rk);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return 0;
}
