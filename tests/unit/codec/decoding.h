/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Records made by hand, for tests of the decoder. */
#include "codec/event_decode.h"
#include "../unit.h"

struct test_header {
    const char *name;
    const char *value; /* NULL: a null value */
};

/* `headers` ends with a name of NULL. */
static inline bool test_header_at(const void *headers, size_t i, const char **ret_name,
                                  struct str *ret_value)
{
    const struct test_header *h = (const struct test_header *)headers + i;

    if (!h->name)
        return false;
    *ret_name = h->name;
    *ret_value = str_of(h->value);
    return true;
}

static inline struct event_input test_input(const char *value, const struct test_header *headers)
{
    return (struct event_input){.value = str_of(value),
                                .header_at = headers ? test_header_at : NULL,
                                .headers = headers,
                                .timestamp_ms = 1700000000123,
                                .offset = 42};
}
