/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The configuration file as a constant struct. Loading reports every fault at once, each with its
 * file, line and column and with what to write instead; it never logs, and no fault or dump ever
 * holds a secret. All texts are views that live as long as the conf.
 *
 *     struct conf_faults faults = CONF_FAULTS_INIT;
 *     struct conf *conf = NULL;
 *     if (conf_load(path, &conf, &faults) == CONF_E_FAULTS)
 *         ... faults.items[0..n) are sorted by file, line and column
 */
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "engaged/model.h"

struct conf_fault {
    char *file; /* owned; as it was named: on the command line, or in an `include` */
    int line;   /* from 1; 0 where the file as a whole is meant */
    int column; /* from 1, in characters; 0 likewise */
    char *text; /* owned; one line: what is wrong and what to write instead */
};

struct conf_faults {
    struct conf_fault *items;
    size_t n;
    size_t cap;
};

#define CONF_FAULTS_INIT                                                                           \
    {                                                                                              \
        .items = NULL, .n = 0, .cap = 0                                                            \
    }

void conf_faults_deinit(struct conf_faults *faults);
/* `file:line:column: text`, without a newline. */
void conf_fault_format(const struct conf_fault *fault, struct buf *b);

enum conf_delivery { CONF_DELIVERY_EXACTLY_ONCE, CONF_DELIVERY_AT_LEAST_ONCE };
enum conf_log_level { CONF_LOG_DEBUG, CONF_LOG_INFO, CONF_LOG_WARN, CONF_LOG_ERROR };
enum conf_log_format { CONF_LOG_LOGFMT, CONF_LOG_JSON };

/* One of `kafka.properties`, for librdkafka as it is, in the file's order. */
struct conf_property {
    struct str key;
    struct str value;
};

#define CONF_EVENTS_MAX 100 /* input topics */

struct conf_kafka {
    bool is_given; /* the file has a `kafka` section */
    const struct conf_property *properties;
    size_t n_properties;      /* no reserved keys among them */
    struct str group_id;      /* of the properties; by default the deployment, and then */
                              /* not among them: hand it over yourself */
    bool has_group_id;        /* `group.id` is among the properties */
    const struct str *events; /* input topics; one, but with ingest.repartition */
    size_t n_events;          /* 1 to CONF_EVENTS_MAX */
    struct str triggers;      /* topic */
    struct str dead_letters;  /* topic */
};

struct conf_redis {
    bool is_given;       /* the file has a `redis` section */
    struct str url;      /* redis://, rediss:// or unix:// */
    struct str prefix;   /* of every key; by default the deployment */
    struct str user;     /* empty: none, or in the URL */
    struct str password; /* empty: none, or in the URL; set by conf_require_daemon() */
};

/* The topic of our own that the input is copied to. */
struct conf_ingest {
    bool repartition;
    struct str topic;     /* never empty */
    int64_t partitions;   /* this and the following: where the topic has to be made */
    int64_t replication;  /* -1: the brokers' default */
    int64_t retention_ms; /* of its records */
};

struct presets;
struct preset_spec;

struct conf {
    struct str path; /* the main file, as named */
    struct str deployment;
    struct str organisation;
    struct conf_kafka kafka;
    struct conf_redis redis;
    struct conf_ingest ingest;
    enum conf_delivery delivery;
    int64_t checkpoint_interval_ms;
    int64_t lateness_ms;
    int64_t idle_after_ms;
    int64_t future_limit_ms;
    bool ticks;
    int64_t memory_bytes;
    int64_t forget_after_ms;
    int64_t event_max_bytes; /* limits.event_bytes */
    int64_t event_max_depth; /* limits.event_depth */
    struct str http_host;    /* of http.listen, brackets of an IPv6 address taken off */
    int http_port;
    enum conf_log_level log_level;
    enum conf_log_format log_format;

    struct model_spec spec; /* what `model` was compiled from */
    struct model *model;    /* owned */

    const struct preset_spec *preset_specs; /* what `presets` was compiled from, in their order */
    size_t n_presets;
    struct presets *presets; /* owned (codec/preset.h); NULL: none */

    /*
     * Everything that decides state and triggers, in one canonical form: YAML with defaults and
     * includes resolved, without comments, addresses or secrets. conf_parse() of it gives the same
     * model and the same text, in this version and in later ones that ship other defaults. It is
     * what a control record carries. Equal for two processes that differ only in what is local to
     * them (addresses, memory, logs).
     */
    struct str text;
    char hash[DIGEST_HEX + 1]; /* of `text` */

    struct conf_private *private; /* owned: the memory behind the views */
};

/* At least one fault was added to `faults`; no conf. */
#define CONF_E_FAULTS 1

/* A file that cannot be read is a fault too. */
must_check int conf_load(const char *path, struct conf **ret_conf, struct conf_faults *faults);
/* The same from a text; `name` stands for the file in faults. `include` is refused. */
must_check int conf_parse(struct str text, const char *name, struct conf **ret_conf,
                          struct conf_faults *faults);
/* What `engaged run` needs beyond a correct file: kafka and redis sections, and the secrets that
 * they name in files or in the environment, read now into `conf`. 0 or CONF_E_FAULTS. */
must_check int conf_require_daemon(struct conf *conf, struct conf_faults *faults);
struct conf *conf_free(struct conf *conf);
