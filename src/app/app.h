/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What main.c may ask for: the commands, each of which returns the exit code, and the help. */
#include "app/check.h"
#include "app/daemon.h"
#include "app/dev.h"
#include "app/explain.h"
#include "app/rebuild.h"
#include "app/replay.h"
#include "app/ruletest.h"
#include "app/status.h"

#define APP_EXIT_USAGE 2 /* the command line makes no sense */

int app_version(void);
int app_help(void);
/* Says what is wrong, and the help, on standard error; returns APP_EXIT_USAGE. */
int app_usage(const char *what);
