/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference parser: jansson. Its recursion and its lexer are kept away from what is nested too
 * deep, and its messages, which quote the input, are replaced by our own.
 */
#include "codec/json_doc.h"

#include "base/mem.h"

#include <jansson.h>

static void free_any(void *ptr)
{
    mem_free(ptr);
}

void json_doc_setup(void)
{
    json_set_alloc_funcs(mem_alloc, free_any);
}

/* Skips a string from its opening quote; returns where it ends (behind the quote, or at the end of
 * the bytes: then the parser will refuse it). */
static size_t skip_string(struct str s, size_t at)
{
    for (at++; at < s.len && s.ptr[at] != '"'; at++) {
        if (s.ptr[at] == '\\')
            at++;
    }
    return at + 1;
}

/* Brackets alone decide, so that this holds for broken JSON too. */
static bool is_too_deep(struct str s, size_t depth_max)
{
    size_t depth = 0, at = 0;

    while (at < s.len) {
        char c = s.ptr[at];

        if (c == '"') {
            at = skip_string(s, at);
            continue;
        }
        if ((c == '[' || c == '{') && ++depth > depth_max)
            return true;
        if ((c == ']' || c == '}') && depth)
            depth--;
        at++;
    }
    return false;
}

static int refuse_error(const json_error_t *error, struct event_refusal *r)
{
    /* What jansson fails without a word is an allocation. */
    enum json_error_code code = error->text[0] ? json_error_code(error) : json_error_out_of_memory;

    switch (code) {
    case json_error_out_of_memory:
        return -ENOMEM;
    case json_error_invalid_utf8:
        refusal_set(r, REFUSAL_STAGE_VALUE, "utf8.invalid",
                    "The value is not UTF-8 at byte %d; send JSON in UTF-8.", error->position);
        break;
    case json_error_numeric_overflow:
        refusal_set(r, REFUSAL_STAGE_VALUE, "number.out_of_range",
                    "The number before byte %d is too large; send integers within 64 bits and "
                    "numbers within a double.",
                    error->position);
        break;
    case json_error_null_character:
    case json_error_null_byte_in_key:
        refusal_set(r, REFUSAL_STAGE_VALUE, "text.nul",
                    "The text before byte %d contains \\u0000; leave that character out.",
                    error->position);
        break;
    default:
        refusal_set(r, REFUSAL_STAGE_VALUE, "json.malformed",
                    "The value is not JSON from about byte %d (line %d, column %d); send one "
                    "complete JSON value.",
                    error->position, error->line, error->column);
    }
    return JSON_DOC_E_REFUSED;
}

int json_doc_parse(struct json_doc *doc, struct str bytes, size_t depth_max,
                   struct event_refusal *ret_refusal)
{
    json_error_t error = {0};

    json_doc_deinit(doc);
    if (is_too_deep(bytes, depth_max)) {
        refusal_set(ret_refusal, REFUSAL_STAGE_VALUE, "json.too_deep",
                    "The value is nested more than %zu levels deep; send flatter JSON.", depth_max);
        return JSON_DOC_E_REFUSED;
    }
    doc->root = json_loadb(bytes.ptr ? bytes.ptr : "", bytes.len, JSON_DECODE_ANY, &error);
    return doc->root ? 0 : refuse_error(&error, ret_refusal);
}

void json_doc_deinit(struct json_doc *doc)
{
    json_decref(doc->root);
    doc->root = NULL;
}

static struct json_value value_of(const json_t *node)
{
    struct json_value v = {.kind = JSON_KIND_ABSENT};

    if (!node || json_is_null(node)) {
        v.is_null = node != NULL;
        return v;
    }
    switch (json_typeof(node)) {
    case JSON_TRUE:
    case JSON_FALSE:
        v.kind = JSON_KIND_BOOL;
        v.b = json_is_true(node);
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        v.kind = JSON_KIND_NUMBER;
        v.number = json_number_value(node);
        v.is_integer = json_is_integer(node);
        v.integer = json_integer_value(node);
        break;
    case JSON_STRING:
        v.kind = JSON_KIND_TEXT;
        v.text = (struct str){json_string_value(node), json_string_length(node)};
        break;
    default:
        v.kind = json_is_array(node) ? JSON_KIND_ARRAY : JSON_KIND_OBJECT;
        v.node = node;
    }
    return v;
}

struct json_value json_doc_root(const struct json_doc *doc)
{
    return value_of(doc->root);
}

struct json_value json_doc_member(const struct json_value *object, const char *name)
{
    return value_of(object->kind == JSON_KIND_OBJECT ? json_object_get(object->node, name) : NULL);
}

bool json_doc_next(const struct json_value *object, struct json_member *at,
                   struct json_value *ret_value)
{
    json_t *node = (json_t *)(uintptr_t)object->node;

    if (object->kind != JSON_KIND_OBJECT)
        return false;
    at->place = at->place ? json_object_iter_next(node, at->place) : json_object_iter(node);
    if (!at->place)
        return false;
    at->name = str_of(json_object_iter_key(at->place));
    *ret_value = value_of(json_object_iter_value(at->place));
    return true;
}

size_t json_doc_n_items(const struct json_value *array)
{
    return array->kind == JSON_KIND_ARRAY ? json_array_size(array->node) : 0;
}

struct json_value json_doc_item(const struct json_value *array, size_t i)
{
    return value_of(array->kind == JSON_KIND_ARRAY ? json_array_get(array->node, i) : NULL);
}

const char *json_kind_text(enum json_kind kind)
{
    static const char *const texts[] = {
        [JSON_KIND_ABSENT] = "null",     [JSON_KIND_BOOL] = "a boolean",
        [JSON_KIND_NUMBER] = "a number", [JSON_KIND_TEXT] = "a string",
        [JSON_KIND_ARRAY] = "an array",  [JSON_KIND_OBJECT] = "an object",
    };

    return texts[kind];
}
