/* SPDX-License-Identifier: Apache-2.0 */
/* One pass from brace to brace; no nesting, no logic. */
#include "engine/template.h"

static const char *find_pair(const char *from, const char *end, char c)
{
    for (; end - from >= 2; from++) {
        if (from[0] == c && from[1] == c)
            return from;
    }
    return NULL;
}

/* The next {{name}} at or after *at; false at the end. A name that is not closed has a NULL end. */
static bool next_name(struct str text, const char **at, struct str *ret_name, const char **ret_open)
{
    const char *end = text.ptr + text.len, *open = find_pair(*at, end, '{'), *close;

    if (!open)
        return false;
    *ret_open = open;
    close = find_pair(open + 2, end, '}');
    if (!close) {
        *ret_name = STR_NULL;
        return true;
    }
    open += 2;
    *at = close + 2;
    while (open < close && *open == ' ')
        open++;
    while (close > open && close[-1] == ' ')
        close--;
    *ret_name = (struct str){open, (size_t)(close - open)};
    return true;
}

int template_check(struct str text, template_fn fn, void *ctx, size_t *ret_offset)
{
    const char *at = text.ptr, *open;
    struct str name;

    while (text.len && next_name(text, &at, &name, &open)) {
        if (name.ptr && fn(ctx, name, NULL))
            continue;
        *ret_offset = (size_t)(open - text.ptr);
        return TEMPLATE_E_INVALID;
    }
    return 0;
}

void template_render(struct str text, template_fn fn, void *ctx, struct buf *out)
{
    const char *at = text.ptr, *plain = text.ptr, *open;
    struct str name;

    while (text.len && next_name(text, &at, &name, &open) && name.ptr) {
        buf_add(out, plain, (size_t)(open - plain));
        (void)fn(ctx, name, out);
        plain = at;
    }
    if (text.len)
        buf_add(out, plain, (size_t)(text.ptr + text.len - plain));
}
