/* SPDX-License-Identifier: Apache-2.0 */
/* The records of our own making: ticks and configurations. */
#include "codec/event_encode.h"

#include "codec/json_write.h"

static void open_event(struct buf *b, struct str deployment, struct str id, struct str type,
                       int64_t time_ms)
{
    json_write_open(b, NULL);
    json_write_text(b, "specversion", STR("1.0"));
    json_write_text(b, "id", id);
    json_write_source(b, deployment);
    json_write_text(b, "type", type);
    if (time_ms != EVENT_ENCODE_NO_TIME)
        json_write_instant(b, "time", time_ms);
}

void event_encode_tick(struct buf *b, struct str deployment, struct str id, int64_t time_ms)
{
    open_event(b, deployment, id, STR("io.engaged.tick.v1"), time_ms);
    json_write_close(b);
}

void event_encode_configuration(struct buf *b, struct str deployment, struct str id,
                                int64_t time_ms, struct str text, struct str previous)
{
    open_event(b, deployment, id, STR("io.engaged.configuration.v1"), time_ms);
    json_write_text(b, "datacontenttype", STR("application/json"));
    json_write_open(b, "data");
    json_write_text(b, "text", text);
    json_write_text(b, "previous", previous);
    json_write_close(b);
    json_write_close(b);
}
