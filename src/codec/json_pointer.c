/* SPDX-License-Identifier: Apache-2.0 */
/* Pointers are walked a token at a time; nothing is allocated. */
#include "codec/json_pointer.h"

bool json_pointer_is_valid(struct str pointer, size_t *ret_offset)
{
    *ret_offset = 0;
    if (!pointer.len || pointer.ptr[0] != '/' || pointer.len > JSON_POINTER_MAX_BYTES)
        return false;
    for (size_t i = 0; i < pointer.len; i++) {
        char next = i + 1 < pointer.len ? pointer.ptr[i + 1] : '\0';

        if (!pointer.ptr[i] || (pointer.ptr[i] == '~' && next != '0' && next != '1')) {
            *ret_offset = i;
            return false;
        }
    }
    return true;
}

/* The token from behind a slash up to the next one, unescaped; returns where that is. */
static size_t read_token(struct str pointer, size_t at, char *to, size_t *ret_len)
{
    size_t n = 0;

    for (; at < pointer.len && pointer.ptr[at] != '/'; at++) {
        char c = pointer.ptr[at];

        if (c == '~')
            c = pointer.ptr[++at] == '0' ? '~' : '/';
        to[n++] = c;
    }
    to[n] = '\0';
    *ret_len = n;
    return at;
}

/* Digits without a leading zero; false: no item. */
static bool read_index(const char *token, size_t len, size_t *ret_index)
{
    size_t index = 0;

    if (!len || len > 9 || (token[0] == '0' && len > 1))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (token[i] < '0' || token[i] > '9')
            return false;
        index = index * 10 + (size_t)(token[i] - '0');
    }
    *ret_index = index;
    return true;
}

static struct json_value step(const struct json_value *from, const char *token, size_t len)
{
    struct json_value none = {.kind = JSON_KIND_ABSENT};
    size_t index;

    if (from->kind == JSON_KIND_OBJECT)
        return json_doc_member(from, token);
    if (from->kind == JSON_KIND_ARRAY && read_index(token, len, &index))
        return json_doc_item(from, index);
    return none;
}

struct json_value json_pointer_get(const struct json_value *root, struct str pointer)
{
    char token[JSON_POINTER_MAX_BYTES + 1];
    struct json_value v = *root;
    size_t len;

    for (size_t at = 0; at < pointer.len;) {
        at = read_token(pointer, at + 1, token, &len);
        v = step(&v, token, len);
    }
    return v;
}
