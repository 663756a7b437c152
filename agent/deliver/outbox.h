/*
 * outbox.h - payloads on their way: kept in storage until LaunchDarkly has taken them, or said that
 * it never will.
 *
 *   new --> first attempt --fails--> second attempt, retry_ms later --fails--> parked
 *
 * What is parked is an outage: one payload at a time is tried again, after a growing delay, until
 * any payload gets through. Then all of them flow, five at once, oldest first, until one fails
 * again. A payload that fails while others get through is to blame itself, and has a delay of its
 * own. What is found in storage at the start flows.
 */
#ifndef FFSHM_AGENT_OUTBOX_H
#define FFSHM_AGENT_OUTBOX_H

#include <event2/event.h>

#include "../http/http.h"
#include "../storage/storage.h"
#include "payload.h"

#define OUTBOX_SINK "launchdarkly"
#define OUTBOX_AT_ONCE 5

struct outbox;

struct outbox_options {
    const char *base_uri;
    const char *const *headers;
    uint64_t most_bytes;                     /* then the oldest payload is dropped */
    int64_t retry_ms;                        /* from the first attempt to the second */
    int64_t later_ms;                        /* then; doubles */
    int64_t later_most_ms;                   /* up to this */
    void (*refused)(void *arg, long status); /* nothing will ever be taken; called once */
    void *arg;
};

/* All texts are copied; http and storage are borrowed. NULL: no memory. */
struct outbox *outbox_new(struct event_base *base, struct http *http, struct storage *storage,
                          const struct outbox_options *options);
/* Cancels what is under way; it is still in storage. */
void outbox_free(struct outbox *o);
/* What storage has. 0; -1 and *fault (cause "" : no memory). */
int outbox_load(struct outbox *o, struct fault *fault);

/* In a transaction: a payload (body taken over, also on failure). 0; -1 and *fault. */
int outbox_add(struct outbox *o, struct payload_body *body, struct fault *fault);
/* After it: sends what was added, or forgets it. */
void outbox_commit(struct outbox *o);
void outbox_revert(struct outbox *o);

/* Nothing is sent any more, what waits is discarded. */
void outbox_stop(struct outbox *o);

bool outbox_idle(const struct outbox *o);
/* The Date of the last response, in milliseconds since 1970; 0: none yet. */
int64_t outbox_server_ms(const struct outbox *o);

struct outbox_stats {
    uint64_t payloads, failures, dropped_payloads, bytes;
    bool stopped;
    long last_status;
    char last_error[160];
};
const struct outbox_stats *outbox_stats(const struct outbox *o);

#endif
