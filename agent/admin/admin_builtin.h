/*
 * admin_builtin.h - the routes that need nothing but the server: health, ready, whoami, status,
 * openapi.json, tokens.
 */
#ifndef FFSHM_AGENT_ADMIN_BUILTIN_H
#define FFSHM_AGENT_ADMIN_BUILTIN_H

#include "admin_server.h"

/* What the agent says of itself. */
struct admin_agent {
    void *arg;
    /* Is there a snapshot to evaluate from? If not, why (any text, "" too). */
    bool (*ready)(void *arg, const char **why);
    /* The body of /status, a new reference; NULL: no memory. The server adds "admin". */
    json_t *(*status)(void *arg);
};

struct admin_builtin {
    struct admin_server *server;
    struct admin_agent agent;
};

/* Adds all of them; b stays the caller's, and must stay. 0 or -1: no memory. */
int admin_builtin_add(struct admin_builtin *b);

/* The part of them that is about tokens (admin_token_routes.c). */
int admin_token_routes_add(struct admin_server *server);

#endif
