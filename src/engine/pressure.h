/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How much we press: the outbound interactions (automatic ones too) since the latest inbound one,
 * and within spans of time. Exact for up to 64 of them, beyond that as exact as a window
 * (engine/series.h).
 */
#include "engine/series.h"

struct pressure {
    int64_t last_in_ms; /* INT64_MIN: never */
    struct series sent; /* outbound ones */
};

void pressure_init(struct pressure *p);
void pressure_deinit(struct pressure *p);
size_t pressure_bytes(const struct pressure *p); /* beyond itself */
/* `keep_ms`: the longest span that is asked for; `now_ms`: the latest instant known. */
void pressure_apply(struct pressure *p, bool is_inbound, int64_t time_ms, int64_t now_ms,
                    int64_t keep_ms);
/* Outbound ones since the latest inbound one, later than `after_ms`. */
int64_t pressure_since(const struct pressure *p, int64_t after_ms);
/* All outbound ones later than `after_ms`, which must be within what is kept. */
int64_t pressure_sent(const struct pressure *p, int64_t after_ms);
void pressure_pack(const struct pressure *p, struct buf *out);
void pressure_unpack(struct pressure *p, struct wire *in);
