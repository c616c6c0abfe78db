/* SPDX-License-Identifier: Apache-2.0 */
/* A short list in the order of answers; what is asked of it is counted from end to end. */
#include "engine/replies.h"

#include "base/mem.h"
#include "engine/deadline.h"

void replies_deinit(struct replies *r)
{
    r->items = mem_free(r->items);
    r->n = r->cap = 0;
}

size_t replies_bytes(const struct replies *r)
{
    return mem_taken(r->cap * sizeof(*r->items));
}

/* The earliest deadline of an answer that a rule of that side sets. */
static int64_t due_ms(const struct model *m, const struct obligation *o)
{
    return deadline_of_answer_ms(m, o->owner, o);
}

static void insert(struct replies *r, uint8_t at, struct reply reply)
{
    if (r->n == r->cap) {
        r->cap = r->cap ? (uint8_t)(r->cap * 2) : 2;
        r->items = mem_realloc(r->items, (size_t)r->cap * sizeof(*r->items));
    }
    memmove(r->items + at + 1, r->items + at, (size_t)(r->n - at) * sizeof(*r->items));
    r->items[at] = reply;
    r->n++;
}

void replies_note(struct replies *r, const struct model *m, const struct obligation *o,
                  int64_t answered_ms)
{
    const struct reply reply = {answered_ms, answered_ms - o->since_ms,
                                answered_ms <= due_ms(m, o)};
    uint8_t at = r->n;

    while (at > 0 && r->items[at - 1].answered_ms > answered_ms)
        at--;
    if (r->n == REPLIES_MAX) {
        if (at == 0)
            return;
        memmove(r->items, r->items + 1, (size_t)(r->n - 1) * sizeof(*r->items));
        r->n--;
        at--;
    }
    insert(r, at, reply);
}

bool replies_in_time(const struct replies *r, const struct model *m, const struct ledger *open,
                     enum side by, int64_t now_ms, double *ret_share)
{
    uint32_t n = r->n, n_in_time = 0;

    for (uint8_t i = 0; i < r->n; i++)
        n_in_time += r->items[i].is_in_time;
    for (uint32_t i = 0; i < open->n_open; i++)
        n += open->open[i]->by == by && !open->open[i]->is_answered &&
             due_ms(m, open->open[i]) < now_ms;
    if (n)
        *ret_share = (double)n_in_time / (double)n;
    return n > 0;
}

bool replies_quantile(const struct replies *r, unsigned percent, int64_t *ret_ms)
{
    int64_t sorted[REPLIES_MAX];
    unsigned rank = (percent * r->n + 99) / 100;

    if (!r->n)
        return false;
    for (uint8_t i = 0; i < r->n; i++) {
        uint8_t at = i;

        for (; at > 0 && sorted[at - 1] > r->items[i].took_ms; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = r->items[i].took_ms;
    }
    *ret_ms = sorted[rank - 1];
    return true;
}

void replies_pack(const struct replies *r, struct buf *out)
{
    wire_put_u64(out, r->n);
    for (uint8_t i = 0; i < r->n; i++) {
        wire_put_i64(out, r->items[i].answered_ms);
        wire_put_u64(out, (uint64_t)r->items[i].took_ms << 1 | r->items[i].is_in_time);
    }
}

void replies_unpack(struct replies *r, struct wire *in)
{
    size_t n = wire_get_count(in, 2);

    in->is_bad |= n > REPLIES_MAX;
    for (size_t i = 0; i < n && !in->is_bad; i++) {
        struct reply reply = {.answered_ms = wire_get_instant(in)};
        uint64_t took = wire_get_u64(in);

        reply.took_ms = (int64_t)(took >> 1);
        reply.is_in_time = took & 1;
        in->is_bad |= reply.took_ms > INSTANT_MAX_MS - INSTANT_MIN_MS ||
                      (i > 0 && reply.answered_ms < r->items[i - 1].answered_ms);
        insert(r, r->n, reply);
    }
}
