/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The façade: one partition's clock, its stakeholders, and the order in which things happen to
 * them.
 *
 * There is one heap of wake-ups, one entry per stakeholder: the earliest of all that time will do
 * to it (a condition that flips, an event that waits for the clock, a deadline). When a record
 * moves the clock, what is due leaves the heap in the order (instant, phase, stakeholder), and
 * events that wait in the order (time, sequence, log): so the result depends on the log alone.
 */
#include "engine/engine_impl.h"

#include "base/mem.h"
#include "base/parse.h"
#include "engine/ahead.h"
#include "engine/cause.h"
#include "engine/deadline.h"
#include "engine/event_pack.h"
#include "engine/facts.h"
#include "engine/identity.h"
#include "engine/life.h"
#include "engine/obstacle.h"
#include "engine/outcome.h"
#include "engine/retraction.h"
#include "engine/stage.h"

#include <stdlib.h>

/* The open obligations of one conversation, whoever they are owed to. */
struct conversation {
    struct hmap_node node;
    struct list open;
};

/* ---------------------------------------------------------------- order */

static bool wakes_before(const struct heap_node *x, const struct heap_node *y)
{
    const struct profile *a = CONTAINER_OF(x, struct profile, wake);
    const struct profile *b = CONTAINER_OF(y, struct profile, wake);

    if (a->wake_ms != b->wake_ms)
        return a->wake_ms < b->wake_ms;
    if (a->wake_phase != b->wake_phase)
        return a->wake_phase < b->wake_phase;
    if (a->wake_phase == PHASE_EVENT) {
        int c = str_cmp(a->held[0].sequence, b->held[0].sequence);

        return c ? c < 0 : a->held[0].offset < b->held[0].offset;
    }
    return str_cmp(profile_id(a), profile_id(b)) < 0;
}

/* An event that waits is due when the clock is past its time, so that all others of that time have
 * had their chance; so is a deadline. At the end of a finite input nothing more can come. */
static bool is_due(const struct profile *p, int64_t clock_ms, bool is_end)
{
    if (p->wake_phase == PHASE_DECAY || is_end)
        return p->wake_ms <= clock_ms;
    return p->wake_ms < clock_ms;
}

/* ---------------------------------------------------------------- life */

/* What is kept per variable and per rule begins anew with another model. */
static void size_to_model(struct engine *e)
{
    const struct model *m = e->model;

    mem_free(e->readings);
    mem_free(e->values);
    mem_free(e->rule_stats);
    mem_free(e->floods);
    mem_free(e->contributions);
    mem_free(e->listed);
    e->readings =
        mem_calloc(1, sizeof(*e->readings) + model_n_vars(m) * sizeof(e->readings->items[0]));
    e->contributions = mem_calloc(m->n_metrics + 1, sizeof(*e->contributions));
    e->listed = mem_calloc(m->n_metrics * m->evidence_events + 1, sizeof(*e->listed));
    e->values = mem_calloc(model_n_vars(m) + 1, sizeof(*e->values));
    e->rule_stats = mem_calloc(m->n_rules + 1, sizeof(*e->rule_stats));
    e->floods = mem_calloc(m->n_rules + 1, sizeof(*e->floods));
    e->lives = life_new(m);
}

struct engine *engine_new(const struct model *model, const struct engine_opts *opts)
{
    struct engine *e = mem_calloc(1, sizeof(*e));

    e->model = model;
    e->topic = (struct str){mem_strndup(opts->topic.ptr, opts->topic.len), opts->topic.len};
    e->partition = opts->partition;
    e->is_complete = opts->is_complete;
    e->on_trigger = opts->on_trigger;
    e->ctx = opts->ctx;
    e->seed = hash_process_seed();
    e->clock_ms = INT64_MIN;
    e->ahead_until = -1;
    e->wakes = (struct heap)HEAP_INIT(wakes_before);
    list_init(&e->lru);
    list_init(&e->dirty);
    list_init(&e->frozen);
    list_init(&e->gone);
    list_init(&e->graves);
    size_to_model(e);
    return e;
}

struct engine *engine_free(struct engine *e)
{
    if (!e)
        return NULL;
    for (struct list *it = list_first(&e->lru); it; it = list_first(&e->lru))
        engine_drop_profile(e, CONTAINER_OF(it, struct profile, lru));
    for (struct hmap_node *n = hmap_any(&e->conversations); n; n = hmap_any(&e->conversations)) {
        hmap_remove(&e->conversations, n);
        mem_free(CONTAINER_OF(n, struct conversation, node));
    }
    hmap_deinit(&e->conversations);
    hmap_deinit(&e->profiles);
    ahead_deinit(e);
    heap_deinit(&e->wakes);
    retraction_deinit(e);
    buf_deinit(&e->cut_entries);
    buf_deinit(&e->entry);
    for (size_t i = 0; i < ENGINE_CONCERNED_MAX; i++)
        buf_deinit(&e->spared[i]);
    buf_deinit(&e->counted);
    buf_deinit(&e->reason);
    buf_deinit(&e->counterfactual);
    buf_deinit(&e->action);
    mem_free(e->fields);
    mem_free(e->readings);
    mem_free(e->values);
    mem_free(e->rule_stats);
    mem_free(e->floods);
    life_free(e->lives, e->model);
    mem_free(e->contributions);
    mem_free(e->listed);
    mem_free((void *)(uintptr_t)e->topic.ptr);
    return mem_free(e);
}

/* ---------------------------------------------------------------- conversations */

static uint64_t conversation_hash(const struct engine *e, struct str org, struct str conversation)
{
    return hash64(conversation.ptr, conversation.len, hash64(org.ptr, org.len, e->seed));
}

static struct conversation *find_conversation(const struct engine *e, uint64_t hash)
{
    struct hmap_node *n = hmap_first(&e->conversations, hash);

    return n ? CONTAINER_OF(n, struct conversation, node) : NULL;
}

void engine_index(struct engine *e, struct obligation *o)
{
    uint64_t hash = conversation_hash(e, o->org, o->conversation);
    struct conversation *c;

    if (e->model->answered_by != ANSWERED_BY_CONVERSATION)
        return;
    c = find_conversation(e, hash);
    if (!c) {
        c = mem_calloc(1, sizeof(*c));
        list_init(&c->open);
        hmap_add(&e->conversations, &c->node, hash);
    }
    list_append(&c->open, &o->in_conversation);
}

void engine_unindex(struct engine *e, struct obligation *o)
{
    struct conversation *c;

    if (!list_is_linked(&o->in_conversation))
        return;
    list_unlink(&o->in_conversation);
    c = find_conversation(e, conversation_hash(e, o->org, o->conversation));
    if (!c || !list_is_empty(&c->open))
        return;
    hmap_remove(&e->conversations, &c->node);
    mem_free(c);
}

/* ---------------------------------------------------------------- stakeholders */

struct profile *engine_find(const struct engine *e, struct str id)
{
    uint64_t hash = hash64(id.ptr, id.len, e->seed);

    for (struct hmap_node *n = hmap_first(&e->profiles, hash); n; n = hmap_next(n, hash)) {
        struct profile *p = CONTAINER_OF(n, struct profile, node);

        if (str_eq(profile_id(p), id))
            return p;
    }
    return NULL;
}

bool engine_has(const struct engine *e, struct str id)
{
    return engine_find(e, id) != NULL;
}

bool engine_keep(struct engine *e, struct str id)
{
    struct profile *p = engine_find(e, id);

    if (!p)
        return false;
    list_unlink(&p->lru);
    list_append(&e->lru, &p->lru);
    return true;
}

bool engine_is_complete(const struct engine *e)
{
    return e->is_complete;
}

void engine_watch_graves(struct engine *e, struct profile *p)
{
    if (p->graves && !list_is_linked(&p->graves->node))
        list_append(&e->graves, &p->graves->node);
}

void engine_add_profile(struct engine *e, struct profile *p)
{
    hmap_add(&e->profiles, &p->node, hash64(profile_id(p).ptr, profile_id(p).len, e->seed));
    list_append(&e->lru, &p->lru);
    for (uint32_t i = 0; i < p->ledger.n_open; i++)
        engine_index(e, p->ledger.open[i]);
    e->stats.n_profiles++;
    e->stats.n_held += p->n_held;
    engine_watch_graves(e, p);
}

void engine_detach_profile(struct engine *e, struct profile *p)
{
    for (uint32_t i = 0; i < p->ledger.n_open; i++)
        engine_unindex(e, p->ledger.open[i]);
    life_forgo_all(e, p);
    e->stats.n_profiles--;
    e->stats.n_bytes -= p->n_bytes;
    e->stats.n_held -= p->n_held;
    if (list_is_linked(&p->change) && !p->is_frozen && !p->is_reported)
        e->n_dirty--;
    hmap_remove(&e->profiles, &p->node);
    heap_remove(&e->wakes, &p->wake);
    list_unlink(&p->lru);
    list_unlink(&p->change);
}

void engine_drop_profile(struct engine *e, struct profile *p)
{
    engine_detach_profile(e, p);
    profile_free(p, e->model);
}

void engine_touch(struct engine *e, struct profile *p)
{
    if (p->is_frozen)
        checkpoint_save(e, p);
    if (p->is_reported)
        list_unlink(&p->change);
    p->is_reported = false;
    if (!list_is_linked(&p->change)) {
        list_append(&e->dirty, &p->change);
        e->n_dirty++;
    }
    list_unlink(&p->lru);
    list_append(&e->lru, &p->lru);
}

static void set_wake(struct engine *e, struct profile *p, int64_t wake_ms, enum phase phase)
{
    if (p->wake.at && p->wake_ms == wake_ms && p->wake_phase == phase && phase != PHASE_EVENT)
        return;
    p->wake_ms = wake_ms;
    p->wake_phase = (uint8_t)phase;
    if (wake_ms == INT64_MAX)
        heap_remove(&e->wakes, &p->wake);
    else if (p->wake.at)
        heap_moved(&e->wakes, &p->wake);
    else
        heap_add(&e->wakes, &p->wake);
}

void engine_settle(struct engine *e, struct profile *p)
{
    size_t n_bytes = profile_bytes(p, e->model);
    int64_t ms;
    enum phase phase;

    rules_next(p, &ms, &phase);
    if (p->forget_ms < ms) {
        ms = p->forget_ms;
        phase = PHASE_DEADLINE;
    }
    if (p->n_held &&
        (p->held[0].time_ms < ms || (p->held[0].time_ms == ms && PHASE_EVENT < phase))) {
        ms = p->held[0].time_ms;
        phase = PHASE_EVENT;
    }
    set_wake(e, p, ms, phase);
    e->stats.n_bytes += n_bytes - p->n_bytes;
    p->n_bytes = (uint32_t)n_bytes;
}

/* ---------------------------------------------------------------- forgetting */

int64_t engine_forget_at(const struct engine *e, int64_t last_ms)
{
    int64_t after_ms = e->model->forget_after_ms;

    return !after_ms || last_ms > INSTANT_MAX_MS - after_ms ? INT64_MAX : last_ms + after_ms;
}

/* What is asked at p->forget_ms: events since then have put it off. */
static bool is_forgettable(const struct engine *e, struct profile *p, int64_t now_ms)
{
    if (p->n_held) { /* when it is applied it is asked again */
        p->forget_ms = INT64_MAX;
        return false;
    }
    p->forget_ms = p->ref_ms == INT64_MIN ? now_ms : engine_forget_at(e, p->ref_ms);
    return p->forget_ms <= now_ms;
}

struct profile *engine_bury(struct engine *e, struct profile *p)
{
    struct profile *gone = profile_new(e->model, profile_id(p));

    graves_move(gone, p);
    engine_drop_profile(e, p);
    engine_add_profile(e, gone);
    gone->is_gone = true;
    engine_touch(e, gone);
    engine_settle(e, gone);
    return gone;
}

/* ---------------------------------------------------------------- an interaction is applied */

/* True: it is another one now. */
static bool keep_text(char **field, struct str text)
{
    if (!text.len || (*field && str_eq(str_of(*field), text)))
        return false;
    mem_free(*field);
    *field = mem_strndup(text.ptr, text.len);
    return true;
}

/* Brings the obligations of `p` further by what the event answers or resolves; what no rule waits
 * for any more leaves the ledger, and is the caller's to free. */
static size_t advance_obligations(struct engine *e, struct profile *p, const struct event *event,
                                  struct advance *ret_advances, size_t max)
{
    const struct model *m = e->model;
    size_t n = 0;

    for (uint32_t i = 0; i < p->ledger.n_open && n < max;) {
        struct obligation *o = p->ledger.open[i];
        struct advance a = {o, ledger_depth(o), ledger_depth_by(m, event, o), false};

        if (a.from < DEPTH_ANSWERED && a.to >= DEPTH_ANSWERED)
            relation_answered(p, m, o, event->time_ms);
        a.is_closed = a.to > a.from && ledger_is_over(&p->ledger, o, a.to, deadline_end(m, o));
        o->is_acknowledged |= a.to == DEPTH_ACKNOWLEDGED;
        o->is_answered |= a.to >= DEPTH_ANSWERED && !a.is_closed;
        if (a.is_closed) {
            engine_unindex(e, o);
            ledger_take(&p->ledger, o);
        } else {
            i++;
        }
        if (a.to > a.from && (a.to >= DEPTH_ANSWERED || m->waits_for_acknowledgement))
            ret_advances[n++] = a;
    }
    return n;
}

/* The rules see what the event has done to `p`; what it closed is freed. */
static void follow_up(struct engine *e, struct profile *p, const struct event *event,
                      uint64_t changed, const struct advance *advances, size_t n_advances)
{
    int64_t now_ms = event->time_ms > e->clock_ms ? event->time_ms : e->clock_ms;
    const struct happening h = {.profile = p,
                                .now_ms = p->ref_ms > now_ms ? p->ref_ms : now_ms,
                                .event = event,
                                .changed = changed,
                                .advances = advances,
                                .n_advances = n_advances,
                                .answered_ms = event->time_ms};

    rules_after_event(e, &h);
    for (size_t i = 0; i < n_advances; i++) {
        if (advances[i].is_closed)
            obligation_free(advances[i].obligation);
    }
    engine_settle(e, p);
}

static int compare_owners(const void *a, const void *b)
{
    return str_cmp(profile_id(*(struct profile *const *)a),
                   profile_id(*(struct profile *const *)b));
}

/* With `answered_by: conversation`: what the event answers of other stakeholders. */
static void answer_others(struct engine *e, const struct profile *self, const struct event *event)
{
    struct conversation *c;
    struct profile **owners = NULL;
    size_t n = 0, cap = 0;

    if (e->model->answered_by != ANSWERED_BY_CONVERSATION)
        return;
    c = find_conversation(e, conversation_hash(e, event->org, event->conversation));
    if (!c)
        return;
    LIST_EACH(it, &c->open)
    {
        struct obligation *o = CONTAINER_OF(it, struct obligation, in_conversation);

        if (o->owner == self || ledger_depth_by(e->model, event, o) == ledger_depth(o))
            continue;
        mem_grow(&owners, &cap, n, sizeof(struct profile *));
        owners[n++] = o->owner;
    }
    if (n)
        qsort(owners, n, sizeof(struct profile *), compare_owners);
    for (size_t i = 0; i < n; i++) {
        struct advance advances[LEDGER_ANSWERED_MAX + 2]; /* of one conversation */
        struct event_ref ref = refs_new(owners[i], e->model, event);
        size_t n_advances;

        engine_touch(e, owners[i]);
        refs_set(owners[i], profile_ledger_ref(e->model));
        (void)refs_set_groups(owners[i], e->model, 1u << DERIVED_REPLY);
        refs_note(owners[i], e->model, &ref);
        n_advances = advance_obligations(e, owners[i], event, advances, ARRAY_SIZE(advances));
        follow_up(e, owners[i], event, MODEL_CHANGE_PERSON, advances, n_advances);
    }
    mem_free(owners);
}

/* The ledger after an interaction: first what it answers, then what it opens. True: it did either.
 */
static bool keep_ledger(struct engine *e, struct profile *p, const struct event *event,
                        struct advance *ret_advances, size_t max, size_t *ret_n_advances)
{
    bool is_late = event->time_ms < e->clock_ms;
    struct obligation *opened = NULL;
    int r;

    *ret_n_advances = advance_obligations(e, p, event, ret_advances, max);
    if (!event->automatic || e->model->automatic_answers)
        ledger_note_answer(&p->ledger, e->model, event);
    if (is_late && ledger_was_answered(&p->ledger, e->model, event))
        return *ret_n_advances > 0;
    r = ledger_open(&p->ledger, e->model, event,
                    model_expects_reply(event, model_find_verb(e->model, event->verb)), &opened);
    if (r == LEDGER_E_REFUSED)
        e->stats.n_obligations_refused++;
    if (r == 0) {
        opened->owner = p;
        opened->matched = score_owed(e, event);
        engine_index(e, opened);
    }
    return *ret_n_advances > 0 || r == 0 || r == LEDGER_E_JOINED;
}

/* With somebody's first event every rule is decided, also one that holds of those who did nothing.
 */
static uint64_t first_change(const struct profile *p)
{
    return p->ref_ms == INT64_MIN ? UINT64_MAX : 0;
}

static void apply_interaction(struct engine *e, struct profile *p, const struct event *event)
{
    struct advance advances[LEDGER_OPEN_MAX];
    struct event_ref ref = refs_new(p, e->model, event);
    size_t n_advances;
    uint64_t changed, first = first_change(p);
    unsigned groups;
    bool is_owed, is_person;

    e->stats.n_applied++;
    changed = score_apply(e, p, event, &ref);
    groups = relation_apply(p, e->model, event, p->ref_ms > e->clock_ms ? p->ref_ms : e->clock_ms);
    is_owed = keep_ledger(e, p, event, advances, ARRAY_SIZE(advances), &n_advances);
    is_person = keep_text(&p->kind, event->kind);
    is_person |= keep_text(&p->account, event->account);
    if (is_owed)
        refs_set(p, profile_ledger_ref(e->model));
    if (event->kind.len || event->account.len)
        refs_set(p, profile_person_ref(e->model));
    (void)refs_set_groups(p, e->model, groups | (is_owed ? 1u << DERIVED_REPLY : 0));
    refs_note(p, e->model, &ref);
    changed |= first | MODEL_CHANGE_TIME | model_change_of_groups(groups) |
               (is_owed || is_person ? MODEL_CHANGE_PERSON : 0);
    follow_up(e, p, event, changed, advances, n_advances);
    answer_others(e, p, event);
}

/* What somebody has acted on, as an outcome event says, need not wait for more. */
static size_t act_on(struct engine *e, struct profile *p, const struct event *event,
                     struct advance *ret_advance)
{
    struct obligation *o = outcome_acts_on(p, event);

    if (!o)
        return 0;
    *ret_advance = (struct advance){o, DEPTH_ANSWERED, DEPTH_ACTED, true};
    engine_unindex(e, o);
    ledger_take(&p->ledger, o);
    return 1;
}

static void apply_fact(struct engine *e, struct profile *p, const struct event *event)
{
    uint64_t changed = first_change(p);
    int64_t ref_ms = p->ref_ms;
    struct event_ref ref;
    struct advance advance;
    size_t n_advances;

    e->stats.n_applied++;
    changed |= score_bring_forward(e, p, event->time_ms) ? UINT64_MAX : 0;
    changed |= p->ref_ms != ref_ms ? MODEL_CHANGE_TIME : 0;
    n_advances = act_on(e, p, event, &advance);
    changed |= facts_apply(e, p, event) | (n_advances ? MODEL_CHANGE_PERSON : 0);
    ref = refs_new(p, e->model, event);
    facts_set_ref(p, e->model, event, n_advances > 0);
    refs_note(p, e->model, &ref);
    if (!changed) {
        engine_settle(e, p);
        return;
    }
    follow_up(e, p, event, changed, &advance, n_advances);
}

static void apply_event(struct engine *e, struct profile *p, const struct event *event)
{
    p->forget_ms = p->forget_ms == INT64_MAX ? engine_forget_at(e, event->time_ms) : p->forget_ms;
    if (event->type == EVENT_INTERACTION)
        apply_interaction(e, p, event);
    else
        apply_fact(e, p, event);
}

/* ---------------------------------------------------------------- time passes */

static void release_held(struct engine *e, struct profile *p)
{
    struct held_event held = profile_take_held(p);
    struct wire in = wire_of(held.bytes);
    int64_t clock_ms = e->clock_ms;
    struct event event;

    e->stats.n_held--;
    event_unpack(&in, &event);
    ENSURE(!in.is_bad);
    e->clock_ms = event.time_ms; /* it is in order: nothing about it is late */
    apply_event(e, p, &event);
    e->clock_ms = clock_ms;
    mem_free((void *)(uintptr_t)held.bytes.ptr);
}

static void wake_up(struct engine *e, struct profile *p)
{
    e->stats.n_wakeups++;
    engine_touch(e, p);
    if (p->wake_phase == PHASE_EVENT) {
        release_held(e, p);
        return;
    }
    if (p->forget_ms == p->wake_ms && p->wake_phase == PHASE_DEADLINE &&
        is_forgettable(e, p, p->wake_ms)) {
        e->stats.n_forgotten++;
        (void)engine_bury(e, p);
        return;
    }
    rules_on_time(e, p, p->wake_ms, (enum phase)p->wake_phase);
    engine_settle(e, p);
}

/* Sources that fall silent before what is next; at one instant they come first. */
static void expire_sources(struct engine *e, int64_t next_ms, int64_t clock_ms, bool is_end)
{
    for (int64_t ms = life_next_ms(e); ms <= next_ms && (is_end ? ms <= clock_ms : ms < clock_ms);
         ms = life_next_ms(e))
        life_expire(e, ms);
}

static void run_wakes(struct engine *e, int64_t clock_ms, bool is_end)
{
    for (struct heap_node *top = heap_top(&e->wakes); top; top = heap_top(&e->wakes)) {
        struct profile *p = CONTAINER_OF(top, struct profile, wake);

        if (!is_due(p, clock_ms, is_end))
            break;
        expire_sources(e, p->wake_ms, clock_ms, is_end);
        wake_up(e, p);
    }
    expire_sources(e, INT64_MAX, clock_ms, is_end);
}

void engine_run(struct engine *e)
{
    run_wakes(e, e->clock_ms, false);
}

void engine_advance(struct engine *e, int64_t clock_ms)
{
    if (clock_ms < e->clock_ms)
        clock_ms = e->clock_ms;
    run_wakes(e, clock_ms, false);
    e->clock_ms = clock_ms;
}

static int64_t believed(const struct engine *e, int64_t time_ms)
{
    return time_ms - e->model->lateness_ms;
}

void engine_tick(struct engine *e, int64_t time_ms, int64_t offset)
{
    e->offset = offset;
    ahead_expire(e, offset);
    engine_advance(e, believed(e, time_ms));
}

void engine_begin(struct engine *e, const struct event *event)
{
    e->offset = event->offset;
    if (event->type == EVENT_CONFIGURATION)
        return; /* it says nothing about time: it may come before any history */
    life_note(e, event);
    engine_tick(e, event->time_ms, event->offset);
}

void engine_finish(struct engine *e, int64_t until_ms)
{
    if (until_ms < e->clock_ms)
        until_ms = e->clock_ms;
    run_wakes(e, until_ms, true);
    e->clock_ms = until_ms;
}

int64_t engine_clock_ms(const struct engine *e)
{
    return e->clock_ms;
}

void engine_set_clock(struct engine *e, int64_t clock_ms)
{
    if (clock_ms > e->clock_ms)
        e->clock_ms = clock_ms;
}

void engine_set_offset(struct engine *e, int64_t offset)
{
    e->offset = offset;
}

int64_t engine_next_wake_ms(const struct engine *e)
{
    const struct heap_node *top = heap_top(&e->wakes);
    int64_t silent_ms = life_next_ms(e);
    int64_t wake_ms = top ? CONTAINER_OF(top, struct profile, wake)->wake_ms : INT64_MAX;

    return wake_ms < silent_ms ? wake_ms : silent_ms;
}

/* ---------------------------------------------------------------- events come in */

size_t engine_concerned(const struct event *event, struct str ret_ids[ENGINE_CONCERNED_MAX])
{
    bool is_merge = event->type == EVENT_IDENTITY && event->identity.action == IDENTITY_MERGE;

    if (event->type != EVENT_INTERACTION && event->type != EVENT_IDENTITY &&
        event->type != EVENT_RETRACTION && !facts_concern(event->type))
        return 0;
    if (!event->subject.len)
        return 0;
    if (is_merge && (!event->identity.into.len || str_eq(event->identity.into, event->subject)))
        return 0;
    ret_ids[0] = event->subject;
    if (is_merge)
        ret_ids[1] = event->identity.into;
    return is_merge ? 2 : 1;
}

struct str engine_absent_id(const struct engine *e)
{
    return e->absent;
}

uint64_t engine_event_hash(struct str source, struct str id)
{
    return hash64(id.ptr, id.len, hash64(source.ptr, source.len, 0));
}

void engine_remember(struct engine *e, struct profile *p, uint64_t hash, int64_t time_ms)
{
    int64_t horizon_ms = e->clock_ms - e->model->lateness_ms - e->model->dedup_horizon_ms;

    dedup_add(&p->dedup, hash, time_ms, e->model->dedup_events, horizon_ms);
    p->is_gone = false;
}

void engine_take(struct engine *e, struct profile *p, const struct event *event, uint64_t hash)
{
    bool is_late = event->time_ms < e->clock_ms;

    engine_remember(e, p, hash, event->time_ms);
    e->stats.n_late += is_late;
    if (is_late || !e->model->lateness_ms) {
        apply_event(e, p, event);
        return;
    }
    profile_hold(p, event);
    e->stats.n_held++;
    engine_settle(e, p);
}

/* Where nothing can be retracted the operator is told how often it was tried. */
static bool is_ignored_retraction(struct engine *e, const struct event *event)
{
    bool is_ignored = event->type == EVENT_RETRACTION && !e->model->retraction_ms;

    e->stats.n_retractions_ignored += is_ignored;
    return is_ignored;
}

int engine_apply(struct engine *e, const struct event *event)
{
    struct str ids[ENGINE_CONCERNED_MAX];
    struct profile *p;
    uint64_t hash;

    if (!engine_concerned(event, ids) || is_ignored_retraction(e, event)) {
        e->stats.n_ignored += event->type != EVENT_TICK;
        engine_begin(e, event);
        return 0;
    }
    if (event->type == EVENT_IDENTITY)
        return identity_apply(e, event);
    if (!e->is_complete && !engine_find(e, event->subject)) {
        e->absent = event->subject;
        return ENGINE_E_ABSENT;
    }
    engine_begin(e, event);
    p = engine_find(e, event->subject); /* not before: time may have had it forgotten */
    if (!p) {
        p = profile_new(e->model, event->subject);
        engine_add_profile(e, p);
    }
    if (event->offset <= p->stored_offset) {
        e->stats.n_skipped++;
        return 0;
    }
    if (event->type == EVENT_RETRACTION) {
        retraction_apply(e, p, event);
        engine_run(e);
        return 0;
    }
    hash = engine_event_hash(event->source, event->id);
    if (dedup_has(p->dedup, hash)) {
        e->stats.n_duplicates++;
        return ENGINE_E_DUPLICATE;
    }
    engine_touch(e, p);
    retraction_note(e, p, event);
    engine_take(e, p, event, hash);
    engine_run(e); /* a question that came late may be overdue already */
    return 0;
}

void engine_get_stats(const struct engine *e, struct engine_stats *ret_stats)
{
    *ret_stats = e->stats;
}

void engine_add_rule_stats(const struct engine *e, size_t rule, struct rule_stats *stats)
{
    const struct rule_stats *of = &e->rule_stats[rule];

    stats->n_fired += of->n_fired;
    stats->n_acknowledged += of->n_acknowledged;
    stats->n_acted += of->n_acted;
    stats->n_resolved += of->n_resolved;
    stats->n_dismissed += of->n_dismissed;
    stats->time_to_act_ms += of->time_to_act_ms;
}

const struct model *engine_model(const struct engine *e)
{
    return e->model;
}

/* ---------------------------------------------------------------- reading */

static int compare_ids(const void *a, const void *b)
{
    return str_cmp(profile_id(*(struct profile *const *)a),
                   profile_id(*(struct profile *const *)b));
}

/* What is held back, as it is at that moment; returns how many. */
static size_t view_held(const struct moment *at, struct held_view *ret_held)
{
    const struct standings *s = &at->profile->standings;
    size_t n = 0;

    for (uint16_t i = 0; i < s->n; i++) {
        const struct standing *one = &s->items[i];
        const struct rule *rule = &at->engine->model->rules[one->rule];
        struct hindrance h;

        if (one->phase != RULE_HELD || one->held_by == OBSTACLE_SOURCE)
            continue;
        h = obstacle_of(at->engine, at->profile, rule, one, at->now_ms, NULL);
        ret_held[n++] = (struct held_view){
            .rule = str_of(rule->name),
            .by = (enum obstacle)one->held_by,
            .because = h.by == (enum obstacle)one->held_by ? h.because : STR_NULL,
            .author = h.by == (enum obstacle)one->held_by ? h.author : STR_NULL,
            .since_ms = one->since_ms,
            .until_ms = one->until_ms};
    }
    for (const struct waiting *w = at->profile->waiting; w; w = w->next)
        ret_held[n++] = (struct held_view){.rule = str_of(at->engine->model->rules[w->rule].name),
                                           .by = OBSTACLE_SOURCE,
                                           .because = at->engine->model->sources[w->source].name,
                                           .since_ms = w->due_ms,
                                           .until_ms = INT64_MAX};
    return n;
}

/* The derived values of the groups that are kept, after the metrics in e->values; how many. */
static size_t view_derived(struct engine *e, const struct moment *at)
{
    const struct model *m = e->model;
    size_t n = 0;

    for (size_t v = model_derived_base(m); v < model_n_vars(m); v++) {
        if (relation_is_shown(m, v - model_derived_base(m)))
            e->values[m->n_metrics + n++] =
                (struct named_value){str_of(m->rule_vars[v].name), score_value(at, (unsigned)v)};
    }
    return n;
}

static void view_profile(struct engine *e, const struct profile *p, engine_view_fn fn, void *ctx)
{
    struct moment at = {e, p, p->ref_ms > e->clock_ms ? p->ref_ms : e->clock_ms};
    struct obligation_view *open = mem_calloc(p->ledger.n_open + 1, sizeof(*open));
    struct held_view *held = mem_calloc(p->standings.n + life_n_waiting(p) + 1, sizeof(*held));
    struct stakeholder_view view = {.subject = profile_id(p),
                                    .as_of_ms = at.now_ms,
                                    .kind = str_of(p->kind),
                                    .account = str_of(p->account),
                                    .stage = stage_name(p, e->model),
                                    .stage_since_ms = p->stage_since_ms,
                                    .held = held,
                                    .metrics = e->values,
                                    .n_metrics = e->model->n_metrics,
                                    .derived = e->values + e->model->n_metrics,
                                    .n_derived = view_derived(e, &at),
                                    .obligations = open};

    for (size_t i = 0; i < e->model->n_metrics; i++)
        e->values[i] =
            (struct named_value){str_of(e->model->metrics[i].name), score_value(&at, (unsigned)i)};
    for (uint32_t i = 0; i < p->ledger.n_open; i++) {
        if (!p->ledger.open[i]->is_answered)
            open[view.n_obligations++] = emit_view_of(p->ledger.open[i]);
    }
    view.n_held = view_held(&at, held);
    fn(ctx, &view);
    mem_free(open);
    mem_free(held);
}

void engine_each(struct engine *e, engine_view_fn fn, void *ctx)
{
    struct profile **all = mem_calloc(e->profiles.n + 1, sizeof(struct profile *));
    size_t n = 0;

    HMAP_EACH(it, &e->profiles)
    all[n++] = CONTAINER_OF(it, struct profile, node);
    qsort(all, n, sizeof(struct profile *), compare_ids);
    for (size_t i = 0; i < n; i++) {
        if (profile_is_known(all[i]))
            view_profile(e, all[i], fn, ctx);
    }
    mem_free(all);
}

/* ---------------------------------------------------------------- another model */

/* By way of the packed form, which names what it holds. Of somebody who is ahead of the record the
 * other model has decided already: see ahead.h. */
static struct profile *translate(struct engine *e, struct profile *p, const struct model *to)
{
    struct buf packed = BUF_INIT;
    struct profile *q = profile_new(to, profile_id(p));
    int64_t as_of_ms;

    q->is_gone = p->is_gone;
    p->journal = journal_free(p->journal); /* it cannot be told what it would be by both */
    cause_keep_for(p, e->model, to);
    profile_pack(p, e->model, e->clock_ms == INT64_MIN ? INSTANT_MIN_MS : e->clock_ms,
                 p->stored_offset, &packed);
    ENSURE(profile_unpack(q, to, buf_str(&packed), &as_of_ms));
    buf_deinit(&packed);
    return q;
}

/* Those in memory, least recently used first. The caller frees the array. */
static struct profile **list_profiles(const struct engine *e)
{
    struct profile **all = mem_calloc(e->profiles.n + 1, sizeof(struct profile *));
    size_t n = 0;

    LIST_EACH(it, &e->lru)
    all[n++] = CONTAINER_OF(it, struct profile, lru);
    return all;
}

/* A new condition may hold already. */
static void decide_anew(struct engine *e, struct profile *p)
{
    const struct happening h = {.profile = p,
                                .changed = UINT64_MAX,
                                .now_ms = p->ref_ms > e->clock_ms ? p->ref_ms : e->clock_ms};

    p->forget_ms = p->ref_ms == INT64_MIN ? INT64_MAX : engine_forget_at(e, p->ref_ms);
    if (p->ref_ms != INT64_MIN) /* nothing is decided before somebody's first event */
        rules_after_event(e, &h);
    engine_settle(e, p);
}

void engine_reconfigure(struct engine *e, const struct model *model)
{
    struct profile **all = list_profiles(e);
    struct buf lives = BUF_INIT;
    size_t n = e->profiles.n, n_anew = 0;

    ENSURE(!e->is_cutting);
    life_pack(e, &lives);
    for (size_t i = 0; i < n; i++) {
        struct profile *q = translate(e, all[i], model);

        engine_drop_profile(e, all[i]);
        all[i] = q;
    }
    retraction_deinit(e);
    e->lives = life_free(e->lives, e->model);
    e->model = model;
    size_to_model(e);
    ENSURE(life_unpack(e, buf_str(&lives)));
    buf_deinit(&lives);
    for (size_t i = 0; i < n; i++) {
        engine_add_profile(e, all[i]);
        engine_touch(e, all[i]);
        if (!ahead_has(e, profile_id(all[i])))
            all[n_anew++] = all[i];
    }
    ahead_unpack(e);
    qsort(all, n_anew, sizeof(struct profile *), compare_ids); /* the same order in every re-run */
    for (size_t i = 0; i < n_anew; i++)
        decide_anew(e, all[i]);
    mem_free(all);
}
