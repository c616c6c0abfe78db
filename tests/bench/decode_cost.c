/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_cost [--reference | --fast] [--rounds N] [FILE...]: what decoding costs per event, by the
 * reference and by the fast way, in nanoseconds of CPU: the best of N rounds that alternate. FILEs
 * hold one CloudEvent per line; without any, events of 325 bytes are made here. With --reference or
 * --fast only that one runs, for a profiler (decode.py counts instructions). Fails where the two do
 * not read the same.
 */
#include "../fuzz/same_event.h"

#include "base/mem.h"
#include "codec/event_decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MADE_EVENTS 4000

struct lines {
    struct buf bytes;
    struct str *items;
    size_t n, cap;
};

/* Of stakeholders in no order; one event in ten is an answer. */
static void make(struct lines *l)
{
    for (unsigned k = 0; k < MADE_EVENTS; k++) {
        unsigned who = k * 7919 % 100000;

        buf_addf(&l->bytes,
                 "{\"specversion\":\"1.0\",\"id\":\"event-%08u\",\"source\":\"/bench/support\","
                 "\"type\":\"io.engaged.interaction.v1\",\"subject\":\"customer-%06u\","
                 "\"time\":\"2026-01-%02uT%02u:%02u:%02u.%u00Z\",\"data\":{\"direction\":\"%s\","
                 "\"verb\":\"%s\",\"channel\":\"mail\",\"conversation\":\"case-%05u\","
                 "\"org\":\"acme\",\"actor\":\"agent-%04u\",\"sentiment\":%s%u.%u,"
                 "\"value\":%u.%02u}}\n",
                 k, who, k % 28 + 1, k % 24, k % 60, k % 59, k % 10,
                 k % 10 ? "inbound" : "outbound", k % 10 ? "question" : "reply", who % 10000,
                 k % 100, k % 2 ? "-" : "", k % 2 ? 0 : 1, k % 2 ? k % 10 : 0, k % 1000, k % 100);
    }
}

static bool load(struct lines *l, const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t n;

    if (!f)
        return false;
    while ((n = fread(buf_reserve(&l->bytes, 1 << 16), 1, 1 << 16, f)) > 0)
        buf_advance(&l->bytes, n);
    fclose(f);
    return true;
}

static void split(struct lines *l)
{
    const char *p = l->bytes.ptr, *end = p + l->bytes.len, *newline;

    for (; p < end && (newline = memchr(p, '\n', (size_t)(end - p))); p = newline + 1) {
        mem_grow(&l->items, &l->cap, l->n, sizeof(*l->items));
        l->items[l->n++] = (struct str){p, (size_t)(newline - p)};
    }
}

static double cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Nanoseconds per event of one round. */
static double run(struct event_decoder *d, const struct lines *l)
{
    double start = cpu_ns();

    for (size_t i = 0; i < l->n; i++) {
        struct event_input input = {.value = l->items[i], .timestamp_ms = -1};
        struct event_refusal refusal;
        struct event event;

        (void)!event_decode(d, &input, &event, &refusal);
    }
    return (cpu_ns() - start) / (double)l->n;
}

static bool is_same(struct event_decoder *const ways[2], const struct lines *l)
{
    for (size_t i = 0; i < l->n; i++) {
        struct event_input input = {.value = l->items[i], .timestamp_ms = -1};
        struct event_refusal refusals[2] = {{.code = ""}, {.code = ""}};
        struct event events[2];
        int r[2];

        for (int way = 0; way < 2; way++)
            r[way] = event_decode(ways[way], &input, &events[way], &refusals[way]);
        if (r[0] == r[1] && strcmp(refusals[0].code, refusals[1].code) == 0 &&
            (r[0] || !differing_member(&events[0], &events[1])))
            continue;
        fprintf(stderr, "read in two ways: %.*s\n", STR_ARG(l->items[i]));
        return false;
    }
    return true;
}

static bool measure(const char *name, const struct lines *l, const bool wanted[2], long rounds)
{
    struct event_decoder *ways[2] = {
        event_decoder_new(&(struct event_limits){.is_reference = true}), event_decoder_new(NULL)};
    bool is_good = !wanted[0] || !wanted[1] || is_same(ways, l);
    uint64_t before = event_decoder_fallbacks(ways[1]);
    double best[2] = {1e18, 1e18};

    for (long i = 0; i < rounds; i++) {
        for (int way = 0; way < 2; way++) {
            double ns = wanted[way] ? run(ways[way], l) : 1e18;

            best[way] = ns < best[way] ? ns : best[way];
        }
    }
    printf("%s: %zu events of %.0f bytes", name, l->n, (double)l->bytes.len / (double)l->n - 1);
    if (wanted[0])
        printf("; reference %.0f ns", best[0]);
    if (wanted[1])
        printf("; fast %.0f ns, %.1f of 1000 left to the reference", best[1],
               (double)(event_decoder_fallbacks(ways[1]) - before) * 1000 / (double)rounds /
                   (double)l->n);
    printf(wanted[0] && wanted[1] ? "; %.1f times as fast\n" : "\n", best[0] / best[1]);
    for (int way = 0; way < 2; way++)
        event_decoder_free(ways[way]);
    return is_good;
}

static bool measure_file(const char *path, const bool wanted[2], long rounds)
{
    struct lines l = {.bytes = BUF_INIT};
    bool is_good;

    if (path && !load(&l, path)) {
        perror(path);
        return false;
    }
    if (!path)
        make(&l);
    split(&l);
    is_good = l.n && measure(path ? path : "made here", &l, wanted, rounds);
    mem_free(l.items);
    buf_deinit(&l.bytes);
    return is_good;
}

int main(int argc, char **argv)
{
    bool wanted[2] = {true, true}, is_good = true;
    long rounds = 10;
    int i = 1;

    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            rounds = strtol(argv[++i], NULL, 10);
        else
            wanted[strcmp(argv[i], "--fast") ? 1 : 0] = false;
    }
    if (i == argc)
        is_good = measure_file(NULL, wanted, rounds);
    for (; i < argc; i++)
        is_good = measure_file(argv[i], wanted, rounds) && is_good;
    return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
