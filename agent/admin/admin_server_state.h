/*
 * admin_server_state.h - what the server knows. For admin_*.c.
 */
#ifndef FFSHM_AGENT_ADMIN_SERVER_STATE_H
#define FFSHM_AGENT_ADMIN_SERVER_STATE_H

#include "admin_connection.h"
#include "admin_work.h"

struct ssl_ctx_st;

struct admin_listener {
    struct admin_server *server;
    struct evconnlistener *listener;
    struct event *pause; /* after accepting failed */
    int64_t told_ms;     /* when that was logged */
    bool tls;
};

struct admin_server {
    struct event_base *base;
    struct admin_options options;
    struct admin_limits limits; /* without zeros */
    struct admin_routes *routes;
    struct admin_tokens *tokens;
    struct admin_works *works;
    struct admin_auth auth;
    struct ssl_ctx_st *tls; /* NULL: none */
    struct admin_listener *listeners;
    size_t listener_count;
    struct admin_listener unix_listener; /* .listener NULL: none */
    char *socket_path;
    uint64_t socket_inode; /* what is removed at the end must be ours */
    struct admin_connection *first;
    size_t bodies; /* bytes that are being received */
    uint32_t run;  /* random: request ids of two runs differ */
    struct admin_server_stats stats;
};

/* Milliseconds: monotonic, and of the wall clock. */
int64_t admin_now_ms(void);
int64_t admin_wall_ms(void);

/* Closes what admin_server_listen_* opened. */
void admin_server_stop_listening(struct admin_server *s);

/* Of a new connection; refuses it where there are too many. */
void admin_server_take(struct admin_listener *l, int fd);

/* Certificate and key. NULL and *fault. */
struct ssl_ctx_st *admin_tls_new(const char *certificate, const char *key, struct fault *fault);
void admin_tls_free(struct ssl_ctx_st *tls);
struct ssl_st *admin_tls_connection(struct ssl_ctx_st *tls); /* NULL: no memory */
void admin_tls_drop(struct ssl_st *ssl);

#endif
