/*
 * admin_fixture.h - the agent's HTTP server on the test's own loop, with routes of the test's, and
 * clients on real sockets that say what they like, byte for byte.
 *
 * Routes besides the built-in ones, below /api/v1:
 *   GET    /things/{key}         viewer   the request as it was understood; ETag "v1"; ?limit=
 *   PUT    /things/{key}         editor   the same, of a JSON body; If-Match against "v1"
 *   PATCH  /things/{key}         editor   the same
 *   DELETE /things/{key}         editor   204
 *   POST   /things/{key}/kill    editor   the same as PUT, the body may be left out
 *   GET    /things/list          viewer   a literal beside {key}
 *   GET    /lines                viewer   NDJSON: ?count= lines
 *   GET    /events               viewer   server-sent events, as the test sends them
 *   GET    /silent               viewer   a handler that does not answer
 */
#ifndef FFSHM_TESTS_ADMIN_FIXTURE_H
#define FFSHM_TESTS_ADMIN_FIXTURE_H

#include <jansson.h>
#include <stdbool.h>

#include "admin/admin_builtin.h"
#include "admin/admin_stream.h"

#define ADMIN_FIXTURE_STREAMS 256u

/* Tokens that were kept, as a storage has them. */
struct admin_shelf {
    struct admin_token tokens[16];
    size_t count;
    unsigned uses; /* that were written */
    bool fails;
    struct admin_change last; /* its texts are those below */
    char action[32], target[32], actor[ADMIN_ACTOR], reason[128];
};

struct admin_fixture {
    char dir[64];
    struct event_base *base;
    struct admin_options options; /* may be changed before admin_fixture_start */
    struct admin_server *server;
    struct admin_builtin builtin;
    struct admin_shelf shelf;
    struct admin_token_store store;
    bool is_ready;
    unsigned refusals;
    char refused[256]; /* the last one: "CODE source actor METHOD path" */
    struct admin_stream *streams[ADMIN_FIXTURE_STREAMS];
    unsigned stream_count;
    unsigned closed; /* streams whose client was gone */
    unsigned lines;  /* that were asked for */
};

struct admin_reply {
    unsigned status; /* 0: the connection ended without an answer */
    char *head;      /* headers, NUL-terminated; "" */
    char *body;
    size_t length;
    json_t *json; /* of the body; NULL: it is not JSON */
    bool closed;  /* "Connection: close" */
};

/* All of them fail the test on what they do not expect. */
void admin_fixture_init(struct admin_fixture *f);
void admin_fixture_start(struct admin_fixture *f); /* and listens on the unix socket */
void admin_fixture_stop(struct admin_fixture *f);  /* the server alone */
void admin_fixture_free(struct admin_fixture *f);

int admin_connect(struct admin_fixture *f); /* to the unix socket */
int admin_connect_tcp(struct admin_fixture *f, size_t at);
/* Sends all of it, turning the loop where the socket is full. */
void admin_send(struct admin_fixture *f, int fd, const void *bytes, size_t length);
/* One answer (of HEAD: without a body). false: the connection ended, or nothing came in ms. */
bool admin_receive(struct admin_fixture *f, int fd, bool head_only, int ms,
                   struct admin_reply *reply);
void admin_reply_free(struct admin_reply *reply);
/* Turns the loop for so long. */
void admin_pass(struct admin_fixture *f, int ms);
/* Until the other side has closed; false: not in ms. */
bool admin_closed(struct admin_fixture *f, int fd, int ms);

/* On a connection of its own. A request is written as "GET /x\nName: value\n\nbody": version, Host,
   Connection: close and Content-Length are added; a raw one is sent as it is. */
void admin_ask(struct admin_fixture *f, const char *request, struct admin_reply *reply);
void admin_ask_raw(struct admin_fixture *f, const void *bytes, size_t length,
                   struct admin_reply *reply);
/* By TCP, with a token (NULL: none). */
void admin_ask_tcp(struct admin_fixture *f, const char *method, const char *path, const char *token,
                   const char *body, struct admin_reply *reply);

/* A member of the reply's JSON, "details.member"; "": not there. */
const char *admin_member(const struct admin_reply *reply, const char *path);

/* Runs a command while the loop turns; its standard output, malloc'ed. */
char *admin_command(struct admin_fixture *f, const char *command, int *code);

#endif
