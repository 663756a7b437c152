/*
 * http_request.h - one request as a curl handle: what http.c asks of http_request.c.
 */
#ifndef FFSHM_AGENT_HTTP_REQUEST_H
#define FFSHM_AGENT_HTTP_REQUEST_H

#include <curl/curl.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http.h"

struct http {
    struct event_base *base;
    CURLM *multi;
    struct event *timer;   /* curl's own */
    struct event *starter; /* adds what waits; curl takes nothing from within its callbacks */
    struct http_request *first;
    struct http_request *last;
    unsigned busy; /* callbacks are on the stack: nothing is destroyed */
    bool freed;    /* by one of them: destroyed when they have returned */
    char *user_agent;
    char *proxy;
    char *ca_file;
    bool skip_verify;
};

enum http_progress {
    HTTP_WAITING,   /* for the starter */
    HTTP_RUNNING,   /* in the multi handle */
    HTTP_ENDED,     /* done is being called */
    HTTP_CANCELLED, /* no callback any more; destroyed as soon as that is safe */
};

struct http_request {
    struct http *http;
    struct http_request *next;
    struct http_request *previous;
    enum http_progress progress;
    CURL *easy;
    struct curl_slist *headers;
    struct http_handler handler;
    struct event *idle; /* NULL: no limit */
    int64_t idle_ms;
    int64_t heard_ms;            /* CLOCK_MONOTONIC: the last byte */
    curl_off_t moved;            /* bytes on the wire, when the idle timer was armed */
    size_t header_bytes;         /* of all responses on the way */
    uint64_t body_bytes;         /* decoded */
    uint64_t most_bytes;         /* 0: no limit */
    bool follows;                /* redirects */
    bool redirected;             /* these headers say where to */
    bool whole_head;             /* the latest response's headers are complete */
    bool head_told;              /* those of the last one */
    bool silent;                 /* for too long */
    const char *fault;           /* why it cannot start; NULL: it can */
    const char *stopped;         /* why we ended it; NULL: we did not */
    char text[256];              /* for stopped and for results */
    char error[CURL_ERROR_SIZE]; /* curl's */
};

/* A request that is not yet in the multi handle, nor in the list. NULL: no memory. */
struct http_request *http_request_new(struct http *http, const struct http_spec *spec,
                                      const struct http_handler *handler);
/* It must be out of both by now. */
void http_request_free(struct http_request *request);

/* Tells the handler of the last response's headers, once. */
void http_request_tell_head(struct http_request *request);

/* What curl's end of it means. The result's text lives as long as the request. */
void http_request_result(struct http_request *request, CURLcode code, struct http_result *result);

/* How long it may still be silent, in ms; 0 or less: it was silent for too long. */
int64_t http_request_patience(struct http_request *request);

#endif
