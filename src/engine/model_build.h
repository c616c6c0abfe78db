/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the rooms that compile a model share; model.c puts them together. */
#include "engine/model_impl.h"

/* One run of model_new(). */
struct build {
    const struct model_spec *spec;
    struct model *m;
    model_fault_fn on_fault;
    void *ctx;
    bool has_faults;
};

void build_fault(struct build *b, enum model_part part, size_t index, const char *field,
                 size_t offset, const char *text);
/* NULL, with the fault reported, where the text does not compile. */
struct cel_program *build_compile(struct build *b, enum model_part part, size_t index,
                                  const char *field, struct str text,
                                  const struct cel_schema *schema, enum cel_type want);
uint32_t build_tag(struct str text);
/* The selector of these two programs, made if there is none yet; takes the programs over. `spec`:
 * of the metric that needs it. */
uint16_t build_selector(struct model *m, const struct metric_spec *spec, struct cel_program *where,
                        struct cel_program *value);
bool build_is_rule_name(struct str name);
void build_check_message(struct build *b, enum model_part part, size_t i, struct str severity,
                         struct str action);

/* ---- model_rules.c ---- */

/* Makes room for all rules and fills in the stages, which are the first of them. */
void build_stages(struct build *b);
/* Rule `i` of the spec is of kind RULE_ABSENT or RULE_EXPECT. */
void build_due(struct build *b, size_t i, struct rule *rule);
void build_inhibitors(struct build *b);
/* In which order rules are decided; inhibitors that wait for each other are a fault. */
void build_order(struct build *b);
void build_silences(struct build *b);
void build_free_silences(struct model *m);
void build_sources(struct build *b);
void build_free_sources(struct model *m);
/* What decides the rule beside its conditions, as a text. */
void build_version_more(const struct model *m, const struct rule *rule, struct buf *text);
