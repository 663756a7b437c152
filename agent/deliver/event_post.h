/*
 * event_post.h - one POST to LaunchDarkly's event service, and what its answer means.
 */
#ifndef FFSHM_AGENT_EVENT_POST_H
#define FFSHM_AGENT_EVENT_POST_H

#include "../http/http.h"
#include "payload.h"

/* Where to, with which headers each time. */
struct event_target {
    struct http *http; /* borrowed */
    char *url;
    char **headers; /* of every request, and room for ours; NULL at the end */
    size_t header_count;
};

/* base_uri without or with a '/' at its end; path begins with one. Texts are copied. 0; -1: no
   memory. */
int event_target_init(struct event_target *target, struct http *http, const char *base_uri,
                      const char *path, const char *const *headers);
void event_target_free(struct event_target *target);

/* id NULL: not a payload of events. The body is borrowed until it is done. NULL: no memory. */
struct http_request *event_post(struct event_target *target, const struct payload_body *body,
                                const char *id, const struct http_handler *handler);

enum event_verdict {
    EVENT_ACCEPTED,
    EVENT_AGAIN,     /* a later attempt may succeed */
    EVENT_TOO_LARGE, /* this body will never be taken */
    EVENT_REFUSED,   /* nothing of ours will ever be taken */
};
enum event_verdict event_verdict(const struct http_result *result);

/* A Date header in milliseconds since 1970; 0: none, or not well-formed. */
int64_t event_date(const char *header);

#endif
