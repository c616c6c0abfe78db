/* SPDX-License-Identifier: Apache-2.0 */
/* An entry per dimension that was ever measured, found by looking at each. */
#include "engine/measures.h"

#include "base/mem.h"

void measures_deinit(struct measures *m)
{
    m->items = mem_free(m->items);
    m->n = m->cap = 0;
}

size_t measures_bytes(const struct measures *m)
{
    return mem_taken(m->cap * sizeof(*m->items));
}

static struct measure *append(struct measures *m, struct measure measure)
{
    if (m->n == m->cap) {
        m->cap = m->cap ? (uint16_t)(m->cap * 2) : 1;
        m->items = mem_realloc(m->items, m->cap * sizeof(*m->items));
    }
    m->items[m->n] = measure;
    return &m->items[m->n++];
}

const struct measure *measures_find(const struct measures *m, uint16_t dimension)
{
    for (uint16_t i = 0; i < m->n; i++) {
        if (m->items[i].dimension == dimension)
            return &m->items[i];
    }
    return NULL;
}

bool measures_apply(struct measures *m, uint16_t dimension, double share, int64_t time_ms,
                    int64_t half_life_ms)
{
    struct measure *measure = (struct measure *)(uintptr_t)measures_find(m, dimension);
    double w, sums[2];

    if (!(share >= 0 && share <= 1))
        return false;
    if (!measure)
        measure =
            append(m, (struct measure){.dimension = dimension, .ref_ms = time_ms, .last = share});
    if (time_ms >= measure->ref_ms)
        measure->last = share;
    sums[0] = measure->sum;
    sums[1] = measure->weight;
    w = decay_admit(sums, 2, &measure->ref_ms, time_ms, half_life_ms);
    measure->sum = sums[0] + w * share;
    measure->weight = sums[1] + w;
    return true;
}

double measure_mean(const struct measure *m)
{
    double mean = m->sum / m->weight;

    return mean < 1 ? mean : 1;
}

void measures_pack(const struct measures *m, const uint32_t *tags, struct buf *out)
{
    wire_put_u64(out, m->n);
    for (uint16_t i = 0; i < m->n; i++) {
        const struct measure *measure = &m->items[i];

        wire_put_fixed(out, tags[measure->dimension], 4);
        wire_put_i64(out, measure->ref_ms);
        wire_put_double(out, measure->last);
        wire_put_double(out, measure->sum);
        wire_put_double(out, measure->weight);
    }
}

/* The latest measure weighs 1 as of itself. */
static bool makes_sense(const struct measure *m)
{
    return m->last >= 0 && m->last <= 1 && m->weight >= 1 && m->weight <= 1e15 && m->sum >= 0 &&
           m->sum <= m->weight * (1 + 1e-9);
}

void measures_unpack(struct measures *m, const uint32_t *tags, size_t n_tags, struct wire *in)
{
    size_t n = wire_get_count(in, 29);

    for (size_t i = 0; i < n && !in->is_bad; i++) {
        uint32_t tag = (uint32_t)wire_get_fixed(in, 4);
        struct measure measure = {.ref_ms = wire_get_instant(in)};

        measure.last = wire_get_double(in);
        measure.sum = wire_get_double(in);
        measure.weight = wire_get_double(in);
        in->is_bad |= !makes_sense(&measure);
        for (size_t d = 0; d < n_tags && !in->is_bad; d++) {
            measure.dimension = (uint16_t)d;
            if (tags[d] == tag && !measures_find(m, measure.dimension))
                (void)append(m, measure);
        }
    }
}
