/* SPDX-License-Identifier: Apache-2.0 */
/* An array in the order of arrival, searched from its end. */
#include "engine/journal.h"

#include "base/mem.h"
#include "engine/profile.h"

static void free_text(struct str s)
{
    mem_free((void *)(uintptr_t)s.ptr);
}

static size_t entry_bytes(const struct journal_entry *entry)
{
    return sizeof(*entry) + entry->bytes.len + 16;
}

struct journal *journal_new(struct str base, int64_t clock_ms)
{
    struct journal *j = mem_calloc(1, sizeof(*j));

    j->base = base;
    j->base_clock_ms = clock_ms;
    return j;
}

struct journal *journal_free(struct journal *j)
{
    if (!j)
        return NULL;
    for (uint32_t i = 0; i < j->n; i++)
        free_text(j->items[i].bytes);
    free_text(j->base);
    mem_free(j->items);
    return mem_free(j);
}

size_t journal_bytes(const struct journal *j)
{
    if (!j)
        return 0;
    return sizeof(*j) + j->base.len + 16 + (j->cap - j->n) * sizeof(*j->items) + j->n_bytes;
}

static void append(struct journal *j, const struct journal_entry *entry)
{
    if (j->n == j->cap) {
        j->cap = j->cap < 4 ? j->cap + 2 : j->cap + j->cap / 2;
        j->items = mem_realloc(j->items, j->cap * sizeof(*j->items));
    }
    j->items[j->n++] = *entry;
    j->n_bytes += entry_bytes(entry);
}

void journal_add(struct journal *j, uint64_t hash, int64_t time_ms, int64_t clock_ms,
                 const struct event *event)
{
    int64_t least_ms = j->n ? j->items[j->n - 1].clock_ms : j->base_clock_ms;
    struct journal_entry entry = {
        .hash = hash, .clock_ms = clock_ms > least_ms ? clock_ms : least_ms, .time_ms = time_ms};
    struct buf bytes = BUF_INIT;

    if (event) {
        event_pack(event, &bytes);
        bytes.ptr = mem_realloc(bytes.ptr, bytes.len);
        entry.bytes = buf_str(&bytes);
    }
    append(j, &entry);
}

struct journal_entry *journal_find(struct journal *j, uint64_t hash)
{
    for (uint32_t i = j ? j->n : 0; i > 0; i--) {
        if (j->items[i - 1].hash == hash)
            return &j->items[i - 1];
    }
    return NULL;
}

void journal_void(struct journal *j, struct journal_entry *entry)
{
    j->n_bytes -= entry->bytes.len;
    free_text(entry->bytes);
    entry->bytes = STR_NULL;
}

void journal_fold(struct journal *j, uint32_t n, struct str base)
{
    free_text(j->base);
    j->base = base;
    j->base_clock_ms = n ? j->items[n - 1].clock_ms : j->base_clock_ms;
    for (uint32_t i = 0; i < n; i++) {
        j->n_bytes -= entry_bytes(&j->items[i]);
        free_text(j->items[i].bytes);
    }
    j->n -= n;
    memmove(j->items, j->items + n, j->n * sizeof(*j->items));
}

/* ---------------------------------------------------------------- packing */

void journal_pack(const struct profile *p, const struct model *m, struct buf *out)
{
    const struct journal *j = p->journal;

    if (!j || !m->retraction_ms)
        return;
    wire_put_i64(out, j->base_clock_ms);
    wire_put_str(out, j->base);
    for (uint32_t i = 0; i < j->n; i++) {
        wire_put_fixed(out, j->items[i].hash, 8);
        wire_put_i64(out, j->items[i].clock_ms);
        wire_put_i64(out, j->items[i].time_ms);
        wire_put_str(out, j->items[i].bytes);
    }
}

static struct str copy(struct str s)
{
    return s.len ? (struct str){mem_strndup(s.ptr, s.len), s.len} : STR_NULL;
}

/* A clock: the lateness may put it before all instants. */
static int64_t get_clock(struct wire *in, int64_t least_ms)
{
    int64_t ms = wire_get_i64(in);

    in->is_bad |= ms < least_ms || ms > INSTANT_MAX_MS;
    return ms;
}

static void unpack_entry(struct journal *j, struct wire *in, int64_t least_ms)
{
    struct journal_entry entry = {.hash = wire_get_fixed(in, 8)};
    struct event event;
    struct wire inner;

    entry.clock_ms = get_clock(in, least_ms);
    entry.time_ms = wire_get_instant(in);
    entry.bytes = wire_get_str(in);
    inner = wire_of(entry.bytes);
    if (entry.bytes.len) {
        event_unpack(&inner, &event);
        in->is_bad |= inner.is_bad || inner.at != inner.end || event.time_ms != entry.time_ms;
    }
    if (in->is_bad)
        return;
    entry.bytes = copy(entry.bytes);
    append(j, &entry);
}

/* Whether the base makes sense is seen when it is needed. */
void journal_unpack(struct profile *p, const struct model *m, struct wire *in)
{
    int64_t clock_ms = get_clock(in, 2 * INSTANT_MIN_MS);
    struct str base = wire_get_str(in);
    struct journal *j;

    in->is_bad |= p->journal != NULL; /* the section comes once */
    if (in->is_bad)
        return;
    if (!m->retraction_ms) {
        in->at = in->end;
        return;
    }
    j = p->journal = journal_new(copy(base), clock_ms);
    while (in->at < in->end && !in->is_bad) {
        unpack_entry(j, in, clock_ms);
        clock_ms = j->n ? j->items[j->n - 1].clock_ms : clock_ms;
        in->is_bad |= j->n > JOURNAL_EVENTS_MAX;
    }
}
