/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kafka section: properties for librdkafka as they are, and topics. Properties on which the
 * protocol stands are refused here, with the reason, so that nobody finds out in production.
 */
#include "conf/conf_private.h"

#include "base/mem.h"

#define PROPERTIES_MAX 512
#define TOPIC_MAX      249

static const struct {
    const char *key;
    const char *why;
} reserved[] = {
    {"enable.auto.commit", "offsets are committed with the triggers, in one transaction"},
    {"auto.commit.enable", "offsets are committed with the triggers, in one transaction"},
    {"auto.commit.interval.ms", "offsets are committed with the triggers, in one transaction"},
    {"enable.auto.offset.store", "offsets are committed with the triggers, in one transaction"},
    {"auto.offset.reset", "reading begins where the checkpoint says; an offset that is gone from "
                          "the log must stop the partition, not skip records"},
    {"isolation.level", "committed offsets must be read stable, or a takeover repeats triggers"},
    {"transactional.id", "a successor finds it by its own rule, to abort what was left open"},
    {"transaction.timeout.ms", "takeover times depend on it: 10 s"},
    {"enable.idempotence", "triggers are produced idempotently, always"},
    {"enable.gapless.guarantee", "triggers are produced idempotently, always"},
    {"acks", "a trigger counts as published when all in-sync replicas have it"},
    {"request.required.acks", "a trigger counts as published when all in-sync replicas have it"},
    {"max.in.flight", "order within a partition depends on it"},
    {"max.in.flight.requests.per.connection", "order within a partition depends on it"},
    {"partitioner", "all producers must place a stakeholder alike: murmur2_random"},
    {"partition.assignment.strategy", "the eager ones only are sound in the supported librdkafka"},
    {"partitioner_cb", "all producers must place a stakeholder alike: murmur2_random"},
    {"group.protocol", "assignment must be deferred until a partition's state is taken over"},
    {"group.remote.assignor", "partitions are handed over by the classic protocol"},
    {"offset.store.method", "offsets are kept by the consumer group"},
    {"enabled_events", "it decides how records reach the loop"},
    {"log.queue", "it decides how lines reach the log"},
    {"enable.partition.eof", "the end of a partition decides when a tick is due"},
    {"delivery.report.only.error", "every report counts: it tells what is published"},
    {"dr_cb", "delivery reports are taken by the sink"},
    {"dr_msg_cb", "delivery reports are taken by the sink"},
};

static const char *const secret_ends[] = {"password", "secret", "token", "private.key", "pem"};

bool conf_kafka_is_secret(struct str key)
{
    for (size_t i = 0; i < ARRAY_SIZE(secret_ends); i++) {
        struct str end = str_of(secret_ends[i]);

        if (key.len >= end.len && str_eq((struct str){key.ptr + key.len - end.len, end.len}, end))
            return true;
    }
    return false;
}

static bool is_reserved(struct conf_reader *reader, const struct conf_node *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(reserved); i++) {
        if (!str_eq(name->text, str_of(reserved[i].key)))
            continue;
        conf_fault_node(reader, name, "'%s' is reserved: %s; leave it out", reserved[i].key,
                        reserved[i].why);
        return true;
    }
    return false;
}

static void read_property(struct conf_reader *reader, const struct conf_node *name,
                          const struct conf_node *value, struct conf_property *ret_property)
{
    struct str text;

    if (!name->text.len)
        return conf_fault_node(reader, name, "a property has no name");
    if (is_reserved(reader, name))
        return;
    if (value->type != CONF_NODE_SCALAR)
        return conf_fault_node(reader, value,
                               "'%.*s' must have one value: write properties flat, such as "
                               "ssl.ca.location: FILE",
                               STR_ARG(conf_clip(name->text)));
    if (!conf_read_text(reader, "property", value, &text))
        return;
    *ret_property = (struct conf_property){.key = name->text, .value = text};
}

static void read_properties(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    struct conf_private *p = base;
    struct conf_property *properties;
    size_t n = 0;

    if (node->type != CONF_NODE_MAP)
        return conf_fault_node(reader, node,
                               "properties: expected a mapping such as {bootstrap.servers: "
                               "\"localhost:9092\"}");
    if (node->n > PROPERTIES_MAX)
        return conf_fault_node(reader, node, "properties: more than %d", PROPERTIES_MAX);
    properties = conf_keep(p, mem_calloc(node->n + 1, sizeof(*properties)));
    for (size_t i = 0; i < node->n; i++) {
        read_property(reader, conf_map_key(node, i), conf_map_value(node, i), &properties[n]);
        n += properties[n].key.len > 0;
    }
    p->properties = properties;
    p->conf.kafka.properties = properties;
    p->conf.kafka.n_properties = n;
}

#define TOPIC_CHARS "A0._-"
#define TOPIC_HELP  "letters, digits, '.', '_' and '-'"

static const struct conf_key key_topic = {.name = "events",
                                          .type = CONF_NAME,
                                          .min = 1,
                                          .max = TOPIC_MAX,
                                          .chars = TOPIC_CHARS,
                                          .help = TOPIC_HELP};

static void read_events(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    struct conf_private *p = base;
    struct str *topics;
    size_t n = 0;

    if (node->type != CONF_NODE_LIST)
        return conf_fault_node(
            reader, node, "events: expected a list of topics: write [%.*s]",
            STR_ARG(node->type == CONF_NODE_SCALAR ? conf_clip(node->text) : STR("interactions")));
    if (node->n > CONF_EVENTS_MAX)
        return conf_fault_node(reader, node, "events: more than %d topics", CONF_EVENTS_MAX);
    if (!node->n)
        return conf_fault_node(reader, node, "events: is empty: name one topic");
    topics = conf_keep(p, mem_calloc(node->n, sizeof(*topics)));
    for (size_t i = 0; i < node->n; i++)
        n += conf_key_read(reader, &key_topic, node->items[i], &topics[n]);
    p->conf.kafka.events = topics;
    p->conf.kafka.n_events = n;
}

static const struct conf_key keys_topics[] = {
    {.name = "events",
     .type = CONF_CUSTOM,
     .read = read_events,
     .help = "a list of one topic, keyed by stakeholder; with ingest.repartition of several, keyed "
             "by anything"},
    {.name = "triggers",
     .type = CONF_NAME,
     .offset = offsetof(struct conf_private, conf.kafka.triggers),
     .min = 1,
     .max = TOPIC_MAX,
     .chars = TOPIC_CHARS,
     .def = "engagement-triggers",
     .help = TOPIC_HELP},
    {.name = "dead_letters",
     .type = CONF_NAME,
     .offset = offsetof(struct conf_private, conf.kafka.dead_letters),
     .min = 1,
     .max = TOPIC_MAX,
     .chars = TOPIC_CHARS,
     .def = "engagement-dead-letters",
     .help = TOPIC_HELP},
    CONF_KEY_END,
};

const struct conf_key conf_keys_kafka[] = {
    {.name = "properties",
     .type = CONF_CUSTOM,
     .read = read_properties,
     .is_required = true,
     .help = "write at least properties: {bootstrap.servers: \"localhost:9092\"}"},
    {.name = "topics", .type = CONF_MAP, .keys = keys_topics, .help = "names"},
    CONF_KEY_END,
};

static const struct conf_property *find(const struct conf_kafka *kafka, const char *key)
{
    for (size_t i = 0; i < kafka->n_properties; i++)
        if (str_eq(kafka->properties[i].key, str_of(key)))
            return &kafka->properties[i];
    return NULL;
}

struct named_topic {
    const char *name;
    struct str topic;
};

static void check_topic(struct conf_reader *reader, const struct conf_node *at,
                        const struct named_topic *topics, size_t i)
{
    const struct named_topic *t = &topics[i];

    if (str_eq(t->topic, STR(".")) || str_eq(t->topic, STR("..")))
        conf_fault_node(reader, at, "%s: '%.*s' is no topic", t->name, STR_ARG(t->topic));
    for (size_t j = 0; j < i; j++) {
        if (!str_eq(t->topic, topics[j].topic))
            continue;
        if (t->name == topics[j].name)
            conf_fault_node(reader, at, "%s: names %.*s twice", t->name, STR_ARG(t->topic));
        else
            conf_fault_node(reader, at, "%s and %s are the same topic: name two", topics[j].name,
                            t->name);
    }
}

static void check_topics(struct conf_reader *reader, const struct conf *conf,
                         const struct conf_section *section)
{
    static const char events[] = "events";
    const struct conf_node *at = conf_map_get(section->value, "topics");
    struct named_topic topics[CONF_EVENTS_MAX + 3];
    size_t n = 0;

    for (size_t i = 0; i < conf->kafka.n_events; i++)
        topics[n++] = (struct named_topic){events, conf->kafka.events[i]};
    topics[n++] = (struct named_topic){"triggers", conf->kafka.triggers};
    topics[n++] = (struct named_topic){"dead_letters", conf->kafka.dead_letters};
    if (conf->ingest.repartition)
        topics[n++] = (struct named_topic){"ingest.topic", conf->ingest.topic};
    for (size_t i = 0; i < n; i++)
        check_topic(reader, at ? at : section->name, topics, i);
    if (conf->kafka.n_events > 1 && !conf->ingest.repartition)
        conf_fault_node(reader, conf_map_get(at, "events")->items[1],
                        "events: more than one topic needs ingest: {repartition: on}: write that "
                        "too, or name one topic");
}

void conf_kafka_check(struct conf_reader *reader, struct conf_private *p)
{
    static const struct str shipped_events[] = {{"interactions", sizeof("interactions") - 1}};
    const struct conf_section *section = conf_section_get(p, "kafka");
    const struct conf_node *properties = conf_map_get(section->value, "properties");
    struct conf_kafka *kafka = &p->conf.kafka;

    if (!kafka->n_events) {
        kafka->events = shipped_events;
        kafka->n_events = ARRAY_SIZE(shipped_events);
    }
    kafka->is_given = section->name != NULL;
    kafka->has_group_id = find(kafka, "group.id") != NULL;
    kafka->group_id = kafka->has_group_id ? find(kafka, "group.id")->value : p->conf.deployment;
    if (!kafka->is_given)
        return;
    if (properties && properties->type == CONF_NODE_MAP && !find(kafka, "bootstrap.servers") &&
        !find(kafka, "metadata.broker.list"))
        conf_fault_node(reader, properties,
                        "'bootstrap.servers' is missing: write the brokers, such as "
                        "bootstrap.servers: \"localhost:9092\"");
    check_topics(reader, &p->conf, section);
}
