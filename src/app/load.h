/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A configuration for a command: what is wrong with it goes to standard error, a line each. */
#include "conf/conf.h"

/* NULL: it has faults, and they have been said. The caller frees it. */
struct conf *load_conf(const char *path);
/* The same for what needs Kafka and Redis, and the secrets to them. */
struct conf *load_daemon_conf(const char *path);
void load_print_faults(const struct conf_faults *faults);
