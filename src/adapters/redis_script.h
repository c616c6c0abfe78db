/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A Lua script by its hash: EVALSHA, and where the server does not know it (a restart, a failover),
 * EVAL with the text, once. NOSCRIPT is said before anything ran, so this repeats nothing.
 */
#include "adapters/redis_conn.h"

struct redis_script {
    const char *text; /* borrowed, constant */
    char sha[41];     /* "" until the server has told it */
};

#define REDIS_SCRIPT_INIT(lua)                                                                     \
    {                                                                                              \
        .text = (lua), .sha = ""                                                                   \
    }

/* The script must outlive the answer. `keys` and `args` are copied. Results as of one command. */
void redis_script_call(struct redis_script *s, struct redis_conn *c, const struct str *keys,
                       size_t n_keys, const struct str *args, size_t n_args, redis_answer_fn fn,
                       void *ctx);
