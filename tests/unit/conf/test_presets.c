/* SPDX-License-Identifier: Apache-2.0 */
/* What a preset makes of a payload, and that each file in config/presets maps what it is for. */
#include "codec/event_decode.h"
#include "codec/preset.h"
#include "conf/conf_fault.h"
#include "conf/conf_private.h"

#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct event_decoder *decoder;
static struct conf *conf;

struct header {
    const char *name, *value;
};

static bool header_at(const void *headers, size_t i, const char **ret_name, struct str *ret_value)
{
    const struct header *h = (const struct header *)headers + i;

    if (!h->name)
        return false;
    *ret_name = h->name;
    *ret_value = str_of(h->value);
    return true;
}

static int setup(void **state)
{
    (void)state;
    decoder = event_decoder_new(NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    decoder = event_decoder_free(decoder);
    conf = conf_free(conf);
    return 0;
}

static void say_faults(int r, struct conf_faults *faults)
{
    struct buf b = BUF_INIT;

    if (r)
        conf_fault_format(&faults->items[0], &b);
    if (r)
        fail_msg("%s", b.ptr);
    conf_faults_deinit(faults);
}

static void use_text(const char *text)
{
    struct conf_faults faults = CONF_FAULTS_INIT;

    conf = conf_free(conf);
    say_faults(conf_parse(str_of(text), "f", &conf, &faults), &faults);
}

static void use_file(const char *name)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    char path[512];

    conf = conf_free(conf);
    snprintf(path, sizeof(path), CONFIG_DIR "/presets/%s.yaml", name);
    say_faults(conf_load(path, &conf, &faults), &faults);
}

static int decode(const char *value, const struct header *headers, struct event *ret_event,
                  struct event_refusal *ret_refusal)
{
    const struct event_input input = {.value = str_of(value),
                                      .header_at = headers ? header_at : NULL,
                                      .headers = headers,
                                      .timestamp_ms = 1700000000000,
                                      .presets = conf->presets};

    return event_decode(decoder, &input, ret_event, ret_refusal);
}

static struct event take(const char *value)
{
    struct event_refusal refusal;
    struct event e;

    if (decode(value, NULL, &e, &refusal))
        fail_msg("%s: refused: %s: %s", value, refusal.code, refusal.text);
    return e;
}

static void refuse(const char *value, const char *code, const char *text)
{
    struct event_refusal refusal;
    struct event e;

    if (decode(value, NULL, &e, &refusal) != EVENT_E_REFUSED)
        fail_msg("%s: taken", value);
    assert_string_equal(refusal.code, code);
    if (text)
        assert_string_equal(refusal.text, text);
}

static void assert_text(struct str got, const char *want)
{
    if (!str_eq(got, str_of(want)))
        fail_msg("got \"%.*s\", wanted \"%s\"", STR_ARG(got), want);
}

static void assert_dropped(const char *value, const char *type)
{
    struct event e = take(value);

    assert_true(e.type == EVENT_OTHER);
    assert_text(e.type_name, type);
}

/* ---- the shipped ones ---- */

static void test_segment_track(void **state)
{
    struct event e;

    (void)state;
    use_file("segment");
    e = take("{\"type\":\"track\",\"event\":\"Order Completed\",\"messageId\":\"m1\","
             "\"userId\":\"ann\",\"anonymousId\":\"x\",\"timestamp\":\"2026-05-01T08:00:00.5Z\","
             "\"properties\":{\"revenue\":12.5,\"currency\":\"EUR\"},"
             "\"context\":{\"page\":{\"url\":\"https://x\"},\"groupId\":\"acme\"}}");
    assert_true(e.type == EVENT_INTERACTION && e.direction == DIRECTION_INBOUND);
    assert_text(e.id, "m1");
    assert_text(e.source, "/segment");
    assert_text(e.subject, "ann");
    assert_text(e.verb, "purchase");
    assert_text(e.channel, "web");
    assert_text(e.account, "acme");
    assert_true(e.has_value && e.value == 12.5 && e.time_ms == 1777622400500);
    e = take("{\"type\":\"track\",\"event\":\"Song Played\",\"messageId\":\"m2\","
             "\"anonymousId\":\"x\",\"properties\":{\"revenue\":3}}");
    assert_text(e.subject, "x");
    assert_text(e.verb, "song played");
    assert_text(e.channel, "api");
    assert_true(!e.has_value && e.time_ms == 1700000000000); /* the record's timestamp */
    e = take("{\"type\":\"screen\",\"name\":\"Home\",\"messageId\":\"m3\",\"userId\":\"ann\"}");
    assert_text(e.verb, "view");
    assert_text(e.channel, "app");
    refuse("{\"type\":\"track\",\"messageId\":\"m4\",\"userId\":\"ann\"}", "data.verb.missing",
           NULL);
    refuse("{\"type\":\"track\",\"event\":\"A\",\"messageId\":\"m4\"}", "subject.missing", NULL);
    refuse("{\"type\":\"track\",\"event\":\"Order Completed\",\"messageId\":\"m\","
           "\"userId\":\"ann\",\"properties\":{\"revenue\":\"much\"}}",
           "preset.field.type",
           "The payload's value for 'revenue' of the preset 'segment-track' is a string, and not a "
           "number.");
}

static void test_segment_others(void **state)
{
    struct event e;

    (void)state;
    use_file("segment");
    e = take("{\"type\":\"identify\",\"messageId\":\"m1\",\"userId\":\"ann\","
             "\"traits\":{\"consent\":false,\"unsubscribed\":true}}");
    assert_true(e.type == EVENT_PREFERENCE);
    assert_true(e.preference.consent_change == PREFERENCE_SET && !e.preference.consents);
    assert_true(e.preference.n_channels == 1 && !e.preference.channels[0].is_allowed);
    assert_text(e.preference.channels[0].channel, "mail");
    e = take("{\"type\":\"identify\",\"messageId\":\"m1\",\"userId\":\"ann\","
             "\"traits\":{\"consent\":true}}");
    assert_true(e.preference.consents && e.preference.channels_change == PREFERENCE_KEPT);
    assert_dropped("{\"type\":\"identify\",\"messageId\":\"m1\",\"userId\":\"ann\"}",
                   "preset.segment-identify.dropped");
    e = take("{\"type\":\"group\",\"messageId\":\"m2\",\"userId\":\"ann\",\"groupId\":\"acme\"}");
    assert_text(e.account, "acme");
    assert_true(e.has_weight && e.weight == 0);
    e = take("{\"type\":\"alias\",\"messageId\":\"m3\",\"userId\":\"ann\",\"previousId\":\"x\"}");
    assert_true(e.type == EVENT_IDENTITY && e.identity.action == IDENTITY_MERGE);
    assert_text(e.subject, "x");
    assert_text(e.identity.into, "ann");
    refuse("{\"type\":\"delete\",\"messageId\":\"m3\"}", "specversion.missing", NULL);
}

#define AS "{\"@context\":\"https://www.w3.org/ns/activitystreams\","

static void test_activitystreams(void **state)
{
    struct event e;

    (void)state;
    use_file("activitystreams");
    e = take(AS "\"type\":\"Create\",\"id\":\"https://a/act/1\",\"actor\":\"https://a/ann\","
                "\"published\":\"2026-05-01T08:00:00Z\",\"object\":{\"type\":\"Question\","
                "\"id\":\"https://a/1\",\"conversation\":\"tag:a,1\"}}");
    assert_true(e.type == EVENT_INTERACTION && e.direction == DIRECTION_INBOUND);
    assert_text(e.subject, "https://a/ann");
    assert_text(e.id, "https://a/1");
    assert_text(e.verb, "question");
    assert_text(e.conversation, "tag:a,1");
    e = take(AS "\"type\":\"Create\",\"actor\":{\"id\":\"https://social.example.com/us\"},"
                "\"to\":[\"https://a/ann\"],\"object\":{\"id\":\"https://social.example.com/1\","
                "\"inReplyTo\":\"https://a/1\"}}");
    assert_true(e.direction == DIRECTION_OUTBOUND);
    assert_text(e.subject, "https://a/ann");
    assert_text(e.verb, "reply");
    assert_text(e.in_reply_to, "https://a/1");
    assert_dropped(AS "\"type\":\"Create\",\"actor\":\"https://social.example.com/us\","
                      "\"to\":[\"https://www.w3.org/ns/activitystreams#Public\"],"
                      "\"object\":{\"id\":\"https://social.example.com/2\"}}",
                   "preset.activitystreams.dropped");
    e = take(AS "\"type\":\"Like\",\"id\":\"https://a/2\",\"actor\":\"https://a/ann\",\"to\":[],"
                "\"object\":\"https://social.example.com/1\"}");
    assert_text(e.verb, "praise");
    assert_text(e.id, "https://a/2");
    e = take(AS "\"type\":\"Undo\",\"id\":\"https://a/3\",\"actor\":\"https://a/ann\","
                "\"object\":{\"id\":\"https://a/2\",\"type\":\"Like\"}}");
    assert_true(e.type == EVENT_RETRACTION);
    assert_text(e.retraction.id, "https://a/2");
    assert_text(e.retraction.source, "/activitystreams");
    e = take(AS "\"type\":\"Delete\",\"id\":\"https://a/4\",\"actor\":\"https://a/ann\","
                "\"object\":\"https://a/ann\"}");
    assert_true(e.type == EVENT_IDENTITY && e.identity.action == IDENTITY_ERASE);
}

#define XAPI(verb, more)                                                                           \
    "{\"id\":\"s1\",\"actor\":{\"account\":{\"name\":\"ann\",\"homePage\":\"https://x\"}},"        \
    "\"verb\":{\"id\":\"http://adlnet.gov/expapi/verbs/" verb                                      \
    "\",\"display\":{\"en-US\":\"Completed\"}},\"object\":{\"id\":\"c1\"},"                        \
    "\"timestamp\":\"2026-05-01T08:00:00Z\"" more "}"

static void test_xapi(void **state)
{
    struct event e;

    (void)state;
    use_file("xapi");
    e = take(XAPI("completed", ",\"context\":{\"registration\":\"r1\"}"));
    assert_true(e.type == EVENT_INTERACTION);
    assert_text(e.subject, "ann");
    assert_text(e.verb, "completed");
    assert_text(e.conversation, "r1");
    e = take(XAPI("scored", ",\"result\":{\"score\":{\"raw\":15,\"min\":10,\"max\":20,"
                            "\"scaled\":0.9}}"));
    assert_true(e.type == EVENT_MEASURE && e.measure.share == 0.5);
    assert_text(e.measure.dimension, "understanding");
    e = take(XAPI("scored", ",\"result\":{\"score\":{\"raw\":15,\"scaled\":0.5}}"));
    assert_true(e.type == EVENT_MEASURE && e.measure.share == 0.75);
    e = take(XAPI("voided", ""));
    assert_true(e.type == EVENT_RETRACTION);
    assert_text(e.retraction.id, "c1");
    refuse(XAPI("scored", ",\"result\":{\"score\":{\"scaled\":2}}"), "data.score.out_of_range",
           NULL);
}

#define DESK(type, detail, event)                                                                  \
    "{\"id\":\"w1\",\"time\":\"2026-05-01T08:00:00.672717030Z\","                                  \
    "\"type\":\"zen:event-type:ticket." type "\",\"detail\":{\"id\":\"5158\","                     \
    "\"requester_id\":8447388090494,\"via\":{\"channel\":\"email\"}" detail "},"                   \
    "\"event\":{" event "}}"

static void test_support_desk(void **state)
{
    struct event e;

    (void)state;
    use_file("support-desk");
    e = take(DESK("created", ",\"submitter_id\":8447388090494,\"type\":\"PROBLEM\"", ""));
    assert_true(e.direction == DIRECTION_INBOUND);
    assert_text(e.subject, "8447388090494"); /* a number, exactly */
    assert_text(e.conversation, "5158");
    assert_text(e.verb, "complaint");
    assert_text(e.channel, "email");
    assert_true(e.time_ms == 1777622400672);
    e = take(DESK("created", ",\"submitter_id\":\"7\"", ""));
    assert_true(e.direction == DIRECTION_OUTBOUND);
    e = take(
        DESK("comment_added", "", "\"comment\":{\"author\":{\"id\":\"7\",\"is_staff\":true}}"));
    assert_true(e.direction == DIRECTION_OUTBOUND);
    assert_text(e.verb, "reply");
    assert_text(e.actor, "7");
    e = take(DESK("comment_added", "", "\"comment\":{\"author\":{\"id\":8,\"is_staff\":false}}"));
    assert_true(e.direction == DIRECTION_INBOUND && !e.actor.len);
    assert_dropped(DESK("comment_added", "", "\"comment\":{\"is_public\":false}"),
                   "preset.desk-comment.dropped");
    e = take(DESK("status_changed", "", "\"current\":\"SOLVED\",\"previous\":\"OPEN\""));
    assert_true(e.resolves && e.automatic && e.weight == 0 && e.has_weight);
    assert_dropped(DESK("status_changed", "", "\"current\":\"PENDING\""),
                   "preset.desk-status.dropped");
}

/* ---- the mechanism ---- */

#define PRESET(match, fields, more)                                                                \
    "presets:\n  p: {match: {" match "}, fields: {" fields "}, type: '\"x.y\"', id: /id, "         \
    "source: '\"/p\"', subject: /who, " more "}\n"

static void test_only_what_matches(void **state)
{
    struct header sender[] = {{"X-Sender", "Desk"}, {NULL, NULL}};
    struct header binary[] = {{"x-sender", "Desk"}, {"ce_id", "1"}, {NULL, NULL}};
    struct header mode[] = {
        {"x-sender", "Desk"}, {"content-type", "application/cloudevents+json"}, {NULL, NULL}};
    struct header other[] = {{"x-sender", "desk"}, {NULL, NULL}};
    const char *value = "{\"id\":1,\"who\":\"ann\",\"n\":7,\"b\":true}";
    struct event_refusal refusal;
    struct event e;

    (void)state;
    use_text(PRESET("headers: {x-sender: [Mail, Desk]}, values: {/n: 7, /b: 'true'}, has: /who", "",
                    "data: {}"));
    assert_int_equal(decode(value, sender, &e, &refusal), 0);
    assert_text(e.type_name, "x.y");
    assert_text(e.id, "1");
    assert_int_equal(decode(value, binary, &e, &refusal), EVENT_E_REFUSED);
    assert_int_equal(decode(value, mode, &e, &refusal), EVENT_E_REFUSED);
    assert_int_equal(decode(value, other, &e, &refusal), EVENT_E_REFUSED);
    assert_int_equal(decode(value, NULL, &e, &refusal), EVENT_E_REFUSED);
    assert_string_equal(refusal.code, "id.type"); /* as it stands: a CloudEvent's id is a text */
    assert_int_equal(decode("{\"id\":1,\"n\":7,\"b\":true}", sender, &e, &refusal),
                     EVENT_E_REFUSED);
    assert_int_equal(decode("{\"id\":1,\"who\":1,\"n\":7.5,\"b\":true}", sender, &e, &refusal),
                     EVENT_E_REFUSED);
    /* A CloudEvent is never mapped, whatever else it holds. */
    assert_int_equal(decode("{\"specversion\":\"1.0\",\"type\":\"own\",\"source\":\"/s\","
                            "\"id\":\"i\",\"who\":\"ann\",\"n\":7,\"b\":true}",
                            sender, &e, &refusal),
                     0);
    assert_text(e.type_name, "own");
    /* What is no JSON is refused as ever. */
    assert_int_equal(decode("{\"id\":", sender, &e, &refusal), EVENT_E_REFUSED);
    assert_string_equal(refusal.code, "json.malformed");
}

static void test_pointers(void **state)
{
    struct event e;

    (void)state;
    use_text("presets:\n  p: {match: {has: [/~1a~0]}, type: '\"x\"', id: /l/1/x, source: /~1a~0, "
             "subject: '/l/01', sequence: /l/-}\n");
    e = take("{\"/a~\":\"s\",\"l\":[0,{\"x\":\"i\"}],\"01\":\"no\"}");
    assert_text(e.source, "s");
    assert_text(e.id, "i");
    assert_int_equal(e.subject.len, 0); /* no index has a leading zero */
    assert_int_equal(e.sequence.len, 0);
    e = take("{\"/a~\":9007199254740993,\"l\":[0,{\"x\":-0.25}]}");
    assert_text(e.source, "9007199254740993"); /* exactly */
    assert_text(e.id, "-0.25");
}

static void test_kinds_of_values(void **state)
{
    struct event e;

    (void)state;
    use_text("presets:\n"
             "  p:\n"
             "    match: {has: [/id]}\n"
             "    fields:\n"
             "      n: {pointer: /n, type: int, default: 3}\n"
             "      d: {pointer: [/no, /d], type: double}\n"
             "      s: {pointer: /d}\n"
             "      at: {pointer: /at, type: timestamp}\n"
             "      tags: {pointer: /tags, type: list}\n"
             "    type: '\"io.engaged.interaction.v1\"'\n"
             "    id: n * 2\n"
             "    source: s\n"
             "    subject: '\"ann\"'\n"
             "    time: at + duration(\"1h\")\n"
             "    data:\n"
             "      direction: '\"vip\" in tags ? \"inbound\" : \"peer\"'\n"
             "      verb: '\"m\"'\n"
             "      communities: /tags\n"
             "      weight: d\n"
             "      value: n\n");
    e = take("{\"id\":1,\"d\":0.5,\"at\":\"2026-05-01T07:00:00Z\",\"tags\":[\"vip\",\"x\"]}");
    assert_text(e.id, "6");
    assert_text(e.source, "0.5");
    assert_true(e.time_ms == 1777622400000 && e.weight == 0.5 && e.value == 3);
    assert_true(e.direction == DIRECTION_INBOUND && e.n_communities == 2);
    e = take("{\"id\":1,\"d\":0.5,\"n\":9007199254740993,\"tags\":[]}");
    assert_text(e.id, "18014398509481986"); /* as an integer, not as a double */
    assert_true(e.direction == DIRECTION_PEER);
    refuse("{\"id\":1,\"d\":0.5,\"n\":1.5}", "preset.field.type", NULL);
    refuse(
        "{\"id\":1,\"d\":0.5,\"tags\":[1]}", "preset.field.type",
        "The payload's value for 'tags' of the preset 'p' is an array, and not a list of at most "
        "64 strings.");
    refuse("{\"id\":1,\"d\":{}}", "preset.field.type", NULL);
    refuse("{\"id\":1,\"d\":0.5,\"n\":9223372036854775807}", "preset.output.error",
           "The preset 'p' gives id an error for this payload.");
}

static void test_outputs(void **state)
{
    (void)state;
    use_text(
        PRESET("has: [/id]", "n: {pointer: /n, type: double}", "when: 1 / int(n) > 0, time: n"));
    refuse("{\"id\":1,\"n\":0}", "preset.when.error", NULL);
    refuse("{\"id\":1,\"n\":1}", "time.malformed", NULL);
    assert_dropped("{\"id\":1,\"n\":null}", "preset.p.dropped"); /* `when` has no value */
    refuse("{\"id\":{},\"n\":1}", "preset.output.type",
           "The preset 'p' gives id a value that is no string and no number.");
    refuse("{\"id\":false,\"n\":1}", "preset.output.type", NULL);
    use_text(PRESET("has: [/id]", "n: {pointer: /n, type: double}", "data: {score: n / 0.0}"));
    refuse("{\"id\":1,\"n\":1}", "preset.output.type",
           "The preset 'p' gives data.score a value that JSON cannot say.");
}

static void test_nested(void **state)
{
    static const char text[] = "presets:\n"
                               "  p:\n"
                               "    match: {has: [/id]}\n"
                               "    fields: {n: {pointer: /n, type: int}}\n"
                               "    type: '\"io.engaged.preference.v1\"'\n"
                               "    id: /id\n"
                               "    source: '\"/p\"'\n"
                               "    subject: /id\n"
                               "    data:\n"
                               "      max_contacts: {count: n, per: duration(\"36h\")}\n"
                               "      channels: /channels\n"
                               "      quiet_hours: {from: /from, to: /to}\n";
    struct event e;

    (void)state;
    use_text(text);
    e = take("{\"id\":\"ann\",\"n\":3,\"channels\":{\"a\":\"deny\",\"b\":\"allow\"}}");
    assert_true(e.preference.max_contacts == 3 && e.preference.contacts_per_ms == 36 * 3600000);
    assert_int_equal(e.preference.n_channels, 2);
    assert_true(e.preference.quiet_hours_change == PREFERENCE_KEPT); /* an empty object is none */
    e = take("{\"id\":\"ann\",\"n\":3,\"from\":\"22:00\",\"to\":\"07:00\"}");
    assert_int_equal(e.preference.quiet_from_min, 1320);
}

/* A key that is given must be the subject that the preset gives. */
static void test_key(void **state)
{
    struct event_input input = {.value = STR("{\"id\":\"1\",\"who\":\"ann\",\"type\":\"alias\","
                                             "\"messageId\":\"m\",\"previousId\":\"ann\","
                                             "\"userId\":\"b\"}"),
                                .key = STR("b"),
                                .has_key = true,
                                .must_match_key = true,
                                .timestamp_ms = 1};
    struct event_refusal refusal;
    struct event e;

    (void)state;
    use_file("segment");
    input.presets = conf->presets;
    assert_int_equal(event_decode(decoder, &input, &e, &refusal), EVENT_E_REFUSED);
    assert_string_equal(refusal.code, "key.mismatch");
    input.key = STR("ann");
    assert_int_equal(event_decode(decoder, &input, &e, &refusal), 0);
}

/* ---- files ---- */

static const char *name_at(size_t i)
{
    return i < conf->n_presets ? conf->preset_specs[i].name.ptr : "";
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

#define MINIMAL(name, id)                                                                          \
    "  " name ": {match: {has: /x}, type: '\"t\"', id: " id ", source: '\"/p\"', subject: /s}\n"

/* Presets of all files count, and what is read later comes first. */
static void test_of_all_files(void **state)
{
    char dir[] = "/tmp/engaged_presets_XXXXXX", path[512];
    struct conf_faults faults = CONF_FAULTS_INIT;

    (void)state;
    assert_non_null(mkdtemp(dir));
    write_file(dir, "one.yaml", "presets:\n" MINIMAL("a", "/one") MINIMAL("b", "/one"));
    write_file(dir, "two.yaml", "presets:\n" MINIMAL("b", "/two"));
    write_file(dir, "main.yaml", "include: [one.yaml, two.yaml]\npresets:\n" MINIMAL("c", "/main"));
    snprintf(path, sizeof(path), "%s/main.yaml", dir);
    conf = conf_free(conf);
    say_faults(conf_load(path, &conf, &faults), &faults);
    assert_int_equal(conf->n_presets, 3);
    assert_string_equal(name_at(0), "c");
    assert_string_equal(name_at(1), "b");
    assert_string_equal(name_at(2), "a");
    assert_text(take("{\"x\":1,\"main\":\"i\",\"s\":\"s\"}").id, "i");
    assert_text(conf->preset_specs[1].outputs[1].text, "/two");
    for (const char *const *name = (const char *const[]){"one", "two", "main", NULL}; *name;
         name++) {
        snprintf(path, sizeof(path), "%s/%s.yaml", dir, *name);
        unlink(path);
    }
    rmdir(dir);
}

/* The canonical text means the same; without presets it does not speak of them. */
static void test_canonical(void **state)
{
    static const char *const names[] = {"segment", "activitystreams", "xapi", "support-desk"};
    char hash[sizeof(conf->hash)];
    struct buf text = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        use_file(names[i]);
        assert_non_null(memmem(conf->text.ptr, conf->text.len, "\npresets:\n", 10));
        memcpy(hash, conf->hash, sizeof(hash));
        buf_reset(&text);
        buf_add_str(&text, conf->text);
        use_text(text.ptr);
        assert_string_equal(conf->hash, hash);
        assert_true(conf->n_presets > 0 && conf->presets);
    }
    buf_deinit(&text);
    use_text("deployment: a\n");
    assert_null(memmem(conf->text.ptr, conf->text.len, "presets", 7));
    assert_null(conf->presets);
    use_text(PRESET("headers: {a: b}, values: {/c: [d, e]}, has: [/f]",
                    "n: {pointer: [/n, /m], type: int, default: -1}", "when: n > 0, data: {}"));
    assert_non_null(strstr(conf->text.ptr,
                           "  \"p\": {match: {headers: {\"a\": [\"b\"]}, values: {\"/c\": [\"d\", "
                           "\"e\"]}, has: [\"/f\"]}, fields: {\"n\": {pointer: [\"/n\", \"/m\"], "
                           "type: int, default: \"-1\"}}, when: \"n > 0\", "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment_track),
        cmocka_unit_test(test_segment_others),
        cmocka_unit_test(test_activitystreams),
        cmocka_unit_test(test_xapi),
        cmocka_unit_test(test_support_desk),
        cmocka_unit_test(test_only_what_matches),
        cmocka_unit_test(test_pointers),
        cmocka_unit_test(test_kinds_of_values),
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_of_all_files),
        cmocka_unit_test(test_canonical),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
