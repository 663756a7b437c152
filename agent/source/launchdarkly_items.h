/*
 * launchdarkly_items.h - the items of a whole state, {"flags": {...}, "segments": {...}}, each in
 * the bytes that it was written in; and such a state made from items.
 */
#ifndef FFSHM_AGENT_SOURCE_LAUNCHDARKLY_ITEMS_H
#define FFSHM_AGENT_SOURCE_LAUNCHDARKLY_ITEMS_H

#include <stdbool.h>
#include <stddef.h>

#include "../catalog/fault.h"
#include "gathered.h"
#include "image.h"

/* An item: all borrowed for the call. false stops. */
typedef bool launchdarkly_item_fn(void *arg, enum image_blob_kind kind, const char *key,
                                  size_t key_length, const char *json, size_t length);

/* Calls fn for each item, in the order of the text. Of members that come twice both are told. 0, or
   -1: fn stopped (*fault has no cause), or *fault. */
int launchdarkly_each_item(const char *json, size_t length, launchdarkly_item_fn *fn, void *arg,
                           struct fault *fault);

/* A state in the making: items in any order, then the text. */
struct launchdarkly_state_text {
    struct gathered flags;
    struct gathered segments;
};

/* json is an object, taken as it is. false: no memory. */
bool launchdarkly_state_add(struct launchdarkly_state_text *s, enum image_blob_kind kind,
                            const char *key, size_t key_length, const char *json, size_t length);
/* The whole text, which is the caller's (gathered_free); the state is empty again. false: no
   memory. */
bool launchdarkly_state_end(struct launchdarkly_state_text *s, struct gathered *text);
void launchdarkly_state_free(struct launchdarkly_state_text *s);

/* "/flags/KEY", as patches have it; malloc'ed. NULL: no memory, or a NUL in the key. */
char *launchdarkly_item_path(enum image_blob_kind kind, const char *key, size_t length);
/* The key in such a path. */
const char *launchdarkly_path_key(const char *path, enum image_blob_kind *kind);

#endif
