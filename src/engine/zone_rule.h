/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The yearly rule of a time zone, as POSIX has it in TZ: "CET-1CEST,M3.5.0,M10.5.0/3". */
#include "engaged/zone.h"

#define ZONE_RULE_MAX 128 /* bytes of its text */

enum zone_day_form {
    ZONE_DAY_OF_WEEK, /* Mm.w.d: the w-th weekday d of month m; 5 is the last */
    ZONE_DAY_NO_LEAP, /* Jn: the n-th day, 1 to 365; 29 February is never counted */
    ZONE_DAY_OF_YEAR, /* n: the n-th day, from 0; 29 February is counted */
};

struct zone_day {
    enum zone_day_form form;
    int month, week, day;
    int32_t seconds; /* of that day, local time before the change; -167 h to 167 h */
};

struct zone_rule {
    bool has_summer;
    int32_t standard_s, summer_s; /* local time less UTC */
    struct zone_day begin, end;   /* of summer time */
};

must_check int zone_rule_parse(struct str text, struct zone_rule *ret_rule);
/* The offset at an instant (seconds since 1970), and the first later instant with another one,
 * INT64_MAX: none. */
int32_t zone_rule_at(const struct zone_rule *rule, int64_t second, int64_t *ret_until);
