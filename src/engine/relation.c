/* SPDX-License-Identifier: Apache-2.0 */
/* Hands each event to the parts that it concerns, and packs them one by one. */
#include "engine/relation.h"

#include "base/mem.h"
#include "engine/preference.h"
#include "engine/profile.h"

/* Of what was sent at least so much is kept, so that a stakeholder who states a period for the
 * first time is not counted from nothing. */
#define SENT_KEPT_MS (31 * 86400000LL)

static bool keeps(const struct model *m, enum derived_group group)
{
    return m->derived.kept >> group & 1;
}

bool relation_is_shown(const struct model *m, size_t var)
{
    uint32_t groups = derived_groups_of(var);

    return (m->derived.kept & groups) == groups;
}

static struct relation *relation_of(struct profile *p)
{
    if (!p->relation) {
        p->relation = mem_calloc(1, sizeof(*p->relation));
        p->relation->last_ms = INT64_MIN;
    }
    return p->relation;
}

struct relation *relation_free(struct relation *r)
{
    if (!r)
        return NULL;
    replies_deinit(&r->ours);
    replies_deinit(&r->theirs);
    measures_deinit(&r->measures);
    mem_free(r->balance);
    mem_free(r->tie);
    pressure_free(r->pressure);
    cadence_free(r->cadence);
    promises_free(r->promises);
    turns_free(r->turns);
    return mem_free(r);
}

size_t relation_bytes(const struct relation *r)
{
    if (!r)
        return 0;
    return sizeof(*r) + 16 + replies_bytes(&r->ours) + replies_bytes(&r->theirs) +
           measures_bytes(&r->measures) + (r->balance ? sizeof(*r->balance) + 16 : 0) +
           (r->tie ? sizeof(*r->tie) + 16 : 0) + (r->pressure ? pressure_bytes(r->pressure) : 0) +
           (r->cadence ? cadence_bytes(r->cadence) : 0) +
           (r->promises ? promises_bytes(r->promises) : 0) + (r->turns ? turns_bytes(r->turns) : 0);
}

/* ---------------------------------------------------------------- events */

static int64_t sent_kept_ms(const struct profile *p, const struct model *m)
{
    int64_t keep_ms = m->derived.pressure_window_ms, per_ms;
    uint32_t n;

    if (preference_max_contacts(p, &n, &per_ms) && per_ms > keep_ms)
        keep_ms = per_ms;
    return keep_ms > SENT_KEPT_MS ? keep_ms : SENT_KEPT_MS;
}

static bool apply_balance(struct relation *r, const struct model *m, const struct event *event)
{
    if (!keeps(m, DERIVED_BALANCE) || !(balance_worth(event) > 0))
        return false;
    if (!r->balance)
        r->balance = balance_new(event->time_ms);
    balance_apply(r->balance, event, m->derived.half_life_ms);
    return true;
}

static bool apply_pressure(struct profile *p, const struct model *m, const struct event *event,
                           int64_t now_ms)
{
    struct relation *r = p->relation;

    if (!keeps(m, DERIVED_PRESSURE))
        return false;
    if (!r->pressure)
        r->pressure = pressure_new();
    pressure_apply(r->pressure, event->direction == DIRECTION_INBOUND, event->time_ms, now_ms,
                   sent_kept_ms(p, m));
    return true;
}

static bool apply_cadence(struct relation *r, const struct model *m, const struct event *event)
{
    if (!keeps(m, DERIVED_CADENCE) || event->direction != DIRECTION_INBOUND)
        return false;
    if (!r->cadence)
        r->cadence = cadence_new();
    return cadence_apply(r->cadence, &m->derived.cadence, event->time_ms);
}

static bool apply_tie(struct relation *r, const struct model *m, const struct event *event)
{
    if (!keeps(m, DERIVED_TIE))
        return false;
    if (!r->tie)
        r->tie = tie_new(event->time_ms);
    tie_apply(r->tie, event, m->derived.half_life_ms);
    return true;
}

static bool apply_turns(struct relation *r, const struct model *m, const struct event *event)
{
    if (!keeps(m, DERIVED_TURNS) || !event->conversation.len)
        return false;
    if (!r->turns)
        r->turns = turns_new();
    turns_apply(r->turns, event);
    return true;
}

static bool apply_referral(struct relation *r, const struct model *m, const struct event *event)
{
    if (!keeps(m, DERIVED_ADVOCACY) || event->direction != DIRECTION_INBOUND ||
        !str_eq(event->verb, STR("referral")))
        return false;
    r->n_referrals++;
    return true;
}

static bool apply_last(struct relation *r, const struct model *m, const struct event *event)
{
    if (!keeps(m, DERIVED_SILENT) || event->time_ms < r->last_ms)
        return false;
    r->last_ms = event->time_ms;
    return true;
}

static unsigned bit_if(bool has_changed, enum derived_group group)
{
    return has_changed ? 1u << group : 0;
}

unsigned relation_apply(struct profile *p, const struct model *m, const struct event *event,
                        int64_t now_ms)
{
    unsigned changed;
    struct relation *r;

    if (!m->derived.kept || event->direction == DIRECTION_PEER)
        return 0;
    r = relation_of(p);
    changed = bit_if(apply_balance(r, m, event), DERIVED_BALANCE);
    changed |= bit_if(apply_pressure(p, m, event, now_ms), DERIVED_PRESSURE);
    changed |= bit_if(apply_cadence(r, m, event), DERIVED_CADENCE);
    changed |= bit_if(apply_tie(r, m, event), DERIVED_TIE);
    changed |= bit_if(apply_turns(r, m, event), DERIVED_TURNS);
    changed |= bit_if(apply_referral(r, m, event), DERIVED_ADVOCACY);
    changed |= bit_if(apply_last(r, m, event), DERIVED_SILENT);
    return changed;
}

/* What rests on measures alone rests on advocacy's too. */
unsigned relation_measure(struct profile *p, const struct model *m, const struct event *event)
{
    uint16_t dimension = derived_find_dimension(&m->derived, event->measure.dimension);
    bool has_changed;

    if (!keeps(m, DERIVED_MEASURE) || dimension == MODEL_NONE)
        return 0;
    has_changed = measures_apply(&relation_of(p)->measures, dimension, event->measure.share,
                                 event->time_ms, m->derived.half_life_ms);
    return bit_if(has_changed, DERIVED_MEASURE) |
           bit_if(has_changed && keeps(m, DERIVED_ADVOCACY), DERIVED_ADVOCACY);
}

unsigned relation_commit(struct profile *p, const struct model *m, const struct event *event)
{
    struct relation *r;

    if (!keeps(m, DERIVED_TRUST) || event->commitment.by != SIDE_ORGANISATION)
        return 0;
    r = relation_of(p);
    if (!r->promises)
        r->promises = promises_new(event->time_ms);
    promises_apply(r->promises, event, m->derived.half_life_ms);
    return 1u << DERIVED_TRUST;
}

void relation_answered(struct profile *p, const struct model *m, const struct obligation *o,
                       int64_t answered_ms)
{
    struct relation *r;

    if (!keeps(m, DERIVED_REPLY))
        return;
    r = relation_of(p);
    replies_note(o->by == SIDE_ORGANISATION ? &r->ours : &r->theirs, m, o, answered_ms);
}

/* ---------------------------------------------------------------- packing */

static void pack_last(const struct relation *r, struct buf *out)
{
    if (r->last_ms != INT64_MIN)
        wire_put_i64(out, r->last_ms);
}

static void pack_group(const struct relation *r, const struct model *m, enum derived_group group,
                       struct buf *out)
{
    switch (group) {
    case DERIVED_REPLY:
        if (r->ours.n || r->theirs.n) {
            replies_pack(&r->ours, out);
            replies_pack(&r->theirs, out);
        }
        return;
    case DERIVED_BALANCE:
        return r->balance ? balance_pack(r->balance, out) : (void)0;
    case DERIVED_PRESSURE:
        return r->pressure ? pressure_pack(r->pressure, out) : (void)0;
    case DERIVED_CADENCE:
        return r->cadence ? cadence_pack(r->cadence, out) : (void)0;
    case DERIVED_TRUST:
        return r->promises ? promises_pack(r->promises, out) : (void)0;
    case DERIVED_MEASURE:
        return r->measures.n ? measures_pack(&r->measures, m->derived.tags, out) : (void)0;
    case DERIVED_ADVOCACY:
        return r->n_referrals ? wire_put_i64(out, r->n_referrals) : (void)0;
    case DERIVED_TIE:
        return r->tie ? tie_pack(r->tie, out) : (void)0;
    case DERIVED_TURNS:
        return r->turns ? turns_pack(r->turns, out) : (void)0;
    case DERIVED_SILENT:
        return pack_last(r, out);
    case N_DERIVED_GROUPS:
        return;
    }
}

void relation_pack(const struct profile *p, const struct model *m, struct buf *out)
{
    struct buf bytes = BUF_INIT;

    for (unsigned g = 0; p->relation && g < N_DERIVED_GROUPS; g++) {
        buf_reset(&bytes);
        if (keeps(m, (enum derived_group)g))
            pack_group(p->relation, m, (enum derived_group)g, &bytes);
        if (!bytes.len)
            continue;
        wire_put_fixed(out, derived_tag(&m->derived, (enum derived_group)g), 4);
        wire_put_str(out, buf_str(&bytes));
    }
    buf_deinit(&bytes);
}

static void unpack_group(struct relation *r, const struct model *m, enum derived_group group,
                         struct wire *in)
{
    switch (group) {
    case DERIVED_REPLY:
        replies_unpack(&r->ours, in);
        replies_unpack(&r->theirs, in);
        return;
    case DERIVED_BALANCE:
        r->balance = balance_unpack(in);
        return;
    case DERIVED_PRESSURE:
        r->pressure = pressure_unpack(in);
        return;
    case DERIVED_CADENCE:
        r->cadence = cadence_unpack(in);
        return;
    case DERIVED_TRUST:
        r->promises = promises_unpack(in);
        return;
    case DERIVED_MEASURE:
        measures_unpack(&r->measures, m->derived.tags, m->derived.n_dimensions, in);
        return;
    case DERIVED_ADVOCACY:
        r->n_referrals = wire_get_i64(in);
        in->is_bad |= r->n_referrals < 0 || r->n_referrals > 1LL << 53;
        return;
    case DERIVED_TIE:
        r->tie = tie_unpack(in);
        return;
    case DERIVED_TURNS:
        r->turns = turns_unpack(in);
        return;
    case DERIVED_SILENT:
        r->last_ms = wire_get_instant(in);
        return;
    case N_DERIVED_GROUPS:
        return;
    }
}

void relation_unpack(struct profile *p, const struct model *m, struct wire *in)
{
    uint32_t seen = 0;

    while (in->at < in->end && !in->is_bad) {
        uint32_t tag = (uint32_t)wire_get_fixed(in, 4);
        struct wire inner = wire_of(wire_get_str(in));

        for (unsigned g = 0; g < N_DERIVED_GROUPS && !in->is_bad; g++) {
            if (!keeps(m, (enum derived_group)g) ||
                derived_tag(&m->derived, (enum derived_group)g) != tag)
                continue;
            in->is_bad |= seen >> g & 1; /* twice */
            seen |= 1u << g;
            if (!in->is_bad)
                unpack_group(relation_of(p), m, (enum derived_group)g, &inner);
            in->is_bad |= inner.is_bad || inner.at != inner.end;
        }
    }
}
