/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints. The protocol says when to cut and when the cut may be written; here the engine's
 * entries are packed into chunks as they are sent, a few under way at a time, so that neither the
 * loop nor Redis is held up. Chunks stay until the whole cut is in Redis: what is not certain to
 * have arrived is sent again from them, unchanged.
 */
#include "app/daemon_impl.h"
#include "base/kill_point.h"
#include "base/mem.h"

#define CHUNK_ENTRIES    1000
#define CHUNK_BYTES      (512 * 1024)
#define CHUNKS_UNDER_WAY 4

struct write {
    struct partition *partition;
    uint64_t life;
    uint64_t ticket;
    bool is_last;
};

void store_cut(struct partition *p, int64_t offset)
{
    struct cut *c = &p->cut;

    ENSURE(!c->is_active);
    *c = (struct cut){.is_active = true, .offset = offset, .clock_ms = engine_clock_ms(p->engine)};
    engine_life_pack(p->engine, &c->life);
    c->n_left = engine_cut(p->engine, offset - 1);
    kill_point("cut_taken");
}

static void free_chunks(struct cut *c)
{
    for (size_t i = 0; i < c->n_chunks; i++)
        script_chunk_deinit(&c->chunks[i]);
    mem_free(c->chunks);
    buf_deinit(&c->life);
}

void store_reset(struct partition *p)
{
    free_chunks(&p->cut);
    p->cut = (struct cut){.is_active = false};
}

void store_written(struct partition *p)
{
    engine_cut_done(p->engine);
    residency_stored(p);
    p->daemon->is_stored = true;
    memcpy(p->stored_hash, p->conf->hash, sizeof(p->stored_hash));
    store_reset(p);
    kill_point("cut_written");
    p->wants_pump = true; /* a change of configuration waits for the end of a cut */
}

/* With `answered_by: conversation` one record may change several stakeholders: all of a cut then
 * go in one piece, so that a replay finds either none or all of what a record did. */
static bool is_full(const struct partition *p, const struct script_chunk *chunk)
{
    if (p->conf->spec.answered_by == ANSWERED_BY_CONVERSATION)
        return false;
    return chunk->n_entries >= CHUNK_ENTRIES || script_chunk_bytes(chunk) >= CHUNK_BYTES;
}

static void pack_chunk(struct partition *p)
{
    struct cut *c = &p->cut;
    struct script_chunk *chunk;
    struct checkpoint_entry entry;

    mem_grow(&c->chunks, &c->cap_chunks, c->n_chunks, sizeof(*c->chunks));
    chunk = &c->chunks[c->n_chunks++];
    *chunk = (struct script_chunk)SCRIPT_CHUNK_INIT;
    while (c->n_left && !is_full(p, chunk)) {
        ENSURE(engine_cut_next(p->engine, &entry));
        script_chunk_add(chunk, &p->place, &entry);
        c->n_left--;
    }
}

static void send_more(struct partition *p);

static void tell_refusal(struct daemon *d, struct str why)
{
    if (!why.len || d->is_restore_refused)
        return;
    d->is_restore_refused = true;
    log_warn("redis",
             "RESTORE is refused; checkpoints are written by HSET, which costs Redis far more. "
             "Allow our user the command (ACL SETUSER ... +restore)",
             log_view("why", why));
}

static void on_chunk(void *ctx, const struct redis_answer *answer)
{
    struct write *w = ctx;
    struct partition *p = w->partition;
    enum commit_answer outcome = COMMIT_UNKNOWN;
    struct str refusal = STR_NULL;

    if (answer->result == REDIS_RESULT_OK)
        outcome = script_write_decode(answer->reply, &refusal);
    tell_refusal(p->daemon, refusal);
    outcome = daemon_answer_of(p->daemon, answer, outcome);
    if (outcome == COMMIT_OK)
        kill_point("chunk_answered");
    else
        kill_point("chunk_in_doubt");
    commit_chunk(&p->daemon->commit, p->id, w->ticket, outcome, w->is_last);
    if (w->life == p->life && p->cut.is_active && p->cut.ticket == w->ticket) {
        p->cut.n_flight--;
        if (outcome == COMMIT_OK)
            send_more(p);
        else
            p->cut.ticket = 0; /* the protocol looks at Redis again before anything is resent */
    }
    mem_free(w);
}

static bool is_last(const struct cut *c, size_t chunk)
{
    return !c->n_left && chunk + 1 == c->n_chunks;
}

static void send_chunk(struct partition *p, size_t i)
{
    struct daemon *d = p->daemon;
    struct cut *c = &p->cut;
    bool is_new_config = strcmp(p->stored_hash, p->conf->hash) != 0;
    const struct script_cut last = {.offset = c->offset,
                                    .committed = c->committed,
                                    .clock_ms = c->clock_ms,
                                    .config = is_new_config ? str_of(p->conf->hash) : STR_NULL,
                                    .config_text = is_new_config ? p->conf->text : STR_NULL,
                                    .life = buf_str(&c->life),
                                    .config_offset = p->config_offset};
    const struct commit_version expected = {
        .seq = c->first_seq + (int64_t)(i - c->first_chunk),
        .writer = i == c->first_chunk ? c->writer : c->fence,
    };
    struct write *w = mem_alloc(sizeof(*w));

    *w = (struct write){p, p->life, c->ticket, is_last(c, i)};
    script_write_encode(&d->call, &p->place, &c->chunks[i], c->fence, expected,
                        w->is_last ? &last : NULL);
    c->n_flight++;
    redis_script_call(&d->write, d->redis, script_call_keys(&d->call), d->call.n_keys,
                      script_call_args(&d->call), script_call_n_args(&d->call), on_chunk, w);
    kill_point("chunk_sent");
}

static void send_more(struct partition *p)
{
    struct cut *c = &p->cut;

    while (c->n_flight < CHUNKS_UNDER_WAY) {
        if (c->next == c->n_chunks && (c->n_left || !c->n_chunks))
            pack_chunk(p);
        if (c->next == c->n_chunks)
            return;
        send_chunk(p, c->next++);
    }
}

void store_write(struct partition *p, const struct commit_action *action)
{
    struct cut *c = &p->cut;

    c->ticket = action->ticket;
    c->fence = action->fence;
    c->first_seq = action->seq;
    c->writer = action->writer;
    c->first_chunk = c->next = action->first_chunk;
    c->committed = action->committed;
    c->n_flight = 0;
    send_more(p);
    if (action->first_chunk)
        kill_point("redo_sent");
}
