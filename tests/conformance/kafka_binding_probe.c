/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decodes one record from standard input for kafka_binding.py: header lines `name: value`, an empty
 * line, the value. Prints the attributes as lines `name<TAB>value`, an empty line, and data as
 * JSON; id, source, type and time are those of event_decode, the rest those of the envelope.
 */
#include "base/parse.h"
#include "codec/envelope.h"
#include "codec/event_decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <jansson.h>

#define HEADERS_MAX 32

struct record {
    char *names[HEADERS_MAX], *values[HEADERS_MAX];
    size_t n_headers;
    struct str value;
};

static bool header_at(const void *headers, size_t i, const char **ret_name, struct str *ret_value)
{
    const struct record *r = headers;

    if (i >= r->n_headers)
        return false;
    *ret_name = r->names[i];
    *ret_value = str_of(r->values[i]);
    return true;
}

static void split(char *text, struct record *r)
{
    char *line = text, *end;

    while (*line != '\n' && r->n_headers < HEADERS_MAX) {
        char *colon = strstr(line, ": ");

        end = strchr(line, '\n');
        ENSURE(colon && end && colon < end);
        *colon = *end = '\0';
        r->names[r->n_headers] = line;
        r->values[r->n_headers++] = colon + 2;
        line = end + 1;
    }
    r->value = str_of(line + 1);
}

static void print(const char *name, struct str text)
{
    if (text.len)
        printf("%s\t%.*s\n", name, STR_ARG(text));
}

static int probe(const struct event_input *input)
{
    const struct event_limits limits = {.value_bytes = EVENT_VALUE_MAX_BYTES,
                                        .depth = EVENT_DEPTH_MAX};
    struct event_decoder *decoder = event_decoder_new(NULL);
    struct json_doc doc = JSON_DOC_INIT;
    struct event_refusal refusal;
    struct envelope envelope;
    struct buf time = BUF_INIT;
    struct event event;

    if (event_decode(decoder, input, &event, &refusal) ||
        envelope_read(input, &limits, &doc, &envelope, &refusal)) {
        fprintf(stderr, "%s: %s\n", refusal.code, refusal.text);
        return 1;
    }
    format_instant(&time, event.time_ms);
    print("specversion", envelope.attributes[ENVELOPE_SPECVERSION]);
    print("id", event.id);
    print("type", event.type_name);
    print("source", event.source);
    print("time", buf_str(&time));
    print("datacontenttype", envelope.attributes[ENVELOPE_DATACONTENTTYPE]);
    printf("\n");
    json_dumpf(envelope.data.node, stdout, 0);
    buf_deinit(&time);
    json_doc_deinit(&doc);
    event_decoder_free(decoder);
    return 0;
}

int main(void)
{
    static char text[1 << 16];
    struct record record = {0};

    text[fread(text, 1, sizeof(text) - 1, stdin)] = '\0';
    split(text, &record);
    return probe(&(struct event_input){
        .value = record.value, .header_at = header_at, .headers = &record, .timestamp_ms = -1});
}
