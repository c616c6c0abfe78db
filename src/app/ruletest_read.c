/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test files from YAML: the configuration, the tests, their steps and the time in them. Reports
 * everything that is wrong with a file at once; runs nothing.
 */
#include "app/ruletest_reading.h"
#include "base/mem.h"
#include "base/parse.h"

#include <stdio.h>
#include <strings.h>

void ruletest_fault(struct reading *r, const struct conf_node *node, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    conf_fault_vadd(r->reader.faults, node->doc->name, node->line, node->column, format, args);
    va_end(args);
}

/* `names`: NULL-terminated. */
void ruletest_fault_unknown(struct reading *r, const struct conf_node *node, const char *what,
                            const char *const *names)
{
    const char *near = conf_did_you_mean(node->text, names);

    if (near)
        ruletest_fault(r, node, "unknown %s '%.*s': did you mean '%s'?", what,
                       STR_ARG(conf_clip(node->text)), near);
    else
        ruletest_fault(r, node, "unknown %s '%.*s'", what, STR_ARG(conf_clip(node->text)));
}

bool ruletest_is_map(struct reading *r, const struct conf_node *node, const char *what)
{
    if (node->type == CONF_NODE_MAP)
        return true;
    ruletest_fault(r, node, "%s: expected a mapping such as {subject: ann, ...}", what);
    return false;
}

bool ruletest_read_text(struct reading *r, const struct conf_node *key,
                        const struct conf_node *value, struct str *ret_text)
{
    return conf_read_text(&r->reader, key->text.ptr, value, ret_text);
}

/* ---- time ---- */

void ruletest_saw_time(struct reading *r, int64_t ms)
{
    if (!r->has_now || ms > r->now_ms)
        r->now_ms = ms;
    r->has_now = true;
}

bool ruletest_add_to_now(struct reading *r, const struct conf_node *node, struct str duration,
                         int64_t *ret_ms)
{
    int64_t ms;

    if (parse_duration(duration, &ms)) {
        ruletest_fault(r, node, "'%.*s' is no duration: write it like 90s, 15m, 6h or 7d",
                       STR_ARG(conf_clip(node->text)));
    } else if (!r->has_now) {
        ruletest_fault(r, node, "there is no time yet to count from: begin with an instant");
    } else if (r->now_ms + ms > INSTANT_MAX_MS) {
        ruletest_fault(r, node, "that is later than the year 9999");
    } else {
        *ret_ms = r->now_ms + ms;
        return true;
    }
    return false;
}

/* An instant, or +DURATION. */
bool ruletest_read_time(struct reading *r, const struct conf_node *key,
                        const struct conf_node *node, int64_t *ret_ms)
{
    struct str text;

    if (!ruletest_read_text(r, key, node, &text))
        return false;
    if (text.len && text.ptr[0] == '+')
        return ruletest_add_to_now(r, node, (struct str){text.ptr + 1, text.len - 1}, ret_ms);
    if (!parse_instant(text, ret_ms))
        return true;
    ruletest_fault(
        r, node,
        "%.*s: '%.*s' is no instant: write it like 2026-05-04T09:00:00Z, or +2h after the "
        "step before",
        STR_ARG(key->text), STR_ARG(conf_clip(text)));
    return false;
}

/* Whatever is wrong with it, later steps have a time to count from: one fault is enough. */
static void read_clock(struct reading *r, const struct conf_node *key,
                       const struct conf_node *value, struct step *step)
{
    bool is_pass = str_eq(key->text, STR("pass"));
    struct str text;
    bool ok = is_pass ? ruletest_read_text(r, key, value, &text) &&
                            ruletest_add_to_now(r, value, text, &step->time_ms)
                      : ruletest_read_time(r, key, value, &step->time_ms);

    if (ok && r->has_now && step->time_ms < r->now_ms)
        ruletest_fault(r, value, "time does not run back: a step before this one is later");
    ruletest_saw_time(r, ok ? step->time_ms : INSTANT_MIN_MS);
    step->kind = str_eq(key->text, STR("end")) ? STEP_END : STEP_PASS;
}

/* ---- tests ---- */

static struct step *add_step(struct ruletest *test, const struct conf_node *node)
{
    mem_grow(&test->steps, &test->cap_steps, test->n_steps, sizeof(*test->steps));
    test->steps[test->n_steps] = (struct step){.node = node, .event = BUF_INIT};
    return &test->steps[test->n_steps++];
}

static void read_expect(struct reading *r, const struct conf_node *key,
                        const struct conf_node *node, struct ruletest *test)
{
    if (node->type == CONF_NODE_SCALAR && str_eq(node->text, STR("nothing")))
        add_step(test, key)->kind = STEP_NOTHING;
    else if (node->type == CONF_NODE_LIST && !node->n)
        ruletest_fault(r, node, "expect: the list is empty: write `expect: nothing`");
    else if (node->type == CONF_NODE_LIST)
        for (size_t i = 0; i < node->n; i++)
            ruletest_read_trigger(r, node->items[i], add_step(test, node->items[i]));
    else
        ruletest_read_trigger(r, node, add_step(test, node));
}

static void read_step(struct reading *r, const struct conf_node *map, struct ruletest *test)
{
    static const struct {
        const char *name;
        void (*read)(struct reading *r, const struct conf_node *key, const struct conf_node *value,
                     struct step *step);
    } kinds[] = {{"event", ruletest_read_event},
                 {"pass", read_clock},
                 {"until", read_clock},
                 {"end", read_clock},
                 {"state", ruletest_read_state}};
    static const char *const names[] = {"event", "pass", "until", "end", "state", "expect", NULL};
    const struct conf_node *key;

    if (map->type != CONF_NODE_MAP || map->n != 1) {
        ruletest_fault(r, map,
                       "a step is one of {event: ...}, {pass: ...}, {until: ...}, {end: ...}, "
                       "{expect: ...}, {state: ...}");
        return;
    }
    key = conf_map_key(map, 0);
    if (str_eq(key->text, STR("expect")))
        return read_expect(r, key, conf_map_value(map, 0), test);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (str_eq(key->text, str_of(kinds[i].name)))
            return kinds[i].read(r, key, conf_map_value(map, 0), add_step(test, key));
    ruletest_fault_unknown(r, key, "kind of step", names);
}

/* An id that is written must not be the one that another event gets: it would be its duplicate. */
static void check_ids(struct reading *r, const struct ruletest *test)
{
    const struct step **events = mem_calloc(r->n_events + 1, sizeof(*events));
    size_t n = 0;

    for (size_t i = 0; i < test->n_steps; i++)
        if (test->steps[i].kind == STEP_EVENT)
            events[n++] = &test->steps[i];
    for (size_t i = 0; i < n; i++) {
        const struct conf_node *id = events[i]->id;
        int64_t number;

        if (!id || id->text.len < 2 || id->text.ptr[0] != 'e' || id->text.ptr[1] == '0' ||
            parse_i64((struct str){id->text.ptr + 1, id->text.len - 1}, &number))
            continue;
        if (number >= 1 && (uint64_t)number <= n && !events[number - 1]->id)
            ruletest_fault(r, id,
                           "id: the event at line %d, which has no id of its own, gets '%.*s': "
                           "write another",
                           events[number - 1]->node->line, STR_ARG(id->text));
    }
    mem_free(events);
}

static void check_is_new(struct reading *r, const struct ruletest *test,
                         const struct conf_node *name)
{
    for (size_t i = 0; i + 1 < r->file->n_tests; i++)
        if (str_eq(r->file->tests[i].name, test->name)) {
            ruletest_fault(r, name, "name: the test at line %d has it already",
                           r->file->tests[i].node->line);
            return;
        }
}

static void read_steps(struct reading *r, const struct conf_node *list, struct ruletest *test)
{
    r->has_now = false;
    r->now_ms = INSTANT_MIN_MS;
    r->n_events = 0;
    if (list->type != CONF_NODE_LIST || !list->n) {
        ruletest_fault(r, list, "steps: expected a list of steps");
        return;
    }
    for (size_t i = 0; i < list->n; i++)
        read_step(r, list->items[i], test);
    check_ids(r, test);
}

static void read_test_key(struct reading *r, const struct conf_node *key,
                          const struct conf_node *value, struct ruletest *test)
{
    static const char *const names[] = {"name", "steps", NULL};

    if (str_eq(key->text, STR("steps")))
        return read_steps(r, value, test);
    if (!str_eq(key->text, STR("name")))
        return ruletest_fault_unknown(r, key, "key", names);
    if (!ruletest_read_text(r, key, value, &test->name))
        return;
    if (!test->name.len || memchr(test->name.ptr, '\n', test->name.len))
        ruletest_fault(r, value, "name: write one line that says what is tested");
    check_is_new(r, test, value);
}

static void read_test(struct reading *r, const struct conf_node *map)
{
    struct ruletest_file *file = r->file;
    struct ruletest *test;

    mem_grow(&file->tests, &file->cap_tests, file->n_tests, sizeof(*file->tests));
    test = &file->tests[file->n_tests++];
    *test = (struct ruletest){.node = map};
    if (map->type != CONF_NODE_MAP)
        return ruletest_fault(r, map, "a test is a mapping with name and steps");
    if (!conf_map_get(map, "name"))
        ruletest_fault(r, map, "'name' is missing: say in a few words what is tested");
    if (!conf_map_get(map, "steps"))
        ruletest_fault(r, map, "'steps' is missing");
    for (size_t i = 0; i < map->n; i++)
        read_test_key(r, conf_map_key(map, i), conf_map_value(map, i), test);
}

static void read_tests(struct reading *r, const struct conf_node *list)
{
    if (list->type != CONF_NODE_LIST || !list->n)
        return ruletest_fault(r, list, "tests: expected a list of tests");
    for (size_t i = 0; i < list->n; i++)
        read_test(r, list->items[i]);
}

/* ---- the configuration ---- */

/* The byte of a text at a line and column, both from 1. */
static size_t byte_at(struct str text, int line, int column)
{
    size_t at = 0;

    for (; at < text.len && line > 1; at++)
        line -= text.ptr[at] == '\n';
    for (; at < text.len && column > 1; column--)
        do
            at++;
        while (at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80);
    return at;
}

/* The faults of a configuration within the file, at their place in the file. Empty lines before
 * it make its lines those of the file, since faults name other lines too. */
static void parse_inline(struct reading *r, const struct conf_node *node)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    int n_above = node->is_block ? node->line : 0, line, column;
    struct buf text = BUF_INIT;

    for (int i = 0; i < n_above; i++)
        buf_add_char(&text, '\n');
    buf_add_str(&text, node->text);
    if (conf_parse(buf_str(&text), node->doc->name, &r->file->conf, &faults))
        r->file->conf = NULL;
    for (size_t i = 0; i < faults.n; i++) {
        const struct conf_fault *f = &faults.items[i];

        conf_node_place(node, byte_at(node->text, f->line - n_above, f->column), &line, &column);
        conf_fault_add(r->reader.faults, node->doc->name, line, column, "%s", f->text);
    }
    conf_faults_deinit(&faults);
    buf_deinit(&text);
}

/* Relative to the folder of the test file. */
static void load_beside(struct reading *r, const struct conf_node *node)
{
    const char *slash = strrchr(node->doc->name, '/');
    struct buf path = BUF_INIT;

    if (slash && node->text.ptr[0] != '/')
        buf_add(&path, node->doc->name, (size_t)(slash - node->doc->name) + 1);
    buf_add_str(&path, node->text);
    if (conf_load(path.ptr, &r->file->conf, r->reader.faults)) {
        r->file->conf = NULL;
        ruletest_fault(r, node, "config: %s cannot be used: see its faults", path.ptr);
    }
    buf_deinit(&path);
}

static void read_config(struct reading *r, const struct conf_node *node)
{
    struct str text;

    if (!conf_read_text(&r->reader, "config", node, &text))
        return;
    if (!text.len)
        ruletest_fault(r, node, "config: write the name of a file, or a configuration after a |");
    else if (node->is_block || memchr(text.ptr, '\n', text.len))
        parse_inline(r, node);
    else
        load_beside(r, node);
}

/* ---- the file ---- */

/* 0 or an errno. */
static int slurp(const char *path, struct buf *ret_text)
{
    FILE *f = fopen(path, "re");
    int error;
    size_t n;

    if (!f)
        return errno;
    errno = 0;
    do {
        n = fread(buf_reserve(ret_text, 1 << 16), 1, 1 << 16, f);
        buf_advance(ret_text, n);
    } while (n && ret_text->len <= CONF_FILE_MAX_BYTES);
    error = ferror(f) ? (errno ? errno : EIO) : 0;
    fclose(f);
    return error;
}

static void read_root(struct reading *r, const struct conf_node *root)
{
    static const char *const names[] = {"config", "tests", NULL};
    const struct conf_node *config = conf_map_get(root, "config");
    const struct conf_node *tests = conf_map_get(root, "tests");
    struct event_limits limits = {0};

    if (root->type != CONF_NODE_MAP)
        return ruletest_fault(r, root, "expected `config:` and `tests:`");
    for (size_t i = 0; i < root->n; i++)
        if (conf_map_value(root, i) != config && conf_map_value(root, i) != tests)
            ruletest_fault_unknown(r, conf_map_key(root, i), "key", names);
    if (!config)
        ruletest_fault(r, root, "'config' is missing: which rules are tested?");
    else
        read_config(r, config);
    if (r->file->conf) {
        limits.value_bytes = (size_t)r->file->conf->event_max_bytes;
        limits.depth = (size_t)r->file->conf->event_max_depth;
    }
    r->file->decoder = event_decoder_new(&limits);
    if (!tests)
        ruletest_fault(r, root, "'tests' is missing");
    else
        read_tests(r, tests);
}

bool ruletest_read(const char *path, struct ruletest_file *ret_file, struct conf_faults *faults)
{
    struct reading r = {.reader = {.faults = faults}, .file = ret_file};
    size_t n_before = faults->n;
    struct buf text = BUF_INIT;
    int error = slurp(path, &text);

    *ret_file = (struct ruletest_file){.n_tests = 0};
    if (error)
        conf_fault_add(faults, path, 0, 0, "%s", strerror(error));
    else
        ret_file->doc = conf_doc_new(path, &text, faults);
    buf_deinit(&text);
    if (ret_file->doc && ret_file->doc->root)
        read_root(&r, ret_file->doc->root);
    conf_faults_sort(faults);
    return faults->n == n_before;
}

void ruletest_file_deinit(struct ruletest_file *file)
{
    for (size_t i = 0; i < file->n_tests; i++) {
        for (size_t k = 0; k < file->tests[i].n_steps; k++) {
            struct step *step = &file->tests[i].steps[k];

            buf_deinit(&step->event);
            mem_free(step->trigger.values.items);
            mem_free(step->state.metrics.items);
            mem_free(step->state.derived.items);
            mem_free(step->state.held.items);
        }
        mem_free(file->tests[i].steps);
    }
    file->tests = mem_free(file->tests);
    file->n_tests = 0;
    file->decoder = event_decoder_free(file->decoder);
    file->conf = conf_free(file->conf);
    file->doc = conf_doc_free(file->doc);
}
