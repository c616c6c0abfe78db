/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a record, read by the fast way and by the reference: the same event or the same
 * refusal. The first byte chooses: bit 0, lines of headers come first; bit 1, the record has a
 * timestamp; bit 2, and a key; bit 3, small limits; bit 6, the further bytes choose
 * the pieces of which an event is put together, so that it is mostly taken; bit 7, refusals are
 * compared as well, which the reference gives in both cases: without it, what the fast way leaves
 * to the reference is done with.
 */
#include "fuzz.h"
#include "record.h"
#include "same_event.h"

#include "base/mem.h"
#include "codec/event_decode.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    WITH_HEADERS = 1,
    WITH_TIME = 2,
    WITH_KEY = 4,
    WITH_LIMITS = 8,
    OF_PIECES = 64,
    WITH_REFUSALS = 128
};

/* ---- events of pieces: most are taken ---- */

struct pieces {
    const uint8_t *p, *end;
    struct buf *b;
    bool is_first; /* in its object */
};

static unsigned next(struct pieces *q)
{
    return q->p < q->end ? *q->p++ : 0;
}

static void add(struct pieces *q, const char *text)
{
    buf_add_str(q->b, str_of(text));
}

static const char *pick(struct pieces *q, const char *const *words, size_t n)
{
    return words[next(q) % n];
}

#define PICK(q, ...)                                                                               \
    pick(q, (const char *const[]){__VA_ARGS__}, ARRAY_SIZE(((const char *const[]){__VA_ARGS__})))

/* What is wrong, unusual, or not for us; each a whole member. */
static const char *const odd_members[] = {
    "\"type\":\"io.engaged.measure.v1\"",
    "\"id\":\"\"",
    "\"subject\":7",
    "\"time\":\"2026-02-29T00:00:00Z\"",
    "\"datacontenttype\":\"text/xml\"",
    "\"data_base64\":\"AA==\"",
    "\"data_base64\":null",
    "\"data\":null",
    "\"data\":[]",
    "\"direction\":\"in\"",
    "\"direction\":\"inbound\\u0000\"",
    "\"verb\":\"\"",
    "\"verb\":\"twice\"",
    "\"communities\":[\"\"]",
    "\"communities\":[1]",
    ("\"communities\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"a\",\"b\",\"c\","
     "\"d\",\"e\",\"f\",\"g\" , \"\\u0068\"]"),
    "\"counterpart\":\"\355\240\200\"",
    "\"sentiment\":1.0000000000000001",
    "\"sentiment\":1.01",
    "\"weight\":9223372036854775808",
    "\"value\":1.7976931348623159e308",
    "\"value\":01",
    "\"value\":\"1\"",
    "\"automatic\":truth",
    "\"unknown\":\"\\ud800\"",
    "\"unknown\":\"\\udc00\\ud800\"",
    "\"unknown\":1e999",
    "\"unknown\":-",
    "\"unknown\":[[[[]]]]",
    "\"unknown\":[{}]",
    "\"unknown\":{\"a\":[1,2.5e-3,{\"b\":null}],\"a\":true}",
    "\"\\u0076erb\":\"x\"",
    "\"verb\\u0000\":\"x\"",
    "\"\":0",
    "\"a_name_of_more_than_sixteen_bytes\":0",
    "\"datacontenttypes\":0",
};

static void add_text(struct pieces *q)
{
    static const char *const signs[] = {"a",
                                        "Z",
                                        "0",
                                        " ",
                                        "~",
                                        "\177",
                                        "e",
                                        "-",
                                        "/",
                                        "\\\"",
                                        "\\\\",
                                        "\\/",
                                        "\\b",
                                        "\\f",
                                        "\\n",
                                        "\\r",
                                        "\\t",
                                        "\\u00e9",
                                        "\\u0001",
                                        "\\uFFFF",
                                        "\303\251",
                                        "\342\202\254",
                                        "\360\237\230\200",
                                        "\\ud83d\\uDE00",
                                        "\357\277\277",
                                        "abcdefghijklmnop",
                                        "\\u0041",
                                        "\302\200",
                                        "\364\217\277\277",
                                        "{",
                                        "]",
                                        ":"};

    add(q, "\"");
    for (unsigned n = next(q) % 24; n > 0; n--)
        add(q, signs[next(q) % (next(q) < 200 ? 9 : ARRAY_SIZE(signs))]);
    add(q, "x\"");
}

static void add_digits(struct pieces *q, unsigned n)
{
    while (n-- > 0)
        buf_add_char(q->b, (char)('0' + next(q) % 10));
}

static void add_number(struct pieces *q)
{
    unsigned shape = next(q), size = next(q) < 230 ? 5 : 12;

    add(q, shape & 1 ? "-" : "");
    if (shape & 2)
        add(q, "0");
    else
        buf_add_char(q->b, (char)('1' + next(q) % 9));
    if (!(shape & 2))
        add_digits(q, next(q) % size);
    if (shape & 4) {
        add(q, ".");
        add_digits(q, 1 + next(q) % (size * 2));
    }
    if (shape >= 200) {
        add(q, PICK(q, "e", "E", "e+", "e-", "E-"));
        add_digits(q, 1 + (next(q) < 200 ? next(q) % 2 : next(q) % 4));
    }
}

static void add_share(struct pieces *q)
{
    add(q, PICK(q, "0.", "-0.", "0.0000"));
    add_digits(q, 1 + next(q) % 18);
}

static void add_time(struct pieces *q)
{
    unsigned fraction;

    buf_addf(q->b, "\"%04u-%02u-%02u%s%02u:%02u:%02u", next(q) * 39 + next(q) % 10,
             next(q) % 12 + 1, next(q) % 29 + 1, PICK(q, "T", "T", "t", " "), next(q) % 24,
             next(q) % 60, next(q) % 61);
    fraction = next(q) % 7;
    add(q, fraction ? "." : "");
    add_digits(q, fraction);
    add(q, PICK(q, "Z", "Z", "Z", "z", "+02:00", "-23:59", "+00:00"));
    add(q, "\"");
}

static void add_texts(struct pieces *q)
{
    unsigned n = next(q) % 5;

    add(q, "[");
    for (unsigned i = 0; i < n; i++) {
        add(q, i ? PICK(q, ",", " , ") : "");
        add_text(q);
    }
    add(q, "]");
}

static void add_type(struct pieces *q)
{
    static const char *const names[] = {"tick",     "heartbeat",  "outcome",
                                        "identity", "retraction", "other"};
    unsigned c = next(q);

    buf_addf(q->b, "\"io.engaged.%s.v1\"", c < 240 ? "interaction" : names[c % ARRAY_SIZE(names)]);
}

static void add_flag(struct pieces *q)
{
    add(q, PICK(q, "true", "false", "true", "null"));
}

static void add_version(struct pieces *q)
{
    add(q, "\"1.0\"");
}

static void add_media_type(struct pieces *q)
{
    add(q, PICK(q, "\"application/json\"", "\"a/b+JSON ; charset=utf-8\"", "\"\"", "null"));
}

static void add_direction(struct pieces *q)
{
    add(q, PICK(q, "\"inbound\"", "\"outbound\"", "\"peer\"", "\"i\\u006ebound\""));
}

static void add_any(struct pieces *q)
{
    add(q, PICK(q, "{}", "[]", "null", "-0", "[1,\"\\u00e9\",{\"a\":{\"a\":[]}}]", "1e-400",
                "9223372036854775807", "\"\"", "{ \"a\" : false , \"a\":[ true ] }"));
}

struct piece {
    const char *name;
    void (*add)(struct pieces *q);
    bool is_required;
};

static void add_members(struct pieces *q, const struct piece *pieces, size_t n)
{
    unsigned from = next(q);

    q->is_first = true;
    for (size_t i = 0; i < n; i++) {
        const struct piece *piece = &pieces[(from + i) % n];
        unsigned c = next(q);

        if (c >= 80 && !piece->is_required)
            continue;
        add(q, q->is_first ? "" : ",");
        q->is_first = false;
        buf_addf(q->b, "%s\"%s\"%s", c & 1 ? "" : " ", piece->name, c & 2 ? ":" : " :\t");
        if (!piece->is_required && c >= 78)
            add(q, "null");
        else
            piece->add(q);
        if (c == 7)
            buf_addf(q->b, ",%s", odd_members[next(q) % ARRAY_SIZE(odd_members)]);
        add(q, c & 4 ? "" : "\r\n");
    }
}

static void add_data(struct pieces *q)
{
    static const struct piece pieces[] = {
        {"direction", add_direction, true},
        {"verb", add_text, true},
        {"channel", add_text, false},
        {"conversation", add_text, false},
        {"in_reply_to", add_text, false},
        {"org", add_text, false},
        {"kind", add_text, false},
        {"account", add_text, false},
        {"communities", add_texts, false},
        {"actor", add_text, false},
        {"counterpart", add_text, false},
        {"sentiment", add_share, false},
        {"intent", add_text, false},
        {"weight", add_number, false},
        {"value", add_number, false},
        {"expects_reply", add_flag, false},
        {"resolves", add_flag, false},
        {"automatic", add_flag, false},
        {"trigger", add_text, false},
        {"action", add_text, false},
        {"id", add_text, false},
        {"unknown", add_any, false},
    };

    add(q, "{");
    add_members(q, pieces, ARRAY_SIZE(pieces));
    add(q, "}");
}

static void put_together(const uint8_t *bytes, size_t n, struct buf *b)
{
    static const struct piece pieces[] = {
        {"specversion", add_version, true}, {"id", add_text, true},
        {"source", add_text, true},         {"type", add_type, true},
        {"subject", add_text, true},        {"time", add_time, false},
        {"sequence", add_text, false},      {"datacontenttype", add_media_type, false},
        {"causationid", add_text, false},   {"correlationid", add_text, false},
        {"unknown", add_any, false},        {"data", add_data, true},
    };
    struct pieces q = {bytes, bytes + n, b, true};

    add(&q, "{");
    add_members(&q, pieces, ARRAY_SIZE(pieces));
    add(&q, "}");
}

/* ---- the two ways ---- */

static void compare_all(struct event_decoder *const decoders[2], const struct event_input *input)
{
    struct event_refusal refusals[2] = {{.has_time = false}, {.has_time = false}};
    struct event events[2];
    const char *name;
    int r[2];

    memset(events, 0x5a, sizeof(events));
    for (int i = 0; i < 2; i++)
        r[i] = event_decode(decoders[i], input, &events[i], &refusals[i]);
    name = r[0] ? NULL : differing_member(&events[0], &events[1]);
    if (r[0] == r[1] && !name && (!r[0] || events[0].time_ms == events[1].time_ms) &&
        memcmp(refusals[0].code, refusals[1].code, sizeof(refusals[0].code)) == 0 &&
        memcmp(refusals[0].text, refusals[1].text, sizeof(refusals[0].text)) == 0 &&
        refusals[0].stage == refusals[1].stage && refusals[0].has_time == refusals[1].has_time)
        return;
    fprintf(stderr, "the reference says %d %s, the fast way %d %s (%s) of: %.*s\n", r[0],
            refusals[0].code, r[1], refusals[1].code, name ? name : "-", STR_ARG(input->value));
    abort();
}

static void compare_event(struct event_decoder *const decoders[2], const struct event_input *input)
{
    struct event_refusal refusal = {.code = "taken"};
    struct event events[2];
    const char *name = "it is refused";

    if (!event_decode_fast(decoders[1], input, &events[1]))
        return;
    if (!event_decode(decoders[0], input, &events[0], &refusal))
        name = differing_member(&events[0], &events[1]);
    if (!name)
        return;
    fprintf(stderr, "the reference says otherwise (%s, %s) of: %.*s\n", name, refusal.code,
            STR_ARG(input->value));
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static struct event_decoder *decoders[2][2]; /* by limits; the reference, the fast way */
    static struct buf pieces;
    struct event_input input = {.offset = 7, .key = STR("ann")};
    struct record record = {.n_headers = 0};
    uint8_t options = n ? bytes[0] : 0;

    for (int i = 0; i < 4 && !decoders[1][1]; i++)
        decoders[i / 2][i % 2] = event_decoder_new(&(struct event_limits){
            .value_bytes = i / 2 ? 400 : 0, .depth = i / 2 ? 3 : 0, .is_reference = i % 2 == 0});
    input.value = (struct str){(const char *)bytes + (n > 0), n - (n > 0)};
    input.timestamp_ms = options & WITH_TIME ? 1700000000000 : -1;
    input.must_match_key = input.has_key = options & WITH_KEY;
    if (options & WITH_HEADERS) {
        record_split(&input.value, &record);
        input.header_at = record_header_at;
        input.headers = &record;
    }
    if (options & OF_PIECES) {
        buf_reset(&pieces);
        put_together((const uint8_t *)input.value.ptr, input.value.len, &pieces);
        input.value = buf_str(&pieces);
    }
    (options & WITH_REFUSALS ? compare_all : compare_event)(decoders[(options & WITH_LIMITS) != 0],
                                                            &input);
    return 0;
}
