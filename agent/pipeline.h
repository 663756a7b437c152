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
#include "source_states.h"

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

/* There is a source that fills this layer. Before its first pipeline_replace. Until every expected
   source has been here once, what an earlier agent published and nobody defines (yet) stays. */
void pipeline_expect(struct pipeline *p, enum catalog_layer layer);

/* A source's whole content is now `items` (taken over, also on failure). Published soon, or by
   pipeline_publish. 0, or -1: no memory, nothing changed. */
int pipeline_replace(struct pipeline *p, enum catalog_layer layer, struct model_item **items,
                     size_t count);
/* One item of it (taken over, also on failure), perhaps a tombstone. 0, or -1: no memory. */
int pipeline_put(struct pipeline *p, enum catalog_layer layer, struct model_item *item);
/* One item of it less; also when there was none. 0, or -1: no memory. */
int pipeline_remove(struct pipeline *p, enum catalog_layer layer, enum image_blob_kind kind,
                    const char *key);
/* What the source gave last; NULL: nothing. */
const struct model_item *pipeline_item(const struct pipeline *p, enum catalog_layer layer,
                                       enum image_blob_kind kind, const char *key, size_t length);

/* Compiles and publishes what is pending, now. 0 (also when there was nothing to do), or -1:
   logged, and tried again later by itself. */
int pipeline_publish(struct pipeline *p);

/* The same of what operators have changed, on another host perhaps: the journal says so. */
int pipeline_publish_agreed(struct pipeline *p);

/* How a source fares. Every reader is told of all sources together: at once; of VALID, which is
   said after a good load, with the publish of what was loaded. INTERRUPTED is told as long as an
   item cannot be compiled or publishing fails, whatever is said here. */
void pipeline_source_state(struct pipeline *p, enum catalog_layer layer,
                           const struct source_state *state);
/* What the source has is of this time (CLOCK_REALTIME, ms), and was kept since; 0: it is up to
   date. Told with the next state or publish. */
void pipeline_data_as_of(struct pipeline *p, enum catalog_layer layer, uint64_t ms);
/* Of all sources; borrowed. */
const struct source_states *pipeline_sources(const struct pipeline *p);
/* LaunchDarkly's name of the environment. Told at once. */
void pipeline_environment_id(struct pipeline *p, const char *id);

/* From now on remembers the values of flags, also of versions that were replaced lately, for
   pipeline_value: a new reference, or NULL. 0, or -1: no memory. */
int pipeline_keep_values(struct pipeline *p);
json_t *pipeline_value(const struct pipeline *p, const char *key, int64_t version,
                       int64_t variation);

#endif
