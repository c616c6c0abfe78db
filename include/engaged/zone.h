/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Time zones: how far local time is ahead of UTC, at any instant. A zone is a table of changes,
 * and a yearly rule for what comes after it (RFC 9636: a TZif file and its footer). It is made from
 * bytes that somebody else has read; once made it is constant.
 *
 * As a text a zone is the seconds before the first change, then `SECONDS@OFFSET` for each change
 * (of 1970, UTC; new offset), then the rule as POSIX writes it in TZ: the same text for the same
 * zone, whatever the file's version and however far its table reaches.
 *
 *     "3600 828234000@7200 846378000@3600 CET-1CEST,M3.5.0,M10.5.0/3"
 */
#include "base/err.h"
#include "base/str.h"

#define ZONE_CHANGES_MAX 2000   /* of one zone; the longest of the database has about 250 */
#define ZONE_OFFSET_MAX  93599  /* seconds, either way: a day and two hours, less one second */
#define ZONE_FILE_MAX    262144 /* bytes of a TZif file */

struct zone;

#define ZONE_E_MALFORMED 1

/* Both: the caller owns the zone. ZONE_E_MALFORMED: these are no such bytes, or beyond the limits.
 */
must_check int zone_of_tzif(struct str bytes, struct zone **ret_zone);
must_check int zone_of_text(struct str text, struct zone **ret_zone);
/* Accepts NULL; returns NULL. */
struct zone *zone_free(struct zone *z);
/* Appends the zone as a text, without a line break. */
void zone_add_text(const struct zone *z, struct buf *out);

/* A stretch of time in which local time runs as UTC does. */
struct zone_span {
    int64_t offset_ms; /* local time less UTC */
    int64_t until_ms;  /* the first instant after the stretch; INT64_MAX: it does not end */
};
/* The stretch that the instant lies in. NULL stands for UTC. */
struct zone_span zone_at(const struct zone *z, int64_t ms);

/* Whether it looks like a name of the time-zone database, as Europe/Berlin does: letters, digits,
 * '_', '+', '-' and single '/', at most 64 bytes. */
bool zone_is_name(struct str name);
