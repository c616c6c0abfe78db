/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a changed configuration would have done differently: two engines see the same events, and
 * this room is told the triggers of both. Triggers are the same if rule, stakeholder, edge and the
 * cause's source and id are (ids are of no use: they contain the rule's version). Of the same ones
 * those of one time are unchanged, or regraded where their severity is another; the others are
 * paired in the order of time: moved. What has no partner is added or lost. A trigger counts in
 * the week and severity that its own side gave it, a difference in those of the new one if it has
 * one.
 *
 * What both have at the same time is only counted, so memory grows with the number of triggers
 * that differ; at worst, when nothing is the same, with that of all triggers of both.
 */
#include "engaged/trigger.h"

enum compare_side { COMPARE_OLD, COMPARE_NEW };

struct compare;

struct compare *compare_new(void);
struct compare *compare_free(struct compare *c);
/* Copies what it needs. */
void compare_add(struct compare *c, enum compare_side side, const struct trigger *trigger);
/* After the last trigger: pairs what is left. Call once, before either report. */
void compare_finish(struct compare *c);
/* For people: counts per rule and severity, and of each the ISO weeks (UTC) that differ; then the
 * triggers that differ, by time, at most `n_max` of them. */
void compare_report(const struct compare *c, struct buf *b, size_t n_max);
/* For programs, one object: everything. */
void compare_report_json(const struct compare *c, struct buf *b);
