/* SPDX-License-Identifier: Apache-2.0 */
/* What stakeholders state of themselves: which statement holds, its packed form, quiet hours. */
#include "zones.h"

#include "base/parse.h"
#include "engine/profile.h"

#define MINUTE 60000LL

static int64_t at(const char *instant)
{
    int64_t ms;

    assert_int_equal(parse_instant(str_of(instant), &ms), 0);
    return ms;
}

static struct event all_of_it(int64_t time_ms)
{
    return (struct event){.type = EVENT_PREFERENCE,
                          .time_ms = time_ms,
                          .preference = {.channels_change = PREFERENCE_SET,
                                         .max_contacts_change = PREFERENCE_SET,
                                         .quiet_hours_change = PREFERENCE_SET,
                                         .reply_within_change = PREFERENCE_SET,
                                         .consent_change = PREFERENCE_SET,
                                         .channels = {{STR("mail"), true}, {STR("phone"), false}},
                                         .n_channels = 2,
                                         .max_contacts = 3,
                                         .contacts_per_ms = 86400000,
                                         .quiet_from_min = 1320,
                                         .quiet_to_min = 420,
                                         .quiet_zone = STR("Europe/Berlin"),
                                         .reply_within_ms = 3600000,
                                         .consents = true}};
}

static void assert_all_of_it(struct preference *p)
{
    struct profile profile = {.preference = p};
    bool flag = false;
    int64_t ms;
    uint32_t n;

    assert_true(preference_consent(&profile, &flag) && flag);
    assert_true(preference_channel(&profile, STR("mail"), &flag) && flag);
    assert_true(preference_channel(&profile, STR("phone"), &flag) && !flag);
    assert_false(preference_channel(&profile, STR("chat"), &flag));
    assert_true(preference_max_contacts(&profile, &n, &ms));
    assert_int_equal(n, 3);
    assert_int_equal(ms, 86400000);
    assert_true(preference_reply_within(&profile, &ms));
    assert_int_equal(ms, 3600000);
}

static void assert_none(const struct profile *profile)
{
    bool flag;
    int64_t ms;
    uint32_t n;

    assert_false(preference_consent(profile, &flag));
    assert_false(preference_channel(profile, STR("mail"), &flag));
    assert_false(preference_max_contacts(profile, &n, &ms));
    assert_false(preference_reply_within(profile, &ms));
    assert_int_equal(preference_quiet_end(profile, NULL, 1), 1);
}

static void test_newest_statement_holds(void **state)
{
    struct preference *p = NULL;
    struct event set = all_of_it(1000), clear = all_of_it(2000), kept = {.time_ms = 3000};
    const struct profile nobody = {.preference = NULL};
    struct profile profile;

    (void)state;
    assert_none(&nobody);
    assert_false(preference_apply(&p, &kept));
    assert_null(p);
    assert_true(preference_apply(&p, &set));
    assert_all_of_it(p);
    clear.preference =
        (struct event_preference){PREFERENCE_CLEARED, PREFERENCE_CLEARED, PREFERENCE_CLEARED,
                                  PREFERENCE_CLEARED, PREFERENCE_CLEARED, .n_channels = 0};
    assert_true(preference_apply(&p, &clear));
    profile = (struct profile){.preference = p};
    assert_none(&profile);
    assert_int_equal(preference_reply_stated_ms(&profile), 2000);
    assert_false(preference_apply(&p, &set)); /* came late */
    assert_none(&profile);
    set.time_ms = 2000; /* of one time the later record wins */
    assert_true(preference_apply(&p, &set));
    assert_all_of_it(p);
    preference_free(p);
}

/* What cannot be meant states nothing, and takes back what was. */
static void test_what_cannot_be_meant(void **state)
{
    static char long_text[PREFERENCE_TEXT_MAX + 2];
    struct preference *p = NULL;
    struct event e = all_of_it(1000);
    struct profile profile;

    (void)state;
    memset(long_text, 'x', sizeof(long_text) - 1);
    assert_true(preference_apply(&p, &e));
    e.preference.n_channels = 1;
    e.preference.channels[0].channel = str_of(long_text);
    e.preference.contacts_per_ms = 0;
    e.preference.quiet_to_min = e.preference.quiet_from_min;
    e.preference.reply_within_ms = -1;
    e.preference.consent_change = PREFERENCE_CLEARED;
    assert_true(preference_apply(&p, &e));
    profile = (struct profile){.preference = p};
    assert_none(&profile);
    assert_true(preference_bytes(p) < sizeof(*p) + 64);
    preference_free(p);
}

static void test_packed(void **state)
{
    struct preference *p = NULL, *q;
    struct event e = all_of_it(1000);
    struct buf first = BUF_INIT, second = BUF_INIT;
    struct wire in;

    (void)state;
    preference_pack(NULL, &first);
    assert_int_equal(first.len, 0);
    assert_true(preference_apply(&p, &e));
    preference_pack(p, &first);
    in = wire_of(buf_str(&first));
    q = preference_unpack(&in);
    assert_false(in.is_bad);
    assert_ptr_equal(in.at, in.end);
    assert_all_of_it(q);
    preference_pack(q, &second);
    assert_true(str_eq(buf_str(&first), buf_str(&second)));
    assert_int_equal(preference_bytes(p), preference_bytes(q));
    preference_free(q);
    for (size_t n = 0; n < first.len; n++) {
        char *copy = mem_alloc(n ? n : 1); /* of its own size: a byte too far is found */

        memcpy(copy, first.ptr, n);
        in = wire_of((struct str){copy, n});
        preference_free(preference_unpack(&in));
        assert_true(in.is_bad);
        mem_free(copy);
    }
    preference_free(p);
    buf_deinit(&first);
    buf_deinit(&second);
}

/* ---- quiet hours, by looking at every minute ---- */

static bool is_quiet(const struct zone *zone, int64_t ms, int from, int to)
{
    int minute = (int)((ms + zone_at(zone, ms).offset_ms) / MINUTE % 1440);

    return from < to ? minute >= from && minute < to : minute >= from || minute < to;
}

static void check_quiet(const struct zone *zone, const char *from, int from_min, int to_min)
{
    struct model_zone zones[] = {{(char *)(uintptr_t) "Some/Zone", zone}};
    const struct model model = {.zones = zones, .n_zones = 1};
    struct preference *p = NULL;
    struct event e = all_of_it(0);
    struct profile profile;
    int n_quiet = 0;

    e.preference.quiet_from_min = from_min;
    e.preference.quiet_to_min = to_min;
    e.preference.quiet_zone = STR("Some/Zone");
    assert_true(preference_apply(&p, &e));
    profile = (struct profile){.preference = p};
    for (int i = 0; i < 3 * 1440; i++) {
        int64_t start = at(from) + i * MINUTE, end = start;

        while (is_quiet(zone, end, from_min, to_min))
            end += MINUTE;
        assert_int_equal(preference_quiet_end(&profile, &model, start), end);
        assert_int_equal(preference_quiet_end(&profile, &model, start + 1),
                         end == start ? start + 1 : end);
        n_quiet += end != start;
    }
    assert_true(n_quiet > 100);
    preference_free(p);
}

static void test_quiet_hours(void **state)
{
    struct zone *berlin = zones_read("Europe/Berlin"), *howe = zones_read("Australia/Lord_Howe");

    (void)state;
    check_quiet(berlin, "2026-01-05T00:00:00Z", 22 * 60, 7 * 60);
    check_quiet(berlin, "2027-03-27T00:00:00Z", 22 * 60, 7 * 60);     /* an hour is skipped */
    check_quiet(berlin, "2027-10-30T00:00:00Z", 22 * 60, 7 * 60);     /* and comes twice */
    check_quiet(berlin, "2027-03-27T00:00:00Z", 60, 150);             /* ends in it */
    check_quiet(berlin, "2027-10-30T00:00:00Z", 60, 150);             /* ends twice */
    check_quiet(berlin, "2027-10-30T00:00:00Z", 150, 240);            /* begins twice */
    check_quiet(howe, "2027-04-02T12:00:00Z", 22 * 60, 60 + 45);      /* by half an hour */
    check_quiet(howe, "2027-10-02T00:00:00Z", 13 * 60, 12 * 60 + 59); /* all but a minute */
    check_quiet(NULL, "2026-01-05T00:00:00Z", 0, 6 * 60);
    zone_free(berlin);
    zone_free(howe);
}

/* An offset needs no data; a name that the model does not know is taken for UTC. */
static void test_quiet_zones(void **state)
{
    static const struct {
        const char *zone, *end;
    } cases[] = {{"", "2026-01-05T07:00:00Z"},
                 {"+02:00", "2026-01-05T05:00:00Z"},
                 {"-05:30", "2026-01-05T12:30:00Z"},
                 {"No/Where", "2026-01-05T07:00:00Z"}};
    const struct model model = {.n_zones = 0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct event e = all_of_it(0);
        struct preference *p = NULL;
        struct profile profile;

        e.preference.quiet_zone = str_of(cases[i].zone);
        assert_true(preference_apply(&p, &e));
        profile = (struct profile){.preference = p};
        assert_int_equal(preference_quiet_end(&profile, &model, at("2026-01-05T04:00:00Z")),
                         at(cases[i].end));
        preference_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_statement_holds),
        cmocka_unit_test(test_what_cannot_be_meant),
        cmocka_unit_test(test_packed),
        cmocka_unit_test(test_quiet_hours),
        cmocka_unit_test(test_quiet_zones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
