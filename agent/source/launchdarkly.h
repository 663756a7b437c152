/*
 * launchdarkly.h - LaunchDarkly as a source: what streaming (launchdarkly_stream.c) and polling
 * (launchdarkly_poll.c) have in common.
 *
 * Parses what comes, into items and changes; never gives up by itself, except where LaunchDarkly
 * says so (401 and its like).
 */
#ifndef FFSHM_AGENT_SOURCE_LAUNCHDARKLY_H
#define FFSHM_AGENT_SOURCE_LAUNCHDARKLY_H

#include <event2/event.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../catalog/model.h"
#include "../http/http.h"
#include "image.h"

#define LAUNCHDARKLY_PROVENANCE "launchdarkly"

struct launchdarkly_options {
    const char *base_uri;       /* of the stream, or of polling; a trailing '/' is ignored */
    const char *const *headers; /* of every request, NULL at the end: Authorization, tags, ... */
    const char *filter;         /* NULL: none. One that is not well-formed was left out before */
    bool polling;
    bool accept_gzip;          /* polling */
    int64_t poll_interval_ms;  /* 0: 30 s */
    int64_t initial_delay_ms;  /* of reconnecting; 0: 1 s */
    int64_t idle_timeout_ms;   /* of the stream; 0: 5 min */
    int64_t healthy_ms;        /* a stream that was good for so long starts backing off anew;
                                  0: 60 s */
    uint64_t most_bytes;       /* of one event or body; 0: 256 MiB */
    bool never_stop;           /* statuses like 401, and bad certificates, only slow it down ... */
    int64_t extended_delay_ms; /* ... to this, which doubles up to 1 h; 0: 5 min */
};

/* From the event loop. Borrowed for the call unless said otherwise. */
struct launchdarkly_owner {
    /* A whole state: count items (they are taken over, also on failure; the array is not), and the
       JSON {"flags", "segments"} that they came from, as it was written. 0; -1: it could not be
       taken. */
    int (*put)(void *arg, struct model_item **items, size_t count, const char *json, size_t length);
    /* One item, perhaps a tombstone (taken over), that is in force if its version is greater than
       what is there; path as sent ("/flags/KEY"), json of the item or tombstone. 0, -1. */
    int (*patch)(void *arg, struct model_item *item, const char *path, const char *json,
                 size_t length);
    /* After every failure, and when a first good state comes after one or at the beginning. state:
       enum image_source_state, INITIALIZING until there was a good state. error: enum
       image_source_error, IMAGE_SOURCE_NO_ERROR when all is well. status: HTTP's, or 0. text: one
       line, no secret. */
    void (*state)(void *arg, enum image_source_state state, enum image_source_error error,
                  long status, const char *text);
    /* X-LD-EnvID, when it is there; the same again is told again. */
    void (*environment)(void *arg, const char *id);
    /* A connection of the stream gave its first event, or failed before. time_ms (CLOCK_REALTIME):
       when it was begun. Not called for polls. */
    void (*connected)(void *arg, int64_t time_ms, bool failed, int64_t duration_ms);
    /* "event", text: worth a line in the log. */
    void (*told)(void *arg, bool error, const char *event, const char *text);
    void *arg;
};

struct launchdarkly;

/* Starts at the next turn of the loop. Texts are copied; http must outlive it. NULL: no memory. */
struct launchdarkly *launchdarkly_new(struct event_base *base, struct http *http,
                                      const struct launchdarkly_options *options,
                                      const struct launchdarkly_owner *owner);
/* Closes its connection at once; also from within the owner's functions. */
void launchdarkly_free(struct launchdarkly *source);

/* The JSON {"flags": {...}, "segments": {...}} (both may be missing) as items, for a state that was
   kept. *items is malloc'ed, as its elements are. 0, or -1 with *fault. */
int launchdarkly_parse_state(const char *json, size_t length, struct model_item ***items,
                             size_t *count, struct fault *fault);
/* Is this a payload filter's key ([A-Za-z0-9][A-Za-z0-9._-]*), a value of an application's tag
   ([A-Za-z0-9._-]{1,64})? Others are left out, with an error in the log. */
bool launchdarkly_filter_valid(const char *text);
bool launchdarkly_tag_valid(const char *text);

/* One item of a path; json may be a tombstone. NULL and *fault (cause empty: a path of a kind that
   is not known, which is to be ignored). */
struct model_item *launchdarkly_parse_item(const char *path, const char *json, size_t length,
                                           struct fault *fault);

#endif
