/* SPDX-License-Identifier: Apache-2.0 */
/* The data of measures, commitments, preferences, identities, outcomes, retractions: every field.
 */
#include "decoding.h"

#include "base/mem.h"

#include <stdio.h>

#define HEAD                                                                                       \
    "{'specversion':'1.0','id':'e1','source':'/s','subject':'ann','time':'2026-05-01T08:00:00Z',"

static struct event_decoder *decoder;
static char value[4096];

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
    return 0;
}

/* JSON is written with ' for " here. */
static struct event_input input_of(const char *type, const char *data)
{
    int n = snprintf(value, sizeof(value), HEAD "'type':'io.engaged.%s.v1','data':%s}", type, data);

    assert_true(n > 0 && (size_t)n < sizeof(value));
    for (char *c = value; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    return test_input(value, NULL);
}

static struct event take(const char *type, const char *data)
{
    struct event_input input = input_of(type, data);
    struct event_refusal refusal = {.has_time = false};
    struct event e;

    if (event_decode(decoder, &input, &e, &refusal))
        fail_msg("%s: refused: %s: %s", value, refusal.code, refusal.text);
    return e;
}

static void refuse(const char *type, const char *data, const char *code)
{
    struct event_input input = input_of(type, data);
    struct event_refusal refusal = {.has_time = false};
    struct event e;

    if (event_decode(decoder, &input, &e, &refusal) != EVENT_E_REFUSED)
        fail_msg("%s: taken, not refused with %s", value, code);
    if (strcmp(refusal.code, code) != 0)
        fail_msg("%s: refused with %s (%s), not %s", value, refusal.code, refusal.text, code);
    assert_true(refusal.text[strlen(refusal.text) - 1] == '.'); /* no sentence is cut off */
}

static void assert_text(struct str got, const char *want)
{
    if (!str_eq(got, str_of(want)))
        fail_msg("got \"%.*s\", wanted \"%s\"", STR_ARG(got), want);
}

/* ---- measures ---- */

static double share(const char *numbers)
{
    char data[256];

    snprintf(data, sizeof(data), "{'dimension':'delight',%s}", numbers);
    return take("measure", data).measure.share;
}

static void test_measure(void **state)
{
    struct event e = take("measure", "{'instrument':'nps','dimension':'advocacy','score':9,"
                                     "'min':0,'max':10}");

    (void)state;
    assert_true(e.type == EVENT_MEASURE);
    assert_text(e.measure.instrument, "nps");
    assert_text(e.measure.dimension, "advocacy");
    assert_true(e.measure.share == 0.9);
    assert_true(share("'score':1,'min':1,'max':5") == 0);
    assert_true(share("'score':5,'min':1,'max':5") == 1);
    assert_true(share("'score':-3,'min':-4,'max':-2") == 0.5);
    assert_true(share("'score':0,'min':-1.5e308,'max':1.5e308") == 0.5);
    assert_true(share("'score':5e-324,'min':0,'max':5e-324") == 1);
}

static void test_measure_refused(void **state)
{
    static const struct {
        const char *data, *code;
    } cases[] = {
        {"{'score':9,'min':0,'max':10}", "data.dimension.missing"},
        {"{'dimension':'','score':9,'min':0,'max':10}", "data.dimension.missing"},
        {"{'dimension':7,'score':9,'min':0,'max':10}", "data.dimension.type"},
        {"{'dimension':'a','min':0,'max':10}", "data.score.missing"},
        {"{'dimension':'a','score':9,'max':10}", "data.min.missing"},
        {"{'dimension':'a','score':9,'min':0,'max':null}", "data.max.missing"},
        {"{'dimension':'a','score':'9','min':0,'max':10}", "data.score.type"},
        {"{'dimension':'a','score':9,'min':true,'max':10}", "data.min.type"},
        {"{'dimension':'a','score':9,'min':10,'max':10}", "data.max.out_of_range"},
        {"{'dimension':'a','score':9,'min':11,'max':10}", "data.max.out_of_range"},
        {"{'dimension':'a','score':10.01,'min':0,'max':10}", "data.score.out_of_range"},
        {"{'dimension':'a','score':-1,'min':0,'max':10}", "data.score.out_of_range"},
        {"{'dimension':'a','score':1,'min':0,'max':10,'instrument':1}", "data.instrument.type"},
        {"[]", "data.type"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        refuse("measure", cases[i].data, cases[i].code);
}

/* ---- commitments ---- */

static void test_commitment(void **state)
{
    struct event e = take("commitment", "{'commitment':'c1','by':'stakeholder','status':'broken',"
                                        "'due':'1970-01-01T00:00:01Z'}");

    (void)state;
    assert_true(e.type == EVENT_COMMITMENT);
    assert_text(e.commitment.id, "c1");
    assert_true(e.commitment.by == SIDE_STAKEHOLDER && e.commitment.status == COMMITMENT_BROKEN);
    assert_int_equal(e.commitment.due_ms, 1000);
    e = take("commitment", "{'commitment':'c1','by':'organisation','status':'made'}");
    assert_true(e.commitment.by == SIDE_ORGANISATION && e.commitment.status == COMMITMENT_MADE);
    assert_true(e.commitment.due_ms == INT64_MAX);
    e = take("commitment", "{'commitment':'c','by':'organisation','status':'kept','due':null}");
    assert_true(e.commitment.status == COMMITMENT_KEPT && e.commitment.due_ms == INT64_MAX);
    e = take("commitment", "{'commitment':'c','by':'organisation','status':'kept','due':''}");
    assert_true(e.commitment.due_ms == INT64_MAX);

    refuse("commitment", "{'by':'organisation','status':'made'}", "data.commitment.missing");
    refuse("commitment", "{'commitment':'c','status':'made'}", "data.by.missing");
    refuse("commitment", "{'commitment':'c','by':'me','status':'made'}", "data.by.invalid");
    refuse("commitment", "{'commitment':'c','by':'organisation'}", "data.status.missing");
    refuse("commitment", "{'commitment':'c','by':'organisation','status':'late'}",
           "data.status.invalid");
    refuse("commitment", "{'commitment':'c','by':'organisation','status':'made','due':'soon'}",
           "data.due.malformed");
    refuse("commitment", "{'commitment':'c','by':'organisation','status':'made','due':7}",
           "data.due.type");
}

/* ---- preferences ---- */

static void test_preference_whole(void **state)
{
    struct event e = take("preference", "{'channels':{'mail':'deny','chat':'allow'},"
                                        "'max_contacts':{'count':3,'per':'7d'},"
                                        "'quiet_hours':{'from':'22:00','to':'07:30',"
                                        "'zone':'America/Argentina/Buenos_Aires'},"
                                        "'reply_within':'4h','consent':true}");
    struct event_preference *p = &e.preference;

    (void)state;
    assert_true(e.type == EVENT_PREFERENCE);
    assert_true(p->channels_change == PREFERENCE_SET && p->max_contacts_change == PREFERENCE_SET);
    assert_true(p->quiet_hours_change == PREFERENCE_SET && p->consent_change == PREFERENCE_SET);
    assert_true(p->reply_within_change == PREFERENCE_SET);
    assert_int_equal(p->n_channels, 2);
    assert_text(p->channels[0].channel, "mail");
    assert_text(p->channels[1].channel, "chat");
    assert_true(!p->channels[0].is_allowed && p->channels[1].is_allowed);
    assert_int_equal(p->max_contacts, 3);
    assert_int_equal(p->contacts_per_ms, 7 * 86400000);
    assert_int_equal(p->quiet_from_min, 22 * 60);
    assert_int_equal(p->quiet_to_min, 7 * 60 + 30);
    assert_text(p->quiet_zone, "America/Argentina/Buenos_Aires");
    assert_int_equal(p->reply_within_ms, 4 * 3600000);
    assert_true(p->consents);
}

static void test_preference_changes(void **state)
{
    struct event e = take("preference", "{}");

    (void)state;
    assert_true(e.preference.channels_change == PREFERENCE_KEPT);
    assert_true(e.preference.consent_change == PREFERENCE_KEPT);
    e = take("preference", "{'channels':null,'max_contacts':null,'quiet_hours':null,"
                           "'reply_within':null,'consent':null}");
    assert_true(e.preference.channels_change == PREFERENCE_CLEARED);
    assert_true(e.preference.max_contacts_change == PREFERENCE_CLEARED);
    assert_true(e.preference.quiet_hours_change == PREFERENCE_CLEARED);
    assert_true(e.preference.reply_within_change == PREFERENCE_CLEARED);
    assert_true(e.preference.consent_change == PREFERENCE_CLEARED);
    e = take("preference", "{'consent':false,'channels':{'mail':null}}");
    assert_true(e.preference.consent_change == PREFERENCE_SET && !e.preference.consents);
    assert_true(e.preference.channels_change == PREFERENCE_SET && !e.preference.n_channels);
    e = take("preference", "{'max_contacts':{'count':0,'per':'1ms'},"
                           "'quiet_hours':{'from':'00:00','to':'23:59'}}");
    assert_int_equal(e.preference.max_contacts, 0);
    assert_int_equal(e.preference.quiet_to_min, 1439);
    assert_int_equal(e.preference.quiet_zone.len, 0);
}

static void test_preference_refused(void **state)
{
    static const struct {
        const char *data, *code;
    } cases[] = {
        {"{'channels':[]}", "data.channels.type"},
        {"{'channels':{'mail':true}}", "data.channels.invalid"},
        {"{'channels':{'mail':'never'}}", "data.channels.invalid"},
        {"{'channels':{'':'deny'}}", "data.channels.too_long"},
        {"{'max_contacts':3}", "data.max_contacts.type"},
        {"{'max_contacts':{'per':'7d'}}", "data.max_contacts.count.missing"},
        {"{'max_contacts':{'count':3}}", "data.max_contacts.per.missing"},
        {"{'max_contacts':{'count':'3','per':'7d'}}", "data.max_contacts.count.type"},
        {"{'max_contacts':{'count':-1,'per':'7d'}}", "data.max_contacts.count.out_of_range"},
        {"{'max_contacts':{'count':1.5,'per':'7d'}}", "data.max_contacts.count.out_of_range"},
        {"{'max_contacts':{'count':1e300,'per':'7d'}}", "data.max_contacts.count.out_of_range"},
        {"{'max_contacts':{'count':3,'per':7}}", "data.max_contacts.per.type"},
        {"{'max_contacts':{'count':3,'per':'0s'}}", "data.max_contacts.per.malformed"},
        {"{'max_contacts':{'count':3,'per':'often'}}", "data.max_contacts.per.malformed"},
        {"{'quiet_hours':'22:00-07:00'}", "data.quiet_hours.type"},
        {"{'quiet_hours':{'from':'22:00'}}", "data.quiet_hours.to.missing"},
        {"{'quiet_hours':{'to':'22:00'}}", "data.quiet_hours.from.missing"},
        {"{'quiet_hours':{'from':'24:00','to':'07:00'}}", "data.quiet_hours.from.malformed"},
        {"{'quiet_hours':{'from':'22:60','to':'07:00'}}", "data.quiet_hours.from.malformed"},
        {"{'quiet_hours':{'from':'22.00','to':'07:00'}}", "data.quiet_hours.from.malformed"},
        {"{'quiet_hours':{'from':'22:00','to':'7:00'}}", "data.quiet_hours.to.malformed"},
        {"{'quiet_hours':{'from':'','to':'07:00'}}", "data.quiet_hours.from.malformed"},
        {"{'quiet_hours':{'from':'07:00','to':'07:00'}}", "data.quiet_hours.to.out_of_range"},
        {"{'quiet_hours':{'from':'1','to':'07:00'}}", "data.quiet_hours.from.malformed"},
        {"{'quiet_hours':{'from':'22:00','to':'07:00','zone':7}}", "data.quiet_hours.zone.type"},
        {"{'quiet_hours':{'from':'22:00','to':'07:00','zone':'../../etc/passwd'}}",
         "data.quiet_hours.zone.malformed"},
        {"{'quiet_hours':{'from':'22:00','to':'07:00','zone':'/etc'}}",
         "data.quiet_hours.zone.malformed"},
        {"{'reply_within':4}", "data.reply_within.type"},
        {"{'reply_within':'soon'}", "data.reply_within.malformed"},
        {"{'reply_within':''}", "data.reply_within.malformed"},
        {"{'reply_within':'100001d'}", "data.reply_within.malformed"},
        {"{'consent':'yes'}", "data.consent.type"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        refuse("preference", cases[i].data, cases[i].code);
}

static void channels_of(size_t n, size_t n_bytes, char *data, size_t size)
{
    size_t at = (size_t)snprintf(data, size, "{'channels':{");

    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(data + at, size - at, "%s'%0*zu':'deny'", i ? "," : "", (int)n_bytes,
                               i);
    snprintf(data + at, size - at, "}}");
}

static void test_channel_bounds(void **state)
{
    char data[2048];

    (void)state;
    channels_of(EVENT_CHANNELS_MAX, 4, data, sizeof(data));
    assert_int_equal(take("preference", data).preference.n_channels, EVENT_CHANNELS_MAX);
    channels_of(EVENT_CHANNELS_MAX + 1, 4, data, sizeof(data));
    refuse("preference", data, "data.channels.too_long");
    channels_of(1, 256, data, sizeof(data));
    assert_int_equal(take("preference", data).preference.channels[0].channel.len, 256);
    channels_of(1, 257, data, sizeof(data));
    refuse("preference", data, "data.channels.too_long");
}

/* ---- identities, outcomes, retractions, heartbeats ---- */

static void test_identity(void **state)
{
    struct event e = take("identity", "{'action':'merge','into':'bob'}");

    (void)state;
    assert_true(e.type == EVENT_IDENTITY && e.identity.action == IDENTITY_MERGE);
    assert_text(e.identity.into, "bob");
    assert_true(take("identity", "{'action':'erase'}").identity.action == IDENTITY_ERASE);
    refuse("identity", "{}", "data.action.missing");
    refuse("identity", "{'action':'split'}", "data.action.invalid");
    refuse("identity", "{'action':'merge'}", "data.into.missing");
    refuse("identity", "{'action':'merge','into':''}", "data.into.missing");
    refuse("identity", "{'action':'merge','into':'ann'}", "data.into.invalid");
    refuse("identity", "{'action':'merge','into':7}", "data.into.type");
}

static void test_outcome(void **state)
{
    struct event e =
        take("outcome", "{'trigger':'t1','status':'dismissed','by':'eve','note':'spam'}");

    (void)state;
    assert_true(e.type == EVENT_OUTCOME && e.outcome.status == OUTCOME_DISMISSED);
    assert_text(e.outcome.trigger, "t1");
    assert_text(e.outcome.by, "eve");
    assert_text(e.outcome.note, "spam");
    e = take("outcome", "{'trigger':'t1','status':'acknowledged'}");
    assert_true(e.outcome.status == OUTCOME_ACKNOWLEDGED && !e.outcome.by.len);
    assert_true(take("outcome", "{'trigger':'t','status':'acted'}").outcome.status ==
                OUTCOME_ACTED);
    assert_true(take("outcome", "{'trigger':'t','status':'resolved'}").outcome.status ==
                OUTCOME_RESOLVED);
    refuse("outcome", "{'status':'acted'}", "data.trigger.missing");
    refuse("outcome", "{'trigger':'t1'}", "data.status.missing");
    refuse("outcome", "{'trigger':'t1','status':'done'}", "data.status.invalid");
    refuse("outcome", "{'trigger':'t1','status':'acted','by':1}", "data.by.type");
    refuse("outcome", "{'trigger':'t1','status':'acted','note':[]}", "data.note.type");
}

static void test_retraction(void **state)
{
    struct event e = take("retraction", "{'id':'e0'}");

    (void)state;
    assert_true(e.type == EVENT_RETRACTION);
    assert_text(e.retraction.id, "e0");
    assert_text(e.retraction.source, "/s");
    assert_text(take("retraction", "{'id':'e0','source':'/mail'}").retraction.source, "/mail");
    refuse("retraction", "{}", "data.id.missing");
    refuse("retraction", "{'id':0}", "data.id.type");
    refuse("retraction", "null", "data.missing");
}

static void refuse_nobody(const char *type, const char *data)
{
    struct event_input input = input_of(type, data);
    struct event_refusal refusal = {.has_time = false};
    struct event e;

    memcpy(strstr(value, "subject"), "tcejbus", 7);
    assert_int_equal(event_decode(decoder, &input, &e, &refusal), EVENT_E_REFUSED);
    assert_string_equal(refusal.code, "subject.missing");
}

static void test_who_is_concerned(void **state)
{
    struct event_input input = input_of("heartbeat", "null");
    struct event_refusal refusal = {.has_time = false};
    struct event e;

    (void)state;
    memcpy(strstr(value, "subject"), "tcejbus", 7);
    assert_int_equal(event_decode(decoder, &input, &e, &refusal), 0);
    assert_true(e.type == EVENT_HEARTBEAT && !e.subject.len);
    assert_text(e.source, "/s");
    refuse_nobody("measure", "{'dimension':'a','score':1,'min':0,'max':2}");
    refuse_nobody("commitment", "{'commitment':'c','by':'organisation','status':'made'}");
    refuse_nobody("preference", "{}");
    refuse_nobody("identity", "{'action':'erase'}");
    refuse_nobody("outcome", "{'trigger':'t','status':'acted'}");
    refuse_nobody("retraction", "{'id':'e0'}");
}

/* A text of just so many bytes between `before` and `after` is taken, and one more is not. */
static void refuse_long(const char *type, const char *before, const char *after, const char *code,
                        int n_bytes)
{
    char data[2048];

    snprintf(data, sizeof(data), "{%s'%0*d'%s}", before, n_bytes, 0, after);
    (void)take(type, data);
    snprintf(data, sizeof(data), "{%s'%0*d'%s}", before, n_bytes + 1, 0, after);
    refuse(type, data, code);
}

static void test_lengths(void **state)
{
    (void)state;
    refuse_long("measure", "'dimension':", ",'score':1,'min':0,'max':2", "data.dimension.too_long",
                256);
    refuse_long("measure", "'instrument':", ",'dimension':'d','score':1,'min':0,'max':2",
                "data.instrument.too_long", 256);
    refuse_long("commitment", "'commitment':", ",'by':'organisation','status':'made'",
                "data.commitment.too_long", 1024);
    refuse_long("identity", "'action':'merge','into':", "", "data.into.too_long", 256);
    refuse_long("outcome", "'trigger':", ",'status':'acted'", "data.trigger.too_long", 256);
    refuse_long("outcome", "'trigger':'t','status':'acted','by':", "", "data.by.too_long", 1024);
    refuse_long("retraction", "'id':", "", "data.id.too_long", 1024);
    refuse_long("retraction", "'id':'e','source':", "", "data.source.too_long", 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measure),
        cmocka_unit_test(test_measure_refused),
        cmocka_unit_test(test_commitment),
        cmocka_unit_test(test_preference_whole),
        cmocka_unit_test(test_preference_changes),
        cmocka_unit_test(test_preference_refused),
        cmocka_unit_test(test_channel_bounds),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_outcome),
        cmocka_unit_test(test_retraction),
        cmocka_unit_test(test_who_is_concerned),
        cmocka_unit_test(test_lengths),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
