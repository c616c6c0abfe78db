/* SPDX-License-Identifier: Apache-2.0 */
/* Hands each event to the parts that it concerns, and packs them one by one. */
#include "engine/relation.h"

#include "base/mem.h"
#include "engine/preference.h"
#include "engine/profile.h"

/* Of what was sent at least so much is kept, so that a stakeholder who states a period for the
 * first time is not counted from nothing. */
#define SENT_KEPT_MS (31 * 86400000LL)

#define WORDS(type) (sizeof(type) / sizeof(uint64_t))

static bool keeps(const struct model *m, enum derived_group group)
{
    return m->derived.kept >> group & 1;
}

bool relation_is_shown(const struct model *m, size_t var)
{
    uint32_t groups = derived_groups_of(var);

    return (m->derived.kept & groups) == groups;
}

static const uint8_t words_of[N_RELATION_PARTS] = {
    [RELATION_LAST] = 1,
    [RELATION_REFERRALS] = 1,
    [RELATION_OURS] = WORDS(struct replies),
    [RELATION_THEIRS] = WORDS(struct replies),
    [RELATION_MEASURES] = WORDS(struct measures),
    [RELATION_BALANCE] = WORDS(struct balance),
    [RELATION_PRESSURE] = WORDS(struct pressure),
    [RELATION_CADENCE] = WORDS(struct cadence),
    [RELATION_PROMISES] = WORDS(struct promises *),
    [RELATION_TIE] = WORDS(struct tie),
    [RELATION_TURNS] = WORDS(struct turns),
};

void *relation_add(struct relation **r, enum relation_part part)
{
    size_t n = *r ? (*r)->n_words : 0;

    if (!*r)
        *r = mem_calloc(1, sizeof(**r));
    *r = mem_realloc(*r, sizeof(**r) + (n + words_of[part]) * sizeof(uint64_t));
    memset(&(*r)->words[n], 0, words_of[part] * sizeof(uint64_t));
    (*r)->at[part] = (uint8_t)(n + 1);
    (*r)->n_words = (uint8_t)(n + words_of[part]);
    return relation_part(*r, part);
}

void relation_move(struct relation **into, struct relation *from, enum relation_part part)
{
    memcpy(relation_add(into, part), relation_part(from, part), words_of[part] * sizeof(uint64_t));
    from->at[part] = 0;
}

static void deinit_part(struct relation *r, enum relation_part part)
{
    switch (part) {
    case RELATION_OURS:
    case RELATION_THEIRS:
        return replies_deinit(relation_part(r, part));
    case RELATION_MEASURES:
        return measures_deinit(relation_part(r, part));
    case RELATION_PRESSURE:
        return pressure_deinit(relation_pressure(r));
    case RELATION_CADENCE:
        return cadence_deinit(relation_cadence(r));
    case RELATION_PROMISES:
        promises_free(relation_promises(r));
        return;
    case RELATION_TURNS:
        return turns_deinit(relation_part(r, part));
    default:
        return;
    }
}

struct relation *relation_free(struct relation *r)
{
    for (unsigned part = 0; r && part < N_RELATION_PARTS; part++) {
        if (r->at[part])
            deinit_part(r, (enum relation_part)part);
    }
    return mem_free(r);
}

static size_t part_bytes(const struct relation *r, enum relation_part part)
{
    switch (part) {
    case RELATION_OURS:
    case RELATION_THEIRS:
        return replies_bytes(relation_part(r, part));
    case RELATION_MEASURES:
        return measures_bytes(relation_part(r, part));
    case RELATION_PRESSURE:
        return pressure_bytes(relation_pressure(r));
    case RELATION_CADENCE:
        return cadence_bytes(relation_cadence(r));
    case RELATION_PROMISES:
        return promises_bytes(relation_promises(r));
    case RELATION_TURNS:
        return turns_bytes(relation_part(r, part));
    default:
        return 0;
    }
}

size_t relation_bytes(const struct relation *r)
{
    size_t n = r ? mem_taken(sizeof(*r) + r->n_words * sizeof(uint64_t)) : 0;

    for (unsigned part = 0; r && part < N_RELATION_PARTS; part++) {
        if (r->at[part])
            n += part_bytes(r, (enum relation_part)part);
    }
    return n;
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

static bool apply_balance(struct profile *p, const struct model *m, const struct event *event)
{
    struct balance *b;
    bool is_new;

    if (!keeps(m, DERIVED_BALANCE) || !(balance_worth(event) > 0))
        return false;
    b = relation_need(&p->relation, RELATION_BALANCE, &is_new);
    if (is_new)
        balance_init(b, event->time_ms);
    balance_apply(b, event, m->derived.half_life_ms);
    return true;
}

static bool apply_pressure(struct profile *p, const struct model *m, const struct event *event,
                           int64_t now_ms)
{
    struct pressure *pressure;
    bool is_new;

    if (!keeps(m, DERIVED_PRESSURE))
        return false;
    pressure = relation_need(&p->relation, RELATION_PRESSURE, &is_new);
    if (is_new)
        pressure_init(pressure);
    pressure_apply(pressure, event->direction == DIRECTION_INBOUND, event->time_ms, now_ms,
                   sent_kept_ms(p, m));
    return true;
}

static bool apply_cadence(struct profile *p, const struct model *m, const struct event *event)
{
    bool is_new;

    if (!keeps(m, DERIVED_CADENCE) || event->direction != DIRECTION_INBOUND)
        return false;
    return cadence_apply(relation_need(&p->relation, RELATION_CADENCE, &is_new),
                         &m->derived.cadence, event->time_ms);
}

static bool apply_tie(struct profile *p, const struct model *m, const struct event *event)
{
    struct tie *tie;
    bool is_new;

    if (!keeps(m, DERIVED_TIE))
        return false;
    tie = relation_need(&p->relation, RELATION_TIE, &is_new);
    if (is_new)
        tie_init(tie, event->time_ms);
    tie_apply(tie, event, m->derived.half_life_ms);
    return true;
}

static bool apply_turns(struct profile *p, const struct model *m, const struct event *event)
{
    bool is_new;

    if (!keeps(m, DERIVED_TURNS) || !event->conversation.len)
        return false;
    turns_apply(relation_need(&p->relation, RELATION_TURNS, &is_new), event);
    return true;
}

static bool apply_referral(struct profile *p, const struct model *m, const struct event *event)
{
    bool is_new;

    if (!keeps(m, DERIVED_ADVOCACY) || event->direction != DIRECTION_INBOUND ||
        !str_eq(event->verb, STR("referral")))
        return false;
    ++*(int64_t *)relation_need(&p->relation, RELATION_REFERRALS, &is_new);
    return true;
}

static bool apply_last(struct profile *p, const struct model *m, const struct event *event)
{
    int64_t *last_ms;
    bool is_new;

    if (!keeps(m, DERIVED_SILENT))
        return false;
    last_ms = relation_need(&p->relation, RELATION_LAST, &is_new);
    if (!is_new && event->time_ms < *last_ms)
        return false;
    *last_ms = event->time_ms;
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

    if (!m->derived.kept || event->direction == DIRECTION_PEER)
        return 0;
    changed = bit_if(apply_balance(p, m, event), DERIVED_BALANCE);
    changed |= bit_if(apply_pressure(p, m, event, now_ms), DERIVED_PRESSURE);
    changed |= bit_if(apply_cadence(p, m, event), DERIVED_CADENCE);
    changed |= bit_if(apply_tie(p, m, event), DERIVED_TIE);
    changed |= bit_if(apply_turns(p, m, event), DERIVED_TURNS);
    changed |= bit_if(apply_referral(p, m, event), DERIVED_ADVOCACY);
    changed |= bit_if(apply_last(p, m, event), DERIVED_SILENT);
    return changed;
}

/* What rests on measures alone rests on advocacy's too. */
unsigned relation_measure(struct profile *p, const struct model *m, const struct event *event)
{
    uint16_t dimension = derived_find_dimension(&m->derived, event->measure.dimension);
    bool has_changed, is_new;

    if (!keeps(m, DERIVED_MEASURE) || dimension == MODEL_NONE)
        return 0;
    has_changed = measures_apply(relation_need(&p->relation, RELATION_MEASURES, &is_new), dimension,
                                 event->measure.share, event->time_ms, m->derived.half_life_ms);
    return bit_if(has_changed, DERIVED_MEASURE) |
           bit_if(has_changed && keeps(m, DERIVED_ADVOCACY), DERIVED_ADVOCACY);
}

unsigned relation_commit(struct profile *p, const struct model *m, const struct event *event)
{
    struct promises **promises;
    bool is_new;

    if (!keeps(m, DERIVED_TRUST) || event->commitment.by != SIDE_ORGANISATION)
        return 0;
    promises = relation_need(&p->relation, RELATION_PROMISES, &is_new);
    if (is_new)
        *promises = promises_new(event->time_ms);
    promises_apply(*promises, event, m->derived.half_life_ms);
    return 1u << DERIVED_TRUST;
}

void relation_answered(struct profile *p, const struct model *m, const struct obligation *o,
                       int64_t answered_ms)
{
    enum relation_part part = o->by == SIDE_ORGANISATION ? RELATION_OURS : RELATION_THEIRS;
    bool is_new;

    if (keeps(m, DERIVED_REPLY))
        replies_note(relation_need(&p->relation, part, &is_new), m, o, answered_ms);
}

/* ---------------------------------------------------------------- packing */

static const struct replies no_replies;

static void pack_replies(const struct relation *r, struct buf *out)
{
    const struct replies *ours = relation_replies(r, SIDE_ORGANISATION);
    const struct replies *theirs = relation_replies(r, SIDE_STAKEHOLDER);

    replies_pack(ours ? ours : &no_replies, out);
    replies_pack(theirs ? theirs : &no_replies, out);
}

/* The one that a group has; of replies either. */
static const void *part_of_group(const struct relation *r, enum derived_group group)
{
    static const enum relation_part parts[N_DERIVED_GROUPS] = {
        [DERIVED_REPLY] = RELATION_OURS,         [DERIVED_BALANCE] = RELATION_BALANCE,
        [DERIVED_PRESSURE] = RELATION_PRESSURE,  [DERIVED_CADENCE] = RELATION_CADENCE,
        [DERIVED_TRUST] = RELATION_PROMISES,     [DERIVED_MEASURE] = RELATION_MEASURES,
        [DERIVED_ADVOCACY] = RELATION_REFERRALS, [DERIVED_TIE] = RELATION_TIE,
        [DERIVED_TURNS] = RELATION_TURNS,        [DERIVED_SILENT] = RELATION_LAST,
    };
    const void *part = relation_part(r, parts[group]);

    return part || group != DERIVED_REPLY ? part : relation_part(r, RELATION_THEIRS);
}

static void pack_group(const struct relation *r, const struct model *m, enum derived_group group,
                       struct buf *out)
{
    const void *part = part_of_group(r, group);

    if (!part)
        return;
    switch (group) {
    case DERIVED_REPLY:
        return pack_replies(r, out);
    case DERIVED_BALANCE:
        return balance_pack(part, out);
    case DERIVED_PRESSURE:
        return pressure_pack(part, out);
    case DERIVED_CADENCE:
        return cadence_pack(part, out);
    case DERIVED_TRUST:
        return promises_pack(relation_promises(r), out);
    case DERIVED_MEASURE:
        return ((const struct measures *)part)->n ? measures_pack(part, m->derived.tags, out)
                                                  : (void)0;
    case DERIVED_ADVOCACY:
    case DERIVED_SILENT:
        return wire_put_i64(out, *(const int64_t *)part);
    case DERIVED_TIE:
        return tie_pack(part, out);
    case DERIVED_TURNS:
        return turns_pack(part, out);
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

static void unpack_replies(struct relation **r, struct wire *in)
{
    bool is_new;

    replies_unpack(relation_need(r, RELATION_OURS, &is_new), in);
    replies_unpack(relation_need(r, RELATION_THEIRS, &is_new), in);
}

static void unpack_referrals(int64_t *n, struct wire *in)
{
    *n = wire_get_i64(in);
    in->is_bad |= *n < 0 || *n > 1LL << 53;
}

static void unpack_group(struct relation **r, const struct model *m, enum derived_group group,
                         struct wire *in)
{
    bool is_new;

    switch (group) {
    case DERIVED_REPLY:
        return unpack_replies(r, in);
    case DERIVED_BALANCE:
        return balance_unpack(relation_need(r, RELATION_BALANCE, &is_new), in);
    case DERIVED_PRESSURE:
        return pressure_unpack(relation_need(r, RELATION_PRESSURE, &is_new), in);
    case DERIVED_CADENCE:
        return cadence_unpack(relation_need(r, RELATION_CADENCE, &is_new), in);
    case DERIVED_TRUST:
        *(struct promises **)relation_need(r, RELATION_PROMISES, &is_new) = promises_unpack(in);
        return;
    case DERIVED_MEASURE:
        return measures_unpack(relation_need(r, RELATION_MEASURES, &is_new), m->derived.tags,
                               m->derived.n_dimensions, in);
    case DERIVED_ADVOCACY:
        return unpack_referrals(relation_need(r, RELATION_REFERRALS, &is_new), in);
    case DERIVED_TIE:
        return tie_unpack(relation_need(r, RELATION_TIE, &is_new), in);
    case DERIVED_TURNS:
        return turns_unpack(relation_need(r, RELATION_TURNS, &is_new), in);
    case DERIVED_SILENT:
        *(int64_t *)relation_need(r, RELATION_LAST, &is_new) = wire_get_instant(in);
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
                unpack_group(&p->relation, m, (enum derived_group)g, &inner);
            in->is_bad |= inner.is_bad || inner.at != inner.end;
        }
    }
}
