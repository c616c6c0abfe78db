/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ingest section: whether the input is copied, keyed by stakeholder, into a topic of our own,
 * and what that topic is like where it has to be made. Local to the deployment: no part of the
 * rules.
 */
#include "conf/conf_private.h"

#include "base/mem.h"

#include <stdio.h>

#define TOPIC_MAX   249
#define RETENTION   "30d"
#define HOUR        (3600 * 1000LL)
#define DAY         (24 * HOUR)
#define AT(field)   offsetof(struct conf_private, conf.ingest.field)
#define N_DEFAULT   "12"
#define SUFFIX      "-repartition"
#define SECTION     "ingest"
#define REPARTITION "repartition"

const struct conf_key conf_keys_ingest[] = {
    {.name = REPARTITION,
     .type = CONF_BOOL,
     .offset = AT(repartition),
     .def = "off",
     .help = "copy the input, mapped and keyed by stakeholder, into a topic of our own: for "
             "topics that may not be written to, are keyed by something else, or are several"},
    {.name = "topic",
     .type = CONF_NAME,
     .offset = AT(topic),
     .min = 1,
     .max = TOPIC_MAX,
     .chars = "A0._-",
     .def = "",
     .help = "letters, digits, '.', '_' and '-'"},
    {.name = "partitions",
     .type = CONF_INT,
     .offset = AT(partitions),
     .min = 1,
     .max = 10000,
     .def = N_DEFAULT,
     .help = "of that topic, where it has to be made; they cannot be changed later"},
    {.name = "replication",
     .type = CONF_INT,
     .offset = AT(replication),
     .min = -1,
     .max = 100,
     .def = "-1",
     .help = "copies of it among the brokers; -1: as many as they make by default"},
    {.name = "retention",
     .type = CONF_DURATION,
     .offset = AT(retention_ms),
     .min = HOUR,
     .max = 100000 * DAY,
     .def = RETENTION,
     .help = "how long it keeps records: state can be rebuilt from that far back"},
    CONF_KEY_END,
};

static void check_alone(struct conf_reader *reader, const struct conf_node *section)
{
    for (size_t i = 0; section && section->type == CONF_NODE_MAP && i < section->n; i++) {
        const struct conf_node *name = conf_map_key(section, i);

        if (!str_eq(name->text, STR(REPARTITION)))
            conf_fault_node(reader, name,
                            "%.*s: means nothing without repartition: on; write that too, or "
                            "leave it out",
                            STR_ARG(conf_clip(name->text)));
    }
}

void conf_ingest_check(struct conf_reader *reader, struct conf_private *p)
{
    const struct conf_section *section = conf_section_get(p, SECTION);
    struct conf_ingest *ingest = &p->conf.ingest;

    if (!ingest->replication)
        conf_fault_node(reader, conf_map_get(section->value, "replication"),
                        "replication: must be from 1 to 100, or -1 for the brokers' default, not "
                        "0");
    if (!ingest->repartition)
        check_alone(reader, section->name ? section->value : NULL);
    if (!ingest->topic.len) {
        size_t n = p->conf.deployment.len + sizeof(SUFFIX);
        char *topic = conf_keep(p, mem_alloc(n));

        snprintf(topic, n, "%.*s" SUFFIX, STR_ARG(p->conf.deployment));
        ingest->topic = str_of(topic);
    }
}
