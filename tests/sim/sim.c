/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs schedules of the simulated world: `sim [--schedules N] [--seed S] [--break NAME] [--trace]`.
 * Without --break each schedule must end well; with it, one of them must not. A failing seed prints
 * its schedule.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

struct options {
    uint64_t seed;
    uint64_t n;
    enum breakage breakage;
    bool is_traced;
};

static void usage(void)
{
    fprintf(stderr, "usage: sim [--schedules N] [--seed S] [--break NAME] [--trace]\nbreak:");
    for (int i = 1; i < N_BREAKAGES; i++)
        fprintf(stderr, " %s", breakage_names[i]);
    fprintf(stderr, "\n");
    exit(2);
}

static enum breakage breakage_of(const char *name)
{
    for (int i = 0; i < N_BREAKAGES; i++) {
        if (strcmp(name, breakage_names[i]) == 0)
            return (enum breakage)i;
    }
    usage();
    return BREAK_NOTHING;
}

static void parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--trace") == 0) {
            o->is_traced = true;
            continue;
        }
        if (!value)
            usage();
        if (strcmp(argv[i], "--schedules") == 0)
            o->n = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            o->seed = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--break") == 0)
            o->breakage = breakage_of(value);
        else
            usage();
        i++;
    }
}

static void sum_up(struct world_result *sum, const struct world_result *r)
{
    sum->n_events += r->n_events;
    sum->n_crashes += r->n_crashes;
    sum->n_zombies += r->n_zombies;
    sum->n_failovers += r->n_failovers;
    sum->n_rebalances += r->n_rebalances;
    sum->n_outputs += r->n_outputs;
    sum->stats.n_takeovers += r->stats.n_takeovers;
    sum->stats.n_rebuilds += r->stats.n_rebuilds;
    sum->stats.n_kept += r->stats.n_kept;
    sum->stats.n_replays += r->stats.n_replays;
    sum->stats.n_suppressed += r->stats.n_suppressed;
    sum->stats.n_committed += r->stats.n_committed;
    sum->stats.n_aborted += r->stats.n_aborted;
    sum->stats.n_uncertain += r->stats.n_uncertain;
    sum->stats.n_fenced += r->stats.n_fenced;
    sum->stats.n_stale += r->stats.n_stale;
    sum->stats.n_checkpoints += r->stats.n_checkpoints;
    sum->stats.n_redone += r->stats.n_redone;
    sum->stats.n_leftovers += r->stats.n_leftovers;
    sum->stats.n_stopped += r->stats.n_stopped;
}

#define SHOW(what, n) printf("  %-28s %llu\n", what, (unsigned long long)(n))

static void show(uint64_t n, const struct world_result *s)
{
    SHOW("schedules", n);
    SHOW("steps", s->n_events);
    SHOW("outputs seen", s->n_outputs);
    SHOW("crashes", s->n_crashes);
    SHOW("zombies", s->n_zombies);
    SHOW("failovers of Redis", s->n_failovers);
    SHOW("rebalances", s->n_rebalances);
    SHOW("takeovers", s->stats.n_takeovers);
    SHOW("  rebuilt from the log", s->stats.n_rebuilds);
    SHOW("  with what was in memory", s->stats.n_kept);
    SHOW("  while owned", s->stats.n_replays);
    SHOW("outputs suppressed", s->stats.n_suppressed);
    SHOW("transactions committed", s->stats.n_committed);
    SHOW("  aborted", s->stats.n_aborted);
    SHOW("  uncertain", s->stats.n_uncertain);
    SHOW("  fenced", s->stats.n_fenced);
    SHOW("scripts refused as stale", s->stats.n_stale);
    SHOW("checkpoints", s->stats.n_checkpoints);
    SHOW("  with chunks sent again", s->stats.n_redone);
    SHOW("leftovers aborted", s->stats.n_leftovers);
    SHOW("partitions stopped", s->stats.n_stopped);
}

int main(int argc, char **argv)
{
    struct options o = {.seed = 1, .n = 20000};
    struct world_result sum = {.is_good = true}, r;

    parse(argc, argv, &o);
    for (uint64_t i = 0; i < o.n; i++) {
        world_run(o.seed + i, o.breakage, o.is_traced ? stdout : NULL, &r);
        sum_up(&sum, &r);
        if (r.is_good)
            continue;
        if (o.breakage != BREAK_NOTHING) {
            printf("caught without %s: schedule %llu: %s\n", breakage_names[o.breakage],
                   (unsigned long long)(o.seed + i), r.text);
            return 0;
        }
        world_run(o.seed + i, o.breakage, stdout, &r);
        printf("WRONG in schedule %llu: %s\n", (unsigned long long)(o.seed + i), r.text);
        return 1;
    }
    show(o.n, &sum);
    if (o.breakage != BREAK_NOTHING)
        printf("not caught: %s\n", breakage_names[o.breakage]);
    return o.breakage != BREAK_NOTHING;
}
