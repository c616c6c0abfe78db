/* SPDX-License-Identifier: Apache-2.0 */
/* A short array, grown by one: most stakeholders have no trigger, few have several. */
#include "engine/follow.h"

#include "base/mem.h"
#include "base/parse.h"
#include "engine/profile.h"

#define IS_SEEN      1u
#define HAS_ESCALATE 2u

struct follow *follow_free(struct follow *f)
{
    return mem_free(f);
}

size_t follow_bytes(const struct follow *f)
{
    return f ? sizeof(*f) + f->n * sizeof(f->items[0]) + 16 : 0;
}

static bool parse_hex(struct str hex, unsigned char *ret_bytes)
{
    if (hex.len != DIGEST_HEX)
        return false;
    for (size_t i = 0; i < hex.len; i++) {
        char c = hex.ptr[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (digit < 0)
            return false;
        ret_bytes[i / 2] = (unsigned char)(i % 2 ? ret_bytes[i / 2] << 4 | digit : digit);
    }
    return true;
}

static void drop(struct profile *p, uint32_t at)
{
    struct follow *f = p->follow;

    f->n--;
    memmove(&f->items[at], &f->items[at + 1], (f->n - at) * sizeof(f->items[0]));
    if (!f->n)
        p->follow = follow_free(f);
}

static void append(struct profile *p, const struct followed *one)
{
    uint32_t n;

    if (p->follow && p->follow->n == FOLLOW_MAX)
        drop(p, 0);
    n = p->follow ? p->follow->n : 0;
    p->follow = mem_realloc(p->follow, sizeof(*p->follow) + (n + 1) * sizeof(*one));
    p->follow->items[n] = *one;
    p->follow->n = n + 1;
}

void follow_add(struct profile *p, const struct model *m, uint16_t rule, const char *id,
                int64_t fired_ms, uint64_t opened)
{
    int64_t after_ms = m->rules[rule].escalate_after_ms;
    struct followed one = {.fired_ms = fired_ms,
                           .escalate_ms = after_ms ? fired_ms + after_ms : INT64_MAX,
                           .opened = opened,
                           .rule = rule};

    if (one.escalate_ms > INSTANT_MAX_MS)
        one.escalate_ms = INT64_MAX;
    ENSURE(parse_hex(str_of(id), one.id));
    append(p, &one);
}

void follow_ended(struct profile *p, uint16_t rule, uint64_t opened)
{
    for (uint32_t i = 0; p->follow && i < p->follow->n; i++) {
        struct followed *one = &p->follow->items[i];

        if (one->rule == rule && one->opened == opened)
            one->escalate_ms = INT64_MAX;
    }
}

struct followed *follow_find(struct profile *p, struct str id)
{
    unsigned char bytes[DIGEST_HEX / 2];

    if (!p->follow || !parse_hex(id, bytes))
        return NULL;
    for (uint32_t i = 0; i < p->follow->n; i++) {
        if (memcmp(p->follow->items[i].id, bytes, sizeof(bytes)) == 0)
            return &p->follow->items[i];
    }
    return NULL;
}

void follow_close(struct profile *p, struct followed *one)
{
    drop(p, (uint32_t)(one - p->follow->items));
}

void follow_merge(struct profile *p, const struct profile *from)
{
    struct follow *ours = p->follow;
    uint32_t i = 0, k = 0, n = ours ? ours->n : 0;

    if (!from->follow)
        return;
    p->follow = NULL;
    while (i < n || k < from->follow->n) {
        bool is_ours = k == from->follow->n ||
                       (i < n && ours->items[i].fired_ms <= from->follow->items[k].fired_ms);

        append(p, is_ours ? &ours->items[i++] : &from->follow->items[k++]);
    }
    follow_free(ours);
}

int64_t follow_next_ms(const struct profile *p)
{
    int64_t ms = INT64_MAX;

    for (uint32_t i = 0; p->follow && i < p->follow->n; i++) {
        if (p->follow->items[i].escalate_ms < ms)
            ms = p->follow->items[i].escalate_ms;
    }
    return ms;
}

/* ---------------------------------------------------------------- packing */

void follow_pack(const struct profile *p, const struct model *m, struct buf *out)
{
    for (uint32_t i = 0; p->follow && i < p->follow->n; i++) {
        const struct followed *one = &p->follow->items[i];
        bool has_escalate = one->escalate_ms != INT64_MAX;

        wire_put_fixed(out, m->rules[one->rule].tag, 4);
        buf_add_str(out, (struct str){(const char *)one->id, sizeof(one->id)});
        wire_put_u64(out, (one->is_seen ? IS_SEEN : 0) | (has_escalate ? HAS_ESCALATE : 0));
        wire_put_u64(out, one->escalation);
        wire_put_i64(out, one->fired_ms);
        wire_put_fixed(out, one->opened, 8);
        if (has_escalate)
            wire_put_i64(out, one->escalate_ms);
    }
}

static struct followed unpack_one(struct wire *in)
{
    struct followed one = {.escalate_ms = INT64_MAX};
    uint64_t flags, escalation;

    for (size_t i = 0; i < sizeof(one.id); i++)
        one.id[i] = (unsigned char)wire_get_fixed(in, 1);
    flags = wire_get_u64(in);
    escalation = wire_get_u64(in);
    in->is_bad |= escalation > 100;
    one.is_seen = flags & IS_SEEN;
    one.escalation = (uint8_t)escalation;
    one.fired_ms = wire_get_instant(in);
    one.opened = wire_get_fixed(in, 8);
    if (flags & HAS_ESCALATE)
        one.escalate_ms = wire_get_instant(in);
    return one;
}

void follow_unpack(struct profile *p, const struct model *m, struct wire *in)
{
    while (in->at < in->end && !in->is_bad) {
        uint32_t tag = (uint32_t)wire_get_fixed(in, 4);
        struct followed one = unpack_one(in);

        for (size_t i = 0; i < m->n_rules && !in->is_bad; i++) {
            if (m->rules[i].tag != tag)
                continue;
            one.rule = (uint16_t)i;
            if (!m->rules[i].escalate_after_ms)
                one.escalate_ms = INT64_MAX;
            append(p, &one);
        }
    }
}
