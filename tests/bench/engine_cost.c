/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an event costs the engine alone, in CPU time; decoding is left out.
 *
 *     engine_cost [EVENTS [SMALL LARGE [LIMIT]]]     for few and for many stakeholders
 *     engine_cost --rules EVENTS STAKEHOLDERS LIMIT  with 10 and with 200 rules
 *
 * There are 10 metrics, and 5 rules where nothing else is said; the choice of stakeholders is
 * Zipf-distributed with exponent 1.1. Figures are of the steady state: everybody has come before,
 * and as many events as are measured have gone by. Prints both and their ratio, and fails where it
 * is LIMIT or more.
 */
#include "base/mem.h"
#include "engaged/engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define T0          1767225600000LL
#define DAYS        86400000LL
#define STEP_MS     100 /* between events */
#define ZIPF        1.1
#define RULE(e, x)  .enter = {e, sizeof(e) - 1}, .exit = {x, sizeof(x) - 1}, .severity = {"info", 4}
#define NAME(text)  .name = {text, sizeof(text) - 1}
#define VALUE(text) .value = {text, sizeof(text) - 1}
#define WHERE(text) .where = {text, sizeof(text) - 1}
#define INBOUND     "direction == \"inbound\""
#define OUTBOUND    "direction == \"outbound\""

static const struct verb_spec verbs[] = {{{"question", 8}, 1.5, true}, {{"view", 4}, 0.1, false}};

static const struct metric_spec metrics[] = {
    {NAME("involvement"), .aggregate = AGGREGATE_SUM, VALUE("weight"), WHERE(INBOUND),
     .reach = REACH_HALF_LIFE, .reach_ms = 7 * DAYS},
    {NAME("activity"), .aggregate = AGGREGATE_SUM, VALUE("weight"), .reach = REACH_HALF_LIFE,
     .reach_ms = DAYS},
    {NAME("warmth"), .aggregate = AGGREGATE_MEAN, VALUE("sentiment"), .reach = REACH_HALF_LIFE,
     .reach_ms = 14 * DAYS},
    {NAME("rate"), .aggregate = AGGREGATE_COUNT, WHERE(INBOUND), .reach = REACH_HALF_LIFE,
     .reach_ms = DAYS},
    {NAME("inbound_1d"), .aggregate = AGGREGATE_COUNT, WHERE(INBOUND), .reach = REACH_WINDOW,
     .reach_ms = DAYS},
    {NAME("inbound_7d"), .aggregate = AGGREGATE_COUNT, WHERE(INBOUND), .reach = REACH_WINDOW,
     .reach_ms = 7 * DAYS},
    {NAME("outbound_7d"), .aggregate = AGGREGATE_COUNT, WHERE(OUTBOUND), .reach = REACH_WINDOW,
     .reach_ms = 7 * DAYS},
    {NAME("questions"), .aggregate = AGGREGATE_COUNT, WHERE("verb == \"question\"")},
    {NAME("total"), .aggregate = AGGREGATE_SUM, VALUE("weight")},
    {NAME("worth"), .aggregate = AGGREGATE_MEAN, VALUE("value")},
};

static const struct rule_spec rules[] = {
    {NAME("reply-overdue"), .kind = RULE_OWED, .owed_after_ms = DAYS / 6, RULE("", "")},
    {NAME("involved"), RULE("involvement >= 5.0", "involvement <= 2.0"), .cooldown_ms = 7 * DAYS},
    {NAME("cold"), RULE("warmth < -0.2 && rate > 1.0", "warmth > 0.0"), .for_ms = 3600000},
    {NAME("broadcast"), RULE("outbound_7d >= 5 && inbound_7d == 0", ""), .cooldown_ms = 30 * DAYS},
    {NAME("many"), RULE("inbound_1d >= 3", "inbound_1d == 0"), .cooldown_ms = 7 * DAYS},
};

/* Of these many rules are made: each again and again, with higher thresholds,
 * so that more rules make no more triggers. */
static const struct shape {
    const char *name, *above; /* the condition, less its threshold */
    double threshold;
    const char *unit; /* behind it: ".0" of a number that is not counted */
    const char *and, *exit;
} shapes[] = {
    {"involved", "involvement >= ", 20, ".0", "", "involvement <= 2.0"},
    {"active", "activity > ", 30, ".0", "", "activity < 1.0"},
    {"cold", "rate > ", 10, ".0", " && warmth < -0.2", "warmth > 0.0"},
    {"warm", "questions > ", 40, "", " && warmth > 0.4", "warmth < 0.2"},
    {"many", "inbound_1d >= ", 30, "", "", "inbound_1d == 0"},
    {"week", "inbound_7d >= ", 60, "", " && rate > 0.5", "inbound_7d < 2"},
    {"broadcast", "outbound_7d >= ", 5, "", " && inbound_7d == 0", ""},
    {"total", "total >= ", 100, ".0", "", "total < 1.0"},
    {"asks", "questions >= ", 30, "", "", "questions < 1"},
};
#define RULES_MAX 200

static uint64_t seed = 1;

static double unit(void)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(seed >> 11) / 9007199254740992.0;
}

/* Which stakeholder each event concerns; everybody once at first. */
static uint32_t *choose(size_t n_events, size_t n_stakeholders)
{
    double *until = mem_calloc(n_stakeholders, sizeof(*until)), sum = 0;
    uint32_t *who = mem_calloc(n_stakeholders + n_events, sizeof(*who));

    for (size_t i = 0; i < n_stakeholders; i++) {
        until[i] = sum += pow((double)(i + 1), -ZIPF);
        who[i] = (uint32_t)i;
    }
    for (size_t k = 0; k < n_events; k++) {
        double at = unit() * sum;
        size_t lo = 0, hi = n_stakeholders - 1;

        while (lo < hi) {
            size_t mid = (lo + hi) / 2;

            if (until[mid] < at)
                lo = mid + 1;
            else
                hi = mid;
        }
        /* Neighbours in rank are not neighbours in memory. */
        who[n_stakeholders + k] = (uint32_t)(lo * 2654435761u % n_stakeholders);
    }
    mem_free(until);
    return who;
}

static void apply(struct engine *e, uint32_t who, size_t k)
{
    char subject[32], id[32], conversation[32];
    struct event event = {.type = EVENT_INTERACTION,
                          .source = STR("bench"),
                          .time_ms = T0 + (int64_t)k * STEP_MS,
                          .offset = (int64_t)k,
                          .direction = k % 3 ? DIRECTION_INBOUND : DIRECTION_OUTBOUND,
                          .verb = k % 5 ? STR("view") : STR("question"),
                          .channel = STR("mail"),
                          .has_sentiment = k % 4 == 0,
                          .sentiment = (double)(k % 21) / 10 - 1};

    event.subject = (struct str){subject, (size_t)sprintf(subject, "customer-%u", who)};
    event.id = (struct str){id, (size_t)sprintf(id, "event-%zu", k)};
    event.conversation =
        (struct str){conversation, (size_t)sprintf(conversation, "case-%zu", k % 4)};
    if (engine_apply(e, &event))
        abort();
}

static double cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void on_trigger(void *ctx, const struct trigger *t)
{
    (void)t;
    ++*(uint64_t *)ctx;
}

static void on_fault(void *ctx, const struct model_fault *fault)
{
    (void)ctx;
    fprintf(stderr, "%zu %s: %s\n", fault->index, fault->field, fault->text);
}

/* n rules: a deadline first, then those of the shapes in turn. They live as long as the process:
 * the engine's model copies what it needs, their texts are only read while it is built. */
static const struct rule_spec *make_rules(size_t n)
{
    static struct rule_spec made[RULES_MAX];
    static char texts[RULES_MAX][2][80];

    made[0] = rules[0];
    for (size_t i = 1; i < n; i++) {
        const struct shape *shape = &shapes[(i - 1) % ARRAY_SIZE(shapes)];
        double step = (double)((i - 1) / ARRAY_SIZE(shapes));
        char *name = texts[i][0], *enter = texts[i][1];

        snprintf(name, sizeof(texts[i][0]), "%s-%zu", shape->name, i);
        snprintf(enter, sizeof(texts[i][1]), "%s%.0f%s%s", shape->above,
                 shape->threshold * (1 + 20 * step), shape->unit, shape->and);
        made[i] = (struct rule_spec){.name = str_of(name),
                                     .enter = str_of(enter),
                                     .exit = str_of(shape->exit),
                                     .severity = STR("info"),
                                     .cooldown_ms = 7 * DAYS};
    }
    return made;
}

static double measure(size_t n_events, size_t n_stakeholders, const struct rule_spec *with,
                      size_t n_with)
{
    const struct model_spec spec = {.deployment = STR("bench"),
                                    .organisation = STR("bench"),
                                    .dedup_events = 64,
                                    .evidence_events = 3,
                                    .dedup_horizon_ms = 3600000,
                                    .verbs = verbs,
                                    .n_verbs = ARRAY_SIZE(verbs),
                                    .metrics = metrics,
                                    .n_metrics = ARRAY_SIZE(metrics),
                                    .rules = with,
                                    .n_rules = n_with};
    uint64_t n_triggers = 0;
    const struct engine_opts opts = {
        .is_complete = true, .on_trigger = on_trigger, .ctx = &n_triggers};
    size_t n_before = n_stakeholders + n_events, n = n_before + n_events;
    uint32_t *who = choose(2 * n_events, n_stakeholders);
    struct engine_stats stats, before;
    struct model *model;
    struct engine *e;
    double start, cost;

    if (model_new(&spec, on_fault, NULL, &model))
        abort();
    e = engine_new(model, &opts);
    for (size_t k = 0; k < n_before; k++)
        apply(e, who[k], k);
    engine_get_stats(e, &before);
    start = cpu_ns();
    for (size_t k = n_before; k < n; k++)
        apply(e, who[k], k);
    cost = (cpu_ns() - start) / (double)n_events;
    engine_get_stats(e, &stats);
    printf("%zu stakeholders, %zu rules: %.0f ns per event; per 1000 events %.1f wake-ups, %.1f "
           "triggers; "
           "%.0f bytes per stakeholder\n",
           n_stakeholders, n_with, cost,
           (double)(stats.n_wakeups - before.n_wakeups) * 1000 / (double)n_events,
           (double)(stats.n_fired + stats.n_cleared - before.n_fired - before.n_cleared) * 1000 /
               (double)n_events,
           (double)stats.n_bytes / (double)n_stakeholders);
    engine_free(e);
    model_free(model);
    mem_free(who);
    return cost;
}

static int compare(double cost, double base, double limit)
{
    printf("ratio %.2f\n", cost / base);
    return cost / base < limit ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The same stakeholders in both. */
static int with_rules(size_t n_events, size_t n_stakeholders, double limit)
{
    double few = measure(n_events, n_stakeholders, make_rules(10), 10);

    seed = 1;
    return compare(measure(n_events, n_stakeholders, make_rules(RULES_MAX), RULES_MAX), few, limit);
}

int main(int argc, char **argv)
{
    size_t n_events = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000000;
    size_t small = argc > 3 ? strtoul(argv[2], NULL, 10) : 1000;
    size_t large = argc > 3 ? strtoul(argv[3], NULL, 10) : 1000000;
    double limit = argc > 4 ? strtod(argv[4], NULL) : 3, base;

    if (argc == 5 && strcmp(argv[1], "--rules") == 0)
        return with_rules(strtoul(argv[2], NULL, 10), large, limit);
    base = measure(n_events, small, rules, ARRAY_SIZE(rules));
    return compare(measure(n_events, large, rules, ARRAY_SIZE(rules)), base, limit);
}
