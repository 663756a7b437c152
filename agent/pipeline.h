/*
 * pipeline.h - definitions in, snapshots out: catalog -> compile -> publish, on the event loop.
 *
 * Changes are coalesced for at most PIPELINE_COALESCE_MS before they are published together. A
 * publish that fails is tried again until it succeeds; readers keep the last one meanwhile.
 */
#ifndef FFSHM_AGENT_PIPELINE_H
#define FFSHM_AGENT_PIPELINE_H

#include <event2/event.h>
#include <stdbool.h>

#include "catalog/catalog.h"
#include "publish/publisher.h"

#define PIPELINE_COALESCE_MS 2

struct pipeline;

/* Borrows the publisher; what it adopted stays published until a load replaces it. published (may
   be NULL) is called after every publish that succeeded. NULL: no memory. */
typedef void pipeline_published_fn(void *arg);
struct pipeline *pipeline_new(struct event_base *base, struct publisher *publisher,
                              pipeline_published_fn *published, void *arg);
void pipeline_free(struct pipeline *p);
/* Calls gone (with the arg of published) at a heartbeat that finds the store's directory removed or
   replaced; the owner is to stop. */
void pipeline_on_gone(struct pipeline *p, pipeline_published_fn *gone);

/* The source's whole content is now `items` (taken over, also on failure). Published soon, or by
   pipeline_publish. The first call also removes what an earlier agent published and nobody defines
   any more. 0, or -1: no memory, nothing changed. */
int pipeline_replace(struct pipeline *p, struct model_item **items, size_t count);

/* Compiles and publishes what is pending, now. 0 (also when there was nothing to do), or -1:
   logged, and tried again later by itself. */
int pipeline_publish(struct pipeline *p);

/* How the source fares, as every reader is told: at once; of VALID, which is said after a good
   load, with the publish of what was loaded. INTERRUPTED is told as long as an item cannot be
   compiled or publishing fails, whatever is said here. */
void pipeline_source_state(struct pipeline *p, enum image_source_state state);

#endif
