/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. Everything that may be missing here is waited for; nothing blocks the loop. */
#include "app/ingest.h"
#include "adapters/kafka_topic.h"
#include "app/copier.h"
#include "app/daemon_impl.h"
#include "base/mem.h"

#define RETRY_MS 3000

struct ingest {
    struct daemon *daemon;
    const char *topic;                 /* borrowed */
    struct kafka_property *properties; /* owned, with their texts */
    size_t n_properties;
    struct kafka_topic *looking; /* NULL: it is not being looked for */
    struct copier *copier;       /* NULL: not yet */
    uv_timer_t retry;
    bool is_drained, is_closing;
    void (*done)(void *ctx);
    void *done_ctx;
};

static bool is_same_events(const struct conf_kafka *a, const struct conf_kafka *b)
{
    if (a->n_events != b->n_events)
        return false;
    for (size_t i = 0; i < a->n_events; i++) {
        if (!str_eq(a->events[i], b->events[i]))
            return false;
    }
    return true;
}

bool ingest_is_same_place(const struct conf *a, const struct conf *b)
{
    return is_same_events(&a->kafka, &b->kafka) && a->ingest.repartition == b->ingest.repartition &&
           str_eq(a->ingest.topic, b->ingest.topic) &&
           a->ingest.partitions == b->ingest.partitions &&
           a->ingest.replication == b->ingest.replication &&
           a->ingest.retention_ms == b->ingest.retention_ms;
}

/* ---- the copier ---- */

static void on_fatal(void *ctx, const char *why)
{
    struct ingest *g = ctx;

    daemon_fail(g->daemon, why);
}

static void on_drained(void *ctx)
{
    struct ingest *g = ctx;

    g->is_drained = true;
    daemon_turn(g->daemon);
}

static void start_copier(struct ingest *g, int32_t n_partitions)
{
    struct daemon *d = g->daemon;
    struct buf detail = BUF_INIT, id = BUF_INIT;
    struct copier_opts opts = {.loop = d->loop,
                               .conf = d->conf,
                               .redis = d->redis,
                               .properties = g->properties,
                               .n_properties = g->n_properties,
                               .topic = g->topic,
                               .n_partitions = n_partitions,
                               .on_fatal = on_fatal,
                               .on_drained = on_drained,
                               .ctx = g};

    buf_addf(&id, "%s-repartition", d->commit.opts.transactional_id);
    opts.transactional_id = id.ptr;
    if (copier_new(&opts, &g->copier, &detail) || daemon_consume(d, &detail))
        daemon_fail(d, detail.len ? detail.ptr : "see the message before");
    buf_deinit(&detail);
    buf_deinit(&id);
}

/* ---- the topic ---- */

static void end(struct ingest *g);
static void look(struct ingest *g);

static void on_retry(uv_timer_t *timer)
{
    look(timer->data);
}

static void on_topic(void *ctx, const struct kafka_topic_result *result)
{
    struct ingest *g = ctx;
    int64_t wanted = g->daemon->conf->ingest.partitions;

    g->looking = NULL;
    if (g->is_closing)
        return end(g);
    if (g->is_drained)
        return;
    if (result->error) {
        log_warn("ingest", "the topic that the input is copied to is not there, and was not made",
                 log_str("topic", g->topic), log_str("why", result->error));
        uv_timer_start(&g->retry, on_retry, RETRY_MS, 0);
        return;
    }
    log_info("ingest", result->is_new ? "topic made" : "topic found", log_str("topic", g->topic),
             log_i64("partitions", result->n_partitions));
    if (result->n_partitions != wanted)
        log_warn("ingest",
                 "the topic has another number of partitions than ingest.partitions; it "
                 "is taken as it is",
                 log_str("topic", g->topic), log_i64("partitions", result->n_partitions),
                 log_i64("configured", wanted));
    start_copier(g, result->n_partitions);
}

static void look(struct ingest *g)
{
    const struct conf_ingest *c = &g->daemon->conf->ingest;
    const struct kafka_topic_opts opts = {.properties = g->properties,
                                          .n_properties = g->n_properties,
                                          .topic = g->topic,
                                          .partitions = (int32_t)c->partitions,
                                          .replication = (int32_t)c->replication,
                                          .retention_ms = c->retention_ms};

    if (!g->is_drained)
        g->looking = kafka_topic_ensure(g->daemon->loop, &opts, on_topic, g);
}

/* ---- life ---- */

struct ingest *ingest_new(struct daemon *d, const char *topic,
                          const struct kafka_property *properties, size_t n_properties)
{
    struct ingest *g = mem_calloc(1, sizeof(*g));

    g->daemon = d;
    g->topic = topic;
    g->properties = mem_calloc(n_properties + 1, sizeof(*g->properties));
    for (size_t i = 0; i < n_properties; i++)
        g->properties[i] =
            (struct kafka_property){mem_strndup(properties[i].key, strlen(properties[i].key)),
                                    mem_strndup(properties[i].value, strlen(properties[i].value))};
    g->n_properties = n_properties;
    uv_timer_init(d->loop, &g->retry);
    g->retry.data = g;
    look(g);
    return g;
}

void ingest_use(struct ingest *g, const struct conf *conf)
{
    if (g->copier)
        copier_use(g->copier, conf);
}

void ingest_drain(struct ingest *g)
{
    if (g->copier) {
        copier_drain(g->copier);
        return;
    }
    g->is_drained = true;
    uv_timer_stop(&g->retry);
}

bool ingest_is_drained(const struct ingest *g)
{
    return g->is_drained;
}

static void on_retry_closed(uv_handle_t *handle)
{
    struct ingest *g = handle->data;
    void (*done)(void *) = g->done;
    void *ctx = g->done_ctx;

    for (size_t i = 0; i < g->n_properties; i++) {
        mem_free((char *)(uintptr_t)g->properties[i].key);
        mem_free((char *)(uintptr_t)g->properties[i].value);
    }
    mem_free(g->properties);
    mem_free(g);
    done(ctx);
}

static void end(struct ingest *g)
{
    uv_close((uv_handle_t *)&g->retry, on_retry_closed);
}

static void on_copier_closed(void *ctx)
{
    struct ingest *g = ctx;

    g->copier = NULL;
    end(g);
}

void ingest_close(struct ingest *g, void (*done)(void *ctx), void *ctx)
{
    g->is_closing = true;
    g->done = done;
    g->done_ctx = ctx;
    if (g->looking)
        kafka_topic_cancel(g->looking);
    else if (g->copier)
        copier_close(g->copier, on_copier_closed, g);
    else
        end(g);
}

/* ---- for others ---- */

bool ingest_is_ready(const struct ingest *g, const char **ret_why)
{
    if (g->copier)
        return copier_is_at_ease(g->copier, ret_why);
    *ret_why = "the topic that the input is copied to is not there yet";
    return false;
}

int64_t ingest_caught_up_ms(struct ingest *g)
{
    if (!g->copier)
        return INT64_MIN;
    copier_ask_caught_up(g->copier);
    return copier_caught_up_ms(g->copier);
}

static void family(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_addf(b, "# TYPE engaged_%s %s\n# HELP engaged_%s %s\n", name, type, name, help);
}

static void counter(struct buf *b, const char *name, const char *help, uint64_t v)
{
    family(b, name, "counter", help);
    buf_addf(b, "engaged_%s_total %llu\n", name, (unsigned long long)v);
}

static void gauge(struct buf *b, const char *name, const char *help, int64_t v)
{
    family(b, name, "gauge", help);
    buf_addf(b, "engaged_%s %lld\n", name, (long long)v);
}

void ingest_write_metrics(struct ingest *g, struct buf *b)
{
    struct copier_stats s = {.n_parts = 0};

    if (g->copier)
        s = copier_stats(g->copier);
    counter(b, "repartition_records", "Records written by the copier, dead letters included.",
            s.protocol.n_records);
    counter(b, "repartition_records_mapped", "Records that a preset mapped.", s.n_mapped);
    counter(b, "repartition_dead_letters", "Records of sources that went to the dead letters.",
            s.n_dead_letters);
    counter(b, "repartition_batches_committed",
            "Batches of copies committed, offsets alone included.", s.protocol.n_committed);
    counter(b, "repartition_batches_failed", "Batches aborted, fenced, refused or of unknown end.",
            s.protocol.n_failed);
    counter(b, "repartition_takeovers", "Assignments of source partitions taken over.",
            s.protocol.n_takeovers);
    counter(b, "repartition_recoveries", "Times that copying went back to the committed offsets.",
            s.protocol.n_recoveries);
    gauge(b, "repartition_partitions", "Source partitions of this process.", (int64_t)s.n_parts);
    gauge(b, "repartition_lag_records", "Records of these that are not copied yet.", s.lag);
}
