/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Records of a fuzzer: lines `name:value` up to an empty line are headers, the rest is the value.
 */
#include "base/str.h"

#define RECORD_HEADERS_MAX 16

struct record {
    char names[RECORD_HEADERS_MAX][64];
    struct str values[RECORD_HEADERS_MAX];
    size_t n_headers;
};

static inline bool record_header_at(const void *headers, size_t i, const char **ret_name,
                                    struct str *ret_value)
{
    const struct record *r = headers;

    if (i >= r->n_headers)
        return false;
    *ret_name = r->names[i];
    *ret_value = r->values[i];
    return true;
}

/* Takes header lines off the front of the value. */
static inline void record_split(struct str *value, struct record *r)
{
    while (value->len && r->n_headers < RECORD_HEADERS_MAX) {
        const char *end = memchr(value->ptr, '\n', value->len);
        size_t n = end ? (size_t)(end - value->ptr) : value->len;
        const char *colon = memchr(value->ptr, ':', n);
        size_t n_name = colon ? (size_t)(colon - value->ptr) : 0;

        if (n_name && n_name < sizeof(r->names[0])) {
            memcpy(r->names[r->n_headers], value->ptr, n_name);
            r->values[r->n_headers++] = (struct str){colon + 1, n - n_name - 1};
        }
        value->ptr += n + (end != NULL);
        value->len -= n + (end != NULL);
        if (!n)
            return;
    }
}
