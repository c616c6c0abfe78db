/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* redis://[user:password@]host[:port][/db], rediss:// likewise, unix://[user:password@]/path[?db=N]
 */
#include "base/err.h"
#include "base/str.h"

struct redis_url {
    char *host; /* owned; NULL for a unix socket */
    int port;
    char *path;     /* owned; NULL for TCP */
    char *user;     /* owned, or NULL */
    char *password; /* owned, or NULL: a secret, never to be logged */
    int db;
    bool has_tls;
};

#define REDIS_URL_INIT                                                                             \
    {                                                                                              \
        .host = NULL                                                                               \
    }
#define REDIS_URL_E_MALFORMED 1

/* Percent-decodes user, password and path. The reason is appended to `detail`, never a secret. */
must_check int redis_url_parse(struct str text, struct redis_url *ret_url, struct buf *detail);
void redis_url_deinit(struct redis_url *u);
/* Without the secret: for logs. */
void redis_url_show(const struct redis_url *u, struct buf *b);
