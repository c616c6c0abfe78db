/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the headers of a copy; they are bytes from outside like any others. */
#include "app/origin.h"

#include "base/parse.h"

bool origin_is_header(const char *name)
{
    return strcmp(name, ORIGIN_TOPIC) == 0 || strcmp(name, ORIGIN_PARTITION) == 0 ||
           strcmp(name, ORIGIN_OFFSET) == 0 || strcmp(name, ORIGIN_TIMESTAMP) == 0;
}

bool origin_read(event_header_fn header_at, const void *headers, struct origin *ret_origin)
{
    struct str topic = STR_NULL, partition = STR_NULL, offset = STR_NULL;
    struct str timestamp = STR_NULL, value;
    const char *name;
    int64_t p, o, t;

    for (size_t i = 0; header_at && header_at(headers, i, &name, &value); i++) {
        if (strcmp(name, ORIGIN_TOPIC) == 0)
            topic = value;
        else if (strcmp(name, ORIGIN_PARTITION) == 0)
            partition = value;
        else if (strcmp(name, ORIGIN_OFFSET) == 0)
            offset = value;
        else if (strcmp(name, ORIGIN_TIMESTAMP) == 0)
            timestamp = value;
    }
    if (!topic.len || parse_i64(partition, &p) || parse_i64(offset, &o) || p < 0 || p > INT32_MAX ||
        o < 0)
        return false;
    if (parse_i64(timestamp, &t) || t < 0)
        t = -1;
    *ret_origin = (struct origin){topic, (int32_t)p, o, t};
    return true;
}
