/*
 * ctl_client.h - asking the agent: one request at a time, over its unix socket, or over TCP where
 * FFSHM_URL says so.
 *
 * FFSHM_URL ("https://flags.example.com:8443"), FFSHM_TOKEN (sent as bearer token, over the socket
 * too), FFSHM_CA_FILE (PEM, instead of the system's certificates).
 */
#ifndef FFSHM_CTL_CLIENT_H
#define FFSHM_CTL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "ctl.h"

#define CLIENT_ETAG 96

struct client_request {
    const char *method; /* NULL: GET */
    const char *path;   /* "/whoami", below /api/v1; already encoded */
    json_t *body;       /* borrowed; NULL: none */
    const char *media;  /* of the body; NULL: application/json */
    const char *if_match;
    bool must_be_new;       /* If-None-Match: * */
    const char *reason;     /* X-Reason */
    const char *last_event; /* Last-Event-ID */
    bool dry_run;
    bool quiet;     /* what the agent refuses is not reported: the caller does (client_refused) */
    long timeout_s; /* 0: a minute */
    /* Takes the body of a 2xx in pieces, instead of answer->text: false stops, and is for the sink
       to report. timeout_s is how long nothing may come then. NULL: none. */
    bool (*sink)(void *arg, const char *bytes, size_t length);
    void *sink_arg;
};

struct client_answer {
    long status;
    char *text; /* the body, NUL-terminated */
    size_t length;
    json_t *json;           /* of a JSON body; else NULL */
    char etag[CLIENT_ETAG]; /* without quotes; "": none */
};

/* Asks. CTL_OK: answered with 2xx. Else reported (no agent, no connection, the agent's own error
   with its hint), and the exit code is returned; answer->status is then the agent's, or 0. Either
   way client_free. */
int client_ask(const struct ctl *ctl, const struct client_request *request,
               struct client_answer *answer);
void client_free(struct client_answer *answer);

/* Is it another host's agent, maybe, that is asked? */
bool client_is_remote(const struct ctl *ctl);

/* What the agent says is wrong, as its code ("conflict"); "": it says nothing of the kind. */
const char *client_code(const struct client_answer *answer);
/* Reports it. Returns CTL_NEGATIVE. */
int client_refused(const struct ctl *ctl, const struct client_answer *answer);

/* Asks for a list, page by page: *list is {"items", "next": null} with all items, owned; NULL where
   that failed. path may have a query. Returns as client_ask. */
int client_list(const struct ctl *ctl, const char *path, json_t **list);

/* The answer's body as it came, and a newline. */
void client_print(const struct client_answer *answer);
/* The same of JSON that was not sent so. */
void client_print_json(const json_t *value);

/* Gets the path and prints the answer: as it came, or by text. Returns as client_ask. */
int client_show(const struct ctl *ctl, const char *path,
                void (*text)(const struct ctl *ctl, const json_t *body));

/* Follows a stream of server-sent events (ctl_follow.c). */
struct client_follower {
    /* An event of a name, its data in JSON (NULL: it is none). false: enough. */
    bool (*event)(void *arg, const char *name, json_t *data);
    void *arg;
    const volatile int *stop; /* (sig_atomic_t is int) not 0: enough; a signal's handler sets it */
    bool again;               /* it is a new attempt: what may be better soon is not reported */
};
enum client_end {
    CLIENT_ENOUGH,  /* as the follower said */
    CLIENT_LOST,    /* the connection could not be made, or has ended; try again */
    CLIENT_REFUSED, /* reported: no agent (when it is no new attempt), or the agent's own error */
};
enum client_end client_follow(const struct ctl *ctl, const struct client_request *request,
                              const struct client_follower *follower);

/* One segment of a path, percent-encoded; malloc'ed, NULL: no memory. */
char *client_segment(const char *text);

/* A path with one segment that is encoded: before, key, after; malloc'ed, NULL: no memory. */
char *client_path(const char *before, const char *key, const char *after);

#endif
