/*
 * admin_stream.h - answers that go on: NDJSON, a line at a time as the client takes them, and
 * server-sent events.
 *
 * What waits for a client is bounded: who does not take events in time is dropped.
 */
#ifndef FFSHM_AGENT_ADMIN_STREAM_H
#define FFSHM_AGENT_ADMIN_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "admin_answer.h"

#define ADMIN_STREAM_QUEUE                                                                         \
    (256u << 10)                   /* bytes that may wait for one client; or one that is longer */
#define ADMIN_STREAM_CALM_MS 15000 /* without an event, a comment tells that it still lives */

struct admin_stream;

struct admin_stream_owner {
    /* There is room (at the beginning, and whenever all is sent): write some, or end. NULL: the
       owner writes when it has something. */
    void (*more)(void *arg, struct admin_stream *stream);
    /* The client is gone, was too slow, or the server stops: the stream is invalid from now on.
       Once, never after admin_stream_end, never from within the other functions here. */
    void (*closed)(void *arg);
    void *arg;
};

/* Begins to answer (200) as ADMIN_NDJSON or ADMIN_EVENTS. It ends by the owner or the client. For
   HEAD there is no stream: answers, and NULL. */
struct admin_stream *admin_stream_begin(struct admin_answer *a, enum admin_media media,
                                        const struct admin_stream_owner *owner);
/* One line, without its line feed: a whole JSON text. 0; or -1: the client is too slow, and is
   dropped soon (closed is called later). */
int admin_stream_line(struct admin_stream *s, const char *json, size_t length);
/* One event; name and id may be NULL, and are of one line. Returns as admin_stream_line. */
int admin_stream_event(struct admin_stream *s, const char *name, const char *id, const char *data,
                       size_t length);
/* Bytes that wait for the client. */
size_t admin_stream_waiting(const struct admin_stream *s);
/* No more comes; the stream is invalid from now on. */
void admin_stream_end(struct admin_stream *s);

#endif
