/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc64.h"
#include "../unit.h"

/* The check value that Redis' own crc64.c names, and each length around a step of eight bytes. */
static void test_known(void **state)
{
    (void)state;
    assert_true(crc64(STR("123456789")) == 0xe9c6d914c4b8d9ca);
    assert_true(crc64(STR_NULL) == 0);
}

/* A bit at a time. */
static uint64_t slowly(struct str bytes)
{
    uint64_t c = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        c ^= (unsigned char)bytes.ptr[i];
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? c >> 1 ^ 0x95ac9329ac4bc9b5 : c >> 1;
    }
    return c;
}

static void test_lengths(void **state)
{
    char bytes[100];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 37 + 11);
    for (size_t n = 0; n < sizeof(bytes) - 3; n++) {
        struct str s = {bytes + n % 3, n};

        assert_true(crc64(s) == slowly(s));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_lengths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
