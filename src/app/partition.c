/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One input partition. Records are applied strictly in log order: state and triggers are a pure
 * function of the log. A record that needs what is not in memory waits, and all behind it wait with
 * it; what they will need is asked for as they come, so that waiting is shared, not added up.
 */
#include "app/daemon_impl.h"
#include "app/origin.h"
#include "base/kill_point.h"
#include "base/mem.h"
#include "base/parse.h"
#include "codec/dead_letter.h"
#include "codec/event_encode.h"
#include "codec/trigger_json.h"

#define PARKED_MAX       10000
#define PARKED_BYTES_MAX (32 * 1024 * 1024) /* or a quarter of the share, if that is less */
#define AHEAD_LEAST      8
#define AHEAD_MOST       1000
#define AHEAD_BYTES      1024 /* of a stakeholder, where nobody is known yet */

struct parked_header {
    char *name; /* NULL ends the list; owned */
    struct str value;
};

/* A copy of a record that has to wait. */
struct parked {
    struct list node;
    struct record record; /* its texts are in `bytes` */
    size_t n_bytes;
    struct parked_header *headers; /* owned */
    struct buf bytes;
};

struct partition *partition_new(struct daemon *d, int32_t id)
{
    struct partition *p = mem_calloc(1, sizeof(*p));

    p->daemon = d;
    p->id = id;
    p->place = (struct script_place){str_of(d->redis_prefix), str_of(daemon_topic(d)), id};
    p->conf = d->conf;
    p->end_offset = p->log_end = p->log_high = -1;
    p->config_offset = COMMIT_NONE;
    list_init(&p->parked);
    residency_init(&p->residency);
    return p;
}

/* ---------------------------------------------------------------- records that wait */

static bool parked_header_at(const void *headers, size_t i, const char **ret_name,
                             struct str *ret_value)
{
    const struct parked_header *h = headers;

    if (!h || !h[i].name)
        return false;
    *ret_name = h[i].name;
    *ret_value = h[i].value;
    return true;
}

static struct str keep(struct buf *bytes, struct str s)
{
    size_t at = bytes->len;

    if (!s.ptr)
        return STR_NULL;
    buf_add_str(bytes, s);
    return (struct str){(const char *)(uintptr_t)at, s.len}; /* an offset until all is there */
}

static struct str resolved(const struct buf *bytes, struct str s, bool is_there)
{
    return is_there ? (struct str){bytes->ptr + (uintptr_t)s.ptr, s.len} : STR_NULL;
}

static void copy_headers(struct parked *k, const struct record *r)
{
    size_t n = 0;
    const char *name;
    struct str value;

    while (r->header_at && r->header_at(r->headers, n, &name, &value))
        n++;
    k->headers = mem_calloc(n + 1, sizeof(*k->headers));
    for (size_t i = 0; i < n; i++) {
        (void)r->header_at(r->headers, i, &name, &value);
        k->headers[i].name = mem_strndup(name, strlen(name));
        if (value.ptr)
            k->headers[i].value = (struct str){mem_strndup(value.ptr, value.len), value.len};
        k->n_bytes += strlen(name) + value.len + 64;
    }
}

static struct parked *parked_new(const struct record *r)
{
    struct parked *k = mem_calloc(1, sizeof(*k));

    k->record = *r;
    k->record.key = keep(&k->bytes, r->key);
    k->record.value = keep(&k->bytes, r->value);
    buf_add_char(&k->bytes, '\0');
    k->record.key = resolved(&k->bytes, k->record.key, r->key.ptr != NULL);
    k->record.value = resolved(&k->bytes, k->record.value, r->value.ptr != NULL);
    copy_headers(k, r);
    k->record.header_at = parked_header_at;
    k->record.headers = k->headers;
    k->n_bytes += sizeof(*k) + k->bytes.cap;
    return k;
}

static void unpark(struct partition *p, struct parked *k)
{
    list_unlink(&k->node);
    p->n_parked--;
    p->parked_bytes -= k->n_bytes;
    for (struct parked_header *h = k->headers; h->name; h++) {
        mem_free(h->name);
        mem_free((void *)(uintptr_t)h->value.ptr);
    }
    mem_free(k->headers);
    buf_deinit(&k->bytes);
    mem_free(k);
}

static void drop_parked(struct partition *p)
{
    while (!list_is_empty(&p->parked))
        unpark(p, CONTAINER_OF(list_first(&p->parked), struct parked, node));
}

static uint64_t parked_bytes_max(const struct partition *p)
{
    uint64_t quarter = p->share_bytes / 4;

    return quarter && quarter < PARKED_BYTES_MAX ? quarter : PARKED_BYTES_MAX;
}

static void park(struct partition *p, const struct record *r)
{
    struct parked *k = parked_new(r);

    list_append(&p->parked, &k->node);
    p->n_parked++;
    p->parked_bytes += k->n_bytes;
    if (p->n_parked >= PARKED_MAX || p->parked_bytes >= parked_bytes_max(p))
        partition_pause(p, PAUSED_BY_PARKED);
}

/* ---------------------------------------------------------------- pause */

void partition_pause(struct partition *p, unsigned reason)
{
    if (!p->paused)
        kafka_source_pause(p->daemon->source, daemon_topic(p->daemon), p->id);
    p->paused |= reason;
}

void partition_resume(struct partition *p, unsigned reason)
{
    unsigned before = p->paused;

    p->paused &= ~reason;
    if (before && !p->paused)
        kafka_source_resume(p->daemon->source, daemon_topic(p->daemon), p->id);
}

/* ---------------------------------------------------------------- outputs */

static void put_out(struct partition *p, const struct outbox_record *record)
{
    if (!commit_wants(&p->daemon->commit, p->id)) {
        kill_point("output_suppressed");
        return;
    }
    commit_output(&p->daemon->commit, p->id, record);
    kill_point("output_buffered");
}

static void on_trigger(void *ctx, const struct trigger *trigger)
{
    static const struct outbox_header content_type = {
        {"content-type", 12}, {EVENT_CONTENT_TYPE, sizeof(EVENT_CONTENT_TYPE) - 1}};
    struct partition *p = ctx;
    struct buf *b = &p->daemon->scratch;

    buf_reset(b);
    trigger_json_write(b, trigger);
    put_out(p, &(struct outbox_record){.kind = OUTBOX_TRIGGER,
                                       .key = trigger->stakeholder,
                                       .value = buf_str(b),
                                       .headers = &content_type,
                                       .n_headers = 1});
}

static void log_refusal(struct partition *p, const struct record *r,
                        const struct event_refusal *refusal)
{
    int64_t left_out;

    if (log_limit_pass(&p->daemon->dead_letter_limit, 10, daemon_wall_ms(), &left_out))
        log_warn("partition", "a record went to the dead letters", log_str("code", refusal->code),
                 log_str("why", refusal->text), log_i64("partition", p->id),
                 log_i64("offset", r->offset), log_i64("not_logged", left_out));
}

/* Where the record was found; of a copy, where its original is. */
static struct origin place_of(const struct partition *p, const struct record *r)
{
    struct origin origin = {p->place.topic, p->id, r->offset, r->timestamp_ms};

    if (p->daemon->ingest)
        (void)!origin_read(r->header_at, r->headers, &origin);
    return origin;
}

/* The record as it came, and why it was refused. */
static void bury(struct partition *p, const struct record *r, const struct event_refusal *refusal)
{
    struct origin place = place_of(p, r);
    struct dead_letter letter;
    struct outbox_header *headers;
    size_t n = 0, n_own = 0;
    const char *name;
    struct str value;

    while (r->header_at && r->header_at(r->headers, n_own, &name, &value))
        n_own++;
    headers = mem_calloc(n_own + DEAD_LETTER_N_HEADERS, sizeof(*headers));
    for (size_t i = 0; i < n_own; i++) {
        (void)r->header_at(r->headers, i, &name, &value);
        if (!p->daemon->ingest || !origin_is_header(name))
            headers[n++] = (struct outbox_header){str_of(name), value};
    }
    dead_letter_init(&letter, place.topic, place.partition, place.offset, refusal);
    for (size_t i = 0; i < DEAD_LETTER_N_HEADERS; i++)
        headers[n++] =
            (struct outbox_header){str_of(letter.headers[i].name), letter.headers[i].value};
    put_out(p, &(struct outbox_record){.kind = OUTBOX_DEAD_LETTER,
                                       .key = r->has_key ? r->key : STR_NULL,
                                       .value = r->has_value ? r->value : STR_NULL,
                                       .timestamp_ms = r->timestamp_ms > 0 ? r->timestamp_ms : 0,
                                       .headers = headers,
                                       .n_headers = n});
    mem_free(headers);
    p->n_dead_letters++;
    log_refusal(p, r, refusal);
}

/* ---------------------------------------------------------------- a record is applied */

/* A time beyond this is not believed. */
static bool is_too_far(const struct partition *p, const struct record *r, int64_t time_ms)
{
    return r->timestamp_ms > 0 && time_ms > r->timestamp_ms + p->conf->future_limit_ms;
}

/* It counts with the shipped weight and expects no reply, which is perhaps not what is meant. */
static void note_verb(struct partition *p, const struct event *event)
{
    int64_t left_out;

    if (model_knows_verb(p->conf->model, event->verb))
        return;
    p->n_unknown_verbs++;
    if (log_limit_pass(&p->daemon->verb_limit, 3, daemon_wall_ms(), &left_out))
        log_info("partition", "an interaction has a verb that the configuration does not declare",
                 log_view("verb", event->verb), log_i64("partition", p->id),
                 log_i64("offset", event->offset), log_i64("not_logged", left_out));
}

static void note_unknown(struct partition *p, const struct event *event)
{
    int64_t left_out;

    if (event->type == EVENT_INTERACTION)
        note_verb(p, event);
    if (event->type != EVENT_OTHER)
        return;
    p->n_unknown_types++;
    if (log_limit_pass(&p->daemon->unknown_limit, 10, daemon_wall_ms(), &left_out))
        log_info("partition", "an event of a type that is not known was passed over",
                 log_view("type", event->type_name), log_i64("partition", p->id),
                 log_i64("offset", event->offset), log_i64("not_logged", left_out));
}

/* A producer with another partitioner than murmur2 splits a stakeholder over two partitions. */
static void note_place(struct partition *p, const struct record *r)
{
    int32_t right = r->has_key ? concerned_place(p, r->key) : -1;
    int64_t left_out;

    if (right < 0 || right == p->id)
        return;
    p->n_misplaced++;
    if (log_limit_pass(&p->daemon->misplaced_limit, 3, daemon_wall_ms(), &left_out))
        log_warn("partition",
                 "a record is not in the partition of its key: set partitioner=murmur2_random in "
                 "the producer",
                 log_i64("partition", p->id), log_i64("murmur2_partition", right),
                 log_i64("offset", r->offset), log_i64("not_logged", left_out));
}

static void set_conf(struct partition *p, struct conf *conf)
{
    p->conf = conf;
    daemon_sweep_confs(p->daemon);
}

/* A control record: its rules are in force from here on. */
static void reconfigure(struct partition *p, const struct record *r, const struct event *event)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL, *old = p->conf;
    struct event_refusal refusal;

    p->config_offset = r->offset;
    if (str_eq(event->text, old->text))
        return; /* a repeat */
    if (conf_parse(event->text, "configuration record", &conf, &faults)) {
        refusal_set(&refusal, REFUSAL_STAGE_APPLY, "configuration.invalid",
                    "The configuration has faults; the first is in line %d: %.150s",
                    faults.n ? faults.items[0].line : 0, faults.n ? faults.items[0].text : "");
        bury(p, r, &refusal);
        conf_faults_deinit(&faults);
        return;
    }
    if (strcmp(conf->hash, p->daemon->conf->hash) == 0) {
        conf_free(conf);
        conf = p->daemon->conf;
    } else {
        conf = daemon_keep_conf(p->daemon, conf);
    }
    if (strcmp(conf->hash, old->hash) != 0)
        log_info("partition", "a configuration record takes effect", log_i64("partition", p->id),
                 log_i64("offset", r->offset), log_str("hash", conf->hash));
    engine_reconfigure(p->engine, conf->model);
    set_conf(p, conf);
    residency_need_not_all(p);
    kill_point("configuration_applied");
}

static void apply_event(struct partition *p, const struct record *r, const struct event *event)
{
    struct event_refusal refusal;
    int outcome;

    if (is_too_far(p, r, event->time_ms)) {
        refusal_set(&refusal, REFUSAL_STAGE_APPLY, "time.future",
                    "The event's time is later than the record's timestamp by more than "
                    "time.future_limit; send the time at which it happened.");
        bury(p, r, &refusal);
        return;
    }
    if (concerned_is_elsewhere(p, event, &refusal)) {
        bury(p, r, &refusal);
        engine_tick(p->engine, event->time_ms, r->offset);
        return;
    }
    note_unknown(p, event);
    if (event->type == EVENT_INTERACTION)
        note_place(p, r);
    outcome = engine_apply(p->engine, event);
    ENSURE(outcome != ENGINE_E_ABSENT);
    if (event->type == EVENT_CONFIGURATION)
        reconfigure(p, r, event);
    else
        p->last_event_ms = event->time_ms;
}

static void apply_refused(struct partition *p, const struct record *r, const struct event *event,
                          const struct event_refusal *refusal)
{
    bury(p, r, refusal);
    if (refusal->has_time && !is_too_far(p, r, event->time_ms))
        engine_tick(p->engine, event->time_ms, r->offset);
}

/* New rules may concern everybody at once: what they decide must not depend on who is in memory. */
static bool is_ready_to_change(struct partition *p, const struct event *event)
{
    if (str_eq(event->text, p->conf->text))
        return true;
    return !p->cut.is_active && residency_has_all(p);
}

/* Whether all is at hand that the record will change. If not, what is stays until the rest comes.
 */
static bool is_at_hand(struct partition *p, const struct event *event)
{
    bool has = concerned_are_at_hand(p, event);

    if (event->type == EVENT_CONFIGURATION)
        return is_ready_to_change(p, event);
    has &= residency_reaches(p, event->time_ms - p->conf->lateness_ms);
    if (!has)
        concerned_are_spared(p, event);
    return has;
}

/* A refused one may still move the clock; one whose time is not believed changes nothing, and must
 * not have the horizon moved to where it claims to be. */
static bool can_apply(struct partition *p, const struct record *r, const struct event *event,
                      const struct event_refusal *refusal)
{
    if (refusal && !refusal->has_time)
        return true;
    if (is_too_far(p, r, event->time_ms))
        return true;
    if (refusal)
        return residency_reaches(p, event->time_ms - p->conf->lateness_ms);
    return is_at_hand(p, event);
}

/* False: it has to wait. */
static bool try_apply(struct partition *p, const struct record *r)
{
    const struct event_input input = {.value = r->value,
                                      .header_at = r->header_at,
                                      .headers = r->headers,
                                      .key = r->key,
                                      .has_key = r->has_key,
                                      .must_match_key = true,
                                      .timestamp_ms = r->timestamp_ms,
                                      .offset = r->offset,
                                      .presets = daemon_presets(p->daemon, p->conf)};
    struct event event = {0};
    struct event_refusal refusal = {.has_time = false};
    bool is_refused = event_decode(p->daemon->decoder, &input, &event, &refusal) != 0;

    if (!can_apply(p, r, &event, is_refused ? &refusal : NULL))
        return false;
    if (!commit_begin(&p->daemon->commit, p->id, r->offset))
        return true;
    p->n_records++;
    progress_record(p, r->timestamp_ms);
    if (is_refused)
        apply_refused(p, r, &event, &refusal);
    else
        apply_event(p, r, &event);
    engine_spare(p->engine, NULL, 0);
    commit_applied(&p->daemon->commit, p->id);
    kill_point("record_applied");
    return true;
}

/* How many of those that wait are asked for at a time: they share a round trip, and must not push
 * each other out of memory before their turn. */
static size_t ahead(const struct partition *p)
{
    struct engine_stats s;
    uint64_t each, n;

    engine_get_stats(p->engine, &s);
    each = s.n_profiles ? s.n_bytes / s.n_profiles + 1 : AHEAD_BYTES;
    n = p->share_bytes / 2 / each;
    return n < AHEAD_LEAST ? AHEAD_LEAST : n > AHEAD_MOST ? AHEAD_MOST : (size_t)n;
}

/* Asks for its stakeholders now; whether they are there is decided at its turn. */
static void ask(struct partition *p, const struct record *r)
{
    struct event event = {0};
    struct event_refusal refusal;
    const struct event_input input = {.value = r->value,
                                      .header_at = r->header_at,
                                      .headers = r->headers,
                                      .timestamp_ms = r->timestamp_ms,
                                      .offset = r->offset,
                                      .presets = p->conf->presets};

    if (!event_decode(p->daemon->decoder, &input, &event, &refusal))
        (void)concerned_are_at_hand(p, &event);
}

/* From the furthest to the next one: who is needed first is the first to be loaded, and the last to
 * go. */
static void ask_ahead(struct partition *p)
{
    const struct list *it = &p->parked;

    for (size_t n = ahead(p); n && it->next != &p->parked; n--)
        it = it->next;
    for (; it != &p->parked; it = it->prev)
        ask(p, &CONTAINER_OF(it, struct parked, node)->record);
}

void partition_pump(struct partition *p)
{
    p->wants_pump = false;
    while (p->engine && !list_is_empty(&p->parked)) {
        struct parked *k = CONTAINER_OF(list_first(&p->parked), struct parked, node);

        if (!try_apply(p, &k->record)) {
            ask_ahead(p);
            break;
        }
        unpark(p, k);
    }
    if (p->engine && !p->n_parked && p->end_offset >= 0)
        commit_skipped(&p->daemon->commit, p->id, p->end_offset);
    if (p->n_parked <= PARKED_MAX / 2 && p->parked_bytes <= parked_bytes_max(p) / 2)
        partition_resume(p, PAUSED_BY_PARKED);
}

static bool message_header_at(const void *headers, size_t i, const char **ret_name,
                              struct str *ret_value)
{
    return kafka_message_header_at(headers, i, ret_name, ret_value);
}

void partition_take(struct partition *p, const struct kafka_message *m)
{
    struct record r = {.offset = m->offset,
                       .timestamp_ms = m->timestamp_ms,
                       .is_append_time = m->is_append_time,
                       .has_key = m->has_key,
                       .has_value = m->has_value,
                       .key = m->key,
                       .value = m->value,
                       .header_at = message_header_at,
                       .headers = m};

    if (p->beginning.is_sought) {
        beginning_take(p, &r); /* it comes once more, in its turn */
        return;
    }
    if (!p->engine)
        return;
    r.timestamp_ms = place_of(p, &r).timestamp_ms;
    p->end_offset = -1;
    p->is_append_time = m->is_append_time;
    if (list_is_empty(&p->parked) && try_apply(p, &r))
        return;
    park(p, &r);
    if (p->n_parked <= ahead(p))
        ask(p, &r);
}

/* ---------------------------------------------------------------- life */

/* The configuration that was in force at the stored offset; ours where there is none. */
static struct conf *conf_of(struct partition *p)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL;

    if (!p->config_text.len || strcmp(p->config_hash, p->daemon->conf->hash) == 0)
        return p->daemon->conf;
    if (conf_parse(buf_str(&p->config_text), "stored configuration", &conf, &faults)) {
        log_warn("partition", "the stored configuration cannot be read any more; ours is used",
                 log_i64("partition", p->id), log_str("fault", faults.items[0].text));
        conf_faults_deinit(&faults);
        return p->daemon->conf;
    }
    return daemon_keep_conf(p->daemon, conf);
}

static void take_up(struct partition *p)
{
    ENSURE(p->left && !p->engine);
    p->engine = p->left;
    p->left = NULL;
}

void partition_open(struct partition *p, const struct commit_action *action)
{
    bool is_empty = commit_partition(&p->daemon->commit, p->id)->stored == COMMIT_NONE;

    if (action->is_as_left)
        take_up(p);
    else
        partition_drop(p);
    p->beginning.action = *action;
    if (is_empty)
        beginning_seek(p, action);
    else
        partition_begin(p, p->engine ? p->conf : conf_of(p));
}

static struct engine *new_engine(struct partition *p, int64_t stored)
{
    bool is_empty = stored == COMMIT_NONE; /* then nobody's state is elsewhere */
    const struct engine_opts opts = {.topic = p->place.topic,
                                     .partition = p->id,
                                     .is_complete = is_empty,
                                     .on_trigger = on_trigger,
                                     .ctx = p};
    struct engine *e = engine_new(p->conf->model, &opts);

    if (is_empty)
        return e;
    if (p->has_clock)
        engine_set_clock(e, p->clock_ms);
    engine_set_offset(e, stored - 1);
    if (engine_life_restore(e, buf_str(&p->source_life)))
        log_warn("partition", "life_unreadable", log_i64("partition", p->id));
    return e;
}

void partition_begin(struct partition *p, struct conf *conf)
{
    int64_t stored = commit_partition(&p->daemon->commit, p->id)->stored;
    bool is_empty = stored == COMMIT_NONE;

    set_conf(p, conf);
    memcpy(p->stored_hash, p->config_hash, sizeof(p->stored_hash));
    if (is_empty)
        p->stored_hash[0] = '\0';
    if (!p->engine) {
        p->engine = new_engine(p, stored);
        /* Where nothing is stored the log is to say what is in force: see beginning.c. */
        p->config_offset = is_empty ? COMMIT_NONE : p->stored_config_offset;
    }
    p->wants_configuration = p->config_offset < p->log_begin;
    p->is_conf_compared = false;
    p->opened_ms = (int64_t)uv_now(p->daemon->loop);
    progress_open(p, &p->beginning.action, is_empty);
    kill_point("partition_opened");
}

/* Records that wait and answers to come are void: they are read and asked for again. */
static void interrupt(struct partition *p)
{
    p->life++;
    drop_parked(p);
    residency_reset(&p->residency);
    p->beginning.is_sought = false;
    p->end_offset = p->log_end = -1;
    partition_resume(p, PAUSED_BY_PARKED | PAUSED_BY_MEMORY);
}

void partition_keep(struct partition *p)
{
    ENSURE(p->engine && !p->left);
    interrupt(p);
    p->left = p->engine;
    p->engine = NULL;
}

void partition_forget(struct partition *p)
{
    if (!p->left)
        return;
    store_reset(p);
    p->left = engine_free(p->left);
}

void partition_drop(struct partition *p)
{
    interrupt(p);
    store_reset(p);
    p->engine = engine_free(p->engine);
    p->left = engine_free(p->left);
}

void partition_free(struct partition *p)
{
    drop_parked(p);
    store_reset(p);
    residency_reset(&p->residency);
    engine_free(p->engine);
    engine_free(p->left);
    buf_deinit(&p->config_text);
    buf_deinit(&p->source_life);
    mem_free(p);
}
