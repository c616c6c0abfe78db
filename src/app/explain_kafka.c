/* SPDX-License-Identifier: Apache-2.0 */
/* Where the trigger and its history are where the daemon left them: in Kafka. */
#include "app/explain_impl.h"

#include "adapters/kafka_read.h"
#include "app/history.h"
#include "app/origin.h"
#include "app/properties.h"
#include "base/mem.h"
#include "conf/conf.h"

/* The operator's properties and the group, which is named and never joined. */
static int read_topic(const struct conf *conf, const char *topic, int32_t partition,
                      kafka_read_fn fn, void *ctx, struct buf *error)
{
    size_t n;
    struct kafka_property *list = properties_new(conf, &n);
    const struct kafka_read_opts opts = {
        .properties = list, .n_properties = n, .topic = topic, .partition = partition};
    int r = kafka_read(&opts, fn, ctx, error);

    properties_free(list, n);
    return r ? -1 : 0;
}

/* ---- the trigger ---- */

struct search {
    const char *id;
    json_t *found; /* owned */
};

static bool look_at(void *ctx, const struct kafka_message *m)
{
    struct search *search = ctx;

    search->found = explain_parse(m->value, search->id);
    return !search->found;
}

int explain_load_kafka(const struct conf *conf, const char *id, json_t **ret_trigger,
                       struct buf *error)
{
    char *topic = mem_strndup(conf->kafka.triggers.ptr, conf->kafka.triggers.len);
    struct search search = {.id = id};
    int r = read_topic(conf, topic, -1, look_at, &search, error);

    if (!r && !search.found) {
        buf_addf(error, "there is no file %s, and no trigger of that id in the topic %s", id,
                 topic);
        r = -1;
    }
    mem_free(topic);
    *ret_trigger = search.found;
    return r;
}

/* ---- its history ---- */

struct rerun {
    struct explanation *x;
    struct history *history;
    bool is_copy; /* of source topics: when an event came is said beside it */
    int failed;   /* negative errno */
};

static bool header_at(const void *headers, size_t i, const char **ret_name, struct str *ret_value)
{
    return kafka_message_header_at(headers, i, ret_name, ret_value);
}

static bool take(void *ctx, const struct kafka_message *m)
{
    struct rerun *rerun = ctx;
    struct event_input input = {.value = m->value,
                                .header_at = header_at,
                                .headers = m,
                                .key = m->key,
                                .has_key = m->has_key,
                                .must_match_key = true,
                                .timestamp_ms = m->timestamp_ms,
                                .offset = m->offset};
    struct origin origin;

    if (rerun->is_copy && origin_read(header_at, m, &origin))
        input.timestamp_ms = origin.timestamp_ms;
    if (rerun->x->begin_offset < 0)
        rerun->x->begin_offset = m->offset;
    rerun->failed = history_take(rerun->history, &input, m->topic, (uint64_t)m->offset);
    return !rerun->failed && !history_is_over(rerun->history);
}

int explain_place(const struct explanation *x, const char **ret_topic, int32_t *ret_partition)
{
    const json_t *cause = json_object_get(json_object_get(x->told, "data"), "cause");
    const json_t *partition = json_object_get(cause, "partition");

    *ret_topic = explain_text(cause, "topic");
    *ret_partition = (int32_t)json_integer_value(partition);
    return **ret_topic && json_is_integer(partition) && json_integer_value(partition) >= 0 &&
                   json_integer_value(partition) <= INT32_MAX
               ? 0
               : -1;
}

int explain_read_kafka(const struct conf *conf, struct explanation *x, struct history *h,
                       struct buf *error)
{
    struct rerun rerun = {.x = x, .history = h, .is_copy = conf->ingest.repartition};
    const char *topic;
    int32_t partition;

    if (explain_place(x, &topic, &partition)) {
        buf_add_str(error, STR("the trigger does not say where its cause is in Kafka: name the "
                               "files of the events"));
        return -1;
    }
    if (read_topic(conf, topic, partition, take, &rerun, error))
        return -1;
    if (rerun.failed)
        buf_addf(error, "reading %s: %s", topic, strerror(-rerun.failed));
    return rerun.failed ? -1 : 0;
}
