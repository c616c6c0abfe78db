/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines by calendar, by the stakeholder's own wish, by depth; quiet hours; reloads, restarts.
 */
#include "world.h"
#include "zones.h"

#include "base/civil.h"

/* T0 is a Thursday. In Berlin it is an hour later. */

static struct zone *berlin, *tokyo;

static const struct zone *find_zone(void *ctx, struct str name)
{
    (void)ctx;
    if (str_eq(name, STR("Europe/Berlin")))
        return berlin;
    return str_eq(name, STR("Asia/Tokyo")) ? tokyo : NULL;
}

/* Monday to Friday, 9 to 17, in Berlin. */
static struct calendar_spec office(const int32_t *holidays, size_t n_holidays)
{
    struct calendar_spec spec = {.name = STR("office"),
                                 .zone = STR("Europe/Berlin"),
                                 .holidays = holidays,
                                 .n_holidays = n_holidays};

    for (int d = 1; d <= 5; d++) {
        spec.days[d].hours[0].from_min = 9 * 60;
        spec.days[d].hours[0].to_min = 17 * 60;
        spec.days[d].n = 1;
    }
    return spec;
}

static struct rule_spec owed(const char *name, int64_t after_ms)
{
    return (struct rule_spec){.name = str_of(name),
                              .kind = RULE_OWED,
                              .owed_after_ms = after_ms,
                              .severity = STR("warning")};
}

static struct model_spec spec_of(const struct rule_spec *rules, size_t n_rules,
                                 const struct calendar_spec *calendar)
{
    struct model_spec spec = world_spec();

    spec.find_zone = find_zone;
    spec.rules = rules;
    spec.n_rules = n_rules;
    spec.calendars = calendar;
    spec.n_calendars = calendar ? 1 : 0;
    return spec;
}

static void reload(struct world *w, const struct model_spec *spec)
{
    struct model *old = w->model;

    w->model = world_model(spec);
    engine_reconfigure(w->engine, w->model);
    model_free(old);
}

/* Packed, and unpacked in another engine. */
static void restart(struct world *w)
{
    struct engine *old = w->engine;
    struct checkpoint_entry entry;

    w->engine = world_engine(w, false);
    engine_set_clock(w->engine, engine_clock_ms(old));
    (void)engine_cut(old, w->offset);
    while (engine_cut_next(old, &entry))
        assert_int_equal(engine_restore(w->engine, entry.id, entry.packed), 0);
    engine_cut_done(old);
    engine_free(old);
    w->offset++;
}

static struct event preference(struct world *w, int64_t at, const char *subject, const char *id)
{
    struct event e = world_event(w, at, IN, subject, id);

    e.type = EVENT_PREFERENCE;
    e.type_name = STR("io.engaged.preference.v1");
    return e;
}

static void want_reply(struct world *w, int64_t at, const char *id, int64_t within_ms)
{
    struct event e = preference(w, at, "ann", id);

    e.preference.reply_within_change = within_ms ? PREFERENCE_SET : PREFERENCE_CLEARED;
    e.preference.reply_within_ms = within_ms;
    assert_int_equal(world_apply(w, &e), 0);
}

static void want_quiet(struct world *w, int64_t at, const char *id, int from_h, int to_h,
                       const char *zone)
{
    struct event e = preference(w, at, "ann", id);

    e.preference.quiet_hours_change = from_h == to_h ? PREFERENCE_CLEARED : PREFERENCE_SET;
    e.preference.quiet_from_min = from_h * 60;
    e.preference.quiet_to_min = to_h * 60;
    e.preference.quiet_zone = str_of(zone);
    assert_int_equal(world_apply(w, &e), 0);
}

static void say(struct world *w, int64_t at, enum direction direction, const char *id,
                const char *conversation, bool automatic, bool resolves)
{
    struct event e = world_event(w, at, direction, "ann", id);

    e.verb = direction == IN && !resolves ? STR("question") : STR("reply");
    e.conversation = str_of(conversation);
    e.automatic = automatic;
    e.resolves = resolves;
    assert_int_equal(world_apply(w, &e), 0);
}

/* ---- calendars ---- */

static void test_business_hours(void **state)
{
    struct calendar_spec calendar = office(NULL, 0);
    struct rule_spec rules[] = {owed("overdue", 2 * HOURS)};
    struct model_spec spec = spec_of(rules, 1, &calendar);
    struct world w;

    (void)state;
    rules[0].owed_calendar = STR("office");
    world_open(&w, &spec);
    world_ask(&w, 15 * HOURS, "ann", "q1"); /* 16:00 in Berlin: one hour today */
    restart(&w);
    world_tick(&w, 33 * HOURS); /* Friday, 10:00 in Berlin */
    world_expect(&w, "");
    world_tick(&w, 33 * HOURS + 1);
    world_expect(&w, "fired overdue ann 118800000 q1\n");
    assert_non_null(strstr(w.details.ptr, "due 2026-01-02T09:00:00Z"));
    world_close(&w);
}

static void test_open_deadlines_follow_a_reload(void **state)
{
    const int32_t friday[] = {(int32_t)civil_days(2026, 1, 2)};
    struct calendar_spec plain = office(NULL, 0), closed = office(friday, 1);
    struct rule_spec rules[] = {owed("overdue", 2 * HOURS)};
    struct model_spec spec = spec_of(rules, 1, &plain);
    struct world w;

    (void)state;
    rules[0].owed_calendar = STR("office");
    world_open(&w, &spec);
    world_ask(&w, 15 * HOURS, "ann", "q1");
    spec.calendars = &closed;
    reload(&w, &spec);
    world_tick(&w, 4 * DAYS + 9 * HOURS); /* Monday, 10:00 in Berlin */
    world_expect(&w, "");
    world_tick(&w, 4 * DAYS + 9 * HOURS + 1);
    world_expect(&w, "fired overdue ann 378000000 q1\n");
    world_ask(&w, 5 * DAYS, "bob", "q2"); /* Tuesday: due at 11:00 in Berlin */
    rules[0].owed_calendar = STR_NULL;
    reload(&w, &spec);
    world_tick(&w, 5 * DAYS + 2 * HOURS + 1);
    world_expect(&w, "fired overdue bob 439200000 q2\n");
    world_close(&w);
}

/* A calendar without open days in sight: nothing is due, and nothing breaks. */
static void test_never_due(void **state)
{
    int32_t holidays[40000] = {0};
    struct calendar_spec calendar = office(holidays, ARRAY_SIZE(holidays));
    struct rule_spec rules[] = {owed("overdue", 2 * HOURS)};
    struct model_spec spec = spec_of(rules, 1, &calendar);
    struct world w;

    (void)state;
    for (int32_t i = 0; i < 40000; i++)
        holidays[i] = 20000 + i;
    rules[0].owed_calendar = STR("office");
    world_open(&w, &spec);
    world_ask(&w, 0, "ann", "q1");
    restart(&w);
    world_tick(&w, 3000 * DAYS);
    world_answer(&w, 3001 * DAYS, "ann", "a1");
    world_expect(&w, "");
    world_close(&w);
}

/* ---- depths and choice ---- */

static void test_until_acknowledged(void **state)
{
    struct rule_spec rules[] = {owed("ack", HOURS), owed("answer", 3 * HOURS)};
    struct model_spec spec = spec_of(rules, 2, NULL);
    struct world w;

    (void)state;
    rules[0].owed_until = OWED_UNTIL_ACKNOWLEDGED;
    world_open(&w, &spec);
    say(&w, 0, IN, "q1", "c1", false, false);
    say(&w, 10, OUT, "auto1", "c1", true, false); /* in time for `ack`, none for `answer` */
    say(&w, 20, IN, "q2", "c2", false, false);
    restart(&w);
    world_tick(&w, 2 * HOURS);
    world_expect(&w, "fired ack ann 3600020 q2\n");
    say(&w, 2 * HOURS, OUT, "auto2", "c2", true, false);
    world_expect(&w, "cleared ack ann 7200000 auto2\n");
    world_tick(&w, 4 * HOURS);
    world_expect(&w, "fired answer ann 10800000 q1\nfired answer ann 10800020 q2\n");
    say(&w, 4 * HOURS, OUT, "a1", "c1", false, false);
    world_expect(&w, "cleared answer ann 14400000 a1\n");
    say(&w, 5 * HOURS, IN, "q3", "c3", false, false); /* an answer acknowledges too */
    say(&w, 5 * HOURS + 1, OUT, "a3", "c3", false, false);
    world_tick(&w, 7 * HOURS);
    world_expect(&w, "");
    world_close(&w);
}

static void count_owed(void *ctx, const struct stakeholder_view *view)
{
    *(size_t *)ctx += view->n_obligations;
}

static void expect_owed(struct world *w, size_t n)
{
    size_t n_owed = 0;

    engine_each(w->engine, count_owed, &n_owed);
    assert_int_equal(n_owed, n);
}

static void test_until_acted(void **state)
{
    struct rule_spec rules[] = {owed("acted", 2 * HOURS)};
    struct model_spec spec = spec_of(rules, 1, NULL);
    struct world w;

    (void)state;
    rules[0].owed_until = OWED_UNTIL_ACTED;
    world_open(&w, &spec);
    say(&w, 0, IN, "q1", "c1", false, false);
    say(&w, 1, OUT, "a1", "c1", false, false); /* answered, not done */
    expect_owed(&w, 0);
    say(&w, 2, IN, "q2", "c2", false, false);
    say(&w, 3, OUT, "a2", "c2", false, true); /* answered and done */
    say(&w, 4, IN, "q3", "c1", false, false); /* another question of the same conversation */
    expect_owed(&w, 1);
    restart(&w);
    world_tick(&w, 3 * HOURS);
    world_expect(&w, "fired acted ann 7200000 q1\nfired acted ann 7200004 q3\n");
    assert_non_null(strstr(w.details.ptr, "has not acted on what was asked by ann"));
    say(&w, 3 * HOURS, IN, "thanks", "c1", false, true); /* resolves what is answered, no more */
    world_expect(&w, "cleared acted ann 10800000 thanks\n");
    assert_non_null(strstr(w.details.ptr, "acted after 3h, 1h late"));
    say(&w, 4 * HOURS, OUT, "a3", "c1", false, true);
    world_expect(&w, "cleared acted ann 14400000 a3\n");
    world_close(&w);
}

/* What waits for an action only is nothing that we owe an answer to, nor is its age. */
static void test_answered_is_not_owed(void **state)
{
    struct rule_spec rules[] = {
        owed("acted", 2 * HOURS),
        {.name = STR("waiting"), .enter = STR("owed.by_us >= 1"), .severity = STR("info")},
        {.name = STR("old"),
         .enter = STR("owed.oldest > duration('1h')"),
         .severity = STR("info")}};
    struct model_spec spec = spec_of(rules, 3, NULL);
    struct world w;

    (void)state;
    rules[0].owed_until = OWED_UNTIL_ACTED;
    world_open(&w, &spec);
    say(&w, 0, IN, "q1", "c1", false, false);
    world_expect(&w, "fired waiting ann 0 q1\n");
    say(&w, 1, OUT, "a1", "c1", false, false);
    world_expect(&w, "cleared waiting ann 1 a1\n");
    restart(&w);
    world_tick(&w, 90 * MINUTES);
    world_expect(&w, "");
    spec.n_rules = 0; /* nobody waits for an action any more: it is forgotten */
    reload(&w, &spec);
    spec.n_rules = 3;
    reload(&w, &spec);
    world_tick(&w, 3 * HOURS);
    world_expect(&w, "");
    world_close(&w);
}

/* Nobody ever resolves anything: state does not grow, and questions still open obligations. */
static void test_answered_ones_are_bounded(void **state)
{
    struct rule_spec rules[] = {owed("acted", 100 * DAYS), owed("answered", 50 * DAYS)};
    struct model_spec spec = spec_of(rules, 2, NULL);
    uint64_t n_bytes = 0;
    struct world w;

    (void)state;
    rules[0].owed_until = OWED_UNTIL_ACTED;
    spec.dedup_horizon_ms = 0;
    world_open(&w, &spec);
    for (int i = 0; i < 600; i++) {
        char q[16], a[16], c[16];

        snprintf(q, sizeof(q), "q%04d", i);
        snprintf(a, sizeof(a), "a%04d", i);
        snprintf(c, sizeof(c), "c%04d", i);
        say(&w, 2 * i * SECONDS, IN, q, c, false, false);
        say(&w, (2 * i + 1) * SECONDS, OUT, a, c, false, false);
        if (i == 300)
            n_bytes = world_stats(&w).n_bytes;
    }
    assert_true(world_stats(&w).n_bytes <= n_bytes + 64);
    say(&w, HOURS, IN, "last", "other", false, false);
    expect_owed(&w, 1);
    restart(&w);
    world_tick(&w, 51 * DAYS);
    world_expect(&w, "fired answered ann 4323600000 last\n");
    world_close(&w);
}

static void test_where(void **state)
{
    struct rule_spec rules[] = {owed("mail", HOURS), owed("phone", 2 * HOURS),
                                owed("any", 3 * HOURS)};
    struct model_spec spec = spec_of(rules, 3, NULL);
    struct world w;
    struct event e;

    (void)state;
    rules[0].owed_where = STR("channel == \"mail\"");
    rules[1].owed_where = STR("channel == \"phone\"");
    world_open(&w, &spec);
    e = world_event(&w, 0, IN, "ann", "q1");
    e.verb = STR("question");
    e.conversation = STR("c");
    e.channel = STR("phone");
    assert_int_equal(world_apply(&w, &e), 0);
    restart(&w);
    rules[1].name = STR("by-phone"); /* the rule is another, its `where` is not */
    rules[0].owed_where = STR("channel != \"phone\"");
    reload(&w, &spec);
    world_tick(&w, 4 * HOURS);
    world_expect(&w, "fired by-phone ann 7200000 q1\nfired any ann 10800000 q1\n");
    world_close(&w);
}

/* ---- preferences ---- */

static void test_reply_within(void **state)
{
    struct rule_spec rules[] = {owed("overdue", 4 * HOURS), owed("theirs", HOURS)};
    struct model_spec spec = spec_of(rules, 2, NULL);
    struct world w;

    (void)state;
    rules[1].owed_by = SIDE_STAKEHOLDER;
    world_open(&w, &spec);
    want_reply(&w, 0, "p1", HOURS);
    say(&w, 0, IN, "q1", "c1", false, false);
    restart(&w);
    world_tick(&w, HOURS + 1);
    world_expect(&w, "fired overdue ann 3600000 q1\n"); /* sooner than the rule says */
    say(&w, 2 * HOURS, OUT, "a1", "c1", false, false);
    world_expect(&w, "cleared overdue ann 7200000 a1\n");
    say(&w, 2 * HOURS, IN, "q2", "c2", false, false);
    want_reply(&w, 2 * HOURS + 1, "p2", DAYS); /* later */
    world_tick(&w, 20 * HOURS);
    world_expect(&w, "");
    want_reply(&w, 20 * HOURS, "p3", 0); /* as the rule says again: overdue from now on */
    world_tick(&w, 20 * HOURS + 1);
    world_expect(&w, "fired overdue ann 72000000 q2\n");
    want_reply(&w, 19 * HOURS, "p0", 2 * DAYS); /* came late: p3 is the newer one */
    say(&w, 21 * HOURS, IN, "q3", "c3", false, false);
    world_tick(&w, 25 * HOURS + 1);
    world_expect(&w, "fired overdue ann 90000000 q3\n");
    world_close(&w);
}

static void test_owed_waits_for_quiet_hours(void **state)
{
    struct rule_spec rules[] = {owed("held", 2 * HOURS), owed("not-held", 2 * HOURS)};
    struct model_spec spec = spec_of(rules, 2, NULL);
    struct world w;

    (void)state;
    rules[0].quiet_hold = true;
    spec.zones = &STR("Europe/Berlin");
    spec.n_zones = 1;
    world_open(&w, &spec);
    want_quiet(&w, 0, "p1", 22, 7, "Europe/Berlin"); /* 21:00 to 06:00 UTC */
    say(&w, 18 * HOURS, IN, "q1", "c1", false, false);
    say(&w, 20 * HOURS, IN, "q2", "c2", false, false);
    say(&w, 21 * HOURS, IN, "q3", "c3", false, false);
    restart(&w);
    world_tick(&w, 29 * HOURS);
    world_expect(&w, "fired held ann 72000000 q1\nfired not-held ann 72000000 q1\n"
                     "fired not-held ann 79200000 q2\nfired not-held ann 82800000 q3\n");
    say(&w, 29 * HOURS, OUT, "a3", "c3", false, false); /* answered before it would have fired */
    world_expect(&w, "cleared not-held ann 104400000 a3\n");
    world_tick(&w, 30 * HOURS);
    world_expect(&w, "");
    world_tick(&w, 30 * HOURS + 1);
    world_expect(&w, "fired held ann 108000000 q2\n");
    world_close(&w);
}

static void test_condition_waits_for_quiet_hours(void **state)
{
    struct metric_spec metrics[] = {
        {.name = STR("total"), .aggregate = AGGREGATE_SUM, .value = STR("weight")}};
    struct rule_spec rules[] = {{.name = STR("busy"),
                                 .enter = STR("total >= 3.0"),
                                 .severity = STR("info"),
                                 .quiet_hold = true}};
    struct model_spec spec = spec_of(rules, 1, NULL);
    struct world w;

    (void)state;
    spec.metrics = metrics;
    spec.n_metrics = 1;
    world_open(&w, &spec);
    want_quiet(&w, 0, "p1", 22, 7, "");
    world_say(&w, 23 * HOURS, IN, "ann", "e1", 3);
    world_say(&w, 23 * HOURS, IN, "bob", "e2", 3); /* has stated nothing */
    restart(&w);
    world_tick(&w, 31 * HOURS);
    world_expect(&w, "fired busy bob 82800000 e2\n");
    world_tick(&w, 31 * HOURS + 1);
    world_expect(&w, "fired busy ann 111600000 e1\n");
    world_say(&w, 32 * HOURS, IN, "ann", "e3", -3);
    world_expect(&w, "cleared busy ann 115200000 e3\n");
    world_say(&w, 47 * HOURS, IN, "ann", "e4", 3);
    world_say(&w, 48 * HOURS, IN, "ann", "e5", -3); /* over before it could fire */
    world_tick(&w, 60 * HOURS);
    world_expect(&w, "");
    world_say(&w, 71 * HOURS, IN, "ann", "e6", 3);
    want_quiet(&w, 72 * HOURS, "p2", 0, 0, ""); /* taken back: it fires at once */
    world_tick(&w, 72 * HOURS + 1);
    world_expect(&w, "fired busy ann 259200000 e6\n");
    world_close(&w);
}

static void test_consent(void **state)
{
    struct rule_spec rules[] = {
        {.name = STR("no"), .enter = STR("!consent"), .severity = STR("info"), .for_ms = HOURS},
        {.name = STR("unknown"), .enter = STR("!has(consent)"), .severity = STR("info")}};
    struct model_spec spec = spec_of(rules, 2, NULL);
    struct event e;
    struct world w;

    (void)state;
    world_open(&w, &spec);
    e = preference(&w, 0, "ann", "p1");
    e.preference.consent_change = PREFERENCE_SET;
    assert_int_equal(world_apply(&w, &e), 0);
    restart(&w); /* of somebody who never did anything else */
    world_tick(&w, 2 * HOURS);
    world_expect(&w, "fired no ann 3600000 p1\n");
    e = preference(&w, 2 * HOURS, "ann", "p2");
    e.preference.consent_change = PREFERENCE_CLEARED;
    assert_int_equal(world_apply(&w, &e), 0);
    world_expect(&w, "cleared no ann 7200000 p2\nfired unknown ann 7200000 p2\n");
    world_close(&w);
}

/* ---- versions, faults, zones of expressions ---- */

static void version_of(const struct model_spec *spec, char ret_version[DIGEST_HEX + 1])
{
    struct model *m = world_model(spec);

    memcpy(ret_version, model_rule_version(m, 0).ptr, DIGEST_HEX + 1);
    model_free(m);
}

static const struct zone *find_other(void *ctx, struct str name)
{
    return str_eq(name, STR("Asia/Tokyo")) ? berlin : find_zone(ctx, name);
}

static void test_versions(void **state)
{
    const int32_t holiday[] = {20000};
    struct calendar_spec a = office(NULL, 0), b = office(holiday, 1), c = office(NULL, 0),
                         same = office(NULL, 0);
    struct rule_spec rules[] = {owed("overdue", HOURS)};
    struct model_spec spec = spec_of(rules, 1, &a);
    char versions[9][DIGEST_HEX + 1], again[DIGEST_HEX + 1];

    (void)state;
    c.zone = STR("Asia/Tokyo");
    version_of(&spec, versions[0]);
    rules[0].owed_calendar = STR("office");
    version_of(&spec, versions[1]);
    spec.calendars = &b;
    version_of(&spec, versions[2]);
    spec.calendars = &c;
    version_of(&spec, versions[3]);
    spec.calendars = &same;
    version_of(&spec, again);
    assert_string_equal(again, versions[1]);
    rules[0].owed_until = OWED_UNTIL_ACTED;
    version_of(&spec, versions[4]);
    rules[0].owed_where = STR("verb == \"question\"");
    version_of(&spec, versions[5]);
    rules[0].quiet_hold = true;
    version_of(&spec, versions[6]);
    rules[0].owed_where = STR("time.getHours(\"Asia/Tokyo\") < 12");
    version_of(&spec, versions[7]);
    rules[0].owed_calendar = STR_NULL;
    version_of(&spec, again);
    spec.find_zone = find_other; /* other time-zone data, of the expression only */
    version_of(&spec, versions[8]);
    assert_string_not_equal(again, versions[8]);
    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(versions[i], versions[k]);
    }
}

static void keep_fault(void *ctx, const struct model_fault *fault)
{
    buf_addf(ctx, "%d %zu %s: %s\n", (int)fault->part, fault->index, fault->field, fault->text);
}

static void assert_fault(const struct model_spec *spec, const char *part)
{
    struct buf text = BUF_INIT;
    struct model *m;

    assert_int_equal(model_new(spec, keep_fault, &text, &m), MODEL_E_FAULTS);
    if (!strstr(text.ptr, part))
        assert_string_equal(text.ptr, part);
    buf_deinit(&text);
}

static void test_faults(void **state)
{
    struct calendar_spec calendar = office(NULL, 0);
    struct rule_spec rules[] = {owed("overdue", HOURS)};
    struct model_spec spec = spec_of(rules, 1, &calendar);

    (void)state;
    rules[0].owed_calendar = STR("offce");
    assert_fault(&spec, "1 0 calendar: there is no calendar of this name");
    rules[0].owed_calendar = STR("office");
    rules[0].owed_after_ms = 521 * 40 * HOURS;
    assert_fault(&spec, "1 0 after: is more than the calendar's hours of ten years");
    rules[0].owed_after_ms = HOURS;
    rules[0].owed_where = STR("owed.by_us > 1");
    assert_fault(&spec, "1 0 where: ");
    rules[0].owed_where = STR("time.getHours(\"Europe/Bern\") < 12");
    assert_fault(&spec, "1 0 where: not a time zone that is known here");
    rules[0].owed_where = STR_NULL;
    calendar.zone = STR("Europe/Bern");
    assert_fault(&spec, "4 0 zone: not a time zone that is known here");
    calendar = office(NULL, 0);
    memset(calendar.days, 0, sizeof(calendar.days));
    assert_fault(&spec, "4 0 hours: the calendar has no hours");
}

static void test_zones_of_expressions(void **state)
{
    struct metric_spec metrics[] = {{.name = STR("mornings"),
                                     .aggregate = AGGREGATE_COUNT,
                                     .where = STR("time.getHours(\"Asia/Tokyo\") < 12 && "
                                                  "time.getDayOfWeek(\"Europe/Berlin\") != 0")}};
    struct rule_spec rules[] = {
        {.name = STR("any"), .enter = STR("mornings >= 1"), .severity = STR("info")}};
    struct model_spec spec = spec_of(rules, 1, NULL);
    struct world w;

    (void)state;
    spec.metrics = metrics;
    spec.n_metrics = 1;
    world_open(&w, &spec);
    world_say(&w, 4 * HOURS, IN, "ann", "e1", 1); /* 13:00 in Tokyo */
    world_expect(&w, "");
    world_say(&w, 16 * HOURS, IN, "ann", "e2", 1); /* 01:00 */
    world_expect(&w, "fired any ann 57600000 e2\n");
    world_close(&w);
}

static int open_zones(void **state)
{
    (void)state;
    berlin = zones_of("3600 CET-1CEST,M3.5.0,M10.5.0/3");
    tokyo = zones_of("32400");
    return 0;
}

static int close_zones(void **state)
{
    (void)state;
    zone_free(berlin);
    zone_free(tokyo);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_business_hours),
        cmocka_unit_test(test_open_deadlines_follow_a_reload),
        cmocka_unit_test(test_never_due),
        cmocka_unit_test(test_until_acknowledged),
        cmocka_unit_test(test_until_acted),
        cmocka_unit_test(test_answered_is_not_owed),
        cmocka_unit_test(test_answered_ones_are_bounded),
        cmocka_unit_test(test_where),
        cmocka_unit_test(test_reply_within),
        cmocka_unit_test(test_owed_waits_for_quiet_hours),
        cmocka_unit_test(test_condition_waits_for_quiet_hours),
        cmocka_unit_test(test_consent),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_zones_of_expressions),
    };

    return cmocka_run_group_tests(tests, open_zones, close_zones);
}
