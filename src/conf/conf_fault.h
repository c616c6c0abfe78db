/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Collecting faults: bounded, sorted at the end, each said once. */
#include "conf/conf.h"

#define CONF_FAULTS_MAX 1000 /* then one more that says so */

/* Control characters in what was formatted are replaced: a fault is one line. */
void conf_fault_add(struct conf_faults *faults, const char *file, int line, int column,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));
void conf_fault_vadd(struct conf_faults *faults, const char *file, int line, int column,
                     const char *format, va_list args) __attribute__((format(printf, 5, 0)));
/* By file, line, column; repeated ones (of an alias used twice) are dropped. */
void conf_faults_sort(struct conf_faults *faults);

/* What the user may have meant by `name`: the nearest of `names` (NULL-terminated), or NULL when
 * none is near. */
const char *conf_did_you_mean(struct str name, const char *const *names);
/* A piece of the file for a message, cut to a readable length: use with "%.*s". */
struct str conf_clip(struct str text);
