/* SPDX-License-Identifier: Apache-2.0 */
/* Copies, each NUL-terminated. */
#include "app/properties.h"

#include "base/mem.h"
#include "conf/conf.h"

static char *copy(struct str s)
{
    return mem_strndup(s.ptr, s.len);
}

struct kafka_property *properties_new(const struct conf *conf, size_t *ret_n)
{
    const struct conf_kafka *k = &conf->kafka;
    struct kafka_property *list = mem_calloc(k->n_properties + 2, sizeof(*list));
    size_t n = 0;

    for (size_t i = 0; i < k->n_properties; i++)
        list[n++] =
            (struct kafka_property){copy(k->properties[i].key), copy(k->properties[i].value)};
    if (!k->has_group_id)
        list[n++] = (struct kafka_property){copy(STR("group.id")), copy(k->group_id)};
    *ret_n = n;
    return list;
}

void properties_free(struct kafka_property *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mem_free((char *)(uintptr_t)list[i].key);
        mem_free((char *)(uintptr_t)list[i].value);
    }
    mem_free(list);
}
