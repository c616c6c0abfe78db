/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Triggers that were fired for a stakeholder, and what became of them: outcome events close them,
 * one that nobody saw in time is to be escalated. The latest FOLLOW_MAX are known.
 */
#include "engaged/engine.h"
#include "engine/model_impl.h"
#include "engine/wire.h"

#define FOLLOW_MAX 16

struct profile;

struct followed {
    unsigned char id[DIGEST_HEX / 2]; /* of the trigger that was fired first */
    int64_t fired_ms;
    int64_t escalate_ms; /* INT64_MAX: not any more */
    uint64_t opened;     /* of an obligation: a hash of its event's id; else 0 */
    uint16_t rule;
    uint8_t escalation; /* how often it was escalated */
    bool is_seen;       /* acknowledged */
};

struct follow {
    uint32_t n;
    struct followed items[]; /* in the order of firing */
};

struct follow *follow_free(struct follow *f); /* accepts NULL; returns NULL */
size_t follow_bytes(const struct follow *f);

/* `id` as in struct trigger. */
void follow_add(struct profile *p, const struct model *m, uint16_t rule, const char *id,
                int64_t fired_ms, uint64_t opened);
/* The condition or obligation has ended: nothing is escalated any more. */
void follow_ended(struct profile *p, uint16_t rule, uint64_t opened);
/* What an outcome event says. NULL: of none that is known. Else the one, which the caller may look
 * at until the next call; one that is over is forgotten by follow_close(). */
struct followed *follow_find(struct profile *p, struct str id);
void follow_close(struct profile *p, struct followed *one);
/* Adds what `from` is followed for, in the order of firing; the latest are known. */
void follow_merge(struct profile *p, const struct profile *from);
/* The earliest escalation; INT64_MAX: none. */
int64_t follow_next_ms(const struct profile *p);

void follow_pack(const struct profile *p, const struct model *m, struct buf *out);
void follow_unpack(struct profile *p, const struct model *m, struct wire *in);
