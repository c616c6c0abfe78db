/* SPDX-License-Identifier: Apache-2.0 */
/* Which configuration a rebuild begins with: the one before the first control record in the log. */
#include "../unit.h"

#include "app/daemon_impl.h"
#include "codec/event_encode.h"

#define OLD "deployment: unit\nrules: []\n"
#define NEW "deployment: unit\ntime: {lateness: 7s}\nrules: []\n"

static struct daemon d;
static struct partition p;

/* ---- what it ends in ---- */

static struct conf *began_with; /* owned, unless it is d.conf */
static int n_begun;
static int64_t sought;

void partition_begin(struct partition *partition, struct conf *conf)
{
    assert_ptr_equal(partition, &p);
    assert_false(p.beginning.is_sought);
    began_with = conf;
    n_begun++;
}

struct conf *daemon_keep_conf(struct daemon *daemon, struct conf *conf)
{
    assert_ptr_equal(daemon, &d);
    return conf;
}

void kafka_source_seek(struct kafka_source *s, const char *topic, int32_t partition, int64_t offset)
{
    (void)s;
    assert_string_equal(topic, "in");
    assert_int_equal(partition, 3);
    sought = offset;
}

/* ---- a log ---- */

static char topic[] = "in";

static int set_up(void **state)
{
    static const struct event_limits limits = {.value_bytes = 100000, .depth = 32};
    struct conf_faults faults = CONF_FAULTS_INIT;
    /* Read from 10, published below 12. */
    const struct commit_action open = {.offset = 10, .suppress_below = 12, .is_rebuild = true};

    (void)state;
    d = (struct daemon){.events_topic = topic, .decoder = event_decoder_new(&limits)};
    if (conf_parse(STR(NEW), "ours", &d.conf, &faults))
        fail_msg("%s", faults.items[0].text);
    p = (struct partition){.daemon = &d, .id = 3, .log_high = -1};
    n_begun = 0;
    sought = -1;
    beginning_seek(&p, &open);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (began_with != d.conf)
        conf_free(began_with);
    began_with = NULL;
    conf_free(d.conf);
    event_decoder_free(d.decoder);
    return 0;
}

static void take(int64_t offset, struct str value)
{
    beginning_take(&p, &(struct record){.offset = offset,
                                        .timestamp_ms = 1700000000000,
                                        .has_value = true,
                                        .value = value});
}

static void take_control(int64_t offset, struct str text, struct str previous)
{
    struct buf value = BUF_INIT;

    event_encode_configuration(&value, STR("unit"), STR("1"), 1700000000000, text, previous);
    take(offset, buf_str(&value));
    buf_deinit(&value);
}

static void is_what_the_first_control_record_names(void **state)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *old = NULL;

    (void)state;
    take(10, STR("{}"));
    assert_int_equal(n_begun, 0);
    take_control(11, STR(NEW), STR(OLD));
    assert_int_equal(n_begun, 1);
    assert_int_equal(sought, 10);
    assert_int_equal(conf_parse(STR(OLD), "old", &old, &faults), 0);
    assert_string_equal(began_with->hash, old->hash);
    assert_string_not_equal(began_with->hash, d.conf->hash);
    conf_free(old);
}

/* A reload under a backlog stands far behind what is published: all before it is still of the rules
 * of before. */
static void is_so_behind_what_is_published_too(void **state)
{
    (void)state;
    for (int64_t i = 10; i < 20; i++)
        take(i, STR("{\"type\": \"io.engaged.configuration.v1\"}")); /* none, but looks so */
    assert_int_equal(n_begun, 0);
    take_control(20, STR(NEW), STR(OLD));
    assert_int_equal(n_begun, 1);
    assert_int_equal(sought, 10);
    assert_string_not_equal(began_with->hash, d.conf->hash);
}

/* Where records never cease there is no end: what is behind the takeover says nothing. */
static void is_looked_for_as_far_as_the_log_went(void **state)
{
    (void)state;
    p.log_high = 13;
    take(10, STR("{}"));
    take(11, STR("{}"));
    assert_int_equal(n_begun, 0);
    take(14, STR("{}")); /* 12 and 13 are no records */
    assert_int_equal(n_begun, 1);
    assert_ptr_equal(began_with, d.conf);
    assert_int_equal(sought, 10);
}

static void is_named_by_the_last_record_too(void **state)
{
    (void)state;
    p.log_high = 12;
    take(10, STR("{}"));
    take_control(11, STR(NEW), STR(OLD));
    assert_int_equal(n_begun, 1);
    assert_string_not_equal(began_with->hash, d.conf->hash);
}

static void is_ours_where_the_log_does_not_say(void **state)
{
    (void)state;
    take(10, STR("{}"));
    beginning_end_of_log(&p);
    assert_int_equal(n_begun, 1);
    assert_ptr_equal(began_with, d.conf);
    assert_int_equal(sought, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_what_the_first_control_record_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_so_behind_what_is_published_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_looked_for_as_far_as_the_log_went, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_named_by_the_last_record_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_ours_where_the_log_does_not_say, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
