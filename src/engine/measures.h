/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a stakeholder was asked, or observed to be, per dimension: the latest share (0..1), and the
 * decayed mean: sum of w s / sum of w with w = 2^(-(t - t_j) / H), which time alone does not move.
 */
#include "engine/decay.h"
#include "engine/wire.h"

struct measure {
    uint16_t dimension; /* its index in the model */
    int64_t ref_ms;     /* of the latest */
    double last;
    double sum, weight; /* as of ref_ms */
};

struct measures {
    struct measure *items; /* owned; by dimension as they came */
    uint16_t n, cap;
};

void measures_deinit(struct measures *m);
size_t measures_bytes(const struct measures *m);
/* False: `share` is not within 0..1. */
bool measures_apply(struct measures *m, uint16_t dimension, double share, int64_t time_ms,
                    int64_t half_life_ms);
/* NULL: never measured. */
const struct measure *measures_find(const struct measures *m, uint16_t dimension);
double measure_mean(const struct measure *m); /* 0..1 */

/* By tags of the dimensions; those that are not among `tags` are left out when unpacking. */
void measures_pack(const struct measures *m, const uint32_t *tags, struct buf *out);
void measures_unpack(struct measures *m, const uint32_t *tags, size_t n_tags, struct wire *in);
