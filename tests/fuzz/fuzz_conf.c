/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a configuration: faults, each with a place and a text, or a conf whose canonical
 * text reads back to itself.
 */
#include "fuzz.h"

#include "conf/conf.h"

static void check_faults(const struct conf_faults *faults)
{
    ENSURE(faults->n > 0);
    for (size_t i = 0; i < faults->n; i++) {
        const struct conf_fault *f = &faults->items[i];

        ENSURE(f->file && f->text && f->text[0]);
        ENSURE(f->line >= 0 && f->column >= 0);
        ENSURE(!strchr(f->text, '\n'));
    }
}

static void check_conf(const struct conf *conf)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *again = NULL;

    ENSURE(conf->model != NULL);
    ENSURE(str_is_utf8(conf->text));
    ENSURE(conf_parse(conf->text, "canonical", &again, &faults) == 0);
    ENSURE(str_eq(conf->text, again->text));
    ENSURE(strcmp(conf->hash, again->hash) == 0);
    conf_free(again);
    conf_faults_deinit(&faults);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL;
    int r = conf_parse((struct str){(const char *)bytes, n}, "fuzz", &conf, &faults);

    ENSURE(r == 0 || r == CONF_E_FAULTS);
    if (r == 0) {
        ENSURE(faults.n == 0);
        check_conf(conf);
        conf_free(conf);
    } else {
        check_faults(&faults);
    }
    conf_faults_deinit(&faults);
    return 0;
}
