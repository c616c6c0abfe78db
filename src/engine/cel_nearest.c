/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the nearest name by edit distance, where a swap of neighbours is one edit and
 * case counts for nothing. */
#include "engine/cel_program.h"

#define NAME_MAX_BYTES 64

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c ^ 0x20 : c;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Optimal string alignment, three rows at a time. */
static unsigned distance(struct str a, struct str b)
{
    unsigned rows[3][NAME_MAX_BYTES + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b.len; j++)
        above[j] = (unsigned)j;
    for (size_t i = 1; i <= a.len; i++) {
        unsigned *oldest = before;

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            bool same = lower(a.ptr[i - 1]) == lower(b.ptr[j - 1]);

            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + !same);
            if (i > 1 && j > 1 && lower(a.ptr[i - 1]) == lower(b.ptr[j - 2]) &&
                lower(a.ptr[i - 2]) == lower(b.ptr[j - 1]))
                row[j] = min3(row[j], before[j - 2] + 1, row[j]);
        }
        before = above;
        above = row;
        row = oldest;
    }
    return above[b.len];
}

struct cel_nearest cel_nearest_of(struct str wanted)
{
    /* A third of the letters may be wrong, and one of a short name. */
    return (struct cel_nearest){
        .wanted = wanted,
        .best = STR_NULL,
        .distance = wanted.len < 6 ? 2 : (unsigned)(wanted.len / 3) + 1,
    };
}

void cel_nearest_try(struct cel_nearest *n, struct str candidate)
{
    unsigned d;

    if (n->wanted.len > NAME_MAX_BYTES || candidate.len > NAME_MAX_BYTES)
        return;
    d = distance(n->wanted, candidate);
    if (d < n->distance) {
        n->distance = d;
        n->best = candidate;
    }
}
