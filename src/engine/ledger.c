/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A handful of open obligations per stakeholder, in an array that is searched from end to end. An
 * obligation is one allocation, its texts behind it.
 */
#include "engine/ledger.h"

#include "base/hash.h"
#include "base/mem.h"
#include "engine/deadline.h"

#include <stdlib.h>

struct obligation *obligation_free(struct obligation *o)
{
    if (!o)
        return NULL;
    list_unlink(&o->in_conversation);
    mem_free(o->joined);
    return mem_free(o);
}

void ledger_deinit(struct ledger *l)
{
    for (uint32_t i = 0; i < l->n_open; i++)
        obligation_free(l->open[i]);
    l->open = mem_free(l->open);
    l->answers = mem_free(l->answers);
    l->n_open = l->cap_open = 0;
    l->n_answers = l->cap_answers = 0;
}

static size_t text_bytes(const struct obligation *o)
{
    return o->id.len + o->source.len + o->org.len + o->conversation.len + o->channel.len;
}

size_t ledger_bytes(const struct ledger *l)
{
    size_t n = mem_taken(l->cap_open * sizeof(*l->open));

    for (uint32_t i = 0; i < l->n_open; i++)
        n += mem_taken(sizeof(struct obligation) + text_bytes(l->open[i])) +
             mem_taken(l->open[i]->n_joined * sizeof(uint64_t));
    return n + mem_taken(l->cap_answers * sizeof(*l->answers));
}

uint64_t ledger_id_hash(struct str id)
{
    return hash64(id.ptr, id.len, 0);
}

uint64_t ledger_group(const struct model *m, enum side by, struct str org, struct str conversation)
{
    uint64_t hash = hash64(org.ptr, org.len, by);

    if (m->answered_by == ANSWERED_BY_STAKEHOLDER)
        return hash;
    return hash64(conversation.ptr, conversation.len, hash);
}

/* Who owes an answer to an interaction that goes this way. */
static enum side debtor_of(enum direction direction)
{
    return direction == DIRECTION_INBOUND ? SIDE_ORGANISATION : SIDE_STAKEHOLDER;
}

static bool is_named(const struct obligation *o, struct str id)
{
    uint64_t hash = ledger_id_hash(id);

    if (str_eq(o->id, id))
        return true;
    for (uint32_t i = 0; i < o->n_joined; i++) {
        if (o->joined[i] == hash)
            return true;
    }
    return false;
}

bool ledger_answers(const struct model *m, const struct event *event, const struct obligation *o)
{
    if (event->direction == DIRECTION_PEER || debtor_of(event->direction) == o->by)
        return false;
    if (event->time_ms < o->since_ms || !str_eq(event->org, o->org))
        return false;
    switch (m->answered_by) {
    case ANSWERED_BY_STAKEHOLDER:
        return true;
    case ANSWERED_BY_REPLY:
        return event->in_reply_to.len && is_named(o, event->in_reply_to);
    case ANSWERED_BY_BOTH:
    case ANSWERED_BY_CONVERSATION:
        break;
    }
    return str_eq(event->conversation, o->conversation);
}

enum depth ledger_depth(const struct obligation *o)
{
    if (o->is_answered)
        return DEPTH_ANSWERED;
    return o->is_acknowledged ? DEPTH_ACKNOWLEDGED : DEPTH_OPEN;
}

/* Whether the event says that what `o` is about is done. */
static bool resolves(const struct model *m, const struct event *event, const struct obligation *o)
{
    if (!event->resolves || event->time_ms < o->since_ms || !str_eq(event->org, o->org))
        return false;
    if (m->answered_by == ANSWERED_BY_STAKEHOLDER)
        return true;
    if (m->answered_by == ANSWERED_BY_REPLY && event->in_reply_to.len &&
        is_named(o, event->in_reply_to))
        return true;
    return o->conversation.len && str_eq(event->conversation, o->conversation);
}

enum depth ledger_depth_by(const struct model *m, const struct event *event,
                           const struct obligation *o)
{
    if (o->is_answered)
        return resolves(m, event, o) ? DEPTH_ACTED : DEPTH_ANSWERED;
    if (!ledger_answers(m, event, o))
        return ledger_depth(o);
    if (event->automatic && !m->automatic_answers)
        return DEPTH_ACKNOWLEDGED;
    return event->resolves ? DEPTH_ACTED : DEPTH_ANSWERED;
}

static bool opens_any(const struct model *m, const struct event *event, bool expects_reply)
{
    if (!expects_reply || event->direction == DIRECTION_PEER)
        return false;
    return event->conversation.len || m->answered_by == ANSWERED_BY_STAKEHOLDER ||
           m->answered_by == ANSWERED_BY_REPLY;
}

static void remember_joined(struct obligation *o, uint64_t hash)
{
    if (o->n_joined == LEDGER_JOINED_MAX) {
        memmove(o->joined, o->joined + 1, (LEDGER_JOINED_MAX - 1) * sizeof(*o->joined));
        o->n_joined--;
    }
    o->joined = mem_realloc(o->joined, (o->n_joined + 1) * sizeof(*o->joined));
    o->joined[o->n_joined++] = hash;
}

static void join(struct obligation *o, struct str id)
{
    if (o->n_waiting < UINT32_MAX)
        o->n_waiting++;
    remember_joined(o, ledger_id_hash(id));
}

static struct str put_text(char **at, struct str text)
{
    struct str copy = {.ptr = *at, .len = text.len};

    if (text.len)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return copy;
}

/* A copy of `from` with texts of its own; what is not text is the caller's to set. */
static struct obligation *obligation_new(const struct obligation *from)
{
    struct obligation *o = mem_calloc(1, sizeof(*o) + text_bytes(from));
    char *at = o->bytes;

    o->id = put_text(&at, from->id);
    o->source = put_text(&at, from->source);
    o->org = put_text(&at, from->org);
    o->conversation = put_text(&at, from->conversation);
    o->channel = put_text(&at, from->channel);
    return o;
}

static void append(struct ledger *l, struct obligation *o)
{
    if (l->n_open == l->cap_open) {
        l->cap_open = (uint16_t)(l->cap_open ? l->cap_open * 2 : 1);
        l->open = mem_realloc(l->open, l->cap_open * sizeof(struct obligation *));
    }
    l->open[l->n_open++] = o;
}

static bool is_older(const struct obligation *a, const struct obligation *b)
{
    return a->since_ms != b->since_ms ? a->since_ms < b->since_ms : a->offset < b->offset;
}

/* All that waited in `from` waits in `o`, which is older. */
static void join_all(struct obligation *o, const struct obligation *from)
{
    o->n_waiting =
        UINT32_MAX - o->n_waiting < from->n_waiting ? UINT32_MAX : o->n_waiting + from->n_waiting;
    o->fired |= from->fired;
    o->muted |= from->muted;
    o->matched |= from->matched;
    o->unproven |= from->unproven;
    o->is_acknowledged |= from->is_acknowledged;
    remember_joined(o, ledger_id_hash(from->id));
    for (uint32_t i = 0; i < from->n_joined; i++)
        remember_joined(o, from->joined[i]);
}

/* Where it would stand, had its record been applied to this ledger. */
static void insert(struct ledger *l, struct obligation *o)
{
    uint32_t at = l->n_open;

    append(l, o);
    for (; at > 0 && l->open[at - 1]->offset > o->offset; at--)
        l->open[at] = l->open[at - 1];
    l->open[at] = o;
}

struct obligation *ledger_adopt(struct ledger *l, struct obligation *o)
{
    struct obligation *other = NULL;

    for (uint32_t i = 0; i < l->n_open && !other; i++)
        other = l->open[i]->group == o->group && !l->open[i]->is_answered && !o->is_answered
                    ? l->open[i]
                    : NULL;
    if (!other && l->n_open >= LEDGER_OPEN_MAX)
        return obligation_free(o);
    if (other && is_older(other, o)) {
        join_all(other, o);
        obligation_free(o);
        return other;
    }
    if (other) {
        ledger_take(l, other);
        join_all(o, other);
        obligation_free(other);
    }
    insert(l, o);
    return o;
}

int ledger_open(struct ledger *l, const struct model *m, const struct event *event,
                bool expects_reply, struct obligation **ret_opened)
{
    const struct obligation texts = {.id = event->id,
                                     .source = event->source,
                                     .org = event->org,
                                     .conversation = event->conversation,
                                     .channel = event->channel};
    struct obligation *o;
    enum side by = debtor_of(event->direction);
    uint64_t group;

    if (!opens_any(m, event, expects_reply))
        return LEDGER_E_NONE;
    group = ledger_group(m, by, event->org, event->conversation);
    for (uint32_t i = 0; i < l->n_open; i++) {
        if (l->open[i]->group != group || l->open[i]->is_answered)
            continue;
        join(l->open[i], event->id);
        return LEDGER_E_JOINED;
    }
    if (l->n_open >= LEDGER_OPEN_MAX)
        return LEDGER_E_REFUSED;
    o = obligation_new(&texts);
    o->by = by;
    o->group = group;
    o->since_ms = event->time_ms;
    o->offset = event->offset;
    o->n_waiting = 1;
    append(l, o);
    *ret_opened = o;
    return 0;
}

/* Under what an answer is remembered: the group that it would close, or, where only a reply that
 * names its question counts, the name. */
static uint64_t answer_key(const struct model *m, enum side by, const struct event *event,
                           struct str question)
{
    if (m->answered_by == ANSWERED_BY_REPLY)
        return hash64(question.ptr, question.len, hash64(event->org.ptr, event->org.len, by));
    return ledger_group(m, by, event->org, event->conversation);
}

/* Whether it may answer a question that has not come yet. */
static bool may_be_early(const struct model *m, const struct event *event)
{
    if (event->direction == DIRECTION_PEER)
        return false;
    if (m->answered_by == ANSWERED_BY_REPLY)
        return event->in_reply_to.len > 0;
    return event->conversation.len || m->answered_by == ANSWERED_BY_STAKEHOLDER;
}

/* Room for one more of a few: 1, 3, 5, 7 and 8 fill what the allocator hands out. */
static void reserve_answer(struct ledger *l)
{
    unsigned cap = l->cap_answers ? l->cap_answers + 2u : 1;

    if (l->n_answers < l->cap_answers || l->n_answers == LEDGER_ANSWERS_MAX)
        return;
    l->cap_answers = (uint8_t)(cap < LEDGER_ANSWERS_MAX ? cap : LEDGER_ANSWERS_MAX);
    l->answers = mem_realloc(l->answers, l->cap_answers * sizeof(*l->answers));
}

static void note_answer(struct ledger *l, uint64_t group, int64_t time_ms)
{
    uint32_t at = 0;

    while (at < l->n_answers && l->answers[at].group != group)
        at++;
    if (at < l->n_answers && l->answers[at].time_ms > time_ms)
        return;
    reserve_answer(l);
    if (at == LEDGER_ANSWERS_MAX)
        at = 0;
    else if (at == l->n_answers)
        l->n_answers++;
    memmove(&l->answers[at], &l->answers[at + 1], (l->n_answers - 1 - at) * sizeof(*l->answers));
    l->answers[l->n_answers - 1] = (struct answer){group, time_ms};
}

void ledger_note_answer(struct ledger *l, const struct model *m, const struct event *event)
{
    enum side by =
        debtor_of(event->direction) == SIDE_ORGANISATION ? SIDE_STAKEHOLDER : SIDE_ORGANISATION;

    if (may_be_early(m, event))
        note_answer(l, answer_key(m, by, event, event->in_reply_to), event->time_ms);
}

/* The answers of both in the order of time, as if they had come so. */
void ledger_merge_answers(struct ledger *l, const struct ledger *from)
{
    struct ledger both = {.n_answers = 0};
    uint32_t i = 0, k = 0;

    while (i < l->n_answers || k < from->n_answers) {
        bool is_ours = k == from->n_answers ||
                       (i < l->n_answers && l->answers[i].time_ms <= from->answers[k].time_ms);
        const struct answer *next = is_ours ? &l->answers[i++] : &from->answers[k++];

        note_answer(&both, next->group, next->time_ms);
    }
    mem_free(l->answers);
    l->answers = both.answers;
    l->n_answers = both.n_answers;
    l->cap_answers = both.cap_answers;
}

/* When those that joined came is not known: then it waits on. */
bool ledger_is_answered(const struct ledger *l, const struct model *m, const struct obligation *o)
{
    uint64_t key = m->answered_by == ANSWERED_BY_REPLY
                       ? hash64(o->id.ptr, o->id.len, hash64(o->org.ptr, o->org.len, o->by))
                       : o->group;

    for (uint32_t i = 0; i < l->n_answers && o->n_waiting == 1 && !o->is_answered; i++) {
        if (l->answers[i].group == key && l->answers[i].time_ms > o->since_ms)
            return true;
    }
    return false;
}

bool ledger_was_answered(const struct ledger *l, const struct model *m, const struct event *event)
{
    uint64_t group;

    if (event->direction == DIRECTION_PEER)
        return false;
    group = answer_key(m, debtor_of(event->direction), event, event->id);
    for (uint32_t i = 0; i < l->n_answers; i++) {
        if (l->answers[i].group == group && l->answers[i].time_ms > event->time_ms)
            return true;
    }
    return false;
}

bool ledger_is_over(const struct ledger *l, const struct obligation *o, enum depth depth,
                    enum depth end)
{
    uint32_t n_answered = 0;

    if (depth >= end)
        return true;
    for (uint32_t i = 0; i < l->n_open; i++)
        n_answered += l->open[i]->is_answered;
    return depth >= DEPTH_ANSWERED && !o->is_answered && n_answered >= LEDGER_ANSWERED_MAX;
}

struct obligation *ledger_find(const struct ledger *l, uint64_t id_hash)
{
    for (uint32_t i = 0; i < l->n_open; i++) {
        if (ledger_id_hash(l->open[i]->id) == id_hash)
            return l->open[i];
    }
    return NULL;
}

void ledger_take(struct ledger *l, struct obligation *o)
{
    uint32_t at = 0;

    while (l->open[at] != o)
        at++;
    l->n_open--;
    memmove(&l->open[at], &l->open[at + 1], (l->n_open - at) * sizeof(struct obligation *));
    if (!l->n_open) {
        l->open = mem_free(l->open);
        l->cap_open = 0;
    }
}

const struct obligation *ledger_oldest(const struct ledger *l, enum side by, uint32_t *ret_n)
{
    const struct obligation *oldest = NULL;

    *ret_n = 0;
    for (uint32_t i = 0; i < l->n_open; i++) {
        if (l->open[i]->by != by || l->open[i]->is_answered)
            continue;
        ++*ret_n;
        if (!oldest || l->open[i]->since_ms < oldest->since_ms)
            oldest = l->open[i];
    }
    return oldest;
}

/* Bits are kept by the rules' names, since another configuration counts them anew. */
static void pack_bits(uint64_t bits, const struct model *m, struct buf *out)
{
    wire_put_u64(out, (uint64_t)__builtin_popcountll(bits));
    for (size_t i = 0; i < m->n_owed; i++) {
        if (bits >> i & 1)
            wire_put_fixed(out, m->rules[m->owed_rules[i]].tag, 4);
    }
}

static uint64_t unpack_bits(const struct model *m, struct wire *in)
{
    size_t n = wire_get_count(in, 4);
    uint64_t bits = 0;

    for (size_t k = 0; k < n; k++) {
        uint32_t tag = (uint32_t)wire_get_fixed(in, 4);

        for (size_t i = 0; i < m->n_owed; i++) {
            if (m->rules[m->owed_rules[i]].tag == tag)
                bits |= 1ULL << i;
        }
    }
    return bits;
}

static bool is_where(const struct model *m, size_t owed_bit)
{
    return m->rules[m->owed_rules[owed_bit]].owed_where != NULL;
}

/* By what the `where`s say: a rule may change its name, and two may have one. */
static void pack_matched(const struct obligation *o, const struct model *m, struct buf *out)
{
    wire_put_u64(out, (uint64_t)__builtin_popcountll(o->matched));
    for (size_t i = 0; i < m->n_owed; i++) {
        if (o->matched >> i & 1)
            wire_put_fixed(out, m->rules[m->owed_rules[i]].where_tag, 4);
    }
}

static void unpack_matched(struct obligation *o, const struct model *m, struct wire *in)
{
    size_t n = wire_get_count(in, 4);

    for (size_t k = 0; k < n; k++) {
        uint32_t tag = (uint32_t)wire_get_fixed(in, 4);

        for (size_t i = 0; i < m->n_owed; i++) {
            if (is_where(m, i) && m->rules[m->owed_rules[i]].where_tag == tag)
                o->matched |= 1ULL << i;
        }
    }
}

enum { FLAG_THEIRS = 1, FLAG_ACKNOWLEDGED = 2, FLAG_ANSWERED = 4, FLAG_MATCHED = 8 };

static unsigned flags_of(const struct obligation *o)
{
    return (o->by == SIDE_STAKEHOLDER ? FLAG_THEIRS : 0u) |
           (o->is_acknowledged ? FLAG_ACKNOWLEDGED : 0u) | (o->is_answered ? FLAG_ANSWERED : 0u) |
           (o->matched ? FLAG_MATCHED : 0u);
}

static void pack_obligation(const struct obligation *o, const struct model *m, struct buf *out)
{
    wire_put_u64(out, flags_of(o));
    wire_put_i64(out, o->since_ms);
    wire_put_i64(out, o->offset);
    wire_put_u64(out, o->n_waiting);
    wire_put_str(out, o->id);
    wire_put_str(out, o->source);
    wire_put_str(out, o->org);
    wire_put_str(out, o->conversation);
    wire_put_str(out, o->channel);
    wire_put_u64(out, o->n_joined);
    for (uint32_t i = 0; i < o->n_joined; i++)
        wire_put_fixed(out, o->joined[i], 8);
    pack_bits(o->fired, m, out);
    pack_bits(o->muted, m, out);
    pack_bits(o->unproven, m, out);
    if (o->matched)
        pack_matched(o, m, out);
}

static struct obligation *unpack_obligation(const struct model *m, struct wire *in)
{
    struct obligation texts = {0}, *o;
    uint64_t flags = wire_get_u64(in), n_waiting;

    texts.since_ms = wire_get_instant(in);
    texts.offset = wire_get_i64(in);
    n_waiting = wire_get_u64(in);
    texts.id = wire_get_str(in);
    texts.source = wire_get_str(in);
    texts.org = wire_get_str(in);
    texts.conversation = wire_get_str(in);
    texts.channel = wire_get_str(in);
    o = obligation_new(&texts);
    o->since_ms = texts.since_ms;
    o->offset = texts.offset;
    o->by = flags & FLAG_THEIRS ? SIDE_STAKEHOLDER : SIDE_ORGANISATION;
    o->is_acknowledged = flags & FLAG_ACKNOWLEDGED;
    o->is_answered = flags & FLAG_ANSWERED;
    o->n_waiting = (uint32_t)n_waiting;
    o->group = ledger_group(m, o->by, o->org, o->conversation);
    o->n_joined = (uint32_t)wire_get_count(in, 8);
    if (o->n_joined > LEDGER_JOINED_MAX) {
        in->is_bad = true;
        o->n_joined = 0;
    }
    o->joined = o->n_joined ? mem_calloc(o->n_joined, sizeof(*o->joined)) : NULL;
    for (uint32_t i = 0; i < o->n_joined; i++)
        o->joined[i] = wire_get_fixed(in, 8);
    o->fired = unpack_bits(m, in);
    o->muted = unpack_bits(m, in);
    o->unproven = unpack_bits(m, in);
    if (flags & FLAG_MATCHED)
        unpack_matched(o, m, in);
    return o;
}

void ledger_pack(const struct ledger *l, const struct model *m, struct buf *out)
{
    wire_put_u64(out, l->n_open);
    for (uint32_t i = 0; i < l->n_open; i++)
        pack_obligation(l->open[i], m, out);
    wire_put_u64(out, l->n_answers);
    for (uint32_t i = 0; i < l->n_answers; i++) {
        wire_put_fixed(out, l->answers[i].group, 8);
        wire_put_i64(out, l->answers[i].time_ms);
    }
}

void ledger_unpack(struct ledger *l, const struct model *m, struct wire *in)
{
    size_t n = wire_get_count(in, 10);

    if (n > LEDGER_OPEN_MAX)
        in->is_bad = true;
    for (size_t i = 0; i < n && !in->is_bad; i++) {
        struct obligation *o = unpack_obligation(m, in);

        if (o->is_answered && deadline_end(m, o) == DEPTH_ANSWERED)
            obligation_free(o); /* no rule waits for more, as one did before a reload */
        else
            append(l, o);
    }
    n = wire_get_count(in, 9);
    if (n > LEDGER_ANSWERS_MAX)
        in->is_bad = true;
    if (!n || in->is_bad)
        return;
    l->answers = mem_calloc(n, sizeof(*l->answers));
    l->cap_answers = (uint8_t)n;
    for (; l->n_answers < n; l->n_answers++) {
        l->answers[l->n_answers].group = wire_get_fixed(in, 8);
        l->answers[l->n_answers].time_ms = wire_get_instant(in);
    }
}
