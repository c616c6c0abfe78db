/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With which configuration a log begins. A partition that is rebuilt from the log alone must be
 * given the rules that were in force at its beginning, not those of today, or standings, and with
 * them later triggers, would not be those that were published. Each control record says what was in
 * force before it, and the first owner of a partition appends one in any case: so the first one in
 * the log tells, and where it stands behind M, too: what is published from M on is of the same
 * rules. It is looked for before anything is applied, and then the log is read once more; also
 * where nothing is published yet, for another may have begun, and died. It is looked for as far as
 * the log went when the partition was taken over: whoever owned it before is not appending any
 * more, and where records never cease nobody is told of an end.
 */
#include "app/daemon_impl.h"

static const char type[] = "io.engaged.configuration.v1";

/* Cheap, and never wrong about what is none: all other records are passed over undecoded. */
static bool may_be_control_record(const struct record *r)
{
    const char *name;
    struct str value;

    if (memmem(r->value.ptr, r->value.len, type, sizeof(type) - 1))
        return true;
    for (size_t i = 0; r->header_at && r->header_at(r->headers, i, &name, &value); i++) {
        if (strcmp(name, "ce_type") == 0 && str_eq(value, STR(type)))
            return true;
    }
    return false;
}

static void end(struct partition *p, struct conf *conf)
{
    struct daemon *d = p->daemon;

    p->beginning.is_sought = false;
    log_at(conf || p->beginning.action.is_rebuild ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "partition",
           conf ? "the log begins with the configuration that its first control record names"
                : "the log does not say with which configuration it begins: ours is used",
           log_i64("partition", p->id),
           log_str("config", conf ? conf->hash : p->daemon->conf->hash));
    partition_begin(p, conf ? conf : d->conf);
    kafka_source_seek(d->source, d->events_topic, p->id, p->beginning.action.offset);
}

/* The configuration before that record; NULL: it does not say. */
static struct conf *conf_before(struct partition *p, const struct event *event)
{
    struct conf_faults faults = CONF_FAULTS_INIT;
    struct conf *conf = NULL;

    if (!event->previous.len)
        return NULL;
    if (conf_parse(event->previous, "configuration record", &conf, &faults)) {
        log_warn("partition", "the configuration that the log begins with cannot be read any more",
                 log_i64("partition", p->id), log_i64("offset", event->offset),
                 log_str("fault", faults.items[0].text));
        conf_faults_deinit(&faults);
        return NULL;
    }
    return daemon_keep_conf(p->daemon, conf);
}

void beginning_seek(struct partition *p, const struct commit_action *action)
{
    p->beginning = (struct beginning){.is_sought = true, .action = *action};
    log_at(action->is_rebuild ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "partition",
           "looks for the configuration that the log begins with", log_i64("partition", p->id),
           log_i64("offset", action->offset));
}

void beginning_take(struct partition *p, const struct record *r)
{
    const struct event_input input = {.value = r->value,
                                      .header_at = r->header_at,
                                      .headers = r->headers,
                                      .timestamp_ms = r->timestamp_ms,
                                      .offset = r->offset};
    struct event event = {0};
    struct event_refusal refusal;

    if (r->has_value && may_be_control_record(r) &&
        !event_decode(p->daemon->decoder, &input, &event, &refusal) &&
        event.type == EVENT_CONFIGURATION)
        end(p, conf_before(p, &event));
    else if (p->log_high >= 0 && r->offset + 1 >= p->log_high)
        beginning_end_of_log(p);
}

void beginning_end_of_log(struct partition *p)
{
    end(p, NULL);
}
