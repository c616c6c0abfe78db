/* SPDX-License-Identifier: Apache-2.0 */
/* By places: each variable that a rule reads has one, or one per group that it is derived from. */
#include "engine/cause.h"

#include "engine/profile.h"

static bool is_later(const struct event_ref *a, const struct event_ref *b)
{
    if (a->time_ms != b->time_ms)
        return a->time_ms > b->time_ms;
    if (a->rank != b->rank)
        return a->rank > b->rank;
    return a->offset > b->offset;
}

/* The latest so far, of those that there are. */
struct latest {
    struct event_ref ref;
    bool is_any;
};

static void consider(const struct profile *p, size_t place, struct latest *latest)
{
    struct event_ref ref;

    if (!refs_behind(p, place, &ref) || (latest->is_any && !is_later(&ref, &latest->ref)))
        return;
    latest->ref = ref;
    latest->is_any = true;
}

static void consider_groups(const struct profile *p, const struct model *m, unsigned groups,
                            struct latest *latest)
{
    for (unsigned g = 0; g < N_DERIVED_GROUPS; g++) {
        if (groups >> g & 1)
            consider(p, profile_derived_ref(m, (enum derived_group)g), latest);
    }
}

static void consider_var(const struct profile *p, const struct model *m, uint16_t var,
                         struct latest *latest)
{
    enum rule_var v = (enum rule_var)(var - m->n_metrics);

    if (var < m->n_metrics)
        consider(p, m->metrics[var].selector, latest);
    else if (var >= model_derived_base(m))
        consider_groups(p, m, derived_groups_of(var - model_derived_base(m)) & m->derived.kept,
                        latest);
    else if (v == RULE_VAR_CONSENT)
        consider(p, profile_preference_ref(m), latest);
    else if (v == RULE_VAR_KIND || v == RULE_VAR_ACCOUNT)
        consider(p, profile_person_ref(m), latest);
    else
        consider(p, profile_ledger_ref(m), latest);
}

static void consider_all(const struct profile *p, const struct model *m, struct latest *latest)
{
    for (size_t i = 0; i < profile_n_refs(m); i++)
        consider(p, i, latest);
}

bool cause_of(const struct profile *p, const struct model *m, const struct rule *rule,
              struct event_ref *ret_ref)
{
    struct latest latest = {.is_any = false};

    if (rule->kind == RULE_ABSENT || rule->kind == RULE_EXPECT)
        consider(p, rule->kind == RULE_ABSENT ? rule->what : rule->after, &latest);
    for (size_t i = 0; i < rule->n_reads; i++)
        consider_var(p, m, rule->reads[i], &latest);
    if (!latest.is_any)
        consider_all(p, m, &latest);
    *ret_ref = latest.ref;
    return latest.is_any;
}

void cause_merge(struct profile *p, const struct profile *from, const struct model *m)
{
    uint16_t copied = 0, copy = 0;
    struct event_ref ours, theirs;

    for (size_t i = 0; i < profile_n_refs(m); i++) {
        if (!refs_behind(from, i, &theirs) ||
            (refs_behind(p, i, &ours) && !is_later(&theirs, &ours)))
            continue;
        if (profile_places(from)[i] != copied) {
            theirs.counted = STR_NULL;
            copy = (uint16_t)(refs_n(p->refs) + 1);
            refs_insert(p, m, copy - 1u, &theirs);
        }
        copied = profile_places(from)[i];
        profile_places(p)[i] = copy;
    }
    refs_sweep(p, m);
}

/* ---------------------------------------------------------------- packing */

/* What a place is: a selector's tag, 0 for the ledger, 1 for the person, 2 for their preferences,
 * from 3 on the groups of derived values. */
static uint32_t tag_of(const struct model *m, size_t place)
{
    if (place < m->n_selectors)
        return m->selectors[place].tag;
    for (unsigned g = 0; g < N_DERIVED_GROUPS && place > profile_preference_ref(m); g++) {
        if ((m->ref_groups >> g & 1) && profile_derived_ref(m, (enum derived_group)g) == place)
            return 3 + g;
    }
    return (uint32_t)(place - m->n_selectors);
}

static bool has_tag(const struct model *m, uint32_t tag)
{
    for (size_t place = 0; place < profile_n_refs(m); place++) {
        if (tag_of(m, place) == tag)
            return true;
    }
    return false;
}

void cause_keep_for(struct profile *p, const struct model *m, const struct model *to)
{
    for (size_t place = 0; place < profile_n_refs(m); place++) {
        if (profile_places(p)[place] && !has_tag(to, tag_of(m, place)))
            profile_places(p)[place] = 0;
    }
    refs_sweep(p, m);
}

/* By places, an event that stands behind the place before too only once. */
void cause_pack(const struct profile *p, const struct model *m, struct buf *out)
{
    struct event_ref ref;
    size_t n = 0;

    for (size_t i = 0; i < profile_n_refs(m); i++)
        n += profile_places(p)[i] != 0;
    wire_put_u64(out, n);
    for (size_t i = 0; i < profile_n_refs(m); i++) {
        bool is_again = i > 0 && profile_places(p)[i] == profile_places(p)[i - 1];

        if (!refs_behind(p, i, &ref))
            continue;
        wire_put_fixed(out, tag_of(m, i), 4);
        wire_put_u64(out, is_again);
        if (is_again)
            continue;
        wire_put_str(out, ref.id);
        wire_put_str(out, ref.source);
        wire_put_i64(out, ref.time_ms);
        wire_put_i64(out, ref.offset);
        wire_put_u64(out, ref.rank);
    }
}

static struct event_ref unpack_ref(struct wire *in)
{
    struct event_ref ref = {.id = wire_get_str(in), .time_ms = 0};
    uint64_t rank;

    ref.source = wire_get_str(in);
    ref.time_ms = wire_get_instant(in);
    ref.offset = wire_get_i64(in);
    rank = wire_get_u64(in);
    ref.rank = (uint16_t)rank;
    in->is_bad |= rank > UINT16_MAX;
    return ref;
}

void cause_unpack(struct profile *p, const struct model *m, struct wire *in)
{
    size_t n = wire_get_count(in, 5), number = 0;

    in->is_bad |= n > REFS_PLACES_MAX;
    for (size_t k = 0; k < n && !in->is_bad; k++) {
        uint32_t tag = (uint32_t)wire_get_fixed(in, 4);

        if (!wire_get_u64(in)) {
            struct event_ref ref = unpack_ref(in);

            number = refs_n(p->refs) + 1;
            if (!in->is_bad)
                refs_insert(p, m, number - 1, &ref);
        }
        in->is_bad |= !number;
        for (size_t i = 0; i < profile_n_refs(m) && !in->is_bad; i++) {
            if (tag_of(m, i) == tag)
                profile_places(p)[i] = (uint16_t)number;
        }
    }
    refs_sweep(p, m);
}
