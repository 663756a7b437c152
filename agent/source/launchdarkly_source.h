/*
 * launchdarkly_source.h - a source's state, for launchdarkly.c and what it is made of:
 * launchdarkly_stream.c and launchdarkly_poll.c. They make a request and say what came of it;
 * launchdarkly.c keeps the state and decides when to try again.
 */
#ifndef FFSHM_AGENT_LAUNCHDARKLY_SOURCE_H
#define FFSHM_AGENT_LAUNCHDARKLY_SOURCE_H

#include "backoff.h"
#include "gathered.h"
#include "launchdarkly.h"
#include "launchdarkly_data.h"
#include "sse.h"

#define LAUNCHDARKLY_OWN_HEADERS 2 /* of a request, beside those of the options */

struct launchdarkly {
    struct http *http;
    struct launchdarkly_owner owner;
    bool polling;
    bool accept_gzip;
    bool never_stop;
    int64_t poll_interval_ms;
    int64_t idle_timeout_ms;
    int64_t healthy_ms;
    uint64_t most_bytes;
    char *url;
    char **headers; /* owned, header_count of them, and room for our own and the NULL */
    size_t header_count;

    struct event *timer;          /* the next attempt */
    struct http_request *request; /* NULL: none is under way */
    struct backoff backoff;
    enum image_source_state state;
    int64_t began_ms; /* CLOCK_MONOTONIC: the attempt, ... */
    int64_t began_at; /* ... CLOCK_REALTIME */
    unsigned busy;    /* callbacks are on the stack: nothing is destroyed */
    bool freed;       /* by one of them */

    struct sse *sse; /* a stream's */
    bool connected;  /* this connection gave an event, ... */
    int64_t good_ms; /* ... the first one then, CLOCK_MONOTONIC */

    struct gathered body; /* a poll's */
    char *etag;           /* a line of headers, for what is in force; NULL: none */
    unsigned good_polls;  /* in a row */
};

struct launchdarkly_failure {
    enum image_source_error error;
    long status;     /* of ERROR_RESPONSE */
    bool unexpected; /* trying again soon will hardly mend it */
    const char *text;
};

/* Around every callback of the loop. leave: the source may be gone afterwards. */
void launchdarkly_enter(struct launchdarkly *s);
void launchdarkly_leave(struct launchdarkly *s);

/* Ends the attempt and tells the owner; decides whether and when there is another one. */
void launchdarkly_failed(struct launchdarkly *s, const struct launchdarkly_failure *failure);
/* The same for a status that is no good. */
void launchdarkly_refused(struct launchdarkly *s, long status);
/* The same for how a request ended that was to go on, or to give a body. */
void launchdarkly_broken(struct launchdarkly *s, const struct http_result *result);
/* The same for data that cannot be read. what: "put". */
void launchdarkly_invalid(struct launchdarkly *s, const char *what, const struct fault *fault);

/* Gives the owner a whole state. false: it failed, and that was told. */
bool launchdarkly_take(struct launchdarkly *s, struct launchdarkly_put *put);
/* The data is there and good. */
void launchdarkly_valid(struct launchdarkly *s);
/* Tells X-LD-EnvID. */
void launchdarkly_tell_environment(struct launchdarkly *s, const struct http_request *request);
/* Starts the attempt's request. */
void launchdarkly_request(struct launchdarkly *s, struct http_spec *spec, const char *const *own,
                          const struct http_handler *handler);
void launchdarkly_arm(struct launchdarkly *s, int64_t ms);
int64_t launchdarkly_clock_ms(void); /* CLOCK_MONOTONIC */

/* An attempt. */
void launchdarkly_stream(struct launchdarkly *s);
void launchdarkly_poll(struct launchdarkly *s);
/* A poll failed or not: when the next one is. delay_ms: what backing off says. */
int64_t launchdarkly_poll_delay(const struct launchdarkly *s, int64_t delay_ms);

#endif
