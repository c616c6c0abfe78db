/* SPDX-License-Identifier: Apache-2.0 */
/* The list of faults of one load. Knows nothing of YAML or keys. */
#include "conf/conf_fault.h"

#include "base/mem.h"

#include <stdlib.h>

#define CLIP_BYTES     60
#define DISTANCE_BYTES 40 /* longer names have no near neighbours */

void conf_faults_deinit(struct conf_faults *faults)
{
    for (size_t i = 0; i < faults->n; i++) {
        mem_free(faults->items[i].file);
        mem_free(faults->items[i].text);
    }
    faults->items = mem_free(faults->items);
    faults->n = faults->cap = 0;
}

void conf_fault_format(const struct conf_fault *fault, struct buf *b)
{
    if (fault->line)
        buf_addf(b, "%s:%d:%d: %s", fault->file, fault->line, fault->column, fault->text);
    else
        buf_addf(b, "%s: %s", fault->file, fault->text);
}

static void one_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

void conf_fault_vadd(struct conf_faults *faults, const char *file, int line, int column,
                     const char *format, va_list args)
{
    struct buf text = BUF_INIT;
    struct conf_fault *fault;

    if (faults->n > CONF_FAULTS_MAX)
        return;
    mem_grow(&faults->items, &faults->cap, faults->n, sizeof(*faults->items));
    fault = &faults->items[faults->n++];
    fault->file = mem_strndup(file, strlen(file));
    one_line(fault->file);
    if (faults->n > CONF_FAULTS_MAX) {
        line = column = 0;
        buf_addf(&text, "more than %d faults: those above are the first that were found",
                 CONF_FAULTS_MAX);
    } else {
        buf_vaddf(&text, format, args);
    }
    fault->line = line;
    fault->column = column;
    fault->text = text.ptr;
    one_line(fault->text);
}

void conf_fault_add(struct conf_faults *faults, const char *file, int line, int column,
                    const char *format, ...)
{
    va_list args;

    va_start(args, format);
    conf_fault_vadd(faults, file, line, column, format, args);
    va_end(args);
}

static int fault_cmp(const void *x, const void *y)
{
    const struct conf_fault *a = x, *b = y;
    int c = strcmp(a->file, b->file);

    if (c)
        return c;
    /* What concerns the file as a whole comes last. */
    if (!a->line != !b->line)
        return a->line ? -1 : 1;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    return strcmp(a->text, b->text);
}

void conf_faults_sort(struct conf_faults *faults)
{
    size_t n = 0;

    if (!faults->n)
        return;
    qsort(faults->items, faults->n, sizeof(*faults->items), fault_cmp);
    for (size_t i = 0; i < faults->n; i++) {
        if (n && !fault_cmp(&faults->items[n - 1], &faults->items[i])) {
            mem_free(faults->items[i].file);
            mem_free(faults->items[i].text);
        } else {
            faults->items[n++] = faults->items[i];
        }
    }
    faults->n = n;
}

struct str conf_clip(struct str text)
{
    if (text.len > CLIP_BYTES) {
        text.len = CLIP_BYTES;
        while (text.len && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80)
            text.len--;
    }
    /* "%.*s" ends at a NUL anyway; say the same length. */
    for (size_t i = 0; i < text.len; i++)
        if (!text.ptr[i])
            text.len = i;
    return text;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* Edits (insert, delete, replace a byte) from one to the other. */
static size_t distance(struct str a, struct str b)
{
    size_t row[DISTANCE_BYTES + 1];

    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];

            row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a.ptr[i - 1] != b.ptr[j - 1]));
            diagonal = above;
        }
    }
    return row[b.len];
}

const char *conf_did_you_mean(struct str name, const char *const *names)
{
    const char *best = NULL;
    size_t least = SIZE_MAX;

    for (; *names; names++) {
        struct str known = str_of(*names);
        size_t d;

        if (name.len > DISTANCE_BYTES || known.len > DISTANCE_BYTES)
            continue;
        d = distance(name, known);
        if (d < least && d <= 1 + known.len / 4 && d < known.len) {
            least = d;
            best = *names;
        }
    }
    return best;
}
