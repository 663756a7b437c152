/*
 * admin_route.h - what can be asked for: the table that requests are dispatched by, and that the
 * OpenAPI description is made from.
 */
#ifndef FFSHM_AGENT_ADMIN_ROUTE_H
#define FFSHM_AGENT_ADMIN_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "admin_error.h"

#define ADMIN_ROOT "/api/v1"
#define ADMIN_SEGMENTS_MOST 12u

enum admin_method {
    ADMIN_GET,
    ADMIN_PUT,
    ADMIN_POST,
    ADMIN_PATCH,
    ADMIN_DELETE,
    ADMIN_OPTIONS, /* answered from the table */
    ADMIN_METHODS
};
const char *admin_method_name(enum admin_method method);

/* Each may what the ones before it may. NONE: nobody in particular. */
enum admin_role { ADMIN_ROLE_NONE, ADMIN_ROLE_VIEWER, ADMIN_ROLE_EDITOR, ADMIN_ROLE_ADMIN };
#define ADMIN_ROLES 4
const char *admin_role_name(enum admin_role role);
/* -1: it is none of them. */
int admin_role_parse(const char *text, enum admin_role *role);

enum admin_body { ADMIN_BODY_NONE, ADMIN_BODY_OPTIONAL, ADMIN_BODY_REQUIRED };

/* What a route answers with; the default is JSON. */
enum admin_media { ADMIN_JSON, ADMIN_NDJSON, ADMIN_EVENTS };
const char *admin_media_name(enum admin_media media);

/* A query parameter that a route understands. */
struct admin_parameter_info {
    const char *name; /* NULL: the end of the list */
    const char *summary;
};

struct admin_request;
struct admin_answer;

/* Answers (admin_answer.h), or begins a stream (admin_stream.h) or an answer that comes later
   (admin_later.h), before it returns. The request and the answer are gone then. */
typedef void admin_handler_fn(void *arg, struct admin_request *request,
                              struct admin_answer *answer);

struct admin_route {
    enum admin_method method;
    const char *pattern;   /* "/api/v1/flags/{key}": a placeholder is one whole segment */
    enum admin_role least; /* the least role that may ask */
    admin_handler_fn *handler;
    const char *summary;
    enum admin_body body;
    size_t body_most; /* bytes; 0: ADMIN_BODY_MOST */
    enum admin_media answers;
    enum admin_media offers; /* besides, to who asks for it; ADMIN_JSON: nothing else */
    bool changes;            /* understands If-Match, dryRun and a reason */
    bool alone;              /* is also called, with request->alone, when the fleet is away */
    bool urgent;             /* waits for no turn (admin_options: turns) */
    bool creates;            /* may answer 201 */
    const struct admin_parameter_info *parameters; /* NULL: none */
};

#define ADMIN_BODY_MOST (1u << 20)

struct admin_routes;

struct admin_routes *admin_routes_new(void); /* NULL: no memory */
void admin_routes_free(struct admin_routes *r);
/* Borrows the routes; arg is for their handlers. 0, or -1: no memory, or a route that is there
   already, or one with more segments than ADMIN_SEGMENTS_MOST. */
int admin_routes_add(struct admin_routes *r, const struct admin_route *routes, size_t count,
                     void *arg);

struct admin_route_match {
    const struct admin_route *route; /* NULL: the path is there, the method is not */
    void *arg;
    unsigned allowed; /* bits of enum admin_method: what the path understands; 0: no such path */
};

/* The route of a path by its decoded segments; where several patterns match, the one that says
   more of the path literally. */
struct admin_route_match admin_routes_find(const struct admin_routes *r, enum admin_method method,
                                           const char *const *segments, size_t count);

/* "GET, HEAD, OPTIONS, PUT". */
#define ADMIN_ALLOW 64
const char *admin_allow_text(unsigned allowed, char text[ADMIN_ALLOW]);

/* Of a path that is not there: what was meant, as a hint. */
void admin_routes_hint(const struct admin_routes *r, const char *const *segments, size_t count,
                       char *hint, size_t capacity);

/* The place of {name} among a pattern's segments; -1: it has none. */
int admin_route_place(const struct admin_route *route, const char *name);

/* In the order in which they were added. */
size_t admin_routes_count(const struct admin_routes *r);
const struct admin_route *admin_routes_at(const struct admin_routes *r, size_t at);

#endif
