/*
 * launchdarkly_levels.h - where LaunchDarkly's definitions came from: the levels that an agent
 * starts from, which of them answered first, and how often each did.
 *
 * In this order: the snapshot that an earlier agent left in shared memory, what is kept in the
 * state file, LaunchDarkly's store in Redis, LaunchDarkly itself. Of an item the version decides
 * what counts, except for what LaunchDarkly itself sends, which always does: what a level has in an
 * older version than is served is passed over.
 */
#ifndef FFSHM_AGENT_LAUNCHDARKLY_LEVELS_H
#define FFSHM_AGENT_LAUNCHDARKLY_LEVELS_H

#include <jansson.h>
#include <stdint.h>

#include "deliver/redis_store_sink.h"
#include "image.h"

struct launchdarkly_level {
    uint64_t hits;  /* answers of which something came into force */
    uint64_t items; /* that came of them */
    uint64_t older; /* items that were passed over */
};

struct launchdarkly_levels {
    enum image_level first; /* that had definitions when this agent started */
    struct launchdarkly_level of[IMAGE_LEVELS];
};

/* An answer, of which items came into force; and the first one is the one that answered at start.
 */
void launchdarkly_levels_hit(struct launchdarkly_levels *l, enum image_level level, uint64_t items);

/* {"startedFrom": "disk", "memory": {"hits", "items", "older"}, ...}; NULL: no memory. */
json_t *launchdarkly_levels_json(const struct launchdarkly_levels *l);
/* Does not touch `sequence`. sink NULL: there is none. */
void launchdarkly_levels_report(const struct launchdarkly_levels *l,
                                const struct redis_store_sink_stats *sink,
                                struct image_levels_report *out);

#endif
