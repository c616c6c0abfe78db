/* SPDX-License-Identifier: Apache-2.0 */
/* Making a table, and searching for its hash. */
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

/* No text is the one of a name that is too long for two words, or of none. */
static void quote(struct name_table *t, size_t i, const char *name)
{
    size_t len = name ? strlen(name) + 3 : 0;
    char bytes[NAME_TABLE_MAX_BYTES] = {'"'}, ones[NAME_TABLE_MAX_BYTES];

    t->quoted[i].low = 1;
    if (!name || len > sizeof(bytes))
        return;
    memcpy(bytes + 1, name, len - 3);
    memcpy(bytes + len - 2, "\":", 2);
    memset(ones, 0xff, sizeof(ones));
    t->quoted[i].len = len;
    name_table_words(bytes, len, &t->quoted[i].low, &t->quoted[i].high);
    name_table_words(ones, len, &t->quoted[i].mask_low, &t->quoted[i].mask_high);
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
        quote(t, n, name);
    }
    for (size_t i = n; i <= NAME_TABLE_NONE; i++) {
        t->names[i].low = t->names[i].high = UINT64_MAX; /* no UTF-8 */
        quote(t, i, NULL);
    }
    memset(t->after, NAME_TABLE_NONE, sizeof(t->after));
    do {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        t->factor = random | 1;
        ENSURE(tries++ < TRIES_MAX);
    } while (!fill_slots(t, n));
}
