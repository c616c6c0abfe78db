/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a scraper and a probe see. Metrics are read from the rooms' plain counters at the moment of
 * the request: nothing is counted for their sake. Never a stakeholder's id as a label.
 */
#include "app/daemon_impl.h"
#include "app/ingest.h"

#include "base/mem.h"

#include <stdio.h>

#define OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* ---------------------------------------------------------------- writing */

static void family(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_addf(b, "# TYPE engaged_%s %s\n# HELP engaged_%s %s\n", name, type, name, help);
}

static void counter(struct buf *b, const char *name, const char *help, uint64_t v)
{
    family(b, name, "counter", help);
    buf_addf(b, "engaged_%s_total %llu\n", name, (unsigned long long)v);
}

static void gauge(struct buf *b, const char *name, const char *help, double v)
{
    family(b, name, "gauge", help);
    buf_addf(b, "engaged_%s ", name);
    buf_add_double(b, v);
    buf_add_char(b, '\n');
}

typedef uint64_t (*partition_count_fn)(const struct partition *p);

static void per_partition(const struct daemon *d, struct buf *b, const char *name, const char *help,
                          partition_count_fn fn)
{
    family(b, name, "counter", help);
    for (size_t i = 0; i < d->n_partitions; i++) {
        if (d->partitions[i])
            buf_addf(b, "engaged_%s_total{partition=\"%zu\"} %llu\n", name, i,
                     (unsigned long long)fn(d->partitions[i]));
    }
}

/* ---------------------------------------------------------------- what is told */

static uint64_t records_of(const struct partition *p)
{
    return p->n_records;
}

static uint64_t dead_letters_of(const struct partition *p)
{
    return p->n_dead_letters;
}

static uint64_t ticks_of(const struct partition *p)
{
    return p->n_ticks;
}

static uint64_t misplaced_of(const struct partition *p)
{
    return p->n_misplaced;
}

static uint64_t unknown_of(const struct partition *p)
{
    return p->n_unknown_types;
}

static uint64_t unknown_verbs_of(const struct partition *p)
{
    return p->n_unknown_verbs;
}

static uint64_t replayed_of(const struct partition *p)
{
    return p->takeover.n_replayed;
}

static uint64_t loads_of(const struct partition *p)
{
    return p->residency.n_loaded;
}

/* Of all engines together; gauges and the counters since each partition was opened. */
static struct engine_stats engine_totals(const struct daemon *d)
{
    struct engine_stats sum = {0};

    for (size_t i = 0; i < d->n_partitions; i++) {
        struct engine_stats s;

        if (!d->partitions[i] || !d->partitions[i]->engine)
            continue;
        engine_get_stats(d->partitions[i]->engine, &s);
        sum.n_applied += s.n_applied;
        sum.n_duplicates += s.n_duplicates;
        sum.n_late += s.n_late;
        sum.n_fired += s.n_fired;
        sum.n_cleared += s.n_cleared;
        sum.n_eval_errors += s.n_eval_errors;
        sum.n_other_measures += s.n_other_measures;
        sum.n_obligations_refused += s.n_obligations_refused;
        sum.n_profiles += s.n_profiles;
        sum.n_bytes += s.n_bytes;
        sum.n_held += s.n_held;
        sum.n_evicted += s.n_evicted;
        sum.n_escalated += s.n_escalated;
        sum.n_muted += s.n_muted;
        sum.n_forgotten += s.n_forgotten;
        sum.n_retracted += s.n_retracted;
        sum.n_retractions_missed += s.n_retractions_missed;
        sum.n_retractions_ignored += s.n_retractions_ignored;
        sum.n_journals_cut += s.n_journals_cut;
        sum.n_merged += s.n_merged;
        sum.n_erased += s.n_erased;
        for (size_t k = 0; k < N_OBSTACLES; k++)
            sum.n_obstacles[k] += s.n_obstacles[k];
    }
    return sum;
}

static void write_engine(const struct daemon *d, struct buf *b)
{
    struct engine_stats s = engine_totals(d);

    gauge(b, "interactions_applied", "Interactions applied since their partitions were opened.",
          (double)s.n_applied);
    gauge(b, "events_duplicate", "Events known by source and id, likewise.",
          (double)s.n_duplicates);
    gauge(b, "events_late", "Events later than time.lateness allows, likewise.", (double)s.n_late);
    gauge(b, "edges_fired", "Rule edges fired, suppressed ones included, likewise.",
          (double)s.n_fired);
    gauge(b, "edges_cleared", "Rule edges cleared, likewise.", (double)s.n_cleared);
    gauge(b, "expression_errors", "Overflows and divisions by zero in metrics, likewise.",
          (double)s.n_eval_errors);
    gauge(b, "measures_ignored", "Measures of a dimension that is not declared, likewise.",
          (double)s.n_other_measures);
    gauge(b, "obligations_refused", "Obligations beyond the limit of one stakeholder, likewise.",
          (double)s.n_obligations_refused);
    gauge(b, "stakeholders_evicted", "Stakeholders dropped from memory, likewise.",
          (double)s.n_evicted);
    gauge(b, "stakeholders_in_memory", "Stakeholders in memory.", (double)s.n_profiles);
    gauge(b, "working_set_bytes", "Memory that they use.", (double)s.n_bytes);
    gauge(b, "working_set_limit_bytes", "state.memory.", (double)d->conf->memory_bytes);
    gauge(b, "events_held", "Events that wait for the clock (time.lateness).", (double)s.n_held);
    gauge(b, "stakeholders_forgotten", "Stakeholders silent for state.forget_after, likewise.",
          (double)s.n_forgotten);
    gauge(b, "events_retracted", "Events that were retracted, likewise.", (double)s.n_retracted);
    gauge(b, "retractions_missed", "Retractions of events too old or not known, likewise.",
          (double)s.n_retractions_missed);
    gauge(b, "retractions_ignored", "Retractions where retraction.within is 0s, likewise.",
          (double)s.n_retractions_ignored);
    gauge(b, "journals_cut",
          "Times that a stakeholder had too many events for all of retraction.within, likewise.",
          (double)s.n_journals_cut);
    gauge(b, "stakeholders_merged", "Stakeholders that became another one, likewise.",
          (double)s.n_merged);
    gauge(b, "stakeholders_erased", "Stakeholders erased by identity events, likewise.",
          (double)s.n_erased);
    gauge(b, "triggers_escalated", "Triggers emitted again, unacknowledged, likewise.",
          (double)s.n_escalated);
    gauge(b, "edges_muted", "Edges before the end of the backfill, likewise.", (double)s.n_muted);
    family(b, "triggers_held", "gauge", "Triggers held back, by what first did, likewise.");
    for (size_t i = OBSTACLE_NONE + 1; i < N_OBSTACLES; i++)
        buf_addf(b, "engaged_triggers_held{by=\"%s\"} %llu\n", obstacle_name((enum obstacle)i),
                 (unsigned long long)s.n_obstacles[i]);
}

/* Labelled by rule; what became of its triggers is known from outcome events. */
static void write_rules(const struct daemon *d, struct buf *b)
{
    const struct model *m = d->conf->model;
    struct rule_stats *all = mem_calloc(model_n_rules(m) + 1, sizeof(*all));

    for (size_t i = 0; i < d->n_partitions; i++) {
        const struct partition *p = d->partitions[i];

        /* A partition whose log has not come to this configuration yet counts by another. */
        if (!p || !p->engine || engine_model(p->engine) != m)
            continue;
        for (size_t r = 0; r < model_n_rules(m); r++)
            engine_add_rule_stats(p->engine, r, &all[r]);
    }
    family(b, "rule_triggers", "gauge",
           "Triggers by rule and what became of them, since their partitions were opened.");
    for (size_t r = 0; r < model_n_rules(m); r++) {
        const struct {
            const char *became;
            uint64_t n;
        } rows[] = {{"fired", all[r].n_fired},
                    {"acknowledged", all[r].n_acknowledged},
                    {"acted", all[r].n_acted},
                    {"resolved", all[r].n_resolved},
                    {"dismissed", all[r].n_dismissed}};

        for (size_t k = 0; k < ARRAY_SIZE(rows); k++)
            buf_addf(b, "engaged_rule_triggers{rule=\"%.*s\",became=\"%s\"} %llu\n",
                     STR_ARG(model_rule_name(m, r)), rows[k].became, (unsigned long long)rows[k].n);
    }
    family(b, "rule_time_to_act_seconds", "gauge",
           "From fired to acted, resolved or dismissed, summed, likewise.");
    for (size_t r = 0; r < model_n_rules(m); r++)
        buf_addf(b, "engaged_rule_time_to_act_seconds{rule=\"%.*s\"} %.3f\n",
                 STR_ARG(model_rule_name(m, r)), (double)all[r].time_to_act_ms / 1000);
    mem_free(all);
}

static void write_protocol(const struct daemon *d, struct buf *b)
{
    const struct commit_stats *s = &d->commit.stats;

    counter(b, "takeovers", "Partitions opened.", s->n_takeovers);
    counter(b, "takeovers_kept", "Partitions opened with the state that was in memory still.",
            s->n_kept);
    counter(b, "rebuilds", "Partitions rebuilt from the log alone.", s->n_rebuilds);
    counter(b, "replays", "Partitions replayed while owned, since Redis had lost writes.",
            s->n_replays);
    counter(b, "outputs_suppressed", "Outputs not published again in a replay.", s->n_suppressed);
    counter(b, "transactions_committed", "Transactions committed.", s->n_committed);
    counter(b, "transactions_aborted", "Transactions aborted.", s->n_aborted);
    counter(b, "transactions_uncertain", "Transactions whose outcome had to be read.",
            s->n_uncertain);
    counter(b, "transactions_fenced", "Transactions refused by generation or producer.",
            s->n_fenced);
    counter(b, "redis_writes_fenced", "Scripts that found another owner or state.", s->n_stale);
    counter(b, "checkpoints", "Checkpoints written whole.", s->n_checkpoints);
    counter(b, "partition_stops", "Times that a partition stopped until somebody acts.",
            s->n_stopped);
    counter(b, "checkpoints_redone", "Checkpoints of which parts were sent again.", s->n_redone);
    counter(b, "leftovers_aborted", "Transactions of predecessors aborted.", s->n_leftovers);
    gauge(b, "outputs_waiting", "Outputs not yet handed to Kafka.",
          (double)d->commit.outbox.n_waiting);
    gauge(b, "outbox_bytes", "Memory of outputs not yet committed.",
          (double)d->commit.outbox.n_bytes);
}

static void write_lag(const struct daemon *d, struct buf *b)
{
    family(b, "lag_records", "gauge", "Records of the input that are not applied yet.");
    for (size_t i = 0; i < d->n_partitions; i++) {
        const struct commit_partition *c = commit_partition(&d->commit, (int32_t)i);
        int64_t end = c && c->state == COMMIT_RUNNING && c->applied >= 0 && d->source
                          ? outage_log_end(d->partitions[i])
                          : -1;

        if (end >= 0)
            buf_addf(b, "engaged_lag_records{partition=\"%zu\"} %lld\n", i,
                     (long long)(end > c->applied ? end - c->applied : 0));
    }
    family(b, "lag_seconds", "gauge", "Wall clock less the time of the last event applied.");
    for (size_t i = 0; i < d->n_partitions; i++) {
        const struct partition *p = d->partitions[i];

        if (p && p->engine && p->last_event_ms)
            buf_addf(b, "engaged_lag_seconds{partition=\"%zu\"} %.3f\n", i,
                     (double)(daemon_wall_ms() - p->last_event_ms) / 1000);
    }
    family(b, "partition_state", "gauge",
           "1 in the partition's state: acquiring, reading, ready, running, stopped.");
    for (size_t i = 0; i < d->n_partitions; i++) {
        static const char *const names[] = {"unowned", "acquiring", "reading",
                                            "ready",   "running",   "stopped"};
        const struct commit_partition *c = commit_partition(&d->commit, (int32_t)i);

        if (c && c->state != COMMIT_UNOWNED)
            buf_addf(b, "engaged_partition_state{partition=\"%zu\",state=\"%s\"} 1\n", i,
                     names[c->state]);
    }
}

static void write_checkpoints(const struct daemon *d, struct buf *b)
{
    family(b, "checkpoint_age_seconds", "gauge",
           "How long the oldest change that Redis does not have has been waiting.");
    for (size_t i = 0; i < d->n_partitions; i++) {
        const struct commit_partition *c = commit_partition(&d->commit, (int32_t)i);

        if (c && c->state == COMMIT_RUNNING)
            buf_addf(b, "engaged_checkpoint_age_seconds{partition=\"%zu\"} %.3f\n", i,
                     (double)commit_checkpoint_age_ms(c, (int64_t)uv_now(d->loop)) / 1000);
    }
    family(b, "replay_records", "gauge", "Records to be applied again before triggers are live.");
    for (size_t i = 0; i < d->n_partitions; i++) {
        if (d->partitions[i] && d->partitions[i]->engine)
            buf_addf(b, "engaged_replay_records{partition=\"%zu\"} %lld\n", i,
                     (long long)progress_to_go(d->partitions[i]));
    }
    family(b, "takeover_seconds", "gauge",
           "How long the last takeover of the partition took, until triggers were live.");
    for (size_t i = 0; i < d->n_partitions; i++) {
        const struct partition *p = d->partitions[i];

        if (p && p->engine && !p->takeover.is_under_way)
            buf_addf(b, "engaged_takeover_seconds{partition=\"%zu\"} %.3f\n", i,
                     p->takeover.seconds);
    }
}

static void write_adapters(struct daemon *d, struct buf *b)
{
    struct kafka_source_stats in = kafka_source_stats(d->source);
    struct kafka_sink_stats out = kafka_sink_stats(d->sink);
    struct redis_conn_stats redis = redis_conn_stats(d->redis);

    counter(b, "kafka_messages_received", "Records received.", (uint64_t)in.n_messages);
    counter(b, "kafka_rebalances", "Rebalances of the group.", (uint64_t)in.n_rebalances);
    counter(b, "kafka_errors", "Errors that librdkafka told of.", (uint64_t)in.n_errors);
    counter(b, "kafka_records_published", "Triggers and dead letters published.",
            (uint64_t)out.n_records);
    counter(b, "kafka_producers_created", "Producers created, the first included.",
            (uint64_t)out.n_producers);
    gauge(b, "kafka_commit_seconds", "How long the last transaction took.",
          (double)out.commit_us / 1e6);
    gauge(b, "redis_up", "1 while Redis is connected.",
          redis_conn_state(d->redis) == REDIS_STATE_READY);
    counter(b, "redis_commands", "Commands sent.", (uint64_t)redis.n_commands);
    counter(b, "redis_errors", "Commands that Redis refused.", (uint64_t)redis.n_errors);
    counter(b, "redis_unknown", "Commands that were not answered.", (uint64_t)redis.n_unknown);
    counter(b, "redis_connection_failures", "Connections lost or not made.",
            (uint64_t)redis.n_failures);
}

static void write_process(const struct daemon *d, struct buf *b)
{
    uv_rusage_t usage;
    size_t rss = 0;

    family(b, "build", "info", "What is running.");
    buf_addf(b, "engaged_build_info{version=\"%s\"} 1\n", ENGAGED_VERSION);
    family(b, "config", "info", "The configuration of this process.");
    buf_addf(b, "engaged_config_info{hash=\"%s\"} 1\n", d->conf->hash);
    counter(b, "decode_fallbacks", "Records that were decoded by the reference decoder.",
            event_decoder_fallbacks(d->decoder));
    gauge(b, "config_last_reload_successful", "1 if the last load of the configuration was taken.",
          d->is_reload_good);
    gauge(b, "config_last_reload_success_timestamp_seconds", "When the last good one was taken.",
          (double)d->reloaded_ms / 1000);
    gauge(b, "start_time_seconds", "When the process started, since 1970.",
          (double)d->started_ms / 1000);
    if (!uv_resident_set_memory(&rss))
        gauge(b, "resident_memory_bytes", "Memory of the process.", (double)rss);
    if (!uv_getrusage(&usage)) {
        family(b, "cpu_seconds", "counter", "Processor time of the process.");
        buf_addf(b, "engaged_cpu_seconds_total %.3f\n",
                 (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    }
}

/* ---------------------------------------------------------------- routes */

static void on_metrics(void *ctx, const struct http_request *req, struct http_response *res)
{
    struct daemon *d = ctx;
    struct buf *b = &res->body;

    (void)req;
    res->content_type = OPENMETRICS;
    write_process(d, b);
    write_engine(d, b);
    write_rules(d, b);
    write_protocol(d, b);
    per_partition(d, b, "records", "Input records applied.", records_of);
    per_partition(d, b, "dead_letters", "Records that went to the dead letters.", dead_letters_of);
    per_partition(d, b, "ticks", "Ticks appended.", ticks_of);
    per_partition(d, b, "records_misplaced", "Records not in the partition of their key.",
                  misplaced_of);
    per_partition(d, b, "events_unknown_type", "Events of types that are not known.", unknown_of);
    per_partition(d, b, "events_unknown_verb", "Interactions with verbs that are not declared.",
                  unknown_verbs_of);
    per_partition(d, b, "stakeholders_loaded", "Stakeholders loaded from Redis.", loads_of);
    per_partition(d, b, "replayed_records", "Records applied again in takeovers.", replayed_of);
    write_lag(d, b);
    write_checkpoints(d, b);
    if (d->source && d->sink && d->redis)
        write_adapters(d, b);
    if (d->ingest)
        ingest_write_metrics(d->ingest, b);
    buf_add_str(b, STR("# EOF\n"));
}

static void on_healthy(void *ctx, const struct http_request *req, struct http_response *res)
{
    (void)ctx;
    (void)req;
    buf_add_str(&res->body, STR("healthy\n"));
}

static void on_ready(void *ctx, const struct http_request *req, struct http_response *res)
{
    const char *why = "";

    (void)req;
    if (daemon_is_ready(ctx, &why)) {
        buf_add_str(&res->body, STR("ready\n"));
        return;
    }
    res->status = 503;
    buf_addf(&res->body, "not ready: %s\n", why);
}

static void on_reload(void *ctx, const struct http_request *req, struct http_response *res)
{
    (void)req;
    if (daemon_reload(ctx)) {
        buf_add_str(&res->body, STR("reloaded\n"));
        return;
    }
    res->status = 500;
    buf_add_str(&res->body, STR("not reloaded: the log says why\n"));
}

static const struct http_route routes[] = {
    {"GET", "/metrics", on_metrics}, {"GET", "/-/healthy", on_healthy},
    {"GET", "/-/ready", on_ready},   {"GET", "/livez", on_healthy},
    {"GET", "/readyz", on_ready},    {"POST", "/-/reload", on_reload},
};

int web_start(struct daemon *d)
{
    char listen[300];
    bool is_v6 = memchr(d->conf->http_host.ptr, ':', d->conf->http_host.len) != NULL;
    int r;

    snprintf(listen, sizeof(listen), is_v6 ? "[%.*s]:%d" : "%.*s:%d", STR_ARG(d->conf->http_host),
             d->conf->http_port);
    r = http_server_new(d->loop, listen, routes, ARRAY_SIZE(routes), d, &d->http);
    if (r)
        log_error(
            "web", "cannot listen", log_str("listen", listen),
            log_str("why", r < 0 ? uv_strerror(r) : "write http.listen as \"127.0.0.1:9464\""));
    else
        log_info("web", "listening", log_str("listen", listen),
                 log_i64("port", http_server_port(d->http)));
    return r;
}
