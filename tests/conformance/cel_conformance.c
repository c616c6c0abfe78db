/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evaluates cases that cel.py feeds it, one per line on standard input; answers with one line each.
 * In:  MODE \t EXPRESSION \t NAME \t VALUE ...    MODE is checked or unchecked
 * Out: VALUE, or `error`, or `refused TEXT`
 * Text is in hex. Values: n, b0, b1, i123, d0x1.8p+0, sHEX, tHEX (of a type), [VALUE VALUE],
 * D and T with milliseconds and nanoseconds: D1500:0.
 */
#include "engine/cel_program.h"

#include "base/mem.h"
#include "engaged/zone.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define VARS_MAX 8

struct binding {
    struct cel_var var;
    struct cel_value value;
    struct cel_value items[16];
    char *text; /* owned */
};

static char *from_hex(const char *hex, size_t *ret_len)
{
    size_t n = strlen(hex) / 2;
    char *text = mem_alloc(n + 1);

    for (size_t i = 0; i < n; i++) {
        unsigned byte;

        ENSURE(sscanf(hex + 2 * i, "%2x", &byte) == 1);
        text[i] = (char)byte;
    }
    text[n] = '\0';
    *ret_len = n;
    return text;
}

static struct cel_value read_value(const char *s, struct binding *b)
{
    struct cel_value v = {.type = CEL_NULL};
    long long ms;
    int ns;

    switch (s[0]) {
    case 'n':
        return v;
    case 'b':
        return (struct cel_value){.type = CEL_BOOL, .b = s[1] == '1'};
    case 'i':
        return (struct cel_value){.type = CEL_INT, .i = strtoll(s + 1, NULL, 10)};
    case 'd':
        return (struct cel_value){.type = CEL_DOUBLE, .d = strtod(s + 1, NULL)};
    case 's':
        v.type = CEL_STRING;
        b->text = from_hex(s + 1, &v.s.len);
        v.s.ptr = b->text;
        return v;
    case 'D':
    case 'T':
        ENSURE(sscanf(s + 1, "%lld:%d", &ms, &ns) == 2);
        return (struct cel_value){
            .type = s[0] == 'D' ? CEL_DURATION : CEL_TIMESTAMP, .i = ms, .ns = ns};
    case '[':
        v = (struct cel_value){.type = CEL_LIST, .list = {b->items, 0}};
        for (s++; *s && *s != ']'; s += strcspn(s, " ]"), s += *s == ' ')
            b->items[v.list.n++] = read_value(s, b);
        return v;
    default:
        ENSURE(false);
        return v;
    }
}

static void put_hex(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        printf("%02x", (unsigned char)s.ptr[i]);
}

static void put_value(const struct cel_value *v)
{
    switch (v->type) {
    case CEL_NULL:
        printf("n");
        break;
    case CEL_BOOL:
        printf("b%d", v->b);
        break;
    case CEL_INT:
        printf("i%lld", (long long)v->i);
        break;
    case CEL_DOUBLE:
        printf("d%a", v->d);
        break;
    case CEL_STRING:
    case CEL_TYPE:
        printf("%c", v->type == CEL_STRING ? 's' : 't');
        put_hex(v->s);
        break;
    case CEL_LIST:
        printf("[");
        for (size_t i = 0; i < v->list.n; i++) {
            printf("%s", i ? " " : "");
            put_value(&v->list.items[i]);
        }
        printf("]");
        break;
    default:
        printf("%c%lld:%d", v->type == CEL_DURATION ? 'D' : 'T', (long long)v->i, v->ns);
        break;
    }
}

static bool get(void *ctx, unsigned var, struct cel_value *ret_value)
{
    const struct binding *bindings = ctx;

    *ret_value = bindings[var].value;
    return true;
}

#define ZONES_MAX 16

/* Those that were asked for, of the system's time-zone data; kept until the end. */
static const struct zone *find_zone(void *ctx, struct str name)
{
    static struct {
        char name[128];
        struct zone *zone;
    } zones[ZONES_MAX];
    static size_t n_zones;
    struct buf bytes = BUF_INIT;
    char path[256];
    FILE *f;

    (void)ctx;
    for (size_t i = 0; i < n_zones; i++) {
        if (str_eq(str_of(zones[i].name), name))
            return zones[i].zone;
    }
    snprintf(path, sizeof(path), "/usr/share/zoneinfo/%.*s", STR_ARG(name));
    f = zone_is_name(name) && n_zones < ZONES_MAX ? fopen(path, "re") : NULL;
    if (!f)
        return NULL;
    buf_advance(&bytes, fread(buf_reserve(&bytes, ZONE_FILE_MAX), 1, ZONE_FILE_MAX, f));
    fclose(f);
    if (zone_of_tzif(buf_str(&bytes), &zones[n_zones].zone) == 0) {
        snprintf(zones[n_zones].name, sizeof(zones[n_zones].name), "%.*s", STR_ARG(name));
        n_zones++;
    }
    buf_deinit(&bytes);
    return n_zones && str_eq(str_of(zones[n_zones - 1].name), name) ? zones[n_zones - 1].zone
                                                                    : NULL;
}

static void answer(bool is_checked, struct str text, struct binding *bindings, size_t n)
{
    struct cel_var vars[VARS_MAX];
    struct cel_schema schema = {.vars = vars, .n_vars = n, .find_zone = find_zone};
    struct cel_program *p;
    struct cel_error e;
    struct cel_value v;

    for (size_t i = 0; i < n; i++)
        vars[i] = bindings[i].var;
    if (is_checked ? cel_compile(text, &schema, CEL_DYN, &p, &e)
                   : cel_compile_unchecked(text, &schema, &p, &e)) {
        printf("refused %s\n", e.text);
        return;
    }
    if (cel_eval(p, get, bindings, &v))
        printf("error");
    else
        put_value(&v);
    printf("\n");
    cel_free(p);
}

static void run_line(char *line)
{
    struct binding bindings[VARS_MAX] = {0};
    char *rest = line, *mode = strsep(&rest, "\t"), *hex = strsep(&rest, "\t"), *name;
    struct str text;
    char *bytes;
    size_t n = 0;

    ENSURE(hex);
    bytes = from_hex(hex, &text.len);
    text.ptr = bytes;
    while ((name = strsep(&rest, "\t"))) {
        struct binding *b = &bindings[n++];

        ENSURE(n <= VARS_MAX && rest);
        b->value = read_value(strsep(&rest, "\t"), b);
        b->var = (struct cel_var){
            .name = name,
            .type = b->value.type,
            .item = b->value.type == CEL_LIST && b->value.list.n ? b->items[0].type : CEL_DYN,
        };
    }
    answer(!strcmp(mode, "checked"), text, bindings, n);
    for (size_t i = 0; i < n; i++)
        mem_free(bindings[i].text);
    mem_free(bytes);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    while ((len = getline(&line, &cap, stdin)) > 0) {
        line[len - (line[len - 1] == '\n')] = '\0';
        run_line(line);
        fflush(stdout);
    }
    free(line);
    return 0;
}
