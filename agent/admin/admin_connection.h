/*
 * admin_connection.h - one client: its requests one after another, its deadlines. For admin_*.c.
 *
 * libevent's own HTTP server is not used: the version in use (2.1) answers malformed requests by
 * itself, with pages; knows a client only when its first request is there; and does not notice that
 * the client of a stream has gone.
 */
#ifndef FFSHM_AGENT_ADMIN_CONNECTION_H
#define FFSHM_AGENT_ADMIN_CONNECTION_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "admin_answer.h"
#include "admin_chunked.h"
#include "admin_later.h"
#include "admin_server.h"
#include "admin_stream.h"

struct ssl_st; /* OpenSSL's */

#define ADMIN_ANSWER_HEADERS 1024u

struct admin_answer {
    struct admin_connection *connection;
    const char *request_id;
    const char *if_none_match; /* NULL: none */
    bool head_only;
    bool http10;
    bool begun;
    bool held;    /* nothing is sent: it is kept until admin_answer_release or _retract */
    json_t *kept; /* one that is held; NULL: it is in kept_bytes, or without a body */
    char *kept_bytes;
    size_t kept_length;
    const char *kept_type;
    admin_etag_fn *etag_fn; /* of one that is held; NULL: etag is it */
    void *etag_arg;
    char *etag_what;
    unsigned status; /* once begun */
    char etag[ADMIN_ETAG_MOST];
    char headers[ADMIN_ANSWER_HEADERS]; /* whole lines */
    size_t headers_length;
};

struct admin_stream {
    struct admin_connection *connection;
    struct admin_stream_owner owner;
    enum admin_media media;
    bool chunked;
};

struct admin_later {
    struct admin_connection *connection;
    void (*gone)(void *arg);
    void *arg;
};

enum admin_connection_state {
    CONNECTION_HEAD,     /* waits for a request, or for the rest of its head */
    CONNECTION_BODY,     /* for the rest of its body */
    CONNECTION_WAITING,  /* a refusal that is to be answered later */
    CONNECTION_LATER,    /* its handler works on */
    CONNECTION_FLUSHING, /* the answer is on its way */
    CONNECTION_STREAM,
    CONNECTION_LINGERING, /* all is sent; reads on, so that the answer is not lost to a reset */
};

struct admin_connection {
    struct admin_server *server;
    struct admin_connection *previous;
    struct admin_connection *next;
    struct bufferevent *stream;
    struct event *deadline;
    int64_t due_ms; /* when it is over; earlier it was only woken */
    struct admin_peer peer;
    bool tls;
    enum admin_connection_state state;
    bool begun;   /* the first bytes of a request are there: its deadline runs */
    bool ended;   /* the client sends no more */
    bool closing; /* after this answer */
    bool dropped; /* is to be closed: a stream's client was too slow, or there is no memory */
    size_t lingered;
    /* The request. */
    char *head_text;
    struct admin_head head;
    struct admin_request request;
    struct admin_actor actor;
    struct admin_error error; /* WAITING: what is to be answered */
    void *handler_arg;
    struct admin_chunked chunked;
    struct evbuffer *body;
    size_t body_wanted; /* bytes, not chunked */
    size_t body_most;
    struct admin_answer answer;
    struct admin_stream events; /* the connection is STREAM */
    struct admin_later later;   /* it is LATER */
    struct admin_turn *turn;    /* it waits for one, or has one; NULL: neither */
};

/* What is held (admin_answer.c): to the client, after `agreed`; or forgotten. */
void admin_answer_release(struct admin_answer *a);
void admin_answer_retract(struct admin_answer *a);

/* Changes that hosts agree on (admin_turn.c). Does this request have to wait for its turn? Then it
   does, and is answered later. */
bool admin_turn_begin(struct admin_connection *c);
/* The handler has answered, which is held. */
void admin_turn_answered(struct admin_connection *c);
/* The request is over, however it ended. */
void admin_turn_free(struct admin_connection *c);
/* Calls the handler (again), with the body that is there. */
void admin_connection_dispatch(struct admin_connection *c);
/* Ends an answer that came later. */
void admin_connection_flush(struct admin_connection *c);

/* Takes the socket over. Closes it, and nothing else, when there is no memory. ssl NULL: plain. */
void admin_connection_new(struct admin_server *server, int fd, const struct admin_peer *peer,
                          struct ssl_st *ssl);
/* At once; a stream's owner is told. */
void admin_connection_free(struct admin_connection *c);

/* Its deadline's callback runs with the next turn of the loop: for what must not happen within a
   call of others. */
void admin_connection_wake(struct admin_connection *c);
/* There is no memory to answer with: closes it, soon. */
void admin_connection_drop(struct admin_connection *c);

/* Dispatch (admin_dispatch.c). A whole head: 0 when the request may go on, and then body_most is
   how much of a body it may have; -1: refused, with c->error and *wait_ms. */
int admin_dispatch_head(struct admin_connection *c, int64_t *wait_ms);
/* The whole request: calls the handler. */
void admin_dispatch(struct admin_connection *c, const char *body, size_t length);

#endif
