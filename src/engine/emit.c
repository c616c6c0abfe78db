/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a trigger of an edge: its id, what the rule read, and the sentences for people. Nothing
 * here decides anything.
 */
#include "engine/cause.h"
#include "engine/deadline.h"
#include "engine/engine_impl.h"

#include "base/parse.h"
#include "engine/stage.h"
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
    buf_add_i64(b, (int64_t)part.len);
    buf_add_char(b, ':');
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
    struct event_ref ref;

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
    } else if (cause_of(em->profile, e->model, em->rule, &ref)) {
        t->cause.id = ref.id;
        t->cause.source = ref.source;
        t->cause.offset = ref.offset;
    }
}

/* ---------------------------------------------------------------- what the rule read */

/* How long it has been missing. */
static void set_due_value(struct engine *e, const struct emission *em, struct trigger *t)
{
    if (em->edge != EDGE_FIRED)
        return;
    e->values[t->n_values++] =
        (struct named_value){em->rule->kind == RULE_ABSENT ? STR("absent") : STR("expected"),
                             {.type = VALUE_DURATION, .i = em->time_ms - em->since_ms}};
}

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
    t->contributions = e->contributions;
    t->n_contributions = contribution_list(e, &at, em->rule, e->values);
    if (em->rule->kind == RULE_ABSENT || em->rule->kind == RULE_EXPECT)
        set_due_value(e, em, t);
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

static void explain_due(struct engine *e, const struct emission *em)
{
    const struct rule *rule = em->rule;
    struct buf *b = &e->reason;

    if (em->edge == EDGE_CLEARED) {
        buf_addf(b, "'%s' has happened.", rule->where_text);
        return;
    }
    buf_addf(b, "'%s' has not happened ", rule->where_text);
    if (rule->kind == RULE_EXPECT)
        buf_addf(b, "after '%s' of ", rule->after_text);
    else
        buf_add_str(b, STR("since "));
    format_instant(b, em->since_ms);
    buf_add_str(b, STR(": "));
    format_duration(b, em->time_ms - em->since_ms);
    buf_add_str(b, STR(", allowed "));
    format_duration(b, due_within_ms(e, em->profile, rule));
    buf_add_char(b, '.');
    b = &e->counterfactual;
    buf_addf(b, "An interaction with '%s' by ", rule->where_text);
    format_instant(b, em->since_ms + due_within_ms(e, em->profile, rule));
    buf_add_str(b, STR(" would have prevented this."));
}

static const char *stage_text(const struct model *m, uint16_t stage)
{
    return stage ? m->rules[stage - 1].name + strlen(STAGE_PREFIX) : "no stage";
}

static void explain_move(struct engine *e, const struct emission *em, const struct trigger *t)
{
    const struct model *m = e->model;
    uint16_t self = (uint16_t)(em->rule - m->rules + 1);
    bool is_fired = em->edge == EDGE_FIRED;
    uint16_t from = is_fired ? em->other_stage : self, to = is_fired ? self : em->other_stage;

    buf_addf(&e->reason, "Moved %s from %s to %s", to > from ? "up" : "down", stage_text(m, from),
             stage_text(m, to));
    if (t->n_values)
        buf_add_str(&e->reason, STR(": "));
    add_values(&e->reason, t);
    buf_add_char(&e->reason, '.');
    if (!is_fired)
        return;
    if (em->event) {
        buf_addf(&e->counterfactual, "Without event %.*s of ", STR_ARG(t->cause.id));
        format_instant(&e->counterfactual, em->event->time_ms);
        buf_addf(&e->counterfactual, " it would have stayed at %s.", stage_text(m, from));
        return;
    }
    buf_add_str(&e->counterfactual, STR("An interaction by "));
    format_instant(&e->counterfactual, em->time_ms);
    buf_addf(&e->counterfactual, " after which '%s' does not hold would have prevented this.",
             em->rule->enter_text);
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
        {STR("stage"), t->stage},
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

/* What it rested on never was. */
static void explain_retraction(struct engine *e, const struct emission *em, const struct trigger *t)
{
    const struct event *event = em->event;

    buf_addf(&e->reason, "Event %.*s was retracted: without it ", STR_ARG(event->retraction.id));
    if (t->obligation)
        buf_add_str(&e->reason, STR("no answer is owed."));
    else
        buf_add_str(&e->reason, STR("this would not hold now."));
}

static void explain(struct engine *e, const struct emission *em, const struct trigger *t)
{
    buf_reset(&e->reason);
    buf_reset(&e->counterfactual);
    if (em->edge == EDGE_CLEARED && em->event && em->event->type == EVENT_RETRACTION)
        explain_retraction(e, em, t);
    else if (em->rule->kind == RULE_STAGE)
        explain_move(e, em, t);
    else if (em->rule->kind == RULE_ABSENT || em->rule->kind == RULE_EXPECT)
        explain_due(e, em);
    else if (!t->obligation)
        explain_condition(e, em, t);
    else if (em->edge == EDGE_FIRED)
        explain_stall(e, em->rule, t, t->obligation);
    else
        explain_answer(e, em->rule, t, t->obligation);
    if (em->escalation) {
        buf_add_str(&e->reason, STR(" Nobody has acknowledged this since "));
        format_instant(&e->reason, em->since_ms);
        buf_add_char(&e->reason, '.');
    }
}

/* So many degrees above the rule's own. */
static struct str severity_of(const struct rule *rule, uint32_t escalation)
{
    static const struct str severities[] = {{"info", 4}, {"warning", 7}, {"critical", 8}};
    size_t i = 0;

    while (i < 2 && !str_eq(severities[i], str_of(rule->severity)))
        i++;
    return severities[i + escalation < 2 ? i + escalation : 2];
}

const char *emit_trigger(struct engine *e, const struct emission *em)
{
    struct trigger t = {.deployment = str_of(e->model->deployment),
                        .rule = str_of(em->rule->name),
                        .rule_version = str_of(em->rule->version),
                        .edge = em->edge,
                        .severity = severity_of(em->rule, em->escalation),
                        .escalation = em->escalation,
                        .route = str_of(em->rule->route),
                        .time_ms = em->time_ms,
                        .stakeholder = profile_id(em->profile),
                        .kind = str_of(em->profile->kind),
                        .account = str_of(em->profile->account),
                        .stage = stage_name(em->profile, e->model),
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
    e->rule_stats[em->rule - e->model->rules].n_fired += em->edge == EDGE_FIRED && !em->escalation;
    e->on_trigger(e->ctx, &t);
    memcpy(e->last_id, t.id, sizeof(e->last_id));
    return e->last_id;
}

/* It concerns nobody in particular: the stakeholder is empty. */
void emit_source(struct engine *e, const struct source_spec *source, enum edge edge, int64_t now_ms,
                 const struct event *event)
{
    const struct named_value values[] = {
        {STR("source"), {.type = VALUE_STRING, .s = source->name}},
        {STR("heartbeat"), {.type = VALUE_DURATION, .i = source->heartbeat_ms}}};
    char version[DIGEST_HEX + 1];
    struct trigger t = {.deployment = str_of(e->model->deployment),
                        .rule = STR("source.silent"),
                        .edge = edge,
                        .severity = STR("critical"),
                        .route = source->route,
                        .time_ms = now_ms,
                        .cause = {.source = event ? event->source : source->source,
                                  .id = event ? event->id : source->name,
                                  .topic = e->topic,
                                  .partition = e->partition,
                                  .offset = e->offset},
                        .values = values,
                        .n_values = ARRAY_SIZE(values),
                        .offset = e->offset};

    buf_reset(&e->reason);
    buf_addf(&e->reason, "source|%.*s|%.*s|%lld", STR_ARG(source->name), STR_ARG(source->source),
             (long long)source->heartbeat_ms);
    digest_hex(buf_str(&e->reason), version);
    t.rule_version = str_of(version);
    set_id(&t);
    buf_reset(&e->reason);
    buf_reset(&e->counterfactual);
    buf_reset(&e->action);
    if (edge == EDGE_FIRED) {
        buf_addf(&e->reason, "The source %.*s has shown no life for ", STR_ARG(source->name));
        format_duration(&e->reason, source->heartbeat_ms);
        buf_add_str(&e->reason, STR(": whether answers are missing that it would bring is not "
                                    "decided until it does."));
        buf_addf(&e->action, "Look after the source %.*s", STR_ARG(source->name));
        buf_addf(&e->counterfactual, "An event of the source, a heartbeat if need be, would have "
                                     "prevented this.");
        e->stats.n_fired++;
    } else {
        buf_addf(&e->reason, "The source %.*s shows life again.", STR_ARG(source->name));
        e->stats.n_cleared++;
    }
    t.reason = buf_str(&e->reason);
    t.counterfactual = buf_str(&e->counterfactual);
    t.action = buf_str(&e->action);
    e->on_trigger(e->ctx, &t);
}

/* Nobody in particular here either. */
void emit_flood(struct engine *e, const struct rule *rule, int64_t now_ms)
{
    const struct model *m = e->model;
    struct flood *f = &e->floods[rule - m->rules];
    bool is_new = !f->is_said || f->period > f->said_period + 1;
    const struct named_value values[] = {
        {STR("rule"), {.type = VALUE_STRING, .s = str_of(rule->name)}},
        {STR("limit"), {.type = VALUE_INT, .i = m->flood_triggers}},
        {STR("per"), {.type = VALUE_DURATION, .i = m->flood_per_ms}}};
    struct trigger t = {.deployment = str_of(m->deployment),
                        .rule = STR("flood"),
                        .rule_version = str_of(rule->version),
                        .severity = STR("critical"),
                        .route = str_of(rule->route),
                        .time_ms = now_ms,
                        .cause = {.source = str_of(m->deployment),
                                  .id = str_of(rule->name),
                                  .topic = e->topic,
                                  .partition = e->partition,
                                  .offset = e->offset},
                        .values = values,
                        .n_values = ARRAY_SIZE(values),
                        .offset = e->offset};

    f->is_said = true;
    f->said_period = f->period;
    if (!is_new)
        return;
    set_id(&t);
    buf_reset(&e->reason);
    buf_addf(&e->reason, "The rule %s fires for too many at once: more than %u within ", rule->name,
             m->flood_triggers);
    format_duration(&e->reason, m->flood_per_ms);
    buf_add_str(&e->reason, STR("; what is beyond that is held back, and fires later if it still "
                                "holds."));
    buf_reset(&e->action);
    buf_addf(&e->action, "Look at what happened to them all, or at the rule %s", rule->name);
    t.reason = buf_str(&e->reason);
    t.action = buf_str(&e->action);
    e->stats.n_fired++;
    e->on_trigger(e->ctx, &t);
}
