/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones: of this machine's time-zone data by their names, or, in the canonical text, written
 * out, so that a record means the same on a machine with other data. What is found is kept: the
 * engine and the canonical text have the same ones.
 */
#include "conf/conf_private.h"

#include "base/mem.h"
#include "engaged/zone.h"

#include <stdlib.h>
#include <unistd.h>

#define ZONES_DIR "/usr/share/zoneinfo"
#define ZONES_MAX 64 /* of one configuration */

void conf_zones_free(struct conf_private *p)
{
    for (size_t i = 0; i < p->n_zones; i++)
        zone_free(p->zones[i].zone);
    p->zones = mem_free(p->zones);
    p->n_zones = 0;
}

static const struct zone *add_zone(struct conf_private *p, struct str name, struct zone *zone)
{
    struct str copy = {conf_keep(p, mem_strndup(name.ptr, name.len)), name.len};

    mem_grow(&p->zones, &p->zones_cap, p->n_zones, sizeof(*p->zones));
    p->zones[p->n_zones++] = (struct conf_zone){copy, zone};
    return zone;
}

static const struct zone *find(const struct conf_private *p, struct str name)
{
    for (size_t i = 0; i < p->n_zones; i++) {
        if (str_eq(p->zones[i].name, name))
            return p->zones[i].zone;
    }
    return NULL;
}

static struct zone *read_zone(struct str name)
{
    struct buf path = BUF_INIT, bytes = BUF_INIT;
    struct zone *zone = NULL;

    buf_addf(&path, "%s/%.*s", ZONES_DIR, STR_ARG(name));
    if (conf_read_file(path.ptr, &bytes) || zone_of_tzif(buf_str(&bytes), &zone))
        zone = NULL;
    buf_deinit(&path);
    buf_deinit(&bytes);
    return zone;
}

const struct zone *conf_zone_find(void *private, struct str name)
{
    struct conf_private *p = private;
    const struct zone *known = find(p, name);
    struct zone *zone;

    if (known || !zone_is_name(name) || p->n_zones >= ZONES_MAX)
        return known;
    zone = read_zone(name);
    return zone ? add_zone(p, name, zone) : NULL;
}

/* ---- the section ---- */

static const char *why_unknown(const struct conf_private *p)
{
    if (p->n_zones >= ZONES_MAX)
        return "is one time zone too many: at most 64";
    if (access(ZONES_DIR, R_OK))
        return "cannot be read: this machine has no time-zone data: install tzdata";
    return "is no time zone: write a name of the time-zone database, such as Europe/Berlin";
}

/* False: a fault was added. */
static bool read_listed(struct conf_reader *reader, struct conf_private *p,
                        const struct conf_node *node, struct str *ret_name)
{
    if (!conf_read_text(reader, "zones", node, ret_name))
        return false;
    if (conf_zone_find(p, *ret_name))
        return true;
    conf_fault_node(reader, node, "zones: '%.*s' %s", STR_ARG(conf_clip(*ret_name)),
                    why_unknown(p));
    return false;
}

static bool read_written(struct conf_reader *reader, struct conf_private *p,
                         const struct conf_node *name, const struct conf_node *value,
                         struct str *ret_name)
{
    struct zone *zone;
    struct str text;

    if (!conf_read_text(reader, "zones", value, &text))
        return false;
    *ret_name = name->text;
    if (!zone_is_name(name->text) || find(p, name->text) || p->n_zones >= ZONES_MAX) {
        conf_fault_node(reader, name, "zones: '%.*s' is no name that a time zone may have here",
                        STR_ARG(conf_clip(name->text)));
        return false;
    }
    if (zone_of_text(text, &zone)) {
        conf_fault_node(reader, value,
                        "zones: is no time zone as the canonical text has it: write a list of "
                        "names, such as [Europe/Berlin]");
        return false;
    }
    (void)add_zone(p, name->text, zone);
    return true;
}

void conf_read_zones(struct conf_reader *reader, const struct conf_node *node, void *base)
{
    struct conf_private *p = base;
    size_t n = 0;

    if (node->type == CONF_NODE_SCALAR)
        return conf_fault_node(reader, node, "zones: expected a list such as [Europe/Berlin]");
    p->zone_names = conf_keep(p, mem_calloc(node->n + 1, sizeof(*p->zone_names)));
    for (size_t i = 0; i < node->n; i++) {
        if (node->type == CONF_NODE_LIST)
            n += read_listed(reader, p, node->items[i], &p->zone_names[n]);
        else
            n += read_written(reader, p, conf_map_key(node, i), conf_map_value(node, i),
                              &p->zone_names[n]);
    }
    p->conf.spec.zones = p->zone_names;
    p->conf.spec.n_zones = n;
}

/* ---- the canonical text ---- */

static int compare_zones(const void *a, const void *b)
{
    return str_cmp(((const struct conf_zone *)a)->name, ((const struct conf_zone *)b)->name);
}

void conf_zones_write(struct conf_private *p, struct buf *b)
{
    if (!p->n_zones)
        return;
    qsort(p->zones, p->n_zones, sizeof(*p->zones), compare_zones);
    buf_add_str(b, STR("zones:\n"));
    for (size_t i = 0; i < p->n_zones; i++) {
        buf_add_str(b, STR("  "));
        conf_text_add(b, p->zones[i].name);
        buf_add_str(b, STR(": \""));
        zone_add_text(p->zones[i].zone, b);
        buf_add_str(b, STR("\"\n"));
    }
}
