/* SPDX-License-Identifier: Apache-2.0 */
/* A heap of deadlines per source, so that a sign of life costs what it lets go of. */
#include "engine/life.h"

#include "base/mem.h"
#include "base/parse.h"

#define ALIVE  "alive"
#define SILENT "silent"

static bool waits_before(const struct heap_node *x, const struct heap_node *y)
{
    const struct waiting *a = CONTAINER_OF(x, struct waiting, node);
    const struct waiting *b = CONTAINER_OF(y, struct waiting, node);
    int c;

    if (a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms;
    c = str_cmp(profile_id(a->profile), profile_id(b->profile));
    if (c || a->rule != b->rule)
        return c ? c < 0 : a->rule < b->rule;
    return a->opened < b->opened;
}

struct life *life_new(const struct model *m)
{
    struct life *lives = mem_calloc(m->n_sources + 1, sizeof(*lives));

    for (size_t i = 0; i < m->n_sources; i++)
        lives[i] =
            (struct life){.last_ms = INT64_MIN, .waiting = (struct heap)HEAP_INIT(waits_before)};
    return lives;
}

struct life *life_free(struct life *lives, const struct model *m)
{
    for (size_t i = 0; lives && i < m->n_sources; i++)
        heap_deinit(&lives[i].waiting);
    return mem_free(lives);
}

/* ---------------------------------------------------------------- who waits */

void life_wait(struct engine *e, struct profile *p, uint16_t rule, uint64_t opened, uint16_t source,
               int64_t due_ms)
{
    struct waiting *w;

    life_forgo(e, p, rule, opened);
    w = mem_calloc(1, sizeof(*w));
    *w = (struct waiting){.next = p->waiting,
                          .profile = p,
                          .due_ms = due_ms,
                          .opened = opened,
                          .rule = rule,
                          .source = source};
    p->waiting = w;
    heap_add(&e->lives[source].waiting, &w->node);
}

void life_forgo(struct engine *e, struct profile *p, uint16_t rule, uint64_t opened)
{
    struct waiting **at = &p->waiting, *w;

    while (*at && ((*at)->rule != rule || (*at)->opened != opened))
        at = &(*at)->next;
    w = *at;
    if (!w)
        return;
    *at = w->next;
    heap_remove(&e->lives[w->source].waiting, &w->node);
    mem_free(w);
}

void life_forgo_all(struct engine *e, struct profile *p)
{
    while (p->waiting)
        life_forgo(e, p, p->waiting->rule, p->waiting->opened);
}

size_t life_n_waiting(const struct profile *p)
{
    size_t n = 0;

    for (const struct waiting *w = p->waiting; w; w = w->next)
        n++;
    return n;
}

int64_t life_waits_since_ms(const struct profile *p)
{
    int64_t ms = INT64_MAX;

    for (const struct waiting *w = p->waiting; w; w = w->next)
        ms = w->due_ms < ms ? w->due_ms : ms;
    return ms;
}

static void let_go(struct engine *e, struct life *life)
{
    for (struct heap_node *top = heap_top(&life->waiting); top; top = heap_top(&life->waiting)) {
        const struct waiting *w = CONTAINER_OF(top, struct waiting, node);
        struct profile *p = w->profile;
        int64_t due_ms = w->due_ms;
        uint64_t opened = w->opened;
        uint16_t rule = w->rule;

        if (due_ms >= life->last_ms)
            return;
        engine_touch(e, p);
        life_forgo(e, p, rule, opened);
        rules_retry(e, p, rule, opened, due_ms);
        engine_settle(e, p);
    }
}

/* ---------------------------------------------------------------- signs of life */

static bool brings(const struct source_spec *source, struct str channel)
{
    for (size_t i = 0; i < source->n_channels; i++) {
        if (str_eq(source->channels[i], channel))
            return true;
    }
    return source->n_channels == 0;
}

uint16_t life_missing(const struct engine *e, struct str channel, int64_t due_ms)
{
    for (size_t i = 0; i < e->model->n_sources; i++) {
        if (!e->is_shadow && brings(&e->model->sources[i], channel) &&
            e->lives[i].last_ms <= due_ms)
            return (uint16_t)i;
    }
    return MODEL_NONE;
}

void life_note(struct engine *e, const struct event *event)
{
    for (size_t i = 0; i < e->model->n_sources; i++) {
        struct life *life = &e->lives[i];
        bool is_first = life->last_ms == INT64_MIN; /* before it nothing can be said */

        if (!is_first && !model_matches(e->model->sources[i].source, event->source))
            continue;
        if (event->time_ms <= life->last_ms)
            continue;
        life->last_ms = event->time_ms;
        if (life->is_silent)
            emit_source(e, &e->model->sources[i], EDGE_CLEARED, event->time_ms, event);
        life->is_silent = false;
        let_go(e, life);
    }
}

static int64_t silent_at(const struct engine *e, size_t source)
{
    const struct life *life = &e->lives[source];
    int64_t heartbeat_ms = e->model->sources[source].heartbeat_ms;

    if (life->is_silent || life->last_ms == INT64_MIN ||
        life->last_ms > INSTANT_MAX_MS - heartbeat_ms)
        return INT64_MAX;
    return life->last_ms + heartbeat_ms;
}

int64_t life_next_ms(const struct engine *e)
{
    int64_t ms = INT64_MAX;

    for (size_t i = 0; i < e->model->n_sources; i++)
        ms = silent_at(e, i) < ms ? silent_at(e, i) : ms;
    return ms;
}

void life_expire(struct engine *e, int64_t now_ms)
{
    for (size_t i = 0; i < e->model->n_sources; i++) {
        if (silent_at(e, i) != now_ms)
            continue;
        e->lives[i].is_silent = true;
        emit_source(e, &e->model->sources[i], EDGE_FIRED, now_ms, NULL);
    }
}

/* ---------------------------------------------------------------- packing */

void life_pack(const struct engine *e, struct buf *out)
{
    for (size_t i = 0; i < e->model->n_sources; i++) {
        const struct life *life = &e->lives[i];

        if (life->last_ms != INT64_MIN)
            buf_addf(out, "%.*s %lld %s\n", STR_ARG(e->model->sources[i].name),
                     (long long)life->last_ms, life->is_silent ? SILENT : ALIVE);
    }
}

/* What comes before `end`, which is taken away with it. */
static struct str take_until(struct str *text, char end)
{
    const char *at = text->len ? memchr(text->ptr, end, text->len) : NULL;
    struct str taken = *text;

    if (at)
        taken.len = (size_t)(at - text->ptr);
    *text = at ? (struct str){at + 1, text->len - taken.len - 1} : STR_NULL;
    return taken;
}

bool life_unpack(struct engine *e, struct str packed)
{
    while (packed.len) {
        struct str line = take_until(&packed, '\n');
        struct str name = take_until(&line, ' '), time = take_until(&line, ' ');
        int64_t last_ms;

        if (parse_i64(time, &last_ms) || last_ms < INSTANT_MIN_MS || last_ms > INSTANT_MAX_MS ||
            (!str_eq(line, STR(SILENT)) && !str_eq(line, STR(ALIVE))))
            return false;
        for (size_t i = 0; i < e->model->n_sources; i++) {
            if (!str_eq(e->model->sources[i].name, name))
                continue;
            e->lives[i].last_ms = last_ms;
            e->lives[i].is_silent = str_eq(line, STR(SILENT));
        }
    }
    return true;
}
