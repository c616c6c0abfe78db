/* SPDX-License-Identifier: Apache-2.0 */
/* An explanation, in words or as JSON. */
#include "app/explain_impl.h"

#include "base/mem.h"
#include "base/parse.h"

#include <stdlib.h>

/* ---- an event in a few words ---- */

static const char *side_text(enum side side)
{
    return side == SIDE_ORGANISATION ? "the organisation" : "the stakeholder";
}

static void say_interaction(const struct event *e, struct buf *b)
{
    static const char *const directions[] = {"inbound", "outbound", "peer"};

    buf_addf(b, "%s %.*s", directions[e->direction], STR_ARG(e->verb));
    if (e->channel.len)
        buf_addf(b, " on %.*s", STR_ARG(e->channel));
    if (e->conversation.len)
        buf_addf(b, ", conversation %.*s", STR_ARG(e->conversation));
    if (e->actor.len)
        buf_addf(b, ", by %.*s", STR_ARG(e->actor));
    if (e->has_sentiment)
        buf_addf(b, ", sentiment %g", e->sentiment);
    if (e->has_weight)
        buf_addf(b, ", weight %g", e->weight);
    if (e->has_value)
        buf_addf(b, ", value %g", e->value);
    buf_addf(b, "%s%s", e->automatic ? ", automatic" : "", e->resolves ? ", resolves" : "");
}

void explain_event(const struct event *e, struct buf *b)
{
    static const char *const promises[] = {"made", "kept", "broken"};

    switch (e->type) {
    case EVENT_INTERACTION:
        say_interaction(e, b);
        return;
    case EVENT_MEASURE:
        buf_addf(b, "measure of %.*s: %g of 1", STR_ARG(e->measure.dimension), e->measure.share);
        return;
    case EVENT_COMMITMENT:
        buf_addf(b, "promise %.*s %s by %s", STR_ARG(e->commitment.id),
                 promises[e->commitment.status], side_text(e->commitment.by));
        return;
    default:
        buf_add_str(b, e->type_name);
    }
}

/* ---- for people ---- */

static void add_json(struct buf *b, const json_t *value)
{
    char *text =
        value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;

    buf_addf(b, "%s", text ? text : "nothing");
    free(text); /* jansson's own */
}

static void add_row(struct buf *b, const char *name, const char *text)
{
    if (*text)
        buf_addf(b, "  %-10s %s\n", name, text);
}

static void add_event(struct buf *b, const struct explanation *x, const json_t *event)
{
    const char *id = explain_text(event, "id"), *source = explain_text(event, "source");
    const struct named_event *named = explain_find(x, str_of(id), str_of(source));

    buf_addf(b, "%s of %s", id, source);
    if (!named)
        return;
    if (!named->is_found) {
        buf_add_str(b, STR(": not in the log any more"));
        return;
    }
    buf_add_str(b, STR(", "));
    format_instant(b, named->time_ms);
    buf_addf(b, ": %s (%s:%llu)", named->says, named->where, (unsigned long long)named->line);
}

static void add_weight(struct buf *b, const json_t *weight)
{
    if (weight)
        buf_addf(b, "      %+-12.6g ", json_number_value(weight));
    else
        buf_addf(b, "      %-12s ", "");
}

static void add_contribution(struct buf *b, const struct explanation *x, const json_t *contribution)
{
    const json_t *base = json_object_get(contribution, "base"), *event;
    size_t i;

    if (base) {
        add_weight(b, base);
        buf_add_str(b, STR("from all other events\n"));
    }
    json_array_foreach(json_object_get(contribution, "events"), i, event)
    {
        add_weight(b, json_object_get(event, "weight"));
        add_event(b, x, event);
        buf_add_char(b, '\n');
    }
}

static const json_t *contribution_of(const json_t *data, const char *metric)
{
    const json_t *contribution;
    size_t i;

    json_array_foreach(json_object_get(data, "contributions"), i, contribution)
    {
        if (strcmp(explain_text(contribution, "metric"), metric) == 0)
            return contribution;
    }
    return NULL;
}

static void add_values(struct buf *b, const struct explanation *x, const json_t *data)
{
    json_t *values = json_object_get(data, "values"), *value;
    const char *name;

    json_object_foreach(values, name, value)
    {
        const json_t *contribution = contribution_of(data, name);

        buf_addf(b, "    %s = ", name);
        add_json(b, value);
        buf_add_char(b, '\n');
        if (contribution)
            add_contribution(b, x, contribution);
    }
}

static void add_who(struct buf *b, const struct explanation *x, const json_t *data)
{
    const json_t *who = json_object_get(data, "stakeholder");
    static const char *const names[] = {"kind", "account", "stage"};

    buf_addf(b, "  %-10s %s", "who", *x->subject ? x->subject : "nobody in particular");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (*explain_text(who, names[i]))
            buf_addf(b, ", %s %s", names[i], explain_text(who, names[i]));
    }
    buf_add_char(b, '\n');
}

static void add_trigger(struct buf *b, const struct explanation *x)
{
    const json_t *data = json_object_get(x->told, "data");
    const json_t *obligation = json_object_get(data, "obligation");
    const json_t *cause = json_object_get(data, "cause");

    buf_addf(b, "%s %s at %s\n", x->rule, x->edge, explain_text(x->told, "time"));
    add_who(b, x, data);
    buf_addf(b, "  %-10s %s, version %s\n", "rule", x->rule, x->version);
    add_row(b, "severity", explain_text(data, "severity"));
    add_row(b, "for", explain_text(data, "route"));
    add_row(b, "why", explain_text(data, "reason"));
    add_row(b, "since", explain_text(obligation, "since"));
    add_row(b, "due", explain_text(obligation, "due"));
    add_row(b, "answered", explain_text(obligation, "answered"));
    if (obligation) {
        buf_addf(b, "  %-10s ", "opened by");
        add_event(b, x, json_object_get(obligation, "opened_by"));
        buf_add_char(b, '\n');
    }
    if (cause) {
        buf_addf(b, "  %-10s ", "cause");
        add_event(b, x, cause);
        buf_add_char(b, '\n');
    }
    if (json_object_size(json_object_get(data, "values")))
        buf_add_str(b, STR("  values\n"));
    add_values(b, x, data);
    add_row(b, "prevented", explain_text(data, "counterfactual"));
    add_row(b, "to do", explain_text(data, "action"));
}

void explain_print(const struct explanation *x, struct buf *b)
{
    add_trigger(b, x);
    if (explain_is_same(x)) {
        buf_add_str(b, STR("recomputed: the same\n"));
        return;
    }
    buf_add_str(b, STR("recomputed: not the same\n"));
    for (size_t i = 0; i < x->n_remarks; i++)
        buf_addf(b, "  %s\n", x->remarks[i]);
    for (size_t i = 0; i < x->n_differences; i++) {
        buf_addf(b, "  %s: the trigger says ", x->differences[i].field);
        add_json(b, x->differences[i].told);
        buf_add_str(b, STR(", recomputed "));
        add_json(b, x->differences[i].recomputed);
        buf_add_char(b, '\n');
    }
}

/* ---- for programs ---- */

static json_t *or_null(json_t *value)
{
    return value ? json_incref(value) : json_null();
}

static json_t *differences_json(const struct explanation *x)
{
    json_t *list = json_array();

    for (size_t i = 0; i < x->n_differences; i++)
        json_array_append_new(list, json_pack("{s:s,s:o,s:o}", "field", x->differences[i].field,
                                              "trigger", or_null(x->differences[i].told),
                                              "recomputed", or_null(x->differences[i].recomputed)));
    return list;
}

static json_t *event_json(const struct named_event *named)
{
    struct buf time = BUF_INIT;
    json_t *event;

    if (!named->is_found)
        return json_pack("{s:s,s:s,s:b}", "id", named->id, "source", named->source, "found", 0);
    format_instant(&time, named->time_ms);
    event = json_pack("{s:s,s:s,s:b,s:s,s:s,s:s,s:I}", "id", named->id, "source", named->source,
                      "found", 1, "time", time.ptr, "says", named->says, "where", named->where,
                      "line", (json_int_t)named->line);
    buf_deinit(&time);
    return event;
}

json_t *explain_json(const struct explanation *x)
{
    json_t *remarks = json_array(), *events = json_array();

    for (size_t i = 0; i < x->n_remarks; i++)
        json_array_append_new(remarks, json_string(x->remarks[i]));
    for (size_t i = 0; i < x->n_named; i++)
        json_array_append_new(events, event_json(&x->named[i]));
    return json_pack("{s:O,s:b,s:o,s:o,s:o,s:o}", "trigger", x->told, "same", explain_is_same(x),
                     "remarks", remarks, "differences", differences_json(x), "events", events,
                     "recomputed", or_null(x->recomputed));
}
