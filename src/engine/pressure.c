/* SPDX-License-Identifier: Apache-2.0 */
/* A series of what was sent, cut off behind the latest inbound interaction and the longest span. */
#include "engine/pressure.h"

#define NEVER (INSTANT_MIN_MS - 1) /* packed */

void pressure_init(struct pressure *p)
{
    *p = (struct pressure){.last_in_ms = INT64_MIN};
}

void pressure_deinit(struct pressure *p)
{
    series_deinit(&p->sent);
}

size_t pressure_bytes(const struct pressure *p)
{
    return series_bytes(&p->sent, false);
}

void pressure_apply(struct pressure *p, bool is_inbound, int64_t time_ms, int64_t now_ms,
                    int64_t keep_ms)
{
    int64_t before_ms;

    if (is_inbound && time_ms > p->last_in_ms)
        p->last_in_ms = time_ms;
    before_ms = now_ms - keep_ms < p->last_in_ms ? now_ms - keep_ms : p->last_in_ms;
    series_expire(&p->sent, false, before_ms);
    if (!is_inbound && time_ms > before_ms)
        series_add(&p->sent, false, time_ms, 0);
}

int64_t pressure_since(const struct pressure *p, int64_t after_ms)
{
    return series_after(&p->sent, false, after_ms > p->last_in_ms ? after_ms : p->last_in_ms).n;
}

int64_t pressure_sent(const struct pressure *p, int64_t after_ms)
{
    return series_after(&p->sent, false, after_ms).n;
}

void pressure_pack(const struct pressure *p, struct buf *out)
{
    wire_put_i64(out, p->last_in_ms == INT64_MIN ? NEVER : p->last_in_ms);
    series_pack(&p->sent, false, out);
}

void pressure_unpack(struct pressure *p, struct wire *in)
{
    int64_t last_in_ms = wire_get_i64(in);

    in->is_bad |= last_in_ms < NEVER || last_in_ms > INSTANT_MAX_MS;
    p->last_in_ms = last_in_ms == NEVER ? INT64_MIN : last_in_ms;
    series_unpack(&p->sent, false, in);
}
