/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * `engaged test`: what rule authors mean by their rules, as stories that a program can check. A
 * test file names a configuration and tells stories: these events, so much time, these triggers,
 * this state. They run through the engine of the daemon. config/tests/ shows all of the language:
 *
 *     config: FILE             relative to the test file; or the text itself, after a `|`
 *     tests:
 *       - name: ...
 *         steps:
 *           - event: {at, subject, direction, verb, ...}   the fields of an interaction, and
 *                                   id (else e1, e2, ...: by their order), source, sequence
 *           - pass: DURATION        time passes, nothing else; a deadline at the very instant at
 *           - until: TIME           which it ends has not passed: an answer could still come
 *           - end: TIME             the same, and nothing more comes: such deadlines have passed
 *           - expect: {fired: RULE} or {cleared: RULE}, with any of subject, at, cause, source,
 *                                   severity, route, action, kind, account, conversation,
 *                                   reason (a part of it), values: {NAME: VALUE}; or a list
 *           - expect: nothing       no trigger is left that was not expected
 *           - state: {subject, metrics: {NAME: VALUE}, owed_by_us, owed_by_them, stage}
 *
 * TIME is an instant (RFC 3339), or +DURATION after the latest time of the steps before. `at` may
 * be left out from the second step on: then it is that latest time. An expectation takes one
 * trigger that fits, in whatever order they came; what is left when the next event comes or time
 * passes, or at the end, nobody expected, and the test has failed. A test ends at its first
 * failure. Numbers are equal if they differ by one in 10^9 at most.
 */
#include <stddef.h>

/* Returns the exit code: 0 if all tests of all files passed. */
int ruletest_main(const char *const *files, size_t n_files);
