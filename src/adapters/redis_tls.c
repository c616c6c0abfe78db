/* SPDX-License-Identifier: Apache-2.0 */
/* hiredis 1.x brings TLS in a library of its own; it does not check the host's name, so that is
 * asked of OpenSSL. */
#include "adapters/redis_tls.h"

#ifdef ENGAGED_REDIS_TLS
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct redis_tls;

bool redis_tls_is_available(void)
{
    return true;
}

struct redis_tls *redis_tls_new(struct buf *detail)
{
    SSL_CTX *ctx;

    redisInitOpenSSL();
    ctx = SSL_CTX_new(TLS_client_method());
    if (ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) &&
        SSL_CTX_set_default_verify_paths(ctx)) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        return (struct redis_tls *)ctx;
    }
    SSL_CTX_free(ctx);
    buf_addf(detail, "TLS cannot be set up");
    return NULL;
}

void redis_tls_free(struct redis_tls *t)
{
    SSL_CTX_free((SSL_CTX *)t);
}

static bool tls_set_host(SSL *ssl, const char *host)
{
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host))
        return true;
    return SSL_set_tlsext_host_name(ssl, host) && SSL_set1_host(ssl, host);
}

int redis_tls_begin(struct redis_tls *t, redisContext *c, const char *host)
{
    SSL *ssl = SSL_new((SSL_CTX *)t);

    if (!ssl)
        return -ENOMEM;
    if (tls_set_host(ssl, host) && redisInitiateSSL(c, ssl) == REDIS_OK)
        return 0;
    if (!c->privctx) /* else the context owns it */
        SSL_free(ssl);
    return -EPROTO;
}
#else
bool redis_tls_is_available(void)
{
    return false;
}

struct redis_tls *redis_tls_new(struct buf *detail)
{
    buf_addf(detail, "rediss:// needs TLS, which this build lacks: it was built without hiredis "
                     "1.0 or newer and its TLS library");
    return NULL;
}

void redis_tls_free(struct redis_tls *t)
{
    (void)t;
}

int redis_tls_begin(struct redis_tls *t, struct redisContext *c, const char *host)
{
    (void)t;
    (void)c;
    (void)host;
    return -ENOTSUP;
}
#endif
