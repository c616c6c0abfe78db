/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of fault, with its exact place and words; bounds on what a file may cost. */
#include "conf/conf_fault.h"
#include "conf/conf_tree.h"

#include "../unit.h"

/* All faults of a text, a line each. */
static void faults_of(struct str text, struct buf *out)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL;
    int r = conf_parse(text, "f", &conf, &faults);

    assert_int_equal(r, faults.n ? CONF_E_FAULTS : 0);
    assert_true(!conf == !!faults.n);
    for (size_t i = 0; i < faults.n; i++) {
        conf_fault_format(&faults.items[i], out);
        buf_add_char(out, '\n');
    }
    buf_reserve(out, 0)[0] = '\0';
    conf_faults_deinit(&faults);
    conf_free(conf);
}

/* A line of `expected` that ends in `*` stands for whatever the engine says of an expression. */
static bool is_line(const char *got, size_t n_got, const char *expected, size_t n_expected)
{
    if (n_expected && expected[n_expected - 1] == '*')
        return n_got > n_expected && !memcmp(got, expected, n_expected - 1);
    return n_got == n_expected && !memcmp(got, expected, n_got);
}

static bool is_as_expected(const char *got, const char *expected)
{
    while (*got && *expected) {
        size_t n_got = strcspn(got, "\n"), n_expected = strcspn(expected, "\n");

        if (!is_line(got, n_got, expected, n_expected))
            return false;
        got += n_got + 1;
        expected += n_expected + 1;
    }
    return !*got && !*expected;
}

static void check(const char *text, const char *expected)
{
    struct buf out = BUF_INIT;

    faults_of(str_of(text), &out);
    if (!is_as_expected(out.ptr, expected)) {
        print_message("text:\n%s", text);
        assert_string_equal(out.ptr, expected);
    }
    buf_deinit(&out);
}

#define PRESET(match, more)                                                                        \
    "presets: {p: {match: " match ", " more "type: /t, id: /i, source: /s, subject: /u}}\n"

static const struct {
    const char *text;
    const char *faults;
} cases[] = {
    /* What does not go together. */
    {"retraction: {within: 1d}\nreciprocity: {answered_by: conversation}\n",
     "f:1:22: within: nothing can be retracted with reciprocity.answered_by: conversation; write "
     "within: 0s, or answered_by: both\n"},
    {"retraction: {within: 401d}\n", "f:1:22: within: must be from 0s to 400d, not 401d\n"},
    /* Not even YAML. */
    {"", "f: it is empty\n"},
    {"# nothing\n", "f: it is empty\n"},
    {"just text\n", "f:1:1: expected sections such as `kafka:`, `metrics:` or `rules:`\n"},
    {"- a\n", "f:1:1: expected sections such as `kafka:`, `metrics:` or `rules:`\n"},
    {"\xff\n", "f: not UTF-8: save it as UTF-8\n"},
    {"time: {lateness: 0s\nstate: {}\n",
     "f:2:6: not valid YAML: did not find expected ',' or '}' (while parsing a flow mapping that "
     "begins at line 1)\n"},
    {"rules:\n\t- a\n", "f:2:1: not valid YAML: a tab cannot indent: use spaces\n"},
    {"deployment: \"a\x01\"\n", "f:1:15: not valid YAML: control characters are not allowed\n"},
    {"deployment: a\n---\ndeployment: b\n",
     "f:2:1: a second document: a configuration is one document\n"},
    {"deployment: !!str a\n", "f:1:13: tags such as !!str are not supported: leave the tag out\n"},
    {"? [a]\n: b\n", "f:1:3: a key must be a simple name, not a list or a mapping\n"},
    {"verbs: &v {x: *v}\n", "f:1:15: alias *v stands inside its own anchor\n"},
    {"verbs: *v\n", "f:1:8: alias *v has no anchor: define &v before it\n"},
    /* Keys. */
    {"kafak: {}\n", "f:1:1: unknown key 'kafak': did you mean 'kafka'?\n"},
    {"frobnicate: {}\n", "f:1:1: unknown key 'frobnicate': leave it out\n"},
    {"log: {levle: info}\n", "f:1:7: unknown key 'levle': did you mean 'level'?\n"},
    {"log: &l {level: info}\nhttp: {<<: *l}\n",
     "f:2:8: merge keys (<<) are not supported: write the keys out\n"},
    {"log: {level: info, format: json, level: warn}\n",
     "f:1:34: duplicate key 'level' (first at line 1): leave one of them\n"},
    {"deployment: a\nlog: {}\n\ndeployment: b\n",
     "f:4:1: duplicate key 'deployment' (first at line 1): leave one of them\n"},
    {"boards: []\n", "f:1:1: 'boards' is not supported by this version: leave it out\n"},
    {"workers: 4\ngroups: []\n",
     "f:1:1: 'workers' is not supported by this version: leave it out\n"
     "f:2:1: 'groups' is not supported by this version: leave it out\n"},
    {"stages: {}\n", "f:1:9: stages: expected a list of `- name: ...`; [] for none\n"},
    {"stages: [{name: a}]\n", "f:1:10: 'enter' is missing: write when it begins, as a condition\n"},
    {"stages: [{name: a, enter: 'true', min_stay: 3}]\n",
     "f:1:45: min_stay: '3' has no unit: write 3s, or 15m, 6h, 7d\n"},
    {"stages: [{name: a, enter: 'true'}, {name: a, enter: 'true'}]\n",
     "f:1:43: name: there is a stage of this name already\n"},
    {"stages: [{name: a, enter: 'stage == \"b\"'}]\n",
     "f:1:28: enter: a stage's condition cannot read the stage: write what both hang on\n"},
    {"stages: [{name: a, enter: 'true', exit: nosuch > 1}]\n",
     "f:1:41: exit: unknown name `nosuch`; *\n"},
    {"silences: {}\n", "f:1:11: silences: expected a list of `- rule: ...`; [] for none\n"},
    {"silences: [{author: kim, reason: x, until: 2026-01-01T00:00:00Z}]\n",
     "f:1:12: the silence is of everything: say of what, such as rule: \"*\"\n"},
    {"silences: [{rule: a, author: kim, reason: x, until: tomorrow}]\n",
     "f:1:53: until: 'tomorrow' is no instant: write it like 2026-05-01T08:00:00Z\n"},
    {"silences: [{rule: a}]\n", "f:1:12: 'author' is missing: write who silences\n"
                                "f:1:12: 'reason' is missing: write why\n"
                                "f:1:12: 'until' is missing: write when it ends, such as until: "
                                "2026-05-01T08:00:00Z\n"},
    {"evidence: {events: 17}\n", "f:1:20: events: must be from 0 to 16, not 17\n"},
    {"evidence: {event: 1}\n", "f:1:12: unknown key 'event': did you mean 'events'?\n"},
    {"flood: {triggers: -1}\n", "f:1:19: triggers: must be from 0 to 1000000000, not -1\n"},
    {"time: {backfill_until: 2026}\n",
     "f:1:24: backfill_until: '2026' is no instant: write it like 2026-05-01T08:00:00Z\n"},
    {"ingest: {repartition: twice}\n",
     "f:1:23: repartition: expected on or off, without quotes, not 'twice'\n"},
    {"ingest: {topic: t, repartition: off}\n",
     "f:1:10: topic: means nothing without repartition: on; write that too, or leave it out\n"},
    {"ingest: {repartition: on, topic: 'a b'}\n",
     "f:1:36: topic: may hold letters, digits, '.', '_' and '-' only\n"},
    {"ingest: {repartition: on, partitions: 0}\n",
     "f:1:39: partitions: must be from 1 to 10000, not 0\n"},
    {"ingest: {repartition: on, replication: 0}\n",
     "f:1:40: replication: must be from 1 to 100, or -1 for the brokers' default, not 0\n"},
    {"ingest: {repartition: on, replication: -2}\n",
     "f:1:40: replication: must be from -1 to 100, not -2\n"},
    {"ingest: {repartition: on, retention: 1m}\n",
     "f:1:38: retention: must be from 1h to 100000d, not 1m\n"},
    {"ingest: {repartition: on, partition: 3}\n",
     "f:1:27: unknown key 'partition': did you mean 'partitions'?\n"},
    {"include: [other.yaml]\n", "f:1:10: include: is not possible here: write it out\n"},
    /* Types and ranges. */
    {"log:\n", "f:1:5: expected a mapping such as {level: ...}\n"},
    {"log: [level]\n", "f:1:6: expected a mapping such as {level: ...}\n"},
    {"log: {level: }\n", "f:1:14: level: has no value: write one, or leave the key out\n"},
    {"log: {level: loud}\n", "f:1:14: level: expected debug, info, warn or error, not 'loud'\n"},
    {"log: {level: [info]}\n", "f:1:14: level: expected one value, not a list\n"},
    {"deployment: Support\n",
     "f:1:13: deployment: may hold lower-case letters, digits and '-' only\n"},
    {"deployment: eu_1\n",
     "f:1:15: deployment: may hold lower-case letters, digits and '-' only\n"},
    {"deployment: ''\n", "f:1:13: deployment: must have 1 to 64 bytes, not 0\n"},
    {"organisation: \"a\\x07b\"\n",
     "f:1:17: organisation: holds a control character: leave it out\n"},
    {"time: {lateness: 90}\n", "f:1:18: lateness: '90' has no unit: write 90s, or 15m, 6h, 7d\n"},
    {"time: {idle_after: 3 days}\n",
     "f:1:20: idle_after: '3 days' is no duration: write it like 90s, 15m, 6h or 7d\n"},
    {"time: {idle_after: 1ms}\n", "f:1:20: idle_after: must be from 1s to 1d, not 1ms\n"},
    {"checkpoint: {interval: 2h}\n", "f:1:24: interval: must be from 100ms to 1h, not 2h\n"},
    {"time: {ticks: maybe}\n", "f:1:15: ticks: expected on or off, without quotes, not 'maybe'\n"},
    {"time: {ticks: 'on'}\n", "f:1:15: ticks: expected on or off, without quotes, not 'on'\n"},
    {"state: {memory: 2 GB}\n",
     "f:1:17: memory: '2 GB' is no size: write it like 512KiB, 64MiB or 2GiB\n"},
    {"state: {memory: 1KiB}\n", "f:1:17: memory: must be from 1MiB to 65536GiB, not 1KiB\n"},
    {"dedup: {events: many}\n", "f:1:17: events: expected a whole number such as 64, not 'many'\n"},
    {"dedup: {events: '64'}\n",
     "f:1:17: events: expected a whole number such as 64, not the text '64'\n"},
    {"dedup: {events: 0}\n", "f:1:17: events: must be from 1 to 4096, not 0\n"},
    {"limits: {event_depth: 99999999999999999999}\n",
     "f:1:23: event_depth: must be from 4 to 512, not 99999999999999999999\n"},
    {"delivery: exactly_once\n",
     "f:1:11: delivery: expected exactly-once or at-least-once, not 'exactly_once'\n"},
    {"verbs: {x: {weight: heavy}}\n",
     "f:1:21: weight: expected a number such as 1.5, not 'heavy'\n"},
    {"verbs: {x: {weight: '1'}}\n",
     "f:1:21: weight: expected a number such as 1.5, not the text '1'\n"},
    {"verbs: {x: {weight: 1e300}}\n",
     "f:1:21: weight: must be from -1000000000 to 1000000000, not 1e300\n"},
    {"verbs: [x]\n",
     "f:1:8: verbs: expected a mapping such as {question: {weight: 1.5, expects_reply: on}}; {} "
     "for none\n"},
    {"verbs: {'': {}}\n", "f:1:9: verb: must have 1 to 256 bytes, not 0\n"},
    {"http: {listen: 9464}\n",
     "f:1:16: listen: expected HOST:PORT such as 127.0.0.1:9464, or 0.0.0.0:9464 for all "
     "addresses\n"},
    {"http: {listen: 'localhost:65536'}\n",
     "f:1:16: listen: expected HOST:PORT such as 127.0.0.1:9464, or 0.0.0.0:9464 for all "
     "addresses\n"},
    {"http: {listen: '::1:80'}\n",
     "f:1:16: listen: expected HOST:PORT such as 127.0.0.1:9464, or 0.0.0.0:9464 for all "
     "addresses\n"},
    /* Derived values. */
    {"derived: {keep: all}\n",
     "f:1:17: keep: expected a list such as [balance, cadence]; [] for none\n"},
    {"derived: {keep: [tie, balanse]}\n",
     "f:1:23: keep: expected reply, balance, pressure, cadence, trust, measure, advocacy, tie, "
     "turns or silent, not 'balanse'\n"},
    {"derived: {dimensions: delight}\n",
     "f:1:23: dimensions: expected a list such as [advocacy, delight]; [] for none\n"},
    {"derived: {dimensions: [joy, Joy, joy, the_last]}\n",
     "f:1:29: dimensions: a dimension's name has lower-case letters, digits and underscores, and "
     "does not end in _last: write it as in delight\n"
     "f:1:34: dimensions: there is a dimension of this name already: leave it out\n"
     "f:1:39: dimensions: a dimension's name has lower-case letters, digits and underscores, and "
     "does not end in _last: write it as in delight\n"},
    {"derived: {dimensions: [[a]]}\n", "f:1:24: dimensions: expected one value, not a list\n"},
    {"derived: {half_life: 1m, pressure_window: 7}\n",
     "f:1:22: half_life: must be from 1h to 100000d, not 1m\n"
     "f:1:43: pressure_window: '7' has no unit: write 7s, or 15m, 6h, 7d\n"},
    {"derived: {cadence: {weight: 0, flor: 1h, kinds: [vip]}}\n",
     "f:1:29: weight: must be from 1 to 1000, not 0\n"
     "f:1:32: unknown key 'flor': did you mean 'floor'?\n"
     "f:1:49: kinds: expected a mapping such as {customer: 14d}; {} for none\n"},
    {"derived: {cadence: {kinds: {vip: soon}}}\n",
     "f:1:34: kinds: 'soon' is no duration: write it like 90s, 15m, 6h or 7d\n"},
    {"metrics: {cadence_gap: {count: on}}\nrules: []\n",
     "f:1:11: name: this name means something already; give the metric another, as in "
     "my_metric\n"},
    {"rules:\n  - {name: r, enter: measure.deligt > 0.5}\n",
     "f:2:22: enter: unknown name `measure.deligt`; did you mean `measure.delight`?\n"},
    {"derived: {dimensions: []}\nrules:\n  - {name: r, enter: measure.delight > 0.5}\n",
     "f:3:22: enter: unknown name `measure.delight`*\n"},
    /* Kafka. */
    {"kafka: {}\n",
     "f:1:8: 'properties' is missing: write at least properties: {bootstrap.servers: "
     "\"localhost:9092\"}\n"},
    {"kafka: {properties: {group.id: x}}\n",
     "f:1:21: 'bootstrap.servers' is missing: write the brokers, such as bootstrap.servers: "
     "\"localhost:9092\"\n"},
    {"kafka: {properties: {bootstrap.servers: a, enable.auto.commit: true}}\n",
     "f:1:44: 'enable.auto.commit' is reserved: offsets are committed with the triggers, in one "
     "transaction; leave it out\n"},
    {"kafka: {properties: {bootstrap.servers: a, isolation.level: read_uncommitted}}\n",
     "f:1:44: 'isolation.level' is reserved: committed offsets must be read stable, or a takeover "
     "repeats triggers; leave it out\n"},
    {"kafka: {properties: {bootstrap.servers: a, ssl: {ca.location: x}}}\n",
     "f:1:49: 'ssl' must have one value: write properties flat, such as ssl.ca.location: FILE\n"},
    {"kafka:\n  properties: {bootstrap.servers: a}\n  topics: {events: [a, b]}\n",
     "f:3:24: events: more than one topic needs ingest: {repartition: on}: write that too, or name "
     "one topic\n"},
    {"ingest: {repartition: on}\nkafka:\n  properties: {bootstrap.servers: a}\n"
     "  topics: {events: [a, b, a]}\n",
     "f:4:11: events: names a twice\n"},
    {"ingest: {repartition: on, topic: b}\nkafka:\n  properties: {bootstrap.servers: a}\n"
     "  topics: {events: [a, b]}\n",
     "f:4:11: events and ingest.topic are the same topic: name two\n"},
    {"ingest: {repartition: on, topic: '..'}\nkafka:\n  properties: {bootstrap.servers: a}\n",
     "f:2:1: ingest.topic: '..' is no topic\n"},
    {"kafka:\n  properties: {bootstrap.servers: a}\n  topics: {events: a}\n",
     "f:3:20: events: expected a list of topics: write [a]\n"},
    {"kafka:\n  properties: {bootstrap.servers: a}\n  topics: {events: []}\n",
     "f:3:20: events: is empty: name one topic\n"},
    {"kafka:\n  properties: {bootstrap.servers: a}\n  topics: {triggers: 'a b'}\n",
     "f:3:24: triggers: may hold letters, digits, '.', '_' and '-' only\n"},
    {"kafka:\n  properties: {bootstrap.servers: a}\n  topics: {events: [x], triggers: x}\n",
     "f:3:11: events and triggers are the same topic: name two\n"},
    /* Redis: what may hold a secret is never repeated. */
    {"redis: {url: 'http://user:hunter2@x'}\n",
     "f:1:14: url: must begin with redis://, rediss:// or unix://, as in "
     "redis://localhost:6379/0\n"},
    {"redis: {password: [hunter2]}\n", "f:1:19: password: expected one value, not a list\n"},
    {"redis: {password: hunter2, password_file: x}\n",
     "f:1:43: password_file: there is a password too: leave one of them\n"},
    {"redis: {prefix: '{x}'}\n",
     "f:1:18: prefix: may hold letters, digits, '.', '_', ':' and '-' only\n"},
    /* Metrics. */
    {"metrics: []\nrules: []\n",
     "f:1:10: metrics: expected a mapping such as {involvement: {sum: weight, half_life: 7d}}; {} "
     "for none\n"},
    {"metrics: {a: {}}\nrules: []\n",
     "f:1:11: metric 'a': what it aggregates is missing: write count: true, sum: EXPRESSION or "
     "mean: EXPRESSION\n"},
    {"metrics: {a: {count: true, sum: weight}}\nrules: []\n",
     "f:1:11: metric 'a': takes one of count, sum, mean, min, max, last, distinct and "
     "distinct_days: "
     "write a metric for each\n"},
    {"metrics: {a: {count: false}}\nrules: []\n",
     "f:1:22: count: write true, or another aggregate\n"},
    {"metrics: {a: {count: true, half_life: 1h, window: 1d}}\nrules: []\n",
     "f:1:11: metric 'a': takes half_life or window, not both: write two metrics\n"},
    {"metrics: {a: {count: true, window: 500ms}}\nrules: []\n",
     "f:1:36: window: must be from 1s to 100000d, not 500ms\n"},
    {"metrics: {a: {count: true, board: 10}}\nrules: []\n",
     "f:1:28: 'board' is not supported by this version: leave it out\n"},
    {"metrics: {a: {distinct_days: off}}\nrules: []\n",
     "f:1:30: distinct_days: write true, or another aggregate\n"},
    {"metrics: {a: {min: weight, max: weight}}\nrules: []\n",
     "f:1:11: metric 'a': takes one of count, sum, mean, min, max, last, distinct and "
     "distinct_days: write a metric for each\n"},
    {"metrics: {a: {min: weight, half_life: 7d}}\nrules: []\n",
     "f:1:39: half_life: min goes with window or nothing, not half_life: write window, or leave it "
     "out\n"},
    {"metrics: {a: {distinct: channel, half_life: 7d}, b: {distinct_days: on, half_life: 7d}}\n"
     "rules: []\n",
     "f:1:45: half_life: distinct goes with window or nothing, not half_life: write window, or "
     "leave it out\n"
     "f:1:84: half_life: distinct_days goes with window or nothing, not half_life: write window, "
     "or "
     "leave it out\n"},
    {"metrics: {a: {max: channel}, b: {last: 1 +}}\nrules: []\n",
     "f:1:20: max: *\nf:1:43: last: *\n"},
    {"metrics: {a: {distinct: communities}}\nrules: []\n",
     "f:1:25: distinct: only texts, numbers and bools are told apart: write one, as in distinct: "
     "channel\n"},
    {"metrics: {a: {distinct: time}}\nrules: []\n", "f:1:25: distinct: only texts, *\n"},
    {"metrics: {a: {distinct: chanel}}\nrules: []\n",
     "f:1:25: distinct: unknown name `chanel`; *\n"},
    {"metrics: {a: {mean: weight, cap: {per: day, at: 10}}}\nrules: []\n",
     "f:1:34: cap: goes with sum: write sum: EXPRESSION, or leave it out\n"},
    {"metrics: {a: {sum: weight, cap: 10}}\nrules: []\n",
     "f:1:33: expected a mapping such as {per: ...}\n"},
    {"metrics: {a: {sum: weight, cap: {}}}\nrules: []\n",
     "f:1:33: 'at' is missing: write how much the interactions of that time add up to at most, "
     "such "
     "as at: 10\n"
     "f:1:33: 'per' is missing: write per: day, hour, week or a duration\n"},
    {"metrics: {a: {sum: weight, cap: {per: month, at: 0}}}\nrules: []\n",
     "f:1:39: per: expected hour, day, week or a duration from 1s to 100000d, not 'month'\n"
     "f:1:50: at: must be more than 0\n"},
    {"metrics: {a: {sum: weight, cap: {per: 10ms, at: -1}}}\nrules: []\n",
     "f:1:39: per: expected hour, day, week or a duration from 1s to 100000d, not '10ms'\n"
     "f:1:49: at: must be from 0 to 1000000000000, not -1\n"},
    {"metrics: {Foo: {count: true}}\nrules: []\n",
     "f:1:11: name: a metric's name has lower-case letters, digits and underscores, as in "
     "inbound_7d\n"},
    {"metrics: {owed: {count: true}}\nrules: []\n",
     "f:1:11: name: this name means something already; give the metric another, as in my_metric\n"},
    {"metrics: {a: {sum: weigth}}\nrules: []\n", "f:1:20: sum: unknown name `weigth`; *\n"},
    {"metrics:\n  a: {mean: sentiment, where: 'direction = \"inbound\"'}\nrules: []\n",
     "f:2:42: where: *\n"},
    {"metrics: {a: {sum: channel}}\nrules: []\n", "f:1:20: sum: *\n"},
    /* Rules. */
    {"rules: {}\n", "f:1:8: rules: expected a list of `- name: ...`; [] for none\n"},
    {"rules: [x]\n", "f:1:9: expected a mapping such as {name: ...}\n"},
    {"rules:\n  - {enter: owed.by_us > 1}\n",
     "f:2:5: 'name' is missing: write one, of letters, digits, '_', '.' and '-'\n"},
    {"rules:\n  - {name: a}\n",
     "f:2:5: the rule never fires: write enter: CONDITION, or owed: {by: organisation, after: "
     "4h}\n"},
    {"rules:\n  - {name: .a, enter: owed.by_us > 1}\n",
     "f:2:12: name: must begin with a letter or a digit\n"},
    {"rules:\n  - {name: a b, enter: owed.by_us > 1}\n",
     "f:2:13: name: may hold letters, digits, '_', '.' and '-' only\n"},
    {"rules:\n  - {name: a, enter: owed.by_us > 1}\n  - {name: a, enter: owed.by_us > 2}\n",
     "f:3:12: name: 'a' is taken by the rule at line 2: choose another\n"},
    {"rules:\n  - {name: a, enter: owed.by_us > 1, owed: {by: organisation, after: 4h}}\n",
     "f:2:44: owed: the rule has `enter` too: write a rule for each\n"},
    {"rules:\n  - {name: a, owed: {by: organisation, after: 4h}, for: 1h, exit: 'true'}\n",
     "f:2:57: for: an `owed` rule takes none: `after` says how long an answer may take; leave it "
     "out\n"
     "f:2:67: exit: an `owed` rule takes none: it ends with the answer; leave it out\n"},
    {"rules:\n  - {name: a, owed: {by: us}}\n",
     "f:2:21: 'after' is missing: write how long an answer may take, such as after: 4h\n"
     "f:2:26: by: expected organisation or stakeholder, not 'us'\n"},
    {"rules:\n  - {name: a, exit: owed.by_us > 1}\n",
     "f:2:21: exit: the rule has no `enter`: write when it begins\n"},
    {"rules:\n  - {name: a, enter: owed.by_us > 1, severity: high}\n",
     "f:2:48: severity: expected info, warning or critical, not 'high'\n"},
    {"rules:\n  - {name: a, enter: owed.by_us > 1, inhibited_by: [b], escalate_after: 4}\n",
     "f:2:52: inhibited_by: there is no rule 'b': name a rule of this file\n"
     "f:2:73: escalate_after: '4' has no unit: write 4s, or 15m, 6h, 7d\n"},
    {"rules:\n  - {name: a, enter: owed.by_us > 1, inhibited_by: b}\n"
     "  - {name: b, enter: owed.by_us > 1, inhibited_by: a}\n",
     "f:2:52: inhibited_by: the rules inhibit each other in a circle: leave one of them out\n"},
    {"rules:\n  - {name: a, absent: {where: 'true', within: 1d, cadence: 3}}\n",
     "f:2:60: cadence: there is `within` too: write one of them\n"},
    {"rules:\n  - {name: a, absent: {where: 'true'}}\n",
     "f:2:23: 'within' is missing: write how long it may take, such as within: 30d, or cadence: 3 "
     "for three of the stakeholder's own gaps\n"},
    {"rules:\n  - {name: a, absent: {what: x, within: 1d}}\n",
     "f:2:23: 'where' is missing: write which interactions count, such as where: verb == "
     "\"purchase\"\n"
     "f:2:24: unknown key 'what': leave it out\n"},
    {"rules:\n  - {name: a, absent: {where: nosuch, within: 1d}, for: 1h}\n",
     "f:2:31: where: unknown name `nosuch`; *\n"
     "f:2:57: for: an `absent` rule takes none: `within` says how long it may take; leave it "
     "out\n"},
    {"rules:\n  - {name: a, expect: {after: 'true', then: verb == 1, within: 1d}}\n",
     "f:2:50: then: *\n"},
    {"rules:\n  - {name: a, enter: owed.by_us > 1, absent: {where: 'true', within: 1d}}\n",
     "f:2:46: absent: the rule has `enter` too: write a rule for each\n"},
    {"rules:\n  - {name: a, enter: involvment > 1.0}\n",
     "f:2:22: enter: unknown name `involvment`; *\n"},
    {"rules:\n  - {name: a, enter: involvement}\n", "f:2:22: enter: *\n"},
    {"rules:\n  - {name: a, enter: owed.by_us > 0, action: 'Call {{stakeholder'}\n",
     "f:2:52: action: *\n"},
    /* Shipped rules that do not go with the user's metrics are the user's to replace. */
    {"metrics: {a: {count: true}}\n",
     "f:1:1: the shipped rule 'cold-but-buying' does not go with your metrics: write a `rules` "
     "section of your own, or [] for none\n"},
    /* Presets. */
    {"presets: []\n", "f:1:10: presets: expected a mapping such as {desk: {match: ...}}\n"},
    {"presets: {p: 1}\n", "f:1:14: expected a mapping such as {match: ...}\n"},
    {"presets: {p q: {}}\n", "f:1:12: preset: may hold letters, digits, '_', '.' and '-' only\n"},
    {"presets: {p: {math: {}, type: /t, id: /i, source: /s, subject: /u}}\n",
     "f:1:14: 'match' is missing: write which payloads it is for\n"
     "f:1:15: unknown key 'math': did you mean 'match'?\n"},
    {"presets: {p: {match: {has: /a}, type: /t, source: /s}}\n",
     "f:1:14: 'id' is missing: write where its id is, such as id: /id\n"
     "f:1:14: 'subject' is missing: write where the stakeholder's id is, such as subject: "
     "/user/id\n"},
    {PRESET("{}", ""), "f:1:22: match: would take any payload: write headers, values or has\n"},
    {PRESET("{topic: a}", ""),
     "f:1:23: 'topic' is not supported by this version: leave it out; there is one input topic\n"},
    {PRESET("{value: {/a: b}}", ""), "f:1:23: unknown key 'value': did you mean 'values'?\n"},
    {PRESET("{values: [a]}", ""), "f:1:31: values: expected a mapping such as {/type: track}\n"},
    {PRESET("{values: {a: b}}", ""),
     "f:1:32: pointer: 'a' is no JSON pointer: write it like /user/id, with ~0 for ~ and ~1 for / "
     "within a name\n"},
    {PRESET("{values: {/a: []}}", ""), "f:1:36: values: expected 1 to 32 of them, not 0\n"},
    {PRESET("{has: [/a, /b~2]}", ""),
     "f:1:35: pointer: '/b~2' is no JSON pointer: write it like /user/id, with ~0 for ~ and ~1 for "
     "/ within a name\n"},
    {PRESET("{headers: {a: }}", ""),
     "f:1:36: value: has no value: write one, or leave the key out\n"},
    {PRESET("{has: /a}", "fields: {n: /n}, "),
     "f:1:45: expected a mapping such as {pointer: ...}\n"},
    {PRESET("{has: /a}", "fields: {n: {type: int}}, "),
     "f:1:45: 'pointer' is missing: write where the value is, such as /user/id\n"},
    {PRESET("{has: /a}", "fields: {n: {pointer: n}}, "),
     "f:1:55: pointer: 'n' is no JSON pointer: write it like /user/id, with ~0 for ~ and ~1 for / "
     "within a name\n"},
    {PRESET("{has: /a}", "fields: {n: {pointer: /n, type: integer}}, "),
     "f:1:65: type: expected string, double, int, bool, timestamp or list, not 'integer'\n"},
    {PRESET("{has: /a}", "fields: {n: {pointer: /n, type: int, default: x}}, "),
     "f:1:79: default: is no value of the field's type\n"},
    {PRESET("{has: /a}", "fields: {n: {pointer: /n, type: list, default: x}}, "),
     "f:1:80: default: a list takes none: leave it out\n"},
    {PRESET("{has: /a}", "fields: {n-m: {pointer: /n}}, "),
     "f:1:43: field: may hold letters, digits and '_' only\n"},
    {PRESET("{has: /a}", "fields: {in: {pointer: /n}}, "),
     "f:1:42: field: cannot be a name in expressions: choose another\n"},
    {PRESET("{has: /a}", "when: has(a), "), "f:1:43: *\n"},
    {PRESET("{has: /a}", "when: 1, "), "f:1:39: *\n"},
    {PRESET("{has: /a}", "time: '\"a', "), "f:1:40: *\n"},
    {PRESET("{has: /a}", "time: /a~, "),
     "f:1:41: pointer: '/a~' is no JSON pointer: write it like /user/id, with ~0 for ~ and ~1 for "
     "/ within a name\n"},
    {PRESET("{has: /a}", "data: {verbs: /v}, "),
     "f:1:40: unknown key 'verbs': did you mean 'verb'?\n"},
    {PRESET("{has: /a}", "data: {verb: wer}, "), "f:1:46: *\n"},
    {PRESET("{has: /a}", "data: {max_contacts: {count: [1]}}, "),
     "f:1:62: count: expected one value, not a list\n"},
    /* Every other key, of a wrong kind or out of its range. */
    {"kafka: {properties: {bootstrap.servers: a, group.id: [x]}}\n",
     "f:1:54: 'group.id' must have one value: write properties flat, such as ssl.ca.location: "
     "FILE\n"},
    {"kafka:\n  properties: {bootstrap.servers: a}\n  topics: {dead_letters: ''}\n",
     "f:3:26: dead_letters: must have 1 to 249 bytes, not 0\n"},
    {"redis: []\n", "f:1:8: expected a mapping such as {url: ...}\n"},
    {"redis: {user: [a]}\n", "f:1:15: user: expected one value, not a list\n"},
    {"redis: {url: 'redis://h', usr: a}\n", "f:1:27: unknown key 'usr': did you mean 'user'?\n"},
    {"checkpoint: 1s\n", "f:1:13: expected a mapping such as {interval: ...}\n"},
    {"time: now\n", "f:1:7: expected a mapping such as {lateness: ...}\n"},
    {"time: {future_limit: -1s}\n",
     "f:1:22: future_limit: '-1s' is no duration: write it like 90s, 15m, 6h or 7d\n"},
    {"state: 2GiB\n", "f:1:8: expected a mapping such as {memory: ...}\n"},
    {"state: {forget_after: 1y}\n",
     "f:1:23: forget_after: '1y' is no duration: write it like 90s, 15m, 6h or 7d\n"},
    {"state: {forget_after: 1s}\n", "f:1:23: forget_after: must be from 1h to 100000d, not 1s\n"},
    {"limits: []\n", "f:1:9: expected a mapping such as {event_bytes: ...}\n"},
    {"limits: {event_bytes: 1}\n", "f:1:23: event_bytes: must be from 1KiB to 64MiB, not 1\n"},
    {"dedup: 64\n", "f:1:8: expected a mapping such as {events: ...}\n"},
    {"dedup: {horizon: 64}\n", "f:1:18: horizon: '64' has no unit: write 64s, or 15m, 6h, 7d\n"},
    {"metrics: {a: {mean: [x]}}\nrules: []\n", "f:1:21: mean: expected one value, not a list\n"},
    {"metrics: {a: {min: direction}}\nrules: []\n", "f:1:20: min: *\n"},
    {"metrics: {a: {max: verb}}\nrules: []\n", "f:1:20: max: *\n"},
    {"metrics: {a: {last: 'true'}}\nrules: []\n", "f:1:22: last: *\n"},
    {"derived: 90d\n", "f:1:10: expected a mapping such as {half_life: ...}\n"},
    {"derived: {cadence: 7d}\n", "f:1:20: expected a mapping such as {floor: ...}\n"},
    {"derived: {cadence: {prior: 0s, floor: never}}\n",
     "f:1:28: prior: must be from 1s to 100000d, not 0s\n"
     "f:1:39: floor: 'never' is no duration: write it like 90s, 15m, 6h or 7d\n"},
    {"reciprocity: both\n", "f:1:14: expected a mapping such as {answered_by: ...}\n"},
    {"reciprocity: {answered_by: anybody}\n",
     "f:1:28: answered_by: expected both, conversation, stakeholder or reply, not 'anybody'\n"},
    {"reciprocity: {automatic: maybe}\n",
     "f:1:26: automatic: expected acknowledges or answers, not 'maybe'\n"},
    {"calendars: {c: {hours: {mon: ['17:00-09:00']}}}\n",
     "f:1:31: hours: '17:00-09:00' ends before it begins: write it as 22:00-24:00, and the rest on "
     "the next day\n"},
    {"rules: [{name: a, enter: 'true', route: [x]}]\n",
     "f:1:41: route: expected one value, not a list\n"},
    {"rules: [{name: a, enter: 'true', cooldown: often}]\n",
     "f:1:44: cooldown: 'often' is no duration: write it like 90s, 15m, 6h or 7d\n"},
    {"rules: [{name: a, expect: B}]\n", "f:1:27: expected a mapping such as {after: ...}\n"},
    {"rules: [{name: a, absent: B}]\n", "f:1:27: expected a mapping such as {where: ...}\n"},
    {"rules: [{name: a, expect: {after: 'true', then: 'true', within: 2}}]\n",
     "f:1:65: within: '2' has no unit: write 2s, or 15m, 6h, 7d\n"},
    {"rules: [{name: a, enter: 'true', escalate_after: 0s}]\n",
     "f:1:50: escalate_after: must be from 1s to 100000d, not 0s\n"},
    {"rules: [{name: a, enter: 'true', inhibited_by: [nosuch]}]\n",
     "f:1:48: inhibited_by: there is no rule 'nosuch': name a rule of this file\n"},
    {"rules: [{name: a, owed: {by: organisation, after: 4h, until: done}}]\n",
     "f:1:62: until: expected answered, acknowledged or acted, not 'done'\n"},
    {"rules: [{name: a, owed: {by: organisation, after: 4h}, quiet: loud}]\n",
     "f:1:63: quiet: expected ignore or hold, not 'loud'\n"},
    {"stages: [{name: a, enter: 'true', route: [x]}]\n",
     "f:1:42: route: expected one value, not a list\n"},
    {"stages: [{name: a, enter: 'true', severity: bad}]\n",
     "f:1:45: severity: expected info, warning or critical, not 'bad'\n"},
    {"stages: [{name: a, enter: 'true', action: '{{who}}'}]\n", "f:1:44: action: *\n"},
    {"silences: [{route: [a], kind: [b], account: [c], stakeholder: [d], author: kim, reason: x, "
     "until: 2026-01-01T00:00:00Z}]\n",
     "f:1:20: route: expected one value, not a list\n"
     "f:1:31: kind: expected one value, not a list\n"
     "f:1:45: account: expected one value, not a list\n"
     "f:1:63: stakeholder: expected one value, not a list\n"},
    {"sources: mail\n", "f:1:10: sources: expected a list of `- name: ...`; [] for none\n"},
    {"sources: [{name: a}]\n", "f:1:11: 'heartbeat' is missing: write after how long without any "
                               "event it counts as silent, such as heartbeat: 15m\n"
                               "f:1:11: 'source' is missing: write the CloudEvents source of its "
                               "events; a '*' at the end stands for anything\n"},
    {"sources: [{name: a, source: [x], heartbeat: 1, channels: email, route: [y]}]\n",
     "f:1:29: source: expected one value, not a list\n"
     "f:1:45: heartbeat: '1' has no unit: write 1s, or 15m, 6h, 7d\n"
     "f:1:72: route: expected one value, not a list\n"},
    {"flood: 10\n", "f:1:8: expected a mapping such as {triggers: ...}\n"},
    {"flood: {per: 0s}\n", "f:1:14: per: must be from 1s to 30d, not 0s\n"},
    {"http: 9464\n", "f:1:7: expected a mapping such as {listen: ...}\n"},
    {"log: {format: xml}\n", "f:1:15: format: expected logfmt or json, not 'xml'\n"},
    {"ingest: on\n", "f:1:9: expected a mapping such as {repartition: ...}\n"},
    {"zones: Europe/Berlin\n", "f:1:8: zones: expected a list such as [Europe/Berlin]\n"},
    {"organisation: [a]\n", "f:1:15: organisation: expected one value, not a list\n"},
    {"sources: [{name: a, source: b, heartbeat: 1h, channels: [[a]]}]\n",
     "f:1:58: channels: expected one value, not a list\n"},
};

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        check(cases[i].text, cases[i].faults);
}

/* A metric or rule with a fault in its form has its expressions checked all the same, and those
 * that read it are not blamed. */
static void test_all_in_one_run(void **state)
{
    (void)state;
    check("deployment: EU\n"
          "time: {lateness: 5}\n"
          "metrics:\n"
          "  a: {sum: nosuch, half_life: 7}\n"
          "  b: {count: true, sum: weight, where: nosuch}\n"
          "rules:\n"
          "  - name: r\n"
          "    enter: a > 1.0 && b > 1.0 && nosuch\n"
          "    absent: x\n"
          "  - enter: nosuch\n"
          "  - name: r\n"
          "    enter: a > 1.0\n",
          "f:1:13: deployment: may hold lower-case letters, digits and '-' only\n"
          "f:2:18: lateness: '5' has no unit: write 5s, or 15m, 6h, 7d\n"
          "f:4:12: sum: unknown name `nosuch`; *\n"
          "f:4:31: half_life: '7' has no unit: write 7s, or 15m, 6h, 7d\n"
          "f:5:3: metric 'b': takes one of count, sum, mean, min, max, last, distinct and "
          "distinct_days: "
          "write a metric for each\n"
          "f:5:40: where: unknown name `nosuch`; *\n"
          "f:8:34: enter: unknown name `nosuch`; *\n"
          "f:9:13: absent: the rule has `enter` too: write a rule for each\n"
          "f:9:13: expected a mapping such as {where: ...}\n"
          "f:10:5: 'name' is missing: write one, of letters, digits, '_', '.' and '-'\n"
          "f:10:12: enter: unknown name `nosuch`; *\n"
          "f:11:11: name: 'r' is taken by the rule at line 7: choose another\n");
}

/* Escapes, folding, blocks, doubled quotes, anchors and wide characters are seen through. */
static void test_places_in_expressions(void **state)
{
    static const struct {
        const char *sum;
        const char *place;
    } places[] = {
        {"nosuch", "f:1:20"},
        {"'nosuch'", "f:1:21"},
        {"\"1.0 + nosuch\"", "f:1:27"},
        {"\"\\x31.0 \\u002b\\tnosuch\"", "f:1:36"},
        {"\"1.0 + \\\n    nosuch\"", "f:2:5"},
        {"\"channel == '\xc3\xa9' ? 1.0 : nosuch\"", "f:1:44"},
        {"'channel == ''a'' ? 1.0 : nosuch'", "f:1:46"},
        {"'1.0 +\n\n     nosuch'", "f:3:6"},
        {"&a nosuch", "f:1:23"},
        {"&a 'nosuch'", "f:1:24"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        struct buf text = BUF_INIT, expected = BUF_INIT;

        buf_addf(&text, "metrics: {a: {sum: %s}}\nrules: []\n", places[i].sum);
        buf_addf(&expected, "%s: sum: unknown name `nosuch`; *\n", places[i].place);
        check(text.ptr, expected.ptr);
        buf_deinit(&text);
        buf_deinit(&expected);
    }
    check("metrics:\n  a:\n    sum: |\n      1.0 +\n        nosuch\nrules: []\n",
          "f:5:9: sum: unknown name `nosuch`; *\n");
    check("metrics:\n  a:\n    sum: >-  # folded\n      1.0 +\n\n      2.0 + nosuch\nrules: []\n",
          "f:6:13: sum: unknown name `nosuch`; *\n");
    check("metrics:\r\n  a:\r\n    sum: 1.0\r\n      + nosuch\r\nrules: []\r\n",
          "f:4:9: sum: unknown name `nosuch`; *\n");
    check("\xef\xbb\xbfmetrics: {a: {sum: nosuch}}\nrules: []\n",
          "f:1:20: sum: unknown name `nosuch`; *\n");
    /* An expression that ends too early: the place after it. */
    check("metrics: {a: {sum: 'weight +'}}\nrules: []\n", "f:1:29: sum: *\n");
}

static void test_alias_is_said_once(void **state)
{
    (void)state;
    check("metrics: {a: &m {sum: nosuch}, b: *m}\nrules: []\n",
          "f:1:23: sum: unknown name `nosuch`; *\n");
}

static void check_bound(struct buf *text, const char *expected)
{
    struct buf out = BUF_INIT;

    faults_of(buf_str(text), &out);
    if (!strstr(out.ptr, expected))
        assert_string_equal(out.ptr, expected);
    buf_deinit(&out);
    buf_deinit(text);
}

static void test_bounds(void **state)
{
    struct buf text = BUF_INIT;

    (void)state;
    /* A small text that would unfold to 10^9 values. */
    buf_add_str(&text, STR("verbs:\n  a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"));
    for (int i = 1; i < 9; i++) {
        buf_addf(&text, "  a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++)
            buf_addf(&text, "*a%d,", i - 1);
        buf_add_str(&text, STR("]\n"));
    }
    check_bound(&text, "f:6:40: more than 100000 values, with aliases followed");

    for (int i = 0; i < 100000; i++)
        buf_add_char(&text, '[');
    check_bound(&text, "f:1:17: nested more than 16 deep\n");

    buf_add_str(&text, STR("# "));
    while (text.len <= CONF_FILE_MAX_BYTES)
        buf_add_char(&text, 'x');
    check_bound(&text, "f: larger than 1048576 bytes: split it with `include`\n");

    buf_add_str(&text, STR("x: [&a a"));
    for (int i = 0; i < CONF_ANCHORS_MAX; i++)
        buf_addf(&text, ", &a%d a", i);
    buf_add_str(&text, STR("]"));
    check_bound(&text, ": more than 256 anchors: write values out\n");

    for (int i = 0; i < 5000; i++)
        buf_addf(&text, "key%d: x\n", i);
    check_bound(&text, "f: more than 1000 faults: those above are the first that were found\n");

    buf_add_str(&text, STR("metrics:\n"));
    for (int i = 0; i < 1001; i++)
        buf_addf(&text, "  m%d: {count: true}\n", i);
    check_bound(&text, "f:2:3: metrics: more than 1000\n");
}

/* What a message repeats of the file is short and on one line. */
static void test_quoting(void **state)
{
    (void)state;
    check("\"a\\nb\\e\": x\n", "f:1:1: unknown key 'a?b?': leave it out\n");
    check("\"a\\0b\": x\n", "f:1:1: unknown key 'a': leave it out\n");
    check("aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbb\xc3\xa9z: x\n",
          "f:1:1: unknown key 'aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbb': leave "
          "it out\n");
}

static void test_did_you_mean(void **state)
{
    static const char *const names[] = {"level", "format", "interval", NULL};

    (void)state;
    assert_string_equal(conf_did_you_mean(STR("levels"), names), "level");
    assert_string_equal(conf_did_you_mean(STR("fromat"), names), "format");
    assert_string_equal(conf_did_you_mean(STR("intervall"), names), "interval");
    assert_null(conf_did_you_mean(STR("weight"), names));
    assert_null(conf_did_you_mean(STR(""), names));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_all_in_one_run),
        cmocka_unit_test(test_places_in_expressions),
        cmocka_unit_test(test_alias_is_said_once),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_did_you_mean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
