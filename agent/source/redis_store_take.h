/*
 * redis_store_take.h - what was read from a store, as items for whoever it is for: parsed, compared
 * with what is served, and a whole state the first time. For redis_store.c.
 */
#ifndef FFSHM_AGENT_SOURCE_REDIS_STORE_TAKE_H
#define FFSHM_AGENT_SOURCE_REDIS_STORE_TAKE_H

#include "redis_store.h"
#include "store_items.h"

struct redis_store_take {
    struct store_items *items;
    struct redis_store_stats *stats;
    bool follows;
    bool whole;     /* a whole state was given, and what came since are changes of it */
    size_t removed; /* tombstones that were given since: a whole state makes an end of them */
};

/* Tells the owner what the look that has just ended found. false: it could not be taken; the next
   look finds it again. */
bool redis_store_take(struct redis_store_take *t, const struct redis_store_owner *owner);

#endif
