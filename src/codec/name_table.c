/* SPDX-License-Identifier: Apache-2.0 */
/* Searching for the hash. */
#include "codec/name_table.h"

#define TRIES_MAX 1000000

static bool fill_slots(struct name_table *t, size_t n)
{
    memset(t->slots, NAME_TABLE_NONE, sizeof(t->slots));
    for (size_t i = 0; i < n; i++) {
        uint8_t *slot = &t->slots[name_table_slot(t, t->names[i].low, t->names[i].high)];

        if (*slot != NAME_TABLE_NONE)
            return false;
        *slot = (uint8_t)i;
    }
    return true;
}

void name_table_init(struct name_table *t, const char *(*name_at)(const void *names, size_t i),
                     const void *names)
{
    uint64_t random = 0x9e3779b97f4a7c15;
    size_t n = 0;
    int tries = 0;

    for (const char *name; (name = name_at(names, n)) != NULL; n++) {
        char padded[NAME_TABLE_MAX_BYTES] = {0};

        ENSURE(n < NAME_TABLE_MAX && strlen(name) <= sizeof(padded));
        memcpy(padded, name, strlen(name));
        name_table_words(padded, strlen(name), &t->names[n].low, &t->names[n].high);
    }
    for (size_t i = n; i <= NAME_TABLE_NONE; i++)
        t->names[i].low = t->names[i].high = UINT64_MAX; /* no UTF-8 */
    do {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        t->factor = random | 1;
        ENSURE(tries++ < TRIES_MAX);
    } while (!fill_slots(t, n));
}
