/*
 * launchdarkly_data.h - what LaunchDarkly sends, as items: the data of put, patch and delete.
 * (launchdarkly.h offers the same for a kept state and a kept item.)
 */
#ifndef FFSHM_AGENT_LAUNCHDARKLY_DATA_H
#define FFSHM_AGENT_LAUNCHDARKLY_DATA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "../catalog/model.h"

/* A text inside another one, or, where that cannot be, of its own. */
struct launchdarkly_text {
    const char *bytes;
    size_t length;
    char *owned; /* NULL: it is inside */
};

struct launchdarkly_put {
    bool ignored; /* of a path that is not ours: nothing else is filled in */
    struct model_item **items;
    size_t count; /* 0 when they were given away */
    struct launchdarkly_text json;
};

/* {"path": "/", "data": {"flags": {}, "segments": {}}}: path and data, flags and segments may be
   missing; json is the data as it was written. false: *fault. */
bool launchdarkly_read_put(const char *text, size_t length, struct launchdarkly_put *put,
                           struct fault *fault);
void launchdarkly_put_free(struct launchdarkly_put *put);

struct launchdarkly_patch {
    bool ignored;            /* of a kind that is not known: nothing else is filled in */
    struct model_item *item; /* NULL when it was given away */
    char *path;
    struct launchdarkly_text json;
};

/* {"path": "/flags/KEY", "data": {}}, or {"path": "/flags/KEY", "version": 7}, which is a
   tombstone. false: *fault. */
bool launchdarkly_read_patch(const char *text, size_t length, struct launchdarkly_patch *patch,
                             struct fault *fault);
bool launchdarkly_read_delete(const char *text, size_t length, struct launchdarkly_patch *patch,
                              struct fault *fault);
void launchdarkly_patch_free(struct launchdarkly_patch *patch);

#endif
