/* SPDX-License-Identifier: Apache-2.0 */
/* Programs: their memory, and the way from text to one. */
#include "engine/cel_eval.h"

#include "base/mem.h"

#include <stdio.h>

struct cel_block {
    struct cel_block *next;
    max_align_t bytes[];
};

void *cel_keep(struct cel_program *p, size_t n_bytes)
{
    struct cel_block *block = mem_alloc(sizeof(*block) + n_bytes);

    block->next = p->blocks;
    p->blocks = block;
    return block->bytes;
}

struct str cel_keep_str(struct cel_program *p, struct str s)
{
    char *copy;

    if (!s.len)
        return STR("");
    copy = cel_keep(p, s.len);
    memcpy(copy, s.ptr, s.len);
    return (struct str){copy, s.len};
}

uint16_t cel_add_const(struct cel_program *p, struct cel_value v)
{
    mem_grow(&p->consts, &p->consts_cap, p->n_consts, sizeof(*p->consts));
    p->consts[p->n_consts] = v;
    return (uint16_t)p->n_consts++;
}

/* Lines end at \n; columns count characters, that is, all but the tails of UTF-8 sequences. */
static void set_position(struct cel_error *e, struct str text, size_t at)
{
    e->offset = at;
    e->line = e->column = 1;
    for (size_t i = 0; i < at && i < text.len; i++) {
        if (text.ptr[i] == '\n') {
            e->line++;
            e->column = 1;
        } else if (((unsigned char)text.ptr[i] & 0xc0) != 0x80) {
            e->column++;
        }
    }
}

/* Cuts a message that was too long at a whole character. */
static void trim_utf8(char *text)
{
    size_t n = strlen(text), start = n;

    while (start && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start && (unsigned char)text[start - 1] >= 0xc0)
        start--;
    if (!str_is_utf8((struct str){text + start, n - start}))
        text[start] = '\0';
}

void cel_report(struct cel_report *r, size_t at, const char *format, ...)
{
    va_list args;

    if (r->is_set)
        return;
    r->is_set = true;
    set_position(r->error, r->text, at);
    va_start(args, format);
    vsnprintf(r->error->text, sizeof(r->error->text), format, args);
    va_end(args);
    trim_utf8(r->error->text);
}

struct cel_program *cel_free(struct cel_program *p)
{
    if (!p)
        return NULL;
    while (p->blocks) {
        struct cel_block *block = p->blocks;

        p->blocks = block->next;
        mem_free(block);
    }
    mem_free(p->nodes);
    mem_free(p->consts);
    mem_free(p->vars);
    mem_free(p->zones);
    mem_free(p->names);
    mem_free(p->bytes);
    mem_free(p->items);
    return mem_free(p);
}

static bool makes_strings(const struct cel_node *n)
{
    if (n->op == CEL_OP_ADD)
        return !n->type.depth && (n->type.base == CEL_STRING || n->type.base == CEL_DYN);
    return n->op == CEL_OP_CALL &&
           (n->fn == CEL_FN_STRING || n->fn == CEL_FN_LOWER_ASCII || n->fn == CEL_FN_UPPER_ASCII);
}

static bool makes_lists(const struct cel_node *n)
{
    if (n->op == CEL_OP_ADD)
        return n->type.depth || n->type.base == CEL_DYN;
    return n->op == CEL_OP_LIST || n->op == CEL_OP_MAP || n->op == CEL_OP_FILTER;
}

bool cel_needs_scratch(const struct cel_node *node)
{
    return makes_strings(node) || makes_lists(node);
}

static void give_scratch(struct cel_program *p, unsigned node)
{
    const struct cel_node *n = cel_node(p, node);

    if (makes_strings(n) && !p->bytes)
        p->bytes = mem_alloc(CEL_SCRATCH_MAX);
    if (makes_lists(n) && !p->items)
        p->items = mem_alloc(CEL_ITEMS_MAX * sizeof(*p->items));
    for (unsigned kid = n->kid; kid; kid = cel_node(p, kid)->next)
        give_scratch(p, kid);
}

static int check_text(struct str text, struct cel_report *report)
{
    if (text.len > CEL_TEXT_MAX) {
        cel_report(report, CEL_TEXT_MAX, "the expression has more than %d bytes", CEL_TEXT_MAX);
        return CEL_E_INVALID;
    }
    if (!str_is_utf8(text)) {
        cel_report(report, 0, "the expression is not UTF-8");
        return CEL_E_INVALID;
    }
    return 0;
}

static int compile(struct str text, const struct cel_schema *schema, enum cel_type want,
                   bool is_unchecked, struct cel_program **ret_program, struct cel_error *ret_error)
{
    struct cel_report report = {.text = text, .error = ret_error};
    struct cel_program *p = mem_calloc(1, sizeof(*p));
    int r;

    p->want = want;
    r = check_text(text, &report);
    if (!r)
        r = cel_parse(p, &report);
    if (!r)
        r = cel_check(p, schema, is_unchecked, &report);
    if (r) {
        ENSURE(r == CEL_E_INVALID && report.is_set);
        cel_free(p);
        return r;
    }
    give_scratch(p, p->root);
    *ret_program = p;
    return 0;
}

int cel_compile(struct str text, const struct cel_schema *schema, enum cel_type want,
                struct cel_program **ret_program, struct cel_error *ret_error)
{
    return compile(text, schema, want, false, ret_program, ret_error);
}

int cel_compile_unchecked(struct str text, const struct cel_schema *schema,
                          struct cel_program **ret_program, struct cel_error *ret_error)
{
    return compile(text, schema, CEL_DYN, true, ret_program, ret_error);
}

bool cel_reads(const struct cel_program *p, unsigned var)
{
    for (size_t i = 0; i < p->n_vars; i++) {
        if (p->vars[i].var == var)
            return true;
    }
    return false;
}

enum cel_type cel_result_type(const struct cel_program *p)
{
    const struct cel_node *root = cel_node(p, p->root);

    return root->type.depth ? CEL_LIST : (enum cel_type)root->type.base;
}

const struct zone *cel_find_zone(const struct cel_program *p, struct str name)
{
    for (size_t i = 0; i < p->n_zones; i++) {
        if (str_eq(p->zones[i].name, name))
            return p->zones[i].zone;
    }
    return NULL;
}

const struct zone *cel_zone(const struct cel_program *p, size_t i, struct str *ret_name)
{
    if (i >= p->n_zones)
        return NULL;
    *ret_name = p->zones[i].name;
    return p->zones[i].zone;
}

bool cel_is_constant(const struct cel_program *p)
{
    return p->n_vars == 0;
}
