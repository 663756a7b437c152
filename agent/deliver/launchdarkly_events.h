/*
 * launchdarkly_events.h - LaunchDarkly's events: summaries and events to JSON, payloads to the
 * outbox, the outbox to the network.
 */
#ifndef FFSHM_AGENT_LAUNCHDARKLY_EVENTS_H
#define FFSHM_AGENT_LAUNCHDARKLY_EVENTS_H

#include <event2/event.h>

#include "../http/http.h"
#include "../storage/storage.h"
#include "deliver.h"

/* A flag's value by key, version and variation, for what did not fit a record and for summaries; a
   new reference, or NULL: not known any more. */
typedef json_t *deliver_value_fn(void *arg, const char *key, int64_t version, int64_t variation);

struct launchdarkly_events_options {
    const char *base_uri;       /* a trailing '/' is ignored */
    const char *const *headers; /* of every request, NULL at the end: Authorization, tags, ... */
    unsigned capacity;          /* events that are waiting for a flush; 0: 10,000 */
    bool all_private;
    const char *const *private_attributes; /* references, NULL at the end; NULL: none */
    bool omit_anonymous;                   /* contexts, in index and identify events */
    bool gzip;
    bool diagnostics;
    int64_t diagnostic_interval_ms; /* 0: 15 min; at least 60 s */
    json_t *diagnostic_init;        /* the "configuration", "sdk", "platform" members; borrowed */
    const char *sdk_key_suffix;     /* the last characters, for diagnostics */
    unsigned context_keys_capacity; /* 0: 1000 */
    int64_t context_keys_flush_ms;  /* 0: 5 min */
    uint64_t outbox_most_bytes;     /* 0: 64 MiB; then the oldest payload is dropped, and counted */
    size_t payload_most_bytes;      /* before compression; 0: 5 MiB */
    int64_t retry_ms;               /* from the first attempt to the second; 0: 1 s */
    int64_t later_ms;               /* then, doubling ... 0: 30 s */
    int64_t later_most_ms;          /* ... up to this; 0: 5 min */
    deliver_value_fn *value;
    /* Called when the context keys are forgotten, so that processes tell of contexts anew. */
    void (*contexts_forgotten)(void *arg);
    void *arg;
};

/* Loads what the outbox and the spool still have, and sends it. All texts are copied. NULL: no
   memory, or *fault from storage. */
struct deliver *launchdarkly_events_new(struct event_base *base, struct http *http,
                                        struct storage *storage,
                                        const struct launchdarkly_events_options *options,
                                        struct fault *fault);
void launchdarkly_events_free(struct deliver *d);

/* Drops what storage still has of events, in or out of a transaction; before a
   launchdarkly_events_new. 0, or -1 with *fault. */
int launchdarkly_events_forget(struct storage *storage, struct fault *fault);

/* A stream (re)connection, for diagnostics. */
void launchdarkly_events_stream_init(struct deliver *d, int64_t time_ms, bool failed,
                                     int64_t duration_ms);

/* true: nothing is waiting to be sent, or nothing ever will be. For the end of the agent, which
   waits for it a little. */
bool launchdarkly_events_idle(const struct deliver *d);

struct launchdarkly_events_stats {
    uint64_t events, payloads, failures, dropped_events, dropped_payloads, outbox_bytes;
    bool stopped;           /* 401 and its like: nothing is sent any more */
    long last_status;       /* 0: none yet */
    const char *last_error; /* "" */
};
void launchdarkly_events_stats(const struct deliver *d, struct launchdarkly_events_stats *out);

#endif
