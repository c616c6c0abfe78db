/* SPDX-License-Identifier: Apache-2.0 */
/* What the program says of itself. */
#include "app/app.h"

#include <stdio.h>

static const char help[] =
    "usage: engaged run --config FILE\n"
    "       engaged check --config FILE\n"
    "       engaged replay --config FILE [--state OUT] [--dead-letters OUT] [--until TIME] "
    "EVENTS...\n"
    "       engaged replay --config NEW --compare OLD [--json] [--dead-letters OUT] "
    "[--until TIME] EVENTS...\n"
    "       engaged explain --config FILE [--triggers FILE] [--json] TRIGGER [EVENTS...]\n"
    "       engaged status --config FILE [--json] [--timeout DURATION]\n"
    "       engaged rebuild --config FILE [--partition N]... [--start-over] [--yes] [--no-wait]\n"
    "       engaged test FILE...\n"
    "       engaged dev [--config FILE] [--once] [EVENTS]\n"
    "       engaged version | help\n"
    "\n"
    "run      the daemon; SIGTERM ends it in order, SIGHUP takes the configuration anew\n"
    "check    reports every fault of a configuration, or says what it means\n"
    "replay   runs events (JSON lines, gzip too, - for standard input) through the rules;\n"
    "         triggers go to standard output as JSON lines\n"
    "         with --compare: which triggers NEW adds, loses or moves in time, against OLD\n"
    "explain  says who, why, of which events and what to do, of one trigger (a file, -, or an id\n"
    "         of --triggers FILE or of the topic), and whether the events (files, or the topic\n"
    "         of the cause), read again, still give it\n"
    "status   in what condition each partition is and what to do, whether or not the daemon runs;\n"
    "         exit status 1 where something needs somebody\n"
    "rebuild  drops what Redis has of partitions (all, or those named) and has them rebuilt from\n"
    "         the log; what is out is not published again; --start-over forgets offsets too\n"
    "test     plays the stories of test files through the rules, and says which went wrong\n"
    "dev      everything on this machine with nothing to set up: a toy broker, a private Redis,\n"
    "         the daemon; --once ends it when all of EVENTS are through\n";

int app_version(void)
{
    return printf("engaged %s\n", ENGAGED_VERSION) < 0 || fflush(stdout);
}

int app_help(void)
{
    return printf("%s", help) < 0 || fflush(stdout);
}

int app_usage(const char *what)
{
    fprintf(stderr, "engaged: %s\n%s", what, help);
    return APP_EXIT_USAGE;
}
