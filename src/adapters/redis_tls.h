/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* TLS on a connection to Redis, where this build has it. */
#include "base/err.h"
#include "base/str.h"

struct redisContext;
struct redis_tls;

bool redis_tls_is_available(void);
/* NULL, with the reason in `detail`, when it cannot be had. */
struct redis_tls *redis_tls_new(struct buf *detail);
/* Accepts NULL. */
void redis_tls_free(struct redis_tls *t);
/* To be called right after connecting began: the server must prove to be `host`. */
must_check int redis_tls_begin(struct redis_tls *t, struct redisContext *c, const char *host);
