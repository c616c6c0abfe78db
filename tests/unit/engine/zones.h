/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The system's time zones for tests; all are kept until the process ends. */
#include "base/mem.h"
#include "engaged/zone.h"
#include "../unit.h"

#include <stdio.h>

#define ZONES_FN __attribute__((unused)) static

/* NULL: there is no such file. */
ZONES_FN struct zone *zones_read(const char *name)
{
    struct buf bytes = BUF_INIT;
    struct zone *zone = NULL;
    char path[256];
    FILE *f;

    snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    f = fopen(path, "re");
    if (!f)
        return NULL;
    buf_advance(&bytes, fread(buf_reserve(&bytes, ZONE_FILE_MAX), 1, ZONE_FILE_MAX, f));
    fclose(f);
    assert_int_equal(zone_of_tzif(buf_str(&bytes), &zone), 0);
    buf_deinit(&bytes);
    return zone;
}

ZONES_FN struct zone *zones_of(const char *text)
{
    struct zone *zone = NULL;

    assert_int_equal(zone_of_text(str_of(text), &zone), 0);
    return zone;
}
