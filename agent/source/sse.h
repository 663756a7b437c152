/*
 * sse.h - server-sent events (the HTML standard's EventSource) out of bytes that come in any
 * pieces.
 *
 * Knows event:, data: and retry:; id: and whatever else are passed over, comments too. Costs what
 * the bytes are long, whatever the pieces; holds one event, and no more than that.
 */
#ifndef FFSHM_AGENT_SOURCE_SSE_H
#define FFSHM_AGENT_SOURCE_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SSE_NAME_MOST 63 /* bytes of an event's name; what is more of it is cut off */

struct sse;

struct sse_handler {
    /* A whole event; both texts are NUL-terminated (data may hold NULs, too) and valid during the
       call. name: "message" when none was sent. false: stop. Must not free the parser. */
    bool (*event)(void *arg, const char *name, const char *data, size_t length);
    /* The peer's wish for the delay before reconnecting. May be NULL. */
    void (*retry)(void *arg, int64_t ms);
    void *arg;
};

enum sse_verdict {
    SSE_MORE,      /* all is read; give it what comes next */
    SSE_STOPPED,   /* event said so */
    SSE_TOO_LARGE, /* the data of an event is longer than most_bytes */
    SSE_NO_MEMORY,
};

/* NULL: no memory. */
struct sse *sse_new(uint64_t most_bytes, const struct sse_handler *handler);
void sse_free(struct sse *sse);
/* At the beginning of a stream: forgets the one before. */
void sse_begin(struct sse *sse);
/* After another verdict than SSE_MORE it wants sse_begin. */
enum sse_verdict sse_feed(struct sse *sse, const char *bytes, size_t length);

#endif
