/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From files to a conf: the shipped defaults below, then what is included, then the file itself;
 * a section that is given replaces the one beneath it. Then every section by its rows, what
 * concerns several of them, the model, and the canonical text. Nothing is half loaded: with a
 * single fault there is no conf, and all faults are in the list.
 */
#include "conf/conf_private.h"

#include "base/mem.h"
#include "codec/preset.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define INCLUDE_DEPTH_MAX 8
#define DOCS_MAX          64
#define SHIPPED_NAME      "(shipped defaults)"

/* A file on the way from the main one to the one being read. */
struct chain {
    const struct chain *above;
    char real_path[PATH_MAX]; /* empty: no file */
    int depth;
};

struct loader {
    struct conf_reader reader;
    struct conf_private *p;
    bool has_includes; /* may follow them */
    bool is_partial;   /* a file is missing: what it would have said would be reported too */
};

void *conf_keep(struct conf_private *p, void *block)
{
    mem_grow(&p->blocks, &p->blocks_cap, p->n_blocks, sizeof(*p->blocks));
    p->blocks[p->n_blocks++] = block;
    return block;
}

const struct conf_section *conf_section_get(const struct conf_private *p, const char *name)
{
    for (size_t i = 0; conf_keys_root[i].name; i++)
        if (strcmp(conf_keys_root[i].name, name) == 0)
            return &p->sections[i];
    return NULL;
}

bool conf_section_is_given(const struct conf_private *p, const char *name)
{
    const struct conf_section *section = conf_section_get(p, name);

    return section->name && section->name->doc != p->shipped;
}

struct conf *conf_free(struct conf *conf)
{
    struct conf_private *p;

    if (!conf)
        return NULL;
    p = conf->private;
    model_free(conf->model);
    presets_free(conf->presets);
    conf_zones_free(p);
    for (size_t i = 0; i < p->n_docs; i++)
        conf_doc_free(p->docs[i]);
    for (size_t i = 0; i < p->n_blocks; i++)
        mem_free(p->blocks[i]);
    mem_free(p->docs);
    mem_free(p->blocks);
    mem_free(p->presets);
    return mem_free(p);
}

/* ---- files ---- */

static struct conf_doc *add_doc(struct loader *l, const char *name, struct buf *text)
{
    struct conf_private *p = l->p;

    mem_grow(&p->docs, &p->docs_cap, p->n_docs, sizeof(*p->docs));
    p->docs[p->n_docs] = conf_doc_new(name, text, l->reader.faults);
    return p->docs[p->n_docs++];
}

int conf_read_file(const char *path, struct buf *ret_text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), saved = 0;
    ssize_t n = 1;

    if (fd < 0)
        return errno;
    while (n > 0 && ret_text->len <= CONF_FILE_MAX_BYTES) {
        char *to = buf_reserve(ret_text, 1 << 16);

        n = read(fd, to, 1 << 16);
        if (n > 0)
            buf_advance(ret_text, (size_t)n);
        else if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            saved = errno;
    }
    close(fd);
    return saved;
}

static void load_file(struct loader *l, const char *path, const struct chain *above,
                      const struct conf_node *at);

static void fault_file(struct loader *l, const struct conf_node *at, const char *path,
                       const char *why)
{
    l->is_partial = true;
    if (at)
        conf_fault_node(&l->reader, at, "include: %.200s %s", path, why);
    else
        conf_fault_add(l->reader.faults, path, 0, 0, "%s", why);
}

char *conf_path_beside(const char *file, struct str name)
{
    const char *slash = strrchr(file, '/');
    struct buf b = BUF_INIT;

    if (slash && name.len && name.ptr[0] != '/')
        buf_add(&b, file, (size_t)(slash - file) + 1);
    buf_add_str(&b, name);
    return b.ptr;
}

static void load_include(struct loader *l, const struct conf_node *node, const struct chain *chain)
{
    struct str name;
    char *path;

    if (!conf_read_text(&l->reader, "include", node, &name))
        return;
    if (!name.len || memchr(name.ptr, '\0', name.len))
        return conf_fault_node(&l->reader, node, "include: no file name");
    path = conf_path_beside(node->doc->name, name);
    load_file(l, path, chain, node);
    mem_free(path);
}

static void load_includes(struct loader *l, const struct conf_doc *doc, const struct chain *chain)
{
    const struct conf_node *list = conf_map_get(doc->root, "include");

    if (!list)
        return;
    if (list->type != CONF_NODE_LIST)
        return conf_fault_node(&l->reader, list, "include: expected a list of files: write [FILE]");
    if (!l->has_includes && list->n)
        return conf_fault_node(&l->reader, list, "include: is not possible here: write it out");
    for (size_t i = 0; i < list->n; i++)
        load_include(l, list->items[i], chain);
}

/* Presets of all files count, since each file has those of one sender. */
static void take_presets(struct conf_private *p, const struct conf_node *value)
{
    mem_grow(&p->presets, &p->presets_cap, p->n_presets, sizeof(struct conf_node *));
    p->presets[p->n_presets++] = value;
}

static void take_sections(struct loader *l, const struct conf_doc *doc)
{
    for (size_t i = 0; i < doc->root->n; i++) {
        const struct conf_node *name = conf_map_key(doc->root, i);
        const struct conf_key *key = conf_key_find(conf_keys_root, name->text);

        if (!key)
            conf_fault_unknown(&l->reader, conf_keys_root, name);
        else if (key->type == CONF_LATER)
            conf_fault_node(&l->reader, name, "'%s' is not supported by this version: leave it out",
                            key->name);
        else
            l->p->sections[key - conf_keys_root] =
                (struct conf_section){.name = name, .value = conf_map_value(doc->root, i)};
        if (key && key->read == conf_read_presets)
            take_presets(l->p, conf_map_value(doc->root, i));
    }
}

static void load_doc(struct loader *l, const struct conf_doc *doc, const struct chain *chain)
{
    if (!doc->root)
        return;
    if (doc->root->type != CONF_NODE_MAP)
        return conf_fault_node(&l->reader, doc->root,
                               "expected sections such as `kafka:`, `metrics:` or `rules:`");
    load_includes(l, doc, chain);
    take_sections(l, doc);
}

static bool is_in_chain(const struct chain *chain, const char *real_path)
{
    for (; chain; chain = chain->above)
        if (*real_path && strcmp(chain->real_path, real_path) == 0)
            return true;
    return false;
}

static void load_file(struct loader *l, const char *path, const struct chain *above,
                      const struct conf_node *at)
{
    struct chain *chain = mem_calloc(1, sizeof(*chain));
    struct buf text = BUF_INIT;
    int r = conf_read_file(path, &text);

    chain->above = above;
    chain->depth = above ? above->depth + 1 : 0;
    /* A pipe has no such path, and cannot include itself. */
    if (!realpath(path, chain->real_path))
        chain->real_path[0] = '\0';
    if (r)
        fault_file(l, at, path, strerror(r));
    else if (is_in_chain(above, chain->real_path))
        fault_file(l, at, path, "includes itself: leave it out");
    else if (chain->depth > INCLUDE_DEPTH_MAX || l->p->n_docs >= DOCS_MAX)
        fault_file(l, at, path, "is one file too many: at most 8 deep, and 64 in all");
    else
        load_doc(l, add_doc(l, path, &text), chain);
    buf_deinit(&text);
    mem_free(chain);
}

/* ---- assembly ---- */

static void load_shipped(struct loader *l)
{
    struct buf text = BUF_INIT;
    struct conf_doc *doc;

    buf_add(&text, conf_defaults, conf_defaults_len);
    doc = add_doc(l, SHIPPED_NAME, &text);
    l->p->shipped = doc;
    load_doc(l, doc, NULL);
    ENSURE(doc->root);
}

/* The shipped stages are made of the shipped metrics, and tell of each move: who has metrics or
 * rules of their own has stages of their own, or none. */
static bool is_left_out(const struct conf_private *p, const struct conf_key *key)
{
    return strcmp(key->name, "stages") == 0 && !conf_section_is_given(p, "stages") &&
           (conf_section_is_given(p, "metrics") || conf_section_is_given(p, "rules"));
}

static void read_sections(struct loader *l)
{
    for (size_t i = 0; conf_keys_root[i].name; i++)
        if (l->p->sections[i].name && !is_left_out(l->p, &conf_keys_root[i]))
            (void)conf_key_read(&l->reader, &conf_keys_root[i], l->p->sections[i].value, l->p);
}

static void assemble(struct loader *l)
{
    struct conf_private *p = l->p;

    conf_keys_set_defaults(conf_keys_root, p);
    read_sections(l);
    conf_ingest_check(&l->reader, p);
    conf_kafka_check(&l->reader, p);
    conf_local_check(&l->reader, p);
    conf_model_build(&l->reader, p);
}

static void begin(struct loader *l, const char *name, struct conf_faults *faults)
{
    struct conf_private *p = mem_calloc(1, sizeof(*p));

    p->conf.private = p;
    p->conf.path = str_of(conf_keep(p, mem_strndup(name, strlen(name))));
    *l = (struct loader){.reader = {.conf = &p->conf, .faults = faults}, .p = p};
}

static bool is_whole(const struct loader *l)
{
    for (size_t i = 0; i < l->p->n_docs; i++)
        if (!l->p->docs[i]->root)
            return false;
    return !l->is_partial;
}

/* `n_before`: the caller's list may hold others. */
static int finish(struct loader *l, size_t n_before, struct conf **ret_conf)
{
    struct conf_faults *faults = l->reader.faults;
    bool is_loaded = is_whole(l);

    if (is_loaded)
        assemble(l);
    if (is_loaded && faults->n == n_before)
        conf_text_write(l->p);
    if (l->p->conf.text.len > CONF_FILE_MAX_BYTES)
        conf_fault_add(faults, l->p->docs[1]->name, 0, 0, "larger than %d bytes with its includes",
                       CONF_FILE_MAX_BYTES);
    if (!is_loaded || faults->n > n_before) {
        conf_faults_sort(faults);
        conf_free(&l->p->conf);
        return CONF_E_FAULTS;
    }
    *ret_conf = &l->p->conf;
    return 0;
}

int conf_load(const char *path, struct conf **ret_conf, struct conf_faults *faults)
{
    size_t n_before = faults->n;
    struct loader l;

    begin(&l, path, faults);
    load_shipped(&l);
    l.has_includes = l.p->may_read_files = true;
    load_file(&l, path, NULL, NULL);
    return finish(&l, n_before, ret_conf);
}

int conf_parse(struct str text, const char *name, struct conf **ret_conf,
               struct conf_faults *faults)
{
    size_t n_before = faults->n;
    struct buf copy = BUF_INIT;
    struct loader l;

    begin(&l, name, faults);
    load_shipped(&l);
    buf_add_str(&copy, text);
    load_doc(&l, add_doc(&l, name, &copy), NULL);
    return finish(&l, n_before, ret_conf);
}
