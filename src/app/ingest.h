/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What stands before the daemon's consumer where the input is repartitioned: the topic of our own
 * is looked for or made, trying until it is there; then the copier runs, and the daemon consumes.
 */
#include "adapters/kafka_conf.h"
#include "base/err.h"

struct conf;
struct copier;
struct daemon;
struct ingest;

/* What a running process cannot take anew. */
bool ingest_is_same_place(const struct conf *a, const struct conf *b);

/* `topic` is borrowed for its life; `properties` are copied. */
struct ingest *ingest_new(struct daemon *d, const char *topic,
                          const struct kafka_property *properties, size_t n_properties);
/* The presets from here on. */
void ingest_use(struct ingest *g, const struct conf *conf);
/* Ends the batch under way, and takes nothing more. */
void ingest_drain(struct ingest *g);
bool ingest_is_drained(const struct ingest *g);
/* `done` is the last callback; it is freed then. */
void ingest_close(struct ingest *g, void (*done)(void *ctx), void *ctx);

bool ingest_is_ready(const struct ingest *g, const char **ret_why);
/* All that the sources held at that instant is in the topic; asks for a newer one, too. */
int64_t ingest_caught_up_ms(struct ingest *g);
void ingest_write_metrics(struct ingest *g, struct buf *b);
