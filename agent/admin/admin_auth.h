/*
 * admin_auth.h - who asks, and may they?
 *
 * A bearer token decides where one is sent; else, on the unix socket, the user that the kernel
 * names; else it is nobody. Every refusal is told to the owner, for the audit trail.
 */
#ifndef FFSHM_AGENT_ADMIN_AUTH_H
#define FFSHM_AGENT_ADMIN_AUTH_H

#include <jansson.h>

#include "admin_delay.h"
#include "admin_peer.h"
#include "admin_token.h"

enum admin_how { ADMIN_BY_NOBODY, ADMIN_BY_PEER, ADMIN_BY_TOKEN };

struct admin_actor {
    enum admin_role role;
    enum admin_how how;
    char name[ADMIN_ACTOR];        /* "root", "alice", "uid 1000", "deploy" (the token's) */
    char authenticated[64];        /* how: "nobody", "unix uid 1000 pid 42", "token 0123..." */
    char token_id[ADMIN_TOKEN_ID]; /* "": no token */
    json_t *limits;                /* borrowed from the token; NULL: none */
};

/* May this actor touch this key with these tags? Asked by handlers, besides the role that the route
   asks for. */
bool admin_actor_may(const struct admin_actor *actor, const char *key, const char *const *tags,
                     size_t tag_count);

/* Something was refused: 401 or 403. */
struct admin_refusal {
    const struct admin_actor *actor;
    const char *source; /* "uid 1000", "192.0.2.1" */
    const char *method;
    const char *path;
    const struct admin_error *error;
};
typedef void admin_refused_fn(void *arg, const struct admin_refusal *refusal);

struct admin_auth {
    const struct admin_peer_rule *rules; /* borrowed */
    size_t rule_count;
    struct admin_tokens *tokens; /* borrowed */
    struct admin_delays delays;
};

/* authorization: the header's value; NULL: none. 0; or -1 with *error, 401, and *wait_ms: how long
   the answer is to wait. *actor is filled in either way (of a refused token: nobody, or whose it
   was). Times: wall clock, and a monotonic one. */
int admin_auth_identify(struct admin_auth *a, const struct admin_peer *peer,
                        const char *authorization, int64_t now_ms, int64_t monotonic_ms,
                        struct admin_actor *actor, int64_t *wait_ms, struct admin_error *error);

/* Does the actor have the route's role? 0, or -1 with *error: 401 for nobody, else 403. */
int admin_auth_allow(const struct admin_actor *actor, const struct admin_route *route,
                     struct admin_error *error);

#endif
