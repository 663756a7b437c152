/*
 * diagnostics.h - LaunchDarkly's diagnostic events: what this client is, and how its events fare.
 */
#ifndef FFSHM_AGENT_DIAGNOSTICS_H
#define FFSHM_AGENT_DIAGNOSTICS_H

#include <event2/event.h>
#include <jansson.h>

#include "../http/http.h"

struct diagnostics;

struct diagnostics_counts {
    uint64_t dropped_events;
    uint64_t deduplicated_contexts;
    uint64_t events_in_last_batch;
};

struct diagnostics_options {
    const char *base_uri;
    const char *const *headers;
    const char *sdk_key_suffix;
    json_t *init; /* members of the first event; borrowed; NULL: none */
    int64_t interval_ms;
    int64_t retry_ms; /* from the first attempt to the second, and last */
    bool gzip;
    /* Since the agent began. */
    void (*counts)(void *arg, struct diagnostics_counts *out);
    void (*refused)(void *arg, long status); /* nothing will ever be taken; called once */
    void *arg;
};

/* Sends the first event at the next turn of the loop, another one every interval. NULL: no
   memory. */
struct diagnostics *diagnostics_new(struct event_base *base, struct http *http,
                                    const struct diagnostics_options *options);
void diagnostics_free(struct diagnostics *d);

/* Nothing is sent any more. */
void diagnostics_stop(struct diagnostics *d);

/* A connection of the stream was made, or failed. */
void diagnostics_stream_init(struct diagnostics *d, int64_t time_ms, bool failed,
                             int64_t duration_ms);

#endif
