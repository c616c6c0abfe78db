/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of outputs. Two lists hold all of them (waiting, flight); a third per partition, the
 * lane, finds the first that waits without a search. Only the order within a partition matters to
 * the protocol; the order over partitions keeps them fair to each other.
 */
#include "app/outbox.h"
#include "base/mem.h"

#define LANE_OUTPUT(node) CONTAINER_OF(node, struct output, in_partition)

void outbox_init(struct outbox *o)
{
    *o = (struct outbox){.n_waiting = 0};
    list_init(&o->waiting);
    list_init(&o->flight);
}

static void output_free(struct outbox *o, struct output *output)
{
    o->n_bytes -= output->n_bytes;
    list_unlink(&output->in_queue);
    list_unlink(&output->in_partition);
    mem_free(output);
}

void outbox_deinit(struct outbox *o)
{
    LIST_EACH_SAFE(it, &o->waiting)
    {
        output_free(o, OUTPUT_OF(it));
    }
    LIST_EACH_SAFE(it, &o->flight)
    {
        output_free(o, OUTPUT_OF(it));
    }
    ENSURE(o->n_bytes == 0);
}

void outbox_lane_init(struct outbox_lane *lane)
{
    *lane = (struct outbox_lane){.n_flight = 0};
    list_init(&lane->waiting);
}

/* ---- one output, in one allocation: the struct, the headers, then all bytes ---- */

static size_t record_size(const struct outbox_record *r)
{
    size_t n = sizeof(struct output) + r->n_headers * sizeof(struct outbox_header);

    n += r->key.len + r->value.len;
    for (size_t i = 0; i < r->n_headers; i++)
        n += r->headers[i].name.len + r->headers[i].value.len;
    return n;
}

/* Copies to *at and moves it on; what has no bytes at all (NULL) stays so. */
static struct str copy_str(char **at, struct str s)
{
    struct str copy = {.ptr = s.ptr ? *at : NULL, .len = s.len};

    if (s.len)
        memcpy(*at, s.ptr, s.len);
    *at += s.len;
    return copy;
}

static struct output *output_new(const struct outbox_record *r)
{
    size_t n_bytes = record_size(r);
    struct output *output = mem_alloc(n_bytes);
    struct outbox_header *headers = (struct outbox_header *)(output + 1);
    char *at = (char *)(headers + r->n_headers);

    *output = (struct output){.n_bytes = n_bytes, .record = *r};
    output->record.headers = headers;
    output->record.key = copy_str(&at, r->key);
    output->record.value = copy_str(&at, r->value);
    for (size_t i = 0; i < r->n_headers; i++) {
        headers[i].name = copy_str(&at, r->headers[i].name);
        headers[i].value = copy_str(&at, r->headers[i].value);
    }
    return output;
}

static bool is_before(const struct output *a, int64_t offset, uint32_t ordinal)
{
    return a->offset < offset || (a->offset == offset && a->ordinal < ordinal);
}

void outbox_add(struct outbox *o, struct outbox_lane *lane, int32_t partition, int64_t offset,
                uint32_t ordinal, const struct outbox_record *record)
{
    struct output *output = output_new(record);

    ENSURE(list_is_empty(&lane->waiting) ||
           is_before(LANE_OUTPUT(lane->waiting.prev), offset, ordinal));
    output->partition = partition;
    output->offset = offset;
    output->ordinal = ordinal;
    list_append(&o->waiting, &output->in_queue);
    list_append(&lane->waiting, &output->in_partition);
    o->n_waiting++;
    o->n_bytes += output->n_bytes;
}

struct output *outbox_replace(struct outbox *o, struct output *old,
                              const struct outbox_record *record, struct outbox_lane *lane)
{
    struct output *output = output_new(record);

    output->partition = old->partition;
    output->offset = old->offset;
    output->ordinal = old->ordinal;
    output->is_dropped = old->is_dropped;
    list_append(&old->in_queue, &output->in_queue); /* just before it */
    if (lane->flight_first == old)
        lane->flight_first = output;
    o->n_bytes += output->n_bytes;
    output_free(o, old);
    return output;
}

/* ---- batches ---- */

size_t outbox_cut(struct outbox *o, size_t max_n, size_t max_bytes, outbox_lane_fn lane_of,
                  void *ctx)
{
    size_t n = 0, n_bytes = 0;

    ENSURE(list_is_empty(&o->flight));
    LIST_EACH_SAFE(it, &o->waiting)
    {
        struct output *output = OUTPUT_OF(it);
        struct outbox_lane *lane = lane_of(ctx, output->partition);

        if (n >= max_n || (n && n_bytes + output->n_bytes > max_bytes))
            break;
        list_unlink(it);
        list_unlink(&output->in_partition);
        list_append(&o->flight, it);
        if (lane->n_flight++ == 0)
            lane->flight_first = output;
        n_bytes += output->n_bytes;
        n++;
    }
    o->n_waiting -= n;
    o->n_flight = n;
    return n;
}

static void land(struct outbox *o, struct output *output, outbox_lane_fn lane_of, void *ctx)
{
    if (!output->is_dropped) {
        struct outbox_lane *lane = lane_of(ctx, output->partition);

        lane->n_flight--;
        lane->flight_first = NULL;
    }
    o->n_flight--;
}

void outbox_commit(struct outbox *o, outbox_lane_fn lane_of, void *ctx)
{
    LIST_EACH_SAFE(it, &o->flight)
    {
        land(o, OUTPUT_OF(it), lane_of, ctx);
        output_free(o, OUTPUT_OF(it));
    }
}

void outbox_abort(struct outbox *o, outbox_lane_fn lane_of, void *ctx)
{
    /* From the last to the first, each before what is first by then. */
    while (!list_is_empty(&o->flight)) {
        struct output *output = OUTPUT_OF(o->flight.prev);

        land(o, output, lane_of, ctx);
        if (output->is_dropped) {
            output_free(o, output);
            continue;
        }
        list_unlink(&output->in_queue);
        list_append(o->waiting.next, &output->in_queue);
        list_append(lane_of(ctx, output->partition)->waiting.next, &output->in_partition);
        o->n_waiting++;
    }
}

void outbox_drop(struct outbox *o, struct outbox_lane *lane, int32_t partition)
{
    LIST_EACH_SAFE(it, &lane->waiting)
    {
        output_free(o, LANE_OUTPUT(it));
        o->n_waiting--;
    }
    if (!lane->n_flight)
        return;
    LIST_EACH(it, &o->flight)
    {
        if (OUTPUT_OF(it)->partition == partition)
            OUTPUT_OF(it)->is_dropped = true;
    }
    lane->n_flight = 0;
    lane->flight_first = NULL;
}

const struct output *outbox_first(const struct outbox_lane *lane)
{
    const struct list *first = list_first(&lane->waiting);

    return first ? LANE_OUTPUT(first) : NULL;
}

const struct output *outbox_unsettled(const struct outbox_lane *lane)
{
    return lane->flight_first ? lane->flight_first : outbox_first(lane);
}
