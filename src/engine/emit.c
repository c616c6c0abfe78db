/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a trigger of an edge: its id, what the rule read, and the sentences for people. Nothing
 * here decides anything.
 */
#include "engine/deadline.h"
#include "engine/engine_impl.h"

#include "base/parse.h"
#include "engine/template.h"

struct obligation_view emit_view_of(const struct obligation *o)
{
    return (struct obligation_view){.by = o->by,
                                    .id = o->id,
                                    .source = o->source,
                                    .org = o->org,
                                    .conversation = o->conversation,
                                    .channel = o->channel,
                                    .since_ms = o->since_ms,
                                    .due_ms = INT64_MAX,
                                    .answered_ms = INT64_MAX,
                                    .n_waiting = o->n_waiting,
                                    .is_acknowledged = o->is_acknowledged};
}

/* ---------------------------------------------------------------- identity */

static void add_part(struct buf *b, struct str part)
{
    buf_addf(b, "%zu:", part.len);
    buf_add_str(b, part);
}

/* Each part with its length before it, so that no two lists of parts read the same. */
static void set_id(struct trigger *t)
{
    struct buf text = BUF_INIT;

    add_part(&text, t->deployment);
    add_part(&text, t->rule);
    add_part(&text, t->rule_version);
    add_part(&text, t->stakeholder);
    add_part(&text, t->edge == EDGE_FIRED ? STR("fired") : STR("cleared"));
    add_part(&text, t->cause.source);
    add_part(&text, t->cause.id);
    buf_add_i64(&text, t->time_ms);
    digest_hex(buf_str(&text), t->id);
    buf_deinit(&text);
}

static void set_cause(const struct engine *e, const struct emission *em, struct trigger *t)
{
    const struct event_ref *ref;

    t->cause.topic = e->topic;
    t->cause.partition = e->partition;
    t->cause.offset = -1;
    if (em->event) {
        t->cause.id = em->event->id;
        t->cause.source = em->event->source;
        t->cause.offset = em->event->offset;
        t->cause.conversation = em->event->conversation;
    } else if (em->obligation) {
        t->cause.id = em->obligation->id;
        t->cause.source = em->obligation->source;
        t->cause.offset = em->obligation->offset;
        t->cause.conversation = em->obligation->conversation;
    } else if ((ref = profile_cause(em->profile, e->model, em->rule))) {
        t->cause.id = (struct str){ref->bytes, ref->id_len};
        t->cause.source = (struct str){ref->bytes + ref->id_len, ref->source_len};
        t->cause.offset = ref->offset;
    }
}

/* ---------------------------------------------------------------- what the rule read */

static void set_values(struct engine *e, const struct emission *em, struct trigger *t)
{
    const struct profile *p = em->profile;
    const struct moment at = {e, p, em->time_ms > p->ref_ms ? em->time_ms : p->ref_ms};

    for (size_t i = 0; i < em->rule->n_reads; i++) {
        uint16_t var = em->rule->reads[i];

        e->values[i] = (struct named_value){.name = str_of(e->model->rule_vars[var].name),
                                            .value = score_value(&at, var)};
    }
    t->values = e->values;
    t->n_values = em->rule->n_reads;
}

static void add_value(struct buf *b, const struct value *v)
{
    switch (v->type) {
    case VALUE_ABSENT:
        buf_add_str(b, STR("nothing"));
        return;
    case VALUE_BOOL:
        buf_add_str(b, v->b ? STR("true") : STR("false"));
        return;
    case VALUE_INT:
        buf_add_i64(b, v->i);
        return;
    case VALUE_DOUBLE:
        buf_addf(b, "%.4g", v->d);
        return;
    case VALUE_DURATION:
        format_duration(b, v->i);
        return;
    case VALUE_STRING:
        buf_add_str(b, v->s);
        return;
    }
}

static void add_values(struct buf *b, const struct trigger *t)
{
    for (size_t i = 0; i < t->n_values; i++) {
        buf_addf(b, "%s%.*s is ", i ? ", " : "", STR_ARG(t->values[i].name));
        add_value(b, &t->values[i].value);
    }
}

/* ---------------------------------------------------------------- sentences */

static void add_debtor(struct buf *b, const struct engine *e, const struct trigger *t,
                       const struct obligation_view *o)
{
    if (o->by == SIDE_STAKEHOLDER)
        buf_add_str(b, t->stakeholder);
    else
        buf_add_str(b, o->org.len ? o->org : str_of(e->model->organisation));
}

static void add_creditor(struct buf *b, const struct engine *e, const struct trigger *t,
                         const struct obligation_view *o)
{
    if (o->by == SIDE_ORGANISATION)
        buf_add_str(b, t->stakeholder);
    else
        buf_add_str(b, o->org.len ? o->org : str_of(e->model->organisation));
}

/* What the rule waits for, as a deed that has been done, and one that would be. */
static const char *done(const struct rule *rule)
{
    return rule->owed_until == DEPTH_ACTED          ? "acted on what was asked by"
           : rule->owed_until == DEPTH_ACKNOWLEDGED ? "acknowledged"
                                                    : "answered";
}

static const char *deed(const struct rule *rule)
{
    return rule->owed_until == DEPTH_ACTED          ? "A resolving action by "
           : rule->owed_until == DEPTH_ACKNOWLEDGED ? "An acknowledgement from "
                                                    : "An answer from ";
}

static void explain_stall(struct engine *e, const struct rule *rule, const struct trigger *t,
                          const struct obligation_view *o)
{
    struct buf *b = &e->reason;

    add_debtor(b, e, t, o);
    buf_addf(b, " has not %s ", done(rule));
    add_creditor(b, e, t, o);
    if (o->channel.len)
        buf_addf(b, " on %.*s", STR_ARG(o->channel));
    buf_add_str(b, STR(": waiting since "));
    format_instant(b, o->since_ms);
    buf_add_str(b, STR(" ("));
    format_duration(b, t->time_ms - o->since_ms);
    buf_addf(b, "), %u message%s, due ", o->n_waiting, o->n_waiting == 1 ? "" : "s");
    format_instant(b, o->due_ms);
    buf_add_str(b, o->is_acknowledged ? STR("; only acknowledged automatically.") : STR("."));

    b = &e->counterfactual;
    buf_add_str(b, str_of(deed(rule)));
    add_debtor(b, e, t, o);
    if (o->conversation.len)
        buf_addf(b, " in conversation %.*s", STR_ARG(o->conversation));
    buf_add_str(b, STR(" by "));
    format_instant(b, o->due_ms);
    buf_add_str(b, STR(" would have prevented this."));
}

static void explain_answer(struct engine *e, const struct rule *rule, const struct trigger *t,
                           const struct obligation_view *o)
{
    struct buf *b = &e->reason;

    add_debtor(b, e, t, o);
    buf_addf(b, " %s after ", rule->owed_until == DEPTH_ACTED ? "acted" : done(rule));
    format_duration(b, o->answered_ms - o->since_ms);
    if (o->answered_ms > o->due_ms) {
        buf_add_str(b, STR(", "));
        format_duration(b, o->answered_ms - o->due_ms);
        buf_add_str(b, STR(" late."));
    } else {
        buf_add_str(b, STR(", in time; the answer reached us only after the deadline had passed."));
    }
}

static void explain_condition(struct engine *e, const struct emission *em, const struct trigger *t)
{
    struct buf *b = &e->reason;
    bool is_end = em->edge == EDGE_CLEARED;
    const char *text =
        is_end && em->rule->exit_text[0] ? em->rule->exit_text : em->rule->enter_text;

    buf_addf(b, is_end && !em->rule->exit_text[0] ? "'%s' no longer holds" : "'%s' holds", text);
    if (em->since_ms != em->time_ms) {
        buf_add_str(b, STR(" since "));
        format_instant(b, em->since_ms);
    }
    if (t->n_values)
        buf_add_str(b, STR(": "));
    add_values(b, t);
    buf_add_char(b, '.');
    if (is_end)
        return;
    b = &e->counterfactual;
    if (em->event && em->since_ms == em->time_ms) {
        buf_addf(b, "Without event %.*s of ", STR_ARG(t->cause.id));
        format_instant(b, em->event->time_ms);
        buf_add_str(b, STR(" it would not have fired then."));
        return;
    }
    buf_addf(b, "An interaction by ");
    format_instant(b, em->time_ms);
    buf_addf(b, " after which '%s' does not hold would have prevented this.", em->rule->enter_text);
}

/* ---------------------------------------------------------------- action */

struct rendering {
    struct engine *engine;
    const struct trigger *trigger;
    const struct emission *emission;
};

static bool render_metric(const struct rendering *r, struct str name, struct buf *out)
{
    const struct model *m = r->engine->model;
    const struct profile *p = r->emission->profile;
    struct moment at = {r->engine, p,
                        r->trigger->time_ms > p->ref_ms ? r->trigger->time_ms : p->ref_ms};

    for (size_t i = 0; i < m->n_metrics; i++) {
        struct value v;

        if (!str_eq(name, str_of(m->metrics[i].name)))
            continue;
        v = score_value(&at, (unsigned)i);
        add_value(out, &v);
        return true;
    }
    return false;
}

static bool render_name(void *ctx, struct str name, struct buf *out)
{
    const struct rendering *r = ctx;
    const struct trigger *t = r->trigger;
    const struct obligation_view *o = t->obligation;
    const struct event *event = r->emission->event;
    const struct {
        struct str name, text;
    } texts[] = {
        {STR("stakeholder"), t->stakeholder},
        {STR("kind"), t->kind},
        {STR("account"), t->account},
        {STR("rule"), t->rule},
        {STR("route"), t->route},
        {STR("organisation"), str_of(r->engine->model->organisation)},
        {STR("conversation"), o ? o->conversation : t->cause.conversation},
        {STR("channel"), o       ? o->channel
                         : event ? event->channel
                                 : STR_NULL},
        {STR("org"), o       ? o->org
                     : event ? event->org
                             : STR_NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (!str_eq(name, texts[i].name))
            continue;
        buf_add_str(out, texts[i].text);
        return true;
    }
    if (str_eq(name, STR("since")))
        format_instant(out, r->emission->since_ms);
    else if (str_eq(name, STR("due")) && o && o->due_ms != INT64_MAX)
        format_instant(out, o->due_ms);
    else if (str_eq(name, STR("waiting")) && o)
        buf_add_i64(out, o->n_waiting);
    else
        return render_metric(r, name, out);
    return true;
}

/* ---------------------------------------------------------------- the whole */

static void explain(struct engine *e, const struct emission *em, const struct trigger *t)
{
    buf_reset(&e->reason);
    buf_reset(&e->counterfactual);
    if (!t->obligation)
        explain_condition(e, em, t);
    else if (em->edge == EDGE_FIRED)
        explain_stall(e, em->rule, t, t->obligation);
    else
        explain_answer(e, em->rule, t, t->obligation);
}

void emit_trigger(struct engine *e, const struct emission *em)
{
    struct trigger t = {.deployment = str_of(e->model->deployment),
                        .rule = str_of(em->rule->name),
                        .rule_version = str_of(em->rule->version),
                        .edge = em->edge,
                        .severity = str_of(em->rule->severity),
                        .route = str_of(em->rule->route),
                        .time_ms = em->time_ms,
                        .stakeholder = em->profile->id,
                        .kind = str_of(em->profile->kind),
                        .account = str_of(em->profile->account),
                        .offset = e->offset};
    struct obligation_view view;

    if (em->obligation) {
        view = emit_view_of(em->obligation);
        view.due_ms = deadline_ms(e->model, em->profile, em->rule, em->obligation);
        view.answered_ms = em->answered_ms;
        t.obligation = &view;
    }
    set_cause(e, em, &t);
    set_values(e, em, &t);
    set_id(&t);
    explain(e, em, &t);
    buf_reset(&e->action);
    template_render(str_of(em->rule->action), render_name, &(struct rendering){e, &t, em},
                    &e->action);
    t.reason = buf_str(&e->reason);
    t.counterfactual = buf_str(&e->counterfactual);
    t.action = buf_str(&e->action);
    if (em->edge == EDGE_FIRED)
        e->stats.n_fired++;
    else
        e->stats.n_cleared++;
    e->on_trigger(e->ctx, &t);
}
