/* SPDX-License-Identifier: Apache-2.0 */
/* The sections of the file, a row per key. config/engaged.yaml shows every one of them. */
#include "conf/conf_private.h"

#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define KIB    1024LL
#define MIB    (1024 * KIB)
#define TIB    (1024 * 1024 * MIB)

#define AT(field) offsetof(struct conf_private, field)

static const char *const deliveries[] = {"exactly-once", "at-least-once", NULL};
static const char *const answers[] = {"both", "conversation", "stakeholder", "reply", NULL};
static const char *const automatics[] = {"acknowledges", "answers", NULL};
static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const formats[] = {"logfmt", "json", NULL};

static const struct conf_key keys_checkpoint[] = {
    {.name = "interval",
     .type = CONF_DURATION,
     .offset = AT(conf.checkpoint_interval_ms),
     .min = 100,
     .max = HOUR,
     .def = "1s",
     .help = "how far Redis may lag behind what has been published"},
    CONF_KEY_END,
};

static const struct conf_key keys_time[] = {
    {.name = "lateness",
     .type = CONF_DURATION,
     .offset = AT(conf.lateness_ms),
     .max = 30 * DAY,
     .def = "0s",
     .help = "the clock runs that much behind, and events are put in order within it",
     .is_rule = true},
    {.name = "idle_after",
     .type = CONF_DURATION,
     .offset = AT(conf.idle_after_ms),
     .min = SECOND,
     .max = DAY,
     .def = "30s",
     .help = "an input that is silent that long, with a timer due, gets a tick"},
    {.name = "future_limit",
     .type = CONF_DURATION,
     .offset = AT(conf.future_limit_ms),
     .max = 100000 * DAY,
     .def = "5m",
     .help = "an event that claims to be later than its record by more is dead-lettered",
     .is_rule = true},
    {.name = "ticks",
     .type = CONF_BOOL,
     .offset = AT(conf.ticks),
     .def = "on",
     .help = "off for history: then time passes by events alone"},
    {.name = "backfill_until",
     .type = CONF_INSTANT,
     .offset = AT(conf.spec.backfill_until_ms),
     .help = "what happened before moves state, and fires nothing",
     .is_rule = true},
    CONF_KEY_END,
};

static const struct conf_key keys_state[] = {
    {.name = "memory",
     .type = CONF_SIZE,
     .offset = AT(conf.memory_bytes),
     .min = MIB,
     .max = 64 * TIB,
     .def = "2GiB",
     .help = "budget of the stakeholders in memory; the others are in Redis only"},
    {.name = "forget_after",
     .type = CONF_DURATION,
     .offset = AT(conf.forget_after_ms),
     .min = HOUR,
     .max = 100000 * DAY,
     .def = "400d",
     .help = "a stakeholder silent for that long is forgotten; longer by default where a metric "
             "remembers longer",
     .is_rule = true},
    CONF_KEY_END,
};

static const struct conf_key keys_reciprocity[] = {
    {.name = "answered_by",
     .type = CONF_CHOICE,
     .offset = AT(conf.spec.answered_by),
     .choices = answers,
     .def = "both",
     .help = "what counts as an answer",
     .is_rule = true},
    {.name = "automatic",
     .type = CONF_CHOICE,
     .offset = AT(automatic),
     .choices = automatics,
     .def = "acknowledges",
     .help = "whether a bot's reply stops the clock",
     .is_rule = true},
    CONF_KEY_END,
};

static const struct conf_key keys_dedup[] = {
    {.name = "events",
     .type = CONF_INT,
     .offset = AT(dedup_events),
     .min = 1,
     .max = MODEL_DEDUP_MAX,
     .def = "64",
     .help = "so many latest events of a stakeholder are known again by source and id",
     .is_rule = true},
    {.name = "horizon",
     .type = CONF_DURATION,
     .offset = AT(conf.spec.dedup_horizon_ms),
     .max = 30 * DAY,
     .def = "1h",
     .help = "and all that are younger than this, plus the lateness",
     .is_rule = true},
    CONF_KEY_END,
};

static const struct conf_key keys_evidence[] = {
    {.name = "events",
     .type = CONF_INT,
     .offset = AT(evidence_events),
     .max = MODEL_EVIDENCE_MAX,
     .def = "3",
     .help = "so many of a stakeholder's latest events are named behind the values of a trigger; "
             "0: none",
     .is_rule = true},
    CONF_KEY_END,
};

static const struct conf_key keys_retraction[] = {
    {.name = "within",
     .type = CONF_DURATION,
     .offset = AT(conf.spec.retraction_ms),
     .max = 400 * DAY,
     .def = "0s",
     .help = "so long after it came an event can be retracted; 0s: not at all",
     .is_rule = true},
    CONF_KEY_END,
};

static const struct conf_key keys_flood[] = {
    {.name = "triggers",
     .type = CONF_INT,
     .offset = AT(flood_triggers),
     .max = 1000000000,
     .def = "10000",
     .help = "a rule fires at most that often within a period, per input partition; 0: no limit",
     .is_rule = true},
    {.name = "per",
     .type = CONF_DURATION,
     .offset = AT(conf.spec.flood_per_ms),
     .min = SECOND,
     .max = 30 * DAY,
     .def = "1m",
     .help = "the period, of event time; what is beyond is held until the next one",
     .is_rule = true},
    CONF_KEY_END,
};

static const struct conf_key keys_log[] = {
    {.name = "level",
     .type = CONF_CHOICE,
     .offset = AT(conf.log_level),
     .choices = levels,
     .def = "info",
     .help = "the least that is written"},
    {.name = "format",
     .type = CONF_CHOICE,
     .offset = AT(conf.log_format),
     .choices = formats,
     .def = "logfmt",
     .help = "one line per event"},
    CONF_KEY_END,
};

static const struct conf_key keys_limits[] = {
    {.name = "event_bytes",
     .type = CONF_SIZE,
     .offset = AT(conf.event_max_bytes),
     .min = KIB,
     .max = 64 * MIB,
     .def = "1MiB",
     .help = "a larger event is dead-lettered",
     .is_rule = true},
    {.name = "event_depth",
     .type = CONF_INT,
     .offset = AT(conf.event_max_depth),
     .min = 4,
     .max = 512,
     .def = "64",
     .help = "an event nested deeper is dead-lettered",
     .is_rule = true},
    CONF_KEY_END,
};

/* Read by the loader, before any section. */
static void read_include(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    (void)reader;
    (void)node;
    (void)base;
}

#define LATER(key)                                                                                 \
    {                                                                                              \
        .name = key, .type = CONF_LATER                                                            \
    }

const struct conf_key conf_keys_root[] = {
    {.name = "include",
     .type = CONF_CUSTOM,
     .read = read_include,
     .help = "files whose sections hold where this one gives none; relative to this file"},
    {.name = "deployment",
     .type = CONF_NAME,
     .offset = AT(conf.deployment),
     .min = 1,
     .max = 64,
     .chars = "a0-",
     .def = "engaged",
     .help = "lower-case letters, digits and '-'",
     .is_rule = true},
    {.name = "organisation",
     .type = CONF_TEXT,
     .offset = AT(conf.organisation),
     .min = 1,
     .max = 256,
     .def = "the organisation",
     .help = "your name, in sentences for people",
     .is_rule = true},
    {.name = "kafka", .type = CONF_MAP, .keys = conf_keys_kafka, .help = "input and output"},
    {.name = "redis", .type = CONF_MAP, .keys = conf_keys_redis, .help = "where state is kept"},
    {.name = "delivery",
     .type = CONF_CHOICE,
     .offset = AT(conf.delivery),
     .choices = deliveries,
     .def = "exactly-once",
     .help = "at-least-once: triggers leave at once, and may be repeated after a crash"},
    {.name = "checkpoint", .type = CONF_MAP, .keys = keys_checkpoint, .help = "writes to Redis"},
    {.name = "time", .type = CONF_MAP, .keys = keys_time, .help = "the clock of an input"},
    {.name = "state", .type = CONF_MAP, .keys = keys_state, .help = "budget and memory"},
    {.name = "limits", .type = CONF_MAP, .keys = keys_limits, .help = "of one event"},
    {.name = "verbs",
     .type = CONF_CUSTOM,
     .read = conf_read_verbs,
     .keys = conf_keys_verb,
     .help = "what an interaction weighs and expects where the event does not say"},
    {.name = "metrics",
     .type = CONF_CUSTOM,
     .read = conf_read_metrics,
     .keys = conf_keys_metric,
     .help = "numbers that roll over a stakeholder's interactions"},
    {.name = "derived",
     .type = CONF_MAP,
     .keys = conf_keys_derived,
     .help = "values that rules read without their being declared"},
    {.name = "reciprocity", .type = CONF_MAP, .keys = keys_reciprocity, .help = "who owes whom"},
    {.name = "dedup", .type = CONF_MAP, .keys = keys_dedup, .help = "events that come again"},
    {.name = "retraction",
     .type = CONF_MAP,
     .keys = keys_retraction,
     .help = "events that never were"},
    {.name = "zones",
     .type = CONF_CUSTOM,
     .read = conf_read_zones,
     .help = "time zones that the quiet hours of stakeholders may name"},
    {.name = "calendars",
     .type = CONF_CUSTOM,
     .read = conf_read_calendars,
     .keys = conf_keys_calendar,
     .help = "business hours and holidays, for deadlines"},
    {.name = "rules",
     .type = CONF_CUSTOM,
     .read = conf_read_rules,
     .keys = conf_keys_rule,
     .help = "when somebody should act"},
    {.name = "stages",
     .type = CONF_CUSTOM,
     .read = conf_read_stages,
     .keys = conf_keys_stage,
     .help = "where a stakeholder stands, low to high"},
    {.name = "silences",
     .type = CONF_CUSTOM,
     .read = conf_read_silences,
     .keys = conf_keys_silence,
     .help = "triggers that are held back for a time, by whom and why"},
    {.name = "sources",
     .type = CONF_CUSTOM,
     .read = conf_read_sources,
     .keys = conf_keys_source,
     .help = "producers of events whose silence may mean that they are down"},
    {.name = "flood",
     .type = CONF_MAP,
     .keys = keys_flood,
     .help = "rules that fire for everybody"},
    {.name = "evidence",
     .type = CONF_MAP,
     .keys = keys_evidence,
     .help = "events that triggers name"},
    {.name = "http", .type = CONF_MAP, .keys = conf_keys_http, .help = "metrics and health"},
    {.name = "log", .type = CONF_MAP, .keys = keys_log, .help = "standard error"},
    {.name = "presets",
     .type = CONF_CUSTOM,
     .read = conf_read_presets,
     .keys = conf_keys_preset,
     .help = "how payloads that others define become events"},
    {.name = "ingest", .type = CONF_MAP, .keys = conf_keys_ingest, .help = "how input is taken in"},
    LATER("workers"),
    LATER("accounts"),
    LATER("communities"),
    LATER("kinds"),
    LATER("groups"),
    LATER("actors"),
    LATER("boards"),
    CONF_KEY_END,
};

_Static_assert(ARRAY_SIZE(conf_keys_root) <= CONF_SECTIONS_MAX, "a section per row");
