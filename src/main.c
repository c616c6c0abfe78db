/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: which command with which options. Each command is a function of the app. */
#include "app/check.h"
#include "app/replay.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2

static const char help[] =
    "usage: engaged check --config FILE\n"
    "       engaged replay --config FILE [--state OUT] [--dead-letters OUT] [--until TIME] "
    "EVENTS...\n"
    "       engaged version | help\n"
    "\n"
    "check    reports every fault of a configuration, or says what it means\n"
    "replay   runs events (JSON lines, gzip too, - for standard input) through the rules;\n"
    "         triggers go to standard output as JSON lines\n";

struct arguments {
    const char *config, *state, *dead_letters, *until;
    char **rest; /* what is not an option */
    int n_rest;
};

static int usage(const char *what)
{
    fprintf(stderr, "engaged: %s\n%s", what, help);
    return EXIT_USAGE;
}

static int cmd_check(const struct arguments *a)
{
    if (!a->config || a->n_rest)
        return usage("check takes --config FILE and nothing else");
    return check_main(a->config);
}

static int cmd_replay(const struct arguments *a)
{
    if (!a->config || !a->n_rest)
        return usage("replay takes --config FILE and at least one file of events, or -");
    return replay_main(&(struct replay_opts){.config = a->config,
                                             .state = a->state,
                                             .dead_letters = a->dead_letters,
                                             .until = a->until,
                                             .files = (const char *const *)a->rest,
                                             .n_files = (size_t)a->n_rest});
}

static int cmd_version(const struct arguments *a)
{
    (void)a;
    puts("engaged " ENGAGED_VERSION);
    return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int cmd_help(const struct arguments *a)
{
    (void)a;
    fputs(help, stdout);
    return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

enum { CONFIG = 1, STATE = 2, DEAD_LETTERS = 4, UNTIL = 8 };

static const struct command {
    const char *name;
    int (*run)(const struct arguments *a);
    int options; /* the ones it takes */
} commands[] = {
    {"check", cmd_check, CONFIG}, {"replay", cmd_replay, CONFIG | STATE | DEAD_LETTERS | UNTIL},
    {"version", cmd_version, 0},  {"--version", cmd_version, 0},
    {"help", cmd_help, 0},        {"--help", cmd_help, 0},
    {"-h", cmd_help, 0},
};

static int parse(const struct command *command, int argc, char **argv, struct arguments *a)
{
    static const struct option options[] = {{"config", required_argument, NULL, CONFIG},
                                            {"state", required_argument, NULL, STATE},
                                            {"dead-letters", required_argument, NULL, DEAD_LETTERS},
                                            {"until", required_argument, NULL, UNTIL},
                                            {0}};
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == '?' || !(c & command->options))
            return usage(c == '?' ? "see the usage" : "that command does not take that option");
        *(c == CONFIG  ? &a->config
          : c == STATE ? &a->state
          : c == UNTIL ? &a->until
                       : &a->dead_letters) = optarg;
    }
    a->rest = argv + optind;
    a->n_rest = argc - optind;
    return 0;
}

int main(int argc, char **argv)
{
    struct arguments a = {0};

    signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write(2) */
    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return parse(&commands[i], argc - 1, argv + 1, &a) ? EXIT_USAGE : commands[i].run(&a);
    }
    return usage(argc > 1 ? "there is no such command" : "which command?");
}
