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
        if (!key->is_rule)
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

static void add_metric(struct buf *b, const struct metric_spec *m)
{
    static const char *const aggregates[] = {
        [AGGREGATE_COUNT] = "count", [AGGREGATE_SUM] = "sum", [AGGREGATE_MEAN] = "mean"};

    buf_add_str(b, STR("  "));
    conf_text_add(b, m->name);
    buf_addf(b, ": {%s: ", aggregates[m->aggregate]);
    if (m->aggregate == AGGREGATE_COUNT)
        buf_add_str(b, STR("on"));
    else
        conf_text_add(b, m->value);
    add_named(b, "where", m->where);
    add_lasting(b, m->reach == REACH_WINDOW ? "window" : "half_life", m->reach_ms);
    buf_add_str(b, STR("}\n"));
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
    add_named(b, "enter", r->enter);
    add_named(b, "exit", r->exit);
    if (r->quiet_hold)
        buf_add_str(b, STR(", quiet: hold"));
    add_lasting(b, "for", r->for_ms);
    add_lasting(b, "cooldown", r->cooldown_ms);
    buf_addf(b, ", severity: %.*s", STR_ARG(r->severity));
    add_named(b, "route", r->route);
    add_named(b, "action", r->action);
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
    buf_add_str(&b, spec->n_metrics ? STR("metrics:\n") : STR("metrics: {}\n"));
    for (size_t i = 0; i < spec->n_metrics; i++)
        add_metric(&b, &spec->metrics[i]);
    buf_add_str(&b, spec->n_rules ? STR("rules:\n") : STR("rules: []\n"));
    for (size_t i = 0; i < spec->n_rules; i++)
        add_rule(&b, &spec->rules[i]);
    p->conf.text = buf_str(&b);
    conf_keep(p, b.ptr);
    digest_hex(p->conf.text, p->conf.hash);
}
