/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The least or the greatest value of any window that ends now: a staircase. Kept are the events
 * that none at the same time or later outdoes, oldest first: the oldest of them that is in a window
 * is its extreme. What follows from that is exact, at any number of events, while there are few
 * steps.
 *
 * Where there are many, a step is drawn together with the next newer one, and then stands at that
 * one's time: its value stays that little longer. Only where both are of at most 2 % of the events
 * that are newer: what has left a window counts on until at most 2 % of the window's events have
 * left after it (a late event that comes between may cost it as much again). Two steps are of two
 * events or more, so up to 100 events in a window are exact. At most 1,024 steps are kept; beyond
 * that (some million events, each outdone by the one before) the oldest are drawn together whatever
 * lies between them.
 */
#include "engine/entries.h"

#define EXTREMES_STRIDE 2
#define EXTREMES_MAX    1024

/* An entry's number is that of the events after the next older entry, up to its own time; it stays
 * at ENTRY_NUMBER_MAX. Its value is a finite double. */
void extremes_add(struct entries *s, bool is_high, int64_t time_ms, double value);
