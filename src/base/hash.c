/* SPDX-License-Identifier: Apache-2.0 */
/* The two hashes, each from a library that is kept by others: xxHash and libmd. */
#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>
#include <sha2.h>
#include <sys/random.h>

uint64_t hash64(const void *bytes, size_t n, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, n, seed);
}

uint64_t hash_process_seed(void)
{
    static uint64_t seed;

    while (!seed && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        seed = 0;
    return seed;
}

void digest_hex(struct str bytes, char ret_hex[DIGEST_HEX + 1])
{
    static const char hex[] = "0123456789abcdef";
    uint8_t sum[SHA256_DIGEST_LENGTH];
    SHA2_CTX ctx;

    SHA256Init(&ctx);
    SHA256Update(&ctx, (const uint8_t *)bytes.ptr, bytes.len);
    SHA256Final(sum, &ctx);
    for (size_t i = 0; i < DIGEST_HEX / 2; i++) {
        ret_hex[2 * i] = hex[sum[i] >> 4];
        ret_hex[2 * i + 1] = hex[sum[i] & 15];
    }
    ret_hex[DIGEST_HEX] = '\0';
}
