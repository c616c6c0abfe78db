/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Places in the exactly-once protocol at which a test can have the process die, as by kill -9. In
 * the program that ships, kill_point() does nothing and nothing can make it do something: the tests
 * link an object of their own in its place (tests/faults/kill_point.c), all others being the same.
 *
 * Names are those of the step just done, in small letters and underscores; each stands at one place.
 */
void kill_point(const char *name);
