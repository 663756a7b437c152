/*
 * admin_server.h - the HTTP API: listens on the unix socket and on TCP, on the agent's loop.
 *
 * Routes are added, then it starts. Limits are of every connection; nobody is told to come back
 * later (429): who is too slow or too many is closed, with the reason where it can be told.
 */
#ifndef FFSHM_AGENT_ADMIN_SERVER_H
#define FFSHM_AGENT_ADMIN_SERVER_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

#include "../storage/turns.h"
#include "admin_auth.h"
#include "admin_route.h"

#define ADMIN_SOCKET "agent.sock" /* in the store's directory */

/* 0 is the default, here and below. */
struct admin_limits {
    size_t head_most;            /* bytes of request line and headers: 16 KiB */
    size_t bodies_most;          /* bytes of all bodies that are being received: 64 MiB */
    size_t answers_most;         /* bytes of all answers that are being sent; then 503: 64 MiB */
    unsigned connections;        /* by TCP, and the same number by the unix socket: 512 */
    unsigned connections_of_one; /* of one source: 128 */
    int64_t request_ms;          /* from its first byte to the end of its head: 10 s */
    int64_t body_ms;             /* for the body: 30 s */
    int64_t idle_ms;             /* between two requests: 60 s */
    int64_t answer_ms;           /* to take the answer, or some of a stream: 30 s */
    int64_t later_ms;            /* for an answer that comes later: 10 min; then 503 */
    int64_t linger_ms;           /* 1 s */
};

struct admin_options {
    const char *dir;              /* where the unix socket is made; NULL: none is */
    const char *const *addresses; /* TCP, "127.0.0.1:8080", "[::1]:8080" */
    size_t address_count;
    const char *tls_certificate; /* PEM files; NULL: no TLS. With them all of TCP is TLS */
    const char *tls_key;
    const struct admin_peer_rule *rules; /* borrowed */
    size_t rule_count;
    const struct admin_token_store *tokens; /* NULL: nothing keeps tokens */
    struct admin_limits limits;
    /* Where hosts have to agree on changes (storage/turns.h): what changes something waits for its
       turn, and is answered when it is in force. NULL: nobody is to be asked. */
    const struct turns *turns;
    /* What is known only then is put into the answer; called with arg. */
    void (*agreed)(void *arg, json_t *body);
    void *agreed_arg;
    admin_refused_fn *refused; /* NULL: nobody wants to know */
    void *arg;
};

struct admin_server;

/* Texts are borrowed, too. Loads the tokens; does not listen yet. NULL and *fault. */
struct admin_server *admin_server_new(struct event_base *base, const struct admin_options *options,
                                      struct fault *fault);
/* Closes everything, removes the socket. */
void admin_server_free(struct admin_server *s);

/* Borrows the routes. 0, or -1: no memory, or one of them is there already. */
int admin_server_add(struct admin_server *s, const struct admin_route *routes, size_t count,
                     void *arg);

/* The unix socket; a stale one is replaced, one on which somebody answers is not. 0 or -1 with
 *fault. */
int admin_server_listen_unix(struct admin_server *s, struct fault *fault);
/* All addresses, or none. 0 or -1 with *fault. */
int admin_server_listen_tcp(struct admin_server *s, struct fault *fault);
/* Of an address that was listened to, in the order of the options: for port 0. */
unsigned admin_server_port(const struct admin_server *s, size_t at);

/* Reads certificate and key again, for new connections. 0; or -1 with *fault: the old ones stay. */
int admin_server_reload(struct admin_server *s, struct fault *fault);

/* What the store of tokens has now. 0 or -1 with *fault: they are as they were. */
int admin_server_reload_tokens(struct admin_server *s, struct fault *fault);

/* Is "127.0.0.1:8080" an address to listen on, and is it of this host alone? 0, or -1 with *fault
   (member ""). */
int admin_address_check(const char *text, bool *loopback, struct fault *fault);

struct admin_server_stats {
    uint64_t accepted, refused_connections, requests, failures; /* failures: to authenticate */
    unsigned connections, streams;                              /* now */
};
void admin_server_stats(const struct admin_server *s, struct admin_server_stats *out);

const struct admin_routes *admin_server_routes(const struct admin_server *s);
struct admin_tokens *admin_server_tokens(struct admin_server *s);
struct admin_works *admin_server_works(struct admin_server *s); /* admin_work.h */

/* Makes the resources of a refusal told, also of those that handlers decide (limits of tokens). */
void admin_server_refused(struct admin_server *s, const struct admin_refusal *refusal);

#endif
