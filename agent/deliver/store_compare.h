/*
 * store_compare.h - is what a store has what it should have? Item by item, as they are read.
 *
 * What decides: the bytes; where they differ (another program has written it, in its own way) the
 * version, and whether it is a tombstone. What is there in a newer version, of the same flag
 * (LaunchDarkly gives it the same salt), has come from LaunchDarkly by another way, and stays.
 * Tombstones in the store of what LaunchDarkly does not name are as good as nothing there. What
 * else it does not name is to be removed if the state is what LaunchDarkly has now; while it is
 * away that may be newer, and stays, as do the tombstones.
 */
#ifndef FFSHM_AGENT_STORE_COMPARE_H
#define FFSHM_AGENT_STORE_COMPARE_H

#include "store_set.h"

struct store_compare {
    struct store_set *set; /* ordered; what is to stay is added */
    bool current;
    size_t seen; /* items of it that are there, as they should be or newer */
    size_t newer;
    size_t different;  /* older, of another flag, not readable, or to be removed */
    size_t unreadable; /* of these */
};

void store_compare_begin(struct store_compare *c, struct store_set *set, bool current);
/* false: no memory. */
bool store_compare_see(struct store_compare *c, enum image_blob_kind kind, const char *key,
                       size_t key_length, const char *json, size_t length);
/* After all were seen. */
bool store_compare_equal(const struct store_compare *c);

#endif
