/*
 * redis_tls.h - rediss://, where hiredis was built with TLS (hiredis_ssl; not in Debian 12).
 */
#ifndef FFSHM_AGENT_REDIS_TLS_H
#define FFSHM_AGENT_REDIS_TLS_H

#include <hiredis/async.h>

#include "catalog/fault.h"

struct redis_tls; /* whom to trust */

/* ca_file: PEM, NULL: the system's. NULL: with *fault. */
struct redis_tls *redis_tls_new(const char *ca_file, struct fault *fault);
void redis_tls_free(struct redis_tls *tls);

/* Begins TLS on a connection that is being made. The server's certificate has to be `host`'s: a
   name, or an address. 0; -1: why is in cause. */
int redis_tls_begin(struct redis_tls *tls, redisAsyncContext *c, const char *host, char cause[256]);

#endif
