/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: which command with which options. Each command is a function of the app. */
#include "app/app.h"
#include "base/err.h"

#include <getopt.h>
#include <signal.h>
#include <string.h>

enum option_index {
    CONFIG,
    STATE,
    DEAD_LETTERS,
    UNTIL,
    COMPARE,
    JSON,
    ONCE,
    TRIGGERS,
    TIMEOUT,
    PARTITION,
    START_OVER,
    YES,
    NO_WAIT,
    N_OPTIONS
};

#define PARTITIONS_MAX 1000 /* named on one command line */

static const struct option option_table[] = {
    {"config", required_argument, NULL, CONFIG},
    {"state", required_argument, NULL, STATE},
    {"dead-letters", required_argument, NULL, DEAD_LETTERS},
    {"until", required_argument, NULL, UNTIL},
    {"compare", required_argument, NULL, COMPARE},
    {"json", no_argument, NULL, JSON},
    {"once", no_argument, NULL, ONCE},
    {"triggers", required_argument, NULL, TRIGGERS},
    {"timeout", required_argument, NULL, TIMEOUT},
    {"partition", required_argument, NULL, PARTITION},
    {"start-over", no_argument, NULL, START_OVER},
    {"yes", no_argument, NULL, YES},
    {"no-wait", no_argument, NULL, NO_WAIT},
    {0}};

struct arguments {
    const char *options[N_OPTIONS];         /* NULL: not given */
    const char *partitions[PARTITIONS_MAX]; /* of each --partition */
    size_t n_partitions;
    const char *const *rest; /* what is not an option */
    int n_rest;
};

static int cmd_check(const struct arguments *a)
{
    if (!a->options[CONFIG] || a->n_rest)
        return app_usage("check takes --config FILE and nothing else");
    return check_main(a->options[CONFIG]);
}

static int cmd_replay(const struct arguments *a)
{
    if (!a->options[CONFIG] || !a->n_rest)
        return app_usage("replay takes --config FILE and at least one file of events, or -");
    if (a->options[COMPARE] ? a->options[STATE] != NULL : a->options[JSON] != NULL)
        return app_usage("--json goes with --compare, --state does not");
    return replay_main(&(struct replay_opts){.config = a->options[CONFIG],
                                             .compare = a->options[COMPARE],
                                             .is_json = a->options[JSON] != NULL,
                                             .state = a->options[STATE],
                                             .dead_letters = a->options[DEAD_LETTERS],
                                             .until = a->options[UNTIL],
                                             .files = a->rest,
                                             .n_files = (size_t)a->n_rest});
}

static int cmd_run(const struct arguments *a)
{
    if (!a->options[CONFIG] || a->n_rest)
        return app_usage("run takes --config FILE and nothing else");
    return run_main(a->options[CONFIG]);
}

static int cmd_dev(const struct arguments *a)
{
    if (a->n_rest > 1 || (a->options[ONCE] && !a->n_rest))
        return app_usage("dev takes one file of events at most; --once needs one");
    return dev_main(&(struct dev_opts){.config = a->options[CONFIG],
                                       .events = a->n_rest ? a->rest[0] : NULL,
                                       .is_once = a->options[ONCE] != NULL});
}

static int cmd_explain(const struct arguments *a)
{
    if (!a->options[CONFIG] || !a->n_rest)
        return app_usage("explain takes --config FILE, a trigger (a file, -, or its id), and "
                         "files of events");
    return explain_main(&(struct explain_opts){.config = a->options[CONFIG],
                                               .trigger = a->rest[0],
                                               .triggers = a->options[TRIGGERS],
                                               .is_json = a->options[JSON] != NULL,
                                               .files = a->rest + 1,
                                               .n_files = (size_t)a->n_rest - 1});
}

static int cmd_status(const struct arguments *a)
{
    if (!a->options[CONFIG] || a->n_rest)
        return app_usage("status takes --config FILE, and --json and --timeout");
    return status_main(&(struct status_opts){.config = a->options[CONFIG],
                                             .timeout = a->options[TIMEOUT],
                                             .is_json = a->options[JSON] != NULL});
}

static int cmd_rebuild(const struct arguments *a)
{
    if (!a->options[CONFIG] || a->n_rest)
        return app_usage("rebuild takes --config FILE and options");
    return rebuild_main(&(struct rebuild_opts){.config = a->options[CONFIG],
                                               .partitions = a->partitions,
                                               .n_partitions = a->n_partitions,
                                               .timeout = a->options[TIMEOUT],
                                               .is_yes = a->options[YES] != NULL,
                                               .is_start_over = a->options[START_OVER] != NULL,
                                               .is_no_wait = a->options[NO_WAIT] != NULL});
}

static int cmd_test(const struct arguments *a)
{
    if (!a->n_rest)
        return app_usage("test takes at least one test file");
    return ruletest_main(a->rest, (size_t)a->n_rest);
}

static int cmd_version(const struct arguments *a)
{
    (void)a;
    return app_version();
}

static int cmd_help(const struct arguments *a)
{
    (void)a;
    return app_help();
}

static const struct command {
    const char *name;
    int (*run)(const struct arguments *a);
    unsigned options; /* the ones it takes, a bit each */
} commands[] = {
    {"run", cmd_run, 1 << CONFIG},
    {"dev", cmd_dev, 1 << CONFIG | 1 << ONCE},
    {"check", cmd_check, 1 << CONFIG},
    {"replay", cmd_replay,
     1 << CONFIG | 1 << STATE | 1 << DEAD_LETTERS | 1 << UNTIL | 1 << COMPARE | 1 << JSON},
    {"explain", cmd_explain, 1 << CONFIG | 1 << TRIGGERS | 1 << JSON},
    {"status", cmd_status, 1 << CONFIG | 1 << JSON | 1 << TIMEOUT},
    {"rebuild", cmd_rebuild,
     1 << CONFIG | 1 << PARTITION | 1 << START_OVER | 1 << YES | 1 << NO_WAIT | 1 << TIMEOUT},
    {"test", cmd_test, 0},
    {"version", cmd_version, 0},
    {"--version", cmd_version, 0},
    {"help", cmd_help, 0},
    {"--help", cmd_help, 0},
};

static int run(const struct command *command, int argc, char **argv)
{
    struct arguments a = {.n_rest = 0};
    int c;

    while ((c = getopt_long(argc, argv, "", option_table, NULL)) != -1) {
        if (c == '?')
            return app_usage("see the usage");
        if (!(command->options & 1U << c))
            return app_usage("that command does not take that option");
        a.options[c] = optarg ? optarg : "";
        if (c == PARTITION && a.n_partitions == PARTITIONS_MAX)
            return app_usage("too many partitions are named: leave --partition out for all");
        if (c == PARTITION)
            a.partitions[a.n_partitions++] = optarg;
    }
    a.rest = (const char *const *)argv + optind;
    a.n_rest = argc - optind;
    return command->run(&a);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write(2) */
    for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return run(&commands[i], argc - 1, argv + 1);
    }
    return app_usage(argc > 1 ? "there is no such command" : "which command?");
}
