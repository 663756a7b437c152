/*
 * http.h - HTTP requests on the event loop: libcurl's multi interface driven by libevent.
 *
 * Everything is a callback on the loop; nothing blocks. A request is cancelled by freeing it, also
 * from within its own callbacks. Headers whose value is secret are never logged.
 */
#ifndef FFSHM_AGENT_HTTP_H
#define FFSHM_AGENT_HTTP_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http;
struct http_request;

/* What all requests have in common; texts are copied. */
struct http_options {
    const char *user_agent;
    const char *proxy;   /* "http://host:port"; NULL: the environment's (http_proxy, ...) */
    const char *ca_file; /* PEM, instead of the system's; NULL: the system's */
    bool skip_verify;    /* accept any certificate */
};

/* NULL: no memory. */
struct http *http_new(struct event_base *base, const struct http_options *options);
/* Cancels what is under way. */
void http_free(struct http *http);

enum http_outcome {
    HTTP_DONE,        /* a whole response, whatever its status */
    HTTP_NETWORK,     /* refused, reset, timed out, cut off */
    HTTP_CERTIFICATE, /* TLS: the peer's certificate is not good */
    HTTP_STOPPED,     /* a callback said so, or the response was larger than allowed */
};

struct http_result {
    enum http_outcome outcome;
    long status;       /* 0: none was received */
    const char *error; /* one line for people: never a secret, never user information of a URL */
};

struct http_handler {
    /* Once, when the status line and all headers are there (of the last response, after redirects).
       header() looks a header up. May be NULL. */
    void (*head)(void *arg, struct http_request *request, long status);
    /* Bytes of the body, decoded. false stops the request: HTTP_STOPPED. May be NULL. */
    bool (*data)(void *arg, const char *bytes, size_t length);
    /* Once, at the end, also when it never began. The request frees itself afterwards. */
    void (*done)(void *arg, const struct http_result *result);
    void *arg;
};

struct http_spec {
    const char *method; /* "GET", "POST", "REPORT" */
    const char *url;
    const char *const *headers; /* "Name: value", NULL at the end; copied */
    const void *body;           /* borrowed until done; NULL: none */
    size_t body_length;
    bool accept_gzip;           /* asks for gzip and decodes it */
    bool fresh_connection;      /* do not reuse one: for streams */
    int64_t connect_timeout_ms; /* 0: 10 s */
    int64_t total_timeout_ms;   /* 0: none */
    int64_t idle_timeout_ms;    /* without a byte of the response; 0: none */
    uint64_t most_bytes;        /* of the decoded body; 0: no limit */
};

/* Starts a request; done is called from the loop, never from within. NULL: no memory. */
struct http_request *http_start(struct http *http, const struct http_spec *spec,
                                const struct http_handler *handler);
/* Ends it at once, without another callback. NULL is harmless. */
void http_cancel(struct http_request *request);

/* A header of the response by name, any case; NULL: not there. Within head and done; in done only
   until it returns. */
const char *http_header(const struct http_request *request, const char *name);

#endif
