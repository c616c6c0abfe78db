/* SPDX-License-Identifier: Apache-2.0 */
/* All faults at once, in the order of the file. */
#include "app/load.h"

#include <stdio.h>

void load_print_faults(const struct conf_faults *faults)
{
    for (size_t i = 0; i < faults->n; i++) {
        struct buf line = BUF_INIT;

        conf_fault_format(&faults->items[i], &line);
        fprintf(stderr, "%s\n", line.ptr);
        buf_deinit(&line);
    }
}

struct conf *load_conf(const char *path)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL;

    if (conf_load(path, &conf, &faults))
        load_print_faults(&faults);
    conf_faults_deinit(&faults);
    return conf;
}

struct conf *load_daemon_conf(const char *path)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = load_conf(path);

    if (conf && conf_require_daemon(conf, &faults)) {
        load_print_faults(&faults);
        conf = conf_free(conf);
    }
    conf_faults_deinit(&faults);
    return conf;
}
