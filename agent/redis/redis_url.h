/*
 * redis_url.h - where a Redis (or Valkey) is, as one text:
 *
 *   redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]
 *   rediss://...                                        the same over TLS
 *   unix://[[USER]:PASSWORD@]/PATH[?db=DATABASE]
 *
 * valkey:// and valkeys:// mean the same as redis:// and rediss://. User and password are
 * percent-decoded; "%40" is an @.
 */
#ifndef FFSHM_AGENT_REDIS_URL_H
#define FFSHM_AGENT_REDIS_URL_H

#include <stdbool.h>

#include "catalog/fault.h"

struct redis_url {
    char *host;     /* without brackets; NULL with a path */
    unsigned port;  /* 6379 where none is said */
    char *path;     /* of a unix socket, or NULL */
    char *user;     /* NULL: the server's default user */
    char *password; /* NULL: none */
    unsigned database;
    bool tls;
};

/* 0; or -1 with cause and hint in *fault, which never show user and password, and nothing in *url
   to be freed. */
int redis_url_parse(const char *text, struct redis_url *url, struct fault *fault);
/* A whole copy; -1: no memory, nothing is to be freed. */
int redis_url_copy(const struct redis_url *from, struct redis_url *to);
/* Wipes the password. Harmless on a zeroed one, and twice. */
void redis_url_free(struct redis_url *url);

/* "redis://host:6379/0", "unix:///run/redis.sock?db=2": for logs and status, without user and
   password. */
#define REDIS_PLACE 384
const char *redis_url_place(const struct redis_url *url, char text[REDIS_PLACE]);

#endif
