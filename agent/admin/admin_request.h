/*
 * admin_request.h - a request as handlers see it: path and query decoded once and strictly, the
 * body parsed, the headers that changes share.
 *
 * What a function refuses is an error with the member at fault. Nothing here does I/O.
 */
#ifndef FFSHM_AGENT_ADMIN_REQUEST_H
#define FFSHM_AGENT_ADMIN_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin_auth.h"
#include "admin_error.h"
#include "admin_head.h"
#include "admin_route.h"

#define ADMIN_SEGMENT_MOST 512u /* bytes, decoded */
#define ADMIN_PARAMETERS_MOST 32ul
#define ADMIN_REASON_MOST 1000u /* bytes */
#define ADMIN_ETAG_MOST 80u     /* with its NUL */
#define ADMIN_ID 24             /* of a request, with its NUL */

struct admin_parameter {
    const char *name;
    const char *value;
};

struct admin_request {
    enum admin_method method; /* of HEAD: GET */
    bool head_only;
    const struct admin_head *head;   /* borrowed */
    const struct admin_route *route; /* from admin_request_take on */
    const struct admin_actor *actor; /* who asks; borrowed */
    char id[ADMIN_ID];               /* told in the answer */
    char *path;                      /* as it was sent, without the query; for messages */
    const char *segments[ADMIN_SEGMENTS_MOST];
    size_t segment_count;
    struct admin_parameter parameters[ADMIN_PARAMETERS_MOST];
    size_t parameter_count;
    bool dry_run;
    bool alone; /* the fleet is away: only what can be done without it (admin_route: alone) */
    const char *reason;             /* X-Reason, else the body's "comment"; NULL: none was given */
    char if_match[ADMIN_ETAG_MOST]; /* without quotes; "*": any; "": there was none */
    bool must_be_new;               /* If-None-Match: * */
    const char *body;               /* borrowed */
    size_t body_length;
    json_t *json; /* an object, without its "comment"; NULL: there is no body */
    json_t *comment;
    char *decoded; /* where segments and parameters are */
};

/* Method, path and query of a head, which must stay as long as the request. 0, or -1 with *error;
   admin_request_free in any case. */
int admin_request_begin(struct admin_request *r, const struct admin_head *head,
                        struct admin_error *error);
/* The query parameters and headers, as the route understands them. 0 or -1 with *error. */
int admin_request_take(struct admin_request *r, const struct admin_route *route,
                       struct admin_error *error);
/* The body, borrowed; length 0: none. 0 or -1 with *error. */
int admin_request_body(struct admin_request *r, const char *body, size_t length,
                       struct admin_error *error);
void admin_request_free(struct admin_request *r);

/* The path's value for a placeholder of the route's pattern: "key" for {key}. */
const char *admin_request_value(const struct admin_request *r, const char *placeholder);
/* NULL: not given. */
const char *admin_request_parameter(const struct admin_request *r, const char *name);
/* A whole number in a range. 0 (also when it is not given: *number stays), or -1 with *error. */
int admin_request_number(const struct admin_request *r, const char *name, int64_t least,
                         int64_t most, int64_t *number, struct admin_error *error);

/* Do If-Match and If-None-Match, if there are any, hold for what is there now (current NULL:
   nothing is)? 0, or -1 with *error, 409. */
int admin_request_check_match(const struct admin_request *r, const char *current,
                              struct admin_error *error);

/* Who changes something, why, and when: now. Borrows from the request; without a target. */
struct admin_change admin_request_change(const struct admin_request *r, const char *action);

/* Fills in line and column of a fault whose member is one of the body. */
void admin_request_locate(const struct admin_request *r, struct fault *fault);

/* A string member of the body: NULL with *error unset when it is not there and not required. */
const char *admin_request_string(const struct admin_request *r, const char *name, size_t most,
                                 bool required, struct admin_error *error);
/* Refuses members of the body that are not among names (NULL at the end). 0 or -1 with *error. */
int admin_request_members(const struct admin_request *r, const char *const *names,
                          struct admin_error *error);

#endif
