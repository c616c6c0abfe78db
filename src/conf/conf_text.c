/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical text of a configuration: what decides state and triggers, nothing local, nothing
 * secret. Written from the struct, so that what was read is what is written; reading it gives the
 * same struct and the same text again.
 */
#include "conf/conf_private.h"

#include "base/parse.h"

static size_t utf8_decode(struct str s, uint32_t *ret_code)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t code = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));

    for (size_t i = 1; i < n; i++)
        code = code << 6 | (p[i] & 0x3f);
    *ret_code = code;
    return n;
}

/* YAML's printable characters, less those that it takes for line breaks. */
static bool is_printable(uint32_t code)
{
    if (code < 0xa0)
        return code >= 0x20 && code < 0x7f;
    if (code == 0x2028 || code == 0x2029 || code == 0xfeff)
        return false;
    return code < 0xfffe || code >= 0x10000;
}

/* Double-quoted, on one line. */
void conf_text_add(struct buf *b, struct str s)
{
    buf_add_char(b, '"');
    for (size_t i = 0; i < s.len;) {
        uint32_t code;
        size_t n = utf8_decode((struct str){s.ptr + i, s.len - i}, &code);

        if (code == '"' || code == '\\')
            buf_addf(b, "\\%c", (char)code);
        else if (code == '\n')
            buf_add_str(b, STR("\\n"));
        else if (is_printable(code))
            buf_add(b, s.ptr + i, n);
        else
            buf_addf(b, code < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)code);
        i += n;
    }
    buf_add_char(b, '"');
}

static void add_instant(struct buf *b, int64_t ms)
{
    buf_add_char(b, '"');
    format_instant(b, ms);
    buf_add_char(b, '"');
}

static bool is_given(const struct conf_key *key, const void *base)
{
    return key->type != CONF_INSTANT ||
           *(const int64_t *)((const char *)base + key->offset) != INT64_MIN;
}

static void add_value(struct buf *b, const struct conf_key *key, const void *base)
{
    const void *at = (const char *)base + key->offset;
    int choice;

    switch (key->type) {
    case CONF_BOOL:
        buf_add_str(b, *(const bool *)at ? STR("on") : STR("off"));
        break;
    case CONF_NUMBER:
        buf_add_double(b, *(const double *)at);
        break;
    case CONF_DURATION:
        format_duration_exact(b, *(const int64_t *)at);
        break;
    case CONF_INSTANT:
        add_instant(b, *(const int64_t *)at);
        break;
    case CONF_CHOICE:
        memcpy(&choice, at, sizeof(choice));
        buf_add_str(b, str_of(key->choices[choice]));
        break;
    case CONF_TEXT:
    case CONF_NAME:
        conf_text_add(b, *(const struct str *)at);
        break;
    default:
        buf_add_i64(b, *(const int64_t *)at);
        break;
    }
}

/* The rows that rule, as `name: value` with what separates them; how many. */
static size_t add_rows(struct buf *b, const struct conf_key *keys, const void *base,
                       const char *between)
{
    size_t n = 0;

    for (const struct conf_key *key = keys; key->name; key++) {
        if (!key->is_rule || !is_given(key, base))
            continue;
        buf_addf(b, "%s%s: ", n++ ? between : "", key->name);
        add_value(b, key, base);
    }
    return n;
}

static void add_sections(struct buf *b, const struct conf_private *p)
{
    add_rows(b, conf_keys_root, p, "\n");
    buf_add_char(b, '\n');
    for (const struct conf_key *key = conf_keys_root; key->name; key++) {
        size_t before = b->len;

        if (key->type != CONF_MAP)
            continue;
        buf_addf(b, "%s: {", key->name);
        if (add_rows(b, key->keys, p, ", "))
            buf_add_str(b, STR("}\n"));
        else
            b->len = before;
    }
}

static void add_named(struct buf *b, const char *name, struct str text)
{
    if (!text.len)
        return;
    buf_addf(b, ", %s: ", name);
    conf_text_add(b, text);
}

static void add_lasting(struct buf *b, const char *name, int64_t ms)
{
    if (!ms)
        return;
    buf_addf(b, ", %s: ", name);
    format_duration_exact(b, ms);
}

static void add_verbs(struct buf *b, const struct model_spec *spec)
{
    buf_add_str(b, spec->n_verbs ? STR("verbs:\n") : STR("verbs: {}\n"));
    for (size_t i = 0; i < spec->n_verbs; i++) {
        buf_add_str(b, STR("  "));
        conf_text_add(b, spec->verbs[i].name);
        buf_add_str(b, STR(": {weight: "));
        buf_add_double(b, spec->verbs[i].weight);
        buf_addf(b, ", expects_reply: %s}\n", spec->verbs[i].expects_reply ? "on" : "off");
    }
}

static void add_cap(struct buf *b, const struct cap_spec *cap)
{
    if (!cap->length_ms)
        return;
    buf_add_str(b, STR(", cap: {per: "));
    if (cap->from_ms) /* only a week has one */
        buf_add_str(b, STR("week"));
    else
        format_duration_exact(b, cap->length_ms);
    buf_add_str(b, STR(", at: "));
    buf_add_double(b, cap->at_most);
    buf_add_char(b, '}');
}

static void add_metric(struct buf *b, const struct metric_spec *m)
{
    static const char *const aggregates[] = {
        [AGGREGATE_COUNT] = "count",       [AGGREGATE_SUM] = "sum",
        [AGGREGATE_MEAN] = "mean",         [AGGREGATE_MIN] = "min",
        [AGGREGATE_MAX] = "max",           [AGGREGATE_LAST] = "last",
        [AGGREGATE_DISTINCT] = "distinct", [AGGREGATE_DISTINCT_DAYS] = "distinct_days"};

    buf_add_str(b, STR("  "));
    conf_text_add(b, m->name);
    buf_addf(b, ": {%s: ", aggregates[m->aggregate]);
    if (m->aggregate == AGGREGATE_COUNT || m->aggregate == AGGREGATE_DISTINCT_DAYS)
        buf_add_str(b, STR("on"));
    else
        conf_text_add(b, m->value);
    add_named(b, "where", m->where);
    add_lasting(b, m->reach == REACH_WINDOW ? "window" : "half_life", m->reach_ms);
    add_cap(b, &m->cap);
    buf_add_str(b, STR("}\n"));
}

static void add_due(struct buf *b, const struct rule_spec *r)
{
    if (r->kind != RULE_ABSENT && r->kind != RULE_EXPECT)
        return;
    buf_addf(b, ", %s: {", r->kind == RULE_ABSENT ? "absent" : "expect");
    if (r->within_gaps > 0) {
        buf_add_str(b, STR("cadence: "));
        buf_add_double(b, r->within_gaps);
    } else {
        buf_add_str(b, STR("within: "));
        format_duration_exact(b, r->within_ms);
    }
    add_named(b, r->kind == RULE_ABSENT ? "where" : "then", r->where);
    add_named(b, "after", r->after);
    buf_add_char(b, '}');
}

static void add_rule(struct buf *b, const struct rule_spec *r)
{
    buf_add_str(b, STR("  - {name: "));
    conf_text_add(b, r->name);
    if (r->kind == RULE_OWED) {
        buf_addf(b, ", owed: {by: %s, after: ",
                 r->owed_by == SIDE_ORGANISATION ? "organisation" : "stakeholder");
        format_duration_exact(b, r->owed_after_ms);
        add_named(b, "calendar", r->owed_calendar);
        if (r->owed_until != OWED_UNTIL_ANSWERED)
            buf_addf(b, ", until: %s", conf_owed_untils[r->owed_until]);
        add_named(b, "where", r->owed_where);
        buf_add_char(b, '}');
    }
    add_due(b, r);
    add_named(b, "enter", r->enter);
    add_named(b, "exit", r->exit);
    if (r->quiet_hold)
        buf_add_str(b, STR(", quiet: hold"));
    add_lasting(b, "for", r->for_ms);
    add_lasting(b, "cooldown", r->cooldown_ms);
    buf_addf(b, ", severity: %.*s", STR_ARG(r->severity));
    add_named(b, "route", r->route);
    add_named(b, "action", r->action);
    for (size_t i = 0; i < r->n_inhibited_by; i++) {
        buf_add_str(b, i ? STR(", ") : STR(", inhibited_by: ["));
        conf_text_add(b, r->inhibited_by[i]);
    }
    if (r->n_inhibited_by)
        buf_add_char(b, ']');
    add_lasting(b, "escalate_after", r->escalate_after_ms);
    buf_add_str(b, STR("}\n"));
}

static void add_stage(struct buf *b, const struct stage_spec *s)
{
    buf_add_str(b, STR("  - {name: "));
    conf_text_add(b, s->name);
    add_named(b, "enter", s->enter);
    add_named(b, "exit", s->exit);
    add_lasting(b, "min_stay", s->min_stay_ms);
    buf_addf(b, ", severity: %.*s", STR_ARG(s->severity));
    add_named(b, "route", s->route);
    add_named(b, "action", s->action);
    buf_add_str(b, STR("}\n"));
}

static void add_silence(struct buf *b, const struct silence_spec *s)
{
    buf_add_str(b, STR("  - {author: "));
    conf_text_add(b, s->author);
    add_named(b, "reason", s->reason);
    buf_add_str(b, STR(", until: "));
    add_instant(b, s->until_ms);
    add_named(b, "rule", s->rule);
    add_named(b, "severity", s->severity);
    add_named(b, "route", s->route);
    add_named(b, "kind", s->kind);
    add_named(b, "account", s->account);
    add_named(b, "stakeholder", s->stakeholder);
    buf_add_str(b, STR("}\n"));
}

static void add_source(struct buf *b, const struct source_spec *s)
{
    buf_add_str(b, STR("  - {name: "));
    conf_text_add(b, s->name);
    add_named(b, "source", s->source);
    add_lasting(b, "heartbeat", s->heartbeat_ms);
    for (size_t i = 0; i < s->n_channels; i++) {
        buf_add_str(b, i ? STR(", ") : STR(", channels: ["));
        conf_text_add(b, s->channels[i]);
    }
    if (s->n_channels)
        buf_add_char(b, ']');
    add_named(b, "route", s->route);
    buf_add_str(b, STR("}\n"));
}

void conf_text_write(struct conf_private *p)
{
    const struct model_spec *spec = &p->conf.spec;
    struct buf b = BUF_INIT;

    add_sections(&b, p);
    add_verbs(&b, spec);
    conf_zones_write(p, &b);
    conf_calendars_write(p, &b);
    conf_derived_text(spec->derived, &b);
    buf_add_str(&b, spec->n_metrics ? STR("metrics:\n") : STR("metrics: {}\n"));
    for (size_t i = 0; i < spec->n_metrics; i++)
        add_metric(&b, &spec->metrics[i]);
    buf_add_str(&b, spec->n_rules ? STR("rules:\n") : STR("rules: []\n"));
    for (size_t i = 0; i < spec->n_rules; i++)
        add_rule(&b, &spec->rules[i]);
    buf_add_str(&b, spec->n_stages ? STR("stages:\n") : STR("stages: []\n"));
    for (size_t i = 0; i < spec->n_stages; i++)
        add_stage(&b, &spec->stages[i]);
    buf_add_str(&b, spec->n_silences ? STR("silences:\n") : STR("silences: []\n"));
    for (size_t i = 0; i < spec->n_silences; i++)
        add_silence(&b, &spec->silences[i]);
    buf_add_str(&b, spec->n_sources ? STR("sources:\n") : STR("sources: []\n"));
    for (size_t i = 0; i < spec->n_sources; i++)
        add_source(&b, &spec->sources[i]);
    conf_preset_write(&b, &p->conf);
    p->conf.text = buf_str(&b);
    conf_keep(p, b.ptr);
    digest_hex(p->conf.text, p->conf.hash);
}
