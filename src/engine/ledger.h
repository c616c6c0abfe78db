/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who owes whom an answer: the open obligations of one stakeholder, and a short memory of answers
 * for questions that come late. What opens, joins and closes an obligation is decided here; what
 * follows from it (deadlines, triggers) is the rules' business.
 */
#include "base/list.h"
#include "engaged/event.h"
#include "engine/model_impl.h"
#include "engine/wire.h"

#define LEDGER_OPEN_MAX     4096 /* open obligations of one stakeholder */
#define LEDGER_ANSWERED_MAX 64   /* those among them that are answered, and wait for more */
#define LEDGER_JOINED_MAX   64   /* joined messages remembered for `answered_by: reply` */
#define LEDGER_ANSWERS_MAX  8    /* latest answers remembered for late questions */

struct profile;

struct obligation {
    struct list in_conversation; /* with `answered_by: conversation`: the engine's index */
    struct profile *owner;       /* borrowed */
    uint64_t group;              /* (side, org, conversation or nothing) */
    int64_t since_ms;
    int64_t offset;    /* of the record that opened it */
    uint64_t fired;    /* a bit for each `owed` rule that has fired on it */
    uint64_t matched;  /* and for each whose `where` held for the event that opened it */
    uint64_t unproven; /* and for each that waits for a source to show life, see life.h */
    uint64_t muted;    /* and for each whose deadline passed before the end of the backfill */
    enum side by;      /* who owes */
    bool is_acknowledged;
    bool is_answered; /* kept until somebody has acted, since a rule waits for that */
    uint32_t n_waiting;
    uint32_t n_joined;
    uint64_t *joined; /* owned; hashes of the ids of messages that joined, latest last */
    struct str id, source, org, conversation, channel; /* views into `bytes` */
    char bytes[];
};

struct answer {
    uint64_t group;
    int64_t time_ms;
};

struct ledger {
    struct obligation **open; /* owned, both; in the order in which they were opened */
    struct answer *answers;   /* owned */
    uint16_t n_open, cap_open;
    uint8_t n_answers, cap_answers;
};

void ledger_deinit(struct ledger *l);
size_t ledger_bytes(const struct ledger *l);

/* The side that an interaction may owe to, and the group that an obligation of `by` lives in. */
uint64_t ledger_group(const struct model *m, enum side by, struct str org, struct str conversation);
uint64_t ledger_id_hash(struct str id);

/* Whether `event` answers `o`, by the model's policy; the other way and the time included. */
bool ledger_answers(const struct model *m, const struct event *event, const struct obligation *o);
/* How far `o` has come, and how far it comes by the event: an automatic answer acknowledges it
 * (unless the policy takes it for an answer), another answers it, one that resolves is acting on it
 * too. What is answered is acted on by whatever resolves its conversation, either way. */
enum depth ledger_depth(const struct obligation *o);
enum depth ledger_depth_by(const struct model *m, const struct event *event,
                           const struct obligation *o);

#define LEDGER_E_NONE    1 /* the event opens nothing */
#define LEDGER_E_JOINED  2 /* it joined one that is open */
#define LEDGER_E_REFUSED 3 /* too many are open */
/* 0: *ret_opened is a new obligation, in the ledger. `expects_reply` is what event or verb say. */
must_check int ledger_open(struct ledger *l, const struct model *m, const struct event *event,
                           bool expects_reply, struct obligation **ret_opened);
/* For a question that comes late: a later answer is known. */
bool ledger_was_answered(const struct ledger *l, const struct model *m, const struct event *event);
void ledger_note_answer(struct ledger *l, const struct model *m, const struct event *event);

/* Takes over `o` of another ledger. Where one of its group is open the two become one, which is the
 * older one; the other is freed. Returns the one that is open now; NULL: too many are, `o` is
 * freed. */
struct obligation *ledger_adopt(struct ledger *l, struct obligation *o);
/* Adds the answers that another ledger remembers. */
void ledger_merge_answers(struct ledger *l, const struct ledger *from);
/* Whether an answer to `o` is remembered that came later than all that waits in it. */
bool ledger_is_answered(const struct ledger *l, const struct model *m, const struct obligation *o);

/* Whether `o`, at that depth, need not be kept: it has come to its end, or so many are answered and
 * wait for more that no other can. */
bool ledger_is_over(const struct ledger *l, const struct obligation *o, enum depth depth,
                    enum depth end);
/* The open one that began with an event of that id, by ledger_id_hash(); NULL: none. */
struct obligation *ledger_find(const struct ledger *l, uint64_t id_hash);
/* Takes `o` out of the ledger; the caller frees it with obligation_free(). */
void ledger_take(struct ledger *l, struct obligation *o);
struct obligation *obligation_free(struct obligation *o);

/* The oldest unanswered one of that side, or NULL; *ret_n is how many there are. */
const struct obligation *ledger_oldest(const struct ledger *l, enum side by, uint32_t *ret_n);

void ledger_pack(const struct ledger *l, const struct model *m, struct buf *out);
void ledger_unpack(struct ledger *l, const struct model *m, struct wire *in);
