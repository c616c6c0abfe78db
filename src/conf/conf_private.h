/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the rooms of conf share while a file becomes a struct: the trees, which own most texts, and
 * the forms that some keys take before they are what `struct conf` says.
 */
#include "conf/conf_key.h"

/* Where an element of the model's spec stands in a file, for the faults of model_new(). */
struct conf_origin {
    const struct conf_node *name;  /* a metric's or verb's key; a rule's `name` */
    const struct conf_node *value; /* its mapping */
};

struct conf_section {
    const struct conf_node *name; /* NULL: not given */
    const struct conf_node *value;
};

#define CONF_SECTIONS_MAX 64

/* A time zone, as it was read. */
struct conf_zone {
    struct str name;   /* owned by the conf's blocks */
    struct zone *zone; /* owned */
};

struct conf_private {
    struct conf conf; /* what the caller sees */

    struct conf_doc **docs; /* owned; in order of reading */
    size_t n_docs;
    size_t docs_cap;
    const struct conf_doc *shipped; /* borrowed from docs: the compiled-in defaults */
    void **blocks;                  /* owned: arrays and texts that are in no tree */
    size_t n_blocks;
    size_t blocks_cap;

    struct conf_section sections[CONF_SECTIONS_MAX]; /* by row of conf_keys_root */
    const struct conf_node **presets; /* owned: every `presets` section, in order of reading */
    size_t n_presets;
    size_t presets_cap;

    bool may_read_files;     /* beside the file; a text that comes with a record may not */
    struct conf_zone *zones; /* owned; by name once all are there */
    size_t n_zones, zones_cap;
    struct str *zone_names;          /* of the `zones` section; conf.spec has it */
    struct conf_calendar *calendars; /* as many as the spec has */

    struct conf_property *properties; /* conf.kafka.properties, while secrets are filled in */
    struct str listen;
    struct str password; /* as written: a text or $NAME */
    struct str password_file;
    int automatic;
    int64_t dedup_events;
    int64_t flood_triggers;
    int64_t evidence_events;

    struct derived_spec derived;
    const struct conf_origin *verb_origins; /* as many as the spec has verbs, and so on */
    const struct conf_origin *metric_origins;
    const struct conf_origin *rule_origins;
    const struct conf_origin *stage_origins;
    const struct conf_origin *calendar_origins;
};

extern const struct conf_key conf_keys_root[];

/* The memory lives as long as the conf. */
void *conf_keep(struct conf_private *p, void *block);
const struct conf_section *conf_section_get(const struct conf_private *p, const char *name);
/* The user's own, not the shipped one. */
bool conf_section_is_given(const struct conf_private *p, const char *name);

/* conf.c: 0 or an errno; at most CONF_FILE_MAX_BYTES and a bit. */
must_check int conf_read_file(const char *path, struct buf *ret_text);
/* `name` relative to the folder of `file`; the caller owns it. */
char *conf_path_beside(const char *file, struct str name);

/* conf_zone.c */
void conf_read_zones(struct conf_reader *reader, const struct conf_node *node, void *base);
/* A zone_find_fn: of those that are there already, or else of this machine's time-zone data. */
const struct zone *conf_zone_find(void *private, struct str name);
void conf_zones_write(struct conf_private *p, struct buf *b);
void conf_zones_free(struct conf_private *p);

/* conf_calendar.c */
extern const struct conf_key conf_keys_calendar[];
void conf_read_calendars(struct conf_reader *reader, const struct conf_node *node, void *base);
void conf_calendars_write(const struct conf_private *p, struct buf *b);

/* conf_text.c */
void conf_text_add(struct buf *b, struct str text);

/* conf_kafka.c */
extern const struct conf_key conf_keys_kafka[];
void conf_kafka_check(struct conf_reader *reader, struct conf_private *p);
/* A property whose value may be $NAME, and is never shown. */
bool conf_kafka_is_secret(struct str key);

/* conf_ingest.c */
extern const struct conf_key conf_keys_ingest[];
/* Before the topics are compared: completes what the file leaves out. */
void conf_ingest_check(struct conf_reader *reader, struct conf_private *p);

/* conf_local.c: redis and http */
extern const struct conf_key conf_keys_redis[];
extern const struct conf_key conf_keys_http[];
void conf_local_check(struct conf_reader *reader, struct conf_private *p);

/* conf_model.c */
extern const char *const conf_owed_untils[]; /* by enum owed_until */
extern const struct conf_key conf_keys_verb[];
extern const struct conf_key conf_keys_rule[];
void conf_read_verbs(struct conf_reader *reader, const struct conf_node *node, void *base);
void conf_read_rules(struct conf_reader *reader, const struct conf_node *node, void *base);
/* Compiles the spec; its faults are reported where they stand. */
void conf_model_build(struct conf_reader *reader, struct conf_private *p);

/* conf_stages.c */
extern const struct conf_key conf_keys_stage[];
extern const struct conf_key conf_keys_silence[];
void conf_read_stages(struct conf_reader *reader, const struct conf_node *node, void *base);
extern const struct conf_key conf_keys_source[];
void conf_read_sources(struct conf_reader *reader, const struct conf_node *node, void *base);
void conf_read_silences(struct conf_reader *reader, const struct conf_node *node, void *base);
/* conf_preset.c */
extern const struct conf_key conf_keys_preset[];
void conf_read_presets(struct conf_reader *reader, const struct conf_node *node, void *base);
extern const char *const conf_preset_types[]; /* names by enum preset_type */
/* conf_preset_text.c: appends the section to the canonical text, if there are any. */
void conf_preset_write(struct buf *b, const struct conf *conf);
/* conf_metric.c */
extern const struct conf_key conf_keys_metric[];
void conf_read_metrics(struct conf_reader *reader, const struct conf_node *node, void *base);
/* conf_derived.c: the section of derived values */
extern const struct conf_key conf_keys_derived[];
/* After the sections were read: what the file leaves out. */
void conf_derived_complete(struct conf_private *p);
void conf_derived_fault(struct conf_reader *reader, const struct conf_private *p,
                        const struct model_fault *fault);
/* The section in its canonical form, a line. */
void conf_derived_text(const struct derived_spec *spec, struct buf *b);

/* conf_text.c: fills conf.text and conf.hash. */
/* A text in double quotes, on one line. */
void conf_text_add(struct buf *b, struct str s);
void conf_text_write(struct conf_private *p);
/* A text in double quotes, on one line. */
void conf_text_add(struct buf *b, struct str s);

/* Generated from config/defaults.yaml. */
extern const char conf_defaults[];
extern const size_t conf_defaults_len;
