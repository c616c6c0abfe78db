/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shipped_cost [STAKEHOLDERS [EVENTS [BYTES]]]: CPU time per event of the engine alone, with the
 * configuration that ships with engaged: first while everybody comes, 20 events each, then while
 * EVENTS more come from stakeholders chosen by a Zipf distribution with exponent 1.1. Decoding is
 * left out. Prints both, the memory per stakeholder behind the first, and a hash of all triggers,
 * which is the same whatever the engine costs; fails where memory is more than BYTES.
 */
#include "base/mem.h"
#include "conf/conf.h"
#include "engaged/engine.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define T0      1767225600000LL
#define STEP_MS 250 /* between events */
#define ZIPF    1.1
#define EACH    20

static uint64_t seed = 1;

static double unit(void)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(seed >> 11) / 9007199254740992.0;
}

/* What somebody does next, and how often in a thousand. */
static const struct act {
    unsigned share;
    enum direction direction;
    struct str verb;
    bool is_talk; /* in a conversation, with a sentiment */
} acts[] = {
    {600, DIRECTION_INBOUND, {"view", 4}, false},
    {200, DIRECTION_INBOUND, {"click", 5}, false},
    {150, DIRECTION_INBOUND, {"login", 5}, false},
    {20, DIRECTION_OUTBOUND, {"newsletter", 10}, false},
    {10, DIRECTION_INBOUND, {"comment", 7}, true},
    {10, DIRECTION_OUTBOUND, {"reply", 5}, true},
    {5, DIRECTION_INBOUND, {"question", 8}, true},
    {5, DIRECTION_INBOUND, {"purchase", 8}, false},
};

struct choice {
    uint32_t who;
    uint8_t act;
};

/* Which stakeholder each event concerns; neighbours in rank are no neighbours in memory. */
static struct choice *choose(size_t n_stakeholders, size_t n_events)
{
    double *until = mem_calloc(n_stakeholders, sizeof(*until)), sum = 0;
    size_t n_first = EACH * n_stakeholders;
    struct choice *choices = mem_calloc(n_first + n_events, sizeof(*choices));

    for (size_t i = 0; i < n_stakeholders; i++)
        until[i] = sum += pow((double)(i + 1), -ZIPF);
    for (size_t k = 0; k < n_first + n_events; k++) {
        double at = unit() * sum, what = unit() * 1000;
        size_t lo = 0, hi = n_stakeholders - 1;
        uint8_t act = 0;

        while (lo < hi && k >= n_first) {
            size_t mid = (lo + hi) / 2;

            if (until[mid] < at)
                lo = mid + 1;
            else
                hi = mid;
        }
        for (double p = acts[0].share; what >= p; p += acts[act].share)
            act++;
        choices[k].who = (uint32_t)((k < n_first ? k : lo) * 2654435761u % n_stakeholders);
        choices[k].act = act;
    }
    mem_free(until);
    return choices;
}

/* `prefix` and sixteen digits; printf() would cost as much as the engine. */
static struct str name_of(char *text, const char *prefix, size_t n)
{
    size_t len = strlen(prefix);

    memcpy(text, prefix, len);
    for (int shift = 60; shift >= 0; shift -= 4)
        text[len++] = "0123456789abcdef"[n >> shift & 15];
    return (struct str){text, len};
}

static void apply(struct engine *e, const struct choice *choice, size_t k)
{
    const struct act *act = &acts[choice->act];
    char subject[32], id[40], conversation[32];
    struct event event = {.type = EVENT_INTERACTION,
                          .source = STR("/bench/source"),
                          .time_ms = T0 + (int64_t)k * STEP_MS,
                          .offset = (int64_t)k,
                          .direction = act->direction,
                          .verb = act->verb,
                          .channel = act->is_talk ? STR("mail") : STR("web"),
                          .kind = STR("customer"),
                          .has_sentiment = act->is_talk,
                          .sentiment = (double)(k % 17) / 10 - 0.8};

    event.subject = name_of(subject, "c-", choice->who);
    event.id = name_of(id, "0b5c1e9e-8a54-4c7e-", k);
    if (act->is_talk)
        event.conversation = name_of(conversation, "case-", choice->who);
    if (engine_apply(e, &event))
        abort();
}

struct seen {
    uint64_t n, hash;
};

static void on_trigger(void *ctx, const struct trigger *t)
{
    struct seen *seen = ctx;

    seen->n++;
    seen->hash = hash64(t->id, DIGEST_HEX, seen->hash);
}

static double cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double measure(struct engine *e, const struct choice *choices, size_t first, size_t n,
                      const char *what)
{
    struct engine_stats before, after;
    double start, bytes;

    engine_get_stats(e, &before);
    start = cpu_ns();
    for (size_t k = first; k < first + n; k++)
        apply(e, &choices[k], k);
    start = cpu_ns() - start;
    engine_get_stats(e, &after);
    bytes = (double)after.n_bytes / (double)after.n_profiles;
    printf("%s: %.0f ns per event; per 1000 events %.1f wake-ups, %.1f triggers; %.0f bytes per "
           "stakeholder\n",
           what, start / (double)n, (double)(after.n_wakeups - before.n_wakeups) * 1000 / (double)n,
           (double)(after.n_fired + after.n_cleared - before.n_fired - before.n_cleared) * 1000 /
               (double)n,
           bytes);
    return bytes;
}

int main(int argc, char **argv)
{
    size_t n_stakeholders = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    size_t n_events = argc > 2 ? strtoul(argv[2], NULL, 10) : 2000000;
    double most = argc > 3 ? strtod(argv[3], NULL) : HUGE_VAL, bytes;
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct choice *choices = choose(n_stakeholders, n_events);
    struct seen seen = {0, 0};
    const struct engine_opts opts = {.is_complete = true, .on_trigger = on_trigger, .ctx = &seen};
    struct engine *e;
    struct conf *conf;

    if (conf_parse(STR("deployment: bench\n"), "bench", &conf, &faults))
        abort();
    e = engine_new(conf->model, &opts);
    bytes = measure(e, choices, 0, EACH * n_stakeholders, "all come");
    (void)measure(e, choices, EACH * n_stakeholders, n_events, "steady");
    printf("%" PRIu64 " triggers, hash %016" PRIx64 "\n", seen.n, seen.hash);
    engine_free(e);
    conf_free(conf);
    mem_free(choices);
    return bytes <= most ? EXIT_SUCCESS : EXIT_FAILURE;
}
