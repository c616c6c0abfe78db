/* SPDX-License-Identifier: Apache-2.0 */
/* Triggers as CloudEvents: who, why, since when, what to do. */
#include "codec/trigger_json.h"

#include "codec/json_write.h"

static void write_stakeholder(struct buf *b, const struct trigger *t)
{
    json_write_open(b, "stakeholder");
    json_write_text(b, "id", t->stakeholder);
    json_write_text(b, "kind", t->kind);
    json_write_text(b, "account", t->account);
    json_write_text(b, "stage", t->stage);
    json_write_close(b);
}

static void write_cause(struct buf *b, const struct trigger *t)
{
    json_write_open(b, "cause");
    json_write_text(b, "id", t->cause.id);
    json_write_text(b, "source", t->cause.source);
    if (t->cause.topic.len) {
        json_write_text(b, "topic", t->cause.topic);
        json_write_i64(b, "partition", t->cause.partition);
        json_write_i64(b, "offset", t->cause.offset);
    }
    json_write_close(b);
}

static void write_contributing(struct buf *b, const struct trigger *t, const struct contribution *c,
                               const struct contributing_event *event)
{
    json_write_item(b);
    json_write_open(b, NULL);
    json_write_text(b, "id", event->id);
    json_write_text(b, "source", event->source);
    json_write_instant(b, "time", event->time_ms);
    if (t->cause.topic.len)
        json_write_i64(b, "offset", event->offset);
    if (c->has_base)
        json_write_double(b, "weight", event->weight);
    json_write_close(b);
}

static void write_contribution(struct buf *b, const struct trigger *t, const struct contribution *c)
{
    json_write_item(b);
    json_write_open(b, NULL);
    json_write_text(b, "metric", c->metric);
    if (c->has_base)
        json_write_double(b, "base", c->base);
    json_write_name(b, STR("events"));
    buf_add_char(b, '[');
    for (size_t i = 0; i < c->n_events; i++)
        write_contributing(b, t, c, &c->events[i]);
    buf_add_str(b, STR("]}"));
}

static void write_contributions(struct buf *b, const struct trigger *t)
{
    if (!t->n_contributions)
        return;
    json_write_name(b, STR("contributions"));
    buf_add_char(b, '[');
    for (size_t i = 0; i < t->n_contributions; i++)
        write_contribution(b, t, &t->contributions[i]);
    buf_add_char(b, ']');
}

static void write_data(struct buf *b, const struct trigger *t)
{
    json_write_open(b, "data");
    json_write_text(b, "rule", t->rule);
    json_write_text(b, "rule_version", t->rule_version);
    json_write_text(b, "edge", t->edge == EDGE_FIRED ? STR("fired") : STR("cleared"));
    json_write_text(b, "severity", t->severity);
    if (t->escalation)
        json_write_i64(b, "escalation", t->escalation);
    json_write_text(b, "route", t->route);
    json_write_text(b, "action", t->action);
    write_stakeholder(b, t);
    write_cause(b, t);
    json_write_values(b, "values", t->values, t->n_values);
    write_contributions(b, t);
    if (t->obligation) {
        json_write_open(b, "obligation");
        json_write_obligation(b, t->obligation);
        json_write_close(b);
    }
    json_write_text(b, "reason", t->reason);
    json_write_text(b, "counterfactual", t->counterfactual);
    json_write_close(b);
}

static struct str conversation_of(const struct trigger *t)
{
    if (t->cause.conversation.len || !t->obligation)
        return t->cause.conversation;
    return t->obligation->conversation;
}

void trigger_json_write(struct buf *b, const struct trigger *t)
{
    json_write_open(b, NULL);
    json_write_text(b, "specversion", STR("1.0"));
    json_write_text(b, "id", str_of(t->id));
    json_write_source(b, t->deployment);
    json_write_text(b, "type", STR("io.engaged.trigger.v1"));
    json_write_text(b, "subject", t->stakeholder);
    json_write_instant(b, "time", t->time_ms);
    json_write_text(b, "datacontenttype", STR("application/json"));
    json_write_text(b, "causationid", t->cause.id);
    json_write_text(b, "correlationid", conversation_of(t));
    write_data(b, t);
    json_write_close(b);
}
