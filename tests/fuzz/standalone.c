/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A main for fuzz targets where there is no libFuzzer: runs every file of a corpus as it is and
 * truncated, then mutations of them, made from a seed, until the time is up or so many are done.
 *
 *     fuzz_X [--seconds N] [--runs N] [--seed N] CORPUS_DIR...
 */
#include "fuzz.h"

#include "base/mem.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define INPUT_MAX_BYTES 65536

static struct buf inputs[1024];
static size_t n_inputs;
static uint64_t random_state;

static uint64_t draw(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return below ? random_state % below : 0;
}

/* From memory of its own length, so that sanitizers see a read behind the end. */
static void run(const char *bytes, size_t n)
{
    uint8_t *copy = mem_alloc(n ? n : 1);

    if (n)
        memcpy(copy, bytes, n);
    LLVMFuzzerTestOneInput(copy, n);
    mem_free(copy);
}

static void load(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *entry;

    ENSURE(d != NULL);
    while ((entry = readdir(d)) && n_inputs < ARRAY_SIZE(inputs)) {
        struct buf path = BUF_INIT;
        FILE *f;

        buf_addf(&path, "%s/%s", dir, entry->d_name);
        f = entry->d_name[0] == '.' ? NULL : fopen(path.ptr, "rb");
        if (f) {
            struct buf *b = &inputs[n_inputs++];

            buf_advance(b, fread(buf_reserve(b, INPUT_MAX_BYTES), 1, INPUT_MAX_BYTES, f));
            fclose(f);
        }
        buf_deinit(&path);
    }
    closedir(d);
}

static void splice(struct buf *b)
{
    const struct buf *other = &inputs[draw(n_inputs)];
    size_t from = draw(other->len), n = draw(other->len - from + 1), at = draw(b->len + 1);

    if (b->len + n > INPUT_MAX_BYTES)
        return;
    buf_reserve(b, n);
    memmove(b->ptr + at + n, b->ptr + at, b->len - at);
    memcpy(b->ptr + at, other->ptr + from, n);
    buf_advance(b, n);
}

static void mutate(struct buf *b)
{
    static const char signs[] = "{}[]\",:\\0-.eE+ntfu\n# \0\x7f\x80\xff\xc3\xed";
    size_t at = draw(b->len), n;

    switch (b->len ? draw(6) : 5) {
    case 0:
        b->ptr[at] ^= (char)(1 << draw(8));
        break;
    case 1:
        b->ptr[at] = signs[draw(sizeof(signs))];
        break;
    case 2: /* a piece goes */
        n = draw(b->len - at + 1);
        memmove(b->ptr + at, b->ptr + at + n, b->len - at - n);
        b->len -= n;
        break;
    case 3:
        b->len = at;
        break;
    case 4:
        b->ptr[at] = (char)draw(256);
        break;
    default:
        splice(b);
    }
}

static void run_mutation(void)
{
    const struct buf *from = &inputs[draw(n_inputs)];
    struct buf b = BUF_INIT;

    buf_add(&b, from->ptr, from->len);
    for (uint64_t i = 0, n = 1 + draw(6); i < n; i++)
        mutate(&b);
    run(b.ptr, b.len);
    buf_deinit(&b);
}

static void run_corpus(void)
{
    for (size_t i = 0; i < n_inputs; i++) {
        size_t step = inputs[i].len / 40 + 1;

        for (size_t n = 0; n < inputs[i].len; n += step)
            run(inputs[i].ptr, n);
        run(inputs[i].ptr, inputs[i].len);
    }
}

int main(int argc, char **argv)
{
    long seconds = 10, seed = 1, runs = LONG_MAX, n = 0;
    time_t end;

    (void)argc;
    for (argv++; *argv && strncmp(*argv, "--", 2) == 0 && argv[1]; argv += 2)
        *(strcmp(*argv, "--seed") == 0   ? &seed
          : strcmp(*argv, "--runs") == 0 ? &runs
                                         : &seconds) = strtol(argv[1], NULL, 10);
    random_state = 0x9e3779b97f4a7c15 ^ (uint64_t)seed;
    end = time(NULL) + seconds;
    for (; *argv; argv++)
        load(*argv);
    ENSURE(n_inputs > 0);
    run_corpus();
    while (n < runs && time(NULL) < end) {
        for (int i = 0; i < 100; i++, n++)
            run_mutation();
    }
    printf("%zu files of the corpus, %ld mutations, seed %ld\n", n_inputs, n, seed);
    for (size_t i = 0; i < n_inputs; i++)
        buf_deinit(&inputs[i]);
    return 0;
}
