/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A handful of events of some 50 bytes each: found by stepping over those before, and numbers of
 * places are put right whenever one comes or goes.
 *
 *   event    a word of its time and the size of the rest (entries.h), [the size, where it is long,]
 *            offset, 2 * rank + (whether it names no source), length of the id, [length of the
 *            source,] id, [source,] counted
 */
#include "engine/refs.h"

#include "base/mem.h"
#include "engine/entries.h"
#include "engine/profile.h"

#define PLACE_NEW  UINT16_MAX /* of the event that refs_note() is about to take in */
#define SPARE_MOST 32         /* bytes; with more the room is cut to what is needed */
#define HEAD_MAX   64         /* four varints, or a word and one */

struct refs *refs_free(struct refs *r)
{
    return mem_free(r);
}

size_t refs_bytes(const struct refs *r)
{
    return r ? mem_taken(sizeof(*r) + r->cap) : 0;
}

/* ---------------------------------------------------------------- one of them */

static struct wire events_of(const struct refs *r)
{
    return (struct wire){.at = r->bytes + r->n_source, .end = r->bytes + r->n_bytes};
}

/* How many bytes follow the first word, of which this takes what tells of a long event. */
static size_t read_size(uint64_t word, struct wire *in)
{
    return entry_number(word) < ENTRY_NUMBER_MAX ? entry_number(word) : wire_get_u64(in);
}

static uint64_t read_word(struct wire *in)
{
    uint64_t word;

    memcpy(&word, in->at, sizeof(word));
    in->at += sizeof(word);
    return word;
}

/* The time of the next one, which is stepped over. */
static int64_t skip(struct wire *in)
{
    uint64_t word = read_word(in);
    size_t size = read_size(word, in);

    in->at += size;
    return entry_time(word);
}

static struct str take(struct wire *in, size_t n)
{
    struct str s = {(const char *)in->at, n};

    in->at += n;
    return s;
}

static struct event_ref read_event(const struct refs *r, struct wire *in)
{
    uint64_t word = read_word(in), flags, n_id, n_source = 0;
    size_t size = read_size(word, in);
    const unsigned char *end = in->at + size;
    struct event_ref ref = {.time_ms = entry_time(word)};

    ref.offset = wire_get_i64(in);
    flags = wire_get_u64(in);
    n_id = wire_get_u64(in);
    if (!(flags & 1))
        n_source = wire_get_u64(in);
    ref.rank = (uint16_t)(flags >> 1);
    ref.id = take(in, n_id);
    ref.source = flags & 1 ? (struct str){(const char *)r->bytes, r->n_source} : take(in, n_source);
    ref.counted = take(in, (size_t)(end - in->at));
    return ref;
}

static struct wire find(const struct refs *r, size_t i)
{
    struct wire in = events_of(r);

    while (i--)
        (void)skip(&in);
    return in;
}

struct event_ref refs_get(const struct refs *r, size_t i)
{
    struct wire in = find(r, i);

    return read_event(r, &in);
}

struct event_ref refs_copy(const struct refs *r, size_t i, struct buf *texts)
{
    struct event_ref ref = refs_get(r, i);
    size_t n = texts->len;

    buf_add_str(texts, ref.id);
    buf_add_str(texts, ref.source);
    buf_add_str(texts, ref.counted);
    ref.id.ptr = texts->ptr + n;
    ref.source.ptr = ref.id.ptr + ref.id.len;
    ref.counted.ptr = ref.source.ptr + ref.source.len;
    return ref;
}

bool refs_behind(const struct profile *p, size_t place, struct event_ref *ret_ref)
{
    if (!profile_places(p)[place])
        return false;
    *ret_ref = refs_get(p->refs, profile_places(p)[place] - 1u);
    return true;
}

static bool has_place(const struct profile *p, const struct model *m, size_t i)
{
    for (size_t place = 0; place < profile_n_refs(m); place++) {
        if (profile_places(p)[place] == i + 1)
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------- come and go */

/* The room fills what the allocator hands out. */
static struct refs *resize(struct refs *r, size_t n_bytes)
{
    size_t n = mem_taken(sizeof(*r) + n_bytes) - MEM_OVERHEAD;
    struct refs *to = mem_realloc(r, n);

    if (!r)
        *to = (struct refs){.n = 0};
    to->cap = (uint32_t)(n - sizeof(*to));
    return to;
}

static struct refs *reserve(struct refs *r, size_t n_more)
{
    size_t n_bytes = (r ? r->n_bytes : 0) + n_more;

    return !r || n_bytes > r->cap ? resize(r, n_bytes) : r;
}

/* Puts `n` bytes in at `at`, which the caller fills. */
static unsigned char *open_gap(struct profile *p, size_t at, size_t n)
{
    struct refs *r = p->refs = reserve(p->refs, n);

    memmove(r->bytes + at + n, r->bytes + at, r->n_bytes - at);
    r->n_bytes += (uint32_t)n;
    return r->bytes + at;
}

static void close_gap(struct refs *r, size_t at, size_t n)
{
    memmove(r->bytes + at, r->bytes + at + n, r->n_bytes - at - n);
    r->n_bytes -= (uint32_t)n;
}

static bool names_none(const struct refs *r)
{
    struct wire in = events_of(r);

    for (uint16_t i = 0; i < r->n; i++) {
        if (read_event(r, &in).source.ptr == (const char *)r->bytes)
            return true;
    }
    return false;
}

/* Whether an event of that source need not name it. What most have in common is written once: the
 * source of the first, and of another when none of that source is left. */
static bool is_common(struct profile *p, struct str source)
{
    struct refs *r = p->refs;

    if (r && str_eq(source, (struct str){(const char *)r->bytes, r->n_source}))
        return true;
    if (r && names_none(r))
        return false;
    if (r)
        close_gap(r, 0, r->n_source);
    if (source.len)
        memcpy(open_gap(p, 0, source.len), source.ptr, source.len);
    else
        p->refs = reserve(p->refs, 0);
    p->refs->n_source = (uint32_t)source.len;
    return true;
}

/* What comes before the texts. */
static size_t write_head(const struct event_ref *ref, bool is_common, unsigned char *to)
{
    size_t n = wire_write_i64(to, ref->offset);

    n += wire_write_u64(to + n, (uint64_t)ref->rank << 1 | is_common);
    n += wire_write_u64(to + n, ref->id.len);
    return is_common ? n : n + wire_write_u64(to + n, ref->source.len);
}

static size_t write_size(const struct event_ref *ref, size_t size, unsigned char *to)
{
    bool is_long = size >= ENTRY_NUMBER_MAX;
    uint64_t word = entry_word(ref->time_ms, is_long ? ENTRY_NUMBER_MAX : (uint32_t)size);

    memcpy(to, &word, sizeof(word));
    return sizeof(word) + (is_long ? wire_write_u64(to + sizeof(word), size) : 0);
}

static unsigned char *write_str(unsigned char *to, struct str s)
{
    if (s.len)
        memcpy(to, s.ptr, s.len);
    return to + s.len;
}

static void renumber(struct profile *p, const struct model *m, size_t from, int by)
{
    uint16_t *place = profile_places(p), *end = place + profile_n_refs(m);

    for (; place < end; place++) {
        bool is_moved = *place > from && *place != PLACE_NEW;

        *place = (uint16_t)(*place + (is_moved ? by : 0));
    }
}

void refs_insert(struct profile *p, const struct model *m, size_t i, const struct event_ref *ref)
{
    unsigned char size[HEAD_MAX], head[HEAD_MAX], *to;
    bool common = is_common(p, ref->source);
    size_t n_head = write_head(ref, common, head);
    size_t n = n_head + ref->id.len + ref->counted.len + (common ? 0 : ref->source.len);
    size_t n_size = write_size(ref, n, size);

    to = open_gap(p, (size_t)(find(p->refs, i).at - p->refs->bytes), n_size + n);
    memcpy(to, size, n_size);
    memcpy(to + n_size, head, n_head);
    to = write_str(to + n_size + n_head, ref->id);
    if (!common)
        to = write_str(to, ref->source);
    write_str(to, ref->counted);
    renumber(p, m, i, 1);
    p->refs->n++;
}

void refs_remove(struct profile *p, const struct model *m, size_t i)
{
    struct refs *r = p->refs;
    struct wire in = find(r, i);
    size_t at = (size_t)(in.at - r->bytes);

    (void)skip(&in);
    close_gap(r, at, (size_t)(in.at - r->bytes) - at);
    renumber(p, m, i + 1, -1);
    r->n--;
    if (i < r->n_evidence)
        r->n_evidence--;
}

size_t refs_evidence_place(const struct refs *r, int64_t time_ms)
{
    struct wire in = r ? events_of(r) : wire_of(STR_NULL);
    size_t i = 0;

    while (i < refs_n_evidence(r) && skip(&in) > time_ms)
        i++;
    return i;
}

static void tidy(struct profile *p)
{
    if (p->refs && !p->refs->n)
        p->refs = refs_free(p->refs);
    else if (p->refs && p->refs->cap - p->refs->n_bytes > SPARE_MOST)
        p->refs = resize(p->refs, p->refs->n_bytes);
}

static void drop_unused(struct profile *p, const struct model *m)
{
    for (size_t i = refs_n(p->refs); i > refs_n_evidence(p->refs); i--) {
        if (!has_place(p, m, i - 1))
            refs_remove(p, m, i - 1);
    }
}

void refs_sweep(struct profile *p, const struct model *m)
{
    drop_unused(p, m);
    tidy(p);
}

/* ---------------------------------------------------------------- an event is applied */

struct event_ref refs_new(const struct profile *p, const struct model *m, const struct event *event)
{
    struct event_ref ref = {.time_ms = event->time_ms,
                            .offset = event->offset,
                            .id = event->id,
                            .source = event->source};
    struct wire in = p->refs ? events_of(p->refs) : wire_of(STR_NULL);

    for (size_t i = 0; i < refs_n(p->refs); i++) {
        uint16_t rank;

        if (skip(&in) != ref.time_ms || !has_place(p, m, i))
            continue;
        rank = refs_get(p->refs, i).rank;
        if (rank >= ref.rank)
            ref.rank = rank < UINT16_MAX ? (uint16_t)(rank + 1) : UINT16_MAX;
    }
    return ref;
}

void refs_set(struct profile *p, size_t place)
{
    profile_places(p)[place] = PLACE_NEW;
}

bool refs_set_groups(struct profile *p, const struct model *m, unsigned groups)
{
    groups &= m->derived.kept;
    for (unsigned g = 0; g < N_DERIVED_GROUPS; g++) {
        if (groups >> g & 1)
            refs_set(p, profile_derived_ref(m, (enum derived_group)g));
    }
    return groups != 0;
}

static bool is_set(const struct profile *p, const struct model *m)
{
    for (size_t place = 0; place < profile_n_refs(m); place++) {
        if (profile_places(p)[place] == PLACE_NEW)
            return true;
    }
    return false;
}

void refs_note(struct profile *p, const struct model *m, const struct event_ref *ref)
{
    size_t at = ref->counted.len ? refs_evidence_place(p->refs, ref->time_ms) : SIZE_MAX;
    bool is_evidence = at < m->evidence_events;
    struct event_ref noted = *ref;

    if (!is_set(p, m))
        return;
    if (is_evidence && refs_n_evidence(p->refs) == m->evidence_events)
        p->refs->n_evidence--;
    drop_unused(p, m); /* before there is room for one more */
    if (!is_evidence) {
        noted.counted = STR_NULL;
        at = refs_n(p->refs);
    }
    refs_insert(p, m, at, &noted);
    p->refs->n_evidence = (uint16_t)(p->refs->n_evidence + is_evidence);
    for (size_t place = 0; place < profile_n_refs(m); place++) {
        if (profile_places(p)[place] == PLACE_NEW)
            profile_places(p)[place] = (uint16_t)(at + 1);
    }
    tidy(p);
}
