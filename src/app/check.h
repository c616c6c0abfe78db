/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* `engaged check`: what is wrong with a configuration, or what it means. */
#include "base/err.h"
#include "base/str.h"

/* Appends the report to `out`. True: the configuration is correct. */
bool check_file(const char *path, struct buf *out);
/* The same to standard output. The process' exit status: 0 correct, 1 not. */
int check_main(const char *path);
