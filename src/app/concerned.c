/* SPDX-License-Identifier: Apache-2.0 */
/* Whose state a record needs, and whether that is a place where this partition can reach it. */
#include "app/daemon_impl.h"

#include <librdkafka/rdkafka.h>

int32_t concerned_place(const struct partition *p, struct str id)
{
    int32_t n = p->daemon->n_input_partitions;

    return n ? rd_kafka_msg_partitioner_murmur2(NULL, id.ptr, id.len, n, NULL, NULL) : -1;
}

static bool is_merge(const struct event *event)
{
    struct str ids[ENGINE_CONCERNED_MAX];

    return engine_concerned(event, ids) == 2;
}

bool concerned_is_elsewhere(const struct partition *p, const struct event *event,
                            struct event_refusal *ret_refusal)
{
    int32_t place;

    if (!is_merge(event))
        return false;
    place = concerned_place(p, event->identity.into);
    if (place == p->id)
        return false;
    refusal_set(ret_refusal, REFUSAL_STAGE_APPLY, "identity.partition",
                "The two ids are in different partitions (%d and %d), and only those of one can be "
                "merged; send the events of both under one id from here on, or erase the former.",
                (int)p->id, (int)place);
    return true;
}

void concerned_are_spared(struct partition *p, const struct event *event)
{
    struct str ids[ENGINE_CONCERNED_MAX];
    size_t n = engine_concerned(event, ids);

    engine_spare(p->engine, ids, n);
}

bool concerned_are_at_hand(struct partition *p, const struct event *event)
{
    struct event_refusal refusal;
    struct str ids[ENGINE_CONCERNED_MAX];
    size_t n = engine_concerned(event, ids);
    bool has = true;

    if (n == 2 && !p->daemon->n_input_partitions)
        return false; /* where the other one is is not known yet */
    if (concerned_is_elsewhere(p, event, &refusal))
        return true;
    for (size_t i = 0; i < n; i++)
        has &= residency_has(p, ids[i]);
    return has;
}
