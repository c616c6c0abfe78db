/* SPDX-License-Identifier: Apache-2.0 */
/* Eight bytes a step: table k holds what a byte does that is followed by k others. */
#include "base/crc64.h"

#include <threads.h>

#define REFLECTED 0x95ac9329ac4bc9b5ULL

static uint64_t tables[8][256];
static once_flag are_made = ONCE_FLAG_INIT;

static void make(void)
{
    for (unsigned b = 0; b < 256; b++) {
        uint64_t c = b;

        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? c >> 1 ^ REFLECTED : c >> 1;
        tables[0][b] = c;
    }
    for (int k = 1; k < 8; k++) {
        for (unsigned b = 0; b < 256; b++)
            tables[k][b] = tables[k - 1][b] >> 8 ^ tables[0][tables[k - 1][b] & 0xff];
    }
}

static uint64_t little_endian(const unsigned char *p)
{
    uint64_t v = 0;

    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

uint64_t crc64(struct str bytes)
{
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    size_t left = bytes.len;
    uint64_t c = 0;

    call_once(&are_made, make);
    for (; left >= 8; left -= 8, p += 8) {
        uint64_t x = c ^ little_endian(p);

        c = 0;
        for (int i = 0; i < 8; i++)
            c ^= tables[7 - i][x >> 8 * i & 0xff];
    }
    for (; left > 0; left--, p++)
        c = c >> 8 ^ tables[0][(c ^ *p) & 0xff];
    return c;
}
