#include "redis_tls.h"

#ifndef FFSHM_HIREDIS_TLS

struct redis_tls *redis_tls_new(const char *ca_file, struct fault *fault)
{
    (void)ca_file;
    fault_set(fault, "",
              "say redis:// within a network that nobody else is in, put a TLS tunnel (stunnel, "
              "ghostunnel) before the server, or build with hiredis 1.0 or newer",
              "rediss:// is not to be had here: the hiredis that this was built with (%d.%d) has "
              "no TLS",
              HIREDIS_MAJOR, HIREDIS_MINOR);
    return NULL;
}

void redis_tls_free(struct redis_tls *tls)
{
    (void)tls;
}

int redis_tls_begin(struct redis_tls *tls, redisAsyncContext *c, const char *host, char cause[256])
{
    (void)tls, (void)c, (void)host;
    cause[0] = '\0';
    return -1;
}

#else

#include <arpa/inet.h>
#include <hiredis/hiredis_ssl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct redis_tls {
    SSL_CTX *context;
};

static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    return text ? text : "no memory";
}

struct redis_tls *redis_tls_new(const char *ca_file, struct fault *fault)
{
    struct redis_tls *tls = calloc(1, sizeof *tls);
    if (!tls || !(tls->context = SSL_CTX_new(TLS_client_method()))) {
        fault_set(fault, "", "", "cannot set up TLS: %s", reason());
        free(tls);
        return NULL;
    }
    SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    if ((ca_file ? SSL_CTX_load_verify_locations(tls->context, ca_file, NULL)
                 : SSL_CTX_set_default_verify_paths(tls->context)) != 1) {
        fault_set(fault, "", "check redis.ca_file: PEM certificates",
                  "cannot read the certificates to trust: %s", reason());
        redis_tls_free(tls);
        return NULL;
    }
    return tls;
}

void redis_tls_free(struct redis_tls *tls)
{
    if (tls) {
        SSL_CTX_free(tls->context);
        free(tls);
    }
}

/* hiredis's own function checks the chain and not whose certificate it is. */
static int expect(SSL *ssl, const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
    }
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

int redis_tls_begin(struct redis_tls *tls, redisAsyncContext *c, const char *host, char cause[256])
{
    SSL *ssl = SSL_new(tls->context);
    if (!ssl || !expect(ssl, host)) {
        snprintf(cause, 256, "%s", reason());
        SSL_free(ssl);
        return -1;
    }
    if (redisInitiateSSL(&c->c, ssl) != REDIS_OK) {
        snprintf(cause, 256, "%s", c->c.errstr);
        SSL_free(ssl);
        return -1;
    }
    return 0;
}

#endif
