/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The daemon: Kafka in, engine, Redis, triggers and dead letters out, on one loop.
 *
 *     struct daemon_opts opts = {.conf = conf};
 *     daemon_new(loop, &opts, &daemon);       everything begins on the loop's next turns
 *     uv_run(loop)                            returns when the daemon has ended
 *     code = daemon_free(daemon);
 */
#include <uv.h>
#include "app/outbox.h"
#include "base/err.h"

struct conf;
struct daemon;

struct daemon_opts {
    struct conf *conf;       /* taken over; conf_require_daemon() was asked, unless `dev` */
    const char *config_path; /* for reload; borrowed; NULL: there is no file to reload */
    const char *bootstrap;   /* overrides bootstrap.servers; borrowed; for `dev` */
    const char *redis_url;   /* overrides redis.url; borrowed; for `dev` */
    /* An output was published; may be NULL. */
    void (*on_published)(void *ctx, const struct output *output);
    /* All records below `offset` of the partition are applied, and their outputs out; may be NULL.
     */
    void (*on_progress)(void *ctx, int32_t partition, int64_t offset);
    void *ctx;
};

/* The conf is taken over in any case. A failure has been logged. */
must_check int daemon_new(uv_loop_t *loop, const struct daemon_opts *opts,
                          struct daemon **ret_daemon);
/* Ends in order: publishes and checkpoints what is applied, leaves the group. A second call does
 * not wait for that. */
void daemon_stop(struct daemon *d);
/* Takes the configuration file anew: whole, or not at all. False: it has faults (logged). */
bool daemon_reload(struct daemon *d);
/* Where HTTP listens; 0: it does not. */
int daemon_http_port(const struct daemon *d);
/* All its handles are closed: it may be freed. */
bool daemon_has_ended(const struct daemon *d);
/* After it has ended; returns the exit code. */
int daemon_free(struct daemon *d);

/* `engaged run`. Returns the exit code. */
int run_main(const char *config_path);
