/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linked into `engaged-kill` in the place of base/kill_point.c. ENGAGED_KILL_AT=NAME:N has the
 * process die by SIGKILL when it comes by NAME for the N-th time (1 is the first), whichever thread
 * it is in; one line on standard error says so. ENGAGED_STOP_AT=NAME has it stop there by SIGSTOP
 * each time, when what other threads had begun is done, so that something can happen at just that
 * moment; SIGCONT has it go on.
 */
#include "base/kill_point.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OTHERS_US 300000

static struct {
    char name[64]; /* "": none */
    atomic_long n_left;
} wanted;
static const char *stops_at; /* NULL: nowhere */

__attribute__((constructor)) static void read_wanted(void)
{
    const char *text = getenv("ENGAGED_KILL_AT");
    const char *colon = text ? strchr(text, ':') : NULL;
    long n = colon ? strtol(colon + 1, NULL, 10) : 0;

    stops_at = getenv("ENGAGED_STOP_AT");
    if (!text)
        return;
    if (n < 1 || colon == text || (size_t)(colon - text) >= sizeof(wanted.name)) {
        fprintf(stderr, "ENGAGED_KILL_AT is NAME:N, N at least 1\n");
        exit(2);
    }
    memcpy(wanted.name, text, (size_t)(colon - text));
    atomic_store(&wanted.n_left, n);
}

void kill_point(const char *name)
{
    char line[96];
    int n;

    if (stops_at && strcmp(name, stops_at) == 0) {
        usleep(OTHERS_US);
        kill(getpid(), SIGSTOP);
    }
    if (!wanted.name[0] || strcmp(name, wanted.name) != 0 ||
        atomic_fetch_sub(&wanted.n_left, 1) != 1)
        return;
    n = snprintf(line, sizeof(line), "killed at %s\n", name);
    if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
        abort();
    kill(getpid(), SIGKILL);
    for (;;)
        pause(); /* it may take a moment in a program of several threads */
}
